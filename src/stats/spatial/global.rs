//! Whether neighbors are alike over the whole map: Moran's I and Geary's c.
//!
//! With `z` the values less their mean: `I = n/S₀ · ΣΣ w_ij z_i z_j / Σ z²`, above `−1/(n−1)` where neighbors are alike;
//! `c = (n−1)/2S₀ · ΣΣ w_ij (x_i − x_j)² / Σ z²`, below 1 where they are. Moments under normality and under randomization are
//! those of Cliff and Ord (1981, *Spatial Processes*, sections 2.3 and 2.4); permutations deal the values out anew. An area
//! without neighbors counts in `n`.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::super::ears::normal_upper_tail;
use super::super::{real, real_len};
use super::{Weights, centered};

/// Which assumption the variance is under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Under {
    /// Any order of the values found is equally likely.
    Randomization,
    /// The values are independent and normal.
    Normality,
}

/// A statistic with its moments if there is no pattern.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pattern {
    /// The statistic.
    pub(crate) value: f64,
    /// Its expectation.
    pub(crate) expected: f64,
    /// Its variance.
    pub(crate) variance: f64,
    /// How many standard deviations it lies towards alike neighbors.
    pub(crate) z: f64,
    /// Chance of lying at least so far that way.
    pub(crate) p: f64,
}

impl Pattern {
    /// From the moments; `direction` is 1 where high values mean alike neighbors, −1 where low ones do.
    fn new(value: f64, expected: f64, variance: f64, direction: f64) -> Option<Self> {
        let z = direction * (value - expected) / variance.sqrt();
        z.is_finite().then(|| Self {
            value,
            expected,
            variance,
            z,
            p: normal_upper_tail(z),
        })
    }
}

/// The sums of the weights: `S₀ = ΣΣw`, `S₁ = ½ΣΣ(w_ij + w_ji)²`, `S₂ = Σ(Σ_j w_ij + Σ_j w_ji)²`.
#[derive(Debug, Clone, Copy, PartialEq)]
struct WeightSums {
    /// Number of areas.
    n: f64,
    /// `S₀`.
    s0: f64,
    /// `S₁`.
    s1: f64,
    /// `S₂`.
    s2: f64,
}

impl WeightSums {
    /// Over all pairs; nothing with fewer than four areas or without weights.
    fn new(weights: &Weights) -> Option<Self> {
        let n_areas = weights.n_areas();
        let (mut of_row, mut of_column) = (vec![0.0; n_areas], vec![0.0; n_areas]);
        let (mut s0, mut s1) = (0.0, 0.0);
        for (area, row) in of_row.iter_mut().enumerate() {
            for (other, weight) in weights.row(area) {
                *row += weight;
                of_column[other] += weight;
                // ½(w_ij + w_ji)² over both orders: w_ij² from each order, and w_ij·w_ji.
                let back = weights.row(other).find(|(back, _)| *back == area);
                s1 += weight * weight + weight * back.map_or(0.0, |(_, back)| back);
            }
            s0 += *row;
        }
        let s2 = of_row
            .iter()
            .zip(&of_column)
            .map(|(row, column)| (row + column).powi(2))
            .sum();
        (n_areas > 3 && s0 > 0.0).then(|| Self {
            n: real_len(n_areas),
            s0,
            s1,
            s2,
        })
    }
}

/// `b₂ = n Σz⁴/(Σz²)²`.
fn kurtosis(centered: &[f64], square: f64) -> f64 {
    centered.iter().map(|z| z.powi(4)).sum::<f64>() / (real_len(centered.len()) * square * square)
}

/// Moran's I; nothing where the values are alike, not one per area, or fewer than four.
pub(crate) fn moran(values: &[f64], weights: &Weights, under: Under) -> Option<Pattern> {
    let (z, square) = centered(values).filter(|_| values.len() == weights.n_areas())?;
    let WeightSums { n, s0, s1, s2 } = WeightSums::new(weights)?;
    let expected = -1.0 / (n - 1.0);
    let mean_square = match under {
        Under::Normality => (n * n * s1 - n * s2 + 3.0 * s0 * s0) / ((n * n - 1.0) * s0 * s0),
        Under::Randomization => {
            let b2 = kurtosis(&z, square);
            let first = n * ((n * n - 3.0 * n + 3.0) * s1 - n * s2 + 3.0 * s0 * s0);
            let second = b2 * ((n * n - n) * s1 - 2.0 * n * s2 + 6.0 * s0 * s0);
            (first - second) / ((n - 1.0) * (n - 2.0) * (n - 3.0) * s0 * s0)
        }
    };
    let value = cross_product(&z, weights) / (s0 * square);
    Pattern::new(value, expected, mean_square - expected * expected, 1.0)
}

/// `ΣΣ w_ij z_i z_j`.
fn cross_product(z: &[f64], weights: &Weights) -> f64 {
    z.iter()
        .enumerate()
        .map(|(area, own)| own * weights.lag(area, z))
        .sum()
}

/// Geary's c; nothing where [`moran`] has none.
pub(crate) fn geary(values: &[f64], weights: &Weights, under: Under) -> Option<Pattern> {
    let (z, square) = centered(values).filter(|_| values.len() == weights.n_areas())?;
    let WeightSums { n, s0, s1, s2 } = WeightSums::new(weights)?;
    let variance = match under {
        Under::Normality => {
            ((2.0 * s1 + s2) * (n - 1.0) - 4.0 * s0 * s0) / (2.0 * (n + 1.0) * s0 * s0)
        }
        Under::Randomization => {
            let b2 = kurtosis(&z, square);
            let first = (n - 1.0) * s1 * (n * n - 3.0 * n + 3.0 - (n - 1.0) * b2);
            let second = (n - 1.0) * s2 * (n * n + 3.0 * n - 6.0 - (n * n - n + 2.0) * b2) / 4.0;
            let third = s0 * s0 * (n * n - 3.0 - (n - 1.0).powi(2) * b2);
            (first - second + third) / (n * (n - 2.0) * (n - 3.0) * s0 * s0)
        }
    };
    let value = (n - 1.0) * squared_differences(&z, weights) / (2.0 * s0 * n * square);
    Pattern::new(value, 1.0, variance, -1.0)
}

/// `ΣΣ w_ij (x_i − x_j)²`.
fn squared_differences(values: &[f64], weights: &Weights) -> f64 {
    let of = |(area, own): (usize, &f64)| {
        let others = weights
            .row(area)
            .filter_map(|(other, weight)| Some((values.get(other)?, weight)));
        others
            .map(|(other, weight)| weight * (own - other).powi(2))
            .sum::<f64>()
    };
    values.iter().enumerate().map(of).sum()
}

/// Which statistic is permuted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Statistic {
    /// Moran's I, large where neighbors are alike.
    Moran,
    /// Geary's c, small where they are.
    Geary,
}

/// Chance that values dealt out anew have neighbors at least as alike: `(1 + #)/(R + 1)`.
///
/// Nothing where the statistic cannot be had.
pub(crate) fn permutation_p(
    values: &[f64],
    weights: &Weights,
    statistic: Statistic,
    (n_permutations, seed): (u32, u64),
) -> Option<f64> {
    let (mut z, _) = centered(values).filter(|_| values.len() == weights.n_areas())?;
    let likeness = |z: &[f64]| match statistic {
        Statistic::Moran => cross_product(z, weights),
        Statistic::Geary => -squared_differences(z, weights),
    };
    let found = likeness(&z);
    let least = found - ROUNDING * found.abs();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut n_reached = 0_u64;
    for _ in 0..n_permutations {
        z.shuffle(&mut rng);
        n_reached += u64::from(likeness(&z) >= least);
    }
    Some((1.0 + real(n_reached)) / (1.0 + f64::from(n_permutations)))
}

/// Statistics closer than this part count as equal.
pub(super) const ROUNDING: f64 = 1e-12;

#[cfg(test)]
mod tests {
    use super::super::examples::grid_weights;
    use super::super::{Own, Style};
    use super::*;
    use crate::stats::golden::assert_close;

    #[test]
    fn on_a_checkerboard_neighbors_are_as_unlike_as_can_be() {
        let weights = grid_weights(6, 6, Style::RowStandardized, Own::Excluded);
        let board: Vec<f64> = (0..36_u8)
            .map(|at| f64::from((at / 6 + at % 6) % 2))
            .collect();
        let found = moran(&board, &weights, Under::Randomization).unwrap();
        assert_close(found.value, -1.0, 1e-12);
        assert!(found.p > 0.999);
        // Every squared difference is 1 and Σz² = n/4: c = (n−1)/2n · n/(n/4) = 2(n−1)/n.
        assert_close(
            geary(&board, &weights, Under::Normality).unwrap().value,
            2.0 * 35.0 / 36.0,
            1e-12,
        );
    }

    #[test]
    fn the_moments_are_those_of_all_orders() {
        // All 5! orders of five values in a row: the mean and variance under randomization are exact.
        let line = [vec![1], vec![0, 2], vec![1, 3], vec![2, 4], vec![3]];
        let weights = Weights::new(&line, Style::RowStandardized, Own::Excluded).unwrap();
        let values = [1.0, 2.0, 4.0, 8.0, 9.0];
        for statistic in [moran, geary] {
            let mut all = Vec::new();
            let mut order = values;
            permute(&mut order, 0, &mut |order| {
                all.push(statistic(order, &weights, Under::Randomization).unwrap());
            });
            let n = real_len(all.len());
            let mean = all.iter().map(|one| one.value).sum::<f64>() / n;
            let variance = all
                .iter()
                .map(|one| (one.value - mean).powi(2))
                .sum::<f64>()
                / n;
            assert_close(mean, all[0].expected, 1e-10);
            assert_close(variance, all[0].variance, 1e-10);
        }
    }

    /// Calls back with every order of the values from a place on.
    fn permute(values: &mut [f64; 5], from: usize, back: &mut impl FnMut(&[f64])) {
        if from == values.len() {
            back(values);
        }
        for at in from..values.len() {
            values.swap(from, at);
            permute(values, from + 1, back);
            values.swap(from, at);
        }
    }

    #[test]
    fn a_gradient_is_found_by_permutation_and_the_seed_decides() {
        let weights = grid_weights(5, 5, Style::Binary, Own::Excluded);
        let gradient: Vec<f64> = (0..25_u8).map(f64::from).collect();
        for statistic in [Statistic::Moran, Statistic::Geary] {
            let p = permutation_p(&gradient, &weights, statistic, (199, 3));
            assert_eq!(p, Some(1.0 / 200.0));
        }
        let noise: Vec<f64> = (0..25_u64).map(|at| real(at * 7919 % 101)).collect();
        let p = |seed| permutation_p(&noise, &weights, Statistic::Moran, (199, seed));
        assert_eq!(p(1), p(1));
        let normal = moran(&noise, &weights, Under::Randomization).unwrap().p;
        assert!((p(1).unwrap() - normal).abs() < 0.12);
    }

    #[test]
    fn values_that_are_alike_or_too_few_have_no_pattern() {
        let weights = grid_weights(2, 2, Style::Binary, Own::Excluded);
        assert_eq!(moran(&[3.0; 4], &weights, Under::Normality), None);
        assert_eq!(moran(&[3.0, 1.0], &weights, Under::Normality), None);
        assert_eq!(
            geary(&[1.0, f64::NAN, 2.0, 3.0], &weights, Under::Normality),
            None
        );
        let alone = Weights::new(
            &[vec![], vec![], vec![], vec![]],
            Style::Binary,
            Own::Excluded,
        )
        .unwrap();
        assert_eq!(moran(&[1.0, 2.0, 3.0, 4.0], &alone, Under::Normality), None);
    }
}
