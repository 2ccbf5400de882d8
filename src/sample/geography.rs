//! The districts of the sample and the places in them, read from the reference tables: comuni,
//! or for the city of Milano its nine municipi. People live where people really live.

use std::collections::BTreeMap;
use std::path::Path;

use super::Error;
use super::draw::running;
use super::numbers::real;

/// The district whose places are municipi.
pub(crate) const MILANO: &str = "AMB-MILANO";

/// The residents of the nine municipi of Milano, in thousands: what spreads requests over them.
const MUNICIPI: [f64; 9] = [98.0, 162.0, 144.0, 161.0, 126.0, 151.0, 175.0, 189.0, 187.0];

/// A comune, or a municipio of Milano.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// Istat code, or the municipio's number.
    pub(crate) code: String,
    /// Official name.
    pub(crate) name: String,
    /// Two-letter sign of the provincia.
    pub(crate) provincia: &'static str,
    /// Residents.
    pub(crate) population: f64,
}

/// A district and the places in it.
#[derive(Debug, Clone, Default)]
pub(crate) struct District {
    /// Its places, in the order of their codes.
    pub(crate) places: Vec<Place>,
    /// Running sums of their weights.
    pub(crate) running: Vec<f64>,
}

impl District {
    /// The share of the district's people who live in a place.
    pub(crate) fn share(&self, place: usize) -> f64 {
        let before = if place == 0 {
            0.0
        } else {
            self.running[place - 1]
        };
        (self.running[place] - before) / self.running.last().copied().unwrap_or(1.0)
    }
}

/// All districts by code.
#[derive(Debug)]
pub(crate) struct Geography {
    /// District code to district.
    districts: BTreeMap<String, District>,
}

impl Geography {
    /// Reads `comuni.csv` and `districts.csv` in the reference folder.
    pub(crate) fn read(reference: &Path) -> Result<Self, Error> {
        let mut comuni = BTreeMap::new();
        for row in rows(&reference.join("comuni.csv"))? {
            comuni.insert(
                row[0].to_owned(),
                (row[1].to_owned(), row[7].parse().unwrap_or(0.0)),
            );
        }
        let mut districts: BTreeMap<String, District> = BTreeMap::new();
        for row in rows(&reference.join("districts.csv"))? {
            let Some((name, population)) = comuni.get(&row[0]).cloned() else {
                continue;
            };
            let provincia = sign(&row[0]);
            let place = Place {
                code: row[0].to_owned(),
                name,
                provincia,
                population,
            };
            districts
                .entry(row[1].to_owned())
                .or_default()
                .places
                .push(place);
        }
        if let Some(milano) = districts.get_mut(MILANO) {
            milano.places = municipi();
        }
        for district in districts.values_mut() {
            // The square root keeps small mountain comuni present beside their town.
            district.running = running(district.places.iter().map(|place| place.population.sqrt()));
        }
        Ok(Self { districts })
    }

    /// The district of that code.
    pub(crate) fn district(&self, code: &str) -> Result<&District, Error> {
        self.districts
            .get(code)
            .ok_or_else(|| Error::UnknownDistrict {
                district_code: code.to_owned(),
            })
    }
}

/// The records of a reference file.
fn rows(path: &Path) -> Result<Vec<csv::StringRecord>, Error> {
    let failed = |source| Error::ReadReference {
        path: path.to_owned(),
        source,
    };
    csv::Reader::from_path(path)
        .map_err(failed)?
        .into_records()
        .map(|row| row.map_err(failed))
        .collect()
}

/// The sign of the provincia a comune code begins with.
fn sign(code: &str) -> &'static str {
    match code.get(..3) {
        Some("108") => "MB",
        Some("103") => "VB",
        Some("003") => "NO",
        Some("098") => "LO",
        _ => "MI",
    }
}

/// The nine municipi as places.
fn municipi() -> Vec<Place> {
    (1..=9_usize)
        .map(|number| Place {
            code: number.to_string(),
            name: number.to_string(),
            provincia: "MI",
            population: MUNICIPI[number - 1] * real(1000),
        })
        .collect()
}
