//! The books: for every source table, what the platform holds against what became of it.
//!
//! `source count = accepted + rejected + duplicate + superseded + erased`, where the source count
//! is never taken from our own readers. Without an independent count the books are `unverified`,
//! which is said and never shown as equal.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, AsArray, Int64Array, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use futures::stream;
use serde::{Serialize, Serializer};

use super::Error;
use super::state::Account;
use super::typed::Reject;
use crate::context::Context;
use crate::lake::pages::Page;
use crate::lake::{Scope, Snapshot, Statistics, TableCommit, Target, WrittenScope, Zone, scope};
use crate::spec::format::CountOf;
use crate::spec::limits::Tally;

/// Name of the table of books.
const BOOKS: &str = "books";

/// Name of the table of rejected rows.
const REJECTS: &str = "rejects";

/// Whether the books of a table close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// The sums agree.
    Yes,
    /// They do not.
    No,
    /// There is no independent count.
    Unverified,
}

impl Serialize for Closed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Yes => serializer.serialize_bool(true),
            Self::No => serializer.serialize_bool(false),
            Self::Unverified => serializer.serialize_str("unverified"),
        }
    }
}

/// Books of one source table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BookLine {
    /// Platform.
    pub name: String,
    /// Table of the platform.
    pub table: String,
    /// Rows the platform holds, counted independently.
    pub source_count: Option<u64>,
    /// Rows in the typed table.
    pub accepted: u64,
    /// Rows refused with a reason.
    pub rejected: u64,
    /// Rows identical to another.
    pub duplicate: u64,
    /// Rows with a later revision.
    pub superseded: u64,
    /// Rows that delete or were deleted.
    pub erased: u64,
}

impl BookLine {
    /// Rows in one of the accounts.
    pub fn accounted(&self) -> u64 {
        self.accepted + self.rejected + self.duplicate + self.superseded + self.erased
    }

    /// Whether the sums agree.
    pub fn closed(&self) -> Closed {
        match self.source_count {
            None => Closed::Unverified,
            Some(count) if count == self.accounted() => Closed::Yes,
            Some(_) => Closed::No,
        }
    }

    /// All rows and how many were rejected.
    pub(crate) fn tally(&self) -> Tally {
        Tally {
            n_rows: self.accepted + self.rejected + self.duplicate + self.superseded + self.erased,
            n_rejected: self.rejected,
        }
    }

    /// The line in words.
    pub(super) fn summary(&self) -> String {
        let closed = match self.closed() {
            Closed::Yes => "closed",
            Closed::No => "NOT CLOSED",
            Closed::Unverified => "UNVERIFIED",
        };
        let Self {
            accepted,
            rejected,
            duplicate,
            superseded,
            erased,
            ..
        } = self;
        format!(
            "{accepted} accepted, {rejected} rejected, {duplicate} duplicate, {superseded} superseded, {erased} erased; books {closed}"
        )
    }
}

/// Books of a table from its pages' counts and its accounts.
pub(super) fn line_of(platform: &str, table: &str, pages: &[&Page], account: &Account) -> BookLine {
    BookLine {
        name: platform.to_owned(),
        table: table.to_owned(),
        source_count: source_count(pages),
        accepted: account.accepted,
        rejected: account.rejected,
        duplicate: account.duplicate,
        superseded: account.superseded,
        erased: account.erased + pages.iter().map(|page| page.n_erased).sum::<u64>(),
    }
}

/// Records the platform holds: counts of pages are added, a count of the whole table must be the
/// same on every page.
fn source_count(pages: &[&Page]) -> Option<u64> {
    // A platform that no page was ever had of has not said that it holds nothing.
    pages.first()?;
    let mut sum = 0_u64;
    let mut whole = None;
    for page in pages {
        let n_records = page.n_records?;
        match page.count_of {
            CountOf::Page => sum += n_records,
            CountOf::Table if whole.is_none_or(|whole| whole == n_records) => {
                whole = Some(n_records);
            }
            CountOf::Table => return None,
        }
    }
    Some(whole.unwrap_or_default() + sum)
}

/// Books of every source table: those of earlier runs and those of this one.
///
/// They say again what the commit of each table notes, so that they can be queried: where a run
/// was killed between the two, the next one writes them from the note.
#[derive(Debug)]
pub(super) struct Ledger {
    /// Earlier books by scope.
    before: BTreeMap<String, BookLine>,
    /// Fingerprints of the earlier books.
    fingerprints: BTreeMap<String, String>,
    /// Fingerprints of the refused rows, by scope.
    rejects: BTreeMap<String, String>,
    /// Books of this run that differ from the earlier ones, with what they were made from.
    now: BTreeMap<String, (String, BookLine)>,
}

impl Ledger {
    /// The books as of the last run; those of tables no longer declared are left out.
    pub(super) async fn load(cx: &Context) -> Result<Self, Error> {
        let books = cx.lake.snapshot(Zone::Conformed, BOOKS).await?;
        let rejects = cx.lake.snapshot(Zone::Conformed, REJECTS).await?;
        let mut before = BTreeMap::new();
        if let Some(snapshot) = &books {
            let rows = cx.lake.read_all(Zone::Conformed, BOOKS, snapshot).await?;
            let lines = rows.iter().flat_map(lines_in);
            before.extend(lines.map(|line| (format!("{}__{}", line.name, line.table), line)));
        }
        let is_declared = |line: &BookLine| {
            cx.commons
                .sources
                .get(&line.name)
                .is_some_and(|source| source.spec.tables.contains_key(&line.table))
        };
        before.retain(|_scope, line| is_declared(line));
        let of = |snapshot: Option<Snapshot>| {
            snapshot
                .map(|snapshot| snapshot.fingerprints)
                .unwrap_or_default()
        };
        Ok(Self {
            before,
            fingerprints: of(books),
            rejects: of(rejects),
            now: BTreeMap::new(),
        })
    }

    /// Fingerprints of the refused rows of a table, by scope.
    pub(super) fn rejects_of(&self, table: &str) -> BTreeMap<String, String> {
        let its = self.rejects.iter();
        its.filter(|(name, _)| scope::owner(name) == table)
            .map(|(name, fingerprint)| (name.clone(), fingerprint.clone()))
            .collect()
    }

    /// Takes the books of a table, unless they are there.
    pub(super) fn record(&mut self, table: &str, fingerprint: &str, line: BookLine) {
        let known = self.fingerprints.get(table);
        let is_there = known.is_some_and(|known| known == fingerprint);
        if !(is_there && self.before.contains_key(table)) {
            let entry = (fingerprint.to_owned(), line);
            self.now.insert(table.to_owned(), entry);
        }
    }

    /// Makes the books of this run visible.
    pub(super) async fn commit(&self, cx: &Context) -> Result<(), Error> {
        let mut books = Vec::new();
        for (name, (fingerprint, line)) in &self.now {
            let scope = Scope {
                name: name.clone(),
                fingerprint: fingerprint.clone(),
            };
            let batch = lines_batch(std::slice::from_ref(line))?;
            books.push(write(cx, BOOKS, scope, batch).await?);
        }
        commit(cx, BOOKS, books_schema(), (books, Vec::new())).await
    }

    /// Every line, by platform and table.
    pub(super) fn into_lines(self) -> Vec<BookLine> {
        let mut lines = self.before;
        for (scope, (_fingerprint, line)) in self.now {
            lines.insert(scope, line);
        }
        lines.into_values().collect()
    }
}

/// Writes the refused rows of a table aside.
pub(super) async fn write_rejects(
    cx: &Context,
    line: &BookLine,
    scope: Scope,
    rejects: &[Reject],
) -> Result<WrittenScope, Error> {
    write(cx, REJECTS, scope, rejects_batch(line, rejects)?).await
}

/// Makes refused rows visible, and takes out scopes that are no more.
///
/// The table is there from the first run on, with no row where none was refused, so that whoever
/// asks for refused rows is told that there are none.
pub(super) async fn commit_rejects(
    cx: &Context,
    scopes: Vec<WrittenScope>,
    dropped: Vec<String>,
) -> Result<(), Error> {
    let is_there = cx.lake.snapshot(Zone::Conformed, REJECTS).await?.is_some();
    if !is_there && scopes.is_empty() {
        return make_visible(cx, REJECTS, rejects_schema(), (scopes, Vec::new())).await;
    }
    commit(cx, REJECTS, rejects_schema(), (scopes, dropped)).await
}

/// Writes the rows of one scope aside.
pub(super) async fn write(
    cx: &Context,
    table: &str,
    scope: Scope,
    batch: RecordBatch,
) -> Result<WrittenScope, Error> {
    let target = Target {
        zone: Zone::Conformed,
        table,
        schema: batch.schema(),
        statistics: &Statistics::default(),
    };
    cx.lake
        .write_scope(&target, scope, stream::iter([Ok::<_, Error>(batch)]))
        .await
}

/// Makes written scopes visible, and takes out others.
pub(super) async fn commit(
    cx: &Context,
    table: &str,
    schema: SchemaRef,
    (scopes, dropped): (Vec<WrittenScope>, Vec<String>),
) -> Result<(), Error> {
    if scopes.is_empty() && dropped.is_empty() {
        return Ok(());
    }
    make_visible(cx, table, schema, (scopes, dropped)).await
}

/// Commits a table, also where nothing changes in it.
async fn make_visible(
    cx: &Context,
    table: &str,
    schema: SchemaRef,
    (scopes, dropped): (Vec<WrittenScope>, Vec<String>),
) -> Result<(), Error> {
    let commit = TableCommit {
        zone: Zone::Conformed,
        table,
        run: cx.run,
        schema,
        statistics: &Statistics::default(),
        scopes,
        dropped,
        at_millis: cx.at_millis(),
    };
    cx.lake.commit(commit).await?;
    Ok(())
}

/// A schema of text columns and then counts.
pub(super) fn schema_of(texts: &[&str], counts: &[&str]) -> SchemaRef {
    let texts = texts
        .iter()
        .map(|name| Field::new(*name, DataType::Utf8, true));
    let counts = counts
        .iter()
        .map(|name| Field::new(*name, DataType::Int64, true));
    Arc::new(Schema::new(texts.chain(counts).collect::<Vec<_>>()))
}

/// Columns of `conformed.rejects`: where the row lies and what it failed, never its value.
fn rejects_schema() -> SchemaRef {
    schema_of(
        &["platform", "source_table", "page_sha256", "rule", "field"],
        &["place"],
    )
}

/// Columns of `conformed.books`.
fn books_schema() -> SchemaRef {
    schema_of(
        &["platform", "source_table"],
        &[
            "source_count",
            "accepted",
            "rejected",
            "duplicate",
            "superseded",
            "erased",
        ],
    )
}

/// A count as the lake holds it.
fn count(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// Rejected rows of one table.
fn rejects_batch(line: &BookLine, rejects: &[Reject]) -> Result<RecordBatch, Error> {
    let same = |value: &str| Arc::new(StringArray::from(vec![value; rejects.len()]));
    let texts = |value: fn(&Reject) -> &str| {
        Arc::new(
            rejects
                .iter()
                .map(|reject| Some(value(reject)))
                .collect::<StringArray>(),
        )
    };
    RecordBatch::try_new(
        rejects_schema(),
        vec![
            same(&line.name),
            same(&line.table),
            texts(|reject| &reject.page_sha),
            texts(|reject| reject.rule),
            texts(|reject| &reject.field),
            Arc::new(
                rejects
                    .iter()
                    .map(|reject| Some(count(reject.place)))
                    .collect::<Int64Array>(),
            ),
        ],
    )
    .map_err(Error::Books)
}

/// Rows of books.
fn lines_batch(lines: &[BookLine]) -> Result<RecordBatch, Error> {
    let counts = |value: fn(&BookLine) -> Option<u64>| {
        Arc::new(
            lines
                .iter()
                .map(|line| value(line).map(count))
                .collect::<Int64Array>(),
        )
    };
    let texts = |value: fn(&BookLine) -> &str| {
        Arc::new(
            lines
                .iter()
                .map(|line| Some(value(line)))
                .collect::<StringArray>(),
        )
    };
    RecordBatch::try_new(
        books_schema(),
        vec![
            texts(|line| &line.name),
            texts(|line| &line.table),
            counts(|line| line.source_count),
            counts(|line| Some(line.accepted)),
            counts(|line| Some(line.rejected)),
            counts(|line| Some(line.duplicate)),
            counts(|line| Some(line.superseded)),
            counts(|line| Some(line.erased)),
        ],
    )
    .map_err(Error::Books)
}

/// Books in a batch.
fn lines_in(batch: &RecordBatch) -> Vec<BookLine> {
    let text = |column: usize, row: usize| {
        batch
            .column(column)
            .as_string::<i32>()
            .value(row)
            .to_owned()
    };
    let value = |column: usize, row: usize| {
        let values = batch.column(column).as_primitive::<Int64Type>();
        values
            .is_valid(row)
            .then(|| u64::try_from(values.value(row)).unwrap_or_default())
    };
    (0..batch.num_rows())
        .map(|row| BookLine {
            name: text(0, row),
            table: text(1, row),
            source_count: value(2, row),
            accepted: value(3, row).unwrap_or_default(),
            rejected: value(4, row).unwrap_or_default(),
            duplicate: value(5, row).unwrap_or_default(),
            superseded: value(6, row).unwrap_or_default(),
            erased: value(7, row).unwrap_or_default(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Books with these figures.
    fn line(source_count: Option<u64>, accepted: u64, rejected: u64) -> BookLine {
        BookLine {
            name: "p".to_owned(),
            table: "t".to_owned(),
            source_count,
            accepted,
            rejected,
            duplicate: 1,
            superseded: 1,
            erased: 1,
        }
    }

    #[test]
    fn books_close_only_against_an_independent_count() {
        assert_eq!(line(Some(10), 5, 2).closed(), Closed::Yes);
        assert_eq!(line(Some(11), 5, 2).closed(), Closed::No);
        assert_eq!(line(None, 5, 2).closed(), Closed::Unverified);
    }

    #[test]
    fn closed_is_true_false_or_unverified_in_json() {
        let json = |closed| serde_json::to_string(&closed).unwrap();
        assert_eq!(
            [
                json(Closed::Yes),
                json(Closed::No),
                json(Closed::Unverified)
            ],
            ["true", "false", "\"unverified\""]
        );
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        let lines = vec![line(Some(10), 5, 2), line(None, 0, 0)];
        assert_eq!(lines_in(&lines_batch(&lines).unwrap()), lines);
    }
}
