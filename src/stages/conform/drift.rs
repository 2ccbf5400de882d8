//! Drift: a source changed its columns, named precisely.
//!
//! Three changes are told apart: a column that no contract names came, a declared column went, the
//! values of a column no longer fit its type. Each is named with its table, column, declared type,
//! the type seen and the first place, and with what was done about it: left out, kept as text,
//! rejected row by row, or the whole source stopped.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::formats::{self, Kinds, RawRow, Record};
use super::typed::Reject;
use crate::canon::identifiers;
use crate::canon::text::{boolean, integer};
use crate::lake::pages::Page;
use crate::spec::limits::{Limits, Tally};
use crate::spec::source::{
    ColumnKind, ColumnSpec, ContractMode, DecimalMark, IdentifierPolicy, Presence, TableSpec,
};

/// Prefix of the columns that keep what no contract names.
const KEPT_PREFIX: &str = "x_";

/// Fields without a contract that are named of one page: an object keyed by ids has any number.
const MOST_FIELDS: usize = 100;

/// Values looked at to say which type a column has now.
const MOST_VALUES: usize = 1000;

/// One change of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Drift {
    /// Platform.
    pub name: String,
    /// Table of the platform.
    pub table: String,
    /// Column of the contract, or field of the source if none is declared for it.
    pub column: String,
    /// What changed.
    pub change: Change,
    /// Type in the contract; null where none is declared.
    pub declared: Option<String>,
    /// Type of the values seen; null where none were.
    pub seen: Option<String>,
    /// Address of the first page with the change.
    pub page: String,
    /// First line, row or place in it; null where the page as a whole is meant.
    pub place: Option<u64>,
    /// Rows concerned.
    pub n_rows: u64,
    /// Values of a kept column that were left out, because the identifier gate refused them.
    #[serde(default)]
    pub n_withheld: u64,
    /// What was done about it.
    pub outcome: Outcome,
}

/// What changed in a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// A column came that no contract names.
    NewColumn,
    /// A declared column went.
    MissingColumn,
    /// Values no longer fit the declared type.
    OtherType,
}

/// What was done about a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The column was left out.
    Discarded,
    /// The column was kept as the text `x_<name>`.
    Kept,
    /// Rows that do not fit were rejected.
    Rejected,
    /// The source was stopped.
    Stopped,
}

impl Change {
    /// Its name in the lake.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::NewColumn => "new_column",
            Self::MissingColumn => "missing_column",
            Self::OtherType => "other_type",
        }
    }

    /// The change of that name.
    pub(super) fn from_word(word: &str) -> Self {
        let all = [Self::NewColumn, Self::MissingColumn];
        let found = all.into_iter().find(|change| change.word() == word);
        found.unwrap_or(Self::OtherType)
    }
}

impl Outcome {
    /// Its name in the lake.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Discarded => "discarded",
            Self::Kept => "kept",
            Self::Rejected => "rejected",
            Self::Stopped => "stopped",
        }
    }

    /// The outcome of that name.
    pub(super) fn from_word(word: &str) -> Self {
        let all = [Self::Discarded, Self::Kept, Self::Rejected];
        let found = all.into_iter().find(|outcome| outcome.word() == word);
        found.unwrap_or(Self::Stopped)
    }
}

impl Drift {
    /// The change in a sentence.
    pub fn sentence(&self) -> String {
        let Self {
            table,
            column,
            page,
            n_rows,
            ..
        } = self;
        let place = self.place.map(|place| format!(":{place}"));
        let place = format!("`{page}{}`", place.unwrap_or_default());
        let declared = self.declared.as_deref().unwrap_or("nothing");
        let seen = self.seen.as_deref().unwrap_or("nothing");
        match self.change {
            Change::NewColumn => format!(
                "table `{table}` has a column `{column}` that no contract names, first in {place}, {n_rows} row(s)"
            ),
            Change::MissingColumn => format!(
                "table `{table}` has lost its column `{column}` ({declared}), first in {place}, {n_rows} row(s)"
            ),
            Change::OtherType => format!(
                "column `{column}` of table `{table}` is declared as {declared} and holds {seen}, first in {place}, {n_rows} row(s)"
            ),
        }
    }
}

/// What one page told of its fields.
#[derive(Debug, Clone, Default)]
pub(super) struct PageFields {
    /// Address of the page.
    pub(super) url: String,
    /// Its rows.
    pub(super) n_rows: u64,
    /// Fields of the contract that it lacks.
    pub(super) missing: Vec<String>,
    /// Fields that no contract names.
    pub(super) unknown: Vec<String>,
}

/// The table whose drift is judged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Judged<'a> {
    /// Platform.
    pub(super) platform: &'a str,
    /// Table of the platform.
    pub(super) table: &'a str,
    /// Its contract as declared.
    pub(super) spec: &'a TableSpec,
}

impl Judged<'_> {
    /// Columns that came and went, one entry each with its first page.
    pub(super) fn of_fields(&self, pages: &[PageFields]) -> Vec<Drift> {
        let mut found: BTreeMap<(&str, &'static str), Drift> = BTreeMap::new();
        for page in pages {
            for field in page.unknown.iter().take(MOST_FIELDS) {
                let of_field = || self.new_column(field, page);
                let entry = found.entry((field, Change::NewColumn.word()));
                entry.or_insert_with(of_field).n_rows += page.n_rows;
            }
            let missing = page.missing.iter();
            for (column, spec) in missing.flat_map(|field| self.columns_from(field)) {
                let of_column = || self.missing_column(column, spec, page);
                let entry = found.entry((column, Change::MissingColumn.word()));
                entry.or_insert_with(of_column).n_rows += page.n_rows;
            }
        }
        found.into_values().collect()
    }

    /// Columns of the contract that are read from a field.
    fn columns_from<'s>(
        &'s self,
        field: &'s str,
    ) -> impl Iterator<Item = (&'s str, &'s ColumnSpec)> {
        let columns = self.spec.columns.iter();
        columns
            .filter(move |(name, column)| column.from.as_ref().unwrap_or(name) == field)
            .map(|(name, column)| (name.as_str(), column))
    }

    /// A column that no contract names.
    fn new_column(&self, field: &str, page: &PageFields) -> Drift {
        // A field can be named after a person where a source keys its objects by them.
        let is_personal = identifiers::find(field).is_some();
        let field = if is_personal { "(personal)" } else { field };
        Drift {
            declared: None,
            seen: None,
            outcome: match self.spec.contract {
                ContractMode::Evolve if is_personal => Outcome::Discarded,
                ContractMode::Discard => Outcome::Discarded,
                ContractMode::Evolve => Outcome::Kept,
                ContractMode::Freeze => Outcome::Stopped,
            },
            ..self.drift(field, Change::NewColumn, &page.url)
        }
    }

    /// A declared column that a page lacks.
    fn missing_column(&self, column: &str, spec: &ColumnSpec, page: &PageFields) -> Drift {
        let is_needed =
            spec.required == Presence::Required || self.spec.key.iter().any(|key| key == column);
        Drift {
            declared: Some(kind_name(spec).to_owned()),
            outcome: match spec.contract {
                ContractMode::Freeze => Outcome::Stopped,
                _ if is_needed => Outcome::Rejected,
                ContractMode::Discard | ContractMode::Evolve => Outcome::Discarded,
            },
            ..self.drift(column, Change::MissingColumn, &page.url)
        }
    }

    /// A change without its particulars.
    fn drift(&self, column: &str, change: Change, page: &str) -> Drift {
        Drift {
            name: self.platform.to_owned(),
            table: self.table.to_owned(),
            column: column.to_owned(),
            change,
            declared: None,
            seen: None,
            page: page.to_owned(),
            place: None,
            n_rows: 0,
            n_withheld: 0,
            outcome: Outcome::Discarded,
        }
    }

    /// Columns of which more values are refused than the limit allows, or any where the column is
    /// frozen; `gone` are columns that are missing anyway.
    pub(super) fn suspects(
        &self,
        limits: &Limits,
        n_rows: u64,
        rejects: &[Reject],
        gone: &[Drift],
    ) -> Vec<Suspect> {
        let mut by_column: BTreeMap<&str, Vec<&Reject>> = BTreeMap::new();
        let is_about_type =
            |reject: &&Reject| !reject.field.is_empty() && TYPE_RULES.contains(&reject.rule);
        for reject in rejects.iter().filter(is_about_type) {
            by_column.entry(&reject.field).or_default().push(reject);
        }
        let mut suspects = Vec::new();
        for (column, refused) in by_column {
            let Some(spec) = self.spec.columns.get(column) else {
                continue;
            };
            let tally = Tally {
                n_rows,
                n_rejected: refused.len() as u64,
            };
            let is_over = tally.rejected_pct() > limits.max_rejected_pct;
            let is_frozen = spec.contract == ContractMode::Freeze;
            let is_gone = gone
                .iter()
                .any(|drift| drift.change == Change::MissingColumn && drift.column == column);
            let first = refused
                .iter()
                .min_by_key(|reject| (reject.sequence, reject.place));
            let Some(first) = first.filter(|_| (is_over || is_frozen) && !is_gone) else {
                continue;
            };
            suspects.push(Suspect {
                column: column.to_owned(),
                n_rows: tally.n_rejected,
                page_sha: first.page_sha.to_string(),
                place: first.place,
                places: refused
                    .iter()
                    .filter(|reject| reject.page_sha == first.page_sha)
                    .map(|reject| reject.place)
                    .take(MOST_VALUES)
                    .collect(),
            });
        }
        suspects
    }

    /// The change of a column whose values no longer fit, given the bytes of its first page.
    pub(super) fn other_type(&self, suspect: &Suspect, page: &Page, bytes: &[u8]) -> Option<Drift> {
        let spec = self.spec.columns.get(&suspect.column)?;
        let seen = kind_seen(self.spec, spec, suspect, bytes);
        Some(Drift {
            declared: Some(kind_name(spec).to_owned()),
            seen,
            place: Some(suspect.place),
            n_rows: suspect.n_rows,
            outcome: match spec.contract {
                ContractMode::Freeze => Outcome::Stopped,
                ContractMode::Discard | ContractMode::Evolve => Outcome::Rejected,
            },
            ..self.drift(&suspect.column, Change::OtherType, &page.url)
        })
    }
}

/// A column whose values may have another type by now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Suspect {
    /// The column.
    pub(super) column: String,
    /// Rows refused for it.
    pub(super) n_rows: u64,
    /// SHA-256 of the first page with one.
    pub(super) page_sha: String,
    /// First place in it.
    pub(super) place: u64,
    /// Places in that page.
    places: Vec<u64>,
}

/// Rules that say that a value is not of its type; the others are about what it holds.
const TYPE_RULES: [&str; 14] = [
    "bad_date",
    "bad_instant",
    "bad_month",
    "bad_integer",
    "bad_decimal",
    "too_many_decimals",
    "bad_number",
    "bad_boolean",
    "bad_minutes",
    "unknown_code",
    "unknown_comune",
    "missing_required",
    "unreadable_value",
    "inexact_number",
];

/// The type most of the refused values have, as they are in the page now.
fn kind_seen(
    table: &TableSpec,
    spec: &ColumnSpec,
    suspect: &Suspect,
    bytes: &[u8],
) -> Option<String> {
    let field = spec.from.clone().unwrap_or_else(|| suspect.column.clone());
    let mut places = suspect.places.clone();
    places.sort_unstable();
    let mut counts: BTreeMap<&'static str, usize> = BTreeMap::new();
    let mut sink = |raw: RawRow<'_>| {
        if let (Ok(_), Record::Fields(values)) = (places.binary_search(&raw.place), &raw.record) {
            let mut scratch = String::new();
            let text = values.first().map(|value| value.text(&mut scratch));
            let kind = kind_of(text.unwrap_or_default().trim());
            *counts.entry(kind).or_default() += 1;
        }
    };
    // A page that cannot be read any more shows no type.
    let kinds = Kinds {
        fields: &[field],
        kinds: &[spec.kind],
    };
    let _read = formats::read_page(&table.format, kinds, bytes, &mut sink);
    let most = counts.into_iter().max_by_key(|(_, count)| *count);
    most.map(|(kind, _)| kind.to_owned())
}

/// Name of a declared type, with the pattern of dates and the mark of decimals.
fn kind_name(spec: &ColumnSpec) -> &'static str {
    let with_comma = spec.decimal == DecimalMark::Comma;
    match spec.kind {
        ColumnKind::Text => "text",
        ColumnKind::Code => "code",
        ColumnKind::Tags => "tags",
        ColumnKind::Date => "date",
        ColumnKind::Instant => "instant",
        ColumnKind::Month => "month",
        ColumnKind::Integer => "integer",
        ColumnKind::Decimal if with_comma => "decimal with comma",
        ColumnKind::Decimal => "decimal with point",
        ColumnKind::Number if with_comma => "number with comma",
        ColumnKind::Number => "number with point",
        ColumnKind::Boolean => "boolean",
        ColumnKind::Minutes => "minutes",
        ColumnKind::Comune => "comune",
        ColumnKind::Person => "person",
        ColumnKind::Record => "record",
    }
}

/// What a text looks like.
fn kind_of(text: &str) -> &'static str {
    if text.is_empty() {
        return "no value";
    }
    if integer(text).is_ok() {
        return "integer";
    }
    if boolean(text).is_ok() {
        return "boolean";
    }
    // Digits become nines, so that the shape of a value is left and nothing of what it says.
    let shape: String = text
        .chars()
        .map(|letter| if letter.is_ascii_digit() { '9' } else { letter })
        .collect();
    match shape.as_str() {
        "9999-99-99" => return "date as YYYY-MM-DD",
        "99/99/9999" | "9/9/9999" | "99/9/9999" | "9/99/9999" => return "date with slashes",
        "99.99.9999" | "9.9.9999" | "99.9.9999" | "9.99.9999" => return "date with points",
        "9999-99" | "99/9999" => return "month",
        _ => {}
    }
    if shape.starts_with("9999-99-99") {
        return "instant";
    }
    let plain = shape.trim_start_matches(['-', '+']);
    let only = |marks: &str| {
        plain.starts_with('9')
            && plain
                .chars()
                .all(|letter| letter == '9' || marks.contains(letter))
    };
    match (only("."), only(",")) {
        (true, _) => "number with point",
        (_, true) => "number with comma",
        _ if only(".,") => "number with groups of digits",
        _ => "text",
    }
}

/// Name of the column that keeps a field no contract names.
pub(super) fn kept_name(field: &str) -> String {
    let mut name = KEPT_PREFIX.to_owned();
    for letter in field.trim().chars().flat_map(char::to_lowercase) {
        if letter.is_alphanumeric() {
            name.push(letter);
        } else if !name.ends_with('_') {
            name.push('_');
        }
    }
    name.trim_end_matches('_').to_owned()
}

/// The declared contract with columns for these fields of the source, which it does not name.
///
/// Each has a column of its own: of two fields with the same plain name the later one in the order
/// of their letters becomes `x_<name>_2`, whenever they came.
pub(super) fn evolved(spec: &TableSpec, fields: impl Iterator<Item = String>) -> TableSpec {
    let mut evolved = spec.clone();
    if spec.contract != ContractMode::Evolve {
        return evolved;
    }
    for field in fields.collect::<BTreeSet<_>>() {
        let is_named = spec
            .columns
            .iter()
            .any(|(name, column)| *column.from.as_ref().unwrap_or(name) == field);
        if !is_named && identifiers::find(&field).is_none() {
            let column = ColumnSpec {
                from: Some(field.clone()),
                ..ColumnSpec::gated_text(IdentifierPolicy::Withhold)
            };
            let name = free_name(&evolved, kept_name(&field));
            evolved.columns.insert(name, column);
        }
    }
    evolved
}

/// A name that no column has yet.
fn free_name(spec: &TableSpec, name: String) -> String {
    let numbered = (2..).map(|number: u64| format!("{name}_{number}"));
    let mut names = std::iter::once(name.clone()).chain(numbered);
    let free = names.find(|name| !spec.columns.contains_key(name));
    free.unwrap_or(name)
}

/// Fields of the source that an evolved contract keeps and the declared one does not name.
pub(super) fn kept(declared: &TableSpec, evolved: &TableSpec) -> Vec<(String, String)> {
    let columns = evolved.columns.iter();
    let new = columns.filter(|(name, _)| !declared.columns.contains_key(*name));
    new.map(|(name, column)| {
        let field = column.from.clone().unwrap_or_else(|| name.clone());
        (name.clone(), field)
    })
    .collect()
}

/// Values left out, by field instead of by column.
pub(super) fn by_field(
    withheld: &BTreeMap<String, u64>,
    kept: &[(String, String)],
) -> Vec<(String, u64)> {
    let field_of = |column: &str| {
        let found = kept.iter().find(|(name, _)| name == column);
        found.map(|(_, field)| field.clone())
    };
    let counted = withheld.iter();
    counted
        .filter_map(|(column, n_withheld)| Some((field_of(column)?, *n_withheld)))
        .collect()
}

/// What a page told, as if it had been asked for the declared contract alone.
pub(super) fn as_declared(page: &mut PageFields, kept: &[(String, String)]) {
    for (_, field) in kept {
        if !page.missing.contains(field) {
            page.unknown.push(field.clone());
        }
    }
    page.missing
        .retain(|field| !kept.iter().any(|(_, kept)| kept == field));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A contract with one frozen column.
    fn spec(contract: &str) -> TableSpec {
        toml::from_str(&format!(
            "key = [\"id\"]\ncontract = \"{contract}\"\nfetch.files = {{ url = \"t.csv\" }}\nformat.csv = {{}}\n[columns]\nid = {{ type = \"record\" }}\nore = {{ type = \"number\", decimal = \"comma\" }}\ndata = {{ type = \"date\", from = \"Data\", contract = \"freeze\" }}\n"
        ))
        .unwrap()
    }

    /// What a page told.
    fn page(url: &str, missing: &[&str], unknown: &[&str]) -> PageFields {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        PageFields {
            url: url.to_owned(),
            n_rows: 10,
            missing: owned(missing),
            unknown: owned(unknown),
        }
    }

    /// A reject of a rule in a column.
    fn reject(rule: &'static str, field: &str, place: u64) -> Reject {
        Reject {
            sequence: 0,
            place,
            page_sha: "abc".into(),
            rule,
            field: field.to_owned(),
        }
    }

    #[test]
    fn a_change_of_columns_is_named_with_its_first_page() {
        let spec = spec("discard");
        let judged = Judged {
            platform: "p",
            table: "t",
            spec: &spec,
        };
        let pages = [
            page("a.csv", &[], &[]),
            page("b.csv", &["Data"], &["nuova"]),
            page("c.csv", &["Data"], &["nuova"]),
        ];
        let found = judged.of_fields(&pages);
        let found: Vec<_> = found
            .iter()
            .map(|drift| {
                (
                    drift.column.as_str(),
                    drift.page.as_str(),
                    drift.n_rows,
                    drift.outcome,
                )
            })
            .collect();
        assert_eq!(
            found,
            [
                ("data", "b.csv", 20, Outcome::Stopped),
                ("nuova", "b.csv", 20, Outcome::Discarded)
            ]
        );
    }

    #[test]
    fn what_happens_to_a_new_column_is_declared() {
        for (contract, outcome) in [
            ("discard", Outcome::Discarded),
            ("evolve", Outcome::Kept),
            ("freeze", Outcome::Stopped),
        ] {
            let spec = spec(contract);
            let judged = Judged {
                platform: "p",
                table: "t",
                spec: &spec,
            };
            let found = judged.of_fields(&[page("a.csv", &[], &["nuova"])]);
            assert_eq!(found[0].outcome, outcome, "{contract}");
        }
    }

    #[test]
    fn a_column_is_suspected_beyond_the_limit_or_when_it_is_frozen() {
        let spec = spec("discard");
        let judged = Judged {
            platform: "p",
            table: "t",
            spec: &spec,
        };
        let limits = Limits::default();
        let one = [
            reject("bad_number", "ore", 4),
            reject("bad_date", "data", 7),
        ];
        let columns = |found: &[Suspect]| -> Vec<String> {
            found.iter().map(|one| one.column.clone()).collect()
        };
        assert_eq!(columns(&judged.suspects(&limits, 100, &one, &[])), ["data"]);
        assert_eq!(
            columns(&judged.suspects(&limits, 10, &one, &[])),
            ["data", "ore"]
        );
        let named = [reject("email", "ore", 4)];
        assert!(judged.suspects(&limits, 1, &named, &[]).is_empty());
    }

    #[test]
    fn the_type_seen_is_that_of_the_refused_values() {
        let spec = spec("discard");
        let judged = Judged {
            platform: "p",
            table: "t",
            spec: &spec,
        };
        let rejects = [
            reject("bad_number", "ore", 3),
            reject("bad_number", "ore", 4),
        ];
        let suspects = judged.suspects(&Limits::default(), 3, &rejects, &[]);
        let page = Page {
            table: "t".to_owned(),
            url: "a.csv".to_owned(),
            tag: String::new(),
            sha256: "abc".to_owned(),
            n_bytes: 0,
            n_records: None,
            count_of: crate::spec::format::CountOf::Page,
            note: None,
            role: crate::lake::pages::Role::Whole,
            from: None,
            to: None,
            part: 0,
            run: 1,
            n_erased: 0,
            searched_as: 0,
            expired: None,
        };
        let bytes = b"id,ore,Data\na,\"1,5\",2026-01-01\nb,2.5,2026-01-01\nc,3.5,2026-01-01\n";
        let found = judged.other_type(&suspects[0], &page, bytes).unwrap();
        assert_eq!(
            found.sentence(),
            "column `ore` of table `t` is declared as number with comma and holds number with point, first in `a.csv:3`, 2 row(s)"
        );
    }

    #[test]
    fn the_look_of_a_text_is_told_without_what_it_says() {
        for (text, kind) in [
            ("", "no value"),
            ("12", "integer"),
            ("1,5", "number with comma"),
            ("-1.5", "number with point"),
            ("1.234,50", "number with groups of digits"),
            ("2026-03-01", "date as YYYY-MM-DD"),
            ("2026-03-01T08:00:00Z", "instant"),
            ("1/3/2026", "date with slashes"),
            ("vero", "boolean"),
            ("lucia", "text"),
        ] {
            assert_eq!(kind_of(text), kind, "{text}");
        }
    }

    #[test]
    fn a_kept_column_has_a_plain_name() {
        assert_eq!(kept_name(" Ore erogate (h) "), "x_ore_erogate_h");
        let evolved = evolved(
            &spec("evolve"),
            ["Data".to_owned(), "Altro!".to_owned()].into_iter(),
        );
        let names: Vec<&String> = evolved.columns.keys().collect();
        assert_eq!(names, ["data", "id", "ore", "x_altro"]);
    }

    /// The fields kept, by the column that keeps them.
    fn columns_of(spec: &TableSpec, fields: &[&str]) -> Vec<(String, String)> {
        let fields = fields.iter().map(|field| (*field).to_owned());
        kept(spec, &evolved(spec, fields))
    }

    #[test]
    fn fields_with_the_same_plain_name_are_kept_apart_whenever_they_came() {
        let mut spec = spec("evolve");
        let pair = |name: &str, field: &str| (name.to_owned(), field.to_owned());
        let both = [pair("x_nuova", "Nuova"), pair("x_nuova_2", "nuova")];
        assert_eq!(columns_of(&spec, &["Nuova", "nuova"]), both);
        assert_eq!(columns_of(&spec, &["nuova", "Nuova", "nuova"]), both);
        let twice = [pair("x_v", "v"), pair("x_v_2", "v (2)")];
        assert_eq!(columns_of(&spec, &["v", "v (2)"]), twice);
        let declared = ColumnSpec::gated_text(IdentifierPolicy::Reject);
        spec.columns.insert("x_nuova".to_owned(), declared);
        let beside = [pair("x_nuova_2", "nuova")];
        assert_eq!(columns_of(&spec, &["nuova"]), beside);
    }

    #[test]
    fn a_field_named_after_a_person_is_told_as_left_out() {
        let spec = spec("evolve");
        let judged = Judged {
            platform: "p",
            table: "t",
            spec: &spec,
        };
        let found = judged.of_fields(&[page("a.csv", &[], &["maria.rossi@example.org"])]);
        assert_eq!(found[0].column, "(personal)");
        assert_eq!(found[0].outcome, Outcome::Discarded);
    }
}
