//! The binary format of `COPY … TO STDOUT`, taken apart strictly.
//!
//! ```text
//! PGCOPY\n\377\r\n\0 · flags · extension     once
//! n_columns (i16) · for each: length (i32, -1 = null) · value     per row
//! -1 (i16)                                   at the end
//! ```
//!
//! The pieces the server sends need not end where a row ends, so bytes are kept until a row is
//! whole. Without the end mark the stream was cut, and no row of the page counts.

use bytes::{Buf, Bytes, BytesMut};

/// First bytes of the format.
const SIGNATURE: &[u8; 11] = b"PGCOPY\n\xff\r\n\0";

/// Bytes of the header without its extension.
const HEADER_BYTES: usize = SIGNATURE.len() + 8;

/// Why a stream cannot be taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CopyError {
    /// The header is not that of the format.
    #[error("the answer is not in the binary format of COPY")]
    NoHeader,
    /// A row has another number of columns than the table.
    #[error("row {row} has {found} columns and not {expected}")]
    Columns {
        /// One-based row.
        row: u64,
        /// Columns of the row.
        found: i16,
        /// Columns of the table.
        expected: usize,
    },
    /// A value has a length that cannot be.
    #[error("a value of row {row} has length {length}")]
    Length {
        /// One-based row.
        row: u64,
        /// Length as sent.
        length: i32,
    },
    /// Bytes follow the end mark.
    #[error("bytes follow the end mark")]
    AfterEnd,
    /// The stream ended before the end mark.
    #[error("the answer ended after {rows} whole rows, before its end mark")]
    Cut {
        /// Whole rows.
        rows: u64,
    },
}

/// Where the parser stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the header.
    Header,
    /// Among the rows.
    Rows,
    /// After the end mark.
    Ended,
}

/// Takes rows out of the pieces of a stream.
#[derive(Debug)]
pub(super) struct CopyRows {
    /// Columns of every row.
    n_columns: usize,
    /// Bytes not yet taken apart.
    buffer: BytesMut,
    /// Where the parser stands.
    state: State,
    /// Whole rows given.
    n_rows: u64,
}

/// The values of a row, in the order of the columns; `None` is null.
pub(super) type Row = Vec<Option<Bytes>>;

impl CopyRows {
    /// A parser for rows of so many columns.
    pub(super) fn new(n_columns: usize) -> Self {
        Self {
            n_columns,
            buffer: BytesMut::new(),
            state: State::Header,
            n_rows: 0,
        }
    }

    /// Rows given so far.
    pub(super) fn n_rows(&self) -> u64 {
        self.n_rows
    }

    /// Takes the next piece.
    pub(super) fn push(&mut self, piece: &[u8]) {
        self.buffer.extend_from_slice(piece);
    }

    /// The next whole row, or `None` until more is pushed.
    pub(super) fn next_row(&mut self) -> Result<Option<Row>, CopyError> {
        if self.state == State::Header && !self.skip_header()? {
            return Ok(None);
        }
        if self.state == State::Ended {
            let is_clean = self.buffer.is_empty();
            return is_clean.then_some(None).ok_or(CopyError::AfterEnd);
        }
        let Some(found) = number_at::<2>(&self.buffer, 0).map(i16::from_be_bytes) else {
            return Ok(None);
        };
        if found == -1 {
            self.buffer.advance(2);
            self.state = State::Ended;
            return self.next_row();
        }
        if usize::try_from(found) != Ok(self.n_columns) {
            return Err(CopyError::Columns {
                row: self.n_rows + 1,
                found,
                expected: self.n_columns,
            });
        }
        self.whole_row()
    }

    /// Checks that the stream ended where the format says.
    pub(super) fn finish(&self) -> Result<(), CopyError> {
        match self.state {
            State::Ended if self.buffer.is_empty() => Ok(()),
            State::Ended => Err(CopyError::AfterEnd),
            State::Header | State::Rows => Err(CopyError::Cut { rows: self.n_rows }),
        }
    }

    /// Skips the header; answers whether it has come.
    fn skip_header(&mut self) -> Result<bool, CopyError> {
        let begins = self.buffer.iter().zip(SIGNATURE);
        if begins
            .into_iter()
            .any(|(found, expected)| found != expected)
        {
            return Err(CopyError::NoHeader);
        }
        let flags = number_at::<4>(&self.buffer, SIGNATURE.len()).map(u32::from_be_bytes);
        let extension = number_at::<4>(&self.buffer, SIGNATURE.len() + 4).map(u32::from_be_bytes);
        let (Some(flags), Some(extension)) = (flags, extension) else {
            return Ok(false);
        };
        // Bit 16 would put an object id before every row; bits above it are critical too.
        if flags >= 1 << 16 {
            return Err(CopyError::NoHeader);
        }
        let length = usize::try_from(extension).map_err(|_too_long| CopyError::NoHeader)?;
        let Some(length) = HEADER_BYTES.checked_add(length) else {
            return Err(CopyError::NoHeader);
        };
        if self.buffer.len() < length {
            return Ok(false);
        }
        self.buffer.advance(length);
        self.state = State::Rows;
        Ok(true)
    }

    /// The row at the start of the buffer, if all of it is there.
    fn whole_row(&mut self) -> Result<Option<Row>, CopyError> {
        let mut ends = Vec::with_capacity(self.n_columns);
        let mut at = 2;
        for _ in 0..self.n_columns {
            let Some(length) = number_at::<4>(&self.buffer, at).map(i32::from_be_bytes) else {
                return Ok(None);
            };
            at += 4;
            if length == -1 {
                ends.push(None);
                continue;
            }
            let length = usize::try_from(length).map_err(|_negative| CopyError::Length {
                row: self.n_rows + 1,
                length,
            })?;
            ends.push(Some((at, at + length)));
            at += length;
        }
        if self.buffer.len() < at {
            return Ok(None);
        }
        let row = self.buffer.split_to(at).freeze();
        self.n_rows += 1;
        let values = ends.into_iter();
        Ok(Some(
            values
                .map(|ends| ends.map(|(start, end)| row.slice(start..end)))
                .collect(),
        ))
    }
}

/// The bytes of a number at a place.
fn number_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A stream of two columns with these rows.
    fn stream(rows: &[[Option<&[u8]>; 2]]) -> Vec<u8> {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend([0; 8]);
        for row in rows {
            bytes.extend(2_i16.to_be_bytes());
            for value in row {
                let length = value.map_or(-1, |value| i32::try_from(value.len()).unwrap());
                bytes.extend(length.to_be_bytes());
                bytes.extend(value.unwrap_or_default());
            }
        }
        bytes.extend((-1_i16).to_be_bytes());
        bytes
    }

    /// All rows of a stream that comes in pieces of `size` bytes.
    fn rows(bytes: &[u8], size: usize) -> Result<Vec<Row>, CopyError> {
        let mut parser = CopyRows::new(2);
        let mut rows = Vec::new();
        for piece in bytes.chunks(size) {
            parser.push(piece);
            while let Some(row) = parser.next_row()? {
                rows.push(row);
            }
        }
        parser.finish().map(|()| rows)
    }

    #[test]
    fn rows_are_the_same_however_they_are_cut_in_pieces() {
        let bytes = stream(&[[Some(b"a"), None], [Some(b""), Some(b"long value")]]);
        let whole = rows(&bytes, bytes.len()).unwrap();
        assert_eq!(whole.len(), 2);
        assert_eq!(whole[0], [Some(Bytes::from_static(b"a")), None]);
        for size in 1..bytes.len() {
            assert_eq!(rows(&bytes, size).as_ref(), Ok(&whole));
        }
        assert_eq!(rows(&stream(&[]), 5), Ok(Vec::new()));
    }

    #[test]
    fn a_stream_that_was_cut_anywhere_is_no_stream() {
        let bytes = stream(&[[Some(b"a"), None], [Some(b"b"), Some(b"c")]]);
        for length in 0..bytes.len() {
            let cut = rows(&bytes[..length], 7);
            assert!(matches!(cut, Err(CopyError::Cut { .. })), "{length}");
        }
    }

    #[test]
    fn what_is_not_the_format_is_refused() {
        let good = stream(&[[Some(b"a"), None]]);
        let planted = |at: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[at] = byte;
            rows(&bytes, 64)
        };
        assert_eq!(planted(0, b'X'), Err(CopyError::NoHeader));
        assert_eq!(planted(12, 1), Err(CopyError::NoHeader));
        assert!(matches!(
            planted(20, 3),
            Err(CopyError::Columns { row: 1, .. })
        ));
        assert!(matches!(planted(21, 0xfe), Err(CopyError::Length { .. })));
        let mut more = good.clone();
        more.push(0);
        assert_eq!(rows(&more, 64), Err(CopyError::AfterEnd));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), begins in any::<bool>()) {
            let mut stream = if begins { stream(&[]) } else { Vec::new() };
            stream.truncate(stream.len().saturating_sub(2));
            stream.extend(bytes);
            let _ = rows(&stream, 13);
        }
    }
}
