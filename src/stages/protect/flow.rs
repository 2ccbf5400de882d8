//! How far a hidden cell can move while every visible number stays true.
//!
//! The hidden cells are pipes between rows and columns (see `grid`). To raise a cell by one
//! unit, that unit must come back from its head to its tail through other hidden cells, each of which
//! then rises or falls by one; a cell can fall only to its floor and rise only to its cap, if it has
//! one. The most that can be pushed is a maximum flow (Ford and Fulkerson 1962), found here along
//! shortest paths (Edmonds and Karp 1972), so bounds are exact in whole numbers, and every push ends in
//! a second table that fits all that is seen.

use std::collections::VecDeque;

#[cfg(test)]
use super::grid::Interval;
use super::grid::{Shape, TwoWay, UNCAPPED};

/// Which way a cell is moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// To a larger count.
    Up,
    /// To a smaller count.
    Down,
}

/// More than any count: a cell that nothing visible bounds can rise this far.
pub(crate) const UNBOUNDED: u64 = (i64::MAX / 4).unsigned_abs();

/// The hidden cells of a table and the room they have.
#[derive(Debug, Clone)]
pub(crate) struct Network<'a> {
    /// The rows and columns.
    shape: Shape,
    /// The table.
    table: &'a TwoWay,
    /// The true counts.
    values: &'a [u64],
    /// The least count of a hidden cell.
    floor: u64,
    /// Which cells are hidden.
    hidden: Vec<bool>,
    /// The hidden cells at each place, in order.
    hidden_at: Vec<Vec<usize>>,
}

/// A second table: by how much each moved cell differs from the true one, in order of cells.
pub(crate) type Shift = Vec<(usize, i64)>;

/// How far a cell was pushed, and the table that shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Push {
    /// By how much, at most what was wanted.
    pub(crate) amount: u64,
    /// The cells moved, the pushed one included.
    pub(crate) shift: Shift,
}

impl<'a> Network<'a> {
    /// The network of a table whose hidden cells are given.
    pub(crate) fn new(table: &'a TwoWay, hidden: &[bool], floor: u64) -> Self {
        let shape = table.shape();
        let mut network = Self {
            shape,
            table,
            values: table.values(),
            floor,
            hidden: vec![false; shape.n_cells()],
            hidden_at: vec![Vec::new(); shape.n_places()],
        };
        for cell in (0..shape.n_cells()).filter(|cell| hidden[*cell]) {
            network.hide(cell);
        }
        network
    }

    /// Hides a cell.
    pub(crate) fn hide(&mut self, cell: usize) {
        if !std::mem::replace(&mut self.hidden[cell], true) {
            for place in [self.shape.row_place(cell), self.shape.column_place(cell)] {
                let at = &mut self.hidden_at[place];
                let position = at.partition_point(|other| *other < cell);
                at.insert(position, cell);
            }
        }
    }

    /// Shows a hidden cell again.
    pub(crate) fn show(&mut self, cell: usize) {
        if std::mem::replace(&mut self.hidden[cell], false) {
            for place in [self.shape.row_place(cell), self.shape.column_place(cell)] {
                self.hidden_at[place].retain(|other| *other != cell);
            }
        }
    }

    /// Which cells are hidden.
    pub(crate) fn hidden(&self) -> &[bool] {
        &self.hidden
    }

    /// The rows and columns.
    pub(crate) fn shape(&self) -> Shape {
        self.shape
    }

    /// Whether a cell could be hidden at all: its bounds hold its count and leave more than one.
    pub(crate) fn can_hide(&self, cell: usize) -> bool {
        self.table.can_hide(cell, self.floor)
    }

    /// How far a cell can move from a second table, by its own bounds alone.
    pub(crate) fn room(&self, cell: usize, direction: Direction, shift: i64) -> u64 {
        let count = self.values[cell].saturating_add_signed(shift);
        match (direction, self.table.caps()[cell]) {
            (Direction::Up, UNCAPPED) => UNBOUNDED,
            (Direction::Up, cap) => cap.saturating_sub(count).min(UNBOUNDED),
            (Direction::Down, _) => count.saturating_sub(self.floor),
        }
    }

    /// Where a unit pushed through a cell enters and leaves.
    pub(crate) fn ends(&self, cell: usize, direction: Direction) -> (usize, usize) {
        let (row, column) = (self.shape.row_place(cell), self.shape.column_place(cell));
        if self.shape.runs_to_column(cell) == (direction == Direction::Up) {
            (row, column)
        } else {
            (column, row)
        }
    }

    /// Which way a cell moves when a unit leaves a place through it, and where the unit gets to.
    pub(crate) fn crossing(&self, cell: usize, from: usize) -> (Direction, usize) {
        let (enters, leaves) = self.ends(cell, Direction::Up);
        if enters == from {
            (Direction::Up, leaves)
        } else {
            (Direction::Down, enters)
        }
    }

    /// Pushes a hidden cell as far as wanted, or as far as it goes, through the other hidden cells.
    pub(crate) fn push(&self, cell: usize, direction: Direction, wanted: u64) -> Push {
        let wanted = wanted.min(self.room(cell, direction, 0));
        let mut shifts = Shifts::new(self.shape.n_cells());
        let mut amount = 0;
        while amount < wanted {
            let Some(path) = self.shortest_path(cell, direction, &shifts) else {
                break;
            };
            let thinnest = path
                .iter()
                .map(|(through, way)| self.room(*through, *way, shifts.at(*through)));
            let step = thinnest.min().unwrap_or(0).min(wanted - amount);
            for (through, way) in path {
                shifts.add(through, way, step);
            }
            amount += step;
        }
        shifts.add(cell, direction, amount);
        Push {
            amount,
            shift: shifts.moved(),
        }
    }

    #[cfg(test)]
    /// The exact bounds of a hidden cell.
    pub(crate) fn interval(&self, cell: usize) -> Interval {
        let up = self.push(cell, Direction::Up, UNBOUNDED).amount;
        let down = self.push(cell, Direction::Down, UNBOUNDED).amount;
        let value = self.values[cell];
        let high = (up < UNBOUNDED).then(|| value + up);
        Interval {
            low: value - down,
            high,
        }
    }

    /// The path of fewest hidden cells that brings a unit back from the head of a cell to its tail.
    fn shortest_path(
        &self,
        cell: usize,
        direction: Direction,
        shifts: &Shifts,
    ) -> Option<Vec<(usize, Direction)>> {
        let (tail, head) = self.ends(cell, direction);
        let mut came_by: Vec<Option<(usize, Direction)>> = vec![None; self.shape.n_places()];
        let mut waiting = VecDeque::from([head]);
        while let Some(place) = waiting.pop_front() {
            if place == tail {
                return Some(self.walk_back(&came_by, tail));
            }
            let others = self.hidden_at[place]
                .iter()
                .copied()
                .filter(|other| *other != cell);
            // A row and a column share one cell only, so no place is reached twice from here.
            let ways_on: Vec<(usize, Direction, usize)> = others
                .map(|through| (through, self.crossing(through, place)))
                .filter(|(_, (_, next))| *next != head && came_by[*next].is_none())
                .filter(|(through, (way, _))| self.room(*through, *way, shifts.at(*through)) > 0)
                .map(|(through, (way, next))| (through, way, next))
                .collect();
            for (through, way, next) in ways_on {
                came_by[next] = Some((through, way));
                waiting.push_back(next);
            }
        }
        None
    }

    /// Follows the crossings back from a place to where the search began.
    pub(crate) fn walk_back(
        &self,
        came_by: &[Option<(usize, Direction)>],
        from: usize,
    ) -> Vec<(usize, Direction)> {
        let mut path = Vec::new();
        let mut place = from;
        while let Some((through, way)) = came_by[place] {
            path.push((through, way));
            place = self.ends(through, way).0;
        }
        path
    }
}

/// By how much each cell of a second table differs, while it is being found.
#[derive(Debug, Clone)]
pub(crate) struct Shifts {
    /// The difference of every cell.
    of_cell: Vec<i64>,
    /// The cells ever moved.
    touched: Vec<usize>,
}

impl Shifts {
    /// Nothing moved yet.
    pub(crate) fn new(n_cells: usize) -> Self {
        Self {
            of_cell: vec![0; n_cells],
            touched: Vec::new(),
        }
    }

    /// The difference of a cell.
    pub(crate) fn at(&self, cell: usize) -> i64 {
        self.of_cell[cell]
    }

    /// Moves a cell.
    pub(crate) fn add(&mut self, cell: usize, direction: Direction, amount: u64) {
        let amount = i64::try_from(amount).unwrap_or(i64::MAX);
        self.touched.push(cell);
        self.of_cell[cell] = match direction {
            Direction::Up => self.of_cell[cell].saturating_add(amount),
            Direction::Down => self.of_cell[cell].saturating_sub(amount),
        };
    }

    /// The cells that differ in the end.
    pub(crate) fn moved(mut self) -> Shift {
        self.touched.sort_unstable();
        self.touched.dedup();
        let moved = self.touched.iter().map(|cell| (*cell, self.of_cell[*cell]));
        moved.filter(|(_, shift)| *shift != 0).collect()
    }
}

/// Small tables for the tests of this stage, and the slow way to know their bounds.
#[cfg(test)]
pub(crate) mod small {
    use super::super::grid::Primary;
    use super::*;
    use proptest::prelude::*;

    /// The Handbook's table: 3 × 2, the four cells of the first two rows hidden.
    pub(crate) fn geurts() -> (TwoWay, Vec<bool>) {
        let shape = Shape {
            n_rows: 3,
            n_columns: 2,
        };
        let table = TwoWay::from_body(shape, &[5, 2, 1, 2, 3, 3], |_, _| Primary::No).unwrap();
        let hidden = (0..shape.n_cells())
            .map(|cell| [0, 1, 3, 4].contains(&cell))
            .collect();
        (table, hidden)
    }

    /// Tables of up to 3 × 3 with small counts, and some cells to hide (never a zero).
    pub(crate) fn tables(largest: u64) -> impl Strategy<Value = (TwoWay, Vec<bool>)> {
        (1_usize..=3, 1_usize..=3)
            .prop_flat_map(move |(n_rows, n_columns)| {
                let shape = Shape { n_rows, n_columns };
                let body = prop::collection::vec(0..=largest, n_rows * n_columns);
                (
                    Just(shape),
                    body,
                    prop::collection::vec(any::<bool>(), shape.n_cells()),
                )
            })
            .prop_map(|(shape, body, wish)| {
                let table = TwoWay::from_body(shape, &body, |_, _| Primary::No).unwrap();
                let hidden = wish
                    .iter()
                    .zip(table.values())
                    .map(|(w, v)| *w && *v > 0)
                    .collect();
                (table, hidden)
            })
    }

    /// The same tables, in which some cells also have an upper bound, at most 3 above their count.
    pub(crate) fn capped_tables(largest: u64) -> impl Strategy<Value = (TwoWay, Vec<bool>)> {
        let slack = prop_oneof![2 => Just(None), 1 => (0_u64..4).prop_map(Some)];
        (tables(largest), prop::collection::vec(slack, 16)).prop_map(|((table, hidden), slack)| {
            let caps = table.values().iter().zip(slack);
            let caps = caps.map(|(value, slack)| slack.map_or(UNCAPPED, |slack| value + slack));
            let caps = caps.collect();
            (table.with_caps(caps).unwrap(), hidden)
        })
    }

    /// The bounds of every hidden cell by trying all bodies of counts up to `most`.
    ///
    /// A bound at `most` or more says only that the truth may lie higher.
    pub(crate) fn brute_force(
        table: &TwoWay,
        hidden: &[bool],
        most: u64,
    ) -> Vec<Option<(u64, u64)>> {
        let shape = table.shape();
        let mut bounds = vec![None; shape.n_cells()];
        let n_body = shape.n_rows * shape.n_columns;
        let cell_of = |at: usize| shape.cell(at / shape.n_columns, at % shape.n_columns);
        let choices: Vec<Vec<u64>> = (0..n_body)
            .map(|at| {
                if hidden[cell_of(at)] {
                    (1..=most).collect()
                } else {
                    vec![table.values()[cell_of(at)]]
                }
            })
            .collect();
        let mut turn = vec![0; n_body];
        loop {
            let body: Vec<u64> = turn.iter().zip(&choices).map(|(t, c)| c[*t]).collect();
            let tried = TwoWay::from_body(shape, &body, |_, _| Primary::No).unwrap();
            note(&mut bounds, table, hidden, tried.values());
            let Some(next) = (0..n_body).find(|at| turn[*at] + 1 < choices[*at].len()) else {
                break;
            };
            turn[next] += 1;
            turn[..next].fill(0);
        }
        bounds
    }

    /// How many cells that are not margins are hidden.
    pub(crate) fn n_hidden_in_body(table: &TwoWay, hidden: &[bool]) -> usize {
        let shape = table.shape();
        let is_body = |cell: &usize| {
            shape.row_of(*cell) < shape.n_rows && shape.column_of(*cell) < shape.n_columns
        };
        (0..hidden.len())
            .filter(is_body)
            .filter(|cell| hidden[*cell])
            .count()
    }

    /// Widens the bounds by one table if it agrees with all that is visible.
    fn note(bounds: &mut [Option<(u64, u64)>], table: &TwoWay, hidden: &[bool], tried: &[u64]) {
        let agrees = |cell: usize| {
            if hidden[cell] {
                tried[cell] > 0 && tried[cell] <= table.caps()[cell]
            } else {
                tried[cell] == table.values()[cell]
            }
        };
        if !(0..tried.len()).all(agrees) {
            return;
        }
        for (cell, bound) in bounds.iter_mut().enumerate() {
            let (low, high) = bound.unwrap_or((tried[cell], tried[cell]));
            *bound = Some((low.min(tried[cell]), high.max(tried[cell])));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_handbooks_example_gives_three_to_six() {
        // Handbook on Statistical Disclosure Control, example 3 (Geurts): X11 lies in [3, 6] when
        // hidden cells may be zero.
        let (table, hidden) = small::geurts();
        let network = Network::new(&table, &hidden, 0);
        assert_eq!(
            network.interval(0),
            Interval {
                low: 3,
                high: Some(6)
            }
        );
    }

    #[test]
    fn knowing_that_zeros_are_printed_narrows_the_handbooks_example() {
        let (table, hidden) = small::geurts();
        let network = Network::new(&table, &hidden, 1);
        assert_eq!(
            network.interval(0),
            Interval {
                low: 4,
                high: Some(5)
            }
        );
    }

    #[test]
    fn a_hidden_cell_alone_in_its_row_is_known() {
        let (table, mut hidden) = small::geurts();
        hidden[1] = false;
        let network = Network::new(&table, &hidden, 1);
        assert_eq!(
            network.interval(0),
            Interval {
                low: 5,
                high: Some(5)
            }
        );
    }

    #[test]
    fn with_the_grand_total_hidden_nothing_bounds_a_table_of_one_cell() {
        let shape = Shape {
            n_rows: 1,
            n_columns: 1,
        };
        let table = TwoWay::new(shape, vec![3; 4], vec![true; 4]).unwrap();
        let network = Network::new(&table, &[true; 4], 1);
        assert_eq!(network.interval(0), Interval { low: 1, high: None });
    }

    #[test]
    fn a_cell_shown_again_is_as_if_it_had_never_been_hidden() {
        let (table, hidden) = small::geurts();
        let mut network = Network::new(&table, &hidden, 1);
        let before = network.interval(0);
        network.hide(2);
        network.show(2);
        assert_eq!(network.interval(0), before);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn the_bounds_are_those_of_trying_every_table(
            (table, hidden) in small::capped_tables(2).prop_filter("few hidden", |(table, hidden)| {
                small::n_hidden_in_body(table, hidden) <= 4
            })
        ) {
            // Any bound is met by a table whose counts exceed the true ones, at most 2, by at most 5.
            let most = 7;
            let network = Network::new(&table, &hidden, 1);
            let slow = small::brute_force(&table, &hidden, most);
            for cell in (0..hidden.len()).filter(|cell| hidden[*cell]) {
                let found = network.interval(cell);
                let (low, high) = slow[cell].unwrap();
                prop_assert_eq!(found.low, low);
                match found.high {
                    Some(exact) if exact + 2 <= most => prop_assert_eq!(exact, high),
                    Some(exact) => prop_assert!(exact >= high),
                    None => prop_assert!(high >= most),
                }
            }
        }

        #[test]
        fn a_push_ends_in_a_table_that_adds_up_and_stays_above_the_floor(
            (table, hidden) in small::capped_tables(20)
        ) {
            let network = Network::new(&table, &hidden, 1);
            for cell in (0..hidden.len()).filter(|cell| hidden[*cell]) {
                let push = network.push(cell, Direction::Up, 7);
                let mut second = table.values().to_vec();
                for (moved, by) in push.shift {
                    prop_assert!(hidden[moved]);
                    second[moved] = second[moved].checked_add_signed(by).unwrap();
                    prop_assert!(second[moved] >= 1 && second[moved] <= table.caps()[moved]);
                }
                prop_assert_eq!(second[cell], table.values()[cell] + push.amount);
                prop_assert!(TwoWay::new(table.shape(), second, vec![false; hidden.len()]).is_ok());
            }
        }
    }
}
