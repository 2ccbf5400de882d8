//! Delimited text with a header line, decoded field by field.

use std::borrow::Cow;

use ::csv::{ByteRecord, ReaderBuilder, Terminator};
use encoding_rs::{Encoding, UTF_8};

use super::{Error, PageRead, RawRow, Record, Sink, Value, delimited, places, without_mark};
use crate::spec::format::CsvFormat;

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
    let encoding = options
        .field_encoding()
        .ok_or_else(|| Error::UnknownEncoding {
            label: options.encoding.clone(),
        })?;
    let delimiter = u8::try_from(options.delimiter).ok().filter(u8::is_ascii);
    let delimiter = delimiter.ok_or(Error::Delimiter {
        delimiter: options.delimiter,
    })?;
    read_lines(delimiter, encoding, fields, without_mark(bytes), sink)
}

/// Reads the header and every line after it.
fn read_lines(
    delimiter: u8,
    encoding: &'static Encoding,
    fields: &[String],
    bytes: &[u8],
    sink: &mut Sink<'_>,
) -> Result<PageRead, Error> {
    let mut lines = ReaderBuilder::new()
        .delimiter(delimiter)
        .terminator(Terminator::CRLF)
        .flexible(true)
        .has_headers(true)
        .from_reader(bytes);
    let header = lines
        .byte_headers()
        .map_err(|source| Error::CsvHeader { source })?;
    let names: Vec<String> = header
        .iter()
        .map(|name| header_name(encoding, name))
        .collect();
    let (places, mut read) = places(fields, &names);
    let mut line = ByteRecord::new();
    while lines
        .read_byte_record(&mut line)
        .map_err(|source| Error::CsvHeader { source })?
    {
        read.n_rows += 1;
        let place = line
            .position()
            .map_or(0, |position| line_number(bytes, position));
        if line.len() != names.len() {
            let record = Record::Broken("ragged_row");
            sink(RawRow { place, record });
            continue;
        }
        match decoded(encoding, &line, &places) {
            Some(values) => sink(RawRow {
                place,
                record: Record::Fields(&values),
            }),
            None => sink(RawRow {
                place,
                record: Record::Broken("bad_encoding"),
            }),
        }
    }
    Ok(read)
}

/// One-based line where a record starts: the reader's position may stand on the line ends before.
fn line_number(bytes: &[u8], position: &::csv::Position) -> u64 {
    let start = usize::try_from(position.byte()).unwrap_or(usize::MAX);
    let rest = bytes.get(start..).unwrap_or_default();
    let ends = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    let n_ends = ends.filter(|byte| **byte == b'\n').count();
    position.line() + u64::try_from(n_ends).unwrap_or(0)
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
    if encoding == UTF_8 {
        return std::str::from_utf8(field).ok().map(Value::Text);
    }
    let text = encoding.decode_without_bom_handling_and_without_replacement(field)?;
    Some(match text {
        Cow::Borrowed(text) => Value::Text(text),
        Cow::Owned(text) => Value::Owned(text),
    })
}
