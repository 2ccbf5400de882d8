//! Months and quarters as texts that sort in time.

/// Months from `first` to `last`, both `YYYY-MM`.
pub(crate) fn months_between(first: &str, last: &str) -> Vec<String> {
    let (Some(first), Some(last)) = (ordinal(first), ordinal(last)) else {
        return Vec::new();
    };
    (first..=last).map(text).collect()
}

/// Months since year zero.
fn ordinal(month: &str) -> Option<u32> {
    let (year, month) = month.split_once('-')?;
    Some(year.parse::<u32>().ok()? * 12 + month.parse::<u32>().ok()? - 1)
}

/// The month of an ordinal.
fn text(ordinal: u32) -> String {
    format!("{:04}-{:02}", ordinal / 12, ordinal % 12 + 1)
}

/// Quarter of a month, for example `2026-Q3`.
pub(crate) fn quarter_of(month: &str) -> String {
    ordinal(month).map_or_else(String::new, |ordinal| {
        format!("{:04}-Q{}", ordinal / 12, ordinal % 12 / 3 + 1)
    })
}

/// Whether the month is the last of its quarter.
pub(crate) fn ends_quarter(month: &str) -> Ends {
    match ordinal(month) {
        Some(ordinal) if ordinal % 3 == 2 => Ends::Quarter,
        _ => Ends::Month,
    }
}

/// What ends with a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ends {
    /// A quarter.
    Quarter,
    /// Only the month.
    Month,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_and_quarters_follow_each_other() {
        assert_eq!(
            months_between("2025-11", "2026-02"),
            ["2025-11", "2025-12", "2026-01", "2026-02"]
        );
        assert_eq!(quarter_of("2026-09"), "2026-Q3");
        assert_eq!(ends_quarter("2026-09"), Ends::Quarter);
        assert_eq!(ends_quarter("2026-08"), Ends::Month);
    }
}
