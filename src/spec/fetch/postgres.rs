//! A PostgreSQL server, and what of it makes a table.
//!
//! ```toml
//! [server.postgres]
//! host = "db.example.org"
//! database = "wemi"
//! user = "antenne"
//! password = "env:WEMI_PASSWORD"
//!
//! [tables.richieste]
//! fetch.postgres = { schema = "wemi", table = "richieste" }
//! ```

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::Deserialize;

use super::Span;
use super::watermark::{ByColumn, page_rows};
use crate::spec::secret::SecretRef;

/// A PostgreSQL server and how to log in.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostgresServer {
    /// Name or address of the server, or the folder of its Unix socket.
    pub host: String,
    /// Port.
    #[serde(default = "port")]
    pub port: u16,
    /// Database.
    pub database: String,
    /// Role to log in as; it needs no right but to read.
    pub user: String,
    /// Where the role's password is: `env:NAME` or `file:PATH`.
    pub password: Option<SecretRef>,
    /// How the connection is protected; not used for a Unix socket.
    #[serde(default)]
    pub tls: TlsMode,
    /// File below the commons directory with the certificates (PEM) that may sign the server's;
    /// those of the machine when absent.
    pub ca: Option<String>,
    /// Time within which the server must answer to a new connection.
    #[serde(default = "connect_timeout")]
    pub connect_timeout: Span,
    /// Time that one statement may take; the reading of a whole table is one statement.
    #[serde(default = "statement_timeout")]
    pub statement_timeout: Span,
    /// How often a connection is tried.
    #[serde(default = "attempts")]
    pub attempts: NonZeroU32,
}

/// How the connection to a server is protected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TlsMode {
    /// Not at all.
    Disable,
    /// Encrypted if the server can; anyone on the way can prevent it.
    Prefer,
    /// Encrypted, whoever answers.
    Require,
    /// Encrypted, and the server's certificate is valid for its name.
    #[default]
    Verify,
}

/// A table or query of a PostgreSQL server.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostgresTable {
    /// Schema of the table.
    #[serde(default = "public")]
    pub schema: String,
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
}

impl PostgresTable {
    /// Name for messages and addresses.
    pub(crate) fn shown(&self) -> String {
        match &self.table {
            Some(table) => format!("{}.{table}", self.schema),
            None => "query".to_owned(),
        }
    }
}

/// Default port.
fn port() -> u16 {
    5432
}

/// Default schema.
fn public() -> String {
    "public".to_owned()
}

/// Default time for a connection.
fn connect_timeout() -> Span {
    Span::seconds(10)
}

/// Default time for a statement.
fn statement_timeout() -> Span {
    Span::seconds(3600)
}

/// Default attempts.
pub(super) fn attempts() -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(2)
}
