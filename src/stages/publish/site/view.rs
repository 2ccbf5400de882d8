//! The tables of a release as the pages ask for them: by district, need and quarter.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{Array, Float64Array, StringArray};

use crate::stages::publish::Error;
use crate::stages::publish::content::{COVERAGE, DISTRICTS, OFFERS, REQUESTS, SIGNALS, UNMET};
use crate::stages::publish::tables::PlainTable;

/// One published cell: a figure, or why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cell {
    /// A published figure, zero included.
    Published(i64),
    /// Withheld to protect persons.
    Suppressed,
    /// No platform covers it.
    NotCovered,
    /// The source did not answer.
    SourceDown,
}

impl Cell {
    /// The figure, if it is published.
    pub(crate) fn value(self) -> Option<i64> {
        match self {
            Self::Published(value) => Some(value),
            Self::Suppressed | Self::NotCovered | Self::SourceDown => None,
        }
    }
}

/// Counts by district, need and quarter.
#[derive(Debug, Default)]
pub(crate) struct Grid {
    /// The cells, by district, need and quarter.
    cells: BTreeMap<(String, String), BTreeMap<String, Cell>>,
}

impl Grid {
    /// The cells of a district and a need, by quarter.
    pub(crate) fn series(&self, district: &str, need: &str) -> Option<&BTreeMap<String, Cell>> {
        self.cells.get(&(district.to_owned(), need.to_owned()))
    }

    /// One cell.
    pub(crate) fn cell(&self, district: &str, need: &str, quarter: &str) -> Option<Cell> {
        self.series(district, need)?.get(quarter).copied()
    }

    /// The needs that have cells in a district, sorted by code.
    pub(crate) fn needs<'a>(&'a self, district: &'a str) -> impl Iterator<Item = &'a str> {
        self.cells
            .keys()
            .filter(move |(code, _)| code == district)
            .map(|(_, need)| need.as_str())
    }

    /// Reads a table of counts; without a table there are no cells.
    fn read(table: Option<&PlainTable<'_>>, measure: &str) -> Result<Self, Error> {
        let mut grid = Self::default();
        let Some(table) = table else { return Ok(grid) };
        let district = table.texts("district_code")?;
        let need = table.texts("need_code")?;
        let quarter = table.texts("quarter")?;
        let status = table.texts("status")?;
        let count = table.counts(measure)?;
        for row in 0..table.batch.num_rows() {
            let cell = match status.value(row) {
                "published" => Cell::Published(count.value(row)),
                "suppressed" => Cell::Suppressed,
                "source_down" => Cell::SourceDown,
                _ => Cell::NotCovered,
            };
            let key = (district.value(row).to_owned(), need.value(row).to_owned());
            let series = grid.cells.entry(key).or_default();
            series.insert(quarter.value(row).to_owned(), cell);
        }
        Ok(grid)
    }
}

/// What a signal speaks about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aspect {
    /// More requests than expected; figures are requests.
    Rise,
    /// A label the vocabulary has no word for; figures are requests.
    NewLabel,
    /// Too many requests stay unmet; figures are unmet requests, shares are in the reasons.
    UnmetShare,
    /// Requests and nobody who answers; figures are unmet requests.
    NoOffer,
    /// People wait too long; figures are days.
    LongWait,
    /// Fewer ask than the population leads to expect; figures are requests.
    LowUse,
    /// Few suppliers in reach; figures are suppliers.
    PoorAccess,
    /// A guaranteed level that nobody offers; figures are answers, offers and events.
    MissingLevel,
    /// Use differs between places; figures are requests out of place.
    UnevenUse,
    /// An aspect these pages have no sentence for.
    Other,
}

/// The family of a signal, which decides the section it is shown in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// A known need that rises.
    Emerging,
    /// A need the vocabulary has no word for.
    New,
    /// A service that is missing or late.
    Gap,
}

/// One signal with its evidence; a figure that is not published is none.
#[derive(Debug, Clone)]
pub(crate) struct Signal {
    /// Its name in the release, never changed.
    pub(crate) id: String,
    /// Its family.
    pub(crate) family: Family,
    /// What it speaks about.
    pub(crate) aspect: Aspect,
    /// Where.
    pub(crate) district: String,
    /// Need code or new label.
    pub(crate) need: String,
    /// Quarter it is reported in.
    pub(crate) quarter: String,
    /// First month concerned.
    pub(crate) first_month: String,
    /// Last month concerned.
    pub(crate) last_month: String,
    /// The figures.
    pub(crate) evidence: Evidence,
    /// Platforms behind it.
    pub(crate) platforms: String,
    /// Method and its version.
    pub(crate) method: String,
    /// Machine-made reasons, as JSON text.
    pub(crate) reasons: String,
}

/// The figures of a signal, in the unit of its aspect.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Evidence {
    /// What was seen.
    pub(crate) observed: Option<f64>,
    /// The best guess of what should have been seen.
    pub(crate) expected: Option<f64>,
    /// Low end of the expected range.
    pub(crate) low: Option<f64>,
    /// High end of the expected range.
    pub(crate) high: Option<f64>,
    /// Observed minus expected.
    pub(crate) excess: Option<f64>,
    /// Observed over expected.
    pub(crate) ratio: Option<f64>,
    /// Chance of this if nothing had changed.
    pub(crate) p_value: Option<f64>,
    /// Share of alerts like this one that are false.
    pub(crate) q_value: Option<f64>,
    /// Change in active members against the year before, in percent.
    pub(crate) exposure_change_pct: Option<f64>,
    /// Share of comuni and months with data, in percent.
    pub(crate) completeness_pct: Option<f64>,
    /// Share of comuni and months with data, percent.
    pub(crate) coverage_pct: Option<f64>,
}

/// The profile of a district; figures that are not known are none.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Profile {
    /// Comuni.
    pub(crate) n_comuni: Option<f64>,
    /// Residents.
    pub(crate) residents: Option<f64>,
    /// Residents aged 0 to 14.
    pub(crate) residents_0_14: Option<f64>,
    /// Residents aged 65 and over.
    pub(crate) residents_65_plus: Option<f64>,
    /// Residents of 65 and over for 100 of 0 to 14.
    pub(crate) ageing_index: Option<f64>,
    /// Residents of 65 and over for 100 of 15 to 64.
    pub(crate) old_age_dependency: Option<f64>,
}

/// All tables of a release as the pages ask for them.
#[derive(Debug)]
pub(crate) struct View {
    /// Requests.
    pub(crate) requests: Grid,
    /// Unmet requests.
    pub(crate) unmet: Grid,
    /// Offers.
    pub(crate) offers: Grid,
    /// Signals: newest quarter first, the surest first within a quarter.
    pub(crate) signals: Vec<Signal>,
    /// Status by platform and district in the latest quarter.
    pub(crate) coverage: BTreeMap<(String, String), String>,
    /// Platforms, sorted.
    pub(crate) platforms: BTreeSet<String>,
    /// Profiles by district.
    pub(crate) profiles: BTreeMap<String, Profile>,
    /// All quarters, oldest first.
    pub(crate) quarters: Vec<String>,
}

impl View {
    /// Reads the tables that the pages show.
    pub(crate) fn read(plain: &[PlainTable<'_>]) -> Result<Self, Error> {
        let table = |name: &str| plain.iter().find(|table| table.declared.name == name);
        let quarters = quarters(&[table(REQUESTS), table(COVERAGE), table(SIGNALS)])?;
        let mut view = Self {
            requests: Grid::read(table(REQUESTS), "n_requests")?,
            unmet: Grid::read(table(UNMET), "n_unmet")?,
            offers: Grid::read(table(OFFERS), "n_offers")?,
            signals: table(SIGNALS).map_or_else(|| Ok(Vec::new()), signals)?,
            coverage: BTreeMap::new(),
            platforms: BTreeSet::new(),
            profiles: table(DISTRICTS).map_or_else(|| Ok(BTreeMap::new()), profiles)?,
            quarters,
        };
        if let Some(coverage) = table(COVERAGE) {
            view.read_coverage(coverage)?;
        }
        Ok(view)
    }

    /// The latest quarter of the release.
    pub(crate) fn latest(&self) -> &str {
        self.quarters.last().map_or("", String::as_str)
    }

    /// Keeps the coverage of the latest quarter.
    fn read_coverage(&mut self, table: &PlainTable<'_>) -> Result<(), Error> {
        let platform = table.texts("platform")?;
        let district = table.texts("district_code")?;
        let quarter = table.texts("quarter")?;
        let status = table.texts("status")?;
        for row in 0..table.batch.num_rows() {
            self.platforms.insert(platform.value(row).to_owned());
            if quarter.value(row) == self.latest() {
                let key = (
                    platform.value(row).to_owned(),
                    district.value(row).to_owned(),
                );
                self.coverage.insert(key, status.value(row).to_owned());
            }
        }
        Ok(())
    }
}

/// The quarters of the first of the tables that is there.
fn quarters(tables: &[Option<&PlainTable<'_>>]) -> Result<Vec<String>, Error> {
    let Some(table) = tables.iter().flatten().next() else {
        return Ok(Vec::new());
    };
    let found: BTreeSet<&str> = table.texts("quarter")?.iter().flatten().collect();
    Ok(found.into_iter().map(str::to_owned).collect())
}

/// The value of a row, if it is there.
fn at(values: &Float64Array, row: usize) -> Option<f64> {
    values
        .is_valid(row)
        .then(|| values.value(row))
        .filter(|value| value.is_finite())
}

/// The text of a row, empty if it is not there.
fn text_at(values: &StringArray, row: usize) -> String {
    if values.is_valid(row) {
        values.value(row).to_owned()
    } else {
        String::new()
    }
}

/// Reads the profiles.
fn profiles(table: &PlainTable<'_>) -> Result<BTreeMap<String, Profile>, Error> {
    let code = table.texts("district_code")?;
    let n_comuni = table.figures("n_comuni")?;
    let residents = table.figures("residents")?;
    let residents_0_14 = table.figures("residents_0_14")?;
    let residents_65_plus = table.figures("residents_65_plus")?;
    let ageing_index = table.figures("ageing_index")?;
    let old_age_dependency = table.figures("old_age_dependency")?;
    let profile = |row| Profile {
        n_comuni: at(&n_comuni, row),
        residents: at(&residents, row),
        residents_0_14: at(&residents_0_14, row),
        residents_65_plus: at(&residents_65_plus, row),
        ageing_index: at(&ageing_index, row),
        old_age_dependency: at(&old_age_dependency, row),
    };
    Ok((0..table.batch.num_rows())
        .map(|row| (text_at(code, row), profile(row)))
        .collect())
}

/// Reads the signals, newest quarter first, the surest first within a quarter.
fn signals(table: &PlainTable<'_>) -> Result<Vec<Signal>, Error> {
    let evidence = evidence(table)?;
    let text = |column| table.texts(column);
    let (id, kind, aspect) = (text("signal_id")?, text("kind")?, text("aspect")?);
    let (district, need) = (text("district_code")?, text("need_code")?);
    let (quarter, first, last) = (text("quarter")?, text("first_month")?, text("last_month")?);
    let (method, version) = (text("method")?, text("method_version")?);
    let (platforms, reasons) = (text("platforms")?, text("reasons")?);
    let signal = |(row, evidence)| Signal {
        id: text_at(id, row),
        family: family_of(&text_at(kind, row)),
        aspect: aspect_of(&text_at(aspect, row)),
        district: text_at(district, row),
        need: text_at(need, row),
        quarter: text_at(quarter, row),
        first_month: text_at(first, row),
        last_month: text_at(last, row),
        evidence,
        platforms: text_at(platforms, row),
        method: format!("{} {}", text_at(method, row), text_at(version, row)),
        reasons: text_at(reasons, row),
    };
    let mut signals: Vec<Signal> = evidence.into_iter().enumerate().map(signal).collect();
    let surest = |signal: &Signal| {
        signal
            .evidence
            .q_value
            .or(signal.evidence.p_value)
            .unwrap_or(1.0)
    };
    signals.sort_by(|a, b| {
        let order = b
            .quarter
            .cmp(&a.quarter)
            .then(surest(a).total_cmp(&surest(b)));
        order.then_with(|| a.id.cmp(&b.id))
    });
    Ok(signals)
}

/// Reads the figures of the signals.
fn evidence(table: &PlainTable<'_>) -> Result<Vec<Evidence>, Error> {
    let observed = table.figures("observed")?;
    let expected = table.figures("expected")?;
    let low = table.figures("expected_low")?;
    let high = table.figures("expected_high")?;
    let excess = table.figures("excess")?;
    let ratio = table.figures("ratio")?;
    let p_value = table.figures("p_value")?;
    let q_value = table.figures("q_value")?;
    let exposure_change_pct = table.figures("exposure_change_pct")?;
    let completeness_pct = table.figures("completeness_pct")?;
    let coverage_pct = table.figures("coverage_pct")?;
    let evidence = |row| Evidence {
        observed: at(&observed, row),
        expected: at(&expected, row),
        low: at(&low, row),
        high: at(&high, row),
        excess: at(&excess, row),
        ratio: at(&ratio, row),
        p_value: at(&p_value, row),
        q_value: at(&q_value, row),
        exposure_change_pct: at(&exposure_change_pct, row),
        completeness_pct: at(&completeness_pct, row),
        coverage_pct: at(&coverage_pct, row),
    };
    Ok((0..table.batch.num_rows()).map(evidence).collect())
}

/// The family of a kind.
fn family_of(kind: &str) -> Family {
    match kind {
        "new_need" => Family::New,
        "service_gap" => Family::Gap,
        _ => Family::Emerging,
    }
}

/// The aspect of that name.
fn aspect_of(aspect: &str) -> Aspect {
    match aspect {
        "rise" => Aspect::Rise,
        "new_label" => Aspect::NewLabel,
        "unmet_share" => Aspect::UnmetShare,
        "no_offer" => Aspect::NoOffer,
        "long_wait" => Aspect::LongWait,
        "low_use" => Aspect::LowUse,
        "poor_access" => Aspect::PoorAccess,
        "missing_level" => Aspect::MissingLevel,
        "uneven_use" => Aspect::UnevenUse,
        _ => Aspect::Other,
    }
}
