//! Workbooks: the cells of a row are emptied where they stand, all else of the workbook stays.
//!
//! Rows keep their numbers, formats, formulas and merged cells theirs. In XLSX the texts lie in a
//! list of their own: those that no cell names any more are emptied too.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use bytes::Bytes;

use super::{Error, Rewritten};
use crate::canon::json_spans::replaced;
use crate::canon::xml_spans::{Element, elements, text};
use crate::erase::packed::{Part, parts, zipped};
use crate::erase::subjects::{Judge, Verdict};
use crate::spec::format::{Format, SheetFormat};
use crate::stages::conform::formats::{Kinds, RawRow, Record, read_page};

/// Type of a cell whose value is a place in the list of texts.
const SHARED: &str = "s";

/// What becomes of a row of the sheet.
enum Row {
    /// All its cells are emptied.
    Gone,
    /// The cells with one of these texts are emptied.
    Blanked(BTreeSet<String>),
}

/// Rows that change, by number from one.
type Rows = BTreeMap<u64, Row>;

/// Parts of a workbook, in their order.
type Parts = Vec<Part>;

/// Rewrites a workbook.
pub(super) fn workbook(
    options: &SheetFormat,
    judge: &Judge<'_>,
    bytes: &Bytes,
) -> Result<Rewritten, Error> {
    let mut done = Rewritten::default();
    let rows = rows(options, judge, bytes, &mut done)?;
    let mut parts = parts(bytes).map_err(|_cut| Error::unreadable("is not a whole zip file"))?;
    let has = |parts: &Parts, name: &str| parts.iter().any(|(known, _)| known == name);
    if !rows.is_empty() {
        if has(&parts, "content.xml") {
            edit(&mut parts, "content.xml", |xml| {
                ods(xml, &options.sheet, &rows)
            });
        } else {
            let sheet = sheet_part(&parts, &options.sheet)
                .ok_or_else(|| Error::unreadable("has no part for its sheet"))?;
            let shared = shared_texts(&parts);
            edit(&mut parts, &sheet, |xml| xlsx(xml, &shared, &rows));
            empty_unused_texts(&mut parts);
        }
    }
    done.n_mentions += scrub(&mut parts, judge);
    if !done.is_same() {
        done.bytes = zipped(&parts)?;
    }
    Ok(done)
}

/// What becomes of the rows, as the reader of sheets sees them.
fn rows(
    options: &SheetFormat,
    judge: &Judge<'_>,
    bytes: &Bytes,
    done: &mut Rewritten,
) -> Result<Rows, Error> {
    let kinds = Kinds {
        fields: &judge.fields,
        kinds: &judge.kinds,
    };
    let mut rows = Rows::new();
    let mut sink = |row: RawRow<'_>| {
        let Record::Fields(values) = row.record else {
            return;
        };
        let place = |field: &String| judge.fields.iter().position(|known| known == field);
        let values: Vec<Option<String>> = judge
            .persons
            .iter()
            .map(|person| values.get(place(&person.field)?))
            .map(|value| Some(value?.text(&mut String::new()).to_owned()))
            .collect();
        match judge.verdict(&values) {
            Verdict::Keep => {}
            Verdict::Drop => {
                done.n_dropped += 1;
                rows.insert(row.place, Row::Gone);
            }
            Verdict::Blank(places) => {
                done.n_blanked += 1;
                let texts = places
                    .iter()
                    .filter_map(|place| values.get(*place)?.clone());
                let texts = texts.map(|text| text.trim().to_owned()).collect();
                rows.insert(row.place, Row::Blanked(texts));
            }
        }
    };
    let format = Format::Sheet(options.clone());
    read_page(&format, kinds, bytes, &mut sink)
        .map_err(|_broken| Error::unreadable("is not a workbook with the declared sheet"))?;
    Ok(rows)
}

/// The XML of a part.
fn xml_of(parts: &Parts, name: &str) -> String {
    let part = parts.iter().find(|(known, _)| known == name);
    part.map_or_else(String::new, |(_, content)| {
        String::from_utf8_lossy(content).into_owned()
    })
}

/// Puts another XML in the place of a part.
fn edit(parts: &mut Parts, name: &str, change: impl FnOnce(&str) -> String) {
    let xml = xml_of(parts, name);
    if let Some((_, content)) = parts.iter_mut().find(|(known, _)| known == name) {
        *content = change(&xml).into_bytes();
    }
}

/// All of a text.
fn whole(xml: &str) -> Range<usize> {
    0..xml.len()
}

/// Name of the part that holds a sheet of an XLSX workbook.
fn sheet_part(parts: &Parts, sheet: &str) -> Option<String> {
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

/// Name of the list of texts of an XLSX workbook.
const TEXTS: &str = "xl/sharedStrings.xml";

/// The list of texts.
fn shared_texts(parts: &Parts) -> Vec<String> {
    let xml = xml_of(parts, TEXTS);
    let items = elements(&xml, &whole(&xml), "si");
    items.iter().map(|item| text(&xml, &item.inner)).collect()
}

/// A sheet of an XLSX workbook with some rows emptied.
fn xlsx(xml: &str, shared: &[String], rows: &Rows) -> String {
    let mut edits = Vec::new();
    let mut number = 0;
    for row in elements(xml, &whole(xml), "row") {
        let written = row
            .attribute(xml, "r")
            .and_then(|number| number.parse().ok());
        number = written.unwrap_or(number + 1);
        let Some(change) = rows.get(&number) else {
            continue;
        };
        for cell in elements(xml, &row.inner, "c") {
            let is_emptied = match change {
                Row::Gone => true,
                Row::Blanked(texts) => texts.contains(xlsx_text(xml, &cell, shared).trim()),
            };
            if is_emptied {
                edits.push((cell.whole.clone(), emptied(xml, &cell)));
            }
        }
    }
    replaced(xml, edits)
}

/// Text of a cell.
fn xlsx_text(xml: &str, cell: &Element, shared: &[String]) -> String {
    let value = elements(xml, &cell.inner, "v");
    let value = value.first().map(|value| text(xml, &value.inner));
    match (cell.attribute(xml, "t").as_deref(), value) {
        (Some(SHARED), Some(place)) => {
            let place = place.parse::<usize>().ok();
            place
                .and_then(|place| shared.get(place).cloned())
                .unwrap_or_default()
        }
        (_, Some(value)) => value,
        (_, None) => text(xml, &cell.inner),
    }
}

/// A cell of the same place and style with nothing in it.
fn emptied(xml: &str, cell: &Element) -> String {
    let tag = xml
        .get(cell.whole.start + 1..cell.attributes.start)
        .unwrap_or("c");
    let kept = ["r", "s"].map(|name| {
        let value = cell.attribute(xml, name);
        value.map_or_else(String::new, |value| format!(" {name}=\"{value}\""))
    });
    format!("<{tag}{}/>", kept.concat())
}

/// Empties the texts that no cell names any more.
fn empty_unused_texts(parts: &mut Parts) {
    let is_sheet = |name: &str| name.starts_with("xl/worksheets/sheet");
    let mut used = BTreeSet::new();
    for (name, content) in parts.iter() {
        if !is_sheet(name) {
            continue;
        }
        let xml = String::from_utf8_lossy(content);
        for cell in elements(&xml, &whole(&xml), "c") {
            if cell.attribute(&xml, "t").as_deref() == Some(SHARED) {
                used.insert(text(&xml, &cell.inner));
            }
        }
    }
    edit(parts, TEXTS, |xml| {
        let items = elements(xml, &whole(xml), "si").into_iter().enumerate();
        let unused = items.filter(|(place, _)| !used.contains(&place.to_string()));
        let edits = unused.map(|(_, item)| {
            let tag = xml.get(item.whole.start + 1..item.attributes.start);
            let tag = tag.unwrap_or("si").trim_end_matches('/');
            let mark = tag.strip_suffix("si").unwrap_or_default();
            (item.whole, format!("<{tag}><{mark}t/></{tag}>"))
        });
        replaced(xml, edits.collect())
    });
}

/// The content of an `OpenDocument` workbook with some rows of a sheet emptied.
fn ods(xml: &str, sheet: &str, rows: &Rows) -> String {
    let tables = elements(xml, &whole(xml), "table");
    let mut tables = tables.into_iter();
    let Some(table) = tables.find(|table| table.attribute(xml, "name").as_deref() == Some(sheet))
    else {
        return xml.to_owned();
    };
    let mut edits = Vec::new();
    let mut number = 0;
    for row in elements(xml, &table.inner, "table-row") {
        let n_repeats = repeats(xml, &row, "number-rows-repeated");
        let changes: Vec<&Row> = rows
            .range(number + 1..=number + n_repeats)
            .map(|(_, row)| row)
            .collect();
        number += n_repeats;
        if changes.is_empty() {
            continue;
        }
        let is_gone = changes.iter().any(|change| matches!(change, Row::Gone));
        for cell in elements(xml, &row.inner, "table-cell") {
            let content = text(xml, &cell.inner);
            let is_named = changes.iter().any(|change| match change {
                Row::Gone => false,
                Row::Blanked(texts) => texts.contains(content.trim()),
            });
            if is_gone || is_named {
                let n_columns = repeats(xml, &cell, "number-columns-repeated");
                let tag = xml.get(cell.whole.start + 1..cell.attributes.start);
                let tag = tag.unwrap_or("table:table-cell").trim_end_matches('/');
                let new = format!("<{tag} table:number-columns-repeated=\"{n_columns}\"/>");
                edits.push((cell.whole.clone(), new));
            }
        }
    }
    replaced(xml, edits)
}

/// How often an element stands for itself.
fn repeats(xml: &str, element: &Element, name: &str) -> u64 {
    let written = element.attribute(xml, name);
    written.and_then(|number| number.parse().ok()).unwrap_or(1)
}

/// Takes ids out of the texts of all parts; in how many parts they were.
fn scrub(parts: &mut Parts, judge: &Judge<'_>) -> u64 {
    let mut n_mentions = 0;
    for (name, content) in parts {
        let is_xml = [".xml", ".rels", ".vml"]
            .iter()
            .any(|ending| name.ends_with(ending));
        if let Some(new) = judge.scrubbed_bytes(content).filter(|_| is_xml) {
            *content = new;
            n_mentions += 1;
        }
    }
    n_mentions
}
