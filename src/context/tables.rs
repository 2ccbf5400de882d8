//! Opening the tables a statement reads: those of the lake and those of reference.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Decimal128Array, Float64Array, Int64Array, StringArray};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use chrono::NaiveDate;
use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;
use datafusion::datasource::empty::EmptyTable;

use super::Context;
use crate::canon::tables::Table;
use crate::engine::{self, Session};
use crate::lake::plain::{plain_batch, plain_schema};
use crate::lake::{self, Zone};
use crate::spec::reference::{ReferenceKind, ReferenceTable};

/// Why a table could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The engine refused.
    #[error("the query engine failed")]
    Engine(#[source] engine::Error),
    /// The lake failed.
    #[error("the lake failed")]
    Lake(#[source] lake::Error),
    /// DataFusion cannot read a table of the lake.
    #[error("cannot open table `{table}`")]
    Open {
        /// The table.
        table: String,
        /// Why not.
        #[source]
        source: Box<datafusion::error::DataFusionError>,
    },
    /// There is no such table.
    #[error("there is no table `{table}` yet; run the earlier stages first")]
    Missing {
        /// The table.
        table: String,
    },
    /// A reference file could not be read.
    #[error("cannot read reference file `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: csv::Error,
    },
    /// A value of a reference file is not what `tables.toml` says.
    #[error("`{}`, line {line}, column `{column}`: not a valid {expected}; correct the file or its type in `tables.toml`", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// Line, one-based.
        line: usize,
        /// Column.
        column: String,
        /// Type expected.
        expected: &'static str,
    },
    /// A column of `tables.toml` is not in the file.
    #[error("`{}` has no column `{column}`, which `tables.toml` declares", path.display())]
    Column {
        /// The file.
        path: PathBuf,
        /// Column.
        column: String,
    },
    /// The rows do not make a table.
    #[error("reference table `{table}` cannot be built")]
    Build {
        /// The table.
        table: String,
        /// Why not.
        #[source]
        source: arrow::error::ArrowError,
    },
}

/// A session with the tables asked for, and what each held.
#[derive(Debug)]
pub(crate) struct Opened {
    /// The session.
    pub(crate) session: Session,
    /// Hash of the content of each table.
    pub(crate) fingerprints: BTreeMap<String, String>,
}

impl Opened {
    /// Hash of everything these tables hold and of `parts`, what else an answer is made from.
    pub(crate) fn fingerprint_with(&self, parts: &[&str]) -> String {
        let mut hasher = blake3::Hasher::new();
        let tables = self
            .fingerprints
            .iter()
            .flat_map(|(table, found)| [table, found]);
        for part in parts.iter().copied().chain(tables.map(String::as_str)) {
            hasher.update(part.as_bytes());
            hasher.update(b"\0");
        }
        hasher.finalize().to_hex().to_string()
    }

    /// All rows of the answer to `sql`, in plain types.
    ///
    /// # Errors
    /// [`Error::Engine`] when the statement fails.
    pub(crate) async fn plain_rows(&self, label: &str, sql: &str) -> Result<RecordBatch, Error> {
        let build = |source| Error::Build {
            table: label.to_owned(),
            source,
        };
        let schema = plain_schema(
            &self
                .session
                .columns(label, sql)
                .await
                .map_err(Error::Engine)?,
        );
        let rows = self.session.rows(label, sql).await.map_err(Error::Engine)?;
        let rows = rows
            .iter()
            .map(|batch| plain_batch(batch, &schema))
            .collect::<Result<Vec<_>, _>>()
            .map_err(build)?;
        concat_batches(&schema, &rows).map_err(build)
    }
}

impl Context {
    /// Opens the tables named `schema.name`.
    ///
    /// # Errors
    /// [`Error::Missing`] for a table no stage has written; a canonical table without rows is empty.
    pub(crate) async fn open(&self, tables: &BTreeSet<String>) -> Result<Opened, Error> {
        let session = self.engine.session().map_err(Error::Engine)?;
        let mut fingerprints = BTreeMap::new();
        for table in tables {
            let (schema, name) = table.split_once('.').unwrap_or(("public", table));
            let (provider, fingerprint) = match schema {
                "reference" => self.reference_provider(name)?,
                _ => self.lake_provider(table, schema, name).await?,
            };
            session
                .register(schema, name, provider)
                .map_err(Error::Engine)?;
            fingerprints.insert(table.clone(), fingerprint);
        }
        Ok(Opened {
            session,
            fingerprints,
        })
    }

    /// A table of the lake.
    async fn lake_provider(
        &self,
        table: &str,
        schema: &str,
        name: &str,
    ) -> Result<(Arc<dyn TableProvider>, String), Error> {
        let missing = || Error::Missing {
            table: table.to_owned(),
        };
        let zone = Zone::ALL
            .into_iter()
            .find(|zone| zone.name() == schema)
            .ok_or_else(missing)?;
        match self.lake.snapshot(zone, name).await.map_err(Error::Lake)? {
            Some(snapshot) => {
                let provider = self.lake.provider(zone, name, &snapshot);
                let provider = provider.map_err(|source| Error::Open {
                    table: table.to_owned(),
                    source: Box::new(source),
                })?;
                Ok((provider, snapshot.fingerprint()))
            }
            None if zone == Zone::Conformed => {
                let canonical = Table::named(name).ok_or_else(missing)?;
                Ok((Arc::new(EmptyTable::new(canonical.schema())), String::new()))
            }
            None => Err(missing()),
        }
    }

    /// A reference table, read whole.
    fn reference_provider(&self, name: &str) -> Result<(Arc<dyn TableProvider>, String), Error> {
        let spec = self
            .commons
            .reference
            .tables
            .get(name)
            .ok_or_else(|| Error::Missing {
                table: format!("reference.{name}"),
            })?;
        let (batch, fingerprint) = self.reference_rows(name, spec)?;
        let schema = batch.schema();
        let table = MemTable::try_new(schema, vec![vec![batch]]).map_err(|source| Error::Open {
            table: format!("reference.{name}"),
            source: Box::new(source),
        })?;
        Ok((Arc::new(table), fingerprint))
    }

    /// Rows of a reference table and the hash of its file.
    ///
    /// # Errors
    /// [`Error::Value`] with file, line and column for a value that is not of its type.
    pub(crate) fn reference_rows(
        &self,
        name: &str,
        spec: &ReferenceTable,
    ) -> Result<(RecordBatch, String), Error> {
        let path = self
            .commons
            .root
            .join(&self.commons.settings.reference.folder)
            .join(&spec.file);
        let text = std::fs::read(&path).map_err(|error| Error::Read {
            path: path.clone(),
            source: error.into(),
        })?;
        let mut reader = csv::Reader::from_reader(&*text);
        let read_error = |source| Error::Read {
            path: path.clone(),
            source,
        };
        let headers = reader.headers().map_err(read_error)?.clone();
        let rows = reader
            .records()
            .collect::<Result<Vec<_>, _>>()
            .map_err(read_error)?;
        let mut columns = Vec::with_capacity(spec.columns.len());
        for (column, declared) in &spec.columns {
            let index = headers
                .iter()
                .position(|header| header == column)
                .ok_or_else(|| Error::Column {
                    path: path.clone(),
                    column: column.clone(),
                })?;
            let texts: Vec<Option<&str>> = rows
                .iter()
                .map(|row| row.get(index).filter(|text| !text.is_empty()))
                .collect();
            columns.push(
                reference_column(declared.kind, &texts).map_err(|row| Error::Value {
                    path: path.clone(),
                    line: row + 2,
                    column: column.clone(),
                    expected: kind_name(declared.kind),
                })?,
            );
        }
        let batch = RecordBatch::try_new(reference_schema(spec), columns).map_err(|source| {
            Error::Build {
                table: name.to_owned(),
                source,
            }
        })?;
        let mut hasher = blake3::Hasher::new();
        hasher.update(&text);
        hasher.update(format!("{:?}", spec.columns).as_bytes());
        Ok((batch, hasher.finalize().to_hex().to_string()))
    }
}

/// Columns of a reference table.
pub(crate) fn reference_schema(spec: &ReferenceTable) -> SchemaRef {
    let fields = spec.columns.iter().map(|(name, column)| {
        let data_type = match column.kind {
            ReferenceKind::Text => DataType::Utf8,
            ReferenceKind::Integer => DataType::Int64,
            ReferenceKind::Decimal => DataType::Decimal128(12, 2),
            ReferenceKind::Number => DataType::Float64,
            ReferenceKind::Date => DataType::Date32,
        };
        Field::new(name, data_type, true)
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// Name of a type in messages.
fn kind_name(kind: ReferenceKind) -> &'static str {
    match kind {
        ReferenceKind::Text => "text",
        ReferenceKind::Integer => "whole number",
        ReferenceKind::Decimal => "amount with two decimals",
        ReferenceKind::Number => "number",
        ReferenceKind::Date => "ISO date",
    }
}

/// A typed column, or the index of the first row that does not fit.
fn reference_column(kind: ReferenceKind, texts: &[Option<&str>]) -> Result<ArrayRef, usize> {
    /// Parses every text that is there.
    fn parsed<T>(
        texts: &[Option<&str>],
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Vec<Option<T>>, usize> {
        let parse_row = |(row, text): (usize, Option<&str>)| match text {
            None => Ok(None),
            Some(text) => parse(text).map(Some).ok_or(row),
        };
        texts.iter().copied().enumerate().map(parse_row).collect()
    }
    Ok(match kind {
        ReferenceKind::Text => Arc::new(StringArray::from(texts.to_vec())),
        ReferenceKind::Integer => {
            Arc::new(Int64Array::from(parsed(texts, |text| text.parse().ok())?))
        }
        ReferenceKind::Number => {
            Arc::new(Float64Array::from(parsed(texts, |text| text.parse().ok())?))
        }
        ReferenceKind::Decimal => {
            let cents = parsed(texts, |text| {
                let (whole, part) = text.split_once('.').unwrap_or((text, "00"));
                format!("{whole}{part:0<2}")
                    .parse::<i128>()
                    .ok()
                    .filter(|_| part.len() <= 2)
            })?;
            let array = Decimal128Array::from(cents).with_precision_and_scale(12, 2);
            Arc::new(array.map_err(|_out_of_range| 0_usize)?)
        }
        ReferenceKind::Date => {
            let epoch = NaiveDate::default();
            let days = parsed(texts, |text| {
                let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
                i32::try_from(date.signed_duration_since(epoch).num_days()).ok()
            })?;
            Arc::new(Date32Array::from(days))
        }
    })
}
