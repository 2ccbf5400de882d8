//! Data on standard output.

use std::io::Write;
use std::path::Path;

use super::Error;

/// How a report is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// For people.
    Text,
    /// For scripts; the schema is printed by `antenne schemas`.
    Json,
}

/// Prints text; a reader that went away is no error.
pub(super) fn print(text: &str) -> Result<(), Error> {
    write_all(text.as_bytes())
}

/// Prints bytes; a reader that went away is no error.
pub(super) fn write_all(bytes: &[u8]) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Error::Act {
            act: "write to standard output".to_owned(),
            source: error,
        }),
        _ => Ok(()),
    }
}

/// Writes bytes to a file, or prints them.
pub(super) fn write_to(path: Option<&Path>, bytes: &[u8]) -> Result<(), Error> {
    let Some(path) = path else {
        return write_all(bytes);
    };
    std::fs::write(path, bytes).map_err(|source| Error::Act {
        act: format!("write `{}`", path.display()),
        source,
    })
}

/// Prints a value as JSON.
pub(super) fn json<T: serde::Serialize>(value: &T) -> Result<(), Error> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Error::Failed(format!("cannot write JSON: {error}")))?;
    print(&format!("{text}\n"))
}

/// Columns of text, each as wide as its widest cell.
pub(super) fn aligned(rows: &[Vec<String>]) -> String {
    let n_columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or_default()
    };
    let widths: Vec<usize> = (0..n_columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| {
                let is_number = cell.parse::<f64>().is_ok();
                if is_number {
                    format!("{cell:>width$}")
                } else {
                    format!("{cell:<width$}")
                }
            })
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}
