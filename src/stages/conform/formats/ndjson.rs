//! One JSON object per line.
//!
//! Most lines are plain: one object of texts without escapes, whole numbers, yes, no and nulls, its
//! names in the order of the line before. Such a line is read where it lies: what stands between
//! two values is compared as a whole with what stood there before, and texts end where a quote was
//! marked. Any other line goes to the complete reader ([`PathTree`]), which says the same of a
//! plain one; a test holds that.
//!
//! ```text
//! {"id":7,"comune":"Stresa","ore":null}
//! ╰─┬──╯ ╰───┬────╯        ╰──┬──╯          joints: each says which value comes next
//! ```

use memchr::memchr;

use super::blocks::{MOST_RECORD, TOO_LONG};
use super::marks::{self, TextEnds};
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

/// Values that are words.
const WORDS: [(&str, Value<'static>); 3] = [
    ("null", Value::Absent),
    ("true", Value::Flag(true)),
    ("false", Value::Flag(false)),
];

/// Joints that are remembered.
const MOST_JOINTS: usize = 1000;

/// Joints that a line may leave out and still be recognized behind them.
const MOST_LEFT_OUT: usize = 8;

/// Bytes of a joint that are compared at once.
const HEAD: usize = 16;

/// What stands between two values of a plain line: punctuation, a name, a colon, blanks.
#[derive(Debug)]
struct Joint {
    /// Its first bytes as a number, zeros behind it.
    head: u128,
    /// Ones where it has bytes.
    mask: u128,
    /// All its bytes.
    bytes: Box<[u8]>,
    /// Where the value behind it goes; if it is not asked for, behind all that are.
    slot: usize,
}

/// Reads plain lines; it remembers the joints of the lines before.
#[derive(Debug)]
struct Plain<'l> {
    /// What is asked for.
    lines: &'l JsonLines,
    /// Joints in their order.
    known: Vec<Joint>,
}

/// Whole lines of text.
#[derive(Debug, Clone, Copy)]
struct Run<'t>(&'t str);

/// Where the reading of a block stands.
struct Reading<'l, 't> {
    /// Reads plain lines.
    plain: Plain<'l>,
    /// Values of the line that is being read, and one more place for those that nobody asked for.
    values: Vec<Value<'t>>,
    /// Its number.
    line: u64,
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
        let mut reading = Reading {
            plain: Plain::new(self),
            values: vec![Value::Absent; self.fields.len() + 1],
            line: first_line,
        };
        for piece in marks::pieces(bytes, *b"\n\n") {
            match std::str::from_utf8(piece) {
                Ok(text) => reading.rows(text, sink),
                Err(_) => reading.mixed_rows(piece, sink),
            }
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

impl<'t> Reading<'_, 't> {
    /// Hands over lines of which some are not UTF-8.
    fn mixed_rows(&mut self, bytes: &'t [u8], sink: &mut Sink<'_>) {
        for line in lines_of(bytes) {
            if let Ok(text) = std::str::from_utf8(line) {
                self.rows(text, sink);
                self.line += u64::from(text.is_empty());
                continue;
            }
            let is_too_long = line.len() > MOST_RECORD;
            let rule = if is_too_long {
                TOO_LONG
            } else {
                "bad_encoding"
            };
            self.hand_over(Err(rule), sink);
        }
    }

    /// Hands over whole lines.
    fn rows(&mut self, text: &'t str, sink: &mut Sink<'_>) {
        let run = Run(text);
        let mut start = 0;
        while start < text.len() {
            for value in &mut self.values {
                *value = Value::Absent;
            }
            let end = self.plain.read(run, start, &mut self.values);
            if let Some(end) = end.ok().filter(|end| end - start <= MOST_RECORD) {
                self.hand_over(Ok(()), sink);
                start = end + 1;
                continue;
            }
            let rest = text.get(start..).unwrap_or_default();
            let end = memchr(b'\n', rest.as_bytes()).unwrap_or(rest.len());
            self.row(rest.get(..end).unwrap_or_default(), sink);
            start += end + 1;
        }
    }

    /// Hands over a line that is not plain.
    fn row(&mut self, line: &'t str, sink: &mut Sink<'_>) {
        if is_blank(line.as_bytes()) {
            self.line += 1;
            return;
        }
        self.values.fill(Value::Absent);
        let is_too_long = line.len() > MOST_RECORD;
        let read = (!is_too_long).then(|| self.plain.lines.tree.read(line, &mut self.values));
        let record = match read {
            Some(Ok(Shape::Object)) => Ok(()),
            Some(Ok(Shape::Other)) => Err("not_an_object"),
            Some(Err(_)) => Err("broken_json"),
            None => Err(TOO_LONG),
        };
        self.hand_over(record, sink);
    }

    /// Hands over the line that was read, or why it cannot be.
    fn hand_over(&mut self, read: Result<(), &'static str>, sink: &mut Sink<'_>) {
        let record = match read {
            Ok(()) => Record::Fields(self.values.split_last().map_or(&[], |(_, asked)| asked)),
            Err(rule) => Record::Broken(rule),
        };
        sink(RawRow {
            place: self.line,
            record,
        });
        self.line += 1;
    }
}

impl Joint {
    /// Remembers these bytes.
    fn new(bytes: &[u8], slot: usize) -> Self {
        let mut head = [0; HEAD];
        let mut mask = [0; HEAD];
        for ((byte, one), found) in head.iter_mut().zip(&mut mask).zip(bytes) {
            (*byte, *one) = (*found, u8::MAX);
        }
        Self {
            head: u128::from_le_bytes(head),
            mask: u128::from_le_bytes(mask),
            bytes: bytes.into(),
            slot,
        }
    }

    /// Where it ends, if it stands at `start`.
    #[inline]
    fn end(&self, bytes: &[u8], start: usize) -> Option<usize> {
        let rest = bytes.get(start..)?;
        let is_here = match rest.first_chunk::<HEAD>() {
            Some(first) if self.bytes.len() <= HEAD => {
                u128::from_le_bytes(*first) & self.mask == self.head
            }
            Some(first) => {
                u128::from_le_bytes(*first) == self.head && rest.starts_with(&self.bytes)
            }
            None => rest.starts_with(&self.bytes),
        };
        is_here.then_some(start + self.bytes.len())
    }
}

impl<'t> Run<'t> {
    /// One byte.
    #[inline]
    fn byte(self, place: usize) -> Option<u8> {
        self.0.as_bytes().get(place).copied()
    }

    /// Behind a byte that has to stand at `place`.
    fn behind(self, byte: u8, place: usize) -> Result<usize, NotPlain> {
        let is_there = self.byte(place) == Some(byte);
        is_there.then_some(place + 1).ok_or(NotPlain)
    }

    /// Behind the blanks at `place`.
    fn behind_blanks(self, place: usize) -> usize {
        let rest = self.0.as_bytes().get(place..).unwrap_or_default();
        place + rest.iter().take_while(|byte| **byte == b' ').count()
    }

    /// Where the text ends that begins at `start`, if it has no escapes.
    #[inline]
    fn text_end(self, start: usize) -> Result<usize, NotPlain> {
        let end = marks::first_from(self.0.as_bytes(), start, TextEnds).ok_or(NotPlain)?;
        let is_quote = self.byte(end) == Some(b'"');
        is_quote.then_some(end).ok_or(NotPlain)
    }

    /// Where the line ends whose object has ended before `place`; a `\r` may come before its end.
    #[inline]
    fn line_end(self, place: usize) -> Result<usize, NotPlain> {
        let end = place + usize::from(self.byte(place) == Some(b'\r'));
        let is_end = matches!(self.byte(end), None | Some(b'\n'));
        is_end.then_some(end).ok_or(NotPlain)
    }

    /// Reads the plain value at `start` into `place`, and gives where it ends.
    #[inline]
    fn value(self, start: usize, place: &mut Value<'t>) -> Result<usize, NotPlain> {
        match self.byte(start) {
            Some(b'"') => {
                let end = self.text_end(start + 1)?;
                place.put(Value::Text(self.0.get(start + 1..end).ok_or(NotPlain)?));
                Ok(end + 1)
            }
            Some(b'0'..=b'9' | b'-') => {
                let (number, end) = self.number(start)?;
                place.put(Value::Integer(number));
                Ok(end)
            }
            _ => {
                let (value, end) = self.word(start)?;
                place.put(value);
                Ok(end)
            }
        }
    }

    /// Reads a value that is a word, and gives where it ends.
    #[inline(never)]
    fn word(self, start: usize) -> Result<(Value<'t>, usize), NotPlain> {
        let rest = self.0.as_bytes().get(start..).unwrap_or_default();
        let mut words = WORDS.iter();
        let found = words.find(|(word, _)| rest.starts_with(word.as_bytes()));
        let (word, value) = found.ok_or(NotPlain)?;
        Ok((value.clone(), start + word.len()))
    }

    /// Reads a whole number of not too many digits, and gives where it ends.
    #[inline]
    fn number(self, start: usize) -> Result<(i64, usize), NotPlain> {
        let is_negative = self.byte(start) == Some(b'-');
        let first = start + usize::from(is_negative);
        let digits = self.0.as_bytes().get(first..).ok_or(NotPlain)?;
        let (number, n_digits) = few_digits(digits).unwrap_or_else(|| any_digits(digits));
        // A zero in front of other digits is not JSON, and a negative zero is no whole number.
        let has_leading_zero = self.byte(first) == Some(b'0') && (n_digits > 1 || is_negative);
        if has_leading_zero || !(1..=MOST_DIGITS).contains(&n_digits) {
            return Err(NotPlain);
        }
        let number = if is_negative { -number } else { number };
        Ok((number, first + n_digits))
    }
}

/// The number that bytes begin with, and how many digits it has, if they are fewer than eight.
///
/// All digits are looked at together, so that the processor need not guess how many there are:
/// neighbors become pairs, pairs fours, fours the number.
#[inline]
fn few_digits(bytes: &[u8]) -> Option<(i64, usize)> {
    let values = u64::from_le_bytes(*bytes.first_chunk()?) ^ 0x3030_3030_3030_3030;
    // The high bit of a byte is set if it is no digit; behind the first such byte it may err.
    let others = (values.wrapping_add(0x7676_7676_7676_7676) | values) & 0x8080_8080_8080_8080;
    let n_digits = others.trailing_zeros() / 8;
    let digits = values.checked_shl(64 - 8 * n_digits).unwrap_or(0);
    let pairs = (digits.wrapping_mul(10).wrapping_add(digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(100).wrapping_add(pairs >> 16)) & 0x0000_ffff_0000_ffff;
    let number = (fours.wrapping_mul(10_000).wrapping_add(fours >> 32)) & 0xffff_ffff;
    (others != 0).then_some((number.cast_signed(), n_digits as usize))
}

/// The number that bytes begin with, and how many digits it has; wrong if it has too many.
#[cold]
#[inline(never)]
fn any_digits(bytes: &[u8]) -> (i64, usize) {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit());
    digits
        .take(MOST_DIGITS + 1)
        .fold((0, 0), |(number, n_digits), byte| {
            let next = i64::wrapping_mul(number, 10).wrapping_add(i64::from(*byte - b'0'));
            (next, n_digits + 1)
        })
}

impl<'l> Plain<'l> {
    /// A reader that knows no joints yet.
    fn new(lines: &'l JsonLines) -> Self {
        Self {
            lines,
            known: Vec::new(),
        }
    }

    /// Reads the plain line at `start` into `values`, of which the last takes what nobody asked for,
    /// and gives where it ends; of any other line it leaves them half filled.
    #[inline(never)]
    fn read<'t>(
        &mut self,
        run: Run<'t>,
        start: usize,
        values: &mut [Value<'t>],
    ) -> Result<usize, NotPlain> {
        run.behind(b'{', start)?;
        let (mut at, mut turn) = (start, 0);
        loop {
            let (slot, value_start) = match self.known.get(turn) {
                Some(joint) if let Some(end) = joint.end(run.0.as_bytes(), at) => (joint.slot, end),
                _ => self.joint(run, at, &mut turn)?,
            };
            let place = values.get_mut(slot).ok_or(NotPlain)?;
            let end = run.value(value_start, place)?;
            match run.byte(end) {
                Some(b',') => (at, turn) = (end, turn + 1),
                Some(b'}') => return run.line_end(end + 1),
                _ => return Err(NotPlain),
            }
        }
    }

    /// Reads a joint that does not stand where the lines before had it: the slot of the value
    /// behind it, and where that begins. Brings `turn` up to it.
    #[cold]
    fn joint(
        &mut self,
        run: Run<'_>,
        start: usize,
        turn: &mut usize,
    ) -> Result<(usize, usize), NotPlain> {
        let bytes = run.0.as_bytes();
        let next = self
            .known
            .iter()
            .enumerate()
            .skip(*turn)
            .take(MOST_LEFT_OUT);
        for (place, joint) in next {
            if let Some(end) = joint.end(bytes, start) {
                *turn = place;
                return Ok((joint.slot, end));
            }
        }
        let begin = if run.byte(start) == Some(b'{') {
            start + 1
        } else {
            run.behind_blanks(run.behind(b',', start)?)
        };
        let name_start = run.behind(b'"', begin)?;
        let name_end = run.text_end(name_start)?;
        let name = run.0.get(name_start..name_end).ok_or(NotPlain)?;
        let end = run.behind_blanks(run.behind(b':', name_end + 1)?);
        let slot = self
            .lines
            .tree
            .slot(name)
            .unwrap_or(self.lines.fields.len());
        if self.known.len() < MOST_JOINTS {
            let joint = Joint::new(bytes.get(start..end).unwrap_or_default(), slot);
            self.known.insert((*turn).min(self.known.len()), joint);
        }
        Ok((slot, end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What the two readers say of a line, for some fields; `None` if the first passes it on.
    fn both(line: &str) -> (Option<Vec<Value<'_>>>, Option<Vec<Value<'_>>>) {
        let fields = ["a", "b", "c.d", "e"].map(str::to_owned);
        let (_, lines) = open(&fields);
        let mut plain = Plain::new(&lines);
        let mut one = vec![Value::Absent; fields.len() + 1];
        let run = Run(line);
        let end = plain.read(run, 0, &mut one);
        let is_plain = end.is_ok_and(|end| end == line.len());
        one.truncate(fields.len());
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

    /// Rows of a block for the fields `a` and `b`: the line, and the values or the rule broken.
    fn rows(bytes: &[u8]) -> Vec<(u64, Result<[String; 2], &'static str>)> {
        let (_, lines) = open(&["a", "b"].map(str::to_owned));
        let mut rows = Vec::new();
        lines.rows(bytes, 1, &mut |row| {
            rows.push(match row.record {
                Record::Fields([a, b]) => {
                    let texts = [a, b].map(|value| value.text(&mut String::new()).to_owned());
                    (row.place, Ok(texts))
                }
                Record::Fields(_) => (row.place, Err("not two values")),
                Record::Broken(rule) => (row.place, Err(rule)),
            });
        });
        rows
    }

    #[test]
    fn members_may_be_left_out_and_come_again() {
        let block = [
            "{\"a\":1}",
            "{\"a\":2,\"a long name of more than sixteen bytes\":[],\"b\":\"x\"}",
            "{\"b\": \"y\", \"a\": 3}\r",
            "",
            "{\"a\":4,\"b\":\"z\"{\"a\":5}",
            "{\"a\":6,\"b\":\"z\"}",
        ];
        let kept = |a: &str, b: &str| Ok([a, b].map(str::to_owned));
        let expected = [
            (1, kept("1", "")),
            (2, kept("2", "x")),
            (3, kept("3", "y")),
            (5, Err("broken_json")),
            (6, kept("6", "z")),
        ];
        assert_eq!(rows(block.join("\n").as_bytes()), expected);
    }

    #[test]
    fn a_line_that_is_not_utf_8_is_broken_and_the_others_are_read() {
        let found = rows(b"{\"a\":1}\n\n{\"a\":\"\xff\"}\n\n{\"b\":2}");
        let kept = |a: &str, b: &str| Ok([a, b].map(str::to_owned));
        let expected = [
            (1, kept("1", "")),
            (3, Err("bad_encoding")),
            (5, kept("", "2")),
        ];
        assert_eq!(found, expected);
    }

    proptest! {
        #[test]
        fn few_digits_are_read_together_as_one_by_one(text in "[0-9]{0,9}[,}.:/è \u{7f}]{0,9}") {
            let bytes = text.as_bytes();
            if let Some(found) = few_digits(bytes) {
                prop_assert_eq!(found, any_digits(bytes));
            }
        }

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
