//! What is planted on top of normal life, so that detection can be judged: emerging needs and
//! service gaps. What looks like a need and is none is in `decoys`.
//!
//! Months count from 1 (October 2022) to 48. Everything planted lasts to month 48.

use super::scenario::Platform;

/// The shape of an emerging need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// The full rate at once.
    Sudden,
    /// A ramp of six months.
    Slow,
    /// Sudden, in several neighboring districts.
    Spatial,
    /// A word the vocabulary does not have; the ratio is requests a month at 60,000 exchanges.
    NewTag,
}

/// An emerging need.
#[derive(Debug)]
pub(crate) struct Emerging {
    /// Its name in the truth file.
    pub(crate) id: &'static str,
    /// Its shape.
    pub(crate) shape: Shape,
    /// The platform it shows on.
    pub(crate) platform: &'static str,
    /// Its districts.
    pub(crate) districts: &'static [&'static str],
    /// The platform's category.
    pub(crate) label: &'static str,
    /// The SIUSS code, or the tag itself for a new one.
    pub(crate) need: &'static str,
    /// First month.
    pub(crate) from: usize,
    /// How many times the normal rate.
    pub(crate) ratio: f64,
}

/// The kind of a service gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GapKind {
    /// Most requests end without help.
    Unmet,
    /// Nobody offers at all.
    NoOffer,
    /// Help comes, four times later.
    LongWait,
}

/// A service gap.
#[derive(Debug)]
pub(crate) struct Gap {
    /// Its name in the truth file.
    pub(crate) id: &'static str,
    /// Its kind.
    pub(crate) kind: GapKind,
    /// The platform it shows on.
    pub(crate) platform: &'static str,
    /// Its district.
    pub(crate) district: &'static str,
    /// The platform's category.
    pub(crate) label: &'static str,
    /// The SIUSS code.
    pub(crate) need: &'static str,
    /// First month.
    pub(crate) from: usize,
    /// The unmet share of an unmet gap, the factor of a long wait.
    pub(crate) size: f64,
}

/// One line of the table of emerging needs.
const fn emerging(
    (id, shape): (&'static str, Shape),
    platform: &'static str,
    districts: &'static [&'static str],
    (label, need): (&'static str, &'static str),
    (from, ratio): (usize, f64),
) -> Emerging {
    Emerging {
        id,
        shape,
        platform,
        districts,
        label,
        need,
        from,
        ratio,
    }
}

/// One line of the table of gaps.
const fn gap(
    (id, kind): (&'static str, GapKind),
    platform: &'static str,
    district: &'static str,
    (label, need): (&'static str, &'static str),
    (from, size): (usize, f64),
) -> Gap {
    Gap {
        id,
        kind,
        platform,
        district,
        label,
        need,
        from,
        size,
    }
}

use GapKind::{LongWait, NoOffer, Unmet};
use Shape::{NewTag, Slow, Spatial, Sudden};

/// The twelve emerging needs.
pub(crate) const EMERGING: [Emerging; 12] = [
    emerging(
        ("N01", Sudden),
        "wemi",
        &["AMB-MILANO"],
        ("CASA", "A2.16"),
        (40, 2.4),
    ),
    emerging(
        ("N02", Sudden),
        "mi_fido_di_noi",
        &["AMB-MONZA"],
        ("Aiuto compiti", "A2.11"),
        (42, 2.8),
    ),
    emerging(
        ("N03", Sudden),
        "la_cura_e_di_casa",
        &["DEMO-OSSOLA"],
        ("TEL", "A2.21"),
        (39, 2.8),
    ),
    emerging(
        ("N04", Sudden),
        "bacheca_digitale",
        &["AMB-LODI"],
        ("Spesa a domicilio", "A2.22"),
        (43, 2.8),
    ),
    emerging(
        ("N05", Slow),
        "wemi",
        &["AMB-MILANO"],
        ("LAVORO", "A2.09"),
        (38, 2.6),
    ),
    emerging(
        ("N06", Slow),
        "mi_fido_di_noi",
        &["AMB-DESIO"],
        ("Spesa e commissioni", "A2.22"),
        (38, 3.0),
    ),
    emerging(
        ("N07", Slow),
        "la_cura_e_di_casa",
        &["DEMO-ORTA"],
        ("PAS", "A2.13"),
        (39, 3.0),
    ),
    emerging(
        ("N08", Spatial),
        "mi_fido_di_noi",
        &[
            "DEMO-BRIANZA-CENTRO",
            "DEMO-BRIANZA-EST",
            "DEMO-BRIANZA-NORD",
        ],
        ("Passaggi", "A2.14"),
        (41, 2.4),
    ),
    emerging(
        ("N09", Spatial),
        "mi_fido_di_noi",
        &["AMB-DESIO", "AMB-MONZA"],
        ("Compagnia", "A2.29"),
        (44, 2.4),
    ),
    emerging(
        ("N10", Spatial),
        "la_cura_e_di_casa",
        &["DEMO-CUSIO", "DEMO-OSSOLA", "DEMO-VERBANIA"],
        ("SAD", "A2.07"),
        (42, 2.3),
    ),
    emerging(
        ("N11", NewTag),
        "mi_fido_di_noi",
        &[
            "AMB-DESIO",
            "AMB-MONZA",
            "DEMO-BRIANZA-CENTRO",
            "DEMO-BRIANZA-EST",
        ],
        ("identità digitale", "identità digitale"),
        (40, 14.0),
    ),
    emerging(
        ("N12", NewTag),
        "la_cura_e_di_casa",
        &["DEMO-CUSIO", "DEMO-ORTA", "DEMO-OSSOLA", "DEMO-VERBANIA"],
        ("rifugio dal caldo", "rifugio dal caldo"),
        (44, 14.0),
    ),
];

/// The eight service gaps.
pub(crate) const GAPS: [Gap; 8] = [
    gap(
        ("G01", Unmet),
        "wemi",
        "AMB-MILANO",
        ("PASTI", "A2.13"),
        (37, 0.62),
    ),
    gap(
        ("G02", Unmet),
        "mi_fido_di_noi",
        "DEMO-BRIANZA-EST",
        ("Piccole riparazioni", "A2.20"),
        (37, 0.66),
    ),
    gap(
        ("G03", Unmet),
        "la_cura_e_di_casa",
        "DEMO-VERBANIA",
        ("TRA", "A2.14"),
        (36, 0.62),
    ),
    gap(
        ("G04", Unmet),
        "bacheca_digitale",
        "AMB-LODI",
        ("Assistenza anziani", "A2.07"),
        (37, 0.64),
    ),
    gap(
        ("G05", NoOffer),
        "mi_fido_di_noi",
        "DEMO-BRIANZA-NORD",
        ("Italiano e mediazione", "A2.19"),
        (25, 1.0),
    ),
    gap(
        ("G06", NoOffer),
        "la_cura_e_di_casa",
        "DEMO-CUSIO",
        ("CAF", "A2.17"),
        (25, 1.0),
    ),
    gap(
        ("G07", LongWait),
        "la_cura_e_di_casa",
        "DEMO-ORTA",
        ("SAD", "A2.07"),
        (37, 4.0),
    ),
    gap(
        ("G08", LongWait),
        "wemi",
        "AMB-MILANO",
        ("DOPOSCUOLA", "A2.11"),
        (36, 4.0),
    ),
];

/// How far an emerging need has risen by a month: 0 before it begins, 1 when full.
fn risen(plan: &Emerging, month: usize) -> f64 {
    let since = (month + 2).saturating_sub(plan.from);
    let ramp = match plan.shape {
        Sudden | Spatial => 1,
        Slow => 6,
        NewTag => 3,
    };
    super::numbers::real(since.min(ramp)) / super::numbers::real(ramp)
}

/// The factor that the planted needs put on a cell in a month (counted from 0).
pub(crate) fn rate_ratio(platform: &Platform, cell: (usize, usize), month: usize) -> f64 {
    EMERGING
        .iter()
        .filter(|plan| plan.platform == platform.name && plan.shape != NewTag)
        .filter(|plan| plan.label == platform.needs[cell.1].label)
        .filter(|plan| plan.districts.contains(&platform.district(cell.0)))
        .map(|plan| 1.0 + (plan.ratio - 1.0) * risen(plan, month))
        .fold(1.0, f64::max)
}

/// The new words of a platform's district in a month, each with its expected requests.
pub(crate) fn new_tags(
    platform: &Platform,
    district: usize,
    (month, n_exchanges): (usize, f64),
) -> Vec<(&'static Emerging, f64)> {
    EMERGING
        .iter()
        .filter(|plan| plan.platform == platform.name && plan.shape == NewTag)
        .filter(|plan| plan.districts.contains(&platform.district(district)))
        .map(|plan| {
            let per_district = plan.ratio / super::numbers::real(plan.districts.len());
            (
                plan,
                per_district * risen(plan, month) * n_exchanges / 60_000.0,
            )
        })
        .filter(|(_, expected)| *expected > 0.0)
        .collect()
}

/// The gap a cell has in a month (counted from 0), if any.
pub(crate) fn gap_of(
    platform: &Platform,
    cell: (usize, usize),
    month: usize,
) -> Option<&'static Gap> {
    GAPS.iter().find(|plan| {
        plan.platform == platform.name
            && plan.district == platform.district(cell.0)
            && plan.label == platform.needs[cell.1].label
            && month + 1 >= plan.from
    })
}

#[cfg(test)]
mod tests {
    use super::super::scenario::{BACHECA, LA_CURA, MI_FIDO, WEMI};
    use super::*;

    /// The platforms on which anything is planted.
    const PLATFORMS: [&Platform; 4] = [&WEMI, &LA_CURA, &MI_FIDO, &BACHECA];

    #[test]
    fn every_planted_cell_exists_and_is_strong_enough_to_be_found() {
        for plan in EMERGING.iter().filter(|plan| plan.shape != NewTag) {
            let platform = PLATFORMS
                .iter()
                .find(|one| one.name == plan.platform)
                .unwrap();
            let need = platform
                .needs
                .iter()
                .position(|one| one.label == plan.label)
                .unwrap();
            for code in plan.districts {
                let district = platform
                    .districts
                    .iter()
                    .position(|one| one.0 == *code)
                    .unwrap();
                let baseline = platform.expected(60_000.0, (district, need), plan.from - 2);
                assert!(baseline >= 8.0, "{} {code} {baseline}", plan.id);
            }
        }
    }

    #[test]
    fn a_ramp_begins_in_its_first_month() {
        let slow = &EMERGING[4];
        assert!(risen(slow, slow.from - 2) < 1e-9);
        assert!(risen(slow, slow.from - 1) > 0.1);
        assert!((risen(slow, 47) - 1.0).abs() < 1e-9);
    }
}
