//! Delimited text with a header line, decoded field by field.
//!
//! Quotes are read as everyone writes them (RFC 4180): a field that begins with a quote ends with
//! one, and a quote inside is written twice. Blanks behind the closing quote belong to the field,
//! and a quote inside a field that does not begin with one is a character like others. A line ends
//! with `\n`, `\r\n` or `\r`; blank lines are no records.

use std::borrow::Cow;

use ::csv::ByteRecord;
use encoding_rs::{DecoderResult, Encoding, UTF_8};
use memchr::{memchr, memchr2, memchr3};

use super::blocks::{MOST_RECORD, TOO_LONG};
use super::ends::Scanner;
use super::marks::{self, AnyOf, Marks};
use super::quoting::{Fault, Quoting};
use super::{Error, PageRead, RawRow, Record, Sink, Value, delimited, places, without_mark};
use crate::spec::format::{CsvFormat, CsvMarks};

/// Quote of plain delimited text.
pub(super) const QUOTE: u8 = b'"';

/// What gives a line its parts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dialect {
    /// Byte between fields.
    pub(super) delimiter: u8,
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
    Ok((read, CsvLines::new(dialect, names.len(), places)))
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
    /// For each field of the header, which value it gives; one that is not asked for, none there is.
    slots: Vec<usize>,
    /// Values whose field gives another one already, which is the second of the two.
    twins: Vec<(usize, usize)>,
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
    /// Takes records with so many fields apart, of which some are asked for.
    fn new(dialect: Dialect, n_names: usize, places: Vec<Option<usize>>) -> Self {
        let nowhere = places.len();
        let mut slots = vec![nowhere; n_names];
        let mut twins = Vec::new();
        let asked = places.iter().enumerate();
        for (slot, place) in asked.filter_map(|(slot, place)| Some((slot, (*place)?))) {
            match slots.get_mut(place) {
                Some(free) if *free == nowhere => *free = slot,
                Some(first) => twins.push((slot, *first)),
                None => {}
            }
        }
        Self {
            dialect,
            n_names,
            places,
            slots,
            twins,
        }
    }

    /// Hands the records of a block over.
    pub(super) fn rows(&self, bytes: &[u8], first_line: u64, sink: &mut Sink<'_>) {
        if memchr(QUOTE, bytes).is_none() {
            self.plain_rows(bytes, first_line, sink);
        } else {
            self.quoted_rows(bytes, first_line, sink);
        }
    }

    /// Hands over the records of a block without quotes: piece by piece as text, where decoding a
    /// piece as a whole says the same as decoding the fields asked for.
    fn plain_rows(&self, bytes: &[u8], first_line: u64, sink: &mut Sink<'_>) {
        if matches!(self.dialect.delimiter, b'\n' | b'\r') {
            self.byte_rows(bytes, first_line, sink);
            return;
        }
        let mut line = first_line;
        let mut decoded = String::new();
        for piece in marks::pieces(bytes, *b"\n\r") {
            line = match self.text_of(piece, &mut decoded) {
                Some(text) => self.text_rows(text, line, sink),
                None => self.byte_rows(piece, line, sink),
            };
        }
    }

    /// A piece as text, if none of its bytes is outside the encoding and no record too long.
    fn text_of<'t>(&self, piece: &'t [u8], decoded: &'t mut String) -> Option<&'t str> {
        let encoding = self.dialect.encoding;
        if piece.len() > MOST_RECORD {
            return None;
        }
        if encoding == UTF_8 || piece.is_ascii() {
            return std::str::from_utf8(piece).ok();
        }
        // Where a character has several bytes, one of them may look like a delimiter.
        if !encoding.is_single_byte() {
            return None;
        }
        let mut reader = encoding.new_decoder_without_bom_handling();
        decoded.clear();
        decoded.reserve(reader.max_utf8_buffer_length_without_replacement(piece.len())?);
        let (result, _) = reader.decode_to_string_without_replacement(piece, decoded, true);
        (result == DecoderResult::InputEmpty).then_some(decoded.as_str())
    }

    /// Hands over the records of a text without quotes: one pass over its delimiters and line
    /// ends. Gives the number of the line behind it.
    fn text_rows(&self, text: &str, first_line: u64, sink: &mut Sink<'_>) -> u64 {
        let mut values = vec![Value::Absent; self.places.len()];
        let mut marks = self.marks(text.as_bytes());
        let (mut line, mut start) = (first_line, 0);
        loop {
            let (n_fields, end) = self.take_apart((text, start), &mut marks, &mut values);
            if end > start {
                let (place, record) = (line, self.record(n_fields, &mut values));
                sink(RawRow { place, record });
            }
            match text.as_bytes().get(end) {
                None => return line,
                Some(found) => line += u64::from(*found == b'\n'),
            }
            start = end + 1;
        }
    }

    /// Delimiters and line ends.
    fn marks<'b>(&self, bytes: &'b [u8]) -> Marks<'b, AnyOf> {
        Marks::new(bytes, AnyOf::new([self.dialect.delimiter, b'\n', b'\r']))
    }

    /// Takes the record at `start` apart: how many fields it has, and where it ends.
    #[inline(never)]
    fn take_apart<'t>(
        &self,
        (text, start): (&'t str, usize),
        walk: &mut Marks<'_, AnyOf>,
        values: &mut [Value<'t>],
    ) -> (usize, usize) {
        let delimiter = self.dialect.delimiter;
        // A copy of our own is kept near the processor, behind a reference it is not.
        let mut marks = walk.clone();
        let (mut n_fields, mut start) = (0, start);
        let mut slots = self.slots.iter();
        loop {
            let end = marks.next().unwrap_or(text.len());
            if let Some(value) = slots.next().and_then(|slot| values.get_mut(*slot)) {
                value.put(text_value(text.get(start..end).unwrap_or_default()));
            }
            n_fields += 1;
            if text.as_bytes().get(end).copied() != Some(delimiter) {
                *walk = marks;
                return (n_fields, end);
            }
            start = end + 1;
        }
    }

    /// A record of so many fields, as it is handed over.
    fn record<'v>(&self, n_fields: usize, values: &'v mut [Value<'_>]) -> Record<'v> {
        if n_fields != self.n_names {
            return Record::Broken("ragged_row");
        }
        for (twin, first) in &self.twins {
            let value = values.get(*first).cloned();
            if let (Some(place), Some(value)) = (values.get_mut(*twin), value) {
                *place = value;
            }
        }
        Record::Fields(values)
    }

    /// Hands over the records of bytes without quotes, of which some may not be text. Gives the
    /// number of the line behind them.
    fn byte_rows(&self, bytes: &[u8], first_line: u64, sink: &mut Sink<'_>) -> u64 {
        let mut values = vec![Value::Absent; self.places.len()];
        let mut ends: Vec<usize> = Vec::with_capacity(self.n_names);
        let (mut line, mut start) = (first_line, 0);
        for end in self.marks(bytes).chain([bytes.len()]) {
            let found = bytes.get(end).copied();
            ends.push(end);
            if found == Some(self.dialect.delimiter) {
                continue;
            }
            if end > start {
                let extent = Extent { start, end };
                self.byte_row((bytes, extent, &ends), line, &mut values, sink);
            }
            ends.clear();
            line += u64::from(found == Some(b'\n'));
            start = end + 1;
        }
        line
    }

    /// Hands over a record without quotes, whose fields end at `ends`.
    fn byte_row<'b>(
        &self,
        (bytes, extent, ends): (&'b [u8], Extent, &[usize]),
        place: u64,
        values: &mut [Value<'b>],
        sink: &mut Sink<'_>,
    ) {
        let field_of = |place: usize| {
            let before = place.checked_sub(1).and_then(|before| ends.get(before));
            let start = before.map_or(extent.start, |end| end + 1);
            let end = ends.get(place).copied().unwrap_or(start);
            bytes.get(start..end).unwrap_or_default()
        };
        let record = if ends.len() != self.n_names {
            Record::Broken("ragged_row")
        } else if extent.end - extent.start > MOST_RECORD {
            Record::Broken(TOO_LONG)
        } else {
            self.decode(values, field_of)
        };
        sink(RawRow { place, record });
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
#[inline]
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Rows as texts: the line, and the values or the rule that is broken.
    type Rows = Vec<(u64, Result<Vec<String>, &'static str>)>;

    /// Columns `a`, `b` and `c` in an encoding, asked for in another order and one of them twice.
    fn lines(label: &str) -> CsvLines {
        let toml = format!("delimiter = ';'\nencoding = '{label}'");
        let dialect = Dialect::new(&toml::from_str(&toml).unwrap()).unwrap();
        CsvLines::new(dialect, 3, vec![Some(2), Some(0), None, Some(2)])
    }

    /// What a reader hands over.
    fn rows(read: impl FnOnce(&mut Sink<'_>)) -> Rows {
        let mut rows = Rows::new();
        read(&mut |row| {
            let mut scratch = String::new();
            let mut text = |value: &Value<'_>| value.text(&mut scratch).to_owned();
            rows.push(match row.record {
                Record::Fields(values) => (row.place, Ok(values.iter().map(&mut text).collect())),
                Record::Broken(rule) => (row.place, Err(rule)),
            });
        });
        rows
    }

    #[test]
    fn a_field_asked_for_twice_is_given_twice() {
        let lines = lines("utf-8");
        let found = rows(|sink| lines.rows(b"7;Lodi;1,5\n\n8;Stresa\r\n", 2, sink));
        let first = ["1,5", "7", "", "1,5"].map(str::to_owned).to_vec();
        assert_eq!(found, [(2, Ok(first)), (4, Err("ragged_row"))]);
    }

    #[test]
    fn bytes_outside_the_encoding_break_the_record_only_where_they_are_asked_for() {
        let lines = lines("utf-8");
        let found = rows(|sink| lines.rows(b"1;\xff;2\n3;4;\xff\n5;6;7\n", 2, sink));
        let kept = |texts: [&str; 4]| Ok(texts.map(str::to_owned).to_vec());
        let expected: Rows = vec![
            (2, kept(["2", "1", "", "2"])),
            (3, Err("bad_encoding")),
            (4, kept(["7", "5", "", "7"])),
        ];
        assert_eq!(found, expected);
    }

    proptest! {
        #[test]
        fn a_piece_read_as_text_gives_the_rows_of_one_read_as_bytes(
            parts in proptest::collection::vec(prop_oneof![
                Just(b";".to_vec()), Just(b"\n".to_vec()), Just(b"\r\n".to_vec()), Just(b"\r".to_vec()),
                Just("é".as_bytes().to_vec()), proptest::collection::vec(b' '..=b'~', 0..40), proptest::collection::vec(128_u8.., 0..2),
            ], 0..60),
            label in prop_oneof![Just("utf-8"), Just("windows-1252"), Just("windows-1253"), Just("shift_jis")],
        ) {
            let lines = lines(label);
            let bytes = parts.concat();
            let as_text = rows(|sink| lines.plain_rows(&bytes, 7, sink));
            let as_bytes = rows(|sink| { lines.byte_rows(&bytes, 7, sink); });
            prop_assert_eq!(as_text, as_bytes);
        }
    }
}
