//! How much more there is inside a window than expected: the log likelihood ratios of the models.
//!
//! `c` is the count in the window and `μ` the count expected there. All of them are zero where the count is
//! not above its expectation, and grow with `c` above it; a search may therefore ask for the smallest count
//! that reaches a score.

/// The statistic of a scan with the totals it is relative to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Statistic {
    /// Poisson counts given their total `C` (Kulldorff 1997, Commun. Statist. Theory Meth. 26:1481), and the
    /// space-time permutation model (Kulldorff et al. 2005, `PLoS` Med. 2:e59).
    Conditional {
        /// All cases, `C`.
        cases: f64,
    },
    /// Cases among trials (Kulldorff 1997, the Bernoulli model).
    Bernoulli {
        /// All cases, `C`.
        cases: f64,
        /// All trials, `N`.
        trials: f64,
    },
    /// Poisson counts around a baseline known from elsewhere (Neill, Moore, Sabhnani and Daniel 2005, KDD).
    Expectation,
    /// Negative binomial counts around a baseline (Tango, Takahashi and Kohriyama 2011, Biometrics 67:106).
    NegativeBinomial,
}

impl Statistic {
    /// The score of `count` in a window of the given size.
    ///
    /// - Conditional: `c ln(c/μ) + (C−c) ln((C−c)/(C−μ))`.
    /// - Bernoulli: `c ln(c/n) + (n−c) ln((n−c)/n) + (C−c) ln((C−c)/(N−n)) + (N−n−C+c) ln((N−n−C+c)/(N−n))`
    ///   minus the same for the whole, `C ln(C/N) + (N−C) ln((N−C)/N)`.
    /// - Expectation: `c ln(c/μ) + μ − c`.
    /// - Negative binomial: `Σ (y−μ)/w ÷ √(Σ μ/w)` with `w = 1 + μ/r` the variance over the mean of a cell,
    ///   the score test of `E y = qμ, q > 1`; here `count` is `Σ y/w` and `size` is `Σ μ/w`.
    pub(crate) fn score(self, count: f64, size: f64) -> f64 {
        match self {
            Self::Conditional { cases } => {
                if count <= size {
                    return 0.0;
                }
                entropy(count, size) + entropy(cases - count, cases - size)
            }
            Self::Bernoulli { cases, trials } => bernoulli(count, size, cases, trials),
            Self::Expectation => {
                if count <= size {
                    return 0.0;
                }
                entropy(count, size) + size - count
            }
            Self::NegativeBinomial => {
                if count <= size || size <= 0.0 {
                    return 0.0;
                }
                (count - size) / size.sqrt()
            }
        }
    }

    /// A number that the score does not exceed, cheaper than the score, for a count above its expectation.
    ///
    /// With `D(x‖y) = x ln(x/y) − x + y ≤ (x−y)²/2 · 1/min(x, y)` the conditional score
    /// `D(c‖μ) + D(C−c‖C−μ)` is at most `(c−μ)²/2 · (1/μ + 1/(C−c))`.
    pub(crate) fn bound(self, count: f64, size: f64) -> f64 {
        let half_square = 0.5 * (count - size) * (count - size);
        match self {
            Self::Conditional { cases } => half_square / size + half_square / (cases - count),
            Self::Expectation => half_square / size,
            Self::Bernoulli { .. } | Self::NegativeBinomial => f64::INFINITY,
        }
    }

    /// The count that is expected in a window of the given size.
    pub(crate) fn expected(self, size: f64) -> f64 {
        match self {
            Self::Bernoulli { cases, trials } => cases * size / trials,
            Self::Conditional { .. } | Self::Expectation | Self::NegativeBinomial => size,
        }
    }

    /// The smallest count that scores at least `score`, if any up to `most` does; at least `min_count`.
    ///
    /// For the negative binomial model, whose weighted counts are no whole numbers, the exact bound.
    pub(crate) fn least_count(self, size: f64, score: f64, (min_count, most): (f64, f64)) -> f64 {
        if self == Self::NegativeBinomial {
            return size + score * size.sqrt();
        }
        let above = (self.expected(size).floor() + 1.0).max(min_count);
        if above > most {
            return f64::INFINITY;
        }
        let reaches = |count: f64| self.score(count, size) >= score;
        let mut step = 1.0;
        let mut high = above;
        while !reaches(high) {
            if high >= most {
                return f64::INFINITY;
            }
            high = (high + step).min(most);
            step *= 2.0;
        }
        let mut low = above;
        while low < high {
            let middle = low.midpoint(high).floor();
            if reaches(middle) {
                high = middle;
            } else {
                low = middle + 1.0;
            }
        }
        low
    }
}

/// `x ln(x/y)`, none for `x = 0`.
fn entropy(x: f64, y: f64) -> f64 {
    if x > 0.0 { x * (x / y).ln() } else { 0.0 }
}

/// The log likelihood ratio of `c` cases among `n` trials, out of `C` among `N`.
///
/// Written with the cases and the others that each side should have, so that no large terms cancel:
/// the formula of [`Statistic::score`] is `Σ o ln(o/e)` over the four cells of the table.
fn bernoulli(count: f64, size: f64, cases: f64, trials: f64) -> f64 {
    let expected = cases * size / trials;
    if count <= expected {
        return 0.0;
    }
    let others = size - expected;
    let [outside, others_outside] = [cases - expected, (trials - size) - (cases - expected)];
    let shift = count - expected;
    entropy(count, expected)
        + entropy(others - shift, others)
        + entropy(outside - shift, outside)
        + entropy(others_outside + shift, others_outside)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stats::golden::assert_close;

    #[test]
    fn the_printed_clusters_have_the_printed_ratios() {
        // SaTScan 9.6 on the New York leukemia data: 100 cases where 58.2827093 were expected, of 552.
        let statistic = Statistic::Conditional { cases: 552.0 };
        assert_close(
            statistic.score(100.0, 58.282_709_306_184_4),
            14.083_510_652_3,
            1e-11,
        );
        // SpatialEpi on the Pennsylvania lung cancer data: 2359 of 10279 cases among 2399367 of 12281054.
        let statistic = Statistic::Bernoulli {
            cases: 10_279.0,
            trials: 12_281_054.0,
        };
        assert_close(
            statistic.score(2_359.0, 2_399_367.0),
            36.570_510_608_339_6,
            1e-8,
        );
    }

    #[test]
    fn by_hand() {
        let ln_2 = 2.0_f64.ln();
        let found = Statistic::Expectation.score(10.0, 5.0);
        assert_close(found, 10.0 * ln_2 - 5.0, 1e-14);
        let found = Statistic::Conditional { cases: 10.0 }.score(10.0, 5.0);
        assert_close(found, 10.0 * ln_2, 1e-14);
        let found = Statistic::Bernoulli {
            cases: 10.0,
            trials: 20.0,
        }
        .score(10.0, 10.0);
        assert_close(found, 20.0 * ln_2, 1e-14);
        assert_close(
            Statistic::NegativeBinomial.score(13.0, 9.0),
            4.0 / 3.0,
            1e-14,
        );
    }

    #[test]
    fn few_cases_among_many_trials_score_as_poisson_counts() {
        let bernoulli = Statistic::Bernoulli {
            cases: 50.0,
            trials: 1e9,
        }
        .score(20.0, 2e8);
        let poisson = Statistic::Conditional { cases: 50.0 }.score(20.0, 10.0);
        assert_close(bernoulli, poisson, 1e-6);
    }

    /// The Bernoulli ratio as it is printed.
    fn bernoulli_as_printed(c: f64, n: f64, all: f64, trials: f64) -> f64 {
        entropy(c, n)
            + entropy(n - c, n)
            + entropy(all - c, trials - n)
            + entropy(trials - n - all + c, trials - n)
            - entropy(all, trials)
            - entropy(trials - all, trials)
    }

    proptest! {
        #[test]
        fn the_bernoulli_ratio_is_the_printed_one(c in 0_u32..40, more in 0_u32..100, out in 0_u32..40, rest in 1_u32..200) {
            let (c, n) = (f64::from(c), f64::from(c + more));
            let (all, trials) = (c + f64::from(out), n + f64::from(out + rest));
            let found = Statistic::Bernoulli { cases: all, trials }.score(c, n);
            if c > all * n / trials {
                prop_assert!((found - bernoulli_as_printed(c, n, all, trials)).abs() < 1e-9);
            } else {
                prop_assert!(found <= 0.0);
            }
        }

        #[test]
        fn no_score_exceeds_its_bound(size in 0.001..80.0_f64, count in 1_u32..100) {
            let count = f64::from(count);
            prop_assume!(count > size);
            for statistic in [Statistic::Conditional { cases: 100.0 }, Statistic::Expectation] {
                let bound = statistic.bound(count, size);
                prop_assert!(statistic.score(count, size) <= bound * (1.0 + 1e-12));
            }
        }

        #[test]
        fn the_least_count_is_the_first_that_reaches_the_score(size in 0.01..60.0_f64, score in 0.0..12.0, min_count in 0_u32..5) {
            let all = [
                (Statistic::Conditional { cases: 100.0 }, size),
                (Statistic::Expectation, size),
                (Statistic::Bernoulli { cases: 100.0, trials: 400.0 }, (size * 4.0).floor()),
            ];
            for (statistic, size) in all {
                let most = match statistic {
                    Statistic::Bernoulli { .. } => size.min(100.0),
                    Statistic::Conditional { .. } => 100.0,
                    Statistic::Expectation | Statistic::NegativeBinomial => 400.0,
                };
                let found = statistic.least_count(size, score, (f64::from(min_count), most));
                let counts = (min_count..400).map(f64::from).filter(|count| *count <= most);
                let by_search = counts.clone().find(|count| {
                    *count > statistic.expected(size) && statistic.score(*count, size) >= score
                });
                prop_assert_eq!(found.to_bits(), by_search.unwrap_or(f64::INFINITY).to_bits());
            }
        }
    }
}
