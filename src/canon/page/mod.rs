//! From the bytes of a page as they came to the bytes its format reads, as a stream.
//!
//! A page may come in an envelope, one of gzip, zstd or zip, known by its first bytes and never by
//! its name. A page of text may begin with a byte order mark or be written in another encoding.
//! Opening it takes off the envelope and the mark; text in an encoding without ASCII delimiters
//! becomes UTF-8 on the way.
//!
//! ```text
//! 1f 8b …        gzip      →  the text inside       cut or damaged: reading fails, never ends early
//! 28 b5 2f fd …  zstd      →  the text inside
//! 50 4b 03 04 …  zip       →  its one file, or the one that is named
//! ff fe …        UTF-16    →  UTF-8; what is no UTF-16 becomes a byte that is no UTF-8
//! ```

use std::io::{self, Cursor, Read};

use thiserror::Error;

mod inflate;
mod transcode;
mod zipped;

pub(crate) use inflate::read_whole;

/// A stream of bytes that may go to another thread.
pub(crate) type Bytestream = Box<dyn Read + Send>;

/// Why a page cannot be opened.
#[derive(Debug, Error)]
pub enum Error {
    /// The first bytes cannot be read.
    #[error("the page cannot be read")]
    Read {
        /// Why not.
        source: io::Error,
    },
    /// A zip archive that cannot be taken apart.
    #[error("the zip archive is damaged; ask for the file again")]
    Zip {
        /// What the reader found.
        source: zip::result::ZipError,
    },
    /// A zip archive that holds no file, or several of which none is named.
    #[error("the zip archive holds {n_files} files ({names}); name one of them with `entry`")]
    Entries {
        /// How many.
        n_files: usize,
        /// The first of them.
        names: String,
    },
    /// A zip archive without the file that is named.
    #[error("the zip archive has no file `{entry}`, only {names}; correct `entry`")]
    NoEntry {
        /// File as declared.
        entry: String,
        /// The first of the files that are there.
        names: String,
    },
    /// An entry is declared but the page is no zip archive.
    #[error("`entry` names the file `{entry}`, but the page is no zip archive; remove `entry`")]
    NotZip {
        /// File as declared.
        entry: String,
    },
    /// A file that is encrypted or compressed in a way that cannot be read.
    #[error("file `{entry}` of the zip archive is {what}; pack it with deflate and no password")]
    Locked {
        /// The file.
        entry: String,
        /// What it is.
        what: &'static str,
    },
    /// The declared encoding has no such label.
    #[error("encoding `{label}` is not known; use a WHATWG label such as `utf-8`, or `detect`")]
    UnknownEncoding {
        /// Label as declared.
        label: String,
    },
    /// The byte order mark says another encoding than the contract.
    #[error(
        "the page begins with the mark of {found}, but `encoding` is `{declared}`; set it to `{found}` or `detect`"
    )]
    Contradiction {
        /// Encoding of the mark.
        found: &'static str,
        /// Encoding as declared.
        declared: String,
    },
}

/// How the bytes of a page may be wrapped, as its contract says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wrapping<'f> {
    /// File to take out of a zip archive; without a name it is the only one.
    pub(crate) entry: Option<&'f str>,
    /// What a zip archive without a named file is.
    pub(crate) archive: Archive,
    /// What kind of bytes is inside.
    pub(crate) content: Content<'f>,
}

/// What a zip archive is to a format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Archive {
    /// An envelope to be taken off.
    Envelope,
    /// The page itself: a workbook is a zip archive.
    Page,
}

/// What kind of bytes a format reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content<'f> {
    /// Bytes as they are.
    Binary,
    /// Unicode, whichever its mark says; UTF-8 without one.
    Unicode,
    /// Text in an encoding given by its label.
    Encoded(&'f str),
    /// Text in an encoding to be found out.
    Detected,
}

/// A page, opened.
pub(crate) struct OpenPage {
    /// Its bytes, as the format reads them.
    pub(crate) bytes: Bytestream,
    /// The encoding it was found to be in, where that was asked for.
    pub(crate) encoding: Option<&'static str>,
}

/// Opens a page.
pub(crate) fn open(page: Bytestream, wrapping: Wrapping<'_>) -> Result<OpenPage, Error> {
    let inside = inflate::open(page, wrapping)?;
    transcode::open(inside, wrapping.content)
}

/// The first bytes of a stream, at most so many, and the stream with them put back.
fn peek(mut stream: Bytestream, n_bytes: u64) -> Result<(Vec<u8>, Bytestream), Error> {
    let mut head = Vec::new();
    let read = stream.by_ref().take(n_bytes).read_to_end(&mut head);
    read.map_err(|source| Error::Read { source })?;
    Ok((head, stream))
}

/// A stream with the bytes put back that were read ahead.
fn put_back(head: Vec<u8>, stream: Bytestream) -> Bytestream {
    if head.is_empty() {
        return stream;
    }
    Box::new(Cursor::new(head).chain(stream))
}

#[cfg(test)]
mod tests;
