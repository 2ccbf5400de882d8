//! Secrets of every kind, planted: none is found in the lake, in what is said or in a report,
//! whether the fetch succeeds or fails.

use super::{antenne, commons_with, service};
use crate::commons::Commons;
use crate::servers::web::{Asked, Reply, Web};

/// The planted secret: it has to be coded in a query and in JSON.
const SECRET: &str = "pl4nted/secret+value==";

/// Its forms.
const FORMS: [&str; 4] = [
    SECRET,
    "pl4nted%2Fsecret%2Bvalue%3D%3D",
    // In base 64, as `Basic` sends it after `banco:`.
    "YmFuY286cGw0bnRlZC9zZWNyZXQrdmFsdWU9PQ==",
    "pl4nted",
];

/// Every way to prove who sends.
const AUTHS: [&str; 5] = [
    "auth.bearer = { token = \"env:BANCO_TOKEN\" }",
    "auth.basic = { user = \"banco\", password = \"env:BANCO_TOKEN\" }",
    "auth.header = { name = \"X-Api-Key\", value = \"env:BANCO_TOKEN\" }",
    "auth.query = { name = \"api_key\", value = \"env:BANCO_TOKEN\" }",
    "auth.oauth2 = { token_url = \"URL/token\", client_id = \"banco\", client_secret = \"env:BANCO_TOKEN\", client_in = \"body\" }",
];

/// No form of the secret is in what was said, nor in any file of the commons.
fn assert_hidden(commons: &Commons, said: &[String]) {
    let files = commons
        .files("lake")
        .into_iter()
        .chain(commons.files("releases"));
    let said = said
        .iter()
        .map(|said| ("what was said".to_owned(), said.clone().into_bytes()));
    for (place, bytes) in files.chain(said) {
        let text = String::from_utf8_lossy(&bytes);
        for form in FORMS {
            assert!(!text.contains(form), "{form} is in {place}");
        }
    }
}

/// Fetches from a service and looks for the secret.
fn fetch(auth: &str, answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static, code: i32) {
    let web = Web::start(answer);
    let auth = auth.replace("URL", &web.url());
    let more = format!("{auth}\nlimits.max_attempts = 2");
    let commons = commons_with(&service(&web.url(), &more));
    let secret = [("BANCO_TOKEN".to_owned(), SECRET.to_owned())];
    let mut said = Vec::new();
    for words in [
        &["acquire", "--talk", "verbose"][..],
        &["acquire", "--format", "json"],
        &["check"],
        &["status", "--format", "json"],
        &["state", "show"],
        &["run", "--dry-run"],
    ] {
        let answer = antenne(&commons, words, &secret);
        if words[0] == "acquire" {
            assert_eq!(answer.code, code, "{auth}: {}", answer.said);
        }
        said.push(answer.text());
        said.push(answer.said);
    }
    assert!(!web.asked().is_empty());
    assert_hidden(&commons, &said);
}

/// A token for whoever asks, else the answer.
fn with_token(asked: &Asked, reply: Reply) -> Reply {
    if asked.path == "/token" {
        return Reply::ok(format!("{{\"access_token\":\"{SECRET}\"}}"));
    }
    reply
}

/// A page that repeats the secret, as services do in the address of the next page.
fn repeating() -> Reply {
    Reply::ok(format!(
        r#"{{"items":[{{"id":1,"at":"2026-01-01T00:00:00Z","testo":"uno"}}],"total":1,"self":"/righe?api_key={}","you":"{SECRET}"}}"#,
        FORMS[1]
    ))
    .with("X-Echo", SECRET)
}

#[test]
fn no_secret_is_kept_or_said_when_a_fetch_succeeds() {
    for auth in AUTHS {
        fetch(auth, |asked| with_token(asked, repeating()), 0);
    }
}

#[test]
fn no_secret_is_kept_or_said_when_a_fetch_fails() {
    for auth in AUTHS {
        fetch(
            auth,
            |asked| with_token(asked, Reply::status(500, SECRET)),
            4,
        );
        fetch(auth, |_| Reply::status(401, SECRET), 4);
        let elsewhere = format!("http://127.0.0.1:9/?api_key={}", FORMS[1]);
        fetch(
            auth,
            move |asked| {
                let moved = Reply::status(302, "").with("Location", elsewhere.clone());
                with_token(asked, moved)
            },
            4,
        );
    }
}

#[test]
fn a_secret_that_is_written_down_is_refused_and_not_shown() {
    for declared in [
        format!("auth.bearer = {{ token = \"{SECRET}\" }}"),
        format!("query = {{ api_key = \"{SECRET}\" }}"),
        format!("headers = {{ Authorization = \"{SECRET}\" }}"),
    ] {
        let commons = commons_with(&service("https://x.example.org", &declared));
        for words in [&["check"][..], &["check", "--format", "json"], &["acquire"]] {
            let answer = antenne(&commons, words, &[]).expect_code(2);
            let said = format!("{}{}", answer.text(), answer.said);
            assert!(said.contains("written down"), "{said}");
            assert!(!said.contains("pl4nted"), "{said}");
        }
    }
    let declared = format!(
        "fetch.files = {{ url = \"s3://b/x.csv\", options = {{ secret_access_key = \"{SECRET}\" }} }}\nformat.csv = {{}}"
    );
    let commons = commons_with(&declared);
    let answer = antenne(&commons, &["check"], &[]).expect_code(2);
    assert!(answer.said.contains("written down"), "{}", answer.said);
    assert!(!answer.said.contains("pl4nted"), "{}", answer.said);
}
