//! What one need's past says: the pooled rate, how districts differ, and how far counts scatter.
//!
//! ```text
//! E_ds = exposure_ds · rate(s)          O_d = Σ ω y,  E_d = Σ ω E over the usable past
//! σ²   between-district variance of O/E by moments, drawn toward its prior
//! θ_d  ~ Gamma(A_d, B_d),  A_d = O_d/φ + 1/σ²,  B_d = E_d/φ + 1/(σ² μ)
//! φ    = Σ (y − m)²/(m + 1) / Σ m/(m + 1), corrected for the levels fitted, drawn toward its prior
//! ```
//!
//! The moments are those of `DerSimonian` and Laird (1986, Control. Clin. Trials 7:177) as Clayton and
//! Kaldor (1987, Biometrics 43:671) and Marshall (1991, Appl. Statist. 40:283) use them for rates. A
//! scatter `φ` above 1 makes a count carry `1/φ` of its weight (quasi-likelihood; Wedderburn 1974,
//! Biometrika 61:439). Rate, `θ`, `φ` and weights depend on each other and are refined in turn.

use std::ops::Range;

use rand_chacha::ChaCha8Rng;

use super::rate::{Rate, Total};
use super::{PastRises, Pooled};
use crate::stats::panel_law::count;
use crate::stats::{Panel, real, real_len};

/// How often rate, levels and scatter are refined in turn.
const N_ROUNDS: usize = 3;

/// What one need's past says, as known in one judged month.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Baseline {
    /// The rate by month, up to the judged one.
    rates: Vec<f64>,
    /// The variance of the log rate in the judged month.
    pub(crate) log_rate_variance: f64,
    /// Between-district variance `σ²`.
    pub(crate) between_variance: f64,
    /// The level `μ` of a district without a past.
    pub(crate) mean_level: f64,
    /// Over-dispersion `φ`, at least 1.
    pub(crate) phi: f64,
    /// The past of each district.
    pub(crate) pasts: Vec<Past>,
}

/// A district's past in the fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Past {
    /// Requests observed, `O_d`.
    pub(crate) observed: f64,
    /// Requests expected from exposure and pooled rate, `E_d`.
    pub(crate) expected: f64,
    /// How many usable months that is.
    pub(crate) n_months: usize,
}

/// The law of a district's level: Gamma with shape `A` and rate `B`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Level {
    /// The shape `A`.
    pub(crate) shape: f64,
    /// The rate `B`.
    pub(crate) rate: f64,
}

impl Level {
    /// The mean `θ = A/B`.
    pub(crate) fn mean(self) -> f64 {
        self.shape / self.rate
    }

    /// The variance `A/B²`.
    pub(crate) fn variance(self) -> f64 {
        self.shape / (self.rate * self.rate)
    }
}

/// The usable past, cell by cell, while it is fitted.
struct Fit<'a> {
    /// The detector.
    method: Pooled,
    /// The need's panel.
    panel: &'a Panel,
    /// The months fitted.
    fitted: Range<usize>,
    /// The weight of each cell, district by district; 0 where it is not usable.
    weights: Vec<f64>,
}

impl Baseline {
    /// Fits the past of the judged month; nothing if no month of it is usable or no request was made.
    pub(crate) fn fit(
        method: Pooled,
        panel: &Panel,
        judged: usize,
        random: &mut ChaCha8Rng,
    ) -> Option<Self> {
        let fitted = 0..(judged + 1).checked_sub(method.n_window_months)?;
        let cells = (0..panel.n_districts()).flat_map(|d| fitted.clone().map(move |m| (d, m)));
        let weight = |(d, m)| if panel.is_usable(d, m) { 1.0 } else { 0.0 };
        let weights = cells.map(weight).collect();
        let mut fit = Fit {
            method,
            panel,
            fitted,
            weights,
        };
        let mut baseline = Self {
            rates: Vec::new(),
            log_rate_variance: 0.0,
            between_variance: method.between_variance_prior.0,
            mean_level: 1.0,
            phi: method.phi_prior,
            pasts: vec![
                Past {
                    observed: 0.0,
                    expected: 0.0,
                    n_months: 0
                };
                panel.n_districts()
            ],
        };
        for _ in 1..N_ROUNDS {
            baseline = fit.refined(&baseline, judged)?;
            if let PastRises::DownWeighted(above) = method.past_rises {
                fit.down_weight(&baseline, above);
            }
        }
        baseline = fit.refined(&baseline, judged)?;
        if let PastRises::DownWeighted(above) = method.past_rises {
            let bias = fit.bias(&baseline, above, random);
            baseline.correct(bias);
            fit.set_levels(&mut baseline);
        }
        Some(baseline)
    }

    /// Takes the bias of the weights out of the rate and of the scatter.
    fn correct(&mut self, bias: Bias) {
        self.phi = (self.phi / bias.phi).max(1.0);
        self.rates.iter_mut().for_each(|rate| *rate /= bias.level);
        self.pasts.iter_mut().for_each(|past| {
            past.expected /= bias.level;
            past.observed /= bias.level;
        });
    }

    /// The pooled rate in a month not later than the judged one.
    pub(crate) fn rate(&self, month: usize) -> f64 {
        self.rates.get(month).copied().unwrap_or(0.0)
    }

    /// What is known of a district's level.
    pub(crate) fn level(&self, district: usize) -> Level {
        let past = self.pasts[district];
        Level {
            shape: past.observed / self.phi + 1.0 / self.between_variance,
            rate: past.expected / self.phi + 1.0 / (self.between_variance * self.mean_level),
        }
    }
}

impl Fit<'_> {
    /// One round: the rate given the levels, the levels given the rate, the scatter given both.
    fn refined(&self, last: &Baseline, judged: usize) -> Option<Baseline> {
        let levels: Vec<f64> = (0..self.panel.n_districts())
            .map(|district| last.level(district).mean())
            .collect();
        let rate = Rate::fit(self.method.shape_prior, &self.totals(&levels), last.phi)?;
        let mut next = Baseline {
            rates: (0..=judged).map(|month| rate.at(month)).collect(),
            log_rate_variance: rate.log_variance(judged),
            ..last.clone()
        };
        next.pasts = (0..self.panel.n_districts())
            .map(|district| self.past(&next, district))
            .collect();
        self.set_levels(&mut next);
        next.phi = self.overdispersion(&next, rate.n_terms());
        self.set_levels(&mut next);
        Some(next)
    }

    /// The weights of a district's months.
    fn weights_of(&self, district: usize) -> &[f64] {
        let n = self.fitted.len();
        &self.weights[district * n..(district + 1) * n]
    }

    /// The totals of the months, exposure times level, without those nobody could have asked in.
    fn totals(&self, levels: &[f64]) -> Vec<Total> {
        let empty = |month| Total {
            month,
            cases: 0.0,
            exposure: 0.0,
        };
        let mut totals: Vec<Total> = self.fitted.clone().map(empty).collect();
        for (district, level) in levels.iter().enumerate() {
            for (total, weight) in totals.iter_mut().zip(self.weights_of(district)) {
                total.cases += weight * real(self.panel.count(district, total.month));
                total.exposure += weight * level * self.panel.exposure(district, total.month);
            }
        }
        totals.retain(|total| total.exposure > 0.0);
        totals
    }

    /// The usable months of a district with their weights.
    fn months(&self, district: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let weights = self.weights_of(district).iter().copied();
        self.fitted
            .clone()
            .zip(weights)
            .filter(|(_, weight)| *weight > 0.0)
    }

    /// Sums the past of a district.
    fn past(&self, baseline: &Baseline, district: usize) -> Past {
        let mut past = Past {
            observed: 0.0,
            expected: 0.0,
            n_months: 0,
        };
        for (month, weight) in self.months(district) {
            past.observed += weight * real(self.panel.count(district, month));
            past.expected += weight * self.panel.exposure(district, month) * baseline.rate(month);
            past.n_months += 1;
        }
        past
    }

    /// The moments of `O/E` over the districts: their mean level and their variance beyond chance.
    ///
    /// `Q = Σ E (O/E − μ)²`, `σ̂² = (Q − (n−1) φ)/(ΣE − ΣE²/ΣE)` with a sampling variance of about
    /// `2(n−1)φ²/(ΣE − ΣE²/ΣE)²`, by which it is averaged with the prior; `μ` weighs `1/(σ² + φ/E)`.
    fn set_levels(&self, baseline: &mut Baseline) {
        let (prior, prior_sd) = self.method.between_variance_prior;
        let known = || baseline.pasts.iter().filter(|past| past.expected > 0.0);
        let sum = |of: &dyn Fn(&Past) -> f64| known().map(of).sum::<f64>();
        let (total, n) = (sum(&|past| past.expected), sum(&|_| 1.0));
        if total <= 0.0 || n < 2.0 {
            return;
        }
        let mean = sum(&|past| past.observed) / total;
        let q = sum(&|past| past.expected * (past.observed / past.expected - mean).powi(2));
        let spread = total - sum(&|past| past.expected.powi(2)) / total;
        let found = (q - (n - 1.0) * baseline.phi) / spread.max(1e-9);
        let found = found / (mean * mean).max(1e-9);
        let precision = spread.powi(2) / (2.0 * (n - 1.0) * baseline.phi.powi(2));
        let of_prior = prior_sd.powi(-2);
        let variance = (found * precision + prior * of_prior) / (precision + of_prior);
        let variance = variance.max(self.method.min_between_variance);
        let weight = |past: &Past| 1.0 / (variance + baseline.phi / past.expected);
        let weighted = sum(&|past| weight(past) * past.observed / past.expected);
        let mean_level = weighted / sum(&weight);
        baseline.between_variance = variance;
        baseline.mean_level = mean_level.max(1e-6);
    }

    /// The scatter of the fitted cells about their means, at least 1.
    ///
    /// Weighting `1/(m+1)` lies between Pearson's statistic, which the sparsest cells dominate, and the
    /// ratio of sums, which the fullest do. The prior counts as `phi_prior_weight` cells of mean 1.
    fn overdispersion(&self, baseline: &Baseline, n_terms: usize) -> f64 {
        let (mut scatter, mut n_cells) = (Scatter::default(), 0.0);
        let mut n_levels = real_len(n_terms);
        for (district, past) in baseline.pasts.iter().enumerate() {
            let level = baseline.level(district);
            for (month, weight) in self.months(district) {
                let mean =
                    self.panel.exposure(district, month) * baseline.rate(month) * level.mean();
                scatter.add(weight, real(self.panel.count(district, month)), mean);
                n_cells += 1.0;
            }
            n_levels += past.expected / baseline.phi / level.rate;
        }
        if n_cells <= n_levels {
            return self.method.phi_prior;
        }
        let squares = scatter.squares * n_cells / (n_cells - n_levels);
        let prior = self.method.phi_prior_weight / 2.0;
        ((squares + self.method.phi_prior * prior) / (scatter.means + prior)).max(1.0)
    }

    /// Gives past rises less weight, after Noufaily et al. (2013, Statist. Med. 32:1206).
    fn down_weight(&mut self, baseline: &Baseline, above: f64) {
        let (panel, n) = (self.panel, self.fitted.len());
        let cells = (0..panel.n_districts()).flat_map(|d| self.fitted.clone().map(move |m| (d, m)));
        let mut weights = Vec::with_capacity(panel.n_districts() * n);
        for ((district, month), weight) in cells.zip(&self.weights) {
            let level = baseline.level(district).mean();
            let mean = panel.exposure(district, month) * baseline.rate(month) * level;
            let y = real(panel.count(district, month));
            let weighed = outbreak_weight(y, mean, baseline.phi, above);
            weights.push(if *weight > 0.0 { weighed } else { 0.0 });
        }
        self.weights = weights;
    }

    /// What the weights do to level and scatter of a past without rises, by one draw of that past.
    ///
    /// A parametric bootstrap of the bias (Efron and Tibshirani 1993, chapter 10). Weighted and unweighted
    /// figures of the same draw are compared, so that its own chance drops out.
    fn bias(&self, baseline: &Baseline, above: f64, random: &mut ChaCha8Rng) -> Bias {
        let (mut weighted, mut plain) = (Scatter::default(), Scatter::default());
        for district in 0..self.panel.n_districts() {
            let theta = baseline.level(district).mean();
            for (month, _) in self.months(district) {
                let mean = self.panel.exposure(district, month) * baseline.rate(month) * theta;
                let y = real(count(mean, baseline.phi, random));
                weighted.add(outbreak_weight(y, mean, baseline.phi, above), y, mean);
                plain.add(1.0, y, mean);
            }
        }
        let ratio = |a: Option<f64>, b: Option<f64>| a.zip(b).map_or(1.0, |(a, b)| a / b);
        Bias {
            level: ratio(weighted.level(), plain.level()).clamp(0.8, 1.0),
            phi: ratio(weighted.phi(), plain.phi()).clamp(0.5, 1.0),
        }
    }
}

/// Weighted sums over cells, from which level and scatter follow.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Scatter {
    /// `Σ ω y`.
    counted: f64,
    /// `Σ ω m`.
    expected: f64,
    /// `Σ ω (y − m)²/(m + 1)`.
    squares: f64,
    /// `Σ ω m/(m + 1)`.
    means: f64,
}

impl Scatter {
    /// Adds a cell.
    fn add(&mut self, weight: f64, y: f64, mean: f64) {
        self.counted += weight * y;
        self.expected += weight * mean;
        self.squares += weight * (y - mean).powi(2) / (mean + 1.0);
        self.means += weight * mean / (mean + 1.0);
    }

    /// Counted over expected, if anything was.
    fn level(self) -> Option<f64> {
        (self.counted > 0.0 && self.expected > 0.0).then(|| self.counted / self.expected)
    }

    /// The scatter, if there is any.
    fn phi(self) -> Option<f64> {
        (self.squares > 0.0 && self.means > 0.0).then(|| self.squares / self.means)
    }
}

/// What the weights do to a past without rises.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bias {
    /// Found over true level.
    level: f64,
    /// Found over true scatter.
    phi: f64,
}

/// The weight of a count: 1, or `(c/s)²` where the standardized Anscombe residual
/// `s = 1.5 (y^⅔ μ^(−1/6) − μ^½)/√φ` lies above `c`.
///
/// Noufaily et al. take `s⁻²` above `c = 2.58`; the factor `c²` makes the weight continuous.
fn outbreak_weight(y: f64, mean: f64, phi: f64, above: f64) -> f64 {
    if y <= mean {
        return 1.0;
    }
    let root = y.cbrt().powi(2) * mean.powf(-1.0 / 6.0) - mean.sqrt();
    let residual = 1.5 * root / phi.sqrt();
    if residual > above {
        (above / residual).powi(2)
    } else {
        1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::golden::assert_close;
    use rand::SeedableRng;

    /// A panel of districts with 100 exposed, by a function of the count.
    fn panel(n_districts: usize, n_months: usize, count: impl Fn(usize, usize) -> u64) -> Panel {
        let cells = (0..n_districts).flat_map(|d| (0..n_months).map(move |m| (d, m)));
        let size = n_districts * n_months;
        let counts = cells.map(|(d, m)| count(d, m)).collect();
        Panel::new(n_months, counts, vec![100.0; size], vec![true; size]).unwrap()
    }

    /// The baseline of the last month.
    fn fit(method: Pooled, panel: &Panel) -> Baseline {
        let mut random = ChaCha8Rng::seed_from_u64(7);
        Baseline::fit(method, panel, panel.n_months() - 1, &mut random).unwrap()
    }

    #[test]
    fn the_levels_follow_the_worked_example() {
        // O = (30, 10), E = (20, 20), φ = 1: Q = 2·20·0.25 = 10, ΣE − ΣE²/ΣE = 20, σ̂² = 9/20 = 0.45 with
        // precision 20²/2 = 200; the prior 0.25 has precision 1/0.1² = 100, so σ² = 115/300.
        let method = Pooled {
            between_variance_prior: (0.25, 0.1),
            ..Pooled::default()
        };
        let panel = panel(2, 20, |_, _| 1);
        let fit = Fit {
            method,
            panel: &panel,
            fitted: 0..16,
            weights: vec![1.0; 32],
        };
        let past = |observed| Past {
            observed,
            expected: 20.0,
            n_months: 16,
        };
        let mut baseline = Baseline {
            rates: vec![0.01; 20],
            log_rate_variance: 0.0,
            between_variance: 0.25,
            mean_level: 0.9,
            phi: 1.0,
            pasts: vec![past(30.0), past(10.0)],
        };
        fit.set_levels(&mut baseline);
        let variance = 115.0 / 300.0;
        assert_close(baseline.between_variance, variance, 1e-9);
        assert_close(baseline.mean_level, 1.0, 1e-12);
        let level = baseline.level(0);
        assert_close(
            level.mean(),
            (30.0 + 1.0 / variance) / (20.0 + 1.0 / variance),
            1e-9,
        );
        assert_close(
            level.variance(),
            level.mean() / (20.0 + 1.0 / variance),
            1e-9,
        );
    }

    #[test]
    fn scatter_makes_a_count_weigh_less() {
        let panel = panel(6, 40, |d, m| {
            if m % 2 == 0 {
                12
            } else {
                u64::try_from(d).unwrap()
            }
        });
        let baseline = fit(
            Pooled {
                past_rises: PastRises::Kept,
                ..Pooled::default()
            },
            &panel,
        );
        assert!(baseline.phi > 3.0, "φ = {}", baseline.phi);
        let past = baseline.pasts[0];
        let of_prior = 1.0 / baseline.between_variance;
        assert_close(
            baseline.level(0).shape,
            past.observed / baseline.phi + of_prior,
            1e-9,
        );
    }

    #[test]
    fn a_past_rise_raises_the_level_less_when_it_is_down_weighted() {
        let rise = |d: usize, m: usize| {
            if d == 0 && (10..14).contains(&m) {
                30
            } else {
                3
            }
        };
        let panel = panel(6, 40, rise);
        let expected = |past_rises| {
            let baseline = fit(
                Pooled {
                    past_rises,
                    ..Pooled::default()
                },
                &panel,
            );
            100.0 * baseline.rate(39) * baseline.level(0).mean()
        };
        let (kept, weighted) = (
            expected(PastRises::Kept),
            expected(PastRises::DownWeighted(2.58)),
        );
        assert!(kept > 4.0, "{kept}");
        assert!(weighted < 4.0, "{weighted}");
    }

    #[test]
    fn the_weight_is_continuous_and_falls_with_the_square_of_the_residual() {
        // s = 1.5 (27^⅔ · 8^(−1/6) − √8) with φ = 1, by hand: 1.5 (9/√2 − 2√2) = 7.5/√2.
        let residual = 1.5 * (9.0 / 2.0_f64.sqrt() - 8.0_f64.sqrt());
        assert_close(
            outbreak_weight(27.0, 8.0, 1.0, 2.58),
            (2.58 / residual).powi(2),
            1e-9,
        );
        assert_close(
            outbreak_weight(27.0, 8.0, 1.0, residual * (1.0 + 1e-9)),
            1.0,
            1e-12,
        );
    }

    #[test]
    fn scatter_and_level_of_a_drawn_past_are_found_in_spite_of_the_weights() {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let (mut phi, mut mean) = (0.0, 0.0);
        for _ in 0..8 {
            let drawn: Vec<u64> = (0..60 * 50).map(|_| count(4.0, 2.0, &mut random)).collect();
            let baseline = fit(Pooled::default(), &panel(60, 50, |d, m| drawn[d * 50 + m]));
            phi += baseline.phi / 8.0;
            mean += 100.0 * baseline.rate(40) * baseline.mean_level / 8.0;
            assert!(baseline.between_variance < 0.05);
        }
        assert!((phi - 2.0).abs() < 0.12, "φ = {phi}");
        assert!((mean - 4.0).abs() < 0.1, "mean {mean}");
    }

    #[test]
    fn a_past_without_requests_has_no_baseline() {
        let mut random = ChaCha8Rng::seed_from_u64(7);
        let empty = panel(3, 30, |_, _| 0);
        assert_eq!(
            Baseline::fit(Pooled::default(), &empty, 29, &mut random),
            None
        );
        assert_eq!(
            Baseline::fit(Pooled::default(), &empty, 2, &mut random),
            None
        );
    }
}
