//! What looks like an emerging need and is none, so that false alarms can be counted.
//!
//! ```text
//! growth           a platform doubles in a district: its members and its requests alike
//! delay            records come in together after three months, then weeks late
//! school_holidays  a need is asked for much more every June to September
//! corrections      one batch rewrites five months of records and deletes those entered twice
//! ```
//!
//! Months count from 1 (October 2022) to 48, except where a function says from 0.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::calendar::N_MONTHS;
use super::numbers::real;
use super::scenario::Platform;

/// Why a decoy looks like a need.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum DecoyKind {
    /// The platform doubles in the district.
    Growth,
    /// Records come in weeks late, some of them all at once.
    Delay,
    /// Every summer asks for more.
    SchoolHolidays,
    /// Records are written again, and some of them deleted.
    Corrections,
}

impl DecoyKind {
    /// The kind as the truth file and the score write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Growth => "growth",
            Self::Delay => "delay",
            Self::SchoolHolidays => "school_holidays",
            Self::Corrections => "corrections",
        }
    }
}

/// A decoy.
#[derive(Debug)]
pub(crate) struct Decoy {
    /// Its name in the truth file.
    pub(crate) id: &'static str,
    /// Why it looks like a need.
    pub(crate) kind: DecoyKind,
    /// The platform.
    pub(crate) platform: &'static str,
    /// The district.
    pub(crate) district: &'static str,
    /// The platform's category, if only one is concerned.
    pub(crate) label: Option<&'static str>,
    /// First month.
    pub(crate) since: usize,
}

/// One line of the table of decoys.
const fn decoy(
    (id, kind): (&'static str, DecoyKind),
    platform: &'static str,
    (district, label): (&'static str, Option<&'static str>),
    since: usize,
) -> Decoy {
    Decoy {
        id,
        kind,
        platform,
        district,
        label,
        since,
    }
}

use DecoyKind::{Corrections, Delay, Growth, SchoolHolidays};

/// The eight decoys.
///
/// The holidays hold in every year and in every district of their platform; they are judged from
/// June 2025, when two summers have been seen.
pub(crate) const DECOYS: [Decoy; 8] = [
    decoy(
        ("D01", Growth),
        "mi_fido_di_noi",
        ("DEMO-BRIANZA-OVEST", None),
        39,
    ),
    decoy(
        ("D02", Growth),
        "la_cura_e_di_casa",
        ("DEMO-ARONA", None),
        40,
    ),
    decoy(
        ("D03", Growth),
        "la_cura_e_di_casa",
        ("CISS-VERBANO", None),
        42,
    ),
    decoy(
        ("D04", Delay),
        "la_cura_e_di_casa",
        ("DEMO-VERBANIA", None),
        42,
    ),
    decoy(
        ("D05", SchoolHolidays),
        "wemi",
        ("AMB-MILANO", Some("BABYSITTER")),
        33,
    ),
    decoy(
        ("D06", SchoolHolidays),
        "mi_fido_di_noi",
        ("AMB-MONZA", Some("Baby-sitting")),
        33,
    ),
    decoy(
        ("D07", SchoolHolidays),
        "bacheca_digitale",
        ("AMB-LODI", Some("Baby-sitter")),
        33,
    ),
    decoy(
        ("D08", Corrections),
        "la_cura_e_di_casa",
        ("DEMO-OSSOLA", None),
        43,
    ),
];

/// Months whose records a late district hands in together, in the month after them.
const N_BACKLOG_MONTHS: usize = 3;

/// Months whose records are written again, in the month after them.
const N_REWRITTEN_MONTHS: usize = 5;

/// How often a need is asked for in a month of the holidays beside one of school: June to
/// September.
const HOLIDAYS: [f64; 4] = [1.7, 2.2, 1.3, 1.7];

/// When the platform of a late district writes down what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lateness {
    /// On some day of this month, counted from 0.
    InMonth(usize),
    /// Some weeks later.
    Weeks,
}

/// The decoys of a kind on a platform.
fn of_platform(platform: &Platform, kind: DecoyKind) -> impl Iterator<Item = &'static Decoy> {
    let name = platform.name;
    DECOYS
        .iter()
        .filter(move |decoy| decoy.kind == kind && decoy.platform == name)
}

/// The first month (counted from 0) of a kind of decoy in a district, if it has one.
fn since(platform: &Platform, kind: DecoyKind, district: usize) -> Option<usize> {
    of_platform(platform, kind)
        .find(|decoy| decoy.district == platform.district(district))
        .map(|decoy| decoy.since - 1)
}

/// How many times larger than usual a platform is in a district by a month (counted from 0): it
/// doubles over four months; requests follow members, so nothing is emerging.
pub(crate) fn growth(platform: &Platform, district: usize, month: usize) -> f64 {
    since(platform, Growth, district).map_or(1.0, |since| {
        (real((month + 1).saturating_sub(since).min(4)) / 4.0).exp2()
    })
}

/// The factor of the school holidays on a need in a month (counted from 0), 1 on average over a
/// year.
pub(crate) fn holidays(platform: &Platform, need: usize, month: usize) -> f64 {
    let label = Some(platform.needs[need].label);
    if !of_platform(platform, SchoolHolidays).any(|decoy| decoy.label == label) {
        return 1.0;
    }
    let mean = (8.0 + HOLIDAYS.iter().sum::<f64>()) / 12.0;
    // Month 0 is an October, so that June is the ninth.
    let factor = (month % 12).checked_sub(8).and_then(|at| HOLIDAYS.get(at));
    factor.copied().unwrap_or(1.0) / mean
}

/// How late what a district asks in a month (counted from 0) is written down, if it is.
pub(crate) fn lateness(platform: &Platform, (district, month): (usize, usize)) -> Option<Lateness> {
    let since = since(platform, Delay, district)?;
    let backlog = since + N_BACKLOG_MONTHS;
    if month < since {
        None
    } else if month < backlog {
        Some(Lateness::InMonth(backlog))
    } else {
        Some(Lateness::Weeks)
    }
}

/// The month (counted from 0) in which the records of a district and month are written again, if
/// they are.
pub(crate) fn rewritten_in(
    platform: &Platform,
    (district, month): (usize, usize),
) -> Option<usize> {
    let since = since(platform, Corrections, district)?;
    let batch = since + N_REWRITTEN_MONTHS;
    ((since..batch).contains(&month) && batch < N_MONTHS).then_some(batch)
}

#[cfg(test)]
mod tests {
    use super::super::planted::{EMERGING, Shape};
    use super::super::scenario::{BACHECA, LA_CURA, MI_FIDO, WEMI};
    use super::*;

    /// The index of a district of La cura è di casa.
    fn la_cura(code: &str) -> usize {
        let mut districts = LA_CURA.districts.iter();
        districts.position(|one| one.0 == code).unwrap()
    }

    /// The platform of a decoy.
    fn platform_of(decoy: &Decoy) -> &'static Platform {
        let mut platforms = [&WEMI, &LA_CURA, &MI_FIDO, &BACHECA].into_iter();
        platforms.find(|one| one.name == decoy.platform).unwrap()
    }

    #[test]
    fn every_kind_is_planted_where_its_platform_and_category_exist() {
        for kind in [Growth, Delay, SchoolHolidays, Corrections] {
            assert!(DECOYS.iter().any(|decoy| decoy.kind == kind), "{kind:?}");
        }
        for decoy in &DECOYS {
            let platform = platform_of(decoy);
            let mut districts = platform.districts.iter();
            assert!(districts.any(|one| one.0 == decoy.district), "{}", decoy.id);
            let mut labels = platform.needs.iter().map(|need| need.label);
            let is_named = |label| labels.any(|one| one == label);
            assert!(decoy.label.is_none_or(is_named), "{}", decoy.id);
        }
    }

    #[test]
    fn nothing_emerging_is_planted_where_a_platform_grows_or_a_summer_asks_for_more() {
        let is_alone = |decoy: &&Decoy| matches!(decoy.kind, Growth | SchoolHolidays);
        for decoy in DECOYS.iter().filter(is_alone) {
            let is_same_need = |label| decoy.label.is_none_or(|one| one == label);
            let in_same_place = EMERGING
                .iter()
                .filter(|plan| plan.shape != Shape::NewTag && plan.platform == decoy.platform)
                .filter(|plan| is_same_need(plan.label))
                .find(|plan| plan.districts.contains(&decoy.district));
            assert!(in_same_place.is_none(), "{} {in_same_place:?}", decoy.id);
        }
    }

    #[test]
    fn a_growing_platform_doubles_in_four_months() {
        let ratio = |month| {
            LA_CURA.growth(la_cura("DEMO-ARONA"), month)
                / LA_CURA.growth(la_cura("DEMO-ORTA"), month)
        };
        assert!((ratio(30) - 1.0).abs() < 1e-9);
        assert!((ratio(39) - 0.25_f64.exp2()).abs() < 1e-9);
        assert!((ratio(47) - 2.0).abs() < 1e-9);
    }

    #[test]
    fn every_summer_asks_for_more_and_a_year_for_as_much_as_usual() {
        let sitters = WEMI
            .needs
            .iter()
            .position(|one| one.code == "A2.10")
            .unwrap();
        let factor = |month| holidays(&WEMI, sitters, month);
        // June, July, August and September 2026, beside May.
        for (month, expected) in [(44, 1.7), (45, 2.2), (46, 1.3), (47, 1.7)] {
            assert!((factor(month) / factor(43) - expected).abs() < 1e-9);
        }
        assert!((factor(9) - factor(45)).abs() < 1e-9);
        let year: f64 = (0..12).map(factor).sum();
        assert!((year - 12.0).abs() < 1e-9);
        assert!((holidays(&WEMI, 0, 45) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_summer_would_fool_whoever_expects_the_mean_of_the_months_before() {
        for decoy in DECOYS.iter().filter(|decoy| decoy.kind == SchoolHolidays) {
            let platform = platform_of(decoy);
            let mut districts = platform.districts.iter();
            let district = districts.position(|one| one.0 == decoy.district).unwrap();
            let mut needs = platform.needs.iter();
            let need = needs
                .position(|one| Some(one.label) == decoy.label)
                .unwrap();
            let expected = |month| platform.expected(60_000.0, (district, need), month);
            // The summer of 2026 and the year before it.
            let summer: f64 = (44..48).map(expected).sum();
            let usual: f64 = (32..44).map(expected).sum::<f64>() / 3.0;
            let deviations = (summer - usual) / usual.sqrt();
            assert!(deviations > 3.0, "{} {deviations}", decoy.id);
        }
    }

    #[test]
    fn a_late_district_hands_in_three_months_at_once_and_is_weeks_late_after_them() {
        let late = la_cura("DEMO-VERBANIA");
        assert_eq!(lateness(&LA_CURA, (late, 40)), None);
        assert_eq!(lateness(&LA_CURA, (late, 41)), Some(Lateness::InMonth(44)));
        assert_eq!(lateness(&LA_CURA, (late, 43)), Some(Lateness::InMonth(44)));
        assert_eq!(lateness(&LA_CURA, (late, 44)), Some(Lateness::Weeks));
        assert_eq!(lateness(&LA_CURA, (la_cura("DEMO-ORTA"), 44)), None);
    }

    #[test]
    fn five_months_are_written_again_in_the_last() {
        let corrected = la_cura("DEMO-OSSOLA");
        let months: Vec<usize> = (0..N_MONTHS)
            .filter(|month| rewritten_in(&LA_CURA, (corrected, *month)) == Some(47))
            .collect();
        assert_eq!(months, [42, 43, 44, 45, 46]);
    }
}
