//! The figures of a detector on a panel, with the rule by which its probabilities become flags.

use std::path::Path;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::Serialize;

use super::{Error, read};
use crate::stats::panel_law::score::{Score, discovered, matched};

/// How probabilities become flags.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    /// The threshold that flags this share of the cells without event.
    Matched(f64),
    /// Benjamini and Hochberg at this level over the cells of a month.
    Bh(f64),
}

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("`{text}` is neither `matched:SHARE` nor `bh:LEVEL`, such as bh:0.05");
        let (word, number) = text.split_once(':').ok_or_else(wrong)?;
        let number: f64 = number.parse().map_err(|_no_number| wrong())?;
        if !(number > 0.0 && number < 1.0) {
            return Err(format!("`{number}` lies not between 0 and 1"));
        }
        match word {
            "matched" => Ok(Self::Matched(number)),
            "bh" => Ok(Self::Bh(number)),
            _ => Err(wrong()),
        }
    }
}

impl Rule {
    /// As it is written.
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Self::Matched(share) => format!("matched:{share}"),
            Self::Bh(level) => format!("bh:{level}"),
        }
    }
}

/// What a detector found of a panel's events, and what it flagged besides.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct PanelScore {
    /// How probabilities became flags.
    pub at: String,
    /// Flags per month.
    pub flags_per_month: f64,
    /// Share of the cells without event that were flagged.
    pub false_positives: f64,
    /// The same in districts where the platform arrives.
    pub false_positives_onboarding: f64,
    /// Share of the flags in cells with an event; 0 without flags.
    pub precision: f64,
    /// Share of the events in single cells found within four months.
    pub found_local: f64,
    /// Share found of the cells of events in space.
    pub found_spatial: f64,
    /// Share found of the cells of new needs.
    pub found_new: f64,
    /// Share found of the events in single cells with rate ratio 1.5.
    pub found_local_1_5: f64,
    /// The same with rate ratio 2.
    pub found_local_2: f64,
    /// The same with rate ratio 3.
    pub found_local_3: f64,
    /// The same with rate ratio 5.
    pub found_local_5: f64,
}

impl PanelScore {
    /// The figures under a rule.
    fn new(rule: Rule, score: &Score) -> Self {
        let [by_1_5, by_2, by_3, by_5] = score.found_by_ratio;
        Self {
            at: rule.words(),
            flags_per_month: score.flags_per_month,
            false_positives: score.false_positives,
            false_positives_onboarding: score.false_positives_onboarding,
            precision: score.precision,
            found_local: score.found_local,
            found_spatial: score.found_spatial,
            found_new: score.found_new,
            found_local_1_5: by_1_5,
            found_local_2: by_2,
            found_local_3: by_3,
            found_local_5: by_5,
        }
    }

    /// Every figure with its name.
    #[must_use]
    pub fn named(&self) -> [(&'static str, f64); 11] {
        [
            ("flags_per_month", self.flags_per_month),
            ("false_positives", self.false_positives),
            (
                "false_positives_onboarding",
                self.false_positives_onboarding,
            ),
            ("precision", self.precision),
            ("found_local", self.found_local),
            ("found_spatial", self.found_spatial),
            ("found_new", self.found_new),
            ("found_local_1_5", self.found_local_1_5),
            ("found_local_2", self.found_local_2),
            ("found_local_3", self.found_local_3),
            ("found_local_5", self.found_local_5),
        ]
    }
}

/// Scores the probabilities in a file (district, category, month, p) on the panel in a folder.
///
/// # Errors
/// When a file cannot be read or a row does not fit the panel.
pub fn score(panel: &Path, alarms: &Path, rules: &[Rule]) -> Result<Vec<PanelScore>, Error> {
    let world = read::world(panel)?;
    let found = read::probabilities(alarms, &world)?;
    let figures = rules.iter().map(|rule| {
        let score = match *rule {
            Rule::Matched(share) => matched(&world, found.clone(), share),
            Rule::Bh(level) => discovered(&world, found.clone(), level),
        };
        PanelScore::new(*rule, &score)
    });
    Ok(figures.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_read_as_it_is_written() {
        for rule in [Rule::Matched(0.005), Rule::Bh(0.05)] {
            assert_eq!(rule.words().parse(), Ok(rule));
        }
        for wrong in ["0.05", "bh", "bh:2", "bh:x", "holm:0.05"] {
            assert!(wrong.parse::<Rule>().is_err(), "{wrong}");
        }
    }
}
