//! Every object of a lake, whatever it is: listed, written once, deleted.
//!
//! A local lake is listed as the folder it is, so that what a killed process left half written,
//! which no store lists, is seen too.

use std::path::Path as FilePath;

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode};

use super::{Error, Lake, Zone, object_error};

/// Whether an object was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Made {
    /// It was.
    New,
    /// There was one already, which stays.
    Known,
}

impl Lake {
    /// Paths of all objects below a folder, relative to the lake, sorted.
    ///
    /// # Errors
    /// [`Error::Object`] when the folder cannot be listed.
    pub(crate) async fn objects_below(&self, folder: &str) -> Result<Vec<String>, Error> {
        if let Some(root) = self.local_folder() {
            return files_below(&root, folder);
        }
        let location = self.path(folder);
        let prefix = self.prefix.clone();
        let mut found: Vec<String> = self
            .store
            .list(Some(&location))
            .try_filter_map(|object| {
                let below = object.location.prefix_match(&prefix).map(|parts| {
                    let parts: Vec<String> = parts.map(|part| part.as_ref().to_owned()).collect();
                    parts.join("/")
                });
                async move { Ok(below) }
            })
            .try_collect()
            .await
            .map_err(|source| object_error("list", &location, source))?;
        found.sort();
        Ok(found)
    }

    /// Takes a table away: its log from the last commit backwards, then its files. A removal that was
    /// interrupted leaves an earlier state of the table, and is done again. How many objects it was.
    ///
    /// # Errors
    /// [`Error::Object`] when an object cannot be listed or deleted.
    pub(crate) async fn remove_table(&self, zone: Zone, name: &str) -> Result<u64, Error> {
        let folder = format!("{}/{name}", zone.name());
        let objects = self.objects_below(&folder).await?;
        let (log, files): (Vec<_>, Vec<_>) = objects
            .into_iter()
            .partition(|path| path.starts_with(&format!("{folder}/_delta_log/")));
        let mut n_deleted = 0;
        for path in log.iter().rev().chain(&files) {
            self.delete(path).await?;
            n_deleted += 1;
        }
        Ok(n_deleted)
    }

    /// The bytes of any object; `None` if it is not there.
    ///
    /// # Errors
    /// [`Error::Object`] when it cannot be read.
    pub(crate) async fn bytes_of(&self, path: &str) -> Result<Option<Bytes>, Error> {
        let Some(root) = self.local_folder() else {
            return self.read(path).await;
        };
        match std::fs::read(root.join(path)) {
            Ok(bytes) => Ok(Some(Bytes::from(bytes))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(local_error("read", path, source)),
        }
    }

    /// Deletes any object; one that is not there need not be.
    ///
    /// # Errors
    /// [`Error::Object`] when it cannot be deleted.
    pub(crate) async fn delete(&self, path: &str) -> Result<(), Error> {
        if let Some(root) = self.local_folder() {
            return match std::fs::remove_file(root.join(path)) {
                Ok(()) => Ok(()),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
                Err(source) => Err(local_error("delete", path, source)),
            };
        }
        let location = self.path(path);
        match self.store.delete(&location).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(source) => Err(object_error("delete", &location, source)),
        }
    }

    /// Writes an object unless there is one.
    ///
    /// # Errors
    /// [`Error::Object`] when it cannot be written.
    pub(crate) async fn make(&self, path: &str, content: Bytes) -> Result<Made, Error> {
        let location = self.path(path);
        let put = self
            .store
            .put_opts(&location, content.into(), PutMode::Create.into())
            .await;
        match put {
            Ok(_) => Ok(Made::New),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(Made::Known),
            Err(source) => Err(object_error("write", &location, source)),
        }
    }
}

/// Paths of all files below a folder of a local lake.
fn files_below(root: &FilePath, folder: &str) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(next) = folders.pop() {
        let entries = match std::fs::read_dir(&next) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(source) => return Err(local_error("list", folder, source)),
        };
        for entry in entries {
            let path = entry
                .map_err(|source| local_error("list", folder, source))?
                .path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(below) = path.strip_prefix(root) {
                found.push(below.to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// An error about a file of a local lake.
fn local_error(act: &'static str, path: &str, source: std::io::Error) -> Error {
    let source = object_store::Error::Generic {
        store: "local folder",
        source: Box::new(source),
    };
    object_error(act, &Path::from(path), source)
}
