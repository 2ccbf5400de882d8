//! An operator tries the detectors before trusting them: on invented panels, on the records of the commons, on
//! one need in one district.

use std::sync::LazyLock;

use serde_json::Value;

use crate::commons::Commons;
use crate::help_and_schemas::assert_fits;

/// The thresholds, once they are written.
const THRESHOLDS: &str = "pipelines/detection.toml";

/// A commons with derived models, of its own.
fn derived() -> Commons {
    static DERIVED: LazyLock<Commons> = LazyLock::new(|| {
        let commons = Commons::with_exchanges(12_000);
        let words = ["run", "--until", "derive", "--talk", "quiet"];
        commons.antenne(&words).expect_code(0);
        commons
    });
    DERIVED.copied()
}

/// The first row of an answer of SQL.
fn first_row(commons: &Commons, sql: &str) -> Value {
    let words = ["query", "--private", "--format", "json", sql];
    commons.antenne(&words).expect_code(0).json()[0].clone()
}

#[test]
fn a_detector_is_scored_on_an_invented_panel() {
    let commons = Commons::empty();
    let panel = ["sample", "panel", "--out", "panel", "--seed", "3"];
    commons.antenne(&panel).expect_code(0);
    let first = commons.files("panel");
    assert_eq!(first.len(), 4);
    commons.antenne(&panel).expect_code(0);
    assert!(
        commons.files("panel") == first,
        "the same seed gives the same bytes"
    );

    let pooled = [
        &[
            "stats",
            "pooled",
            "--exposure",
            "panel/exposure.csv",
            "--first",
            "59",
        ][..],
        &["--draws", "3", "panel/counts.csv", "-o", "alarms.csv"],
    ];
    commons.antenne(&pooled.concat()).expect_code(0);
    let score = [
        "sample",
        "panel-score",
        "--panel",
        "panel",
        "--alarms",
        "alarms.csv",
    ];
    let table = commons.antenne(&score).expect_code(0).text();
    assert!(
        table.lines().next().unwrap().contains("matched:0.005"),
        "{table}"
    );
    let json = [&score[..], &["--format", "json", "--at", "bh:0.05"]].concat();
    let found = commons.antenne(&json).expect_code(0).json();
    assert_fits("panel-score", &found, "the score");
    assert!(found[0]["flags_per_month"].as_f64() > Some(1.0), "{found}");
    assert!(found[0]["precision"].as_f64() > Some(0.7), "{found}");
    assert!(found[0]["found_local"].as_f64() < Some(1.0), "{found}");

    commons.write(
        "wrong.csv",
        "district,category,month,p\n1,1,37,0.5\n101,1,37,0.5\n",
    );
    let wrong = score.map(|word| {
        if word == "alarms.csv" {
            "wrong.csv"
        } else {
            word
        }
    });
    let said = commons.antenne(&wrong).expect_code(2).said;
    assert!(
        said.contains("line 3: district 101 is none of 1 to 100"),
        "{said}"
    );
}

#[test]
fn a_replay_says_the_same_twice_and_all_methods_meet_the_same_rises() {
    let commons = derived();
    let words = [
        "backtest",
        "--months",
        "6",
        "--plant",
        "12",
        "--method",
        "pooled,ears_c2,farrington",
    ];
    let json = [&words[..], &["--format", "json"]].concat();
    let first = commons.antenne(&json).expect_code(0);
    let found = first.json();
    assert_fits("backtest", &found, "the replay");
    let methods = found["methods"].as_array().unwrap();
    let planted: Vec<u64> = methods
        .iter()
        .map(|one| one["n_planted"].as_u64().unwrap())
        .collect();
    assert!(
        planted[0] > 0 && planted.iter().all(|n| *n == planted[0]),
        "{found}"
    );
    assert_eq!(commons.antenne(&json).bytes, first.bytes);
    let text = commons.antenne(&words).expect_code(0).text();
    assert!(
        text.contains("false/month") && text.contains("ears_c2"),
        "{text}"
    );
    assert!(
        !commons.path(THRESHOLDS).exists(),
        "nothing is written unasked"
    );

    let said = commons
        .antenne(&["backtest", "--method", "pool"])
        .expect_code(2)
        .said;
    assert!(said.contains("there is no method `pool`"), "{said}");
}

#[test]
fn thresholds_are_chosen_written_whole_and_read() {
    let commons = derived();
    let words = [
        "backtest", "--months", "6", "--plant", "12", "--write", "--format", "json",
    ];
    let found = commons.antenne(&words).expect_code(0).json();
    let chosen = &found["chosen"];
    assert!(
        chosen["figures"]["false_alarms_per_month"].as_f64() <= Some(1.0),
        "{chosen}"
    );
    let text = commons.read(THRESHOLDS);
    assert!(
        text.contains("--months 6 --plant 12 --seed 1 --max-false-alarms 1\n"),
        "{text}"
    );
    commons.antenne(&["check"]).expect_code(0);
    let sql = "select max(case when name = 'rise_max_q' then value end) as q, count(*) as n from reference.detection";
    let read = first_row(&commons, sql);
    assert_eq!(read["q"], chosen["thresholds"]["rise_max_q"]);
    assert_eq!(read["n"], 12);
}

#[test]
fn a_short_history_is_not_replayed() {
    let commons = derived();
    commons.edit(
        "sql/derived/_panel_by_district_need_month.sql",
        "        and exposures.month = demand.month",
        "        and exposures.month = demand.month\nwhere exposures.month >= date '2026-01-01'",
    );
    commons
        .antenne(&["derive", "--talk", "quiet"])
        .expect_code(0);
    let said = commons
        .antenne(&["backtest", "--write"])
        .expect_code(2)
        .said;
    assert!(said.contains("a replay needs 18"), "{said}");
    assert!(!commons.path(THRESHOLDS).exists());
}

#[test]
fn a_need_in_a_district_is_explained_month_by_month() {
    let commons = derived();
    let cell = first_row(
        &commons,
        "select district_code, need_code, count(*) as n_months from derived._panel_by_district_need_month \
         where district_code <> 'OUTSIDE' and need_code <> 'NEW' \
         group by district_code, need_code order by sum(n_requests) desc, 1, 2 limit 1",
    );
    let [district, need] = ["district_code", "need_code"].map(|name| cell[name].as_str().unwrap());
    let words = ["detect", "--explain", district, need];
    let found = commons.antenne(&[&words[..], &["--format", "json"]].concat());
    let found = found.expect_code(0).json();
    assert_fits("explanation", &found, "the explanation");
    let months = found["months"].as_array().unwrap();
    assert_eq!(months.len() as u64, cell["n_months"].as_u64().unwrap());
    assert!(
        months.last().unwrap()["expected"].as_f64() > Some(0.0),
        "{found}"
    );

    let text = commons.antenne(&words).expect_code(0).text();
    let drawn = text.split_once("\n\n").unwrap().1;
    assert!(drawn.is_ascii(), "a pipe gets plain signs:\n{drawn}");
    assert!(drawn.lines().all(|line| !line.contains('\u{1b}')));
    for part in [
        "requests were expected",
        "p = ",
        "This is ",
        "Method: pooled_gamma_poisson",
    ] {
        assert!(drawn.contains(part), "{part} in\n{drawn}");
    }
    let name = found["district"].as_str().unwrap().to_lowercase();
    let by_name = ["detect", "--explain", &name, need, "--month", "2026-03"];
    let earlier = commons.antenne(&by_name).expect_code(0).text();
    assert!(earlier.contains("as known at the end of 2026-03") && !earlier.contains("2026-04"));

    let slip = format!("{district}X");
    let said = commons
        .antenne(&["detect", "--explain", &slip, need])
        .expect_code(2)
        .said;
    assert!(
        said.contains("did you mean") && said.contains(district),
        "{said}"
    );
}
