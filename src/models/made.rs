//! What a model's table was made from, as noted with the commit that made it visible.

use std::collections::BTreeMap;

use arrow::datatypes::Schema;
use serde::{Deserialize, Serialize};

use crate::lake::Snapshot;
use crate::spec::model::Model;

/// What a model's table was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Made {
    /// The statement, comments and layout apart.
    pub(crate) sql: String,
    /// The grain.
    pub(crate) grain: Vec<String>,
    /// The order of the rows, where not by the grain.
    #[serde(default)]
    pub(crate) order: Vec<String>,
    /// The checks.
    pub(crate) checks: Vec<String>,
    /// Columns with their types, in order.
    pub(crate) columns: Vec<(String, String)>,
    /// Hash of what every table it reads gave it.
    pub(crate) inputs: BTreeMap<String, String>,
    /// The quick hash of its text and of everything above it.
    pub(crate) coarse: String,
}

impl Made {
    /// As a model is declared now.
    pub(crate) fn of(
        model: &Model,
        schema: &Schema,
        (inputs, coarse): (BTreeMap<String, String>, String),
    ) -> Self {
        Self {
            sql: model.normalized_sql(),
            grain: model.header.grain.clone(),
            order: model.header.order.clone(),
            checks: model.header.checks.clone(),
            columns: schema
                .fields()
                .iter()
                .map(|field| (field.name().clone(), field.data_type().to_string()))
                .collect(),
            inputs,
            coarse,
        }
    }

    /// Whether two are the same but for what they read.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        (&self.sql, &self.grain, &self.order, &self.checks)
            == (&other.sql, &other.grain, &other.order, &other.checks)
    }

    /// As noted with the last commit of a table; nothing if an earlier version made it.
    pub(crate) fn noted(snapshot: &Snapshot) -> Option<Self> {
        serde_json::from_value(snapshot.state.clone()?).ok()
    }
}
