//! The pooled rate of a need by month: a penalized Poisson regression of its totals.
//!
//! ```text
//! log rate(s) = b₀ + b₁ years + b₂ cos(2πs/12) + b₃ sin(2πs/12)
//! b           maximizes  (1/φ) Σ [y_s η_s − M_s exp(η_s)] − b₁²/2σ_t² − (b₂² + b₃²)/2σ_h²
//! V           = (XᵀMX/φ + P)⁻¹,  P the inverse prior variances
//! ```
//!
//! The normal priors draw the trend and the season of a sparse need toward none, as far as its requests
//! do not speak for one (ridge penalty; Le Cessie and van Houwelingen 1992, Appl. Statist. 41:191).

use std::f64::consts::TAU;

use crate::stats::real_len;

/// How many terms the regression has: level, trend, cosine, sine.
const N_TERMS: usize = 4;

/// One value per term.
type Terms = [f64; N_TERMS];

/// What is believed of the shape before any request is seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ShapePrior {
    /// Standard deviation `σ_t` of the trend, in log rate per year.
    pub(crate) trend_sd: f64,
    /// Standard deviation `σ_h` of the two seasonal coefficients.
    pub(crate) season_sd: f64,
    /// With fewer months the rate is flat; a trend without its season would be read into the season.
    pub(crate) min_months: usize,
}

/// The usable requests and exposure of a month over all districts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Total {
    /// The month's place in the panel.
    pub(crate) month: usize,
    /// Requests.
    pub(crate) cases: f64,
    /// Exposure, each district's times its `θ`.
    pub(crate) exposure: f64,
}

/// Requests per unit of exposure, by month.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rate {
    /// The coefficients of the terms; those not fitted are 0.
    coefficients: Terms,
    /// The month the trend is counted from.
    origin: f64,
    /// How many terms are fitted.
    n_terms: usize,
    /// The information `XᵀMX/φ + P`; 1 on the diagonal of a term not fitted.
    information: [Terms; N_TERMS],
    /// The mean of the terms over the requests fitted.
    center: Terms,
}

impl Rate {
    /// The flat rate, improved by the shape the past supports; nothing without requests.
    pub(crate) fn fit(prior: ShapePrior, totals: &[Total], phi: f64) -> Option<Self> {
        let cases: f64 = totals.iter().map(|total| total.cases).sum();
        let exposure: f64 = totals.iter().map(|total| total.exposure).sum();
        if cases <= 0.0 || exposure <= 0.0 {
            return None;
        }
        let months: f64 = totals.iter().map(|total| real_len(total.month)).sum();
        let mut information = [[0.0; N_TERMS]; N_TERMS];
        for (term, values) in information.iter_mut().enumerate() {
            values[term] = if term == 0 { cases / phi } else { 1.0 };
        }
        let flat = Self {
            coefficients: [(cases / exposure).ln(), 0.0, 0.0, 0.0],
            origin: months / real_len(totals.len()),
            n_terms: 1,
            information,
            center: [1.0, 0.0, 0.0, 0.0],
        };
        if totals.len() < prior.min_months {
            return Some(flat);
        }
        let shaped = Self {
            n_terms: N_TERMS,
            ..flat
        };
        Some(shaped.regressed(prior, totals, phi).unwrap_or(flat))
    }

    /// The variance of the log rate in a month against its mean over the past: `(x−x̄)ᵀ V (x−x̄)`.
    ///
    /// The error of the level is left out: a district's own `θ` is measured against the same level.
    pub(crate) fn log_variance(&self, month: usize) -> f64 {
        let mut terms = self.terms(month);
        terms
            .iter_mut()
            .zip(self.center)
            .for_each(|(term, center)| *term -= center);
        solve(self.information, terms).map_or(0.0, |solution| dot(&solution, &terms).max(0.0))
    }

    /// The rate in a month.
    pub(crate) fn at(&self, month: usize) -> f64 {
        dot(&self.terms(month), &self.coefficients).exp()
    }

    /// How many terms are fitted.
    pub(crate) fn n_terms(&self) -> usize {
        self.n_terms
    }

    /// The terms of a month, 0 where not fitted; the trend is in years.
    fn terms(&self, month: usize) -> Terms {
        let years = (real_len(month) - self.origin) / 12.0;
        let angle = TAU * real_len(month % 12) / 12.0;
        let mut terms = [1.0, years, angle.cos(), angle.sin()];
        terms[self.n_terms..].fill(0.0);
        terms
    }

    /// Newton steps from this rate on; nothing if they do not converge.
    fn regressed(mut self, prior: ShapePrior, totals: &[Total], phi: f64) -> Option<Self> {
        let season = prior.season_sd.powi(-2);
        let penalty = [0.0, prior.trend_sd.powi(-2), season, season];
        for _ in 0..25 {
            let step = self.newton_step(penalty, totals, phi)?;
            let largest = step.iter().fold(0.0_f64, |most, part| most.max(part.abs()));
            for (coefficient, part) in self.coefficients.iter_mut().zip(step) {
                *coefficient += part;
            }
            if largest < 1e-9 {
                return Some(self);
            }
            if largest > 20.0 {
                return None;
            }
        }
        None
    }

    /// One step: the information, which is kept, against the score `Xᵀ(y − μ)/φ − P b`.
    fn newton_step(&mut self, penalty: Terms, totals: &[Total], phi: f64) -> Option<Terms> {
        let mut information = [[0.0; N_TERMS]; N_TERMS];
        let (mut score, mut center, mut sum) = ([0.0; N_TERMS], [0.0; N_TERMS], 0.0);
        for total in totals {
            let terms = self.terms(total.month);
            let mean = total.exposure * dot(&terms, &self.coefficients).exp();
            sum += mean;
            for row in 0..N_TERMS {
                score[row] += terms[row] * (total.cases - mean) / phi;
                center[row] += terms[row] * mean;
                let columns = information[row].iter_mut().zip(terms);
                columns.for_each(|(sum, term)| *sum += terms[row] * term * mean / phi);
            }
        }
        for row in 0..N_TERMS {
            information[row][row] += penalty[row];
            score[row] -= penalty[row] * self.coefficients[row];
        }
        self.information = information;
        self.center = center.map(|value| value / sum);
        solve(information, score)
    }
}

/// The sum of products.
fn dot(a: &Terms, b: &Terms) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// Solves a symmetric positive definite system by Gaussian elimination; nothing if it is singular.
fn solve(mut matrix: [Terms; N_TERMS], mut right: Terms) -> Option<Terms> {
    for pivot in 0..N_TERMS {
        let head = matrix[pivot];
        if head[pivot] <= 1e-12 {
            return None;
        }
        for row in pivot + 1..N_TERMS {
            let factor = matrix[row][pivot] / head[pivot];
            for (value, above) in matrix[row].iter_mut().zip(head) {
                *value -= factor * above;
            }
            right[row] -= factor * right[pivot];
        }
    }
    let mut solution = [0.0; N_TERMS];
    for row in (0..N_TERMS).rev() {
        solution[row] = (right[row] - dot(&matrix[row], &solution)) / matrix[row][row];
    }
    Some(solution)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::golden::assert_close;
    use crate::stats::real;

    /// A prior so wide that it says nothing.
    const WIDE: ShapePrior = ShapePrior {
        trend_sd: 1e3,
        season_sd: 1e3,
        min_months: 12,
    };

    /// Totals with a known rate.
    fn totals(n_months: usize, rate: impl Fn(f64) -> f64) -> Vec<Total> {
        let total = |month| {
            let exposure = 1e6 * (1.0 + real_len(month));
            Total {
                month,
                cases: exposure * rate(real_len(month)),
                exposure,
            }
        };
        (0..n_months).map(total).collect()
    }

    #[test]
    fn a_trend_and_a_season_are_found_again() {
        let rate = |s: f64| (-6.0 + 0.01 * s + 0.3 * (TAU * (s - 2.0) / 12.0).cos()).exp();
        let fitted = Rate::fit(WIDE, &totals(30, rate), 1.0).unwrap();
        for month in 0..40 {
            assert_close(fitted.at(month), rate(real_len(month)), 1e-6);
        }
    }

    #[test]
    fn a_season_nobody_supports_is_drawn_to_none() {
        let sparse: Vec<Total> = (0..24)
            .map(|month| Total {
                month,
                cases: real(u64::from(month == 3)),
                exposure: 100.0,
            })
            .collect();
        let prior = ShapePrior {
            trend_sd: 0.05,
            season_sd: 0.2,
            min_months: 12,
        };
        let fitted = Rate::fit(prior, &sparse, 1.0).unwrap();
        let ratio = fitted.at(27) / fitted.at(33);
        assert!(ratio > 1.0 && ratio < 1.2, "ratio {ratio}");
    }

    #[test]
    fn the_rate_is_least_certain_beyond_the_past() {
        let fitted = Rate::fit(WIDE, &totals(30, |_| 1e-5), 2.0).unwrap();
        assert!(fitted.log_variance(36) > fitted.log_variance(15));
    }

    #[test]
    fn without_requests_there_is_no_rate() {
        assert_eq!(Rate::fit(WIDE, &totals(30, |_| 0.0), 1.0), None);
    }
}
