//! Statistical methods on plain CSV, as `antenne stats` runs them.
//!
//! A method names its options with defaults, reads one table (more through options that are paths) and
//! answers with one table. Numbers are written in the shortest form that reads back to the same value;
//! an empty cell is "not available".

use std::collections::BTreeMap;
use std::path::PathBuf;

/// What people can reach.
mod access;
/// Days of the calendar as numbers.
mod dates;
/// Farrington, EARS, CUSUM, GLR and the weekly detector.
mod farrington;
/// Adjusting many p-values.
mod fdr;
/// Funnels.
mod funnel;
/// Inequality.
mod inequality;
/// Maps.
mod map;
/// Reporting delay.
mod nowcast;
/// The monthly panel: pooled detector, clusters, novelty.
mod pooled;
/// Scan statistics.
mod scan;
/// Waiting times.
mod survival;

/// Why a method could not run, in words for the person at the terminal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The table has no such column.
    #[error("the input has no column `{column}`; its columns are {found}")]
    Column {
        /// The column wanted.
        column: String,
        /// The columns there are.
        found: String,
    },
    /// A cell is not what the column holds.
    #[error("line {line}, column `{column}`: `{value}` is not {expected}")]
    Cell {
        /// Line of the file, one-based, with the header as the first.
        line: usize,
        /// The column.
        column: String,
        /// What stands there.
        value: String,
        /// What should.
        expected: &'static str,
    },
    /// An option has a value the method does not take.
    #[error("option `{option}` cannot be `{value}`; it is {expected}")]
    Choice {
        /// The option.
        option: String,
        /// What was given.
        value: String,
        /// What may be.
        expected: String,
    },
    /// A file that an option names cannot be read.
    #[error("cannot read `{}`: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The data do not allow an answer.
    #[error("{0}")]
    Data(String),
}

/// A table of text cells with a header.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Rows, each as long as the header.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// Reads CSV with a header.
    ///
    /// # Errors
    /// [`Error::Data`] with the line at which the text is no CSV.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let broken = |error: csv::Error| Error::Data(error.to_string());
        let columns = reader.headers().map_err(broken)?;
        let columns = columns.iter().map(str::to_owned).collect();
        let mut rows = Vec::new();
        for row in reader.records() {
            rows.push(row.map_err(broken)?.iter().map(str::to_owned).collect());
        }
        Ok(Self { columns, rows })
    }

    /// The table as CSV with a header.
    ///
    /// # Errors
    /// [`Error::Data`] when a row has another length than the header.
    pub fn to_csv(&self) -> Result<String, Error> {
        let broken = |error: csv::Error| Error::Data(error.to_string());
        let mut writer = csv::Writer::from_writer(Vec::new());
        for row in std::iter::once(&self.columns).chain(&self.rows) {
            writer.write_record(row).map_err(broken)?;
        }
        let bytes = writer.into_inner();
        let bytes = bytes.map_err(|error| Error::Data(error.to_string()))?;
        String::from_utf8(bytes).map_err(|error| Error::Data(error.to_string()))
    }

    /// A table without rows.
    pub fn with_columns(columns: &[&str]) -> Self {
        Self {
            columns: columns.iter().map(|name| (*name).to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    /// Whether there is such a column.
    pub fn has(&self, column: &str) -> bool {
        self.columns.iter().any(|name| name == column)
    }

    /// The cells of a column.
    ///
    /// # Errors
    /// [`Error::Column`].
    pub fn texts(&self, column: &str) -> Result<Vec<&str>, Error> {
        let at = self.columns.iter().position(|name| name == column);
        let at = at.ok_or_else(|| Error::Column {
            column: column.to_owned(),
            found: self.columns.join(", "),
        })?;
        Ok(self.rows.iter().map(|row| row[at].as_str()).collect())
    }

    /// The numbers of a column; an empty cell, `NA` or `NaN` is none.
    ///
    /// # Errors
    /// [`Error::Column`], and [`Error::Cell`] for what is no number.
    pub fn numbers(&self, column: &str) -> Result<Vec<Option<f64>>, Error> {
        let cells = self.texts(column)?.into_iter().enumerate();
        let read = |(row, cell): (usize, &str)| match cell.trim() {
            "" | "NA" | "NaN" => Ok(None),
            cell => cell.parse().map(Some).map_err(|_not_a_number| Error::Cell {
                line: row + 2,
                column: column.to_owned(),
                value: cell.to_owned(),
                expected: "a number",
            }),
        };
        cells.map(read).collect()
    }

    /// The numbers of a column that must all be there.
    ///
    /// # Errors
    /// As [`Self::numbers`], and [`Error::Cell`] for an empty cell.
    pub fn all_numbers(&self, column: &str) -> Result<Vec<f64>, Error> {
        let numbers = self.numbers(column)?.into_iter().enumerate();
        let there = |(row, number): (usize, Option<f64>)| {
            number.ok_or_else(|| Error::Cell {
                line: row + 2,
                column: column.to_owned(),
                value: String::new(),
                expected: "a number",
            })
        };
        numbers.map(there).collect()
    }
}

/// An option of a method.
#[derive(Debug, Clone, Copy)]
pub struct Choice {
    /// Its name.
    pub name: &'static str,
    /// Its value when not given; empty for none.
    pub default: &'static str,
    /// What it decides.
    pub meaning: &'static str,
}

/// The options of one call: those given, over the defaults.
#[derive(Debug, Clone, Default)]
pub struct Options(pub BTreeMap<String, String>);

impl Options {
    /// The value of an option; empty if it has none.
    pub fn word(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// The value of an option that is a number.
    ///
    /// # Errors
    /// [`Error::Choice`].
    pub fn number<T: std::str::FromStr>(&self, name: &str) -> Result<T, Error> {
        let value = self.word(name);
        value.parse().map_err(|_not_a_number| Error::Choice {
            option: name.to_owned(),
            value: value.to_owned(),
            expected: "a number".to_owned(),
        })
    }

    /// Whether an option is `true` rather than `false`.
    ///
    /// # Errors
    /// [`Error::Choice`].
    pub fn flag(&self, name: &str) -> Result<bool, Error> {
        Ok(self.one_of(name, &["true", "false"])? == "true")
    }

    /// The value of an option that is one of a few words.
    ///
    /// # Errors
    /// [`Error::Choice`] with the words there are.
    pub fn one_of<'a>(&'a self, name: &str, words: &[&str]) -> Result<&'a str, Error> {
        let value = self.word(name);
        if words.contains(&value) {
            return Ok(value);
        }
        Err(Error::Choice {
            option: name.to_owned(),
            value: value.to_owned(),
            expected: words.join(" or "),
        })
    }

    /// The table in the file that an option names.
    ///
    /// # Errors
    /// [`Error::Choice`] when none is named, [`Error::File`] when it cannot be read.
    pub fn table(&self, name: &str) -> Result<Table, Error> {
        let path = PathBuf::from(self.word(name));
        if path.as_os_str().is_empty() {
            return Err(Error::Choice {
                option: name.to_owned(),
                value: String::new(),
                expected: "the path of a CSV".to_owned(),
            });
        }
        let text = std::fs::read_to_string(&path);
        let text = text.map_err(|error| Error::File {
            path,
            reason: error.to_string(),
        })?;
        Table::parse(&text)
    }
}

/// A method that runs on plain CSV.
#[derive(Debug, Clone, Copy)]
pub struct Method {
    /// Its name on the command line, such as `farrington`.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub summary: &'static str,
    /// The columns it reads and those it answers with.
    pub layout: &'static str,
    /// Where it comes from.
    pub source: &'static str,
    /// Its options.
    pub choices: &'static [Choice],
    /// The method.
    pub run: fn(&Table, &Options) -> Result<Table, Error>,
}

impl Method {
    /// Runs the method with the options given over its defaults.
    ///
    /// # Errors
    /// [`Error::Choice`] for an option it does not have, and what the method says.
    pub fn call(&self, input: &Table, given: &BTreeMap<String, String>) -> Result<Table, Error> {
        let names: Vec<&str> = self.choices.iter().map(|choice| choice.name).collect();
        if let Some(unknown) = given.keys().find(|name| !names.contains(&name.as_str())) {
            return Err(Error::Choice {
                option: unknown.clone(),
                value: given[unknown].clone(),
                expected: format!(
                    "not an option of `{}`, which has {}",
                    self.name,
                    names.join(", ")
                ),
            });
        }
        let defaults = self.choices.iter();
        let defaults = defaults.map(|choice| (choice.name.to_owned(), choice.default.to_owned()));
        let mut options: BTreeMap<String, String> = defaults.collect();
        options.extend(given.clone());
        (self.run)(input, &Options(options))
    }
}

/// Every method, by name.
pub fn all() -> Vec<Method> {
    let own = [
        fdr::ADJUST,
        fdr::HIERARCHY,
        nowcast::COMPLETENESS,
        nowcast::CHAIN_LADDER,
        nowcast::NOWCAST,
        nowcast::DELAYED,
        survival::CURVE,
        survival::QUANTILES,
        survival::LOG_RANK,
        survival::INCIDENCE,
        access::ACCESS,
        map::RATES,
        map::GLOBAL,
        map::LOCAL,
        funnel::FUNNEL,
        funnel::LIMITS,
        funnel::DISPERSION,
        inequality::INEQUALITY,
    ];
    let mut all = [
        &own[..],
        farrington::METHODS,
        pooled::METHODS,
        scan::METHODS,
    ]
    .concat();
    all.sort_by_key(|method| method.name);
    all
}

/// A number as a cell: the shortest text that reads back to it; nothing for what is not there.
pub fn cell(number: Option<f64>) -> String {
    number
        .filter(|number| !number.is_nan())
        .map_or_else(String::new, |number| number.to_string())
}

/// An option with its default.
const fn choice(name: &'static str, default: &'static str, meaning: &'static str) -> Choice {
    Choice {
        name,
        default,
        meaning,
    }
}

/// The value of an option that is a number in a range.
fn within<T>(options: &Options, name: &str, low: T, high: T) -> Result<T, Error>
where
    T: std::str::FromStr + PartialOrd + std::fmt::Display + Copy,
{
    let value: T = options.number(name)?;
    if low <= value && value <= high {
        return Ok(value);
    }
    Err(Error::Choice {
        option: name.to_owned(),
        value: options.word(name).to_owned(),
        expected: format!("a number from {low} to {high}"),
    })
}

/// The numbers of a column, none of them negative or infinite.
fn amounts(input: &Table, column: &str) -> Result<Vec<f64>, Error> {
    let amounts = input.all_numbers(column)?;
    let bad = amounts
        .iter()
        .enumerate()
        .find(|(_, amount)| !(**amount >= 0.0 && amount.is_finite()));
    match bad {
        Some((row, amount)) => Err(Error::Cell {
            line: row + 2,
            column: column.to_owned(),
            value: amount.to_string(),
            expected: "a number of at least 0",
        }),
        None => Ok(amounts),
    }
}

/// A table of rows of cells.
fn table(columns: &[&str], rows: Vec<Vec<String>>) -> Table {
    Table {
        rows,
        ..Table::with_columns(columns)
    }
}

/// The mark at a place, 1 for yes and 0 for no.
fn mark(marks: &[bool], at: usize) -> String {
    yes(marks.get(at).is_some_and(|is_marked| *is_marked))
}

/// A yes or no as a cell.
fn yes(is: impl Into<u8>) -> String {
    is.into().to_string()
}

/// A number that is there as a cell.
fn real_cell(number: f64) -> String {
    cell(Some(number))
}

/// The distinct texts in order of appearance, and the place of each row's among them.
fn places<'a>(texts: &[&'a str]) -> (Vec<&'a str>, Vec<usize>) {
    let mut seen = BTreeMap::new();
    let mut names = Vec::new();
    let at = texts
        .iter()
        .map(|text| {
            *seen.entry(*text).or_insert_with(|| {
                names.push(*text);
                names.len() - 1
            })
        })
        .collect();
    (names, at)
}

/// Calling a method in the tests and comparing its table with a golden file.
#[cfg(test)]
mod golden {
    use super::{Method, Table};
    use std::path::PathBuf;

    /// The path of a golden file.
    pub(super) fn path(name: &str) -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("tests/golden")
            .join(name)
    }

    /// A golden file.
    pub(super) fn read(name: &str) -> Table {
        Table::parse(&std::fs::read_to_string(path(name)).unwrap()).unwrap()
    }

    /// Calls a method with options.
    pub(super) fn call(method: &Method, input: &Table, options: &[(&str, &str)]) -> Table {
        let given = options
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        method.call(input, &given.collect()).unwrap()
    }

    /// Fails unless a column agrees with a golden column within `relative`; answers the number of points and the
    /// largest relative difference. An empty cell agrees with an empty one only.
    pub(super) fn agree(
        found: &Table,
        (column, golden, of): (&str, &Table, &str),
        relative: f64,
    ) -> (usize, f64) {
        let (found, golden) = (found.numbers(column).unwrap(), golden.numbers(of).unwrap());
        assert_eq!(found.len(), golden.len(), "{of}");
        let mut worst = 0.0_f64;
        for (row, pair) in found.iter().zip(&golden).enumerate() {
            let difference = match pair {
                (Some(found), Some(golden)) if found.to_bits() == golden.to_bits() => 0.0,
                (Some(found), Some(golden)) => (found - golden).abs() / golden.abs(),
                (None, None) => 0.0,
                _ => f64::INFINITY,
            };
            assert!(difference <= relative, "{of}, row {row}: {pair:?}");
            worst = worst.max(difference);
        }
        (golden.len(), worst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_and_option_is_named_once_and_described() {
        for (at, method) in all().iter().enumerate() {
            assert!(all()[..at].iter().all(|other| other.name != method.name));
            assert!(
                !method.summary.is_empty()
                    && !method.layout.is_empty()
                    && !method.source.is_empty()
            );
            for (at, choice) in method.choices.iter().enumerate() {
                assert!(
                    method.choices[..at]
                        .iter()
                        .all(|other| other.name != choice.name)
                );
                assert!(!choice.meaning.is_empty());
            }
        }
    }
}
