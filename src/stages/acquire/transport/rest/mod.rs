//! The pages of a service, one answer each.
//!
//! ```text
//! cursor 2026-03-01, lag 2d  →  GET …?updated_since=2026-02-27&page=1   page 1
//!                               GET …?updated_since=2026-02-27&page=2   page 2
//!                               GET …?updated_since=2026-02-27&page=3   no record: the end
//!                               GET …?updated_since=2026-02-27&page=1   still the same: no shift
//! greatest `aggiornato_il`   →  next cursor
//! ```
//!
//! Pages shift when a record comes or goes while they are read: one is then read twice, or never.
//! That shows in the service's total, or in a page that is read once more and has other records;
//! the table is then begun anew.

mod facts;
mod moments;

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::http::{Client, Error, Tag};
use super::{Arrived, Body, Claim, Earlier, Ended, Request, Transport};
use crate::spec::fetch::{LinkIn, Paging, Rest, Span, Verify};
use crate::stages::acquire;
use facts::{FactReader, Facts};
use moments::Greatest;

/// Two ends of a part of a table, either of which may be open.
type Part = (Option<DateTime<Utc>>, Option<DateTime<Utc>>);

/// The pages of a service.
pub(super) struct Service {
    /// Sends requests.
    client: Client,
    /// Reads what a page says of itself.
    facts: FactReader,
    /// What is declared.
    rest: Rest,
    /// Header fields of every request.
    headers: HeaderMap,
    /// Address of every request, without what changes from page to page.
    base: Url,
    /// Address of a page by its ordinal, as kept.
    addresses: Addresses,
    /// The part that is asked for; `None` for the whole table.
    part: Option<Part>,
    /// Where the last fetch ended.
    cursor: Option<DateTime<Utc>>,
    /// Tags of known pages by address.
    known: BTreeMap<String, Tag>,
    /// Where the next page is.
    next: Next,
    /// What was read so far.
    read: ReadSoFar,
}

/// How the addresses of pages are written.
struct Addresses {
    /// Address of all of them, without secrets.
    base: String,
    /// Whether there are several, and of what.
    kind: AddressKind,
}

/// How the address of a page differs from that of the others.
enum AddressKind {
    /// There is only one.
    Single,
    /// By its ordinal.
    Whole,
    /// By the part and its ordinal.
    Part(u64),
}

impl Addresses {
    /// Address of a page.
    fn of(&self, ordinal: u64) -> String {
        let base = &self.base;
        match self.kind {
            AddressKind::Single => base.clone(),
            AddressKind::Whole => format!("{base}#page={ordinal:06}"),
            AddressKind::Part(part) => super::part_address(base, part, ordinal),
        }
    }
}

/// Where the next page is.
enum Next {
    /// At this address.
    Page(Url),
    /// There is none; the pages that were read are still to be looked at again.
    Verify,
    /// Nothing is left to do.
    Done,
}

/// What was read so far.
struct ReadSoFar {
    /// Addresses and hashes of the pages.
    pages: Vec<(Url, blake3::Hash)>,
    /// Cursors and links that were followed.
    followed: BTreeSet<String>,
    /// Records.
    n_records: u64,
    /// Records of all pages, as the first one says.
    total: Option<u64>,
    /// The greatest moment.
    greatest: Greatest,
}

/// The transport for the pages of a service.
///
/// # Errors
/// When the declaration cannot be used or a secret is missing.
pub(super) fn open(
    request: &Request<'_>,
    rest: &Rest,
) -> Result<Box<dyn Transport>, acquire::Error> {
    let url = Url::parse(&rest.url).map_err(|_not_a_url| Error::Address {
        url: rest.url.clone(),
    })?;
    let client = Client::new(request, &url, rest.auth.as_ref(), &rest.limits)?;
    let cursor = request.cursor.and_then(moments::iso);
    let part = part_of(request, rest, cursor)?;
    let mut fixed = url;
    for (name, value) in &rest.query {
        fixed.query_pairs_mut().append_pair(name, value);
    }
    let kind = match (&part, &rest.page) {
        (Some(_), _) => AddressKind::Part(request.part),
        (None, Some(_)) => AddressKind::Whole,
        (None, None) => AddressKind::Single,
    };
    let addresses = Addresses {
        base: client.shown(&fixed),
        kind,
    };
    let known = request.known.iter();
    let known = known.map(|page| (page.url.clone(), Tag::from_text(&page.tag)));
    let base = with_part(fixed, rest, part);
    Ok(Box::new(Service {
        facts: FactReader::new(request.spec, rest, request.started_at),
        headers: headers(rest)?,
        next: Next::Page(first_page(base.clone(), rest)),
        client,
        rest: rest.clone(),
        base,
        addresses,
        part,
        cursor,
        known: known.collect(),
        read: ReadSoFar {
            pages: Vec::new(),
            followed: BTreeSet::new(),
            n_records: 0,
            total: None,
            greatest: Greatest::new(request.started_at),
        },
    }))
}

/// The part of the table that is asked for.
fn part_of(
    request: &Request<'_>,
    rest: &Rest,
    cursor: Option<DateTime<Utc>>,
) -> Result<Option<Part>, Error> {
    let Some(since) = &rest.since else {
        return Ok(None);
    };
    if let Some(window) = request.window {
        let moment = |text: &str| {
            moments::iso(text).ok_or_else(|| Error::Moment {
                text: text.to_owned(),
            })
        };
        if since.until.is_none() {
            let url = rest.url.clone();
            return Err(Error::NoUntil { url });
        }
        return Ok(Some((
            Some(moment(&window.from)?),
            Some(moment(&window.to)?),
        )));
    }
    let lag = since.lag.map(Span::delta).unwrap_or_default();
    Ok(cursor.map(|cursor| (cursor.checked_sub_signed(lag), None)))
}

/// The address that asks for a part.
fn with_part(mut url: Url, rest: &Rest, part: Option<Part>) -> Url {
    if let Some((name, size)) = rest.page.as_ref().and_then(Paging::size) {
        url.query_pairs_mut().append_pair(name, &size.to_string());
    }
    if let (Some(since), Some((from, to))) = (&rest.since, part) {
        let ends = [(Some(&since.param), from), (since.until.as_ref(), to)];
        for (name, at) in ends {
            if let (Some(name), Some(at)) = (name, at) {
                url.query_pairs_mut()
                    .append_pair(name, &moments::written(since, at));
            }
        }
    }
    url
}

/// Address of the first page.
fn first_page(url: Url, rest: &Rest) -> Url {
    match &rest.page {
        Some(Paging::Number(by)) => with_parameter(&url, &by.param, &by.first.to_string()),
        Some(Paging::Offset(by)) => with_parameter(&url, &by.param, "0"),
        Some(Paging::Cursor(_) | Paging::Link(_)) | None => url,
    }
}

/// An address with one more parameter.
fn with_parameter(url: &Url, name: &str, value: &str) -> Url {
    let mut url = url.clone();
    url.query_pairs_mut().append_pair(name, value);
    url
}

/// Header fields of every request.
fn headers(rest: &Rest) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    for (name, value) in &rest.headers {
        let field = HeaderName::try_from(name)
            .ok()
            .zip(HeaderValue::from_str(value).ok());
        let (name, value) = field.ok_or_else(|| Error::Header { name: name.clone() })?;
        headers.insert(name, value);
    }
    Ok(headers)
}

impl Service {
    /// Takes the page at `url`.
    async fn take(&mut self, url: Url) -> Result<Option<Arrived>, Error> {
        let ordinal = self.read.pages.len() as u64 + 1;
        let address = self.addresses.of(ordinal);
        // Of a page that leads on, its content is needed even if it has not changed.
        let asks = matches!(self.addresses.kind, AddressKind::Single);
        let tag = self.known.get(&address).filter(|_| asks).cloned();
        let tag = tag.unwrap_or_default();
        let facts = &self.facts;
        let read = |body: Bytes, headers: &HeaderMap| {
            let facts = facts.read(&body, headers)?;
            Ok((body, facts))
        };
        let answer = self.client.page(&url, (&self.headers, &tag), read).await?;
        let Some(answer) = answer else {
            self.next = Next::Done;
            return Ok(Some(Arrived {
                address,
                tag: tag.into_text(),
                body: Body::Unchanged,
                claim: None,
            }));
        };
        let (body, facts) = answer.content;
        self.check(&url, ordinal, &facts)?;
        self.next = self.following(&url, ordinal, &facts)?;
        let is_end = facts.n_records == Some(0) && ordinal > 1;
        self.read.n_records += facts.n_records.unwrap_or_default();
        self.read.total = self.read.total.or(facts.total);
        self.read.greatest.look_at(facts.greatest);
        self.read.pages.push((url, facts.hash));
        if is_end && matches!(self.rest.page, Some(Paging::Number(_) | Paging::Offset(_))) {
            self.read.pages.pop();
            return Ok(None);
        }
        let total = self.rest.total.as_ref().and(facts.total);
        Ok(Some(Arrived {
            address,
            tag: answer.tag.into_text(),
            body: Body::Whole(body),
            claim: total.map(Claim::Table),
        }))
    }

    /// Whether a page fits those before it.
    fn check(&self, url: &Url, ordinal: u64, facts: &Facts) -> Result<(), Error> {
        let last = self.read.pages.last().map(|(_, hash)| *hash);
        if last == Some(facts.hash) && facts.n_records != Some(0) {
            return Err(Error::Loop {
                url: self.client.shown(url),
                page: ordinal,
            });
        }
        let is_other = |total: u64| facts.total.is_some_and(|now| now != total);
        if self.read.total.is_some_and(is_other) {
            return Err(self.shifted());
        }
        Ok(())
    }

    /// Where the page after this one is.
    fn following(&mut self, url: &Url, ordinal: u64, facts: &Facts) -> Result<Next, Error> {
        let here = facts.n_records.unwrap_or_default();
        let n_records = self.read.n_records + here;
        let total = self.read.total.or(facts.total);
        let is_end = here == 0 || total.is_some_and(|total| n_records >= total);
        match &self.rest.page {
            None => Ok(Next::Done),
            Some(Paging::Number(_) | Paging::Offset(_)) if is_end => Ok(Next::Verify),
            Some(Paging::Number(by)) => {
                let number = (by.first + ordinal).to_string();
                Ok(Next::Page(with_parameter(&self.base, &by.param, &number)))
            }
            Some(Paging::Offset(by)) => {
                let offset = n_records.to_string();
                Ok(Next::Page(with_parameter(&self.base, &by.param, &offset)))
            }
            Some(Paging::Cursor(by)) => {
                let Some(cursor) = &facts.next else {
                    return Ok(Next::Verify);
                };
                let next = with_parameter(&self.base, &by.param, cursor);
                self.once(url, ordinal, cursor).map(|()| Next::Page(next))
            }
            Some(Paging::Link(LinkIn::Body(_) | LinkIn::Header(_))) => {
                let Some(link) = &facts.next else {
                    return Ok(Next::Verify);
                };
                let next = self.linked(url, link)?;
                self.once(url, ordinal, link).map(|()| Next::Page(next))
            }
        }
    }

    /// The address of a link, which must be of the same origin: it gets the credentials.
    fn linked(&self, url: &Url, link: &str) -> Result<Url, Error> {
        let shown = || self.client.shown(url);
        let next = url
            .join(link)
            .map_err(|_no_url| Error::Address { url: shown() })?;
        if next.origin() != url.origin() {
            return Err(Error::Elsewhere { url: shown() });
        }
        Ok(next)
    }

    /// Notes a cursor or link; the same one twice would lead in a circle.
    fn once(&mut self, url: &Url, page: u64, followed: &str) -> Result<(), Error> {
        if self.read.followed.insert(followed.to_owned()) {
            return Ok(());
        }
        let url = self.client.shown(url);
        Err(Error::Loop { url, page })
    }

    /// Reads pages a second time, to see whether they shifted.
    async fn verify(&mut self) -> Result<(), Error> {
        let is_led = matches!(self.rest.page, Some(Paging::Cursor(_)));
        let n_pages = match self.rest.verify {
            Verify::Nothing => 0,
            Verify::FirstPage if is_led => 0,
            Verify::FirstPage => 1,
            Verify::EveryPage => self.read.pages.len(),
        };
        if self.read.pages.len() < 2 {
            return Ok(());
        }
        let again: Vec<_> = self.read.pages.iter().take(n_pages).cloned().collect();
        for (url, hash) in again {
            let facts = &self.facts;
            let read = |body: Bytes, headers: &HeaderMap| facts.read(&body, headers);
            let nothing = Tag::default();
            let asked = (&self.headers, &nothing);
            let answer = self.client.page(&url, asked, read).await?;
            let is_same = answer.is_some_and(|answer| answer.content.hash == hash);
            if !is_same {
                return Err(self.shifted());
            }
        }
        Ok(())
    }

    /// Whether something says where the next fetch begins.
    fn check_moments(&self) -> Result<(), Error> {
        let Some(since) = &self.rest.since else {
            return Ok(());
        };
        if self.read.n_records > 0 && self.read.greatest.found.is_none() {
            return Err(Error::NoMoment {
                url: self.addresses.base.clone(),
                field: since.field.clone(),
            });
        }
        Ok(())
    }

    /// The error of pages that shifted.
    fn shifted(&self) -> Error {
        Error::Shifted {
            url: self.addresses.base.clone(),
        }
    }
}

#[async_trait]
impl Transport for Service {
    async fn next(&mut self) -> Result<Option<Arrived>, acquire::Error> {
        loop {
            match std::mem::replace(&mut self.next, Next::Done) {
                Next::Page(url) => {
                    if let Some(arrived) = self.take(url).await? {
                        return Ok(Some(arrived));
                    }
                }
                Next::Verify => {
                    self.verify().await?;
                    self.check_moments()?;
                }
                Next::Done => return Ok(None),
            }
        }
    }

    fn end(&mut self) -> Ended {
        let greatest = self.read.greatest.found.max(self.cursor);
        let text = |at: Option<DateTime<Utc>>| at.map(moments::cursor);
        Ended {
            cursor: text(greatest),
            earlier: Earlier::Leave,
            part: self.part.map(|(from, to)| (text(from), text(to))),
        }
    }
}
