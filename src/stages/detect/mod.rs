//! Computes the detection statistics: emerging needs, new words, service gaps.
//!
//! ```text
//! derived.…            series, waits, outcomes, words
//!    └─ detected._…    one judgment per cell, by the functions of detection in SQL
//!         └─ detected.signals          what stands out, with its evidence
//!              └─ detected.signal_history   what became of each signal from run to run
//! ```
//!
//! The models of `sql/detected/` are built like all others. What no statement can say is whether a signal
//! is new, stays, or no longer stands because the past was corrected: that is told here, from what was
//! said before.

use std::collections::{BTreeMap, BTreeSet};

use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use serde::Serialize;

use crate::canon::cells::{CellError, texts};
use crate::context::tables;
use crate::context::{Action, Context};
use crate::lake::{self, Zone};
use crate::models::{self, ModelReport};
use crate::spec::select::Selection;

pub(crate) mod candidates;
mod history;

/// The model of the signals.
const SIGNALS: &str = "detected.signals";

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A model of `sql/detected/` could not be built.
    #[error("a model of detection failed")]
    Models(#[source] models::Error),
    /// The commons has no model of signals.
    #[error(
        "the commons has no model `{SIGNALS}`; take the files of `sql/detected/` from a new commons (`antenne init DIR`)"
    )]
    NoSignals,
    /// The signals could not be read.
    #[error("cannot read the signals")]
    Inputs(#[source] tables::Error),
    /// A table does not have the column that its readers need.
    #[error("`{table}` does not fit those who read it")]
    Column {
        /// The table.
        table: &'static str,
        /// What is missing.
        #[source]
        source: CellError,
    },
    /// The history does not make a table.
    #[error("the history of the signals cannot be written")]
    Build(#[source] ArrowError),
    /// The lake failed.
    #[error("the lake failed while detecting")]
    Lake(#[source] lake::Error),
}

impl From<lake::Error> for Error {
    fn from(source: lake::Error) -> Self {
        Self::Lake(source)
    }
}

/// What was done.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// Whether a model was computed anew.
    pub action: Action,
    /// Signals by kind.
    pub n_signals: BTreeMap<String, u64>,
    /// Signals by kind in the latest quarter.
    pub n_latest: BTreeMap<String, u64>,
    /// The latest quarter with a signal.
    pub latest_quarter: String,
    /// What became of signals since the last run, by event.
    pub n_events: BTreeMap<String, u64>,
    /// What was done with each model.
    pub models: Vec<ModelReport>,
}

/// Builds the models of detection and notes what became of each signal.
///
/// # Errors
/// When a model fails; the tables before it are then visible, and the next run goes on from there.
pub async fn detect(cx: &Context) -> Result<Report, Error> {
    if !cx.commons.models.iter().any(|model| model.name == SIGNALS) {
        return Err(Error::NoSignals);
    }
    let models = models::build(cx, &Selection::All, Zone::Detected)
        .await
        .map_err(Error::Models)?;
    let opened = cx
        .open(&BTreeSet::from([SIGNALS.to_owned()]))
        .await
        .map_err(Error::Inputs)?;
    let sql = format!("select * from {SIGNALS} order by signal_id");
    let rows = opened
        .plain_rows(SIGNALS, &sql)
        .await
        .map_err(Error::Inputs)?;
    let n_events = history::note(cx, &rows, &opened.fingerprint_with(&[])).await?;
    let is_rebuilt = models.iter().any(|model| model.action == Action::Rebuilt);
    let report = Report {
        action: if is_rebuilt {
            Action::Rebuilt
        } else {
            Action::Unchanged
        },
        n_events,
        models,
        ..counted(&rows)?
    };
    Ok(report)
}

/// Signals counted by kind.
fn counted(rows: &RecordBatch) -> Result<Report, Error> {
    let column = |name| {
        texts(rows, name).map_err(|source| Error::Column {
            table: SIGNALS,
            source,
        })
    };
    let (kind, quarter) = (column("kind")?, column("quarter")?);
    let latest = quarter.iter().flatten().max().unwrap_or_default();
    let mut report = Report {
        latest_quarter: latest.to_owned(),
        ..Report::default()
    };
    for (kind, quarter) in kind.iter().flatten().zip(quarter.iter().flatten()) {
        *report.n_signals.entry(kind.to_owned()).or_default() += 1;
        if quarter == latest {
            *report.n_latest.entry(kind.to_owned()).or_default() += 1;
        }
    }
    Ok(report)
}
