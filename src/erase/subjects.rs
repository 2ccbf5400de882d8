//! Whom to erase, and how a person is recognized without keeping who it is.
//!
//! What stays in the lake is a list of keyed hashes, made in a domain of their own so that they
//! match no pseudonym. They are enough to recognize a person when the platform sends the id again,
//! and for nothing else.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::forms::{Forms, without};
use super::rewrite::{is_json, scrubbed_json};
use super::words;
use crate::canon::digits::hexadecimal;
use crate::canon::pseudonym::PersonKeys;
use crate::spec::source::{ColumnKind, ColumnSpec, Presence, SourceSpec, TableSpec};

/// Domain of the hashes of suppressed ids.
const ID: &str = "suppressed id";

/// Domain of the hashes of suppressed keys.
const KEY: &str = "suppressed key";

/// What the hash of a key begins with.
const KEY_PREFIX: &str = "key:";

/// What stands where a text was nothing but an id.
pub(crate) const MARK: &str = "[erased]";

/// Whom a request is about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subjects {
    /// Ids of the platform.
    pub ids: BTreeSet<String>,
    /// Keys, 32 hexadecimal digits each.
    pub keys: BTreeSet<String>,
}

impl Subjects {
    /// Reads one subject per line; a line of 32 hexadecimal digits is a key and may be an id too.
    pub fn parse(text: &str) -> Self {
        let mut subjects = Self::default();
        let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
        for line in lines.filter(|line| !line.is_empty()) {
            if line.len() == 32 && line.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                subjects.keys.insert(line.to_lowercase());
            }
            subjects.ids.insert(line.to_owned());
        }
        subjects
    }

    /// Subjects asked for.
    pub fn n_subjects(&self) -> u64 {
        self.ids.len() as u64
    }
}

/// Hashes of the persons that must not come back, by platform.
pub(crate) type Suppressed = BTreeMap<String, BTreeSet<String>>;

/// A column that holds a person.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    /// Field of the page.
    pub(crate) field: String,
    /// Path inside the JSON text of the field.
    pub(crate) json: Option<String>,
    /// Domain of its pseudonyms.
    pub(crate) domain: String,
    /// Whether a row cannot be without it.
    pub(crate) presence: Presence,
    /// Texts that mean that nobody is there.
    nulls: Vec<String>,
}

/// The columns of persons of a table, in the order of their names.
pub(crate) fn persons(table: &TableSpec) -> Vec<Person> {
    let columns = table.columns.iter();
    let persons = columns.filter(|(_, column)| column.kind == ColumnKind::Person);
    persons
        .map(|(name, column)| Person {
            field: column.from.clone().unwrap_or_else(|| name.clone()),
            json: column.json.clone(),
            domain: domain(column),
            presence: if table.key.contains(name) {
                Presence::Required
            } else {
                column.required
            },
            nulls: column.null.clone(),
        })
        .collect()
}

/// Domain of a person column's pseudonyms, as `conform` has it.
fn domain(column: &ColumnSpec) -> String {
    let own = column.namespace.as_deref();
    own.map_or_else(|| "person".to_owned(), |name| format!("person:{name}"))
}

/// Domains of all persons of a platform.
pub(crate) fn domains(source: &SourceSpec) -> BTreeSet<String> {
    let tables = source.tables.values();
    tables
        .flat_map(|table| persons(table).into_iter().map(|person| person.domain))
        .collect()
}

/// The keys under which a platform's persons are recognized.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Marks<'k> {
    /// Keys of the commons.
    pub(crate) keys: &'k PersonKeys,
    /// The platform.
    pub(crate) platform: &'k str,
}

impl Marks<'_> {
    /// The hash by which an id is recognized later.
    pub(crate) fn of_id(&self, domain: &str, id: &str) -> String {
        let text = format!("{domain}\0{id}");
        let lasting = self.keys.lasting();
        let hash = lasting.key(ID, self.platform, 0, &text);
        format!("id:{}", hexadecimal(&hash))
    }

    /// The hash by which a key is recognized later.
    pub(crate) fn of_key(&self, key: &str) -> String {
        let lasting = self.keys.lasting();
        let hash = lasting.key(KEY, self.platform, 0, key);
        format!("{KEY_PREFIX}{}", hexadecimal(&hash))
    }

    /// The pseudonyms of an id, in every epoch whose key is still there.
    pub(crate) fn pseudonyms(&self, domain: &str, id: &str) -> Vec<[u8; 16]> {
        self.keys.in_every_epoch(domain, self.platform, id)
    }
}

/// Whose records leave a table, and what becomes of each record.
#[derive(Debug)]
pub(crate) struct Judge<'s> {
    /// Columns of persons.
    pub(crate) persons: Vec<Person>,
    /// Fields of all columns.
    pub(crate) fields: Vec<String>,
    /// Type of the column of each field.
    pub(crate) kinds: Vec<ColumnKind>,
    /// Keys.
    marks: Marks<'s>,
    /// Hashes of the persons to take out.
    suppressed: &'s BTreeSet<String>,
    /// The ids themselves, while a request is carried out; later nobody knows them.
    forms: Option<&'s Forms>,
    /// Domains of all persons of the platform: a text may name any of them.
    domains: BTreeSet<String>,
    /// Whether every word of a text is compared with the marks.
    asks_words: bool,
    /// Fields in which an id is another thing, such as the number of a record.
    untouched: BTreeSet<String>,
    /// Ids that were recognized, while they are asked for.
    heard: Option<RefCell<BTreeSet<String>>>,
}

/// What becomes of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It stays as it is.
    Keep,
    /// It leaves.
    Drop,
    /// It stays without these persons, by their place among the columns of persons.
    Blank(Vec<usize>),
}

impl<'s> Judge<'s> {
    /// A judge of one table.
    pub(crate) fn new(
        table: &TableSpec,
        marks: Marks<'s>,
        suppressed: &'s BTreeSet<String>,
        forms: Option<&'s Forms>,
    ) -> Self {
        let is_text =
            |column: &ColumnSpec| matches!(column.kind, ColumnKind::Text | ColumnKind::Tags);
        let untouched = table
            .columns
            .iter()
            .filter(|(_, column)| !is_text(column) && column.json.is_none())
            .map(|(name, column)| column.from.clone().unwrap_or_else(|| name.clone()))
            .collect();
        let mut fields: Vec<String> = Vec::new();
        let mut kinds = Vec::new();
        for (name, column) in &table.columns {
            let field = column.from.as_ref().unwrap_or(name);
            if !fields.contains(field) {
                fields.push(field.clone());
                kinds.push(column.kind);
            }
        }
        Self {
            persons: persons(table),
            fields,
            kinds,
            marks,
            suppressed,
            forms,
            domains: persons(table)
                .into_iter()
                .map(|person| person.domain)
                .collect(),
            asks_words: forms.is_none(),
            untouched,
            heard: None,
        }
    }

    /// The same judge, who knows all kinds of persons of the platform and compares every word.
    pub(crate) fn comparing(self, domains: BTreeSet<String>) -> Self {
        Self {
            domains,
            asks_words: true,
            ..self
        }
    }

    /// A judge who notes the ids it recognizes.
    pub(crate) fn listening(
        table: &TableSpec,
        marks: Marks<'s>,
        suppressed: &'s BTreeSet<String>,
    ) -> Self {
        Self {
            heard: Some(RefCell::default()),
            asks_words: false,
            ..Self::new(table, marks, suppressed, None)
        }
    }

    /// The ids it recognized.
    pub(crate) fn heard(self) -> BTreeSet<String> {
        self.heard.map(RefCell::into_inner).unwrap_or_default()
    }

    /// What becomes of a record with these persons, in the order of the columns.
    ///
    /// A record that must name its person leaves with that person. Where the person is one of
    /// several and the record may do without, the fact of the others stays and the name leaves.
    pub(crate) fn verdict(&self, values: &[Option<String>]) -> Verdict {
        let mut blank = Vec::new();
        let mut n_others = 0;
        let mut is_required = false;
        for (place, (person, value)) in self.persons.iter().zip(values).enumerate() {
            let Some(id) = present(person, value.as_deref()) else {
                continue;
            };
            if self.is_subject(&person.domain, id) {
                is_required |= person.presence == Presence::Required;
                blank.push(place);
            } else {
                n_others += 1;
            }
        }
        match (blank.is_empty(), is_required || n_others == 0) {
            (true, _) => Verdict::Keep,
            (false, true) => Verdict::Drop,
            (false, false) => Verdict::Blank(blank),
        }
    }

    /// Whether the id is one of those to take out.
    pub(crate) fn is_subject(&self, domain: &str, id: &str) -> bool {
        let is_meant = self.suppressed.contains(&self.marks.of_id(domain, id))
            || self.is_meant_by_key(domain, id);
        if let Some(heard) = self.heard.as_ref().filter(|_| is_meant) {
            heard.borrow_mut().insert(id.to_owned());
        }
        is_meant
    }

    /// Whether one of the id's pseudonyms is one of those to take out.
    fn is_meant_by_key(&self, domain: &str, id: &str) -> bool {
        // Keys are rare here: a request that names a key finds its id while a page still has it.
        let last = self.suppressed.last();
        if !last.is_some_and(|last| last.starts_with(KEY_PREFIX)) {
            return false;
        }
        let pseudonyms = self.marks.pseudonyms(domain, id).into_iter();
        let mut marks = pseudonyms.map(|key| self.marks.of_key(&hexadecimal(&key)));
        marks.any(|mark| self.suppressed.contains(&mark))
    }

    /// Whether a record that nobody can take apart names one of those to take out, by an id that is
    /// searched for as text.
    pub(crate) fn names_a_subject(&self, text: &str) -> bool {
        self.forms
            .is_some_and(|forms| forms.stand_in(text.as_bytes()))
            || !self.meant_words(text.as_bytes()).is_empty()
    }

    /// Where words stand that are ids to take out.
    fn meant_words(&self, bytes: &[u8]) -> Vec<(usize, usize)> {
        let is_meant = |word: &str| {
            let mut domains = self.domains.iter();
            domains.any(|domain| self.is_subject(domain, word))
        };
        words::places(bytes, &is_meant)
    }

    /// Whether ids are looked for in words at all.
    pub(crate) fn takes_out_words(&self) -> bool {
        self.forms.is_some() || (self.asks_words && !self.suppressed.is_empty())
    }

    /// Bytes without the ids in them; `None` where none stands.
    pub(crate) fn scrubbed_bytes(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let by_forms = self.forms.and_then(|forms| forms.scrubbed_bytes(bytes));
        let left = by_forms.as_deref().unwrap_or(bytes);
        let is_asked = self.asks_words && !self.suppressed.is_empty();
        let by_words = is_asked.then(|| without(left, self.meant_words(left)));
        by_words.flatten().or(by_forms)
    }

    /// A text without the ids in it, a mark where it was nothing else; `None` where none stands.
    pub(crate) fn scrubbed_text(&self, text: &str) -> Option<String> {
        let new = String::from_utf8(self.scrubbed_bytes(text.as_bytes())?).ok()?;
        Some(if new.trim().is_empty() {
            MARK.to_owned()
        } else {
            new
        })
    }

    /// The text of a field without the ids in it; `None` where none stands or it must not be touched.
    ///
    /// A text that is a JSON list or object stays one.
    pub(crate) fn scrubbed(&self, field: &str, text: &str) -> Option<String> {
        if self.untouched.contains(field) {
            return None;
        }
        let is_json = text.trim_start().starts_with(['{', '[']) && is_json(text);
        if is_json {
            return scrubbed_json(self, text);
        }
        self.scrubbed_text(text)
    }

    /// Fields of texts.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        let fields = self.fields.iter().zip(&self.kinds);
        fields
            .filter(|(_, kind)| **kind == ColumnKind::Text)
            .map(|(field, _)| field.as_str())
    }

    /// Fields in which an id is another thing.
    pub(crate) fn untouched(&self) -> impl Iterator<Item = &str> {
        self.untouched.iter().map(String::as_str)
    }
}

/// The id in a value, unless the contract takes it for none.
fn present<'v>(person: &Person, value: Option<&'v str>) -> Option<&'v str> {
    let id = value?.trim();
    let is_null = id.is_empty() || person.nulls.iter().any(|null| null == id);
    (!is_null).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canon::pseudonym::PseudonymKey;
    use crate::spec::source::SourceSpec;

    /// A ledger with a giver and a taker, and requests that must name their person.
    const SOURCE: &str = r#"
title = { it = "P", en = "P" }
[tables.t]
fetch.files = { url = "x.csv" }
format.csv = {}
[tables.t.columns]
a = { type = "person" }
b = { type = "person", null = ["-"] }
n = { type = "integer" }
[tables.r]
fetch.files = { url = "x.csv" }
format.csv = {}
[tables.r.columns]
a = { type = "person", required = true }
b = { type = "person" }
"#;

    /// The verdict on a record of a table after `C0042` was suppressed.
    fn verdict(table: &str, values: [Option<&str>; 2]) -> Verdict {
        let source: SourceSpec = toml::from_str(SOURCE).unwrap();
        let keys = PersonKeys::new(PseudonymKey::new([7; 32]), BTreeMap::new(), 1);
        let marks = Marks {
            keys: &keys,
            platform: "p",
        };
        let suppressed = BTreeSet::from([marks.of_id("person", "C0042")]);
        let judge = Judge::new(&source.tables[table], marks, &suppressed, None);
        judge.verdict(&values.map(|value| value.map(str::to_owned)))
    }

    #[test]
    fn a_record_that_must_name_its_person_leaves_with_it() {
        assert_eq!(verdict("r", [Some("C0042"), Some("C1")]), Verdict::Drop);
        assert_eq!(verdict("r", [Some("C0042"), None]), Verdict::Drop);
    }

    #[test]
    fn the_fact_of_another_person_stays_without_the_name() {
        assert_eq!(
            verdict("r", [Some("C1"), Some(" C0042 ")]),
            Verdict::Blank(vec![1])
        );
        assert_eq!(
            verdict("t", [Some("C0042"), Some("C1")]),
            Verdict::Blank(vec![0])
        );
    }

    #[test]
    fn a_record_of_nobody_else_leaves() {
        assert_eq!(verdict("t", [Some("C0042"), None]), Verdict::Drop);
        assert_eq!(verdict("t", [Some("C0042"), Some("-")]), Verdict::Drop);
        assert_eq!(verdict("t", [Some("C0042"), Some("C0042")]), Verdict::Drop);
        assert_eq!(verdict("t", [Some("C1"), None]), Verdict::Keep);
    }

    #[test]
    fn a_person_whose_id_nobody_knows_any_more_is_taken_out_of_texts() {
        let source: SourceSpec = toml::from_str(SOURCE).unwrap();
        let keys = PersonKeys::new(PseudonymKey::new([7; 32]), BTreeMap::new(), 1);
        let marks = Marks {
            keys: &keys,
            platform: "p",
        };
        let suppressed = ["C0042", "12"].map(|id| marks.of_id("person", id));
        let suppressed = BTreeSet::from(suppressed);
        let judge = Judge::new(&source.tables["t"], marks, &suppressed, None);
        let scrubbed = |text| judge.scrubbed("note", text);
        assert_eq!(scrubbed("see C0042!").unwrap(), "see !");
        assert_eq!(scrubbed(" C0042").unwrap(), MARK);
        assert_eq!(scrubbed("C00421 paid 12 euro"), None);
        assert_eq!(
            scrubbed(r#"{"by":"C0042","C0042":1}"#).unwrap(),
            r#"{"by":"[erased]","[erased]":1}"#
        );
        assert_eq!(judge.scrubbed("n", "C0042"), None);
        assert!(judge.names_a_subject("x;C0042;y;z"));
        assert!(!judge.names_a_subject("paid 12 euro"));
    }

    #[test]
    fn a_line_of_32_digits_is_a_key() {
        let key = "0A".repeat(16);
        let subjects = Subjects::parse(&format!("\u{feff}C0042\r\n\n {key}\nC0042\n"));
        assert_eq!(subjects.n_subjects(), 2);
        assert_eq!(subjects.keys, BTreeSet::from([key.to_lowercase()]));
    }
}
