//! The header of a sheet: where it stands, and the name of every column.
//!
//! A header may span several rows with merged cells: the name of a column is what stands above it,
//! from top to bottom, joined by a space. Where its row is not declared, it is the one row in
//! which the most fields of the contract stand, and at least half of them.
//!
//! ```text
//! row 4   | Annuncio        | Persona        |        names: "Annuncio N.", "Annuncio Data",
//! row 5   | N.     | Data   | Comune | Chi   |               "Persona Comune", "Persona Chi"
//! ```

use calamine::Data;
use thiserror::Error;

use super::{Sheet, Span};

/// Rows in which a header is looked for.
const MAX_ROWS: usize = 500;

/// Where the header of a sheet is, as declared.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HeaderPlace {
    /// One-based last row of the header; looked for when absent.
    pub(crate) last: Option<u32>,
    /// Rows it spans.
    pub(crate) n_rows: u32,
}

/// A header that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    /// First row below it, from zero.
    pub(crate) below: u32,
    /// Names of the columns from the first.
    pub(crate) names: Vec<String>,
}

/// Why no header was found.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum HeaderError {
    /// No row is one.
    #[error(
        "no row of the sheet holds half of the {n_fields} declared columns; declare `header_row`, or correct `from`"
    )]
    Nowhere {
        /// Fields of the contract.
        n_fields: usize,
    },
    /// Several rows are as good.
    #[error("rows {rows} of the sheet could each be the header; declare `header_row`")]
    Ambiguous {
        /// One-based numbers of the rows.
        rows: String,
    },
}

/// Finds the header.
pub(crate) fn find(
    sheet: &Sheet,
    place: HeaderPlace,
    fields: &[String],
) -> Result<Header, HeaderError> {
    let n_rows = place.n_rows.max(1);
    let header = |last: u32| Header {
        below: last + 1,
        names: names(sheet, (last.saturating_sub(n_rows - 1), last)),
    };
    if let Some(last) = place.last {
        return Ok(header(last.saturating_sub(1)));
    }
    let rows = sheet.rows.iter().take(MAX_ROWS);
    let candidates = rows.map(|row| row.number).filter(|row| row + 1 >= n_rows);
    let mut best: (usize, Vec<Header>) = (0, Vec::new());
    for header in candidates.map(header) {
        let is_there = |field: &&String| header.names.contains(field);
        let n_found = fields.iter().filter(is_there).count();
        if n_found > best.0 {
            best = (n_found, vec![header]);
        } else if n_found == best.0 {
            best.1.push(header);
        }
    }
    let (n_found, mut headers) = best;
    if n_found == 0 || n_found * 2 < fields.len() {
        let n_fields = fields.len();
        return Err(HeaderError::Nowhere { n_fields });
    }
    match (headers.pop(), headers.is_empty()) {
        (Some(header), true) => Ok(header),
        (last, _) => {
            let rows = headers.iter().chain(last.iter());
            let rows: Vec<String> = rows.map(|header| header.below.to_string()).collect();
            let rows = rows.join(", ");
            Err(HeaderError::Ambiguous { rows })
        }
    }
}

/// Names of all columns by the rows of the header, first and last.
fn names(sheet: &Sheet, rows: (u32, u32)) -> Vec<String> {
    let last = sheet.last_column().map_or(0, |column| column + 1);
    let in_header = |span: &&Span| span.rows.0 <= rows.1 && span.rows.1 >= rows.0;
    let merged: Vec<&Span> = sheet.merged.iter().filter(in_header).collect();
    (0..last)
        .map(|column| name(sheet, &merged, rows, column))
        .collect()
}

/// Name of a column: the texts above it, from top to bottom.
fn name(sheet: &Sheet, merged: &[&Span], (first, last): (u32, u32), column: u32) -> String {
    let mut parts: Vec<String> = Vec::new();
    for row in first..=last {
        let mut part = text(sheet, row, column);
        if part.is_empty() {
            let span = merged.iter().find(|span| span.covers(row, column));
            part = span.map_or(part, |span| text(sheet, span.rows.0, span.columns.0));
        }
        if !part.is_empty() && parts.last() != Some(&part) {
            parts.push(part);
        }
    }
    parts.join(" ")
}

/// Text of a header cell, its white space made single.
fn text(sheet: &Sheet, row: u32, column: u32) -> String {
    let text = match sheet.get(row, column) {
        Some(Data::String(text)) => text.clone(),
        Some(Data::Float(number)) => number.to_string(),
        Some(Data::Int(number)) => number.to_string(),
        _ => String::new(),
    };
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
