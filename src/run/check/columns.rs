//! Where the header of a model and its answer disagree: names, roles, rates.

use arrow::datatypes::SchemaRef;

use crate::canon::tables::{Kind, Table};
use crate::engine::lineage::{Flow, Origins};
use crate::spec::diagnostic::Diagnostic;
use crate::spec::model::{Model, Role};
use crate::spec::nearest;

/// Ending of the name of a rate in percent.
const RATE: &str = "_pct";

/// Every disagreement between header and answer.
///
/// `models` are those that the model may read, `lineage` where each column of its answer comes from.
pub(super) fn mistakes(
    model: &Model,
    schema: &SchemaRef,
    (models, lineage): (&[Model], &[(String, Origins)]),
) -> Vec<Diagnostic> {
    let mut found = names(model, schema);
    found.extend(roles(model, schema));
    found.extend(rates(model, schema));
    for (column, origins) in lineage {
        found.extend(identifiers(model, column, (models, origins)));
    }
    found
}

/// Columns explained and not given, given and not explained, and a grain of other columns.
fn names(model: &Model, schema: &SchemaRef) -> Vec<Diagnostic> {
    let has = |name: &String| schema.field_with_name(name).is_ok();
    let declared = &model.header.columns;
    let mut mistakes = Vec::new();
    for name in declared.keys().filter(|name| !has(name)) {
        let needle = format!("[columns.{name}]");
        mistakes.push(model.mistake(
            &needle,
            format!("the header explains `{name}`, which the statement does not give"),
            "remove it, or select the column",
        ));
    }
    for field in schema
        .fields()
        .iter()
        .filter(|field| !declared.contains_key(field.name()))
    {
        let name = field.name();
        let help = format!("add `[columns.{name}]` with `role`, `it` and `en` to the header");
        mistakes.push(model.answer_mistake(
            name,
            format!("the header does not explain column `{name}`"),
            &help,
        ));
    }
    let (grain, order) = (&model.header.grain, &model.header.order);
    for (what, name) in grain
        .iter()
        .map(|name| ("grain", name))
        .chain(order.iter().map(|name| ("order", name)))
        .filter(|(_, name)| !has(name))
    {
        mistakes.push(model.mistake(
            &format!("\"{name}\""),
            format!("the {what} names `{name}`, which the statement does not give"),
            "name columns of the answer",
        ));
    }
    mistakes
}

/// Columns whose role does not fit what they hold.
fn roles(model: &Model, schema: &SchemaRef) -> Vec<Diagnostic> {
    let mut mistakes = Vec::new();
    for field in schema.fields() {
        let name = field.name();
        let Some(declared) = model.header.columns.get(name) else {
            continue;
        };
        let kind = field.data_type();
        let in_grain = model.header.grain.contains(name);
        let (wrong, help) = match declared.role {
            Role::Count if !kind.is_integer() => (
                format!("`{name}` is declared a count and holds {kind}"),
                "count whole things, or declare the role `measure`",
            ),
            Role::Measure if !kind.is_numeric() => (
                format!("`{name}` is declared a measure and holds {kind}"),
                "declare the role `code` or `key`",
            ),
            Role::Count | Role::Measure if in_grain => (
                format!(
                    "`{name}` is in the grain and declared a {}",
                    declared.role.word()
                ),
                "a column that says which row it is has the role `key`",
            ),
            _ => continue,
        };
        mistakes.push(model.mistake(&format!("[columns.{name}]"), wrong, help));
    }
    mistakes
}

/// Rates without their numerator and denominator.
fn rates(model: &Model, schema: &SchemaRef) -> Vec<Diagnostic> {
    let known: Vec<&str> = schema
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .collect();
    let mut mistakes = Vec::new();
    for (name, column) in &model.header.columns {
        let needle = format!("[columns.{name}]");
        if column.rate.is_empty() {
            if name.ends_with(RATE) {
                mistakes.push(model.mistake(
                    &needle,
                    format!("the rate `{name}` names no numerator and denominator"),
                    "add `rate = [\"numerator\", \"denominator\"]`, two columns of this table",
                ));
            }
            continue;
        }
        if column.rate.len() != 2 {
            mistakes.push(model.mistake(
                &needle,
                format!("the rate `{name}` names {} columns", column.rate.len()),
                "a rate has one numerator and one denominator",
            ));
        }
        for part in &column.rate {
            if !known.contains(&part.as_str()) {
                let help = nearest(part, &known).map_or_else(
                    || "give the numbers behind a rate beside it".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                );
                mistakes.push(model.mistake(
                    &needle,
                    format!(
                        "the rate `{name}` is made of `{part}`, which the statement does not give"
                    ),
                    &help,
                ));
            }
        }
    }
    mistakes
}

/// A pseudonym that leaves a model under another role.
fn identifiers(
    model: &Model,
    column: &str,
    (models, origins): (&[Model], &Origins),
) -> Option<Diagnostic> {
    let declared = model.header.columns.get(column)?;
    let is_marked = match declared.role {
        Role::Identifier => true,
        Role::Key => model.header.grain.iter().any(|name| name == column),
        _ => false,
    };
    if is_marked {
        return None;
    }
    let mut copied = origins.iter().filter(|(_, flow)| **flow == Flow::Copied);
    let ((table, from), _flow) =
        copied.find(|((table, from), _flow)| is_identifier(models, table, from))?;
    Some(model.mistake(
        &format!("[columns.{column}]"),
        format!(
            "`{column}` is `{table}.{from}`, which points at one person or record, and is declared a {}",
            declared.role.word()
        ),
        "declare the role `identifier`, or count it instead of passing it on",
    ))
}

/// Whether a column points at one person or record.
fn is_identifier(models: &[Model], table: &str, column: &str) -> bool {
    if let Some(model) = models.iter().find(|model| model.name == table) {
        let declared = model.header.columns.get(column);
        return declared.is_some_and(|declared| declared.role == Role::Identifier);
    }
    let canonical = table.strip_prefix("conformed.").and_then(Table::named);
    let mut columns = canonical.into_iter().flat_map(|table| table.columns);
    columns.any(|known| known.name == column && known.kind == Kind::Key)
}
