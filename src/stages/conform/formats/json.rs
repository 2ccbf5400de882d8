//! A JSON document with its records in an array.
//!
//! The document is checked as a whole before the first record is handed over, so that a page that
//! was cut on the way gives no rows at all.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::paths::{PathTree, Shape};
use super::{Error, PageRead, RawRow, Record, Sink, Value, as_text};
use crate::spec::format::JsonFormat;

/// Reads a page that is one document.
pub(super) fn read(
    options: &JsonFormat,
    fields: &[String],
    bytes: &[u8],
    sink: &mut Sink<'_>,
) -> Result<PageRead, Error> {
    let text = as_text(bytes)?;
    serde_json::from_str::<IgnoredAny>(text).map_err(|source| Error::NotJson { source })?;
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
    let mut json = serde_json::Deserializer::from_str(text);
    let found = way
        .deserialize(&mut json)
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
