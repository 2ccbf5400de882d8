//! What a run did to the models, as events of `OpenLineage`.
//!
//! One event for the run and one for every model it built: what the model read, what it wrote, with columns, rows
//! and where each column comes from. Catalogues such as Marquez take such events.
//! Source: `OpenLineage` specification 2-0-2, run event; facets `schema` 1-1-1, `columnLineage` 1-2-0,
//! `outputStatistics` 1-0-2, `parent` 1-0-1, `errorMessage` 1-0-1.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use super::lineage::{Lineage, Source, lineage};
use super::{Ending, RunReport, newest_report};
use crate::canon::fingerprint::fingerprint_of;
use crate::context::Context;
use crate::engine;
use crate::lake;
use crate::models;
use crate::spec::model::Model;

/// Address of the definition of a run event.
const RUN_EVENT: &str = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/definitions/RunEvent";

/// How long a receiver may take to accept an event.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where events go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sink {
    /// Appended to a file, one event per line.
    File(PathBuf),
    /// Posted to a service, one request per event.
    Service(String),
}

impl std::str::FromStr for Sink {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_service = text.starts_with("http://") || text.starts_with("https://");
        Ok(if is_service {
            Self::Service(text.to_owned())
        } else {
            Self::File(text.into())
        })
    }
}

/// Why events could not be made or handed over.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The report of the run cannot be read.
    #[error("the report of the run cannot be read")]
    Report(#[source] super::Error),
    /// A model does not plan.
    #[error("the lineage of the models cannot be read")]
    Lineage(#[source] engine::Error),
    /// A table that was written cannot be opened.
    #[error("the tables of the models cannot be read")]
    Tables(#[source] lake::Error),
    /// The file cannot be written.
    #[error("cannot write the events to `{}`; check the folder and its rights", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The service did not take an event.
    #[error("`{url}` did not take the events; check the address and that the service runs")]
    Service {
        /// Its address.
        url: String,
        /// Why not.
        #[source]
        source: reqwest::Error,
    },
}

/// Makes the events of the last run of the lake and hands them over; nothing where there was none.
///
/// # Errors
/// As [`Error`]; the run itself is over and stands.
pub async fn emit(cx: &Context, sink: &Sink) -> Result<(), Error> {
    let Some(report) = newest_report(cx).await.map_err(Error::Report)? else {
        return Ok(());
    };
    let events = events(cx, &report).await?;
    match sink {
        Sink::File(path) => append(path, &events),
        Sink::Service(url) => post(url, &events).await,
    }
}

/// The events of a run: its own first, then those of the models it built.
async fn events(cx: &Context, report: &RunReport) -> Result<Vec<Value>, Error> {
    let origins = lineage(&cx.commons).await.map_err(Error::Lineage)?;
    let mut events = vec![of_run(cx, report)];
    for (model, n_rows) in built(cx, report) {
        let schema = columns(cx, model).await?;
        let mut event = frame(cx, report, &model.name);
        event["run"]["facets"]["parent"] = facet(
            "1-0-1/ParentRunFacet.json#/$defs/ParentRunFacet",
            json!({
                "run": { "runId": run_id(cx, report, "run") },
                "job": { "namespace": namespace(cx), "name": "run" },
            }),
        );
        let inputs = model.inputs.iter();
        let inputs: Vec<Value> = inputs
            .filter(|input| **input != model.name)
            .map(|input| json!({ "namespace": namespace(cx), "name": input }))
            .collect();
        event["inputs"] = inputs.into();
        event["outputs"] = json!([{
            "namespace": namespace(cx),
            "name": model.name,
            "facets": {
                "schema": facet("1-1-1/SchemaDatasetFacet.json#/$defs/SchemaDatasetFacet", json!({ "fields": schema })),
                "columnLineage": facet(
                    "1-2-0/ColumnLineageDatasetFacet.json#/$defs/ColumnLineageDatasetFacet",
                    json!({ "fields": column_lineage(cx, model, &origins) }),
                ),
            },
            "outputFacets": {
                "outputStatistics": facet(
                    "1-0-2/OutputStatisticsOutputDatasetFacet.json#/$defs/OutputStatisticsOutputDatasetFacet",
                    json!({ "rowCount": n_rows }),
                ),
            },
        }]);
        events.push(event);
    }
    Ok(events)
}

/// The event of the run as a whole.
fn of_run(cx: &Context, report: &RunReport) -> Value {
    let mut event = frame(cx, report, "run");
    if report.ending == Ending::Failed || report.ending == Ending::Refused {
        event["eventType"] = "FAIL".into();
        let said: Vec<String> = report
            .failures
            .iter()
            .map(|(what, why)| format!("{what}: {why}"))
            .collect();
        event["run"]["facets"]["errorMessage"] = facet(
            "1-0-1/ErrorMessageRunFacet.json#/$defs/ErrorMessageRunFacet",
            json!({ "message": said.join("\n"), "programmingLanguage": "Rust" }),
        );
    }
    event
}

/// What every event has.
fn frame(cx: &Context, report: &RunReport, job: &str) -> Value {
    json!({
        "eventType": "COMPLETE",
        "eventTime": report.ended_at.unwrap_or(report.started_at),
        "producer": producer(),
        "schemaURL": RUN_EVENT,
        "run": { "runId": run_id(cx, report, job), "facets": {} },
        "job": { "namespace": namespace(cx), "name": job, "facets": {} },
        "inputs": [],
        "outputs": [],
    })
}

/// A facet with what every facet has.
fn facet(definition: &str, mut content: Value) -> Value {
    content["_producer"] = producer().into();
    content["_schemaURL"] = format!("https://openlineage.io/spec/facets/{definition}").into();
    content
}

/// Who says so.
fn producer() -> &'static str {
    concat!("urn:antenne:", env!("CARGO_PKG_VERSION"))
}

/// The space of names: the publisher's home page, which two commons do not share.
fn namespace(cx: &Context) -> &str {
    &cx.commons.settings.publisher.url
}

/// A number for one job of one run, the same whenever it is asked: RFC 9562, version 8.
fn run_id(cx: &Context, report: &RunReport, job: &str) -> String {
    let (run, began) = (report.run.to_string(), report.started_at.to_rfc3339());
    let digits = fingerprint_of([namespace(cx), &run, &began, job]);
    let part = |range: std::ops::Range<usize>| digits.get(range).unwrap_or_default();
    format!(
        "{}-{}-8{}-a{}-{}",
        part(0..8),
        part(8..12),
        part(12..15),
        part(15..18),
        part(18..30)
    )
}

/// The models a run built, with the rows they hold.
fn built<'a>(cx: &'a Context, report: &'a RunReport) -> Vec<(&'a Model, u64)> {
    let rebuilt = report
        .models()
        .filter(|account| account["action"] == "rebuilt");
    rebuilt
        .filter_map(|account| {
            let name = account["model"].as_str()?;
            let model = cx.commons.models.iter().find(|model| model.name == name)?;
            Some((model, account["n_rows"].as_u64().unwrap_or_default()))
        })
        .collect()
}

/// Columns of a model's table, with type and meaning.
async fn columns(cx: &Context, model: &Model) -> Result<Vec<Value>, Error> {
    let snapshot = cx.lake.snapshot(models::zone_of(model), model.stem()).await;
    let Some(snapshot) = snapshot.map_err(Error::Tables)? else {
        return Ok(Vec::new());
    };
    let described = snapshot.schema.fields().iter().map(|field| {
        let text = model.header.columns.get(field.name());
        json!({
            "name": field.name(),
            "type": field.data_type().to_string(),
            "description": text.map_or("", |text| text.en.as_str()),
        })
    });
    Ok(described.collect())
}

/// Where each column of a model comes from.
fn column_lineage(cx: &Context, model: &Model, origins: &Lineage) -> Value {
    let of_column = |column: &String| {
        let sources = origins.get(&(model.name.clone(), column.clone()))?;
        let fields: Vec<Value> = sources.iter().map(|source| field(cx, source)).collect();
        (!fields.is_empty()).then(|| (column.clone(), json!({ "inputFields": fields })))
    };
    let columns = model.header.columns.keys();
    Value::Object(columns.filter_map(of_column).collect())
}

/// A column that another one comes from.
fn field(cx: &Context, source: &Source) -> Value {
    let subtype = if source.is_computed {
        "TRANSFORMATION"
    } else {
        "IDENTITY"
    };
    json!({
        "namespace": namespace(cx),
        "name": source.table,
        "field": source.column,
        "transformations": [{ "type": "DIRECT", "subtype": subtype }],
    })
}

/// Appends events to a file in one write.
fn append(path: &std::path::Path, events: &[Value]) -> Result<(), Error> {
    let failed = |source| Error::File {
        path: path.to_owned(),
        source,
    };
    let mut lines: Vec<String> = events.iter().map(Value::to_string).collect();
    lines.push(String::new());
    let lines = lines.join("\n");
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .map_err(failed)?;
    std::io::Write::write_all(&mut file, lines.as_bytes()).map_err(failed)
}

/// Posts events one after the other.
async fn post(url: &str, events: &[Value]) -> Result<(), Error> {
    let failed = |source| Error::Service {
        url: url.to_owned(),
        source,
    };
    let client = reqwest::Client::builder().timeout(PATIENCE).build();
    let client = client.map_err(failed)?;
    for event in events {
        let request = client
            .post(url)
            .header(reqwest::header::CONTENT_TYPE, "application/json")
            .body(event.to_string());
        let answer = request.send().await.map_err(failed)?;
        answer.error_for_status().map_err(failed)?;
    }
    Ok(())
}
