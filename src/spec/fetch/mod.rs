//! Where the pages of a table are: one variant per transport.

use schemars::JsonSchema;
use serde::Deserialize;

use super::source_check::Finding;

mod check;
pub mod postgres;
pub mod sftp;
pub mod sqlite;
mod span;
pub mod watermark;

pub(crate) use check::check_watermark;
pub use span::Span;

/// Where the pages of a table are.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Fetch {
    /// Files in a folder or an object store.
    Files(Files),
    /// A table or query of the platform's PostgreSQL server.
    Postgres(postgres::PostgresTable),
    /// A table or query of a SQLite file.
    Sqlite(sqlite::SqliteTable),
    /// Files of the platform's SFTP server.
    Sftp(sftp::SftpFiles),
}

impl Fetch {
    /// What makes no sense in the declaration.
    pub(crate) fn check(&self) -> Vec<Finding> {
        match self {
            Self::Files(_) => Vec::new(),
            Self::Postgres(postgres) => postgres.check(),
            Self::Sqlite(sqlite) => sqlite.check(),
            Self::Sftp(sftp) => sftp.check(),
        }
    }
}

/// Files of a folder or an object store.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Files {
    /// Path below the commons directory, or a URL; `*` stands for any part of the last segment.
    pub url: String,
}

/// The servers of a platform, by protocol; its tables share them.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Servers {
    /// Server of the tables with `fetch.postgres`.
    pub postgres: Option<postgres::PostgresServer>,
    /// Server of the tables with `fetch.sftp`.
    pub sftp: Option<sftp::SftpServer>,
}
