//! Charts of one series per partition that add small excesses up: CUSUM and the likelihood-ratio chart.

use arrow::array::ArrayRef;
use datafusion::error::Result;

use super::super::Entry;
use super::panels::N;
use super::series::{Rows, in_order};
use super::{Argument, Cell, Kind, Part, Partition, Shape, Windowed};
use crate::stats::cusum::Cusum;
use crate::stats::glr::Glr;
use crate::stats::real_len;

/// The functions of this file.
pub(super) const ENTRIES: &[Entry<Windowed>] = &[
    Entry {
        name: "cusum",
        call: "cusum(n [, expected, k, h, n_first]) → struct(score, is_alarm)",
        it: "CUSUM di conteggi (Rossi): piccoli eccessi che durano si sommano fino all'allarme. I punti sono in ordine e tutti presenti. Senza expected conta la media dei primi n_first punti (104), che non sono giudicati; k è 1,04 e h 2,26 se mancano.",
        en: "CUSUM of counts (Rossi): small excesses that last add up to an alarm. Points are in order and all there. Without expected the mean of the first n_first points (104) counts, which are not judged; k is 1.04 and h 2.26 if left out.",
        source: "Rossi et al. 1999, Statist. Med. 18:2111",
        run: Windowed {
            arguments: &[
                N,
                EXPECTED,
                Argument::new("k", Kind::Number),
                Argument::new("h", Kind::Number),
                N_FIRST,
            ],
            n_optional: 4,
            shape: Shape::Struct(CHART),
            run: cusum,
        },
    },
    Entry {
        name: "glr",
        call: "glr(n [, expected, threshold, dispersion, n_first]) → struct(score, is_alarm)",
        it: "Rapporto di verosimiglianza generalizzato: quanto è più credibile che il livello sia salito da qualche punto in poi. expected e n_first come in cusum; threshold è 5 e dispersion (α della varianza μ + αμ²) 0 se mancano; si guarda indietro di 1096 punti al più.",
        en: "Generalized likelihood ratio: how much more credible it is that the level rose from some point on. expected and n_first as in cusum; threshold is 5 and dispersion (α of the variance μ + αμ²) 0 if left out; it looks back over 1096 points at most.",
        source: "Höhle, Paul 2008, Comput. Statist. Data Anal. 52:4357",
        run: Windowed {
            arguments: &[
                N,
                EXPECTED,
                Argument::new("threshold", Kind::Number),
                Argument::new("dispersion", Kind::Number),
                N_FIRST,
            ],
            n_optional: 4,
            shape: Shape::Struct(CHART),
            run: glr,
        },
    },
];

/// The means if nothing has changed.
const EXPECTED: Argument = Argument::new("expected", Kind::Number);
/// How many first points give the mean.
const N_FIRST: Argument = Argument::new("n_first", Kind::Whole);
/// How many they are if nothing is said.
const FIRST_POINTS: usize = 104;

/// How far back the likelihood-ratio chart looks for a change: three years of days.
const MOST_POINTS_BACK: usize = 1096;

/// What a chart says.
const CHART: &[(&str, Part)] = &[("score", Part::Number), ("is_alarm", Part::Flag)];

/// A score and whether it is an alarm.
type Said = (f64, bool);

/// Runs a chart of counts and means over every series.
fn charted(
    partition: &Partition,
    chart: impl Fn(&[f64], &[f64]) -> Option<Vec<Said>>,
) -> Result<ArrayRef> {
    let n_first = partition.count_option(4)?.unwrap_or(FIRST_POINTS);
    let has_expected = partition.is_given(1) && partition.numbers(1)?.iter().any(Option::is_some);
    let n_first = if has_expected { 0 } else { n_first };
    let mut answers: Rows = vec![None; partition.n_rows()];
    for run in in_order(partition, 1)? {
        let counts = run.reals();
        let (past, judged) = counts.split_at(n_first.min(counts.len()));
        let means = if has_expected {
            run.beside
        } else {
            vec![past.iter().sum::<f64>() / real_len(past.len()); judged.len()]
        };
        let said = chart(judged, &means).unwrap_or_default();
        for (row, (score, is_alarm)) in run.rows.iter().skip(past.len()).zip(said) {
            answers[*row] = Some(vec![Cell::Number(score), Cell::Flag(is_alarm)]);
        }
    }
    partition.structs(&answers)
}

/// Runs CUSUM.
fn cusum(partition: &Partition) -> Result<ArrayRef> {
    partition.check(3, |h| h > 0.0 && h.is_finite(), "above 0")?;
    let plain = Cusum::default();
    let method = Cusum {
        reference: partition.option(2)?.unwrap_or(plain.reference),
        threshold: partition.option(3)?.unwrap_or(plain.threshold),
        ..plain
    };
    charted(partition, |counts, means| {
        let points = method.run(counts, means)?.into_iter();
        Some(points.map(|point| (point.sum, point.is_alarm)).collect())
    })
}

/// Runs the likelihood-ratio chart.
fn glr(partition: &Partition) -> Result<ArrayRef> {
    partition.check(
        2,
        |threshold| threshold > 0.0 && threshold.is_finite(),
        "above 0",
    )?;
    partition.check(3, |alpha| alpha >= 0.0 && alpha.is_finite(), "0 or more")?;
    let plain = Glr::default();
    let method = Glr {
        threshold: partition.option(2)?.unwrap_or(plain.threshold),
        dispersion: partition.option(3)?.unwrap_or(plain.dispersion),
        max_weeks: Some(MOST_POINTS_BACK),
    };
    charted(partition, |counts, means| {
        let points = method.run(counts, means)?.into_iter();
        Some(points.map(|point| (point.value, point.is_alarm)).collect())
    })
}

#[cfg(test)]
mod tests {
    use crate::functions::answers::{numbers, refused};
    use crate::stats::cusum::Cusum;
    use crate::stats::glr::Glr;
    use crate::stats::golden::assert_close;

    /// Score and alarm of the points that are judged.
    async fn judged(call: &str, points: &str) -> Vec<Vec<Option<f64>>> {
        numbers(&format!(
            "with judged as (
                 select t, {call} over (order by t) as r from (values {points}) as points (t, n, e)
             )
             select t, r['score'], cast(cast(r['is_alarm'] as int) as double)
             from judged where r is not null order by t"
        ))
        .await
    }

    /// Five weeks in disorder, the last two doubled.
    const POINTS: &str = "(4, 10, 5.0), (1, 4, 5.0), (0, 5, 5.0), (3, 10, 5.0), (2, 5, 5.0)";

    #[tokio::test]
    async fn the_charts_are_those_of_the_plain_functions() {
        let (counts, means) = ([5.0, 4.0, 5.0, 10.0, 10.0], [5.0; 5]);
        let found = judged("cusum(n, e)", POINTS).await;
        let plain = Cusum::default().run(&counts, &means).unwrap();
        assert_eq!(found.len(), 5);
        for (row, point) in found.iter().zip(plain) {
            assert_eq!(row[1], Some(point.sum));
            assert_eq!(row[2], Some(f64::from(u8::from(point.is_alarm))));
        }
        // Poisson, μ = 5, Σy = 20 over the last two: 20 log 2 − 10.
        let found = judged("glr(n, e, 3)", POINTS).await;
        assert_close(found[4][1].unwrap(), 20.0 * 2.0_f64.ln() - 10.0, 1e-14);
        assert_eq!((found[3][2], found[4][2]), (Some(0.0), Some(1.0)));
        let wide = Glr {
            dispersion: 0.5,
            ..Glr::default()
        };
        let wide = wide.run(&counts, &means).unwrap();
        let found = judged("glr(n, e, null, 0.5)", POINTS).await;
        assert_eq!(found[4][1], Some(wide[4].value));
    }

    #[tokio::test]
    async fn without_expectations_the_first_points_give_the_mean_and_are_not_judged() {
        let found = judged("cusum(n, null, 0.5, 2, 3)", POINTS).await;
        let plain = Cusum {
            reference: 0.5,
            threshold: 2.0,
            ..Cusum::default()
        };
        let plain = plain.run(&[10.0, 10.0], &[14.0 / 3.0; 2]).unwrap();
        let places: Vec<_> = found.iter().map(|row| row[0].unwrap()).collect();
        assert_eq!(places, [3.0, 4.0]);
        assert_eq!(found[1][1], Some(plain[1].sum));
        assert!(judged("glr(n)", POINTS).await.is_empty());
        let silent = "(0, 0, 1), (1, 0, 1), (2, 3, 1)";
        assert!(judged("glr(n, null, 5, 0, 2)", silent).await.is_empty());
    }

    #[tokio::test]
    async fn a_hole_sets_the_sum_back_and_a_negative_mean_is_refused() {
        let whole = judged("cusum(n, e)", "(0, 9, 4), (1, 9, 4), (2, 9, 4)").await;
        let holed = judged("cusum(n, e)", "(0, 9, 4), (1, null, 4), (2, 9, 4)").await;
        assert_eq!(holed.len(), 2);
        assert_eq!((holed[0][1], holed[1][1]), (whole[0][1], whole[0][1]));
        let refused = refused("select glr(n, -1) over () from (values (1)) as t (n)").await;
        assert!(
            refused.contains("argument `expected` is -1 in a row; it must be 0 or more"),
            "{refused}"
        );
    }
}
