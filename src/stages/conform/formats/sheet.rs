//! A workbook kept by hand, XLSX or ODS.
//!
//! A header may span several rows with merged cells: the name of a column is what stands above it,
//! from top to bottom, joined by a space. Rows without any value are not records.
//!
//! ```text
//! row 4   | Annuncio        | Persona        |        names: "Annuncio N.", "Annuncio Data",
//! row 5   | N.     | Data   | Comune | Chi   |               "Persona Comune", "Persona Chi"
//! ```

use std::io::Cursor;

use calamine::{Data, ExcelDateTime, Range, Reader, Sheets, open_workbook_auto_from_rs};

use super::{Error, PageRead, RawRow, Record, Sink, Value, places};
use crate::canon::text::moment::{self, DAY_MICROS};
use crate::spec::format::SheetFormat;

/// Days from the first day of the serial calendar, 1899-12-30, to 1970-01-01.
const SERIAL_1970: i64 = 25_569;

/// Reads one sheet of a page that is a workbook.
pub(super) fn read(
    options: &SheetFormat,
    fields: &[String],
    bytes: &[u8],
    sink: &mut Sink<'_>,
) -> Result<PageRead, Error> {
    let mut book = open_workbook_auto_from_rs(Cursor::new(bytes))
        .map_err(|source| Error::NotWorkbook { source })?;
    let cells = book
        .worksheet_range(&options.sheet)
        .map_err(|source| Error::NoSheet {
            sheet: options.sheet.clone(),
            source,
        })?;
    let spans = merged_spans(&mut book, &options.sheet);
    let columns = columns(&cells);
    let names: Vec<String> = columns
        .iter()
        .map(|column| name(options, &cells, spans.as_deref(), *column))
        .collect();
    let (places, mut read) = places(fields, &names);
    let columns: Vec<Option<u32>> = places
        .iter()
        .map(|place| place.and_then(|place| columns.get(place).copied()))
        .collect();
    let last_row = cells.end().map_or(0, |(row, _)| row);
    for row in options.header_row..=last_row {
        if is_blank(&cells, row) {
            continue;
        }
        read.n_rows += 1;
        let values: Vec<Value<'_>> = columns
            .iter()
            .map(|column| column.map_or(Value::Absent, |column| value(&cells, row, column)))
            .collect();
        sink(RawRow {
            place: u64::from(row) + 1,
            record: Record::Fields(&values),
        });
    }
    Ok(read)
}

/// A merged block of cells: first and last row, first and last column, from zero.
struct Span {
    /// Rows.
    rows: (u32, u32),
    /// Columns.
    columns: (u32, u32),
}

/// Merged blocks of a sheet; `None` where the format does not tell.
fn merged_spans(book: &mut Sheets<Cursor<&[u8]>>, sheet: &str) -> Option<Vec<Span>> {
    let Sheets::Xlsx(book) = book else {
        return None;
    };
    let blocks = book.merge_cells_by_sheet_name(sheet).ok()?;
    let span = |block: &calamine::Dimensions| Span {
        rows: (block.start.0, block.end.0),
        columns: (block.start.1, block.end.1),
    };
    Some(blocks.iter().map(span).collect())
}

/// Columns that the sheet uses, from zero.
fn columns(cells: &Range<Data>) -> Vec<u32> {
    match (cells.start(), cells.end()) {
        (Some((_, first)), Some((_, last))) => (first..=last).collect(),
        _ => Vec::new(),
    }
}

/// Name of a column: the texts above it, from top to bottom.
fn name(options: &SheetFormat, cells: &Range<Data>, spans: Option<&[Span]>, column: u32) -> String {
    let last = options.header_row.saturating_sub(1);
    let first = options.header_row.saturating_sub(options.header_rows);
    let mut parts: Vec<String> = Vec::new();
    for row in first..=last {
        let own = header_text(cells, row, column);
        let part = match spans {
            _ if !own.is_empty() => own,
            Some(spans) => merged_text(cells, spans, row, column),
            None if row < last => text_to_the_left(cells, row, column),
            None => own,
        };
        if !part.is_empty() && parts.last() != Some(&part) {
            parts.push(part);
        }
    }
    parts.join(" ")
}

/// Text of a header cell, its white space made single.
fn header_text(cells: &Range<Data>, row: u32, column: u32) -> String {
    let text = match cells.get_value((row, column)) {
        Some(Data::String(text)) => text.clone(),
        Some(Data::Float(number)) => number.to_string(),
        Some(Data::Int(number)) => number.to_string(),
        _ => String::new(),
    };
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Text of the merged block that covers a cell of the same row.
fn merged_text(cells: &Range<Data>, spans: &[Span], row: u32, column: u32) -> String {
    let covers =
        |span: &&Span| span.rows.0 == row && (span.columns.0..=span.columns.1).contains(&column);
    let span = spans.iter().find(covers);
    span.map_or_else(String::new, |span| header_text(cells, row, span.columns.0))
}

/// The nearest text to the left: in a format that does not tell its merged cells, an empty cell
/// of a group row belongs to the group before it.
fn text_to_the_left(cells: &Range<Data>, row: u32, column: u32) -> String {
    let texts = (0..column)
        .rev()
        .map(|column| header_text(cells, row, column));
    let mut texts = texts.skip_while(String::is_empty);
    texts.next().unwrap_or_default()
}

/// Whether no cell of a row has a value.
fn is_blank(cells: &Range<Data>, row: u32) -> bool {
    columns(cells)
        .into_iter()
        .all(|column| value(cells, row, column) == Value::Absent)
}

/// Value of a cell.
fn value(cells: &Range<Data>, row: u32, column: u32) -> Value<'_> {
    match cells.get_value((row, column)) {
        None | Some(Data::Empty) => Value::Absent,
        Some(Data::String(text)) if text.trim().is_empty() => Value::Absent,
        Some(Data::String(text)) => Value::Text(text),
        Some(Data::Int(number)) => Value::Integer(*number),
        Some(Data::Float(number)) => plain_number(*number),
        Some(Data::Bool(flag)) => Value::Flag(*flag),
        Some(Data::DateTime(cell)) => serial(*cell),
        Some(Data::DateTimeIso(text)) => iso(text),
        Some(Data::DurationIso(text)) => Value::Owned(duration(text)),
        Some(Data::Error(_)) => Value::Unreadable,
    }
}

/// A number, whole if it is.
fn plain_number(number: f64) -> Value<'static> {
    whole(number).map_or(Value::Number(number), Value::Integer)
}

/// A number as an integer, if it is one that a float holds exactly.
fn whole(number: f64) -> Option<i64> {
    let is_whole = number.fract().abs() < f64::EPSILON && number.abs() < 9e15;
    // A whole float below 2^53 writes itself with digits only.
    is_whole
        .then(|| format!("{number:.0}").parse().ok())
        .flatten()
}

/// A serial of days since 1899-12-30 as a date, an instant, or a time of day as text.
fn serial(cell: ExcelDateTime) -> Value<'static> {
    let (year, month, day, hour, minute, second, milli) = cell.to_ymd_hms_milli();
    if cell.is_duration() || cell.as_f64() < 1.0 {
        return Value::Owned(format!("{hour}:{minute:02}"));
    }
    let date = format!("{year:04}-{month:02}-{day:02}");
    let Ok(days) = moment::Pattern::iso_date().days(&date) else {
        return Value::Unreadable;
    };
    let in_day = ((i64::from(hour) * 60 + i64::from(minute)) * 60 + i64::from(second)) * 1_000_000
        + i64::from(milli) * 1000;
    match in_day {
        0 => Value::Days(days),
        micros => Value::Micros(i64::from(days) * DAY_MICROS + micros),
    }
}

/// A date or instant in ISO 8601.
fn iso(text: &str) -> Value<'_> {
    let date = text.strip_suffix("T00:00:00").unwrap_or(text);
    if let Ok(days) = moment::Pattern::iso_date().days(date) {
        return Value::Days(days);
    }
    moment::iso_micros(text).map_or(Value::Text(text), Value::Micros)
}

/// A duration `PT1H30M0S` as `1:30`; anything else as it is.
fn duration(text: &str) -> String {
    let inside = text
        .strip_prefix("PT")
        .and_then(|rest| rest.split_once('H'));
    let parts = inside.and_then(|(hours, rest)| {
        let (minutes, _) = rest.split_once('M').unwrap_or(("0", rest));
        let hours: u32 = hours.parse().ok()?;
        let minutes: u32 = minutes.parse().ok()?;
        Some(format!("{hours}:{minutes:02}"))
    });
    parts.unwrap_or_else(|| text.to_owned())
}

/// A bare serial number as days since 1970, if it is a day between 1927 and 2119.
pub(crate) fn serial_days(serial: i64) -> Option<i32> {
    let is_plausible = (10_000..80_000).contains(&serial);
    is_plausible
        .then(|| i32::try_from(serial - SERIAL_1970).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_serial_is_a_day() {
        assert_eq!(serial_days(25_569), Some(0));
        assert_eq!(
            serial_days(45_351).map(moment::date_text),
            Some("2024-02-29".to_owned())
        );
        assert_eq!(serial_days(7), None);
    }

    #[test]
    fn a_duration_of_a_sheet_is_a_clock() {
        assert_eq!(duration("PT1H30M0S"), "1:30");
        assert_eq!(duration("PT02H"), "2:00");
        assert_eq!(duration("boh"), "boh");
    }
}
