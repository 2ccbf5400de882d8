//! Days of the calendar as numbers.

use super::{Error, Table};

/// The days from 1 March of year 0 to 1 January 1970.
const EPOCH: i64 = 719_468;

/// The number of a day `YYYY-MM-DD` in the Gregorian calendar, 0 being 1 January 1970.
pub(super) fn day_number(text: &str) -> Option<i64> {
    let mut parts = text.trim().splitn(3, '-').map(str::parse::<i64>);
    let (Some(Ok(year)), Some(Ok(month)), Some(Ok(day))) =
        (parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let number = number(year, month, day);
    let is_date = (1..=12).contains(&month) && (0..=9999).contains(&year);
    (is_date && day_text(number) == text.trim()).then_some(number)
}

/// The number of a day. Years begin in March, so that a leap day is the last of its year.
fn number(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    365 * year + leap_days + (153 * month + 2) / 5 + day - 1 - EPOCH
}

/// A day as text.
pub(super) fn day_text(number: i64) -> String {
    let mut year = 1970 + number.div_euclid(366);
    while self::number(year + 1, 1, 1) <= number {
        year += 1;
    }
    let mut month = 1;
    while month < 12 && self::number(year, month + 1, 1) <= number {
        month += 1;
    }
    let day = number - self::number(year, month, 1) + 1;
    format!("{year:04}-{month:02}-{day:02}")
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
