//! An operator fetches from servers that are slow, broken, changing or gone, and loses nothing.

use std::process::Command;

use crate::commons::{Answer, Commons};
use crate::lake;

/// What every transport keeps, whatever its protocol.
mod contract;
/// A third-party application nobody here wrote.
mod datasette;
mod platforms;
/// What only a service over HTTP has: limits, tokens, cursors, windows.
mod rest;
/// A lake and sources in an S3-compatible store.
mod s3;
/// Secrets that must stay where they are.
mod secrets;

/// The platform of these tests.
const PLATFORM: &str = "banco";

/// A commons with one table, fetched as declared, and nothing made from it.
pub(crate) fn commons_with(fetch: &str) -> Commons {
    let commons = Commons::declared();
    for folder in ["pipelines", "sql"] {
        std::fs::remove_dir_all(commons.path(folder)).unwrap();
    }
    declare(&commons, fetch);
    commons
}

/// Declares how the table is fetched.
pub(crate) fn declare(commons: &Commons, fetch: &str) {
    let contract = format!(
        r#"title = {{ it = "Banco", en = "Banco" }}

[tables.righe]
key = ["id"]
revision = "at"
{fetch}

[tables.righe.columns]
id = {{ type = "record", required = true }}
at = {{ type = "instant", required = true }}
testo = {{ type = "text" }}
"#
    );
    commons.write(&format!("pipelines/sources/{PLATFORM}.toml"), contract);
}

/// The declaration of a service.
pub(crate) fn service(url: &str, more: &str) -> String {
    let more = more.replace("page.", "fetch.rest.page.");
    let lines = more.lines().map(|line| match line.split_once('=') {
        Some((name, _))
            if !name.trim().starts_with("fetch.") && !name.trim().starts_with("format.") =>
        {
            format!("fetch.rest.{}", line.trim())
        }
        _ => line.to_owned(),
    });
    let lines: Vec<String> = lines.collect();
    let format = if more.contains("format.") {
        ""
    } else {
        "format.json = { records = \"items\", count = \"total\", count_of = \"table\" }"
    };
    format!(
        "fetch.rest.url = \"{url}/righe\"\n{}\nfetch.rest.limits.per_minute = 60000\nfetch.rest.limits.first_wait = \"5ms\"\n{format}",
        lines.join("\n")
    )
}

/// Runs `antenne WORDS` with some variables in its environment.
pub(crate) fn antenne(
    commons: &Commons,
    words: &[&str],
    environment: &[(String, String)],
) -> Answer {
    let mut command: Command = commons.command(words);
    command.envs(environment.iter().cloned());
    let output = command.output().unwrap();
    Answer {
        code: output.status.code().unwrap_or(-1),
        bytes: output.stdout,
        said: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The rows of the table as they are in the lake.
pub(crate) fn rows(commons: &Commons) -> Vec<String> {
    let tables = lake::tables(&commons.path("lake"));
    let table = tables.get(&format!("source.{PLATFORM}__righe"));
    table.map(lake::sorted_rows).unwrap_or_default()
}

/// The line of the books.
pub(crate) fn book(commons: &Commons) -> serde_json::Value {
    let books = commons.books();
    let line = books.get(&format!("{PLATFORM}.righe"));
    line.cloned().unwrap_or_default()
}

/// Commits of the list of pages.
pub(crate) fn n_commits(commons: &Commons) -> usize {
    let log = commons.files("lake/acquired/page_list/_delta_log");
    log.keys().filter(|name| name.ends_with(".json")).count()
}
