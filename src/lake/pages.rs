//! Pages as fetched: kept byte for byte under their own hash.

use bytes::Bytes;
use object_store::ObjectStoreExt;

use super::{Error, Lake, object_error};

/// Folder of the pages inside the zone `acquired`.
pub(crate) const FOLDER: &str = "pages";

/// Where the page of a platform's table lies.
fn path_of(platform: &str, table: &str, sha256: &str) -> String {
    format!("acquired/{FOLDER}/{platform}/{table}/{sha256}")
}

impl Lake {
    /// Keeps a page; the same bytes are kept once.
    pub(crate) async fn keep_page(&self, platform: &str, table: &str, sha256: &str, content: Bytes) -> Result<(), Error> {
        self.write(&path_of(platform, table, sha256), content).await
    }

    /// Whether the page is kept.
    pub(crate) async fn has_page(&self, platform: &str, table: &str, sha256: &str) -> Result<Held, Error> {
        let location = self.path(&path_of(platform, table, sha256));
        match self.store().head(&location).await {
            Ok(_) => Ok(Held::Kept),
            Err(object_store::Error::NotFound { .. }) => Ok(Held::Absent),
            Err(source) => Err(object_error("look for", &location, source)),
        }
    }

    /// Reads a kept page.
    pub(crate) async fn page(&self, platform: &str, table: &str, sha256: &str) -> Result<Bytes, Error> {
        let path = path_of(platform, table, sha256);
        self.read(&path).await?.ok_or_else(|| Error::Object {
            act: "read",
            path: path.clone(),
            source: object_store::Error::NotFound {
                path,
                source: "the list of pages names it".into(),
            },
        })
    }
}

/// Whether a page is in the lake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    /// It is.
    Kept,
    /// It is not.
    Absent,
}
