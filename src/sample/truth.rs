//! The truth file: what was planted, so that detection and conforming can be judged against it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::calendar::{Calendar, N_MONTHS};
use super::decoys::{DECOYS, Decoy, DecoyKind};
use super::planted::{EMERGING, Emerging, GAPS, GapKind, Shape};
use super::scenario::{BACHECA, LA_CURA, MI_FIDO, WEMI};

/// The shape of a planted need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NeedKind {
    /// The full rate at once.
    Sudden,
    /// A ramp of several months.
    Slow,
    /// Sudden in several neighboring districts.
    Spatial,
    /// A word the vocabulary does not have.
    NewTag,
}

/// The kind of a planted gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlantedGapKind {
    /// Most requests end without help.
    Unmet,
    /// Nobody offers.
    NoOffer,
    /// Help comes much later.
    LongWait,
}

/// A planted emerging need.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlantedNeed {
    /// Its name.
    pub id: String,
    /// Its shape.
    pub kind: NeedKind,
    /// The platform it shows on.
    pub platform: String,
    /// Its districts.
    pub district_codes: Vec<String>,
    /// The SIUSS code, or the new word.
    pub need: String,
    /// First month, `YYYY-MM`.
    pub first_month: String,
    /// Last month, `YYYY-MM`.
    pub last_month: String,
    /// How many times the normal rate; for a new word its requests a month at 60,000 exchanges.
    pub rate_ratio: f64,
}

/// A planted service gap.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlantedGap {
    /// Its name.
    pub id: String,
    /// Its kind.
    pub kind: PlantedGapKind,
    /// The platform it shows on.
    pub platform: String,
    /// Its districts.
    pub district_codes: Vec<String>,
    /// The SIUSS code.
    pub need: String,
    /// First month, `YYYY-MM`.
    pub first_month: String,
    /// Last month, `YYYY-MM`.
    pub last_month: String,
}

/// What looks like an emerging need: nothing is emerging there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlantedDecoy {
    /// Its name.
    pub id: String,
    /// Why it looks like a need.
    pub kind: DecoyKind,
    /// The district.
    pub district_code: String,
    /// The platform.
    pub platform: String,
    /// The SIUSS codes concerned: one, or all that the platform serves.
    pub needs: Vec<String>,
    /// First month, `YYYY-MM`.
    pub since: String,
    /// Last month, `YYYY-MM`.
    pub last_month: String,
}

/// What one native table holds, counted while it was written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableTruth {
    /// The platform.
    pub platform: String,
    /// The native table.
    pub table: String,
    /// Rows in the files, everything included.
    pub n_rows: u64,
    /// Rows that cannot be read, by reason.
    pub n_broken: BTreeMap<String, u64>,
    /// Rows with a direct identifier in a text, by rule.
    pub n_identifiers: BTreeMap<String, u64>,
    /// Rows that repeat another one exactly.
    pub n_duplicates: u64,
    /// Rows that a newer revision replaces.
    pub n_superseded: u64,
    /// Records that are deleted.
    pub n_deletions: u64,
    /// Rows of deleted records, the deletions themselves included.
    pub n_erased: u64,
}

impl TableTruth {
    /// An empty count for a table.
    pub(crate) fn new(platform: &str, table: &str) -> Self {
        Self {
            platform: platform.to_owned(),
            table: table.to_owned(),
            ..Self::default()
        }
    }

    /// Rows that should be rejected.
    pub fn n_rejected(&self) -> u64 {
        self.n_broken
            .values()
            .chain(self.n_identifiers.values())
            .sum()
    }

    /// Rows that should be accepted.
    pub fn n_accepted(&self) -> u64 {
        self.n_rows - self.n_rejected() - self.n_duplicates - self.n_superseded - self.n_erased
    }
}

/// Everything planted in a sample.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Truth {
    /// Version of this file's shape.
    pub version: u64,
    /// The seed.
    pub seed: u64,
    /// The number of exchanges asked for.
    pub n_exchanges_asked: u64,
    /// The months of the sample, `YYYY-MM`.
    pub months: Vec<String>,
    /// The emerging needs.
    pub emerging_needs: Vec<PlantedNeed>,
    /// The service gaps.
    pub service_gaps: Vec<PlantedGap>,
    /// The decoys.
    pub decoys: Vec<PlantedDecoy>,
    /// The native tables.
    pub tables: Vec<TableTruth>,
}

impl Truth {
    /// The truth of a sample whose tables have been counted.
    pub(crate) fn new(seed: u64, n_exchanges_asked: u64, tables: Vec<TableTruth>) -> Self {
        let calendar = Calendar::new();
        Self {
            version: 2,
            seed,
            n_exchanges_asked,
            months: (0..N_MONTHS)
                .map(|month| calendar.month(month).to_owned())
                .collect(),
            emerging_needs: EMERGING
                .iter()
                .map(|plan| planted_need(plan, &calendar))
                .collect(),
            service_gaps: planted_gaps(&calendar),
            decoys: planted_decoys(&calendar),
            tables,
        }
    }
}

/// A month counted from 1, as text.
fn month_text(calendar: &Calendar, month: usize) -> String {
    calendar.month(month - 1).to_owned()
}

/// The truth of one emerging need.
fn planted_need(plan: &Emerging, calendar: &Calendar) -> PlantedNeed {
    PlantedNeed {
        id: plan.id.to_owned(),
        kind: match plan.shape {
            Shape::Sudden => NeedKind::Sudden,
            Shape::Slow => NeedKind::Slow,
            Shape::Spatial => NeedKind::Spatial,
            Shape::NewTag => NeedKind::NewTag,
        },
        platform: plan.platform.to_owned(),
        district_codes: plan
            .districts
            .iter()
            .map(|code| (*code).to_owned())
            .collect(),
        need: plan.need.to_owned(),
        first_month: month_text(calendar, plan.from),
        last_month: month_text(calendar, N_MONTHS),
        rate_ratio: plan.ratio,
    }
}

/// The truth of the gaps.
fn planted_gaps(calendar: &Calendar) -> Vec<PlantedGap> {
    GAPS.iter()
        .map(|plan| PlantedGap {
            id: plan.id.to_owned(),
            kind: match plan.kind {
                GapKind::Unmet => PlantedGapKind::Unmet,
                GapKind::NoOffer => PlantedGapKind::NoOffer,
                GapKind::LongWait => PlantedGapKind::LongWait,
            },
            platform: plan.platform.to_owned(),
            district_codes: vec![plan.district.to_owned()],
            need: plan.need.to_owned(),
            first_month: month_text(calendar, plan.from),
            last_month: month_text(calendar, N_MONTHS),
        })
        .collect()
}

/// The truth of the decoys.
fn planted_decoys(calendar: &Calendar) -> Vec<PlantedDecoy> {
    DECOYS
        .iter()
        .map(|plan| PlantedDecoy {
            id: plan.id.to_owned(),
            kind: plan.kind,
            district_code: plan.district.to_owned(),
            platform: plan.platform.to_owned(),
            needs: need_codes(plan),
            since: month_text(calendar, plan.since),
            last_month: month_text(calendar, N_MONTHS),
        })
        .collect()
}

/// The SIUSS codes that a decoy concerns.
fn need_codes(plan: &Decoy) -> Vec<String> {
    [&WEMI, &LA_CURA, &MI_FIDO, &BACHECA]
        .iter()
        .filter(|one| one.name == plan.platform)
        .flat_map(|one| one.needs)
        .filter(|need| plan.label.is_none_or(|label| label == need.label))
        .map(|need| need.code.to_owned())
        .collect()
}
