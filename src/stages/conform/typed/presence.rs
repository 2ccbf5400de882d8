//! Records that a delivery names in a refused row: they are there, though nothing else is known.
//!
//! A table of snapshots erases what a delivery leaves out, and a row that breaks its contract
//! leaves nothing out. Where its key can be read its record counts as present. Where it cannot,
//! the row may stand for any record, and nothing is concluded from that delivery:
//!
//! ```text
//! delivery 1   delivery 2               delivery 3   →
//! A, B         A, a row of B refused    A, B         →  A and B live
//! A, B         A, a row without a key   A            →  A lives, B ends with delivery 3
//! ```

use crate::spec::source::Delivery;
use crate::stages::conform::formats::Value;

use super::cells::{Cell, Staging};
use super::plan::{Breach, Plan, RawCells};

/// A row that is refused.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refused<'p> {
    /// Rule and field it breaks.
    pub(super) breach: Breach<'p>,
    /// Key of its record, salted with its part; only in a table of snapshots, and only where it
    /// can be read.
    pub(super) key: Option<u128>,
}

/// Records of refused rows, by delivery.
#[derive(Debug, Default)]
pub(super) struct Presence {
    /// Key and delivery of each refused row that names its record.
    named: Vec<(u128, u32)>,
    /// Deliveries with a refused row that names none.
    unnamed: Vec<u32>,
}

impl Presence {
    /// Notes a refused row of a delivery.
    pub(super) fn note(&mut self, delivery: u32, key: Option<u128>) {
        match key {
            Some(key) => self.named.push((key, delivery)),
            None if self.unnamed.last() != Some(&delivery) => self.unnamed.push(delivery),
            None => {}
        }
    }

    /// Adds what was noted elsewhere.
    pub(super) fn extend(&mut self, other: Self) {
        self.named.extend(other.named);
        self.unnamed.extend(other.unnamed);
    }

    /// How much was noted so far.
    pub(super) fn level(&self) -> (usize, usize) {
        (self.named.len(), self.unnamed.len())
    }

    /// Forgets everything noted since.
    pub(super) fn fall_back(&mut self, (n_named, n_unnamed): (usize, usize)) {
        self.named.truncate(n_named);
        self.unnamed.truncate(n_unnamed);
    }

    /// Whether a delivery has a refused row that names no record.
    pub(super) fn is_unnamed(&self, delivery: u32) -> bool {
        self.unnamed.contains(&delivery)
    }

    /// The same, in the order in which it is looked up.
    pub(super) fn arranged(mut self) -> Self {
        self.named.sort_unstable();
        self.named.dedup();
        self.unnamed.sort_unstable();
        self.unnamed.dedup();
        self
    }

    /// Deliveries in which a record may be, besides those its rows came with.
    pub(super) fn deliveries_of(&self, key: u128) -> impl Iterator<Item = u32> {
        let from = self.named.partition_point(|(known, _)| *known < key);
        let named = self.named.iter().skip(from);
        let its = named.take_while(move |(known, _)| *known == key);
        let its = its.map(|(_, delivery)| *delivery);
        its.chain(self.unnamed.iter().copied())
    }
}

impl<'c> Plan<'c> {
    /// Whether every delivery is the whole table.
    pub(super) fn is_whole(&self) -> bool {
        self.table.spec.snapshot == Delivery::Whole
    }

    /// A row that breaks a rule, with its record where that is of use.
    pub(super) fn refused(
        &self,
        breach: Breach<'c>,
        values: &[Value<'_>],
        staging: &mut Staging,
    ) -> Refused<'c> {
        let key = if self.is_whole() {
            self.key_in(values, staging)
        } else {
            None
        };
        Refused { breach, key }
    }

    /// Key of the record of a row, whatever else the row holds.
    fn key_in(&self, values: &[Value<'_>], staging: &mut Staging) -> Option<u128> {
        let json = self.json_values(values);
        let row = RawCells {
            values,
            json: &json,
        };
        let filed_by = self.filing.map(|filing| filing.column);
        staging.clear();
        for (place, column) in self.columns.iter().enumerate() {
            if self.key.contains(&place) || filed_by == Some(place) {
                self.read_cell(column, row, staging).ok()?;
            } else {
                staging.cells.push(Cell::Null);
            }
        }
        let part = self.part_of(&staging.cells).ok()?;
        Some(self.salted_key(staging, part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_row_without_a_key_stands_for_any_record() {
        let mut presence = Presence::default();
        presence.note(2, Some(7));
        presence.note(1, Some(7));
        let level = presence.level();
        presence.note(4, None);
        presence.note(4, None);
        assert!(presence.is_unnamed(4) && !presence.is_unnamed(2));
        let mut other = Presence::default();
        other.extend(presence);
        let presence = other.arranged();
        let of = |key| presence.deliveries_of(key).collect::<Vec<_>>();
        assert_eq!(of(7), [1, 2, 4]);
        assert_eq!(of(8), [4]);
        let mut presence = presence;
        presence.fall_back(level);
        assert!(!presence.is_unnamed(4));
    }
}
