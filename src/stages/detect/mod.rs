//! Computes the detection statistics: emerging needs, new words, service gaps.
//!
//! ```text
//! derived._panel_by_district_need_month   → rises       pooled Gamma–Poisson with exposure offset
//! derived.tags_by_district_month          → new labels  novelty rule
//! derived.unmet_by_district_need_month    → gaps        funnel test of the unmet share, no offer
//! derived._waits                          → gaps        Kaplan–Meier median against the year before
//! ```
//!
//! Months are judged with what was known before them; probabilities of a month (rises) or a
//! quarter (gaps) are weighed together by Benjamini–Hochberg, so that a flag is rare among
//! hundreds of series. Evidence is given per calendar quarter, the grain that is published.

use std::collections::{BTreeMap, BTreeSet};

use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use serde::Serialize;

use crate::canon::cells::{CellError, count_at, counts, texts};
use crate::context::tables::{self, Opened};
use crate::context::{Action, Context, Total};
use crate::lake::{self, WholeTable, Zone};
use crate::spec::settings::EmergingMethod;
use crate::stats::ears::Ears;
use crate::stats::pooled::Pooled;

mod calendar;
mod emerging;
mod gaps;
mod labels;
mod signal;

use signal::Signal;

/// Version of what this stage writes; part of every fingerprint.
const VERSION: &str = "detect-1";

/// Name of the table of signals.
const SIGNALS: &str = "signals";

/// Complete quarters that are judged, the last ones.
const N_JUDGED_QUARTERS: usize = 8;

/// False-discovery rate below which a signal is raised.
const MAX_Q: f64 = 0.05;

/// What the stage reads.
const INPUTS: [&str; 6] = [
    "derived._panel_by_district_need_month",
    "derived._waits",
    "derived.coverage_by_platform_district_month",
    "derived.requests_by_district_need_quarter",
    "derived.tags_by_district_month",
    "derived.unmet_by_district_need_month",
];

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A model could not be read.
    #[error("cannot read the models that detection needs")]
    Inputs(#[source] tables::Error),
    /// A model does not have the column detection needs.
    #[error("model `{model}` does not fit the detectors")]
    Column {
        /// The model.
        model: &'static str,
        /// What is missing.
        #[source]
        source: CellError,
    },
    /// The series of a need do not make a panel.
    #[error("the series of need `{need}` cannot be judged")]
    Panel {
        /// The need.
        need: String,
        /// Why not.
        #[source]
        source: crate::stats::PanelError,
    },
    /// The signals do not make a table.
    #[error("the table of signals cannot be built")]
    Build(#[source] ArrowError),
    /// The lake failed.
    #[error("the lake failed while detecting")]
    Lake(#[source] lake::Error),
}

impl From<lake::Error> for Error {
    fn from(source: lake::Error) -> Self {
        Self::Lake(source)
    }
}

/// What was done.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// Whether the signals were computed anew.
    pub action: Action,
    /// Signals by kind.
    pub n_signals: BTreeMap<String, u64>,
    /// Signals by kind in the latest quarter.
    pub n_latest: BTreeMap<String, u64>,
    /// The latest quarter judged.
    pub latest_quarter: String,
}

/// Judges the models and writes `detected.signals`.
///
/// # Errors
/// When a model is missing or does not fit; nothing is then changed.
pub async fn detect(cx: &Context) -> Result<Report, Error> {
    cx.progress.begin("detect", "signals", Total::Unknown);
    let inputs: BTreeSet<String> = INPUTS.iter().map(|&name| name.to_owned()).collect();
    let opened = cx.open(&inputs).await.map_err(Error::Inputs)?;
    let method = cx.commons.settings.detect.emerging_needs;
    let fingerprint = opened.fingerprint_with(&[VERSION, &format!("{method:?}")]);
    let before = cx.lake.snapshot(Zone::Detected, SIGNALS).await?;
    if let Some(before) = before.filter(|before| before.is_made_from(&fingerprint)) {
        let rows = cx.lake.read_all(Zone::Detected, SIGNALS, &before).await?;
        cx.progress.end("unchanged");
        return summary(&rows, Action::Unchanged);
    }
    let signals = judge(&opened, method).await?;
    let batch = signal::batch(signals).map_err(Error::Build)?;
    let report = summary(std::slice::from_ref(&batch), Action::Rebuilt)?;
    cx.progress.advance(batch.num_rows() as u64, 0);
    let whole = WholeTable {
        zone: Zone::Detected,
        table: SIGNALS,
        run: cx.run,
        fingerprint,
        at_millis: cx.at_millis(),
    };
    cx.lake.replace_whole(whole, batch).await?;
    cx.progress.end(&format!(
        "{} signal(s)",
        report.n_signals.values().sum::<u64>()
    ));
    Ok(report)
}

/// Every signal of the judged quarters.
async fn judge(opened: &Opened, method: EmergingMethod) -> Result<Vec<Signal>, Error> {
    let mut signals = match method {
        EmergingMethod::PooledGammaPoisson => emerging::rises(opened, &Pooled::default()).await?,
        EmergingMethod::EarsC2 => emerging::rises(opened, &Ears::MONTHLY_C2).await?,
    };
    signals.extend(labels::new_labels(opened).await?);
    signals.extend(gaps::gaps(opened).await?);
    let notes = Notes::read(opened).await?;
    for signal in &mut signals {
        notes.complete(signal);
    }
    Ok(signals)
}

/// All rows of a model in plain types.
async fn read(
    opened: &Opened,
    model: &str,
    columns: &str,
    order: &str,
) -> Result<RecordBatch, Error> {
    let sql = format!("select {columns} from {model} order by {order}");
    opened.plain_rows(model, &sql).await.map_err(Error::Inputs)
}

/// What every signal says besides its own statistics.
#[derive(Debug, Default)]
struct Notes {
    /// Platforms by district, need and quarter.
    platforms: BTreeMap<(String, String, String), String>,
    /// Comuni covered and comuni in all, by district and quarter.
    coverage: BTreeMap<(String, String), (u64, u64)>,
}

impl Notes {
    /// Reads platforms and coverage.
    async fn read(opened: &Opened) -> Result<Self, Error> {
        const REQUESTS: &str = "derived.requests_by_district_need_quarter";
        const COVERAGE: &str = "derived.coverage_by_platform_district_month";
        let mut notes = Self::default();
        let rows = read(
            opened,
            REQUESTS,
            "district_code, need_code, quarter, platforms",
            "1, 2, 3",
        )
        .await?;
        let wrong = |model| move |source| Error::Column { model, source };
        let column = |name| texts(&rows, name).map_err(wrong(REQUESTS));
        let (district, need, quarter, platforms) = (
            column("district_code")?,
            column("need_code")?,
            column("quarter")?,
            column("platforms")?,
        );
        for row in 0..rows.num_rows() {
            let at = (
                district.value(row).to_owned(),
                need.value(row).to_owned(),
                quarter.value(row).to_owned(),
            );
            notes.platforms.insert(at, platforms.value(row).to_owned());
        }
        let columns = "district_code, month, sum(n_comuni) as n_comuni, sum(n_comuni_covered) as n_comuni_covered";
        let model =
            format!("{COVERAGE} where status <> 'not_covered' group by district_code, month");
        let rows = read(opened, &model, columns, "1, 2").await?;
        let district = texts(&rows, "district_code").map_err(wrong(COVERAGE))?;
        let months = crate::canon::cells::months(&rows, "month").map_err(wrong(COVERAGE))?;
        let all = counts(&rows, "n_comuni").map_err(wrong(COVERAGE))?;
        let covered = counts(&rows, "n_comuni_covered").map_err(wrong(COVERAGE))?;
        for (row, month) in months.iter().enumerate() {
            let at = (district.value(row).to_owned(), calendar::quarter_of(month));
            let sums = notes.coverage.entry(at).or_default();
            sums.0 += count_at(covered, row);
            sums.1 += count_at(all, row);
        }
        Ok(notes)
    }

    /// Adds platforms and completeness to a signal.
    fn complete(&self, signal: &mut Signal) {
        let at = (
            signal.district_code.clone(),
            signal.need_code.clone(),
            signal.quarter.clone(),
        );
        if let Some(platforms) = self.platforms.get(&at) {
            signal.platforms.clone_from(platforms);
        }
        let at = (signal.district_code.clone(), signal.quarter.clone());
        signal.completeness_pct = self
            .coverage
            .get(&at)
            .filter(|(_, all)| *all > 0)
            .map(|(covered, all)| 100.0 * crate::stats::real(*covered) / crate::stats::real(*all));
    }
}

/// Signals counted by kind.
fn summary(rows: &[RecordBatch], action: Action) -> Result<Report, Error> {
    let wrong = |source| Error::Column {
        model: "detected.signals",
        source,
    };
    let mut report = Report {
        action,
        ..Report::default()
    };
    for batch in rows {
        let quarter = texts(batch, "quarter").map_err(wrong)?;
        let latest = quarter.iter().flatten().max().unwrap_or_default();
        report.latest_quarter = report.latest_quarter.max(latest.to_owned());
    }
    for batch in rows {
        let (kind, quarter) = (
            texts(batch, "kind").map_err(wrong)?,
            texts(batch, "quarter").map_err(wrong)?,
        );
        for row in 0..batch.num_rows() {
            *report
                .n_signals
                .entry(kind.value(row).to_owned())
                .or_default() += 1;
            if quarter.value(row) == report.latest_quarter {
                *report
                    .n_latest
                    .entry(kind.value(row).to_owned())
                    .or_default() += 1;
            }
        }
    }
    Ok(report)
}
