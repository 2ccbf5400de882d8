//! One raw value, as the page gives it: text mostly, typed where the format has types.

use std::fmt::Write;

use crate::canon::text::moment;

/// A raw value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value<'v> {
    /// Nothing: an empty cell, a null, a field that is not there.
    Absent,
    /// Text of the page.
    Text(&'v str),
    /// Text that had to be decoded.
    Owned(String),
    /// A whole number.
    Integer(i64),
    /// A number with decimals.
    Number(f64),
    /// Yes or no.
    Flag(bool),
    /// A date: days since 1970.
    Days(i32),
    /// An instant: microseconds since 1970, UTC.
    Micros(i64),
    /// Something that is no value: a nested object, an error of a sheet.
    Unreadable,
}

impl<'v> Value<'v> {
    /// The value as text; typed values are written into `scratch`.
    pub(crate) fn text<'t>(&'t self, scratch: &'t mut String) -> &'t str
    where
        'v: 't,
    {
        scratch.clear();
        // Writing to a String cannot fail.
        let _written = match self {
            Self::Text(text) => return text,
            Self::Owned(text) => return text,
            Self::Absent | Self::Unreadable => return "",
            Self::Flag(true) => return "true",
            Self::Flag(false) => return "false",
            Self::Integer(number) => write!(scratch, "{number}"),
            Self::Number(number) => write!(scratch, "{number}"),
            Self::Days(days) => write!(scratch, "{}", moment::date_text(*days)),
            Self::Micros(micros) => write!(scratch, "{}", moment::instant_text(*micros)),
        };
        scratch
    }
}
