//! `antenne state`: where the next fetch of each table begins.

use clap::{Args, Subcommand};

use super::output::{self, Format};
use super::{Error, Exit, Shared, open, report, run_verb};
use crate::context::Context;
use crate::run::state::{TableState, states};
use crate::run::{self, Aim};

/// Arguments of `state`.
#[derive(Debug, Args)]
pub(super) struct StateArguments {
    /// What is done with the state.
    #[command(subcommand)]
    what: What,
}

/// What is done with the state.
#[derive(Debug, Subcommand)]
enum What {
    /// Shows where the next fetch of each table begins, and what is held of it.
    Show {
        /// How the state is printed.
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Lets the next fetch begin anew: the whole table is fetched, and takes the place of what is
    /// held of it.
    Reset {
        /// Platform.
        #[arg(value_name = "SOURCE")]
        source: String,
        /// Only this table.
        #[arg(long)]
        table: Option<String>,
    },
}

/// Shows or resets the state.
pub(super) async fn state(shared: &Shared, arguments: &StateArguments) -> Result<Exit, Error> {
    let cx = open(shared).await?;
    match &arguments.what {
        What::Show { format } => {
            let found = states(&cx).await.map_err(Error::run)?;
            match format {
                Format::Json => output::json(&found)?,
                Format::Text => output::print(&text(&found))?,
            }
        }
        What::Reset { source, table } => {
            let mut plan = run_verb::plan(&cx, Vec::new(), std::slice::from_ref(source))?;
            if let Some(table) = table {
                check_table(&cx, source, table)?;
            }
            plan.aim = Aim::Forget(table.clone());
            run::run(&cx, &plan).await.map_err(Error::run)?;
            let what = table.as_ref().map(|table| format!("{source}.{table}"));
            let what = what.unwrap_or_else(|| source.clone());
            report::say(&format!("the next fetch of `{what}` begins anew"));
        }
    }
    Ok(Exit::Done)
}

/// The platform has the table.
pub(super) fn check_table(cx: &Context, source: &str, table: &str) -> Result<(), Error> {
    let declared = cx.commons.sources.get(source);
    let tables = declared.map(|declared| &declared.spec.tables);
    if tables.is_some_and(|tables| tables.contains_key(table)) {
        return Ok(());
    }
    let known: Vec<&str> = tables
        .into_iter()
        .flat_map(|tables| tables.keys().map(String::as_str))
        .collect();
    Err(Error::Request {
        message: format!(
            "`{source}` has no table `{table}`; `pipelines/sources/{source}.toml` declares {}",
            known.join(", ")
        ),
    })
}

/// The state for people.
fn text(found: &[TableState]) -> String {
    let head = [
        "platform",
        "table",
        "cursor",
        "whole",
        "increments",
        "backfills",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for state in found {
        let cursor = state.cursor.clone();
        rows.push(vec![
            state.platform.clone(),
            state.table.clone(),
            cursor.unwrap_or_else(|| "-".to_owned()),
            state.whole_pages.to_string(),
            state.increment_pages.to_string(),
            state.backfill_pages.to_string(),
        ]);
    }
    output::aligned(&rows)
}
