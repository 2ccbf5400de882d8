//! The gate at the door: does a text hold something that points to one person?
//!
//! A text is first brought to one form (NFKC, no invisible characters), then looked through for
//! codice fiscale, partita IVA, IBAN, e-mail, phones, addresses, dates of birth, coordinates and
//! documents, each allowed to be spaced or dotted. Where a number has a check character the check
//! decides; only a codice fiscale is refused with a wrong one too, since it is still somebody's,
//! mistyped. Most texts are let through at once, by one pass that proves them harmless.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex, RegexSet};
use unicode_normalization::UnicodeNormalization;

mod checks;
mod harmless;

/// What was found in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum IdentifierKind {
    /// Codice fiscale of a person.
    CodiceFiscale,
    /// Partita IVA.
    PartitaIva,
    /// Bank account.
    Iban,
    /// E-mail address.
    Email,
    /// Mobile or fixed phone.
    Phone,
    /// Street address with a number.
    Address,
    /// Date of birth.
    BirthDate,
    /// Point inside Italy with three decimals or more.
    Coordinates,
    /// Identity card or driving license.
    Document,
}

impl IdentifierKind {
    /// Code of the rule, as written to the rejects.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::CodiceFiscale => "identifier_codice_fiscale",
            Self::PartitaIva => "identifier_partita_iva",
            Self::Iban => "identifier_iban",
            Self::Email => "identifier_email",
            Self::Phone => "identifier_phone",
            Self::Address => "identifier_address",
            Self::BirthDate => "identifier_birth_date",
            Self::Coordinates => "identifier_coordinates",
            Self::Document => "identifier_document",
        }
    }
}

/// Decides whether a match of a pattern is the real thing.
type Check = fn(&Captures<'_>, &str) -> bool;

/// One way a person can be pointed to.
struct Detector {
    /// What it finds.
    kind: IdentifierKind,
    /// Pattern; group 1 is the candidate.
    pattern: &'static str,
    /// What the pattern cannot say.
    check: Check,
}

/// Every detector, in the order in which a text is judged.
const DETECTORS: [Detector; 13] = [
    Detector {
        kind: IdentifierKind::Email,
        pattern: r"(?i)([a-z0-9._%+\-]+\s*(?:@|[(\[]\s*(?:at|chiocciola)\s*[)\]])\s*[a-z0-9\-]+(?:\s*\.\s*[a-z0-9\-]+)*\s*\.\s*[a-z]{2,})",
        check: always,
    },
    Detector {
        kind: IdentifierKind::CodiceFiscale,
        pattern: r"(?i)([a-z](?:[\s._/\-]*[a-z]){5}(?:[\s._/\-]*[0-9lmnpqrstuv]){2}[\s._/\-]*[a-ehlmprst](?:[\s._/\-]*[0-9lmnpqrstuv]){2}[\s._/\-]*[a-z](?:[\s._/\-]*[0-9lmnpqrstuv]){3}[\s._/\-]*[a-z])",
        check: checks::is_codice_fiscale,
    },
    Detector {
        kind: IdentifierKind::Iban,
        pattern: r"(?i)(?:^|[^a-z0-9])([a-z]{2}[ .\-]?[0-9]{2}(?:[ .\-]?[a-z0-9]){11,40})",
        check: checks::is_iban,
    },
    Detector {
        kind: IdentifierKind::BirthDate,
        pattern: r"(?i)\b((?:nat[oaie]|nascit[ao]|n\.)\b[^0-9]{0,40}(?:[0-3]?[0-9]\s*[/.\-\s]\s*(?:[01]?[0-9]|gen[a-z]*|feb[a-z]*|mar[a-z]*|apr[a-z]*|mag[a-z]*|giu[a-z]*|lug[a-z]*|ago[a-z]*|set[a-z]*|ott[a-z]*|nov[a-z]*|dic[a-z]*)\s*[/.\-\s]\s*(?:19|20)?[0-9]{2}|(?:19|20)[0-9]{2}-[01][0-9]-[0-3][0-9]))\b",
        check: always,
    },
    Detector {
        kind: IdentifierKind::Address,
        pattern: r"(?i)\b((via|viale|v\.le|piazza|piazzale|p\.zza|p\.za|p\.le|corso|c\.so|largo|vicolo|strada)\s+((?:[\p{L}.'’]+\s+){0,5}[\p{L}.'’]+)\s*,?\s*(?:n\.?\s*[°r]?\.?|num\.?|numero|civico|nr\.?)?\s*([0-9]{1,4})(?:\s*/\s*[a-z0-9]+|[a-z])?)(?:[^\p{L}0-9]|$)\s*(\p{L}+)?",
        check: checks::is_address,
    },
    Detector {
        kind: IdentifierKind::Coordinates,
        pattern: r"(?i)(?:^|[^0-9.,])(([0-9]{1,2})[.,]([0-9]{3,})[\s°ne,;:/]*(?:lat|lon|long|lng|e|o)*[\s°:=,;]*([0-9]{1,2})[.,]([0-9]{3,}))(?:[^0-9]|$)",
        check: checks::is_in_italy,
    },
    Detector {
        kind: IdentifierKind::Phone,
        pattern: r"(?:^|[^0-9])((?:\+|00)39[ ./\-]?[0-9](?:[ ./\-]?[0-9]){5,10})(?:[^0-9]|$)",
        check: always,
    },
    Detector {
        kind: IdentifierKind::Phone,
        pattern: r"(?:^|[^0-9,])((?:39[ .\-])?3[ .\-]?[1-9](?:[ .\-]?[0-9]){7,8}|3[1-9][0-9]/[0-9](?:[ .\-]?[0-9]){5,6})(?:[^0-9]|$)",
        check: always,
    },
    Detector {
        kind: IdentifierKind::Phone,
        pattern: r"(?:^|[^0-9.,])(0[1-9][0-9]{0,2}[ ./\-][0-9](?:[ .\-]?[0-9]){4,7}|0[1-9][0-9]{7,9})(?:[^0-9]|$)",
        check: checks::is_fixed_phone,
    },
    Detector {
        kind: IdentifierKind::PartitaIva,
        pattern: r"(?i)(?:^|[^0-9])((?:[0-9][ .]?){10}[0-9])(?:[^0-9]|$)",
        check: checks::is_partita_iva,
    },
    Detector {
        kind: IdentifierKind::Document,
        pattern: r"(?:^|[^\p{L}0-9])([A-Z]{2} ?[0-9]{7}[A-Z]?|C[A-Z] ?[0-9]{5} ?[A-Z]{2})(?:[^\p{L}0-9]|$)",
        check: always,
    },
    Detector {
        kind: IdentifierKind::Document,
        pattern: r"(?i)\b((?:carta\s+d['’]?\s*identit[aà]['’]?|c\.?\s?i\.?|cie|patente|documento|passaporto)\b[^0-9]{0,20}?\b[a-z]{2}[ \-]?[0-9]{5,7}[a-z]{0,2})(?:[^\p{L}0-9]|$)",
        check: always,
    },
    Detector {
        kind: IdentifierKind::Document,
        pattern: r"(?i)\b([a-z]{2}[0-9]{5}[a-z]{2})(?:[^\p{L}0-9]|$)",
        check: always,
    },
];

/// All patterns in one automaton: says which detectors deserve a second look.
static SET: LazyLock<Option<RegexSet>> =
    LazyLock::new(|| RegexSet::new(DETECTORS.map(|detector| detector.pattern)).ok());

/// The patterns one by one.
static PATTERNS: LazyLock<Vec<Option<Regex>>> = LazyLock::new(|| {
    DETECTORS
        .map(|detector| Regex::new(detector.pattern).ok())
        .into()
});

/// Dates, which would otherwise be taken for phones.
static DATES: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"\b(?:[0-3]?[0-9][/.\-][01]?[0-9][/.\-](?:19|20)[0-9]{2}|(?:19|20)[0-9]{2}-[01][0-9]-[0-3][0-9])\b").ok()
});

/// The check of a pattern that says everything.
fn always(_: &Captures<'_>, _: &str) -> bool {
    true
}

/// The first direct identifier found in a text, if there is one.
pub(crate) fn find(text: &str) -> Option<IdentifierKind> {
    if harmless::is_harmless(text) {
        return None;
    }
    find_anywhere(text)
}

/// The first direct identifier, looked for with every pattern.
fn find_anywhere(text: &str) -> Option<IdentifierKind> {
    let plain = normalized(text);
    // A set that cannot be built would let everything through: a test holds that it can.
    let hits = SET.as_ref()?.matches(&plain);
    let undated = if hits.matched_any() {
        without_dates(&plain)
    } else {
        return None;
    };
    hits.into_iter()
        .find_map(|place| judge(place, &plain, &undated))
}

/// Lets one detector look at every match of its pattern.
fn judge(place: usize, plain: &str, undated: &str) -> Option<IdentifierKind> {
    let detector = DETECTORS.get(place)?;
    let pattern = PATTERNS.get(place)?.as_ref()?;
    let is_phone = detector.kind == IdentifierKind::Phone;
    let text = if is_phone { undated } else { plain };
    let mut start = 0;
    while let Some(found) = pattern.captures_at(text, start) {
        if (detector.check)(&found, text) {
            return Some(detector.kind);
        }
        // Candidates may overlap: go on one character after the start of this one.
        let candidate = found.get(1)?;
        let first = text.get(candidate.start()..)?.chars().next()?;
        start = candidate.start() + first.len_utf8();
    }
    None
}

/// The text in one form: NFKC, invisible characters left out.
fn normalized(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let letters = text.nfkc().filter(|letter| !is_invisible(*letter));
    Cow::Owned(letters.collect())
}

/// Whether a character has no width.
pub(crate) fn is_invisible(letter: char) -> bool {
    matches!(
        letter,
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}'
    )
}

/// The text with its dates blotted out.
fn without_dates(text: &str) -> Cow<'_, str> {
    match DATES.as_ref() {
        Some(dates) => dates.replace_all(text, "#"),
        None => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_pattern_can_be_built() {
        assert!(SET.is_some() && DATES.is_some());
        assert!(PATTERNS.iter().all(Option::is_some));
    }

    /// Texts and what is in them; all invented.
    const FOUND: &[(&str, IdentifierKind)] = &[
        ("RSSMRA85T10A562S", IdentifierKind::CodiceFiscale),
        ("cf rssmra85t10a562s grazie", IdentifierKind::CodiceFiscale),
        ("RSS MRA 85T10 A562S", IdentifierKind::CodiceFiscale),
        ("RSS-MRA-85T10-A562-S", IdentifierKind::CodiceFiscale),
        ("RSS\u{200b}MRA85T10A562S", IdentifierKind::CodiceFiscale),
        ("RSSMRA85T10A562X", IdentifierKind::CodiceFiscale),
        ("RSSMRA85T10A56NH", IdentifierKind::CodiceFiscale),
        ("RSSMRA85T10A562Ｓ", IdentifierKind::CodiceFiscale),
        ("CF:RSSMRA85T10A562S.", IdentifierKind::CodiceFiscale),
        ("p.iva 12345678903", IdentifierKind::PartitaIva),
        ("IT12345678903", IdentifierKind::PartitaIva),
        ("IT60X0542811101000000123456", IdentifierKind::Iban),
        (
            "IT60 X054 2811 1010 0000 0123 456 grazie mille",
            IdentifierKind::Iban,
        ),
        (
            "bonifico su DE89 3704 0044 0532 0130 00 entro domani",
            IdentifierKind::Iban,
        ),
        ("it60x0542811101000000123456", IdentifierKind::Iban),
        (
            "scrivere a pippo.topolino@example.org",
            IdentifierKind::Email,
        ),
        ("pippo (at) example.org", IdentifierKind::Email),
        ("pippo @ example . org", IdentifierKind::Email),
        ("pippo＠example.org", IdentifierKind::Email),
        ("chiamare 347 1234567", IdentifierKind::Phone),
        ("3471234567", IdentifierKind::Phone),
        ("347.123.45.67", IdentifierKind::Phone),
        ("347/1234567", IdentifierKind::Phone),
        ("3 4 7 1 2 3 4 5 6 7", IdentifierKind::Phone),
        ("+39 347 1234567", IdentifierKind::Phone),
        ("0039 02 1234567", IdentifierKind::Phone),
        ("tel. 02 12345678", IdentifierKind::Phone),
        ("0323-401234", IdentifierKind::Phone),
        ("039/123456", IdentifierKind::Phone),
        ("0212345678", IdentifierKind::Phone),
        ("３４７１２３４５６７", IdentifierKind::Phone),
        ("dal 12/05/2024 chiamare 347 1234567", IdentifierKind::Phone),
        ("abito in via Roma 12", IdentifierKind::Address),
        ("VIA GIUSEPPE GARIBALDI, 3/B", IdentifierKind::Address),
        ("piazza della Repubblica n. 5", IdentifierKind::Address),
        ("corso di Porta Ticinese 14", IdentifierKind::Address),
        ("Corso Italia 7", IdentifierKind::Address),
        ("v.le Monza 120 int. 4", IdentifierKind::Address),
        ("largo Augusto 1", IdentifierKind::Address),
        ("vicolo dell'Orto 2", IdentifierKind::Address),
        ("via XX Settembre 12", IdentifierKind::Address),
        ("nata il 3/4/1950", IdentifierKind::BirthDate),
        ("nato a Lodi il 12 maggio 1948", IdentifierKind::BirthDate),
        ("data di nascita: 01.02.1960", IdentifierKind::BirthDate),
        ("posizione 45.4642, 9.1900", IdentifierKind::Coordinates),
        ("lat 45.464 lon 9.190", IdentifierKind::Coordinates),
        ("9.19000 45.46420", IdentifierKind::Coordinates),
        ("carta AX1234567", IdentifierKind::Document),
        ("CA12345AA", IdentifierKind::Document),
        ("patente MI1234567A", IdentifierKind::Document),
        ("carta d'identità n. AB12345", IdentifierKind::Document),
    ];

    #[test]
    fn what_points_to_a_person_is_found() {
        for (text, kind) in FOUND {
            assert_eq!(find(text), Some(*kind), "{text}");
        }
    }

    #[test]
    fn what_only_looks_alike_is_let_through() {
        for text in [
            "",
            "compagnia la sera",
            "annuncio 3471: 120 euro",
            "dal 12/05/2024",
            "dal 12/05/2024 al 30/06/2024",
            "il 31-12-2024 alle 10",
            "dalle 09.30 alle 12.30",
            "codice LC-0001234",
            "M0001234",
            "comune 015146",
            "C0004211",
            "S004211",
            "SEDE-01",
            "corso di italiano 2",
            "corso base 12 lezioni",
            "corso di cucito 10 incontri",
            "via libera a 3 persone",
            "via mail entro 3 giorni",
            "largo ai giovani 2",
            "costo 1.234,50 euro",
            "12.000 euro e 45.000 euro",
            "A2.14",
            "2024-03-09T16:00:00Z",
            "classe 5 e 6",
            "3 volte a settimana, 2 ore",
            "aperto 24 ore su 24, 7 giorni su 7",
            "numero 12345678901",
            "temperatura 45.4 e 9.2",
            "perché così è più facile",
            "internazionalizzazione",
            "piano 3, scala B",
            "75-84",
            "OP012",
            "W-012",
            "2024-1",
            "nato per aiutare 3 famiglie",
            "tel",
            "@",
        ] {
            assert_eq!(find(text), None, "{text}");
        }
    }

    /// Pieces of texts in which something may hide, put together at random.
    const PIECES: &str = "(via|Via |viale|piazza|p\\.za|c\\.so|corso |largo|strada|nat[oa]|nascita|n\\.|di|it|IT|de|CA|ci|cie|patente|tel|at|RSSMRA|rss|mra|T10|A562S|lmnpqrst|x|[A-Z]{1,3}|[a-z]{1,7}|[0-9]{1,5}|[0-9]|[ .,:/\\-]|è|à|Ì|ſ|°|’|@|\\(|\\)|_|\n|\u{200b}|１)";

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn what_is_proved_harmless_holds_nothing(pieces in proptest::collection::vec(PIECES, 0..9)) {
            let text = pieces.concat();
            if harmless::is_harmless(&text) {
                prop_assert_eq!(find_anywhere(&text), None, "{}", text);
            }
        }
    }

    #[test]
    fn everyday_texts_are_proved_harmless_at_once() {
        for text in [
            "annuncio 3059: cerco aiuto in zona, disponibile al mattino",
            "annuncio 17: cerco aiuto in zona",
            "attività ludiche il martedì",
            "dalle 15, due volte a settimana",
        ] {
            assert!(harmless::is_harmless(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,60}") {
            let _ = find(&text);
        }

        #[test]
        fn any_mobile_is_found_wherever_it_stands(number in "3[2-9][0-9]{8}", before in "[a-z ]{0,10}", after in "[a-z ]{0,10}") {
            let text = format!("{before} {number} {after}");
            prop_assert!(find(&text).is_some(), "{}", text);
        }
    }
}
