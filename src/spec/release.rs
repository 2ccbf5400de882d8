//! A data set of a release as declared in `pipelines/releases/<data_set>.toml`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::model::{Model, Role};
use super::text::Bilingual;

/// One published data set and how it is protected.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReleaseSpec {
    /// Title for readers.
    pub title: Bilingual,
    /// What one row is and how to read it.
    pub description: Bilingual,
    /// Model the figures come from, for example `derived.requests_by_district_need_quarter`.
    pub table: String,
    /// License of the data, an SPDX identifier.
    pub license: String,
    /// The two axes and the period of the table.
    pub axes: Axes,
    /// Aspects of signals whose evidence these figures are, for example `rise`: such a signal is
    /// published only where its cell is.
    #[serde(default)]
    pub evidence_for: Vec<String>,
    /// Disclosure control; nothing turns it off.
    pub protect: ProtectPolicy,
}

/// The two axes of a table and its period.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Axes {
    /// Column whose values are the rows, for example `district_code`.
    pub rows: String,
    /// Column whose values are the columns, for example `need_code`.
    pub columns: String,
    /// Column of the period; each period is a table of its own.
    pub period: String,
}

/// Disclosure control of one data set.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProtectPolicy {
    /// Column with the additive count that is published.
    pub measure: String,
    /// Columns with the distinct persons behind the count: each is zero or at least `k_persons`
    /// where the count is shown.
    pub persons: Vec<String>,
    /// Distinct persons below which a count is withheld: 10 by default, 5 with a written reason,
    /// never below 3.
    #[serde(default = "default_k")]
    pub k_persons: u64,
    /// Reason for a `k_persons` below 10.
    pub k_reason: Option<String>,
    /// Platforms that must stand behind a count, unless waived.
    #[serde(default = "default_min_platforms")]
    pub min_platforms: u64,
    /// Platforms that agreed to be visible alone.
    #[serde(default)]
    pub waivers: Vec<Waiver>,
    /// Share of a whole above which a part tells something of everyone in it, so that the part is
    /// withheld. More than 0.9 needs a written reason.
    #[serde(default = "default_group_share")]
    pub group_max_share: f64,
    /// Reason for a `group_max_share` above 0.9.
    pub group_reason: Option<String>,
    /// What is said about zeros.
    #[serde(default)]
    pub zeros: ZeroPolicy,
    /// Data set whose count this one is a part of: a part is never shown where the whole is
    /// withheld.
    pub of: Option<String>,
    /// Columns with the distinct persons behind the rest of the whole.
    #[serde(default)]
    pub complement_persons: Vec<String>,
}

/// What a release says about zeros.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ZeroPolicy {
    /// A zero is printed: nobody asked.
    #[default]
    Publish,
    /// A zero is withheld like a small count, because of the whole it is a part of.
    Protect,
}

/// A platform's recorded consent to stand alone behind a count.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    /// Platform that agreed.
    pub platform: String,
    /// Why, and where it is written.
    pub reason: String,
}

/// Default threshold on distinct persons.
fn default_k() -> u64 {
    10
}

/// Default share above which a part speaks of everyone.
fn default_group_share() -> f64 {
    0.9
}

/// Default number of platforms behind a count.
fn default_min_platforms() -> u64 {
    3
}

/// Why a model may not be released, if it may not: it is a step that is not for readers, or it
/// has a column that points at one person or record.
pub(crate) fn unreleasable(model: &Model) -> Option<String> {
    if model.stem().starts_with('_') {
        return Some(format!(
            "`{}` is a step that is not for readers: its name begins with `_`",
            model.name
        ));
    }
    let mut columns = model.header.columns.iter();
    let (column, _) = columns.find(|(_, text)| text.role == Role::Identifier)?;
    Some(format!(
        "`{}` cannot be released: its column `{column}` has the role `identifier`",
        model.name
    ))
}

impl ReleaseSpec {
    /// What is wrong with the policy beyond its syntax: the words to mark, what and the remedy.
    pub(crate) fn mistakes(&self) -> Vec<(String, String, &'static str)> {
        let mut found = Vec::new();
        if self.protect.k_persons < 3 {
            found.push((
                "k_persons".to_owned(),
                format!(
                    "`k_persons = {}` is below the hard floor of 3",
                    self.protect.k_persons
                ),
                "use 10, or 5 with a `k_reason`",
            ));
        } else if self.protect.k_persons < 10 && self.protect.k_reason.is_none() {
            found.push((
                "k_persons".to_owned(),
                format!(
                    "`k_persons = {}` has no written reason",
                    self.protect.k_persons
                ),
                "add `k_reason = \"…\"`, or use 10",
            ));
        }
        if self.protect.group_max_share > 0.9 && self.protect.group_reason.is_none() {
            found.push((
                "group_max_share".to_owned(),
                format!(
                    "`group_max_share = {}` has no written reason",
                    self.protect.group_max_share
                ),
                "add `group_reason = \"…\"`, or use 0.9",
            ));
        }
        if self.protect.persons.is_empty() {
            found.push((
                "persons".to_owned(),
                "no column counts the persons behind the figures".to_owned(),
                "name at least one column with distinct persons",
            ));
        }
        if self.protect.of.is_some() && self.protect.complement_persons.is_empty() {
            found.push((
                "of".to_owned(),
                "a part of a whole needs the persons behind the rest".to_owned(),
                "add `complement_persons = [\"…\"]`",
            ));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::diagnostic::SourceText;
    use std::path::Path;

    /// A model called `stem` whose only column has this role.
    fn model(stem: &str, role: &str) -> Model {
        let text = format!(
            "/* model\ndescription = {{ it = \"a\", en = \"b\" }}\ncolumns.who = {{ role = \"{role}\", it = \"a\", en = \"b\" }}\n*/\nselect 1 as who\n"
        );
        Model::parse("derived", stem, SourceText::new(Path::new("m.sql"), text))
            .0
            .unwrap()
    }

    #[test]
    fn an_inner_step_or_a_table_with_an_identifier_cannot_be_released() {
        assert!(
            unreleasable(&model("_steps", "count"))
                .unwrap()
                .contains("begins with `_`")
        );
        assert!(
            unreleasable(&model("persons", "identifier"))
                .unwrap()
                .contains("role `identifier`")
        );
        assert_eq!(unreleasable(&model("requests", "quasi_identifier")), None);
    }
}
