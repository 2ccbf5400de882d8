//! A third-party application nobody here wrote: Datasette, which serves the tables of a `SQLite`
//! file through its JSON interface, pages by `next_url` and counts its rows.

use rusqlite::Connection;

use super::{book, commons_with, rows};
use crate::servers::python;
use crate::servers::require;

/// Rows of the table.
const N_ROWS: u32 = 457;

#[test]
fn a_table_of_datasette_comes_in_whole_against_its_own_count() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("banco.db");
    let database = Connection::open(&file).unwrap();
    database
        .execute_batch("create table righe (id integer primary key, at text, testo text)")
        .unwrap();
    for id in 1..=N_ROWS {
        let at = format!("2026-01-{:02}T10:00:00Z", id % 28 + 1);
        let row = rusqlite::params![id, at, format!("riga {id}")];
        database
            .execute("insert into righe values (?, ?, ?)", row)
            .unwrap();
    }
    database.close().unwrap();
    let words = |port: &str| {
        [
            "serve",
            file.to_str().unwrap(),
            "-h",
            "127.0.0.1",
            "-p",
            port,
        ]
        .map(str::to_owned)
        .to_vec()
    };
    let Some(server) = python::start("datasette", words) else {
        return require("datasette");
    };
    let declared = format!(
        r#"fetch.rest.url = "{}/banco/righe.json"
fetch.rest.query = {{ _shape = "objects", _size = "100" }}
fetch.rest.page.link.body = "next_url"
fetch.rest.limits.per_minute = 6000
format.json = {{ records = "rows", count = "filtered_table_rows_count", count_of = "table" }}"#,
        server.url()
    );
    let commons = commons_with(&declared);
    let acquired = commons
        .antenne(&["acquire", "--format", "json"])
        .expect_code(0)
        .json();
    assert_eq!(acquired["stages"][0]["detail"]["banco"]["n_fetched"], 5);
    commons.antenne(&["conform"]).expect_code(0);
    let book = book(&commons);
    assert_eq!(book["closed"], true, "{book}");
    assert_eq!(book["source_count"], N_ROWS);
    assert_eq!(rows(&commons).len(), N_ROWS as usize);
}
