//! Writing the scopes of a table on several threads: the same bytes as on one.
//!
//! ```text
//! scope 2024 ┬ group 0 ─ thread 1 ─┐
//!            ├ group 1 ─ thread 2 ─┼→ appended in the order of the groups → one file
//!            └ group 2 ─ thread 1 ─┘
//! ```
//!
//! A group becomes a row group of its file. Threads take groups in their order and encode them in
//! memory; whoever completes the next one in line appends it to the file. In a local lake the file
//! takes its name when it is complete; for any other store it is made in a scratch folder and then
//! sent.

use std::collections::BTreeMap;
use std::fs::{self, File as LocalFile};
use std::io::{self, BufWriter as LocalWriter};
use std::path::{Path as LocalPath, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::RecordBatch;
use object_store::buffered::BufWriter;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowRowGroupWriterFactory, ArrowWriterOptions, compute_leaves,
};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;

use super::table::File;
use super::write::{ROWS_PER_FILE, Scope, Target, WrittenScope};
use super::{Error, Lake};

/// Groups of rows of a scope that are encoded side by side.
#[derive(Debug, Clone)]
pub(crate) struct Groups {
    /// The scope.
    pub(crate) scope: Scope,
    /// Rows of each group, in their order.
    pub(crate) n_rows: Vec<usize>,
}

/// What writing side by side may use.
#[derive(Debug, Clone)]
pub(crate) struct Writing {
    /// Threads.
    pub(crate) threads: usize,
    /// Folder for files on their way to a store that is not local.
    pub(crate) scratch: PathBuf,
}

/// Gives the batches of a group of a scope, both by number; codes may be dictionaries of texts.
pub(crate) type Reading<'r, E> = dyn Fn(usize, usize) -> Result<Vec<RecordBatch>, E> + Sync + 'r;

/// A file to be made.
#[derive(Debug)]
struct Plan {
    /// Scope, by number.
    scope: usize,
    /// First of its groups.
    first_group: usize,
    /// Number of its groups.
    n_groups: usize,
    /// Rows.
    n_rows: usize,
    /// Path below the table's folder.
    relative: String,
    /// Where it is made.
    path: PathBuf,
}

impl Lake {
    /// Writes scopes on several threads; the calling thread waits for them.
    ///
    /// # Errors
    /// What `rows` gives, or the lake's own when a file cannot be written or sent.
    pub(crate) async fn write_groups<E: From<Error> + Send>(
        &self,
        target: &Target<'_>,
        scopes: Vec<Groups>,
        writing: &Writing,
        rows: &Reading<'_, E>,
    ) -> Result<Vec<WrittenScope>, E> {
        let table = format!("{}.{}", target.zone.name(), target.table);
        let below = format!("{}/{}", target.zone.name(), target.table);
        let local = self.local_folder().map(|folder| folder.join(&below));
        let folder = local
            .clone()
            .unwrap_or_else(|| writing.scratch.join(&table));
        let plans = plans(&folder, &scopes);
        let encoder = Encoder {
            table: &table,
            schema: &target.schema,
            plans: &plans,
            rows,
        };
        encoder.run(writing.threads)?;
        let mut written: Vec<WrittenScope> = scopes
            .into_iter()
            .map(|groups| WrittenScope {
                scope: groups.scope,
                files: Vec::new(),
            })
            .collect();
        for plan in &plans {
            let size =
                fs::metadata(&plan.path).map_err(|source| local_error(&plan.path, source))?;
            if local.is_none() {
                self.send(&plan.path, &format!("{below}/{}", plan.relative))
                    .await?;
            }
            if let Some(scope) = written.get_mut(plan.scope) {
                scope.files.push(File {
                    path: plan.relative.clone(),
                    size: size.len(),
                    n_rows: plan.n_rows as u64,
                });
            }
        }
        Ok(written)
    }

    /// Folder of a local lake.
    pub(crate) fn local_folder(&self) -> Option<PathBuf> {
        let is_local = self.root().scheme() == "file";
        is_local.then(|| self.root().to_file_path().ok()).flatten()
    }

    /// Sends a local file to the store and removes it.
    async fn send(&self, from: &LocalPath, to: &str) -> Result<(), Error> {
        let location = self.path(to);
        let mut file = tokio::fs::File::open(from)
            .await
            .map_err(|source| local_error(from, source))?;
        let mut writer = BufWriter::new(self.store(), location);
        tokio::io::copy(&mut file, &mut writer)
            .await
            .map_err(|source| local_error(from, source))?;
        tokio::io::AsyncWriteExt::shutdown(&mut writer)
            .await
            .map_err(|source| local_error(from, source))?;
        fs::remove_file(from).map_err(|source| local_error(from, source))
    }
}

/// Files that the groups of all scopes make.
fn plans(folder: &LocalPath, scopes: &[Groups]) -> Vec<Plan> {
    let mut plans: Vec<Plan> = Vec::new();
    for (number, groups) in scopes.iter().enumerate() {
        let mut index = 0;
        let mut open: Option<Plan> = None;
        for (group, n_rows) in groups.n_rows.iter().enumerate() {
            let mut plan = open.take().unwrap_or_else(|| {
                let relative = groups.scope.file(index);
                index += 1;
                Plan {
                    scope: number,
                    first_group: group,
                    n_groups: 0,
                    n_rows: 0,
                    path: folder.join(&relative),
                    relative,
                }
            });
            plan.n_groups += 1;
            plan.n_rows += n_rows;
            if plan.n_rows >= ROWS_PER_FILE {
                plans.push(plan);
            } else {
                open = Some(plan);
            }
        }
        plans.extend(open);
    }
    plans
}

/// The error of a local file.
fn local_error(path: &LocalPath, source: io::Error) -> Error {
    Error::File {
        act: "write",
        path: path.display().to_string(),
        source,
    }
}

/// Encodes groups and appends them to their files.
struct Encoder<'e, E> {
    /// Table, for messages.
    table: &'e str,
    /// Columns of the table.
    schema: &'e SchemaRef,
    /// Files to be made.
    plans: &'e [Plan],
    /// Gives the rows.
    rows: &'e Reading<'e, E>,
}

/// A file while its groups come in.
struct OpenFile {
    /// The writer, until the file is complete.
    writer: SerializedFileWriter<LocalWriter<LocalFile>>,
    /// Makes the encoders of a group.
    factory: Arc<ArrowRowGroupWriterFactory>,
    /// Where it is written.
    unfinished: PathBuf,
    /// The next group in line.
    next: usize,
    /// Groups that are ahead of their turn.
    waiting: BTreeMap<usize, Vec<ArrowColumnChunk>>,
}

/// Files that are being made, by number; `None` once complete.
type OpenFiles = Vec<Mutex<Option<OpenFile>>>;

impl<E: From<Error> + Send> Encoder<'_, E> {
    /// Encodes everything.
    fn run(&self, n_threads: usize) -> Result<(), E> {
        let groups = self.plans.iter().enumerate();
        let groups = groups.flat_map(|(file, plan)| (0..plan.n_groups).map(move |at| (file, at)));
        let groups: Vec<(usize, usize)> = groups.collect();
        let files: OpenFiles = self.plans.iter().map(|_| Mutex::new(None)).collect();
        let next = AtomicUsize::new(0);
        let work = || -> Result<(), E> {
            while let Some((file, group)) = groups.get(next.fetch_add(1, Ordering::Relaxed)) {
                self.write_group(&files, *file, *group)?;
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..n_threads).map(|_| scope.spawn(work)).collect();
            let mut outcome = work();
            for other in others {
                match other.join() {
                    Ok(found) => outcome = outcome.and(found),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            outcome
        })
    }

    /// Encodes one group and appends whatever is next in line of its file.
    fn write_group(&self, files: &OpenFiles, number: usize, group: usize) -> Result<(), E> {
        let (Some(plan), Some(file)) = (self.plans.get(number), files.get(number)) else {
            return Ok(());
        };
        let batches = (self.rows)(plan.scope, plan.first_group + group)?;
        let factory = {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(open) = file.as_ref() {
                Arc::clone(&open.factory)
            } else {
                let open = self.open(plan)?;
                Arc::clone(&file.insert(open).factory)
            }
        };
        let encoded = self.encode(&factory, group, &batches)?;
        drop(batches);
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = file.as_mut() {
            open.waiting.insert(group, encoded);
            open.append().map_err(|source| self.parquet_error(source))?;
            if open.next == plan.n_groups
                && let Some(open) = file.take()
            {
                self.close(open, plan)?;
            }
        }
        Ok(())
    }

    /// Starts a file.
    fn open(&self, plan: &Plan) -> Result<OpenFile, Error> {
        let unfinished = unfinished(&plan.path);
        if let Some(folder) = plan.path.parent() {
            fs::create_dir_all(folder).map_err(|source| local_error(folder, source))?;
        }
        let file =
            LocalFile::create(&unfinished).map_err(|source| local_error(&unfinished, source))?;
        let options = ArrowWriterOptions::new().with_properties(properties(self.schema));
        let writer = ArrowWriter::try_new_with_options(
            LocalWriter::with_capacity(1 << 20, file),
            Arc::clone(self.schema),
            options,
        );
        let (writer, factory) = writer
            .and_then(ArrowWriter::into_serialized_writer)
            .map_err(|source| self.parquet_error(source))?;
        Ok(OpenFile {
            writer,
            factory: Arc::new(factory),
            unfinished,
            next: 0,
            waiting: BTreeMap::new(),
        })
    }

    /// Encodes the batches of a group, column by column.
    fn encode(
        &self,
        factory: &ArrowRowGroupWriterFactory,
        group: usize,
        batches: &[RecordBatch],
    ) -> Result<Vec<ArrowColumnChunk>, Error> {
        let failed = |source| self.parquet_error(source);
        let writers = factory.create_column_writers(group).map_err(failed)?;
        let mut chunks = Vec::with_capacity(writers.len());
        let columns = self.schema.fields().iter().zip(writers).enumerate();
        for (place, (field, mut writer)) in columns {
            for batch in batches {
                let leaves = compute_leaves(field, batch.column(place)).map_err(failed)?;
                let mut written = leaves.iter().map(|leaf| writer.write(leaf));
                written.try_for_each(|leaf| leaf).map_err(failed)?;
            }
            chunks.push(writer.close().map_err(failed)?);
        }
        Ok(chunks)
    }

    /// Completes a file and gives it its name.
    fn close(&self, open: OpenFile, plan: &Plan) -> Result<(), Error> {
        let mut file = open
            .writer
            .into_inner()
            .map_err(|source| self.parquet_error(source))?;
        io::Write::flush(&mut file).map_err(|source| local_error(&open.unfinished, source))?;
        drop(file);
        fs::rename(&open.unfinished, &plan.path).map_err(|source| local_error(&plan.path, source))
    }

    /// The error of the encoder.
    fn parquet_error(&self, source: ParquetError) -> Error {
        Error::Parquet {
            table: self.table.to_owned(),
            source,
        }
    }
}

impl OpenFile {
    /// Appends the groups that are next in line.
    fn append(&mut self) -> Result<(), ParquetError> {
        while let Some(chunks) = self.waiting.remove(&self.next) {
            let mut group = self.writer.next_row_group()?;
            for chunk in chunks {
                chunk.append_to_row_group(&mut group)?;
            }
            group.close()?;
            self.next += 1;
        }
        Ok(())
    }
}

/// Name of a file that is not complete: one that stores leave out of their listings.
fn unfinished(path: &LocalPath) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("#1");
    PathBuf::from(name)
}

/// Settings of the writer, chosen by measurement (docs/performance.md): keys are random, so they
/// are neither packed nor put into a dictionary; numbers are packed by their differences; texts
/// have a dictionary; no statistics.
fn properties(schema: &SchemaRef) -> WriterProperties {
    let level = ZstdLevel::try_new(1).unwrap_or_default();
    let mut builder = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_compression(Compression::ZSTD(level))
        .set_created_by("antenne".to_owned())
        .set_max_row_group_row_count(None)
        .set_statistics_enabled(EnabledStatistics::None);
    for field in schema.fields() {
        let column = ColumnPath::from(field.name().as_str());
        builder = match field.data_type() {
            DataType::Binary => builder
                .set_column_dictionary_enabled(column.clone(), false)
                .set_column_encoding(column.clone(), Encoding::DELTA_LENGTH_BYTE_ARRAY)
                .set_column_compression(column, Compression::UNCOMPRESSED),
            DataType::Utf8 | DataType::Boolean => builder,
            _ => builder.set_column_dictionary_enabled(column, false),
        };
    }
    builder.build()
}
