//! Strict readers of what Italian platforms write: each says why it fails, none guesses.
//!
//! A reader takes the trimmed text of one field and gives the value in its smallest exact form:
//! days and microseconds since 1970, whole cents, whole minutes. What it cannot read without doubt
//! it refuses with a [`Reason`], whose code goes to the rejects in place of the value.
//!
//! ```text
//! "31/02/2025"  %d/%m/%Y   → bad_date         "1.234,50"  comma → 123450 cents
//! "1h30"                   → 90 minutes       "12.5"      comma → bad_decimal (not a group of three)
//! ```
//!
//! Labels and tags are no values to read: `label` brings them to one form, so that they can be counted.

pub(crate) mod amount;
pub(crate) mod duration;
pub(crate) mod label;
pub(crate) mod moment;

/// Why a text could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reason {
    /// Not a date of the calendar in the declared pattern.
    BadDate,
    /// Not an instant in ISO 8601 or in the declared pattern.
    BadInstant,
    /// Not a month.
    BadMonth,
    /// Not an amount with the declared decimal mark.
    BadDecimal,
    /// An amount finer than a cent.
    TooManyDecimals,
    /// A value beyond what the column holds.
    OutOfRange,
    /// Not a number with the declared decimal mark.
    BadNumber,
    /// Not a whole number.
    BadInteger,
    /// Neither yes nor no.
    BadBoolean,
    /// Not a duration.
    BadMinutes,
    /// A comune that is not in the list.
    UnknownComune,
    /// A name or abbreviation shared by several comuni.
    AmbiguousComune,
}

impl Reason {
    /// Code of the rule, as written to the rejects.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::BadDate => "bad_date",
            Self::BadInstant => "bad_instant",
            Self::BadMonth => "bad_month",
            Self::BadDecimal => "bad_decimal",
            Self::TooManyDecimals => "too_many_decimals",
            Self::OutOfRange => "out_of_range",
            Self::BadNumber => "bad_number",
            Self::BadInteger => "bad_integer",
            Self::BadBoolean => "bad_boolean",
            Self::BadMinutes => "bad_minutes",
            Self::UnknownComune => "unknown_comune",
            Self::AmbiguousComune => "ambiguous_comune",
        }
    }
}

/// Words for yes, lowercase.
const YES: [&str; 10] = ["si", "sì", "s", "1", "true", "vero", "x", "yes", "t", "v"];

/// Words for no, lowercase.
const NO: [&str; 6] = ["no", "n", "0", "false", "falso", "f"];

/// Reads yes or no, in Italian, English, `0`/`1` or a cross.
pub(crate) fn boolean(text: &str) -> Result<bool, Reason> {
    let is_word = |word: &&str| word.eq_ignore_ascii_case(text);
    if YES.iter().any(is_word) || matches!(text, "SÌ" | "si'" | "Si'" | "SI'") {
        Ok(true)
    } else if NO.iter().any(is_word) {
        Ok(false)
    } else {
        Err(Reason::BadBoolean)
    }
}

/// Reads a whole number, with an optional sign and no group separators.
pub(crate) fn integer(text: &str) -> Result<i64, Reason> {
    if let Some(number) = short_whole(text) {
        return Ok(number);
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Reason::BadInteger);
    }
    text.parse().map_err(|_| Reason::OutOfRange)
}

/// A whole number without a sign that fits whatever its digits are; `None` for any other text.
fn short_whole(text: &str) -> Option<i64> {
    if !(1..=18).contains(&text.len()) {
        return None;
    }
    let mut number = 0;
    for byte in text.bytes() {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number * 10 + i64::from(digit);
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yes_and_no_are_read_in_the_words_people_use() {
        for yes in ["si", "Sì", "SÌ", "si'", "vero", "TRUE", "1", "x", "X", "S"] {
            assert_eq!(boolean(yes), Ok(true), "{yes}");
        }
        for no in ["no", "NO", "falso", "false", "0", "N"] {
            assert_eq!(boolean(no), Ok(false), "{no}");
        }
        for neither in ["", "forse", "2", "sino"] {
            assert_eq!(boolean(neither), Err(Reason::BadBoolean), "{neither}");
        }
    }

    #[test]
    fn a_whole_number_has_digits_only() {
        assert_eq!(integer("-12"), Ok(-12));
        assert_eq!(integer("007"), Ok(7));
        assert_eq!(integer("999999999999999999"), Ok(999_999_999_999_999_999));
        assert_eq!(integer("9223372036854775807"), Ok(i64::MAX));
        for bad in ["", "-", "1.000", "12,0", "dodici", "1 2"] {
            assert_eq!(integer(bad), Err(Reason::BadInteger), "{bad}");
        }
        assert_eq!(integer("99999999999999999999"), Err(Reason::OutOfRange));
    }
}
