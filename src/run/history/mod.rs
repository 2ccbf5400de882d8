//! The series of all needs together with when each request came in, so that they can be looked at as
//! they were known at the end of any month.
//!
//! ```text
//! known at T    requests made up to T and written by the platform up to T
//! F(age)        share of a month's requests in after so many months (chain ladder, per need)
//! exposure × F  the expected mean follows what can have come in; the count is never inflated
//! F < least     the month is not judged
//! ```
//!
//! Exposure and coverage are those known today: no table says since when they are known.

use std::collections::BTreeMap;

use crate::stats::nowcast::{Late, Report, Triangle, View};
use crate::stats::{Panel, PanelError};

/// Months as texts.
pub(crate) mod calendar;
/// Reads it from the models.
mod read;

pub use read::Error;

/// The longest delay considered, in months; later requests teach nothing of the usual delay.
const MAX_DELAY: usize = 6;

/// Only requests of the last so many months teach the delays.
const TEACHING_MONTHS: usize = 24;

/// With fewer requests in these months a need learns its delays from all needs together.
const MIN_REPORTS: u64 = 50;

/// Requests of a district and month that came in together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// The district.
    pub(crate) district: usize,
    /// The month they were made in.
    pub(crate) month: usize,
    /// The month they came in; it may lie after the last month of the history.
    pub(crate) known: usize,
    /// How many.
    pub(crate) n: u64,
}

/// One need in every district and month.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Series {
    /// People exposed, district by district.
    pub(crate) exposure: Vec<f64>,
    /// Whether the platforms of the need were heard.
    pub(crate) covered: Vec<bool>,
    /// The requests.
    pub(crate) arrivals: Vec<Arrival>,
}

/// A district or need.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Named {
    /// Its code.
    pub(crate) code: String,
    /// Its name.
    pub(crate) name: String,
}

/// The series of all needs.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct History {
    /// Months, `YYYY-MM`, in order.
    pub(crate) months: Vec<String>,
    /// Districts.
    pub(crate) districts: Vec<Named>,
    /// Needs.
    pub(crate) needs: Vec<Named>,
    /// The districts that border on each.
    pub(crate) borders: Vec<Vec<usize>>,
    /// The series of each need.
    pub(crate) series: Vec<Series>,
}

/// The history as known at the end of a month.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Known {
    /// One panel per need, up to the month; exposures are multiplied by the completeness.
    pub(crate) panels: Vec<Panel>,
    /// The completeness of each need by age in months, from 0; older months are complete.
    pub(crate) completeness: Vec<Vec<f64>>,
}

impl Series {
    /// How many requests a district had in a month, known today.
    pub(crate) fn counts(&self, n_months: usize) -> Vec<u64> {
        let mut counts = vec![0; self.exposure.len()];
        for arrival in &self.arrivals {
            counts[arrival.district * n_months + arrival.month] += arrival.n;
        }
        counts
    }

    /// Whether a district's month has people exposed and was heard.
    pub(crate) fn is_usable(&self, at: usize) -> bool {
        self.covered[at] && self.exposure[at] > 0.0
    }

    /// The requests known at the end of a month, as reports on a calendar of months.
    fn reports(&self, now: usize) -> impl Iterator<Item = (Report, u64)> + '_ {
        let known = move |arrival: &&Arrival| arrival.month <= now && arrival.known <= now;
        self.arrivals.iter().filter(known).map(|arrival| {
            let report = Report {
                event: whole(arrival.month),
                reported: whole(arrival.known),
            };
            (report, arrival.n)
        })
    }
}

/// A month as a day of the calendar that `nowcast` counts in.
fn whole(month: usize) -> i64 {
    i64::try_from(month).unwrap_or(i64::MAX)
}

/// The completeness by age; none where too few requests teach it.
fn learned(
    reports: impl Iterator<Item = (Report, u64)>,
    now: usize,
    least: u64,
) -> Option<Vec<f64>> {
    let view = View {
        now: whole(now),
        max_delay: MAX_DELAY,
        late: Late::Dropped,
        window: Some(TEACHING_MONTHS),
    };
    let triangle = Triangle::of_counts(reports, view);
    let shares = triangle.completeness();
    let oldest = shares.last()?;
    if oldest.n_up_to < least {
        return None;
    }
    let shares = shares.iter().map(|share| share.completeness);
    shares.collect()
}

impl History {
    /// How many months there are.
    pub(crate) fn n_months(&self) -> usize {
        self.months.len()
    }

    /// The history as known at the end of a month; months less complete than `least` are not judged.
    ///
    /// # Errors
    /// When an exposure is no number of people.
    pub(crate) fn as_known(&self, now: usize, least: f64) -> Result<Known, PanelError> {
        let all = self.series.iter().flat_map(|series| series.reports(now));
        let of_all = learned(all, now, 1).unwrap_or_default();
        let mut known = Known {
            panels: Vec::with_capacity(self.series.len()),
            completeness: Vec::with_capacity(self.series.len()),
        };
        for series in &self.series {
            let own = learned(series.reports(now), now, MIN_REPORTS);
            let completeness = own.unwrap_or_else(|| of_all.clone());
            known
                .panels
                .push(self.panel(series, now, (&completeness, least))?);
            known.completeness.push(completeness);
        }
        Ok(known)
    }

    /// One need as known at the end of a month.
    fn panel(
        &self,
        series: &Series,
        now: usize,
        (completeness, least): (&[f64], f64),
    ) -> Result<Panel, PanelError> {
        let (n_months, n_known) = (self.n_months(), now + 1);
        let size = self.districts.len() * n_known;
        let mut counts = vec![0; size];
        for arrival in &series.arrivals {
            if arrival.month <= now && arrival.known <= now {
                counts[arrival.district * n_known + arrival.month] += arrival.n;
            }
        }
        let mut exposure = Vec::with_capacity(size);
        let mut covered = Vec::with_capacity(size);
        for district in 0..self.districts.len() {
            for month in 0..n_known {
                let at = district * n_months + month;
                let share = completeness.get(now - month).copied().unwrap_or(1.0);
                exposure.push(series.exposure[at] * share);
                covered.push(series.covered[at] && share >= least);
            }
        }
        Panel::new(n_known, counts, exposure, covered)
    }

    /// How the delays of a need are spread, from 0 months on, known today; of all needs where it has too few requests.
    pub(crate) fn delays(&self, need: usize) -> Vec<f64> {
        let last = self.n_months().saturating_sub(1);
        let own = self.series.get(need);
        let own = own.and_then(|series| learned(series.reports(last), last, MIN_REPORTS));
        let all = || {
            let reports = self.series.iter().flat_map(|series| series.reports(last));
            learned(reports, last, 1)
        };
        let completeness = own.or_else(all).unwrap_or_else(|| vec![1.0]);
        let mut before = 0.0;
        let step = |share: &f64| {
            let part = share - before;
            before = *share;
            part
        };
        completeness.iter().map(step).collect()
    }

    /// Adds requests to a need, by district, month and the month they come in.
    pub(crate) fn add(&mut self, need: usize, arrivals: &BTreeMap<(usize, usize, usize), u64>) {
        let Some(series) = self.series.get_mut(need) else {
            return;
        };
        let added = arrivals
            .iter()
            .map(|((district, month, known), n)| Arrival {
                district: *district,
                month: *month,
                known: *known,
                n: *n,
            });
        series.arrivals.extend(added);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::golden::assert_close;

    /// One district, one need, 100 requests a month: 60 at once, 30 a month later, 10 two months later.
    fn delayed(n_months: usize) -> History {
        let named = |code: &str| Named {
            code: code.to_owned(),
            name: code.to_owned(),
        };
        let arrivals = (0..n_months).flat_map(|month| {
            [(0, 60), (1, 30), (2, 10)].map(|(delay, n)| Arrival {
                district: 0,
                month,
                known: month + delay,
                n,
            })
        });
        History {
            months: (0..n_months).map(|month| format!("m{month}")).collect(),
            districts: vec![named("D")],
            needs: vec![named("N")],
            borders: vec![Vec::new()],
            series: vec![Series {
                exposure: vec![1000.0; n_months],
                covered: vec![true; n_months],
                arrivals: arrivals.collect(),
            }],
        }
    }

    #[test]
    fn only_what_had_come_in_is_known_and_the_exposure_follows_the_completeness() {
        let history = delayed(20);
        let known = history.as_known(15, 0.3).unwrap();
        let panel = &known.panels[0];
        assert_eq!(panel.n_months(), 16);
        let counts = [12, 13, 14, 15].map(|month| panel.count(0, month));
        assert_eq!(counts, [100, 100, 90, 60]);
        // F(0) = 60/100, F(1) = 90/100: 1000 members are as good as 600 and 900.
        let exposure = [13, 14, 15].map(|month| panel.exposure(0, month));
        for (found, expected) in exposure.into_iter().zip([1000.0, 900.0, 600.0]) {
            assert_close(found, expected, 1e-9);
        }
        assert!(panel.is_usable(0, 15));
    }

    #[test]
    fn a_month_of_which_too_little_is_in_is_not_judged() {
        let known = delayed(20).as_known(15, 0.7).unwrap();
        assert!(!known.panels[0].is_usable(0, 15) && known.panels[0].is_usable(0, 14));
    }

    #[test]
    fn the_delays_are_spread_as_they_were_seen() {
        let delays = delayed(20).delays(0);
        for (found, expected) in delays.iter().zip([0.6, 0.3, 0.1, 0.0]) {
            assert!((found - expected).abs() < 1e-9, "{delays:?}");
        }
    }

    #[test]
    fn a_need_with_few_requests_learns_from_all() {
        let mut history = delayed(20);
        let mut rare = history.series[0].clone();
        rare.arrivals = vec![Arrival {
            district: 0,
            month: 3,
            known: 9,
            n: 1,
        }];
        history.series.push(rare);
        let known = history.as_known(15, 0.3).unwrap();
        // (60·16)/(60·16 + …) of both needs together, hardly moved by the one late request.
        assert!((known.completeness[1][0] - 0.6).abs() < 0.01);
        assert_eq!(known.completeness[1].len(), MAX_DELAY + 1);
    }
}
