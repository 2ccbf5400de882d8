//! Arrow files and streams, message by message.
//!
//! ```text
//! stream  [ffffffff length metadata | body] … [ffffffff 00000000]
//! file    ARROW1 00 | a stream | footer  length  ARROW1
//! ```
//!
//! A reader reserves the memory that a message asks for, so a few wrong bytes could stop the whole
//! process. Every message is therefore looked at before a page is handed to the reader: it must lie
//! in the page, and what its compressed buffers say of their size must be bearable.
//!
//! Format: Apache Arrow Columnar Format 1.5, "Serialization and Interprocess Communication".

use std::io::Cursor;

use arrow::error::ArrowError;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::{Message, RecordBatch, root_as_message};

/// First and last bytes of a file.
const MAGIC: &[u8] = b"ARROW1";

/// First bytes of a message.
const CONTINUED: [u8; 4] = [0xff; 4];

/// The most bytes that the compressed buffers of one message may unfold into.
const MOST_UNFOLDED: u64 = 1 << 30;

/// What a compressed buffer says of its size when it is not compressed after all.
const NOT_COMPRESSED: i64 = -1;

/// Why a page is no Arrow file or stream that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    /// A message is cut, damaged or absent.
    Cut,
    /// A buffer unfolds into too much.
    TooLarge,
}

impl Flaw {
    /// In words.
    fn words(self) -> &'static str {
        match self {
            Self::Cut => {
                "it is cut, damaged, or not closed by its writer: the mark of its end is missing"
            }
            Self::TooLarge => {
                "the compressed buffers of one batch unfold into more than 1 GiB: write smaller batches"
            }
        }
    }
}

/// Whether a page says of itself that it is an Arrow file; a stream has no name of its own.
pub(crate) fn is_file(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// Opens a file or stream whose messages are all there; columns by `projection`, or all.
///
/// # Errors
/// Where a message does not lie in the page, unfolds into more than 1 GiB, or the schema is none.
pub(crate) fn open(
    bytes: &[u8],
    projection: Option<Vec<usize>>,
) -> Result<StreamReader<Cursor<&[u8]>>, ArrowError> {
    let flawed = |flaw: Flaw| ArrowError::IpcError(flaw.words().to_owned());
    let mut messages = Messages::of(bytes).map_err(flawed)?;
    let stream = messages.rest;
    while let Some((message, body)) = messages.next().map_err(flawed)? {
        check(message, body).map_err(flawed)?;
    }
    StreamReader::try_new(Cursor::new(stream), projection)
}

/// Rows of all batches, by the messages that announce them; `None` where one cannot be read.
pub(crate) fn n_rows(bytes: &[u8]) -> Option<u64> {
    let mut messages = Messages::of(bytes).ok()?;
    let mut n_rows = 0_u64;
    while let Some((message, _)) = messages.next().ok()? {
        if let Some(batch) = message.header_as_record_batch() {
            n_rows = n_rows.checked_add(u64::try_from(batch.length()).ok()?)?;
        }
    }
    Some(n_rows)
}

/// The messages of a page, one after the other.
struct Messages<'b> {
    /// What was not looked at yet.
    rest: &'b [u8],
}

impl<'b> Messages<'b> {
    /// The messages of a file or stream; of a file without its name and its footer.
    fn of(bytes: &'b [u8]) -> Result<Self, Flaw> {
        let Some(file) = bytes.strip_prefix(MAGIC) else {
            return Ok(Self { rest: bytes });
        };
        let n_zeros = file.iter().take_while(|byte| **byte == 0).count();
        let inside = file.strip_suffix(MAGIC);
        let (inside, length) = inside
            .and_then(<[u8]>::split_last_chunk::<4>)
            .ok_or(Flaw::Cut)?;
        let footer = usize::try_from(i32::from_le_bytes(*length)).map_err(|_| Flaw::Cut)?;
        let end = inside.len().checked_sub(footer).ok_or(Flaw::Cut)?;
        let rest = inside.get(n_zeros..end).ok_or(Flaw::Cut)?;
        Ok(Self { rest })
    }

    /// The next message and its body; `None` at the end, which is marked.
    fn next(&mut self) -> Result<Option<(Message<'b>, &'b [u8])>, Flaw> {
        let after = self.rest.strip_prefix(&CONTINUED).ok_or(Flaw::Cut)?;
        let (length, after) = after.split_first_chunk::<4>().ok_or(Flaw::Cut)?;
        let length = usize::try_from(i32::from_le_bytes(*length)).map_err(|_| Flaw::Cut)?;
        if length == 0 {
            return Ok(None);
        }
        let (metadata, after) = after.split_at_checked(length).ok_or(Flaw::Cut)?;
        let message = root_as_message(metadata).map_err(|_| Flaw::Cut)?;
        let n_bytes = usize::try_from(message.bodyLength()).map_err(|_| Flaw::Cut)?;
        let (body, rest) = after.split_at_checked(n_bytes).ok_or(Flaw::Cut)?;
        self.rest = rest;
        Ok(Some((message, body)))
    }
}

/// Checks what a message says of the size of its compressed buffers.
fn check(message: Message<'_>, body: &[u8]) -> Result<(), Flaw> {
    let dictionary = message.header_as_dictionary_batch();
    let batch = message
        .header_as_record_batch()
        .or_else(|| dictionary.and_then(|dictionary| dictionary.data()));
    match batch {
        Some(batch) if batch.compression().is_some() => check_batch(batch, body),
        _ => Ok(()),
    }
}

/// Checks the compressed buffers of a batch.
fn check_batch(batch: RecordBatch<'_>, body: &[u8]) -> Result<(), Flaw> {
    let mut n_unfolded = 0_u64;
    for buffer in batch.buffers().into_iter().flatten() {
        let place = usize::try_from(buffer.offset()).map_err(|_| Flaw::Cut)?;
        let length = usize::try_from(buffer.length()).map_err(|_| Flaw::Cut)?;
        if length == 0 {
            continue;
        }
        let bytes = body.get(place..).and_then(|rest| rest.get(..length));
        let (size, _) = bytes
            .and_then(<[u8]>::split_first_chunk::<8>)
            .ok_or(Flaw::Cut)?;
        match i64::from_le_bytes(*size) {
            NOT_COMPRESSED => {}
            size => {
                let size = u64::try_from(size).map_err(|_| Flaw::Cut)?;
                n_unfolded = n_unfolded.saturating_add(size);
            }
        }
    }
    if n_unfolded > MOST_UNFOLDED {
        return Err(Flaw::TooLarge);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, RecordBatch, StringArray};
    use arrow::ipc::CompressionType;
    use arrow::ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};

    use super::*;

    /// A batch of texts that compress well.
    fn batch() -> RecordBatch {
        let texts = (0..5000).map(|number| format!("comune {}", number % 7));
        let texts: ArrayRef = Arc::new(StringArray::from_iter_values(texts));
        RecordBatch::try_from_iter([("testo", texts)]).unwrap()
    }

    /// The batch as a file and as a stream, compressed in every way.
    fn pages() -> Vec<Vec<u8>> {
        let ways = [
            None,
            Some(CompressionType::LZ4_FRAME),
            Some(CompressionType::ZSTD),
        ];
        let written = |way| {
            let options = IpcWriteOptions::default()
                .try_with_compression(way)
                .unwrap();
            let (batch, schema) = (batch(), batch().schema());
            let mut file =
                FileWriter::try_new_with_options(Vec::new(), &schema, options.clone()).unwrap();
            file.write(&batch).unwrap();
            file.finish().unwrap();
            let mut stream =
                StreamWriter::try_new_with_options(Vec::new(), &schema, options).unwrap();
            stream.write(&batch).unwrap();
            stream.finish().unwrap();
            [file.into_inner().unwrap(), stream.into_inner().unwrap()]
        };
        ways.into_iter().flat_map(written).collect()
    }

    #[test]
    fn files_and_streams_are_read_however_they_are_compressed() {
        let pages = pages();
        assert_eq!(pages.len(), 6);
        for page in &pages {
            let reader = open(page, None).unwrap();
            assert_eq!(reader.schema(), batch().schema());
            let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
            assert_eq!(batches, [batch()]);
            assert_eq!(n_rows(page), Some(5000));
        }
        let [plain, smaller] = [0, 2].map(|place| pages.get(place).unwrap().len());
        assert!(smaller < plain / 2, "{smaller} of {plain}");
    }

    #[test]
    fn a_cut_page_is_refused() {
        for page in pages() {
            for length in 0..page.len() {
                let cut = page.get(..length).unwrap();
                assert!(open(cut, None).is_err(), "{length}");
                assert_eq!(n_rows(cut), None, "{length}");
            }
        }
    }

    #[test]
    fn a_buffer_that_would_unfold_into_everything_is_refused() {
        for page in pages().split_off(2) {
            // 5000 texts of eight bytes take 40,000; the last buffer says so in its first bytes.
            let size = 40_000_i64.to_le_bytes();
            let place = page.windows(8).rposition(|bytes| bytes == size).unwrap();
            for absurd in [1 << 40, i64::MAX, i64::MIN, -2] {
                let mut page = page.clone();
                page.splice(place..place + 8, absurd.to_le_bytes());
                assert!(open(&page, None).is_err(), "{absurd}");
            }
        }
    }
}
