//! Parquet and Arrow: rows leave, the schema stays.

use std::sync::Arc;

use ::parquet::arrow::ArrowWriter;
use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use ::parquet::basic::{Compression, ZstdLevel};
use ::parquet::file::properties::{EnabledStatistics, WriterProperties};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, StringArray};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::writer::{FileWriter, StreamWriter};
use arrow::record_batch::RecordBatch;
use bytes::Bytes;

use super::json::{blank_inside, person_inside};
use super::{Error, Rewritten};
use crate::canon::arrow_pages;
use crate::erase::subjects::{Judge, Person, Verdict};

/// Rewrites a Parquet file.
pub(super) fn parquet(judge: &Judge<'_>, bytes: &Bytes) -> Result<Rewritten, Error> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes.clone())
        .map_err(|_broken| Error::unreadable("is not a whole Parquet file"))?;
    let schema = Arc::clone(builder.schema());
    let batches = builder
        .build()
        .map_err(|_broken| Error::unreadable("is not a whole Parquet file"))?;
    let mut done = Rewritten::default();
    let (schema, kept) = filtered(judge, &schema, batches, &mut done)?;
    if done.is_same() {
        return Ok(done);
    }
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_created_by("antenne".to_owned())
        .set_statistics_enabled(EnabledStatistics::None)
        .build();
    let failed = |source| Error::Parquet { source };
    let mut writer = ArrowWriter::try_new(Vec::new(), schema, Some(properties)).map_err(failed)?;
    for batch in &kept {
        writer.write(batch).map_err(failed)?;
    }
    done.bytes = writer.into_inner().map_err(failed)?;
    Ok(done)
}

/// Rewrites an Arrow file or stream.
pub(super) fn arrow(judge: &Judge<'_>, bytes: &Bytes) -> Result<Rewritten, Error> {
    let broken = |_cut| Error::unreadable("is not a whole Arrow file or stream");
    let failed = |source| Error::Arrow { source };
    let mut done = Rewritten::default();
    let reader = arrow_pages::open(bytes, None).map_err(broken)?;
    let (schema, kept) = filtered(judge, &reader.schema(), reader, &mut done)?;
    if arrow_pages::is_file(bytes) {
        let mut writer = FileWriter::try_new(Vec::new(), &schema).map_err(failed)?;
        for batch in &kept {
            writer.write(batch).map_err(failed)?;
        }
        done.bytes = writer.into_inner().map_err(failed)?;
        return Ok(done);
    }
    let mut writer = StreamWriter::try_new(Vec::new(), &schema).map_err(failed)?;
    for batch in &kept {
        writer.write(batch).map_err(failed)?;
    }
    done.bytes = writer.into_inner().map_err(failed)?;
    Ok(done)
}

/// All batches without the records that leave, and their schema.
fn filtered(
    judge: &Judge<'_>,
    schema: &SchemaRef,
    batches: impl Iterator<Item = Result<RecordBatch, ArrowError>>,
    done: &mut Rewritten,
) -> Result<(SchemaRef, Vec<RecordBatch>), Error> {
    let schema = nullable(schema, judge);
    let mut kept = Vec::new();
    for batch in batches {
        let batch = batch.map_err(|_cut| Error::unreadable("has rows that cannot be read"))?;
        kept.push(without_records(judge, &batch, &schema, done)?);
    }
    Ok((schema, kept))
}

/// The schema in which a person may be absent.
fn nullable(schema: &SchemaRef, judge: &Judge<'_>) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| {
        let is_person = judge
            .persons
            .iter()
            .any(|person| person.field == *field.name());
        let is_open = is_person || field.is_nullable();
        field.as_ref().clone().with_nullable(is_open)
    });
    let metadata = schema.metadata().clone();
    Arc::new(Schema::new(fields.collect::<Vec<Field>>()).with_metadata(metadata))
}

/// A batch without the records that leave.
fn without_records(
    judge: &Judge<'_>,
    batch: &RecordBatch,
    schema: &SchemaRef,
    done: &mut Rewritten,
) -> Result<RecordBatch, Error> {
    let failed = |source| Error::Arrow { source };
    let columns: Vec<Option<StringArray>> = judge
        .persons
        .iter()
        .map(|person| texts(batch.column_by_name(&person.field)))
        .collect();
    let mut stays = Vec::with_capacity(batch.num_rows());
    let mut blanks: Vec<Vec<usize>> = vec![Vec::new(); judge.persons.len()];
    for row in 0..batch.num_rows() {
        let values: Vec<Option<String>> = judge
            .persons
            .iter()
            .zip(&columns)
            .map(|(person, column)| value(judge, person, column.as_ref()?, row))
            .collect();
        let verdict = judge.verdict(&values);
        stays.push(verdict != Verdict::Drop);
        match verdict {
            Verdict::Keep => {}
            Verdict::Drop => done.n_dropped += 1,
            Verdict::Blank(places) => {
                done.n_blanked += 1;
                for place in places {
                    blanks
                        .get_mut(place)
                        .into_iter()
                        .for_each(|rows| rows.push(row));
                }
            }
        }
    }
    let mut arrays: Vec<ArrayRef> = batch.columns().to_vec();
    for (person, rows) in judge.persons.iter().zip(&blanks) {
        let place = batch.schema().index_of(&person.field).ok();
        if let Some(array) = place.and_then(|place| arrays.get_mut(place)) {
            *array = without_persons(array, person, rows).map_err(failed)?;
        }
    }
    for (field, array) in schema.fields().iter().zip(&mut arrays) {
        if let Some(new) = scrubbed(judge, field.name(), array, done).map_err(failed)? {
            *array = new;
        }
    }
    let batch = RecordBatch::try_new(Arc::clone(schema), arrays).map_err(failed)?;
    filter_record_batch(&batch, &BooleanArray::from(stays)).map_err(failed)
}

/// A column as texts, written as the reader of pages writes them.
fn texts(column: Option<&ArrayRef>) -> Option<StringArray> {
    let texts = cast(column?, &DataType::Utf8).ok()?;
    Some(texts.as_string::<i32>().clone())
}

/// The person of a row.
fn value(judge: &Judge<'_>, person: &Person, column: &StringArray, row: usize) -> Option<String> {
    let text = column.is_valid(row).then(|| column.value(row))?;
    match &person.json {
        None => Some(text.to_owned()),
        Some(path) => person_inside(judge, &person.domain, text, path),
    }
}

/// A column without the persons of some rows.
fn without_persons(
    column: &ArrayRef,
    person: &Person,
    rows: &[usize],
) -> Result<ArrayRef, ArrowError> {
    if rows.is_empty() {
        return Ok(Arc::clone(column));
    }
    let texts = cast(column, &DataType::Utf8)?;
    let texts = texts.as_string::<i32>();
    let new: StringArray = texts
        .iter()
        .enumerate()
        .map(|(row, text)| match (rows.contains(&row), &person.json) {
            (false, _) => text.map(str::to_owned),
            (true, None) => None,
            (true, Some(path)) => text.map(|text| blank_inside(text, path)),
        })
        .collect();
    cast(&new, column.data_type())
}

/// A column of texts without ids; `None` if there are none, or if it is no column of texts.
fn scrubbed(
    judge: &Judge<'_>,
    name: &str,
    column: &ArrayRef,
    done: &mut Rewritten,
) -> Result<Option<ArrayRef>, ArrowError> {
    let is_text = matches!(
        column.data_type(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
    );
    if !is_text {
        return Ok(None);
    }
    let texts = cast(column, &DataType::Utf8)?;
    let texts = texts.as_string::<i32>();
    let news: Vec<Option<String>> = texts
        .iter()
        .map(|text| text.and_then(|text| judge.scrubbed(name, text)))
        .collect();
    let n_mentions = news.iter().flatten().count() as u64;
    if n_mentions == 0 {
        return Ok(None);
    }
    done.n_mentions += n_mentions;
    let both = texts.iter().zip(news);
    let new: StringArray = both
        .map(|(old, new)| new.or_else(|| old.map(str::to_owned)))
        .collect();
    cast(&new, column.data_type()).map(Some)
}
