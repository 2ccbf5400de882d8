//! The data dictionary as a page of Markdown.

use std::fmt::Write as _;

use crate::canon::meanings::meanings;
use crate::canon::tables::{Column, Kind, Need, TABLES};
use crate::run::lineage::Lineage;
use crate::spec::commons::Commons;
use crate::spec::model::{ColumnText, Model};
use crate::spec::reference::{ReferenceKind, ReferenceTable};

/// Opening of the page.
const OPENING: &str = "# Dizionario dei dati · Data dictionary

Questa pagina è scritta da `antenne docs --out docs`: non va corretta a mano.
This page is written by `antenne docs --out docs`: it is not edited by hand.

Le tabelle `conformed` sono quelle comuni a tutte le piattaforme, le `derived` quelle calcolate, le `reference` quelle di riferimento.
The `conformed` tables are shared by all platforms, the `derived` ones are computed, the `reference` ones are looked up.
Un modello il cui nome comincia con `_` è un passaggio interno e non viene mai pubblicato.
A model whose name begins with `_` is an inner step and is never released.
";

/// The page: canonical tables, models, reference tables.
pub(super) fn data_dictionary(commons: &Commons, lineage: &Lineage) -> String {
    let mut page = OPENING.to_owned();
    page.push_str("\n## Tabelle comuni · Canonical tables\n");
    canonical(&mut page);
    page.push_str("\n## Modelli · Models\n");
    let mut models: Vec<&Model> = commons.models.iter().collect();
    models.sort_by(|left, right| left.name.cmp(&right.name));
    for found in models {
        model(&mut page, found, lineage);
    }
    page.push_str("\n## Tabelle di riferimento · Reference tables\n");
    for (name, table) in &commons.reference.tables {
        reference(&mut page, name, table);
    }
    page
}

/// Adds a line; writing into a text cannot fail.
fn line(page: &mut String, text: std::fmt::Arguments<'_>) {
    let _never_fails = writeln!(page, "{text}");
}

/// Text that may stand in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// The canonical tables.
fn canonical(page: &mut String) {
    for meaning in meanings() {
        if meaning.column.is_empty() {
            line(
                page,
                format_args!(
                    "\n### conformed.{}\n\n{}\n{}\n",
                    meaning.table, meaning.it, meaning.en
                ),
            );
            page.push_str("| colonna · column | tipo · type | può mancare · may be absent | significato | meaning | valori · values |\n|---|---|---|---|---|---|\n");
            continue;
        }
        let table = TABLES.iter().find(|table| table.name == meaning.table);
        let Some(column) = table.and_then(|table| {
            table
                .columns
                .iter()
                .find(|column| column.name == meaning.column)
        }) else {
            continue;
        };
        let absent = match column.need {
            Need::Always => "no",
            Need::Maybe => "sì · yes",
        };
        let (it, en) = (cell(&meaning.it), cell(&meaning.en));
        line(
            page,
            format_args!(
                "| `{}` | {} | {absent} | {it} | {en} | {} |",
                column.name,
                kind_words(column.kind),
                values(column)
            ),
        );
    }
}

/// The listed values of a code.
fn values(column: &Column) -> String {
    column
        .values
        .iter()
        .map(|value| format!("`{value}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// A type in both languages.
fn kind_words(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "testo · text",
        Kind::Key => "chiave di 16 byte · key of 16 bytes",
        Kind::Date => "data · date",
        Kind::Instant => "istante UTC · instant UTC",
        Kind::Count => "intero · whole number",
        Kind::Number => "numero · number",
        Kind::Amount => "importo, due decimali · amount, two decimals",
        Kind::Flag => "sì o no · yes or no",
    }
}

/// One model.
fn model(page: &mut String, model: &Model, lineage: &Lineage) {
    let header = &model.header;
    line(
        page,
        format_args!(
            "\n### {}\n\n{}\n{}\n",
            model.name, header.description.it, header.description.en
        ),
    );
    let grain: Vec<String> = header
        .grain
        .iter()
        .map(|column| format!("`{column}`"))
        .collect();
    line(
        page,
        format_args!("Una riga per · one row for each: {}.\n", grain.join(", ")),
    );
    if !header.tags.is_empty() {
        line(
            page,
            format_args!("Argomento · theme: {}.\n", header.tags.join(", ")),
        );
    }
    page.push_str("| colonna · column | ruolo · role | unità · unit | significato | meaning | da · from |\n|---|---|---|---|---|---|\n");
    for (name, column) in &header.columns {
        let (it, en) = (cell(&column.it), cell(&column.en));
        let from = from(lineage, &model.name, name);
        line(
            page,
            format_args!(
                "| `{name}` | {} | {} | {it} | {en} | {from} |",
                column.role.word(),
                unit(column)
            ),
        );
    }
}

/// The unit of a column, with the numbers that a rate is made of.
pub(super) fn unit(column: &ColumnText) -> String {
    match &*column.rate {
        [numerator, denominator] => {
            format!("{}: {numerator} / {denominator}", column.unit)
        }
        _ => column.unit.clone(),
    }
}

/// Where a column comes from, in words: names alone where its value is passed on, in `f(…)` where computed.
pub(super) fn from(lineage: &Lineage, table: &str, column: &str) -> String {
    let sources = lineage.get(&(table.to_owned(), column.to_owned()));
    let words = sources.into_iter().flatten().map(|source| {
        let name = format!("{}.{}", source.table, source.column);
        if source.is_computed {
            format!("f({name})")
        } else {
            name
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// One reference table.
fn reference(page: &mut String, name: &str, table: &ReferenceTable) {
    line(
        page,
        format_args!(
            "\n### reference.{name}\n\n{}\n{}\n",
            table.description.it, table.description.en
        ),
    );
    line(
        page,
        format_args!(
            "Fonte · source: {}.\nLicenza · license: {}; data · date: {}.\n",
            table.source.trim_end_matches('.'),
            table.license,
            table.date
        ),
    );
    page.push_str("| colonna · column | tipo · type |\n|---|---|\n");
    for (column, declared) in &table.columns {
        line(
            page,
            format_args!("| `{column}` | {} |", reference_words(declared.kind)),
        );
    }
}

/// A type of a reference column in both languages.
fn reference_words(kind: ReferenceKind) -> &'static str {
    match kind {
        ReferenceKind::Text => "testo · text",
        ReferenceKind::Integer => "intero · whole number",
        ReferenceKind::Decimal => "importo, due decimali · amount, two decimals",
        ReferenceKind::Number => "numero · number",
        ReferenceKind::Date => "data · date",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_in_a_text_does_not_end_its_cell() {
        assert_eq!(cell("a|b"), "a\\|b");
    }
}
