//! Columns of Arrow batches as rows of raw values: what Parquet and Arrow pages have in common.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Float64Array, Int64Array, ListArray,
    RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType,
};

use super::{Error, LIST_SEPARATOR, PageRead, RawRow, Record, Sink, Value};
use crate::canon::contain::contained;

/// The fields asked for and the columns of a page they are; a batch has these columns alone, in
/// their order.
pub(super) type Asked<'a> = (&'a [String], &'a [Option<usize>]);

/// Hands over the rows of every batch.
pub(super) fn read_batches(
    mut batches: impl Iterator<Item = Result<RecordBatch, Error>>,
    asked: Asked<'_>,
    read: &mut PageRead,
    sink: &mut Sink<'_>,
) -> Result<(), Error> {
    while let Some(batch) = contained(|| batches.next()).ok_or(Error::GaveUp)? {
        let batch = batch?;
        let columns = contained(|| columns(asked, &batch)).ok_or(Error::GaveUp)??;
        let views: Vec<Option<View<'_>>> = columns
            .iter()
            .map(|column| column.as_ref().map(View::new))
            .collect();
        for row in 0..batch.num_rows() {
            // The values borrow from the columns of the batch, hence one list per row.
            let views = views.iter().map(Option::as_ref);
            let values: Vec<Value<'_>> = views.map(|view| value(view, row)).collect();
            read.n_rows += 1;
            sink(RawRow {
                place: read.n_rows,
                record: Record::Fields(&values),
            });
        }
    }
    Ok(())
}

/// The texts of a column as its persons are keyed by them; none where nothing can be read.
///
/// # Errors
/// [`Error::ColumnType`] for a column that no contract can read.
pub(crate) fn texts(name: &str, column: &ArrayRef) -> Result<Vec<Option<String>>, Error> {
    let column = contained(|| plain_column(name, column)).ok_or(Error::GaveUp)??;
    let view = View::new(&column);
    let mut scratch = String::new();
    let texts = (0..column.given.len()).map(|row| match view.value(row) {
        Value::Absent | Value::Unreadable => None,
        value => Some(value.text(&mut scratch).to_owned()),
    });
    Ok(texts.collect())
}

/// The value of a row in a column that may not be there.
fn value<'a>(view: Option<&View<'a>>, row: usize) -> Value<'a> {
    view.map_or(Value::Absent, |view| view.value(row))
}

/// Columns of a batch in the order asked for, brought to the few types a view knows.
fn columns((fields, places): Asked<'_>, batch: &RecordBatch) -> Result<Vec<Option<Column>>, Error> {
    let read = projection(places);
    let plain = |(field, place): (&String, &Option<usize>)| {
        let place = place.and_then(|place| read.binary_search(&place).ok());
        let column = place.and_then(|place| batch.columns().get(place));
        column.map(|column| plain_column(field, column)).transpose()
    };
    fields.iter().zip(places).map(plain).collect()
}

/// The columns of a page that are read, each once, in their order there.
pub(super) fn projection(places: &[Option<usize>]) -> Vec<usize> {
    let mut columns: Vec<usize> = places.iter().flatten().copied().collect();
    columns.sort_unstable();
    columns.dedup();
    columns
}

/// A column as it came, and brought to one of the types a view knows.
struct Column {
    /// As it came.
    given: ArrayRef,
    /// As a view knows it; a value that does not fit the type is null here.
    plain: ArrayRef,
}

/// A column brought to one of the types a view knows.
fn plain_column(name: &str, column: &ArrayRef) -> Result<Column, Error> {
    if let Some(members) = column.as_list_opt::<i32>() {
        return Ok(Column {
            given: Arc::clone(column),
            plain: Arc::new(joined(members)),
        });
    }
    let wanted = match column.data_type() {
        DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32 => DataType::Int64,
        DataType::Float16 | DataType::Float32 | DataType::Float64 => DataType::Float64,
        DataType::Boolean => DataType::Boolean,
        DataType::Date32 | DataType::Date64 => DataType::Date32,
        DataType::Timestamp(_, zone) => DataType::Timestamp(TimeUnit::Microsecond, zone.clone()),
        _ => DataType::Utf8,
    };
    let plain = cast(column, &wanted).map_err(|_| Error::ColumnType {
        column: name.to_owned(),
        data_type: column.data_type().to_string(),
    })?;
    let given = Arc::clone(column);
    Ok(Column { given, plain })
}

/// The members of each list as one text; null where a list holds anything but texts.
fn joined(lists: &ListArray) -> StringArray {
    let lists = lists.iter();
    lists
        .map(|list| {
            let list = list?;
            let members: Vec<&str> = list.as_string_opt::<i32>()?.iter().flatten().collect();
            Some(members.join(LIST_SEPARATOR.to_string().as_str()))
        })
        .collect()
}

/// A column with its type known.
struct View<'a> {
    /// The column as it came.
    given: &'a ArrayRef,
    /// The column as one of the types known.
    typed: Typed<'a>,
}

/// The values of a column.
enum Typed<'a> {
    /// Texts, decimals and whatever else has a text.
    Text(&'a StringArray),
    /// Whole numbers.
    Integer(&'a Int64Array),
    /// Numbers.
    Number(&'a Float64Array),
    /// Yes or no.
    Flag(&'a BooleanArray),
    /// Dates.
    Days(&'a Date32Array),
    /// Instants.
    Micros(&'a TimestampMicrosecondArray),
}

impl<'a> View<'a> {
    /// Looks at a column.
    fn new(column: &'a Column) -> Self {
        Self {
            given: &column.given,
            typed: Typed::new(&column.plain),
        }
    }

    /// The value of a row; one that does not fit the type of its column cannot be read.
    fn value(&self, row: usize) -> Value<'a> {
        match self.typed.value(row) {
            Value::Absent if self.given.is_valid(row) => Value::Unreadable,
            value => value,
        }
    }
}

impl<'a> Typed<'a> {
    /// Looks at a column of one of the plain types.
    fn new(column: &'a ArrayRef) -> Self {
        match column.data_type() {
            DataType::Int64 => Self::Integer(column.as_primitive::<Int64Type>()),
            DataType::Float64 => Self::Number(column.as_primitive::<Float64Type>()),
            DataType::Boolean => Self::Flag(column.as_boolean()),
            DataType::Date32 => Self::Days(column.as_primitive::<Date32Type>()),
            DataType::Timestamp(_, _) => {
                Self::Micros(column.as_primitive::<TimestampMicrosecondType>())
            }
            _ => Self::Text(column.as_string()),
        }
    }

    /// The value of a row.
    fn value(&self, row: usize) -> Value<'a> {
        match self {
            Self::Text(column) if column.is_valid(row) => Value::Text(column.value(row)),
            Self::Integer(column) if column.is_valid(row) => Value::Integer(column.value(row)),
            Self::Number(column) if column.is_valid(row) => Value::Number(column.value(row)),
            Self::Flag(column) if column.is_valid(row) => Value::Flag(column.value(row)),
            Self::Days(column) if column.is_valid(row) => Value::Days(column.value(row)),
            Self::Micros(column) if column.is_valid(row) => Value::Micros(column.value(row)),
            Self::Text(_)
            | Self::Integer(_)
            | Self::Number(_)
            | Self::Flag(_)
            | Self::Days(_)
            | Self::Micros(_) => Value::Absent,
        }
    }
}
