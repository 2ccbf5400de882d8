//! From which values on something is a signal, as declared in `pipelines/detection.toml`.
//!
//! `antenne backtest --write` writes the file; a commons without it has the values below.
//! Models read them as `reference.detection`, a row per threshold:
//!
//! ```sql
//! select value from reference.detection where name = 'rise_max_q'
//! ```

use std::collections::BTreeMap;
use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::diagnostic::{Diagnostic, SourceText};
use super::reference::{ReferenceColumn, ReferenceKind, ReferenceSpec, ReferenceTable};
use super::text::Bilingual;

/// Name of the table: `reference.detection`.
const TABLE: &str = "detection";

/// The file, below the commons directory.
pub(crate) const FILE: &str = "pipelines/detection.toml";

/// `pipelines/detection.toml`: from which values on something is a signal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Thresholds {
    /// Largest q-value of a rise of a need in a district.
    pub rise_max_q: f64,
    /// Smallest ratio of observed to expected of a rise.
    pub rise_min_ratio: f64,
    /// Smallest number of requests beyond the expected of a rise.
    pub rise_min_excess: f64,
    /// Largest q-value of a rise over several neighboring districts.
    pub cluster_max_q: f64,
    /// Largest q-value of a rise in a weekly series.
    pub weekly_max_q: f64,
    /// Largest p-value of a word that is new or bursts.
    pub new_word_max_p: f64,
    /// Largest q-value of a share of unmet requests.
    pub gap_max_q: f64,
    /// Smallest distance of a share of unmet requests above the one it is compared with.
    pub gap_min_share_above: f64,
    /// Smallest ratio of a median wait to the one it is compared with.
    pub wait_min_ratio: f64,
    /// Largest ratio of requests to expected ones where a need may be hidden.
    pub use_max_ratio: f64,
    /// Largest ratio of access to the one of the whole area where a place is badly reached.
    pub access_max_ratio: f64,
    /// Share of the requests of a month that must be in before it is judged.
    pub min_completeness: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            rise_max_q: 0.05,
            rise_min_ratio: 1.3,
            rise_min_excess: 5.0,
            cluster_max_q: 0.05,
            weekly_max_q: 0.05,
            new_word_max_p: 0.001,
            gap_max_q: 0.05,
            gap_min_share_above: 0.15,
            wait_min_ratio: 2.0,
            use_max_ratio: 0.67,
            access_max_ratio: 0.5,
            min_completeness: 0.3,
        }
    }
}

/// What a threshold is, from which follows what it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A probability or a share: above 0, at most 1.
    Share,
    /// A ratio from which on something is too much: at least 1.
    RatioAbove,
    /// A number of requests: at least 0.
    Number,
}

impl Kind {
    /// What is wrong with a value of this kind, and what to do.
    fn mistake(self, value: f64) -> Option<(&'static str, &'static str)> {
        let (is_right, wrong, help) = match self {
            Self::Share => (
                value > 0.0 && value <= 1.0,
                "is no share or probability",
                "say a number above 0 and not above 1",
            ),
            Self::RatioAbove => (
                value >= 1.0 && value.is_finite(),
                "is no ratio above the expected",
                "say a number from 1 on",
            ),
            Self::Number => (
                value >= 0.0 && value.is_finite(),
                "is no number of requests",
                "say a number from 0 on",
            ),
        };
        (!is_right).then_some((wrong, help))
    }
}

impl Thresholds {
    /// Every threshold with its name, in the order of the file.
    #[must_use]
    pub fn named(&self) -> [(&'static str, f64); 12] {
        self.kinds().map(|(name, value, _kind)| (name, value))
    }

    /// Every threshold with its name and kind.
    fn kinds(&self) -> [(&'static str, f64, Kind); 12] {
        [
            ("rise_max_q", self.rise_max_q, Kind::Share),
            ("rise_min_ratio", self.rise_min_ratio, Kind::RatioAbove),
            ("rise_min_excess", self.rise_min_excess, Kind::Number),
            ("cluster_max_q", self.cluster_max_q, Kind::Share),
            ("weekly_max_q", self.weekly_max_q, Kind::Share),
            ("new_word_max_p", self.new_word_max_p, Kind::Share),
            ("gap_max_q", self.gap_max_q, Kind::Share),
            ("gap_min_share_above", self.gap_min_share_above, Kind::Share),
            ("wait_min_ratio", self.wait_min_ratio, Kind::RatioAbove),
            ("use_max_ratio", self.use_max_ratio, Kind::Share),
            ("access_max_ratio", self.access_max_ratio, Kind::Share),
            ("min_completeness", self.min_completeness, Kind::Share),
        ]
    }

    /// What cannot be meant: the key to mark, what is wrong and what to do.
    fn mistakes(&self) -> Vec<(&'static str, String, &'static str)> {
        let wrong = |(name, value, kind): (&'static str, f64, Kind)| {
            let (what, help) = kind.mistake(value)?;
            Some((name, format!("`{name} = {value}` {what}"), help))
        };
        self.kinds().into_iter().filter_map(wrong).collect()
    }

    /// Reads the file: the built-in values where it cannot be read, and every mistake in it.
    pub(crate) fn read(text: &SourceText) -> (Self, Vec<Diagnostic>) {
        let (read, mut mistakes) = text.parse_toml::<Self>();
        let read = read.unwrap_or_default();
        let odd = read.mistakes().into_iter();
        mistakes.extend(
            odd.map(|(name, message, help)| text.diagnostic_below("", name, message, Some(help))),
        );
        (read, mistakes)
    }

    /// The reference tables of a commons with that of the thresholds, whose name is taken.
    pub(crate) fn beside(
        &self,
        mut reference: ReferenceSpec,
        text: &SourceText,
    ) -> (ReferenceSpec, Option<Diagnostic>) {
        let other = reference.tables.insert(TABLE.to_owned(), self.table());
        let mistake = other.map(|_other| {
            let message = format!("`reference.{TABLE}` is the table of the thresholds");
            let help = Some("give the table another name");
            text.diagnostic_below(&format!("tables.{TABLE}"), TABLE, message, help)
        });
        (reference, mistake)
    }

    /// `reference.detection`: a row per threshold.
    fn table(&self) -> ReferenceTable {
        let mut rows = "name,value\n".to_owned();
        for (name, value) in self.named() {
            let _never_fails = writeln!(rows, "{name},{value}");
        }
        let column = |kind| ReferenceColumn { kind };
        ReferenceTable {
            file: format!("{TABLE}.csv"),
            rows: Some(rows),
            description: Bilingual {
                it: "Soglie da cui qualcosa è un segnale, una riga per soglia.".to_owned(),
                en: "Thresholds from which something is a signal, one row per threshold."
                    .to_owned(),
            },
            source: format!("`{FILE}`, or the built-in values where there is no such file"),
            license: "CC0-1.0".to_owned(),
            date: "as declared".to_owned(),
            columns: BTreeMap::from([
                ("name".to_owned(), column(ReferenceKind::Text)),
                ("value".to_owned(), column(ReferenceKind::Number)),
            ]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_values_are_sound_and_every_field_has_a_row() {
        let built_in = Thresholds::default();
        assert!(built_in.mistakes().is_empty());
        let fields = serde_json::to_value(&built_in).unwrap();
        let fields = fields.as_object().unwrap();
        assert_eq!(fields.len(), built_in.named().len());
        for (name, value) in built_in.named() {
            assert_eq!(fields[name].as_f64(), Some(value), "{name}");
        }
    }

    #[test]
    fn a_file_changes_only_what_it_names() {
        let read: Thresholds = toml::from_str("rise_max_q = 0.01\nrise_min_excess = 3\n").unwrap();
        let expected = Thresholds {
            rise_max_q: 0.01,
            rise_min_excess: 3.0,
            ..Thresholds::default()
        };
        assert_eq!(read, expected);
    }

    #[test]
    fn values_that_cannot_be_meant_are_named() {
        let odd = Thresholds {
            rise_max_q: 0.0,
            rise_min_ratio: 0.5,
            rise_min_excess: -1.0,
            ..Thresholds::default()
        };
        let names: Vec<&str> = odd.mistakes().iter().map(|found| found.0).collect();
        assert_eq!(names, ["rise_max_q", "rise_min_ratio", "rise_min_excess"]);
    }

    #[test]
    fn a_table_of_the_same_name_is_refused() {
        let text = "[tables.detection]\nfile = \"x.csv\"\n";
        let text = SourceText::new(std::path::Path::new("reference/tables.toml"), text);
        let mut reference = ReferenceSpec::default();
        let (with_it, mistake) = Thresholds::default().beside(reference.clone(), &text);
        assert!(mistake.is_none() && with_it.tables.contains_key(TABLE));
        reference
            .tables
            .insert(TABLE.to_owned(), Thresholds::default().table());
        let mistake = Thresholds::default().beside(reference, &text).1.unwrap();
        assert_eq!(mistake.line_and_column(), (1, 9));
    }

    #[test]
    fn the_table_has_a_row_per_threshold() {
        let rows = Thresholds::default().table().rows.unwrap();
        assert!(rows.starts_with("name,value\nrise_max_q,0.05\nrise_min_ratio,1.3\n"));
        assert_eq!(rows.lines().count(), 13);
    }
}
