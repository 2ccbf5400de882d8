//! What a source does not say any more: records that would go, pages without so much as a header.
//!
//! A file that is cut short, empty, or written over by the wrong one would end records that are
//! there still. How many went is known exactly where a delivery joins what the lake holds. Where
//! all pages are read anew the table is compared by its number of records, less those that a
//! tombstone, an erasure or the contract took.

use super::books::BookLine;
use super::drift::PageFields;
use super::intake::{Taken, is_whole};
use super::source_tables::Job;
use super::state::{TableState, hash_of};
use crate::lake::Snapshot;
use crate::lake::scope::Aside;
use crate::spec::limits::{Absent, Limits};
use crate::spec::source::{Presence, TableSpec};

/// What a table stood for, and what became of it.
pub(super) struct Change<'a> {
    /// The table as of the last good run.
    pub(super) before: Option<&'a Snapshot>,
    /// What it stood for.
    pub(super) state: Option<&'a TableState>,
    /// The pages that were read.
    pub(super) job: Job<'a>,
    /// What they gave.
    pub(super) taken: &'a Taken,
    /// The books of all rows now.
    pub(super) line: &'a BookLine,
}

impl Change<'_> {
    /// Why the source is stopped, if it is.
    pub(super) fn reasons(&self, limits: &Limits) -> Vec<String> {
        let table = self.job.table;
        let over = limits.emptied(self.absent()).map(|said| {
            let last = self.job.pages.last().filter(|_| is_whole(self.job));
            let last = last.map(|page| format!(" (the latest delivery is `{}`)", page.url));
            format!(
                "table `{table}`: {said}{}; have the platform deliver again, or raise the limit if it did delete them",
                last.unwrap_or_default()
            )
        });
        over.into_iter().chain(self.headless()).collect()
    }

    /// The records of the table, and how many of them would go.
    fn absent(&self) -> Absent {
        let Some(state) = self.state else {
            return Absent::default();
        };
        let n_held = state.account.accepted;
        let n_gone = if self.job.n_known > 0 {
            self.taken.moves.left_out
        } else if state.pages == hash_of(self.job.pages) {
            // The contract changed and no page did.
            0
        } else {
            self.lost(state)
        };
        Absent { n_held, n_gone }
    }

    /// Records fewer than before, where all pages were read anew.
    fn lost(&self, state: &TableState) -> u64 {
        let beside = self.before.into_iter().flat_map(|table| &table.beside);
        let tombstones = beside.filter(|file| Aside::of(file.scope()) == Some(Aside::Tombstones));
        let were_deleted = tombstones.map(|file| file.n_rows).sum();
        let deleted = self.taken.n_deleted.saturating_sub(were_deleted);
        let rejected = self.line.rejected.saturating_sub(state.account.rejected);
        let erased: u64 = self.job.pages.iter().map(|page| page.n_erased).sum();
        let stays = self.line.accepted + deleted + rejected + erased;
        state.account.accepted.saturating_sub(stays)
    }

    /// New pages without rows that lack a column every record needs, where there were records.
    fn headless(&self) -> impl Iterator<Item = String> {
        let state = self.state.filter(|state| state.account.accepted > 0);
        let pages = state.into_iter().flat_map(|state| {
            let is_known = |page: &&PageFields| state.headless.contains(&page.url);
            self.taken.fields.iter().filter(move |page| !is_known(page))
        });
        pages.filter_map(|page| {
            let column = lacking(self.job.declared, page)?;
            let (table, url) = (self.job.table, &page.url);
            Some(format!(
                "table `{table}`: page `{url}` has no rows and no column `{column}`; have the platform deliver it again, or put a file with the header alone in its place"
            ))
        })
    }
}

/// Addresses of pages without rows that lack a column every record needs.
pub(super) fn headless(spec: &TableSpec, pages: &[PageFields]) -> Vec<String> {
    let lacking = pages.iter().filter(|page| lacking(spec, page).is_some());
    lacking.map(|page| page.url.clone()).collect()
}

/// Field of the first column that every record needs and a page without rows lacks.
fn lacking<'p>(spec: &TableSpec, page: &'p PageFields) -> Option<&'p str> {
    if page.n_rows > 0 {
        return None;
    }
    let is_needed = |field: &&String| {
        spec.columns.iter().any(|(name, column)| {
            let is_its = column.from.as_ref().unwrap_or(name) == *field;
            is_its && (column.required == Presence::Required || spec.key.contains(name))
        })
    };
    page.missing.iter().find(is_needed).map(String::as_str)
}
