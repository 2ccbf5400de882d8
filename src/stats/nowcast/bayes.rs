//! The number of events of a day, as a distribution: what is seen, what is known of delays, and a prior.
//!
//! Höhle and an der Heiden (2014, Biometrics 70:993): `N | λ ~ Po(λ)`, `λ ~ Ga(α_λ, β_λ)`, and of the `N`
//! events each is seen with chance `F`. Given `F` and `n` seen, the number still to come is negative
//! binomial with size `α_λ + n` and probability `(β_λ + F)/(β_λ + 1)`. `F` has a posterior of its own:
//!
//! - with truncation, the reverse hazards are independent Beta laws, `g(d) ~ Be(α + n(d), αd + n(<d))` over the
//!   events of age at least `d`, which is a generalized Dirichlet law of the delays;
//! - without, the delays seen so far are taken as if they were all, `F(d) ~ Be(α(d+1) + n(≤d), α(D−d) + n(>d))`. In
//!   growing outbreaks that is too optimistic; it is here for comparison.
//!
//! The distribution is averaged over draws of `F`, so that it depends on the seed a little.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Beta, Distribution};
use statrs::function::beta::ln_beta;

use super::super::{real, real_len, rounded};
use super::Triangle;

/// What is assumed beforehand, and how finely it is averaged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Prior {
    /// The mean of `λ`, events a day.
    pub(crate) mean: f64,
    /// The variance of `λ`.
    pub(crate) variance: f64,
    /// The weight `α` of each delay.
    pub(crate) weight: f64,
    /// The largest number of events thought possible; no bound if none.
    pub(crate) support: Option<u64>,
}

impl Default for Prior {
    /// That of the outbreak of the paper: 50 events a day with variance 3,000, `α = 0.1`, without a bound.
    fn default() -> Self {
        Self {
            mean: 50.0,
            variance: 3000.0,
            weight: 0.1,
            support: None,
        }
    }
}

/// Draws of the completeness at every delay.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CompletenessDraws {
    /// For every delay from 0 to `D`, the draws.
    by_delay: Vec<Vec<f64>>,
}

/// Median and 95 % interval of a number of events; nothing beyond the bound of the prior.
pub(crate) type CountQuantiles = [Option<u64>; 3];

/// The probabilities of [`CountQuantiles`]: lower limit, median, upper limit.
const PROBABILITIES: [f64; 3] = [0.025, 0.5, 0.975];

/// No number beyond this is searched for.
const LAST_COUNT: u64 = 1_000_000;

/// Whether the delays are corrected for those still running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Truncation {
    /// They are.
    Corrected,
    /// They are taken as complete.
    Ignored,
}

impl CompletenessDraws {
    /// Draws from the posterior. Nothing where the weight is not positive.
    pub(crate) fn new(
        triangle: &Triangle,
        truncation: Truncation,
        weight: f64,
        (n_draws, seed): (usize, u64),
    ) -> Option<Self> {
        let hazards = hazard_laws(triangle, truncation, weight).filter(|_| weight > 0.0)?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut by_delay = vec![Vec::with_capacity(n_draws); hazards.len() + 1];
        for _ in 0..n_draws {
            let mut completeness = 1.0;
            let mut laws = hazards.iter().rev();
            for draws in by_delay.iter_mut().rev() {
                draws.push(completeness);
                completeness *= laws.next().map_or(1.0, |law| 1.0 - law.sample(&mut rng));
            }
        }
        Some(Self { by_delay })
    }

    /// Quantiles of the events of a day so many days ago, of which `n_seen` are seen.
    ///
    /// Nothing where the prior has no mean or variance.
    pub(crate) fn nowcast(&self, n_seen: u64, age: usize, prior: Prior) -> Option<CountQuantiles> {
        let last = self.by_delay.len().checked_sub(1)?;
        let draws = self.by_delay.get(age.min(last))?;
        let (shape, rate) = (
            prior.mean.powi(2) / prior.variance,
            prior.mean / prior.variance,
        );
        if !(shape > 0.0 && shape.is_finite() && rate > 0.0) || draws.is_empty() {
            return None;
        }
        let size = shape + real(n_seen);
        let laws: Vec<ToCome> = draws
            .iter()
            .map(|part| ToCome::new(size, rate, *part))
            .collect();
        let last = prior.support.map(|support| support.saturating_sub(n_seen));
        let weights = match last {
            Some(last) => bounded_weights(&laws, size, last),
            None => vec![real_len(laws.len()).recip(); laws.len()],
        };
        let mut ways = LnWays::new(size);
        let chance = |_: u64| {
            let (count, ln_ways) = ways.next();
            laws.iter()
                .zip(&weights)
                .map(|(law, weight)| weight * law.chance(count, ln_ways))
                .sum()
        };
        Some(quantiles(n_seen, last, chance))
    }
}

/// The Beta laws of the reverse hazards for the delays 1 to `D`.
///
/// Without truncation the hazards that make up the Dirichlet law of the delays are the same with all counts.
fn hazard_laws(triangle: &Triangle, truncation: Truncation, weight: f64) -> Option<Vec<Beta<f64>>> {
    let counts: Vec<(u64, u64)> = match truncation {
        Truncation::Corrected => triangle.delay_counts(),
        Truncation::Ignored => cumulated(&triangle.untruncated_counts()),
    };
    let with_delay = counts.into_iter().enumerate().skip(1);
    let law = |(delay, (n_at, n_up_to)): (usize, (u64, u64))| {
        let n_before = n_up_to.saturating_sub(n_at);
        Beta::new(
            weight + real(n_at),
            weight * real_len(delay) + real(n_before),
        )
        .ok()
    };
    with_delay.map(law).collect()
}

/// Each count with the sum up to it.
fn cumulated(counts: &[u64]) -> Vec<(u64, u64)> {
    let mut sum = 0;
    let with_sum = counts.iter().map(|count| {
        sum += count;
        (*count, sum)
    });
    with_sum.collect()
}

/// The negative binomial law of the events still to come, without its number of ways.
#[derive(Debug, Clone, Copy)]
struct ToCome {
    /// `size · ln(probability)`.
    ln_none: f64,
    /// `ln(1 − probability)`; minus infinity where nothing is to come.
    ln_one_more: f64,
}

impl ToCome {
    /// Given the completeness.
    fn new(size: f64, rate: f64, completeness: f64) -> Self {
        let probability = (rate + completeness) / (rate + 1.0);
        Self {
            ln_none: size * probability.ln(),
            ln_one_more: ((1.0 - completeness) / (rate + 1.0)).ln(),
        }
    }

    /// The chance of so many, with the logarithm of its number of ways.
    fn chance(self, count: u64, ln_ways: f64) -> f64 {
        if count == 0 {
            return self.ln_none.exp();
        }
        (ln_ways + self.ln_none + real(count) * self.ln_one_more).exp()
    }
}

/// `ln(Γ(size + k)/(Γ(size) k!))` for `k` = 0, 1, 2, …
#[derive(Debug, Clone, Copy)]
struct LnWays {
    /// The size.
    size: f64,
    /// The next `k`.
    count: u64,
    /// Its value.
    value: f64,
}

impl LnWays {
    /// From `k` = 0.
    fn new(size: f64) -> Self {
        Self {
            size,
            count: 0,
            value: 0.0,
        }
    }

    /// The next `k` with its value.
    fn next(&mut self) -> (u64, f64) {
        let found = (self.count, self.value);
        self.value += ((self.size + real(self.count)) / real(self.count + 1)).ln();
        self.count += 1;
        found
    }
}

/// The weight of each law that makes it sum to one up to a bound, over the number of laws.
fn bounded_weights(laws: &[ToCome], size: f64, last: u64) -> Vec<f64> {
    let mut sums = vec![0.0; laws.len()];
    let mut ways = LnWays::new(size);
    for _ in 0..=last {
        let (count, ln_ways) = ways.next();
        for (sum, law) in sums.iter_mut().zip(laws) {
            *sum += law.chance(count, ln_ways);
        }
    }
    let n_laws = real_len(laws.len());
    let weight = |sum: f64| {
        if sum > 0.0 {
            (sum * n_laws).recip()
        } else {
            0.0
        }
    };
    sums.into_iter().map(weight).collect()
}

/// The quantiles of `n_seen` plus a number whose chances come one by one.
fn quantiles(n_seen: u64, last: Option<u64>, mut chance: impl FnMut(u64) -> f64) -> CountQuantiles {
    let mut found = [None; 3];
    let mut sum = 0.0;
    for count in 0..=last.unwrap_or(LAST_COUNT) {
        sum += chance(count);
        for (quantile, probability) in found.iter_mut().zip(PROBABILITIES) {
            if quantile.is_none() && sum >= probability {
                *quantile = Some(n_seen + count);
            }
        }
        if found.iter().all(Option::is_some) {
            break;
        }
    }
    found
}

/// The same without truncation, and with a flat prior on the number of events, in closed form.
///
/// `F ~ Be(a, b)` and a flat prior give a beta-negative-binomial law of size `n + 1` for the number still to come.
/// A bound cuts the law off without making up for the part beyond.
pub(crate) fn beta_negative_binomial(
    triangle: &Triangle,
    age: usize,
    weight: f64,
    support: Option<u64>,
) -> CountQuantiles {
    let counts = triangle.untruncated_counts();
    let n_seen = triangle.n_seen(age);
    let n_known = (age + 1).min(counts.len());
    let (known, unknown) = counts.split_at(n_known);
    if unknown.is_empty() {
        return [Some(n_seen); 3];
    }
    let pseudo = |part: &[u64]| real(part.iter().sum()) + weight * real_len(part.len());
    let (a, b, size) = (pseudo(known), pseudo(unknown), real(n_seen + 1));
    let mut next = (ln_beta(a + size, b) - ln_beta(a, b)).exp();
    let chance = |count: u64| {
        let found = next;
        let k = real(count);
        next *= (k + size) / (k + 1.0) * (b + k) / (a + size + b + k);
        found
    };
    quantiles(
        n_seen,
        support.map(|support| support.saturating_sub(n_seen)),
        chance,
    )
}

/// What the prior bound alone says: every number from what is seen to the bound is equally likely.
///
/// Of `m` values the smallest with more than the part `p` at or below it, `⌊pm⌋` above what is seen.
pub(crate) fn uninformed(n_seen: u64, support: u64) -> CountQuantiles {
    let n_values = support.saturating_sub(n_seen) + 1;
    PROBABILITIES.map(|p| Some(n_seen + rounded((p * real(n_values)).floor())))
}

#[cfg(test)]
mod tests {
    use super::super::{Late, Report, View};
    use super::*;
    use crate::stats::golden::assert_close;

    /// A triangle of two delays: of the events of ten days each, `n_late` of ten a day late.
    fn triangle(n_late: usize) -> Triangle {
        let day = |event: i64| {
            (0..10_usize).map(move |at| Report {
                event,
                reported: event + i64::from(at < n_late),
            })
        };
        let known: Vec<Report> = (0..20).flat_map(day).collect();
        Triangle::new(
            &known,
            View {
                now: 19,
                max_delay: 1,
                late: Late::Dropped,
                window: None,
            },
        )
    }

    #[test]
    fn with_many_reports_the_median_is_near_what_is_seen_over_the_completeness() {
        let triangle = triangle(5);
        assert_eq!(triangle.n_seen(0), 5);
        let draws =
            CompletenessDraws::new(&triangle, Truncation::Corrected, 0.1, (500, 1)).unwrap();
        let flat = Prior {
            mean: 50.0,
            variance: 1e6,
            ..Prior::default()
        };
        let [low, median, high] = draws.nowcast(5, 0, flat).unwrap().map(Option::unwrap);
        assert!(
            low < median && median < high && (8..=11).contains(&median),
            "{low} {median} {high}"
        );
        assert_eq!(draws.nowcast(5, 1, flat), Some([Some(5); 3]));
    }

    #[test]
    fn a_certain_prior_decides_alone() {
        // λ is 30 almost surely: 5 seen and Po(30·(1 − F)) to come, about 5 + 15.
        let draws =
            CompletenessDraws::new(&triangle(5), Truncation::Corrected, 0.1, (400, 1)).unwrap();
        let sure = Prior {
            mean: 30.0,
            variance: 1e-3,
            ..Prior::default()
        };
        let [_, median, _] = draws.nowcast(5, 0, sure).unwrap();
        assert!((19..=21).contains(&median.unwrap()));
    }

    #[test]
    fn the_same_seed_gives_the_same_draws_and_a_day_of_many_does_not_underflow() {
        let draw =
            || CompletenessDraws::new(&triangle(5), Truncation::Ignored, 0.1, (50, 9)).unwrap();
        assert_eq!(draw(), draw());
        let [_, median, _] = draw().nowcast(20_000, 0, Prior::default()).unwrap();
        assert!(median.unwrap() > 20_000);
    }

    #[test]
    fn the_number_of_ways_is_the_binomial_coefficient() {
        let mut ways = LnWays::new(3.0);
        let values: Vec<f64> = (0..4).map(|_| ways.next().1.exp()).collect();
        for (found, expected) in values.iter().zip([1.0, 3.0, 6.0, 10.0]) {
            assert_close(*found, expected, 1e-12);
        }
    }

    #[test]
    fn a_weight_or_prior_that_is_none_is_refused() {
        let triangle = triangle(3);
        assert_eq!(
            CompletenessDraws::new(&triangle, Truncation::Corrected, -5.0, (9, 1)),
            None
        );
        let draws = CompletenessDraws::new(&triangle, Truncation::Corrected, 0.1, (9, 1)).unwrap();
        assert_eq!(
            draws.nowcast(
                1,
                0,
                Prior {
                    mean: 0.0,
                    ..Prior::default()
                }
            ),
            None
        );
    }

    #[test]
    fn uninformed_quantiles_run_from_seen_to_the_bound() {
        assert_eq!(uninformed(8, 300), [Some(15), Some(154), Some(293)]);
    }
}
