//! The objects behind an address such as `sample-data/x/page-*.json` or `s3://bucket/x/*.csv`.

use std::path::Path as FilePath;
use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use url::Url;

use super::Error;

/// One object that matches the address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Object {
    /// Address relative to the folder of the pattern; the same wherever the commons lies.
    pub(super) url: String,
    /// Bytes.
    pub(super) size: u64,
    /// Size and entity tag: equal means unchanged.
    pub(super) tag: String,
    /// Location in the store.
    location: Path,
}

/// The store behind an address, and the pattern of the last segment.
#[derive(Debug)]
pub(super) struct Store {
    /// Where the objects lie.
    objects: Arc<dyn ObjectStore>,
    /// Folder to list.
    folder: Path,
    /// Pattern of the last segment.
    pattern: String,
    /// Address as declared, up to the last segment.
    shown: String,
}

impl Store {
    /// Opens the store of `url`, which is relative to `base` unless it is absolute.
    pub(super) fn open(base: &FilePath, url: &str) -> Result<Self, Error> {
        let (shown, pattern) = url.rsplit_once('/').unwrap_or((".", url));
        let absolute = if url.contains("://") {
            Url::parse(shown).ok()
        } else {
            folder_url(base, shown)
        };
        let Some(absolute) = absolute else {
            return Err(Error::Nothing {
                url: url.to_owned(),
            });
        };
        let (store, folder) =
            object_store::parse_url(&absolute).map_err(|source| Error::Address {
                url: url.to_owned(),
                source,
            })?;
        Ok(Self {
            objects: Arc::from(store),
            folder,
            pattern: pattern.to_owned(),
            shown: shown.to_owned(),
        })
    }

    /// Objects that match, sorted by address.
    pub(super) async fn list(&self) -> Result<Vec<Object>, Error> {
        let listed = self.objects.list_with_delimiter(Some(&self.folder)).await;
        let listed = listed.map_err(|source| Error::Fetch {
            url: self.shown.clone(),
            source,
        })?;
        let mut found: Vec<Object> = listed
            .objects
            .into_iter()
            .filter_map(|object| {
                let name = object.location.filename()?;
                matches(&self.pattern, name).then(|| Object {
                    url: format!("{}/{name}", self.shown),
                    size: object.size,
                    tag: format!("{}:{}", object.size, object.e_tag.unwrap_or_default()),
                    location: object.location.clone(),
                })
            })
            .collect();
        found.sort_by(|left, right| left.url.cmp(&right.url));
        Ok(found)
    }

    /// Bytes of an object.
    pub(super) async fn fetch(&self, object: &Object) -> Result<Bytes, Error> {
        let failed = |source| Error::Fetch {
            url: object.url.clone(),
            source,
        };
        let found = self.objects.get(&object.location).await.map_err(failed)?;
        let parts: Vec<Bytes> = found.into_stream().try_collect().await.map_err(failed)?;
        Ok(match <[Bytes; 1]>::try_from(parts) {
            Ok([only]) => only,
            Err(parts) => parts.concat().into(),
        })
    }
}

/// Address of a folder below the commons; `None` where there is none.
fn folder_url(base: &FilePath, folder: &str) -> Option<Url> {
    let absolute = base.join(folder).canonicalize().ok()?;
    Url::from_directory_path(absolute).ok()
}

/// Whether `name` matches `pattern`, in which `*` stands for any text.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = rest.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, name, expected) in [
            ("a.csv", "a.csv", true),
            ("a.csv", "ab.csv", false),
            ("*.csv", "ab.csv", true),
            ("page-*.json", "page-00001.json", true),
            ("page-*.json", "page-00001.csv", false),
            ("a*b*c", "axxbxxc", true),
            ("a*b*c", "axxcxxb", false),
            ("*", "anything", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
