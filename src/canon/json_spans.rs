//! Where the values of a JSON text stand, so that one can be taken out and every other byte stays.
//!
//! The text is known to be JSON: whoever asks has checked it. A text that is not gives fewer
//! spans, never a wrong edit.
//!
//! ```text
//! {"id":7,"who":{"id":"C1"}}     values_at(["who","id"])   →   the span of "C1"
//! ```

use std::ops::Range;

/// A part of a text.
pub(crate) type Span = Range<usize>;

/// Spans of the values at a path of names and places in lists, inside the value at `within`.
pub(crate) fn values_at(text: &str, within: &Span, path: &[&str]) -> Vec<Span> {
    let mut found = vec![trimmed(text, within)];
    for step in path {
        let below = found.iter().flat_map(|span| children(text, span, step));
        found = below.collect();
    }
    found
}

/// Spans of the members of a list; `None` if there is no list.
pub(crate) fn elements(text: &str, within: &Span) -> Option<Vec<Span>> {
    let span = trimmed(text, within);
    if text.as_bytes().get(span.start) != Some(&b'[') {
        return None;
    }
    let mut found = Vec::new();
    let mut at = skip_space(text, span.start + 1);
    while at < span.end && text.as_bytes().get(at) != Some(&b']') {
        let end = value_end(text, at);
        found.push(at..end);
        at = skip_space(text, end);
        if text.as_bytes().get(at) != Some(&b',') {
            break;
        }
        at = skip_space(text, at + 1);
    }
    Some(found)
}

/// Spans of all texts, numbers, flags and names of members below a value, and which are names.
pub(crate) fn scalars_and_names(text: &str, within: &Span) -> Vec<(Span, bool)> {
    let mut found = Vec::new();
    let mut at = within.start;
    while at < within.end {
        let end = match text.as_bytes().get(at) {
            Some(b'{' | b'}' | b'[' | b']' | b',' | b':' | b' ' | b'\t' | b'\r' | b'\n') => {
                at += 1;
                continue;
            }
            Some(_) => value_end(text, at),
            None => break,
        };
        let is_name = text.as_bytes().get(skip_space(text, end)) == Some(&b':');
        found.push((at..end, is_name));
        at = end.max(at + 1);
    }
    found
}

/// The scalar in a span as plain text, written as the readers write it; `None` for anything else.
pub(crate) fn plain_text(text: &str, span: &Span) -> Option<String> {
    let value = text.get(span.clone())?;
    match serde_json::from_str::<serde_json::Value>(value).ok()? {
        serde_json::Value::String(text) => Some(text),
        serde_json::Value::Bool(flag) => Some(flag.to_string()),
        serde_json::Value::Number(number) => Some(match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => number.to_string(),
            (None, Some(number)) => number.to_string(),
            (None, None) => number.as_f64()?.to_string(),
        }),
        serde_json::Value::Null | serde_json::Value::Array(_) | serde_json::Value::Object(_) => {
            None
        }
    }
}

/// The text with other texts in the place of some spans, which do not overlap.
pub(crate) fn replaced(text: &str, mut edits: Vec<(Span, String)>) -> String {
    edits.sort_by_key(|(span, _)| span.start);
    edits.dedup_by(|later, earlier| later.0.start < earlier.0.end);
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for (span, new) in edits {
        out.push_str(text.get(at..span.start).unwrap_or_default());
        out.push_str(&new);
        at = span.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

/// Spans of what lies one step below a value.
fn children(text: &str, span: &Span, step: &str) -> Vec<Span> {
    match text.as_bytes().get(span.start) {
        Some(b'{') => members(text, span)
            .into_iter()
            .filter(|(name, _)| plain_text(text, name).as_deref() == Some(step))
            .map(|(_, value)| value)
            .collect(),
        Some(b'[') => {
            let members = elements(text, span).unwrap_or_default();
            let place = step.parse::<usize>().ok();
            place
                .and_then(|place| members.get(place).cloned())
                .into_iter()
                .collect()
        }
        _ => Vec::new(),
    }
}

/// Spans of the names and values of an object.
fn members(text: &str, span: &Span) -> Vec<(Span, Span)> {
    let mut found = Vec::new();
    let mut at = skip_space(text, span.start + 1);
    while at < span.end && text.as_bytes().get(at) == Some(&b'"') {
        let name = at..value_end(text, at);
        let value = skip_space(text, skip_space(text, name.end) + 1);
        let value = value..value_end(text, value);
        at = skip_space(text, value.end);
        found.push((name, value));
        if text.as_bytes().get(at) != Some(&b',') {
            break;
        }
        at = skip_space(text, at + 1);
    }
    found
}

/// The span without white space around it.
fn trimmed(text: &str, span: &Span) -> Span {
    let start = skip_space(text, span.start);
    start..value_end(text, start).min(span.end).max(start)
}

/// First place at or after `at` that is not white space.
fn skip_space(text: &str, at: usize) -> usize {
    let rest = text.as_bytes().get(at..).unwrap_or_default();
    let n_space = rest
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
    at + n_space.count()
}

/// End of the value that starts at `at`.
fn value_end(text: &str, at: usize) -> usize {
    let mut depth = 0_usize;
    let mut place = at;
    let bytes = text.as_bytes();
    while let Some(byte) = bytes.get(place) {
        match byte {
            b'"' => {
                place = string_end(bytes, place);
                if depth == 0 {
                    return place;
                }
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' | b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' if depth == 0 => {
                return place;
            }
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return place + 1;
                }
            }
            _ => {}
        }
        place += 1;
    }
    bytes.len()
}

/// End of the string whose first quote stands at `at`.
fn string_end(bytes: &[u8], at: usize) -> usize {
    let mut place = at + 1;
    while let Some(byte) = bytes.get(place) {
        match byte {
            b'\\' => place += 2,
            b'"' => return place + 1,
            _ => place += 1,
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts of the values at a dotted path.
    fn at<'t>(text: &'t str, path: &str) -> Vec<&'t str> {
        let steps: Vec<&str> = path.split('.').filter(|step| !step.is_empty()).collect();
        let spans = values_at(text, &(0..text.len()), &steps);
        spans.into_iter().map(|span| &text[span]).collect()
    }

    #[test]
    fn a_value_is_found_by_its_path_every_time_it_stands_there() {
        let text = r#" {"a": {"b" : "x\"}"}, "l":[1,{"c":null}], "a":{"b":2.50}} "#;
        assert_eq!(at(text, "a.b"), [r#""x\"}""#, "2.50"]);
        assert_eq!(at(text, "l.1.c"), ["null"]);
        assert_eq!(at(text, "l.2"), [""; 0]);
        assert_eq!(at(text, "z"), [""; 0]);
    }

    #[test]
    fn a_name_written_with_escapes_is_the_same_name() {
        assert_eq!(at(r#"{"\u0061":1}"#, "a"), ["1"]);
    }

    #[test]
    fn members_of_a_list_are_told_apart() {
        let text = r#"[ {"a":[1,2]} , "x,y" , 3 ]"#;
        let spans = elements(text, &(0..text.len())).unwrap();
        let texts: Vec<&str> = spans.into_iter().map(|span| &text[span]).collect();
        assert_eq!(texts, [r#"{"a":[1,2]}"#, r#""x,y""#, "3"]);
        assert!(elements("{}", &(0..2)).is_none());
        assert_eq!(elements("[]", &(0..2)).unwrap(), [0..0; 0]);
    }

    #[test]
    fn scalars_are_told_from_names() {
        let text = r#"{"a":"x","b":[1,null,{"c" : true}]}"#;
        let (names, scalars): (Vec<_>, Vec<_>) = scalars_and_names(text, &(0..text.len()))
            .into_iter()
            .partition(|(_, is_name)| *is_name);
        let texts = |spans: Vec<(Span, bool)>| -> Vec<&str> {
            spans.into_iter().map(|(span, _)| &text[span]).collect()
        };
        assert_eq!(texts(scalars), [r#""x""#, "1", "null", "true"]);
        assert_eq!(texts(names), [r#""a""#, r#""b""#, r#""c""#]);
    }

    #[test]
    fn spans_are_replaced_and_all_other_bytes_stay() {
        let text = r#"{"a": "C1",  "b":"C1"}"#;
        let spans = values_at(text, &(0..text.len()), &["a"]);
        let edits = spans.into_iter().map(|span| (span, "null".to_owned()));
        assert_eq!(replaced(text, edits.collect()), r#"{"a": null,  "b":"C1"}"#);
    }
}
