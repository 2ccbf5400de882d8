//! Runs the SQL models, each after what it reads.
//!
//! A model is rebuilt only when something it was made from has changed: its statement (comments
//! and layout apart), its checks, or the columns it reads of another table or model (see `content`).
//! Its rows are written aside, its checks run over what was written, and only then does a commit make
//! them visible. What a model was made from is noted with that commit, so that `plan` can say what a
//! change will do before it is done.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use futures::{Stream, StreamExt};
use serde::Serialize;

use crate::context::tables::{self, Opened};
use crate::context::{Action, Context, Total};
use crate::engine;
use crate::lake::plain::{plain_batch, plain_schema};
use crate::lake::{self, Scope, Snapshot, Statistics, TableCommit, Target, WrittenScope, Zone};
use crate::spec::model::Model;
use crate::spec::select::Selection;

mod checking;
mod checks;
pub(crate) mod content;
pub mod diff;
pub(crate) mod made;
pub mod plan;

pub use checking::Warning;
pub(crate) use checks::{Check, Circumstances, read as read_check};
use content::Ground;
use made::Made;

/// What went wrong with a model.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The tables that the models read could not be opened.
    #[error("cannot open what the models read")]
    Open(#[source] tables::Error),
    /// A table the model reads could not be opened.
    #[error("model `{model}` cannot read its inputs")]
    Inputs {
        /// The model.
        model: String,
        /// Why not.
        #[source]
        source: tables::Error,
    },
    /// The statement failed.
    #[error("model `{model}` failed")]
    Query {
        /// The model.
        model: String,
        /// Why.
        #[source]
        source: engine::Error,
    },
    /// The rows do not fit a table.
    #[error("model `{model}` has a column that no table can hold")]
    Columns {
        /// The model.
        model: String,
        /// Why not.
        #[source]
        source: arrow::error::ArrowError,
    },
    /// A check found rows that should not be; the table keeps its earlier content.
    #[error(
        "model `{model}` fails its check `{check}` on {n_rows} row(s){sample}; the table keeps its earlier content"
    )]
    Check {
        /// The model.
        model: String,
        /// The check as written in the header.
        check: String,
        /// Rows that fail it.
        n_rows: u64,
        /// Some of them, in words.
        sample: String,
    },
    /// The lake failed.
    #[error("the lake failed while deriving")]
    Lake(#[source] lake::Error),
}

impl From<lake::Error> for Error {
    fn from(source: lake::Error) -> Self {
        Self::Lake(source)
    }
}

/// What was done with one model.
#[derive(Debug, Clone, Serialize)]
pub struct ModelReport {
    /// The model.
    pub model: String,
    /// Whether it was rebuilt.
    pub action: Action,
    /// Rows it holds now.
    pub n_rows: u64,
    /// Checks that warn and found rows; only of a model that was rebuilt.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
}

/// Runs every model meant, and those it reads, that is not up to date.
///
/// A run over all models also takes away the tables of those that are no longer declared.
///
/// # Errors
/// The first model that fails; those before it are visible, those after it untouched.
pub async fn derive(cx: &Context, selection: &Selection) -> Result<Vec<ModelReport>, Error> {
    let selection = selection.with_inputs(&cx.commons.derived);
    let is_meant = |model: &&Model| selection.has(&model.name);
    let n_models = cx.commons.derived.iter().filter(is_meant).count();
    let mut report = Vec::with_capacity(n_models);
    let total = u64::try_from(n_models).unwrap_or_default();
    cx.progress.begin("derive", "models", Total::Rows(total));
    let mut standing = Standing::open(cx).await?;
    for model in cx.commons.derived.iter().filter(is_meant) {
        report.push(build(cx, model, &mut standing).await?);
        cx.progress.advance(1, 0);
    }
    let n_rebuilt = report
        .iter()
        .filter(|done| done.action == Action::Rebuilt)
        .count();
    if selection == Selection::All {
        for removed in removed_models(cx).await? {
            cx.lake.remove_table(Zone::Derived, &removed).await?;
        }
    }
    cx.progress
        .end(&format!("{n_rebuilt} of {total} model(s) rebuilt"));
    Ok(report)
}

/// Tables of models that are no longer declared, sorted.
pub(crate) async fn removed_models(cx: &Context) -> Result<Vec<String>, Error> {
    let declared = |name: &String| {
        let models = &cx.commons.derived;
        models.iter().any(|model| model.stem() == name)
    };
    let mut tables = cx.lake.tables(Zone::Derived).await?;
    tables.retain(|name| !declared(name));
    Ok(tables)
}

/// What the models are made from now; planned only once a model may be out of date.
struct Standing {
    /// What they read.
    ground: Ground,
    /// Their quick hashes.
    coarse: BTreeMap<String, String>,
    /// Whether the session knows the models.
    is_planned: bool,
    /// Hashes worked out so far.
    known: content::Known,
}

/// What a model is made from, as hashes.
struct Origin {
    /// Of everything.
    fingerprint: String,
    /// Of what every table it reads gives it.
    inputs: BTreeMap<String, String>,
    /// The quick one.
    coarse: String,
}

impl Standing {
    /// Opens what the models read.
    async fn open(cx: &Context) -> Result<Self, Error> {
        let ground = Ground::open(cx).await?;
        let coarse = ground.coarse(&cx.commons.derived);
        Ok(Self {
            ground,
            coarse,
            is_planned: false,
            known: content::Known::default(),
        })
    }

    /// What a model is made from, or nothing where its table is certainly made from that.
    async fn origin(
        &mut self,
        cx: &Context,
        (model, before): (&Model, Option<&Snapshot>),
    ) -> Result<Option<Origin>, Error> {
        let failed = |source| Error::Query {
            model: model.name.clone(),
            source,
        };
        let coarse = self.coarse.get(&model.name).cloned().unwrap_or_default();
        let was = before.and_then(Made::noted);
        if was.is_some_and(|was| was.coarse == coarse) {
            return Ok(None);
        }
        let models = &cx.commons.derived;
        if !self.is_planned {
            self.ground.know(models).await?;
            self.is_planned = true;
        }
        let mut contents = self
            .ground
            .contents(models, std::mem::take(&mut self.known));
        let (fingerprint, inputs) = contents.of_model(model).await.map_err(failed)?;
        self.known = contents.into_known();
        let is_current = before.is_some_and(|before| before.is_made_from(&fingerprint));
        Ok((!is_current).then_some(Origin {
            fingerprint,
            inputs,
            coarse,
        }))
    }
}

/// Rebuilds one model unless it is up to date.
async fn build(cx: &Context, model: &Model, standing: &mut Standing) -> Result<ModelReport, Error> {
    let before = cx.lake.snapshot(Zone::Derived, model.stem()).await?;
    let Some(origin) = standing.origin(cx, (model, before.as_ref())).await? else {
        return Ok(ModelReport {
            model: model.name.clone(),
            action: Action::Unchanged,
            n_rows: before.as_ref().map(Snapshot::n_rows).unwrap_or_default(),
            warnings: Vec::new(),
        });
    };
    let opened = cx
        .open(&model.inputs)
        .await
        .map_err(|source| Error::Inputs {
            model: model.name.clone(),
            source,
        })?;
    let (schema, written) = write_aside(cx, model, &opened, origin.fingerprint).await?;
    let circumstances = Circumstances {
        n_before: before.as_ref().map(Snapshot::n_rows),
        today: cx.started_at.date_naive(),
    };
    let written_as = (&schema, &written);
    let warnings = checking::check(cx, (model, &opened), written_as, circumstances).await?;
    let n_rows = written.n_rows();
    let made = Made::of(model, &schema, (origin.inputs, origin.coarse));
    let commit = TableCommit {
        zone: Zone::Derived,
        table: model.stem(),
        run: cx.run,
        schema,
        statistics: &Statistics::default(),
        scopes: vec![written],
        dropped: Vec::new(),
        at_millis: cx.at_millis(),
    };
    let note = serde_json::to_value(&made).unwrap_or_default();
    cx.lake.commit_noting(commit, Some(note)).await?;
    Ok(ModelReport {
        model: model.name.clone(),
        action: Action::Rebuilt,
        n_rows,
        warnings,
    })
}

/// Runs the statement and writes its rows in order; nothing is visible yet.
async fn write_aside(
    cx: &Context,
    model: &Model,
    opened: &Opened,
    fingerprint: String,
) -> Result<(SchemaRef, WrittenScope), Error> {
    let failed = |source| Error::Query {
        model: model.name.clone(),
        source,
    };
    let sql = in_order(model);
    let answer = opened
        .session
        .columns(&model.name, &sql)
        .await
        .map_err(failed)?;
    let schema = plain_schema(&answer);
    let stream = opened
        .session
        .stream(&model.name, &sql)
        .await
        .map_err(failed)?;
    let rows = plain_rows(stream, model.name.clone(), Arc::clone(&schema));
    let target = Target {
        zone: Zone::Derived,
        table: model.stem(),
        schema: Arc::clone(&schema),
        statistics: &Statistics::default(),
    };
    let scope = Scope::whole(fingerprint);
    let written = cx.lake.write_scope(&target, scope, rows).await?;
    Ok((schema, written))
}

/// The statement with its rows in the order declared, and of the grain where that leaves a choice.
fn in_order(model: &Model) -> String {
    let mut order: Vec<&str> = model.header.order.iter().map(String::as_str).collect();
    let grain = model.header.grain.iter().map(String::as_str);
    let more: Vec<&str> = grain.filter(|column| !order.contains(column)).collect();
    order.extend(more);
    if order.is_empty() {
        return model.sql.clone();
    }
    format!(
        "select * from ({}) as answer order by {}",
        model.sql,
        order.join(", ")
    )
}

/// Rows in the types a table holds.
fn plain_rows(
    stream: impl Stream<Item = Result<RecordBatch, engine::Error>> + Send,
    model: String,
    schema: SchemaRef,
) -> impl Stream<Item = Result<RecordBatch, Error>> + Send {
    stream.map(move |batch| {
        let batch = batch.map_err(|source| Error::Query {
            model: model.clone(),
            source,
        })?;
        plain_batch(&batch, &schema).map_err(|source| Error::Columns {
            model: model.clone(),
            source,
        })
    })
}
