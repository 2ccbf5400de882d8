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

//!
//! A transport repeats what is its own to repeat, such as one request. What it cannot repeat it
//! answers as an error, and [`Error::remedy`] says how much of the fetch is begun anew: the page
//! ([`Transport::again`]), the table (a new transport), all tables of the source (new transports
//! and a new [`Shared`]), or nothing.

mod arrow_page;
pub(super) mod files;
pub(super) mod http;
pub(super) mod postgres;
mod reading;
pub(super) mod rest;
pub(super) mod sftp;
mod shared;
pub(super) mod sqlite;

use std::path::Path;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::stream::BoxStream;

use super::Error;
pub(super) use super::count::Claim;
use crate::lake::pages::Page;
use crate::spec::fetch::{Fetch, Servers};
use crate::spec::secret::{Secret, SecretRef, Secrets};
use crate::spec::source::TableSpec;
pub(super) use files::{LocalFile, Opened};
pub(super) use shared::Shared;

/// What a transport is made from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request<'a> {
    /// Platform.
    pub(super) platform: &'a str,
    /// Table of the platform.
    pub(super) table: &'a str,
    /// What is declared of the table.
    pub(super) spec: &'a TableSpec,
    /// The servers that are declared of the platform.
    pub(super) servers: &'a Servers,
    /// Folder of the commons, for addresses without a scheme.
    pub(super) root: &'a Path,
    /// Secrets of the run.
    pub(super) secrets: &'a Secrets,
    /// Current pages of the table, in the order of their addresses.
    pub(super) known: &'a [Page],
    /// Where the last fetch said that the next one begins.
    pub(super) cursor: Option<&'a str>,
    /// The window asked for by a backfill; the cursor then counts for nothing and does not move.
    pub(super) window: Option<&'a Window>,
    /// Number of the run.
    pub(super) run: u64,
    /// Number of the part of the table, if this fetch brings one.
    pub(super) part: u64,
    /// When the run started. A cursor never comes from it: clocks jump.
    pub(super) started_at: DateTime<Utc>,
}

impl Request<'_> {
    /// A secret by its reference.
    ///
    /// # Errors
    /// [`Error::Secret`] when the command could not read it.
    pub(super) fn secret(&self, reference: &SecretRef) -> Result<Secret, Error> {
        self.secrets
            .get(reference)
            .cloned()
            .ok_or_else(|| Error::Secret {
                reference: reference.as_str().to_owned(),
            })
    }
}

/// Address of a page of a part of a table: those of later parts sort after those of earlier ones,
/// and all of them after the pages of the whole table, `…#page=…`.
pub(super) fn part_address(address: &str, part: u64, ordinal: u64) -> String {
    format!("{address}#part={part:08}&page={ordinal:06}")
}

/// The transport that the table declares.
///
/// # Errors
/// When the declaration cannot be used, a secret is missing or the server cannot be reached.
pub(super) async fn open(
    request: &Request<'_>,
    shared: &mut Shared,
) -> Result<Box<dyn Transport>, Error> {
    match &request.spec.fetch {
        Fetch::Files(files) => files::open(request, files).await,
        Fetch::Rest(rest) => rest::open(request, rest),
        Fetch::Postgres(postgres) => shared.postgres(request, postgres),
        Fetch::Sqlite(sqlite) => Ok(shared.sqlite(request, sqlite)),
        Fetch::Sftp(sftp) => shared.sftp(request, sftp),
    }
}

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
    /// A file of this machine.
    Opened(Opened),
    /// One piece after the other.
    Pieces(Pieces),
}

/// The pieces of a page as they come.
pub(super) type Pieces = BoxStream<'static, Result<Bytes, Error>>;

/// The part of a table to fetch, half open: from the first value, up to and without the second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// First value of the watermark.
    pub from: String,
    /// First value that is no longer meant.
    pub to: String,
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
    /// The part of the table that was fetched, where it was not the whole: the first value, if
    /// there is one, and the value before which it ends, if that is known.
    pub(super) part: Option<(Option<String>, Option<String>)>,
}

/// A way to fetch the pages of one table.
#[async_trait]
pub(super) trait Transport: Send {
    /// The next page, or `None` after the last one.
    async fn next(&mut self) -> Result<Option<Arrived>, Error>;

    /// Bytes of all pages together, where that is known before they come.
    fn n_bytes(&self) -> Option<u64> {
        None
    }

    /// The page given last, once more, after its pieces broke off; `None` where the transport
    /// cannot give a page twice, and the table is begun anew.
    async fn again(&mut self) -> Result<Option<Arrived>, Error> {
        Ok(None)
    }

    /// How the fetch ended; asked once, after the last page.
    fn end(&mut self) -> Ended;
}
