//! What becomes of the rows that met their contract: revisions, duplicates, deletions.
//!
//! Rows of one record stand in the order of their revision, then of their arrival, which is that
//! of their pages and lines; rows that the lake holds already arrived before all others.
//!
//! ```text
//! rev 1 "a"   rev 1 "a"   rev 2 "b"            →  superseded, duplicate, accepted (_revision = 1)
//! rev 1 "a"   rev 2 "b"   rev 3 deleted        →  erased, erased, erased
//! ```
//!
//! A deletion ends a record for ever: rows that arrive after it are erased whatever they hold. In
//! a table of snapshots a record that a delivery leaves out is erased too, but may come again and
//! is then a new one. Both depend on the order of arrival alone, so rows that come in one run or
//! in several have the same accounts.

use super::presence::Presence;

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

    /// Adds other books.
    pub(super) fn add(&mut self, other: &Self) {
        self.n_rows += other.n_rows;
        self.accepted += other.accepted;
        self.rejected += other.rejected;
        self.duplicate += other.duplicate;
        self.superseded += other.superseded;
        self.erased += other.erased;
    }
}

/// Rows that the lake held before and that changed their account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Moves {
    /// Accepted rows that a later revision took the place of.
    pub(crate) accepted_to_superseded: u64,
    /// Accepted rows whose record was deleted or left out of a delivery.
    pub(crate) accepted_to_erased: u64,
    /// Superseded rows whose record was deleted or left out of a delivery.
    pub(crate) superseded_to_erased: u64,
    /// Records that ended because a delivery left them out; their rows are among those above.
    pub(crate) left_out: u64,
}

impl Moves {
    /// Adds other moves.
    pub(super) fn add(&mut self, other: &Self) {
        self.accepted_to_superseded += other.accepted_to_superseded;
        self.accepted_to_erased += other.accepted_to_erased;
        self.superseded_to_erased += other.superseded_to_erased;
        self.left_out += other.left_out;
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

/// What a record's absence from a delivery says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Absence {
    /// Nothing: deliveries hold what is new.
    SaysNothing,
    /// That it is deleted: every delivery is the whole table, and this one is the last.
    Erases {
        /// Number of the last delivery.
        last: u32,
    },
}

/// What rows the lake holds stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeldAs {
    /// Rows of the table.
    Current,
    /// Superseded revisions of them.
    History,
}

/// Where the rows of a chunk come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// Read in this run, in a delivery.
    New {
        /// Number of the delivery.
        delivery: u32,
    },
    /// The lake holds them.
    Held(HeldAs),
}

impl Origin {
    /// Delivery of the rows; held ones came with the one before the first new one.
    fn delivery(self) -> u32 {
        match self {
            Self::New { delivery } => delivery,
            Self::Held(_) => 0,
        }
    }
}

/// Identity of a row that met its contract.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    /// Key of its record, salted with its part.
    pub(super) key: u128,
    /// Its revision.
    pub(super) revision: i64,
    /// When it arrived: the block, and its number among the rows of the block that met the contract.
    pub(super) order: u64,
    /// Where it lies.
    pub(super) place: Place,
    /// Hash of its content.
    pub(super) content: u64,
}

/// Where a row lies: its chunk, its row there, and whether it is a tombstone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place(u64);

impl Place {
    /// A row of a chunk.
    pub(super) fn new(chunk: u32, row: u32) -> Self {
        Self(u64::from(chunk) << 32 | u64::from(row) << 1)
    }

    /// The same place, of a tombstone.
    pub(super) fn tombstone(self) -> Self {
        Self(self.0 | 1)
    }

    /// Whether a tombstone lies there.
    fn is_tombstone(self) -> bool {
        self.0 & 1 == 1
    }

    /// The chunk.
    pub(super) fn chunk(self) -> usize {
        usize::try_from(self.0 >> 32).unwrap_or(usize::MAX)
    }

    /// The row in it.
    pub(super) fn row(self) -> u32 {
        u32::try_from((self.0 & 0xffff_ffff) >> 1).unwrap_or(u32::MAX)
    }

    /// The same row in a chunk of another number.
    pub(super) fn in_chunk(self, chunk: u32) -> Self {
        Self(u64::from(chunk) << 32 | (self.0 & 0xffff_ffff))
    }

    /// The place as a number, and back.
    pub(super) fn number(self) -> u64 {
        self.0
    }

    /// The place with a number.
    pub(super) fn from_number(number: u64) -> Self {
        Self(number)
    }
}

/// Something to know about a row beyond "accepted, with no earlier revision".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is not in the table.
    Lost,
    /// It is not in the table but a revision of a record that is, with so many before it.
    Superseded(i64),
    /// It is in the table, and so many revisions came before it.
    Accepted(i64),
}

/// A chunk as settling needs it.
#[derive(Debug, Clone)]
pub(super) struct ChunkFacts {
    /// Where its rows come from.
    pub(super) origin: Origin,
    /// Earlier revisions of each of its rows, where the lake holds them.
    pub(super) earlier: Option<std::sync::Arc<[i64]>>,
}

/// Settles records one by one.
#[derive(Debug)]
pub(super) struct Settling<'s> {
    /// Chunks in the order of arrival.
    chunks: &'s [ChunkFacts],
    /// What absence says.
    absence: Absence,
    /// Records of refused rows.
    presence: &'s Presence,
    /// Accounts of new rows.
    pub(super) books: Books,
    /// Rows that changed their account.
    pub(super) moves: Moves,
    /// What is to be known about single rows.
    pub(super) verdicts: Vec<(Place, Verdict)>,
}

/// Whether a record lives on after some of its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    /// It does.
    Goes,
    /// It was deleted, or left out of a delivery.
    Ended,
}

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It is in the table, with so many earlier revisions.
    Accepted(i64),
    /// A later revision is, and this one has so many before it.
    Superseded(i64),
    /// It equals the row before it.
    Duplicate,
    /// Its record is gone.
    Erased,
}

impl<'s> Settling<'s> {
    /// Settling over these chunks.
    pub(super) fn new(
        chunks: &'s [ChunkFacts],
        (absence, presence): (Absence, &'s Presence),
    ) -> Self {
        Self {
            chunks,
            absence,
            presence,
            books: Books::default(),
            moves: Moves::default(),
            verdicts: Vec::new(),
        }
    }

    /// Settles rows in any order.
    ///
    /// Most records have one row, and half of a key tells almost all of them apart: only that half
    /// is sorted, with the places of the rows, and whole rows where it is the same.
    pub(super) fn settle(&mut self, marks: &[Mark]) {
        let halves = marks.iter().map(|mark| mark.key >> 64);
        let mut order: Vec<(u64, usize)> = halves
            .map(|half| u64::try_from(half).unwrap_or(u64::MAX))
            .zip(0..)
            .collect();
        order.sort_unstable();
        let mut alike = Vec::new();
        for group in order.chunk_by(|(one, _), (next, _)| one == next) {
            alike.clear();
            alike.extend(
                group
                    .iter()
                    .filter_map(|(_, place)| marks.get(*place))
                    .copied(),
            );
            if alike.len() > 1 {
                alike.sort_unstable_by_key(|mark| (mark.key, mark.revision, mark.order));
            }
            for record in alike.chunk_by(|one, next| one.key == next.key) {
                self.settle_rows(record);
            }
        }
    }

    /// Settles the rows of one record, which stand in the order of their revisions.
    fn settle_rows(&mut self, record: &[Mark]) {
        match record {
            [mark] if !mark.place.is_tombstone() => self.settle_single(*mark),
            _ => self.settle_record(record),
        }
    }

    /// Settles a record of one row.
    fn settle_single(&mut self, mark: Mark) {
        if let Absence::Erases { last } = self.absence
            && self.delivery_of(mark) != last
        {
            self.settle_eras(&[mark], Some(last));
        } else {
            let n_earlier = self.n_before(mark);
            self.decide(mark, Fate::Accepted(n_earlier));
        }
    }

    /// Settles a record of several rows, or of a tombstone.
    fn settle_record(&mut self, record: &[Mark]) {
        let tombstones = record.iter().filter(|mark| mark.place.is_tombstone());
        let end = tombstones.map(|mark| mark.order).min();
        let mut rows = Vec::with_capacity(record.len());
        for mark in record {
            if end.is_some_and(|end| mark.order >= end) {
                self.decide(*mark, Fate::Erased);
            } else {
                rows.push(*mark);
            }
        }
        if end.is_some() {
            self.settle_eras(&rows, None);
        } else {
            let last = match self.absence {
                Absence::SaysNothing => rows.iter().map(|mark| self.delivery_of(*mark)).max(),
                Absence::Erases { last } => Some(last),
            };
            self.settle_eras(&rows, last);
        }
    }

    /// Settles rows era by era: an era ends where a delivery left the record out, and only the
    /// one with the delivery `last` lives. A refused row of the record leaves it in.
    fn settle_eras(&mut self, rows: &[Mark], last: Option<u32>) {
        if self.absence == Absence::SaysNothing {
            self.settle_era(
                rows,
                if last.is_some() {
                    Life::Goes
                } else {
                    Life::Ended
                },
            );
            return;
        }
        let mut deliveries: Vec<u32> = rows.iter().map(|mark| self.delivery_of(*mark)).collect();
        let key = rows.first().map(|mark| mark.key);
        deliveries.extend(key.iter().flat_map(|key| self.presence.deliveries_of(*key)));
        deliveries.sort_unstable();
        deliveries.dedup();
        let mut lives = false;
        for era in deliveries.chunk_by(|one, next| one + 1 == *next) {
            let is_in = |mark: &&Mark| era.contains(&self.delivery_of(**mark));
            let rows: Vec<Mark> = rows.iter().filter(is_in).copied().collect();
            let is_last = era.last().copied() == last;
            lives |= is_last && !rows.is_empty();
            self.settle_era(&rows, if is_last { Life::Goes } else { Life::Ended });
        }
        let was_there = rows.iter().any(|mark| self.is_current(*mark));
        self.moves.left_out += u64::from(was_there && !lives && last.is_some());
    }

    /// Settles the rows of an era: the last content is accepted, or all are erased.
    fn settle_era(&mut self, rows: &[Mark], life: Life) {
        let mut n_earlier = rows.first().map_or(0, |first| self.n_before(*first));
        let mut versions = rows
            .chunk_by(|one, next| one.content == next.content)
            .peekable();
        while let Some(version) = versions.next() {
            let is_last = versions.peek().is_none();
            let (first, repeated) = version
                .split_first()
                .map_or((None, &[][..]), |(first, more)| (Some(*first), more));
            for mark in repeated {
                self.decide(*mark, Fate::Duplicate);
            }
            let fate = match life {
                Life::Ended => Fate::Erased,
                Life::Goes if is_last => Fate::Accepted(n_earlier),
                Life::Goes => Fate::Superseded(n_earlier),
            };
            if let Some(first) = first {
                self.decide(first, fate);
            }
            n_earlier += 1;
        }
    }

    /// Puts a row into its account and remembers what is to be known about it.
    fn decide(&mut self, mark: Mark, fate: Fate) {
        let origin = self
            .chunks
            .get(mark.place.chunk())
            .map(|chunk| chunk.origin);
        match (origin, fate) {
            (Some(Origin::New { .. }), Fate::Accepted(_)) => self.books.accepted += 1,
            (Some(Origin::New { .. }), Fate::Superseded(_)) => self.books.superseded += 1,
            (Some(Origin::New { .. }), Fate::Duplicate) => self.books.duplicate += 1,
            (Some(Origin::New { .. }), Fate::Erased) => self.books.erased += 1,
            (Some(Origin::Held(HeldAs::Current)), Fate::Superseded(_)) => {
                self.moves.accepted_to_superseded += 1;
            }
            (Some(Origin::Held(HeldAs::Current)), Fate::Erased) if !mark.place.is_tombstone() => {
                self.moves.accepted_to_erased += 1;
            }
            (Some(Origin::Held(HeldAs::History)), Fate::Erased) => {
                self.moves.superseded_to_erased += 1;
            }
            (Some(Origin::Held(_)) | None, _) => {}
        }
        let verdict = match fate {
            Fate::Accepted(0) => return,
            Fate::Accepted(n_earlier) => Verdict::Accepted(n_earlier),
            Fate::Superseded(n_earlier) => Verdict::Superseded(n_earlier),
            Fate::Duplicate | Fate::Erased => Verdict::Lost,
        };
        self.verdicts.push((mark.place, verdict));
    }

    /// Whether a row is in the table as the lake holds it.
    fn is_current(&self, mark: Mark) -> bool {
        let chunk = self.chunks.get(mark.place.chunk());
        chunk.is_some_and(|chunk| chunk.origin == Origin::Held(HeldAs::Current))
    }

    /// Delivery of a row.
    fn delivery_of(&self, mark: Mark) -> u32 {
        let chunk = self.chunks.get(mark.place.chunk());
        chunk.map_or(0, |chunk| chunk.origin.delivery())
    }

    /// Earlier revisions of a row that are known from the lake.
    fn n_before(&self, mark: Mark) -> i64 {
        let chunk = self.chunks.get(mark.place.chunk());
        let earlier = chunk.and_then(|chunk| chunk.earlier.as_deref());
        let row = usize::try_from(mark.place.row()).unwrap_or(usize::MAX);
        earlier
            .and_then(|earlier| earlier.get(row))
            .copied()
            .unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row of record `key` with the given revision, row in the first chunk and content.
    fn mark(key: u128, revision: i64, row: u32, content: u64) -> Mark {
        Mark {
            key,
            revision,
            order: u64::from(row),
            place: Place::new(0, row),
            content,
        }
    }

    /// The same row in another chunk.
    fn later(chunk: u32, mark: Mark) -> Mark {
        Mark {
            place: mark.place.in_chunk(chunk),
            order: u64::from(chunk) << 32 | mark.order,
            ..mark
        }
    }

    /// Rows accepted, with their earlier revisions, and the accounts.
    fn settle(
        marks: &[Mark],
        origins: &[Origin],
        absence: Absence,
    ) -> (Vec<(u32, i64)>, Books, Moves) {
        settle_with(marks, origins, (absence, Presence::default()))
    }

    /// The same, where rows of some records were refused.
    fn settle_with(
        marks: &[Mark],
        origins: &[Origin],
        (absence, presence): (Absence, Presence),
    ) -> (Vec<(u32, i64)>, Books, Moves) {
        let chunks: Vec<ChunkFacts> = origins
            .iter()
            .map(|origin| ChunkFacts {
                origin: *origin,
                earlier: None,
            })
            .collect();
        let presence = presence.arranged();
        let mut settling = Settling::new(&chunks, (absence, &presence));
        settling.settle(marks);
        let verdict_of = |mark: &Mark| {
            let mut verdicts = settling.verdicts.iter();
            verdicts
                .find(|(place, _)| *place == mark.place)
                .map(|(_, verdict)| *verdict)
        };
        let kept = marks.iter().filter(|mark| !mark.place.is_tombstone());
        let kept = kept.filter_map(|mark| match verdict_of(mark) {
            None => Some((mark.place.row(), 0)),
            Some(Verdict::Accepted(n_earlier)) => Some((mark.place.row(), n_earlier)),
            Some(Verdict::Lost | Verdict::Superseded(_)) => None,
        });
        (kept.collect(), settling.books, settling.moves)
    }

    /// Settles rows of one new chunk.
    fn books(marks: &[Mark]) -> (Vec<(u32, i64)>, Books) {
        let (kept, mut books, _) =
            settle(marks, &[Origin::New { delivery: 1 }], Absence::SaysNothing);
        books.n_rows = u64::try_from(marks.len()).unwrap();
        assert!(books.are_closed(), "{books:?}");
        (kept, books)
    }

    #[test]
    fn the_latest_revision_wins_and_equal_rows_are_duplicates() {
        let (kept, books) = books(&[mark(1, 2, 5, 20), mark(1, 1, 3, 10), mark(1, 1, 4, 10)]);
        assert_eq!(kept, [(5, 1)]);
        assert_eq!(
            (books.accepted, books.duplicate, books.superseded),
            (1, 1, 1)
        );
    }

    #[test]
    fn a_tie_of_revisions_goes_to_the_later_line() {
        let (kept, _) = books(&[mark(1, 1, 9, 20), mark(1, 1, 3, 10)]);
        assert_eq!(kept, [(9, 1)]);
    }

    #[test]
    fn a_deleted_record_leaves_nothing() {
        let mut tombstone = mark(1, 3, 7, 30);
        tombstone.place = tombstone.place.tombstone();
        let (kept, books) = books(&[
            mark(1, 1, 3, 10),
            tombstone,
            mark(1, 2, 5, 20),
            mark(2, 1, 4, 40),
        ]);
        assert_eq!(kept, [(4, 0)]);
        assert_eq!((books.accepted, books.erased), (1, 3));
    }

    #[test]
    fn what_arrives_after_a_deletion_is_erased_even_if_it_repeats_a_row() {
        let mut tombstone = mark(1, 2, 5, 30);
        tombstone.place = tombstone.place.tombstone();
        let (_, books) = books(&[
            mark(1, 1, 3, 10),
            mark(1, 1, 4, 10),
            tombstone,
            mark(1, 1, 6, 10),
            mark(1, 9, 7, 90),
        ]);
        assert_eq!((books.duplicate, books.erased), (1, 4));
    }

    #[test]
    fn a_held_row_gives_way_to_a_later_revision_and_the_move_is_told() {
        let held = Origin::Held(HeldAs::Current);
        let marks = [
            mark(1, 1, 0, 10),
            later(1, mark(1, 2, 8, 20)),
            mark(2, 1, 1, 10),
        ];
        let origins = [held, Origin::New { delivery: 1 }];
        let (kept, books, moves) = settle(&marks, &origins, Absence::SaysNothing);
        assert_eq!(kept, [(8, 1), (1, 0)]);
        assert_eq!((books.accepted, books.superseded), (1, 0));
        assert_eq!(moves.accepted_to_superseded, 1);
    }

    #[test]
    fn a_record_that_the_last_delivery_leaves_out_is_erased_and_may_come_again() {
        let origins = [1, 2, 3].map(|delivery| Origin::New { delivery });
        let gone = [mark(1, 0, 0, 10), later(1, mark(1, 0, 0, 10))];
        let (kept, books, _) = settle(&gone, &origins, Absence::Erases { last: 3 });
        assert_eq!((kept.len(), books.erased, books.duplicate), (0, 1, 1));
        let again = [mark(1, 0, 0, 10), later(2, mark(1, 0, 0, 10))];
        let (kept, books, _) = settle(&again, &origins, Absence::Erases { last: 3 });
        assert_eq!((kept.len(), books.accepted, books.erased), (1, 1, 1));
    }

    #[test]
    fn a_refused_row_leaves_its_record_in_the_delivery() {
        let origins = [
            Origin::Held(HeldAs::Current),
            Origin::New { delivery: 1 },
            Origin::New { delivery: 2 },
        ];
        let held = [mark(1, 0, 0, 10), mark(2, 0, 1, 10)];
        let marks = [held[0], held[1], later(1, mark(3, 0, 2, 10))];
        let settled = |refused: &[(u32, Option<u128>)], last| {
            let mut presence = Presence::default();
            for (delivery, key) in refused {
                presence.note(*delivery, *key);
            }
            let (kept, _, moves) =
                settle_with(&marks, &origins, (Absence::Erases { last }, presence));
            (kept, moves.left_out)
        };
        assert_eq!(settled(&[], 1), (vec![(2, 0)], 2));
        assert_eq!(settled(&[(1, Some(2))], 1), (vec![(1, 0), (2, 0)], 1));
        assert_eq!(settled(&[(1, None)], 1).0.len(), 3);
        assert_eq!(
            settled(&[(2, Some(1)), (1, Some(2)), (2, Some(3))], 2),
            (vec![(2, 0)], 2),
            "who was left out once does not live again by a refused row"
        );
    }
}
