//! Moments of watermarks: read from records, written into parameters and cursors.
//!
//! A cursor is kept as an instant in UTC, whatever the service writes, so that a changed pattern
//! does not lose it.

use std::fmt::Write;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};

use crate::canon::text::moment::iso_micros;
use crate::spec::fetch::Since;

/// How a moment is written where no pattern is declared.
const ISO: &str = "%Y-%m-%dT%H:%M:%SZ";

/// How a cursor is written: its order as text is its order in time.
const CURSOR: &str = "%Y-%m-%dT%H:%M:%S%.6fZ";

/// How far after the start of the run a moment may lie: a later one is a slip of the pen, and
/// would make the cursor pass over everything until then.
const FUTURE: TimeDelta = TimeDelta::days(1);

/// A moment of a record, by the declared pattern or as ISO 8601; without a zone it is UTC.
pub(super) fn read(since: &Since, text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    let by_pattern = since.format.as_deref().and_then(|format| {
        let zoned = DateTime::parse_from_str(text, format).map(|at| at.to_utc());
        let plain = || NaiveDateTime::parse_from_str(text, format).map(|at| at.and_utc());
        let day = || {
            let day = NaiveDate::parse_from_str(text, format);
            day.map(|day| day.and_time(NaiveTime::MIN).and_utc())
        };
        zoned.or_else(|_| plain()).or_else(|_| day()).ok()
    });
    by_pattern.or_else(|| iso(text))
}

/// A moment or a day in ISO 8601.
pub(super) fn iso(text: &str) -> Option<DateTime<Utc>> {
    let day = NaiveDate::parse_from_str(text.trim(), "%Y-%m-%d");
    if let Ok(day) = day {
        return Some(day.and_time(NaiveTime::MIN).and_utc());
    }
    let micros = iso_micros(text.trim()).ok()?;
    DateTime::from_timestamp_micros(micros)
}

/// A moment for a parameter; a part of a second is cut off.
pub(super) fn written(since: &Since, at: DateTime<Utc>) -> String {
    let format = since.format.as_deref().unwrap_or(ISO);
    let mut text = String::new();
    match write!(text, "{}", at.format(format)) {
        Ok(()) => text,
        // `antenne check` refuses a pattern that cannot be written.
        Err(_no_pattern) => at.format(ISO).to_string(),
    }
}

/// A moment as a cursor.
pub(super) fn cursor(at: DateTime<Utc>) -> String {
    at.format(CURSOR).to_string()
}

/// The greatest of some moments that can be where the next fetch begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Greatest {
    /// After this nothing counts.
    latest: DateTime<Utc>,
    /// The greatest so far.
    pub(super) found: Option<DateTime<Utc>>,
}

impl Greatest {
    /// Nothing yet, in a run that started then.
    pub(super) fn new(started_at: DateTime<Utc>) -> Self {
        Self {
            latest: started_at + FUTURE,
            found: None,
        }
    }

    /// Looks at one more, if there is one.
    pub(super) fn look_at(&mut self, at: Option<DateTime<Utc>>) {
        self.found = self.found.max(at.filter(|at| *at <= self.latest));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A watermark with a pattern.
    fn since(format: Option<&str>) -> Since {
        Since {
            param: "dal".to_owned(),
            until: None,
            field: "quando".to_owned(),
            format: format.map(str::to_owned),
            lag: None,
        }
    }

    #[test]
    fn moments_are_read_and_written_by_their_pattern() {
        for (format, text, kept, sent) in [
            (
                None,
                "2026-03-01T12:00:00+01:00",
                "2026-03-01T11:00:00.000000Z",
                "2026-03-01T11:00:00Z",
            ),
            (
                None,
                "2026-03-01",
                "2026-03-01T00:00:00.000000Z",
                "2026-03-01T00:00:00Z",
            ),
            (
                Some("%s"),
                "1772362800",
                "2026-03-01T11:00:00.000000Z",
                "1772362800",
            ),
            (
                Some("%d/%m/%Y"),
                "01/03/2026",
                "2026-03-01T00:00:00.000000Z",
                "01/03/2026",
            ),
            (
                Some("%Y%m%d%H%M%S"),
                "20260301110000",
                "2026-03-01T11:00:00.000000Z",
                "20260301110000",
            ),
        ] {
            let since = since(format);
            let at = read(&since, text).unwrap();
            assert_eq!(cursor(at), kept);
            assert_eq!(written(&since, at), sent);
            assert_eq!(iso(&cursor(at)), Some(at));
        }
        assert_eq!(read(&since(None), "ieri"), None);
    }

    #[test]
    fn a_moment_far_in_the_future_moves_no_cursor() {
        let start = iso("2026-03-01").unwrap();
        let mut greatest = Greatest::new(start);
        greatest.look_at(iso("2026-02-01"));
        greatest.look_at(iso("2062-02-01"));
        assert_eq!(greatest.found, iso("2026-02-01"));
    }
}
