//! Reads a panel from its files, and the alarms of a detector.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Error, word};
use crate::stats::Panel;
use crate::stats::panel_law::score::{N_JUDGED, Probabilities, position};
use crate::stats::panel_law::{Event, FIRST_JUDGED, Kind, N_DISTRICTS, N_MONTHS, N_NEEDS, World};

/// A row of `counts.csv`.
#[derive(Debug, Deserialize)]
struct CountRow {
    /// The district.
    district: usize,
    /// The need.
    category: usize,
    /// The month.
    month: usize,
    /// Requests.
    count: u64,
}

/// A row of `exposure.csv`.
#[derive(Debug, Deserialize)]
struct ExposureRow {
    /// The district.
    district: usize,
    /// The month.
    month: usize,
    /// People exposed.
    active_users: f64,
}

/// A row of `districts.csv`.
#[derive(Debug, Deserialize)]
struct DistrictRow {
    /// The district.
    district: usize,
    /// Where it lies, km east.
    x_km: f64,
    /// Where it lies, km north.
    y_km: f64,
    /// Residents.
    population: f64,
    /// The month in which half of the members have come, where the platform arrives.
    onboarding_mid_month: Option<f64>,
}

/// A row of `truth.csv`.
#[derive(Debug, Deserialize)]
struct EventRow {
    /// The kind.
    kind: String,
    /// The district.
    district: usize,
    /// The need.
    category: usize,
    /// The first month.
    start: usize,
    /// The last month.
    end: usize,
    /// The rate ratio.
    rr: Option<f64>,
}

/// A row of the alarms.
#[derive(Debug, Deserialize)]
struct AlarmRow {
    /// The district.
    district: usize,
    /// The need.
    category: usize,
    /// The month.
    month: usize,
    /// The probability; none where the detector says nothing.
    p: Option<f64>,
}

/// The rows of a file, each with its line.
struct Rows<T> {
    /// The file.
    path: PathBuf,
    /// The rows.
    rows: Vec<T>,
}

impl<T: DeserializeOwned> Rows<T> {
    /// Reads a file.
    fn read(path: PathBuf) -> Result<Self, Error> {
        let failed = |source| Error::Read {
            path: path.clone(),
            source,
        };
        let mut reader = csv::Reader::from_path(&path).map_err(failed)?;
        let rows = reader.deserialize().collect::<Result<Vec<T>, _>>();
        let rows = rows.map_err(failed)?;
        Ok(Self { path, rows })
    }

    /// Hands every row over; what is said of it names its line.
    fn each(&self, mut take: impl FnMut(&T) -> Result<(), String>) -> Result<(), Error> {
        for (at, row) in self.rows.iter().enumerate() {
            take(row).map_err(|what| Error::Row {
                path: self.path.clone(),
                line: at + 2,
                what,
            })?;
        }
        Ok(())
    }
}

/// The place of a number counted from 1.
fn place(what: &str, number: usize, n: usize) -> Result<usize, String> {
    let place = number.checked_sub(1).filter(|place| *place < n);
    place.ok_or_else(|| format!("{what} {number} is none of 1 to {n}"))
}

/// Reads the panel in a folder.
pub(super) fn world(folder: &Path) -> Result<World, Error> {
    let n_cells = N_DISTRICTS * N_MONTHS;
    let mut exposure = vec![0.0; n_cells];
    let rows = Rows::<ExposureRow>::read(folder.join("exposure.csv"))?;
    rows.each(|row| {
        let district = place("district", row.district, N_DISTRICTS)?;
        let month = place("month", row.month, N_MONTHS)?;
        exposure[district * N_MONTHS + month] = row.active_users;
        Ok(())
    })?;
    let mut counts = vec![vec![0; n_cells]; N_NEEDS];
    let rows = Rows::<CountRow>::read(folder.join("counts.csv"))?;
    rows.each(|row| {
        let need = place("category", row.category, N_NEEDS)?;
        let district = place("district", row.district, N_DISTRICTS)?;
        let month = place("month", row.month, N_MONTHS)?;
        counts[need][district * N_MONTHS + month] = row.count;
        Ok(())
    })?;
    let covered = vec![true; n_cells];
    let panel = |counts| Panel::new(N_MONTHS, counts, exposure.clone(), covered.clone());
    let panels = counts.into_iter().map(panel).collect::<Result<_, _>>();
    let mut world = World {
        panels: panels.map_err(Error::Draw)?,
        places: vec![(0.0, 0.0); N_DISTRICTS],
        residents: vec![0.0; N_DISTRICTS],
        middles: vec![0.0; N_DISTRICTS],
        is_onboarding: vec![false; N_DISTRICTS],
        events: Vec::new(),
    };
    let rows = Rows::<DistrictRow>::read(folder.join("districts.csv"))?;
    rows.each(|row| {
        let district = place("district", row.district, N_DISTRICTS)?;
        world.places[district] = (row.x_km, row.y_km);
        world.residents[district] = row.population;
        world.middles[district] = row.onboarding_mid_month.unwrap_or_default();
        world.is_onboarding[district] = row.onboarding_mid_month.is_some();
        Ok(())
    })?;
    let rows = Rows::<EventRow>::read(folder.join("truth.csv"))?;
    rows.each(|row| {
        world.events.push(event(row)?);
        Ok(())
    })?;
    Ok(world)
}

/// An event.
fn event(row: &EventRow) -> Result<Event, String> {
    let kinds = [Kind::Local, Kind::Spatial, Kind::NewCategory];
    let kind = kinds.into_iter().find(|kind| word(*kind) == row.kind);
    let start = place("month", row.start, N_MONTHS)?;
    let end = place("month", row.end, N_MONTHS)? + 1;
    if start < FIRST_JUDGED || end <= start {
        return Err(format!(
            "the months {} to {} are none of an event",
            row.start, row.end
        ));
    }
    Ok(Event {
        kind: kind.ok_or_else(|| format!("`{}` is no kind of event", row.kind))?,
        district: place("district", row.district, N_DISTRICTS)?,
        need: place("category", row.category, N_NEEDS)?,
        start,
        end,
        ratio: row.rr.unwrap_or_default(),
    })
}

/// Reads the probabilities of a detector; a cell without one counts as 1.
pub(super) fn probabilities(path: &Path, world: &World) -> Result<Probabilities, Error> {
    let mut found = vec![1.0; N_NEEDS * N_DISTRICTS * N_JUDGED];
    let rows = Rows::<AlarmRow>::read(path.to_path_buf())?;
    rows.each(|row| {
        let need = place("category", row.category, N_NEEDS)?;
        let district = place("district", row.district, N_DISTRICTS)?;
        let month = place("month", row.month, N_MONTHS)?;
        let p = row.p.unwrap_or(1.0);
        if !(0.0..=1.0).contains(&p) {
            return Err(format!("`p = {p}` is no probability"));
        }
        if month >= FIRST_JUDGED {
            found[position(world, (need, district), month)] = p;
        }
        Ok(())
    })?;
    Ok(found)
}
