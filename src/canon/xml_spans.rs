//! Where the elements of an XML text stand, so that one can be emptied and every other byte stays.
//!
//! Just enough for the parts of a workbook: elements are found by their local name. Of elements of
//! one name that hold each other the outermost is found; comments and verbatim text hold none.

use std::ops::Range;

/// One element of an XML text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Element {
    /// From its first to its last sign.
    pub(crate) whole: Range<usize>,
    /// Its name, with its prefix.
    pub(crate) name: Range<usize>,
    /// What stands in its start tag after its name.
    pub(crate) attributes: Range<usize>,
    /// What stands between its tags; empty for an element of one tag.
    pub(crate) inner: Range<usize>,
}

impl Element {
    /// The value of an attribute, by its local name, with its entities resolved.
    pub(crate) fn attribute(&self, xml: &str, name: &str) -> Option<String> {
        let mut all = self.all_attributes(xml).into_iter();
        let (_, value) = all.find(|(known, _)| local(known) == name)?;
        Some(unescaped(value))
    }

    /// Names and values of all attributes, as they are written.
    pub(crate) fn all_attributes<'x>(&self, xml: &'x str) -> Vec<(&'x str, &'x str)> {
        let mut all = Vec::new();
        let mut rest = xml.get(self.attributes.clone()).unwrap_or_default();
        while let Some((found, next)) = first_attribute(rest) {
            all.push(found);
            rest = next;
        }
        all
    }
}

/// The first attribute of a start tag, and what stands after it.
fn first_attribute(text: &str) -> Option<((&str, &str), &str)> {
    let (name, after) = text.split_once('=')?;
    let after = after.trim_start();
    let quote = after.chars().next().filter(|sign| "\"'".contains(*sign))?;
    let (value, next) = after.get(1..)?.split_once(quote)?;
    Some(((name.trim(), value), next))
}

/// A name without its prefix.
pub(crate) fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or_default()
}

/// The elements of a local name inside a part of the text, in order.
pub(crate) fn elements(xml: &str, within: &Range<usize>, name: &str) -> Vec<Element> {
    elements_of(xml, within, &[name])
}

/// The elements of any of some local names inside a part of the text, in order.
pub(crate) fn elements_of(xml: &str, within: &Range<usize>, names: &[&str]) -> Vec<Element> {
    let mut found = Vec::new();
    let mut at = within.start;
    while let Some(mark) = next_mark(xml, at..within.end) {
        at = mark.whole.end;
        let is_start = matches!(mark.kind, Kind::Start | Kind::Single);
        let name = xml.get(mark.content.clone()).unwrap_or_default();
        if !is_start || !names.contains(&local(name)) {
            continue;
        }
        let n_last = if mark.kind == Kind::Single { 2 } else { 1 };
        let inner = if mark.kind == Kind::Single {
            at..at
        } else {
            let Some(closing) = closing(xml, at..within.end, name) else {
                break;
            };
            let inner = at..closing.start;
            at = closing.end;
            inner
        };
        found.push(Element {
            whole: mark.whole.start..at,
            attributes: mark.content.end..mark.whole.end - n_last,
            name: mark.content,
            inner,
        });
    }
    found
}

/// The end tag of an element whose start tag ends where the text begins.
fn closing(xml: &str, within: Range<usize>, name: &str) -> Option<Range<usize>> {
    let mut depth = 1_usize;
    let mut at = within.start;
    loop {
        let mark = next_mark(xml, at..within.end)?;
        at = mark.whole.end;
        if xml.get(mark.content.clone()) != Some(name) {
            continue;
        }
        match mark.kind {
            Kind::Start => depth += 1,
            Kind::End => depth -= 1,
            Kind::Single | Kind::Verbatim | Kind::Aside => {}
        }
        if depth == 0 {
            return Some(mark.whole);
        }
    }
}

/// What stands between angle brackets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A start tag.
    Start,
    /// An element of one tag.
    Single,
    /// An end tag.
    End,
    /// Text that is to be taken as it is.
    Verbatim,
    /// A comment or an instruction.
    Aside,
}

/// Something between angle brackets.
#[derive(Debug)]
struct Mark {
    /// What it is.
    kind: Kind,
    /// With its brackets.
    whole: Range<usize>,
    /// The name of a tag, or the text to be taken as it is.
    content: Range<usize>,
}

/// What opens and closes everything between angle brackets that is no tag.
const ASIDES: [(&str, &str, Kind); 4] = [
    ("<!--", "-->", Kind::Aside),
    ("<![CDATA[", "]]>", Kind::Verbatim),
    ("<?", "?>", Kind::Aside),
    ("<!", ">", Kind::Aside),
];

/// The first thing between angle brackets in a part of the text.
fn next_mark(xml: &str, within: Range<usize>) -> Option<Mark> {
    let text = xml.get(within.clone())?;
    let start = text.find('<')?;
    let text = text.get(start..)?;
    let start = within.start + start;
    let aside = ASIDES.iter().find(|(open, ..)| text.starts_with(open));
    if let Some((open, close, kind)) = aside {
        let end = open.len() + text.get(open.len()..)?.find(close)?;
        return Some(Mark {
            kind: *kind,
            whole: start..start + end + close.len(),
            content: start + open.len()..start + end,
        });
    }
    let end = tag_end(text)?;
    let (kind, name_at) = match (text.starts_with("</"), text.get(..end)?.ends_with('/')) {
        (true, _) => (Kind::End, 2),
        (false, true) => (Kind::Single, 1),
        (false, false) => (Kind::Start, 1),
    };
    let is_end = |sign: char| sign.is_whitespace() || sign == '/';
    let name = text.get(name_at..end)?;
    let n_name = name.find(is_end).unwrap_or(name.len());
    Some(Mark {
        kind,
        whole: start..start + end + 1,
        content: start + name_at..start + name_at + n_name,
    })
}

/// Where a tag ends: at the first bracket that is not inside a value.
fn tag_end(text: &str) -> Option<usize> {
    let mut quote = None;
    for (place, byte) in text.bytes().enumerate() {
        match (byte, quote) {
            (b'>', None) => return Some(place),
            (b'"' | b'\'', None) => quote = Some(byte),
            (_, Some(open)) if byte == open => quote = None,
            _ => {}
        }
    }
    None
}

/// All text inside a part of the XML, tags left out and entities resolved.
pub(crate) fn text(xml: &str, within: &Range<usize>) -> String {
    let mut out = String::new();
    let mut at = within.start;
    while let Some(mark) = next_mark(xml, at..within.end) {
        let before = xml.get(at..mark.whole.start).unwrap_or_default();
        out.push_str(&unescaped(before));
        if mark.kind == Kind::Verbatim {
            out.push_str(xml.get(mark.content).unwrap_or_default());
        }
        at = mark.whole.end;
    }
    out.push_str(&unescaped(xml.get(at..within.end).unwrap_or_default()));
    out
}

/// A text as it stands in XML; signs that XML does not know are left out.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => out.push(sign),
            sign if sign.is_control() => {}
            sign => out.push(sign),
        }
    }
    out
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

    #[test]
    fn a_name_that_begins_another_is_another() {
        let xml = "<t:table><t:table-cell>a</t:table-cell><t:table-row/></t:table ><t:table/>";
        let found = elements(xml, &(0..xml.len()), "table");
        let texts: Vec<_> = found
            .iter()
            .map(|table| &xml[table.inner.clone()])
            .collect();
        assert_eq!(texts, ["<t:table-cell>a</t:table-cell><t:table-row/>", ""]);
    }

    #[test]
    fn of_nested_elements_the_outermost_is_found() {
        let xml = "<p>1<p>2<p/></p>3</p><p>4</p>";
        let found = elements(xml, &(0..xml.len()), "p");
        let texts: Vec<_> = found.iter().map(|p| &xml[p.inner.clone()]).collect();
        assert_eq!(texts, ["1<p>2<p/></p>3", "4"]);
        assert_eq!(text(xml, &found[0].inner), "123");
    }

    #[test]
    fn brackets_in_values_comments_and_verbatim_text_are_no_tags() {
        let xml = r#"<c f="a>b" g='"'><!-- </c> --><v><![CDATA[<c>&amp;]]></v></c><c r="/"/>"#;
        let found = elements(xml, &(0..xml.len()), "c");
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].attribute(xml, "f").as_deref(), Some("a>b"));
        assert_eq!(found[0].attribute(xml, "g").as_deref(), Some("\""));
        assert_eq!(text(xml, &found[0].inner), "<c>&amp;");
        assert_eq!(found[1].all_attributes(xml), [("r", "/")]);
        assert_eq!(&xml[found[1].name.clone()], "c");
    }

    #[test]
    fn what_is_escaped_reads_as_it_was() {
        let escaped = escaped("a<b & \"c\">\u{1}");
        assert_eq!(escaped, "a&lt;b &amp; &quot;c&quot;&gt;");
        assert_eq!(unescaped(&escaped), "a<b & \"c\">");
    }
}
