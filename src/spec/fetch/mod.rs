//! Where the pages of a table are: one variant per transport.

mod files;
mod rest;
mod rest_check;
mod span;

use schemars::JsonSchema;
use serde::Deserialize;

use super::secret::SecretRef;
use super::source::TableSpec;
use super::source_check::{Finding, finding};

pub use files::Files;
pub(crate) use files::check_options;
pub use rest::{
    ApiKey, Auth, Basic, Bearer, ByCursor, ByNumber, ByOffset, ClientIn, Limits, LinkIn,
    Oauth2, Paging, Rest, Since, Total, Verify,
};
pub use span::Span;

/// Where the pages of a table are.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Fetch {
    /// Files in a folder or an object store.
    Files(Files),
    /// A service that answers with pages over HTTP.
    Rest(Box<Rest>),
}

impl Fetch {
    /// Every secret that is needed.
    pub(crate) fn secrets(&self) -> Vec<&SecretRef> {
        match self {
            Self::Files(files) => files.secrets.values().collect(),
            Self::Rest(rest) => rest.secrets(),
        }
    }

    /// Whether a part of the table can be asked for.
    pub(crate) fn has_windows(&self) -> bool {
        match self {
            Self::Files(_) => false,
            Self::Rest(rest) => rest.since.is_some(),
        }
    }

    /// What makes no sense in the declaration of a table that is fetched so.
    pub(crate) fn check(&self, table: &TableSpec) -> Vec<Finding> {
        let mut findings = match self {
            Self::Files(files) => files.check(),
            Self::Rest(rest) => rest.check(&table.format),
        };
        if self.has_windows() && table.key.is_empty() {
            let message = "`since` reads records again, and the table has no key to know them by";
            let help = "name the columns that identify a record in `key`";
            findings.push(finding("since", message.to_owned(), help));
        }
        findings
    }
}
