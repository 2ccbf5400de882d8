//! A table of a database, written twice at once: as a Parquet file and as the `COPY` section of a
//! PostgreSQL dump.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{
    ArrayBuilder, ArrayRef, Date32Builder, Decimal128Builder, Int64Builder, RecordBatch,
    StringBuilder, TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::Error;
use super::calendar::{Calendar, Instant, epoch_days};
use super::files::Appended;

/// Rows held in memory before they are written.
const N_BUFFERED: usize = 8192;

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A whole number.
    Number,
    /// Text.
    Text,
    /// A day.
    Day,
    /// An instant.
    Instant,
    /// An amount with two decimals.
    Amount,
}

/// A value of a row.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'a> {
    /// Nothing.
    Null,
    /// A whole number.
    Number(usize),
    /// Text.
    Text(&'a str),
    /// A day of the sample.
    Day(usize),
    /// An instant of the sample.
    Instant(Instant),
    /// An amount in hundredths.
    Amount(usize),
}

impl<'a> Value<'a> {
    /// A value or nothing.
    pub(crate) fn or_null<T>(value: Option<T>, made: impl Fn(T) -> Self) -> Self {
        value.map_or(Self::Null, made)
    }

    /// A text or nothing.
    pub(crate) fn text(value: Option<&'a String>) -> Self {
        value.map_or(Self::Null, |text| Self::Text(text))
    }
}

/// A column in the making.
#[derive(Debug)]
enum Column {
    /// Whole numbers.
    Number(Int64Builder),
    /// Texts.
    Text(StringBuilder),
    /// Days.
    Day(Date32Builder),
    /// Instants.
    Instant(TimestampMicrosecondBuilder),
    /// Amounts.
    Amount(Decimal128Builder),
}

impl Kind {
    /// The Arrow type.
    fn arrow(self) -> DataType {
        match self {
            Self::Number => DataType::Int64,
            Self::Text => DataType::Utf8,
            Self::Day => DataType::Date32,
            Self::Instant => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Amount => DataType::Decimal128(12, 2),
        }
    }

    /// The `PostgreSQL` type.
    fn postgres(self) -> &'static str {
        match self {
            Self::Number => "bigint",
            Self::Text => "text",
            Self::Day => "date",
            Self::Instant => "timestamp with time zone",
            Self::Amount => "numeric(12,2)",
        }
    }

    /// An empty column.
    fn column(self) -> Column {
        match self {
            Self::Number => Column::Number(Int64Builder::new()),
            Self::Text => Column::Text(StringBuilder::new()),
            Self::Day => Column::Day(Date32Builder::new()),
            Self::Instant => {
                Column::Instant(TimestampMicrosecondBuilder::new().with_timezone("UTC"))
            }
            Self::Amount => Column::Amount(Decimal128Builder::new().with_data_type(self.arrow())),
        }
    }
}

impl Column {
    /// Appends a value; one of another type is nothing.
    fn push(&mut self, value: Value<'_>) {
        match (self, value) {
            (Self::Number(column), Value::Number(number)) => {
                column.append_value(super::numbers::signed(number));
            }
            (Self::Text(column), Value::Text(text)) => column.append_value(text),
            (Self::Day(column), Value::Day(day)) => column.append_value(epoch_days(day)),
            (Self::Instant(column), Value::Instant(instant)) => {
                column.append_value(instant.epoch_us());
            }
            (Self::Amount(column), Value::Amount(cents)) => {
                column.append_value(i128::from(super::numbers::signed(cents)));
            }
            (Self::Number(column), _) => column.append_null(),
            (Self::Text(column), _) => column.append_null(),
            (Self::Day(column), _) => column.append_null(),
            (Self::Instant(column), _) => column.append_null(),
            (Self::Amount(column), _) => column.append_null(),
        }
    }

    /// The finished array; the column is empty again.
    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Number(column) => ArrayBuilder::finish(column),
            Self::Text(column) => ArrayBuilder::finish(column),
            Self::Day(column) => ArrayBuilder::finish(column),
            Self::Instant(column) => ArrayBuilder::finish(column),
            Self::Amount(column) => ArrayBuilder::finish(column),
        }
    }
}

/// The name and columns of a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    /// The table's name.
    pub(crate) name: &'static str,
    /// Names and types, in order.
    pub(crate) columns: &'static [(&'static str, Kind)],
}

/// A table being written.
#[derive(Debug)]
pub(crate) struct Table<'a> {
    /// Its layout.
    layout: Layout,
    /// Its columns in the making.
    columns: Vec<Column>,
    /// Rows in the making.
    n_buffered: usize,
    /// The Arrow schema.
    schema: Arc<Schema>,
    /// The Parquet file's path.
    path: PathBuf,
    /// The Parquet file.
    parquet: ArrowWriter<File>,
    /// The path of the `COPY` section.
    copy_path: PathBuf,
    /// The `COPY` section.
    copy: Appended,
    /// How days are written.
    calendar: &'a Calendar,
    /// A row in the making.
    text: String,
}

impl<'a> Table<'a> {
    /// An empty table in a folder.
    pub(crate) fn create(
        layout: Layout,
        folder: &Path,
        calendar: &'a Calendar,
    ) -> Result<Self, Error> {
        let path = folder.join(format!("{}.parquet", layout.name));
        let copy_path = folder.join(format!("{}.part", layout.name));
        let fields: Vec<Field> = layout
            .columns
            .iter()
            .map(|(name, kind)| Field::new(*name, kind.arrow(), true))
            .collect();
        let schema = Arc::new(Schema::new(fields));
        let file = File::create(&path).map_err(|source| Error::WriteFile {
            path: path.clone(),
            source,
        })?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .build();
        let parquet = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties)).map_err(
            |source| Error::WriteParquet {
                path: path.clone(),
                source,
            },
        )?;
        let mut copy = Appended::create(&copy_path)?;
        copy.write(copy_head(layout).as_bytes())?;
        Ok(Self {
            layout,
            columns: layout
                .columns
                .iter()
                .map(|(_, kind)| kind.column())
                .collect(),
            n_buffered: 0,
            schema,
            path,
            parquet,
            copy_path,
            copy,
            calendar,
            text: String::new(),
        })
    }

    /// Appends a row, its values in the order of the columns.
    pub(crate) fn row(&mut self, values: &[Value<'_>]) -> Result<(), Error> {
        self.text.clear();
        for (place, value) in values.iter().enumerate() {
            if place > 0 {
                self.text.push('\t');
            }
            push_copy_text(&mut self.text, *value, self.calendar);
        }
        self.copy.line(&self.text)?;
        for (column, value) in self.columns.iter_mut().zip(values) {
            column.push(*value);
        }
        self.n_buffered += 1;
        if self.n_buffered >= N_BUFFERED {
            self.flush()
        } else {
            Ok(())
        }
    }

    /// Writes the rows in memory to the Parquet file.
    fn flush(&mut self) -> Result<(), Error> {
        let arrays = self.columns.iter_mut().map(Column::finish).collect();
        self.n_buffered = 0;
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), arrays).map_err(|source| {
            Error::BuildTable {
                table: self.layout.name.to_owned(),
                source,
            }
        })?;
        self.parquet
            .write(&batch)
            .map_err(|source| Error::WriteParquet {
                path: self.path.clone(),
                source,
            })
    }

    /// Closes the Parquet file and appends the `COPY` section to the dump.
    pub(crate) fn close(mut self, dump: &mut Appended) -> Result<(), Error> {
        self.flush()?;
        let path = self.path;
        self.parquet.close().map_err(|source| Error::WriteParquet {
            path: path.clone(),
            source,
        })?;
        self.copy.close()?;
        let failed = |source| Error::WriteFile {
            path: self.copy_path.clone(),
            source,
        };
        append_file(&self.copy_path, dump)?;
        dump.line("\\.\n")?;
        fs::remove_file(&self.copy_path).map_err(failed)
    }
}

/// Copies a file to the end of another.
fn append_file(path: &Path, dump: &mut Appended) -> Result<(), Error> {
    let failed = |source| Error::WriteFile {
        path: path.to_owned(),
        source,
    };
    let mut file = File::open(path).map_err(failed)?;
    let mut chunk = vec![0_u8; 1 << 16];
    loop {
        let n_read = std::io::Read::read(&mut file, &mut chunk).map_err(failed)?;
        if n_read == 0 {
            return Ok(());
        }
        dump.write(&chunk[..n_read])?;
    }
}

/// What comes before a table's rows in a dump.
fn copy_head(layout: Layout) -> String {
    let columns: Vec<String> = layout
        .columns
        .iter()
        .map(|(name, kind)| format!("    {name} {}", kind.postgres()))
        .collect();
    let names: Vec<&str> = layout.columns.iter().map(|(name, _)| *name).collect();
    format!(
        "CREATE TABLE public.{name} (\n{columns}\n);\n\nCOPY public.{name} ({names}) FROM stdin;\n",
        name = layout.name,
        columns = columns.join(",\n"),
        names = names.join(", "),
    )
}

/// A value as a `COPY` section writes it.
fn push_copy_text(text: &mut String, value: Value<'_>, calendar: &Calendar) {
    match value {
        Value::Null => text.push_str("\\N"),
        Value::Number(number) => text.push_str(&number.to_string()),
        Value::Text(plain) if plain.contains(['\\', '\t', '\n']) => text.push_str(
            &plain
                .replace('\\', "\\\\")
                .replace('\t', "\\t")
                .replace('\n', "\\n"),
        ),
        Value::Text(plain) => text.push_str(plain),
        Value::Day(day) => text.push_str(calendar.iso(day)),
        Value::Instant(instant) => text.push_str(&calendar.postgres(instant)),
        Value::Amount(cents) => {
            // Writing to a string cannot fail.
            let _ = write!(text, "{}.{:02}", cents / 100, cents % 100);
        }
    }
}
