//! Reporting delay: completeness, chain ladder, nowcasts, and the expectation for what is seen so far.

use super::dates::{day_number, day_text, days};
use super::{
    Choice, Error, Method, Options, Table, amounts, cell, choice, real_cell, table, within,
};
use crate::stats::nowcast::bayes::{
    CompletenessDraws, CountQuantiles, Prior, Truncation, beta_negative_binomial, uninformed,
};
use crate::stats::nowcast::{ErrorOf, Late, Report, Triangle, View, law_of_seen};
use crate::stats::{real, rounded};

/// The options that say what is looked at, in all three methods.
const EVENT: Choice = choice(
    "event",
    "event",
    "the column with the day of the event, YYYY-MM-DD",
);
/// The column of the report.
const REPORTED: Choice = choice(
    "reported",
    "reported",
    "the column with the day of the report",
);
/// The day of looking.
const NOW: Choice = choice(
    "now",
    "",
    "the day of looking, YYYY-MM-DD; later reports are ignored",
);
/// The longest delay.
const MAX_DELAY: Choice = choice("max_delay", "14", "the longest delay considered, in days");
/// What becomes of later reports.
const LATE: Choice = choice(
    "late",
    "drop",
    "reports later than max_delay: `drop`, or `maximum` to count them at max_delay as the package surveillance does",
);
/// Which events teach the delays.
const WINDOW: Choice = choice(
    "window",
    "all",
    "learn the delays from events of the last so many days, or `all`",
);

/// The completeness by delay.
pub(super) const COMPLETENESS: Method = Method {
    name: "completeness",
    summary: "How complete the reports of an event day are after each delay.",
    layout: "in: event, reported. out: delay, reverse_hazard, F_completeness, n_at, n_up_to, se_log_F.",
    source: "Lagakos, Barraj and De Gruttola 1988",
    choices: &[EVENT, REPORTED, NOW, MAX_DELAY, LATE, WINDOW],
    run: completeness,
};

/// The chain ladder.
pub(super) const CHAIN_LADDER: Method = Method {
    name: "chain-ladder",
    summary: "Estimates the events of the last days from those reported so far.",
    layout: "in: event, reported. out, newest first: when, age, seen, F, estimate, final_truth_le_D, se, lower, upper; \
             final_truth_le_D counts all rows of the input within the longest delay, known on the day or not.",
    source: "Lawless 1994",
    choices: &[EVENT, REPORTED, NOW, MAX_DELAY, LATE, WINDOW],
    run: chain_ladder,
};

/// The nowcast.
pub(super) const NOWCAST: Method = Method {
    name: "nowcast",
    summary: "Median and 95 % interval of the events of the last days, as whole numbers.",
    layout: "in: event, reported. out: when, seen, final_truth, nowcast, lower, upper; empty where a number is beyond \
             the support or cannot be given; final_truth counts all rows of the input.",
    source: "Lawless 1994; Höhle and an der Heiden 2014",
    choices: &[
        EVENT,
        REPORTED,
        NOW,
        MAX_DELAY,
        LATE,
        WINDOW,
        choice(
            "days",
            "14",
            "how many days to nowcast, the last being `now`",
        ),
        choice(
            "method",
            "lawless",
            "`lawless`; `lawless.package` (error of the delays left out, law cut at what is seen, as in surveillance); \
             `bayes.trunc`; `bayes.notrunc`; `bayes.notrunc.bnb`; `unif`",
        ),
        choice(
            "support",
            "",
            "largest number thought possible (300 in surveillance); none by default",
        ),
        choice("prior_mean", "50", "bayes: mean of the events a day"),
        choice(
            "prior_variance",
            "3000",
            "bayes: variance of the mean of the events a day",
        ),
        choice("prior_weight", "0.1", "bayes: weight of each delay"),
        choice("draws", "1000", "bayes: draws of the completeness"),
        choice("seed", "1", "bayes: seed of the draws"),
    ],
    run: nowcast,
};

/// The expectation for what is seen.
pub(super) const DELAYED: Method = Method {
    name: "delayed-count",
    summary: "Judges a count that is not complete yet against its thinned expectation.",
    layout: "in: observed, mean, phi, completeness. out: observed, expected_seen, variance_seen, p; empty below a \
             completeness of 0.3.",
    source: "thinning of a count with mean μ and variance φμ: mean μF, variance μF(1 + (φ − 1)F)",
    choices: &[],
    run: delayed,
};

/// The reports with the day of looking.
struct Known {
    /// All reports of the input.
    reports: Vec<Report>,
    /// What is looked at.
    view: View,
    /// Those known on the day.
    triangle: Triangle,
}

impl Known {
    /// Reads the reports; a row without both days is left out.
    fn read(input: &Table, options: &Options) -> Result<Self, Error> {
        let events = days(input, options.word("event"))?;
        let reported = days(input, options.word("reported"))?;
        let both = events
            .into_iter()
            .zip(reported)
            .filter_map(|(event, reported)| event.zip(reported));
        let reports: Vec<Report> = both
            .map(|(event, reported)| Report { event, reported })
            .collect();
        let now = options.word("now");
        let now = day_number(now).ok_or_else(|| Error::Choice {
            option: "now".to_owned(),
            value: now.to_owned(),
            expected: "a date YYYY-MM-DD".to_owned(),
        })?;
        let late = match options.one_of("late", &["drop", "maximum"])? {
            "maximum" => Late::AtMaximum,
            _ => Late::Dropped,
        };
        let window = match options.word("window") {
            "all" => None,
            _ => Some(options.number("window")?),
        };
        let view = View {
            now,
            max_delay: within(options, "max_delay", 0, 3650)?,
            late,
            window,
        };
        let triangle = Triangle::new(&reports, view);
        Ok(Self {
            reports,
            view,
            triangle,
        })
    }

    /// The day so many days ago.
    fn day(&self, age: usize) -> i64 {
        self.view.now - i64::try_from(age).unwrap_or(i64::MAX)
    }

    /// All rows of the input for that day with at most the given delay.
    fn n_final(&self, age: usize, max_delay: i64) -> usize {
        let day = self.day(age);
        let is_of_day =
            |report: &&Report| report.event == day && report.reported - day <= max_delay;
        self.reports.iter().filter(is_of_day).count()
    }
}

/// The completeness by delay.
fn completeness(input: &Table, options: &Options) -> Result<Table, Error> {
    let shares = Known::read(input, options)?.triangle.completeness();
    let rows = shares.iter().enumerate().map(|(delay, share)| {
        vec![
            delay.to_string(),
            cell(share.reverse_hazard),
            cell(share.completeness),
            share.n_at.to_string(),
            share.n_up_to.to_string(),
            cell(share.log_variance.map(f64::sqrt)),
        ]
    });
    let columns = [
        "delay",
        "reverse_hazard",
        "F_completeness",
        "n_at",
        "n_up_to",
        "se_log_F",
    ];
    Ok(table(&columns, rows.collect()))
}

/// The chain ladder, one row per day of the longest delay.
fn chain_ladder(input: &Table, options: &Options) -> Result<Table, Error> {
    let known = Known::read(input, options)?;
    let shares = known.triangle.completeness();
    let max_delay = i64::try_from(known.view.max_delay).unwrap_or(i64::MAX);
    let rows = shares.iter().enumerate().map(|(age, share)| {
        let found = known.triangle.estimate(&shares, age, ErrorOf::Prediction);
        let interval = found.and_then(crate::stats::nowcast::Estimate::interval);
        vec![
            day_text(known.day(age)),
            age.to_string(),
            known.triangle.n_seen(age).to_string(),
            cell(share.completeness),
            cell(found.map(|found| found.n_estimated)),
            known.n_final(age, max_delay).to_string(),
            cell(found.and_then(|found| found.standard_error)),
            cell(interval.map(|(low, _)| low)),
            cell(interval.map(|(_, high)| high)),
        ]
    });
    let columns = [
        "when",
        "age",
        "seen",
        "F",
        "estimate",
        "final_truth_le_D",
        "se",
        "lower",
        "upper",
    ];
    Ok(table(&columns, rows.collect()))
}

/// The ways to nowcast.
const METHODS: [&str; 6] = [
    "lawless",
    "lawless.package",
    "bayes.trunc",
    "bayes.notrunc",
    "bayes.notrunc.bnb",
    "unif",
];

/// Median and interval of the last days, oldest first.
fn nowcast(input: &Table, options: &Options) -> Result<Table, Error> {
    let known = Known::read(input, options)?;
    let n_days: usize = within(options, "days", 1, 3650)?;
    let of_age = by_method(&known, options)?;
    let rows = (0..n_days).rev().map(|age| {
        let [lower, median, upper] = of_age(age).map(|count| cell(count.map(real)));
        vec![
            day_text(known.day(age)),
            known.triangle.n_seen(age).to_string(),
            known.n_final(age, i64::MAX).to_string(),
            median,
            lower,
            upper,
        ]
    });
    Ok(table(
        &["when", "seen", "final_truth", "nowcast", "lower", "upper"],
        rows.collect(),
    ))
}

/// The nowcast of a day by its age.
type OfAge<'a> = Box<dyn Fn(usize) -> CountQuantiles + 'a>;

/// The nowcast of the method chosen.
fn by_method<'a>(known: &'a Known, options: &Options) -> Result<OfAge<'a>, Error> {
    let support: Option<u64> = match options.word("support") {
        "" => None,
        _ => Some(options.number("support")?),
    };
    let triangle = &known.triangle;
    let method = options.one_of("method", &METHODS)?;
    let weight: f64 = within(options, "prior_weight", 1e-9, 1e9)?;
    let shares = triangle.completeness();
    let bound = support.unwrap_or(1_000_000);
    Ok(match method {
        "lawless" => Box::new(move |age| {
            let found = triangle.estimate(&shares, age, ErrorOf::Prediction);
            let interval = found.and_then(crate::stats::nowcast::Estimate::interval);
            let [low, high] = [
                interval.map(|it| it.0.floor()),
                interval.map(|it| it.1.ceil()),
            ];
            let median = found.map(|found| found.n_estimated);
            [low, median, high].map(|number| number.map(rounded).filter(|count| *count <= bound))
        }),
        "lawless.package" => Box::new(move |age| {
            let found = triangle.estimate(&shares, age, ErrorOf::EventsToCome);
            let nothing = (triangle.n_seen(age) == 0).then_some(0);
            found.map_or([nothing; 3], |found| found.package_quantiles(bound))
        }),
        "bayes.notrunc.bnb" => {
            Box::new(move |age| beta_negative_binomial(triangle, age, weight, support))
        }
        "unif" => {
            let support = support.ok_or_else(|| Error::Choice {
                option: "support".to_owned(),
                value: String::new(),
                expected: "the largest number thought possible, which `unif` needs".to_owned(),
            })?;
            Box::new(move |age| uninformed(triangle.n_seen(age), support))
        }
        _ => drawn(triangle, method, options, support)?,
    })
}

/// The nowcasts that average over draws of the completeness.
fn drawn<'a>(
    triangle: &'a Triangle,
    method: &str,
    options: &Options,
    support: Option<u64>,
) -> Result<OfAge<'a>, Error> {
    let prior = Prior {
        mean: within(options, "prior_mean", 1e-9, 1e9)?,
        variance: within(options, "prior_variance", 1e-9, 1e18)?,
        weight: options.number("prior_weight")?,
        support,
    };
    let truncation = match method {
        "bayes.notrunc" => Truncation::Ignored,
        _ => Truncation::Corrected,
    };
    let draws = (
        within(options, "draws", 1, 100_000)?,
        options.number("seed")?,
    );
    let draws = CompletenessDraws::new(triangle, truncation, prior.weight, draws)
        .ok_or_else(|| Error::Data("`prior_weight` must be positive".to_owned()))?;
    Ok(Box::new(move |age| {
        draws
            .nowcast(triangle.n_seen(age), age, prior)
            .unwrap_or_default()
    }))
}

/// Judges counts that are not complete.
fn delayed(input: &Table, _options: &Options) -> Result<Table, Error> {
    let columns = ["observed", "mean", "phi", "completeness"].map(|column| amounts(input, column));
    let [observed, mean, phi, completeness] = columns;
    let inputs = observed?
        .into_iter()
        .zip(mean?)
        .zip(phi?.into_iter().zip(completeness?));
    let rows = inputs.map(|((observed, mean), (phi, completeness))| {
        let law = law_of_seen(mean, phi, completeness);
        let seen = law.map(|_| mean * completeness);
        vec![
            real_cell(observed),
            cell(seen),
            cell(seen.map(|seen| seen * (1.0 + (phi - 1.0) * completeness))),
            cell(law.map(|law| law.upper_tail(rounded(observed)))),
        ]
    });
    Ok(table(
        &["observed", "expected_seen", "variance_seen", "p"],
        rows.collect(),
    ))
}

#[cfg(test)]
mod tests {
    use super::super::golden::{agree, call, read};
    use super::*;

    /// The two days of looking.
    const NOWS: [&str; 2] = ["2011-05-28", "2011-06-02"];

    /// Runs a method on the outbreak of 2011.
    fn outbreak(method: &Method, now: &str, more: &[(&str, &str)]) -> Table {
        let mut options = vec![("event", "dHosp"), ("reported", "dReport"), ("now", now)];
        options.extend(more);
        call(method, &read("nowcast/husO104_linelist.csv"), &options)
    }

    #[test]
    fn the_golden_completeness_and_chain_ladder_are_reproduced() {
        let golden = read("nowcast/hus_2011-06-02_D14__completeness.csv");
        let found = outbreak(&COMPLETENESS, NOWS[1], &[]);
        for column in ["delay", "reverse_hazard", "F_completeness"] {
            assert_eq!(agree(&found, (column, &golden, column), 1e-10).0, 15);
        }
        let golden = read("nowcast/hus_2011-06-02_D14__chainladder.csv");
        let found = outbreak(&CHAIN_LADDER, NOWS[1], &[]);
        assert_eq!(found.texts("when").unwrap(), golden.texts("when").unwrap());
        for column in ["age", "seen", "F", "estimate", "final_truth_le_D"] {
            assert_eq!(agree(&found, (column, &golden, column), 1e-10).0, 15);
        }
    }

    /// Empties the cells of a golden row in which 0 stands for "beyond the support".
    fn clear_beyond(row: &mut [String]) {
        let numbers: Vec<u64> = row[1..].iter().map(|cell| cell.parse().unwrap()).collect();
        let (seen, lower) = (numbers[0], numbers[3]);
        let least = [seen.max(lower), seen, seen.max(lower)];
        let beyond = (3..6).filter(|at| numbers[at - 1] < least[at - 3]);
        beyond.for_each(|at| row[at].clear());
    }

    /// A nowcast as the package runs it, and its golden file.
    fn package(now: &str, method: &str, file: &str, more: &[(&str, &str)]) -> (Table, Table) {
        let mut options = vec![("method", method), ("late", "maximum"), ("support", "300")];
        options.extend(more);
        let found = outbreak(&NOWCAST, now, &options);
        let mut golden = read(&format!("nowcast/hus_{now}_D14_mall__{file}.csv"));
        golden.rows.iter_mut().for_each(|row| clear_beyond(row));
        for column in ["when", "seen", "final_truth"] {
            assert_eq!(found.texts(column).unwrap(), golden.texts(column).unwrap());
        }
        (found, golden)
    }

    /// The columns of a nowcast.
    const NUMBERS: [&str; 3] = ["nowcast", "lower", "upper"];

    #[test]
    fn the_golden_nowcasts_that_need_no_chance_are_reproduced_exactly() {
        let methods = [
            ("lawless.package", "lawless"),
            ("bayes.notrunc.bnb", "bayes.notrunc.bnb"),
            ("unif", "unif"),
        ];
        for (now, (method, file)) in NOWS.into_iter().flat_map(|now| methods.map(|it| (now, it))) {
            let (found, golden) = package(now, method, file, &[]);
            for column in NUMBERS {
                let columns = (found.texts(column).unwrap(), golden.texts(column).unwrap());
                assert_eq!(columns.0, columns.1, "{method} {now} {column}");
                assert_eq!(columns.0.len(), 14);
            }
        }
    }

    /// Whether two whole numbers agree within 3 % and the rounding to the next.
    fn is_close((found, golden): (&f64, &f64)) -> bool {
        (found - golden).abs() <= 1.0_f64.max(0.03 * golden)
    }

    #[test]
    fn the_golden_bayes_nowcasts_are_reproduced_within_their_chance() {
        let methods = ["bayes.trunc", "bayes.notrunc"];
        for (now, method) in NOWS.into_iter().flat_map(|now| methods.map(|it| (now, it))) {
            let (found, golden) = package(now, method, method, &[("draws", "4000")]);
            for column in NUMBERS {
                let found = found.all_numbers(column).unwrap();
                let golden = golden.all_numbers(column).unwrap();
                assert_eq!((found.len(), golden.len()), (14, 14));
                let all_close = found.iter().zip(&golden).all(is_close);
                assert!(all_close, "{method} {now} {column}: {found:?} {golden:?}");
            }
        }
    }

    #[test]
    fn the_default_nowcast_is_wider_than_the_packages() {
        let ours = outbreak(&NOWCAST, NOWS[1], &[]);
        let package = outbreak(&NOWCAST, NOWS[1], &[("method", "lawless.package")]);
        let upper = |table: &Table| table.numbers("upper").unwrap()[..12].to_vec();
        assert!(
            upper(&ours)
                .iter()
                .zip(upper(&package))
                .all(|(a, b)| a.unwrap() >= b.unwrap())
        );
        assert_eq!(ours.numbers("upper").unwrap()[13], None);
    }

    #[test]
    fn an_incomplete_count_is_judged_by_its_thinned_expectation() {
        let input = "observed,mean,phi,completeness\n30,40,2,0.5\n30,40,2,0.2\n";
        let found = call(&DELAYED, &Table::parse(input).unwrap(), &[]);
        assert_eq!(found.texts("variance_seen").unwrap(), ["30", ""]);
        let p = found.numbers("p").unwrap();
        assert!(p[0].is_some_and(|p| p > 0.03 && p < 0.08) && p[1].is_none());
    }

    #[test]
    fn options_out_of_range_are_refused() {
        let input = Table::parse("event,reported\n2020-01-01,2020-01-02\n").unwrap();
        for (name, value) in [
            ("max_delay", "99999999"),
            ("days", "0"),
            ("draws", "0"),
            ("prior_weight", "-1"),
            ("late", "sometimes"),
            ("method", "unif"),
        ] {
            let mut given: std::collections::BTreeMap<String, String> =
                [("now", "2020-01-05"), ("method", "bayes.trunc")]
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .into();
            given.insert(name.to_owned(), value.to_owned());
            assert!(
                matches!(NOWCAST.call(&input, &given), Err(Error::Choice { .. })),
                "{name}"
            );
        }
    }

    #[test]
    fn a_day_that_is_none_is_refused() {
        let input = Table::parse("event,reported\n2020-01-01,2020-01-02\n").unwrap();
        assert!(matches!(
            COMPLETENESS.call(&input, &std::collections::BTreeMap::new()),
            Err(Error::Choice { .. })
        ));
        let input = Table::parse("event,reported\n2020-02-30,2020-01-02\n").unwrap();
        let now = [("now".to_owned(), "2020-01-05".to_owned())].into();
        assert!(matches!(
            COMPLETENESS.call(&input, &now),
            Err(Error::Cell { line: 2, .. })
        ));
    }
}
