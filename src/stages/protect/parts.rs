//! Parts and their wholes: who reads both tables reads a third, the rest of the whole.
//!
//! A part is never larger than its whole, so every cell of the part has an upper bound: the whole's
//! count where it is published, and else the most that a reader of the whole thinks possible. The rest
//! (whole less part) can be computed wherever both are published, margins included, and is held to the
//! same rule as a table of its own.

use super::audit::AuditError;
use super::data_set::Cell;
use super::grid::{GridError, MUST_STAY_VISIBLE, Primary, Rule, TwoWay, UNCAPPED, Zeros};
use super::protected::{Protected, Status, TOTAL};
use super::suppress::{Refused, Suppression, suppress};
use crate::spec::release::{ProtectPolicy, ZeroPolicy};
use crate::stats::real;

/// The whole a cell is a part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Whole {
    /// Its count.
    pub(super) value: u64,
    /// What became of it.
    pub(super) status: Status,
    /// The largest count that a reader of the whole thinks possible.
    pub(super) high: u64,
}

/// The whole of every cell of a part in one period, by the codes of its rows and columns.
pub(super) fn wholes(
    (rows, columns): (&[String], &[String]),
    period: &str,
    whole: &Protected,
) -> Result<Vec<Whole>, AuditError> {
    let highs = whole.highs(period)?;
    let codes = |codes: &[String]| {
        let codes = codes.iter().cloned();
        codes.chain([TOTAL.to_owned()]).collect::<Vec<_>>()
    };
    let (rows, columns) = (codes(rows), codes(columns));
    let pairs = rows
        .iter()
        .flat_map(|row| columns.iter().map(move |column| (row, column)));
    let of = |(row, column): (&String, &String)| {
        let found = whole.look_up(period, row, column);
        let high = whole.cell(row, column).and_then(|cell| highs.get(cell));
        let (value, status) = found.unwrap_or((0, Status::NotCovered));
        Whole {
            value,
            status,
            high: high.copied().unwrap_or(value),
        }
    };
    Ok(pairs.map(of).collect())
}

/// Whether a part says too much of its whole.
pub(super) fn must_hide_part(policy: &ProtectPolicy, cell: &Cell, whole: Whole) -> Primary {
    if whole.value == 0 {
        return Primary::No;
    }
    let share = real(cell.value) / real(whole.value);
    let rest = whole.value.saturating_sub(cell.value);
    let is_rest_small = rest > 0 && (rest < policy.k_persons || cell.n_rest < policy.k_persons);
    let is_zero_told = cell.value == 0 && policy.zeros == ZeroPolicy::Protect;
    let is_whole_hidden = whole.status == Status::Suppressed;
    if is_whole_hidden || is_zero_told || is_rest_small || share >= policy.group_max_share {
        Primary::Yes
    } else {
        Primary::No
    }
}

/// The table of what the part leaves of its whole, in which nothing is withheld for itself.
///
/// A rest of zero is not printed (see `group_max_share`), so a reader cannot rule it out. A cell that
/// the part cannot withhold must stay visible in the rest too.
pub(super) fn rest_of(
    (part, floor): (&TwoWay, u64),
    wholes: &[Whole],
) -> Result<TwoWay, GridError> {
    let cells = || part.values().iter().zip(wholes).enumerate();
    let values = cells().map(|(_, (value, whole))| whole.value.saturating_sub(*value));
    let caps = cells().map(|(cell, (_, whole))| match whole.high {
        high if part.can_hide(cell, floor) && high < UNCAPPED => high - floor,
        high => high,
    });
    let weights = part.weights().iter().enumerate().map(|(cell, weight)| {
        if part.can_hide(cell, floor) {
            *weight
        } else {
            MUST_STAY_VISIBLE
        }
    });
    let n_cells = part.values().len();
    TwoWay::new(part.shape(), values.collect(), vec![false; n_cells])?
        .with_weights(weights.collect())?
        .with_caps(caps.collect())
}

/// Hides in a part what keeps both the part and the rest of its whole safe.
///
/// A cell of the rest is hidden by hiding the part's, as the whole is printed already. Each table takes
/// over what the other one hides and adds what it needs, until neither needs more.
pub(super) fn suppress_with_rest(
    part: &TwoWay,
    rest: &TwoWay,
    rule: Rule,
) -> Result<Suppression, Refused> {
    let rest_rule = rule.with_zeros(Zeros::Hidden);
    let mut part = part.clone();
    loop {
        let done = suppress(&part, rule)?;
        let rest = rest.clone().with_hidden(&done.hidden);
        let rest_done = suppress(&rest, rest_rule)?;
        if rest_done.hidden == done.hidden {
            return Ok(done);
        }
        part = part.with_hidden(&rest_done.hidden);
    }
}

#[cfg(test)]
mod tests {
    use super::super::audit::{Danger, Published, audit};
    use super::super::grid::{Shape, rule};
    use super::*;
    use proptest::prelude::*;

    /// Counts below 10 are withheld, and so are zeros.
    const TEN: Rule = rule(10, Zeros::Hidden);

    /// A part and its wholes, all published, with the small counts of the part and the rest primary.
    fn part(shape: Shape, counts: &[u64], rests: &[u64]) -> (TwoWay, Vec<Whole>) {
        let none = |_: usize, _: u64| Primary::No;
        let whole: Vec<u64> = counts.iter().zip(rests).map(|(n, rest)| n + rest).collect();
        let whole = TwoWay::from_body(shape, &whole, none).unwrap();
        let values = TwoWay::from_body(shape, counts, none).unwrap();
        let values = values.values().to_vec();
        let primary = values.iter().zip(whole.values());
        let primary = primary.map(|(n, whole)| *whole > 0 && (*n < 10 || whole - n < 10));
        let weights = values.iter().zip(whole.values());
        let weights = weights.map(|(n, whole)| {
            if *whole == 0 {
                MUST_STAY_VISIBLE
            } else {
                n + 1
            }
        });
        let weights = weights.collect();
        let table = TwoWay::new(shape, values.clone(), primary.collect()).unwrap();
        let table = table.with_weights(weights).unwrap();
        let table = table.with_caps(whole.values().to_vec()).unwrap();
        let wholes = whole.values().iter().map(|value| Whole {
            value: *value,
            status: Status::Published,
            high: *value,
        });
        (table, wholes.collect())
    }

    /// Whether a reader of a table finds anything in it.
    fn is_safe(table: &TwoWay, hidden: &[bool]) -> bool {
        let cells: Vec<Option<u64>> = table
            .values()
            .iter()
            .zip(hidden)
            .map(|(value, is_hidden)| (!is_hidden).then_some(*value))
            .collect();
        let published = Published {
            n_rows: table.shape().n_rows,
            n_columns: table.shape().n_columns,
            cells: &cells,
            caps: table.caps(),
        };
        let found = audit(published, TEN).unwrap();
        found.iter().all(|risk| risk.danger == Danger::ShownSmall)
    }

    #[test]
    fn a_rest_that_a_safe_part_gives_away_hides_more_of_the_part() {
        let shape = Shape {
            n_rows: 3,
            n_columns: 3,
        };
        // Four wholes are withheld: 9 and 9 in the first column (each at most 17), 60 and 60 beside
        // them. The part alone leaves enough doubt there; of the rest, 1 and 2, a reader learns that
        // they add up to 3.
        let counts = [8, 30, 40, 7, 30, 40, 30, 40, 50];
        let rests = [1, 30, 30, 2, 30, 30, 30, 30, 30];
        let (table, mut wholes) = part(shape, &counts, &rests);
        for (cell, high) in [(0, 17), (1, 68), (4, 17), (5, 68)] {
            wholes[cell].status = Status::Suppressed;
            wholes[cell].high = high;
        }
        let hidden: Vec<bool> = (0..16).map(|cell| [0, 1, 4, 5].contains(&cell)).collect();
        let caps = wholes.iter().map(|whole| whole.high).collect();
        let table = table.with_caps(caps).unwrap().with_hidden(&hidden);
        let rest = rest_of((&table, 0), &wholes).unwrap();
        assert!(is_safe(&table, &hidden));
        assert!(!is_safe(&rest, &hidden));
        let done = suppress_with_rest(&table, &rest, TEN).unwrap();
        assert!(is_safe(&table, &done.hidden) && is_safe(&rest, &done.hidden));
    }

    #[test]
    fn a_cell_without_a_whole_is_never_withheld() {
        let shape = Shape {
            n_rows: 3,
            n_columns: 3,
        };
        let counts = [3, 90, 20, 15, 70, 0, 80, 50, 60];
        let rests = [30, 30, 30, 30, 30, 0, 30, 30, 30];
        let (table, wholes) = part(shape, &counts, &rests);
        let rest = rest_of((&table, 0), &wholes).unwrap();
        let done = suppress_with_rest(&table, &rest, TEN).unwrap();
        assert!(done.hidden[0] && !done.hidden[6]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn neither_a_part_nor_the_rest_is_at_risk(
            (n_rows, n_columns) in (1_usize..5, 1_usize..5),
            counts in prop::collection::vec(prop_oneof![Just(0_u64), 1_u64..12, 10_u64..60], 16),
            rests in prop::collection::vec(prop_oneof![1_u64..12, 10_u64..60], 16),
        ) {
            let shape = Shape { n_rows, n_columns };
            let n_body = n_rows * n_columns;
            // A published whole has at least ten behind it.
            let counts: Vec<u64> = counts[..n_body].to_vec();
            let rests: Vec<u64> = rests.iter().zip(&counts).map(|(rest, n)| (*rest).max(10_u64.saturating_sub(*n))).collect();
            let (table, wholes) = part(shape, &counts, &rests);
            let rest = rest_of((&table, 0), &wholes).unwrap();
            let done = suppress_with_rest(&table, &rest, TEN);
            if let Ok(done) = done {
                prop_assert!(is_safe(&table, &done.hidden));
                prop_assert!(is_safe(&rest, &done.hidden));
            }
        }
    }
}
