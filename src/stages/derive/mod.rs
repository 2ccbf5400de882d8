//! Runs the SQL models, each after what it reads.
//!
//! A model is rebuilt only when something it was made from has changed: its statement (comments
//! and layout apart), its checks, or the content of a table it reads. Its rows are written aside,
//! its checks run over what was written, and only then does a commit make them visible.

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::{Int64Type, SchemaRef};
use arrow::record_batch::RecordBatch;
use futures::{Stream, StreamExt};
use serde::Serialize;

use crate::context::tables::{self, Opened};
use crate::context::{Action, Context, Total};
use crate::engine;
use crate::lake::plain::{plain_batch, plain_schema};
use crate::lake::{self, Scope, Statistics, TableCommit, Target, WrittenScope, Zone};
use crate::spec::model::Model;

mod checks;

pub(crate) use checks::check_statement;

/// Version of what this stage writes; part of every fingerprint.
const VERSION: &str = "derive-1";

/// What went wrong with a model.
#[derive(Debug, thiserror::Error)]
pub enum Error {
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
        "model `{model}` fails its check `{check}` on {n_rows} row(s); the table keeps its earlier content"
    )]
    Check {
        /// The model.
        model: String,
        /// The check as written in the header.
        check: String,
        /// Rows that fail it.
        n_rows: u64,
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
}

/// Runs every derived model that is not up to date.
///
/// # Errors
/// The first model that fails; those before it are visible, those after it untouched.
pub async fn derive(cx: &Context) -> Result<Vec<ModelReport>, Error> {
    let mut report = Vec::with_capacity(cx.commons.derived.len());
    let total = u64::try_from(cx.commons.derived.len()).unwrap_or_default();
    cx.progress.begin("derive", "models", Total::Rows(total));
    for model in &cx.commons.derived {
        let done = build(cx, model).await?;
        cx.progress.advance(1, 0);
        report.push(done);
    }
    let n_rebuilt = report
        .iter()
        .filter(|done| done.action == Action::Rebuilt)
        .count();
    cx.progress
        .end(&format!("{n_rebuilt} of {total} model(s) rebuilt"));
    Ok(report)
}

/// Rebuilds one model unless it is up to date.
async fn build(cx: &Context, model: &Model) -> Result<ModelReport, Error> {
    let opened = cx
        .open(&model.inputs)
        .await
        .map_err(|source| Error::Inputs {
            model: model.name.clone(),
            source,
        })?;
    let fingerprint = fingerprint(model, &opened);
    let before = cx.lake.snapshot(Zone::Derived, model.stem()).await?;
    if let Some(before) = before.filter(|before| before.is_made_from(&fingerprint)) {
        return Ok(ModelReport {
            model: model.name.clone(),
            action: Action::Unchanged,
            n_rows: before.n_rows(),
        });
    }
    let (schema, written) = write_aside(cx, model, &opened, fingerprint).await?;
    check(cx, model, &opened, (&schema, &written)).await?;
    let n_rows = written.n_rows();
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
    cx.lake.commit(commit).await?;
    Ok(ModelReport {
        model: model.name.clone(),
        action: Action::Rebuilt,
        n_rows,
    })
}

/// Hash of all that a model's rows are made from.
fn fingerprint(model: &Model, opened: &Opened) -> String {
    let (grain, checks) = (&model.header.grain, &model.header.checks);
    let sql = model.normalized_sql();
    opened.fingerprint_with(&[VERSION, &sql, &grain.join(","), &checks.join("\n")])
}

/// Runs the statement and writes its rows in the order of the grain; nothing is visible yet.
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
    let sql = in_grain_order(model);
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

/// The statement with its rows in the order of the grain.
fn in_grain_order(model: &Model) -> String {
    if model.header.grain.is_empty() {
        return model.sql.clone();
    }
    format!(
        "select * from ({}) as answer order by {}",
        model.sql,
        model.header.grain.join(", ")
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

/// Runs the checks of a model over rows that are not visible yet.
async fn check(
    cx: &Context,
    model: &Model,
    opened: &Opened,
    (schema, written): (&SchemaRef, &WrittenScope),
) -> Result<(), Error> {
    let failed = |source| Error::Query {
        model: model.name.clone(),
        source,
    };
    let provider = cx
        .lake
        .provider_of(Zone::Derived, model.stem(), schema, &written.files)
        .map_err(|source| Error::Inputs {
            model: model.name.clone(),
            source: tables::Error::Open {
                table: model.name.clone(),
                source: Box::new(source),
            },
        })?;
    opened
        .session
        .register(Zone::Derived.name(), model.stem(), provider)
        .map_err(failed)?;
    for check in &model.header.checks {
        let sql = check_statement(&model.name, &model.header.grain, check);
        let rows = opened
            .session
            .rows(&model.name, &sql)
            .await
            .map_err(failed)?;
        let n_rows = first_count(&rows);
        if n_rows > 0 {
            return Err(Error::Check {
                model: model.name.clone(),
                check: check.clone(),
                n_rows,
            });
        }
    }
    Ok(())
}

/// The number in the first row and column.
fn first_count(rows: &[RecordBatch]) -> u64 {
    rows.iter()
        .find(|batch| batch.num_rows() > 0)
        .and_then(|batch| {
            batch
                .column(0)
                .as_primitive_opt::<Int64Type>()
                .map(|values| values.value(0))
        })
        .and_then(|count| u64::try_from(count).ok())
        .unwrap_or_default()
}
