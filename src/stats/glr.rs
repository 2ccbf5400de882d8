//! The likelihood-ratio chart for counts: since when, and by how much, is the level higher than expected?
//!
//! Höhle and Paul (2008, Comput. Statist. Data Anal. 52:4357), intercept chart. The counts up to some unknown week
//! follow the negative binomial law with means `μ_t` and variance `μ_t + α μ_t²`, and from then on means `μ_t e^κ`:
//!
//! ```text
//! GLR(n) = max_{k ≤ n} sup_{κ ≥ 0} Σ_{t=k..n} [ κ y_t − (y_t + 1/α) log((1 + α μ_t e^κ)/(1 + α μ_t)) ]
//! ```
//!
//! The supremum solves `Σ (y_t − μ_t e^κ)/(1 + α μ_t e^κ) = 0`; with `α = 0`, Poisson, `e^κ = Σy/Σμ` and the sum is
//! `κ Σy − (e^κ − 1) Σμ`. An alarm is a value of at least `c`. The maximizing `k` says since when, `e^κ` how much.

/// The choices of the chart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Glr {
    /// The dispersion `α ≥ 0` of the negative binomial law; 0 is Poisson.
    pub(crate) dispersion: f64,
    /// The alarm threshold `c`.
    pub(crate) threshold: f64,
    /// How many weeks back the change may lie, the last one included; all if none.
    pub(crate) max_weeks: Option<usize>,
}

impl Default for Glr {
    /// Poisson with `c = 5`, as in the paper's examples, looking back over all weeks.
    fn default() -> Self {
        Self {
            dispersion: 0.0,
            threshold: 5.0,
            max_weeks: None,
        }
    }
}

/// The chart at one point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct GlrPoint {
    /// `GLR(n)`, at least 0.
    pub(crate) value: f64,
    /// The place from which the level is most likely higher; none if the value is 0.
    pub(crate) since: Option<usize>,
    /// How many times higher, `e^κ`; 1 if the value is 0.
    pub(crate) ratio: f64,
    /// Whether the value reaches the threshold.
    pub(crate) is_alarm: bool,
}

/// Newton's steps end when `κ` moves by less than this.
const TOLERANCE: f64 = 1e-12;
/// Newton's steps end after this many at the latest; the score is concave past its first step and few are needed.
const MAX_STEPS: usize = 60;

impl Glr {
    /// The chart of counts with their in-control means. Nothing if a mean is not positive, the lengths differ, or the
    /// dispersion is negative.
    pub(crate) fn run(self, counts: &[f64], means: &[f64]) -> Option<Vec<GlrPoint>> {
        let is_good = |mean: &f64| *mean > 0.0 && mean.is_finite();
        let is_valid = self.dispersion >= 0.0 && self.dispersion.is_finite();
        if counts.len() != means.len() || !is_valid || !means.iter().all(is_good) {
            return None;
        }
        Some(
            (0..counts.len())
                .map(|last| self.point(counts, means, last))
                .collect(),
        )
    }

    /// The chart at one place.
    fn point(self, counts: &[f64], means: &[f64], last: usize) -> GlrPoint {
        let n_weeks = self.max_weeks.unwrap_or(last + 1).clamp(1, last + 1);
        let mut best = GlrPoint {
            value: 0.0,
            since: None,
            ratio: 1.0,
            is_alarm: false,
        };
        let (mut count, mut mean) = (0.0, 0.0);
        for since in (last + 1 - n_weeks..=last).rev() {
            count += counts[since];
            mean += means[since];
            if count <= mean && self.dispersion <= 0.0 {
                continue;
            }
            let weeks = (&counts[since..=last], &means[since..=last]);
            let (value, ratio) = if self.dispersion > 0.0 {
                self.negative_binomial(weeks, count / mean)
            } else {
                (count * (count / mean).ln() - count + mean, count / mean)
            };
            if value > best.value {
                best = GlrPoint {
                    value,
                    since: Some(since),
                    ratio,
                    is_alarm: false,
                };
            }
        }
        best.is_alarm = best.value >= self.threshold;
        best
    }

    /// The maximum over `κ ≥ 0` of the log likelihood ratio of some weeks, and `e^κ` there.
    fn negative_binomial(self, (counts, means): (&[f64], &[f64]), start: f64) -> (f64, f64) {
        let alpha = self.dispersion;
        let score = |scale: f64| {
            counts
                .iter()
                .zip(means)
                .fold((0.0, 0.0), |(sum, slope), (y, mean)| {
                    let raised = mean * scale;
                    let law = 1.0 + alpha * raised;
                    (
                        sum + (y - raised) / law,
                        slope + raised * (1.0 + alpha * y) / (law * law),
                    )
                })
        };
        if score(1.0).0 <= 0.0 {
            return (0.0, 1.0);
        }
        let mut kappa = start.max(1.0).ln();
        for _ in 0..MAX_STEPS {
            let (sum, slope) = score(kappa.exp());
            let step = (sum / slope).clamp(-1.0, 1.0);
            kappa = (kappa + step).max(0.0);
            if step.abs() < TOLERANCE {
                break;
            }
        }
        let scale = kappa.exp();
        let value: f64 = counts
            .iter()
            .zip(means)
            .map(|(y, mean)| {
                let excess = alpha * mean * (scale - 1.0) / (1.0 + alpha * mean);
                kappa * y - (y + 1.0 / alpha) * excess.ln_1p()
            })
            .sum();
        (value, scale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::golden::assert_close;
    use proptest::prelude::*;

    #[test]
    fn three_quiet_weeks_and_two_doubled_ones_are_dated_and_measured() {
        // Poisson, μ = 5: from place 3, Σy = 20, Σμ = 10, e^κ = 2, value 20 log 2 − 10.
        let points = Glr::default()
            .run(&[5.0, 4.0, 5.0, 10.0, 10.0], &[5.0; 5])
            .unwrap();
        let last = points[4];
        assert_close(last.value, 20.0 * 2.0_f64.ln() - 10.0, 1e-14);
        assert_eq!(last.since, Some(3));
        assert_close(last.ratio, 2.0, 1e-15);
        assert!(!last.is_alarm);
        assert!(points[2].value.abs() < 1e-15);
    }

    #[test]
    fn one_week_of_the_negative_binomial_law_has_a_closed_form() {
        // y = 20, μ = 5, α = 0.1: e^κ = 4 and 20 log 4 − 30 log(3/1.5).
        let glr = Glr {
            dispersion: 0.1,
            ..Glr::default()
        };
        let point = glr.run(&[20.0], &[5.0]).unwrap()[0];
        assert_close(point.ratio, 4.0, 1e-10);
        assert_close(
            point.value,
            20.0 * 4.0_f64.ln() - 30.0 * 2.0_f64.ln(),
            1e-10,
        );
        assert!(point.is_alarm);
    }

    #[test]
    fn a_mean_of_zero_has_no_chart() {
        assert_eq!(Glr::default().run(&[1.0], &[0.0]), None);
    }

    proptest! {
        #[test]
        fn no_factor_on_a_grid_does_better_than_the_one_found(
            weeks in prop::collection::vec((0_u32..40, 1.0_f64..15.0), 1..8), alpha in 0.01_f64..1.0,
        ) {
            let counts: Vec<f64> = weeks.iter().map(|week| f64::from(week.0)).collect();
            let means: Vec<f64> = weeks.iter().map(|week| week.1).collect();
            let glr = Glr { dispersion: alpha, ..Glr::default() };
            let (value, _) = glr.negative_binomial((&counts, &means), 1.0);
            for step in 0..200 {
                let kappa = f64::from(step) * 0.02;
                let ratio = |(y, mean): (&f64, &f64)| {
                    let law = (1.0 + alpha * mean * kappa.exp()) / (1.0 + alpha * mean);
                    kappa * y - (y + 1.0 / alpha) * law.ln()
                };
                let other: f64 = counts.iter().zip(&means).map(ratio).sum();
                prop_assert!(other <= value + 1e-9);
            }
        }

        #[test]
        fn a_vanishing_dispersion_is_poisson(
            weeks in prop::collection::vec((0_u32..40, 1.0_f64..15.0), 1..12),
        ) {
            let counts: Vec<f64> = weeks.iter().map(|week| f64::from(week.0)).collect();
            let means: Vec<f64> = weeks.iter().map(|week| week.1).collect();
            let poisson = Glr::default().run(&counts, &means).unwrap();
            let nearly = Glr { dispersion: 1e-9, ..Glr::default() }.run(&counts, &means).unwrap();
            for (a, b) in poisson.iter().zip(&nearly) {
                prop_assert!((a.value - b.value).abs() <= 1e-5 * (1.0 + a.value));
            }
        }

        #[test]
        fn the_value_grows_with_the_last_count(
            weeks in prop::collection::vec((0_u32..20, 1.0_f64..9.0), 1..9), more in 1_u32..9,
        ) {
            let mut counts: Vec<f64> = weeks.iter().map(|week| f64::from(week.0)).collect();
            let means: Vec<f64> = weeks.iter().map(|week| week.1).collect();
            let glr = Glr { dispersion: 0.2, ..Glr::default() };
            let before = glr.run(&counts, &means).unwrap().pop().unwrap().value;
            *counts.last_mut().unwrap() += f64::from(more);
            let after = glr.run(&counts, &means).unwrap().pop().unwrap().value;
            prop_assert!(after + 1e-9 >= before);
        }
    }
}
