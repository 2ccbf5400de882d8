//! What a run would do to the models, and why, before it does it.
//!
//! Compared are the models as declared now and as noted with the tables in the lake. A change is breaking
//! when a reader may get other values or miss a column: a column that went, has another type or is computed
//! otherwise, or another grain. A column that came, a check, a comment are not.

use std::collections::{BTreeMap, BTreeSet};

use arrow::datatypes::SchemaRef;
use serde::Serialize;

use super::content::{Ground, Known};
use super::made::Made;
use super::{Error, place_of, removed_models, zone_of};
use crate::context::Context;
use crate::lake::{Snapshot, Zone};
use crate::spec::model::Model;

/// What would become of one model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It has no table yet.
    New,
    /// Its statement, grain or checks are others.
    Changed,
    /// It is the same, and what it reads is not.
    Restated,
    /// Nothing it is made from has changed.
    Unchanged,
}

/// What would become of one model, and why.
#[derive(Debug, Clone, Serialize)]
pub struct Planned {
    /// The model.
    pub model: String,
    /// What would become of it.
    pub fate: Fate,
    /// Whether a reader may get other values or miss a column, by its own change.
    pub is_breaking: bool,
    /// Columns that come.
    pub added: Vec<String>,
    /// Columns that go.
    pub removed: Vec<String>,
    /// Columns that have another type or are computed otherwise.
    pub changed: Vec<String>,
    /// Whether only what is checked has changed.
    pub only_checks: bool,
    /// Tables and models that give it something else than before.
    pub because_of: Vec<String>,
    /// A model that is no longer declared and had this statement.
    pub renamed_from: Option<String>,
    /// Rows of its table now.
    pub n_rows: u64,
    /// Rows of the tables it would read.
    pub n_input_rows: u64,
    /// Bytes of the tables it would read.
    pub n_input_bytes: u64,
    /// Seconds it took when it was last built, where a report says so.
    pub seconds: Option<f64>,
}

impl Planned {
    /// Whether its table would be written.
    #[must_use]
    pub fn is_rebuilt(&self) -> bool {
        self.fate != Fate::Unchanged
    }
}

/// What a run would do to the models.
#[derive(Debug, Clone, Serialize)]
pub struct ModelPlan {
    /// Every model, in the order in which it would be built.
    pub models: Vec<Planned>,
    /// Models that are no longer declared, as `schema.name`; their tables would be taken away.
    pub removed: Vec<String>,
}

impl ModelPlan {
    /// Names of the models that would be built, as `schema.name`.
    #[must_use]
    pub fn rebuilt(&self) -> BTreeSet<String> {
        let rebuilt = self.models.iter().filter(|planned| planned.is_rebuilt());
        rebuilt.map(|planned| planned.model.clone()).collect()
    }
}

/// Works out what a run would do to the models; nothing is written.
///
/// # Errors
/// When a table is missing, a statement does not plan, or the lake fails.
pub async fn plan(cx: &Context) -> Result<ModelPlan, Error> {
    let models = &cx.commons.models;
    let ground = Ground::open(cx, models).await?;
    let schemas = ground.know(models).await?;
    let mut removed = removed_models(cx, Zone::Derived).await?;
    removed.extend(removed_models(cx, Zone::Detected).await?);
    let mut gone = BTreeMap::new();
    for name in &removed {
        let (zone, stem) = place_of(name);
        let snapshot = cx.lake.snapshot(zone, stem).await?;
        let made = snapshot.as_ref().and_then(Made::noted);
        gone.extend(made.map(|made| (made.sql, name.clone())));
    }
    let mut contents = ground.contents(models, Known::new());
    let mut sizes = Sizes::default();
    let mut planned = Vec::with_capacity(models.len());
    for model in models {
        let failed = |source| Error::Query {
            model: model.name.clone(),
            source,
        };
        let (fingerprint, inputs) = contents.of_model(model).await.map_err(failed)?;
        let before = cx.lake.snapshot(zone_of(model), model.stem()).await?;
        let mut one = unchanged(model, before.as_ref());
        let is_current = before
            .as_ref()
            .is_some_and(|before| before.is_made_from(&fingerprint));
        if !is_current {
            let before = before.as_ref();
            compare((&ground, &schemas), (model, &inputs), before, &mut one).await;
            (one.n_input_rows, one.n_input_bytes) = sizes.of_inputs(cx, model).await?;
        }
        if one.fate == Fate::New {
            one.renamed_from = gone.get(&model.normalized_sql()).cloned();
        }
        planned.push(one);
    }
    Ok(ModelPlan {
        models: planned,
        removed,
    })
}

/// A model that would not be touched.
fn unchanged(model: &Model, before: Option<&Snapshot>) -> Planned {
    Planned {
        model: model.name.clone(),
        fate: Fate::Unchanged,
        is_breaking: false,
        added: Vec::new(),
        removed: Vec::new(),
        changed: Vec::new(),
        only_checks: false,
        because_of: Vec::new(),
        renamed_from: None,
        n_rows: before.map(Snapshot::n_rows).unwrap_or_default(),
        n_input_rows: 0,
        n_input_bytes: 0,
        seconds: None,
    }
}

/// Says what is different about a model that would be built.
async fn compare(
    (ground, schemas): (&Ground, &BTreeMap<String, SchemaRef>),
    (model, inputs): (&Model, &BTreeMap<String, String>),
    before: Option<&Snapshot>,
    one: &mut Planned,
) {
    let Some(before) = before else {
        one.fate = Fate::New;
        return;
    };
    let Some(was) = Made::noted(before) else {
        // Made by an earlier version, which noted nothing: all that is known is that it is not up to date.
        one.fate = Fate::Restated;
        return;
    };
    let schema = &schemas[&model.name];
    let is = Made::of(model, schema, (inputs.clone(), String::new()));
    one.because_of = differing(&was.inputs, &is.inputs);
    if was.is_like(&is) {
        one.fate = Fate::Restated;
        return;
    }
    one.fate = Fate::Changed;
    let (old, new) = (by_name(&was.columns), by_name(&is.columns));
    one.added = only_in(&new, &old);
    one.removed = only_in(&old, &new);
    one.changed = changed_columns(ground, model, &was, &is).await;
    one.only_checks = was.sql == is.sql && was.grain == is.grain && was.order == is.order;
    one.is_breaking = !one.removed.is_empty() || !one.changed.is_empty() || was.grain != is.grain;
}

/// Columns that both have and that have another type or are computed otherwise, in order.
async fn changed_columns(ground: &Ground, model: &Model, was: &Made, is: &Made) -> Vec<String> {
    let old = by_name(&was.columns);
    let mut changed = Vec::new();
    for (column, kind) in &is.columns {
        let Some(old_kind) = old.get(column.as_str()) else {
            continue;
        };
        let is_same = *old_kind == kind
            && match (
                pruned(ground, model, was, column).await,
                pruned(ground, model, is, column).await,
            ) {
                (Some(before), Some(after)) => before == after,
                // The old statement cannot be planned any more: what it read has changed too.
                _ => false,
            };
        if !is_same {
            changed.push(column.clone());
        }
    }
    changed
}

/// The pruned plan of one column beside the grain it was declared with.
async fn pruned(ground: &Ground, model: &Model, made: &Made, column: &str) -> Option<String> {
    let wanted: BTreeSet<&str> = made
        .grain
        .iter()
        .map(String::as_str)
        .chain([column])
        .collect();
    let wanted: Vec<String> = wanted.iter().map(|name| format!("\"{name}\"")).collect();
    let sql = format!("select {} from ({}) as answer", wanted.join(", "), made.sql);
    let reading = ground.session.reading(&model.name, &sql).await.ok()?;
    Some(reading.text)
}

/// Columns by name.
fn by_name(columns: &[(String, String)]) -> BTreeMap<&str, &str> {
    columns
        .iter()
        .map(|(name, kind)| (name.as_str(), kind.as_str()))
        .collect()
}

/// Names that only the first has.
fn only_in(first: &BTreeMap<&str, &str>, second: &BTreeMap<&str, &str>) -> Vec<String> {
    let names = first.keys().filter(|name| !second.contains_key(*name));
    names.map(|name| (*name).to_owned()).collect()
}

/// Tables that give something else than before.
fn differing(was: &BTreeMap<String, String>, is: &BTreeMap<String, String>) -> Vec<String> {
    let names = is
        .iter()
        .filter(|(name, content)| was.get(*name) != Some(*content));
    names.map(|(name, _content)| name.clone()).collect()
}

/// Rows and bytes of tables, each looked up once.
#[derive(Debug, Default)]
struct Sizes(BTreeMap<String, (u64, u64)>);

impl Sizes {
    /// Rows and bytes of all tables of the lake that a model reads.
    async fn of_inputs(&mut self, cx: &Context, model: &Model) -> Result<(u64, u64), Error> {
        let (mut n_rows, mut n_bytes) = (0, 0);
        for input in &model.inputs {
            if !self.0.contains_key(input) {
                let found = size(cx, input).await?;
                self.0.insert(input.clone(), found);
            }
            let (rows, bytes) = self.0[input];
            n_rows += rows;
            n_bytes += bytes;
        }
        Ok((n_rows, n_bytes))
    }
}

/// Rows and bytes of a table of the lake; nothing for one that is not there or not in the lake.
async fn size(cx: &Context, table: &str) -> Result<(u64, u64), Error> {
    let (_schema, name) = table.split_once('.').unwrap_or(("", table));
    let Some(zone) = Zone::of(table) else {
        return Ok((0, 0));
    };
    let snapshot = cx.lake.snapshot(zone, name).await?;
    Ok(snapshot.map_or((0, 0), |snapshot| {
        let bytes = snapshot.files.iter().map(|file| file.size).sum();
        (snapshot.n_rows(), bytes)
    }))
}
