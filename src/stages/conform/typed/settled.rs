//! A table whose rows are settled: its books, and its rows on the way to the lake.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, UInt32Array};
use arrow::compute::{filter_record_batch, take_record_batch};
use arrow::datatypes::SchemaRef;

use crate::lake::{Groups, Lake, Scope, Statistics, Target, WrittenScope, Zone};

use super::block::N_BUCKETS;
use super::held::{Texts, lake_columns, lake_schema};
use super::parts::{PartNumber, name_of};
use super::plan::Plan;
use super::presence::Presence;
use super::settle::{Absence, Books, HeldAs, Moves, Place, Settling, Verdict};
use super::store::Arranged;
use super::{Error, Limits, Reject, Tombstone};

/// Rows of a group that is encoded at once.
const ROWS_PER_GROUP: usize = 131_072;

/// What is known of the rows of one chunk.
#[derive(Debug, Default)]
struct Verdicts {
    /// Rows that are not in the table.
    lost: Vec<u32>,
    /// Earlier revisions and how many were before each.
    superseded: Vec<(u32, i64)>,
    /// Rows of the table with revisions before them.
    accepted: Vec<(u32, i64)>,
}

/// Where the rows of a settled table go.
pub(crate) struct Destination<'d> {
    /// Zone of the tables.
    pub(crate) zone: Zone,
    /// Name of the table.
    pub(crate) table: &'d str,
    /// Name of the table of earlier revisions.
    pub(crate) history: &'d str,
    /// Scope of a part, for rows of the table or of the history.
    pub(crate) scope: &'d (dyn Fn(&str, HeldAs) -> Scope + Sync),
}

/// Scopes that were written and are not committed yet.
#[derive(Debug)]
pub(crate) struct Written {
    /// Rows of the table: one scope per part, without files if the part is empty now.
    pub(crate) rows: Vec<WrittenScope>,
    /// Earlier revisions: one scope per part.
    pub(crate) history: Vec<WrittenScope>,
}

/// A settled table.
#[derive(Debug)]
pub(crate) struct Settled<'c> {
    /// What became of every row read: each is in exactly one account.
    pub(crate) books: Books,
    /// Rows of the lake that changed their account.
    pub(crate) moves: Moves,
    /// Refused rows in the order of the pages.
    pub(crate) rejects: Vec<Reject>,
    /// Deletions met, each record once.
    pub(crate) tombstones: Vec<Tombstone>,
    /// The contract.
    plan: Plan<'c>,
    /// The rows.
    rows: Arranged,
    /// What is known of them, by number of the chunk.
    verdicts: Vec<Verdicts>,
    /// Threads and memory.
    limits: Limits,
}

/// What of a settled table was decided, before its rows are known by chunk.
#[derive(Debug)]
pub(super) struct Decided {
    /// Accounts so far.
    pub(super) books: Books,
    /// Refused rows.
    pub(super) rejects: Vec<Reject>,
    /// Deletions.
    pub(super) tombstones: Vec<Tombstone>,
    /// Records of refused rows.
    pub(super) presence: Presence,
}

/// Settles everything that was read.
pub(super) fn settle_all(
    plan: Plan<'_>,
    rows: Arranged,
    decided: Decided,
    (absence, limits): (Absence, Limits),
) -> Result<Settled<'_>, Error> {
    let mut settled = Settled {
        books: decided.books,
        moves: Moves::default(),
        rejects: decided.rejects,
        tombstones: decided.tombstones,
        verdicts: rows.facts.iter().map(|_| Verdicts::default()).collect(),
        plan,
        rows,
        limits,
    };
    if settled.rows.has_identities() {
        settled.settle_buckets(absence, &decided.presence)?;
    } else {
        settled.books.accepted = settled.books.n_rows - settled.books.rejected;
    }
    for verdicts in &mut settled.verdicts {
        verdicts.lost.sort_unstable();
        verdicts.superseded.sort_unstable();
        verdicts.accepted.sort_unstable();
    }
    Ok(settled)
}

impl Settled<'_> {
    /// Settles bucket by bucket, several at a time.
    fn settle_buckets(&mut self, absence: Absence, presence: &Presence) -> Result<(), Error> {
        let next = AtomicUsize::new(0);
        let (rows, limits) = (&self.rows, &self.limits);
        let verdicts = Mutex::new(std::mem::take(&mut self.verdicts));
        let totals = Mutex::new((self.books, self.moves));
        let work = || -> Result<(), Error> {
            let taken = || Some(next.fetch_add(1, Ordering::Relaxed));
            let buckets = std::iter::from_fn(taken);
            for bucket in buckets.take_while(|bucket| *bucket < N_BUCKETS) {
                let marks = rows.bucket(bucket)?;
                let mut settling = Settling::new(&rows.facts, (absence, presence));
                settling.settle(&marks);
                let mut verdicts = verdicts.lock().unwrap_or_else(PoisonError::into_inner);
                note(&mut verdicts, &settling.verdicts);
                let mut totals = totals.lock().unwrap_or_else(PoisonError::into_inner);
                totals.0.add(&settling.books);
                totals.1.add(&settling.moves);
            }
            Ok(())
        };
        super::threads::side_by_side(limits.threads, work)?;
        self.verdicts = verdicts
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        (self.books, self.moves) = totals.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(())
    }

    /// Columns of the table and of its history.
    pub(crate) fn schema(&self) -> SchemaRef {
        lake_schema(&self.plan)
    }

    /// Writes every part that was read or held, and the history of those that have one.
    ///
    /// The threads of the intake encode and write; the calling thread waits for them, so a caller
    /// on an asynchronous runtime gives up one of its threads for as long.
    pub(crate) async fn write(
        &self,
        lake: &Lake,
        into: &Destination<'_>,
    ) -> Result<Written, Error> {
        let rows = self.write_as(lake, into, HeldAs::Current).await?;
        let mut history = self.write_as(lake, into, HeldAs::History).await?;
        history.retain(|scope| !scope.files.is_empty());
        Ok(Written { rows, history })
    }

    /// Writes the rows of the table, or those of its history.
    async fn write_as(
        &self,
        lake: &Lake,
        into: &Destination<'_>,
        rows: HeldAs,
    ) -> Result<Vec<WrittenScope>, Error> {
        let texts = Texts::new(&self.plan);
        let groups = self.groups(rows);
        let target = Target {
            zone: into.zone,
            table: match rows {
                HeldAs::Current => into.table,
                HeldAs::History => into.history,
            },
            schema: self.schema(),
            statistics: &Statistics::default(),
        };
        let scopes = groups.iter().map(|(part, groups)| Groups {
            scope: (into.scope)(&name_of(self.plan.filing, *part), rows),
            n_rows: groups.iter().map(|group| group.n_rows).collect(),
        });
        let lists: Vec<&Vec<Group>> = groups.values().collect();
        let read = |scope: usize, group: usize| {
            let group = lists.get(scope).and_then(|groups| groups.get(group));
            let numbers = group.map_or(&[][..], |group| &group.chunks);
            let batches = numbers
                .iter()
                .map(|number| self.batch(*number, rows, &texts));
            batches.collect::<Result<Vec<_>, Error>>()
        };
        lake.write_groups(&target, scopes.collect(), &self.limits.as_writing(), &read)
            .await
    }

    /// Chunks that are encoded together, by part.
    fn groups(&self, rows: HeldAs) -> BTreeMap<PartNumber, Vec<Group>> {
        let by_part = self.rows.by_part().into_iter();
        by_part
            .map(|(part, numbers)| (part, self.groups_of(&numbers, rows)))
            .collect()
    }

    /// Chunks of one part that are encoded together.
    fn groups_of(&self, numbers: &[usize], rows: HeldAs) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        for number in numbers {
            let n_rows = self.n_rows_of(*number, rows);
            if n_rows == 0 {
                continue;
            }
            match groups.last_mut() {
                Some(group) if group.n_rows + n_rows <= ROWS_PER_GROUP => {
                    group.n_rows += n_rows;
                    group.chunks.push(*number);
                }
                _ => groups.push(Group {
                    chunks: vec![*number],
                    n_rows,
                }),
            }
        }
        groups
    }

    /// Rows of a chunk that are in the table, or in its history.
    fn n_rows_of(&self, number: usize, rows: HeldAs) -> usize {
        let verdicts = self.verdicts.get(number);
        match rows {
            HeldAs::History => verdicts.map_or(0, |verdicts| verdicts.superseded.len()),
            HeldAs::Current => {
                let out = verdicts.map_or(0, |found| found.lost.len() + found.superseded.len());
                self.rows.n_rows(number).saturating_sub(out)
            }
        }
    }

    /// The rows of a chunk that are in the table, or in its history, as the lake holds them.
    fn batch(&self, number: usize, of: HeldAs, texts: &Texts) -> Result<RecordBatch, Error> {
        let failed = |source| Error::Assemble {
            table: self.plan.table.name.to_owned(),
            source,
        };
        let none = Verdicts::default();
        let verdicts = self.verdicts.get(number).unwrap_or(&none);
        let Some(rows) = self.rows.rows(number)? else {
            return Ok(RecordBatch::new_empty(self.schema()));
        };
        let (rows, revisions) = match of {
            HeldAs::Current => current(&rows, verdicts),
            HeldAs::History => history(&rows, verdicts),
        }
        .map_err(failed)?;
        let mut columns = lake_columns(&self.plan, texts, &rows).map_err(failed)?;
        columns.push(Arc::new(revisions) as ArrayRef);
        let fields = self.schema();
        let fields = fields.fields().iter().zip(&columns).map(|(field, column)| {
            field
                .as_ref()
                .clone()
                .with_data_type(column.data_type().clone())
        });
        let schema = Arc::new(arrow::datatypes::Schema::new(fields.collect::<Vec<_>>()));
        RecordBatch::try_new(schema, columns).map_err(failed)
    }

    /// The rows of a part in plain types, for tests.
    #[cfg(test)]
    pub(crate) fn rows_of(&self, part: &str, of: HeldAs) -> RecordBatch {
        let texts = Texts::new(&self.plan);
        let number = super::parts::number_of(self.plan.filing, part).unwrap();
        let numbers = self.rows.by_part().remove(&number).unwrap_or_default();
        let plain = |number: usize| {
            let batch = self.batch(number, of, &texts).unwrap();
            crate::lake::plain::plain_batch(&batch, &self.schema()).unwrap()
        };
        let batches: Vec<RecordBatch> = numbers.into_iter().map(plain).collect();
        arrow::compute::concat_batches(&self.schema(), &batches).unwrap()
    }
}

/// Chunks that are encoded together.
#[derive(Debug)]
struct Group {
    /// Their numbers.
    chunks: Vec<usize>,
    /// Their rows.
    n_rows: usize,
}

/// Notes what is known of single rows with their chunks.
fn note(chunks: &mut [Verdicts], verdicts: &[(Place, Verdict)]) {
    for (place, verdict) in verdicts {
        let Some(chunk) = chunks.get_mut(place.chunk()) else {
            continue;
        };
        match verdict {
            Verdict::Lost => chunk.lost.push(place.row()),
            Verdict::Superseded(n_earlier) => chunk.superseded.push((place.row(), *n_earlier)),
            Verdict::Accepted(n_earlier) => chunk.accepted.push((place.row(), *n_earlier)),
        }
    }
}

/// Rows of a chunk that are in the table, and how many revisions came before each.
fn current(
    rows: &RecordBatch,
    verdicts: &Verdicts,
) -> Result<(RecordBatch, Int64Array), arrow::error::ArrowError> {
    let mut revisions = vec![0_i64; rows.num_rows()];
    for (row, n_earlier) in &verdicts.accepted {
        if let Some(revision) = revisions.get_mut(*row as usize) {
            *revision = *n_earlier;
        }
    }
    if verdicts.lost.is_empty() && verdicts.superseded.is_empty() {
        return Ok((rows.clone(), revisions.into()));
    }
    let mut stays = vec![true; rows.num_rows()];
    let superseded = verdicts.superseded.iter().map(|(row, _)| row);
    for row in verdicts.lost.iter().chain(superseded) {
        if let Some(stays) = stays.get_mut(*row as usize) {
            *stays = false;
        }
    }
    let revisions = revisions.iter().zip(&stays);
    let revisions = revisions.filter_map(|(revision, stays)| stays.then_some(*revision));
    let revisions: Int64Array = revisions.collect();
    Ok((
        filter_record_batch(rows, &BooleanArray::from(stays))?,
        revisions,
    ))
}

/// Rows of a chunk that are earlier revisions, and how many came before each.
fn history(
    rows: &RecordBatch,
    verdicts: &Verdicts,
) -> Result<(RecordBatch, Int64Array), arrow::error::ArrowError> {
    let places = verdicts.superseded.iter().map(|(row, _)| *row);
    let places: UInt32Array = places.collect::<Vec<_>>().into();
    let revisions = verdicts.superseded.iter().map(|(_, n_earlier)| *n_earlier);
    let revisions: Int64Array = revisions.collect::<Vec<_>>().into();
    Ok((take_record_batch(rows, &places)?, revisions))
}
