//! What was found of a source beyond its rows: drift, what its corrections found, rows flagged,
//! and the rejects of an attempt that was stopped.
//!
//! Two tables keep it: `conformed.flags`, a row for each row that came in with a mark, and
//! `conformed.findings`, a row for each other thing. They are written after the tables they speak
//! of, `findings` last; a table whose findings are missing is read again.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, AsArray, Int64Array, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use futures::stream;

use super::Error;
use super::corrections::{Flag, Found, OverWhen};
use super::drift::{Change, Drift, Outcome};
use super::typed::Reject;
use crate::context::Context;
use crate::lake::{Lake, Scope, Snapshot, Statistics, TableCommit, Target, Zone};

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
#[derive(Debug, Clone, Default)]
pub(super) struct Findings {
    /// Changes of its columns.
    pub(super) drift: Vec<Drift>,
    /// What its corrections found.
    pub(super) found: Vec<Found>,
    /// Rows that came in with a mark.
    pub(super) flags: Vec<Flag>,
    /// Rows rejected in an attempt that was stopped.
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

/// What this run found of one table.
#[derive(Debug)]
struct Entry {
    /// Hash of what it was made from.
    fingerprint: String,
    /// What was found.
    findings: Findings,
    /// Whether the table became visible.
    visible: Visible,
}

/// Whether a table became visible; the flags of one that did not stay as they were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Visible {
    /// It did.
    Yes,
    /// Its source was stopped.
    No,
}

/// Findings of every table: those of earlier runs and those of this one.
#[derive(Debug)]
pub(super) struct Notebook {
    /// Earlier findings by scope.
    before: BTreeMap<String, Findings>,
    /// Fingerprints of the earlier findings by scope.
    fingerprints: BTreeMap<String, String>,
    /// The table of flags as it is.
    flags: Option<Snapshot>,
    /// What this run found, by scope.
    now: BTreeMap<String, Entry>,
}

impl Notebook {
    /// The findings as of the last run.
    pub(super) async fn load(cx: &Context) -> Result<Self, Error> {
        let snapshot = cx.lake.snapshot(Zone::Conformed, FINDINGS).await?;
        let mut before: BTreeMap<String, Findings> = BTreeMap::new();
        if let Some(snapshot) = &snapshot {
            for batch in cx
                .lake
                .read_all(Zone::Conformed, FINDINGS, snapshot)
                .await?
            {
                for line in lines_in(&batch) {
                    before.entry(line.scope()).or_default().take(&line);
                }
            }
        }
        Ok(Self {
            before,
            fingerprints: snapshot
                .map(|snapshot| snapshot.fingerprints)
                .unwrap_or_default(),
            flags: cx.lake.snapshot(Zone::Conformed, FLAGS).await?,
            now: BTreeMap::new(),
        })
    }

    /// Whether the findings of a scope were made from what has this fingerprint.
    pub(super) fn holds(&self, scope: &str, fingerprint: &str) -> bool {
        self.fingerprints
            .get(scope)
            .is_some_and(|found| found == fingerprint)
    }

    /// The earlier findings of a scope.
    pub(super) fn before(&self, scope: &str) -> Option<&Findings> {
        self.before.get(scope)
    }

    /// Takes the findings of a table.
    pub(super) fn record(
        &mut self,
        scope: &str,
        fingerprint: &str,
        findings: Findings,
        visible: Visible,
    ) {
        let entry = Entry {
            fingerprint: fingerprint.to_owned(),
            findings,
            visible,
        };
        self.now.insert(scope.to_owned(), entry);
    }

    /// Makes the findings of this run visible.
    pub(super) async fn commit(&self, cx: &Context) -> Result<(), Error> {
        let of_scope = |scope: &str| {
            let (platform, table) = scope.split_once("__").unwrap_or((scope, ""));
            (platform.to_owned(), table.to_owned())
        };
        let mut flags = Vec::new();
        let mut findings = Vec::new();
        for (scope, entry) in &self.now {
            let table = of_scope(scope);
            let scope = |batch| (scope.clone(), entry.fingerprint.clone(), batch);
            if entry.visible == Visible::Yes {
                flags.push(scope(flags_batch(&table, &entry.findings.flags)?));
            }
            findings.push(scope(lines_batch(&entry.findings.lines(&table))?));
        }
        let has_flags = flags.iter().any(|(_, _, batch)| batch.num_rows() > 0);
        if has_flags || (self.flags.is_some() && !flags.is_empty()) {
            write(cx, FLAGS, flags_schema(), flags).await?;
        }
        if findings.is_empty() {
            return Ok(());
        }
        write(cx, FINDINGS, findings_schema(), findings).await
    }

    /// Every change of columns that is known, by table.
    pub(super) fn into_drift(self) -> Vec<Drift> {
        let mut all = self.before;
        for (scope, entry) in self.now {
            all.insert(scope, entry.findings);
        }
        let found = all.into_values();
        found.flat_map(|findings| findings.drift).collect()
    }
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

/// Writes scopes and makes them visible.
async fn write(
    cx: &Context,
    table: &str,
    schema: SchemaRef,
    scopes: Vec<(String, String, RecordBatch)>,
) -> Result<(), Error> {
    let statistics = Statistics::default();
    let target = Target {
        zone: Zone::Conformed,
        table,
        schema: Arc::clone(&schema),
        statistics: &statistics,
    };
    let mut written = Vec::new();
    for (name, fingerprint, batch) in scopes {
        let scope = Scope { name, fingerprint };
        let rows = stream::iter([Ok::<_, Error>(batch)]);
        written.push(cx.lake.write_scope(&target, scope, rows).await?);
    }
    let commit = TableCommit {
        zone: Zone::Conformed,
        table,
        run: cx.run,
        schema,
        statistics: &statistics,
        scopes: written,
        dropped: Vec::new(),
        at_millis: cx.at_millis(),
    };
    cx.lake.commit(commit).await?;
    Ok(())
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
            found.n_found += known.map_or(0, |known| known.n_found);
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
    fn lines(&self, (platform, table): &(String, String)) -> Vec<Line> {
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
            line.numbers = [None, Some(found.n_found), Some(found.n_fixed), None];
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
                n_found: n_rows.unwrap_or_default(),
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
fn flags_batch((platform, table): &(String, String), flags: &[Flag]) -> Result<RecordBatch, Error> {
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
            n_found: 3,
            n_fixed: 1,
            over_when: OverWhen::All,
        };
        let findings = Findings {
            drift: vec![drift.clone()],
            found: vec![found.clone()],
            ..Findings::default()
        };
        let batch = lines_batch(&findings.lines(&("p".to_owned(), "t".to_owned()))).unwrap();
        let mut read = Findings::default();
        for line in lines_in(&batch) {
            assert_eq!(line.scope(), "p__t");
            read.take(&line);
        }
        assert_eq!((read.drift, read.found), (vec![drift], vec![found]));
    }
}
