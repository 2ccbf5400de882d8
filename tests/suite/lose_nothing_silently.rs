//! A source leaves records out: those it deleted go, those it lost by mistake stay.

use std::fmt::Write;
use std::ops::Range;

use rusqlite::Connection;

use crate::commons::{Answer, Commons};

/// The contract of a small platform, whose files are this.
fn contract(head: &str) -> String {
    format!(
        r#"title = {{ it = "Vicini", en = "Neighbors" }}

[agreement]
license = "test: invented records"
signed_on = "2026-01-01"

[limits]
max_rejected_pct = 50.0

[tables.enti]
key = ["id"]
{head}

[tables.enti.columns]
id = {{ type = "integer", required = true }}
ore = {{ type = "number" }}
nome = {{ type = "text", required = true }}
"#
    )
}

/// Files of which each is the whole table.
const SNAPSHOTS: &str = "snapshot = true\nfetch.files = { url = \"sample-data/vicini/enti-*.csv\" }\nformat.csv = { delimiter = \";\" }";

/// One file that is written over.
const ONE_FILE: &str =
    "fetch.files = { url = \"sample-data/vicini/enti.csv\" }\nformat.csv = { delimiter = \";\" }";

/// File of its contract.
const PIPELINE: &str = "pipelines/sources/vicini.toml";

/// A commons with the small platform.
fn commons_with(head: &str) -> Commons {
    let commons = Commons::declared();
    commons.write(PIPELINE, contract(head));
    commons
}

/// A page of these records and these lines.
fn page(records: Range<usize>, lines: &[&str]) -> String {
    let mut text = "id;ore;nome\n".to_owned();
    for id in records {
        writeln!(text, "{id};1.5;ente {id}").unwrap();
    }
    for line in lines {
        writeln!(text, "{line}").unwrap();
    }
    text
}

/// Puts a file there.
fn deliver(commons: &Commons, name: &str, text: &str) {
    commons.write(&format!("sample-data/vicini/{name}"), text);
}

/// Fetches, then conforms with this code.
fn pull(commons: &Commons, code: i32) -> Answer {
    let acquire = ["acquire", "--source", "vicini"];
    commons.antenne(&acquire).expect_code(0);
    let conform = ["conform", "--source", "vicini"];
    commons.antenne(&conform).expect_code(code)
}

/// Accepted, rejected and erased rows of the table; its books must be closed.
fn books(commons: &Commons) -> [u64; 3] {
    let books = &commons.books()["vicini.enti"];
    assert_eq!(books["closed"], true, "{books}");
    ["accepted", "rejected", "erased"].map(|account| books[account].as_u64().unwrap())
}

#[test]
fn a_record_whose_row_was_refused_is_not_missing_from_a_snapshot() {
    let commons = commons_with(SNAPSHOTS);
    deliver(&commons, "enti-1.csv", &page(0..25, &[]));
    pull(&commons, 0);
    // Record 24 breaks its contract, 23 is gone.
    deliver(&commons, "enti-2.csv", &page(0..23, &["24;tre;ente 24"]));
    pull(&commons, 0);
    let accepted = "select count(*) as n from source.vicini__enti where id = 24";
    let words = ["query", "--private", accepted, "--format", "csv"];
    assert_eq!(commons.antenne(&words).expect_code(0).text(), "n\n1\n");
    assert_eq!(books(&commons), [24, 1, 1]);
    // A row without a key may be of any record.
    deliver(&commons, "enti-3.csv", &page(0..20, &[";1.5;ente"]));
    let said = pull(&commons, 0).said;
    assert!(
        said.contains("no record counts as missing") && said.contains("enti-3.csv"),
        "{said}"
    );
    assert_eq!(books(&commons), [24, 2, 1]);
    deliver(&commons, "enti-4.csv", &page(0..20, &[]));
    pull(&commons, 0);
    assert_eq!(books(&commons)[0], 20);
}

#[test]
fn a_snapshot_that_leaves_out_most_records_stops_the_source_until_the_limit_is_raised() {
    let commons = commons_with(SNAPSHOTS);
    deliver(&commons, "enti-1.csv", &page(0..40, &[]));
    pull(&commons, 0);
    deliver(&commons, "enti-2.csv", &page(0..0, &[]));
    for _ in 0..2 {
        let said = pull(&commons, 4).said;
        for part in [
            "`enti`",
            "40 of its 40",
            "max_absent_pct = 50",
            "enti-2.csv",
        ] {
            assert!(said.contains(part), "{part} in {said}");
        }
        assert_eq!(commons.books()["vicini.enti"]["accepted"], 40);
    }
    // The next delivery is whole again: nothing is lost.
    deliver(&commons, "enti-3.csv", &page(0..41, &[]));
    pull(&commons, 0);
    assert_eq!(books(&commons), [41, 0, 40]);
    deliver(&commons, "enti-4.csv", &page(0..10, &[]));
    pull(&commons, 4);
    commons.edit(PIPELINE, "[limits]", "[limits]\nmax_absent_pct = 100.0");
    pull(&commons, 0);
    assert_eq!(books(&commons)[0], 10);
}

#[test]
fn a_file_that_is_written_over_by_less_stops_the_source() {
    let commons = commons_with(ONE_FILE);
    deliver(&commons, "enti.csv", &page(0..30, &[]));
    pull(&commons, 0);
    deliver(&commons, "enti.csv", &page(0..14, &[]));
    let said = pull(&commons, 4).said;
    assert!(said.contains("16 of its 30"), "{said}");
    deliver(&commons, "enti.csv", &page(0..16, &["99;due;ente 99"]));
    pull(&commons, 0);
    assert_eq!(books(&commons), [16, 1, 0]);
}

#[test]
fn a_file_that_lost_its_header_stops_the_source_and_is_named() {
    let commons = commons_with(ONE_FILE);
    // An empty file is an empty table, as long as nothing else is known.
    deliver(&commons, "enti.csv", "");
    pull(&commons, 0);
    deliver(&commons, "enti.csv", &page(0..3, &[]));
    pull(&commons, 0);
    for lost in ["", "ore;nome\n"] {
        deliver(&commons, "enti.csv", lost);
        let said = pull(&commons, 4).said;
        assert!(
            said.contains("enti.csv") && said.contains("no column `id`"),
            "{said}"
        );
        assert_eq!(books_accepted(&commons), 3);
    }
    deliver(&commons, "enti.csv", &page(0..0, &[]));
    pull(&commons, 0);
    assert_eq!(books(&commons), [0, 0, 0]);
}

/// Accepted rows, whether the books are closed or not.
fn books_accepted(commons: &Commons) -> u64 {
    commons.books()["vicini.enti"]["accepted"].as_u64().unwrap()
}

#[test]
fn an_empty_file_of_the_first_day_is_no_trouble_when_all_is_read_anew() {
    let several = SNAPSHOTS.replace("snapshot = true\n", "");
    let commons = commons_with(&several);
    deliver(&commons, "enti-1.csv", "");
    pull(&commons, 0);
    deliver(&commons, "enti-2.csv", &page(0..30, &[]));
    pull(&commons, 0);
    commons.edit(PIPELINE, "nome = {", "nome_ente = { from = \"nome\",");
    pull(&commons, 0);
    assert_eq!(books(&commons), [30, 0, 0]);
}

/// Writes a SQLite table of so many rows.
fn fill(path: &std::path::Path, n_rows: u32) {
    let database = Connection::open(path).unwrap();
    database
        .execute_batch(
            "drop table if exists enti; create table enti (id integer, ore real, nome text);",
        )
        .unwrap();
    for id in 0..n_rows {
        let row = rusqlite::params![id, 1.5, "ente"];
        let insert = "insert into enti values (?1, ?2, ?3)";
        database.execute(insert, row).unwrap();
    }
}

#[test]
fn a_record_that_left_a_database_goes_without_a_snapshot() {
    let commons = commons_with(
        "snapshot = true\nfetch.sqlite = { path = \"enti.db\", table = \"enti\", page_rows = 10 }",
    );
    let path = commons.path("enti.db");
    fill(&path, 25);
    let said = commons.antenne(&["check"]).expect_code(2).said;
    assert!(
        said.contains("fetched in pages") && said.contains("remove `snapshot`"),
        "{said}"
    );
    commons.edit(PIPELINE, "snapshot = true\n", "");
    pull(&commons, 0);
    assert_eq!(books(&commons), [25, 0, 0]);
    fill(&path, 18);
    pull(&commons, 0);
    assert_eq!(books(&commons), [18, 0, 0]);
    fill(&path, 0);
    pull(&commons, 0);
    assert_eq!(
        books(&commons),
        [0, 0, 0],
        "of a few records no share is taken"
    );
}
