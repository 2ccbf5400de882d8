//! Reference tables as declared in `reference/tables.toml`: codes, districts, population.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::text::Bilingual;

/// `reference/tables.toml`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReferenceSpec {
    /// Tables by name, visible in SQL as `reference.<name>`.
    pub tables: BTreeMap<String, ReferenceTable>,
}

/// One reference table.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReferenceTable {
    /// CSV file (UTF-8, comma, header) below the reference folder.
    pub file: String,
    /// Rows in the place of those of the file, of a table made from another declaration.
    #[serde(skip)]
    pub rows: Option<String>,
    /// What one row is.
    pub description: Bilingual,
    /// Where it comes from.
    pub source: String,
    /// Its license.
    pub license: String,
    /// Date of its content.
    pub date: String,
    /// Columns by name.
    pub columns: BTreeMap<String, ReferenceColumn>,
}

/// One column of a reference table.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReferenceColumn {
    /// What the values are.
    #[serde(rename = "type")]
    pub kind: ReferenceKind,
}

/// Type of a reference column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReferenceKind {
    /// Text.
    Text,
    /// Whole number.
    Integer,
    /// Amount with two decimals.
    Decimal,
    /// Measured number.
    Number,
    /// ISO date.
    Date,
}
