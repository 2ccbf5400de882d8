//! `antenne backfill`: a part of the past once more.

use clap::Args;

use super::output::Format;
use super::state::check_table;
use super::{Error, Exit, Shared, open, run_verb};
use crate::run::{Aim, Stage};
use crate::stages::acquire::{Backfill, Window};

/// Arguments of `backfill`.
#[derive(Debug, Args)]
pub(super) struct BackfillArguments {
    /// Platform.
    #[arg(value_name = "SOURCE")]
    source: String,
    /// Only this table; else every table of the platform that has a `since`.
    #[arg(long)]
    table: Option<String>,
    /// First value of the watermark, for example `2026-01-01`.
    #[arg(long)]
    from: String,
    /// First value that is no longer fetched, for example `2026-02-01`.
    #[arg(long)]
    to: String,
    /// How the report is printed.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Fetches the window.
pub(super) async fn backfill(
    shared: &Shared,
    arguments: &BackfillArguments,
) -> Result<Exit, Error> {
    let cx = open(shared).await?;
    let source = &arguments.source;
    let stages = vec![Stage::Acquire];
    let mut plan = run_verb::plan(&cx, stages, std::slice::from_ref(source))?;
    if let Some(table) = &arguments.table {
        check_table(&cx, source, table)?;
    }
    let declared = cx.commons.sources.get(source);
    let tables = declared
        .into_iter()
        .flat_map(|declared| &declared.spec.tables);
    let is_meant = |name: &String| arguments.table.as_ref().is_none_or(|table| table == name);
    let mut meant = tables.filter(|(name, _)| is_meant(name));
    if !meant.any(|(_, table)| table.fetch.has_windows()) {
        return Err(Error::Request {
            message: format!(
                "no table of `{source}` that is meant has a `since`, so no window of it can be fetched; declare one, or run `antenne state reset {source}` to fetch all"
            ),
        });
    }
    if arguments.from == arguments.to {
        return Err(Error::Request {
            message: "`--from` and `--to` are equal, so the window is empty".to_owned(),
        });
    }
    if is_after(&arguments.from, &arguments.to) {
        return Err(Error::Request {
            message: "`--from` is after `--to`, so the window is empty".to_owned(),
        });
    }
    plan.aim = Aim::Window(Backfill {
        table: arguments.table.clone(),
        window: Window {
            from: arguments.from.clone(),
            to: arguments.to.clone(),
        },
    });
    run_verb::carry_out(&cx, &plan, arguments.format).await
}

/// Whether one value of a watermark is after another: by number where both are numbers, else by
/// text, as dates are written.
fn is_after(one: &str, other: &str) -> bool {
    match (one.parse::<i64>(), other.parse::<i64>()) {
        (Ok(one), Ok(other)) => one > other,
        _ => one > other,
    }
}
