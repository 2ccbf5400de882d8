//! What every transport does: one page after the other, then what became of the cursor.
//!
//! A transport knows its protocol and nothing of the lake. It is made from what is declared and
//! what is known of the table, gives pages until there are none, and says at the end how far the
//! cursor may move. The cursor moves in the commit that makes the pages visible, never before.
//!
//! Addresses decide which page replaces which: a page replaces the one with the same address.
//! Among pages of a table the order of addresses is the order of time, so that of two equal
//! revisions the one in the later address wins; a transport pads its numbers and writes its times
//! in ISO 8601.

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

use super::Error;

/// One page as it arrives.
pub(super) struct Arrived {
    /// Address among the pages of the table, without secrets.
    pub(super) address: String,
    /// What tells an unchanged page, such as its size and entity tag; empty where nothing does.
    pub(super) tag: String,
    /// What it holds.
    pub(super) body: Body,
    /// Records, as the server counts them.
    pub(super) claim: Option<Claim>,
}

/// What a page holds.
pub(super) enum Body {
    /// The same as when it was last fetched.
    Unchanged,
    /// All of it.
    Whole(Bytes),
    /// One piece after the other.
    Pieces(BoxStream<'static, Result<Bytes, Error>>),
}

/// A count that the server gives, independent of what is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    /// Records of this page.
    Page(u64),
    /// Records of all pages that this fetch gives.
    Table(u64),
}

/// The part of a table to fetch, half open: from the first instant, up to and without the second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Window {
    /// First value of the watermark.
    pub(super) from: Option<String>,
    /// First value that is no longer meant.
    pub(super) to: Option<String>,
}

/// What became of the pages that were known before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Earlier {
    /// They stay current unless their address came again.
    Stay,
    /// What was fetched is the whole table: those whose address did not come are gone.
    Leave,
}

/// How a fetch ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ended {
    /// Where the next fetch begins; `None` leaves the cursor where it is.
    pub(super) cursor: Option<String>,
    /// What became of earlier pages.
    pub(super) earlier: Earlier,
}

/// A way to fetch the pages of one table.
#[async_trait]
pub(super) trait Transport: Send {
    /// The next page, or `None` after the last one.
    async fn next(&mut self) -> Result<Option<Arrived>, Error>;

    /// How the fetch ended; asked once, after the last page.
    fn end(&mut self) -> Ended;
}
