//! Names of a header: where the fields asked for stand, and what nobody asked for.
//!
//! Where a name stands twice, the second column is called `name (2)`, so that each has a name of
//! its own: `id;ore;ore` has the fields `id`, `ore` and `ore (2)`.

use std::collections::{BTreeMap, BTreeSet};

use super::PageRead;

/// Where each field stands in a header, which fields it lacks and which it has twice.
pub(super) fn places<S: AsRef<str>>(
    fields: &[String],
    header: &[S],
) -> (Vec<Option<usize>>, PageRead) {
    let Named { names, twice } = Named::new(header);
    let find = |field: &String| names.iter().position(|name| name == field);
    let places: Vec<_> = fields.iter().map(find).collect();
    let absent = fields
        .iter()
        .zip(&places)
        .filter(|(_, place)| place.is_none());
    let asked_twice = fields.iter().filter(|field| twice.contains(*field));
    let read = PageRead {
        n_rows: 0,
        missing_fields: absent.map(|(field, _)| field.clone()).collect(),
        twice: asked_twice.cloned().collect(),
        unknown_fields: unknown_fields(fields, &names),
        coercions: Vec::new(),
    };
    (places, read)
}

/// Names of a header that are not asked for, in their order there.
fn unknown_fields(fields: &[String], names: &[String]) -> Vec<String> {
    let unknown = names
        .iter()
        .filter(|name| !name.is_empty() && !fields.contains(name));
    unknown.cloned().collect()
}

/// A header in which no name stands twice.
struct Named {
    /// A name for every column.
    names: Vec<String>,
    /// Names that stood twice.
    twice: BTreeSet<String>,
}

impl Named {
    /// Gives every column a name of its own.
    fn new<S: AsRef<str>>(header: &[S]) -> Self {
        let given: BTreeSet<&str> = header.iter().map(AsRef::as_ref).collect();
        let mut n_times: BTreeMap<&str, u64> = BTreeMap::new();
        let mut names = Vec::with_capacity(header.len());
        let mut twice = BTreeSet::new();
        for name in header.iter().map(AsRef::as_ref) {
            let n_times = n_times.entry(name).or_default();
            *n_times += 1;
            if name.is_empty() || *n_times == 1 {
                names.push(name.to_owned());
                continue;
            }
            twice.insert(name.to_owned());
            let mut own = format!("{name} ({n_times})");
            while given.contains(own.as_str()) {
                *n_times += 1;
                own = format!("{name} ({n_times})");
            }
            names.push(own);
        }
        Self { names, twice }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_has_a_name_of_its_own() {
        let header = ["v", "v", "", "v (2)", "v", "", "id"];
        let asked = ["v".to_owned(), "v (3)".to_owned(), "id".to_owned()];
        let (places, read) = places(&asked, &header);
        assert_eq!(places, [Some(0), Some(1), Some(6)]);
        assert_eq!(read.twice, ["v"]);
        assert_eq!(read.unknown_fields, ["v (2)", "v (4)"]);
    }
}
