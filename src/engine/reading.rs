//! What a statement reads, down to the column, once everything it does not need is taken out.

use std::collections::{BTreeMap, BTreeSet};

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::LogicalPlan;

use super::{Error, Session};

/// Columns by table, as `schema.name`.
pub(crate) type ReadColumns = BTreeMap<String, BTreeSet<String>>;

/// What a statement reads and what it does with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reading {
    /// The pruned plan as text: the same text over the same tables gives the same rows. Comments, layout, the
    /// order of the parts of a condition and columns nobody asks for leave no trace in it.
    pub(crate) text: String,
    /// Columns read.
    pub(crate) columns: ReadColumns,
}

impl Session {
    /// What `sql` reads; no row is touched.
    ///
    /// # Errors
    /// [`Error::Query`] when the statement does not plan.
    pub(crate) async fn reading(&self, label: &str, sql: &str) -> Result<Reading, Error> {
        let failed = |source: DataFusionError| Error::Query {
            label: label.to_owned(),
            source: Box::new(source),
        };
        let (mut state, plan) = self.plan(label, sql).await?.into_parts();
        // One pass takes out what nobody needs; what further passes would win counts only for a plan that runs.
        state.config_mut().options_mut().optimizer.max_passes = 1;
        let plan = state.optimize(&plan).map_err(failed)?;
        let columns = read_columns(&plan).map_err(failed)?;
        Ok(Reading {
            text: plan.display_indent().to_string(),
            columns,
        })
    }
}

/// The columns of every table scan, those of subqueries too.
fn read_columns(plan: &LogicalPlan) -> Result<ReadColumns, DataFusionError> {
    let mut found = ReadColumns::new();
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            let columns = found.entry(table_name(&scan.table_name)).or_default();
            let fields = scan.projected_schema.fields().iter();
            columns.extend(fields.map(|field| field.name().clone()));
            let filtered = scan.filters.iter().flat_map(|filter| filter.column_refs());
            columns.extend(filtered.map(|column| column.name.clone()));
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(found)
}

/// A table as `schema.name`.
pub(super) fn table_name(table: &datafusion::common::TableReference) -> String {
    match table.schema() {
        Some(schema) => format!("{schema}.{}", table.table()),
        None => table.table().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::tests::session_with;

    #[tokio::test]
    async fn only_what_the_answer_needs_is_read() {
        let session = session_with("conformed", "t", &["a", "b", "c", "d"]);
        let sql = "with x as (select a, b, c from conformed.t where d > 0) select a, b from x";
        let reading = session.reading("test", sql).await.unwrap();
        let columns: Vec<&str> = reading.columns["conformed.t"]
            .iter()
            .map(String::as_str)
            .collect();
        assert_eq!(columns, ["a", "b", "d"]);
    }

    #[tokio::test]
    async fn a_comment_and_an_unused_column_leave_no_trace_and_a_filter_does() {
        let session = session_with("conformed", "t", &["a", "b", "c"]);
        let text = async |sql: &str| session.reading("test", sql).await.unwrap().text;
        let plain = text("select a from (select a, b from conformed.t where b > 0) as x").await;
        let more =
            text("select a from (select a, b, c -- why\n from conformed.t where b > 0) as x").await;
        let other = text("select a from (select a, b from conformed.t where b > 1) as x").await;
        assert_eq!(plain, more);
        assert_ne!(plain, other);
    }

    #[tokio::test]
    async fn what_a_subquery_reads_counts() {
        let session = session_with("conformed", "t", &["a", "b"]);
        session
            .register("derived", "u", crate::engine::tests::empty(&["k"]))
            .unwrap();
        let sql = "select a from conformed.t where a in (select k from derived.u)";
        let reading = session.reading("test", sql).await.unwrap();
        assert!(reading.columns["derived.u"].contains("k"));
    }
}
