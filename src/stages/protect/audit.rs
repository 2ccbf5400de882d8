//! The gate: what a reader can work out from a published table alone.
//!
//! This is the attacker, not the protector. It is handed what is printed, numbers and flags, never the
//! true counts, and shares no algorithm with `flow` or `suppress`. First it finds
//! *some* table that fits everything printed (a circulation with lower bounds), then it pushes every
//! hidden cell up and down from there along level graphs (Dinic 1970). A hidden
//! cell is at risk when it is known exactly, or when it may be small and is known too closely (see
//! `Rule`).

use std::collections::VecDeque;

use super::grid::{Interval, Rule, UNCAPPED};

/// A table as printed: row by row, the total column and the total row last, nothing where it is hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Published<'a> {
    /// Rows without the total row.
    pub(crate) n_rows: usize,
    /// Columns without the total column.
    pub(crate) n_columns: usize,
    /// The printed cells.
    pub(crate) cells: &'a [Option<u64>],
    /// The largest count each cell can have, from elsewhere; a cell past the end has no such bound.
    pub(crate) caps: &'a [u64],
}

impl Published<'_> {
    /// The largest count a cell can have.
    fn cap(&self, cell: usize) -> u64 {
        self.caps.get(cell).copied().unwrap_or(UNCAPPED)
    }
}

/// A cell that must not be printed like this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AtRisk {
    /// The cell, counted row by row with the margins.
    pub(crate) cell: usize,
    /// What a reader knows of it.
    pub(crate) interval: Interval,
    /// What is wrong with that.
    pub(crate) danger: Danger,
}

/// What is wrong with what a reader knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Danger {
    /// A small count is simply printed.
    ShownSmall,
    /// A hidden count can be computed.
    Exact,
    /// A hidden count that may be small can be pinned down too closely.
    TooNarrow,
}

/// Why a printed table cannot be audited.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AuditError {
    /// The number of cells is not that of the table.
    #[error("published table has {found} cells where {wanted} are needed")]
    Length {
        /// How many cells were given.
        found: usize,
        /// How many the table has.
        wanted: usize,
    },
    /// No table of whole counts fits what is printed.
    #[error("no table of counts agrees with the published numbers and flags")]
    Contradiction,
}

/// Lists the cells at risk, in order; an empty list means that the table may be printed.
pub(crate) fn audit(published: Published<'_>, rule: Rule) -> Result<Vec<AtRisk>, AuditError> {
    let mut attacker = Attacker::new(published, rule)?;
    let mut at_risk = shown_small(published, rule);
    for pipe in 0..attacker.cells.len() {
        let Some(interval) = attacker.narrow_interval(pipe, rule.threshold()) else {
            continue;
        };
        if !rule.is_safe(interval) {
            let is_exact = interval.high == Some(interval.low);
            let danger = if is_exact {
                Danger::Exact
            } else {
                Danger::TooNarrow
            };
            at_risk.push(AtRisk {
                cell: attacker.cells[pipe],
                interval,
                danger,
            });
        }
    }
    at_risk.sort_by_key(|risk| risk.cell);
    Ok(at_risk)
}

/// The exact interval of every hidden cell, in order of cells.
pub(crate) fn intervals(
    published: Published<'_>,
    rule: Rule,
) -> Result<Vec<(usize, Interval)>, AuditError> {
    let mut attacker = Attacker::new(published, rule)?;
    let n_pipes = attacker.cells.len();
    Ok((0..n_pipes)
        .map(|pipe| (attacker.cells[pipe], attacker.interval(pipe)))
        .collect())
}

/// The small counts that are printed.
fn shown_small(published: Published<'_>, rule: Rule) -> Vec<AtRisk> {
    let shown = published
        .cells
        .iter()
        .enumerate()
        .filter_map(|(cell, shown)| Some((cell, (*shown)?)));
    shown
        .filter(|(_, count)| *count > 0 && *count < rule.threshold())
        .map(|(cell, count)| AtRisk {
            cell,
            interval: Interval {
                low: count,
                high: Some(count),
            },
            danger: Danger::ShownSmall,
        })
        .collect()
}

/// No limit.
const ENDLESS: u64 = u64::MAX / 4;

/// What went through between two places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sent {
    /// How much, along ways that have a limit.
    amount: u64,
    /// Whether a way without any limit was left in the end.
    is_endless: bool,
}

/// A reader with a table in mind that fits everything printed.
///
/// Hidden cell number `i` is the arc `2i`, along which it can grow to its cap or without limit, and the
/// arc `2i + 1`, the way back, along which it can shrink to its floor. After the cells come the arcs that were used
/// to find the first table, all closed.
#[derive(Debug)]
struct Attacker {
    /// The hidden cells.
    cells: Vec<usize>,
    /// The least a hidden cell can be.
    floor: u64,
    /// Where each arc leads.
    heads: Vec<usize>,
    /// What each arc can still carry.
    rooms: Vec<u64>,
    /// The arcs that leave each place.
    leaving: Vec<Vec<usize>>,
}

impl Attacker {
    /// Finds a first table.
    fn new(published: Published<'_>, rule: Rule) -> Result<Self, AuditError> {
        let Published {
            n_rows,
            n_columns,
            cells,
            ..
        } = published;
        let (height, width) = (n_rows + 1, n_columns + 1);
        if cells.len() != height * width {
            return Err(AuditError::Length {
                found: cells.len(),
                wanted: height * width,
            });
        }
        let n_places = height + width;
        let leaving = vec![Vec::new(); n_places + 2];
        let (heads, rooms) = (Vec::new(), Vec::new());
        let mut attacker = Self {
            cells: Vec::new(),
            floor: rule.floor(),
            heads,
            rooms,
            leaving,
        };
        let mut surplus = vec![0_i128; n_places];
        for (cell, shown) in cells.iter().enumerate() {
            let (row, column) = (cell / width, cell % width);
            let is_margin = (row == n_rows) != (column == n_columns);
            let (tail, head) = if is_margin {
                (height + column, row)
            } else {
                (row, height + column)
            };
            let least = shown.unwrap_or(attacker.floor);
            if published.cap(cell) < least {
                return Err(AuditError::Contradiction);
            }
            surplus[head] += i128::from(least);
            surplus[tail] -= i128::from(least);
            if shown.is_none() {
                attacker.cells.push(cell);
                attacker.connect(tail, head, (published.cap(cell) - least).min(ENDLESS));
            }
        }
        attacker.settle(&surplus)?;
        Ok(attacker)
    }

    /// Adds an arc and its way back.
    fn connect(&mut self, tail: usize, head: usize, room: u64) {
        for (from, to, room) in [(tail, head, room), (head, tail, 0)] {
            self.leaving[from].push(self.heads.len());
            self.heads.push(to);
            self.rooms.push(room);
        }
    }

    /// Sends what arrives too much at some places to those where it is missing, or finds no table.
    fn settle(&mut self, surplus: &[i128]) -> Result<(), AuditError> {
        let (source, sink) = (surplus.len(), surplus.len() + 1);
        let first = self.heads.len();
        let mut missing = 0;
        for (place, surplus) in surplus.iter().enumerate() {
            let amount = u64::try_from(surplus.unsigned_abs()).unwrap_or(ENDLESS);
            if *surplus > 0 {
                self.connect(source, place, amount);
                missing += amount;
            } else if *surplus < 0 {
                self.connect(place, sink, amount);
            }
        }
        let sent = self.send(source, sink, missing);
        self.rooms[first..].fill(0);
        if sent.amount == missing {
            Ok(())
        } else {
            Err(AuditError::Contradiction)
        }
    }

    /// The exact interval of a hidden cell.
    fn interval(&mut self, pipe: usize) -> Interval {
        let raised = self.raise(pipe, ENDLESS);
        let high = (!raised.is_endless).then(|| self.count(pipe));
        self.lower(pipe, ENDLESS);
        Interval {
            low: self.count(pipe),
            high,
        }
    }

    /// The exact interval of a hidden cell, or nothing once it is seen to be at least `width` wide.
    fn narrow_interval(&mut self, pipe: usize, width: u64) -> Option<Interval> {
        if self.raise(pipe, width).amount >= width {
            return None;
        }
        let high = Some(self.count(pipe));
        let lowered = self.lower(pipe, width);
        (lowered < width).then(|| Interval {
            low: self.count(pipe),
            high,
        })
    }

    /// The count of a hidden cell in the table in mind.
    fn count(&self, pipe: usize) -> u64 {
        self.floor + self.rooms[2 * pipe + 1]
    }

    /// Changes the table in mind to one where a cell is larger, and says by how much.
    fn raise(&mut self, pipe: usize, wanted: u64) -> Sent {
        let (grow, shrink) = (2 * pipe, 2 * pipe + 1);
        let (tail, head) = (self.heads[shrink], self.heads[grow]);
        let room = std::mem::replace(&mut self.rooms[shrink], 0);
        let above = std::mem::replace(&mut self.rooms[grow], 0);
        let raised = self.send(head, tail, wanted.min(above));
        self.rooms[grow] = above;
        self.rooms[shrink] = room;
        self.carry(grow, raised.amount);
        raised
    }

    /// Changes the table in mind to one where a cell is smaller, and says by how much.
    fn lower(&mut self, pipe: usize, wanted: u64) -> u64 {
        let (grow, shrink) = (2 * pipe, 2 * pipe + 1);
        let (tail, head) = (self.heads[shrink], self.heads[grow]);
        let room = std::mem::replace(&mut self.rooms[shrink], 0);
        let above = std::mem::replace(&mut self.rooms[grow], 0);
        let lowered = self.send(tail, head, wanted.min(room)).amount;
        self.rooms[grow] = above;
        self.rooms[shrink] = room;
        self.carry(shrink, lowered);
        lowered
    }

    /// Sends up to `wanted` from one place to another; with `ENDLESS`, stops once no limit is met.
    fn send(&mut self, from: usize, to: usize, wanted: u64) -> Sent {
        let mut amount = 0;
        loop {
            let left = if wanted == ENDLESS {
                ENDLESS
            } else {
                wanted - amount
            };
            let sent = self.send_along_levels((from, to), left);
            amount += sent.amount;
            if sent.is_endless || sent.amount == 0 {
                return Sent {
                    amount,
                    is_endless: sent.is_endless,
                };
            }
        }
    }

    /// Sends along paths of rising levels until no such path has room left.
    fn send_along_levels(&mut self, ends: (usize, usize), wanted: u64) -> Sent {
        let levels = self.levels(ends.0);
        let mut turns = vec![0; self.leaving.len()];
        let mut amount = 0;
        loop {
            let left = if wanted == ENDLESS {
                ENDLESS
            } else {
                wanted - amount
            };
            match self.advance(ends, left, &levels, &mut turns) {
                0 => {
                    return Sent {
                        amount,
                        is_endless: false,
                    };
                }
                ENDLESS => {
                    return Sent {
                        amount,
                        is_endless: true,
                    };
                }
                step => amount += step,
            }
        }
    }

    /// How many arcs with room each place lies from the first one; a place out of reach is endlessly far.
    fn levels(&self, from: usize) -> Vec<usize> {
        let mut levels = vec![usize::MAX; self.leaving.len()];
        levels[from] = 0;
        let mut waiting = VecDeque::from([from]);
        while let Some(place) = waiting.pop_front() {
            let open = self.leaving[place]
                .iter()
                .filter(|arc| self.rooms[**arc] > 0);
            let heads = open.map(|arc| self.heads[*arc]);
            let new: Vec<usize> = heads.filter(|next| levels[*next] == usize::MAX).collect();
            for next in new {
                levels[next] = levels[place] + 1;
                waiting.push_back(next);
            }
        }
        levels
    }

    /// Sends once along a path of rising levels and says how much; `turns` remembers dead ends.
    fn advance(
        &mut self,
        (place, to): (usize, usize),
        wanted: u64,
        levels: &[usize],
        turns: &mut [usize],
    ) -> u64 {
        if place == to {
            return wanted;
        }
        while let Some(arc) = self.leaving[place].get(turns[place]).copied() {
            let (next, room) = (self.heads[arc], self.rooms[arc]);
            let leads_on = room > 0 && levels[next] == levels[place] + 1;
            let limit = if leads_on { wanted.min(room) } else { 0 };
            let sent = if limit > 0 {
                self.advance((next, to), limit, levels, turns)
            } else {
                0
            };
            if sent > 0 {
                self.carry(arc, sent);
                return sent;
            }
            turns[place] += 1;
        }
        0
    }

    /// Uses an arc; one without limit stays so, and an endless amount leaves no trace.
    fn carry(&mut self, arc: usize, amount: u64) {
        let back = arc ^ 1;
        if amount < ENDLESS && self.rooms[arc] < ENDLESS {
            self.rooms[arc] -= amount;
        }
        if amount < ENDLESS && self.rooms[back] < ENDLESS {
            self.rooms[back] += amount;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::flow::{Network, small};
    use super::super::grid::{TwoWay, Zeros, rule};
    use super::*;
    use proptest::prelude::*;

    /// What is printed of a table.
    fn masked(table: &TwoWay, hidden: &[bool]) -> Vec<Option<u64>> {
        table
            .values()
            .iter()
            .zip(hidden)
            .map(|(v, is_hidden)| (!is_hidden).then_some(*v))
            .collect()
    }

    /// The printed cells with the shape of their table.
    fn published<'a>(table: &'a TwoWay, cells: &'a [Option<u64>]) -> Published<'a> {
        Published {
            n_rows: table.shape().n_rows,
            n_columns: table.shape().n_columns,
            cells,
            caps: table.caps(),
        }
    }

    #[test]
    fn the_handbooks_example_gives_three_to_six_without_the_truth() {
        let (table, hidden) = small::geurts();
        let cells = masked(&table, &hidden);
        let rule = rule(3, Zeros::Hidden);
        let found = intervals(published(&table, &cells), rule).unwrap();
        assert_eq!(
            found[0],
            (
                0,
                Interval {
                    low: 3,
                    high: Some(6)
                }
            )
        );
    }

    #[test]
    fn a_cell_hidden_alone_is_found_out() {
        let (table, _) = small::geurts();
        let hidden: Vec<bool> = (0..12).map(|cell| cell == 0).collect();
        let cells = masked(&table, &hidden);
        let rule = rule(2, Zeros::Published);
        let found = audit(published(&table, &cells), rule).unwrap();
        assert!(
            found
                .iter()
                .any(|risk| risk.cell == 0 && risk.danger == Danger::Exact)
        );
    }

    #[test]
    fn a_small_count_that_is_printed_is_found() {
        let (table, _) = small::geurts();
        let cells = masked(&table, &[false; 12]);
        let rule = rule(3, Zeros::Published);
        let found = audit(published(&table, &cells), rule).unwrap();
        let dangers: Vec<_> = found.iter().map(|risk| (risk.cell, risk.danger)).collect();
        assert_eq!(
            dangers,
            [1, 3, 4].map(|cell| (cell, Danger::ShownSmall)).to_vec()
        );
    }

    #[test]
    fn numbers_that_cannot_all_be_true_are_refused() {
        let (table, hidden) = small::geurts();
        let mut cells = masked(&table, &hidden);
        cells[2] = Some(8);
        let rule = rule(3, Zeros::Published);
        assert_eq!(
            audit(published(&table, &cells), rule),
            Err(AuditError::Contradiction)
        );
    }

    #[test]
    fn a_flag_where_only_zero_fits_is_refused_when_zeros_are_printed() {
        let cells = [None, Some(0), Some(4), Some(4)];
        let table = Published {
            n_rows: 1,
            n_columns: 1,
            cells: &cells,
            caps: &[],
        };
        let rule = rule(3, Zeros::Published);
        assert_eq!(audit(table, rule), Err(AuditError::Contradiction));
    }

    #[test]
    fn a_part_is_no_larger_than_its_whole_and_narrows_its_neighbors() {
        // Unmet requests of two districts (the second with 76 requests of the first need and 43 of
        // the second) and two needs, all four withheld: 4, 7; 12, 40. By itself the table leaves
        // enough doubt; that nobody can be unmet without having asked confines the first column.
        let cells = [
            None,
            None,
            Some(11),
            None,
            None,
            Some(52),
            Some(16),
            Some(47),
            Some(63),
        ];
        let table = |caps| Published {
            n_rows: 2,
            n_columns: 2,
            cells: &cells,
            caps,
        };
        let rule = rule(10, Zeros::Hidden);
        assert_eq!(audit(table(&[]), rule), Ok(Vec::new()));
        let caps = [11, 11, 22, 76, 43, 119, 87, 54, 141];
        let found = audit(table(&caps), rule).unwrap();
        let between = |cell| {
            let risk = found.iter().find(|risk| risk.cell == cell).unwrap();
            (risk.interval.low, risk.interval.high)
        };
        assert_eq!((between(0), between(3)), ((0, Some(7)), (9, Some(16))));
    }

    #[test]
    fn a_printed_part_above_its_whole_is_refused() {
        let table = Published {
            n_rows: 1,
            n_columns: 1,
            cells: &[Some(12); 4],
            caps: &[11; 4],
        };
        let rule = rule(3, Zeros::Published);
        assert_eq!(audit(table, rule), Err(AuditError::Contradiction));
    }

    #[test]
    fn a_table_with_a_missing_cell_is_refused() {
        let table = Published {
            n_rows: 1,
            n_columns: 1,
            cells: &[Some(1); 3],
            caps: &[],
        };
        let rule = rule(3, Zeros::Published);
        assert_eq!(
            audit(table, rule),
            Err(AuditError::Length {
                found: 3,
                wanted: 4
            })
        );
    }

    #[test]
    fn a_table_of_which_nothing_is_printed_bounds_nothing() {
        let table = Published {
            n_rows: 2,
            n_columns: 2,
            cells: &[None; 9],
            caps: &[],
        };
        let rule = rule(10, Zeros::Published);
        let found = intervals(table, rule).unwrap();
        let lows: Vec<u64> = found.iter().map(|(_, interval)| interval.low).collect();
        assert_eq!(lows, vec![1, 1, 2, 1, 1, 2, 2, 2, 4]);
        assert!(found.iter().all(|(_, interval)| interval.high.is_none()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn attacker_and_protector_agree_on_every_interval((table, hidden) in small::capped_tables(25)) {
            let rule = rule(10, Zeros::Published);
            let cells = masked(&table, &hidden);
            let network = Network::new(&table, &hidden, rule.floor());
            let mut unsafe_cells = Vec::new();
            for (cell, interval) in intervals(published(&table, &cells), rule).unwrap() {
                prop_assert_eq!(interval, network.interval(cell));
                if !rule.is_safe(interval) {
                    unsafe_cells.push((cell, interval));
                }
            }
            let listed: Vec<_> = audit(published(&table, &cells), rule)
                .unwrap()
                .into_iter()
                .filter(|risk| risk.danger != Danger::ShownSmall)
                .map(|risk| (risk.cell, risk.interval))
                .collect();
            prop_assert_eq!(listed, unsafe_cells);
        }
    }
}
