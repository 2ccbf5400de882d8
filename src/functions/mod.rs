//! Functions of our own in SQL: registered once for every session, documented in one list.
//!
//! A function here is a thin cover over `stats` or `canon`: it takes columns apart, calls the plain
//! function on each row, group or partition, and puts the answers together. An absent argument gives an absent
//! answer, and so does an argument for which the answer does not exist, such as a share of nothing.
//!
//! The list that `antenne functions` prints and `docs/functions.md` shows is the list that is registered.

use std::sync::Arc;

use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::{AggregateUDF, ScalarUDF, WindowUDF};
use datafusion::prelude::SessionContext;
use serde::Serialize;

/// Distinct persons, exactly and within bounded memory.
mod count_persons;
/// Parts of an answer that has several.
mod fields;
/// Gaps of services: waits, shares and counts out of line, access by distance.
mod gaps;
/// Aggregates over the values of a group: inequality, survival, standardized rates.
mod gathered;
/// Rates and their intervals, row by row.
mod intervals;
/// One form for labels and tags.
mod labels;
/// Strict readers of what Italian platforms write.
mod readers;
/// Ages and distances.
mod territory;
/// Methods that judge all rows of a partition together.
mod windowed;

/// Version of what the functions answer; raised when one of them answers differently, so that models are rebuilt.
pub(crate) const VERSION: &str = "functions-1";

/// What a function is made of.
#[derive(Debug, Clone)]
enum Body {
    /// One answer per row.
    Scalar(Arc<ScalarUDF>),
    /// One answer per group.
    Aggregate(Arc<AggregateUDF>),
    /// One answer per row, from all rows of its partition.
    Window(Arc<WindowUDF>),
}

/// A function and what its users need to know.
#[derive(Debug, Clone, Serialize)]
pub struct Function {
    /// Name in SQL.
    pub name: &'static str,
    /// How it is called, with its arguments and the type of the answer.
    pub call: &'static str,
    /// What it answers, in Italian.
    pub it: &'static str,
    /// What it answers, in English.
    pub en: &'static str,
    /// Where its definition comes from; empty for one that needs none.
    pub source: &'static str,
    /// The code behind it.
    #[serde(skip)]
    body: Body,
}

/// A function before its code is wrapped for the engine.
#[derive(Debug, Clone, Copy)]
struct Entry<F> {
    /// As [`Function::name`].
    name: &'static str,
    /// As [`Function::call`].
    call: &'static str,
    /// As [`Function::it`].
    it: &'static str,
    /// As [`Function::en`].
    en: &'static str,
    /// As [`Function::source`].
    source: &'static str,
    /// The plain code.
    run: F,
}

impl<F> Entry<F> {
    /// The function with its code wrapped.
    fn with(&self, body: Body) -> Function {
        Function {
            name: self.name,
            call: self.call,
            it: self.it,
            en: self.en,
            source: self.source,
            body,
        }
    }
}

impl Function {
    /// `scalar`, `aggregate` or `window`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.body {
            Body::Scalar(_) => "scalar",
            Body::Aggregate(_) => "aggregate",
            Body::Window(_) => "window",
        }
    }
}

/// Every function, in the order of its name.
#[must_use]
pub fn all() -> Vec<Function> {
    let mut functions = [
        intervals::functions(),
        labels::functions(),
        gathered::functions(),
        gaps::functions(),
        readers::functions(),
        territory::functions(),
        windowed::functions(),
        vec![count_persons::function()],
    ]
    .concat();
    functions.sort_by_key(|function| function.name);
    functions
}

/// Makes every function, and the reading of their parts, known to a session.
///
/// # Errors
/// When the session already has a function of that name that cannot be replaced.
pub fn register(context: &SessionContext) -> datafusion::error::Result<()> {
    let state = context.state_ref();
    let mut state = state.write();
    state.register_expr_planner(Arc::new(fields::FieldPlanner))?;
    for function in all() {
        match function.body {
            Body::Scalar(scalar) => state.register_udf(scalar).map(drop)?,
            Body::Aggregate(aggregate) => state.register_udaf(aggregate).map(drop)?,
            Body::Window(window) => state.register_udwf(window).map(drop)?,
        }
    }
    Ok(())
}

/// Running a query in the tests.
#[cfg(test)]
mod answers {
    use arrow::util::display::array_value_to_string;
    use datafusion::prelude::SessionContext;

    /// The rows of the answer to `sql`, cells as text; `NULL` for an absent one.
    pub(super) async fn rows(sql: &str) -> Vec<Vec<String>> {
        let context = SessionContext::new();
        super::register(&context).unwrap();
        let batches = context.sql(sql).await.unwrap().collect().await.unwrap();
        let mut rows = Vec::new();
        for batch in batches {
            for row in 0..batch.num_rows() {
                let cells = batch.columns().iter().map(|column| text(column, row));
                rows.push(cells.collect());
            }
        }
        rows
    }

    /// A cell as text.
    fn text(column: &arrow::array::ArrayRef, row: usize) -> String {
        if column.is_null(row) {
            return "NULL".to_owned();
        }
        array_value_to_string(column, row).unwrap()
    }

    /// The rows of the answer to `sql`, all of whose cells are numbers; none for an absent one.
    pub(super) async fn numbers(sql: &str) -> Vec<Vec<Option<f64>>> {
        let read = |cell: String| (cell != "NULL").then(|| cell.parse().unwrap());
        let rows = rows(sql).await.into_iter();
        rows.map(|row| row.into_iter().map(read).collect())
            .collect()
    }

    /// Why `sql` is not answered.
    pub(super) async fn refused(sql: &str) -> String {
        let context = SessionContext::new();
        super::register(&context).unwrap();
        match context.sql(sql).await {
            Ok(frame) => frame.collect().await.unwrap_err().to_string(),
            Err(error) => error.to_string(),
        }
    }

    /// The only cell of the answer.
    pub(super) async fn cell(sql: &str) -> String {
        rows(sql).await.remove(0).remove(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_is_explained_and_called_by_its_name() {
        let functions = all();
        assert!(functions.len() > 20);
        for function in functions {
            assert!(
                function.call.starts_with(&format!("{}(", function.name)),
                "{}",
                function.name
            );
            assert!(function.call.contains(") → "), "{}", function.name);
            assert!(function.it.ends_with('.') && function.en.ends_with('.'));
        }
    }

    #[test]
    fn no_name_is_taken_twice() {
        let names: Vec<_> = all().iter().map(|function| function.name).collect();
        let mut once = names.clone();
        once.dedup();
        assert_eq!(names, once);
    }
}
