//! Applies disclosure control: from counts about people to tables that are safe to print.
//!
//! Each data set of `pipelines/releases/` is, in each period, a two-way table with its margins.
//! A count is withheld when too few persons or platforms stand behind it, when it speaks of
//! everyone in its whole, or when its whole is withheld. Further counts are then withheld so that
//! the first ones cannot be computed back, and an independent audit of what would be printed must
//! agree. Signals follow their evidence: a signal whose count is withheld stays private.
//!
//! A period that a release has printed is settled: it is printed again as it was.
//!
//! What cannot be proved safe refuses the release. Nothing turns this off.

use std::collections::{BTreeMap, BTreeSet};

use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use serde::Serialize;

use crate::canon::cells::CellError;
use crate::context::{Action, Context, Total};
use crate::context::{released, tables};
use crate::lake::{self, WholeTable, Zone};
use crate::spec::commons::Declared;
use crate::spec::release::{ReleaseSpec, unreleasable};

/// The gate: what a reader can work out from a published table alone.
pub(crate) mod audit;
mod data_set;
/// How far hidden cells can move while every visible number stays true.
pub(crate) mod flow;
/// A two-way table with all its margins.
pub(crate) mod grid;
mod parts;
mod protected;
mod settled;
mod signals;
mod signals_settled;
/// Which further cells must be withheld to keep the first ones safe.
pub(crate) mod suppress;

use data_set::{Coverage, Protected};
use settled::Settled;
pub use settled::SettledReport;

/// Version of what this stage writes; part of every fingerprint.
const VERSION: &str = "protect-1";

/// Models about places, not persons, which are published as they are.
pub(crate) const OPEN_MODELS: [&str; 2] = ["coverage_by_platform_district_quarter", "districts"];

/// The model that says which platform covers which district when.
const COVERAGE: &str = "derived.coverage_by_platform_district_quarter";

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A table could not be read.
    #[error("cannot read the tables behind data set `{data_set}`")]
    Inputs {
        /// The data set.
        data_set: String,
        /// Why not.
        #[source]
        source: tables::Error,
    },
    /// A model does not have a column the declaration names.
    #[error("data set `{data_set}` does not fit its model")]
    Column {
        /// The data set.
        data_set: String,
        /// What is missing.
        #[source]
        source: CellError,
    },
    /// The data set cannot be proved safe: the release is refused.
    #[error("data set `{data_set}`, period `{period}`: {reason}; coarsen an axis or the period")]
    Refused {
        /// The data set.
        data_set: String,
        /// The period.
        period: String,
        /// The smallest explanation.
        reason: String,
    },
    /// The data set names a model that is not for readers: the release is refused.
    #[error("data set `{data_set}`: {reason}")]
    Unreleasable {
        /// The data set.
        data_set: String,
        /// Which model, and why not.
        reason: String,
    },
    /// What earlier releases printed cannot be known: the release is refused.
    #[error("nothing is protected, because an earlier release cannot be read")]
    Released(#[source] released::Error),
    /// A data set was printed with other columns: the release is refused.
    #[error(
        "data set `{data_set}` has the columns {wanted} and was printed by release {version} with {found}; what was printed cannot be said in other columns, so publish it under another name, or take the former declaration back"
    )]
    Redeclared {
        /// The data set.
        data_set: String,
        /// The release that printed it.
        version: String,
        /// The columns that it printed.
        found: String,
        /// The columns that are declared.
        wanted: String,
    },
    /// The protected rows do not make a table.
    #[error("protected table `{data_set}` cannot be built")]
    Build {
        /// The table.
        data_set: String,
        /// Why not.
        #[source]
        source: ArrowError,
    },
    /// The lake failed.
    #[error("the lake failed while protecting")]
    Lake(#[source] lake::Error),
}

impl From<lake::Error> for Error {
    fn from(source: lake::Error) -> Self {
        Self::Lake(source)
    }
}

/// What was done with one data set.
#[derive(Debug, Clone, Default, Serialize)]
pub struct DataSetReport {
    /// The data set.
    pub data_set: String,
    /// Whether it was protected anew.
    pub action: Action,
    /// Cells of the complete grid.
    pub n_cells: u64,
    /// Cells withheld for themselves, in periods that are not settled.
    pub n_primary: u64,
    /// Cells withheld to protect others, in periods that are not settled.
    pub n_secondary: u64,
    /// Cells of places no platform covers, or whose source was down.
    pub n_without_data: u64,
    /// Cells printed.
    pub n_published: u64,
    /// What is settled of it, because a release printed it.
    pub settled: SettledReport,
}

/// What was done.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// By data set.
    pub data_sets: Vec<DataSetReport>,
    /// Signals that are published.
    pub n_signals_published: u64,
    /// Signals that stay private, because their evidence is withheld.
    pub n_signals_withheld: u64,
}

/// Protects every declared data set and the signals.
///
/// # Errors
/// [`Error::Refused`] when a data set cannot be proved safe.
pub async fn protect(cx: &Context) -> Result<Report, Error> {
    let mut report = Report::default();
    let settled = Settled::read(cx).await?;
    let mut done: BTreeMap<String, Protected> = BTreeMap::new();
    cx.progress.begin(
        "protect",
        "data sets",
        Total::Rows(cx.commons.releases.len() as u64),
    );
    for (name, declared) in wholes_first(&cx.commons.releases) {
        let protected = protect_data_set(cx, (name, declared), &done, &settled).await?;
        let batch = protected.batch().map_err(|source| Error::Build {
            data_set: name.clone(),
            source,
        })?;
        let mut line = protected.report(name);
        line.action = write(cx, name, batch).await?;
        report.data_sets.push(line);
        done.insert(name.clone(), protected);
        cx.progress.advance(1, 0);
    }
    for name in OPEN_MODELS {
        copy_open(cx, name).await?;
    }
    let (published, n_withheld) = signals::publishable(cx, &done, &settled).await?;
    report.n_signals_published = published.num_rows() as u64;
    report.n_signals_withheld = n_withheld;
    write(cx, signals::TABLE, published).await?;
    let outdated = report.data_sets.iter().map(|line| line.settled.n_outdated);
    let outdated = match outdated.sum::<u64>() {
        0 => String::new(),
        n => format!(", {n} settled count(s) would be others today"),
    };
    cx.progress.end(&format!(
        "{} data set(s), {} signal(s) published, {n_withheld} withheld{outdated}",
        done.len(),
        report.n_signals_published
    ));
    Ok(report)
}

/// Data sets in an order in which each comes after its whole.
fn wholes_first(
    releases: &BTreeMap<String, Declared<ReleaseSpec>>,
) -> Vec<(&String, &Declared<ReleaseSpec>)> {
    let mut ordered: Vec<_> = releases.iter().collect();
    ordered.sort_by_key(|(name, declared)| (declared.spec.protect.of.is_some(), (*name).clone()));
    ordered
}

/// Protects one data set in every period.
async fn protect_data_set(
    cx: &Context,
    (name, declared): (&str, &Declared<ReleaseSpec>),
    done: &BTreeMap<String, Protected>,
    settled: &Settled,
) -> Result<Protected, Error> {
    let spec = &ReleaseSpec {
        protect: cx.commons.policy_of(&declared.spec, cx.today()),
        ..declared.spec.clone()
    };
    refuse_private(cx, name, spec)?;
    let inputs = BTreeSet::from([spec.table.clone(), COVERAGE.to_owned()]);
    let failed = |source| Error::Inputs {
        data_set: name.to_owned(),
        source,
    };
    let opened = cx.open(&inputs).await.map_err(failed)?;
    let select = format!(
        "select * from {} order by {}, {}, {}",
        spec.table, spec.axes.period, spec.axes.rows, spec.axes.columns
    );
    let rows = opened.plain_rows(name, &select).await.map_err(failed)?;
    let select = format!(
        "select platform, district_code, quarter, status from {COVERAGE} order by platform, district_code, quarter"
    );
    let coverage = opened.plain_rows(COVERAGE, &select).await.map_err(failed)?;
    let column = |source| Error::Column {
        data_set: name.to_owned(),
        source,
    };
    let coverage = Coverage::read(&coverage).map_err(column)?;
    let whole = spec.protect.of.as_ref().and_then(|whole| done.get(whole));
    let mut counted = data_set::Counted::read(spec, &rows, whole).map_err(column)?;
    let today = counted.take_out(|period| settled.is_closed(name, spec, period));
    let new = counted
        .protect(spec, &coverage, whole)
        .map_err(|(period, reason)| Error::Refused {
            data_set: name.to_owned(),
            period,
            reason,
        })?;
    Ok(settled.join(name, new, &today))
}

/// Refuses a data set over a model that is not for readers.
fn refuse_private(cx: &Context, name: &str, spec: &ReleaseSpec) -> Result<(), Error> {
    let model = cx
        .commons
        .models
        .iter()
        .find(|model| model.name == spec.table);
    if let Some(reason) = model.and_then(unreleasable) {
        return Err(Error::Unreleasable {
            data_set: name.to_owned(),
            reason,
        });
    }
    Ok(())
}

/// Copies a model that is about places into the protected zone.
async fn copy_open(cx: &Context, name: &str) -> Result<(), Error> {
    let model = format!("derived.{name}");
    let failed = |source| Error::Inputs {
        data_set: name.to_owned(),
        source,
    };
    let opened = cx
        .open(&BTreeSet::from([model.clone()]))
        .await
        .map_err(failed)?;
    let grain = cx
        .commons
        .models
        .iter()
        .find(|found| found.name == model)
        .map(|found| found.header.grain.join(", "));
    let order = grain
        .filter(|grain| !grain.is_empty())
        .map(|grain| format!(" order by {grain}"))
        .unwrap_or_default();
    let rows = opened
        .plain_rows(&model, &format!("select * from {model}{order}"))
        .await
        .map_err(failed)?;
    write(cx, name, rows).await.map(|_action| ())
}

/// Writes a protected table unless its content is already there.
async fn write(cx: &Context, name: &str, batch: RecordBatch) -> Result<Action, Error> {
    let fingerprint = content_hash(&batch).map_err(|source| Error::Build {
        data_set: name.to_owned(),
        source,
    })?;
    let before = cx.lake.snapshot(Zone::Protected, name).await?;
    if before.is_some_and(|before| before.is_made_from(&fingerprint)) {
        return Ok(Action::Unchanged);
    }
    let whole = WholeTable {
        zone: Zone::Protected,
        table: name,
        run: cx.run,
        fingerprint,
        at_millis: cx.at_millis(),
    };
    cx.lake.replace_whole(whole, batch).await?;
    Ok(Action::Rebuilt)
}

/// Hash of the content of a table, the same for the same rows.
fn content_hash(batch: &RecordBatch) -> Result<String, ArrowError> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(VERSION.as_bytes());
    let mut bytes = Vec::new();
    let mut writer = arrow::ipc::writer::StreamWriter::try_new(&mut bytes, &batch.schema())?;
    writer.write(batch)?;
    writer.finish()?;
    drop(writer);
    hasher.update(&bytes);
    Ok(hasher.finalize().to_hex().to_string())
}
