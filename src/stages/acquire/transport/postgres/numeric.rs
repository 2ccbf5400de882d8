//! `numeric` as it is written: every digit, and as many decimals as the column keeps.
//!
//! ```text
//! digits (u16) · weight (i16) · sign (u16) · decimals (u16) · digits to the base 10000 (u16 each)
//! 2 · 0 · 0000 · 2 · 1234 · 5000   →   1234.50
//! ```

use std::fmt::Write;

/// Sign of a number below zero.
const NEGATIVE: u16 = 0x4000;

/// The text of a value; `None` if it is not in the format.
pub(super) fn text(value: &[u8]) -> Option<String> {
    let mut words = Words(value);
    let n_digits = words.next()?;
    let weight = i16::from_be_bytes(words.next()?.to_be_bytes());
    let sign = words.next()?;
    let n_decimals = usize::from(words.next()?);
    match sign {
        0 | NEGATIVE => {}
        0xc000 => return Some("NaN".to_owned()),
        0xd000 => return Some("Infinity".to_owned()),
        0xf000 => return Some("-Infinity".to_owned()),
        _ => return None,
    }
    let digits: Vec<u16> = words.by_ref().collect();
    let is_sound = digits.iter().all(|digit| *digit < 10_000);
    if !is_sound || digits.len() != usize::from(n_digits) || !words.0.is_empty() {
        return None;
    }
    let at = |place: i32| {
        let index = usize::try_from(i32::from(weight) - place).ok();
        index
            .and_then(|index| digits.get(index))
            .copied()
            .unwrap_or(0)
    };
    let sign = if sign == NEGATIVE { "-" } else { "" };
    Some(format!("{sign}{}", written(weight, n_decimals, at)))
}

/// Writes a number without its sign, whose digit to the base 10000 at each place is known.
fn written(weight: i16, n_decimals: usize, at: impl Fn(i32) -> u16) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _written = write!(
        text,
        "{}",
        if weight < 0 { 0 } else { at(i32::from(weight)) }
    );
    for place in (0..i32::from(weight)).rev() {
        let _written = write!(text, "{:04}", at(place));
    }
    if n_decimals > 0 {
        text.push('.');
        let start = text.len();
        let mut place = -1;
        while text.len() - start < n_decimals {
            let _written = write!(text, "{:04}", at(place));
            place -= 1;
        }
        text.truncate(start + n_decimals);
    }
    text
}

/// Words of two bytes.
struct Words<'v>(&'v [u8]);

impl Iterator for Words<'_> {
    type Item = u16;

    fn next(&mut self) -> Option<u16> {
        let (word, rest) = self.0.split_first_chunk::<2>()?;
        self.0 = rest;
        Some(u16::from_be_bytes(*word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text of a number given by its words.
    fn of(words: &[u16]) -> Option<String> {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        text(&bytes)
    }

    #[test]
    fn a_number_is_written_with_all_its_digits() {
        let minus_two = u16::from_be_bytes((-2_i16).to_be_bytes());
        let minus_one = u16::from_be_bytes((-1_i16).to_be_bytes());
        for (words, expected) in [
            (&[2, 0, 0, 2, 1234, 5000][..], "1234.50"),
            (&[0, 0, 0, 0], "0"),
            (&[0, 0, 0, 2], "0.00"),
            (&[1, 1, 0x4000, 0, 12], "-120000"),
            (&[3, 1, 0, 3, 1, 2, 3450], "10002.345"),
            (&[1, minus_one, 0, 4, 42], "0.0042"),
            (&[1, minus_two, 0, 6, 1200], "0.000012"),
            (&[0, 0, 0xc000, 0], "NaN"),
            (&[0, 0, 0xf000, 0], "-Infinity"),
        ] {
            assert_eq!(of(words).as_deref(), Some(expected), "{words:?}");
        }
    }

    #[test]
    fn what_is_no_number_is_none() {
        for words in [
            &[][..],
            &[1, 0, 0, 0],
            &[1, 0, 0, 0, 10_000],
            &[0, 0, 1, 0],
            &[0, 0, 0, 0, 1],
        ] {
            assert_eq!(of(words), None, "{words:?}");
        }
        assert_eq!(text(&[0; 9]), None);
    }
}
