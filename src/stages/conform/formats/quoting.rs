//! Records of delimited text whose quotes do not hold one field each.
//!
//! ```text
//! S8;"due righe;2⏎          never closed            open_quote, where the quote opens
//! S8;"due" righe;2⏎         more behind the quote   text_after_quote
//! S8;1;"due⏎S9;2;tre⏎x"⏎    a line of the table     swallowed_lines
//! ```
//!
//! Each is how a quote too many or too few looks. What it encloses may be the records of others,
//! which no column of texts may hold, so the record is refused as a whole.

use memchr::{memchr, memchr_iter, memchr2, memchr3, memrchr2};

use crate::spec::format::CsvMarks;

/// What is wrong with the quotes of a record; of several the last one named here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    /// A quoted field holds a whole line with as many delimiters as the header.
    SwallowedLines,
    /// More than blanks stands between a closing quote and the end of its field.
    TextAfterQuote,
    /// A quote is never closed.
    OpenQuote {
        /// Line ends of the record before it.
        n_lines: u64,
    },
}

impl Fault {
    /// A quote that opens behind these bytes of a record and is never closed.
    fn open_behind(before: &[u8]) -> Self {
        Self::OpenQuote {
            n_lines: memchr_iter(b'\n', before).count() as u64,
        }
    }

    /// The rule of the record that has it.
    pub(super) fn rule(self) -> &'static str {
        match self {
            Self::SwallowedLines => "swallowed_lines",
            Self::TextAfterQuote => "text_after_quote",
            Self::OpenQuote { .. } => "open_quote",
        }
    }

    /// Lines between the start of the record and the fault.
    pub(super) fn n_lines(self) -> u64 {
        match self {
            Self::OpenQuote { n_lines } => n_lines,
            Self::SwallowedLines | Self::TextAfterQuote => 0,
        }
    }
}

/// What is needed to judge the quotes of a record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quoting {
    /// Bytes with a meaning.
    pub(super) marks: CsvMarks,
    /// Fields of the header.
    pub(super) n_names: usize,
}

impl Quoting {
    /// What is wrong with the quotes of one record, given as it is written.
    pub(super) fn fault(self, record: &[u8]) -> Option<Fault> {
        let quote = self.marks.quote?;
        memchr(quote, record)?;
        let start = self.first_byte(record);
        let (mut at, mut found) = (start, None);
        loop {
            let mut end = self.field_end(record, at);
            if record.get(at) == Some(&quote) {
                let close = self.closing(quote, record, at + 1);
                end = self.field_end(record, close.map_or(record.len(), |close| close + 1));
                let fault = match close {
                    Some(close) => self.of_field(record, (at + 1, close), end),
                    None => record.get(start..at).map(Fault::open_behind),
                };
                found = found.max(fault);
            }
            if record.get(end) != Some(&self.marks.delimiter) {
                return found;
            }
            at = end + 1;
        }
    }

    /// What is wrong with a field whose text lies between two quotes and which ends at `end`.
    fn of_field(self, record: &[u8], inside: (usize, usize), end: usize) -> Option<Fault> {
        let after = record.get(inside.1 + 1..end).unwrap_or_default();
        if after.iter().any(|byte| !matches!(byte, b' ' | b'\t')) {
            return Some(Fault::TextAfterQuote);
        }
        let text = record.get(inside.0..inside.1).unwrap_or_default();
        let whole = if record.get(end) == Some(&self.marks.delimiter) {
            memrchr2(b'\n', b'\r', text).unwrap_or_default()
        } else {
            // Nothing follows the text in its record, so its last line is whole too.
            text.len()
        };
        let lines = text.get(..whole).unwrap_or_default();
        self.swallows(lines).then_some(Fault::SwallowedLines)
    }

    /// Whether one of some lines but the first could be a record.
    fn swallows(self, lines: &[u8]) -> bool {
        let n_delimiters = self.n_names.saturating_sub(1);
        let is_record = |line: &[u8]| {
            n_delimiters >= 2 && memchr_iter(self.marks.delimiter, line).count() == n_delimiters
        };
        let mut lines = lines.split(|byte| matches!(byte, b'\n' | b'\r')).skip(1);
        lines.any(is_record)
    }

    /// Where a record begins behind blank lines and comments.
    pub(super) fn first_byte(self, record: &[u8]) -> usize {
        let mut at = 0;
        while let Some(byte) = record.get(at).copied() {
            if self.marks.comment == Some(byte) {
                let rest = record.get(at..).unwrap_or_default();
                at += memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
            } else if matches!(byte, b'\n' | b'\r') {
                at += 1;
            } else {
                return at;
            }
        }
        at
    }

    /// The quote that closes a field; `None` if none does.
    fn closing(self, quote: u8, record: &[u8], start: usize) -> Option<usize> {
        let escape = self.marks.escape.unwrap_or(quote);
        let mut at = start;
        loop {
            let found = at + memchr2(quote, escape, record.get(at..)?)?;
            let is_quote = record.get(found) == Some(&quote);
            if is_quote && record.get(found + 1) != Some(&quote) {
                return Some(found);
            }
            at = found + 2;
        }
    }

    /// Where a field without quotes ends.
    fn field_end(self, record: &[u8], start: usize) -> usize {
        let rest = record.get(start..).unwrap_or_default();
        let end = memchr3(self.marks.delimiter, b'\n', b'\r', rest);
        start + end.unwrap_or(rest.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rule that a record of three fields breaks.
    fn rule(toml: &str, record: &str) -> Option<&'static str> {
        let options: crate::spec::format::CsvFormat = toml::from_str(toml).unwrap();
        let quoting = Quoting {
            marks: options.marks().unwrap(),
            n_names: 3,
        };
        quoting.fault(record.as_bytes()).map(Fault::rule)
    }

    #[test]
    fn quotes_too_many_or_too_few_are_told_from_good_ones() {
        for (record, expected) in [
            ("1,2,3\n", None),
            ("1,5\" pipe,3\n", None),
            ("1,\"a \"\"b\"\"\",\"\"\n", None),
            ("1,\"a\" ,\"b\"\t\r\n", None),
            ("1,\"two\nlines, and\nmore\",3\n", None),
            ("1,2,\"two\r\nlines, more\"\r\n", None),
            ("1,2,\"x\n4,5,6\n7,8,9\n", Some("open_quote")),
            ("1,\"", Some("open_quote")),
            ("1,\"a\"b,\"", Some("open_quote")),
            ("1,\"a\"b,3\n", Some("text_after_quote")),
            ("1,\"a\"b\"c\",3\n", Some("text_after_quote")),
            ("1,2,\"x\n4,5,6\n7,8,\"y\"\n", Some("text_after_quote")),
            ("1,2,\"x\n4,5,6\n7\"\n", Some("swallowed_lines")),
            ("1,\"x\r\n4,5,6\r\n7,8\",9\r\n", Some("swallowed_lines")),
            ("1,2,\"x\r4,\"\"\"\",6\"\r", Some("swallowed_lines")),
            ("1,2,\"x\n4,5,\"\n", Some("swallowed_lines")),
        ] {
            assert_eq!(rule("", record), expected, "{record:?}");
        }
    }

    #[test]
    fn quotes_are_judged_by_the_marks_declared() {
        for (toml, record, expected) in [
            ("quote = 'none'", "1,\"2,3\n", None),
            ("quote = 'single'", "1,\"2,'3'\n", None),
            ("quote = 'single'", "1,'2'x,3\n", Some("text_after_quote")),
            ("escape = '\\'", "1,\"a\\\"\n,b\",3\n", None),
            ("escape = '\\'", "1,\"a\\\",3\n", Some("open_quote")),
            ("comment = '#'", "\n# \"\n1,2,3\n", None),
            ("delimiter = ';'", "1;2;\"x\na,b,c\"\n", None),
        ] {
            assert_eq!(rule(toml, record), expected, "{toml} {record:?}");
        }
    }
}
