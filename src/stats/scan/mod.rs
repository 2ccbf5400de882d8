//! Scan statistics: where, and since when, is there more than expected?
//!
//! A window moves over the map and over time, and its contents are compared with the rest. Because the
//! window of all is reported that stands out most, its chance is that of the largest score anywhere:
//!
//! ```text
//! data        largest score of all windows   14.08
//! replicates  the same without clusters       3.1  4.9  5.2  3.8  …     p = (1 + #{≥ 14.08}) / (R + 1)
//! ```
//!
//! Windows are `Zones` (circles, connected sets, given sets or branches of a hierarchy) by `Periods` of time.
//! The `Model` says what the counts are compared with and how replicates are drawn.
//! Kulldorff (1997), Commun. Statist. Theory Meth. 26:1481; Kulldorff (2001), J. R. Statist. Soc. A 164:61.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use self::prepare::{Prepared, Span};
use self::report::{describe, pick};
use self::search::{Scored, Windows};
use self::zones::Zones;
use super::real;

/// Distances on a plane and on the globe.
pub(crate) mod distance;
/// Replicates under the null hypothesis.
mod draw;
/// What a model comes to for the data at hand.
mod prepare;
/// Which windows are reported, and their chances.
pub(crate) mod report;
/// The log likelihood ratios.
mod score;
/// The pass over all windows.
mod search;
/// The sets of areas that are judged.
pub(crate) mod zones;

/// What the counts are compared with, cell by cell; cells lie area by area, as `area * n_times + time`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Model<'a> {
    /// Poisson counts in proportion to `expected`, which is scaled to all cases; the null is multinomial.
    Poisson {
        /// Expected counts, or populations.
        expected: &'a [f64],
    },
    /// Cases among trials; under the null all trials are equally likely to be the cases.
    Bernoulli {
        /// Trials, at least as many as cases.
        trials: &'a [u64],
    },
    /// Nothing but the cases: expected is `Σ c_z· c_·t / C`, and the null shuffles the times of the cases
    /// (Kulldorff et al. 2005, `PLoS` Med. 2:e59).
    Permutation,
    /// The same null, with the scores of [`Model::Poisson`] (as R package `scanstatistics` does).
    PermutationAround {
        /// Expected counts, or populations; all above zero.
        expected: &'a [f64],
    },
    /// Poisson counts around a baseline that is taken as known (Neill et al. 2005).
    ExpectedPoisson {
        /// Expected counts.
        baseline: &'a [f64],
    },
    /// Negative binomial counts around a baseline (Tango, Takahashi and Kohriyama 2011, Biometrics 67:106).
    NegativeBinomial {
        /// Expected counts.
        baseline: &'a [f64],
        /// Their variances, at least the expected counts.
        variance: &'a [f64],
    },
}

/// The counts of a scan.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Observed<'a> {
    /// How many times there are; one for a purely spatial scan.
    pub(crate) n_times: usize,
    /// Cases, area by area.
    pub(crate) counts: &'a [u64],
    /// What they are compared with.
    pub(crate) model: Model<'a>,
}

/// Which periods of time a window may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Periods {
    /// All times together: the purely spatial scan.
    Whole,
    /// The last 1, 2, … times: what is still going on.
    Prospective {
        /// The longest.
        max_length: usize,
    },
    /// Every run of times.
    Retrospective {
        /// The longest.
        max_length: usize,
    },
}

/// Which windows are reported after the most likely one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Secondary {
    /// The best of all zones that share no area with a better one reported (Kulldorff 1997).
    Apart,
    /// The same among the best zone of every center only, as `SaTScan` does.
    ApartByCenter,
    /// The best windows, however much they overlap.
    Overlapping,
}

/// How a scan is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Settings {
    /// The periods.
    pub(crate) periods: Periods,
    /// The least cases of a cluster; the negative binomial model does not heed it.
    pub(crate) min_cases: u32,
    /// How many replicates are drawn, usually one less than a round number.
    pub(crate) n_replicates: usize,
    /// The seed of the replicates.
    pub(crate) seed: u64,
    /// Which further windows are reported.
    pub(crate) secondary: Secondary,
    /// The most that are reported.
    pub(crate) max_clusters: usize,
}

/// A window with more than expected.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cluster {
    /// Its areas, from the center outwards for circles.
    pub(crate) areas: Vec<usize>,
    /// The center, or the position of the given set.
    pub(crate) origin: usize,
    /// The first time.
    pub(crate) start: usize,
    /// The time after the last.
    pub(crate) end: usize,
    /// Cases in it.
    pub(crate) observed: u64,
    /// Cases expected in it.
    pub(crate) expected: f64,
    /// Its log likelihood ratio; for the negative binomial model its score statistic.
    pub(crate) score: f64,
    /// `(c/μ) ÷ ((C−c)/(C−μ))` given the total, else `c/μ`; nothing where all cases are inside.
    pub(crate) relative_risk: Option<f64>,
    /// `(1 + #{replicates with a score at least as large}) / (R + 1)`; nothing without replicates.
    pub(crate) p_monte_carlo: Option<f64>,
    /// The chance under the Gumbel law with the moments of the replicates.
    pub(crate) p_gumbel: Option<f64>,
}

/// What a scan found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Findings {
    /// The clusters, the most likely first; none where nothing exceeds its expectation.
    pub(crate) clusters: Vec<Cluster>,
    /// The largest score of each replicate, in the order drawn.
    pub(crate) maxima: Vec<f64>,
    /// How many windows were judged.
    pub(crate) n_windows: usize,
}

/// Why a scan cannot be carried out.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum ScanError {
    /// A vector is not areas × times long.
    #[error("`{what}` has {found} values where {wanted} are needed")]
    Length {
        /// The vector.
        what: &'static str,
        /// Its length.
        found: usize,
        /// Areas × times.
        wanted: usize,
    },
    /// A number cannot be what it is given as.
    #[error("`{what}` at position {position} is out of range")]
    Range {
        /// The vector.
        what: &'static str,
        /// The position.
        position: usize,
    },
    /// There are cases where none is expected.
    #[error("position {position} has cases but none is expected there")]
    Impossible {
        /// The position.
        position: usize,
    },
    /// There are no cases at all, or nothing is expected.
    #[error("there are no cases to scan")]
    Empty,
}

/// Scans the counts with all zones and periods.
///
/// The same input and seed give the same bits. Under the models given the total, a window with everything
/// scores zero.
pub(crate) fn scan(
    observed: &Observed,
    zones: &Zones,
    settings: &Settings,
) -> Result<Findings, ScanError> {
    let prepared = Prepared::new(observed, zones.n_areas())?;
    let span = Span::new(observed.n_times, settings.periods);
    let statistic = (prepared.statistic, f64::from(settings.min_cases));
    let sizes = span.live(&prepared.weighted(&prepared.expected));
    let intervals = (span.intervals.clone(), span.n_live());
    let windows = Windows::new(zones, intervals, statistic, &sizes);
    let counts: Vec<f64> = observed.counts.iter().map(|count| real(*count)).collect();
    let scores = windows.scores(&span.live(&prepared.weighted(&counts)));
    let mut draw = prepared.draw(observed, &span);
    let mut rng = ChaCha8Rng::seed_from_u64(settings.seed);
    let maxima = windows.maxima(&mut draw, &mut rng, settings.n_replicates);
    let tails = report::Tails::new(&maxima);
    let picked = pick(zones, scores, settings);
    let describe =
        |scored: &Scored| describe(scored, (zones, &span), observed, (&prepared, &tails));
    Ok(Findings {
        clusters: picked.iter().map(describe).collect(),
        maxima,
        n_windows: zones.n_judged() * span.intervals.len(),
    })
}

#[cfg(test)]
mod tests;
