//! `antenne run` and one verb per stage.

use std::collections::BTreeMap;

use clap::Args;

use super::output::{self, Format};
use super::{Error, Exit, Shared, models, open, report};
use crate::context::Context;
use crate::run::openlineage::{self, Sink};
use crate::run::{self, status};
use crate::run::{Aim, Book, Ending, Plan, RunReport, Stage};
use crate::spec::select::Selection;
use crate::stages::conform::drift::{Change, Drift, Outcome};

/// Arguments of `run`.
#[derive(Debug, Args)]
pub(super) struct RunArguments {
    /// Run only this stage.
    #[arg(long, value_enum, conflicts_with = "from")]
    only: Option<StageName>,
    /// Begin with this stage.
    #[arg(long, value_enum)]
    from: Option<StageName>,
    /// End after this stage.
    #[arg(long, value_enum, conflicts_with = "only")]
    until: Option<StageName>,
    /// Fetch and conform only this platform; may be given several times.
    #[arg(long, value_name = "PLATFORM")]
    source: Vec<String>,
    /// Say what would be done, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// Also say what became of the models, as `OpenLineage` events, to a file or a service.
    #[arg(long, value_name = "FILE|URL")]
    openlineage: Option<Sink>,
    /// How the report is printed.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Arguments of the verb of a stage.
#[derive(Debug, Args)]
pub(super) struct StageArguments {
    /// Fetch and conform only this platform; may be given several times.
    #[arg(long, value_name = "PLATFORM")]
    source: Vec<String>,
    /// How the report is printed.
    #[arg(long, value_enum, default_value = "text")]
    pub(super) format: Format,
}

/// Arguments of `derive`.
#[derive(Debug, Args)]
pub(super) struct DeriveArguments {
    /// Run only these models and what they read: `name`, `+name`, `name+`, `tag:theme`, `state:changed`.
    #[arg(long, value_name = "SELECTOR", num_args = 1..)]
    select: Vec<String>,
    /// Also say what became of the models, as `OpenLineage` events, to a file or a service.
    #[arg(long, value_name = "FILE|URL")]
    openlineage: Option<Sink>,
    /// How the report is printed.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// A stage, as written on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum StageName {
    /// Fetch what the platforms hold.
    Acquire,
    /// Bring it to the canonical tables.
    Conform,
    /// Run the models.
    Derive,
    /// Compute the statistics.
    Detect,
    /// Apply disclosure control.
    Protect,
    /// Write the release.
    Publish,
}

impl StageName {
    /// The stage.
    fn stage(self) -> Stage {
        match self {
            Self::Acquire => Stage::Acquire,
            Self::Conform => Stage::Conform,
            Self::Derive => Stage::Derive,
            Self::Detect => Stage::Detect,
            Self::Protect => Stage::Protect,
            Self::Publish => Stage::Publish,
        }
    }
}

/// Runs the journey, or the part of it asked for.
pub(super) async fn run(shared: &Shared, arguments: &RunArguments) -> Result<Exit, Error> {
    let stages = stages(arguments);
    let cx = open(shared).await?;
    let plan = plan(&cx, stages, &arguments.source)?;
    if arguments.dry_run {
        output::print(&foretell(&cx, &plan))?;
        return Ok(Exit::Done);
    }
    let done = carry_out(&cx, &plan, arguments.format).await;
    say_lineage(&cx, arguments.openlineage.as_ref()).await;
    done
}

/// Runs one stage.
pub(super) async fn stage(
    shared: &Shared,
    stage: Stage,
    arguments: &StageArguments,
) -> Result<Exit, Error> {
    let cx = open(shared).await?;
    let plan = plan(&cx, vec![stage], &arguments.source)?;
    carry_out(&cx, &plan, arguments.format).await
}

/// Runs the models, or those asked for.
pub(super) async fn derive(shared: &Shared, arguments: &DeriveArguments) -> Result<Exit, Error> {
    let cx = open(shared).await?;
    let mut plan = plan(&cx, vec![Stage::Derive], &[])?;
    plan.models = models::selection(&cx, &arguments.select).await?;
    let done = carry_out(&cx, &plan, arguments.format).await;
    say_lineage(&cx, arguments.openlineage.as_ref()).await;
    done
}

/// Hands the events of the run that has just ended to who asked for them; the run stands without it.
async fn say_lineage(cx: &Context, sink: Option<&Sink>) {
    let Some(sink) = sink else { return };
    if let Err(error) = openlineage::emit(cx, sink).await {
        report::say(&format!(
            "warning: no lineage: {}",
            run::with_causes(&error)
        ));
    }
}

/// The stages asked for.
fn stages(arguments: &RunArguments) -> Vec<Stage> {
    if let Some(only) = arguments.only {
        return vec![only.stage()];
    }
    let first = arguments.from.map_or(Stage::Acquire, StageName::stage);
    let last = arguments.until.map_or(Stage::Publish, StageName::stage);
    Stage::ALL
        .into_iter()
        .filter(|stage| (first..=last).contains(stage))
        .collect()
}

/// A checked plan.
pub(super) fn plan(cx: &Context, stages: Vec<Stage>, platforms: &[String]) -> Result<Plan, Error> {
    let declared = &cx.commons.sources;
    if let Some(unknown) = platforms
        .iter()
        .find(|platform| !declared.contains_key(*platform))
    {
        let known: Vec<&str> = declared.keys().map(String::as_str).collect();
        return Err(Error::Request {
            message: format!(
                "there is no platform `{unknown}`; `pipelines/sources/` declares {}",
                known.join(", ")
            ),
        });
    }
    let platforms = if platforms.is_empty() {
        declared.keys().cloned().collect()
    } else {
        platforms.to_vec()
    };
    let aim = Aim::News;
    Ok(Plan {
        stages,
        platforms,
        aim,
        models: Selection::All,
    })
}

/// What a plan would do.
fn foretell(cx: &Context, plan: &Plan) -> String {
    let verbs: Vec<&str> = plan.stages.iter().map(|stage| stage.verb()).collect();
    let mut lines = vec![format!("run {} would: {}", cx.run + 1, verbs.join(", "))];
    for platform in &plan.platforms {
        let tables = cx
            .commons
            .sources
            .get(platform)
            .into_iter()
            .flat_map(|source| source.spec.tables.keys());
        let tables: Vec<&str> = tables.map(String::as_str).collect();
        lines.push(format!("  platform {platform}: {}", tables.join(", ")));
    }
    let (mappings, models, data_sets) = (
        &cx.commons.conformed,
        &cx.commons.models,
        &cx.commons.releases,
    );
    lines.push(format!(
        "  {} mapping(s), {} model(s), {} data set(s)",
        mappings.len(),
        models.len(),
        data_sets.len()
    ));
    format!("{}\n", lines.join("\n"))
}

/// What the warning checks of a model found, a line each.
fn warnings_of(model: &serde_json::Value) -> Vec<String> {
    let found = model.get("warnings").and_then(serde_json::Value::as_array);
    let word = |value: &serde_json::Value, field: &str| {
        value
            .get(field)
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let said = found.into_iter().flatten().map(|warning| {
        let n_rows = warning.get("n_rows").and_then(serde_json::Value::as_u64);
        format!(
            "\n  warning: {} does not hold `{}` on {} row(s)",
            word(model, "model"),
            word(warning, "check"),
            n_rows.unwrap_or_default()
        )
    });
    said.collect()
}

/// Runs a plan and prints its report.
pub(super) async fn carry_out(cx: &Context, plan: &Plan, format: Format) -> Result<Exit, Error> {
    let done = match run::run(cx, plan).await {
        Ok(done) => done,
        Err(error) => {
            // What failed before the run could not go on is often why it could not.
            if let Ok(failures) = status::failures_of_last_run(cx).await {
                say_failures(&failures);
            }
            return Err(Error::run(error));
        }
    };
    match format {
        Format::Json => output::json(&done)?,
        Format::Text => output::print(&text(&done))?,
    }
    say_failures(&done.failures);
    Ok(match done.ending {
        Ending::Partial => Exit::Partial,
        Ending::Done | Ending::Started | Ending::Refused | Ending::Failed => Exit::Done,
    })
}

/// Says what failed and why.
fn say_failures(failures: &BTreeMap<String, String>) {
    for (what, why) in failures {
        report::say(&format!("failed: {what}: {why}"));
    }
}

/// The report for people: the books, the signals, the release.
fn text(done: &RunReport) -> String {
    let accounts = done
        .stages
        .iter()
        .filter_map(|stage| account(&stage.stage, &stage.detail));
    let mut lines = drift_lines(&done.drift);
    lines.extend(accounts);
    let seconds: f64 = done.stages.iter().map(|stage| stage.seconds).sum();
    lines.push(format!("run {} took {seconds:.1} s", done.run));
    if let (Some(release), Some(page)) = (&done.release, &done.page) {
        lines.push(format!("release {release}"));
        lines.push(format!("page    {page}"));
    }
    format!("{}{}\n", books(&done.books), lines.join("\n"))
}

/// Lines about changes of columns; the new columns of a table share a line.
pub(super) fn drift_lines(drift: &[Drift]) -> Vec<String> {
    let is_new = |drift: &Drift| matches!(drift.change, Change::NewColumn);
    let together = |one: &Drift, next: &Drift| {
        is_new(one)
            && is_new(next)
            && (&one.name, &one.table, one.outcome) == (&next.name, &next.table, next.outcome)
    };
    let groups = drift.chunk_by(together);
    groups
        .map(|group| match group {
            [first, _, ..] => new_columns_line(first, group),
            _ => group.iter().map(drift_line).collect(),
        })
        .collect()
}

/// One line about several new columns of a table.
fn new_columns_line(first: &Drift, group: &[Drift]) -> String {
    let columns: Vec<String> = group
        .iter()
        .map(|drift| format!("`{}`", drift.column))
        .collect();
    format!(
        "drift: {}: table `{}` has {} columns that no contract names, first in `{}`: {}; {}",
        first.name,
        first.table,
        group.len(),
        first.page,
        columns.join(", "),
        outcome_of(first)
    )
}

/// One line about a change of columns.
fn drift_line(drift: &Drift) -> String {
    let outcome = outcome_of(drift);
    format!("drift: {}: {}; {outcome}", drift.name, drift.sentence())
}

/// What was done about a change of columns.
fn outcome_of(drift: &Drift) -> &'static str {
    match drift.outcome {
        Outcome::Discarded => "left out",
        Outcome::Kept => "kept as text",
        Outcome::Rejected => "the rows were rejected",
        Outcome::Stopped => "the source was stopped",
    }
}

/// The books as columns.
pub(super) fn books(books: &[Book]) -> String {
    let head = [
        "platform",
        "table",
        "source",
        "accepted",
        "rejected",
        "duplicate",
        "superseded",
        "erased",
        "books",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for book in books {
        let source = book
            .source_count
            .map_or_else(|| "?".to_owned(), |count| count.to_string());
        let closed = match &book.closed {
            serde_json::Value::Bool(true) => "closed",
            serde_json::Value::Bool(false) => "OPEN",
            _ => "UNVERIFIED",
        };
        let counts = [
            book.accepted,
            book.rejected,
            book.duplicate,
            book.superseded,
            book.erased,
        ]
        .map(|count| count.to_string());
        let mut row = vec![book.name.clone(), book.table.clone(), source];
        row.extend(counts);
        row.push(closed.to_owned());
        rows.push(row);
    }
    output::aligned(&rows)
}

/// One line about what a stage did.
pub(super) fn account(stage: &str, detail: &serde_json::Value) -> Option<String> {
    match stage {
        "acquire" => account_of_acquire(detail),
        "conform" => Some(account_of_conform(detail)),
        "derive" => {
            let models = detail.as_array()?;
            let n_rebuilt = models
                .iter()
                .filter(|model| has_action(model, "rebuilt"))
                .count();
            let mut said = format!("derive: {n_rebuilt} of {} model(s) rebuilt", models.len());
            for line in models.iter().flat_map(warnings_of) {
                said.push_str(&line);
            }
            Some(said)
        }
        "detect" => {
            let latest = detail.get("n_latest")?.as_object()?;
            let kinds: Vec<String> = latest
                .iter()
                .map(|(kind, count)| format!("{count} {kind}"))
                .collect();
            let quarter = detail.get("latest_quarter")?.as_str()?;
            Some(format!("detect: in {quarter}: {}", kinds.join(", ")))
        }
        "protect" => {
            let (published, withheld) = (
                detail.get("n_signals_published")?,
                detail.get("n_signals_withheld")?,
            );
            let settled = settled_lines(detail).concat();
            Some(format!(
                "protect: {published} signal(s) published, {withheld} withheld with their evidence{settled}"
            ))
        }
        "publish" if has_action(detail, "unchanged") => {
            Some("publish: nothing has changed since the last release; no byte written".to_owned())
        }
        _ => None,
    }
}

/// A line for every data set of which an earlier release printed periods.
fn settled_lines(detail: &serde_json::Value) -> Vec<String> {
    let list = detail.get("data_sets").and_then(|list| list.as_array());
    let line = |one: &serde_json::Value| {
        let settled = one.get("settled")?;
        let [n_periods, n_outdated, n_left_out] =
            ["n_periods", "n_outdated", "n_left_out"].map(|field| count(settled, field));
        let left_out = match n_left_out {
            0 => String::new(),
            n => format!(", {n} period(s) left out as an earlier release passed them over"),
        };
        let said = format!(
            "\n  {}: {n_periods} period(s) settled; {n_outdated} count(s) in them would be others today{left_out}",
            word(one, "data_set")
        );
        (n_periods + n_left_out > 0).then_some(said)
    };
    list.into_iter().flatten().filter_map(line).collect()
}

/// One line about the pages.
fn account_of_acquire(detail: &serde_json::Value) -> Option<String> {
    let sources = detail.as_object()?;
    let sum = |name: &str| -> u64 {
        sources
            .values()
            .filter_map(|source| source.get(name)?.as_u64())
            .sum()
    };
    let (n_fetched, n_unchanged) = (sum("n_fetched"), sum("n_unchanged"));
    let said = if n_fetched == 0 {
        "nothing new to pull"
    } else {
        "pulled"
    };
    Some(format!(
        "acquire: {said}: {n_fetched} page(s) fetched, {n_unchanged} unchanged"
    ))
}

/// Tables and mappings that are listed one by one.
const MOST_TOUCHED: usize = 12;

/// What was read and written: a line for every table and mapping that changed, and the sum.
fn account_of_conform(detail: &serde_json::Value) -> String {
    let list = |name: &str| detail.get(name).and_then(|list| list.as_array()).cloned();
    let tables = list("tables").unwrap_or_default();
    let mappings = list("mappings").unwrap_or_default();
    let changed = |table: &&serde_json::Value| !has_action(table, "unchanged");
    let of_tables = tables.iter().filter(changed).map(|table| {
        let (name, of) = (word(table, "name"), word(table, "table"));
        let parts = (count(table, "n_parts_written"), count(table, "n_parts"));
        let n_rows = count(table, "n_rows_in");
        format!(
            "  {name}.{of}: {n_rows} row(s) in, {}",
            touched(table, parts)
        )
    });
    let has_run = |mapping: &&serde_json::Value| count(mapping, "n_parts_run") > 0;
    let of_mappings = mappings.iter().filter(has_run).map(|mapping| {
        let (model, into) = (word(mapping, "model"), word(mapping, "into"));
        let parts = (count(mapping, "n_parts_run"), count(mapping, "n_parts"));
        format!("  {model} into {into}: {}", touched(mapping, parts))
    });
    let lines: Vec<String> = of_tables.chain(of_mappings).collect();
    let all = || tables.iter().chain(&mappings);
    let read: u64 = all().map(|done| count(done, "n_bytes_read")).sum();
    let written: u64 = all().map(|done| count(done, "n_bytes_written")).sum();
    let sum = format!("{} read, {} written", size(read), size(written));
    match lines.len() {
        0 => "conform: nothing new to read".to_owned(),
        1..=MOST_TOUCHED => format!("conform: {sum}\n{}", lines.join("\n")),
        n => format!("conform: {sum}, {n} tables and mappings; `--format json` lists them"),
    }
}

/// Parts and bytes of a table or a mapping.
fn touched(done: &serde_json::Value, (n_written, n_parts): (u64, u64)) -> String {
    let (read, written) = (count(done, "n_bytes_read"), count(done, "n_bytes_written"));
    let (read, written) = (size(read), size(written));
    format!("{n_written} of {n_parts} part(s), {read} read, {written} written")
}

/// A text of a report.
fn word<'v>(done: &'v serde_json::Value, field: &str) -> &'v str {
    done.get(field)
        .and_then(serde_json::Value::as_str)
        .unwrap_or_default()
}

/// A count of a report.
fn count(done: &serde_json::Value, field: &str) -> u64 {
    done.get(field)
        .and_then(serde_json::Value::as_u64)
        .unwrap_or_default()
}

/// So many bytes, for people.
fn size(n_bytes: u64) -> String {
    let units = [("GiB", 1_u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    let unit = units.into_iter().find(|(_, unit)| n_bytes >= *unit);
    match unit {
        None => format!("{n_bytes} B"),
        Some((name, unit)) => {
            let tenths = n_bytes.saturating_mul(10) / unit;
            format!("{}.{} {name}", tenths / 10, tenths % 10)
        }
    }
}

/// Whether a report says that it did this.
fn has_action(detail: &serde_json::Value, action: &str) -> bool {
    detail.get("action").is_some_and(|found| found == action)
}
