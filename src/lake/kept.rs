//! Pages kept byte for byte under their own hash, written and read piece by piece.
//!
//! The hash of a page is known after its last byte. A small page waits for it in memory; a large
//! one is written to `arriving` in the folder of its table and takes its name at the end. A page
//! that is not complete therefore has no name a reader could ask for, and what a killed run left
//! in `arriving` is replaced by the next page that comes.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, sync_channel};

use bytes::{Buf, Bytes};
use futures::StreamExt;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStoreExt, WriteMultipart};
use tokio::task::spawn_blocking;

use super::{Error, Lake, object_error};

/// Folder of the pages inside the zone `acquired`.
pub(crate) const FOLDER: &str = "pages";

/// Name of a page that is not complete.
const ARRIVING: &str = "arriving";

/// Bytes of a page that wait for its hash in memory.
const SMALL: usize = 4 << 20;

/// Pieces that wait between a store and a reader.
const N_WAITING: usize = 4;

/// Bytes of one part of an upload.
const PART: usize = 8 << 20;

/// Parts of an upload that are on their way at the same time.
const N_PARTS: usize = 4;

/// Where the page of a platform's table lies.
pub(crate) fn path_of(platform: &str, table: &str, sha256: &str) -> String {
    format!("{}/{sha256}", folder_of(platform, table))
}

/// Folder of the pages of a platform's table.
fn folder_of(platform: &str, table: &str) -> String {
    format!("acquired/{FOLDER}/{platform}/{table}")
}

/// Whether a page is in the lake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    /// It is.
    Kept,
    /// It is not.
    Absent,
}

/// A page on its way into the lake.
pub(crate) struct Arriving {
    /// The lake.
    lake: Lake,
    /// Folder of the page.
    folder: String,
    /// What has come.
    body: Body,
}

/// Where the bytes of an arriving page are.
enum Body {
    /// In memory.
    Memory(Vec<Bytes>, usize),
    /// In a file of this machine.
    File(File),
    /// On the way to an object store.
    Upload(WriteMultipart),
}

impl Lake {
    /// Begins to keep a page.
    pub(crate) fn arriving(&self, platform: &str, table: &str) -> Arriving {
        Arriving {
            lake: self.clone(),
            folder: folder_of(platform, table),
            body: Body::Memory(Vec::new(), 0),
        }
    }

    /// Whether there is such a page.
    async fn holds(&self, location: &Path) -> Result<Held, Error> {
        match self.store().head(location).await {
            Ok(_) => Ok(Held::Kept),
            Err(object_store::Error::NotFound { .. }) => Ok(Held::Absent),
            Err(source) => Err(object_error("look for", location, source)),
        }
    }

    /// Reads a kept page whole.
    pub(crate) async fn page(
        &self,
        platform: &str,
        table: &str,
        sha256: &str,
    ) -> Result<Bytes, Error> {
        let path = format!("{}/{sha256}", folder_of(platform, table));
        self.read(&path).await?.ok_or_else(|| Error::Object {
            act: "read",
            path: path.clone(),
            source: Box::new(object_store::Error::NotFound {
                path,
                source: "the list of pages names it".into(),
            }),
        })
    }

    /// Reads a kept page piece by piece, in bounded memory.
    ///
    /// The reader blocks: it is meant for a thread of its own, such as `spawn_blocking` gives.
    pub(crate) async fn page_reader(
        &self,
        platform: &str,
        table: &str,
        sha256: &str,
    ) -> Result<Box<dyn Read + Send>, Error> {
        let location = self.path(&format!("{}/{sha256}", folder_of(platform, table)));
        if self.is_local() {
            let opened = local_path(&location).and_then(|path| File::open(path).map_err(io_error));
            return opened
                .map(|file| Box::new(file) as Box<dyn Read + Send>)
                .map_err(|source| object_error("read", &location, source));
        }
        let found = self.store().get(&location).await;
        let found = found.map_err(|source| object_error("read", &location, source))?;
        let (sender, receiver) = sync_channel(N_WAITING);
        let pieces = found.into_stream();
        tokio::spawn(feed(pieces, sender));
        Ok(Box::new(Fed::new(move || receiver.recv().ok())))
    }

    /// Whether the lake is a folder of this machine.
    pub(crate) fn is_local(&self) -> bool {
        self.root().scheme() == "file"
    }
}

/// Hands the pieces of an object to a reader that blocks.
async fn feed<S>(mut pieces: S, sender: SyncSender<io::Result<Bytes>>)
where
    S: futures::Stream<Item = object_store::Result<Bytes>> + Send + Unpin + 'static,
{
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(io::Error::other);
        let is_last = piece.is_err();
        let sender = sender.clone();
        // A full channel blocks, so the wait is no business of the runtime's own threads.
        let sent = spawn_blocking(move || sender.send(piece)).await;
        if is_last || !matches!(sent, Ok(Ok(()))) {
            return;
        }
    }
}

/// A reader of pieces that come from elsewhere.
pub(crate) struct Fed<F> {
    /// Gives the next piece, or `None` after the last one.
    next: F,
    /// What is left of the last piece.
    rest: Bytes,
}

impl<F: FnMut() -> Option<io::Result<Bytes>>> Fed<F> {
    /// A reader of the pieces that `next` gives.
    pub(crate) fn new(next: F) -> Self {
        Self {
            next,
            rest: Bytes::new(),
        }
    }
}

impl<F: FnMut() -> Option<io::Result<Bytes>>> Read for Fed<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            match (self.next)() {
                Some(piece) => self.rest = piece?,
                None => return Ok(0),
            }
        }
        let n_bytes = buffer.len().min(self.rest.len());
        let (into, _) = buffer.split_at_mut(n_bytes);
        self.rest.copy_to_slice(into);
        Ok(n_bytes)
    }
}

/// Path of this machine for a location of a local lake.
fn local_path(location: &Path) -> object_store::Result<PathBuf> {
    LocalFileSystem::new().path_to_filesystem(location)
}

impl Arriving {
    /// Adds a piece.
    ///
    /// # Errors
    /// [`Error::Object`] when the lake refuses.
    pub(crate) async fn push(&mut self, piece: Bytes) -> Result<(), Error> {
        for piece in self.due(piece) {
            if self.lake.is_local() {
                self.write_apart(piece).await?;
            } else {
                self.upload(piece).await?;
            }
        }
        Ok(())
    }

    /// Adds a piece to a page of a local lake, on the thread of the caller, which may block.
    ///
    /// # Errors
    /// [`Error::Object`] when the lake refuses.
    pub(crate) fn push_here(&mut self, piece: Bytes) -> Result<(), Error> {
        let due = self.due(piece);
        due.iter().try_for_each(|piece| self.write_here(piece))
    }

    /// What is to be written now that a piece came: nothing while the page is small.
    fn due(&mut self, piece: Bytes) -> Vec<Bytes> {
        let Body::Memory(pieces, n_bytes) = &mut self.body else {
            return vec![piece];
        };
        *n_bytes += piece.len();
        pieces.push(piece);
        if *n_bytes > SMALL {
            std::mem::take(pieces)
        } else {
            Vec::new()
        }
    }

    /// Location of the page while it is not complete.
    fn location(&self) -> Path {
        self.lake.path(&format!("{}/{ARRIVING}", self.folder))
    }

    /// Writes a piece of a large page to its file, on a thread that may block.
    async fn write_apart(&mut self, piece: Bytes) -> Result<(), Error> {
        let location = self.location();
        let mut apart = Self {
            lake: self.lake.clone(),
            folder: self.folder.clone(),
            body: std::mem::replace(&mut self.body, Body::Memory(Vec::new(), 0)),
        };
        let ended = spawn_blocking(move || {
            let written = apart.write_here(&piece);
            (apart.body, written)
        });
        let stopped = |source| object_error("write", &location, io_error(io::Error::other(source)));
        let (body, written) = ended.await.map_err(stopped)?;
        self.body = body;
        written
    }

    /// Writes a piece of a large page to its file, on the thread of the caller.
    fn write_here(&mut self, piece: &Bytes) -> Result<(), Error> {
        let location = self.location();
        let file = self.file(&location).map_err(io_error);
        file.and_then(|file| file.write_all(piece).map_err(io_error))
            .map_err(|source| object_error("write", &location, source))
    }

    /// The file of a large page, made for its first piece.
    fn file(&mut self, location: &Path) -> io::Result<&mut File> {
        if let Body::Memory(..) = self.body {
            self.body = Body::File(create(&local_path(location)?)?);
        }
        match &mut self.body {
            Body::File(file) => Ok(file),
            Body::Memory(..) | Body::Upload(_) => Err(ErrorKind::Unsupported.into()),
        }
    }

    /// Sends a piece of a large page to the store.
    async fn upload(&mut self, piece: Bytes) -> Result<(), Error> {
        let location = self.location();
        let failed = |source| object_error("write", &location, source);
        if let Body::Memory(..) = self.body {
            let upload = self.lake.store().put_multipart(&location).await;
            let upload = upload.map_err(failed)?;
            self.body = Body::Upload(WriteMultipart::new_with_chunk_size(upload, PART));
        }
        if let Body::Upload(upload) = &mut self.body {
            upload.wait_for_capacity(N_PARTS).await.map_err(failed)?;
            upload.put(piece);
        }
        Ok(())
    }

    /// Gives the page its name; the same bytes are kept once.
    ///
    /// # Errors
    /// [`Error::Object`] when the lake refuses.
    pub(crate) async fn keep(self, sha256: &str) -> Result<(), Error> {
        let (from, to) = (
            self.location(),
            self.lake.path(&format!("{}/{sha256}", self.folder)),
        );
        if self.lake.holds(&to).await? == Held::Kept {
            return self.discard().await;
        }
        let failed = |source| object_error("write", &to, source);
        let store = self.lake.store();
        match self.body {
            Body::Memory(pieces, _) => {
                let whole = pieces.into_iter().collect::<object_store::PutPayload>();
                store.put(&to, whole).await.map_err(failed)?;
            }
            Body::File(file) => {
                drop(file);
                store.rename(&from, &to).await.map_err(failed)?;
            }
            Body::Upload(upload) => {
                upload.finish().await.map_err(failed)?;
                store.rename(&from, &to).await.map_err(failed)?;
            }
        }
        Ok(())
    }

    /// Forgets what has come.
    ///
    /// # Errors
    /// [`Error::Object`] when the lake refuses.
    pub(crate) async fn discard(self) -> Result<(), Error> {
        let location = self.location();
        let failed = |source| object_error("remove", &location, source);
        match self.body {
            Body::Memory(..) => Ok(()),
            Body::File(file) => {
                drop(file);
                self.lake.store().delete(&location).await.map_err(failed)
            }
            Body::Upload(upload) => upload.abort().await.map_err(failed),
        }
    }
}

/// Opens a file for writing, and makes the folders above it.
///
/// It is a new file, not an old one emptied: a thread that still writes for a page that was given
/// up then writes where nobody reads.
fn create(path: &std::path::Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != ErrorKind::NotFound => Err(source),
        Ok(()) | Err(_) => File::create_new(path),
    }
}

/// An error of this machine's files, as a store would give it.
fn io_error(source: io::Error) -> object_store::Error {
    object_store::Error::Generic {
        store: "LocalFileSystem",
        source: Box::new(source),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::secret::Secrets;
    use crate::spec::settings::LakeSettings;

    /// A lake in a folder.
    fn lake(folder: &std::path::Path) -> Lake {
        Lake::open(folder, &LakeSettings::default(), &Secrets::default()).unwrap()
    }

    /// Names of the files of the table's folder.
    fn names(folder: &std::path::Path) -> Vec<String> {
        let pages = folder.join("lake/acquired/pages/p/t");
        let found = std::fs::read_dir(pages).into_iter().flatten().flatten();
        found
            .map(|entry| entry.file_name().display().to_string())
            .collect()
    }

    #[tokio::test]
    async fn a_large_page_takes_its_name_when_it_is_complete() {
        let folder = tempfile::tempdir().unwrap();
        let lake = lake(folder.path());
        let mut arriving = lake.arriving("p", "t");
        for number in 0..9_u8 {
            let piece = Bytes::from(vec![number; 1 << 20]);
            let pushed = match number % 2 {
                0 => arriving.push(piece).await,
                _ => arriving.push_here(piece),
            };
            pushed.unwrap();
        }
        assert_eq!(names(folder.path()), ["arriving"]);
        arriving.keep("abc").await.unwrap();
        assert_eq!(names(folder.path()), ["abc"]);
        let mut reader = lake.page_reader("p", "t", "abc").await.unwrap();
        let mut read = Vec::new();
        reader.read_to_end(&mut read).unwrap();
        assert_eq!(read.len(), 9 << 20);
        for (number, piece) in read.chunks(1 << 20).enumerate() {
            assert!(piece.iter().all(|byte| usize::from(*byte) == number));
        }
    }

    #[tokio::test]
    async fn a_page_that_broke_off_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let lake = lake(folder.path());
        for n_mib in [1, 9] {
            let mut arriving = lake.arriving("p", "t");
            let piece = Bytes::from(vec![7; n_mib << 20]);
            arriving.push(piece).await.unwrap();
            arriving.discard().await.unwrap();
            assert_eq!(names(folder.path()), [""; 0]);
        }
    }

    #[tokio::test]
    async fn a_page_does_not_write_into_the_file_of_one_that_was_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/arriving");
        let mut given_up = create(&path).unwrap();
        let mut file = create(&path).unwrap();
        file.write_all(b"page").unwrap();
        given_up.write_all(b"late").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"page");
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_full_disk_is_told_by_the_piece_that_does_not_fit() {
        let folder = tempfile::tempdir().unwrap();
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut arriving = lake(folder.path()).arriving("p", "t");
        arriving.body = Body::File(full);
        let piece = || Bytes::from_static(b"x");
        for outcome in [arriving.push_here(piece()), arriving.push(piece()).await] {
            let told = format!("{:?}", outcome.unwrap_err());
            assert!(told.contains("acquired/pages/p/t/arriving"), "{told}");
            assert!(told.contains("StorageFull"), "{told}");
        }
    }

    #[tokio::test]
    async fn the_same_bytes_are_kept_once() {
        let folder = tempfile::tempdir().unwrap();
        let lake = lake(folder.path());
        for _ in 0..2 {
            let mut arriving = lake.arriving("p", "t");
            arriving.push(Bytes::from_static(b"x")).await.unwrap();
            arriving.keep("abc").await.unwrap();
        }
        assert_eq!(names(folder.path()), ["abc"]);
    }
}
