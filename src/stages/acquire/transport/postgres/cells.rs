//! Values as PostgreSQL sends them in binary, into columns of a page.
//!
//! | type | column of the page |
//! |---|---|
//! | `bool` | Boolean |
//! | `int2`, `int4`, `int8` | Int64 |
//! | `float4`, `float8` | Float64; a `float4` becomes the number it is written as |
//! | `numeric` | Utf8, every digit kept |
//! | `text`, `varchar`, `bpchar`, `name`, enums, `citext`, `json`, `jsonb`, `uuid` | Utf8 |
//! | `date` | Date32 |
//! | `timestamp` | Timestamp(µs) |
//! | `timestamptz` | Timestamp(µs, UTC) |
//! | arrays of texts | List(Utf8) |
//!
//! Anything else is refused by name, before a row is read.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Date32Builder, Float64Builder, Int64Builder, ListBuilder,
    StringBuilder, TimestampMicrosecondBuilder,
};
use tokio_postgres::types::{Kind, Type};

use super::numeric;

/// Days from 1970 to 2000, where the days of PostgreSQL begin.
const DAYS_BEFORE_2000: i32 = 10_957;

/// Microseconds from 1970 to 2000.
pub(super) const MICROS_BEFORE_2000: i64 = 946_684_800_000_000;

/// How the values of a type are written in binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// One byte.
    Flag,
    /// Whole numbers of two, four or eight bytes.
    Integer,
    /// A number of four bytes.
    Float4,
    /// A number of eight bytes.
    Float8,
    /// Digits to the base 10000.
    Numeric,
    /// UTF-8.
    Text,
    /// A version byte and UTF-8.
    Jsonb,
    /// Sixteen bytes.
    Uuid,
    /// Days since 2000.
    Date,
    /// Microseconds since 2000, of no time zone.
    Timestamp,
    /// Microseconds since 2000, UTC.
    Instant,
    /// A list of UTF-8.
    Texts,
}

impl Written {
    /// How values of a type are written; `None` for a type that no page holds.
    pub(super) fn of(kind: &Type) -> Option<Self> {
        let written = match *kind {
            Type::BOOL => Self::Flag,
            Type::INT2 | Type::INT4 | Type::INT8 => Self::Integer,
            Type::FLOAT4 => Self::Float4,
            Type::FLOAT8 => Self::Float8,
            Type::NUMERIC => Self::Numeric,
            Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::JSON => Self::Text,
            Type::JSONB => Self::Jsonb,
            Type::UUID => Self::Uuid,
            Type::DATE => Self::Date,
            Type::TIMESTAMP => Self::Timestamp,
            Type::TIMESTAMPTZ => Self::Instant,
            Type::TEXT_ARRAY | Type::VARCHAR_ARRAY | Type::BPCHAR_ARRAY => Self::Texts,
            _ => return Self::of_declared(kind),
        };
        Some(written)
    }

    /// How values of a type declared in the database are written.
    fn of_declared(kind: &Type) -> Option<Self> {
        match kind.kind() {
            Kind::Enum(_) => Some(Self::Text),
            Kind::Domain(of) => Self::of(of),
            Kind::Simple if kind.name() == "citext" => Some(Self::Text),
            _ => None,
        }
    }
}

/// Why a value cannot be put into a page.
pub(super) type Unfit = &'static str;

/// The length of a value is not that of its type.
const WRONG_LENGTH: Unfit = "a value of another length than its type";

/// A date or instant that no calendar has.
const NO_MOMENT: Unfit = "`infinity` or a moment beyond the calendar";

/// A text that is not UTF-8.
const NOT_UTF8: Unfit = "a text that is not UTF-8";

/// A column of a page while it is filled.
#[derive(Debug)]
pub(super) struct Column {
    /// How its values are written.
    written: Written,
    /// Its values so far.
    cells: Cells,
}

/// Values of one column.
#[derive(Debug)]
enum Cells {
    /// Yes or no.
    Flags(BooleanBuilder),
    /// Whole numbers.
    Integers(Int64Builder),
    /// Numbers.
    Numbers(Float64Builder),
    /// Texts.
    Texts(StringBuilder),
    /// Dates.
    Days(Date32Builder),
    /// Instants.
    Micros(TimestampMicrosecondBuilder),
    /// Lists of texts.
    Lists(ListBuilder<StringBuilder>),
}

impl Column {
    /// An empty column.
    pub(super) fn new(written: Written) -> Self {
        let cells = match written {
            Written::Flag => Cells::Flags(BooleanBuilder::new()),
            Written::Integer => Cells::Integers(Int64Builder::new()),
            Written::Float4 | Written::Float8 => Cells::Numbers(Float64Builder::new()),
            Written::Numeric | Written::Text | Written::Jsonb | Written::Uuid => {
                Cells::Texts(StringBuilder::new())
            }
            Written::Date => Cells::Days(Date32Builder::new()),
            Written::Timestamp => Cells::Micros(TimestampMicrosecondBuilder::new()),
            Written::Instant => {
                Cells::Micros(TimestampMicrosecondBuilder::new().with_timezone("UTC"))
            }
            Written::Texts => Cells::Lists(ListBuilder::new(StringBuilder::new())),
        };
        Self { written, cells }
    }

    /// Takes the next value.
    pub(super) fn push(&mut self, value: Option<&[u8]>) -> Result<(), Unfit> {
        let written = self.written;
        match &mut self.cells {
            Cells::Flags(cells) => cells.append_option(value.map(flag).transpose()?),
            Cells::Integers(cells) => cells.append_option(value.map(integer).transpose()?),
            Cells::Numbers(cells) => cells.append_option(value.map(number).transpose()?),
            Cells::Days(cells) => cells.append_option(value.map(days).transpose()?),
            Cells::Micros(cells) => cells.append_option(value.map(micros).transpose()?),
            Cells::Texts(cells) => match value {
                None => cells.append_null(),
                Some(value) => push_text(cells, written, value)?,
            },
            Cells::Lists(cells) => match value {
                None => cells.append_null(),
                Some(value) => push_list(cells, value)?,
            },
        }
        Ok(())
    }

    /// The values so far; the column is empty afterwards.
    pub(super) fn finish(&mut self) -> ArrayRef {
        match &mut self.cells {
            Cells::Flags(cells) => Arc::new(cells.finish()),
            Cells::Integers(cells) => Arc::new(cells.finish()),
            Cells::Numbers(cells) => Arc::new(cells.finish()),
            Cells::Texts(cells) => Arc::new(cells.finish()),
            Cells::Days(cells) => Arc::new(cells.finish()),
            Cells::Micros(cells) => Arc::new(cells.finish()),
            Cells::Lists(cells) => Arc::new(cells.finish()),
        }
    }
}

/// Yes or no.
fn flag(value: &[u8]) -> Result<bool, Unfit> {
    match value {
        [0] => Ok(false),
        [1] => Ok(true),
        _ => Err(WRONG_LENGTH),
    }
}

/// A whole number.
pub(super) fn integer(value: &[u8]) -> Result<i64, Unfit> {
    if let Ok(bytes) = value.try_into() {
        return Ok(i16::from_be_bytes(bytes).into());
    }
    if let Ok(bytes) = value.try_into() {
        return Ok(i32::from_be_bytes(bytes).into());
    }
    let bytes = value.try_into().map_err(|_length| WRONG_LENGTH)?;
    Ok(i64::from_be_bytes(bytes))
}

/// A number with decimals; of four bytes, the shortest that is written as it.
fn number(value: &[u8]) -> Result<f64, Unfit> {
    if let Ok(bytes) = value.try_into() {
        let narrow = f32::from_be_bytes(bytes).to_string();
        return narrow.parse().map_err(|_no_number| WRONG_LENGTH);
    }
    let bytes = value.try_into().map_err(|_length| WRONG_LENGTH)?;
    Ok(f64::from_be_bytes(bytes))
}

/// Days since 1970.
pub(super) fn days(value: &[u8]) -> Result<i32, Unfit> {
    let days = i32::from_be_bytes(value.try_into().map_err(|_length| WRONG_LENGTH)?);
    if days == i32::MAX || days == i32::MIN {
        return Err(NO_MOMENT);
    }
    days.checked_add(DAYS_BEFORE_2000).ok_or(NO_MOMENT)
}

/// Microseconds since 1970.
pub(super) fn micros(value: &[u8]) -> Result<i64, Unfit> {
    let micros = i64::from_be_bytes(value.try_into().map_err(|_length| WRONG_LENGTH)?);
    if micros == i64::MAX || micros == i64::MIN {
        return Err(NO_MOMENT);
    }
    micros.checked_add(MICROS_BEFORE_2000).ok_or(NO_MOMENT)
}

/// Puts a value that becomes text into its column.
fn push_text(cells: &mut StringBuilder, written: Written, value: &[u8]) -> Result<(), Unfit> {
    match written {
        Written::Numeric => cells.append_value(numeric::text(value).ok_or(WRONG_LENGTH)?),
        Written::Uuid => cells.append_value(uuid(value)?),
        Written::Jsonb => match value {
            [1, text @ ..] => cells.append_value(text_of(text)?),
            _ => return Err("JSON of an unknown version"),
        },
        Written::Text
        | Written::Flag
        | Written::Integer
        | Written::Float4
        | Written::Float8
        | Written::Date
        | Written::Timestamp
        | Written::Instant
        | Written::Texts => cells.append_value(text_of(value)?),
    }
    Ok(())
}

/// UTF-8.
fn text_of(value: &[u8]) -> Result<&str, Unfit> {
    std::str::from_utf8(value).map_err(|_bytes| NOT_UTF8)
}

/// A UUID as it is written.
fn uuid(value: &[u8]) -> Result<String, Unfit> {
    let value: [u8; 16] = value.try_into().map_err(|_length| WRONG_LENGTH)?;
    let digits = format!("{:032x}", u128::from_be_bytes(value));
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32];
    let parts = parts.map(|part| digits.get(part).unwrap_or_default());
    Ok(parts.join("-"))
}

/// Puts a list of texts into its column.
fn push_list(cells: &mut ListBuilder<StringBuilder>, value: &[u8]) -> Result<(), Unfit> {
    for member in members(value)? {
        match member {
            Some(text) => cells.values().append_value(text),
            None => cells.values().append_null(),
        }
    }
    cells.append(true);
    Ok(())
}

/// Members of an array of one dimension.
fn members(value: &[u8]) -> Result<Vec<Option<&str>>, Unfit> {
    let (dimensions, rest) = word(value)?;
    let (_has_nulls, rest) = word(rest)?;
    let (_of, rest) = word(rest)?;
    if dimensions == 0 {
        return Ok(Vec::new());
    }
    if dimensions != 1 {
        return Err("an array of several dimensions");
    }
    let (length, rest) = word(rest)?;
    let (_first, mut rest) = word(rest)?;
    let mut members = Vec::new();
    for _ in 0..length {
        let (length, after) = word(rest)?;
        if length == -1 {
            members.push(None);
            rest = after;
            continue;
        }
        let length = usize::try_from(length).map_err(|_negative| WRONG_LENGTH)?;
        let (text, after) = after.split_at_checked(length).ok_or(WRONG_LENGTH)?;
        members.push(Some(text_of(text)?));
        rest = after;
    }
    rest.is_empty().then_some(members).ok_or(WRONG_LENGTH)
}

/// The number at the start of some bytes, and what follows it.
fn word(bytes: &[u8]) -> Result<(i32, &[u8]), Unfit> {
    let (word, rest) = bytes.split_first_chunk::<4>().ok_or(WRONG_LENGTH)?;
    Ok((i32::from_be_bytes(*word), rest))
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array, AsArray};
    use arrow::datatypes::{Float64Type, TimestampMicrosecondType};
    use proptest::prelude::*;

    use super::*;

    /// The column of one value.
    fn column(written: Written, value: &[u8]) -> ArrayRef {
        let mut column = Column::new(written);
        column.push(Some(value)).unwrap();
        column.push(None).unwrap();
        let column = column.finish();
        assert!(column.is_null(1));
        column
    }

    #[test]
    fn every_type_has_its_column() {
        let text = |written, value: &[u8]| {
            column(written, value)
                .as_string::<i32>()
                .value(0)
                .to_owned()
        };
        assert_eq!(text(Written::Text, b"via"), "via");
        assert_eq!(text(Written::Jsonb, b"\x01{}"), "{}");
        let uuid: Vec<u8> = (0..16).collect();
        assert_eq!(
            text(Written::Uuid, &uuid),
            "00010203-0405-0607-0809-0a0b0c0d0e0f"
        );
        let number = column(Written::Float4, &0.1_f32.to_be_bytes());
        assert_eq!(
            number.as_primitive::<Float64Type>().value(0).to_string(),
            "0.1"
        );
        let instant = column(Written::Instant, &1_i64.to_be_bytes());
        let instant = instant.as_primitive::<TimestampMicrosecondType>().value(0);
        assert_eq!(instant, MICROS_BEFORE_2000 + 1);
        assert_eq!(days(&0_i32.to_be_bytes()), Ok(10_957));
        assert_eq!(integer(&(-5_i16).to_be_bytes()), Ok(-5));
    }

    #[test]
    fn a_list_keeps_its_members_and_its_nulls() {
        let mut value = Vec::new();
        for word in [1, 1, 25, 2, 1] {
            value.extend(i32::to_be_bytes(word));
        }
        value.extend(1_i32.to_be_bytes());
        value.extend(b"a");
        value.extend((-1_i32).to_be_bytes());
        assert_eq!(members(&value), Ok(vec![Some("a"), None]));
        let list = column(Written::Texts, &value);
        assert_eq!(list.as_list::<i32>().value_length(0), 2);
        assert_eq!(members(&[0; 12]), Ok(Vec::new()));
        assert!(members(&value[..value.len() - 1]).is_err());
    }

    #[test]
    fn a_moment_without_a_calendar_is_refused() {
        assert_eq!(micros(&i64::MAX.to_be_bytes()), Err(NO_MOMENT));
        assert_eq!(days(&i32::MIN.to_be_bytes()), Err(NO_MOMENT));
        assert_eq!(days(&[0]), Err(WRONG_LENGTH));
    }

    #[test]
    fn a_type_without_a_column_is_known_as_such() {
        assert_eq!(Written::of(&Type::BYTEA), None);
        assert_eq!(Written::of(&Type::INTERVAL), None);
        assert_eq!(Written::of(&Type::INT4_ARRAY), None);
        assert_eq!(Written::of(&Type::INT8), Some(Written::Integer));
    }

    proptest! {
        #[test]
        fn no_value_makes_it_panic(value in prop::collection::vec(any::<u8>(), 0..40)) {
            for written in [
                Written::Flag, Written::Integer, Written::Float4, Written::Float8, Written::Numeric,
                Written::Text, Written::Jsonb, Written::Uuid, Written::Date, Written::Timestamp,
                Written::Instant, Written::Texts,
            ] {
                let _ = Column::new(written).push(Some(&value));
            }
        }
    }
}
