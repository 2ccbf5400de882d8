//! Pages that a platform hands over compressed with gzip (RFC 1952): kept as they came, inflated
//! only to be counted and read.

use std::io::{self, Read};

use bytes::Bytes;
use flate2::read::MultiGzDecoder;

/// The first two bytes of every gzip member.
const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// The largest page that is inflated: a small file may unfold into one that fills the memory.
const MAX_BYTES: u64 = 4 << 30;

/// The page as its format wants it: inflated if it is gzip, else the same bytes.
pub(crate) fn plain(page: &Bytes) -> io::Result<Bytes> {
    inflated(page, MAX_BYTES)
}

/// The page inflated to at most so many bytes.
fn inflated(page: &Bytes, max_bytes: u64) -> io::Result<Bytes> {
    if !page.starts_with(&MAGIC) {
        return Ok(page.clone());
    }
    let mut inflated = Vec::with_capacity(page.len() * 8);
    let mut decoder = MultiGzDecoder::new(page.as_ref()).take(max_bytes + 1);
    let n_bytes = decoder.read_to_end(&mut inflated)?;
    if n_bytes as u64 > max_bytes {
        let message = format!("the page unfolds into more than {max_bytes} bytes; split it");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(Bytes::from(inflated))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    /// Some text as gzip.
    fn deflated(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_plain_page_stays_as_it_is() {
        assert_eq!(plain(&Bytes::from_static(b"{}")).unwrap(), "{}");
    }

    #[test]
    fn a_gzip_page_of_two_members_is_read_whole() {
        let both = [deflated("one,"), deflated("two")].concat();
        assert_eq!(plain(&Bytes::from(both)).unwrap(), "one,two");
    }

    #[test]
    fn a_page_that_unfolds_too_far_is_an_error() {
        let page = Bytes::from(deflated(&"0".repeat(10_000)));
        assert_eq!(inflated(&page, 10_000).unwrap().len(), 10_000);
        assert!(inflated(&page, 9_999).is_err());
    }

    #[test]
    fn a_cut_gzip_page_is_an_error() {
        let whole = deflated("one and two and three");
        assert!(plain(&Bytes::copy_from_slice(&whole[..whole.len() - 6])).is_err());
    }
}
