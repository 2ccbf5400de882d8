//! What a table's contract must say to make sense, beyond what its TOML types hold.
//!
//! Every mistake is found before any page is read; each comes with the text to mark in the file.

use std::collections::BTreeSet;

use crate::canon::text::moment::Pattern;

use super::fetch::Fetch;
use super::format::Format;
use super::source::{
    ColumnKind, ColumnSpec, ContractMode, Delivery, IdentifierPolicy, Keeping, Presence, TableSpec,
};

/// One mistake of a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Text of the file to mark.
    pub(crate) needle: String,
    /// What is wrong.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) help: String,
}

/// Makes a finding.
pub(crate) fn finding(needle: &str, message: String, help: &str) -> Finding {
    Finding {
        needle: needle.to_owned(),
        message,
        help: help.to_owned(),
    }
}

/// One rule for a column.
type Rule = fn(&str, &ColumnSpec, &TableSpec) -> Option<Finding>;

/// Rules for every column, in the order of their findings.
const COLUMN_RULES: [Rule; 9] = [
    date_has_format,
    format_has_place,
    code_has_codes,
    separator_has_tags,
    namespace_has_key,
    policy_has_text,
    bounds_have_numbers,
    order_has_dates,
    column_does_not_evolve,
];

/// Every mistake in the contract of one table.
pub(crate) fn check_table(name: &str, table: &TableSpec) -> Vec<Finding> {
    let mut findings = check_identity(name, table);
    findings.extend(check_names(name, table));
    for (column, spec) in &table.columns {
        findings.extend(
            COLUMN_RULES
                .iter()
                .filter_map(|rule| rule(column, spec, table)),
        );
    }
    findings.extend(has_format(name, table));
    findings.extend(check_format(table));
    findings.extend(table.fetch.check(table));
    if table.columns.is_empty() {
        let message = format!("table `{name}` has no columns");
        let help = "declare the columns to take under `[tables.….columns]`";
        findings.push(finding(name, message, help));
    }
    findings
}

/// Whether a name can be joined to another by two underscores and be told from it again.
pub(crate) fn can_be_joined(name: &str) -> bool {
    !name.contains("__") && !name.starts_with('_') && !name.ends_with('_')
}

/// Names that the lake can tell apart: in SQL the table is `source.<platform>__<table>`, no letter is
/// large there, and columns that begin with an underscore are those that every table has.
fn check_names(name: &str, table: &TableSpec) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !can_be_joined(name) {
        let message = format!("table `{name}` cannot be told apart in `source.<platform>__{name}`");
        let help = "take a name without `__` that neither begins nor ends with an underscore";
        findings.push(finding(name, message, help));
    }
    let mut known = BTreeSet::new();
    for column in table.columns.keys() {
        if column.starts_with('_') {
            let message = format!("column `{column}` of table `{name}` begins with an underscore");
            let help = "such names are those of the lake itself: rename it and say `from`";
            findings.push(finding(column, message, help));
        }
        if !known.insert(column.to_lowercase()) {
            let message =
                format!("table `{name}` has two columns `{column}` but for large letters");
            findings.push(finding(column, message, "rename one and say `from`"));
        }
    }
    findings
}

/// Key, revision and deletion name columns of the right types.
fn check_identity(name: &str, table: &TableSpec) -> Vec<Finding> {
    let mut findings = Vec::new();
    for key in table
        .key
        .iter()
        .filter(|key| !table.columns.contains_key(*key))
    {
        findings.push(not_a_column("key", key, name));
    }
    if let Some(revision) = &table.revision {
        findings.extend(check_role(name, table, ("revision", revision), is_ordered));
    }
    if let Some(deleted) = &table.deleted {
        let is_flag = |kind: ColumnKind| kind == ColumnKind::Boolean;
        findings.extend(check_role(name, table, ("deleted", deleted), is_flag));
    }
    let needs_key = table.revision.as_ref().or(table.deleted.as_ref());
    if let (Some(column), true) = (needs_key, table.key.is_empty()) {
        let message = format!("table `{name}` has revisions or deletions but no key");
        let help = "name the columns that identify a record in `key`";
        findings.push(finding(column, message, help));
    }
    if table.snapshot == Delivery::Whole {
        findings.extend(check_snapshot(name, table));
    }
    findings.extend(check_filing(name, table));
    findings.extend(check_kept(name, table));
    findings
}

/// Deliveries of the whole table are files, each of which holds all records.
fn check_snapshot(name: &str, table: &TableSpec) -> Vec<Finding> {
    let mut findings = Vec::new();
    if table.key.is_empty() {
        let message = format!("table `{name}` is delivered whole but has no key");
        let help =
            "name the columns that identify a record in `key`: without them nothing can be missing";
        findings.push(finding("snapshot", message, help));
    }
    if table.fetch.has_windows() {
        let message =
            format!("table `{name}` is read by `since`, and what is new is not the whole table");
        let help = "remove `snapshot`, and name the column that marks deleted records in `deleted`; or remove `since`: then each fetch takes the place of all pages before it, and a record that is no more there goes by itself";
        findings.push(finding("snapshot", message, help));
    } else if table.fetch.has_parts() {
        let message =
            format!("table `{name}` is fetched in pages, and none of them is the whole table");
        let help = "remove `snapshot`: each fetch takes the place of all pages before it, so a record that is no more there goes by itself";
        findings.push(finding("snapshot", message, help));
    }
    findings
}

/// The date under which records are filed is a moment that every row has.
fn check_filing(name: &str, table: &TableSpec) -> Option<Finding> {
    let column = &table.filed_by.as_ref()?.column;
    if let Some(found) = check_role(name, table, ("filed_by", column), is_moment) {
        return Some(found);
    }
    let is_required = table
        .columns
        .get(column)
        .is_some_and(|spec| spec.required == Presence::Required || table.key.contains(column));
    (!is_required).then(|| {
        let message = format!("rows of table `{name}` may come without `{column}`");
        let help = "a record is filed under its date for ever: add `required = true`";
        finding(column, message, help)
    })
}

/// Columns that say which record and revision a row is are stored.
fn check_kept(name: &str, table: &TableSpec) -> Vec<Finding> {
    let filed_by = table.filed_by.as_ref().map(|filed| &filed.column);
    let roles = table.key.iter().chain(&table.revision).chain(filed_by);
    let is_left_out = |column: &&String| {
        let spec = table.columns.get(*column);
        spec.is_some_and(|spec| spec.keep == Keeping::Judged)
    };
    let mut left_out: Vec<&String> = roles.filter(is_left_out).collect();
    left_out.dedup();
    let told = |column: &String| {
        let message = format!("column `{column}` of table `{name}` must be stored");
        let help = "remove `keep = false`: it says which record or revision a row is";
        finding(column, message, help)
    };
    left_out.into_iter().map(told).collect()
}

/// A role is taken by a column of a fitting type.
fn check_role(
    name: &str,
    table: &TableSpec,
    role: (&str, &str),
    fits: fn(ColumnKind) -> bool,
) -> Option<Finding> {
    let (role, column) = role;
    let Some(spec) = table.columns.get(column) else {
        return Some(not_a_column(role, column, name));
    };
    if fits(spec.kind) {
        return None;
    }
    let message = format!("column `{column}` cannot be the `{role}` of table `{name}`");
    let help = match role {
        "revision" => "use a column of type integer, date, instant or month",
        "filed_by" => "use a column of type date, instant or month",
        _ => "use a column of type boolean",
    };
    Some(finding(column, message, help))
}

/// A role names a column that is not there.
fn not_a_column(role: &str, column: &str, table: &str) -> Finding {
    let message = format!("`{role}` of table `{table}` names `{column}`, which is not a column");
    finding(column, message, "declare the column or correct its name")
}

/// Whether values of a kind have an order by which revisions can stand.
fn is_ordered(kind: ColumnKind) -> bool {
    matches!(
        kind,
        ColumnKind::Integer | ColumnKind::Date | ColumnKind::Instant | ColumnKind::Month
    )
}

/// Whether values of a kind are moments.
fn is_moment(kind: ColumnKind) -> bool {
    matches!(
        kind,
        ColumnKind::Date | ColumnKind::Instant | ColumnKind::Month
    )
}

/// Whether values of a kind are texts that pass the identifier gate.
fn is_gated(kind: ColumnKind) -> bool {
    matches!(kind, ColumnKind::Text | ColumnKind::Tags)
}

/// Dates of untyped formats have a pattern.
fn date_has_format(name: &str, spec: &ColumnSpec, table: &TableSpec) -> Option<Finding> {
    // SQLite knows no dates: they are texts.
    let is_typed = table.format.has_types() && !matches!(table.fetch, Fetch::Sqlite(_));
    let lacks = spec.kind == ColumnKind::Date && spec.format.is_none() && !is_typed;
    lacks.then(|| {
        let message = format!("date `{name}` has no format");
        finding(
            name,
            message,
            "add `format`, for example `\"%d/%m/%Y\"` or `\"%Y-%m-%d\"`",
        )
    })
}

/// Patterns stand on moments only, and have directives.
fn format_has_place(name: &str, spec: &ColumnSpec, _: &TableSpec) -> Option<Finding> {
    let format = spec.format.as_ref()?;
    if !is_moment(spec.kind) {
        let message = format!("column `{name}` has a format but is no date, instant or month");
        return Some(finding(name, message, "remove `format`, or change `type`"));
    }
    let advice = "use directives of strftime: `%d`, `%m`, `%Y`, `%H`, `%M`, `%S`";
    let pattern = match Pattern::new(format) {
        Ok(pattern) => pattern,
        Err(directive) => {
            let message = format!("`{directive}` in the format of `{name}` is not known");
            return Some(finding(format, message, advice));
        }
    };
    let is_month = spec.kind == ColumnKind::Month;
    let says_when = pattern.has_month() && (is_month || pattern.has_day());
    (!says_when).then(|| {
        let message =
            format!("format `{format}` of `{name}` does not say which day or month it is");
        finding(format, message, advice)
    })
}

/// Codes have a list, and only codes have one.
fn code_has_codes(name: &str, spec: &ColumnSpec, _: &TableSpec) -> Option<Finding> {
    let is_code = spec.kind == ColumnKind::Code;
    if is_code && spec.codes.is_empty() {
        let message = format!("code `{name}` has no list of codes");
        let help = "add `codes = { \"A\" = \"a\", … }`: what the source writes and what it becomes";
        return Some(finding(name, message, help));
    }
    (!is_code && !spec.codes.is_empty()).then(|| {
        let message = format!("column `{name}` has codes but is not of type code");
        finding(name, message, "remove `codes`, or set `type = \"code\"`")
    })
}

/// A separator stands on tags only.
fn separator_has_tags(name: &str, spec: &ColumnSpec, _: &TableSpec) -> Option<Finding> {
    (spec.separator.is_some() && spec.kind != ColumnKind::Tags).then(|| {
        let message = format!("column `{name}` has a separator but is not of type tags");
        finding(
            name,
            message,
            "remove `separator`, or set `type = \"tags\"`",
        )
    })
}

/// A namespace stands on record and person keys only.
fn namespace_has_key(name: &str, spec: &ColumnSpec, _: &TableSpec) -> Option<Finding> {
    let is_key = matches!(spec.kind, ColumnKind::Person | ColumnKind::Record);
    (spec.namespace.is_some() && !is_key).then(|| {
        let message = format!("column `{name}` has a namespace but is no record or person");
        finding(
            name,
            message,
            "remove `namespace`, or set `type = \"record\"`",
        )
    })
}

/// A policy for identifiers stands on texts only.
fn policy_has_text(name: &str, spec: &ColumnSpec, _: &TableSpec) -> Option<Finding> {
    let is_set = spec.identifiers != IdentifierPolicy::Reject;
    (is_set && !is_gated(spec.kind)).then(|| {
        let message = format!("column `{name}` has a policy for identifiers but is no text");
        finding(
            name,
            message,
            "remove `identifiers`: only text and tags are scanned",
        )
    })
}

/// Bounds stand on numbers, the least first.
fn bounds_have_numbers(name: &str, spec: &ColumnSpec, _: &TableSpec) -> Option<Finding> {
    if spec.min.is_none() && spec.max.is_none() {
        return None;
    }
    let is_number = matches!(
        spec.kind,
        ColumnKind::Integer | ColumnKind::Decimal | ColumnKind::Number | ColumnKind::Minutes
    );
    if !is_number {
        let message = format!("column `{name}` has bounds but is no number");
        return Some(finding(
            name,
            message,
            "remove `min` and `max`, or change `type`",
        ));
    }
    let is_empty = matches!((spec.min, spec.max), (Some(least), Some(most)) if least > most);
    is_empty.then(|| {
        let message = format!("no value of `{name}` can be within its bounds");
        finding(name, message, "make `min` at most `max`")
    })
}

/// Only a table as a whole can take in what is not declared.
fn column_does_not_evolve(name: &str, spec: &ColumnSpec, _: &TableSpec) -> Option<Finding> {
    (spec.contract == ContractMode::Evolve).then(|| {
        let message = format!("column `{name}` is declared and cannot evolve");
        finding(
            name,
            message,
            "use `discard` or `freeze` here; `contract = \"evolve\"` stands on the table",
        )
    })
}

/// An order of dates names another column of the same type.
fn order_has_dates(name: &str, spec: &ColumnSpec, table: &TableSpec) -> Option<Finding> {
    let other = spec.not_before.as_ref()?;
    let is_sound = table
        .columns
        .get(other)
        .is_some_and(|column| column.kind == spec.kind && is_moment(spec.kind));
    (!is_sound).then(|| {
        let message = format!("`{name}` cannot be compared with `{other}`");
        finding(
            name,
            message,
            "`not_before` names another date, instant or month column of the same type",
        )
    })
}

/// Files have a format, and databases no other than their own.
fn has_format(name: &str, table: &TableSpec) -> Option<Finding> {
    let is_database = matches!(table.fetch, Fetch::Postgres(_) | Fetch::Sqlite(_));
    if !is_database && table.format.is_assumed() {
        let message = format!("table `{name}` has no format");
        let help =
            "say how its pages are written, for example `format.csv = { delimiter = \";\" }`";
        return Some(finding(name, message, help));
    }
    let is_other = is_database && !matches!(table.format, Format::Arrow(_));
    is_other.then(|| {
        let message = format!("table `{name}` comes from a database and needs no format");
        finding("format", message, "remove `format`")
    })
}

/// The format's own settings make sense.
fn check_format(table: &TableSpec) -> Vec<Finding> {
    match &table.format {
        Format::Csv(csv) => super::format_check::check_csv(csv),
        Format::Sheet(sheet) => super::format_check::check_sheet(sheet),
        Format::Json(_) | Format::Ndjson(_) | Format::Parquet(_) | Format::Arrow(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Messages about a table written in TOML.
    fn messages(toml: &str) -> Vec<String> {
        let table: TableSpec = toml::from_str(toml).unwrap();
        check_table("t", &table)
            .into_iter()
            .map(|finding| finding.message)
            .collect()
    }

    #[test]
    fn a_sound_table_has_no_findings() {
        let toml = r#"
            key = ["id"]
            revision = "versione"
            deleted = "eliminato"
            fetch.files = { url = "t.csv" }
            format.csv = { delimiter = ";" }
            [columns]
            id = { type = "record", required = true }
            versione = { type = "integer", min = 1, max = 9 }
            eliminato = { type = "boolean" }
            dal = { type = "date", format = "%d/%m/%Y" }
            al = { type = "date", format = "%d/%m/%Y", not_before = "dal" }
            tipo = { type = "code", codes = { A = "a" } }
            tag = { type = "tags", separator = "|" }
            nota = { type = "text", keep = false }
        "#;
        assert_eq!(messages(toml), Vec::<String>::new());
    }

    #[test]
    fn names_that_the_lake_cannot_tell_apart_are_refused() {
        let toml = r#"
            fetch.files = { url = "t.csv" }
            format.csv = {}
            [columns]
            Id = { type = "integer" }
            id = { type = "integer" }
            _revision = { type = "integer" }
        "#;
        assert_eq!(
            messages(toml),
            [
                "column `_revision` of table `t` begins with an underscore",
                "table `t` has two columns `id` but for large letters",
            ]
        );
        let table: TableSpec =
            toml::from_str("fetch.files = { url = 't.csv' }\nformat.csv = {}\n[columns]\nid = { type = 'integer' }").unwrap();
        for name in ["b__c", "_b", "b_"] {
            assert_eq!(check_table(name, &table).len(), 1, "{name}");
            assert!(!can_be_joined(name));
        }
        assert!(can_be_joined("la_cura_e_di_casa"));
    }

    #[test]
    fn only_records_can_be_missing_from_a_delivery() {
        let table = |head: &str| {
            let rest = "fetch.files = { url = 't.csv' }\nformat.csv = {}\n[columns]\nid = { type = 'record' }\n";
            messages(&format!("{head}\nsnapshot = true\n{rest}"))
        };
        assert_eq!(table("key = ['id']"), Vec::<String>::new());
        assert_eq!(table(""), ["table `t` is delivered whole but has no key"]);
    }

    #[test]
    fn a_page_of_many_and_an_increment_are_no_snapshot() {
        let found = |fetch: &str| {
            let rest = "key = ['id']\nsnapshot = true\n[columns]\nid = { type = 'record' }\n";
            messages(&format!("fetch.{fetch}\n{rest}"))
        };
        let in_pages = ["table `t` is fetched in pages, and none of them is the whole table"];
        assert_eq!(found("sqlite = { path = 'x.db', table = 't' }"), in_pages);
        assert_eq!(found("postgres = { table = 't' }"), in_pages);
        let json = "\nformat.json = { records = 'rows' }";
        let service =
            |more: &str| format!("rest = {{ url = 'https://x.example.org'{more} }}{json}");
        assert_eq!(found(&service("")), [""; 0]);
        assert_eq!(
            found(&service(", page.number = { param = 'page' }")),
            in_pages
        );
        let since = found("sqlite = { path = 'x.db', table = 't', since = { column = 'at' } }");
        assert_eq!(
            since,
            ["table `t` is read by `since`, and what is new is not the whole table"]
        );
    }

    #[test]
    fn records_are_filed_under_a_date_that_every_row_has() {
        let table = |columns: &str| {
            let head = "key = ['id']\nfetch.files = { url = 't.csv' }\nformat.csv = {}\nfiled_by = { column = 'dal', every = 'month' }\n[columns]\n";
            format!("{head}{columns}")
        };
        let id = "id = { type = 'record', required = true }\n";
        let found = |date: &str| messages(&table(&format!("{id}{date}")));
        let sound = "dal = { type = 'date', format = '%d/%m/%Y', required = true }";
        assert_eq!(found(sound), Vec::<String>::new());
        assert_eq!(
            found("dal = { type = 'date', format = '%d/%m/%Y' }"),
            ["rows of table `t` may come without `dal`"]
        );
        assert_eq!(
            found("dal = { type = 'text', required = true }"),
            ["column `dal` cannot be the `filed_by` of table `t`"]
        );
        assert_eq!(
            found("al = { type = 'text' }"),
            ["`filed_by` of table `t` names `dal`, which is not a column"]
        );
        let judged = sound.replace("required = true", "required = true, keep = false");
        assert_eq!(found(&judged), ["column `dal` of table `t` must be stored"]);
    }

    #[test]
    fn every_mistake_is_found_at_once() {
        let toml = r#"
            key = ["manca"]
            revision = "testo"
            deleted = "no"
            fetch.files = { url = "t.csv" }
            format.csv = { encoding = "klingon" }
            [columns]
            testo = { type = "text", format = "%Y", min = 1, separator = "," }
            dal = { type = "date" }
            anno = { type = "date", format = "%Y", not_before = "testo" }
            tipo = { type = "code" }
            ore = { type = "number", min = 3, max = 2, codes = { a = "b" } }
            chi = { type = "integer", namespace = "x", identifiers = "bodies" }
            alle = { type = "instant", format = "%d/%m/%Y %q" }
        "#;
        let found = messages(toml);
        assert_eq!(found.len(), 16, "{found:#?}");
    }
}
