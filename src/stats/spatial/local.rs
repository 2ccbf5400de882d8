//! Which areas lie among their like: local Moran and Getis–Ord G*.
//!
//! The local Moran `I_i = z_i/m₂ · Σ w_ij z_j`, with `m₂ = Σz²/n`, is high both in the middle of high values and in the
//! middle of low ones; the quadrant says which (Anselin 1995, Geogr. Anal. 27:93). Its moments hold the value of the area fixed
//! (Sokal, Oden and Thomson 1998, Geogr. Anal. 30:331): with `w = Σw_ij` and `w₂ = Σw_ij²`,
//! `E = −z_i² w/((n−1) m₂)` and `V = (z_i/m₂)² n/(n−2) (w₂ − w²/(n−1)) (m₂ − z_i²/(n−1))`.
//!
//! G* compares the sum over the area and its neighbors with what it would be anywhere (Ord and Getis 1995, Geogr. Anal. 27:286):
//! `(Σw_ij x_j − w x̄)/(s √((n w₂ − w²)/(n−1)))`, positive in hot spots, negative in cold spots.
//!
//! Every area is a test: adjust the p-values for their number.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::super::ears::normal_upper_tail;
use super::super::{real, real_len};
use super::global::ROUNDING;
use super::{Weights, centered};

/// An area and its surroundings, each above or below the mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quadrant {
    /// High among high: a hot spot.
    HighHigh,
    /// Low among low: a cold spot.
    LowLow,
    /// High among low.
    HighLow,
    /// Low among high: a gap in a hot spot.
    LowHigh,
}

impl Quadrant {
    /// From the area's value and its surroundings', both less the mean.
    fn new(own: f64, around: f64) -> Self {
        match (own > 0.0, around > 0.0) {
            (true, true) => Self::HighHigh,
            (false, false) => Self::LowLow,
            (true, false) => Self::HighLow,
            (false, true) => Self::LowHigh,
        }
    }

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::HighHigh => "High-High",
            Self::LowLow => "Low-Low",
            Self::HighLow => "High-Low",
            Self::LowHigh => "Low-High",
        }
    }
}

/// The local Moran of one area.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct LocalMoran {
    /// `I_i`.
    pub(crate) value: f64,
    /// Its expectation.
    pub(crate) expected: f64,
    /// Its variance.
    pub(crate) variance: f64,
    /// Standard deviations from the expectation.
    pub(crate) z: f64,
    /// Chance of lying at least so far from it, either way, by the normal law.
    pub(crate) p: f64,
    /// The quadrant.
    pub(crate) quadrant: Quadrant,
}

/// The sums of an area's weights and of their squares.
fn weight_sums(weights: &Weights, area: usize) -> (f64, f64) {
    weights
        .row(area)
        .fold((0.0, 0.0), |(sum, squares), (_, weight)| {
            (sum + weight, squares + weight * weight)
        })
}

/// The local Moran of every area; nothing for an area without neighbors or exactly on the mean, and for all areas where
/// the values are alike or not one per area.
pub(crate) fn local_moran(values: &[f64], weights: &Weights) -> Vec<Option<LocalMoran>> {
    let Some((z, square)) = centered(values).filter(|_| values.len() == weights.n_areas()) else {
        return vec![None; weights.n_areas()];
    };
    let n = real_len(values.len());
    let of = |(area, own): (usize, &f64)| {
        let (sum, squares) = weight_sums(weights, area);
        let around = weights.lag(area, &z);
        let value = own / square * around;
        let expected = -own * own * sum / ((n - 1.0) * square);
        let variance = (own / square).powi(2) * n / (n - 2.0)
            * (squares - sum * sum / (n - 1.0))
            * (square - own * own / (n - 1.0));
        let score = (value - expected) / variance.sqrt();
        let is_known = sum > 0.0 && score.is_finite();
        is_known.then(|| LocalMoran {
            value,
            expected,
            variance,
            z: score,
            p: (2.0 * normal_upper_tail(score.abs())).min(1.0),
            quadrant: Quadrant::new(*own, around),
        })
    };
    z.iter().enumerate().map(of).collect()
}

/// G* of every area as a standard score; the weights include the area itself. Nothing as in [`local_moran`].
pub(crate) fn getis_ord(values: &[f64], weights: &Weights) -> Vec<Option<f64>> {
    let Some((z, square)) = centered(values).filter(|_| values.len() == weights.n_areas()) else {
        return vec![None; weights.n_areas()];
    };
    let n = real_len(values.len());
    let of = |area: usize| {
        let (sum, squares) = weight_sums(weights, area);
        let spread = square.sqrt() * ((n * squares - sum * sum) / (n - 1.0)).sqrt();
        Some(weights.lag(area, &z) / spread).filter(|score| score.is_finite())
    };
    (0..values.len()).map(of).collect()
}

/// The chance, area by area, of surroundings at least as extreme when the other values are dealt out anew.
///
/// The value of the area stays in place, as in Anselin (1995); the weighted sum over its other neighbors is compared. Two-sided:
/// `min(1, 2 (1 + min(#≥, #≤))/(R + 1))`. It serves the local Moran and G* alike, whose ranks it shares. Nothing for an area
/// without neighbors, and for all where the values are alike or not one per area.
pub(crate) fn conditional_permutation_p(
    values: &[f64],
    weights: &Weights,
    (n_permutations, seed): (u32, u64),
) -> Vec<Option<f64>> {
    let Some((z, _)) = centered(values).filter(|_| values.len() == weights.n_areas()) else {
        return vec![None; weights.n_areas()];
    };
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut others: Vec<f64> = Vec::with_capacity(z.len());
    let mut row: Vec<(f64, f64)> = Vec::new();
    let mut found = Vec::with_capacity(z.len());
    for area in 0..z.len() {
        row.clear();
        let neighbors = weights.row(area).filter(|(other, _)| *other != area);
        row.extend(neighbors.filter_map(|(other, weight)| Some((weight, *z.get(other)?))));
        others.clear();
        others.extend(
            z.iter()
                .enumerate()
                .filter(|(at, _)| *at != area)
                .map(|(_, value)| *value),
        );
        found.push(two_sided(&row, &mut others, n_permutations, &mut rng));
    }
    found
}

/// The two-sided chance for one area, whose neighbors have these weights and values.
fn two_sided(
    row: &[(f64, f64)],
    others: &mut [f64],
    n_permutations: u32,
    rng: &mut ChaCha8Rng,
) -> Option<f64> {
    if row.is_empty() {
        return None;
    }
    let observed: f64 = row.iter().map(|(weight, value)| weight * value).sum();
    let scale: f64 = row
        .iter()
        .map(|(weight, value)| (weight * value).abs())
        .sum();
    let (mut n_above, mut n_below) = (0_u64, 0_u64);
    for _ in 0..n_permutations {
        let mut drawn = 0.0;
        for (at, (weight, _)) in row.iter().enumerate() {
            others.swap(at, rng.random_range(at..others.len()));
            drawn += weight * others[at];
        }
        n_above += u64::from(drawn >= observed - ROUNDING * scale);
        n_below += u64::from(drawn <= observed + ROUNDING * scale);
    }
    let n_extreme = real(n_above.min(n_below));
    Some((2.0 * (1.0 + n_extreme) / (1.0 + f64::from(n_permutations))).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::super::examples::grid_weights;
    use super::super::global::{Under, moran};
    use super::super::{Own, Style};
    use super::*;
    use crate::stats::golden::assert_close;
    use proptest::prelude::*;

    /// A grid of ones with a block of nines in the corner.
    fn block() -> Vec<f64> {
        (0..49_u8)
            .map(|at| if at / 7 < 3 && at % 7 < 3 { 9.0 } else { 1.0 })
            .collect()
    }

    #[test]
    fn a_block_of_high_values_is_a_hot_spot_in_both() {
        let w = grid_weights(7, 7, Style::RowStandardized, Own::Excluded);
        let b = grid_weights(7, 7, Style::Binary, Own::Included);
        let local = local_moran(&block(), &w);
        let scores = getis_ord(&block(), &b);
        let center = local[8].unwrap();
        assert_eq!(center.quadrant, Quadrant::HighHigh);
        assert!(center.p < 0.001 && scores[8].unwrap() > 3.0);
        assert_eq!(local[48].unwrap().quadrant, Quadrant::LowLow);
        let p = conditional_permutation_p(&block(), &w, (999, 5));
        assert!(p[8].unwrap() < 0.01);
        assert_eq!(p, conditional_permutation_p(&block(), &w, (999, 5)));
    }

    #[test]
    fn conditional_permutations_agree_with_the_moments() {
        // One area of a line: its two neighbors are two of the other four values, twelve ordered pairs in all.
        let line = [vec![1], vec![0, 2], vec![1, 3], vec![2, 4], vec![3]];
        let w = Weights::new(&line, Style::RowStandardized, Own::Excluded).unwrap();
        let values = [1.0, 2.0, 4.0, 8.0, 9.0];
        let found = local_moran(&values, &w)[2].unwrap();
        let (mut sums, mut squares, mut n) = (0.0, 0.0, 0.0);
        for first in [0, 1, 3, 4] {
            for second in [0, 1, 3, 4_usize]
                .into_iter()
                .filter(|second| *second != first)
            {
                let mut order = values;
                order[1] = values[first];
                order[3] = values[second];
                let (z, square) = centered(&values).unwrap();
                let mean = 4.8;
                let one = z[2] / square * 0.5 * (order[1] + order[3] - 2.0 * mean);
                sums += one;
                squares += one * one;
                n += 1.0;
            }
        }
        assert_close(found.expected, sums / n, 1e-10);
        assert_close(found.variance, squares / n - (sums / n).powi(2), 1e-10);
    }

    #[test]
    fn an_area_alone_has_no_local_statistic_and_equal_values_have_none_at_all() {
        let lists = [vec![1], vec![0, 2], vec![1], vec![]];
        let w = Weights::new(&lists, Style::RowStandardized, Own::Excluded).unwrap();
        let found = local_moran(&[1.0, 2.0, 5.0, 9.0], &w);
        assert!(found[0].is_some() && found[3].is_none());
        assert_eq!(
            conditional_permutation_p(&[1.0, 2.0, 5.0, 9.0], &w, (9, 1))[3],
            None
        );
        assert_eq!(local_moran(&[1.0; 4], &w), [None; 4]);
        assert_eq!(getis_ord(&[1.0; 4], &w), [None; 4]);
    }

    proptest! {
        #[test]
        fn the_local_values_add_up_to_the_global_one(
            values in proptest::collection::vec(-50.0..50.0_f64, 20)
        ) {
            let w = grid_weights(4, 5, Style::RowStandardized, Own::Excluded);
            let global = moran(&values, &w, Under::Normality).unwrap();
            let local: f64 = local_moran(&values, &w).iter().map(|one| one.unwrap().value).sum();
            prop_assert!((local / 20.0 - global.value).abs() < 1e-9);
        }
    }
}
