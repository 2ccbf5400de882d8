//! Tables of a SQLite file: one read transaction for all of them, pages in Arrow IPC.
//!
//! The file is opened for reading only and with its locks, so that a writer beside us neither
//! disturbs nor is disturbed. A file that is being copied over shows itself before (it is shorter
//! than its header says) or after (it changed although it was locked).

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::mpsc::{Receiver, channel};

use super::reading::Addresses;
use super::{Arrived, Body, Earlier, Ended, Request, Transport};
use crate::spec::fetch::sqlite::SqliteTable;
use crate::stages::acquire::Error;

mod cells;
mod error;
mod file;
mod mark;
mod read;

pub use error::SqliteError;
pub(in crate::stages::acquire) use read::Session;

use read::{Job, Said, start};

/// Reads one table or query.
#[derive(Debug)]
pub(in crate::stages::acquire) struct SqlitePages {
    /// The file, shared by its tables.
    session: Arc<Session>,
    /// What is to be read.
    job: Job,
    /// What the thread says, once it runs.
    answers: Option<Receiver<Result<Said, SqliteError>>>,
    /// How the reading ended.
    ended: Ended,
}

impl SqlitePages {
    /// A reading of one table; the file is not touched yet.
    pub(in crate::stages::acquire) fn new(
        request: &Request<'_>,
        declared: &SqliteTable,
        session: Arc<Session>,
    ) -> Self {
        let shown = declared.shown();
        let window = request.window;
        let known = request.known.iter();
        Self {
            session,
            job: Job {
                declared: declared.clone(),
                addresses: Addresses::new(shown.clone(), request.part),
                shown,
                cursor: request.cursor.map(str::to_owned),
                window: window.map(|window| (window.from.clone(), window.to.clone())),
                started_micros: request.started_at.timestamp_micros(),
                known: known
                    .map(|page| (page.url.clone(), page.tag.clone()))
                    .collect(),
            },
            answers: None,
            ended: Ended {
                cursor: None,
                earlier: Earlier::Stay,
                part: None,
            },
        }
    }
}

#[async_trait]
impl Transport for SqlitePages {
    async fn next(&mut self) -> Result<Option<Arrived>, Error> {
        let answers = self.answers.get_or_insert_with(|| {
            // One page ahead: while it is kept, the next one is read.
            let (sender, answers) = channel(1);
            start(Arc::clone(&self.session), self.job.clone(), sender);
            answers
        });
        let failed = |source| Error::Sqlite(Box::new(source));
        match answers.recv().await {
            Some(Ok(Said::Page(page))) => Ok(Some(*page)),
            Some(Ok(Said::Unchanged { address, tag })) => Ok(Some(Arrived {
                address,
                tag,
                body: Body::Unchanged,
                claim: None,
            })),
            Some(Ok(Said::Over(ended))) => {
                self.ended = ended;
                Ok(None)
            }
            Some(Err(source)) => Err(failed(source)),
            None => Err(failed(SqliteError::Stopped {
                table: self.job.shown.clone(),
            })),
        }
    }

    fn end(&mut self) -> Ended {
        self.ended.clone()
    }
}

#[cfg(test)]
mod tests;
