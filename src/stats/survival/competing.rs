//! When a wait can end in more than one way: the Aalen–Johansen cumulative incidence.
//!
//! A request may be answered or withdrawn. Counting those withdrawn as "still waiting" pretends that they
//! could yet be answered and makes answers look more frequent than they are; leaving them out makes waits
//! look short. The share answered by day `t` is instead `I_k(t) = Σ S(t−) d_k/n`: who was still waiting the day
//! before, times the share of those answered that day (Aalen and Johansen 1978, Scand. J. Statist. 5:141). The
//! incidences of all causes and the share still waiting add up to one.
//!
//! Two variances are offered, both written as in Braun and Yuan (2007, Statist. Med. 26:1170), with `n` at risk, `d`
//! ends of any cause, `d_k` of the cause, `ΔI = I(t) − I(t_j)` and `S` just before the day:
//!
//! - Aalen (1978, Ann. Statist. 6:534): `Σ ΔI² d/((n−1)(n−d)) + Σ S² d_k(n−d_k)/(n²(n−1)) − 2 Σ ΔI S d_k(n−d_k)/(n(n−d)(n−1))`;
//! - the delta method: `Σ ΔI² d/(n(n−d)) + Σ S² d_k(n−d_k)/n³ − 2 Σ ΔI S d_k/n²`. It is exactly
//!   `I(1−I)/n` where nobody is lost, and Greenwood's where there is one cause.

use super::super::ears::normal_quantile;
use super::super::real_len;
use super::{WaitQuantile, count, first_at_or_below};

/// One wait that may have ended in one of several ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CompetingWait {
    /// Days waited.
    pub(crate) days: u32,
    /// The cause that ended it, counted from 0; none while it lasts.
    pub(crate) cause: Option<usize>,
}

/// Which variance is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IncidenceVariance {
    /// Aalen's of 1978.
    Aalen,
    /// The delta method.
    Delta,
}

/// One step of the incidence of one cause.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct IncidenceStep {
    /// The day.
    pub(crate) days: u32,
    /// How many were still waiting just before.
    pub(crate) n_at_risk: u64,
    /// How many waits ended by the cause that day.
    pub(crate) n_of_cause: u64,
    /// How many waits ended by any cause that day.
    pub(crate) n_ended: u64,
    /// The share still waiting just after.
    pub(crate) survival: f64,
    /// The share ended by the cause up to and including the day.
    pub(crate) incidence: f64,
    /// Its standard error.
    pub(crate) standard_error: f64,
}

impl IncidenceStep {
    /// The 95 % limits on the log-log scale, `I^exp(±z·se/(I ln I))`; none while `I` is 0, or 1.
    pub(crate) fn limits(&self) -> Option<(f64, f64)> {
        let share = self.incidence;
        if share <= 0.0 || share >= 1.0 {
            return None;
        }
        let half = normal_quantile(0.975) * self.standard_error / (share * share.ln());
        Some((share.powf((-half).exp()), share.powf(half.exp())))
    }
}

/// The sums of which the variance at any later day is made.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    /// `Σ a`, with `a` the factor of `ΔI²`.
    a: f64,
    /// `Σ a I(t_j)`.
    a_incidence: f64,
    /// `Σ a I(t_j)²`.
    a_square: f64,
    /// `Σ b`, the part without `ΔI`.
    b: f64,
    /// `Σ c`, with `c` the factor of `−2 ΔI`.
    c: f64,
    /// `Σ c I(t_j)`.
    c_incidence: f64,
}

impl Sums {
    /// Adds a day: `n` at risk, `d` ended, `d_k` by the cause; the share waiting before and the incidence after.
    fn add(
        &mut self,
        which: IncidenceVariance,
        [n, d, d_k]: [f64; 3],
        (before, incidence): (f64, f64),
    ) {
        // Once nobody is left the incidence stays, and what multiplies its changes is of no account.
        let over_left = if n > d { (n - d).recip() } else { 0.0 };
        let (of_square, alone, of_change) = match which {
            IncidenceVariance::Aalen if n <= 1.0 => (0.0, 0.0, 0.0),
            IncidenceVariance::Aalen => {
                let spread = d_k * (n - d_k) / (n * (n - 1.0));
                (d * over_left / (n - 1.0), spread / n, spread * over_left)
            }
            IncidenceVariance::Delta => (
                d * over_left / n,
                d_k * (n - d_k) / n.powi(3),
                d_k / (n * n),
            ),
        };
        self.a += of_square;
        self.a_incidence += of_square * incidence;
        self.a_square += of_square * incidence * incidence;
        self.b += before * before * alone;
        self.c += before * of_change;
        self.c_incidence += before * of_change * incidence;
    }

    /// The variance at a day with this incidence.
    fn variance(&self, incidence: f64) -> f64 {
        let squares =
            self.a * incidence * incidence - 2.0 * incidence * self.a_incidence + self.a_square;
        let mixed = self.c * incidence - self.c_incidence;
        (squares + self.b - 2.0 * mixed).max(0.0)
    }
}

/// The cumulative incidence of one cause, one step per day on which a wait ended or stopped being seen.
pub(crate) fn cumulative_incidence(
    waits: &[CompetingWait],
    cause: usize,
    which: IncidenceVariance,
) -> Vec<IncidenceStep> {
    let mut sorted = waits.to_vec();
    sorted.sort_by_key(|wait| wait.days);
    let mut n_left = sorted.len();
    let (mut survival, mut incidence, mut sums) = (1.0, 0.0, Sums::default());
    let mut steps = Vec::new();
    for same_day in sorted.chunk_by(|a, b| a.days == b.days) {
        let n_ended = same_day.iter().filter(|wait| wait.cause.is_some()).count();
        let n_of_cause = same_day
            .iter()
            .filter(|wait| wait.cause == Some(cause))
            .count();
        let [n, d, d_k] = [n_left, n_ended, n_of_cause].map(real_len);
        incidence += survival * d_k / n;
        sums.add(which, [n, d, d_k], (survival, incidence));
        survival *= 1.0 - d / n;
        steps.push(IncidenceStep {
            days: same_day[0].days,
            n_at_risk: count(n_left),
            n_of_cause: count(n_of_cause),
            n_ended: count(n_ended),
            survival,
            incidence,
            standard_error: sums.variance(incidence).sqrt(),
        });
        n_left -= same_day.len();
    }
    steps
}

/// The first day by which a part of all waits has ended by the cause, with the limits of the incidence read off alike.
///
/// Nothing where the incidence, or its limit, never gets there.
pub(crate) fn incidence_quantile(steps: &[IncidenceStep], part: f64) -> WaitQuantile {
    let level = 1.0 - part;
    let first = |curve: fn(&IncidenceStep) -> Option<f64>| {
        first_at_or_below(steps, level, |step| step.days, curve)
    };
    WaitQuantile {
        days: first(|step| Some(1.0 - step.incidence)),
        lower: first(|step| step.limits().map(|(_low, high)| 1.0 - high)),
        upper: first(|step| step.limits().map(|(low, _high)| 1.0 - low)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Wait, WaitEnd, kaplan_meier};
    use super::*;
    use crate::stats::golden::assert_close;
    use proptest::prelude::*;

    /// A wait that ended by a cause, or lasts.
    fn wait(days: u32, cause: Option<usize>) -> CompetingWait {
        CompetingWait { days, cause }
    }

    #[test]
    fn the_worked_example_of_satagopan_is_reproduced() {
        // Satagopan et al. (2004, Br. J. Cancer 91:1229), table 2: 305 patients with breast cancer, of whom the first nine
        // die of it (months 10, 16, 23, 27), of something else (18, 26), or are last seen alive (7, 14, 24).
        let mut waits = vec![
            wait(7, None),
            wait(10, Some(0)),
            wait(14, None),
            wait(16, Some(0)),
            wait(18, Some(1)),
            wait(23, Some(0)),
            wait(24, None),
            wait(26, Some(1)),
            wait(27, Some(0)),
        ];
        waits.extend([wait(60, None); 296]);
        let steps = cumulative_incidence(&waits, 0, IncidenceVariance::Aalen);
        let at = |days: u32| steps.iter().find(|step| step.days == days).unwrap();
        // Printed: month, number at risk, overall survival in per cent; every increment of the incidence is 0.3 (and
        // the paper adds up these rounded increments: 0.3, 0.6, 0.9, 1.2).
        let printed = [
            (10, 304, 99.7),
            (16, 302, 99.3),
            (23, 300, 98.7),
            (27, 297, 98.0),
        ];
        let mut before = 0.0;
        for (days, n_at_risk, survival) in printed {
            assert_eq!(at(days).n_at_risk, n_at_risk);
            assert!((100.0 * at(days).survival - survival).abs() < 0.051);
            assert!((100.0 * (at(days).incidence - before) - 0.3).abs() < 0.051);
            before = at(days).incidence;
        }
        let by_hand = 1.0 / 304.0 + 303.0 / 304.0 / 302.0;
        assert_close(at(16).incidence, by_hand, 1e-12);
    }

    #[test]
    fn both_variances_follow_their_formulas_by_hand() {
        // Five waits: cause 0 on day 1, lost on day 2, cause 1 on day 3, cause 0 on day 4, one still waiting.
        let waits = [
            wait(1, Some(0)),
            wait(2, None),
            wait(3, Some(1)),
            wait(4, Some(0)),
            wait(5, None),
        ];
        // S before: 1, .8, .8·2/3; I: .2 after day 1, .2 + .8·2/3·1/2 = .466667 after day 4. At day 4, n = 5, 3, 2; ΔI = .266667
        // on days 1 and 3 and 0 on day 4.
        let (gain, before) = (0.8 / 3.0, 0.8 * 2.0 / 3.0);
        let aalen =
            gain * gain * (1.0 / 16.0 + 1.0 / 4.0) + 4.0 / (25.0 * 4.0) + before * before / 4.0
                - 2.0 * gain * (4.0 / (5.0 * 4.0 * 4.0));
        let delta = gain * gain * (1.0 / 20.0 + 1.0 / 6.0) + 4.0 / 125.0 + before * before / 8.0
            - 2.0 * gain / 25.0;
        for (which, variance) in [
            (IncidenceVariance::Aalen, aalen),
            (IncidenceVariance::Delta, delta),
        ] {
            let steps = cumulative_incidence(&waits, 0, which);
            assert_close(steps[3].incidence, 0.2 + gain, 1e-12);
            assert_close(steps[3].standard_error, variance.sqrt(), 1e-12);
        }
        let (low, high) = cumulative_incidence(&waits, 0, IncidenceVariance::Delta)[3]
            .limits()
            .unwrap();
        assert!(0.0 < low && low < 0.4666 && 0.4667 < high && high < 1.0);
    }

    #[test]
    fn counting_the_withdrawn_as_waiting_overstates_the_answered() {
        let mut waits = Vec::new();
        for day in 1..40 {
            waits.push(wait(day, Some(0)));
            waits.push(wait(day, Some(1)));
        }
        let proper = cumulative_incidence(&waits, 0, IncidenceVariance::Aalen);
        let as_waiting = waits.iter().map(|wait| Wait {
            days: wait.days,
            end: if wait.cause == Some(0) {
                WaitEnd::Matched
            } else {
                WaitEnd::StillWaiting
            },
        });
        let naive = kaplan_meier(&as_waiting.collect::<Vec<_>>());
        assert_close(proper[38].incidence, 0.5, 1e-9);
        assert!(1.0 - naive[37].survival > 0.8);
    }

    #[test]
    fn nobody_waiting_has_no_incidence() {
        assert!(cumulative_incidence(&[], 0, IncidenceVariance::Aalen).is_empty());
        assert_eq!(
            cumulative_incidence(&[wait(3, None)], 0, IncidenceVariance::Aalen)[0].limits(),
            None
        );
    }

    /// Waits of up to 20 days that end by one of two causes, or last.
    fn some_waits() -> impl Strategy<Value = Vec<CompetingWait>> {
        let one = (1..20_u32, proptest::option::weighted(0.7, 0..2_usize));
        proptest::collection::vec(one.prop_map(|(days, cause)| wait(days, cause)), 1..80)
    }

    proptest! {
        #[test]
        fn the_incidences_and_the_share_waiting_add_up_to_one(waits in some_waits()) {
            let first = cumulative_incidence(&waits, 0, IncidenceVariance::Aalen);
            let second = cumulative_incidence(&waits, 1, IncidenceVariance::Delta);
            for (a, b) in first.iter().zip(&second) {
                prop_assert!((a.incidence + b.incidence + a.survival - 1.0).abs() < 1e-10);
                prop_assert!(a.standard_error.is_finite() && b.standard_error.is_finite());
            }
        }

        #[test]
        fn with_one_cause_the_delta_error_is_greenwoods(waits in some_waits()) {
            let merged: Vec<_> = waits.iter().map(|w| wait(w.days, w.cause.map(|_| 0))).collect();
            let plain = merged.iter().map(|w| Wait {
                days: w.days,
                end: if w.cause.is_some() { WaitEnd::Matched } else { WaitEnd::StillWaiting },
            });
            let curve = kaplan_meier(&plain.collect::<Vec<_>>());
            for (a, b) in cumulative_incidence(&merged, 0, IncidenceVariance::Delta).iter().zip(curve) {
                prop_assert!((a.incidence + b.survival - 1.0).abs() < 1e-10);
                prop_assert!(b.survival <= 0.0 || (a.standard_error - b.standard_error).abs() < 1e-6);
            }
        }

        #[test]
        fn where_nobody_is_lost_the_delta_error_is_that_of_a_share(waits in some_waits()) {
            let ended: Vec<_> = waits.into_iter().filter(|wait| wait.cause.is_some()).collect();
            let n = real_len(ended.len());
            for step in cumulative_incidence(&ended, 0, IncidenceVariance::Delta) {
                let share = step.incidence;
                prop_assert!((step.standard_error.powi(2) - share * (1.0 - share) / n).abs() < 1e-10);
            }
        }
    }

    #[test]
    fn withdrawn_waits_are_never_answered_so_that_half_is_reached_later_than_by_censoring() {
        // Eight waits: answered on days 1, 2, 3, 4, 5 and 6, withdrawn on days 1 and 2. By day 4 half of all are answered;
        // as everything is known, the incidence is 4/8 there, and lies on the half until day 5.
        let mut waits: Vec<CompetingWait> = (1..=6).map(|days| wait(days, Some(0))).collect();
        waits.extend([wait(1, Some(1)), wait(2, Some(1))]);
        let steps = cumulative_incidence(&waits, 0, IncidenceVariance::Delta);
        let found = incidence_quantile(&steps, 0.5);
        assert_eq!(found.days, Some(4.5));
        // The upper limits by hand, with se = √(I(1−I)/8) as nobody is lost: .423 on day 1, and on day 2 I = 1/4,
        // se = .1531, 1.96 se/(I ln I) = −.8658 and .25^.4207 = .558. The lower ones never reach a half.
        let upper = |step: usize| steps[step].limits().unwrap().1;
        assert!((upper(0) - 0.423).abs() < 1e-3 && (upper(1) - 0.558).abs() < 1e-3);
        assert_eq!((found.lower, found.upper), (Some(2.0), None));
        let censored: Vec<Wait> = waits
            .iter()
            .map(|wait| Wait {
                days: wait.days,
                end: if wait.cause == Some(0) {
                    WaitEnd::Matched
                } else {
                    WaitEnd::StillWaiting
                },
            })
            .collect();
        assert_eq!(super::super::median_wait(&censored).days, Some(4.0));
        assert_eq!(incidence_quantile(&steps, 0.8).days, None);
    }
}
