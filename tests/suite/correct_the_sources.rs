//! An operator lives with sources that are late, wrong or changed: agreements, limits, freshness,
//! rejected rows, corrections, drift.

use std::fmt::Write;

use serde_json::Value;

use crate::commons::{Commons, finished};

/// The contract of a small platform.
const CONTRACT: &str = r#"title = { it = "Vicini", en = "Neighbors" }

[agreement]
license = "test: invented records"
signed_on = "2026-01-01"

[limits]
max_rejected_pct = 50.0

[freshness]
warn_after_days = 100000

[tables.favori]
key = ["id"]
revision = "versione"
fetch.files = { url = "sample-data/vicini/favori-*.csv" }
format.csv = { delimiter = ";" }

[tables.favori.columns]
id = { type = "record", required = true }
versione = { type = "integer", required = true }
data = { type = "date", format = "%Y-%m-%d", required = true }
scritto = { type = "instant", required = true }
chi = { type = "person", required = true }
ore = { type = "number" }
nota = { type = "text" }
"#;

/// Its mapping.
const MAPPING: &str = r#"/* model
description.it = "Favori."
description.en = "Favors."
into = "exchanges"
*/
select
    id as exchange_id,
    _revision as revision,
    scritto as recorded_at,
    'need' as kind,
    chi as person_key,
    '098031' as comune_code,
    'garden' as need_label,
    'individual' as mode,
    'help' as purpose,
    'active' as collaboration,
    data as requested_on,
    'requested' as state
from source.vicini__favori
"#;

/// File of its contract.
const PIPELINE: &str = "pipelines/sources/vicini.toml";

/// A page with so many good rows and then these lines.
fn page(n_rows: usize, lines: &[&str]) -> String {
    let mut text = "id;versione;data;scritto;chi;ore;nota\n".to_owned();
    for row in 0..n_rows {
        writeln!(
            text,
            "F{row};1;2020-01-11;2020-01-12T08:00:00Z;N{row};1.5;ciao"
        )
        .unwrap();
    }
    for line in lines {
        writeln!(text, "{line}").unwrap();
    }
    text
}

/// A commons with the small platform, whose first page holds this.
fn commons_with(page: &str) -> Commons {
    let commons = Commons::declared();
    commons.write(PIPELINE, CONTRACT);
    commons.write("sql/conformed/vicini__favori.sql", MAPPING);
    commons.write("sample-data/vicini/favori-1.csv", page);
    commons
}

/// Fetches and conforms the small platform; the codes both end with.
fn pulled(commons: &Commons) -> [i32; 2] {
    ["acquire", "conform"].map(|verb| commons.antenne(&[verb, "--source", "vicini"]).code)
}

/// The answer to a query of the operator.
fn private(commons: &Commons, sql: &str) -> String {
    let words = ["query", "--private", sql, "--format", "csv"];
    commons.antenne(&words).expect_code(0).text()
}

#[test]
fn nothing_more_is_fetched_once_an_agreement_has_expired() {
    let commons = commons_with(&page(3, &[]));
    let other = CONTRACT.replace("sample-data/vicini", "sample-data/amici");
    commons.write("pipelines/sources/amici.toml", other);
    commons.write("sample-data/amici/favori-1.csv", page(2, &[]));
    commons.edit(
        PIPELINE,
        "signed_on = \"2026-01-01\"",
        "expires_on = \"2020-01-31\"",
    );
    let words = ["acquire", "--source", "vicini", "--source", "amici"];
    let answer = commons.antenne(&words).expect_code(4);
    assert!(
        answer.said.contains("expired on 2020-01-31") && answer.said.contains(PIPELINE),
        "{}",
        answer.said
    );
    let pages = commons.files("lake/acquired/pages");
    assert!(
        pages.len() == 1 && pages.keys().all(|path| path.starts_with("amici/")),
        "{:?}",
        pages.keys()
    );
}

#[test]
fn a_waiver_of_a_release_must_stand_in_the_agreement() {
    let commons = Commons::declared();
    let path = "pipelines/sources/wemi.toml";
    let text = commons.read(path);
    let (before, rest) = text.split_once("[[agreement.waivers]]").unwrap();
    let (_, after) = rest.split_once("[limits]").unwrap();
    commons.write(path, format!("{before}[limits]{after}"));
    let answer = commons.antenne(&["check"]).expect_code(2);
    let marked = "the agreement with `wemi` carries no waiver of `min_platforms`";
    assert!(answer.said.contains(marked), "{}", answer.said);
    assert!(
        answer
            .said
            .contains("requests_by_district_need_quarter.toml")
            && answer.said.contains("[[agreement.waivers]]"),
        "{}",
        answer.said
    );
}

#[test]
fn a_release_keeps_to_the_agreements_and_prints_them() {
    let commons = finished().twin();
    let path = "pipelines/sources/bacheca_digitale.toml";
    commons.edit(path, "min_k = 10", "min_k = 12");
    commons.antenne(&["run"]).expect_code(0);
    let ask = |commons: &Commons, where_: &str| {
        let sql = format!(
            "select count(*) as n from requests_by_district_need_quarter where status = 'published' and {where_}"
        );
        let words = ["query", &sql, "--format", "csv"];
        let answer = commons.antenne(&words).expect_code(0).text();
        answer.lines().nth(1).unwrap().parse::<u64>().unwrap()
    };
    let small = "n_requests > 0 and n_requests < 12";
    let of_one = "district_code = 'AMB-MILANO' and n_requests > 0";
    assert!(ask(&finished(), small) > 0);
    assert_eq!(ask(&commons, small), 0, "the strictest agreement counts");
    assert!(ask(&commons, of_one) > 0);
    commons.edit(
        "pipelines/sources/wemi.toml",
        "rule = \"min_platforms\"",
        "rule = \"min_platforms\"\nuntil = \"2020-12-31\"",
    );
    commons.antenne(&["check"]).expect_code(0);
    commons
        .antenne(&["run", "--from", "protect"])
        .expect_code(0);
    assert_eq!(
        ask(&commons, of_one),
        0,
        "a waiver that has ended no longer counts"
    );

    let folder = format!("releases/{}", commons.last_release().unwrap());
    let listed = commons.read(&format!("{folder}/metadata/sources.csv"));
    let bacheca = listed.lines().find(|line| line.starts_with("bacheca"));
    assert!(
        bacheca.unwrap().contains(",12,") && listed.contains("min_platforms until 2020-12-31"),
        "{listed}"
    );
    let package: Value =
        serde_json::from_str(&commons.read(&format!("{folder}/datapackage.json"))).unwrap();
    let sources = package["sources"].as_array().unwrap();
    assert!(
        sources
            .iter()
            .any(|source| source["agreement"]["min_k"] == 12),
        "{sources:?}"
    );
    let front = commons.read(&format!("{folder}/site/it/index.html"));
    assert!(front.contains("Le fonti e i loro accordi") && front.contains("sources.csv"));
    assert!(front.contains("almeno 12 persone"));
}

#[test]
fn a_source_older_than_it_may_become_ends_the_run_with_4_and_blocks_nobody() {
    let commons = commons_with(&page(3, &[]));
    assert_eq!(pulled(&commons), [0, 0]);
    commons.edit(
        PIPELINE,
        "warn_after_days = 100000",
        "warn_after_days = 30\nerror_after_days = 90",
    );
    let words = ["acquire", "--source", "vicini", "--format", "json"];
    let answer = commons.antenne(&words).expect_code(4);
    assert!(
        answer.said.contains("freshness of vicini")
            && answer.said.contains("newest record 2020-01-12")
            && answer.said.contains("error_after_days"),
        "{}",
        answer.said
    );
    let report = answer.json();
    let of = |report: &Value, name: &str| {
        let found = report["freshness"].as_array().unwrap().iter();
        found
            .clone()
            .find(|one| one["name"] == name)
            .unwrap()
            .clone()
    };
    let vicini = of(&report, "vicini");
    assert_eq!(vicini["timeliness"], "overdue");
    assert!(vicini["fetched_at"].is_string(), "{vicini}");
    assert_eq!(of(&report, "wemi")["timeliness"], "unknown");
    let status = commons.antenne(&["status"]).expect_code(0).text();
    assert!(status.contains("OVERDUE: vicini"), "{status}");
    commons.edit(PIPELINE, "error_after_days = 90", "");
    assert_eq!(pulled(&commons), [0, 0]);
    let status = commons.antenne(&["status"]).expect_code(0).text();
    assert!(status.contains("late: vicini"), "{status}");
}

/// Lines with one fault each: a date, a name in a note, a line that is cut.
const FAULTS: [&str; 3] = [
    "X1;1;11/01/2020;2020-01-12T08:00:00Z;N1;1.5;ciao",
    "X2;1;2020-01-11;2020-01-12T08:00:00Z;N2;1.5;scrivi a lucia.filatrice@example.org",
    "X3;1;2020-01-11",
];

#[test]
fn rejects_are_counted_placed_and_shown_only_when_asked() {
    let commons = commons_with(&page(3, &FAULTS));
    assert_eq!(pulled(&commons), [0, 0]);
    let list = commons.antenne(&["rejects", "list", "--format", "json"]);
    let list = list.expect_code(0).json();
    let rules: Vec<(&str, &str, u64)> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|group| {
            let text = |name: &str| group[name].as_str().unwrap();
            (
                text("rule"),
                text("field"),
                group["n_rows"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(rules.len(), 3, "{rules:?}");
    assert!(rules.contains(&("ragged_row", "", 1)), "{rules:?}");
    assert!(rules.iter().any(|(_, field, _)| *field == "nota"));

    let show = commons.antenne(&["rejects", "show"]).expect_code(0);
    let shown = show.text();
    assert!(
        shown.contains("sample-data/vicini/favori-1.csv") && shown.contains('5'),
        "{shown}"
    );
    assert!(!shown.contains("lucia") && !show.said.contains("lucia"));
    let words = ["rejects", "show", "--field", "nota", "--reveal"];
    let revealed = commons.antenne(&words).expect_code(0);
    assert!(revealed.text().contains("lucia.filatrice@example.org"));
    assert!(
        revealed.said.contains("warning") && !revealed.said.contains("lucia"),
        "{}",
        revealed.said
    );
    let none = ["rejects", "list", "--platform", "wemi"];
    assert_eq!(commons.antenne(&none).expect_code(0).text(), "no rejects\n");
}

#[test]
fn a_corrected_contract_lets_rejects_come_in_exactly_once() {
    let commons = commons_with(&page(3, &FAULTS));
    assert_eq!(pulled(&commons), [0, 0]);
    let words = ["rejects", "replay", "--format", "json"];
    let same = commons.antenne(&words).expect_code(0).json();
    assert_eq!(
        [&same[0]["n_came_in"], &same[0]["n_still_rejected"]],
        [0, 3],
        "nothing was corrected yet"
    );
    commons.edit(
        PIPELINE,
        "nota = { type = \"text\" }",
        "nota = { type = \"text\", identifiers = \"bodies\" }",
    );
    let replayed = commons.antenne(&words).expect_code(0).json();
    assert_eq!(
        [
            &replayed[0]["n_before"],
            &replayed[0]["n_came_in"],
            &replayed[0]["n_still_rejected"],
            &replayed[0]["n_newly_rejected"]
        ],
        [3, 1, 2, 0],
        "{replayed}"
    );
    let count = "select count(*) as n, count(distinct id) as ids from source.vicini__favori";
    assert_eq!(private(&commons, count), "n,ids\n4,4\n");
    commons.antenne(&words).expect_code(0);
    assert_eq!(pulled(&commons), [0, 0]);
    assert_eq!(private(&commons, count), "n,ids\n4,4\n");
    assert_eq!(commons.books()["vicini.favori"]["closed"], true);
}
