//! Tables as files: checked, brought to three plain types, written as CSV and Parquet.
//!
//! The Parquet files carry no statistics: minimum, maximum and null counts in a footer are a side
//! door to figures that a table withholds, and they differ between writers.

use std::sync::Arc;

use arrow::array::{Array, AsArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema};
use arrow::error::ArrowError;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};

use super::Error;
use super::content::{ReleaseContent, ReleaseTable};

/// Written into every Parquet footer, whatever library version wrote it.
const CREATED_BY: &str = "antenne";

/// A table whose columns are text, whole numbers, decimal numbers or dates.
#[derive(Debug)]
pub(crate) struct PlainTable<'a> {
    /// What was said about it.
    pub(crate) declared: &'a ReleaseTable,
    /// Its rows.
    pub(crate) batch: RecordBatch,
}

impl PlainTable<'_> {
    /// A text column.
    pub(crate) fn texts(&self, column: &str) -> Result<&StringArray, Error> {
        self.column(column)?
            .as_string_opt::<i32>()
            .ok_or_else(|| self.missing(column))
    }

    /// A column of whole numbers.
    pub(crate) fn counts(&self, column: &str) -> Result<&Int64Array, Error> {
        self.column(column)?
            .as_primitive_opt::<Int64Type>()
            .ok_or_else(|| self.missing(column))
    }

    /// A numeric column as decimal numbers.
    pub(crate) fn figures(&self, column: &str) -> Result<Float64Array, Error> {
        let values =
            cast(self.column(column)?, &DataType::Float64).map_err(|source| self.encode(source))?;
        Ok(values.as_primitive::<Float64Type>().clone())
    }

    /// Any column.
    fn column(&self, column: &str) -> Result<&dyn Array, Error> {
        let found = self.batch.column_by_name(column);
        found.map(AsRef::as_ref).ok_or_else(|| self.missing(column))
    }

    /// The mistake of a column that is absent or of another type.
    fn missing(&self, column: &str) -> Error {
        Error::MissingColumn {
            table: self.declared.name.clone(),
            column: column.to_owned(),
        }
    }

    /// The mistake of a column that cannot be written.
    fn encode(&self, source: ArrowError) -> Error {
        Error::EncodeTable {
            table: self.declared.name.clone(),
            source,
        }
    }
}

/// Checks every table, and the names that become folders, before anything is written.
pub(crate) fn check(content: &ReleaseContent) -> Result<Vec<PlainTable<'_>>, Error> {
    for district in &content.districts {
        let is_safe = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if district.code.is_empty() || !district.code.chars().all(is_safe) {
            return Err(Error::UnsafeCode {
                code: district.code.clone(),
            });
        }
    }
    let mut plain: Vec<PlainTable<'_>> = Vec::with_capacity(content.tables.len());
    for declared in &content.tables {
        if plain
            .iter()
            .any(|table| table.declared.name == declared.name)
        {
            return Err(Error::RepeatedTable {
                table: declared.name.clone(),
            });
        }
        check_fields(declared)?;
        let table = PlainTable {
            declared,
            batch: plain_batch(declared)?,
        };
        check_status(&table)?;
        plain.push(table);
    }
    Ok(plain)
}

/// Every column has a meaning, in the same order, and the grain names columns.
fn check_fields(declared: &ReleaseTable) -> Result<(), Error> {
    let schema = declared.batch.schema();
    let found: Vec<&str> = schema
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .collect();
    let described: Vec<&str> = declared
        .fields
        .iter()
        .map(|field| field.name.as_str())
        .collect();
    if found != described {
        return Err(Error::FieldsDiffer {
            table: declared.name.clone(),
            found: found.join(", "),
            described: described.join(", "),
        });
    }
    for column in &declared.grain {
        if !found.contains(&column.as_str()) {
            let (table, column) = (declared.name.clone(), column.clone());
            return Err(Error::MissingColumn { table, column });
        }
    }
    Ok(())
}

/// The batch with its columns brought to plain types.
fn plain_batch(declared: &ReleaseTable) -> Result<RecordBatch, Error> {
    let encode = |source| Error::EncodeTable {
        table: declared.name.clone(),
        source,
    };
    let mut fields = Vec::new();
    let mut columns = Vec::new();
    for (field, column) in declared
        .batch
        .schema()
        .fields()
        .iter()
        .zip(declared.batch.columns())
    {
        let kind = plain_type(field.data_type()).map_err(encode)?;
        columns.push(cast(column, &kind).map_err(encode)?);
        fields.push(Field::new(field.name(), kind, true));
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(encode)
}

/// The plain type that stands for a type.
fn plain_type(kind: &DataType) -> Result<DataType, ArrowError> {
    match kind {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => {
            Ok(DataType::Utf8)
        }
        DataType::Dictionary(_, values) => plain_type(values),
        DataType::Boolean | DataType::Date32 => Ok(kind.clone()),
        number if number.is_integer() => Ok(DataType::Int64),
        number if number.is_floating() => Ok(DataType::Float64),
        other => Err(ArrowError::NotYetImplemented(format!(
            "a released column of type {other}"
        ))),
    }
}

/// Holds the rule of the one flag: a figure is there if, and only if, its row says `published`.
fn check_status(table: &PlainTable<'_>) -> Result<(), Error> {
    let figures: Vec<(usize, String)> = table
        .batch
        .schema()
        .fields()
        .iter()
        .enumerate()
        .filter(|(_, field)| field.data_type().is_numeric())
        .map(|(index, field)| (index, field.name().clone()))
        .collect();
    if figures.is_empty() || table.batch.column_by_name("status").is_none() {
        return Ok(());
    }
    for (row, status) in table.texts("status")?.iter().enumerate() {
        let status = status.unwrap_or_default();
        check_row(table, row, status, &figures)?;
    }
    Ok(())
}

/// Holds the rule of the one flag on one row.
fn check_row(
    table: &PlainTable<'_>,
    row: usize,
    status: &str,
    figures: &[(usize, String)],
) -> Result<(), Error> {
    let name = || table.declared.name.clone();
    let is_published = match status {
        "published" => true,
        "suppressed" | "not_covered" | "source_down" => false,
        other => {
            return Err(Error::UnknownStatus {
                table: name(),
                status: other.to_owned(),
            });
        }
    };
    for (index, column) in figures {
        let column = column.clone();
        let is_there = table.batch.column(*index).is_valid(row);
        if is_published && !is_there {
            return Err(Error::MissingFigure {
                table: name(),
                row: row + 1,
                column,
            });
        }
        if !is_published && is_there {
            let status = status.to_owned();
            return Err(Error::HiddenFigure {
                table: name(),
                row: row + 1,
                status,
                column,
            });
        }
    }
    Ok(())
}

/// The table as CSV: one header, decimal points, ISO dates, nothing where nothing is published.
pub(crate) fn csv(table: &PlainTable<'_>) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let mut writer = arrow::csv::WriterBuilder::new()
        .with_header(true)
        .build(&mut bytes);
    writer
        .write(&table.batch)
        .map_err(|source| table.encode(source))?;
    drop(writer);
    Ok(bytes)
}

/// The table as Parquet, without statistics, times or library versions.
pub(crate) fn parquet(table: &PlainTable<'_>) -> Result<Vec<u8>, Error> {
    let fail = |source| Error::EncodeParquet {
        table: table.declared.name.clone(),
        source,
    };
    let properties = WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(9).map_err(fail)?))
        .set_statistics_enabled(EnabledStatistics::None)
        .set_offset_index_disabled(true)
        .build();
    let options = ArrowWriterOptions::new()
        .with_properties(properties)
        .with_skip_arrow_metadata(true);
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new_with_options(&mut bytes, table.batch.schema(), options)
        .map_err(fail)?;
    writer.write(&table.batch).map_err(fail)?;
    writer.close().map_err(fail)?;
    Ok(bytes)
}
