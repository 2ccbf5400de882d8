//! Dates, instants and months, by a `strftime` pattern or in ISO 8601.
//!
//! Days are counted from 1970-01-01 in the proleptic Gregorian calendar (H. Hinnant,
//! "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`). An instant without an offset
//! is taken as UTC.

use super::Reason;

/// Microseconds of a day.
pub(crate) const DAY_MICROS: i64 = 86_400_000_000;

/// Italian names of the months.
const MONTHS: [&str; 12] = [
    "gennaio",
    "febbraio",
    "marzo",
    "aprile",
    "maggio",
    "giugno",
    "luglio",
    "agosto",
    "settembre",
    "ottobre",
    "novembre",
    "dicembre",
];

/// One piece of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    /// Day of two digits, or of one or two.
    Day(Width),
    /// Month of two digits, or of one or two.
    Month(Width),
    /// Italian name of the month, whole or its first three letters.
    MonthName,
    /// Year of four digits.
    Year,
    /// Year of two digits: 00–68 in this century, 69–99 in the last.
    ShortYear,
    /// Hour, 00–23.
    Hour,
    /// Minute.
    Minute,
    /// Second.
    Second,
    /// Decimals of the second, one to nine digits.
    Fraction,
    /// `Z`, `+01:00`, `+0100` or `+01`.
    Offset,
    /// A character that must stand there.
    Literal(char),
}

/// How many digits a day or month has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Width {
    /// Exactly two.
    Two,
    /// One or two.
    Any,
}

/// A `strftime` pattern, ready to read texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    /// Its pieces in order.
    pieces: Vec<Piece>,
    /// Its layout, if it is one of those that almost everyone writes.
    layout: Option<Layout>,
}

/// A layout of ten characters that is read at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// `29/02/2024`, with any mark between the parts.
    DayFirst(u8),
    /// `2024-02-29`, with any mark between the parts.
    YearFirst(u8),
}

/// What a pattern found.
#[derive(Debug, Clone, Copy)]
struct Found {
    /// Year.
    year: i64,
    /// Month, 1–12.
    month: i64,
    /// Day of the month.
    day: i64,
    /// Microseconds since midnight.
    micros: i64,
    /// Minutes east of Greenwich.
    offset: i64,
}

/// The first instant of the common era: what a pattern starts from.
const NOTHING: Found = Found {
    year: 1,
    month: 1,
    day: 1,
    micros: 0,
    offset: 0,
};

impl Pattern {
    /// Reads a pattern; an unknown directive is given back as the error.
    pub(crate) fn new(format: &str) -> Result<Self, String> {
        let format = format.replace("%F", "%Y-%m-%d").replace("%T", "%H:%M:%S");
        let mut pieces = Vec::new();
        let mut letters = format.chars();
        while let Some(letter) = letters.next() {
            pieces.push(match letter {
                '%' => directive(&mut letters)?,
                literal => Piece::Literal(literal),
            });
        }
        let layout = layout(&pieces);
        Ok(Self { pieces, layout })
    }

    /// The calendar date written in ISO 8601.
    pub(crate) fn iso_date() -> Self {
        Self {
            pieces: vec![
                Piece::Year,
                Piece::Literal('-'),
                Piece::Month(Width::Two),
                Piece::Literal('-'),
                Piece::Day(Width::Two),
            ],
            layout: Some(Layout::YearFirst(b'-')),
        }
    }

    /// Whether the pattern says which day it is.
    pub(crate) fn has_day(&self) -> bool {
        self.pieces
            .iter()
            .any(|piece| matches!(piece, Piece::Day(_)))
    }

    /// Whether the pattern says which month it is.
    pub(crate) fn has_month(&self) -> bool {
        let is_month = |piece: &Piece| matches!(piece, Piece::Month(_) | Piece::MonthName);
        self.pieces.iter().any(is_month)
    }

    /// Days since 1970 of the date in `text`.
    pub(crate) fn days(&self, text: &str) -> Result<i32, Reason> {
        if let Some(layout) = self.layout {
            return layout
                .find(text)
                .and_then(Found::days)
                .ok_or(Reason::BadDate);
        }
        self.find(text).and_then(Found::days).ok_or(Reason::BadDate)
    }

    /// Microseconds since 1970, UTC, of the instant in `text`.
    pub(crate) fn micros(&self, text: &str) -> Result<i64, Reason> {
        self.find(text)
            .and_then(Found::instant)
            .ok_or(Reason::BadInstant)
    }

    /// Days since 1970 of the first day of the month in `text`.
    pub(crate) fn month(&self, text: &str) -> Result<i32, Reason> {
        let found = self.find(text).filter(|found| found.days().is_some());
        let first = found.map(|found| Found { day: 1, ..found });
        first.and_then(Found::days).ok_or(Reason::BadMonth)
    }

    /// Reads all of `text`, piece by piece.
    fn find(&self, text: &str) -> Option<Found> {
        let mut found = NOTHING;
        let mut rest = text;
        for piece in &self.pieces {
            rest = piece.read(rest, &mut found)?;
        }
        rest.is_empty().then_some(found)
    }
}

/// The layout that pieces make, if it is one that is read at once.
fn layout(pieces: &[Piece]) -> Option<Layout> {
    let mark = |mark: &char| u8::try_from(*mark).ok().filter(u8::is_ascii);
    match pieces {
        [
            Piece::Day(Width::Two),
            Piece::Literal(first),
            Piece::Month(Width::Two),
            Piece::Literal(second),
            Piece::Year,
        ] if first == second => Some(Layout::DayFirst(mark(first)?)),
        [
            Piece::Year,
            Piece::Literal(first),
            Piece::Month(Width::Two),
            Piece::Literal(second),
            Piece::Day(Width::Two),
        ] if first == second => Some(Layout::YearFirst(mark(first)?)),
        _ => None,
    }
}

impl Layout {
    /// Reads all of `text`.
    fn find(self, text: &str) -> Option<Found> {
        let text: &[u8; 10] = text.as_bytes().try_into().ok()?;
        let (year, month, day, marks, mark) = match self {
            Self::DayFirst(mark) => {
                let [d1, d2, m1, o1, o2, m2, y1, y2, y3, y4] = *text;
                (
                    number([y1, y2, y3, y4]),
                    number([o1, o2]),
                    number([d1, d2]),
                    [m1, m2],
                    mark,
                )
            }
            Self::YearFirst(mark) => {
                let [y1, y2, y3, y4, m1, o1, o2, m2, d1, d2] = *text;
                (
                    number([y1, y2, y3, y4]),
                    number([o1, o2]),
                    number([d1, d2]),
                    [m1, m2],
                    mark,
                )
            }
        };
        (marks == [mark, mark]).then_some(Found {
            year: year?,
            month: month?,
            day: day?,
            ..NOTHING
        })
    }
}

/// The number that digits write.
fn number<const N: usize>(digits: [u8; N]) -> Option<i64> {
    let mut number = 0;
    for digit in digits {
        let value = digit.wrapping_sub(b'0');
        if value > 9 {
            return None;
        }
        number = number * 10 + i64::from(value);
    }
    Some(number)
}

/// The piece a directive stands for.
fn directive(letters: &mut std::str::Chars<'_>) -> Result<Piece, String> {
    let letter = letters.next().unwrap_or(' ');
    Ok(match letter {
        'd' => Piece::Day(Width::Two),
        'e' => Piece::Day(Width::Any),
        'm' => Piece::Month(Width::Two),
        'b' | 'B' => Piece::MonthName,
        'Y' => Piece::Year,
        'y' => Piece::ShortYear,
        'H' => Piece::Hour,
        'M' => Piece::Minute,
        'S' => Piece::Second,
        'f' => Piece::Fraction,
        'z' => Piece::Offset,
        '%' => Piece::Literal('%'),
        '-' => match letters.next() {
            Some('d') => Piece::Day(Width::Any),
            Some('m') => Piece::Month(Width::Any),
            other => return Err(format!("%-{}", other.unwrap_or(' '))),
        },
        other => return Err(format!("%{other}")),
    })
}

impl Piece {
    /// Takes this piece from the start of `text` and gives what is left.
    fn read<'t>(&self, text: &'t str, found: &mut Found) -> Option<&'t str> {
        let (value, rest) = match self {
            Self::Literal(letter) => return text.strip_prefix(*letter),
            Self::Offset => return offset(text, found),
            Self::MonthName => return month_name(text, found),
            Self::Fraction => return fraction(text, found),
            Self::Day(Width::Any) | Self::Month(Width::Any) => {
                digits(text, 2).or_else(|| digits(text, 1))?
            }
            Self::Year => digits(text, 4)?,
            Self::Day(Width::Two)
            | Self::Month(Width::Two)
            | Self::ShortYear
            | Self::Hour
            | Self::Minute
            | Self::Second => digits(text, 2)?,
        };
        self.set(value, found)?;
        Some(rest)
    }

    /// Puts a number where it belongs.
    fn set(&self, value: i64, found: &mut Found) -> Option<()> {
        match self {
            Self::Day(_) => found.day = value,
            Self::Month(_) => found.month = value,
            Self::Year => found.year = value,
            Self::ShortYear => {
                found.year = if value < 69 {
                    2000 + value
                } else {
                    1900 + value
                }
            }
            Self::Hour => found.micros += below(value, 24)? * 3_600_000_000,
            Self::Minute => found.micros += below(value, 60)? * 60_000_000,
            Self::Second => found.micros += below(value, 60)? * 1_000_000,
            Self::MonthName | Self::Fraction | Self::Offset | Self::Literal(_) => {}
        }
        Some(())
    }
}

/// The value, if it is below a limit.
fn below(value: i64, limit: i64) -> Option<i64> {
    (value < limit).then_some(value)
}

/// Exactly `n_digits` digits from the start of a text, and the rest.
fn digits(text: &str, n_digits: usize) -> Option<(i64, &str)> {
    let bytes = text.as_bytes().get(..n_digits)?;
    let mut value = 0;
    for byte in bytes {
        if !byte.is_ascii_digit() {
            return None;
        }
        value = value * 10 + i64::from(byte - b'0');
    }
    Some((value, text.get(n_digits..)?))
}

/// Decimals of a second; digits beyond the sixth are dropped.
fn fraction<'t>(text: &'t str, found: &mut Found) -> Option<&'t str> {
    let n_digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if !(1..=9).contains(&n_digits) {
        return None;
    }
    let mut scale = 100_000;
    for byte in text.bytes().take(n_digits) {
        found.micros += i64::from(byte - b'0') * scale;
        scale /= 10;
    }
    text.get(n_digits..)
}

/// An offset from UTC.
fn offset<'t>(text: &'t str, found: &mut Found) -> Option<&'t str> {
    if let Some(rest) = text.strip_prefix(['Z', 'z']) {
        return Some(rest);
    }
    let sign = match text.chars().next()? {
        '+' => 1,
        '-' => -1,
        _ => return None,
    };
    let (hours, rest) = digits(text.get(1..)?, 2)?;
    let after = rest.strip_prefix(':').unwrap_or(rest);
    let (minutes, rest) = digits(after, 2).unwrap_or((0, rest));
    found.offset = sign * (below(hours, 24)? * 60 + below(minutes, 60)?);
    Some(rest)
}

/// The Italian name of a month, or its first three letters.
fn month_name<'t>(text: &'t str, found: &mut Found) -> Option<&'t str> {
    let n_letters = text.bytes().take_while(u8::is_ascii_alphabetic).count();
    let (word, rest) = text.split_at_checked(n_letters)?;
    let word = word.to_ascii_lowercase();
    let place = MONTHS
        .iter()
        .position(|name| *name == word || name.get(..3) == Some(word.as_str()))?;
    found.month = i64::try_from(place).ok()? + 1;
    Some(rest)
}

impl Found {
    /// Days since 1970, if the calendar has the date.
    fn days(self) -> Option<i32> {
        let length = match self.month {
            4 | 6 | 9 | 11 => 30,
            2 if is_leap(self.year) => 29,
            2 => 28,
            1..=12 => 31,
            _ => return None,
        };
        if !(1..=length).contains(&self.day) || self.year < 1 {
            return None;
        }
        i32::try_from(days_from_civil(self.year, self.month, self.day)).ok()
    }

    /// Microseconds since 1970, UTC.
    fn instant(self) -> Option<i64> {
        let days = i64::from(self.days()?);
        Some(days * DAY_MICROS + self.micros - self.offset * 60_000_000)
    }
}

/// Whether a year has 366 days.
fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Days from 1970-01-01 to a date (Hinnant, `days_from_civil`).
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Year, month and day of a number of days since 1970 (Hinnant, `civil_from_days`).
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// ISO 8601 text of a date given in days since 1970.
pub(crate) fn date_text(days: i32) -> String {
    let (year, month, day) = civil_from_days(i64::from(days));
    format!("{year:04}-{month:02}-{day:02}")
}

/// ISO 8601 text, UTC, of an instant given in microseconds since 1970.
pub(crate) fn instant_text(micros: i64) -> String {
    let (year, month, day) = civil_from_days(micros.div_euclid(DAY_MICROS));
    let in_day = micros.rem_euclid(DAY_MICROS);
    let (seconds, fraction) = (in_day / 1_000_000, in_day % 1_000_000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let date = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    match fraction {
        0 => format!("{date}Z"),
        micros => format!("{date}.{micros:06}Z"),
    }
}

/// First day of the month that holds a day, both in days since 1970.
pub(crate) fn month_of(days: i32) -> i32 {
    let (_, _, day) = civil_from_days(i64::from(days));
    days - i32::try_from(day - 1).unwrap_or(0)
}

/// Months since the start of the year 0 of a day given in days since 1970.
pub(crate) fn month_number(days: i32) -> i32 {
    let (year, month, _) = civil_from_days(i64::from(days));
    i32::try_from(year * 12 + month - 1).unwrap_or(0)
}

/// Reads an instant in ISO 8601: date, `T` or a space, time with or without seconds, offset or
/// none (UTC).
pub(crate) fn iso_micros(text: &str) -> Result<i64, Reason> {
    if let Some(found) = read_plain_iso(text) {
        return found.instant().ok_or(Reason::BadInstant);
    }
    read_iso(text).ok_or(Reason::BadInstant)
}

/// An instant written as `2024-02-29T12:00:00Z`, read at once; `None` for any other.
fn read_plain_iso(text: &str) -> Option<Found> {
    let text: &[u8; 20] = text.as_bytes().try_into().ok()?;
    let (date, time) = text.split_at_checked(10)?;
    let [b'T', h1, h2, b':', m1, m2, b':', s1, s2, b'Z'] = *time.first_chunk()? else {
        return None;
    };
    let found = Layout::YearFirst(b'-').find(std::str::from_utf8(date).ok()?)?;
    let hour = below(number([h1, h2])?, 24)?;
    let minute = below(number([m1, m2])?, 60)?;
    let second = below(number([s1, s2])?, 60)?;
    let micros = ((hour * 60 + minute) * 60 + second) * 1_000_000;
    Some(Found { micros, ..found })
}

/// The instant in ISO 8601, piece by piece.
fn read_iso(text: &str) -> Option<i64> {
    let mut found = NOTHING;
    let mut rest = text;
    for piece in [
        Piece::Year,
        Piece::Literal('-'),
        Piece::Month(Width::Two),
        Piece::Literal('-'),
        Piece::Day(Width::Two),
    ] {
        rest = piece.read(rest, &mut found)?;
    }
    rest = rest.strip_prefix(['T', 't', ' '])?;
    rest = Piece::Hour.read(rest, &mut found)?;
    rest = Piece::Minute.read(rest.strip_prefix(':')?, &mut found)?;
    if let Some(seconds) = rest.strip_prefix(':') {
        rest = Piece::Second.read(seconds, &mut found)?;
        if let Some(decimals) = rest.strip_prefix('.') {
            rest = fraction(decimals, &mut found)?;
        }
    }
    if !rest.is_empty() {
        rest = offset(rest, &mut found)?;
    }
    if rest.is_empty() {
        found.instant()
    } else {
        None
    }
}

/// Reads a month as `2024-03`, or a whole ISO date in it.
pub(crate) fn iso_month(text: &str) -> Result<i32, Reason> {
    let whole;
    let date = if text.len() == 7 {
        whole = format!("{text}-01");
        &whole
    } else {
        text
    };
    Pattern::iso_date().month(date)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Days of a date in a pattern.
    fn days(format: &str, text: &str) -> Result<i32, Reason> {
        Pattern::new(format).unwrap().days(text)
    }

    #[test]
    fn a_date_is_read_by_its_pattern() {
        assert_eq!(days("%d/%m/%Y", "01/01/1970"), Ok(0));
        assert_eq!(days("%d/%m/%Y", "29/02/2024"), Ok(19_782));
        assert_eq!(days("%Y-%m-%d", "2024-02-29"), Ok(19_782));
        assert_eq!(days("%-d.%-m.%y", "9.2.24"), Ok(19_762));
        assert_eq!(days("%d %B %Y", "29 febbraio 2024"), Ok(19_782));
        assert_eq!(days("%d-%b-%Y", "29-FEB-2024"), Ok(19_782));
    }

    #[test]
    fn a_date_that_the_calendar_lacks_is_refused() {
        for text in [
            "31/02/2025",
            "29/02/2023",
            "00/01/2024",
            "01/13/2024",
            "1/1/2024",
            "01/01/24",
            "01/01/2024 ",
            "",
            "boh",
            "01-01-2024",
        ] {
            assert_eq!(days("%d/%m/%Y", text), Err(Reason::BadDate), "{text}");
        }
    }

    #[test]
    fn an_instant_is_brought_to_utc() {
        let noon = 1_709_208_000_000_000;
        for text in [
            "2024-02-29T12:00:00Z",
            "2024-02-29T13:00:00+01:00",
            "2024-02-29 12:00",
            "2024-02-29T12:00:00.000Z",
            "2024-02-29 13:00:00+01",
            "2024-02-29T07:00:00-0500",
        ] {
            assert_eq!(iso_micros(text), Ok(noon), "{text}");
        }
        let local = Pattern::new("%d/%m/%Y %H:%M").unwrap();
        assert_eq!(local.micros("29/02/2024 12:00"), Ok(noon));
        for text in [
            "2024-02-29",
            "2024-02-29T25:00:00Z",
            "2024-02-30T12:00:00Z",
            "domani",
            "2024-02-29T12:00:00Zx",
        ] {
            assert_eq!(iso_micros(text), Err(Reason::BadInstant), "{text}");
        }
    }

    #[test]
    fn a_month_is_its_first_day() {
        let march = days("%Y-%m-%d", "2024-03-01").unwrap();
        assert_eq!(iso_month("2024-03"), Ok(march));
        assert_eq!(iso_month("2024-03-17"), Ok(march));
        assert_eq!(Pattern::new("%m/%Y").unwrap().month("03/2024"), Ok(march));
        assert_eq!(iso_month("2024-13"), Err(Reason::BadMonth));
        assert_eq!(month_of(march + 16), march);
    }

    #[test]
    fn an_unknown_directive_is_named() {
        assert_eq!(Pattern::new("%d/%q"), Err("%q".to_owned()));
    }

    proptest! {
        #[test]
        fn reading_at_once_says_what_reading_by_pieces_says(text in "[0-9/\\-]{9,11}|[0-3][0-9]/[01][0-9]/[0-9]{4}|[0-9]{4}-[01][0-9]-[0-3][0-9]") {
            for format in ["%d/%m/%Y", "%Y-%m-%d", "%d-%m-%Y"] {
                let pattern = Pattern::new(format).unwrap();
                prop_assert!(pattern.layout.is_some());
                let by_pieces = pattern.find(&text).and_then(Found::days);
                prop_assert_eq!(pattern.days(&text).ok(), by_pieces, "{}", &text);
            }
        }

        #[test]
        fn a_plain_instant_read_at_once_is_the_one_read_by_pieces(text in "20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9][Zz]") {
            prop_assert_eq!(iso_micros(&text).ok(), read_iso(&text));
        }

        #[test]
        fn a_written_date_reads_as_itself(day in -700_000..2_000_000i32) {
            prop_assert_eq!(Pattern::iso_date().days(&date_text(day)), Ok(day));
        }

        #[test]
        fn a_written_instant_reads_as_itself(micros in -60_000_000_000_000_000..200_000_000_000_000_000i64) {
            prop_assert_eq!(iso_micros(&instant_text(micros)), Ok(micros));
        }

        #[test]
        fn no_reader_panics(text in ".{0,24}") {
            let _ = days("%d/%m/%Y", &text);
            let _ = iso_micros(&text);
            let _ = iso_month(&text);
            let _ = super::super::duration::minutes(&text);
            let _ = super::super::amount::cents(&text, super::super::amount::Mark::Comma);
            let _ = super::super::boolean(&text);
        }
    }
}
