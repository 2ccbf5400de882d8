//! Arrow IPC, batch by batch: the file format and the stream format.
//!
//! A stream may lawfully end anywhere between two batches, and then a cut one cannot be told from
//! a whole one. So a stream must end with its end-of-stream marker, as every known writer does.

use super::columns::{projection, read_batches};
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
    let schema = open(None)?.schema();
    let columns = schema.fields().iter();
    let names: Vec<&str> = columns.map(|field| field.name().as_str()).collect();
    let (places, mut read) = places(fields, &names);
    let batches = open(Some(projection(&places)))?.map(|batch| batch.map_err(broken));
    read_batches(batches, (fields, &places), &mut read, sink)?;
    Ok(read)
}
