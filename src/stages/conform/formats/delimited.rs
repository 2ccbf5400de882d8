//! Delimited text with settings of its own: another quote or none, escapes, comments, titles above
//! the header, short lines that are padded.
//!
//! It is read as a stream, one record in memory at a time.

use std::io::{BufRead, BufReader, Read};

use ::csv::{ByteRecord, Reader, ReaderBuilder, Terminator};
use encoding_rs::Encoding;

use super::csv::{decoded, header_name};
use super::{Error, PageRead, RawRow, Record, Sink, places};
use crate::spec::format::{CsvFormat, CsvMarks, Ragged};

/// Bytes read at a time.
const CHUNK: usize = 1 << 16;

/// Reads a page of delimited text with any settings.
pub(super) fn read(
    options: &CsvFormat,
    fields: &[String],
    page: impl Read,
    sink: &mut Sink<'_>,
) -> Result<PageRead, Error> {
    let encoding = options
        .field_encoding()
        .ok_or_else(|| Error::UnknownEncoding {
            label: options.encoding.clone(),
        })?;
    let marks = options.marks().ok_or(Error::Delimiter {
        delimiter: options.delimiter,
    })?;
    let mut page = BufReader::with_capacity(CHUNK, page);
    let n_titles = options.header_row.saturating_sub(1);
    for _ in 0..n_titles {
        let skipped = page.skip_until(b'\n');
        skipped.map_err(|source| Error::ReadPage { source })?;
    }
    // A comment that no line end follows would be taken for a record.
    let page = page.chain(&b"\n"[..]);
    let mut lines = Lines {
        reader: reader(marks, Tap::new(page)),
        n_titles: u64::from(n_titles),
    };
    let names = lines.header(encoding)?;
    let (places, mut read) = places(fields, &names);
    let mut line = ByteRecord::new();
    while let Some(place) = lines.next(&mut line)? {
        read.n_rows += 1;
        let is_short = line.len() < names.len() && options.ragged == Ragged::Pad;
        if line.len() != names.len() && !is_short {
            let record = Record::Broken("ragged_row");
            sink(RawRow { place, record });
            continue;
        }
        let values = decoded(encoding, &line, &places);
        let record = match &values {
            Some(values) => Record::Fields(values),
            None => Record::Broken("bad_encoding"),
        };
        sink(RawRow { place, record });
    }
    Ok(read)
}

/// A reader with the given marks.
fn reader<R: Read>(marks: CsvMarks, page: R) -> Reader<R> {
    ReaderBuilder::new()
        .delimiter(marks.delimiter)
        .quote(marks.quote.unwrap_or(b'"'))
        .quoting(marks.quote.is_some())
        .escape(marks.escape)
        .comment(marks.comment)
        .terminator(Terminator::CRLF)
        .flexible(true)
        .has_headers(true)
        .buffer_capacity(CHUNK)
        .from_reader(page)
}

/// Records and the lines they begin in.
struct Lines<R> {
    /// Reader of the records.
    reader: Reader<Tap<R>>,
    /// Lines above the header.
    n_titles: u64,
}

impl<R: Read> Lines<R> {
    /// Names of the header.
    fn header(&mut self, encoding: &'static Encoding) -> Result<Vec<String>, Error> {
        let header = self.reader.byte_headers();
        let header = header.map_err(|source| Error::CsvHeader { source })?;
        Ok(header
            .iter()
            .map(|name| header_name(encoding, name))
            .collect())
    }

    /// Reads the next record and gives the one-based line it begins in.
    fn next(&mut self, line: &mut ByteRecord) -> Result<Option<u64>, Error> {
        let is_read = self.reader.read_byte_record(line);
        if !is_read.map_err(|source| Error::CsvHeader { source })? {
            return Ok(None);
        }
        // The position after a record is known for sure: what is above it are the line ends in its
        // fields, and its own if that was read.
        let after = self.reader.position();
        let is_line_end = |byte: &&u8| **byte == b'\n';
        let inside = line.as_slice().iter().filter(is_line_end).count() as u64;
        let last = after.byte().checked_sub(1);
        let last = last.and_then(|last| self.reader.get_ref().byte(last));
        let own = u64::from(last == Some(b'\n'));
        Ok(Some(self.n_titles + after.line() - inside - own))
    }
}

/// A stream that remembers the last bytes it gave.
struct Tap<R> {
    /// The stream.
    inner: R,
    /// The last bytes.
    chunk: Vec<u8>,
    /// Place of the first of them in the stream.
    start: u64,
}

impl<R> Tap<R> {
    /// A stream that gave nothing yet.
    fn new(inner: R) -> Self {
        Self {
            inner,
            chunk: Vec::new(),
            start: 0,
        }
    }

    /// A byte by its place, if it is among the last.
    fn byte(&self, place: u64) -> Option<u8> {
        let place = usize::try_from(place.checked_sub(self.start)?).ok()?;
        self.chunk.get(place).copied()
    }
}

impl<R: Read> Read for Tap<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n_bytes = self.inner.read(buffer)?;
        if n_bytes > 0 {
            self.start += self.chunk.len() as u64;
            self.chunk.clear();
            self.chunk
                .extend_from_slice(buffer.get(..n_bytes).unwrap_or_default());
        }
        Ok(n_bytes)
    }
}
