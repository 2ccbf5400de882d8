//! Requests that are repeated until they are answered, or have been tried enough.
//!
//! ```text
//! wait for the pace → send → 2xx, whole, a page     answer
//!                          → 304                     unchanged
//!                          → 408 425 429 5xx, reset, cut, slow, no page
//!                                                    wait, send again
//!                          → 401 with OAuth 2        new token, send again, once
//!                          → anything else           error
//! ```
//!
//! The wait is what `Retry-After` asks for, or doubles with every attempt. A part of it is left
//! out by chance, drawn from the number of the run. Secrets stand in marked header fields or in a
//! query that no address shows.

mod auth;
mod error;
mod wait;

use bytes::{Bytes, BytesMut};
use reqwest::header::{
    CONTENT_LENGTH, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    LAST_MODIFIED,
};
use reqwest::redirect::Policy;
use reqwest::{Method, Response, StatusCode};
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::Request;
use crate::spec::fetch::{Auth, Limits};
use auth::Authorization;
pub use error::Error;
use error::{advice, is_transient};
use wait::Pace;

/// Name of this client for servers.
const AGENT: &str = concat!("antenne/", env!("CARGO_PKG_VERSION"));

/// Redirects that are followed.
const MAX_REDIRECTS: usize = 5;

/// A client of one service.
pub(super) struct Client {
    /// Sends requests.
    http: reqwest::Client,
    /// Proves who sends.
    auth: Authorization,
    /// Limits of requests.
    limits: Limits,
    /// When the next request may be sent.
    pace: Pace,
    /// When all requests for the table must have ended.
    deadline: Instant,
}

/// What makes a server say that nothing changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tag(String);

impl Tag {
    /// The tag as kept in the list of pages.
    pub(super) fn from_text(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Text for the list of pages.
    pub(super) fn into_text(self) -> String {
        self.0
    }

    /// The tag of an answer: its entity tag, else when it was last modified.
    fn of(headers: &HeaderMap) -> Self {
        let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let etag = text(ETAG).map(|tag| format!("etag {tag}"));
        let modified = || text(LAST_MODIFIED).map(|when| format!("modified {when}"));
        Self(etag.or_else(modified).unwrap_or_default())
    }

    /// The header field that asks for an answer only if it differs.
    fn condition(&self) -> Option<(HeaderName, HeaderValue)> {
        let (kind, value) = self.0.split_once(' ')?;
        let name = match kind {
            "etag" => IF_NONE_MATCH,
            "modified" => IF_MODIFIED_SINCE,
            _ => return None,
        };
        HeaderValue::from_str(value).ok().map(|value| (name, value))
    }
}

/// A whole answer.
pub(super) struct Answer<T> {
    /// Tag of the content.
    pub(super) tag: Tag,
    /// What was read in the body.
    pub(super) content: T,
}

/// An answer whose body has still to come.
pub(super) enum Begun {
    /// Nothing changed.
    Unchanged,
    /// The body comes now.
    Body(Response, Tag),
}

/// Why an attempt failed.
enum Failure {
    /// No answer, or not a whole one.
    Broken(reqwest::Error),
    /// The server refused.
    Status(u16),
    /// The body is no page.
    NoPage(String),
    /// It took too long.
    Slow,
}

impl Client {
    /// A client for the service at `url`.
    pub(super) fn new(
        request: &Request<'_>,
        url: &Url,
        auth: Option<&Auth>,
        limits: &Limits,
    ) -> Result<Self, super::Error> {
        let auth = Authorization::new(request, auth)?;
        let shown = auth.shown(url);
        let policy = if auth.is_none() {
            Policy::limited(MAX_REDIRECTS)
        } else {
            same_origin()
        };
        let http = reqwest::Client::builder()
            .user_agent(AGENT)
            .redirect(policy)
            .connect_timeout(limits.request_timeout.duration())
            .build()
            .map_err(|source| Error::Client {
                url: shown,
                source: source.without_url(),
            })?;
        Ok(Self {
            http,
            auth,
            limits: limits.clone(),
            pace: Pace::new(limits, request),
            deadline: Instant::now() + limits.total_timeout.duration(),
        })
    }

    /// The tag of an answer; none if it repeats a secret.
    fn tag_of(&self, response: &Response) -> Tag {
        let tag = Tag::of(response.headers());
        if self.auth.is_repeated_in(&tag.0) {
            return Tag::default();
        }
        tag
    }

    /// The address without secrets.
    pub(super) fn shown(&self, url: &Url) -> String {
        self.auth.shown(url)
    }

    /// Asks for a page and reads it, as often as the limits allow; `None` where nothing changed.
    ///
    /// `read` takes what it needs from the body, or says why it is no page.
    pub(super) async fn page<T>(
        &mut self,
        url: &Url,
        (headers, tag): (&HeaderMap, &Tag),
        read: impl Fn(Bytes, &HeaderMap) -> Result<T, String>,
    ) -> Result<Option<Answer<T>>, Error> {
        let mut attempt = 1;
        loop {
            let (response, tag) = match self.begin(url, (headers, tag), &mut attempt).await? {
                Begun::Unchanged => return Ok(None),
                Begun::Body(response, tag) => (response, tag),
            };
            let headers = response.headers().clone();
            let body = self.body(url, response).await?;
            let content = body.and_then(|body| {
                let body = self.auth.without_secrets(body);
                read(body, &headers).map_err(Failure::NoPage)
            });
            match content {
                Ok(content) => {
                    return Ok(Some(Answer { tag, content }));
                }
                Err(failure) => self.wait_or_fail(url, failure, &mut attempt, None).await?,
            }
        }
    }

    /// Asks until the server begins a good answer.
    pub(super) async fn begin(
        &mut self,
        url: &Url,
        (headers, tag): (&HeaderMap, &Tag),
        attempt: &mut u32,
    ) -> Result<Begun, Error> {
        let mut is_renewed = false;
        loop {
            let failure = match self.send(url, headers, tag).await? {
                Ok(response) if response.status() == StatusCode::NOT_MODIFIED => {
                    return Ok(Begun::Unchanged);
                }
                Ok(response) if response.status().is_success() => {
                    let tag = self.tag_of(&response);
                    return Ok(Begun::Body(response, tag));
                }
                Ok(response) => response,
                Err(failure) => {
                    self.wait_or_fail(url, failure, attempt, None).await?;
                    continue;
                }
            };
            let status = failure.status();
            if status == StatusCode::UNAUTHORIZED && !is_renewed && self.auth.forget_token() {
                is_renewed = true;
                continue;
            }
            if status.is_redirection() && !self.auth.is_none() {
                let url = self.shown(url);
                return Err(Error::Elsewhere { url });
            }
            let asked = self.pace.asked_wait(failure.headers());
            let failure = Failure::Status(status.as_u16());
            self.wait_or_fail(url, failure, attempt, asked).await?;
        }
    }

    /// Sends one request.
    async fn send(
        &mut self,
        url: &Url,
        headers: &HeaderMap,
        tag: &Tag,
    ) -> Result<Result<Response, Failure>, Error> {
        self.auth
            .renew(&self.http, &mut self.pace, self.deadline)
            .await?;
        self.pace
            .wait(self.deadline)
            .await
            .map_err(|()| self.late(url))?;
        let mut request = self
            .http
            .request(Method::GET, self.auth.addressed(url))
            .headers(headers.clone());
        if let Some((name, value)) = tag.condition() {
            request = request.header(name, value);
        }
        let request = self.auth.signed(request);
        match timeout_at(self.request_end(), request.send()).await {
            Ok(Ok(response)) => Ok(Ok(response)),
            Ok(Err(source)) => Ok(Err(Failure::Broken(source.without_url()))),
            Err(_late) => Ok(Err(Failure::Slow)),
        }
    }

    /// Reads a body whole, within the limits.
    async fn body(
        &self,
        url: &Url,
        mut response: Response,
    ) -> Result<Result<Bytes, Failure>, Error> {
        let mib = self.limits.max_response_mib;
        let most = (mib as usize) << 20;
        let announced = response.content_length();
        let too_large = || Error::TooLarge {
            url: self.shown(url),
            mib,
        };
        if announced.is_some_and(|announced| announced > most as u64) {
            return Err(too_large());
        }
        let end = self.request_end();
        let mut body = BytesMut::new();
        loop {
            match timeout_at(end, response.chunk()).await {
                Ok(Ok(Some(piece))) => body.extend_from_slice(&piece),
                Ok(Ok(None)) => break,
                Ok(Err(source)) => return Ok(Err(Failure::Broken(source.without_url()))),
                Err(_late) => return Ok(Err(Failure::Slow)),
            }
            if body.len() > most {
                return Err(too_large());
            }
        }
        if announced.is_some_and(|announced| announced != body.len() as u64) {
            return Ok(Err(Failure::NoPage("the answer broke off".to_owned())));
        }
        Ok(Ok(body.freeze()))
    }

    /// When a request that begins now must have ended.
    fn request_end(&self) -> Instant {
        let own = Instant::now() + self.limits.request_timeout.duration();
        own.min(self.deadline)
    }

    /// Waits for the next attempt, or fails if there is none.
    async fn wait_or_fail(
        &mut self,
        url: &Url,
        failure: Failure,
        attempt: &mut u32,
        asked: Option<std::time::Duration>,
    ) -> Result<(), Error> {
        let is_final = match &failure {
            Failure::Status(status) => !is_transient(*status),
            Failure::Broken(source) => source.is_builder() || source.is_redirect(),
            Failure::NoPage(_) | Failure::Slow => false,
        };
        if Instant::now() >= self.deadline {
            return Err(self.late(url));
        }
        if is_final || *attempt >= self.limits.max_attempts {
            return Err(self.failed(url, failure, *attempt));
        }
        let wait = asked.unwrap_or_else(|| self.pace.backoff(*attempt));
        if Instant::now() + wait > self.deadline {
            let url = self.shown(url);
            let seconds = wait.as_secs();
            return Err(Error::TooBusy { url, seconds });
        }
        tokio::time::sleep(wait).await;
        *attempt += 1;
        Ok(())
    }

    /// The error of the last attempt.
    fn failed(&self, url: &Url, failure: Failure, attempts: u32) -> Error {
        let url = self.shown(url);
        match failure {
            Failure::Broken(source) => Error::Broken {
                url,
                attempts,
                source,
            },
            Failure::Status(status) => Error::Status {
                url,
                status,
                attempts,
                advice: advice(status),
            },
            Failure::NoPage(why) => Error::NoPage { url, attempts, why },
            Failure::Slow => Error::Slow {
                url,
                attempts,
                limit: self.limits.request_timeout.to_string(),
            },
        }
    }

    /// The error of a table that took too long.
    fn late(&self, url: &Url) -> Error {
        Error::TotalTime {
            url: self.shown(url),
            limit: self.limits.total_timeout.to_string(),
        }
    }
}

/// Length of a body, where the server gives it.
pub(super) fn announced(response: &Response) -> Option<u64> {
    let value = response.headers().get(CONTENT_LENGTH)?;
    value.to_str().ok()?.parse().ok()
}

/// Follows redirects within the origin of the request; any other ends as an answer.
fn same_origin() -> Policy {
    Policy::custom(|attempt| {
        let before = attempt.previous();
        let is_same = before
            .last()
            .is_some_and(|from| from.origin() == attempt.url().origin());
        if is_same && before.len() <= MAX_REDIRECTS {
            attempt.follow()
        } else {
            attempt.stop()
        }
    })
}
