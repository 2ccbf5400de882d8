//! How many records a page holds, counted without the reader that will take them apart.
//!
//! Books that are checked against their own counters prove nothing. So the number of records is
//! had in another way: quotes and line ends of a text, lines of NDJSON, the server's own count in
//! JSON, the footer of Parquet, the count written in a workbook or its rows. Where no such count
//! can be had the answer is [`Count::Unverified`], never a guess.

use std::fmt;
use std::io::{BufRead, Cursor};

use ::parquet::file::metadata::ParquetMetaDataReader;
use calamine::{Data, Range, Reader, Sheets, open_workbook_auto_from_rs};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::spec::format::{CountOf, CsvFormat, Format, JsonFormat, SheetFormat};

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
fn unverified(why: impl Into<String>) -> Count {
    Count::Unverified { why: why.into() }
}

/// Records of a page.
pub(crate) fn count_records(format: &Format, bytes: &[u8]) -> Count {
    match format {
        Format::Csv(options) => count_csv(options, bytes),
        Format::Json(options) => count_json(options, bytes),
        Format::Ndjson(_) => Count::Verified(count_lines(bytes)),
        Format::Parquet(_) => count_parquet(bytes),
        Format::Sheet(options) => count_sheet(options, bytes),
    }
}

/// Where a scan of delimited text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scan {
    /// At the start of a record.
    Record,
    /// At the start of a field.
    Field,
    /// In a field without quotes.
    Plain,
    /// In a field with quotes.
    Quoted,
    /// After a quote in a field with quotes: the end of it, or half of a doubled quote.
    Closing,
}

/// Records of delimited text: line ends outside quotes, without the header and blank lines.
fn count_csv(options: &CsvFormat, bytes: &[u8]) -> Count {
    let encoding = encoding_rs::Encoding::for_label(options.encoding.as_bytes());
    let decoded;
    let bytes = match encoding {
        None => return unverified("the encoding is not known"),
        Some(encoding) if encoding.is_ascii_compatible() => bytes,
        Some(encoding) => {
            decoded = encoding.decode(bytes).0.into_owned();
            decoded.as_bytes()
        }
    };
    let Ok(delimiter) = u8::try_from(options.delimiter) else {
        return unverified("the delimiter is not an ASCII character");
    };
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut n_records: u64 = 0;
    let mut scan = Scan::Record;
    for byte in bytes {
        let next = next_scan(scan, *byte, delimiter);
        if next == Scan::Record && scan != Scan::Record {
            n_records += 1;
        }
        scan = next;
    }
    match scan {
        Scan::Quoted => return unverified("a quote is opened and never closed"),
        Scan::Record => {}
        Scan::Field | Scan::Plain | Scan::Closing => n_records += 1,
    }
    Count::Verified(n_records.saturating_sub(1))
}

/// Where a scan stands after one more byte.
fn next_scan(scan: Scan, byte: u8, delimiter: u8) -> Scan {
    let is_line_end = byte == b'\n' || byte == b'\r';
    match scan {
        Scan::Quoted if byte == b'"' => Scan::Closing,
        Scan::Quoted => Scan::Quoted,
        Scan::Closing | Scan::Record | Scan::Field if byte == b'"' => Scan::Quoted,
        _ if is_line_end => Scan::Record,
        _ if byte == delimiter => Scan::Field,
        Scan::Closing | Scan::Record | Scan::Field | Scan::Plain => Scan::Plain,
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
    let page = bytes::Bytes::copy_from_slice(bytes);
    let footer = ParquetMetaDataReader::new().parse_and_finish(&page);
    let n_rows = footer.ok().map(|footer| footer.file_metadata().num_rows());
    match n_rows.and_then(|n_rows| u64::try_from(n_rows).ok()) {
        Some(n_rows) => Count::Verified(n_rows),
        None => unverified("the page has no Parquet footer"),
    }
}

/// The count written in the workbook, or the rows with a value below the header.
fn count_sheet(options: &SheetFormat, bytes: &[u8]) -> Count {
    let Ok(mut book) = open_workbook_auto_from_rs(Cursor::new(bytes)) else {
        return unverified("the page is not a workbook");
    };
    if let Some(cell) = &options.count {
        return written_count(&mut book, options, cell);
    }
    let Ok(cells) = book.worksheet_range(&options.sheet) else {
        return unverified(format!("the workbook has no sheet `{}`", options.sheet));
    };
    let above = cells.start().map_or(0, |(row, _)| row);
    let n_above = usize::try_from(options.header_row.saturating_sub(above)).unwrap_or(usize::MAX);
    let below = cells.rows().skip(n_above);
    let n_rows = below.filter(|row| row.iter().any(has_value)).count();
    u64::try_from(n_rows).map_or_else(|_| unverified("too many rows"), Count::Verified)
}

/// Whether a cell holds something.
fn has_value(cell: &Data) -> bool {
    match cell {
        Data::Empty => false,
        Data::String(text) => !text.trim().is_empty(),
        _ => true,
    }
}

/// The count that a cell gives.
fn written_count(book: &mut Sheets<Cursor<&[u8]>>, options: &SheetFormat, cell: &str) -> Count {
    let (sheet, place) = cell.rsplit_once('!').unwrap_or((&options.sheet, cell));
    let Ok(cells) = book.worksheet_range(sheet) else {
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
fn whole_number(cells: &Range<Data>, place: (u32, u32)) -> Option<u64> {
    match cells.get_value(place)? {
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

    /// Counts `;` text.
    fn csv(text: &str) -> Count {
        let options = CsvFormat {
            delimiter: ';',
            ..CsvFormat::default()
        };
        count_records(&Format::Csv(options), text.as_bytes())
    }

    #[test]
    fn lines_of_delimited_text_are_counted_outside_quotes() {
        for (text, n_records) in [
            ("", 0),
            ("a;b", 0),
            ("a;b\r\n", 0),
            ("a;b\r\n1;2\r\n3;4\r\n", 2),
            ("a;b\n1;2\n3;4", 2),
            ("a;b\n\n1;2\n\n", 1),
            ("a;b\n\"x\ny\";2\n3;4\n", 2),
            ("a;b\n\"x\"\"\ny\";2\n", 1),
            ("a;b\n5\" pipe;2\n3;4\n", 2),
        ] {
            assert_eq!(csv(text), Count::Verified(n_records), "{text:?}");
        }
        assert!(matches!(csv("a;b\n\"x;2\n3;4\n"), Count::Unverified { .. }));
    }

    #[test]
    fn lines_of_json_are_counted_without_blank_ones() {
        let count = count_records(
            &Format::Ndjson(crate::spec::format::NdjsonFormat {}),
            b"{}\n\n{}\r\n  \n{",
        );
        assert_eq!(count, Count::Verified(3));
    }

    #[test]
    fn the_count_of_the_server_is_taken_as_given() {
        let options = |count: Option<&str>, count_of| {
            Format::Json(JsonFormat {
                records: "items".to_owned(),
                count: count.map(str::to_owned),
                count_of,
            })
        };
        let page = br#"{"items":[{}],"meta":{"total":7}}"#;
        let path = Some("meta.total");
        assert_eq!(
            count_records(&options(path, CountOf::Page), page),
            Count::Verified(7)
        );
        assert_eq!(
            count_records(&options(path, CountOf::Table), page),
            Count::WholeTable(7)
        );
        assert!(matches!(
            count_records(&options(None, CountOf::Page), page),
            Count::Unverified { .. }
        ));
        assert!(matches!(
            count_records(&options(path, CountOf::Page), b"{"),
            Count::Unverified { .. }
        ));
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
