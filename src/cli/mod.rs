//! The command line: one subcommand per verb. Standard output is data; all else goes to standard
//! error.
//!
//! Exit codes: 0 done · 1 the run failed · 2 the request or a declaration is wrong · 3 a release
//! was refused · 4 partial: a source failed while others went on, or its rejects passed its limit.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use clap::{Args, CommandFactory, Parser, Subcommand};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::canon::contain;
use crate::context::Context;
use crate::run::{self, Setting, Stage};
use crate::spec::commons::{self, Commons};

mod backfill;
mod backtest;
mod check;
mod docs;
mod erase;
mod explain;
mod functions;
mod init;
mod key;
mod models;
mod output;
mod preset;
mod progress;
mod query;
mod rejects;
mod report;
mod run_verb;
mod sample;
mod sample_panel;
mod schemas;
mod secrets;
mod serve;
mod state;
mod stats;
mod status;
mod vocabulary;

pub use schemas::schema_texts;

/// Notices emerging needs and service gaps in the exchange records of welfare quasi-platforms,
/// and publishes them as protected open data.
///
/// It works in a commons directory: `antenne.toml`, `pipelines/`, `sql/`, `reference/`. Begin with
/// `antenne init DIR`, then `antenne run`.
///
/// Exit codes: 0 done; 1 the run failed; 2 the request or a declaration is wrong; 3 a release was
/// refused; 4 partial: a source failed while others went on, or its rejects passed its limit.
#[derive(Debug, Parser)]
#[command(name = "antenne", version, max_term_width = 100)]
struct Command {
    /// The verb.
    #[command(subcommand)]
    verb: Verb,
    /// What every verb takes.
    #[command(flatten)]
    shared: Shared,
}

/// What every verb takes.
#[derive(Debug, Args)]
struct Shared {
    /// Commons directory, the one that holds `antenne.toml`.
    #[arg(long, global = true, value_name = "DIR", default_value = ".")]
    commons: PathBuf,
    /// How much is said on standard error.
    #[arg(long, global = true, value_enum, default_value = "normal")]
    talk: Talk,
}

/// How much is said on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Talk {
    /// Errors only.
    Quiet,
    /// Progress and what came of it.
    Normal,
    /// Also what each stage logs.
    Verbose,
}

/// The verbs.
#[derive(Debug, Subcommand)]
enum Verb {
    /// Runs the whole journey: acquire, conform, derive, detect, protect, publish.
    Run(run_verb::RunArguments),
    /// Fetches what the platforms hold.
    Acquire(run_verb::StageArguments),
    /// Fetches a part of the past once more, without moving where the next fetch begins.
    Backfill(backfill::BackfillArguments),
    /// Shows where the next fetch of each table begins, or lets it begin anew.
    State(state::StateArguments),
    /// Brings it to the canonical tables, or rejects it with a reason.
    Conform(run_verb::StageArguments),
    /// Runs the SQL models.
    Derive(run_verb::DeriveArguments),
    /// Says what a run would do to the models and why, and with `--diff` to their numbers.
    Plan(models::PlanArguments),
    /// Computes the detection statistics, or explains what it says of one need in one district.
    Detect(explain::DetectArguments),
    /// Replays history as it was known at each month's end, and tunes the thresholds of detection.
    ///
    /// It plants rises into the records of this commons and counts which of them a method finds, how
    /// soon, and how many flags it raises elsewhere.
    Backtest(backtest::BacktestArguments),
    /// Applies disclosure control.
    Protect(run_verb::StageArguments),
    /// Writes the release: data, metadata, pages.
    Publish(run_verb::StageArguments),
    /// Shows the release and answers read-only SQL over it, on HTTP.
    Serve(serve::ServeArguments),
    /// Takes persons out of everything the lake holds, and shows that nothing is left.
    Erase(erase::EraseArguments),
    /// Begins an epoch of person keys, or destroys the key of an earlier one.
    Key(key::KeyArguments),
    /// Finds every mistake in the declarations and the SQL, without touching data.
    Check(check::CheckArguments),
    /// Shows what was pulled, whether the books close, how fresh it is, the last release.
    Status(status::StatusArguments),
    /// Lists the rows that did not come in, says where they lie, replays or drops them.
    Rejects(rejects::RejectsArguments),
    /// Lists the words that the code list lacks, and says where they get a code.
    Vocabulary(vocabulary::VocabularyArguments),
    /// Answers a SQL query over the public zone, or over the lake with `--private`.
    Query(query::QueryArguments),
    /// Writes invented records of six platforms with the truth beside them, or scores the signals.
    Sample(sample::SampleArguments),
    /// Runs a statistical method on a plain CSV, or names them all with `--list`.
    Stats(stats::StatsArguments),
    /// Writes a small new commons that runs.
    Init(init::InitArguments),
    /// Ready contracts for formats that the field already exchanges: HSDS, 360Giving.
    Preset(preset::PresetArguments),
    /// Prints the JSON Schemas of the declarations and reports.
    Schemas(schemas::SchemasArguments),
    /// Lists the functions of our own that SQL may call.
    Functions(functions::FunctionsArguments),
    /// Prints the data dictionary of the commons, in Italian and English.
    Docs(docs::DocsArguments),
    /// Prints completions for a shell.
    Completions(CompletionsArguments),
}

/// Arguments of `completions`.
#[derive(Debug, Args)]
struct CompletionsArguments {
    /// The shell.
    shell: clap_complete::Shell,
}

/// How a verb ended, when nothing broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    /// Done.
    Done,
    /// The request or a declaration is wrong, and it was said.
    Wrong,
    /// A source failed, the others went on.
    Partial,
}

/// Why a verb failed.
#[derive(Debug, thiserror::Error)]
enum Error {
    /// The commons could not be loaded.
    #[error(transparent)]
    Commons(Box<commons::Error>),
    /// A run failed.
    #[error(transparent)]
    Run(Box<run::Error>),
    /// The request cannot be carried out as written.
    #[error("{message}")]
    Request {
        /// What is wrong with it and what to do.
        message: String,
    },
    /// A secret could not be read.
    #[error(
        "cannot read the secret `{reference}` that `antenne.toml` names; set it, or name another"
    )]
    Secret {
        /// The reference, never the secret.
        reference: String,
    },
    /// Something else failed.
    #[error("cannot {act}")]
    Act {
        /// What was tried.
        act: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A verb's own failure, already in words.
    #[error("{0}")]
    Failed(String),
}

impl Error {
    /// The commons could not be loaded.
    fn commons(error: commons::Error) -> Self {
        Self::Commons(Box::new(error))
    }

    /// A run failed.
    fn run(error: run::Error) -> Self {
        Self::Run(Box::new(error))
    }

    /// Another failure, in the words of all its causes.
    fn failed(error: &dyn std::error::Error) -> Self {
        Self::Failed(run::with_causes(error))
    }
}

/// Runs the command; the exit code of the process.
pub fn main() -> ExitCode {
    let command = Command::parse();
    contain::silence();
    start_log(command.shared.talk);
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            return report::failure(
                &Error::Act {
                    act: "start the runtime".to_owned(),
                    source: error,
                },
                Path::new("."),
            );
        }
    };
    let root = command.shared.commons.clone();
    match runtime.block_on(carry_out(command)) {
        Ok(Exit::Done) => ExitCode::SUCCESS,
        Ok(Exit::Wrong) => ExitCode::from(2),
        Ok(Exit::Partial) => ExitCode::from(4),
        Err(error) => report::failure(&error, &root),
    }
}

/// Carries out the verb.
async fn carry_out(command: Command) -> Result<Exit, Error> {
    let shared = &command.shared;
    match command.verb {
        Verb::Run(arguments) => run_verb::run(shared, &arguments).await,
        Verb::Acquire(arguments) => run_verb::stage(shared, Stage::Acquire, &arguments).await,
        Verb::Backfill(arguments) => Box::pin(backfill::backfill(shared, &arguments)).await,
        Verb::State(arguments) => state::state(shared, &arguments).await,
        Verb::Conform(arguments) => run_verb::stage(shared, Stage::Conform, &arguments).await,
        Verb::Derive(arguments) => run_verb::derive(shared, &arguments).await,
        Verb::Plan(arguments) => Box::pin(models::plan(shared, &arguments)).await,
        Verb::Detect(arguments) => Box::pin(explain::detect(shared, &arguments)).await,
        Verb::Backtest(arguments) => Box::pin(backtest::backtest(shared, &arguments)).await,
        Verb::Protect(arguments) => run_verb::stage(shared, Stage::Protect, &arguments).await,
        Verb::Publish(arguments) => run_verb::stage(shared, Stage::Publish, &arguments).await,
        Verb::Serve(arguments) => Box::pin(serve::serve(shared, &arguments)).await,
        Verb::Erase(arguments) => Box::pin(erase::erase(shared, &arguments)).await,
        Verb::Key(arguments) => key::key(shared, &arguments),
        Verb::Check(arguments) => check::check(shared, &arguments).await,
        Verb::Status(arguments) => status::status(shared, &arguments).await,
        Verb::Rejects(arguments) => rejects::rejects(shared, &arguments).await,
        Verb::Vocabulary(arguments) => vocabulary::vocabulary(shared, &arguments).await,
        Verb::Query(arguments) => query::query(shared, &arguments).await,
        Verb::Sample(arguments) => sample::sample(shared, &arguments).await,
        Verb::Stats(arguments) => stats::stats(&arguments),
        Verb::Init(arguments) => init::init(shared, &arguments),
        Verb::Preset(arguments) => preset::preset(shared, &arguments),
        Verb::Schemas(arguments) => schemas::schemas(&arguments),
        Verb::Functions(arguments) => functions::functions(&arguments),
        Verb::Docs(arguments) => docs::docs(shared, &arguments).await,
        Verb::Completions(arguments) => {
            clap_complete::generate(
                arguments.shell,
                &mut Command::command(),
                "antenne",
                &mut std::io::stdout(),
            );
            Ok(Exit::Done)
        }
    }
}

/// Sends the log to standard error, without color where none is wanted; libraries keep silent.
fn start_log(talk: Talk) {
    let level = match talk {
        Talk::Quiet => tracing::Level::ERROR,
        Talk::Normal => tracing::Level::WARN,
        Talk::Verbose => tracing::Level::INFO,
    };
    let own = Targets::new().with_target("antenne", level);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(report::is_colored());
    tracing_subscriber::registry()
        .with(lines.with_filter(own))
        .init();
}

/// Opens the commons for work.
async fn open(shared: &Shared) -> Result<Context, Error> {
    let commons = Commons::load(&shared.commons).map_err(Error::commons)?;
    let key = secrets::read(&shared.commons, &commons.settings.secrets.pseudonym_key)?;
    let setting = Setting {
        secrets: secrets::read_all(&shared.commons, &commons),
        commons,
        key,
        started_at: now(),
        holder: holder(),
        progress: Arc::new(progress::Terminal::new(shared.talk)),
    };
    run::open(setting).await.map_err(Error::run)
}

/// The moment of the run: now, or what `SOURCE_DATE_EPOCH` says, so that a run can be repeated as
/// of another day.
#[expect(
    clippy::disallowed_methods,
    reason = "only the command line reads the environment"
)]
fn now() -> DateTime<Utc> {
    let said = std::env::var("SOURCE_DATE_EPOCH").ok();
    let seconds = said.and_then(|seconds| seconds.parse().ok());
    seconds
        .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
        .unwrap_or_else(Utc::now)
}

/// This machine and process, as another run is told of them.
fn holder() -> String {
    let process = std::process::id();
    let host = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    match host.trim() {
        "" => format!("process {process}"),
        host => format!("{host}, process {process}"),
    }
}
