//! Declared corrections at work: which row each one finds, and what becomes of it.
//!
//! A row is judged before its contract is read, so that an override is held to the contract like
//! any value of the source. What a correction found is counted; one that finds nothing, or finds
//! that the source says by now what it should, is stale, and a stale correction stops its source.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::rejects::{DROPPED_BY_OPERATOR, Dropped};
use crate::spec::corrections::{Correction, CorrectionAction, FieldValue, Locator};
use crate::spec::source::TableSpec;

/// Rule of a row that a correction keeps out.
pub(crate) const DROPPED_BY_CORRECTION: &str = "dropped_by_correction";

/// Raw values of a row, by the place of their column among the columns of the contract.
pub(crate) trait RawColumns {
    /// The value as the source writes it, without spaces around it; empty if there is none.
    fn text(&self, column: usize) -> String;
    /// The pseudonym of the value.
    fn pseudonym(&self, column: usize) -> [u8; 16];
}

/// A row that cannot be taken apart: only its place is known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NoColumns;

impl RawColumns for NoColumns {
    fn text(&self, _column: usize) -> String {
        String::new()
    }

    fn pseudonym(&self, _column: usize) -> [u8; 16] {
        [0; 16]
    }
}

/// What becomes of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ruling {
    /// It is read as it is.
    Keep,
    /// It is rejected by this rule.
    Drop(&'static str),
    /// It is read with these values in place of its own.
    Override(Vec<(usize, String)>),
}

/// Where a row lies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowPlace<'p> {
    /// SHA-256 of its page.
    pub(crate) sha256: &'p str,
    /// Address of its page.
    pub(crate) url: &'p str,
    /// Its place in the page.
    pub(crate) place: u64,
}

/// A row that came in with a mark.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Flag {
    /// SHA-256 of its page.
    pub(crate) sha256: String,
    /// Its place in the page.
    pub(crate) place: u64,
    /// Name of the correction.
    pub(crate) correction: String,
}

/// What a correction found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Found {
    /// Name of the correction.
    pub(crate) name: String,
    /// Rows it found.
    pub(crate) n_rows: u64,
    /// Rows of them that the source has corrected by now.
    pub(crate) n_fixed: u64,
    /// How many fixed rows make it stale.
    pub(crate) over_when: OverWhen,
}

/// When a correction is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OverWhen {
    /// One row is fixed: it is about one record.
    Any,
    /// All rows are fixed: it is about every row with some values.
    All,
}

impl OverWhen {
    /// Its name in the lake.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::All => "all",
        }
    }

    /// The one of that name.
    pub(super) fn from_word(word: &str) -> Self {
        if word == "all" { Self::All } else { Self::Any }
    }
}

/// What finds the row of a correction.
#[derive(Debug)]
enum Finder {
    /// Its place, listed by page.
    Place,
    /// The pseudonym in a column.
    Record(usize, [u8; 16]),
    /// The values of columns.
    Values(Vec<(usize, String)>),
}

/// What a correction does.
#[derive(Debug)]
enum Act {
    /// Keeps the row out, by this rule.
    Drop(&'static str),
    /// Marks the row.
    Flag,
    /// Replaces a value.
    Override(usize, String),
}

/// One correction made ready.
#[derive(Debug)]
struct Entry {
    /// Its name.
    name: String,
    /// What finds its row.
    finder: Finder,
    /// What it does.
    act: Act,
    /// What the source says once it is corrected.
    fixed: Option<(usize, String)>,
    /// Rows found.
    n_found: AtomicU64,
    /// Rows of them that are fixed.
    n_fixed: AtomicU64,
}

/// The corrections of one table, made ready for its rows.
#[derive(Debug, Default)]
pub(crate) struct Corrections {
    /// The corrections: those declared, then the drops of the operator.
    entries: Vec<Entry>,
    /// Corrections by the page, as hash or address, and the place they name.
    by_place: BTreeMap<String, BTreeMap<u64, Vec<usize>>>,
    /// Corrections that look at every row.
    by_row: Vec<usize>,
    /// Rows marked.
    flags: Mutex<Vec<Flag>>,
    /// Values left out, by column.
    withheld: Mutex<BTreeMap<String, u64>>,
}

impl Corrections {
    /// Makes the corrections of a table ready, and the rejects the operator dropped.
    pub(crate) fn new<'c>(
        spec: &TableSpec,
        declared: impl Iterator<Item = &'c Correction>,
        dropped: impl Iterator<Item = &'c Dropped>,
    ) -> Self {
        let mut made = Self::default();
        for correction in declared {
            made.declare(spec, correction);
        }
        for row in dropped {
            let index = made.entries.len();
            made.entries.push(Entry {
                name: String::new(),
                finder: Finder::Place,
                act: Act::Drop(DROPPED_BY_OPERATOR),
                fixed: None,
                n_found: AtomicU64::new(0),
                n_fixed: AtomicU64::new(0),
            });
            made.at(&row.page_sha256, row.place, index);
        }
        made
    }

    /// Adds a declared correction; one that names no column of the contract is left to `check`.
    fn declare(&mut self, spec: &TableSpec, correction: &Correction) {
        let place_of = |column: &str| spec.columns.keys().position(|known| known == column);
        let value = |value: &FieldValue| Some((place_of(&value.column)?, value.value.clone()));
        let index = self.entries.len();
        let finder = match &correction.find {
            Locator::Place(at) => {
                self.at(&at.page, at.place, index);
                Some(Finder::Place)
            }
            Locator::Record(record) => place_of(&record.column)
                .zip(record.bytes())
                .map(|(column, key)| Finder::Record(column, key)),
            Locator::Values(values) => values
                .iter()
                .map(|(column, value)| Some((place_of(column)?, value.clone())))
                .collect::<Option<Vec<_>>>()
                .map(Finder::Values),
        };
        let act = match &correction.action {
            CorrectionAction::Drop => Some(Act::Drop(DROPPED_BY_CORRECTION)),
            CorrectionAction::Flag => Some(Act::Flag),
            CorrectionAction::Override(to) => value(to).map(|(at, to)| Act::Override(at, to)),
        };
        let (Some(finder), Some(act)) = (finder, act) else {
            return;
        };
        if !matches!(finder, Finder::Place) {
            self.by_row.push(index);
        }
        let fixed = match (&correction.fixed_when, &act) {
            (Some(fixed), _) => value(fixed),
            (None, Act::Override(column, to)) => Some((*column, to.clone())),
            (None, Act::Drop(_) | Act::Flag) => None,
        };
        self.entries.push(Entry {
            name: correction.name.clone(),
            finder,
            act,
            fixed,
            n_found: AtomicU64::new(0),
            n_fixed: AtomicU64::new(0),
        });
    }

    /// Lists a correction at a place.
    fn at(&mut self, page: &str, place: u64, index: usize) {
        let places = self.by_place.entry(page.to_owned()).or_default();
        places.entry(place).or_default().push(index);
    }

    /// Whether there is nothing to correct.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What becomes of a row.
    pub(crate) fn rule(&self, at: RowPlace<'_>, row: &dyn RawColumns) -> Ruling {
        let places = [at.sha256, at.url];
        let places = places
            .iter()
            .filter_map(|page| self.by_place.get(*page)?.get(&at.place));
        let listed = places.flatten();
        let looked = self.by_row.iter().filter(|index| self.finds(**index, row));
        let mut overrides = Vec::new();
        let mut drop = None;
        for entry in listed.chain(looked).filter_map(|at| self.entries.get(*at)) {
            entry.n_found.fetch_add(1, Ordering::Relaxed);
            let says = |(column, value): &(usize, String)| row.text(*column) == *value;
            if entry.fixed.as_ref().is_some_and(says) {
                entry.n_fixed.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            match &entry.act {
                Act::Drop(rule) => drop = Some(*rule),
                Act::Override(column, to) => overrides.push((*column, to.clone())),
                Act::Flag => self.flag(entry, at),
            }
        }
        match drop {
            Some(rule) => Ruling::Drop(rule),
            None if overrides.is_empty() => Ruling::Keep,
            None => Ruling::Override(overrides),
        }
    }

    /// Whether a correction that looks at every row finds this one.
    fn finds(&self, index: usize, row: &dyn RawColumns) -> bool {
        self.entries
            .get(index)
            .is_some_and(|entry| match &entry.finder {
                Finder::Place => false,
                Finder::Record(column, key) => {
                    !row.text(*column).is_empty() && row.pseudonym(*column) == *key
                }
                Finder::Values(values) => values
                    .iter()
                    .all(|(column, value)| row.text(*column) == *value),
            })
    }

    /// Marks a row.
    fn flag(&self, entry: &Entry, at: RowPlace<'_>) {
        let mut flags = self.flags.lock().unwrap_or_else(PoisonError::into_inner);
        flags.push(Flag {
            sha256: at.sha256.to_owned(),
            place: at.place,
            correction: entry.name.clone(),
        });
    }

    /// Counts a value that the identifier gate refused and that was left out for it.
    pub(crate) fn note_withheld(&self, column: &str) {
        let mut withheld = self.withheld.lock().unwrap_or_else(PoisonError::into_inner);
        *withheld.entry(column.to_owned()).or_default() += 1;
    }

    /// Values left out of each column, where there were any.
    pub(crate) fn withheld(&self) -> BTreeMap<String, u64> {
        self.withheld
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Every row marked, in the order of page and place.
    pub(crate) fn flags(&self) -> Vec<Flag> {
        let mut flags = self
            .flags
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        flags.sort_unstable();
        flags
    }

    /// What each declared correction found.
    pub(crate) fn found(&self) -> Vec<Found> {
        let declared = self.entries.iter().filter(|entry| !entry.name.is_empty());
        let found = declared.map(|entry| Found {
            name: entry.name.clone(),
            n_rows: entry.n_found.load(Ordering::Relaxed),
            n_fixed: entry.n_fixed.load(Ordering::Relaxed),
            over_when: match entry.finder {
                Finder::Place | Finder::Record(..) => OverWhen::Any,
                Finder::Values(_) => OverWhen::All,
            },
        });
        found.collect()
    }
}

impl Found {
    /// Why the correction is stale, if it is.
    pub(crate) fn staleness(&self) -> Option<String> {
        let Self {
            name,
            n_rows,
            n_fixed,
            over_when,
        } = self;
        if *n_rows == 0 {
            return Some(format!(
                "correction `{name}` finds no row any more: the source has changed; remove it, or say anew where its row lies"
            ));
        }
        let is_over = match over_when {
            OverWhen::Any => *n_fixed > 0,
            OverWhen::All => n_fixed == n_rows,
        };
        is_over.then(|| {
            format!("correction `{name}` is over: the source says by now what it should; remove it")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::corrections::CorrectionsSpec;

    /// A row with three raw values; the pseudonym of a value is its first letter sixteen times.
    struct Row([&'static str; 3]);

    impl RawColumns for Row {
        fn text(&self, column: usize) -> String {
            self.0[column].to_owned()
        }

        fn pseudonym(&self, column: usize) -> [u8; 16] {
            [self.0[column].as_bytes()[0]; 16]
        }
    }

    /// The contract: comune, id, ore.
    fn spec() -> TableSpec {
        toml::from_str(
            r#"
            key = ["id"]
            fetch.files = { url = "t.csv" }
            format.csv = {}
            [columns]
            id = { type = "record" }
            comune = { type = "comune" }
            ore = { type = "number" }
            "#,
        )
        .unwrap()
    }

    /// Corrections written in TOML, without what says why.
    fn corrections(lines: &str) -> Corrections {
        let why = "reason = \"r\"\nreported_by = \"desk\"\nreported_on = \"2026-03-04\"\n";
        let text = lines.replace(
            "[[correction]]\n",
            &format!("[[correction]]\n{why}table = \"t\"\n"),
        );
        let declared: CorrectionsSpec = toml::from_str(&text).unwrap();
        Corrections::new(&spec(), declared.of_table("t"), std::iter::empty())
    }

    /// A place in the only page.
    fn at(place: u64) -> RowPlace<'static> {
        RowPlace {
            sha256: "abc",
            url: "data/t.csv",
            place,
        }
    }

    #[test]
    fn a_row_is_found_by_page_and_place_by_record_or_by_values() {
        let key = "61".repeat(16);
        let made = corrections(&format!(
            "[[correction]]\nname = \"p\"\nfind.place = {{ page = \"data/t.csv\", place = 2 }}\naction = \"drop\"\n[[correction]]\nname = \"r\"\nfind.record = {{ column = \"id\", key = \"{key}\" }}\naction.override = {{ column = \"ore\", value = \"3\" }}\n[[correction]]\nname = \"v\"\nfind.values = {{ comune = \"Lodi\" }}\naction = \"flag\"\n"
        ));
        let none = Row(["Monza", "b1", "7"]);
        assert_eq!(made.rule(at(1), &none), Ruling::Keep);
        assert_eq!(made.rule(at(2), &none), Ruling::Drop(DROPPED_BY_CORRECTION));
        let record = Row(["Monza", "a1", "7"]);
        let three = Ruling::Override(vec![(2, "3".to_owned())]);
        assert_eq!(made.rule(at(3), &record), three);
        assert_eq!(made.rule(at(4), &Row(["Lodi", "b1", "7"])), Ruling::Keep);
        assert_eq!(made.flags().len(), 1);
        assert!(made.found().iter().all(|found| found.staleness().is_none()));
    }

    #[test]
    fn a_correction_that_finds_nothing_is_stale() {
        let made = corrections(
            "[[correction]]\nname = \"p\"\nfind.place = { page = \"abc\", place = 9 }\naction = \"drop\"\n",
        );
        assert_eq!(made.rule(at(1), &Row(["", "b", ""])), Ruling::Keep);
        let said = made.found()[0].staleness().unwrap();
        assert!(said.contains("`p` finds no row"), "{said}");
    }

    #[test]
    fn a_correction_is_over_once_the_source_says_what_it_should() {
        let made = corrections(
            "[[correction]]\nname = \"o\"\nfind.place = { page = \"abc\", place = 1 }\naction.override = { column = \"ore\", value = \"3\" }\n[[correction]]\nname = \"d\"\nfind.place = { page = \"abc\", place = 2 }\naction = \"drop\"\nfixed_when = { column = \"comune\", value = \"Lodi\" }\n",
        );
        assert_eq!(made.rule(at(1), &Row(["", "b", "3"])), Ruling::Keep);
        assert_eq!(made.rule(at(2), &Row(["Lodi", "b", "3"])), Ruling::Keep);
        let found = made.found();
        assert!(
            found
                .iter()
                .all(|found| found.staleness().unwrap().contains("is over"))
        );
    }

    #[test]
    fn what_the_operator_dropped_stays_out_and_is_never_stale() {
        let dropped = Dropped {
            platform: "p".to_owned(),
            table: "t".to_owned(),
            page_sha256: "abc".to_owned(),
            place: 5,
            rule: "bad_date".to_owned(),
            field: "data".to_owned(),
            reason: "typed by hand".to_owned(),
            dropped_at: chrono::DateTime::UNIX_EPOCH,
        };
        let made = Corrections::new(&spec(), std::iter::empty(), std::iter::once(&dropped));
        let row = Row(["", "b", "3"]);
        assert_eq!(made.rule(at(5), &row), Ruling::Drop(DROPPED_BY_OPERATOR));
        assert!(!made.is_empty() && made.found().is_empty());
    }
}
