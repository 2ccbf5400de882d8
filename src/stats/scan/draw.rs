//! Replicates of the data under the null hypothesis that nothing is clustered.
//!
//! Only the cells that some window covers (the *live* ones, the last months of a prospective scan) are drawn;
//! the others matter through how many cases fall to them. Every law is drawn exactly, up to the 64 bits of a
//! random word.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Binomial, Distribution, Gamma, Poisson};

use crate::stats::{real, real_len};

/// With more cases than this per cell, cells are drawn one by one rather than cases.
const CASES_PER_CELL: f64 = 24.0;

/// Below this relative excess of the variance over the mean a cell counts as Poisson.
const POISSON_EXCESS: f64 = 1e-6;

/// How replicates of the live cells are drawn.
#[derive(Debug, Clone)]
pub(crate) enum Draw {
    /// A fixed number of cases over all cells by their expectations.
    Multinomial {
        /// All cases.
        cases: u64,
        /// The chance of a case to be in a live cell.
        live_share: f64,
        /// The law over the live cells.
        spread: Spread,
    },
    /// Independent Poisson counts: a Poisson number of cases over the live cells by their expectations.
    Poisson {
        /// The expectation of all live cells.
        mean: f64,
        /// The law over the live cells.
        spread: Spread,
    },
    /// Cases or, if they are fewer, the others, drawn from the trials without replacement.
    Bernoulli {
        /// How many to draw.
        n_drawn: u64,
        /// Whether those drawn are the cases.
        is_cases: bool,
        /// Trials of the live cells and, last, of all others together.
        trials: Vec<u64>,
        /// How many were drawn from each.
        taken: Vec<u64>,
        /// A trial's cell.
        alias: Alias,
    },
    /// The times of all cases are shuffled over their areas.
    Permutation {
        /// The area of every case.
        areas: Vec<usize>,
        /// The live time of every case at one, counted from the first live one.
        slots: Vec<usize>,
        /// How many live times there are.
        n_live: usize,
    },
    /// Independent negative binomial counts, each over its ratio of variance to mean.
    NegativeBinomial {
        /// Mean and variance of each live cell.
        cells: Vec<(f64, f64)>,
    },
}

impl Draw {
    /// Draws one replicate into `counts`, one number per live cell.
    pub(crate) fn replicate(&mut self, rng: &mut ChaCha8Rng, counts: &mut [f64]) {
        counts.fill(0.0);
        match self {
            Self::Multinomial {
                cases,
                live_share,
                spread,
            } => {
                let n_live = binomial(rng, *cases, *live_share);
                spread.scatter(rng, n_live, counts);
            }
            Self::Poisson { mean, spread } => {
                let n_cases = poisson(rng, *mean);
                spread.scatter(rng, n_cases, counts);
            }
            Self::Bernoulli {
                n_drawn,
                is_cases,
                trials,
                taken,
                alias,
            } => {
                taken.fill(0);
                for _ in 0..*n_drawn {
                    take_one(rng, trials, taken, alias);
                }
                for ((count, taken), trials) in counts.iter_mut().zip(&*taken).zip(&*trials) {
                    let others = trials - taken;
                    *count = real([others, *taken][usize::from(*is_cases)]);
                }
            }
            Self::Permutation {
                areas,
                slots,
                n_live,
            } => {
                for (at, slot) in slots.iter().enumerate() {
                    let other = at + below(rng, areas.len() - at);
                    areas.swap(at, other);
                    counts[areas[at] * *n_live + slot] += 1.0;
                }
            }
            Self::NegativeBinomial { cells } => {
                for (count, (mean, variance)) in counts.iter_mut().zip(&*cells) {
                    *count = negative_binomial(rng, *mean, *variance) * mean
                        / variance.max(f64::MIN_POSITIVE);
                }
            }
        }
    }
}

/// Takes one trial that was not taken before.
///
/// A cell is drawn by its trials and kept with the share of them not yet taken, which is what drawing a single
/// trial again and again until it is a new one amounts to.
fn take_one(rng: &mut ChaCha8Rng, trials: &[u64], taken: &mut [u64], alias: &Alias) {
    loop {
        let cell = alias.cell(rng);
        if taken[cell] == 0 || scaled(rng, trials[cell]) >= taken[cell] {
            taken[cell] += 1;
            return;
        }
    }
}

/// A law over cells from which many cases are drawn.
#[derive(Debug, Clone)]
pub(crate) struct Spread {
    /// The law.
    alias: Alias,
    /// The chance of each cell among itself and those after it.
    conditional: Vec<f64>,
}

impl Spread {
    /// The law with the given weights.
    pub(crate) fn new(weights: &[f64]) -> Self {
        let mut rest = 0.0;
        let mut conditional: Vec<f64> = weights
            .iter()
            .rev()
            .map(|weight| {
                rest += weight;
                if rest > 0.0 {
                    (weight / rest).clamp(0.0, 1.0)
                } else {
                    0.0
                }
            })
            .collect();
        conditional.reverse();
        Self {
            alias: Alias::new(weights),
            conditional,
        }
    }

    /// Scatters cases over the cells.
    fn scatter(&self, rng: &mut ChaCha8Rng, n_cases: u64, counts: &mut [f64]) {
        if real(n_cases) <= CASES_PER_CELL * real_len(counts.len()) {
            for _ in 0..n_cases {
                counts[self.alias.cell(rng)] += 1.0;
            }
            return;
        }
        let mut left = n_cases;
        for (count, chance) in counts.iter_mut().zip(&self.conditional) {
            let here = binomial(rng, left, *chance);
            *count = real(here);
            left -= here;
        }
    }
}

/// Walker's alias table in Vose's form (1991, IEEE Trans. Softw. Eng. 17:972): a cell for one random word.
#[derive(Debug, Clone)]
pub(crate) struct Alias {
    /// Per column the bound below which its own cell is meant, and the other cell.
    columns: Vec<(u64, usize)>,
}

impl Alias {
    /// The table of the given weights, which need not sum to one.
    pub(crate) fn new(weights: &[f64]) -> Self {
        let total: f64 = weights.iter().sum();
        let scale = real_len(weights.len()) / total;
        let mut heights: Vec<f64> = weights.iter().map(|weight| weight * scale).collect();
        let mut columns: Vec<(u64, usize)> =
            (0..weights.len()).map(|cell| (u64::MAX, cell)).collect();
        let (mut small, mut large): (Vec<usize>, Vec<usize>) =
            (0..weights.len()).partition(|cell| heights[*cell] < 1.0);
        while let (Some(low), Some(high)) = (small.pop(), large.last().copied()) {
            columns[low] = (fraction(heights[low]), high);
            heights[high] -= 1.0 - heights[low];
            if heights[high] < 1.0 {
                large.pop();
                small.push(high);
            }
        }
        Self { columns }
    }

    /// A random cell.
    fn cell(&self, rng: &mut ChaCha8Rng) -> usize {
        let (column, rest) = split(rng.next_u64(), self.columns.len());
        let (bound, other) = self.columns[column];
        if rest < bound { column } else { other }
    }
}

/// A share of the unit interval as a share of all 64-bit words.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a product between 0 and 2^64, which the cast saturates"
)]
fn fraction(share: f64) -> u64 {
    (share * 2.0_f64.powi(64)) as u64
}

/// A word as a place among `n` and what is left of it as a new word.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the upper half is below n, the lower half is meant"
)]
fn split(word: u64, n: usize) -> (usize, u64) {
    let product = u128::from(word) * (n as u128);
    ((product >> 64) as usize, product as u64)
}

/// A random number below `n`.
fn below(rng: &mut ChaCha8Rng, n: usize) -> usize {
    split(rng.next_u64(), n).0
}

/// A random number below `n`, of any size.
fn scaled(rng: &mut ChaCha8Rng, n: u64) -> u64 {
    ((u128::from(rng.next_u64()) * u128::from(n)) >> 64) as u64
}

/// A binomial number; chances out of range count as the nearest in it.
fn binomial(rng: &mut ChaCha8Rng, n: u64, chance: f64) -> u64 {
    if chance >= 1.0 {
        return n;
    }
    Binomial::new(n, chance.max(0.0)).map_or(0, |law| law.sample(rng))
}

/// A Poisson number; none for a mean that is not above zero.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a whole number of cases"
)]
fn poisson(rng: &mut ChaCha8Rng, mean: f64) -> u64 {
    Poisson::new(mean).map_or(0, |law: Poisson<f64>| law.sample(rng) as u64)
}

/// A negative binomial number: a Poisson one whose mean is Gamma distributed.
fn negative_binomial(rng: &mut ChaCha8Rng, mean: f64, variance: f64) -> f64 {
    let excess = variance - mean;
    if excess <= mean * POISSON_EXCESS {
        return real(poisson(rng, mean));
    }
    let gamma = Gamma::new(mean * mean / excess, excess / mean);
    let mean = gamma.map_or(0.0, |law: Gamma<f64>| law.sample(rng));
    real(poisson(rng, mean))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::stats::golden::assert_close;

    /// Mean and variance of every cell over many replicates.
    fn moments(mut draw: Draw, n_cells: usize, n_replicates: u32) -> Vec<(f64, f64)> {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let mut counts = vec![0.0; n_cells];
        let mut sums = vec![(0.0, 0.0); n_cells];
        for _ in 0..n_replicates {
            draw.replicate(&mut rng, &mut counts);
            for (sum, count) in sums.iter_mut().zip(&counts) {
                *sum = (sum.0 + count, sum.1 + count * count);
            }
        }
        let n = f64::from(n_replicates);
        sums.iter()
            .map(|(sum, squares)| (sum / n, squares / n - (sum / n).powi(2)))
            .collect()
    }

    /// Fails when a cell has not the mean and variance it should.
    fn assert_moments(found: &[(f64, f64)], wanted: &[(f64, f64)]) {
        for (found, wanted) in found.iter().zip(wanted) {
            assert_close(found.0, wanted.0, 0.02);
            assert_close(found.1, wanted.1, 0.05);
        }
    }

    #[test]
    fn few_or_many_cases_are_multinomial() {
        for cases in [20_u64, 900] {
            let spread = Spread::new(&[0.1, 0.0, 0.25, 0.15]);
            let draw = Draw::Multinomial {
                cases,
                live_share: 0.5,
                spread,
            };
            let law = |chance: f64| (real(cases) * chance, real(cases) * chance * (1.0 - chance));
            let found = moments(draw, 4, 40_000);
            assert!(found[1].0 <= 0.0);
            assert_moments(&found, &[law(0.1), found[1], law(0.25), law(0.15)]);
        }
    }

    #[test]
    fn poisson_cells_have_their_mean_as_variance() {
        let draw = Draw::Poisson {
            mean: 7.0,
            spread: Spread::new(&[2.0, 1.0, 4.0]),
        };
        assert_moments(
            &moments(draw, 3, 60_000),
            &[(2.0, 2.0), (1.0, 1.0), (4.0, 4.0)],
        );
    }

    #[test]
    fn trials_are_drawn_without_replacement() {
        let trials = vec![3_u64, 7, 10];
        let alias = Alias::new(&[3.0, 7.0, 10.0]);
        // Hypergeometric: n K/N, n K/N (1−K/N) (N−n)/(N−1), with 8 of 20 trials cases.
        let law = |size: f64| {
            let share = size / 20.0;
            (8.0 * share, 8.0 * share * (1.0 - share) * 12.0 / 19.0)
        };
        for (n_drawn, is_cases) in [(8, true), (12, false)] {
            let draw = Draw::Bernoulli {
                n_drawn,
                is_cases,
                trials: trials.clone(),
                taken: vec![0; 3],
                alias: alias.clone(),
            };
            assert_moments(&moments(draw, 2, 60_000), &[law(3.0), law(7.0)]);
        }
    }

    #[test]
    fn a_permutation_keeps_the_cases_of_areas_and_of_times() {
        // Six cases of area 0 and two of area 1; two of the eight at the first live time, one at the second.
        let areas = vec![0, 0, 0, 0, 0, 0, 1, 1];
        let mut draw = Draw::Permutation {
            areas,
            slots: vec![0, 0, 1],
            n_live: 2,
        };
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut counts = vec![0.0; 4];
        let mut sum = 0.0;
        for _ in 0..20_000 {
            draw.replicate(&mut rng, &mut counts);
            assert_close(counts[0] + counts[2], 2.0, 1e-12);
            assert_close(counts[1] + counts[3], 1.0, 1e-12);
            assert!(counts[2] + counts[3] <= 2.0);
            sum += counts[0];
        }
        assert_close(sum / 20_000.0, 1.5, 0.02);
    }

    #[test]
    fn negative_binomial_cells_are_overdispersed_before_they_are_weighted() {
        let draw = Draw::NegativeBinomial {
            cells: vec![(3.0, 6.0), (2.0, 2.0)],
        };
        // Divided by w = 2: mean 1.5 and variance 6/4.
        assert_moments(&moments(draw, 2, 80_000), &[(1.5, 1.5), (2.0, 2.0)]);
    }
}
