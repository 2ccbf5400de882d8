//! Who a row is: the key of its record, its part, its revision and the hash of its content.
//!
//! A key is the pseudonym of its column where one column of ids makes it, and a keyed hash of its
//! columns where several do, or one that is no id. Pseudonyms of a block are made together when
//! all its rows are judged, so a row may be identified before its own are known: what depends on
//! them is added then.

use super::KeyRing;
use super::cells::{Cell, Content, Staging};
use super::parts::PartNumber;
use super::plan::{Breach, ColumnPlan, Plan};

/// A row that met its contract.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReadRow {
    /// Key of its record.
    pub(super) key: u128,
    /// Part it is filed in.
    pub(super) part: PartNumber,
    /// Its revision.
    pub(super) revision: i64,
    /// Hash of its stored content.
    pub(super) content: u64,
    /// Whether it stands for its record or for the deletion of it.
    pub(super) standing: Standing,
}

/// What a row stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Its record, as of its revision.
    Live,
    /// The deletion of its record.
    Tombstone,
}

impl<'c> Plan<'c> {
    /// Hashes the staged row into its identity.
    pub(super) fn identify(
        &self,
        staging: &mut Staging,
        standing: Standing,
    ) -> Result<ReadRow, Breach<'c>> {
        let part = self.part_of(&staging.cells)?;
        let mut content = Content::new(self.seed);
        for place in &self.plain {
            if let Some(cell) = staging.cells.get(*place) {
                content.add(cell, &staging.texts);
            }
        }
        let key = match self.keyed_by(&staging.cells) {
            Some(Cell::Id(_)) => 0,
            _ => self.salted_key(staging, part),
        };
        Ok(ReadRow {
            key,
            part,
            revision: self.revision_of(&staging.cells),
            content: content.value(),
            standing,
        })
    }

    /// The cell that is the key by itself: a single pseudonym.
    fn keyed_by<'s>(&self, cells: &'s [Cell]) -> Option<&'s Cell> {
        let [place] = self.key.as_slice() else {
            return None;
        };
        let cell = cells.get(*place);
        cell.filter(|cell| matches!(cell, Cell::Key(_) | Cell::Id(_)))
    }

    /// The key of a record in a part, where a single pseudonym is the key.
    pub(super) fn salted(&self, key: u128, part: PartNumber) -> u128 {
        key ^ self.filing.map_or(0, |filing| filing.salt(part))
    }

    /// Whether a column is the key by itself.
    pub(super) fn is_whole_key(&self, place: usize) -> bool {
        self.key.as_slice() == [place]
    }

    /// The key of the staged row, salted with its part.
    pub(super) fn salted_key(&self, staging: &mut Staging, part: PartNumber) -> u128 {
        self.salted(self.key_of(staging), part)
    }

    /// The part a row is filed in.
    pub(super) fn part_of(&self, cells: &[Cell]) -> Result<PartNumber, Breach<'c>> {
        let Some(filing) = self.filing else {
            return Ok(PartNumber::WHOLE);
        };
        let cell = cells.get(filing.column).unwrap_or(&Cell::Null);
        let name = self
            .columns
            .get(filing.column)
            .map_or("", |column| column.name);
        filing.part_of(cell).ok_or(("missing_required", name))
    }

    /// The revision of a row; all rows have the same where none is declared.
    pub(super) fn revision_of(&self, cells: &[Cell]) -> i64 {
        match self.revision.and_then(|place| cells.get(place)) {
            Some(Cell::Integer(revision)) => *revision,
            _ => i64::MIN,
        }
    }

    /// The key of the staged row: a pseudonym as it is, anything else hashed with the secret key.
    pub(super) fn key_of(&self, staging: &mut Staging) -> u128 {
        match self.keyed_by(&staging.cells) {
            Some(Cell::Key(key)) => return *key,
            Some(Cell::Id(id)) => return self.made(*id, staging),
            _ => staging.bytes.clear(),
        }
        for place in &self.key {
            if let (Some(cell), Some(column)) =
                (staging.cells.get(*place), self.columns.get(*place))
            {
                self.write_key(column, cell, &staging.texts, &mut staging.bytes);
            }
        }
        self.keys.key.digest(&staging.bytes)
    }

    /// The pseudonym of the column that is the key by itself.
    fn made(&self, id: usize, staging: &mut Staging) -> u128 {
        let column = self.key.first().and_then(|place| self.columns.get(*place));
        let ids = column.and_then(|column| Some((column, staging.ids.get_mut(column.place)?)));
        let key = ids.and_then(|(column, ids)| ids.finished(&column.ids).get(id).copied());
        key.unwrap_or(0)
    }

    /// Writes a cell of a key so that two cells write alike only if they are alike, in every run.
    fn write_key(&self, column: &ColumnPlan<'_>, cell: &Cell, texts: &str, bytes: &mut Vec<u8>) {
        let mut put = |tag: u8, value: &[u8]| {
            bytes.push(tag);
            bytes.extend_from_slice(&value.len().to_le_bytes());
            bytes.extend_from_slice(value);
        };
        match cell {
            Cell::Null => put(0, &[]),
            Cell::Text(from, to) => put(1, texts.as_bytes().get(*from..*to).unwrap_or_default()),
            Cell::Code(place) => put(1, column.codes.text(*place).as_bytes()),
            Cell::Comune(place) => put(1, self.comuni.code_at(usize::from(*place)).as_bytes()),
            Cell::Integer(number) => put(2, &number.to_le_bytes()),
            Cell::Cents(cents) => put(3, &cents.to_le_bytes()),
            Cell::Number(number) => put(4, &number.to_bits().to_le_bytes()),
            Cell::Flag(flag) => put(5, &[u8::from(*flag)]),
            Cell::Key(key) => put(6, &key.to_be_bytes()),
            // The columns of a key of several have their pseudonyms made with their rows.
            Cell::Id(_) => {}
        }
    }

    /// Identity of a row that the lake already holds, its cells staged.
    pub(super) fn identify_held(&self, staging: &mut Staging) -> Option<ReadRow> {
        let row = self.identify(staging, Standing::Live).ok()?;
        let mut content = Content::resumed(row.content);
        for (place, column) in self.stored() {
            if column.is_ids() {
                content.add_key(match staging.cells.get(place) {
                    Some(Cell::Key(key)) => Some(*key),
                    _ => None,
                });
            }
        }
        Some(ReadRow {
            content: content.value(),
            ..row
        })
    }
}

/// A seed that nobody without the key of pseudonyms knows, the same in every run.
pub(super) fn seed(keys: KeyRing<'_>) -> u64 {
    let digest = keys.key.digest(b"content of records").to_le_bytes();
    let (words, _) = digest.as_chunks::<8>();
    words.first().copied().map_or(0, u64::from_le_bytes)
}
