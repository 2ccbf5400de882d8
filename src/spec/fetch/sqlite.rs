//! A SQLite file, and what of it makes a table.
//!
//! ```toml
//! fetch.sqlite = { path = "exports/diario.db", table = "incontri" }
//! ```

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::Deserialize;

use super::Span;
use super::watermark::{ByColumn, page_rows};

/// A table or query of a SQLite file.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SqliteTable {
    /// Path of the file, below the commons directory unless it is absolute.
    pub path: String,
    /// Table or view.
    pub table: Option<String>,
    /// A `select` in the place of a table, for joins and casts.
    pub query: Option<String>,
    /// Columns to read; all of them when empty.
    #[serde(default)]
    pub columns: Vec<String>,
    /// Column by which only new and changed rows are read; the whole table when absent.
    pub since: Option<ByColumn>,
    /// Rows of a page.
    #[serde(default = "page_rows")]
    pub page_rows: NonZeroU32,
    /// Time to wait for a writer that has locked the file.
    #[serde(default = "busy_timeout")]
    pub busy_timeout: Span,
}

impl SqliteTable {
    /// Name for messages and addresses.
    pub(crate) fn shown(&self) -> String {
        format!("{}/{}", self.path, self.table.as_deref().unwrap_or("query"))
    }
}

/// Default time for a writer.
fn busy_timeout() -> Span {
    Span::seconds(10)
}
