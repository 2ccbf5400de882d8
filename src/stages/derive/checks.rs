//! The checks of a model header as statements that count the rows at fault.

/// The statement that counts the rows of `table` that fail `check`.
///
/// `unique(grain)` or `unique(a, b)`, `not_null(a, b)`, `not_empty`, or a boolean expression over
/// the columns that must hold on every row; a row where it is null passes.
pub(crate) fn check_statement(table: &str, grain: &[String], check: &str) -> String {
    if check.trim() == "not_empty" {
        return format!("select case when count(*) = 0 then 1 else 0 end from {table}");
    }
    if let Some(columns) = arguments(check, "unique") {
        let columns = if columns == "grain" {
            grain.join(", ")
        } else {
            columns.to_owned()
        };
        return format!(
            "select count(*) from (select {columns} from {table} group by {columns} having count(*) > 1) as twice"
        );
    }
    if let Some(columns) = arguments(check, "not_null") {
        let absent: Vec<String> = columns
            .split(',')
            .map(|column| format!("{} is null", column.trim()))
            .collect();
        return format!("select count(*) from {table} where {}", absent.join(" or "));
    }
    format!("select count(*) from {table} where not ({check})")
}

/// What stands between the parentheses of `name(…)`.
fn arguments<'a>(check: &'a str, name: &str) -> Option<&'a str> {
    let rest = check.trim().strip_prefix(name)?.trim_start();
    rest.strip_prefix('(')?.strip_suffix(')').map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_check_becomes_a_count_of_rows_at_fault() {
        let grain = ["a".to_owned(), "b".to_owned()];
        let unique = check_statement("derived.t", &grain, "unique(grain)");
        assert!(
            unique.contains("group by a, b having count(*) > 1"),
            "{unique}"
        );
        let present = check_statement("derived.t", &grain, "not_null(a, c)");
        assert!(
            present.ends_with("where a is null or c is null"),
            "{present}"
        );
        let free = check_statement("derived.t", &grain, "n <= m");
        assert!(free.ends_with("where not (n <= m)"), "{free}");
    }
}
