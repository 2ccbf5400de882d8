//! How the pages of a table are written: one variant per format.
//!
//! Whatever the format, a page may come as gzip, zstd or zip, which its first bytes tell.

use encoding_rs::{Encoding, UTF_8};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::canon::page::{Archive, Content, Wrapping};

/// How pages are written.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Format {
    /// Delimited text with a header line.
    Csv(CsvFormat),
    /// A JSON document with its records in an array.
    Json(JsonFormat),
    /// One JSON object per line.
    Ndjson(NdjsonFormat),
    /// Apache Parquet.
    Parquet(ParquetFormat),
    /// Arrow IPC, file or stream.
    Arrow(ArrowFormat),
    /// A workbook: XLSX or ODS, told apart by its content.
    Sheet(SheetFormat),
}

impl Format {
    /// The format of a table for which none is declared: that of the pages of a database.
    pub(crate) fn assumed() -> Self {
        Self::Arrow(ArrowFormat {
            entry: None,
            origin: Origin::Assumed,
        })
    }

    /// Whether nobody declared the format.
    pub(crate) fn is_assumed(&self) -> bool {
        matches!(self, Self::Arrow(arrow) if arrow.origin == Origin::Assumed)
    }

    /// How the bytes of a page may be wrapped.
    pub(crate) fn wrapping(&self) -> Wrapping<'_> {
        let (entry, content) = match self {
            Self::Csv(csv) if csv.is_detected() => (&csv.entry, Content::Detected),
            Self::Csv(csv) => (&csv.entry, Content::Encoded(&csv.encoding)),
            Self::Json(json) => (&json.entry, Content::Unicode),
            Self::Ndjson(ndjson) => (&ndjson.entry, Content::Unicode),
            Self::Parquet(parquet) => (&parquet.entry, Content::Binary),
            Self::Arrow(arrow) => (&arrow.entry, Content::Binary),
            Self::Sheet(sheet) => (&sheet.entry, Content::Binary),
        };
        let archive = match self {
            Self::Sheet(_) => Archive::Page,
            Self::Csv(_) | Self::Json(_) | Self::Ndjson(_) | Self::Parquet(_) | Self::Arrow(_) => {
                Archive::Envelope
            }
        };
        Wrapping {
            entry: entry.as_deref(),
            archive,
            content,
        }
    }

    /// Whether values come with types of their own, dates among them.
    pub(crate) fn has_types(&self) -> bool {
        matches!(self, Self::Parquet(_) | Self::Arrow(_) | Self::Sheet(_))
    }
}

/// Delimited text.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CsvFormat {
    /// One ASCII character between fields; `"\t"` for a tab.
    pub delimiter: char,
    /// Encoding by its WHATWG label, for example `utf-8` or `windows-1252`; `detect` finds it out
    /// from the first mebibyte of each page.
    pub encoding: String,
    /// Character around fields that hold delimiters or line ends.
    pub quote: Quote,
    /// Character that takes the meaning off the next one in a quoted field, for example a
    /// backslash; without it a quote is written twice.
    pub escape: Option<char>,
    /// First character of lines that are no records.
    pub comment: Option<char>,
    /// One-based line of the header; lines above it are titles. Comments and blank lines count.
    pub header_row: u32,
    /// What a line with too few fields is.
    pub ragged: Ragged,
    /// File inside a zip archive that holds several.
    pub entry: Option<String>,
}

impl Default for CsvFormat {
    fn default() -> Self {
        Self {
            delimiter: ',',
            encoding: "utf-8".to_owned(),
            quote: Quote::Double,
            escape: None,
            comment: None,
            header_row: 1,
            ragged: Ragged::Reject,
            entry: None,
        }
    }
}

impl CsvFormat {
    /// The word in place of a label that asks for detection.
    const DETECT: &'static str = "detect";

    /// Whether lines are written as almost everyone writes them: double quotes written twice, a
    /// header in the first line, nothing to skip or to pad.
    pub(crate) fn is_plain(&self) -> bool {
        let has_marks = self.escape.is_some() || self.comment.is_some();
        let is_usual = self.quote == Quote::Double && self.ragged == Ragged::Reject;
        is_usual && !has_marks && self.header_row == 1
    }

    /// Whether the encoding is to be found out.
    pub(crate) fn is_detected(&self) -> bool {
        self.encoding == Self::DETECT
    }

    /// The encoding of a record's fields once the page is opened; `None` for an unknown label.
    ///
    /// A page whose encoding was found out, or has no ASCII delimiters, comes as UTF-8.
    pub(crate) fn field_encoding(&self) -> Option<&'static Encoding> {
        if self.is_detected() {
            return Some(UTF_8);
        }
        let declared = Encoding::for_label(self.encoding.as_bytes())?;
        Some(if declared.is_ascii_compatible() {
            declared
        } else {
            UTF_8
        })
    }

    /// The bytes that give a line its parts; `None` if a character is not ASCII.
    pub(crate) fn marks(&self) -> Option<CsvMarks> {
        let ascii = |mark: char| u8::try_from(mark).ok().filter(u8::is_ascii);
        let optional = |mark: Option<char>| mark.map_or(Some(None), |mark| ascii(mark).map(Some));
        Some(CsvMarks {
            delimiter: ascii(self.delimiter)?,
            quote: optional(self.quote.character())?,
            escape: optional(self.escape)?,
            comment: optional(self.comment)?,
        })
    }
}

/// The bytes that give a line of delimited text its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CsvMarks {
    /// Between fields.
    pub(crate) delimiter: u8,
    /// Around fields.
    pub(crate) quote: Option<u8>,
    /// Before a character without meaning.
    pub(crate) escape: Option<u8>,
    /// At the start of a line that is no record.
    pub(crate) comment: Option<u8>,
}

/// The quote of delimited text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Quote {
    /// `"`
    #[default]
    Double,
    /// `'`
    Single,
    /// No quotes: a field ends at the next delimiter, whatever it holds.
    None,
    /// Another ASCII character, for example `quote = { character = "^" }`.
    Character(char),
}

impl Quote {
    /// The character, if there is one.
    pub(crate) fn character(self) -> Option<char> {
        match self {
            Self::Double => Some('"'),
            Self::Single => Some('\''),
            Self::None => None,
            Self::Character(character) => Some(character),
        }
    }
}

/// What a line with fewer fields than the header is. One with more is always rejected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ragged {
    /// A rejected row.
    #[default]
    Reject,
    /// A row whose missing last fields have no value.
    Pad,
}

/// A JSON document.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct JsonFormat {
    /// Dotted path of the array of records; empty when the document is the array.
    pub records: String,
    /// Dotted path of the server's own count of the records, if it gives one.
    pub count: Option<String>,
    /// What that count counts.
    pub count_of: CountOf,
    /// File inside a zip archive that holds several.
    pub entry: Option<String>,
}

/// What a count given by the platform counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CountOf {
    /// The records of the page it stands in.
    #[default]
    Page,
    /// The records of all pages of the table; every page gives the same.
    Table,
}

impl CountOf {
    /// Word in the list of pages.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Table => "table",
        }
    }

    /// What the word stands for; anything unknown counts a page.
    pub(crate) fn from_word(word: &str) -> Self {
        if word == "table" {
            Self::Table
        } else {
            Self::Page
        }
    }
}

/// One JSON object per line.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NdjsonFormat {
    /// File inside a zip archive that holds several.
    pub entry: Option<String>,
}

/// Apache Parquet.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ParquetFormat {
    /// File inside a zip archive that holds several.
    pub entry: Option<String>,
}

/// Arrow IPC: the file format or the stream format, told apart by their first bytes.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ArrowFormat {
    /// File inside a zip archive that holds several.
    pub entry: Option<String>,
    /// Whether the format was declared, or is that of a database.
    #[serde(skip)]
    pub(crate) origin: Origin,
}

/// Where a format comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Someone declared it.
    #[default]
    Declared,
    /// Nobody did; tables of databases need none.
    Assumed,
}

/// A workbook kept by hand.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SheetFormat {
    /// Name of the sheet.
    pub sheet: String,
    /// One-based row of the (last) header line; rows above it are titles. When absent, the row in
    /// which the fields of the contract stand.
    pub header_row: Option<u32>,
    /// Rows the header spans, upwards from `header_row`; names of merged cells are joined by a
    /// space.
    #[serde(default = "one_row")]
    pub header_rows: u32,
    /// What the covered cells of a merged block hold below the header.
    #[serde(default)]
    pub merged: Merged,
    /// Cell where the workbook gives its own count of the records, for example `B2`, or
    /// `Indice!B3` on another sheet.
    pub count: Option<String>,
    /// File inside a zip archive that holds the workbook among others.
    pub entry: Option<String>,
}

/// What the covered cells of a merged block hold below the header.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Merged {
    /// Nothing, as they are stored.
    #[default]
    Blank,
    /// The value of the block.
    Fill,
}

/// Default of `header_rows`.
fn one_row() -> u32 {
    1
}
