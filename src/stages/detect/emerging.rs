//! Emerging needs: more requests than the past and the exposure explain.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::calendar::{Ends, ends_quarter, months_between, quarter_of};
use super::signal::{Aspect, Signal};
use super::{Error, MAX_Q, N_JUDGED_QUARTERS, read};
use crate::canon::cells::{count_at, counts, flags, months, texts};
use crate::context::tables::Opened;
use crate::stats::fdr::benjamini_hochberg;
use crate::stats::{EmergingDetector, Judgment, Panel, real};

/// The model with the series.
const MODEL: &str = "derived._panel_by_district_need_month";

/// A rise smaller than this is not worth a planner's time, however sure.
const MIN_RATIO: f64 = 1.3;

/// A rise by fewer requests than this is not shown.
const MIN_EXCESS: f64 = 5.0;

/// Months before the quarter against which the exposure is compared.
const EXPOSURE_BASE_MONTHS: usize = 12;

/// Codes that are no need or no district and are not judged.
const NOT_JUDGED: [&str; 2] = ["NEW", "OUTSIDE"];

/// Series of every need over the same districts and months.
struct Series {
    /// Months, in order.
    months: Vec<String>,
    /// Districts, in order.
    districts: Vec<String>,
    /// Panel of each need.
    panels: BTreeMap<String, Panel>,
}

/// Counts, exposure and coverage of one need, laid out as a panel wants them.
type Vectors = (Vec<u64>, Vec<f64>, Vec<bool>);

/// A judgment that may become a signal.
struct Judged<'a> {
    /// The need.
    need: &'a str,
    /// What the detector says.
    judgment: Judgment,
    /// False-discovery rate within its month.
    q: f64,
}

/// Signals of rising requests.
pub(super) async fn rises(
    opened: &Opened,
    detector: &dyn EmergingDetector,
) -> Result<Vec<Signal>, Error> {
    let series = Series::read(opened).await?;
    let judged = judge(&series, detector);
    Ok(signals(&series, detector, &judged))
}

impl Series {
    /// Reads the panel model.
    async fn read(opened: &Opened) -> Result<Self, Error> {
        let columns = "district_code, need_code, month, n_active_members, n_requests, is_covered";
        let rows = read(opened, MODEL, columns, "need_code, district_code, month").await?;
        let wrong = |source| Error::Column {
            model: MODEL,
            source,
        };
        let district = texts(&rows, "district_code").map_err(wrong)?;
        let need = texts(&rows, "need_code").map_err(wrong)?;
        let month = months(&rows, "month").map_err(wrong)?;
        let members = counts(&rows, "n_active_members").map_err(wrong)?;
        let requests = counts(&rows, "n_requests").map_err(wrong)?;
        let covered = flags(&rows, "is_covered").map_err(wrong)?;
        let (first, last) = (month.iter().min(), month.iter().max());
        let all_months = first
            .zip(last)
            .map(|(first, last)| months_between(first, last))
            .unwrap_or_default();
        let districts: BTreeSet<&str> = district
            .iter()
            .flatten()
            .filter(|code| !NOT_JUDGED.contains(code))
            .collect();
        let districts: Vec<String> = districts.into_iter().map(str::to_owned).collect();
        let n_cells = districts.len() * all_months.len();
        let mut vectors: BTreeMap<String, Vectors> = BTreeMap::new();
        for (row, month) in month.iter().enumerate() {
            let place = districts
                .iter()
                .position(|code| code == district.value(row));
            let place = place.zip(all_months.binary_search(month).ok());
            let (Some((place, month)), false) = (place, NOT_JUDGED.contains(&need.value(row)))
            else {
                continue;
            };
            let empty = || (vec![0; n_cells], vec![0.0; n_cells], vec![false; n_cells]);
            let (counts, exposure, is_covered) = vectors
                .entry(need.value(row).to_owned())
                .or_insert_with(empty);
            let at = place * all_months.len() + month;
            counts[at] = count_at(requests, row);
            exposure[at] = real(count_at(members, row));
            is_covered[at] = covered.value(row);
        }
        let panels = panels_of(all_months.len(), vectors)?;
        Ok(Self {
            months: all_months,
            districts,
            panels,
        })
    }

    /// Index of the first judged month and of the month after the last complete quarter.
    fn judged_months(&self) -> std::ops::Range<usize> {
        let complete = self
            .months
            .iter()
            .rposition(|month| ends_quarter(month) == Ends::Quarter);
        let end = complete.map_or(0, |last| last + 1);
        end.saturating_sub(3 * N_JUDGED_QUARTERS)..end
    }
}

/// A panel for each need.
fn panels_of(
    n_months: usize,
    vectors: BTreeMap<String, Vectors>,
) -> Result<BTreeMap<String, Panel>, Error> {
    let build = |(need, (counts, exposure, covered)): (String, Vectors)| match Panel::new(
        n_months, counts, exposure, covered,
    ) {
        Ok(panel) => Ok((need, panel)),
        Err(source) => Err(Error::Panel { need, source }),
    };
    vectors.into_iter().map(build).collect()
}

/// Every judgment of the judged months, with its false-discovery rate within its month.
fn judge<'a>(series: &'a Series, detector: &dyn EmergingDetector) -> Vec<Judged<'a>> {
    let mut by_month: BTreeMap<usize, Vec<(&str, Judgment)>> = BTreeMap::new();
    for (need, panel) in &series.panels {
        for judgment in detector.judge(panel, series.judged_months()) {
            by_month
                .entry(judgment.month)
                .or_default()
                .push((need, judgment));
        }
    }
    by_month
        .into_values()
        .flat_map(|judgments| {
            let p_values: Vec<f64> = judgments.iter().map(|(_, judgment)| judgment.p).collect();
            let q_values = benjamini_hochberg(&p_values);
            judgments
                .into_iter()
                .zip(q_values)
                .map(|((need, judgment), q)| Judged { need, judgment, q })
        })
        .collect()
}

/// Whether a judgment is strong enough to be a signal.
fn stands_out(judged: &Judged<'_>) -> Standing {
    let excess = real(judged.judgment.observed) - judged.judgment.expected;
    if judged.q <= MAX_Q && judged.judgment.ratio >= MIN_RATIO && excess >= MIN_EXCESS {
        Standing::Out
    } else {
        Standing::Within
    }
}

/// Whether a judgment is a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It stands out.
    Out,
    /// It is within what was expected.
    Within,
}

/// Judgments that stand out, by need and district, then by month.
type Outstanding<'a> = BTreeMap<(&'a str, usize), BTreeMap<usize, &'a Judged<'a>>>;

/// One signal per need, district and quarter with a month that stands out.
fn signals(series: &Series, detector: &dyn EmergingDetector, judged: &[Judged<'_>]) -> Vec<Signal> {
    let mut out: Outstanding<'_> = BTreeMap::new();
    for judged in judged
        .iter()
        .filter(|judged| stands_out(judged) == Standing::Out)
    {
        let cell = (judged.need, judged.judgment.district);
        out.entry(cell)
            .or_default()
            .insert(judged.judgment.month, judged);
    }
    let mut signals = Vec::new();
    for (cell, months) in &out {
        let mut quarters: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for month in months.keys() {
            quarters
                .entry(quarter_end(series, *month))
                .or_default()
                .push(*month);
        }
        let found = quarters
            .iter()
            .filter_map(|quarter| signal(series, detector, (&out, *cell), quarter));
        signals.extend(found);
    }
    signals
}

/// The signal of a cell in a quarter, with the quarter as its evidence.
///
/// A month may stand out by chance in a quarter that does not: readers are shown the quarter, so
/// it must lie outside its own interval.
fn signal(
    series: &Series,
    detector: &dyn EmergingDetector,
    (out, (need, district)): (&Outstanding<'_>, (&str, usize)),
    (end, in_quarter): (&usize, &Vec<usize>),
) -> Option<Signal> {
    let panel = series.panels.get(need)?;
    let months = out.get(&(need, district))?;
    let evidence = detector.window(panel, (district, *end), 3)?;
    if evidence.observed <= evidence.predicted_high || evidence.ratio < MIN_RATIO {
        return None;
    }
    let judged = in_quarter.iter().filter_map(|month| months.get(month));
    let best = judged.min_by(|a, b| a.judgment.p.total_cmp(&b.judgment.p))?;
    let n_alike = n_alike(out, (need, district), in_quarter);
    Some(Signal {
        aspect: Aspect::Rise,
        district_code: series.districts[district].clone(),
        need_code: need.to_owned(),
        quarter: quarter_of(&series.months[*end]),
        first_month: series.months[first_of_run(months, *in_quarter.first()?)].clone(),
        last_month: series.months[*in_quarter.last()?].clone(),
        observed: evidence.observed,
        expected: evidence.expected,
        interval: (real(evidence.predicted_low), real(evidence.predicted_high)),
        p_value: best.judgment.p,
        q_value: best.q,
        exposure_change_pct: exposure_change(panel, district, *end),
        completeness_pct: None,
        platforms: String::new(),
        method: (detector.name(), detector.version()),
        reasons: json!([
            { "code": "more_than_expected", "n_window_months": best.judgment.n_window_months },
            { "code": "adjusted_for_exposure" },
            { "code": "n_districts_alike", "value": n_alike },
        ]),
    })
}

/// Other districts where the same need stands out in one of the months.
fn n_alike(out: &Outstanding<'_>, (need, district): (&str, usize), months: &[usize]) -> usize {
    out.iter()
        .filter(|((other, place), found)| {
            *other == need
                && *place != district
                && months.iter().any(|month| found.contains_key(month))
        })
        .count()
}

/// Index of the last month of the quarter of `month`.
fn quarter_end(series: &Series, month: usize) -> usize {
    (month..series.months.len())
        .find(|at| ends_quarter(&series.months[*at]) == Ends::Quarter)
        .unwrap_or(month)
}

/// First month of the unbroken run of months that stand out up to `month`.
fn first_of_run(months: &BTreeMap<usize, &Judged<'_>>, month: usize) -> usize {
    let mut first = month;
    while first
        .checked_sub(1)
        .is_some_and(|before| months.contains_key(&before))
    {
        first -= 1;
    }
    first
}

/// Change of the mean exposure of the quarter against the year before it, percent.
fn exposure_change(panel: &Panel, district: usize, end: usize) -> Option<f64> {
    let start = (end + 1).checked_sub(3)?;
    let mean = |months: std::ops::Range<usize>| {
        let values: Vec<f64> = panel
            .usable_months(district, months)
            .map(|month| panel.exposure(district, month))
            .collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / real(values.len() as u64))
    };
    let before = mean(start.saturating_sub(EXPOSURE_BASE_MONTHS)..start)?;
    let now = mean(start..end + 1)?;
    (before > 0.0).then(|| 100.0 * (now / before - 1.0))
}
