//! Shares and counts against what is expected, with the usual differences between districts taken out.

use arrow::array::ArrayRef;
use datafusion::error::Result;
use statrs::function::gamma::gamma_ur;

use super::super::intervals::{OfNumbers, of_numbers};
use super::super::windowed::{Argument, Cell, Kind, Part, Partition, Shape, Windowed, function};
use super::super::{Entry, Function};
use super::waits::score_of;
use crate::stats::proportion::{
    Share, overdispersion, predicted_events, root_z_score, test_above, test_ratio,
};
use crate::stats::spatial::smoothing::{AreaCount, empirical_bayes};

/// Source of a definition.
const FUNNEL: &str = "Spiegelhalter 2005, Statist. Med. 24:1185";

/// The window functions of this file.
const WINDOWS: &[Entry<Windowed>] = &[
    Entry {
        name: "share_funnel",
        call: "share_funnel(events, trials, reference_events, reference_trials) → struct(expected, low, high, z, phi, p)",
        it: "Una quota contro una di riferimento: eventi attesi con limiti al 95 %, z, sovradispersione phi tra le righe della partizione, probabilità di altrettanti o più.",
        en: "A share against one of reference: events expected with 95 % limits, z, over-dispersion phi among the rows of the partition, chance of as many or more.",
        source: FUNNEL,
        run: Windowed {
            arguments: &[
                Argument::new("events", Kind::Whole),
                Argument::new("trials", Kind::Whole),
                Argument::new("reference_events", Kind::Whole),
                Argument::new("reference_trials", Kind::Whole),
            ],
            n_optional: 0,
            shape: Shape::Struct(&[
                ("expected", Part::Number),
                ("low", Part::Number),
                ("high", Part::Number),
                ("z", Part::Number),
                ("phi", Part::Number),
                ("p", Part::Number),
            ]),
            run: of_shares,
        },
    },
    Entry {
        name: "ratio_funnel",
        call: "ratio_funnel(observed, expected) → struct(low, high, z, phi, p_low, p_high)",
        it: "Un conteggio contro l'atteso: limiti al 95 %, z, sovradispersione phi tra le righe della partizione, probabilità di altrettanti o meno e di altrettanti o più.",
        en: "A count against the expected: 95 % limits, z, over-dispersion phi among the rows of the partition, chance of as few or fewer and of as many or more.",
        source: FUNNEL,
        run: Windowed {
            arguments: &[
                Argument::new("observed", Kind::Number),
                Argument::new("expected", Kind::Number),
            ],
            n_optional: 0,
            shape: Shape::Struct(&[
                ("low", Part::Number),
                ("high", Part::Number),
                ("z", Part::Number),
                ("phi", Part::Number),
                ("p_low", Part::Number),
                ("p_high", Part::Number),
            ]),
            run: of_counts,
        },
    },
    Entry {
        name: "eb_rate",
        call: "eb_rate(events, exposure) → double",
        it: "Tasso di ogni riga avvicinato a quello della partizione, tanto più quanto meno se ne sa (Bayes empirico).",
        en: "Rate of each row drawn towards that of the partition, the more so the less is known of it (empirical Bayes).",
        source: "Marshall 1991, Appl. Statist. 40:283",
        run: Windowed {
            arguments: &[
                Argument::new("events", Kind::Number),
                Argument::new("exposure", Kind::Number),
            ],
            n_optional: 0,
            shape: Shape::One(Part::Number),
            run: drawn_rates,
        },
    },
];

/// The scalar functions of this file, each with its number of arguments.
const SCALARS: &[Entry<(usize, OfNumbers)>] = &[
    Entry {
        name: "chi_square_p",
        call: "chi_square_p(statistic, freedom) → double",
        it: "Probabilità che un chi quadrato con tanti gradi di libertà arrivi al valore.",
        en: "Chance that a chi-square with so many degrees of freedom reaches the value.",
        source: "Pearson 1900, Phil. Mag. 50:157",
        run: (2, |x| chi_square_tail(x[0], x[1])),
    },
    Entry {
        name: "score_of_p",
        call: "score_of_p(p) → double",
        it: "Valore normale che si supera con quella probabilità: 1,96 per 0,025.",
        en: "Normal value that is exceeded with that chance: 1.96 for 0.025.",
        source: "",
        run: (1, |x| score_of(x[0])),
    },
];

/// The functions of this file.
pub(super) fn functions() -> Vec<Function> {
    let scalars = SCALARS.iter().map(|entry| {
        let (n_arguments, run) = entry.run;
        entry.with(of_numbers(entry.name, n_arguments, run))
    });
    WINDOWS.iter().map(function).chain(scalars).collect()
}

/// The chance that a chi-square reaches a value.
fn chi_square_tail(statistic: f64, freedom: f64) -> Option<f64> {
    let is_usable = freedom > 0.0 && freedom.is_finite() && statistic.is_finite();
    if !is_usable {
        return None;
    }
    Some(if statistic > 0.0 {
        gamma_ur(freedom / 2.0, statistic / 2.0)
    } else {
        1.0
    })
}

/// Tests every share against its reference.
fn of_shares(partition: &Partition) -> Result<ArrayRef> {
    let shares = shares(partition, [0, 1])?;
    let references = shares_of_reference(partition)?;
    let pairs: Vec<Option<(Share, Share)>> = shares
        .into_iter()
        .zip(references)
        .map(|(share, reference)| share.zip(reference))
        .collect();
    let z_scores: Vec<f64> = pairs
        .iter()
        .flatten()
        .filter_map(|(share, reference)| share.z_score(*reference))
        .collect();
    let phi = overdispersion(&z_scores);
    let of_row = |pair: &Option<(Share, Share)>| {
        let (share, reference) = (*pair)?;
        let test = test_above(share, reference, phi)?;
        let (low, high) = predicted_events(share.n_trials, reference, phi)?;
        let numbers = [test.expected, low, high, test.z, phi, test.p];
        Some(numbers.map(Cell::Number).to_vec())
    };
    let rows: Vec<Option<Vec<Cell>>> = pairs.iter().map(of_row).collect();
    partition.structs(&rows)
}

/// The shares that each row is compared with.
fn shares_of_reference(partition: &Partition) -> Result<Vec<Option<Share>>> {
    shares(partition, [2, 3])
}

/// The shares of two arguments; none where either is absent.
fn shares(partition: &Partition, [events, trials]: [usize; 2]) -> Result<Vec<Option<Share>>> {
    let pairs = partition
        .counts(events)?
        .into_iter()
        .zip(partition.counts(trials)?);
    pairs
        .map(|(n_events, n_trials)| match n_events.zip(n_trials) {
            Some((n_events, n_trials)) if n_events > n_trials => Err(partition.refusal(
                events,
                &format!("is {n_events} of {n_trials} in a row"),
                "events are among the trials",
            )),
            found => Ok(found.map(|(n_events, n_trials)| Share { n_events, n_trials })),
        })
        .collect()
}

/// Whether a number is an amount.
fn is_amount(value: f64) -> bool {
    value >= 0.0 && value.is_finite()
}

/// Two arguments that are amounts, row by row; none where either is absent.
fn amounts(partition: &Partition) -> Result<Vec<Option<(f64, f64)>>> {
    for place in [0, 1] {
        partition.check(place, is_amount, "0 or more")?;
    }
    let pairs = partition.numbers(0)?.into_iter().zip(partition.numbers(1)?);
    Ok(pairs.map(|(one, other)| one.zip(other)).collect())
}

/// Tests every count against its expectation.
fn of_counts(partition: &Partition) -> Result<ArrayRef> {
    let pairs = amounts(partition)?;
    let z_scores: Vec<f64> = pairs
        .iter()
        .flatten()
        .filter_map(|(observed, expected)| root_z_score(*observed, *expected))
        .collect();
    let phi = overdispersion(&z_scores);
    let of_row = |pair: &Option<(f64, f64)>| {
        let (observed, expected) = (*pair)?;
        let test = test_ratio(observed, expected, phi)?;
        let (low, high) = test.limits;
        let numbers = [low, high, test.z, phi, test.p_low, test.p_high];
        Some(numbers.map(Cell::Number).to_vec())
    };
    let rows: Vec<Option<Vec<Cell>>> = pairs.iter().map(of_row).collect();
    partition.structs(&rows)
}

/// The rates drawn towards that of all rows.
fn drawn_rates(partition: &Partition) -> Result<ArrayRef> {
    let areas: Vec<AreaCount> = amounts(partition)?
        .into_iter()
        .map(|pair| {
            let (events, persons) = pair.unwrap_or((0.0, 0.0));
            AreaCount { events, persons }
        })
        .collect();
    partition.doubles(empirical_bayes(&areas))
}

#[cfg(test)]
mod tests {
    use crate::functions::answers::{cell, refused, rows};

    #[tokio::test]
    async fn the_rate_of_marshalls_formula_by_hand() {
        // As in `stats::spatial::smoothing`: 10 of 100, 60 of 300, 0 of 100 give b = .14 and a = .00556.
        let found = rows(
            "select round(eb_rate(n, x) over (), 9)
             from (values (1, 10, 100), (2, 60, 300), (3, 0, 100), (4, 3, null)) as t (i, n, x)
             order by i",
        )
        .await;
        let drawn = |rate: f64, x: f64| 0.14 + (rate - 0.14) * 0.00556 / (0.00556 + 0.14 / x);
        let expected = [drawn(0.1, 100.0), drawn(0.2, 300.0), drawn(0.0, 100.0)];
        for (row, expected) in found.iter().zip(expected) {
            assert!((row[0].parse::<f64>().unwrap() - expected).abs() < 1e-8);
        }
        assert_eq!(found[3], ["NULL"]);
    }

    #[tokio::test]
    async fn a_count_far_from_its_expectation_stands_out_and_an_absent_one_does_not_count() {
        // X ~ Po(4): P(X ≤ 1) = 5e⁻⁴ = .0916, P(X ≥ 1) = .9817, z = −2; two rows alone show no over-dispersion.
        let found = rows(
            "select f['phi'], round(f['z'], 6), round(f['p_low'], 4), round(f['p_high'], 4)
             from (select i, ratio_funnel(o, e) over () as f
                   from (values (1, 1, 4), (2, 4, 4), (3, null, 4), (4, 2, 0)) as t (i, o, e))
             order by i",
        )
        .await;
        assert_eq!(found[0], ["1.0", "-2.0", "0.0916", "0.9817"]);
        assert_eq!(found[2], ["NULL"; 4]);
        assert_eq!(found[3], ["NULL"; 4]);
    }

    #[tokio::test]
    async fn where_all_differ_much_none_stands_out() {
        let of = |spread: &str| {
            format!(
                "select max(f['phi']), min(f['p_low']) from (
                     select ratio_funnel(100 + {spread} * (value % 2 * 2 - 1), 100) over () as f
                     from generate_series(1, 40) as numbers (value))"
            )
        };
        let calm = rows(&of("5")).await;
        assert_eq!(calm[0][0], "1.0");
        // 60 and 140 of 100: z = −4.508 and 3.664, φ = their mean square 16.87, and −4.508/√φ = −1.0975.
        let wild = rows(&of("40")).await;
        assert!(wild[0][0].starts_with("16.8"), "{wild:?}");
        assert!(wild[0][1].starts_with("0.136"), "{wild:?}");
    }

    #[tokio::test]
    async fn a_share_above_its_reference_is_unlikely_and_one_of_more_than_all_is_refused() {
        let found = rows(
            "select round(f['expected'], 3), f['low'], f['high'], f['p'] < 0.001
             from (select value as i, share_funnel(case when value = 1 then 25 else 10 end,
                                                   50, 200, 1000) over () as f
                   from generate_series(1, 20) as numbers (value))
             order by i limit 2",
        )
        .await;
        // 50 · 200.5/1001
        assert_eq!(found[0], ["10.015", "5.0", "16.0", "true"]);
        assert_eq!(found[1], ["10.015", "5.0", "16.0", "false"]);
        let wrong = refused("select share_funnel(3, 2, 1, 2) over ()").await;
        assert!(wrong.contains("`events` is 3 of 2 in a row"), "{wrong}");
    }

    #[tokio::test]
    async fn tails_and_scores_are_those_of_the_tables() {
        assert_eq!(
            cell("select round(chi_square_p(3.841459, 1), 6)").await,
            "0.05"
        );
        assert_eq!(
            cell("select round(chi_square_p(18.307038, 10), 6)").await,
            "0.05"
        );
        assert_eq!(cell("select chi_square_p(1.0, 0)").await, "NULL");
        assert_eq!(cell("select round(score_of_p(0.025), 4)").await, "1.96");
        assert_eq!(cell("select score_of_p(0.0) > 37").await, "true");
    }
}
