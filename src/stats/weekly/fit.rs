//! The expected course of a weekly series: a level, a trend and a few harmonics of the year.
//!
//! `log μ_t = β₀ + β₁ t + Σ_j [a_j cos(2πjt/T) + b_j sin(2πjt/T)] + log(exposure_t)`, variance `φ μ`, by Fisher
//! scoring with prior weights. Sixty rows give six coefficients room; the normal equations are solved by Cholesky's
//! decomposition.

use std::f64::consts::TAU;

use crate::stats::real_len;

/// The most terms: level, trend, three harmonics and the recent level.
pub(super) const MAX_TERMS: usize = 9;
/// One value per term.
pub(super) type Terms = [f64; MAX_TERMS];
/// Scoring ends when no step is larger than this.
const TOLERANCE: f64 = 1e-11;
/// Scoring gives up after this many steps.
const MAX_STEPS: usize = 50;
/// No coefficient moves by more than this in one step.
const LONGEST_STEP: f64 = 2.0;

/// Below this part of its information a term counts as a combination of the others.
const SINGULAR: f64 = 1e-12;

/// The terms of every place of a series.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Course {
    /// The terms by place.
    pub(super) rows: Vec<Terms>,
    /// How many terms there are without the recent level, which stands after them.
    pub(super) n_terms: usize,
    /// From this place on the recent level holds.
    recent_from: usize,
}

impl Course {
    /// The terms of so many places, with a year of so many points.
    pub(super) fn new(n_points: usize, period: f64, n_harmonics: usize) -> Self {
        let n_harmonics = n_harmonics.min((MAX_TERMS - 3) / 2);
        let row = |place: usize| {
            let mut terms = [0.0; MAX_TERMS];
            terms[0] = 1.0;
            // The trend is measured in years from the end, so that the level is that of the last point.
            terms[1] = (real_len(place) - real_len(n_points)) / period;
            for harmonic in 1..=n_harmonics {
                let angle = TAU * real_len(harmonic) * real_len(place) / period;
                terms[2 * harmonic] = angle.cos();
                terms[2 * harmonic + 1] = angle.sin();
            }
            terms
        };
        Self {
            rows: (0..n_points).map(row).collect(),
            n_terms: 2 + 2 * n_harmonics,
            recent_from: n_points,
        }
    }

    /// Lets the recent level begin at a place.
    pub(super) fn set_recent(&mut self, from: usize) {
        let changed = from.min(self.recent_from)..from.max(self.recent_from);
        let value = if from < self.recent_from { 1.0 } else { 0.0 };
        for terms in self.rows.iter_mut().take(changed.end).skip(changed.start) {
            terms[self.n_terms] = value;
        }
        self.recent_from = from;
    }
}

/// The counts and weights of a fit, and the means it gives.
#[derive(Debug)]
pub(super) struct Rows<'a> {
    /// The terms.
    pub(super) terms: &'a [Terms],
    /// The counts.
    pub(super) counts: &'a [f64],
    /// The exposures.
    pub(super) exposure: &'a [f64],
    /// Prior weights.
    pub(super) weights: &'a [f64],
    /// The fitted means; written.
    pub(super) means: &'a mut [f64],
}

/// A fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Fitted {
    /// The coefficients.
    pub(super) coefficients: Terms,
    /// The lower triangle `L` of the information, `L Lᵀ = XᵀWX`.
    lower: [Terms; MAX_TERMS],
    /// How many terms.
    n_terms: usize,
}

/// The linear predictor of a row.
fn predictor(terms: &Terms, coefficients: &Terms) -> f64 {
    terms
        .iter()
        .zip(coefficients)
        .map(|(term, coefficient)| term * coefficient)
        .sum()
}

/// Adds a multiple of the terms to a line.
fn add(line: &mut [f64], terms: &Terms, factor: f64) {
    for (cell, term) in line.iter_mut().zip(terms) {
        *cell += factor * term;
    }
}

/// Fits by scoring from the given coefficients; nothing if the information is singular or the steps do not end.
pub(super) fn fit(rows: &mut Rows, n_terms: usize, start: Terms) -> Option<Fitted> {
    let mut fitted = Fitted {
        coefficients: start,
        lower: [[0.0; MAX_TERMS]; MAX_TERMS],
        n_terms,
    };
    for _ in 0..MAX_STEPS {
        let score = fitted.measure(rows)?;
        let step = fitted.solve(score);
        let largest = step
            .iter()
            .fold(0.0_f64, |largest, step| largest.max(step.abs()));
        if !largest.is_finite() {
            return None;
        }
        let scale = (LONGEST_STEP / largest).min(1.0);
        for (coefficient, step) in fitted.coefficients.iter_mut().zip(step) {
            *coefficient += scale * step;
        }
        if largest < TOLERANCE {
            return Some(fitted);
        }
    }
    None
}

impl Fitted {
    /// Writes the means, decomposes the information and gives the score.
    fn measure(&mut self, rows: &mut Rows) -> Option<Terms> {
        let mut score = [0.0; MAX_TERMS];
        let mut information = [[0.0; MAX_TERMS]; MAX_TERMS];
        let data = rows.counts.iter().zip(rows.exposure).zip(rows.weights);
        for ((terms, mean), ((count, exposure), weight)) in
            rows.terms.iter().zip(rows.means.iter_mut()).zip(data)
        {
            *mean = predictor(terms, &self.coefficients).exp() * exposure;
            let (residual, weight) = (weight * (count - *mean), weight * *mean);
            for (i, line) in information.iter_mut().enumerate().take(self.n_terms) {
                score[i] += residual * terms[i];
                add(&mut line[..=i], terms, weight * terms[i]);
            }
        }
        self.decompose(&information).then_some(score)
    }

    /// Cholesky's decomposition; whether the information is regular.
    fn decompose(&mut self, information: &[Terms; MAX_TERMS]) -> bool {
        for (i, line) in information.iter().enumerate().take(self.n_terms) {
            for (j, cell) in line.iter().enumerate().take(i) {
                self.lower[i][j] = (cell - self.product(i, j)) / self.lower[j][j];
            }
            let left = line[i] - self.product(i, i);
            if left.is_nan() || left <= SINGULAR * line[i] {
                return false;
            }
            self.lower[i][i] = left.sqrt();
        }
        true
    }

    /// The product of two lines of `L` before column `j`.
    fn product(&self, i: usize, j: usize) -> f64 {
        self.lower[i][..j]
            .iter()
            .zip(&self.lower[j][..j])
            .map(|(a, b)| a * b)
            .sum()
    }

    /// `L⁻¹ v`.
    fn forward(&self, mut v: Terms) -> Terms {
        for i in 0..self.n_terms {
            let known: f64 = (0..i).map(|k| self.lower[i][k] * v[k]).sum();
            v[i] = (v[i] - known) / self.lower[i][i];
        }
        v
    }

    /// The solution `x` of `L Lᵀ x = v`.
    fn solve(&self, v: Terms) -> Terms {
        let mut x = self.forward(v);
        for i in (0..self.n_terms).rev() {
            let known: f64 = (i + 1..self.n_terms).map(|k| self.lower[k][i] * x[k]).sum();
            x[i] = (x[i] - known) / self.lower[i][i];
        }
        x
    }

    /// `vᵀ (XᵀWX)⁻¹ v`.
    pub(super) fn quadratic(&self, v: Terms) -> f64 {
        self.forward(v)[..self.n_terms].iter().map(|x| x * x).sum()
    }

    /// The mean of a row with the given exposure.
    pub(super) fn mean(&self, terms: &Terms, exposure: f64) -> f64 {
        predictor(terms, &self.coefficients).exp() * exposure
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::golden::assert_close;
    use proptest::prelude::*;

    #[test]
    fn a_course_without_noise_is_found_again() {
        let course = Course::new(300, 52.0, 2);
        let truth = [1.2, 0.1, 0.3, -0.2, 0.05, 0.1, 0.0, 0.0, 0.0];
        let counts: Vec<f64> = course
            .rows
            .iter()
            .map(|terms| predictor(terms, &truth).exp())
            .collect();
        let mut rows = Rows {
            terms: &course.rows,
            counts: &counts,
            exposure: &[1.0; 300],
            weights: &[1.0; 300],
            means: &mut [0.0; 300],
        };
        let fitted = fit(&mut rows, course.n_terms, [0.0; MAX_TERMS]).unwrap();
        for (found, expected) in fitted.coefficients.iter().zip(truth) {
            assert!((found - expected).abs() < 1e-9);
        }
    }

    #[test]
    fn a_level_alone_has_the_variance_of_a_mean() {
        let mut rows = Rows {
            terms: &[[1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]; 3],
            counts: &[2.0, 4.0, 6.0],
            exposure: &[1.0, 1.0, 2.0],
            weights: &[1.0; 3],
            means: &mut [0.0; 3],
        };
        let fitted = fit(&mut rows, 1, [0.0; MAX_TERMS]).unwrap();
        assert_close(fitted.coefficients[0], 3.0_f64.ln(), 1e-12);
        assert_close(
            fitted.quadratic([1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]),
            1.0 / 12.0,
            1e-10,
        );
    }

    proptest! {
        #[test]
        fn the_start_does_not_matter(counts in prop::collection::vec(0_u32..30, 120), start in -1.0_f64..3.0) {
            let counts: Vec<f64> = counts.into_iter().map(f64::from).collect();
            let course = Course::new(120, 52.0, 2);
            let ones = [1.0; 120];
            let run = |first: f64| {
                let mut means = [0.0; 120];
                let mut rows = Rows {
                    terms: &course.rows, counts: &counts, exposure: &ones, weights: &ones, means: &mut means,
                };
                let mut begin = [0.0; MAX_TERMS];
                begin[0] = first;
                fit(&mut rows, course.n_terms, begin).unwrap().coefficients
            };
            for (a, b) in run(start).iter().zip(run(2.0)) {
                prop_assert!((a - b).abs() < 1e-10);
            }
        }
    }
}
