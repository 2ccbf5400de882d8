//! EARS C1 and C2: is this month unlike the few just before it?
//!
//! The Early Aberration Reporting System (Hutwagner et al. 2003, J. Urban Health 80:i89; Fricker,
//! Hegler and Dunfee 2008, Statist. Med. 27:3407) compares a count with the mean `m` and the standard
//! deviation `s` of a short sliding baseline: `C = (y − m)/s`, alarm above `z₁₋α`. C2 leaves two months
//! between the baseline and the judged month, so that a slow rise does not hide in its own baseline.
//!
//! ```text
//! C1   b b b b b b b y          C2   b b b b b b b . . y
//! ```
//!
//! There is no season and no trend in it: it is for cold starts, until `pooled` has a year.

use std::ops::Range;

use statrs::distribution::{ContinuousCDF, Normal};

use super::{EmergingDetector, Judgment, Panel, real, real_len};

/// How long the baseline is and where it ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Ears {
    /// How many points the baseline has.
    pub(crate) n_baseline: usize,
    /// How many points lie between the baseline and the judged point: 0 in C1, 2 in C2.
    pub(crate) n_gap: usize,
    /// The deviation is never taken smaller than this; 0.5 on sparse series.
    pub(crate) min_deviation: f64,
    /// The nominal share of false alarms, for the upper bound.
    pub(crate) alpha: f64,
}

/// One judged point of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct EarsPoint {
    /// The mean of the baseline.
    pub(crate) expected: f64,
    /// The standard deviation of the baseline, after the floor.
    pub(crate) deviation: f64,
    /// The bound `m + z₁₋α s`.
    pub(crate) upper_bound: f64,
    /// Whether the point exceeds the bound.
    pub(crate) is_alarm: bool,
}

impl Ears {
    /// C2 on monthly series: a year of baseline, two months of gap, a floor of half a request.
    pub(crate) const MONTHLY_C2: Self = Self {
        n_baseline: 12,
        n_gap: 2,
        min_deviation: 0.5,
        alpha: 0.005,
    };

    /// Judges the last value of a series, or nothing where the series is too short for the baseline.
    pub(crate) fn last_point(self, series: &[f64]) -> Option<EarsPoint> {
        let (last, past) = series.split_last()?;
        let end = past.len().checked_sub(self.n_gap)?;
        let baseline = &past[end.checked_sub(self.n_baseline)?..end];
        if baseline.len() < 2 {
            return None;
        }
        let (mean, deviation) = mean_and_deviation(baseline.iter().copied());
        let deviation = deviation.max(self.min_deviation);
        let upper_bound = mean + normal_quantile(1.0 - self.alpha) * deviation;
        Some(EarsPoint {
            expected: mean,
            deviation,
            upper_bound,
            is_alarm: *last > upper_bound,
        })
    }

    /// The past months of a district that the baseline needs, restated at the judged month's exposure.
    ///
    /// Nothing where one of them is not usable: a hole in a short baseline leaves no baseline.
    fn restated(self, panel: &Panel, district: usize, month: usize) -> Option<Vec<f64>> {
        let start = month.checked_sub(self.n_baseline + self.n_gap)?;
        let now = panel.exposure(district, month);
        (start..=month)
            .map(|past| {
                let scale = now / panel.exposure(district, past);
                panel
                    .is_usable(district, past)
                    .then(|| real(panel.count(district, past)) * scale)
            })
            .collect()
    }

    /// Judges one district in one month.
    fn judge_cell(self, panel: &Panel, district: usize, month: usize) -> Option<Judgment> {
        let series = self.restated(panel, district, month)?;
        let point = self.last_point(&series)?;
        let observed = panel.count(district, month);
        let deviation = point.deviation.max(f64::MIN_POSITIVE);
        let half_width = normal_quantile(0.975) * deviation;
        Some(Judgment {
            district,
            month,
            n_window_months: 1,
            observed,
            expected: point.expected,
            predicted_low: whole(point.expected - half_width),
            predicted_high: whole(point.expected + half_width),
            ratio: real(observed) / point.expected.max(0.5),
            p: normal_upper_tail((real(observed) - point.expected) / deviation),
            exposure: panel.exposure(district, month),
        })
    }
}

impl EmergingDetector for Ears {
    fn name(&self) -> &'static str {
        if self.n_gap == 0 {
            "ears_c1"
        } else {
            "ears_c2"
        }
    }

    fn version(&self) -> &'static str {
        "1"
    }

    fn judge(&self, panel: &Panel, judged: Range<usize>) -> Vec<Judgment> {
        let months = judged.start..judged.end.min(panel.n_months());
        (0..panel.n_districts())
            .flat_map(|district| months.clone().map(move |month| (district, month)))
            .filter_map(|(district, month)| self.judge_cell(panel, district, month))
            .collect()
    }

    /// The months of the window are taken as independent: their expectations add up, and so do the
    /// squares of the baseline's deviation.
    fn window(
        &self,
        panel: &Panel,
        (district, month): (usize, usize),
        n_months: usize,
    ) -> Option<Judgment> {
        let months = (month + 1).checked_sub(n_months)?..month + 1;
        if panel.usable_months(district, months.clone()).count() < n_months {
            return None;
        }
        let point = self.last_point(&self.restated(panel, district, month)?)?;
        let now = panel.exposure(district, month);
        let scales: Vec<f64> = months
            .clone()
            .map(|past| panel.exposure(district, past) / now)
            .collect();
        let observed: u64 = months.map(|past| panel.count(district, past)).sum();
        let expected = point.expected * scales.iter().sum::<f64>();
        let squares: f64 = scales.iter().map(|scale| scale * scale).sum();
        let deviation = (point.deviation * squares.sqrt()).max(f64::MIN_POSITIVE);
        let half_width = normal_quantile(0.975) * deviation;
        Some(Judgment {
            district,
            month,
            n_window_months: n_months,
            observed,
            expected,
            predicted_low: whole(expected - half_width),
            predicted_high: whole(expected + half_width),
            ratio: real(observed) / expected.max(0.5),
            p: normal_upper_tail((real(observed) - expected) / deviation),
            exposure: scales.iter().sum::<f64>() * now / real_len(n_months),
        })
    }
}

/// The mean and the sample standard deviation (divisor `n − 1`) of at least two values.
pub(crate) fn mean_and_deviation(values: impl ExactSizeIterator<Item = f64> + Clone) -> (f64, f64) {
    let size = real_len(values.len());
    let mean = values.clone().sum::<f64>() / size;
    let squares: f64 = values.map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / (size - 1.0)).sqrt())
}

/// The quantile of the standard normal law.
pub(crate) fn normal_quantile(probability: f64) -> f64 {
    Normal::standard().inverse_cdf(probability)
}

/// The chance that a standard normal value exceeds `z`.
pub(crate) fn normal_upper_tail(z: f64) -> f64 {
    Normal::standard().sf(z)
}

/// The nearest whole count, at least zero.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the value is made non-negative first, and a count stays far below 2^52"
)]
fn whole(value: f64) -> u64 {
    value.max(0.0).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::golden::{assert_close, number, rows};

    /// Checks every point of a golden file of the R package.
    fn reproduces(text: &str, ears: Ears) {
        let input = rows(include_str!("../../tests/golden/ears/m1_input.csv"));
        let series: Vec<f64> = input.iter().map(|row| number(&row[6])).collect();
        for row in rows(text) {
            let t: usize = row[1].parse().unwrap();
            let point = ears.last_point(&series[..t]).unwrap();
            assert_close(point.upper_bound, number(&row[4]), 1e-8);
            assert_eq!(point.is_alarm, row[5] == "1", "t = {t}");
        }
    }

    #[test]
    fn the_golden_bounds_and_alarms_of_c1_are_reproduced() {
        let text = include_str!("../../tests/golden/ears/m1__C1_b7.csv");
        reproduces(
            text,
            Ears {
                n_baseline: 7,
                n_gap: 0,
                min_deviation: 0.0,
                alpha: 0.001,
            },
        );
    }

    #[test]
    fn the_golden_bounds_and_alarms_of_c2_are_reproduced() {
        let text = include_str!("../../tests/golden/ears/m1__C2_b7.csv");
        reproduces(
            text,
            Ears {
                n_baseline: 7,
                n_gap: 2,
                min_deviation: 0.0,
                alpha: 0.001,
            },
        );
    }

    /// A panel of one district with the given counts and exposures, all covered.
    fn panel(counts: Vec<u64>, exposure: Vec<f64>) -> Panel {
        let n_months = counts.len();
        Panel::new(n_months, counts, exposure, vec![true; n_months]).unwrap()
    }

    #[test]
    fn a_platform_that_doubles_its_members_and_requests_raises_nothing() {
        let mut counts = vec![10; 14];
        counts.push(20);
        let mut exposure = vec![100.0; 14];
        exposure.push(200.0);
        let judgments = Ears::MONTHLY_C2.judge(&panel(counts, exposure), 0..15);
        assert_eq!(judgments.len(), 1);
        assert_close(judgments[0].expected, 20.0, 1e-12);
        assert_close(judgments[0].p, 0.5, 1e-9);
    }

    #[test]
    fn the_same_count_without_new_members_is_a_surprise() {
        let mut counts = vec![10; 14];
        counts.push(20);
        let judgments = Ears::MONTHLY_C2.judge(&panel(counts, vec![100.0; 15]), 0..15);
        assert!(judgments[0].p < 1e-9);
    }
}
