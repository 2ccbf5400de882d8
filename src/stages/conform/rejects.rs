//! Rejected rows, for the operator: how many by which rule, where each one lies, and which of them
//! are never to come in.
//!
//! A reject holds no value, only a place. After a contract is corrected, its tables are read again
//! from their pages, so a row that now fits comes in exactly once: replaying is conforming. A
//! reject that the operator dropped is noted in the lake with a reason; it stays rejected, by the
//! rule `dropped_by_operator`, whatever the contract says later.

use std::collections::{BTreeMap, BTreeSet};

use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Error;
use super::findings::{FINDINGS, STOPPED_REJECT};
use super::formats::{self, Kinds, RawRow, Record};
use super::intake::blocking;
use crate::canon::cells::{CellError, count_at, counts, texts};
use crate::canon::page;
use crate::context::Context;
use crate::lake::Zone;
use crate::spec::source::TableSpec;

/// Name of the table of rejected rows.
const REJECTS: &str = "rejects";

/// Where the operator's decisions are noted in the lake.
const DROPPED: &str = "rejects/dropped.json";

/// Rule of a row that the operator dropped.
pub(crate) const DROPPED_BY_OPERATOR: &str = "dropped_by_operator";

/// Which rejects are meant; what is absent is not asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Platform.
    pub platform: Option<String>,
    /// Table of the platform.
    pub table: Option<String>,
    /// Rule.
    pub rule: Option<String>,
    /// Column.
    pub field: Option<String>,
    /// SHA-256 of a page, or the beginning of it.
    pub page: Option<String>,
    /// Place in the page.
    pub place: Option<u64>,
}

/// A rejected row: why and where it lies, never what it holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct RejectPlace {
    /// Platform.
    pub platform: String,
    /// Table of the platform.
    pub table: String,
    /// Rule it broke.
    pub rule: String,
    /// Column that broke it; empty if the row as a whole did.
    pub field: String,
    /// Address of the page, if the page is still listed.
    pub page: Option<String>,
    /// SHA-256 of the page.
    pub page_sha256: String,
    /// One-based line, row or place in the page.
    pub place: u64,
    /// Whether the operator dropped it.
    pub dropped: bool,
    /// Whether it was rejected in an attempt that was stopped, so that nothing of it is visible.
    pub stopped: bool,
}

/// Rejects of one table, rule and column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RejectGroup {
    /// Platform.
    pub platform: String,
    /// Table of the platform.
    pub table: String,
    /// Rule they broke.
    pub rule: String,
    /// Column that broke it; empty if the row as a whole did.
    pub field: String,
    /// Rows.
    pub n_rows: u64,
    /// Rows of them that the operator dropped.
    pub n_dropped: u64,
    /// Rows of them rejected in an attempt that was stopped.
    pub n_stopped: u64,
}

/// A row that the operator dropped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// Platform.
    pub platform: String,
    /// Table of the platform.
    pub table: String,
    /// SHA-256 of the page.
    pub page_sha256: String,
    /// Place in the page.
    pub place: u64,
    /// Rule it broke.
    pub rule: String,
    /// Column that broke it.
    pub field: String,
    /// Why it is never to come in.
    pub reason: String,
    /// When it was dropped.
    pub dropped_at: DateTime<Utc>,
}

impl Filter {
    /// Whether a reject is meant.
    fn is_meant(&self, reject: &RejectPlace) -> bool {
        let is =
            |asked: &Option<String>, found: &str| asked.as_ref().is_none_or(|asked| asked == found);
        let begins = |asked: &String| reject.page_sha256.starts_with(asked.as_str());
        is(&self.platform, &reject.platform)
            && is(&self.table, &reject.table)
            && is(&self.rule, &reject.rule)
            && is(&self.field, &reject.field)
            && self.page.as_ref().is_none_or(begins)
            && self.place.is_none_or(|place| place == reject.place)
    }
}

/// Rejects that are meant, in the order of platform, table, rule, column, page and place.
///
/// # Errors
/// When the lake cannot be read.
pub async fn places(cx: &Context, filter: &Filter) -> Result<Vec<RejectPlace>, Error> {
    let dropped = dropped(cx).await?;
    let dropped: BTreeSet<(&str, u64)> = dropped
        .iter()
        .map(|one| (one.page_sha256.as_str(), one.place))
        .collect();
    let urls = addresses(cx).await?;
    let mut found = Vec::new();
    for table in [REJECTS, FINDINGS] {
        let Some(snapshot) = cx.lake.snapshot(Zone::Conformed, table).await? else {
            continue;
        };
        for batch in cx.lake.read_all(Zone::Conformed, table, &snapshot).await? {
            let rejects = match table {
                FINDINGS => stopped_in(&batch),
                _ => rejects_in(&batch),
            };
            found.extend(rejects.map_err(Error::Rejects)?);
        }
    }
    for reject in &mut found {
        let at = (reject.page_sha256.as_str(), reject.place);
        reject.dropped = reject.rule == DROPPED_BY_OPERATOR || dropped.contains(&at);
        reject.page = urls.get(&reject.page_sha256).cloned();
    }
    found.retain(|reject| filter.is_meant(reject));
    found.sort();
    Ok(found)
}

/// The rows of `conformed.rejects` in a batch.
fn rejects_in(batch: &RecordBatch) -> Result<Vec<RejectPlace>, CellError> {
    let text = |name| texts(batch, name);
    let (platform, table) = (text("platform")?, text("source_table")?);
    let (sha, rule, field) = (text("page_sha256")?, text("rule")?, text("field")?);
    let place = counts(batch, "place")?;
    let reject = |row| RejectPlace {
        platform: platform.value(row).to_owned(),
        table: table.value(row).to_owned(),
        rule: rule.value(row).to_owned(),
        field: field.value(row).to_owned(),
        page: None,
        page_sha256: sha.value(row).to_owned(),
        place: count_at(place, row),
        dropped: false,
        stopped: false,
    };
    Ok((0..batch.num_rows()).map(reject).collect())
}

/// The rejects of stopped attempts in a batch of findings.
fn stopped_in(batch: &RecordBatch) -> Result<Vec<RejectPlace>, CellError> {
    let text = |name| texts(batch, name);
    let (platform, table) = (text("platform")?, text("source_table")?);
    let (sha, rule, field) = (text("page_sha256")?, text("rule")?, text("name")?);
    let (kind, place) = (text("kind")?, counts(batch, "place")?);
    let rows = (0..batch.num_rows()).filter(|row| kind.value(*row) == STOPPED_REJECT);
    let reject = |row| RejectPlace {
        platform: platform.value(row).to_owned(),
        table: table.value(row).to_owned(),
        rule: rule.value(row).to_owned(),
        field: field.value(row).to_owned(),
        page: None,
        page_sha256: sha.value(row).to_owned(),
        place: count_at(place, row),
        dropped: false,
        stopped: true,
    };
    Ok(rows.map(reject).collect())
}

/// Addresses of the listed pages by their SHA-256.
async fn addresses(cx: &Context) -> Result<BTreeMap<String, String>, Error> {
    let pages = cx.lake.current_pages().await?;
    let pages = pages.into_values().flatten();
    Ok(pages.map(|page| (page.sha256, page.url)).collect())
}

/// How many rejects there are of each table, rule and column.
pub fn groups(rejects: &[RejectPlace]) -> Vec<RejectGroup> {
    let mut groups: BTreeMap<[&str; 4], RejectGroup> = BTreeMap::new();
    for one in rejects {
        let key = [&one.platform, &one.table, &one.rule, &one.field];
        let group = groups.entry(key.map(String::as_str));
        let group = group.or_insert_with(|| RejectGroup {
            platform: one.platform.clone(),
            table: one.table.clone(),
            rule: one.rule.clone(),
            field: one.field.clone(),
            n_rows: 0,
            n_dropped: 0,
            n_stopped: 0,
        });
        group.n_rows += 1;
        group.n_dropped += u64::from(one.dropped);
        group.n_stopped += u64::from(one.stopped);
    }
    groups.into_values().collect()
}

/// Every row the operator dropped.
///
/// # Errors
/// [`Error::Dropped`] when the list is damaged.
pub(super) async fn dropped(cx: &Context) -> Result<Vec<Dropped>, Error> {
    match cx.lake.read(DROPPED).await? {
        None => Ok(Vec::new()),
        Some(bytes) => serde_json::from_slice(&bytes).map_err(Error::Dropped),
    }
}

/// Notes that these rejects are never to come in; answers how many of them were not noted before.
///
/// # Errors
/// When the list cannot be read or written.
pub async fn drop_rejects(
    cx: &Context,
    rejects: &[RejectPlace],
    reason: &str,
) -> Result<usize, Error> {
    let mut noted = dropped(cx).await?;
    let n_before = noted.len();
    let new = rejects.iter().filter(|reject| !reject.dropped);
    noted.extend(new.map(|reject| Dropped {
        platform: reject.platform.clone(),
        table: reject.table.clone(),
        page_sha256: reject.page_sha256.clone(),
        place: reject.place,
        rule: reject.rule.clone(),
        field: reject.field.clone(),
        reason: reason.to_owned(),
        dropped_at: cx.started_at,
    }));
    if noted.len() > n_before {
        let bytes = serde_json::to_vec_pretty(&noted).map_err(Error::Dropped)?;
        cx.lake.write(DROPPED, Bytes::from(bytes)).await?;
    }
    Ok(noted.len() - n_before)
}

/// The value that a row was rejected for, or the whole line where no column is named.
///
/// The answer can hold what the identifier gate found: it is for the operator's eyes, and must
/// never be kept.
///
/// # Errors
/// When the page cannot be read any more.
pub async fn reveal(cx: &Context, reject: &RejectPlace) -> Result<Option<String>, Error> {
    let source = cx.commons.sources.get(&reject.platform);
    let Some(spec) = source.and_then(|source| source.spec.tables.get(&reject.table)) else {
        return Ok(None);
    };
    let name = format!("{}__{}", reject.platform, reject.table);
    let (platform, table) = (&reject.platform, &reject.table);
    let kept = cx.lake.page_reader(platform, table, &reject.page_sha256);
    let kept = kept.await?;
    // The reader blocks, so it is no business of the runtime's own threads.
    let plain = blocking(|| plain(spec, kept));
    let bytes = plain.map_err(|source| Error::Compressed {
        table: name.clone(),
        url: reject.page.clone().unwrap_or_default(),
        source: Box::new(source),
    })?;
    Ok(if reject.field.is_empty() {
        line_at(&bytes, reject.place)
    } else {
        value_at(spec, &reject.field, &bytes, reject.place)
    })
}

/// Most bytes of a page that are read to show one of its rows.
const MAX_READ: u64 = 4 << 30;

/// A page without its envelope.
pub(super) fn plain(spec: &TableSpec, kept: page::Bytestream) -> Result<Vec<u8>, page::Error> {
    let opened = page::open(kept, spec.format.wrapping())?;
    let read = page::read_whole(opened.bytes, MAX_READ);
    read.map_err(|source| page::Error::Read { source })
}

/// The line of a text.
fn line_at(bytes: &[u8], place: u64) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let index = usize::try_from(place).ok()?.checked_sub(1)?;
    text.lines().nth(index).map(str::to_owned)
}

/// The value of a column in the row at a place.
fn value_at(spec: &TableSpec, column: &str, bytes: &[u8], place: u64) -> Option<String> {
    let declared = spec.columns.get(column)?;
    let field = declared.from.clone().unwrap_or_else(|| column.to_owned());
    let mut found = None;
    let mut sink = |raw: RawRow<'_>| {
        if let (true, Record::Fields(values)) = (raw.place == place, &raw.record) {
            let mut scratch = String::new();
            found = values
                .first()
                .map(|value| value.text(&mut scratch).to_owned());
        }
    };
    // A page that cannot be read any more has nothing to show.
    let kinds = Kinds {
        fields: &[field],
        kinds: &[declared.kind],
    };
    let _read = formats::read_page(&spec.format, kinds, bytes, &mut sink);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reject of a rule at a place.
    fn reject(rule: &str, place: u64) -> RejectPlace {
        RejectPlace {
            platform: "p".to_owned(),
            table: "t".to_owned(),
            rule: rule.to_owned(),
            field: "f".to_owned(),
            page: None,
            page_sha256: "abc".to_owned(),
            place,
            dropped: false,
            stopped: false,
        }
    }

    #[test]
    fn rejects_are_counted_by_rule() {
        let rejects = [
            reject("bad_date", 2),
            RejectPlace {
                dropped: true,
                ..reject("bad_date", 3)
            },
            reject("ragged_row", 4),
        ];
        let found = groups(&rejects);
        let found: Vec<(&str, u64, u64)> = found
            .iter()
            .map(|group| (group.rule.as_str(), group.n_rows, group.n_dropped))
            .collect();
        assert_eq!(found, [("bad_date", 2, 1), ("ragged_row", 1, 0)]);
    }

    #[test]
    fn a_filter_takes_what_it_names_and_nothing_else() {
        let filter = Filter {
            rule: Some("bad_date".to_owned()),
            page: Some("ab".to_owned()),
            ..Filter::default()
        };
        assert!(filter.is_meant(&reject("bad_date", 2)));
        assert!(!filter.is_meant(&reject("ragged_row", 2)));
        let elsewhere = Filter {
            place: Some(9),
            ..Filter::default()
        };
        assert!(!elsewhere.is_meant(&reject("bad_date", 2)));
    }
}
