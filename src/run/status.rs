//! What is known of the commons: books, freshness, last release.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{Array, AsArray};
use arrow::datatypes::TimestampMicrosecondType;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Book, Error};
use crate::canon::cells::texts;
use crate::context::Context;
use crate::stages::{conform, publish};

/// The status of a commons.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Status {
    /// Every source table.
    pub sources: Vec<SourceStatus>,
    /// Version of the last release.
    pub last_release: Option<String>,
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
    /// Whether the platform's latest record is younger than `freshness.warn_after_days`; null
    /// where its records carry no date.
    pub fresh: Option<bool>,
}

/// Reads the status.
///
/// # Errors
/// When the lake cannot be read.
pub async fn status(cx: &Context) -> Result<Status, Error> {
    let books = conform::books(cx).await.map_err(Error::Conform)?;
    let latest = latest_records(cx).await?;
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
        let fresh = latest.get(&name).and_then(|at| is_fresh(cx, &name, *at));
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
    let noted = publish::release::ledger(cx).await.map_err(Error::Publish)?;
    Ok(Status {
        sources: sources.collect(),
        last_release: noted.last().map(|release| release.version.clone()),
    })
}

/// When the latest exchange of each platform was recorded, microseconds since 1970.
async fn latest_records(cx: &Context) -> Result<BTreeMap<String, i64>, Error> {
    const TABLE: &str = "conformed.exchanges";
    let opened = cx
        .open(&BTreeSet::from([TABLE.to_owned()]))
        .await
        .map_err(Error::Status)?;
    let sql = "select platform, max(recorded_at) as latest from conformed.exchanges group by platform order by platform";
    let rows = opened.plain_rows(TABLE, sql).await.map_err(Error::Status)?;
    let latest = rows
        .column_by_name("latest")
        .and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>());
    let (Ok(platform), Some(latest)) = (texts(&rows, "platform"), latest) else {
        return Ok(BTreeMap::new());
    };
    let found = (0..rows.num_rows()).filter(|row| latest.is_valid(*row));
    Ok(found
        .map(|row| (platform.value(row).to_owned(), latest.value(row)))
        .collect())
}

/// Whether the platform's latest record is young enough.
fn is_fresh(cx: &Context, platform: &str, latest_micros: i64) -> Option<bool> {
    let source = cx.commons.sources.get(platform)?;
    let age_days = (cx.started_at.timestamp_micros() - latest_micros) / (24 * 3600 * 1_000_000);
    Some(age_days <= i64::from(source.spec.freshness.warn_after_days))
}
