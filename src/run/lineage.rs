//! Where every column of every model comes from, as read from the plans.

use std::collections::BTreeMap;

use super::check::planning_session;
use crate::engine;
use crate::engine::lineage::Flow;
use crate::spec::commons::Commons;

/// A column that another one comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// Its table, as `schema.name`.
    pub table: String,
    /// The column.
    pub column: String,
    /// Whether something was computed from it, rather than its value passed on.
    pub is_computed: bool,
}

/// The sources of each column, by table and column.
pub type Lineage = BTreeMap<(String, String), Vec<Source>>;

/// The sources of every column of every derived model.
///
/// # Errors
/// When a model does not plan; `check` says why.
pub async fn lineage(commons: &Commons) -> Result<Lineage, engine::Error> {
    let session = planning_session(commons).await?;
    let mut found = Lineage::new();
    for model in &commons.models {
        for (column, origins) in session.lineage(&model.name, &model.sql).await? {
            let sources = origins.into_iter().map(|((table, from), flow)| Source {
                table,
                column: from,
                is_computed: flow == Flow::Computed,
            });
            found.insert((model.name.clone(), column), sources.collect());
        }
    }
    Ok(found)
}
