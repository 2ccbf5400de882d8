//! Rows between the forms of the lake and of the intake: held rows come in, settled rows go out.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, DictionaryArray, FixedSizeBinaryBuilder, Int64Array,
    RecordBatch, StringArray, UInt16Array,
};
use arrow::buffer::OffsetBuffer;
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Field, Float64Type, Int64Type, Schema, SchemaRef,
    TimeUnit, TimestampMicrosecondType, UInt16Type,
};

use crate::spec::source::ColumnKind;

use super::block::{Block, BlockChunk, bucketed, compact_batch};
use super::cells::{Cell, KEY_BYTES, Staging};
use super::parts::PartNumber;
use super::plan::{ColumnPlan, Plan};
use super::presence::Presence;
use super::settle::{Books, Identity, Mark, Place};
use super::{Error, REVISION_COLUMN};

/// Type that a column of the contract has in the lake.
fn lake_type(kind: ColumnKind) -> DataType {
    match kind {
        ColumnKind::Text | ColumnKind::Tags | ColumnKind::Code | ColumnKind::Comune => {
            DataType::Utf8
        }
        ColumnKind::Date | ColumnKind::Month => DataType::Date32,
        ColumnKind::Instant => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        ColumnKind::Integer | ColumnKind::Minutes => DataType::Int64,
        ColumnKind::Decimal => DataType::Decimal128(12, 2),
        ColumnKind::Number => DataType::Float64,
        ColumnKind::Boolean => DataType::Boolean,
        ColumnKind::Person | ColumnKind::Record => DataType::Binary,
    }
}

/// Columns of the table in the lake: those that are stored, then `_revision`.
pub(super) fn lake_schema(plan: &Plan<'_>) -> SchemaRef {
    let stored = plan
        .stored()
        .map(|(_, column)| Field::new(column.name, lake_type(column.spec.kind), true));
    let revision = Field::new(REVISION_COLUMN, DataType::Int64, true);
    Arc::new(Schema::new(stored.chain([revision]).collect::<Vec<_>>()))
}

/// What columns of codes and comuni are written with, by place among the stored columns.
#[derive(Debug)]
pub(super) struct Texts(Vec<Option<Arc<StringArray>>>);

impl Texts {
    /// The texts of a contract.
    pub(super) fn new(plan: &Plan<'_>) -> Self {
        let comuni = (0..plan.comuni.len()).map(|place| Some(plan.comuni.code_at(place)));
        let comuni = Arc::new(comuni.collect::<StringArray>());
        let texts = plan.stored().map(|(_, column)| match column.spec.kind {
            ColumnKind::Code => Some(Arc::clone(column.codes.targets())),
            ColumnKind::Comune => Some(Arc::clone(&comuni)),
            ColumnKind::Text
            | ColumnKind::Tags
            | ColumnKind::Date
            | ColumnKind::Instant
            | ColumnKind::Month
            | ColumnKind::Integer
            | ColumnKind::Decimal
            | ColumnKind::Number
            | ColumnKind::Boolean
            | ColumnKind::Minutes
            | ColumnKind::Person
            | ColumnKind::Record => None,
        });
        Self(texts.collect())
    }
}

/// Stored columns in the types of the lake; codes and comuni stay dictionaries of texts.
pub(super) fn lake_columns(
    plan: &Plan<'_>,
    texts: &Texts,
    rows: &RecordBatch,
) -> Result<Vec<ArrayRef>, arrow::error::ArrowError> {
    let columns = plan.stored().zip(rows.columns()).zip(&texts.0);
    columns
        .map(|(((_, column), array), texts)| lake_column(column, texts.as_ref(), array))
        .collect()
}

/// One stored column in the type of the lake.
fn lake_column(
    column: &ColumnPlan<'_>,
    texts: Option<&Arc<StringArray>>,
    array: &ArrayRef,
) -> Result<ArrayRef, arrow::error::ArrowError> {
    if let Some(texts) = texts {
        let places = array.as_primitive::<UInt16Type>().clone();
        let texts = Arc::clone(texts) as ArrayRef;
        return Ok(Arc::new(DictionaryArray::try_new(places, texts)?));
    }
    match column.spec.kind {
        ColumnKind::Decimal => {
            let cents = array.as_primitive::<Int64Type>();
            let amounts = cents.unary::<_, Decimal128Type>(i128::from);
            Ok(Arc::new(
                amounts.with_data_type(DataType::Decimal128(12, 2)),
            ))
        }
        ColumnKind::Instant => {
            let micros = array.as_primitive::<Int64Type>();
            let instants = micros.reinterpret_cast::<TimestampMicrosecondType>();
            Ok(Arc::new(instants.with_timezone("UTC")))
        }
        ColumnKind::Person | ColumnKind::Record => {
            // The same bytes in the layout of texts: only where each key ends is added.
            let keys = array.as_fixed_size_binary();
            let n_bytes = usize::try_from(KEY_BYTES).unwrap_or(0);
            let ends = OffsetBuffer::from_repeated_length(n_bytes, keys.len());
            let bytes = keys.values().clone();
            let binary = BinaryArray::try_new(ends, bytes, keys.nulls().cloned())?;
            Ok(Arc::new(binary))
        }
        ColumnKind::Text
        | ColumnKind::Tags
        | ColumnKind::Code
        | ColumnKind::Comune
        | ColumnKind::Date
        | ColumnKind::Month
        | ColumnKind::Integer
        | ColumnKind::Minutes
        | ColumnKind::Number
        | ColumnKind::Boolean => Ok(Arc::clone(array)),
    }
}

/// A batch of the lake as a block, and how many earlier revisions its rows have.
pub(super) fn held_block(
    plan: &Plan<'_>,
    part: PartNumber,
    rows: &RecordBatch,
) -> Result<(Block, Arc<[i64]>), Error> {
    let failed = |source| Error::Assemble {
        table: plan.table.name.to_owned(),
        source,
    };
    let mut columns = Vec::new();
    for (_, column) in plan.stored() {
        columns.push(compact_column(plan, column, rows)?);
    }
    let compact = compact_batch(plan, columns).map_err(failed)?;
    let marks = match plan.identity() {
        Identity::Keyed => bucketed(&marks_of(plan, &compact)),
        Identity::None => super::block::BlockMarks::default(),
    };
    let revisions = rows
        .column_by_name(REVISION_COLUMN)
        .and_then(|column| column.as_primitive_opt::<Int64Type>());
    let earlier = (0..rows.num_rows()).map(|row| revisions.map_or(0, |earlier| earlier.value(row)));
    let block = Block {
        chunks: vec![BlockChunk {
            part,
            rows: compact,
        }],
        marks,
        rejects: Vec::new(),
        deletions: Vec::new(),
        presence: Presence::default(),
        books: Books::default(),
    };
    Ok((block, earlier.collect()))
}

/// A column of the lake, held small.
fn compact_column(
    plan: &Plan<'_>,
    column: &ColumnPlan<'_>,
    rows: &RecordBatch,
) -> Result<ArrayRef, Error> {
    let wrong = || Error::Held {
        table: plan.table.name.to_owned(),
        column: column.name.to_owned(),
    };
    let array = rows.column_by_name(column.name).ok_or_else(wrong)?;
    let array = cast(array, &lake_type(column.spec.kind)).map_err(|_| wrong())?;
    Ok(match column.spec.kind {
        ColumnKind::Code => {
            Arc::new(places(&array, |text| column.codes.place_of(text)).ok_or_else(wrong)?)
        }
        ColumnKind::Comune => {
            let place = |text: &str| u16::try_from(plan.comuni.place_of_code(text)?).ok();
            Arc::new(places(&array, place).ok_or_else(wrong)?)
        }
        ColumnKind::Decimal => {
            let amounts = array.as_primitive::<Decimal128Type>();
            let cents = amounts
                .iter()
                .map(|amount| amount.and_then(|cents| i64::try_from(cents).ok()));
            Arc::new(cents.collect::<Int64Array>())
        }
        ColumnKind::Instant => {
            let micros = array.as_primitive::<TimestampMicrosecondType>();
            Arc::new(micros.reinterpret_cast::<Int64Type>())
        }
        ColumnKind::Person | ColumnKind::Record => {
            let mut keys = FixedSizeBinaryBuilder::with_capacity(array.len(), KEY_BYTES);
            for key in array.as_binary::<i32>() {
                match key {
                    Some(key) => keys.append_value(key).map_err(|_| wrong())?,
                    None => keys.append_null(),
                }
            }
            Arc::new(keys.finish())
        }
        ColumnKind::Text
        | ColumnKind::Tags
        | ColumnKind::Date
        | ColumnKind::Month
        | ColumnKind::Integer
        | ColumnKind::Minutes
        | ColumnKind::Number
        | ColumnKind::Boolean => array,
    })
}

/// Texts as places; `None` if one has no place.
fn places(array: &ArrayRef, place: impl Fn(&str) -> Option<u16>) -> Option<UInt16Array> {
    let texts = array.as_string::<i32>();
    let found = texts.iter().map(|text| match text {
        None => Some(None),
        Some(text) => place(text).map(Some),
    });
    found.collect()
}

/// Identities of rows that the lake holds.
fn marks_of(plan: &Plan<'_>, rows: &RecordBatch) -> Vec<Mark> {
    let mut staging = Staging::default();
    let mut marks = Vec::with_capacity(rows.num_rows());
    for row in 0..rows.num_rows() {
        staging.clear();
        staging.cells.resize(plan.columns.len(), Cell::Null);
        for ((place, column), array) in plan.stored().zip(rows.columns()) {
            let cell = cell_of(column, array, row, &mut staging);
            if let Some(slot) = staging.cells.get_mut(place) {
                *slot = cell;
            }
        }
        let read = plan.identify_held(&mut staging);
        marks.extend(read.map(|read| Mark {
            key: read.key,
            revision: read.revision,
            order: row as u64,
            place: Place::new(0, u32::try_from(row).unwrap_or(u32::MAX)),
            content: read.content,
        }));
    }
    marks
}

/// The cell of a row, as it was when the row was read.
fn cell_of(column: &ColumnPlan<'_>, array: &ArrayRef, row: usize, staging: &mut Staging) -> Cell {
    if array.is_null(row) {
        return Cell::Null;
    }
    match column.spec.kind {
        ColumnKind::Text | ColumnKind::Tags => staging.keep(array.as_string::<i32>().value(row)),
        ColumnKind::Code => Cell::Code(array.as_primitive::<UInt16Type>().value(row)),
        ColumnKind::Comune => Cell::Comune(array.as_primitive::<UInt16Type>().value(row)),
        ColumnKind::Date | ColumnKind::Month => {
            Cell::Integer(i64::from(array.as_primitive::<Date32Type>().value(row)))
        }
        ColumnKind::Instant | ColumnKind::Integer | ColumnKind::Minutes => {
            Cell::Integer(array.as_primitive::<Int64Type>().value(row))
        }
        ColumnKind::Decimal => Cell::Cents(array.as_primitive::<Int64Type>().value(row)),
        ColumnKind::Number => Cell::Number(array.as_primitive::<Float64Type>().value(row)),
        ColumnKind::Boolean => Cell::Flag(array.as_boolean().value(row)),
        ColumnKind::Person | ColumnKind::Record => {
            let key = array.as_fixed_size_binary().value(row);
            key.first_chunk()
                .map_or(Cell::Null, |key| Cell::Key(u128::from_be_bytes(*key)))
        }
    }
}
