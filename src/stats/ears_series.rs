//! EARS C1, C2 and C3 at every point of a series.
//!
//! C1 and C2 share their baselines: that of C2 at `t` is that of C1 at `t − 2`, so the moments of each window of
//! the series are computed once. C3 (Hutwagner et al. 2003, J. Urban Health 80:i89) adds up three C2:
//! `C3 = Σ_{i=t−2..t} max(0, C2_i − 1)`, alarm above 2.
//!
//! Counts give exact integer sums `S = Σ y`, `Q = Σ y²` that roll along the series, and
//! `s² = (n Q − S²)/(n (n−1))` is rounded only once, however large the counts are.

use super::ears::{mean_and_deviation, normal_quantile};
use super::{real, real_len};

/// The choices for a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SeriesEars {
    /// How many points the baseline has, at least 2.
    pub n_baseline: usize,
    /// The deviation is never taken smaller than this.
    pub min_deviation: f64,
}

/// What the baselines say of one point; nothing where a baseline is too short or has no deviation.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Statistics {
    /// `(y − m)/s` over the points just before.
    pub c1: Option<f64>,
    /// The same with two points left out.
    pub c2: Option<f64>,
    /// `Σ max(0, C2 − 1)` over this point and the two before.
    pub c3: Option<f64>,
}

/// Mean and deviation of a baseline.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moments {
    /// The mean `m`.
    pub mean: f64,
    /// The standard deviation `s` after the floor.
    pub deviation: f64,
}

impl Moments {
    /// `(y − m)/s`; nothing without deviation.
    pub fn standardized(self, y: f64) -> Option<f64> {
        (self.deviation > 0.0).then(|| (y - self.mean) / self.deviation)
    }
}

/// The exact sums of a window of counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sums {
    /// `Σ y`.
    sum: u64,
    /// `Σ y²`.
    squares: u64,
}

impl Sums {
    /// The window after one point entered and another left. Wrapping sums are exact again once the window fits.
    fn rolled(self, entered: u64, left: u64) -> Self {
        let square = |count: u64| count.wrapping_mul(count);
        Self {
            sum: self.sum.wrapping_add(entered).wrapping_sub(left),
            squares: self
                .squares
                .wrapping_add(square(entered))
                .wrapping_sub(square(left)),
        }
    }
}

/// As long as `n² max²` stays below this, `n Q − S²` is exact in real numbers.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

impl SeriesEars {
    /// The moments of the `n` points before each place from `n_baseline` on, up to just after the end.
    ///
    /// The first value belongs to place `n_baseline`. Nothing for a baseline of fewer than two points.
    pub fn moments(self, counts: &[u64]) -> Vec<Moments> {
        let n = self.n_baseline;
        if n < 2 || counts.len() < n {
            return Vec::new();
        }
        let mut sums = Sums::default();
        for count in &counts[..n] {
            sums = sums.rolled(*count, 0);
        }
        let largest = counts.iter().copied().max().unwrap_or(0);
        let fits = real(largest).powi(2) * real_len(n).powi(2) < MAX_EXACT;
        if !fits {
            return counts
                .windows(n)
                .map(|window| self.two_passes(window))
                .collect();
        }
        let (size, pairs) = (real_len(n), real_len(n * (n - 1)));
        let moments = |sums: Sums| {
            let (sum, squares) = (real(sums.sum), real(sums.squares));
            let variance = (size * squares - sum * sum) / pairs;
            Moments {
                mean: sum / size,
                deviation: variance.sqrt().max(self.min_deviation),
            }
        };
        let mut all = Vec::with_capacity(counts.len() - n + 1);
        all.push(moments(sums));
        for (entered, left) in counts[n..].iter().zip(counts) {
            sums = sums.rolled(*entered, *left);
            all.push(moments(sums));
        }
        all
    }

    /// Moments by two passes over a window, for counts whose squares do not fit.
    fn two_passes(self, window: &[u64]) -> Moments {
        let (mean, deviation) = mean_and_deviation(window.iter().map(|count| real(*count)));
        Moments {
            mean,
            deviation: deviation.max(self.min_deviation),
        }
    }

    /// The three statistics at every point.
    pub fn statistics(self, counts: &[u64]) -> Vec<Statistics> {
        let moments = self.moments(counts);
        let n = self.n_baseline;
        let mut all = vec![Statistics::default(); counts.len()];
        let Some(judged) = counts.get(n..) else {
            return all;
        };
        for ((statistics, count), moments) in all[n..].iter_mut().zip(judged).zip(&moments) {
            statistics.c1 = moments.standardized(real(*count));
        }
        let mut last = [None; 2];
        let places = all.iter_mut().zip(counts).skip(n + 2).zip(&moments);
        for ((statistics, count), moments) in places {
            let c2 = moments.standardized(real(*count));
            let term = c2.map(excess);
            statistics.c2 = c2;
            if let ([Some(first), Some(second)], Some(third)) = (last, term) {
                statistics.c3 = Some(first + second + third);
            }
            last = [last[1], term];
        }
        all
    }

    /// The bounds of C1 (`n_gap = 0`) or C2 (`n_gap = 2`), `m + z₁₋α s`, with the moments; one per place from
    /// `n_baseline + n_gap` on.
    pub fn bounds(self, counts: &[u64], n_gap: usize, alpha: f64) -> Vec<(Moments, f64)> {
        let z = normal_quantile(1.0 - alpha);
        let mut moments = self.moments(counts);
        moments.truncate(counts.len().saturating_sub(self.n_baseline + n_gap));
        moments
            .into_iter()
            .map(|at| (at, at.mean + z * at.deviation))
            .collect()
    }

    /// The bound of C3 as the R package computes it, one per place from `n_baseline + 4` on.
    ///
    /// `U = max(0, y_t + s_t (z₁₋α − Σ_{i=t−2,t−1} max(0, C2_i − 1)))`: the count itself does not matter. With no
    /// deviation a C2 is infinite to the side of its count, and where nothing follows from that there is no bound.
    pub fn package_c3_bounds(self, counts: &[u64], alpha: f64) -> Vec<Option<f64>> {
        let z = normal_quantile(1.0 - alpha);
        let moments = self.moments(counts);
        let first = self.n_baseline + 2;
        let term = |place: usize| {
            let at = moments.get(place - first)?;
            let distance = real(*counts.get(place)?) - at.mean;
            let c2 = distance / at.deviation;
            (!c2.is_nan()).then(|| excess(c2))
        };
        let bound = |place: usize| {
            let deviation = moments.get(place - first)?.deviation;
            let before = term(place - 1)? + term(place - 2)?;
            let upper = real(counts[place]) + deviation * (z - before);
            (!upper.is_nan()).then(|| upper.max(0.0))
        };
        (first + 2..counts.len()).map(bound).collect()
    }
}

/// `max(0, C2 − 1)`.
fn excess(c2: f64) -> f64 {
    (c2 - 1.0).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::golden::assert_close;
    use proptest::prelude::*;

    #[test]
    fn c2_leaves_two_points_out_and_c3_adds_three_excesses() {
        let ears = SeriesEars {
            n_baseline: 2,
            min_deviation: 0.0,
        };
        // Every baseline is (0, 2) or (2, 0): m = 1, s = √2, until the points judged enter it.
        let statistics = ears.statistics(&[0, 2, 0, 2, 5, 6, 0]);
        let root = 2.0_f64.sqrt();
        assert_close(statistics[4].c2.unwrap(), 4.0 / root, 1e-15);
        assert_close(statistics[5].c2.unwrap(), 5.0 / root, 1e-15);
        assert_close(statistics[6].c3.unwrap(), 9.0 / root - 2.0, 1e-14);
        assert_eq!((statistics[3].c2, statistics[5].c3), (None, None));
    }

    #[test]
    fn a_constant_baseline_has_no_statistic_without_a_floor() {
        let bare = SeriesEars {
            n_baseline: 7,
            min_deviation: 0.0,
        };
        assert_eq!(bare.statistics(&[3; 12])[11], Statistics::default());
        let floored = SeriesEars {
            n_baseline: 7,
            min_deviation: 0.5,
        };
        assert_eq!(floored.statistics(&[3; 12])[11].c3, Some(0.0));
    }

    proptest! {
        #[test]
        fn rolling_sums_agree_with_two_passes(
            counts in prop::collection::vec(0_u64..50_000, 3..80), n_baseline in 2_usize..15,
        ) {
            let ears = SeriesEars { n_baseline, min_deviation: 0.0 };
            for (rolled, window) in ears.moments(&counts).iter().zip(counts.windows(n_baseline)) {
                let direct = ears.two_passes(window);
                prop_assert!((rolled.mean - direct.mean).abs() <= 1e-13 * direct.mean);
                prop_assert!((rolled.deviation - direct.deviation).abs() <= 1e-11 * direct.deviation);
            }
        }

        #[test]
        fn more_cases_never_lower_a_statistic(
            mut counts in prop::collection::vec(0_u64..30, 16..40), more in 1_u64..20,
        ) {
            let ears = SeriesEars { n_baseline: 7, min_deviation: 0.5 };
            let before = *ears.statistics(&counts).last().unwrap();
            *counts.last_mut().unwrap() += more;
            let after = *ears.statistics(&counts).last().unwrap();
            prop_assert!(after.c1 > before.c1 && after.c2 > before.c2 && after.c3 >= before.c3);
        }
    }
}
