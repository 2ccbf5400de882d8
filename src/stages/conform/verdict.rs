//! Whether the new rows of a source may become visible.
//!
//! Between reading and committing, every table of a source is judged: by the limits on rejects and
//! on what is not there any more, by the columns its contract has frozen, by its corrections. One
//! reason in one table stops the whole source, so that its tables never disagree: they stay as of
//! the last good run, the other sources go on, and the run ends with exit code 4.

use std::collections::BTreeMap;

use super::Error;
use super::corrections::{Corrections, DROPPED_BY_CORRECTION};
use super::drift::{Drift, Judged, Outcome, PageFields};
use super::findings::Findings;
use super::intake::blocking;
use super::rejects::{DROPPED_BY_OPERATOR, plain};
use super::typed::Reject;
use crate::context::Context;
use crate::lake::pages::Page;
use crate::spec::limits::{Limits, Tally};

/// Rules named when a table is over its limit.
const MOST_RULES: usize = 3;

/// What was read of one table, before any of it is visible.
pub(super) struct Attempt<'a> {
    /// The table.
    pub(super) judged: Judged<'a>,
    /// Limits of its source.
    pub(super) limits: &'a Limits,
    /// Rows as of the last good run.
    pub(super) before: Tally,
    /// Rows now.
    pub(super) now: Tally,
    /// Rows rejected in the pages that were read.
    pub(super) rejects: &'a [Reject],
    /// Why the source is stopped for what is not there any more.
    pub(super) absent: Vec<String>,
    /// What the pages that were read told of their fields.
    pub(super) fields: &'a [PageFields],
    /// The corrections that were applied.
    pub(super) corrections: &'a Corrections,
    /// Values left out of each kept column: its field and how many.
    pub(super) withheld: Vec<(String, u64)>,
}

/// What follows for one table.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// What was found.
    pub(super) findings: Findings,
    /// Why its source is stopped; empty if it is not.
    pub(super) reasons: Vec<String>,
}

impl Attempt<'_> {
    /// Judges the table; pages are read again only where a column no longer fits its type.
    ///
    /// `earlier` are the findings in pages that were not read this time.
    ///
    /// # Errors
    /// When a page cannot be read again.
    pub(super) async fn judge(
        &self,
        cx: &Context,
        pages: &[&Page],
        earlier: Option<&Findings>,
    ) -> Result<Verdict, Error> {
        let mut findings = Findings {
            drift: self.judged.of_fields(self.fields),
            found: self.corrections.found(),
            flags: self.corrections.flags(),
            ..Findings::default()
        };
        for drift in &mut findings.drift {
            let withheld = self.withheld.iter();
            let own = withheld.filter(|(field, _)| *field == drift.column);
            drift.n_withheld = own.map(|(_, n_withheld)| n_withheld).sum();
        }
        let is_dropped =
            |reject: &&Reject| [DROPPED_BY_CORRECTION, DROPPED_BY_OPERATOR].contains(&reject.rule);
        findings.n_dropped = self.rejects.iter().filter(is_dropped).count() as u64;
        let n_rows = self.fields.iter().map(|page| page.n_rows).sum();
        let drift = &findings.drift;
        let suspects = self
            .judged
            .suspects(self.limits, n_rows, self.rejects, drift);
        for suspect in suspects {
            let page = pages.iter().find(|page| page.sha256 == suspect.page_sha);
            if let Some(page) = page {
                let bytes = self.bytes(cx, page).await?;
                let found = self.judged.other_type(&suspect, page, &bytes);
                findings.drift.extend(found);
            }
        }
        if let Some(earlier) = earlier {
            findings.absorb(earlier);
        }
        let reasons = self.reasons(&findings);
        if !reasons.is_empty() {
            findings.stopped = self.rejects.to_vec();
        }
        Ok(Verdict { findings, reasons })
    }

    /// The bytes of a page, inflated.
    async fn bytes(&self, cx: &Context, page: &Page) -> Result<Vec<u8>, Error> {
        let Judged {
            platform, table, ..
        } = self.judged;
        let kept = cx.lake.page_reader(platform, table, &page.sha256).await?;
        blocking(|| plain(self.judged.spec, kept)).map_err(|source| Error::Compressed {
            table: format!("{platform}__{table}"),
            url: page.url.clone(),
            source: Box::new(source),
        })
    }

    /// Why the source is stopped for this table, if it is.
    fn reasons(&self, findings: &Findings) -> Vec<String> {
        let table = self.judged.table;
        // Rows somebody decided about are no trouble of the source.
        let n_rejected = self.now.n_rejected.saturating_sub(findings.n_dropped);
        let now = Tally {
            n_rejected,
            ..self.now
        };
        let over = self.limits.exceeded(self.before, now);
        let over = over.map(|said| {
            format!(
                "table `{table}`: {said}{}; see `antenne rejects list`",
                rules(self.rejects)
            )
        });
        let is_frozen = |drift: &&Drift| drift.outcome == Outcome::Stopped;
        let frozen = findings.drift.iter().filter(is_frozen);
        let frozen = frozen.map(|drift| {
            format!(
                "{}; its contract is frozen: correct the contract or the source",
                drift.sentence()
            )
        });
        let stale = findings
            .found
            .iter()
            .filter_map(super::corrections::Found::staleness);
        let stale = stale.map(|said| format!("table `{table}`: {said}"));
        let absent = self.absent.iter().cloned();
        over.into_iter()
            .chain(absent)
            .chain(frozen)
            .chain(stale)
            .collect()
    }
}

/// The most frequent rules of some rejects, in words.
fn rules(rejects: &[Reject]) -> String {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for reject in rejects {
        *counts.entry((reject.rule, &reject.field)).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(rule, count)| (std::cmp::Reverse(*count), *rule));
    let said = counts
        .iter()
        .take(MOST_RULES)
        .map(|((rule, field), count)| {
            if field.is_empty() {
                format!("{count} by `{rule}`")
            } else {
                format!("{count} by `{rule}` in `{field}`")
            }
        });
    let said: Vec<String> = said.collect();
    if said.is_empty() {
        String::new()
    } else {
        format!(" ({})", said.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_rules_are_named() {
        let reject = |rule: &'static str, field: &str| Reject {
            sequence: 0,
            place: 1,
            page_sha: "abc".into(),
            rule,
            field: field.to_owned(),
        };
        let rejects = [
            reject("ragged_row", ""),
            reject("bad_date", "data"),
            reject("bad_date", "data"),
        ];
        assert_eq!(
            rules(&rejects),
            " (2 by `bad_date` in `data`, 1 by `ragged_row`)"
        );
        assert_eq!(rules(&[]), "");
    }
}
