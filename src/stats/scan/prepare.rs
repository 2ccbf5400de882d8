//! What a model comes to for the data at hand: checks, expected counts and the law of the replicates.

use super::draw::{Alias, Draw, Spread};
use super::score::Statistic;
use super::{Model, Observed, Periods, ScanError};
use crate::stats::real;

/// The periods of a scan, and the times that they cover.
#[derive(Debug, Clone)]
pub(super) struct Span {
    /// How many times there are.
    pub(super) n_times: usize,
    /// The first time that a window covers.
    pub(super) first: usize,
    /// The periods, counted from the first covered time: start, and the time after the end.
    pub(super) intervals: Vec<(usize, usize)>,
}

impl Span {
    /// The periods of the given kind; lengths are limited to the times there are.
    pub(super) fn new(n_times: usize, periods: Periods) -> Self {
        let (first, intervals) = match periods {
            Periods::Whole => (0, vec![(0, n_times)]),
            Periods::Prospective { max_length } => {
                let longest = max_length.min(n_times);
                (
                    n_times - longest,
                    (0..longest).rev().map(|start| (start, longest)).collect(),
                )
            }
            Periods::Retrospective { max_length } => {
                let ends = |start: usize| start + 1..=n_times.min(start.saturating_add(max_length));
                (
                    0,
                    (0..n_times)
                        .flat_map(|start| ends(start).map(move |end| (start, end)))
                        .collect(),
                )
            }
        };
        Self {
            n_times,
            first,
            intervals,
        }
    }

    /// How many times are covered.
    pub(super) fn n_live(&self) -> usize {
        self.n_times - self.first
    }

    /// The cells of the covered times.
    pub(super) fn live<T: Copy>(&self, cells: &[T]) -> Vec<T> {
        cells
            .chunks_exact(self.n_times.max(1))
            .flat_map(|area| area[self.first..].iter().copied())
            .collect()
    }
}

/// What a model comes to for the data at hand.
pub(super) struct Prepared {
    /// The statistic.
    pub(super) statistic: Statistic,
    /// Per cell the expected count, or for Bernoulli the trials.
    pub(super) expected: Vec<f64>,
    /// Per cell the mean over the variance, where counts are weighted.
    weights: Option<Vec<f64>>,
    /// All cases.
    n_cases: u64,
}

impl Prepared {
    /// Checks the data and works out what each cell is compared with.
    pub(super) fn new(observed: &Observed, n_areas: usize) -> Result<Self, ScanError> {
        let counts = observed.counts;
        let wanted = n_areas * observed.n_times;
        check_length("counts", counts.len(), wanted)?;
        let n_cases: u64 = counts.iter().sum();
        let cases = real(n_cases);
        let given_total = Statistic::Conditional { cases };
        let mut weights = None;
        let (statistic, expected) = match observed.model {
            Model::Poisson { expected } => {
                (given_total, scaled(check(expected, counts, wanted)?, cases))
            }
            Model::PermutationAround { expected } => {
                check(expected, &vec![1; wanted], wanted)?;
                (given_total, scaled(expected, cases))
            }
            Model::Permutation => (given_total, margins(counts, observed.n_times, cases)),
            Model::Bernoulli { trials } => {
                let trials = check_trials(trials, counts)?;
                let n_trials = trials.iter().sum();
                (
                    Statistic::Bernoulli {
                        cases,
                        trials: n_trials,
                    },
                    trials,
                )
            }
            Model::ExpectedPoisson { baseline } => (
                Statistic::Expectation,
                check(baseline, counts, wanted)?.to_vec(),
            ),
            Model::NegativeBinomial { baseline, variance } => {
                let baseline = check(baseline, counts, wanted)?;
                weights = Some(mean_over_variance(baseline, variance)?);
                (Statistic::NegativeBinomial, baseline.to_vec())
            }
        };
        let given_total = !matches!(
            statistic,
            Statistic::Expectation | Statistic::NegativeBinomial
        );
        if (given_total && n_cases == 0) || expected.iter().sum::<f64>() <= 0.0 {
            return Err(ScanError::Empty);
        }
        Ok(Self {
            statistic,
            expected,
            weights,
            n_cases,
        })
    }

    /// Cells times their weights, if they have any.
    pub(super) fn weighted(&self, cells: &[f64]) -> Vec<f64> {
        match &self.weights {
            Some(weights) => cells
                .iter()
                .zip(weights)
                .map(|(cell, weight)| cell * weight)
                .collect(),
            None => cells.to_vec(),
        }
    }

    /// How replicates are drawn.
    pub(super) fn draw(&self, observed: &Observed, span: &Span) -> Draw {
        let live = span.live(&self.expected);
        match observed.model {
            Model::Poisson { .. } => {
                let live_share = live.iter().sum::<f64>() / self.expected.iter().sum::<f64>();
                Draw::Multinomial {
                    cases: self.n_cases,
                    live_share,
                    spread: Spread::new(&live),
                }
            }
            Model::ExpectedPoisson { .. } => Draw::Poisson {
                mean: live.iter().sum(),
                spread: Spread::new(&live),
            },
            Model::Bernoulli { trials } => self.draw_trials(trials, span),
            Model::Permutation | Model::PermutationAround { .. } => {
                draw_permutation(observed, span)
            }
            Model::NegativeBinomial { variance, .. } => Draw::NegativeBinomial {
                cells: live.into_iter().zip(span.live(variance)).collect(),
            },
        }
    }

    /// Draws among trials: the live cells and, last, all others together.
    fn draw_trials(&self, trials: &[u64], span: &Span) -> Draw {
        let n_trials: u64 = trials.iter().sum();
        let mut trials = span.live(trials);
        trials.push(n_trials - trials.iter().sum::<u64>());
        let n_others = n_trials - self.n_cases;
        let sizes: Vec<f64> = trials.iter().map(|trials| real(*trials)).collect();
        Draw::Bernoulli {
            n_drawn: self.n_cases.min(n_others),
            is_cases: self.n_cases <= n_others,
            taken: vec![0; trials.len()],
            trials,
            alias: Alias::new(&sizes),
        }
    }

    /// The relative risk of a window.
    pub(super) fn relative_risk(&self, observed: u64, expected: f64) -> Option<f64> {
        let ratio = real(observed) / expected;
        match self.statistic {
            Statistic::Expectation | Statistic::NegativeBinomial => Some(ratio),
            Statistic::Conditional { cases } | Statistic::Bernoulli { cases, .. } => {
                let outside = (cases - real(observed)) / (cases - expected);
                (outside > 0.0).then(|| ratio / outside)
            }
        }
    }
}

/// Shuffles the times of all cases.
fn draw_permutation(observed: &Observed, span: &Span) -> Draw {
    let mut areas = Vec::new();
    let mut slots = Vec::new();
    for (area, counts) in observed
        .counts
        .chunks_exact(observed.n_times.max(1))
        .enumerate()
    {
        for (time, count) in counts.iter().enumerate() {
            for _ in 0..*count {
                areas.push(area);
                slots.extend(time.checked_sub(span.first));
            }
        }
    }
    Draw::Permutation {
        areas,
        slots,
        n_live: span.n_live(),
    }
}

/// Fails for a vector of the wrong length.
fn check_length(what: &'static str, found: usize, wanted: usize) -> Result<(), ScanError> {
    if found == wanted {
        Ok(())
    } else {
        Err(ScanError::Length {
            what,
            found,
            wanted,
        })
    }
}

/// Expected counts, if they can be such and there are some where there are cases.
fn check<'a>(expected: &'a [f64], counts: &[u64], wanted: usize) -> Result<&'a [f64], ScanError> {
    check_length("expected", expected.len(), wanted)?;
    let is_count = |value: &f64| *value >= 0.0 && value.is_finite();
    if let Some(position) = expected.iter().position(|value| !is_count(value)) {
        return Err(ScanError::Range {
            what: "expected",
            position,
        });
    }
    let mut cells = expected.iter().zip(counts);
    match cells.position(|(expected, count)| *count > 0 && *expected <= 0.0) {
        Some(position) => Err(ScanError::Impossible { position }),
        None => Ok(expected),
    }
}

/// Trials as numbers, if they are at least as many as the cases.
fn check_trials(trials: &[u64], counts: &[u64]) -> Result<Vec<f64>, ScanError> {
    check_length("trials", trials.len(), counts.len())?;
    match trials
        .iter()
        .zip(counts)
        .position(|(trials, cases)| trials < cases)
    {
        Some(position) => Err(ScanError::Range {
            what: "trials",
            position,
        }),
        None => Ok(trials.iter().map(|trials| real(*trials)).collect()),
    }
}

/// `1/w = μ/v` of every cell, if no variance is below its mean.
fn mean_over_variance(baseline: &[f64], variance: &[f64]) -> Result<Vec<f64>, ScanError> {
    check_length("variance", variance.len(), baseline.len())?;
    let cells = || baseline.iter().zip(variance);
    if let Some(position) =
        cells().position(|(mean, variance)| !(variance.is_finite() && variance >= mean))
    {
        return Err(ScanError::Range {
            what: "variance",
            position,
        });
    }
    Ok(cells()
        .map(|(mean, variance)| if *mean > 0.0 { mean / variance } else { 1.0 })
        .collect())
}

/// Values scaled to the given sum.
fn scaled(values: &[f64], sum: f64) -> Vec<f64> {
    let scale = sum / values.iter().sum::<f64>();
    values.iter().map(|value| value * scale).collect()
}

/// `c_z· c_·t / C`: what each cell would have if the times were the same in all areas.
fn margins(counts: &[u64], n_times: usize, cases: f64) -> Vec<f64> {
    let mut of_time = vec![0; n_times];
    for (at, count) in counts.iter().enumerate() {
        of_time[at % n_times] += count;
    }
    let areas = counts
        .chunks_exact(n_times.max(1))
        .map(|area| real(area.iter().sum()));
    areas
        .flat_map(|area| of_time.iter().map(move |time| area * real(*time) / cases))
        .collect()
}
