//! `antenne query`: SQL over the public zone, or over the whole lake for the operator.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::csv::Writer as CsvWriter;
use arrow::json::ArrayWriter;
use arrow::record_batch::RecordBatch;
use arrow::util::pretty::pretty_format_batches;
use clap::Args;
use parquet::arrow::ArrowWriter;

use super::{Error, Exit, Shared, open, output};
use crate::context::{Context, released};
use crate::engine::{self, Session};
use crate::lake::Zone;
use crate::run::with_causes;

/// Arguments of `query`.
#[derive(Debug, Args)]
pub(super) struct QueryArguments {
    /// The query, for example `select * from signals`.
    sql: String,
    /// How the answer is written.
    #[arg(long, value_enum, default_value = "table")]
    format: AnswerFormat,
    /// File to write instead of standard output.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Read the lake (`source`, `conformed`, `derived`, `detected`, `reference`, …) instead of the
    /// release. For the operator only: these tables are not protected.
    #[arg(long)]
    private: bool,
}

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum AnswerFormat {
    /// For people.
    Table,
    /// Comma-separated, with a header.
    Csv,
    /// An array of objects.
    Json,
    /// Apache Parquet.
    Parquet,
}

/// Answers a query.
pub(super) async fn query(shared: &Shared, arguments: &QueryArguments) -> Result<Exit, Error> {
    let cx = open(shared).await?;
    let session = if arguments.private {
        private_session(&cx).await?
    } else {
        public_session(&cx).await?
    };
    let rows = rows(&session, &arguments.sql)
        .await
        .map_err(|error| Error::Request {
            message: with_causes(&error),
        })?;
    let bytes = encode(&rows, arguments.format)?;
    output::write_to(arguments.output.as_deref(), &bytes)?;
    Ok(Exit::Done)
}

/// The rows of the answer; without any, one empty batch still says its columns.
async fn rows(session: &Session, sql: &str) -> Result<Vec<RecordBatch>, engine::Error> {
    let rows = session.rows("query", sql).await?;
    if !rows.is_empty() {
        return Ok(rows);
    }
    let columns = session.columns("query", sql).await?;
    Ok(vec![RecordBatch::new_empty(Arc::new(columns))])
}

/// A session over every table of the lake and of reference, and the earlier revisions of source
/// tables.
async fn private_session(cx: &Context) -> Result<Session, Error> {
    let mut tables = BTreeSet::new();
    for zone in Zone::ALL {
        let names = cx
            .lake
            .tables(zone)
            .await
            .map_err(|error| Error::failed(&error))?;
        if matches!(zone, Zone::Source) {
            tables.extend(names.iter().map(|name| format!("source.{name}__history")));
        }
        tables.extend(
            names
                .into_iter()
                .map(|name| format!("{}.{name}", zone.name())),
        );
    }
    tables.extend(
        cx.commons
            .reference
            .tables
            .keys()
            .map(|name| format!("reference.{name}")),
    );
    let opened = cx
        .open(&tables)
        .await
        .map_err(|error| Error::failed(&error))?;
    Ok(opened.session)
}

/// A session over the files of the latest release, and nothing else.
async fn public_session(cx: &Context) -> Result<Session, Error> {
    let noted = released::ledger(cx)
        .await
        .map_err(|error| Error::failed(&error))?;
    let Some(last) = noted.last() else {
        return Err(Error::Request { message: "there is no release yet; run `antenne run` first, or query the lake with `--private`".to_owned() });
    };
    let folder = released::releases_folder(cx)
        .join(&last.version)
        .join("data");
    let session = cx.engine.session().map_err(|error| Error::failed(&error))?;
    session
        .register_folder("public", &folder)
        .await
        .map_err(|error| Error::failed(&error))?;
    Ok(session)
}

/// The answer in the format asked for.
fn encode(rows: &[RecordBatch], format: AnswerFormat) -> Result<Vec<u8>, Error> {
    let failed =
        |error: &dyn std::error::Error| Error::Failed(format!("cannot write the answer: {error}"));
    let mut bytes = Vec::new();
    match format {
        AnswerFormat::Table => {
            let text = pretty_format_batches(rows).map_err(|error| failed(&error))?;
            bytes.extend(format!("{text}\n").into_bytes());
        }
        AnswerFormat::Csv => {
            let mut writer = CsvWriter::new(&mut bytes);
            for batch in rows {
                writer.write(batch).map_err(|error| failed(&error))?;
            }
        }
        AnswerFormat::Json => {
            let mut writer = ArrayWriter::new(&mut bytes);
            writer
                .write_batches(&rows.iter().collect::<Vec<_>>())
                .map_err(|error| failed(&error))?;
            writer.finish().map_err(|error| failed(&error))?;
            bytes.push(b'\n');
        }
        AnswerFormat::Parquet => {
            let Some(first) = rows.first() else {
                return Ok(bytes);
            };
            let mut writer = ArrowWriter::try_new(&mut bytes, first.schema(), None)
                .map_err(|error| failed(&error))?;
            for batch in rows {
                writer.write(batch).map_err(|error| failed(&error))?;
            }
            writer.close().map_err(|error| failed(&error))?;
        }
    }
    Ok(bytes)
}
