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
        in_order(&written[rows.clone()], &dates[rows.clone()], rows.start)?;
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

/// Whether the points of a unit follow one another: the methods look back by rows, so a point that is missing or out of
/// place would be compared with others than it seems.
fn in_order(times: &[String], dates: &[String], first: usize) -> Result<(), Error> {
    let wrong = |row: usize, column: &str, value: &str, expected| Error::Cell {
        line: first + row + 2,
        column: column.to_owned(),
        value: value.to_owned(),
        expected,
    };
    for (row, pair) in times.windows(2).enumerate() {
        let numbers = (pair[0].parse::<i64>(), pair[1].parse::<i64>());
        if let (Ok(before), Ok(after)) = numbers
            && before.checked_add(1) != Some(after)
        {
            let expected =
                "one more than the row before; give a point without cases a row of its own";
            return Err(wrong(row + 1, "t", &pair[1], expected));
        }
    }
    let days: Vec<Option<i64>> = dates.iter().map(|date| day(date)).collect();
    let steps = days.windows(2).map(|pair| Some(pair[1]? - pair[0]?));
    let is_weekly = matches!(days.as_slice(), [Some(one), Some(two), ..] if two - one == 7);
    for (row, step) in steps.enumerate() {
        let expected = match step {
            Some(step) if step <= 0 => "after the date of the row before",
            Some(step) if is_weekly && step != 7 => {
                "a week after the row before; give a week without cases a row of its own"
            }
            _ => continue,
        };
        return Err(wrong(row + 1, "date", &dates[row + 1], expected));
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The error of a table that must have one.
    fn error(text: &str) -> String {
        units(&Table::parse(text).unwrap()).unwrap_err().to_string()
    }

    #[test]
    fn points_that_are_missing_twice_or_out_of_order_are_refused_by_line() {
        let found = error("unit,t,observed\na,1,0\na,2,0\na,4,1\n");
        assert!(
            found.starts_with("line 4, column `t`: `4` is not one more"),
            "{found}"
        );
        let found = error("unit,t,observed\na,1,0\nb,7,0\nb,7,1\n");
        assert!(found.starts_with("line 4, column `t`: `7`"), "{found}");
        let found = error("date,observed\n2026-01-05,0\n2026-01-12,0\n2026-01-26,1\n");
        assert!(
            found.starts_with("line 4, column `date`: `2026-01-26` is not a week"),
            "{found}"
        );
        let found = error("date,observed\n2026-03-01,0\n2026-02-01,0\n");
        assert!(
            found.starts_with("line 3, column `date`: `2026-02-01` is not after"),
            "{found}"
        );
    }

    #[test]
    fn months_years_and_units_of_their_own_are_taken() {
        let text = "unit,t,date,freq,observed\na,5,2026-01-01,12,0\na,6,2026-02-01,12,1\na,7,2026-03-01,12,1\nb,1,2026-01-01,12,4\n";
        assert_eq!(units(&Table::parse(text).unwrap()).unwrap().len(), 2);
    }
}
