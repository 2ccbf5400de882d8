//! Which further cells must be withheld to keep the first ones safe.
//!
//! Hiding a small cell alone hides nothing: its row gives it back. It is safe once there is a *circuit*
//! of hidden cells through it along which one unit more here is one unit less there, with room for
//! enough units:
//!
//! ```text
//!    +3   −3          hide the small cell (top left) and three others:
//!    −3   +3          rows and columns still add up with 3 moved round
//! ```
//!
//! For each cell that cannot yet move far enough, the cheapest circuit is sought (Cox 1980, J. Am.
//! Statist. Ass. 75:377; Castro 2006), hidden cells being free and others costing their weight; then
//! the heaviest of the cells so hidden are shown again wherever all remain safe. A cell's safety is kept
//! as a *proof*: two tables that fit everything visible and differ enough in that cell. In the end the
//! independent `audit` must agree, or the table is refused.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use super::audit::{AuditError, Published, audit};
use super::flow::{Direction, Network, Shift, Shifts};
use super::grid::{Interval, MUST_STAY_VISIBLE, Rule, TwoWay};

/// A table that may be printed: what to hide, and what is proved of each hidden cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Suppression {
    /// Whether each cell is hidden.
    pub(crate) hidden: Vec<bool>,
    /// How many cells had to be hidden for themselves.
    pub(crate) n_primary: usize,
    /// How many more are hidden to protect them.
    pub(crate) n_secondary: usize,
    /// For each hidden cell, two counts that both agree with everything printed.
    ///
    /// A reader's own interval is at least this wide; `audit::intervals` gives it exactly.
    pub(crate) proven: Vec<(usize, Interval)>,
}

/// A table that may not be printed in any form found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} cells cannot be withheld safely", cells.len())]
pub(crate) struct Refused {
    /// The cells concerned.
    pub(crate) cells: Vec<usize>,
    /// What is wrong with them.
    #[source]
    pub(crate) reason: Reason,
}

/// Why a table is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Reason {
    /// A cell to hide counts zero although zeros are printed.
    #[error("a count of zero is to be withheld while other zeros are published")]
    HiddenZero,
    /// A cell to hide must stay visible.
    #[error("a count to be withheld is shown by an earlier release")]
    AlreadyShown,
    /// Whatever is hidden beside it, a cell stays too closely known.
    #[error("no set of further withheld cells leaves enough doubt")]
    TooLittleDoubt,
    /// The independent audit does not agree that the table is safe.
    #[error("the audit of the published table found cells at risk")]
    Audit,
    /// The independent audit could not read the table.
    #[error("the published table could not be audited: {0}")]
    Unreadable(AuditError),
}

/// Hides what must be hidden, adds what protects it, and has the result audited.
///
/// A primary cell is safe when two tables that agree with everything visible differ in it by at least
/// the threshold; any other hidden cell when [`Rule::is_safe`]. Hiding nothing is a valid answer.
pub(crate) fn suppress(table: &TwoWay, rule: Rule) -> Result<Suppression, Refused> {
    let mut protector = Protector::new(table, rule)?;
    protector.protect()?;
    protector.clean_up();
    protector.audited()
}

/// Two tables that agree with everything visible.
#[derive(Debug, Clone, Default)]
struct Proof {
    /// How the lower one differs from the true table.
    low: Shift,
    /// How the higher one differs from the true table.
    high: Shift,
    /// Whether it also leans on the cell moving no further, which hiding more cells would end.
    is_fragile: bool,
}

/// The difference of a cell in a second table.
fn shift_of(shift: &Shift, cell: usize) -> i64 {
    shift
        .binary_search_by_key(&cell, |(moved, _)| *moved)
        .map_or(0, |at| shift[at].1)
}

impl Proof {
    /// Whether a cell moves in it.
    fn moves(&self, cell: usize) -> bool {
        shift_of(&self.low, cell) != 0 || shift_of(&self.high, cell) != 0
    }

    /// How far apart the two tables are in a cell.
    fn spread(&self, cell: usize) -> u64 {
        shift_of(&self.high, cell).abs_diff(shift_of(&self.low, cell))
    }
}

/// The state of the search.
#[derive(Debug)]
struct Protector<'a> {
    /// The true table.
    table: &'a TwoWay,
    /// When a cell is safe.
    rule: Rule,
    /// The cells hidden so far.
    network: Network<'a>,
    /// All proofs found.
    proofs: Vec<Proof>,
    /// Which of them holds for a hidden cell.
    proof_of: Vec<Option<usize>>,
}

impl<'a> Protector<'a> {
    /// Starts from the primary cells.
    fn new(table: &'a TwoWay, rule: Rule) -> Result<Self, Refused> {
        let network = Network::new(table, &table.hidden(), rule.floor());
        let primaries = || (0..table.values().len()).filter(|cell| table.primary()[*cell]);
        let zeros: Vec<usize> = primaries()
            .filter(|cell| !network.can_hide(*cell))
            .collect();
        let shown: Vec<usize> = primaries()
            .filter(|cell| table.weights()[*cell] == MUST_STAY_VISIBLE)
            .collect();
        for (cells, reason) in [(zeros, Reason::HiddenZero), (shown, Reason::AlreadyShown)] {
            if !cells.is_empty() {
                return Err(Refused { cells, reason });
            }
        }
        let proof_of = vec![None; table.values().len()];
        Ok(Self {
            table,
            rule,
            network,
            proofs: Vec::new(),
            proof_of,
        })
    }

    /// The hidden cells.
    fn hidden_cells(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.proof_of.len()).filter(|cell| self.network.hidden()[*cell])
    }

    /// Hides further cells until every hidden one has a proof; the largest counts go first.
    fn protect(&mut self) -> Result<(), Refused> {
        loop {
            let unproven = self
                .hidden_cells()
                .filter(|cell| self.proof_of[*cell].is_none());
            let largest = unproven.max_by_key(|cell| (self.table.values()[*cell], Reverse(*cell)));
            match largest {
                Some(cell) => self.secure(cell)?,
                None => return Ok(()),
            }
        }
    }

    /// Gives one hidden cell its proof, hiding others where needed.
    ///
    /// The first circuit asked for trusts that the cell can also fall along it as far as its floor
    /// allows; the next ones ask for what is really missing.
    fn secure(&mut self, cell: usize) -> Result<(), Refused> {
        if self.prove(cell) {
            return Ok(());
        }
        let threshold = self.rule.threshold();
        let fall = self.network.room(cell, Direction::Down, 0);
        let hopeful = threshold - fall.min(threshold - 1);
        let attempts = [
            (Direction::Up, Some(hopeful)),
            (Direction::Up, None),
            (Direction::Up, Some(threshold)),
            (Direction::Down, Some(fall.min(threshold))),
            (Direction::Up, None),
        ];
        // Where a cap stands in the way of all of these, it falls less far and rises the further.
        let shorter = (1..fall.min(threshold))
            .rev()
            .flat_map(|fall| [(Direction::Down, Some(fall)), (Direction::Up, None)]);
        for (direction, wanted) in attempts.into_iter().chain(shorter) {
            let wanted = wanted.unwrap_or_else(|| self.missing_rise(cell));
            if let Some(circuit) = self.cheapest_circuit(cell, direction, wanted) {
                self.hide(&circuit);
            }
            if self.prove(cell) {
                return Ok(());
            }
        }
        Err(Refused {
            cells: vec![cell],
            reason: Reason::TooLittleDoubt,
        })
    }

    /// How far a cell must rise, given how far it can now fall.
    fn missing_rise(&self, cell: usize) -> u64 {
        let threshold = self.rule.threshold();
        threshold - self.network.push(cell, Direction::Down, threshold).amount
    }

    /// Hides cells; whatever was safe only because nothing more was hidden must be proved again.
    fn hide(&mut self, cells: &BTreeSet<usize>) {
        for cell in cells {
            self.network.hide(*cell);
        }
        if !cells.is_empty() {
            for proof in &mut self.proof_of {
                *proof = proof.filter(|number| !self.proofs[*number].is_fragile);
            }
        }
    }

    /// Looks for a proof of a hidden cell among the cells hidden now.
    fn prove(&mut self, cell: usize) -> bool {
        let threshold = self.rule.threshold();
        let low = self.network.push(cell, Direction::Down, threshold);
        let high = self
            .network
            .push(cell, Direction::Up, threshold - low.amount);
        let value = self.table.values()[cell];
        let is_wide = low.amount + high.amount >= threshold;
        // Where the spread falls short, neither push was stopped early, so these bounds are exact.
        let exact = Interval {
            low: value - low.amount,
            high: Some(value + high.amount),
        };
        let is_primary = self.table.primary()[cell];
        let is_safe = is_wide || (!is_primary && self.rule.is_safe(exact));
        if is_safe {
            self.record(
                cell,
                Proof {
                    low: low.shift,
                    high: high.shift,
                    is_fragile: !is_wide,
                },
            );
        }
        is_safe
    }

    /// Keeps a proof, also for the other hidden cells that it happens to prove.
    fn record(&mut self, cell: usize, proof: Proof) {
        let number = self.proofs.len();
        for (moved, _) in proof.low.iter().chain(&proof.high) {
            if self.proof_of[*moved].is_none() && proof.spread(*moved) >= self.rule.threshold() {
                self.proof_of[*moved] = Some(number);
            }
        }
        self.proof_of[cell] = Some(number);
        self.proofs.push(proof);
    }

    /// The cells to hide so that a cell can move as far as wanted, at the least total weight found.
    ///
    /// One circuit wide enough for all of it is compared with several narrower ones.
    fn cheapest_circuit(
        &self,
        cell: usize,
        direction: Direction,
        wanted: u64,
    ) -> Option<BTreeSet<usize>> {
        let wide = self.circuits(cell, direction, (wanted, wanted));
        let narrow = self.circuits(cell, direction, (wanted, 1));
        let weight = |cells: &BTreeSet<usize>| {
            cells.iter().fold(0_u64, |sum, cell| {
                sum.saturating_add(self.table.weights()[*cell])
            })
        };
        [wide, narrow].into_iter().flatten().min_by_key(weight)
    }

    /// Adds cheapest circuits of at least the given width until enough can be moved.
    fn circuits(
        &self,
        cell: usize,
        direction: Direction,
        (wanted, width): (u64, u64),
    ) -> Option<BTreeSet<usize>> {
        if self.network.room(cell, direction, 0) < wanted {
            return None;
        }
        let mut search = Search::new(self, cell, width);
        let mut moved = 0;
        while moved < wanted {
            let path = search.cheapest_path(direction)?;
            let room = |(through, way): &(usize, Direction)| {
                self.network
                    .room(*through, *way, search.shifts.at(*through))
            };
            let step = path.iter().map(room).min()?.min(wanted - moved);
            search.take(&path, step);
            moved += step;
        }
        Some(search.chosen)
    }

    /// Shows secondary cells again, the heaviest first, wherever every hidden cell keeps a proof.
    fn clean_up(&mut self) {
        let from_the_start = self.table.hidden();
        let is_secondary = |cell: &usize| !from_the_start[*cell];
        let mut secondaries: Vec<usize> = self.hidden_cells().filter(is_secondary).collect();
        secondaries.sort_by_key(|cell| (Reverse(self.table.weights()[*cell]), *cell));
        for cell in secondaries {
            self.try_to_show(cell);
        }
    }

    /// Shows a cell if all cells whose proof moves it find another one.
    fn try_to_show(&mut self, cell: usize) {
        let leans = |other: &usize| {
            self.proof_of[*other].is_some_and(|number| self.proofs[number].moves(cell))
        };
        let leaning: Vec<usize> = self.hidden_cells().filter(leans).collect();
        let before = (self.proof_of.clone(), self.proofs.len());
        self.network.show(cell);
        for other in &leaning {
            self.proof_of[*other] = None;
        }
        self.proof_of[cell] = None;
        let may_be_shown = leaning
            .iter()
            .filter(|other| **other != cell)
            .all(|other| self.proof_of[*other].is_some() || self.prove(*other));
        if !may_be_shown {
            self.network.hide(cell);
            self.proofs.truncate(before.1);
            self.proof_of = before.0;
        }
    }

    /// Hands the result over if the independent audit finds nothing in it.
    fn audited(self) -> Result<Suppression, Refused> {
        let hidden = self.network.hidden().to_vec();
        let printed = self.table.values().iter().zip(&hidden);
        let cells: Vec<Option<u64>> = printed
            .map(|(value, is_hidden)| (!is_hidden).then_some(*value))
            .collect();
        let shape = self.network.shape();
        let published = Published {
            n_rows: shape.n_rows,
            n_columns: shape.n_columns,
            cells: &cells,
            caps: self.table.caps(),
        };
        let at_risk = audit(published, self.rule).map_err(|error| Refused {
            cells: Vec::new(),
            reason: Reason::Unreadable(error),
        })?;
        if !at_risk.is_empty() {
            let cells = at_risk.iter().map(|risk| risk.cell).collect();
            return Err(Refused {
                cells,
                reason: Reason::Audit,
            });
        }
        let n_primary = self
            .table
            .primary()
            .iter()
            .filter(|is_primary| **is_primary)
            .count();
        let n_secondary = self.hidden_cells().count() - n_primary;
        let proven = self
            .hidden_cells()
            .map(|cell| (cell, self.proven(cell)))
            .collect();
        Ok(Suppression {
            hidden,
            n_primary,
            n_secondary,
            proven,
        })
    }

    /// The counts of a cell in the two tables of its proof.
    fn proven(&self, cell: usize) -> Interval {
        let value = self.table.values()[cell];
        let counts = self.proof_of[cell].map_or((value, value), |number| {
            let proof = &self.proofs[number];
            let count = |shift| value.saturating_add_signed(shift_of(shift, cell));
            (count(&proof.low), count(&proof.high))
        });
        Interval {
            low: counts.0.min(counts.1),
            high: Some(counts.0.max(counts.1)),
        }
    }
}

/// A search for the cheapest circuits through one cell.
#[derive(Debug)]
struct Search<'a> {
    /// What is hidden, and what hiding more costs.
    protector: &'a Protector<'a>,
    /// The cell that is to move.
    cell: usize,
    /// The least room every cell of a circuit must have.
    width: u64,
    /// What earlier circuits have moved.
    shifts: Shifts,
    /// The cells earlier circuits hide, which are free from then on.
    chosen: BTreeSet<usize>,
}

/// What a path costs: weight hidden, and among equals the number of cells.
type Cost = (u64, u64);

impl<'a> Search<'a> {
    /// A search in which nothing has moved yet.
    fn new(protector: &'a Protector<'a>, cell: usize, width: u64) -> Self {
        let shifts = Shifts::new(protector.proof_of.len());
        Self {
            protector,
            cell,
            width,
            shifts,
            chosen: BTreeSet::new(),
        }
    }

    /// The cheapest way back from the head of the cell to its tail (Dijkstra 1959).
    fn cheapest_path(&self, direction: Direction) -> Option<Vec<(usize, Direction)>> {
        let network = &self.protector.network;
        let (tail, head) = network.ends(self.cell, direction);
        let n_places = network.shape().n_places();
        let mut cost_of: Vec<Cost> = vec![(u64::MAX, u64::MAX); n_places];
        let mut came_by = vec![None; n_places];
        cost_of[head] = (0, 0);
        let mut waiting: BinaryHeap<Reverse<(Cost, usize)>> =
            BinaryHeap::from([Reverse(((0, 0), head))]);
        while let Some(Reverse((cost, place))) = waiting.pop() {
            if place == tail {
                return Some(network.walk_back(&came_by, tail));
            }
            let is_stale = cost > cost_of[place];
            if is_stale {
                continue;
            }
            let total = |price: u64| (price.saturating_add(cost.0), cost.1 + 1);
            let cheaper: Vec<_> = self
                .ways_on(place)
                .filter(|(_, _, next, price)| total(*price) < cost_of[*next])
                .collect();
            for (through, way, next, price) in cheaper {
                cost_of[next] = total(price);
                came_by[next] = Some((through, way));
                waiting.push(Reverse((total(price), next)));
            }
        }
        None
    }

    /// Moves an amount along a path and lets its cells be free from now on.
    fn take(&mut self, path: &[(usize, Direction)], amount: u64) {
        for (through, way) in path {
            self.shifts.add(*through, *way, amount);
        }
        let hidden = self.protector.network.hidden();
        let newly_hidden = path
            .iter()
            .map(|(through, _)| *through)
            .filter(|cell| !hidden[*cell]);
        self.chosen.extend(newly_hidden);
    }

    /// The cells with room that lead on from a place: which, which way, where to, at what price.
    fn ways_on(&self, place: usize) -> impl Iterator<Item = (usize, Direction, usize, u64)> + '_ {
        let network = &self.protector.network;
        network.shape().cells_at(place).filter_map(move |through| {
            let price = self.price(through).filter(|_| through != self.cell)?;
            let (way, next) = network.crossing(through, place);
            let has_room = network.room(through, way, self.shifts.at(through)) >= self.width;
            has_room.then_some((through, way, next, price))
        })
    }

    /// What it costs to have a cell hidden; nothing where it must not be.
    fn price(&self, cell: usize) -> Option<u64> {
        let weight = self.protector.table.weights()[cell];
        if self.protector.network.hidden()[cell] || self.chosen.contains(&cell) {
            return Some(0);
        }
        (weight != MUST_STAY_VISIBLE && self.protector.network.can_hide(cell)).then_some(weight)
    }
}

#[cfg(test)]
mod tests {
    use super::super::audit::{Danger, intervals};
    use super::super::flow::small;
    use super::super::grid::{Primary, Shape, UNCAPPED, Zeros, rule};
    use super::*;
    use proptest::prelude::*;

    /// Counts below 10 are withheld and zeros are printed.
    const TEN: Rule = rule(10, Zeros::Published);

    /// A table whose cells from 1 to 9 are primary.
    fn table(shape: Shape, body: &[u64]) -> TwoWay {
        let small = |_: usize, count: u64| {
            if (1..10).contains(&count) {
                Primary::Yes
            } else {
                Primary::No
            }
        };
        TwoWay::from_body(shape, body, small).unwrap()
    }

    /// A large table with many small counts, the same every time.
    fn large(n_rows: usize, n_columns: usize, seed: u64) -> TwoWay {
        let mut state = seed;
        let body: Vec<u64> = (0..n_rows * n_columns)
            .map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                let draw = (state >> 33) % 100;
                if draw < 25 {
                    0
                } else if draw < 50 {
                    draw % 9 + 1
                } else {
                    draw
                }
            })
            .collect();
        table(Shape { n_rows, n_columns }, &body)
    }

    /// What is printed.
    fn masked(table: &TwoWay, hidden: &[bool]) -> Vec<Option<u64>> {
        table
            .values()
            .iter()
            .zip(hidden)
            .map(|(v, is_hidden)| (!is_hidden).then_some(*v))
            .collect()
    }

    /// The cells that the auditor finds at risk once these are hidden.
    fn at_risk(table: &TwoWay, hidden: &[bool], rule: Rule) -> Vec<usize> {
        let cells = masked(table, hidden);
        let Shape { n_rows, n_columns } = table.shape();
        let found = audit(
            Published {
                n_rows,
                n_columns,
                cells: &cells,
                caps: table.caps(),
            },
            rule,
        )
        .unwrap();
        found
            .iter()
            .filter(|risk| risk.danger != Danger::ShownSmall)
            .map(|risk| risk.cell)
            .collect()
    }

    #[test]
    fn a_table_without_small_counts_is_printed_whole() {
        let safe = suppress(
            &table(
                Shape {
                    n_rows: 2,
                    n_columns: 2,
                },
                &[10, 0, 30, 40],
            ),
            TEN,
        )
        .unwrap();
        assert_eq!((safe.n_primary, safe.n_secondary), (0, 0));
    }

    #[test]
    fn one_small_count_takes_three_others_with_it() {
        let table = table(
            Shape {
                n_rows: 3,
                n_columns: 3,
            },
            &[3, 90, 20, 80, 70, 60, 15, 50, 12],
        );
        let safe = suppress(&table, TEN).unwrap();
        let hidden: Vec<usize> = (0..16).filter(|cell| safe.hidden[*cell]).collect();
        // The cheapest rectangle through the small count: 3, 20, 15, 12.
        assert_eq!(hidden, vec![0, 2, 8, 10]);
        assert_eq!((safe.n_primary, safe.n_secondary), (1, 3));
        assert_eq!(
            safe.proven[0],
            (
                0,
                Interval {
                    low: 1,
                    high: Some(11)
                }
            )
        );
    }

    #[test]
    fn a_small_count_that_is_its_whole_row_takes_the_row_total_with_it() {
        let table = table(
            Shape {
                n_rows: 2,
                n_columns: 2,
            },
            &[4, 0, 30, 40],
        );
        let safe = suppress(&table, TEN).unwrap();
        assert!(safe.hidden[0] && safe.hidden[2]);
        assert!(at_risk(&table, &safe.hidden, TEN).is_empty());
    }

    #[test]
    fn a_table_of_one_person_hides_its_grand_total_too() {
        let table = table(
            Shape {
                n_rows: 2,
                n_columns: 2,
            },
            &[1, 0, 0, 0],
        );
        let safe = suppress(&table, TEN).unwrap();
        assert_eq!(
            safe.hidden.iter().filter(|is_hidden| **is_hidden).count(),
            4
        );
    }

    #[test]
    fn the_published_four_by_four_is_repaired_by_its_cheapest_cell() {
        // The example of sdcTable: with the primaries alone w/b is exact, and hiding x/d repairs it.
        let body = [
            30, 47, 64, 89, 90, 124, 5, 31, 92, 100, 59, 85, 800, 991, 651, 685,
        ];
        let primary = ["wa", "wb", "wc", "xa", "xc", "yb", "yd", "zb", "zd"];
        let name = |cell: usize| {
            format!(
                "{}{}",
                &"wxyzT"[cell / 5..=cell / 5],
                &"abcdT"[cell % 5..=cell % 5]
            )
        };
        let is_primary = |cell: usize, _: u64| {
            if primary.contains(&name(cell).as_str()) {
                Primary::Yes
            } else {
                Primary::No
            }
        };
        let table = TwoWay::from_body(
            Shape {
                n_rows: 4,
                n_columns: 4,
            },
            &body,
            is_primary,
        )
        .unwrap();
        let rule = rule(1, Zeros::Hidden);
        assert_eq!(
            at_risk(&table, table.primary(), rule)
                .into_iter()
                .map(name)
                .collect::<Vec<_>>(),
            ["wb"]
        );
        let safe = suppress(&table, rule).unwrap();
        let secondary = (0..25).filter(|cell| safe.hidden[*cell] && !table.primary()[*cell]);
        assert_eq!(secondary.map(name).collect::<Vec<_>>(), ["xd"]);
    }

    #[test]
    fn a_zero_to_be_withheld_while_zeros_are_printed_is_refused() {
        let shape = Shape {
            n_rows: 1,
            n_columns: 2,
        };
        let first = |cell: usize, _: u64| if cell == 0 { Primary::Yes } else { Primary::No };
        let table = TwoWay::from_body(shape, &[0, 20], first).unwrap();
        assert_eq!(
            suppress(&table, TEN),
            Err(Refused {
                cells: vec![0],
                reason: Reason::HiddenZero
            })
        );
    }

    #[test]
    fn a_small_count_whose_neighbors_must_all_stay_visible_is_refused() {
        let shape = Shape {
            n_rows: 2,
            n_columns: 2,
        };
        let mut weights = vec![MUST_STAY_VISIBLE; 9];
        weights[0] = 1;
        let table = table(shape, &[3, 20, 30, 40])
            .with_weights(weights)
            .unwrap();
        let refused = suppress(&table, TEN).unwrap_err();
        assert_eq!(
            refused,
            Refused {
                cells: vec![0],
                reason: Reason::TooLittleDoubt
            }
        );
    }

    #[test]
    fn a_cell_that_its_cap_fixes_never_becomes_a_secondary() {
        let shape = Shape {
            n_rows: 3,
            n_columns: 3,
        };
        // Nobody asked in the middle of the last column, so nobody can be unmet there.
        let table = table(shape, &[3, 90, 20, 15, 70, 0, 80, 50, 60]);
        let mut caps = vec![UNCAPPED; 16];
        caps[6] = 0;
        let free = suppress(&table, rule(10, Zeros::Hidden)).unwrap();
        assert!(free.hidden[6]);
        let capped = table.with_caps(caps).unwrap();
        let safe = suppress(&capped, rule(10, Zeros::Hidden)).unwrap();
        assert!(!safe.hidden[6]);
    }

    #[test]
    fn caps_that_confine_a_small_count_hide_more() {
        let shape = Shape {
            n_rows: 3,
            n_columns: 2,
        };
        let plain = table(shape, &[4, 7, 12, 40, 30, 30]);
        let caps = vec![11, 11, 22, 76, 43, 119, 80, 80, 160, 167, 134, 301];
        let rule = rule(10, Zeros::Hidden);
        let hidden: Vec<bool> = (0..12).map(|cell| [0, 1, 3, 4].contains(&cell)).collect();
        assert!(at_risk(&plain, &hidden, rule).is_empty());
        let capped = plain.with_caps(caps).unwrap();
        assert_eq!(at_risk(&capped, &hidden, rule), vec![0, 1, 3]);
        let safe = suppress(&capped, rule).unwrap();
        assert!(safe.n_primary + safe.n_secondary > 4);
        assert!(at_risk(&capped, &safe.hidden, rule).is_empty());
    }

    #[test]
    fn what_another_table_hides_stays_hidden() {
        let shape = Shape {
            n_rows: 2,
            n_columns: 2,
        };
        let hidden = [true, true, false, true, true, false, false, false, false];
        let table = table(shape, &[20, 30, 40, 50]).with_hidden(&hidden);
        assert_eq!(suppress(&table, TEN).unwrap().hidden, hidden);
    }

    #[test]
    fn a_small_count_nobody_marked_is_caught_at_the_gate() {
        let shape = Shape {
            n_rows: 1,
            n_columns: 2,
        };
        let table = TwoWay::from_body(shape, &[3, 20], |_, _| Primary::No).unwrap();
        let refused = suppress(&table, TEN).unwrap_err();
        assert_eq!(
            refused,
            Refused {
                cells: vec![0, 3],
                reason: Reason::Audit
            }
        );
    }

    #[test]
    fn the_same_table_is_protected_the_same_way_twice() {
        let table = large(15, 20, 7);
        assert_eq!(suppress(&table, TEN), suppress(&table, TEN));
    }

    #[test]
    fn every_secondary_cell_is_needed_and_showing_it_is_caught() {
        for seed in 0..4 {
            let table = large(8, 7, seed);
            let safe = suppress(&table, TEN).unwrap();
            assert!(safe.n_secondary > 0);
            for cell in (0..72).filter(|cell| safe.hidden[*cell] && !table.primary()[*cell]) {
                let mut mutated = safe.hidden.clone();
                mutated[cell] = false;
                assert!(
                    !at_risk(&table, &mutated, TEN).is_empty(),
                    "seed {seed}, cell {cell}"
                );
            }
        }
    }

    #[test]
    fn sixteen_quarters_of_fifteen_districts_and_twenty_needs_are_protected() {
        for quarter in 0..16 {
            let table = large(15, 20, quarter);
            let safe = suppress(&table, TEN).unwrap();
            assert!(at_risk(&table, &safe.hidden, TEN).is_empty());
        }
    }

    #[test]
    fn a_hundred_districts_and_forty_needs_are_protected() {
        let safe = suppress(&large(100, 40, 1), TEN).unwrap();
        assert!(safe.n_primary > 900);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn what_is_protected_survives_the_audit(
            (n_rows, n_columns) in (1_usize..6, 1_usize..6),
            counts in prop::collection::vec(prop_oneof![Just(0_u64), 1_u64..12, 10_u64..60], 25),
        ) {
            let table = table(Shape { n_rows, n_columns }, &counts[..n_rows * n_columns]);
            let safe = suppress(&table, TEN).unwrap();
            for cell in 0..table.values().len() {
                prop_assert!(!table.primary()[cell] || safe.hidden[cell]);
                prop_assert!(table.values()[cell] > 0 || !safe.hidden[cell]);
            }
            prop_assert!(at_risk(&table, &safe.hidden, TEN).is_empty());
            let cells = masked(&table, &safe.hidden);
            let exact = intervals(Published { n_rows, n_columns, cells: &cells, caps: &[] }, TEN).unwrap();
            for ((cell, exact), (_, proven)) in exact.iter().zip(&safe.proven) {
                prop_assert!(exact.low <= proven.low);
                prop_assert!(exact.high.is_none_or(|high| Some(high) >= proven.high));
                let is_wide = exact.high.is_none_or(|high| high - exact.low >= 10);
                prop_assert!(is_wide || !table.primary()[*cell]);
            }
        }

        #[test]
        fn any_cells_chosen_as_primary_are_protected((table, hidden) in small::tables(40)) {
            let table = TwoWay::new(table.shape(), table.values().to_vec(), hidden).unwrap();
            let rule = rule(3, Zeros::Published);
            match suppress(&table, rule) {
                Ok(safe) => prop_assert!(at_risk(&table, &safe.hidden, rule).is_empty()),
                Err(refused) => prop_assert_eq!(refused.reason, Reason::Audit),
            }
        }

        #[test]
        fn what_is_protected_under_caps_survives_the_audit(
            (n_rows, n_columns) in (1_usize..5, 1_usize..5),
            counts in prop::collection::vec(prop_oneof![Just(0_u64), 1_u64..12, 10_u64..60], 16),
            rests in prop::collection::vec(prop_oneof![Just(0_u64), 1_u64..40], 16),
        ) {
            let shape = Shape { n_rows, n_columns };
            let (counts, rests) = (&counts[..n_rows * n_columns], &rests[..n_rows * n_columns]);
            let whole: Vec<u64> = counts.iter().zip(rests).map(|(part, rest)| part + rest).collect();
            let caps = table(shape, &whole).values().iter().map(|whole| (*whole).max(10)).collect();
            let table = table(shape, counts).with_caps(caps).unwrap();
            let rule = rule(10, Zeros::Hidden);
            match suppress(&table, rule) {
                Ok(safe) => prop_assert!(at_risk(&table, &safe.hidden, rule).is_empty()),
                Err(refused) => prop_assert_ne!(refused.reason, Reason::Audit),
            }
        }
    }
}
