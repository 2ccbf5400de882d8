//! Arrow IPC, batch by batch: the file format and the stream format.
//!
//! A stream may lawfully end anywhere between two batches, and then a cut one cannot be told from
//! a whole one. So a stream must end with its end-of-stream marker, as every known writer does.

use std::io::Cursor;

use arrow::datatypes::Schema;
use arrow::error::ArrowError;
use arrow::ipc::reader::{FileReader, StreamReader};

use super::columns::read_batches;
use super::{Error, PageRead, Sink, places};

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
    let broken = |source| Error::NotArrow { source };
    if bytes.starts_with(FILE) {
        let whole = FileReader::try_new(Cursor::new(bytes), None).map_err(broken)?;
        let (projection, mut read) = projection(fields, &whole.schema());
        let batches = FileReader::try_new(Cursor::new(bytes), Some(projection)).map_err(broken)?;
        read_batches(
            batches.map(|batch| batch.map_err(broken)),
            fields,
            &mut read,
            sink,
        )?;
        return Ok(read);
    }
    if !bytes.ends_with(&END_OF_STREAM) {
        let message = "the stream has no end marker: it is cut, or not closed by its writer";
        return Err(broken(ArrowError::IpcError(message.to_owned())));
    }
    let whole = StreamReader::try_new(Cursor::new(bytes), None).map_err(broken)?;
    let (projection, mut read) = projection(fields, &whole.schema());
    let batches = StreamReader::try_new(Cursor::new(bytes), Some(projection)).map_err(broken)?;
    read_batches(
        batches.map(|batch| batch.map_err(broken)),
        fields,
        &mut read,
        sink,
    )?;
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
