//! Pages as fetched: the list of the current ones, and where the next fetch of a table begins.
//!
//! The list of a platform and the cursors of its tables are one scope, so that a cursor moves in
//! the commit that makes its pages visible, or not at all.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, AsArray, Int64Array, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use futures::stream;

use crate::spec::format::CountOf;

use super::{Error, Lake, Scope, Statistics, TableCommit, Target, WrittenScope, Zone};

/// Name of the list of pages in the zone `acquired`; not that of their folder.
const LIST: &str = "page_list";

/// Version of what the list says; part of every fingerprint.
const VERSION: &str = "pages-5";

/// What the row of a cursor says in the column `role`.
const CURSOR: &str = "cursor";

impl Lake {
    /// Current pages by platform, in the order of table and address.
    pub(crate) async fn current_pages(&self) -> Result<BTreeMap<String, Vec<Page>>, Error> {
        let holdings = self.holdings().await?.into_iter();
        Ok(holdings
            .map(|(platform, holding)| (platform, holding.pages))
            .collect())
    }

    /// Current pages and cursors by platform.
    pub(crate) async fn holdings(&self) -> Result<BTreeMap<String, Holding>, Error> {
        let mut found: BTreeMap<String, Holding> = BTreeMap::new();
        let Some(snapshot) = self.snapshot(Zone::Acquired, LIST).await? else {
            return Ok(found);
        };
        let batches = self.read_all(Zone::Acquired, LIST, &snapshot).await?;
        let lines = batches
            .iter()
            .flat_map(|batch| (0..batch.num_rows()).map(|row| line_in(batch, row)));
        for (platform, line) in lines {
            let holding = found.entry(platform).or_default();
            match line {
                Line::Page(page) => holding.pages.push(*page),
                Line::Cursor { table, value } => drop(holding.cursors.insert(table, value)),
            }
        }
        Ok(found)
    }

    /// Makes these the current pages and cursors of their platforms.
    pub(crate) async fn commit_pages(
        &self,
        holdings: &BTreeMap<String, Holding>,
        run: u64,
        at_millis: i64,
    ) -> Result<(), Error> {
        self.commit_pages_as(holdings, (run, at_millis), "").await
    }

    /// Makes these the current pages and cursors of their platforms, in a step of its own of a run.
    pub(crate) async fn commit_pages_as(
        &self,
        holdings: &BTreeMap<String, Holding>,
        (run, at_millis): (u64, i64),
        step: &str,
    ) -> Result<(), Error> {
        let mut scopes = Vec::with_capacity(holdings.len());
        for (platform, holding) in holdings {
            scopes.push(self.write_page_list(platform, holding).await?);
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
    async fn write_page_list(
        &self,
        platform: &str,
        holding: &Holding,
    ) -> Result<WrittenScope, Error> {
        let batch = list_batch(platform, holding).map_err(|source| Error::Schema {
            table: LIST.to_owned(),
            source,
        })?;
        let mut hasher = blake3::Hasher::new();
        hasher.update(VERSION.as_bytes());
        hasher.update(format!("{holding:?}").as_bytes());
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

/// What is held of a platform.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Holding {
    /// Current pages, in the order of table and address.
    pub(crate) pages: Vec<Page>,
    /// Where the next fetch of a table begins, by table.
    pub(crate) cursors: BTreeMap<String, String>,
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
    /// Why there is no count, or what is odd about it.
    pub(crate) note: Option<String>,
    /// Records that left it because their person was erased; the count is of before.
    pub(crate) n_erased: u64,
    /// Fingerprint of the erased persons and of the contract it was searched with; 0 before that.
    pub(crate) searched_as: u64,
    /// Number of the run that let it expire: its rows stay, its bytes are gone.
    pub(crate) expired: Option<u64>,
    /// Which part of the table it was fetched as.
    pub(crate) role: Role,
    /// First value of the watermark that was asked for, where it was a part.
    pub(crate) from: Option<String>,
    /// First value that was no longer asked for, where it was a part and its end is known.
    pub(crate) to: Option<String>,
    /// Which of the parts of its table it belongs to, from 1; 0 for a page of the whole table.
    pub(crate) part: u64,
    /// Number of the run in which these bytes first arrived: its age is that of the page.
    pub(crate) run: u64,
}

impl Page {
    /// Whether its bytes are gone.
    pub(crate) fn is_expired(&self) -> bool {
        self.expired.is_some()
    }
}

/// Which part of a table a page was fetched as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Role {
    /// A page of the whole table.
    #[default]
    Whole,
    /// What came since the cursor.
    Increment,
    /// A window asked for by `antenne backfill`.
    Backfill,
}

impl Role {
    /// Word in the list of pages.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Increment => "increment",
            Self::Backfill => "backfill",
        }
    }

    /// What the word stands for.
    fn from_word(word: &str) -> Self {
        [Self::Increment, Self::Backfill]
            .into_iter()
            .find(|role| role.word() == word)
            .unwrap_or_default()
    }
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
        count("searched_as"),
        count("expired"),
        text("role"),
        text("from"),
        text("to"),
        count("part"),
        count("run"),
    ]))
}

/// Rows of the list of one platform: its pages, then one row for each cursor.
fn list_batch(platform: &str, holding: &Holding) -> Result<RecordBatch, arrow::error::ArrowError> {
    let (pages, cursors) = (&holding.pages, &holding.cursors);
    let nothing = std::iter::repeat_n(None, cursors.len());
    let texts = |value: fn(&Page) -> Option<&str>| {
        let rows = pages.iter().map(value).chain(nothing.clone());
        Arc::new(rows.collect::<StringArray>())
    };
    let counts = |value: fn(&Page) -> Option<u64>| {
        let rows = pages
            .iter()
            .map(|page| value(page).and_then(|n| i64::try_from(n).ok()));
        let rows = rows.chain(std::iter::repeat_n(None, cursors.len()));
        Arc::new(rows.collect::<Int64Array>())
    };
    let and_cursors = |value: fn(&Page) -> Option<&str>,
                       of_cursor: fn((&String, &String)) -> String| {
        let rows = pages.iter().map(|page| value(page).map(str::to_owned));
        let rows = rows.chain(cursors.iter().map(|cursor| Some(of_cursor(cursor))));
        Arc::new(rows.collect::<StringArray>())
    };
    let n_rows = pages.len() + cursors.len();
    RecordBatch::try_new(
        list_schema(),
        vec![
            Arc::new(StringArray::from(vec![platform; n_rows])),
            and_cursors(|page| Some(&page.table), |(table, _)| table.clone()),
            texts(|page| Some(&page.url)),
            texts(|page| Some(&page.tag)),
            texts(|page| Some(&page.sha256)),
            counts(|page| Some(page.n_bytes)),
            counts(|page| page.n_records),
            texts(|page| Some(page.count_of.word())),
            texts(|page| page.note.as_deref()),
            counts(|page| Some(page.n_erased)),
            counts(|page| Some(page.searched_as)),
            counts(|page| page.expired),
            and_cursors(|page| Some(page.role.word()), |_| CURSOR.to_owned()),
            and_cursors(|page| page.from.as_deref(), |(_, value)| value.clone()),
            texts(|page| page.to.as_deref()),
            counts(|page| Some(page.part)),
            counts(|page| Some(page.run)),
        ],
    )
}

/// One row of the list.
enum Line {
    /// A page.
    Page(Box<Page>),
    /// A cursor.
    Cursor {
        /// Its table.
        table: String,
        /// Where it stands.
        value: String,
    },
}

/// Platform and content of a row of the list; columns that an older list lacks are empty.
fn line_in(batch: &RecordBatch, row: usize) -> (String, Line) {
    let text = |name: &str| {
        let values = batch.column_by_name(name)?.as_string_opt::<i32>()?;
        values.is_valid(row).then(|| values.value(row).to_owned())
    };
    let count = |name: &str| {
        let values = batch
            .column_by_name(name)?
            .as_primitive_opt::<Int64Type>()?;
        let value = values.is_valid(row).then(|| values.value(row))?;
        u64::try_from(value).ok()
    };
    let platform = text("platform").unwrap_or_default();
    let table = text("source_table").unwrap_or_default();
    let role = text("role").unwrap_or_default();
    if role == CURSOR {
        let value = text("from").unwrap_or_default();
        return (platform, Line::Cursor { table, value });
    }
    let page = Page {
        table,
        url: text("url").unwrap_or_default(),
        tag: text("tag").unwrap_or_default(),
        sha256: text("sha256").unwrap_or_default(),
        n_bytes: count("n_bytes").unwrap_or_default(),
        n_records: count("n_records"),
        count_of: CountOf::from_word(&text("count_of").unwrap_or_default()),
        note: text("note"),
        n_erased: count("n_erased").unwrap_or_default(),
        searched_as: count("searched_as").unwrap_or_default(),
        expired: count("expired"),
        role: Role::from_word(&role),
        from: text("from"),
        to: text("to"),
        part: count("part").unwrap_or_default(),
        run: count("run").unwrap_or_default(),
    };
    (platform, Line::Page(Box::new(page)))
}
