//! Durations as people write them, in whole minutes.

use super::Reason;

/// Words that mean hours.
const HOURS: [&str; 4] = ["h", "ora", "ore", "hh"];

/// Words that mean minutes.
const MINUTES: [&str; 6] = ["m", "min", "min.", "minuti", "minuto", "'"];

/// Reads `90`, `1:30`, `1h30`, `1 h 30 m`, `90 min`, `1,5 ore` or `1 ora e 30` as minutes.
pub(crate) fn minutes(text: &str) -> Result<i64, Reason> {
    let text = text.to_lowercase();
    if let Some((hours, minutes)) = text.split_once(':') {
        return clock(hours, minutes);
    }
    let words = words(&text);
    let words: Vec<&str> = words
        .iter()
        .map(String::as_str)
        .filter(|word| *word != "e")
        .collect();
    match words.as_slice() {
        [count] => hundredths(count, 1),
        [count, unit] if MINUTES.contains(unit) => hundredths(count, 1),
        [count, unit] if HOURS.contains(unit) => hundredths(count, 60),
        [hours, unit, minutes] if HOURS.contains(unit) => mixed(hours, minutes),
        [hours, unit, minutes, end] if HOURS.contains(unit) && MINUTES.contains(end) => {
            mixed(hours, minutes)
        }
        _ => Err(Reason::BadMinutes),
    }
}

/// Whole hours and minutes below sixty.
fn mixed(hours: &str, minutes: &str) -> Result<i64, Reason> {
    match minutes {
        "mezza" | "mezzo" => Ok(whole(hours)? * 60 + 30),
        _ => clock(hours, minutes),
    }
}

/// Hours and minutes of a clock.
fn clock(hours: &str, minutes: &str) -> Result<i64, Reason> {
    let minutes = whole(minutes).ok().filter(|minutes| *minutes < 60);
    Ok(whole(hours)? * 60 + minutes.ok_or(Reason::BadMinutes)?)
}

/// A whole number of at most six digits.
fn whole(text: &str) -> Result<i64, Reason> {
    let is_plain = (1..=6).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = is_plain.then(|| text.parse().ok()).flatten();
    number.ok_or(Reason::BadMinutes)
}

/// A number with up to two decimals, times `unit`, if that is a whole number.
fn hundredths(text: &str, unit: i64) -> Result<i64, Reason> {
    let (number, decimals) = text.split_once([',', '.']).unwrap_or((text, "0"));
    if decimals.len() > 2 {
        return Err(Reason::BadMinutes);
    }
    let scale = if decimals.len() == 1 { 10 } else { 1 };
    let hundredths = whole(number)? * 100 + whole(decimals)? * scale;
    let total = hundredths * unit;
    if total % 100 == 0 {
        Ok(total / 100)
    } else {
        Err(Reason::BadMinutes)
    }
}

/// Splits a text at spaces and between digits and letters.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut last = ' ';
    for letter in text.chars() {
        let joins = !last.is_whitespace() && is_numeric(last) == is_numeric(letter);
        match words.last_mut() {
            _ if letter.is_whitespace() => {}
            Some(word) if joins => word.push(letter),
            _ => words.push(letter.to_string()),
        }
        last = letter;
    }
    words
}

/// Whether a character belongs to a number.
fn is_numeric(letter: char) -> bool {
    letter.is_ascii_digit() || letter == ',' || letter == '.'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_read_as_people_write_it() {
        for (text, expected) in [
            ("90", 90),
            ("1:30", 90),
            ("1h30", 90),
            ("1h", 60),
            ("1 h 30 m", 90),
            ("90 min", 90),
            ("90'", 90),
            ("1,5 ore", 90),
            ("1.25 ore", 75),
            ("1 ora", 60),
            ("1 ora e 30", 90),
            ("2 ore e mezza", 150),
            ("1 ora e 5 minuti", 65),
        ] {
            assert_eq!(minutes(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_doubtful_duration_is_refused() {
        for text in [
            "",
            "un paio",
            "1:75",
            "1h90",
            "-5",
            "1,333 ore",
            "1,5",
            "dieci min",
            "1:2:3",
        ] {
            assert_eq!(minutes(text), Err(Reason::BadMinutes), "{text}");
        }
    }
}
