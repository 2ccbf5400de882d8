//! An operator hands what a run did to a catalogue that speaks `OpenLineage`.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use serde_json::Value;

use crate::commons::Commons;

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
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}/api/v1/lineage", listener.local_addr().unwrap());
    let service = thread::spawn(move || take_one_and_refuse(&listener));
    let answer = commons.antenne(&["run", "--until", "derive", "--openlineage", &url]);
    let answer = answer.expect_code(0);
    assert!(
        answer.said.contains("did not take the events"),
        "{}",
        answer.said
    );
    let taken = service.join().unwrap();
    assert!(taken.starts_with("POST /api/v1/lineage"), "{taken}");
    assert!(
        taken.contains("application/json") && taken.contains("\"job\""),
        "{taken}"
    );
    let status = commons
        .antenne(&["status", "--format", "json"])
        .expect_code(0);
    assert!(status.json()["failures"].as_object().unwrap().is_empty());
}

/// Takes the first request, and answers that the second is not welcome.
fn take_one_and_refuse(listener: &TcpListener) -> String {
    let mut first = String::new();
    for answer in ["201 Created", "503 Service Unavailable"] {
        let (mut stream, _from) = listener.accept().unwrap();
        let request = whole(&mut stream);
        let said = format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        stream.write_all(said.as_bytes()).unwrap();
        if first.is_empty() {
            first = request;
        }
    }
    first
}

/// A request with its body, as long as its header says.
fn whole(stream: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    let mut part = [0_u8; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                let is_length = name.eq_ignore_ascii_case("content-length");
                is_length.then(|| value.trim().parse::<usize>().ok())?
            });
            if body.len() >= length.unwrap_or_default() {
                return text;
            }
        }
        let n_read = stream.read(&mut part).unwrap();
        assert!(n_read > 0, "the request ended early: {text}");
        bytes.extend_from_slice(&part[..n_read]);
    }
}
