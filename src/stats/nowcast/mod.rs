//! How much of the last days is still to come in, and what that means for an alarm.
//!
//! An event of yesterday may be reported next week, so the newest days always look quiet. How much is
//! missing is learned from the delays seen so far, looked at backwards. A delay can only be seen if it is
//! over: among the events that are at least `d` days old, and reported within `d` days, the share reported
//! after exactly `d` is unbiased, and the shares chain up to the completeness:
//!
//! ```text
//! age of event      delay 0  1  2  3        g(d) = n(delay = d) / n(delay ≤ d), over events of age ≥ d
//!   3 days             ■  ■  ■  ■           F(d) = Π over j > d of (1 − g(j)),  F(D) = 1
//!   2 days             ■  ■  ■  ·           estimate of a day's events: n / F(age)
//!   1 day              ■  ■  ·  ·
//!   today              ■  ·  ·  ·
//! ```
//!
//! This is the reverse-time hazard of Lagakos, Barraj and De Gruttola (1988, Biometrika 75:515), in insurance the
//! chain ladder. The prediction error is that of Lawless (1994, Canad. J. Statist. 22:15). The `bayes`
//! versions are those of Höhle and an der Heiden (2014, Biometrics 70:993).

use std::collections::BTreeMap;

use super::counts::CountLaw;
use super::ears::{normal_quantile, normal_upper_tail};
use super::real;

/// The Bayes versions.
pub(crate) mod bayes;

/// An event and its report, in days on one calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Report {
    /// The day of the event.
    pub(crate) event: i64,
    /// The day the event was reported.
    pub(crate) reported: i64,
}

/// What becomes of reports later than the longest delay considered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Late {
    /// They are left out: the estimate is of the events reported within the longest delay.
    Dropped,
    /// They count as reported at the longest delay, as in the package `surveillance`.
    AtMaximum,
}

/// What is taken from the reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct View {
    /// The day of looking: later reports are not known yet.
    pub(crate) now: i64,
    /// The longest delay considered, `D`.
    pub(crate) max_delay: usize,
    /// What becomes of later reports.
    pub(crate) late: Late,
    /// Only events of the last so many days teach the delays; all if none.
    pub(crate) window: Option<usize>,
}

/// The reports known, by age of the event and delay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Triangle {
    /// What was taken.
    view: View,
    /// By age of the event in days, where there are any, the counts for each delay from 0 to `D`.
    rows: BTreeMap<usize, Vec<u64>>,
}

/// What is known about one delay.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct DelayShare {
    /// Reports with exactly this delay, from events at least so old.
    pub(crate) n_at: u64,
    /// Reports with at most this delay, from the same events.
    pub(crate) n_up_to: u64,
    /// The reverse hazard `g(d)`; nothing without reports.
    pub(crate) reverse_hazard: Option<f64>,
    /// The completeness `F(d)`; nothing where a later hazard is not known.
    pub(crate) completeness: Option<f64>,
    /// `Var(ln F(d))` after Greenwood, `Σ over j > d of g(j)/(n(≤j)(1 − g(j)))`; nothing where `F` is 0 or unknown.
    pub(crate) log_variance: Option<f64>,
}

/// Which error an estimate is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorOf {
    /// Of the events still to come and of the estimated delays (Lawless 1994).
    Prediction,
    /// Of the events still to come alone, as in the package `surveillance`.
    EventsToCome,
}

/// An estimate of a day's events.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Estimate {
    /// Reports seen.
    pub(crate) n_seen: u64,
    /// How complete they are, `F`.
    pub(crate) completeness: f64,
    /// The estimate `n/F`.
    pub(crate) n_estimated: f64,
    /// Its prediction error; nothing where no report is seen and the formula would say 0.
    pub(crate) standard_error: Option<f64>,
}

impl Triangle {
    /// Sorts the reports by age and delay. What is not known on the day, or reported before it happened, is left out.
    pub(crate) fn new(reports: &[Report], view: View) -> Self {
        Self::of_counts(reports.iter().map(|report| (*report, 1)), view)
    }

    /// The same from reports that are counted already.
    pub(crate) fn of_counts(reports: impl IntoIterator<Item = (Report, u64)>, view: View) -> Self {
        let mut rows: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
        for (report, n_reports) in reports {
            let age = usize::try_from(view.now - report.event);
            let delay = usize::try_from(report.reported - report.event);
            let (Ok(age), Ok(delay)) = (age, delay) else {
                continue;
            };
            let is_left_out = delay > view.max_delay && view.late == Late::Dropped;
            if delay > age || is_left_out {
                continue;
            }
            let row = rows
                .entry(age)
                .or_insert_with(|| vec![0; view.max_delay + 1]);
            let cell = row.get_mut(delay.min(view.max_delay));
            if let Some(count) = cell {
                *count += n_reports;
            }
        }
        Self { view, rows }
    }

    /// The reports seen of the day so many days ago.
    pub(crate) fn n_seen(&self, age: usize) -> u64 {
        self.rows.get(&age).map_or(0, |row| row.iter().sum())
    }

    /// The ages that teach the delays.
    fn teaching(&self) -> impl Iterator<Item = (usize, &Vec<u64>)> {
        let n_days = self.view.window.unwrap_or(usize::MAX);
        self.rows.range(..n_days).map(|(age, row)| (*age, row))
    }

    /// For every delay, the reports with it and up to it from the days old enough.
    pub(crate) fn delay_counts(&self) -> Vec<(u64, u64)> {
        let of_delay = |delay: usize| {
            let old_enough = self.teaching().filter(|(age, _)| *age >= delay);
            old_enough.fold((0, 0), |(at, up_to), (_, row)| {
                let n_at = row.get(delay).copied().unwrap_or(0);
                (at + n_at, up_to + row.iter().take(delay + 1).sum::<u64>())
            })
        };
        (0..=self.view.max_delay).map(of_delay).collect()
    }

    /// For every delay, all reports with it, whatever the age of the event: biased towards short delays.
    pub(crate) fn untruncated_counts(&self) -> Vec<u64> {
        let of_delay = |delay: usize| {
            let counts = self.teaching().filter_map(|(_, row)| row.get(delay));
            counts.sum()
        };
        (0..=self.view.max_delay).map(of_delay).collect()
    }

    /// The reverse hazards and the completeness, by delay from 0 to `D`.
    pub(crate) fn completeness(&self) -> Vec<DelayShare> {
        let mut completeness = Some(1.0);
        let mut log_variance = Some(0.0);
        let mut shares: Vec<DelayShare> = Vec::with_capacity(self.view.max_delay + 1);
        for (n_at, n_up_to) in self.delay_counts().into_iter().rev() {
            let hazard = (n_up_to > 0).then(|| real(n_at) / real(n_up_to));
            shares.push(DelayShare {
                n_at,
                n_up_to,
                reverse_hazard: hazard,
                completeness,
                log_variance,
            });
            let step = hazard.map(|g| g / (real(n_up_to) * (1.0 - g)));
            let step = step.filter(|step| step.is_finite());
            log_variance = log_variance.zip(step).map(|(sum, step)| sum + step);
            completeness = completeness.zip(hazard).map(|(share, g)| share * (1.0 - g));
        }
        shares.reverse();
        shares
    }

    /// The estimate for the day so many days ago; nothing where the completeness is 0 or not known.
    ///
    /// `V = n(1 − F)/F² + (n/F)² Var(ln F)`, the second term only with [`ErrorOf::Prediction`].
    pub(crate) fn estimate(
        &self,
        shares: &[DelayShare],
        age: usize,
        of: ErrorOf,
    ) -> Option<Estimate> {
        let share = shares.get(age.min(self.view.max_delay))?;
        let completeness = share.completeness.filter(|part| *part > 0.0)?;
        let n_seen = self.n_seen(age);
        let estimate = real(n_seen) / completeness;
        let to_come = real(n_seen) * (1.0 - completeness) / completeness.powi(2);
        let of_delays = match of {
            ErrorOf::Prediction => share
                .log_variance
                .map(|variance| estimate.powi(2) * variance),
            ErrorOf::EventsToCome => Some(0.0),
        };
        let standard_error = of_delays.map(|variance| (to_come + variance).sqrt());
        Some(Estimate {
            n_seen,
            completeness,
            n_estimated: estimate,
            standard_error: standard_error.filter(|_| n_seen > 0),
        })
    }
}

impl Estimate {
    /// The 95 % prediction interval `n/F ± z·se`, never below what is already seen.
    pub(crate) fn interval(self) -> Option<(f64, f64)> {
        let half = normal_quantile(0.975) * self.standard_error?;
        Some((
            (self.n_estimated - half).max(real(self.n_seen)),
            self.n_estimated + half,
        ))
    }

    /// The 2.5 %, 50 % and 97.5 % points as the package `surveillance` has them, each if at most `support`.
    ///
    /// The smallest whole `x ≥ n` with `Φ((x − n/F)/se) ≥ p·P(N > n)`: the normal law is divided by its part above `n`
    /// without its part below being taken off. Where nothing is seen all three are 0.
    pub(crate) fn package_quantiles(self, support: u64) -> [Option<u64>; 3] {
        let Some(error) = self.standard_error else {
            return [Some(self.n_seen); 3];
        };
        let score = |x: u64| (real(x) - self.n_estimated) / error;
        let above = normal_upper_tail(score(self.n_seen));
        let reaches = |x: u64, p: f64| 1.0 - normal_upper_tail(score(x)) >= p * above;
        let quantile = |p: f64| (self.n_seen..=support).find(|x| reaches(*x, p));
        [0.025, 0.5, 0.975].map(|p| {
            if error > 0.0 {
                quantile(p)
            } else {
                Some(self.n_seen)
            }
        })
    }
}

/// The 95 % limits of the number of events, when so many are seen and each was in with chance `F`.
///
/// With a flat prior on the number of events, what is still to come is negative binomial of size `n + 1` and
/// probability `F`. Unlike the normal limits of [`Estimate`] they say something where nothing is seen, but they
/// take `F` as known. Nothing for what is no share, or for 0.
pub(crate) fn interval_given(n_seen: u64, completeness: f64) -> Option<(u64, u64)> {
    if !(completeness > 0.0 && completeness <= 1.0) {
        return None;
    }
    let to_come = CountLaw::negative_binomial(real(n_seen) + 1.0, completeness);
    let limit = |probability: f64| n_seen.saturating_add(to_come.quantile(probability));
    Some((limit(0.025), limit(0.975)))
}

/// Below this completeness a count says too little for an alarm.
pub(crate) const LEAST_COMPLETENESS: f64 = 0.3;

/// The law of the reports seen of a count with mean `μ` and variance `φμ`, when a part `F` has come in.
///
/// Each event is in with chance `F`, so the mean is `μF` and the variance `F²φμ + F(1−F)μ = μF(1 + (φ−1)F)`.
/// The count seen is compared with this law; inflating the count instead would inflate its noise. Nothing
/// below [`LEAST_COMPLETENESS`], and for what is no mean, dispersion or share.
pub(crate) fn law_of_seen(mean: f64, phi: f64, completeness: f64) -> Option<CountLaw> {
    let is_usable = mean >= 0.0 && mean.is_finite() && phi >= 1.0 && phi.is_finite();
    let is_share = (LEAST_COMPLETENESS..=1.0).contains(&completeness);
    let seen = mean * completeness;
    (is_usable && is_share).then(|| CountLaw::new(seen, seen * (1.0 + (phi - 1.0) * completeness)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::golden::assert_close;
    use crate::stats::real_len;
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, Geometric, Poisson};

    /// A view on day `now`.
    fn view(now: i64, max_delay: usize) -> View {
        View {
            now,
            max_delay,
            late: Late::Dropped,
            window: None,
        }
    }

    /// So many reports of an event of day `event` reported `delay` days later.
    fn reports(event: i64, delay: i64, n: usize) -> Vec<Report> {
        vec![
            Report {
                event,
                reported: event + delay
            };
            n
        ]
    }

    #[test]
    fn what_is_to_come_is_geometric_where_nothing_is_seen() {
        // P(K ≤ k) = 1 − ½^(k+1) reaches .975 at k = 5.
        assert_eq!(interval_given(0, 0.5), Some((0, 5)));
        assert_eq!(interval_given(12, 1.0), Some((12, 12)));
        assert_eq!(interval_given(12, 0.0), None);
        assert_eq!(interval_given(12, f64::NAN), None);
    }

    #[test]
    fn the_worked_example_by_hand() {
        // Day 0: 6 at once, 2 after one day, 2 after two. Day 1: 7 at once, 3 after one day. Day 2: 5 at once.
        let known: Vec<Report> = [
            (0, 0, 6),
            (0, 1, 2),
            (0, 2, 2),
            (1, 0, 7),
            (1, 1, 3),
            (2, 0, 5),
        ]
        .into_iter()
        .flat_map(|(event, delay, n)| reports(event, delay, n))
        .collect();
        let triangle = Triangle::new(&known, view(2, 2));
        // g(2) = 2/10; g(1) = (2 + 3)/(8 + 10) = 5/18; F(1) = .8, F(0) = .8·13/18.
        let shares = triangle.completeness();
        assert_close(shares[1].completeness.unwrap(), 0.8, 1e-12);
        assert_close(shares[0].completeness.unwrap(), 0.8 * 13.0 / 18.0, 1e-12);
        let today = triangle.estimate(&shares, 0, ErrorOf::Prediction).unwrap();
        let (f, n) = (0.8 * 13.0 / 18.0, 5.0);
        assert_close(today.n_estimated, n / f, 1e-12);
        // Var(ln F(0)) = .2/(10·.8) + (5/18)/(18·13/18) = .025 + .0213675.
        let log_variance = 0.2 / 8.0 + 5.0 / (18.0 * 13.0);
        let variance = n * (1.0 - f) / (f * f) + (n / f).powi(2) * log_variance;
        assert_close(today.standard_error.unwrap(), variance.sqrt(), 1e-12);
        let yesterday = triangle
            .estimate(&shares, 1, ErrorOf::EventsToCome)
            .unwrap();
        assert_close(yesterday.n_estimated, 12.5, 1e-12);
        assert_close(
            yesterday.standard_error.unwrap(),
            (10.0 * 0.2 / 0.64_f64).sqrt(),
            1e-12,
        );
    }

    #[test]
    fn late_reports_are_dropped_or_counted_at_the_longest_delay() {
        let known = [reports(0, 1, 3), reports(0, 9, 2)].concat();
        let dropped = Triangle::new(&known, view(10, 4));
        let kept = Triangle::new(
            &known,
            View {
                late: Late::AtMaximum,
                ..view(10, 4)
            },
        );
        assert_eq!((dropped.n_seen(10), kept.n_seen(10)), (3, 5));
        assert_eq!(kept.delay_counts()[4], (2, 5));
    }

    #[test]
    fn a_mistaken_date_long_ago_costs_one_row() {
        let known = [reports(-700_000, 1, 1), reports(0, 1, 3)].concat();
        let triangle = Triangle::new(&known, view(10, 4));
        assert_eq!((triangle.rows.len(), triangle.n_seen(10)), (2, 3));
    }

    #[test]
    fn a_window_forgets_the_delays_of_long_ago() {
        let known = [reports(0, 5, 9), reports(20, 1, 4), reports(20, 5, 1)].concat();
        let all = Triangle::new(&known, view(26, 5)).completeness();
        let recent = Triangle::new(
            &known,
            View {
                window: Some(10),
                ..view(26, 5)
            },
        )
        .completeness();
        assert_close(all[1].completeness.unwrap(), 4.0 / 14.0, 1e-12);
        assert_close(recent[1].completeness.unwrap(), 0.8, 1e-12);
    }

    /// Forty days of about forty events, reported after a geometric delay of at most ten days.
    fn forty_days(rng: &mut ChaCha8Rng) -> Vec<Report> {
        let (events, delays) = (Poisson::new(40.0).unwrap(), Geometric::new(0.35).unwrap());
        let mut all = Vec::new();
        for event in 0..40_i64 {
            let draw: f64 = events.sample(rng);
            all.extend((0..crate::stats::rounded(draw)).map(|_| Report {
                event,
                reported: event + i64::try_from(delays.sample(rng).min(10)).unwrap(),
            }));
        }
        all
    }

    #[test]
    fn the_prediction_interval_covers_the_truth_about_as_often_as_it_says() {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let (n_runs, age, mut n_covered) = (500, 2, 0);
        for _ in 0..n_runs {
            let all = forty_days(&mut rng);
            let truth = all.iter().filter(|report| report.event == 39 - 2).count();
            let triangle = Triangle::new(&all, view(39, 10));
            let estimate = triangle.estimate(&triangle.completeness(), age, ErrorOf::Prediction);
            let (low, high) = estimate.unwrap().interval().unwrap();
            n_covered += i32::from((low..=high).contains(&real_len(truth)));
        }
        let coverage = f64::from(n_covered) / f64::from(n_runs);
        assert!((0.92..=0.975).contains(&coverage), "coverage {coverage}");
    }

    #[test]
    fn for_detection_the_expectation_is_thinned_and_little_is_never_judged() {
        // μ = 40, φ = 2, F = .5: mean 20, variance 20·1.5 = 30.
        let law = law_of_seen(40.0, 2.0, 0.5).unwrap();
        assert_eq!(law, CountLaw::new(20.0, 30.0));
        assert_eq!(law_of_seen(40.0, 2.0, 0.29), None);
        assert_eq!(law_of_seen(f64::NAN, 2.0, 0.5), None);
        assert_eq!(
            law_of_seen(40.0, 2.0, 1.0).unwrap(),
            CountLaw::new(40.0, 80.0)
        );
    }

    #[test]
    fn nothing_seen_has_no_error_and_no_reports_have_no_completeness() {
        let known = [reports(0, 0, 5), reports(0, 1, 5)].concat();
        let triangle = Triangle::new(&known, view(3, 1));
        let shares = triangle.completeness();
        let today = triangle.estimate(&shares, 0, ErrorOf::Prediction).unwrap();
        assert_eq!((today.standard_error, today.interval()), (None, None));
        let empty = Triangle::new(&[], view(3, 1));
        assert_eq!(empty.completeness()[0].completeness, None);
        assert_eq!(
            empty.estimate(&empty.completeness(), 0, ErrorOf::Prediction),
            None
        );
    }

    proptest! {
        #[test]
        fn completeness_rises_to_one_and_no_estimate_is_below_what_is_seen(
            known in proptest::collection::vec((0..30_i64, 0..12_i64), 1..200)
        ) {
            let known: Vec<Report> = known
                .into_iter()
                .map(|(event, delay)| Report { event, reported: event + delay })
                .collect();
            let triangle = Triangle::new(&known, view(29, 8));
            let shares = triangle.completeness();
            let parts: Vec<f64> = shares.iter().filter_map(|share| share.completeness).collect();
            prop_assert!(parts.windows(2).all(|pair| pair[0] <= pair[1]));
            prop_assert_eq!(parts.last(), Some(&1.0));
            for age in 0..30 {
                if let Some(found) = triangle.estimate(&shares, age, ErrorOf::Prediction) {
                    prop_assert!(found.n_estimated >= real(found.n_seen) - 1e-9);
                }
            }
        }
    }
}
