//! Contracts: raw rows become typed rows, rejects and books.
//!
//! Every row of a page ends in exactly one account, counted when it is decided:
//!
//! ```text
//! row ─ cannot be read, breaks the contract, names a person ──────→ rejected   (rule, field, place)
//!     └ by key ─ same content as the row before it ───────────────→ duplicate
//!              ├ its record is deleted ───────────────────────────→ erased
//!              ├ a later revision is there ───────────────────────→ superseded
//!              └ otherwise ───────────────────────────────────────→ accepted
//! ```
//!
//! Pages may come in any order: rows are ordered by revision, then by the sequence of their page
//! and their place in it.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, Schema};
use thiserror::Error;

use super::formats::{self, PageRead, RawRow, Record};
use crate::canon::comune::ComuneIndex;
use crate::canon::pseudonym::PseudonymKey;
use crate::spec::source::TableSpec;

mod cells;
mod plan;
mod read;
mod settle;

use cells::{CellBuilder, Staging};
use plan::{Plan, Standing};
pub(crate) use settle::Books;
use settle::{RowMark, Settled, settle};

/// Column that says how many earlier revisions of a record were seen.
pub(crate) const REVISION_COLUMN: &str = "_revision";

/// Why a table cannot be conformed.
#[derive(Debug, Error)]
pub enum Error {
    /// A contract that cannot be applied; `check` finds these before.
    #[error("column `{column}` of table `{table}`: {message}")]
    Contract {
        /// Table.
        table: String,
        /// Column.
        column: String,
        /// What is wrong.
        message: String,
    },
    /// A page that cannot be read.
    #[error("cannot read page `{url}`")]
    ReadPage {
        /// Where the page was fetched.
        url: String,
        /// What is wrong with it.
        source: formats::Error,
    },
    /// More rows or text than one table may hold.
    #[error("table `{table}` has more rows or text than one batch holds")]
    TooLarge {
        /// Table.
        table: String,
    },
    /// The typed columns do not make a table.
    #[error("cannot assemble table `{table}`")]
    Assemble {
        /// Table.
        table: String,
        /// What Arrow says.
        source: arrow::error::ArrowError,
    },
}

/// A table of a platform and its contract.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TableRef<'c> {
    /// Platform.
    pub(crate) platform: &'c str,
    /// Table.
    pub(crate) name: &'c str,
    /// Contract.
    pub(crate) spec: &'c TableSpec,
}

/// The key of pseudonyms and the epoch of those of persons.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyRing<'c> {
    /// Key of records.
    pub(crate) key: &'c PseudonymKey,
    /// Key of persons.
    pub(crate) person: &'c PseudonymKey,
    /// Epoch.
    pub(crate) epoch: u32,
}

/// A page as acquired.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PageRef<'p> {
    /// Hash of its bytes, hexadecimal.
    pub(crate) sha256: &'p str,
    /// Where it was fetched.
    pub(crate) url: &'p str,
    /// Its place among the pages of the table; no two pages share one.
    pub(crate) sequence: u64,
}

/// A row that was refused: why and where it lies, never what it holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reject {
    /// Sequence of the page.
    pub(crate) sequence: u64,
    /// One-based line, row or place in the page.
    pub(crate) place: u64,
    /// Hash of the page.
    pub(crate) page_sha: Arc<str>,
    /// Code of the rule.
    pub(crate) rule: &'static str,
    /// First column that breaks the contract, in the order of names; empty if the row as a whole
    /// does.
    pub(crate) field: String,
}

/// A table brought to its contract.
#[derive(Debug)]
pub(crate) struct Conformed {
    /// Typed columns in the order of their names, then `_revision`; rows in the order of their keys.
    pub(crate) batch: RecordBatch,
    /// Refused rows in the order of the pages.
    pub(crate) rejects: Vec<Reject>,
    /// What became of every row.
    pub(crate) books: Books,
}

/// Takes the pages of one table and gives the table.
#[derive(Debug)]
pub(crate) struct TableConformer<'c> {
    /// The contract, made ready.
    plan: Plan<'c>,
    /// What was read so far.
    rows: Rows,
}

/// Rows read so far.
#[derive(Debug)]
struct Rows {
    /// Typed columns.
    columns: Vec<CellBuilder>,
    /// Rows held in the columns.
    n_held: u32,
    /// Identity of every row that met the contract.
    marks: Vec<RowMark>,
    /// Rows that did not.
    rejects: Vec<Reject>,
    /// Accounts.
    books: Books,
    /// Working space of the current row.
    staging: Staging,
    /// Whether the columns can take no more.
    is_full: bool,
}

impl<'c> TableConformer<'c> {
    /// Makes a contract ready.
    pub(crate) fn new(
        table: TableRef<'c>,
        comuni: &'c ComuneIndex,
        keys: KeyRing<'c>,
    ) -> Result<Self, Error> {
        let plan = Plan::new(table, comuni, keys)?;
        let columns = plan
            .columns
            .iter()
            .map(|column| CellBuilder::new(column.spec.kind));
        let rows = Rows {
            columns: columns.collect(),
            n_held: 0,
            marks: Vec::new(),
            rejects: Vec::new(),
            books: Books::default(),
            staging: Staging::default(),
            is_full: false,
        };
        Ok(Self { plan, rows })
    }

    /// Reads one page; a page that cannot be read leaves everything as it was.
    pub(crate) fn push_page(&mut self, page: PageRef<'_>, bytes: &[u8]) -> Result<PageRead, Error> {
        let (plan, rows) = (&self.plan, &mut self.rows);
        let (n_marks, n_rejects, books) = (rows.marks.len(), rows.rejects.len(), rows.books);
        let sha: Arc<str> = page.sha256.into();
        let mut sink = |raw: RawRow<'_>| rows.take(plan, &raw, (page.sequence, &sha));
        let read = formats::read_page(&plan.table.spec.format, plan.kinds(), bytes, &mut sink);
        read.map_err(|source| {
            rows.marks.truncate(n_marks);
            rows.rejects.truncate(n_rejects);
            rows.books = books;
            Error::ReadPage {
                url: page.url.to_owned(),
                source,
            }
        })
    }

    /// Settles revisions, duplicates and deletions, and gives the table.
    pub(crate) fn finish(self) -> Result<Conformed, Error> {
        let Self { plan, rows } = self;
        let table = plan.table.name;
        if rows.is_full {
            return Err(Error::TooLarge {
                table: table.to_owned(),
            });
        }
        let mut rejects = rows.rejects;
        rejects.sort_unstable();
        let Settled { kept, books } = settle(rows.marks, plan.identity(), rows.books);
        let assemble = |source| Error::Assemble {
            table: table.to_owned(),
            source,
        };
        let places: UInt32Array = kept.iter().map(|kept| kept.row).collect::<Vec<_>>().into();
        let mut fields = Vec::new();
        let mut arrays = Vec::new();
        for (column, builder) in plan.columns.iter().zip(rows.columns) {
            let array = take(&builder.finish(), &places, None).map_err(assemble)?;
            fields.push(Field::new(column.name, array.data_type().clone(), true));
            arrays.push(array);
        }
        let revisions: Int64Array = kept
            .iter()
            .map(|kept| kept.n_earlier)
            .collect::<Vec<_>>()
            .into();
        fields.push(Field::new(REVISION_COLUMN, DataType::Int64, false));
        arrays.push(Arc::new(revisions) as ArrayRef);
        let schema = Arc::new(Schema::new(fields));
        Ok(Conformed {
            batch: RecordBatch::try_new(schema, arrays).map_err(assemble)?,
            rejects,
            books,
        })
    }
}

impl Rows {
    /// Counts a row and puts it where it belongs.
    fn take(&mut self, plan: &Plan<'_>, raw: &RawRow<'_>, page: (u64, &Arc<str>)) {
        self.books.n_rows += 1;
        let (sequence, sha) = page;
        let outcome = match &raw.record {
            Record::Broken(rule) => Err((*rule, "")),
            Record::Fields(values) => plan.read_row(values, &mut self.staging),
        };
        match outcome {
            Ok(row) => {
                let mark = RowMark {
                    key: row.key,
                    revision: row.revision,
                    sequence,
                    place: raw.place,
                    content: row.content,
                    held: match row.standing {
                        Standing::Live => Some(self.hold()),
                        Standing::Tombstone => None,
                    },
                };
                self.marks.push(mark);
            }
            Err((rule, field)) => {
                self.books.rejected += 1;
                self.rejects.push(Reject {
                    sequence,
                    place: raw.place,
                    page_sha: Arc::clone(sha),
                    rule,
                    field: field.to_owned(),
                });
            }
        }
    }

    /// Puts the current row into the columns and gives its place there.
    fn hold(&mut self) -> u32 {
        let Some(next) = self.n_held.checked_add(1).filter(|_| !self.is_full) else {
            self.is_full = true;
            return self.n_held;
        };
        for (builder, cell) in self.columns.iter_mut().zip(&self.staging.cells) {
            self.is_full |= builder.is_full(&self.staging.texts);
            builder.push(cell, &self.staging.texts);
        }
        let place = self.n_held;
        self.n_held = next;
        place
    }
}

#[cfg(test)]
mod planted;
#[cfg(test)]
mod tests;
