//! The commons itself, as declared in `antenne.toml`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::secret::SecretRef;
use super::text::Bilingual;

/// `antenne.toml`: who publishes, where the lake is, which secrets are needed.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Who answers for the release.
    pub publisher: Publisher,
    /// Where the tables lie.
    #[serde(default)]
    pub lake: LakeSettings,
    /// Where releases go.
    #[serde(default)]
    pub publish: PublishSettings,
    /// References to secrets, never the secrets.
    pub secrets: SecretSettings,
    /// Reference tables.
    #[serde(default)]
    pub reference: ReferenceSettings,
    /// Limits of queries.
    #[serde(default)]
    pub engine: EngineSettings,
    /// Limits of reading pages.
    #[serde(default)]
    pub intake: IntakeSettings,
}

/// Who answers for the release.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Publisher {
    /// Name of the body.
    pub name: String,
    /// E-mail or page to write to.
    pub contact: String,
    /// Home page of the body.
    pub url: String,
}

/// Where the tables lie.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LakeSettings {
    /// Folder below the commons directory, or a URL of an object store.
    pub url: String,
    /// Options of the object store by name, for example `region` or `endpoint`.
    pub options: BTreeMap<String, String>,
    /// Options of the object store that are secrets, each by its reference.
    pub secrets: BTreeMap<String, SecretRef>,
}

impl Default for LakeSettings {
    fn default() -> Self {
        Self {
            url: "lake".to_owned(),
            options: BTreeMap::new(),
            secrets: BTreeMap::new(),
        }
    }
}

/// Where releases go.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PublishSettings {
    /// Folder below the commons directory.
    pub folder: String,
    /// Address under which the folder will be reachable; printed in the metadata.
    pub base_url: String,
    /// Set where the records are invented: every page then says so.
    pub invented: Option<Bilingual>,
}

impl Default for PublishSettings {
    fn default() -> Self {
        Self {
            folder: "releases".to_owned(),
            base_url: "https://dati.example.org/antenne".to_owned(),
            invented: None,
        }
    }
}

/// References to secrets.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretSettings {
    /// Key of the pseudonyms: `env:NAME` or `file:PATH`, 64 hexadecimal digits.
    pub pseudonym_key: String,
    /// Epoch of person keys; `antenne key rotate` begins a new one.
    #[serde(default = "first_epoch")]
    pub epoch: u32,
    /// Keys of persons by epoch: `env:NAME` or `file:PATH`, 64 hexadecimal digits. An epoch
    /// without a key of its own has its persons under `pseudonym_key`.
    #[serde(default)]
    pub person_keys: BTreeMap<String, SecretRef>,
}

/// First key epoch.
fn first_epoch() -> u32 {
    1
}

/// Where reference tables are.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReferenceSettings {
    /// Folder with `tables.toml` and its CSV files.
    pub folder: String,
}

impl Default for ReferenceSettings {
    fn default() -> Self {
        Self {
            folder: "reference".to_owned(),
        }
    }
}

/// Limits of queries.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EngineSettings {
    /// Memory that queries may hold before they spill, in MiB.
    pub memory_mib: u64,
    /// Threads of a query.
    pub threads: u16,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            memory_mib: 1024,
            threads: 2,
        }
    }
}

/// Limits of reading pages.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IntakeSettings {
    /// Memory that read rows may hold before they spill to temporary files, in MiB.
    pub memory_mib: u64,
    /// Threads that read, judge and write rows.
    pub threads: u16,
}

impl Default for IntakeSettings {
    fn default() -> Self {
        Self {
            memory_mib: 1024,
            threads: 2,
        }
    }
}
