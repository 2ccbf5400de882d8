//! JSON: records leave a list, values become `null`, every other byte stays.

use serde::de::IgnoredAny;

use super::{Error, Rewritten};
use crate::canon::json_spans::{
    Span, elements, plain_text, replaced, scalars_and_names, values_at,
};
use crate::erase::subjects::{Judge, MARK, Verdict};
use crate::spec::format::JsonFormat;

/// What becomes of one JSON record.
pub(super) enum Outcome {
    /// It stays as it is.
    Same,
    /// It leaves.
    Gone,
    /// It stays with a name less.
    Blanked(String),
    /// It stays, with other words in a text.
    Scrubbed(String, u64),
}

/// Rewrites a document with its records in an array.
pub(super) fn document(
    options: &JsonFormat,
    judge: &Judge<'_>,
    bytes: &[u8],
) -> Result<Rewritten, Error> {
    let plain = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(plain).map_err(|_not_utf8| Error::unreadable("is not UTF-8"))?;
    if !is_json(text) {
        return Err(Error::unreadable("is not a whole JSON document"));
    }
    let steps: Vec<&str> = options
        .records
        .split('.')
        .filter(|step| !step.is_empty())
        .collect();
    let mut done = Rewritten::default();
    let mut lists = values_at(text, &(0..text.len()), &steps);
    lists.sort_by_key(|list| list.start);
    let mut edits: Vec<(Span, String)> = Vec::new();
    let mut held: Vec<Span> = Vec::new();
    for list in lists {
        let is_inside = held.last().is_some_and(|last| list.start < last.end);
        let Some(members) = elements(text, &list).filter(|_| !is_inside) else {
            continue;
        };
        if let Some(new) = without_records(judge, (text, &list), &members, &mut done) {
            edits.push((list.clone(), new));
        }
        held.push(list);
    }
    let outside = outside(judge, text, &held);
    done.n_mentions += u64::from(!outside.is_empty());
    edits.extend(outside);
    let new = replaced(text, edits);
    if !is_json(&new) {
        return Err(Error::Changed {
            what: "it would no longer be JSON",
        });
    }
    done.bytes = bytes
        .get(..bytes.len() - plain.len())
        .unwrap_or_default()
        .to_vec();
    done.bytes.extend(new.into_bytes());
    Ok(done)
}

/// Whether a text is JSON.
pub(in crate::erase) fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// The edits that take ids out of what stands outside the records, such as the address of the next
/// page.
fn outside(judge: &Judge<'_>, text: &str, held: &[Span]) -> Vec<(Span, String)> {
    let mut edits = Vec::new();
    let mut at = 0;
    for list in held
        .iter()
        .cloned()
        .chain(std::iter::once(text.len()..text.len()))
    {
        let parts = scalars_and_names(text, &(at..list.start)).into_iter();
        edits.extend(parts.filter_map(|part| without_ids(judge, text, part, "null")));
        at = list.end;
    }
    edits
}

/// The edit that takes ids out of a scalar or a name; `None` where none stands in it.
fn without_ids(
    judge: &Judge<'_>,
    text: &str,
    (span, is_name): (Span, bool),
    number: &str,
) -> Option<(Span, String)> {
    let new = judge.scrubbed_text(&plain_text(text, &span)?)?;
    let is_text = text.get(span.clone())?.starts_with('"');
    let new = if is_text || is_name {
        serde_json::to_string(&new).ok()?
    } else {
        number.to_owned()
    };
    Some((span, new))
}

/// A JSON text without the ids in it; `None` where none stands in it.
pub(in crate::erase) fn scrubbed_json(judge: &Judge<'_>, text: &str) -> Option<String> {
    let parts = scalars_and_names(text, &(0..text.len())).into_iter();
    let edits: Vec<(Span, String)> = parts
        .filter_map(|part| without_ids(judge, text, part, "null"))
        .collect();
    (!edits.is_empty()).then(|| replaced(text, edits))
}

/// A list without the records that leave; `None` if it stays as it is.
fn without_records(
    judge: &Judge<'_>,
    (text, list): (&str, &Span),
    members: &[Span],
    done: &mut Rewritten,
) -> Option<String> {
    let before = done.clone();
    let mut kept: Vec<String> = Vec::new();
    for member in members {
        let record = text.get(member.clone()).unwrap_or_default();
        match outcome(judge, record) {
            Outcome::Same => kept.push(record.to_owned()),
            Outcome::Gone => done.n_dropped += 1,
            Outcome::Blanked(new) => {
                done.n_blanked += 1;
                kept.push(new);
            }
            Outcome::Scrubbed(new, n_mentions) => {
                done.n_mentions += n_mentions;
                kept.push(new);
            }
        }
    }
    if *done == before {
        return None;
    }
    let first = members.first()?.start;
    let end = members.last()?.end;
    let head = text.get(list.start..first)?;
    let tail = text.get(end..list.end)?;
    let gap = members
        .get(1)
        .and_then(|second| text.get(members.first()?.end..second.start));
    Some(format!("{head}{}{tail}", kept.join(gap.unwrap_or(","))))
}

/// What becomes of one record.
pub(super) fn outcome(judge: &Judge<'_>, record: &str) -> Outcome {
    let all = 0..record.len();
    let mut spans: Vec<Vec<Span>> = Vec::new();
    let mut values = Vec::new();
    for person in &judge.persons {
        let found = at_path(record, &all, &person.field);
        let (value, found) = match &person.json {
            None => (first_subject(judge, &person.domain, record, &found), found),
            Some(path) => inner(judge, &person.domain, record, (&found, path)),
        };
        values.push(value);
        spans.push(found);
    }
    let mut edits: Vec<(Span, String)> = Vec::new();
    let is_blanked = match judge.verdict(&values) {
        Verdict::Drop => return Outcome::Gone,
        Verdict::Keep => false,
        Verdict::Blank(places) => {
            for place in places {
                let person = judge.persons.get(place);
                let spans = spans.get(place).into_iter().flatten();
                for span in spans {
                    let path = person.and_then(|person| person.json.as_deref());
                    edits.push((span.clone(), blank(record, span, path)));
                }
            }
            true
        }
    };
    let n_mentions = mentions(judge, record, &mut edits);
    match (is_blanked, n_mentions) {
        (false, 0) => Outcome::Same,
        (true, _) => Outcome::Blanked(replaced(record, edits)),
        (false, n_mentions) => Outcome::Scrubbed(replaced(record, edits), n_mentions),
    }
}

/// Spans at a dotted path.
fn at_path(record: &str, within: &Span, path: &str) -> Vec<Span> {
    let steps: Vec<&str> = path.split('.').filter(|step| !step.is_empty()).collect();
    values_at(record, within, &steps)
}

/// The value of a person: of several at one path, one that is to leave comes first.
fn first_subject(judge: &Judge<'_>, domain: &str, record: &str, spans: &[Span]) -> Option<String> {
    let mut texts: Vec<String> = spans
        .iter()
        .filter_map(|span| plain_text(record, span))
        .collect();
    let subject = texts
        .iter()
        .position(|text| judge.is_subject(domain, text.trim()));
    match subject {
        Some(place) => Some(texts.swap_remove(place)),
        None => texts.pop(),
    }
}

/// The value of a person inside the JSON texts at some spans, and the spans that have one.
fn inner(
    judge: &Judge<'_>,
    domain: &str,
    record: &str,
    (spans, path): (&[Span], &str),
) -> (Option<String>, Vec<Span>) {
    let mut value = None;
    let mut found = Vec::new();
    for span in spans {
        let Some(text) = plain_text(record, span) else {
            continue;
        };
        let inside = at_path(&text, &(0..text.len()), path);
        if let Some(person) = first_subject(judge, domain, &text, &inside) {
            value = Some(person);
            found.push(span.clone());
        }
    }
    (value, found)
}

/// What stands in the place of a person that leaves.
fn blank(record: &str, span: &Span, path: Option<&str>) -> String {
    let Some(path) = path else {
        return "null".to_owned();
    };
    let text = plain_text(record, span).unwrap_or_default();
    let new = blank_inside(&text, path);
    serde_json::to_string(&new).unwrap_or_else(|_never| "null".to_owned())
}

/// A JSON text with `null` at a path.
pub(super) fn blank_inside(text: &str, path: &str) -> String {
    let spans = at_path(text, &(0..text.len()), path);
    let edits = spans.into_iter().map(|span| (span, "null".to_owned()));
    replaced(text, edits.collect())
}

/// The person in a JSON text at a path.
pub(super) fn person_inside(
    judge: &Judge<'_>,
    domain: &str,
    text: &str,
    path: &str,
) -> Option<String> {
    let spans = at_path(text, &(0..text.len()), path);
    first_subject(judge, domain, text, &spans)
}

/// Adds the edits that take ids out of other texts of a record; how many texts they are.
fn mentions(judge: &Judge<'_>, record: &str, edits: &mut Vec<(Span, String)>) -> u64 {
    let all = 0..record.len();
    let parts = scalars_and_names(record, &all).into_iter();
    let mut found: Vec<(Span, String)> = parts
        .filter_map(|part| without_ids(judge, record, part, "null"))
        .collect();
    if found.is_empty() {
        return 0;
    }
    let untouched: Vec<Span> = judge
        .untouched()
        .flat_map(|field| at_path(record, &all, field))
        .collect();
    found.retain(|(span, _)| {
        let is_edited = edits.iter().any(|(edit, _)| edit == span);
        !is_edited && !untouched.contains(span)
    });
    // A number where the contract has a text that must be there.
    let texts: Vec<Span> = judge
        .texts()
        .flat_map(|field| at_path(record, &all, field))
        .collect();
    for (span, new) in &mut found {
        if new == "null" && texts.contains(span) {
            *new = format!("\"{MARK}\"");
        }
    }
    let n_mentions = found.len() as u64;
    edits.extend(found);
    n_mentions
}
