//! Waiting times, when some of the waits are not over: Kaplan–Meier.
//!
//! Whoever is still waiting has waited *at least* so many days. Leaving those people out makes a service
//! look faster the worse it gets, so they are counted as long as they are seen to wait:
//! `S(t) = Π (1 − d/n)` over the days with `d` ends among `n` still waiting (Kaplan and Meier 1958,
//! J. Am. Statist. Ass. 53:457), Greenwood's variance `S² Σ d/(n(n−d))`, and limits on the log-log scale,
//! `S^exp(±zσ/ln S)` with `σ² = Σ d/(n(n−d))`. `competing` has what to do when a wait can also end because
//! the request was withdrawn, and `log_rank` compares groups.

use super::ears::normal_quantile;
use super::real_len;

/// Several ways in which a wait can end: Aalen–Johansen.
pub(crate) mod competing;
/// Whether groups wait equally long.
pub(crate) mod log_rank;

/// One wait.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Wait {
    /// Days waited.
    pub(crate) days: u32,
    /// Whether the wait ended, or is only known to have lasted at least so long.
    pub(crate) end: WaitEnd,
}

/// How a wait stopped being observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WaitEnd {
    /// What was waited for came.
    Matched,
    /// It had not come when last looked at.
    StillWaiting,
}

/// One step of the curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Step {
    /// The day.
    pub(crate) days: u32,
    /// How many were still waiting just before.
    pub(crate) n_at_risk: u64,
    /// How many waits ended that day.
    pub(crate) n_ended: u64,
    /// How many were last seen that day, still waiting.
    pub(crate) n_still_waiting: u64,
    /// `σ² = Σ d/(n(n−d))` up to and including the day; infinite once nobody is left.
    pub(crate) log_variance: f64,
    /// The share still waiting just after.
    pub(crate) survival: f64,
    /// Greenwood's standard error of that share.
    pub(crate) standard_error: f64,
    /// Lower 95 % limit; none once nobody is left.
    pub(crate) lower: Option<f64>,
    /// Upper 95 % limit; none once nobody is left.
    pub(crate) upper: Option<f64>,
}

/// On which scale the limits of a share are symmetric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Band {
    /// `S^exp(±zσ/ln S)`: never outside 0 to 1.
    LogLog,
    /// `S exp(±zσ)`, at most 1: what R prints unless told otherwise.
    Log,
}

/// A quantile of the waiting time with its 95 % limits; none where the curve never gets there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct WaitQuantile {
    /// The estimate in days.
    pub(crate) days: Option<f64>,
    /// The lower limit in days.
    pub(crate) lower: Option<f64>,
    /// The upper limit in days.
    pub(crate) upper: Option<f64>,
}

/// The Kaplan–Meier curve, one step per day on which a wait ended or stopped being seen.
pub(crate) fn kaplan_meier(waits: &[Wait]) -> Vec<Step> {
    let mut sorted: Vec<Wait> = waits.to_vec();
    sorted.sort_by_key(|wait| wait.days);
    let mut n_left = sorted.len();
    let mut survival = 1.0;
    let mut greenwood = 0.0;
    let mut steps = Vec::new();
    for same_day in sorted.chunk_by(|a, b| a.days == b.days) {
        let n_ended = same_day
            .iter()
            .filter(|wait| wait.end == WaitEnd::Matched)
            .count();
        let (at_risk, ended) = (real_len(n_left), real_len(n_ended));
        survival *= 1.0 - ended / at_risk;
        greenwood += ended / (at_risk * (at_risk - ended));
        let counts = [n_left, n_ended, same_day.len() - n_ended].map(count);
        steps.push(Step::new(same_day[0].days, counts, survival, greenwood));
        n_left -= same_day.len();
    }
    steps
}

/// The median wait: the day by which half of those who ask have been served.
pub(crate) fn median_wait(waits: &[Wait]) -> WaitQuantile {
    wait_quantile(&kaplan_meier(waits), 0.5)
}

/// The first day on which the curve, and each of its limits, has come down to `1 − probability`.
pub(crate) fn wait_quantile(steps: &[Step], probability: f64) -> WaitQuantile {
    let level = 1.0 - probability;
    let first =
        |curve: fn(&Step) -> Option<f64>| first_at_or_below(steps, level, |step| step.days, curve);
    WaitQuantile {
        days: first(|step| Some(step.survival)),
        lower: first(|step| step.lower),
        upper: first(|step| step.upper),
    }
}

impl Step {
    /// A step with its limits; `log_variance` is the sum `Σ d/(n(n−d))` up to and including the day.
    fn new(
        days: u32,
        [n_at_risk, n_ended, n_still_waiting]: [u64; 3],
        survival: f64,
        log_variance: f64,
    ) -> Self {
        let is_known = survival > 0.0 && log_variance.is_finite();
        let standard_error = if is_known {
            survival * log_variance.sqrt()
        } else {
            0.0
        };
        let step = Self {
            days,
            n_at_risk,
            n_ended,
            n_still_waiting,
            log_variance,
            survival,
            standard_error,
            lower: None,
            upper: None,
        };
        let (lower, upper) = step.limits(Band::LogLog).unzip();
        Self {
            lower,
            upper,
            ..step
        }
    }

    /// The 95 % limits of the share still waiting; none once nobody is left.
    pub(crate) fn limits(&self, band: Band) -> Option<(f64, f64)> {
        let deviation = self.log_variance.sqrt();
        if self.survival <= 0.0 || !deviation.is_finite() {
            return None;
        }
        if self.survival >= 1.0 {
            return Some((1.0, 1.0));
        }
        let half = normal_quantile(0.975) * deviation;
        let limit = |sign: f64| match band {
            Band::LogLog => self.survival.powf((sign * half / self.survival.ln()).exp()),
            Band::Log => (self.survival * (sign * half).exp()).min(1.0),
        };
        Some((limit(-1.0), limit(1.0)))
    }
}

/// Below this difference a curve counts as lying on the level.
const ON_LEVEL: f64 = 1e-9;

/// The first day a curve is at or below a level; where it lies flat on the level, the middle of the flat.
fn first_at_or_below<S>(
    steps: &[S],
    level: f64,
    days: impl Fn(&S) -> u32,
    curve: impl Fn(&S) -> Option<f64>,
) -> Option<f64> {
    let reached = |step: &&S| curve(step).is_some_and(|value| value <= level + ON_LEVEL);
    let first = steps.iter().find(reached)?;
    let below = |step: &&S| curve(step).is_some_and(|value| value < level - ON_LEVEL);
    let is_flat = curve(first).is_some_and(|value| (value - level).abs() <= ON_LEVEL);
    let next = steps
        .iter()
        .find(below)
        .filter(|_| is_flat)
        .unwrap_or(first);
    Some(f64::midpoint(f64::from(days(first)), f64::from(days(next))))
}

/// A length as a count.
fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// The mean wait up to a limit of days: the area under the curve (Royston and Parmar 2013, BMC Med. Res.
/// Methodol. 13:152). It exists also where most are still waiting.
pub(crate) fn restricted_mean(steps: &[Step], limit: f64) -> f64 {
    let mut area = 0.0;
    let (mut from, mut height) = (0.0, 1.0);
    for step in steps {
        let until = f64::from(step.days).min(limit);
        area += height * (until - from);
        (from, height) = (until, step.survival);
    }
    area + height * (limit - from).max(0.0)
}

/// The standard error of [`restricted_mean`].
///
/// `√Σ A² d/(n(n−d))` over the days up to the limit, with `A` the area under the curve from the day to the
/// limit (Klein and Moeschberger 2003, *Survival Analysis*, section 4.5).
pub(crate) fn restricted_mean_error(steps: &[Step], limit: f64) -> f64 {
    let within = steps
        .iter()
        .rev()
        .skip_while(|step| f64::from(step.days) >= limit);
    let (mut area, mut until, mut variance) = (0.0, limit, 0.0);
    for step in within {
        area += step.survival * (until - f64::from(step.days));
        until = f64::from(step.days);
        let (at_risk, ended) = (super::real(step.n_at_risk), super::real(step.n_ended));
        if at_risk > ended {
            variance += area * area * ended / (at_risk * (at_risk - ended));
        }
    }
    variance.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::golden::{assert_close, number, rows};

    /// The share of the waits that had ended by a day, with those still waiting counted properly.
    fn share_served_by(steps: &[Step], days: u32) -> f64 {
        let last = steps.iter().take_while(|step| step.days <= days).last();
        1.0 - last.map_or(1.0, |step| step.survival)
    }

    /// The waits of one arm of the `aml` trial.
    fn aml(group: &str) -> Vec<Wait> {
        rows(include_str!("../../../tests/golden/km/aml_input.csv"))
            .iter()
            .filter(|row| row[2] == group)
            .map(|row| {
                let end = if row[1] == "1" {
                    WaitEnd::Matched
                } else {
                    WaitEnd::StillWaiting
                };
                Wait {
                    days: row[0].parse().unwrap(),
                    end,
                }
            })
            .collect()
    }

    /// Compares a limit with a golden field, where empty means that there is none.
    fn assert_limit(found: Option<f64>, golden: &str) {
        match found {
            Some(value) => assert_close(value, number(golden), 1e-8),
            None => assert_eq!(golden, ""),
        }
    }

    #[test]
    fn the_golden_curves_of_the_aml_trial_are_reproduced() {
        let golden = rows(include_str!("../../../tests/golden/km/aml_survfit.csv"));
        for group in ["Maintained", "Nonmaintained"] {
            let steps = kaplan_meier(&aml(group));
            let expected: Vec<_> = golden.iter().filter(|row| row[0] == group).collect();
            assert_eq!(steps.len(), expected.len());
            for (step, row) in steps.iter().zip(expected) {
                assert_eq!(
                    (step.days, step.n_at_risk),
                    (row[1].parse().unwrap(), row[2].parse().unwrap())
                );
                assert!((step.survival - number(&row[5])).abs() < 1e-12);
                assert_limit(step.lower.map(|_| step.standard_error), &row[6]);
                assert_limit(step.lower, &row[7]);
                assert_limit(step.upper, &row[8]);
            }
        }
    }

    #[test]
    fn the_golden_quantiles_of_the_aml_trial_are_reproduced() {
        for row in rows(include_str!("../../../tests/golden/km/aml_quantiles.csv")) {
            let found = wait_quantile(&kaplan_meier(&aml(&row[0])), number(&row[1]));
            assert_limit(found.days, &row[2]);
            assert_limit(found.lower, &row[3]);
            assert_limit(found.upper, &row[4]);
        }
    }

    #[test]
    fn people_still_waiting_make_the_median_longer_or_unknown() {
        let served = |days| Wait {
            days,
            end: WaitEnd::Matched,
        };
        let waiting = |days| Wait {
            days,
            end: WaitEnd::StillWaiting,
        };
        let all_served = median_wait(&[served(2), served(4), served(6)]);
        assert_eq!(all_served.days, Some(4.0));
        let mostly_waiting = median_wait(&[served(2), waiting(30), waiting(30)]);
        assert_eq!(mostly_waiting.days, None);
    }

    #[test]
    fn where_the_curve_lies_flat_on_one_half_the_median_is_the_middle_of_the_flat() {
        let served = |days| Wait {
            days,
            end: WaitEnd::Matched,
        };
        assert_eq!(
            median_wait(&[served(2), served(4), served(8), served(9)]).days,
            Some(6.0)
        );
    }

    #[test]
    fn the_share_served_by_a_day_is_read_off_the_curve() {
        let steps = kaplan_meier(&aml("Nonmaintained"));
        assert_close(share_served_by(&steps, 9), 1.0 / 3.0, 1e-12);
        assert!(share_served_by(&steps, 1).abs() < 1e-12);
        assert_eq!(steps[0].n_at_risk, 12);
    }

    #[test]
    fn the_restricted_mean_is_the_area_under_the_curve() {
        // Whole weeks: the area is the sum of the heights after each of the weeks 0 to 29.
        let steps = kaplan_meier(&aml("Nonmaintained"));
        let mut by_week = 0.0;
        for week in 0..30 {
            by_week += 1.0 - share_served_by(&steps, week);
        }
        assert_close(restricted_mean(&steps, 30.0), by_week, 1e-12);
        assert_close(restricted_mean(&[], 12.0), 12.0, 1e-12);
    }

    #[test]
    fn nobody_waiting_has_no_median() {
        assert_eq!(
            median_wait(&[]),
            WaitQuantile {
                days: None,
                lower: None,
                upper: None
            }
        );
    }
}
