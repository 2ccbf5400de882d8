//! `antenne rejects`: the rows that did not come in, where they lie, and what becomes of them.

use std::collections::BTreeSet;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::output::{self, Format};
use super::{Error, Exit, Shared, open, report};
use crate::context::Context;
use crate::run::{self, Aim, Ending, Plan, Stage};
use crate::spec::select::Selection;
use crate::stages::conform::rejects::{self, Filter, RejectGroup, RejectPlace};

/// Arguments of `rejects`.
#[derive(Debug, Args)]
pub(super) struct RejectsArguments {
    /// What to do.
    #[command(subcommand)]
    act: Act,
}

/// What can be done with rejects.
#[derive(Debug, Subcommand)]
enum Act {
    /// Counts the rejects by platform, table, rule and column.
    List(ListArguments),
    /// Says where each reject lies: page, line, column, rule. Never what it holds.
    Show(ShowArguments),
    /// Reads the tables concerned again, after their contract was corrected, and says how many
    /// rejects came in and how many still fail.
    Replay(ReplayArguments),
    /// Notes that rejects are never to come in; they stay counted as rejected.
    Drop(DropArguments),
}

/// Which rejects are meant.
#[derive(Debug, Args)]
struct Which {
    /// Only this platform.
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<String>,
    /// Only this table of the platform.
    #[arg(long, value_name = "TABLE")]
    table: Option<String>,
    /// Only this rule.
    #[arg(long, value_name = "RULE")]
    rule: Option<String>,
    /// Only this column.
    #[arg(long, value_name = "COLUMN")]
    field: Option<String>,
    /// Only pages whose SHA-256 begins with this.
    #[arg(long, value_name = "SHA256")]
    page: Option<String>,
    /// Only this line or place of the page.
    #[arg(long, value_name = "N")]
    place: Option<u64>,
}

/// Arguments of `rejects list`.
#[derive(Debug, Args)]
struct ListArguments {
    /// Which rejects.
    #[command(flatten)]
    which: Which,
    /// How they are printed.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Arguments of `rejects show`.
#[derive(Debug, Args)]
struct ShowArguments {
    /// Which rejects.
    #[command(flatten)]
    which: Which,
    /// At most so many.
    #[arg(long, default_value_t = 20)]
    limit: usize,
    /// Also print the value that was refused, read from the kept page. It can be a name or a
    /// number of a real person: keep it nowhere.
    #[arg(long)]
    reveal: bool,
    /// How they are printed.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Arguments of `rejects replay`.
#[derive(Debug, Args)]
struct ReplayArguments {
    /// Only this platform; may be given several times.
    #[arg(long, value_name = "PLATFORM")]
    platform: Vec<String>,
    /// How the outcome is printed.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Arguments of `rejects drop`.
#[derive(Debug, Args)]
struct DropArguments {
    /// Which rejects.
    #[command(flatten)]
    which: Which,
    /// Why they are never to come in; noted in the lake, so no names of persons.
    #[arg(long)]
    reason: String,
    /// Every reject of every platform, where nothing else says which are meant.
    #[arg(long)]
    all: bool,
}

/// What became of the rejects of one table.
#[derive(Debug, Serialize)]
struct Replayed {
    /// Platform.
    platform: String,
    /// Table of the platform.
    table: String,
    /// Rejects before.
    n_before: usize,
    /// Rejects that came in.
    n_came_in: usize,
    /// Rejects that still fail.
    n_still_rejected: usize,
    /// Rows rejected now that were not before.
    n_newly_rejected: usize,
}

impl Which {
    /// The filter.
    fn filter(&self) -> Filter {
        Filter {
            platform: self.platform.clone(),
            table: self.table.clone(),
            rule: self.rule.clone(),
            field: self.field.clone(),
            page: self.page.clone(),
            place: self.place,
        }
    }
}

/// Carries out what was asked.
pub(super) async fn rejects(shared: &Shared, arguments: &RejectsArguments) -> Result<Exit, Error> {
    let cx = open(shared).await?;
    match &arguments.act {
        Act::List(list) => {
            let groups = rejects::groups(&places(&cx, &list.which.filter()).await?);
            match list.format {
                Format::Json => output::json(&groups)?,
                Format::Text => output::print(&table_of_groups(&groups))?,
            }
            Ok(Exit::Done)
        }
        Act::Show(show) => self::show(&cx, show).await,
        Act::Replay(replay) => self::replay(&cx, replay).await,
        Act::Drop(drop) => drop_them(&cx, drop).await,
    }
}

/// The rejects that are meant.
async fn places(cx: &Context, filter: &Filter) -> Result<Vec<RejectPlace>, Error> {
    rejects::places(cx, filter)
        .await
        .map_err(|error| Error::failed(&error))
}

/// The counts as columns.
fn table_of_groups(groups: &[RejectGroup]) -> String {
    if groups.is_empty() {
        return "no rejects\n".to_owned();
    }
    let head = [
        "platform", "table", "rule", "field", "rows", "dropped", "stopped",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(groups.iter().map(|group| {
        vec![
            group.platform.clone(),
            group.table.clone(),
            group.rule.clone(),
            group.field.clone(),
            group.n_rows.to_string(),
            group.n_dropped.to_string(),
            group.n_stopped.to_string(),
        ]
    }));
    output::aligned(&rows)
}

/// Says where the rejects lie.
async fn show(cx: &Context, arguments: &ShowArguments) -> Result<Exit, Error> {
    let found = places(cx, &arguments.which.filter()).await?;
    let shown = found.get(..arguments.limit).unwrap_or(&found);
    let mut values = Vec::new();
    if arguments.reveal {
        report::say(
            "warning: these are values of real records, kept nowhere but in the pages; do not copy them",
        );
        for reject in shown {
            let value = rejects::reveal(cx, reject).await;
            values.push(value.map_err(|error| Error::failed(&error))?);
        }
    }
    match arguments.format {
        Format::Json => output::json(&json_of_places(shown, &values))?,
        Format::Text => output::print(&table_of_places(shown, &values))?,
    }
    if shown.len() < found.len() {
        report::say(&format!(
            "{} of {} rejects shown; see `--limit`",
            shown.len(),
            found.len()
        ));
    }
    Ok(Exit::Done)
}

/// The places as objects, with the values that were asked for.
fn json_of_places(shown: &[RejectPlace], values: &[Option<String>]) -> Vec<serde_json::Value> {
    let object = |(index, reject): (usize, &RejectPlace)| {
        let mut object = serde_json::json!(reject);
        if let Some(value) = values.get(index) {
            object["value"] = serde_json::json!(value);
        }
        object
    };
    shown.iter().enumerate().map(object).collect()
}

/// The places as columns, with the values that were asked for.
fn table_of_places(shown: &[RejectPlace], values: &[Option<String>]) -> String {
    if shown.is_empty() {
        return "no rejects\n".to_owned();
    }
    let mut head = vec!["platform", "table", "rule", "field", "page", "place"];
    if !values.is_empty() {
        head.push("value");
    }
    let mut rows = vec![head.into_iter().map(str::to_owned).collect::<Vec<_>>()];
    for (index, reject) in shown.iter().enumerate() {
        let page = reject.page.as_ref().unwrap_or(&reject.page_sha256);
        let mark = match (reject.dropped, reject.stopped) {
            (true, _) => " (dropped)",
            (_, true) => " (stopped)",
            _ => "",
        };
        let rule = format!("{}{mark}", reject.rule);
        let mut row = vec![
            reject.platform.clone(),
            reject.table.clone(),
            rule,
            reject.field.clone(),
            page.clone(),
            reject.place.to_string(),
        ];
        let value = values.get(index);
        row.extend(value.map(|value| value.clone().unwrap_or_else(|| "?".to_owned())));
        rows.push(row);
    }
    output::aligned(&rows)
}

/// Reads the tables concerned again.
async fn replay(cx: &Context, arguments: &ReplayArguments) -> Result<Exit, Error> {
    let before = places(cx, &Filter::default()).await?;
    let is_meant =
        |platform: &String| arguments.platform.is_empty() || arguments.platform.contains(platform);
    let before: BTreeSet<RejectPlace> = before
        .into_iter()
        .filter(|reject| is_meant(&reject.platform))
        .collect();
    let platforms: BTreeSet<String> = before
        .iter()
        .map(|reject| reject.platform.clone())
        .collect();
    let plan = Plan {
        stages: vec![Stage::Conform],
        platforms: platforms.iter().cloned().collect(),
        aim: Aim::default(),
        models: Selection::All,
    };
    let done = run::run(cx, &plan).await.map_err(Error::run)?;
    for (what, why) in &done.failures {
        report::say(&format!("failed: {what}: {why}"));
    }
    let after = places(cx, &Filter::default()).await?;
    let after = after.into_iter();
    let after: BTreeSet<RejectPlace> = after
        .filter(|reject| platforms.contains(&reject.platform))
        .collect();
    let replayed = compared(&before, &after);
    match arguments.format {
        Format::Json => output::json(&replayed)?,
        Format::Text => output::print(&table_of_replayed(&replayed))?,
    }
    Ok(match done.ending {
        Ending::Partial => Exit::Partial,
        Ending::Done | Ending::Started | Ending::Refused | Ending::Failed => Exit::Done,
    })
}

/// A row by its page and place, whatever it is rejected for.
type Row<'a> = (&'a str, u64);

/// What became of the rejects, by table.
fn compared(before: &BTreeSet<RejectPlace>, after: &BTreeSet<RejectPlace>) -> Vec<Replayed> {
    let tables: BTreeSet<(&str, &str)> = before
        .iter()
        .chain(after)
        .map(|reject| (reject.platform.as_str(), reject.table.as_str()))
        .collect();
    let line = |table: (&str, &str)| {
        let (before, after) = (rows_of(before, table), rows_of(after, table));
        let n_still_rejected = before.intersection(&after).count();
        Replayed {
            platform: table.0.to_owned(),
            table: table.1.to_owned(),
            n_before: before.len(),
            n_came_in: before.len() - n_still_rejected,
            n_still_rejected,
            n_newly_rejected: after.len() - n_still_rejected,
        }
    };
    tables.into_iter().map(line).collect()
}

/// The rejected rows of one table.
fn rows_of<'a>(rejects: &'a BTreeSet<RejectPlace>, table: (&str, &str)) -> BTreeSet<Row<'a>> {
    let is_of = |reject: &&RejectPlace| (&*reject.platform, &*reject.table) == table;
    let rows = rejects.iter().filter(is_of);
    rows.map(|reject| (&*reject.page_sha256, reject.place))
        .collect()
}

/// What became of the rejects as columns.
fn table_of_replayed(replayed: &[Replayed]) -> String {
    if replayed.is_empty() {
        return "no rejects\n".to_owned();
    }
    let head = [
        "platform",
        "table",
        "rejects before",
        "came in",
        "still rejected",
        "newly rejected",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for line in replayed {
        let mut row = vec![line.platform.clone(), line.table.clone()];
        let counts = [
            line.n_before,
            line.n_came_in,
            line.n_still_rejected,
            line.n_newly_rejected,
        ];
        row.extend(counts.map(|count| count.to_string()));
        rows.push(row);
    }
    output::aligned(&rows)
}

/// Notes that rejects are never to come in.
async fn drop_them(cx: &Context, arguments: &DropArguments) -> Result<Exit, Error> {
    if arguments.reason.trim().is_empty() {
        return Err(Error::Request {
            message: "a reject is dropped for a reason; say it with `--reason`".to_owned(),
        });
    }
    let filter = arguments.which.filter();
    if filter == Filter::default() && !arguments.all {
        return Err(Error::Request {
            message: "say which rejects are meant, for example with `--platform` and `--rule`; `--all` drops every one"
                .to_owned(),
        });
    }
    let found = places(cx, &filter).await?;
    if found.is_empty() {
        return Err(Error::Request {
            message: "no reject matches; see `antenne rejects list`".to_owned(),
        });
    }
    let n_dropped = rejects::drop_rejects(cx, &found, &arguments.reason)
        .await
        .map_err(|error| Error::failed(&error))?;
    output::print(&format!(
        "{n_dropped} reject(s) dropped, {} were before\n",
        found.len() - n_dropped
    ))?;
    Ok(Exit::Done)
}
