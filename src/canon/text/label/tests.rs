//! Labels that must and must not fall together, and what must hold for any text.

use proptest::prelude::*;

use super::*;

/// Labels with what they mean.
const JUDGED: &str = include_str!("judged.csv");

/// Pairs of judged labels: rightly together, wrongly together, wrongly apart.
fn pairs() -> (usize, Vec<String>, Vec<String>) {
    let mut reader = csv::Reader::from_reader(JUDGED.as_bytes());
    let rows: Vec<(String, String)> = reader
        .records()
        .map(Result::unwrap)
        .map(|row| (row[0].to_owned(), row[1].to_owned()))
        .collect();
    let (mut together, mut wrong, mut missed) = (0, Vec::new(), Vec::new());
    for (place, (one, meaning)) in rows.iter().enumerate() {
        for (other, other_meaning) in &rows[place + 1..] {
            let is_same_key = key(one).is_some() && key(one) == key(other);
            let pair = format!("{one} / {other}");
            match (is_same_key, meaning == other_meaning) {
                (true, true) => together += 1,
                (true, false) => wrong.push(pair),
                (false, true) => missed.push(pair),
                (false, false) => {}
            }
        }
    }
    (together, wrong, missed)
}

#[test]
fn labels_of_one_meaning_fall_together_and_others_do_not() {
    let (n_together, wrong, missed) = pairs();
    assert_eq!(wrong, Vec::<String>::new());
    // Irregular plurals, other words for the same thing, a verb and two writings of compounds stay apart.
    assert_eq!(
        missed,
        [
            "uomo / uomini",
            "dottore / dottoressa",
            "pc / computer",
            "trasporto / trasportare",
            "trasporti / trasportare",
            "amico / amiche",
            "amici / amiche",
            "doposcuola / dopo scuola",
            "doposcuola / dopo-scuola",
            "babysitter / baby sitter",
            "babysitter / Baby-sitter",
        ]
    );
    // As stated in docs/new-words.md: precision 1, recall N/(N + 11).
    assert_eq!(n_together, 127);
}

#[test]
fn the_key_leaves_out_what_does_not_matter() {
    for (label, expected) in [
        ("Identità  Digitale", "digital identit"),
        ("RIFUGIO dal caldo!", "caldo rifug"),
        ("l'amicizia", "amicizia"),
        ("A.D.I.", "ado"),
        ("adi", "ado"),
        ("C.A.F. di zona", "caf zona"),
        ("vitamina D", "vitamin"),
        ("corso 2024", "corso"),
        ("Legge 104", "104 legge"),
        ("over 65", "65 over"),
        ("spesa, spese e spesa", "spesa"),
        ("identita\u{300} digitale", "digital identit"),
        ("iden\u{ad}tità digitale", "digital identit"),
    ] {
        assert_eq!(key(label).as_deref(), Some(expected), "{label}");
    }
}

#[test]
fn what_says_nothing_or_may_point_to_a_person_has_no_key() {
    for label in [
        "",
        " - ",
        "di e con la",
        "12",
        "2024",
        "x",
        "RSSMRA85T10A562S",
        "tel. 02 12345678",
        "via Roma 12",
        "Maria Rossi",
        "rossi mario",
        "Sig.ra Bianchi",
        "dott. Verdi",
        "pratica 0012345",
        "LC-0001234",
        "W012",
        "cerco una persona che mi accompagni ogni martedì mattina presto al mercato coperto con il cane",
    ] {
        assert_eq!(key(label), None, "{label}");
        assert!(phrases(label).is_empty(), "{label}");
    }
}

#[test]
fn a_phrase_is_seen_inside_a_longer_label() {
    let found: Vec<(String, String)> = phrases("Aiuto per  l'identità digitale")
        .into_iter()
        .map(|phrase| (phrase.key, phrase.form))
        .collect();
    let expected = [
        ("aiuto digital identit", "aiuto per l'identità digitale"),
        ("aiuto identit", "aiuto per l'identità"),
        ("digital identit", "identità digitale"),
        ("aiuto", "aiuto"),
        ("identit", "identità"),
        ("digital", "digitale"),
    ];
    let expected = expected.map(|(key, form)| (key.to_owned(), form.to_owned()));
    assert_eq!(found, expected);
    assert_eq!(phrases("corso corsi")[0].form, "corso corsi");
    assert_eq!(phrases("legge 104").len(), 2);
    let long = "uno due tre quattro cinque sei sette otto nove dieci";
    assert_eq!(phrases(long).len(), MAX_PHRASES);
}

#[test]
fn labels_are_compared_by_their_words() {
    assert_eq!(stems("Servizio per l'affidamento dei minori").len(), 3);
    assert_eq!(stems("minori 104"), BTreeSet::from(["minor".to_owned()]));
    assert_eq!(stems("104").len(), 0);
}

proptest! {
    #[test]
    fn a_key_is_its_own_key(label in "([a-zàèéìòù]{1,9}|[0-9]{1,4}|[A-Z]\\.|\\PC)( |'|-|\\.|  )?(di |dell'|[a-z]{2,8}(o|a|e|i|he|io|ia|ie|trice)? ?){0,4}") {
        if let Some(key) = key(&label) {
            prop_assert_eq!(super::key(&key), Some(key.clone()), "{}", label);
        }
    }

    #[test]
    fn case_accents_apostrophes_and_blanks_do_not_matter(label in "[a-zàèéìòù]{2,9}( [a-zàèéìòù]{2,9}){0,3}") {
        let bare: String = label.nfd().filter(|letter| !is_combining_mark(*letter)).collect();
        let expected = key(&label);
        prop_assert_eq!(key(&bare), expected.clone());
        prop_assert_eq!(key(&label.to_uppercase()), expected.clone());
        prop_assert_eq!(key(&label.nfd().collect::<String>()), expected.clone());
        prop_assert_eq!(key(&format!("  {}' ", label.replace(' ', "  "))), expected.clone());
        prop_assert_eq!(key(&label.replace(' ', "-")), expected);
    }

    #[test]
    fn no_text_makes_it_panic_and_a_label_is_its_own_first_phrase(label in "\\PC{0,40}") {
        let found = phrases(&label);
        prop_assert_eq!(found.first().map(|phrase| phrase.key.clone()), key(&label));
        prop_assert!(found.len() <= MAX_PHRASES);
        for phrase in found {
            prop_assert!(!phrase.form.is_empty());
        }
    }
}
