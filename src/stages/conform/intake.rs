//! Takes pages into what the lake holds of a table, and writes the parts they touch.

use std::collections::BTreeSet;
use std::io::Read;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, Int64Array};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use futures::stream;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;

use super::Error;
use super::coercions;
use super::drift::{self, PageFields};
use super::source_tables::{Job, Reader};
use super::state::TableState;
use super::typed::{
    Absence, BLOCK, Books, Destination, HeldAs, KeyRing, Limits, Moves, PageRef, Reject,
    SCRATCH_FOLDER, Settled, TableIntake, TableRef, Tombstone, Tools, Written,
};
use crate::canon::fingerprint::fingerprint_of;
use crate::canon::page;
use crate::lake::pages::Page;
use crate::lake::scope::Aside;
use crate::lake::{File, Scope, Snapshot, Statistics, Target, WHOLE, WrittenScope, Zone};
use crate::spec::source::{Delivery, TableSpec};

/// Files a part may have before new rows are written together with those of earlier runs.
const MOST_FILES: usize = 16;

/// What the lake holds of a table, if the new pages join it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held<'a>(pub(super) Option<&'a Snapshot>);

/// Pages that were taken in; their rows are written and not visible yet.
#[derive(Debug)]
pub(super) struct Taken {
    /// Columns of the table.
    pub(super) schema: SchemaRef,
    /// What became of the new rows.
    pub(super) books: Books,
    /// Rows of the lake that changed their account.
    pub(super) moves: Moves,
    /// Refused rows.
    pub(super) rejects: Vec<Reject>,
    /// Records that a tombstone among the new rows deletes.
    pub(super) n_deleted: u64,
    /// What the pages told of their fields.
    pub(super) fields: Vec<PageFields>,
    /// Parts that were written, and what stands beside them.
    pub(super) scopes: Vec<WrittenScope>,
    /// Scopes that hold nothing any more.
    pub(super) dropped: Vec<String>,
    /// Parts the table has now.
    pub(super) n_parts: u64,
    /// Pages that were read.
    pub(super) n_pages_read: u64,
    /// Bytes of these pages and of the files that were held.
    pub(super) n_bytes_read: u64,
}

/// What became of an attempt to take pages in.
pub(super) enum Attempted {
    /// Their rows are written.
    Taken(Box<Taken>),
    /// Nothing is written: columns came that are to be kept, so that all is read by this contract.
    Wider(Box<TableSpec>),
}

impl Held<'_> {
    /// Parts of the table.
    fn parts(self) -> Vec<String> {
        let parts = self.0.into_iter().flat_map(Snapshot::scopes);
        parts.map(str::to_owned).collect()
    }

    /// Files of a scope.
    fn files_of(self, scope: &str) -> Vec<File> {
        self.0.map_or_else(Vec::new, |table| table.files_of(scope))
    }
}

/// Reads the new pages of a table, settles them with what is held, and writes the parts touched.
pub(super) async fn take_pages(
    reader: &Reader<'_>,
    job: Job<'_>,
    held: Held<'_>,
    state: &TableState,
) -> Result<Attempted, Error> {
    let intake = TableIntake::new(
        TableRef {
            platform: reader.platform,
            name: job.table,
            spec: job.spec,
        },
        tools(reader),
    );
    let mut taking = Taking {
        reader,
        job,
        held,
        intake: intake.map_err(|source| typed_error(job, source))?,
        fields: Vec::new(),
        n_bytes_read: 0,
    };
    taking.intake.correct_by(job.corrections);
    taking.push_pages().await?;
    let unknown = taking.fields.iter().flat_map(|page| page.unknown.clone());
    let kept = drift::kept(job.declared, job.spec).into_iter();
    let fields = kept.map(|(_, field)| field).chain(unknown);
    let wider = drift::evolved(job.declared, fields);
    if wider.columns.len() > job.spec.columns.len() {
        return Ok(Attempted::Wider(Box::new(wider)));
    }
    let touched = taking.touched();
    let known = taking.hold(&touched).await?;
    let taken = taking.finish(&touched, known, state).await?;
    Ok(Attempted::Taken(Box::new(taken)))
}

/// What an intake works with.
fn tools<'a>(reader: &Reader<'a>) -> Tools<'a> {
    let settings = &reader.cx.commons.settings;
    let here = reader.cx.lake.local_folder();
    Tools {
        comuni: reader.comuni,
        keys: KeyRing {
            key: &reader.cx.key,
            person: reader.cx.persons.current(),
            epoch: settings.secrets.epoch,
        },
        limits: Limits {
            threads: usize::from(settings.intake.threads.max(1)),
            memory: settings.intake.memory_mib.saturating_mul(1 << 20),
            scratch: here.unwrap_or_else(std::env::temp_dir).join(SCRATCH_FOLDER),
            block: BLOCK,
        },
    }
}

/// Does work that takes long, while the runtime's other work goes on on other threads.
pub(super) fn blocking<T>(work: impl FnOnce() -> T) -> T {
    match Handle::current().runtime_flavor() {
        RuntimeFlavor::MultiThread => block_in_place(work),
        _ => work(),
    }
}

/// The error of a table that cannot be built.
fn typed_error(job: Job<'_>, source: super::typed::Error) -> Error {
    Error::Typed {
        table: job.name.to_owned(),
        source: Box::new(source),
    }
}

/// Whether every page is the whole table.
pub(super) fn is_whole(job: Job<'_>) -> bool {
    job.spec.snapshot == Delivery::Whole
}

/// Pages being taken in.
struct Taking<'a> {
    /// Who reads.
    reader: &'a Reader<'a>,
    /// The table and its pages.
    job: Job<'a>,
    /// What the lake holds.
    held: Held<'a>,
    /// Judges and settles the rows.
    intake: TableIntake<'a>,
    /// What the pages told of their fields.
    fields: Vec<PageFields>,
    /// Bytes read so far.
    n_bytes_read: u64,
}

impl Taking<'_> {
    /// Reads the new pages.
    async fn push_pages(&mut self) -> Result<(), Error> {
        let job = self.job;
        let mut coerced = Vec::new();
        for (delivery, (sequence, page)) in (1..).zip(job.new_pages()) {
            let bytes = self.open_page(page).await?;
            let place = PageRef {
                sha256: &page.sha256,
                url: &page.url,
                sequence: sequence as u64,
                delivery: if is_whole(job) { delivery } else { 1 },
            };
            let intake = &mut self.intake;
            let read = blocking(|| intake.push_page(place, bytes));
            let read = read.map_err(|source| Error::Page {
                table: job.name.to_owned(),
                url: page.url.clone(),
                source: Box::new(source),
            })?;
            if self.intake.is_uncertain(place.delivery) {
                let (table, page) = (job.name, &page.url);
                tracing::warn!(
                    table,
                    page,
                    "a refused row does not say which record it is of: no record counts as missing from this delivery"
                );
            }
            self.fields.push(PageFields {
                url: page.url.clone(),
                n_rows: read.n_rows,
                missing: read.missing_fields,
                unknown: read.unknown_fields,
            });
            coerced.push((page.sha256.as_str(), read.coercions));
            self.n_bytes_read += page.n_bytes;
            let n_records = page.n_records.unwrap_or_default();
            self.reader.cx.progress.advance(n_records, page.n_bytes);
        }
        coercions::record(self.reader, job, &coerced).await
    }

    /// Opens a kept page.
    async fn open_page(&self, from: &Page) -> Result<Box<dyn Read + Send>, Error> {
        let lake = &self.reader.cx.lake;
        let kept = lake.page_reader(self.reader.platform, self.job.table, &from.sha256);
        let kept = kept.await?;
        // Opening reads the first bytes.
        let opened = blocking(|| page::open(kept, self.job.spec.format.wrapping()));
        let opened = opened.map_err(|source| Error::Compressed {
            table: self.job.name.to_owned(),
            url: from.url.clone(),
            source: Box::new(source),
        })?;
        if let Some(encoding) = opened.encoding {
            let (table, page) = (self.job.name, &from.url);
            tracing::info!(table, page, encoding, "the encoding was found out");
        }
        Ok(opened.bytes)
    }

    /// Parts that must be settled anew: those of the new rows; of a table whose deliveries are
    /// whole, every part, because a record may be missing from any.
    fn touched(&self) -> BTreeSet<String> {
        let new = self.intake.parts().into_iter();
        if is_whole(self.job) {
            return new.chain(self.held.parts()).collect();
        }
        new.collect()
    }

    /// Whether rows of earlier runs stay in their files, and new ones get files of their own.
    fn appends(&self, part: &str) -> bool {
        self.job.spec.key.is_empty() && self.held.files_of(part).len() < MOST_FILES
    }

    /// Hands what the lake holds of these parts to the intake; answers the tombstones among it.
    async fn hold(&mut self, touched: &BTreeSet<String>) -> Result<Vec<Tombstone>, Error> {
        let mut known = Vec::new();
        for part in touched {
            // History first: of two revisions of the same number the superseded one came earlier.
            self.hold_rows(part, &Aside::History.scope(part), HeldAs::History)
                .await?;
            if !self.appends(part) {
                self.hold_rows(part, part, HeldAs::Current).await?;
            }
            known.extend(self.tombstones(part).await?);
        }
        let job = self.job;
        let taken = self.intake.hold_tombstones(&known);
        taken.map_err(|source| typed_error(job, source))?;
        Ok(known)
    }

    /// Hands the rows of one scope to the intake.
    async fn hold_rows(&mut self, part: &str, scope: &str, as_what: HeldAs) -> Result<(), Error> {
        let job = self.job;
        for file in self.held.files_of(scope) {
            self.n_bytes_read += file.size;
            let intake = &mut self.intake;
            let take = |batch| {
                let taken = intake.hold(part, as_what, &[batch]);
                taken.map_err(|source| typed_error(job, source))
            };
            let lake = &self.reader.cx.lake;
            lake.read_file(Zone::Source, job.name, &file, take).await?;
        }
        Ok(())
    }

    /// Deletions known of a part.
    async fn tombstones(&mut self, part: &str) -> Result<Vec<Tombstone>, Error> {
        let mut known = Vec::new();
        for file in self.held.files_of(&Aside::Tombstones.scope(part)) {
            self.n_bytes_read += file.size;
            let take = |batch: RecordBatch| {
                known.extend(tombstones_in(part, &batch));
                Ok::<_, Error>(())
            };
            let lake = &self.reader.cx.lake;
            lake.read_file(Zone::Source, self.job.name, &file, take)
                .await?;
        }
        Ok(known)
    }

    /// Settles all rows and writes the parts.
    async fn finish(
        self,
        touched: &BTreeSet<String>,
        known: Vec<Tombstone>,
        state: &TableState,
    ) -> Result<Taken, Error> {
        let Self {
            reader, job, held, ..
        } = self;
        let appended: BTreeSet<&String> =
            touched.iter().filter(|part| self.appends(part)).collect();
        let n_new = u32::try_from(job.new_pages().count()).unwrap_or(u32::MAX);
        let absence = if is_whole(job) {
            Absence::Erases { last: n_new }
        } else {
            Absence::SaysNothing
        };
        let intake = self.intake;
        let settled = blocking(|| intake.settle(absence));
        let settled = settled.map_err(|source| typed_error(job, source))?;
        let naming = Naming { job, state };
        let mut written = write(reader, &settled, &naming).await?;
        for scope in &mut written.rows {
            if appended.contains(&scope.scope.name) {
                let mut files = held.files_of(&scope.scope.name);
                files.append(&mut scope.files);
                scope.files = files;
            }
        }
        let mut scopes = written.rows;
        if scopes.is_empty() && held.parts().is_empty() && job.spec.filed_by.is_none() {
            // A table without parts and without rows is one that is there, and empty.
            scopes.push(WrittenScope {
                scope: naming.scope(WHOLE.to_owned()),
                files: Vec::new(),
            });
        }
        scopes.extend(written.history);
        scopes.extend(write_tombstones(reader, &naming, known, &settled.tombstones).await?);
        let parts: BTreeSet<String> = held
            .parts()
            .into_iter()
            .chain(touched.iter().cloned())
            .collect();
        Ok(Taken {
            schema: settled.schema(),
            dropped: emptied(held, touched, &scopes),
            n_deleted: settled.tombstones.len() as u64,
            books: settled.books,
            moves: settled.moves,
            rejects: settled.rejects,
            fields: self.fields,
            scopes,
            n_parts: parts.len() as u64,
            n_pages_read: u64::from(n_new),
            n_bytes_read: self.n_bytes_read,
        })
    }
}

/// Histories of touched parts in which nothing is left.
fn emptied(held: Held<'_>, touched: &BTreeSet<String>, written: &[WrittenScope]) -> Vec<String> {
    let is_written = |name: &String| written.iter().any(|written| written.scope.name == *name);
    let histories = touched.iter().map(|part| Aside::History.scope(part));
    histories
        .filter(|name| !held.files_of(name).is_empty() && !is_written(name))
        .collect()
}

/// Names and fingerprints of what is written of a table.
struct Naming<'a> {
    /// The table and its pages.
    job: Job<'a>,
    /// What the table will stand for.
    state: &'a TableState,
}

impl Naming<'_> {
    /// A scope, made from these pages and the parts before them.
    fn scope(&self, name: String) -> Scope {
        let n_known = self.job.n_known.to_string();
        let TableState {
            contract, pages, ..
        } = self.state;
        let fingerprint = fingerprint_of([contract, pages, &n_known, &name]);
        Scope { name, fingerprint }
    }
}

/// Writes the parts of a settled table and its history beside them.
async fn write(
    reader: &Reader<'_>,
    settled: &Settled<'_>,
    naming: &Naming<'_>,
) -> Result<Written, Error> {
    let scope = |part: &str, rows: HeldAs| {
        naming.scope(match rows {
            HeldAs::Current => part.to_owned(),
            HeldAs::History => Aside::History.scope(part),
        })
    };
    let into = Destination {
        zone: Zone::Source,
        table: naming.job.name,
        history: naming.job.name,
        scope: &scope,
    };
    let written = settled.write(&reader.cx.lake, &into).await;
    written.map_err(|source| typed_error(naming.job, source))
}

/// Columns of the deletions of a part.
fn tombstone_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("_key", DataType::Binary, true),
        Field::new("_deletion", DataType::Int64, true),
    ]))
}

/// Deletions in a batch.
fn tombstones_in(part: &str, batch: &RecordBatch) -> Vec<Tombstone> {
    let (Some(keys), Some(revisions)) = (
        batch
            .column_by_name("_key")
            .and_then(|keys| keys.as_binary_opt::<i32>()),
        batch
            .column_by_name("_deletion")
            .and_then(|revisions| revisions.as_primitive_opt::<Int64Type>()),
    ) else {
        return Vec::new();
    };
    let rows = (0..batch.num_rows()).filter(|row| keys.is_valid(*row));
    rows.filter_map(|row| {
        Some(Tombstone {
            part: part.to_owned(),
            key: keys.value(row).try_into().ok()?,
            revision: revisions.value(row),
        })
    })
    .collect()
}

/// Writes the deletions of every part that new ones came for, together with the earlier ones.
async fn write_tombstones(
    reader: &Reader<'_>,
    naming: &Naming<'_>,
    known: Vec<Tombstone>,
    new: &[Tombstone],
) -> Result<Vec<WrittenScope>, Error> {
    let parts: BTreeSet<&String> = new.iter().map(|tombstone| &tombstone.part).collect();
    let mut all = known;
    all.extend_from_slice(new);
    all.sort_unstable();
    all.dedup_by(|next, first| next.key == first.key && next.part == first.part);
    let mut scopes = Vec::new();
    for part in parts {
        let of_part: Vec<&Tombstone> = all.iter().filter(|one| one.part == *part).collect();
        let keys: BinaryArray = of_part.iter().map(|one| Some(&one.key)).collect();
        let revisions: Int64Array = of_part.iter().map(|one| Some(one.revision)).collect();
        let columns: Vec<ArrayRef> = vec![Arc::new(keys), Arc::new(revisions)];
        let batch = RecordBatch::try_new(tombstone_schema(), columns).map_err(Error::Books)?;
        let target = Target {
            zone: Zone::Source,
            table: naming.job.name,
            schema: tombstone_schema(),
            statistics: &Statistics::default(),
        };
        let scope = naming.scope(Aside::Tombstones.scope(part));
        let rows = stream::iter([Ok::<_, Error>(batch)]);
        scopes.push(reader.cx.lake.write_scope(&target, scope, rows).await?);
    }
    Ok(scopes)
}

impl Taken {
    /// Nothing was read of a table that stands for all its pages.
    pub(super) fn nothing(table: Option<&Snapshot>) -> Self {
        Self {
            schema: Arc::new(Schema::empty()),
            books: Books::default(),
            moves: Moves::default(),
            rejects: Vec::new(),
            n_deleted: 0,
            fields: Vec::new(),
            scopes: Vec::new(),
            dropped: Vec::new(),
            n_parts: table.map_or(0, |table| table.scopes().len() as u64),
            n_pages_read: 0,
            n_bytes_read: 0,
        }
    }
}
