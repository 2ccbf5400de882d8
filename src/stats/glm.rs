//! Quasi-Poisson regression of one series on a level per season block and a straight trend.
//!
//! `log μ_t = α_level(t) + β t + log(exposure_t)`, variance `φ μ`, fitted by iteratively reweighted least
//! squares (McCullagh and Nelder 1989, *Generalized Linear Models*, ch. 2.5 and 6). Each row belongs to exactly
//! one level, so the normal equations are an arrow: a diagonal of levels with one more row for the trend.
//!
//! ```text
//! S₀ .  .  S₁        S₀, S₁, S₂ = Σ w, Σ w t, Σ w t² of a level,   w = ω μ
//! .  S₀ .  S₁        D  = Σ_levels (S₂ − S₁²/S₀)
//! .  .  S₀ S₁        Δβ = Σ_levels (r₁ − S₁ r₀/S₀) / D,   r = score of level and trend
//! S₁ S₁ S₁ S₂        Δα = (r₀ − Δβ S₁) / S₀,   h = w (1/S₀ + (t − S₁/S₀)²/D)
//! ```
//!
//! The start is `μ = y + 0.1`; the iteration stops when `|Δdeviance|/(|deviance| + 0.1) < 10⁻⁸`, after 25 steps
//! at the latest. Leverages and standard errors use the weights of the last step, as a weighted least-squares
//! solver leaves them.

use super::real_len;

/// The iteration stops when the deviance changes by less than this part.
const TOLERANCE: f64 = 1e-8;
/// The iteration gives up after this many steps.
const MAX_ITERATIONS: usize = 25;
/// What is added to a count for the first mean.
const START: f64 = 0.1;
/// Below this part of `Σ w t²` the trend counts as a combination of the levels.
const ALIASED: f64 = 1e-11;
/// How many terms of the powers of the growth are computed side by side.
const LANES: usize = 8;
/// The same as an exponent.
const LANES_SIGNED: i32 = 8;

/// Counts of a series with what every fit on a part of it needs, computed once.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Counts {
    /// The counts `y`.
    pub(crate) y: Vec<f64>,
    /// `y^⅔`.
    power: Vec<f64>,
    /// `y log y − y log e`, with `e` the exposure.
    y_log_y: Vec<f64>,
    /// The first weight times the first response: `(y + 0.1)(log(y + 0.1) − log e) − 0.1`.
    start: Vec<f64>,
    /// The exposures, if they differ.
    exposure: Option<Vec<f64>>,
}

impl Counts {
    /// Prepares a series; exposures must be positive and as many as the counts.
    pub(crate) fn new(y: Vec<f64>, exposure: Option<&[f64]>) -> Self {
        let log_exposure = |t: usize| exposure.map_or(0.0, |exposure| exposure[t].ln());
        let y_log_y = |y: f64| if y > 0.0 { y * y.ln() } else { 0.0 };
        let indexed = || y.iter().copied().enumerate();
        let start =
            indexed().map(|(t, y)| (y + START) * ((y + START).ln() - log_exposure(t)) - START);
        Self {
            power: y.iter().map(|y| y.cbrt().powi(2)).collect(),
            y_log_y: indexed()
                .map(|(t, y)| y_log_y(y) - y * log_exposure(t))
                .collect(),
            start: start.collect(),
            exposure: exposure.map(<[f64]>::to_vec),
            y,
        }
    }
}

/// A run of consecutive points that share a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Block {
    /// The first point's place in the series.
    pub(crate) first: usize,
    /// The place after the last point.
    pub(crate) end: usize,
    /// The level, counted from 0.
    pub(crate) level: usize,
}

/// Whether a straight trend is among the terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trend {
    /// Yes.
    Fitted,
    /// No.
    Absent,
}

/// The rows of a fit and its terms. Blocks are in order of time and do not overlap.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Design<'a> {
    /// The rows.
    pub(crate) blocks: &'a [Block],
    /// How many levels there may be; one without rows is no term.
    pub(crate) n_levels: usize,
    /// Whether there is a trend.
    pub(crate) trend: Trend,
}

/// Why a model could not be fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum GlmError {
    /// No more rows than terms.
    #[error("no more rows than terms")]
    TooFewRows,
    /// The levels explain the trend already.
    #[error("the trend cannot be told from the levels")]
    Aliased,
    /// The deviance still moved after the last step.
    #[error("the iteration did not converge")]
    NotConverged,
}

/// A fitted model in numbers; means and leverages are asked of the [`Glm`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Fit {
    /// How many steps it took.
    pub(crate) n_iterations: usize,
    /// Rows minus terms.
    pub(crate) degrees_left: f64,
    /// `−2 log` likelihood ratio to the saturated model.
    pub(crate) deviance: f64,
    /// The trend per unit of time; 0 if absent.
    pub(crate) trend: f64,
    /// The variance of the trend before dispersion, `1/D`; none if absent.
    pub(crate) trend_variance: Option<f64>,
}

/// Sums of the weights of one level.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Sums {
    /// `Σ w`.
    s0: f64,
    /// `Σ w t`.
    s1: f64,
    /// `Σ w t²`.
    s2: f64,
}

/// The iteration's place: coefficients and the sums of the weights there.
#[derive(Debug, Clone, Default, PartialEq)]
struct State {
    /// `α` by level.
    alpha: Vec<f64>,
    /// `exp α` by level.
    factor: Vec<f64>,
    /// `β`.
    beta: f64,
    /// `exp(βt)` by row, times the exposure.
    growth: Vec<f64>,
    /// Sums of the weights by level.
    sums: Vec<Sums>,
    /// `D`.
    spread: f64,
}

/// What the reweighting needs of a level.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Level {
    /// `exp α / S₀`.
    inverse: f64,
    /// `S₁/S₀`.
    middle: f64,
    /// `exp α / D`; 0 without trend.
    spread: f64,
    /// `exp(−α/6)`, at the end of the fit.
    sixth: f64,
    /// `exp(α/2)`.
    half: f64,
}

/// The buffers of a fit, used again from one fit to the next.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Glm {
    /// The place in the series of the first row.
    base: usize,
    /// What is subtracted from a place to give the centered time.
    center: f64,
    /// Prior weights `ω` by row; rows outside all blocks have one too.
    weights: Vec<f64>,
    /// `Σ ω y` by level.
    totals: Vec<f64>,
    /// `Σ ω y t` over all rows.
    total_time: f64,
    /// `Σ ω (y log y − y log e) − Σ ω y`.
    saturated: f64,
    /// Sums of the growth by level, before the level's factor.
    unit_sums: Vec<Sums>,
    /// The place before the last step.
    before: State,
    /// The place reached.
    now: State,
    /// What the reweighting needs of each level.
    levels: Vec<Level>,
    /// Scratch for fractional powers of the growth.
    scratch: [Vec<f64>; 2],
}

/// `s⁻²` if the Anscombe residual `s = excess/√left` exceeds the threshold, else 1.
pub(crate) fn weight_of(squared_excess: f64, left: f64, threshold: f64) -> f64 {
    if left > 0.0 && squared_excess > threshold * threshold * left {
        left / squared_excess
    } else {
        1.0
    }
}

/// Fills `out` with `exp(slope·(j − center))` for `j = 0, 1, …`.
///
/// Lanes of powers side by side keep the products short: an error of about one rounding per [`LANES`] points.
fn fill_growth(out: &mut [f64], slope: f64, center: f64) {
    let ratio = slope.exp();
    let mut lane = [(-slope * center).exp(); LANES];
    for j in 1..LANES {
        lane[j] = lane[j - 1] * ratio;
    }
    let step = ratio.powi(LANES_SIGNED);
    let mut chunks = out.chunks_exact_mut(LANES);
    for chunk in &mut chunks {
        chunk.copy_from_slice(&lane);
        for power in &mut lane {
            *power *= step;
        }
    }
    for (value, power) in chunks.into_remainder().iter_mut().zip(lane) {
        *value = power;
    }
}

impl Glm {
    /// Fits with all prior weights 1.
    pub(crate) fn fit(&mut self, counts: &Counts, design: Design) -> Result<Fit, GlmError> {
        let (Some(first), Some(last)) = (design.blocks.first(), design.blocks.last()) else {
            return Err(GlmError::TooFewRows);
        };
        let n = last.end - first.first;
        self.base = first.first;
        self.center = real_len(n / 2);
        self.weights.clear();
        self.weights.resize(n, 1.0);
        self.fit_weighted(counts, design)
    }

    /// Fits with the prior weights as they stand, after [`Self::fit`] and [`Self::reweight`].
    fn fit_weighted(&mut self, counts: &Counts, design: Design) -> Result<Fit, GlmError> {
        let mut deviance = self.start(counts, design);
        let n_rows: usize = design
            .blocks
            .iter()
            .map(|block| block.end - block.first)
            .sum();
        let n_terms = self.now.sums.iter().filter(|sums| sums.s0 > 0.0).count()
            + usize::from(design.trend == Trend::Fitted);
        if n_rows <= n_terms {
            return Err(GlmError::TooFewRows);
        }
        for n_iterations in 2..=MAX_ITERATIONS {
            self.step(design)?;
            self.measure(counts, design);
            let reached = self.deviance();
            let change = (reached - deviance).abs() / (reached.abs() + 0.1);
            deviance = reached;
            if change < TOLERANCE {
                return Ok(Fit {
                    n_iterations,
                    degrees_left: real_len(n_rows - n_terms),
                    deviance,
                    trend: self.now.beta,
                    trend_variance: (design.trend == Trend::Fitted)
                        .then(|| 1.0 / self.before.spread),
                });
            }
        }
        Err(GlmError::NotConverged)
    }

    /// Rows of a block in the buffers.
    fn rows(&self, block: Block) -> std::ops::Range<usize> {
        block.first - self.base..block.end - self.base
    }

    /// The first step, from `μ = y + 0.1`: a weighted least-squares fit. Gives the deviance reached.
    fn start(&mut self, counts: &Counts, design: Design) -> f64 {
        let n_levels = design.n_levels;
        for state in [&mut self.before, &mut self.now] {
            state.alpha.resize(n_levels, 0.0);
            state.factor.resize(n_levels, 0.0);
            state.sums.resize(n_levels, Sums::default());
            state.growth.resize(self.weights.len(), 1.0);
            state.beta = 0.0;
        }
        self.totals.clear();
        self.totals.resize(n_levels, 0.0);
        self.now.sums.fill(Sums::default());
        self.now.alpha.fill(0.0);
        (self.total_time, self.saturated) = (0.0, 0.0);
        let mut response_time = 0.0;
        for block in design.blocks {
            response_time += self.start_block(counts, *block);
        }
        let (mut score, mut spread) = (0.0, 0.0);
        for (sums, response) in self.now.sums.iter().zip(&self.now.alpha) {
            if sums.s0 > 0.0 {
                score -= response * sums.s1 / sums.s0;
                spread += sums.s2 - sums.s1 * sums.s1 / sums.s0;
            }
        }
        if design.trend == Trend::Fitted && spread > 0.0 {
            self.now.beta = (response_time + score) / spread;
        }
        let beta = self.now.beta;
        for (alpha, sums) in self.now.alpha.iter_mut().zip(&self.now.sums) {
            *alpha = if sums.s0 > 0.0 {
                (*alpha - beta * sums.s1) / sums.s0
            } else {
                0.0
            };
        }
        if design.trend == Trend::Absent {
            self.grow(counts);
            self.measure_units(design);
            self.before.growth.clone_from(&self.now.growth);
        }
        self.measure(counts, design);
        self.deviance()
    }

    /// Adds a block's rows to the sums of the first step; gives its `Σ w z t`.
    fn start_block(&mut self, counts: &Counts, block: Block) -> f64 {
        let (mut response, mut response_time, mut sums, mut total) =
            (0.0, 0.0, Sums::default(), 0.0);
        for t in block.first..block.end {
            let omega = self.weights[t - self.base];
            let time = real_len(t - self.base) - self.center;
            let y = omega * counts.y[t];
            let weight = y + omega * START;
            let weighted = omega * counts.start[t];
            sums.s0 += weight;
            sums.s1 += weight * time;
            sums.s2 += weight * time * time;
            response += weighted;
            response_time += weighted * time;
            total += y;
            self.total_time += y * time;
            self.saturated += omega * counts.y_log_y[t] - y;
        }
        self.now.alpha[block.level] += response;
        self.totals[block.level] += total;
        let level = &mut self.now.sums[block.level];
        level.s0 += sums.s0;
        level.s1 += sums.s1;
        level.s2 += sums.s2;
        response_time
    }

    /// Recomputes the growth by row at the present trend.
    fn grow(&mut self, counts: &Counts) {
        let n = self.weights.len();
        self.now.growth.resize(n, 1.0);
        fill_growth(&mut self.now.growth, self.now.beta, self.center);
        if let Some(exposure) = &counts.exposure {
            let exposure = &exposure[self.base..self.base + n];
            for (growth, exposure) in self.now.growth.iter_mut().zip(exposure) {
                *growth *= exposure;
            }
        }
    }

    /// Recomputes the sums of the growth by level, before the levels' factors.
    fn measure_units(&mut self, design: Design) {
        self.unit_sums.clear();
        self.unit_sums.resize(design.n_levels, Sums::default());
        for block in design.blocks {
            let rows = self.rows(*block);
            let mut sums = Sums::default();
            let mut time = real_len(rows.start) - self.center;
            for (omega, growth) in self.weights[rows.clone()]
                .iter()
                .zip(&self.now.growth[rows])
            {
                let weight = omega * growth;
                sums.s0 += weight;
                sums.s1 += weight * time;
                sums.s2 += weight * time * time;
                time += 1.0;
            }
            let level = &mut self.unit_sums[block.level];
            level.s0 += sums.s0;
            level.s1 += sums.s1;
            level.s2 += sums.s2;
        }
    }

    /// Recomputes factors, sums of weights and `D` at the present coefficients.
    fn measure(&mut self, counts: &Counts, design: Design) {
        if design.trend == Trend::Fitted {
            self.grow(counts);
            self.measure_units(design);
        }
        let now = &mut self.now;
        now.spread = 0.0;
        let levels = now.alpha.iter().zip(&mut now.factor).zip(&mut now.sums);
        for (((alpha, factor), sums), unit) in levels.zip(&self.unit_sums) {
            *factor = alpha.exp();
            *sums = Sums {
                s0: unit.s0 * *factor,
                s1: unit.s1 * *factor,
                s2: unit.s2 * *factor,
            };
            if sums.s0 > 0.0 {
                now.spread += sums.s2 - sums.s1 * sums.s1 / sums.s0;
            }
        }
    }

    /// One step from the present coefficients.
    fn step(&mut self, design: Design) -> Result<(), GlmError> {
        std::mem::swap(&mut self.before, &mut self.now);
        let before = &self.before;
        let mut change = 0.0;
        if design.trend == Trend::Fitted {
            let size: f64 = before.sums.iter().map(|sums| sums.s2).sum();
            if before.spread.is_nan() || before.spread <= ALIASED * size {
                return Err(GlmError::Aliased);
            }
            let known = before
                .sums
                .iter()
                .zip(&self.totals)
                .filter(|(sums, _)| sums.s0 > 0.0);
            let of_levels =
                known.map(|(sums, total)| sums.s1 + sums.s1 / sums.s0 * (total - sums.s0));
            change = (self.total_time - of_levels.sum::<f64>()) / before.spread;
        }
        self.now.beta = before.beta + change;
        let levels = before.alpha.iter().zip(&before.sums).zip(&self.totals);
        for (alpha, ((old, sums), total)) in self.now.alpha.iter_mut().zip(levels) {
            let step = (total - sums.s0 - change * sums.s1) / sums.s0;
            *alpha = if sums.s0 > 0.0 { old + step } else { 0.0 };
        }
        Ok(())
    }

    /// The deviance at the present coefficients.
    fn deviance(&self) -> f64 {
        let levels = self.totals.iter().zip(&self.now.alpha).zip(&self.now.sums);
        let fitted: f64 = levels
            .map(|((total, alpha), sums)| sums.s0 - total * alpha)
            .sum();
        2.0 * (self.saturated - self.now.beta * self.total_time + fitted)
    }

    /// Whether no case was seen at a level, so that its coefficient runs off to minus infinity.
    pub(crate) fn is_separated(&self, level: usize) -> bool {
        self.totals.get(level).is_none_or(|total| *total <= 0.0)
    }

    /// The coefficient of a level at time 0 of the series' first row in the fit, as golden files list it.
    #[cfg(test)]
    pub(crate) fn level(&self, level: usize) -> f64 {
        self.now.alpha[level] - self.now.beta * self.center
    }

    /// The linear predictor without offset at a place of the series, and its variance before dispersion.
    pub(crate) fn predict(&self, place: usize, level: usize, design: Design) -> (f64, f64) {
        let time = real_len(place) - real_len(self.base) - self.center;
        let eta = self.now.alpha[level] + self.now.beta * time;
        (eta, self.unit_leverage(time, level, design.trend))
    }

    /// `xᵀ(XᵀWX)⁻¹x` of a row, with the weights of the last step.
    fn unit_leverage(&self, time: f64, level: usize, trend: Trend) -> f64 {
        let sums = self.before.sums[level];
        match trend {
            Trend::Absent => 1.0 / sums.s0,
            Trend::Fitted => {
                let distance = time - sums.s1 / sums.s0;
                1.0 / sums.s0 + distance * distance / self.before.spread
            }
        }
    }

    /// The fitted mean of a row.
    pub(crate) fn mean(&self, place: usize, level: usize) -> f64 {
        self.now.factor[level] * self.now.growth[place - self.base]
    }

    /// The prior weight of a row.
    pub(crate) fn weight(&self, place: usize) -> f64 {
        self.weights[place - self.base]
    }

    /// The leverage of a row.
    pub(crate) fn leverage(&self, place: usize, level: usize, trend: Trend) -> f64 {
        let row = place - self.base;
        let weight = self.weights[row] * self.before.factor[level] * self.before.growth[row];
        weight * self.unit_leverage(real_len(row) - self.center, level, trend)
    }

    /// Writes what the leverages and the powers of the means of each level need.
    fn prepare_levels(&mut self, trend: Trend) {
        let spread = match trend {
            Trend::Absent => 0.0,
            Trend::Fitted => 1.0 / self.before.spread,
        };
        let levels = self.before.sums.iter().zip(&self.before.factor);
        let levels = levels
            .zip(&self.now.alpha)
            .map(|((sums, factor), alpha)| Level {
                inverse: factor / sums.s0,
                middle: sums.s1 / sums.s0,
                spread: factor * spread,
                sixth: (-alpha / 6.0).exp(),
                half: (alpha / 2.0).exp(),
            });
        self.levels.clear();
        self.levels.extend(levels);
    }

    /// Pearson's dispersion `Σ w ((y−μ)/μ)² / (n−q)` with the weights `w = ω μ` of the last step, without a floor.
    ///
    /// It differs from `Σ ω (y−μ)²/μ / (n−q)` by as much as the last step still moved the means.
    pub(crate) fn dispersion(&self, counts: &Counts, design: Design, fit: Fit) -> f64 {
        let mut sum = 0.0;
        for block in design.blocks {
            let rows = self.rows(*block);
            let (old, new) = (
                self.before.factor[block.level],
                self.now.factor[block.level],
            );
            let growth = self.before.growth[rows.clone()]
                .iter()
                .zip(&self.now.growth[rows.clone()]);
            let fitted = self.weights[rows].iter().zip(growth);
            for ((omega, (before, now)), y) in fitted.zip(&counts.y[block.first..block.end]) {
                let mean = new * now;
                let residual = (y - mean) / mean;
                sum += omega * old * before * residual * residual;
            }
        }
        sum / fit.degrees_left
    }

    /// `Σ ω ((y−μ)/μ)² / (n−q)`, which the R package takes for the dispersion after its reweighting.
    pub(crate) fn relative_dispersion(&self, counts: &Counts, design: Design, fit: Fit) -> f64 {
        let mut sum = 0.0;
        for block in design.blocks {
            let rows = self.rows(*block);
            let factor = self.now.factor[block.level];
            let fitted = self.weights[rows.clone()]
                .iter()
                .zip(&self.now.growth[rows]);
            for ((omega, growth), y) in fitted.zip(&counts.y[block.first..block.end]) {
                let mean = factor * growth;
                sum += omega * ((y - mean) / mean).powi(2);
            }
        }
        sum / fit.degrees_left
    }

    /// The Anscombe residual of a row: `1.5 (y^⅔ μ^(−1/6) − μ^½) / √(φ(1−h))`; 0 where nothing is left over.
    pub(crate) fn anscombe(&self, counts: &Counts, place: usize, row: (usize, Trend, f64)) -> f64 {
        let (level, trend, phi) = row;
        let sixth = self.mean(place, level).powf(1.0 / 6.0);
        let left = phi * (1.0 - self.leverage(place, level, trend));
        if left > 0.0 {
            1.5 * (counts.power[place] / sixth - sixth.powi(3)) / left.sqrt()
        } else {
            0.0
        }
    }

    /// Sets the prior weights: `γ s⁻²` where the Anscombe residual `s` exceeds the threshold, else `γ`, with `Σ ω = n`.
    ///
    /// The weights before are all 1. The fractional powers of the mean come from tables like that of the growth; a row below the threshold
    /// needs no division.
    fn reweight(&mut self, counts: &Counts, design: Design, (phi, threshold): (f64, f64)) {
        let n = self.weights.len();
        let [sixths, halves] = &mut self.scratch;
        sixths.resize(n, 0.0);
        halves.resize(n, 0.0);
        fill_growth(sixths, -self.now.beta / 6.0, self.center);
        fill_growth(halves, self.now.beta / 2.0, self.center);
        self.prepare_levels(design.trend);
        let (mut sum, mut n_rows) = (0.0, 0.0);
        for block in design.blocks {
            let level = self.levels[block.level];
            for t in block.first..block.end {
                let row = t - self.base;
                let time = real_len(row) - self.center - level.middle;
                let leverage =
                    self.before.growth[row] * (level.inverse + time * time * level.spread);
                // A count below its mean keeps its weight, whatever its leverage.
                let excess = self.anscombe_excess(counts, t, level).max(0.0);
                let left = phi * (1.0 - leverage);
                let weight = weight_of(excess * excess, left, threshold);
                self.weights[row] = weight;
                sum += weight;
                n_rows += 1.0;
            }
        }
        let gamma = n_rows / sum;
        for weight in &mut self.weights {
            *weight *= gamma;
        }
    }

    /// `1.5 (y^⅔ μ^(−1/6) − μ^½)`, from the tables and the level's own powers.
    fn anscombe_excess(&self, counts: &Counts, t: usize, level: Level) -> f64 {
        let (mut sixth, mut half) = (level.sixth, level.half);
        if let Some(exposure) = &counts.exposure {
            sixth *= exposure[t].powf(-1.0 / 6.0);
            half *= exposure[t].sqrt();
        }
        let row = t - self.base;
        1.5 * (counts.power[t] * self.scratch[0][row] * sixth - self.scratch[1][row] * half)
    }

    /// Fits again with large Anscombe residuals of the fit before weighted down (Noufaily et al. 2013).
    pub(crate) fn refit(
        &mut self,
        counts: &Counts,
        design: Design,
        (phi, threshold): (f64, f64),
    ) -> Result<Fit, GlmError> {
        self.reweight(counts, design, (phi, threshold));
        self.fit_weighted(counts, design)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::golden::assert_close;
    use proptest::prelude::*;

    /// Two levels of three points each.
    const TWO_LEVELS: [Block; 2] = [
        Block {
            first: 0,
            end: 3,
            level: 0,
        },
        Block {
            first: 3,
            end: 6,
            level: 1,
        },
    ];

    /// A design on given blocks.
    fn design(blocks: &[Block], n_levels: usize, trend: Trend) -> Design<'_> {
        Design {
            blocks,
            n_levels,
            trend,
        }
    }

    #[test]
    fn without_trend_a_level_is_the_mean_of_its_counts_with_the_leverage_of_a_third() {
        let counts = Counts::new(vec![1.0, 2.0, 3.0, 10.0, 20.0, 30.0], None);
        let mut glm = Glm::default();
        let design = design(&TWO_LEVELS, 2, Trend::Absent);
        let fit = glm.fit(&counts, design).unwrap();
        assert_close(glm.mean(1, 0), 2.0, 1e-9);
        assert_close(glm.mean(4, 1), 20.0, 1e-9);
        assert_close(glm.leverage(1, 0, Trend::Absent), 1.0 / 3.0, 1e-9);
        // Σ (y−μ)²/μ = 1/2 + 0 + 1/2 + 100/20 + 0 + 100/20, on 6 − 2 degrees
        assert_close(glm.dispersion(&counts, design, fit), 11.0 / 4.0, 1e-4);
        // 1.5 (1 − 2^⅔)/2^(1/6) / √(1 − ⅓)
        let residual =
            1.5 * (1.0 - 2.0_f64.powf(2.0 / 3.0)) / 2.0_f64.powf(1.0 / 6.0) * 1.5_f64.sqrt();
        assert_close(
            glm.anscombe(&counts, 0, (0, Trend::Absent, 1.0)),
            residual,
            1e-6,
        );
    }

    #[test]
    fn a_level_that_follows_its_exposure_is_a_rate() {
        let exposure = [1.0, 2.0, 3.0, 10.0, 10.0, 20.0];
        let counts = Counts::new(vec![2.0, 4.0, 6.0, 5.0, 5.0, 10.0], Some(&exposure));
        let mut glm = Glm::default();
        let fit = glm
            .fit(&counts, design(&TWO_LEVELS, 2, Trend::Absent))
            .unwrap();
        assert_close(glm.level(0), 2.0_f64.ln(), 1e-8);
        assert_close(glm.level(1), 0.5_f64.ln(), 1e-8);
        assert!(fit.deviance.abs() < 1e-9);
    }

    #[test]
    fn what_cannot_be_fitted_says_why() {
        let mut glm = Glm::default();
        let counts = Counts::new(vec![1.0; 6], None);
        let refused = glm.fit(&counts, design(&[], 1, Trend::Fitted));
        assert_eq!(refused, Err(GlmError::TooFewRows));
        let points: Vec<Block> = (0..3)
            .map(|t| Block {
                first: 2 * t,
                end: 2 * t + 1,
                level: t,
            })
            .collect();
        let refused = glm.fit(&counts, design(&points, 3, Trend::Absent));
        assert_eq!(refused, Err(GlmError::TooFewRows));
        // Each level is seen at one time only in its middle, so the trend is among the levels.
        let far = Counts::new([0.0, 0.0, 1e300].repeat(4), None);
        let one = [Block {
            first: 0,
            end: 12,
            level: 0,
        }];
        assert!(glm.fit(&far, design(&one, 1, Trend::Fitted)).is_err());
    }

    #[test]
    fn a_level_without_cases_is_named_separated() {
        let counts = Counts::new(vec![1.0, 2.0, 3.0, 0.0, 0.0, 0.0], None);
        let mut glm = Glm::default();
        glm.fit(&counts, design(&TWO_LEVELS, 2, Trend::Absent))
            .unwrap();
        assert!(glm.is_separated(1) && !glm.is_separated(0));
        assert!(glm.mean(4, 1) < 1e-8);
    }

    proptest! {
        #[test]
        fn at_the_fit_the_scores_vanish_and_the_leverages_sum_to_the_number_of_terms(
            counts in prop::collection::vec(1_u32..40, 60), cut in 10_usize..50,
        ) {
            let y: Vec<f64> = counts.into_iter().map(f64::from).collect();
            let blocks = [
                Block { first: 0, end: cut, level: 0 },
                Block { first: cut, end: 55, level: 1 },
                Block { first: 55, end: 60, level: 0 },
            ];
            let counts = Counts::new(y.clone(), None);
            let design = design(&blocks, 2, Trend::Fitted);
            let mut glm = Glm::default();
            let first = glm.fit(&counts, design).unwrap();
            let phi = glm.dispersion(&counts, design, first).max(1.0);
            glm.refit(&counts, design, (phi, 1.5)).unwrap();
            let (mut score, mut leverages, mut weights) = ([0.0; 3], 0.0, 0.0);
            for block in blocks {
                for (t, y) in y.iter().enumerate().take(block.end).skip(block.first) {
                    let residual = glm.weight(t) * (y - glm.mean(t, block.level));
                    score[block.level] += residual;
                    score[2] += residual * real_len(t);
                    leverages += glm.leverage(t, block.level, Trend::Fitted);
                    weights += glm.weight(t);
                }
            }
            prop_assert!(score.iter().all(|score| score.abs() < 0.2), "{score:?}");
            prop_assert!((leverages - 3.0).abs() < 1e-9);
            prop_assert!((weights - 60.0).abs() < 1e-9);
        }
    }
}
