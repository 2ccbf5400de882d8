//! A contributor writes a model and sees on a few rows that it counts what it says.
//!
//! Each model has `tests/models/<layer>/<model>.slt`, in the manner of sqllogictest: a comment on what the case shows,
//! the tables it reads, the rows it must answer.
//!
//! ```text
//! # A member counts in the comune of the month.
//!
//! table conformed.activity
//! platform | comune_code | month      | n_active_members
//! p        | A1          | 2026-01-01 | 10
//!
//! answer
//! platform | month      | n_active_members
//! p        | 2026-01-01 | 10
//! ```
//!
//! Cells stand between ` | `; `NULL` is an absent value, `(empty)` an empty text, a key the bytes of its text.
//! A column that an input does not name is absent in all its rows; its type is that of the declaration.
//! A long series is written as a statement: `table NAME select`, and the lines of one that gives its columns.
//! `answer where CONDITION` shows the rows of which it holds. Several `answer` parts may show different columns of the same rows; together they must show every column.
//! `UPDATE_GOLDEN=1` rewrites the rows of the answers, to be read in review like code.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use antenne::run::check::table_schemas;
use antenne::spec::commons::Commons;
use antenne::spec::model::Model;
use arrow::array::{Array, ArrayRef, AsArray, StringArray, new_null_array};
use arrow::compute::cast_with_options;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::catalog::{MemorySchemaProvider, SchemaProvider};
use datafusion::datasource::MemTable;
use datafusion::prelude::{SessionConfig, SessionContext};

/// Where the cases lie, below the repository.
const FOLDER: &str = "tests/models";

/// A part of a case: an input or an answer.
#[derive(Debug)]
struct Part {
    /// Name of the input table; nothing for an answer.
    table: Option<String>,
    /// Statement that gives the rows of the table, or condition of the answer's rows.
    sql: Option<String>,
    /// Line of its header, from 1.
    line: usize,
    /// Columns.
    columns: Vec<String>,
    /// Rows of cells.
    rows: Vec<Vec<String>>,
}

/// A case with the comment above it.
#[derive(Debug)]
struct Case {
    /// The comment lines.
    comment: Vec<String>,
    /// Inputs and answers, in order.
    parts: Vec<Part>,
}

/// The cells of a line.
fn cells(line: &str) -> Vec<String> {
    format!(" {line} ")
        .split(" | ")
        .map(|cell| cell.trim().to_owned())
        .collect()
}

/// Reads a case.
fn parse(text: &str) -> Case {
    let mut case = Case {
        comment: Vec::new(),
        parts: Vec::new(),
    };
    let mut is_open = false;
    for (number, line) in (1..).zip(text.lines()) {
        if line.starts_with('#') {
            case.comment.push(line.to_owned());
        } else if line.trim().is_empty() {
            is_open = false;
        } else if !is_open {
            case.parts.push(opened(line, number));
            is_open = true;
        } else if let Some(part) = case.parts.last_mut() {
            if let (Some(sql), Some(_table)) = (&mut part.sql, &part.table) {
                sql.push_str(line);
                sql.push('\n');
            } else if part.columns.is_empty() {
                part.columns = cells(line);
            } else {
                part.rows.push(cells(line));
            }
        }
    }
    case
}

/// The part that a line opens.
fn opened(line: &str, number: usize) -> Part {
    let table = line.strip_prefix("table ").map(str::trim);
    let condition = line.strip_prefix("answer where ");
    assert!(
        table.is_some() || condition.is_some() || line == "answer",
        "line {number}: `table NAME` or `answer` expected, found `{line}`"
    );
    let selected = table.and_then(|table| table.strip_suffix(" select"));
    Part {
        table: selected.or(table).map(str::to_owned),
        sql: selected
            .map(|_| String::new())
            .or(condition.map(str::to_owned)),
        line: number,
        columns: Vec::new(),
        rows: Vec::new(),
    }
}

/// Writes a case, its columns aligned.
fn written(case: &Case) -> String {
    let mut text = case.comment.join("\n");
    text.push('\n');
    for part in &case.parts {
        let head = match (&part.table, &part.sql) {
            (Some(name), Some(_)) => format!("table {name} select"),
            (Some(name), None) => format!("table {name}"),
            (None, Some(condition)) => format!("answer where {condition}"),
            (None, None) => "answer".to_owned(),
        };
        text.extend(["\n", &head, "\n"]);
        if let (Some(_), Some(sql)) = (&part.table, &part.sql) {
            text.push_str(sql);
            continue;
        }
        let lines: Vec<&Vec<String>> = [&part.columns].into_iter().chain(&part.rows).collect();
        let width = |column: usize| {
            lines
                .iter()
                .map(|line| line[column].chars().count())
                .max()
                .unwrap_or_default()
        };
        let widths: Vec<usize> = (0..part.columns.len()).map(width).collect();
        for line in lines {
            let cells: Vec<String> = line
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:<width$}"))
                .collect();
            text.push_str(cells.join(" | ").trim_end());
            text.push('\n');
        }
    }
    text
}

/// Values of a column of texts in the type of the declaration.
fn typed(texts: Vec<Option<String>>, data_type: &DataType) -> ArrayRef {
    let texts: ArrayRef = Arc::new(StringArray::from(texts));
    let options = arrow::compute::CastOptions {
        safe: false,
        ..Default::default()
    };
    cast_with_options(&texts, data_type, &options).unwrap()
}

/// An input table in the types of its declaration.
fn input(part: &Part, schema: &SchemaRef) -> RecordBatch {
    for column in &part.columns {
        assert!(
            schema.field_with_name(column).is_ok(),
            "line {}: there is no column `{column}`",
            part.line
        );
    }
    let columns = schema.fields().iter().map(|field| {
        let Some(index) = part
            .columns
            .iter()
            .position(|column| column == field.name())
        else {
            return new_null_array(field.data_type(), part.rows.len());
        };
        let texts = part.rows.iter().map(|row| match row[index].as_str() {
            "NULL" => None,
            "(empty)" => Some(String::new()),
            text => Some(text.to_owned()),
        });
        typed(texts.collect(), field.data_type())
    });
    let columns = columns.collect();
    let schema = schema
        .fields()
        .iter()
        .map(|field| field.as_ref().clone().with_nullable(true))
        .collect::<Vec<_>>();
    RecordBatch::try_new(Arc::new(arrow::datatypes::Schema::new(schema)), columns).unwrap()
}

/// A part whose rows are given by a statement, with them.
async fn selected(part: &Part, sql: &str) -> Part {
    let session = SessionContext::new();
    antenne::functions::register(&session).unwrap();
    let frame = session.sql(sql).await;
    let frame = frame.unwrap_or_else(|error| panic!("line {}: {error}", part.line));
    let schema = Arc::new(frame.schema().as_arrow().clone());
    let batches = frame.collect().await.unwrap();
    let rows = arrow::compute::concat_batches(&schema, &batches).unwrap();
    let columns: Vec<Vec<String>> = rows.columns().iter().map(texts).collect();
    let row = |at: usize| columns.iter().map(|column| column[at].clone()).collect();
    Part {
        table: part.table.clone(),
        sql: None,
        line: part.line,
        columns: schema
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect(),
        rows: (0..rows.num_rows()).map(row).collect(),
    }
}

/// A fresh session with the inputs of a case; what the model reads and the case leaves out is empty.
async fn session(
    model: &Model,
    case: &Case,
    schemas: &BTreeMap<String, SchemaRef>,
) -> SessionContext {
    let session = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1));
    antenne::functions::register(&session).unwrap();
    let catalog = session.catalog("datafusion").unwrap();
    for schema in ["source", "conformed", "reference", "derived", "detected"] {
        let empty: Arc<dyn SchemaProvider> = Arc::new(MemorySchemaProvider::new());
        catalog.register_schema(schema, empty).unwrap();
    }
    for table in &model.inputs {
        let schema = schemas
            .get(table)
            .unwrap_or_else(|| panic!("`{table}` is not declared"));
        let given = case
            .parts
            .iter()
            .find(|part| part.table.as_deref() == Some(table));
        let batch = match given {
            Some(part) => match &part.sql {
                Some(sql) => input(&selected(part, sql).await, schema),
                None => input(part, schema),
            },
            None => input(&opened("answer", 0), schema),
        };
        let rows = MemTable::try_new(batch.schema(), vec![vec![batch]]).unwrap();
        session
            .register_table(table.as_str(), Arc::new(rows))
            .unwrap();
    }
    session
}

/// The cells of a column as texts.
fn texts(column: &ArrayRef) -> Vec<String> {
    if let Some(bytes) = column.as_binary_opt::<i32>() {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        return bytes
            .iter()
            .map(|value| value.map_or_else(|| "NULL".to_owned(), text))
            .collect();
    }
    let options = FormatOptions::default().with_null("NULL");
    let formatter = ArrayFormatter::try_new(column, &options).unwrap();
    let text = |row: usize| Some(formatter.value(row).to_string()).filter(|text| !text.is_empty());
    (0..column.len())
        .map(|row| text(row).unwrap_or_else(|| "(empty)".to_owned()))
        .collect()
}

/// What the model answers, by column; only the rows of which a condition holds.
async fn answer(
    model: &Model,
    (case, condition): (&Case, Option<&str>),
    schemas: &BTreeMap<String, SchemaRef>,
) -> Result<BTreeMap<String, Vec<String>>, String> {
    let session = session(model, case, schemas).await;
    let sql = condition.map_or_else(
        || model.sql.clone(),
        |condition| format!("select * from ({}) as answer where {condition}", model.sql),
    );
    let frame = session.sql(&sql).await.map_err(|error| error.to_string())?;
    let schema = Arc::new(frame.schema().as_arrow().clone());
    let batches = frame.collect().await.map_err(|error| error.to_string())?;
    let rows =
        arrow::compute::concat_batches(&schema, &batches).map_err(|error| error.to_string())?;
    Ok(schema
        .fields()
        .iter()
        .zip(rows.columns())
        .map(|(field, column)| (field.name().clone(), texts(column)))
        .collect())
}

/// The rows of the answer in the columns of a part, sorted.
fn shown(part: &Part, answer: &BTreeMap<String, Vec<String>>) -> Result<Vec<Vec<String>>, String> {
    let unknown = part
        .columns
        .iter()
        .find(|column| !answer.contains_key(*column));
    if let Some(unknown) = unknown {
        return Err(format!("the model has no column `{unknown}`"));
    }
    let n_rows = answer.values().next().map_or(0, Vec::len);
    let mut rows: Vec<Vec<String>> = (0..n_rows)
        .map(|row| {
            part.columns
                .iter()
                .map(|column| answer[column][row].clone())
                .collect()
        })
        .collect();
    rows.sort();
    Ok(rows)
}

/// What is wrong with a case, as `file:line: what`.
async fn failures(
    model: &Model,
    path: &Path,
    schemas: &BTreeMap<String, SchemaRef>,
) -> Vec<String> {
    let shown_path = format!("{FOLDER}/{}.slt", model.name.replace('.', "/"));
    let Ok(text) = fs::read_to_string(path) else {
        return vec![format!("{shown_path}:1: the model has no case; write one")];
    };
    let mut case = parse(&text);
    let at = |line: usize, what: String| format!("{shown_path}:{line}: {what}");
    let mut found = Vec::new();
    if case.comment.is_empty() {
        found.push(at(1, "say on top what the case shows".to_owned()));
    }
    let unread = case.parts.iter().filter(|part| {
        part.table
            .as_ref()
            .is_some_and(|table| !model.inputs.contains(table))
    });
    found.extend(unread.map(|part| at(part.line, "the model does not read this table".to_owned())));
    let mut answers = BTreeMap::new();
    let asked = case.parts.iter().filter(|part| part.table.is_none());
    for condition in asked.map(|part| part.sql.clone()).chain([None]) {
        match answer(model, (&case, condition.as_deref()), schemas).await {
            Ok(answer) => answers.insert(condition, answer),
            Err(error) => return vec![at(1, error)],
        };
    }
    let mut unshown: BTreeSet<&String> = answers[&None].keys().collect();
    for part in case.parts.iter_mut().filter(|part| part.table.is_none()) {
        unshown.retain(|column| !part.columns.contains(column));
        match shown(part, &answers[&part.sql]) {
            Ok(rows) if rows == part.rows => {}
            Ok(rows) if updates() => part.rows = rows,
            Ok(rows) => found.push(at(
                part.line,
                format!("expected\n{}\nfound\n{}", lines(&part.rows), lines(&rows)),
            )),
            Err(what) => found.push(at(part.line, what)),
        }
    }
    if !unshown.is_empty() {
        found.push(at(1, format!("no answer shows {unshown:?}")));
    }
    if updates() {
        fs::write(path, written(&case)).unwrap();
    }
    found
}

/// Rows as they stand in a file.
fn lines(rows: &[Vec<String>]) -> String {
    rows.iter()
        .map(|row| format!("    {}", row.join(" | ")))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Whether the answers are to be rewritten.
fn updates() -> bool {
    std::env::var_os("UPDATE_GOLDEN").is_some()
}

#[tokio::test]
async fn every_model_answers_the_rows_of_its_case() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let commons = Commons::load(root).unwrap();
    let schemas = table_schemas(&commons).await.unwrap();
    let models: Vec<&Model> = commons.conformed.iter().chain(&commons.models).collect();
    assert!(models.len() > 30, "{} models", models.len());
    let mut found = Vec::new();
    for model in &models {
        let path = root
            .join(FOLDER)
            .join(format!("{}.slt", model.name.replace('.', "/")));
        found.extend(failures(model, &path, &schemas).await);
    }
    assert!(
        found.is_empty(),
        "{} of {} cases or more fail:\n{}",
        found.len(),
        models.len(),
        found.join("\n")
    );
}

#[test]
fn every_case_belongs_to_a_model() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for layer in ["conformed", "derived", "detected"] {
        for entry in fs::read_dir(root.join(FOLDER).join(layer)).unwrap() {
            let path = entry.unwrap().path();
            let stem = path.file_stem().unwrap().to_str().unwrap();
            let model = root.join("sql").join(layer).join(format!("{stem}.sql"));
            assert!(model.is_file(), "`{}` has no model", path.display());
        }
    }
}

#[test]
fn a_case_is_written_as_it_was_read() {
    let text = "# Shows something.\n\ntable conformed.activity\na  | b\nxx | NULL\n\nanswer\na | tags\nx | y|z\n";
    assert_eq!(written(&parse(text)), text);
}
