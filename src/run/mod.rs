//! Puts the stages of the journey in order and records the run.
//!
//! Every run has a number and leaves a report, `runs/<number>.json`, in the lake: it is written
//! when the run starts and again when it ends, so that a run that was killed is known as started
//! and its number is never used again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use freshness::SourceFreshness;

use crate::context::{Context, Progress, SecretError, parse_key, person_keys};
use crate::engine::{self, Engine};
use crate::erase::retain;
use crate::erase::sweep::sweep_new;
use crate::lake::{self, Lake, RunLock};
use crate::models;
use crate::spec::commons::Commons;
use crate::spec::secret::Secrets;
use crate::spec::select::Selection;
use crate::stages::acquire::Backfill;
use crate::stages::conform::drift::Drift;
use crate::stages::conform::{BookLine, Closed, MappingReport, TableReport};
use crate::stages::{acquire, conform, derive, detect, protect, publish};

pub mod backtest;
pub mod check;
pub mod erasure;
pub mod explain;
pub mod freshness;
pub mod history;
pub mod lineage;
#[cfg(test)]
mod malformed;
pub mod openlineage;
pub mod state;
pub mod status;

/// Folder of the run reports in the lake.
const RUNS: &str = "runs";

/// Version of the run report.
const REPORT: &str = "antenne-run-report/1";

/// A stage that a run can consist of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Fetch.
    Acquire,
    /// Type, judge, map.
    Conform,
    /// Run the models.
    Derive,
    /// Judge the series.
    Detect,
    /// Withhold.
    Protect,
    /// Write the release.
    Publish,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Self; 6] = [
        Self::Acquire,
        Self::Conform,
        Self::Derive,
        Self::Detect,
        Self::Protect,
        Self::Publish,
    ];

    /// Its verb.
    pub fn verb(self) -> &'static str {
        match self {
            Self::Acquire => "acquire",
            Self::Conform => "conform",
            Self::Derive => "derive",
            Self::Detect => "detect",
            Self::Protect => "protect",
            Self::Publish => "publish",
        }
    }
}

/// What went wrong with a run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The pseudonym key is not usable.
    #[error("the secret named by `secrets.pseudonym_key` cannot be used")]
    Secret(#[source] SecretError),
    /// The lake failed.
    #[error("the lake failed")]
    Lake(#[source] lake::Error),
    /// The engine could not be set up.
    #[error("the query engine failed")]
    Engine(#[source] engine::Error),
    /// Acquire failed as a whole.
    #[error("acquire failed")]
    Acquire(#[source] acquire::Error),
    /// Conform failed as a whole.
    #[error("conform failed")]
    Conform(#[source] conform::Error),
    /// Derive failed.
    #[error("derive failed")]
    Derive(#[source] models::Error),
    /// Detect failed.
    #[error("detect failed")]
    Detect(#[source] detect::Error),
    /// Protect failed or refused.
    #[error("protect failed")]
    Protect(#[source] protect::Error),
    /// Publish failed or refused.
    #[error("publish failed")]
    Publish(#[source] publish::release::Error),
    /// A person could not be erased, or what is remembered of the erased could not be read.
    #[error("erase failed")]
    Erase(#[source] Box<crate::erase::Error>),
    /// A request to erase is not completed.
    #[error("a request to erase is still open; complete it with `antenne erase --resume`")]
    ErasureOpen,
    /// The status could not be read.
    #[error("the status cannot be read")]
    Status(#[source] crate::context::tables::Error),
    /// The report could not be written.
    #[error("the run report cannot be written")]
    Report(#[source] serde_json::Error),
}

impl Error {
    /// A person could not be erased.
    fn erase(error: crate::erase::Error) -> Self {
        Self::Erase(Box::new(error))
    }

    /// Whether the request itself is wrong, rather than something broken.
    pub fn is_request(&self) -> bool {
        matches!(self, Self::Erase(error) if error.is_request())
    }

    /// Whether a release was refused, rather than something broken.
    pub fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::ErasureOpen
                | Self::Protect(
                    protect::Error::Refused { .. }
                        | protect::Error::Unreleasable { .. }
                        | protect::Error::Released(_)
                        | protect::Error::Redeclared { .. }
                )
                | Self::Publish(
                    publish::release::Error::OpenBooks { .. } | publish::release::Error::NoQuarter
                )
        )
    }
}

/// What a run is to do.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Stages, in order.
    pub stages: Vec<Stage>,
    /// Platforms for `acquire` and `conform`.
    pub platforms: Vec<String>,
    /// What is fetched of them.
    pub aim: Aim,
    /// Models for `derive`.
    pub models: Selection,
}

/// What a run fetches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Aim {
    /// What is new since the cursors.
    #[default]
    News,
    /// A window; no cursor moves.
    Window(Backfill),
    /// Nothing: the cursors of this table, or of all, are forgotten.
    Forget(Option<String>),
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// It has begun and not ended, or was killed.
    Started,
    /// Everything was done.
    Done,
    /// A source failed, or its rejects passed its limit; the others went on.
    Partial,
    /// A release was refused.
    Refused,
    /// Something broke.
    Failed,
}

/// One page that went into a run.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct InputPage {
    /// Platform.
    pub platform: String,
    /// Table of the platform.
    pub table: String,
    /// Address.
    pub url: String,
    /// SHA-256 of its bytes.
    pub sha256: String,
    /// Bytes.
    pub n_bytes: u64,
    /// Records, counted independently.
    pub n_records: Option<u64>,
}

/// Books of one source table in a report.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Book {
    /// Platform.
    pub name: String,
    /// Table of the platform.
    pub table: String,
    /// Records in the source, counted independently.
    pub source_count: Option<u64>,
    /// Accepted rows.
    pub accepted: u64,
    /// Rejected rows.
    pub rejected: u64,
    /// Duplicate rows.
    pub duplicate: u64,
    /// Superseded rows.
    pub superseded: u64,
    /// Erased rows.
    pub erased: u64,
    /// `true`, `false` or `"unverified"`.
    pub closed: serde_json::Value,
}

impl From<&BookLine> for Book {
    fn from(line: &BookLine) -> Self {
        Self {
            name: line.name.clone(),
            table: line.table.clone(),
            source_count: line.source_count,
            accepted: line.accepted,
            rejected: line.rejected,
            duplicate: line.duplicate,
            superseded: line.superseded,
            erased: line.erased,
            closed: match line.closed() {
                Closed::Yes => true.into(),
                Closed::No => false.into(),
                Closed::Unverified => "unverified".into(),
            },
        }
    }
}

/// What one stage did.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct StageReport {
    /// Its verb.
    pub stage: String,
    /// Seconds it took.
    pub seconds: f64,
    /// What it did, by its own account.
    pub detail: serde_json::Value,
}

/// The report of a run.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct RunReport {
    /// Version of this format.
    pub format: String,
    /// Number of the run.
    pub run: u64,
    /// Version of antenne.
    pub antenne: String,
    /// When it started, UTC.
    pub started_at: DateTime<Utc>,
    /// When it ended, UTC.
    pub ended_at: Option<DateTime<Utc>>,
    /// How it ended.
    pub ending: Ending,
    /// What went in.
    pub inputs: Vec<InputPage>,
    /// What each stage did.
    pub stages: Vec<StageReport>,
    /// The books.
    pub books: Vec<Book>,
    /// What failed, by platform or stage.
    pub failures: BTreeMap<String, String>,
    /// Changes of columns that are known.
    #[serde(default)]
    pub drift: Vec<Drift>,
    /// How old each source is.
    #[serde(default)]
    pub freshness: Vec<SourceFreshness>,
    /// Version of the latest release.
    pub release: Option<String>,
    /// First page of the latest release.
    pub page: Option<String>,
}

impl RunReport {
    /// What was done with each model, by the account of `derive`.
    fn models(&self) -> impl Iterator<Item = &serde_json::Value> {
        let stages = self.stages.iter();
        let accounts = stages.filter_map(|stage| {
            // Those of detection stand beside its signals.
            let beside = stage.detail.get("models").unwrap_or(&stage.detail);
            let is_meant = [Stage::Derive.verb(), Stage::Detect.verb()].contains(&&*stage.stage);
            beside.as_array().filter(|_| is_meant)
        });
        accounts.flatten()
    }

    /// The report of a run that has just begun.
    fn begun(cx: &Context) -> Self {
        Self {
            format: REPORT.to_owned(),
            run: cx.run,
            antenne: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: cx.started_at,
            ended_at: None,
            ending: Ending::Started,
            inputs: Vec::new(),
            stages: Vec::new(),
            books: Vec::new(),
            failures: BTreeMap::new(),
            drift: Vec::new(),
            freshness: Vec::new(),
            release: None,
            page: None,
        }
    }
}

/// What a context is made from.
pub struct Setting {
    /// What people declared.
    pub commons: Commons,
    /// Text of the pseudonym key.
    pub key: String,
    /// Secrets that the commons names, as far as they could be read.
    pub secrets: Secrets,
    /// When the run starts.
    pub started_at: DateTime<Utc>,
    /// Machine and process, for others that want the lake at the same time.
    pub holder: String,
    /// Where progress goes.
    pub progress: Arc<dyn Progress>,
}

impl std::fmt::Debug for Setting {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Setting")
            .field("root", &self.commons.root)
            .finish_non_exhaustive()
    }
}

/// Opens the lake and the engine; the run number is that of the last run until [`run`] begins.
///
/// # Errors
/// [`Error::Secret`] when the key is not 64 hexadecimal digits.
pub async fn open(setting: Setting) -> Result<Context, Error> {
    let key = parse_key(&setting.key).map_err(Error::Secret)?;
    let settings = &setting.commons.settings.lake;
    let lake = Lake::open(&setting.commons.root, settings, &setting.secrets);
    let lake = lake.map_err(Error::Lake)?;
    let engine = Engine::new(&setting.commons.settings.engine).map_err(Error::Engine)?;
    engine.attach(&lake);
    let run = last_run(&lake).await?;
    let secrets = &setting.commons.settings.secrets;
    let persons = person_keys(&key, secrets, &setting.secrets).map_err(Error::Secret)?;
    Ok(Context {
        commons: Arc::new(setting.commons),
        lake,
        engine,
        run,
        started_at: setting.started_at,
        persons,
        holder: setting.holder,
        key,
        secrets: Arc::new(setting.secrets),
        progress: setting.progress,
        watch: Instant::now(),
    })
}

/// Number of the last run of the lake, zero before the first.
async fn last_run(lake: &Lake) -> Result<u64, Error> {
    let names = lake.list(RUNS).await.map_err(Error::Lake)?;
    let numbers = names
        .iter()
        .filter_map(|name| name.strip_suffix(".json")?.parse::<u64>().ok());
    Ok(numbers.max().unwrap_or_default())
}

/// Address of the report of a run.
fn report_path(run: u64) -> String {
    format!("{RUNS}/{run:06}.json")
}

/// The report of the last run, if there is one.
///
/// # Errors
/// [`Error::Lake`] when it cannot be read.
pub async fn last_report(cx: &Context) -> Result<Option<RunReport>, Error> {
    let bytes = cx
        .lake
        .read(&report_path(cx.run))
        .await
        .map_err(Error::Lake)?;
    bytes
        .map(|bytes| serde_json::from_slice(&bytes).map_err(Error::Report))
        .transpose()
}

/// The report of the newest run of the lake, which may have begun after the lake was opened.
///
/// # Errors
/// As [`last_report`].
pub(crate) async fn newest_report(cx: &Context) -> Result<Option<RunReport>, Error> {
    let mut newest = cx.clone();
    newest.run = last_run(&cx.lake).await?;
    last_report(&newest).await
}

/// Most runs that are looked through for how long models took.
const LOOKED_THROUGH: u64 = 20;

/// Seconds that each model took when it was last built, as far as the reports of the last runs say.
///
/// # Errors
/// [`Error::Lake`] when a report cannot be read.
pub async fn build_seconds(cx: &Context) -> Result<BTreeMap<String, f64>, Error> {
    let last = last_run(&cx.lake).await?;
    let mut known = BTreeMap::new();
    for run in (last.saturating_sub(LOOKED_THROUGH)..=last).rev() {
        let mut then = cx.clone();
        then.run = run;
        let Some(report) = last_report(&then).await? else {
            continue;
        };
        let took = |account: &serde_json::Value| {
            let model = account["model"].as_str()?;
            Some((model.to_owned(), account["seconds"].as_f64()?))
        };
        for (model, seconds) in report.models().filter_map(took) {
            known.entry(model).or_insert(seconds);
        }
    }
    Ok(known)
}

/// Carries out a plan; the report is also in the lake. Only one run at a time has a lake.
///
/// # Errors
/// The first stage that fails as a whole or refuses; the report says so too. Another run that
/// goes on in the lake.
pub async fn run(cx: &Context, plan: &Plan) -> Result<RunReport, Error> {
    let mut cx = cx.clone();
    cx.run += 1;
    let lock = cx.lock().await.map_err(Error::Lake)?;
    // A run that ended between opening the lake and taking the lock has used its number.
    cx.run = last_run(&cx.lake).await? + 1;
    let report = run_locked(cx, plan, &lock).await;
    lock.release().await.map_err(Error::Lake)?;
    report
}

/// Carries out a plan in a lake that is ours.
async fn run_locked(mut cx: Context, plan: &Plan, lock: &RunLock) -> Result<RunReport, Error> {
    let mut unfinished = BTreeMap::new();
    if erasure::is_open(&cx).await? {
        let report = erase(&cx).await?;
        if plan.stages.is_empty() {
            return Ok(report);
        }
        unfinished = report.failures;
        cx.run += 1;
    }
    let before = earlier_report(&cx).await;
    let clock = Instant::now();
    let mut report = RunReport::begun(&cx);
    report.failures = unfinished;
    report.freshness = before.map(|before| before.freshness).unwrap_or_default();
    write(&cx, &report).await?;
    let result = carry_out(&cx, plan, lock, &mut report).await;
    end(&cx, clock, report, result).await
}

/// The report of the run before this one, if it can be read.
async fn earlier_report(cx: &Context) -> Option<RunReport> {
    let mut earlier = cx.clone();
    earlier.run -= 1;
    last_report(&earlier).await.ok().flatten()
}

/// Completes the open order to erase, as a run of its own; the report says if it stays open.
async fn erase(cx: &Context) -> Result<RunReport, Error> {
    let clock = Instant::now();
    let mut report = RunReport::begun(cx);
    let before = earlier_report(cx).await;
    report.freshness = before.map(|before| before.freshness).unwrap_or_default();
    write(cx, &report).await?;
    match erasure::complete(cx).await {
        Ok(receipt) => report.stages.push(StageReport {
            stage: "erase".to_owned(),
            seconds: clock.elapsed().as_secs_f64(),
            detail: serde_json::to_value(receipt).map_err(Error::Report)?,
        }),
        Err(error) => {
            report
                .failures
                .insert("erase".to_owned(), with_causes(&error));
        }
    }
    end(cx, clock, report, Ok(())).await
}

/// Ends a report and gives it back.
async fn end(
    cx: &Context,
    clock: Instant,
    mut report: RunReport,
    result: Result<(), Error>,
) -> Result<RunReport, Error> {
    let elapsed = TimeDelta::from_std(clock.elapsed()).unwrap_or_default();
    report.ended_at = cx.started_at.checked_add_signed(elapsed);
    report.ending = match &result {
        Ok(()) if report.failures.is_empty() => Ending::Done,
        Ok(()) => Ending::Partial,
        Err(error) if error.is_refusal() => Ending::Refused,
        Err(_) => Ending::Failed,
    };
    if let Err(error) = &result {
        let said = cx.secrets.hidden_in(&with_causes(error));
        report.failures.insert("run".to_owned(), said);
    }
    write(cx, &report).await?;
    result.map(|()| report)
}

/// Writes the report as it is now.
async fn write(cx: &Context, report: &RunReport) -> Result<(), Error> {
    let bytes = serde_json::to_vec_pretty(report).map_err(Error::Report)?;
    cx.lake
        .write(&report_path(cx.run), Bytes::from(bytes))
        .await
        .map_err(Error::Lake)
}

/// What is said of a table whose books do not close.
fn does_not_close(line: &BookLine) -> String {
    format!(
        "the books of table `{}` do not close: the source counts {} rows, {} are accounted for; nothing is released until they agree, see docs/sources.md",
        line.table,
        line.source_count.unwrap_or_default(),
        line.accounted()
    )
}

/// Runs the stages in order.
async fn carry_out(
    cx: &Context,
    plan: &Plan,
    lock: &RunLock,
    report: &mut RunReport,
) -> Result<(), Error> {
    if let Aim::Forget(table) = &plan.aim {
        let forgotten = acquire::forget(cx, &plan.platforms, table.as_deref()).await;
        forgotten.map_err(Error::Acquire)?;
    }
    for stage in &plan.stages {
        lock.check().map_err(Error::Lake)?;
        let clock = Instant::now();
        tracing::info!(stage = stage.verb(), run = cx.run, "begins");
        if matches!(stage, Stage::Conform) {
            sweep(cx, report).await?;
        }
        let detail = carry_out_stage(cx, *stage, plan, report).await?;
        match stage {
            Stage::Acquire => sweep(cx, report).await?,
            Stage::Conform => expire(cx, plan, report).await?,
            Stage::Derive | Stage::Detect | Stage::Protect | Stage::Publish => {}
        }
        let seconds = clock.elapsed().as_secs_f64();
        report.stages.push(StageReport {
            stage: stage.verb().to_owned(),
            seconds,
            detail,
        });
    }
    for (platform, pages) in cx.lake.current_pages().await.map_err(Error::Lake)? {
        report
            .inputs
            .extend(pages.into_iter().map(|page| InputPage {
                platform: platform.clone(),
                table: page.table,
                url: page.url,
                sha256: page.sha256,
                n_bytes: page.n_bytes,
                n_records: page.n_records,
            }));
    }
    let books = conform::books(cx).await.map_err(Error::Conform)?;
    report.books = books.iter().map(Book::from).collect();
    report.freshness = freshness::judge(cx, &freshness::fetches(&report.freshness)).await?;
    if plan.stages.contains(&Stage::Acquire) {
        let overdue = freshness::overdue(cx, &report.freshness);
        report.failures.extend(overdue);
    }
    Ok(())
}

/// Takes erased persons out of pages that a platform has sent since, and says that it did.
async fn sweep(cx: &Context, report: &mut RunReport) -> Result<(), Error> {
    let clock = Instant::now();
    let swept = sweep_new(cx).await.map_err(Error::erase)?;
    if !swept.is_empty() {
        report.stages.push(StageReport {
            stage: "erase".to_owned(),
            seconds: clock.elapsed().as_secs_f64(),
            detail: serde_json::to_value(&swept).map_err(Error::Report)?,
        });
    }
    Ok(())
}

/// Lets pages expire whose agreement says so, of the platforms that conformed without trouble.
async fn expire(cx: &Context, plan: &Plan, report: &mut RunReport) -> Result<(), Error> {
    let is_well = |platform: &&String| {
        let names = report.failures.keys();
        !names
            .into_iter()
            .any(|name| name.split('.').next() == Some(platform.as_str()))
    };
    let platforms: Vec<String> = plan.platforms.iter().filter(is_well).cloned().collect();
    let has_term = |platform: &String| {
        let source = cx.commons.sources.get(platform);
        source.is_some_and(|source| source.spec.agreement.retention_days.is_some())
    };
    if !platforms.iter().any(has_term) {
        return Ok(());
    }
    let clock = Instant::now();
    let mut started_at = BTreeMap::new();
    let pages = cx.lake.current_pages().await.map_err(Error::Lake)?;
    for page in pages.values().flatten() {
        if let std::collections::btree_map::Entry::Vacant(unknown) = started_at.entry(page.run) {
            let mut then = cx.clone();
            then.run = page.run;
            if let Some(report) = last_report(&then).await? {
                unknown.insert(report.started_at);
            }
        }
    }
    let expired = retain::expire(cx, &platforms, &started_at)
        .await
        .map_err(Error::erase)?;
    if !expired.is_empty() {
        report.stages.push(StageReport {
            stage: "retain".to_owned(),
            seconds: clock.elapsed().as_secs_f64(),
            detail: serde_json::to_value(&expired).map_err(Error::Report)?,
        });
    }
    Ok(())
}

/// Runs one stage and answers its account.
async fn carry_out_stage(
    cx: &Context,
    stage: Stage,
    plan: &Plan,
    report: &mut RunReport,
) -> Result<serde_json::Value, Error> {
    let json = |value: serde_json::Result<serde_json::Value>| value.map_err(Error::Report);
    match stage {
        Stage::Acquire => {
            let (valid, expired) = freshness::with_agreement(cx, &plan.platforms);
            report.failures.extend(expired);
            let done = match &plan.aim {
                Aim::Window(backfill) => acquire::backfill(cx, &valid, backfill).await,
                Aim::News | Aim::Forget(_) => acquire::acquire(cx, &valid).await,
            };
            let done = done.map_err(Error::Acquire)?;
            freshness::note_fetches(cx, &mut report.freshness, done.sources.keys());
            report
                .failures
                .extend(done.failed.iter().map(|(platform, error)| {
                    (platform.clone(), cx.secrets.hidden_in(&with_causes(error)))
                }));
            json(serde_json::to_value(&done.sources))
        }
        Stage::Conform => {
            let done = conform::conform(cx, &plan.platforms).await;
            let done = done.map_err(Error::Conform)?;
            report.failures.extend(
                done.failed
                    .iter()
                    .map(|(platform, error)| (platform.clone(), with_causes(error))),
            );
            for line in done.books.iter().filter(|line| line.closed() == Closed::No) {
                if plan.platforms.contains(&line.name) {
                    let failure = report.failures.entry(line.name.clone());
                    failure.or_insert_with(|| does_not_close(line));
                }
            }
            report.drift = done.drift;
            json(serde_json::to_value(ConformDetail {
                tables: &done.tables,
                mappings: &done.mappings,
            }))
        }
        Stage::Derive => {
            let done = derive::derive(cx, &plan.models).await;
            json(serde_json::to_value(done.map_err(Error::Derive)?))
        }
        Stage::Detect => json(serde_json::to_value(
            detect::detect(cx).await.map_err(Error::Detect)?,
        )),
        Stage::Protect => json(serde_json::to_value(
            protect::protect(cx).await.map_err(Error::Protect)?,
        )),
        Stage::Publish => {
            if erasure::is_open(cx).await? {
                return Err(Error::ErasureOpen);
            }
            let done = publish::publish(cx).await.map_err(Error::Publish)?;
            report.release = Some(done.version.clone());
            report.page = Some(done.page.display().to_string());
            json(serde_json::to_value(&done))
        }
    }
}

/// What `conform` did, for the report.
#[derive(Serialize)]
struct ConformDetail<'a> {
    /// Source tables: pages and parts that were read and written, with their bytes.
    tables: &'a [TableReport],
    /// Mappings, likewise.
    mappings: &'a [MappingReport],
}

/// An error with everything that caused it, in one line.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
