//! The 48 months of the sample as numbered days, and their written forms.
//!
//! Day 0 is 2022-10-01, the first day of month 1. The extract is taken on day `EXTRACT`,
//! 2026-10-01: what is recorded from then on is not in the files, and what would happen from then
//! on has not happened yet.

use chrono::{Datelike, Days, NaiveDate};

/// How many months the sample covers.
pub(crate) const N_MONTHS: usize = 48;

/// The day on which the platforms are read.
pub(crate) const EXTRACT: usize = 1461;

/// How many days have a written form: the sample and the plans people make beyond its end.
const N_DAYS: usize = EXTRACT + 800;

/// Microseconds in a second.
const MICROSECONDS: i64 = 1_000_000;

/// Seconds from the Unix epoch to day 0.
const DAY_ZERO_EPOCH_S: i64 = 19_266 * 86_400;

/// Days from the Unix epoch to day 0.
const DAY_ZERO_EPOCH_DAYS: i32 = 19_266;

/// A day and the second within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Instant {
    /// Days since day 0.
    pub(crate) day: usize,
    /// Seconds since midnight.
    pub(crate) second: usize,
}

impl Instant {
    /// Microseconds since the Unix epoch.
    pub(crate) fn epoch_us(self) -> i64 {
        let day = i64::try_from(self.day).unwrap_or(0);
        let second = i64::try_from(self.second).unwrap_or(0);
        (DAY_ZERO_EPOCH_S + day * 86_400 + second) * MICROSECONDS
    }
}

/// Days since the Unix epoch of a numbered day.
pub(crate) fn epoch_days(day: usize) -> i32 {
    DAY_ZERO_EPOCH_DAYS + i32::try_from(day).unwrap_or(0)
}

/// The written forms of every day and month.
#[derive(Debug)]
pub(crate) struct Calendar {
    /// `2024-03-02` by day.
    iso: Vec<String>,
    /// `02/03/2024` by day.
    italian: Vec<String>,
    /// `2024-03` by month.
    months: Vec<String>,
    /// First day of each month, and the extract day last.
    starts: Vec<usize>,
}

impl Calendar {
    /// Every form of every day, written once.
    pub(crate) fn new() -> Self {
        let zero = NaiveDate::from_ymd_opt(2022, 10, 1).unwrap_or_default();
        let days: Vec<NaiveDate> = (0..N_DAYS)
            .map(|day| zero + Days::new(u64::try_from(day).unwrap_or(0)))
            .collect();
        let starts: Vec<usize> = (0..=EXTRACT).filter(|day| days[*day].day() == 1).collect();
        Self {
            iso: days
                .iter()
                .map(|day| day.format("%Y-%m-%d").to_string())
                .collect(),
            italian: days
                .iter()
                .map(|day| day.format("%d/%m/%Y").to_string())
                .collect(),
            months: starts
                .iter()
                .take(N_MONTHS)
                .map(|start| days[*start].format("%Y-%m").to_string())
                .collect(),
            starts,
        }
    }

    /// `2024-03-02`; a day beyond the calendar is written as its last one.
    pub(crate) fn iso(&self, day: usize) -> &str {
        &self.iso[day.min(N_DAYS - 1)]
    }

    /// `02/03/2024`.
    pub(crate) fn italian(&self, day: usize) -> &str {
        &self.italian[day.min(N_DAYS - 1)]
    }

    /// `2024-03-02T10:11:00Z`.
    pub(crate) fn rfc3339(&self, instant: Instant) -> String {
        let (hour, minute, second) = clock(instant.second);
        format!(
            "{}T{hour:02}:{minute:02}:{second:02}Z",
            self.iso(instant.day)
        )
    }

    /// `2024-03-02 10:11:00+00`, as `PostgreSQL` writes it.
    pub(crate) fn postgres(&self, instant: Instant) -> String {
        let (hour, minute, second) = clock(instant.second);
        format!(
            "{} {hour:02}:{minute:02}:{second:02}+00",
            self.iso(instant.day)
        )
    }

    /// `02/03/2024 10:11`.
    pub(crate) fn italian_minute(&self, instant: Instant) -> String {
        let (hour, minute, _) = clock(instant.second);
        format!("{} {hour:02}:{minute:02}", self.italian(instant.day))
    }

    /// `2024-03`.
    pub(crate) fn month(&self, month: usize) -> &str {
        &self.months[month.min(N_MONTHS - 1)]
    }

    /// `03/2024`.
    pub(crate) fn italian_month(&self, month: usize) -> String {
        self.italian(self.start(month))[3..].to_owned()
    }

    /// The first day of a month; the extract day for the month after the last.
    pub(crate) fn start(&self, month: usize) -> usize {
        self.starts[month.min(N_MONTHS)]
    }

    /// How many days a month has.
    pub(crate) fn length(&self, month: usize) -> usize {
        self.start(month + 1) - self.start(month)
    }

    /// The offset from UTC in Italy, near enough for an invented event.
    pub(crate) fn offset(&self, day: usize) -> &'static str {
        match &self.iso(day)[5..7] {
            "04" | "05" | "06" | "07" | "08" | "09" | "10" => "+02:00",
            _ => "+01:00",
        }
    }
}

/// Hours, minutes and seconds of a second of the day.
fn clock(second: usize) -> (usize, usize, usize) {
    (second / 3600, second / 60 % 60, second % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_begins_in_october_2022_and_is_read_four_years_later() {
        let calendar = Calendar::new();
        assert_eq!(calendar.iso(0), "2022-10-01");
        assert_eq!(calendar.iso(EXTRACT), "2026-10-01");
        assert_eq!(calendar.start(N_MONTHS), EXTRACT);
        assert_eq!(calendar.month(47), "2026-09");
        assert_eq!(calendar.italian_month(0), "10/2022");
    }

    #[test]
    fn day_zero_lies_where_the_unix_epoch_says() {
        let instant = Instant { day: 0, second: 0 };
        assert_eq!(instant.epoch_us(), 1_664_582_400_000_000);
        assert_eq!(epoch_days(0), 19_266);
    }
}
