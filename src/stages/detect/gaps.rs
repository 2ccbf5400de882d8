//! Service gaps: requests that stay without an answer, get none at all, or get it late.

use std::collections::BTreeMap;

use arrow::array::Array;
use serde_json::json;

use super::calendar::quarter_of;
use super::signal::{Aspect, Signal};
use super::{Error, MAX_Q, N_JUDGED_QUARTERS, read};
use crate::canon::cells::{count_at, counts, flags, months, texts};
use crate::context::tables::Opened;
use crate::stats::fdr::benjamini_hochberg;
use crate::stats::proportion::{Share, overdispersion, test_above};
use crate::stats::survival::{
    Step, Wait, WaitEnd, kaplan_meier, median_wait, share_served_by, wait_quantile,
};
use crate::stats::{real, rounded};

/// The model with what became of the requests.
const OUTCOMES: &str = "derived.unmet_by_district_need_month";

/// The model with the waits.
const WAITS: &str = "derived._waits";

/// Decided requests below which a share is not judged.
const MIN_DECIDED: u64 = 10;

/// Percentage points above the reference below which a share is not shown.
const MIN_SHARE_ABOVE: f64 = 0.15;

/// Answered requests below which waits are not judged.
const MIN_WAITS: usize = 15;

/// A median wait must be so many times the reference to be shown.
const MIN_WAIT_RATIO: f64 = 2.0;

/// Quarters before the judged one that make its past.
const N_PAST_QUARTERS: usize = 4;

/// District, need.
type Cell = (String, String);

/// Signals of gaps.
pub(super) async fn gaps(opened: &Opened) -> Result<Vec<Signal>, Error> {
    let mut signals = unmet_shares(opened).await?;
    signals.extend(long_waits(opened).await?);
    Ok(signals)
}

/// What became of the requests of a cell in a quarter.
#[derive(Debug, Clone, Copy, Default)]
struct Outcomes {
    /// Answered.
    n_matched: u64,
    /// Left without an answer.
    n_unmet: u64,
}

impl Outcomes {
    /// Unmet among decided.
    fn share(self) -> Share {
        Share {
            n_events: self.n_unmet,
            n_trials: self.n_matched + self.n_unmet,
        }
    }

    /// Both together.
    fn plus(self, other: Self) -> Self {
        Self {
            n_matched: self.n_matched + other.n_matched,
            n_unmet: self.n_unmet + other.n_unmet,
        }
    }
}

/// Outcomes by quarter and cell.
async fn outcomes(opened: &Opened) -> Result<BTreeMap<String, BTreeMap<Cell, Outcomes>>, Error> {
    let rows = read(
        opened,
        OUTCOMES,
        "district_code, need_code, month, n_matched, n_unmet",
        "1, 2, 3",
    )
    .await?;
    let wrong = |source| Error::Column {
        model: OUTCOMES,
        source,
    };
    let (district, need) = (
        texts(&rows, "district_code").map_err(wrong)?,
        texts(&rows, "need_code").map_err(wrong)?,
    );
    let month = months(&rows, "month").map_err(wrong)?;
    let (matched, unmet) = (
        counts(&rows, "n_matched").map_err(wrong)?,
        counts(&rows, "n_unmet").map_err(wrong)?,
    );
    let mut found: BTreeMap<String, BTreeMap<Cell, Outcomes>> = BTreeMap::new();
    for (row, month) in month.iter().enumerate() {
        let cell = (district.value(row).to_owned(), need.value(row).to_owned());
        let sums = found
            .entry(quarter_of(month))
            .or_default()
            .entry(cell)
            .or_default();
        *sums = sums.plus(Outcomes {
            n_matched: count_at(matched, row),
            n_unmet: count_at(unmet, row),
        });
    }
    Ok(found)
}

/// Quarters that are judged, with the quarters of their past.
fn judged_quarters(quarters: &[String]) -> impl Iterator<Item = (&String, &[String])> {
    let first = quarters.len().saturating_sub(N_JUDGED_QUARTERS).max(1);
    (first..quarters.len()).map(move |at| {
        (
            &quarters[at],
            &quarters[at.saturating_sub(N_PAST_QUARTERS)..at],
        )
    })
}

/// Cells whose unmet share lies above that of the same need in its past and elsewhere.
async fn unmet_shares(opened: &Opened) -> Result<Vec<Signal>, Error> {
    let by_quarter = outcomes(opened).await?;
    let quarters: Vec<String> = by_quarter.keys().cloned().collect();
    let mut signals = Vec::new();
    for (quarter, past) in judged_quarters(&quarters) {
        let Some(now) = by_quarter.get(quarter) else {
            continue;
        };
        let pasts: Vec<&BTreeMap<Cell, Outcomes>> = past
            .iter()
            .filter_map(|quarter| by_quarter.get(quarter))
            .collect();
        signals.extend(judge_shares(quarter, now, &pasts));
    }
    Ok(signals)
}

/// One cell against its reference.
struct Tested<'a> {
    /// District and need.
    cell: &'a Cell,
    /// What was seen.
    outcomes: Outcomes,
    /// What is usual for it.
    reference: Share,
    /// z-score without over-dispersion.
    z: f64,
}

/// Judges the cells of one quarter together.
fn judge_shares(
    quarter: &str,
    now: &BTreeMap<Cell, Outcomes>,
    pasts: &[&BTreeMap<Cell, Outcomes>],
) -> Vec<Signal> {
    let tested: Vec<Tested<'_>> = now
        .iter()
        .filter(|(_, outcomes)| outcomes.share().n_trials >= MIN_DECIDED)
        .filter_map(|(cell, outcomes)| {
            let reference = reference_share(cell, pasts);
            let z = outcomes.share().z_score(reference)?;
            Some(Tested {
                cell,
                outcomes: *outcomes,
                reference,
                z,
            })
        })
        .collect();
    let phi = overdispersion(&tested.iter().map(|tested| tested.z).collect::<Vec<_>>());
    let tests: Vec<_> = tested
        .iter()
        .map(|tested| test_above(tested.outcomes.share(), tested.reference, phi))
        .collect();
    let p_values: Vec<f64> = tests
        .iter()
        .map(|test| test.map_or(1.0, |test| test.p))
        .collect();
    let q_values = benjamini_hochberg(&p_values);
    let mut signals = Vec::new();
    for ((tested, test), q) in tested.iter().zip(&tests).zip(q_values) {
        let Some(test) = test else { continue };
        if q <= MAX_Q && test.share - test.reference >= MIN_SHARE_ABOVE {
            signals.push(share_signal(quarter, tested, *test, q));
        }
    }
    signals
}

/// Share of the same need over all districts in the past, or of all needs where it is too rare.
fn reference_share(cell: &Cell, pasts: &[&BTreeMap<Cell, Outcomes>]) -> Share {
    let sum = |keep: &dyn Fn(&Cell) -> bool| {
        pasts
            .iter()
            .flat_map(|past| past.iter())
            .filter(|(other, _)| keep(other))
            .fold(Outcomes::default(), |sum, (_, outcomes)| {
                sum.plus(*outcomes)
            })
    };
    let same_need = sum(&|other| other.1 == cell.1);
    let sums = if same_need.share().n_trials >= 100 {
        same_need
    } else {
        sum(&|_| true)
    };
    sums.share()
}

/// The signal of an unmet share.
fn share_signal(
    quarter: &str,
    tested: &Tested<'_>,
    test: crate::stats::proportion::ShareTest,
    q: f64,
) -> Signal {
    let aspect = if tested.outcomes.n_matched == 0 {
        Aspect::NoOffer
    } else {
        Aspect::UnmetShare
    };
    let n_decided = tested.outcomes.share().n_trials;
    let expected = Share {
        n_events: rounded(test.expected),
        n_trials: n_decided,
    };
    let (low, high) = expected.wilson().unwrap_or((0.0, 1.0));
    let (first, last) = months_of(quarter);
    Signal {
        aspect,
        district_code: tested.cell.0.clone(),
        need_code: tested.cell.1.clone(),
        quarter: quarter.to_owned(),
        first_month: first,
        last_month: last,
        observed: tested.outcomes.n_unmet,
        expected: test.expected,
        interval: (low * real(n_decided), high * real(n_decided)),
        p_value: test.p,
        q_value: q,
        exposure_change_pct: None,
        completeness_pct: None,
        platforms: String::new(),
        method: ("unmet_share_funnel", "1"),
        reasons: json!([
            { "code": "unmet_above_reference", "share_pct": tenths(test.share), "reference_pct": tenths(test.reference) },
        ]),
    }
}

/// A share as percent with one decimal.
fn tenths(share: f64) -> f64 {
    (share * 1000.0).round() / 10.0
}

/// First and last month of a quarter.
fn months_of(quarter: &str) -> (String, String) {
    let (year, number) = quarter.split_once("-Q").unwrap_or((quarter, "1"));
    let last = number.parse::<u32>().unwrap_or(1) * 3;
    (
        format!("{year}-{:02}", last - 2),
        format!("{year}-{last:02}"),
    )
}

/// Waits by quarter and cell.
async fn waits(opened: &Opened) -> Result<BTreeMap<Cell, BTreeMap<String, Vec<Wait>>>, Error> {
    let rows = read(
        opened,
        WAITS,
        "district_code, need_code, requested_month, days, is_matched",
        "1, 2, 3, 4, 5",
    )
    .await?;
    let wrong = |source| Error::Column {
        model: WAITS,
        source,
    };
    let (district, need) = (
        texts(&rows, "district_code").map_err(wrong)?,
        texts(&rows, "need_code").map_err(wrong)?,
    );
    let month = months(&rows, "requested_month").map_err(wrong)?;
    let (days, matched) = (
        counts(&rows, "days").map_err(wrong)?,
        flags(&rows, "is_matched").map_err(wrong)?,
    );
    let mut found: BTreeMap<Cell, BTreeMap<String, Vec<Wait>>> = BTreeMap::new();
    for (row, month) in month.iter().enumerate() {
        if days.is_null(row) {
            continue;
        }
        let cell = (district.value(row).to_owned(), need.value(row).to_owned());
        let end = if matched.value(row) {
            WaitEnd::Matched
        } else {
            WaitEnd::StillWaiting
        };
        let wait = Wait {
            days: u32::try_from(days.value(row)).unwrap_or_default(),
            end,
        };
        found
            .entry(cell)
            .or_default()
            .entry(quarter_of(month))
            .or_default()
            .push(wait);
    }
    Ok(found)
}

/// Cells whose median wait is a multiple of their own in the year before.
async fn long_waits(opened: &Opened) -> Result<Vec<Signal>, Error> {
    let cells = waits(opened).await?;
    let mut quarters: Vec<String> = cells.values().flat_map(BTreeMap::keys).cloned().collect();
    quarters.sort();
    quarters.dedup();
    let mut signals = Vec::new();
    for (quarter, past) in judged_quarters(&quarters) {
        let candidates: Vec<Signal> = cells
            .iter()
            .filter_map(|(cell, waits)| judge_wait(cell, waits, quarter, past))
            .collect();
        let q_values = benjamini_hochberg(
            &candidates
                .iter()
                .map(|signal| signal.p_value)
                .collect::<Vec<_>>(),
        );
        for (mut signal, q) in candidates.into_iter().zip(q_values) {
            signal.q_value = q;
            if q <= MAX_Q && real(signal.observed) >= MIN_WAIT_RATIO * signal.expected.max(1.0) {
                signals.push(signal);
            }
        }
    }
    Ok(signals)
}

/// The wait of one cell in a quarter against the quarters before.
fn judge_wait(
    cell: &Cell,
    waits: &BTreeMap<String, Vec<Wait>>,
    quarter: &str,
    past: &[String],
) -> Option<Signal> {
    let now = waits
        .get(quarter)
        .filter(|waits| waits.len() >= MIN_WAITS)?;
    let past: Vec<Wait> = past
        .iter()
        .filter_map(|quarter| waits.get(quarter))
        .flatten()
        .copied()
        .collect();
    if past.len() < MIN_WAITS {
        return None;
    }
    let reference = median_wait(&past);
    let (reference_days, steps) = (reference.days?, kaplan_meier(now));
    let median = wait_quantile(&steps, 0.5);
    // As many should be served within the reference median as were in the past: about half.
    let late = |steps: &[Step], n_waits: u64| {
        let share = 1.0 - share_served_by(steps, rounded_days(reference_days));
        Share {
            n_events: rounded(share * real(n_waits)),
            n_trials: n_waits,
        }
    };
    let late_then = late(&kaplan_meier(&past), past.len() as u64);
    let p_value = test_above(late(&steps, now.len() as u64), late_then, 1.0)?.p;
    let (first, last) = months_of(quarter);
    Some(Signal {
        aspect: Aspect::LongWait,
        district_code: cell.0.clone(),
        need_code: cell.1.clone(),
        quarter: quarter.to_owned(),
        first_month: first,
        last_month: last,
        observed: rounded(median.days.or(median.lower)?),
        expected: reference_days,
        interval: (
            reference.lower.unwrap_or(0.0),
            reference.upper.unwrap_or(reference_days),
        ),
        p_value,
        q_value: 1.0,
        exposure_change_pct: None,
        completeness_pct: None,
        platforms: String::new(),
        method: ("kaplan_meier_median", "1"),
        reasons: json!([{ "code": "median_wait_longer", "days": rounded(median.days.or(median.lower)?), "reference_days": rounded(reference_days) }]),
    })
}

/// A number of days as a whole number.
fn rounded_days(days: f64) -> u32 {
    u32::try_from(rounded(days)).unwrap_or(u32::MAX)
}
