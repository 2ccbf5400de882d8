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
    // What is printed stays printed, so the waiver ends where nothing is.
    let commons = commons.twin();
    commons.edit(
        "pipelines/sources/wemi.toml",
        "rule = \"min_platforms\"",
        "rule = \"min_platforms\"\nuntil = \"2020-12-31\"",
    );
    commons.antenne(&["check"]).expect_code(0);
    commons.antenne(&["run"]).expect_code(0);
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

#[test]
fn a_source_over_its_limit_keeps_its_last_good_tables_and_its_rejects_can_be_seen() {
    let commons = commons_with(&page(20, &[]));
    commons.edit(
        PIPELINE,
        "max_rejected_pct = 50.0",
        "max_rejected_pct = 5.0",
    );
    assert_eq!(pulled(&commons), [0, 0]);
    let count = "select count(*) as n from source.vicini__favori";
    let canonical = "select count(*) as n from conformed.exchanges";
    commons.write("sample-data/vicini/favori-2.csv", page(0, &FAULTS));
    commons
        .antenne(&["acquire", "--source", "vicini"])
        .expect_code(0);
    let conform = ["conform", "--source", "vicini", "--format", "json"];
    let answer = commons.antenne(&conform).expect_code(4);
    for part in [
        "failed: vicini",
        "favori",
        "max_rejected_pct = 5",
        "ragged_row",
    ] {
        assert!(answer.said.contains(part), "{part} in {}", answer.said);
    }
    assert_eq!(answer.json()["ending"], "partial");
    assert_eq!(private(&commons, count), "n\n20\n");
    assert_eq!(private(&commons, canonical), "n\n20\n");
    assert_eq!(commons.books()["vicini.favori"]["accepted"], 20);
    let list = commons.antenne(&["rejects", "list", "--format", "json"]);
    let list = list.expect_code(0).json();
    let n_stopped: u64 = list
        .as_array()
        .unwrap()
        .iter()
        .map(|group| group["n_stopped"].as_u64().unwrap())
        .sum();
    assert_eq!(n_stopped, 3, "{list}");

    commons.edit(
        PIPELINE,
        "max_rejected_pct = 5.0",
        "max_rejected_pct = 50.0\nmax_rejected = 2",
    );
    let answer = commons.antenne(&conform).expect_code(4);
    assert!(answer.said.contains("max_rejected = 2"), "{}", answer.said);
    let drop = [
        "rejects",
        "drop",
        "--rule",
        "ragged_row",
        "--reason",
        "cut by hand",
    ];
    let said = commons.antenne(&drop).expect_code(0).text();
    assert!(said.starts_with("1 reject(s) dropped"), "{said}");
    commons.antenne(&conform).expect_code(0);
    assert_eq!(private(&commons, count), "n\n20\n");
    let books = &commons.books()["vicini.favori"];
    assert_eq!(
        [&books["rejected"], &books["closed"]],
        [&Value::from(3), &Value::from(true)]
    );
    let list = commons.antenne(&["rejects", "list"]).expect_code(0).text();
    assert!(list.contains("dropped_by_operator"), "{list}");
}

#[test]
fn what_the_operator_dropped_does_not_come_back_on_replay() {
    let commons = commons_with(&page(3, &FAULTS));
    assert_eq!(pulled(&commons), [0, 0]);
    let nothing = ["rejects", "drop", "--rule", "no_such", "--reason", "x"];
    commons.antenne(&nothing).expect_code(2);
    let drop = [
        "rejects",
        "drop",
        "--field",
        "nota",
        "--reason",
        "will not be asked again",
    ];
    commons.antenne(&drop).expect_code(0);
    let again = commons.antenne(&drop).expect_code(0).text();
    assert!(
        again.starts_with("0 reject(s) dropped, 1 were before"),
        "{again}"
    );
    commons.edit(
        PIPELINE,
        "nota = { type = \"text\" }",
        "nota = { type = \"text\", identifiers = \"bodies\" }",
    );
    let replay = ["rejects", "replay", "--format", "json"];
    let replayed = commons.antenne(&replay).expect_code(0).json();
    assert_eq!(
        [&replayed[0]["n_came_in"], &replayed[0]["n_still_rejected"]],
        [0, 3]
    );
    let rules = "select rule from conformed.rejects order by rule";
    assert!(private(&commons, rules).contains("dropped_by_operator"));
    assert_eq!(commons.books()["vicini.favori"]["closed"], true);
}

/// Drift as a run reports it: column, change, first page and place, outcome.
fn drift_of(report: &Value) -> Vec<[String; 4]> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let found = report["drift"].as_array().unwrap().iter();
    let found = found.map(|drift| {
        let place = drift["place"].as_u64().map(|place| format!(":{place}"));
        let page = text(&drift["page"]);
        let page = page.rsplit('/').next().unwrap().to_owned();
        [
            text(&drift["column"]),
            text(&drift["change"]),
            format!("{page}{}", place.unwrap_or_default()),
            text(&drift["outcome"]),
        ]
    });
    found.collect()
}

/// A page with one column more, which holds a harmless and a personal value.
fn wider_page() -> String {
    let mut text = "id;versione;data;scritto;chi;ore;nota;Canale (nuovo)\n".to_owned();
    for (row, channel) in ["telefono", "lucia.filatrice@example.org"]
        .iter()
        .enumerate()
    {
        writeln!(
            text,
            "G{row};1;2020-02-11;2020-02-12T08:00:00Z;N{row};1.5;ciao;{channel}"
        )
        .unwrap();
    }
    text
}

#[test]
fn a_new_column_is_left_out_kept_or_stops_the_source_as_declared() {
    let commons = commons_with(&page(3, &[]));
    assert_eq!(pulled(&commons), [0, 0]);
    commons.write("sample-data/vicini/favori-2.csv", wider_page());
    commons
        .antenne(&["acquire", "--source", "vicini"])
        .expect_code(0);
    let conform = ["conform", "--source", "vicini", "--format", "json"];
    let drift = |outcome: &str| {
        [
            "Canale (nuovo)".to_owned(),
            "new_column".to_owned(),
            "favori-2.csv".to_owned(),
            outcome.to_owned(),
        ]
    };
    let report = commons.antenne(&conform).expect_code(0).json();
    assert_eq!(drift_of(&report), [drift("discarded")]);
    let status = commons.antenne(&["status"]).expect_code(0).text();
    assert!(status.contains("drift: vicini") && status.contains("Canale (nuovo)"));

    let contract = "key = [\"id\"]";
    commons.edit(PIPELINE, contract, "contract = \"freeze\"\nkey = [\"id\"]");
    let answer = commons.antenne(&conform).expect_code(4);
    assert!(
        answer
            .said
            .contains("a column `Canale (nuovo)` that no contract names")
            && answer.said.contains("favori-2.csv"),
        "{}",
        answer.said
    );
    assert_eq!(drift_of(&answer.json()), [drift("stopped")]);

    commons.edit(PIPELINE, "contract = \"freeze\"", "contract = \"evolve\"");
    let report = commons.antenne(&conform).expect_code(0).json();
    assert_eq!(drift_of(&report), [drift("kept")]);
    assert_eq!(report["drift"][0]["n_withheld"], 1);
    let kept = "select x_canale_nuovo as kept, count(*) as n from source.vicini__favori group by 1 order by 1 nulls last";
    assert_eq!(private(&commons, kept), "kept,n\ntelefono,1\n,4\n");
    assert_eq!(commons.books()["vicini.favori"]["closed"], true);
    let before = commons.files("lake/source");
    commons.antenne(&conform).expect_code(0);
    assert_eq!(
        commons.files("lake/source"),
        before,
        "nothing is read again"
    );
    let lake = commons.files("lake");
    let tables = lake.iter().filter(|(path, _)| !path.contains("/pages/"));
    for (path, bytes) in tables {
        assert!(
            !String::from_utf8_lossy(bytes).contains("filatrice"),
            "{path}"
        );
    }
}

#[test]
fn a_column_that_went_or_changed_its_type_is_named_with_its_first_place() {
    let commons = commons_with(&page(3, &[]));
    commons.edit(
        PIPELINE,
        "max_rejected_pct = 50.0",
        "max_rejected_pct = 5.0",
    );
    assert_eq!(pulled(&commons), [0, 0]);
    let lines = [
        "H1;1;2020-03-11;2020-03-12T08:00:00Z;N1;2.5;ciao",
        "H2;1;2020-03-11;2020-03-12T08:00:00Z;N1;1,5;ciao",
        "H3;1;2020-03-11;2020-03-12T08:00:00Z;N1;2,5;ciao",
    ];
    let text = page(0, &lines)
        .replace(";nota\n", "\n")
        .replace(";ciao", "");
    commons.write("sample-data/vicini/favori-2.csv", text);
    commons
        .antenne(&["acquire", "--source", "vicini"])
        .expect_code(0);
    let conform = ["conform", "--source", "vicini", "--format", "json"];
    let answer = commons.antenne(&conform).expect_code(4);
    let report = answer.json();
    let drift = |column: &str, change: &str, at: &str, outcome: &str| {
        [column, change, at, outcome].map(str::to_owned)
    };
    assert_eq!(
        drift_of(&report),
        [
            drift("nota", "missing_column", "favori-2.csv", "discarded"),
            drift("ore", "other_type", "favori-2.csv:3", "rejected")
        ]
    );
    let declared = &report["drift"][1];
    assert_eq!(declared["declared"], "number with point");
    assert_eq!(declared["seen"], "number with comma");
    commons.edit(
        PIPELINE,
        "ore = { type = \"number\" }",
        "ore = { type = \"number\", contract = \"freeze\" }",
    );
    commons.edit(
        PIPELINE,
        "max_rejected_pct = 5.0",
        "max_rejected_pct = 99.0",
    );
    let answer = commons.antenne(&conform).expect_code(4);
    assert!(
        answer.said.contains("column `ore` of table `favori` is declared as number with point and holds number with comma")
            && answer.said.contains("favori-2.csv:3"),
        "{}",
        answer.said
    );
    let count = "select count(*) as n from source.vicini__favori";
    assert_eq!(private(&commons, count), "n\n3\n");
}

/// A row with hours of its own.
const ODD: &str = "Z1;1;2020-01-11;2020-01-12T08:00:00Z;N1;7.5;ciao";

/// File of the corrections of the small platform.
const CORRECTIONS: &str = "pipelines/corrections/vicini.toml";

/// A correction with this name, finder and action.
fn correction(name: &str, lines: &str) -> String {
    format!(
        "[[correction]]\nname = \"{name}\"\ntable = \"favori\"\nreason = \"typed twice\"\nreported_by = \"help desk\"\nreported_on = \"2026-03-04\"\n{lines}\n\n"
    )
}

#[test]
fn a_declared_correction_drops_replaces_or_marks_a_row() {
    let commons = commons_with(&page(4, &[ODD]));
    assert_eq!(pulled(&commons), [0, 0]);
    let sql = "select encode(id, 'hex') as k from source.vicini__favori where ore = 7.5";
    let key = private(&commons, sql);
    let key = key.lines().nth(1).unwrap();
    let address = "sample-data/vicini/favori-1.csv";
    let at = |place: u64| format!("find.place = {{ page = \"{address}\", place = {place} }}");
    let declared = [
        correction("drop-2", &format!("{}\naction = \"drop\"", at(2))),
        correction(
            "hours",
            &format!(
                "find.record = {{ column = \"id\", key = \"{key}\" }}\naction.override = {{ column = \"ore\", value = \"9.25\" }}"
            ),
        ),
        correction("doubtful", &format!("{}\naction = \"flag\"", at(4))),
    ];
    commons.write(CORRECTIONS, declared.concat());
    commons.antenne(&["check"]).expect_code(0);
    assert_eq!(pulled(&commons), [0, 0]);
    let books = commons.books()["vicini.favori"].clone();
    assert_eq!(
        [&books["accepted"], &books["rejected"], &books["closed"]],
        [&Value::from(4), &Value::from(1), &Value::from(true)]
    );
    let rules = private(&commons, "select rule, place from conformed.rejects");
    assert_eq!(rules, "rule,place\ndropped_by_correction,2\n");
    let flags = private(&commons, "select correction, place from conformed.flags");
    assert_eq!(flags, "correction,place\ndoubtful,4\n");
    let hours = "select sum(ore) as h from source.vicini__favori";
    assert_eq!(private(&commons, hours), "h\n13.75\n");
    let status = commons.antenne(&["status"]).expect_code(0);
    assert!(!status.text().contains("drift"));
}

#[test]
fn a_correction_the_source_has_overtaken_stops_the_source_and_is_named() {
    let commons = commons_with(&page(3, &[ODD]));
    assert_eq!(pulled(&commons), [0, 0]);
    let address = "sample-data/vicini/favori-1.csv";
    let hours = correction(
        "hours",
        &format!(
            "find.place = {{ page = \"{address}\", place = 5 }}\naction.override = {{ column = \"ore\", value = \"9.25\" }}"
        ),
    );
    commons.write(CORRECTIONS, &hours);
    assert_eq!(pulled(&commons), [0, 0]);
    let sum = "select sum(ore) as h from source.vicini__favori";
    assert_eq!(private(&commons, sum), "h\n13.75\n");

    commons.edit(address, ";7.5;", ";9.25;");
    commons
        .antenne(&["acquire", "--source", "vicini"])
        .expect_code(0);
    let conform = ["conform", "--source", "vicini"];
    let answer = commons.antenne(&conform).expect_code(4);
    assert!(
        answer.said.contains("correction `hours` is over"),
        "{}",
        answer.said
    );
    let check = commons.antenne(&["check"]).expect_code(2);
    assert!(
        check.said.contains("`hours` is over") && check.said.contains(CORRECTIONS),
        "{}",
        check.said
    );
    commons.write(CORRECTIONS, "");
    commons.antenne(&["check"]).expect_code(0);
    commons.antenne(&conform).expect_code(0);
    assert_eq!(private(&commons, sum), "h\n13.75\n");

    let gone = correction(
        "gone",
        &format!("find.place = {{ page = \"{address}\", place = 99 }}\naction = \"drop\""),
    );
    commons.write(CORRECTIONS, gone);
    let answer = commons.antenne(&conform).expect_code(4);
    assert!(
        answer.said.contains("correction `gone` finds no row"),
        "{}",
        answer.said
    );
    assert_eq!(private(&commons, sum), "h\n13.75\n");
}

#[test]
fn a_correction_that_names_an_id_or_nothing_is_a_mistake() {
    let commons = commons_with(&page(1, &[]));
    let plain = "find.values = { chi = \"N1\" }\naction = \"drop\"";
    commons.write(CORRECTIONS, correction("plain", plain));
    let answer = commons.antenne(&["check"]).expect_code(2);
    assert!(
        answer.said.contains("may point at a person") && answer.said.contains("find.record"),
        "{}",
        answer.said
    );
    commons.write("pipelines/corrections/nobody.toml", correction("x", plain));
    let answer = commons.antenne(&["check"]).expect_code(2);
    assert!(
        answer.said.contains("no platform `nobody`"),
        "{}",
        answer.said
    );
}

#[test]
fn what_was_found_in_earlier_pages_is_still_known_after_new_ones_join() {
    let commons = commons_with(&page(4, &[ODD]));
    let address = "sample-data/vicini/favori-1.csv";
    let at = |place: u64| format!("find.place = {{ page = \"{address}\", place = {place} }}");
    let declared = [
        correction("drop-2", &format!("{}\naction = \"drop\"", at(2))),
        correction("doubtful", &format!("{}\naction = \"flag\"", at(4))),
    ];
    commons.write(CORRECTIONS, declared.concat());
    commons.write("sample-data/vicini/favori-2.csv", wider_page());
    commons.edit(
        PIPELINE,
        "key = [\"id\"]",
        "contract = \"evolve\"\nkey = [\"id\"]",
    );
    assert_eq!(pulled(&commons), [0, 0]);
    let flags = "select correction, place from conformed.flags";
    let marked = "correction,place\ndoubtful,4\n";
    assert_eq!(private(&commons, flags), marked);
    let late = page(0, &["L1;1;2020-04-11;2020-04-12T08:00:00Z;N9;1.5;ciao"]);
    commons.write("sample-data/vicini/favori-3.csv", late);
    commons
        .antenne(&["acquire", "--source", "vicini"])
        .expect_code(0);
    let conform = ["conform", "--source", "vicini", "--format", "json"];
    let report = commons.antenne(&conform).expect_code(0).json();
    let tables = &report["stages"][0]["detail"]["tables"];
    assert_eq!(tables[0]["n_pages_read"], 1, "{tables}");
    assert_eq!(private(&commons, flags), marked);
    let changes = drift_of(&report);
    let kept = changes.iter().filter(|drift| drift[3] == "kept");
    assert_eq!(kept.count(), 1, "{changes:?}");
    assert_eq!(report["drift"][0]["n_withheld"], 1);
    let kept = "select count(x_canale_nuovo) as kept, count(*) as n from source.vicini__favori";
    assert_eq!(private(&commons, kept), "kept,n\n1,7\n");
    let books = &commons.books()["vicini.favori"];
    assert_eq!(
        [&books["rejected"], &books["closed"]],
        [&Value::from(1), &Value::from(true)]
    );
}

#[test]
fn rejects_of_several_increments_come_in_exactly_once() {
    let commons = commons_with(&page(3, &FAULTS));
    assert_eq!(pulled(&commons), [0, 0]);
    for number in 2..5 {
        let fault = FAULTS[1].replacen("X2", &format!("Y{number}"), 1);
        let text = page(
            0,
            &[&fault, "F0;2;2020-01-11;2020-02-12T08:00:00Z;N0;2.5;ciao"],
        );
        commons.write(&format!("sample-data/vicini/favori-{number}.csv"), text);
        assert_eq!(pulled(&commons), [0, 0]);
    }
    let count = "select count(*) as n, count(distinct id) as ids from source.vicini__favori";
    assert_eq!(private(&commons, count), "n,ids\n3,3\n");
    commons.edit(
        PIPELINE,
        "nota = { type = \"text\" }",
        "nota = { type = \"text\", identifiers = \"bodies\" }",
    );
    let replay = ["rejects", "replay", "--format", "json"];
    let replayed = commons.antenne(&replay).expect_code(0).json();
    assert_eq!(
        [
            &replayed[0]["n_before"],
            &replayed[0]["n_came_in"],
            &replayed[0]["n_newly_rejected"]
        ],
        [6, 4, 0],
        "{replayed}"
    );
    assert_eq!(private(&commons, count), "n,ids\n7,7\n");
    commons.antenne(&replay).expect_code(0);
    assert_eq!(pulled(&commons), [0, 0]);
    assert_eq!(private(&commons, count), "n,ids\n7,7\n");
    assert_eq!(commons.books()["vicini.favori"]["closed"], true);
}

#[test]
fn a_new_field_of_json_lines_is_noticed_and_kept() {
    let commons = commons_with(&page(1, &[]));
    commons.edit(
        PIPELINE,
        "format.csv = { delimiter = \";\" }",
        "format.ndjson = {}",
    );
    commons.edit(PIPELINE, "favori-*.csv", "favori-*.ndjson");
    let line = |id: &str, rest: &str| {
        format!(
            "{{\"id\":\"{id}\",\"versione\":1,\"data\":\"2020-01-11\",\"scritto\":\"2020-01-12T08:00:00Z\",\"chi\":\"N1\",\"ore\":1.5,\"nota\":\"ciao\"{rest}}}\n"
        )
    };
    commons.write("sample-data/vicini/favori-1.ndjson", line("A1", ""));
    assert_eq!(pulled(&commons), [0, 0]);
    let wider = line("A2", ",\"canale\":\"telefono\"");
    commons.write("sample-data/vicini/favori-2.ndjson", wider);
    commons
        .antenne(&["acquire", "--source", "vicini"])
        .expect_code(0);
    let conform = ["conform", "--source", "vicini", "--format", "json"];
    let report = commons.antenne(&conform).expect_code(0).json();
    let found = &report["drift"][0];
    assert_eq!(
        [&found["column"], &found["outcome"]],
        ["canale", "discarded"],
        "{report}"
    );
    commons.edit(
        PIPELINE,
        "key = [\"id\"]",
        "contract = \"evolve\"\nkey = [\"id\"]",
    );
    commons.antenne(&conform).expect_code(0);
    let kept = "select count(x_canale) as kept, count(*) as n from source.vicini__favori";
    assert_eq!(private(&commons, kept), "kept,n\n1,2\n");
}
