//! A file of this machine, in pieces that stay near a processor.
//!
//! A piece is small enough for the few that are on their way to lie in the cache of a core, and its
//! buffer is used again as soon as nobody holds it, so that no memory is fetched anew for each.
//! Where the lake is a folder too, the thread that reads a piece also writes it.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, ErrorKind, Read};

use bytes::{Bytes, BytesMut};
use futures::stream::{StreamExt, poll_fn};
use tokio::sync::mpsc::channel;

use crate::stages::acquire::Error;
use crate::stages::acquire::transport::Pieces;

/// Bytes of a piece: the dozen on their way take about as much as the cache of a core holds.
const PIECE: usize = 256 << 10;

/// Pieces that are read ahead.
const N_AHEAD: usize = 4;

/// Buffers that are waited for to be used again; those of a small page are held until its end.
const N_LENT: usize = 16;

/// The pieces of a file, read ahead by a thread of its own.
pub(super) fn pieces(mut file: LocalFile) -> Pieces {
    let (sender, mut receiver) = channel(N_AHEAD);
    tokio::task::spawn_blocking(move || {
        let pieces = std::iter::from_fn(|| file.next_piece().transpose());
        // Nobody listens any more when the page was given up.
        for piece in pieces {
            let is_last = piece.is_err();
            if sender.blocking_send(piece).is_err() || is_last {
                return;
            }
        }
    });
    poll_fn(move |context| receiver.poll_recv(context)).boxed()
}

/// A file that is read into buffers that are used again.
pub(in crate::stages::acquire) struct LocalFile {
    /// The file.
    file: File,
    /// Its address.
    url: String,
    /// Buffers whose pieces were handed on, the oldest first.
    lent: VecDeque<Bytes>,
}

impl LocalFile {
    /// Begins where the file stands.
    pub(super) fn new(file: File, url: String) -> Self {
        Self {
            file,
            url,
            lent: VecDeque::with_capacity(N_LENT),
        }
    }

    /// The next piece; none at the end of the file. It is for a thread that may block.
    pub(in crate::stages::acquire) fn next_piece(&mut self) -> Result<Option<Bytes>, Error> {
        let mut buffer = self.buffer();
        let read = read_some(&mut self.file, &mut buffer);
        let n_bytes = read.map_err(|source| Error::Read {
            url: self.url.clone(),
            source,
        })?;
        let whole = buffer.freeze();
        let piece = whole.slice(..n_bytes);
        self.lent.push_back(whole);
        Ok((!piece.is_empty()).then_some(piece))
    }

    /// The buffer that was lent first if it came back, else a new one.
    fn buffer(&mut self) -> BytesMut {
        match self.lent.pop_front().map(Bytes::try_into_mut) {
            Some(Ok(free)) => return free,
            Some(Err(held)) if self.lent.len() + 1 < N_LENT => self.lent.push_front(held),
            // Whoever holds one too many gives it back to the allocator.
            Some(Err(_)) | None => {}
        }
        BytesMut::zeroed(PIECE)
    }
}

/// Bytes that one call of the system gives; none at the end of the file.
fn read_some(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match file.read(buffer) {
            Err(source) if source.kind() == ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of so many bytes, each that of its piece, opened.
    fn opened(folder: &std::path::Path, n_bytes: usize) -> LocalFile {
        let path = folder.join("a.csv");
        let byte = |place: usize| u8::try_from(place / PIECE).unwrap();
        std::fs::write(&path, (0..n_bytes).map(byte).collect::<Vec<u8>>()).unwrap();
        LocalFile::new(File::open(path).unwrap(), "a.csv".to_owned())
    }

    #[test]
    fn a_buffer_is_used_again_only_after_its_piece_was_given_back() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = opened(folder.path(), PIECE * 3 + 5);
        let first = file.next_piece().unwrap().unwrap();
        let second = file.next_piece().unwrap().unwrap();
        assert!(first.iter().all(|byte| *byte == 0));
        assert!(second.iter().all(|byte| *byte == 1));
        let place = first.as_ptr();
        drop(first);
        let third = file.next_piece().unwrap().unwrap();
        assert_eq!(third.as_ptr(), place);
        assert!(second.iter().all(|byte| *byte == 1));
        assert!(third.iter().all(|byte| *byte == 2));
        let last = file.next_piece().unwrap().unwrap();
        assert_eq!(last.as_ref(), [3; 5]);
        assert_eq!(file.next_piece().unwrap(), None);
    }

    #[test]
    fn pieces_that_are_held_stay_as_they_are_however_many() {
        let folder = tempfile::tempdir().unwrap();
        let n_pieces = N_LENT * 2;
        let mut file = opened(folder.path(), PIECE * n_pieces);
        let held: Vec<Bytes> = std::iter::from_fn(|| file.next_piece().unwrap()).collect();
        assert_eq!(held.len(), n_pieces);
        for (number, piece) in held.iter().enumerate() {
            assert!(piece.iter().all(|byte| usize::from(*byte) == number));
        }
        assert!(file.lent.len() <= N_LENT);
    }
}
