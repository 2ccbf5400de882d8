//! The checks of a model header as statements that find the rows at fault.
//!
//! | check | a row is at fault that |
//! |---|---|
//! | `unique(grain)`, `unique(a, b)` | shares these columns with another |
//! | `not_null(a, b)` | has none of them |
//! | `not_empty` | … the table has no row |
//! | `accepted_values(a, 'x', 'y')` | has another value |
//! | `range(a, 0, 100)` | lies outside, ends included |
//! | `relationship(a, schema.table.column)` | has a value that is not there |
//! | `growth(0.5, 2)` | … the table has less or more than so many times its earlier rows |
//! | `fresh(a, 45)` | … the latest day in it is longer ago than so many days |
//! | `closes_with(sum(n), select count(*) from …)` | … the two numbers differ |
//! | `n <= m`, any condition | does not meet it; where it is null the row passes |
//!
//! `at_most(3, …)` and `at_most(1 %, …)` around a check allow so many rows, or such a part of all.
//! A null passes all of them but `not_null`.

use chrono::NaiveDate;

/// What a check may compare a table with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Circumstances {
    /// Rows of the table before it was built anew.
    pub(crate) n_before: Option<u64>,
    /// Day of the run.
    pub(crate) today: NaiveDate,
}

/// How many rows at fault are allowed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Allowed {
    /// So many.
    Rows(u64),
    /// Such a part of all rows, from 0 to 1.
    Part(f64),
}

impl Allowed {
    /// Whether so many rows at fault among all are too many.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a part of a table need not be exact"
    )]
    pub(crate) fn is_passed_by(self, n_rows: u64, n_all: u64) -> bool {
        match self {
            Self::Rows(allowed) => n_rows > allowed,
            Self::Part(part) => n_rows as f64 > part * n_all as f64,
        }
    }
}

/// How the rows at fault are counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Count {
    /// An aggregate over the table, which others can stand beside.
    Beside(String),
    /// A statement of its own.
    Alone(String),
}

/// A check ready to run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Check {
    /// How the rows at fault are counted.
    pub(crate) count: Count,
    /// Condition of a row at fault, where a row alone can be.
    pub(crate) fault: Option<String>,
    /// How many there may be.
    pub(crate) allowed: Allowed,
}

impl Check {
    /// The statement that counts the rows at fault in a table.
    pub(crate) fn statement(&self, table: &str) -> String {
        match &self.count {
            Count::Beside(aggregate) => format!("select {aggregate} from {table}"),
            Count::Alone(statement) => statement.clone(),
        }
    }
}

/// Whether an expression asks another table, which an aggregate cannot.
fn asks_elsewhere(expression: &str) -> bool {
    let lower = expression.to_lowercase();
    lower
        .split(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .any(|word| word == "select")
}

/// Reads a check of a table with this grain.
pub(crate) fn read(
    table: &str,
    grain: &[String],
    (check, circumstances): (&str, Circumstances),
) -> Check {
    if let Some((allowed, inner)) = arguments(check, "at_most").and_then(split_allowed) {
        let inner = read(table, grain, (inner, circumstances));
        return Check { allowed, ..inner };
    }
    let whole = |wrong: String| of_whole(table, &wrong);
    if check.trim() == "not_empty" {
        return whole("count(*) = 0".to_owned());
    }
    if let Some(columns) = arguments(check, "unique") {
        let columns = if columns == "grain" {
            grain.join(", ")
        } else {
            columns.to_owned()
        };
        return Check {
            count: Count::Alone(format!(
                "select count(*) from (select {columns} from {table} group by {columns} having count(*) > 1) as twice"
            )),
            fault: None,
            allowed: Allowed::Rows(0),
        };
    }
    if let Some((low, high)) = arguments(check, "growth").and_then(|words| words.split_once(',')) {
        let before = circumstances.n_before;
        return whole(before.map_or_else(
            || "count(*) < 0".to_owned(),
            |before| format!("count(*) not between {low} * {before} and {high} * {before}"),
        ));
    }
    if let Some((column, days)) = arguments(check, "fresh").and_then(|words| words.split_once(','))
    {
        let today = circumstances.today;
        return whole(format!(
            "max({column}) + interval '{} days' < date '{today}'",
            days.trim()
        ));
    }
    if let Some((own, other)) = arguments(check, "closes_with").and_then(split_statement) {
        return whole(format!("({own}) is distinct from ({other})"));
    }
    let fault = fault_of(check);
    let count = if asks_elsewhere(&fault) {
        Count::Alone(format!("select count(*) from {table} where {fault}"))
    } else {
        Count::Beside(format!("count(*) filter (where {fault})"))
    };
    Check {
        count,
        fault: Some(fault),
        allowed: Allowed::Rows(0),
    }
}

/// A check that the table as a whole passes or not.
fn of_whole(table: &str, wrong: &str) -> Check {
    let aggregate = format!("cast(case when {wrong} then 1 else 0 end as bigint)");
    let count = if asks_elsewhere(wrong) {
        Count::Alone(format!("select {aggregate} from {table}"))
    } else {
        Count::Beside(aggregate)
    };
    Check {
        count,
        fault: None,
        allowed: Allowed::Rows(0),
    }
}

/// The condition of a row at fault.
fn fault_of(check: &str) -> String {
    if let Some(columns) = arguments(check, "not_null") {
        let absent: Vec<String> = columns
            .split(',')
            .map(|column| format!("{} is null", column.trim()))
            .collect();
        return absent.join(" or ");
    }
    if let Some((column, values)) =
        arguments(check, "accepted_values").and_then(|words| words.split_once(','))
    {
        return format!("{column} not in ({})", values.trim());
    }
    if let Some((column, ends)) = arguments(check, "range").and_then(|words| words.split_once(','))
    {
        let (low, high) = ends.split_once(',').unwrap_or((ends, ends));
        return format!("{column} not between {} and {}", low.trim(), high.trim());
    }
    if let Some((column, place)) =
        arguments(check, "relationship").and_then(|words| words.split_once(','))
    {
        let (table, other) = place.trim().rsplit_once('.').unwrap_or((place, column));
        return format!(
            "{column} is not null and {column} not in (select {other} from {table} where {other} is not null)"
        );
    }
    format!("not ({check})")
}

/// What stands between the parentheses of `name(…)`.
fn arguments<'a>(check: &'a str, name: &str) -> Option<&'a str> {
    let rest = check.trim().strip_prefix(name)?.trim_start();
    rest.strip_prefix('(')?.strip_suffix(')').map(str::trim)
}

/// How many rows are allowed, and the check inside.
fn split_allowed(words: &str) -> Option<(Allowed, &str)> {
    let (number, inner) = words.split_once(',')?;
    let allowed = match number.trim().strip_suffix('%') {
        Some(percent) => Allowed::Part(percent.trim().parse::<f64>().ok()? / 100.0),
        None => Allowed::Rows(number.trim().parse().ok()?),
    };
    Some((allowed, inner.trim()))
}

/// An expression and the statement behind the comma.
fn split_statement(words: &str) -> Option<(&str, &str)> {
    let at = words.find(", select ")?;
    Some((words.get(..at)?, words.get(at + 2..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a check of `derived.t (a, b)`, which had 10 rows before, on 1 October 2026.
    fn checked(check: &str) -> Check {
        let grain = ["a".to_owned(), "b".to_owned()];
        let circumstances = Circumstances {
            n_before: Some(10),
            today: NaiveDate::from_ymd_opt(2026, 10, 1).unwrap(),
        };
        read("derived.t", &grain, (check, circumstances))
    }

    #[test]
    fn each_check_becomes_a_count_of_rows_at_fault() {
        let ends = |check: &str, end: &str| {
            let count = checked(check).statement("derived.t");
            assert!(count.ends_with(end), "{count}");
        };
        ends(
            "not_null(a, c)",
            "(where a is null or c is null) from derived.t",
        );
        ends("n <= m", "(where not (n <= m)) from derived.t");
        ends(
            "range(n, 0, 100)",
            "(where n not between 0 and 100) from derived.t",
        );
        ends(
            "accepted_values(k, 'x', 'y')",
            "(where k not in ('x', 'y')) from derived.t",
        );
        ends(
            "relationship(k, reference.needs.need_code)",
            "k not in (select need_code from reference.needs where need_code is not null)",
        );
        let unique = checked("unique(grain)").statement("derived.t");
        assert!(
            unique.contains("group by a, b having count(*) > 1"),
            "{unique}"
        );
    }

    #[test]
    fn checks_of_the_whole_table_compare_it_with_what_is_around_it() {
        let growth = checked("growth(0.5, 2)").statement("derived.t");
        assert!(
            growth.contains("not between 0.5 and  2 * 10") || growth.contains("0.5 * 10 and"),
            "{growth}"
        );
        let fresh = checked("fresh(month, 45)").statement("derived.t");
        assert!(
            fresh.contains("max(month) + interval '45 days' < date '2026-10-01'"),
            "{fresh}"
        );
        let closes =
            checked("closes_with(sum(n), select count(*) from derived.u)").statement("derived.t");
        assert!(
            closes.contains("(sum(n)) is distinct from (select count(*) from derived.u)"),
            "{closes}"
        );
    }

    #[test]
    fn what_asks_no_other_table_is_counted_beside_others() {
        let stands_beside = |check: &str| matches!(checked(check).count, Count::Beside(_));
        assert!(
            stands_beside("n <= m") && stands_beside("not_empty") && stands_beside("growth(1, 2)")
        );
        assert!(stands_beside("selected <= m"));
        assert!(
            !stands_beside("unique(grain)") && !stands_beside("n in (select m from derived.u)")
        );
        assert!(!stands_beside(
            "closes_with(sum(n), select count(*) from derived.u)"
        ));
    }

    #[test]
    fn a_threshold_allows_rows_or_a_part_of_them() {
        let rows = checked("at_most(3, n <= m)");
        assert_eq!(rows.allowed, Allowed::Rows(3));
        assert_eq!(rows.count, checked("n <= m").count);
        assert!(!rows.allowed.is_passed_by(3, 100) && rows.allowed.is_passed_by(4, 100));
        let part = checked("at_most(1 %, n <= m)").allowed;
        assert!(!part.is_passed_by(1, 100) && part.is_passed_by(2, 100));
    }
}
