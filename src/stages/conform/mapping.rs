//! Turns typed rows of a platform into rows of the canonical tables.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, StringArray, new_null_array};
use arrow::compute::cast;
use arrow::record_batch::RecordBatch;
use futures::stream;
use serde::Serialize;

use super::Error;
use crate::canon::tables::{Column, Need, Table};
use crate::context::tables::Opened;
use crate::context::{Context, Total};
use crate::lake::plain::plain_schema;
use crate::lake::{Scope, Snapshot, Statistics, TableCommit, Target, WrittenScope, Zone};
use crate::spec::commons::platform_of;
use crate::spec::model::Model;

/// Version of the mapping step; part of every fingerprint.
const VERSION: &str = "mapping-1";

/// Columns the stage fills in itself.
const FILLED: [&str; 2] = ["platform", "source_table"];

/// What one mapping did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MappingReport {
    /// File name of the mapping.
    pub model: String,
    /// Canonical table it fills.
    pub into: String,
    /// Rows it gave.
    pub n_rows: u64,
    /// Whether it ran.
    pub has_run: bool,
}

/// Runs the mappings of the platforms named that are not up to date; one commit per table.
pub(super) async fn map_all(
    cx: &Context,
    platforms: &[String],
    failed: &mut BTreeMap<String, Error>,
) -> Result<Vec<MappingReport>, Error> {
    let mut reports = Vec::new();
    for table in crate::canon::tables::TABLES {
        let models: Vec<&Model> = cx
            .commons
            .conformed
            .iter()
            .filter(|model| model.header.into.as_deref() == Some(table.name))
            .collect();
        let before = cx.lake.snapshot(Zone::Conformed, table.name).await?;
        let mut scopes = Vec::new();
        for model in &models {
            let platform = platform_of(model).unwrap_or_default().to_owned();
            if !platforms.contains(&platform) || failed.contains_key(&platform) {
                continue;
            }
            match map_one(cx, table, model, before.as_ref()).await {
                Ok((report, written)) => {
                    reports.push(report);
                    scopes.extend(written);
                }
                Err(error) => {
                    failed.insert(platform, error);
                }
            }
        }
        commit(cx, table, &models, before.as_ref(), scopes).await?;
    }
    Ok(reports)
}

/// Makes the new scopes of a canonical table visible and drops those without a mapping.
async fn commit(
    cx: &Context,
    table: &Table,
    models: &[&Model],
    before: Option<&Snapshot>,
    scopes: Vec<WrittenScope>,
) -> Result<(), Error> {
    let dropped: Vec<String> = before
        .into_iter()
        .flat_map(|before| before.fingerprints.keys())
        .filter(|scope| !models.iter().any(|model| model.stem() == **scope))
        .cloned()
        .collect();
    if scopes.is_empty() && dropped.is_empty() {
        return Ok(());
    }
    let commit = TableCommit {
        zone: Zone::Conformed,
        table: table.name,
        run: cx.run,
        schema: plain_schema(&table.schema()),
        statistics: &statistics(table),
        scopes,
        dropped,
        at_millis: cx.at_millis(),
    };
    cx.lake.commit(commit).await?;
    Ok(())
}

/// Columns that say nothing of a person: dates of the table, platform and comune.
fn statistics(table: &Table) -> Statistics {
    const PLAIN: [&str; 4] = ["platform", "requested_on", "month", "visited_on"];
    Statistics(
        table
            .columns
            .iter()
            .map(|column| column.name.to_owned())
            .filter(|name| PLAIN.contains(&&**name))
            .collect(),
    )
}

/// Runs one mapping unless it is up to date.
async fn map_one(
    cx: &Context,
    table: &Table,
    model: &Model,
    before: Option<&Snapshot>,
) -> Result<(MappingReport, Option<WrittenScope>), Error> {
    let opened = cx
        .open(&model.inputs)
        .await
        .map_err(|source| Error::Inputs {
            model: model.stem().to_owned(),
            source,
        })?;
    let fingerprint = opened.fingerprint_with(&[VERSION, &model.normalized_sql()]);
    let report = |n_rows, has_run| MappingReport {
        model: model.stem().to_owned(),
        into: table.name.to_owned(),
        n_rows,
        has_run,
    };
    if let Some(before) =
        before.filter(|before| before.fingerprints.get(model.stem()) == Some(&fingerprint))
    {
        return Ok((report(before.n_rows_of(model.stem()), false), None));
    }
    cx.progress.begin("conform", model.stem(), Total::Unknown);
    let rows = mapped_rows(table, model, &opened).await?;
    let target = Target {
        zone: Zone::Conformed,
        table: table.name,
        schema: plain_schema(&table.schema()),
        statistics: &statistics(table),
    };
    let scope = Scope {
        name: model.stem().to_owned(),
        fingerprint,
    };
    let written = cx
        .lake
        .write_scope(
            &target,
            scope,
            stream::iter(rows.into_iter().map(Ok::<_, Error>)),
        )
        .await?;
    let n_rows = written.n_rows();
    cx.progress.advance(n_rows, 0);
    cx.progress
        .end(&format!("{n_rows} row(s) into {}", table.name));
    Ok((report(n_rows, true), Some(written)))
}

/// Runs the statement and brings its rows to the canonical columns, sorted by the first of them.
async fn mapped_rows(
    table: &Table,
    model: &Model,
    opened: &Opened,
) -> Result<Vec<RecordBatch>, Error> {
    let failed = |source| Error::Mapping {
        model: model.stem().to_owned(),
        source,
    };
    let answer = opened
        .session
        .columns(model.stem(), &model.sql)
        .await
        .map_err(failed)?;
    let names: Vec<&str> = answer
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .collect();
    if let Some(message) = misfit(table, &names) {
        return Err(Error::Misfit {
            model: model.stem().to_owned(),
            message,
        });
    }
    let order: Vec<&str> = table
        .columns
        .iter()
        .map(|column| column.name)
        .filter(|name| names.contains(name))
        .collect();
    let sql = format!(
        "select * from ({}) as answer order by {}",
        model.sql,
        order.join(", ")
    );
    let rows = opened
        .session
        .rows(model.stem(), &sql)
        .await
        .map_err(failed)?;
    rows.iter()
        .map(|batch| canonical(table, model, batch))
        .collect()
}

/// What keeps these columns from filling the canonical table.
fn misfit(table: &Table, names: &[&str]) -> Option<String> {
    let known: BTreeSet<&str> = table.columns.iter().map(|column| column.name).collect();
    if let Some(unknown) = names.iter().find(|name| !known.contains(**name)) {
        return Some(format!("`{}` has no column `{unknown}`", table.name));
    }
    let missing = missing_columns(table, names).into_iter().next()?;
    Some(format!("`{}` needs column `{missing}`", table.name))
}

/// Columns that must be there and are neither among `names` nor filled in by the stage.
pub(crate) fn missing_columns(table: &Table, names: &[&str]) -> Vec<&'static str> {
    let is_given = |name: &str| names.contains(&name) || FILLED.contains(&name);
    let needed = table
        .columns
        .iter()
        .filter(|column| column.need == Need::Always);
    needed
        .map(|column| column.name)
        .filter(|name| !is_given(name))
        .collect()
}

/// The batch with exactly the canonical columns, its codes checked.
fn canonical(table: &Table, model: &Model, batch: &RecordBatch) -> Result<RecordBatch, Error> {
    let misfit = |message: String| Error::Misfit {
        model: model.stem().to_owned(),
        message,
    };
    let schema = plain_schema(&table.schema());
    let source_table = model.stem().split("__").nth(1).unwrap_or_default();
    let same =
        |value: &str| -> ArrayRef { Arc::new(StringArray::from(vec![value; batch.num_rows()])) };
    let mut columns = Vec::with_capacity(table.columns.len());
    for column in table.columns {
        let values = match (column.name, batch.column_by_name(column.name)) {
            ("platform", _) => same(platform_of(model).unwrap_or_default()),
            ("source_table", _) => same(source_table),
            (_, Some(values)) => cast(values, &column.kind.data_type())
                .map_err(|error| misfit(format!("column `{}`: {error}", column.name)))?,
            (_, None) => new_null_array(&column.kind.data_type(), batch.num_rows()),
        };
        if column.need == Need::Always && values.null_count() > 0 {
            return Err(misfit(format!(
                "column `{}` is null on {} row(s)",
                column.name,
                values.null_count()
            )));
        }
        if let Some(unknown) = unknown_code(column, &values) {
            return Err(misfit(format!(
                "column `{}` holds `{unknown}`, which is not one of {}",
                column.name,
                column.values.join(", ")
            )));
        }
        columns.push(values);
    }
    RecordBatch::try_new(schema, columns).map_err(Error::Books)
}

/// A value that is not in the list of a code column.
fn unknown_code(column: &Column, values: &ArrayRef) -> Option<String> {
    if column.values.is_empty() {
        return None;
    }
    let texts = values.as_any().downcast_ref::<StringArray>()?;
    texts
        .iter()
        .flatten()
        .find(|text| !column.values.contains(text))
        .map(str::to_owned)
}
