//! Keeps one page as it comes: hashed, counted and written at the same time, piece by piece.
//!
//! ```text
//!            ┌→ hash      on a thread of its own
//! pieces ────┼→ count     on a thread of its own
//!            └→ write     small pages wait for their hash, large ones in `arriving`
//! ```
//!
//! Each holds a few pieces at most, so a page of any size takes the same memory. A page that
//! breaks off is forgotten. A file of this machine for a lake of this machine is read and written
//! by one thread, from the same buffer that is hashed: what is kept is what was hashed.

use bytes::Bytes;
use futures::StreamExt;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::{JoinError, JoinHandle, spawn_blocking};

use super::Error;
use super::count::{Counted, count_page};
use super::transport::{Body, LocalFile, Opened, Pieces, Request};
use crate::canon::digits::hexadecimal;
use crate::lake::Lake;
use crate::lake::kept::{Arriving, Fed};

/// Pieces that wait for the hash, and as many for the count.
const N_WAITING: usize = 4;

/// A page that is in the lake.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    /// SHA-256 of its bytes.
    pub(super) sha256: String,
    /// Bytes.
    pub(super) n_bytes: u64,
    /// Records, counted independently.
    pub(super) counted: Counted,
}

/// Keeps a page; `None` if it is said to be the same as before.
///
/// # Errors
/// When it breaks off or the lake refuses; nothing of it is kept then.
pub(super) async fn keep(
    lake: &Lake,
    request: &Request<'_>,
    body: Body,
) -> Result<Option<Kept>, Error> {
    let begin = || Taking::begin(lake, request);
    let (taking, taken) = match body {
        Body::Unchanged => return Ok(None),
        Body::Opened(opened) if lake.is_local() => begin().take_file(opened).await?,
        Body::Opened(opened) => begin().take_pieces(opened.into_pieces()).await,
        Body::Whole(bytes) => {
            let pieces = futures::stream::iter([Ok(bytes)]);
            begin().take_pieces(pieces.boxed()).await
        }
        Body::Pieces(pieces) => begin().take_pieces(pieces).await,
    };
    if let Err(error) = taken {
        taking.arriving.discard().await?;
        return Err(error);
    }
    taking.end().await.map(Some)
}

/// A page that is being taken.
struct Taking {
    /// Where its bytes go.
    arriving: Arriving,
    /// Bytes so far.
    n_bytes: u64,
    /// To the hash and to the count.
    senders: [Sender<Bytes>; 2],
    /// The hash.
    hash: JoinHandle<String>,
    /// The count.
    count: JoinHandle<Counted>,
}

impl Taking {
    /// Begins to take a page.
    fn begin(lake: &Lake, request: &Request<'_>) -> Self {
        let (to_hash, hashed) = channel(N_WAITING);
        let (to_count, counted) = channel(N_WAITING);
        let table = request.spec.clone();
        Self {
            arriving: lake.arriving(request.platform, request.table),
            n_bytes: 0,
            senders: [to_hash, to_count],
            hash: spawn_blocking(move || hash(hashed)),
            count: spawn_blocking(move || count_page(&table, Box::new(Fed::new(next_of(counted))))),
        }
    }

    /// Takes a file of this machine, on a thread of its own.
    async fn take_file(mut self, opened: Opened) -> Result<(Self, Result<(), Error>), Error> {
        let Opened { mut file, version } = opened;
        let ended = spawn_blocking(move || {
            let taken = self.take_here(&mut file);
            (self, taken)
        });
        let (taking, taken) = ended.await.map_err(stopped)?;
        let checked = match taken {
            Ok(()) => version.check(taking.n_bytes).await,
            Err(error) => Err(error),
        };
        Ok((taking, checked))
    }

    /// Takes the pieces of a file, on the thread of the caller.
    fn take_here(&mut self, file: &mut LocalFile) -> Result<(), Error> {
        while let Some(piece) = file.next_piece()? {
            self.n_bytes += piece.len() as u64;
            for sender in &self.senders {
                // A count that knows enough no longer listens.
                let _ = sender.blocking_send(piece.clone());
            }
            self.arriving.push_here(piece)?;
        }
        Ok(())
    }

    /// Takes the pieces that come.
    async fn take_pieces(mut self, mut pieces: Pieces) -> (Self, Result<(), Error>) {
        while let Some(piece) = pieces.next().await {
            let taken = match piece {
                Ok(piece) => self.take(piece).await,
                Err(error) => Err(error),
            };
            if taken.is_err() {
                return (self, taken);
            }
        }
        (self, Ok(()))
    }

    /// Takes a piece.
    async fn take(&mut self, piece: Bytes) -> Result<(), Error> {
        self.n_bytes += piece.len() as u64;
        for sender in &self.senders {
            // A count that knows enough no longer listens.
            let _ = sender.send(piece.clone()).await;
        }
        self.arriving.push(piece).await?;
        Ok(())
    }

    /// Gives the page its name.
    async fn end(self) -> Result<Kept, Error> {
        drop(self.senders);
        let sha256 = self.hash.await.map_err(stopped)?;
        let counted = self
            .count
            .await
            .unwrap_or_else(|error| Counted::unknown(format!("the count stopped: {error}")));
        self.arriving.keep(&sha256).await?;
        Ok(Kept {
            sha256,
            n_bytes: self.n_bytes,
            counted,
        })
    }
}

/// SHA-256 of the pieces.
fn hash(mut pieces: Receiver<Bytes>) -> String {
    let mut hasher = Sha256::new();
    while let Some(piece) = pieces.blocking_recv() {
        hasher.update(&piece);
    }
    hexadecimal(&hasher.finalize())
}

/// The pieces for a reader.
fn next_of(mut pieces: Receiver<Bytes>) -> impl FnMut() -> Option<std::io::Result<Bytes>> {
    move || pieces.blocking_recv().map(Ok)
}

/// The error of a thread that did not end.
fn stopped(source: JoinError) -> Error {
    Error::Stopped(source)
}
