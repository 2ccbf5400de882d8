//! One data set: its counts by period, who stands behind them, and what becomes of each cell.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU64;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

use super::DataSetReport;
use super::grid::{Primary, Rule, Shape, TwoWay, Zeros};
use super::suppress::suppress;
use crate::canon::cells::{CellError, count_at, counts, texts};
use crate::spec::release::{ProtectPolicy, ReleaseSpec, ZeroPolicy};
use crate::stats::real;

/// Code of a margin.
pub(super) const TOTAL: &str = "TOTAL";

/// How much heavier a margin weighs than a cell of the same count: readers need it more.
const MARGIN_WEIGHT: u64 = 20;

/// Period, cell, count and status.
type Printed<'a> = (&'a String, usize, u64, Status);

/// What became of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    /// The count is printed, zero included.
    Published,
    /// The count is withheld; why is not said.
    Suppressed,
    /// No platform that takes such records covers the place.
    NotCovered,
    /// The platform's data did not arrive.
    SourceDown,
}

impl Status {
    /// Word in the data.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Suppressed => "suppressed",
            Self::NotCovered => "not_covered",
            Self::SourceDown => "source_down",
        }
    }
}

/// Which platform covers which district in which period.
#[derive(Debug, Default)]
pub(super) struct Coverage {
    /// Status by district, period and platform.
    status: BTreeMap<(String, String), BTreeMap<String, String>>,
}

impl Coverage {
    /// Reads platform, district, quarter and status.
    pub(super) fn read(rows: &RecordBatch) -> Result<Self, CellError> {
        let (platform, district) = (texts(rows, "platform")?, texts(rows, "district_code")?);
        let (quarter, status) = (texts(rows, "quarter")?, texts(rows, "status")?);
        let mut found = Self::default();
        for row in 0..rows.num_rows() {
            let at = (
                district.value(row).to_owned(),
                quarter.value(row).to_owned(),
            );
            found
                .status
                .entry(at)
                .or_default()
                .insert(platform.value(row).to_owned(), status.value(row).to_owned());
        }
        Ok(found)
    }

    /// What a cell without records means, given the platforms that take such records.
    fn meaning(&self, district: &str, period: &str, platforms: &BTreeSet<String>) -> Status {
        let at = (district.to_owned(), period.to_owned());
        let Some(found) = self.status.get(&at) else {
            return Status::NotCovered;
        };
        let of = |word: [&str; 2]| {
            platforms.iter().any(|platform| {
                found
                    .get(platform)
                    .is_some_and(|status| word.contains(&&**status))
            })
        };
        if of(["covered", "partly"]) {
            Status::Published
        } else if of(["source_down", "source_down"]) {
            Status::SourceDown
        } else {
            Status::NotCovered
        }
    }
}

/// One count with who stands behind it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Cell {
    /// The count.
    value: u64,
    /// Least number of distinct persons behind it, over the declared columns.
    n_persons: u64,
    /// Least number of distinct persons behind the rest of the whole.
    n_rest: u64,
    /// Platforms behind it.
    platforms: BTreeSet<String>,
}

impl Cell {
    /// Adds a part to a margin: counts add up; the same person may be in several parts, so of
    /// persons only the largest part is sure.
    fn absorb(&mut self, part: &Self) {
        self.value += part.value;
        self.n_persons = self.n_persons.max(part.n_persons);
        self.n_rest = self.n_rest.max(part.n_rest);
        self.platforms.extend(part.platforms.iter().cloned());
    }
}

/// The counts of a data set, not yet protected.
#[derive(Debug)]
pub(super) struct Counted {
    /// Rows of the grid, sorted.
    rows: Vec<String>,
    /// Columns of the grid, sorted.
    columns: Vec<String>,
    /// Cells by period, row and column.
    periods: BTreeMap<String, BTreeMap<(usize, usize), Cell>>,
    /// Platforms that take records of each column, anywhere and ever.
    takers: BTreeMap<usize, BTreeSet<String>>,
}

/// Codes of a column, each once, sorted.
fn sorted(codes: &StringArray) -> Vec<String> {
    let codes: BTreeSet<&str> = codes.iter().flatten().collect();
    codes.into_iter().map(str::to_owned).collect()
}

/// Place of a code among sorted codes that hold it.
fn place(codes: &[String], code: &str) -> usize {
    let found = codes.binary_search_by(|known| known.as_str().cmp(code));
    found.unwrap_or_default()
}

/// The columns that say what a count is and who stands behind it.
struct Behind<'a> {
    /// The count.
    value: &'a Int64Array,
    /// Distinct persons behind it.
    persons: Vec<&'a Int64Array>,
    /// Distinct persons behind the rest of the whole.
    rest: Vec<&'a Int64Array>,
    /// Platforms, separated by commas.
    platforms: &'a StringArray,
}

impl<'a> Behind<'a> {
    /// Finds the columns.
    fn read(policy: &ProtectPolicy, batch: &'a RecordBatch) -> Result<Self, CellError> {
        let all = |names: &[String]| {
            names
                .iter()
                .map(|name| counts(batch, name))
                .collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            value: counts(batch, &policy.measure)?,
            persons: all(&policy.persons)?,
            rest: all(&policy.complement_persons)?,
            platforms: texts(batch, "platforms")?,
        })
    }

    /// The cell of a row.
    fn cell(&self, row: usize) -> Cell {
        let least = |columns: &[&Int64Array]| {
            columns
                .iter()
                .map(|column| count_at(column, row))
                .min()
                .unwrap_or_default()
        };
        let platforms = self
            .platforms
            .value(row)
            .split(',')
            .filter(|name| !name.is_empty());
        Cell {
            value: count_at(self.value, row),
            n_persons: least(&self.persons),
            n_rest: least(&self.rest),
            platforms: platforms.map(str::to_owned).collect(),
        }
    }
}

impl Counted {
    /// Reads the model's rows.
    pub(super) fn read(spec: &ReleaseSpec, batch: &RecordBatch) -> Result<Self, CellError> {
        let row_code = texts(batch, &spec.axes.rows)?;
        let column_code = texts(batch, &spec.axes.columns)?;
        let period = texts(batch, &spec.axes.period)?;
        let behind = Behind::read(&spec.protect, batch)?;
        let mut counted = Self {
            rows: sorted(row_code),
            columns: sorted(column_code),
            periods: BTreeMap::new(),
            takers: BTreeMap::new(),
        };
        for at in 0..batch.num_rows() {
            let row = place(&counted.rows, row_code.value(at));
            let column = place(&counted.columns, column_code.value(at));
            let cell = behind.cell(at);
            let takers = counted.takers.entry(column).or_default();
            takers.extend(cell.platforms.iter().cloned());
            let cells = counted
                .periods
                .entry(period.value(at).to_owned())
                .or_default();
            cells.insert((row, column), cell);
        }
        Ok(counted)
    }

    /// Protects every period; the period and the reason where one cannot be proved safe.
    pub(super) fn protect(
        self,
        spec: &ReleaseSpec,
        coverage: &Coverage,
        whole: Option<&Protected>,
    ) -> Result<Protected, (String, String)> {
        let shape = Shape {
            n_rows: self.rows.len(),
            n_columns: self.columns.len(),
        };
        let mut protected = Protected {
            rows: self.rows.clone(),
            columns: self.columns.clone(),
            names: [
                spec.axes.rows.clone(),
                spec.axes.columns.clone(),
                spec.axes.period.clone(),
                spec.protect.measure.clone(),
            ],
            evidence_for: spec.evidence_for.clone(),
            cells: BTreeMap::new(),
            n_primary: 0,
            n_secondary: 0,
        };
        for (period, cells) in &self.periods {
            let with_margins = with_margins(shape, cells);
            let statuses =
                self.protect_period(spec, (shape, period), (&with_margins, coverage), whole);
            let (statuses, n_primary, n_secondary) =
                statuses.map_err(|reason| (period.clone(), reason))?;
            protected.n_primary += n_primary;
            protected.n_secondary += n_secondary;
            let values = with_margins.iter().map(|cell| cell.value);
            protected
                .cells
                .insert(period.clone(), values.zip(statuses).collect());
        }
        Ok(protected)
    }

    /// What becomes of every cell of one period.
    fn protect_period(
        &self,
        spec: &ReleaseSpec,
        (shape, period): (Shape, &str),
        (cells, coverage): (&[Cell], &Coverage),
        whole: Option<&Protected>,
    ) -> Result<(Vec<Status>, u64, u64), String> {
        let meanings: Vec<Status> = (0..shape.n_cells())
            .map(|cell| self.meaning(shape, cell, period, coverage))
            .collect();
        let wholes: Vec<Option<Whole>> = (0..shape.n_cells())
            .map(|cell| self.whole_of(shape, cell, period, whole))
            .collect();
        let primary = cells
            .iter()
            .zip(&wholes)
            .zip(&meanings)
            .map(|((cell, whole), meaning)| {
                *meaning == Status::Published
                    && must_hide(&spec.protect, cell, *whole) == Primary::Yes
            })
            .collect();
        let values = cells.iter().map(|cell| cell.value).collect();
        let weights = (0..shape.n_cells())
            .map(|cell| weight(shape, cell, cells[cell].value))
            .collect();
        let table = TwoWay::new(shape, values, primary)
            .and_then(|table| table.with_weights(weights))
            .map_err(|error| error.to_string())?;
        let zeros = match spec.protect.zeros {
            ZeroPolicy::Publish => Zeros::Published,
            ZeroPolicy::Protect => Zeros::Hidden,
        };
        let threshold = NonZeroU64::new(spec.protect.k_persons).unwrap_or(NonZeroU64::MIN);
        let rule = Rule::new(threshold, zeros);
        let done = suppress(&table, rule)
            .map_err(|refused| self.explain(shape, &refused.cells, &refused.reason.to_string()))?;
        let statuses = done
            .hidden
            .iter()
            .zip(meanings)
            .map(|(hidden, meaning)| if *hidden { Status::Suppressed } else { meaning });
        Ok((
            statuses.collect(),
            done.n_primary as u64,
            done.n_secondary as u64,
        ))
    }

    /// What a cell means if it is not withheld.
    fn meaning(&self, shape: Shape, cell: usize, period: &str, coverage: &Coverage) -> Status {
        let (row, column) = (shape.row_of(cell), shape.column_of(cell));
        let everything = || self.takers.values().flatten().cloned().collect();
        let takers: BTreeSet<String> = self.takers.get(&column).cloned().unwrap_or_else(everything);
        let has_records = self
            .periods
            .get(period)
            .is_some_and(|cells| cells.contains_key(&(row, column)));
        match self.rows.get(row) {
            // A total over all districts, or a place where there are records, is never without data.
            None => Status::Published,
            Some(_) if has_records => Status::Published,
            Some(district) => coverage.meaning(district, period, &takers),
        }
    }

    /// The whole that a cell is a part of, as protected.
    fn whole_of(
        &self,
        shape: Shape,
        cell: usize,
        period: &str,
        whole: Option<&Protected>,
    ) -> Option<Whole> {
        let whole = whole?;
        let code =
            |codes: &[String], at: usize| codes.get(at).map_or(TOTAL, String::as_str).to_owned();
        let (row, column) = (
            code(&self.rows, shape.row_of(cell)),
            code(&self.columns, shape.column_of(cell)),
        );
        Some(whole.look_up(period, &row, &column).map_or(
            Whole {
                value: 0,
                status: Status::NotCovered,
            },
            |(value, status)| Whole { value, status },
        ))
    }

    /// The smallest explanation of a refusal: which cells.
    fn explain(&self, shape: Shape, cells: &[usize], reason: &str) -> String {
        let name =
            |codes: &[String], at: usize| codes.get(at).map_or(TOTAL, String::as_str).to_owned();
        let named: Vec<String> = cells
            .iter()
            .take(5)
            .map(|cell| {
                format!(
                    "{} × {}",
                    name(&self.rows, shape.row_of(*cell)),
                    name(&self.columns, shape.column_of(*cell))
                )
            })
            .collect();
        format!("{reason} ({} cell(s): {})", cells.len(), named.join("; "))
    }
}

/// The whole a cell is a part of.
#[derive(Debug, Clone, Copy)]
struct Whole {
    /// Its count.
    value: u64,
    /// What became of it.
    status: Status,
}

/// Whether a cell may not be printed for what it says itself.
fn must_hide(policy: &ProtectPolicy, cell: &Cell, whole: Option<Whole>) -> Primary {
    let of_whole = whole.map_or(Primary::No, |whole| must_hide_part(policy, cell, whole));
    if cell.value == 0 || of_whole == Primary::Yes {
        return of_whole;
    }
    let waived = |platform: &String| {
        policy
            .waivers
            .iter()
            .any(|waiver| waiver.platform == *platform)
    };
    let n_platforms = cell.platforms.len() as u64;
    let is_alone = n_platforms < policy.min_platforms && !cell.platforms.iter().all(waived);
    if cell.value < policy.k_persons || cell.n_persons < policy.k_persons || is_alone {
        Primary::Yes
    } else {
        Primary::No
    }
}

/// Whether a part says too much of its whole.
fn must_hide_part(policy: &ProtectPolicy, cell: &Cell, whole: Whole) -> Primary {
    if whole.value == 0 {
        return Primary::No;
    }
    let share = real(cell.value) / real(whole.value);
    let rest = whole.value.saturating_sub(cell.value);
    let is_rest_small = rest > 0 && (rest < policy.k_persons || cell.n_rest < policy.k_persons);
    let is_zero_told = cell.value == 0 && policy.zeros == ZeroPolicy::Protect;
    let is_whole_hidden = whole.status == Status::Suppressed;
    if is_whole_hidden || is_zero_told || is_rest_small || share >= policy.group_max_share {
        Primary::Yes
    } else {
        Primary::No
    }
}

/// What it costs the readers not to see a cell.
fn weight(shape: Shape, cell: usize, value: u64) -> u64 {
    let is_margin = shape.row_of(cell) == shape.n_rows || shape.column_of(cell) == shape.n_columns;
    (value + 1) * if is_margin { MARGIN_WEIGHT } else { 1 }
}

/// The cells of a period, row by row, with totals last.
fn with_margins(shape: Shape, cells: &BTreeMap<(usize, usize), Cell>) -> Vec<Cell> {
    let mut all = vec![Cell::default(); shape.n_cells()];
    for ((row, column), cell) in cells {
        for (row, column) in [
            (*row, *column),
            (*row, shape.n_columns),
            (shape.n_rows, *column),
            (shape.n_rows, shape.n_columns),
        ] {
            all[shape.cell(row, column)].absorb(cell);
        }
    }
    all
}

/// A protected data set.
#[derive(Debug)]
pub(super) struct Protected {
    /// Rows of the grid, sorted, without the total.
    rows: Vec<String>,
    /// Columns of the grid, sorted, without the total.
    columns: Vec<String>,
    /// Names of the row, column, period and measure columns.
    names: [String; 4],
    /// Aspects of signals whose evidence this is.
    pub(super) evidence_for: Vec<String>,
    /// Count and status of every cell, by period.
    cells: BTreeMap<String, Vec<(u64, Status)>>,
    /// Cells withheld for themselves.
    n_primary: u64,
    /// Cells withheld to protect others.
    n_secondary: u64,
}

impl Protected {
    /// Count and status of a cell.
    pub(super) fn look_up(&self, period: &str, row: &str, column: &str) -> Option<(u64, Status)> {
        let shape = self.shape();
        let place = |codes: &[String], code: &str| match code {
            TOTAL => Some(codes.len()),
            _ => codes.iter().position(|known| known == code),
        };
        let cell = shape.cell(place(&self.rows, row)?, place(&self.columns, column)?);
        self.cells.get(period)?.get(cell).copied()
    }

    /// Rows and columns.
    fn shape(&self) -> Shape {
        Shape {
            n_rows: self.rows.len(),
            n_columns: self.columns.len(),
        }
    }

    /// What was done, in numbers.
    pub(super) fn report(&self, name: &str) -> DataSetReport {
        let count = |wanted: &[Status]| {
            self.cells
                .values()
                .flatten()
                .filter(|(_, status)| wanted.contains(status))
                .count() as u64
        };
        DataSetReport {
            data_set: name.to_owned(),
            n_cells: self.cells.values().map(|cells| cells.len() as u64).sum(),
            n_primary: self.n_primary,
            n_secondary: self.n_secondary,
            n_without_data: count(&[Status::NotCovered, Status::SourceDown]),
            n_published: count(&[Status::Published]),
            ..DataSetReport::default()
        }
    }

    /// The complete grid as rows: nothing missing, one flag whatever the reason.
    pub(super) fn batch(&self) -> Result<RecordBatch, ArrowError> {
        let [rows, columns, period, measure] = &self.names;
        let text = |name: &String| Field::new(name, DataType::Utf8, true);
        let schema = Schema::new(vec![
            text(rows),
            text(columns),
            text(period),
            Field::new(measure, DataType::Int64, true),
            text(&"status".to_owned()),
        ]);
        let shape = self.shape();
        let all: Vec<Printed<'_>> = self
            .cells
            .iter()
            .flat_map(|(period, cells)| {
                cells
                    .iter()
                    .enumerate()
                    .map(move |(cell, (value, status))| (period, cell, *value, *status))
            })
            .collect();
        let code =
            |codes: &[String], at: usize| codes.get(at).map_or(TOTAL, String::as_str).to_owned();
        let texts = |value: &dyn Fn(&Printed<'_>) -> String| -> ArrayRef {
            Arc::new(
                all.iter()
                    .map(|cell| Some(value(cell)))
                    .collect::<StringArray>(),
            )
        };
        let values: Int64Array = all
            .iter()
            .map(|(_, _, value, status)| {
                (*status == Status::Published).then(|| i64::try_from(*value).unwrap_or(i64::MAX))
            })
            .collect();
        RecordBatch::try_new(
            Arc::new(schema),
            vec![
                texts(&|(_, cell, _, _)| code(&self.rows, shape.row_of(*cell))),
                texts(&|(_, cell, _, _)| code(&self.columns, shape.column_of(*cell))),
                texts(&|(period, _, _, _)| (*period).clone()),
                Arc::new(values),
                texts(&|(_, _, _, status)| status.word().to_owned()),
            ],
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::release::Waiver;

    /// A policy with threshold 10 and one platform waived.
    fn policy() -> ProtectPolicy {
        ProtectPolicy {
            measure: "n".to_owned(),
            persons: vec!["n_persons".to_owned()],
            k_persons: 10,
            k_reason: None,
            min_platforms: 3,
            waivers: vec![Waiver {
                platform: "wemi".to_owned(),
                reason: "agreed".to_owned(),
            }],
            group_max_share: 0.9,
            group_reason: None,
            zeros: ZeroPolicy::Publish,
            of: None,
            complement_persons: Vec::new(),
        }
    }

    /// A count with these persons behind it, on one platform.
    fn cell(value: u64, n_persons: u64, n_rest: u64, platform: &str) -> Cell {
        Cell {
            value,
            n_persons,
            n_rest,
            platforms: BTreeSet::from([platform.to_owned()]),
        }
    }

    #[test]
    fn a_count_with_few_persons_is_withheld_however_large() {
        assert_eq!(
            must_hide(&policy(), &cell(50, 9, 0, "wemi"), None),
            Primary::Yes
        );
        assert_eq!(
            must_hide(&policy(), &cell(50, 10, 0, "wemi"), None),
            Primary::No
        );
    }

    #[test]
    fn a_single_platform_is_withheld_unless_it_agreed() {
        assert_eq!(
            must_hide(&policy(), &cell(50, 30, 0, "other"), None),
            Primary::Yes
        );
        assert_eq!(
            must_hide(&policy(), &cell(0, 0, 0, "other"), None),
            Primary::No
        );
    }

    #[test]
    fn a_part_that_speaks_of_everyone_or_leaves_a_few_is_withheld() {
        let whole = |value, status| Some(Whole { value, status });
        let shown = Status::Published;
        assert_eq!(
            must_hide(&policy(), &cell(19, 15, 0, "wemi"), whole(20, shown)),
            Primary::Yes
        );
        assert_eq!(
            must_hide(&policy(), &cell(20, 15, 9, "wemi"), whole(40, shown)),
            Primary::Yes
        );
        assert_eq!(
            must_hide(&policy(), &cell(20, 15, 15, "wemi"), whole(40, shown)),
            Primary::No
        );
        assert_eq!(
            must_hide(
                &policy(),
                &cell(20, 15, 15, "wemi"),
                whole(40, Status::Suppressed)
            ),
            Primary::Yes
        );
    }

    #[test]
    fn a_margin_counts_only_the_persons_it_is_sure_of() {
        let mut margin = Cell::default();
        margin.absorb(&cell(8, 8, 0, "wemi"));
        margin.absorb(&cell(9, 9, 0, "wemi"));
        assert_eq!((margin.value, margin.n_persons), (17, 9));
    }
}
