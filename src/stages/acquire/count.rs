//! How many records a page holds, counted without the reader that will take them apart.
//!
//! Books that are checked against their own counters prove nothing. So the number of records is
//! had in another way: quotes and line ends of a text, lines of NDJSON, the server's own count in
//! JSON, the footer of Parquet, the count written in a workbook or its rows. Where no such count
//! can be had the answer is [`Count::Unverified`], never a guess.

use std::fmt;
use std::io::BufRead;

use ::parquet::file::metadata::ParquetMetaDataReader;
use arrow::ipc::root_as_message;
use bytes::Bytes;
use calamine::Data;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::delimited::count_csv;
use crate::canon::workbook::header::{self, HeaderPlace};
use crate::canon::workbook::{Sheet, Workbook};
use crate::spec::format::{CountOf, Format, JsonFormat, SheetFormat};
use crate::spec::source::{ColumnSpec, TableSpec};

/// Records of one page or table, as counted independently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Count {
    /// Records of the page.
    Verified(u64),
    /// Records of all pages of the table, as every page says.
    WholeTable(u64),
    /// No independent count can be had.
    Unverified {
        /// Why.
        why: String,
    },
}

/// No count, for the given reason.
pub(crate) fn unverified(why: impl Into<String>) -> Count {
    Count::Unverified { why: why.into() }
}

/// Records of a page, whose bytes are as its format reads them.
pub(crate) fn count_records(table: &TableSpec, bytes: &[u8]) -> Count {
    match &table.format {
        Format::Csv(options) => count_csv(options, bytes),
        Format::Json(options) => count_json(options, bytes),
        Format::Ndjson(_) => Count::Verified(count_lines(bytes)),
        Format::Parquet(_) => count_parquet(bytes),
        Format::Arrow(_) => count_arrow(bytes),
        Format::Sheet(options) => count_sheet(table, options, bytes),
    }
}

/// Lines that are not blank.
fn count_lines(bytes: &[u8]) -> u64 {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut rest = bytes;
    let mut n_lines = 0;
    while !rest.is_empty() {
        let before = rest;
        // Reading from memory cannot fail.
        let length = rest.skip_until(b'\n').unwrap_or(before.len());
        let line = before.get(..length).unwrap_or_default();
        if !line.iter().all(u8::is_ascii_whitespace) {
            n_lines += 1;
        }
    }
    n_lines
}

/// The server's own count.
fn count_json(options: &JsonFormat, bytes: &[u8]) -> Count {
    let Some(path) = &options.count else {
        return unverified("the platform gives no count");
    };
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let steps: Vec<&str> = path.split('.').collect();
    let mut page = serde_json::Deserializer::from_slice(bytes);
    let count = CountAt(&steps).deserialize(&mut page);
    let Ok(count) = count.and_then(|count| page.end().map(|()| count)) else {
        return unverified("the page is not a whole JSON document");
    };
    match (count, options.count_of) {
        (None, _) => unverified(format!("the page has no count at `{path}`")),
        (Some(n_records), CountOf::Page) => Count::Verified(n_records),
        (Some(n_records), CountOf::Table) => Count::WholeTable(n_records),
    }
}

/// The whole number at the end of some steps; everything else is passed over.
struct CountAt<'p>(&'p [&'p str]);

impl<'de> DeserializeSeed<'de> for CountAt<'_> {
    type Value = Option<u64>;

    fn deserialize<D: Deserializer<'de>>(self, page: D) -> Result<Option<u64>, D::Error> {
        if self.0.is_empty() {
            return Ok(serde_json::Value::deserialize(page)?.as_u64());
        }
        page.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for CountAt<'_> {
    type Value = Option<u64>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object with a count")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<u64>, A::Error> {
        let mut count = None;
        while let Some(name) = map.next_key::<String>()? {
            match self.0 {
                [step, rest @ ..] if *step == name => count = map.next_value_seed(CountAt(rest))?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(count)
    }
}

/// Rows that the footer gives.
fn count_parquet(bytes: &[u8]) -> Count {
    let page = Bytes::copy_from_slice(bytes);
    let footer = ParquetMetaDataReader::new().parse_and_finish(&page);
    let n_rows = footer.ok().map(|footer| footer.file_metadata().num_rows());
    match n_rows.and_then(|n_rows| u64::try_from(n_rows).ok()) {
        Some(n_rows) => Count::Verified(n_rows),
        None => unverified("the page has no Parquet footer"),
    }
}

/// Rows of the batches, by the messages that announce them; their columns are not looked at.
fn count_arrow(bytes: &[u8]) -> Count {
    let whole = arrow_rows(bytes);
    whole.map_or_else(
        || unverified("the page is no whole Arrow file or stream"),
        Count::Verified,
    )
}

/// Sum of the lengths of all batches; `None` where a message cannot be read.
fn arrow_rows(bytes: &[u8]) -> Option<u64> {
    const CONTINUED: [u8; 4] = [0xff; 4];
    // The file format is the stream format behind a name, some zeros, and before a footer.
    let file = bytes.strip_prefix(b"ARROW1");
    let mut rest = file.map_or(bytes, |file| {
        let n_zeros = file.iter().take_while(|byte| **byte == 0).count();
        file.get(n_zeros..).unwrap_or_default()
    });
    let mut n_rows = 0_u64;
    loop {
        rest = rest.strip_prefix(&CONTINUED)?;
        let (length, after) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(i32::from_le_bytes(*length)).ok()?;
        if length == 0 {
            return Some(n_rows);
        }
        let message = root_as_message(after.get(..length)?).ok()?;
        if let Some(batch) = message.header_as_record_batch() {
            n_rows = n_rows.checked_add(u64::try_from(batch.length()).ok()?)?;
        }
        let body = usize::try_from(message.bodyLength()).ok()?;
        rest = after.get(length..)?.get(body..)?;
    }
}

/// The count written in the workbook, or the rows with a value below the header.
fn count_sheet(table: &TableSpec, options: &SheetFormat, bytes: &[u8]) -> Count {
    let book = match Workbook::open(Bytes::copy_from_slice(bytes)) {
        Ok(book) => book,
        Err(source) => return unverified(source.to_string()),
    };
    if let Some(cell) = &options.count {
        return written_count(&book, options, cell);
    }
    let sheet = match book.sheet(&options.sheet) {
        Ok(sheet) => sheet,
        Err(source) => return unverified(source.to_string()),
    };
    let from =
        |(name, column): (&String, &ColumnSpec)| column.from.as_ref().unwrap_or(name).clone();
    let mut fields: Vec<String> = table.columns.iter().map(from).collect();
    fields.sort_unstable();
    fields.dedup();
    let place = HeaderPlace {
        last: options.header_row,
        n_rows: options.header_rows,
    };
    let header = match header::find(&sheet, place, &fields) {
        Ok(header) => header,
        Err(source) => return unverified(source.to_string()),
    };
    let below = sheet.rows.iter().filter(|row| row.number >= header.below);
    let n_rows = below.filter(|row| !row.is_blank()).count();
    u64::try_from(n_rows).map_or_else(|_| unverified("too many rows"), Count::Verified)
}

/// The count that a cell gives.
fn written_count(book: &Workbook, options: &SheetFormat, cell: &str) -> Count {
    let (sheet, place) = cell.rsplit_once('!').unwrap_or((&options.sheet, cell));
    let Ok(cells) = book.sheet(sheet) else {
        return unverified(format!("the workbook has no sheet `{sheet}`"));
    };
    let count = cell_place(place).and_then(|place| whole_number(&cells, place));
    count.map_or_else(
        || unverified(format!("cell `{cell}` holds no count")),
        Count::Verified,
    )
}

/// Row and column, from zero, of a cell such as `B12`.
fn cell_place(cell: &str) -> Option<(u32, u32)> {
    let n_letters = cell.bytes().take_while(u8::is_ascii_alphabetic).count();
    let (letters, row) = cell.split_at_checked(n_letters)?;
    let column = letters.bytes().try_fold(0_u32, |column, letter| {
        let value = u32::from(letter.to_ascii_uppercase() - b'A') + 1;
        column.checked_mul(26)?.checked_add(value)
    })?;
    Some((
        row.parse::<u32>().ok()?.checked_sub(1)?,
        column.checked_sub(1)?,
    ))
}

/// The whole number in a cell.
fn whole_number(cells: &Sheet, (row, column): (u32, u32)) -> Option<u64> {
    match cells.get(row, column)? {
        Data::Int(number) => u64::try_from(*number).ok(),
        // A whole float writes itself with digits only; anything else does not parse.
        Data::Float(number) => number.to_string().parse().ok(),
        Data::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts a page in a format written in TOML.
    fn count(format: &str, bytes: &[u8]) -> Count {
        let table = format!(
            "fetch.files = {{ url = 'x' }}\nformat.{format}\n[columns]\nid = {{ type = 'record' }}"
        );
        count_records(&toml::from_str(&table).unwrap(), bytes)
    }

    #[test]
    fn lines_of_json_are_counted_without_blank_ones() {
        let found = count("ndjson = {}", b"{}\n\n{}\r\n  \n{");
        assert_eq!(found, Count::Verified(3));
    }

    #[test]
    fn the_count_of_the_server_is_taken_as_given() {
        let page = br#"{"items":[{}],"meta":{"total":7}}"#;
        let of_page = "json = { records = 'items', count = 'meta.total' }";
        let of_table = "json = { records = 'items', count = 'meta.total', count_of = 'table' }";
        assert_eq!(count(of_page, page), Count::Verified(7));
        assert_eq!(count(of_table, page), Count::WholeTable(7));
        for (format, page) in [("json = {}", page.as_slice()), (of_page, b"{")] {
            assert!(matches!(count(format, page), Count::Unverified { .. }));
        }
    }

    #[test]
    fn batches_of_arrow_are_counted_by_their_messages() {
        let ids: arrow::array::ArrayRef =
            std::sync::Arc::new(arrow::array::Int32Array::from(vec![1, 2, 3]));
        let batch = arrow::array::RecordBatch::try_from_iter([("id", ids)]).unwrap();
        let mut stream = Vec::new();
        let mut writer =
            arrow::ipc::writer::StreamWriter::try_new(&mut stream, &batch.schema()).unwrap();
        writer.write(&batch).unwrap();
        writer.write(&batch.slice(0, 1)).unwrap();
        writer.finish().unwrap();
        drop(writer);
        let mut file = Vec::new();
        let mut writer =
            arrow::ipc::writer::FileWriter::try_new(&mut file, &batch.schema()).unwrap();
        writer.write(&batch).unwrap();
        writer.finish().unwrap();
        drop(writer);
        assert_eq!(count("arrow = {}", &stream), Count::Verified(4));
        assert_eq!(count("arrow = {}", &file), Count::Verified(3));
        for length in 0..stream.len() - 1 {
            let cut = stream.get(..length).unwrap();
            assert!(
                matches!(count("arrow = {}", cut), Count::Unverified { .. }),
                "{length}"
            );
        }
    }

    #[test]
    fn a_cell_is_named_as_in_a_sheet() {
        assert_eq!(cell_place("B2"), Some((1, 1)));
        assert_eq!(cell_place("AA10"), Some((9, 26)));
        for bad in ["", "B", "2", "B0", "B2x"] {
            assert_eq!(cell_place(bad), None, "{bad}");
        }
    }
}
