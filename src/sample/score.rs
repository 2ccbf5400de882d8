//! Judges flags against the truth file. It shares nothing with the detectors: it sees only what
//! they flagged.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::decoys::DecoyKind;
use super::truth::{NeedKind, PlantedDecoy, PlantedGap, PlantedNeed, Truth};

/// What a flag claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// A known need is asked for more than expected.
    EmergingNeed,
    /// A word the vocabulary does not have is asked for.
    NewNeed,
    /// A need is not answered.
    ServiceGap,
}

/// A flag as detection raised it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// What it claims.
    pub purpose: Purpose,
    /// Where, if anywhere in particular.
    pub district_code: Option<String>,
    /// The need code or the new word.
    pub need: String,
    /// First flagged month, `YYYY-MM`.
    pub first_month: String,
    /// Last flagged month, `YYYY-MM`.
    pub last_month: String,
}

/// How the flags did on one kind of decoy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DecoyScore {
    /// Why these decoys look like a need.
    pub kind: DecoyKind,
    /// Decoys planted.
    pub planted: u64,
    /// Decoys wrongly flagged.
    pub flagged: u64,
}

/// How the flags did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Score {
    /// Emerging needs planted.
    pub needs_planted: u64,
    /// Emerging needs found.
    pub needs_found: u64,
    /// Service gaps planted.
    pub gaps_planted: u64,
    /// Service gaps found.
    pub gaps_found: u64,
    /// Decoys planted.
    pub decoys_planted: u64,
    /// Decoys wrongly flagged.
    pub decoys_flagged: u64,
    /// The decoys by kind, those that are planted.
    pub decoys_by_kind: Vec<DecoyScore>,
}

/// Counts how many planted needs and gaps were found and how many decoys were flagged.
///
/// ```
/// use antenne::sample::{Flag, Purpose, Score};
///
/// let flag = Flag {
///     purpose: Purpose::EmergingNeed,
///     district_code: Some("AMB-MONZA".to_owned()),
///     need: "A2.11".to_owned(),
///     first_month: "2026-03".to_owned(),
///     last_month: "2026-05".to_owned(),
/// };
/// assert_eq!(flag.purpose, Purpose::EmergingNeed);
/// assert_eq!(Score::default().needs_found, 0);
/// ```
pub fn score(truth: &Truth, flags: &[Flag]) -> Score {
    let needs = &truth.emerging_needs;
    let gaps = &truth.service_gaps;
    let is_decoy_flagged =
        |decoy: &PlantedDecoy| flags.iter().any(|flag| flags_decoy(flag, decoy, needs));
    Score {
        needs_planted: count(needs, |_| true),
        needs_found: count(needs, |need| {
            flags.iter().any(|flag| finds_need(flag, need))
        }),
        gaps_planted: count(gaps, |_| true),
        gaps_found: count(gaps, |gap| flags.iter().any(|flag| finds_gap(flag, gap))),
        decoys_planted: count(&truth.decoys, |_| true),
        decoys_flagged: count(&truth.decoys, is_decoy_flagged),
        decoys_by_kind: by_kind(&truth.decoys, is_decoy_flagged),
    }
}

/// The decoys by kind, and how many of each are flagged.
fn by_kind(decoys: &[PlantedDecoy], is_flagged: impl Fn(&PlantedDecoy) -> bool) -> Vec<DecoyScore> {
    let mut kinds: Vec<DecoyKind> = decoys.iter().map(|decoy| decoy.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
        .into_iter()
        .map(|kind| DecoyScore {
            kind,
            planted: count(decoys, |decoy| decoy.kind == kind),
            flagged: count(decoys, |decoy| decoy.kind == kind && is_flagged(decoy)),
        })
        .collect()
}

/// How many items answer yes.
fn count<T>(items: &[T], is_counted: impl Fn(&T) -> bool) -> u64 {
    items.iter().map(|item| u64::from(is_counted(item))).sum()
}

/// Whether the flag finds the planted need.
fn finds_need(flag: &Flag, need: &PlantedNeed) -> bool {
    let is_right_purpose = match flag.purpose {
        Purpose::EmergingNeed => true,
        Purpose::NewNeed => need.kind == NeedKind::NewTag,
        Purpose::ServiceGap => false,
    };
    is_right_purpose
        && flag.need == need.need
        && is_in(flag, need)
        && overlaps(flag, &need.first_month, &need.last_month)
}

/// Whether the flag finds the planted gap.
fn finds_gap(flag: &Flag, gap: &PlantedGap) -> bool {
    flag.purpose == Purpose::ServiceGap
        && flag.need == gap.need
        && flag
            .district_code
            .as_ref()
            .is_some_and(|code| gap.district_codes.contains(code))
        && overlaps(flag, &gap.first_month, &gap.last_month)
}

/// Whether the flag falls for the decoy: an emerging need of its platform in its district that
/// nobody planted.
fn flags_decoy(flag: &Flag, decoy: &PlantedDecoy, needs: &[PlantedNeed]) -> bool {
    flag.purpose == Purpose::EmergingNeed
        && flag.district_code.as_deref() == Some(decoy.district_code.as_str())
        && decoy.needs.contains(&flag.need)
        && overlaps(flag, &decoy.since, &decoy.last_month)
        && !needs.iter().any(|need| {
            need.need == flag.need && need.district_codes.contains(&decoy.district_code)
        })
}

/// Whether the flag is in one of the need's districts; a new word may be flagged nowhere in
/// particular.
fn is_in(flag: &Flag, need: &PlantedNeed) -> bool {
    flag.district_code
        .as_ref()
        .map_or(need.kind == NeedKind::NewTag, |code| {
            need.district_codes.contains(code)
        })
}

/// Whether the flag and the months have a month in common; `YYYY-MM` sorts as it reads.
fn overlaps(flag: &Flag, first_month: &str, last_month: &str) -> bool {
    flag.first_month.as_str() <= last_month && first_month <= flag.last_month.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A flag on a need of a district over some months.
    fn flag(purpose: Purpose, place: &str, need: &str, months: (&str, &str)) -> Flag {
        Flag {
            purpose,
            district_code: (!place.is_empty()).then(|| place.to_owned()),
            need: need.to_owned(),
            first_month: months.0.to_owned(),
            last_month: months.1.to_owned(),
        }
    }

    /// The truth without tables.
    fn truth() -> Truth {
        Truth::new(1, 60_000, Vec::new())
    }

    #[test]
    fn nothing_flagged_finds_nothing() {
        let none = score(&truth(), &[]);
        assert_eq!(
            (none.needs_planted, none.gaps_planted, none.decoys_planted),
            (12, 8, 8)
        );
        assert_eq!(
            (none.needs_found, none.gaps_found, none.decoys_flagged),
            (0, 0, 0)
        );
    }

    #[test]
    fn a_flag_on_one_district_of_a_spatial_need_finds_it_once() {
        let flags = [
            flag(
                Purpose::EmergingNeed,
                "DEMO-BRIANZA-EST",
                "A2.14",
                ("2026-03", "2026-03"),
            ),
            flag(
                Purpose::EmergingNeed,
                "DEMO-BRIANZA-NORD",
                "A2.14",
                ("2026-04", "2026-05"),
            ),
        ];
        assert_eq!(score(&truth(), &flags).needs_found, 1);
    }

    #[test]
    fn a_flag_before_the_need_began_finds_nothing() {
        let early = flag(
            Purpose::EmergingNeed,
            "AMB-MONZA",
            "A2.11",
            ("2026-01", "2026-02"),
        );
        assert_eq!(score(&truth(), &[early]).needs_found, 0);
    }

    #[test]
    fn a_new_word_may_be_flagged_without_a_district() {
        let new = flag(
            Purpose::NewNeed,
            "",
            "identità digitale",
            ("2026-02", "2026-04"),
        );
        assert_eq!(score(&truth(), &[new]).needs_found, 1);
    }

    #[test]
    fn a_gap_needs_a_gap_flag_in_its_district() {
        let gap = flag(
            Purpose::ServiceGap,
            "AMB-MILANO",
            "A2.13",
            ("2026-01", "2026-09"),
        );
        let wrong = flag(
            Purpose::EmergingNeed,
            "AMB-MILANO",
            "A2.13",
            ("2026-01", "2026-09"),
        );
        assert_eq!(score(&truth(), &[gap]).gaps_found, 1);
        assert_eq!(score(&truth(), &[wrong]).gaps_found, 0);
    }

    #[test]
    fn an_emerging_flag_in_a_growing_district_falls_for_the_decoy() {
        let fooled = flag(
            Purpose::EmergingNeed,
            "DEMO-ARONA",
            "A2.14",
            ("2026-03", "2026-03"),
        );
        let early = flag(
            Purpose::EmergingNeed,
            "DEMO-ARONA",
            "A2.14",
            ("2025-03", "2025-03"),
        );
        assert_eq!(score(&truth(), &[fooled]).decoys_flagged, 1);
        assert_eq!(score(&truth(), &[early]).decoys_flagged, 0);
    }

    #[test]
    fn decoys_are_counted_by_kind_and_a_planted_need_beside_them_is_not_one() {
        let months = ("2026-07", "2026-07");
        let sitters = flag(Purpose::EmergingNeed, "AMB-MILANO", "A2.10", months);
        let homes = flag(Purpose::EmergingNeed, "AMB-MILANO", "A2.16", months);
        let planted = flag(Purpose::EmergingNeed, "DEMO-OSSOLA", "A2.21", months);
        let corrected = flag(Purpose::EmergingNeed, "DEMO-OSSOLA", "A2.14", months);
        let found = score(&truth(), &[sitters, homes, planted, corrected]);
        let of_kind: Vec<(DecoyKind, u64, u64)> = found
            .decoys_by_kind
            .iter()
            .map(|one| (one.kind, one.planted, one.flagged))
            .collect();
        let expected = [
            (DecoyKind::Growth, 3, 0),
            (DecoyKind::Delay, 1, 0),
            (DecoyKind::SchoolHolidays, 3, 1),
            (DecoyKind::Corrections, 1, 1),
        ];
        assert_eq!(of_kind, expected);
        assert_eq!((found.decoys_planted, found.decoys_flagged), (8, 2));
    }
}
