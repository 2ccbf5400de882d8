//! Reading a part of an answer that has several: `f(…)['p']`.

use datafusion::common::DFSchema;
use datafusion::error::Result;
use datafusion::functions::core::get_field;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawFieldAccessExpr};
use datafusion::logical_expr::{GetFieldAccess, lit};

/// Plans `struct['name']` as `get_field(struct, 'name')`, which the engine knows but only writes out.
#[derive(Debug)]
pub(super) struct FieldPlanner;

impl ExprPlanner for FieldPlanner {
    fn plan_field_access(
        &self,
        asked: RawFieldAccessExpr,
        _schema: &DFSchema,
    ) -> Result<PlannerResult<RawFieldAccessExpr>> {
        Ok(match asked.field_access {
            GetFieldAccess::NamedStructField { name } => {
                PlannerResult::Planned(get_field().call(vec![asked.expr, lit(name)]))
            }
            other => PlannerResult::Original(RawFieldAccessExpr {
                expr: asked.expr,
                field_access: other,
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::answers::{cell, refused};

    #[tokio::test]
    async fn a_part_is_read_by_its_name_and_a_wrong_name_is_refused() {
        let of = |name: &str| {
            format!(
                "select (fdr_tree(f, p) over ())['{name}'] from (values ('a', 0.01)) as t (f, p)"
            )
        };
        assert_eq!(cell(&of("q_family")).await, "0.01");
        let wrong = refused(&of("quality")).await;
        assert!(wrong.contains("quality"), "{wrong}");
    }
}
