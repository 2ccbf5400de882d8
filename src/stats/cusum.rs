//! CUSUM of counts: small excesses that last add up to an alarm.
//!
//! `S_t = max(0, S_{t−1} + z_t − k)`, alarm if `S_t ≥ h` (Page 1954, Biometrika 41:100), with the count made roughly
//! standard normal around its mean `m` in one of three ways:
//!
//! ```text
//! standard   z = (y − m)/√m
//! rossi      z = (y − 3m + 2√(m y))/(2√m)                Rossi et al. 1999, Statist. Med. 18:2111
//! anscombe   z = 1.5 (y^⅔ − m^⅔)/m^(1/6)
//! ```
//!
//! The sum is not set back after an alarm.

/// How a count is made roughly standard normal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transform {
    /// By its mean and the Poisson deviation.
    Standard,
    /// By the mean of the standard and the square-root transform.
    Rossi,
    /// By the two-thirds power.
    Anscombe,
}

impl Transform {
    /// `z` of a count with the given positive mean.
    fn apply(self, y: f64, mean: f64) -> f64 {
        let root = mean.sqrt();
        match self {
            Self::Standard => (y - mean) / root,
            Self::Rossi => (y - 3.0 * mean + 2.0 * (mean * y).sqrt()) / (2.0 * root),
            Self::Anscombe => 1.5 * (power(y) - power(mean)) / root.cbrt(),
        }
    }

    /// The smallest value, not below 0, whose `z` reaches the given one; a whole count for the standard transform.
    fn invert(self, z: f64, mean: f64) -> f64 {
        let root = mean.sqrt();
        match self {
            Self::Standard => (mean + z * root).ceil().max(0.0),
            Self::Rossi => {
                let inner = 4.0 * mean + 2.0 * z * root;
                let square_root = (inner.max(0.0).sqrt() - root).max(0.0);
                square_root * square_root
            }
            Self::Anscombe => (power(mean) + z * root.cbrt() / 1.5).max(0.0).powf(1.5),
        }
    }
}

/// `y^⅔`.
fn power(y: f64) -> f64 {
    y.cbrt().powi(2)
}

/// The choices of the chart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cusum {
    /// The transform.
    pub(crate) transform: Transform,
    /// What is taken off each `z`, `k`.
    pub(crate) reference: f64,
    /// The sum at which there is an alarm, `h`.
    pub(crate) threshold: f64,
}

impl Default for Cusum {
    /// Rossi's transform with the values of his worked chart, `k = 1.04` and `h = 2.26`.
    fn default() -> Self {
        Self {
            transform: Transform::Rossi,
            reference: 1.04,
            threshold: 2.26,
        }
    }
}

/// The chart at one point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct CusumPoint {
    /// `S_t`.
    pub(crate) sum: f64,
    /// The count at which `S_t` would have reached `h`, given the sum before.
    pub(crate) upper: f64,
    /// Whether `S_t ≥ h`.
    pub(crate) is_alarm: bool,
}

impl Cusum {
    /// The chart of counts with their means. Nothing if a mean is not positive or the lengths differ.
    pub(crate) fn run(self, counts: &[f64], means: &[f64]) -> Option<Vec<CusumPoint>> {
        let is_good = |mean: &f64| *mean > 0.0 && mean.is_finite();
        if counts.len() != means.len() || !means.iter().all(is_good) {
            return None;
        }
        let mut sum = 0.0_f64;
        let point = |(y, mean): (&f64, &f64)| {
            let upper = self
                .transform
                .invert(self.threshold + self.reference - sum, *mean);
            sum = (sum + self.transform.apply(*y, *mean) - self.reference).max(0.0);
            CusumPoint {
                sum,
                upper,
                is_alarm: sum >= self.threshold,
            }
        };
        Some(counts.iter().zip(means).map(point).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::golden::assert_close;
    use proptest::prelude::*;

    #[test]
    fn the_standard_chart_of_a_mean_of_four_adds_halves() {
        let cusum = Cusum {
            transform: Transform::Standard,
            reference: 0.5,
            threshold: 2.0,
        };
        let points = cusum.run(&[7.0, 8.0, 0.0], &[4.0; 3]).unwrap();
        // z = 1.5, 2, −2
        assert_close(points[0].sum, 1.0, 1e-15);
        assert_close(points[1].sum, 2.5, 1e-15);
        assert!(points[1].is_alarm && !points[0].is_alarm);
        // The sum before was 1, so z = 1.5 was enough.
        assert_close(points[1].upper, 7.0, 1e-15);
        assert!(points[2].sum.abs() < 1e-15);
    }

    #[test]
    fn a_mean_of_zero_has_no_chart() {
        assert_eq!(Cusum::default().run(&[1.0], &[0.0]), None);
    }

    proptest! {
        #[test]
        fn the_bound_of_a_point_is_where_its_sum_reaches_the_threshold(
            mean in 0.5_f64..50.0, z in 0.0_f64..6.0,
        ) {
            for transform in [Transform::Rossi, Transform::Anscombe] {
                let back = transform.apply(transform.invert(z, mean), mean);
                prop_assert!((back - z).abs() < 1e-9);
            }
        }
    }
}
