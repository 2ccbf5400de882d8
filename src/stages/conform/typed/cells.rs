//! Typed cells of one row, and the columns they go to.
//!
//! Columns are held small: a code is its place in the contract, a comune its place in the list, an
//! amount 64 bits of cents. What the lake holds is made of them when they are written.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Date32Builder, FixedSizeBinaryArray, Float64Builder, Int64Builder,
    StringBuilder, UInt16Builder,
};
use arrow::buffer::{Buffer, NullBuffer};
use arrow::error::ArrowError;

use crate::canon::pseudonym::IdBatch;
use crate::canon::text::Reason;
use crate::spec::source::ColumnKind;

use super::parts::PartNumber;
use super::settle::Mark;

/// Bytes of a key.
pub(super) const KEY_BYTES: i32 = 16;

/// One typed value; texts lie in [`Staging::texts`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Cell {
    /// No value.
    Null,
    /// Bytes of the staged texts, from and to.
    Text(usize, usize),
    /// Place of a code among those of its column.
    Code(u16),
    /// Place of a comune in the list.
    Comune(u16),
    /// A whole number, days or microseconds.
    Integer(i64),
    /// Cents.
    Cents(i64),
    /// A number.
    Number(f64),
    /// Yes or no.
    Flag(bool),
    /// A pseudonym, its first byte the highest.
    Key(u128),
    /// A pseudonym that is not made yet: its place among those of its column in [`Staging::ids`].
    Id(usize),
}

/// Odd multipliers of the content hash: one for each kind of cell, so that kinds do not collide.
const MULTIPLIERS: [u64; 8] = [
    0x9e37_79b9_7f4a_7c15,
    0xa076_1d64_78bd_642f,
    0xe703_7ed1_a0b4_28db,
    0x8ebc_6af0_9c88_c6e3,
    0x5899_65cc_7537_4cc3,
    0x1d8e_4e27_c47d_124f,
    0xeb44_acca_b455_d165,
    0xc2b2_ae3d_27d4_eb4f,
];

/// Hash that tells one content of a record from another; compared within one intake only.
#[derive(Debug, Clone, Copy)]
pub(super) struct Content(u64);

impl Content {
    /// The hash of nothing, under a secret seed.
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The hash with so much in it already.
    pub(super) fn resumed(value: u64) -> Self {
        Self(value)
    }

    /// The hash so far.
    pub(super) fn value(self) -> u64 {
        self.0
    }

    /// Adds a cell.
    pub(super) fn add(&mut self, cell: &Cell, texts: &str) {
        let [null, text, place, number, cents, float, flag, _] = MULTIPLIERS;
        match cell {
            Cell::Null => self.mix(1, null),
            Cell::Text(from, to) => {
                self.add_bytes(texts.as_bytes().get(*from..*to).unwrap_or_default(), text);
            }
            Cell::Code(code) | Cell::Comune(code) => self.mix(u64::from(*code), place),
            Cell::Integer(whole) => self.mix(whole.cast_unsigned(), number),
            Cell::Cents(whole) => self.mix(whole.cast_unsigned(), cents),
            Cell::Number(value) => self.mix(value.to_bits(), float),
            Cell::Flag(is_set) => self.mix(u64::from(*is_set), flag),
            // Pseudonyms are added when they are made.
            Cell::Key(_) | Cell::Id(_) => {}
        }
    }

    /// Adds a pseudonym, or that there is none.
    pub(super) fn add_key(&mut self, key: Option<u128>) {
        let [null, .., multiplier] = MULTIPLIERS;
        match key {
            None => self.mix(1, null),
            Some(number) => {
                // Both halves; a cast would hide that none is lost.
                let low = u64::try_from(number & u128::from(u64::MAX)).unwrap_or(0);
                self.mix(u64::try_from(number >> 64).unwrap_or(0), multiplier);
                self.mix(low, multiplier);
            }
        }
    }

    /// Adds bytes, eight at a time, and how many they are.
    fn add_bytes(&mut self, bytes: &[u8], multiplier: u64) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.mix(u64::from_le_bytes(*word), multiplier);
        }
        let mut last = [0; 8];
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        self.mix(u64::from_le_bytes(last), multiplier);
        self.mix(bytes.len() as u64, multiplier);
    }

    /// Adds a word: multiplied into 128 bits, and both halves folded together.
    fn mix(&mut self, word: u64, multiplier: u64) {
        let (low, high) = (self.0 ^ word).carrying_mul(multiplier, 0x2545_f491_4f6c_dd1d);
        self.0 = low ^ high;
    }
}

/// Working space of one row, kept between rows.
#[derive(Debug, Default)]
pub(super) struct Staging {
    /// Cells in the order of the columns.
    pub(super) cells: Vec<Cell>,
    /// Texts of the cells, end to end.
    pub(super) texts: String,
    /// Where typed values are written as text.
    pub(super) scratch: String,
    /// Where the cells of a key are written for hashing.
    pub(super) bytes: Vec<u8>,
    /// Comuni already looked up.
    pub(super) comuni: HashMap<String, Result<u16, Reason>>,
    /// Rows that the last block had of each part: how many the next may have.
    pub(super) usual_rows: BTreeMap<PartNumber, usize>,
    /// Room for the identities of a block.
    pub(super) marks: Vec<Mark>,
    /// Ids of the block, by column.
    pub(super) ids: Vec<IdBatch>,
}

impl Staging {
    /// Empties the row.
    pub(super) fn clear(&mut self) {
        self.cells.clear();
        self.texts.clear();
    }

    /// Keeps a text of the row.
    pub(super) fn keep(&mut self, text: &str) -> Cell {
        let start = self.texts.len();
        self.texts.push_str(text);
        Cell::Text(start, self.texts.len())
    }
}

/// A typed column being built.
#[derive(Debug)]
pub(super) enum CellBuilder {
    /// Free texts and tags.
    Text(StringBuilder),
    /// Places of codes and of comuni.
    Place(UInt16Builder),
    /// Dates and months.
    Days(Date32Builder),
    /// Whole numbers, minutes, microseconds and cents.
    Whole(Int64Builder),
    /// Numbers.
    Number(Float64Builder),
    /// Yes or no.
    Flag(BooleanBuilder),
    /// Pseudonyms.
    Key(KeySlots),
}

/// Where the pseudonyms of a column are found once they are made.
#[derive(Debug)]
pub(super) struct KeySlots {
    /// Of each row, a place among the pseudonyms of the column, one of `known`, or nothing.
    slots: Vec<u32>,
    /// Pseudonyms that were made with their rows.
    known: Vec<u128>,
}

/// Slot of a row without a pseudonym.
const NO_KEY: u32 = u32::MAX;

/// What is added to the slots of pseudonyms that were made with their rows.
const KNOWN: u32 = 1 << 31;

impl KeySlots {
    /// Adds a row.
    fn push(&mut self, cell: &Cell) {
        let slot = match cell {
            Cell::Id(place) => u32::try_from(*place).unwrap_or(NO_KEY),
            Cell::Key(key) => {
                self.known.push(*key);
                u32::try_from(self.known.len() - 1).map_or(NO_KEY, |place| place | KNOWN)
            }
            _ => NO_KEY,
        };
        self.slots.push(slot);
    }

    /// The pseudonym of a row, out of those made of the column.
    fn key(&self, row: usize, made: &[u128]) -> Option<u128> {
        let slot = *self.slots.get(row)?;
        let place = (slot & !KNOWN) as usize;
        match slot {
            NO_KEY => None,
            slot if slot & KNOWN == 0 => made.get(place).copied(),
            _ => self.known.get(place).copied(),
        }
    }

    /// The pseudonyms as a column.
    fn finish(&self, made: &[u128]) -> Result<ArrayRef, ArrowError> {
        let mut bytes = Vec::with_capacity(self.slots.len() * 16);
        let mut n_nulls = 0;
        for row in 0..self.slots.len() {
            let key = self.key(row, made);
            n_nulls += usize::from(key.is_none());
            bytes.extend_from_slice(&key.unwrap_or(0).to_be_bytes());
        }
        let validity = (n_nulls > 0).then(|| {
            let rows = 0..self.slots.len();
            let are_valid = rows.map(|row| self.key(row, made).is_some());
            are_valid.collect::<NullBuffer>()
        });
        let keys = FixedSizeBinaryArray::try_new(KEY_BYTES, Buffer::from_vec(bytes), validity)?;
        Ok(Arc::new(keys))
    }
}

impl CellBuilder {
    /// An empty column for so many values of a kind.
    pub(super) fn new(kind: ColumnKind, n_rows: usize) -> Self {
        match kind {
            ColumnKind::Text | ColumnKind::Tags => {
                Self::Text(StringBuilder::with_capacity(n_rows, 0))
            }
            ColumnKind::Code | ColumnKind::Comune => {
                Self::Place(UInt16Builder::with_capacity(n_rows))
            }
            ColumnKind::Date | ColumnKind::Month => {
                Self::Days(Date32Builder::with_capacity(n_rows))
            }
            ColumnKind::Instant
            | ColumnKind::Integer
            | ColumnKind::Minutes
            | ColumnKind::Decimal => Self::Whole(Int64Builder::with_capacity(n_rows)),
            ColumnKind::Number => Self::Number(Float64Builder::with_capacity(n_rows)),
            ColumnKind::Boolean => Self::Flag(BooleanBuilder::with_capacity(n_rows)),
            ColumnKind::Person | ColumnKind::Record => Self::Key(KeySlots {
                slots: Vec::with_capacity(n_rows),
                known: Vec::new(),
            }),
        }
    }

    /// Adds a cell; one of another kind than the column counts as no value.
    pub(super) fn push(&mut self, cell: &Cell, texts: &str) {
        match (self, *cell) {
            (Self::Text(column), Cell::Text(from, to)) => {
                column.append_value(texts.get(from..to).unwrap_or_default());
            }
            (Self::Place(column), Cell::Code(place) | Cell::Comune(place)) => {
                column.append_value(place);
            }
            (Self::Days(column), Cell::Integer(days)) => {
                column.append_option(i32::try_from(days).ok());
            }
            (Self::Whole(column), Cell::Integer(whole) | Cell::Cents(whole)) => {
                column.append_value(whole);
            }
            (Self::Number(column), Cell::Number(number)) => column.append_value(number),
            (Self::Flag(column), Cell::Flag(flag)) => column.append_value(flag),
            (Self::Key(column), cell) => column.push(&cell),
            (column, _) => column.push_null(),
        }
    }

    /// Adds no value.
    fn push_null(&mut self) {
        match self {
            Self::Text(column) => column.append_null(),
            Self::Place(column) => column.append_null(),
            Self::Days(column) => column.append_null(),
            Self::Whole(column) => column.append_null(),
            Self::Number(column) => column.append_null(),
            Self::Flag(column) => column.append_null(),
            Self::Key(column) => column.push(&Cell::Null),
        }
    }

    /// Bytes of the texts so far.
    pub(super) fn n_text_bytes(&self) -> usize {
        match self {
            Self::Text(column) => column.values_slice().len(),
            Self::Place(_)
            | Self::Days(_)
            | Self::Whole(_)
            | Self::Number(_)
            | Self::Flag(_)
            | Self::Key(_) => 0,
        }
    }

    /// The pseudonym of a row, out of those made of the column; `None` of any other column.
    pub(super) fn key(&self, row: usize, made: &[u128]) -> Option<u128> {
        match self {
            Self::Key(column) => column.key(row, made),
            Self::Text(_)
            | Self::Place(_)
            | Self::Days(_)
            | Self::Whole(_)
            | Self::Number(_)
            | Self::Flag(_) => None,
        }
    }

    /// The whole column, with the pseudonyms made of it.
    pub(super) fn finish(self, made: &[u128]) -> Result<ArrayRef, ArrowError> {
        Ok(match self {
            Self::Text(mut column) => Arc::new(column.finish()),
            Self::Place(mut column) => Arc::new(column.finish()),
            Self::Days(mut column) => Arc::new(column.finish()),
            Self::Whole(mut column) => Arc::new(column.finish()),
            Self::Number(mut column) => Arc::new(column.finish()),
            Self::Flag(mut column) => Arc::new(column.finish()),
            Self::Key(column) => column.finish(made)?,
        })
    }
}
