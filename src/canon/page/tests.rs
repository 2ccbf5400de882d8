//! Pages in every envelope and encoding, whole, cut and damaged.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;
use zip::write::SimpleFileOptions;

use super::*;

/// Text that is the same in no two encodings.
const TEXT: &str = "id;comune\n1;Muggiò\n";

/// A page of text in an envelope.
fn wrapping(content: Content<'_>) -> Wrapping<'_> {
    Wrapping {
        entry: None,
        archive: Archive::Envelope,
        content,
    }
}

/// The bytes that a format would read.
fn read(page: &[u8], wrapping: Wrapping<'_>) -> Result<Vec<u8>, String> {
    let opened = open(Box::new(Cursor::new(page.to_vec())), wrapping);
    let mut opened = opened.map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    let read = opened.bytes.read_to_end(&mut bytes);
    read.map(|_| bytes).map_err(|error| error.to_string())
}

/// Bytes as gzip.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Bytes as zstd.
fn zstd_frame(bytes: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(bytes, 3).unwrap()
}

/// Files as zip.
fn zip_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        archive
            .start_file(*name, SimpleFileOptions::default())
            .unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// Text as UTF-16 in the given byte order.
fn utf16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(order).collect()
}

#[test]
fn every_envelope_is_known_by_its_first_bytes() {
    let text = TEXT.as_bytes();
    for page in [
        text.to_vec(),
        gzip(text),
        zstd_frame(text),
        zip_of(&[("dati.csv", text)]),
    ] {
        let inside = read(&page, wrapping(Content::Binary)).unwrap();
        assert_eq!(inside, text);
    }
}

#[test]
fn several_members_and_frames_are_one_page() {
    let both = [gzip(b"one,"), gzip(b"two")].concat();
    assert_eq!(read(&both, wrapping(Content::Binary)).unwrap(), b"one,two");
    let both = [zstd_frame(b"one,"), zstd_frame(b"two")].concat();
    assert_eq!(read(&both, wrapping(Content::Binary)).unwrap(), b"one,two");
}

#[test]
fn a_page_cut_anywhere_is_an_error_or_shows_as_no_envelope_at_all() {
    let text = TEXT.repeat(20);
    for page in [
        gzip(text.as_bytes()),
        zstd_frame(text.as_bytes()),
        zip_of(&[("dati.csv", text.as_bytes())]),
    ] {
        for length in 4..page.len() {
            let cut = page.get(..length).unwrap();
            assert!(
                read(cut, wrapping(Content::Binary)).is_err(),
                "{length} of {}",
                page.len()
            );
        }
    }
}

#[test]
fn a_zip_archive_has_one_file_or_a_name_is_needed() {
    let two = zip_of(&[("a.csv", b"a"), ("b.csv", b"b"), ("__MACOSX/._a.csv", b"x")]);
    let error = read(&two, wrapping(Content::Binary)).unwrap_err();
    assert_eq!(
        error,
        "the zip archive holds 2 files (`a.csv`, `b.csv`); name one of them with `entry`"
    );
    let named = |entry| Wrapping {
        entry: Some(entry),
        ..wrapping(Content::Binary)
    };
    assert_eq!(read(&two, named("b.csv")).unwrap(), b"b");
    assert_eq!(
        read(&two, named("c.csv")).unwrap_err(),
        "the zip archive has no file `c.csv`, only `a.csv`, `b.csv`; correct `entry`"
    );
    assert_eq!(
        read(b"plain", named("c.csv")).unwrap_err(),
        "`entry` names the file `c.csv`, but the page is no zip archive; remove `entry`"
    );
    let workbook = Wrapping {
        archive: Archive::Page,
        ..wrapping(Content::Binary)
    };
    assert_eq!(read(&two, workbook).unwrap(), two);
}

#[test]
fn a_page_that_unfolds_too_far_is_an_error() {
    let page = gzip("0".repeat(10_000).as_bytes());
    let inflated = |max_bytes| {
        let mut bytes = Vec::new();
        inflate::capped(
            flate2::read::MultiGzDecoder::new(Cursor::new(page.clone())),
            max_bytes,
        )
        .read_to_end(&mut bytes)
        .map(|_| bytes.len())
    };
    assert_eq!(inflated(10_000).unwrap(), 10_000);
    assert!(inflated(9_999).is_err());
    assert!(read_whole(Cursor::new([0; 10]), 9).is_err());
}

#[test]
fn a_mark_tells_the_encoding_and_is_taken_off() {
    let with_mark = [b"\xef\xbb\xbf", TEXT.as_bytes()].concat();
    let little = [b"\xff\xfe".to_vec(), utf16(TEXT, u16::to_le_bytes)].concat();
    let big = [b"\xfe\xff".to_vec(), utf16(TEXT, u16::to_be_bytes)].concat();
    for page in [&with_mark, &little, &big] {
        for content in [Content::Unicode, Content::Detected] {
            assert_eq!(read(page, wrapping(content)).unwrap(), TEXT.as_bytes());
        }
    }
    let declared = wrapping(Content::Encoded("utf-16le"));
    assert_eq!(read(&little, declared).unwrap(), TEXT.as_bytes());
    assert_eq!(
        read(&big, declared).unwrap_err(),
        "the page begins with the mark of UTF-16BE, but `encoding` is `utf-16le`; set it to `UTF-16BE` or `detect`"
    );
}

#[test]
fn an_encoding_is_found_out_and_said() {
    let (latin, _, _) = encoding_rs::WINDOWS_1252.encode(TEXT);
    let wide = utf16(TEXT, u16::to_le_bytes);
    for (page, encoding) in [
        (TEXT.as_bytes(), "UTF-8"),
        (b"only;ascii\n", "UTF-8"),
        (latin.as_ref(), "windows-1252"),
        (wide.as_slice(), "UTF-16LE"),
    ] {
        let page: Bytestream = Box::new(Cursor::new(page.to_vec()));
        let mut opened = open(page, wrapping(Content::Detected)).unwrap();
        assert_eq!(opened.encoding, Some(encoding));
        let mut text = String::new();
        opened.bytes.read_to_string(&mut text).unwrap();
        assert!(text == TEXT || text == "only;ascii\n", "{encoding}");
    }
}

#[test]
fn text_in_a_declared_encoding_with_ascii_is_left_for_its_reader() {
    let page = b"1;Muggi\xf2\n";
    let declared = wrapping(Content::Encoded("windows-1252"));
    assert_eq!(read(page, declared).unwrap(), page);
    let unknown = wrapping(Content::Encoded("klingon"));
    assert!(read(page, unknown).unwrap_err().contains("klingon"));
}

#[test]
fn what_is_no_utf_16_becomes_no_utf_8() {
    // Half of a pair, then a letter, then half a unit.
    let page = b"\x3d\xd8a\x00b";
    let text = read(page, wrapping(Content::Encoded("utf-16le"))).unwrap();
    assert_eq!(text, b"\xffa\xff");
}

proptest! {
    #[test]
    fn text_in_any_envelope_and_encoding_comes_out_as_it_was(text in "\\PC{0,300}", kind in 0..4_usize) {
        let page = utf16(&text, u16::to_le_bytes);
        let page = match kind {
            0 => page,
            1 => gzip(&page),
            2 => zstd_frame(&page),
            _ => zip_of(&[("dati.csv", &page)]),
        };
        let read = read(&page, wrapping(Content::Encoded("utf-16le")));
        prop_assert_eq!(read.unwrap(), text.into_bytes());
    }

    #[test]
    fn no_bytes_make_opening_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), magic in 0..5_usize) {
        let heads: [&[u8]; 5] = [b"", b"\x1f\x8b\x08\x00", b"\x28\xb5\x2f\xfd", b"PK\x03\x04", b"\xff\xfe"];
        let page = [heads[magic], &bytes].concat();
        for content in [Content::Binary, Content::Unicode, Content::Detected, Content::Encoded("utf-16be")] {
            let _ = read(&page, wrapping(content));
        }
    }
}
