//! Finds what is wrong with the declarations and the SQL without reading any record.
//!
//! Every statement is planned over empty tables: those of the contracts, the canonical ones, the
//! reference ones, and the answers of the models before it.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::datasource::empty::EmptyTable;

use crate::canon::tables::{TABLES, Table};
use crate::context::tables::reference_schema;
use crate::engine::{self, Engine, Session};
use crate::lake::plain::plain_schema;
use crate::spec::commons::Commons;
use crate::spec::diagnostic::Diagnostic;
use crate::spec::model::Model;
use crate::spec::release::ReleaseSpec;
use crate::spec::source::{ColumnKind, TableSpec};
use crate::stages::{conform, derive};

/// Every mistake in the statements of a commons whose files load.
///
/// # Errors
/// When the engine cannot be set up.
pub async fn check(commons: &Commons) -> Result<Vec<Diagnostic>, engine::Error> {
    let session = Engine::new(&commons.settings.engine)?.session()?;
    declare_tables(commons, &session)?;
    let mut mistakes = Vec::new();
    for model in &commons.conformed {
        mistakes.extend(check_mapping(&session, model).await);
    }
    for model in &commons.derived {
        mistakes.extend(check_model(&session, model).await?);
    }
    for (name, declared) in &commons.releases {
        for (needle, message) in check_release(&session, name, &declared.spec).await {
            mistakes.push(declared.text.diagnostic_at(
                &needle,
                message,
                "here",
                Some("name a column of the model"),
            ));
        }
    }
    Ok(mistakes)
}

/// Puts every table that is not a model into the session, empty.
fn declare_tables(commons: &Commons, session: &Session) -> Result<(), engine::Error> {
    let empty = |schema: SchemaRef| Arc::new(EmptyTable::new(schema));
    for table in TABLES {
        session.register(
            "conformed",
            table.name,
            empty(plain_schema(&table.schema())),
        )?;
    }
    for (name, spec) in &commons.reference.tables {
        session.register("reference", name, empty(reference_schema(spec)))?;
    }
    for (platform, source) in &commons.sources {
        for (table, spec) in &source.spec.tables {
            session.register(
                "source",
                &format!("{platform}__{table}"),
                empty(typed_schema(spec)),
            )?;
        }
    }
    Ok(())
}

/// Columns of the typed reading of a table.
fn typed_schema(spec: &TableSpec) -> SchemaRef {
    let typed = spec
        .columns
        .iter()
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
        Err(error) => return vec![statement_mistake(model, &error)],
    };
    let names: Vec<&str> = schema
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .collect();
    let table = model.header.into.as_deref().and_then(Table::named);
    let misfit = table.and_then(|table| conform::misfit(table, &names));
    misfit
        .into_iter()
        .map(|message| {
            model.mistake(
                "into",
                message,
                "see `docs/data-dictionary.md` for the canonical columns",
            )
        })
        .collect()
}

/// Mistakes of a derived model; its answer becomes a table for those after it.
async fn check_model(session: &Session, model: &Model) -> Result<Vec<Diagnostic>, engine::Error> {
    let schema = match session.columns(&model.name, &model.sql).await {
        Ok(schema) => plain_schema(&schema),
        Err(error) => return Ok(vec![statement_mistake(model, &error)]),
    };
    session.register(
        "derived",
        model.stem(),
        Arc::new(EmptyTable::new(Arc::clone(&schema))),
    )?;
    let mut mistakes = header_mistakes(model, &schema);
    for check in &model.header.checks {
        let sql = derive::check_statement(&model.name, &model.header.grain, check);
        if let Err(error) = session.columns(&model.name, &sql).await {
            let message = format!("the check `{check}` does not plan: {}", cause(&error));
            mistakes.push(model.mistake(
                check,
                message,
                "use `unique(grain)`, `not_null(column)` or an expression over the columns",
            ));
        }
    }
    Ok(mistakes)
}

/// Where header and answer disagree.
fn header_mistakes(model: &Model, schema: &SchemaRef) -> Vec<Diagnostic> {
    let has = |name: &String| schema.field_with_name(name).is_ok();
    let declared = &model.header.columns;
    let mut mistakes = Vec::new();
    for name in declared.keys().filter(|name| !has(name)) {
        let needle = format!("[columns.{name}]");
        mistakes.push(model.mistake(
            &needle,
            format!("the header explains `{name}`, which the statement does not give"),
            "remove it or select the column",
        ));
    }
    for field in schema
        .fields()
        .iter()
        .filter(|field| !declared.contains_key(field.name()))
    {
        mistakes.push(model.mistake(
            field.name(),
            format!("column `{}` is not explained", field.name()),
            "add it under `[columns]` with role, it and en",
        ));
    }
    for name in model.header.grain.iter().filter(|name| !has(name)) {
        mistakes.push(model.mistake(
            name,
            format!("the grain names `{name}`, which the statement does not give"),
            "name columns of the answer",
        ));
    }
    mistakes
}

/// Columns a release names that its model does not give.
async fn check_release(session: &Session, name: &str, spec: &ReleaseSpec) -> Vec<(String, String)> {
    let sql = format!("select * from {}", spec.table);
    let Ok(schema) = session.columns(name, &sql).await else {
        return vec![(
            spec.table.clone(),
            format!("there is no model `{}`", spec.table),
        )];
    };
    let protect = &spec.protect;
    let axes = [
        &spec.axes.rows,
        &spec.axes.columns,
        &spec.axes.period,
        &protect.measure,
    ];
    let platforms = "platforms".to_owned();
    axes.into_iter()
        .chain(&protect.persons)
        .chain(&protect.complement_persons)
        .chain([&platforms])
        .filter(|column| schema.field_with_name(column).is_err())
        .map(|column| {
            (
                column.clone(),
                format!("model `{}` has no column `{column}`", spec.table),
            )
        })
        .collect()
}

/// The mistake of a statement that does not plan.
fn statement_mistake(model: &Model, error: &engine::Error) -> Diagnostic {
    let message = cause(error);
    // DataFusion quotes the name it could not find last, as `schema.table.column` or `column`.
    let needle = message
        .split(['\'', '`', '"'])
        .skip(1)
        .step_by(2)
        .flat_map(|quoted| [quoted, quoted.rsplit('.').next().unwrap_or(quoted)])
        .chain(
            message
                .split_whitespace()
                .rev()
                .map(|word| word.trim_end_matches('.')),
        )
        .find(|word| word.len() > 2 && model.sql.contains(word))
        .unwrap_or("select")
        .to_owned();
    model.statement_mistake(&needle, message, "correct the name, or the tables it reads")
}

/// The innermost cause of an engine error, first line.
fn cause(error: &engine::Error) -> String {
    let text = super::with_causes(error);
    let last = text.split(": ").skip(1).collect::<Vec<_>>().join(": ");
    last.lines().next().unwrap_or_default().to_owned()
}
