//! Where the pages of a table are: one variant per transport.

use schemars::JsonSchema;
use serde::Deserialize;

/// Where the pages of a table are.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Fetch {
    /// Files in a folder or an object store.
    Files(Files),
}

/// Files of a folder or an object store.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Files {
    /// Path below the commons directory, or a URL; `*` stands for any part of the last segment.
    pub url: String,
}
