//! Calendar quarters as texts, `2026-Q3`, which sort in time.

/// Quarters since year zero; nothing for a text that is no quarter.
pub(crate) fn ordinal(quarter: &str) -> Option<i64> {
    let (year, number) = quarter.split_once("-Q")?;
    Some(year.parse::<i64>().ok()? * 4 + number.parse::<i64>().ok()? - 1)
}

/// The quarter of an ordinal.
pub(crate) fn text(ordinal: i64) -> String {
    format!("{}-Q{}", ordinal.div_euclid(4), ordinal.rem_euclid(4) + 1)
}

/// The quarter so many quarters later; a text that is no quarter stays as it is.
pub(crate) fn away(quarter: &str, by: i64) -> String {
    ordinal(quarter).map_or_else(|| quarter.to_owned(), |ordinal| text(ordinal + by))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quarters_follow_each_other_over_the_year() {
        assert_eq!(away("2025-Q4", 1), "2026-Q1");
        assert_eq!(away("2026-Q1", -1), "2025-Q4");
        assert_eq!(away("2026-Q3", -7), "2024-Q4");
        assert_eq!(away("TOTAL", 1), "TOTAL");
    }
}
