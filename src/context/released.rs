//! What readers have: the ledger of releases in the lake, and the tables in the folders it speaks of.
//!
//! The folders are the one memory of what was printed. A release appears in its folder by one rename
//! and is noted in the ledger afterwards, so a folder that no ledger notes may have been read as well
//! and counts as released. A folder is believed as far as its checksums go: the ledger holds the one of
//! `SHA256SUMS`, which holds those of all files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::compute::concat_batches;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::ParquetError;
use serde::{Deserialize, Serialize};

use super::Context;
use crate::canon::digits::sha256;
use crate::lake;

/// Ledger of releases in the lake.
const LEDGER: &str = "releases.json";

/// The list of checksums in a release.
pub(crate) const SUMS: &str = "SHA256SUMS";

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The lake failed.
    #[error("the ledger of releases `{LEDGER}` cannot be reached")]
    Lake(#[source] lake::Error),
    /// The ledger of releases is damaged.
    #[error("the ledger of releases `{LEDGER}` in the lake is damaged")]
    Ledger(#[source] serde_json::Error),
    /// A file of a release cannot be read.
    #[error(
        "`{}` of release {version} cannot be read, and what it printed may not change; put the folder of the release back from a copy, or from where it is published", path.display()
    )]
    Missing {
        /// The release.
        version: String,
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A file of a release is not the one that was written.
    #[error(
        "`{}` of release {version} was changed after it was released; put it back from a copy, or from where it is published", path.display()
    )]
    Changed {
        /// The release.
        version: String,
        /// The file.
        path: PathBuf,
    },
    /// A file of a release is no table.
    #[error("`{}` of release {version} is no table", path.display())]
    Parquet {
        /// The release.
        version: String,
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: ParquetError,
    },
    /// The parts of a table do not fit together.
    #[error("`{}` of release {version} is no table", path.display())]
    Batches {
        /// The release.
        version: String,
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: ArrowError,
    },
}

/// One release, as noted in the lake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Noted {
    /// Version.
    pub(crate) version: String,
    /// Hash of everything it was made from.
    pub(crate) fingerprint: String,
    /// Hash of each protected table in it.
    pub(crate) tables: BTreeMap<String, String>,
    /// SHA-256 of its `SHA256SUMS`.
    pub(crate) checksum: String,
}

/// Releases noted in the lake, oldest first.
pub(crate) async fn ledger(cx: &Context) -> Result<Vec<Noted>, Error> {
    match cx.lake.read(LEDGER).await.map_err(Error::Lake)? {
        None => Ok(Vec::new()),
        Some(bytes) => serde_json::from_slice(&bytes).map_err(Error::Ledger),
    }
}

/// Notes all releases in the lake, oldest first.
pub(crate) async fn note(cx: &Context, noted: &[Noted]) -> Result<(), Error> {
    let bytes = serde_json::to_vec_pretty(noted).map_err(Error::Ledger)?;
    let written = cx.lake.write(LEDGER, Bytes::from(bytes)).await;
    written.map_err(Error::Lake)
}

/// Folder that holds all releases.
pub(crate) fn releases_folder(cx: &Context) -> PathBuf {
    cx.commons.root.join(&cx.commons.settings.publish.folder)
}

/// A table as a release printed it.
#[derive(Debug)]
pub(crate) struct PrintedTable {
    /// The release.
    pub(crate) version: String,
    /// The rows.
    pub(crate) batch: RecordBatch,
}

/// The last print of each of the tables, where there is one.
pub(crate) async fn last_prints(
    cx: &Context,
    names: &[&str],
) -> Result<BTreeMap<String, PrintedTable>, Error> {
    let noted = ledger(cx).await?;
    let root = releases_folder(cx);
    let never_noted = unnoted(&root, &noted);
    let mut found = BTreeMap::new();
    let folders = never_noted
        .iter()
        .map(|version| (version.as_str(), None))
        .chain(
            noted
                .iter()
                .rev()
                .map(|one| (one.version.as_str(), Some(one))),
        );
    for (version, noted) in folders {
        let wanted: Vec<&str> = names
            .iter()
            .copied()
            .filter(|name| !found.contains_key(*name))
            .filter(|name| noted.is_none_or(|noted| noted.tables.contains_key(*name)))
            .collect();
        if wanted.is_empty() {
            continue;
        }
        let release = Folder::open(&root, version, noted)?;
        for name in wanted {
            if let Some(batch) = release.table(name)? {
                let version = version.to_owned();
                found.insert(name.to_owned(), PrintedTable { version, batch });
            }
        }
    }
    Ok(found)
}

/// Versions of whole releases that stand in the folder and not in the ledger, newest first.
fn unnoted(root: &Path, noted: &[Noted]) -> Vec<String> {
    let entries = std::fs::read_dir(root).into_iter().flatten().flatten();
    let mut found: Vec<([u32; 3], String)> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let is_noted = noted.iter().any(|release| release.version == name);
            let is_whole = entry.path().join(SUMS).is_file();
            (!is_noted && is_whole).then_some((numbers(&name)?, name))
        })
        .collect();
    found.sort();
    found.into_iter().rev().map(|(_, name)| name).collect()
}

/// The three numbers of a version.
fn numbers(version: &str) -> Option<[u32; 3]> {
    let numbers = version.strip_prefix('v')?.split('.');
    let numbers: Vec<u32> = numbers.map(str::parse).collect::<Result<_, _>>().ok()?;
    numbers.try_into().ok()
}

/// A release folder whose list of checksums is believed.
struct Folder<'a> {
    /// The release.
    version: &'a str,
    /// Where it lies.
    path: PathBuf,
    /// SHA-256 by file.
    sums: BTreeMap<String, String>,
}

impl<'a> Folder<'a> {
    /// Reads the checksums and holds them to the ledger, if that knows the release.
    fn open(root: &Path, version: &'a str, noted: Option<&Noted>) -> Result<Self, Error> {
        let mut folder = Self {
            version,
            path: root.join(version),
            sums: BTreeMap::new(),
        };
        let bytes = folder.read(SUMS, noted.map(|noted| noted.checksum.as_str()))?;
        let text = String::from_utf8_lossy(&bytes);
        folder.sums = text
            .lines()
            .filter_map(|line| line.split_once("  "))
            .map(|(sum, path)| (path.to_owned(), sum.to_owned()))
            .collect();
        Ok(folder)
    }

    /// The bytes of a file with that checksum.
    fn read(&self, file: &str, checksum: Option<&str>) -> Result<Bytes, Error> {
        let path = self.path.join(file);
        let bytes = std::fs::read(&path).map_err(|source| Error::Missing {
            version: self.version.to_owned(),
            path: path.clone(),
            source,
        })?;
        if checksum.is_some_and(|checksum| sha256(&bytes) != checksum) {
            let version = self.version.to_owned();
            return Err(Error::Changed { version, path });
        }
        Ok(Bytes::from(bytes))
    }

    /// A table of the release, if it has it.
    fn table(&self, name: &str) -> Result<Option<RecordBatch>, Error> {
        let file = format!("data/{name}.parquet");
        let Some(checksum) = self.sums.get(&file) else {
            return Ok(None);
        };
        let bytes = self.read(&file, Some(checksum))?;
        let path = || self.path.join(&file);
        let parquet = |source| Error::Parquet {
            version: self.version.to_owned(),
            path: path(),
            source,
        };
        let batches = |source| Error::Batches {
            version: self.version.to_owned(),
            path: path(),
            source,
        };
        let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(parquet)?;
        let schema = Arc::clone(builder.schema());
        let reader = builder.build().map_err(parquet)?;
        let parts: Vec<RecordBatch> = reader.collect::<Result<_, _>>().map_err(batches)?;
        concat_batches(&schema, &parts).map(Some).map_err(batches)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_folder_that_was_never_noted_counts_and_the_newest_comes_first() {
        let place = tempfile::tempdir().unwrap();
        for name in [
            "v2026.2.9",
            "v2026.2.10",
            "v2026.1.0",
            ".v2026.3.0.tmp",
            "v2026.4.0",
        ] {
            std::fs::create_dir(place.path().join(name)).unwrap();
            if name != "v2026.4.0" {
                std::fs::write(place.path().join(name).join(SUMS), "").unwrap();
            }
        }
        let noted = Noted {
            version: "v2026.1.0".to_owned(),
            fingerprint: String::new(),
            tables: BTreeMap::new(),
            checksum: String::new(),
        };
        assert_eq!(unnoted(place.path(), &[noted]), ["v2026.2.10", "v2026.2.9"]);
    }

    #[test]
    fn a_file_that_is_gone_or_changed_is_told_apart() {
        let place = tempfile::tempdir().unwrap();
        let release = place.path().join("v2026.1.0");
        std::fs::create_dir_all(release.join("data")).unwrap();
        std::fs::write(release.join("data/t.parquet"), "other").unwrap();
        let sum = sha256(b"first");
        let sums = format!("{sum}  data/t.parquet\n{sum}  data/gone.parquet\n");
        std::fs::write(release.join(SUMS), sums).unwrap();
        let folder = Folder::open(place.path(), "v2026.1.0", None).unwrap();
        assert!(matches!(folder.table("t"), Err(Error::Changed { .. })));
        assert!(matches!(folder.table("gone"), Err(Error::Missing { .. })));
        assert!(folder.table("never").unwrap().is_none());
    }
}
