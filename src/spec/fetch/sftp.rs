//! An SFTP server, and which of its files make a table.
//!
//! ```toml
//! [server.sftp]
//! host = "files.example.org"
//! user = "antenne"
//! host_key = "SHA256:4g8dFpZr1mOSxPnG2hNvUqk0nJXw1s7yTQeWc5bLMaE"
//! private_key = "file:/etc/antenne/id_ed25519"
//!
//! [tables.interventi]
//! fetch.sftp = { path = "/out/interventi-*.csv" }
//! ```

use std::borrow::Cow;
use std::num::NonZeroU32;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use super::Span;
use super::postgres::attempts;
use crate::spec::secret::SecretRef;

/// An SFTP server and how to log in.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SftpServer {
    /// Name or address of the server.
    pub host: String,
    /// Port.
    #[serde(default = "port")]
    pub port: u16,
    /// Account to log in as.
    pub user: String,
    /// The server's own key: its fingerprint `SHA256:…`, or the whole public key as in
    /// `known_hosts`. Without it no connection is made.
    pub host_key: Option<Pin>,
    /// Where the account's password is: `env:NAME` or `file:PATH`.
    pub password: Option<SecretRef>,
    /// Where the account's private key is: `env:NAME` or `file:PATH`.
    pub private_key: Option<SecretRef>,
    /// Where the passphrase of the private key is: `env:NAME` or `file:PATH`.
    pub passphrase: Option<SecretRef>,
    /// Time within which the server must answer to a request or send the next piece of a file.
    #[serde(default = "timeout")]
    pub timeout: Span,
    /// How often a connection or a file is tried.
    #[serde(default = "attempts")]
    pub attempts: NonZeroU32,
}

/// The key of a server that is known beforehand: a fingerprint, or the public key itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Pin(String);

/// Bytes of a SHA-256 in base 64 without padding.
const FINGERPRINT_CHARACTERS: usize = 43;

impl Pin {
    /// The key as declared.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The part that is a public key, without the name of a host before it.
    pub(crate) fn public_key(&self) -> Option<&str> {
        let starts = ["ssh-", "ecdsa-", "sk-"];
        let mut at = 0;
        for word in self.0.split_inclusive(' ') {
            if starts.iter().any(|start| word.starts_with(start)) {
                return self.0.get(at..);
            }
            at += word.len();
        }
        None
    }
}

impl TryFrom<String> for Pin {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let pin = Self(text.trim().to_owned());
        let is_key = pin
            .public_key()
            .is_some_and(|key| key.split(' ').count() > 1);
        let fingerprint = pin.0.strip_prefix("SHA256:");
        let is_fingerprint = fingerprint.is_some_and(|digits| {
            let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
            digits.len() == FINGERPRINT_CHARACTERS && digits.bytes().all(is_digit)
        });
        if is_key || is_fingerprint {
            return Ok(pin);
        }
        Err("a host key is pinned by its fingerprint, `SHA256:` and 43 characters, or by the whole public key as `ssh-keyscan` shows it".to_owned())
    }
}

impl JsonSchema for Pin {
    fn schema_name() -> Cow<'static, str> {
        "Pin".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^SHA256:[A-Za-z0-9+/]{43}$|(ssh|ecdsa|sk)-",
            "description": "The server's own key: its fingerprint `SHA256:…`, or the whole public key."
        })
    }
}

/// Files of an SFTP server.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SftpFiles {
    /// Path on the server; `*` stands for any part of the last segment.
    pub path: String,
}

/// Default port.
fn port() -> u16 {
    22
}

/// Default time for an answer.
fn timeout() -> Span {
    Span::seconds(30)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_a_fingerprint_or_a_key() {
        let pin = |text: &str| Pin::try_from(text.to_owned()).ok();
        let fingerprint = format!("SHA256:{}", "a".repeat(43));
        assert_eq!(pin(&fingerprint).unwrap().public_key(), None);
        let line = pin("[host]:22 ssh-ed25519 AAAAC3 note").unwrap();
        assert_eq!(line.public_key(), Some("ssh-ed25519 AAAAC3 note"));
        for wrong in ["", "SHA256:", "MD5:aa", "ssh-ed25519", "any"] {
            assert_eq!(pin(wrong), None, "{wrong}");
        }
    }
}
