//! Signals of settled quarters, which are printed again as they were.
//!
//! A signal shows the count it is about. Printed anew, it would say what today's records make of a
//! settled quarter; one that came up later would say that the count has changed. So neither is done.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, UInt32Array, new_null_array};
use arrow::compute::{cast, concat_batches, filter_record_batch, take_record_batch};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

use super::Error;
use super::signals::{ORDER, built, column};
use crate::canon::cells::texts;

/// The rows whose quarter is not settled.
pub(super) fn open_rows(
    all: &RecordBatch,
    is_settled: impl Fn(&str) -> bool,
) -> Result<RecordBatch, Error> {
    chosen(all, |quarter| !is_settled(quarter))
}

/// New signals, with those of settled quarters as they were printed.
pub(super) fn join(
    new: &RecordBatch,
    before: &RecordBatch,
    is_settled: impl Fn(&str) -> bool,
) -> Result<RecordBatch, Error> {
    let settled = chosen(before, is_settled)?;
    let settled = with_columns_of(new, &settled).map_err(built)?;
    let all = concat_batches(&new.schema(), [&settled, new]).map_err(built)?;
    let keys: Vec<_> = ORDER
        .iter()
        .map(|name| texts(&all, name).map_err(column))
        .collect::<Result<_, _>>()?;
    let mut rows: Vec<(Vec<&str>, u32)> = (0..all.num_rows())
        .zip(0_u32..)
        .map(|(row, number)| (keys.iter().map(|key| key.value(row)).collect(), number))
        .collect();
    rows.sort();
    let order: UInt32Array = rows.iter().map(|(_, number)| Some(*number)).collect();
    take_record_batch(&all, &order).map_err(built)
}

/// The rows whose quarter is wanted.
fn chosen(all: &RecordBatch, is_wanted: impl Fn(&str) -> bool) -> Result<RecordBatch, Error> {
    let quarter = texts(all, "quarter").map_err(column)?;
    let keep = (0..all.num_rows()).map(|row| Some(is_wanted(quarter.value(row))));
    filter_record_batch(all, &keep.collect::<BooleanArray>()).map_err(built)
}

/// The rows in the columns and types of others; empty where a column is new.
fn with_columns_of(others: &RecordBatch, rows: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let schema = others.schema();
    let columns = schema
        .fields()
        .iter()
        .map(|field| -> Result<ArrayRef, ArrowError> {
            match rows.column_by_name(field.name()) {
                Some(found) => cast(found, field.data_type()),
                None => Ok(new_null_array(field.data_type(), rows.num_rows())),
            }
        });
    let columns = columns.collect::<Result<_, _>>()?;
    RecordBatch::try_new(Arc::clone(&schema), columns)
}
