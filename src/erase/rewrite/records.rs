//! Where the fields of a delimited record stand, so that one can be written anew and every other
//! byte stays.

use std::ops::Range;

use crate::spec::format::CsvMarks;

/// Where the parts of a record stand in its bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Places {
    /// Where it begins: before it are blank lines and comments.
    pub(super) start: usize,
    /// Its fields with their quotes, without the delimiters.
    pub(super) fields: Vec<Range<usize>>,
}

/// Where a reader stands in a field.
#[derive(Debug, Clone, Copy)]
enum State {
    /// Before its first byte.
    Start,
    /// Outside quotes.
    Plain,
    /// Inside quotes.
    Quoted,
    /// Behind the sign before a sign without meaning.
    Escaped,
    /// Behind a quote that may have been the last.
    Closed,
}

/// Where the fields of the first record of some bytes stand.
pub(super) fn places(marks: CsvMarks, bytes: &[u8]) -> Places {
    let first = start(marks, bytes);
    let mut fields = Vec::new();
    let mut state = State::Start;
    let mut from = first;
    for (place, byte) in bytes.iter().enumerate().skip(first) {
        let is_quote = marks.quote == Some(*byte);
        let is_line_end = matches!(byte, b'\r' | b'\n');
        let is_end = is_line_end || *byte == marks.delimiter;
        state = match state {
            State::Start if is_quote => State::Quoted,
            State::Closed if is_quote && marks.escape.is_none() => State::Quoted,
            State::Start | State::Plain | State::Closed if is_end => {
                fields.push(from..place);
                from = place + 1;
                State::Start
            }
            State::Start | State::Plain | State::Closed => State::Plain,
            State::Quoted if is_quote => State::Closed,
            State::Quoted if marks.escape == Some(*byte) => State::Escaped,
            State::Quoted | State::Escaped => State::Quoted,
        };
        if is_line_end && matches!(state, State::Start) {
            return Places {
                start: first,
                fields,
            };
        }
    }
    fields.push(from..bytes.len());
    Places {
        start: first,
        fields,
    }
}

/// Where the blank lines and comments before a record end.
fn start(marks: CsvMarks, bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        if matches!(byte, b'\r' | b'\n') {
            at += 1;
        } else if marks.comment == Some(*byte) {
            let rest = bytes.get(at..).unwrap_or_default();
            at += rest.iter().take_while(|byte| **byte != b'\n').count();
        } else {
            break;
        }
    }
    at
}

/// A field with other content, quoted as it was or where it must be; `None` where it would have to
/// be and cannot.
pub(super) fn written(marks: CsvMarks, before: &[u8], content: &[u8]) -> Option<Vec<u8>> {
    let was_quoted = marks.quote.is_some() && before.first() == marks.quote.as_ref();
    let is_mark = |byte: &u8| matches!(byte, b'\r' | b'\n') || *byte == marks.delimiter;
    let first = content.first().copied();
    let is_odd = first.is_some() && (first == marks.quote || first == marks.comment);
    let must_be = content.iter().any(is_mark) || is_odd;
    if content.is_empty() || !(was_quoted || must_be) {
        return Some(content.to_vec());
    }
    let quote = marks.quote?;
    let mut out = vec![quote];
    for byte in content {
        let is_escaped = *byte == quote || marks.escape == Some(*byte);
        out.extend(is_escaped.then(|| marks.escape.unwrap_or(quote)));
        out.push(*byte);
    }
    out.push(quote);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Semicolons, double quotes, an escape or none, and comments.
    fn marks(escape: Option<u8>) -> CsvMarks {
        CsvMarks {
            delimiter: b';',
            quote: Some(b'"'),
            escape,
            comment: Some(b'#'),
        }
    }

    /// The fields of a record as they stand in it.
    fn fields(escape: Option<u8>, text: &str) -> Vec<&str> {
        let found = places(marks(escape), text.as_bytes()).fields;
        found.into_iter().map(|field| &text[field]).collect()
    }

    #[test]
    fn fields_are_found_with_their_quotes() {
        assert_eq!(
            fields(None, "\n#c;\n1;\"a;\"\"b\n\";5\"x;;\"q\"z\r\n2;3"),
            ["1", "\"a;\"\"b\n\"", "5\"x", "", "\"q\"z"]
        );
        assert_eq!(
            fields(Some(b'\\'), "\\;\"a\\\";b\";C:\\new"),
            ["\\", "\"a\\\";b\"", "C:\\new"]
        );
    }

    #[test]
    fn a_field_is_quoted_as_it_was_or_where_it_must_be() {
        let written = |before: &str, content: &str| {
            let field = written(marks(None), before.as_bytes(), content.as_bytes()).unwrap();
            String::from_utf8(field).unwrap()
        };
        assert_eq!(written("\"x\"", "#1 x"), "\"#1 x\"");
        assert_eq!(written("x", "#1 x"), "\"#1 x\"");
        assert_eq!(written("\"x\"", "a\"b"), "\"a\"\"b\"");
        assert_eq!(written("x", "5\" x"), "5\" x");
        assert_eq!(written("\"x\"", ""), "");
    }
}
