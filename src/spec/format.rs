//! How the pages of a table are written: one variant per format.

use schemars::JsonSchema;
use serde::Deserialize;

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
    /// A workbook: XLSX or ODS, told apart by its content.
    Sheet(SheetFormat),
}

/// Delimited text.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CsvFormat {
    /// One ASCII character between fields.
    pub delimiter: char,
    /// Encoding by its WHATWG label, for example `utf-8` or `windows-1252`.
    pub encoding: String,
}

impl Default for CsvFormat {
    fn default() -> Self {
        Self {
            delimiter: ',',
            encoding: "utf-8".to_owned(),
        }
    }
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

/// One JSON object per line; no options.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NdjsonFormat {}

/// Apache Parquet; no options.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ParquetFormat {}

/// A workbook kept by hand.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SheetFormat {
    /// Name of the sheet.
    pub sheet: String,
    /// One-based row of the (last) header line; rows above it are titles.
    #[serde(default = "first_row")]
    pub header_row: u32,
    /// Rows the header spans, upwards from `header_row`; names of merged cells are joined by a
    /// space.
    #[serde(default = "first_row")]
    pub header_rows: u32,
    /// Cell where the workbook gives its own count of the records, for example `B2`, or
    /// `Indice!B3` on another sheet.
    pub count: Option<String>,
}

/// Default of the header settings.
fn first_row() -> u32 {
    1
}
