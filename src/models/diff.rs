//! What the cells of changed models would become: they are built aside and held against their tables.
//!
//! Nothing is written. A model is built on what its own inputs would become, not on what they are. Rows are
//! matched by the grain; values are shown only of columns that say nothing of one person.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use arrow::record_batch::RecordBatch;
use arrow::util::display::array_value_to_string;
use serde::Serialize;

use super::content::Ground;
use super::plan::{Fate, ModelPlan, Planned};
use super::{Error, zone_of};
use crate::context::Context;
use crate::engine::Session;
use crate::spec::model::Model;

/// Columns of a grain that say when.
const PERIODS: [&str; 4] = ["month", "quarter", "half_year", "year"];

/// Most cells that are shown of a model.
const SHOWN: usize = 10;

/// What would become of the rows of one model.
#[derive(Debug, Clone, Serialize)]
pub struct Difference {
    /// The model.
    pub model: String,
    /// Rows that would come.
    pub n_added: i64,
    /// Rows that would go.
    pub n_removed: i64,
    /// Rows of which a value would be another.
    pub n_changed: i64,
    /// How many rows would have another value, by column; columns without any are left out.
    pub columns: Vec<(String, i64)>,
    /// Periods with a row that comes, goes or changes, sorted.
    pub periods: Vec<String>,
    /// Some of the rows that would change, come or go.
    pub cells: Vec<Cell>,
}

/// One row that would not be what it is.
#[derive(Debug, Clone, Serialize)]
pub struct Cell {
    /// Values of the grain.
    pub key: Vec<String>,
    /// The column; empty for a row that comes or goes.
    pub column: String,
    /// What it is.
    pub before: String,
    /// What it would be.
    pub after: String,
}

/// Builds every model that would be rebuilt and has a table, and compares the two.
///
/// `wanted` says which of them are compared.
///
/// # Errors
/// When a statement fails or the lake does.
pub async fn diff(
    cx: &Context,
    plan: &ModelPlan,
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<Difference>, Error> {
    let ground = Ground::open(cx, &cx.commons.models).await?;
    let mut differences = Vec::new();
    for (model, planned) in cx.commons.models.iter().zip(&plan.models) {
        let failed = |source| Error::Query {
            model: model.name.clone(),
            source,
        };
        let table = match planned.fate {
            Fate::Unchanged => table_of(cx, model).await?,
            _ => ground
                .session
                .view(&model.name, &model.sql)
                .await
                .map_err(failed)?,
        };
        ground
            .session
            .register(zone_of(model).name(), model.stem(), table)
            .map_err(failed)?;
        let is_compared = planned.is_rebuilt() && planned.fate != Fate::New;
        if is_compared && wanted(&model.name) && !model.header.grain.is_empty() {
            let before = table_of(cx, model).await?;
            ground
                .session
                .register("public", "before", before)
                .map_err(failed)?;
            let found = compare(&ground.session, model, planned).await;
            differences.push(found.map_err(failed)?);
        }
    }
    Ok(differences)
}

/// The table of a model as it is.
async fn table_of(
    cx: &Context,
    model: &Model,
) -> Result<std::sync::Arc<dyn datafusion::catalog::TableProvider>, Error> {
    let inputs = [model.name.clone()].into();
    let opened = cx.open(&inputs).await.map_err(Error::Open)?;
    let snapshot = &opened.snapshots[&model.name];
    cx.lake
        .provider(zone_of(model), model.stem(), snapshot)
        .map_err(|source| {
            Error::Open(crate::context::tables::Error::Open {
                table: model.name.clone(),
                source: Box::new(source),
            })
        })
}

/// Holds what a model would answer against its table.
async fn compare(
    session: &Session,
    model: &Model,
    planned: &Planned,
) -> Result<Difference, crate::engine::Error> {
    let grain = &model.header.grain;
    let is_new = |name: &&String| planned.added.contains(name) || planned.removed.contains(name);
    let columns: Vec<String> = model
        .header
        .columns
        .keys()
        .filter(|name| !grain.contains(name) && !is_new(name))
        .cloned()
        .collect();
    let schema = session.columns(&model.name, &model.sql).await?;
    let with_test: Vec<(String, String)> = columns
        .iter()
        .map(|name| (name.clone(), test_of(name, &schema)))
        .collect();
    let joined = joined(&model.name, grain, &with_test);
    let counts: Vec<String> = ["is_added", "is_removed", "is_changed"]
        .into_iter()
        .map(str::to_owned)
        .chain(columns.iter().map(|name| format!("differs_{name}")))
        .map(|flag| format!("coalesce(sum(case when \"{flag}\" then 1 else 0 end), 0)"))
        .collect();
    let sql = format!("{joined} select {} from joined", counts.join(", "));
    let numbers = first_row(&session.rows(&model.name, &sql).await?);
    let by_column = columns
        .iter()
        .cloned()
        .zip(numbers.iter().skip(3).copied())
        .filter(|(_column, n_rows)| *n_rows > 0);
    Ok(Difference {
        model: model.name.clone(),
        n_added: numbers.first().copied().unwrap_or_default(),
        n_removed: numbers.get(1).copied().unwrap_or_default(),
        n_changed: numbers.get(2).copied().unwrap_or_default(),
        columns: by_column.collect(),
        periods: periods(session, model, &joined).await?,
        cells: cells(session, model, (&joined, &columns)).await?,
    })
}

/// The condition that the value of a column differs; tables keep twelve digits of a float.
fn test_of(name: &str, schema: &Schema) -> String {
    let kind = schema.field_with_name(name).map(Field::data_type);
    if kind.is_ok_and(DataType::is_floating) {
        return format!(
            "(coalesce(abs(b.\"{name}\" - a.\"{name}\") > 1e-11 * greatest(abs(b.\"{name}\"), abs(a.\"{name}\")), \
             (b.\"{name}\" is null) <> (a.\"{name}\" is null)))"
        );
    }
    format!("(b.\"{name}\" is distinct from a.\"{name}\")")
}

/// The rows of before and after side by side, with a flag for each way in which they differ.
fn joined(model: &str, grain: &[String], columns: &[(String, String)]) -> String {
    let on: Vec<String> = grain
        .iter()
        .map(|name| format!("(b.\"{name}\" is not distinct from a.\"{name}\")"))
        .collect();
    let keys = grain
        .iter()
        .map(|name| format!("coalesce(b.\"{name}\", a.\"{name}\") as \"{name}\""));
    let sides = columns.iter().flat_map(|(name, differs)| {
        [
            format!("b.\"{name}\" as \"before_{name}\""),
            format!("a.\"{name}\" as \"after_{name}\""),
            format!("b.is_before and a.is_after and {differs} as \"differs_{name}\""),
        ]
    });
    let differs: Vec<String> = columns
        .iter()
        .map(|(_name, differs)| format!("case when {differs} then true end"))
        .chain(["false".to_owned()])
        .collect();
    let selected: Vec<String> = keys.chain(sides).collect();
    format!(
        "with b as (select *, true as is_before from public.before), \
         a as (select *, true as is_after from {model}), \
         joined as (select {}, b.is_before is null as is_added, a.is_after is null as is_removed, \
         b.is_before and a.is_after and coalesce({}) as is_changed from b full outer join a on {})",
        selected.join(", "),
        differs.join(", "),
        on.join(" and ")
    )
}

/// Periods with a row that is not what it was.
async fn periods(
    session: &Session,
    model: &Model,
    joined: &str,
) -> Result<Vec<String>, crate::engine::Error> {
    let is_period = |name: &&String| PERIODS.contains(&name.as_str());
    let Some(period) = model.header.grain.iter().find(is_period) else {
        return Ok(Vec::new());
    };
    let sql = format!(
        "{joined} select cast(\"{period}\" as varchar) as period from joined \
         where is_added or is_removed or is_changed group by \"{period}\" order by period"
    );
    let rows = session.rows(&model.name, &sql).await?;
    Ok(texts(&rows).into_iter().flatten().collect())
}

/// Some of the cells that are not what they were; none where a row may be one person's.
async fn cells(
    session: &Session,
    model: &Model,
    (joined, columns): (&str, &[String]),
) -> Result<Vec<Cell>, crate::engine::Error> {
    let grain = &model.header.grain;
    if model.header.has_persons() {
        return Ok(Vec::new());
    }
    let keys: Vec<String> = grain
        .iter()
        .map(|name| format!("cast(\"{name}\" as varchar)"))
        .collect();
    let ways = [
        ("is_added", "", "'(no row)'", "'(a row)'"),
        ("is_removed", "", "'(a row)'", "'(no row)'"),
    ];
    let rows = ways.into_iter().map(|(flag, column, before, after)| {
        format!(
            "select {}, '{column}', {before}, {after} from joined where {flag}",
            keys.join(", ")
        )
    });
    let values = columns.iter().map(|name| {
        format!(
            "select {}, '{name}', cast(\"before_{name}\" as varchar), \
             cast(\"after_{name}\" as varchar) from joined where \"differs_{name}\"",
            keys.join(", ")
        )
    });
    let mut cells = Vec::new();
    for part in values.chain(rows) {
        let order: Vec<String> = (1..=grain.len()).map(|at| at.to_string()).collect();
        let sql = format!(
            "{joined} {part} order by {} limit {SHOWN}",
            order.join(", ")
        );
        for row in texts(&session.rows(&model.name, &sql).await?) {
            let (key, rest) = row.split_at(grain.len());
            let [column, before, after] = rest else {
                continue;
            };
            cells.push(Cell {
                key: key.to_vec(),
                column: column.clone(),
                before: before.clone(),
                after: after.clone(),
            });
        }
        if cells.len() >= SHOWN {
            break;
        }
    }
    cells.truncate(SHOWN);
    Ok(cells)
}

/// The whole numbers of the first row.
fn first_row(rows: &[RecordBatch]) -> Vec<i64> {
    let first = rows.iter().find(|batch| batch.num_rows() > 0);
    let columns = first.into_iter().flat_map(RecordBatch::columns);
    columns
        .map(|column| {
            column
                .as_primitive_opt::<Int64Type>()
                .map_or(0, |values| values.value(0))
        })
        .collect()
}

/// Every cell as text.
fn texts(rows: &[RecordBatch]) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for batch in rows {
        for row in 0..batch.num_rows() {
            let cells = batch.columns().iter().map(|column| text_at(column, row));
            all.push(cells.collect());
        }
    }
    all
}

/// A cell as text.
fn text_at(column: &arrow::array::ArrayRef, row: usize) -> String {
    if column.is_null(row) {
        return "null".to_owned();
    }
    array_value_to_string(column, row).unwrap_or_default()
}
