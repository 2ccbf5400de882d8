//! A text in the two languages readers use.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The same sentence in Italian and in English.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bilingual {
    /// Italian, shown first.
    pub it: String,
    /// English.
    pub en: String,
}
