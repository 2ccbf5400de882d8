//! How surprising a count is: tails and quantiles of the negative binomial and Poisson laws.
//!
//! A prediction is given as a mean and a variance. When the variance exceeds the mean the law is the
//! negative binomial with size `r = m²/(v−m)` and probability `π = m/v`, otherwise the Poisson law.
//! `P(Y ≥ y) = I_{1−π}(y, r)` (regularized incomplete beta) and `P(y, m)` (lower incomplete gamma).

use statrs::function::beta::beta_reg;
use statrs::function::gamma::gamma_lr;

use super::real;

/// Below this relative excess of the variance over the mean a law counts as Poisson.
const POISSON_EXCESS: f64 = 1e-6;

/// The distribution of a count, given by its mean and variance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct CountLaw {
    /// The mean `m`.
    mean: f64,
    /// The variance `v`, at least the mean.
    variance: f64,
}

impl CountLaw {
    /// A law with the given mean and variance; a variance below the mean is raised to it.
    pub(crate) fn new(mean: f64, variance: f64) -> Self {
        let mean = mean.max(0.0);
        Self {
            mean,
            variance: variance.max(mean),
        }
    }

    /// The negative binomial law of `size` successes with success probability `probability`.
    pub(crate) fn negative_binomial(size: f64, probability: f64) -> Self {
        let mean = size * (1.0 - probability) / probability;
        Self::new(mean, mean / probability)
    }

    /// `P(Y ≥ y)`.
    pub(crate) fn upper_tail(self, y: u64) -> f64 {
        if y == 0 {
            return 1.0;
        }
        if self.mean <= 0.0 {
            return 0.0;
        }
        if self.variance <= self.mean * (1.0 + POISSON_EXCESS) {
            return gamma_lr(real(y), self.mean);
        }
        let size = self.mean * self.mean / (self.variance - self.mean);
        beta_reg(real(y), size, 1.0 - self.mean / self.variance)
    }

    /// The smallest `y` with `P(Y ≤ y) ≥ probability`.
    pub(crate) fn quantile(self, probability: f64) -> u64 {
        let reaches = |y: u64| 1.0 - self.upper_tail(y + 1) >= probability;
        let mut high = 1;
        while !reaches(high) && high < u64::MAX / 4 {
            high *= 2;
        }
        let mut low = 0;
        while low < high {
            let middle = low.midpoint(high);
            if reaches(middle) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        low
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::golden::assert_close;

    #[test]
    fn the_tail_of_a_geometric_law_is_a_power() {
        let law = CountLaw::negative_binomial(1.0, 0.25);
        assert_close(law.upper_tail(7), 0.75_f64.powi(7), 1e-10);
    }

    #[test]
    fn the_poisson_tail_is_one_minus_the_sum_of_the_first_terms() {
        let law = CountLaw::new(2.0, 2.0);
        assert_close(law.upper_tail(3), 1.0 - 5.0 * (-2.0_f64).exp(), 1e-10);
    }

    #[test]
    fn a_barely_overdispersed_law_is_close_to_poisson() {
        let nearly = CountLaw::new(30.0, 30.0 * (1.0 + 1e-5));
        assert_close(
            nearly.upper_tail(50),
            CountLaw::new(30.0, 30.0).upper_tail(50),
            1e-3,
        );
    }

    #[test]
    fn quantiles_invert_the_distribution_function() {
        let law = CountLaw::new(7.0, 12.0);
        for y in 0..40 {
            let below = 1.0 - law.upper_tail(y + 1);
            assert_eq!(law.quantile(below - 1e-9), y);
        }
    }

    #[test]
    fn an_impossible_count_has_no_chance() {
        assert!(CountLaw::new(0.0, 0.0).upper_tail(1) <= 0.0);
        assert_eq!(CountLaw::new(0.0, 0.0).quantile(0.975), 0);
    }
}
