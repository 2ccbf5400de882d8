//! What is known of the commons: books, freshness, last release.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::freshness::{self, SourceFreshness};
use super::{Book, Error};
use crate::context::{Context, released};
use crate::spec::limits::Timeliness;
use crate::stages::conform::drift::Drift;
use crate::stages::{conform, publish};

/// The status of a commons.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Status {
    /// Every source table.
    pub sources: Vec<SourceStatus>,
    /// Changes of columns that are known.
    pub drift: Vec<Drift>,
    /// How old each source is.
    pub freshness: Vec<SourceFreshness>,
    /// What failed in the last run, with the reason.
    pub failures: BTreeMap<String, String>,
    /// Version of the last release.
    pub last_release: Option<String>,
}

/// Sources that failed in the newest run of the lake, with the reason, without what ended the run
/// itself.
///
/// # Errors
/// When the lake cannot be read.
pub async fn failures_of_last_run(cx: &Context) -> Result<BTreeMap<String, String>, Error> {
    let report = super::newest_report(cx).await?;
    let mut failures = report.map(|report| report.failures).unwrap_or_default();
    failures.remove("run");
    Ok(failures)
}

/// The status of one source table.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct SourceStatus {
    /// Platform.
    pub name: String,
    /// Table of the platform.
    pub table: String,
    /// Records in the source, counted independently; null where no count can be had.
    pub source_count: Option<u64>,
    /// Accepted rows.
    pub accepted: u64,
    /// Rejected rows.
    pub rejected: u64,
    /// Duplicate rows.
    pub duplicate: u64,
    /// Superseded rows.
    pub superseded: u64,
    /// Erased rows.
    pub erased: u64,
    /// `true`, `false` or `"unverified"`.
    pub closed: serde_json::Value,
    /// Whether the platform's newest record and its last fetch are younger than
    /// `freshness.warn_after_days`; null where nothing of it is dated.
    pub fresh: Option<bool>,
}

/// Reads the status.
///
/// # Errors
/// When the lake cannot be read.
pub async fn status(cx: &Context) -> Result<Status, Error> {
    let books = conform::books(cx).await.map_err(Error::Conform)?;
    let last = super::last_report(cx).await?;
    let (known, failures) = last
        .map(|last| (last.freshness, last.failures))
        .unwrap_or_default();
    let judged = freshness::judge(cx, &freshness::fetches(&known)).await?;
    let sources = books.iter().map(|line| {
        let Book {
            name,
            table,
            source_count,
            accepted,
            rejected,
            duplicate,
            superseded,
            erased,
            closed,
        } = Book::from(line);
        let found = judged.iter().find(|one| one.name == name);
        let fresh = found.and_then(|one| is_fresh(one.timeliness));
        SourceStatus {
            name,
            table,
            source_count,
            accepted,
            rejected,
            duplicate,
            superseded,
            erased,
            closed,
            fresh,
        }
    });
    let noted = released::ledger(cx).await;
    let noted =
        noted.map_err(|source| Error::Publish(publish::release::Error::Released(source)))?;
    let sources: Vec<SourceStatus> = sources.collect();
    Ok(Status {
        sources,
        drift: conform::known_drift(cx).await.map_err(Error::Conform)?,
        freshness: judged,
        failures,
        last_release: noted.last().map(|release| release.version.clone()),
    })
}

/// Whether a source is young enough, if that can be said.
fn is_fresh(timeliness: Timeliness) -> Option<bool> {
    match timeliness {
        Timeliness::Unknown => None,
        Timeliness::Fresh => Some(true),
        Timeliness::Late | Timeliness::Overdue => Some(false),
    }
}
