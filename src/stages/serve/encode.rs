//! Rows as JSON, CSV or an Arrow stream, written batch by batch into a bounded buffer.

use std::io::{Error as IoError, Write};

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;
use arrow::json::writer::{JsonArray, Writer as JsonWriter, WriterBuilder as JsonWriterBuilder};

/// Formats of an answer, by the name that asks for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// An array with one object for each row.
    Json,
    /// One header, decimal points, ISO dates.
    Csv,
    /// An Arrow IPC stream.
    Arrow,
}

impl Format {
    /// The format of that name; JSON if there is none.
    pub(super) fn named(name: Option<&str>) -> Option<Self> {
        match name {
            None | Some("json") => Some(Self::Json),
            Some("csv") => Some(Self::Csv),
            Some("arrow") => Some(Self::Arrow),
            Some(_) => None,
        }
    }

    /// Its media type.
    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Arrow => "application/vnd.apache.arrow.stream",
        }
    }
}

/// The mark of the one mistake of a buffer, kept through the encoders.
const FULL: &str = "the answer is larger than the limit";

/// Bytes that refuse to grow beyond a limit.
struct Bounded {
    /// What was written.
    bytes: Vec<u8>,
    /// How much may be written.
    most: usize,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, IoError> {
        if bytes.len() > self.most.saturating_sub(self.bytes.len()) {
            return Err(IoError::other(FULL));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), IoError> {
        Ok(())
    }
}

/// Why rows could not be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// There are more bytes than an answer may have.
    #[error("the answer is larger than the limit")]
    TooLarge,
    /// A column has a type that the format cannot hold.
    #[error("the answer cannot be written in this format")]
    Unwritable(#[source] ArrowError),
}

impl Failure {
    /// Tells the full buffer from everything else.
    fn of(cause: ArrowError) -> Self {
        if cause.to_string().contains(FULL) {
            Self::TooLarge
        } else {
            Self::Unwritable(cause)
        }
    }
}

/// The writer of one format.
enum Writer {
    /// JSON.
    Json(JsonWriter<Bounded, JsonArray>),
    /// CSV.
    Csv(Box<arrow::csv::Writer<Bounded>>),
    /// Arrow.
    Arrow(Box<StreamWriter<Bounded>>),
}

/// Writes the batches of one answer.
pub(super) struct Encoder(Writer);

impl Encoder {
    /// An encoder for rows of a schema; the header is written even if no row follows.
    pub(super) fn new(format: Format, schema: &Schema, most: usize) -> Result<Self, Failure> {
        let buffer = Bounded {
            bytes: Vec::new(),
            most,
        };
        let writer = match format {
            Format::Json => {
                let builder = JsonWriterBuilder::new().with_explicit_nulls(true);
                Writer::Json(builder.build::<_, JsonArray>(buffer))
            }
            Format::Csv => {
                let builder = arrow::csv::WriterBuilder::new().with_header(true);
                Writer::Csv(Box::new(builder.build(buffer)))
            }
            Format::Arrow => {
                let writer = StreamWriter::try_new(buffer, schema).map_err(Failure::of)?;
                Writer::Arrow(Box::new(writer))
            }
        };
        let mut encoder = Self(writer);
        encoder.write(&RecordBatch::new_empty(std::sync::Arc::new(schema.clone())))?;
        Ok(encoder)
    }

    /// Writes one batch.
    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<(), Failure> {
        match &mut self.0 {
            Writer::Json(writer) => writer.write(batch),
            Writer::Csv(writer) => writer.write(batch),
            Writer::Arrow(writer) => writer.write(batch),
        }
        .map_err(Failure::of)
    }

    /// Ends the answer and gives its bytes.
    pub(super) fn finish(self) -> Result<Vec<u8>, Failure> {
        let buffer = match self.0 {
            Writer::Json(mut writer) => {
                writer.finish().map_err(Failure::of)?;
                writer.into_inner()
            }
            Writer::Csv(writer) => writer.into_inner(),
            Writer::Arrow(writer) => writer.into_inner().map_err(Failure::of)?,
        };
        Ok(buffer.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, Int64Array};
    use std::sync::Arc;

    /// A column of three numbers, one of them missing.
    fn batch() -> RecordBatch {
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None, Some(3)]));
        RecordBatch::try_from_iter_with_nullable([("n", numbers, true)]).unwrap()
    }

    /// The whole answer in a format.
    fn encoded(format: Format, batches: &[RecordBatch], most: usize) -> Result<Vec<u8>, Failure> {
        let mut encoder = Encoder::new(format, &batch().schema(), most)?;
        batches.iter().try_for_each(|batch| encoder.write(batch))?;
        encoder.finish()
    }

    #[test]
    fn json_and_csv_say_what_is_missing() {
        let batches = [batch()];
        assert_eq!(
            encoded(Format::Json, &batches, 999).unwrap(),
            br#"[{"n":1},{"n":null},{"n":3}]"#
        );
        assert_eq!(
            encoded(Format::Csv, &batches, 999).unwrap(),
            b"n\n1\n\"\"\n3\n"
        );
    }

    #[test]
    fn an_answer_without_rows_still_has_its_form() {
        assert_eq!(encoded(Format::Json, &[], 999).unwrap(), b"[]");
        assert_eq!(encoded(Format::Csv, &[], 999).unwrap(), b"n\n");
        assert!(!encoded(Format::Arrow, &[], 9_999).unwrap().is_empty());
    }

    #[test]
    fn an_answer_beyond_the_limit_is_refused_in_every_format() {
        for format in [Format::Json, Format::Csv, Format::Arrow] {
            let batches = vec![batch(); 100];
            assert!(
                matches!(encoded(format, &batches, 300), Err(Failure::TooLarge)),
                "{format:?}"
            );
        }
    }
}
