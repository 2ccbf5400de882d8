//! Bytes with their escapes undone, so that an id is found however a writer escaped it.
//!
//! Undone at once are the escapes of JSON, of addresses and of XML, with any sign written so: a
//! writer may escape every sign, only some, in small digits or in capitals. What comes out may hold
//! escapes again, such as JSON in a text of JSON, so there are several layers.
//!
//! ```text
//! C00\u00342   C00%342   C00&#52;2   C00\\u00342      →   C0042
//! ```

use memchr::memchr3;

/// How often escapes are undone in what came of undoing them.
const MOST_LAYERS: usize = 3;

/// Entities with a name.
const ENTITIES: [(&str, &str); 22] = [
    ("amp", "&"),
    ("lt", "<"),
    ("gt", ">"),
    ("quot", "\""),
    ("apos", "'"),
    ("nbsp", " "),
    ("commat", "@"),
    ("period", "."),
    ("plus", "+"),
    ("lowbar", "_"),
    ("sol", "/"),
    ("num", "#"),
    ("colon", ":"),
    ("hyphen", "-"),
    ("agrave", "à"),
    ("egrave", "è"),
    ("eacute", "é"),
    ("igrave", "ì"),
    ("ograve", "ò"),
    ("ugrave", "ù"),
    ("ccedil", "ç"),
    ("uuml", "ü"),
];

/// Bytes with escapes undone.
#[derive(Debug)]
pub(super) struct Layer {
    /// The bytes.
    pub(super) bytes: Vec<u8>,
    /// Where each of them begins in the bytes as they came, and last where these end.
    places: Vec<usize>,
}

impl Layer {
    /// Where a part of this layer stands in the bytes as they came.
    pub(super) fn origin(&self, (start, end): (usize, usize)) -> Option<(usize, usize)> {
        Some((*self.places.get(start)?, *self.places.get(end)?))
    }
}

/// The layers below the bytes themselves, each with the places it came from.
pub(super) fn layers(bytes: &[u8]) -> Vec<Layer> {
    let mut all: Vec<Layer> = Vec::new();
    for _ in 0..MOST_LAYERS {
        let above = all.last().map_or(bytes, |layer| layer.bytes.as_slice());
        let (mut below, mut places) = (Vec::new(), Vec::new());
        let is_undone = undo(above, &mut |start, part, is_escape| {
            below.extend_from_slice(part);
            let step = usize::from(!is_escape);
            places.extend((0..part.len()).map(|offset| start + offset * step));
        });
        if !is_undone {
            break;
        }
        places.push(above.len());
        if let Some(last) = all.last() {
            let origin = |place: &usize| last.places.get(*place).copied().unwrap_or_default();
            places = places.iter().map(origin).collect();
        }
        all.push(Layer {
            bytes: below,
            places,
        });
    }
    all
}

/// Whether something holds of the bytes or of any layer below them.
pub(super) fn any_layer(bytes: &[u8], holds: impl Fn(&[u8]) -> bool) -> bool {
    if holds(bytes) {
        return true;
    }
    let mut above: Vec<u8> = Vec::new();
    for layer in 0..MOST_LAYERS {
        let mut below = Vec::new();
        let of = if layer == 0 { bytes } else { above.as_slice() };
        let is_undone = undo(of, &mut |_, part, _| below.extend_from_slice(part));
        if !is_undone {
            return false;
        }
        if holds(&below) {
            return true;
        }
        above = below;
    }
    false
}

/// Hands over all parts of some bytes: where each began, what it is, whether it was an escape.
///
/// Whether there was any escape; without one nothing is handed over.
fn undo(bytes: &[u8], put: &mut dyn FnMut(usize, &[u8], bool)) -> bool {
    let mut kept = 0;
    let mut at = 0;
    while let Some(found) = memchr3(b'\\', b'%', b'&', bytes.get(at..).unwrap_or_default()) {
        let start = at + found;
        let Some((sign, n_bytes)) = escape(bytes.get(start..).unwrap_or_default()) else {
            at = start + 1;
            continue;
        };
        put(kept, bytes.get(kept..start).unwrap_or_default(), false);
        put(start, sign.bytes(), true);
        at = start + n_bytes;
        kept = at;
    }
    if kept > 0 {
        put(kept, bytes.get(kept..).unwrap_or_default(), false);
    }
    kept > 0
}

/// What an escape stands for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sign {
    /// Its bytes and room behind them.
    bytes: [u8; 4],
    /// How many there are.
    n_bytes: usize,
}

impl Sign {
    /// A sign of text.
    fn of(sign: char) -> Self {
        let mut bytes = [0; 4];
        let n_bytes = sign.encode_utf8(&mut bytes).len();
        Self { bytes, n_bytes }
    }

    /// One byte.
    fn byte(byte: u8) -> Self {
        Self {
            bytes: [byte, 0, 0, 0],
            n_bytes: 1,
        }
    }

    /// Its bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.n_bytes).unwrap_or_default()
    }
}

/// What the escape at the start of some bytes stands for, and how long it is.
pub(super) fn escape(bytes: &[u8]) -> Option<(Sign, usize)> {
    match bytes.first()? {
        b'\\' => backslash(bytes),
        b'%' => Some((Sign::byte(u8::try_from(digits(bytes, 1, 2)?).ok()?), 3)),
        b'&' => entity(bytes),
        _ => None,
    }
}

/// An escape of JSON.
fn backslash(bytes: &[u8]) -> Option<(Sign, usize)> {
    let sign = match bytes.get(1)? {
        b'u' => return unit(bytes),
        b'x' => return Some((Sign::of(char::from_u32(digits(bytes, 2, 2)?)?), 4)),
        b'n' => b'\n',
        b't' => b'\t',
        b'r' => b'\r',
        b'b' => 8,
        b'f' => 12,
        sign @ (b'"' | b'\\' | b'/' | b'\'') => *sign,
        _ => return None,
    };
    Some((Sign::byte(sign), 2))
}

/// A sign by the number of its unit of UTF-16, or of two units.
fn unit(bytes: &[u8]) -> Option<(Sign, usize)> {
    let first = digits(bytes, 2, 4)?;
    if let Some(sign) = char::from_u32(first) {
        return Some((Sign::of(sign), 6));
    }
    let is_escape = bytes.get(6..8)? == b"\\u";
    let second = digits(bytes, 8, 4).filter(|_| is_escape)?;
    let units = [u16::try_from(first).ok()?, u16::try_from(second).ok()?];
    let sign = char::decode_utf16(units).next()?.ok()?;
    Some((Sign::of(sign), 12))
}

/// An entity of XML.
fn entity(bytes: &[u8]) -> Option<(Sign, usize)> {
    let end = bytes.iter().take(12).position(|byte| *byte == b';')?;
    let name = std::str::from_utf8(bytes.get(1..end)?).ok()?;
    let sign = if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(number) => u32::from_str_radix(number, 16),
            None => number.parse(),
        };
        char::from_u32(code.ok()?)?
    } else {
        let known = ENTITIES.iter().find(|(known, _)| *known == name);
        known?.1.chars().next()?
    };
    Some((Sign::of(sign), end + 1))
}

/// The number that some hexadecimal digits write.
fn digits(bytes: &[u8], start: usize, n_digits: usize) -> Option<u32> {
    let digits = bytes.get(start..start + n_digits)?;
    let mut number = 0;
    for digit in digits {
        number = number * 16 + char::from(*digit).to_digit(16)?;
    }
    Some(number)
}

/// Text of two or four bytes a sign as UTF-8; `None` for other bytes.
pub(super) fn wide_text(bytes: &[u8]) -> Option<Vec<u8>> {
    let (width, is_low_first) = wide(bytes)?;
    let number = |unit: &[u8]| {
        let add = |number: u32, byte: &u8| number << 8 | u32::from(*byte);
        if is_low_first {
            unit.iter().rev().fold(0, add)
        } else {
            unit.iter().fold(0, add)
        }
    };
    let numbers = bytes.chunks_exact(width).map(number);
    let text: String = if width == 4 {
        let sign = |number| char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER);
        numbers.map(sign).collect()
    } else {
        let units = numbers.map(|number| u16::try_from(number).unwrap_or_default());
        let signs = char::decode_utf16(units);
        let sign = |sign: Result<char, _>| sign.unwrap_or(char::REPLACEMENT_CHARACTER);
        signs.map(sign).collect()
    };
    Some(text.into_bytes())
}

/// Bytes of a sign and whether the low one is the first, by the mark or the first signs.
fn wide(bytes: &[u8]) -> Option<(usize, bool)> {
    let first: [u8; 8] = bytes.get(..8)?.try_into().ok()?;
    match first {
        [0xff, 0xfe, 0, 0, ..] => return Some((4, true)),
        [0, 0, 0xfe, 0xff, ..] => return Some((4, false)),
        [0xff, 0xfe, ..] => return Some((2, true)),
        [0xfe, 0xff, ..] => return Some((2, false)),
        _ => {}
    }
    match first.map(|byte| byte != 0) {
        [true, false, false, false, true, false, false, false] => Some((4, true)),
        [false, false, false, true, false, false, false, true] => Some((4, false)),
        [true, false, true, false, true, false, true, false] => Some((2, true)),
        [false, true, false, true, false, true, false, true] => Some((2, false)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_escape_is_undone_and_leads_back_to_where_it_stood() {
        for (text, expected) in [
            (r"a C00\u00342 b", "a C0042 b"),
            (r"a C00\\u00342 b", "a C0042 b"),
            ("a C00%342 b", "a C0042 b"),
            ("a C00%25342 b", "a C0042 b"),
            ("a C00&#52;2&#x20;b", "a C0042 b"),
            ("a C00&amp;#52;2 b", "a C0042 b"),
        ] {
            let layers = layers(text.as_bytes());
            let last = layers.last().unwrap();
            assert_eq!(String::from_utf8_lossy(&last.bytes), expected, "{text}");
            let (start, end) = last.origin((2, 7)).unwrap();
            assert!(text[start..end].starts_with("C00"), "{text}");
            assert!(
                ["b", " b", "&#x20;b"].contains(&text[end..].trim()),
                "{text}: {end}"
            );
            assert!(any_layer(text.as_bytes(), |layer| layer == expected.as_bytes()));
        }
        assert!(layers(b"100% of C:\\quiet & more").is_empty());
        assert_eq!(layers(br"\ud83d\ude00")[0].bytes, "😀".as_bytes());
    }

    #[test]
    fn text_of_four_bytes_a_sign_is_read() {
        let text = "a;C0042;è";
        let low: Vec<u8> = text
            .chars()
            .flat_map(|sign| u32::from(sign).to_le_bytes())
            .collect();
        let high: Vec<u8> = text
            .chars()
            .flat_map(|sign| u32::from(sign).to_be_bytes())
            .collect();
        for bytes in [low, high] {
            assert_eq!(wide_text(&bytes).unwrap(), text.as_bytes());
        }
        assert_eq!(wide_text(b"a;C0042;b"), None);
    }
}
