//! An analyst changes a SQL file and sees what it will do before it does it.

use std::sync::LazyLock;

use serde_json::Value;

use crate::commons::{Commons, finished};

/// The model that most others read.
const EXCHANGES: &str = "sql/derived/_exchanges.sql";
/// A model that one data set publishes.
const UNMET: &str = "sql/derived/unmet_by_district_need_quarter.sql";

/// A commons with a run behind it, of its own.
fn derived() -> Commons {
    static DERIVED: LazyLock<Commons> = LazyLock::new(|| {
        let commons = Commons::with_exchanges(600);
        let words = ["run", "--until", "derive", "--talk", "quiet"];
        commons.antenne(&words).expect_code(0);
        commons
    });
    DERIVED.copied()
}

/// The plan as JSON.
fn plan(commons: &Commons, more: &[&str]) -> Value {
    let words = [&["plan", "--format", "json"], more].concat();
    commons.antenne(&words).expect_code(0).json()
}

/// What would become of a model.
fn planned<'p>(plan: &'p Value, model: &str) -> &'p Value {
    let models = plan["models"].as_array().unwrap();
    models
        .iter()
        .find(|one| one["model"] == format!("derived.{model}"))
        .unwrap()
}

/// The models that would be built, without their schema.
fn built(plan: &Value) -> Vec<String> {
    let models = plan["models"].as_array().unwrap().iter();
    let is_derived = |one: &&Value| one["model"].as_str().unwrap().starts_with("derived.");
    // Detection is not run here, so all of its models are new.
    let built = models
        .filter(|one| one["fate"] != "unchanged")
        .filter(is_derived);
    let name = |one: &Value| one["model"].as_str().unwrap().replace("derived.", "");
    built.map(name).collect()
}

#[test]
fn nothing_is_planned_where_nothing_changed_or_only_a_comment() {
    let commons = derived();
    assert!(built(&plan(&commons, &[])).is_empty());
    commons.edit(
        EXCHANGES,
        "with exchanges as (",
        "-- A new remark.\nwith exchanges   as (",
    );
    assert!(built(&plan(&commons, &[])).is_empty());
}

#[test]
fn an_added_column_is_not_breaking_and_rebuilds_nothing_below() {
    let commons = derived();
    commons.edit(
        EXCHANGES,
        "    feedback_score,\n    cast(date_trunc('month'",
        "    feedback_score,\n    hours_delivered * 60 as minutes_delivered,\n    cast(date_trunc('month'",
    );
    commons.edit(
        EXCHANGES,
        "[columns.month]",
        "[columns.minutes_delivered]\nrole = \"measure\"\nit = \"Minuti.\"\nen = \"Minutes.\"\n\n[columns.month]",
    );
    let found = plan(&commons, &["--diff"]);
    assert_eq!(built(&found), ["_exchanges"]);
    let change = planned(&found, "_exchanges");
    assert_eq!(change["is_breaking"], false);
    assert_eq!(change["added"], serde_json::json!(["minutes_delivered"]));
    assert!(change["n_input_rows"].as_u64().unwrap() > 500);
    let difference = &found["differences"][0];
    assert_eq!(difference["n_changed"], 0, "{difference}");

    let report = commons.antenne(&["derive", "--format", "json"]);
    let report = report.expect_code(0).json();
    let models = report["stages"][0]["detail"].as_array().unwrap();
    let rebuilt = models.iter().filter(|one| one["action"] == "rebuilt");
    assert_eq!(rebuilt.count(), 1, "{report}");
    assert!(built(&plan(&commons, &[])).is_empty());
}

#[test]
fn a_changed_filter_is_breaking_and_the_cells_are_shown_before_they_change() {
    let commons = derived();
    let count = "select sum(n_unmet) as n from derived.unmet_by_district_need_quarter";
    let ask = ["query", "--private", "--format", "json", count];
    let before = commons.antenne(&ask).expect_code(0).json()[0]["n"].as_i64();
    commons.edit(
        UNMET,
        "case when outcome = 'unmet' then 1 else 0 end as is_unmet",
        "case when outcome in ('unmet', 'pending') then 1 else 0 end as is_unmet",
    );
    let found = plan(&commons, &["--diff"]);
    assert_eq!(built(&found), ["unmet_by_district_need_quarter"]);
    let change = planned(&found, "unmet_by_district_need_quarter");
    assert_eq!(change["is_breaking"], true);
    let changed: Vec<&str> = change["changed"]
        .as_array()
        .unwrap()
        .iter()
        .map(|column| column.as_str().unwrap())
        .collect();
    assert_eq!(changed, ["n_unmet", "n_persons", "n_persons_rest"]);
    let difference = &found["differences"][0];
    assert!(
        difference["n_changed"].as_i64().unwrap() > 0,
        "{difference}"
    );
    assert_eq!(difference["n_added"], 0);
    assert!(!difference["periods"].as_array().unwrap().is_empty());
    let cell = &difference["cells"][0];
    assert_ne!(cell["before"], cell["after"]);
    // Nothing was written.
    let after = commons.antenne(&ask).expect_code(0).json()[0]["n"].as_i64();
    assert_eq!(before, after);
    commons.antenne(&["derive"]).expect_code(0);
    let after = commons.antenne(&ask).expect_code(0).json()[0]["n"].as_i64();
    assert!(after > before, "{before:?} {after:?}");
}

#[test]
fn a_renamed_model_is_recognized_and_its_old_table_goes() {
    let commons = derived();
    let (old, new) = (
        "sql/derived/waits_by_district_need_month.sql",
        "sql/derived/delays_by_district_need_month.sql",
    );
    std::fs::rename(commons.path(old), commons.path(new)).unwrap();
    let found = plan(&commons, &[]);
    let change = planned(&found, "delays_by_district_need_month");
    assert_eq!(change["fate"], "new");
    assert_eq!(
        change["renamed_from"],
        "derived.waits_by_district_need_month"
    );
    assert_eq!(
        found["removed"],
        serde_json::json!(["derived.waits_by_district_need_month"])
    );
    commons.antenne(&["derive"]).expect_code(0);
    assert!(
        !commons
            .path("lake/derived/waits_by_district_need_month")
            .join("_delta_log")
            .exists()
            || commons
                .files("lake/derived/waits_by_district_need_month")
                .is_empty()
    );
    assert_eq!(plan(&commons, &[])["removed"], serde_json::json!([]));
}

#[test]
fn a_comune_that_moved_restates_the_quarters_it_is_counted_in() {
    let commons = derived();
    let districts = commons.read("reference/districts.csv");
    let line = districts
        .lines()
        .find(|line| line.contains("AMB-MONZA") && line.contains("108033"))
        .unwrap()
        .to_owned();
    let parts: Vec<&str> = line.split(',').collect();
    let moved = format!(
        "{}\n{}",
        line.replace(",2021-01-01,,", ",2021-01-01,2025-06-30,"),
        [
            parts[0],
            "AMB-DESIO",
            "Ambito di Desio",
            parts[3],
            "2025-07-01",
            "",
            parts[6]
        ]
        .join(",")
    );
    commons.edit("reference/districts.csv", &line, &moved);
    let found = plan(
        &commons,
        &["--diff", "--select", "requests_by_district_need_quarter"],
    );
    let change = planned(&found, "requests_by_district_need_quarter");
    assert_eq!(change["fate"], "restated");
    assert_eq!(
        change["because_of"],
        serde_json::json!(["derived._exchanges"])
    );
    let periods = found["differences"][0]["periods"].as_array().unwrap();
    assert!(!periods.is_empty());
    assert!(
        periods
            .iter()
            .all(|period| period.as_str().unwrap() >= "2025-Q3"),
        "{periods:?}"
    );
}

#[test]
fn a_failed_check_leaves_the_table_as_it_was_and_the_next_run_begins_there() {
    let commons = derived();
    commons.edit(
        UNMET,
        "    \"n_requests >= 1\",",
        "    \"n_requests >= 2\",",
    );
    let found = plan(&commons, &[]);
    assert_eq!(
        planned(&found, "unmet_by_district_need_quarter")["only_checks"],
        true
    );
    let answer = commons.antenne(&["derive"]).expect_code(1);
    assert!(answer.said.contains("n_requests >= 2"), "{}", answer.said);
    let ask = "select count(*) as n from derived.unmet_by_district_need_quarter";
    let rows = commons.antenne(&["query", "--private", "--format", "json", ask]);
    assert!(rows.expect_code(0).json()[0]["n"].as_i64().unwrap() > 0);
    commons.edit(
        UNMET,
        "    \"n_requests >= 2\",",
        "    \"n_requests >= 1\",",
    );
    assert!(built(&plan(&commons, &[])).is_empty());
}

#[test]
fn selectors_choose_models_and_a_wrong_one_is_answered_with_the_nearest() {
    let commons = finished();
    let found = plan(&commons, &["--select", "+unmet_by_district_need_quarter"]);
    let names: Vec<&str> = found["models"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["model"].as_str().unwrap())
        .collect();
    assert!(names.contains(&"derived._exchanges") && names.contains(&"derived._complete_quarters"));
    let answer = commons
        .antenne(&["plan", "--select", "districtz"])
        .expect_code(2);
    assert!(
        answer.said.contains("did you mean `districts`?"),
        "{}",
        answer.said
    );
}

#[test]
fn late_rows_restate_the_quarters_they_fall_in_and_no_other() {
    let commons = derived();
    let ledger = "sample-data/mi_fido_di_noi/movimenti.csv";
    let page = std::fs::read(commons.path(ledger)).unwrap();
    let lines: Vec<&[u8]> = page.split(|byte| *byte == b'\n').collect();
    let mut late = [lines[0], b"\n"].concat();
    let mut quarters = Vec::new();
    for year in ["2024", "2025"] {
        let fields_of = |line: &&[u8]| -> Vec<Vec<u8>> {
            let fields = line.split(|byte| *byte == b';');
            fields.map(<[u8]>::to_vec).collect()
        };
        let is_asked = |fields: &Vec<Vec<u8>>| {
            let is_of_year = fields
                .get(2)
                .is_some_and(|day| day.ends_with(year.as_bytes()));
            let has = |word: &[u8]| fields.contains(&word.to_vec());
            is_of_year && has(b"CERCO") && has(b"CONCLUSO")
        };
        let mut asked = lines.iter().map(fields_of).find(is_asked).unwrap();
        let month: u32 = String::from_utf8_lossy(&asked[2][3..5]).parse().unwrap();
        quarters.push(format!("{year}-Q{}", month.div_ceil(3)));
        asked[0] = format!("M9{year}001").into_bytes();
        late.extend_from_slice(&asked.join(&b';'));
        late.push(b'\n');
    }
    commons.write("sample-data/mi_fido_di_noi/movimenti-late.csv", late);
    commons
        .antenne(&["run", "--until", "conform"])
        .expect_code(0);
    let found = plan(
        &commons,
        &["--diff", "--select", "requests_by_district_need_quarter"],
    );
    let change = planned(&found, "requests_by_district_need_quarter");
    assert_eq!(change["fate"], "restated");
    assert_eq!(
        found["differences"][0]["periods"],
        serde_json::json!(quarters)
    );
    commons.antenne(&["derive"]).expect_code(0);
    assert!(built(&plan(&commons, &[])).is_empty());
}

#[test]
fn a_warning_is_said_with_its_rows_and_keeps_no_table_back() {
    let commons = derived();
    commons.edit(
        UNMET,
        "checks = [",
        "warnings = [\"at_most(1, n_requests < 3)\", \"accepted_values(need_code, 'A2.22')\"]\nchecks = [",
    );
    let answer = commons
        .antenne(&["derive", "--format", "json"])
        .expect_code(0);
    let report = answer.json();
    let models = report["stages"][0]["detail"].as_array().unwrap();
    let unmet = models
        .iter()
        .find(|one| one["model"] == "derived.unmet_by_district_need_quarter")
        .unwrap();
    assert_eq!(unmet["action"], "rebuilt");
    let warnings = unmet["warnings"].as_array().unwrap();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[1]["n_rows"].as_i64().unwrap() > 0);
    let sample = warnings[1]["sample"][0].as_str().unwrap();
    assert!(sample.contains(" · 20"), "{sample}");
}

#[test]
fn a_changed_threshold_rebuilds_what_reads_the_thresholds_and_nothing_else() {
    let commons = derived();
    commons.write(
        "sql/derived/_threshold.sql",
        "/* model\n\
         description.it = \"Una soglia.\"\n\
         description.en = \"A threshold.\"\n\
         grain = [\"name\"]\n\
         [columns.name]\n\
         role = \"key\"\n\
         it = \"Nome.\"\n\
         en = \"Name.\"\n\
         [columns.value]\n\
         role = \"measure\"\n\
         it = \"Valore.\"\n\
         en = \"Value.\"\n\
         */\n\
         select\n    name,\n    value\nfrom reference.detection\nwhere name = 'rise_max_q'\n",
    );
    commons.antenne(&["derive"]).expect_code(0);
    let ask = "select value from derived._threshold";
    let ask = ["query", "--private", "--format", "json", ask];
    let value = || commons.antenne(&ask).expect_code(0).json()[0]["value"].as_f64();
    assert_eq!(value(), Some(0.05), "without a file the built-in value");
    assert!(built(&plan(&commons, &[])).is_empty());

    commons.write("pipelines/detection.toml", "rise_max_q = 0.01\n");
    let found = plan(&commons, &[]);
    assert_eq!(built(&found), ["_threshold"]);
    assert_eq!(
        planned(&found, "_threshold")["because_of"],
        serde_json::json!(["reference.detection"])
    );
    commons.antenne(&["derive"]).expect_code(0);
    assert_eq!(value(), Some(0.01));
}
