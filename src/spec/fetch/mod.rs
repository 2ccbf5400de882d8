//! Where the pages of a table are: one variant per transport.

mod check;
mod files;
pub mod postgres;
mod rest;
mod rest_check;
pub mod sftp;
mod span;
pub mod sqlite;
pub mod watermark;

use schemars::JsonSchema;
use serde::Deserialize;

use super::secret::SecretRef;
use super::source::TableSpec;
use super::source_check::{Finding, finding};

pub use files::Files;
pub(crate) use files::check_options;
pub use rest::{
    ApiKey, Auth, Basic, Bearer, ByCursor, ByNumber, ByOffset, ClientIn, Limits, LinkIn, Oauth2,
    Paging, Rest, Since, Total, Verify,
};
pub use span::Span;

/// Where the pages of a table are.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Fetch {
    /// Files in a folder or an object store.
    Files(Files),
    /// A service that answers with pages over HTTP.
    Rest(Box<Rest>),
    /// A table or query of the platform's PostgreSQL server.
    Postgres(postgres::PostgresTable),
    /// A table or query of a SQLite file.
    Sqlite(sqlite::SqliteTable),
    /// Files of the platform's SFTP server.
    Sftp(sftp::SftpFiles),
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

impl Fetch {
    /// Every secret that is needed.
    pub(crate) fn secrets(&self) -> Vec<&SecretRef> {
        match self {
            Self::Files(files) => files.secrets.values().collect(),
            Self::Rest(rest) => rest.secrets(),
            // Theirs stand with the server.
            Self::Postgres(_) | Self::Sqlite(_) | Self::Sftp(_) => Vec::new(),
        }
    }

    /// Whether a part of the table can be asked for.
    pub(crate) fn has_windows(&self) -> bool {
        match self {
            Self::Files(_) | Self::Sftp(_) => false,
            Self::Rest(rest) => rest.since.is_some(),
            Self::Postgres(postgres) => postgres.since.is_some(),
            Self::Sqlite(sqlite) => sqlite.since.is_some(),
        }
    }

    /// Whether the pages of one fetch are parts of the table, each fetch in the place of the last.
    pub(crate) fn has_parts(&self) -> bool {
        match self {
            Self::Files(_) | Self::Sftp(_) => false,
            Self::Rest(rest) => rest.page.is_some(),
            Self::Postgres(_) | Self::Sqlite(_) => true,
        }
    }

    /// What makes no sense in the declaration of a table that is fetched so.
    pub(crate) fn check(&self, table: &TableSpec) -> Vec<Finding> {
        let mut findings = match self {
            Self::Files(files) => files.check(),
            Self::Rest(rest) => rest.check(&table.format),
            Self::Postgres(postgres) => postgres.check(),
            Self::Sqlite(sqlite) => sqlite.check(),
            Self::Sftp(sftp) => sftp.check(),
        };
        if self.has_windows() && table.key.is_empty() {
            let message = "`since` reads records again, and the table has no key to know them by";
            let help = "name the columns that identify a record in `key`";
            findings.push(finding("since", message.to_owned(), help));
        }
        findings
    }
}
