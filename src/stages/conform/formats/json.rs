//! A JSON document with its records in an array.
//!
//! A document of usual size is checked as a whole before the first record is handed over, so that
//! a page that was cut on the way gives no rows at all. A larger one is read as a stream, one
//! record in memory at a time; if it turns out to be cut, the caller takes back its rows.

use std::fmt;
use std::io::{BufReader, Cursor, Read};

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::paths::{PathTree, Shape};
use super::{Error, PageRead, RawRow, Record, Sink, Value, as_text};
use crate::spec::format::JsonFormat;

/// The largest document that is held in memory.
const MAX_HELD: u64 = 64 << 20;

/// Bytes of a larger document read at a time.
const CHUNK: usize = 1 << 18;

/// Reads a page that is one document.
pub(super) fn read(
    options: &JsonFormat,
    fields: &[String],
    page: impl Read,
    sink: &mut Sink<'_>,
) -> Result<PageRead, Error> {
    read_holding(MAX_HELD, (options, fields), page, sink)
}

/// Reads a page that is one document, in memory if it is smaller than `max_held`.
pub(super) fn read_holding(
    max_held: u64,
    (options, fields): (&JsonFormat, &[String]),
    mut page: impl Read,
    sink: &mut Sink<'_>,
) -> Result<PageRead, Error> {
    let mut head = Vec::new();
    let taken = page.by_ref().take(max_held).read_to_end(&mut head);
    taken.map_err(|source| Error::ReadPage { source })?;
    if (head.len() as u64) < max_held {
        let text = as_text(&head)?;
        serde_json::from_str::<IgnoredAny>(text).map_err(|source| Error::NotJson { source })?;
        let document = serde_json::Deserializer::from_str(text);
        return read_document(document, options, fields, sink);
    }
    let stream = BufReader::with_capacity(CHUNK, Cursor::new(head).chain(page));
    let document = serde_json::Deserializer::from_reader(stream);
    read_document(document, options, fields, sink)
}

/// Reads a document from wherever it comes.
fn read_document<'de, R: serde_json::de::Read<'de>>(
    mut document: serde_json::Deserializer<R>,
    options: &JsonFormat,
    fields: &[String],
    sink: &mut Sink<'_>,
) -> Result<PageRead, Error> {
    let path: Vec<&str> = options
        .records
        .split('.')
        .filter(|step| !step.is_empty())
        .collect();
    let tree = PathTree::new(fields);
    let mut read = PageRead::default();
    let way = Way {
        path: &path,
        tree: &tree,
        n_fields: fields.len(),
        read: &mut read,
        sink,
    };
    let found = way
        .deserialize(&mut document)
        .and_then(|found| document.end().map(|()| found))
        .map_err(|source| Error::NotJson { source })?;
    match found {
        Found::Records => Ok(read),
        Found::Nothing => Err(Error::NoRecords {
            path: options.records.clone(),
        }),
    }
}

/// Whether the array of records was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// It was, and its records were handed over.
    Records,
    /// It was not.
    Nothing,
}

/// The way down to the records.
struct Way<'w, 's> {
    /// Steps still to go.
    path: &'w [&'w str],
    /// Fields asked for.
    tree: &'w PathTree,
    /// How many they are.
    n_fields: usize,
    /// What was read so far.
    read: &'w mut PageRead,
    /// Who takes the rows.
    sink: &'w mut Sink<'s>,
}

impl<'s> Way<'_, 's> {
    /// The way one step on.
    fn one_step_on(&mut self) -> Way<'_, 's> {
        Way {
            path: self.path.get(1..).unwrap_or_default(),
            tree: self.tree,
            n_fields: self.n_fields,
            read: &mut *self.read,
            sink: &mut *self.sink,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Way<'_, '_> {
    type Value = Found;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Found, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Way<'_, '_> {
    type Value = Found;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array of records")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Found, A::Error> {
        let mut found = Found::Nothing;
        while let Some(name) = map.next_key::<String>()? {
            if self.path.first() == Some(&name.as_str()) {
                found = map.next_value_seed(self.one_step_on())?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Found, A::Error> {
        if !self.path.is_empty() {
            while list.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(Found::Nothing);
        }
        loop {
            let mut values = vec![Value::Absent; self.n_fields];
            let Some(shape) = list.next_element_seed(self.tree.seed(&mut values))? else {
                return Ok(Found::Records);
            };
            self.read.n_rows += 1;
            let record = match shape {
                Shape::Object => Record::Fields(&values),
                Shape::Other => Record::Broken("not_an_object"),
            };
            (self.sink)(RawRow {
                place: self.read.n_rows,
                record,
            });
        }
    }

    fn visit_bool<E>(self, _: bool) -> Result<Found, E> {
        Ok(Found::Nothing)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Found, E> {
        Ok(Found::Nothing)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Found, E> {
        Ok(Found::Nothing)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Found, E> {
        Ok(Found::Nothing)
    }

    fn visit_str<E>(self, _: &str) -> Result<Found, E> {
        Ok(Found::Nothing)
    }

    fn visit_unit<E>(self) -> Result<Found, E> {
        Ok(Found::Nothing)
    }
}
