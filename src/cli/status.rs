//! `antenne status`: books, freshness, last release.

use clap::Args;

use super::output::{self, Format};
use super::{Error, Exit, Shared, open, run_verb};
use crate::run::freshness::{SourceFreshness, age_in_words};
use crate::run::status::{self, Status};
use crate::run::{self, Book, RunReport};
use crate::spec::limits::Timeliness;

/// Arguments of `status`.
#[derive(Debug, Args)]
pub(super) struct StatusArguments {
    /// How the status is printed.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Prints the status.
pub(super) async fn status(shared: &Shared, arguments: &StatusArguments) -> Result<Exit, Error> {
    let cx = open(shared).await?;
    let found = status::status(&cx).await.map_err(Error::run)?;
    match arguments.format {
        Format::Json => output::json(&found)?,
        Format::Text => {
            let last = run::last_report(&cx).await.map_err(Error::run)?;
            output::print(&format!(
                "{}{}",
                text(&found),
                last.as_ref().map(last_run).unwrap_or_default()
            ))?;
        }
    }
    Ok(Exit::Done)
}

/// The last run: its number, when it began, how it ended, what it pulled, what it protected.
fn last_run(report: &RunReport) -> String {
    let pulled = report.stages.iter().find(|stage| stage.stage == "acquire");
    let pulled = pulled.and_then(|stage| run_verb::account("acquire", &stage.detail));
    let ending = serde_json::to_value(report.ending).unwrap_or_default();
    let mut said = format!(
        "last run {} of {}: {}; {}\n",
        report.run,
        report.started_at.format("%Y-%m-%d %H:%M UTC"),
        ending.as_str().unwrap_or_default(),
        pulled.as_deref().unwrap_or("nothing was to be pulled"),
    );
    let protected = report.stages.iter().find(|stage| stage.stage == "protect");
    let protected = protected.and_then(|stage| run_verb::account("protect", &stage.detail));
    if let Some(line) = protected {
        said.push_str(&line);
        said.push('\n');
    }
    said.push_str(&failures(report));
    said
}

/// What failed in the last run, a line each.
fn failures(report: &RunReport) -> String {
    let lines = report
        .failures
        .iter()
        .map(|(what, why)| format!("failed: {what}: {why}\n"));
    lines.collect()
}

/// The status for people.
fn text(found: &Status) -> String {
    let books: Vec<Book> = found
        .sources
        .iter()
        .map(|source| Book {
            name: source.name.clone(),
            table: source.table.clone(),
            source_count: source.source_count,
            accepted: source.accepted,
            rejected: source.rejected,
            duplicate: source.duplicate,
            superseded: source.superseded,
            erased: source.erased,
            closed: source.closed.clone(),
        })
        .collect();
    let late: String = found.freshness.iter().filter_map(late).collect();
    let release = match &found.last_release {
        Some(release) => format!("last release {release}\n"),
        None => "no release yet; run `antenne run`\n".to_owned(),
    };
    let drift = run_verb::drift_lines(&found.drift);
    let drift = drift.into_iter().map(|line| format!("{line}\n"));
    let drift = drift.collect::<Vec<_>>().concat();
    [run_verb::books(&books), late, drift, release].concat()
}

/// The line about a source that is late, or older than it may become.
fn late(one: &SourceFreshness) -> Option<String> {
    let (word, limit) = match one.timeliness {
        Timeliness::Unknown | Timeliness::Fresh => return None,
        Timeliness::Late => ("late", "warn_after_days"),
        Timeliness::Overdue => ("OVERDUE", "error_after_days"),
    };
    let age = age_in_words(one);
    Some(format!(
        "{word}: {}: {age} (longer ago than `freshness.{limit}`)\n",
        one.name
    ))
}
