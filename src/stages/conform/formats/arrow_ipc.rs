//! Arrow IPC, batch by batch: the file format and the stream format.
//!
//! A stream may lawfully end anywhere between two batches, and then a cut one cannot be told from
//! a whole one. So a stream must end with its end-of-stream marker, as every known writer does.

use std::io::Cursor;

use arrow::array::RecordBatchReader;
use arrow::datatypes::Schema;
use arrow::error::ArrowError;
use arrow::ipc::reader::{FileReader, StreamReader};

use super::columns::read_batches;
use super::{Error, PageRead, Sink, places};
use crate::canon::contain::contained;

/// First bytes of the file format.
const FILE: &[u8] = b"ARROW1";

/// Last bytes of the stream format.
const END_OF_STREAM: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];

/// Reads a page that is an Arrow file or stream.
pub(super) fn read(
    fields: &[String],
    bytes: &[u8],
    sink: &mut Sink<'_>,
) -> Result<PageRead, Error> {
    if bytes.starts_with(FILE) {
        return read_as(bytes, (fields, sink), |page, projection| {
            FileReader::try_new(page, projection)
        });
    }
    if !bytes.ends_with(&END_OF_STREAM) {
        let message = "the stream has no end marker: it is cut, or not closed by its writer";
        let source = ArrowError::IpcError(message.to_owned());
        return Err(Error::NotArrow { source });
    }
    read_as(bytes, (fields, sink), |page, projection| {
        StreamReader::try_new(page, projection)
    })
}

/// Reads a page with one of the readers: its columns first, then the rows of those asked for.
fn read_as<'b, R: RecordBatchReader>(
    bytes: &'b [u8],
    (fields, sink): (&[String], &mut Sink<'_>),
    open: impl Fn(Cursor<&'b [u8]>, Option<Vec<usize>>) -> Result<R, ArrowError>,
) -> Result<PageRead, Error> {
    let broken = |source| Error::NotArrow { source };
    let open = |projection| {
        let opened = contained(|| open(Cursor::new(bytes), projection));
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
