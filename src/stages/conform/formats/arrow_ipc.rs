//! Arrow IPC, batch by batch: the file format and the stream format.
//!
//! A stream may lawfully end anywhere between two batches, and then a cut one cannot be told from
//! a whole one. So a stream must end with its end-of-stream marker, as every known writer does.

use arrow::datatypes::Schema;

use super::columns::read_batches;
use super::{Error, PageRead, Sink, places};
use crate::canon::arrow_pages;
use crate::canon::contain::contained;

/// Reads a page that is an Arrow file or stream: its columns first, then the rows of those asked
/// for.
pub(super) fn read(
    fields: &[String],
    bytes: &[u8],
    sink: &mut Sink<'_>,
) -> Result<PageRead, Error> {
    let broken = |source| Error::NotArrow { source };
    let open = |projection| {
        let opened = contained(|| arrow_pages::open(bytes, projection));
        opened.ok_or(Error::GaveUp)?.map_err(broken)
    };
    let (projection, mut read) = projection(fields, &open(None)?.schema());
    let batches = open(Some(projection))?.map(|batch| batch.map_err(broken));
    read_batches(batches, fields, &mut read, sink)?;
    Ok(read)
}

/// Columns to decode, and the fields that none of them is.
fn projection(fields: &[String], schema: &Schema) -> (Vec<usize>, PageRead) {
    let names: Vec<&str> = schema
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .collect();
    let (places, read) = places(fields, &names);
    let mut columns: Vec<usize> = places.into_iter().flatten().collect();
    columns.sort_unstable();
    columns.dedup();
    (columns, read)
}
