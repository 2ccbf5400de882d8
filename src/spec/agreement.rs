//! What was agreed with a platform, and what follows from it in later stages.
//!
//! The agreement is a fact about the platform, so it stands in its declaration. `acquire` fetches
//! nothing once it has expired, `protect` takes its threshold where it is stricter than that of
//! the data set and counts a waiver only while it is written here, `erase` drops raw pages after
//! its retention, and `publish` prints it in the catalogue.
//!
//! ```toml
//! [agreement]
//! license = "agreement of 1 March 2026, article 2"
//! legal_basis = "GDPR art. 6(1)(e)"
//! contact = "dati@piattaforma.example.org"
//! retention_days = 730
//! min_k = 10
//! signed_on = "2026-03-01"
//! expires_on = "2028-02-29"
//!
//! [[agreement.waivers]]
//! rule = "min_platforms"
//! reason = "article 4: the platform may stand alone behind a count"
//! until = "2027-12-31"
//! ```

use std::borrow::Cow;
use std::fmt;

use chrono::NaiveDate;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// Greatest `min_k` that can be meant: beyond it hardly any count of a territory is printed.
const GREATEST_MIN_K: u64 = 1000;

/// Terms of the platform.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Agreement {
    /// License or agreement the records come under.
    pub license: Option<String>,
    /// Legal basis of the processing.
    pub legal_basis: Option<String>,
    /// Whom to write to.
    pub contact: Option<String>,
    /// Days for which pages may be kept as fetched.
    pub retention_days: Option<u32>,
    /// Distinct persons that must stand behind every published count the platform is a part of;
    /// where a data set asks for more, it stays with more.
    pub min_k: Option<u64>,
    /// Day it was signed.
    pub signed_on: Option<Day>,
    /// Last day it is valid; after it nothing more is fetched.
    pub expires_on: Option<Day>,
    /// Rules of disclosure control the platform does not insist on.
    pub waivers: Vec<AgreedWaiver>,
}

/// A rule of disclosure control that the platform does not insist on.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgreedWaiver {
    /// The rule.
    pub rule: WaivedRule,
    /// Why, and where it is written.
    pub reason: String,
    /// Last day the waiver counts; as long as the agreement when absent.
    pub until: Option<Day>,
}

/// A rule that a platform can waive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WaivedRule {
    /// The number of platforms that must stand behind a count.
    MinPlatforms,
}

impl WaivedRule {
    /// Its name in declarations.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::MinPlatforms => "min_platforms",
        }
    }
}

/// A calendar day, written `YYYY-MM-DD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Day(NaiveDate);

impl Day {
    /// The day as a date.
    pub(crate) fn date(self) -> NaiveDate {
        self.0
    }
}

impl TryFrom<String> for Day {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let is_padded = text.len() == "2026-03-01".len();
        match NaiveDate::parse_from_str(&text, "%Y-%m-%d") {
            Ok(date) if is_padded => Ok(Self(date)),
            _ => Err(format!(
                "`{text}` is not a day; write it as `\"2026-03-01\"`"
            )),
        }
    }
}

impl fmt::Display for Day {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}

impl JsonSchema for Day {
    fn schema_name() -> Cow<'static, str> {
        "Day".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "date",
            "description": "A calendar day, written `YYYY-MM-DD`."
        })
    }
}

impl Agreement {
    /// The day after which nothing may be fetched, if `today` is later.
    pub(crate) fn expired_on(&self, today: NaiveDate) -> Option<Day> {
        self.expires_on.filter(|last| last.date() < today)
    }

    /// Whether the agreement carries a waiver of the rule, whatever its end.
    pub(crate) fn has_waiver(&self, rule: WaivedRule) -> bool {
        self.waivers.iter().any(|waiver| waiver.rule == rule)
    }

    /// Whether the platform waives the rule on that day.
    pub(crate) fn waives(&self, rule: WaivedRule, today: NaiveDate) -> bool {
        let counts = |waiver: &AgreedWaiver| {
            waiver.rule == rule && waiver.until.is_none_or(|last| last.date() >= today)
        };
        self.expired_on(today).is_none() && self.waivers.iter().any(counts)
    }

    /// What cannot be meant: the key to mark, what is wrong and what to do.
    pub(crate) fn mistakes(&self) -> Vec<(&'static str, String, &'static str)> {
        let mut found = Vec::new();
        if let Some(min_k) = self.min_k.filter(|k| !(3..=GREATEST_MIN_K).contains(k)) {
            found.push((
                "min_k",
                format!("`min_k = {min_k}` is no threshold on persons"),
                "use a number from 3 to 1000, for example 10",
            ));
        }
        if self.retention_days == Some(0) {
            found.push((
                "retention_days",
                "pages that may not be kept for a day cannot be conformed".to_owned(),
                "use 1 or more, or leave it out to keep pages without limit",
            ));
        }
        if let (Some(signed), Some(last)) = (self.signed_on, self.expires_on)
            && last < signed
        {
            found.push((
                "expires_on",
                format!("the agreement expires on {last}, before it was signed on {signed}"),
                "correct one of the two days",
            ));
        }
        if self
            .waivers
            .iter()
            .any(|waiver| waiver.reason.trim().is_empty())
        {
            found.push((
                "waivers",
                "a waiver without a reason is no waiver".to_owned(),
                "say why, and where it is written",
            ));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An agreement written in TOML.
    fn agreement(toml: &str) -> Agreement {
        toml::from_str(toml).unwrap()
    }

    /// A day.
    fn day(text: &str) -> NaiveDate {
        Day::try_from(text.to_owned()).unwrap().date()
    }

    #[test]
    fn an_agreement_is_valid_up_to_and_with_its_last_day() {
        let found = agreement("expires_on = \"2026-03-31\"");
        assert!(found.expired_on(day("2026-03-31")).is_none());
        assert!(found.expired_on(day("2026-04-01")).is_some());
        assert!(agreement("").expired_on(day("2999-01-01")).is_none());
    }

    #[test]
    fn a_waiver_counts_until_its_last_day_and_not_without_an_agreement() {
        let found = agreement(
            "expires_on = \"2027-12-31\"\n[[waivers]]\nrule = \"min_platforms\"\nreason = \"article 4\"\nuntil = \"2026-12-31\"",
        );
        assert!(found.waives(WaivedRule::MinPlatforms, day("2026-12-31")));
        assert!(!found.waives(WaivedRule::MinPlatforms, day("2027-01-01")));
        let open = agreement(
            "expires_on = \"2027-12-31\"\n[[waivers]]\nrule = \"min_platforms\"\nreason = \"article 4\"",
        );
        assert!(open.waives(WaivedRule::MinPlatforms, day("2027-12-31")));
        assert!(!open.waives(WaivedRule::MinPlatforms, day("2028-01-01")));
        assert!(!agreement("").waives(WaivedRule::MinPlatforms, day("2026-01-01")));
    }

    #[test]
    fn what_cannot_be_meant_is_said() {
        let found = agreement(
            "min_k = 2\nretention_days = 0\nsigned_on = \"2026-03-02\"\nexpires_on = \"2026-03-01\"\n[[waivers]]\nrule = \"min_platforms\"\nreason = \" \"",
        );
        let keys: Vec<&str> = found.mistakes().iter().map(|(key, ..)| *key).collect();
        assert_eq!(keys, ["min_k", "retention_days", "expires_on", "waivers"]);
        assert!(agreement("min_k = 10").mistakes().is_empty());
    }

    #[test]
    fn a_day_is_written_with_all_its_digits() {
        for text in ["2026-3-1", "01/03/2026", "2026-02-30", ""] {
            assert!(Day::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
