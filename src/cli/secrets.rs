//! Reads secrets by their references: the only place that opens them.

use std::path::Path;

use super::Error;
use crate::spec::commons::Commons;
use crate::spec::secret::{Secret, Secrets};

/// Every secret that the commons names, as far as it can be read: who only asks a query needs none
/// of a platform, and a platform whose secret is missing says so when it is fetched.
pub(super) fn read_all(root: &Path, commons: &Commons) -> Secrets {
    let mut secrets = Secrets::default();
    for reference in commons.secrets() {
        if let Ok(text) = read(root, reference.as_str()) {
            secrets.insert(reference.clone(), Secret::new(&text));
        }
    }
    secrets
}

/// Reads a secret by its reference, `env:NAME` or `file:PATH`.
#[expect(
    clippy::disallowed_methods,
    reason = "only the command line reads the environment"
)]
pub(super) fn read(root: &Path, reference: &str) -> Result<String, Error> {
    let unreadable = || Error::Secret {
        reference: reference.to_owned(),
    };
    if let Some(name) = reference.strip_prefix("env:") {
        return std::env::var(name).map_err(|_absent| unreadable());
    }
    let path = reference.strip_prefix("file:").ok_or_else(unreadable)?;
    std::fs::read_to_string(root.join(path)).map_err(|_unreadable| unreadable())
}
