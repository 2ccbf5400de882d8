//! An operator runs the journey: what comes of it, what a second run does, and what happens when
//! a platform fails.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::commons::{Commons, files_below, finished, hexadecimal};
use crate::lake;

#[test]
fn the_books_close_and_every_row_ends_as_the_truth_says() {
    let commons = finished();
    let books = commons.books();
    let truth: Value = serde_json::from_str(&commons.read("sample-data/truth.json")).unwrap();
    let tables = truth["tables"].as_array().unwrap();
    assert_eq!(books.len(), tables.len(), "{:?}", books.keys());
    for table in tables {
        let name = format!("{}.{}", text(table, "platform"), text(table, "table")).to_lowercase();
        let line = &books[&name];
        assert_eq!(line["closed"], true, "{line}");
        assert_eq!(outcome_of(line), outcome_in_truth(table), "{name}");
    }
}

/// A text of a JSON object.
fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object[field].as_str().unwrap()
}

/// Rows in the source, accepted, rejected, duplicate, superseded, erased.
fn outcome_of(line: &Value) -> [u64; 6] {
    let fields = [
        "source_count",
        "accepted",
        "rejected",
        "duplicate",
        "superseded",
        "erased",
    ];
    fields.map(|field| line[field].as_u64().unwrap())
}

/// The same from the truth, where a row is accepted unless something is wrong with it.
fn outcome_in_truth(table: &Value) -> [u64; 6] {
    let count = |field: &str| table[field].as_u64().unwrap();
    let sum = |field: &str| {
        let counts = table[field].as_object().unwrap().values();
        counts.map(|count| count.as_u64().unwrap()).sum::<u64>()
    };
    let rejected = sum("n_broken") + sum("n_identifiers");
    let rest = [
        count("n_duplicates"),
        count("n_superseded"),
        count("n_erased"),
    ];
    let accepted = count("n_rows") - rejected - rest.iter().sum::<u64>();
    [
        count("n_rows"),
        accepted,
        rejected,
        rest[0],
        rest[1],
        rest[2],
    ]
}

#[test]
fn a_release_has_a_checksum_of_every_file_in_it() {
    let commons = finished();
    let version = commons.last_release().unwrap();
    let files = commons.files(&format!("releases/{version}"));
    let listed = String::from_utf8(files["SHA256SUMS"].clone()).unwrap();
    let mut sums = BTreeMap::new();
    for line in listed.lines() {
        let (sum, path) = line.split_once("  ").unwrap();
        sums.insert(path.to_owned(), sum.to_owned());
    }
    let found = files.iter().filter(|(path, _)| *path != "SHA256SUMS");
    let found: BTreeMap<String, String> = found
        .map(|(path, bytes)| (path.clone(), sha256(bytes)))
        .collect();
    assert_eq!(found, sums);
    for path in [
        "datapackage.json",
        "site/it/index.html",
        "data/signals.csv",
        "data/signals.parquet",
    ] {
        assert!(sums.contains_key(path), "{path}");
    }
}

/// SHA-256 of bytes, in hexadecimal digits.
fn sha256(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes), "")
}

#[test]
fn the_same_records_elsewhere_make_the_same_release() {
    let commons = finished();
    let elsewhere = Commons::small();
    elsewhere.antenne(&["run"]).expect_code(0);
    assert_eq!(
        changed(&commons.files("releases"), &elsewhere.files("releases")),
        [""; 0]
    );
}

/// Paths that are not the same in both.
fn changed(before: &BTreeMap<String, Vec<u8>>, after: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let paths = before.keys().chain(after.keys());
    let mut paths: Vec<String> = paths
        .filter(|path| before.get(*path) != after.get(*path))
        .cloned()
        .collect();
    paths.sort();
    paths.dedup();
    paths
}

#[test]
fn a_second_run_fetches_nothing_changes_nothing_and_says_so() {
    let commons = Commons::small();
    commons.antenne(&["run"]).expect_code(0);
    let before = (commons.files("lake"), commons.files("releases"));
    let second = commons.antenne(&["run"]).expect_code(0).text();
    assert_eq!(
        changed(&before.0, &commons.files("lake")),
        ["runs/000002.json"]
    );
    assert_eq!(changed(&before.1, &commons.files("releases")), [""; 0]);
    for part in [
        "nothing new to pull: 0 page(s) fetched",
        "derive: 0 of ",
        "no byte written",
    ] {
        assert!(second.contains(part), "{part} in\n{second}");
    }
}

#[test]
fn a_release_that_was_moved_into_place_but_never_noted_is_taken_up() {
    let commons = Commons::small();
    commons.antenne(&["run"]).expect_code(0);
    let (ledger, releases) = (
        commons.read("lake/releases.json"),
        commons.files("releases"),
    );
    fs::remove_file(commons.path("lake/releases.json")).unwrap();
    commons.antenne(&["run"]).expect_code(0);
    assert_eq!(commons.read("lake/releases.json"), ledger);
    assert_eq!(changed(&releases, &commons.files("releases")), [""; 0]);
}

#[test]
fn the_committed_sample_gives_up_what_was_planted() {
    let commons = Commons::committed();
    let run = commons.antenne(&["run"]).expect_code(0);
    let score = commons
        .antenne(&["sample", "score", "--format", "json"])
        .expect_code(0)
        .json();
    let count = |field: &str| score[field].as_u64().unwrap();
    assert!(
        count("needs_planted") >= 12 && count("gaps_planted") >= 8 && count("decoys_planted") >= 8,
        "{score}"
    );
    let kinds: Vec<&Value> = score["decoys_by_kind"].as_array().unwrap().iter().collect();
    let kinds: Vec<&str> = kinds
        .iter()
        .map(|one| one["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["growth", "delay", "school_holidays", "corrections"]);
    assert!(count("needs_found") >= 11, "{score}\n{}", run.text());
    assert!(count("gaps_found") >= 8, "{score}");
    assert_eq!(count("decoys_flagged"), 0, "{score}");
    assert!(commons.books().values().all(|line| line["closed"] == true));
}

#[test]
fn a_dry_run_touches_nothing() {
    let commons = Commons::small();
    let before = files_below(&commons.path("."));
    let said = commons.antenne(&["run", "--dry-run"]).expect_code(0).text();
    assert!(
        said.contains("acquire, conform, derive, detect, protect, publish"),
        "{said}"
    );
    assert_eq!(files_below(&commons.path(".")), before);
    assert!(!commons.path("lake").exists() && !commons.path("releases").exists());
}

#[test]
fn one_stage_and_one_platform_can_be_asked_for() {
    let commons = Commons::small();
    let asked = ["run", "--only", "acquire", "--source", "mi_fido_di_noi"];
    commons.antenne(&asked).expect_code(0);
    assert_eq!(names(&commons), ["acquired.page_list"]);
    let pages = commons.files("lake/acquired/pages");
    assert!(
        pages.len() == 2 && pages.keys().all(|path| path.starts_with("mi_fido_di_noi/")),
        "{:?}",
        pages.keys()
    );
    commons
        .antenne(&["run", "--only", "conform", "--source", "mi_fido_di_noi"])
        .expect_code(0);
    let books = commons.books();
    assert_eq!(
        books.keys().collect::<Vec<_>>(),
        ["mi_fido_di_noi.movimenti", "mi_fido_di_noi.soci_attivi"]
    );
    assert!(
        names(&commons)
            .iter()
            .all(|name| !name.starts_with("derived"))
    );
    commons.antenne(&["run", "--from", "derive"]).expect_code(0);
    assert!(commons.last_release().is_some());
}

/// Names of the tables of the lake.
fn names(commons: &Commons) -> Vec<String> {
    lake::tables(&commons.path("lake")).into_keys().collect()
}

#[test]
fn a_request_that_cannot_be_meant_ends_with_2_and_touches_nothing() {
    let commons = Commons::declared();
    let requests: [&[&str]; 4] = [
        &["run", "--source", "nobody"],
        &["run", "--only", "sing"],
        &["run", "--only", "derive", "--from", "detect"],
        &["query", "select 1"],
    ];
    for words in requests {
        let answer = commons.antenne(words).expect_code(2);
        assert!(answer.bytes.is_empty(), "{words:?}");
    }
    let answer = commons.antenne(&["run", "--source", "nobody"]);
    assert!(
        answer.said.contains("nobody") && answer.said.contains("wemi"),
        "{}",
        answer.said
    );
    assert!(commons.files("lake").is_empty());
}

#[test]
fn a_platform_that_cannot_be_reached_fails_alone() {
    let commons = Commons::small();
    let (here, away) = (
        commons.path("sample-data/family_like"),
        commons.path("away"),
    );
    fs::rename(&here, &away).unwrap();
    let answer = commons.antenne(&["run", "--format", "json"]).expect_code(4);
    let report = answer.json();
    assert_eq!(report["ending"], "partial");
    assert_eq!(
        report["failures"]
            .as_object()
            .unwrap()
            .keys()
            .collect::<Vec<_>>(),
        ["family_like"]
    );
    assert!(
        answer.said.contains("failed: family_like"),
        "{}",
        answer.said
    );
    let books = commons.books();
    let is_closed = |(name, line): (&String, &Value)| {
        line["closed"] == true || name.starts_with("family_like.")
    };
    assert!(books.iter().all(is_closed), "{books:?}");
    assert_eq!(
        books
            .iter()
            .filter(|(name, line)| name.starts_with("family_like.") && line["closed"] == true)
            .count(),
        0,
        "no page was had of it, so its books are not equal: {books:?}"
    );
    fs::rename(&away, &here).unwrap();
    commons.antenne(&["run"]).expect_code(0);
    assert!(commons.books().values().all(|line| line["closed"] == true));
}

#[test]
fn rejects_above_the_limit_of_a_source_stop_it_and_end_the_run_with_4() {
    let commons = Commons::small();
    commons.edit(
        "pipelines/sources/mi_fido_di_noi.toml",
        "max_rejected_pct = 5.0",
        "max_rejected_pct = 0.1",
    );
    let answer = commons.antenne(&["run"]).expect_code(4);
    assert!(
        answer.said.contains("failed: mi_fido_di_noi")
            && answer.said.contains("`movimenti`")
            && answer.said.contains("max_rejected_pct"),
        "{}",
        answer.said
    );
    assert!(commons.last_release().is_some(), "the others went on");
}

#[test]
fn a_release_with_open_books_is_refused() {
    let commons = Commons::small();
    let folder = commons.path("sample-data/la_cura_e_di_casa/interventi");
    for path in files_below(&folder).values() {
        let mut page: Value =
            serde_json::from_reader(GzDecoder::new(fs::File::open(path).unwrap())).unwrap();
        let total = page["total"].as_u64().unwrap();
        page["total"] = (total + 1).into();
        let mut packed = GzEncoder::new(fs::File::create(path).unwrap(), Compression::fast());
        packed.write_all(page.to_string().as_bytes()).unwrap();
        packed.finish().unwrap();
    }
    let answer = commons.antenne(&["run"]).expect_code(3);
    assert!(
        answer.said.contains("refused") && answer.said.contains("la_cura_e_di_casa.interventi"),
        "{}",
        answer.said
    );
    assert_eq!(
        commons.books()["la_cura_e_di_casa.interventi"]["closed"],
        false
    );
    assert!(commons.last_release().is_none() && commons.files("releases").is_empty());
    let mut report = String::new();
    fs::File::open(commons.path("lake/runs/000001.json"))
        .unwrap()
        .read_to_string(&mut report)
        .unwrap();
    assert!(report.contains("\"ending\": \"refused\""), "{report}");
}

#[test]
fn books_without_a_count_are_released_as_unverified_and_never_as_closed() {
    let commons = Commons::small();
    let folder = commons.path("sample-data/la_cura_e_di_casa/interventi");
    let pages = files_below(&folder);
    assert!(pages.len() > 1, "pages that can disagree");
    let path = pages.values().next().unwrap();
    let page = GzDecoder::new(fs::File::open(path).unwrap());
    let mut page: Value = serde_json::from_reader(page).unwrap();
    page["total"] = (page["total"].as_u64().unwrap() + 1).into();
    let mut packed = GzEncoder::new(fs::File::create(path).unwrap(), Compression::fast());
    packed.write_all(page.to_string().as_bytes()).unwrap();
    packed.finish().unwrap();
    let run = commons.antenne(&["run"]).expect_code(0).text();
    assert!(run.contains("UNVERIFIED"), "{run}");
    let line = &commons.books()["la_cura_e_di_casa.interventi"];
    assert_eq!(line["closed"], "unverified");
    assert_eq!(line["source_count"], Value::Null);
    let folder = format!("releases/{}", commons.last_release().unwrap());
    let books = commons.read(&format!("{folder}/metadata/books.csv"));
    let mut lines = books.lines();
    let line = lines.find(|line| line.starts_with("la_cura_e_di_casa,interventi,,"));
    assert!(line.unwrap().ends_with(",unverified"), "{books}");
    let front = commons.read(&format!("{folder}/site/it/index.html"));
    assert!(front.contains("non verificati"));
}
