//! Values of a watermark: how they are read, compared, written into a statement and into a cursor.

use tokio_postgres::types::Type;

use super::cells;
use crate::canon::text::moment::{self, DAY_MICROS, Pattern};

/// What a watermark is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MarkKind {
    /// `timestamptz`.
    Instant,
    /// `timestamp`: the clock of the platform, whatever its zone.
    Clock,
    /// `date`.
    Day,
    /// `int2`, `int4`, `int8`.
    Number,
}

/// A value of a watermark: microseconds or days since 1970, or the number itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// What the watermark is.
    kind: MarkKind,
    /// The value.
    value: i64,
}

impl MarkKind {
    /// What a column of a type is as a watermark; `None` if it cannot be one.
    pub(super) fn of(kind: &Type) -> Option<Self> {
        match *kind {
            Type::TIMESTAMPTZ => Some(Self::Instant),
            Type::TIMESTAMP => Some(Self::Clock),
            Type::DATE => Some(Self::Day),
            Type::INT2 | Type::INT4 | Type::INT8 => Some(Self::Number),
            _ => None,
        }
    }

    /// A value as the server wrote it.
    fn written(self, bytes: &[u8]) -> Option<Mark> {
        let value = match self {
            Self::Instant | Self::Clock => cells::micros(bytes).ok()?,
            Self::Day => cells::days(bytes).ok()?.into(),
            Self::Number => cells::integer(bytes).ok()?,
        };
        Some(Mark { kind: self, value })
    }

    /// A value as a cursor or a person writes it; a date stands for the instant it begins.
    pub(super) fn read(self, text: &str) -> Option<Mark> {
        let days = || Pattern::iso_date().days(text).ok().map(i64::from);
        let value = match self {
            Self::Instant | Self::Clock => match days() {
                Some(days) => days.checked_mul(DAY_MICROS)?,
                None => moment::iso_micros(text).ok()?,
            },
            Self::Day => days()?,
            Self::Number => text.parse().ok()?,
        };
        Some(Mark { kind: self, value })
    }

    /// Where the next reading begins: the greatest value seen, but not after the server's clock,
    /// so that one row dated to the future does not hide those written after it.
    ///
    /// `None` where the table has no rows.
    pub(super) fn next(self, greatest: Option<&[u8]>, now: i64) -> Option<Mark> {
        let latest = match self {
            Self::Instant | Self::Clock => now,
            Self::Day => now.div_euclid(DAY_MICROS),
            Self::Number => i64::MAX,
        };
        // What is no moment is `infinity`: the clock is less.
        let value = self.written(greatest?).map_or(latest, |seen| seen.value);
        Some(Mark {
            kind: self,
            value: value.min(latest),
        })
    }
}

impl Mark {
    /// The value so many seconds earlier; `None` for a number.
    pub(super) fn earlier(self, seconds: i64) -> Option<Self> {
        let back = match self.kind {
            MarkKind::Instant | MarkKind::Clock => seconds.checked_mul(1_000_000)?,
            MarkKind::Day => seconds.div_euclid(86_400) + i64::from(seconds % 86_400 > 0),
            MarkKind::Number if seconds == 0 => 0,
            MarkKind::Number => return None,
        };
        Some(Self {
            value: self.value.saturating_sub(back),
            ..self
        })
    }

    /// The value as a literal of SQL; there is nothing in it but digits, signs and letters of a
    /// moment.
    pub(super) fn literal(self) -> String {
        let text = self.text();
        match self.kind {
            MarkKind::Instant => format!("'{text}'::timestamptz"),
            MarkKind::Clock => format!("'{}'::timestamp", text.trim_end_matches('Z')),
            MarkKind::Day => format!("'{text}'::date"),
            MarkKind::Number => format!("'{text}'::int8"),
        }
    }

    /// The value as a cursor.
    pub(super) fn text(self) -> String {
        match self.kind {
            MarkKind::Instant | MarkKind::Clock => {
                let text = moment::instant_text(self.value);
                match text.strip_suffix('Z') {
                    Some(whole) if !text.contains('.') => format!("{whole}.000000Z"),
                    _ => text,
                }
            }
            MarkKind::Day => moment::date_text(i32::try_from(self.value).unwrap_or(i32::MAX)),
            MarkKind::Number => self.value.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A moment as the server writes it.
    fn written(text: &str) -> [u8; 8] {
        (moment::iso_micros(text).unwrap() - cells::MICROS_BEFORE_2000).to_be_bytes()
    }

    #[test]
    fn a_mark_reads_as_it_is_written() {
        for (kind, text) in [
            (MarkKind::Instant, "2026-03-01T10:00:00.000000Z"),
            (MarkKind::Clock, "2026-03-01T10:00:00.000001Z"),
            (MarkKind::Day, "2026-03-01"),
            (MarkKind::Number, "-12"),
        ] {
            assert_eq!(kind.read(text).unwrap().text(), text);
            assert_eq!(kind.read("'; drop table x --"), None);
        }
        let day = MarkKind::Instant.read("2026-03-01").unwrap();
        assert_eq!(day.literal(), "'2026-03-01T00:00:00.000000Z'::timestamptz");
    }

    #[test]
    fn a_cursor_does_not_pass_the_clock_of_the_server() {
        let now = moment::iso_micros("2026-03-01T10:00:00Z").unwrap();
        let next = |text| {
            MarkKind::Instant
                .next(Some(&written(text)), now)
                .unwrap()
                .text()
        };
        assert_eq!(next("2026-02-01T00:00:00Z"), "2026-02-01T00:00:00.000000Z");
        assert_eq!(next("9999-01-01T00:00:00Z"), "2026-03-01T10:00:00.000000Z");
        let infinity = MarkKind::Instant
            .next(Some(&i64::MAX.to_be_bytes()), now)
            .unwrap();
        assert_eq!(infinity.text(), "2026-03-01T10:00:00.000000Z");
        assert_eq!(MarkKind::Instant.next(None, now), None);
    }

    #[test]
    fn a_lag_goes_back_by_time_and_never_by_numbers() {
        let day = MarkKind::Day.read("2026-03-01").unwrap();
        assert_eq!(day.earlier(86_401).unwrap().text(), "2026-02-27");
        let number = MarkKind::Number.read("7").unwrap();
        assert_eq!(number.earlier(0), Some(number));
        assert_eq!(number.earlier(1), None);
    }
}
