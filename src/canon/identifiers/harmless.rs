//! One pass over a text that proves, for most texts, that no detector can find anything in it.
//!
//! Every detector asks for something that everyday texts lack, so the lack of all of it is a proof:
//!
//! | detector | what it cannot do without |
//! |---|---|
//! | e-mail | an `@` or an opening bracket |
//! | phones, partita IVA, documents, coordinates | five digits in all |
//! | date of birth | two runs of digits |
//! | IBAN | two digits right behind a word of two letters |
//! | address | the beginning of a street word, and a digit behind it |
//! | codice fiscale | sixteen letters in a row, or a run of at most three digits in a stretch of sixteen letters and digits |
//!
//! The proof speaks of ASCII and of the accented letters from `À` to `ÿ`, which normalizing leaves
//! as they are; a text with any other character is not proved. A property test holds that a text
//! proved harmless passes every detector.

use wide::u8x16;

/// Letters in a row that may be a codice fiscale.
const CODE_LENGTH: usize = 16;

/// Most digits of a run that a codice fiscale can hold.
const CODE_RUN: usize = 3;

/// Most digits of a text that is proved harmless.
const MOST_DIGITS: usize = 4;

/// Beginnings of street words; shorter ones that an abbreviation can have are among them.
const STREETS: [[u8; 3]; 10] = [
    *b"via", *b"v.l", *b"pia", *b"p.z", *b"p.l", *b"cor", *b"c.s", *b"lar", *b"vic", *b"str",
];

/// A letter of ASCII.
const LETTER: u8 = 1;

/// A digit.
const DIGIT: u8 = 2;

/// A byte that may stand between the characters of a codice fiscale.
const JOINT: u8 = 4;

/// A byte that nothing is proved about.
const SUSPECT: u8 = 8;

/// What every byte is to the proof.
const CLASSES: [u8; 256] = classes();

/// Makes the table of classes.
const fn classes() -> [u8; 256] {
    let mut classes = [SUSPECT; 256];
    let mut byte: u8 = 0;
    while byte < 0xc0 {
        classes[byte as usize] = match byte {
            b'a'..=b'z' | b'A'..=b'Z' => LETTER,
            b'0'..=b'9' => DIGIT,
            b' ' | b'.' | b'_' | b'/' | b'-' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => JOINT,
            b'@' | b'(' | b'[' => SUSPECT,
            // From 0x80 on these go on with a letter whose first byte was looked at.
            _ => 0,
        };
        byte += 1;
    }
    classes[0xc3] = 0;
    classes
}

/// The class of a byte.
fn class_of(byte: u8) -> u8 {
    CLASSES.get(usize::from(byte)).copied().unwrap_or(SUSPECT)
}

/// Bytes that are looked at together.
const LEAP: usize = 64;

/// What some bytes are, one bit for each.
#[derive(Debug, Clone, Copy)]
struct Kinds {
    /// Letters of ASCII.
    letters: u64,
    /// Digits.
    digits: u64,
    /// Bytes that nothing is proved about.
    suspects: u64,
}

impl Kinds {
    /// What 64 bytes are: the same as [`class_of`] says of each.
    #[inline]
    fn of(bytes: &[u8; LEAP]) -> Self {
        let mut kinds = Self {
            letters: 0,
            digits: 0,
            suspects: 0,
        };
        let (parts, _) = bytes.as_chunks::<16>();
        for part in parts.iter().rev() {
            let part = u8x16::new(*part);
            let (letters, digits) = (
                is_among(part | all(0x20), b'a', 26),
                is_among(part, b'0', 10),
            );
            // From `À` on every first byte but that of the accented letters.
            let beyond = part.max(all(0xc0)).simd_eq(part) & !part.simd_eq(all(0xc3));
            let marks = part.simd_eq(all(b'@')) | part.simd_eq(all(b'('));
            let suspects = beyond | marks | part.simd_eq(all(b'['));
            let add = |bits: u64, found: u8x16| bits << 16 | u64::from(found.to_bitmask());
            kinds = Self {
                letters: add(kinds.letters, letters),
                digits: add(kinds.digits, digits),
                suspects: add(kinds.suspects, suspects),
            };
        }
        kinds
    }
}

/// Sixteen times the same byte.
#[inline]
fn all(byte: u8) -> u8x16 {
    u8x16::new([byte; 16])
}

/// Bytes that are among `n_bytes` from `first` on become 255, others 0.
#[inline]
fn is_among(bytes: u8x16, first: u8, n_bytes: u8) -> u8x16 {
    let above = bytes - all(first);
    above.min(all(n_bytes - 1)).simd_eq(above)
}

/// What was seen of a text so far.
#[derive(Debug, Default)]
struct Seen {
    /// Whether one of its bytes, or sixteen letters in a row, rule out a proof.
    is_suspect: bool,
    /// Digits.
    n_digits: usize,
    /// Letters in a row at the end of what was seen.
    n_letters: u32,
}

impl Seen {
    /// Looks at the next 64 bytes.
    #[inline]
    fn look_at(&mut self, bytes: &[u8; LEAP]) {
        let kinds = Kinds::of(bytes);
        // After these steps a bit is left where sixteen in a row begin.
        let rows = [1, 2, 4, 8]
            .iter()
            .fold(kinds.letters, |rows, by| rows & rows >> by);
        let row_from_before = self.n_letters + kinds.letters.trailing_ones();
        self.is_suspect |= kinds.suspects != 0
            || rows != 0
            || usize::try_from(row_from_before).is_ok_and(|row| row >= CODE_LENGTH);
        self.n_digits += kinds.digits.count_ones() as usize;
        self.n_letters = kinds.letters.leading_ones();
    }
}

/// Whether nothing in a text can be an identifier.
pub(super) fn is_harmless(text: &str) -> bool {
    let mut seen = Seen::default();
    let (leaps, rest) = text.as_bytes().as_chunks::<LEAP>();
    for leap in leaps {
        seen.look_at(leap);
    }
    if !rest.is_empty() {
        // A zero is none of the bytes that are looked for.
        let mut last = [0; LEAP];
        if let Some(start) = last.get_mut(..rest.len()) {
            start.copy_from_slice(rest);
        }
        seen.look_at(&last);
    }
    let n_digits = seen.n_digits;
    !seen.is_suspect
        && (n_digits == 0
            || (n_digits <= MOST_DIGITS && is_plain_number(text.as_bytes(), n_digits)))
}

/// Whether the only digits of a text are one run that belongs to no identifier.
fn is_plain_number(bytes: &[u8], n_digits: usize) -> bool {
    let Some(start) = bytes.iter().position(u8::is_ascii_digit) else {
        return true;
    };
    let (before, rest) = bytes.split_at_checked(start).unwrap_or((bytes, &[]));
    let (run, after) = rest.split_at_checked(n_digits).unwrap_or((rest, &[]));
    run.iter().all(u8::is_ascii_digit)
        && !(n_digits > 1 && is_country(before))
        && (n_digits > CODE_RUN || is_short_stretch(before, n_digits, after))
        && !has_street(before)
}

/// Whether a text ends with a word of two letters, or with one and a joint.
fn is_country(before: &[u8]) -> bool {
    let end = match before {
        [word @ .., joint] if class_of(*joint) == JOINT => word,
        word => word,
    };
    let is_word = |byte: u8| class_of(byte) & (LETTER | DIGIT) != 0;
    let is_letter = |byte: u8| class_of(byte) == LETTER;
    match end {
        [first, second] => is_letter(*first) && is_letter(*second),
        [.., outer, first, second] => is_letter(*first) && is_letter(*second) && !is_word(*outer),
        _ => false,
    }
}

/// Whether too few letters and digits stand around a run for a codice fiscale.
fn is_short_stretch(before: &[u8], n_digits: usize, after: &[u8]) -> bool {
    let is_in = |byte: &&u8| class_of(**byte) & (LETTER | DIGIT | JOINT) != 0;
    let counts = |byte: &&u8| class_of(**byte) & (LETTER | DIGIT) != 0;
    let left = before.iter().rev().take_while(is_in).filter(counts);
    let right = after.iter().take_while(is_in).filter(counts);
    left.chain(right).take(CODE_LENGTH).count() + n_digits < CODE_LENGTH
}

/// Whether a street word may begin in what stands before a number.
fn has_street(before: &[u8]) -> bool {
    let mut rest = before;
    while let [first, after @ ..] = rest {
        // Setting this bit makes a capital small and leaves a point a point.
        let is_first = matches!(first | 0x20, b'v' | b'p' | b'c' | b'l' | b's');
        if is_first && let [second, third, ..] = after {
            let three = [first | 0x20, second | 0x20, third | 0x20];
            if STREETS.contains(&three) {
                return true;
            }
        }
        rest = after;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a pass byte by byte sees: whether it is suspect, and the digits.
    fn byte_by_byte(bytes: &[u8]) -> (bool, usize) {
        let (mut is_suspect, mut row, mut n_digits) = (false, 0, 0);
        for byte in bytes {
            let class = class_of(*byte);
            row = if class == LETTER { row + 1 } else { 0 };
            is_suspect |= class == SUSPECT || row >= CODE_LENGTH;
            n_digits += usize::from(class == DIGIT);
        }
        (is_suspect, n_digits)
    }

    proptest! {
        #[test]
        fn many_bytes_at_once_are_what_they_are_one_by_one(
            pieces in proptest::collection::vec(("[ -~À-ÿ€]{0,9}", "[a-zA-Z]{0,18}", "[0-9]{0,2}"), 0..8),
        ) {
            let pieces: Vec<String> = pieces.iter().map(|(any, letters, digits)| format!("{any}{letters}{digits}")).collect();
            let text = pieces.concat();
            let mut seen = Seen::default();
            let mut bytes = text.clone().into_bytes();
            bytes.resize(bytes.len().next_multiple_of(LEAP), 0);
            bytes.as_chunks::<LEAP>().0.iter().for_each(|leap| seen.look_at(leap));
            prop_assert_eq!((seen.is_suspect, seen.n_digits), byte_by_byte(text.as_bytes()), "{}", text);
        }
    }

    #[test]
    fn every_byte_has_its_class_among_many() {
        for byte in 0..=u8::MAX {
            let kinds = Kinds::of(&[byte; LEAP]);
            let class = class_of(byte);
            let found = [kinds.letters, kinds.digits, kinds.suspects];
            let expected =
                [LETTER, DIGIT, SUSPECT].map(|kind| if class == kind { u64::MAX } else { 0 });
            assert_eq!(found, expected, "{byte}");
        }
    }
}
