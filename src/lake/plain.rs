//! Bringing the answer of a query to the few types a table holds, in one canonical form.
//!
//! Views and dictionaries become plain text, unsigned numbers signed, instants microseconds UTC.
//! Floats are rounded to twelve significant digits: a sum over threads may differ in its last
//! bits from run to run, and equal inputs must give equal bytes.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Float64Type, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

/// Significant digits kept of a float.
const DIGITS: i32 = 12;

/// The schema in the types a table holds; every column may be null.
pub(crate) fn plain_schema(schema: &Schema) -> SchemaRef {
    let fields = schema
        .fields()
        .iter()
        .map(|field| Field::new(field.name(), plain_type(field.data_type()), true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The type a table holds for `data_type`.
fn plain_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Utf8View | DataType::LargeUtf8 | DataType::Null => DataType::Utf8,
        DataType::Dictionary(_, values) => plain_type(values),
        DataType::BinaryView | DataType::LargeBinary | DataType::FixedSizeBinary(_) => {
            DataType::Binary
        }
        DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32
        | DataType::UInt64
        | DataType::Int8
        | DataType::Int16
        | DataType::Int32 => DataType::Int64,
        DataType::Float16 | DataType::Float32 => DataType::Float64,
        DataType::Timestamp(_, _) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        other => other.clone(),
    }
}

/// The batch with its columns in the types of `schema`, by position.
///
/// # Errors
/// When a column cannot be cast to its type.
pub(crate) fn plain_batch(
    batch: &RecordBatch,
    schema: &SchemaRef,
) -> Result<RecordBatch, ArrowError> {
    let columns = batch
        .columns()
        .iter()
        .zip(schema.fields())
        .map(|(column, field)| Ok(rounded(cast(column, field.data_type())?)))
        .collect::<Result<Vec<_>, ArrowError>>()?;
    RecordBatch::try_new(Arc::clone(schema), columns)
}

/// A float column with its digits cut; any other column as it is.
fn rounded(column: ArrayRef) -> ArrayRef {
    if *column.data_type() != DataType::Float64 {
        return column;
    }
    let values = column.as_primitive::<Float64Type>();
    let cut: Float64Array = values.iter().map(|value| value.map(round_digits)).collect();
    Arc::new(cut)
}

/// The number with [`DIGITS`] significant digits.
pub(crate) fn round_digits(value: f64) -> f64 {
    if value.abs() < f64::MIN_POSITIVE || !value.is_finite() {
        return if value.is_finite() { 0.0 } else { value };
    }
    let digits = usize::try_from(DIGITS - 1).unwrap_or_default();
    format!("{value:.digits$e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_in_another_order_become_equal() {
        let one = round_digits(0.1 + 0.2 + 0.3);
        let other = round_digits(0.3 + 0.2 + 0.1);
        assert_eq!(one.to_bits(), other.to_bits());
        assert_eq!(round_digits(-0.0).to_bits(), 0.0_f64.to_bits());
    }
}
