//! The session queries run in: the tables of one release, and no way to anything else.
//!
//! A session of [`crate::engine`] sees the lake; this one must not. Its registry of object stores
//! knows one store, opened on the `data/` folder of the release, under a scheme of its own. There is
//! no store for `file:` or any network, so no statement, known or to come, can read another file.
//! Spilling is off: a query that needs more memory than there is fails, and fills no disk.

use std::path::Path;
use std::sync::Arc;

use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::ListingOptions;
use datafusion::error::DataFusionError;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::object_store::ObjectStoreRegistry;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use url::Url;

use crate::functions;

use super::Error;

/// The scheme under which the tables of the release lie.
const SCHEME: &str = "release";

/// Functions that turn a short query into gigabytes before any limit on memory is asked.
const TOO_LARGE: [&str; 3] = ["repeat", "lpad", "rpad"];

/// A session and the names of its tables.
pub(super) struct Opened {
    /// The session.
    pub(super) context: SessionContext,
    /// Names of its tables, sorted.
    pub(super) tables: Vec<String>,
}

/// Opens the Parquet files of a folder as tables.
pub(super) async fn open(folder: &Path, memory_bytes: usize) -> Result<Opened, Error> {
    let tables = table_names(folder)?;
    let context = context(folder, memory_bytes)?;
    for table in &tables {
        let options = ListingOptions::new(Arc::new(ParquetFormat::default()));
        let address = format!("{SCHEME}://tables/{table}.parquet");
        context
            .register_listing_table(table.as_str(), address, options, None, None)
            .await
            .map_err(|source| Error::OpenTable {
                table: table.clone(),
                source,
            })?;
    }
    Ok(Opened { context, tables })
}

/// A session with its limits and without tables.
fn context(folder: &Path, memory_bytes: usize) -> Result<SessionContext, Error> {
    let store = LocalFileSystem::new_with_prefix(folder).map_err(|source| Error::OpenStore {
        path: folder.to_path_buf(),
        source,
    })?;
    let disk = DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled);
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(FairSpillPool::new(memory_bytes)))
        .with_disk_manager_builder(disk)
        .with_object_store_registry(Arc::new(OnlyThisFolder(Arc::new(store))))
        .build_arc()
        .map_err(Error::Session)?;
    let config = SessionConfig::new()
        .with_target_partitions(2)
        .with_default_catalog_and_schema("antenne", "latest")
        .with_information_schema(true);
    let context = SessionContext::new_with_config_rt(config, runtime);
    functions::register(&context).map_err(Error::Session)?;
    for function in TOO_LARGE {
        context.deregister_udf(function);
    }
    // They judge a whole partition at once, and no clock stops them in between.
    for function in functions::all() {
        if function.kind() == "window" {
            context.deregister_udwf(function.name);
        }
    }
    Ok(context)
}

/// Names of the Parquet files of a folder, sorted.
fn table_names(folder: &Path) -> Result<Vec<String>, Error> {
    let list = |source| Error::ListTables {
        path: folder.to_path_buf(),
        source,
    };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(list)? {
        let name = entry
            .map_err(list)?
            .file_name()
            .into_string()
            .unwrap_or_default();
        names.extend(name.strip_suffix(".parquet").map(str::to_owned));
    }
    names.sort_unstable();
    Ok(names)
}

/// A registry of object stores that knows one folder and takes no other.
#[derive(Debug)]
struct OnlyThisFolder(Arc<dyn ObjectStore>);

impl ObjectStoreRegistry for OnlyThisFolder {
    fn register_store(
        &self,
        _url: &Url,
        _store: Arc<dyn ObjectStore>,
    ) -> Option<Arc<dyn ObjectStore>> {
        None
    }

    fn get_store(&self, url: &Url) -> Result<Arc<dyn ObjectStore>, DataFusionError> {
        if url.scheme() == SCHEME {
            return Ok(Arc::clone(&self.0));
        }
        Err(DataFusionError::Plan(
            "only the tables of the release can be read".to_owned(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_knows_no_file_and_no_network() {
        let place = tempfile::tempdir().unwrap();
        let store = LocalFileSystem::new_with_prefix(place.path()).unwrap();
        let registry = OnlyThisFolder(Arc::new(store));
        for address in ["file:///", "https://example.org/", "s3://bucket/"] {
            let url = Url::parse(address).unwrap();
            registry.register_store(&url, Arc::new(LocalFileSystem::new()));
            assert!(registry.get_store(&url).is_err(), "{address}");
        }
        assert!(
            registry
                .get_store(&Url::parse("release://tables/").unwrap())
                .is_ok()
        );
    }
}
