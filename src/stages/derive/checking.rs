//! Runs the checks of a model over rows that are not visible yet.

use arrow::array::AsArray;
use arrow::datatypes::{Int64Type, SchemaRef};
use arrow::record_batch::RecordBatch;
use arrow::util::display::array_value_to_string;
use serde::Serialize;

use super::{Check, Circumstances, Error, read_check};
use crate::context::Context;
use crate::context::tables::{self, Opened};
use crate::lake::{WrittenScope, Zone};
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
        .map_err(|source| Error::Query {
            model: model.name.clone(),
            source,
        })?;
    let n_all = written.n_rows();
    for text in &model.header.checks {
        let found = one(model, opened, (text, circumstances), n_all).await?;
        if let Some(Warning { n_rows, sample, .. }) = found {
            return Err(Error::Check {
                model: model.name.clone(),
                check: text.clone(),
                n_rows,
                sample: in_words(&sample),
            });
        }
    }
    let mut warnings = Vec::new();
    for text in &model.header.warnings {
        warnings.extend(one(model, opened, (text, circumstances), n_all).await?);
    }
    Ok(warnings)
}

/// Runs one check; what it found, if that is more than it allows.
async fn one(
    model: &Model,
    opened: &Opened,
    (text, circumstances): (&str, Circumstances),
    n_all: u64,
) -> Result<Option<Warning>, Error> {
    let failed = |source| Error::Query {
        model: model.name.clone(),
        source,
    };
    let check = read_check(&model.name, &model.header.grain, (text, circumstances));
    let rows = opened.session.rows(&model.name, &check.count).await;
    let n_rows = first_count(&rows.map_err(failed)?);
    if !check.allowed.is_passed_by(n_rows, n_all) {
        return Ok(None);
    }
    let mut sample = Vec::new();
    if let Some(sql) = sample_statement(model, &check) {
        let rows = opened.session.rows(&model.name, &sql).await;
        sample = texts(&rows.map_err(failed)?);
    }
    Ok(Some(Warning {
        check: text.to_owned(),
        n_rows,
        sample,
    }))
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
