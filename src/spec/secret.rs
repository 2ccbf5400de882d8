//! References to secrets, and secrets that cannot be shown.
//!
//! A declaration names where a secret is, `env:NAME` or `file:PATH`, and never holds it. The
//! command resolves the references once; what it found travels as [`Secret`], which prints as
//! `[secret]` wherever it ends up.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use super::commons::Commons;
use super::mask::Mask;

/// What is said of a secret that is written down.
const REFUSED: &str = "a secret is named by `env:NAME` or `file:PATH`, never written down";

/// Whether a message is about a secret that is written down, so that its text must not be shown.
pub(super) fn is_about_secret(message: &str) -> bool {
    message.contains("written down")
}

/// Where a secret is: `env:NAME` or `file:PATH`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct SecretRef(String);

impl SecretRef {
    /// The reference as declared.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for SecretRef {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let place = text
            .strip_prefix("env:")
            .or_else(|| text.strip_prefix("file:"));
        match place {
            Some(place) if !place.is_empty() => Ok(Self(text)),
            // The text itself is not repeated: it may be the secret.
            _ => Err(REFUSED.to_owned()),
        }
    }
}

impl JsonSchema for SecretRef {
    fn schema_name() -> Cow<'static, str> {
        "SecretRef".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^(env|file):.+",
            "description": "Where a secret is: `env:NAME` or `file:PATH`."
        })
    }
}

/// A secret; it cannot be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps a secret, without the line end that files have.
    pub fn new(text: &str) -> Self {
        Self(text.trim_end_matches(['\r', '\n']).to_owned())
    }

    /// The secret itself, for whoever must hand it to a server.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[secret]")
    }
}

/// Secrets by their reference, resolved once by the command.
#[derive(Debug, Clone, Default)]
pub struct Secrets(BTreeMap<SecretRef, Secret>);

impl Secrets {
    /// Adds a secret.
    pub fn insert(&mut self, reference: SecretRef, secret: Secret) {
        self.0.insert(reference, secret);
    }

    /// The secret of a reference, if it was resolved.
    pub(crate) fn get(&self, reference: &SecretRef) -> Option<&Secret> {
        self.0.get(reference)
    }

    /// The text with every secret in it replaced by stars.
    ///
    /// No message is made with a secret in it; this is for those that others make, such as a
    /// library about an address that was signed.
    pub(crate) fn hidden_in(&self, text: &str) -> String {
        let masks = self
            .0
            .values()
            .filter_map(|secret| Mask::of(secret.reveal()));
        masks.fold(text.to_owned(), |text, mask| mask.hide(&text))
    }
}

impl Commons {
    /// Every secret that the pipelines and the lake need.
    pub fn secrets(&self) -> Vec<&SecretRef> {
        let tables = self
            .sources
            .values()
            .flat_map(|source| source.spec.tables.values());
        let named = tables.flat_map(|table| table.fetch.secrets());
        let servers = self
            .sources
            .values()
            .flat_map(|source| source.spec.server.secrets());
        let named = named.chain(servers);
        let persons = self.settings.secrets.person_keys.values();
        let lake = self.settings.lake.secrets.values();
        named.chain(lake).chain(persons).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_written_down_is_refused_and_not_repeated() {
        let error = SecretRef::try_from("hunter2".to_owned()).unwrap_err();
        assert!(!error.contains("hunter2"));
        assert!(SecretRef::try_from("env:".to_owned()).is_err());
        assert!(SecretRef::try_from("env:TOKEN".to_owned()).is_ok());
    }

    #[test]
    fn a_secret_does_not_print() {
        let mut secrets = Secrets::default();
        let token = SecretRef::try_from("env:TOKEN".to_owned()).unwrap();
        secrets.insert(token.clone(), Secret::new("hunter2\n"));
        assert!(!format!("{secrets:?}").contains("hunter2"));
        assert_eq!(secrets.get(&token).unwrap().reveal(), "hunter2");
        assert_eq!(secrets.hidden_in("a hunter2 b"), "a *** b");
    }
}
