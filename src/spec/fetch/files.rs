//! Files of a folder, an object store or a web server.

use std::collections::BTreeMap;

use object_store::ClientConfigKey;
use object_store::ObjectStoreScheme;
use object_store::aws::AmazonS3ConfigKey;
use object_store::azure::AzureConfigKey;
use object_store::gcp::GoogleConfigKey;
use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use crate::spec::secret::SecretRef;
use crate::spec::source_check::{Finding, finding};

/// Options of object stores that are secrets, and so never written down.
const SECRET_OPTIONS: [&str; 9] = [
    "secret",
    "session_token",
    "_token",
    "token",
    "account_key",
    "access_key",
    "sas_key",
    "password",
    "credential",
];

/// Options with such a word in their name that are no secrets.
const OPEN_OPTIONS: [&str; 5] = [
    "access_key_id",
    "token_url",
    "imdsv1_fallback",
    "federated_token_file",
    "disable_tagging",
];

/// Files of a folder, an object store or a web server.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Files {
    /// Path below the commons directory, or a URL (`s3://`, `gs://`, `az://`, `https://`); `*`
    /// stands for any part of the last segment.
    pub url: String,
    /// Options of the object store by name, for example `region` or `endpoint`.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
    /// Options of the object store that are secrets, each by its reference.
    #[serde(default)]
    pub secrets: BTreeMap<String, SecretRef>,
}

impl Files {
    /// What makes no sense in the declaration.
    pub(super) fn check(&self) -> Vec<Finding> {
        let mut findings = check_options(&self.url, &self.options, &self.secrets);
        let folder = self.url.rsplit_once('/').map_or("", |(folder, _)| folder);
        if folder.contains('*') {
            let message = format!("`{}` has a `*` before its last segment", self.url);
            let help = "`*` stands for a part of a file name; declare one table per folder";
            findings.push(finding(&self.url, message, help));
        }
        findings
    }
}

/// What makes no sense in an address of an object store and its options.
pub(crate) fn check_options(
    url: &str,
    options: &BTreeMap<String, String>,
    secrets: &BTreeMap<String, SecretRef>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !url.contains("://") {
        if let Some(name) = options.keys().chain(secrets.keys()).next() {
            let message = format!("`{name}` is given for `{url}`, which is a local path");
            findings.push(finding(name, message, "options belong to object stores"));
        }
        return findings;
    }
    let scheme = Url::parse(url).ok();
    let scheme = scheme.and_then(|url| ObjectStoreScheme::parse(&url).ok());
    let Some((scheme, _)) = scheme else {
        let message = format!("`{url}` is no address of an object store");
        let help = "use a path, `s3://`, `gs://`, `az://`, `http://` or `https://`";
        return vec![finding(url, message, help)];
    };
    for name in options.keys().chain(secrets.keys()) {
        if !is_option(&scheme, name) {
            let message = format!("`{name}` is no option of the store of `{url}`");
            let help = "correct its name; for S3 for example `region`, `endpoint`, `allow_http`";
            findings.push(finding(name, message, help));
        }
    }
    for name in options.keys().filter(|name| is_secret(name)) {
        let message = format!("the secret option `{name}` is written down");
        let help = "move it to `secrets`, as `env:NAME` or `file:PATH`";
        findings.push(finding(name, message, help));
    }
    findings
}

/// Whether the store knows the option.
fn is_option(scheme: &ObjectStoreScheme, name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let of_client = name.parse::<ClientConfigKey>().is_ok();
    match scheme {
        ObjectStoreScheme::AmazonS3 => name.parse::<AmazonS3ConfigKey>().is_ok(),
        ObjectStoreScheme::GoogleCloudStorage => name.parse::<GoogleConfigKey>().is_ok(),
        ObjectStoreScheme::MicrosoftAzure => name.parse::<AzureConfigKey>().is_ok(),
        _ => of_client,
    }
}

/// Whether an option is a secret by its name.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    has(&SECRET_OPTIONS) && !has(&OPEN_OPTIONS)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Messages about files written in TOML.
    fn messages(toml: &str) -> Vec<String> {
        let files: Files = toml::from_str(toml).unwrap();
        let found = files.check().into_iter();
        found.map(|finding| finding.message).collect()
    }

    #[test]
    fn options_are_those_of_the_store_and_secrets_are_not_written_down() {
        let sound = r#"
            url = "s3://bucket/x/*.csv"
            options = { region = "eu-south-1", endpoint = "http://127.0.0.1:9", allow_http = "true" }
            secrets = { access_key_id = "env:A", secret_access_key = "env:B" }
        "#;
        assert_eq!(messages(sound), [""; 0]);
        assert_eq!(messages("url = \"sample/*.csv\""), [""; 0]);
        let nonsense = r#"
            url = "s3://bucket/x/*.csv"
            options = { regionn = "eu-south-1", secret_access_key = "hunter2" }
        "#;
        let found = messages(nonsense);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(!format!("{found:?}").contains("hunter2"));
        assert_eq!(messages("url = \"ftp://x/y.csv\"").len(), 1);
        assert_eq!(messages("url = \"a/*/b.csv\"").len(), 1);
        assert_eq!(
            messages("url = \"a.csv\"\noptions = { region = \"x\" }").len(),
            1
        );
    }
}
