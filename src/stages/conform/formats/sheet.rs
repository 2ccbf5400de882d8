//! A workbook kept by hand, XLSX or ODS.
//!
//! Rows without any value are not records. A cell may hold something else than its writer meant:
//! a spreadsheet turns ids into numbers, texts into dates and dates into texts. Each such cell is
//! noted with its place, never with its value.

use bytes::Bytes;
use calamine::{Data, ExcelDateTime};

use super::coercion::{Coercions, Kinds};
use super::{Error, PageRead, RawRow, Record, Sink, Value, places};
use crate::canon::contain::contained;
use crate::canon::text::moment::{self, DAY_MICROS};
use crate::canon::workbook::header::{self, Header, HeaderPlace};
use crate::canon::workbook::{Row, Sheet, Span, Workbook};
use crate::spec::format::{Merged, SheetFormat};

/// Days from the first day of the serial calendar, 1899-12-30, to 1970-01-01.
const SERIAL_1970: i64 = 25_569;

/// The first serial that is no day of the calendar any more: 10000-01-01.
const SERIAL_END: f64 = 2_958_466.0;

/// Reads one sheet of a page that is a workbook.
pub(super) fn read(
    options: &SheetFormat,
    kinds: Kinds<'_>,
    bytes: Bytes,
    sink: &mut Sink<'_>,
) -> Result<PageRead, Error> {
    let sheet = contained(|| Workbook::open(bytes)?.sheet(&options.sheet))
        .ok_or(Error::GaveUp)?
        .map_err(|source| Error::Workbook { source })?;
    let place = HeaderPlace {
        last: options.header_row,
        n_rows: options.header_rows,
    };
    let header =
        header::find(&sheet, place, kinds.fields).map_err(|source| Error::Header { source })?;
    let (places, mut read) = places(kinds.fields, &own_names(&sheet, &header));
    let columns: Vec<Option<u32>> = places
        .iter()
        .map(|place| place.and_then(|place| u32::try_from(place).ok()))
        .collect();
    let mut blocks = Blocks::new(&sheet, options.merged);
    let mut coercions = Coercions::new(kinds);
    let rows = sheet.rows.iter().filter(|row| row.number >= header.below);
    for row in rows.filter(|row| !row.is_blank()) {
        read.n_rows += 1;
        blocks.move_to(row.number);
        let mut values = Vec::with_capacity(columns.len());
        for (field, column) in columns.iter().enumerate() {
            let cell = column.and_then(|column| blocks.cell(&sheet, row, column));
            if let (Some(cell), Some(column)) = (cell, column) {
                coercions.see(field, (row.number, *column), cell);
            }
            values.push(cell.map_or(Value::Absent, value));
        }
        sink(RawRow {
            place: u64::from(row.number) + 1,
            record: Record::Fields(&values),
        });
    }
    read.coercions = coercions.finish();
    Ok(read)
}

/// Names of a header; one that a merged cell spreads over several columns names the first of them.
fn own_names<'h>(sheet: &Sheet, header: &'h Header) -> Vec<&'h str> {
    let row = header.below.saturating_sub(1);
    let spans: Vec<&Span> = sheet
        .merged
        .iter()
        .filter(|span| span.rows.0 <= row && span.rows.1 >= row)
        .collect();
    let mut names: Vec<&str> = Vec::with_capacity(header.names.len());
    for (column, name) in (0..).zip(&header.names) {
        let is_spread = |span: &&&Span| span.columns.0 < column && span.covers(row, column);
        let first = spans.iter().find(is_spread).map(|span| span.columns.0);
        let first = first.and_then(|first| usize::try_from(first).ok());
        let is_same = first.and_then(|first| header.names.get(first)) == Some(name);
        names.push(if is_same { "" } else { name });
    }
    names
}

/// The merged blocks of a sheet, followed from row to row.
struct Blocks {
    /// Blocks that begin further down, the nearest last.
    later: Vec<Span>,
    /// Blocks that cover the current row.
    here: Vec<Span>,
}

impl Blocks {
    /// Blocks to fill, if they are to be filled.
    fn new(sheet: &Sheet, merged: Merged) -> Self {
        let mut later = match merged {
            Merged::Fill => sheet.merged.clone(),
            Merged::Blank => Vec::new(),
        };
        later.sort_by_key(|span| std::cmp::Reverse(span.rows.0));
        Self {
            later,
            here: Vec::new(),
        }
    }

    /// Goes down to a row.
    fn move_to(&mut self, row: u32) {
        while let Some(span) = self.later.pop_if(|span| span.rows.0 <= row) {
            self.here.push(span);
        }
        self.here.retain(|span| span.rows.1 >= row);
    }

    /// What a cell of the current row holds, or the block that covers it.
    fn cell<'s>(&self, sheet: &'s Sheet, row: &'s Row, column: u32) -> Option<&'s Data> {
        row.get(column).or_else(|| {
            let block = self
                .here
                .iter()
                .find(|span| span.covers(row.number, column))?;
            sheet.get(block.rows.0, block.columns.0)
        })
    }
}

/// Value of a cell.
fn value(cell: &Data) -> Value<'_> {
    match cell {
        Data::Empty => Value::Absent,
        Data::String(text) if text.trim().is_empty() => Value::Absent,
        Data::String(text) => Value::Text(text),
        Data::Int(number) => Value::Integer(*number),
        Data::Float(number) => plain_number(*number),
        Data::Bool(flag) => Value::Flag(*flag),
        Data::DateTime(serial) => date_or_time(*serial),
        Data::DateTimeIso(text) => iso(text),
        Data::DurationIso(text) => Value::Owned(duration(text)),
        Data::Error(_) => Value::Unreadable,
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
fn date_or_time(cell: ExcelDateTime) -> Value<'static> {
    if !(0.0..SERIAL_END).contains(&cell.as_f64()) {
        return Value::Unreadable;
    }
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

    #[test]
    fn a_serial_beyond_the_calendar_is_no_date() {
        let serial = |days| {
            let kind = calamine::ExcelDateTimeType::DateTime;
            date_or_time(ExcelDateTime::new(days, kind, false))
        };
        assert_eq!(serial(45_351.0), Value::Days(19_782));
        assert_eq!(serial(0.5), Value::Owned("12:00".to_owned()));
        for days in [-1.0, 2_958_466.0, f64::NAN, f64::INFINITY] {
            assert_eq!(serial(days), Value::Unreadable, "{days}");
        }
    }
}
