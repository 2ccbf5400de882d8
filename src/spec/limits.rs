//! How much trouble of a source is too much, and how old it may become.
//!
//! A source over its limit is stopped: its new rows do not become visible, its tables stay as of
//! its last good run, the other sources go on, and the run ends with exit code 4.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// New rows from which their own share of rejects is judged: of fewer, one bad row is too much.
const LEAST_NEW_ROWS: u64 = 100;

/// Records from which the share that went is judged: of fewer, one is too much.
const LEAST_RECORDS: u64 = 20;

/// Limits of a source: beyond one of them its new rows do not become visible.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Share of rejected rows, in percent, of a table and of the new rows of a run (from 100 rows
    /// on), above which the source is stopped.
    pub max_rejected_pct: f64,
    /// Rejected rows of a table above which the source is stopped.
    pub max_rejected: Option<u64>,
    /// Share of the records of a table, in percent (from 20 records on), above which the source is
    /// stopped when they are in none of the pages any more, or left out of the latest snapshot.
    pub max_absent_pct: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_rejected_pct: 5.0,
            max_rejected: None,
            max_absent_pct: 50.0,
        }
    }
}

/// Records a table held, and how many of them would go because they are not there any more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Absent {
    /// Records as of the last good run.
    pub(crate) n_held: u64,
    /// Those that would go.
    pub(crate) n_gone: u64,
}

/// Rows of a table and how many of them were rejected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// All rows.
    pub(crate) n_rows: u64,
    /// Rejected rows.
    pub(crate) n_rejected: u64,
}

impl Tally {
    /// Share of rejected rows, percent.
    pub(crate) fn rejected_pct(self) -> f64 {
        percent(self.n_rejected, self.n_rows)
    }

    /// What came since `before`; everything where there are fewer rows than before.
    fn since(self, before: Self) -> Self {
        match self.n_rows.checked_sub(before.n_rows) {
            Some(n_rows) => Self {
                n_rows,
                n_rejected: self.n_rejected.saturating_sub(before.n_rejected),
            },
            None => self,
        }
    }
}

/// A share in percent; none of nothing.
fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    let as_float = |n: u64| u32::try_from(n).map_or(f64::from(u32::MAX), f64::from);
    100.0 * as_float(part) / as_float(whole)
}

impl Limits {
    /// What cannot be meant: the key to mark, what is wrong and what to do.
    pub(crate) fn mistake(&self) -> Option<(&'static str, String, &'static str)> {
        let shares = [
            ("max_rejected_pct", self.max_rejected_pct),
            ("max_absent_pct", self.max_absent_pct),
        ];
        let odd = |(_, share): &(&str, f64)| !(0.0..=100.0).contains(share);
        let (name, share) = shares.into_iter().find(odd)?;
        let message = format!("`{name} = {share}` is no share in percent");
        Some((name, message, "say a number from 0 to 100"))
    }

    /// Why a table that would lose these records is over the limit, if it is.
    pub(crate) fn emptied(&self, absent: Absent) -> Option<String> {
        let Absent { n_held, n_gone } = absent;
        let most = self.max_absent_pct;
        (n_held >= LEAST_RECORDS && percent(n_gone, n_held) > most).then(|| {
            format!(
                "{n_gone} of its {n_held} records are not there any more, more than `limits.max_absent_pct = {most}` allows"
            )
        })
    }

    /// Why a table with these rows is over a limit, if it is; `before` are those of the last good
    /// run.
    pub(crate) fn exceeded(&self, before: Tally, now: Tally) -> Option<String> {
        let most = self.max_rejected_pct;
        if let Some(max_rejected) = self.max_rejected.filter(|max| now.n_rejected > *max) {
            let n_rejected = now.n_rejected;
            return Some(format!(
                "{n_rejected} rows were rejected, more than `limits.max_rejected = {max_rejected}` allows"
            ));
        }
        if now.rejected_pct() > most {
            return Some(format!(
                "{:.1} % of the rows were rejected, more than `limits.max_rejected_pct = {most}` allows",
                now.rejected_pct()
            ));
        }
        let new = now.since(before);
        (new.n_rows >= LEAST_NEW_ROWS && new.rejected_pct() > most).then(|| {
            format!(
                "{:.1} % of the {} new rows were rejected, more than `limits.max_rejected_pct = {most}` allows",
                new.rejected_pct(),
                new.n_rows
            )
        })
    }
}

/// How old a source may become: days since its newest record and since it was last fetched.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Freshness {
    /// Days after which the source counts as late.
    pub warn_after_days: u32,
    /// Days after which a run ends with exit code 4; never when absent.
    pub error_after_days: Option<u32>,
}

impl Default for Freshness {
    fn default() -> Self {
        Self {
            warn_after_days: 45,
            error_after_days: None,
        }
    }
}

/// How a source stands to its days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Timeliness {
    /// Nothing of it is dated yet.
    Unknown,
    /// Young enough.
    Fresh,
    /// Older than `warn_after_days`.
    Late,
    /// Older than `error_after_days`.
    Overdue,
}

impl Freshness {
    /// How a source of this age stands; the older of record and fetch counts.
    pub(crate) fn judge(&self, record_days: Option<i64>, fetch_days: Option<i64>) -> Timeliness {
        let Some(age) = record_days.max(fetch_days) else {
            return Timeliness::Unknown;
        };
        let is_over = |days: u32| age > i64::from(days);
        if self.error_after_days.is_some_and(is_over) {
            Timeliness::Overdue
        } else if is_over(self.warn_after_days) {
            Timeliness::Late
        } else {
            Timeliness::Fresh
        }
    }

    /// What cannot be meant: the key to mark, what is wrong and what to do.
    pub(crate) fn mistake(&self) -> Option<(&'static str, String, &'static str)> {
        let error_after = self.error_after_days?;
        (error_after < self.warn_after_days).then(|| {
            (
                "error_after_days",
                format!(
                    "a source is an error after {error_after} days and late only after {}",
                    self.warn_after_days
                ),
                "make `error_after_days` at least `warn_after_days`",
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tally.
    fn tally(n_rows: u64, n_rejected: u64) -> Tally {
        Tally { n_rows, n_rejected }
    }

    /// Limits of 5 % and so many rows.
    fn limits(max_rejected: Option<u64>) -> Limits {
        Limits {
            max_rejected_pct: 5.0,
            max_rejected,
            max_absent_pct: 50.0,
        }
    }

    #[test]
    fn a_table_that_would_lose_most_of_its_records_is_over_its_limit() {
        let said = |n_held, n_gone| limits(None).emptied(Absent { n_held, n_gone });
        assert_eq!(said(20, 10), None);
        assert!(said(20, 11).unwrap().contains("11 of its 20 records"));
        assert_eq!(said(19, 19), None, "of a few records no share is taken");
        let all = Limits {
            max_absent_pct: 100.0,
            ..limits(None)
        };
        let whole = Absent {
            n_held: 50,
            n_gone: 50,
        };
        assert_eq!(all.emptied(whole), None);
    }

    #[test]
    fn a_share_lies_between_none_and_all() {
        let of = |max_rejected_pct| Limits {
            max_rejected_pct,
            ..Limits::default()
        };
        for (share, is_meant) in [(0.0, true), (100.0, true), (-4.0, false), (f64::NAN, false)] {
            assert_eq!(of(share).mistake().is_none(), is_meant, "{share}");
        }
    }

    #[test]
    fn a_table_is_over_its_limit_by_share_or_by_number() {
        let none = Tally::default();
        assert_eq!(limits(None).exceeded(none, tally(100, 5)), None);
        assert!(limits(None).exceeded(none, tally(100, 6)).is_some());
        let said = limits(Some(3)).exceeded(none, tally(1000, 4)).unwrap();
        assert!(said.contains("max_rejected = 3"), "{said}");
        assert_eq!(limits(None).exceeded(none, none), None);
    }

    #[test]
    fn a_bad_delivery_is_not_hidden_by_a_long_history() {
        let before = tally(1_000_000, 10);
        let said = limits(None).exceeded(before, tally(1_000_200, 60)).unwrap();
        assert!(said.contains("25.0 % of the 200 new rows"), "{said}");
        assert_eq!(
            limits(None).exceeded(before, tally(1_000_099, 60)),
            None,
            "of a few new rows no share is taken"
        );
    }

    #[test]
    fn the_older_of_record_and_fetch_decides() {
        let freshness = Freshness {
            warn_after_days: 10,
            error_after_days: Some(20),
        };
        assert_eq!(freshness.judge(None, None), Timeliness::Unknown);
        assert_eq!(freshness.judge(Some(10), Some(1)), Timeliness::Fresh);
        assert_eq!(freshness.judge(Some(1), Some(11)), Timeliness::Late);
        assert_eq!(freshness.judge(Some(21), None), Timeliness::Overdue);
        assert!(freshness.mistake().is_none());
    }
}
