//! What becomes of the rows that met their contract: revisions, duplicates, deletions.
//!
//! Rows of one key stand in the order of their revision, then of their page and place:
//!
//! ```text
//! rev 1 "a"   rev 1 "a"   rev 2 "b"            →  superseded, duplicate, accepted (_revision = 1)
//! rev 1 "a"   rev 2 "b"   rev 3 deleted        →  erased, erased, erased
//! ```

/// The account of every row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Books {
    /// Rows read.
    pub(crate) n_rows: u64,
    /// Rows in the table.
    pub(crate) accepted: u64,
    /// Rows refused.
    pub(crate) rejected: u64,
    /// Rows equal to the row before them of the same record.
    pub(crate) duplicate: u64,
    /// Rows with a later revision.
    pub(crate) superseded: u64,
    /// Rows of deleted records, their tombstones included.
    pub(crate) erased: u64,
}

impl Books {
    /// Whether every row read is in exactly one account: it is so by construction, and tests hold it.
    #[cfg(test)]
    pub(crate) fn are_closed(&self) -> bool {
        let accounts = [
            self.accepted,
            self.rejected,
            self.duplicate,
            self.superseded,
            self.erased,
        ];
        self.n_rows == accounts.iter().sum::<u64>()
    }
}

/// Whether the rows of a table are records or facts of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Identity {
    /// Rows with one key are one record.
    Keyed,
    /// Every row is a fact of its own.
    None,
}

/// Identity of a row that met its contract.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowMark {
    /// Key of its record.
    pub(super) key: u128,
    /// Its revision.
    pub(super) revision: i64,
    /// Sequence of its page.
    pub(super) sequence: u64,
    /// Place in the page.
    pub(super) place: u64,
    /// Hash of its content.
    pub(super) content: u128,
    /// Its place in the columns; a tombstone has none.
    pub(super) held: Option<u32>,
}

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kept {
    /// Place in the columns.
    pub(super) row: u32,
    /// Earlier revisions seen.
    pub(super) n_earlier: i64,
}

/// The table's rows and the closed books.
#[derive(Debug)]
pub(super) struct Settled {
    /// Rows of the table, in the order of their keys.
    pub(super) kept: Vec<Kept>,
    /// Accounts.
    pub(super) books: Books,
}

/// Settles all rows that met their contract.
pub(super) fn settle(mut marks: Vec<RowMark>, identity: Identity, books: Books) -> Settled {
    let mut settled = Settled {
        kept: Vec::new(),
        books,
    };
    match identity {
        Identity::None => {
            marks.sort_unstable_by_key(|mark| (mark.sequence, mark.place));
            settled.accept_all(&marks);
        }
        Identity::Keyed => {
            marks.sort_unstable_by_key(|mark| (mark.key, mark.revision, mark.sequence, mark.place));
            for record in marks.chunk_by(|one, next| one.key == next.key) {
                settled.settle_record(record);
            }
        }
    }
    settled
}

impl Settled {
    /// Accepts rows that are facts of their own.
    fn accept_all(&mut self, marks: &[RowMark]) {
        for row in marks.iter().filter_map(|mark| mark.held) {
            self.books.accepted += 1;
            self.kept.push(Kept { row, n_earlier: 0 });
        }
    }

    /// Settles the rows of one record, which stand in the order of their revisions.
    fn settle_record(&mut self, record: &[RowMark]) {
        let is_deleted = record.iter().any(|mark| mark.held.is_none());
        let versions = record.chunk_by(|one, next| one.content == next.content);
        let mut current = None;
        let mut n_earlier = 0;
        for version in versions {
            for _ in version.iter().skip(1) {
                self.books.duplicate += 1;
            }
            if is_deleted {
                self.books.erased += 1;
            } else if current.is_some() {
                self.books.superseded += 1;
                n_earlier += 1;
            }
            current = version.first().and_then(|mark| mark.held);
        }
        if let (Some(row), false) = (current, is_deleted) {
            self.books.accepted += 1;
            self.kept.push(Kept { row, n_earlier });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row of record `key` with the given revision, place and content.
    fn mark(key: u128, revision: i64, place: u64, content: u128) -> RowMark {
        RowMark {
            key,
            revision,
            sequence: 0,
            place,
            content,
            held: u32::try_from(place).ok(),
        }
    }

    /// Books of the given rows.
    fn books(marks: &[RowMark]) -> (Vec<Kept>, Books) {
        let n_rows = u64::try_from(marks.len()).unwrap();
        let opened = Books {
            n_rows,
            ..Books::default()
        };
        let settled = settle(marks.to_vec(), Identity::Keyed, opened);
        assert!(settled.books.are_closed(), "{:?}", settled.books);
        (settled.kept, settled.books)
    }

    #[test]
    fn the_latest_revision_wins_and_equal_rows_are_duplicates() {
        let (kept, books) = books(&[mark(1, 2, 5, 20), mark(1, 1, 3, 10), mark(1, 1, 4, 10)]);
        assert_eq!(
            kept,
            [Kept {
                row: 5,
                n_earlier: 1
            }]
        );
        assert_eq!(
            (books.accepted, books.duplicate, books.superseded),
            (1, 1, 1)
        );
    }

    #[test]
    fn a_tie_of_revisions_goes_to_the_later_line() {
        let (kept, _) = books(&[mark(1, 1, 9, 20), mark(1, 1, 3, 10)]);
        assert_eq!(
            kept,
            [Kept {
                row: 9,
                n_earlier: 1
            }]
        );
    }

    #[test]
    fn a_deleted_record_leaves_nothing() {
        let tombstone = RowMark {
            held: None,
            ..mark(1, 3, 7, 30)
        };
        let (kept, books) = books(&[
            mark(1, 1, 3, 10),
            tombstone,
            mark(1, 2, 5, 20),
            mark(2, 1, 4, 40),
        ]);
        assert_eq!(
            kept,
            [Kept {
                row: 4,
                n_earlier: 0
            }]
        );
        assert_eq!((books.accepted, books.erased), (1, 3));
    }

    #[test]
    fn without_a_key_every_row_is_accepted() {
        let marks = vec![mark(0, 0, 2, 10), mark(0, 0, 1, 10)];
        let settled = settle(marks, Identity::None, Books::default());
        assert_eq!(
            settled.kept.iter().map(|kept| kept.row).collect::<Vec<_>>(),
            [1, 2]
        );
        assert_eq!(settled.books.accepted, 2);
    }
}
