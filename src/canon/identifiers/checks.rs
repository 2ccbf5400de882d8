//! What a pattern cannot say: check characters, places on the map, words that give a street away.

use regex::Captures;

/// Lengths of the IBANs met in Italy, by country (ISO 13616 registry).
const IBAN_LENGTHS: [(&str, usize); 24] = [
    ("IT", 27),
    ("SM", 27),
    ("VA", 22),
    ("AL", 28),
    ("AT", 20),
    ("BE", 16),
    ("BG", 22),
    ("CH", 21),
    ("CZ", 24),
    ("DE", 22),
    ("EE", 20),
    ("ES", 24),
    ("FR", 27),
    ("GB", 22),
    ("HR", 21),
    ("IE", 22),
    ("LT", 20),
    ("LU", 20),
    ("MD", 24),
    ("MT", 31),
    ("NL", 18),
    ("PL", 28),
    ("PT", 25),
    ("RO", 24),
];

/// Values of the characters in odd places of a codice fiscale, digits first, then letters
/// (Decreto del Ministero delle finanze 23 December 1976).
const ODD: [u32; 26] = [
    1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23,
];

/// Places of the seven digits of a codice fiscale, which omocodia may turn into letters.
const DIGIT_PLACES: [usize; 7] = [6, 7, 9, 10, 12, 13, 14];

/// Words after `corso`, `via` or `largo` that make it something else than a street.
const NOT_A_STREET: [&str; 34] = [
    "di",
    "base",
    "per",
    "online",
    "on",
    "avanzato",
    "intensivo",
    "gratuito",
    "serale",
    "libera",
    "libero",
    "mail",
    "email",
    "e",
    "telefono",
    "telefonica",
    "sms",
    "whatsapp",
    "web",
    "zoom",
    "skype",
    "cavo",
    "ai",
    "alle",
    "a",
    "al",
    "alla",
    "da",
    "in",
    "con",
    "internet",
    "breve",
    "pre",
    "d'italiano",
];

/// Words after a number that make it a quantity.
const MEASURES: [&str; 26] = [
    "euro",
    "ore",
    "ora",
    "giorni",
    "giorno",
    "lezioni",
    "lezione",
    "incontri",
    "incontro",
    "posti",
    "persone",
    "anni",
    "volte",
    "settimane",
    "mesi",
    "minuti",
    "km",
    "kg",
    "famiglie",
    "bambini",
    "ragazzi",
    "studenti",
    "partecipanti",
    "crediti",
    "moduli",
    "livelli",
];

/// Letters and digits of a candidate, uppercase.
fn compact(found: &Captures<'_>) -> String {
    let candidate = found.get(1).map_or("", |group| group.as_str());
    let kept = candidate.chars().filter(char::is_ascii_alphanumeric);
    kept.map(|letter| letter.to_ascii_uppercase()).collect()
}

/// Digits of a candidate.
fn digits(found: &Captures<'_>) -> Vec<u32> {
    let candidate = found.get(1).map_or("", |group| group.as_str());
    candidate
        .chars()
        .filter_map(|letter| letter.to_digit(10))
        .collect()
}

/// Text of a group, empty if it is not there.
fn group<'t>(found: &Captures<'t>, place: usize) -> &'t str {
    found.get(place).map_or("", |group| group.as_str())
}

/// Whether a candidate is a codice fiscale rather than ordinary words.
///
/// Written in one piece it is refused even with a wrong check character, if enough of its digits
/// are digits; spread over words it must have most of its digits, or the right check character.
pub(super) fn is_codice_fiscale(found: &Captures<'_>, text: &str) -> bool {
    let code = compact(found);
    let n_digits = n_plain_digits(&code);
    let is_right = has_right_check_character(&code);
    let is_one_piece = group(found, 1).len() == code.len();
    if is_one_piece && stands_alone(found, text) {
        return n_digits >= 3 || is_right;
    }
    n_digits >= 5 || (is_right && n_digits >= 1)
}

/// How many of the places for digits hold digits.
fn n_plain_digits(code: &str) -> usize {
    let bytes = code.as_bytes();
    let is_digit = |place: &&usize| bytes.get(**place).is_some_and(u8::is_ascii_digit);
    DIGIT_PLACES.iter().filter(is_digit).count()
}

/// Whether no letter or digit touches the candidate.
fn stands_alone(found: &Captures<'_>, text: &str) -> bool {
    found.get(1).is_some_and(|candidate| {
        let before = text
            .get(..candidate.start())
            .and_then(|text| text.chars().next_back());
        let after = text
            .get(candidate.end()..)
            .and_then(|text| text.chars().next());
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
    })
}

/// Whether the last character is the one the other fifteen ask for (mod 26).
fn has_right_check_character(code: &str) -> bool {
    let Some((body, check)) = code.split_at_checked(15) else {
        return false;
    };
    let values = body.chars().enumerate().map(|(place, letter)| {
        let value = letter
            .to_digit(10)
            .unwrap_or_else(|| u32::from(letter) - u32::from('A'));
        // Places are counted from one: the first is odd.
        let odd = usize::try_from(value).ok().and_then(|value| ODD.get(value));
        if place % 2 == 0 {
            odd.copied().unwrap_or(0)
        } else {
            value
        }
    });
    let expected = char::from_u32(u32::from('A') + values.sum::<u32>() % 26);
    expected.is_some() && check.chars().next() == expected
}

/// Whether eleven digits are a partita IVA (Luhn, D.M. 23 December 1976) and not all the same.
pub(super) fn is_partita_iva(found: &Captures<'_>, _: &str) -> bool {
    let digits = digits(found);
    let sum: u32 = digits
        .iter()
        .enumerate()
        .map(|(place, digit)| match place % 2 {
            0 => *digit,
            _ if *digit > 4 => digit * 2 - 9,
            _ => digit * 2,
        })
        .sum();
    let is_one_digit = digits.iter().all(|digit| digits.first() == Some(digit));
    digits.len() == 11 && sum.is_multiple_of(10) && !is_one_digit
}

/// Whether a candidate begins with an IBAN: right length for its country and remainder 1 modulo
/// 97 (ISO 7064). One in the Italian form is refused with wrong check digits too.
pub(super) fn is_iban(found: &Captures<'_>, _: &str) -> bool {
    let code = compact(found);
    let country = code.get(..2).unwrap_or_default();
    let length = IBAN_LENGTHS.iter().find(|(known, _)| *known == country);
    let Some(iban) = length.and_then(|(_, length)| code.get(..*length)) else {
        return false;
    };
    has_italian_form(iban) || remainder_97(iban) == 1
}

/// `IT`, two check digits, one letter, ten digits, twelve characters.
fn has_italian_form(iban: &str) -> bool {
    let bytes = iban.as_bytes();
    let are_digits = |from: usize, to: usize| {
        bytes
            .get(from..to)
            .is_some_and(|part| part.iter().all(u8::is_ascii_digit))
    };
    iban.starts_with("IT")
        && are_digits(2, 4)
        && bytes.get(4).is_some_and(u8::is_ascii_uppercase)
        && are_digits(5, 15)
}

/// The number an IBAN stands for, modulo 97.
fn remainder_97(iban: &str) -> u32 {
    let (start, rest) = iban.split_at_checked(4).unwrap_or((iban, ""));
    rest.chars()
        .chain(start.chars())
        .fold(0, |remainder, letter| {
            let value = letter.to_digit(36).unwrap_or(0);
            let shift = if value > 9 { 100 } else { 10 };
            (remainder * shift + value) % 97
        })
}

/// Whether a number with a leading zero is as long as a phone.
pub(super) fn is_fixed_phone(found: &Captures<'_>, _: &str) -> bool {
    (8..=11).contains(&digits(found).len())
}

/// Whether a pair of numbers is a point inside the bounds of Italy, in either order.
pub(super) fn is_in_italy(found: &Captures<'_>, _: &str) -> bool {
    let number = |place: usize| -> f64 {
        let text = format!("{}.{}", group(found, place), group(found, place + 1));
        text.parse().unwrap_or(0.0)
    };
    let (one, other) = (number(2), number(4));
    let is_point = |lat: f64, lon: f64| (35.2..47.2).contains(&lat) && (6.5..18.6).contains(&lon);
    is_point(one, other) || is_point(other, one)
}

/// Whether a street word, a name and a number are an address and not a course, a way of sending
/// or a quantity.
pub(super) fn is_address(found: &Captures<'_>, _: &str) -> bool {
    let street = group(found, 2).to_lowercase();
    let name = group(found, 3).to_lowercase();
    let number = group(found, 4);
    let mut words = name.split_whitespace();
    let first = words.next().unwrap_or_default();
    let second = words.next().unwrap_or_default();
    let follows = group(found, 5).to_lowercase();
    let is_other = matches!(street.as_str(), "corso" | "via" | "largo" | "strada")
        && NOT_A_STREET.contains(&first)
        && second != "porta"
        && !(street == "via" && first == "di");
    let is_year = number.len() == 4 && (number.starts_with("19") || number.starts_with("20"));
    !is_other && !is_year && !MEASURES.contains(&follows.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_character_of_a_codice_fiscale_is_the_published_one() {
        // The example of the Agenzia delle entrate's description, MRTMTT25D09F205Z.
        assert!(has_right_check_character("MRTMTT25D09F205Z"));
        assert!(has_right_check_character("RSSMRA85T10A562S"));
        assert!(!has_right_check_character("RSSMRA85T10A562T"));
    }

    #[test]
    fn the_published_iban_examples_leave_one() {
        for iban in [
            "IT60X0542811101000000123456",
            "GB82WEST12345698765432",
            "DE89370400440532013000",
        ] {
            assert_eq!(remainder_97(iban), 1, "{iban}");
        }
        assert_ne!(remainder_97("GB82WEST12345698765433"), 1);
    }
}
