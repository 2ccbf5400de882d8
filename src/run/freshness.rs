//! How old each source is: days since its newest record and since it was last fetched.
//!
//! When a source was last fetched is known from the reports of earlier runs: each run hands on
//! what the one before knew, and adds the sources it reached itself. A fetch that brings nothing
//! new counts: the platform answered.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Error;
use crate::context::Context;
use crate::spec::limits::Timeliness;

/// How old one source is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SourceFreshness {
    /// Platform.
    pub name: String,
    /// When its newest record was written; null where its records carry no date.
    pub newest_record: Option<DateTime<Utc>>,
    /// When it last answered a fetch; null before the first time.
    pub fetched_at: Option<DateTime<Utc>>,
    /// How it stands to `freshness.warn_after_days` and `freshness.error_after_days`.
    pub timeliness: Timeliness,
}

/// When each platform last answered a fetch.
pub(super) type Fetches = BTreeMap<String, DateTime<Utc>>;

/// What a report knows of the fetches so far.
pub(super) fn fetches(known: &[SourceFreshness]) -> Fetches {
    let answered = known.iter();
    answered
        .filter_map(|one| Some((one.name.clone(), one.fetched_at?)))
        .collect()
}

/// How old every declared source is.
///
/// # Errors
/// When the canonical tables cannot be read.
pub(super) async fn judge(cx: &Context, fetched: &Fetches) -> Result<Vec<SourceFreshness>, Error> {
    let newest = cx.newest_records().await.map_err(Error::Status)?;
    let judged = cx.commons.sources.iter().map(|(platform, declared)| {
        let (record, fetch) = (newest.get(platform), fetched.get(platform));
        let days = |at: Option<&DateTime<Utc>>| at.map(|at| (cx.started_at - *at).num_days());
        SourceFreshness {
            name: platform.clone(),
            newest_record: record.copied(),
            fetched_at: fetch.copied(),
            timeliness: declared.spec.freshness.judge(days(record), days(fetch)),
        }
    });
    Ok(judged.collect())
}

/// What is said of the sources that are older than they may become, by source.
pub(super) fn overdue(cx: &Context, judged: &[SourceFreshness]) -> BTreeMap<String, String> {
    let late = judged
        .iter()
        .filter(|one| one.timeliness == Timeliness::Overdue);
    late.map(|one| {
        let limit = cx.commons.sources.get(&one.name);
        let limit = limit.and_then(|source| source.spec.freshness.error_after_days);
        let said = format!(
            "{}; `freshness.error_after_days` is {}",
            age_in_words(one),
            limit.unwrap_or_default()
        );
        (format!("freshness of {}", one.name), said)
    })
    .collect()
}

/// The age of a source in words.
pub fn age_in_words(one: &SourceFreshness) -> String {
    let day = |at: Option<DateTime<Utc>>, otherwise: &str| {
        at.map_or_else(
            || otherwise.to_owned(),
            |at| at.format("%Y-%m-%d").to_string(),
        )
    };
    format!(
        "newest record {}, last fetched {}",
        day(one.newest_record, "without a date"),
        day(one.fetched_at, "never")
    )
}

/// The platforms whose agreement is valid today, and what is said of the others.
pub(super) fn with_agreement(
    cx: &Context,
    platforms: &[String],
) -> (Vec<String>, BTreeMap<String, String>) {
    let mut valid = Vec::new();
    let mut expired = BTreeMap::new();
    for platform in platforms {
        let source = cx.commons.sources.get(platform);
        let last = source.and_then(|source| source.spec.agreement.expired_on(cx.today()));
        match last {
            None => valid.push(platform.clone()),
            Some(last) => {
                let said = format!(
                    "its agreement expired on {last}, so nothing more is fetched; renew it and set `agreement.expires_on` in `pipelines/sources/{platform}.toml`"
                );
                expired.insert(platform.clone(), said);
            }
        }
    }
    (valid, expired)
}

/// Notes that these platforms answered.
pub(super) fn note_fetches<'a>(
    cx: &Context,
    known: &mut Vec<SourceFreshness>,
    answered: impl Iterator<Item = &'a String>,
) {
    for platform in answered {
        known.retain(|one| one.name != *platform);
        known.push(SourceFreshness {
            name: platform.clone(),
            newest_record: None,
            fetched_at: Some(cx.started_at),
            timeliness: Timeliness::Unknown,
        });
    }
}
