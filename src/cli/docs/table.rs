//! The data dictionary as a table: a row per column of every table that readers meet.

use std::fmt::Write;

use super::markdown::{from, unit};
use crate::canon::meanings::meanings;
use crate::run::lineage::Lineage;
use crate::spec::commons::Commons;

/// One column of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Table, as `schema.name`.
    pub(super) table: String,
    /// Column; empty for the table itself.
    pub(super) column: String,
    /// Role.
    pub(super) role: String,
    /// Unit, with numerator and denominator of a rate.
    pub(super) unit: String,
    /// Meaning in Italian.
    pub(super) it: String,
    /// Meaning in English.
    pub(super) en: String,
    /// Columns it comes from.
    pub(super) from: String,
}

/// Every table followed by its columns: canonical ones, models, reference.
pub(super) fn entries(commons: &Commons, lineage: &Lineage) -> Vec<Entry> {
    let canonical = meanings().into_iter().map(|meaning| Entry {
        table: format!("conformed.{}", meaning.table),
        column: meaning.column.clone(),
        role: String::new(),
        unit: String::new(),
        it: meaning.it.clone(),
        en: meaning.en.clone(),
        from: String::new(),
    });
    let mut all: Vec<Entry> = canonical.collect();
    let mut models: Vec<_> = commons.models.iter().collect();
    models.sort_by(|left, right| left.name.cmp(&right.name));
    for model in models {
        let header = &model.header;
        all.push(Entry {
            table: model.name.clone(),
            column: String::new(),
            role: header.tags.join(" "),
            unit: header.grain.join(" "),
            it: header.description.it.clone(),
            en: header.description.en.clone(),
            from: model.inputs.iter().cloned().collect::<Vec<_>>().join(" "),
        });
        all.extend(header.columns.iter().map(|(name, column)| Entry {
            table: model.name.clone(),
            column: name.clone(),
            role: column.role.word().to_owned(),
            unit: unit(column),
            it: column.it.clone(),
            en: column.en.clone(),
            from: from(lineage, &model.name, name),
        }));
    }
    for (name, table) in &commons.reference.tables {
        all.push(Entry {
            table: format!("reference.{name}"),
            column: String::new(),
            role: String::new(),
            unit: String::new(),
            it: table.description.it.clone(),
            en: table.description.en.clone(),
            from: table.source.clone(),
        });
    }
    all
}

/// The table as CSV (RFC 4180, UTF-8); for a table itself `role` holds its themes and `unit` its grain.
pub(super) fn csv(commons: &Commons, lineage: &Lineage) -> String {
    let mut text = String::from("table,column,role,unit,meaning_it,meaning_en,from\n");
    for entry in entries(commons, lineage) {
        let Entry {
            table,
            column,
            role,
            unit,
            it,
            en,
            from,
        } = entry;
        let cells = [table, column, role, unit, it, en, from].map(|cell| quoted(&cell));
        let _infallible = writeln!(text, "{}", cells.join(","));
    }
    text
}

/// A cell, in quotes where it needs them.
fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n']) {
        return format!("\"{}\"", cell.replace('"', "\"\""));
    }
    cell.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_with_a_comma_or_a_quote_stands_in_quotes() {
        assert_eq!(quoted("a"), "a");
        assert_eq!(quoted("a, \"b\""), "\"a, \"\"b\"\"\"");
    }
}
