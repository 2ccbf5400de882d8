//! One data set: its counts by period, who stands behind them, and what becomes of each cell.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU64;

use arrow::array::{Int64Array, StringArray};
use arrow::record_batch::RecordBatch;

use super::grid::{GridError, MUST_STAY_VISIBLE, Primary, Rule, Shape, TwoWay, UNCAPPED, Zeros};
use super::parts::{Whole, must_hide_part, rest_of, suppress_with_rest, wholes};
pub(super) use super::protected::{Protected, Status, codes};
use super::settled::{Counts, SettledReport};
use super::suppress::{Suppression, suppress};
use crate::canon::cells::{CellError, count_at, counts, texts};
use crate::spec::release::{ProtectPolicy, ReleaseSpec, ZeroPolicy};

/// How much heavier a margin weighs than a cell of the same count: readers need it more.
const MARGIN_WEIGHT: u64 = 20;

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
pub(super) struct Cell {
    /// The count.
    pub(super) value: u64,
    /// Least number of distinct persons behind it, over the declared columns.
    n_persons: u64,
    /// Least number of distinct persons behind the rest of the whole.
    pub(super) n_rest: u64,
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

/// Codes of a column and others, each once, sorted.
fn sorted(codes: &StringArray, others: &[String]) -> Vec<String> {
    let others = others.iter().map(String::as_str);
    let codes: BTreeSet<&str> = codes.iter().flatten().chain(others).collect();
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
    ///
    /// The grid of a part is that of its whole, so that no row missing here tells a zero.
    pub(super) fn read(
        spec: &ReleaseSpec,
        batch: &RecordBatch,
        whole: Option<&Protected>,
    ) -> Result<Self, CellError> {
        let row_code = texts(batch, &spec.axes.rows)?;
        let column_code = texts(batch, &spec.axes.columns)?;
        let period = texts(batch, &spec.axes.period)?;
        let behind = Behind::read(&spec.protect, batch)?;
        let mut counted = Self {
            rows: sorted(row_code, whole.map_or(&[], |whole| &whole.rows)),
            columns: sorted(column_code, whole.map_or(&[], |whole| &whole.columns)),
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

    /// Rows and columns.
    fn shape(&self) -> Shape {
        Shape {
            n_rows: self.rows.len(),
            n_columns: self.columns.len(),
        }
    }

    /// Takes out the closed periods, and says what the records make of them today.
    pub(super) fn take_out(
        &mut self,
        is_closed: impl Fn(&str) -> bool,
    ) -> BTreeMap<String, Counts> {
        let all = std::mem::take(&mut self.periods);
        let (closed, open): (BTreeMap<_, _>, BTreeMap<_, _>) =
            all.into_iter().partition(|(period, _)| is_closed(period));
        self.periods = open;
        let shape = self.shape();
        let counts = closed.into_iter().map(|(period, cells)| {
            let all = with_margins(shape, &cells).into_iter().enumerate();
            let counts =
                all.map(|(cell, found)| (codes(&self.rows, &self.columns, cell), found.value));
            (period, counts.collect())
        });
        counts.collect()
    }

    /// Protects every period; the period and the reason where one cannot be proved safe.
    pub(super) fn protect(
        self,
        spec: &ReleaseSpec,
        coverage: &Coverage,
        whole: Option<&Protected>,
    ) -> Result<Protected, (String, String)> {
        let shape = self.shape();
        let mut protected = Protected {
            rows: self.rows.clone(),
            columns: self.columns.clone(),
            rule: rule(&spec.protect),
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
            settled: SettledReport::default(),
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
        let wholes = whole
            .map(|whole| wholes((&self.rows, &self.columns), period, whole))
            .transpose()
            .map_err(|error| error.to_string())?;
        let period = Period {
            shape,
            cells,
            meanings: &meanings,
            wholes: wholes.as_deref(),
        };
        let done = self.suppress_period(&spec.protect, &period)?;
        let statuses = done.hidden.iter().zip(&meanings).map(|(hidden, meaning)| {
            if *hidden {
                Status::Suppressed
            } else {
                *meaning
            }
        });
        Ok((
            statuses.collect(),
            done.n_primary as u64,
            done.n_secondary as u64,
        ))
    }

    /// What to withhold in one period, so that the data set and the rest of its whole are safe.
    fn suppress_period(
        &self,
        policy: &ProtectPolicy,
        period: &Period<'_>,
    ) -> Result<Suppression, String> {
        let rule = rule(policy);
        let table = period.table(policy).map_err(|error| error.to_string())?;
        let done = match period.wholes {
            None => suppress(&table, rule),
            Some(wholes) => {
                let rest = rest_of((&table, rule.floor()), wholes);
                let rest = rest.map_err(|error| format!("the rest of the whole: {error}"))?;
                suppress_with_rest(&table, &rest, rule)
            }
        };
        done.map_err(|refused| {
            let reason = refused.reason.to_string();
            self.explain(&refused.cells, &reason)
        })
    }

    /// What a cell means if it is not withheld.
    fn meaning(&self, shape: Shape, cell: usize, period: &str, coverage: &Coverage) -> Status {
        let (row, column) = (shape.row_of(cell), shape.column_of(cell));
        let everything = || self.takers.values().flatten().cloned().collect();
        let takers: BTreeSet<String> = self.takers.get(&column).cloned().unwrap_or_else(everything);
        let has_records = self.periods.get(period).is_some_and(|cells| {
            let is_total = column == shape.n_columns;
            cells
                .keys()
                .any(|at| at.0 == row && (is_total || at.1 == column))
        });
        match self.rows.get(row) {
            // A total over all districts, or a place where there are records, is never without data.
            None => Status::Published,
            Some(_) if has_records => Status::Published,
            Some(district) => coverage.meaning(district, period, &takers),
        }
    }

    /// The smallest explanation of a refusal: which cells.
    fn explain(&self, cells: &[usize], reason: &str) -> String {
        let named = cells.iter().take(5).map(|cell| {
            let (row, column) = codes(&self.rows, &self.columns, *cell);
            format!("{row} × {column}")
        });
        let named: Vec<String> = named.collect();
        format!("{reason} ({} cell(s): {})", cells.len(), named.join("; "))
    }
}

/// The counts of one period and what is known of them.
#[derive(Debug)]
struct Period<'a> {
    /// Rows and columns.
    shape: Shape,
    /// The cells, margins included.
    cells: &'a [Cell],
    /// What each cell means if it is not withheld.
    meanings: &'a [Status],
    /// The whole of each cell, if the data set is part of one.
    wholes: Option<&'a [Whole]>,
}

impl Period<'_> {
    /// The table with what must be withheld, what may be, and what readers know from the whole.
    fn table(&self, policy: &ProtectPolicy) -> Result<TwoWay, GridError> {
        let (shape, cells) = (self.shape, self.cells);
        let whole = |cell: usize| self.wholes.map(|wholes| wholes[cell]);
        let all = || 0..shape.n_cells();
        let is_shown = |cell: usize| self.meanings[cell] == Status::Published;
        let primary = all().map(|cell| {
            is_shown(cell) && must_hide(policy, &cells[cell], whole(cell)) == Primary::Yes
        });
        let weights = all().map(|cell| {
            let is_empty = whole(cell).is_some_and(|whole| whole.value == 0);
            if is_shown(cell) && !is_empty {
                weight(shape, cell, cells[cell].value)
            } else {
                MUST_STAY_VISIBLE
            }
        });
        let caps = all().map(|cell| whole(cell).map_or(UNCAPPED, |whole| whole.high));
        let values = cells.iter().map(|cell| cell.value).collect();
        TwoWay::new(shape, values, primary.collect())?
            .with_weights(weights.collect())?
            .with_caps(caps.collect())
    }
}

/// When a withheld cell is safe.
fn rule(policy: &ProtectPolicy) -> Rule {
    let zeros = match policy.zeros {
        ZeroPolicy::Publish => Zeros::Published,
        ZeroPolicy::Protect => Zeros::Hidden,
    };
    let threshold = NonZeroU64::new(policy.k_persons).unwrap_or(NonZeroU64::MIN);
    Rule::new(threshold, zeros)
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
        let whole = |value, status| {
            Some(Whole {
                value,
                status,
                high: value,
            })
        };
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
