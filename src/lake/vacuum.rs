//! Leaving nothing of a table but what it holds now.
//!
//! A commit only says that files have left; they lie there still, and an earlier version can be
//! read. Here the log is cut down to its last commit, and every file that commit does not name is
//! deleted, among them those that a killed run left before any commit.

use std::collections::BTreeSet;

use deltalake_core::DeltaTableError;
use deltalake_core::checkpoints::create_checkpoint;

use super::{Error, Lake, Snapshot, Zone};

/// Folder of a table's log.
const LOG: &str = "_delta_log";

impl Lake {
    /// Deletes what a table no longer holds, and every version but the last; how many files went.
    ///
    /// # Errors
    /// [`Error::Log`] when the log cannot be cut down, [`Error::Object`] when a file stays.
    pub(crate) async fn vacuum(&self, zone: Zone, name: &str) -> Result<u64, Error> {
        let folder = format!("{}/{name}", zone.name());
        let found = self.objects_below(&folder).await?;
        let Some(snapshot) = self.snapshot(zone, name).await? else {
            // No commit: nothing that lies there was ever visible.
            return self.delete_all(found.iter()).await;
        };
        let last = snapshot.version;
        let is_old = |path: &&String| version_in(path).is_some_and(|version| version < last);
        let old: Vec<&String> = found.iter().filter(is_old).collect();
        let checkpoint = format!("{folder}/{LOG}/{last:020}.checkpoint");
        let is_cut = found.iter().any(|path| path.starts_with(&checkpoint));
        if !old.is_empty() && !is_cut {
            self.cut_log(&snapshot, &folder).await?;
        }
        // Every file the last commit names, those beside the table too.
        let kept: BTreeSet<String> = snapshot
            .removals
            .keys()
            .map(|path| format!("{folder}/{path}"))
            .collect();
        let log = format!("{folder}/{LOG}/");
        let is_left = |path: &&String| !path.starts_with(&log) && !kept.contains(*path);
        let half_written = found
            .iter()
            .filter(|path| path.starts_with(&log) && path.contains('#'));
        let gone = old
            .into_iter()
            .chain(found.iter().filter(is_left))
            .chain(half_written);
        self.delete_all(gone).await
    }

    /// Writes the state of the last commit as one file, so that earlier commits are not needed.
    async fn cut_log(&self, snapshot: &Snapshot, folder: &str) -> Result<(), Error> {
        let failed = |source: DeltaTableError| Error::Log {
            act: "cut down",
            table: folder.replace('/', "."),
            source: Box::new(source),
        };
        create_checkpoint(&snapshot.table, None)
            .await
            .map_err(failed)
    }

    /// Deletes objects; how many they were.
    async fn delete_all(&self, paths: impl Iterator<Item = &String>) -> Result<u64, Error> {
        let mut n_deleted = 0;
        for path in paths {
            self.delete(path).await?;
            n_deleted += 1;
        }
        Ok(n_deleted)
    }
}

/// The version a file of a log belongs to.
fn version_in(path: &str) -> Option<u64> {
    let (_, name) = path.split_once(&format!("/{LOG}/"))?;
    name.get(..20)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_the_log_names_its_version() {
        assert_eq!(
            version_in("source/a/_delta_log/00000000000000000012.json"),
            Some(12)
        );
        let checkpoint = "source/a/_delta_log/00000000000000000003.checkpoint.parquet";
        assert_eq!(version_in(checkpoint), Some(3));
        assert_eq!(version_in("source/a/_delta_log/_last_checkpoint"), None);
        assert_eq!(version_in("source/a/all/00000000000000000012.json"), None);
    }
}
