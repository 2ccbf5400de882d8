//! `antenne backtest`: replays history as it was known at the end of each month.
//!
//! ```text
//! plant    rises in cells drawn by the seed where nothing is flagged, with the need's usual delays
//! judge    every method at the end of every month, on what had come in by then
//! measure  rises found in four months, days until then, flags where nothing was planted
//! choose   with `--write`: thresholds that find most within the false alarms allowed
//! ```
//!
//! A flag outside the planted rises counts as false even if something real was behind it, unless a truth
//! file says so: the false alarms are an upper bound.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use schemars::JsonSchema;
use serde::Serialize;

use super::history::{self, History};
use crate::context::{Context, Total};
use crate::sample::{self, Flag, NeedKind, Purpose, Score};
use crate::spec::detection::Thresholds;
use crate::stats::PanelError;
use judge::Month;
use measure::Truth;
use plant::{Cell, Planting, Rise};

pub use choose::Chosen;
pub use judge::Method;
pub use measure::Figures;

/// Thresholds.
mod choose;
/// A history for tests.
#[cfg(test)]
mod invented;
/// The methods.
mod judge;
/// The figures.
mod measure;
/// The planted rises.
mod plant;

/// With fewer months a history is too short to be replayed.
pub const MIN_MONTHS: usize = 18;

/// Months before the first one replayed.
const MIN_PAST: usize = 12;

/// Months after a rise of the truth file in which its window still holds it.
const N_AFTER: usize = 3;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Months to replay, the last ones.
    pub n_months: usize,
    /// Methods to try.
    pub methods: Vec<Method>,
    /// Rises to plant at most.
    pub n_rises: usize,
    /// Seed of the rises.
    pub seed: u64,
    /// What is really in the history.
    pub truth: Option<sample::Truth>,
    /// False alarms a month that are allowed, where thresholds are to be chosen and written.
    pub write_within: Option<f64>,
}

impl Plan {
    /// The methods asked for, and the one whose thresholds are chosen.
    fn methods(&self) -> Vec<Method> {
        let mut methods = self.methods.clone();
        if self.write_within.is_some() && !methods.contains(&Method::Pooled) {
            methods.push(Method::Pooled);
        }
        methods
    }
}

/// What came of it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Report {
    /// First month replayed.
    pub first_month: String,
    /// Last month replayed.
    pub last_month: String,
    /// Districts.
    pub n_districts: usize,
    /// Needs.
    pub n_needs: usize,
    /// Seed of the rises.
    pub seed: u64,
    /// Thresholds of the figures by method.
    pub thresholds: Thresholds,
    /// Figures by method.
    pub methods: Vec<Tried>,
    /// Thresholds chosen and written, where asked for.
    pub chosen: Option<Chosen>,
}

/// The figures of one method.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Tried {
    /// The method.
    pub method: Method,
    /// Its figures.
    #[serde(flatten)]
    pub figures: Figures,
    /// What it found of the truth file, where one was given.
    pub of_truth: Option<Score>,
}

/// Why history could not be replayed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The series cannot be read.
    #[error("cannot replay history")]
    History(#[source] history::Error),
    /// The history is too short.
    #[error(
        "the history has {n_months} month(s), and a replay needs {MIN_MONTHS}; come back when there are more, until then the built-in thresholds hold"
    )]
    Short {
        /// Its months.
        n_months: usize,
    },
    /// The series do not make a panel.
    #[error("the series cannot be judged")]
    Panel(#[source] PanelError),
    /// No thresholds keep the false alarms within what is allowed.
    #[error(
        "no thresholds keep false alarms within {most} a month; allow more with `--max-false-alarms`; nothing was written"
    )]
    TooStrict {
        /// False alarms a month that are allowed.
        most: f64,
    },
    /// The thresholds cannot be written.
    #[error("cannot write `{}`; see that its folder can be written to", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

impl Error {
    /// Whether another request would have been carried out.
    #[must_use]
    pub fn is_request(&self) -> bool {
        matches!(self, Self::Short { .. } | Self::TooStrict { .. })
    }
}

/// Replays history, and with a limit of false alarms chooses thresholds and writes them.
///
/// # Errors
/// When the history is too short or cannot be read; nothing is written then.
pub async fn backtest(cx: &Context, plan: &Plan) -> Result<Report, Error> {
    let mut history = History::read(cx).await.map_err(Error::History)?;
    let replayed = replayed(&history, plan.n_months)?;
    let real = real_rises(&history, plan.truth.as_ref());
    let thresholds = &cx.commons.thresholds;
    let n_months = replayed.len() as u64;
    cx.progress
        .begin("backtest", "months", Total::Rows(2 * n_months));
    let job = Job::new(cx, &history, &[Method::Pooled]);
    let before = job.replay(cx, replayed.clone())?;
    let mut taken: BTreeSet<Cell> = real.keys().copied().collect();
    let flagged = before
        .iter()
        .flat_map(|replay| measure::flagged(replay, replayed.start, thresholds).into_iter());
    taken.extend(flagged.map(|(cell, _month)| cell));
    let planting = Planting {
        n: plan.n_rises,
        seed: plan.seed,
        replayed: replayed.clone(),
        taken,
    };
    let rises = plant::plant(&mut history, &planting);
    let methods = plan.methods();
    let replays = Job::new(cx, &history, &methods).replay(cx, replayed.clone())?;
    cx.progress.end(&format!("{} rise(s) planted", rises.len()));
    let truth = Truth {
        months: &history.months,
        first: replayed.start,
        rises: &rises,
        real: &real,
    };
    let tried = methods.iter().zip(&replays).map(|(method, replay)| {
        let found =
            |planted| sample::score(planted, &flags(&history, replay, (&truth, thresholds)));
        Tried {
            method: *method,
            figures: measure::measure(replay, &truth, thresholds),
            of_truth: plan.truth.as_ref().map(found),
        }
    });
    let mut report = Report {
        first_month: month(&history, replayed.start),
        last_month: month(&history, replayed.end.saturating_sub(1)),
        n_districts: history.districts.len(),
        n_needs: history.needs.len(),
        seed: plan.seed,
        thresholds: thresholds.clone(),
        methods: tried.collect(),
        chosen: None,
    };
    let of_pooled = methods.iter().zip(&replays);
    let mut of_pooled = of_pooled.filter(|(method, _)| **method == Method::Pooled);
    if let (Some(most), Some((_, replay))) = (plan.write_within, of_pooled.next()) {
        let chosen = choose::choose(replay, &truth, (thresholds, most));
        let chosen = chosen.ok_or(Error::TooStrict { most })?;
        write(cx, (plan, most), (&report, &chosen))?;
        report.chosen = Some(chosen);
    }
    Ok(report)
}

/// Writes the thresholds chosen into the commons.
fn write(
    cx: &Context,
    (plan, most): (&Plan, f64),
    (report, chosen): (&Report, &Chosen),
) -> Result<(), Error> {
    let text = choose::file_text(chosen, &notes(cx, (plan, most), report));
    let written = choose::write(&cx.commons.root, &text);
    written.map_err(|(path, source)| Error::Write { path, source })?;
    Ok(())
}

/// How the thresholds came about, as comments of the file.
fn notes(cx: &Context, (plan, most): (&Plan, f64), report: &Report) -> Vec<String> {
    vec![
        format!(
            "antenne backtest --write --months {} --plant {} --seed {} --max-false-alarms {most}",
            plan.n_months, plan.n_rises, plan.seed
        ),
        format!(
            "On {}, replaying {} to {} of {} districts and {} needs.",
            cx.started_at.format("%Y-%m-%d"),
            report.first_month,
            report.last_month,
            report.n_districts,
            report.n_needs
        ),
    ]
}

/// The name of a month.
fn month(history: &History, at: usize) -> String {
    history.months.get(at).cloned().unwrap_or_default()
}

/// The months to replay.
fn replayed(history: &History, n_months: usize) -> Result<Range<usize>, Error> {
    let n = history.n_months();
    if n < MIN_MONTHS {
        return Err(Error::Short { n_months: n });
    }
    Ok(n - n_months.min(n - MIN_PAST)..n)
}

/// The cells and months in which the truth file says that a need rose.
fn real_rises(history: &History, truth: Option<&sample::Truth>) -> BTreeMap<Cell, BTreeSet<usize>> {
    let mut real: BTreeMap<Cell, BTreeSet<usize>> = BTreeMap::new();
    let needs = truth.iter().flat_map(|truth| &truth.emerging_needs);
    for planted in needs.filter(|planted| planted.kind != NeedKind::NewTag) {
        let need = history
            .needs
            .iter()
            .position(|need| need.code == planted.need);
        let last = history
            .months
            .iter()
            .rposition(|month| *month <= planted.last_month);
        let first = history
            .months
            .iter()
            .position(|month| *month >= planted.first_month);
        let (Some(need), Some(first), Some(last)) = (need, first, last) else {
            continue;
        };
        let codes = &planted.district_codes;
        let districts = history.districts.iter().enumerate();
        for (district, _) in districts.filter(|(_, named)| codes.contains(&named.code)) {
            let months = real.entry((need, district)).or_default();
            months.extend(first..=last + N_AFTER);
        }
    }
    real
}

/// The alarms of a method outside the planted rises, as flags for the score of the sample.
fn flags(
    history: &History,
    replay: &[Month],
    (truth, thresholds): (&Truth<'_>, &Thresholds),
) -> Vec<Flag> {
    let planted: BTreeSet<Cell> = truth.rises.iter().map(|rise: &Rise| rise.cell).collect();
    let flagged = measure::flagged(replay, truth.first, thresholds).into_iter();
    let own = flagged.filter(|(cell, _)| !planted.contains(cell));
    let flag = |((need, district), at): (Cell, usize)| {
        Some(Flag {
            purpose: Purpose::EmergingNeed,
            district_code: Some(history.districts.get(district)?.code.clone()),
            need: history.needs.get(need)?.code.clone(),
            first_month: month(history, at),
            last_month: month(history, at),
        })
    };
    own.filter_map(flag).collect()
}

/// A replay to carry out.
struct Job<'a> {
    /// The history, with its planted rises.
    history: &'a History,
    /// The methods.
    methods: &'a [Method],
    /// Months less complete than this are not judged.
    least: f64,
    /// Threads to spread the months over.
    n_threads: usize,
}

impl<'a> Job<'a> {
    /// A replay of a history by some methods, as the commons wants it.
    fn new(cx: &Context, history: &'a History, methods: &'a [Method]) -> Self {
        Self {
            history,
            methods,
            least: cx.commons.thresholds.min_completeness,
            n_threads: usize::from(cx.commons.settings.engine.threads),
        }
    }

    /// What each method says at the end of each month, by method.
    fn replay(&self, cx: &Context, months: Range<usize>) -> Result<Vec<Vec<Month>>, Error> {
        let done = || cx.progress.advance(1, 0);
        self.by_method(months, &done).map_err(Error::Panel)
    }

    /// The same; `done` is told of every month.
    fn by_method(
        &self,
        months: Range<usize>,
        done: &(dyn Fn() + Sync),
    ) -> Result<Vec<Vec<Month>>, PanelError> {
        let next = AtomicUsize::new(months.start);
        let work = || self.judge_next((&next, months.end), done);
        let mut judged = std::thread::scope(|scope| {
            let others: Vec<_> = (1..self.n_threads).map(|_| scope.spawn(work)).collect();
            let mut judged = work()?;
            for other in others {
                let found = other.join();
                judged.extend(found.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
            }
            Ok(judged)
        })?;
        judged.sort_by_key(|(month, _)| *month);
        let mut by_method = vec![Vec::with_capacity(judged.len()); self.methods.len()];
        for (_, of_month) in judged {
            for (list, month) in by_method.iter_mut().zip(of_month) {
                list.push(month);
            }
        }
        Ok(by_method)
    }

    /// Judges one month after the other until none is left.
    fn judge_next(
        &self,
        (next, end): (&AtomicUsize, usize),
        done: &(dyn Fn() + Sync),
    ) -> Result<Vec<(usize, Vec<Month>)>, PanelError> {
        let mut judged = Vec::new();
        loop {
            let month = next.fetch_add(1, Ordering::Relaxed);
            if month >= end {
                return Ok(judged);
            }
            let found = judge::judge(self.history, month, (self.methods, self.least))?;
            judged.push((month, found));
            done();
        }
    }
}
