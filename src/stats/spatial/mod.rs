//! Maps: rates steadied by their surroundings, and whether high values lie together.
//!
//! Two questions are asked of a map. Is a rate high, or is the area only small? `smoothing` draws the rates of
//! small areas towards the mean of all, or of their surroundings. Do high values have high neighbors more often than chance
//! would have it? `global` answers once for the map (Moran, Geary), `local` area by area (LISA, Getis–Ord).
//!
//! Who counts as a neighbor, and for how much, stands in `Weights`: every neighbor 1 (style B), or every area's
//! neighbors together 1 (style W).

/// Moran's I and Geary's c, with their moments and permutations.
pub(crate) mod global;
/// Local Moran and Getis–Ord G*.
pub(crate) mod local;
/// Standardized ratios and empirical Bayes rates.
pub(crate) mod smoothing;

/// The style of the weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// Every neighbor counts 1 (B).
    Binary,
    /// The neighbors of an area count 1 together (W).
    RowStandardized,
}

/// Whether an area is its own neighbor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Own {
    /// It is not.
    Excluded,
    /// It is, as in G* and in local smoothing.
    Included,
}

/// Why weights cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WeightsError {
    /// An area names a neighbor that is not there, itself, or one twice.
    #[error("area {area} names a neighbor that is not there, itself, or one twice")]
    Neighbor {
        /// The area's place.
        area: usize,
    },
}

/// The neighbors of every area with their weights, row by row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Weights {
    /// Where the neighbors of each area start, and the end of the last.
    starts: Vec<usize>,
    /// The neighbors.
    areas: Vec<usize>,
    /// Their weights.
    values: Vec<f64>,
}

impl Weights {
    /// Weights from the list of neighbors of each area. An area without any has no weight at all.
    pub(crate) fn new(
        neighbors: &[Vec<usize>],
        style: Style,
        own: Own,
    ) -> Result<Self, WeightsError> {
        let mut weights = Self {
            starts: vec![0],
            areas: Vec::new(),
            values: Vec::new(),
        };
        for (area, list) in neighbors.iter().enumerate() {
            let mut row = list.clone();
            row.sort_unstable();
            let is_double = row.windows(2).any(|pair| pair[0] == pair[1]);
            let is_outside = row.last().is_some_and(|last| *last >= neighbors.len());
            if is_double || is_outside || row.binary_search(&area).is_ok() {
                return Err(WeightsError::Neighbor { area });
            }
            if own == Own::Included {
                row.push(area);
            }
            let weight = match style {
                Style::Binary => 1.0,
                Style::RowStandardized => super::real_len(row.len()).recip(),
            };
            weights.values.extend(row.iter().map(|_| weight));
            weights.areas.extend(row);
            weights.starts.push(weights.areas.len());
        }
        Ok(weights)
    }

    /// How many areas there are.
    pub(crate) fn n_areas(&self) -> usize {
        self.starts.len() - 1
    }

    /// The neighbors of an area with their weights; none for an area that is not there.
    pub(crate) fn row(&self, area: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let from = self.starts.get(area).copied().unwrap_or(0);
        let until = self.starts.get(area + 1).copied().unwrap_or(from);
        let areas = self.areas.get(from..until).unwrap_or_default();
        let values = self.values.get(from..until).unwrap_or_default();
        areas.iter().copied().zip(values.iter().copied())
    }

    /// The weighted sum of the values of an area's neighbors.
    pub(crate) fn lag(&self, area: usize, values: &[f64]) -> f64 {
        self.row(area)
            .map(|(other, weight)| weight * values.get(other).copied().unwrap_or(0.0))
            .sum()
    }
}

/// Values less their mean, with the mean of their squares; nothing where they are all alike or not finite.
fn centered(values: &[f64]) -> Option<(Vec<f64>, f64)> {
    let n = super::real_len(values.len());
    let mean = values.iter().sum::<f64>() / n;
    let centered: Vec<f64> = values.iter().map(|value| value - mean).collect();
    let square = centered.iter().map(|value| value * value).sum::<f64>() / n;
    let is_spread = square.is_finite() && square > (f64::EPSILON * mean).powi(2);
    is_spread.then_some((centered, square))
}

/// The maps of the tests.
#[cfg(test)]
pub(crate) mod examples {
    use super::{Own, Style, Weights};

    /// The neighbors by side in a grid of so many rows and columns.
    pub(crate) fn grid(n_rows: usize, n_columns: usize) -> Vec<Vec<usize>> {
        let at = |row: usize, column: usize| row * n_columns + column;
        let of = |row: usize, column: usize| {
            let mut list = Vec::new();
            if row > 0 {
                list.push(at(row - 1, column));
            }
            if column > 0 {
                list.push(at(row, column - 1));
            }
            if column + 1 < n_columns {
                list.push(at(row, column + 1));
            }
            if row + 1 < n_rows {
                list.push(at(row + 1, column));
            }
            list
        };
        (0..n_rows * n_columns)
            .map(|area| of(area / n_columns, area % n_columns))
            .collect()
    }

    /// Their weights.
    pub(crate) fn grid_weights(n_rows: usize, n_columns: usize, style: Style, own: Own) -> Weights {
        Weights::new(&grid(n_rows, n_columns), style, own).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_of_style_w_sum_to_one_in_every_row() {
        let weights = examples::grid_weights(3, 4, Style::RowStandardized, Own::Included);
        assert_eq!(weights.n_areas(), 12);
        for area in 0..12 {
            assert!((weights.row(area).map(|(_, weight)| weight).sum::<f64>() - 1.0).abs() < 1e-12);
            assert!(weights.row(area).any(|(other, _)| other == area));
        }
        assert_eq!(weights.row(99).count(), 0);
    }

    #[test]
    fn a_neighbor_that_is_not_there_or_itself_or_double_is_refused() {
        for lists in [vec![vec![1]], vec![vec![0]], vec![vec![1, 1], vec![0]]] {
            let refused = Weights::new(&lists, Style::Binary, Own::Excluded);
            assert_eq!(refused, Err(WeightsError::Neighbor { area: 0 }));
        }
    }
}
