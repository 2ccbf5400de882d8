//! Where rows wait that do not fit the memory: one temporary file without a name.
//!
//! The file is unlinked as soon as it is open, so a run that is killed leaves no row behind where
//! the system can do that; elsewhere it is removed at the end.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Bytes in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    /// Where they begin.
    offset: u64,
    /// How many they are.
    n_bytes: usize,
}

impl Extent {
    /// So many bytes, from a place inside these.
    pub(super) fn part(self, from: usize, n_bytes: usize) -> Self {
        Self {
            offset: self.offset + from as u64,
            n_bytes,
        }
    }
}

/// The open file and its length.
#[derive(Debug)]
struct Open {
    /// The file.
    file: File,
    /// Bytes written.
    n_bytes: u64,
}

/// A temporary file that is made when the first bytes come.
#[derive(Debug)]
pub(super) struct Scratch {
    /// Where it is made.
    path: PathBuf,
    /// The file, once it is there.
    open: Mutex<Option<Open>>,
}

impl Scratch {
    /// A file to be made in a folder.
    pub(super) fn new(folder: &Path, table: &str) -> Self {
        Self {
            path: folder.join(format!("{table}-{}.spill", std::process::id())),
            open: Mutex::new(None),
        }
    }

    /// The file, for messages.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds bytes and says where they are.
    pub(super) fn append(&self, bytes: &[u8]) -> io::Result<Extent> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.is_none() {
            *open = Some(Open {
                file: create(&self.path)?,
                n_bytes: 0,
            });
        }
        let Some(open) = open.as_mut() else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let offset = open.n_bytes;
        open.file.seek(SeekFrom::Start(offset))?;
        open.file.write_all(bytes)?;
        open.n_bytes += bytes.len() as u64;
        Ok(Extent {
            offset,
            n_bytes: bytes.len(),
        })
    }

    /// Reads bytes.
    pub(super) fn read(&self, extent: Extent) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; extent.n_bytes];
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let open = open.as_mut().ok_or(io::ErrorKind::NotFound)?;
        open.file.seek(SeekFrom::Start(extent.offset))?;
        open.file.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let open = self.open.get_mut().unwrap_or_else(PoisonError::into_inner);
        if open.take().is_some() {
            // Gone already where an open file can be unlinked.
            let _removed = fs::remove_file(&self.path);
        }
    }
}

/// Makes the file and takes its name away again.
fn create(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut options = OpenOptions::new();
    let file = options
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(path)?;
    // Where an open file cannot be unlinked it is removed when it is closed.
    let _removed = fs::remove_file(path);
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_no_file_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let scratch = Scratch::new(folder.path(), "t");
        let first = scratch.append(b"uno").unwrap();
        let second = scratch.append(b"due").unwrap();
        assert_eq!(scratch.read(second).unwrap(), b"due");
        assert_eq!(scratch.read(first.part(1, 2)).unwrap(), b"no");
        drop(scratch);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
