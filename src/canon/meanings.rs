//! What the canonical tables and their columns mean, in Italian and English.
//!
//! The texts stand in `meanings.csv` beside this file: a line without a column speaks of its table.

/// The texts, as written.
const TEXTS: &str = include_str!("meanings.csv");

/// What a canonical table or column means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Meaning {
    /// Table.
    pub(crate) table: String,
    /// Column, or empty where the line speaks of the table.
    pub(crate) column: String,
    /// Italian.
    pub(crate) it: String,
    /// English.
    pub(crate) en: String,
}

/// Every meaning, in the order of the tables and their columns.
pub(crate) fn meanings() -> Vec<Meaning> {
    let mut reader = csv::Reader::from_reader(TEXTS.as_bytes());
    let texts = reader.records().filter_map(Result::ok);
    texts
        .map(|row| {
            let cell = |index: usize| row.get(index).unwrap_or_default().to_owned();
            Meaning {
                table: cell(0),
                column: cell(1),
                it: cell(2),
                en: cell(3),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canon::tables::TABLES;

    #[test]
    fn every_table_and_column_has_a_meaning_and_nothing_else_has() {
        let expected: Vec<(String, String)> = TABLES
            .iter()
            .flat_map(|table| {
                let columns = table.columns.iter().map(|column| column.name);
                [""].into_iter()
                    .chain(columns)
                    .map(|column| (table.name.to_owned(), column.to_owned()))
            })
            .collect();
        let found: Vec<(String, String)> = meanings()
            .into_iter()
            .map(|meaning| (meaning.table, meaning.column))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn every_meaning_is_a_sentence_in_both_languages() {
        for meaning in meanings() {
            for text in [&meaning.it, &meaning.en] {
                assert!(text.ends_with('.') && text.len() > 3, "{meaning:?}");
            }
        }
    }
}
