//! A contributor changes something, and the house keeps its order.
//!
//! Every rule is a value in [`rules`]: what it looks for, an example that must set it off and one that must not.
//! The rules that say which module may use which read their rows from the table in `ARCHITECTURE.md`.
//! A finding is printed as `path:line: what is wrong`, so that an editor can jump there.

mod commands;
mod everywhere;
mod house;
mod imports;
mod prose;
mod rule;
mod rust;
mod sql;

use std::collections::BTreeSet;

use house::House;
use rule::Rule;

/// All rules, in the order their findings are listed.
fn rules() -> Vec<Rule> {
    [
        imports::RULES,
        rust::RULES,
        sql::RULES,
        prose::RULES,
        commands::RULES,
        everywhere::RULES,
    ]
    .into_iter()
    .flatten()
    .copied()
    .collect()
}

#[test]
fn every_rule_holds_in_this_repository() {
    let house = House::of_this_repository();
    let findings: Vec<String> = rules()
        .iter()
        .flat_map(|rule| {
            let found = house
                .files
                .iter()
                .flat_map(|file| rule.findings(&house, file));
            found
                .map(|finding| format!("{finding}  [{}]", rule.name))
                .collect::<Vec<_>>()
        })
        .collect();
    assert!(
        findings.is_empty(),
        "{} findings:\n{}",
        findings.len(),
        findings.join("\n")
    );
}

#[test]
fn every_rule_fires_on_its_planted_examples() {
    for rule in rules() {
        assert!(
            !rule.planted.is_empty(),
            "`{}` has no planted example",
            rule.name
        );
        for example in rule.planted {
            let (house, file) = House::with_only(example.path, &example.text());
            let findings = rule.findings(&house, &file);
            assert!(
                !findings.is_empty(),
                "`{}` missed:\n{}",
                rule.name,
                file.text
            );
        }
    }
}

#[test]
fn no_rule_fires_on_its_clean_examples() {
    for rule in rules() {
        assert!(
            !rule.clean.is_empty(),
            "`{}` has no clean example",
            rule.name
        );
        for example in rule.clean {
            let (house, file) = House::with_only(example.path, &example.text());
            let findings = rule.findings(&house, &file);
            assert!(
                findings.is_empty(),
                "`{}` found {findings:?} in:\n{}",
                rule.name,
                file.text
            );
        }
    }
}

#[test]
fn no_two_rules_have_the_same_name() {
    let names: BTreeSet<_> = rules().iter().map(|rule| rule.name).collect();
    assert_eq!(names.len(), rules().len());
}

#[test]
fn every_row_of_the_architecture_page_is_a_module() {
    let house = House::of_this_repository();
    assert!(
        !house.rows.is_empty(),
        "`ARCHITECTURE.md` has no table under `## Rows`"
    );
    for row in &house.rows {
        let stands = [format!("src/{row}.rs"), format!("src/{row}/mod.rs")];
        assert!(
            stands.iter().any(|path| house.paths.contains(path)),
            "`ARCHITECTURE.md` has a row `{row}`, `src/` has no such module"
        );
    }
}
