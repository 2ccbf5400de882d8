//! Contracts: raw rows become typed rows, rejects and books.
//!
//! Every row of a page ends in exactly one account, counted when it is decided:
//!
//! ```text
//! row ─ cannot be read, breaks the contract, names a person ──────→ rejected   (rule, field, place)
//!     └ by key ─ its record was deleted before it came ───────────→ erased
//!              ├ same content as the row before it ───────────────→ duplicate
//!              ├ its record is deleted after it ──────────────────→ erased
//!              ├ a later revision is there ───────────────────────→ superseded
//!              └ otherwise ───────────────────────────────────────→ accepted
//! ```
//!
//! Pages may come in any order: rows are ordered by revision, then by the sequence of their page
//! and their place in it. A [`TableIntake`] is used like this:
//!
//! 1. [`TableIntake::push_page`] for every page to be read. Threads judge the rows block by block;
//!    what does not fit the memory goes to a scratch file.
//! 2. [`TableIntake::parts`] tells which parts the rows belong to. For a table that is read whole
//!    nothing more is needed; for one that only grows, [`TableIntake::hold`] takes what the lake
//!    has of these parts (its rows *and* its history, all of both) and
//!    [`TableIntake::hold_tombstones`] the deletions known of them. Then the accounts are the same
//!    as if all pages had been read in one run. Where a declaration says that records move from
//!    part to part, or that absence erases, that means all parts.
//! 3. [`TableIntake::settle`] decides about revisions, duplicates and deletions. The books speak of
//!    the rows that were read; what changes for held rows is told apart, as [`Moves`].
//! 4. [`Settled::write`] writes every part as files that no commit names yet: the table, and the
//!    superseded revisions as its history. A part is always written whole, in the order of held
//!    rows, pages and lines; for a table without a key the caller may hold nothing and add the
//!    files of earlier runs to the scope instead.

use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::RecordBatch;
use thiserror::Error;

use super::corrections::Corrections;
pub(crate) use super::formats::blocks::BLOCK;
use super::formats::{self, PageRead};
use crate::canon::comune::ComuneIndex;
use crate::canon::pseudonym::PseudonymKey;
use crate::lake;
use crate::spec::source::TableSpec;

mod block;
mod cells;
mod codes;
mod corrected;
mod held;
mod identity;
mod pages;
mod parts;
mod plan;
mod presence;
mod read;
mod scratch;
mod settle;
mod settled;
mod store;
mod threads;

use block::Deletion;
use pages::PageReader;
use plan::Plan;
use scratch::Scratch;
pub(crate) use settle::{Absence, Books, HeldAs, Moves};
use settle::{ChunkFacts, Origin};
use settled::{Decided, settle_all};
pub(crate) use settled::{Destination, Settled, Written};
use store::{Arrival, Room, Store};

/// Column that says how many earlier revisions of a record were seen.
pub(crate) const REVISION_COLUMN: &str = "_revision";

/// Folder for what does not fit the memory: below a local lake, else among the system's own.
pub(crate) const SCRATCH_FOLDER: &str = "scratch";

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
        source: Box<formats::Error>,
    },
    /// The typed columns do not make a table.
    #[error("cannot assemble table `{table}`")]
    Assemble {
        /// Table.
        table: String,
        /// What Arrow says.
        source: arrow::error::ArrowError,
    },
    /// Rows that do not fit the memory cannot be put aside.
    #[error(
        "cannot put rows aside in `{path}`: make room there, or raise `memory_mib` under `[intake]`"
    )]
    Spill {
        /// The scratch file.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// Rows of the lake that the contract cannot have given.
    #[error(
        "column `{column}` of table `{table}` in the lake is not of this contract: rebuild the table from its pages"
    )]
    Held {
        /// Table.
        table: String,
        /// Column.
        column: String,
    },
    /// A part of the lake that the contract does not have.
    #[error(
        "table `{table}` has no part `{part}` under this contract: rebuild the table from its pages"
    )]
    Part {
        /// Table.
        table: String,
        /// Part.
        part: String,
    },
    /// The lake refuses the rows.
    #[error("cannot write the typed rows")]
    Write {
        /// Why not, and which table it is.
        source: Box<lake::Error>,
    },
}

impl From<lake::Error> for Error {
    fn from(source: lake::Error) -> Self {
        Self::Write {
            source: Box::new(source),
        }
    }
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

/// How much of the machine an intake may use.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// Threads that judge, settle and write.
    pub(crate) threads: usize,
    /// Bytes of rows that are held before they go to the scratch file.
    pub(crate) memory: u64,
    /// Folder of the scratch file; made when it is needed.
    pub(crate) scratch: PathBuf,
    /// Bytes of a page that a thread takes at once: [`BLOCK`] but in tests.
    pub(crate) block: usize,
}

impl Limits {
    /// The same limits for the lake's writer.
    fn as_writing(&self) -> lake::Writing {
        lake::Writing {
            threads: self.threads,
            scratch: self.scratch.clone(),
        }
    }
}

/// What an intake works with.
#[derive(Debug, Clone)]
pub(crate) struct Tools<'c> {
    /// The list of comuni.
    pub(crate) comuni: &'c ComuneIndex,
    /// The key of pseudonyms.
    pub(crate) keys: KeyRing<'c>,
    /// Threads and memory.
    pub(crate) limits: Limits,
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
    /// Delivery it belongs to: for a table of snapshots, numbered from 1 without gaps, after a
    /// delivery 0 that is what the lake holds; 1 for any other table.
    pub(crate) delivery: u32,
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

/// A record that was deleted for ever.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tombstone {
    /// Part it was filed in.
    pub(crate) part: String,
    /// Its key: a pseudonym, salted with the part; nothing but this intake reads it.
    pub(crate) key: [u8; 16],
    /// Revision of the deletion; the least number where the contract declares none.
    pub(crate) revision: i64,
}

/// Takes the pages of one table and gives the table.
#[derive(Debug)]
pub(crate) struct TableIntake<'c> {
    /// The contract, made ready.
    plan: Plan<'c>,
    /// Threads and memory.
    limits: Limits,
    /// Room for rows.
    room: Room,
    /// What was read so far.
    store: Store,
    /// Batches held so far.
    n_held: u64,
}

impl<'c> TableIntake<'c> {
    /// Makes a contract ready.
    pub(crate) fn new(table: TableRef<'c>, tools: Tools<'c>) -> Result<Self, Error> {
        let plan = Plan::new(table, tools.comuni, tools.keys)?;
        let name = format!("{}__{}", table.platform, table.name);
        let scratch = Scratch::new(&tools.limits.scratch, &name);
        Ok(Self {
            plan,
            room: Room::new(tools.limits.memory, scratch),
            limits: tools.limits,
            store: Store::default(),
            n_held: 0,
        })
    }

    /// Applies these corrections to the rows to come.
    pub(crate) fn correct_by(&mut self, corrections: &'c Corrections) {
        self.plan.corrections = Some(corrections);
    }

    /// Reads one page; a page that cannot be read leaves everything as it was.
    pub(crate) fn push_page(
        &mut self,
        page: PageRef<'_>,
        bytes: Box<dyn Read + Send>,
    ) -> Result<PageRead, Error> {
        let level = self.store.level();
        let reader = PageReader {
            plan: &self.plan,
            limits: &self.limits,
            room: &self.room,
            page,
            sha: page.sha256.into(),
        };
        let read = reader.read(bytes, &mut self.store);
        if read.is_err() {
            self.store.fall_back(level);
        }
        read
    }

    /// Parts that the rows read so far belong to, in their order.
    pub(crate) fn parts(&self) -> Vec<String> {
        let parts = self.store.parts().into_iter();
        parts
            .map(|part| parts::name_of(self.plan.filing, part))
            .collect()
    }

    /// Whether a delivery of snapshots has a refused row that does not say which record it is of:
    /// nothing counts as missing from it.
    pub(crate) fn is_uncertain(&self, delivery: u32) -> bool {
        self.store.presence.is_unnamed(delivery)
    }

    /// Takes rows that the lake holds of a part, in their order there.
    ///
    /// # Errors
    /// When the rows cannot have come from this contract, or cannot be put aside.
    pub(crate) fn hold(
        &mut self,
        part: &str,
        held_as: HeldAs,
        rows: &[RecordBatch],
    ) -> Result<(), Error> {
        let number = self.part(part)?;
        for batch in rows.iter().filter(|batch| batch.num_rows() > 0) {
            let (block, earlier) = held::held_block(&self.plan, number, batch)?;
            // Earlier revisions arrived before those that took their place.
            let first = match held_as {
                HeldAs::History => 0,
                HeldAs::Current => 1 << 32,
            };
            let arrival = Arrival {
                page: None,
                block: first + self.n_held,
            };
            self.n_held += 1;
            let placed = self.room.place(arrival, block)?;
            let facts = ChunkFacts {
                origin: Origin::Held(held_as),
                earlier: Some(earlier),
            };
            self.store.add(placed, &facts);
        }
        Ok(())
    }

    /// Takes deletions known of the parts that are touched.
    ///
    /// # Errors
    /// When a part is not one of this contract.
    pub(crate) fn hold_tombstones(&mut self, known: &[Tombstone]) -> Result<(), Error> {
        let mut deletions = Vec::with_capacity(known.len());
        for tombstone in known {
            deletions.push(Deletion {
                part: self.part(&tombstone.part)?,
                key: u128::from_be_bytes(tombstone.key),
                revision: tombstone.revision,
            });
        }
        self.store.add_known(deletions);
        Ok(())
    }

    /// Settles revisions, duplicates and deletions.
    ///
    /// # Errors
    /// When the scratch file cannot be read.
    pub(crate) fn settle(self, absence: Absence) -> Result<Settled<'c>, Error> {
        let Self {
            plan,
            limits,
            room,
            mut store,
            ..
        } = self;
        let mut rejects = std::mem::take(&mut store.rejects);
        rejects.sort_unstable();
        let deletions = std::mem::take(&mut store.deletions).into_iter();
        let mut tombstones: Vec<Tombstone> = deletions
            .map(|deletion| Tombstone {
                part: parts::name_of(plan.filing, deletion.part),
                key: deletion.key.to_be_bytes(),
                revision: deletion.revision,
            })
            .collect();
        tombstones.sort_unstable();
        tombstones.dedup_by(|next, first| next.key == first.key && next.part == first.part);
        let decided = Decided {
            books: store.books,
            rejects,
            tombstones,
            presence: std::mem::take(&mut store.presence).arranged(),
        };
        settle_all(plan, store.arrange(room), decided, (absence, limits))
    }

    /// Number of a part of this contract.
    fn part(&self, name: &str) -> Result<parts::PartNumber, Error> {
        parts::number_of(self.plan.filing, name).ok_or_else(|| Error::Part {
            table: self.plan.table.name.to_owned(),
            part: name.to_owned(),
        })
    }
}

#[cfg(test)]
mod bounded;
#[cfg(test)]
mod planted;
#[cfg(test)]
mod tests;
