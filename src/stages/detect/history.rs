//! What became of each signal from run to run: raised, confirmed, revised, lowered, retracted.
//!
//! ```text
//! raised      it stands for the first time, and nothing stood there the quarter before
//! confirmed   it stands for the first time, after one of the same kind the quarter before
//! revised     it still stands, with other figures, or was lowered too early: records came in late or were corrected
//! lowered     the quarter after it is complete and could be judged, and nothing stands there any more
//! retracted   it does not stand any more, though its quarter is still judged
//! ```
//!
//! Where the last month of a quarter cannot be judged, such as for want of members, nothing is said of it.
//!
//! Events are only added; the last one of a signal is its state. They are dated by the data, not by the
//! clock: the same records in the same steps make the same history.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Float64Array, Int64Array, StringArray};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

use super::Error;
use crate::canon::cells::{CellError, counts, numbers, texts};
use crate::canon::fingerprint::fingerprint_of;
use crate::canon::quarter;
use crate::context::Context;
use crate::lake::{WholeTable, Zone};

/// Version of what is written here; part of the fingerprint.
const VERSION: &str = "signal-history-2";

/// Name of the table.
const HISTORY: &str = "signal_history";

/// The model that says which months of a district and need can be judged.
const PANEL: &str = "detected._usable_panel";

/// Complete quarters that are judged, the last ones.
const N_JUDGED_QUARTERS: u32 = 8;

/// Columns that say which signal is meant.
const PLACE: [&str; 5] = [
    "signal_id",
    "aspect",
    "district_code",
    "need_code",
    "quarter",
];

/// What happened to a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    /// It stands for the first time.
    Raised,
    /// It stands for the first time, and did so the quarter before.
    Confirmed,
    /// It stands with other figures.
    Revised,
    /// Nothing stands there in the quarter after it.
    Lowered,
    /// It does not stand any more.
    Retracted,
}

impl Event {
    /// Every event.
    const ALL: [Self; 5] = [
        Self::Raised,
        Self::Confirmed,
        Self::Revised,
        Self::Lowered,
        Self::Retracted,
    ];

    /// Word in the table.
    fn word(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Confirmed => "confirmed",
            Self::Revised => "revised",
            Self::Lowered => "lowered",
            Self::Retracted => "retracted",
        }
    }

    /// The event of a word.
    fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.word() == word)
    }
}

/// A signal, as far as its history goes.
#[derive(Debug, Clone, PartialEq)]
struct Standing {
    /// Identity, aspect, district, need, quarter.
    place: [String; 5],
    /// What was seen.
    observed: Option<i64>,
    /// What was expected.
    expected: Option<f64>,
    /// The false-discovery rate.
    q_value: Option<f64>,
}

impl Standing {
    /// What stays the same from quarter to quarter.
    fn flag(&self) -> (&str, &str, &str) {
        (&self.place[1], &self.place[2], &self.place[3])
    }

    /// The quarter.
    fn quarter(&self) -> &str {
        &self.place[4]
    }

    /// Whether the figures that readers see are others.
    fn differs_from(&self, other: &Self) -> Differs {
        let hundredths = |value: Option<f64>| value.map(|value| (value * 100.0).round());
        if self.observed == other.observed
            && hundredths(self.expected) == hundredths(other.expected)
        {
            Differs::No
        } else {
            Differs::Yes
        }
    }
}

/// Whether figures differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Differs {
    /// They do.
    Yes,
    /// They do not.
    No,
}

/// Adds what happened to the signals since the history was last written; events by kind.
pub(super) async fn note(
    cx: &Context,
    signals: &RecordBatch,
    made_from: &str,
) -> Result<BTreeMap<String, u64>, Error> {
    let fingerprint = fingerprint_of([VERSION, made_from]);
    let snapshot = cx.lake.snapshot(Zone::Detected, HISTORY).await?;
    if snapshot
        .as_ref()
        .is_some_and(|snapshot| snapshot.is_made_from(&fingerprint))
    {
        return Ok(BTreeMap::new());
    }
    let before = match &snapshot {
        Some(snapshot) => cx.lake.read_all(Zone::Detected, HISTORY, snapshot).await?,
        None => Vec::new(),
    };
    let before = concat_batches(&schema(), &before).map_err(Error::Build)?;
    let wrong = |table| move |source| Error::Column { table, source };
    let now = standings(signals).map_err(wrong(super::SIGNALS))?;
    let past = events(&before).map_err(wrong("detected.signal_history"))?;
    let known = data(cx).await?;
    let new = happened(&past, &now, &known);
    let mut n_events = BTreeMap::new();
    for (event, _standing) in &new {
        *n_events.entry(event.word().to_owned()).or_default() += 1;
    }
    let added = batch(&new, &known.until).map_err(Error::Build)?;
    let rows = concat_batches(&schema(), [&before, &added]).map_err(Error::Build)?;
    let whole = WholeTable {
        zone: Zone::Detected,
        table: HISTORY,
        run: cx.run,
        fingerprint,
        at_millis: cx.at_millis(),
    };
    cx.lake.replace_whole(whole, rows).await?;
    Ok(n_events)
}

/// How far the data reach.
#[derive(Debug, Default)]
struct Data {
    /// Day of the last record.
    until: String,
    /// Last complete quarter.
    last_quarter: String,
    /// Districts and needs of the panel, with the quarters whose last month can be judged.
    judged: BTreeMap<(String, String), BTreeSet<String>>,
}

impl Data {
    /// Whether nothing can be said of a signal's district and need in a quarter.
    fn is_silent(&self, signal: &Standing, quarter: &str) -> bool {
        let cell = (signal.place[2].clone(), signal.place[3].clone());
        let quarters = self.judged.get(&cell);
        quarters.is_some_and(|quarters| !quarters.contains(quarter))
    }
}

/// How far the data reach.
async fn data(cx: &Context) -> Result<Data, Error> {
    const QUARTERS: &str = "derived._complete_quarters";
    const EXCHANGES: &str = "conformed.exchanges";
    let tables = BTreeSet::from([QUARTERS.to_owned(), EXCHANGES.to_owned()]);
    let opened = cx.open(&tables).await.map_err(Error::Inputs)?;
    let last = async |table: &'static str, value: &str| {
        let sql = format!("select cast({value} as varchar) as last from {table}");
        let rows = opened.plain_rows(table, &sql).await;
        let rows = rows.map_err(Error::Inputs)?;
        let column = texts(&rows, "last").map_err(|source| Error::Column { table, source })?;
        Ok::<_, Error>(
            column
                .iter()
                .flatten()
                .next()
                .unwrap_or_default()
                .to_owned(),
        )
    };
    Ok(Data {
        until: last(EXCHANGES, "cast(max(recorded_at) as date)").await?,
        last_quarter: last(QUARTERS, "max(quarter)").await?,
        judged: judged(cx).await?,
    })
}

/// Districts and needs of the panel, with the quarters whose last month can be judged.
async fn judged(cx: &Context) -> Result<BTreeMap<(String, String), BTreeSet<String>>, Error> {
    let mut found: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    if !cx.commons.models.iter().any(|model| model.name == PANEL) {
        return Ok(found);
    }
    let opened = cx.open(&BTreeSet::from([PANEL.to_owned()])).await;
    let opened = opened.map_err(Error::Inputs)?;
    let sql = format!(
        "select district_code, need_code, case when is_usable and n_exposed > 0
             then concat(to_char(month, '%Y'), '-Q', cast(cast(date_part('quarter', month) as integer) as varchar))
         end as quarter
         from {PANEL} where cast(date_part('month', month) as integer) % 3 = 0"
    );
    let rows = opened.plain_rows(PANEL, &sql).await;
    let rows = rows.map_err(Error::Inputs)?;
    let wrong = |source| Error::Column {
        table: PANEL,
        source,
    };
    let column = |name| texts(&rows, name).map_err(wrong);
    let (districts, needs, quarters) = (
        column("district_code")?,
        column("need_code")?,
        column("quarter")?,
    );
    for ((district, need), quarter) in districts.iter().zip(needs).zip(quarters) {
        let cell = (district.unwrap_or_default(), need.unwrap_or_default());
        let cell = (cell.0.to_owned(), cell.1.to_owned());
        let of_cell = found.entry(cell).or_default();
        of_cell.extend(quarter.map(str::to_owned));
    }
    Ok(found)
}

/// What happened between the events so far and the signals of now, in order of quarter and identity.
fn happened(past: &[(Event, Standing)], now: &[Standing], known: &Data) -> Vec<(Event, Standing)> {
    let last_quarter = known.last_quarter.as_str();
    let states: BTreeMap<&str, &(Event, Standing)> = past
        .iter()
        .map(|event| (event.1.place[0].as_str(), event))
        .collect();
    let standing: BTreeMap<&str, &Standing> = now
        .iter()
        .map(|signal| (signal.place[0].as_str(), signal))
        .collect();
    let flags: BTreeSet<_> = now
        .iter()
        .map(|signal| (signal.flag(), signal.quarter()))
        .collect();
    let mut new = Vec::new();
    for signal in now {
        let before = quarter::away(signal.quarter(), -1);
        let stood_before = flags.contains(&(signal.flag(), before.as_str()));
        let event = match states.get(signal.place[0].as_str()) {
            None | Some((Event::Retracted, _)) if stood_before => Some(Event::Confirmed),
            None | Some((Event::Retracted, _)) => Some(Event::Raised),
            Some((_, was)) => (signal.differs_from(was) == Differs::Yes).then_some(Event::Revised),
        };
        new.extend(event.map(|event| (event, signal.clone())));
        let after = quarter::away(signal.quarter(), 1);
        let stands_after = flags.contains(&(signal.flag(), after.as_str()));
        let is_over =
            signal.quarter() < last_quarter && !stands_after && !known.is_silent(signal, &after);
        let was_lowered = states
            .get(signal.place[0].as_str())
            .is_some_and(|(state, _)| *state == Event::Lowered);
        if is_over && (event.is_some() || !was_lowered) {
            new.push((Event::Lowered, signal.clone()));
        } else if was_lowered && stands_after && event.is_none() {
            new.push((Event::Revised, signal.clone()));
        }
    }
    let first_judged = quarter::away(last_quarter, 1 - i64::from(N_JUDGED_QUARTERS));
    let gone = states.values().filter(|(state, was)| {
        *state != Event::Retracted
            && !standing.contains_key(was.place[0].as_str())
            && was.quarter() >= first_judged.as_str()
            && !known.is_silent(was, was.quarter())
    });
    new.extend(gone.map(|(_state, was)| (Event::Retracted, was.clone())));
    new.sort_by(|(_, a), (_, b)| (a.quarter(), &a.place[0]).cmp(&(b.quarter(), &b.place[0])));
    new
}

/// Columns of `detected.signal_history`.
fn schema() -> SchemaRef {
    let text = |name: &&str| Field::new(*name, DataType::Utf8, true);
    let mut fields: Vec<Field> = PLACE.iter().map(text).collect();
    fields.extend(["event", "data_until"].iter().map(text));
    fields.push(Field::new("observed", DataType::Int64, true));
    fields.push(Field::new("expected", DataType::Float64, true));
    fields.push(Field::new("q_value", DataType::Float64, true));
    Arc::new(Schema::new(fields))
}

/// Events as rows.
fn batch(new: &[(Event, Standing)], data_until: &str) -> Result<RecordBatch, ArrowError> {
    let place = |at: usize| -> ArrayRef {
        let values = new.iter().map(|(_, signal)| Some(signal.place[at].clone()));
        Arc::new(values.collect::<StringArray>())
    };
    let mut columns: Vec<ArrayRef> = (0..PLACE.len()).map(place).collect();
    let events = new.iter().map(|(event, _)| Some(event.word()));
    columns.push(Arc::new(events.collect::<StringArray>()));
    let until = new.iter().map(|_| Some(data_until));
    columns.push(Arc::new(until.collect::<StringArray>()));
    let observed = new.iter().map(|(_, signal)| signal.observed);
    columns.push(Arc::new(observed.collect::<Int64Array>()));
    let expected = new.iter().map(|(_, signal)| signal.expected);
    columns.push(Arc::new(expected.collect::<Float64Array>()));
    let q_values = new.iter().map(|(_, signal)| signal.q_value);
    columns.push(Arc::new(q_values.collect::<Float64Array>()));
    RecordBatch::try_new(schema(), columns)
}

/// The rows of signals or of their history, as far as a history goes.
fn standings(rows: &RecordBatch) -> Result<Vec<Standing>, CellError> {
    let [id, aspect, district, need, quarter] = PLACE;
    let columns = [
        texts(rows, id)?,
        texts(rows, aspect)?,
        texts(rows, district)?,
        texts(rows, need)?,
        texts(rows, quarter)?,
    ];
    let observed = counts(rows, "observed")?;
    let (expected, q_value) = (numbers(rows, "expected")?, numbers(rows, "q_value")?);
    let real = |column: &Float64Array, row: usize| column.is_valid(row).then(|| column.value(row));
    let of_row = |row: usize| Standing {
        place: columns.map(|column| column.value(row).to_owned()),
        observed: observed.is_valid(row).then(|| observed.value(row)),
        expected: real(expected, row),
        q_value: real(q_value, row),
    };
    Ok((0..rows.num_rows()).map(of_row).collect())
}

/// The events of a history, oldest first; one of an unknown word is passed over.
fn events(rows: &RecordBatch) -> Result<Vec<(Event, Standing)>, CellError> {
    let words = texts(rows, "event")?;
    let events = words.iter().map(|word| word.and_then(Event::of));
    let events = events.zip(standings(rows)?);
    Ok(events
        .filter_map(|(event, standing)| Some((event?, standing)))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A signal on one need of one district.
    fn signal(quarter: &str, observed: i64) -> Standing {
        let text = |part: &str| part.to_owned();
        Standing {
            place: [
                format!("id-{quarter}"),
                text("rise"),
                text("D"),
                text("N"),
                text(quarter),
            ],
            observed: Some(observed),
            expected: Some(4.0),
            q_value: Some(0.01),
        }
    }

    /// The history after steps, each with the signals of then and the last complete quarter.
    fn after(steps: &[(&[Standing], &str)]) -> Vec<(Event, String)> {
        after_judging(steps, |_| BTreeMap::new())
    }

    /// The same, where so much of the panel could be judged at each step.
    fn after_judging(
        steps: &[(&[Standing], &str)],
        judged: impl Fn(usize) -> BTreeMap<(String, String), BTreeSet<String>>,
    ) -> Vec<(Event, String)> {
        let mut history = Vec::new();
        for (step, (now, last_quarter)) in steps.iter().enumerate() {
            let known = Data {
                last_quarter: (*last_quarter).to_owned(),
                judged: judged(step),
                ..Data::default()
            };
            let new = happened(&history, now, &known);
            let again = batch(&new, "2026-01-01").unwrap();
            history.extend(events(&again).unwrap());
        }
        history
            .into_iter()
            .map(|(event, signal)| (event, signal.quarter().to_owned()))
            .collect()
    }

    /// An event with its quarter.
    fn event(event: Event, quarter: &str) -> (Event, String) {
        (event, quarter.to_owned())
    }

    #[test]
    fn a_flag_is_raised_then_confirmed_then_lowered() {
        let (first, second) = (signal("2025-Q4", 9), signal("2026-Q1", 12));
        let both = [first.clone(), second];
        let found = after(&[
            (&[first], "2025-Q4"),
            (&both, "2026-Q1"),
            (&both, "2026-Q1"),
            (&both, "2026-Q2"),
        ]);
        let expected = [
            event(Event::Raised, "2025-Q4"),
            event(Event::Confirmed, "2026-Q1"),
            event(Event::Lowered, "2026-Q1"),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_correction_revises_or_retracts_and_may_raise_again() {
        let (nine, seven) = (signal("2026-Q1", 9), signal("2026-Q1", 7));
        let found = after(&[
            (std::slice::from_ref(&nine), "2026-Q1"),
            (&[seven], "2026-Q1"),
            (&[], "2026-Q1"),
            (std::slice::from_ref(&nine), "2026-Q1"),
        ]);
        let events: Vec<Event> = found.into_iter().map(|(event, _)| event).collect();
        let expected = [
            Event::Raised,
            Event::Revised,
            Event::Retracted,
            Event::Raised,
        ];
        assert_eq!(events, expected);
    }

    #[test]
    fn where_members_are_missing_nothing_is_lowered_or_retracted() {
        let (first, second) = (signal("2026-Q1", 9), signal("2026-Q2", 12));
        let both = [first.clone(), second.clone()];
        let panel = |step: usize| {
            // In the second and third step the last month of 2026-Q2 has no members.
            let quarters: &[&str] = match step {
                1 | 2 => &["2025-Q4", "2026-Q1"],
                _ => &["2025-Q4", "2026-Q1", "2026-Q2"],
            };
            let quarters = quarters.iter().map(|quarter| (*quarter).to_owned());
            BTreeMap::from([(("D".to_owned(), "N".to_owned()), quarters.collect())])
        };
        let steps: [(&[Standing], &str); 4] = [
            (&both, "2026-Q2"),
            (std::slice::from_ref(&first), "2026-Q2"),
            (std::slice::from_ref(&first), "2026-Q2"),
            (&both, "2026-Q2"),
        ];
        let expected = [
            event(Event::Raised, "2026-Q1"),
            event(Event::Confirmed, "2026-Q2"),
        ];
        assert_eq!(after_judging(&steps, panel), expected);
    }

    #[test]
    fn a_flag_that_was_lowered_too_early_stands_again() {
        let (first, second) = (signal("2026-Q1", 9), signal("2026-Q2", 12));
        let both = [first.clone(), second];
        let found = after(&[
            (&[first], "2026-Q2"),
            (&both, "2026-Q2"),
            (&both, "2026-Q2"),
        ]);
        let expected = [
            event(Event::Raised, "2026-Q1"),
            event(Event::Lowered, "2026-Q1"),
            event(Event::Revised, "2026-Q1"),
            event(Event::Confirmed, "2026-Q2"),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_too_old_to_be_judged_is_not_retracted() {
        let old = signal("2023-Q1", 9);
        let found = after(&[(&[old], "2023-Q1"), (&[], "2025-Q1")]);
        assert_eq!(found, [event(Event::Raised, "2023-Q1")]);
    }
}
