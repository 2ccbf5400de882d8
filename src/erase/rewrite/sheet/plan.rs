//! What becomes of every cell of the declared sheet, as the reader of sheets sees it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use bytes::Bytes;
use calamine::Data;

use super::super::json::{blank_inside, person_inside};
use super::{Change, Error, Rewritten, change_to};
use crate::canon::workbook::header::{self, Header, HeaderPlace};
use crate::canon::workbook::{Row, Sheet, Workbook};
use crate::erase::subjects::{Judge, Person, Verdict};
use crate::spec::format::{Format, SheetFormat};
use crate::stages::conform::formats::{Kinds, RawRow, Record, Value, read_page};

/// A record of the sheet.
pub(super) struct Judged {
    /// Its row, from zero.
    row: u32,
    /// What becomes of it.
    pub(super) verdict: Verdict,
}

/// The declared sheet as it is read.
pub(super) struct Read {
    /// Its cells.
    sheet: Sheet,
    /// Its header.
    header: Header,
    /// Rows that the header spans.
    n_header_rows: u32,
    /// Its records.
    pub(super) rows: Vec<Judged>,
}

#[cfg(test)]
impl Read {
    /// A sheet of nothing but judged records.
    pub(super) fn of_rows(verdicts: Vec<Verdict>) -> Self {
        let rows = verdicts.into_iter();
        Self {
            sheet: Sheet::default(),
            header: Header {
                below: 0,
                names: Vec::new(),
            },
            n_header_rows: 1,
            rows: rows.map(|verdict| Judged { row: 0, verdict }).collect(),
        }
    }
}

/// Reads the declared sheet of a workbook and judges its records.
pub(super) fn read(options: &SheetFormat, judge: &Judge<'_>, bytes: &Bytes) -> Result<Read, Error> {
    let broken = || Error::unreadable("is not a workbook with the declared sheet");
    let kinds = Kinds {
        fields: &judge.fields,
        kinds: &judge.kinds,
    };
    let mut rows = Vec::new();
    let mut sink = |row: RawRow<'_>| {
        let Record::Fields(values) = row.record else {
            return;
        };
        let persons = judge.persons.iter();
        let values: Vec<Option<String>> = persons
            .map(|person| person_of(judge, person, values))
            .collect();
        rows.push(Judged {
            row: u32::try_from(row.place.saturating_sub(1)).unwrap_or(u32::MAX),
            verdict: judge.verdict(&values),
        });
    };
    let format = Format::Sheet(options.clone());
    read_page(&format, kinds, bytes, &mut sink).map_err(|_broken| broken())?;
    let sheet = Workbook::open(bytes.clone())
        .and_then(|book| book.sheet(&options.sheet))
        .map_err(|_broken| broken())?;
    let place = HeaderPlace {
        last: options.header_row,
        n_rows: options.header_rows,
    };
    let header = header::find(&sheet, place, &judge.fields).map_err(|_none| broken())?;
    Ok(Read {
        sheet,
        header,
        n_header_rows: options.header_rows.max(1),
        rows,
    })
}

/// The person of a record.
fn person_of(judge: &Judge<'_>, person: &Person, values: &[Value<'_>]) -> Option<String> {
    let place = judge
        .fields
        .iter()
        .position(|known| *known == person.field)?;
    let mut scratch = String::new();
    let text = values.get(place)?.text(&mut scratch);
    match &person.json {
        None => Some(text.to_owned()),
        Some(path) => person_inside(judge, &person.domain, text, path),
    }
}

/// What becomes of the cells of the declared sheet.
pub(super) struct Plan {
    /// Rows of which all cells are emptied.
    gone: BTreeSet<u32>,
    /// Other cells that change.
    cells: BTreeMap<(u32, u32), Change>,
    /// Rows of the header.
    header: Range<u32>,
    /// Columns in which an id is another thing, such as the number of a record.
    untouched: BTreeSet<u32>,
}

impl Plan {
    /// Decides about all cells.
    pub(super) fn new(judge: &Judge<'_>, read: &Read, done: &mut Rewritten) -> Self {
        let below = read.header.below;
        let mut plan = Self {
            gone: BTreeSet::new(),
            cells: BTreeMap::new(),
            header: below.saturating_sub(read.n_header_rows)..below,
            untouched: judge
                .untouched()
                .filter_map(|field| column(&read.header, field))
                .collect(),
        };
        for judged in &read.rows {
            match &judged.verdict {
                Verdict::Keep => {}
                Verdict::Drop => {
                    done.n_dropped += 1;
                    plan.gone.insert(judged.row);
                }
                Verdict::Blank(places) => {
                    done.n_blanked += 1;
                    let persons = places.iter().filter_map(|place| judge.persons.get(*place));
                    persons.for_each(|person| plan.blank(read, judged.row, person));
                }
            }
        }
        for row in &read.sheet.rows {
            plan.scrub(judge, read, row, done);
        }
        plan
    }

    /// What becomes of a cell.
    pub(super) fn change(&self, place: (u32, u32)) -> Change {
        if self.gone.contains(&place.0) {
            return Change::Empty;
        }
        self.cells.get(&place).cloned().unwrap_or(Change::Same)
    }

    /// Whether an id in a cell is a word of its text and nothing else.
    pub(super) fn is_free(&self, (row, column): (u32, u32)) -> bool {
        row < self.header.start || (row >= self.header.end && !self.untouched.contains(&column))
    }

    /// Takes a person out of its cell, or out of the block that covers it.
    fn blank(&mut self, read: &Read, row: u32, person: &Person) {
        let Some(column) = column(&read.header, &person.field) else {
            return;
        };
        let mut place = (row, column);
        if read.sheet.get(row, column).is_none() {
            let mut blocks = read.sheet.merged.iter();
            let block = blocks.find(|block| block.covers(row, column));
            place = block.map_or(place, |block| (block.rows.0, block.columns.0));
        }
        let before = match self.cells.get(&place) {
            Some(Change::Text(text)) => Some(text.clone()),
            Some(Change::Same | Change::Empty) | None => {
                read.sheet.get(place.0, place.1).and_then(words)
            }
        };
        let change = match (&person.json, before) {
            (Some(path), Some(text)) => Change::Text(blank_inside(&text, path)),
            (_, _) => Change::Empty,
        };
        self.cells.insert(place, change);
    }

    /// Takes ids out of the words of a row.
    fn scrub(&mut self, judge: &Judge<'_>, read: &Read, row: &Row, done: &mut Rewritten) {
        let is_title = row.number < self.header.start;
        if !judge.takes_out_words() || self.gone.contains(&row.number) {
            return;
        }
        let mut n_mentions = 0;
        for (column, cell) in &row.cells {
            let place = (row.number, *column);
            if !self.is_free(place) {
                continue;
            }
            let before = match self.cells.get(&place) {
                Some(Change::Text(text)) => Some(text.clone()),
                Some(Change::Same | Change::Empty) => None,
                None => words(cell),
            };
            let field = if is_title {
                ""
            } else {
                field(&read.header, *column)
            };
            let new = before.and_then(|text| judge.scrubbed(field, &text));
            if let Some(new) = new {
                n_mentions += 1;
                self.cells.insert(place, change_to(new));
            }
        }
        let is_empty = |column: &u32| self.change((row.number, *column)) == Change::Empty;
        let mut full = row.cells.iter().filter(|(_, cell)| is_full(cell));
        if n_mentions > 0 && !is_title && full.all(|(column, _)| is_empty(column)) {
            // A record of nothing but the id leaves with it.
            done.n_dropped += 1;
            self.gone.insert(row.number);
        } else {
            done.n_mentions += n_mentions;
        }
    }
}

/// Column of a field.
fn column(header: &Header, field: &str) -> Option<u32> {
    let place = header.names.iter().position(|name| name == field)?;
    u32::try_from(place).ok()
}

/// Field of a column; none for one that the reader does not take.
fn field(header: &Header, place: u32) -> &str {
    let name = header.names.get(place as usize);
    name.filter(|name| column(header, name) == Some(place))
        .map_or("", String::as_str)
}

/// What a cell says in words.
fn words(cell: &Data) -> Option<String> {
    match cell {
        Data::String(text) => Some(text.clone()),
        Data::Float(number) => Some(number.to_string()),
        Data::Int(number) => Some(number.to_string()),
        Data::Bool(_)
        | Data::DateTime(_)
        | Data::DateTimeIso(_)
        | Data::DurationIso(_)
        | Data::Error(_)
        | Data::Empty => None,
    }
}

/// Whether a cell holds more than white space.
fn is_full(cell: &Data) -> bool {
    match cell {
        Data::String(text) => !text.trim().is_empty(),
        cell => *cell != Data::Empty,
    }
}
