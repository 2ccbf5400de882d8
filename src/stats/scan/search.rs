//! One pass over all windows: for the data, where every score is kept, and for replicates, where the largest is.
//!
//! Replicates are swept eight at a time, each zone made from its parent by one addition. A count is scored only
//! where it reaches the smallest count that could matter: that of a score `floor` which the largest score of
//! almost every replicate exceeds. A replicate in which nothing reaches the floor is swept again without it,
//! so the largest scores are exact.

use rand_chacha::ChaCha8Rng;

use super::draw::Draw;
use super::score::Statistic;
use super::zones::Zones;

/// How many replicates are swept together.
const LANES: usize = 8;

/// How many batches are swept without a floor to find one.
const PILOT_BATCHES: usize = 2;

/// The floor as a part of the smallest of the pilot's largest scores.
const FLOOR_PART: f64 = 0.65;

/// All windows of a scan: zones by intervals of time.
#[derive(Debug, Clone)]
pub(crate) struct Windows<'a> {
    /// The zones.
    pub(crate) zones: &'a Zones,
    /// The intervals: first live time and the one after the last.
    pub(crate) intervals: Vec<(usize, usize)>,
    /// How many live times there are.
    pub(crate) n_live: usize,
    /// The statistic.
    pub(crate) statistic: Statistic,
    /// The least count of a window that is scored.
    pub(crate) min_count: f64,
    /// The size of each window, in the order of nodes and then intervals.
    sizes: Vec<f64>,
}

/// The score of one window of the data.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scored {
    /// The node of its zone.
    pub(crate) node: usize,
    /// Its interval.
    pub(crate) interval: usize,
    /// Its score.
    pub(crate) score: f64,
}

impl<'a> Windows<'a> {
    /// The windows, with the size of each from the sizes of the live cells.
    pub(crate) fn new(
        zones: &'a Zones,
        (intervals, n_live): (Vec<(usize, usize)>, usize),
        (statistic, min_count): (Statistic, f64),
        cell_sizes: &[f64],
    ) -> Self {
        let mut windows = Self {
            zones,
            intervals,
            n_live,
            statistic,
            min_count,
            sizes: Vec::new(),
        };
        let n_windows = zones.nodes().len() * windows.intervals.len();
        let mut sizes = vec![0.0; n_windows];
        let sums = windows.sums_of_one(cell_sizes);
        sweep(
            &windows,
            &sums,
            &vec![f64::NEG_INFINITY; n_windows],
            |at, [size]: &[f64; 1]| sizes[at] = *size,
        );
        windows.sizes = sizes;
        windows
    }

    /// The scores above zero of the data, in the order of nodes and then intervals.
    pub(crate) fn scores(&self, cells: &[f64]) -> Vec<Scored> {
        let sums = self.sums_of_one(cells);
        let mut scores = Vec::new();
        sweep(
            self,
            &sums,
            &self.least_counts(0.0),
            |at, [count]: &[f64; 1]| {
                let score = self.statistic.score(*count, self.sizes[at]);
                if score > 0.0 {
                    let n_intervals = self.intervals.len();
                    scores.push(Scored {
                        node: at / n_intervals,
                        interval: at % n_intervals,
                        score,
                    });
                }
            },
        );
        scores
    }

    /// The largest score of each replicate, in the order drawn; zero where no window scores.
    pub(crate) fn maxima(
        &self,
        draw: &mut Draw,
        rng: &mut ChaCha8Rng,
        n_replicates: usize,
    ) -> Vec<f64> {
        let unfloored = self.least_counts(0.0);
        let mut cells = vec![0.0; self.zones.n_areas() * self.n_live];
        let mut sums = vec![[0.0; LANES]; self.zones.n_areas() * self.intervals.len()];
        let mut maxima = Vec::with_capacity(n_replicates);
        let mut floored: Option<Vec<f64>> = None;
        let mut n_batches = 0;
        while maxima.len() < n_replicates {
            let n_lanes = LANES.min(n_replicates - maxima.len());
            for lane in 0..n_lanes {
                draw.replicate(rng, &mut cells);
                self.sum_lane(&cells, &mut sums, lane);
            }
            let mut best = self.best(&sums, floored.as_ref().unwrap_or(&unfloored));
            if floored.is_some() && best[..n_lanes].iter().any(|score| *score <= 0.0) {
                best = self.best(&sums, &unfloored);
            }
            maxima.extend_from_slice(&best[..n_lanes]);
            n_batches += 1;
            if n_batches == PILOT_BATCHES && maxima.len() < n_replicates {
                let least = maxima.iter().copied().fold(f64::INFINITY, f64::min);
                floored = (least > 0.0).then(|| self.least_counts(FLOOR_PART * least));
            }
        }
        maxima
    }

    /// The largest score of each lane.
    fn best(&self, sums: &[[f64; LANES]], least: &[f64]) -> [f64; LANES] {
        let mut best = [0.0; LANES];
        sweep(self, sums, least, |at, counts: &[f64; LANES]| {
            let size = self.sizes[at];
            let lanes = best.iter_mut().zip(counts);
            let lanes = lanes.filter(|(_, count)| **count >= least[at]);
            for (best, count) in
                lanes.filter(|(best, count)| self.statistic.bound(**count, size) > **best)
            {
                *best = self.statistic.score(*count, size).max(*best);
            }
        });
        best
    }

    /// The count from which each window scores at least `score`; endless for steps that are not judged.
    fn least_counts(&self, score: f64) -> Vec<f64> {
        let n_intervals = self.intervals.len();
        let least = |(at, size): (usize, &f64)| {
            let most = match self.statistic {
                Statistic::Conditional { cases } => cases,
                Statistic::Bernoulli { cases, .. } => cases.min(*size),
                Statistic::Expectation | Statistic::NegativeBinomial => f64::INFINITY,
            };
            if self.zones.nodes()[at / n_intervals].is_judged {
                self.statistic
                    .least_count(*size, score, (self.min_count, most))
            } else {
                f64::INFINITY
            }
        };
        self.sizes.iter().enumerate().map(least).collect()
    }

    /// The sums over the intervals of every area, for one set of cells.
    fn sums_of_one(&self, cells: &[f64]) -> Vec<[f64; 1]> {
        let mut sums = vec![[0.0]; self.zones.n_areas() * self.intervals.len()];
        self.sum_lane(cells, &mut sums, 0);
        sums
    }

    /// Writes the sums over the intervals of every area into one lane.
    fn sum_lane<const N: usize>(&self, cells: &[f64], sums: &mut [[f64; N]], lane: usize) {
        let areas = cells.chunks_exact(self.n_live.max(1));
        let mut running = vec![0.0; self.n_live + 1];
        for (area, sums) in areas.zip(sums.chunks_exact_mut(self.intervals.len().max(1))) {
            for (time, cell) in area.iter().enumerate() {
                running[time + 1] = running[time] + cell;
            }
            for (sum, (start, end)) in sums.iter_mut().zip(&self.intervals) {
                sum[lane] = running[*end] - running[*start];
            }
        }
    }
}

/// Adds up all windows, and hands on those in which some lane reaches its least count.
fn sweep<const N: usize>(
    windows: &Windows,
    sums: &[[f64; N]],
    least: &[f64],
    mut reached: impl FnMut(usize, &[f64; N]),
) {
    let n_intervals = windows.intervals.len();
    let nodes = windows.zones.nodes();
    let depth = nodes.iter().map(|zone| zone.n_areas).max().unwrap_or(0);
    let mut stack = vec![[0.0; N]; (depth + 1) * n_intervals];
    for (node, zone) in nodes.iter().enumerate() {
        let (below, here) = stack.split_at_mut(zone.n_areas * n_intervals);
        let parent = &below[(zone.n_areas - 1) * n_intervals..];
        let added = &sums[zone.area * n_intervals..][..n_intervals];
        let least = &least[node * n_intervals..][..n_intervals];
        let sums = here.iter_mut().zip(parent).zip(added).zip(least);
        for (interval, (((here, parent), added), least)) in sums.enumerate() {
            add(here, parent, added);
            if is_any_at_least(here, *least) {
                reached(node * n_intervals + interval, here);
            }
        }
    }
}

/// The sums of two sets of lanes.
#[inline]
fn add<const N: usize>(sum: &mut [f64; N], a: &[f64; N], b: &[f64; N]) {
    for ((sum, a), b) in sum.iter_mut().zip(a).zip(b) {
        *sum = a + b;
    }
}

/// Whether some lane reaches a bound; without a branch per lane.
#[inline]
fn is_any_at_least<const N: usize>(counts: &[f64; N], least: f64) -> bool {
    let mut is_any = false;
    for count in counts {
        is_any |= *count >= least;
    }
    is_any
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::stats::scan::draw::Spread;

    #[test]
    fn the_floor_changes_no_largest_score() {
        let zones = Zones::sets(
            4,
            &[vec![0], vec![1], vec![2], vec![3], vec![0, 1], vec![2, 3]],
        );
        let means = [0.2, 1.0, 0.1, 2.0, 0.4, 0.3, 1.5, 0.2];
        let weighted: Vec<f64> = means.iter().map(|mean| mean / 2.0).collect();
        let cells = means.iter().map(|mean| (*mean, 2.0 * mean)).collect();
        let cases = 6.0;
        let total: f64 = means.iter().sum();
        let scaled: Vec<f64> = means.iter().map(|mean| mean * cases / total).collect();
        let spread = Spread::new(&means);
        let laws = [
            (
                Statistic::Expectation,
                &means[..],
                Draw::Poisson {
                    mean: total,
                    spread: spread.clone(),
                },
            ),
            (
                Statistic::NegativeBinomial,
                &weighted[..],
                Draw::NegativeBinomial { cells },
            ),
            (
                Statistic::Conditional { cases },
                &scaled[..],
                Draw::Multinomial {
                    cases: 6,
                    live_share: 1.0,
                    spread,
                },
            ),
        ];
        for (statistic, sizes, mut draw) in laws {
            let windows = Windows::new(&zones, (vec![(1, 2), (0, 2)], 2), (statistic, 2.0), sizes);
            let mut again = draw.clone();
            let maxima = windows.maxima(&mut draw, &mut ChaCha8Rng::seed_from_u64(5), 1003);
            let mut rng = ChaCha8Rng::seed_from_u64(5);
            let mut cells = vec![0.0; 8];
            for found in maxima {
                again.replicate(&mut rng, &mut cells);
                let scores = windows.scores(&cells);
                let wanted = scores.iter().map(|scored| scored.score).fold(0.0, f64::max);
                assert!(
                    (found - wanted).abs() <= 0.0,
                    "found {found}, wanted {wanted}"
                );
            }
        }
    }
}
