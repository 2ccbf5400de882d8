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
use std::sync::Arc;

use arrow::array::{Array, AsArray, Int64Array, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use futures::stream;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::context::{Context, Total};
use crate::lake::pages::Held;
use crate::lake::{self, Scope, Statistics, TableCommit, Target, Zone};
use crate::spec::source::{Fetch, TableSpec};

mod count;
mod listing;

use count::{Count, count_records};
use listing::{Object, Store};

/// Name of the list of pages.
pub(crate) const PAGES: &str = "pages";

/// Version of what this stage writes; part of every fingerprint.
const VERSION: &str = "acquire-1";

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
    #[error("nothing matches `{url}`; check `fetch.files.url` of the pipeline, or generate the sample with `antenne sample`")]
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
    /// The list of pages could not be read.
    #[error("the list of pages could not be read or built")]
    Pages(#[source] arrow::error::ArrowError),
}

impl Error {
    /// Whether trying again later may help.
    pub fn is_transient(&self) -> bool {
        match self {
            // A wrong or empty address stays wrong until someone changes the pipeline.
            Self::Address { .. } | Self::Nothing { .. } | Self::Pages(_) => false,
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

/// One current page of a platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page {
    /// Table of the platform.
    pub(crate) table: String,
    /// Address it was fetched from.
    pub(crate) url: String,
    /// Entity tag and size, to tell whether it may have changed.
    pub(crate) tag: String,
    /// SHA-256 of its bytes, hexadecimal.
    pub(crate) sha256: String,
    /// Bytes.
    pub(crate) n_bytes: u64,
    /// Records, counted independently; `None` where no count can be had.
    pub(crate) n_records: Option<u64>,
    /// Why there is no count.
    pub(crate) note: Option<String>,
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
    let snapshot = cx.lake.snapshot(Zone::Acquired, PAGES).await?;
    let known = pages_of(cx, snapshot.as_ref()).await?;
    let mut report = Report::default();
    let mut scopes = Vec::new();
    for platform in platforms {
        let before = known.get(platform).cloned().unwrap_or_default();
        match acquire_platform(cx, platform, &before).await {
            Ok((pages, done)) => {
                if pages != before {
                    scopes.push(write_pages(cx, platform, &pages).await?);
                }
                report.sources.insert(platform.clone(), done);
            }
            Err(error) => {
                report.failed.insert(platform.clone(), error);
            }
        }
    }
    if !scopes.is_empty() {
        let commit = TableCommit {
            zone: Zone::Acquired,
            table: PAGES,
            run: cx.run,
            schema: schema(),
            statistics: &Statistics::default(),
            scopes,
            dropped: Vec::new(),
            at_millis: cx.at_millis(),
        };
        cx.lake.commit(commit).await?;
    }
    Ok(report)
}

/// Fetches the pages of one platform; answers all its current pages.
async fn acquire_platform(cx: &Context, platform: &str, before: &[Page]) -> Result<(Vec<Page>, SourceReport), Error> {
    let mut report = SourceReport::default();
    let mut pages: BTreeMap<(String, String), Page> =
        before.iter().map(|page| ((page.table.clone(), page.url.clone()), page.clone())).collect();
    let Some(source) = cx.commons.sources.get(platform) else {
        return Ok((before.to_vec(), report));
    };
    for (table, spec) in &source.spec.tables {
        let Fetch::Files(files) = &spec.fetch;
        let store = Store::open(&cx.commons.root, &files.url)?;
        let objects = store.list().await?;
        if objects.is_empty() && !before.iter().any(|page| page.table == *table) {
            return Err(Error::Nothing { url: files.url.clone() });
        }
        let total = objects.iter().map(|object| object.size).sum();
        cx.progress.begin("acquire", &format!("{platform}.{table}"), Total::Bytes(total));
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
            cx.progress.advance(page.n_records.unwrap_or_default(), page.n_bytes);
            pages.insert(at, page);
        }
        report.n_fetched += n_fetched;
        cx.progress.end(&format!("{n_fetched} page(s) fetched"));
    }
    Ok((pages.into_values().collect(), report))
}

/// Fetches one page and keeps it.
async fn fetch(cx: &Context, platform: &str, (table, spec): (&String, &TableSpec), store: &Store, object: &Object) -> Result<Page, Error> {
    let bytes = store.fetch(object).await?;
    let sha256 = hex(&Sha256::digest(&bytes));
    let n_bytes = bytes.len() as u64;
    let (n_records, note) = match count_records(&spec.format, &bytes) {
        Count::Verified(n_records) => (Some(n_records), None),
        Count::Unverified { why } => (None, Some(why)),
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
        note,
    })
}

/// Lowercase hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _written = write!(text, "{byte:02x}");
        text
    })
}

/// Columns of `acquired.pages`.
fn schema() -> SchemaRef {
    let text = |name| Field::new(name, DataType::Utf8, true);
    let count = |name| Field::new(name, DataType::Int64, true);
    Arc::new(Schema::new(vec![
        text("platform"),
        text("source_table"),
        text("url"),
        text("tag"),
        text("sha256"),
        count("n_bytes"),
        count("n_records"),
        text("note"),
    ]))
}

/// Writes the current pages of a platform.
async fn write_pages(cx: &Context, platform: &str, pages: &[Page]) -> Result<lake::WrittenScope, Error> {
    let texts = |value: fn(&Page) -> Option<&str>| Arc::new(pages.iter().map(value).collect::<StringArray>());
    let counts = |value: fn(&Page) -> Option<u64>| {
        Arc::new(pages.iter().map(|page| value(page).and_then(|n| i64::try_from(n).ok())).collect::<Int64Array>())
    };
    let batch = RecordBatch::try_new(
        schema(),
        vec![
            Arc::new(StringArray::from(vec![platform; pages.len()])),
            texts(|page| Some(&page.table)),
            texts(|page| Some(&page.url)),
            texts(|page| Some(&page.tag)),
            texts(|page| Some(&page.sha256)),
            counts(|page| Some(page.n_bytes)),
            counts(|page| page.n_records),
            texts(|page| page.note.as_deref()),
        ],
    )
    .map_err(Error::Pages)?;
    let mut hasher = blake3::Hasher::new();
    hasher.update(VERSION.as_bytes());
    for page in pages {
        hasher.update(format!("{page:?}\n").as_bytes());
    }
    let target = Target {
        zone: Zone::Acquired,
        table: PAGES,
        schema: schema(),
        statistics: &Statistics::default(),
    };
    let scope = Scope {
        name: platform.to_owned(),
        fingerprint: hasher.finalize().to_hex().to_string(),
    };
    cx.lake.write_scope(&target, scope, stream::iter([Ok::<_, Error>(batch)])).await
}

/// Current pages by platform, in the order of table and address.
async fn pages_of(cx: &Context, snapshot: Option<&lake::Snapshot>) -> Result<BTreeMap<String, Vec<Page>>, Error> {
    let mut found: BTreeMap<String, Vec<Page>> = BTreeMap::new();
    let Some(snapshot) = snapshot else { return Ok(found) };
    for batch in cx.lake.read_all(Zone::Acquired, PAGES, snapshot).await? {
        for row in 0..batch.num_rows() {
            let text = |column: usize| {
                let values = batch.column(column).as_string::<i32>();
                values.is_valid(row).then(|| values.value(row).to_owned())
            };
            let count = |column: usize| {
                let values = batch.column(column).as_primitive::<Int64Type>();
                values.is_valid(row).then(|| u64::try_from(values.value(row)).unwrap_or_default())
            };
            found.entry(text(0).unwrap_or_default()).or_default().push(Page {
                table: text(1).unwrap_or_default(),
                url: text(2).unwrap_or_default(),
                tag: text(3).unwrap_or_default(),
                sha256: text(4).unwrap_or_default(),
                n_bytes: count(5).unwrap_or_default(),
                n_records: count(6),
                note: text(7),
            });
        }
    }
    Ok(found)
}
