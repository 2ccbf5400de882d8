//! What went wrong with a SQLite file.

use rusqlite::ffi::ErrorCode;

use crate::stages::acquire::error::Remedy;

/// What went wrong with a SQLite file.
#[derive(Debug, thiserror::Error)]
pub enum SqliteError {
    /// The file cannot be looked at.
    #[error("cannot read `{path}`; check `path` of `fetch.sqlite`")]
    Read {
        /// Path as declared.
        path: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The file is of another kind, or encrypted.
    #[error("`{path}` is not a SQLite file; check `path` of `fetch.sqlite`")]
    NotSqlite {
        /// Path as declared.
        path: String,
    },
    /// The file is shorter than it says.
    #[error(
        "`{path}` is {found} bytes long and says it has {expected}: it is still being copied, or was cut; copy it under another name and rename it when it is whole"
    )]
    Cut {
        /// Path as declared.
        path: String,
        /// Bytes.
        found: u64,
        /// Bytes it says it has.
        expected: u64,
    },
    /// The file changed while it was read, in a way SQLite itself does not change it.
    #[error(
        "`{path}` was overwritten while it was read; copy it under another name and rename it when it is whole"
    )]
    Changed {
        /// Path as declared.
        path: String,
    },
    /// A writer keeps the file locked.
    #[error(
        "`{path}` stayed locked by a writer for {seconds} s; run again later, or raise `busy_timeout` of `fetch.sqlite`"
    )]
    Busy {
        /// Path as declared.
        path: String,
        /// Seconds.
        seconds: u64,
    },
    /// A writer died, or the file is in WAL mode in a folder where nothing can be written.
    #[error(
        "`{path}` cannot be opened for reading only: a writer that died must finish first, or its `-wal` and `-shm` files are not beside it; open it once with its own application, or copy it with `.backup`"
    )]
    Unfinished {
        /// Path as declared.
        path: String,
    },
    /// The pages of the file contradict each other.
    #[error(
        "`{path}` is damaged, or was copied while it was written; copy it with `.backup` of the `sqlite3` tool"
    )]
    Damaged {
        /// Path as declared.
        path: String,
    },
    /// A statement fails.
    #[error("cannot {act} `{table}`: {said}; check `fetch.sqlite` of the table")]
    Statement {
        /// What was tried.
        act: &'static str,
        /// Table or query.
        table: String,
        /// What SQLite says of it.
        said: String,
    },
    /// There is no such table.
    #[error("`{path}` has no table `{table}`; check `table` of `fetch.sqlite`")]
    NoTable {
        /// Path as declared.
        path: String,
        /// Table.
        table: String,
    },
    /// Two columns have one name.
    #[error("`{table}` has two columns `{column}`; give one of them another name in `query`")]
    Twice {
        /// Table or query.
        table: String,
        /// Column.
        column: String,
    },
    /// A value cannot be put into a page.
    #[error(
        "row {row} of `{table}` has in column `{column}` {unfit}; convert it in `query`, for example with `hex({column})`, or leave it out of `columns`"
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
    /// A watermark whose values have no order.
    #[error(
        "column `{column}` of `{table}` cannot be the watermark: its values are neither all whole numbers nor all dates or instants in ISO 8601"
    )]
    Watermark {
        /// Table or query.
        table: String,
        /// Column.
        column: String,
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
    /// The reader stopped without a word.
    #[error(
        "the reading of `{table}` stopped without an answer; run again, and report it if it happens twice"
    )]
    Stopped {
        /// Table or query.
        table: String,
    },
}

impl SqliteError {
    /// How much is worth beginning anew: all tables of a file that was overwritten.
    pub(in crate::stages::acquire) fn remedy(&self) -> Remedy {
        if matches!(self, Self::Changed { .. }) {
            Remedy::Source
        } else {
            Remedy::None
        }
    }

    /// Whether trying again later may help.
    pub(in crate::stages::acquire) fn is_transient(&self) -> bool {
        match self {
            // A copy ends, a writer ends.
            Self::Cut { .. } | Self::Changed { .. } | Self::Busy { .. } | Self::Stopped { .. } => {
                true
            }
            // Someone must change the file or the pipeline first.
            Self::Read { .. }
            | Self::NotSqlite { .. }
            | Self::Unfinished { .. }
            | Self::Damaged { .. }
            | Self::Statement { .. }
            | Self::NoTable { .. }
            | Self::Twice { .. }
            | Self::Value { .. }
            | Self::Watermark { .. }
            | Self::NoMark { .. }
            | Self::Lag { .. }
            | Self::Bound { .. }
            | Self::Page { .. } => false,
        }
    }
}

/// Where a statement is used, for messages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    /// Path as declared.
    pub(super) path: &'a str,
    /// Table or query.
    pub(super) table: &'a str,
    /// Seconds that a lock is waited for.
    pub(super) seconds: u64,
}

impl Place<'_> {
    /// What a failure of SQLite means.
    ///
    /// Messages about the statement name objects of the schema and are repeated; of all others
    /// only the code is, since they may hold a value.
    pub(super) fn failed(self, act: &'static str, source: &rusqlite::Error) -> SqliteError {
        let path = self.path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => SqliteError::Busy {
                path,
                seconds: self.seconds,
            },
            Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly) => SqliteError::Unfinished { path },
            Some(ErrorCode::DatabaseCorrupt) => SqliteError::Damaged { path },
            Some(ErrorCode::NotADatabase) => SqliteError::NotSqlite { path },
            _ => SqliteError::Statement {
                act,
                table: self.table.to_owned(),
                said: said(source),
            },
        }
    }
}

/// What SQLite says of a statement, without a value.
fn said(source: &rusqlite::Error) -> String {
    match source {
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        rusqlite::Error::MultipleStatement => "it is more than one statement".to_owned(),
        rusqlite::Error::Empty | rusqlite::Error::InvalidQuery => "it is no `select`".to_owned(),
        _ => match source.sqlite_error() {
            Some(error) => format!("SQLite answers with code {}", error.extended_code),
            None => "the answer is not of the expected form".to_owned(),
        },
    }
}
