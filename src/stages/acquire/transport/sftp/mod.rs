//! Files of an SFTP server.
//!
//! ```text
//! list the folder    →  files that match, in the order of their names
//! each file          →  same size and time as last time: unchanged
//!                       else: look, read to the end, look again: the same file, and all of it
//! ```
//!
//! A file that is read in one piece is read again when it changed meanwhile or came short; of a
//! larger one the pieces are given away as they come, and the driver asks for it [once
//! more](Transport::again).

use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::future::poll_fn;
use futures::stream::{BoxStream, StreamExt, TryStreamExt, try_unfold};
use russh_sftp::client::error::Error as Failure;
use russh_sftp::client::fs::{File, Metadata};
use tokio::io::{AsyncRead, ReadBuf};

use super::{Arrived, Body, Earlier, Ended, Request, Transport};
use crate::spec::fetch::sftp::SftpFiles;
use crate::stages::acquire::Error;
use crate::stages::acquire::transport::files::matches;

mod error;
mod session;

pub use error::SftpError;
pub(in crate::stages::acquire) use session::{LoginSecrets, Session};

use session::Connected;

/// Bytes up to which a file is held in memory and read again by itself.
const HELD_BYTES: u64 = 16 << 20;

/// Bytes of a piece.
const PIECE_BYTES: usize = 256 << 10;

/// Seconds before the start of a run within which a change may share its time with the next one.
const RACY_SECONDS: i64 = 2;

/// First pause before a file is tried again; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// Fetches the files of one table.
#[derive(Debug)]
pub(in crate::stages::acquire) struct SftpPages {
    /// The connection of the source.
    session: Arc<Session>,
    /// Path as declared.
    path: String,
    /// Tags of the current pages by address.
    known: BTreeMap<String, String>,
    /// Start of the run in seconds since 1970.
    started: i64,
    /// Files still to come, once the folder is listed.
    waiting: Option<VecDeque<String>>,
    /// The file given last.
    last: Option<String>,
}

/// Size and time of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    /// Bytes.
    size: u64,
    /// Seconds since 1970.
    changed: Option<u32>,
}

impl Stamp {
    /// Of what the server says.
    fn of(metadata: &Metadata) -> Self {
        Self {
            size: metadata.len(),
            changed: metadata.mtime,
        }
    }

    /// What tells an unchanged file; empty where the last change is so recent that another one
    /// could bear the same time.
    fn tag(self, started: i64) -> String {
        match self.changed {
            Some(changed) if i64::from(changed) + RACY_SECONDS <= started => {
                format!("{}:{changed}", self.size)
            }
            Some(_) | None => String::new(),
        }
    }
}

impl SftpPages {
    /// The files of one table; nothing is asked of the server yet.
    pub(in crate::stages::acquire) fn new(
        request: &Request<'_>,
        declared: &SftpFiles,
        session: Arc<Session>,
    ) -> Self {
        let known = request.known.iter();
        Self {
            session,
            path: declared.path.clone(),
            known: known
                .map(|page| (page.url.clone(), page.tag.clone()))
                .collect(),
            started: request.started_at.timestamp(),
            waiting: None,
            last: None,
        }
    }

    /// Files that match, in the order of their names.
    async fn list(&self) -> Result<VecDeque<String>, SftpError> {
        let (folder, pattern) = match self.path.rsplit_once('/') {
            Some(("", pattern)) => ("/", pattern),
            Some(parts) => parts,
            None => (".", self.path.as_str()),
        };
        let failed = |source| SftpError::List {
            path: folder.to_owned(),
            source: Box::new(source),
        };
        let connected = self.session.connected().await?;
        let listed = self.session.within(connected.sftp.read_dir(folder)).await?;
        let mut names: Vec<String> = listed
            .map_err(failed)?
            .filter(|entry| !entry.metadata().is_dir())
            .map(|entry| entry.file_name())
            .filter(|name| !name.contains('/') && matches(pattern, name))
            .collect();
        names.sort();
        let place = |name| format!("{}/{name}", folder.trim_end_matches('/'));
        Ok(names.into_iter().map(place).collect())
    }

    /// Size and time of a file.
    async fn stamp(&self, connected: &Connected, path: &str) -> Result<Stamp, SftpError> {
        let metadata = self.session.within(connected.sftp.metadata(path)).await?;
        let metadata = metadata.map_err(|source| cannot_read(path, source))?;
        Ok(Stamp::of(&metadata))
    }

    /// A file, unless it is unchanged.
    async fn fetch(&self, path: &str) -> Result<Arrived, SftpError> {
        let connected = self.session.connected().await?;
        let stamp = self.stamp(&connected, path).await?;
        let tag = stamp.tag(self.started);
        let arrived = |body| Arrived {
            address: path.to_owned(),
            tag: tag.clone(),
            body,
            claim: None,
        };
        if !tag.is_empty() && self.known.get(path) == Some(&tag) {
            return Ok(arrived(Body::Unchanged));
        }
        let file = self.session.within(connected.sftp.open(path)).await?;
        let file = file.map_err(|source| cannot_read(path, source))?;
        let pieces = pieces(Fetching {
            session: Arc::clone(&self.session),
            connected,
            file,
            path: path.to_owned(),
            stamp,
            n_read: 0,
        });
        if stamp.size > HELD_BYTES {
            let failed = |source| Error::Sftp(Box::new(source));
            return Ok(arrived(Body::Pieces(pieces.map_err(failed).boxed())));
        }
        let pieces: Vec<Bytes> = pieces.try_collect().await?;
        Ok(arrived(Body::Whole(pieces.concat().into())))
    }

    /// The next file, or none.
    async fn step(&mut self) -> Result<Option<Arrived>, SftpError> {
        if self.waiting.is_none() {
            let listed = self.list_at_last().await?;
            if listed.is_empty() && self.known.is_empty() {
                return Err(SftpError::Nothing {
                    path: self.path.clone(),
                });
            }
            self.waiting = Some(listed);
        }
        self.last = self.waiting.as_mut().and_then(VecDeque::pop_front);
        self.fetch_at_last().await
    }

    /// The listing, tried a few times.
    async fn list_at_last(&self) -> Result<VecDeque<String>, SftpError> {
        let mut patience = Patience::new(&self.session);
        loop {
            match self.list().await {
                Err(error) => patience.bear(error).await?,
                listed => return listed,
            }
        }
    }

    /// The last file, tried a few times.
    async fn fetch_at_last(&self) -> Result<Option<Arrived>, SftpError> {
        let Some(path) = &self.last else {
            return Ok(None);
        };
        let mut patience = Patience::new(&self.session);
        loop {
            match self.fetch(path).await {
                Err(error) => patience.bear(error).await?,
                fetched => return fetched.map(Some),
            }
        }
    }
}

/// How often something is tried, each time with a new connection.
struct Patience<'s> {
    /// The connection of the source.
    session: &'s Session,
    /// Attempts left.
    left: u32,
    /// Pause before the next one.
    pause: Duration,
}

impl<'s> Patience<'s> {
    /// As much as declared.
    fn new(session: &'s Session) -> Self {
        Self {
            session,
            left: session.server().attempts.get(),
            pause: FIRST_PAUSE,
        }
    }

    /// Waits for the next attempt, unless there is none or it would fail again.
    async fn bear(&mut self, error: SftpError) -> Result<(), SftpError> {
        self.left = self.left.saturating_sub(1);
        if self.left == 0 || !error.is_transient() {
            return Err(error);
        }
        self.session.forget().await;
        tokio::time::sleep(self.pause).await;
        self.pause *= 2;
        Ok(())
    }
}

/// A file while it is read.
struct Fetching {
    /// The connection of the source.
    session: Arc<Session>,
    /// The connection it is read through.
    connected: Arc<Connected>,
    /// The file.
    file: File,
    /// Its path.
    path: String,
    /// Its size and time before.
    stamp: Stamp,
    /// Bytes so far.
    n_read: u64,
}

/// The pieces of a file; after the last one the file is looked at again.
fn pieces(fetching: Fetching) -> BoxStream<'static, Result<Bytes, SftpError>> {
    try_unfold(fetching, async |mut fetching| {
        let piece = fetching.piece().await?;
        if piece.is_empty() {
            fetching.check().await?;
            return Ok(None);
        }
        Ok(Some((piece, fetching)))
    })
    .boxed()
}

impl Fetching {
    /// The next piece; an empty one at the end.
    async fn piece(&mut self) -> Result<Bytes, SftpError> {
        let mut content = BytesMut::zeroed(PIECE_BYTES);
        let mut n_read = 0;
        while n_read < PIECE_BYTES {
            let Some(rest) = content.get_mut(n_read..) else {
                break;
            };
            let mut buffer = ReadBuf::new(rest);
            let file = &mut self.file;
            let read = poll_fn(|cx| Pin::new(&mut *file).poll_read(cx, &mut buffer));
            let read = self.session.within(read).await?;
            read.map_err(|source| cannot_read(&self.path, Failure::from(source)))?;
            let found = buffer.filled().len();
            if found == 0 {
                break;
            }
            n_read += found;
        }
        self.n_read += n_read as u64;
        content.truncate(n_read);
        Ok(content.freeze())
    }

    /// Checks that all of the file came, and that it is still the same.
    async fn check(&self) -> Result<(), SftpError> {
        let path = self.path.clone();
        let after = self
            .session
            .within(self.connected.sftp.metadata(&path))
            .await?;
        let after = after.map_err(|source| cannot_read(&path, source))?;
        if Stamp::of(&after) != self.stamp {
            return Err(SftpError::Changed { path });
        }
        if self.n_read != self.stamp.size {
            return Err(SftpError::Cut {
                path,
                found: self.n_read,
                expected: self.stamp.size,
            });
        }
        Ok(())
    }
}

/// A file that cannot be read.
fn cannot_read(path: &str, source: Failure) -> SftpError {
    SftpError::Read {
        path: path.to_owned(),
        source: Box::new(source),
    }
}

#[async_trait]
impl Transport for SftpPages {
    async fn next(&mut self) -> Result<Option<Arrived>, Error> {
        let answer = self.step().await;
        answer.map_err(|source| Error::Sftp(Box::new(source)))
    }

    async fn again(&mut self) -> Result<Option<Arrived>, Error> {
        self.session.forget().await;
        let answer = self.fetch_at_last().await;
        answer.map_err(|source| Error::Sftp(Box::new(source)))
    }

    fn end(&mut self) -> Ended {
        Ended {
            cursor: None,
            // A file that is gone from the server stays as it was fetched.
            earlier: Earlier::Stay,
            part: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_changed_a_moment_ago_has_no_tag() {
        let stamp = Stamp {
            size: 7,
            changed: Some(1000),
        };
        assert_eq!(stamp.tag(1001), "");
        assert_eq!(stamp.tag(1002), "7:1000");
    }
}
