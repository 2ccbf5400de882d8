//! Where tables lie: a folder or a bucket with one Delta table per table.
//!
//! ```text
//! <lake>/acquired/pages/<platform>/<table>/<sha256>     pages as fetched, byte for byte
//! <lake>/<zone>/<table>/_delta_log/…                    what is visible, one commit per run
//! <lake>/<zone>/<table>/<scope>/<fingerprint>-00000.parquet
//! ```
//!
//! A table is made of *scopes*: parts that are replaced as a whole, such as the rows of one
//! platform. The scope stands in the path of its files and not in a partition column, so the
//! files are plain Parquet with every column inside. A scope carries the fingerprint of all it was
//! made from; writing a scope whose fingerprint has not changed writes nothing.
//!
//! A reader sees the state of the last commit, never a half-written one: files that no commit
//! names do not exist for it.

use std::sync::Arc;

use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use url::Url;

use crate::spec::secret::Secrets;
use crate::spec::settings::LakeSettings;

mod commit;
pub(crate) mod kept;
mod lock;
pub(crate) mod objects;
pub(crate) mod pages;
pub(crate) mod plain;
mod provider;
pub(crate) mod scope;
mod side_by_side;
mod table;
mod vacuum;
mod write;

pub(crate) use commit::{TableCommit, WHOLE, WholeTable};
pub use lock::Busy;
pub(crate) use lock::{Holder, RunLock};
pub(crate) use side_by_side::{Groups, Writing};
pub use table::{File, Snapshot};
pub(crate) use write::{Scope, Statistics, Target, WrittenScope};

/// A zone of the lake: what one stage of the journey fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Zone {
    /// Pages as fetched and the list of them.
    Acquired,
    /// Typed reading of the platforms' own tables.
    Source,
    /// Canonical tables.
    Conformed,
    /// Models.
    Derived,
    /// Signals with their evidence.
    Detected,
    /// Tables that are safe to print.
    Protected,
}

impl Zone {
    /// Every zone, in the order of the journey.
    pub const ALL: [Self; 6] = [
        Self::Acquired,
        Self::Source,
        Self::Conformed,
        Self::Derived,
        Self::Detected,
        Self::Protected,
    ];

    /// Folder of the lake and schema in SQL.
    pub fn name(self) -> &'static str {
        match self {
            Self::Acquired => "acquired",
            Self::Source => "source",
            Self::Conformed => "conformed",
            Self::Derived => "derived",
            Self::Detected => "detected",
            Self::Protected => "protected",
        }
    }

    /// Zone of a table named `schema.name`.
    pub(crate) fn of(table: &str) -> Option<Self> {
        let (schema, _name) = table.split_once('.')?;
        Self::ALL.into_iter().find(|zone| zone.name() == schema)
    }
}

/// What went wrong with the lake.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address of the lake is not one an object store understands.
    #[error("cannot open the lake at `{url}`")]
    Open {
        /// Address as declared.
        url: String,
        /// Why not.
        #[source]
        source: Box<object_store::Error>,
    },
    /// The address of the lake is not a URL.
    #[error("`{url}` is not an address of a lake")]
    Address {
        /// Address as declared.
        url: String,
    },
    /// A secret of the lake could not be read.
    #[error("the secret `{reference}` that `lake.secrets` names cannot be read; set it")]
    Secret {
        /// The reference, never the secret.
        reference: String,
    },
    /// An object could not be read or written.
    #[error("cannot {act} `{path}` in the lake")]
    Object {
        /// What was tried.
        act: &'static str,
        /// The object.
        path: String,
        /// Why not.
        #[source]
        source: Box<object_store::Error>,
    },
    /// A local file could not be read, written or sent.
    #[error("cannot {act} `{path}`: check the file, its rights and the room there")]
    File {
        /// What was tried.
        act: &'static str,
        /// The file.
        path: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The log of a table could not be read or written.
    #[error("cannot {act} the log of table `{table}`")]
    Log {
        /// What was tried.
        act: &'static str,
        /// The table.
        table: String,
        /// Why not.
        #[source]
        source: Box<deltalake_core::DeltaTableError>,
    },
    /// Rows could not be written as Parquet.
    #[error("cannot write rows of table `{table}` as Parquet")]
    Parquet {
        /// The table.
        table: String,
        /// Why not.
        #[source]
        source: parquet::errors::ParquetError,
    },
    /// A schema has a type the log cannot express.
    #[error("table `{table}` has a column type that the lake cannot hold")]
    Schema {
        /// The table.
        table: String,
        /// Why not.
        #[source]
        source: arrow::error::ArrowError,
    },
    /// A file that a commit names is not there.
    #[error(
        "`{path}` is not in the lake, though a commit names it; restore it, or delete the table's folder and run again"
    )]
    Absent {
        /// The file.
        path: String,
    },
    /// Another run holds the lake.
    #[error("{0}")]
    Busy(Box<Busy>),
    /// The lock was taken over, or could not be renewed.
    #[error(
        "the lock `{path}` is no longer this run's: it was not renewed in time and another run took it; run again"
    )]
    LockLost {
        /// The lock.
        path: String,
    },
    /// The lock cannot be used.
    #[error("cannot {act} the lock `{path}`")]
    Lock {
        /// What was tried.
        act: &'static str,
        /// The lock.
        path: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The table was written by something else, in a way this reader would misread.
    #[error("table `{table}` uses deletion vectors or partitions, which antenne does not write")]
    Foreign {
        /// The table.
        table: String,
    },
}

/// An open lake.
#[derive(Debug, Clone)]
pub struct Lake {
    /// Store with `/` at its root.
    store: Arc<dyn ObjectStore>,
    /// Address of the lake's folder, ends with `/`.
    root: Url,
    /// Path of the lake's folder inside the store.
    prefix: Path,
}

impl Lake {
    /// Opens the lake that the settings name, a folder relative to `base` or an absolute URL.
    ///
    /// # Errors
    /// [`Error::Address`] and [`Error::Open`] for an address that cannot be used, and
    /// [`Error::Secret`] for a secret that could not be read.
    pub fn open(
        base: &std::path::Path,
        settings: &LakeSettings,
        secrets: &Secrets,
    ) -> Result<Self, Error> {
        let root = address(base, &settings.url)?;
        let mut options: Vec<(String, String)> = Vec::new();
        for (name, value) in &settings.options {
            options.push((name.clone(), value.clone()));
        }
        for (name, reference) in &settings.secrets {
            let secret = secrets.get(reference).ok_or_else(|| Error::Secret {
                reference: reference.as_str().to_owned(),
            })?;
            options.push((name.clone(), secret.reveal().to_owned()));
        }
        let opened = object_store::parse_url_opts(&root, options);
        let (store, prefix) = opened.map_err(|source| Error::Open {
            url: root.to_string(),
            source: Box::new(source),
        })?;
        table::register_scheme(&root);
        Ok(Self {
            store: Arc::from(store),
            root,
            prefix,
        })
    }

    /// Store of the lake, for readers that register it under [`Self::root`].
    pub(crate) fn store(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.store)
    }

    /// Address of the lake's folder.
    pub(crate) fn root(&self) -> &Url {
        &self.root
    }

    /// Names of the tables of a zone that have a commit, sorted.
    pub(crate) async fn tables(&self, zone: Zone) -> Result<Vec<String>, Error> {
        let mut names = Vec::new();
        for name in self.folders(zone).await? {
            if self.is_committed(zone, &name).await? {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// Names of the folders of a zone that are or will be tables, sorted.
    pub(crate) async fn folders(&self, zone: Zone) -> Result<Vec<String>, Error> {
        let folder = self.prefix.clone().join(zone.name());
        let listed = self
            .store
            .list_with_delimiter(Some(&folder))
            .await
            .map_err(|source| Error::Object {
                act: "list",
                path: folder.to_string(),
                source: Box::new(source),
            })?;
        let folders = listed.common_prefixes.iter().filter_map(Path::filename);
        let mut names: Vec<String> = folders
            .filter(|name| *name != kept::FOLDER)
            .map(str::to_owned)
            .collect();
        names.sort();
        Ok(names)
    }

    /// Whether a table has a commit: a run that is killed may leave files before the first one.
    async fn is_committed(&self, zone: Zone, name: &str) -> Result<bool, Error> {
        let log = self.path(&format!("{}/{name}/_delta_log", zone.name()));
        let mut listed = self.store.list(Some(&log));
        loop {
            match listed.try_next().await {
                Ok(Some(object)) if object.location.extension() == Some("json") => return Ok(true),
                Ok(Some(_)) => {}
                Ok(None) => return Ok(false),
                Err(source) => return Err(object_error("look for", &log, source)),
            }
        }
    }

    /// Reads a small object such as a run report.
    pub(crate) async fn read(&self, path: &str) -> Result<Option<bytes::Bytes>, Error> {
        let location = self.path(path);
        match self.store.get(&location).await {
            Ok(found) => found
                .bytes()
                .await
                .map(Some)
                .map_err(|source| object_error("read", &location, source)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(source) => Err(object_error("read", &location, source)),
        }
    }

    /// Writes a small object whole: a reader sees the old one or the new one.
    pub(crate) async fn write(&self, path: &str, content: bytes::Bytes) -> Result<(), Error> {
        let location = self.path(path);
        self.store
            .put(&location, content.into())
            .await
            .map(|_done| ())
            .map_err(|source| object_error("write", &location, source))
    }

    /// Names of the objects directly below `folder`, sorted.
    pub(crate) async fn list(&self, folder: &str) -> Result<Vec<String>, Error> {
        let location = self.path(folder);
        let mut names: Vec<String> = self
            .store
            .list(Some(&location))
            .try_filter_map(
                |object| async move { Ok(object.location.filename().map(str::to_owned)) },
            )
            .try_collect()
            .await
            .map_err(|source| object_error("list", &location, source))?;
        names.sort();
        Ok(names)
    }

    /// Location of `path`, given relative to the lake.
    fn path(&self, path: &str) -> Path {
        self.prefix
            .parts()
            .chain(Path::from(path).parts())
            .collect()
    }
}

/// An error about one object.
fn object_error(act: &'static str, path: &Path, source: object_store::Error) -> Error {
    Error::Object {
        act,
        path: path.to_string(),
        source: Box::new(source),
    }
}

/// Absolute address of the lake, with a final `/`; a local folder need not exist yet.
fn address(base: &std::path::Path, url: &str) -> Result<Url, Error> {
    let unusable = || Error::Address {
        url: url.to_owned(),
    };
    if url.contains("://") {
        let slashed = format!("{}/", url.trim_end_matches('/'));
        return Url::parse(&slashed).map_err(|_not_a_url| unusable());
    }
    let folder = base.join(url);
    // Nothing is made here: who only looks at a commons leaves it as it was.
    let known = folder.ancestors().find_map(|above| {
        let absolute = above.canonicalize().ok()?;
        Some(absolute.join(folder.strip_prefix(above).ok()?))
    });
    let folder = known.ok_or_else(unusable)?;
    Url::from_directory_path(folder).map_err(|()| unusable())
}
