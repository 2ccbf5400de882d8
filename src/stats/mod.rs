//! The statistics behind every flag: plain functions over numbers, with no table engine in sight.
//!
//! One idea is needed to follow the rest. A flag compares what was *observed* with what was *expected*
//! if nothing had changed, and the expectation follows the **exposure** (how many people could have
//! asked), so that a platform that doubles its members is not mistaken for a need that doubles.
//!
//! ```text
//! months     0 ................... t-4 | t-3  t-2  t-1   t
//!            the past, fitted           judged in windows of 1 to 4 months
//! ```
//!
//! Emerging needs go through `EmergingDetector`, one `Panel` per need; gaps through `proportion`
//! and `survival`; words the vocabulary lacks through `novelty` and `burst`. `fdr` decides over all cells of
//! a period together which of the small probabilities may be believed.

use std::ops::Range;

/// What people can reach: floating catchment areas.
pub(crate) mod accessibility;
/// Words in use that are suddenly used far more.
pub(crate) mod burst;
/// Rises shared by neighboring districts: the scan on the pooled expectations.
pub(crate) mod cluster;
/// Upper tails and quantiles of the count distributions used for predictions.
pub(crate) mod counts;
/// CUSUM charts of counts.
pub(crate) mod cusum;
/// EARS C1 and C2, for series too young for a fitted baseline.
pub(crate) mod ears;
/// EARS C1, C2 and C3 over whole series.
pub mod ears_series;
/// Farrington flexible, for weekly series with some years of past.
pub(crate) mod farrington;
/// False-discovery control over the many cells of one period.
pub(crate) mod fdr;
/// Quasi-Poisson regression on season levels and a trend.
pub(crate) mod glm;
/// The likelihood-ratio chart for counts.
pub(crate) mod glr;
/// How unevenly something is spread: Gini, Theil, concentration, weighted quantiles.
pub(crate) mod inequality;
/// Invented weekly series with known outbreaks.
#[cfg(test)]
pub(crate) mod invented;
/// The rule for categories and tags that were not there before.
pub(crate) mod novelty;
/// Reporting delay: how complete the last days are, and how many events they will have had.
pub(crate) mod nowcast;
/// Invented panels with a known truth, and the figures of a detector on them.
pub(crate) mod panel_law;
/// The pooled Gamma–Poisson model with exposure offset, the detector used by default.
pub(crate) mod pooled;
/// Shares: Wilson intervals and the funnel test with over-dispersion.
pub(crate) mod proportion;
/// Rates and shares with their intervals, and standardized rates.
pub(crate) mod rates;
/// Scan statistics: clusters on a map, in space and time, and in a hierarchy.
pub(crate) mod scan;
/// Maps: smoothed rates, Moran, Geary, local statistics.
pub(crate) mod spatial;
/// Waiting times that may still be running: Kaplan–Meier.
pub(crate) mod survival;
/// The weekly detector: a smooth course of all the past, windows of several weeks.
pub(crate) mod weekly;

/// What one need looked like in every district and month.
///
/// The three vectors are laid out district by district: the value of `district` in `month` stands at
/// `district * n_months + month`. Months are consecutive calendar months, the first one any month.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Panel {
    /// How many districts there are.
    n_districts: usize,
    /// How many months there are.
    n_months: usize,
    /// Requests counted.
    counts: Vec<u64>,
    /// People who could have asked, such as active members.
    exposure: Vec<f64>,
    /// Whether the month's records of the district are complete enough to be judged or fitted.
    covered: Vec<bool>,
}

/// Why a panel cannot be built.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PanelError {
    /// A vector is not districts × months long.
    #[error("panel column `{column}` has {found} values where {wanted} are needed")]
    Length {
        /// The vector concerned.
        column: &'static str,
        /// Its length.
        found: usize,
        /// Districts × months.
        wanted: usize,
    },
    /// An exposure is negative or not a number.
    #[error("panel exposure at position {position} is not a number of people")]
    Exposure {
        /// The position in the vector.
        position: usize,
    },
}

impl Panel {
    /// Checks the lengths and the exposures, and keeps the three vectors.
    ///
    /// A cell without exposure is never fitted or judged, whatever `covered` says.
    pub(crate) fn new(
        n_months: usize,
        counts: Vec<u64>,
        exposure: Vec<f64>,
        covered: Vec<bool>,
    ) -> Result<Self, PanelError> {
        let n_districts = counts.len().checked_div(n_months).unwrap_or(0);
        let wanted = n_districts * n_months;
        let lengths = [
            ("counts", counts.len()),
            ("exposure", exposure.len()),
            ("covered", covered.len()),
        ];
        for (column, found) in lengths {
            if found != wanted {
                return Err(PanelError::Length {
                    column,
                    found,
                    wanted,
                });
            }
        }
        if let Some(position) = exposure
            .iter()
            .position(|people| !(*people >= 0.0 && people.is_finite()))
        {
            return Err(PanelError::Exposure { position });
        }
        Ok(Self {
            n_districts,
            n_months,
            counts,
            exposure,
            covered,
        })
    }

    /// How many districts the panel has.
    pub(crate) fn n_districts(&self) -> usize {
        self.n_districts
    }

    /// How many months the panel has.
    pub(crate) fn n_months(&self) -> usize {
        self.n_months
    }

    /// The count of a district in a month.
    pub(crate) fn count(&self, district: usize, month: usize) -> u64 {
        self.counts[district * self.n_months + month]
    }

    /// The exposure of a district in a month.
    pub(crate) fn exposure(&self, district: usize, month: usize) -> f64 {
        self.exposure[district * self.n_months + month]
    }

    /// Whether a district's month may be fitted and judged: covered, and with somebody exposed.
    pub(crate) fn is_usable(&self, district: usize, month: usize) -> bool {
        let position = district * self.n_months + month;
        self.covered[position] && self.exposure[position] > 0.0
    }

    /// The usable months of a district among the given ones.
    pub(crate) fn usable_months(
        &self,
        district: usize,
        months: Range<usize>,
    ) -> impl Iterator<Item = usize> + '_ {
        months.filter(move |month| self.is_usable(district, *month))
    }
}

/// What a detector says about one district in one month, with the evidence it said it on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Judgment {
    /// The district's place in the panel.
    pub(crate) district: usize,
    /// The judged month's place in the panel: the last month of the window.
    pub(crate) month: usize,
    /// How many months the window holds, the judged one included.
    pub(crate) n_window_months: usize,
    /// Requests counted in the window.
    pub(crate) observed: u64,
    /// Requests expected in the window if nothing had changed.
    pub(crate) expected: f64,
    /// Lower end of the 95 % prediction interval of the window's count.
    pub(crate) predicted_low: u64,
    /// Upper end of the 95 % prediction interval of the window's count.
    pub(crate) predicted_high: u64,
    /// Observed over expected.
    pub(crate) ratio: f64,
    /// Chance of evidence at least as strong if nothing had changed, already paid for the choice of window.
    pub(crate) p: f64,
    /// The mean monthly exposure of the window.
    pub(crate) exposure: f64,
}

/// A way to tell which districts ask for one need more than their past and their exposure explain.
///
/// An implementation looks at no month later than the one it judges, so that judging history again
/// gives what would have been said at the time, and it leaves out what it cannot judge: a missing
/// judgment means "not enough information", which is not the same as "nothing happened".
pub(crate) trait EmergingDetector {
    /// The method's name, as it stands in the signals.
    fn name(&self) -> &'static str;

    /// The method's version, raised whenever the same panel may be judged differently.
    fn version(&self) -> &'static str;

    /// Judges the given months, in order of district and then month.
    fn judge(&self, panel: &Panel, judged: Range<usize>) -> Vec<Judgment>;

    /// Judges the given months of all needs together, one list of judgments per panel.
    ///
    /// A method may use that the needs are judged together; by default each is judged alone.
    fn judge_all(&self, panels: &[&Panel], judged: Range<usize>) -> Vec<Vec<Judgment>> {
        let alone = panels.iter().map(|panel| self.judge(panel, judged.clone()));
        alone.collect()
    }

    /// The window of exactly so many months that ends in the cell's month, as evidence for readers.
    ///
    /// Nothing where the window or the past of the district is not complete enough.
    fn window(&self, panel: &Panel, cell: (usize, usize), n_months: usize) -> Option<Judgment>;
}

/// A count as a real number.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of people and requests stay far below 2^52"
)]
pub(crate) fn real(count: u64) -> f64 {
    count as f64
}

/// The nearest count.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an expectation of requests is a small positive number"
)]
pub(crate) fn rounded(value: f64) -> u64 {
    value.max(0.0).round() as u64
}

/// A length or an index as a real number.
pub(crate) fn real_len(length: usize) -> f64 {
    real(u64::try_from(length).unwrap_or(u64::MAX))
}

/// Reading the golden files of the tests.
#[cfg(test)]
pub(crate) mod golden {
    /// The rows of a golden CSV file without its header; an empty field stays empty.
    pub(crate) fn rows(text: &str) -> Vec<Vec<String>> {
        text.lines()
            .skip(1)
            .map(|line| line.split(',').map(str::to_owned).collect())
            .collect()
    }

    /// A field as a number.
    pub(crate) fn number(field: &str) -> f64 {
        field.parse().unwrap()
    }

    /// Fails when two numbers differ by more than the given part of the expected one.
    pub(crate) fn assert_close(found: f64, expected: f64, relative: f64) {
        let allowed = relative * expected.abs().max(1e-300);
        assert!(
            (found - expected).abs() <= allowed,
            "found {found}, expected {expected}"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panel_with_a_short_column_is_refused() {
        let refused = Panel::new(2, vec![1, 2], vec![10.0], vec![true, true]);
        assert_eq!(
            refused,
            Err(PanelError::Length {
                column: "exposure",
                found: 1,
                wanted: 2
            })
        );
    }

    #[test]
    fn a_panel_with_a_negative_exposure_is_refused() {
        let refused = Panel::new(2, vec![1, 2], vec![10.0, -1.0], vec![true, true]);
        assert_eq!(refused, Err(PanelError::Exposure { position: 1 }));
    }

    #[test]
    fn a_month_that_is_not_covered_or_has_nobody_exposed_is_not_usable() {
        let panel = Panel::new(
            3,
            vec![1; 3],
            vec![10.0, 0.0, 10.0],
            vec![true, true, false],
        )
        .unwrap();
        assert_eq!(panel.usable_months(0, 0..3).collect::<Vec<_>>(), vec![0]);
    }
}
