//! Rises planted into the history, so that it is known what should be found.
//!
//! A planted rise multiplies the rate of one need in one district by 1.5, 2, 3 or 5 from a month on until
//! the end. The added requests are Poisson and come in as late as the need's requests usually do. All
//! methods meet the same rises: the random numbers depend on the seed alone.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Poisson};

use crate::run::history::{History, Series};
use crate::stats::{real, real_len, rounded};

/// The rate ratios, each as often as the others.
pub(crate) const RATIOS: [f64; 4] = [1.5, 2.0, 3.0, 5.0];

/// Within so many months a rise must be found.
pub(crate) const N_FOUND_MONTHS: usize = 4;

/// A cell may have a rise if it saw so many requests a month in the year before the replay.
const MIN_MEAN: f64 = 0.3;

/// Months before the replay from which the usual rate of a cell is taken.
const N_RATE_MONTHS: usize = 12;

/// At most one in so many cells has a rise, so that the pooled rate stays that of usual months.
const CELLS_PER_RISE: usize = 4;

/// A need in a district.
pub(crate) type Cell = (usize, usize);

/// A planted rise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rise {
    /// Need and district.
    pub(crate) cell: Cell,
    /// Its first month.
    pub(crate) start: usize,
    /// The rate ratio.
    pub(crate) ratio: f64,
}

/// What is planted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Planting {
    /// How many rises at most.
    pub(crate) n: usize,
    /// The seed.
    pub(crate) seed: u64,
    /// The months that are replayed.
    pub(crate) replayed: Range<usize>,
    /// Cells that have a rise of their own.
    pub(crate) taken: BTreeSet<Cell>,
}

/// Requests per person exposed in the months before the replay; nothing for a cell with too few of either.
fn usual_rate(
    series: &Series,
    counts: &[u64],
    (district, first): (usize, usize),
    n_months: usize,
) -> Option<f64> {
    let months = first.saturating_sub(N_RATE_MONTHS)..first;
    let n_wanted = months.len();
    let places = months.map(|month| district * n_months + month);
    let usable: Vec<usize> = places.filter(|at| series.is_usable(*at)).collect();
    let requests: u64 = usable.iter().map(|at| counts[*at]).sum();
    let exposure: f64 = usable.iter().map(|at| series.exposure[*at]).sum();
    let is_full = n_wanted > 0 && usable.len() == n_wanted;
    (is_full && real(requests) >= MIN_MEAN * real_len(n_wanted)).then(|| real(requests) / exposure)
}

/// The cells that may have a rise, with their usual rate.
fn candidates(history: &History, planting: &Planting) -> Vec<(Cell, f64)> {
    let n_months = history.n_months();
    let mut found = Vec::new();
    for (need, series) in history.series.iter().enumerate() {
        let counts = series.counts(n_months);
        for district in 0..history.districts.len() {
            let cell = (need, district);
            let mut replayed = planting.replayed.clone();
            let is_judged = replayed.all(|month| series.is_usable(district * n_months + month));
            if !is_judged || planting.taken.contains(&cell) {
                continue;
            }
            let place = (district, planting.replayed.start);
            let rate = usual_rate(series, &counts, place, n_months);
            found.extend(rate.map(|rate| (cell, rate)));
        }
    }
    found
}

/// Plants rises into the history; answers them in the order of their cells.
pub(crate) fn plant(history: &mut History, planting: &Planting) -> Vec<Rise> {
    let mut random = ChaCha8Rng::seed_from_u64(planting.seed);
    let mut cells = candidates(history, planting);
    cells.shuffle(&mut random);
    cells.truncate(planting.n.min(cells.len() / CELLS_PER_RISE));
    let Range { start, end } = planting.replayed;
    let last_start = (end + 1).saturating_sub(N_FOUND_MONTHS).max(start + 1);
    let mut rises = Vec::with_capacity(cells.len());
    for (number, (cell, rate)) in cells.into_iter().enumerate() {
        let rise = Rise {
            cell,
            start: random.random_range(start..last_start),
            ratio: RATIOS[number % RATIOS.len()],
        };
        let added = added(history, rise, (rate, end), &mut random);
        history.add(cell.0, &added);
        rises.push(rise);
    }
    rises.sort_by_key(|rise| rise.cell);
    rises
}

/// The requests that a rise adds, by district, month and the month they come in.
fn added(
    history: &History,
    rise: Rise,
    (rate, end): (f64, usize),
    random: &mut ChaCha8Rng,
) -> BTreeMap<(usize, usize, usize), u64> {
    let (need, district) = rise.cell;
    let delays = history.delays(need);
    let mut added = BTreeMap::new();
    let Some(series) = history.series.get(need) else {
        return added;
    };
    for month in rise.start..end {
        let usual = rate * series.exposure[district * history.n_months() + month];
        let law = Poisson::new((rise.ratio - 1.0) * usual);
        let n = law.map_or(0, |law| rounded(law.sample(random)));
        for _ in 0..n {
            let known = month + delay(&delays, random.random_range(0.0..1.0));
            *added.entry((district, month, known)).or_insert(0) += 1;
        }
    }
    added
}

/// The delay at a place of its distribution.
fn delay(delays: &[f64], mut place: f64) -> usize {
    let last = delays.len().saturating_sub(1);
    for (delay, share) in delays.iter().enumerate() {
        if place < *share {
            return delay;
        }
        place -= share;
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::backtest::invented::steady;

    /// Rises planted by a seed.
    fn planted(seed: u64, n: usize) -> (History, Vec<Rise>) {
        let mut history = steady(10, 4, 20);
        let planting = Planting {
            n,
            seed,
            replayed: 24..36,
            taken: BTreeSet::from([(0, 0)]),
        };
        let rises = plant(&mut history, &planting);
        (history, rises)
    }

    #[test]
    fn the_same_seed_plants_the_same_rises_and_at_most_one_cell_in_four_has_one() {
        let (history, rises) = planted(3, 100);
        assert_eq!(rises.len(), 39 / 4);
        assert_eq!(planted(3, 100), (history, rises.clone()));
        assert_ne!(planted(4, 100).1, rises);
        assert!(rises.iter().all(|rise| (24..33).contains(&rise.start)));
        assert!(rises.iter().all(|rise| rise.cell != (0, 0)));
        let cells: BTreeSet<Cell> = rises.iter().map(|rise| rise.cell).collect();
        assert_eq!(cells.len(), rises.len());
    }

    #[test]
    fn a_rise_multiplies_the_requests_of_its_months_and_of_no_other() {
        let (history, rises) = planted(5, 8);
        for rise in &rises {
            let (need, district) = rise.cell;
            let counts = history.series[need].counts(36);
            let sum = |months: Range<usize>| -> f64 {
                months
                    .map(|month| real(counts[district * 36 + month]))
                    .sum()
            };
            assert!((sum(0..rise.start) - 20.0 * real_len(rise.start)).abs() < 1e-9);
            // Within four standard deviations of the added Poisson requests.
            let usual = 20.0 * real_len(36 - rise.start);
            let added = (rise.ratio - 1.0) * usual;
            let found = sum(rise.start..36) - usual;
            assert!(
                (found - added).abs() < 4.0 * added.sqrt(),
                "{rise:?}: {found} of {added}"
            );
        }
    }

    #[test]
    fn added_requests_come_in_as_late_as_the_others() {
        let (history, rises) = planted(5, 8);
        let late = |arrival: &&crate::run::history::Arrival| arrival.known > arrival.month;
        let added = rises.iter().flat_map(|rise| {
            let arrivals = history.series[rise.cell.0].arrivals.iter();
            arrivals.filter(move |one| one.district == rise.cell.1 && one.month >= rise.start)
        });
        let added: Vec<_> = added.collect();
        let n = |of: u64| real(of);
        let all: u64 = added.iter().map(|arrival| arrival.n).sum();
        let late: u64 = added
            .iter()
            .filter(|arrival| late(arrival))
            .map(|one| one.n)
            .sum();
        // A quarter of all requests comes in a month later.
        assert!((n(late) / n(all) - 0.25).abs() < 0.05, "{late} of {all}");
    }

    #[test]
    fn a_delay_is_drawn_by_its_share() {
        let places = [0.0, 0.59, 0.61, 0.89, 0.91, 1.0];
        let drawn = places.map(|place| delay(&[0.6, 0.3, 0.1], place));
        assert_eq!(drawn, [0, 0, 1, 1, 2, 2]);
    }
}
