//! Reading the columns of a scan.

use std::collections::{BTreeMap, BTreeSet};

use super::POPULATION;
use crate::methods::{Error, Options, Table};
use crate::stats::rounded;

/// Counts above this are not told apart as numbers.
const MOST: f64 = 9e15;

/// The names of a column, which must differ.
pub(super) fn names(table: &Table, column: &str) -> Result<Vec<String>, Error> {
    let names = table.texts(column)?;
    let mut sorted = names.clone();
    sorted.sort_unstable();
    if let Some([twice, ..]) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(Error::Data(format!(
            "column `{column}` has `{twice}` twice"
        )));
    }
    Ok(names.into_iter().map(str::to_owned).collect())
}

/// The sum of the columns that are joined by `+`.
pub(super) fn sum(table: &Table, columns: &str) -> Result<Vec<f64>, Error> {
    let mut sums = vec![0.0; table.rows.len()];
    for column in columns.split('+') {
        for (sum, number) in sums.iter_mut().zip(table.all_numbers(column.trim())?) {
            *sum += number;
        }
    }
    Ok(sums)
}

/// The same, or nothing when no column is named or the one that is named by default is not there.
pub(super) fn optional_sum(table: &Table, columns: &str) -> Result<Option<Vec<f64>>, Error> {
    if columns.is_empty() || (columns == POPULATION.default && !table.has(columns)) {
        return Ok(None);
    }
    sum(table, columns).map(Some)
}

/// The numbers of a column as counts.
pub(super) fn whole(column: &str, numbers: &[f64]) -> Result<Vec<u64>, Error> {
    counts(numbers).map_err(|at| Error::Cell {
        line: at + 2,
        column: column.to_owned(),
        value: numbers.get(at).map_or_else(String::new, f64::to_string),
        expected: "a whole number",
    })
}

/// Numbers as counts, or the place of the first that is none.
pub(super) fn counts(numbers: &[f64]) -> Result<Vec<u64>, usize> {
    let is_count = |number: f64| number >= 0.0 && number.fract() <= 0.0 && number < MOST;
    match numbers.iter().position(|number| !is_count(*number)) {
        Some(at) => Err(at),
        None => Ok(numbers.iter().map(|number| rounded(*number)).collect()),
    }
}

/// An option that is a share above zero.
pub(super) fn share(options: &Options, name: &str) -> Result<f64, Error> {
    let share: f64 = options.number(name)?;
    if share > 0.0 && share <= 1.0 {
        return Ok(share);
    }
    Err(Error::Choice {
        option: name.to_owned(),
        value: options.word(name).to_owned(),
        expected: "above 0 and at most 1".to_owned(),
    })
}

/// An option that is a number or empty.
pub(super) fn optional_number<T: std::str::FromStr>(
    options: &Options,
    name: &str,
) -> Result<Option<T>, Error> {
    (!options.word(name).is_empty())
        .then(|| options.number(name))
        .transpose()
}

/// The first row of every value of a column.
pub(super) fn first_rows(table: &Table, column: &str) -> Result<Table, Error> {
    let mut seen = BTreeSet::new();
    let names = table.texts(column)?;
    let first = names
        .into_iter()
        .zip(&table.rows)
        .filter(|(name, _)| seen.insert(*name));
    let rows = first.map(|(_, row)| row.clone()).collect();
    Ok(Table {
        columns: table.columns.clone(),
        rows,
    })
}

/// The different texts in order: as numbers if all are numbers.
pub(super) fn ordered(mut texts: Vec<&str>) -> Vec<String> {
    texts.sort_unstable();
    texts.dedup();
    let numbers: Result<Vec<f64>, _> = texts.iter().map(|text| text.parse::<f64>()).collect();
    if let Ok(numbers) = numbers {
        let mut both: Vec<(f64, &str)> = numbers.into_iter().zip(texts.iter().copied()).collect();
        both.sort_by(|a, b| a.0.total_cmp(&b.0));
        texts = both.into_iter().map(|(_, text)| text).collect();
    }
    texts.into_iter().map(str::to_owned).collect()
}

/// For each area and time, the row that holds it.
pub(super) fn cell_order(
    input: &Table,
    (areas, times): (&[String], &[String]),
    options: &Options,
) -> Result<Vec<usize>, Error> {
    let places =
        |names: &[String]| -> BTreeMap<String, usize> { names.iter().cloned().zip(0..).collect() };
    let (area_at, time_at) = (places(areas), places(times));
    let rows = input
        .texts(options.word("area"))?
        .into_iter()
        .zip(input.texts(options.word("time"))?);
    let mut order = vec![None; areas.len() * times.len()];
    for (row, (area, time)) in rows.enumerate() {
        let unknown = || Error::Data(format!("area `{area}` is not among the places"));
        let area_place = area_at.get(area).ok_or_else(unknown)?;
        let cell = area_place * times.len() + time_at[time];
        if order[cell].replace(row).is_some() {
            return Err(Error::Data(format!(
                "area `{area}` stands twice at `{time}`"
            )));
        }
    }
    let found = |(cell, row): (usize, Option<usize>)| {
        let (area, time) = (&areas[cell / times.len()], &times[cell % times.len()]);
        row.ok_or_else(|| Error::Data(format!("area `{area}` is missing at `{time}`")))
    };
    order.into_iter().enumerate().map(found).collect()
}
