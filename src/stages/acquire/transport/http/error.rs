//! What goes wrong with a server of the web.

use crate::stages::acquire::error::Remedy;

/// What went wrong with a server of the web. Addresses come without secrets.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The client cannot be set up.
    #[error("requests to `{url}` cannot be set up")]
    Client {
        /// Address.
        url: String,
        /// Why not.
        #[source]
        source: reqwest::Error,
    },
    /// An address that was declared or answered is none.
    #[error("`{url}` is no address of the web; check `fetch` of the pipeline")]
    Address {
        /// Address.
        url: String,
    },
    /// A secret cannot stand where it is declared to.
    #[error(
        "the secret `{reference}` holds characters that a header field cannot carry; correct it"
    )]
    Secret {
        /// The reference, never the secret.
        reference: String,
    },
    /// A header field of the pipeline is none.
    #[error(
        "`{name}` in `fetch.rest.headers` is no header field, or its value has characters that none can carry; correct it"
    )]
    Header {
        /// Name of the field.
        name: String,
    },
    /// No answer came, or it broke off, as often as it was tried.
    #[error("`{url}` gave no whole answer in {attempts} attempts")]
    Broken {
        /// Address.
        url: String,
        /// How often it was tried.
        attempts: u32,
        /// What happened the last time.
        #[source]
        source: reqwest::Error,
    },
    /// The server refused.
    #[error("`{url}` answered {status} after {attempts} attempt(s); {advice}")]
    Status {
        /// Address.
        url: String,
        /// Status of HTTP.
        status: u16,
        /// How often it was tried.
        attempts: u32,
        /// What to do about it.
        advice: &'static str,
    },
    /// The server answers with something that is no page.
    #[error("`{url}` answered with no page of the declared format in {attempts} attempts: {why}")]
    NoPage {
        /// Address.
        url: String,
        /// How often it was tried.
        attempts: u32,
        /// What is wrong with it, without its content.
        why: String,
    },
    /// A request took too long, as often as it was tried.
    #[error(
        "`{url}` took longer than {limit} in {attempts} attempts; raise `limits.request_timeout`"
    )]
    Slow {
        /// Address.
        url: String,
        /// How often it was tried.
        attempts: u32,
        /// The limit.
        limit: String,
    },
    /// The answer is larger than allowed.
    #[error(
        "`{url}` answers with more than {mib} MiB; ask for smaller pages or raise `limits.max_response_mib`"
    )]
    TooLarge {
        /// Address.
        url: String,
        /// The limit.
        mib: u32,
    },
    /// All requests for a table took too long.
    #[error("the table at `{url}` took longer than {limit}; raise `limits.total_timeout`")]
    TotalTime {
        /// Address.
        url: String,
        /// The limit.
        limit: String,
    },
    /// The server asks for a wait that is longer than the time left.
    #[error(
        "`{url}` asks to wait {seconds} s, longer than `limits.total_timeout` leaves; run again later"
    )]
    TooBusy {
        /// Address.
        url: String,
        /// The wait.
        seconds: u64,
    },
    /// The server leads elsewhere.
    #[error(
        "`{url}` leads to another origin, which gets no credentials; declare that address if it is right"
    )]
    Elsewhere {
        /// Address.
        url: String,
    },
    /// The server of tokens gives none.
    #[error("`{url}` gives no token; check `auth.oauth2` of the pipeline")]
    NoToken {
        /// Address of the server of tokens.
        url: String,
    },
    /// A page says the same as the one before it, so the pages would never end.
    #[error(
        "page {page} of `{url}` repeats the one before it; check `page` of the pipeline: the server may not know that parameter"
    )]
    Loop {
        /// Address.
        url: String,
        /// Ordinal of the page.
        page: u64,
    },
    /// The pages shifted while they were read.
    #[error(
        "the pages of `{url}` shifted while they were read; run again when it is quieter, or make them smaller or larger"
    )]
    Shifted {
        /// Address.
        url: String,
    },
    /// No record says when it was written.
    #[error(
        "no record of `{url}` has a moment at `{field}`, so nothing says where the next fetch begins; correct `since.field` or `since.format`"
    )]
    NoMoment {
        /// Address.
        url: String,
        /// Path inside a record.
        field: String,
    },
    /// A moment that was asked for is none.
    #[error("`{text}` is no moment; write it like `2026-03-01` or `2026-03-01T12:00:00Z`")]
    Moment {
        /// The text.
        text: String,
    },
    /// A window has an end that the service cannot be asked for.
    #[error("`{url}` cannot be asked for records before a moment; declare `since.until`")]
    NoUntil {
        /// Address.
        url: String,
    },
}

impl Error {
    /// How much of the fetch is worth beginning anew.
    pub(in crate::stages::acquire) fn remedy(&self) -> Remedy {
        match self {
            // The listing may be quieter the next time.
            Self::Shifted { .. } => Remedy::Table,
            // A page that is streamed breaks off outside of the request's own attempts.
            Self::Broken { attempts: 0, .. } => Remedy::Page,
            // Requests were repeated already, and what is declared stays as it is.
            Self::Client { .. }
            | Self::Address { .. }
            | Self::Secret { .. }
            | Self::Header { .. }
            | Self::Broken { .. }
            | Self::Status { .. }
            | Self::NoPage { .. }
            | Self::Slow { .. }
            | Self::TooLarge { .. }
            | Self::TotalTime { .. }
            | Self::TooBusy { .. }
            | Self::Elsewhere { .. }
            | Self::NoToken { .. }
            | Self::Loop { .. }
            | Self::NoMoment { .. }
            | Self::Moment { .. }
            | Self::NoUntil { .. } => Remedy::None,
        }
    }

    /// Whether trying again later may help.
    pub(in crate::stages::acquire) fn is_transient(&self) -> bool {
        match self {
            // Networks and servers recover.
            Self::Broken { .. }
            | Self::Slow { .. }
            | Self::TotalTime { .. }
            | Self::TooBusy { .. }
            | Self::NoPage { .. }
            | Self::Shifted { .. } => true,
            Self::Status { status, .. } => is_transient(*status),
            // A declaration or a secret stays wrong until someone corrects it.
            Self::Client { .. }
            | Self::Address { .. }
            | Self::Secret { .. }
            | Self::Header { .. }
            | Self::TooLarge { .. }
            | Self::Elsewhere { .. }
            | Self::NoToken { .. }
            | Self::Loop { .. }
            | Self::NoMoment { .. }
            | Self::Moment { .. }
            | Self::NoUntil { .. } => false,
        }
    }
}

/// Whether a status says that the same request may do better later.
pub(super) fn is_transient(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500..=599)
}

/// What to do about a status.
pub(super) fn advice(status: u16) -> &'static str {
    match status {
        401 => {
            "the server does not accept the credentials; check `auth` of the pipeline and its secret"
        }
        403 => "the credentials do not permit it; ask the platform",
        404 | 410 => "nothing is there; check `url` of the pipeline",
        429 => "the server wants fewer requests; lower `limits.per_minute`",
        300..=399 => "it leads in a circle, or to nowhere; check `url` of the pipeline",
        500..=599 => "the server is in trouble; run again later",
        _ => "the server does not accept the request; check `fetch.rest` of the pipeline",
    }
}
