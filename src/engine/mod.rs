//! The one place that builds a DataFusion session: its limits, its schemas, its watchdog.
//!
//! A query of DataFusion can stop making progress for ever under a small memory limit
//! (apache/datafusion#24883). So every query here runs under a watchdog: when no batch has come
//! for `STALL`, it is cancelled, tried once more on a single thread, and then fails by name.

use std::sync::Arc;
use std::time::Duration;

use arrow::record_batch::RecordBatch;
use datafusion::catalog::{MemorySchemaProvider, SchemaProvider, TableProvider};
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::prelude::{ParquetReadOptions, SQLOptions, SessionConfig, SessionContext};
use futures::StreamExt;
use url::Url;

use self::pool::PartlyFair;
use crate::functions;
use crate::lake::Lake;
use crate::spec::settings::EngineSettings;

mod groups;
pub(crate) mod lineage;
mod pool;
pub(crate) mod reading;

/// How long a query may go without a batch before it counts as stuck.
const STALL: Duration = Duration::from_mins(15);

/// Name of the only catalog.
const CATALOG: &str = "antenne";

/// Schemas a session starts with, empty.
const SCHEMAS: [&str; 8] = [
    "reference",
    "acquired",
    "source",
    "conformed",
    "derived",
    "detected",
    "protected",
    "public",
];

/// What went wrong with a query.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The limits could not be set up.
    #[error("cannot set up the query engine")]
    Setup(#[source] Box<DataFusionError>),
    /// The table could not be put into the session.
    #[error("cannot register table `{table}`")]
    Register {
        /// The table.
        table: String,
        /// Why not.
        #[source]
        source: Box<DataFusionError>,
    },
    /// The statement is wrong or failed.
    #[error("query `{label}` failed")]
    Query {
        /// What the query was for.
        label: String,
        /// Why.
        #[source]
        source: Box<DataFusionError>,
    },
    /// DataFusion would group the rows wrongly.
    #[error(
        "query `{label}` would be answered wrongly: the engine takes `{key}` to follow from `{by}` and would drop it from `group by`; \
         where `{by}` is grouped first, before the join, select it as an expression, such as `nullif(…, '')`"
    )]
    LosesKey {
        /// What the query was for.
        label: String,
        /// The key that would be dropped.
        key: String,
        /// The keys it is held to follow from.
        by: String,
    },
    /// The statement made no progress, twice.
    #[error("query `{label}` made no progress for {} seconds, also on one thread; raise `engine.memory_mib`", STALL.as_secs())]
    Stalled {
        /// What the query was for.
        label: String,
    },
}

/// How many threads a session uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Threads {
    /// As many as declared.
    Declared,
    /// One.
    One,
}

/// Builds sessions that share one memory limit.
#[derive(Debug, Clone)]
pub struct Engine {
    /// Memory, disk and object stores.
    runtime: Arc<RuntimeEnv>,
    /// Threads of a query.
    threads: usize,
}

impl Engine {
    /// An engine within the declared limits.
    ///
    /// # Errors
    /// [`Error::Setup`] when the spill folder cannot be made.
    pub fn new(settings: &EngineSettings) -> Result<Self, Error> {
        let bytes =
            usize::try_from(settings.memory_mib.saturating_mul(1 << 20)).unwrap_or(usize::MAX);
        let disk = DiskManagerBuilder::default().with_mode(DiskManagerMode::OsTmpDirectory);
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(PartlyFair::new(bytes)))
            .with_disk_manager_builder(disk)
            .build_arc()
            .map_err(|source| Error::Setup(Box::new(source)))?;
        Ok(Self {
            runtime,
            threads: usize::from(settings.threads.max(1)),
        })
    }

    /// Threads of a query.
    pub(crate) fn threads(&self) -> usize {
        self.threads
    }

    /// Lets queries read from the lake.
    pub(crate) fn attach(&self, lake: &Lake) {
        let mut base: Url = lake.root().clone();
        base.set_path("/");
        if base.scheme() != "file" {
            let _earlier = self.runtime.register_object_store(&base, lake.store());
        }
    }

    /// A session with every schema, empty.
    ///
    /// # Errors
    /// [`Error::Setup`] when a schema cannot be made.
    pub fn session(&self) -> Result<Session, Error> {
        self.session_on(Threads::Declared)
    }

    /// A session on so many threads.
    fn session_on(&self, threads: Threads) -> Result<Session, Error> {
        let n_threads = match threads {
            Threads::Declared => self.threads,
            Threads::One => 1,
        };
        let mut config = SessionConfig::new()
            .with_target_partitions(n_threads)
            .with_default_catalog_and_schema(CATALOG, "public")
            .with_information_schema(true)
            .with_collect_statistics(true);
        config.options_mut().sql_parser.enable_ident_normalization = true;
        let context = SessionContext::new_with_config_rt(config, Arc::clone(&self.runtime));
        functions::register(&context).map_err(|source| Error::Setup(Box::new(source)))?;
        let catalog = context.catalog(CATALOG).ok_or_else(|| {
            Error::Setup(Box::new(DataFusionError::Internal(
                "the default catalog is missing".to_owned(),
            )))
        })?;
        for schema in SCHEMAS {
            if catalog.schema(schema).is_none() {
                let empty: Arc<dyn SchemaProvider> = Arc::new(MemorySchemaProvider::new());
                catalog
                    .register_schema(schema, empty)
                    .map_err(|source| Error::Setup(Box::new(source)))?;
            }
        }
        Ok(Session {
            context,
            engine: self.clone(),
        })
    }
}

/// A session: tables by `schema.name`, and queries over them.
#[derive(Clone)]
pub struct Session {
    /// DataFusion's own session.
    context: SessionContext,
    /// The engine it came from.
    engine: Engine,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Session").finish_non_exhaustive()
    }
}

impl Session {
    /// Puts a table under `schema.name`, in place of an earlier one.
    ///
    /// # Errors
    /// [`Error::Register`] when the schema does not exist.
    pub(crate) fn register(
        &self,
        schema: &str,
        name: &str,
        table: Arc<dyn TableProvider>,
    ) -> Result<(), Error> {
        let label = format!("{schema}.{name}");
        let failed = |source| Error::Register {
            table: label.clone(),
            source: Box::new(source),
        };
        let reference = datafusion::common::TableReference::partial(schema, name);
        self.context
            .deregister_table(reference.clone())
            .map_err(failed)?;
        self.context
            .register_table(reference, table)
            .map_err(failed)?;
        Ok(())
    }

    /// Registers every Parquet file of a local folder as a table of its name.
    ///
    /// # Errors
    /// [`Error::Register`] when the folder or a file cannot be read.
    pub(crate) async fn register_folder(
        &self,
        schema: &str,
        folder: &std::path::Path,
    ) -> Result<(), Error> {
        let failed = |table: &std::path::Path| {
            let table = table.display().to_string();
            move |source| Error::Register {
                table,
                source: Box::new(source),
            }
        };
        let entries = std::fs::read_dir(folder)
            .map_err(|error| failed(folder)(DataFusionError::IoError(error)))?;
        let mut paths: Vec<_> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|found| found == "parquet"))
            .collect();
        paths.sort();
        for path in paths {
            let name = path
                .file_stem()
                .and_then(|stem| stem.to_str())
                .unwrap_or_default()
                .to_owned();
            let text = path.display().to_string();
            let frame = self
                .context
                .read_parquet(text, ParquetReadOptions::default())
                .await
                .map_err(failed(&path))?;
            self.register(schema, &name, frame.into_view())?;
        }
        Ok(())
    }

    /// Columns of the answer to `sql`, without reading any row.
    ///
    /// # Errors
    /// [`Error::Query`] when the statement does not plan.
    pub(crate) async fn columns(
        &self,
        label: &str,
        sql: &str,
    ) -> Result<arrow::datatypes::Schema, Error> {
        let frame = self.plan(label, sql).await?;
        Ok(frame.schema().as_arrow().clone())
    }

    /// The plan of `sql` as it was written, before anything is made faster.
    ///
    /// # Errors
    /// [`Error::Query`] when the statement does not plan.
    pub(crate) async fn logical_plan(
        &self,
        label: &str,
        sql: &str,
    ) -> Result<datafusion::logical_expr::LogicalPlan, Error> {
        let frame = self.plan(label, sql).await?;
        Ok(frame.logical_plan().clone())
    }

    /// The answer to `sql` as a table that is worked out whenever it is read.
    ///
    /// # Errors
    /// [`Error::Query`] when the statement does not plan.
    pub(crate) async fn view(
        &self,
        label: &str,
        sql: &str,
    ) -> Result<Arc<dyn TableProvider>, Error> {
        Ok(self.plan(label, sql).await?.into_view())
    }

    /// All rows of the answer to `sql`.
    ///
    /// # Errors
    /// [`Error::Query`] and [`Error::Stalled`].
    pub async fn rows(&self, label: &str, sql: &str) -> Result<Vec<RecordBatch>, Error> {
        match self.rows_once(label, sql).await {
            Err(Error::Stalled { .. }) => {
                tracing::warn!(query = label, "no progress; trying once more on one thread");
                let single = self.on_one_thread()?;
                single.rows_once(label, sql).await
            }
            result => result,
        }
    }

    /// Columns and rows of the answer to `sql`; a stall ends the stream with an error.
    ///
    /// # Errors
    /// [`Error::Query`] when the statement does not plan.
    pub(crate) async fn answer(
        &self,
        label: &str,
        sql: &str,
    ) -> Result<
        (
            arrow::datatypes::Schema,
            impl futures::Stream<Item = Result<RecordBatch, Error>> + Send + use<>,
        ),
        Error,
    > {
        let frame = self.plan(label, sql).await?;
        let columns = frame.schema().as_arrow().clone();
        let stream = execute(label, frame).await?;
        Ok((columns, watched(stream, label.to_owned())))
    }

    /// One attempt at all rows.
    async fn rows_once(&self, label: &str, sql: &str) -> Result<Vec<RecordBatch>, Error> {
        let stream = execute(label, self.plan(label, sql).await?).await?;
        let mut stream = std::pin::pin!(watched(stream, label.to_owned()));
        let mut rows = Vec::new();
        while let Some(batch) = stream.next().await {
            rows.push(batch?);
        }
        Ok(rows)
    }

    /// Plans a statement that only reads.
    async fn plan(&self, label: &str, sql: &str) -> Result<datafusion::prelude::DataFrame, Error> {
        let only_reading = SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false);
        let failed = |source| Error::Query {
            label: label.to_owned(),
            source: Box::new(source),
        };
        let frame = self.context.sql_with_options(sql, only_reading).await;
        let frame = frame.map_err(failed)?;
        let plan = frame.logical_plan();
        match groups::lost_key(&self.context.state(), plan).map_err(failed)? {
            Some(lost) => Err(Error::LosesKey {
                label: label.to_owned(),
                key: lost.key,
                by: Vec::from_iter(lost.by).join("`, `"),
            }),
            None => Ok(frame),
        }
    }

    /// The same tables in a session on one thread.
    fn on_one_thread(&self) -> Result<Self, Error> {
        let single = self.engine.session_on(Threads::One)?;
        let schemas = self
            .context
            .catalog(CATALOG)
            .into_iter()
            .flat_map(|catalog| {
                SCHEMAS
                    .iter()
                    .filter_map(move |name| catalog.schema(name).map(|schema| (*name, schema)))
            });
        let into = single.context.catalog(CATALOG);
        for (name, schema) in schemas {
            if let Some(catalog) = &into {
                catalog
                    .register_schema(name, schema)
                    .map_err(|source| Error::Setup(Box::new(source)))?;
            }
        }
        Ok(single)
    }
}

/// Starts a planned statement.
async fn execute(
    label: &str,
    frame: datafusion::prelude::DataFrame,
) -> Result<SendableRecordBatchStream, Error> {
    frame.execute_stream().await.map_err(|source| Error::Query {
        label: label.to_owned(),
        source: Box::new(source),
    })
}

/// A stream that ends with [`Error::Stalled`] when no batch comes for [`STALL`].
fn watched(
    stream: SendableRecordBatchStream,
    label: String,
) -> impl futures::Stream<Item = Result<RecordBatch, Error>> + Send {
    futures::stream::try_unfold((stream, label), |(mut stream, label)| async move {
        match tokio::time::timeout(STALL, stream.next()).await {
            Err(_elapsed) => Err(Error::Stalled { label }),
            Ok(None) => Ok(None),
            Ok(Some(Ok(batch))) => Ok(Some((batch, (stream, label)))),
            Ok(Some(Err(source))) => Err(Error::Query {
                label,
                source: Box::new(source),
            }),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::datatypes::{DataType, Field, Schema};
    use datafusion::datasource::empty::EmptyTable;

    /// An empty table with whole numbers in these columns.
    pub(super) fn empty(columns: &[&str]) -> Arc<dyn TableProvider> {
        let fields = columns
            .iter()
            .map(|name| Field::new(*name, DataType::Int64, true));
        Arc::new(EmptyTable::new(Arc::new(Schema::new(
            fields.collect::<Vec<_>>(),
        ))))
    }

    /// A session that knows one empty table.
    pub(super) fn session_with(schema: &str, table: &str, columns: &[&str]) -> Session {
        let session = Engine::new(&EngineSettings::default())
            .unwrap()
            .session()
            .unwrap();
        session.register(schema, table, empty(columns)).unwrap();
        session
    }

    #[tokio::test]
    async fn a_session_answers_and_refuses_to_write() {
        let session = Engine::new(&EngineSettings::default())
            .unwrap()
            .session()
            .unwrap();
        let rows = session.rows("test", "select 1 + 1 as n").await.unwrap();
        assert_eq!(rows[0].num_rows(), 1);
        for statement in [
            "create table x (n int)",
            "copy (select 1) to '/tmp/x.csv'",
            "set datafusion.execution.batch_size = 1",
        ] {
            assert!(
                session.rows("test", statement).await.is_err(),
                "{statement}"
            );
        }
    }

    #[tokio::test]
    async fn a_file_is_not_a_table() {
        let session = Engine::new(&EngineSettings::default())
            .unwrap()
            .session()
            .unwrap();
        assert!(
            session
                .rows("test", "select * from '/etc/hostname'")
                .await
                .is_err()
        );
    }
}
