//! What a page of a service says of itself: how many records, where the next page is, how many
//! there are in all, how new they are.

use std::io::Cursor;

use bytes::Bytes;
use reqwest::header::HeaderMap;
use serde::de::IgnoredAny;
use sonic_rs::{JsonValueTrait, LazyValue};

use super::moments::{self, Greatest};
use crate::canon::page;
use crate::spec::fetch::{LinkIn, Paging, Rest, Since, Total};
use crate::spec::format::{CountOf, CsvFormat, Format, JsonFormat};
use crate::spec::source::TableSpec;
use crate::stages::acquire::count::count_page;

/// The most bytes that a compressed answer may unfold into.
const MAX_UNFOLDED: u64 = 1 << 30;

/// What a page says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    /// Records in it, where they can be counted.
    pub(super) n_records: Option<u64>,
    /// Hash of its records; equal pages have equal records, whatever else they say.
    pub(super) hash: blake3::Hash,
    /// Cursor or address of the next page.
    pub(super) next: Option<String>,
    /// Records of all pages, as the service says.
    pub(super) total: Option<u64>,
    /// The greatest moment of its records.
    pub(super) greatest: Option<chrono::DateTime<chrono::Utc>>,
}

/// Reads pages of one table.
#[derive(Debug, Clone)]
pub(super) struct FactReader {
    /// What is declared of the table.
    table: TableSpec,
    /// What is declared of the service.
    rest: Rest,
    /// When the run started.
    started_at: chrono::DateTime<chrono::Utc>,
}

impl FactReader {
    /// A reader for the pages of a table.
    pub(super) fn new(
        table: &TableSpec,
        rest: &Rest,
        started_at: chrono::DateTime<chrono::Utc>,
    ) -> Self {
        Self {
            table: table.clone(),
            rest: rest.clone(),
            started_at,
        }
    }

    /// What a page says, or why it is none.
    pub(super) fn read(&self, body: &Bytes, headers: &HeaderMap) -> Result<Facts, String> {
        let plain = self.opened(body)?;
        let mut facts = match &self.table.format {
            Format::Json(json) => self.of_json(json, &plain)?,
            Format::Csv(_) | Format::Ndjson(_) => self.of_lines(body, &plain)?,
            Format::Parquet(_) | Format::Arrow(_) | Format::Sheet(_) => Facts {
                n_records: None,
                hash: blake3::hash(body),
                next: None,
                total: None,
                greatest: None,
            },
        };
        if let Some(Paging::Link(LinkIn::Header(relation))) = &self.rest.page {
            facts.next = linked(headers, relation);
        }
        if let Some(Total::Header(name)) = &self.rest.total {
            let value = headers.get(name).and_then(|value| value.to_str().ok());
            facts.total = value.and_then(|text| text.trim().parse().ok());
        }
        Ok(facts)
    }

    /// The page as its format reads it.
    fn opened(&self, body: &Bytes) -> Result<Vec<u8>, String> {
        let wrapping = self.table.format.wrapping();
        let opened = page::open(Box::new(Cursor::new(body.clone())), wrapping);
        let opened = opened.map_err(|error| error.to_string())?;
        let read = page::read_whole(opened.bytes, MAX_UNFOLDED);
        read.map_err(|error| format!("the answer is cut or damaged ({})", error.kind()))
    }

    /// What a JSON document says.
    fn of_json(&self, json: &JsonFormat, plain: &[u8]) -> Result<Facts, String> {
        let whole: Result<IgnoredAny, _> = serde_json::from_slice(plain);
        whole.map_err(|_no_json| "it is no whole JSON document".to_owned())?;
        let records = at(plain, &json.records);
        let records = records.filter(JsonValueTrait::is_array);
        let records = records.ok_or_else(|| {
            let path = &json.records;
            format!("it has no array of records at `{path}`")
        })?;
        let hash = blake3::hash(records.as_raw_str().as_bytes());
        let mut n_records = 0;
        let mut greatest = Greatest::new(self.started_at);
        for record in records.into_array_iter().into_iter().flatten() {
            n_records += 1;
            let record = record.map_err(|_no_json| "it is no whole JSON document".to_owned())?;
            self.look_at(record.as_raw_str().as_bytes(), &mut greatest);
        }
        let next = match &self.rest.page {
            Some(Paging::Cursor(by)) => text_at(plain, &by.path),
            Some(Paging::Link(LinkIn::Body(path))) => text_at(plain, path),
            Some(Paging::Number(_) | Paging::Offset(_) | Paging::Link(_)) | None => None,
        };
        let total = match (&self.rest.total, &json.count, json.count_of) {
            (Some(Total::Body(path)), _, _) | (None, Some(path), CountOf::Table) => {
                number_at(plain, path)
            }
            _ => None,
        };
        Ok(Facts {
            n_records: Some(n_records),
            hash,
            next,
            total,
            greatest: greatest.found,
        })
    }

    /// Looks at the moment of one JSON record.
    fn look_at(&self, record: &[u8], greatest: &mut Greatest) {
        let Some(since) = &self.rest.since else {
            return;
        };
        let text = text_at(record, &since.field);
        let moment = text.and_then(|text| moments::read(since, &text));
        greatest.look_at(moment);
    }

    /// What a text of one record a line says.
    fn of_lines(&self, body: &Bytes, plain: &[u8]) -> Result<Facts, String> {
        let counted = count_page(&self.table, Box::new(Cursor::new(body.clone())));
        let mut greatest = Greatest::new(self.started_at);
        match (&self.table.format, &self.rest.since) {
            (Format::Csv(csv), Some(since)) => look_at_column(csv, since, plain, &mut greatest),
            (Format::Ndjson(_), _) => {
                let lines = plain.split(|byte| *byte == b'\n');
                let lines = lines.filter(|line| !line.trim_ascii().is_empty());
                for line in lines {
                    let record: Result<IgnoredAny, _> = serde_json::from_slice(line);
                    record.map_err(|_no_json| "a line of it is no JSON".to_owned())?;
                    self.look_at(line, &mut greatest);
                }
            }
            _ => {}
        }
        Ok(Facts {
            n_records: Some(counted.own?),
            hash: blake3::hash(plain),
            next: None,
            total: None,
            greatest: greatest.found,
        })
    }
}

/// Looks at the moments in a column of delimited text.
fn look_at_column(csv: &CsvFormat, since: &Since, plain: &[u8], greatest: &mut Greatest) {
    let Some(marks) = csv.marks() else {
        return;
    };
    let titles = csv.header_row.saturating_sub(1) as usize;
    let lines = plain.split_inclusive(|byte| *byte == b'\n');
    let above: usize = lines.take(titles).map(<[u8]>::len).sum();
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(marks.delimiter)
        .quote(marks.quote.unwrap_or(b'"'))
        .quoting(marks.quote.is_some())
        .escape(marks.escape)
        .comment(marks.comment)
        .flexible(true)
        .from_reader(plain.get(above..).unwrap_or_default());
    let place = reader.byte_headers().ok().and_then(|header| {
        let names = header.iter().map(<[u8]>::trim_ascii);
        names
            .into_iter()
            .position(|name| name == since.field.as_bytes())
    });
    let Some(place) = place else {
        return;
    };
    for record in reader.byte_records().flatten() {
        let text = record
            .get(place)
            .and_then(|field| str::from_utf8(field).ok());
        let moment = text.and_then(|text| moments::read(since, text));
        greatest.look_at(moment);
    }
}

/// The value at a dotted path of a JSON document.
fn at<'j>(json: &'j [u8], path: &str) -> Option<LazyValue<'j>> {
    let steps: Vec<&str> = path.split('.').filter(|step| !step.is_empty()).collect();
    sonic_rs::get(json, steps).ok()
}

/// The text or number at a dotted path, as text; `None` where it is null, empty or not there.
fn text_at(json: &[u8], path: &str) -> Option<String> {
    let value = at(json, path)?;
    let text = match value.as_str() {
        Some(text) => text.to_owned(),
        None if value.is_number() => value.as_raw_str().to_owned(),
        None => return None,
    };
    (!text.trim().is_empty()).then_some(text)
}

/// The whole number at a dotted path.
fn number_at(json: &[u8], path: &str) -> Option<u64> {
    at(json, path)?.as_u64()
}

/// The address under a relation in the header `Link` (RFC 8288).
fn linked(headers: &HeaderMap, relation: &str) -> Option<String> {
    let fields = headers.get_all(reqwest::header::LINK);
    let texts = fields.iter().filter_map(|value| value.to_str().ok());
    texts.flat_map(links).find_map(|(address, relations)| {
        let mut words = relations.split_ascii_whitespace();
        words
            .any(|word| word.eq_ignore_ascii_case(relation))
            .then_some(address)
    })
}

/// Addresses and relations of a header field; a comma may also stand inside an address.
fn links(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('<') {
        let Some((address, after)) = after.split_once('>') else {
            break;
        };
        let own = after.split(',').next().unwrap_or_default();
        let relation = own.split(';').find_map(|part| {
            let (name, value) = part.split_once('=')?;
            name.trim()
                .eq_ignore_ascii_case("rel")
                .then(|| value.trim().trim_matches('"').to_owned())
        });
        found.push((address.trim().to_owned(), relation.unwrap_or_default()));
        rest = after;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::{HeaderValue, LINK};

    /// A reader of the pages of a table written in TOML.
    fn reader(toml: &str) -> FactReader {
        let table: TableSpec = toml::from_str(&format!("{toml}\ncolumns = {{}}")).unwrap();
        let crate::spec::fetch::Fetch::Rest(rest) = table.fetch.clone() else {
            panic!("no service");
        };
        FactReader::new(&table, &rest, moments::iso("2026-06-01").unwrap())
    }

    #[test]
    fn a_page_of_json_says_what_leads_on() {
        let reader = reader(
            r#"
            fetch.rest = { url = "https://x/", page.cursor = { param = "c", path = "meta.next" }, since = { param = "s", field = "at" } }
            format.json = { records = "data.items", count = "meta.total", count_of = "table" }
            "#,
        );
        let page = r#"{"meta":{"next":7,"total":3},"data":{"items":[{"at":"2026-01-02"},{"at":"2026-01-01"},{"x":1},{"at":"2099-01-01"}]}}"#;
        let facts = reader.read(&Bytes::from(page), &HeaderMap::new()).unwrap();
        assert_eq!(facts.n_records, Some(4));
        assert_eq!(facts.next.as_deref(), Some("7"));
        assert_eq!(facts.total, Some(3));
        assert_eq!(facts.greatest, moments::iso("2026-01-02"));
        for broken in [
            "",
            "{",
            "{\"data\":{}}",
            "<html>",
            r#"{"data":{"items":[]}"#,
        ] {
            let read = reader.read(&Bytes::from(broken), &HeaderMap::new());
            assert!(read.is_err(), "{broken}");
        }
    }

    #[test]
    fn a_page_of_lines_says_how_new_it_is() {
        let csv = reader(
            r#"
            fetch.rest = { url = "https://x/", since = { param = "s", field = "at" } }
            format.csv = { delimiter = ";" }
            "#,
        );
        let page = Bytes::from("id;at\n1;2026-01-02\n2;2026-01-03\n");
        let facts = csv.read(&page, &HeaderMap::new()).unwrap();
        assert_eq!(
            (facts.n_records, facts.greatest),
            (Some(2), moments::iso("2026-01-03"))
        );
        let lines = reader(
            r#"
            fetch.rest = { url = "https://x/", since = { param = "s", field = "at" } }
            format.ndjson = {}
            "#,
        );
        let page = Bytes::from("{\"at\":\"2026-01-02\"}\n\n{}\n");
        let facts = lines.read(&page, &HeaderMap::new()).unwrap();
        assert_eq!(
            (facts.n_records, facts.greatest),
            (Some(2), moments::iso("2026-01-02"))
        );
        assert!(
            lines
                .read(&Bytes::from("{\"a\":1}\n{\"b\""), &HeaderMap::new())
                .is_err()
        );
    }

    #[test]
    fn the_next_link_is_found_among_others() {
        let mut headers = HeaderMap::new();
        let first = "<https://x/?p=1,2>; rel=\"prev first\", </a?p=3>; title=\"x\"; rel=next";
        headers.append(LINK, HeaderValue::from_static(first));
        headers.append(LINK, HeaderValue::from_static("<https://x/?p=9>; rel=last"));
        assert_eq!(linked(&headers, "next").as_deref(), Some("/a?p=3"));
        assert_eq!(
            linked(&headers, "first").as_deref(),
            Some("https://x/?p=1,2")
        );
        assert_eq!(linked(&headers, "self"), None);
    }
}
