//! A length of time as people write it in a declaration: `500ms`, `90s`, `15m`, `12h`, `2d`.

use std::borrow::Cow;
use std::fmt;

use chrono::TimeDelta;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// Units by their letters, in thousandths of a second; longer letters first.
const UNITS: [(&str, u32); 5] = [
    ("ms", 1),
    ("s", 1000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

/// A length of time in whole thousandths of a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Span(u64);

impl Span {
    /// So many seconds.
    pub const fn seconds(seconds: u32) -> Self {
        Self(seconds as u64 * 1000)
    }

    /// As a wait.
    pub fn duration(self) -> std::time::Duration {
        std::time::Duration::from_millis(self.0)
    }

    /// As a difference of moments.
    pub fn delta(self) -> TimeDelta {
        TimeDelta::milliseconds(i64::try_from(self.0).unwrap_or(i64::MAX))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            millis if millis % 1000 == 0 => write!(formatter, "{}s", millis / 1000),
            millis => write!(formatter, "{millis}ms"),
        }
    }
}

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let read = |text: &str| {
            let (unit, millis) = UNITS.iter().find(|(unit, _)| text.ends_with(unit))?;
            let count: u32 = text.strip_suffix(unit)?.trim().parse().ok()?;
            Some(u64::from(count) * u64::from(*millis))
        };
        read(&text).map(Self).ok_or_else(|| {
            format!("`{text}` is no length of time; write for example `30s`, `15m`, `12h` or `2d`")
        })
    }
}

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^[0-9]+ *(ms|[smhd])$",
            "description": "A length of time: `30s`, `15m`, `12h` or `2d`."
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_count_and_a_unit() {
        for (text, seconds) in [("90s", 90), ("15m", 900), ("12 h", 43_200), ("2d", 172_800)] {
            assert_eq!(Span::try_from(text.to_owned()), Ok(Span::seconds(seconds)));
        }
        let short = Span::try_from("500ms".to_owned()).unwrap();
        assert_eq!(short.to_string(), "500ms");
        for bad in [
            "",
            "d",
            "2",
            "-1d",
            "2w",
            "1.5h",
            "99999999999d",
            "2dd",
            "ms",
        ] {
            assert!(Span::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
