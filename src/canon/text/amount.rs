//! Amounts and measured numbers, with the decimal mark the platform declared.
//!
//! Group separators are allowed and checked: under a decimal comma `1.234,50` is an amount and
//! `12.5` is refused, since a point there can only stand before three digits.

use super::Reason;

/// Decimal separator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// `1234.50`
    Point,
    /// `1.234,50`
    Comma,
}

impl Mark {
    /// Character before the decimals.
    fn decimal(self) -> char {
        match self {
            Self::Point => '.',
            Self::Comma => ',',
        }
    }

    /// Character between groups of three digits.
    fn group(self) -> char {
        match self {
            Self::Point => ',',
            Self::Comma => '.',
        }
    }
}

/// Largest number of cents a `Decimal128(12, 2)` holds.
const MOST_CENTS: i128 = 999_999_999_999;

/// Parts of a written number.
struct Parts<'a> {
    /// `-` was written.
    is_negative: bool,
    /// Digits before the mark, groups included.
    whole: &'a str,
    /// Digits after the mark.
    fraction: &'a str,
}

/// Splits a number at its mark and checks that every part is made of digits.
fn split(text: &str, mark: Mark) -> Option<Parts<'_>> {
    let is_negative = text.starts_with('-');
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, fraction) = match unsigned.split_once(mark.decimal()) {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (unsigned, ""),
    };
    let is_sound = is_whole(whole, mark.group()) && all_digits(fraction);
    is_sound.then_some(Parts {
        is_negative,
        whole,
        fraction,
    })
}

/// Whether a text holds nothing but digits.
fn all_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a text is digits, plain or in groups of three after the first.
fn is_whole(text: &str, group: char) -> bool {
    if !text.contains(group) {
        return !text.is_empty() && all_digits(text);
    }
    text.split(group).enumerate().all(|(place, part)| {
        let is_long_enough = match place {
            0 => (1..=3).contains(&part.len()),
            _ => part.len() == 3,
        };
        is_long_enough && all_digits(part)
    })
}

/// Text without a euro sign or word around it.
fn without_currency(text: &str) -> &str {
    let words = ["€", "EUR", "eur", "euro"];
    let start = words.iter().find_map(|word| text.strip_prefix(word));
    let end = words.iter().find_map(|word| text.strip_suffix(word));
    start.or(end).unwrap_or(text).trim()
}

/// Reads an amount of at most two decimals as whole cents.
pub(crate) fn cents(text: &str, mark: Mark) -> Result<i128, Reason> {
    if let Some(cents) = plain_cents(text, mark) {
        return Ok(i128::from(cents));
    }
    let parts = split(without_currency(text), mark).ok_or(Reason::BadDecimal)?;
    let fraction = parts.fraction.trim_end_matches('0');
    if fraction.len() > 2 {
        return Err(Reason::TooManyDecimals);
    }
    let digits = parts.whole.bytes().filter(u8::is_ascii_digit);
    let padding = std::iter::repeat(b'0');
    let decimals = fraction.bytes().chain(padding).take(2);
    let mut cents: i128 = 0;
    for digit in digits.chain(decimals) {
        cents = cents * 10 + i128::from(digit - b'0');
        if cents > MOST_CENTS {
            return Err(Reason::OutOfRange);
        }
    }
    Ok(if parts.is_negative { -cents } else { cents })
}

/// Reads an amount written as `1234`, `1234,5` or `1234,50`, without sign or groups and small
/// enough for every column; `None` for any other.
fn plain_cents(text: &str, mark: Mark) -> Option<i64> {
    let mark = match mark {
        Mark::Point => b'.',
        Mark::Comma => b',',
    };
    let bytes = text.as_bytes();
    let (whole, fraction) = match bytes {
        [whole @ .., found, tens, ones] if *found == mark => (whole, [*tens, *ones]),
        [whole @ .., found, tens] if *found == mark => (whole, [*tens, b'0']),
        _ => (bytes, [b'0'; 2]),
    };
    if !(1..=10).contains(&whole.len()) {
        return None;
    }
    let mut cents = 0;
    for digit in whole.iter().chain(&fraction) {
        let value = digit.wrapping_sub(b'0');
        if value > 9 {
            return None;
        }
        cents = cents * 10 + i64::from(value);
    }
    Some(cents)
}

/// Reads a measured number.
pub(crate) fn number(text: &str, mark: Mark) -> Result<f64, Reason> {
    let parts = split(text, mark).ok_or(Reason::BadNumber)?;
    let mut plain = String::with_capacity(text.len());
    if parts.is_negative {
        plain.push('-');
    }
    plain.extend(parts.whole.chars().filter(char::is_ascii_digit));
    if !parts.fraction.is_empty() {
        plain.push('.');
        plain.push_str(parts.fraction);
    }
    plain.parse().map_err(|_| Reason::BadNumber)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_read_in_whole_cents() {
        for (text, mark, expected) in [
            ("1.234,50", Mark::Comma, 123_450),
            ("1234,5", Mark::Comma, 123_450),
            ("1.234", Mark::Comma, 123_400),
            ("-0,05", Mark::Comma, -5),
            ("€ 12,00", Mark::Comma, 1200),
            ("12 euro", Mark::Comma, 1200),
            ("1,234.50", Mark::Point, 123_450),
            ("12.500", Mark::Point, 1250),
        ] {
            assert_eq!(cents(text, mark), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_doubtful_amount_is_refused_with_its_reason() {
        for (text, mark, reason) in [
            ("12.5", Mark::Comma, Reason::BadDecimal),
            ("1.23,50", Mark::Comma, Reason::BadDecimal),
            ("1,2,3", Mark::Comma, Reason::BadDecimal),
            ("5,", Mark::Comma, Reason::BadDecimal),
            (",5", Mark::Comma, Reason::BadDecimal),
            ("", Mark::Comma, Reason::BadDecimal),
            ("dieci", Mark::Comma, Reason::BadDecimal),
            ("1,005", Mark::Comma, Reason::TooManyDecimals),
            ("99999999999", Mark::Point, Reason::OutOfRange),
        ] {
            assert_eq!(cents(text, mark), Err(reason), "{text}");
        }
    }

    #[test]
    fn an_amount_read_at_once_is_the_one_read_part_by_part() {
        for cents in (0..3_000_000_i64).step_by(7919).chain([999_999_999_999]) {
            for (mark, sign) in [(Mark::Point, '.'), (Mark::Comma, ',')] {
                let text = format!("{}{sign}{:02}", cents / 100, cents % 100);
                assert_eq!(plain_cents(&text, mark), Some(cents), "{text}");
                assert_eq!(
                    super::cents(&format!("+{text}"), mark),
                    Ok(i128::from(cents))
                );
            }
        }
        for text in ["12,3,4", "1.23", ",5", "", "12345678901", "1,234"] {
            assert_eq!(plain_cents(text, Mark::Comma), None, "{text}");
        }
    }

    #[test]
    fn a_number_keeps_all_its_decimals() {
        let read = number("-1.234,5678", Mark::Comma).unwrap();
        assert!((read + 1234.5678).abs() < 1e-12);
        assert_eq!(number("tanti", Mark::Point), Err(Reason::BadNumber));
        assert_eq!(number("1e5", Mark::Point), Err(Reason::BadNumber));
        assert_eq!(number("NaN", Mark::Point), Err(Reason::BadNumber));
    }
}
