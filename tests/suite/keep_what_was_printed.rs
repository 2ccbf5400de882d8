//! A researcher compares two releases and finds that what was printed stays as it was, whatever
//! happened to the records; the operator is told how far they say something else.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::commons::{Answer, Commons, finished};

/// The tables of counts.
const COUNTS: [&str; 3] = [
    "requests_by_district_need_quarter",
    "unmet_by_district_need_quarter",
    "offers_by_district_need_quarter",
];
/// The ledger of the time bank.
const MOVEMENTS: &str = "sample-data/mi_fido_di_noi/movimenti.csv";

/// The lines of a table of the last release.
fn printed(commons: &Commons, table: &str) -> Vec<String> {
    let version = commons.last_release().unwrap();
    let text = commons.read(&format!("releases/{version}/data/{table}.csv"));
    text.lines().map(str::to_owned).collect()
}

/// The tables of counts and the signals of the last release.
fn all_printed(commons: &Commons) -> BTreeMap<&'static str, Vec<String>> {
    let names = COUNTS.into_iter().chain(["signals"]);
    names.map(|name| (name, printed(commons, name))).collect()
}

/// A run; what it did about one data set that is settled.
fn run(commons: &Commons, data_set: &str) -> Value {
    let report = commons.antenne(&["run", "--format", "json"]);
    let report = report.expect_code(0).json();
    let stages = report["stages"].as_array().unwrap().iter();
    let mut protect = stages.filter(|stage| stage["stage"] == "protect");
    let sets = protect.next().unwrap()["detail"]["data_sets"].clone();
    let mut sets = sets.as_array().unwrap().iter();
    let found = sets.find(|one| one["data_set"] == data_set).unwrap();
    found["settled"].clone()
}

/// All requests of the lake.
fn n_requests(commons: &Commons) -> i64 {
    let sql = "select sum(n_requests) as n from derived.requests_by_district_need_quarter";
    let words = ["query", "--private", sql, "--format", "json"];
    let rows = commons.antenne(&words).expect_code(0).json();
    rows[0]["n"].as_i64().unwrap()
}

/// Forty late requests of one day in the ledger of the time bank, each of another person.
fn add_late_records(commons: &Commons) {
    let bytes = fs::read(commons.path(MOVEMENTS)).unwrap();
    let header: String = bytes
        .iter()
        .take_while(|byte| **byte != b'\n')
        .map(|byte| char::from(*byte))
        .collect();
    let values = |number: u32| {
        BTreeMap::from([
            ("id_movimento", format!("M94177{number:02}")),
            ("versione", "1".to_owned()),
            ("data", "15/04/2026".to_owned()),
            ("data_registrazione", "15/04/2026 09:00".to_owned()),
            ("id_socio_cedente", format!("S94178{number:02}")),
            ("id_socio_ricevente", format!("S94179{number:02}")),
            ("tipo_annuncio", "CERCO".to_owned()),
            ("categoria", "Passaggi".to_owned()),
            ("comune", "Monza".to_owned()),
            ("stato", "SCADUTO".to_owned()),
            ("modalita", "individuale".to_owned()),
            ("assistito", "N".to_owned()),
        ])
    };
    let mut all = bytes.clone();
    for number in 0..40 {
        let values = values(number);
        let line = header.trim_end().split(';');
        let line: Vec<&str> = line
            .map(|column| values.get(column).map_or("", String::as_str))
            .collect();
        all.extend(format!("{}\n", line.join(";")).bytes());
    }
    commons.write(MOVEMENTS, all);
}

#[test]
fn late_records_of_a_released_quarter_change_nothing_printed_and_are_counted() {
    let commons = finished().copied();
    let (before, version) = (all_printed(&commons), commons.last_release());
    let n_before = n_requests(&commons);
    add_late_records(&commons);
    let settled = run(&commons, COUNTS[0]);
    assert!(n_requests(&commons) >= n_before + 40);
    assert!(settled["n_periods"].as_u64().unwrap() > 10, "{settled}");
    assert!(settled["n_outdated"].as_u64().unwrap() > 0, "{settled}");
    assert_ne!(
        commons.last_release(),
        version,
        "the books are others, so the release is"
    );
    assert_eq!(all_printed(&commons), before);
    let said = commons.antenne(&["status"]).expect_code(0).text();
    assert!(said.contains("period(s) settled"), "{said}");
}

#[test]
fn an_erasure_changes_nothing_printed() {
    let commons = finished().copied();
    let (before, n_before) = (all_printed(&commons), n_requests(&commons));
    let text = String::from_utf8_lossy(&fs::read(commons.path(MOVEMENTS)).unwrap()).into_owned();
    let column = text.lines().next().unwrap().split(';');
    let column = column.clone().position(|name| name == "id_socio_ricevente");
    let mut persons: Vec<&str> = text
        .lines()
        .skip(1)
        .filter_map(|line| line.split(';').nth(column.unwrap()))
        .filter(|id| id.starts_with('S'))
        .collect();
    persons.sort_unstable();
    persons.dedup();
    commons.write("subjects.txt", persons[..30].join("\n"));
    let words = ["erase", "--platform", "mi_fido_di_noi"];
    let words = [&words[..], &["--subject-file", "subjects.txt"]].concat();
    commons.antenne(&words).expect_code(0);
    run(&commons, COUNTS[0]);
    assert!(n_requests(&commons) < n_before);
    assert_eq!(all_printed(&commons), before);
}

#[test]
fn what_is_withheld_stays_withheld_and_what_is_shown_stays_shown() {
    let commons = finished().copied();
    let before = all_printed(&commons);
    let path = "pipelines/releases/requests_by_district_need_quarter.toml";
    commons.edit(path, "k_persons = 10", "k_persons = 20");
    run(&commons, COUNTS[0]);
    assert_eq!(all_printed(&commons), before);
}

#[test]
fn a_comune_in_another_district_leaves_settled_quarters_as_they_were() {
    let commons = finished().copied();
    let before = printed(&commons, COUNTS[0]);
    let path = "reference/districts.csv";
    let mut is_moved = false;
    let text = commons.read(path);
    let moved = text.lines().map(|line| {
        if !line.contains(",DEMO-OSSOLA,") {
            return line.to_owned();
        }
        is_moved = !is_moved;
        if is_moved {
            line.replace(",DEMO-OSSOLA,", ",DEMO-OSSOLA-ALTA,")
        } else {
            line.to_owned()
        }
    });
    let moved: Vec<String> = moved.collect();
    commons.write(path, moved.join("\n") + "\n");
    let settled = run(&commons, COUNTS[0]);
    assert!(settled["n_outdated"].as_u64().unwrap() > 0, "{settled}");
    let after = printed(&commons, COUNTS[0]);
    let (new, old): (Vec<String>, Vec<String>) = after
        .into_iter()
        .partition(|line| line.starts_with("DEMO-OSSOLA-ALTA,"));
    assert_eq!(old, before);
    assert!(!new.is_empty() && new.iter().all(|line| line.ends_with(",,not_covered")));
}

/// The answer of a run whose releases are not what they were; nothing new is released.
fn refused(commons: &Commons) -> Answer {
    let before = commons.files("releases");
    let answer = commons.antenne(&["run"]).expect_code(3);
    assert_eq!(commons.files("releases"), before);
    answer
}

#[test]
fn a_release_that_was_deleted_or_changed_is_asked_back_and_no_number_is_made_up() {
    let commons = finished().copied();
    let version = commons.last_release().unwrap();
    let folder = commons.path(&format!("releases/{version}"));
    let table = format!("releases/{version}/data/{}.parquet", COUNTS[0]);
    let bytes = fs::read(commons.path(&table)).unwrap();

    commons.write(&table, "PAR1");
    let said = refused(&commons).said;
    assert!(said.contains("was changed after it was released"), "{said}");
    assert!(said.contains("put it back") && said.contains(COUNTS[0]));
    commons.write(&table, bytes);

    fs::rename(&folder, commons.path("elsewhere")).unwrap();
    let said = refused(&commons).said;
    assert!(
        said.contains(&version) && said.contains("put the folder"),
        "{said}"
    );
    fs::rename(commons.path("elsewhere"), &folder).unwrap();

    let path = "pipelines/releases/requests_by_district_need_quarter.toml";
    commons.edit(path, "measure = \"n_requests\"", "measure = \"n_persons\"");
    let said = refused(&commons).said;
    assert!(said.contains("under another name"), "{said}");
}
