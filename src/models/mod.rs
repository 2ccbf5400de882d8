//! Runs the SQL models, each after what it reads.
//!
//! A model is rebuilt only when something it was made from has changed: its statement (comments
//! and layout apart), its checks, or the columns it reads of another table or model (see `content`).
//! Its rows are written aside, its checks run over what was written, and only then does a commit make
//! them visible. What a model was made from is noted with that commit, so that `plan` can say what a
//! change will do before it is done.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use futures::{Stream, StreamExt};
use serde::Serialize;
use tokio::task::JoinSet;

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
    /// A model ended in a fault of the program.
    #[error("a model could not be built to its end; run again, and report this if it stays")]
    Panicked(#[source] tokio::task::JoinError),
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
    /// Seconds it took to build, where it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// Checks that warn and found rows; only of a model that was rebuilt.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
}

/// Zone of a model's table.
pub(crate) fn zone_of(model: &Model) -> Zone {
    Zone::of(&model.name).unwrap_or(Zone::Derived)
}

/// The models of a zone and of those before it.
fn up_to(cx: &Context, zone: Zone) -> &[Model] {
    if zone == Zone::Derived {
        cx.commons.derived_models()
    } else {
        &cx.commons.models
    }
}

/// Zone and name of a table named `schema.name`.
fn place_of(table: &str) -> (Zone, &str) {
    let (_schema, name) = table.split_once('.').unwrap_or(("", table));
    (Zone::of(table).unwrap_or(Zone::Derived), name)
}

/// Runs every model of a zone meant, and those it reads there, that is not up to date; as many side by side
/// as the engine has threads, each after those it reads.
///
/// A run over all models also takes away the tables of those that are no longer declared.
///
/// # Errors
/// That of the first model, in their order, that fails; what was built before it or beside it is visible, what
/// reads it is untouched.
pub(crate) async fn build(
    cx: &Context,
    selection: &Selection,
    zone: Zone,
) -> Result<Vec<ModelReport>, Error> {
    let selection = selection.with_inputs(&cx.commons.models);
    let models = cx.commons.models.iter().enumerate();
    let meant: Vec<usize> = models
        .filter(|(_index, model)| zone_of(model) == zone && selection.has(&model.name))
        .map(|(index, _model)| index)
        .collect();
    let total = u64::try_from(meant.len()).unwrap_or_default();
    let verb = if zone == Zone::Detected {
        "detect"
    } else {
        "derive"
    };
    cx.progress.begin(verb, "models", Total::Rows(total));
    let report = side_by_side(cx, (zone, meant)).await?;
    let n_rebuilt = report
        .iter()
        .filter(|done| done.action == Action::Rebuilt)
        .count();
    if selection == Selection::All {
        for removed in removed_models(cx, zone).await? {
            cx.lake.remove_table(zone, place_of(&removed).1).await?;
        }
    }
    cx.progress
        .end(&format!("{n_rebuilt} of {total} model(s) rebuilt"));
    Ok(report)
}

/// Models that are still to be built, by their place in the commons.
struct Queue<'a> {
    /// All models.
    models: &'a [Model],
    /// Those that have not begun, in order.
    waiting: Vec<usize>,
    /// Names of those that have not ended.
    unfinished: BTreeSet<&'a str>,
}

impl<'a> Queue<'a> {
    /// With these to be built.
    fn new(models: &'a [Model], waiting: Vec<usize>) -> Self {
        let names = waiting.iter().map(|index| models[*index].name.as_str());
        let unfinished = names.collect();
        Self {
            models,
            waiting,
            unfinished,
        }
    }

    /// Takes the first model that reads nothing unfinished.
    fn take_ready(&mut self) -> Option<usize> {
        let is_ready = |index: &usize| {
            let mut inputs = self.models[*index].inputs.iter();
            inputs.all(|input| !self.unfinished.contains(input.as_str()))
        };
        let place = self.waiting.iter().position(is_ready)?;
        Some(self.waiting.remove(place))
    }

    /// Notes that a model has ended well.
    fn finish(&mut self, index: usize) {
        self.unfinished.remove(self.models[index].name.as_str());
    }
}

/// Builds models by their place in the commons; the account of each, in that order.
async fn side_by_side(
    cx: &Context,
    (zone, meant): (Zone, Vec<usize>),
) -> Result<Vec<ModelReport>, Error> {
    let models = &cx.commons.models;
    let mut standing = Standing::open(cx, zone).await?;
    let mut queue = Queue::new(models, meant);
    let mut running = JoinSet::new();
    let mut done = BTreeMap::new();
    let mut failures = BTreeMap::new();
    loop {
        let may_begin = failures.is_empty() && running.len() < cx.engine.threads();
        let ready = may_begin.then(|| queue.take_ready()).flatten();
        let ended = if let Some(index) = ready {
            match standing.judge(cx, &models[index]).await {
                Ok(Fate::Rebuild(work)) => {
                    running.spawn(carry_out(cx.clone(), index, work));
                    continue;
                }
                Ok(Fate::Stays(report)) => (index, Ok(report)),
                Err(error) => (index, Err(error)),
            }
        } else if let Some(ended) = running.join_next().await {
            ended.map_err(Error::Panicked)?
        } else {
            break;
        };
        match ended {
            (index, Ok(report)) => {
                queue.finish(index);
                cx.progress.advance(1, 0);
                done.insert(index, report);
            }
            (index, Err(error)) => {
                failures.insert(index, error);
            }
        }
    }
    match failures.into_iter().next() {
        Some((_index, error)) => Err(error),
        None => Ok(done.into_values().collect()),
    }
}

/// Builds one model, as a task of its own.
async fn carry_out(
    cx: Context,
    index: usize,
    work: Box<Work>,
) -> (usize, Result<ModelReport, Error>) {
    let model = &cx.commons.models[index];
    (index, rebuild(&cx, model, *work).await)
}

/// Tables beside the models that no model makes.
const NOT_OF_MODELS: [&str; 1] = ["detected.signal_history"];

/// Tables of models of a zone that are no longer declared, as `schema.name`, sorted.
pub(crate) async fn removed_models(cx: &Context, zone: Zone) -> Result<Vec<String>, Error> {
    let is_declared = |name: &String| {
        let models = &cx.commons.models;
        models.iter().any(|model| model.name == *name) || NOT_OF_MODELS.contains(&name.as_str())
    };
    let tables = cx.lake.tables(zone).await?.into_iter();
    let named = tables.map(|table| format!("{}.{table}", zone.name()));
    Ok(named.filter(|name| !is_declared(name)).collect())
}

/// What the models are made from now; planned only once a model may be out of date.
struct Standing {
    /// The zone that is built.
    zone: Zone,
    /// What they read.
    ground: Ground,
    /// Their quick hashes.
    coarse: BTreeMap<String, String>,
    /// Whether the session knows the models.
    is_planned: bool,
    /// Hashes worked out so far.
    known: content::Known,
}

/// What becomes of a model's table.
enum Fate {
    /// It is up to date.
    Stays(ModelReport),
    /// It is built.
    Rebuild(Box<Work>),
}

/// A model to be built: the table it has, and what it is made from now.
struct Work {
    /// The table it has.
    before: Option<Snapshot>,
    /// What it is made from now.
    origin: Origin,
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
    async fn open(cx: &Context, zone: Zone) -> Result<Self, Error> {
        let models = up_to(cx, zone);
        let ground = Ground::open(cx, models).await?;
        let coarse = ground.coarse(models);
        Ok(Self {
            zone,
            ground,
            coarse,
            is_planned: false,
            known: content::Known::default(),
        })
    }

    /// Whether a model is up to date; what it reads must be.
    async fn judge(&mut self, cx: &Context, model: &Model) -> Result<Fate, Error> {
        let before = cx.lake.snapshot(zone_of(model), model.stem()).await?;
        let origin = self.origin(cx, (model, before.as_ref())).await?;
        Ok(match origin {
            Some(origin) => Fate::Rebuild(Box::new(Work { before, origin })),
            None => Fate::Stays(ModelReport {
                model: model.name.clone(),
                action: Action::Unchanged,
                n_rows: before.as_ref().map(Snapshot::n_rows).unwrap_or_default(),
                seconds: None,
                warnings: Vec::new(),
            }),
        })
    }

    /// What a model is made from, or nothing where its table is made from that already.
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
        let models = up_to(cx, self.zone);
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

/// Builds one model: writes its rows aside, checks them, makes them visible.
async fn rebuild(
    cx: &Context,
    model: &Model,
    Work { before, origin }: Work,
) -> Result<ModelReport, Error> {
    let began = cx.seconds();
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
        zone: zone_of(model),
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
        seconds: Some(cx.seconds() - began),
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
    let (columns, stream) = opened
        .session
        .answer(&model.name, &sql)
        .await
        .map_err(failed)?;
    let schema = plain_schema(&columns);
    let rows = plain_rows(stream, model.name.clone(), Arc::clone(&schema));
    let target = Target {
        zone: zone_of(model),
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
