//! Typed cells of one row, and the columns they go to.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Float64Builder,
    Int64Builder, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow::datatypes::DataType;

use crate::canon::text::Reason;
use crate::spec::source::ColumnKind;

/// One typed value; texts lie in [`Staging::texts`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Cell {
    /// No value.
    Null,
    /// Bytes of the staged texts, from and to.
    Text(usize, usize),
    /// A whole number, days or microseconds.
    Integer(i64),
    /// Cents.
    Cents(i128),
    /// A number.
    Number(f64),
    /// Yes or no.
    Flag(bool),
    /// A pseudonym.
    Key([u8; 16]),
}

impl Cell {
    /// Writes the cell so that two cells write alike only if they are alike.
    pub(super) fn write(&self, texts: &str, bytes: &mut Vec<u8>) {
        match self {
            Self::Null => bytes.push(0),
            Self::Text(from, to) => {
                let text = texts.get(*from..*to).unwrap_or_default();
                bytes.push(1);
                bytes.extend_from_slice(&text.len().to_le_bytes());
                bytes.extend_from_slice(text.as_bytes());
            }
            Self::Integer(number) => {
                bytes.push(2);
                bytes.extend_from_slice(&number.to_le_bytes());
            }
            Self::Cents(cents) => {
                bytes.push(3);
                bytes.extend_from_slice(&cents.to_le_bytes());
            }
            Self::Number(number) => {
                bytes.push(4);
                bytes.extend_from_slice(&number.to_bits().to_le_bytes());
            }
            Self::Flag(flag) => bytes.extend_from_slice(&[5, u8::from(*flag)]),
            Self::Key(key) => {
                bytes.push(6);
                bytes.extend_from_slice(key);
            }
        }
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
    /// Where cells are written for hashing.
    pub(super) bytes: Vec<u8>,
    /// Comuni already looked up.
    pub(super) comuni: HashMap<String, Result<String, Reason>>,
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

    /// First 16 bytes of the hash of what was written.
    pub(super) fn hash(&self) -> u128 {
        let hash = blake3::hash(&self.bytes);
        let mut first = [0; 16];
        for (byte, hashed) in first.iter_mut().zip(hash.as_bytes()) {
            *byte = *hashed;
        }
        u128::from_be_bytes(first)
    }
}

/// A typed column being built.
#[derive(Debug)]
pub(super) enum CellBuilder {
    /// Texts, codes, tags, comuni.
    Text(StringBuilder),
    /// Dates and months.
    Days(Date32Builder),
    /// Instants.
    Micros(TimestampMicrosecondBuilder),
    /// Whole numbers and minutes.
    Integer(Int64Builder),
    /// Amounts.
    Cents(Decimal128Builder),
    /// Numbers.
    Number(Float64Builder),
    /// Yes or no.
    Flag(BooleanBuilder),
    /// Pseudonyms.
    Key(BinaryBuilder),
}

impl CellBuilder {
    /// An empty column for values of a kind.
    pub(super) fn new(kind: ColumnKind) -> Self {
        match kind {
            ColumnKind::Text | ColumnKind::Code | ColumnKind::Tags | ColumnKind::Comune => {
                Self::Text(StringBuilder::new())
            }
            ColumnKind::Date | ColumnKind::Month => Self::Days(Date32Builder::new()),
            ColumnKind::Instant => {
                Self::Micros(TimestampMicrosecondBuilder::new().with_timezone("UTC"))
            }
            ColumnKind::Integer | ColumnKind::Minutes => Self::Integer(Int64Builder::new()),
            ColumnKind::Decimal => {
                let amounts = Decimal128Builder::new();
                Self::Cents(amounts.with_data_type(DataType::Decimal128(12, 2)))
            }
            ColumnKind::Number => Self::Number(Float64Builder::new()),
            ColumnKind::Boolean => Self::Flag(BooleanBuilder::new()),
            ColumnKind::Person | ColumnKind::Record => Self::Key(BinaryBuilder::new()),
        }
    }

    /// Whether the texts of one more row could be more than a column holds (2 GiB).
    pub(super) fn is_full(&self, texts: &str) -> bool {
        let most = usize::try_from(i32::MAX).unwrap_or(usize::MAX);
        match self {
            Self::Text(column) => column.values_slice().len() + texts.len() > most,
            Self::Key(column) => column.values_slice().len() + 16 > most,
            Self::Days(_)
            | Self::Micros(_)
            | Self::Integer(_)
            | Self::Cents(_)
            | Self::Number(_)
            | Self::Flag(_) => false,
        }
    }

    /// Adds a cell; one of another kind than the column counts as no value.
    pub(super) fn push(&mut self, cell: &Cell, texts: &str) {
        match (self, *cell) {
            (Self::Text(column), Cell::Text(from, to)) => {
                column.append_value(texts.get(from..to).unwrap_or_default());
            }
            (Self::Days(column), Cell::Integer(days)) => {
                column.append_option(i32::try_from(days).ok());
            }
            (Self::Micros(column), Cell::Integer(micros)) => column.append_value(micros),
            (Self::Integer(column), Cell::Integer(number)) => column.append_value(number),
            (Self::Cents(column), Cell::Cents(cents)) => column.append_value(cents),
            (Self::Number(column), Cell::Number(number)) => column.append_value(number),
            (Self::Flag(column), Cell::Flag(flag)) => column.append_value(flag),
            (Self::Key(column), Cell::Key(key)) => column.append_value(key),
            (column, _) => column.push_null(),
        }
    }

    /// Adds no value.
    fn push_null(&mut self) {
        match self {
            Self::Text(column) => column.append_null(),
            Self::Days(column) => column.append_null(),
            Self::Micros(column) => column.append_null(),
            Self::Integer(column) => column.append_null(),
            Self::Cents(column) => column.append_null(),
            Self::Number(column) => column.append_null(),
            Self::Flag(column) => column.append_null(),
            Self::Key(column) => column.append_null(),
        }
    }

    /// The whole column.
    pub(super) fn finish(self) -> ArrayRef {
        match self {
            Self::Text(mut column) => Arc::new(column.finish()),
            Self::Days(mut column) => Arc::new(column.finish()),
            Self::Micros(mut column) => Arc::new(column.finish()),
            Self::Integer(mut column) => Arc::new(column.finish()),
            Self::Cents(mut column) => Arc::new(column.finish()),
            Self::Number(mut column) => Arc::new(column.finish()),
            Self::Flag(mut column) => Arc::new(column.finish()),
            Self::Key(mut column) => Arc::new(column.finish()),
        }
    }
}
