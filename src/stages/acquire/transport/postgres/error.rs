//! What went wrong with a PostgreSQL server.

use tokio_postgres::error::SqlState;

use super::copy::CopyError;
use crate::stages::acquire::error::Remedy;

/// What went wrong with a PostgreSQL server.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// The certificates that may sign the server's cannot be read.
    #[error("cannot read the certificates of `{path}`; check `server.postgres.ca` of the pipeline")]
    Certificates {
        /// Where they should be.
        path: String,
        /// Why not.
        #[source]
        source: Said,
    },
    /// The server cannot be reached, or refuses the login.
    #[error("cannot connect to `{address}`; check `[server.postgres]` of the pipeline")]
    Connect {
        /// Server and database.
        address: String,
        /// Why not.
        #[source]
        source: Said,
    },
    /// The server does not answer.
    #[error(
        "`{address}` did not answer within {seconds} s while antenne tried to {act}; see to the server, or raise the time-out in `[server.postgres]`"
    )]
    Timeout {
        /// Server and database.
        address: String,
        /// What was tried.
        act: &'static str,
        /// Seconds.
        seconds: u64,
    },
    /// The server refuses a statement.
    #[error("cannot {act} `{table}`; check `fetch.postgres` of the table")]
    Statement {
        /// What was tried.
        act: &'static str,
        /// Table or query.
        table: String,
        /// Why not.
        #[source]
        source: Said,
    },
    /// There is no such table.
    #[error(
        "the database has no table `{table}` that `{user}` sees; check `schema` and `table` of `fetch.postgres`"
    )]
    NoTable {
        /// Table.
        table: String,
        /// Role.
        user: String,
    },
    /// Two columns have one name.
    #[error("`{table}` has two columns `{column}`; give one of them another name in `query`")]
    Twice {
        /// Table or query.
        table: String,
        /// Column.
        column: String,
    },
    /// A column has a type that no page holds.
    #[error(
        "column `{column}` of `{table}` has type `{kind}`, which antenne does not read; cast it in `query`, for example `{column}::text as {column}`, or leave it out of `columns`"
    )]
    Type {
        /// Table or query.
        table: String,
        /// Column.
        column: String,
        /// Its type.
        kind: String,
    },
    /// A value cannot be put into a page.
    #[error(
        "row {row} of `{table}` has in column `{column}` {unfit}; correct it, or cast the column in `query`"
    )]
    Value {
        /// Table or query.
        table: String,
        /// Column.
        column: String,
        /// One-based row in the order of reading.
        row: u64,
        /// What it holds, in general.
        unfit: &'static str,
    },
    /// What the server sends is not what it should be.
    #[error("cannot take apart what the server sent of `{table}`")]
    Copy {
        /// Table or query.
        table: String,
        /// What is wrong.
        #[source]
        source: CopyError,
    },
    /// A watermark is of a type that has no order antenne knows.
    #[error(
        "column `{column}` of `{table}` has type `{kind}` and cannot be the watermark; use a timestamp, a date or a whole number"
    )]
    Watermark {
        /// Table or query.
        table: String,
        /// Column.
        column: String,
        /// Its type.
        kind: String,
    },
    /// Rows have no watermark and would never be read.
    #[error(
        "rows of `{table}` have no value in the watermark `{column}` and would never be read; use `coalesce` in `query`, or leave out `since` and read the whole table"
    )]
    NoMark {
        /// Table or query.
        table: String,
        /// Column.
        column: String,
    },
    /// A lag is declared for numbers.
    #[error("column `{column}` of `{table}` is a number: its `lag` has no meaning; remove it")]
    Lag {
        /// Table or query.
        table: String,
        /// Column.
        column: String,
    },
    /// A cursor or a window is not of the watermark's type.
    #[error(
        "`{text}` is no value of the watermark `{column}` of `{table}`; correct `--from` and `--to`, or begin anew with `antenne state reset`"
    )]
    Bound {
        /// Table or query.
        table: String,
        /// Column.
        column: String,
        /// What was given.
        text: String,
    },
    /// A page cannot be written.
    #[error("cannot write a page of `{table}`")]
    Page {
        /// Table or query.
        table: String,
        /// Why not.
        #[source]
        source: arrow::error::ArrowError,
    },
    /// An earlier table of the source failed, and with it the snapshot.
    #[error("the snapshot for `{table}` was lost with an earlier table of the source; run again")]
    Lost {
        /// Table or query.
        table: String,
    },
}

impl PostgresError {
    /// How much is worth beginning anew: all tables, in another snapshot. A connection that was
    /// never made has been tried enough.
    pub(in crate::stages::acquire) fn remedy(&self) -> Remedy {
        let is_made = !matches!(self, Self::Connect { .. } | Self::Timeout { .. });
        if is_made && self.is_transient() {
            Remedy::Source
        } else {
            Remedy::None
        }
    }

    /// Whether trying again later may help.
    pub(in crate::stages::acquire) fn is_transient(&self) -> bool {
        match self {
            // What is declared, or what the table holds, must be changed first.
            Self::Certificates { .. }
            | Self::NoTable { .. }
            | Self::Twice { .. }
            | Self::Type { .. }
            | Self::Value { .. }
            | Self::Watermark { .. }
            | Self::NoMark { .. }
            | Self::Lag { .. }
            | Self::Bound { .. }
            | Self::Page { .. } => false,
            // Servers and networks recover; a server that says no does not.
            Self::Connect { source, .. } | Self::Statement { source, .. } => source.is_transient(),
            Self::Timeout { .. } | Self::Copy { .. } | Self::Lost { .. } => true,
        }
    }
}

/// What a server or a library said, without anything of a record.
///
/// Messages about data (a value that cannot be cast, a key that is there twice) repeat the data, so
/// only the code of such a message is kept.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct Said {
    /// What was said.
    text: String,
    /// Whether it may be otherwise next time.
    is_transient: bool,
}

/// Classes of SQLSTATE whose messages name objects of the schema and settings, never values.
const PLAIN_CLASSES: [&str; 12] = [
    "08", "0A", "25", "28", "3D", "3F", "42", "53", "54", "55", "57", "58",
];

/// Classes of SQLSTATE that pass: connections, resources, locks, shutdowns.
const PASSING_CLASSES: [&str; 6] = ["08", "40", "53", "55", "57", "58"];

impl Said {
    /// Something that will be said again.
    pub(super) fn lasting(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            is_transient: false,
        }
    }

    /// Whether trying again may help.
    pub(super) fn is_transient(&self) -> bool {
        self.is_transient
    }
}

impl From<&tokio_postgres::Error> for Said {
    fn from(error: &tokio_postgres::Error) -> Self {
        let Some(said) = error.as_db_error() else {
            let cause = std::error::Error::source(error);
            let is_certificate = cause.is_some_and(|cause| chain(cause).contains("certificate"));
            return Self {
                text: cause.map_or_else(
                    || error.to_string(),
                    |cause| format!("{error}: {}", chain(cause)),
                ),
                is_transient: !is_certificate,
            };
        };
        let code = said.code().code();
        let class = code.get(..2).unwrap_or_default();
        let text = if PLAIN_CLASSES.contains(&class) {
            format!("{} ({code})", said.message())
        } else {
            format!(
                "the server answers with code {code}; its message may hold data and is not shown"
            )
        };
        Self {
            text,
            // A time-out of a statement comes again, and so does a missing database file.
            is_transient: PASSING_CLASSES.contains(&class)
                && *said.code() != SqlState::QUERY_CANCELED,
        }
    }
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
