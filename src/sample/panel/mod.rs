//! A panel of the law of `stats::panel_law` as plain files, and what a detector found of its events.
//!
//! ```text
//! counts.csv      district, category, month, count, reported_asof60
//! exposure.csv    district, month, active_users
//! districts.csv   district, x_km, y_km, population, onboarding_mid_month
//! truth.csv       kind, district, category, start, end, rr
//! ```
//!
//! Districts, categories and months are counted from 1. `antenne stats pooled` reads the first two.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Binomial, Distribution};

use crate::stats::PanelError;
use crate::stats::panel_law::{self, Events, Kind, N_MONTHS, World};

pub use scoring::{PanelScore, Rule, score};

/// Reading a panel and its alarms.
mod read;
/// What the alarms found.
mod scoring;

/// Share of the requests that are in at the end of the last month, by age in months.
const COMPLETENESS: [f64; 3] = [0.65, 0.88, 0.97];

/// Why a panel could not be written, read or scored.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The law gives no panel.
    #[error("the panel cannot be drawn")]
    Draw(#[source] PanelError),
    /// A file cannot be written.
    #[error("cannot write `{}`; choose a folder that can be written to", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A file cannot be read.
    #[error("cannot read `{}`; a panel is written by `antenne sample panel`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: csv::Error,
    },
    /// A row does not fit the panel.
    #[error("`{}`, line {line}: {what}", path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// Line, one-based.
        line: usize,
        /// What does not fit.
        what: String,
    },
}

/// Whether a panel has events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hidden {
    /// All kinds.
    All,
    /// None: every alarm is false.
    None,
}

/// Writes the panel of a seed into a folder; the same seed gives the same bytes.
///
/// # Errors
/// When a file cannot be written.
pub fn write(folder: &Path, seed: u64, hidden: Hidden) -> Result<(), Error> {
    let events = match hidden {
        Hidden::All => Events::Hidden,
        Hidden::None => Events::None,
    };
    let world = panel_law::draw(seed, events).map_err(Error::Draw)?;
    let failed = |path: &Path| {
        let path = path.to_path_buf();
        move |source| Error::Write { path, source }
    };
    fs::create_dir_all(folder).map_err(failed(folder))?;
    let files = [
        ("counts.csv", counts(&world, seed)),
        ("exposure.csv", exposure(&world)),
        ("districts.csv", districts(&world)),
        ("truth.csv", truth(&world)),
    ];
    for (name, text) in files {
        let path = folder.join(name);
        fs::write(&path, text).map_err(failed(&path))?;
    }
    Ok(())
}

/// Adds a line; writing into a text cannot fail.
fn line(text: &mut String, words: std::fmt::Arguments<'_>) {
    let _never_fails = writeln!(text, "{words}");
}

/// The counts, and how many of them are in at the end of the last month.
fn counts(world: &World, seed: u64) -> String {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(1);
    let mut text = "district,category,month,count,reported_asof60\n".to_owned();
    for district in 0..world.places.len() {
        for (need, panel) in world.panels.iter().enumerate() {
            for month in 0..N_MONTHS {
                let count = panel.count(district, month);
                let age = N_MONTHS - 1 - month;
                let part = COMPLETENESS
                    .get(age)
                    .and_then(|p| Binomial::new(count, *p).ok());
                let reported = part.map_or(count, |law| law.sample(&mut random));
                let (d, n, m) = (district + 1, need + 1, month + 1);
                line(&mut text, format_args!("{d},{n},{m},{count},{reported}"));
            }
        }
    }
    text
}

/// The exposure.
fn exposure(world: &World) -> String {
    let mut text = "district,month,active_users\n".to_owned();
    let Some(panel) = world.panels.first() else {
        return text;
    };
    for district in 0..world.places.len() {
        for month in 0..N_MONTHS {
            let people = panel.exposure(district, month);
            let (d, m) = (district + 1, month + 1);
            line(&mut text, format_args!("{d},{m},{people}"));
        }
    }
    text
}

/// The districts.
fn districts(world: &World) -> String {
    let mut text = "district,x_km,y_km,population,onboarding_mid_month\n".to_owned();
    let arrivals = world.is_onboarding.iter().zip(&world.middles);
    let places = world.places.iter().zip(&world.residents).zip(arrivals);
    for (district, (((x, y), residents), (arrives, middle))) in places.enumerate() {
        let middle = if *arrives {
            format!("{middle:.1}")
        } else {
            String::new()
        };
        let d = district + 1;
        line(
            &mut text,
            format_args!("{d},{x:.2},{y:.2},{residents:.0},{middle}"),
        );
    }
    text
}

/// The events.
fn truth(world: &World) -> String {
    let mut text = "kind,district,category,start,end,rr\n".to_owned();
    for event in &world.events {
        let ratio = match event.kind {
            Kind::NewCategory => String::new(),
            Kind::Local | Kind::Spatial => format!("{:?}", event.ratio),
        };
        let (kind, d, n) = (word(event.kind), event.district + 1, event.need + 1);
        let (start, end) = (event.start + 1, event.end);
        line(
            &mut text,
            format_args!("{kind},{d},{n},{start},{end},{ratio}"),
        );
    }
    text
}

/// The name of a kind.
fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Local => "local",
        Kind::Spatial => "spatial",
        Kind::NewCategory => "new_category",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A panel in a folder.
    fn written(seed: u64, hidden: Hidden) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), seed, hidden).unwrap();
        folder
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes_and_another_gives_others() {
        let folders = [(4, Hidden::All), (4, Hidden::All), (5, Hidden::All)];
        let folders = folders.map(|(seed, hidden)| written(seed, hidden));
        for name in ["counts.csv", "exposure.csv", "districts.csv", "truth.csv"] {
            let [first, same, other] =
                [0, 1, 2].map(|at| fs::read(folders[at].path().join(name)).unwrap());
            assert!(first == same, "{name}");
            assert!(first != other, "{name}");
        }
    }

    #[test]
    fn the_files_have_the_layout_of_the_given_panel() {
        const GIVEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/welfare/");
        let folder = written(4, Hidden::All);
        for name in ["counts.csv", "exposure.csv", "districts.csv", "truth.csv"] {
            let given = fs::read_to_string(format!("{GIVEN}{name}")).unwrap();
            let own = fs::read_to_string(folder.path().join(name)).unwrap();
            assert_eq!(own.lines().next(), given.lines().next(), "{name}");
            if name != "truth.csv" {
                assert_eq!(own.lines().count(), given.lines().count(), "{name}");
            }
        }
    }

    #[test]
    fn a_panel_without_events_has_an_empty_truth() {
        let folder = written(4, Hidden::None);
        let truth = fs::read_to_string(folder.path().join("truth.csv")).unwrap();
        assert_eq!(truth.lines().count(), 1);
    }

    #[test]
    fn the_given_panel_is_read_too() {
        const GIVEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/welfare");
        let world = read::world(Path::new(GIVEN)).unwrap();
        assert_eq!(world.events.len(), 160 + 21 + 37);
        assert_eq!(world.panels.len(), 40);
    }

    #[test]
    fn what_is_read_back_is_what_was_drawn() {
        let folder = written(6, Hidden::All);
        let read = read::world(folder.path()).unwrap();
        let drawn = panel_law::draw(6, Events::Hidden).unwrap();
        assert_eq!(read.panels, drawn.panels);
        assert_eq!(read.events, drawn.events);
        assert_eq!(read.is_onboarding, drawn.is_onboarding);
    }
}
