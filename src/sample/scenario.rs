//! What normally happens on each platform: which needs, in which districts, how many, and the
//! rates that make a month's expected requests. What is planted on top is in `planted` and `decoys`.
//!
//! ```text
//! expected(cell, month) = total × share(need) × share(district) × boost(cell)
//!                         × members(district, month) × season(need, month)
//! ```

use super::calendar::N_MONTHS;
use super::decoys::{growth, holidays};
use super::numbers::real;

/// Who usually asks for a need: it decides the ages drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// People over 65.
    Elders = 0,
    /// Families with children.
    Families = 1,
    /// Adults of working age.
    Adults = 2,
}

/// A need as one platform names it.
#[derive(Debug)]
pub(crate) struct Need {
    /// The platform's own category.
    pub(crate) label: &'static str,
    /// The SIUSS code it means.
    pub(crate) code: &'static str,
    /// How often it is asked for beside the platform's other needs.
    pub(crate) weight: f64,
    /// Who asks.
    pub(crate) audience: Audience,
    /// The month of the year (1–12) with most requests.
    pub(crate) peak: f64,
    /// A tag people write with it.
    pub(crate) tag: &'static str,
}

/// A platform: its size, its needs and its territory.
#[derive(Debug)]
pub(crate) struct Platform {
    /// The name used in folders and tables.
    pub(crate) name: &'static str,
    /// The number of its stream of chance.
    pub(crate) stream: u64,
    /// Its share of all exchanges.
    pub(crate) share: f64,
    /// Offers for each request.
    pub(crate) offers: f64,
    /// Its needs.
    pub(crate) needs: &'static [Need],
    /// Its districts and how active each is beside the others.
    pub(crate) districts: &'static [(&'static str, f64)],
}

/// One line of a need table.
const fn need(
    (label, code): (&'static str, &'static str),
    weight: f64,
    audience: Audience,
    peak: f64,
    tag: &'static str,
) -> Need {
    Need {
        label,
        code,
        weight,
        audience,
        peak,
        tag,
    }
}

use Audience::{Adults, Elders, Families};

/// `WeMi`, in Milano.
pub(crate) const WEMI: Platform = Platform {
    name: "wemi",
    stream: 1,
    share: 0.365,
    offers: 0.0,
    needs: &[
        need(
            ("BADANTE", "A2.07"),
            1.6,
            Elders,
            7.0,
            "assistente familiare",
        ),
        need(("BABYSITTER", "A2.10"), 1.5, Families, 9.0, "dopo scuola"),
        need(("PASTI", "A2.13"), 0.9, Elders, 1.0, "pasti"),
        need(("DOPOSCUOLA", "A2.11"), 1.0, Families, 10.0, "compiti"),
        need(("TRASPORTO", "A2.14"), 1.2, Elders, 1.0, "accompagnamento"),
        need(("TELESOCCORSO", "A2.21"), 0.8, Elders, 7.0, "telesoccorso"),
        need(("GENITORI", "A2.28"), 0.7, Families, 11.0, "genitori"),
        need(("SOCIALITA", "A2.29"), 0.8, Elders, 5.0, "compagnia"),
        need(("CASA", "A2.16"), 0.6, Adults, 9.0, "affitto"),
        need(("LAVORO", "A2.09"), 0.5, Adults, 2.0, "lavoro"),
    ],
    districts: &[("AMB-MILANO", 1.0)],
};

/// La cura è di casa, in Verbano-Cusio-Ossola and on the lakes of Novara.
pub(crate) const LA_CURA: Platform = Platform {
    name: "la_cura_e_di_casa",
    stream: 2,
    share: 0.20,
    offers: 0.0,
    needs: &[
        need(("SAD", "A2.07"), 2.2, Elders, 1.0, "igiene"),
        need(("INF", "A2.08"), 0.8, Elders, 2.0, "medicazioni"),
        need(("TRA", "A2.14"), 2.0, Elders, 11.0, "visite"),
        need(("PAS", "A2.13"), 1.4, Elders, 1.0, "pasti"),
        need(("TEL", "A2.21"), 1.0, Elders, 7.0, "telesoccorso"),
        need(("CAF", "A2.17"), 0.5, Elders, 4.0, "alzheimer"),
        need(("SOL", "A2.20"), 0.8, Elders, 7.0, "sollievo"),
    ],
    districts: &[
        ("CISS-VERBANO", 0.6),
        ("DEMO-ARONA", 1.1),
        ("DEMO-CUSIO", 0.8),
        ("DEMO-ORTA", 1.0),
        ("DEMO-OSSOLA", 1.2),
        ("DEMO-VERBANIA", 1.3),
    ],
};

/// Mi fido di noi, in Brianza.
pub(crate) const MI_FIDO: Platform = Platform {
    name: "mi_fido_di_noi",
    stream: 3,
    share: 0.23,
    offers: 0.2,
    needs: &[
        need(("Spesa e commissioni", "A2.22"), 1.8, Elders, 1.0, "spesa"),
        need(("Passaggi", "A2.14"), 2.2, Elders, 11.0, "auto"),
        need(
            ("Piccole riparazioni", "A2.20"),
            1.3,
            Adults,
            5.0,
            "idraulica",
        ),
        need(("Aiuto compiti", "A2.11"), 1.5, Families, 10.0, "compiti"),
        need(("Compagnia", "A2.29"), 1.2, Elders, 12.0, "passeggiate"),
        need(("Baby-sitting", "A2.10"), 0.8, Families, 9.0, "bambini"),
        need(
            ("Curriculum e lavoro", "A2.09"),
            0.5,
            Adults,
            2.0,
            "curriculum",
        ),
        need(
            ("Italiano e mediazione", "A2.19"),
            0.4,
            Adults,
            10.0,
            "italiano",
        ),
    ],
    districts: &[
        ("AMB-DESIO", 1.2),
        ("AMB-MONZA", 1.2),
        ("DEMO-BRIANZA-CENTRO", 1.1),
        ("DEMO-BRIANZA-EST", 1.1),
        ("DEMO-BRIANZA-NORD", 0.8),
        ("DEMO-BRIANZA-OVEST", 0.9),
    ],
};

/// Family Like: events around the lakes.
pub(crate) const FAMILY_LIKE: Platform = Platform {
    name: "family_like",
    stream: 4,
    share: 0.075,
    offers: 0.0,
    needs: &[
        need(("genitori", "A2.28"), 1.0, Families, 10.0, "genitori"),
        need(("ricreativo", "A2.29"), 2.0, Families, 6.0, "laboratorio"),
        need(("infanzia", "A2.10"), 1.2, Families, 9.0, "lettura"),
        need(("mutuo_aiuto", "A2.20"), 0.6, Families, 3.0, "gruppo"),
    ],
    districts: &[
        ("DEMO-ARONA", 1.0),
        ("DEMO-CUSIO", 0.8),
        ("DEMO-ORTA", 0.9),
        ("DEMO-VERBANIA", 1.2),
    ],
};

/// The bacheca digitale, in the Lodigiano.
pub(crate) const BACHECA: Platform = Platform {
    name: "bacheca_digitale",
    stream: 5,
    share: 0.05,
    offers: 0.2,
    needs: &[
        need(("Baby-sitter", "A2.10"), 1.3, Families, 9.0, "bambini"),
        need(("Aiuto compiti", "A2.11"), 1.0, Families, 10.0, "compiti"),
        need(("Trasporto", "A2.14"), 1.4, Elders, 1.0, "visite"),
        need(("Assistenza anziani", "A2.07"), 1.6, Elders, 7.0, "anziani"),
        need(("Spesa a domicilio", "A2.22"), 1.0, Elders, 1.0, "spesa"),
        need(("Compagnia", "A2.29"), 0.9, Elders, 12.0, "carte"),
        need(("Casa e coabitazione", "A2.16"), 0.5, Adults, 9.0, "stanza"),
        need(("Lavoro", "A2.09"), 0.5, Adults, 2.0, "lavoro"),
    ],
    districts: &[("AMB-LODI", 1.0)],
};

/// Cells that are stronger or weaker than their need and district alone would make them.
const BOOSTS: [(&str, &str, f64); 13] = [
    ("DEMO-OSSOLA", "TEL", 1.8),
    ("DEMO-VERBANIA", "SOL", 1.4),
    ("DEMO-CUSIO", "CAF", 2.2),
    ("DEMO-CUSIO", "SAD", 1.3),
    ("DEMO-ORTA", "PAS", 1.5),
    ("AMB-MONZA", "Aiuto compiti", 1.6),
    ("AMB-DESIO", "Spesa e commissioni", 1.2),
    ("AMB-DESIO", "Compagnia", 1.8),
    ("AMB-MONZA", "Compagnia", 1.8),
    ("AMB-MONZA", "Baby-sitting", 2.0),
    ("DEMO-BRIANZA-EST", "Piccole riparazioni", 1.8),
    ("DEMO-BRIANZA-NORD", "Passaggi", 1.5),
    ("DEMO-BRIANZA-NORD", "Italiano e mediazione", 3.5),
];

/// Members per expected request of a month: requests are made by roughly one member in three.
const MEMBERS_PER_REQUEST: f64 = 3.0;

impl Platform {
    /// The district at an index.
    pub(crate) fn district(&self, district: usize) -> &'static str {
        self.districts[district].0
    }

    /// How far a platform has grown in a district by a month, 1 on average over the sample where
    /// it does not double.
    pub(crate) fn growth(&self, district: usize, month: usize) -> f64 {
        let steady = 0.75 + 0.5 * real(month) / real(N_MONTHS - 1);
        steady * growth(self, district, month)
    }

    /// Expected requests of one need in one district in one month, before anything planted.
    pub(crate) fn expected(&self, n_exchanges: f64, cell: (usize, usize), month: usize) -> f64 {
        self.monthly(n_exchanges, cell) * self.growth(cell.0, month) * self.season(cell.1, month)
    }

    /// Expected requests of one need in one district in an average month.
    pub(crate) fn monthly(&self, n_exchanges: f64, (district, need): (usize, usize)) -> f64 {
        let needs: f64 = self.needs.iter().map(|one| one.weight).sum();
        let districts: f64 = self.districts.iter().map(|one| one.1).sum();
        let boost = BOOSTS
            .iter()
            .find(|boost| boost.0 == self.district(district) && boost.1 == self.needs[need].label)
            .map_or(1.0, |boost| boost.2);
        n_exchanges * self.share / (1.0 + self.offers) / real(N_MONTHS) * self.needs[need].weight
            / needs
            * self.districts[district].1
            / districts
            * boost
    }

    /// Expected active members of a district in a month.
    pub(crate) fn members(&self, n_exchanges: f64, district: usize, month: usize) -> f64 {
        let requests: f64 = (0..self.needs.len())
            .map(|need| self.monthly(n_exchanges, (district, need)))
            .sum();
        requests * MEMBERS_PER_REQUEST * self.growth(district, month)
    }

    /// The season of a need in a month: one wave a year, a quiet August, and school holidays where
    /// they matter.
    fn season(&self, need: usize, month: usize) -> f64 {
        let of_year = (month + 9) % 12 + 1;
        let phase = (real(of_year) - self.needs[need].peak) / 12.0 * std::f64::consts::TAU;
        let august = if of_year == 8 { 0.93 } else { 1.0 };
        august * (1.0 + 0.15 * phase.cos()) * holidays(self, need, month)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_platform_writes_about_its_share_of_the_exchanges() {
        for platform in [&WEMI, &LA_CURA, &MI_FIDO, &FAMILY_LIKE, &BACHECA] {
            let in_month = |month: usize| -> f64 {
                let needs = 0..platform.needs.len();
                (0..platform.districts.len())
                    .flat_map(|district| needs.clone().map(move |need| (district, need)))
                    .map(|cell| platform.expected(60_000.0, cell, month))
                    .sum()
            };
            let sum: f64 = (0..N_MONTHS).map(in_month).sum();
            let share = sum * (1.0 + platform.offers) / 60_000.0;
            assert!(
                (share / platform.share - 1.0).abs() < 0.15,
                "{} {share}",
                platform.name
            );
        }
    }
}
