//! A two-way table of counts with all its margins, and the shape that makes its protection exact.
//!
//! Call the rows (districts and their total) and the columns (needs and their total) places, and each
//! cell a pipe between its row and its column. Let body cells and the grand total run from row to
//! column, and the other margins from column to row. Then "the cells of a row add up to its total" says
//! that what leaves the row flows back into it, and likewise for every column: **each table is a
//! circulation**. Whoever sees only some of the cells looks for another circulation in the hidden pipes,
//! so how far a hidden cell can move is a maximum flow, and exact in whole numbers.
//!
//! ```text
//!            need 0   need 1   total
//! district 0    →        →       ←        →  row to column: adds to both its margins
//! district 1    →        →       ←        ←  column to row: is the sum of its row or column
//! total         ←        ←       →
//! ```

use std::num::NonZeroU64;

/// How many rows and columns a table has, its margins apart, and how its cells are numbered.
///
/// Cells are numbered row by row, margins included: the total column is number `n_columns`, the total
/// row is number `n_rows`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Rows without the total row.
    pub(crate) n_rows: usize,
    /// Columns without the total column.
    pub(crate) n_columns: usize,
}

impl Shape {
    /// How many cells there are, margins included.
    pub(crate) fn n_cells(self) -> usize {
        (self.n_rows + 1) * (self.n_columns + 1)
    }

    /// The number of the cell in a row and a column; `n_rows` and `n_columns` name the totals.
    pub(crate) fn cell(self, row: usize, column: usize) -> usize {
        row * (self.n_columns + 1) + column
    }

    /// The row of a cell.
    pub(crate) fn row_of(self, cell: usize) -> usize {
        cell / (self.n_columns + 1)
    }

    /// The column of a cell.
    pub(crate) fn column_of(self, cell: usize) -> usize {
        cell % (self.n_columns + 1)
    }

    /// Whether a cell runs from its row to its column: body cells and the grand total.
    pub(crate) fn runs_to_column(self, cell: usize) -> bool {
        let is_row_total = self.column_of(cell) == self.n_columns;
        let is_column_total = self.row_of(cell) == self.n_rows;
        is_row_total == is_column_total
    }

    /// How many places there are: every row and column and the two totals.
    pub(crate) fn n_places(self) -> usize {
        self.n_rows + self.n_columns + 2
    }

    /// The place of the row of a cell.
    pub(crate) fn row_place(self, cell: usize) -> usize {
        self.row_of(cell)
    }

    /// The place of the column of a cell.
    pub(crate) fn column_place(self, cell: usize) -> usize {
        self.n_rows + 1 + self.column_of(cell)
    }

    /// The cells that touch a place.
    pub(crate) fn cells_at(self, place: usize) -> impl Iterator<Item = usize> {
        let is_row = place <= self.n_rows;
        let (first, stride, n) = if is_row {
            (self.cell(place, 0), 1, self.n_columns + 1)
        } else {
            (place - self.n_rows - 1, self.n_columns + 1, self.n_rows + 1)
        };
        (0..n).map(move |position| first + position * stride)
    }
}

/// The weight of a cell that must stay visible, because an earlier release shows it.
pub(crate) const MUST_STAY_VISIBLE: u64 = u64::MAX;

/// The upper bound of a cell that nothing beside its table bounds.
pub(crate) const UNCAPPED: u64 = u64::MAX;

/// A table of true counts, with what must be hidden in it and what hiding the rest would cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TwoWay {
    /// Its rows and columns.
    shape: Shape,
    /// The counts of all cells, margins included.
    values: Vec<u64>,
    /// The cells that may not be shown by themselves.
    primary: Vec<bool>,
    /// What it costs the readers not to see a cell.
    weights: Vec<u64>,
    /// The largest count a reader thinks possible in each cell, from elsewhere.
    caps: Vec<u64>,
    /// The cells that another table hides, so that this one does too.
    hidden: Vec<bool>,
}

/// Why a table cannot be protected as one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum GridError {
    /// A vector does not have one value per cell.
    #[error("table column `{column}` has {found} values where {wanted} are needed")]
    Length {
        /// The vector concerned.
        column: &'static str,
        /// Its length.
        found: usize,
        /// How many cells there are.
        wanted: usize,
    },
    /// The cells of a row do not add up to its total.
    #[error("row {row} of the table does not add up to its total")]
    Row {
        /// The row.
        row: usize,
    },
    /// The cells of a column do not add up to its total.
    #[error("column {column} of the table does not add up to its total")]
    Column {
        /// The column.
        column: usize,
    },
    /// A part counts more than its whole.
    #[error("cell {cell} of the table counts more than its upper bound")]
    Cap {
        /// The cell.
        cell: usize,
    },
}

impl TwoWay {
    /// Takes the counts of all cells, margins included, and checks that they add up.
    ///
    /// The weight of each cell is its count, so that as few persons as possible vanish from the print
    /// and a margin is hidden only where no body cell will do; see [`TwoWay::with_weights`].
    pub(crate) fn new(
        shape: Shape,
        values: Vec<u64>,
        primary: Vec<bool>,
    ) -> Result<Self, GridError> {
        check_length("values", values.len(), shape)?;
        check_length("primary", primary.len(), shape)?;
        check_sums(shape, &values)?;
        let weights = values.iter().map(|value| value.saturating_add(1)).collect();
        Ok(Self {
            shape,
            values,
            primary,
            weights,
            caps: vec![UNCAPPED; shape.n_cells()],
            hidden: vec![false; shape.n_cells()],
        })
    }

    #[cfg(test)]
    /// Takes the counts of the body only, row by row, and adds the margins.
    pub(crate) fn from_body(
        shape: Shape,
        body: &[u64],
        is_primary: impl Fn(usize, u64) -> Primary,
    ) -> Result<Self, GridError> {
        let wanted = shape.n_rows * shape.n_columns;
        if body.len() != wanted {
            return Err(GridError::Length {
                column: "body",
                found: body.len(),
                wanted,
            });
        }
        let mut values = vec![0; shape.n_cells()];
        for (position, count) in body.iter().enumerate() {
            let (row, column) = (position / shape.n_columns, position % shape.n_columns);
            for (r, c) in [
                (row, column),
                (row, shape.n_columns),
                (shape.n_rows, column),
            ] {
                values[shape.cell(r, c)] += count;
            }
            values[shape.cell(shape.n_rows, shape.n_columns)] += count;
        }
        let primary = values
            .iter()
            .enumerate()
            .map(|(cell, v)| is_primary(cell, *v) == Primary::Yes);
        let primary = primary.collect();
        Self::new(shape, values, primary)
    }

    /// Replaces the weights; [`MUST_STAY_VISIBLE`] forbids hiding a cell that is not primary.
    pub(crate) fn with_weights(mut self, weights: Vec<u64>) -> Result<Self, GridError> {
        check_length("weights", weights.len(), self.shape)?;
        self.weights = weights;
        Ok(self)
    }

    /// Says how large a reader thinks each cell can be at most; [`UNCAPPED`] is no bound.
    pub(crate) fn with_caps(mut self, caps: Vec<u64>) -> Result<Self, GridError> {
        check_length("caps", caps.len(), self.shape)?;
        let over = (0..caps.len()).find(|cell| self.values[*cell] > caps[*cell]);
        if let Some(cell) = over {
            return Err(GridError::Cap { cell });
        }
        self.caps = caps;
        Ok(self)
    }

    /// Hides cells from the start, because another table with the same cells hides them.
    pub(crate) fn with_hidden(mut self, hidden: &[bool]) -> Self {
        hidden.clone_into(&mut self.hidden);
        self.hidden.resize(self.shape.n_cells(), false);
        self
    }

    /// The rows and columns.
    pub(crate) fn shape(&self) -> Shape {
        self.shape
    }

    /// The counts, margins included.
    pub(crate) fn values(&self) -> &[u64] {
        &self.values
    }

    /// The cells that may not be shown.
    pub(crate) fn primary(&self) -> &[bool] {
        &self.primary
    }

    /// The weights.
    pub(crate) fn weights(&self) -> &[u64] {
        &self.weights
    }

    /// The upper bounds.
    pub(crate) fn caps(&self) -> &[u64] {
        &self.caps
    }

    /// The cells hidden from the start, primary or not.
    pub(crate) fn hidden(&self) -> Vec<bool> {
        let both = self.primary.iter().zip(&self.hidden);
        both.map(|(is_primary, is_hidden)| *is_primary || *is_hidden)
            .collect()
    }

    /// Whether a cell could be hidden at all: its count is not below the floor, and its upper bound
    /// leaves more than one count.
    pub(crate) fn can_hide(&self, cell: usize, floor: u64) -> bool {
        self.values[cell] >= floor && self.caps[cell] > floor
    }
}

/// Whether a cell may not be shown by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Primary {
    /// It may not.
    Yes,
    /// It may.
    No,
}

/// Which lower bound a reader may put on a hidden cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Zeros {
    /// Zeros are printed, so a hidden cell is at least 1.
    Published,
    /// Zeros may hide like any count.
    Hidden,
}

/// When a hidden cell counts as safe.
///
/// A reader who knows that a hidden count lies in `[L, U]` may not know it exactly (`L = U`), and may
/// not come close to a small one: where `[L, U]` meets `1 … threshold − 1`, it must be at least
/// `threshold` wide and reach `threshold`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rule {
    /// The smallest count that may be shown.
    threshold: NonZeroU64,
    /// What is said about zeros.
    zeros: Zeros,
}

impl Rule {
    /// A rule with the smallest count that may be shown, zero apart.
    pub(crate) fn new(threshold: NonZeroU64, zeros: Zeros) -> Self {
        Self { threshold, zeros }
    }

    /// The same rule where something else is said about zeros.
    pub(crate) fn with_zeros(self, zeros: Zeros) -> Self {
        Self { zeros, ..self }
    }

    /// The smallest count that may be shown.
    pub(crate) fn threshold(self) -> u64 {
        self.threshold.get()
    }

    /// The least count a hidden cell can have.
    pub(crate) fn floor(self) -> u64 {
        match self.zeros {
            Zeros::Published => 1,
            Zeros::Hidden => 0,
        }
    }

    /// Whether a cell known to lie in the interval is safe.
    pub(crate) fn is_safe(self, interval: Interval) -> bool {
        let Some(high) = interval.high else {
            return true;
        };
        let may_be_small = interval.low < self.threshold() && high >= 1;
        let is_wide = high - interval.low >= self.threshold() && high >= self.threshold();
        high > interval.low && (is_wide || !may_be_small)
    }
}

/// What can be known of a hidden cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Interval {
    /// The least count it can have.
    pub(crate) low: u64,
    /// The largest count it can have; none where nothing bounds it.
    pub(crate) high: Option<u64>,
}

/// Checks that a vector has one value per cell.
fn check_length(column: &'static str, found: usize, shape: Shape) -> Result<(), GridError> {
    let wanted = shape.n_cells();
    if found == wanted {
        Ok(())
    } else {
        Err(GridError::Length {
            column,
            found,
            wanted,
        })
    }
}

/// Checks that every row and every column adds up to its total.
fn check_sums(shape: Shape, values: &[u64]) -> Result<(), GridError> {
    for place in 0..shape.n_places() {
        let (body, total): (Vec<usize>, Vec<usize>) = {
            let cells: Vec<usize> = shape.cells_at(place).collect();
            let (last, rest) = cells.split_at(cells.len() - 1);
            (rest.to_vec(), last.to_vec())
        };
        let sum = |cells: &[usize]| {
            cells
                .iter()
                .try_fold(0_u64, |sum, cell| sum.checked_add(values[*cell]))
        };
        let adds_up = sum(&body).is_some() && sum(&body) == sum(&total);
        let is_row = place <= shape.n_rows;
        match (adds_up, is_row) {
            (true, _) => {}
            (false, true) => return Err(GridError::Row { row: place }),
            (false, false) => {
                return Err(GridError::Column {
                    column: place - shape.n_rows - 1,
                });
            }
        }
    }
    Ok(())
}

/// A rule from a plain number.
#[cfg(test)]
pub(crate) const fn rule(threshold: u64, zeros: Zeros) -> Rule {
    Rule {
        threshold: NonZeroU64::new(threshold).unwrap(),
        zeros,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two rows and three columns.
    const SHAPE: Shape = Shape {
        n_rows: 2,
        n_columns: 3,
    };

    #[test]
    fn margins_are_added_to_a_body() {
        let table = TwoWay::from_body(SHAPE, &[1, 2, 3, 4, 5, 6], |_, _| Primary::No).unwrap();
        assert_eq!(table.values(), &[1, 2, 3, 6, 4, 5, 6, 15, 5, 7, 9, 21]);
    }

    #[test]
    fn a_row_that_does_not_add_up_is_refused() {
        let values = vec![1, 2, 3, 7, 4, 5, 6, 15, 5, 7, 9, 21];
        let refused = TwoWay::new(SHAPE, values, vec![false; 12]);
        assert_eq!(refused, Err(GridError::Row { row: 0 }));
    }

    #[test]
    fn a_column_that_does_not_add_up_is_refused() {
        let values = vec![2, 1, 3, 6, 4, 5, 6, 15, 5, 7, 9, 21];
        let refused = TwoWay::new(SHAPE, values, vec![false; 12]);
        assert_eq!(refused, Err(GridError::Column { column: 0 }));
    }

    #[test]
    fn sums_that_overflow_are_refused() {
        let shape = Shape {
            n_rows: 1,
            n_columns: 2,
        };
        let refused = TwoWay::new(shape, vec![u64::MAX, 1, 0, u64::MAX, 1, 0], vec![false; 6]);
        assert_eq!(refused, Err(GridError::Row { row: 0 }));
    }

    #[test]
    fn a_table_without_its_margins_is_refused() {
        let refused = TwoWay::new(SHAPE, vec![1; 6], vec![false; 12]);
        assert_eq!(
            refused,
            Err(GridError::Length {
                column: "values",
                found: 6,
                wanted: 12
            })
        );
    }

    #[test]
    fn a_part_that_counts_more_than_its_whole_is_refused() {
        let table = TwoWay::from_body(SHAPE, &[1, 2, 3, 4, 5, 6], |_, _| Primary::No).unwrap();
        let mut caps = vec![UNCAPPED; 12];
        caps[2] = 2;
        assert_eq!(table.with_caps(caps), Err(GridError::Cap { cell: 2 }));
    }

    #[test]
    fn body_and_grand_total_run_to_the_column_and_other_margins_back() {
        let directions: Vec<bool> = [(0, 0), (0, 3), (2, 0), (2, 3)]
            .map(|(r, c)| SHAPE.runs_to_column(SHAPE.cell(r, c)))
            .to_vec();
        assert_eq!(directions, vec![true, false, false, true]);
    }

    #[test]
    fn the_rule_asks_for_width_only_near_small_counts() {
        let rule = rule(10, Zeros::Published);
        let between = |low, high| Interval {
            low,
            high: Some(high),
        };
        assert!(!rule.is_safe(between(20, 20)));
        assert!(rule.is_safe(between(20, 21)));
        assert!(!rule.is_safe(between(1, 9)));
        assert!(!rule.is_safe(between(5, 14)));
        assert!(rule.is_safe(between(1, 11)));
        assert!(rule.is_safe(Interval { low: 1, high: None }));
    }
}
