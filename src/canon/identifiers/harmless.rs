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

/// What a byte is to the proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// A letter of ASCII.
    Letter,
    /// A digit.
    Digit,
    /// A byte that may stand between the characters of a codice fiscale.
    Joint,
    /// A byte that ends a stretch of a codice fiscale.
    Break,
    /// The first byte of an accented letter; it ends a stretch too.
    Accent,
    /// A byte that nothing is proved about.
    Suspect,
}

/// The class of every byte.
const CLASSES: [Class; 256] = classes();

/// Makes the table of classes.
const fn classes() -> [Class; 256] {
    let mut classes = [Class::Suspect; 256];
    let mut byte: u8 = 0;
    while byte < 0xc0 {
        classes[byte as usize] = match byte {
            b'a'..=b'z' | b'A'..=b'Z' => Class::Letter,
            b'0'..=b'9' => Class::Digit,
            b' ' | b'.' | b'_' | b'/' | b'-' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => Class::Joint,
            b'@' | b'(' | b'[' => Class::Suspect,
            // From 0x80 on these go on with a letter whose first byte was looked at.
            _ => Class::Break,
        };
        byte += 1;
    }
    classes[0xc3] = Class::Accent;
    classes
}

/// What is known of the text up to a byte.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    /// Letters in a row up to here.
    letters: usize,
    /// Letters and digits of the stretch up to here.
    stretch: usize,
    /// Digits in a row up to here, joints between them not counted.
    run: usize,
    /// Whether the last letter or digit was a digit.
    in_run: bool,
    /// Whether the stretch has a run that a codice fiscale can hold.
    has_short_run: bool,
    /// Digits in all.
    n_digits: usize,
    /// Runs of digits that nothing stands between.
    n_runs: usize,
}

/// Whether nothing in a text can be an identifier.
pub(super) fn is_harmless(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut seen = Seen::default();
    let mut before = Class::Break;
    for (place, byte) in bytes.iter().enumerate() {
        let class = CLASSES.get(usize::from(*byte)).copied();
        let class = class.unwrap_or(Class::Suspect);
        let is_sound = match class {
            Class::Suspect => false,
            Class::Letter => seen.letter(),
            Class::Digit => seen.digit(before) && !is_behind_country(bytes, place),
            Class::Joint => {
                seen.letters = 0;
                true
            }
            Class::Break | Class::Accent => seen.end_stretch(),
        };
        if !is_sound {
            return false;
        }
        before = class;
    }
    seen.end_stretch() && !(seen.n_digits > 0 && has_street(bytes))
}

impl Seen {
    /// One more letter.
    fn letter(&mut self) -> bool {
        self.end_run();
        self.letters += 1;
        self.stretch += 1;
        self.letters < CODE_LENGTH
    }

    /// One more digit.
    fn digit(&mut self, before: Class) -> bool {
        self.letters = 0;
        self.stretch += 1;
        self.run += 1;
        self.in_run = true;
        self.n_digits += 1;
        self.n_runs += usize::from(before != Class::Digit);
        self.n_digits <= MOST_DIGITS && self.n_runs <= 1
    }

    /// The run of digits ends, if there is one.
    fn end_run(&mut self) {
        if self.in_run {
            self.has_short_run |= self.run <= CODE_RUN;
            self.run = 0;
            self.in_run = false;
        }
    }

    /// The stretch ends: whether no codice fiscale can be in it.
    fn end_stretch(&mut self) -> bool {
        self.end_run();
        let is_sound = !self.has_short_run || self.stretch < CODE_LENGTH;
        self.has_short_run = false;
        self.stretch = 0;
        self.letters = 0;
        is_sound
    }
}

/// Whether two digits stand right behind a word of two letters.
fn is_behind_country(bytes: &[u8], place: usize) -> bool {
    let class_at = |place: Option<usize>| {
        let byte = place.and_then(|place| bytes.get(place));
        byte.and_then(|byte| CLASSES.get(usize::from(*byte))).copied()
    };
    if class_at(Some(place + 1)) != Some(Class::Digit) {
        return false;
    }
    // Only the first digit of a run is behind something else than a digit.
    let before = place.checked_sub(1);
    let last = match class_at(before) {
        Some(Class::Letter) => before,
        Some(Class::Joint) => place.checked_sub(2),
        _ => return false,
    };
    let first = last.and_then(|last| last.checked_sub(1));
    let outer = first.and_then(|first| first.checked_sub(1));
    let is_letter = |place| class_at(place) == Some(Class::Letter);
    let is_word_longer = matches!(class_at(outer), Some(Class::Letter | Class::Digit));
    is_letter(last) && is_letter(first) && !is_word_longer
}

/// Whether a street word may begin before the last digit.
fn has_street(bytes: &[u8]) -> bool {
    let last = bytes.iter().rposition(u8::is_ascii_digit);
    let before = bytes.get(..last.unwrap_or(0)).unwrap_or_default();
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
