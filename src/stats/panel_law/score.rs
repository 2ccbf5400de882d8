//! What a detector found of the hidden events, in the terms of `score_welfare.py`.
//!
//! An event is found if its cell is flagged in its first four months. A flag is false if its cell has no
//! event in that month. A cell with fewer than five requests in three months is never flagged. At a
//! *matched* share of false flags the threshold is the one that flags that share of the cells without
//! event, so that detectors with other ideas of a p-value can be compared.

use super::{FIRST_JUDGED, Kind, N_MONTHS, World};
use crate::stats::fdr::benjamini_hochberg;
use crate::stats::real_len;

/// How many months are judged.
pub(crate) const N_JUDGED: usize = N_MONTHS - FIRST_JUDGED;
/// Within how many months an event must be found.
const N_FOUND_MONTHS: usize = 4;
/// The fewest requests in three months of a flagged cell.
const MIN_CASES: u64 = 5;

/// One probability per need, district and judged month, in this order.
pub(crate) type Probabilities = Vec<f64>;

/// The figures of one detector on one panel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Score {
    /// Flags per month.
    pub(crate) flags_per_month: f64,
    /// Share of the cells without event that were flagged.
    pub(crate) false_positives: f64,
    /// The same in districts where the platform arrives.
    pub(crate) false_positives_onboarding: f64,
    /// Share of the flags in cells with an event.
    pub(crate) precision: f64,
    /// Share found of the events in single cells.
    pub(crate) found_local: f64,
    /// Share found of the cells of events in space.
    pub(crate) found_spatial: f64,
    /// Share found of the cells of new needs.
    pub(crate) found_new: f64,
    /// Share found of the events in single cells, by rate ratio.
    pub(crate) found_by_ratio: [f64; 4],
}

/// The place of a cell among the probabilities.
pub(crate) fn position(world: &World, (need, district): (usize, usize), month: usize) -> usize {
    (need * world.places.len() + district) * N_JUDGED + month - FIRST_JUDGED
}

/// Whether each judged cell has an event.
pub(crate) fn labels(world: &World) -> Vec<bool> {
    let mut labels = vec![false; world.panels.len() * world.places.len() * N_JUDGED];
    for event in &world.events {
        for month in event.start.max(FIRST_JUDGED)..event.end {
            labels[position(world, (event.need, event.district), month)] = true;
        }
    }
    labels
}

/// The probabilities with 1 where there are too few requests to flag.
fn flaggable(world: &World, mut probabilities: Probabilities) -> Probabilities {
    for (need, panel) in world.panels.iter().enumerate() {
        let cells = (0..panel.n_districts())
            .flat_map(|district| (FIRST_JUDGED..N_MONTHS).map(move |month| (district, month)));
        for (district, month) in cells {
            let recent: u64 = (month - 2..=month).map(|m| panel.count(district, m)).sum();
            if recent < MIN_CASES {
                probabilities[position(world, (need, district), month)] = 1.0;
            }
        }
    }
    probabilities
}

/// The flags that raise the given share of the cells without event.
pub(crate) fn matched(world: &World, probabilities: Probabilities, share: f64) -> Score {
    let probabilities = flaggable(world, probabilities);
    let labels = labels(world);
    let cells = probabilities.iter().zip(&labels);
    let mut clean: Vec<f64> = cells.filter(|cell| !cell.1).map(|cell| *cell.0).collect();
    clean.sort_by(f64::total_cmp);
    let at = crate::stats::rounded((real_len(clean.len()) - 1.0) * share);
    let threshold = usize::try_from(at).ok().and_then(|at| clean.get(at));
    let threshold = threshold.copied().unwrap_or(0.0);
    let flags: Vec<bool> = probabilities
        .iter()
        .map(|p| *p <= threshold && *p < 1.0)
        .collect();
    score(world, &flags)
}

/// The flags of Benjamini and Hochberg at the given level over all cells of a month.
pub(crate) fn discovered(world: &World, probabilities: Probabilities, level: f64) -> Score {
    let probabilities = flaggable(world, probabilities);
    let mut flags = vec![false; probabilities.len()];
    for month in 0..N_JUDGED {
        let of_month: Vec<f64> = probabilities
            .iter()
            .skip(month)
            .step_by(N_JUDGED)
            .copied()
            .collect();
        let cells = benjamini_hochberg(&of_month).into_iter().enumerate();
        for (cell, q) in cells {
            flags[cell * N_JUDGED + month] = q <= level;
        }
    }
    score(world, &flags)
}

/// A share, 0 of nothing.
fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        0.0
    } else {
        real_len(part) / real_len(whole)
    }
}

/// Counts what the flags found.
pub(crate) fn score(world: &World, flags: &[bool]) -> Score {
    let labels = labels(world);
    let n_districts = world.places.len();
    let arrives = |cell: usize| world.is_onboarding[cell / N_JUDGED % n_districts];
    let (mut n_flags, mut n_true) = (0, 0);
    let (mut n_false, mut n_clean) = ([0; 2], [0; 2]);
    for (cell, (flag, label)) in flags.iter().zip(&labels).enumerate() {
        let group = usize::from(arrives(cell));
        n_flags += usize::from(*flag);
        n_true += usize::from(*flag && *label);
        n_clean[group] += usize::from(!*label);
        n_false[group] += usize::from(*flag && !*label);
    }
    Score {
        flags_per_month: share(n_flags, N_JUDGED),
        false_positives: share(n_false[0] + n_false[1], n_clean[0] + n_clean[1]),
        false_positives_onboarding: share(n_false[1], n_clean[1]),
        precision: share(n_true, n_flags),
        found_local: found(world, flags, |event| event.0 == Kind::Local),
        found_spatial: found(world, flags, |event| event.0 == Kind::Spatial),
        found_new: found(world, flags, |event| event.0 == Kind::NewCategory),
        found_by_ratio: super::RATIOS.map(|ratio| {
            found(world, flags, |event| {
                event.0 == Kind::Local && (event.1 - ratio).abs() < 1e-9
            })
        }),
    }
}

/// The share found of the events that are meant.
fn found(world: &World, flags: &[bool], is_meant: impl Fn((Kind, f64)) -> bool) -> f64 {
    let (mut n_found, mut n_events) = (0, 0);
    for event in &world.events {
        if is_meant((event.kind, event.ratio)) {
            let last = (event.start + N_FOUND_MONTHS).min(N_MONTHS);
            let cell = (event.need, event.district);
            let is_found = (event.start..last).any(|month| flags[position(world, cell, month)]);
            n_found += usize::from(is_found);
            n_events += 1;
        }
    }
    share(n_found, n_events)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::panel_law::{Events, draw};

    #[test]
    fn a_detector_that_knows_the_truth_has_no_false_flag() {
        let world = draw(5, Events::Hidden).unwrap();
        let known: Vec<f64> = labels(&world)
            .iter()
            .map(|label| f64::from(u8::from(!label)))
            .collect();
        let found = discovered(&world, known.clone(), 0.05);
        assert!(found.false_positives <= 0.0 && found.precision >= 1.0);
        // Events in cells with fewer than five requests in three months cannot be found at all.
        assert!(found.found_local > 0.7 && found.found_local < 1.0);
        let all: Vec<bool> = known.iter().map(|p| *p <= 0.0).collect();
        let everything = score(&world, &all);
        assert!(everything.found_local >= 1.0 && everything.found_new >= 1.0);
    }

    #[test]
    fn the_matched_threshold_raises_the_share_asked_for() {
        let world = draw(6, Events::Hidden).unwrap();
        let n = labels(&world).len();
        let spread: Vec<f64> = (0..n)
            .map(|cell| real_len(cell * 7919 % n) / real_len(n))
            .collect();
        let found = matched(&world, spread, 0.005);
        assert!((found.false_positives - 0.005).abs() < 1e-4);
    }
}
