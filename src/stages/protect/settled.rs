//! What is once published is settled: a period that a release printed is printed again as it was.
//!
//! Whoever keeps two releases subtracts one from the other. If a later one counted late records, left
//! out an erased person, withheld other cells or cut the districts anew, the difference would speak of
//! few persons. So a settled period keeps its grid, its counts and its flags, whatever the records say
//! today; how far they say something else is told to the operator alone.
//!
//! A data set, the whole it is a part of and the other parts of that whole are one family: what one of
//! them printed of a period settles it for all, as a new table beside an old one would be a difference
//! too. What a member did not print then it does not print later.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::Array;
use arrow::record_batch::RecordBatch;
use serde::Serialize;

use super::Error;
use super::protected::{Protected, Status, TOTAL};
use super::signals::TABLE as SIGNALS;
use crate::canon::cells::{CellError, count_at, counts, texts};
use crate::context::Context;
use crate::context::released::{self, PrintedTable};
use crate::spec::release::ReleaseSpec;

/// Counts by the codes of their row and column, margins included.
pub(super) type Counts = BTreeMap<(String, String), u64>;

/// What a cell printed, by the codes of its row and column.
type Cells = BTreeMap<(String, String), (u64, Status)>;

/// What is settled of a data set, in numbers; for the operator, never for readers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SettledReport {
    /// Periods printed again as an earlier release printed them.
    pub n_periods: u64,
    /// Cells of them that stay withheld.
    pub n_withheld: u64,
    /// Printed cells of them that today's records would make another number.
    pub n_outdated: u64,
    /// Periods with records that are not printed, because an earlier release passed them over.
    pub n_left_out: u64,
}

/// What releases printed of one data set.
#[derive(Debug, Default)]
struct Printed {
    /// Cells by period.
    periods: BTreeMap<String, Cells>,
}

/// What releases printed.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// Data sets by name.
    data_sets: BTreeMap<String, Printed>,
    /// Periods printed of any data set of a family, by the name of its whole.
    families: BTreeMap<String, BTreeSet<String>>,
    /// Signals as they were printed.
    signals: Option<RecordBatch>,
}

/// The name of the whole of a data set: its own, if it is part of none.
fn family<'a>(name: &'a str, spec: &'a ReleaseSpec) -> &'a str {
    spec.protect.of.as_deref().unwrap_or(name)
}

impl Settled {
    /// Reads the last print of every declared data set and of the signals.
    pub(super) async fn read(cx: &Context) -> Result<Self, Error> {
        let declared = &cx.commons.releases;
        let names: Vec<&str> = declared.keys().map(String::as_str).collect();
        let names = [&names[..], &[SIGNALS]].concat();
        let mut prints = released::last_prints(cx, &names)
            .await
            .map_err(Error::Released)?;
        let mut settled = Self {
            signals: prints.remove(SIGNALS).map(|print| print.batch),
            ..Self::default()
        };
        for (name, declared) in declared {
            if let Some(print) = prints.get(name) {
                settled.add(name, &declared.spec, print)?;
            }
        }
        Ok(settled)
    }

    /// Adds what was printed of a data set.
    fn add(&mut self, name: &str, spec: &ReleaseSpec, print: &PrintedTable) -> Result<(), Error> {
        let printed = printed(name, spec, print)?;
        let periods = self.families.entry(family(name, spec).to_owned());
        periods.or_default().extend(printed.periods.keys().cloned());
        self.data_sets.insert(name.to_owned(), printed);
        Ok(())
    }

    /// Whether nothing new may be printed of a period: its family printed it, or passed it over.
    pub(super) fn is_closed(&self, name: &str, spec: &ReleaseSpec, period: &str) -> bool {
        let Some(periods) = self.families.get(family(name, spec)) else {
            return false;
        };
        let ends = (periods.first(), periods.last());
        matches!(ends, (Some(first), Some(last)) if first.as_str() <= period && period <= last.as_str())
    }

    /// Signals as they were printed.
    pub(super) fn signals(&self) -> Option<&RecordBatch> {
        self.signals.as_ref()
    }

    /// The newly protected periods of a data set, with the settled ones as they were.
    ///
    /// All periods share one grid, so that none tells by a missing row when a place or need came up.
    /// Where one of them did not have a row or column, it is as little covered as a place without
    /// platforms. `today` holds what the records say of the closed periods.
    pub(super) fn join(
        &self,
        name: &str,
        new: Protected,
        today: &BTreeMap<String, Counts>,
    ) -> Protected {
        let none = Printed::default();
        let printed = self.data_sets.get(name).unwrap_or(&none);
        let mut joined = on_grid(new, printed);
        let shape = joined.shape();
        let mut report = SettledReport::default();
        for (period, cells) in &printed.periods {
            let all = (0..shape.n_cells()).map(|cell| {
                let found = cells.get(&joined.codes(cell));
                found.copied().unwrap_or((0, Status::NotCovered))
            });
            let all: Vec<(u64, Status)> = all.collect();
            let withheld = all.iter().filter(|cell| cell.1 == Status::Suppressed);
            report.n_withheld += withheld.count() as u64;
            report.n_outdated += n_outdated(cells, today.get(period));
            report.n_periods += 1;
            joined.cells.insert(period.clone(), all);
        }
        let passed_over = today
            .keys()
            .filter(|key| !printed.periods.contains_key(*key));
        report.n_left_out = passed_over.count() as u64;
        joined.settled = report;
        joined
    }
}

/// How many cells today's records would make another number than the one printed.
fn n_outdated(cells: &Cells, today: Option<&Counts>) -> u64 {
    let none = Counts::new();
    let today = today.unwrap_or(&none);
    let printed = cells.iter().filter(|(at, (value, status))| {
        *status == Status::Published && today.get(*at).copied().unwrap_or_default() != *value
    });
    let added = today.iter().filter(|(at, value)| {
        let found = cells.get(*at).map(|cell| cell.1);
        let had_data = matches!(found, Some(Status::Published | Status::Suppressed));
        !had_data && **value > 0
    });
    (printed.count() + added.count()) as u64
}

/// A data set on a grid that also has the rows and columns that were printed.
fn on_grid(new: Protected, printed: &Printed) -> Protected {
    let all = || printed.periods.values().flat_map(|cells| cells.keys());
    let with = |codes: &[String], others: &mut dyn Iterator<Item = &String>| {
        let mut all: BTreeSet<String> = codes.iter().cloned().collect();
        all.extend(others.filter(|code| *code != TOTAL).cloned());
        all.into_iter().collect::<Vec<_>>()
    };
    let rows = with(&new.rows, &mut all().map(|(row, _)| row));
    let columns = with(&new.columns, &mut all().map(|(_, column)| column));
    if rows == new.rows && columns == new.columns {
        return new;
    }
    let mut wider = Protected {
        rows,
        columns,
        cells: BTreeMap::new(),
        ..new.clone()
    };
    let places: Vec<Option<usize>> = (0..wider.shape().n_cells())
        .map(|cell| {
            let (row, column) = wider.codes(cell);
            new.cell(&row, &column)
        })
        .collect();
    for (period, cells) in &new.cells {
        let moved = places.iter().map(|place| {
            let found = place.and_then(|place| cells.get(place)).copied();
            found.unwrap_or((0, Status::NotCovered))
        });
        wider.cells.insert(period.clone(), moved.collect());
    }
    wider
}

/// Reads what a release printed of a data set.
fn printed(name: &str, spec: &ReleaseSpec, print: &PrintedTable) -> Result<Printed, Error> {
    let axes = &spec.axes;
    let wanted = [
        axes.rows.as_str(),
        &axes.columns,
        &axes.period,
        &spec.protect.measure,
        "status",
    ];
    let schema = print.batch.schema();
    let found: Vec<&str> = schema
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .collect();
    if found != wanted {
        return Err(Error::Redeclared {
            data_set: name.to_owned(),
            version: print.version.clone(),
            found: found.join(", "),
            wanted: wanted.join(", "),
        });
    }
    read_cells(spec, &print.batch).map_err(|source| Error::Column {
        data_set: name.to_owned(),
        source,
    })
}

/// Reads the cells of a printed table.
fn read_cells(spec: &ReleaseSpec, batch: &RecordBatch) -> Result<Printed, CellError> {
    let (rows, columns) = (
        texts(batch, &spec.axes.rows)?,
        texts(batch, &spec.axes.columns)?,
    );
    let (periods, status) = (texts(batch, &spec.axes.period)?, texts(batch, "status")?);
    let values = counts(batch, &spec.protect.measure)?;
    let mut printed = Printed::default();
    for row in 0..batch.num_rows() {
        let status = Status::of_word(status.value(row));
        let value = if values.is_valid(row) {
            count_at(values, row)
        } else {
            0
        };
        let cells = printed.periods.entry(periods.value(row).to_owned());
        let at = (rows.value(row).to_owned(), columns.value(row).to_owned());
        cells.or_default().insert(at, (value, status));
    }
    Ok(printed)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, StringArray};

    use super::super::data_set::{Counted, Coverage};
    use super::*;

    /// The declaration of a data set of the sample.
    fn declared(text: &str) -> ReleaseSpec {
        toml::from_str(text).unwrap()
    }

    /// The declaration of the requests.
    fn requests() -> ReleaseSpec {
        declared(include_str!(
            "../../../pipelines/releases/requests_by_district_need_quarter.toml"
        ))
    }

    /// The declaration of the requests left unmet.
    fn unmet() -> ReleaseSpec {
        declared(include_str!(
            "../../../pipelines/releases/unmet_by_district_need_quarter.toml"
        ))
    }

    /// Row, column, period, count and status.
    type Line = (
        &'static str,
        &'static str,
        &'static str,
        Option<i64>,
        &'static str,
    );

    /// A column of texts.
    fn text(lines: &[Line], of: impl Fn(&Line) -> &'static str) -> ArrayRef {
        Arc::new(
            lines
                .iter()
                .map(|line| Some(of(line)))
                .collect::<StringArray>(),
        )
    }

    /// What a release printed.
    fn print(spec: &ReleaseSpec, lines: &[Line]) -> PrintedTable {
        let values: Int64Array = lines.iter().map(|line| line.3).collect();
        let axes = &spec.axes;
        let columns: Vec<(&str, ArrayRef)> = vec![
            (&axes.rows, text(lines, |line| line.0)),
            (&axes.columns, text(lines, |line| line.1)),
            (&axes.period, text(lines, |line| line.2)),
            (&spec.protect.measure, Arc::new(values)),
            ("status", text(lines, |line| line.4)),
        ];
        PrintedTable {
            version: "v2026.1.0".to_owned(),
            batch: RecordBatch::try_from_iter_with_nullable(
                columns
                    .into_iter()
                    .map(|(name, values)| (name, values, true)),
            )
            .unwrap(),
        }
    }

    /// One district and need, withheld, with totals.
    const PRINTED: [Line; 4] = [
        ("OLD", "A", "2026-Q1", None, "suppressed"),
        ("OLD", "TOTAL", "2026-Q1", Some(31), "published"),
        ("TOTAL", "A", "2026-Q1", Some(31), "published"),
        ("TOTAL", "TOTAL", "2026-Q1", Some(31), "published"),
    ];

    /// Counts of today, of twenty persons each, by row and period.
    fn counted(spec: &ReleaseSpec, lines: &[(&'static str, &'static str, i64)]) -> Counted {
        let lines: Vec<Line> = lines
            .iter()
            .map(|(row, period, value)| (*row, "A", *period, Some(*value), "wemi"))
            .collect();
        let values =
            || -> ArrayRef { Arc::new(lines.iter().map(|line| line.3).collect::<Int64Array>()) };
        let columns = [
            ("district_code", text(&lines, |line| line.0)),
            ("need_code", text(&lines, |line| line.1)),
            ("quarter", text(&lines, |line| line.2)),
            ("n_requests", values()),
            ("n_persons", values()),
            ("platforms", text(&lines, |line| line.4)),
        ];
        Counted::read(spec, &RecordBatch::try_from_iter(columns).unwrap(), None).unwrap()
    }

    #[test]
    fn a_settled_period_is_printed_as_it_was_beside_a_new_one() {
        let spec = requests();
        let mut settled = Settled::default();
        settled.add("r", &spec, &print(&spec, &PRINTED)).unwrap();
        let today = [("NEW", "2026-Q1", 40), ("NEW", "2026-Q2", 50)];
        let mut counted = counted(&spec, &today);
        let closed = counted.take_out(|period| settled.is_closed("r", &spec, period));
        let new = counted.protect(&spec, &Coverage::default(), None).unwrap();
        let joined = settled.join("r", new, &closed);

        let look_up = |period, row, column| joined.look_up(period, row, column).unwrap();
        assert_eq!(look_up("2026-Q1", "OLD", "A"), (0, Status::Suppressed));
        assert_eq!(look_up("2026-Q1", "TOTAL", "A"), (31, Status::Published));
        assert_eq!(look_up("2026-Q1", "NEW", "A"), (0, Status::NotCovered));
        assert_eq!(look_up("2026-Q2", "OLD", "A"), (0, Status::NotCovered));
        assert_eq!(look_up("2026-Q2", "NEW", "A"), (50, Status::Published));
        let wanted = SettledReport {
            n_periods: 1,
            n_withheld: 1,
            // The total of the old district, two totals, the new district and its total.
            n_outdated: 5,
            n_left_out: 0,
        };
        assert_eq!(joined.settled, wanted);
        assert_eq!(joined.batch().unwrap().num_rows(), 2 * 3 * 2);
    }

    #[test]
    fn a_period_is_closed_for_the_whole_family_and_between_printed_ones() {
        let (whole, part) = (requests(), unmet());
        let name = part.protect.of.clone().unwrap();
        let mut settled = Settled::default();
        let mut lines = PRINTED.to_vec();
        lines.extend(PRINTED.map(|line| (line.0, line.1, "2026-Q3", line.3, line.4)));
        settled.add(&name, &whole, &print(&whole, &lines)).unwrap();
        let closed = |period| settled.is_closed("unmet", &part, period);
        assert_eq!(
            ["2025-Q4", "2026-Q1", "2026-Q2", "2026-Q3", "2026-Q4"].map(closed),
            [false, true, true, true, false]
        );
        assert!(!settled.is_closed("offers", &whole, "2026-Q1"));
    }

    #[test]
    fn other_columns_under_the_same_name_are_refused() {
        let spec = requests();
        let print = print(&spec, &PRINTED);
        let mut other = spec.clone();
        other.protect.measure = "n_persons".to_owned();
        let found = Settled::default().add("r", &other, &print);
        assert!(matches!(found, Err(Error::Redeclared { .. })), "{found:?}");
    }
}
