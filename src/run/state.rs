//! Where the next fetch of each table begins.

use schemars::JsonSchema;
use serde::Serialize;

use super::Error;
use crate::context::Context;
use crate::lake::pages::{Page, Role};

/// What is held of one table, and where its next fetch begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TableState {
    /// Platform.
    pub platform: String,
    /// Table of the platform.
    pub table: String,
    /// Where the next fetch begins, before the declared lag; null where the whole table is fetched.
    pub cursor: Option<String>,
    /// Pages of the whole table.
    pub whole_pages: u64,
    /// Pages of what came since.
    pub increment_pages: u64,
    /// Pages of windows asked for by `antenne backfill`.
    pub backfill_pages: u64,
}

/// The state of every declared table.
///
/// # Errors
/// When the lake cannot be read.
pub async fn states(cx: &Context) -> Result<Vec<TableState>, Error> {
    let holdings = cx.lake.holdings().await.map_err(Error::Lake)?;
    let mut states = Vec::new();
    for (platform, source) in &cx.commons.sources {
        let holding = holdings.get(platform);
        for table in source.spec.tables.keys() {
            let pages = holding.into_iter().flat_map(|holding| &holding.pages);
            let pages: Vec<&Page> = pages.filter(|page| page.table == *table).collect();
            let cursor = holding.and_then(|holding| holding.cursors.get(table));
            states.push(state_of((platform, table), &pages, cursor));
        }
    }
    Ok(states)
}

/// The state of one table.
fn state_of(name: (&str, &str), pages: &[&Page], cursor: Option<&String>) -> TableState {
    let count = |role: Role| pages.iter().filter(|page| page.role == role).count() as u64;
    TableState {
        platform: name.0.to_owned(),
        table: name.1.to_owned(),
        cursor: cursor.cloned(),
        whole_pages: count(Role::Whole),
        increment_pages: count(Role::Increment),
        backfill_pages: count(Role::Backfill),
    }
}
