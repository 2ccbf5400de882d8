//! Declared corrections of a platform's records, `pipelines/corrections/<platform>.toml`.
//!
//! A correction stands beside the pipeline until the platform has corrected its own records. It
//! says which row, what to do with it, why and who reported it; and it fails loudly as soon as it
//! no longer finds what it corrects, so that none outlives its reason.
//!
//! ```toml
//! [[correction]]
//! name = "2026-03-twice-the-hours"
//! table = "interventi"
//! find.record = { column = "id", key = "9f2c…32 hexadecimal digits" }
//! action.override = { column = "ore_erogate", value = "3.5" }
//! reason = "hours were typed twice; confirmed by the platform on 4 March"
//! reported_by = "help desk of the platform"
//! reported_on = "2026-03-04"
//! ```
//!
//! A repository is no place for a person's id. So a row is found by page and place, by the
//! pseudonym of its record as `query --private` prints it, or by plain values of columns that are
//! no id, no person and no free text.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Deserialize;

use super::agreement::Day;
use super::source::{ColumnKind, ColumnSpec, SourceSpec, TableSpec};

/// Corrections of one platform.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CorrectionsSpec {
    /// The corrections, in any order.
    #[serde(default)]
    pub correction: Vec<Correction>,
}

/// One correction.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Correction {
    /// Its name, unique in the file; it stands in reports and in `conformed.flags`.
    pub name: String,
    /// Table of the platform.
    pub table: String,
    /// Which row.
    pub find: Locator,
    /// What to do with it.
    pub action: CorrectionAction,
    /// Why.
    pub reason: String,
    /// Who reported the mistake: an office or a role, never a person's name.
    pub reported_by: String,
    /// When it was reported.
    pub reported_on: Day,
    /// What the source will say once it is corrected; an override is over when the source says the
    /// same as the override even without this.
    pub fixed_when: Option<FieldValue>,
}

/// Which row a correction is about.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Locator {
    /// The row at a place of a page.
    Place(PagePlace),
    /// Every row of a record, by its pseudonym.
    Record(RecordKey),
    /// Every row whose columns have these values, as the source writes them.
    Values(BTreeMap<String, String>),
}

/// A place in a page.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PagePlace {
    /// SHA-256 of the page, which makes the place exact, or its address.
    pub page: String,
    /// One-based line, row or place in the array, as `antenne rejects show` prints it.
    pub place: u64,
}

/// A record by its pseudonym.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordKey {
    /// Column of type `record` or `person`.
    pub column: String,
    /// Its pseudonym, 32 hexadecimal digits.
    pub key: String,
}

/// What to do with a row.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum CorrectionAction {
    /// It does not come in; it is counted as rejected by the rule `dropped_by_correction`.
    Drop,
    /// It comes in, and is named in `conformed.flags`.
    Flag,
    /// One of its values is replaced before it is read.
    Override(FieldValue),
}

/// A value of a column, as the source would write it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FieldValue {
    /// Column of the contract.
    pub column: String,
    /// The value; empty for no value.
    pub value: String,
}

/// A mistake in the corrections of a platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Misplaced {
    /// Text of the file to mark.
    pub(crate) needle: String,
    /// What is wrong.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) help: String,
}

/// Digits of a pseudonym.
const KEY_DIGITS: usize = 32;

impl RecordKey {
    /// The pseudonym, if it is one.
    pub(crate) fn bytes(&self) -> Option<[u8; KEY_DIGITS / 2]> {
        if self.key.len() != KEY_DIGITS {
            return None;
        }
        let mut bytes = [0; KEY_DIGITS / 2];
        for (index, byte) in bytes.iter_mut().enumerate() {
            let pair = self.key.get(index * 2..index * 2 + 2)?;
            *byte = u8::from_str_radix(pair, 16).ok()?;
        }
        Some(bytes)
    }
}

impl CorrectionsSpec {
    /// The corrections of a table, by name.
    pub(crate) fn of_table<'a>(&'a self, table: &'a str) -> impl Iterator<Item = &'a Correction> {
        let mut found: Vec<&Correction> = self.correction.iter().collect();
        found.sort_by(|left, right| left.name.cmp(&right.name));
        found.into_iter().filter(move |one| one.table == table)
    }

    /// What is wrong with the corrections of a platform with these tables.
    pub(crate) fn mistakes(&self, source: &SourceSpec) -> Vec<Misplaced> {
        let mut found = Vec::new();
        let mut names = BTreeSet::new();
        for correction in &self.correction {
            let is_word = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
            if correction.name.is_empty() || !correction.name.chars().all(is_word) {
                found.push(misplaced(
                    &correction.name,
                    format!("`{}` is no name for a correction", correction.name),
                    "use letters, digits, `-`, `_` and `.`, for example `2026-03-wrong-comune`",
                ));
            }
            if !names.insert(&correction.name) {
                found.push(misplaced(
                    &correction.name,
                    format!("there are two corrections called `{}`", correction.name),
                    "give each a name of its own",
                ));
            }
            if let Some(table) = source.tables.get(&correction.table) {
                found.extend(correction.mistakes(table));
                continue;
            }
            let tables: Vec<&str> = source.tables.keys().map(String::as_str).collect();
            found.push(misplaced(
                &correction.table,
                format!("the platform has no table `{}`", correction.table),
                &format!("its tables are {}", tables.join(", ")),
            ));
        }
        found
    }
}

/// A mistake at some text of the file.
fn misplaced(needle: &str, message: String, help: &str) -> Misplaced {
    Misplaced {
        needle: needle.to_owned(),
        message,
        help: help.to_owned(),
    }
}

impl Correction {
    /// What is wrong with it, given the contract of its table.
    fn mistakes(&self, table: &TableSpec) -> Vec<Misplaced> {
        let mut found = Vec::new();
        match &self.find {
            Locator::Place(place) if place.place == 0 => found.push(misplaced(
                "place",
                "places are counted from 1".to_owned(),
                "take the place that `antenne rejects show` prints",
            )),
            Locator::Place(_) => {}
            Locator::Record(record) => found.extend(record_mistake(record, table)),
            Locator::Values(values) if values.is_empty() => found.push(misplaced(
                "values",
                format!("correction `{}` would find every row", self.name),
                "name at least one column and its value",
            )),
            Locator::Values(values) => {
                let columns = values.keys();
                found.extend(columns.filter_map(|column| locating_mistake(column, table)));
            }
        }
        let named = match &self.action {
            CorrectionAction::Override(to) => Some(to),
            CorrectionAction::Drop | CorrectionAction::Flag => None,
        };
        for value in named.into_iter().chain(&self.fixed_when) {
            found.extend(plain_mistake(&value.column, table));
        }
        found
    }
}

/// A column of a table, or the mistake that there is none.
fn column_of<'t>(column: &str, table: &'t TableSpec) -> Result<&'t ColumnSpec, Misplaced> {
    table.columns.get(column).ok_or_else(|| {
        let columns: Vec<&str> = table.columns.keys().map(String::as_str).collect();
        misplaced(
            column,
            format!("the table has no column `{column}`"),
            &format!("its columns are {}", columns.join(", ")),
        )
    })
}

/// What is wrong with a record given by its pseudonym.
fn record_mistake(record: &RecordKey, table: &TableSpec) -> Option<Misplaced> {
    let column = match column_of(&record.column, table) {
        Ok(column) => column,
        Err(mistake) => return Some(mistake),
    };
    if !matches!(column.kind, ColumnKind::Record | ColumnKind::Person) {
        return Some(misplaced(
            &record.column,
            format!("column `{}` has no pseudonyms", record.column),
            "name a column of type record or person",
        ));
    }
    // The text is not repeated: it may be the id itself.
    record.bytes().is_none().then(|| {
        misplaced(
            "key",
            "a record is named by its pseudonym of 32 hexadecimal digits".to_owned(),
            "take it from `antenne query --private \"select encode(<column>, 'hex') …\"`; an id of the platform does not belong into a repository",
        )
    })
}

/// What keeps a column from finding a row by its plain value.
fn locating_mistake(column: &str, table: &TableSpec) -> Option<Misplaced> {
    let spec = match column_of(column, table) {
        Ok(spec) => spec,
        Err(mistake) => return Some(mistake),
    };
    let is_private = matches!(
        spec.kind,
        ColumnKind::Person | ColumnKind::Record | ColumnKind::Text | ColumnKind::Tags
    );
    if is_private {
        return Some(misplaced(
            column,
            format!("a plain value of `{column}` may point at a person"),
            "find the row by `find.record` with its pseudonym, or by `find.place`",
        ));
    }
    plain_mistake(column, table)
}

/// What keeps a column from being read or replaced as plain text.
fn plain_mistake(column: &str, table: &TableSpec) -> Option<Misplaced> {
    let spec = match column_of(column, table) {
        Ok(spec) => spec,
        Err(mistake) => return Some(mistake),
    };
    if matches!(spec.kind, ColumnKind::Person | ColumnKind::Record) {
        return Some(misplaced(
            column,
            format!("`{column}` is an id, which no declaration may hold"),
            "drop the row instead, and have the platform correct it",
        ));
    }
    spec.json.is_some().then(|| {
        misplaced(
            column,
            format!("`{column}` lies inside another value, which a correction cannot replace"),
            "drop or flag the row instead",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A platform with one table.
    fn source() -> SourceSpec {
        toml::from_str(
            r#"
            title = { it = "a", en = "b" }
            [tables.t]
            key = ["id"]
            fetch.files = { url = "t.csv" }
            format.csv = {}
            [tables.t.columns]
            id = { type = "record" }
            chi = { type = "person" }
            nota = { type = "text" }
            ore = { type = "number" }
            dentro = { type = "integer", from = "nota", json = "a.b" }
            "#,
        )
        .unwrap()
    }

    /// Messages about one correction with these lines.
    fn messages(lines: &str) -> Vec<String> {
        let text = format!(
            "[[correction]]\nname = \"one\"\nreason = \"r\"\nreported_by = \"desk\"\nreported_on = \"2026-03-04\"\n{lines}\n"
        );
        let spec: CorrectionsSpec = toml::from_str(&text).unwrap();
        let found = spec.mistakes(&source());
        found.into_iter().map(|found| found.message).collect()
    }

    #[test]
    fn sound_corrections_have_no_mistakes() {
        let key = "0a".repeat(16);
        for lines in [
            "table = \"t\"\nfind.place = { page = \"t.csv\", place = 2 }\naction = \"drop\"".to_owned(),
            format!("table = \"t\"\nfind.record = {{ column = \"id\", key = \"{key}\" }}\naction.override = {{ column = \"ore\", value = \"3.5\" }}"),
            "table = \"t\"\nfind.values = { ore = \"7\" }\naction = \"flag\"\nfixed_when = { column = \"ore\", value = \"8\" }".to_owned(),
        ] {
            assert_eq!(messages(&lines), Vec::<String>::new(), "{lines}");
        }
    }

    #[test]
    fn an_id_never_stands_in_a_correction() {
        let plain = messages(
            "table = \"t\"\nfind.record = { column = \"id\", key = \"R-1\" }\naction = \"drop\"",
        );
        assert!(plain.len() == 1 && !plain[0].contains("R-1"), "{plain:?}");
        for column in ["id", "chi", "nota"] {
            let lines =
                format!("table = \"t\"\nfind.values = {{ {column} = \"R-1\" }}\naction = \"drop\"");
            let found = messages(&lines);
            assert!(found.len() == 1 && !found[0].contains("R-1"), "{found:?}");
        }
        let override_id = "table = \"t\"\nfind.place = { page = \"t.csv\", place = 2 }\naction.override = { column = \"chi\", value = \"N1\" }";
        assert_eq!(messages(override_id).len(), 1);
    }

    #[test]
    fn what_a_correction_names_must_be_there() {
        assert_eq!(
            messages("table = \"u\"\nfind.place = { page = \"p\", place = 1 }\naction = \"drop\"")
                .len(),
            1
        );
        assert_eq!(
            messages("table = \"t\"\nfind.place = { page = \"p\", place = 0 }\naction = \"drop\"")
                .len(),
            1
        );
        assert_eq!(
            messages("table = \"t\"\nfind.values = {}\naction = \"drop\"").len(),
            1
        );
        let inside = "table = \"t\"\nfind.place = { page = \"p\", place = 1 }\naction.override = { column = \"dentro\", value = \"1\" }";
        assert_eq!(messages(inside).len(), 1);
    }
}
