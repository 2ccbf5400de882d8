//! What each method says at the end of a month of what is known then.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;

use crate::run::history::{History, Known};
use crate::stats::cluster::{ClusterScan, Neighbors};
use crate::stats::ears::Ears;
use crate::stats::farrington::calendar::Calendar;
use crate::stats::farrington::{Farrington, Judge, Series};
use crate::stats::fdr::benjamini_hochberg;
use crate::stats::pooled::Pooled;
use crate::stats::{EmergingDetector, Judgment, Panel, PanelError, real, real_len};

/// A method that is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The pooled Gamma–Poisson model with exposure offset.
    Pooled,
    /// The same as if as many people were exposed in all months.
    PooledNoExposure,
    /// The pooled model, and clusters of neighboring districts.
    PooledClusters,
    /// EARS C1 on exposure-adjusted counts.
    EarsC1,
    /// EARS C2 on exposure-adjusted counts.
    EarsC2,
    /// Farrington flexible with offset, on monthly series long and full enough.
    Farrington,
}

impl Method {
    /// All methods.
    pub const ALL: [Self; 6] = [
        Self::Pooled,
        Self::PooledNoExposure,
        Self::PooledClusters,
        Self::EarsC1,
        Self::EarsC2,
        Self::Farrington,
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pooled => "pooled",
            Self::PooledNoExposure => "pooled_no_exposure",
            Self::PooledClusters => "pooled_clusters",
            Self::EarsC1 => "ears_c1",
            Self::EarsC2 => "ears_c2",
            Self::Farrington => "farrington",
        }
    }
}

/// What a method says of one cell in one month.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Verdict {
    /// Need and district.
    pub(crate) cell: (usize, usize),
    /// Chance of as much if nothing had changed.
    pub(crate) p: f64,
    /// The same weighed against all cells of the month (Benjamini–Hochberg).
    pub(crate) q: f64,
    /// Observed over expected.
    pub(crate) ratio: f64,
    /// Observed less expected.
    pub(crate) excess: f64,
    /// The q-value of a cluster that it belongs to, where there is one.
    pub(crate) cluster_q: Option<f64>,
}

/// What a method says of one month.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Month {
    /// Cells judged.
    pub(crate) n_judged: usize,
    /// Those that may stand out under some threshold.
    pub(crate) verdicts: Vec<Verdict>,
}

/// Verdicts with a greater q-value are not kept: no threshold reaches so far.
pub(crate) const MAX_KEPT_Q: f64 = 0.5;

/// Districts in the largest cluster.
const N_NEAREST: usize = 12;

/// With fewer months a series is too short for Farrington.
const MIN_FARRINGTON_POINTS: usize = 36;

/// With fewer requests a month its counts are too small for it.
const MIN_FARRINGTON_MEAN: f64 = 5.0;

/// EARS on monthly series with so many months between baseline and judged month.
fn ears(n_gap: usize) -> Ears {
    Ears {
        n_gap,
        ..Ears::MONTHLY_C2
    }
}

/// What the methods say at the end of a month, in their order.
///
/// # Errors
/// When an exposure is no number of people.
pub(crate) fn judge(
    history: &History,
    month: usize,
    (methods, least): (&[Method], f64),
) -> Result<Vec<Month>, PanelError> {
    let known = history.as_known(month, least)?;
    let panels: Vec<&Panel> = known.panels.iter().collect();
    let needs_pooled = |method: &Method| matches!(method, Method::Pooled | Method::PooledClusters);
    let pooled = if methods.iter().any(needs_pooled) {
        detected(&Pooled::default(), &panels, month)
    } else {
        Vec::new()
    };
    let answer = methods.iter().map(|method| {
        let verdicts = match method {
            Method::Pooled => pooled.clone(),
            Method::PooledNoExposure => {
                let flat = without_exposure(history, (&known, month), least)?;
                let flat: Vec<&Panel> = flat.iter().collect();
                detected(&Pooled::default(), &flat, month)
            }
            Method::PooledClusters => with_clusters(history, &panels, (month, pooled.clone())),
            Method::EarsC1 => detected(&ears(0), &panels, month),
            Method::EarsC2 => detected(&ears(2), &panels, month),
            Method::Farrington => farrington(&panels, month),
        };
        Ok(kept(verdicts))
    });
    answer.collect()
}

/// The verdicts that may stand out, their q-values among all.
fn kept(mut verdicts: Vec<Verdict>) -> Month {
    let p_values: Vec<f64> = verdicts.iter().map(|verdict| verdict.p).collect();
    for (verdict, q) in verdicts.iter_mut().zip(benjamini_hochberg(&p_values)) {
        verdict.q = q;
    }
    let n_judged = verdicts.len();
    verdicts.retain(|verdict| verdict.q <= MAX_KEPT_Q || verdict.cluster_q.is_some());
    Month { n_judged, verdicts }
}

/// A judgment as a verdict.
fn verdict(need: usize, judgment: &Judgment) -> Verdict {
    Verdict {
        cell: (need, judgment.district),
        p: judgment.p,
        q: 1.0,
        ratio: judgment.ratio,
        excess: real(judgment.observed) - judgment.expected,
        cluster_q: None,
    }
}

/// The verdicts of a detector.
fn detected(detector: &dyn EmergingDetector, panels: &[&Panel], month: usize) -> Vec<Verdict> {
    let judged = detector.judge_all(panels, month..month + 1);
    let of_need = judged.iter().enumerate();
    of_need
        .flat_map(|(need, judged)| judged.iter().map(move |one| verdict(need, one)))
        .collect()
}

/// The panels as if as many people were exposed in all months.
fn without_exposure(
    history: &History,
    (known, month): (&Known, usize),
    least: f64,
) -> Result<Vec<Panel>, PanelError> {
    let n_months = month + 1;
    let flat = known.panels.iter().zip(&known.completeness);
    let flat = flat.map(|(panel, completeness)| {
        let cells = (0..history.districts.len())
            .flat_map(|district| (0..n_months).map(move |month| (district, month)));
        let (mut counts, mut exposure, mut covered) = (Vec::new(), Vec::new(), Vec::new());
        for (district, at) in cells {
            let share = completeness.get(month - at).copied().unwrap_or(1.0);
            counts.push(panel.count(district, at));
            exposure.push(1000.0 * share);
            covered.push(panel.is_usable(district, at) && share >= least);
        }
        Panel::new(n_months, counts, exposure, covered)
    });
    flat.collect()
}

/// The verdicts of the pooled model, with the clusters that the cells belong to.
fn with_clusters(
    history: &History,
    panels: &[&Panel],
    (month, mut verdicts): (usize, Vec<Verdict>),
) -> Vec<Verdict> {
    let neighbors = Neighbors::by_borders(&history.borders, N_NEAREST);
    let scan = ClusterScan::default();
    let needs = panels.iter().enumerate();
    let clusters: Vec<_> = needs
        .map(|(need, panel)| scan.scan(panel, &neighbors, (need, month)))
        .collect();
    let p_values: Vec<f64> = clusters
        .iter()
        .map(|cluster| cluster.as_ref().map_or(1.0, |cluster| cluster.p))
        .collect();
    let q_values = benjamini_hochberg(&p_values);
    for (need, (cluster, q)) in clusters.iter().zip(q_values).enumerate() {
        let Some(cluster) = cluster.as_ref().filter(|_| q <= MAX_KEPT_Q) else {
            continue;
        };
        let members: BTreeSet<usize> = cluster.districts.iter().copied().collect();
        let inside =
            |verdict: &&mut Verdict| verdict.cell.0 == need && members.contains(&verdict.cell.1);
        for verdict in verdicts.iter_mut().filter(inside) {
            verdict.cluster_q = Some(q);
        }
    }
    verdicts
}

/// Farrington flexible on every series that is long and full enough.
fn farrington(panels: &[&Panel], month: usize) -> Vec<Verdict> {
    let needs = panels.iter().enumerate();
    let cells = needs.flat_map(|(need, panel)| {
        (0..panel.n_districts()).map(move |district| (need, *panel, district))
    });
    cells
        .filter_map(|(need, panel, district)| {
            let mut found = farrington_cell(panel, district, month)?;
            found.cell.0 = need;
            Some(found)
        })
        .collect()
}

/// Farrington flexible on one series, from its last month that is not usable on.
fn farrington_cell(panel: &Panel, district: usize, month: usize) -> Option<Verdict> {
    let is_usable = |at: &usize| panel.is_usable(district, *at);
    let n_points = (0..=month).rev().take_while(is_usable).count();
    if n_points < MIN_FARRINGTON_POINTS {
        return None;
    }
    let months = month + 1 - n_points..month + 1;
    let cases: Vec<u64> = months.clone().map(|at| panel.count(district, at)).collect();
    let requests: u64 = cases.iter().sum();
    if real(requests) < MIN_FARRINGTON_MEAN * real_len(n_points) {
        return None;
    }
    let exposure = months.map(|at| panel.exposure(district, at)).collect();
    let calendar = Calendar::Periodic { period: 12 };
    let series = Series::new(cases, Some(exposure), calendar).ok()?;
    let method = Farrington {
        n_years: ((n_points - 2) / 12).min(5),
        half_width: 1,
        n_levels: 4,
        n_left_out: 3,
        min_cases: (5, 3),
        ..Farrington::default()
    };
    let point = Judge::new(method).point(&series, n_points - 1).ok()?;
    Some(Verdict {
        cell: (0, district),
        p: if point.has_cases { point.p } else { 1.0 },
        q: 1.0,
        ratio: real(point.observed) / point.expected,
        excess: real(point.observed) - point.expected,
        cluster_q: None,
    })
}

/// A verdict that stands out.
#[cfg(test)]
pub(crate) fn verdict_for_tests(cell: (usize, usize)) -> Verdict {
    Verdict {
        cell,
        p: 0.001,
        q: 0.01,
        ratio: 2.0,
        excess: 10.0,
        cluster_q: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::backtest::invented::steady;
    use crate::run::backtest::measure::is_alarm;
    use crate::run::history::Arrival;
    use crate::spec::detection::Thresholds;

    /// The cells that each method flags at the end of 2025.
    fn flagged(history: &History, methods: &[Method]) -> Vec<Vec<(usize, usize)>> {
        let months = judge(history, 35, (methods, 0.3)).unwrap();
        let of = |month: &Month| {
            let alarms = month.verdicts.iter();
            let alarms = alarms.filter(|verdict| is_alarm(verdict, &Thresholds::default()));
            alarms.map(|verdict| verdict.cell).collect()
        };
        months.iter().map(of).collect()
    }

    /// Adds requests to a cell in the last months.
    fn add(history: &mut History, (need, district): (usize, usize), n: u64) {
        for month in 34..36 {
            history.series[need].arrivals.push(Arrival {
                district,
                month,
                known: month,
                n,
            });
        }
    }

    #[test]
    fn every_method_sees_a_tripled_need_and_nothing_else() {
        let mut history = steady(8, 3, 12);
        add(&mut history, (1, 4), 24);
        for (method, cells) in Method::ALL.iter().zip(flagged(&history, &Method::ALL)) {
            assert_eq!(cells, [(1, 4)], "{}", method.name());
        }
    }

    #[test]
    fn a_platform_that_triples_is_a_rise_only_to_who_ignores_the_exposure() {
        let mut history = steady(8, 3, 12);
        add(&mut history, (1, 4), 24);
        for at in [34, 35] {
            history.series[1].exposure[4 * 36 + at] = 3000.0;
        }
        let methods = [Method::Pooled, Method::PooledNoExposure, Method::EarsC2];
        assert_eq!(flagged(&history, &methods), [vec![], vec![(1, 4)], vec![]]);
    }

    #[test]
    fn requests_that_are_still_to_come_hide_nothing() {
        // Of 12 requests of the last month 9 are in; nothing has changed, and nothing is flagged or missing.
        let history = steady(8, 3, 12);
        let months = judge(&history, 35, (&Method::ALL, 0.3)).unwrap();
        assert!(months[0].n_judged == 24 && flagged(&history, &[Method::Pooled])[0].is_empty());
        let late = judge(&history, 35, (&[Method::Pooled], 0.8)).unwrap();
        assert_eq!(
            late[0].n_judged, 0,
            "three quarters are less than asked for"
        );
    }

    #[test]
    fn a_rise_too_small_in_each_of_several_neighbors_is_a_cluster() {
        let mut history = steady(9, 3, 8);
        for district in 2..7 {
            add(&mut history, (0, district), 4);
        }
        let found = flagged(&history, &[Method::Pooled, Method::PooledClusters]);
        assert!(found[0].len() < found[1].len(), "{found:?}");
        assert!(
            found[1]
                .iter()
                .all(|(need, district)| *need == 0 && (2..7).contains(district))
        );
    }
}
