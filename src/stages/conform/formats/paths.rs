//! Dotted paths into JSON: only what is asked for is kept, text borrowed where it has no escapes.
//!
//! ```text
//! paths ["id", "luogo.comune"]      {"id":7,"luogo":{"comune":"Stresa","lat":45.9}}
//!    →  [Integer(7), Text("Stresa")]          `lat` is passed over without being built
//! ```

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{LIST_SEPARATOR, Value};

/// A step on the way to one or more fields.
#[derive(Debug, Default)]
struct Node {
    /// Field that ends here.
    slot: Option<usize>,
    /// Ways on, by name.
    children: Vec<(String, usize)>,
}

/// Paths of all fields, as a tree.
#[derive(Debug)]
pub(crate) struct PathTree {
    /// Steps; the first is the document.
    nodes: Vec<Node>,
}

/// What a JSON value turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// An object.
    Object,
    /// Anything else.
    Other,
}

impl PathTree {
    /// A tree of dotted paths; an empty path is the whole document.
    pub(crate) fn new<S: AsRef<str>>(paths: &[S]) -> Self {
        let mut tree = Self {
            nodes: vec![Node::default()],
        };
        for (slot, path) in paths.iter().enumerate() {
            let steps = path.as_ref().split('.').filter(|step| !step.is_empty());
            let end = steps.fold(0, |at, step| tree.step(at, step));
            if let Some(node) = tree.nodes.get_mut(end) {
                node.slot = Some(slot);
            }
        }
        tree
    }

    /// The node one step on, made if need be.
    fn step(&mut self, at: usize, step: &str) -> usize {
        if let Some(next) = self.child(at, step) {
            return next;
        }
        let next = self.nodes.len();
        self.nodes.push(Node::default());
        if let Some(node) = self.nodes.get_mut(at) {
            node.children.push((step.to_owned(), next));
        }
        next
    }

    /// The node one step on.
    fn child(&self, at: usize, step: &str) -> Option<usize> {
        let node = self.nodes.get(at)?;
        let child = node.children.iter().find(|(name, _)| name == step);
        child.map(|(_, next)| *next)
    }

    /// Where the value of a member of the document goes, if it is asked for as a whole.
    pub(super) fn slot(&self, name: &str) -> Option<usize> {
        let node = self.child(0, name)?;
        self.nodes.get(node)?.slot
    }

    /// Whether nothing below a node is asked for.
    fn is_leaf(&self, at: usize) -> bool {
        self.nodes
            .get(at)
            .is_none_or(|node| node.children.is_empty())
    }

    /// Reads one JSON text into `slots`, which the caller has emptied.
    pub(crate) fn read<'de>(
        &self,
        text: &'de str,
        slots: &mut [Value<'de>],
    ) -> Result<Shape, serde_json::Error> {
        let mut json = serde_json::Deserializer::from_str(text);
        let shape = self.seed(slots).deserialize(&mut json)?;
        json.end()?;
        Ok(shape)
    }

    /// Reads one element of a document into `slots`.
    pub(crate) fn seed<'s, 'de>(&'s self, slots: &'s mut [Value<'de>]) -> Branch<'s, 'de> {
        Branch {
            tree: self,
            at: 0,
            slots,
        }
    }
}

/// Reads the value at one node.
pub(crate) struct Branch<'s, 'de> {
    /// All paths.
    tree: &'s PathTree,
    /// Node reached.
    at: usize,
    /// Where values go.
    slots: &'s mut [Value<'de>],
}

impl<'de> Branch<'_, 'de> {
    /// Keeps a value, if it is one that is asked for.
    fn keep(self, value: Value<'de>) -> Shape {
        let slot = self.tree.nodes.get(self.at).and_then(|node| node.slot);
        if let Some(place) = slot.and_then(|slot| self.slots.get_mut(slot)) {
            *place = value;
        }
        Shape::Other
    }

    /// The branch below `step`, if there is one.
    fn below(&mut self, step: &str) -> Option<Branch<'_, 'de>> {
        let at = self.tree.child(self.at, step)?;
        Some(Branch {
            tree: self.tree,
            at,
            slots: &mut *self.slots,
        })
    }
}

impl<'de> DeserializeSeed<'de> for Branch<'_, 'de> {
    type Value = Shape;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Shape, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Branch<'_, 'de> {
    type Value = Shape;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Shape, E> {
        Ok(self.keep(Value::Flag(flag)))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Shape, E> {
        Ok(self.keep(Value::Integer(number)))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Shape, E> {
        Ok(self.keep(match i64::try_from(number) {
            Ok(number) => Value::Integer(number),
            Err(_) => Value::Owned(number.to_string()),
        }))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Shape, E> {
        Ok(self.keep(Value::Number(number)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Shape, E> {
        Ok(self.keep(Value::Owned(text.to_owned())))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Shape, E> {
        Ok(self.keep(Value::Text(text)))
    }

    fn visit_unit<E>(self) -> Result<Shape, E> {
        Ok(self.keep(Value::Absent))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Shape, A::Error> {
        while let Some(name) = map.next_key_seed(Name)? {
            match self.below(&name) {
                Some(branch) => {
                    map.next_value_seed(branch)?;
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        self.keep(Value::Unreadable);
        Ok(Shape::Object)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<Shape, A::Error> {
        if self.tree.is_leaf(self.at) {
            let mut members = Vec::new();
            while let Some(member) = list.next_element::<serde_json::Value>()? {
                members.push(member);
            }
            return Ok(self.keep(joined(&members)));
        }
        let mut place = 0_usize;
        loop {
            let read = match self.below(&place.to_string()) {
                Some(branch) => list.next_element_seed(branch)?.is_some(),
                None => list.next_element::<IgnoredAny>()?.is_some(),
            };
            if !read {
                return Ok(Shape::Other);
            }
            place += 1;
        }
    }
}

/// A list of plain values as one text; nothing if it is empty.
fn joined(members: &[serde_json::Value]) -> Value<'static> {
    if members
        .iter()
        .any(|member| member.is_object() || member.is_array())
    {
        return Value::Unreadable;
    }
    let texts = members.iter().filter_map(|member| match member {
        serde_json::Value::String(text) => Some(Cow::Borrowed(text.as_str())),
        serde_json::Value::Null => None,
        other => Some(Cow::Owned(other.to_string())),
    });
    let texts: Vec<_> = texts.collect();
    match texts.as_slice() {
        [] => Value::Absent,
        texts => Value::Owned(texts.join(LIST_SEPARATOR.to_string().as_str())),
    }
}

/// The name of a member, borrowed where it has no escapes.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads `text` for the given paths.
    fn read<'t>(paths: &[&str], text: &'t str) -> Result<Vec<Value<'t>>, serde_json::Error> {
        let mut slots = vec![Value::Absent; paths.len()];
        PathTree::new(paths).read(text, &mut slots)?;
        Ok(slots)
    }

    #[test]
    fn only_what_is_asked_for_is_kept() {
        let text =
            r#"{"id":7,"luogo":{"comune":"Stresa","lat":45.9},"nota":"a\"b","si":true,"no":null}"#;
        let found = read(
            &[
                "id",
                "luogo.comune",
                "luogo.lat",
                "nota",
                "si",
                "no",
                "manca",
            ],
            text,
        )
        .unwrap();
        let expected = vec![
            Value::Integer(7),
            Value::Text("Stresa"),
            Value::Number(45.9),
            Value::Owned("a\"b".to_owned()),
            Value::Flag(true),
            Value::Absent,
            Value::Absent,
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_list_is_one_text_and_its_members_have_numbers() {
        let text = r#"{"tag":["a","b",3],"vuota":[],"sedi":[{"id":1},{"id":2}]}"#;
        let found = read(&["tag", "vuota", "sedi.1.id"], text).unwrap();
        let expected = vec![
            Value::Owned("a\u{1f}b\u{1f}3".to_owned()),
            Value::Absent,
            Value::Integer(2),
        ];
        assert_eq!(found, expected);
        assert_eq!(
            read(&[""], r#"["x","y"]"#).unwrap(),
            [Value::Owned("x\u{1f}y".to_owned())]
        );
    }

    #[test]
    fn an_object_is_no_value_and_a_cut_text_an_error() {
        assert_eq!(
            read(&["a"], r#"{"a":{"b":1}}"#).unwrap(),
            [Value::Unreadable]
        );
        assert!(read(&["a"], r#"{"a":1"#).is_err());
        assert!(read(&["a"], r#"{"a":1} x"#).is_err());
    }
}
