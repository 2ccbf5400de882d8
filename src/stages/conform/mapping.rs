//! Turns typed rows of a platform into rows of the canonical tables.
//!
//! A mapping that is row-wise in a source table with parts (see [`super::rowwise`]) runs part by
//! part: only for those of which rows, statement or the other tables it reads have changed.
//!
//! ```text
//! source.prova__richieste     conformed.exchanges
//!   2024-02   unchanged    →    prova__richieste@2024-02   stays
//!   2024-03   written      →    prova__richieste@2024-03   written
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, StringArray, new_null_array};
use arrow::compute::cast;
use arrow::record_batch::RecordBatch;
use futures::stream;
use serde::Serialize;

use super::Error;
use super::rowwise::is_rowwise;
use crate::canon::tables::{Column, Need, Table};
use crate::context::tables::Opened;
use crate::context::{Context, Total};
use crate::lake::plain::plain_schema;
use crate::lake::{
    Scope, Snapshot, Statistics, TableCommit, Target, WHOLE, WrittenScope, Zone, scope,
};
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
    /// Rows it gives in all.
    pub n_rows: u64,
    /// Whether it ran.
    pub has_run: bool,
    /// Parts it can run for alone; one where it runs as a whole.
    pub n_parts: u64,
    /// Parts it ran for.
    pub n_parts_run: u64,
    /// Bytes of the files it read.
    pub n_bytes_read: u64,
    /// Bytes of the files it wrote.
    pub n_bytes_written: u64,
}

/// What became of one mapping.
#[derive(Debug)]
struct Mapped {
    /// The account.
    report: MappingReport,
    /// Scopes it wrote.
    written: Vec<WrittenScope>,
    /// Scopes it has now, written or not.
    scopes: BTreeSet<String>,
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
        let mut done = BTreeMap::new();
        for model in &models {
            let platform = platform_of(model).unwrap_or_default().to_owned();
            if !platforms.contains(&platform) || failed.contains_key(&platform) {
                continue;
            }
            match map_one(cx, table, model, before.as_ref()).await {
                Ok(mapped) => {
                    reports.push(mapped.report.clone());
                    done.insert(model.stem(), mapped);
                }
                Err(error) => {
                    failed.insert(platform, error);
                }
            }
        }
        let dropped = dropped(&models, &done, before.as_ref());
        let scopes = done.into_values().flat_map(|mapped| mapped.written);
        commit(cx, table, scopes.collect(), dropped).await?;
    }
    Ok(reports)
}

/// Scopes without a mapping, and those that their mapping no longer has.
fn dropped(
    models: &[&Model],
    done: &BTreeMap<&str, Mapped>,
    before: Option<&Snapshot>,
) -> Vec<String> {
    let stays = |known: &str| {
        let owner = scope::owner(known);
        match done.get(owner) {
            Some(mapped) => mapped.scopes.contains(known),
            None => models.iter().any(|model| model.stem() == owner),
        }
    };
    let known = before.into_iter().flat_map(Snapshot::scopes);
    known
        .filter(|known| !stays(known))
        .map(str::to_owned)
        .collect()
}

/// Makes the new scopes of a canonical table visible and drops those that are no more.
async fn commit(
    cx: &Context,
    table: &Table,
    scopes: Vec<WrittenScope>,
    dropped: Vec<String>,
) -> Result<(), Error> {
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

/// Runs one mapping, or those of its parts that are not up to date.
async fn map_one(
    cx: &Context,
    table: &Table,
    model: &Model,
    before: Option<&Snapshot>,
) -> Result<Mapped, Error> {
    let not_opened = |source| Error::Inputs {
        model: model.stem().to_owned(),
        source,
    };
    let mut opened = cx.open(&model.inputs).await.map_err(not_opened)?;
    let parted = parted_input(model, &opened).await?;
    let mut mapping = Mapping {
        cx,
        table,
        model,
        before,
        mapped: Mapped::of(table, model),
    };
    let Some((input, whole)) = parted else {
        mapping.bring_up_to_date(model.stem(), &opened).await?;
        return Ok(mapping.mapped);
    };
    for part in whole.scopes() {
        cx.narrow(&mut opened, (&input, &whole), part)
            .map_err(not_opened)?;
        let scope = scope::of_part(model.stem(), part);
        mapping.bring_up_to_date(&scope, &opened).await?;
    }
    Ok(mapping.mapped)
}

/// The one source table with parts in which the mapping is row-wise.
async fn parted_input(model: &Model, opened: &Opened) -> Result<Option<(String, Snapshot)>, Error> {
    let mut parted = opened
        .snapshots
        .iter()
        .filter(|(name, found)| name.starts_with("source.") && found.scopes() != [WHOLE]);
    // A second table with parts would be read whole for every part of the first.
    let (Some((name, found)), None) = (parted.next(), parted.next()) else {
        return Ok(None);
    };
    let plan = opened.session.logical_plan(model.stem(), &model.sql);
    let plan = plan.await.map_err(|source| Error::Mapping {
        model: model.stem().to_owned(),
        source,
    })?;
    Ok(is_rowwise(&plan, name).then(|| (name.clone(), found.clone())))
}

impl Mapped {
    /// A mapping that has done nothing yet.
    fn of(table: &Table, model: &Model) -> Self {
        Self {
            report: MappingReport {
                model: model.stem().to_owned(),
                into: table.name.to_owned(),
                n_rows: 0,
                has_run: false,
                n_parts: 0,
                n_parts_run: 0,
                n_bytes_read: 0,
                n_bytes_written: 0,
            },
            written: Vec::new(),
            scopes: BTreeSet::new(),
        }
    }
}

/// A mapping at work.
struct Mapping<'a> {
    /// Context of the run.
    cx: &'a Context,
    /// Canonical table.
    table: &'a Table,
    /// The mapping.
    model: &'a Model,
    /// The canonical table as it is.
    before: Option<&'a Snapshot>,
    /// What was done so far.
    mapped: Mapped,
}

impl Mapping<'_> {
    /// Runs the statement over what is opened, unless the scope was made from just that.
    async fn bring_up_to_date(&mut self, name: &str, opened: &Opened) -> Result<(), Error> {
        let fingerprint = opened.fingerprint_with(&[VERSION, &self.model.normalized_sql()]);
        let report = &mut self.mapped.report;
        report.n_parts += 1;
        self.mapped.scopes.insert(name.to_owned());
        let is_current = |before: &&Snapshot| before.fingerprints.get(name) == Some(&fingerprint);
        if let Some(before) = self.before.filter(is_current) {
            report.n_rows += before.n_rows_of(name);
            return Ok(());
        }
        let scope = Scope {
            name: name.to_owned(),
            fingerprint,
        };
        let written = self.run(scope, opened).await?;
        let report = &mut self.mapped.report;
        report.has_run = true;
        report.n_parts_run += 1;
        report.n_rows += written.n_rows();
        report.n_bytes_read += opened.n_bytes();
        report.n_bytes_written += written.n_bytes();
        self.mapped.written.push(written);
        Ok(())
    }

    /// Runs the statement and writes its rows.
    async fn run(&self, scope: Scope, opened: &Opened) -> Result<WrittenScope, Error> {
        let progress = &self.cx.progress;
        progress.begin("conform", &scope.name, Total::Unknown);
        let rows = mapped_rows(self.table, self.model, opened).await?;
        let target = Target {
            zone: Zone::Conformed,
            table: self.table.name,
            schema: plain_schema(&self.table.schema()),
            statistics: &statistics(self.table),
        };
        let rows = stream::iter(rows.into_iter().map(Ok::<_, Error>));
        let written = self.cx.lake.write_scope(&target, scope, rows).await?;
        let n_rows = written.n_rows();
        progress.advance(n_rows, 0);
        progress.end(&format!("{n_rows} row(s) into {}", self.table.name));
        Ok(written)
    }
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
