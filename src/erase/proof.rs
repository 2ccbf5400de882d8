//! Reading every byte of the lake for what must not be there any more.
//!
//! A file is searched as it lies and with its escapes undone, and again as every content packed in it: gzip, Zstandard and zip
//! unfolded, the pages of Parquet files decompressed, the cells of Parquet and Arrow files decoded.

use std::io::Cursor;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::reader::{FileReader as _, RowGroupReader, SerializedFileReader};
use zip::ZipArchive;

use super::Error;
use super::forms::Forms;
use super::packed::{GZIP, Wrap, ZIP, ZSTD, Zips, all_of, unpacked};
use crate::canon::arrow_pages;
use crate::lake::kept;
use crate::lake::{Lake, Zone};

/// How deep a content may be packed in another.
const DEEPEST: usize = 4;

/// First bytes of a Parquet file.
const PARQUET: &[u8] = b"PAR1";

/// First bytes of an Arrow file.
const ARROW: &[u8] = b"ARROW1";

/// First bytes of an Arrow stream.
const ARROW_STREAM: &[u8] = b"\xff\xff\xff\xff";

/// What the search found.
#[derive(Debug, Default)]
pub(crate) struct Proof {
    /// Files read.
    pub(crate) n_files: u64,
    /// Bytes read, with those of contents packed in files.
    pub(crate) n_bytes: u64,
    /// Files in which something is left.
    pub(crate) left: Vec<String>,
    /// Pages and source tables of other platforms with the same text, which is an id of theirs.
    pub(crate) n_elsewhere: u64,
}

/// Searches the whole lake: the person's forms everywhere, of the ids only where they are of this
/// platform.
///
/// # Errors
/// When a file cannot be read.
pub(crate) async fn prove(
    lake: &Lake,
    platform: &str,
    forms: &Forms,
    keys: &Forms,
) -> Result<Proof, Error> {
    let mut proof = Proof::default();
    for path in lake.objects_below("").await? {
        let Some(bytes) = lake.bytes_of(&path).await? else {
            continue;
        };
        proof.n_files += 1;
        let is_found = Search { forms }.file(&bytes, &mut proof.n_bytes, 0);
        let is_elsewhere = is_of_another(&path, platform);
        if is_found && is_elsewhere && !(Search { forms: keys }).file(&bytes, &mut 0, 0) {
            proof.n_elsewhere += 1;
        } else if is_found {
            proof.left.push(path);
        }
    }
    Ok(proof)
}

/// Whether a file is a page or a table of another platform.
fn is_of_another(path: &str, platform: &str) -> bool {
    let pages = format!("acquired/{}/", kept::FOLDER);
    let tables = format!("{}/", Zone::Source.name());
    let is_own = |rest: &str, mark: &str| rest.starts_with(&format!("{platform}{mark}"));
    let page = path.strip_prefix(&pages);
    let table = path.strip_prefix(&tables);
    page.is_some_and(|rest| !is_own(rest, "/")) || table.is_some_and(|rest| !is_own(rest, "__"))
}

/// Looks for some forms.
struct Search<'f> {
    /// The forms.
    forms: &'f Forms,
}

impl Search<'_> {
    /// Whether a form stands in a file or in anything packed in it.
    fn file(&self, bytes: &Bytes, n_bytes: &mut u64, depth: usize) -> bool {
        *n_bytes += bytes.len() as u64;
        let is_found = if is_packed(bytes) {
            self.forms.stand_as_it_lies(bytes)
        } else {
            self.forms.stand_in(bytes)
        };
        is_found || (depth < DEEPEST && self.inside(bytes, n_bytes, depth + 1))
    }

    /// Whether a form stands in anything packed in a file.
    fn inside(&self, bytes: &Bytes, n_bytes: &mut u64, depth: usize) -> bool {
        if bytes.starts_with(PARQUET) {
            return self.parquet(bytes, n_bytes);
        }
        if bytes.starts_with(ARROW) || bytes.starts_with(ARROW_STREAM) {
            return self.arrow(bytes);
        }
        if bytes.starts_with(&ZIP) {
            return self.members(bytes, n_bytes, depth);
        }
        match unpacked(bytes, Zips::Are) {
            Ok((Wrap::Plain, _)) | Err(_) => false,
            Ok((_, content)) => self.file(&content, n_bytes, depth),
        }
    }

    /// Whether a form stands in a member of a zip file.
    fn members(&self, bytes: &Bytes, n_bytes: &mut u64, depth: usize) -> bool {
        let Ok(mut archive) = ZipArchive::new(Cursor::new(bytes.as_ref())) else {
            return false;
        };
        (0..archive.len()).any(|place| {
            let member = archive.by_index(place).ok();
            let content = member.and_then(|member| all_of(member).ok());
            content.is_some_and(|content| self.file(&content, n_bytes, depth))
        })
    }

    /// Whether a form stands in the footer, a decompressed page or a cell of a Parquet file.
    fn parquet(&self, bytes: &Bytes, n_bytes: &mut u64) -> bool {
        let Ok(reader) = SerializedFileReader::new(bytes.clone()) else {
            return false;
        };
        if self.footer(reader.metadata()) {
            return true;
        }
        let mut groups =
            (0..reader.num_row_groups()).filter_map(|at| reader.get_row_group(at).ok());
        if groups.any(|group| self.pages(group.as_ref(), n_bytes)) {
            return true;
        }
        let batches = ParquetRecordBatchReaderBuilder::try_new(bytes.clone())
            .and_then(ParquetRecordBatchReaderBuilder::build);
        batches
            .into_iter()
            .flatten()
            .flatten()
            .any(|batch| self.batch(&batch))
    }

    /// Whether a form stands in a decompressed page of a group of rows.
    fn pages(&self, group: &dyn RowGroupReader, n_bytes: &mut u64) -> bool {
        let columns = 0..group.num_columns();
        let mut pages = columns
            .filter_map(|column| group.get_column_page_reader(column).ok())
            .flatten()
            .flatten();
        pages.any(|page| {
            *n_bytes += page.buffer().len() as u64;
            self.forms.stand_as_it_lies(page.buffer())
        })
    }

    /// Whether a form stands in the statistics or the notes of a footer.
    fn footer(&self, footer: &ParquetMetaData) -> bool {
        let written = footer.file_metadata().key_value_metadata();
        let is_noted = written.into_iter().flatten().any(|note| {
            let value = note.value.as_deref().unwrap_or_default();
            self.forms.stand_in(value.as_bytes())
        });
        let columns = footer
            .row_groups()
            .iter()
            .flat_map(RowGroupMetaData::columns);
        is_noted
            || columns
                .filter_map(|column| column.statistics())
                .flat_map(|statistics| [statistics.min_bytes_opt(), statistics.max_bytes_opt()])
                .flatten()
                .any(|bytes| self.forms.stand_in(bytes))
    }

    /// Whether a form stands in a cell of an Arrow file or stream.
    fn arrow(&self, bytes: &Bytes) -> bool {
        arrow_pages::open(bytes, None)
            .is_ok_and(|mut reader| reader.any(|batch| batch.is_ok_and(|batch| self.batch(&batch))))
    }

    /// Whether a form stands in a cell.
    fn batch(&self, batch: &RecordBatch) -> bool {
        batch.columns().iter().any(|column| self.column(column))
    }

    /// Whether a form stands in a cell of a column.
    fn column(&self, column: &ArrayRef) -> bool {
        let is_text = matches!(
            column.data_type(),
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(_, _)
        );
        let is_binary = matches!(
            column.data_type(),
            DataType::Binary
                | DataType::LargeBinary
                | DataType::BinaryView
                | DataType::FixedSizeBinary(_)
        );
        if is_binary && let Ok(cells) = cast(column, &DataType::Binary) {
            let cells = cells.as_binary::<i32>();
            return cells.iter().flatten().any(|cell| self.forms.stand_in(cell));
        }
        if is_text && let Ok(cells) = cast(column, &DataType::Utf8) {
            let cells = cells.as_string::<i32>();
            let mut cells = cells.iter().flatten();
            return cells.any(|cell| self.forms.stand_in(cell.as_bytes()));
        }
        let options = FormatOptions::default();
        let Ok(cells) = ArrayFormatter::try_new(column.as_ref(), &options) else {
            return false;
        };
        (0..column.len()).any(|row| self.forms.stand_in(cells.value(row).to_string().as_bytes()))
    }
}

/// Whether the content of a file is packed in it, so that its own bytes have no escapes.
fn is_packed(bytes: &[u8]) -> bool {
    [PARQUET, ARROW, ARROW_STREAM, &ZIP, &ZSTD, &GZIP]
        .iter()
        .any(|first| bytes.starts_with(first))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::erase::packed::packed;
    use arrow::array::{BinaryArray, Int64Array, StringArray};
    use std::collections::BTreeSet;
    use std::sync::Arc;

    /// Whether one id and one key are found in a file.
    fn is_found(bytes: Vec<u8>) -> bool {
        let ids = BTreeSet::from(["C0042".to_owned(), "123456789".to_owned()]);
        let forms = Forms::new(&ids, &BTreeSet::from([[0xab; 16]])).unwrap();
        Search { forms: &forms }.file(&Bytes::from(bytes), &mut 0, 0)
    }

    /// A Parquet file of one column.
    fn parquet(column: ArrayRef) -> Vec<u8> {
        use parquet::basic::{Compression, ZstdLevel};
        let batch = RecordBatch::try_from_iter([("a", column)]).unwrap();
        let properties = parquet::file::properties::WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .build();
        let mut writer =
            parquet::arrow::ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties))
                .unwrap();
        writer.write(&batch).unwrap();
        writer.into_inner().unwrap()
    }

    #[test]
    fn a_person_is_found_however_the_file_is_packed() {
        let text = b"a;C0042;b".to_vec();
        let zip = |name: &str| Wrap::Zip(name.to_owned(), vec![(name.to_owned(), Vec::new())]);
        for wrap in [Wrap::Plain, Wrap::Gzip, Wrap::Zstd, zip("a")] {
            let once = packed(text.clone(), &wrap).unwrap();
            assert!(is_found(once.clone()), "{wrap:?}");
            assert!(is_found(packed(once, &zip("b")).unwrap()));
            assert!(!is_found(packed(b"a;C00421;b".to_vec(), &wrap).unwrap()));
        }
    }

    #[test]
    fn a_person_is_found_in_cells_of_every_type() {
        let many: Vec<String> = (0..3000).map(|row| format!("C{row:06}")).collect();
        assert!(!is_found(parquet(Arc::new(StringArray::from(
            many.clone()
        )))));
        let texts = many
            .into_iter()
            .chain(["C0042".to_owned()])
            .collect::<Vec<_>>();
        assert!(is_found(parquet(Arc::new(StringArray::from(texts)))));
        assert!(is_found(parquet(Arc::new(Int64Array::from(vec![
            1,
            123_456_789
        ])))));
        assert!(is_found(parquet(Arc::new(BinaryArray::from_vec(vec![
            b"x",
            &[0xab; 16]
        ])))));
        assert!(!is_found(parquet(Arc::new(BinaryArray::from_vec(vec![
            b"x",
            &[0xab; 15]
        ])))));
    }
}
