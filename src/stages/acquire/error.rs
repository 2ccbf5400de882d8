//! What goes wrong with a source, and how much of the fetch is worth beginning anew.

use super::transport::{http, postgres, sftp, sqlite};
use crate::lake;

/// What went wrong with a source.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address of a table is not one an object store understands.
    #[error("cannot reach `{url}`; check `fetch.files.url` of the pipeline")]
    Address {
        /// Address as declared.
        url: String,
        /// Why not.
        #[source]
        source: Box<object_store::Error>,
    },
    /// Nothing lies at the address.
    #[error(
        "nothing matches `{url}`; check `fetch.files.url` of the pipeline, or generate the sample with `antenne sample`"
    )]
    Nothing {
        /// Address as declared.
        url: String,
    },
    /// A page could not be fetched.
    #[error("cannot fetch `{url}`")]
    Fetch {
        /// Address of the page.
        url: String,
        /// Why not.
        #[source]
        source: Box<object_store::Error>,
    },
    /// A page ended before its last byte, and the store said why.
    #[error("`{url}` broke off; nothing of it is kept")]
    BrokenOff {
        /// Address of the page.
        url: String,
        /// Why.
        #[source]
        source: Box<object_store::Error>,
    },
    /// A file of this machine could not be read.
    #[error("cannot read `{url}`; check that the file is there and readable")]
    Read {
        /// Address of the page.
        url: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A page ended before its last byte.
    #[error("`{url}` broke off after {n_bytes} of {expected} bytes; nothing of it is kept")]
    Cut {
        /// Address of the page.
        url: String,
        /// Bytes that came.
        n_bytes: u64,
        /// Bytes that were announced.
        expected: u64,
    },
    /// A page changed while it was read.
    #[error("`{url}` changed while it was read; run again when nobody writes it")]
    Changed {
        /// Address of the page.
        url: String,
    },
    /// A server says that a page is as before, which was never fetched.
    #[error("`{url}` is said to be unchanged, but was never fetched; run `antenne state reset`")]
    Unknown {
        /// Address of the page.
        url: String,
    },
    /// A secret that the pipeline names could not be read.
    #[error("the secret `{reference}` that the pipeline names cannot be read; set it")]
    Secret {
        /// The reference, never the secret.
        reference: String,
    },
    /// A server did not answer as it should.
    #[error(transparent)]
    Http(Box<http::Error>),
    /// A PostgreSQL server did not give what it should.
    #[error(transparent)]
    Postgres(Box<postgres::PostgresError>),
    /// A SQLite file did not give what it should.
    #[error(transparent)]
    Sqlite(Box<sqlite::SqliteError>),
    /// An SFTP server did not give what it should.
    #[error(transparent)]
    Sftp(Box<sftp::SftpError>),
    /// The server of a table is not declared.
    #[error("`{table}` is fetched from a server that is not declared; add `[server.{protocol}]`")]
    NoServer {
        /// Platform and table.
        table: String,
        /// Its protocol.
        protocol: &'static str,
    },
    /// The platform was asked for a part of a table that it cannot give.
    #[error("`{table}` has no `since`, so no window of it can be fetched; name another table")]
    NoWindow {
        /// Platform and table.
        table: String,
    },
    /// A thread of this process ended before its work.
    #[error("a thread that takes a page stopped before its end")]
    Stopped(#[source] tokio::task::JoinError),
    /// The lake failed.
    #[error("the lake failed while acquiring")]
    Lake(#[source] lake::Error),
}

/// How much of a fetch is worth beginning anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remedy {
    /// The page that broke off.
    Page,
    /// The table, from its first page.
    Table,
    /// All tables of the source, since what they share is lost.
    Source,
    /// Nothing: it would fail again, or has been tried enough.
    None,
}

impl Error {
    /// How much is worth beginning anew.
    pub(super) fn remedy(&self) -> Remedy {
        match self {
            // The next reading may meet a quiet moment, or an unbroken connection.
            Self::Cut { .. } | Self::Changed { .. } | Self::BrokenOff { .. } => Remedy::Page,
            Self::Http(error) => error.remedy(),
            Self::Postgres(error) => error.remedy(),
            Self::Sqlite(error) => error.remedy(),
            Self::Sftp(error) => error.remedy(),
            // Stores repeat a request themselves. A wrong address, a missing secret and a full disk
            // stay as they are.
            Self::Fetch { .. }
            | Self::Stopped(_)
            | Self::Address { .. }
            | Self::Nothing { .. }
            | Self::Read { .. }
            | Self::Unknown { .. }
            | Self::Secret { .. }
            | Self::NoServer { .. }
            | Self::NoWindow { .. }
            | Self::Lake(_) => Remedy::None,
        }
    }

    /// Whether trying again later may help.
    pub fn is_transient(&self) -> bool {
        match self {
            // A wrong declaration stays wrong until someone changes the pipeline.
            Self::Address { .. }
            | Self::Nothing { .. }
            | Self::Unknown { .. }
            | Self::Secret { .. }
            | Self::NoServer { .. }
            | Self::NoWindow { .. } => false,
            Self::Http(error) => error.is_transient(),
            Self::Postgres(error) => error.is_transient(),
            Self::Sqlite(error) => error.is_transient(),
            Self::Sftp(error) => error.is_transient(),
            // Networks and disks recover, and writers come to an end.
            Self::Fetch { .. }
            | Self::BrokenOff { .. }
            | Self::Read { .. }
            | Self::Stopped(_)
            | Self::Cut { .. }
            | Self::Changed { .. }
            | Self::Lake(_) => true,
        }
    }
}

impl From<http::Error> for Error {
    fn from(source: http::Error) -> Self {
        Self::Http(Box::new(source))
    }
}

impl From<lake::Error> for Error {
    fn from(source: lake::Error) -> Self {
        Self::Lake(source)
    }
}
