//! One file out of a zip archive, inflated while it is read and checked against its length and CRC.
//!
//! The list of files stands at the end of an archive, so the archive is held in memory, compressed
//! as it is; what is in it is not.

use std::io::{self, Cursor, Read};

use bytes::Bytes;
use flate2::Crc;
use flate2::read::DeflateDecoder;
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use super::inflate::read_whole;
use super::{Bytestream, Error};

/// The largest archive that is held in memory.
const MAX_ARCHIVE: u64 = 512 << 20;

/// The number of files that a message names.
const MAX_NAMES: usize = 5;

/// The file that is named, or the only one.
pub(super) fn open(archive: Bytestream, entry: Option<&str>) -> Result<Bytestream, Error> {
    let bytes = read_whole(archive, MAX_ARCHIVE).map_err(|source| Error::Read { source })?;
    let bytes = Bytes::from(bytes);
    let damaged = |source| Error::Zip { source };
    let mut archive = ZipArchive::new(Cursor::new(bytes.clone())).map_err(damaged)?;
    let (index, name) = choose(&mut archive, entry)?;
    let file = archive.by_index_raw(index).map_err(damaged)?;
    if file.encrypted() {
        let what = "encrypted";
        return Err(Error::Locked { entry: name, what });
    }
    let cut = || damaged(ZipError::FileNotFound);
    let start = file.data_start().ok_or_else(cut)?;
    let end = start.saturating_add(file.compressed_size());
    let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
    let range = range.filter(|(_, end)| *end <= bytes.len());
    let (start, end) = range.ok_or_else(cut)?;
    let packed = Cursor::new(bytes.slice(start..end));
    let (n_bytes, crc) = (file.size(), file.crc32());
    match file.compression() {
        CompressionMethod::STORE => Ok(checked(packed, n_bytes, crc)),
        CompressionMethod::DEFLATE => Ok(checked(DeflateDecoder::new(packed), n_bytes, crc)),
        CompressionMethod::ZSTD => {
            let frames = zstd::stream::read::Decoder::new(packed);
            let frames = frames.map_err(|source| Error::Read { source })?;
            Ok(checked(frames, n_bytes, crc))
        }
        _ => Err(Error::Locked {
            entry: name,
            what: "compressed in a way that is not known",
        }),
    }
}

/// Place and name of the file to read.
fn choose(
    archive: &mut ZipArchive<Cursor<Bytes>>,
    entry: Option<&str>,
) -> Result<(usize, String), Error> {
    let mut files = Vec::new();
    for index in 0..archive.len() {
        let file = archive
            .by_index_raw(index)
            .map_err(|source| Error::Zip { source })?;
        let name = file.name().map_err(|source| Error::Zip { source })?;
        if !file.is_dir() && !is_bookkeeping(&name) {
            files.push((index, name.into_owned()));
        }
    }
    let names: Vec<_> = files.iter().map(|(_, name)| format!("`{name}`")).collect();
    let n_files = files.len();
    let names = names.get(..n_files.min(MAX_NAMES)).unwrap_or_default();
    let names = names.join(", ");
    match entry {
        Some(entry) => {
            let found = files.into_iter().find(|(_, name)| name == entry);
            found.ok_or_else(|| Error::NoEntry {
                entry: entry.to_owned(),
                names,
            })
        }
        None => match <[_; 1]>::try_from(files) {
            Ok([file]) => Ok(file),
            Err(_) => Err(Error::Entries { n_files, names }),
        },
    }
}

/// Whether a file was put there by the packer and not by a person.
fn is_bookkeeping(name: &str) -> bool {
    let last = name.rsplit('/').next().unwrap_or(name);
    name.starts_with("__MACOSX/") || last.starts_with('.') || last == "Thumbs.db"
}

/// A stream that fails unless it gives the bytes the archive promises.
fn checked(stream: impl Read + Send + 'static, n_bytes: u64, crc: u32) -> Bytestream {
    Box::new(Checked {
        stream,
        seen: Crc::new(),
        left: n_bytes,
        crc,
    })
}

/// A stream with what it must come to.
struct Checked<R> {
    /// The stream.
    stream: R,
    /// Check sum of what it gave.
    seen: Crc,
    /// Bytes it must still give.
    left: u64,
    /// Check sum of all.
    crc: u32,
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let n_bytes = self.stream.read(buffer)?;
        self.seen.update(buffer.get(..n_bytes).unwrap_or_default());
        let left = self.left.checked_sub(n_bytes as u64);
        let is_over = n_bytes == 0;
        match left {
            Some(left) if !is_over => self.left = left,
            Some(0) if self.seen.sum() == self.crc => {}
            _ => {
                let message = "the file in the zip archive is cut or damaged";
                return Err(io::Error::new(io::ErrorKind::InvalidData, message));
            }
        }
        Ok(n_bytes)
    }
}
