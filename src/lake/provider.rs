//! A table for queries: its active files as a plain Parquet scan.
//!
//! Nothing of Delta reaches the query engine, so the plan is one that any DataFusion can carry.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::datasource::empty::EmptyTable;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{
    ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl,
};
use datafusion::error::DataFusionError;

use super::table::{File, Snapshot};
use super::{Error, Lake, Zone};
use arrow::record_batch::RecordBatch;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

impl Lake {
    /// The table of a snapshot, for a query.
    ///
    /// # Errors
    /// What DataFusion says of an address it cannot read.
    pub(crate) fn provider(
        &self,
        zone: Zone,
        name: &str,
        snapshot: &Snapshot,
    ) -> Result<Arc<dyn TableProvider>, DataFusionError> {
        self.provider_of(zone, name, &snapshot.schema, &snapshot.files)
    }

    /// A table of these files only, also before a commit names them.
    ///
    /// # Errors
    /// What DataFusion says of an address it cannot read.
    pub(crate) fn provider_of(
        &self,
        zone: Zone,
        name: &str,
        schema: &SchemaRef,
        files: &[File],
    ) -> Result<Arc<dyn TableProvider>, DataFusionError> {
        if files.is_empty() {
            return Ok(Arc::new(EmptyTable::new(Arc::clone(schema))));
        }
        let urls = files
            .iter()
            .map(|file| {
                ListingTableUrl::parse(format!(
                    "{}{}/{name}/{}",
                    self.root(),
                    zone.name(),
                    file.path
                ))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let options =
            ListingOptions::new(Arc::new(ParquetFormat::default())).with_file_extension(".parquet");
        let config = ListingTableConfig::new_with_multi_paths(urls)
            .with_listing_options(options)
            .with_schema(Arc::clone(schema));
        Ok(Arc::new(ListingTable::try_new(config)?))
    }

    /// All rows of a small table, without a query engine.
    ///
    /// # Errors
    /// [`Error`] when a file cannot be read.
    pub(crate) async fn read_all(
        &self,
        zone: Zone,
        name: &str,
        snapshot: &Snapshot,
    ) -> Result<Vec<RecordBatch>, Error> {
        let mut rows = Vec::new();
        for file in &snapshot.files {
            let read = |batch| {
                rows.push(batch);
                Ok::<_, Error>(())
            };
            self.read_file(zone, name, file, read).await?;
        }
        Ok(rows)
    }

    /// Hands over the rows of one file, batch by batch; only the file itself is held.
    ///
    /// # Errors
    /// [`Error`] when the file cannot be read, and what `take` answers.
    pub(crate) async fn read_file<E: From<Error>>(
        &self,
        zone: Zone,
        name: &str,
        file: &File,
        mut take: impl FnMut(RecordBatch) -> Result<(), E>,
    ) -> Result<(), E> {
        let path = format!("{}/{name}/{}", zone.name(), file.path);
        let Some(bytes) = self.read(&path).await? else {
            return Err(Error::Absent { path }.into());
        };
        let failed = |source| Error::Parquet {
            table: format!("{}.{name}", zone.name()),
            source,
        };
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes)
            .and_then(ParquetRecordBatchReaderBuilder::build)
            .map_err(failed)?;
        for batch in reader {
            take(batch.map_err(|source| failed(source.into()))?)?;
        }
        Ok(())
    }
}
