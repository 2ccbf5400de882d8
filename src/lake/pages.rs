//! Pages as fetched: kept byte for byte under their own hash, and the list of the current ones.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, AsArray, Int64Array, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use futures::stream;
use object_store::ObjectStoreExt;

use crate::spec::format::CountOf;

use super::{
    Error, Lake, Scope, Statistics, TableCommit, Target, WrittenScope, Zone, object_error,
};

/// Name of the list of pages in the zone `acquired`; not that of their folder.
const LIST: &str = "page_list";

/// Version of what the list says; part of every fingerprint.
const VERSION: &str = "pages-2";

/// Folder of the pages inside the zone `acquired`.
pub(crate) const FOLDER: &str = "pages";

/// Where the page of a platform's table lies.
pub(crate) fn path_of(platform: &str, table: &str, sha256: &str) -> String {
    format!("acquired/{FOLDER}/{platform}/{table}/{sha256}")
}

impl Lake {
    /// Keeps a page; the same bytes are kept once.
    pub(crate) async fn keep_page(
        &self,
        platform: &str,
        table: &str,
        sha256: &str,
        content: Bytes,
    ) -> Result<(), Error> {
        self.write(&path_of(platform, table, sha256), content).await
    }

    /// Whether the page is kept.
    pub(crate) async fn has_page(
        &self,
        platform: &str,
        table: &str,
        sha256: &str,
    ) -> Result<Held, Error> {
        let location = self.path(&path_of(platform, table, sha256));
        match self.store().head(&location).await {
            Ok(_) => Ok(Held::Kept),
            Err(object_store::Error::NotFound { .. }) => Ok(Held::Absent),
            Err(source) => Err(object_error("look for", &location, source)),
        }
    }

    /// Reads a kept page.
    pub(crate) async fn page(
        &self,
        platform: &str,
        table: &str,
        sha256: &str,
    ) -> Result<Bytes, Error> {
        let path = path_of(platform, table, sha256);
        self.read(&path).await?.ok_or_else(|| Error::Object {
            act: "read",
            path: path.clone(),
            source: Box::new(object_store::Error::NotFound {
                path,
                source: "the list of pages names it".into(),
            }),
        })
    }

    /// Current pages by platform, in the order of table and address.
    pub(crate) async fn current_pages(&self) -> Result<BTreeMap<String, Vec<Page>>, Error> {
        let mut found: BTreeMap<String, Vec<Page>> = BTreeMap::new();
        let Some(snapshot) = self.snapshot(Zone::Acquired, LIST).await? else {
            return Ok(found);
        };
        for batch in self.read_all(Zone::Acquired, LIST, &snapshot).await? {
            for row in 0..batch.num_rows() {
                let (platform, page) = page_in(&batch, row);
                found.entry(platform).or_default().push(page);
            }
        }
        Ok(found)
    }

    /// Makes these the current pages of their platforms.
    pub(crate) async fn commit_pages(
        &self,
        pages: &BTreeMap<String, Vec<Page>>,
        run: u64,
        at_millis: i64,
    ) -> Result<(), Error> {
        self.commit_pages_as(pages, (run, at_millis), "").await
    }

    /// Makes these the current pages of their platforms, in a step of its own of a run.
    pub(crate) async fn commit_pages_as(
        &self,
        pages: &BTreeMap<String, Vec<Page>>,
        (run, at_millis): (u64, i64),
        step: &str,
    ) -> Result<(), Error> {
        let mut scopes = Vec::with_capacity(pages.len());
        for (platform, pages) in pages {
            scopes.push(self.write_page_list(platform, pages).await?);
        }
        let commit = TableCommit {
            zone: Zone::Acquired,
            table: LIST,
            run,
            schema: list_schema(),
            statistics: &Statistics::default(),
            scopes,
            dropped: Vec::new(),
            at_millis,
        };
        self.commit_as(commit, step).await
    }

    /// Writes the list of one platform.
    async fn write_page_list(&self, platform: &str, pages: &[Page]) -> Result<WrittenScope, Error> {
        let batch = list_batch(platform, pages).map_err(|source| Error::Schema {
            table: LIST.to_owned(),
            source,
        })?;
        let mut hasher = blake3::Hasher::new();
        hasher.update(VERSION.as_bytes());
        for page in pages {
            hasher.update(format!("{page:?}\n").as_bytes());
        }
        let target = Target {
            zone: Zone::Acquired,
            table: LIST,
            schema: list_schema(),
            statistics: &Statistics::default(),
        };
        let scope = Scope {
            name: platform.to_owned(),
            fingerprint: hasher.finalize().to_hex().to_string(),
        };
        self.write_scope(&target, scope, stream::iter([Ok::<_, Error>(batch)]))
            .await
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
    /// What that count counts.
    pub(crate) count_of: CountOf,
    /// Why there is no count.
    pub(crate) note: Option<String>,
    /// Records that left it because their person was erased; the count is of before.
    pub(crate) n_erased: u64,
    /// Erased persons of the platform it was searched for.
    pub(crate) n_searched: u64,
}

/// Columns of the list of pages.
fn list_schema() -> SchemaRef {
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
        text("count_of"),
        text("note"),
        count("n_erased"),
        count("n_searched"),
    ]))
}

/// Rows of the list of pages of one platform.
fn list_batch(platform: &str, pages: &[Page]) -> Result<RecordBatch, arrow::error::ArrowError> {
    let texts = |value: fn(&Page) -> Option<&str>| {
        Arc::new(pages.iter().map(value).collect::<StringArray>())
    };
    let counts = |value: fn(&Page) -> Option<u64>| {
        Arc::new(
            pages
                .iter()
                .map(|page| value(page).and_then(|n| i64::try_from(n).ok()))
                .collect::<Int64Array>(),
        )
    };
    RecordBatch::try_new(
        list_schema(),
        vec![
            Arc::new(StringArray::from(vec![platform; pages.len()])),
            texts(|page| Some(&page.table)),
            texts(|page| Some(&page.url)),
            texts(|page| Some(&page.tag)),
            texts(|page| Some(&page.sha256)),
            counts(|page| Some(page.n_bytes)),
            counts(|page| page.n_records),
            texts(|page| Some(page.count_of.word())),
            texts(|page| page.note.as_deref()),
            counts(|page| Some(page.n_erased)),
            counts(|page| Some(page.n_searched)),
        ],
    )
}

/// Platform and page in a row of the list.
fn page_in(batch: &RecordBatch, row: usize) -> (String, Page) {
    let text = |column: usize| {
        let values = batch.column(column).as_string::<i32>();
        values.is_valid(row).then(|| values.value(row).to_owned())
    };
    // A list of an earlier version has fewer columns.
    let count = |column: usize| {
        let values = batch.columns().get(column)?.as_primitive::<Int64Type>();
        values
            .is_valid(row)
            .then(|| u64::try_from(values.value(row)).unwrap_or_default())
    };
    let page = Page {
        table: text(1).unwrap_or_default(),
        url: text(2).unwrap_or_default(),
        tag: text(3).unwrap_or_default(),
        sha256: text(4).unwrap_or_default(),
        n_bytes: count(5).unwrap_or_default(),
        n_records: count(6),
        count_of: CountOf::from_word(&text(7).unwrap_or_default()),
        note: text(8),
        n_erased: count(9).unwrap_or_default(),
        n_searched: count(10).unwrap_or_default(),
    };
    (text(0).unwrap_or_default(), page)
}

/// Whether a page is in the lake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    /// It is.
    Kept,
    /// It is not.
    Absent,
}
