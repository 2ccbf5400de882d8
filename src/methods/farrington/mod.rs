//! Detectors of weekly and monthly series on plain CSV: Farrington flexible, EARS, CUSUM, GLR and the weekly detector.
//!
//! The input has one row per unit and point, in order of time: `unit,t,date,freq,observed,population`. Only
//! `observed` is needed; without `unit` there is one series. Where every row of a unit has a date a week after the
//! one before, past years are found by date, else by `freq` points per year.

/// EARS, CUSUM and the likelihood-ratio chart.
mod charts;
/// Farrington flexible.
mod flexible;
/// Units, dates and counts of the input.
mod input;
/// The weekly detector.
mod weekly;

use super::Method;

/// The methods of this group.
pub(crate) const METHODS: &[Method] = &[
    flexible::FARRINGTON,
    flexible::BASELINE,
    charts::EARS,
    charts::CUSUM,
    charts::GLR,
    weekly::WEEKLY,
];

/// Golden files and their comparison.
#[cfg(test)]
mod golden {
    use std::collections::BTreeMap;

    use crate::methods::Table;
    use crate::methods::golden::path;
    pub(super) use crate::methods::golden::read as table;

    /// The names of the files in a folder, sorted.
    pub(super) fn folder(name: &str) -> Vec<String> {
        let files = std::fs::read_dir(path(name)).unwrap();
        let mut names: Vec<String> = files
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// Options written `name=value`, the last of a name counting.
    pub(super) fn options(given: &str) -> BTreeMap<String, String> {
        let pair = |word: &str| {
            let (name, value) = word.split_once('=').unwrap();
            (name.to_owned(), value.to_owned())
        };
        given.split_whitespace().map(pair).collect()
    }

    /// The part by which a cell differs from the golden one; 0 if both are empty or both infinite.
    pub(super) fn difference(found: &str, golden: &str) -> f64 {
        let read = |text: &str| {
            if text.is_empty() {
                None
            } else {
                Some(text.parse::<f64>().unwrap())
            }
        };
        match (read(found), read(golden)) {
            (Some(found), Some(golden)) if found.is_infinite() && golden.is_infinite() => 0.0,
            (Some(found), Some(golden)) => (found - golden).abs() / golden.abs().max(1e-8),
            (None, None) => 0.0,
            _ => f64::INFINITY,
        }
    }

    /// Compares a run with a golden file row by row; gives points and the largest difference of the columns.
    pub(super) fn compare(run: &Table, golden: &Table, pairs: &[(&str, &str)]) -> (usize, f64) {
        let key = |table: &Table| -> Vec<(String, String)> {
            let times = table.texts("t").unwrap();
            let units = table
                .texts("unit")
                .unwrap_or_else(|_| vec!["observed1"; times.len()]);
            units
                .iter()
                .zip(times)
                .map(|(unit, t)| ((*unit).to_owned(), t.to_owned()))
                .collect()
        };
        let found: BTreeMap<_, usize> = key(run)
            .into_iter()
            .enumerate()
            .map(|(row, key)| (key, row))
            .collect();
        let rows: Vec<usize> = key(golden).iter().map(|key| found[key]).collect();
        let mut worst = 0.0_f64;
        for (ours, theirs) in pairs {
            let (run_cells, wanted) = (run.texts(ours).unwrap(), golden.texts(theirs).unwrap());
            // The package shows no expectation and no bound where the last points hold too few cases.
            let can_hide = ["expected", "upperbound"].contains(theirs) && run.has("enough_cases");
            for (row, wanted) in rows.iter().zip(wanted) {
                let ours = run_cells[*row];
                let is_hidden = can_hide && wanted.is_empty();
                assert!(!is_hidden || run.texts("enough_cases").unwrap()[*row] == "0");
                let shown = Some(ours).filter(|_| !is_hidden);
                let difference = difference(shown.unwrap_or(""), wanted);
                assert!(
                    difference <= 1e-8,
                    "row {row} {theirs}: found {ours}, golden {wanted}"
                );
                worst = worst.max(difference);
            }
        }
        (golden.rows.len(), worst)
    }
}
