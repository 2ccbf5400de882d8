//! A file of a web server, asked for as it is.

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt, try_unfold};
use reqwest::Response;
use reqwest::header::HeaderMap;
use url::Url;

use crate::spec::fetch::Limits;
use crate::stages::acquire::Error;
use crate::stages::acquire::transport::http::{self, Begun, Client, Tag, announced};
use crate::stages::acquire::transport::{Arrived, Body, Earlier, Ended, Request, Transport};

/// A file of a web server.
pub(super) struct WebFile {
    /// Sends requests.
    client: Client,
    /// Address.
    url: Url,
    /// Tag of the page that is known.
    known: Tag,
    /// Whether the file was given.
    progress: Progress,
}

/// How far a transport of one page is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// The page is still to come.
    Before,
    /// It was given.
    After,
}

impl WebFile {
    /// The file at `url`.
    pub(super) fn new(request: &Request<'_>, url: Url) -> Result<Self, Error> {
        let limits = Limits::default();
        let client = Client::new(request, &url, None, &limits)?;
        let shown = client.shown(&url);
        let known = request.known.iter().find(|page| page.url == shown);
        Ok(Self {
            client,
            url,
            known: known.map_or_else(Tag::default, |page| Tag::from_text(&page.tag)),
            progress: Progress::Before,
        })
    }

    /// Asks for the file.
    async fn ask(&mut self, known: &Tag) -> Result<Arrived, Error> {
        let mut attempt = 1;
        let headers = HeaderMap::new();
        let begun = self
            .client
            .begin(&self.url, (&headers, known), &mut attempt)
            .await;
        let address = self.client.shown(&self.url);
        let (body, tag) = match begun? {
            Begun::Unchanged => (Body::Unchanged, known.clone()),
            Begun::Body(response, tag) => (Body::Pieces(pieces(response, address.clone())), tag),
        };
        Ok(Arrived {
            address,
            tag: tag.into_text(),
            body,
            claim: None,
        })
    }
}

#[async_trait]
impl Transport for WebFile {
    async fn next(&mut self) -> Result<Option<Arrived>, Error> {
        if self.progress == Progress::After {
            return Ok(None);
        }
        self.progress = Progress::After;
        let known = self.known.clone();
        self.ask(&known).await.map(Some)
    }

    async fn again(&mut self) -> Result<Option<Arrived>, Error> {
        self.ask(&Tag::default()).await.map(Some)
    }

    fn end(&mut self) -> Ended {
        Ended {
            cursor: None,
            earlier: Earlier::Stay,
            part: None,
        }
    }
}

/// The pieces of an answer; one that ends before the announced length is an error.
fn pieces(response: Response, url: String) -> BoxStream<'static, Result<Bytes, Error>> {
    let expected = announced(&response);
    try_unfold(
        (response, 0_u64, url),
        move |(mut response, n_bytes, url)| async move {
            let idle = Limits::default().request_timeout.duration();
            let piece = tokio::time::timeout(idle, response.chunk()).await;
            let Ok(piece) = piece else {
                let expected = expected.unwrap_or_default();
                return Err(Error::Cut {
                    url,
                    n_bytes,
                    expected,
                });
            };
            let piece = piece.map_err(|source| {
                Error::from(http::Error::Broken {
                    url: url.clone(),
                    attempts: 0,
                    source: source.without_url(),
                })
            })?;
            match (piece, expected) {
                (Some(piece), _) => {
                    let n_bytes = n_bytes + piece.len() as u64;
                    Ok(Some((piece, (response, n_bytes, url))))
                }
                (None, Some(expected)) if expected != n_bytes => Err(Error::Cut {
                    url,
                    n_bytes,
                    expected,
                }),
                (None, _) => Ok(None),
            }
        },
    )
    .boxed()
}
