//! The sheets and the list of texts of an XLSX workbook.

use std::collections::BTreeSet;

use super::{Cells, Change, Edit, Parts, put, whole, xml_of};
use crate::canon::json_spans::replaced;
use crate::canon::xml_spans::{Element, elements, escaped, text};
use crate::erase::subjects::Judge;

use super::plan::Plan;

/// Type of a cell whose value is a place in the list of texts.
const SHARED: &str = "s";

/// Name of the list of texts.
const TEXTS: &str = "xl/sharedStrings.xml";

/// Whether a part holds cells or their texts.
pub(super) fn has_cells(name: &str) -> bool {
    name == TEXTS || is_sheet(name)
}

/// Whether a part is a sheet.
fn is_sheet(name: &str) -> bool {
    name.starts_with("xl/") && name.contains("sheets/") && name.strip_suffix(".xml").is_some()
}

/// Rewrites all sheets; in how many texts an id stood.
pub(super) fn rewrite(
    parts: &mut Parts,
    sheet: &str,
    plan: Option<&Plan>,
    judge: &Judge<'_>,
) -> u64 {
    let declared = declared_part(parts, sheet);
    let shared = shared_texts(parts);
    let is_declared = |name: &str| declared.as_deref() == Some(name);
    let names = parts.iter().map(|(name, _)| name.clone());
    let names: Vec<String> = names
        .filter(|name| is_sheet(name) || is_declared(name))
        .collect();
    let mut n_mentions = 0;
    let mut is_same = true;
    for name in &names {
        let mut cells = Cells {
            plan: plan.filter(|_| is_declared(name)),
            judge,
            n_mentions: 0,
        };
        if cells.is_idle() {
            continue;
        }
        let before = xml_of(parts, name);
        let edits = edits(&before, &shared, &mut cells);
        n_mentions += cells.n_mentions;
        if !edits.is_empty() {
            is_same = false;
            put(parts, name, replaced(&before, edits));
        }
    }
    if !is_same {
        empty_unused_texts(parts, &names);
    }
    n_mentions
}

/// Name of the part that holds a sheet.
fn declared_part(parts: &Parts, sheet: &str) -> Option<String> {
    let book = xml_of(parts, "xl/workbook.xml");
    let sheets = elements(&book, &whole(&book), "sheet");
    let found = sheets
        .iter()
        .find(|element| element.attribute(&book, "name").as_deref() == Some(sheet))?;
    let id = found.attribute(&book, "id")?;
    let links = xml_of(parts, "xl/_rels/workbook.xml.rels");
    let link = elements(&links, &whole(&links), "Relationship")
        .into_iter()
        .find(|link| link.attribute(&links, "Id").as_deref() == Some(&id))?;
    let target = link.attribute(&links, "Target")?;
    Some(match target.strip_prefix('/') {
        Some(absolute) => absolute.to_owned(),
        None => format!("xl/{target}"),
    })
}

/// The list of texts.
fn shared_texts(parts: &Parts) -> Vec<String> {
    let xml = xml_of(parts, TEXTS);
    let items = elements(&xml, &whole(&xml), "si");
    items.iter().map(|item| text(&xml, &item.inner)).collect()
}

/// What changes in a sheet.
fn edits(xml: &str, shared: &[String], cells: &mut Cells<'_>) -> Vec<Edit> {
    let mut edits = Vec::new();
    let mut spans = Vec::new();
    let mut number = 0_u32;
    let data = elements(xml, &whole(xml), "sheetData");
    let rows = data
        .iter()
        .flat_map(|data| elements(xml, &data.inner, "row"));
    for row in rows {
        let written = row.attribute(xml, "r").and_then(|text| text.parse().ok());
        number = written.unwrap_or(number.saturating_add(1));
        let mut column = 0;
        for cell in elements(xml, &row.inner, "c") {
            let written = cell.attribute(xml, "r");
            column = written.as_deref().and_then(column_of).unwrap_or(column);
            let place = (number.saturating_sub(1), column);
            column = column.saturating_add(1);
            match cells.change(place, || shown(xml, &cell, shared)) {
                Change::Same => edits.extend(without_formula(xml, &cell, cells)),
                Change::Empty if cell.inner.is_empty() => {}
                Change::Empty => edits.push((cell.whole.clone(), filled(xml, &cell, None))),
                Change::Text(new) => {
                    edits.push((cell.whole.clone(), filled(xml, &cell, Some(&new))));
                }
            }
            spans.push(cell.whole);
        }
    }
    cells.scrub_between(xml, &spans, &mut edits);
    edits
}

/// Column of a place such as `C17`, from zero.
fn column_of(place: &str) -> Option<u32> {
    let letters = place.bytes().take_while(u8::is_ascii_alphabetic);
    let number = letters.fold(0_u32, |number, letter| {
        let place = u32::from(letter.to_ascii_uppercase() - b'A') + 1;
        number.saturating_mul(26).saturating_add(place)
    });
    number.checked_sub(1)
}

/// Text of a cell.
fn shown(xml: &str, cell: &Element, shared: &[String]) -> String {
    let value = elements(xml, &cell.inner, "v");
    let value = value.first().map(|value| text(xml, &value.inner));
    match (cell.attribute(xml, "t").as_deref(), value) {
        (Some(SHARED), Some(place)) => {
            let place = place.trim().parse::<usize>().ok();
            place
                .and_then(|place| shared.get(place).cloned())
                .unwrap_or_default()
        }
        (_, Some(value)) => value,
        (_, None) => text(xml, &cell.inner),
    }
}

/// A formula that names an id leaves and its value stays.
fn without_formula(xml: &str, cell: &Element, cells: &Cells<'_>) -> Option<Edit> {
    let mut formulas = elements(xml, &cell.inner, "f").into_iter();
    let named = formulas.find(|formula| cells.is_named(&text(xml, &formula.inner)))?;
    Some((named.whole, String::new()))
}

/// A cell of the same place and style with a text or nothing in it.
fn filled(xml: &str, cell: &Element, content: Option<&str>) -> String {
    let tag = xml.get(cell.name.clone()).unwrap_or("c");
    let mark = tag.strip_suffix('c').unwrap_or_default();
    let kept = ["r", "s"].map(|name| {
        let value = cell.attribute(xml, name);
        value.map_or_else(String::new, |value| {
            format!(" {name}=\"{}\"", escaped(&value))
        })
    });
    let kept = kept.concat();
    match content {
        None => format!("<{tag}{kept}/>"),
        Some(content) => {
            let content = escaped(content);
            format!(
                "<{tag}{kept} t=\"inlineStr\"><{mark}is><{mark}t xml:space=\"preserve\">{content}</{mark}t></{mark}is></{tag}>"
            )
        }
    }
}

/// Empties the texts that no cell of the sheets names any more.
fn empty_unused_texts(parts: &mut Parts, sheets: &[String]) {
    let mut used = BTreeSet::new();
    for name in sheets {
        let xml = xml_of(parts, name);
        for cell in elements(&xml, &whole(&xml), "c") {
            if cell.attribute(&xml, "t").as_deref() == Some(SHARED) {
                let values = elements(&xml, &cell.inner, "v");
                used.extend(values.iter().map(|value| text(&xml, &value.inner)));
            }
        }
    }
    let used: BTreeSet<usize> = used
        .iter()
        .filter_map(|place| place.trim().parse().ok())
        .collect();
    let xml = xml_of(parts, TEXTS);
    let items = elements(&xml, &whole(&xml), "si").into_iter().enumerate();
    let unused = items.filter(|(place, _)| !used.contains(place));
    let edits = unused.map(|(_, item)| {
        let tag = xml.get(item.name.clone()).unwrap_or("si");
        let mark = tag.strip_suffix("si").unwrap_or_default();
        (item.whole, format!("<{tag}><{mark}t/></{tag}>"))
    });
    let new = replaced(&xml, edits.collect());
    put(parts, TEXTS, new);
}
