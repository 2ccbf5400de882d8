//! A social planner reads the founding texts and finds where each of their statements is measured.
//!
//! `docs/seeds.toml` says which columns and signals answer each statement; `docs/seeds.md` is made from it.
//! `UPDATE_GOLDEN=1` writes the page anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;

use antenne::spec::commons::Commons;
use serde::Deserialize;

use crate::commons::repository;

/// The mapping, below the repository.
const MAPPING: &str = "docs/seeds.toml";
/// The page made from it.
const PAGE: &str = "docs/seeds.md";

/// How many statements the founding texts make that data can serve.
const N_STATEMENTS: usize = 29;

/// Opening of the page.
const OPENING: &str = "# What the founding texts ask, and what answers it

*Il welfare collaborativo: oltre lo storytelling* (S. Pasquinelli, WELCO) and the summary of *Welfare in piattaforma* are
where this project comes from.
Every statement of theirs that data can serve is a row; behind it stand the columns and signals that answer it.
A model marked ● is published with every release under disclosure control; ○ is in the operator's lake, for
`antenne query --private`, and is published once all tables of a release are protected as one system.
This page is made from `docs/seeds.toml` by a test, which also holds that every column exists.

| the text says | columns | signals |
|---|---|---|
";

/// The mapping.
#[derive(Debug, Deserialize)]
struct Mapping {
    /// Statements in the order of the texts.
    statement: Vec<Statement>,
}

/// One statement.
#[derive(Debug, Deserialize)]
struct Statement {
    /// What the text says.
    says: String,
    /// Columns that answer it, as `model.column`.
    #[serde(default)]
    columns: Vec<String>,
    /// Aspects of signals that answer it.
    #[serde(default)]
    signals: Vec<String>,
}

/// The mapping as committed.
fn mapping() -> Mapping {
    toml::from_str(&fs::read_to_string(repository().join(MAPPING)).unwrap()).unwrap()
}

/// Columns by model, and the models that a release publishes, without their schema.
fn models() -> (BTreeMap<String, BTreeSet<String>>, BTreeSet<String>) {
    let commons = Commons::load(repository()).unwrap();
    let stem = |name: &str| name.replace("derived.", "");
    let columns = commons.models.iter().map(|model| {
        let columns = model.header.columns.keys().cloned().collect();
        (stem(&model.name), columns)
    });
    let published = commons
        .releases
        .values()
        .map(|release| stem(&release.spec.table));
    (columns.collect(), published.collect())
}

/// The page of a mapping.
fn page(mapping: &Mapping, published: &BTreeSet<String>) -> String {
    let mut page = OPENING.to_owned();
    for statement in &mapping.statement {
        let mut by_model: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for place in &statement.columns {
            let (model, column) = place.split_once('.').unwrap();
            by_model.entry(model).or_default().push(column);
        }
        let columns: Vec<String> = by_model
            .into_iter()
            .map(|(model, columns)| {
                let mark = if published.contains(model) {
                    "●"
                } else {
                    "○"
                };
                let columns: Vec<String> =
                    columns.iter().map(|column| format!("`{column}`")).collect();
                let anchor = format!("derived{model}");
                format!(
                    "{mark} [{model}](data-dictionary.md#{anchor}): {}",
                    columns.join(", ")
                )
            })
            .collect();
        let signals: Vec<String> = statement
            .signals
            .iter()
            .map(|signal| format!("`{signal}`"))
            .collect();
        writeln!(
            page,
            "| {} | {} | {} |",
            statement.says,
            columns.join("<br>"),
            signals.join(", ")
        )
        .unwrap();
    }
    page
}

#[test]
fn every_statement_is_answered_by_a_column_or_a_signal_that_exists() {
    let mapping = mapping();
    let (models, _published) = models();
    assert_eq!(mapping.statement.len(), N_STATEMENTS);
    for statement in &mapping.statement {
        assert!(
            !statement.columns.is_empty() || !statement.signals.is_empty(),
            "nothing answers `{}`",
            statement.says
        );
        for place in &statement.columns {
            let (model, column) = place.split_once('.').unwrap();
            assert!(!model.starts_with('_'), "`{model}` is an inner step");
            assert!(
                models
                    .get(model)
                    .is_some_and(|columns| columns.contains(column)),
                "`{}` names `{place}`, which is no column",
                statement.says
            );
        }
    }
}

#[test]
fn the_signals_that_answer_a_statement_are_raised_by_detection() {
    let models = fs::read_dir(repository().join("sql/detected")).unwrap();
    let detect: String = models
        .map(|model| fs::read_to_string(model.unwrap().path()).unwrap())
        .collect();
    let evidence: Vec<String> = Commons::load(repository())
        .unwrap()
        .releases
        .values()
        .flat_map(|release| release.spec.evidence_for.clone())
        .collect();
    for signal in mapping()
        .statement
        .iter()
        .flat_map(|statement| &statement.signals)
    {
        let is_known = evidence.contains(signal) || detect.contains(&format!("'{signal}'"));
        assert!(is_known, "no signal is a `{signal}`");
    }
}

#[test]
fn the_committed_page_is_that_of_the_mapping() {
    let (_models, published) = models();
    let page = page(&mapping(), &published);
    let place = repository().join(PAGE);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&place, &page).unwrap();
    }
    assert_eq!(fs::read_to_string(&place).unwrap_or_default(), page);
}
