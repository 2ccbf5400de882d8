//! Native formats: the bytes of one page become rows of raw fields, each with its place.
//!
//! A reader is asked for fields by name and hands over their values row by row, borrowed from the
//! page wherever they can be. A record that cannot be taken apart (a ragged line, a cut JSON
//! object) is handed over as broken, with a reason: it is data. A page that cannot be read at all
//! is an error, and then no row of it has been handed over, or the caller takes back those that
//! were.
//!
//! ```text
//! "id;ore\r\n7;1,5\r\n8"   fields ["ore"]   →   place 2: ["1,5"]   place 3: broken ragged_row
//! ```

use bytes::Bytes;
use thiserror::Error;

use crate::spec::format::Format;

mod arrow_ipc;
pub(crate) mod blocks;
pub(crate) mod coercion;
pub(crate) mod columns;
mod csv;
mod delimited;
mod ends;
mod header;
mod json;
mod marks;
mod ndjson;
mod parquet;
pub(crate) mod paths;
mod quoting;
pub(crate) mod sheet;
pub(crate) mod value;

pub(crate) use coercion::{Coercion, Kinds};
use header::places;
pub(crate) use value::Value;

/// Separator of the members of a list inside a text: the unit separator of ASCII.
pub(crate) const LIST_SEPARATOR: char = '\u{1f}';

/// Why a whole page cannot be read.
#[derive(Debug, Error)]
pub enum Error {
    /// The bytes of the page stop coming, or its envelope is damaged.
    #[error("the page cannot be read to its end")]
    ReadPage {
        /// What is wrong.
        source: std::io::Error,
    },
    /// A page whose reader gave up on it.
    #[error("the page is so damaged that its reader gave up; ask for the file again")]
    GaveUp,
    /// The encoding has no such label.
    #[error("encoding `{label}` is not known")]
    UnknownEncoding {
        /// Label as declared.
        label: String,
    },
    /// The header line of delimited text cannot be read.
    #[error("the header line cannot be read")]
    CsvHeader {
        /// What the reader found.
        source: ::csv::Error,
    },
    /// The quotes of the header do not hold one name each.
    #[error(
        "the quotes of the header do not enclose its names ({rule}), so no column is known; correct the header of the file, or declare `quote` as the file has it"
    )]
    HeaderQuotes {
        /// Rule that a record would break.
        rule: &'static str,
    },
    /// A column of the contract stands twice in the header.
    #[error(
        "the header has the column `{field}` more than once, and which one the contract means cannot be known; have all but one renamed in the file"
    )]
    Twice {
        /// Name of the column.
        field: String,
    },
    /// The delimiter is not one ASCII character.
    #[error("delimiter `{delimiter}` is not an ASCII character")]
    Delimiter {
        /// Delimiter as declared.
        delimiter: char,
    },
    /// Bytes that are not UTF-8.
    #[error("the page is not UTF-8 text")]
    NotUtf8 {
        /// Where it stops being so.
        source: std::str::Utf8Error,
    },
    /// A JSON document that does not parse, for example because it was cut.
    #[error("the page is not a whole JSON document")]
    NotJson {
        /// What is wrong, and where.
        source: serde_json::Error,
    },
    /// The records are not where the contract says.
    #[error("the page has no array of records at `{path}`")]
    NoRecords {
        /// Dotted path of the contract.
        path: String,
    },
    /// Not a Parquet file.
    #[error("the page is not a whole Parquet file")]
    NotParquet {
        /// What the reader found.
        source: ::parquet::errors::ParquetError,
    },
    /// A batch of a Parquet file cannot be read.
    #[error("rows of the Parquet file cannot be read")]
    ParquetRows {
        /// What the reader found.
        source: arrow::error::ArrowError,
    },
    /// Not an Arrow file or stream.
    #[error("the page is not a whole Arrow file or stream")]
    NotArrow {
        /// What the reader found.
        source: arrow::error::ArrowError,
    },
    /// A column of a type that no contract can name.
    #[error("column `{column}` has type `{data_type}`, which no contract can read")]
    ColumnType {
        /// Column.
        column: String,
        /// Its Arrow type.
        data_type: String,
    },
    /// A workbook that cannot be read.
    #[error("the sheet cannot be read")]
    Workbook {
        /// Why not.
        source: crate::canon::workbook::Error,
    },
    /// A sheet whose header is not where it should be.
    #[error("the header of the sheet is not found")]
    Header {
        /// Why not.
        source: crate::canon::workbook::header::HeaderError,
    },
}

/// One row of a page.
#[derive(Debug)]
pub(crate) struct RawRow<'r> {
    /// One-based line (text), row (tables, sheets) or place in the array (JSON).
    pub(crate) place: u64,
    /// What it holds.
    pub(crate) record: Record<'r>,
}

/// A row taken apart, or the reason why it cannot be.
#[derive(Debug)]
pub(crate) enum Record<'r> {
    /// Values of the fields asked for, in that order.
    Fields(&'r [Value<'r>]),
    /// A record that cannot be taken apart; the code of the rule.
    Broken(&'static str),
}

/// Takes the rows of a page one by one.
pub(crate) type Sink<'s> = dyn FnMut(RawRow<'_>) + 's;

/// What was read of a page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PageRead {
    /// Rows handed over, broken ones included.
    pub(crate) n_rows: u64,
    /// Fields asked for that the header does not name; always empty for JSON.
    pub(crate) missing_fields: Vec<String>,
    /// Fields asked for that stand more than once in the header; the first of each is read.
    pub(crate) twice: Vec<String>,
    /// Fields of the header, or of the first objects, that nobody asked for.
    pub(crate) unknown_fields: Vec<String>,
    /// Cells of a sheet whose stored type is not that of their column.
    pub(crate) coercions: Vec<Coercion>,
}

/// Reads one page and hands the values of `fields` to `sink`, row by row.
pub(crate) fn read_page(
    format: &Format,
    kinds: Kinds<'_>,
    bytes: &[u8],
    sink: &mut Sink<'_>,
) -> Result<PageRead, Error> {
    let fields = kinds.fields;
    match format {
        Format::Csv(options) => csv::read(options, fields, bytes, sink),
        Format::Json(options) => json::read(options, fields, bytes, sink),
        Format::Ndjson(_) => {
            let (_, lines) = ndjson::open(fields);
            Ok(lines.read_whole(bytes, sink))
        }
        Format::Parquet(_) => parquet::read(fields, bytes, sink),
        Format::Arrow(_) => arrow_ipc::read(fields, bytes, sink),
        Format::Sheet(options) => sheet::read(options, kinds, Bytes::copy_from_slice(bytes), sink),
    }
}

/// Bytes without the byte order mark of UTF-8.
fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// Bytes as text.
fn as_text(bytes: &[u8]) -> Result<&str, Error> {
    std::str::from_utf8(without_mark(bytes)).map_err(|source| Error::NotUtf8 { source })
}

#[cfg(test)]
mod tests;
