//! Runs the checks of a model over rows that are not visible yet.

use arrow::array::AsArray;
use arrow::datatypes::{Int64Type, SchemaRef};
use arrow::record_batch::RecordBatch;
use arrow::util::display::array_value_to_string;
use serde::Serialize;

use super::checks::Count;
use super::{Check, Circumstances, Error, read_check, zone_of};
use crate::context::Context;
use crate::context::tables::{self, Opened};
use crate::lake::WrittenScope;
use crate::spec::model::Model;

/// Most rows at fault that are named.
const NAMED: usize = 3;

/// A check that warns and found more rows than it allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// The check as written in the header.
    pub check: String,
    /// Rows at fault.
    pub n_rows: u64,
    /// Where some of them are: their grain; empty where a row may be one person's.
    pub sample: Vec<String>,
}

/// Runs every check of a model; what the warning ones found.
///
/// # Errors
/// [`Error::Check`] for the first check that blocks.
pub(super) async fn check(
    cx: &Context,
    (model, opened): (&Model, &Opened),
    (schema, written): (&SchemaRef, &WrittenScope),
    circumstances: Circumstances,
) -> Result<Vec<Warning>, Error> {
    let provider = cx
        .lake
        .provider_of(zone_of(model), model.stem(), schema, &written.files)
        .map_err(|source| Error::Inputs {
            model: model.name.clone(),
            source: tables::Error::Open {
                table: model.name.clone(),
                source: Box::new(source),
            },
        })?;
    opened
        .session
        .register(zone_of(model).name(), model.stem(), provider)
        .map_err(|source| Error::Query {
            model: model.name.clone(),
            source,
        })?;
    let n_all = written.n_rows();
    let header = &model.header;
    let texts = header.checks.iter().chain(&header.warnings);
    let checks: Vec<Check> = texts
        .map(|text| read_check(&model.name, &header.grain, (text, circumstances)))
        .collect();
    let counts = count(model, opened, &checks).await?;
    let texts = header.checks.iter().chain(&header.warnings);
    let mut warnings = Vec::new();
    for (index, (text, (check, n_rows))) in texts.zip(checks.iter().zip(counts)).enumerate() {
        if !check.allowed.is_passed_by(n_rows, n_all) {
            continue;
        }
        let sample = sample(model, opened, check).await?;
        if index < header.checks.len() {
            return Err(Error::Check {
                model: model.name.clone(),
                check: text.clone(),
                n_rows,
                sample: in_words(&sample),
            });
        }
        warnings.push(Warning {
            check: text.clone(),
            n_rows,
            sample,
        });
    }
    Ok(warnings)
}

/// Rows at fault of every check, in order; what can be counted in one pass over the table is.
async fn count(model: &Model, opened: &Opened, checks: &[Check]) -> Result<Vec<u64>, Error> {
    let failed = |source| Error::Query {
        model: model.name.clone(),
        source,
    };
    let ask = async |sql: String| opened.session.rows(&model.name, &sql).await.map_err(failed);
    let beside: Vec<String> = checks
        .iter()
        .enumerate()
        .filter_map(|(index, check)| match &check.count {
            Count::Beside(aggregate) => Some(format!("{aggregate} as check_{index}")),
            Count::Alone(_) => None,
        })
        .collect();
    let mut together = Vec::new();
    if !beside.is_empty() {
        let sql = format!("select {} from {}", beside.join(", "), model.name);
        together = first_counts(&ask(sql).await?);
    }
    let mut together = together.into_iter();
    let mut counts = Vec::with_capacity(checks.len());
    for check in checks {
        counts.push(match &check.count {
            Count::Beside(_) => together.next().unwrap_or_default(),
            Count::Alone(sql) => first_counts(&ask(sql.clone()).await?)
                .first()
                .copied()
                .unwrap_or_default(),
        });
    }
    Ok(counts)
}

/// Some rows at fault by their grain.
async fn sample(model: &Model, opened: &Opened, check: &Check) -> Result<Vec<String>, Error> {
    let Some(sql) = sample_statement(model, check) else {
        return Ok(Vec::new());
    };
    let rows = opened.session.rows(&model.name, &sql).await;
    let rows = rows.map_err(|source| Error::Query {
        model: model.name.clone(),
        source,
    })?;
    Ok(texts(&rows))
}

/// The statement that names some rows at fault by their grain; none where a row may be one person's.
fn sample_statement(model: &Model, check: &Check) -> Option<String> {
    let fault = check.fault.as_ref()?;
    if model.header.grain.is_empty() || model.header.has_persons() {
        return None;
    }
    let grain = model.header.grain.join(", ");
    Some(format!(
        "select {grain} from {} where {fault} order by {grain} limit {NAMED}",
        model.name
    ))
}

/// Rows by their values.
fn texts(rows: &[RecordBatch]) -> Vec<String> {
    let mut all = Vec::new();
    for batch in rows {
        for row in 0..batch.num_rows() {
            let columns = batch.columns().iter();
            let cells: Vec<String> = columns
                .map(|column| array_value_to_string(column, row).unwrap_or_default())
                .collect();
            all.push(cells.join(" · "));
        }
    }
    all
}

/// A sample as the end of a sentence.
fn in_words(sample: &[String]) -> String {
    if sample.is_empty() {
        return String::new();
    }
    format!(", such as {}", sample.join("; "))
}

/// The numbers in the first row.
fn first_counts(rows: &[RecordBatch]) -> Vec<u64> {
    let Some(batch) = rows.iter().find(|batch| batch.num_rows() > 0) else {
        return Vec::new();
    };
    let columns = batch.columns().iter();
    let counts = columns.map(|column| {
        let values = column.as_primitive_opt::<Int64Type>();
        let count = values.map(|values| values.value(0));
        count.and_then(|count| u64::try_from(count).ok())
    });
    counts.map(Option::unwrap_or_default).collect()
}
