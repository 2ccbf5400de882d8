//! A small service with pages of records, in every way of paging, with every fault.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::web::{Asked, Manner, Reply, Web};

/// A record of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// Its id.
    pub(crate) id: u32,
    /// When it was written, ISO 8601 in UTC.
    pub(crate) at: String,
    /// Something about it.
    pub(crate) text: String,
}

impl Record {
    /// A record of a day of January 2026.
    pub(crate) fn new(id: u32, day: u32, text: &str) -> Self {
        Self {
            id,
            at: format!("2026-01-{day:02}T10:00:00Z"),
            text: text.to_owned(),
        }
    }

    /// As JSON.
    pub(crate) fn json(&self) -> String {
        let Self { id, at, text } = self;
        format!(r#"{{"id":{id},"at":"{at}","testo":"{text}"}}"#)
    }
}

/// Records of the days of January.
pub(crate) fn january(n_records: u32) -> Vec<Record> {
    let record = |id| Record::new(id, id % 28 + 1, &format!("riga {id}"));
    (1..=n_records).map(record).collect()
}

/// How the service leads from page to page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// `?pagina=N`
    Number,
    /// `?da=N`
    Offset,
    /// `?dopo=X` from the page.
    Cursor,
    /// An address in the page.
    LinkInBody,
    /// An address in a header field.
    LinkInHeader,
}

/// Every way of paging.
pub(crate) const STYLES: [Style; 5] = [
    Style::Number,
    Style::Offset,
    Style::Cursor,
    Style::LinkInBody,
    Style::LinkInHeader,
];

impl Style {
    /// As declared.
    pub(crate) fn declared(self) -> &'static str {
        match self {
            Self::Number => {
                "page.number = { param = \"pagina\", size_param = \"quanti\", size = 10 }"
            }
            Self::Offset => "page.offset = { param = \"da\", size_param = \"quanti\", size = 10 }",
            Self::Cursor => {
                "page.cursor = { param = \"dopo\", path = \"meta.dopo\", size_param = \"quanti\", size = 10 }"
            }
            Self::LinkInBody => "page.link.body = \"meta.avanti\"\nquery = { quanti = \"10\" }",
            Self::LinkInHeader => "page.link.header = \"next\"\nquery = { quanti = \"10\" }",
        }
    }
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The server is in trouble.
    Trouble,
    /// The server wants fewer requests.
    TooMany,
    /// The connection is reset.
    Reset,
    /// The body is cut.
    Cut,
    /// The page is no JSON, though the status is good.
    Garbage,
    /// A record comes at the front while pages are read.
    Shift,
    /// The server is slow.
    Slow,
}

/// What is on the shelf.
#[derive(Debug, Default)]
struct Content {
    /// Records in their order.
    records: Vec<Record>,
    /// What goes wrong and how often still.
    fault: Option<(Fault, usize)>,
}

/// A service.
pub(crate) struct Shelf {
    /// What is on it.
    content: Arc<Mutex<Content>>,
    /// Where it is.
    pub(crate) web: Web,
}

impl Shelf {
    /// Starts a service.
    pub(crate) fn start(records: Vec<Record>) -> Self {
        let content = Arc::new(Mutex::new(Content {
            records,
            fault: None,
        }));
        let shelf = Arc::clone(&content);
        let web = Web::start(move |asked| answer(&mut shelf.lock().unwrap(), asked));
        Self { content, web }
    }

    /// Puts other records on it.
    pub(crate) fn hold(&self, records: Vec<Record>) {
        self.content.lock().unwrap().records = records;
    }

    /// Lets something go wrong so many times, after which all is well.
    pub(crate) fn fail(&self, fault: Fault, n_times: usize) {
        self.content.lock().unwrap().fault = Some((fault, n_times));
    }
}

/// Answers a request for `/righe`.
fn answer(content: &mut Content, asked: &Asked) -> Reply {
    let page = page(content, asked);
    let Some((fault, left)) = content.fault else {
        return page;
    };
    content.fault = (left > 1).then_some((fault, left - 1));
    match fault {
        Fault::Trouble => Reply::status(503, "<html>down</html>"),
        Fault::TooMany => Reply::status(429, "").with("Retry-After", "1"),
        Fault::Reset => page.going(Manner::Reset),
        Fault::Cut => page.going(Manner::Cut),
        Fault::Garbage => Reply::ok("<html>{\"items\":[</html>"),
        Fault::Slow => page.going(Manner::Late(Duration::from_millis(150))),
        Fault::Shift => {
            let id = u32::try_from(content.records.len()).unwrap() + 1000;
            content.records.insert(0, Record::new(id, 28, "nuova"));
            page
        }
    }
}

/// A page of the records that are meant.
fn page(content: &Content, asked: &Asked) -> Reply {
    let since = asked.query.get("dal").cloned().unwrap_or_default();
    let until = asked.query.get("al").cloned();
    let is_meant = |record: &&Record| {
        record.at >= since && until.as_ref().is_none_or(|until| record.at < *until)
    };
    let meant: Vec<&Record> = content.records.iter().filter(is_meant).collect();
    let size = asked.number_of("quanti").unwrap_or(usize::MAX);
    let first = match (asked.number_of("pagina"), asked.number_of("da")) {
        (Some(page), _) => (page - 1).saturating_mul(size),
        (None, Some(offset)) => offset,
        (None, None) => asked.number_of("dopo").unwrap_or_default(),
    };
    let shown: Vec<String> = meant
        .iter()
        .skip(first)
        .take(size)
        .map(|record| record.json())
        .collect();
    let next = first + shown.len();
    let mut meta = String::new();
    let mut link = None;
    if next < meant.len() {
        let mut query: Vec<String> = asked
            .query
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        query.retain(|part| !part.starts_with("dopo="));
        query.push(format!("dopo={next}"));
        let address = format!("/righe?{}", query.join("&"));
        meta = format!(r#""dopo":{next},"avanti":"{address}""#);
        link = Some(format!("<{address}>; rel=\"next\""));
    }
    let body = format!(
        r#"{{"items":[{}],"total":{},"meta":{{{meta}}}}}"#,
        shown.join(","),
        meant.len()
    );
    let tag = format!(
        "\"{:016x}\"",
        body.bytes().fold(7_u64, |hash, byte| {
            hash.wrapping_mul(31).wrapping_add(u64::from(byte))
        })
    );
    if asked.headers.get("if-none-match") == Some(&tag) {
        return Reply::status(304, "");
    }
    let reply = Reply::ok(body).with("ETag", tag);
    match link {
        Some(link) => reply.with("Link", link),
        None => reply,
    }
}

impl Shelf {
    /// All records as lines, with the faults of the service.
    pub(crate) fn whole(&self, asked: &Asked) -> Option<Reply> {
        let mut content = self.content.lock().unwrap();
        let body: String = content
            .records
            .iter()
            .map(|record| record.json() + "\n")
            .collect();
        let tag = format!("\"{}-{}\"", content.records.len(), body.len());
        let reply = if asked.headers.get("if-none-match") == Some(&tag) {
            Reply::status(304, "")
        } else {
            Reply::ok(body).with("ETag", tag)
        };
        let fault = content.fault.take();
        content.fault = fault
            .filter(|(_, left)| *left > 1)
            .map(|(fault, left)| (fault, left - 1));
        Some(match fault.map(|(fault, _)| fault) {
            None | Some(Fault::Garbage | Fault::Shift) => reply,
            Some(Fault::Trouble) => Reply::status(503, ""),
            Some(Fault::TooMany) => Reply::status(429, "").with("Retry-After", "1"),
            Some(Fault::Reset) => reply.going(Manner::Reset),
            Some(Fault::Cut) => reply.going(Manner::Cut),
            Some(Fault::Slow) => reply.going(Manner::Late(Duration::from_millis(150))),
        })
    }
}
