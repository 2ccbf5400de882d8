//! Rows of a database as a page: one file in the Arrow IPC format with one batch.
//!
//! The same columns and rows give the same bytes: nothing of the time, the machine or the order of
//! a map is in the file.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, Schema};
use arrow::error::ArrowError;
use arrow::ipc::writer::FileWriter;
use bytes::Bytes;

/// A page of named columns with the same number of rows each.
pub(super) fn write(columns: Vec<(String, ArrayRef)>, n_rows: usize) -> Result<Bytes, ArrowError> {
    let (fields, columns): (Vec<Field>, Vec<ArrayRef>) = columns
        .into_iter()
        .map(|(name, column)| (Field::new(name, column.data_type().clone(), true), column))
        .unzip();
    let options = RecordBatchOptions::new().with_row_count(Some(n_rows));
    let schema = Arc::new(Schema::new(fields));
    let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), columns, &options)?;
    let mut writer = FileWriter::try_new(Vec::new(), &schema)?;
    writer.write(&batch)?;
    writer.finish()?;
    writer.into_inner().map(Bytes::from)
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Cursor;

    use arrow::array::Int64Array;
    use arrow::ipc::reader::FileReader;

    use super::*;

    /// The batches of a page.
    pub(in crate::stages::acquire::transport) fn read(page: &Bytes) -> RecordBatch {
        let batches = FileReader::try_new(Cursor::new(page.clone()), None).unwrap();
        let schema = batches.schema();
        let batches: Vec<RecordBatch> = batches.map(Result::unwrap).collect();
        arrow::compute::concat_batches(&schema, &batches).unwrap()
    }

    #[test]
    fn the_same_rows_are_the_same_page() {
        let columns = || {
            let column: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None]));
            vec![("a".to_owned(), column)]
        };
        let page = write(columns(), 2).unwrap();
        assert_eq!(page, write(columns(), 2).unwrap());
        assert_eq!(read(&page).num_rows(), 2);
    }
}
