//! `antenne sample panel` and `panel-score`: a panel with a known truth, and how alarms did on it.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::output::{self, Format, aligned};
use super::{Error, Exit, Shared};
use crate::sample::panel::{self, Hidden, PanelScore, Rule};

/// Arguments of `sample panel`.
#[derive(Debug, Args)]
pub(super) struct PanelArguments {
    /// Folder to write into.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Seed: the same one gives the same bytes.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Which events are hidden in it.
    #[arg(long, value_enum, default_value = "all")]
    events: EventsWord,
}

/// Which events are hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum EventsWord {
    /// All kinds: in single cells, in space, new needs.
    All,
    /// None: every alarm is false.
    None,
}

/// Arguments of `sample panel-score`.
#[derive(Debug, Args)]
pub(super) struct PanelScoreArguments {
    /// Folder of the panel.
    #[arg(long, value_name = "DIR")]
    panel: PathBuf,
    /// The probabilities of the detector; a cell without one counts as 1.
    #[arg(long, value_name = "FILE")]
    alarms: PathBuf,
    /// How they become flags: `matched:SHARE` of false flags or `bh:LEVEL`; several by commas.
    #[arg(
        long,
        value_name = "RULE",
        value_delimiter = ',',
        default_value = "matched:0.005,bh:0.05"
    )]
    at: Vec<Rule>,
    /// How the figures are printed.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Writes a panel.
pub(super) fn panel(shared: &Shared, arguments: &PanelArguments) -> Result<Exit, Error> {
    let hidden = match arguments.events {
        EventsWord::All => Hidden::All,
        EventsWord::None => Hidden::None,
    };
    let folder = shared.commons.join(&arguments.out);
    let written = panel::write(&folder, arguments.seed, hidden);
    written.map_err(|error| Error::failed(&error))?;
    Ok(Exit::Done)
}

/// Scores the alarms on a panel.
pub(super) fn score(shared: &Shared, arguments: &PanelScoreArguments) -> Result<Exit, Error> {
    let folder = shared.commons.join(&arguments.panel);
    let alarms = shared.commons.join(&arguments.alarms);
    let scores = panel::score(&folder, &alarms, &arguments.at);
    let scores = scores.map_err(|error| Error::Request {
        message: crate::run::with_causes(&error),
    })?;
    match arguments.format {
        Format::Json => output::json(&scores)?,
        Format::Text => output::print(&table(&scores))?,
    }
    Ok(Exit::Done)
}

/// A line per figure, a column per rule.
fn table(scores: &[PanelScore]) -> String {
    let titles = scores.iter().map(|score| score.at.clone());
    let mut rows = vec![[String::new()].into_iter().chain(titles).collect()];
    let names = scores.first().map(PanelScore::named);
    for (at, (name, _)) in names.iter().flatten().enumerate() {
        let figures = scores.iter().filter_map(|score| {
            let (_, figure) = *score.named().get(at)?;
            Some(format!("{figure:.4}"))
        });
        rows.push([(*name).to_owned()].into_iter().chain(figures).collect());
    }
    aligned(&rows)
}
