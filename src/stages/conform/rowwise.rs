//! Whether a mapping may run part by part: whether it is row-wise in one of its tables.
//!
//! A statement `f` is row-wise in a table when the answer for two halves of the table is the two
//! answers together, `f(A ∪ B) = f(A) ∪ f(B)`, whatever the halves are. It is read off the plan,
//! node by node; what is not known to be row-wise is not.
//!
//! ```text
//! projection, filter, alias, unnest, sort        as their input
//! inner or cross join                            if exactly one side is
//! left join, semi and anti join                  if the preserved side is, the other does not read it
//! union all                                      if every branch is
//! aggregate, window, distinct, limit, recursion  never
//! a sub-select in an expression                  must not read the table
//! ```

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::logical_expr::{Join, JoinType, LogicalPlan, TableScan};

/// How the answer of a plan depends on a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dependence {
    /// It does not read it.
    None,
    /// Row by row.
    RowWise,
    /// In some other way.
    Whole,
}

use Dependence::{None as Free, RowWise, Whole};

/// Whether the plan is row-wise in `schema.name`.
pub(super) fn is_rowwise(plan: &LogicalPlan, table: &str) -> bool {
    dependence(plan, table) == RowWise
}

/// How the answer of a plan depends on a table.
fn dependence(plan: &LogicalPlan, table: &str) -> Dependence {
    if !subqueries_are_free(plan, table) {
        return Whole;
    }
    let inputs: Vec<Dependence> = plan
        .inputs()
        .into_iter()
        .map(|input| dependence(input, table))
        .collect();
    match plan {
        LogicalPlan::TableScan(scan) => scanned(scan, table),
        LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Subquery(_)
        | LogicalPlan::Repartition(_)
        | LogicalPlan::Unnest(_) => inputs.first().copied().unwrap_or(Free),
        LogicalPlan::Sort(sort) if sort.fetch.is_none() => inputs.first().copied().unwrap_or(Free),
        LogicalPlan::Join(join) => joined(join, &inputs),
        LogicalPlan::Union(_) => united(&inputs),
        _ => free_or_whole(&inputs),
    }
}

/// The table itself, or another one.
fn scanned(scan: &TableScan, table: &str) -> Dependence {
    let (schema, name) = table.split_once('.').unwrap_or(("public", table));
    let read = &scan.table_name;
    if read.table() != name || read.schema().unwrap_or("public") != schema {
        return Free;
    }
    if scan.fetch.is_some() { Whole } else { RowWise }
}

/// A join: every row of the table must answer for itself, and no row may wait for another to be
/// absent.
fn joined(join: &Join, inputs: &[Dependence]) -> Dependence {
    let keeps_left = matches!(
        join.join_type,
        JoinType::Inner
            | JoinType::Left
            | JoinType::LeftSemi
            | JoinType::LeftAnti
            | JoinType::LeftMark
    );
    let keeps_right = matches!(
        join.join_type,
        JoinType::Inner
            | JoinType::Right
            | JoinType::RightSemi
            | JoinType::RightAnti
            | JoinType::RightMark
    );
    match inputs {
        [Free, Free] => Free,
        [RowWise, Free] if keeps_left => RowWise,
        [Free, RowWise] if keeps_right => RowWise,
        _ => Whole,
    }
}

/// A union of all rows: a branch that does not read the table would come once per part.
fn united(inputs: &[Dependence]) -> Dependence {
    if inputs.iter().all(|input| *input == RowWise) {
        return RowWise;
    }
    free_or_whole(inputs)
}

/// A node that looks at all its rows at once.
fn free_or_whole(inputs: &[Dependence]) -> Dependence {
    if inputs.iter().all(|input| *input == Free) {
        return Free;
    }
    Whole
}

/// Whether no sub-select in the expressions of this node reads the table.
fn subqueries_are_free(plan: &LogicalPlan, table: &str) -> bool {
    let mut are_free = true;
    let looked = plan.apply_subqueries(|subquery| {
        are_free &= dependence(subquery, table) == Free;
        Ok(TreeNodeRecursion::Continue)
    });
    looked.is_ok() && are_free
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::{DataType, Field, Schema};
    use datafusion::datasource::empty::EmptyTable;

    use super::*;
    use crate::engine::Engine;
    use crate::spec::settings::EngineSettings;

    /// Whether a statement over `source.t` and `source.o` is row-wise in the first.
    async fn answers_by_row(sql: &str) -> bool {
        let session = Engine::new(&EngineSettings::default())
            .unwrap()
            .session()
            .unwrap();
        let fields = ["k", "v"].map(|name| Field::new(name, DataType::Int64, true));
        let schema = Arc::new(Schema::new(fields.to_vec()));
        for name in ["t", "o"] {
            let empty = Arc::new(EmptyTable::new(Arc::clone(&schema)));
            session.register("source", name, empty).unwrap();
        }
        let plan = session.logical_plan("test", sql).await.unwrap();
        is_rowwise(&plan, "source.t")
    }

    #[tokio::test]
    async fn a_statement_that_looks_at_one_row_at_a_time_is_row_wise() {
        for sql in [
            "select k, v + 1 as w from source.t where v > 3",
            "with t as (select k, v from source.t) select * from t order by k",
            "select t.k, o.v from source.t as t left join source.o as o on t.k = o.k",
            "select t.k, o.v from source.o as o right join source.t as t on t.k = o.k",
            "select t.k, o.v from source.t as t inner join source.o as o on t.k = o.k",
            "select t.k, m.m from source.t as t cross join (select max(v) as m from source.o) as m",
            "select t.k, l.w from source.t as t left join (values (1, 2)) as l (k, w) on t.k = l.k",
            "select k from source.t union all select v from source.t where v is not null",
            "select k from source.t where k in (select k from source.o)",
            "select k from source.t as t where not exists (select 1 from source.o as o where o.k = t.k)",
            "select k, (select max(v) from source.o) as m from source.t",
            "with n as (select k, count(*) as n from source.o group by k) select t.k, n.n from source.t as t left join n on t.k = n.k",
        ] {
            assert!(answers_by_row(sql).await, "{sql}");
        }
    }

    #[tokio::test]
    async fn a_statement_that_looks_at_rows_together_is_not() {
        for sql in [
            "select k, count(*) as n from source.t group by k",
            "select distinct k from source.t",
            "select k from source.t union select v from source.t",
            "select k from source.t order by k limit 3",
            "select k, row_number() over (order by v) as n from source.t",
            "select a.k from source.t as a inner join source.t as b on a.k = b.v",
            "select o.k, t.v from source.o as o left join source.t as t on t.k = o.k",
            "select o.k from source.o as o where not exists (select 1 from source.t as t where t.k = o.k)",
            "select o.k, t.v from source.o as o full join source.t as t on t.k = o.k",
            "select k from source.t union all select k from source.o",
            "select k from source.t where v = (select max(v) from source.t)",
            "select t.k from source.t as t cross join (select max(v) as m from source.t) as m",
            "select k from source.o",
        ] {
            assert!(!answers_by_row(sql).await, "{sql}");
        }
    }
}
