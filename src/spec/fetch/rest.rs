//! A service that answers with pages over HTTP.
//!
//! ```toml
//! [tables.interventi.fetch.rest]
//! url = "https://api.example.org/v1/interventi"
//! query = { stato = "tutti" }
//! auth.bearer = { token = "env:LA_CURA_TOKEN" }
//! page.number = { param = "page", size_param = "per_page", size = 100 }
//! since = { param = "updated_since", field = "aggiornato_il", lag = "2d" }
//! ```

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::span::Span;
use crate::spec::secret::SecretRef;

/// A service that answers with pages over HTTP.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rest {
    /// Address of the first page, without its query.
    pub url: String,
    /// Parameters that every request carries.
    #[serde(default)]
    pub query: BTreeMap<String, String>,
    /// Header fields that every request carries; never secrets.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// How the request proves who sends it.
    pub auth: Option<Auth>,
    /// How one page leads to the next; without it there is one page.
    pub page: Option<Paging>,
    /// How only what is new is asked for; without it the whole table is fetched.
    pub since: Option<Since>,
    /// Where the service says how many records all pages hold.
    pub total: Option<Total>,
    /// Which pages are read a second time, to see whether they shifted while they were read.
    #[serde(default)]
    pub verify: Verify,
    /// Limits of requests.
    #[serde(default)]
    pub limits: Limits,
}

/// How a request proves who sends it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Auth {
    /// A token in the header `Authorization: Bearer`.
    Bearer(Bearer),
    /// A user and a password in the header `Authorization: Basic`.
    Basic(Basic),
    /// A key in a header of its own.
    Header(ApiKey),
    /// A key in the query; it is left out of every address that is kept or shown.
    Query(ApiKey),
    /// A token that is asked for with the credentials of a client (OAuth 2, RFC 6749 §4.4).
    Oauth2(Oauth2),
}

/// A token.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bearer {
    /// Where the token is.
    pub token: SecretRef,
}

/// A user and a password.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Basic {
    /// Name of the user.
    pub user: String,
    /// Where the password is.
    pub password: SecretRef,
}

/// A key under a name.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiKey {
    /// Name of the header field or of the parameter.
    pub name: String,
    /// Where the key is.
    pub value: SecretRef,
}

/// Credentials of a client.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Oauth2 {
    /// Address that gives tokens.
    pub token_url: String,
    /// Name of the client.
    pub client_id: String,
    /// Where the client's secret is.
    pub client_secret: SecretRef,
    /// What the token is asked for, if the server wants to know.
    pub scope: Option<String>,
    /// Where the request for a token carries name and secret of the client.
    #[serde(default)]
    pub client_in: ClientIn,
}

/// Where a request for a token carries name and secret of the client.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientIn {
    /// In the header `Authorization: Basic`, which every server of the standard understands.
    #[default]
    Header,
    /// In the body, for servers that know nothing else.
    Body,
}

/// How one page leads to the next.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Paging {
    /// A parameter counts the pages; the pages end with an empty one or at the total.
    Number(ByNumber),
    /// A parameter counts the records before the page; ends as with `number`.
    Offset(ByOffset),
    /// Each page holds the value of a parameter that gives the next one.
    Cursor(ByCursor),
    /// Each page holds the address of the next one.
    Link(LinkIn),
}

/// A parameter counts the pages.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ByNumber {
    /// Name of the parameter.
    pub param: String,
    /// Number of the first page.
    #[serde(default = "first_page")]
    pub first: u64,
    /// Name of the parameter that says how many records a page holds.
    pub size_param: Option<String>,
    /// Records of a page.
    pub size: Option<u32>,
}

/// Number of the first page where none is declared.
fn first_page() -> u64 {
    1
}

/// A parameter counts the records before the page.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ByOffset {
    /// Name of the parameter.
    pub param: String,
    /// Name of the parameter that says how many records a page holds.
    pub size_param: Option<String>,
    /// Records of a page.
    pub size: Option<u32>,
}

/// Each page holds the value of a parameter that gives the next one.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ByCursor {
    /// Name of the parameter.
    pub param: String,
    /// Dotted path of the value in the page; absent, null or empty on the last one.
    pub path: String,
    /// Name of the parameter that says how many records a page holds.
    pub size_param: Option<String>,
    /// Records of a page.
    pub size: Option<u32>,
}

/// Where a page holds the address of the next one.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum LinkIn {
    /// At this dotted path of the page; absent, null or empty on the last one.
    Body(String),
    /// In the header `Link` (RFC 8288), under this relation, usually `next`.
    Header(String),
}

/// How only what is new is asked for.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Since {
    /// Parameter that asks for records from a moment on.
    pub param: String,
    /// Parameter that asks for records before a moment; needed to fetch a window that has an end.
    pub until: Option<String>,
    /// Dotted path, inside a record, of the moment that the parameter is compared with. The
    /// greatest one that came is where the next fetch begins.
    pub field: String,
    /// `strftime` pattern of the parameter; ISO 8601 in UTC when absent.
    pub format: Option<String>,
    /// How far before that moment the next fetch begins, for records that are corrected late.
    pub lag: Option<Span>,
}

/// Where the service says how many records all pages hold.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Total {
    /// At this dotted path of every page.
    Body(String),
    /// In this header field, for example `X-Total-Count`.
    Header(String),
}

/// Which pages are read a second time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verify {
    /// The first, once the last was read: tells most shifts for one request. Pages that are led
    /// to by a cursor do not shift, and none is read again.
    #[default]
    FirstPage,
    /// Every one: tells every shift, for twice the requests.
    EveryPage,
    /// None: the service keeps a listing steady while it is read.
    Nothing,
}

/// Limits of requests.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Requests in a minute, at most.
    pub per_minute: u32,
    /// Time that one request may take.
    pub request_timeout: Span,
    /// Time that all requests for a table may take, waits included.
    pub total_timeout: Span,
    /// Size of an answer, in MiB.
    pub max_response_mib: u32,
    /// How often a request is tried, at most.
    pub max_attempts: u32,
    /// Wait before the second try; it doubles with every further one, up to a minute, and a random
    /// part of it is left out, so that many clients do not come back at once.
    pub first_wait: Span,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            per_minute: 600,
            request_timeout: Span::seconds(60),
            total_timeout: Span::seconds(7200),
            max_response_mib: 64,
            max_attempts: 6,
            first_wait: Span::seconds(1),
        }
    }
}

impl Rest {
    /// Every secret that is needed.
    pub(super) fn secrets(&self) -> Vec<&SecretRef> {
        match &self.auth {
            None => Vec::new(),
            Some(Auth::Bearer(bearer)) => vec![&bearer.token],
            Some(Auth::Basic(basic)) => vec![&basic.password],
            Some(Auth::Header(key) | Auth::Query(key)) => vec![&key.value],
            Some(Auth::Oauth2(client)) => vec![&client.client_secret],
        }
    }
}

impl Paging {
    /// Name and value of the parameter that says how many records a page holds.
    pub(crate) fn size(&self) -> Option<(&str, u32)> {
        let (name, size) = match self {
            Self::Number(by) => (&by.size_param, by.size),
            Self::Offset(by) => (&by.size_param, by.size),
            Self::Cursor(by) => (&by.size_param, by.size),
            Self::Link(_) => return None,
        };
        name.as_deref().zip(size)
    }
}
