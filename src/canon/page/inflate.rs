//! Envelopes: gzip (RFC 1952), zstd (RFC 8878) and zip, inflated while they are read.

use std::io::{self, Read};

use flate2::read::MultiGzDecoder;

use super::{Archive, Bytestream, Error, Wrapping, peek, put_back, zipped};

/// First bytes of every gzip member.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// First bytes of every zstd frame.
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// First bytes of a zip archive with something in it, and of an empty one.
const ZIP: [&[u8]; 2] = [b"PK\x03\x04", b"PK\x05\x06"];

/// The most bytes that are taken out of one envelope: a small file may unfold into one that keeps
/// the machine busy for ever.
const MAX_INFLATED: u64 = 64 << 30;

/// The page without its envelope.
pub(super) fn open(page: Bytestream, wrapping: Wrapping<'_>) -> Result<Bytestream, Error> {
    let (head, page) = peek(page, 4)?;
    let is_archive = ZIP.iter().any(|magic| head.starts_with(magic));
    if is_archive && (wrapping.archive == Archive::Envelope || wrapping.entry.is_some()) {
        return zipped::open(put_back(head, page), wrapping.entry);
    }
    if let (Some(entry), false) = (wrapping.entry, is_archive) {
        return Err(Error::NotZip {
            entry: entry.to_owned(),
        });
    }
    let has_members = head.starts_with(&GZIP);
    let has_frames = head.starts_with(&ZSTD);
    let page = put_back(head, page);
    if has_members {
        return Ok(capped(MultiGzDecoder::new(page), MAX_INFLATED));
    }
    if has_frames {
        let frames = zstd::stream::read::Decoder::new(page);
        let frames = frames.map_err(|source| Error::Read { source })?;
        return Ok(capped(frames, MAX_INFLATED));
    }
    Ok(page)
}

/// The rest of a stream, if it has at most so many bytes.
pub(crate) fn read_whole(stream: impl Read, max_bytes: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    Capped {
        stream,
        left: max_bytes,
    }
    .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A stream that fails once it has given more than so many bytes.
pub(super) fn capped(stream: impl Read + Send + 'static, max_bytes: u64) -> Bytestream {
    Box::new(Capped {
        stream,
        left: max_bytes,
    })
}

/// A stream that may give only so many bytes.
struct Capped<R> {
    /// The stream.
    stream: R,
    /// Bytes it may still give.
    left: u64,
}

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_bytes = self.stream.read(buffer)?;
        self.left = self.left.checked_sub(n_bytes as u64).ok_or_else(|| {
            let message = "the page unfolds into more bytes than one page may have; split it";
            io::Error::new(io::ErrorKind::FileTooLarge, message)
        })?;
        Ok(n_bytes)
    }
}
