//! A lake and sources in an S3-compatible store.

use std::thread;

use futures::TryStreamExt;
use object_store::ObjectStore;

use super::{antenne, commons_with};
use crate::servers::python::Server;
use crate::servers::require;
use crate::servers::s3::{BUCKET, client, environment, files, options, put, store, waited};

/// Paths of the objects below a folder, sorted.
fn paths(server: &Server, folder: &str) -> Vec<String> {
    let store = client(server);
    let found: Vec<_> = waited(store.list(Some(&folder.into())).try_collect()).unwrap();
    let mut paths: Vec<String> = found
        .iter()
        .map(|object| object.location.to_string())
        .collect();
    paths.sort();
    paths
}

/// Lets the lake of a commons lie in the store.
fn move_lake(commons: &crate::commons::Commons, server: &Server) {
    let options = options(&server.url()).replace("}, secrets", "}\nsecrets");
    let lake = format!("[lake]\nurl = \"s3://{BUCKET}/lake\"\n{options}\n");
    commons.edit("antenne.toml", "[lake]\nurl = \"lake\"\n", &lake);
}

#[test]
fn a_lake_in_an_object_store_holds_what_a_folder_would() {
    let Some(server) = store() else {
        return require("moto_server");
    };
    put(&server, "in/righe-1.ndjson", &lines(1..=40));
    let commons = commons_with(&files(&server.url(), "in/righe-*.ndjson"));
    move_lake(&commons, &server);
    for words in [["acquire"], ["conform"]] {
        antenne(&commons, &words, &environment()).expect_code(0);
    }
    let status = antenne(&commons, &["status", "--format", "json"], &environment());
    let book = status.expect_code(0).json()["sources"][0].clone();
    assert_eq!(
        (&book["accepted"], &book["closed"]),
        (&40.into(), &true.into())
    );
    let again = antenne(&commons, &["acquire"], &environment()).expect_code(0);
    assert!(
        again.text().contains("nothing new to pull"),
        "{}",
        again.text()
    );
    assert!(!commons.path("lake").exists());
}

#[test]
fn a_page_larger_than_a_part_is_uploaded_in_pieces() {
    let Some(server) = store() else {
        return require("moto_server");
    };
    let text = "x".repeat(1000);
    let record =
        |id: u32| format!("{{\"id\":{id},\"at\":\"2026-01-01T00:00:00Z\",\"testo\":\"{text}\"}}\n");
    let body: String = (1..=12_000).map(record).collect();
    assert!(body.len() > 10 << 20);
    let commons =
        commons_with("fetch.files = { url = \"sample-data/righe.ndjson\" }\nformat.ndjson = {}");
    commons.write("sample-data/righe.ndjson", body);
    move_lake(&commons, &server);
    antenne(&commons, &["acquire"], &environment()).expect_code(0);
    let pages = paths(&server, "lake/acquired/pages");
    assert_eq!(pages.len(), 1, "{pages:?}");
    assert!(!pages[0].contains("arriving"), "{pages:?}");
    antenne(&commons, &["conform"], &environment()).expect_code(0);
    let status = antenne(&commons, &["status", "--format", "json"], &environment());
    assert_eq!(status.json()["sources"][0]["source_count"], 12_000);
}

#[test]
fn of_two_runs_at_the_same_time_none_loses_a_row() {
    let Some(server) = store() else {
        return require("moto_server");
    };
    put(&server, "in/righe-1.ndjson", &lines(1..=40));
    let commons = commons_with(&files(&server.url(), "in/righe-*.ndjson"));
    move_lake(&commons, &server);
    for round in 2..=5 {
        let path = format!("in/righe-{round}.ndjson");
        put(&server, &path, &lines(round * 100..=round * 100 + 9));
        let codes: Vec<i32> = thread::scope(|scope| {
            let work = || antenne(&commons, &["acquire"], &environment()).code;
            let racers: Vec<_> = (0..3).map(|_| scope.spawn(work)).collect();
            let ended = racers.into_iter().map(|racer| racer.join().unwrap());
            ended.collect()
        });
        // At least one wins; another fails, or comes after it and finds nothing new.
        assert!(codes.contains(&0), "{codes:?}");
        let commits = paths(&server, "lake/acquired/page_list/_delta_log");
        let numbered = (0..commits.len()).map(|number| format!("{number:020}.json"));
        let names = commits
            .iter()
            .map(|path| path.rsplit('/').next().unwrap().to_owned());
        assert!(names.eq(numbered), "{commits:?}");
    }
    for words in [["acquire"], ["conform"]] {
        antenne(&commons, &words, &environment()).expect_code(0);
    }
    let status = antenne(&commons, &["status", "--format", "json"], &environment());
    let book = status.expect_code(0).json()["sources"][0].clone();
    assert_eq!(
        (&book["accepted"], &book["closed"]),
        (&80.into(), &true.into())
    );
}

/// Records with these ids, one a line.
fn lines(ids: std::ops::RangeInclusive<u32>) -> String {
    let line = |id| format!("{{\"id\":{id},\"at\":\"2026-01-01T00:00:00Z\",\"testo\":\"riga\"}}\n");
    ids.map(line).collect()
}
