//! Making written scopes visible: one commit per table and run, exactly once.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use deltalake_core::DeltaTableError;
use deltalake_core::kernel::engine::arrow_conversion::TryIntoKernel;
use deltalake_core::kernel::transaction::{CommitBuilder, CommitProperties, TableReference};
use deltalake_core::kernel::{Action, Add, MetadataExt, StructType, Transaction};
use deltalake_core::operations::create::CreateBuilder;
use deltalake_core::protocol::{DeltaOperation, SaveMode};
use futures::stream;

use super::table::{FINGERPRINTS, STATE, Snapshot, removal};
use super::write::{Scope, Statistics, Target, WrittenScope};
use super::{Error, Lake, Zone};

/// A commit to be made.
#[derive(Debug)]
pub(crate) struct TableCommit<'a> {
    /// Zone of the table.
    pub(crate) zone: Zone,
    /// Name of the table.
    pub(crate) table: &'a str,
    /// Number of the run, at most one commit of which is made.
    pub(crate) run: u64,
    /// Columns of the table.
    pub(crate) schema: SchemaRef,
    /// Columns with statistics.
    pub(crate) statistics: &'a Statistics,
    /// Scopes that take the place of those of the same name.
    pub(crate) scopes: Vec<WrittenScope>,
    /// Scopes that cease to exist.
    pub(crate) dropped: Vec<String>,
    /// When the run started, milliseconds since 1970.
    pub(crate) at_millis: i64,
}

/// Name of the scope of a table that has only one.
pub(crate) const WHOLE: &str = "all";

/// A table that is replaced as a whole.
#[derive(Debug)]
pub(crate) struct WholeTable<'a> {
    /// Zone of the table.
    pub(crate) zone: Zone,
    /// Name of the table.
    pub(crate) table: &'a str,
    /// Number of the run.
    pub(crate) run: u64,
    /// Hash of all its rows were made from.
    pub(crate) fingerprint: String,
    /// When the run started, milliseconds since 1970.
    pub(crate) at_millis: i64,
}

impl Scope {
    /// The only scope of a table.
    pub(crate) fn whole(fingerprint: String) -> Self {
        Self {
            name: WHOLE.to_owned(),
            fingerprint,
        }
    }
}

impl Snapshot {
    /// Whether a table of one scope was made from what has this hash.
    pub(crate) fn is_made_from(&self, fingerprint: &str) -> bool {
        let known = self.fingerprints.get(WHOLE);
        known.is_some_and(|known| known == fingerprint)
    }
}

impl Lake {
    /// Writes the rows of a table of one scope and commits them.
    ///
    /// # Errors
    /// As [`Self::write_scope`] and [`Self::commit`].
    pub(crate) async fn replace_whole(
        &self,
        whole: WholeTable<'_>,
        rows: RecordBatch,
    ) -> Result<(), Error> {
        let schema = rows.schema();
        let statistics = Statistics::default();
        let target = Target {
            zone: whole.zone,
            table: whole.table,
            schema: Arc::clone(&schema),
            statistics: &statistics,
        };
        let rows = stream::iter([Ok::<_, Error>(rows)]);
        let scope = Scope::whole(whole.fingerprint);
        let written = self.write_scope(&target, scope, rows).await?;
        self.commit(TableCommit {
            zone: whole.zone,
            table: whole.table,
            run: whole.run,
            schema,
            statistics: &statistics,
            scopes: vec![written],
            dropped: Vec::new(),
            at_millis: whole.at_millis,
        })
        .await
    }

    /// Commits written scopes; a commit this run has already made is not made again.
    ///
    /// # Errors
    /// [`Error::Log`] when the log cannot be written or another writer came first.
    pub(crate) async fn commit(&self, commit: TableCommit<'_>) -> Result<(), Error> {
        self.commit_noting(commit, None).await
    }

    /// Commits written scopes beside what a stage of the same run has committed: once per run and
    /// step.
    ///
    /// # Errors
    /// As [`Self::commit`].
    pub(crate) async fn commit_as(&self, commit: TableCommit<'_>, step: &str) -> Result<(), Error> {
        self.commit_with(commit, step, None).await
    }

    /// Commits written scopes and notes what the stage must know of the table; without a note the
    /// earlier one stays. Rows and note change in one step.
    ///
    /// # Errors
    /// As [`Self::commit`].
    pub(crate) async fn commit_noting(
        &self,
        commit: TableCommit<'_>,
        state: Option<serde_json::Value>,
    ) -> Result<(), Error> {
        self.commit_with(commit, "", state).await
    }

    /// Commits written scopes as a step of a run, with a note.
    async fn commit_with(
        &self,
        commit: TableCommit<'_>,
        step: &str,
        state: Option<serde_json::Value>,
    ) -> Result<(), Error> {
        let label = format!("{}.{}", commit.zone.name(), commit.table);
        let failed = |source: DeltaTableError| Error::Log {
            act: "write",
            table: label.clone(),
            source: Box::new(source),
        };
        match self.snapshot(commit.zone, commit.table).await? {
            None => {
                let notes = notes(&BTreeMap::new(), state, &commit);
                self.create(&commit, (&label, step), notes)
                    .await
                    .map_err(failed)
            }
            Some(snapshot) => {
                let state = state.or_else(|| snapshot.state.clone());
                let notes = notes(&snapshot.fingerprints, state, &commit);
                let done = self.replace(&commit, &snapshot, (step, notes));
                done.await.map_err(failed)
            }
        }
    }

    /// First commit of a table.
    async fn create(
        &self,
        commit: &TableCommit<'_>,
        (label, step): (&str, &str),
        notes: Notes,
    ) -> Result<(), DeltaTableError> {
        let fields = kernel_schema(&commit.schema)?;
        let mut columns: Vec<&str> = commit.statistics.0.iter().map(String::as_str).collect();
        columns.sort_unstable();
        CreateBuilder::new()
            .with_log_store(self.log_store(commit.zone, commit.table)?)
            .with_table_name(label)
            .with_columns(fields.fields().cloned())
            .with_configuration_property(
                deltalake_core::TableProperty::DataSkippingStatsColumns,
                Some(columns.join(",")),
            )
            .with_actions(additions(commit))
            .with_commit_properties(
                CommitProperties::default()
                    .with_application_transaction(transaction(commit, step))
                    .with_metadata(notes),
            )
            .await?;
        Ok(())
    }

    /// A later commit: the files of the scopes named leave, the new ones come.
    async fn replace(
        &self,
        commit: &TableCommit<'_>,
        snapshot: &Snapshot,
        (step, notes): (&str, Notes),
    ) -> Result<(), DeltaTableError> {
        let log_store = self.log_store(commit.zone, commit.table)?;
        let state = snapshot.table.snapshot()?;
        let done = state
            .transaction_version(log_store.as_ref(), app_id(commit, step))
            .await?;
        let run = i64::try_from(commit.run).unwrap_or(i64::MAX);
        if done.is_some_and(|done| done >= run) {
            return Ok(());
        }
        let mut actions = removals(commit, snapshot);
        if snapshot.schema.fields() != commit.schema.fields() {
            let schema = kernel_schema(&commit.schema)?;
            actions.push(Action::Metadata(
                state.metadata().clone().with_schema(&schema)?,
            ));
        }
        actions.extend(additions(commit));
        let operation = DeltaOperation::Write {
            mode: SaveMode::Overwrite,
            partition_by: None,
            predicate: None,
        };
        let properties = CommitProperties::default()
            .with_application_transaction(transaction(commit, step))
            .with_max_retries(0)
            .with_metadata(notes);
        CommitBuilder::from(properties)
            .with_actions(actions)
            .build(Some(state as &dyn TableReference), log_store, operation)
            .await?;
        Ok(())
    }
}

/// Delta schema of an Arrow schema.
fn kernel_schema(schema: &SchemaRef) -> Result<StructType, DeltaTableError> {
    schema
        .as_ref()
        .try_into_kernel()
        .map_err(|source| DeltaTableError::Arrow { source })
}

/// Name under which a step of a run writes a table.
fn app_id(commit: &TableCommit<'_>, step: &str) -> String {
    let table = format!("antenne/{}.{}", commit.zone.name(), commit.table);
    if step.is_empty() {
        return table;
    }
    format!("{table}/{step}")
}

/// The mark that makes the commit happen once per run.
fn transaction(commit: &TableCommit<'_>, step: &str) -> Transaction {
    Transaction::new_with_last_update(
        app_id(commit, step),
        i64::try_from(commit.run).unwrap_or(i64::MAX),
        Some(commit.at_millis),
    )
}

/// Files that come.
fn additions(commit: &TableCommit<'_>) -> Vec<Action> {
    commit
        .scopes
        .iter()
        .flat_map(|scope| &scope.files)
        .map(|file| {
            Action::Add(Add {
                path: file.path.clone(),
                size: i64::try_from(file.size).unwrap_or(i64::MAX),
                modification_time: commit.at_millis,
                data_change: true,
                stats: Some(format!("{{\"numRecords\":{}}}", file.n_rows)),
                ..Add::default()
            })
        })
        .collect()
}

/// Files that leave: those of replaced or dropped scopes, unless the same file comes again.
fn removals(commit: &TableCommit<'_>, snapshot: &Snapshot) -> Vec<Action> {
    let comes_again = |path: &str| {
        commit
            .scopes
            .iter()
            .flat_map(|scope| &scope.files)
            .any(|file| file.path == path)
    };
    let leaves = |scope: &str| {
        commit
            .scopes
            .iter()
            .any(|written| written.scope.name == scope)
            || commit.dropped.iter().any(|dropped| dropped == scope)
    };
    let active = snapshot.files.iter().chain(&snapshot.beside);
    active
        .filter(|file| leaves(file.scope()) && !comes_again(&file.path))
        .filter_map(|file| removal(snapshot, &file.path))
        .collect()
}

/// What is noted with a commit, by name.
type Notes = HashMap<String, serde_json::Value>;

/// Fingerprints after the commit, and the state.
fn notes(
    before: &BTreeMap<String, String>,
    state: Option<serde_json::Value>,
    commit: &TableCommit<'_>,
) -> Notes {
    let mut after = before.clone();
    for dropped in &commit.dropped {
        after.remove(dropped);
    }
    for written in &commit.scopes {
        after.insert(
            written.scope.name.clone(),
            written.scope.fingerprint.clone(),
        );
    }
    let fingerprints = serde_json::to_value(after).unwrap_or_default();
    let mut notes = Notes::from([(FINGERPRINTS.to_owned(), fingerprints)]);
    notes.extend(state.map(|state| (STATE.to_owned(), state)));
    notes
}
