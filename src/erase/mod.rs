//! Takes a person out of everything the lake holds, and shows that nothing is left.
//!
//! The journey brings records in; this goes the other way, and so it stands above the stages: it
//! knows their formats and cleans up after all of them.
//!
//! ```text
//! request ─→ sealed in the lake ─→ pages written anew ─→ tables rebuilt ─→ old files deleted
//!                  │                                                             │
//!                  └── a run that was cut off is completed by the next ──────────┤
//!                                                  receipt ←── nothing left ←── every byte read
//! ```
//!
//! What remains is a list of keyed hashes by which a person is recognized when the platform sends
//! the id again, and receipts that name nobody.

use crate::lake;

mod decoded;
pub(crate) mod forms;
mod packed;
pub(crate) mod proof;
pub(crate) mod request;
pub(crate) mod retain;
mod rewrite;
pub(crate) mod subjects;
pub(crate) mod sweep;
mod words;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The lake failed.
    #[error("the lake failed while erasing")]
    Lake(#[source] lake::Error),
    /// A page cannot be taken apart; it is then searched as mere bytes.
    #[error("the page {what}")]
    Unreadable {
        /// What is wrong with it.
        what: &'static str,
    },
    /// A page that would not be what it was without the person.
    #[error(
        "the rewritten page cannot be trusted: {what}. The page stays as it was; take the person out of the file by hand and acquire it again"
    )]
    Untrusted {
        /// What is wrong with it.
        what: &'static str,
    },
    /// Writing a page without the person would change what it says of others.
    #[error(
        "the page would say something else of others: {what}; it stays as it is. Correct the page at its platform and fetch it again"
    )]
    Changed {
        /// What would change.
        what: &'static str,
    },
    /// A page cannot be packed again.
    #[error("a page cannot be packed again")]
    Pack {
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A Parquet page cannot be written again.
    #[error("a Parquet page cannot be written again")]
    Parquet {
        /// Why not.
        #[source]
        source: parquet::errors::ParquetError,
    },
    /// Rows cannot be put together again.
    #[error("rows of a page cannot be put together again")]
    Arrow {
        /// Why not.
        #[source]
        source: arrow::error::ArrowError,
    },
    /// A page cannot be rewritten.
    #[error("page `{url}` of `{platform}.{table}` cannot be written without the person")]
    Page {
        /// Platform.
        platform: String,
        /// Table.
        table: String,
        /// Address.
        url: String,
        /// Why not.
        #[source]
        source: Box<Error>,
    },
    /// The request names more persons than one search holds.
    #[error(
        "the request names too many persons at once; divide the file into parts of a few thousand"
    )]
    TooMany,
    /// The platform has several kinds of persons.
    #[error("`{platform}` has several kinds of persons ({}); say which one the ids are of with `--namespace`", namespaces.join(", "))]
    Ambiguous {
        /// Platform.
        platform: String,
        /// Their namespaces.
        namespaces: Vec<String>,
    },
    /// Nobody is named.
    #[error("the request names nobody; write one id or key per line")]
    Nobody,
    /// The platform is not declared.
    #[error("there is no platform `{platform}` in `pipelines/sources/`")]
    Platform {
        /// Platform.
        platform: String,
    },
    /// An open request cannot be read.
    #[error("`{path}` in the lake cannot be read with this key; use the key it was written with")]
    Sealed {
        /// The object.
        path: String,
    },
    /// A file of the lake is not what it should be.
    #[error("`{path}` in the lake is damaged")]
    Damaged {
        /// The object.
        path: String,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// Something is left.
    #[error("the person can still be found in {} file(s) of the lake: {}; no receipt was written. Take it out there or drop the file, then run `antenne erase --resume`", places.len(), shown(places))]
    Left {
        /// Files, relative to the lake.
        places: Vec<String>,
    },
}

/// The first few of a list.
fn shown(places: &[String]) -> String {
    let first: Vec<&str> = places.iter().take(5).map(String::as_str).collect();
    first.join(", ")
}

impl Error {
    /// The page cannot be taken apart.
    fn unreadable(what: &'static str) -> Self {
        Self::Unreadable { what }
    }

    /// The rewritten page is not what it should be.
    fn untrusted(what: &'static str) -> Self {
        Self::Untrusted { what }
    }

    /// Whether the request itself is wrong.
    pub fn is_request(&self) -> bool {
        matches!(
            self,
            Self::Nobody | Self::Platform { .. } | Self::Ambiguous { .. } | Self::TooMany
        )
    }
}

impl From<lake::Error> for Error {
    fn from(source: lake::Error) -> Self {
        Self::Lake(source)
    }
}
