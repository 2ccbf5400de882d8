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

/// Whether nothing in a text can be an identifier.
pub(super) fn is_harmless(text: &str) -> bool {
    // Counts are kept without branches: where words end cannot be foreseen.
    let (mut seen, mut row, mut longest, mut n_digits) = (0_u8, 0_u32, 0_u32, 0_usize);
    for byte in text.bytes() {
        let class = class_of(byte);
        seen |= class;
        row = (row + 1) & u32::from(class & LETTER).wrapping_neg();
        longest = longest.max(row);
        n_digits += usize::from(class & DIGIT != 0);
    }
    let may_be_code = usize::try_from(longest).is_ok_and(|longest| longest >= CODE_LENGTH);
    if seen & SUSPECT != 0 || may_be_code {
        return false;
    }
    n_digits == 0 || (n_digits <= MOST_DIGITS && is_plain_number(text.as_bytes(), n_digits))
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
