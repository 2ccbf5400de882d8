//! What a table holds now: its files and schema as of the last commit.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use deltalake_core::kernel::{Action, Remove};
use deltalake_core::logstore::{
    LogStoreRef, StorageConfig, default_logstore, logstore_factories, logstore_with,
};
use deltalake_core::{DeltaTable, DeltaTableError};
use futures::TryStreamExt;
use url::Url;

use super::scope::{self, Aside};
use super::{Error, Lake, Zone};
use crate::canon::fingerprint::fingerprint_of;

/// Key under which a commit keeps what a stage must know of the table besides its rows.
pub(super) const STATE: &str = "antenne.state";

/// Key under which a commit keeps the fingerprint of every scope.
pub(super) const FINGERPRINTS: &str = "antenne.fingerprints";

/// One active file of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Path below the table's folder, starts with the scope.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// Rows.
    pub n_rows: u64,
}

impl File {
    /// Scope the file belongs to.
    pub(crate) fn scope(&self) -> &str {
        self.path.split_once('/').map_or("", |(scope, _)| scope)
    }
}

/// A table as of its last commit.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Number of the commit.
    pub version: u64,
    /// Columns.
    pub schema: SchemaRef,
    /// Active files by path.
    pub files: Vec<File>,
    /// Active files that stand beside the table: history and tombstones.
    pub(crate) beside: Vec<File>,
    /// Whether these are the files that stand beside a table, rather than those in it.
    pub(crate) is_aside: bool,
    /// Fingerprint of what each scope was made from, those beside the table too.
    pub fingerprints: BTreeMap<String, String>,
    /// What the stage that wrote the table noted with its last commit.
    pub(crate) state: Option<serde_json::Value>,
    /// The table itself, for the next commit.
    pub(super) table: DeltaTable,
    /// Removal actions by path, for the next commit.
    pub(super) removals: BTreeMap<String, Remove>,
}

impl Snapshot {
    /// Rows of all scopes.
    pub fn n_rows(&self) -> u64 {
        self.files.iter().map(|file| file.n_rows).sum()
    }

    /// Rows of one scope, all its parts taken together.
    pub(crate) fn n_rows_of(&self, scope: &str) -> u64 {
        self.files
            .iter()
            .filter(|file| file.scope() == scope || scope::owner(file.scope()) == scope)
            .map(|file| file.n_rows)
            .sum()
    }

    /// Files of exactly this scope, in the table or beside it.
    pub(crate) fn files_of(&self, scope: &str) -> Vec<File> {
        let all = self.files.iter().chain(&self.beside);
        all.filter(|file| file.scope() == scope).cloned().collect()
    }

    /// Scopes of the table itself, sorted; one without rows has no files but is here.
    pub(crate) fn scopes(&self) -> Vec<&str> {
        let known = self.fingerprints.keys().map(String::as_str);
        known.filter(|scope| Aside::of(scope).is_none()).collect()
    }

    /// The table that consists of what stands beside this one.
    pub(crate) fn aside(&self, aside: Aside) -> Self {
        let is_its = |scope: &str| Aside::of(scope) == Some(aside);
        let mut beside = self.clone();
        beside.is_aside = true;
        beside.files = std::mem::take(&mut beside.beside);
        beside.files.retain(|file| is_its(file.scope()));
        let known = std::mem::take(&mut beside.fingerprints).into_iter();
        // Under names of the table's own scopes, so that they count as its content.
        let its = known.filter(|(scope, _)| is_its(scope));
        beside.fingerprints = its
            .map(|(scope, found)| (scope.replace('@', "/"), found))
            .collect();
        beside
    }

    /// The table that consists of one scope of this one.
    pub(crate) fn only(&self, scope: &str) -> Self {
        let mut only = self.clone();
        only.files.retain(|file| file.scope() == scope);
        only.fingerprints.retain(|known, _| known == scope);
        only
    }

    /// One fingerprint for everything the table holds; what stands beside it does not count.
    pub(crate) fn fingerprint(&self) -> String {
        let known = self.fingerprints.iter();
        let own = known.filter(|(scope, _)| Aside::of(scope).is_none());
        fingerprint_of(own.flat_map(|(scope, fingerprint)| [scope, fingerprint]))
    }
}

impl Lake {
    /// The table as of its last commit; `None` before the first one.
    ///
    /// # Errors
    /// [`Error::Log`] when the log cannot be read.
    pub async fn snapshot(&self, zone: Zone, name: &str) -> Result<Option<Snapshot>, Error> {
        let label = format!("{}.{name}", zone.name());
        let failed = |source: DeltaTableError| Error::Log {
            act: "read",
            table: label.clone(),
            source: Box::new(source),
        };
        let mut table = DeltaTable::new(self.log_store(zone, name).map_err(failed)?);
        match table.load().await {
            Ok(()) => {}
            Err(DeltaTableError::NotATable(_) | DeltaTableError::InvalidTableLocation(_)) => {
                return Ok(None);
            }
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(failed(error)),
        }
        read_snapshot(table, &label).await
    }

    /// Log of a table, in our own store.
    pub(super) fn log_store(&self, zone: Zone, name: &str) -> Result<LogStoreRef, DeltaTableError> {
        let location = self.table_url(zone, name)?;
        logstore_with(self.store(), &location, StorageConfig::default())
    }

    /// Address of a table's folder, with a final `/`.
    pub(super) fn table_url(&self, zone: Zone, name: &str) -> Result<Url, DeltaTableError> {
        let path = format!("{}/{name}/", zone.name());
        self.root()
            .join(&path)
            .map_err(|error| DeltaTableError::Generic(error.to_string()))
    }
}

/// Whether the error only says that there is no table yet.
fn is_absent(error: &DeltaTableError) -> bool {
    let text = error.to_string().to_lowercase();
    text.contains("path does not exist")
        || text.contains("no files in log segment")
        || text.contains("not a delta table")
        || text.contains("no table version")
}

/// Reads files, schema and fingerprints of a loaded table.
async fn read_snapshot(table: DeltaTable, label: &str) -> Result<Option<Snapshot>, Error> {
    let failed = |source: DeltaTableError| Error::Log {
        act: "read",
        table: label.to_owned(),
        source: Box::new(source),
    };
    let state = table.snapshot().map_err(failed)?;
    let schema = state.snapshot().arrow_schema();
    let views: Vec<_> = state
        .snapshot()
        .file_views(table.log_store().as_ref(), None)
        .try_collect()
        .await
        .map_err(failed)?;
    let mut files = Vec::with_capacity(views.len());
    let mut removals = BTreeMap::new();
    for view in views {
        if view.deletion_vector_descriptor().is_some() {
            return Err(Error::Foreign {
                table: label.to_owned(),
            });
        }
        let path = view.path().to_string();
        files.push(File {
            path: path.clone(),
            size: u64::try_from(view.size()).unwrap_or_default(),
            n_rows: view.num_records().map_or(0, |n_rows| n_rows as u64),
        });
        removals.insert(path, view.remove_action(true));
    }
    files.sort_by(|left, right| left.path.cmp(&right.path));
    let (beside, files) = files
        .into_iter()
        .partition(|file| Aside::of(file.scope()).is_some());
    let noted = last_notes(&table).await.map_err(failed)?;
    Ok(Some(Snapshot {
        version: table.version().unwrap_or_default(),
        schema,
        files,
        beside,
        is_aside: false,
        fingerprints: noted.fingerprints,
        state: noted.state,
        table,
        removals,
    }))
}

/// What the last commit noted besides its files.
#[derive(Debug, Default)]
struct Notes {
    /// Fingerprint of every scope.
    fingerprints: BTreeMap<String, String>,
    /// What the stage noted.
    state: Option<serde_json::Value>,
}

/// Reads the notes of the last commit.
async fn last_notes(table: &DeltaTable) -> Result<Notes, DeltaTableError> {
    let infos: Vec<_> = table.history(Some(1)).try_collect().await?;
    let Some(last) = infos.first() else {
        return Ok(Notes::default());
    };
    let fingerprints = last.info.get(FINGERPRINTS);
    Ok(Notes {
        fingerprints: fingerprints
            .and_then(|value| serde_json::from_value(value.clone()).ok())
            .unwrap_or_default(),
        state: last
            .info
            .get(STATE)
            .filter(|found| !found.is_null())
            .cloned(),
    })
}

/// Makes the log code accept the scheme of the lake's address.
pub(super) fn register_scheme(root: &Url) {
    let Ok(scheme) = Url::parse(&format!("{}://", root.scheme())) else {
        return;
    };
    logstore_factories()
        .entry(scheme)
        .or_insert_with(|| Arc::new(PlainLogStore));
}

/// A log store for any scheme that our own store already serves.
#[derive(Debug)]
struct PlainLogStore;

impl deltalake_core::logstore::LogStoreFactory for PlainLogStore {
    fn with_options(
        &self,
        prefixed_store: deltalake_core::logstore::ObjectStoreRef,
        root_store: deltalake_core::logstore::ObjectStoreRef,
        location: &Url,
        options: &StorageConfig,
    ) -> Result<LogStoreRef, DeltaTableError> {
        Ok(default_logstore(
            prefixed_store,
            root_store,
            location,
            options,
        ))
    }
}

/// The actions that take files out of the table.
pub(super) fn removal(snapshot: &Snapshot, path: &str) -> Option<Action> {
    snapshot.removals.get(path).cloned().map(Action::Remove)
}
