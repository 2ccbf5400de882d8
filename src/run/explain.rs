//! `antenne detect --explain`: the baseline of one need in one district, month by month, and what follows
//! from it.
//!
//! Everything is seen as it was known at the end of the month that is explained.

use schemars::JsonSchema;
use serde::Serialize;

use super::history::{self, History, Known, Named};
use crate::context::Context;
use crate::spec::detection::Thresholds;
use crate::spec::nearest;
use crate::stats::fdr::benjamini_hochberg;
use crate::stats::pooled::Pooled;
use crate::stats::{EmergingDetector, Judgment, Panel, PanelError, real, real_len};

/// Months of exposure before the window that it is compared with.
const N_YEAR: usize = 12;

/// How many names like an unknown one are listed.
const N_NEAR: usize = 3;

/// What is explained.
#[derive(Debug, Clone)]
pub struct Question {
    /// Name or code of the district.
    pub district: String,
    /// Name or code of the need.
    pub need: String,
    /// The month, `YYYY-MM`; the last one where none is given.
    pub month: Option<String>,
}

/// The baseline of a need in a district, and what follows from it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Explanation {
    /// Code of the district.
    pub district_code: String,
    /// Its name.
    pub district: String,
    /// Code of the need.
    pub need_code: String,
    /// Its name.
    pub need: String,
    /// The month that is explained.
    pub month: String,
    /// Every month up to it.
    pub months: Vec<Line>,
    /// What the method says of the month; nothing where it cannot be judged.
    pub judged: Option<Judged>,
    /// Share of the month's requests that are in, percent.
    pub completeness_pct: f64,
    /// Exposure of the window against the year before it, change in percent.
    pub exposure_change_pct: Option<f64>,
    /// Name of the method.
    pub method: String,
    /// Its version.
    pub method_version: String,
    /// The thresholds it is held against.
    pub thresholds: Thresholds,
}

/// One month.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Line {
    /// The month.
    pub month: String,
    /// Requests known.
    pub observed: u64,
    /// People exposed.
    pub exposure: f64,
    /// Requests expected if nothing had changed; nothing where it cannot be said.
    pub expected: Option<f64>,
    /// Lower end of the 95 % prediction interval.
    pub low: Option<u64>,
    /// Its upper end.
    pub high: Option<u64>,
    /// Chance of at least as many if nothing had changed, of this month alone.
    pub p: Option<f64>,
}

impl Line {
    /// Whether more was seen than the interval holds.
    #[must_use]
    pub fn is_above(&self) -> bool {
        self.high.is_some_and(|high| self.observed > high)
    }
}

/// What the method says of the month.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Judged {
    /// Months of the window that shows most, the explained one its last.
    pub n_window_months: usize,
    /// Requests in it.
    pub observed: u64,
    /// Requests expected in it.
    pub expected: f64,
    /// Lower end of the 95 % prediction interval.
    pub low: u64,
    /// Its upper end.
    pub high: u64,
    /// Observed over expected.
    pub ratio: f64,
    /// Chance of evidence as strong if nothing had changed.
    pub p: f64,
    /// The same weighed against all cells of the month (Benjamini–Hochberg).
    pub q: f64,
    /// Cells judged in the month.
    pub n_cells: usize,
    /// Whether it is a rise under the thresholds.
    pub is_rise: bool,
}

/// Why nothing can be explained.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The series cannot be read.
    #[error("cannot explain a signal")]
    History(#[source] history::Error),
    /// No district or need is called so.
    #[error("there is no {what} `{word}` in the series{}", hint(near))]
    Unknown {
        /// District or need.
        what: &'static str,
        /// As asked.
        word: String,
        /// Those with a name like it.
        near: Vec<String>,
    },
    /// The month is not in the series.
    #[error("the series has no month `{month}`; it reaches from {first} to {last}")]
    Month {
        /// As asked.
        month: String,
        /// Its first month.
        first: String,
        /// Its last month.
        last: String,
    },
    /// The series do not make a panel.
    #[error("the series cannot be judged")]
    Panel(#[source] PanelError),
}

impl Error {
    /// Whether another request would have been carried out.
    #[must_use]
    pub fn is_request(&self) -> bool {
        matches!(self, Self::Unknown { .. } | Self::Month { .. })
    }
}

/// The names like an unknown one, as the end of a sentence.
fn hint(near: &[String]) -> String {
    if near.is_empty() {
        return "; `antenne query --private` lists them in `derived._panel_by_district_need_month`"
            .to_owned();
    }
    format!("; did you mean {}?", near.join(" or "))
}

/// Explains one need in one district.
///
/// # Errors
/// When the series cannot be read, or nothing in them is called as asked.
pub async fn explain(cx: &Context, question: &Question) -> Result<Explanation, Error> {
    let history = History::read(cx).await.map_err(Error::History)?;
    explained(&history, question, &cx.commons.thresholds)
}

/// Explains one need in one district of a history.
fn explained(
    history: &History,
    question: &Question,
    thresholds: &Thresholds,
) -> Result<Explanation, Error> {
    let district = place("district", &question.district, &history.districts)?;
    let need = place("need", &question.need, &history.needs)?;
    let month = month_place(history, question.month.as_deref())?;
    let known = history.as_known(month, thresholds.min_completeness);
    let known = known.map_err(Error::Panel)?;
    let cell = (need, district);
    let judged = judged(&known, (cell, month), thresholds);
    let completeness = known.completeness.get(need).and_then(|ages| ages.first());
    let panel = known.panels.get(need);
    let n_window_months = judged.as_ref().map_or(1, |judged| judged.n_window_months);
    let method = Pooled::default();
    let [district_name, need_name] = [(&history.districts, district), (&history.needs, need)]
        .map(|(list, at)| list.get(at).cloned().unwrap_or_default());
    Ok(Explanation {
        district_code: district_name.code,
        district: district_name.name,
        need_code: need_name.code,
        need: need_name.name,
        month: history.months.get(month).cloned().unwrap_or_default(),
        months: panel.map_or_else(Vec::new, |panel| lines(history, panel, cell)),
        judged,
        completeness_pct: 100.0 * completeness.copied().unwrap_or(1.0),
        exposure_change_pct: exposure_change(history, (cell, month), n_window_months),
        method: method.name().to_owned(),
        method_version: method.version().to_owned(),
        thresholds: thresholds.clone(),
    })
}

/// The place of what is called so: by code or name, whatever the case.
fn place(what: &'static str, word: &str, list: &[Named]) -> Result<usize, Error> {
    let wanted = word.to_lowercase();
    let is_it =
        |named: &Named| named.code.to_lowercase() == wanted || named.name.to_lowercase() == wanted;
    if let Some(found) = list.iter().position(is_it) {
        return Ok(found);
    }
    let mut near: Vec<String> = list
        .iter()
        .filter(|named| named.name.to_lowercase().contains(&wanted))
        .map(shown)
        .take(N_NEAR)
        .collect();
    let parts: Vec<Vec<String>> = list.iter().map(parts).collect();
    let words: Vec<&str> = parts.iter().flatten().map(String::as_str).collect();
    if let Some(alike) = nearest(&wanted, &words) {
        let has_it = list.iter().zip(&parts);
        let has_it = has_it.filter(|(_, parts)| parts.iter().any(|part| part == alike));
        let alike = has_it.map(|(named, _)| shown(named));
        let new: Vec<String> = alike.filter(|alike| !near.contains(alike)).collect();
        near.extend(new.into_iter().take(N_NEAR));
    }
    Err(Error::Unknown {
        what,
        word: word.to_owned(),
        near,
    })
}

/// Code, name, and the words of the name, in lowercase.
fn parts(named: &Named) -> Vec<String> {
    let name = named.name.to_lowercase();
    let words: Vec<String> = name.split_whitespace().map(str::to_owned).collect();
    [vec![named.code.to_lowercase(), name], words].concat()
}

/// Code and name.
fn shown(named: &Named) -> String {
    if named.code == named.name {
        return format!("`{}`", named.code);
    }
    format!("`{}` ({})", named.code, named.name)
}

/// The place of a month, the last one where none is asked for.
fn month_place(history: &History, month: Option<&str>) -> Result<usize, Error> {
    let last = history.n_months().saturating_sub(1);
    let found = month.map_or(Some(last), |month| {
        history.months.iter().position(|one| one == month)
    });
    let name = |at: usize| history.months.get(at).cloned().unwrap_or_default();
    found
        .filter(|at| *at < history.n_months())
        .ok_or_else(|| Error::Month {
            month: month.unwrap_or_default().to_owned(),
            first: name(0),
            last: name(last),
        })
}

/// Every month with what was expected of it.
fn lines(history: &History, panel: &Panel, (need, district): (usize, usize)) -> Vec<Line> {
    let method = Pooled::default();
    let series = history.series.get(need);
    let people = |at: usize| {
        let at = district * history.n_months() + at;
        series.and_then(|series| series.exposure.get(at).copied())
    };
    let line = |(at, month): (usize, &String)| {
        let judged = method.window(panel, (district, at), 1);
        Line {
            month: month.clone(),
            observed: panel.count(district, at),
            exposure: people(at).unwrap_or_default(),
            expected: judged.map(|judged| judged.expected),
            low: judged.map(|judged| judged.predicted_low),
            high: judged.map(|judged| judged.predicted_high),
            p: judged.map(|judged| judged.p),
        }
    };
    let months = history.months.iter().take(panel.n_months());
    months.enumerate().map(line).collect()
}

/// What the method says of the cell in the month, weighed against all others.
fn judged(
    known: &Known,
    ((need, district), month): ((usize, usize), usize),
    thresholds: &Thresholds,
) -> Option<Judged> {
    let panels: Vec<&Panel> = known.panels.iter().collect();
    let all = Pooled::default().judge_all(&panels, month..month + 1);
    let of_need = all.into_iter().enumerate();
    let all: Vec<(usize, Judgment)> = of_need
        .flat_map(|(need, judged)| judged.into_iter().map(move |one| (need, one)))
        .collect();
    let p_values: Vec<f64> = all.iter().map(|(_, judgment)| judgment.p).collect();
    let q_values = benjamini_hochberg(&p_values);
    let is_it = |(of, judgment): &(usize, Judgment)| *of == need && judgment.district == district;
    let at = all.iter().position(is_it)?;
    let ((_, judgment), q) = (all.get(at)?, *q_values.get(at)?);
    let excess = real(judgment.observed) - judgment.expected;
    Some(Judged {
        n_window_months: judgment.n_window_months,
        observed: judgment.observed,
        expected: judgment.expected,
        low: judgment.predicted_low,
        high: judgment.predicted_high,
        ratio: judgment.ratio,
        p: judgment.p,
        q,
        n_cells: all.len(),
        is_rise: q <= thresholds.rise_max_q
            && judgment.ratio >= thresholds.rise_min_ratio
            && excess >= thresholds.rise_min_excess,
    })
}

/// Change of the mean exposure of the window against the year before it, percent.
fn exposure_change(
    history: &History,
    ((need, district), month): ((usize, usize), usize),
    n: usize,
) -> Option<f64> {
    let series = history.series.get(need)?;
    let start = (month + 1).checked_sub(n)?;
    let mean = |months: std::ops::Range<usize>| {
        let places = months.map(|month| district * history.n_months() + month);
        let usable = places.filter(|at| series.is_usable(*at));
        let people: Vec<f64> = usable.map(|at| series.exposure[at]).collect();
        (!people.is_empty()).then(|| people.iter().sum::<f64>() / real_len(people.len()))
    };
    let before = mean(start.saturating_sub(N_YEAR)..start)?;
    let now = mean(start..month + 1)?;
    (before > 0.0).then(|| 100.0 * (now / before - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::history::{Arrival, Series};

    /// Eight districts with five requests a month; the need rises to 20 in the last two months of the third.
    fn history() -> History {
        let named = |code: &str, name: &str| Named {
            code: code.to_owned(),
            name: name.to_owned(),
        };
        let cells = (0..8).flat_map(|district| (0..24).map(move |month| (district, month)));
        let arrivals = cells.map(|(district, month)| Arrival {
            district,
            month,
            known: month,
            n: if district == 2 && month >= 22 { 20 } else { 5 },
        });
        History {
            months: history::calendar::between("2024-01", "2025-12"),
            districts: (0..8)
                .map(|at| named(&format!("D{at}"), &format!("Ambito {at}")))
                .collect(),
            needs: vec![named("A2.10", "Baby-sitter")],
            borders: vec![Vec::new(); 8],
            series: vec![Series {
                exposure: vec![1000.0; 8 * 24],
                covered: vec![true; 8 * 24],
                arrivals: arrivals.collect(),
            }],
        }
    }

    /// The explanation of a district.
    fn of(district: &str, need: &str, month: Option<&str>) -> Result<Explanation, Error> {
        let question = Question {
            district: district.to_owned(),
            need: need.to_owned(),
            month: month.map(str::to_owned),
        };
        explained(&history(), &question, &Thresholds::default())
    }

    #[test]
    fn a_rise_is_explained_and_its_neighbor_is_not_one() {
        let found = of("ambito 2", "baby-sitter", None).unwrap();
        assert_eq!(
            (found.district_code.as_str(), found.month.as_str()),
            ("D2", "2025-12")
        );
        let judged = found.judged.unwrap();
        assert!(judged.is_rise, "{judged:?}");
        assert_eq!((judged.n_window_months, judged.observed), (2, 40));
        assert!((judged.expected - 10.0).abs() < 1.0, "{judged:?}");
        let above: Vec<_> = found.months.iter().filter(|line| line.is_above()).collect();
        let above: Vec<&str> = above.iter().map(|line| line.month.as_str()).collect();
        assert_eq!(above, ["2025-11", "2025-12"]);
        assert!(!of("D1", "A2.10", None).unwrap().judged.unwrap().is_rise);
        let before = of("D2", "A2.10", Some("2025-10")).unwrap();
        assert!(!before.judged.unwrap().is_rise);
        assert_eq!(before.months.len(), 22);
    }

    #[test]
    fn growth_and_delay_are_said() {
        let mut history = history();
        // Twice the people in the last two months; of each month a part comes in later.
        for at in [22, 23] {
            history.series[0].exposure[2 * 24 + at] = 2000.0;
        }
        let late = history.series[0].arrivals.clone().into_iter();
        let late = late.map(|one| Arrival {
            n: 2,
            known: one.month + 1,
            ..one
        });
        history.series[0].arrivals.extend(late);
        let question = Question {
            district: "D2".to_owned(),
            need: "A2.10".to_owned(),
            month: None,
        };
        let found = explained(&history, &question, &Thresholds::default()).unwrap();
        assert!((found.exposure_change_pct.unwrap() - 100.0).abs() < 1e-9);
        assert!((found.months[23].exposure - 2000.0).abs() < 1e-9);
        // Five of seven requests come in at once, a little more where 20 do.
        assert!(
            (70.0..76.0).contains(&found.completeness_pct),
            "{}",
            found.completeness_pct
        );
    }

    #[test]
    fn what_nobody_knows_is_answered_with_what_is_like_it() {
        let near = |district: &str, need: &str| match of(district, need, None) {
            Err(Error::Unknown { near, .. }) => near,
            other => panic!("{other:?}"),
        };
        assert_eq!(near("Ambiti 2", "A2.10"), ["`D2` (Ambito 2)"]);
        assert_eq!(near("D2", "Baby-siter"), ["`A2.10` (Baby-sitter)"]);
        assert_eq!(near("D2", "sitter"), ["`A2.10` (Baby-sitter)"]);
        let late = of("D2", "A2.10", Some("2026-01")).unwrap_err();
        assert_eq!(
            late.to_string(),
            "the series has no month `2026-01`; it reaches from 2024-01 to 2025-12"
        );
    }
}
