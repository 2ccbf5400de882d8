//! Every form in which an erased person could still stand somewhere, and the search for them.
//!
//! ```text
//! id "C-è1"   plain · Windows-1252 · UTF-16 · JSON `C-\u00e81` · XML `C-&#232;1` · URL `C-%C3%A81`
//! its key     16 raw bytes · hexadecimal · base64 at its three alignments
//! ```
//!
//! A form of text is found only where no further letter or digit touches it: `C12` does not stand
//! in `C123`. A short id such as `7` stands everywhere by chance, so it is not searched for as
//! text: of it only the keys are.

use std::collections::BTreeSet;

use encoding_rs::WINDOWS_1252;
use regex::bytes::{Regex, RegexBuilder};

use super::Error;
use crate::canon::digits::hexadecimal;

/// Memory that the search may take for its tables.
const SEARCH_BYTES: usize = 512 << 20;

/// How the surroundings of a form are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Edge {
    /// Letters and digits are one byte.
    Byte,
    /// Letters and digits are two bytes, the low one first.
    LowFirst,
    /// Letters and digits are two bytes, the high one first.
    HighFirst,
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
    /// Ids that are searched for as text, the longest first.
    ids: Vec<String>,
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
        let mut ids: Vec<String> = ids.into_iter().cloned().collect();
        ids.sort_by_key(|id| std::cmp::Reverse(id.len()));
        Ok(Self {
            all,
            search: search.transpose().map_err(|_too_big| Error::TooMany)?,
            ids,
        })
    }

    /// How many forms are searched for.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether any form stands in the bytes.
    pub(crate) fn stand_in(&self, bytes: &[u8]) -> bool {
        let Some(search) = &self.search else {
            return false;
        };
        let mut at = 0;
        while let Some(found) = search.find_at(bytes, at) {
            if self.stands_at(bytes, found.start()) {
                return true;
            }
            at = found.start() + 1;
        }
        false
    }

    /// Whether any form stands at this place, with nothing touching it.
    fn stands_at(&self, bytes: &[u8], at: usize) -> bool {
        let rest = bytes.get(at..).unwrap_or_default();
        self.all.iter().any(|(form, edge)| {
            rest.starts_with(form) && is_free(bytes, (at, at + form.len()), *edge)
        })
    }

    /// The text without the ids in it; `None` if none stands there.
    pub(crate) fn scrubbed(&self, text: &str) -> Option<String> {
        let mut left = text.to_owned();
        for id in &self.ids {
            left = without(&left, id);
        }
        (left != text).then_some(left)
    }

    /// The bytes without any form of text in them; `None` if none stands there.
    pub(crate) fn scrubbed_bytes(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let search = self.search.as_ref()?;
        let mut out = Vec::with_capacity(bytes.len());
        let mut at = 0;
        let mut kept = 0;
        while let Some(found) = search.find_at(bytes, at) {
            let start = found.start();
            at = start + 1;
            let form = self.all.iter().find(|(form, edge)| {
                let rest = bytes.get(start..).unwrap_or_default();
                rest.starts_with(form) && is_free(bytes, (start, start + form.len()), *edge)
            });
            if let Some((form, _)) = form {
                out.extend_from_slice(bytes.get(kept..start).unwrap_or_default());
                kept = start + form.len();
                at = kept;
            }
        }
        out.extend_from_slice(bytes.get(kept..).unwrap_or_default());
        (kept > 0).then_some(out)
    }
}

/// The text without an id where nothing touches it.
fn without(text: &str, id: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut kept = 0;
    for (start, found) in text.match_indices(id) {
        let end = start + found.len();
        if is_free(text.as_bytes(), (start, end), Edge::Byte) {
            out.push_str(text.get(kept..start).unwrap_or_default());
            kept = end;
        }
    }
    out.push_str(text.get(kept..).unwrap_or_default());
    out
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

/// Forms of an id as text.
fn forms_of_id(id: &str) -> Vec<(Vec<u8>, Edge)> {
    let units: Vec<u16> = id.encode_utf16().collect();
    let escapes = |is_escaped: &dyn Fn(&u16) -> bool, upper: bool| {
        let escape = |unit: &u16| match (is_escaped(unit), upper) {
            (false, _) => char::from_u32(u32::from(*unit)).map_or_else(String::new, String::from),
            (true, false) => format!("\\u{unit:04x}"),
            (true, true) => format!("\\u{unit:04X}"),
        };
        units.iter().map(escape).collect::<String>()
    };
    let is_foreign = |unit: &u16| *unit > 126;
    let json = serde_json::to_string(id).unwrap_or_default();
    let json = json.trim_matches('"').to_owned();
    let xml = id
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let texts = [
        id.to_owned(),
        json.replace('/', "\\/"),
        json,
        escapes(&is_foreign, false),
        escapes(&is_foreign, true),
        escapes(&|_| true, false),
        escapes(&|_| true, true),
        xml.replace('"', "&quot;"),
        numbered(id, |code| format!("&#{code};")),
        numbered(id, |code| format!("&#x{code:x};")),
        numbered(id, |code| format!("&#x{code:X};")),
        xml,
        id.replace('"', "\"\""),
        url_form(id),
    ];
    let mut forms: Vec<(Vec<u8>, Edge)> = texts
        .into_iter()
        .map(|text| (text.into_bytes(), Edge::Byte))
        .collect();
    let (single_byte, _, is_lossy) = WINDOWS_1252.encode(id);
    if !is_lossy {
        forms.push((single_byte.into_owned(), Edge::Byte));
    }
    let bytes = |order: fn(u16) -> [u8; 2]| units.iter().copied().flat_map(order).collect();
    forms.push((bytes(u16::to_le_bytes), Edge::LowFirst));
    forms.push((bytes(u16::to_be_bytes), Edge::HighFirst));
    forms
}

/// The text with its foreign signs as numbered entities.
fn numbered(text: &str, entity: impl Fn(u32) -> String) -> String {
    let form = |sign: char| {
        if sign.is_ascii() {
            sign.to_string()
        } else {
            entity(u32::from(sign))
        }
    };
    text.chars().map(form).collect()
}

/// The text as it stands in an address.
fn url_form(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes())
        .collect::<String>()
        .replace('+', "%20")
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
    let is_sign = |place: Option<usize>| {
        let byte = place.and_then(|place| bytes.get(place));
        byte.is_some_and(u8::is_ascii_alphanumeric)
    };
    let is_zero = |place: Option<usize>| place.and_then(|place| bytes.get(place)) == Some(&0);
    match edge {
        Edge::Anything => true,
        Edge::Byte => !is_sign(start.checked_sub(1)) && !is_sign(Some(end)),
        Edge::LowFirst => {
            let before = is_sign(start.checked_sub(2)) && is_zero(start.checked_sub(1));
            let after = is_sign(Some(end)) && is_zero(Some(end + 1));
            !before && !after
        }
        Edge::HighFirst => {
            let before = is_zero(start.checked_sub(2)) && is_sign(start.checked_sub(1));
            let after = is_zero(Some(end)) && is_sign(Some(end + 1));
            !before && !after
        }
    }
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
        assert!(forms.stand_in(b"C00421 C0042"));
        assert_eq!(
            forms.scrubbed("C00421 (C0042) C0042"),
            Some("C00421 () ".to_owned())
        );
        assert_eq!(forms.scrubbed("C00421"), None);
        assert_eq!(forms.scrubbed_bytes(b"C00421,C0042,").unwrap(), b"C00421,,");
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
