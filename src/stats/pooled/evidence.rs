//! How strongly a cell's last months speak for a rise, and how rarely they would by chance.
//!
//! For each window `w` that ends in the judged month and each rate ratio `r`, the count `Y_w` is compared
//! under the Gamma–Poisson predictive law with mean `m_w` and with mean `r m_w`; the likelihood ratios are
//! averaged (the Bayes factor of Neill, Moore and Cooper 2006, NIPS 18:1003, over durations and sizes):
//!
//! ```text
//! k_w   = m_w²/(v_w − m_w)                                   size of the predictive law
//! T     = mean over w, r of  r^Y ((k_w + m_w)/(k_w + r m_w))^(k_w + Y)
//! p     = share of T* ≥ T among cells drawn from the predictive laws of all cells judged together
//! ```
//!
//! Ranking all cells by one likelihood ratio finds more at the same number of false flags than ranking
//! by a tail probability of each cell (Storey 2007, J. R. Statist. Soc. B 69:347): where a rise could
//! hardly be told from chance, chance is given less room. So `p` is the chance for a cell drawn at random
//! from the month, which is what false-discovery control over the month needs. Beyond the largest draws
//! the tail is continued by a power law (Weissman 1978, J. Am. Statist. Ass. 73:812).

use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Gamma, Normal};
use statrs::function::gamma::ln_gamma;

use super::baseline::Level;
use crate::stats::panel_law::count;
use crate::stats::{real, real_len};

/// The longest window that can be tried.
pub(crate) const MAX_WINDOW: usize = 6;

/// The rate ratios tried, with equal weight.
pub(crate) const RATIOS: [f64; 4] = [1.5, 2.0, 3.0, 5.0];

/// One value per month of the longest window, the judged month first and then back in time.
pub(crate) type Backward<T> = [T; MAX_WINDOW];

/// Mean and variance of a window's count if nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Moments {
    /// The mean `m`.
    pub(crate) mean: f64,
    /// The variance `v`.
    pub(crate) variance: f64,
}

/// The predictive law of a cell's last months.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Recent {
    /// What exposure and pooled rate explain, by month.
    pub(crate) bases: Backward<f64>,
    /// How many months may be looked at.
    pub(crate) n_months: usize,
    /// The district's level.
    pub(crate) level: Level,
    /// Over-dispersion.
    pub(crate) phi: f64,
    /// Variance of the log rate in these months.
    pub(crate) log_rate_variance: f64,
}

impl Recent {
    /// The moments of the window of the last `n` months: `φ m + E² A/B² + m² var(log rate)`.
    pub(crate) fn window(&self, n: usize) -> Moments {
        let base: f64 = self.bases.iter().take(n).sum();
        let mean = base * self.level.mean();
        let unknown = base * base * self.level.variance() + mean * mean * self.log_rate_variance;
        Moments {
            mean,
            variance: self.phi * mean + unknown,
        }
    }

    /// The likelihood ratios, ready for any counts.
    pub(crate) fn ratios(&self, n_windows: usize) -> LikelihoodRatios {
        let mut ratios = LikelihoodRatios {
            base: [CountTerm::default(); MAX_WINDOW],
            terms: [[CountTerm::default(); RATIOS.len()]; MAX_WINDOW],
            n_windows: n_windows.min(self.n_months),
        };
        let windows = ratios.base.iter_mut().zip(&mut ratios.terms);
        for (window, (base, terms)) in windows.take(ratios.n_windows).enumerate() {
            let law = self.window(window + 1);
            let unknown = (law.variance - self.phi * law.mean).max(0.0);
            *base = CountTerm::new(law);
            for (term, ratio) in terms.iter_mut().zip(RATIOS) {
                let mean = ratio * law.mean;
                let variance = self.phi * mean + ratio * ratio * unknown;
                *term = CountTerm::new(Moments { mean, variance });
            }
        }
        ratios
    }

    /// Draws an error of the rate, as a factor.
    pub(crate) fn draw_rate(&self, random: &mut ChaCha8Rng) -> f64 {
        let law = Normal::new(0.0, self.log_rate_variance.max(0.0).sqrt());
        law.map_or(1.0, |law| law.sample(random).exp())
    }

    /// Draws the counts of the months if nothing has changed but the rate is wrong by the given factor.
    pub(crate) fn draw(&self, rate_factor: f64, random: &mut ChaCha8Rng) -> Backward<u64> {
        let level = Gamma::new(self.level.shape, 1.0 / self.level.rate);
        let level = rate_factor * level.map_or(self.level.mean(), |law| law.sample(random));
        let mut counts = [0; MAX_WINDOW];
        for (drawn, base) in counts.iter_mut().zip(self.bases).take(self.n_months) {
            *drawn = count(base * level, self.phi, random);
        }
        counts
    }
}

/// The evidence of a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Evidence {
    /// The averaged likelihood ratio `T`.
    pub(crate) ratio: f64,
    /// The window that contributes most.
    pub(crate) n_window_months: usize,
}

/// The log probability of a negative binomial count, without the part all rate ratios share:
/// `ln Γ(Y + k) − ln Γ(k) − k ln(1 + m/k) + Y ln(m/(k + m))`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct CountTerm {
    /// The size `k`.
    size: f64,
    /// The part without the count.
    constant: f64,
    /// The factor of the count.
    slope: f64,
}

impl CountTerm {
    /// A term with these moments.
    fn new(law: Moments) -> Self {
        let excess = (law.variance - law.mean).max(law.mean * law.mean / MAX_SIZE);
        let size = law.mean * law.mean / excess;
        Self {
            size,
            constant: -ln_gamma(size) - size * (law.mean / size).ln_1p(),
            slope: (law.mean / (size + law.mean)).ln(),
        }
    }

    /// The log probability of a count.
    fn at(self, count: f64) -> f64 {
        ln_gamma(count + self.size) + self.constant + count * self.slope
    }
}

/// Above this size the negative binomial law is the Poisson law to all digits that matter.
const MAX_SIZE: f64 = 1e6;

/// The predictive laws of the windows without and with a rise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct LikelihoodRatios {
    /// Without a rise, by window.
    base: Backward<CountTerm>,
    /// With a rise, by window and rate ratio.
    terms: Backward<[CountTerm; RATIOS.len()]>,
    /// How many windows are tried.
    n_windows: usize,
}

impl LikelihoodRatios {
    /// Weighs the counts of the last months.
    pub(crate) fn weigh(&self, counts: &Backward<u64>) -> Evidence {
        let (mut sum, mut most, mut n_window_months) = (0.0, 0.0, 1);
        let mut observed = 0;
        for (window, terms) in self.terms.iter().take(self.n_windows).enumerate() {
            observed += counts[window];
            let y = real(observed);
            let unchanged = self.base[window].at(y);
            let of_window: f64 = terms
                .iter()
                .map(|term| (term.at(y) - unchanged).min(600.0).exp())
                .sum();
            sum += of_window;
            if of_window > most {
                (most, n_window_months) = (of_window, window + 1);
            }
        }
        let n = real_len(self.n_windows.max(1) * RATIOS.len());
        Evidence {
            ratio: sum / n,
            n_window_months,
        }
    }
}

/// The largest share of the draws that the power law is fitted to.
const TAIL_SHARE: f64 = 0.002;

/// What the evidence of the cells judged together looks like if nothing has changed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Null {
    /// The evidence drawn, sorted upward.
    draws: Vec<f64>,
    /// Beyond this evidence the power law holds.
    threshold: f64,
    /// Its share of the draws.
    share: f64,
    /// The exponent of the power law.
    exponent: f64,
}

impl Null {
    /// Sorts the draws and fits the tail: Hill's exponent over the largest `k` draws.
    pub(crate) fn new(mut draws: Vec<f64>) -> Self {
        draws.sort_by(f64::total_cmp);
        let n = real_len(draws.len());
        let n_tail = usize::try_from(crate::stats::rounded(n * TAIL_SHARE))
            .unwrap_or(0)
            .max(20);
        let cut = draws.len().saturating_sub(n_tail + 1);
        let threshold = draws.get(cut).copied().unwrap_or(1.0).max(1.0);
        let tail = || draws.iter().filter(|draw| **draw > threshold);
        let n_tail = real_len(tail().count());
        let logs: f64 = tail().map(|draw| (draw / threshold).ln()).sum();
        // The likelihood ratio has mean 1 without a rise, so its tail falls at least as fast as 1/T.
        let exponent = if logs > 0.0 {
            (n_tail / logs).max(1.0)
        } else {
            1.0
        };
        Self {
            threshold,
            share: (n_tail + 1.0) / (n + 1.0),
            exponent,
            draws,
        }
    }

    /// The chance of evidence at least as strong.
    pub(crate) fn p(&self, evidence: f64) -> f64 {
        if evidence > self.threshold {
            return self.share * (evidence / self.threshold).powf(-self.exponent);
        }
        let below = self.draws.partition_point(|draw| *draw < evidence);
        let n = real_len(self.draws.len());
        ((n - real_len(below) + 1.0) / (n + 1.0)).min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::golden::assert_close;
    use proptest::prelude::*;
    use rand::SeedableRng;

    /// A cell of three expected requests a month.
    fn recent(phi: f64, shape: f64) -> Recent {
        Recent {
            bases: [3.0; MAX_WINDOW],
            n_months: 4,
            level: Level { shape, rate: shape },
            phi,
            log_rate_variance: 0.0,
        }
    }

    /// Evidence of counts in the last four months, the latest first.
    fn weighed(law: &Recent, counts: [u64; 4]) -> Evidence {
        let mut backward = [0; MAX_WINDOW];
        backward[..4].copy_from_slice(&counts);
        law.ratios(4).weigh(&backward)
    }

    #[test]
    fn the_moments_of_a_window_add_chance_and_what_is_not_known() {
        let law = Recent {
            log_rate_variance: 0.01,
            ..recent(2.0, 10.0)
        };
        let window = law.window(2);
        assert_close(window.mean, 6.0, 1e-12);
        assert_close(
            window.variance,
            2.0 * 6.0 + 36.0 / 10.0 + 36.0 * 0.01,
            1e-12,
        );
    }

    #[test]
    fn with_everything_known_and_no_scatter_the_evidence_is_a_poisson_likelihood_ratio() {
        let law = recent(1.0, 1e12);
        let found = weighed(&law, [9, 2, 3, 4]);
        let ratio = |y: f64, m: f64, r: f64| (y * r.ln() - (r - 1.0) * m).exp();
        let windows = [(9.0, 3.0), (11.0, 6.0), (14.0, 9.0), (18.0, 12.0)];
        let sum: f64 = windows
            .iter()
            .flat_map(|(y, m)| RATIOS.map(|r| ratio(*y, *m, r)))
            .sum();
        assert_close(found.ratio, sum / 16.0, 1e-4);
        assert_eq!(found.n_window_months, 1);
    }

    #[test]
    fn with_scatter_the_evidence_is_a_negative_binomial_likelihood_ratio() {
        // One window of one month, y = 2: with φ = 2 and θ known the size is m, so by hand
        // P(2; m) = m(m+1)/2 · 2^(−m−2), and the ratio r multiplies m.
        let law = Recent {
            n_months: 1,
            ..recent(2.0, 1e12)
        };
        let probability = |m: f64| m * (m + 1.0) / 2.0 * 2.0_f64.powf(-m - 2.0);
        let sum: f64 = RATIOS
            .map(|r| probability(3.0 * r) / probability(3.0))
            .iter()
            .sum();
        assert_close(weighed(&law, [2, 0, 0, 0]).ratio, sum / 4.0, 1e-6);
    }

    #[test]
    fn the_draws_have_the_moments_of_the_prediction() {
        let law = recent(2.0, 10.0);
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let draws: Vec<f64> = (0..40_000)
            .map(|_| law.draw(1.0, &mut random).iter().take(4).sum::<u64>())
            .map(real)
            .collect();
        let n = real_len(draws.len());
        let mean = draws.iter().sum::<f64>() / n;
        let variance = draws.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / n;
        assert_close(mean, law.window(4).mean, 0.02);
        assert_close(variance, law.window(4).variance, 0.05);
    }

    #[test]
    fn a_chance_is_the_share_of_draws_and_falls_on_beyond_them() {
        let draws: Vec<f64> = (0..10_000_u32)
            .map(|draw| 1000.0 / f64::from(draw + 1))
            .collect();
        let null = Null::new(draws);
        // P(T ≥ t) = (100 draws)/(10,000) at t = 10, one more in both as in a Monte-Carlo test.
        assert_close(null.p(10.0), 101.0 / 10_001.0, 1e-9);
        assert!(null.p(1e6) < 1e-5 && null.p(1e6) > 0.0);
        assert_close(null.p(0.0), 1.0, 1e-12);
    }

    #[test]
    fn without_draws_nothing_is_surprising() {
        assert!(Null::new(Vec::new()).p(0.5) >= 1.0);
    }

    proptest! {
        #[test]
        fn one_request_more_is_never_weaker_evidence(
            counts in prop::array::uniform4(0_u64..40),
            month in 0_usize..4,
            phi in 1.0_f64..4.0,
            shape in 0.5_f64..500.0,
        ) {
            let law = recent(phi, shape);
            let mut more = counts;
            more[month] += 1;
            prop_assert!(weighed(&law, more).ratio >= weighed(&law, counts).ratio * (1.0 - 1e-7));
        }

        #[test]
        fn stronger_evidence_is_never_less_surprising(
            draws in prop::collection::vec(0.0_f64..50.0, 0..300),
            weaker in 0.0_f64..100.0,
            more in 0.0_f64..100.0,
        ) {
            let null = Null::new(draws);
            let (p, q) = (null.p(weaker), null.p(weaker + more));
            prop_assert!(q <= p && q > 0.0 && p <= 1.0);
        }
    }
}
