//! One reading of a table of a database: which rows it takes, and the addresses of its pages.
//!
//! ```text
//! public.richieste#page=000001                the whole table, first page
//! public.richieste#part=00000007&page=000001   a part of it: from a value of the watermark on
//! ```
//!
//! Rows are taken from the value where the last reading ended, that value included: rows that were
//! written in the same instant and became visible later are not lost, and those that come again
//! are duplicates by their key. There is no upper end but that of the snapshot.

use bytes::Bytes;

use super::{Arrived, Body, Claim, Earlier, Ended, part_address};

/// Bytes of values at which a page ends, whatever its rows.
pub(super) const PAGE_BYTES: usize = 64 << 20;

/// Which rows a reading takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part<V> {
    /// First value of the watermark.
    pub(super) from: Option<V>,
    /// First value that is no longer meant.
    pub(super) to: Option<V>,
}

impl<V> Part<V> {
    /// All rows.
    pub(super) fn whole() -> Self {
        Self {
            from: None,
            to: None,
        }
    }

    /// The same part in other words.
    pub(super) fn map<W>(&self, word: impl Fn(&V) -> W) -> Part<W> {
        Part {
            from: self.from.as_ref().map(&word),
            to: self.to.as_ref().map(&word),
        }
    }
}

/// Where the pages of a reading lie.
#[derive(Debug, Clone)]
pub(super) struct Addresses {
    /// Address without the number of the page.
    base: String,
    /// Number of the part of the table.
    part: u64,
}

impl Addresses {
    /// Addresses of the table `shown`.
    pub(super) fn new(shown: String, part: u64) -> Self {
        Self { base: shown, part }
    }

    /// Address of a page, by what becomes of earlier ones.
    fn of(&self, earlier: Earlier, number: u64) -> String {
        match earlier {
            Earlier::Leave => format!("{}#page={number:06}", self.base),
            Earlier::Stay => part_address(&self.base, self.part, number),
        }
    }
}

/// The pages of one reading, numbered.
#[derive(Debug)]
pub(super) struct Numbered {
    /// Where they lie.
    addresses: Addresses,
    /// Which rows are taken.
    part: Part<String>,
    /// Pages given.
    n_pages: u64,
    /// Records of all pages, as the server counts them.
    n_records: u64,
}

impl Numbered {
    /// The pages of a reading.
    pub(super) fn new(addresses: Addresses, part: Part<String>, n_records: u64) -> Self {
        Self {
            addresses,
            part,
            n_pages: 0,
            n_records,
        }
    }

    /// Whether a page without rows is given: the only page of a whole table.
    pub(super) fn has_empty(&self) -> bool {
        self.n_pages == 0 && self.earlier() == Earlier::Leave
    }

    /// The next page.
    pub(super) fn page(&mut self, content: Bytes, tag: String) -> Arrived {
        self.n_pages += 1;
        Arrived {
            address: self.addresses.of(self.earlier(), self.n_pages),
            tag,
            body: Body::Whole(content),
            claim: Some(Claim::Table(self.n_records)),
        }
    }

    /// What becomes of earlier pages: those of a whole table take the place of all.
    fn earlier(&self) -> Earlier {
        match (&self.part.from, &self.part.to) {
            (None, None) => Earlier::Leave,
            _ => Earlier::Stay,
        }
    }

    /// How the reading ended.
    pub(super) fn end(&self, cursor: Option<String>) -> Ended {
        let earlier = self.earlier();
        let part =
            (earlier == Earlier::Stay).then(|| (self.part.from.clone(), self.part.to.clone()));
        Ended {
            cursor,
            earlier,
            part,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first page of a part, and how its reading ends.
    fn first(from: Option<&str>, to: Option<&str>) -> (Arrived, Ended) {
        let addresses = Addresses::new("t".to_owned(), 3);
        let part = Part { from, to }.map(|value| (*value).to_owned());
        let mut pages = Numbered::new(addresses, part, 7);
        (pages.page(Bytes::new(), String::new()), pages.end(None))
    }

    #[test]
    fn a_whole_table_takes_the_place_of_all_its_pages() {
        let (page, ended) = first(None, None);
        assert_eq!(page.address, "t#page=000001");
        assert_eq!(page.claim, Some(Claim::Table(7)));
        assert_eq!((ended.earlier, ended.part), (Earlier::Leave, None));
    }

    #[test]
    fn a_window_stays_beside_the_earlier_pages() {
        let (page, ended) = first(Some("5"), None);
        assert_eq!(page.address, "t#part=00000003&page=000001");
        assert_eq!(ended.earlier, Earlier::Stay);
        assert_eq!(ended.part, Some((Some("5".to_owned()), None)));
    }
}
