//! Fetches what a platform holds, kept byte for byte with its origin.
//!
//! A *page* is one file or object of a platform. Each page is kept under its SHA-256, and the
//! table `acquired.pages` says which pages are current: for every address the latest content.
//! A page whose address shows the same size and entity tag as last time is not fetched again; one
//! that is fetched and has the same bytes changes nothing.
//!
//! ```text
//! address            entity tag   →  fetched?   bytes      →  acquired.pages
//! movimenti.csv      same            no                        unchanged
//! movimenti.csv      other           yes        same hash      unchanged but for the tag
//! movimenti.csv      other           yes        other hash     new current page
//! gone               –               no                        stays current: nothing is lost
//! ```
//!
//! The records of a page are counted here, from the bytes, by code that shares nothing with the
//! readers of `conform`: this is the independent side of the books.

use std::collections::BTreeMap;

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::canon::digits::hexadecimal;
use crate::canon::gzip;
use crate::context::{Context, Total};
use crate::lake;
use crate::lake::pages::{Held, Page};
use crate::spec::fetch::Fetch;
use crate::spec::format::CountOf;
use crate::spec::source::TableSpec;

mod count;
mod listing;

use count::{Count, count_records};
use listing::{Object, Store};

/// What went wrong with a source.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address of a table is not one an object store understands.
    #[error("cannot reach `{url}`; check `fetch.files.url` of the pipeline")]
    Address {
        /// Address as declared.
        url: String,
        /// Why not.
        #[source]
        source: object_store::Error,
    },
    /// Nothing lies at the address.
    #[error(
        "nothing matches `{url}`; check `fetch.files.url` of the pipeline, or generate the sample with `antenne sample`"
    )]
    Nothing {
        /// Address as declared.
        url: String,
    },
    /// A page could not be fetched.
    #[error("cannot fetch `{url}`")]
    Fetch {
        /// Address of the page.
        url: String,
        /// Why not.
        #[source]
        source: object_store::Error,
    },
    /// The lake failed.
    #[error("the lake failed while acquiring")]
    Lake(#[source] lake::Error),
}

impl Error {
    /// Whether trying again later may help.
    pub fn is_transient(&self) -> bool {
        match self {
            // A wrong or empty address stays wrong until someone changes the pipeline.
            Self::Address { .. } | Self::Nothing { .. } => false,
            // Networks and disks recover.
            Self::Fetch { .. } | Self::Lake(_) => true,
        }
    }
}

impl From<lake::Error> for Error {
    fn from(source: lake::Error) -> Self {
        Self::Lake(source)
    }
}

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

/// Fetches the pages of the platforms named.
///
/// # Errors
/// Only what concerns all platforms; the failure of one is in the report.
pub async fn acquire(cx: &Context, platforms: &[String]) -> Result<Report, Error> {
    let known = cx.lake.current_pages().await?;
    let mut report = Report::default();
    let mut changed = BTreeMap::new();
    for platform in platforms {
        let before = known.get(platform).cloned().unwrap_or_default();
        match acquire_platform(cx, platform, &before).await {
            Ok((pages, done)) => {
                if pages != before {
                    changed.insert(platform.clone(), pages);
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

/// Fetches the pages of one platform; answers all its current pages.
async fn acquire_platform(
    cx: &Context,
    platform: &str,
    before: &[Page],
) -> Result<(Vec<Page>, SourceReport), Error> {
    let mut report = SourceReport::default();
    let mut pages: BTreeMap<(String, String), Page> = before
        .iter()
        .map(|page| ((page.table.clone(), page.url.clone()), page.clone()))
        .collect();
    let Some(source) = cx.commons.sources.get(platform) else {
        return Ok((before.to_vec(), report));
    };
    for (table, spec) in &source.spec.tables {
        let Fetch::Files(files) = &spec.fetch;
        let store = Store::open(&cx.commons.root, &files.url)?;
        let objects = store.list().await?;
        if objects.is_empty() && !before.iter().any(|page| page.table == *table) {
            return Err(Error::Nothing {
                url: files.url.clone(),
            });
        }
        let total = objects.iter().map(|object| object.size).sum();
        cx.progress.begin(
            "acquire",
            &format!("{platform}.{table}"),
            Total::Bytes(total),
        );
        let mut n_fetched = 0_u64;
        for object in objects {
            let at = (table.clone(), object.url.clone());
            if pages.get(&at).is_some_and(|page| page.tag == object.tag) {
                report.n_unchanged += 1;
                cx.progress.advance(0, object.size);
                continue;
            }
            let page = fetch(cx, platform, (table, spec), &store, &object).await?;
            n_fetched += 1;
            report.n_bytes += page.n_bytes;
            cx.progress
                .advance(page.n_records.unwrap_or_default(), page.n_bytes);
            pages.insert(at, page);
        }
        report.n_fetched += n_fetched;
        cx.progress.end(&format!("{n_fetched} page(s) fetched"));
    }
    Ok((pages.into_values().collect(), report))
}

/// Fetches one page and keeps it.
async fn fetch(
    cx: &Context,
    platform: &str,
    (table, spec): (&String, &TableSpec),
    store: &Store,
    object: &Object,
) -> Result<Page, Error> {
    let bytes = store.fetch(object).await?;
    let sha256 = hexadecimal(&Sha256::digest(&bytes));
    let n_bytes = bytes.len() as u64;
    let (n_records, count_of, note) = match counted(spec, &bytes) {
        Count::Verified(n_records) => (Some(n_records), CountOf::Page, None),
        Count::WholeTable(n_records) => (Some(n_records), CountOf::Table, None),
        Count::Unverified { why } => (None, CountOf::Page, Some(why)),
    };
    if cx.lake.has_page(platform, table, &sha256).await? == Held::Absent {
        cx.lake.keep_page(platform, table, &sha256, bytes).await?;
    }
    Ok(Page {
        table: table.clone(),
        url: object.url.clone(),
        tag: object.tag.clone(),
        sha256,
        n_bytes,
        n_records,
        count_of,
        note,
        n_erased: 0,
        n_searched: 0,
    })
}

/// Counts the records of a page, inflated if it came as gzip.
fn counted(spec: &TableSpec, bytes: &bytes::Bytes) -> Count {
    match gzip::plain(bytes) {
        Ok(plain) => count_records(&spec.format, &plain),
        Err(source) => Count::Unverified {
            why: format!("the gzip page is damaged: {source}"),
        },
    }
}
