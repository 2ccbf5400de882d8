//! How requests prove who sends them, and how secrets stay out of everything that is shown.

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder};
use serde::Deserialize;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};

use super::Error;
use super::wait::Pace;
use crate::spec::fetch::{Auth, ClientIn, Oauth2};
use crate::spec::mask::Mask;
use crate::spec::secret::{Secret, SecretRef};
use crate::stages::acquire;
use crate::stages::acquire::transport::Request;

/// How long before its end a token is renewed.
const MARGIN: Duration = Duration::from_secs(30);

/// How long a token is taken to last where the server does not say.
const USUAL_SECONDS: u64 = 300;

/// The longest wait for a token.
const TOKEN_TIMEOUT: Duration = Duration::from_mins(1);

/// How often a token is asked for.
const TOKEN_ATTEMPTS: u32 = 4;

/// Proves who sends a request.
pub(super) struct Authorization {
    /// The way.
    way: Way,
    /// Every text that no one may see.
    hidden: Vec<Mask>,
}

/// A way to prove who sends a request.
enum Way {
    /// None.
    Open,
    /// A header field.
    Header(HeaderName, HeaderValue),
    /// A parameter of the query.
    Query(String, Secret),
    /// A token that is asked for.
    Token(Box<Tokens>),
}

/// Tokens of a server.
struct Tokens {
    /// How to ask for them.
    client: Oauth2,
    /// The client's secret.
    secret: Secret,
    /// The token in use and when it ends.
    current: Option<(HeaderValue, Instant)>,
}

/// What a server of tokens answers.
#[derive(Deserialize)]
struct TokenAnswer {
    /// The token.
    access_token: String,
    /// Seconds it lasts.
    expires_in: Option<u64>,
}

impl Authorization {
    /// The way that is declared, with its secrets.
    pub(super) fn new(request: &Request<'_>, auth: Option<&Auth>) -> Result<Self, acquire::Error> {
        let mut hidden = Vec::new();
        let mut secret = |reference: &SecretRef| {
            let secret = request.secret(reference)?;
            hidden.extend(Mask::of(secret.reveal()));
            Ok::<Secret, acquire::Error>(secret)
        };
        let way = match auth {
            None => Way::Open,
            Some(Auth::Bearer(bearer)) => {
                let text = format!("Bearer {}", secret(&bearer.token)?.reveal());
                Way::Header(AUTHORIZATION, sensitive(&text, &bearer.token)?)
            }
            Some(Auth::Basic(basic)) => {
                let text = basic_text(&basic.user, secret(&basic.password)?.reveal());
                Way::Header(AUTHORIZATION, sensitive(&text, &basic.password)?)
            }
            Some(Auth::Header(key)) => {
                let value = sensitive(secret(&key.value)?.reveal(), &key.value)?;
                let name = HeaderName::try_from(&key.name).map_err(|_| Error::Secret {
                    reference: key.value.as_str().to_owned(),
                });
                Way::Header(name?, value)
            }
            Some(Auth::Query(key)) => Way::Query(key.name.clone(), secret(&key.value)?),
            Some(Auth::Oauth2(client)) => Way::Token(Box::new(Tokens {
                secret: secret(&client.client_secret)?,
                client: client.clone(),
                current: None,
            })),
        };
        if let Way::Header(name, value) = &way
            && *name == AUTHORIZATION
            && let Some((_, coded)) = value.to_str().ok().and_then(|text| text.split_once(' '))
        {
            hidden.extend(Mask::of(coded));
        }
        Ok(Self { way, hidden })
    }

    /// Whether nothing proves anything.
    pub(super) fn is_none(&self) -> bool {
        matches!(self.way, Way::Open)
    }

    /// The address as it is sent.
    pub(super) fn addressed(&self, url: &Url) -> Url {
        let mut url = url.clone();
        if let Way::Query(name, secret) = &self.way {
            let others: Vec<(String, String)> = url
                .query_pairs()
                .filter(|(other, _)| other != name)
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect();
            let mut query = url.query_pairs_mut();
            query.clear().extend_pairs(others);
            query.append_pair(name, secret.reveal());
        }
        url
    }

    /// The request with its header field.
    pub(super) fn signed(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.way {
            Way::Open | Way::Query(..) => request,
            Way::Header(name, value) => request.header(name, value),
            Way::Token(tokens) => match &tokens.current {
                Some((value, _)) => request.header(AUTHORIZATION, value),
                None => request,
            },
        }
    }

    /// The address as it is shown: no user, no key, no secret text.
    pub(super) fn shown(&self, url: &Url) -> String {
        let mut url = url.clone();
        // Both only fail for addresses that have no host.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        let is_key = |name: &str| matches!(&self.way, Way::Query(key, _) if key == name);
        if url.query_pairs().any(|(name, _)| is_key(&name)) {
            let others: Vec<(String, String)> = url
                .query_pairs()
                .filter(|(name, _)| !is_key(name))
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect();
            url.query_pairs_mut().clear().extend_pairs(others);
        }
        let shown = url.to_string();
        self.hidden
            .iter()
            .fold(shown, |shown, mask| mask.hide(&shown))
    }

    /// Whether a secret stands in a text, however it is written there.
    pub(super) fn is_repeated_in(&self, text: &str) -> bool {
        self.hidden.iter().any(|mask| mask.is_in(text.as_bytes()))
    }

    /// The body with every secret that the server repeats replaced by as many stars.
    pub(super) fn without_secrets(&self, body: Bytes) -> Bytes {
        let masks = self.hidden.iter();
        masks.fold(body, |body, mask| {
            if mask.is_in(&body) {
                Bytes::from(mask.star(&body))
            } else {
                body
            }
        })
    }

    /// Forgets the token in use; whether there was one.
    pub(super) fn forget_token(&mut self) -> bool {
        match &mut self.way {
            Way::Token(tokens) => tokens.current.take().is_some(),
            Way::Open | Way::Header(..) | Way::Query(..) => false,
        }
    }

    /// Asks for a token if one is needed and none is good any more.
    pub(super) async fn renew(
        &mut self,
        http: &reqwest::Client,
        pace: &mut Pace,
        deadline: Instant,
    ) -> Result<(), Error> {
        let Way::Token(tokens) = &mut self.way else {
            return Ok(());
        };
        let is_good = |(_, end): &(HeaderValue, Instant)| *end > Instant::now() + MARGIN;
        if tokens.current.as_ref().is_some_and(is_good) {
            return Ok(());
        }
        let mut attempt = 1;
        let answer = loop {
            match tokens.ask(http, deadline).await {
                Ok(answer) => break answer,
                Err(error) if attempt >= TOKEN_ATTEMPTS || !error.is_transient() => {
                    return Err(error);
                }
                Err(_transient) => tokio::time::sleep(pace.backoff(attempt)).await,
            }
            attempt += 1;
        };
        let seconds = answer.expires_in.unwrap_or(USUAL_SECONDS);
        let value = HeaderValue::from_str(&format!("Bearer {}", answer.access_token));
        let mut value = value.map_err(|_| tokens.none())?;
        value.set_sensitive(true);
        // A token that lasts less than the margin is good for the request that it was asked for.
        let end = Instant::now() + Duration::from_secs(seconds);
        tokens.current = Some((value, end));
        self.hidden.extend(Mask::of(&answer.access_token));
        Ok(())
    }
}

impl Tokens {
    /// The error of a server that gives no token.
    fn none(&self) -> Error {
        Error::NoToken {
            url: self.client.token_url.clone(),
        }
    }

    /// What is sent to ask for a token.
    fn form(&self) -> String {
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        if let Some(scope) = &self.client.scope {
            form.append_pair("scope", scope);
        }
        if self.client.client_in == ClientIn::Body {
            form.append_pair("client_id", &self.client.client_id);
            form.append_pair("client_secret", self.secret.reveal());
        }
        form.finish()
    }

    /// Asks for a token once.
    async fn ask(&self, http: &reqwest::Client, deadline: Instant) -> Result<TokenAnswer, Error> {
        let url = self.client.token_url.clone();
        let mut request = http
            .request(Method::POST, &url)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(self.form());
        if self.client.client_in == ClientIn::Header {
            // RFC 6749 §2.3.1: both are form-encoded before they are joined.
            let coded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
            let (name, secret) = (coded(&self.client.client_id), coded(self.secret.reveal()));
            request = request.basic_auth(name, Some(secret));
        }
        let end = deadline.min(Instant::now() + TOKEN_TIMEOUT);
        let broken = |source: reqwest::Error| Error::Broken {
            url: url.clone(),
            attempts: 1,
            source: source.without_url(),
        };
        let slow = || Error::Slow {
            url: url.clone(),
            attempts: 1,
            limit: format!("{}s", TOKEN_TIMEOUT.as_secs()),
        };
        let response = timeout_at(end, request.send()).await.map_err(|_| slow())?;
        let response = response.map_err(broken)?;
        let status = response.status();
        if !status.is_success() {
            return Err(Error::Status {
                url: url.clone(),
                status: status.as_u16(),
                attempts: 1,
                advice: "the server gives no token; check `auth.oauth2` of the pipeline and its secret",
            });
        }
        let body = timeout_at(end, response.bytes())
            .await
            .map_err(|_| slow())?;
        serde_json::from_slice(&body.map_err(broken)?).map_err(|_| self.none())
    }
}

/// A header value that no log shows.
fn sensitive(text: &str, reference: &SecretRef) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::from_str(text).map_err(|_| Error::Secret {
        reference: reference.as_str().to_owned(),
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// User and password as RFC 7617 writes them.
fn basic_text(user: &str, password: &str) -> String {
    format!("Basic {}", base64(format!("{user}:{password}").as_bytes()))
}

/// Bytes in base 64 (RFC 4648 §4).
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |number: u32, shift: u32| {
        let index = (number >> shift & 63) as usize;
        char::from(DIGITS.get(index).copied().unwrap_or(b'='))
    };
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |place: usize| u32::from(chunk.get(place).copied().unwrap_or_default());
        let number = byte(0) << 16 | byte(1) << 8 | byte(2);
        text.push(digit(number, 18));
        text.push(digit(number, 12));
        text.push(if chunk.len() > 1 {
            digit(number, 6)
        } else {
            '='
        });
        text.push(if chunk.len() > 2 {
            digit(number, 0)
        } else {
            '='
        });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An authorization by a key in the query.
    fn keyed() -> Authorization {
        Authorization {
            way: Way::Query("key".to_owned(), Secret::new("hunter2/è")),
            hidden: Mask::of("hunter2/è").into_iter().collect(),
        }
    }

    #[test]
    fn base64_is_that_of_the_standard() {
        // RFC 4648 §10.
        for (plain, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }

    #[test]
    fn a_key_in_the_query_is_sent_and_not_shown() {
        let url =
            Url::parse("https://x.example.org/a?b=c&key=hunter2%2F%C3%A8&d=hunter2/è").unwrap();
        let auth = keyed();
        let sent = auth.addressed(&url);
        assert_eq!(
            sent.query_pairs().filter(|(name, _)| name == "key").count(),
            1
        );
        let shown = auth.shown(&sent);
        assert_eq!(shown, "https://x.example.org/a?b=c&d=***");
    }

    #[test]
    fn a_secret_that_the_server_repeats_becomes_stars() {
        let body = Bytes::from("{\"next\":\"/a?key=hunter2%2F%C3%A8&p=2\",\"x\":\"hunter2/è\"}");
        let cleaned = keyed().without_secrets(body.clone());
        assert_eq!(cleaned.len(), body.len());
        let text = String::from_utf8(cleaned.to_vec()).unwrap();
        assert!(!text.contains("hunter2"), "{text}");
        let other = Bytes::from("{}");
        assert_eq!(keyed().without_secrets(other.clone()), other);
    }
}
