//! Parquet and Arrow: rows leave, the schema stays.

use std::sync::Arc;

use ::parquet::arrow::ArrowWriter;
use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use ::parquet::basic::{Compression, ZstdLevel};
use ::parquet::file::properties::{EnabledStatistics, WriterProperties};
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, ListArray, StringArray, StructArray, new_null_array,
};
use arrow::compute::{can_cast_types, cast, concat_batches, filter_record_batch, interleave};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::writer::{FileWriter, StreamWriter};
use arrow::record_batch::RecordBatch;
use bytes::Bytes;

use super::json::{blank_inside, person_inside};
use super::{Error, Rewritten};
use crate::canon::arrow_pages;
use crate::erase::subjects::{Judge, Person, Verdict};
use crate::stages::conform::formats::columns::texts;

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
    if done.is_same() {
        return Ok(done);
    }
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
    if done.is_same() {
        return Ok((schema, Vec::new()));
    }
    let kept = without_leftovers(&schema, kept).map_err(|source| Error::Arrow { source })?;
    Ok((schema, kept))
}

/// Batches without the texts that no row of theirs holds any more.
fn without_leftovers(
    schema: &SchemaRef,
    mut batches: Vec<RecordBatch>,
) -> Result<Vec<RecordBatch>, ArrowError> {
    let is_dictionary = |field: &&Arc<Field>| matches!(field.data_type(), DataType::Dictionary(..));
    if schema.fields().iter().any(|field| is_dictionary(&field)) {
        // All batches of a file have one dictionary.
        batches = vec![concat_batches(schema, &batches)?];
    }
    let batches = batches.into_iter().map(|batch| {
        let columns = batch.columns().iter().map(compact);
        let columns = columns.collect::<Result<Vec<ArrayRef>, ArrowError>>()?;
        RecordBatch::try_new(Arc::clone(schema), columns)
    });
    batches.collect()
}

/// A column without texts that no row holds.
fn compact(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    match column.data_type() {
        DataType::Utf8View => Ok(Arc::new(column.as_string_view().gc())),
        DataType::BinaryView => Ok(Arc::new(column.as_binary_view().gc())),
        DataType::Dictionary(_, values) if can_cast_types(values, column.data_type()) => {
            let plain = cast(column, values)?;
            cast(&plain, column.data_type())
        }
        _ => Ok(Arc::clone(column)),
    }
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
    let persons = judge.persons.iter();
    let columns: Vec<Vec<Option<String>>> = persons
        .map(|person| {
            // What no contract can read is in no table.
            let column = batch.column_by_name(&person.field);
            let texts = column.and_then(|column| texts(&person.field, column).ok());
            texts.unwrap_or_default()
        })
        .collect();
    let mut stays = Vec::with_capacity(batch.num_rows());
    let mut blanks: Vec<Vec<usize>> = vec![Vec::new(); judge.persons.len()];
    for row in 0..batch.num_rows() {
        let values: Vec<Option<String>> = judge
            .persons
            .iter()
            .zip(&columns)
            .map(|(person, column)| value(judge, person, column.get(row)?.as_deref()?))
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
    let batch = RecordBatch::try_new(Arc::clone(schema), arrays).map_err(failed)?;
    let batch = filter_record_batch(&batch, &BooleanArray::from(stays)).map_err(failed)?;
    let mut arrays: Vec<ArrayRef> = batch.columns().to_vec();
    for (field, array) in schema.fields().iter().zip(&mut arrays) {
        if let Some(new) = scrubbed(judge, field.name(), array, done).map_err(failed)? {
            *array = new;
        }
    }
    RecordBatch::try_new(Arc::clone(schema), arrays).map_err(failed)
}

/// The person of a row by the text of its field.
fn value(judge: &Judge<'_>, person: &Person, text: &str) -> Option<String> {
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
    let Some(path) = &person.json else {
        let nobody = new_null_array(column.data_type(), 1);
        let mut places: Vec<(usize, usize)> = (0..column.len()).map(|row| (0, row)).collect();
        for row in rows {
            if let Some(place) = places.get_mut(*row) {
                *place = (1, 0);
            }
        }
        return interleave(&[column.as_ref(), nobody.as_ref()], &places);
    };
    let texts = cast(column, &DataType::Utf8)?;
    let texts = texts.as_string::<i32>().iter().enumerate();
    let new: StringArray = texts
        .map(|(row, text)| match rows.binary_search(&row) {
            Ok(_) => text.map(|text| blank_inside(text, path)),
            Err(_) => text.map(str::to_owned),
        })
        .collect();
    cast(&new, column.data_type())
}

/// A column without ids in its texts; `None` if there are none.
fn scrubbed(
    judge: &Judge<'_>,
    name: &str,
    column: &ArrayRef,
    done: &mut Rewritten,
) -> Result<Option<ArrayRef>, ArrowError> {
    if !judge.takes_out_words() {
        return Ok(None);
    }
    if let Some(lists) = column.as_list_opt::<i32>() {
        let new = scrubbed(judge, name, lists.values(), done)?;
        let (field, offsets, _, nulls) = lists.clone().into_parts();
        let new = new.map(|values| ListArray::try_new(field, offsets, values, nulls));
        return Ok(new.transpose()?.map(|lists| Arc::new(lists) as ArrayRef));
    }
    if let Some(members) = column.as_struct_opt() {
        return scrubbed_members(judge, name, members, done);
    }
    let is_text = |kind: &DataType| {
        matches!(
            kind,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
        )
    };
    let is_text = match column.data_type() {
        DataType::Dictionary(_, values) => is_text(values),
        kind => is_text(kind),
    };
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

/// Records inside a column without ids in their texts; `None` if there are none.
fn scrubbed_members(
    judge: &Judge<'_>,
    name: &str,
    members: &StructArray,
    done: &mut Rewritten,
) -> Result<Option<ArrayRef>, ArrowError> {
    let (fields, mut columns, nulls) = members.clone().into_parts();
    let mut is_same = true;
    for column in &mut columns {
        if let Some(new) = scrubbed(judge, name, column, done)? {
            *column = new;
            is_same = false;
        }
    }
    if is_same {
        return Ok(None);
    }
    let new = StructArray::try_new(fields, columns, nulls)?;
    Ok(Some(Arc::new(new)))
}
