//! Delimited text with a header line, decoded field by field.
//!
//! Quotes are read as everyone writes them (RFC 4180): a field that begins with a quote ends with
//! one, and a quote inside is written twice. Blanks behind the closing quote belong to the field,
//! and a quote inside a field that does not begin with one is a character like others. A line ends
//! with `\n`, `\r\n` or `\r`; blank lines are no records.

use std::borrow::Cow;

use ::csv::ByteRecord;
use encoding_rs::{Encoding, UTF_8};
use memchr::{memchr, memchr2, memchr3, memchr3_iter, memrchr};

use super::blocks::{MOST_RECORD, TOO_LONG};
use super::quoting::{Fault, Quoting};
use super::{Error, PageRead, RawRow, Record, Sink, Value, delimited, places, without_mark};
use crate::spec::format::{CsvFormat, CsvMarks};

/// Quote of plain delimited text.
const QUOTE: u8 = b'"';

/// What gives a line its parts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dialect {
    /// Byte between fields.
    delimiter: u8,
    /// Encoding of the fields.
    encoding: &'static Encoding,
}

impl Dialect {
    /// The parts as declared.
    pub(super) fn new(options: &CsvFormat) -> Result<Self, Error> {
        let encoding = options.field_encoding();
        let delimiter = u8::try_from(options.delimiter).ok().filter(u8::is_ascii);
        Ok(Self {
            encoding: encoding.ok_or_else(|| Error::UnknownEncoding {
                label: options.encoding.clone(),
            })?,
            delimiter: delimiter.ok_or(Error::Delimiter {
                delimiter: options.delimiter,
            })?,
        })
    }

    /// What judges the quotes of records with so many fields.
    fn quoting(self, n_names: usize) -> Quoting {
        let marks = CsvMarks {
            delimiter: self.delimiter,
            quote: Some(QUOTE),
            escape: None,
            comment: None,
        };
        Quoting { marks, n_names }
    }
}

/// Reads a page of delimited text.
pub(super) fn read(
    options: &CsvFormat,
    fields: &[String],
    bytes: &[u8],
    sink: &mut Sink<'_>,
) -> Result<PageRead, Error> {
    if !options.is_plain() {
        return delimited::read(options, fields, without_mark(bytes), sink);
    }
    let dialect = Dialect::new(options)?;
    let bytes = without_mark(bytes);
    let end = Scanner::new(dialect)
        .first_end(bytes)
        .unwrap_or(bytes.len());
    let (header, rest) = bytes.split_at_checked(end).unwrap_or((bytes, &[]));
    let (mut read, lines) = open(dialect, fields, header)?;
    let first_line = 1 + memchr::memchr_iter(b'\n', header).count() as u64;
    let mut n_rows = 0;
    lines.rows(rest, first_line, &mut |row| {
        n_rows += 1;
        sink(row);
    });
    read.n_rows = n_rows;
    Ok(read)
}

/// Reads the header: the first record of a page.
pub(super) fn open(
    dialect: Dialect,
    fields: &[String],
    header: &[u8],
) -> Result<(PageRead, CsvLines), Error> {
    let mut record = Fields::default();
    record.take_apart(dialect.delimiter, header);
    if let Some(fault) = dialect.quoting(record.len()).fault(header) {
        let rule = fault.rule();
        return Err(Error::HeaderQuotes { rule });
    }
    let names: Vec<String> = (0..record.len())
        .map(|place| header_name(dialect.encoding, record.get(header, place)))
        .collect();
    let (places, read) = places(fields, &names);
    let lines = CsvLines {
        dialect,
        n_names: names.len(),
        places,
    };
    Ok((read, lines))
}

/// A name of the header, without spaces around it.
pub(super) fn header_name(encoding: &'static Encoding, name: &[u8]) -> String {
    let (name, _) = encoding.decode_without_bom_handling(name);
    name.trim().to_owned()
}

/// Values of a line in the order asked for; `None` if the bytes are not in the encoding.
pub(super) fn decoded<'l>(
    encoding: &'static Encoding,
    line: &'l ByteRecord,
    places: &[Option<usize>],
) -> Option<Vec<Value<'l>>> {
    let mut values = Vec::with_capacity(places.len());
    for place in places {
        let field = place.and_then(|place| line.get(place)).unwrap_or_default();
        values.push(decoded_field(encoding, field)?);
    }
    Some(values)
}

/// One field as a value.
fn decoded_field<'l>(encoding: &'static Encoding, field: &'l [u8]) -> Option<Value<'l>> {
    if field.is_empty() {
        return Some(Value::Absent);
    }
    if encoding == UTF_8 || field.is_ascii() {
        return std::str::from_utf8(field).ok().map(Value::Text);
    }
    let text = encoding.decode_without_bom_handling_and_without_replacement(field)?;
    Some(match text {
        Cow::Borrowed(text) => Value::Text(text),
        Cow::Owned(text) => Value::Owned(text),
    })
}

/// Takes the records of a block apart.
#[derive(Debug)]
pub(crate) struct CsvLines {
    /// What gives a line its parts.
    dialect: Dialect,
    /// Fields of the header.
    n_names: usize,
    /// Where the fields asked for stand.
    places: Vec<Option<usize>>,
}

/// Where a record lies in its block.
#[derive(Debug, Clone, Copy)]
struct Extent {
    /// Its first byte.
    start: usize,
    /// One behind its last byte, without the line end.
    end: usize,
}

impl CsvLines {
    /// Hands the records of a block over.
    pub(super) fn rows(&self, bytes: &[u8], first_line: u64, sink: &mut Sink<'_>) {
        if memchr(QUOTE, bytes).is_none() {
            self.plain_rows(bytes, first_line, sink);
        } else {
            self.quoted_rows(bytes, first_line, sink);
        }
    }

    /// Hands over the records of a block without quotes: one pass over its delimiters and line ends.
    fn plain_rows(&self, bytes: &[u8], first_line: u64, sink: &mut Sink<'_>) {
        let mut values = vec![Value::Absent; self.places.len()];
        let mut ends: Vec<usize> = Vec::with_capacity(self.n_names);
        let (mut line, mut start) = (first_line, 0);
        for hit in memchr3_iter(self.dialect.delimiter, b'\n', b'\r', bytes) {
            let found = bytes.get(hit).copied();
            if found == Some(self.dialect.delimiter) {
                ends.push(hit);
                continue;
            }
            if hit > start {
                ends.push(hit);
                let extent = Extent { start, end: hit };
                self.plain_row((bytes, extent, &ends), line, &mut values, sink);
                ends.clear();
            }
            line += u64::from(found == Some(b'\n'));
            start = hit + 1;
        }
        if start < bytes.len() {
            ends.push(bytes.len());
            let extent = Extent {
                start,
                end: bytes.len(),
            };
            self.plain_row((bytes, extent, &ends), line, &mut values, sink);
        }
    }

    /// Hands over a record without quotes, whose fields end at `ends`.
    fn plain_row<'b>(
        &self,
        (bytes, extent, ends): (&'b [u8], Extent, &[usize]),
        place: u64,
        values: &mut [Value<'b>],
        sink: &mut Sink<'_>,
    ) {
        if ends.len() != self.n_names {
            let record = Record::Broken("ragged_row");
            sink(RawRow { place, record });
            return;
        }
        let field_of = |place: usize| {
            let before = place.checked_sub(1).and_then(|before| ends.get(before));
            let start = before.map_or(extent.start, |end| end + 1);
            (start, ends.get(place).copied().unwrap_or(start))
        };
        let whole = bytes.get(extent.start..extent.end).unwrap_or_default();
        let record = match self.text_of(whole) {
            _ if whole.len() > MOST_RECORD => Record::Broken(TOO_LONG),
            Some(text) => {
                for (value, place) in values.iter_mut().zip(&self.places) {
                    let found = place.map(field_of);
                    let inside = |(start, end)| text.get(start - extent.start..end - extent.start);
                    *value = found.and_then(inside).map_or(Value::Absent, text_value);
                }
                Record::Fields(values)
            }
            None => self.decode(values, |place| {
                let (start, end) = field_of(place);
                bytes.get(start..end).unwrap_or_default()
            }),
        };
        sink(RawRow { place, record });
    }

    /// A whole record as text, if that is what decoding its fields gives.
    fn text_of<'b>(&self, whole: &'b [u8]) -> Option<&'b str> {
        if self.dialect.encoding == UTF_8 || whole.is_ascii() {
            return std::str::from_utf8(whole).ok();
        }
        None
    }

    /// Decodes the fields asked for one by one.
    fn decode<'v, 'b: 'v>(
        &self,
        values: &'v mut [Value<'b>],
        field: impl Fn(usize) -> &'b [u8],
    ) -> Record<'v> {
        for (value, place) in values.iter_mut().zip(&self.places) {
            let bytes = place.map(&field).unwrap_or_default();
            match decoded_field(self.dialect.encoding, bytes) {
                Some(decoded) => *value = decoded,
                None => return Record::Broken("bad_encoding"),
            }
        }
        Record::Fields(values)
    }

    /// Hands over the records of a block with quotes, one by one.
    fn quoted_rows(&self, bytes: &[u8], first_line: u64, sink: &mut Sink<'_>) {
        let mut fields = Fields::default();
        let (mut rest, mut line) = (bytes, first_line);
        while let Some(first) = rest.first() {
            if matches!(first, b'\n' | b'\r') {
                line += u64::from(*first == b'\n');
                rest = rest.get(1..).unwrap_or_default();
                continue;
            }
            let n_bytes = fields.take_apart(self.dialect.delimiter, rest);
            let record = rest.get(..n_bytes).unwrap_or_default();
            self.quoted_row((record, &fields), line, sink);
            line += memchr::memchr_iter(b'\n', record).count() as u64;
            rest = rest.get(n_bytes..).unwrap_or_default();
        }
    }

    /// Hands over a record that was taken apart.
    fn quoted_row(&self, (record, fields): (&[u8], &Fields), place: u64, sink: &mut Sink<'_>) {
        let mut values = vec![Value::Absent; self.places.len()];
        let mut place = place;
        let record = if record.len() > MOST_RECORD {
            Record::Broken(TOO_LONG)
        } else if let Some(fault) = self.fault(record, fields) {
            place += fault.n_lines();
            Record::Broken(fault.rule())
        } else if fields.len() == self.n_names {
            self.decode(&mut values, |place| fields.get(record, place))
        } else {
            Record::Broken("ragged_row")
        };
        sink(RawRow { place, record });
    }

    /// What is wrong with the quotes of a record; looked for where they enclose line ends or are
    /// odd.
    fn fault(&self, record: &[u8], fields: &Fields) -> Option<Fault> {
        let inside = record.split_last().map_or(record, |(_, inside)| inside);
        let is_suspect = fields.is_odd || memchr2(b'\n', b'\r', inside).is_some();
        let quoting = self.dialect.quoting(self.n_names);
        is_suspect.then(|| quoting.fault(record)).flatten()
    }
}

/// A field as a value; an empty one is none.
fn text_value(field: &str) -> Value<'_> {
    if field.is_empty() {
        Value::Absent
    } else {
        Value::Text(field)
    }
}

/// Fields of one record: slices of it, or of the texts taken out of quotes.
#[derive(Debug, Default)]
struct Fields {
    /// Where each field lies.
    extents: Vec<(Source, usize, usize)>,
    /// Fields whose quotes were taken off, end to end.
    unquoted: Vec<u8>,
    /// Whether a quote is not closed, or something stands behind one that is.
    is_odd: bool,
}

/// Where a field lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// In the record.
    Record,
    /// Among the fields whose quotes were taken off.
    Unquoted,
}

impl Fields {
    /// Number of fields.
    fn len(&self) -> usize {
        self.extents.len()
    }

    /// A field of the record it was taken from.
    fn get<'f>(&'f self, record: &'f [u8], place: usize) -> &'f [u8] {
        let found = self.extents.get(place);
        let field = found.and_then(|(source, start, end)| match source {
            Source::Record => record.get(*start..*end),
            Source::Unquoted => self.unquoted.get(*start..*end),
        });
        field.unwrap_or_default()
    }

    /// Takes the first record of bytes apart and gives its length, one line end included. Line
    /// ends before it are passed over.
    fn take_apart(&mut self, delimiter: u8, bytes: &[u8]) -> usize {
        self.extents.clear();
        self.unquoted.clear();
        self.is_odd = false;
        let blank = bytes
            .iter()
            .take_while(|byte| matches!(byte, b'\n' | b'\r'));
        let mut at = blank.count();
        if at == bytes.len() {
            return at;
        }
        loop {
            let end = if bytes.get(at) == Some(&QUOTE) {
                self.take_quoted(delimiter, bytes, at)
            } else {
                let end = field_end(delimiter, bytes, at);
                self.extents.push((Source::Record, at, end));
                end
            };
            match bytes.get(end) {
                None => return bytes.len(),
                Some(found) if *found == delimiter => at = end + 1,
                Some(_) => return end + 1,
            }
        }
    }

    /// Takes a field that begins with a quote and gives where it ends.
    fn take_quoted(&mut self, delimiter: u8, bytes: &[u8], start: usize) -> usize {
        let first = self.unquoted.len();
        let mut at = start + 1;
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            let Some(quote) = memchr(QUOTE, rest) else {
                self.unquoted.extend_from_slice(rest);
                self.is_odd = true;
                at = bytes.len();
                break;
            };
            self.unquoted
                .extend_from_slice(rest.get(..quote).unwrap_or_default());
            at += quote + 1;
            if bytes.get(at) != Some(&QUOTE) {
                break;
            }
            self.unquoted.push(QUOTE);
            at += 1;
        }
        let end = field_end(delimiter, bytes, at);
        self.is_odd |= end > at;
        self.unquoted
            .extend_from_slice(bytes.get(at..end).unwrap_or_default());
        self.extents
            .push((Source::Unquoted, first, self.unquoted.len()));
        end
    }
}

/// Where a field without quotes ends.
fn field_end(delimiter: u8, bytes: &[u8], start: usize) -> usize {
    let rest = bytes.get(start..).unwrap_or_default();
    memchr3(delimiter, b'\n', b'\r', rest).map_or(bytes.len(), |end| start + end)
}

/// Where a scan for the ends of records stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// At the start of a record, or in line ends before it.
    Record,
    /// At the start of a later field.
    Field,
    /// In a field without quotes.
    Plain,
    /// In a field with quotes.
    Quoted,
    /// After a quote in a field with quotes.
    Closing,
}

/// Finds the ends of records, also over several runs of bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scanner {
    /// Byte between fields.
    delimiter: u8,
    /// Where it stands.
    state: State,
}

impl Scanner {
    /// A scanner at the start of a record.
    pub(super) fn new(dialect: Dialect) -> Self {
        Self {
            delimiter: dialect.delimiter,
            state: State::Record,
        }
    }

    /// Where the last whole record of bytes ends that begin with a record.
    pub(super) fn last_end(mut self, bytes: &[u8]) -> Option<usize> {
        if memchr(QUOTE, bytes).is_none() {
            let last = memrchr(b'\n', bytes).or_else(|| {
                // Behind a `\r` that comes last there may be a `\n` that belongs to it.
                let inner = bytes.get(..bytes.len().saturating_sub(1));
                inner.and_then(|inner| memrchr(b'\r', inner))
            });
            return last.map(|end| end + 1);
        }
        let (mut at, mut last) = (0, None);
        while let Some(end) = self.first_end(bytes.get(at..).unwrap_or_default()) {
            at += end;
            last = Some(at);
        }
        last
    }

    /// Where the record that goes on in these bytes ends, one line end included.
    pub(super) fn first_end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            let before = self.state;
            self.state = self.after(*byte);
            if self.state == State::Record && before != State::Record {
                return Some(at + 1);
            }
            at += if matches!(self.state, State::Quoted | State::Plain) {
                1 + self.skip(bytes, at + 1)
            } else {
                1
            };
        }
        None
    }

    /// Where the scan stands after one more byte.
    fn after(self, byte: u8) -> State {
        let is_end = matches!(byte, b'\n' | b'\r');
        match self.state {
            State::Quoted if byte == QUOTE => State::Closing,
            State::Quoted => State::Quoted,
            State::Record | State::Field | State::Closing if byte == QUOTE => State::Quoted,
            State::Record | State::Field | State::Plain | State::Closing => {
                if is_end {
                    State::Record
                } else if byte == self.delimiter {
                    State::Field
                } else {
                    State::Plain
                }
            }
        }
    }

    /// Bytes that do not change where the scan stands.
    fn skip(self, bytes: &[u8], at: usize) -> usize {
        let rest = bytes.get(at..).unwrap_or_default();
        let found = if self.state == State::Quoted {
            memchr(QUOTE, rest)
        } else {
            match memchr2(b'\n', b'\r', rest) {
                Some(end) => {
                    memchr(self.delimiter, rest.get(..end).unwrap_or_default()).or(Some(end))
                }
                None => memchr(self.delimiter, rest),
            }
        };
        found.unwrap_or(rest.len())
    }
}
