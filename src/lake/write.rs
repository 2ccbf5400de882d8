//! Writing the rows of a scope as Parquet files that no reader sees yet.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::RecordBatch;
use futures::{Stream, StreamExt};
use object_store::buffered::BufWriter;
use object_store::path::Path;
use parquet::arrow::AsyncArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::schema::types::ColumnPath;

use super::table::File;
use super::{Error, Lake, Zone};

/// Rows of a file before the next one begins.
pub(super) const ROWS_PER_FILE: usize = 4_000_000;

/// Columns whose least and greatest values may be written beside the data.
///
/// Everything else is left out, so that an erased value cannot survive in statistics.
#[derive(Debug, Clone, Default)]
pub(crate) struct Statistics(pub(crate) BTreeSet<String>);

/// A part of a table that is replaced as a whole.
#[derive(Debug, Clone)]
pub(crate) struct Scope {
    /// Name, the first segment of its files' paths.
    pub(crate) name: String,
    /// Hash of all its rows were made from.
    pub(crate) fingerprint: String,
}

impl Scope {
    /// Path of one of its files below the table's folder.
    pub(super) fn file(&self, index: usize) -> String {
        let short = self.fingerprint.get(..24).unwrap_or(&self.fingerprint);
        format!("{}/{short}-{index:05}.parquet", self.name)
    }
}

/// A written scope, not yet committed.
#[derive(Debug, Clone)]
pub(crate) struct WrittenScope {
    /// The scope.
    pub(crate) scope: Scope,
    /// Its files.
    pub(crate) files: Vec<File>,
}

impl WrittenScope {
    /// Rows of all its files.
    pub(crate) fn n_rows(&self) -> u64 {
        self.files.iter().map(|file| file.n_rows).sum()
    }

    /// Bytes of all its files.
    pub(crate) fn n_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }
}

/// Where and how rows are written.
#[derive(Debug)]
pub(crate) struct Target<'a> {
    /// Zone of the table.
    pub(crate) zone: Zone,
    /// Name of the table.
    pub(crate) table: &'a str,
    /// Columns of the table.
    pub(crate) schema: SchemaRef,
    /// Columns with statistics.
    pub(crate) statistics: &'a Statistics,
}

impl Lake {
    /// Writes the rows of a scope; they become visible with the next commit that names them.
    ///
    /// # Errors
    /// [`Error::Parquet`] when a batch does not fit the schema or the store refuses.
    pub(crate) async fn write_scope<S, E>(
        &self,
        target: &Target<'_>,
        scope: Scope,
        rows: S,
    ) -> Result<WrittenScope, E>
    where
        S: Stream<Item = Result<RecordBatch, E>> + Send,
        E: From<Error>,
    {
        let mut rows = std::pin::pin!(rows);
        let mut files = Vec::new();
        let mut open: Option<OpenFile> = None;
        while let Some(batch) = rows.next().await {
            let batch = batch?;
            if batch.num_rows() == 0 {
                continue;
            }
            let mut file = match open.take() {
                Some(file) => file,
                None => self.open_file(target, &scope, files.len())?,
            };
            file.push(&batch).await?;
            if file.n_rows >= ROWS_PER_FILE {
                files.push(file.close().await?);
            } else {
                open = Some(file);
            }
        }
        if let Some(file) = open {
            files.push(file.close().await?);
        }
        Ok(WrittenScope { scope, files })
    }

    /// Starts the next file of a scope.
    fn open_file(
        &self,
        target: &Target<'_>,
        scope: &Scope,
        index: usize,
    ) -> Result<OpenFile, Error> {
        let relative = scope.file(index);
        let location = self.path(&format!(
            "{}/{}/{relative}",
            target.zone.name(),
            target.table
        ));
        let table = format!("{}.{}", target.zone.name(), target.table);
        let writer = BufWriter::new(self.store(), location.clone());
        let properties = properties(&target.schema, target.statistics);
        let writer =
            AsyncArrowWriter::try_new(writer, Arc::clone(&target.schema), Some(properties))
                .map_err(|source| Error::Parquet {
                    table: table.clone(),
                    source,
                })?;
        Ok(OpenFile {
            table,
            relative,
            location,
            lake: self.clone(),
            writer,
            n_rows: 0,
        })
    }
}

/// A file being written.
struct OpenFile {
    /// Table, for messages.
    table: String,
    /// Path below the table's folder.
    relative: String,
    /// Path in the store.
    location: Path,
    /// The lake, to ask for the size at the end.
    lake: Lake,
    /// Encoder.
    writer: AsyncArrowWriter<BufWriter>,
    /// Rows so far.
    n_rows: usize,
}

impl OpenFile {
    /// Adds rows.
    async fn push(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        self.n_rows += batch.num_rows();
        self.writer
            .write(batch)
            .await
            .map_err(|source| Error::Parquet {
                table: self.table.clone(),
                source,
            })
    }

    /// Completes the file.
    async fn close(self) -> Result<File, Error> {
        self.writer.close().await.map_err(|source| Error::Parquet {
            table: self.table.clone(),
            source,
        })?;
        let store = self.lake.store();
        let size = object_store::ObjectStoreExt::head(&store, &self.location)
            .await
            .map_err(|source| super::object_error("measure", &self.location, source))?
            .size;
        Ok(File {
            path: self.relative,
            size,
            n_rows: self.n_rows as u64,
        })
    }
}

/// Same writer settings everywhere: zstd, no name of a program version, few statistics.
fn properties(schema: &SchemaRef, statistics: &Statistics) -> WriterProperties {
    let level = ZstdLevel::try_new(3).unwrap_or_default();
    let mut builder = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_compression(Compression::ZSTD(level))
        .set_created_by("antenne".to_owned())
        .set_statistics_enabled(EnabledStatistics::None);
    for field in schema.fields() {
        let column = ColumnPath::from(field.name().as_str());
        if statistics.0.contains(field.name()) {
            builder =
                builder.set_column_statistics_enabled(column.clone(), EnabledStatistics::Chunk);
        }
        if matches!(
            field.data_type(),
            DataType::Binary | DataType::FixedSizeBinary(_)
        ) {
            builder = builder.set_column_dictionary_enabled(column, false);
        }
    }
    builder.build()
}
