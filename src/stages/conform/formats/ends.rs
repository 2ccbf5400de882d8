//! Where the records of delimited text end: at line ends outside quotes.
//!
//! A scan may go on from one run of bytes to the next, so that a page is cut before it is read.
//!
//! ```text
//! 8;"due \n righe";2\n9;S1…          the first line end is quoted, the second ends the record
//! ```

use memchr::{memchr, memchr2, memrchr};

use super::csv::{Dialect, QUOTE};

/// Where a scan for the ends of records stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// At the start of a record, or in line ends before it.
    Record,
    /// At the start of a later field.
    Field,
    /// In a field without quotes.
    Plain,
    /// In a field with quotes.
    Quoted,
    /// After a quote in a field with quotes.
    Closing,
}

/// Finds the ends of records, also over several runs of bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scanner {
    /// Byte between fields.
    delimiter: u8,
    /// Where it stands.
    state: State,
}

impl Scanner {
    /// A scanner at the start of a record.
    pub(super) fn new(dialect: Dialect) -> Self {
        Self {
            delimiter: dialect.delimiter,
            state: State::Record,
        }
    }

    /// Where the last whole record of bytes ends that begin with a record.
    pub(super) fn last_end(mut self, bytes: &[u8]) -> Option<usize> {
        if memchr(QUOTE, bytes).is_none() {
            let last = memrchr(b'\n', bytes).or_else(|| {
                // Behind a `\r` that comes last there may be a `\n` that belongs to it.
                let inner = bytes.get(..bytes.len().saturating_sub(1));
                inner.and_then(|inner| memrchr(b'\r', inner))
            });
            return last.map(|end| end + 1);
        }
        let (mut at, mut last) = (0, None);
        while let Some(end) = self.first_end(bytes.get(at..).unwrap_or_default()) {
            at += end;
            last = Some(at);
        }
        last
    }

    /// Where the record that goes on in these bytes ends, one line end included.
    pub(super) fn first_end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            let before = self.state;
            self.state = self.after(*byte);
            if self.state == State::Record && before != State::Record {
                return Some(at + 1);
            }
            at += if matches!(self.state, State::Quoted | State::Plain) {
                1 + self.skip(bytes, at + 1)
            } else {
                1
            };
        }
        None
    }

    /// Where the scan stands after one more byte.
    fn after(self, byte: u8) -> State {
        let is_end = matches!(byte, b'\n' | b'\r');
        match self.state {
            State::Quoted if byte == QUOTE => State::Closing,
            State::Quoted => State::Quoted,
            State::Record | State::Field | State::Closing if byte == QUOTE => State::Quoted,
            State::Record | State::Field | State::Plain | State::Closing => {
                if is_end {
                    State::Record
                } else if byte == self.delimiter {
                    State::Field
                } else {
                    State::Plain
                }
            }
        }
    }

    /// Bytes that do not change where the scan stands.
    fn skip(self, bytes: &[u8], at: usize) -> usize {
        let rest = bytes.get(at..).unwrap_or_default();
        let found = if self.state == State::Quoted {
            memchr(QUOTE, rest)
        } else {
            match memchr2(b'\n', b'\r', rest) {
                Some(end) => {
                    memchr(self.delimiter, rest.get(..end).unwrap_or_default()).or(Some(end))
                }
                None => memchr(self.delimiter, rest),
            }
        };
        found.unwrap_or(rest.len())
    }
}
