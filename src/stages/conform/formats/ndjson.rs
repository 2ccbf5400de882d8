//! One JSON object per line.
//!
//! Most lines are plain: one object of texts without escapes, whole numbers, yes, no and nulls, its
//! names in the order of the line before. Such a line is read where it lies. Any other line goes
//! to the complete reader ([`PathTree`]), which says the same of a plain one; a test holds that.

use memchr::{memchr, memchr2};

use super::blocks::{MOST_RECORD, TOO_LONG};
use super::paths::{PathTree, Shape};
use super::{PageRead, RawRow, Record, Sink, Value, without_mark};

/// Lines looked at for fields that nobody asked for.
const FIRST_LINES: usize = 100;

/// Digits of a whole number that is read in place.
const MOST_DIGITS: usize = 18;

/// Takes the lines of a block apart.
#[derive(Debug)]
pub(crate) struct JsonLines {
    /// The complete reader.
    tree: PathTree,
    /// Fields asked for.
    fields: Vec<String>,
}

/// A name met in a plain line.
#[derive(Debug)]
struct Known {
    /// The name, in quotes.
    quoted: String,
    /// Where its value goes, if it is asked for.
    slot: Option<usize>,
}

/// Reads plain lines; it remembers the names of the line before.
#[derive(Debug)]
struct Plain<'l> {
    /// What is asked for.
    lines: &'l JsonLines,
    /// Names in the order met.
    known: Vec<Known>,
}

/// What a reader of plain lines says of a line that is not plain.
struct NotPlain;

/// Readers for these fields.
pub(super) fn open(fields: &[String]) -> (PageRead, JsonLines) {
    let lines = JsonLines {
        tree: PathTree::new(fields),
        fields: fields.to_vec(),
    };
    (PageRead::default(), lines)
}

impl JsonLines {
    /// Reads a page that is wholly in memory.
    pub(super) fn read_whole(&self, bytes: &[u8], sink: &mut Sink<'_>) -> PageRead {
        let bytes = without_mark(bytes);
        let mut read = PageRead {
            unknown_fields: self.unknown_fields(bytes),
            ..PageRead::default()
        };
        self.rows(bytes, 1, &mut |row| {
            read.n_rows += 1;
            sink(row);
        });
        read
    }

    /// Hands over the lines of a block; one that cannot be read is a broken row, so no page fails.
    pub(super) fn rows(&self, bytes: &[u8], first_line: u64, sink: &mut Sink<'_>) {
        let mut plain = Plain {
            lines: self,
            known: Vec::new(),
        };
        let mut values = vec![Value::Absent; self.fields.len()];
        for (place, line) in (first_line..).zip(lines_of(bytes)) {
            if is_blank(line) {
                continue;
            }
            values.fill(Value::Absent);
            let record = match self.take_apart(&mut plain, line, &mut values) {
                Ok(()) => Record::Fields(&values),
                Err(rule) => Record::Broken(rule),
            };
            sink(RawRow { place, record });
        }
    }

    /// Reads one line into `values`, or says why it cannot be.
    fn take_apart<'l>(
        &self,
        plain: &mut Plain<'_>,
        line: &'l [u8],
        values: &mut [Value<'l>],
    ) -> Result<(), &'static str> {
        if line.len() > MOST_RECORD {
            return Err(TOO_LONG);
        }
        let text = std::str::from_utf8(line).map_err(|_| "bad_encoding")?;
        if plain.read(text, values).is_ok() {
            return Ok(());
        }
        values.fill(Value::Absent);
        match self.tree.read(text, values) {
            Ok(Shape::Object) => Ok(()),
            Ok(Shape::Other) => Err("not_an_object"),
            Err(_) => Err("broken_json"),
        }
    }

    /// Names in the first lines that nobody asked for, in the order met.
    pub(super) fn unknown_fields(&self, bytes: &[u8]) -> Vec<String> {
        let first_steps = self.fields.iter().map(|field| field.split('.').next());
        let asked: Vec<&str> = first_steps.flatten().collect();
        let first = lines_of(bytes).take(FIRST_LINES);
        let objects = first.filter_map(|line| serde_json::from_slice(line).ok());
        let names = objects.flat_map(|object: serde_json::Map<_, _>| {
            let members = object.into_iter();
            members.map(|(name, _)| name)
        });
        let mut unknown: Vec<String> = Vec::new();
        for name in names.filter(|name| !asked.contains(&name.as_str())) {
            if !unknown.contains(&name) {
                unknown.push(name);
            }
        }
        unknown
    }
}

/// Lines of bytes, without their ends.
fn lines_of(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = memchr(b'\n', rest).unwrap_or(rest.len());
        let line = rest.get(..end).unwrap_or_default();
        rest = rest.get(end + 1..).unwrap_or_default();
        Some(line)
    })
}

/// Whether a line holds nothing but white space.
fn is_blank(line: &[u8]) -> bool {
    line.first() != Some(&b'{') && line.iter().all(u8::is_ascii_whitespace)
}

impl Plain<'_> {
    /// Reads a plain line into `values`; of any other line it leaves them half filled.
    fn read<'l>(&mut self, text: &'l str, values: &mut [Value<'l>]) -> Result<(), NotPlain> {
        let text = text.strip_suffix('\r').unwrap_or(text);
        // No control character may stand in a text, and white space is left to the other reader.
        let least = text.bytes().fold(u8::MAX, u8::min);
        let mut rest = text.strip_prefix('{').ok_or(NotPlain)?;
        if least < b' ' || rest.starts_with('}') {
            return Err(NotPlain);
        }
        let mut turn = 0;
        loop {
            let (slot, behind) = self.name(rest, turn)?;
            let (value, behind) = plain_value(behind.trim_start_matches(' '))?;
            if let Some(place) = slot.and_then(|slot| values.get_mut(slot)) {
                *place = value;
            }
            turn += 1;
            match behind.as_bytes() {
                [b',', ..] => rest = behind.get(1..).ok_or(NotPlain)?.trim_start_matches(' '),
                [b'}'] => return Ok(()),
                _ => return Err(NotPlain),
            }
        }
    }

    /// Reads a name and the colon behind it: the slot of its value, and what comes behind.
    fn name<'l>(
        &mut self,
        text: &'l str,
        turn: usize,
    ) -> Result<(Option<usize>, &'l str), NotPlain> {
        if let Some(known) = self.known.get(turn)
            && let Some(behind) = text.strip_prefix(known.quoted.as_str())
            && let Some(behind) = behind.strip_prefix(':')
        {
            return Ok((known.slot, behind));
        }
        let inside = text.strip_prefix('"').ok_or(NotPlain)?;
        let end = memchr2(b'"', b'\\', inside.as_bytes()).ok_or(NotPlain)?;
        let name = inside.get(..end).ok_or(NotPlain)?;
        let behind = inside
            .get(end..)
            .and_then(|quote| quote.strip_prefix("\":"));
        let slot = self.lines.tree.slot(name);
        if self.known.len() == turn {
            self.known.push(Known {
                quoted: format!("\"{name}\""),
                slot,
            });
        }
        Ok((slot, behind.ok_or(NotPlain)?))
    }
}

/// Reads a value that is plain, and gives what comes behind.
fn plain_value(text: &str) -> Result<(Value<'_>, &str), NotPlain> {
    match text.as_bytes().first() {
        Some(b'"') => {
            let inside = text.get(1..).ok_or(NotPlain)?;
            let end = memchr2(b'"', b'\\', inside.as_bytes()).ok_or(NotPlain)?;
            let value = inside.get(..end).ok_or(NotPlain)?;
            let behind = inside.get(end..).and_then(|quote| quote.strip_prefix('"'));
            Ok((Value::Text(value), behind.ok_or(NotPlain)?))
        }
        Some(b'0'..=b'9' | b'-') => plain_number(text),
        Some(b'n') => Ok((Value::Absent, text.strip_prefix("null").ok_or(NotPlain)?)),
        Some(b't') => Ok((
            Value::Flag(true),
            text.strip_prefix("true").ok_or(NotPlain)?,
        )),
        Some(b'f') => Ok((
            Value::Flag(false),
            text.strip_prefix("false").ok_or(NotPlain)?,
        )),
        _ => Err(NotPlain),
    }
}

/// Reads a whole number of not too many digits.
fn plain_number(text: &str) -> Result<(Value<'_>, &str), NotPlain> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let mut number: i64 = 0;
    let mut n_digits = 0;
    for byte in unsigned
        .bytes()
        .take_while(u8::is_ascii_digit)
        .take(MOST_DIGITS + 1)
    {
        number = number.wrapping_mul(10).wrapping_add(i64::from(byte - b'0'));
        n_digits += 1;
    }
    let is_negative = unsigned.len() < text.len();
    let behind = unsigned.get(n_digits..).ok_or(NotPlain)?;
    let is_whole = matches!(behind.as_bytes().first(), Some(b',' | b'}'));
    // A zero in front of other digits is not JSON, and a negative zero is no whole number.
    let has_leading_zero = unsigned.starts_with('0') && (n_digits > 1 || is_negative);
    if !is_whole || has_leading_zero || !(1..=MOST_DIGITS).contains(&n_digits) {
        return Err(NotPlain);
    }
    let number = if is_negative { -number } else { number };
    Ok((Value::Integer(number), behind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What the two readers say of a line, for some fields; `None` if the first passes it on.
    fn both(line: &str) -> (Option<Vec<Value<'_>>>, Option<Vec<Value<'_>>>) {
        let fields = ["a", "b", "c.d", "e"].map(str::to_owned);
        let (_, lines) = open(&fields);
        let mut plain = Plain {
            lines: &lines,
            known: Vec::new(),
        };
        let mut one = vec![Value::Absent; fields.len()];
        let is_plain = plain.read(line, &mut one).is_ok();
        let mut other = vec![Value::Absent; fields.len()];
        let is_object = matches!(lines.tree.read(line, &mut other), Ok(Shape::Object));
        (is_plain.then_some(one), is_object.then_some(other))
    }

    #[test]
    fn plain_lines_are_read_in_place() {
        let line = r#"{"b": -12, "a":"x y","z":true,"c":7,"e":null}"#;
        let (plain, _) = both(line);
        let expected = vec![
            Value::Text("x y"),
            Value::Integer(-12),
            Value::Absent,
            Value::Absent,
        ];
        assert_eq!(plain, Some(expected));
        for line in [
            r#"{"a":1.5}"#,
            r#"{"a":"\n"}"#,
            r#"{"a":[1]}"#,
            r#"{"a":01}"#,
            "{}",
        ] {
            assert_eq!(both(line).0, None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn a_plain_line_means_what_the_complete_reader_says(
            members in proptest::collection::vec(("\"(a|b|c|e|c\\.d)\"[ ]{0,1}", "(\"[a-zè\\\\ \"]{0,3}\"|-?[0-9]{1,20}|-0|1e3|true|null|fals|\\{\\}|\\[\\]| [0-9]|\t1)"), 0..4),
            tail in "(\\}|\\} |\\},|\\]|\\}\\r|)",
        ) {
            let members: Vec<String> = members.iter().map(|(name, value)| format!("{name}:{value}")).collect();
            let line = format!("{{{}{tail}", members.join(","));
            let (plain, complete) = both(&line);
            if plain.is_some() {
                prop_assert_eq!(plain, complete, "{}", line);
            }
        }
    }
}
