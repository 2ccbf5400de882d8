//! Refuses a statement whose groups DataFusion would merge.
//!
//! DataFusion 55 drops a key from `group by` when other keys determine it. What determines what is carried
//! through joins and aggregates, and there it errs: an aggregate over a join of one row to many passes on
//! what was true of the one side as if it were true of all columns. A second aggregate then drops a key that
//! it needs, and counts and sums come out wrong without a word.

use std::collections::BTreeSet;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Column, DFSchema};
use datafusion::error::DataFusionError;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan};

/// Keys of one `group by`, of which the second is at risk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AtRisk {
    /// Keys that DataFusion holds to determine the other.
    pub(super) by: BTreeSet<String>,
    /// The key it would drop.
    pub(super) key: String,
}

/// A key that the optimizer drops from a statement though nothing determines it.
pub(super) fn lost_key(
    state: &SessionState,
    plan: &LogicalPlan,
) -> Result<Option<AtRisk>, DataFusionError> {
    let all = at_risk(plan)?;
    if all.is_empty() {
        return Ok(None);
    }
    let optimized = state.optimize(plan)?;
    for one in all {
        if is_dropped(&optimized, &one)? {
            return Ok(Some(one));
        }
    }
    Ok(None)
}

/// The keys that DataFusion may drop though nothing determines them, in a plan that is not yet optimized.
fn at_risk(plan: &LogicalPlan) -> Result<Vec<AtRisk>, DataFusionError> {
    let mut found = Vec::new();
    plan.apply_with_subqueries(|node| {
        // What a `select` names beside its aggregates is a key that was written, not one DataFusion has added.
        if let LogicalPlan::Projection(select) = node
            && let LogicalPlan::Aggregate(aggregate) = skip_filter(&select.input)
        {
            let named: BTreeSet<&Column> = select.expr.iter().flat_map(Expr::column_refs).collect();
            found.extend(keys_at_risk(aggregate, &named)?);
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(found)
}

/// Whether no `group by` of an optimized plan holds the key beside those that are held to determine it.
fn is_dropped(optimized: &LogicalPlan, lost: &AtRisk) -> Result<bool, DataFusionError> {
    let mut is_kept = false;
    optimized.apply_with_subqueries(|node| {
        if let LogicalPlan::Aggregate(aggregate) = node {
            let keys = keys(aggregate);
            is_kept |= keys.contains(&lost.key) && lost.by.is_subset(&keys);
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(!is_kept)
}

/// The node below the filters of a `having`.
fn skip_filter(plan: &LogicalPlan) -> &LogicalPlan {
    match plan {
        LogicalPlan::Filter(filter) => skip_filter(&filter.input),
        other => other,
    }
}

/// Names of the columns that an aggregate groups by.
fn keys(aggregate: &Aggregate) -> BTreeSet<String> {
    let columns = aggregate.group_expr.iter().filter_map(Expr::try_as_col);
    columns.map(Column::flat_name).collect()
}

/// The named keys of an aggregate that a false dependency of its input would drop.
fn keys_at_risk(
    aggregate: &Aggregate,
    named: &BTreeSet<&Column>,
) -> Result<Vec<AtRisk>, DataFusionError> {
    let schema = aggregate.input.schema();
    let keys = keys(aggregate);
    let mut found = Vec::new();
    for dependence in schema.functional_dependencies().iter() {
        let by = names(schema, &dependence.source_indices);
        if !by.is_subset(&keys) {
            continue;
        }
        let targets = names(schema, &dependence.target_indices);
        let dropped = named.iter().map(|column| column.flat_name());
        let dropped: Vec<String> = dropped
            .filter(|key| keys.contains(key) && targets.contains(key) && !by.contains(key))
            .collect();
        // Most statements end here, and their plans need not be walked.
        if !dropped.is_empty() && is_false(&aggregate.input, &by)? {
            let at_risk = |key| AtRisk {
                by: by.clone(),
                key,
            };
            found.extend(dropped.into_iter().map(at_risk));
        }
    }
    Ok(found)
}

/// The names of columns.
fn names(schema: &DFSchema, indices: &[usize]) -> BTreeSet<String> {
    let all = schema.columns();
    let named = indices.iter().filter_map(|index| all.get(*index));
    named.map(Column::flat_name).collect()
}

/// Whether a dependency on these columns began as a false one: at an aggregate below whose input these columns
/// determine some columns only, not all the keys.
fn is_false(plan: &LogicalPlan, by: &BTreeSet<String>) -> Result<bool, DataFusionError> {
    let by = last_parts(by);
    let mut is_false = false;
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::Aggregate(aggregate) = node {
            let schema = aggregate.input.schema();
            let keys = keys(aggregate);
            for dependence in schema.functional_dependencies().iter() {
                let sources = names(schema, &dependence.source_indices);
                let targets = names(schema, &dependence.target_indices);
                let is_carried = sources.is_subset(&keys) && last_parts(&sources) == by;
                is_false |= is_carried && !keys.is_subset(&targets);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(is_false)
}

/// Column names without the table before them, which every alias changes.
fn last_parts(names: &BTreeSet<String>) -> BTreeSet<String> {
    let part = |name: &String| name.rsplit('.').next().unwrap_or_default().to_owned();
    names.iter().map(part).collect()
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;
    use arrow::datatypes::Int64Type;

    use crate::engine::{Engine, Error, Session};
    use crate::spec::settings::EngineSettings;

    /// Districts `d` grouped as `KEY`, joined with their comuni `c`, which are counted; the answer is 3.
    fn statement(key: &str) -> String {
        format!(
            "with b as (select * from (values ('d','x',1),('d','y',1),('d','z',2)) as v(d, c, k)),
             a as (select {key} as d from b group by d),
             j as (select a.d, b.c, b.k from a inner join b on a.d = b.d),
             h as (select d, c, k from j group by d, c, k),
             g as (select d, c, count(*) as n from h group by d, c)
             select count(*) as n_comuni, sum(n) as n from g group by d"
        )
    }

    fn session() -> Session {
        let engine = Engine::new(&EngineSettings::default()).unwrap();
        engine.session().unwrap()
    }

    #[tokio::test]
    async fn a_statement_that_would_lose_a_key_is_refused_by_name() {
        let found = session().rows("test", &statement("d")).await.unwrap_err();
        assert!(matches!(&found, Error::LosesKey { .. }), "{found}");
        assert!(found.to_string().contains("`h.c`"), "{found}");
    }

    #[tokio::test]
    async fn with_the_remedy_of_the_message_the_answer_is_right() {
        let rows = session()
            .rows("test", &statement("nullif(d, '')"))
            .await
            .unwrap();
        assert_eq!(rows[0].column(0).as_primitive::<Int64Type>().value(0), 3);
        assert_eq!(rows[0].column(1).as_primitive::<Int64Type>().value(0), 3);
    }

    #[tokio::test]
    async fn a_key_that_is_selected_to_the_end_is_no_reason_to_refuse() {
        let sql = statement("d").replace(
            "select count(*) as n_comuni, sum(n) as n from g group by d",
            "select d, c, n from g",
        );
        let rows = session().rows("test", &sql).await.unwrap();
        assert_eq!(
            rows.iter()
                .map(arrow::array::RecordBatch::num_rows)
                .sum::<usize>(),
            3
        );
    }
}
