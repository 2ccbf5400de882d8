//! Values of a watermark in SQLite: whole numbers, or dates and instants written in ISO 8601.
//!
//! Instants are compared as the texts they are, of which only the part up to the second is used:
//! `2026-03-01 10:00:00` stands before every text that begins with it, whether fractions and a
//! zone follow or not. So the rows of the last second come again, and none is passed over.

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};

use crate::canon::text::moment::{self, DAY_MICROS, Pattern};

/// Characters of an instant up to its second.
const TO_SECOND: usize = 19;

/// Characters of a date.
const TO_DAY: usize = 10;

/// What a watermark is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MarkKind {
    /// Whole numbers.
    Number,
    /// Dates.
    Day,
    /// Instants, with this character between date and time.
    Instant(char),
}

/// A value of a watermark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    /// What the watermark is.
    kind: MarkKind,
    /// The number, or microseconds since 1970 to the second.
    value: i64,
}

impl MarkKind {
    /// What a watermark is, by one of its values; `None` if it cannot be one.
    pub(super) fn of(value: ValueRef<'_>) -> Option<Self> {
        let text = match value {
            ValueRef::Integer(_) => return Some(Self::Number),
            ValueRef::Text(text) => std::str::from_utf8(text).ok()?,
            ValueRef::Null | ValueRef::Real(_) | ValueRef::Blob(_) => return None,
        };
        if text.len() == TO_DAY && Pattern::iso_date().days(text).is_ok() {
            return Some(Self::Day);
        }
        moment::iso_micros(text.get(..TO_SECOND)?).ok()?;
        let between = text.chars().nth(TO_DAY)?;
        ['T', ' ']
            .contains(&between)
            .then_some(Self::Instant(between))
    }

    /// A value of the column.
    pub(super) fn value(self, value: ValueRef<'_>) -> Option<Mark> {
        if Self::of(value)? != self {
            return None;
        }
        match value {
            ValueRef::Integer(value) => Some(Mark { kind: self, value }),
            ValueRef::Text(text) => self.read(std::str::from_utf8(text).ok()?),
            ValueRef::Null | ValueRef::Real(_) | ValueRef::Blob(_) => None,
        }
    }

    /// A value as a cursor or a person writes it; a date stands for the instant it begins.
    pub(super) fn read(self, text: &str) -> Option<Mark> {
        let days = || Pattern::iso_date().days(text).ok().map(i64::from);
        let value = match self {
            Self::Number => text.parse().ok()?,
            Self::Day => days()?.checked_mul(DAY_MICROS)?,
            Self::Instant(_) => match days() {
                Some(days) => days.checked_mul(DAY_MICROS)?,
                None => moment::iso_micros(text.get(..TO_SECOND).unwrap_or(text)).ok()?,
            },
        };
        Some(Mark { kind: self, value })
    }
}

impl Mark {
    /// The value, but not after the start of the run, so that one row dated to the future does not
    /// hide those written after it. A clock that is wrong only makes more rows come again.
    pub(super) fn at_most(mut self, started_micros: i64) -> Self {
        if self.kind != MarkKind::Number {
            self.value = self.value.min(started_micros);
        }
        self
    }

    /// The value so many seconds earlier; `None` for a number.
    pub(super) fn earlier(mut self, seconds: i64) -> Option<Self> {
        if seconds == 0 {
            return Some(self);
        }
        if self.kind == MarkKind::Number {
            return None;
        }
        self.value = self.value.saturating_sub(seconds.checked_mul(1_000_000)?);
        Some(self)
    }

    /// The value as a cursor, and as the texts of the column begin.
    pub(super) fn text(&self) -> String {
        let text = moment::instant_text(self.value);
        match self.kind {
            MarkKind::Number => self.value.to_string(),
            MarkKind::Day => text.get(..TO_DAY).unwrap_or_default().to_owned(),
            MarkKind::Instant(between) => {
                let text = text.get(..TO_SECOND).unwrap_or_default();
                text.replacen('T', &between.to_string(), 1)
            }
        }
    }
}

impl ToSql for Mark {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self.kind {
            MarkKind::Number => self.value.into(),
            MarkKind::Day | MarkKind::Instant(_) => self.text().into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a text is as a watermark.
    fn kind(text: &str) -> Option<MarkKind> {
        MarkKind::of(ValueRef::Text(text.as_bytes()))
    }

    #[test]
    fn a_watermark_is_a_number_or_a_moment() {
        assert_eq!(kind("2026-03-01"), Some(MarkKind::Day));
        assert_eq!(kind("2026-03-01 10:00:00"), Some(MarkKind::Instant(' ')));
        assert_eq!(kind("2026-03-01T10:00:00.5Z"), Some(MarkKind::Instant('T')));
        for text in ["", "boh", "01/03/2026", "2026-03-01T10:00", "10"] {
            assert_eq!(kind(text), None, "{text}");
        }
        assert_eq!(MarkKind::of(ValueRef::Integer(1)), Some(MarkKind::Number));
        assert_eq!(MarkKind::of(ValueRef::Real(1.0)), None);
    }

    #[test]
    fn the_text_of_an_instant_stands_before_all_of_its_second() {
        let kind = MarkKind::Instant('T');
        let mark = kind.read("2026-03-01T10:00:00.7Z").unwrap();
        assert_eq!(mark.text(), "2026-03-01T10:00:00");
        assert!(
            [
                "2026-03-01T10:00:00",
                "2026-03-01T10:00:00.1Z",
                "2026-03-01T10:00:00Z"
            ]
            .iter()
            .all(|text| *text >= mark.text().as_str())
        );
        assert_eq!(
            kind.read("2026-03-01").unwrap().text(),
            "2026-03-01T00:00:00"
        );
        let blank = MarkKind::Instant(' ').read("2026-03-01T10:00:00").unwrap();
        assert_eq!(blank.text(), "2026-03-01 10:00:00");
    }

    #[test]
    fn a_cursor_does_not_pass_the_start_of_the_run() {
        let started = moment::iso_micros("2026-03-01T10:00:00Z").unwrap();
        let far = MarkKind::Day.read("9999-01-01").unwrap();
        assert_eq!(far.at_most(started).text(), "2026-03-01");
        let number = MarkKind::Number.read("7").unwrap();
        assert_eq!(number.clone().at_most(started), number);
        assert_eq!(number.earlier(60), None);
        let day = MarkKind::Day.read("2026-03-01").unwrap();
        assert_eq!(day.earlier(1).unwrap().text(), "2026-02-28");
    }
}
