//! Delimited text with settings of its own: another quote or none, escapes, comments, titles above
//! the header, short lines that are padded.
//!
//! Its quotes are judged as those of plain text are, in each record as it is written.

use std::io::Read;

use ::csv::{ByteRecord, Reader, ReaderBuilder, Terminator};
use encoding_rs::Encoding;
use memchr::{memchr, memchr_iter};

use super::csv::{decoded, header_name};
use super::quoting::{Fault, Quoting};
use super::{Error, PageRead, RawRow, Record, Sink, places};
use crate::spec::format::{CsvFormat, CsvMarks, Ragged};

/// Bytes read at a time.
const CHUNK: usize = 1 << 16;

/// Reads a page of delimited text with any settings.
pub(super) fn read(
    options: &CsvFormat,
    fields: &[String],
    page: &[u8],
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
    let mut page = page;
    for _ in 1..options.header_row {
        let end = memchr(b'\n', page).map_or(page.len(), |end| end + 1);
        page = page.get(end..).unwrap_or_default();
    }
    let mut lines = Lines {
        page,
        // A comment that no line end follows would be taken for a record.
        reader: reader(marks, page.chain(&b"\n"[..])),
        quoting: Quoting { marks, n_names: 0 },
        end: 0,
        line: u64::from(options.header_row.max(1)),
    };
    let names = lines.header(encoding)?;
    let (places, mut read) = places(fields, &names);
    let mut line = ByteRecord::new();
    while let Some((place, fault)) = lines.next(&mut line)? {
        read.n_rows += 1;
        if let Some(fault) = fault {
            let record = Record::Broken(fault.rule());
            let place = place + fault.n_lines();
            sink(RawRow { place, record });
            continue;
        }
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
struct Lines<'p, R> {
    /// The page from its header on.
    page: &'p [u8],
    /// Reader of the records.
    reader: Reader<R>,
    /// Judges their quotes.
    quoting: Quoting,
    /// Where the last record ends.
    end: usize,
    /// One-based line of that.
    line: u64,
}

impl<R: Read> Lines<'_, R> {
    /// Names of the header.
    fn header(&mut self, encoding: &'static Encoding) -> Result<Vec<String>, Error> {
        let header = self.reader.byte_headers();
        let header = header.map_err(|source| Error::CsvHeader { source })?;
        let names: Vec<String> = header
            .iter()
            .map(|name| header_name(encoding, name))
            .collect();
        self.quoting.n_names = names.len();
        match self.place_and_fault() {
            (_, Some(fault)) => Err(Error::HeaderQuotes { rule: fault.rule() }),
            (_, None) => Ok(names),
        }
    }

    /// Reads the next record and gives the one-based line it begins in, and what is wrong with its
    /// quotes.
    fn next(&mut self, line: &mut ByteRecord) -> Result<Option<(u64, Option<Fault>)>, Error> {
        let is_read = self.reader.read_byte_record(line);
        let is_read = is_read.map_err(|source| Error::CsvHeader { source })?;
        Ok(is_read.then(|| self.place_and_fault()))
    }

    /// Where the record that was just read begins, and what is wrong with its quotes. The position
    /// behind a record is known for sure, so all is told by its bytes.
    fn place_and_fault(&mut self) -> (u64, Option<Fault>) {
        let end = usize::try_from(self.reader.position().byte()).unwrap_or(usize::MAX);
        let end = end.min(self.page.len());
        let record = self.page.get(self.end..end).unwrap_or_default();
        let n_lines = |bytes| memchr_iter(b'\n', bytes).count() as u64;
        let before = record.get(..self.quoting.first_byte(record));
        let place = self.line + n_lines(before.unwrap_or_default());
        self.line += n_lines(record);
        self.end = end;
        (place, self.quoting.fault(record))
    }
}
