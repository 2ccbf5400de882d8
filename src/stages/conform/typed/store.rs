//! Everything read so far: chunks of rows and their identities, in memory or in the scratch file.
//!
//! The first blocks stay in memory; once the budget is used up the next ones go to the scratch
//! file as they come. Nothing depends on which lies where.

use std::collections::BTreeMap;
use std::io::{self, Cursor};
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::RecordBatch;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;

use super::block::{Block, BlockMarks, Deletion};
use super::parts::PartNumber;
use super::presence::Presence;
use super::scratch::{Extent, Scratch};
use super::settle::{Books, ChunkFacts, HeldAs, Mark, Origin, Place};
use super::{Error, Reject};

/// Bytes of an identity in the scratch file.
const MARK_BYTES: usize = 48;

/// Where a block came in: the page and the block in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Arrival {
    /// Sequence of the page; rows the lake holds come before all pages.
    pub(super) page: Option<u64>,
    /// Block of the page.
    pub(super) block: u64,
}

/// Rows of a chunk.
#[derive(Debug)]
enum Rows {
    /// In memory.
    Here(RecordBatch),
    /// In the scratch file.
    Away(Extent),
}

/// A chunk of rows of one part.
#[derive(Debug)]
struct Chunk {
    /// The part.
    part: PartNumber,
    /// When it came in.
    arrival: Arrival,
    /// Where its rows come from.
    facts: ChunkFacts,
    /// How many they are.
    n_rows: usize,
    /// The rows.
    rows: Rows,
}

/// Identities of the rows of a block.
#[derive(Debug)]
struct Marks {
    /// When the block came in.
    arrival: Arrival,
    /// Number of the block's first chunk.
    first_chunk: u32,
    /// Where each bucket ends.
    ends: Vec<u32>,
    /// The identities, in memory or in the scratch file.
    rows: Result<Vec<Mark>, Extent>,
}

/// A block with its rows where they will stay.
#[derive(Debug)]
pub(super) struct Placed {
    /// When it came in.
    arrival: Arrival,
    /// Its chunks.
    chunks: Vec<(PartNumber, usize, Rows)>,
    /// Its identities.
    marks: BlockMarks,
    /// Its identities, if they are in the scratch file.
    away: Option<Extent>,
    /// Refused rows.
    rejects: Vec<Reject>,
    /// Deletions.
    deletions: Vec<Deletion>,
    /// Records of refused rows.
    presence: Presence,
    /// Accounts.
    books: Books,
}

/// Memory that rows may take, and the file for the others.
#[derive(Debug)]
pub(super) struct Room {
    /// Bytes that may be held.
    budget: u64,
    /// Bytes held.
    held: AtomicU64,
    /// The file for the others.
    scratch: Scratch,
}

impl Room {
    /// Room of so many bytes.
    pub(super) fn new(budget: u64, scratch: Scratch) -> Self {
        Self {
            budget,
            held: AtomicU64::new(0),
            scratch,
        }
    }

    /// Finds the place of a block: in memory while there is room, else in the scratch file.
    pub(super) fn place(&self, arrival: Arrival, block: Block) -> Result<Placed, Error> {
        let mut placed = Placed {
            arrival,
            chunks: Vec::with_capacity(block.chunks.len()),
            marks: block.marks,
            away: None,
            rejects: block.rejects,
            deletions: block.deletions,
            presence: block.presence,
            books: block.books,
        };
        let of_chunks = block
            .chunks
            .iter()
            .map(|chunk| chunk.rows.get_array_memory_size());
        let n_bytes = of_chunks.sum::<usize>() + placed.marks.marks.len() * size_of::<Mark>();
        let held = self.held.fetch_add(n_bytes as u64, Ordering::Relaxed);
        let fits = held + n_bytes as u64 <= self.budget;
        if !fits {
            self.held.fetch_sub(n_bytes as u64, Ordering::Relaxed);
            let marks = std::mem::take(&mut placed.marks.marks);
            placed.away = Some(self.append(&written(&marks))?);
        }
        for chunk in block.chunks {
            let n_rows = chunk.rows.num_rows();
            let rows = if fits {
                Rows::Here(chunk.rows)
            } else {
                Rows::Away(self.append_rows(&chunk.rows)?)
            };
            placed.chunks.push((chunk.part, n_rows, rows));
        }
        Ok(placed)
    }

    /// Writes rows to the scratch file.
    fn append_rows(&self, rows: &RecordBatch) -> Result<Extent, Error> {
        let mut bytes = Vec::with_capacity(rows.get_array_memory_size() + 4096);
        let encoded = StreamWriter::try_new(&mut bytes, &rows.schema()).and_then(|mut writer| {
            writer.write(rows)?;
            writer.finish()
        });
        encoded.map_err(|source| self.spill_error(io::Error::other(source)))?;
        self.append(&bytes)
    }

    /// Writes bytes to the scratch file.
    fn append(&self, bytes: &[u8]) -> Result<Extent, Error> {
        let appended = self.scratch.append(bytes);
        appended.map_err(|source| self.spill_error(source))
    }

    /// Rows of a chunk, wherever they are.
    fn rows(&self, rows: &Rows) -> Result<RecordBatch, Error> {
        let extent = match rows {
            Rows::Here(rows) => return Ok(rows.clone()),
            Rows::Away(extent) => *extent,
        };
        let bytes = self
            .scratch
            .read(extent)
            .map_err(|source| self.spill_error(source))?;
        let mut reader = StreamReader::try_new(Cursor::new(bytes), None)
            .map_err(|source| self.spill_error(io::Error::other(source)))?;
        let first = reader.next().unwrap_or_else(|| {
            let message = "a chunk without rows".to_owned();
            Err(arrow::error::ArrowError::IpcError(message))
        });
        first.map_err(|source| self.spill_error(io::Error::other(source)))
    }

    /// The error of the scratch file.
    fn spill_error(&self, source: io::Error) -> Error {
        Error::Spill {
            path: self.scratch.path().display().to_string(),
            source,
        }
    }
}

/// Everything read so far.
#[derive(Debug, Default)]
pub(super) struct Store {
    /// Chunks in the order they were handed over, which is no order at all.
    chunks: Vec<Chunk>,
    /// Identities by block.
    marks: Vec<Marks>,
    /// Refused rows.
    pub(super) rejects: Vec<Reject>,
    /// Deletions.
    pub(super) deletions: Vec<Deletion>,
    /// Records of refused rows.
    pub(super) presence: Presence,
    /// Deletions known before.
    known: Vec<Deletion>,
    /// Accounts.
    pub(super) books: Books,
}

impl Store {
    /// Takes a block whose rows have their place.
    pub(super) fn add(&mut self, placed: Placed, facts: &ChunkFacts) {
        let first_chunk = u32::try_from(self.chunks.len()).unwrap_or(u32::MAX);
        for (part, n_rows, rows) in placed.chunks {
            self.chunks.push(Chunk {
                part,
                arrival: placed.arrival,
                facts: facts.clone(),
                n_rows,
                rows,
            });
        }
        let BlockMarks { marks, ends } = placed.marks;
        if !ends.is_empty() {
            self.marks.push(Marks {
                arrival: placed.arrival,
                first_chunk,
                ends,
                rows: placed.away.map_or(Ok(marks), Err),
            });
        }
        self.rejects.extend(placed.rejects);
        self.deletions.extend(placed.deletions);
        self.presence.extend(placed.presence);
        self.books.add(&placed.books);
    }

    /// Takes deletions of earlier runs.
    pub(super) fn add_known(&mut self, known: impl IntoIterator<Item = Deletion>) {
        self.known.extend(known);
    }

    /// How much was taken so far.
    pub(super) fn level(&self) -> Level {
        Level {
            n_chunks: self.chunks.len(),
            n_marks: self.marks.len(),
            n_rejects: self.rejects.len(),
            n_deletions: self.deletions.len(),
            presence: self.presence.level(),
            books: self.books,
        }
    }

    /// Forgets everything taken since.
    pub(super) fn fall_back(&mut self, level: Level) {
        self.chunks.truncate(level.n_chunks);
        self.marks.truncate(level.n_marks);
        self.rejects.truncate(level.n_rejects);
        self.deletions.truncate(level.n_deletions);
        self.presence.fall_back(level.presence);
        self.books = level.books;
    }

    /// Parts that rows were read for, in their order.
    pub(super) fn parts(&self) -> Vec<PartNumber> {
        let new = self.chunks.iter();
        let new = new.filter(|chunk| matches!(chunk.facts.origin, Origin::New { .. }));
        let mut parts: Vec<PartNumber> = new.map(|chunk| chunk.part).collect();
        parts.sort_unstable();
        parts.dedup();
        parts
    }

    /// Numbers the chunks in the order of their arrival.
    pub(super) fn arrange(mut self, room: Room) -> Arranged {
        self.marks.sort_by_key(|marks| marks.arrival);
        let mut order: Vec<usize> = (0..self.chunks.len()).collect();
        order.sort_by_key(|index| {
            let chunk = self.chunks.get(*index);
            chunk.map(|chunk| (chunk.arrival, chunk.part, *index))
        });
        // The first number is that of the deletions known before, which arrived before all rows.
        let mut numbers = vec![0_u32; self.chunks.len()];
        for (number, index) in (1..).zip(&order) {
            if let Some(place) = numbers.get_mut(*index) {
                *place = number;
            }
        }
        let mut chunks: Vec<Option<Chunk>> = self.chunks.into_iter().map(Some).collect();
        let in_order = order
            .iter()
            .filter_map(|index| chunks.get_mut(*index).and_then(Option::take));
        let chunks: Vec<Chunk> = in_order.collect();
        let known = ChunkFacts {
            origin: Origin::Held(HeldAs::Current),
            earlier: None,
        };
        let facts = [known]
            .into_iter()
            .chain(chunks.iter().map(|chunk| chunk.facts.clone()));
        Arranged {
            facts: facts.collect(),
            chunks,
            numbers,
            marks: self.marks,
            known: self.known,
            room,
        }
    }
}

/// How much a store held at some time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Level {
    /// Chunks.
    n_chunks: usize,
    /// Blocks of identities.
    n_marks: usize,
    /// Refused rows.
    n_rejects: usize,
    /// Deletions.
    n_deletions: usize,
    /// Records of refused rows.
    presence: (usize, usize),
    /// Accounts.
    books: Books,
}

/// Chunks in the order of arrival, numbered from one; number zero is that of known deletions.
#[derive(Debug)]
pub(super) struct Arranged {
    /// What settling needs of each number.
    pub(super) facts: Vec<ChunkFacts>,
    /// Chunks from number one.
    chunks: Vec<Chunk>,
    /// Numbers of the chunks as they were handed over.
    numbers: Vec<u32>,
    /// Identities by block, in the order of arrival.
    marks: Vec<Marks>,
    /// Deletions known before.
    known: Vec<Deletion>,
    /// Where the rows are.
    room: Room,
}

impl Arranged {
    /// Identities of a bucket, with the numbers of their chunks.
    pub(super) fn bucket(&self, bucket: usize) -> Result<Vec<Mark>, Error> {
        let mut found = Vec::new();
        for (block, marks) in (1_u64..).zip(&self.marks) {
            let end = |bucket: usize| marks.ends.get(bucket).copied().unwrap_or(0);
            let from = bucket.checked_sub(1).map_or(0, end);
            let (from, to) = (from as usize, end(bucket) as usize);
            let renumbered = |mark: Mark| {
                let old = mark.place.chunk() + marks.first_chunk as usize;
                Mark {
                    place: mark
                        .place
                        .in_chunk(self.numbers.get(old).copied().unwrap_or(0)),
                    order: block << 32 | mark.order,
                    ..mark
                }
            };
            match &marks.rows {
                Ok(here) => {
                    let slice = here.get(from..to).unwrap_or_default();
                    found.extend(slice.iter().copied().map(renumbered));
                }
                Err(extent) => {
                    let part = extent.part(from * MARK_BYTES, (to - from) * MARK_BYTES);
                    let bytes = self.room.scratch.read(part);
                    let bytes = bytes.map_err(|source| self.room.spill_error(source))?;
                    found.extend(read_marks(&bytes).map(renumbered));
                }
            }
        }
        found.extend(self.known_in(bucket));
        Ok(found)
    }

    /// Known deletions of a bucket, as rows that arrived before all others.
    fn known_in(&self, bucket: usize) -> impl Iterator<Item = Mark> {
        let numbered = (0..).zip(&self.known);
        let marks = numbered.map(|(row, deletion)| Mark {
            key: deletion.key,
            revision: deletion.revision,
            order: 0,
            place: Place::new(0, row).tombstone(),
            content: 0,
        });
        marks.filter(move |mark| super::block::bucket_of(mark.key) == bucket)
    }

    /// Whether any row has an identity to be settled.
    pub(super) fn has_identities(&self) -> bool {
        !self.marks.is_empty()
    }

    /// Numbers of the chunks of each part, in the order of arrival.
    pub(super) fn by_part(&self) -> BTreeMap<PartNumber, Vec<usize>> {
        let mut parts: BTreeMap<PartNumber, Vec<usize>> = BTreeMap::new();
        for (number, chunk) in (1..).zip(&self.chunks) {
            parts.entry(chunk.part).or_default().push(number);
        }
        parts
    }

    /// Rows of a chunk.
    pub(super) fn n_rows(&self, number: usize) -> usize {
        let chunk = number
            .checked_sub(1)
            .and_then(|index| self.chunks.get(index));
        chunk.map_or(0, |chunk| chunk.n_rows)
    }

    /// The rows of a chunk.
    pub(super) fn rows(&self, number: usize) -> Result<Option<RecordBatch>, Error> {
        let chunk = number
            .checked_sub(1)
            .and_then(|index| self.chunks.get(index));
        chunk.map(|chunk| self.room.rows(&chunk.rows)).transpose()
    }
}

/// Identities as bytes.
fn written(marks: &[Mark]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(marks.len() * MARK_BYTES);
    for mark in marks {
        bytes.extend_from_slice(&mark.key.to_le_bytes());
        bytes.extend_from_slice(&mark.revision.to_le_bytes());
        bytes.extend_from_slice(&mark.order.to_le_bytes());
        bytes.extend_from_slice(&mark.place.number().to_le_bytes());
        bytes.extend_from_slice(&mark.content.to_le_bytes());
    }
    bytes
}

/// Identities from bytes.
fn read_marks(bytes: &[u8]) -> impl Iterator<Item = Mark> {
    let (words, _) = bytes.as_chunks::<8>();
    let word = |row: &[[u8; 8]], place: usize| row.get(place).copied().unwrap_or_default();
    words.chunks_exact(MARK_BYTES / 8).map(move |row| {
        let number = |place| u64::from_le_bytes(word(row, place));
        Mark {
            key: u128::from(number(0)) | u128::from(number(1)) << 64,
            revision: number(2).cast_signed(),
            order: number(3),
            place: Place::from_number(number(4)),
            content: number(5),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_read_as_they_were_written() {
        let mark = Mark {
            key: u128::MAX - 5,
            revision: -3,
            order: 5,
            place: Place::new(7, 9).tombstone(),
            content: 11,
        };
        let bytes = written(&[mark]);
        assert_eq!(bytes.len(), MARK_BYTES);
        let read = read_marks(&bytes).next().unwrap();
        assert_eq!((read.key, read.revision), (mark.key, mark.revision));
        assert_eq!((read.place, read.content), (mark.place, mark.content));
        assert_eq!(read.order, mark.order);
    }
}
