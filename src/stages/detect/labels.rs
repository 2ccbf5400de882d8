//! Words the vocabulary lacks that are suddenly used: candidates for the operator's code list.

use std::collections::BTreeMap;

use serde_json::json;

use super::calendar::{Ends, ends_quarter, months_between, quarter_of};
use super::signal::{Aspect, Signal};
use super::{Error, N_JUDGED_QUARTERS, read};
use crate::canon::cells::{count_at, counts, months, texts};
use crate::context::tables::Opened;
use crate::stats::novelty::{Candidate, N_JUDGED_MONTHS, NoveltyRule, novelty};

/// The model with the words.
const MODEL: &str = "derived.tags_by_district_month";

/// Uses of one word: by district, by month.
type Uses = BTreeMap<String, Vec<u64>>;

/// Signals of words that were not there before.
pub(super) async fn new_labels(opened: &Opened) -> Result<Vec<Signal>, Error> {
    let rows = read(
        opened,
        MODEL,
        "district_code, tag, month, n_requests",
        "tag, district_code, month",
    )
    .await?;
    let wrong = |source| Error::Column {
        model: MODEL,
        source,
    };
    let (district, tag) = (
        texts(&rows, "district_code").map_err(wrong)?,
        texts(&rows, "tag").map_err(wrong)?,
    );
    let month = months(&rows, "month").map_err(wrong)?;
    let requests = counts(&rows, "n_requests").map_err(wrong)?;
    let (first, last) = (month.iter().min(), month.iter().max());
    let all = first
        .zip(last)
        .map(|(first, last)| months_between(first, last))
        .unwrap_or_default();
    let mut words: BTreeMap<String, Uses> = BTreeMap::new();
    for (row, month) in month.iter().enumerate() {
        let Ok(at) = all.binary_search(month) else {
            continue;
        };
        let uses = words.entry(tag.value(row).to_owned()).or_default();
        let uses = uses
            .entry(district.value(row).to_owned())
            .or_insert_with(|| vec![0; all.len()]);
        uses[at] += count_at(requests, row);
    }
    Ok(words
        .iter()
        .flat_map(|(word, uses)| judge(word, uses, &all))
        .collect())
}

/// Judges one word at the end of each complete quarter.
fn judge(word: &str, uses: &Uses, months: &[String]) -> Vec<Signal> {
    let ends: Vec<usize> = (0..months.len())
        .filter(|at| ends_quarter(&months[*at]) == Ends::Quarter)
        .collect();
    let skipped = ends.len().saturating_sub(N_JUDGED_QUARTERS);
    ends.into_iter()
        .skip(skipped)
        .filter_map(|end| judge_at(word, uses, months, end))
        .collect()
}

/// Judges one word in the three months up to `end`.
fn judge_at(word: &str, uses: &Uses, months: &[String], end: usize) -> Option<Signal> {
    let start = (end + 1).checked_sub(N_JUDGED_MONTHS)?;
    let base: Vec<u64> = (0..start)
        .map(|month| uses.values().map(|counts| counts[month]).sum())
        .collect();
    let judged: Vec<u64> = uses
        .values()
        .map(|counts| counts[start..=end].iter().sum())
        .collect();
    let found = novelty(
        Candidate {
            base: &base,
            judged_by_district: &judged,
        },
        NoveltyRule::default(),
    );
    let first = (start..=end).find(|month| uses.values().any(|counts| counts[*month] > 0))?;
    let districts: Vec<&String> = uses
        .iter()
        .zip(&judged)
        .filter(|(_, count)| **count > 0)
        .map(|((code, _), _)| code)
        .collect();
    found.is_new.then(|| Signal {
        aspect: Aspect::NewLabel,
        district_code: "TOTAL".to_owned(),
        need_code: word.to_owned(),
        quarter: quarter_of(&months[end]),
        first_month: months[first].clone(),
        last_month: months[end].clone(),
        observed: found.observed,
        expected: found.expected,
        interval: (0.0, found.expected.max(1.0)),
        p_value: found.p,
        q_value: found.p,
        exposure_change_pct: None,
        completeness_pct: None,
        platforms: String::new(),
        method: ("novelty_rule", "1"),
        reasons: json!([{ "code": "word_not_seen_before", "districts": districts }]),
    })
}
