//! Reading values out of a batch in plain types, by column name.

use arrow::array::{Array, AsArray, BooleanArray, Float64Array, Int64Array, StringArray};
use arrow::datatypes::{DataType, Date32Type, Float64Type, Int64Type};
use arrow::record_batch::RecordBatch;
use chrono::{Days, NaiveDate};

/// A column is missing or of another type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column `{column}` is missing or not {expected}")]
pub struct CellError {
    /// The column.
    column: String,
    /// What it should hold.
    expected: &'static str,
}

/// A column of texts.
pub(crate) fn texts<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a StringArray, CellError> {
    let column = batch
        .column_by_name(name)
        .and_then(|column| column.as_string_opt::<i32>());
    column.ok_or_else(|| wrong(name, "text"))
}

/// A column of whole numbers.
pub(crate) fn counts<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a Int64Array, CellError> {
    let column = batch
        .column_by_name(name)
        .and_then(|column| column.as_primitive_opt::<Int64Type>());
    column.ok_or_else(|| wrong(name, "whole numbers"))
}

/// A column of measured numbers.
pub(crate) fn numbers<'a>(
    batch: &'a RecordBatch,
    name: &str,
) -> Result<&'a Float64Array, CellError> {
    let column = batch
        .column_by_name(name)
        .and_then(|column| column.as_primitive_opt::<Float64Type>());
    column.ok_or_else(|| wrong(name, "numbers"))
}

/// A column of yes and no.
pub(crate) fn flags<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a BooleanArray, CellError> {
    let column = batch
        .column_by_name(name)
        .and_then(|column| column.as_boolean_opt());
    column.ok_or_else(|| wrong(name, "yes or no"))
}

/// A column of dates, read as the text `YYYY-MM` of their month.
pub(crate) fn months(batch: &RecordBatch, name: &str) -> Result<Vec<String>, CellError> {
    let column = batch
        .column_by_name(name)
        .ok_or_else(|| wrong(name, "dates"))?;
    let column = match column.data_type() {
        DataType::Date32 => column.as_primitive::<Date32Type>().clone(),
        _ => return Err(wrong(name, "dates")),
    };
    Ok(column
        .iter()
        .map(|days| days.map(month_of).unwrap_or_default())
        .collect())
}

/// Month of a day counted from 1970.
fn month_of(days: i32) -> String {
    let epoch = NaiveDate::default();
    let date = u64::try_from(days)
        .ok()
        .and_then(|days| epoch.checked_add_days(Days::new(days)));
    date.unwrap_or(epoch).format("%Y-%m").to_string()
}

/// A count that cannot be negative.
pub(crate) fn count_at(column: &Int64Array, row: usize) -> u64 {
    if column.is_null(row) {
        return 0;
    }
    u64::try_from(column.value(row)).unwrap_or_default()
}

/// The error for a column.
fn wrong(name: &str, expected: &'static str) -> CellError {
    CellError {
        column: name.to_owned(),
        expected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_belongs_to_its_month() {
        assert_eq!(month_of(0), "1970-01");
        assert_eq!(month_of(20_727), "2026-10");
    }
}
