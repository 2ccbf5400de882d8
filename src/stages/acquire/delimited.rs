//! Records of delimited text, counted without taking fields apart: from one byte that opens, closes
//! or ends something to the next.

use memchr::{memchr, memchr2, memchr3};

use super::count::{Count, unverified};
use crate::spec::format::{CsvFormat, CsvMarks};

/// Where a scan of delimited text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scan {
    /// At the start of a record.
    Record,
    /// At the start of a field.
    Field,
    /// In a field without quotes.
    Plain,
    /// In a field with quotes.
    Quoted,
    /// After an escape in a field with quotes.
    Escaped,
    /// After a quote in a field with quotes: the end of it, or half of a doubled quote.
    Closing,
    /// In a line that is no record.
    Comment,
}

/// Records of delimited text, fed piece by piece: line ends outside quotes, without titles, the
/// header, comments and blank lines.
#[derive(Debug)]
pub(crate) struct LineCount {
    /// Characters with a meaning.
    marks: CsvMarks,
    /// Lines of titles still to pass over.
    n_titles: u32,
    /// Where the scan stands.
    scan: Scan,
    /// Records so far, the header among them.
    n_records: u64,
}

impl LineCount {
    /// A count that has seen nothing; `None` if a mark is not an ASCII character.
    pub(crate) fn new(options: &CsvFormat) -> Option<Self> {
        Some(Self {
            marks: options.marks()?,
            n_titles: options.header_row.saturating_sub(1),
            scan: Scan::Record,
            n_records: 0,
        })
    }

    /// Looks at some more bytes.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some((byte, after)) = self.past_whole_records(rest).split_first() {
            rest = after;
            if self.n_titles > 0 {
                self.n_titles -= u32::from(*byte == b'\n');
                continue;
            }
            self.step(*byte);
            let (dull, after) = rest.split_at(self.n_dull(rest));
            self.pass_over(dull);
            rest = after;
        }
    }

    /// Counts records that are here whole and without a quote, and gives what comes after them.
    ///
    /// Most records are, and each takes one search instead of a step for its first byte, one for
    /// its last and a search between.
    fn past_whole_records<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let mut rest = bytes;
        if self.scan != Scan::Record || self.n_titles > 0 {
            return rest;
        }
        let quote = self.marks.quote.unwrap_or(b'\n');
        let begins =
            |first: u8| !matches!(first, b'\n' | b'\r') && self.marks.comment != Some(first);
        while rest.first().is_some_and(|first| begins(*first)) {
            let end = memchr3(b'\n', b'\r', quote, rest);
            match end.and_then(|end| rest.split_at_checked(end)) {
                Some((_, [b'\n' | b'\r', after @ ..])) => rest = after,
                Some(_) | None => break,
            }
            self.n_records += 1;
        }
        rest
    }

    /// Looks at one byte.
    fn step(&mut self, byte: u8) {
        let next = next_scan(self.scan, byte, self.marks);
        let is_end = next == Scan::Record && self.scan != Scan::Record;
        self.n_records += u64::from(is_end && self.scan != Scan::Comment);
        self.scan = next;
    }

    /// How many bytes come first that open, close or end nothing.
    fn n_dull(&self, bytes: &[u8]) -> usize {
        let quote = self.marks.quote.unwrap_or(b'\n');
        let first = match self.scan {
            Scan::Plain | Scan::Field => memchr3(b'\n', b'\r', quote, bytes),
            Scan::Quoted => memchr2(quote, self.marks.escape.unwrap_or(quote), bytes),
            Scan::Comment => memchr(b'\n', bytes),
            Scan::Record | Scan::Escaped | Scan::Closing => Some(0),
        };
        first.unwrap_or(bytes.len())
    }

    /// Passes over such bytes: outside of quotes the last one says whether a field begins.
    fn pass_over(&mut self, dull: &[u8]) {
        if let (Scan::Plain | Scan::Field, Some(last)) = (self.scan, dull.last()) {
            self.scan = next_scan(Scan::Plain, *last, self.marks);
        }
    }

    /// The count after the last byte.
    pub(crate) fn finish(self) -> Count {
        let n_records = match self.scan {
            Scan::Quoted | Scan::Escaped => {
                return unverified("a quote is opened and never closed");
            }
            Scan::Record | Scan::Comment => self.n_records,
            Scan::Field | Scan::Plain | Scan::Closing => self.n_records + 1,
        };
        Count::Verified(n_records.saturating_sub(1))
    }
}

/// Where a scan stands after one more byte.
fn next_scan(scan: Scan, byte: u8, marks: CsvMarks) -> Scan {
    let is_line_end = byte == b'\n' || byte == b'\r';
    let is_quote = marks.quote == Some(byte);
    match scan {
        Scan::Quoted if marks.escape == Some(byte) => Scan::Escaped,
        Scan::Quoted if is_quote => Scan::Closing,
        Scan::Quoted | Scan::Escaped => Scan::Quoted,
        Scan::Comment if byte == b'\n' => Scan::Record,
        Scan::Comment => Scan::Comment,
        Scan::Record if marks.comment == Some(byte) => Scan::Comment,
        Scan::Closing | Scan::Record | Scan::Field if is_quote => Scan::Quoted,
        _ if is_line_end => Scan::Record,
        _ if byte == marks.delimiter => Scan::Field,
        Scan::Closing | Scan::Record | Scan::Field | Scan::Plain => Scan::Plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn passing_over_bytes_counts_like_looking_at_each(
            text in "[ab;,\"'\\\\#\r\n]{0,200}",
            piece in 1_usize..40,
            toml in prop::sample::select(vec![
                "delimiter = ';'",
                "comment = '#'",
                "quote = 'none'",
                "quote = 'single'",
                "escape = '\\'",
                "header_row = 2",
            ]),
        ) {
            let options: CsvFormat = toml::from_str(toml).unwrap();
            let mut fast = LineCount::new(&options).unwrap();
            text.as_bytes().chunks(piece).for_each(|piece| fast.feed(piece));
            let mut slow = LineCount::new(&options).unwrap();
            let titles = slow.n_titles as usize;
            let lines = text.split_inclusive('\n').skip(titles);
            lines.flat_map(str::bytes).for_each(|byte| slow.step(byte));
            prop_assert_eq!(fast.finish(), slow.finish());
        }
    }

    /// Counts text by settings written in TOML.
    fn count(toml: &str, text: &str) -> Count {
        let options: CsvFormat = toml::from_str(toml).unwrap();
        let mut count = LineCount::new(&options).unwrap();
        text.as_bytes()
            .chunks(3)
            .for_each(|piece| count.feed(piece));
        count.finish()
    }

    #[test]
    fn lines_of_delimited_text_are_counted_outside_quotes() {
        for (text, n_records) in [
            ("", 0),
            ("a;b", 0),
            ("a;b\r\n", 0),
            ("a;b\r\n1;2\r\n3;4\r\n", 2),
            ("a;b\n1;2\n3;4", 2),
            ("a;b\n\n1;2\n\n", 1),
            ("a;b\n\"x\ny\";2\n3;4\n", 2),
            ("a;b\n\"x\"\"\ny\";2\n", 1),
            ("a;b\n5\" pipe;2\n3;4\n", 2),
        ] {
            let found = count("delimiter = ';'", text);
            assert_eq!(found, Count::Verified(n_records), "{text:?}");
        }
        let open = count("delimiter = ';'", "a;b\n\"x;2\n3;4\n");
        assert!(matches!(open, Count::Unverified { .. }));
    }

    #[test]
    fn titles_comments_quotes_and_escapes_are_as_declared() {
        for (toml, text, n_records) in [
            ("header_row = 3", "Elenco\n\"2024\na;b\n1;2\n", 1),
            ("comment = '#'", "# x\na,b\n1,2\n# \"y\n3,4\n", 2),
            ("quote = 'none'", "a,b\n\"1,2\n3,4\n", 2),
            ("quote = 'single'", "a,b\n'1\n2',\"3\n4,5\n", 2),
            ("escape = '\\'", "a,b\n\"1\\\"\n\",2\n", 1),
        ] {
            assert_eq!(count(toml, text), Count::Verified(n_records), "{toml}");
        }
    }
}
