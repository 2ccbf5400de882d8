//! Workbooks: the cells of a row are emptied where they stand, all else of the workbook stays.
//!
//! Rows keep their numbers, formats, formulas and merged cells theirs. In XLSX the texts lie in a
//! list of their own: those that no cell names any more are emptied too. An id is taken out of
//! other words only in cells of free text: in a column of record numbers or persons of the declared
//! sheet the same signs may be part of another id.

use std::ops::Range;

use bytes::Bytes;

use self::plan::{Plan, Read};
use super::{Error, Rewritten};
use crate::erase::packed::{Part, parts, zipped};
use crate::erase::subjects::{Judge, Verdict};
use crate::spec::format::SheetFormat;

mod ods;
mod plan;
#[cfg(test)]
mod tests;
mod xlsx;

/// Parts of a workbook, in their order.
type Parts = Vec<Part>;

/// A part of an XML text, and what comes in its place.
type Edit = (Range<usize>, String);

/// What becomes of a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Change {
    /// It stays as it is.
    Same,
    /// It is emptied.
    Empty,
    /// It holds this text.
    Text(String),
}

/// The cells of one sheet and what becomes of them.
struct Cells<'p> {
    /// Plan of the declared sheet; none for the others, which no table has.
    plan: Option<&'p Plan>,
    /// Who knows the ids to take out of words.
    judge: &'p Judge<'p>,
    /// Texts in which one stood.
    n_mentions: u64,
}

impl Cells<'_> {
    /// Whether nothing can change.
    fn is_idle(&self) -> bool {
        self.plan.is_none() && !self.judge.takes_out_words()
    }

    /// What becomes of a cell by its row and column, from zero.
    fn change(&mut self, place: (u32, u32), text: impl FnOnce() -> String) -> Change {
        if let Some(plan) = self.plan {
            return plan.change(place);
        }
        let new = self.judge.scrubbed_text(&text());
        self.n_mentions += u64::from(new.is_some());
        new.map_or(Change::Same, change_to)
    }

    /// Whether an id in a cell is a word of its text and nothing else.
    fn is_free(&self, place: (u32, u32)) -> bool {
        self.plan.is_none_or(|plan| plan.is_free(place))
    }

    /// Whether an id stands in a text.
    fn is_named(&self, text: &str) -> bool {
        self.judge.names_a_subject(text)
    }

    /// Takes ids out of the words of a part of an XML text.
    fn scrub(&mut self, xml: &str, span: Range<usize>) -> Option<Edit> {
        let text = xml.get(span.clone())?;
        let new = self.judge.scrubbed_bytes(text.as_bytes())?;
        let new = String::from_utf8(new).ok()?;
        self.n_mentions += 1;
        Some((span, new))
    }

    /// Takes ids out of what stands between the cells, which are given in their order.
    fn scrub_between(&mut self, xml: &str, cells: &[Range<usize>], edits: &mut Vec<Edit>) {
        let starts = std::iter::once(0).chain(cells.iter().map(|cell| cell.end));
        let ends = cells.iter().map(|cell| cell.start).chain([xml.len()]);
        for (start, end) in starts.zip(ends) {
            edits.extend(self.scrub(xml, start..end));
        }
    }
}

/// The change that leaves a text in a cell.
fn change_to(text: String) -> Change {
    if text.trim().is_empty() {
        Change::Empty
    } else {
        Change::Text(text)
    }
}

/// Rewrites a workbook.
pub(super) fn workbook(
    options: &SheetFormat,
    judge: &Judge<'_>,
    bytes: &Bytes,
) -> Result<Rewritten, Error> {
    let mut parts = parts(bytes).map_err(|_cut| Error::unreadable("is not a whole zip file"))?;
    let mut done = Rewritten::default();
    // Of a workbook without the declared sheet nothing is in any table: all of it is mere words.
    let read = plan::read(options, judge, bytes).ok();
    let plan = read.as_ref().map(|read| Plan::new(judge, read, &mut done));
    let plan = plan.as_ref();
    let is_ods = parts.iter().any(|(name, _)| name == ods::CONTENT);
    let n_mentions = if is_ods {
        ods::rewrite(&mut parts, &options.sheet, plan, judge)
    } else {
        xlsx::rewrite(&mut parts, &options.sheet, plan, judge)
    };
    done.n_mentions += n_mentions + scrub(&mut parts, judge);
    if done.is_same() {
        return Ok(done);
    }
    done.bytes = zipped(&parts)?;
    if let Some(read) = read {
        let left = plan::read(options, judge, &Bytes::copy_from_slice(&done.bytes));
        let left = left.map_err(|_broken| Error::untrusted("it can no longer be read"))?;
        check(&read, &left, done.n_dropped)?;
    }
    Ok(done)
}

/// Whether all others and nobody else are left.
fn check(before: &Read, left: &Read, n_dropped: u64) -> Result<(), Error> {
    if left.rows.len() as u64 + n_dropped != before.rows.len() as u64 {
        return Err(Error::untrusted("another number of records would be left"));
    }
    if left.rows.iter().any(|row| row.verdict != Verdict::Keep) {
        return Err(Error::untrusted("the person would still be in it"));
    }
    Ok(())
}

/// The XML of a part.
fn xml_of(parts: &Parts, name: &str) -> String {
    let part = parts.iter().find(|(known, _)| known == name);
    part.map_or_else(String::new, |(_, content)| {
        String::from_utf8_lossy(content).into_owned()
    })
}

/// Puts another XML in the place of a part.
fn put(parts: &mut Parts, name: &str, xml: String) {
    if let Some((_, content)) = parts.iter_mut().find(|(known, _)| known == name) {
        *content = xml.into_bytes();
    }
}

/// All of a text.
fn whole(xml: &str) -> Range<usize> {
    0..xml.len()
}

/// Takes ids out of the words of all parts without cells; in how many parts they were.
fn scrub(parts: &mut Parts, judge: &Judge<'_>) -> u64 {
    let mut n_mentions = 0;
    for (name, content) in parts {
        let is_xml = [".xml", ".rels", ".vml"]
            .iter()
            .any(|ending| name.ends_with(ending));
        let has_cells = name == ods::CONTENT || xlsx::has_cells(name);
        if !is_xml || has_cells {
            continue;
        }
        if let Some(new) = judge.scrubbed_bytes(content) {
            *content = new;
            n_mentions += 1;
        }
    }
    n_mentions
}
