//! Where each column of an answer comes from, read from the plan as it was written.
//!
//! ```text
//! select district, count(*) as n, sum(price) as total from t group by district
//!   district ← t.district, as it is      total ← t.price, computed      n ← nothing
//! ```
//!
//! Conditions and the keys of joins decide which rows there are, not what a value is; they are in
//! `reading`, not here.

use std::collections::BTreeMap;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::logical_plan::{Distinct, Join};
use datafusion::logical_expr::{Expr, JoinType, LogicalPlan};

use super::reading::table_name;
use super::{Error, Session};

/// What happened to a value on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Flow {
    /// It is the value of that column, at most under another name or type.
    Copied,
    /// It was computed from it.
    Computed,
}

/// The columns a value comes from, as table and column.
pub(crate) type Origins = BTreeMap<(String, String), Flow>;

impl Session {
    /// The origins of every column of the answer to `sql`, in the order of the answer.
    ///
    /// # Errors
    /// [`Error::Query`] when the statement does not plan.
    pub(crate) async fn lineage(
        &self,
        label: &str,
        sql: &str,
    ) -> Result<Vec<(String, Origins)>, Error> {
        let plan = self.logical_plan(label, sql).await?;
        let fields = plan.schema().fields().iter().enumerate();
        Ok(fields
            .map(|(index, field)| (field.name().clone(), origins(&plan, index)))
            .collect())
    }
}

/// Where column `index` of a plan comes from.
fn origins(plan: &LogicalPlan, index: usize) -> Origins {
    match plan {
        LogicalPlan::Projection(node) => of_nth(&node.expr, index, &node.input),
        LogicalPlan::Aggregate(node) => {
            let all: Vec<Expr> = node
                .group_expr
                .iter()
                .chain(&node.aggr_expr)
                .cloned()
                .collect();
            of_nth(&all, index, &node.input)
        }
        LogicalPlan::Window(node) => {
            let n_before = node.input.schema().fields().len();
            match index.checked_sub(n_before) {
                None => origins(&node.input, index),
                Some(own) => of_nth(&node.window_expr, own, &node.input),
            }
        }
        LogicalPlan::Join(join) => of_join(join, index),
        LogicalPlan::Distinct(Distinct::On(node)) => of_nth(&node.select_expr, index, &node.input),
        LogicalPlan::TableScan(scan) => {
            let field = scan.projected_schema.fields().get(index);
            field
                .map(|field| {
                    (
                        (table_name(&scan.table_name), field.name().clone()),
                        Flow::Copied,
                    )
                })
                .into_iter()
                .collect()
        }
        LogicalPlan::Union(node) => merged(node.inputs.iter().map(|input| origins(input, index))),
        LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Subquery(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::Repartition(_)
        | LogicalPlan::Distinct(Distinct::All(_)) => {
            merged(plan.inputs().into_iter().map(|input| origins(input, index)))
        }
        // Rare nodes, such as recursive queries: everything below may have had a part in it.
        _ => computed(merged(plan.inputs().into_iter().map(everything))),
    }
}

/// The side of a join that column `index` lies on.
fn of_join(join: &Join, index: usize) -> Origins {
    let is_right_only = matches!(
        join.join_type,
        JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark
    );
    if is_right_only {
        return origins(&join.right, index);
    }
    let n_left = join.left.schema().fields().len();
    match index.checked_sub(n_left) {
        None => origins(&join.left, index),
        Some(own) => origins(&join.right, own),
    }
}

/// Where the `index`-th expression over a plan comes from.
fn of_nth(expressions: &[Expr], index: usize, input: &LogicalPlan) -> Origins {
    expressions
        .get(index)
        .map(|expression| of_expression(expression, input))
        .unwrap_or_default()
}

/// Where an expression comes from.
fn of_expression(expression: &Expr, input: &LogicalPlan) -> Origins {
    match expression {
        Expr::Alias(alias) => of_expression(&alias.expr, input),
        Expr::Cast(cast) => of_expression(&cast.expr, input),
        Expr::Column(column) => input
            .schema()
            .maybe_index_of_column(column)
            .map(|index| origins(input, index))
            .unwrap_or_default(),
        _ => {
            let columns = expression
                .column_refs()
                .into_iter()
                .map(|column| of_expression(&Expr::Column(column.clone()), input));
            computed(merged(columns.chain(of_subqueries(expression))))
        }
    }
}

/// Where the subqueries inside an expression come from.
fn of_subqueries(expression: &Expr) -> Vec<Origins> {
    let mut found = Vec::new();
    let _walked = expression.apply(|part| {
        let subquery = match part {
            Expr::ScalarSubquery(subquery) => Some(subquery),
            Expr::InSubquery(node) => Some(&node.subquery),
            Expr::Exists(node) => Some(&node.subquery),
            _ => None,
        };
        found.extend(subquery.map(|subquery| everything(&subquery.subquery)));
        Ok(TreeNodeRecursion::Continue)
    });
    found
}

/// Where all columns of a plan come from, taken together.
fn everything(plan: &LogicalPlan) -> Origins {
    merged((0..plan.schema().fields().len()).map(|index| origins(plan, index)))
}

/// Several origins as one; computed wins over copied.
fn merged(parts: impl Iterator<Item = Origins>) -> Origins {
    let mut all = Origins::new();
    for (column, flow) in parts.flatten() {
        let known = all.entry(column).or_insert(flow);
        *known = (*known).max(flow);
    }
    all
}

/// The same origins, all of them computed from.
fn computed(origins: Origins) -> Origins {
    origins
        .into_keys()
        .map(|column| (column, Flow::Computed))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tests::session_with;

    /// The origins of each column of `sql`, as `column=table.column` with a mark where computed.
    async fn said(sql: &str) -> Vec<String> {
        let session = session_with("conformed", "t", &["a", "b", "c"]);
        let lineage = session.lineage("test", sql).await.unwrap();
        lineage
            .into_iter()
            .map(|(column, origins)| {
                let from: Vec<String> = origins
                    .into_iter()
                    .map(|((_table, from), flow)| match flow {
                        Flow::Copied => from,
                        Flow::Computed => format!("f({from})"),
                    })
                    .collect();
                format!("{column}={}", from.join("+"))
            })
            .collect()
    }

    #[tokio::test]
    async fn a_copy_stays_a_copy_through_names_and_a_sum_is_computed() {
        let sql = "with x as (select a as d, b, c from conformed.t where c > 0)
                   select d as e, sum(b) as n, count(*) as m from x group by d";
        assert_eq!(said(sql).await, ["e=a", "n=f(b)", "m="]);
    }

    #[tokio::test]
    async fn joins_unions_and_windows_are_followed() {
        let sql = "select l.a, r.b as other, row_number() over (partition by l.c order by l.a) as k
                   from conformed.t as l inner join conformed.t as r on l.a = r.a";
        assert_eq!(said(sql).await, ["a=a", "other=b", "k=f(a)+f(c)"]);
        let sql = "with x as (select a, fdr_tree(b, c) over (order by a) as t from conformed.t)
                   select a, t['q'] as q from x";
        assert_eq!(said(sql).await, ["a=a", "q=f(a)+f(b)+f(c)"]);
        let sql = "select a from conformed.t union all select b from conformed.t";
        assert_eq!(said(sql).await, ["a=a+b"]);
    }

    #[tokio::test]
    async fn a_value_out_of_a_subquery_comes_from_what_it_reads() {
        let sql = "select a, b > (select max(c) from conformed.t) as is_high from conformed.t";
        assert_eq!(said(sql).await, ["a=a", "is_high=f(b)+f(c)"]);
    }
}
