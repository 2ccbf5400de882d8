//! Tables of a PostgreSQL server: one snapshot for the source, `COPY` in binary, pages in Arrow IPC.
//!
//! ```text
//! first table   connect · begin repeatable read, read only
//! each table    describe · greatest watermark · count · COPY … ORDER BY key  →  pages of so many rows
//! last table    the connection is closed, and with it the transaction
//! ```
//!
//! The count is a statement of its own in the same snapshot: the books are closed against the
//! server, not against this reader. Why the page is not the bytes of `COPY` themselves is a page
//! in `docs/decisions/`.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use tokio::sync::OwnedMutexGuard;
use tokio_postgres::CopyOutStream;

use super::reading::{Addresses, Numbered, PAGE_BYTES, Part};
use super::{Arrived, Ended, Request, Transport, arrow_page};
use crate::spec::fetch::postgres::PostgresTable;
use crate::stages::acquire::Error;

mod cells;
mod copy;
mod error;
mod mark;
mod numeric;
mod plan;
mod session;

pub use copy::CopyError;
pub use error::{PostgresError, Said};
pub(in crate::stages::acquire) use session::Session;

use cells::Column;
use copy::CopyRows;
use mark::Mark;
use plan::{Plan, Wanted, plan};
use session::{Canceler, State};

/// Reads one table or query.
pub(in crate::stages::acquire) struct PostgresPages {
    /// The connection of the source.
    session: Arc<Session>,
    /// What is declared.
    declared: PostgresTable,
    /// Name for messages.
    shown: String,
    /// Where the pages lie.
    addresses: Addresses,
    /// Which part of the table is wanted.
    wanted: Wanted,
    /// How far the reading is.
    stage: Stage,
}

/// How far a reading is.
enum Stage {
    /// Not begun.
    New,
    /// Rows are coming.
    Reading(Box<Reading>),
    /// Ended, and how.
    Over(Ended),
}

/// A table while its rows come.
struct Reading {
    /// Rows as the server sends them.
    stream: Pin<Box<CopyOutStream>>,
    /// Takes them apart.
    rows: CopyRows,
    /// Whether more may come.
    flow: Flow,
    /// Columns of the page, by name.
    columns: Vec<(String, Column)>,
    /// Pages so far.
    pages: Numbered,
    /// Where the next reading begins.
    cursor: Option<String>,
    /// Ends the statement if the reading is given up.
    cancel: Canceler,
    /// Keeps other tables from the connection; given back after the statement was cancelled.
    _turn: OwnedMutexGuard<State>,
}

/// Whether more rows may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    /// They may.
    Open,
    /// The server has sent all.
    Ended,
}

impl fmt::Debug for PostgresPages {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PostgresPages")
            .field("table", &self.shown)
            .finish_non_exhaustive()
    }
}

impl PostgresPages {
    /// A reading of one table; nothing is asked of the server yet.
    pub(in crate::stages::acquire) fn new(
        request: &Request<'_>,
        declared: &PostgresTable,
        session: Arc<Session>,
    ) -> Self {
        let shown = declared.shown();
        let window = request.window;
        Self {
            addresses: Addresses::new(shown.clone(), request.part),
            wanted: Wanted {
                cursor: request.cursor.map(str::to_owned),
                window: window.map(|window| (window.from.clone(), window.to.clone())),
            },
            session,
            declared: declared.clone(),
            shown,
            stage: Stage::New,
        }
    }

    /// Asks for the rows.
    async fn begin(&self) -> Result<Reading, PostgresError> {
        let turn = self.session.enter(&self.shown).await?;
        let State::Open(snapshot) = &*turn else {
            return Err(PostgresError::Lost {
                table: self.shown.clone(),
            });
        };
        let at = (&*self.session, &**snapshot);
        let Plan {
            columns,
            part,
            cursor,
            n_records,
            copy,
        } = plan(at, &self.declared, &self.shown, &self.wanted).await?;
        let cancel = self.session.canceler(snapshot);
        let stream = snapshot.client().copy_out(&copy);
        let stream = self.session.answer("read", &self.shown, stream).await?;
        let columns: Vec<(String, Column)> = columns
            .into_iter()
            .map(|(name, written)| (name, Column::new(written)))
            .collect();
        let part: Part<String> = part.map(|mark| mark.text());
        Ok(Reading {
            stream: Box::pin(stream),
            rows: CopyRows::new(columns.len()),
            flow: Flow::Open,
            columns,
            pages: Numbered::new(self.addresses.clone(), part, n_records),
            cursor: cursor.map(Mark::text),
            cancel,
            _turn: turn,
        })
    }

    /// The next page, or how the reading ended.
    async fn step(&mut self) -> Result<Option<Arrived>, PostgresError> {
        if matches!(self.stage, Stage::New) {
            self.stage = Stage::Reading(Box::new(self.begin().await?));
        }
        let Stage::Reading(reading) = &mut self.stage else {
            return Ok(None);
        };
        let n_rows = reading
            .fill(&self.session, &self.shown, &self.declared)
            .await?;
        if n_rows > 0 || reading.pages.has_empty() {
            let page = reading.write(n_rows, &self.shown)?;
            return Ok(Some(reading.pages.page(page, String::new())));
        }
        reading.cancel.disarm();
        self.stage = Stage::Over(reading.pages.end(reading.cursor.clone()));
        Ok(None)
    }
}

impl Reading {
    /// Takes rows until the page is full or the table ends; answers how many.
    async fn fill(
        &mut self,
        session: &Session,
        shown: &str,
        declared: &PostgresTable,
    ) -> Result<usize, PostgresError> {
        let failed = |source| PostgresError::Copy {
            table: shown.to_owned(),
            source,
        };
        let most = usize::try_from(declared.page_rows.get()).unwrap_or(usize::MAX);
        let (mut n_rows, mut n_bytes) = (0, 0);
        while n_rows < most && n_bytes < PAGE_BYTES {
            if let Some(row) = self.rows.next_row().map_err(failed)? {
                n_bytes += row.iter().flatten().map(Bytes::len).sum::<usize>();
                n_rows += 1;
                self.take(&row, shown)?;
                continue;
            }
            if self.flow == Flow::Ended {
                break;
            }
            let piece = async { self.stream.next().await.transpose() };
            if let Some(piece) = session.answer("read", shown, piece).await? {
                self.rows.push(&piece);
            } else {
                self.rows.finish().map_err(failed)?;
                self.flow = Flow::Ended;
            }
        }
        Ok(n_rows)
    }

    /// Puts a row into the columns.
    fn take(&mut self, row: &[Option<Bytes>], shown: &str) -> Result<(), PostgresError> {
        for ((name, column), value) in self.columns.iter_mut().zip(row) {
            column
                .push(value.as_deref())
                .map_err(|unfit| PostgresError::Value {
                    table: shown.to_owned(),
                    column: name.clone(),
                    row: self.rows.n_rows(),
                    unfit,
                })?;
        }
        Ok(())
    }

    /// The page of the rows taken.
    fn write(&mut self, n_rows: usize, shown: &str) -> Result<Bytes, PostgresError> {
        let columns = self.columns.iter_mut();
        let columns = columns.map(|(name, column)| (name.clone(), column.finish()));
        arrow_page::write(columns.collect(), n_rows).map_err(|source| PostgresError::Page {
            table: shown.to_owned(),
            source,
        })
    }
}

#[async_trait]
impl Transport for PostgresPages {
    async fn next(&mut self) -> Result<Option<Arrived>, Error> {
        match self.step().await {
            Ok(page) => Ok(page),
            Err(source) => {
                // The rows that did not come are cancelled before the connection is given back.
                self.stage = Stage::New;
                self.session.lose().await;
                Err(Error::Postgres(Box::new(source)))
            }
        }
    }

    fn end(&mut self) -> Ended {
        match &self.stage {
            Stage::Over(ended) => ended.clone(),
            Stage::New | Stage::Reading(_) => Ended {
                cursor: None,
                earlier: super::Earlier::Stay,
                part: None,
            },
        }
    }
}
