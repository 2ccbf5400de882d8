//! Invented data: six platforms in their native formats, with the truth of what was planted.
//!
//! Nobody in it exists. The comuni and their populations are real, so that rates and neighbors
//! behave as they would. The same plan gives the same bytes, month by month and in bounded memory:
//!
//! ```text
//! scenario + planted + decoys → demand (what happens) → one writer per platform (how it is written down)
//!                                            → truth.json (what should be found)
//! ```

use std::cell::Cell;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error as ThisError;

pub use decoys::DecoyKind;
pub use score::{DecoyScore, Flag, Purpose, Score, score};
pub use truth::{
    NeedKind, PlantedDecoy, PlantedGap, PlantedGapKind, PlantedNeed, TableTruth, Truth,
};

use calendar::Calendar;
use geography::{District, Geography};
use numbers::{real, wide};
use scenario::Platform;

/// The bacheca digitale.
mod bacheca;
/// The plan's numbers as days and months.
mod calendar;
/// What looks like a need and is none.
mod decoys;
/// What happens in a month.
mod demand;
/// Seeded chance.
mod draw;
/// Family Like.
mod family_like;
/// What is wrong with some rows.
mod faults;
/// Files of lines and JSON pages.
mod files;
/// Districts and the places in them.
mod geography;
/// La cura è di casa.
mod la_cura;
/// Mi fido di noi.
mod mi_fido;
/// Conversions between counts and real numbers.
mod numbers;
/// The ODS format, as far as the monitoring sheets need it.
mod ods;
/// A panel of counts with a known truth.
pub mod panel;
/// The people behind the requests.
mod people;
/// What is planted on top.
mod planted;
/// What normally happens on each platform.
mod scenario;
/// How flags did against what was planted.
mod score;
/// Tables written as Parquet and as a PostgreSQL dump at once.
mod tables;
/// What people write.
mod texts;
/// What was planted.
mod truth;
/// WELCO monitoring.
mod welco;
/// `WeMi`.
mod wemi;
/// The tables of `WeMi`.
mod wemi_layouts;

/// What to generate and where.
#[derive(Debug, Clone)]
pub struct SamplePlan {
    /// About how many exchanges.
    pub n_exchanges: u64,
    /// The seed: another one gives another sample.
    pub seed: u64,
    /// The folder of the reference tables.
    pub reference: PathBuf,
    /// The folder to write into.
    pub out: PathBuf,
}

/// What was generated.
#[derive(Debug, Clone)]
pub struct SampleReport {
    /// Rows written in all tables.
    pub n_rows: u64,
    /// Requests, offers and events, repeats and corrections included.
    pub n_exchanges: u64,
    /// What was planted.
    pub truth: Truth,
}

/// Why a sample could not be written.
#[derive(Debug, ThisError)]
pub enum Error {
    /// A reference table cannot be read.
    #[error("cannot read the reference table `{}`", path.display())]
    ReadReference {
        /// Its path.
        path: PathBuf,
        /// The cause.
        source: csv::Error,
    },
    /// A district of the sample is missing in the reference tables.
    #[error("district `{district_code}` is not in `districts.csv`")]
    UnknownDistrict {
        /// The district.
        district_code: String,
    },
    /// A file cannot be written.
    #[error("cannot write `{}`", path.display())]
    WriteFile {
        /// Its path.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A Parquet file cannot be written.
    #[error("cannot write the Parquet file `{}`", path.display())]
    WriteParquet {
        /// Its path.
        path: PathBuf,
        /// The cause.
        source: parquet::errors::ParquetError,
    },
    /// Rows do not fit their table.
    #[error("the rows of table `{table}` do not fit its columns")]
    BuildTable {
        /// The table.
        table: String,
        /// The cause.
        source: arrow::error::ArrowError,
    },
    /// A workbook cannot be written.
    #[error("cannot write the workbook `{}`", path.display())]
    WriteWorkbook {
        /// Its path.
        path: PathBuf,
        /// The cause.
        source: rust_xlsxwriter::XlsxError,
    },
    /// A zip container cannot be written.
    #[error("cannot write the container `{}`", path.display())]
    WriteContainer {
        /// Its path.
        path: PathBuf,
        /// The cause.
        source: zip::result::ZipError,
    },
    /// The truth file cannot be written as JSON.
    #[error("cannot write `truth.json`")]
    WriteTruth {
        /// The cause.
        source: serde_json::Error,
    },
}

/// What every writer is handed.
#[derive(Debug)]
struct Site<'a> {
    /// About how many exchanges the sample has.
    n_exchanges: f64,
    /// The seed.
    seed: u64,
    /// The folder to write into.
    out: &'a Path,
    /// The districts.
    geography: &'a Geography,
    /// The days.
    calendar: &'a Calendar,
    /// Who is told how far it is.
    progress: &'a Progress<'a>,
}

impl Site<'_> {
    /// The districts of a platform, in its order.
    fn districts(&self, platform: &Platform) -> Result<Vec<&District>, Error> {
        platform
            .districts
            .iter()
            .map(|(code, _)| self.geography.district(code))
            .collect()
    }

    /// The folder of a platform, made if it is not there and emptied if it is.
    fn folder(&self, platform: &str) -> Result<PathBuf, Error> {
        let folder = self.out.join(platform);
        let failed = |source| Error::WriteFile {
            path: folder.clone(),
            source,
        };
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(failed)?;
        }
        fs::create_dir_all(&folder).map_err(failed)?;
        Ok(folder)
    }

    /// The active members of each place of a district in a month, whole and adding up.
    fn members(
        &self,
        platform: &Platform,
        district: usize,
        month: usize,
    ) -> Result<Vec<usize>, Error> {
        let total = platform.members(self.n_exchanges, district, month);
        let running = &self
            .geography
            .district(platform.district(district))?
            .running;
        let all = running.last().copied().unwrap_or(1.0);
        let up_to: Vec<usize> = running
            .iter()
            .map(|sum| numbers::nearest(total * sum / all))
            .collect();
        let before = std::iter::once(0).chain(up_to.iter().copied());
        Ok(up_to
            .iter()
            .zip(before)
            .map(|(here, before)| here - before)
            .collect())
    }
}

/// Counts rows and tells someone now and then.
struct Progress<'a> {
    /// Rows so far.
    n_rows: Cell<u64>,
    /// Who is told.
    told: &'a dyn Fn(u64),
}

impl std::fmt::Debug for Progress<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Progress")
            .field("n_rows", &self.n_rows)
            .finish_non_exhaustive()
    }
}

impl Progress<'_> {
    /// Some more rows are written.
    fn wrote(&self, n_rows: usize) {
        self.n_rows.set(self.n_rows.get() + wide(n_rows));
        (self.told)(self.n_rows.get());
    }
}

/// Writes one platform and counts its tables.
type Writer = fn(&Site<'_>) -> Result<Vec<TableTruth>, Error>;

/// The writers, in the order of the folders' story.
const WRITERS: [Writer; 6] = [
    wemi::write,
    la_cura::write,
    mi_fido::write,
    family_like::write,
    bacheca::write,
    welco::write,
];

/// The tables whose rows are exchanges.
const EXCHANGE_TABLES: [&str; 5] = [
    "richiesta_servizio_base",
    "interventi",
    "movimenti",
    "eventi",
    "Annunci",
];

/// Writes the six platforms and `truth.json` into the plan's folder, replacing what is there.
///
/// Files of other names in the folder are left alone.
pub fn generate(plan: &SamplePlan, progress: &dyn Fn(u64)) -> Result<SampleReport, Error> {
    let geography = Geography::read(&plan.reference)?;
    let calendar = Calendar::new();
    let progress = Progress {
        n_rows: Cell::new(0),
        told: progress,
    };
    let site = Site {
        n_exchanges: real(usize::try_from(plan.n_exchanges).unwrap_or(usize::MAX)),
        seed: plan.seed,
        out: &plan.out,
        geography: &geography,
        calendar: &calendar,
        progress: &progress,
    };
    let mut tables = Vec::new();
    for writer in WRITERS {
        tables.extend(writer(&site)?);
    }
    let truth = Truth::new(plan.seed, plan.n_exchanges, tables);
    write_truth(&truth, &plan.out.join("truth.json"))?;
    let is_exchanges = |table: &&TableTruth| EXCHANGE_TABLES.contains(&table.table.as_str());
    Ok(SampleReport {
        n_rows: truth.tables.iter().map(|table| table.n_rows).sum(),
        n_exchanges: truth
            .tables
            .iter()
            .filter(is_exchanges)
            .map(|table| table.n_rows)
            .sum(),
        truth,
    })
}

/// Writes the truth file.
fn write_truth(truth: &Truth, path: &Path) -> Result<(), Error> {
    let mut text =
        serde_json::to_string_pretty(truth).map_err(|source| Error::WriteTruth { source })?;
    text.push('\n');
    fs::write(path, text).map_err(|source| Error::WriteFile {
        path: path.to_owned(),
        source,
    })
}

/// What the files hold against what the truth says.
#[cfg(test)]
mod tests;
