//! Apache Parquet, batch by batch; only the columns asked for are decoded.

use ::parquet::arrow::ProjectionMask;
use ::parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Float64Array, Int64Array, RecordBatch,
    StringArray, TimestampMicrosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType,
};
use bytes::Bytes;

use super::{Error, PageRead, RawRow, Record, Sink, Value, places};

/// Rows decoded at a time.
const BATCH_ROWS: usize = 8192;

/// Reads a page that is a Parquet file.
pub(super) fn read(
    fields: &[String],
    bytes: &[u8],
    sink: &mut Sink<'_>,
) -> Result<PageRead, Error> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(Bytes::copy_from_slice(bytes))
        .map_err(|source| Error::NotParquet { source })?;
    let names: Vec<String> = builder
        .schema()
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect();
    let (places, mut read) = places(fields, &names);
    let roots = places.iter().flatten().copied();
    let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
    let batches = builder
        .with_projection(mask)
        .with_batch_size(BATCH_ROWS)
        .build()
        .map_err(|source| Error::NotParquet { source })?;
    read_batches(batches, fields, &mut read, sink)?;
    Ok(read)
}

/// Hands over the rows of every batch.
fn read_batches(
    batches: ParquetRecordBatchReader,
    fields: &[String],
    read: &mut PageRead,
    sink: &mut Sink<'_>,
) -> Result<(), Error> {
    for batch in batches {
        let batch = batch.map_err(|source| Error::ParquetRows { source })?;
        let columns = columns(fields, &batch)?;
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

/// The value of a row in a column that may not be there.
fn value<'a>(view: Option<&View<'a>>, row: usize) -> Value<'a> {
    view.map_or(Value::Absent, |view| view.value(row))
}

/// Columns of a batch in the order asked for, brought to the few types a view knows.
fn columns(fields: &[String], batch: &RecordBatch) -> Result<Vec<Option<ArrayRef>>, Error> {
    let plain = |field: &String| {
        let column = batch.column_by_name(field);
        column.map(|column| plain_column(field, column)).transpose()
    };
    fields.iter().map(plain).collect()
}

/// A column brought to one of the types a view knows.
fn plain_column(name: &str, column: &ArrayRef) -> Result<ArrayRef, Error> {
    let wanted = match column.data_type() {
        DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32
        | DataType::UInt64 => DataType::Int64,
        DataType::Float16 | DataType::Float32 | DataType::Float64 => DataType::Float64,
        DataType::Boolean => DataType::Boolean,
        DataType::Date32 | DataType::Date64 => DataType::Date32,
        DataType::Timestamp(_, zone) => DataType::Timestamp(TimeUnit::Microsecond, zone.clone()),
        _ => DataType::Utf8,
    };
    cast(column, &wanted).map_err(|_| Error::ParquetType {
        column: name.to_owned(),
        data_type: column.data_type().to_string(),
    })
}

/// A column with its type known.
enum View<'a> {
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

    /// Whether a row has no value.
    fn is_null(&self, row: usize) -> bool {
        match self {
            Self::Text(column) => column.is_null(row),
            Self::Integer(column) => column.is_null(row),
            Self::Number(column) => column.is_null(row),
            Self::Flag(column) => column.is_null(row),
            Self::Days(column) => column.is_null(row),
            Self::Micros(column) => column.is_null(row),
        }
    }

    /// The value of a row.
    fn value(&self, row: usize) -> Value<'a> {
        if self.is_null(row) {
            return Value::Absent;
        }
        match self {
            Self::Text(column) => Value::Text(column.value(row)),
            Self::Integer(column) => Value::Integer(column.value(row)),
            Self::Number(column) => Value::Number(column.value(row)),
            Self::Flag(column) => Value::Flag(column.value(row)),
            Self::Days(column) => Value::Days(column.value(row)),
            Self::Micros(column) => Value::Micros(column.value(row)),
        }
    }
}
