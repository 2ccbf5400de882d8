//! A file of this machine, in large pieces.

use std::fs::File;
use std::io::Read;

use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt, poll_fn};
use tokio::sync::mpsc::channel;

use crate::stages::acquire::Error;

/// Bytes of a piece.
const PIECE: usize = 1 << 20;

/// Pieces that are read ahead.
const N_AHEAD: usize = 4;

/// The pieces of a file, read ahead by a thread of its own.
pub(super) fn pieces(mut file: File, url: String) -> BoxStream<'static, Result<Bytes, Error>> {
    let (sender, mut receiver) = channel(N_AHEAD);
    tokio::task::spawn_blocking(move || {
        let failed = |source| Error::Read {
            url: url.clone(),
            source,
        };
        let pieces = std::iter::from_fn(|| next_piece(&mut file).map_err(failed).transpose());
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

/// The next piece of a file; none at its end.
fn next_piece(file: &mut File) -> std::io::Result<Option<Bytes>> {
    let mut piece = Vec::with_capacity(PIECE);
    file.by_ref().take(PIECE as u64).read_to_end(&mut piece)?;
    Ok((!piece.is_empty()).then(|| Bytes::from(piece)))
}
