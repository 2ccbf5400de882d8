//! Every form in which an erased person could still stand somewhere, and the search for them.
//!
//! ```text
//! id "C-è1"   plain · Windows-1252 · UTF-16 · UTF-32, as they lie and with every escape undone
//! its key     16 raw bytes · hexadecimal · base64 at its three alignments
//! ```
//!
//! A form of text is found only where no further letter or digit touches it: `C12` does not stand
//! in `C123`, and not in `C12è`. Where an id has parts of its own, such as `F-12`, the sign that
//! joins them goes on as a letter does: `F-12` does not stand in `F-12-3`. A short id such as `7` stands everywhere by chance, so it is not searched for as
//! text: of it only the keys are.

use std::collections::BTreeSet;

use encoding_rs::WINDOWS_1252;
use regex::bytes::{Regex, RegexBuilder};

use super::Error;
use super::decoded::{any_layer, escape, layers, wide_text};
use crate::canon::digits::hexadecimal;

/// Memory that the search may take for its tables.
const SEARCH_BYTES: usize = 512 << 20;

/// How the surroundings of a form are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Edge {
    /// Letters and digits are one byte.
    Byte,
    /// Letters and digits are so many bytes, the low one first or the high one.
    Wide {
        /// How many.
        width: usize,
        /// Whether the low one is the first.
        is_low_first: bool,
    },
    /// Nothing around it matters.
    Anything,
}

/// The forms of some persons.
#[derive(Debug)]
pub(crate) struct Forms {
    /// Bytes of every form and its edge, the longest first.
    all: Vec<(Vec<u8>, Edge)>,
    /// All of them as one search; none where there is nothing to search for.
    search: Option<Regex>,
}

impl Forms {
    /// The forms of ids and of keys.
    ///
    /// # Errors
    /// [`Error::TooMany`] when there are more than one search can hold.
    pub(crate) fn new(ids: &BTreeSet<String>, keys: &BTreeSet<[u8; 16]>) -> Result<Self, Error> {
        let ids: Vec<&String> = ids.iter().filter(|id| is_distinctive(id)).collect();
        let mut forms: BTreeSet<(Vec<u8>, Edge)> = BTreeSet::new();
        for id in &ids {
            forms.extend(forms_of_id(id));
        }
        for key in keys {
            forms.extend(forms_of_key(key));
        }
        let mut all: Vec<(Vec<u8>, Edge)> = forms.into_iter().collect();
        all.sort_by(|one, other| (other.0.len(), &one.0).cmp(&(one.0.len(), &other.0)));
        let search = (!all.is_empty()).then(|| {
            let literals: Vec<String> = all.iter().map(|(bytes, _)| literal(bytes)).collect();
            RegexBuilder::new(&literals.join("|"))
                .unicode(false)
                .size_limit(SEARCH_BYTES)
                .build()
        });
        Ok(Self {
            all,
            search: search.transpose().map_err(|_too_big| Error::TooMany)?,
        })
    }

    /// How many forms are searched for.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether any form stands in the bytes, with every escape undone as well.
    pub(crate) fn stand_in(&self, bytes: &[u8]) -> bool {
        if self.search.is_none() {
            return false;
        }
        let stand = |layer: &[u8]| self.stand_as_it_lies(layer);
        any_layer(bytes, stand) || wide_text(bytes).is_some_and(|text| any_layer(&text, stand))
    }

    /// Whether any form stands in the bytes as they lie.
    pub(crate) fn stand_as_it_lies(&self, bytes: &[u8]) -> bool {
        self.next(bytes, 0).is_some()
    }

    /// Where the next form stands from a place on, with nothing touching it.
    fn next(&self, bytes: &[u8], from: usize) -> Option<(usize, usize)> {
        let search = self.search.as_ref()?;
        let mut at = from;
        while let Some(found) = search.find_at(bytes, at) {
            let start = found.start();
            let rest = bytes.get(start..).unwrap_or_default();
            let form = self.all.iter().find(|(form, edge)| {
                rest.starts_with(form) && is_free(bytes, (start, start + form.len()), *edge)
            });
            if let Some((form, _)) = form {
                return Some((start, start + form.len()));
            }
            at = start + 1;
        }
        None
    }

    /// Where any form stands, with every escape undone as well.
    fn places(&self, bytes: &[u8]) -> Vec<(usize, usize)> {
        let all_of = |layer: &[u8]| {
            let mut found: Vec<(usize, usize)> = Vec::new();
            while let Some(place) = self.next(layer, found.last().map_or(0, |last| last.1)) {
                found.push(place);
            }
            found
        };
        let mut found = all_of(bytes);
        for layer in layers(bytes) {
            let below = all_of(&layer.bytes).into_iter();
            found.extend(below.filter_map(|place| layer.origin(place)));
        }
        found
    }

    /// The bytes without any form in them; `None` if none stands there.
    pub(crate) fn scrubbed_bytes(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        self.search.as_ref()?;
        without(bytes, self.places(bytes))
    }
}

/// The bytes without some parts; `None` if there are none.
pub(super) fn without(bytes: &[u8], mut parts: Vec<(usize, usize)>) -> Option<Vec<u8>> {
    if parts.is_empty() {
        return None;
    }
    parts.sort_unstable();
    let mut out = Vec::with_capacity(bytes.len());
    let mut kept = 0;
    for (start, end) in parts {
        out.extend_from_slice(bytes.get(kept..start).unwrap_or_default());
        kept = kept.max(end);
    }
    out.extend_from_slice(bytes.get(kept..).unwrap_or_default());
    Some(out)
}

/// Whether an id is so peculiar that finding its text means finding the person.
pub(crate) fn is_distinctive(id: &str) -> bool {
    let n_digits = id.chars().filter(char::is_ascii_digit).count();
    let n_letters = id.chars().filter(|sign| sign.is_alphabetic()).count();
    let n_signs = id.chars().count();
    match (n_letters, n_digits) {
        (0, n_digits) => n_digits >= 9,
        (_, 0) => n_signs >= 12,
        (_, n_digits) => n_signs >= 5 && n_digits >= 3,
    }
}

/// Forms of an id as text, without any escape: what is searched has them undone.
fn forms_of_id(id: &str) -> Vec<(Vec<u8>, Edge)> {
    let texts = [id.to_owned(), id.replace('"', "\"\""), id.replace(' ', "+")];
    let mut forms: Vec<(Vec<u8>, Edge)> = texts
        .into_iter()
        .map(|text| (text.into_bytes(), Edge::Byte))
        .collect();
    let (single_byte, _, is_lossy) = WINDOWS_1252.encode(id);
    if !is_lossy {
        forms.push((single_byte.into_owned(), Edge::Byte));
    }
    let units = |order: fn(u16) -> [u8; 2]| id.encode_utf16().flat_map(order).collect();
    let signs = |order: fn(u32) -> [u8; 4]| id.chars().map(u32::from).flat_map(order).collect();
    let edge = |width, is_low_first| Edge::Wide {
        width,
        is_low_first,
    };
    forms.push((units(u16::to_le_bytes), edge(2, true)));
    forms.push((units(u16::to_be_bytes), edge(2, false)));
    forms.push((signs(u32::to_le_bytes), edge(4, true)));
    forms.push((signs(u32::to_be_bytes), edge(4, false)));
    forms
}

/// Forms of a key.
fn forms_of_key(key: &[u8; 16]) -> Vec<(Vec<u8>, Edge)> {
    let digits = hexadecimal(key);
    let mut forms = vec![
        key.to_vec(),
        digits.to_uppercase().into_bytes(),
        digits.into_bytes(),
    ];
    for n_before in 0..3 {
        for alphabet in [b"+/", b"-_"] {
            forms.push(base64_inside(key, n_before, *alphabet));
        }
    }
    forms
        .into_iter()
        .map(|form| (form, Edge::Anything))
        .collect()
}

/// The base64 signs that only the key decides, when so many bytes stand before it.
fn base64_inside(key: &[u8; 16], n_before: usize, last: [u8; 2]) -> Vec<u8> {
    let n_bits = n_before * 8;
    let all: Vec<u8> = vec![0; n_before].into_iter().chain(*key).collect();
    let first = n_bits.div_ceil(6);
    let end = (n_bits + 128) / 6;
    let bit = |place: usize| {
        let byte = all.get(place / 8).copied().unwrap_or_default();
        (byte >> (7 - place % 8)) & 1
    };
    let sign = |index: usize| {
        let value = (0..6).fold(0_u8, |value, offset| value << 1 | bit(index * 6 + offset));
        match value {
            0..26 => b'A' + value,
            26..52 => b'a' + value - 26,
            52..62 => b'0' + value - 52,
            62 => last[0],
            _ => last[1],
        }
    };
    (first..end).map(sign).collect()
}

/// The bytes as a pattern that means just them.
fn literal(bytes: &[u8]) -> String {
    let sign = |byte: &u8| format!("\\x{byte:02x}");
    bytes.iter().map(sign).collect()
}

/// Whether neither a letter nor a digit touches the form.
fn is_free(bytes: &[u8], (start, end): (usize, usize), edge: Edge) -> bool {
    let before = bytes.get(..start).unwrap_or_default();
    let after = bytes.get(end..).unwrap_or_default();
    match edge {
        Edge::Anything => true,
        Edge::Byte => {
            let form = bytes.get(start..end).unwrap_or_default();
            !goes_on_before(form, before) && !goes_on_after(form, after)
        }
        Edge::Wide {
            width,
            is_low_first,
        } => {
            let last = before.len().checked_sub(width);
            let last = last.and_then(|place| before.get(place..));
            let is_sign = |unit: &[u8]| {
                let add = |number: u32, byte: &u8| number << 8 | u32::from(*byte);
                let number = if is_low_first {
                    unit.iter().rev().fold(0, add)
                } else {
                    unit.iter().fold(0, add)
                };
                // What lies beside text in a file of numbers may look like any far sign.
                let sign = char::from_u32(number).filter(|_| number < FIRST_FAR_SIGN);
                sign.is_some_and(char::is_alphanumeric)
            };
            !last.is_some_and(is_sign) && !after.get(..width).is_some_and(is_sign)
        }
    }
}

/// The first sign that is in no European alphabet written in Latin letters.
const FIRST_FAR_SIGN: u32 = 0x250;

/// Signs that join the parts of an id.
const JOINS: &[u8] = b"-_./";

/// Whether the bytes behind a form are more of the same word.
fn goes_on_after(form: &[u8], after: &[u8]) -> bool {
    match after {
        [join, next, ..] if JOINS.contains(join) => {
            form.contains(join) && next.is_ascii_alphanumeric()
        }
        [b'\\' | b'%' | b'&', ..] => {
            escape(after).is_some_and(|(sign, _)| goes_on_after(form, sign.bytes()))
        }
        [byte, ..] if byte.is_ascii() => byte.is_ascii_alphanumeric(),
        _ => first_sign(after).is_some_and(char::is_alphanumeric),
    }
}

/// Whether the bytes before a form are the start of the same word.
fn goes_on_before(form: &[u8], before: &[u8]) -> bool {
    match before {
        [.., next, join] if JOINS.contains(join) => {
            form.contains(join) && next.is_ascii_alphanumeric()
        }
        [.., byte] if byte.is_ascii() => byte.is_ascii_alphanumeric(),
        _ => {
            let starts = (1..=4).filter_map(|n_bytes| before.len().checked_sub(n_bytes));
            let mut signs = starts.filter_map(|place| before.get(place..));
            let sign = signs.find_map(|last| std::str::from_utf8(last).ok()?.chars().next());
            let sign = sign.or_else(|| {
                WINDOWS_1252
                    .decode(before.last_chunk::<1>()?)
                    .0
                    .chars()
                    .next()
            });
            sign.is_some_and(char::is_alphanumeric)
        }
    }
}

/// The first sign of some bytes in UTF-8, else in Windows-1252.
fn first_sign(bytes: &[u8]) -> Option<char> {
    let parts = (1..=4).filter_map(|n_bytes| bytes.get(..n_bytes));
    let mut signs = parts.filter_map(|part| std::str::from_utf8(part).ok()?.chars().next());
    let single = || {
        WINDOWS_1252
            .decode(bytes.first_chunk::<1>()?)
            .0
            .chars()
            .next()
    };
    signs.next().or_else(single)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The forms of one id and one key.
    fn forms(id: &str) -> Forms {
        Forms::new(
            &BTreeSet::from([id.to_owned()]),
            &BTreeSet::from([[0xfb; 16]]),
        )
        .unwrap()
    }

    #[test]
    fn an_id_is_found_in_every_encoding_and_escape() {
        let forms = forms("C-è0042");
        let utf16: Vec<u8> = "a;C-è0042;b"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let utf16_high: Vec<u8> = "a;C-è0042;b"
            .encode_utf16()
            .flat_map(u16::to_be_bytes)
            .collect();
        for text in [
            "a;C-è0042;b".as_bytes(),
            b"a;C-\xe80042;b",
            br#""C-\u00e80042""#,
            br#""C-\u00E80042""#,
            br#""\u0043\u002d\u00e8\u0030\u0030\u0034\u0032""#,
            b"<t>C-&#232;0042</t>",
            b"?id=C-%C3%A80042&x",
            b"?id=C-%c3%a80042&x",
            b"?id=%43-%C3%A8004%32",
            br#""C-\\u00e80042""#,
            br"see\nC-\u00e80042",
            b"<t>C-&egrave;&#48;042</t>",
            &utf16,
            &utf16_high,
        ] {
            assert!(forms.stand_in(text), "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn an_id_inside_a_longer_one_is_somebody_else() {
        let forms = forms("C0042");
        for text in [&b"C00421"[..], b"AC0042", b"C\x000\x000\x004\x002\x001\x00"] {
            assert!(!forms.stand_in(text), "{text:?}");
        }
        for text in ["C0042è", "èC0042", r"C0042\u00e8", "C0042%41"] {
            assert!(!forms.stand_in(text.as_bytes()), "{text}");
        }
        assert!(forms.stand_in(b"C00421 C0042"));
        assert!(forms.stand_in("è C0042—".as_bytes()));
        let scrubbed = |text: &str| forms.scrubbed_bytes(text.as_bytes());
        assert_eq!(scrubbed("C00421 (C0042) C0042").unwrap(), b"C00421 () ");
        assert_eq!(scrubbed("C00421"), None);
        assert_eq!(scrubbed("C00421,C0042,").unwrap(), b"C00421,,");
        assert_eq!(scrubbed(r"a C00\u00342\n C004%32!").unwrap(), br"a \n !");
    }

    #[test]
    fn an_id_of_parts_inside_one_of_more_parts_is_somebody_else() {
        let family = forms("FAM-000123");
        assert!(!family.stand_in(b"FAM-000123-2"));
        assert!(!family.stand_in(b"X-FAM-000123"));
        assert!(family.stand_in(b"FAM-000123- 2"));
        assert!(family.stand_in(b"/persons/FAM-000123/edit"));
        assert!(forms("C0042").stand_in(b"in/t-C0042.csv"));
    }

    #[test]
    fn text_of_four_bytes_a_sign_is_searched() {
        let wide = |text: &str| -> Vec<u8> {
            let signs = text.chars().map(u32::from);
            signs.flat_map(u32::to_le_bytes).collect()
        };
        let forms = forms("C0042");
        assert!(forms.stand_in(&wide("a;C0042;b")));
        assert!(forms.stand_in(&[b"xyz".as_slice(), &wide("C0042")].concat()));
        assert!(!forms.stand_in(&wide("a;C00421;b")));
    }

    #[test]
    fn a_key_is_found_raw_in_hexadecimal_and_in_base64_at_any_place() {
        let forms = forms("C0042");
        assert!(forms.stand_in(&[&[1, 2][..], &[0xfb; 16], &[3]].concat()));
        assert!(forms.stand_in("fb".repeat(16).as_bytes()));
        assert!(forms.stand_in("FB".repeat(16).as_bytes()));
        // What a common encoder makes of the key alone, and after one and two other bytes.
        assert!(forms.stand_in(b"+/v7+/v7+/v7+/v7+/v7+w=="));
        assert!(forms.stand_in(b"-_v7-_v7-_v7-_v7-_v7-w"));
        assert!(forms.stand_in(b"AfAAAA Ufv7+/v7+/v7+/v7+/v7+/v7"));
        assert!(!forms.stand_in("fb".repeat(15).as_bytes()));
    }

    #[test]
    fn a_short_id_is_not_searched_for_as_text() {
        for (id, expected) in [
            ("7", false),
            ("12345678", false),
            ("123456789", true),
            ("C0042", true),
            ("C42", false),
            ("maria", false),
            ("maria.rossi.1950", true),
        ] {
            assert_eq!(is_distinctive(id), expected, "{id}");
        }
        assert!(!forms("7").stand_in(b"7"));
    }
}
