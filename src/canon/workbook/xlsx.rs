//! The cells of an XLSX sheet, one by one as they are written.

use std::io::Cursor;

use bytes::Bytes;
use calamine::{Data, DataRef, Dimensions, Reader, Xlsx, XlsxError};

use super::{Error, Gathered, Row, Sheet, Span, listed};

/// The last row of a sheet, from zero.
const LAST_ROW: u32 = 1_048_575;

/// The last column of a sheet, from zero.
const LAST_COLUMN: u32 = 16_383;

/// Reads one sheet.
pub(super) fn read(bytes: Bytes, name: &str) -> Result<Sheet, Error> {
    let broken = |source| Error::Xlsx {
        source: Box::new(source),
    };
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(|source| match source {
        XlsxError::Password => Error::Password,
        source => broken(source),
    })?;
    let names = book.sheet_names();
    if !names.iter().any(|known| known == name) {
        return Err(Error::NoSheet {
            sheet: name.to_owned(),
            names: listed(names.iter().map(String::as_str)),
        });
    }
    let merged = book.merge_cells_by_sheet_name(name).map_err(broken)?;
    let mut cells = Gathered::new(name);
    let mut reader = book.worksheet_cells_reader(name).map_err(broken)?;
    while let Some(cell) = reader.next_cell().map_err(broken)? {
        let (row, column) = cell.get_position();
        let value = kept(cell.get_value());
        if matches!(value, Data::Empty) || row > LAST_ROW || column > LAST_COLUMN {
            continue;
        }
        cells.count(1)?;
        put(&mut cells.rows, (row, column), value);
    }
    let mut rows = cells.rows;
    // Cells are written in order, but nothing forces a writer to.
    rows.sort_by_key(|row| row.number);
    rows.dedup_by(|later, earlier| {
        let is_same = later.number == earlier.number;
        if is_same {
            earlier.cells.append(&mut later.cells);
        }
        is_same
    });
    for row in &mut rows {
        row.cells.sort_by_key(|(column, _)| *column);
        // Of a cell that is written twice the last counts, as in a spreadsheet program.
        row.cells.reverse();
        row.cells.dedup_by_key(|(column, _)| *column);
        row.cells.reverse();
    }
    let merged = merged.iter().map(span).collect();
    Ok(Sheet { rows, merged })
}

/// Puts a cell where it belongs: mostly behind the last one.
fn put(rows: &mut Vec<Row>, (number, column): (u32, u32), value: Data) {
    match rows.last_mut() {
        Some(row) if row.number == number => row.cells.push((column, value)),
        _ => rows.push(Row {
            number,
            cells: vec![(column, value)],
        }),
    }
}

/// A value that outlives its workbook.
fn kept(value: &DataRef<'_>) -> Data {
    match value {
        DataRef::Empty => Data::Empty,
        DataRef::Int(number) => Data::Int(*number),
        DataRef::Float(number) => Data::Float(*number),
        DataRef::String(text) => Data::String(text.clone()),
        DataRef::SharedString(text) => Data::String((*text).to_owned()),
        DataRef::Bool(flag) => Data::Bool(*flag),
        DataRef::DateTime(serial) => Data::DateTime(*serial),
        DataRef::DateTimeIso(text) => Data::DateTimeIso(text.clone()),
        DataRef::DurationIso(text) => Data::DurationIso(text.clone()),
        DataRef::Error(error) => Data::Error(error.clone()),
    }
}

/// A merged block.
fn span(block: &Dimensions) -> Span {
    Span {
        rows: (block.start.0, block.end.0),
        columns: (block.start.1, block.end.1),
    }
}
