//! Opening the tables a statement reads: those of the lake and those of reference.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
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
use crate::canon::fingerprint::fingerprint_of;
use crate::canon::tables::Table;
use crate::engine::{self, Session};
use crate::lake::plain::{plain_batch, plain_schema};
use crate::lake::scope::Aside;
use crate::lake::{self, Snapshot, Zone};
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
    /// Files of each table of the lake.
    pub(crate) snapshots: BTreeMap<String, Snapshot>,
}

impl Opened {
    /// Bytes of the files of these tables.
    pub(crate) fn n_bytes(&self) -> u64 {
        let files = self.snapshots.values().flat_map(|found| &found.files);
        files.map(|file| file.size).sum()
    }

    /// Hash of everything these tables hold and of `parts`, what else an answer is made from.
    pub(crate) fn fingerprint_with(&self, parts: &[&str]) -> String {
        let tables = self.fingerprints.iter();
        let tables = tables.flat_map(|(table, found)| [table.as_str(), found.as_str()]);
        fingerprint_of(parts.iter().copied().chain(tables))
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
        let mut opened = Opened {
            session,
            fingerprints: BTreeMap::new(),
            snapshots: BTreeMap::new(),
        };
        for table in tables {
            let (schema, name) = table.split_once('.').unwrap_or(("public", table));
            if schema == "reference" {
                let (provider, fingerprint) = self.reference_provider(name)?;
                opened.put(table, provider, fingerprint)?;
                continue;
            }
            if let Some(snapshot) = self.lake_snapshot(table).await? {
                let provider = self.lake_provider(table, &snapshot)?;
                opened.put(table, provider, snapshot.fingerprint())?;
                opened.snapshots.insert(table.clone(), snapshot);
            } else {
                let canonical = Table::named(name).ok_or_else(|| missing(table))?;
                let empty = Arc::new(EmptyTable::new(canonical.schema()));
                opened.put(table, empty, String::new())?;
            }
        }
        Ok(opened)
    }

    /// Puts one scope of a table in the place of the whole; `whole` is what it was opened with.
    ///
    /// # Errors
    /// [`Error::Open`] when DataFusion cannot read it.
    pub(crate) fn narrow(
        &self,
        opened: &mut Opened,
        (table, whole): (&str, &Snapshot),
        scope: &str,
    ) -> Result<(), Error> {
        let only = whole.only(scope);
        let provider = self.lake_provider(table, &only)?;
        opened.put(table, provider, only.fingerprint())?;
        opened.snapshots.insert(table.to_owned(), only);
        Ok(())
    }

    /// Files of a table of the lake; `None` for a canonical table without rows.
    async fn lake_snapshot(&self, table: &str) -> Result<Option<Snapshot>, Error> {
        let (schema, name) = table.split_once('.').unwrap_or(("public", table));
        let zone = zone_of(table)?;
        let found = self.lake.snapshot(zone, name).await.map_err(Error::Lake)?;
        if let Some((name, aside)) =
            beside(name).filter(|_| zone == Zone::Source && found.is_none())
        {
            let whole = self.lake.snapshot(zone, name).await.map_err(Error::Lake)?;
            let whole = whole.ok_or_else(|| missing(table))?;
            return Ok(Some(whole.aside(aside)));
        }
        if found.is_none() && schema != Zone::Conformed.name() {
            return Err(missing(table));
        }
        Ok(found)
    }

    /// These files of a table of the lake.
    fn lake_provider(
        &self,
        table: &str,
        snapshot: &Snapshot,
    ) -> Result<Arc<dyn TableProvider>, Error> {
        let (_schema, name) = table.split_once('.').unwrap_or(("public", table));
        let name = match (beside(name), snapshot.is_aside) {
            (Some((owner, _aside)), true) => owner,
            _ => name,
        };
        let provider = self.lake.provider(zone_of(table)?, name, snapshot);
        provider.map_err(|source| Error::Open {
            table: table.to_owned(),
            source: Box::new(source),
        })
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
        let commons = &self.commons;
        let folder = commons.root.join(&commons.settings.reference.folder);
        let path = folder.join(&spec.file);
        let text = reference_text(&path, spec)?;
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

impl Opened {
    /// Puts a table into the session, in place of an earlier one.
    fn put(
        &mut self,
        table: &str,
        provider: Arc<dyn TableProvider>,
        fingerprint: String,
    ) -> Result<(), Error> {
        let (schema, name) = table.split_once('.').unwrap_or(("public", table));
        self.session
            .register(schema, name, provider)
            .map_err(Error::Engine)?;
        self.fingerprints.insert(table.to_owned(), fingerprint);
        Ok(())
    }
}

/// The error that no stage has written a table.
fn missing(table: &str) -> Error {
    Error::Missing {
        table: table.to_owned(),
    }
}

/// The zone of `schema.name`.
fn zone_of(table: &str) -> Result<Zone, Error> {
    Zone::of(table).ok_or_else(|| missing(table))
}

/// The table that `<table>__history` or `<table>__tombstones` stands beside.
fn beside(name: &str) -> Option<(&str, Aside)> {
    let (owner, ending) = name.rsplit_once("__")?;
    let aside = Aside::ALL
        .into_iter()
        .find(|aside| aside.word() == ending)?;
    Some((owner, aside))
}

/// The CSV of a reference table.
fn reference_text(path: &Path, spec: &ReferenceTable) -> Result<Vec<u8>, Error> {
    if let Some(rows) = &spec.rows {
        return Ok(rows.clone().into_bytes());
    }
    std::fs::read(path).map_err(|error| Error::Read {
        path: path.to_path_buf(),
        source: error.into(),
    })
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
