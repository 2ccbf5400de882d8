//! `antenne sample`: invented records with the truth beside them, and how the signals score.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::output::{self, Format};
use super::{Error, Exit, Shared, open, sample_panel};
use crate::canon::cells::texts;
use crate::context::{Context, Progress, Total};
use crate::run::with_causes;
use crate::sample::{self, DecoyScore, Flag, Purpose, SamplePlan, Score, Truth};

/// Arguments of `sample`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct SampleArguments {
    /// What to do instead of writing records.
    #[command(subcommand)]
    verb: Option<SampleVerb>,
    /// About how many exchanges.
    #[arg(long, default_value_t = 60_000)]
    exchanges: u64,
    /// Seed: the same one gives the same bytes.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Folder to write into.
    #[arg(long, value_name = "DIR", default_value = "sample-data")]
    out: PathBuf,
}

/// What else `sample` can do.
#[derive(Debug, Subcommand)]
enum SampleVerb {
    /// Compares the signals in the lake with the truth beside the sample.
    Score(ScoreArguments),
    /// Writes a panel of counts with hidden events, to try detectors on.
    ///
    /// The folder receives counts.csv, exposure.csv, districts.csv and truth.csv; the same seed gives
    /// the same bytes. Tune thresholds on panels of some seeds and report figures of others.
    Panel(sample_panel::PanelArguments),
    /// Says what the alarms of a detector found of a panel's hidden events.
    ///
    /// The alarms are a CSV with district, category, month and p, as `antenne stats pooled` writes
    /// it. Figures of a panel on which thresholds were tuned are too good.
    PanelScore(sample_panel::PanelScoreArguments),
}

/// Arguments of `sample score`.
#[derive(Debug, Args)]
struct ScoreArguments {
    /// The truth file.
    #[arg(long, value_name = "FILE", default_value = "sample-data/truth.json")]
    truth: PathBuf,
    /// How the score is printed.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Writes a sample, or scores the signals.
pub(super) async fn sample(shared: &Shared, arguments: &SampleArguments) -> Result<Exit, Error> {
    match &arguments.verb {
        None => generate(shared, arguments),
        Some(SampleVerb::Score(score_arguments)) => score(shared, score_arguments).await,
        Some(SampleVerb::Panel(panel)) => sample_panel::panel(shared, panel),
        Some(SampleVerb::PanelScore(alarms)) => sample_panel::score(shared, alarms),
    }
}

/// Writes a sample.
fn generate(shared: &Shared, arguments: &SampleArguments) -> Result<Exit, Error> {
    let progress = super::progress::Terminal::new(shared.talk);
    let plan = SamplePlan {
        n_exchanges: arguments.exchanges,
        seed: arguments.seed,
        reference: shared.commons.join("reference"),
        out: shared.commons.join(&arguments.out),
    };
    progress.begin("sample", "records", Total::Unknown);
    let done = sample::generate(&plan, &|n_rows| progress.advance(n_rows, 0));
    let done = done.map_err(|error| Error::failed(&error))?;
    progress.end(&format!(
        "{} exchanges in {} rows, in `{}`",
        done.n_exchanges,
        done.n_rows,
        plan.out.display()
    ));
    Ok(Exit::Done)
}

/// Scores the signals.
async fn score(shared: &Shared, arguments: &ScoreArguments) -> Result<Exit, Error> {
    let path = shared.commons.join(&arguments.truth);
    let text = std::fs::read_to_string(&path).map_err(|source| Error::Act {
        act: format!("read the truth file `{}`", path.display()),
        source,
    })?;
    let truth: Truth = serde_json::from_str(&text).map_err(|error| Error::Request {
        message: format!("`{}` is not a truth file: {error}", path.display()),
    })?;
    let cx = open(shared).await?;
    let found = sample::score(&truth, &flags(&cx).await?);
    match arguments.format {
        Format::Json => output::json(&found)?,
        Format::Text => output::print(&words(&found))?,
    }
    Ok(Exit::Done)
}

/// The signals of the lake as flags.
async fn flags(cx: &Context) -> Result<Vec<Flag>, Error> {
    const TABLE: &str = "detected.signals";
    let failed = |error: &dyn std::error::Error| Error::Failed(with_causes(error));
    let opened = cx
        .open(&[TABLE.to_owned()].into())
        .await
        .map_err(|error| failed(&error))?;
    let sql = "select kind, district_code, need_code, first_month, last_month from detected.signals order by signal_id";
    let rows = opened
        .plain_rows(TABLE, sql)
        .await
        .map_err(|error| failed(&error))?;
    let column = |name| texts(&rows, name).map_err(|error| failed(&error));
    let (kind, district, need) = (
        column("kind")?,
        column("district_code")?,
        column("need_code")?,
    );
    let (first, last) = (column("first_month")?, column("last_month")?);
    Ok((0..rows.num_rows())
        .map(|row| Flag {
            purpose: match kind.value(row) {
                "emerging_need" => Purpose::EmergingNeed,
                "new_need" => Purpose::NewNeed,
                _ => Purpose::ServiceGap,
            },
            district_code: Some(district.value(row).to_owned()).filter(|code| code != "TOTAL"),
            need: need.value(row).to_owned(),
            first_month: first.value(row).to_owned(),
            last_month: last.value(row).to_owned(),
        })
        .collect())
}

/// The score in words.
fn words(score: &Score) -> String {
    let of_kind = |one: &DecoyScore| {
        format!(
            "       {} of {} of kind {}\n",
            one.flagged,
            one.planted,
            one.kind.name()
        )
    };
    let by_kind: String = score.decoys_by_kind.iter().map(of_kind).collect();
    format!(
        "needs  {} of {} planted found\ngaps   {} of {} planted found\ndecoys {} of {} planted flagged\n{by_kind}",
        score.needs_found,
        score.needs_planted,
        score.gaps_found,
        score.gaps_planted,
        score.decoys_flagged,
        score.decoys_planted
    )
}
