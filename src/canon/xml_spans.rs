//! Where the elements of an XML text stand, so that one can be emptied and every other byte stays.
//!
//! Just enough for the parts of a workbook: elements are found by their local name, and elements
//! of one name do not hold each other there.

use std::ops::Range;

/// One element of an XML text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Element {
    /// From its first to its last sign.
    pub(crate) whole: Range<usize>,
    /// What stands in its start tag after its name.
    pub(crate) attributes: Range<usize>,
    /// What stands between its tags; empty for an element of one tag.
    pub(crate) inner: Range<usize>,
}

impl Element {
    /// The value of an attribute, by its local name, with its entities resolved.
    pub(crate) fn attribute(&self, xml: &str, name: &str) -> Option<String> {
        let mut rest = xml.get(self.attributes.clone())?;
        loop {
            let (before, after) = rest.split_once('=')?;
            let after = after.trim_start();
            let quote = after.chars().next().filter(|sign| "\"'".contains(*sign))?;
            let (value, next) = after.get(1..)?.split_once(quote)?;
            let found = before.trim().rsplit(':').next().unwrap_or_default();
            if found == name {
                return Some(unescaped(value));
            }
            rest = next;
        }
    }
}

/// The elements of a local name inside a part of the text, in order.
pub(crate) fn elements(xml: &str, within: &Range<usize>, name: &str) -> Vec<Element> {
    let mut found = Vec::new();
    let mut at = within.start;
    while let Some(start) = find(xml, at, within.end, "<") {
        let Some(tag_end) = find(xml, start, within.end, ">") else {
            break;
        };
        at = tag_end + 1;
        let tag = xml.get(start + 1..tag_end).unwrap_or_default();
        let own = tag
            .split(|sign: char| sign.is_whitespace() || sign == '/')
            .next()
            .unwrap_or_default();
        if tag.starts_with(['/', '?', '!']) || own.rsplit(':').next() != Some(name) {
            continue;
        }
        let attributes = start + 1 + own.len()..tag_end;
        if tag.ends_with('/') {
            found.push(Element {
                whole: start..tag_end + 1,
                attributes,
                inner: tag_end..tag_end,
            });
            continue;
        }
        let closing = format!("</{own}");
        let Some(inner_end) = find(xml, at, within.end, &closing) else {
            break;
        };
        let Some(end) = find(xml, inner_end, within.end, ">") else {
            break;
        };
        found.push(Element {
            whole: start..end + 1,
            attributes,
            inner: at..inner_end,
        });
        at = end + 1;
    }
    found
}

/// All text inside a part of the XML, tags left out and entities resolved.
pub(crate) fn text(xml: &str, within: &Range<usize>) -> String {
    let inside = xml.get(within.clone()).unwrap_or_default();
    let mut out = String::new();
    for (place, piece) in inside.split('<').enumerate() {
        // The first piece has no tag before it.
        out.push_str(match place {
            0 => piece,
            _ => piece.split_once('>').map_or("", |(_, plain)| plain),
        });
    }
    unescaped(&out)
}

/// First place of `wanted` from `at` on.
fn find(xml: &str, at: usize, end: usize, wanted: &str) -> Option<usize> {
    let found = xml.get(at..end)?.find(wanted)?;
    Some(at + found)
}

/// A text with its entities resolved.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let Some((entity, next)) = after.split_once(';') else {
            out.push('&');
            rest = after;
            continue;
        };
        match resolved(entity) {
            Some(sign) => out.push(sign),
            None => out.extend(["&", entity, ";"]),
        }
        rest = next;
    }
    out.push_str(rest);
    out
}

/// The sign an entity stands for.
fn resolved(entity: &str) -> Option<char> {
    let number = |digits: &str, radix| {
        u32::from_str_radix(digits, radix)
            .ok()
            .and_then(char::from_u32)
    };
    match entity {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        other => match other.strip_prefix("#x") {
            Some(digits) => number(digits, 16),
            None => number(other.strip_prefix('#')?, 10),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row of cells, one of them of one tag.
    const XML: &str = r#"<x:row r="3" spans='1:2'><c r="A3" t="s"><v>7</v></c><c r="B3"/></x:row>"#;

    #[test]
    fn elements_are_found_by_local_name_with_their_attributes() {
        let all = 0..XML.len();
        let rows = elements(XML, &all, "row");
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].attribute(XML, "spans").as_deref(), Some("1:2"));
        let cells = elements(XML, &rows[0].inner, "c");
        let places: Vec<_> = cells
            .iter()
            .map(|cell| cell.attribute(XML, "r").unwrap())
            .collect();
        assert_eq!(places, ["A3", "B3"]);
        assert_eq!(cells[0].attribute(XML, "x"), None);
        assert_eq!(&XML[cells[0].inner.clone()], "<v>7</v>");
    }

    #[test]
    fn text_is_what_a_reader_sees() {
        let xml = "a &amp; <b>b</b>&#x41;&#66;&nope;";
        assert_eq!(text(xml, &(0..xml.len())), "a & bAB&nope;");
        let inner = "<t>C1</t>";
        assert_eq!(text(inner, &(0..inner.len())), "C1");
    }
}
