//! Letting pages go when the agreement with their platform says so.
//!
//! A page expires once it has been in the lake for longer than `agreement.retention_days`. Its
//! bytes are deleted; the list goes on naming it, so that the books stay closed and its rows stay
//! where they are. Whatever would have to read it again is refused, never done with fewer rows.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use super::Error;
use super::sweep::delete_unlisted;
use crate::context::Context;

/// What expired of a platform.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Expired {
    /// Pages that expired now.
    pub(crate) n_pages: u64,
    /// Files that were deleted: their bytes, and those of pages that are no longer current.
    pub(crate) n_files_deleted: u64,
}

/// Lets the pages of some platforms expire; `started_at` tells when the run of a number started.
///
/// The rows of these pages must be in the lake: this comes after `conform`, for the platforms with
/// which it had no trouble.
///
/// # Errors
/// When the lake cannot be read or written.
pub(crate) async fn expire(
    cx: &Context,
    platforms: &[String],
    started_at: &BTreeMap<u64, DateTime<Utc>>,
) -> Result<BTreeMap<String, Expired>, Error> {
    let mut done = BTreeMap::new();
    let mut holdings = cx.lake.holdings().await?;
    for platform in platforms {
        let source = cx.commons.sources.get(platform);
        let days = source.and_then(|source| source.spec.agreement.retention_days);
        let (Some(days), Some(mut holding)) = (days, holdings.remove(platform)) else {
            continue;
        };
        let latest = cx.started_at - TimeDelta::days(i64::from(days));
        let mut n_pages = 0;
        for page in &mut holding.pages {
            let is_old = started_at.get(&page.run).is_some_and(|at| *at < latest);
            if is_old && !page.is_expired() {
                page.expired = Some(cx.run);
                n_pages += 1;
            }
        }
        let pages = holding.pages.clone();
        if n_pages > 0 {
            let changed = BTreeMap::from([(platform.clone(), holding)]);
            cx.lake
                .commit_pages_as(
                    &changed,
                    (cx.run, cx.at_millis()),
                    &format!("retain {platform}"),
                )
                .await?;
        }
        let expired = Expired {
            n_pages,
            n_files_deleted: delete_unlisted(cx, platform, &pages).await?,
        };
        if expired != Expired::default() {
            done.insert(platform.clone(), expired);
        }
    }
    Ok(done)
}
