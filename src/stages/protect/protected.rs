//! A protected data set: every count of the complete grid and what became of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

use super::DataSetReport;
use super::audit::{AuditError, Published, intervals};
use super::grid::{Rule, Shape, UNCAPPED};
use super::settled::SettledReport;

/// Code of a margin.
pub(super) const TOTAL: &str = "TOTAL";

/// The codes of the row and column of a cell, in a grid of such rows and columns with their margins.
pub(super) fn codes(rows: &[String], columns: &[String], cell: usize) -> (String, String) {
    let shape = Shape {
        n_rows: rows.len(),
        n_columns: columns.len(),
    };
    let code = |codes: &[String], at: usize| codes.get(at).map_or(TOTAL, String::as_str).to_owned();
    (
        code(rows, shape.row_of(cell)),
        code(columns, shape.column_of(cell)),
    )
}

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

    /// The status of a word in the data; what is no such word stays withheld.
    pub(super) fn of_word(word: &str) -> Self {
        let known = [Self::Published, Self::NotCovered, Self::SourceDown];
        let found = known.into_iter().find(|status| status.word() == word);
        found.unwrap_or(Self::Suppressed)
    }
}

/// A protected data set.
#[derive(Debug, Clone)]
pub(super) struct Protected {
    /// Rows of the grid, sorted, without the total.
    pub(super) rows: Vec<String>,
    /// Columns of the grid, sorted, without the total.
    pub(super) columns: Vec<String>,
    /// When a withheld cell is safe.
    pub(super) rule: Rule,
    /// Names of the row, column, period and measure columns.
    pub(super) names: [String; 4],
    /// Aspects of signals whose evidence this is.
    pub(super) evidence_for: Vec<String>,
    /// Count and status of every cell, by period.
    pub(super) cells: BTreeMap<String, Vec<(u64, Status)>>,
    /// Cells withheld for themselves.
    pub(super) n_primary: u64,
    /// Cells withheld to protect others.
    pub(super) n_secondary: u64,
    /// What is settled of it.
    pub(super) settled: SettledReport,
}

impl Protected {
    /// Count and status of a cell.
    pub(super) fn look_up(&self, period: &str, row: &str, column: &str) -> Option<(u64, Status)> {
        let cell = self.cell(row, column)?;
        self.cells.get(period)?.get(cell).copied()
    }

    /// The number of a cell, by the codes of its row and column.
    pub(super) fn cell(&self, row: &str, column: &str) -> Option<usize> {
        let place = |codes: &[String], code: &str| match code {
            TOTAL => Some(codes.len()),
            _ => codes.iter().position(|known| known == code),
        };
        let (row, column) = (place(&self.rows, row)?, place(&self.columns, column)?);
        Some(self.shape().cell(row, column))
    }

    /// The largest count that a reader of one period thinks possible in each cell.
    pub(super) fn highs(&self, period: &str) -> Result<Vec<u64>, AuditError> {
        let printed = self.cells.get(period).map_or(&[][..], Vec::as_slice);
        if printed.is_empty() {
            return Ok(Vec::new());
        }
        let shape = self.shape();
        let cells: Vec<Option<u64>> = printed
            .iter()
            .map(|(value, status)| (*status != Status::Suppressed).then_some(*value))
            .collect();
        let published = Published {
            n_rows: shape.n_rows,
            n_columns: shape.n_columns,
            cells: &cells,
            caps: &[],
        };
        let mut highs: Vec<u64> = printed.iter().map(|(value, _)| *value).collect();
        for (cell, interval) in intervals(published, self.rule)? {
            highs[cell] = interval.high.unwrap_or(UNCAPPED);
        }
        Ok(highs)
    }

    /// The codes of the row and column of a cell.
    pub(super) fn codes(&self, cell: usize) -> (String, String) {
        codes(&self.rows, &self.columns, cell)
    }

    /// Rows and columns.
    pub(super) fn shape(&self) -> Shape {
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
            settled: self.settled.clone(),
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
                texts(&|(_, cell, _, _)| self.codes(*cell).0),
                texts(&|(_, cell, _, _)| self.codes(*cell).1),
                texts(&|(period, _, _, _)| (*period).clone()),
                Arc::new(values),
                texts(&|(_, _, _, status)| status.word().to_owned()),
            ],
        )
    }
}
