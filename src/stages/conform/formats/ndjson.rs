//! One JSON object per line.

use std::io::BufRead;

use super::paths::{PathTree, Shape};
use super::{PageRead, RawRow, Record, Sink, Value, without_mark};

/// Reads a page of lines; a line that cannot be read is a broken row, so no page fails.
pub(super) fn read(fields: &[String], bytes: &[u8], sink: &mut Sink<'_>) -> PageRead {
    let tree = PathTree::new(fields);
    let mut read = PageRead::default();
    let mut rest = without_mark(bytes);
    let mut place = 0;
    while !rest.is_empty() {
        let line;
        (line, rest) = next_line(rest);
        place += 1;
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        read.n_rows += 1;
        let mut values = vec![Value::Absent; fields.len()];
        let record = match take_apart(&tree, line, &mut values) {
            Ok(()) => Record::Fields(&values),
            Err(rule) => Record::Broken(rule),
        };
        sink(RawRow { place, record });
    }
    read
}

/// The first line and what comes after it.
fn next_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let mut rest = bytes;
    // Reading from memory cannot fail.
    let length = rest.skip_until(b'\n').unwrap_or(bytes.len());
    (bytes.get(..length).unwrap_or(bytes), rest)
}

/// Reads one line into `values`, or says why it cannot be.
fn take_apart<'l>(
    tree: &PathTree,
    line: &'l [u8],
    values: &mut [Value<'l>],
) -> Result<(), &'static str> {
    let text = std::str::from_utf8(line).map_err(|_| "bad_encoding")?;
    match tree.read(text, values) {
        Ok(Shape::Object) => Ok(()),
        Ok(Shape::Other) => Err("not_an_object"),
        Err(_) => Err("broken_json"),
    }
}
