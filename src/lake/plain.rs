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
///
/// Most numbers go through a whole number of twelve digits, divided or multiplied by a power of ten that a
/// float holds exactly: one correctly rounded step, which is the float nearest to those digits. What is too
/// large or small for that goes through its text.
pub(crate) fn round_digits(value: f64) -> f64 {
    if !value.is_finite() {
        return value;
    }
    let size = value.abs();
    if size < f64::MIN_POSITIVE {
        return 0.0;
    }
    if !(SMALLEST..LARGEST).contains(&size) {
        return round_text(value);
    }
    let mut shift = DIGITS - 1 - floor_log10(size);
    let mut whole = shifted(size, shift).round();
    // The logarithm of a number just below a power of ten may be that of the power itself.
    if whole >= TWELVE_DIGITS {
        shift -= 1;
        whole = shifted(size, shift).round();
    } else if whole < TWELVE_DIGITS / 10.0 {
        shift += 1;
        whole = shifted(size, shift).round();
    }
    shifted(whole, -shift).copysign(value)
}

/// The least number beyond twelve digits.
const TWELVE_DIGITS: f64 = 1e12;

/// From here on a power of ten on the way is exact.
const SMALLEST: f64 = 1e-10;

/// Up to here, too.
const LARGEST: f64 = 1e30;

/// The number of digits before the point, less one.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the logarithm of a float has at most three digits"
)]
fn floor_log10(size: f64) -> i32 {
    size.log10().floor() as i32
}

/// The number times a power of ten that is exact in a float, in one rounded step.
fn shifted(value: f64, power: i32) -> f64 {
    let exact = 10_f64.powi(power.abs());
    if power < 0 {
        value / exact
    } else {
        value * exact
    }
}

/// The number with [`DIGITS`] significant digits, by way of its text.
fn round_text(value: f64) -> f64 {
    let digits = usize::try_from(DIGITS - 1).unwrap_or_default();
    format!("{value:.digits$e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn the_quick_way_gives_the_digits_of_the_text(digits in 100_000_000_000_i64..999_999_999_999, power in -24_i32..20, negative: bool) {
            let text = format!("{}{digits}e{power}", if negative { "-" } else { "" });
            let exact: f64 = text.parse().unwrap();
            proptest::prop_assert_eq!(round_digits(exact).to_bits(), exact.to_bits(), "{}", text);
            let close = exact * (1.0 + 3e-16);
            proptest::prop_assert_eq!(round_digits(close).to_bits(), exact.to_bits(), "{}", text);
        }

        #[test]
        fn rounding_twice_is_rounding_once(value in proptest::num::f64::ANY) {
            let once = round_digits(value);
            proptest::prop_assert_eq!(round_digits(once).to_bits(), once.to_bits());
        }

        #[test]
        fn no_number_moves_by_more_than_its_twelfth_digit(value in proptest::num::f64::NORMAL) {
            proptest::prop_assert!((round_digits(value) - value).abs() <= 1e-11 * value.abs());
        }
    }

    #[test]
    fn sums_in_another_order_become_equal() {
        let one = round_digits(0.1 + 0.2 + 0.3);
        let other = round_digits(0.3 + 0.2 + 0.1);
        assert_eq!(one.to_bits(), other.to_bits());
        assert_eq!(round_digits(-0.0).to_bits(), 0.0_f64.to_bits());
    }
}
