//! An operator adds a seventh platform with one TOML file and one SQL file.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::commons::Commons;

/// The contract of the platform: another delimiter, ISO dates, English headers.
const CONTRACT: &str = r#"title = { it = "Buon vicinato", en = "Good neighbors" }

[agreement]
license = "test: invented records"

[[agreement.waivers]]
rule = "min_platforms"
reason = "test agreement"

[tables.favors]
key = ["favor"]
revision = "revision"
fetch.files = { url = "sample-data/good_neighbors/favors-*.csv" }
format.csv = { delimiter = "|" }

[tables.favors.columns]
favor = { type = "record", required = true }
revision = { type = "integer", required = true }
asked_on = { type = "date", format = "%Y-%m-%d", required = true, from = "asked on" }
recorded_at = { type = "instant", required = true, from = "recorded at" }
member = { type = "person", required = true }
category = { type = "text", required = true }
comune = { type = "comune", required = true }
outcome = { type = "code", required = true, codes = { "open" = "requested", "done" = "completed" } }
remark = { type = "text" }
"#;

/// The mapping of its one table.
const MAPPING: &str = r#"/* model
description.it = "Favori chiesti ai vicini."
description.en = "Favors asked of neighbors."
into = "exchanges"
*/
select
    favor as exchange_id,
    _revision as revision,
    recorded_at,
    'need' as kind,
    member as person_key,
    comune as comune_code,
    case when category = 'garden' then 'A2.20' end as need_code,
    category as need_label,
    'individual' as mode,
    'help' as purpose,
    'active' as collaboration,
    asked_on as requested_on,
    outcome as state
from source.good_neighbors__favors
"#;

/// Three comuni around Lodi: a code, a name, a name in capitals.
const COMUNI: [&str; 3] = ["098031", "Codogno", "CASALPUSTERLENGO"];

/// Members who ask once a month.
const N_MEMBERS: usize = 20;

/// The export: a row per member and month of 2026, one row of each fault.
fn export() -> String {
    let mut text =
        "favor|revision|asked on|recorded at|member|category|comune|outcome|remark\n".to_owned();
    for month in 1..=9 {
        for member in 0..N_MEMBERS {
            let comune = COMUNI[member % COMUNI.len()];
            let category = if member % 4 == 0 { "pets" } else { "garden" };
            writeln!(text, "F{month}-{member}|1|2026-{month:02}-11|2026-{month:02}-28T08:00:00Z|N{member:03}|{category}|{comune}|open|").unwrap();
        }
    }
    text.push_str("F1-0|2|2026-01-11|2026-09-30T08:00:00Z|N000|pets|098031|done|\n");
    text.push_str("F1-1|1|2026-01-11|2026-01-28T08:00:00Z|N001|garden|Codogno|open|\n");
    text.push_str("X1|1|11/01/2026|2026-01-28T08:00:00Z|N001|garden|Codogno|open|\n");
    text.push_str("X2|1|2026-01-11|2026-01-28T08:00:00Z|N001|garden|Codogno|open|\"write to lucia.filatrice@example.org\"\n");
    text
}

#[test]
fn a_seventh_platform_takes_one_toml_and_one_sql_file() {
    let commons = Commons::small();
    commons.write("sample-data/good_neighbors/favors-2026.csv", export());
    commons.write("pipelines/sources/good_neighbors.toml", CONTRACT);
    commons.write("sql/conformed/good_neighbors__favors.sql", MAPPING);
    commons.antenne(&["check"]).expect_code(0);
    commons.antenne(&["run"]).expect_code(0);

    let line = &commons.books()["good_neighbors.favors"];
    let outcome = [
        "source_count",
        "accepted",
        "rejected",
        "duplicate",
        "superseded",
        "erased",
    ]
    .map(|field| line[field].as_u64().unwrap());
    assert_eq!(outcome, [184, 180, 2, 1, 1, 0], "{line}");
    assert_eq!(line["closed"], true);

    let counted = "select count(*) as n, count(distinct person_key) as members, count(need_code) as coded, max(revision) as revised from conformed.exchanges where platform = 'good_neighbors'";
    assert_eq!(
        private(&commons, counted),
        "n,members,coded,revised\n180,20,135,1\n"
    );
    let kept = "select need_code, sum(n_requests) as n from derived.requests_by_district_need_quarter where district_code = 'AMB-LODI' and quarter = '2026-Q2' and need_code = 'A2.20' group by need_code";
    assert_eq!(private(&commons, kept), "need_code,n\nA2.20,45\n");
    let rules = "select rule, field from conformed.rejects where platform = 'good_neighbors' order by field";
    assert_eq!(private(&commons, rules).lines().count(), 3);
    released(&commons);
}

/// The answer to a query of the operator.
fn private(commons: &Commons, sql: &str) -> String {
    commons
        .antenne(&["query", "--private", sql, "--format", "csv"])
        .expect_code(0)
        .text()
}

/// The platform is in the release: what it covers, its books, and its cell, shown only once the
/// platform has agreed to stand behind it alone.
fn released(commons: &Commons) {
    let covered = "select distinct district_code from coverage_by_platform_district_quarter where platform = 'good_neighbors' and quarter = '2026-Q2' and status in ('covered', 'partly')";
    let answer = commons
        .antenne(&["query", covered, "--format", "csv"])
        .expect_code(0)
        .text();
    assert_eq!(answer, "district_code\nAMB-LODI\n");
    // One of the quarters may still be withheld, for the sake of other cells.
    let cell = "select max(n_requests) as n_requests, min(status) as status from requests_by_district_need_quarter where district_code = 'AMB-LODI' and need_code = 'A2.20' and quarter >= '2026-Q1'";
    let ask = |commons: &Commons| {
        commons
            .antenne(&["query", cell, "--format", "csv"])
            .expect_code(0)
            .text()
    };
    assert_eq!(ask(commons), "n_requests,status\n,suppressed\n");
    let path = "pipelines/releases/requests_by_district_need_quarter.toml";
    let waiver =
        "\n[[protect.waivers]]\nplatform = \"good_neighbors\"\nreason = \"test agreement\"\n";
    commons.write(path, [&commons.read(path), waiver].concat());
    let before: BTreeSet<String> = commons.files("releases").into_keys().collect();
    commons.antenne(&["run"]).expect_code(0);
    assert_eq!(
        ask(commons),
        "n_requests,status\n,suppressed\n",
        "what is printed as withheld stays withheld"
    );
    let after: BTreeSet<String> = commons.files("releases").into_keys().collect();
    assert!(
        after.is_superset(&before) && after.len() > before.len(),
        "a new release stands beside the old one"
    );
    let agreed_before = commons.twin();
    agreed_before.antenne(&["run"]).expect_code(0);
    assert_eq!(ask(&agreed_before), "n_requests,status\n45,published\n");
}
