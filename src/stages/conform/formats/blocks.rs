//! Pages of lines cut into blocks of whole records, so that several threads can take them apart.
//!
//! ```text
//! …;S7;1,5\n8;S9;"due \n righe";2\n9;S1…      a block ends behind `2\n`: the line end before it is quoted
//!                                  ╰─ carried over to the next block
//! ```
//!
//! A block holds some mebibytes. A record longer than a block makes the block longer, up to a
//! limit; one beyond the limit is passed over and told as too long, so that no page, however it is
//! made, fills the memory.

use std::io::Read;
use std::sync::Mutex;

use memchr::{memchr, memchr_iter, memrchr};

use super::csv::CsvLines;
use super::ends::Scanner;
use super::ndjson::JsonLines;
use super::{Error, PageRead, RawRow, Record, Sink, csv, ndjson};
use crate::spec::format::Format;

/// The longest record that is read.
pub(super) const MOST_RECORD: usize = 16 << 20;

/// Bytes of a block that is usual.
pub(crate) const BLOCK: usize = 4 << 20;

/// Rule of a record that is longer.
pub(super) const TOO_LONG: &str = "record_too_long";

/// What ends a record.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ending {
    /// A line end.
    Line,
    /// A line end outside quotes.
    Unquoted(Scanner),
}

/// A run of whole records.
#[derive(Debug)]
pub(crate) struct RawBlock {
    /// Its bytes, and more behind them that do not count.
    buffer: Vec<u8>,
    /// How many count.
    n_bytes: usize,
    /// One-based line of its first byte.
    first_line: u64,
    /// Its number in the page.
    pub(crate) number: u64,
    /// Whether it stands for a record that was passed over.
    is_too_long: bool,
}

/// Cuts a page into blocks.
pub(crate) struct Blocks<'p> {
    /// The page.
    page: Box<dyn Read + Send>,
    /// What ends a record.
    ending: Ending,
    /// Bytes of a usual block.
    block: usize,
    /// Bytes read and not handed over.
    buffer: Vec<u8>,
    /// How many of them count.
    filled: usize,
    /// Line of the first of them.
    line: u64,
    /// Number of the next block.
    number: u64,
    /// Whether the page has ended.
    is_at_end: bool,
    /// Buffers that may be used again.
    spare: &'p Spare,
}

/// Buffers that were used before.
#[derive(Debug, Default)]
pub(crate) struct Spare(Mutex<Vec<Vec<u8>>>);

impl Spare {
    /// A buffer of at least so many bytes.
    fn take(&self, n_bytes: usize) -> Vec<u8> {
        let used = self.0.lock().ok().and_then(|mut spare| spare.pop());
        let used = used.filter(|buffer| buffer.len() >= n_bytes);
        used.unwrap_or_else(|| vec![0; n_bytes])
    }

    /// Takes the buffer of a block back.
    pub(crate) fn give(&self, block: RawBlock) {
        if let Ok(mut spare) = self.0.lock() {
            spare.push(block.buffer);
        }
    }
}

impl<'p> Blocks<'p> {
    /// A page to be cut into blocks of about so many bytes.
    fn new(page: Box<dyn Read + Send>, block: usize, spare: &'p Spare) -> Self {
        Self {
            page,
            ending: Ending::Line,
            block,
            buffer: spare.take(block),
            filled: 0,
            line: 1,
            number: 0,
            is_at_end: false,
            spare,
        }
    }

    /// The next block; `None` behind the last one.
    pub(crate) fn next(&mut self) -> Result<Option<RawBlock>, Error> {
        loop {
            self.fill()?;
            if self.is_at_end && self.filled <= MOST_RECORD {
                let end = self.filled;
                return Ok((end > 0).then(|| self.hand_over(end)));
            }
            if let Some(end) = self.ending.last(self.held()) {
                return Ok(Some(self.hand_over(end)));
            }
            if self.filled > MOST_RECORD {
                return self.pass_over().map(Some);
            }
            self.grow();
        }
    }

    /// Makes the buffer twice as long.
    fn grow(&mut self) {
        let mut longer = vec![0; self.buffer.len() * 2];
        if let Some(start) = longer.get_mut(..self.filled) {
            start.copy_from_slice(self.held());
        }
        self.buffer = longer;
    }

    /// Whether everything was handed over.
    pub(crate) fn is_done(&self) -> bool {
        self.is_at_end && self.filled == 0
    }

    /// Bytes read and not handed over.
    fn held(&self) -> &[u8] {
        self.buffer.get(..self.filled).unwrap_or_default()
    }

    /// Reads until the buffer is full or the page ends.
    fn fill(&mut self) -> Result<(), Error> {
        while !self.is_at_end {
            let Some(room) = self
                .buffer
                .get_mut(self.filled..)
                .filter(|room| !room.is_empty())
            else {
                return Ok(());
            };
            match self.page.read(room) {
                Ok(0) => self.is_at_end = true,
                Ok(n_bytes) => self.filled += n_bytes,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(source) => return Err(Error::ReadPage { source }),
            }
        }
        Ok(())
    }

    /// Hands the first bytes over and carries the others to a new buffer.
    fn hand_over(&mut self, end: usize) -> RawBlock {
        let rest = self.buffer.get(end..self.filled).unwrap_or_default();
        let n_bytes = if self.is_at_end {
            rest.len()
        } else {
            self.block.max(rest.len() * 2)
        };
        let mut next = self.spare.take(n_bytes);
        if let Some(start) = next.get_mut(..rest.len()) {
            start.copy_from_slice(rest);
        }
        self.filled = rest.len();
        let buffer = std::mem::replace(&mut self.buffer, next);
        let first_line = self.line;
        self.line += n_lines(buffer.get(..end).unwrap_or_default());
        self.number += 1;
        RawBlock {
            buffer,
            n_bytes: end,
            first_line,
            number: self.number - 1,
            is_too_long: false,
        }
    }

    /// Passes over a record that is too long.
    fn pass_over(&mut self) -> Result<RawBlock, Error> {
        let first_line = self.line;
        let mut scanner = self.ending;
        loop {
            if let Some(end) = scanner.first(self.held()) {
                let mut block = self.hand_over(end);
                block.n_bytes = 0;
                block.is_too_long = true;
                block.first_line = first_line;
                return Ok(block);
            }
            self.line += n_lines(self.held());
            self.filled = 0;
            if self.is_at_end {
                let mut block = self.hand_over(0);
                block.is_too_long = true;
                block.first_line = first_line;
                return Ok(block);
            }
            self.fill()?;
        }
    }

    /// Takes the first bytes out, as if they had been handed over.
    fn take_out(&mut self, end: usize) -> Vec<u8> {
        let block = self.hand_over(end);
        self.number = 0;
        let taken = block.buffer.get(..end).unwrap_or_default().to_vec();
        self.spare.give(block);
        taken
    }

    /// Reads until there is a whole record, and gives where it ends; the end of a short page ends
    /// it too.
    fn first_record(&mut self) -> Result<usize, Error> {
        loop {
            self.fill()?;
            let mut ending = self.ending;
            if let Some(end) = ending.first(self.held()) {
                return Ok(end);
            }
            if self.is_at_end || self.filled > MOST_RECORD {
                return Ok(self.filled);
            }
            self.grow();
        }
    }
}

/// Line ends among bytes.
fn n_lines(bytes: &[u8]) -> u64 {
    memchr_iter(b'\n', bytes).count() as u64
}

impl Ending {
    /// Where the last whole record of bytes ends that begin with a record.
    fn last(self, bytes: &[u8]) -> Option<usize> {
        match self {
            Self::Line => memrchr(b'\n', bytes).map(|end| end + 1),
            Self::Unquoted(scanner) => scanner.last_end(bytes),
        }
    }

    /// Where the record that goes on in these bytes ends.
    fn first(&mut self, bytes: &[u8]) -> Option<usize> {
        match self {
            Self::Line => memchr(b'\n', bytes).map(|end| end + 1),
            Self::Unquoted(scanner) => scanner.first_end(bytes),
        }
    }
}

/// Takes the records of a block apart.
#[derive(Debug)]
pub(crate) enum LineReader {
    /// Delimited text.
    Csv(CsvLines),
    /// JSON objects.
    Ndjson(JsonLines),
}

impl LineReader {
    /// Hands the rows of a block over, in their order.
    pub(crate) fn rows(&self, block: &RawBlock, sink: &mut Sink<'_>) {
        if block.is_too_long {
            let record = Record::Broken(TOO_LONG);
            sink(RawRow {
                place: block.first_line,
                record,
            });
            return;
        }
        let bytes = block.buffer.get(..block.n_bytes).unwrap_or_default();
        match self {
            Self::Csv(lines) => lines.rows(bytes, block.first_line, sink),
            Self::Ndjson(lines) => lines.rows(bytes, block.first_line, sink),
        }
    }
}

/// A page that can be cut into blocks.
pub(crate) struct OpenLines<'p> {
    /// Cuts it.
    pub(crate) blocks: Blocks<'p>,
    /// Takes blocks apart.
    pub(crate) reader: LineReader,
    /// What its header or first lines say; no rows yet.
    pub(crate) read: PageRead,
}

/// A page as a stream, and how it is to be cut.
pub(crate) struct Cutting<'p> {
    /// The page.
    pub(crate) page: Box<dyn Read + Send>,
    /// Bytes of a usual block.
    pub(crate) block: usize,
    /// Buffers to use again.
    pub(crate) spare: &'p Spare,
}

/// Whether pages of a format can be cut into blocks.
pub(crate) fn are_cut(format: &Format) -> bool {
    match format {
        Format::Csv(options) => options.is_plain(),
        Format::Ndjson(_) => true,
        Format::Json(_) | Format::Parquet(_) | Format::Arrow(_) | Format::Sheet(_) => false,
    }
}

/// Opens a page of lines; `None` for a format whose pages are not cut.
pub(crate) fn open<'p>(
    format: &Format,
    fields: &[String],
    cutting: Cutting<'p>,
) -> Result<Option<OpenLines<'p>>, Error> {
    let mut blocks = Blocks::new(cutting.page, cutting.block, cutting.spare);
    blocks.fill()?;
    if blocks.held().starts_with(b"\xef\xbb\xbf") {
        blocks.take_out(3);
    }
    match format {
        Format::Csv(options) if options.is_plain() => {
            let dialect = csv::Dialect::new(options)?;
            blocks.ending = Ending::Unquoted(Scanner::new(dialect));
            let end = blocks.first_record()?;
            let header = blocks.take_out(end);
            let (read, lines) = csv::open(dialect, fields, &header)?;
            Ok(Some(OpenLines {
                blocks,
                reader: LineReader::Csv(lines),
                read,
            }))
        }
        Format::Ndjson(_) => {
            blocks.fill()?;
            let (mut read, lines) = ndjson::open(fields);
            read.unknown_fields = lines.unknown_fields(blocks.held());
            Ok(Some(OpenLines {
                blocks,
                reader: LineReader::Ndjson(lines),
                read,
            }))
        }
        Format::Csv(_)
        | Format::Json(_)
        | Format::Parquet(_)
        | Format::Arrow(_)
        | Format::Sheet(_) => Ok(None),
    }
}
