//! One raw value, as the page gives it: text mostly, typed where the format has types.

use std::fmt::Write;

use crate::canon::text::moment;

/// A raw value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value<'v> {
    /// Nothing: an empty cell, a null, a field that is not there.
    Absent,
    /// Text of the page.
    Text(&'v str),
    /// Text that had to be decoded.
    Owned(String),
    /// A whole number.
    Integer(i64),
    /// A number with decimals.
    Number(f64),
    /// Yes or no.
    Flag(bool),
    /// A date: days since 1970.
    Days(i32),
    /// An instant: microseconds since 1970, UTC.
    Micros(i64),
    /// Something that is no value: a nested object, an error of a sheet.
    Unreadable,
}

impl<'v> Value<'v> {
    /// Takes the place of a value that owns nothing, as all do that were read in place.
    ///
    /// Whether there is something to free is not asked, which would take longer than the rest.
    #[inline]
    pub(super) fn put(&mut self, value: Self) {
        std::mem::forget(std::mem::replace(self, value));
    }

    /// The value as text; typed values are written into `scratch`.
    pub(crate) fn text<'t>(&'t self, scratch: &'t mut String) -> &'t str
    where
        'v: 't,
    {
        scratch.clear();
        // Writing to a String cannot fail.
        let _written = match self {
            Self::Text(text) => return text,
            Self::Owned(text) => return text,
            Self::Absent | Self::Unreadable => return "",
            Self::Flag(true) => return "true",
            Self::Flag(false) => return "false",
            Self::Integer(number) => {
                write_whole(*number, scratch);
                Ok(())
            }
            Self::Number(number) => write!(scratch, "{number}"),
            Self::Days(days) => write!(scratch, "{}", moment::date_text(*days)),
            Self::Micros(micros) => write!(scratch, "{}", moment::instant_text(*micros)),
        };
        scratch
    }
}

/// Writes a whole number as its digits, faster than the formatter of the library does.
fn write_whole(number: i64, text: &mut String) {
    if number < 0 {
        text.push('-');
    }
    let mut digits = [0_u8; 20];
    let mut left = number.unsigned_abs();
    let mut n_digits = 0;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' | u8::try_from(left % 10).unwrap_or(0);
        left /= 10;
        n_digits += 1;
        if left == 0 {
            break;
        }
    }
    let written = digits.iter().skip(digits.len() - n_digits);
    text.extend(written.map(|digit| char::from(*digit)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_written_with_their_digits() {
        for number in [0, 7, -1, 10, 1_234_567_890, i64::MAX, i64::MIN] {
            let mut text = String::new();
            write_whole(number, &mut text);
            assert_eq!(text, number.to_string());
        }
    }
}
