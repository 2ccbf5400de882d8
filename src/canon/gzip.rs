//! Pages that a platform hands over compressed with gzip (RFC 1952): kept as they came, inflated
//! only to be counted and read.

use std::io::{self, Read};

use bytes::Bytes;
use flate2::read::MultiGzDecoder;

/// The first two bytes of every gzip member.
const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// The page as its format wants it: inflated if it is gzip, else the same bytes.
pub(crate) fn plain(page: &Bytes) -> io::Result<Bytes> {
    if !page.starts_with(&MAGIC) {
        return Ok(page.clone());
    }
    let mut inflated = Vec::with_capacity(page.len() * 8);
    MultiGzDecoder::new(page.as_ref()).read_to_end(&mut inflated)?;
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
    fn a_cut_gzip_page_is_an_error() {
        let whole = deflated("one and two and three");
        assert!(plain(&Bytes::copy_from_slice(&whole[..whole.len() - 6])).is_err());
    }
}
