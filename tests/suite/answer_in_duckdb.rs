//! A researcher runs the models in another engine over the same files, and gets the same answers.

use std::collections::BTreeMap;
use std::process::Command;

use antenne::run::check::table_schemas;
use antenne::spec::commons::Commons as Declared;
use arrow::datatypes::{DataType, Schema};
use serde_json::{Value, json};

use crate::commons::{finished, repository};
use crate::lake;
use crate::servers::{answers, require};

/// Models that DuckDB cannot answer in the same way, and why.
const EXCEPTIONS: &str = include_str!("answer_in_duckdb.toml");

/// The least number of models that both engines must answer.
const AT_LEAST: usize = 25;

/// Type of a column in DuckDB.
fn kind(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Int64 => "BIGINT",
        DataType::Float64 => "DOUBLE",
        DataType::Boolean => "BOOLEAN",
        DataType::Date32 => "DATE",
        DataType::Binary => "BLOB",
        DataType::Decimal128(_, _) => "DECIMAL(12, 2)",
        DataType::Timestamp(_, _) => "TIMESTAMPTZ",
        _ => "VARCHAR",
    }
}

/// Names and types of columns.
fn columns(schema: &Schema) -> Vec<(String, &'static str)> {
    let fields = schema.fields().iter();
    fields
        .map(|field| (field.name().clone(), kind(field.data_type())))
        .collect()
}

#[tokio::test]
async fn duckdb_answers_the_models_as_the_lake_does() {
    let interpreter = repository().join(".venv/bin/python");
    let asked = Command::new(&interpreter)
        .args(["-c", "import duckdb"])
        .output();
    if !asked.is_ok_and(|answer| answer.status.success()) {
        return require("duckdb of PyPI (make servers)");
    }
    let commons = finished();
    let declared = Declared::load(&commons.path(".")).unwrap();
    let schemas = table_schemas(&declared).await.unwrap();
    let held = lake::tables(&commons.path("lake"));
    let mut tables = BTreeMap::new();
    for (name, schema) in schemas
        .iter()
        .filter(|(name, _)| !name.starts_with("source.") && !name.starts_with("detected."))
    {
        let (zone, stem) = name.split_once('.').unwrap();
        let folder = commons.path("lake").join(zone).join(stem);
        let files: Vec<_> = held
            .get(name)
            .into_iter()
            .flat_map(|table| table.keys())
            .map(|file| folder.join(file))
            .collect();
        let csv = declared
            .reference
            .tables
            .get(stem)
            .filter(|_| zone == "reference");
        let csv = csv.map(|table| match &table.rows {
            None => commons.path("reference").join(&table.file),
            // The thresholds of detection are no file: DuckDB is handed one.
            Some(rows) => {
                let file = format!("said/{}", table.file);
                commons.write(&file, rows);
                commons.path(&file)
            }
        });
        let table = json!({ "columns": columns(schema), "files": files, "csv": csv });
        tables.insert(name.clone(), table);
    }
    let models: Vec<Value> = declared
        .models
        .iter()
        .filter(|model| model.name.starts_with("derived."))
        .map(|model| json!({ "name": model.name, "sql": model.sql, "grain": model.header.grain }))
        .collect();
    let work = json!({
        "macros": repository().join("notebooks/duckdb.sql"),
        "tables": tables,
        "models": models,
    });
    let place = commons.path("said/duckdb.json");
    std::fs::create_dir_all(place.parent().unwrap()).unwrap();
    std::fs::write(&place, work.to_string()).unwrap();
    let script = repository().join("tests/suite/answer_in_duckdb.py");
    let said = answers(Command::new(interpreter).arg(script).arg(&place));
    let found: BTreeMap<String, Value> = serde_json::from_str(&said).unwrap();

    let exceptions: BTreeMap<String, String> = toml::from_str(EXCEPTIONS).unwrap();
    let stem = |name: &str| name.replace("derived.", "");
    let is_same = |answer: &Value| {
        answer["error"].is_null() && answer["differences"].as_array().unwrap().is_empty()
    };
    let other: Vec<String> = found
        .iter()
        .filter(|(name, answer)| !is_same(answer) && !exceptions.contains_key(&stem(name)))
        .map(|(name, answer)| format!("{name}: {answer}"))
        .collect();
    assert!(other.is_empty(), "{}", other.join("\n"));
    for name in exceptions.keys() {
        let answer = &found[&format!("derived.{name}")];
        assert!(!is_same(answer), "`{name}` is no exception any more");
    }
    let n_same = found
        .values()
        .filter(|answer| is_same(answer) && answer["rows"].as_u64().unwrap() > 0)
        .count();
    assert!(
        n_same >= AT_LEAST,
        "only {n_same} models are answered by both"
    );
}
