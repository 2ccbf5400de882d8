//! The lake as a stranger reads it: the log of a table is replayed here, its files are read with
//! nothing of `antenne`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;

use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

/// The zones, in the order of the journey.
const ZONES: [&str; 6] = [
    "acquired",
    "source",
    "conformed",
    "derived",
    "detected",
    "protected",
];

/// A table: its files by path, each with its bytes.
pub(crate) type Table = BTreeMap<String, Bytes>;

/// Every table that has a commit, as `zone.name`.
pub(crate) fn tables(lake: &Path) -> BTreeMap<String, Table> {
    let mut found = BTreeMap::new();
    for zone in ZONES {
        for entry in fs::read_dir(lake.join(zone)).into_iter().flatten() {
            let entry = entry.unwrap();
            if let Some(table) = read_table(&entry.path()) {
                found.insert(format!("{zone}.{}", entry.file_name().display()), table);
            }
        }
    }
    found
}

/// The files that a table held when its log was last cut down.
fn files_of_checkpoint(log: &Path) -> Vec<String> {
    let mut checkpoints: Vec<_> = fs::read_dir(log)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "parquet"))
        .collect();
    checkpoints.sort();
    let Some(last) = checkpoints.last() else {
        return Vec::new();
    };
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(last).unwrap()).unwrap();
    let mut files = Vec::new();
    for batch in reader.build().unwrap() {
        let batch = batch.unwrap();
        let added = batch.column_by_name("add").unwrap().as_struct();
        let paths = cast(added.column_by_name("path").unwrap(), &DataType::Utf8).unwrap();
        let paths = paths.as_string::<i32>().iter().flatten();
        let named = paths.filter(|path| !path.is_empty());
        files.extend(named.map(str::to_owned));
    }
    files
}

/// The files that the commits leave in a table; nothing before the first commit.
fn read_table(folder: &Path) -> Option<Table> {
    let mut commits: Vec<_> = fs::read_dir(folder.join("_delta_log"))
        .ok()?
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .collect();
    commits.sort();
    commits.first()?;
    let held = files_of_checkpoint(&folder.join("_delta_log"));
    let mut table: Table = held.into_iter().map(|path| (path, Bytes::new())).collect();
    for commit in commits {
        for line in fs::read_to_string(&commit).unwrap().lines() {
            let action: Value = serde_json::from_str(line).unwrap();
            if let Some(path) = action["remove"]["path"].as_str() {
                table.remove(path);
            }
            if let Some(path) = action["add"]["path"].as_str() {
                table.insert(path.to_owned(), Bytes::new());
            }
        }
    }
    for (path, bytes) in &mut table {
        *bytes = fs::read(folder.join(path)).unwrap().into();
    }
    Some(table)
}

/// The rows of a table as text, sorted.
pub(crate) fn sorted_rows(table: &Table) -> Vec<String> {
    let mut rows: Vec<String> = table
        .values()
        .flat_map(|bytes| rows_in(bytes.clone()))
        .collect();
    rows.sort();
    rows
}

/// The rows of a Parquet file on disk.
pub(crate) fn rows_of_file(path: &Path) -> Vec<String> {
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut File::open(path).unwrap(), &mut bytes).unwrap();
    rows_in(bytes.into())
}

/// The rows of a Parquet file as text, one cell beside the other.
pub(crate) fn rows_in(bytes: Bytes) -> Vec<String> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes)
        .unwrap()
        .build()
        .unwrap();
    let options = FormatOptions::new().with_null("null");
    let mut rows = Vec::new();
    for batch in reader {
        let batch = batch.unwrap();
        let schema = batch.schema();
        // A lake whose run was killed has needed one run more.
        let named = schema.fields().iter().zip(batch.columns());
        let columns: Vec<_> = named
            .filter(|(field, _)| field.name() != "run")
            .map(|(_, column)| ArrayFormatter::try_new(column.as_ref(), &options).unwrap())
            .collect();
        rows.extend((0..batch.num_rows()).map(|row| {
            let cells: Vec<String> = columns
                .iter()
                .map(|column| column.value(row).to_string())
                .collect();
            cells.join(" | ")
        }));
    }
    rows
}

/// What differs between two lakes: tables and rows, not the files they lie in.
pub(crate) fn differences(
    left: &BTreeMap<String, Table>,
    right: &BTreeMap<String, Table>,
) -> Vec<String> {
    let names: std::collections::BTreeSet<&String> = left.keys().chain(right.keys()).collect();
    names
        .into_iter()
        .filter_map(|name| match (left.get(name), right.get(name)) {
            (Some(one), Some(other)) if one == other || sorted_rows(one) == sorted_rows(other) => {
                None
            }
            (Some(_), Some(_)) => Some(format!("`{name}` has other rows")),
            (Some(_), None) | (None, _) => Some(format!("`{name}` is in only one of them")),
        })
        .collect()
}
