//! Encodings: marks, detection, and decoding while reading.
//!
//! Text in an encoding whose delimiters are ASCII stays as it is, so that each field is decoded by
//! itself and a field that cannot be is told. Any other text becomes UTF-8. What cannot be decoded
//! becomes the byte `ff`, which no UTF-8 has: the row it stands in is refused, never altered.

use std::io::{self, Read};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};

use super::{Bytestream, Content, Error, OpenPage, peek, put_back};

/// Bytes an encoding is found out from.
const SAMPLE: u64 = 1 << 20;

/// Bytes decoded at a time.
const CHUNK: usize = 1 << 16;

/// A byte that is nowhere in UTF-8.
const NOT_UTF8: u8 = 0xff;

/// The page without its mark, in an encoding that its format reads.
pub(super) fn open(page: Bytestream, content: Content<'_>) -> Result<OpenPage, Error> {
    match content {
        Content::Binary => Ok(as_it_is(page)),
        Content::Unicode => {
            let (mark, page) = take_mark(page)?;
            Ok(as_utf8(page, mark.unwrap_or(UTF_8)))
        }
        Content::Encoded(label) => {
            let declared = Encoding::for_label(label.as_bytes());
            let declared = declared.ok_or_else(|| Error::UnknownEncoding {
                label: label.to_owned(),
            })?;
            let (mark, page) = take_mark(page)?;
            match mark {
                Some(found) if found != declared => Err(Error::Contradiction {
                    found: found.name(),
                    declared: label.to_owned(),
                }),
                _ if declared.is_ascii_compatible() => Ok(as_it_is(page)),
                _ => Ok(as_utf8(page, declared)),
            }
        }
        Content::Detected => {
            let (mark, page) = take_mark(page)?;
            let (found, page) = match mark {
                Some(found) => (found, page),
                None => detect(page)?,
            };
            Ok(OpenPage {
                encoding: Some(found.name()),
                ..as_utf8(page, found)
            })
        }
    }
}

/// A page that needs no decoding.
fn as_it_is(bytes: Bytestream) -> OpenPage {
    OpenPage {
        bytes,
        encoding: None,
    }
}

/// A page in the given encoding as UTF-8.
fn as_utf8(page: Bytestream, encoding: &'static Encoding) -> OpenPage {
    if encoding == UTF_8 {
        return as_it_is(page);
    }
    as_it_is(Box::new(Transcoder {
        page,
        decoder: encoding.new_decoder_without_bom_handling(),
        input: vec![0; CHUNK],
        unread: (0, 0),
        output: vec![0; CHUNK * 3],
        unsent: (0, 0),
        standing: Standing::Reading,
    }))
}

/// The encoding that the mark at the start of a page says, and the page without the mark.
fn take_mark(page: Bytestream) -> Result<(Option<&'static Encoding>, Bytestream), Error> {
    let (mut head, page) = peek(page, 3)?;
    let mark = Encoding::for_bom(&head);
    let rest = head.split_off(mark.map_or(0, |(_, n_bytes)| n_bytes));
    Ok((mark.map(|(encoding, _)| encoding), put_back(rest, page)))
}

/// The encoding of a page without a mark, by its first mebibyte.
fn detect(page: Bytestream) -> Result<(&'static Encoding, Bytestream), Error> {
    let (head, page) = peek(page, SAMPLE)?;
    let found = wide(&head).unwrap_or_else(|| narrow(&head));
    Ok((found, put_back(head, page)))
}

/// UTF-16 without a mark: of most texts every other byte is zero.
fn wide(head: &[u8]) -> Option<&'static Encoding> {
    let zeros = |first: usize| {
        let bytes = head.iter().skip(first).step_by(2);
        bytes.filter(|byte| **byte == 0).count()
    };
    let (even, odd, enough) = (zeros(0), zeros(1), head.len() / 5);
    match (even, odd) {
        (0, odd) if odd > enough => Some(UTF_16LE),
        (even, 0) if even > enough => Some(UTF_16BE),
        _ => None,
    }
}

/// An encoding with ASCII in it; pure ASCII is UTF-8, where later bytes prove what they are.
fn narrow(head: &[u8]) -> &'static Encoding {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    let is_last = (head.len() as u64) < SAMPLE;
    if !detector.feed(head, is_last) {
        return UTF_8;
    }
    detector.guess(Some(b"it"), Utf8Detection::Allow)
}

/// How far a page is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// More bytes may come.
    Reading,
    /// The last bytes were read.
    Ended,
    /// The last text was handed over.
    Done,
}

/// A page decoded while it is read.
struct Transcoder {
    /// The page.
    page: Bytestream,
    /// Its decoder.
    decoder: Decoder,
    /// Bytes of the page.
    input: Vec<u8>,
    /// Which of them are not decoded yet.
    unread: (usize, usize),
    /// Text made of them.
    output: Vec<u8>,
    /// Which of it is not handed over yet.
    unsent: (usize, usize),
    /// How far this is.
    standing: Standing,
}

impl Transcoder {
    /// Decodes some more.
    fn refill(&mut self) -> io::Result<()> {
        if self.unread.0 == self.unread.1 && self.standing == Standing::Reading {
            let n_bytes = self.page.read(&mut self.input)?;
            self.unread = (0, n_bytes);
            if n_bytes == 0 {
                self.standing = Standing::Ended;
            }
        }
        let (from, to) = self.unread;
        let is_last = self.standing == Standing::Ended;
        let bytes = self.input.get(from..to).unwrap_or_default();
        // One byte of the output is left for the sign of what cannot be decoded.
        let room = self.output.len() - 1;
        let output = self.output.get_mut(..room).unwrap_or_default();
        let decoded = self
            .decoder
            .decode_to_utf8_without_replacement(bytes, output, is_last);
        let (result, n_read, n_written) = decoded;
        self.unread = (from + n_read, to);
        self.unsent = (0, n_written);
        match result {
            DecoderResult::Malformed(_, _) => {
                if let Some(sign) = self.output.get_mut(n_written) {
                    *sign = NOT_UTF8;
                }
                self.unsent = (0, n_written + 1);
            }
            DecoderResult::InputEmpty if is_last => self.standing = Standing::Done,
            DecoderResult::InputEmpty | DecoderResult::OutputFull => {}
        }
        Ok(())
    }
}

impl Read for Transcoder {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while self.unsent.0 == self.unsent.1 {
            if self.standing == Standing::Done {
                return Ok(0);
            }
            self.refill()?;
        }
        let (from, to) = self.unsent;
        let mut text = self.output.get(from..to).unwrap_or_default();
        let n_bytes = text.read(buffer)?;
        self.unsent = (from + n_bytes, to);
        Ok(n_bytes)
    }
}
