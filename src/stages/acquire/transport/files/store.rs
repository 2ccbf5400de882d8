//! The objects of a store, or the files of a folder.

use std::collections::VecDeque;
use std::path::Path as FilePath;
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::{StreamExt, try_unfold};
use object_store::path::Path;
use object_store::{
    GetOptions, GetResultPayload, ObjectMeta, ObjectStore, ObjectStoreExt, parse_url_opts,
};
use url::Url;

use super::local::{self, LocalFile};
use super::pattern::matches;
use crate::lake::pages::Page;
use crate::spec::fetch::Files;
use crate::stages::acquire::Error;
use crate::stages::acquire::transport::{
    Arrived, Body, Earlier, Ended, Pieces, Request, Transport,
};

/// One object that matches the address.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Object {
    /// Address relative to the folder of the pattern; the same wherever the commons lies.
    url: String,
    /// What the store says of it.
    meta: ObjectMeta,
}

impl Object {
    /// Size and entity tag, or when it was written: equal means unchanged.
    fn tag(&self) -> String {
        let modified = || self.meta.last_modified.to_rfc3339();
        let version = self.meta.e_tag.clone().unwrap_or_else(modified);
        format!("{}:{version}", self.meta.size)
    }
}

/// The objects that match an address.
pub(super) struct Objects {
    /// Where they lie.
    store: Arc<dyn ObjectStore>,
    /// Those still to come, sorted by address.
    left: VecDeque<Object>,
    /// The one given last.
    current: Option<Object>,
    /// Address and tag of the pages that are known.
    known: Vec<(String, String)>,
    /// Bytes of all of them.
    n_bytes: u64,
}

impl Objects {
    /// Lists the objects that match.
    ///
    /// # Errors
    /// When the address cannot be used, the store does not answer or nothing was ever there.
    pub(super) async fn list(request: &Request<'_>, files: &Files) -> Result<Self, Error> {
        let (shown, pattern) = files.url.rsplit_once('/').unwrap_or((".", &files.url));
        let nothing = || Error::Nothing {
            url: files.url.clone(),
        };
        let absolute = if files.url.contains("://") {
            Url::parse(shown).ok()
        } else {
            folder_url(request.root, shown)
        };
        let absolute = absolute.ok_or_else(nothing)?;
        let (store, folder) = opened(request, files, &absolute)?;
        let listed = store.list_with_delimiter(Some(&folder)).await;
        let listed = listed.map_err(|source| Error::Fetch {
            url: shown.to_owned(),
            source: Box::new(source),
        })?;
        let matching = listed.objects.into_iter().filter_map(|meta| {
            let name = meta.location.filename()?;
            let url = format!("{shown}/{name}");
            matches(pattern, name).then_some(Object { url, meta })
        });
        let mut left: Vec<Object> = matching.collect();
        left.sort_by(|one, other| one.url.cmp(&other.url));
        if left.is_empty() && request.known.is_empty() {
            return Err(nothing());
        }
        let known = |page: &Page| (page.url.clone(), page.tag.clone());
        Ok(Self {
            store,
            n_bytes: left.iter().map(|object| object.meta.size).sum(),
            left: left.into(),
            current: None,
            known: request.known.iter().map(known).collect(),
        })
    }

    /// The object as it is now.
    async fn read(&mut self, object: Object) -> Result<Arrived, Error> {
        let failed = |source| fetch_error(&object.url, source);
        let options = GetOptions::new().with_if_match(object.meta.e_tag.clone());
        let found = self.store.get_opts(&object.meta.location, options).await;
        let found = found.map_err(failed)?;
        let version = Version {
            store: Arc::clone(&self.store),
            object: object.clone(),
            size: found.meta.size,
        };
        let url = object.url.clone();
        let body = match found.payload {
            GetResultPayload::File(file, _path) => Body::Opened(Opened {
                file: LocalFile::new(file, url.clone()),
                version,
            }),
            GetResultPayload::Stream(stream) => {
                let url = url.clone();
                let broken = move |source| broken_off(&url, source);
                let pieces = stream.map(move |piece| piece.map_err(&broken));
                Body::Pieces(version.whole(pieces.boxed()))
            }
        };
        let arrived = Arrived {
            address: url,
            tag: object.tag(),
            body,
            claim: None,
        };
        self.current = Some(object);
        Ok(arrived)
    }
}

/// A file of this machine, opened as a page.
pub(in crate::stages::acquire) struct Opened {
    /// The file.
    pub(in crate::stages::acquire) file: LocalFile,
    /// What it has to be after its last byte.
    pub(in crate::stages::acquire) version: Version,
}

impl Opened {
    /// Its pieces, read ahead and looked at after the last one.
    pub(in crate::stages::acquire) fn into_pieces(self) -> Pieces {
        self.version.whole(local::pieces(self.file))
    }
}

/// The version of an object that is being read.
pub(in crate::stages::acquire) struct Version {
    /// Where it lies.
    store: Arc<dyn ObjectStore>,
    /// The object as it was when the reading began.
    object: Object,
    /// Bytes that were announced.
    size: u64,
}

impl Version {
    /// The pieces, and after the last one a look at whether they are all there and of one version.
    fn whole(self, pieces: Pieces) -> Pieces {
        let start = (pieces, 0_u64, self);
        try_unfold(start, move |(mut pieces, n_bytes, version)| async move {
            if let Some(piece) = pieces.next().await {
                let piece = piece?;
                let n_bytes = n_bytes + piece.len() as u64;
                return Ok(Some((piece, (pieces, n_bytes, version))));
            }
            version.check(n_bytes).await?;
            Ok(None)
        })
        .boxed()
    }

    /// Looks whether the bytes that came are all there and of one version.
    ///
    /// # Errors
    /// When they are not, or the store does not answer.
    pub(in crate::stages::acquire) async fn check(self, n_bytes: u64) -> Result<(), Error> {
        let Object { url, meta } = self.object;
        let now = self.store.head(&meta.location).await;
        let now = now.map_err(|source| fetch_error(&url, source))?;
        if now.size != meta.size
            || now.e_tag != meta.e_tag
            || now.last_modified != meta.last_modified
        {
            return Err(Error::Changed { url });
        }
        if n_bytes != self.size {
            let expected = self.size;
            return Err(Error::Cut {
                url,
                n_bytes,
                expected,
            });
        }
        Ok(())
    }
}

#[async_trait]
impl Transport for Objects {
    async fn next(&mut self) -> Result<Option<Arrived>, Error> {
        let Some(object) = self.left.pop_front() else {
            return Ok(None);
        };
        let tag = object.tag();
        let is_known = |(url, known): &(String, String)| *url == object.url && *known == tag;
        if self.known.iter().any(is_known) {
            return Ok(Some(Arrived {
                address: object.url,
                tag,
                body: Body::Unchanged,
                claim: None,
            }));
        }
        match self.read(object.clone()).await {
            // It was overwritten since it was listed.
            Err(Error::Changed { .. }) => {
                self.current = Some(object);
                self.again().await
            }
            read => read.map(Some),
        }
    }

    async fn again(&mut self) -> Result<Option<Arrived>, Error> {
        let Some(Object { url, meta }) = self.current.clone() else {
            return Ok(None);
        };
        let meta = self.store.head(&meta.location).await;
        let meta = meta.map_err(|source| fetch_error(&url, source))?;
        self.read(Object { url, meta }).await.map(Some)
    }

    fn n_bytes(&self) -> Option<u64> {
        Some(self.n_bytes)
    }

    fn end(&mut self) -> Ended {
        Ended {
            cursor: None,
            earlier: Earlier::Stay,
            part: None,
        }
    }
}

/// The store of an address, with its options and secrets.
fn opened(
    request: &Request<'_>,
    files: &Files,
    url: &Url,
) -> Result<(Arc<dyn ObjectStore>, Path), Error> {
    let mut options: Vec<(String, String)> = Vec::new();
    for (name, value) in &files.options {
        options.push((name.clone(), value.clone()));
    }
    for (name, reference) in &files.secrets {
        options.push((name.clone(), request.secret(reference)?.reveal().to_owned()));
    }
    let (store, folder) = parse_url_opts(url, options).map_err(|source| Error::Address {
        url: files.url.clone(),
        source: Box::new(source),
    })?;
    Ok((Arc::from(store), folder))
}

/// Why an object cannot be read; one that changed is told apart.
fn fetch_error(url: &str, source: object_store::Error) -> Error {
    let url = url.to_owned();
    match source {
        object_store::Error::Precondition { .. } => Error::Changed { url },
        source => Error::Fetch {
            url,
            source: Box::new(source),
        },
    }
}

/// Why the pieces of an object ended early.
fn broken_off(url: &str, source: object_store::Error) -> Error {
    match fetch_error(url, source) {
        Error::Fetch { url, source } => Error::BrokenOff { url, source },
        other => other,
    }
}

/// Address of a folder below the commons; `None` where there is none.
fn folder_url(base: &FilePath, folder: &str) -> Option<Url> {
    let absolute = base.join(folder).canonicalize().ok()?;
    Url::from_directory_path(absolute).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::local::LocalFileSystem;

    /// The object of a file in a folder.
    async fn objects(folder: &FilePath) -> Objects {
        let store = LocalFileSystem::new_with_prefix(folder).unwrap();
        let meta = store.head(&"a.csv".into()).await.unwrap();
        let url = "a.csv".to_owned();
        Objects {
            store: Arc::new(store),
            n_bytes: meta.size,
            left: [Object { url, meta }].into(),
            current: None,
            known: Vec::new(),
        }
    }

    /// What comes of a page.
    async fn drained(arrived: Arrived) -> Result<u64, Error> {
        let Body::Opened(opened) = arrived.body else {
            panic!("no file");
        };
        let mut pieces = opened.into_pieces();
        let mut n_bytes = 0;
        while let Some(piece) = pieces.next().await {
            n_bytes += piece?.len() as u64;
        }
        Ok(n_bytes)
    }

    #[tokio::test]
    async fn a_file_that_is_written_while_it_is_read_is_told_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        std::fs::write(&path, vec![b'x'; 3 << 20]).unwrap();
        let mut objects = objects(folder.path()).await;
        let arrived = objects.next().await.unwrap().unwrap();
        std::fs::write(&path, vec![b'y'; 5 << 20]).unwrap();
        let error = drained(arrived).await.unwrap_err();
        assert!(matches!(error, Error::Changed { .. }), "{error}");
        let again = objects.again().await.unwrap().unwrap();
        assert_eq!(drained(again).await.unwrap(), 5 << 20);
    }

    #[tokio::test]
    async fn a_file_that_was_overwritten_since_it_was_listed_is_read_as_it_is_now() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        std::fs::write(&path, "one").unwrap();
        let mut objects = objects(folder.path()).await;
        std::fs::write(&path, "three").unwrap();
        let arrived = objects.next().await.unwrap().unwrap();
        assert_eq!(drained(arrived).await.unwrap(), 5);
    }
}
