//! How many records a page holds, counted without the reader that will take them apart.
//!
//! Books that are checked against their own counters prove nothing. So the number of records is
//! had in another way: quotes and line ends of a text, lines of NDJSON, the server's own count in
//! JSON, the footer of Parquet, the count written in a workbook or its rows. Where no such count
//! can be had the answer is [`Count::Unverified`], never a guess.

use std::fmt;
use std::io::{self, BufReader, Read};

use ::parquet::file::metadata::ParquetMetaDataReader;
use bytes::Bytes;
use calamine::Data;
use memchr::memchr;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::delimited::LineCount;
use crate::canon::arrow_pages;
use crate::canon::contain::contained;
use crate::canon::page::{self, Bytestream};
use crate::canon::workbook::header::{self, HeaderPlace};
use crate::canon::workbook::{Sheet, Workbook};
use crate::spec::format::{CountOf, CsvFormat, Format, JsonFormat, SheetFormat};
use crate::spec::source::{ColumnSpec, TableSpec};

/// Records of one page, as counted independently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Counted {
    /// What the platform itself says in the page, where the contract names the place.
    pub(crate) claim: Option<Claim>,
    /// What is counted in the bytes, or why nothing can be.
    pub(crate) own: Result<u64, String>,
    /// Members of the array of records. To count these is what the readers do, so on its own it
    /// proves nothing; it tells which page a claim about several pages is made of.
    pub(crate) members: Option<u64>,
}

impl Counted {
    /// Nothing is known, for the given reason.
    pub(crate) fn unknown(why: impl Into<String>) -> Self {
        Self::by_bytes(Err(why.into()))
    }

    /// What was counted in the bytes.
    fn by_bytes(own: Result<u64, String>) -> Self {
        Self {
            claim: None,
            own,
            members: None,
        }
    }

    /// Records that are in the page, by whatever is known of it.
    pub(crate) fn seen(&self) -> Option<u64> {
        self.own.as_ref().ok().copied().or(self.members)
    }

    /// What the books are checked against: the claim where there is one, else what was counted.
    pub(crate) fn best(&self) -> Count {
        match (self.claim, &self.own) {
            (Some(Claim::Page(n_records)), _) => Count::Verified(n_records),
            (Some(Claim::Table(n_records)), _) => Count::WholeTable(n_records),
            (None, Ok(n_records)) => Count::Verified(*n_records),
            (None, Err(why)) => unverified(why),
        }
    }
}

/// A count that the platform gives, independent of what is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    /// Records of the page.
    Page(u64),
    /// Records of all pages that one fetch gives, as every page says.
    Table(u64),
}

/// Records of one page or table, as the books take them.
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

impl Count {
    /// The number, or why there is none.
    fn into_result(self) -> Result<u64, String> {
        match self {
            Self::Verified(n_records) | Self::WholeTable(n_records) => Ok(n_records),
            Self::Unverified { why } => Err(why),
        }
    }
}

/// No count, for the given reason.
pub(crate) fn unverified(why: impl Into<String>) -> Count {
    Count::Unverified { why: why.into() }
}

/// Bytes that are looked at together.
const PIECE: usize = 64 << 10;

/// The most bytes of a page that are held in memory, for the formats that cannot be counted piece
/// by piece.
const MAX_COUNTED: u64 = 4 << 30;

/// Counts the records of a page as it comes, in its envelope.
pub(crate) fn count_page(table: &TableSpec, page: Bytestream) -> Counted {
    let opened = match page::open(page, table.format.wrapping()) {
        Ok(opened) => opened.bytes,
        Err(source) => return Counted::unknown(format!("the page cannot be opened: {source}")),
    };
    let damaged = |source: io::Error| {
        Counted::unknown(format!("the page is cut or damaged: {}", source.kind()))
    };
    let counted = match &table.format {
        Format::Csv(options) => count_csv(options, opened),
        Format::Ndjson(_) => count_lines(opened),
        Format::Json(options) => Ok(count_json(options, opened)),
        Format::Parquet(_) | Format::Arrow(_) | Format::Sheet(_) => {
            page::read_whole(opened, MAX_COUNTED).map(|bytes| count_bytes(table, &bytes))
        }
    };
    counted.unwrap_or_else(damaged)
}

/// Records of a page that was read whole.
fn count_bytes(table: &TableSpec, bytes: &[u8]) -> Counted {
    let count = contained(|| match &table.format {
        Format::Parquet(_) => count_parquet(bytes),
        Format::Arrow(_) => count_arrow(bytes),
        Format::Sheet(options) => count_sheet(table, options, bytes),
        Format::Csv(_) | Format::Ndjson(_) | Format::Json(_) => unverified("not counted whole"),
    });
    let count = count.unwrap_or_else(|| unverified("its reader gave up on the page"));
    Counted::by_bytes(count.into_result())
}

/// Hands a page on piece by piece.
fn each_piece(mut page: impl Read, mut take: impl FnMut(&[u8])) -> io::Result<()> {
    let mut buffer = vec![0; PIECE];
    loop {
        let n_bytes = page.read(&mut buffer)?;
        if n_bytes == 0 {
            return Ok(());
        }
        take(buffer.get(..n_bytes).unwrap_or_default());
    }
}

/// Records of delimited text.
fn count_csv(options: &CsvFormat, page: Bytestream) -> io::Result<Counted> {
    let Some(mut lines) = LineCount::new(options) else {
        return Ok(Counted::unknown("a mark is not an ASCII character"));
    };
    each_piece(page, |piece| lines.feed(piece))?;
    Ok(Counted::by_bytes(lines.finish().into_result()))
}

/// Lines that are not blank.
fn count_lines(page: Bytestream) -> io::Result<Counted> {
    let mut n_lines = 0_u64;
    let mut has_text = false;
    each_piece(page, |piece| {
        let mut rest = piece;
        while let Some(end) = memchr(b'\n', rest) {
            let (line, after) = rest.split_at(end);
            n_lines += u64::from(has_text || !is_blank(line));
            has_text = false;
            rest = after.get(1..).unwrap_or_default();
        }
        has_text = has_text || !is_blank(rest);
    })?;
    Ok(Counted::by_bytes(Ok(n_lines + u64::from(has_text))))
}

/// Whether there is nothing but white space; most lines show that they are not with one byte.
fn is_blank(line: &[u8]) -> bool {
    line.iter().all(u8::is_ascii_whitespace)
}

/// The platform's own count, and the members of the array of records.
fn count_json(options: &JsonFormat, page: Bytestream) -> Counted {
    let steps = |path: &str| -> Vec<String> {
        let steps = path.split('.').filter(|step| !step.is_empty());
        steps.map(str::to_owned).collect()
    };
    let (count, records) = (options.count.as_deref().map(steps), steps(&options.records));
    let mut found = Found::default();
    let mut document = serde_json::Deserializer::from_reader(BufReader::with_capacity(PIECE, page));
    let places = Places {
        count: count.as_deref(),
        records: Some(&records),
        found: &mut found,
    };
    let read = places.deserialize(&mut document);
    if read.and_then(|()| document.end()).is_err() {
        return Counted::unknown("the page is not a whole JSON document");
    }
    let claim = found.count.map(|n_records| match options.count_of {
        CountOf::Page => Claim::Page(n_records),
        CountOf::Table => Claim::Table(n_records),
    });
    let why = match &options.count {
        None => "the platform gives no count".to_owned(),
        Some(path) => format!("the page has no count at `{path}`"),
    };
    Counted {
        claim,
        own: Err(why),
        members: found.members,
    }
}

/// What a JSON page holds at the places looked at.
#[derive(Debug, Default)]
struct Found {
    /// The platform's own count.
    count: Option<u64>,
    /// Members of the array of records.
    members: Option<u64>,
}

/// Steps that are left to the places looked at; everything else is passed over.
struct Places<'p> {
    /// To the count.
    count: Option<&'p [String]>,
    /// To the array of records.
    records: Option<&'p [String]>,
    /// What was found.
    found: &'p mut Found,
}

impl<'de> DeserializeSeed<'de> for Places<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, page: D) -> Result<(), D::Error> {
        if self.count.is_none() && self.records.is_none() {
            return IgnoredAny::deserialize(page).map(|_passed| ());
        }
        page.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Places<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            map.next_value_seed(Places {
                count: after(self.count, &name),
                records: after(self.records, &name),
                found: &mut *self.found,
            })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let mut n_members = 0;
        while members.next_element::<IgnoredAny>()?.is_some() {
            n_members += 1;
        }
        if self.records.is_some_and(<[String]>::is_empty) {
            self.found.members = Some(n_members);
        }
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        if self.count.is_some_and(<[String]>::is_empty) {
            self.found.count = Some(number);
        }
        Ok(())
    }

    fn visit_i64<E>(self, _number: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _number: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _flag: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _text: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// Steps that are left after a field of this name.
fn after<'p>(steps: Option<&'p [String]>, name: &str) -> Option<&'p [String]> {
    match steps? {
        [step, rest @ ..] if step == name => Some(rest),
        _ => None,
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
    let whole = arrow_pages::n_rows(bytes);
    whole.map_or_else(
        || unverified("the page is no whole Arrow file or stream"),
        Count::Verified,
    )
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
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn lines_with_text_are_those_that_are_not_blank(text in "[a \t\r\n]{0,80}") {
            let lines = text.split('\n').filter(|line| !line.trim_ascii().is_empty());
            let found = count("ndjson = {}", text.as_bytes());
            prop_assert_eq!(found, Count::Verified(lines.count() as u64));
        }
    }

    /// Counts a page in a format written in TOML.
    fn count(format: &str, bytes: &[u8]) -> Count {
        let table = format!(
            "fetch.files = {{ url = 'x' }}\nformat.{format}\n[columns]\nid = {{ type = 'record' }}"
        );
        let page = Box::new(io::Cursor::new(bytes.to_vec()));
        count_page(&toml::from_str(&table).unwrap(), page).best()
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
