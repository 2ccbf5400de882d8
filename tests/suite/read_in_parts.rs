//! Source tables in parts: what a mapping makes part by part is what it makes of the whole, and a
//! run that brings little touches little.

use serde_json::Value;

use super::commons::Commons;
use super::lake;

/// Tables of the sample that can be filed by a date, with the date and how much time a part covers.
const FILED: [(&str, &str, &str, &str); 11] = [
    ("bacheca_digitale", "annunci", "data", "month"),
    ("bacheca_digitale", "attivita", "mese", "year"),
    ("family_like", "attivita", "mese", "year"),
    ("family_like", "eventi", "inizio", "year"),
    ("family_like", "visite", "giorno", "month"),
    ("la_cura_e_di_casa", "iscritti", "mese", "month"),
    ("mi_fido_di_noi", "movimenti", "data", "month"),
    ("mi_fido_di_noi", "soci_attivi", "mese", "year"),
    ("welco", "formazione", "data", "year"),
    ("wemi", "richiesta_servizio_base", "ts_creazione", "year"),
    ("wemi", "utenti_attivi", "dt_mese", "year"),
];

/// A mapping over one of these tables that looks at all rows at once.
const WHOLE: &str = "family_like__eventi";

/// Declares that a table is filed by a date.
fn file_by(commons: &Commons, (platform, table, column, every): (&str, &str, &str, &str)) {
    let head = format!("[tables.{table}]\n");
    let filed = format!("{head}filed_by = {{ column = \"{column}\", every = \"{every}\" }}\n");
    commons.edit(&format!("pipelines/sources/{platform}.toml"), &head, &filed);
}

/// What the last run says that `conform` did.
fn conformed(report: &Value, list: &str) -> Vec<Value> {
    let stages = report["stages"].as_array().unwrap().iter();
    let mut conform = stages.filter(|stage| stage["stage"] == "conform");
    let detail = &conform.next().unwrap()["detail"];
    detail[list].as_array().unwrap().clone()
}

#[test]
fn every_mapping_makes_of_parts_what_it_makes_of_the_whole() {
    let whole = Commons::small();
    let parts = whole.twin();
    for filed in FILED {
        file_by(&parts, filed);
    }
    for commons in [&whole, &parts] {
        commons.antenne(&["acquire"]).expect_code(0);
    }
    whole.antenne(&["conform"]).expect_code(0);
    let report = parts.antenne(&["conform", "--format", "json"]);
    let mappings = conformed(&report.expect_code(0).json(), "mappings");
    for (platform, table, ..) in FILED {
        let name = format!("{platform}__{table}");
        let own = mappings
            .iter()
            .filter(|done| done["model"] == name.as_str());
        for done in own {
            let is_whole = done["n_parts"] == 1;
            assert_eq!(is_whole, name == WHOLE, "{done}");
        }
    }
    let of = |commons: &Commons| {
        let mut tables = lake::tables(&commons.path("lake"));
        tables.retain(|name, _| name.starts_with("conformed."));
        tables
    };
    assert_eq!(lake::differences(&of(&whole), &of(&parts)), [""; 0]);
}

#[test]
fn a_page_that_comes_later_touches_its_parts_alone() {
    let commons = Commons::small();
    file_by(&commons, ("mi_fido_di_noi", "movimenti", "data", "month"));
    let only = ["--source", "mi_fido_di_noi", "--format", "json"];
    let run = |verb: &str| {
        let words = [&[verb][..], &only].concat();
        commons.antenne(&words).expect_code(0).json()
    };
    let (_, first) = (run("acquire"), run("conform"));
    let table = |report: &Value| {
        let mut tables = conformed(report, "tables").into_iter();
        tables.find(|done| done["table"] == "movimenti").unwrap()
    };
    assert_eq!(table(&first)["action"], "rebuilt");
    // The header and the first movement of an earlier page, once more: a duplicate of one month.
    let folder = commons.files("sample-data/mi_fido_di_noi");
    let mut pages = folder
        .iter()
        .filter(|(name, _)| name.starts_with("movimenti"));
    let page = pages.next().unwrap().1;
    let lines: Vec<&[u8]> = page
        .split_inclusive(|byte| *byte == b'\n')
        .take(2)
        .collect();
    commons.write("sample-data/mi_fido_di_noi/movimenti_z.csv", lines.concat());
    let (_, second) = (run("acquire"), run("conform"));
    let movements = table(&second);
    assert_eq!(movements["action"], "extended");
    assert_eq!(movements["n_rows_in"], 1);
    assert_eq!(movements["n_parts_written"], 1);
    let all = table(&first)["n_bytes_written"].as_u64().unwrap();
    assert!(movements["n_bytes_read"].as_u64().unwrap() * 5 < all);
    for done in conformed(&second, "mappings") {
        assert!(done["n_parts_run"].as_u64().unwrap() <= 1, "{done}");
    }
    let before = lake::tables(&commons.path("lake"));
    let third = run("conform");
    assert_eq!(table(&third)["action"], "unchanged");
    assert_eq!(
        lake::differences(&before, &lake::tables(&commons.path("lake"))),
        [""; 0]
    );
}

#[test]
fn a_second_run_in_the_same_lake_is_refused_while_the_first_goes_on() {
    let commons = Commons::small();
    commons.antenne(&["acquire"]).expect_code(0);
    let lock = commons.path("lake/runs/lock");
    let held = std::fs::File::options().write(true).open(lock).unwrap();
    held.lock().unwrap();
    let refused = commons.antenne(&["conform"]).expect_code(1);
    assert!(
        refused.said.contains("wait for it to end"),
        "{}",
        refused.said
    );
    held.unlock().unwrap();
    commons.antenne(&["conform"]).expect_code(0);
}
