//! An operator hands what a run did to a catalogue that speaks `OpenLineage`.

use serde_json::Value;

use crate::commons::Commons;
use crate::servers::web::{Reply, Web};

/// A model whose columns come from two others.
const MODEL: &str = "derived.unmet_by_district_need_quarter";

/// The event about a job.
fn about<'e>(events: &'e [Value], job: &str) -> &'e Value {
    events
        .iter()
        .find(|event| event["job"]["name"] == job)
        .unwrap()
}

/// Events of a file, a line each.
fn events(text: &str) -> Vec<Value> {
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn every_model_built_is_told_with_what_it_read_and_wrote() {
    let commons = Commons::with_exchanges(600);
    let words = ["run", "--openlineage", "events.ndjson"];
    commons.antenne(&words).expect_code(0);
    let told = events(&commons.read("events.ndjson"));
    let run = about(&told, "run");
    let report: Value = serde_json::from_str(&commons.read("lake/runs/000001.json")).unwrap();
    assert_eq!(run["eventType"], "COMPLETE");
    assert_eq!(run["eventTime"], report["ended_at"]);

    let event = about(&told, MODEL);
    let parent = &event["run"]["facets"]["parent"];
    assert_eq!(parent["run"]["runId"], run["run"]["runId"]);
    let inputs = event["inputs"].as_array().unwrap().iter();
    let inputs: Vec<&str> = inputs
        .map(|input| input["name"].as_str().unwrap())
        .collect();
    assert_eq!(inputs, ["derived._complete_quarters", "derived._exchanges"]);
    let output = &event["outputs"][0];
    let stages = report["stages"].as_array().unwrap();
    let derive = stages
        .iter()
        .find(|stage| stage["stage"] == "derive")
        .unwrap();
    let account = derive["detail"].as_array().unwrap().iter();
    let account = account.clone().find(|one| one["model"] == MODEL).unwrap();
    assert_eq!(
        output["outputFacets"]["outputStatistics"]["rowCount"],
        account["n_rows"]
    );
    let lineage = &output["facets"]["columnLineage"]["fields"]["district_code"]["inputFields"];
    assert_eq!(lineage[0]["name"], "derived._exchanges");
    assert_eq!(lineage[0]["field"], "district_code");
    assert_eq!(lineage[0]["transformations"][0]["subtype"], "IDENTITY");

    // What was not built is not told again; the file is continued.
    commons.antenne(&words).expect_code(0);
    let more = events(&commons.read("events.ndjson"));
    assert_eq!(more.len(), told.len() + 1);
}

#[test]
fn a_refused_release_is_told_as_a_failure_with_its_reason() {
    let commons = Commons::with_exchanges(600);
    commons.write("sql/derived/wrong.sql", WRONG);
    let words = ["run", "--openlineage", "events.ndjson"];
    assert_ne!(commons.antenne(&words).code, 0);
    let told = events(&commons.read("events.ndjson"));
    let run = about(&told, "run");
    assert_eq!(run["eventType"], "FAIL");
    let message = run["run"]["facets"]["errorMessage"]["message"].as_str();
    assert!(message.unwrap().contains("not_empty"), "{run}");
}

/// A model whose check never holds.
const WRONG: &str = "/* model
description = { it = \"Nulla.\", en = \"Nothing.\" }
grain = [\"comune_code\"]
checks = [\"not_empty\"]

[columns.comune_code]
role = \"key\"
it = \"Comune.\"
en = \"Comune.\"
*/
select comune_code from reference.comuni where comune_code = 'none'
";

#[test]
fn a_service_gets_every_event_and_one_that_refuses_does_not_undo_the_run() {
    let commons = Commons::with_exchanges(600);
    let service = Web::start(|asked| match asked.number {
        0 => Reply::status(201, ""),
        _ => Reply::status(503, ""),
    });
    let url = format!("{}/api/v1/lineage", service.url());
    let answer = commons.antenne(&["run", "--until", "derive", "--openlineage", &url]);
    let answer = answer.expect_code(0);
    assert!(
        answer.said.contains("did not take the events"),
        "{}",
        answer.said
    );
    let asked = service.asked();
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[0].method, "POST");
    assert_eq!(asked[0].path, "/api/v1/lineage");
    assert_eq!(asked[0].headers["content-type"], "application/json");
    assert!(asked[0].body.contains("\"job\""), "{}", asked[0].body);
    let status = commons
        .antenne(&["status", "--format", "json"])
        .expect_code(0);
    assert!(status.json()["failures"].as_object().unwrap().is_empty());
}
