//! Which windows are reported, and how likely each is without clusters.

use super::prepare::{Prepared, Span};
use super::search::Scored;
use super::zones::Zones;
use super::{Cluster, Observed, Secondary, Settings};
use crate::stats::real_len;

/// Scores that differ by less than this part count as equal when replicates are compared with the data.
const EQUAL: f64 = 1e-10;

/// Euler's constant, the mean of the standard Gumbel law.
const EULER_GAMMA: f64 = 0.577_215_664_901_532_9;

/// The windows to report, the best first.
pub(super) fn pick(zones: &Zones, mut scores: Vec<Scored>, settings: &Settings) -> Vec<Scored> {
    let order = |a: &Scored, b: &Scored| {
        let place = |scored: &Scored| {
            let zone = zones.nodes()[scored.node];
            (zone.origin, zone.n_areas, scored.interval)
        };
        b.score
            .total_cmp(&a.score)
            .then_with(|| place(a).cmp(&place(b)))
    };
    if settings.secondary == Secondary::Overlapping {
        scores.sort_by(order);
        scores.truncate(settings.max_clusters);
        return scores;
    }
    let mut best: Vec<Option<Scored>> = vec![None; zones.nodes().len()];
    for scored in scores {
        let best = &mut best[scored.node];
        if best.is_none_or(|best| best.score < scored.score) {
            *best = Some(scored);
        }
    }
    let mut candidates: Vec<Scored> = if settings.secondary == Secondary::ApartByCenter {
        let of_center =
            |family: &Vec<usize>| family.iter().filter_map(|node| best[*node]).min_by(order);
        zones.families().iter().filter_map(of_center).collect()
    } else {
        best.into_iter().flatten().collect()
    };
    candidates.sort_by(order);
    let mut is_taken = vec![false; zones.n_areas()];
    let mut picked = Vec::new();
    for candidate in candidates {
        if picked.len() == settings.max_clusters {
            break;
        }
        let members = zones.members(candidate.node);
        if members.iter().all(|area| !is_taken[*area]) {
            for area in members {
                is_taken[area] = true;
            }
            picked.push(candidate);
        }
    }
    picked
}

/// A window in the terms of the data.
pub(super) fn describe(
    scored: &Scored,
    (zones, span): (&Zones, &Span),
    observed: &Observed,
    (prepared, tails): (&Prepared, &Tails),
) -> Cluster {
    let areas = zones.members(scored.node);
    let (start, end) = span.intervals[scored.interval];
    let (start, end) = (start + span.first, end + span.first);
    let cells = || {
        areas
            .iter()
            .flat_map(|area| (start..end).map(move |time| area * span.n_times + time))
    };
    let n_cases = cells().map(|cell| observed.counts[cell]).sum();
    let size = cells().map(|cell| prepared.expected[cell]).sum();
    let expected = prepared.statistic.expected(size);
    Cluster {
        origin: zones.nodes()[scored.node].origin,
        start,
        end,
        observed: n_cases,
        expected,
        score: scored.score,
        relative_risk: prepared.relative_risk(n_cases, expected),
        p_monte_carlo: tails.monte_carlo(scored.score),
        p_gumbel: tails.gumbel(scored.score),
        areas,
    }
}

/// The largest scores of the replicates as a law.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tails {
    /// The largest scores, ascending.
    sorted: Vec<f64>,
    /// Location and scale of the Gumbel law with their mean and variance.
    gumbel: Option<(f64, f64)>,
}

impl Tails {
    /// The law of the given largest scores.
    pub(crate) fn new(maxima: &[f64]) -> Self {
        let mut sorted = maxima.to_vec();
        sorted.sort_by(f64::total_cmp);
        let n = real_len(sorted.len());
        let mean = sorted.iter().sum::<f64>() / n;
        let squares: f64 = sorted.iter().map(|score| (score - mean).powi(2)).sum();
        let scale = (squares / (n - 1.0)).sqrt() * 6.0_f64.sqrt() / std::f64::consts::PI;
        let gumbel = (scale > 0.0).then_some((mean - EULER_GAMMA * scale, scale));
        Self { sorted, gumbel }
    }

    /// `(1 + #{≥ score}) / (R + 1)`, scores equal up to rounding counting as equal.
    pub(crate) fn monte_carlo(&self, score: f64) -> Option<f64> {
        let n_below = self
            .sorted
            .partition_point(|other| *other < score * (1.0 - EQUAL));
        let n_at_least = self.sorted.len() - n_below;
        (!self.sorted.is_empty())
            .then(|| real_len(1 + n_at_least) / real_len(self.sorted.len() + 1))
    }

    /// `1 − exp(−exp(−(λ−m)/β))` with `β = s√6/π` and `m = x̄ − 0.5772β` (Abrams, Kleinman and Kulldorff 2010,
    /// Int. J. Health Geogr. 9:61); nothing where the replicates do not differ.
    pub(crate) fn gumbel(&self, score: f64) -> Option<f64> {
        let (location, scale) = self.gumbel?;
        Some(-(-(-(score - location) / scale).exp()).exp_m1())
    }
}
