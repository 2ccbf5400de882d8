//! Files of a release and their checksums: each is written once, and remembered.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::Error;
use crate::canon::digits::sha256;
use crate::context::released::SUMS;

/// One file of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileEntry {
    /// Where it lies in the release, with `/`.
    pub(crate) path: String,
    /// Its size.
    pub(crate) n_bytes: u64,
    /// Its SHA-256 in lowercase hexadecimal.
    pub(crate) sha256: String,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    /// Every file but `SHA256SUMS` itself, by path.
    pub(crate) files: Vec<FileEntry>,
    /// SHA-256 of `SHA256SUMS`: one number that stands for the whole release.
    pub(crate) sha256: String,
}

/// A folder that is being filled.
#[derive(Debug)]
pub(crate) struct Folder {
    /// Where it is.
    root: PathBuf,
    /// What it holds so far.
    files: BTreeMap<String, FileEntry>,
}

impl Folder {
    /// Makes the folder, or takes it if it is empty.
    pub(crate) fn create(root: &Path) -> Result<Self, Error> {
        let create = |source| Error::CreateFolder {
            path: root.to_path_buf(),
            source,
        };
        fs::create_dir_all(root).map_err(create)?;
        if fs::read_dir(root).map_err(create)?.next().is_some() {
            return Err(Error::FolderNotEmpty {
                path: root.to_path_buf(),
            });
        }
        Ok(Self {
            root: root.to_path_buf(),
            files: BTreeMap::new(),
        })
    }

    /// Writes one file and remembers its checksum.
    pub(crate) fn write(&mut self, path: &str, bytes: &[u8]) -> Result<FileEntry, Error> {
        self.put(path, bytes)?;
        let entry = FileEntry {
            path: path.to_owned(),
            n_bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            sha256: sha256(bytes),
        };
        self.files.insert(path.to_owned(), entry.clone());
        Ok(entry)
    }

    /// Writes `SHA256SUMS`, in the layout that `sha256sum -c` reads, and closes the list.
    pub(crate) fn finish(self) -> Result<Written, Error> {
        let mut sums = String::new();
        for entry in self.files.values() {
            let _ = writeln!(sums, "{}  {}", entry.sha256, entry.path);
        }
        self.put(SUMS, sums.as_bytes())?;
        Ok(Written {
            files: self.files.into_values().collect(),
            sha256: sha256(sums.as_bytes()),
        })
    }

    /// Writes the bytes, making the folders on the way.
    fn put(&self, path: &str, bytes: &[u8]) -> Result<(), Error> {
        let full = self.root.join(path);
        if let Some(parent) = full.parent() {
            fs::create_dir_all(parent).map_err(|source| Error::CreateFolder {
                path: parent.to_path_buf(),
                source,
            })?;
        }
        fs::write(&full, bytes).map_err(|source| Error::WriteFile { path: full, source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_holds_something_is_refused() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("old"), "x").unwrap();
        assert!(matches!(
            Folder::create(place.path()),
            Err(Error::FolderNotEmpty { .. })
        ));
    }

    #[test]
    fn the_sums_are_sorted_by_path() {
        let place = tempfile::tempdir().unwrap();
        let mut folder = Folder::create(place.path()).unwrap();
        folder.write("b.txt", b"b").unwrap();
        folder.write("a/z.txt", b"z").unwrap();
        let written = folder.finish().unwrap();
        let paths: Vec<&str> = written
            .files
            .iter()
            .map(|file| file.path.as_str())
            .collect();
        assert_eq!(paths, ["a/z.txt", "b.txt"]);
        let sums = fs::read_to_string(place.path().join("SHA256SUMS")).unwrap();
        assert!(sums.lines().nth(1).unwrap().ends_with("  b.txt"));
    }
}
