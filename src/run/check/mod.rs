//! Finds what is wrong with the declarations and the SQL without reading any record.
//!
//! Every statement is planned over empty tables: those of the contracts, the canonical ones, the
//! reference ones, and the answers of the models before it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::datasource::empty::EmptyTable;

use crate::canon::tables::{TABLES, Table};
use crate::context::tables::reference_schema;
use crate::engine::{self, Engine, Session};
use crate::lake::plain::plain_schema;
use crate::models;
use crate::spec::commons::{Commons, Declared, Draft};
use crate::spec::diagnostic::Diagnostic;
use crate::spec::model::Model;
use crate::spec::nearest;
use crate::spec::reference::ReferenceSpec;
use crate::spec::source::{ColumnKind, Keeping, SourceSpec, TableSpec};
use crate::stages::conform;

mod columns;
mod release;
mod stale;
mod statement;

/// Every mistake in the declarations and the statements of a commons, by file and place.
///
/// What reads a broken file is not blamed for it: its statement is left alone until the file is
/// right.
///
/// # Errors
/// When the engine cannot be set up.
pub async fn check(draft: &Draft) -> Result<Vec<Diagnostic>, engine::Error> {
    let engine = draft
        .settings
        .as_ref()
        .map(|settings| settings.engine.clone())
        .unwrap_or_default();
    let session = Engine::new(&engine)?.session()?;
    for (table, schema) in declared_schemas(&draft.sources, draft.reference.as_ref()) {
        register(&session, &table, &schema)?;
    }
    let mut mistakes = draft.mistakes.clone();
    let mut silent: BTreeSet<String> = BTreeSet::new();
    let is_silent =
        |silent: &BTreeSet<String>, table: &str| draft.is_unread(table) || silent.contains(table);
    for model in &draft.conformed {
        let is_declared = |input: &String| !input.starts_with("source.") || draft.has_source(input);
        if model
            .inputs
            .iter()
            .all(|input| !draft.is_unread(input) && is_declared(input))
        {
            mistakes.extend(check_mapping(&session, model).await);
        }
    }
    for model in &draft.models {
        if model.inputs.iter().any(|input| is_silent(&silent, input)) {
            silent.insert(model.name.clone());
            continue;
        }
        match check_model(&session, (model, &draft.models)).await? {
            Ok(found) => mistakes.extend(found),
            Err(broken) => {
                silent.insert(model.name.clone());
                mistakes.push(broken);
            }
        }
    }
    for declared in draft.releases.values() {
        if !is_silent(&silent, &declared.spec.table) {
            mistakes.extend(release::check(&session, &draft.models, declared).await);
        }
    }
    mistakes.extend(stale::check(draft).await);
    mistakes.sort_by(|left, right| {
        (&left.file, left.span.start, &left.message).cmp(&(
            &right.file,
            right.span.start,
            &right.message,
        ))
    });
    mistakes.dedup();
    Ok(mistakes)
}

/// Columns of every table a statement of `commons` can read, models included, by `schema.name`.
///
/// # Errors
/// When a model does not plan; `check` says why.
pub async fn table_schemas(
    commons: &Commons,
) -> Result<BTreeMap<String, SchemaRef>, engine::Error> {
    let (_session, schemas) = planned(commons).await?;
    Ok(schemas)
}

/// A session in which every table and model of `commons` is known and empty.
///
/// # Errors
/// When a model does not plan; `check` says why.
pub(crate) async fn planning_session(commons: &Commons) -> Result<Session, engine::Error> {
    let (session, _schemas) = planned(commons).await?;
    Ok(session)
}

/// A session in which every table and model is known, and their columns.
async fn planned(
    commons: &Commons,
) -> Result<(Session, BTreeMap<String, SchemaRef>), engine::Error> {
    let session = Engine::new(&commons.settings.engine)?.session()?;
    let mut schemas = declared_schemas(&commons.sources, Some(&commons.reference));
    for (table, schema) in &schemas {
        register(&session, table, schema)?;
    }
    for model in &commons.models {
        let schema = plain_schema(&session.columns(&model.name, &model.sql).await?);
        register(&session, &model.name, &schema)?;
        schemas.insert(model.name.clone(), schema);
    }
    Ok((session, schemas))
}

/// Puts an empty table into the session.
fn register(session: &Session, table: &str, schema: &SchemaRef) -> Result<(), engine::Error> {
    let (zone, name) = table.split_once('.').unwrap_or(("public", table));
    session.register(zone, name, Arc::new(EmptyTable::new(Arc::clone(schema))))
}

/// Columns of every table that is not a model, by `schema.name`.
fn declared_schemas(
    sources: &BTreeMap<String, Declared<SourceSpec>>,
    reference: Option<&ReferenceSpec>,
) -> BTreeMap<String, SchemaRef> {
    let canonical = TABLES.iter().map(|table| {
        (
            format!("conformed.{}", table.name),
            plain_schema(&table.schema()),
        )
    });
    let reference = reference
        .into_iter()
        .flat_map(|reference| &reference.tables);
    let reference =
        reference.map(|(name, spec)| (format!("reference.{name}"), reference_schema(spec)));
    let tables = sources.iter().flat_map(|(platform, source)| {
        source
            .spec
            .tables
            .iter()
            .map(move |(table, spec)| (platform, table, spec))
    });
    let typed = tables
        .map(|(platform, table, spec)| (format!("source.{platform}__{table}"), typed_schema(spec)));
    canonical.chain(reference).chain(typed).collect()
}

/// Columns of the typed reading of a table.
fn typed_schema(spec: &TableSpec) -> SchemaRef {
    let typed = spec
        .columns
        .iter()
        .filter(|(_, column)| column.keep == Keeping::Stored)
        .map(|(name, column)| Field::new(name, typed_kind(column.kind), true));
    let revision = Field::new(conform::typed::REVISION_COLUMN, DataType::Int64, true);
    Arc::new(Schema::new(typed.chain([revision]).collect::<Vec<_>>()))
}

/// Type of a typed column.
fn typed_kind(kind: ColumnKind) -> DataType {
    match kind {
        ColumnKind::Text | ColumnKind::Code | ColumnKind::Tags | ColumnKind::Comune => {
            DataType::Utf8
        }
        ColumnKind::Date | ColumnKind::Month => DataType::Date32,
        ColumnKind::Instant => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        ColumnKind::Integer | ColumnKind::Minutes => DataType::Int64,
        ColumnKind::Decimal => DataType::Decimal128(12, 2),
        ColumnKind::Number => DataType::Float64,
        ColumnKind::Boolean => DataType::Boolean,
        ColumnKind::Person | ColumnKind::Record => DataType::Binary,
    }
}

/// Mistakes of a mapping.
async fn check_mapping(session: &Session, model: &Model) -> Vec<Diagnostic> {
    let schema = match session.columns(&model.name, &model.sql).await {
        Ok(schema) => schema,
        Err(error) => return vec![statement::mistake(model, &error)],
    };
    let names: Vec<&str> = schema
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .collect();
    let Some(table) = model.header.into.as_deref().and_then(Table::named) else {
        return Vec::new();
    };
    let known: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
    let unknown = names
        .iter()
        .filter(|name| !known.contains(*name))
        .map(|name| {
            let help = nearest(name, &known).map_or_else(
                || "see `docs/data-dictionary.md` for the canonical columns".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            model.answer_mistake(
                name,
                format!(
                    "the canonical table `{}` has no column `{name}`",
                    table.name
                ),
                &help,
            )
        });
    let missing = conform::missing_columns(table, &names);
    let missing = missing.into_iter().map(|name| {
        model.mistake(
            &format!("\"{}\"", table.name),
            format!("the canonical table `{}` needs column `{name}`", table.name),
            &format!("select it: `… as {name}`"),
        )
    });
    unknown.chain(missing).collect()
}

/// Mistakes of a derived model, whose answer becomes a table for those after it; or the one
/// mistake that keeps it from having an answer.
async fn check_model(
    session: &Session,
    (model, models): (&Model, &[Model]),
) -> Result<Result<Vec<Diagnostic>, Diagnostic>, engine::Error> {
    let schema = match session.columns(&model.name, &model.sql).await {
        Ok(schema) => plain_schema(&schema),
        Err(error) => return Ok(Err(statement::mistake(model, &error))),
    };
    register(session, &model.name, &schema)?;
    let lineage = session.lineage(&model.name, &model.sql).await?;
    let mut mistakes = columns::mistakes(model, &schema, (models, &lineage));
    let is_grain_sound = model
        .header
        .grain
        .iter()
        .all(|name| schema.field_with_name(name).is_ok());
    let circumstances = models::Circumstances {
        n_before: Some(1),
        today: chrono::NaiveDate::default(),
    };
    for check in model.header.checks.iter().chain(&model.header.warnings) {
        if check.contains("grain") && !is_grain_sound {
            continue;
        }
        let read = models::read_check(&model.name, &model.header.grain, (check, circumstances));
        if let Err(error) = session
            .columns(&model.name, &read.statement(&model.name))
            .await
        {
            let (why, help) = statement::words(
                &error,
                "use `unique(grain)`, `not_null(column)`, another check of CONTRIBUTING.md, or a condition over the columns",
            );
            mistakes.push(model.mistake(
                check,
                format!("the check cannot be carried out: {why}"),
                &help,
            ));
        }
    }
    Ok(Ok(mistakes))
}
