//! Files of a folder, an object store or a web server, one page each.
//!
//! An address such as `sample-data/x/page-*.json` or `s3://bucket/x/*.csv` is listed, and every
//! object that matches is a page. A web server cannot list, so an address of the web without `*`
//! is asked for as it is.
//!
//! An object is read at the version that was listed. A store that keeps that promise refuses the
//! rest once the object changed; of a folder the file is looked at again after its last byte.

mod local;
mod pattern;
mod store;
mod web;

pub(in crate::stages::acquire) use local::LocalFile;
pub(super) use pattern::matches;
pub(in crate::stages::acquire) use store::Opened;

use url::Url;

use super::{Request, Transport};
use crate::spec::fetch::Files;
use crate::stages::acquire::Error;

/// The transport for the files at an address.
///
/// # Errors
/// When the address cannot be used, a secret is missing or nothing is there.
pub(super) async fn open(
    request: &Request<'_>,
    files: &Files,
) -> Result<Box<dyn Transport>, Error> {
    let is_web = files.url.starts_with("http://") || files.url.starts_with("https://");
    if is_web && !files.url.contains('*') {
        let url = Url::parse(&files.url).map_err(|_not_a_url| Error::Nothing {
            url: files.url.clone(),
        })?;
        return Ok(Box::new(web::WebFile::new(request, url)?));
    }
    Ok(Box::new(store::Objects::list(request, files).await?))
}
