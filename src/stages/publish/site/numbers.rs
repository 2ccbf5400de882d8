//! Numbers, months and quarters as people read them in each language.

use super::Language;

/// A non-breaking space, between a number and its unit.
const GLUE: char = '\u{a0}';

/// A whole number with its thousands apart: `12.345`, `12,345`.
pub(crate) fn whole(language: Language, value: i64) -> String {
    grouped(language, &value.to_string())
}

/// A number with at most `places` decimals, without final zeros: `2,7`, `2.7`.
pub(crate) fn decimal(language: Language, value: f64, places: usize) -> String {
    let mut text = format!("{value:.places$}");
    if text.contains('.') {
        text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
    }
    if text == "-0" {
        text.remove(0);
    }
    grouped(language, &text)
}

/// A percentage: `88 %`.
pub(crate) fn percent(language: Language, value: f64, places: usize) -> String {
    format!("{}{GLUE}%", decimal(language, value, places))
}

/// A percentage with its sign: `+30 %`.
pub(crate) fn change(language: Language, value: f64) -> String {
    let text = percent(language, value, 0);
    match text.strip_prefix('-') {
        Some(rest) => format!("−{rest}"),
        None => format!("+{text}"),
    }
}

/// A number with its unit, kept on one line.
pub(crate) fn with_unit(number: &str, unit: &str) -> String {
    format!("{number}{GLUE}{unit}")
}

/// The `n` in "1 in n", to one significant digit below ten and two above.
pub(crate) fn one_in(language: Language, probability: f64) -> String {
    let n = 1.0 / probability;
    let scale = 10_f64.powf((n.log10().floor() - 1.0).max(0.0));
    decimal(language, (n / scale).round() * scale, 0)
}

/// Puts thousands apart and the decimal sign of the language.
fn grouped(language: Language, plain: &str) -> String {
    let (thousands, point) = match language {
        Language::Italian => ('.', ','),
        Language::English => (',', '.'),
    };
    let (sign, digits) = plain
        .strip_prefix('-')
        .map_or(("", plain), |rest| ("-", rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mut text = String::from(sign);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push(thousands);
        }
        text.push(digit);
    }
    if !fraction.is_empty() {
        text.push(point);
        text.push_str(fraction);
    }
    text
}

/// Names of the months in Italian.
const MONTHS_IT: [&str; 12] = [
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

/// Names of the months in English.
const MONTHS_EN: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// The month of `2026-07` or `2026-07-31` in words, or the text itself if it is no month.
pub(crate) fn month(language: Language, text: &str) -> String {
    let mut parts = text.split('-');
    let year = parts.next().unwrap_or_default();
    let number = parts
        .next()
        .and_then(|part| part.parse::<usize>().ok())
        .unwrap_or(0);
    let names = match language {
        Language::Italian => MONTHS_IT,
        Language::English => MONTHS_EN,
    };
    match number.checked_sub(1).and_then(|index| names.get(index)) {
        Some(name) => format!("{name} {year}"),
        None => text.to_owned(),
    }
}

/// The quarter of `2026-Q3` in words: `3° trimestre 2026`, `Q3 2026`.
pub(crate) fn quarter(language: Language, text: &str) -> String {
    let Some((year, number)) = text.split_once("-Q") else {
        return text.to_owned();
    };
    match language {
        Language::Italian => format!("{number}° trimestre {year}"),
        Language::English => format!("Q{number} {year}"),
    }
}

/// The quarter of `2026-Q3` in short: `T3 2026`, `Q3 2026`.
pub(crate) fn short_quarter(language: Language, text: &str) -> String {
    let Some((year, number)) = text.split_once("-Q") else {
        return text.to_owned();
    };
    format!("{}{number}{GLUE}{year}", language.say("T", "Q"))
}

/// A day in words: `30 settembre 2026`, `30 September 2026`.
pub(crate) fn day(language: Language, date: chrono::NaiveDate) -> String {
    let text = date.format("%Y-%m").to_string();
    format!("{} {}", date.format("%-d"), month(language, &text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn italian_numbers_have_a_comma_and_english_ones_a_point() {
        assert_eq!(decimal(Language::Italian, 12_345.67, 1), "12.345,7");
        assert_eq!(decimal(Language::English, 12_345.67, 1), "12,345.7");
    }

    #[test]
    fn final_zeros_are_dropped_and_minus_zero_is_zero() {
        assert_eq!(decimal(Language::Italian, 120.0, 1), "120");
        assert_eq!(decimal(Language::Italian, -0.01, 1), "0");
    }

    #[test]
    fn a_chance_is_said_with_two_digits() {
        assert_eq!(one_in(Language::Italian, 0.000_25), "4.000");
        assert_eq!(one_in(Language::English, 0.1), "10");
        assert_eq!(one_in(Language::English, 0.000_123), "8,100");
    }

    #[test]
    fn months_and_quarters_are_words() {
        assert_eq!(month(Language::Italian, "2026-07"), "luglio 2026");
        assert_eq!(quarter(Language::Italian, "2026-Q3"), "3° trimestre 2026");
        assert_eq!(short_quarter(Language::English, "2026-Q3"), "Q3\u{a0}2026");
        assert_eq!(month(Language::English, "soon"), "soon");
    }

    #[test]
    fn a_change_has_its_sign() {
        assert_eq!(change(Language::English, 30.2), "+30\u{a0}%");
        assert_eq!(change(Language::English, -4.0), "−4\u{a0}%");
    }
}
