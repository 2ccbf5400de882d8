//! Text in any encoding: rewritten as UTF-8 where it has two bytes a sign, and encoded again.

use bytes::Bytes;
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use super::{Error, Rewritten, lines};
use crate::canon::page;
use crate::erase::subjects::Judge;
use crate::spec::format::{CsvFormat, Format};

/// Rewrites Unicode text, whichever its mark says.
pub(super) fn unicode(
    bytes: &Bytes,
    rewrite: impl FnOnce(&[u8]) -> Result<Rewritten, Error>,
) -> Result<Rewritten, Error> {
    match Encoding::for_bom(bytes) {
        Some((encoding, _)) if encoding != UTF_8 => as_utf8(encoding, bytes, rewrite),
        Some(_) | None => rewrite(bytes),
    }
}

/// Rewrites delimited text.
pub(super) fn csv(
    format: &Format,
    options: &CsvFormat,
    judge: &Judge<'_>,
    bytes: &Bytes,
) -> Result<Rewritten, Error> {
    let declared = || Encoding::for_label(options.encoding.as_bytes());
    let marked = Encoding::for_bom(bytes).map(|(encoding, _)| encoding);
    let encoding = match marked {
        Some(encoding) => Some(encoding),
        None if options.is_detected() => found_out(format, bytes),
        None => declared(),
    };
    let encoding = encoding.ok_or_else(|| Error::unreadable("has an unknown encoding"))?;
    if encoding.is_ascii_compatible() {
        return lines::csv(options, encoding, judge, bytes);
    }
    as_utf8(encoding, bytes, |text| {
        lines::csv(options, UTF_8, judge, text)
    })
}

/// The encoding that `conform` would find out.
fn found_out(format: &Format, bytes: &Bytes) -> Option<&'static Encoding> {
    let stream = Box::new(std::io::Cursor::new(bytes.clone()));
    let opened = page::open(stream, format.wrapping()).ok()?;
    Encoding::for_label(opened.encoding?.as_bytes())
}

/// Rewrites text without ASCII delimiters.
fn as_utf8(
    encoding: &'static Encoding,
    bytes: &[u8],
    rewrite: impl FnOnce(&[u8]) -> Result<Rewritten, Error>,
) -> Result<Rewritten, Error> {
    let (text, _, _) = encoding.decode(bytes);
    let done = rewrite(text.as_bytes())?;
    Ok(Rewritten {
        bytes: encoded_again(encoding, bytes, &done.bytes),
        ..done
    })
}

/// Text of two bytes a sign, as it came.
fn encoded_again(encoding: &'static Encoding, before: &[u8], text: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(text);
    let is_low_first = match before.get(..2) {
        Some([0xff, 0xfe]) => true,
        Some([0xfe, 0xff]) => false,
        _ => encoding != UTF_16BE,
    };
    let has_mark = matches!(before.get(..2), Some([0xff, 0xfe] | [0xfe, 0xff]));
    if encoding != UTF_16LE && encoding != UTF_16BE {
        return encoding.encode(&text).0.into_owned();
    }
    let units = has_mark
        .then_some(0xfeff)
        .into_iter()
        .chain(text.encode_utf16());
    let bytes = |unit: u16| {
        if is_low_first {
            unit.to_le_bytes()
        } else {
            unit.to_be_bytes()
        }
    };
    units.flat_map(bytes).collect()
}
