//! Values of a SQLite column, each with a type of its own, into a column of a page.
//!
//! A column of a page has one type. It begins as what the values are; when a value of another type
//! comes, the column widens so that none is lost: whole numbers to numbers, anything else to the
//! texts the values are written as. What a contract makes of a text in a column of numbers is not
//! decided here.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, StringArray};
use rusqlite::types::ValueRef;

/// Greatest whole number up to which a float holds every one.
const EXACT: u64 = 1 << 53;

/// What a column's declaration makes of its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Affinity {
    /// Whole numbers.
    Integer,
    /// Numbers.
    Real,
    /// Anything.
    Other,
}

impl Affinity {
    /// Affinity of a declared type, by the rules of SQLite that matter here.
    pub(super) fn of(declared: &str) -> Self {
        let declared = declared.to_uppercase();
        let has = |part| declared.contains(part);
        if has("INT") {
            Self::Integer
        } else if !has("CHAR")
            && !has("CLOB")
            && !has("TEXT")
            && ["REAL", "FLOA", "DOUB"].into_iter().any(has)
        {
            Self::Real
        } else {
            Self::Other
        }
    }
}

/// Values of one column.
#[derive(Debug)]
pub(super) enum Cells {
    /// No value yet, and for how many rows.
    Empty(usize),
    /// Whole numbers.
    Integers(Vec<Option<i64>>),
    /// Numbers.
    Numbers(Vec<Option<f64>>),
    /// Texts.
    Texts(Vec<Option<String>>),
}

impl Cells {
    /// Takes the next value; what it is, in general, if no page holds it.
    pub(super) fn push(&mut self, value: ValueRef<'_>) -> Result<(), &'static str> {
        match value {
            ValueRef::Null => self.push_null(),
            ValueRef::Integer(value) => self.push_integer(value),
            ValueRef::Real(value) => self.push_number(value),
            ValueRef::Text(bytes) => {
                let text =
                    std::str::from_utf8(bytes).map_err(|_bytes| "a text that is not UTF-8")?;
                self.push_text(text.to_owned());
            }
            ValueRef::Blob(_) => return Err("bytes (a BLOB)"),
        }
        Ok(())
    }

    /// A row without a value.
    fn push_null(&mut self) {
        match self {
            Self::Empty(n_rows) => *n_rows += 1,
            Self::Integers(values) => values.push(None),
            Self::Numbers(values) => values.push(None),
            Self::Texts(values) => values.push(None),
        }
    }

    /// A whole number.
    fn push_integer(&mut self, value: i64) {
        if let Self::Empty(n_rows) = self {
            *self = Self::Integers(vec![None; *n_rows]);
        }
        match self {
            Self::Integers(values) => values.push(Some(value)),
            Self::Numbers(values) => match exact(value) {
                Some(value) => values.push(Some(value)),
                None => self.push_text(value.to_string()),
            },
            Self::Empty(_) | Self::Texts(_) => self.push_text(value.to_string()),
        }
    }

    /// A number.
    fn push_number(&mut self, value: f64) {
        match self {
            Self::Empty(n_rows) => *self = Self::Numbers(vec![None; *n_rows]),
            Self::Integers(values) => {
                let widened = values.iter().map(|value| match value {
                    Some(value) => exact(*value).map(Some),
                    None => Some(None),
                });
                if let Some(values) = widened.collect() {
                    *self = Self::Numbers(values);
                }
            }
            Self::Numbers(_) | Self::Texts(_) => {}
        }
        match self {
            Self::Numbers(values) => values.push(Some(value)),
            Self::Empty(_) | Self::Integers(_) | Self::Texts(_) => {
                self.push_text(value.to_string());
            }
        }
    }

    /// A text; the values so far become texts too.
    fn push_text(&mut self, text: String) {
        let mut texts = match self {
            Self::Empty(n_rows) => vec![None; *n_rows],
            Self::Integers(values) => written(values),
            Self::Numbers(values) => written(values),
            Self::Texts(values) => std::mem::take(values),
        };
        texts.push(Some(text));
        *self = Self::Texts(texts);
    }

    /// The values so far; the column is empty afterwards.
    pub(super) fn finish(&mut self, affinity: Affinity) -> ArrayRef {
        match std::mem::replace(self, Self::Empty(0)) {
            Self::Integers(values) => Arc::new(Int64Array::from(values)),
            Self::Numbers(values) => Arc::new(Float64Array::from(values)),
            Self::Texts(values) => Arc::new(StringArray::from(values)),
            Self::Empty(n_rows) => match affinity {
                Affinity::Integer => Arc::new(Int64Array::new_null(n_rows)),
                Affinity::Real => Arc::new(Float64Array::new_null(n_rows)),
                Affinity::Other => Arc::new(StringArray::new_null(n_rows)),
            },
        }
    }
}

/// The texts of some values.
fn written<V: ToString>(values: &[Option<V>]) -> Vec<Option<String>> {
    let texts = values.iter();
    texts
        .map(|value| value.as_ref().map(ToString::to_string))
        .collect()
}

/// A whole number as a float, if the float is it.
#[expect(
    clippy::cast_precision_loss,
    reason = "only numbers that a float holds exactly are converted"
)]
fn exact(value: i64) -> Option<f64> {
    (value.unsigned_abs() <= EXACT).then_some(value as f64)
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array, AsArray};
    use arrow::datatypes::{DataType, Float64Type, Int64Type};

    use super::*;

    /// The column of some values.
    fn column(values: &[ValueRef<'_>], affinity: Affinity) -> ArrayRef {
        let mut cells = Cells::Empty(0);
        for value in values {
            cells.push(*value).unwrap();
        }
        cells.finish(affinity)
    }

    #[test]
    fn a_column_widens_and_loses_nothing() {
        let (one, half, text) = (
            ValueRef::Integer(1),
            ValueRef::Real(0.5),
            ValueRef::Text(b"boh"),
        );
        let whole = column(&[ValueRef::Null, one], Affinity::Other);
        assert_eq!(whole.as_primitive::<Int64Type>().value(1), 1);
        assert!(whole.is_null(0));
        let numbers = column(&[one, ValueRef::Null, half, one], Affinity::Integer);
        assert_eq!(
            numbers.as_primitive::<Float64Type>().values().to_vec(),
            [1.0, 0.0, 0.5, 1.0]
        );
        assert!(numbers.is_null(1));
        let texts = column(&[one, half, text, ValueRef::Null, half], Affinity::Integer);
        let texts: Vec<Option<&str>> = texts.as_string::<i32>().iter().collect();
        assert_eq!(
            texts,
            [Some("1"), Some("0.5"), Some("boh"), None, Some("0.5")]
        );
        let great = ValueRef::Integer(i64::MAX);
        let texts = column(&[great, half], Affinity::Integer);
        assert_eq!(texts.as_string::<i32>().value(0), "9223372036854775807");
        assert_eq!(
            column(&[half, great], Affinity::Real).data_type(),
            &DataType::Utf8
        );
    }

    #[test]
    fn a_column_without_values_is_what_it_is_declared_as() {
        let empty = |declared| {
            column(&[ValueRef::Null], Affinity::of(declared))
                .data_type()
                .clone()
        };
        assert_eq!(empty("bigint"), DataType::Int64);
        assert_eq!(empty("double precision"), DataType::Float64);
        assert_eq!(empty("varchar(20)"), DataType::Utf8);
        assert_eq!(empty(""), DataType::Utf8);
    }

    #[test]
    fn bytes_are_refused() {
        assert!(Cells::Empty(0).push(ValueRef::Blob(b"x")).is_err());
        assert!(Cells::Empty(0).push(ValueRef::Text(b"\xff")).is_err());
    }
}
