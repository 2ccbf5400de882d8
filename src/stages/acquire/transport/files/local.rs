//! A file of this machine, in large pieces.

use std::fs::File;
use std::io::Read;

use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt, try_unfold};

use crate::stages::acquire::Error;

/// Bytes of a piece.
const PIECE: u64 = 1 << 20;

/// The pieces of a file.
pub(super) fn pieces(file: File, url: String) -> BoxStream<'static, Result<Bytes, Error>> {
    try_unfold((file, url), |(file, url)| async move {
        let read = tokio::task::spawn_blocking(move || next_piece(file)).await;
        let read = read.unwrap_or_else(|stopped| Err(std::io::Error::other(stopped)));
        match read {
            Ok((_, piece)) if piece.is_empty() => Ok(None),
            Ok((file, piece)) => Ok(Some((piece, (file, url)))),
            Err(source) => Err(Error::Read { url, source }),
        }
    })
    .boxed()
}

/// The next piece of a file; an empty one at its end.
fn next_piece(mut file: File) -> std::io::Result<(File, Bytes)> {
    let mut piece = Vec::new();
    file.by_ref().take(PIECE).read_to_end(&mut piece)?;
    Ok((file, Bytes::from(piece)))
}
