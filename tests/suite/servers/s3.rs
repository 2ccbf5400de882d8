//! An S3-compatible store.

use object_store::{ObjectStore, ObjectStoreExt};

use super::python::{self, Server};

/// Name of the bucket.
pub(crate) const BUCKET: &str = "commons";

/// Variables with the secrets of the store.
pub(crate) const SECRETS: [(&str, &str); 2] = [
    ("BANCO_ID", "planted-id"),
    ("BANCO_KEY", "planted-key-of-the-store"),
];

/// Starts a store with an empty bucket; none if it is not installed.
pub(crate) fn store() -> Option<Server> {
    let words = |port: &str| {
        vec![
            "-H".to_owned(),
            "127.0.0.1".to_owned(),
            "-p".to_owned(),
            port.to_owned(),
        ]
    };
    let server = python::start("moto_server", words)?;
    let made = server.ask("PUT", &format!("/{BUCKET}"), "");
    assert!(made.starts_with("HTTP/1.1 200"), "{made}");
    Some(server)
}

/// Puts an object there.
pub(crate) fn put(server: &Server, path: &str, body: &str) {
    let store = client(server);
    waited(store.put(&path.into(), body.to_owned().into())).unwrap();
}

/// The store, as its owner sees it.
pub(crate) fn client(server: &Server) -> Box<dyn ObjectStore> {
    let options = [
        ("region", "us-east-1".to_owned()),
        ("endpoint", server.url()),
        ("allow_http", "true".to_owned()),
        ("access_key_id", "planted-id".to_owned()),
        ("secret_access_key", "planted-key-of-the-store".to_owned()),
    ];
    let bucket = format!("s3://{BUCKET}/").parse().unwrap();
    object_store::parse_url_opts(&bucket, options).unwrap().0
}

/// Waits for an answer of the store.
pub(crate) fn waited<T>(answer: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(answer)
}

/// Options and secrets of the store.
pub(crate) fn options(endpoint: &str) -> String {
    format!(
        r#"options = {{ region = "us-east-1", endpoint = "{endpoint}", allow_http = "true" }}, secrets = {{ access_key_id = "env:BANCO_ID", secret_access_key = "env:BANCO_KEY" }}"#
    )
}

/// How objects of the store are declared.
pub(crate) fn files(endpoint: &str, pattern: &str) -> String {
    format!(
        "fetch.files = {{ url = \"s3://{BUCKET}/{pattern}\", {} }}\nformat.ndjson = {{}}",
        options(endpoint)
    )
}

/// The variables that hold the secrets.
pub(crate) fn environment() -> Vec<(String, String)> {
    SECRETS
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
}
