//! What a source table stands for: written in the same commit as its rows.
//!
//! ```text
//! the table stands for       the platform has now        →  what is done
//! contract c, pages 1 2 3    contract c, pages 1 2 3     →  nothing
//! contract c, pages 1 2 3    contract c, pages 1 2 3 4   →  page 4 joins the rows held
//! contract c, pages 1 2 3    contract c, pages 1 2' 3    →  all is read anew
//! contract c, pages 1 2 3    contract d, pages 1 2 3     →  all is read anew
//! ```
//!
//! *Contract* is everything besides the pages that rows depend on: the declaration, the key of
//! the pseudonyms, the list of comuni. Pages stand in the order of their addresses; only pages
//! whose addresses come after all the others can join.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::findings::Findings;
use super::typed::{Books, Moves};
use crate::canon::fingerprint::fingerprint_of;
use crate::lake::Snapshot;
use crate::lake::pages::Page;
use crate::spec::limits::Tally;

/// What a source table stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TableState {
    /// Hash of everything besides the pages.
    pub(super) contract: String,
    /// Pages it was made from.
    pub(super) n_pages: usize,
    /// Hash of their addresses and contents, in order.
    pub(super) pages: String,
    /// What became of the rows of all these pages.
    pub(super) account: Account,
    /// Fingerprints of the refused rows, by scope of `conformed.rejects`.
    pub(super) rejects: BTreeMap<String, String>,
    /// Changes of its columns, what its corrections found, how many rows were dropped.
    #[serde(default)]
    pub(super) findings: Findings,
    /// Addresses of the pages without rows that lack a column every record needs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) headless: Vec<String>,
}

impl TableState {
    /// A table that stands for no page.
    pub(super) fn empty(contract: String) -> Self {
        Self {
            contract,
            n_pages: 0,
            pages: String::new(),
            account: Account::default(),
            rejects: BTreeMap::new(),
            findings: Findings::default(),
            headless: Vec::new(),
        }
    }
}

/// The accounts of the rows of all pages of a table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Account {
    /// Rows in the table.
    pub(super) accepted: u64,
    /// Rows refused.
    pub(super) rejected: u64,
    /// Rows equal to the one before them of the same record.
    pub(super) duplicate: u64,
    /// Rows with a later revision.
    pub(super) superseded: u64,
    /// Rows of deleted records.
    pub(super) erased: u64,
}

impl Account {
    /// All rows and how many were rejected.
    pub(super) fn tally(self) -> Tally {
        let Self {
            accepted,
            rejected,
            duplicate,
            superseded,
            erased,
        } = self;
        Tally {
            n_rows: accepted + rejected + duplicate + superseded + erased,
            n_rejected: rejected,
        }
    }

    /// The accounts after new rows came and earlier ones changed theirs.
    pub(super) fn after(self, books: &Books, moves: &Moves) -> Self {
        let left = moves.accepted_to_superseded + moves.accepted_to_erased;
        let gone = moves.accepted_to_erased + moves.superseded_to_erased;
        let superseded = self.superseded + moves.accepted_to_superseded + books.superseded;
        Self {
            accepted: (self.accepted + books.accepted).saturating_sub(left),
            rejected: self.rejected + books.rejected,
            duplicate: self.duplicate + books.duplicate,
            superseded: superseded.saturating_sub(moves.superseded_to_erased),
            erased: self.erased + gone + books.erased,
        }
    }
}

/// What there is to do for a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Work {
    /// Nothing.
    Nothing(TableState),
    /// The pages after those it stands for join it.
    Increment(TableState),
    /// All pages are read anew.
    Rebuild,
}

/// What a table is to stand for, and what there is of its refused rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'a> {
    /// Hash of everything besides the pages.
    pub(super) contract: &'a str,
    /// Pages, in the order of their addresses.
    pub(super) pages: &'a [&'a Page],
    /// Fingerprints of its refused rows, by scope.
    pub(super) rejects: &'a BTreeMap<String, String>,
}

/// What there is to do for a table as it is. `next` names the scope that the rows refused in the
/// next pages get: a run that was killed may have left it, and the increment takes its place.
pub(super) fn work(
    before: Option<&Snapshot>,
    known: &Known<'_>,
    next: impl Fn(&TableState) -> String,
) -> Work {
    let Some(state) = noted(before) else {
        return Work::Rebuild;
    };
    let its = known.pages.get(..state.n_pages);
    let is_same = its.is_some_and(|its| hash_of(its) == state.pages);
    if !is_same || state.contract != known.contract {
        return Work::Rebuild;
    }
    let mut rejects = known.rejects.clone();
    if state.n_pages == known.pages.len() {
        let is_whole = rejects == state.rejects;
        return if is_whole {
            Work::Nothing(state)
        } else {
            Work::Rebuild
        };
    }
    if !state.rejects.contains_key(&next(&state)) {
        rejects.remove(&next(&state));
    }
    if rejects == state.rejects {
        Work::Increment(state)
    } else {
        Work::Rebuild
    }
}

/// What a table stands for, as its last commit noted it.
pub(super) fn noted(before: Option<&Snapshot>) -> Option<TableState> {
    let state = before.and_then(|before| before.state.clone())?;
    serde_json::from_value(state).ok()
}

/// Hash of pages, their addresses and contents, in order.
pub(super) fn hash_of(pages: &[&Page]) -> String {
    fingerprint_of(pages.iter().flat_map(|page| [&page.url, &page.sha256]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_changes_its_account_is_counted_once() {
        let before = Account {
            accepted: 10,
            superseded: 3,
            ..Account::default()
        };
        let books = Books {
            n_rows: 4,
            accepted: 2,
            erased: 1,
            duplicate: 1,
            ..Books::default()
        };
        let moves = Moves {
            accepted_to_superseded: 2,
            accepted_to_erased: 1,
            superseded_to_erased: 1,
            left_out: 1,
        };
        let after = before.after(&books, &moves);
        let expected = Account {
            accepted: 9,
            rejected: 0,
            duplicate: 1,
            superseded: 4,
            erased: 3,
        };
        assert_eq!(after, expected);
        let sum = |a: Account| a.accepted + a.rejected + a.duplicate + a.superseded + a.erased;
        assert_eq!(sum(after), sum(before) + books.n_rows);
    }
}
