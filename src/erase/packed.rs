//! Taking a page out of what it is packed in, and packing it again the same way.

use std::io::{Cursor, Read, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use super::Error;

/// The largest content that is unfolded: a small file may unfold into one that fills the memory.
const MAX_BYTES: u64 = 4 << 30;

/// First bytes of gzip.
pub(super) const GZIP: [u8; 2] = [0x1f, 0x8b];

/// First bytes of Zstandard.
pub(super) const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// First bytes of a zip file.
pub(super) const ZIP: [u8; 4] = *b"PK\x03\x04";

/// What a page is packed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wrap {
    /// Nothing.
    Plain,
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
    /// A zip file, of which the member of this name is the page.
    Zip(String, Vec<Part>),
}

/// A member of a zip file: its name and what it holds.
pub(super) type Part = (String, Vec<u8>);

/// Whether a zip file is a page of its own or only packs one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Zips<'e> {
    /// It packs the page, in the member of this name or in the only one.
    Pack(Option<&'e str>),
    /// It is the page: a workbook.
    Are,
}

/// The content of a page and what it was packed in.
pub(super) fn unpacked(page: &Bytes, zips: Zips<'_>) -> std::io::Result<(Wrap, Bytes)> {
    if page.starts_with(&GZIP) {
        return Ok((Wrap::Gzip, all_of(MultiGzDecoder::new(page.as_ref()))?));
    }
    if page.starts_with(&ZSTD) {
        let decoder = zstd::stream::read::Decoder::new(page.as_ref())?;
        return Ok((Wrap::Zstd, all_of(decoder)?));
    }
    if let (true, Zips::Pack(entry)) = (page.starts_with(&ZIP), zips) {
        let parts = parts(page)?;
        let is_meant = |(name, _): &&Part| match entry {
            Some(entry) => name == entry,
            None => !name.ends_with('/'),
        };
        if let Some((name, content)) = parts.iter().find(is_meant).cloned() {
            return Ok((Wrap::Zip(name, parts), Bytes::from(content)));
        }
    }
    Ok((Wrap::Plain, page.clone()))
}

/// The content packed again.
pub(super) fn packed(content: Vec<u8>, wrap: &Wrap) -> Result<Vec<u8>, Error> {
    let failed = |source| Error::Pack { source };
    match wrap {
        Wrap::Plain => Ok(content),
        Wrap::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(&content).map_err(failed)?;
            encoder.finish().map_err(failed)
        }
        Wrap::Zstd => zstd::encode_all(content.as_slice(), 3).map_err(failed),
        Wrap::Zip(name, parts) => {
            let mut parts = parts.clone();
            let part = parts.iter_mut().find(|(known, _)| known == name);
            if let Some((_, before)) = part {
                *before = content;
            }
            zipped(&parts)
        }
    }
}

/// All members of a zip file.
pub(super) fn parts(bytes: &Bytes) -> std::io::Result<Vec<Part>> {
    let mut archive = ZipArchive::new(Cursor::new(bytes.as_ref()))?;
    let mut parts = Vec::new();
    for place in 0..archive.len() {
        let member = archive.by_index(place)?;
        let name = member.name()?.into_owned();
        parts.push((name, all_of(member)?.to_vec()));
    }
    Ok(parts)
}

/// The members as a zip file; the first one of an `OpenDocument` file is stored as it is.
pub(super) fn zipped(parts: &[Part]) -> Result<Vec<u8>, Error> {
    let failed = |source| Error::Pack { source };
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in parts {
        let method = match name.as_str() {
            "mimetype" => CompressionMethod::Stored,
            _ => CompressionMethod::Deflated,
        };
        let options = SimpleFileOptions::default()
            .compression_method(method)
            .last_modified_time(DateTime::default());
        if name.ends_with('/') {
            zip.add_directory(name.as_str(), options)
                .map_err(|error| failed(error.into()))?;
            continue;
        }
        zip.start_file(name.as_str(), options)
            .map_err(|error| failed(error.into()))?;
        zip.write_all(content).map_err(failed)?;
    }
    let done = zip.finish().map_err(|error| failed(error.into()))?;
    Ok(done.into_inner())
}

/// Everything a reader gives, within the limit.
pub(super) fn all_of(reader: impl Read) -> std::io::Result<Bytes> {
    let mut all = Vec::new();
    let n_bytes = reader.take(MAX_BYTES + 1).read_to_end(&mut all)?;
    if n_bytes as u64 > MAX_BYTES {
        return Err(std::io::ErrorKind::FileTooLarge.into());
    }
    Ok(Bytes::from(all))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_comes_out_and_goes_in_again() {
        for wrap in [
            Wrap::Plain,
            Wrap::Gzip,
            Wrap::Zstd,
            Wrap::Zip(
                "b.csv".to_owned(),
                vec![
                    ("a.txt".to_owned(), b"x".to_vec()),
                    ("b.csv".to_owned(), b"a;b\n1;2\n".to_vec()),
                ],
            ),
        ] {
            let page = Bytes::from(packed(b"a;b\n1;2\n".to_vec(), &wrap).unwrap());
            let (found, content) = unpacked(&page, Zips::Pack(Some("b.csv"))).unwrap();
            assert_eq!((found, content.as_ref()), (wrap, &b"a;b\n1;2\n"[..]));
        }
    }
}
