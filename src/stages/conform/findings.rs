//! What was found of a source beyond its rows: drift, what its corrections found, rows flagged,
//! and the rejects of an attempt that was stopped.
//!
//! Two tables show it: `conformed.flags`, a row for each row that came in with a mark, and
//! `conformed.findings`, a row for each other thing. What concerns all pages of a table is noted in
//! the commit of the table itself, so that new pages can join it.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, AsArray, Int64Array, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use serde::{Deserialize, Serialize};

use super::Error;
use super::books::{commit, write};
use super::corrections::{Flag, Found, OverWhen};
use super::drift::{Change, Drift, Outcome};
use super::typed::Reject;
use crate::canon::fingerprint::fingerprint_of;
use crate::context::Context;
use crate::lake::{Lake, Scope, Snapshot, WrittenScope, Zone, scope};

/// Name of the table of findings.
pub(super) const FINDINGS: &str = "findings";

/// Name of the table of rows that came in with a mark.
const FLAGS: &str = "flags";

/// Kind of a change of columns.
const DRIFT: &str = "drift";

/// Kind of what a correction found.
const CORRECTION: &str = "correction";

/// Kind of a row rejected in an attempt that was stopped.
pub(super) const STOPPED_REJECT: &str = "stopped_reject";

/// Kind of the count of rows that a correction or the operator dropped.
const DROPPED: &str = "dropped";

/// Text columns of the table of findings.
const TEXTS: [&str; 10] = [
    "platform",
    "source_table",
    "kind",
    "name",
    "rule",
    "declared",
    "seen",
    "page",
    "page_sha256",
    "outcome",
];

/// Number columns of the table of findings.
const NUMBERS: [&str; 4] = ["place", "n_rows", "n_fixed", "n_withheld"];

/// What was found of one table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Findings {
    /// Changes of its columns.
    pub(super) drift: Vec<Drift>,
    /// What its corrections found.
    pub(super) found: Vec<Found>,
    /// Rows that came in with a mark, in the pages that were read.
    #[serde(skip)]
    pub(super) flags: Vec<Flag>,
    /// Rows rejected in an attempt that was stopped.
    #[serde(skip)]
    pub(super) stopped: Vec<Reject>,
    /// Rows that a correction or the operator dropped.
    pub(super) n_dropped: u64,
}

/// One row of the table of findings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Line {
    /// Texts in the order of [`TEXTS`].
    texts: [Option<String>; TEXTS.len()],
    /// Numbers in the order of [`NUMBERS`].
    numbers: [Option<u64>; NUMBERS.len()],
}

/// Findings of every table: those of earlier runs and those of this one.
///
/// They say again what the commit of each table notes, so that they can be queried; only of a
/// source that was stopped is there nothing else.
#[derive(Debug)]
pub(super) struct Notebook {
    /// Earlier findings by scope.
    before: BTreeMap<String, Findings>,
    /// Fingerprints of the earlier findings by scope.
    fingerprints: BTreeMap<String, String>,
    /// Scopes of marked rows.
    flags: Vec<String>,
    /// What this run found, by scope, with its fingerprint.
    now: BTreeMap<String, (String, Findings)>,
}

impl Notebook {
    /// The findings as of the last run.
    pub(super) async fn load(cx: &Context) -> Result<Self, Error> {
        let snapshot = cx.lake.snapshot(Zone::Conformed, FINDINGS).await?;
        let mut before: BTreeMap<String, Findings> = BTreeMap::new();
        if let Some(snapshot) = &snapshot {
            let rows = cx.lake.read_all(Zone::Conformed, FINDINGS, snapshot);
            for line in rows.await?.iter().flat_map(lines_in) {
                before.entry(line.scope()).or_default().take(&line);
            }
        }
        let fingerprints = |snapshot: Option<Snapshot>| {
            snapshot
                .map(|snapshot| snapshot.fingerprints)
                .unwrap_or_default()
        };
        let flags = cx.lake.snapshot(Zone::Conformed, FLAGS).await?;
        Ok(Self {
            before,
            fingerprints: fingerprints(snapshot),
            flags: fingerprints(flags).into_keys().collect(),
            now: BTreeMap::new(),
        })
    }

    /// Scopes of the marked rows of a table.
    pub(super) fn flags_of(&self, table: &str) -> Vec<String> {
        let its = self.flags.iter();
        its.filter(|name| scope::owner(name) == table)
            .cloned()
            .collect()
    }

    /// Takes the findings of a table, unless they are there.
    pub(super) fn record(&mut self, table: &str, findings: Findings) {
        let rejects: Vec<_> = findings
            .stopped
            .iter()
            .map(|one| (&one.page_sha, one.place))
            .collect();
        let content = format!(
            "{:?} {:?} {:?} {rejects:?}",
            findings.drift, findings.found, findings.n_dropped
        );
        let fingerprint = fingerprint_of([table, &content]);
        if self.fingerprints.get(table) != Some(&fingerprint) {
            self.now.insert(table.to_owned(), (fingerprint, findings));
        }
    }

    /// Makes the findings of this run visible.
    pub(super) async fn commit(&self, cx: &Context) -> Result<(), Error> {
        let mut written = Vec::new();
        for (table, (fingerprint, findings)) in &self.now {
            let of = table.split_once("__").unwrap_or((table, ""));
            let scope = Scope {
                name: table.clone(),
                fingerprint: fingerprint.clone(),
            };
            let batch = lines_batch(&findings.lines(of))?;
            written.push(write(cx, FINDINGS, scope, batch).await?);
        }
        commit(cx, FINDINGS, findings_schema(), (written, Vec::new())).await
    }

    /// Every change of columns that is known, by table.
    pub(super) fn into_drift(self) -> Vec<Drift> {
        let mut all = self.before;
        for (scope, (_fingerprint, findings)) in self.now {
            all.insert(scope, findings);
        }
        let found = all.into_values();
        found.flat_map(|findings| findings.drift).collect()
    }
}

/// Writes the marked rows of a table aside, if there are any.
pub(super) async fn write_flags(
    cx: &Context,
    (platform, table): (&str, &str),
    scope: Scope,
    findings: &Findings,
) -> Result<Option<WrittenScope>, Error> {
    if findings.flags.is_empty() {
        return Ok(None);
    }
    let batch = flags_batch((platform, table), &findings.flags)?;
    write(cx, FLAGS, scope, batch).await.map(Some)
}

/// Makes marked rows visible, and takes out scopes that are no more.
pub(super) async fn commit_flags(
    cx: &Context,
    scopes: Vec<WrittenScope>,
    dropped: Vec<String>,
) -> Result<(), Error> {
    commit(cx, FLAGS, flags_schema(), (scopes, dropped)).await
}

/// A correction that no longer finds what it corrects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stale {
    /// Platform.
    pub platform: String,
    /// Name of the correction.
    pub name: String,
    /// Why it is stale.
    pub why: String,
}

/// Corrections that found nothing when their table was last read, or whose source is corrected.
///
/// # Errors
/// When the lake cannot be read.
pub async fn stale_corrections(lake: &Lake) -> Result<Vec<Stale>, Error> {
    let Some(snapshot) = lake.snapshot(Zone::Conformed, FINDINGS).await? else {
        return Ok(Vec::new());
    };
    let mut stale = Vec::new();
    for batch in lake.read_all(Zone::Conformed, FINDINGS, &snapshot).await? {
        for line in lines_in(&batch) {
            let mut one = Findings::default();
            one.take(&line);
            stale.extend(one.found.into_iter().filter_map(|found| {
                Some(Stale {
                    platform: line.text("platform")?.to_owned(),
                    why: found.staleness()?,
                    name: found.name,
                })
            }));
        }
    }
    Ok(stale)
}

impl Findings {
    /// Adds what was found in pages that were not read this time.
    pub(super) fn absorb(&mut self, earlier: &Self) {
        for drift in &earlier.drift {
            let same =
                |known: &&mut Drift| known.column == drift.column && known.change == drift.change;
            match self.drift.iter_mut().find(same) {
                None => self.drift.push(drift.clone()),
                Some(known) => {
                    let n_rows = known.n_rows + drift.n_rows;
                    let n_withheld = known.n_withheld + drift.n_withheld;
                    // The earlier place is the first one; what is done about it is declared now.
                    *known = Drift {
                        n_rows,
                        n_withheld,
                        outcome: known.outcome,
                        ..drift.clone()
                    };
                }
            }
        }
        self.n_dropped += earlier.n_dropped;
        for found in &mut self.found {
            let known = earlier.found.iter().find(|known| known.name == found.name);
            found.n_rows += known.map_or(0, |known| known.n_rows);
            found.n_fixed += known.map_or(0, |known| known.n_fixed);
        }
    }

    /// Fields of the source that are kept though no contract names them.
    pub(super) fn kept_fields(&self) -> impl Iterator<Item = String> {
        let kept = self
            .drift
            .iter()
            .filter(|drift| drift.outcome == Outcome::Kept);
        kept.map(|drift| drift.column.clone())
    }

    /// The findings as rows.
    fn lines(&self, (platform, table): (&str, &str)) -> Vec<Line> {
        let of = |kind: &str, name: &str| {
            let mut line = Line::default();
            line.set("platform", platform);
            line.set("source_table", table);
            line.set("kind", kind);
            line.set("name", name);
            line
        };
        let drift = self.drift.iter().map(|drift| {
            let mut line = of(DRIFT, &drift.column);
            line.set("rule", drift.change.word());
            line.set_if("declared", drift.declared.as_deref());
            line.set_if("seen", drift.seen.as_deref());
            line.set("page", &drift.page);
            line.set("outcome", drift.outcome.word());
            line.numbers = [
                drift.place,
                Some(drift.n_rows),
                None,
                Some(drift.n_withheld),
            ];
            line
        });
        let found = self.found.iter().map(|found| {
            let mut line = of(CORRECTION, &found.name);
            line.set("outcome", found.over_when.word());
            line.numbers = [None, Some(found.n_rows), Some(found.n_fixed), None];
            line
        });
        let stopped = self.stopped.iter().map(|reject| {
            let mut line = of(STOPPED_REJECT, &reject.field);
            line.set("rule", reject.rule);
            line.set("page_sha256", &reject.page_sha);
            line.numbers = [Some(reject.place), None, None, None];
            line
        });
        let dropped = (self.n_dropped > 0).then(|| {
            let mut line = of(DROPPED, "");
            line.numbers = [None, Some(self.n_dropped), None, None];
            line
        });
        drift.chain(found).chain(stopped).chain(dropped).collect()
    }

    /// Takes a row of the table of findings; the rejects of a stopped attempt are read elsewhere.
    fn take(&mut self, line: &Line) {
        let text = |name| line.text(name).unwrap_or_default().to_owned();
        let [place, n_rows, n_fixed, n_withheld] = line.numbers;
        match line.text("kind") {
            Some(DRIFT) => self.drift.push(Drift {
                name: text("platform"),
                table: text("source_table"),
                column: text("name"),
                change: Change::from_word(&text("rule")),
                declared: line.text("declared").map(str::to_owned),
                seen: line.text("seen").map(str::to_owned),
                page: text("page"),
                place,
                n_rows: n_rows.unwrap_or_default(),
                n_withheld: n_withheld.unwrap_or_default(),
                outcome: Outcome::from_word(&text("outcome")),
            }),
            Some(CORRECTION) => self.found.push(Found {
                name: text("name"),
                n_rows: n_rows.unwrap_or_default(),
                n_fixed: n_fixed.unwrap_or_default(),
                over_when: OverWhen::from_word(&text("outcome")),
            }),
            Some(DROPPED) => self.n_dropped += n_rows.unwrap_or_default(),
            _ => {}
        }
    }
}

impl Line {
    /// Scope of the table it speaks of.
    fn scope(&self) -> String {
        let text = |name| self.text(name).unwrap_or_default();
        format!("{}__{}", text("platform"), text("source_table"))
    }

    /// Place of a text column.
    fn place_of(name: &str) -> usize {
        TEXTS
            .iter()
            .position(|known| *known == name)
            .unwrap_or_default()
    }

    /// A text.
    fn text(&self, name: &str) -> Option<&str> {
        self.texts.get(Self::place_of(name))?.as_deref()
    }

    /// Sets a text.
    fn set(&mut self, name: &str, text: &str) {
        self.set_if(name, Some(text));
    }

    /// Sets a text, if there is one.
    fn set_if(&mut self, name: &str, text: Option<&str>) {
        if let Some(slot) = self.texts.get_mut(Self::place_of(name)) {
            *slot = text.map(str::to_owned);
        }
    }
}

/// Columns of the table of findings.
fn findings_schema() -> SchemaRef {
    let texts = TEXTS.map(|name| Field::new(name, DataType::Utf8, true));
    let numbers = NUMBERS.map(|name| Field::new(name, DataType::Int64, true));
    Arc::new(Schema::new(
        texts.into_iter().chain(numbers).collect::<Vec<_>>(),
    ))
}

/// Rows of the table of findings.
fn lines_batch(lines: &[Line]) -> Result<RecordBatch, Error> {
    let schema = findings_schema();
    let columns = (0..schema.fields().len()).map(|column| -> Arc<dyn Array> {
        if column < TEXTS.len() {
            let texts = lines.iter().map(|line| line.texts.get(column)?.as_deref());
            return Arc::new(texts.collect::<StringArray>());
        }
        let number = |line: &Line| line.numbers.get(column - TEXTS.len()).copied().flatten();
        let numbers = lines.iter().map(|line| i64::try_from(number(line)?).ok());
        Arc::new(numbers.collect::<Int64Array>())
    });
    let columns = columns.collect();
    RecordBatch::try_new(schema, columns).map_err(Error::Books)
}

/// Rows in a batch of the table of findings.
fn lines_in(batch: &RecordBatch) -> Vec<Line> {
    let text = |name: &str, row: usize| {
        let values = batch.column_by_name(name)?.as_string_opt::<i32>()?;
        values.is_valid(row).then(|| values.value(row).to_owned())
    };
    let number = |name: &str, row: usize| {
        let values = batch
            .column_by_name(name)?
            .as_primitive_opt::<Int64Type>()?;
        let value = values.is_valid(row).then(|| values.value(row))?;
        u64::try_from(value).ok()
    };
    (0..batch.num_rows())
        .map(|row| Line {
            texts: TEXTS.map(|name| text(name, row)),
            numbers: NUMBERS.map(|name| number(name, row)),
        })
        .collect()
}

/// Columns of the table of flags.
fn flags_schema() -> SchemaRef {
    let text = |name| Field::new(name, DataType::Utf8, true);
    Arc::new(Schema::new(vec![
        text("platform"),
        text("source_table"),
        text("correction"),
        text("page_sha256"),
        Field::new("place", DataType::Int64, true),
    ]))
}

/// Rows of the table of flags.
fn flags_batch((platform, table): (&str, &str), flags: &[Flag]) -> Result<RecordBatch, Error> {
    let same = |value: &str| Arc::new(StringArray::from(vec![value; flags.len()]));
    let texts =
        |value: fn(&Flag) -> &str| Arc::new(StringArray::from_iter_values(flags.iter().map(value)));
    let places = flags.iter().map(|flag| i64::try_from(flag.place).ok());
    RecordBatch::try_new(
        flags_schema(),
        vec![
            same(platform),
            same(table),
            texts(|flag| &flag.correction),
            texts(|flag| &flag.sha256),
            Arc::new(places.collect::<Int64Array>()),
        ],
    )
    .map_err(Error::Books)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_is_read() {
        let drift = Drift {
            name: "p".to_owned(),
            table: "t".to_owned(),
            column: "ore".to_owned(),
            change: Change::OtherType,
            declared: Some("number with comma".to_owned()),
            seen: None,
            page: "a.csv".to_owned(),
            place: Some(3),
            n_rows: 2,
            n_withheld: 1,
            outcome: Outcome::Rejected,
        };
        let found = Found {
            name: "one".to_owned(),
            n_rows: 3,
            n_fixed: 1,
            over_when: OverWhen::All,
        };
        let findings = Findings {
            drift: vec![drift.clone()],
            found: vec![found.clone()],
            ..Findings::default()
        };
        let batch = lines_batch(&findings.lines(("p", "t"))).unwrap();
        let mut read = Findings::default();
        for line in lines_in(&batch) {
            assert_eq!(line.scope(), "p__t");
            read.take(&line);
        }
        assert_eq!((read.drift, read.found), (vec![drift], vec![found]));
    }
}
