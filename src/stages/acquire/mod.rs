//! Fetches what a platform holds, kept byte for byte with its origin.
//!
//! A *page* is one file or object of a platform, or one answer of its service. Each page is kept
//! under its SHA-256, and the table `acquired.page_list` says which pages are current. A page
//! whose address shows the same tag as last time is not fetched again; one that is fetched and has
//! the same bytes changes nothing.
//!
//! ```text
//! address            entity tag   →  fetched?   bytes      →  acquired.page_list
//! movimenti.csv      same            no                        unchanged
//! movimenti.csv      other           yes        same hash      unchanged but for the tag
//! movimenti.csv      other           yes        other hash     new current page
//! gone               –               no                        stays current: nothing is lost
//! ```
//!
//! A table that can be asked for what is new has a *cursor*: where the next fetch begins. It comes
//! from the records themselves, never from a clock, and stands in the same list, so it moves in
//! the commit that makes the pages visible, or not at all. A run that is killed fetches again.
//!
//! The records of a page are counted here, from the bytes, by code that shares nothing with the
//! readers of `conform`: this is the independent side of the books.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::context::Context;
use crate::lake::pages::Holding;

pub(crate) mod count;
mod delimited;
mod error;
mod keep;
mod pass;
mod transport;

pub use error::Error;
use error::Remedy;
use pass::{Pass, again_wait};
use transport::Shared;
pub use transport::Window;
pub use transport::http::Error as HttpError;
pub use transport::postgres::{CopyError, PostgresError, Said};
pub use transport::sftp::SftpError;
pub use transport::sqlite::SqliteError;

/// How often a source is begun anew, at most.
const MAX_PASSES: u32 = 4;

/// What was done for one platform.
#[derive(Debug, Clone, Default, Serialize)]
pub struct SourceReport {
    /// Pages that were fetched.
    pub n_fetched: u64,
    /// Pages that had not changed.
    pub n_unchanged: u64,
    /// Bytes that were fetched.
    pub n_bytes: u64,
}

/// What was done.
#[derive(Debug, Default)]
pub struct Report {
    /// By platform.
    pub sources: BTreeMap<String, SourceReport>,
    /// Platforms that failed, with the reason; the others went on.
    pub failed: BTreeMap<String, Error>,
}

/// A window to be fetched beside the cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backfill {
    /// The table, or all that can be asked for a window.
    pub table: Option<String>,
    /// The window.
    pub window: Window,
}

/// Fetches what is new of the platforms named.
///
/// # Errors
/// Only what concerns all platforms; the failure of one is in the report.
pub async fn acquire(cx: &Context, platforms: &[String]) -> Result<Report, Error> {
    fetch(cx, platforms, None).await
}

/// Fetches a window of the platforms named; no cursor moves.
///
/// # Errors
/// Only what concerns all platforms; the failure of one is in the report.
pub async fn backfill(
    cx: &Context,
    platforms: &[String],
    backfill: &Backfill,
) -> Result<Report, Error> {
    fetch(cx, platforms, Some(backfill)).await
}

/// Forgets where the next fetch of a table begins, or of all tables of the platforms: it will be
/// fetched whole, and then takes the place of all its earlier pages.
///
/// # Errors
/// When the lake fails.
pub async fn forget(cx: &Context, platforms: &[String], table: Option<&str>) -> Result<(), Error> {
    let mut changed = cx.lake.holdings().await?;
    changed.retain(|platform, holding| {
        let n_before = holding.cursors.len();
        let is_meant = |found: &str| table.is_none_or(|table| table == found);
        if platforms.contains(platform) {
            holding.cursors.retain(|found, _| !is_meant(found));
        }
        holding.cursors.len() != n_before
    });
    if !changed.is_empty() {
        let (run, at) = (cx.run, cx.at_millis());
        cx.lake.commit_pages(&changed, run, at).await?;
    }
    Ok(())
}

/// Fetches and commits.
async fn fetch(
    cx: &Context,
    platforms: &[String],
    backfill: Option<&Backfill>,
) -> Result<Report, Error> {
    let known = cx.lake.holdings().await?;
    let mut report = Report::default();
    let mut changed = BTreeMap::new();
    for platform in platforms {
        let before = known.get(platform).cloned().unwrap_or_default();
        match fetch_platform(cx, platform, &before, backfill).await {
            Ok((holding, done)) => {
                if holding != before {
                    changed.insert(platform.clone(), holding);
                }
                report.sources.insert(platform.clone(), done);
            }
            Err(error) => {
                report.failed.insert(platform.clone(), error);
            }
        }
    }
    if !changed.is_empty() {
        cx.lake
            .commit_pages(&changed, cx.run, cx.at_millis())
            .await?;
    }
    Ok(report)
}

/// Fetches one platform, begun anew where what its tables share was lost.
async fn fetch_platform(
    cx: &Context,
    platform: &str,
    before: &Holding,
    backfill: Option<&Backfill>,
) -> Result<(Holding, SourceReport), Error> {
    let mut n_passes = 1;
    loop {
        match fetch_tables(cx, platform, before, backfill).await {
            Err(error) if error.remedy() == Remedy::Source && n_passes < MAX_PASSES => {
                again_wait(n_passes).await;
                n_passes += 1;
            }
            ended => return ended,
        }
    }
}

/// Fetches the tables of one platform; answers all that is then held of it.
async fn fetch_tables(
    cx: &Context,
    platform: &str,
    before: &Holding,
    backfill: Option<&Backfill>,
) -> Result<(Holding, SourceReport), Error> {
    let mut report = SourceReport::default();
    let mut holding = before.clone();
    let Some(source) = cx.commons.sources.get(platform) else {
        return Ok((holding, report));
    };
    let mut shared = Shared::default();
    let mut n_windows = 0;
    for (table, spec) in &source.spec.tables {
        let is_meant = backfill.is_none_or(|backfill| match &backfill.table {
            Some(named) => named == table,
            None => spec.fetch.has_windows(),
        });
        if !is_meant {
            continue;
        }
        if backfill.is_some() && !spec.fetch.has_windows() {
            let table = format!("{platform}.{table}");
            return Err(Error::NoWindow { table });
        }
        n_windows += 1;
        let pass = Pass {
            cx,
            platform,
            table,
            spec,
            servers: &source.spec.server,
            window: backfill.map(|backfill| &backfill.window),
        };
        pass.fetch(&mut shared, &mut holding, &mut report).await?;
    }
    if n_windows == 0 && backfill.is_some() {
        let table = platform.to_owned();
        return Err(Error::NoWindow { table });
    }
    holding
        .pages
        .sort_by(|one, other| (&one.table, &one.url).cmp(&(&other.table, &other.url)));
    Ok((holding, report))
}
