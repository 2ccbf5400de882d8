//! How the alarms of a method did on rises of which it is known when they began.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;

use super::judge::{Month, Verdict};
use super::plant::{Cell, N_FOUND_MONTHS, RATIOS, Rise};
use crate::run::history::calendar::days_through;
use crate::spec::detection::Thresholds;
use crate::stats::real_len;

/// What is known of the replayed history.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Truth<'a> {
    /// Months, `YYYY-MM`, of the whole history.
    pub(crate) months: &'a [String],
    /// The first month replayed.
    pub(crate) first: usize,
    /// The planted rises.
    pub(crate) rises: &'a [Rise],
    /// Cells with a rise of their own, in the months given; an alarm there is not false.
    pub(crate) real: &'a BTreeMap<Cell, BTreeSet<usize>>,
}

/// The figures of a method.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Figures {
    /// Rises planted.
    pub n_planted: usize,
    /// Rises found within four months.
    pub n_found: usize,
    /// Share found; 0 where none was planted.
    pub sensitivity: f64,
    /// Share found by rate ratio: 1.5, 2, 3, 5.
    pub sensitivity_by_ratio: [f64; 4],
    /// Flags raised where nothing was planted, per month.
    pub false_alarms_per_month: f64,
    /// The same per 1,000 judged cells.
    pub false_alarms_per_1000_cells: f64,
    /// Share of the flags raised where something was planted; none without flags.
    pub precision: Option<f64>,
    /// Days from the first day of a rise to the end of the month that found it: lower quartile, median, upper quartile.
    pub days_to_detection: Option<[u32; 3]>,
    /// Cells judged, summed over the months.
    pub n_judged: usize,
}

/// Whether a verdict is an alarm.
pub(crate) fn is_alarm(verdict: &Verdict, thresholds: &Thresholds) -> bool {
    let is_rise = verdict.q <= thresholds.rise_max_q
        && verdict.ratio >= thresholds.rise_min_ratio
        && verdict.excess >= thresholds.rise_min_excess;
    let in_cluster = verdict
        .cluster_q
        .is_some_and(|q| q <= thresholds.cluster_max_q);
    is_rise || in_cluster
}

/// The months with an alarm, by cell.
fn alarms(replay: &[Month], first: usize, thresholds: &Thresholds) -> BTreeMap<Cell, Vec<usize>> {
    let mut found: BTreeMap<Cell, Vec<usize>> = BTreeMap::new();
    for (at, month) in replay.iter().enumerate() {
        let raised = month.verdicts.iter();
        for verdict in raised.filter(|verdict| is_alarm(verdict, thresholds)) {
            found.entry(verdict.cell).or_default().push(first + at);
        }
    }
    found
}

/// A share; 0 of nothing.
fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        0.0
    } else {
        real_len(part) / real_len(whole)
    }
}

/// The months in which a flag is raised: those with an alarm after a month without.
fn raised(months: &[usize]) -> impl Iterator<Item = usize> + '_ {
    let follows = |at: usize| at.checked_sub(1).and_then(|before| months.get(before));
    months.iter().enumerate().filter_map(move |(at, month)| {
        let is_new = follows(at).is_none_or(|before| before + 1 < *month);
        is_new.then_some(*month)
    })
}

/// How a method did under some thresholds.
pub(crate) fn measure(replay: &[Month], truth: &Truth<'_>, thresholds: &Thresholds) -> Figures {
    let alarms = alarms(replay, truth.first, thresholds);
    let by_cell: BTreeMap<Cell, &Rise> = truth.rises.iter().map(|rise| (rise.cell, rise)).collect();
    let (mut n_true, mut n_false) = (0, 0);
    for (cell, months) in &alarms {
        for month in raised(months) {
            let is_planted = by_cell.get(cell).is_some_and(|rise| month >= rise.start);
            let is_real = truth
                .real
                .get(cell)
                .is_some_and(|months| months.contains(&month));
            if is_planted || is_real {
                n_true += 1;
            } else {
                n_false += 1;
            }
        }
    }
    let found_in = |rise: &Rise| {
        let months = alarms.get(&rise.cell)?;
        let in_time = |month: &&usize| (rise.start..rise.start + N_FOUND_MONTHS).contains(*month);
        months.iter().find(in_time).copied()
    };
    let found: Vec<(&Rise, usize)> = truth
        .rises
        .iter()
        .filter_map(|rise| Some((rise, found_in(rise)?)))
        .collect();
    let is_of = |ratio: f64| move |rise: &Rise| (rise.ratio - ratio).abs() < 1e-9;
    let n_judged = replay.iter().map(|month| month.n_judged).sum();
    Figures {
        n_planted: truth.rises.len(),
        n_found: found.len(),
        sensitivity: share(found.len(), truth.rises.len()),
        sensitivity_by_ratio: RATIOS.map(|ratio| {
            let is_of = is_of(ratio);
            let n_found = found.iter().filter(|(rise, _)| is_of(rise)).count();
            share(
                n_found,
                truth.rises.iter().filter(|rise| is_of(rise)).count(),
            )
        }),
        false_alarms_per_month: share(n_false, replay.len()),
        false_alarms_per_1000_cells: 1000.0 * share(n_false, n_judged),
        precision: (n_true + n_false > 0).then(|| share(n_true, n_true + n_false)),
        days_to_detection: quartiles(days(&found, truth.months)),
        n_judged,
    }
}

/// Days to detection of the rises found.
fn days(found: &[(&Rise, usize)], months: &[String]) -> Vec<u32> {
    let days = found
        .iter()
        .filter_map(|(rise, month)| days_through(months.get(rise.start)?, months.get(*month)?));
    days.collect()
}

/// Lower quartile, median and upper quartile, each one of the values.
fn quartiles(mut values: Vec<u32>) -> Option<[u32; 3]> {
    values.sort_unstable();
    let last = values.len().checked_sub(1)?;
    Some([1, 2, 3].map(|quarter| values[last * quarter / 4]))
}

/// The cells with an alarm in each month, for a score against a truth file.
pub(crate) fn flagged(
    replay: &[Month],
    first: usize,
    thresholds: &Thresholds,
) -> Vec<(Cell, usize)> {
    let alarms = alarms(replay, first, thresholds).into_iter();
    alarms
        .flat_map(|(cell, months)| months.into_iter().map(move |month| (cell, month)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::backtest::judge::verdict_for_tests;

    /// Months without an alarm but for the cells given.
    fn replay(alarms: &[&[Cell]]) -> Vec<Month> {
        let month = |cells: &&[Cell]| Month {
            n_judged: 10,
            verdicts: cells.iter().map(|cell| verdict_for_tests(*cell)).collect(),
        };
        alarms.iter().map(month).collect()
    }

    #[test]
    fn figures_counted_by_hand() {
        // Cell (0, 0) rises in the second month (March) and is flagged from the third on; cell (0, 1) rises in the
        // first month and is found in the sixth, too late; (1, 1) is flagged twice for no reason, (1, 0) has a reason.
        let months = [
            "2026-01", "2026-02", "2026-03", "2026-04", "2026-05", "2026-06", "2026-07",
        ];
        let months = months.map(str::to_owned);
        let rise = |cell, start, ratio| Rise { cell, start, ratio };
        let rises = [rise((0, 0), 2, 2.0), rise((0, 1), 1, 1.5)];
        let replay = replay(&[
            &[(1, 1)],
            &[(1, 1)],
            &[(0, 0)],
            &[(0, 0), (1, 1)],
            &[(0, 0), (1, 0)],
            &[(0, 1)],
        ]);
        let real = BTreeMap::from([((1, 0), BTreeSet::from([5]))]);
        let truth = Truth {
            months: &months,
            first: 1,
            rises: &rises,
            real: &real,
        };
        let found = measure(&replay, &truth, &Thresholds::default());
        assert_eq!((found.n_planted, found.n_found), (2, 1));
        let by_ratio = found
            .sensitivity_by_ratio
            .map(|share| format!("{share:.2}"));
        assert_eq!(by_ratio, ["0.00", "1.00", "0.00", "0.00"]);
        // March and April: 31 + 30 days.
        assert_eq!(found.days_to_detection, Some([61, 61, 61]));
        // Two false flags in six months and 60 cells; three of five flags are true.
        assert!((found.false_alarms_per_month - 2.0 / 6.0).abs() < 1e-12);
        assert!((found.false_alarms_per_1000_cells - 2000.0 / 60.0).abs() < 1e-9);
        assert_eq!(found.precision, Some(0.6));
    }

    #[test]
    fn an_alarm_needs_every_threshold_or_a_cluster() {
        let verdict = verdict_for_tests((0, 0));
        let thresholds = Thresholds::default();
        assert!(is_alarm(&verdict, &thresholds));
        for weak in [
            Verdict { q: 0.06, ..verdict },
            Verdict {
                ratio: 1.2,
                ..verdict
            },
            Verdict {
                excess: 4.0,
                ..verdict
            },
        ] {
            assert!(!is_alarm(&weak, &thresholds));
            let in_cluster = Verdict {
                cluster_q: Some(0.01),
                ..weak
            };
            assert!(is_alarm(&in_cluster, &thresholds));
        }
    }

    #[test]
    fn quartiles_of_five_values() {
        assert_eq!(quartiles(vec![5, 1, 4, 2, 3]), Some([2, 3, 4]));
        assert_eq!(quartiles(Vec::new()), None);
    }
}
