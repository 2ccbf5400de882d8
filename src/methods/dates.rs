//! Days of the calendar as numbers.

use chrono::{Datelike, NaiveDate, TimeDelta};

use super::{Error, Table};

/// The number of a day `YYYY-MM-DD` in the Gregorian calendar, 0 being 1 January 1970.
pub(super) fn day_number(text: &str) -> Option<i64> {
    let date = NaiveDate::parse_from_str(text.trim(), FORMAT).ok()?;
    let is_plain = (0..=9999).contains(&date.year()) && written(date) == text.trim();
    is_plain.then(|| (date - NaiveDate::default()).num_days())
}

/// A day as text.
pub(super) fn day_text(number: i64) -> String {
    let delta = TimeDelta::try_days(number);
    let date = delta.and_then(|delta| NaiveDate::default().checked_add_signed(delta));
    date.map_or_else(String::new, written)
}

/// How a day is written.
const FORMAT: &str = "%Y-%m-%d";

/// A day as it is written.
fn written(date: NaiveDate) -> String {
    date.format(FORMAT).to_string()
}

/// A column of days; an empty cell is none.
pub(super) fn days(input: &Table, column: &str) -> Result<Vec<Option<i64>>, Error> {
    let read = |(row, text): (usize, &str)| match text.trim() {
        "" | "NA" => Ok(None),
        text => day_number(text).map(Some).ok_or_else(|| Error::Cell {
            line: row + 2,
            column: column.to_owned(),
            value: text.to_owned(),
            expected: "a date YYYY-MM-DD",
        }),
    };
    input
        .texts(column)?
        .into_iter()
        .enumerate()
        .map(read)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_numbered_through_leap_years_and_back() {
        assert_eq!(day_number("1970-01-01"), Some(0));
        assert_eq!(day_number("2000-03-01"), Some(11_017));
        assert_eq!(day_number("2024-02-29"), Some(19_782));
        for number in -1000..40_000 {
            assert_eq!(day_number(&day_text(number)), Some(number));
        }
    }

    #[test]
    fn what_is_no_date_has_no_number() {
        for text in [
            "2023-02-29",
            "2024-13-01",
            "2024-00-10",
            "yesterday",
            "2024-1-1",
            "2024-01",
        ] {
            assert_eq!(day_number(text), None, "{text}");
        }
    }
}
