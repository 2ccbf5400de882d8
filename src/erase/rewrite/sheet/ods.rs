//! The sheets of an `OpenDocument` workbook.
//!
//! One element may stand for several cells or rows. Rows it stands for hold the same, so they
//! change alike; an element of several cells is divided where its cells do not.

use super::plan::Plan;
use super::{Cells, Change, Edit, Parts, put, whole, xml_of};
use crate::canon::json_spans::replaced;
use crate::canon::xml_spans::{Element, elements, elements_of, escaped, local, text};
use crate::erase::subjects::Judge;

/// The part with all sheets.
pub(super) const CONTENT: &str = "content.xml";

/// Elements that are cells.
const CELLS: [&str; 2] = ["table-cell", "covered-table-cell"];

/// Columns of the widest sheet.
const MAX_COLUMNS: u32 = 16_384;

/// Attribute that says for how many cells an element stands.
const REPEATED: &str = "number-columns-repeated";

/// Attribute with the formula of a cell.
const FORMULA: &str = "formula";

/// Attributes that an emptied cell keeps.
const KEPT: [&str; 3] = [
    "style-name",
    "number-columns-spanned",
    "number-rows-spanned",
];

/// Rewrites all sheets; in how many texts an id stood.
pub(super) fn rewrite(
    parts: &mut Parts,
    sheet: &str,
    plan: Option<&Plan>,
    judge: &Judge<'_>,
) -> u64 {
    let xml = xml_of(parts, CONTENT);
    let mut edits = Vec::new();
    let mut spans = Vec::new();
    let mut n_mentions = 0;
    let mut declared = plan;
    for table in elements(&xml, &whole(&xml), "table") {
        let is_declared = table.attribute(&xml, "name").as_deref() == Some(sheet);
        let mut cells = Cells {
            plan: declared.take_if(|_| is_declared),
            judge,
            n_mentions: 0,
        };
        if !cells.is_idle() {
            spans.extend(sheet_edits(&xml, &table, &mut cells, &mut edits));
        }
        n_mentions += cells.n_mentions;
    }
    let mut between = Cells {
        plan: None,
        judge,
        n_mentions: 0,
    };
    between.scrub_between(&xml, &spans, &mut edits);
    n_mentions += between.n_mentions;
    if !edits.is_empty() {
        put(parts, CONTENT, replaced(&xml, edits));
    }
    n_mentions
}

/// Adds what changes in a sheet; where its cells stand.
fn sheet_edits(
    xml: &str,
    table: &Element,
    cells: &mut Cells<'_>,
    edits: &mut Vec<Edit>,
) -> Vec<std::ops::Range<usize>> {
    let mut spans = Vec::new();
    let inner = elements(xml, &table.inner, "table");
    let is_inside = |row: &Element| {
        let mut tables = inner.iter();
        tables.any(|table| table.whole.contains(&row.whole.start))
    };
    let mut number = 0_u32;
    for row in elements(xml, &table.inner, "table-row") {
        // A table in a drawing is no part of the sheet.
        if is_inside(&row) {
            continue;
        }
        number = number.saturating_add(count(xml, &row, "number-rows-repeated"));
        let mut column = 0_u32;
        for cell in elements_of(xml, &row.inner, &CELLS) {
            let n_columns = count(xml, &cell, REPEATED);
            if has_content(xml, &cell) {
                let place = (number.saturating_sub(1), column);
                cell_edits(xml, &cell, place, (cells, edits));
            }
            column = column.saturating_add(n_columns);
            spans.push(cell.whole);
        }
    }
    spans
}

/// How often an element stands for itself.
fn count(xml: &str, element: &Element, name: &str) -> u32 {
    let written = element.attribute(xml, name);
    written.and_then(|number| number.parse().ok()).unwrap_or(1)
}

/// Whether a cell holds anything.
fn has_content(xml: &str, cell: &Element) -> bool {
    let is_value = |name: &str| name == "value" || name.ends_with("-value") || name == FORMULA;
    let attributes = cell.all_attributes(xml);
    !cell.inner.is_empty() || attributes.iter().any(|(name, _)| is_value(local(name)))
}

/// Adds what changes in the cells for which an element stands, from a place on.
fn cell_edits(
    xml: &str,
    cell: &Element,
    (row, first): (u32, u32),
    (cells, edits): (&mut Cells<'_>, &mut Vec<Edit>),
) {
    let n_columns = count(xml, cell, REPEATED).min(MAX_COLUMNS);
    let columns = first..first.saturating_add(n_columns);
    let mut runs: Vec<(Change, u32)> = Vec::new();
    for column in columns.clone() {
        let change = cells.change((row, column), || shown(xml, cell));
        match runs.last_mut() {
            Some((known, n_columns)) if *known == change => *n_columns += 1,
            _ => runs.push((change, 1)),
        }
    }
    if runs.iter().any(|(change, _)| *change != Change::Same) {
        let new = runs
            .iter()
            .map(|(change, n_columns)| rewritten((xml, cell), change, *n_columns, cells));
        let new: Vec<String> = new.collect();
        edits.push((cell.whole.clone(), new.concat()));
        return;
    }
    if columns.clone().all(|column| cells.is_free((row, column))) {
        edits.extend(cells.scrub(xml, cell.whole.clone()));
        return;
    }
    // The value stays; the formula behind it, remarks and links are words.
    let formula = cell.attribute(xml, FORMULA);
    if formula.is_some_and(|formula| cells.is_named(&formula)) {
        let start = start_tag(xml, cell, n_columns, |name| name != FORMULA);
        let end = if cell.inner.is_empty() { "/>" } else { ">" };
        edits.push((cell.whole.start..cell.attributes.end, start));
        let until = if cell.inner.is_empty() {
            cell.whole.end
        } else {
            cell.inner.start
        };
        edits.push((cell.attributes.end..until, end.to_owned()));
    }
    for aside in elements_of(xml, &cell.inner, &["annotation", "a"]) {
        let is_link = xml.get(aside.name.clone()).map(local) == Some("a");
        let span = if is_link {
            aside.whole.start..aside.inner.start
        } else {
            aside.whole
        };
        edits.extend(cells.scrub(xml, span));
    }
}

/// The element for some cells after their change.
fn rewritten(
    (xml, cell): (&str, &Element),
    change: &Change,
    n_columns: u32,
    cells: &mut Cells<'_>,
) -> String {
    let tag = xml.get(cell.name.clone()).unwrap_or("table:table-cell");
    let content = match change {
        Change::Same => {
            let start = start_tag(xml, cell, n_columns, |_| true);
            let inner = xml.get(cell.inner.clone()).unwrap_or_default();
            return format!("{start}>{inner}</{tag}>");
        }
        Change::Empty => None,
        Change::Text(content) => Some(content),
    };
    let start = start_tag(xml, cell, n_columns, |name| KEPT.contains(&name));
    let Some(content) = content else {
        return format!("{start}/>");
    };
    let remarks = elements(xml, &cell.inner, "annotation");
    let remarks = remarks.iter().map(|remark| {
        let edit = cells.scrub(xml, remark.whole.clone());
        let same = xml.get(remark.whole.clone()).unwrap_or_default();
        edit.map_or_else(|| same.to_owned(), |(_, new)| new)
    });
    let remarks = remarks.collect::<Vec<_>>().concat();
    let lines = content.split('\n');
    let lines = lines.map(|line| format!("<text:p>{}</text:p>", escaped(line)));
    let lines = lines.collect::<Vec<_>>().concat();
    format!("{start} office:value-type=\"string\">{remarks}{lines}</{tag}>")
}

/// The start tag of an element for so many cells with some of its attributes, not yet closed.
fn start_tag(xml: &str, cell: &Element, n_columns: u32, is_kept: impl Fn(&str) -> bool) -> String {
    let tag = xml.get(cell.name.clone()).unwrap_or("table:table-cell");
    let mut start = format!("<{tag}");
    for (name, value) in cell.all_attributes(xml) {
        if local(name) != REPEATED && is_kept(local(name)) {
            let value = value.replace('"', "&quot;");
            for part in [" ", name, "=\"", &value, "\""] {
                start.push_str(part);
            }
        }
    }
    if n_columns > 1 {
        let n_columns = n_columns.to_string();
        for part in [" table:", REPEATED, "=\"", &n_columns, "\""] {
            start.push_str(part);
        }
    }
    start
}

/// Text of a cell.
fn shown(xml: &str, cell: &Element) -> String {
    let value = ["string-value", "value"].map(|name| cell.attribute(xml, name));
    if let Some(value) = value.into_iter().flatten().next() {
        return value;
    }
    let remarks = elements(xml, &cell.inner, "annotation");
    let paragraphs = elements(xml, &cell.inner, "p").into_iter();
    let own = paragraphs.filter(|paragraph| {
        let mut remarks = remarks.iter();
        !remarks.any(|remark| remark.whole.contains(&paragraph.whole.start))
    });
    let lines: Vec<String> = own.map(|paragraph| text(xml, &paragraph.inner)).collect();
    lines.join("\n")
}
