//! Months as texts `YYYY-MM` that sort in time.

use chrono::{Months, NaiveDate};

/// The first day of a month.
pub(crate) fn first_day(month: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(&format!("{month}-01"), "%Y-%m-%d").ok()
}

/// Months from `first` to `last`; none where one of them is no month.
pub(crate) fn between(first: &str, last: &str) -> Vec<String> {
    let (Some(first), Some(last)) = (first_day(first), first_day(last)) else {
        return Vec::new();
    };
    let mut months = Vec::new();
    let mut day = Some(first);
    while let Some(month) = day.filter(|month| *month <= last) {
        months.push(month.format("%Y-%m").to_string());
        day = month.checked_add_months(Months::new(1));
    }
    months
}

/// Days from the first day of a month to the end of another.
pub(crate) fn days_through(first: &str, last: &str) -> Option<u32> {
    let end = first_day(last)?.checked_add_months(Months::new(1))?;
    let days = end.signed_duration_since(first_day(first)?).num_days();
    u32::try_from(days).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_follow_each_other_over_the_year() {
        assert_eq!(
            between("2025-11", "2026-01"),
            ["2025-11", "2025-12", "2026-01"]
        );
        assert!(between("2026-02", "2026-01").is_empty() && between("x", "2026-01").is_empty());
    }

    #[test]
    fn what_is_found_in_its_first_month_is_found_at_its_end() {
        assert_eq!(days_through("2026-02", "2026-02"), Some(28));
        assert_eq!(days_through("2025-12", "2026-01"), Some(62));
        assert_eq!(days_through("2026-03", "2026-01"), None);
    }
}
