//! What can be told of a SQLite file without SQLite: whether it is whole, and whether it changed.

use std::fs::{File, Metadata};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::error::SqliteError;

/// Bytes of the header.
const HEADER_BYTES: usize = 100;

/// First bytes of every file.
const SIGNATURE: &[u8; 16] = b"SQLite format 3\0";

/// Microseconds before the start of a run within which a change may share its time with the next
/// one.
const RACY_MICROS: i128 = 2_000_000;

/// A file and its log of changes, as they are now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileState {
    /// Size and time of the file.
    file: Stamp,
    /// Size and time of the log of changes, if there is one.
    log: Option<Stamp>,
    /// Count of changes in the header.
    n_changes: u32,
    /// Whether changes go to the log first.
    keeping: Keeping,
}

/// How a file keeps its changes until they are whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keeping {
    /// The old content in a journal beside it.
    Journal,
    /// The new content in a log beside it.
    Log,
}

/// Size and time of last change.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    /// Bytes.
    size: u64,
    /// Nanoseconds since 1970.
    changed: i128,
}

impl Stamp {
    /// Of what the file system says.
    fn of(metadata: &Metadata) -> Self {
        let changed = metadata.modified().ok();
        let since = changed.and_then(|changed| changed.duration_since(UNIX_EPOCH).ok());
        let nanos = since.and_then(|since| i128::try_from(since.as_nanos()).ok());
        Self {
            size: metadata.len(),
            changed: nanos.unwrap_or_default(),
        }
    }
}

impl FileState {
    /// Looks at a file and checks that it is whole.
    pub(super) fn of(path: &Path, shown: &str) -> Result<Self, SqliteError> {
        let failed = |source| SqliteError::Read {
            path: shown.to_owned(),
            source,
        };
        let mut file = File::open(path).map_err(failed)?;
        let stamp = Stamp::of(&file.metadata().map_err(failed)?);
        let mut header = [0; HEADER_BYTES];
        if stamp.size < HEADER_BYTES as u64 {
            return Err(SqliteError::Cut {
                path: shown.to_owned(),
                found: stamp.size,
                expected: HEADER_BYTES as u64,
            });
        }
        file.read_exact(&mut header).map_err(failed)?;
        if !header.starts_with(SIGNATURE) {
            return Err(SqliteError::NotSqlite {
                path: shown.to_owned(),
            });
        }
        let log = std::fs::metadata(beside(path, "-wal")).ok();
        let state = Self {
            log: log.as_ref().map(Stamp::of).filter(|log| log.size > 0),
            n_changes: word(&header, 24),
            keeping: match header.get(18) {
                Some(2) => Keeping::Log,
                _ => Keeping::Journal,
            },
            file: stamp,
        };
        match state.missing(&header) {
            Some(expected) => Err(SqliteError::Cut {
                path: shown.to_owned(),
                found: state.file.size,
                expected,
            }),
            None => Ok(state),
        }
    }

    /// The size the header gives, where the file is shorter. While a log is carried over into the
    /// file its header runs ahead, so that then it says nothing.
    fn missing(&self, header: &[u8; HEADER_BYTES]) -> Option<u64> {
        let is_current = word(header, 92) == self.n_changes;
        if !is_current || self.log.is_some() {
            return None;
        }
        let page = match u64::from(word(header, 14) & 0xffff) {
            1 => 65_536,
            bytes => bytes,
        };
        let expected = page * u64::from(word(header, 28));
        (self.file.size < expected).then_some(expected)
    }

    /// Whether someone else than SQLite changed the file since `before`. With a journal nobody who
    /// respects its locks can, as long as it is read.
    pub(super) fn is_overwritten(&self, before: &Self) -> bool {
        match before.keeping {
            Keeping::Journal => self != before,
            Keeping::Log => self.file.size < before.file.size || self.keeping != before.keeping,
        }
    }

    /// What tells an unchanged file; empty where the last change is so recent that another one
    /// could bear the same time.
    pub(super) fn tag(&self, started_micros: i64) -> String {
        let Stamp { size, changed } = self.file;
        let log = self.log.as_ref();
        let latest = log.map_or(changed, |log| log.changed.max(changed));
        if latest / 1000 + RACY_MICROS > i128::from(started_micros) {
            return String::new();
        }
        let log = log.map(|log| format!("+{}:{}", log.size, log.changed));
        let log = log.unwrap_or_default();
        format!("{size}:{changed}:{}{log}", self.n_changes)
    }
}

/// A number in the header.
fn word(header: &[u8; HEADER_BYTES], at: usize) -> u32 {
    let bytes = header
        .get(at..at + 4)
        .and_then(|bytes| bytes.try_into().ok());
    bytes.map(u32::from_be_bytes).unwrap_or_default()
}

/// A file beside another one.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}
