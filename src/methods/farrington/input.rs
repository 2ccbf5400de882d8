//! The series of an input table.

use std::ops::Range;

use crate::methods::{Error, Options, Table};
use crate::stats::farrington::calendar::{Calendar, day_number};
use crate::stats::{real, rounded};

/// One unit's rows in the table.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Unit {
    /// Its name; empty if there is no such column.
    pub(super) name: String,
    /// Its rows.
    rows: Range<usize>,
    /// Its counts.
    pub(super) cases: Vec<u64>,
    /// The text of the `t` column, or the position counted from 1.
    pub(super) times: Vec<String>,
    /// The text of the `date` column, empty without one.
    pub(super) dates: Vec<String>,
    /// Points per year.
    period: usize,
}

impl Unit {
    /// The counts as real numbers.
    pub(super) fn reals(&self) -> Vec<f64> {
        self.cases.iter().map(|count| real(*count)).collect()
    }

    /// The numbers of another column of the table for this unit.
    pub(super) fn column(&self, table: &Table, column: &str) -> Result<Vec<f64>, Error> {
        let numbers = table.all_numbers(column)?;
        Ok(numbers[self.rows.clone()].to_vec())
    }

    /// How its points lie in time.
    pub(super) fn calendar(&self) -> Calendar {
        let days: Option<Vec<i64>> = self.dates.iter().map(|date| day(date)).collect();
        let weekly = days.filter(|days| days.windows(2).all(|pair| pair[1] - pair[0] == 7));
        match weekly.as_deref() {
            Some([first_day, ..]) => Calendar::Weekly {
                first_day: *first_day,
            },
            _ => Calendar::Periodic {
                period: self.period,
            },
        }
    }
}

/// A date `YYYY-MM-DD` as a day number.
fn day(text: &str) -> Option<i64> {
    let parts: Option<Vec<i64>> = text.split('-').map(|part| part.parse().ok()).collect();
    match parts?.as_slice() {
        [year, month @ 1..=12, day @ 1..=31] => Some(day_number((*year, *month, *day))),
        _ => None,
    }
}

/// A number as a count.
fn count(number: f64) -> Option<u64> {
    let is_count = number >= 0.0 && number.fract() == 0.0 && number < 4e15;
    is_count.then(|| rounded(number))
}

/// The counts of a column.
fn counts(table: &Table, column: &str) -> Result<Vec<u64>, Error> {
    let numbers = table.all_numbers(column)?.into_iter().enumerate();
    let whole = |(row, number): (usize, f64)| {
        count(number).ok_or_else(|| Error::Cell {
            line: row + 2,
            column: column.to_owned(),
            value: number.to_string(),
            expected: "a count",
        })
    };
    numbers.map(whole).collect()
}

/// The texts of a column, or what stands for them without it.
fn texts_or(
    table: &Table,
    column: &str,
    other: impl Fn(usize) -> String,
) -> Result<Vec<String>, Error> {
    if table.has(column) {
        return Ok(table
            .texts(column)?
            .into_iter()
            .map(str::to_owned)
            .collect());
    }
    Ok((0..table.rows.len()).map(other).collect())
}

/// The series of a table, one per run of rows with the same unit.
pub(super) fn units(table: &Table) -> Result<Vec<Unit>, Error> {
    let cases = counts(table, "observed")?;
    let names = texts_or(table, "unit", |_| String::new())?;
    let dates = texts_or(table, "date", |_| String::new())?;
    let periods = texts_or(table, "freq", |_| "52".to_owned())?;
    let written = texts_or(table, "t", |_| String::new())?;
    let time = |row: usize, first: usize| match written[row].as_str() {
        "" => (row + 1 - first).to_string(),
        text => text.to_owned(),
    };
    let mut units = Vec::new();
    let mut first = 0;
    for same in names.chunk_by(|a, b| a == b) {
        let rows = first..first + same.len();
        first = rows.end;
        let period = periods[rows.start]
            .parse()
            .ok()
            .filter(|period| *period > 0);
        units.push(Unit {
            name: same[0].clone(),
            cases: cases[rows.clone()].to_vec(),
            times: rows.clone().map(|row| time(row, rows.start)).collect(),
            dates: dates[rows.clone()].to_vec(),
            period: period.ok_or_else(|| Error::Cell {
                line: rows.start + 2,
                column: "freq".to_owned(),
                value: periods[rows.start].clone(),
                expected: "a number of points per year",
            })?,
            rows,
        });
    }
    Ok(units)
}

/// The value of an option that is a share strictly between 0 and 1.
pub(super) fn share(options: &Options, name: &str) -> Result<f64, Error> {
    let value: f64 = options.number(name)?;
    if value > 0.0 && value < 1.0 {
        return Ok(value);
    }
    Err(Error::Choice {
        option: name.to_owned(),
        value: options.word(name).to_owned(),
        expected: "between 0 and 1".to_owned(),
    })
}
