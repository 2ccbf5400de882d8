//! What a data set names must be there, and must be fit to be seen.

use crate::engine::Session;
use crate::spec::commons::Declared;
use crate::spec::diagnostic::Diagnostic;
use crate::spec::model::Model;
use crate::spec::nearest;
use crate::spec::release::{ReleaseSpec, unreleasable};

/// Mistakes of a data set against the model it publishes.
pub(super) async fn check(
    session: &Session,
    models: &[Model],
    declared: &Declared<ReleaseSpec>,
) -> Vec<Diagnostic> {
    let table = &declared.spec.table;
    let mark = |word: &str, message: String, help: &str| {
        declared
            .text
            .diagnostic_below("", word, message, Some(help))
    };
    let Some(model) = models.iter().find(|model| model.name == *table) else {
        let names: Vec<&str> = models.iter().map(|model| &*model.name).collect();
        let help = nearest(table, &names).map_or_else(
            || "name a model of `sql/derived/`, as `derived.<file>`".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        return vec![mark(table, format!("there is no model `{table}`"), &help)];
    };
    if let Some(reason) = unreleasable(model) {
        return vec![mark(
            table,
            reason,
            "make a model for readers that counts over it, and release that",
        )];
    }
    let sql = format!("select * from {table}");
    let Ok(schema) = session.columns(table, &sql).await else {
        return Vec::new();
    };
    let names: Vec<&str> = schema
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .collect();
    named_columns(&declared.spec)
        .into_iter()
        .filter(|column| !names.contains(column))
        .map(|column| {
            let help = nearest(column, &names).map_or_else(
                || format!("its columns are {}", names.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            mark(
                column,
                format!("model `{table}` has no column `{column}`"),
                &help,
            )
        })
        .collect()
}

/// Columns that disclosure control reads from the model.
fn named_columns(spec: &ReleaseSpec) -> Vec<&str> {
    let protect = &spec.protect;
    let single = [
        &spec.axes.rows,
        &spec.axes.columns,
        &spec.axes.period,
        &protect.measure,
    ];
    let several = protect.persons.iter().chain(&protect.complement_persons);
    single
        .into_iter()
        .chain(several)
        .map(String::as_str)
        .chain(["platforms"])
        .collect()
}
