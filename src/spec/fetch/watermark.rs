//! How a table of a database is read from where the last reading ended.
//!
//! ```toml
//! fetch.postgres = { table = "richieste", since = { column = "ts_modifica", lag = "2d" } }
//! ```

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::Deserialize;

use super::Span;

/// Rows of a page unless declared otherwise.
const PAGE_ROWS: NonZeroU32 = match NonZeroU32::new(100_000) {
    Some(n_rows) => n_rows,
    None => NonZeroU32::MIN,
};

/// The column that says when a row was last written.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ByColumn {
    /// Column of the table or query: an instant, a date or a number that only grows.
    pub column: String,
    /// How far before the last value reading begins again, such as `2d`, `6h` or `30m`; for rows
    /// that become visible late.
    #[serde(default = "no_lag")]
    pub lag: Span,
}

/// Default of `page_rows`.
pub(super) fn page_rows() -> NonZeroU32 {
    PAGE_ROWS
}

/// Default of `lag`.
fn no_lag() -> Span {
    Span::seconds(0)
}
