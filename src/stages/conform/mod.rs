//! Brings pages to the canonical tables, or rejects their rows with a reason.
//!
//! Two steps, for each platform whose pages or contract changed:
//!
//! 1. **typed reading**: each page is read by its format, each row judged by the contract of its
//!    table. A row ends as exactly one of accepted, rejected, duplicate, superseded, erased; the
//!    sum is compared with the count that `acquire` took independently. Ids become keyed
//!    pseudonyms here, before anything is written. The result is `source.<platform>__<table>`.
//! 2. **mapping**: `sql/conformed/<platform>__<table>.sql` turns typed rows into rows of a
//!    canonical table such as `conformed.exchanges`.
//!
//! Both write scopes, so a platform that did not change is not touched.

use std::collections::BTreeMap;

use arrow::array::AsArray;

use crate::canon::cells::CellError;
use crate::canon::comune::{ComuneIndex, ComuneRow};
use crate::canon::page;
use crate::context::Context;
use crate::context::tables;
use crate::engine;
use crate::lake::{self, WrittenScope};

pub(crate) use typed::SCRATCH_FOLDER;

mod absence;
mod books;
mod coercions;
pub(crate) mod corrections;
pub mod drift;
pub mod findings;
pub(crate) mod formats;
mod intake;
mod mapping;
pub mod rejects;
mod rowwise;
mod source_tables;
mod state;
pub(crate) mod typed;
mod verdict;

pub use books::{BookLine, Closed};
use books::{Ledger, commit_rejects};
use drift::Drift;
use findings::{Notebook, commit_flags};
pub use mapping::MappingReport;
pub(crate) use mapping::missing_columns;
pub use source_tables::TableReport;
use source_tables::{Pending, Reader};

/// Version of what this stage writes; part of every fingerprint.
const VERSION: &str = "conform-2";

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Pages that would have to be read again have expired.
    #[error(
        "source table `{table}` would have to be read anew, but {n_pages} of its pages have expired; its rows stay as they are. Undo the change of the contract, the keys or the reference list, or ask the platform for everything and run `antenne state reset`"
    )]
    Expired {
        /// Platform and table.
        table: String,
        /// Pages that have expired.
        n_pages: usize,
    },
    /// A page cannot be read at all.
    #[error("source table `{table}`: page `{url}` cannot be read")]
    Page {
        /// Platform and table.
        table: String,
        /// Address the page was fetched from.
        url: String,
        /// Why not.
        #[source]
        source: Box<typed::Error>,
    },
    /// A page cannot be taken out of its envelope.
    #[error("source table `{table}`: page `{url}` cannot be opened")]
    Compressed {
        /// Platform and table.
        table: String,
        /// Address the page was fetched from.
        url: String,
        /// Why not.
        #[source]
        source: Box<page::Error>,
    },
    /// A source is over a limit, changed a frozen column, or has a stale correction.
    #[error("nothing new of it becomes visible: {}", reasons.join("; "))]
    Stopped {
        /// Why, table by table.
        reasons: Vec<String>,
    },
    /// The typed rows do not make a table.
    #[error("source table `{table}` cannot be built")]
    Typed {
        /// Platform and table.
        table: String,
        /// Why not.
        #[source]
        source: Box<typed::Error>,
    },
    /// A mapping failed.
    #[error("mapping `{model}` failed")]
    Mapping {
        /// The mapping.
        model: String,
        /// Why.
        #[source]
        source: engine::Error,
    },
    /// A mapping does not fit its canonical table.
    #[error("mapping `{model}`: {message}")]
    Misfit {
        /// The mapping.
        model: String,
        /// What does not fit.
        message: String,
    },
    /// A table could not be opened.
    #[error("cannot open the tables of `{model}`")]
    Inputs {
        /// Who reads them.
        model: String,
        /// Why not.
        #[source]
        source: tables::Error,
    },
    /// The books of rejects or counts could not be built.
    #[error("the books cannot be built")]
    Books(#[source] arrow::error::ArrowError),
    /// The table of rejects cannot be read.
    #[error("`conformed.rejects` cannot be read")]
    Rejects(#[source] CellError),
    /// The list of dropped rejects is damaged.
    #[error("the list of dropped rejects `rejects/dropped.json` in the lake is damaged")]
    Dropped(#[source] serde_json::Error),
    /// The lake failed.
    #[error("the lake failed while conforming")]
    Lake(#[source] lake::Error),
}

impl From<lake::Error> for Error {
    fn from(source: lake::Error) -> Self {
        Self::Lake(source)
    }
}

/// What was done.
#[derive(Debug, Default)]
pub struct Report {
    /// Books of every source table.
    pub books: Vec<BookLine>,
    /// What was read and written of each source table.
    pub tables: Vec<TableReport>,
    /// What each mapping did.
    pub mappings: Vec<MappingReport>,
    /// Platforms that failed, with the reason; the others went on.
    pub failed: BTreeMap<String, Error>,
    /// Every change of columns that is known.
    pub drift: Vec<Drift>,
}

/// Conforms the platforms named.
///
/// # Errors
/// Only what concerns all platforms; the failure of one is in the report.
pub async fn conform(cx: &Context, platforms: &[String]) -> Result<Report, Error> {
    let pages = cx.lake.current_pages().await?;
    let (comuni, reference) = comune_index(cx)?;
    let mut ledger = Ledger::load(cx).await?;
    let mut notebook = Notebook::load(cx).await?;
    let dropped = rejects::dropped(cx).await?;
    let mut report = Report::default();
    let mut waiting = Vec::new();
    for platform in platforms {
        let Some(source) = cx.commons.sources.get(platform) else {
            continue;
        };
        let reader = Reader {
            cx,
            platform,
            comuni: &comuni,
            reference: &reference,
            limits: &source.spec.limits,
            dropped: &dropped,
        };
        let pages = pages.get(platform).map_or(&[][..], Vec::as_slice);
        let read = match reader.read_tables(&source.spec, pages, &ledger).await {
            Ok(read) => read,
            Err(error) => {
                report.failed.insert(platform.clone(), error);
                continue;
            }
        };
        let reasons: Vec<String> = read.iter().flat_map(|read| read.reasons.clone()).collect();
        for read in read {
            let name = format!("{platform}__{}", read.report.table);
            notebook.record(&name, read.findings);
            if reasons.is_empty() {
                ledger.record(&name, &read.fingerprint, read.line);
                report.tables.push(read.report);
                waiting.extend(read.pending);
            }
        }
        if !reasons.is_empty() {
            let stopped = Error::Stopped { reasons };
            report.failed.insert(platform.clone(), stopped);
        }
    }
    make_visible(cx, waiting, &notebook).await?;
    ledger.commit(cx).await?;
    notebook.commit(cx).await?;
    report.drift = notebook.into_drift();
    report.mappings = mapping::map_all(cx, platforms, &mut report.failed).await?;
    report.books = ledger.into_lines();
    Ok(report)
}

/// Makes what was read visible: refused and marked rows first, then each table with its note.
async fn make_visible(
    cx: &Context,
    mut waiting: Vec<Pending>,
    notebook: &Notebook,
) -> Result<(), Error> {
    let (mut scopes, mut dropped) = (Vec::new(), Vec::new());
    let (mut flags, mut flags_dropped) = (Vec::new(), Vec::new());
    for pending in &mut waiting {
        scopes.extend(pending.rejects.take());
        dropped.append(&mut pending.rejects_dropped);
        if pending.is_rebuilt() {
            flags_dropped.extend(notebook.flags_of(&pending.name));
        }
        flags.extend(pending.flags.take());
    }
    let is_written = |name: &String| {
        flags
            .iter()
            .any(|flag: &WrittenScope| flag.scope.name == *name)
    };
    flags_dropped.retain(|name| !is_written(name));
    commit_rejects(cx, scopes, dropped).await?;
    commit_flags(cx, flags, flags_dropped).await?;
    for pending in waiting {
        pending.commit(cx).await?;
    }
    Ok(())
}

/// The books as of the last run, without conforming anything.
///
/// # Errors
/// When the lake cannot be read.
pub async fn books(cx: &Context) -> Result<Vec<BookLine>, Error> {
    Ok(Ledger::load(cx).await?.into_lines())
}

/// Every change of columns that is known, without conforming anything.
///
/// # Errors
/// When the lake cannot be read.
pub async fn known_drift(cx: &Context) -> Result<Vec<Drift>, Error> {
    Ok(Notebook::load(cx).await?.into_drift())
}

/// The reference list of comuni and the hash of its file.
fn comune_index(cx: &Context) -> Result<(ComuneIndex, String), Error> {
    const NAME: &str = "comuni";
    let failed = |source| Error::Inputs {
        model: "reference.comuni".to_owned(),
        source,
    };
    let spec = cx.commons.reference.tables.get(NAME).ok_or_else(|| {
        failed(tables::Error::Missing {
            table: format!("reference.{NAME}"),
        })
    })?;
    let (batch, fingerprint) = cx.reference_rows(NAME, spec).map_err(failed)?;
    let column = |name: &str| {
        batch
            .column_by_name(name)
            .and_then(|column| column.as_string_opt::<i32>())
    };
    let columns = [
        column("comune_code"),
        column("name"),
        column("provincia_code"),
        column("codice_catastale"),
    ];
    let [Some(code), Some(name), Some(provincia), Some(catastale)] = columns else {
        return Err(failed(tables::Error::Missing {
            table: "reference.comuni with comune_code, name, provincia_code and codice_catastale"
                .to_owned(),
        }));
    };
    let rows = (0..batch.num_rows()).map(|row| ComuneRow {
        code: code.value(row).to_owned(),
        name: name.value(row).to_owned(),
        provincia: provincia.value(row).to_owned(),
        codice_catastale: catastale.value(row).to_owned(),
    });
    Ok((ComuneIndex::new(rows), fingerprint))
}

#[cfg(test)]
mod increments;
