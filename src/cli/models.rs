//! `antenne plan`: what a run would do to the models, and why.

use std::collections::BTreeSet;
use std::fmt::Write;

use clap::Args;
use serde::Serialize;

use super::output::{self, Format};
use super::{Error, Exit, Shared, open};
use crate::context::Context;
use crate::models::diff::{self, Difference};
use crate::models::plan::{self, Fate, ModelPlan, Planned};
use crate::run;
use crate::spec::select::{Selection, asks_for_changes};

/// Arguments of `plan`.
#[derive(Debug, Args)]
pub(super) struct PlanArguments {
    /// Only these models: `name`, `+name`, `name+`, `tag:theme`, `state:changed`.
    #[arg(long, value_name = "SELECTOR", num_args = 1..)]
    select: Vec<String>,
    /// Also build the changed models aside and say which numbers would be others.
    #[arg(long)]
    diff: bool,
    /// How the plan is printed.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// The plan with the differences, for scripts.
#[derive(Debug, Serialize)]
struct Report<'a> {
    /// What would become of each model meant.
    models: Vec<&'a Planned>,
    /// Models whose tables would be taken away.
    removed: &'a [String],
    /// What would become of their cells.
    differences: &'a [Difference],
}

/// Prints what a run would do to the models.
pub(super) async fn plan(shared: &Shared, arguments: &PlanArguments) -> Result<Exit, Error> {
    let cx = open(shared).await?;
    let planned = work_out(&cx).await?;
    let selection = read_selection(&cx, &arguments.select, &planned)?;
    let differences = if arguments.diff {
        diff::diff(&cx, &planned, |model| selection.has(model))
            .await
            .map_err(|error| Error::failed(&error))?
    } else {
        Vec::new()
    };
    let meant = planned
        .models
        .iter()
        .filter(|one| selection.has(&one.model));
    let report = Report {
        models: meant.collect(),
        removed: &planned.removed,
        differences: &differences,
    };
    match arguments.format {
        Format::Json => output::json(&report)?,
        Format::Text => output::print(&text(&report))?,
    }
    Ok(Exit::Done)
}

/// The models that selectors mean.
pub(super) async fn selection(cx: &Context, selectors: &[String]) -> Result<Selection, Error> {
    if !asks_for_changes(selectors) {
        let planned = ModelPlan {
            models: Vec::new(),
            removed: Vec::new(),
        };
        return read_selection(cx, selectors, &planned);
    }
    let planned = work_out(cx).await?;
    read_selection(cx, selectors, &planned)
}

/// What a run would do to the models.
async fn work_out(cx: &Context) -> Result<ModelPlan, Error> {
    let mut planned = plan::plan(cx)
        .await
        .map_err(|error| Error::failed(&error))?;
    let seconds = run::build_seconds(cx).await.map_err(Error::run)?;
    for one in planned.models.iter_mut().filter(|one| one.is_rebuilt()) {
        one.seconds = seconds.get(&one.model).copied();
    }
    Ok(planned)
}

/// How long the building would take, as it took before.
fn duration(rebuilt: &[&&Planned]) -> String {
    let known: Vec<f64> = rebuilt.iter().filter_map(|one| one.seconds).collect();
    if known.is_empty() {
        return String::new();
    }
    let new = match rebuilt.len() - known.len() {
        0 => String::new(),
        n_new => format!(", and {n_new} that no report knows"),
    };
    let seconds: f64 = known.iter().sum();
    format!("; they took {seconds:.1} s when last built{new}")
}

/// Reads selectors; `state:changed` is what has no table yet or another definition.
fn read_selection(
    cx: &Context,
    selectors: &[String],
    planned: &ModelPlan,
) -> Result<Selection, Error> {
    let is_changed = |one: &&Planned| matches!(one.fate, Fate::New | Fate::Changed);
    let changed: BTreeSet<String> = planned
        .models
        .iter()
        .filter(is_changed)
        .map(|one| one.model.clone())
        .collect();
    Selection::read(selectors, &cx.commons.models, &changed).map_err(|error| Error::Request {
        message: error.to_string(),
    })
}

/// The plan for people.
fn text(report: &Report<'_>) -> String {
    let mut text = String::new();
    let rebuilt: Vec<_> = report
        .models
        .iter()
        .filter(|one| one.is_rebuilt())
        .collect();
    for one in &rebuilt {
        let _infallible = writeln!(text, "{}", line(one));
        for detail in details(one) {
            let _infallible = writeln!(text, "    {detail}");
        }
    }
    for name in report.removed {
        let _infallible = writeln!(
            text,
            "- {name}: no longer declared; a run takes its table away"
        );
    }
    for difference in report.differences {
        text.push_str(&difference_text(difference));
    }
    let n_rows: u64 = rebuilt.iter().map(|one| one.n_input_rows).sum();
    let n_bytes: u64 = rebuilt.iter().map(|one| one.n_input_bytes).sum();
    let _infallible = writeln!(
        text,
        "{} of {} model(s) would be built, reading {n_rows} rows in {} KiB{}; {} table(s) would go",
        rebuilt.len(),
        report.models.len(),
        n_bytes.div_ceil(1024),
        duration(&rebuilt),
        report.removed.len()
    );
    text
}

/// The first line about a model.
fn line(one: &Planned) -> String {
    let what = match (one.fate, one.is_breaking) {
        (Fate::New, _) => "+ new",
        (Fate::Changed, true) => "! changed, breaking",
        (Fate::Changed, false) => "~ changed, not breaking",
        (Fate::Restated, _) => "> restated",
        (Fate::Unchanged, _) => "= unchanged",
    };
    format!("{what}: {} ({} rows now)", one.model, one.n_rows)
}

/// The lines below it.
fn details(one: &Planned) -> Vec<String> {
    let listed = |what: &str, names: &[String]| {
        (!names.is_empty()).then(|| format!("{what} {}", names.join(", ")))
    };
    let renamed = one.renamed_from.as_ref();
    let renamed = renamed.map(|name| format!("has the statement of derived.{name}: renamed"));
    let checks = one
        .only_checks
        .then(|| "only its checks are others".to_owned());
    [
        renamed,
        listed("columns that come:", &one.added),
        listed("columns that go:", &one.removed),
        listed("columns computed otherwise:", &one.changed),
        checks,
        listed("because of other content in", &one.because_of),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What would become of the cells of a model.
fn difference_text(difference: &Difference) -> String {
    let mut text = format!(
        "{}: {} row(s) come, {} go, {} change\n",
        difference.model, difference.n_added, difference.n_removed, difference.n_changed
    );
    for (column, n_rows) in &difference.columns {
        let _infallible = writeln!(text, "    {column}: another value in {n_rows} row(s)");
    }
    if !difference.periods.is_empty() {
        let _infallible = writeln!(text, "    periods: {}", difference.periods.join(", "));
    }
    for cell in &difference.cells {
        let column = if cell.column.is_empty() {
            String::new()
        } else {
            format!(" {}", cell.column)
        };
        let _infallible = writeln!(
            text,
            "    {}{column}: {} → {}",
            cell.key.join(" · "),
            cell.before,
            cell.after
        );
    }
    text
}
