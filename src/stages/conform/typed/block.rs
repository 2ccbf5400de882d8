//! Some thousand rows read together: what a thread hands over at once.
//!
//! The rows of a block go to one chunk per part, in their order. A tombstone takes a row of its
//! chunk too, without values, so that its place says when it arrived.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{Field, Schema, SchemaRef};

use crate::canon::pseudonym::IdBatch;
use crate::stages::conform::corrections::RowPlace;
use crate::stages::conform::formats::{RawRow, Record};

use super::cells::{CellBuilder, Content, Staging};
use super::identity::{ReadRow, Standing};
use super::parts::PartNumber;
use super::plan::{ColumnPlan, Plan};
use super::presence::{Presence, Refused};
use super::settle::{Books, Identity, Mark, Place};
use super::{PageRef, Reject};

/// Buckets that rows are divided into by their keys, to be settled one by one.
pub(super) const N_BUCKETS: usize = 256;

/// Rows a chunk is made for where nothing is known of the part.
const FIRST_ROWS: usize = 256;

/// Text of a chunk that ends its block.
const MOST_TEXT: usize = 256 << 20;

/// Rows that end a block where nothing else does.
pub(super) const MOST_ROWS: u64 = 65_536;

/// A deletion met in a page.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deletion {
    /// Part of the record.
    pub(super) part: PartNumber,
    /// Its key, salted with the part.
    pub(super) key: u128,
    /// Revision of the deletion.
    pub(super) revision: i64,
}

/// Rows of one block and part.
#[derive(Debug)]
pub(super) struct BlockChunk {
    /// The part.
    pub(super) part: PartNumber,
    /// Stored columns, held small.
    pub(super) rows: RecordBatch,
}

/// Identities of the rows of a block, by bucket.
#[derive(Debug, Default)]
pub(super) struct BlockMarks {
    /// Rows; their chunk is its place in the block.
    pub(super) marks: Vec<Mark>,
    /// Where each bucket ends.
    pub(super) ends: Vec<u32>,
}

/// Rows read together.
#[derive(Debug)]
pub(super) struct Block {
    /// Rows by part.
    pub(super) chunks: Vec<BlockChunk>,
    /// Their identities.
    pub(super) marks: BlockMarks,
    /// Refused rows.
    pub(super) rejects: Vec<Reject>,
    /// Deletions among the rows.
    pub(super) deletions: Vec<Deletion>,
    /// Records of its refused rows, in a table of snapshots.
    pub(super) presence: Presence,
    /// Rows read and refused.
    pub(super) books: Books,
}

/// Columns of a chunk being filled.
#[derive(Debug)]
struct OpenChunk {
    /// The part.
    part: PartNumber,
    /// Stored columns.
    columns: Vec<CellBuilder>,
    /// Rows so far.
    n_rows: u32,
}

/// Judges rows and gathers them into a block.
#[derive(Debug)]
pub(super) struct BlockBuilder<'p, 'c> {
    /// The contract.
    plan: &'p Plan<'c>,
    /// Sequence of the page.
    sequence: u64,
    /// Delivery of the page.
    delivery: u32,
    /// Hash of the page.
    page_sha: Arc<str>,
    /// Address of the page.
    page_url: Arc<str>,
    /// Chunks by part, in the order met.
    chunks: Vec<OpenChunk>,
    /// Chunk of the row before.
    last: usize,
    /// Identities in the order of the rows.
    marks: Vec<Mark>,
    /// Whether rows have identities.
    identity: Identity,
    /// Refused rows.
    rejects: Vec<Reject>,
    /// Deletions, by their places among the identities.
    deletions: Vec<usize>,
    /// Records of refused rows.
    presence: Presence,
    /// Accounts.
    books: Books,
}

impl<'p, 'c> BlockBuilder<'p, 'c> {
    /// An empty block of a page.
    pub(super) fn new(plan: &'p Plan<'c>, page: PageRef<'_>, page_sha: &Arc<str>) -> Self {
        Self {
            plan,
            sequence: page.sequence,
            delivery: page.delivery,
            page_sha: Arc::clone(page_sha),
            page_url: page.url.into(),
            chunks: Vec::new(),
            last: 0,
            marks: Vec::new(),
            identity: plan.identity(),
            rejects: Vec::new(),
            deletions: Vec::new(),
            presence: Presence::default(),
            books: Books::default(),
        }
    }

    /// The same block with the room of those before it.
    pub(super) fn in_room_of(mut self, staging: &mut Staging) -> Self {
        self.marks = std::mem::take(&mut staging.marks);
        self.marks.clear();
        let n_columns = self.plan.columns.len();
        staging.ids.resize_with(n_columns, IdBatch::default);
        self
    }

    /// Whether the block should end.
    pub(super) fn is_full(&self) -> bool {
        let is_heavy = |chunk: &OpenChunk| {
            let mut columns = chunk.columns.iter();
            columns.any(|column| column.n_text_bytes() > MOST_TEXT)
        };
        self.books.n_rows >= MOST_ROWS || self.chunks.iter().any(is_heavy)
    }

    /// Counts a row and puts it where it belongs.
    pub(super) fn take(&mut self, raw: &RawRow<'_>, staging: &mut Staging) {
        self.books.n_rows += 1;
        let outcome = match &raw.record {
            Record::Broken(rule) => Err(Refused {
                breach: (self.plan.judge_broken(self.at(raw.place), rule), ""),
                key: None,
            }),
            Record::Fields(values) => self.plan.judge_row(self.at(raw.place), values, staging),
        };
        match outcome {
            Ok(row) => self.hold(row, staging),
            Err(Refused { breach, key }) => {
                let (rule, field) = breach;
                self.books.rejected += 1;
                if self.plan.is_whole() {
                    self.presence.note(self.delivery, key);
                }
                self.rejects.push(Reject {
                    sequence: self.sequence,
                    place: raw.place,
                    page_sha: Arc::clone(&self.page_sha),
                    rule,
                    field: field.to_owned(),
                });
            }
        }
    }

    /// Where a row of the page lies.
    fn at(&self, place: u64) -> RowPlace<'_> {
        RowPlace {
            sha256: &self.page_sha,
            url: &self.page_url,
            place,
        }
    }

    /// Puts a row that met its contract into the columns of its part.
    fn hold(&mut self, row: ReadRow, staging: &Staging) {
        let index = self.chunk_of(row.part, staging);
        let Some(chunk) = self.chunks.get_mut(index) else {
            return;
        };
        let stored = self.plan.stored().zip(&mut chunk.columns);
        for ((place, _), builder) in stored {
            if let Some(cell) = staging.cells.get(place) {
                builder.push(cell, &staging.texts);
            }
        }
        let place = Place::new(u32::try_from(index).unwrap_or(u32::MAX), chunk.n_rows);
        chunk.n_rows += 1;
        if self.identity == Identity::None {
            return;
        }
        self.marks.push(Mark {
            key: row.key,
            revision: row.revision,
            order: self.marks.len() as u64,
            place: match row.standing {
                Standing::Live => place,
                Standing::Tombstone => place.tombstone(),
            },
            content: row.content,
        });
        if row.standing == Standing::Tombstone {
            self.deletions.push(self.marks.len() - 1);
        }
    }

    /// Place of the chunk of a part, opened if it is new.
    fn chunk_of(&mut self, part: PartNumber, staging: &Staging) -> usize {
        let is_last = self.chunks.get(self.last);
        if is_last.is_some_and(|chunk| chunk.part == part) {
            return self.last;
        }
        let known = self.chunks.iter().position(|chunk| chunk.part == part);
        self.last = known.unwrap_or_else(|| {
            let stored = self.plan.stored();
            let usual = staging.usual_rows.get(&part).copied().unwrap_or(FIRST_ROWS);
            let columns = stored.map(|(_, column)| CellBuilder::new(column.spec.kind, usual));
            self.chunks.push(OpenChunk {
                part,
                columns: columns.collect(),
                n_rows: 0,
            });
            self.chunks.len() - 1
        });
        self.last
    }

    /// The block; its room is left for the next one.
    pub(super) fn finish(
        mut self,
        staging: &mut Staging,
    ) -> Result<Block, arrow::error::ArrowError> {
        let made = pseudonyms(self.plan, &mut staging.ids);
        self.complete_marks(&made);
        let deletions = self.deletions.iter().filter_map(|place| {
            let mark = self.marks.get(*place)?;
            let chunk = self.chunks.get(mark.place.chunk())?;
            Some(Deletion {
                part: chunk.part,
                key: mark.key,
                revision: mark.revision,
            })
        });
        let deletions = deletions.collect();
        for chunk in &self.chunks {
            let n_rows = usize::try_from(chunk.n_rows).unwrap_or(FIRST_ROWS);
            // Some more than the last time, so that few blocks outgrow their room.
            staging
                .usual_rows
                .insert(chunk.part, n_rows + n_rows / 16 + 64);
        }
        let mut chunks = Vec::with_capacity(self.chunks.len());
        for chunk in self.chunks {
            let columns = chunk.columns.into_iter().zip(&made);
            let columns = columns.map(|(column, made)| column.finish(made));
            chunks.push(BlockChunk {
                part: chunk.part,
                rows: compact_batch(self.plan, columns.collect::<Result<_, _>>()?)?,
            });
        }
        staging.ids.iter_mut().for_each(IdBatch::clear);
        let marks = match self.identity {
            Identity::Keyed => bucketed(&self.marks),
            Identity::None => BlockMarks::default(),
        };
        staging.marks = self.marks;
        Ok(Block {
            chunks,
            marks,
            rejects: self.rejects,
            deletions,
            presence: self.presence,
            books: self.books,
        })
    }

    /// Adds to the identities what the pseudonyms, made by now, say of them.
    fn complete_marks(&mut self, made: &[&[u128]]) {
        let columns = self.plan.stored().enumerate();
        let ids = columns.filter(|(_, (_, column))| column.is_ids());
        let ids: Vec<(usize, bool)> = ids
            .map(|(ordinal, (place, _))| (ordinal, self.plan.is_whole_key(place)))
            .collect();
        for mark in &mut self.marks {
            let Some(chunk) = self.chunks.get(mark.place.chunk()) else {
                continue;
            };
            let row = mark.place.row() as usize;
            let mut content = Content::resumed(mark.content);
            for (ordinal, is_whole_key) in &ids {
                let made = made.get(*ordinal).copied().unwrap_or_default();
                let column = chunk.columns.get(*ordinal);
                let key = column.and_then(|column| column.key(row, made));
                content.add_key(key);
                let whole = key.filter(|_| *is_whole_key);
                mark.key = whole.map_or(mark.key, |key| self.plan.salted(key, chunk.part));
            }
            mark.content = content.value();
        }
    }
}

/// The pseudonyms made of each stored column; none of one that holds no ids.
fn pseudonyms<'s>(plan: &Plan<'_>, ids: &'s mut [IdBatch]) -> Vec<&'s [u128]> {
    let stored: Vec<(usize, &ColumnPlan<'_>)> = plan.stored().collect();
    let mut ids = ids.iter_mut().enumerate();
    let made = stored.into_iter().map(|(place, column)| {
        let batch = ids.find(|(found, _)| *found == place);
        batch.map_or(&[][..], |(_, batch)| batch.finished(&column.ids))
    });
    made.collect()
}

/// Stored columns of rows as a batch.
pub(super) fn compact_batch(
    plan: &Plan<'_>,
    columns: Vec<ArrayRef>,
) -> Result<RecordBatch, arrow::error::ArrowError> {
    let named = plan.stored().zip(&columns);
    let fields: Vec<Field> = named
        .map(|((_, column), array)| Field::new(column.name, array.data_type().clone(), true))
        .collect();
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    RecordBatch::try_new(schema, columns)
}

/// Bucket of a key.
pub(super) fn bucket_of(key: u128) -> usize {
    usize::try_from(key >> 120).unwrap_or(0)
}

/// Identities in the order of their buckets.
pub(super) fn bucketed(marks: &[Mark]) -> BlockMarks {
    let mut ends = vec![0_u32; N_BUCKETS];
    for mark in marks {
        if let Some(end) = ends.get_mut(bucket_of(mark.key)) {
            *end += 1;
        }
    }
    let mut total = 0;
    for end in &mut ends {
        // From here on each holds where its bucket begins, and is moved on to its end.
        total += std::mem::replace(end, total);
    }
    let Some(any) = marks.first() else {
        return BlockMarks {
            marks: Vec::new(),
            ends,
        };
    };
    let mut sorted = vec![*any; marks.len()];
    for mark in marks {
        let Some(next) = ends.get_mut(bucket_of(mark.key)) else {
            continue;
        };
        let place = usize::try_from(*next).unwrap_or(usize::MAX);
        if let Some(slot) = sorted.get_mut(place) {
            *slot = *mark;
        }
        *next += 1;
    }
    BlockMarks {
        marks: sorted,
        ends,
    }
}
