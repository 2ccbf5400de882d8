//! What people write: stock phrases without anything personal in them, and, where the sample
//! plants one, a direct identifier of somebody from fiction.
//!
//! The identifiers are well formed, check characters included, because a gate that only knows the
//! shape would be judged too kindly otherwise. They belong to nobody.

use super::draw::Draw;

/// The rules of the identifiers planted, in the order in which they take turns.
pub(crate) const RULES: [&str; 6] = [
    "codice_fiscale",
    "codice_fiscale_omocodia",
    "email",
    "phone",
    "iban",
    "address",
];

/// Phrases without digits, names or addresses.
const PHRASES: [&str; 14] = [
    "preferibilmente al mattino",
    "serve qualcuno con un po' di pazienza",
    "solo nei giorni feriali",
    "anche per poche ore",
    "disponibile nel fine settimana",
    "serve l'auto",
    "va bene anche in gruppo",
    "abitazione al piano alto senza ascensore",
    "prima volta che chiediamo aiuto",
    "ci siamo trovati bene in passato",
    "meglio il pomeriggio",
    "possibilmente la stessa persona",
    "con continuità per alcuni mesi",
    "è una situazione temporanea",
];

/// Names of fiction: six letters of a codice fiscale, and how the name is written.
const FICTION: [(&str, &str); 6] = [
    ("BRTPCC", "pinocchio.burattino"),
    ("FLGGPP", "geppetto.falegname"),
    ("TGRSDK", "sandokan.tigre"),
    ("MCCTRL", "tremal.naik"),
    ("DLCLCU", "lucia.filatrice"),
    ("TRMRNZ", "renzo.tramaglino"),
];

/// Streets of fiction.
const STREETS: [&str; 5] = [
    "via dei Burattini",
    "piazza delle Meraviglie",
    "viale della Luna Nuova",
    "corso Immaginario",
    "vicolo del Gatto e della Volpe",
];

/// A phrase with nothing personal in it.
pub(crate) fn phrase(draw: &mut Draw) -> &'static str {
    draw.pick::<&str>(&PHRASES)
}

/// A sentence that holds one identifier of the rule.
pub(crate) fn sentence_with(rule: &str, draw: &mut Draw) -> String {
    match rule {
        "codice_fiscale" => format!("il codice fiscale è {}", codice_fiscale(draw)),
        "codice_fiscale_omocodia" => format!("cf {} come da tessera", omocodia(draw)),
        "email" => format!("scrivere a {}", email(draw)),
        "phone" => format!("chiamare il {} dopo cena", phone(draw)),
        "iban" => format!("rimborso su {}", iban(draw)),
        _ => format!("abita in {} {}", draw.pick(&STREETS), draw.between(1, 99)),
    }
}

/// A codice fiscale with its check character.
fn codice_fiscale(draw: &mut Draw) -> String {
    let (letters, _) = *draw.pick(&FICTION);
    let month = *draw.pick(&["A", "C", "E", "L", "P", "T"]);
    let stem = format!(
        "{letters}{:02}{month}{:02}F205",
        draw.between(30, 99),
        draw.between(1, 28)
    );
    with_check(&stem)
}

/// A codice fiscale whose last two digits are letters, as issued when two would be equal.
fn omocodia(draw: &mut Draw) -> String {
    const LETTERS: [char; 10] = ['L', 'M', 'N', 'P', 'Q', 'R', 'S', 'T', 'U', 'V'];
    let plain = codice_fiscale(draw);
    let stem: String = plain
        .chars()
        .take(15)
        .enumerate()
        .map(|(place, sign)| match sign.to_digit(10) {
            Some(digit) if place >= 13 => LETTERS[usize::try_from(digit).unwrap_or(0)],
            _ => sign,
        })
        .collect();
    with_check(&stem)
}

/// Fifteen characters and the check character (decree of 12 March 1974): the characters in odd
/// places count by a table, those in even places by their rank; the sum modulo 26 is the letter.
fn with_check(stem: &str) -> String {
    const ODD: [usize; 26] = [
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24,
        23,
    ];
    let sum: usize = stem
        .bytes()
        .enumerate()
        .map(|(place, sign)| {
            let first = if sign.is_ascii_digit() { b'0' } else { b'A' };
            let rank = usize::from(sign - first);
            if place % 2 == 0 { ODD[rank] } else { rank }
        })
        .sum();
    let check = char::from(b'A' + u8::try_from(sum % 26).unwrap_or(0));
    format!("{stem}{check}")
}

/// An address of electronic mail at a domain reserved for examples.
fn email(draw: &mut Draw) -> String {
    let (_, name) = *draw.pick(&FICTION);
    format!("{name}@example.org")
}

/// A mobile or fixed number, in one of the ways people write it.
fn phone(draw: &mut Draw) -> String {
    let last = draw.between(1000, 9999);
    match draw.below(4) {
        0 => format!("333 000{last}"),
        1 => format!("+39 347.000.{last}"),
        2 => format!("0039 02 0000{last}"),
        _ => format!("3280 00{last}"),
    }
}

/// An IBAN whose remainder modulo 97 is one (ISO 7064).
fn iban(draw: &mut Draw) -> String {
    let account = format!("X0000000000{:012}", draw.between(1, 999_999_999));
    let numeric: String = format!("{account}IT00")
        .chars()
        .map(|sign| {
            sign.to_digit(36)
                .map_or_else(String::new, |value| value.to_string())
        })
        .collect();
    format!("IT{:02}{account}", 98 - remainder_97(&numeric))
}

/// The remainder modulo 97 of a long decimal number.
fn remainder_97(digits: &str) -> u32 {
    digits
        .chars()
        .filter_map(|sign| sign.to_digit(10))
        .fold(0, |sum, digit| (sum * 10 + digit) % 97)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_character_is_that_of_the_well_known_example() {
        assert_eq!(with_check("RSSMRA85T10A562"), "RSSMRA85T10A562S");
    }

    #[test]
    fn an_iban_leaves_one_modulo_97() {
        let mut draw = Draw::new(1, 1);
        for _ in 0..20 {
            let iban = iban(&mut draw);
            assert_eq!(iban.len(), 27);
            let turned = format!("{}{}", &iban[4..], &iban[..4]);
            let numeric: String = turned
                .chars()
                .map(|sign| sign.to_digit(36).unwrap().to_string())
                .collect();
            assert_eq!(remainder_97(&numeric), 1);
        }
    }

    #[test]
    fn an_omocodia_ends_in_letters() {
        let mut draw = Draw::new(1, 1);
        assert!(
            omocodia(&mut draw)
                .chars()
                .skip(13)
                .all(|sign| sign.is_ascii_uppercase())
        );
    }

    #[test]
    fn a_phrase_holds_no_digit() {
        assert!(
            PHRASES
                .iter()
                .all(|phrase| !phrase.contains(|sign: char| sign.is_ascii_digit()))
        );
    }
}
