//! One raw value to one typed cell, by the contract of its column.

use crate::canon::identifiers;
use crate::canon::text::amount::{self, Mark};
use crate::canon::text::moment::{self, DAY_MICROS};
use crate::canon::text::{Reason, boolean, duration, integer};
use crate::spec::source::{ColumnKind, IdentifierPolicy, Keeping};
use crate::stages::conform::formats::sheet::serial_days;
use crate::stages::conform::formats::{LIST_SEPARATOR, Value};

use super::cells::{Cell, Staging};
use super::plan::{ColumnPlan, Making, Plan, Serials};

/// Most comuni remembered: beyond, each is looked up again.
const MOST_COMUNI: usize = 100_000;

/// A cell, or the code of the rule the value breaks.
type Outcome = Result<Cell, &'static str>;

impl Plan<'_> {
    /// Reads a text of the page by the contract of its column and adds its cell to the row.
    pub(super) fn put_page_text(
        &self,
        column: &ColumnPlan<'_>,
        text: &str,
        staging: &mut Staging,
    ) -> Result<(), &'static str> {
        let nulls = &column.spec.null;
        let plain = trimmed(text);
        if plain.is_empty() || nulls.iter().any(|null| null == text || null == plain) {
            staging.cells.push(Cell::Null);
            return Ok(());
        }
        match column.spec.kind {
            ColumnKind::Person | ColumnKind::Record => {
                let cell = pseudonym(column, plain, staging);
                staging.cells.push(cell);
            }
            ColumnKind::Code => {
                let code = column.codes.find(plain).ok_or("unknown_code")?;
                staging.cells.push(Cell::Code(code));
            }
            ColumnKind::Comune => {
                let place = self.comune(plain, staging)?;
                staging.cells.push(Cell::Comune(place));
            }
            ColumnKind::Date => {
                let days = date(column, plain).map_err(Reason::code)?;
                staging.cells.push(Cell::Integer(i64::from(days)));
            }
            ColumnKind::Integer => {
                let number = integer(plain).map_err(Reason::code)?;
                staging.cells.push(Cell::Integer(number));
            }
            ColumnKind::Decimal => {
                let cents = cents(plain, column.mark).map_err(Reason::code)?;
                staging.cells.push(Cell::Cents(cents));
            }
            ColumnKind::Text
            | ColumnKind::Tags
            | ColumnKind::Instant
            | ColumnKind::Month
            | ColumnKind::Number
            | ColumnKind::Boolean
            | ColumnKind::Minutes => {
                let cell = self.read_trimmed(column, (plain, column.mark), staging)?;
                staging.cells.push(cell);
            }
        }
        is_inside(column, staging.cells.last())
    }

    /// Reads a value by the contract of its column and adds its cell to the row.
    pub(super) fn put_value(
        &self,
        column: &ColumnPlan<'_>,
        value: &Value<'_>,
        staging: &mut Staging,
    ) -> Result<(), &'static str> {
        let is_number = matches!(column.spec.kind, ColumnKind::Integer | ColumnKind::Minutes);
        match value {
            Value::Integer(number) if is_number && column.spec.null.is_empty() => {
                staging.cells.push(Cell::Integer(*number));
            }
            _ => {
                let cell = self.read_value(column, value, staging)?;
                staging.cells.push(cell);
            }
        }
        is_inside(column, staging.cells.last())
    }

    /// Reads a value by the contract of its column.
    fn read_value(
        &self,
        column: &ColumnPlan<'_>,
        value: &Value<'_>,
        staging: &mut Staging,
    ) -> Outcome {
        if matches!(value, Value::Absent) {
            return Ok(Cell::Null);
        }
        if matches!(value, Value::Unreadable) {
            return Err("unreadable_value");
        }
        if let Some(outcome) = typed(column, value) {
            return outcome;
        }
        let mut scratch = std::mem::take(&mut staging.scratch);
        let outcome = self.read_text(column, value, &mut scratch, staging);
        staging.scratch = scratch;
        outcome
    }

    /// Reads the text of a value.
    fn read_text(
        &self,
        column: &ColumnPlan<'_>,
        value: &Value<'_>,
        scratch: &mut String,
        staging: &mut Staging,
    ) -> Outcome {
        // A typed number is written with a point, whatever mark the page's texts have.
        let is_typed = matches!(value, Value::Integer(_) | Value::Number(_));
        let mark = if is_typed { Mark::Point } else { column.mark };
        self.read_trimmed(column, (trimmed(value.text(scratch)), mark), staging)
    }

    /// Reads a text without white space around it, its decimals behind this mark.
    fn read_trimmed(
        &self,
        column: &ColumnPlan<'_>,
        (text, mark): (&str, Mark),
        staging: &mut Staging,
    ) -> Outcome {
        if text.is_empty() || column.spec.null.iter().any(|null| null == text) {
            return Ok(Cell::Null);
        }
        let read = match column.spec.kind {
            ColumnKind::Text => return free_text(column, text, staging),
            ColumnKind::Tags => return tags(column, text, staging),
            ColumnKind::Code => {
                return column
                    .codes
                    .find(text)
                    .map(Cell::Code)
                    .ok_or("unknown_code");
            }
            ColumnKind::Comune => return self.comune(text, staging).map(Cell::Comune),
            ColumnKind::Person | ColumnKind::Record => {
                return Ok(pseudonym(column, text, staging));
            }
            ColumnKind::Date => date(column, text).map(|days| Cell::Integer(i64::from(days))),
            ColumnKind::Month => month(column, text),
            ColumnKind::Instant => instant(column, text),
            ColumnKind::Integer => integer(text).map(Cell::Integer),
            ColumnKind::Minutes => duration::minutes(text).map(Cell::Integer),
            ColumnKind::Decimal => cents(text, mark).map(Cell::Cents),
            ColumnKind::Number => amount::number(text, mark).map(Cell::Number),
            ColumnKind::Boolean => boolean(text).map(Cell::Flag),
        };
        read.map_err(Reason::code)
    }

    /// The place of a comune in the list, remembered for the next row.
    fn comune(&self, text: &str, staging: &mut Staging) -> Result<u16, &'static str> {
        // A list of more comuni than fit is refused before the first page.
        let fitting = |place| u16::try_from(place).map_err(|_| Reason::UnknownComune);
        if text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit()) {
            let place = self.comuni.place(text).and_then(fitting);
            return place.map_err(Reason::code);
        }
        if let Some(found) = staging.comuni.get(text) {
            return found.map_err(Reason::code);
        }
        if staging.comuni.len() >= MOST_COMUNI {
            staging.comuni.clear();
        }
        let found = self.comuni.place(text).and_then(fitting);
        staging.comuni.insert(text.to_owned(), found);
        found.map_err(Reason::code)
    }
}

/// The pseudonym of an id, or its place among those that are made together.
fn pseudonym(column: &ColumnPlan<'_>, id: &str, staging: &mut Staging) -> Cell {
    match (column.making, staging.ids.get_mut(column.place)) {
        (Making::Together, Some(ids)) => Cell::Id(ids.push(&column.ids, id)),
        (Making::Together | Making::Alone, _) => Cell::Key(column.ids.number(id)),
    }
}

/// A text without white space around it; most texts have none, and ASCII ends say so at once.
fn trimmed(text: &str) -> &str {
    match text.as_bytes() {
        [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic() => text,
        _ => text.trim(),
    }
}

/// Reads a value that has the column's type already; `None` if its text must be read.
fn typed(column: &ColumnPlan<'_>, value: &Value<'_>) -> Option<Outcome> {
    if is_declared_null(column, value) {
        return Some(Ok(Cell::Null));
    }
    if let Value::Number(number) = value {
        // Writers of tables say so where there is nothing.
        if number.is_nan() {
            return Some(Ok(Cell::Null));
        }
        if number.is_infinite() || is_inexact(column.spec.kind, *number) {
            return Some(Err("inexact_number"));
        }
    }
    let cell = match (column.spec.kind, value) {
        (ColumnKind::Date, Value::Days(days)) => Cell::Integer(i64::from(*days)),
        (ColumnKind::Date, Value::Micros(micros)) => Cell::Integer(micros.div_euclid(DAY_MICROS)),
        (ColumnKind::Month, Value::Days(days)) => first_of_month(*days),
        (ColumnKind::Month, Value::Micros(micros)) => {
            first_of_month(i32::try_from(micros.div_euclid(DAY_MICROS)).ok()?)
        }
        (ColumnKind::Instant, Value::Micros(micros)) => Cell::Integer(*micros),
        (ColumnKind::Instant, Value::Days(days)) => Cell::Integer(i64::from(*days) * DAY_MICROS),
        (ColumnKind::Date | ColumnKind::Month | ColumnKind::Instant, Value::Integer(serial)) => {
            return bare_serial(column, *serial);
        }
        (ColumnKind::Integer | ColumnKind::Minutes, Value::Integer(number)) => {
            Cell::Integer(*number)
        }
        (ColumnKind::Number, Value::Number(number)) => Cell::Number(*number),
        (ColumnKind::Boolean, Value::Flag(flag)) => Cell::Flag(*flag),
        _ => return None,
    };
    Some(Ok(cell))
}

/// Whether a number with a point of its own cannot stand for a name: from 2⁵³ on neighbors share a
/// number, and two ids would become one. An id has no fraction either.
fn is_inexact(kind: ColumnKind, number: f64) -> bool {
    const FIRST_SHARED: f64 = 9_007_199_254_740_992.0;
    let is_beyond = number.abs() >= FIRST_SHARED;
    match kind {
        ColumnKind::Person | ColumnKind::Record => is_beyond || number.fract() != 0.0,
        ColumnKind::Text | ColumnKind::Tags | ColumnKind::Code => is_beyond,
        _ => false,
    }
}

/// Whether the contract takes a value, written as text, for none.
fn is_declared_null(column: &ColumnPlan<'_>, value: &Value<'_>) -> bool {
    let nulls = &column.spec.null;
    !nulls.is_empty()
        && nulls
            .iter()
            .any(|null| null == value.text(&mut String::new()))
}

/// The first day of the month that holds a day.
fn first_of_month(days: i32) -> Cell {
    Cell::Integer(i64::from(moment::month_of(days)))
}

/// A number in a column of dates: in a sheet, days since the start of its calendar.
fn bare_serial(column: &ColumnPlan<'_>, serial: i64) -> Option<Outcome> {
    let days = match column.serials {
        Serials::Days => serial_days(serial)?,
        Serials::Refused => return None,
    };
    typed(column, &Value::Days(days))
}

/// A date by the column's pattern.
fn date(column: &ColumnPlan<'_>, text: &str) -> Result<i32, Reason> {
    let pattern = column.pattern.as_ref().ok_or(Reason::BadDate)?;
    pattern.days(text)
}

/// A month by the column's pattern, or in ISO 8601.
fn month(column: &ColumnPlan<'_>, text: &str) -> Result<Cell, Reason> {
    let first = match &column.pattern {
        Some(pattern) => pattern.month(text),
        None => moment::iso_month(text),
    };
    first.map(|days| Cell::Integer(i64::from(days)))
}

/// An instant by the column's pattern, or in ISO 8601.
fn instant(column: &ColumnPlan<'_>, text: &str) -> Result<Cell, Reason> {
    let micros = match &column.pattern {
        Some(pattern) => pattern.micros(text),
        None => moment::iso_micros(text),
    };
    micros.map(Cell::Integer)
}

/// An amount in cents.
fn cents(text: &str, mark: Mark) -> Result<i64, Reason> {
    let cents = amount::cents(text, mark)?;
    i64::try_from(cents).map_err(|_| Reason::OutOfRange)
}

/// A free text, if it names nobody; white space and control characters are made single spaces.
fn free_text(column: &ColumnPlan<'_>, text: &str, staging: &mut Staging) -> Outcome {
    gate(column, text)?;
    if column.spec.keep == Keeping::Judged {
        return Ok(Cell::Text(0, 0));
    }
    if may_have_controls(text) && text.contains(char::is_control) {
        let plain = text.replace(char::is_control, " ");
        return Ok(staging.keep(&plain));
    }
    Ok(staging.keep(text))
}

/// Whether a text may hold a control character: it has a byte of one, or the first byte of one.
fn may_have_controls(text: &str) -> bool {
    // Counting without branches lets the processor look at many bytes at once.
    let is_one = |byte: u8| u8::from(byte < b' ') | u8::from(byte == 0x7f) | u8::from(byte == 0xc2);
    text.bytes().fold(0, |found, byte| found | is_one(byte)) != 0
}

/// Refuses a text that holds a direct identifier, unless the column is about bodies.
fn gate(column: &ColumnPlan<'_>, text: &str) -> Result<(), &'static str> {
    match column.spec.identifiers {
        IdentifierPolicy::Bodies => Ok(()),
        IdentifierPolicy::Reject | IdentifierPolicy::Withhold => match identifiers::find(text) {
            Some(kind) => Err(kind.code()),
            None => Ok(()),
        },
    }
}

/// Tags in lowercase, sorted, once each, joined by `|`.
fn tags(column: &ColumnPlan<'_>, text: &str, staging: &mut Staging) -> Outcome {
    gate(column, text)?;
    let separator = column.spec.separator.unwrap_or(',');
    let parts = text.split([separator, LIST_SEPARATOR]);
    let mut tags: Vec<String> = parts
        .map(|tag| tag.trim().to_lowercase().replace('|', " "))
        .filter(|tag| !tag.is_empty())
        .collect();
    tags.sort_unstable();
    tags.dedup();
    match tags.as_slice() {
        [] => Ok(Cell::Null),
        tags => Ok(staging.keep(&tags.join("|"))),
    }
}

/// Checks that a number is inside the bounds of its column.
fn is_inside(column: &ColumnPlan<'_>, cell: Option<&Cell>) -> Result<(), &'static str> {
    if column.has_bounds && cell.is_some_and(|cell| is_outside(column, cell)) {
        return Err(Reason::OutOfRange.code());
    }
    Ok(())
}

/// Whether a number is outside the bounds of its column.
fn is_outside(column: &ColumnPlan<'_>, cell: &Cell) -> bool {
    let (least, most) = (column.spec.min, column.spec.max);
    if least.is_none() && most.is_none() {
        return false;
    }
    let number = match cell {
        Cell::Integer(number) => approximate(i128::from(*number)),
        Cell::Cents(cents) => approximate(i128::from(*cents)) / 100.0,
        Cell::Number(number) => *number,
        Cell::Null
        | Cell::Text(..)
        | Cell::Code(_)
        | Cell::Comune(_)
        | Cell::Flag(_)
        | Cell::Key(_)
        | Cell::Id(_) => return false,
    };
    least.is_some_and(|least| number < least) || most.is_some_and(|most| number > most)
}

/// A whole number as a float, for a comparison with declared bounds.
#[expect(
    clippy::cast_precision_loss,
    reason = "bounds are small numbers; beyond 2^53 a rounded value is on the same side of them"
)]
fn approximate(number: i128) -> f64 {
    number as f64
}
