//! Cells of a sheet whose stored type is not that of their column.
//!
//! | column | stored as | rule |
//! |---|---|---|
//! | text, code, tags, record, person | a number among texts | `number_for_text` |
//! | comune | a number | `number_for_text` |
//! | any of these | a date, a time, a yes or no | `date_for_text`, `time_for_text`, `boolean_for_text` |
//! | any of these | a number of more digits than a sheet keeps | `digits_lost` |
//! | any of these | `1,23E+15` as text | `scientific_notation` |
//! | integer, decimal, number | text, a date, a time, a yes or no | `text_for_number`, … |
//! | date, instant, month | text, a bare number | `text_for_date`, `number_for_date` |
//! | boolean | a number | `number_for_boolean` |
//!
//! A column of ids that are all numbers is what its writer meant; numbers among texts are not:
//! there a leading zero, or more, is lost.

use std::sync::Arc;

use calamine::Data;

use crate::spec::source::ColumnKind;

/// From here on a sheet rounds whole numbers: it keeps fifteen digits.
const FIRST_ROUNDED: f64 = 1e15;

/// A cell whose stored type is not that of its column.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Coercion {
    /// Row, from zero.
    pub(crate) row: u32,
    /// Column of the sheet, from zero.
    pub(crate) column: u32,
    /// Name of the field.
    pub(crate) field: Arc<str>,
    /// What happened to it.
    pub(crate) rule: &'static str,
}

impl Coercion {
    /// The cell as a sheet names it, for example `C17`.
    pub(crate) fn cell(&self) -> String {
        let mut letters = Vec::new();
        let mut left = self.column + 1;
        while left > 0 {
            left -= 1;
            letters.push(char::from(b'A' + u8::try_from(left % 26).unwrap_or(0)));
            left /= 26;
        }
        let letters: String = letters.iter().rev().collect();
        format!("{letters}{}", u64::from(self.row) + 1)
    }
}

/// The fields asked for and what their columns hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kinds<'k> {
    /// Fields.
    pub(crate) fields: &'k [String],
    /// Type of the column that each is for.
    pub(crate) kinds: &'k [ColumnKind],
}

/// Cells seen so far.
pub(super) struct Coercions<'k> {
    /// Types of the columns.
    kinds: Kinds<'k>,
    /// Coerced cells.
    found: Vec<Coercion>,
    /// Fields as they are seen.
    fields: Vec<FieldSeen>,
}

impl<'k> Coercions<'k> {
    /// No cell yet.
    pub(super) fn new(kinds: Kinds<'k>) -> Self {
        Self {
            kinds,
            found: Vec::new(),
            fields: kinds
                .fields
                .iter()
                .map(|name| FieldSeen::new(name))
                .collect(),
        }
    }

    /// Looks at a cell.
    pub(super) fn see(&mut self, field: usize, (row, column): (u32, u32), cell: &Data) {
        let kind = self.kinds.kinds.get(field);
        let (Some(kind), Some(field)) = (kind, self.fields.get_mut(field)) else {
            return;
        };
        let coercion = |rule| Coercion {
            row,
            column,
            field: Arc::clone(&field.name),
            rule,
        };
        match verdict(*kind, cell) {
            Verdict::Fits => {}
            Verdict::Coerced(rule) => self.found.push(coercion(rule)),
            Verdict::Text => field.has_texts = true,
            Verdict::NumberAmongTexts => {
                let number = coercion("number_for_text");
                field.numbers.push(number);
            }
        }
    }

    /// Coerced cells, row by row.
    pub(super) fn finish(mut self) -> Vec<Coercion> {
        let mixed = self.fields.into_iter().filter(|field| field.has_texts);
        self.found.extend(mixed.flat_map(|field| field.numbers));
        self.found.sort_unstable();
        self.found
    }
}

/// What was seen of a field.
struct FieldSeen {
    /// Its name.
    name: Arc<str>,
    /// Whether it has texts.
    has_texts: bool,
    /// Numbers where texts belong, which are coerced if texts stand beside them.
    numbers: Vec<Coercion>,
}

impl FieldSeen {
    /// Nothing was seen yet.
    fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            has_texts: false,
            numbers: Vec::new(),
        }
    }
}

/// What a cell is to its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// What it should be.
    Fits,
    /// A text where a text should be.
    Text,
    /// A number where a text may be.
    NumberAmongTexts,
    /// Something else, by the rule.
    Coerced(&'static str),
}

/// What a cell is to a column of the given type.
fn verdict(kind: ColumnKind, cell: &Data) -> Verdict {
    match kind {
        ColumnKind::Text
        | ColumnKind::Code
        | ColumnKind::Tags
        | ColumnKind::Comune
        | ColumnKind::Person
        | ColumnKind::Record => for_text(kind, cell),
        ColumnKind::Integer | ColumnKind::Decimal | ColumnKind::Number => for_number(cell),
        ColumnKind::Date | ColumnKind::Instant | ColumnKind::Month => for_date(cell),
        ColumnKind::Boolean => match cell {
            Data::Int(_) | Data::Float(_) => Verdict::Coerced("number_for_boolean"),
            _ => Verdict::Fits,
        },
        ColumnKind::Minutes => Verdict::Fits,
    }
}

/// A cell where text belongs.
fn for_text(kind: ColumnKind, cell: &Data) -> Verdict {
    match cell {
        Data::Float(number) if number.abs() >= FIRST_ROUNDED => Verdict::Coerced("digits_lost"),
        Data::Float(_) | Data::Int(_) if kind == ColumnKind::Comune => {
            Verdict::Coerced("number_for_text")
        }
        Data::Float(_) | Data::Int(_) => Verdict::NumberAmongTexts,
        Data::DateTime(serial) if serial.as_f64() < 1.0 => Verdict::Coerced("time_for_text"),
        Data::DateTime(_) | Data::DateTimeIso(_) => Verdict::Coerced("date_for_text"),
        Data::DurationIso(_) => Verdict::Coerced("time_for_text"),
        Data::Bool(_) => Verdict::Coerced("boolean_for_text"),
        Data::String(text) if is_scientific(text.trim()) => Verdict::Coerced("scientific_notation"),
        Data::String(text) if !text.trim().is_empty() => Verdict::Text,
        Data::String(_) | Data::Empty | Data::Error(_) => Verdict::Fits,
    }
}

/// A cell where a number belongs.
fn for_number(cell: &Data) -> Verdict {
    match cell {
        Data::String(text) if !text.trim().is_empty() => Verdict::Coerced("text_for_number"),
        Data::DateTime(serial) if serial.as_f64() < 1.0 => Verdict::Coerced("time_for_number"),
        Data::DateTime(_) | Data::DateTimeIso(_) => Verdict::Coerced("date_for_number"),
        Data::DurationIso(_) => Verdict::Coerced("time_for_number"),
        Data::Bool(_) => Verdict::Coerced("boolean_for_number"),
        Data::String(_) | Data::Int(_) | Data::Float(_) | Data::Empty | Data::Error(_) => {
            Verdict::Fits
        }
    }
}

/// A cell where a date belongs.
fn for_date(cell: &Data) -> Verdict {
    match cell {
        Data::String(text) if !text.trim().is_empty() => Verdict::Coerced("text_for_date"),
        Data::Int(_) | Data::Float(_) => Verdict::Coerced("number_for_date"),
        Data::Bool(_) => Verdict::Coerced("boolean_for_date"),
        _ => Verdict::Fits,
    }
}

/// Whether a text is a number as a sheet shortens it, for example `8,01E+12`.
fn is_scientific(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once("E+") else {
        return false;
    };
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, rest) = mantissa.split_once([',', '.']).unwrap_or((mantissa, "0"));
    is_digits(exponent) && whole.len() == 1 && is_digits(whole) && is_digits(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rules and cells of a column of the given type, its cells one below the other.
    fn rules(kind: ColumnKind, cells: &[Data]) -> Vec<(String, &'static str)> {
        let (fields, kinds) = (["a".to_owned()], [kind]);
        let mut coercions = Coercions::new(Kinds {
            fields: &fields,
            kinds: &kinds,
        });
        for (row, cell) in (16..).zip(cells) {
            coercions.see(0, (row, 2), cell);
        }
        let found = coercions.finish().into_iter();
        found.map(|found| (found.cell(), found.rule)).collect()
    }

    /// Text as a cell.
    fn text(text: &str) -> Data {
        Data::String(text.to_owned())
    }

    #[test]
    fn numbers_among_ids_are_coerced_and_ids_that_are_numbers_are_not() {
        let numbers = [Data::Float(7.0), Data::Float(8.0)];
        assert_eq!(rules(ColumnKind::Record, &numbers), []);
        let mixed = [text("A7"), Data::Float(8.0), Data::Float(1e15)];
        let expected = [
            ("C18".to_owned(), "number_for_text"),
            ("C19".to_owned(), "digits_lost"),
        ];
        assert_eq!(rules(ColumnKind::Record, &mixed), expected);
        let comune = rules(ColumnKind::Comune, &[Data::Float(15_146.0)]);
        assert_eq!(comune, [("C17".to_owned(), "number_for_text")]);
    }

    #[test]
    fn each_type_knows_what_is_not_its_own() {
        let date = || Data::DateTimeIso("2024-02-29".to_owned());
        for (kind, cell, rule) in [
            (ColumnKind::Text, date(), Some("date_for_text")),
            (ColumnKind::Code, Data::Bool(true), Some("boolean_for_text")),
            (
                ColumnKind::Person,
                text("8,01E+12"),
                Some("scientific_notation"),
            ),
            (ColumnKind::Person, text("8E"), None),
            (ColumnKind::Integer, text("7"), Some("text_for_number")),
            (ColumnKind::Decimal, date(), Some("date_for_number")),
            (ColumnKind::Number, Data::Float(1.5), None),
            (ColumnKind::Date, text("29/02/2024"), Some("text_for_date")),
            (
                ColumnKind::Month,
                Data::Float(45_351.0),
                Some("number_for_date"),
            ),
            (ColumnKind::Instant, date(), None),
            (
                ColumnKind::Boolean,
                Data::Int(1),
                Some("number_for_boolean"),
            ),
            (ColumnKind::Boolean, text("sì"), None),
            (ColumnKind::Minutes, text("1h30"), None),
        ] {
            let found = rules(kind, std::slice::from_ref(&cell));
            let found = found.first().map(|(_, rule)| *rule);
            assert_eq!(found, rule, "{kind:?} {cell:?}");
        }
    }

    #[test]
    fn a_cell_is_named_as_in_a_sheet() {
        for (row, column, name) in [
            (0, 0, "A1"),
            (16, 2, "C17"),
            (9, 26, "AA10"),
            (0, 16_383, "XFD1"),
        ] {
            let coercion = Coercion {
                row,
                column,
                field: "a".into(),
                rule: "digits_lost",
            };
            assert_eq!(coercion.cell(), name);
        }
    }
}
