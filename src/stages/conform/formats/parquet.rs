//! Apache Parquet, batch by batch; only the columns asked for are decoded.

use ::parquet::arrow::ProjectionMask;
use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use bytes::Bytes;

use super::columns::read_batches;
use super::{Error, PageRead, Sink, places};
use crate::canon::contain::contained;

/// Rows decoded at a time.
const BATCH_ROWS: usize = 8192;

/// Reads a page that is a Parquet file.
pub(super) fn read(
    fields: &[String],
    bytes: &[u8],
    sink: &mut Sink<'_>,
) -> Result<PageRead, Error> {
    let page = Bytes::copy_from_slice(bytes);
    let builder = contained(|| ParquetRecordBatchReaderBuilder::try_new(page))
        .ok_or(Error::GaveUp)?
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
    let builder = builder.with_projection(mask).with_batch_size(BATCH_ROWS);
    let batches = contained(|| builder.build())
        .ok_or(Error::GaveUp)?
        .map_err(|source| Error::NotParquet { source })?;
    let batches = batches.map(|batch| batch.map_err(|source| Error::ParquetRows { source }));
    read_batches(batches, (fields, &places), &mut read, sink)?;
    Ok(read)
}
