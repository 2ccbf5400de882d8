//! Where a mapping gives a category its code, and the line that would add one.
//!
//! Mappings are SQL files (decision: a condition belongs in SQL), each with a list of the platform's
//! categories: `from (values … ) as listed (category, need_code, …)`. A line is told, not written: the file
//! is the operator's, and is read in review.

use std::sync::LazyLock;

use regex::Regex;
use serde::Serialize;

use crate::spec::model::Model;

/// The names of the columns of a list of categories.
static COLUMNS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\)\s+as\s+\w+\s*\(([^)]*\bneed_code\b[^)]*)\)").ok());

/// The beginning of a list.
static VALUES: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?m)^[^\n]*\bvalues[ \t]*\n").ok());

/// A line that gives a category a code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct MappingLine {
    /// The file, below the commons.
    pub(crate) file: String,
    /// The number of the line to put it after.
    pub(crate) after_line: usize,
    /// The line.
    pub(crate) line: String,
}

/// The line that gives a category a code in a mapping; none where the mapping has no list of categories.
///
/// What else the list says is copied from a category of the same code, and null without one.
pub(super) fn line(model: &Model, (category, code): (&str, &str)) -> Option<MappingLine> {
    let found = added(&model.text.text, (category, code))?;
    let (_schema, stem) = model.name.split_once('.')?;
    Some(MappingLine {
        file: format!("sql/conformed/{stem}.sql"),
        after_line: found.0,
        line: found.1,
    })
}

/// The number of the line to put it after, and the line.
fn added(sql: &str, (category, code): (&str, &str)) -> Option<(usize, String)> {
    let named = COLUMNS.as_ref()?.captures(sql)?;
    let columns: Vec<&str> = named.get(1)?.as_str().split(',').map(str::trim).collect();
    let place = columns.iter().position(|column| *column == "need_code")?;
    let list_end = named.get(0)?.start();
    let before = sql.get(..list_end)?;
    let values = VALUES.as_ref()?.find_iter(before).last()?;
    let after_line = before.get(..values.end())?.lines().count();
    let rows = before.get(values.end()..)?;
    let like = rows
        .lines()
        .map(cells)
        .find(|cells| cells.get(place).is_some_and(|cell| unquoted(cell) == code));
    let cell = |at: usize| match at {
        0 => quoted(category),
        at if at == place => quoted(code),
        at => like
            .as_ref()
            .and_then(|cells| cells.get(at).cloned())
            .unwrap_or_else(|| "null".to_owned()),
    };
    let all: Vec<String> = (0..columns.len()).map(cell).collect();
    let indent: String = rows.chars().take_while(|letter| *letter == ' ').collect();
    Some((after_line, format!("{indent}({}),", all.join(", "))))
}

/// The cells of a row of a list, as written.
fn cells(row: &str) -> Vec<String> {
    let row = row.trim().trim_end_matches(',');
    let inside = row
        .strip_prefix('(')
        .and_then(|row| row.strip_suffix(')'))
        .unwrap_or_default();
    let mut cells = vec![String::new()];
    let mut is_quoted = false;
    for letter in inside.chars() {
        is_quoted ^= letter == '\'';
        if letter == ',' && !is_quoted {
            cells.push(String::new());
        } else if let Some(last) = cells.last_mut() {
            last.push(letter);
        }
    }
    cells.iter().map(|cell| cell.trim().to_owned()).collect()
}

/// A cell without its quotes.
fn unquoted(cell: &str) -> String {
    cell.trim_matches('\'').replace("''", "'")
}

/// A text as SQL writes it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAPPING: &str = "with notices as (\n    select a\n    from source.b\n),\n\ncategories as (\n    select listed.category\n    from (\n        values\n        ('Aiuto, compiti', 'A2.11', 'educating', 'x'),\n        ('Lavoro', 'A2.09', 'working', 'y')\n    ) as listed (category, need_code, life_domain, area)\n)\n";

    #[test]
    fn a_line_is_put_first_in_the_list_with_what_the_code_has_beside_it() {
        let (after, line) = added(MAPPING, ("Corsi d'italiano", "A2.11")).unwrap();
        assert_eq!(MAPPING.lines().nth(after - 1).unwrap().trim(), "values");
        assert_eq!(
            line,
            "        ('Corsi d''italiano', 'A2.11', 'educating', 'x'),"
        );
    }

    #[test]
    fn a_code_without_a_category_leaves_the_rest_open() {
        let (_after, line) = added(MAPPING, ("Orti", "A2.29")).unwrap();
        assert_eq!(line, "        ('Orti', 'A2.29', null, null),");
    }

    #[test]
    fn a_mapping_without_a_list_has_no_place() {
        assert_eq!(added("select a from b", ("Orti", "A2.29")), None);
    }
}
