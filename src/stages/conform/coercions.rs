//! The cells of sheets that hold something else than their column says.
//!
//! `conformed.coercions` lists every one of them with its page, sheet and place, the column and
//! what happened, never the value. A cell is listed whether its row was accepted or not.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray};
use arrow::record_batch::RecordBatch;

use super::Error;
use super::books::{schema_of, write};
use super::formats::Coercion;
use super::source_tables::{Job, Reader};
use crate::canon::fingerprint::fingerprint_of;
use crate::lake::{Scope, Statistics, TableCommit, WrittenScope, Zone, scope};
use crate::spec::format::Format;
use crate::spec::source::{ColumnSpec, TableSpec};

/// Name of the table.
const COERCIONS: &str = "coercions";

/// Coerced cells of the pages of a table, each with the hash of its page.
type OfPages<'a> = [(&'a str, Vec<Coercion>)];

/// Lists the coerced cells of new pages; those of pages that are read anew are replaced.
pub(super) async fn record(
    reader: &Reader<'_>,
    job: Job<'_>,
    pages: &OfPages<'_>,
) -> Result<(), Error> {
    let Format::Sheet(format) = &job.spec.format else {
        return Ok(());
    };
    let name = scope::of_part(job.name, &format!("{:06}", job.n_known));
    let hashes: Vec<&str> = pages.iter().map(|(sha256, _)| *sha256).collect();
    let contract = format!("{:?}", job.spec);
    let fingerprint = fingerprint_of([&[contract.as_str()], hashes.as_slice()].concat());
    let cx = reader.cx;
    let before = cx.lake.snapshot(Zone::Conformed, COERCIONS).await?;
    let known = before.iter().flat_map(|before| before.fingerprints.iter());
    let (same, others): (Vec<_>, Vec<_>) = known
        .filter(|(known, _)| scope::owner(known) == job.name)
        .partition(|(known, _)| **known == name);
    let is_there = same.iter().any(|(_, known)| **known == fingerprint);
    let n_cells: usize = pages.iter().map(|(_, cells)| cells.len()).sum();
    let mut written = Vec::new();
    if n_cells > 0 && !is_there {
        let batch = batch(reader.platform, (job, &format.sheet), pages)?;
        let scope = Scope {
            name: name.clone(),
            fingerprint,
        };
        written.push(write(cx, COERCIONS, scope, batch).await?);
    }
    let is_anew = job.n_known == 0;
    let gone = others.into_iter().filter(|_| is_anew);
    let emptied = same.into_iter().filter(|_| n_cells == 0);
    let dropped = gone
        .chain(emptied)
        .map(|(known, _)| known.clone())
        .collect();
    make_visible(reader, job, (written, dropped)).await
}

/// Makes written scopes visible, and takes out others. Each source table is a step of its own: a
/// run makes one commit of a table for each step, and a second one would be taken for a repetition.
async fn make_visible(
    reader: &Reader<'_>,
    job: Job<'_>,
    (scopes, dropped): (Vec<WrittenScope>, Vec<String>),
) -> Result<(), Error> {
    if scopes.is_empty() && dropped.is_empty() {
        return Ok(());
    }
    let commit = TableCommit {
        zone: Zone::Conformed,
        table: COERCIONS,
        run: reader.cx.run,
        schema: schema_of(&TEXTS, &COUNTS),
        statistics: &Statistics::default(),
        scopes,
        dropped,
        at_millis: reader.cx.at_millis(),
    };
    Ok(reader.cx.lake.commit_as(commit, job.name).await?)
}

/// Columns of text.
const TEXTS: [&str; 7] = [
    "platform",
    "source_table",
    "page_sha256",
    "sheet",
    "cell",
    "field",
    "rule",
];

/// Columns of numbers.
const COUNTS: [&str; 1] = ["row"];

/// The cells as rows of the table.
fn batch(
    platform: &str,
    (job, sheet): (Job<'_>, &str),
    pages: &OfPages<'_>,
) -> Result<RecordBatch, Error> {
    let cells = || {
        let pages = pages.iter();
        pages.flat_map(|(sha256, cells)| cells.iter().map(move |cell| (*sha256, cell)))
    };
    let same =
        |text: &str| -> ArrayRef { Arc::new(cells().map(|_| Some(text)).collect::<StringArray>()) };
    let places = cells().map(|(_, cell)| Some(cell.cell()));
    let fields = cells().map(|(_, cell)| Some(column_of(job.spec, &cell.field)));
    let rows = cells().map(|(_, cell)| Some(i64::from(cell.row) + 1));
    let columns: Vec<ArrayRef> = vec![
        same(platform),
        same(job.table),
        Arc::new(
            cells()
                .map(|(sha256, _)| Some(sha256))
                .collect::<StringArray>(),
        ),
        same(sheet),
        Arc::new(places.collect::<StringArray>()),
        Arc::new(fields.collect::<StringArray>()),
        Arc::new(
            cells()
                .map(|(_, cell)| Some(cell.rule))
                .collect::<StringArray>(),
        ),
        Arc::new(rows.collect::<Int64Array>()),
    ];
    RecordBatch::try_new(schema_of(&TEXTS, &COUNTS), columns).map_err(Error::Books)
}

/// The first column that a field is read into.
fn column_of<'s>(spec: &'s TableSpec, field: &'s str) -> &'s str {
    let reads =
        |(name, column): &(&String, &ColumnSpec)| column.from.as_ref().unwrap_or(name) == field;
    let found = spec.columns.iter().find(reads);
    found.map_or(field, |(name, _)| name)
}
