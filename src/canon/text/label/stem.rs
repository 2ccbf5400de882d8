//! A light stemmer for Italian nouns and adjectives: number always, gender where the word is long.
//!
//! The method is that of Savoy's light stemmer, which takes off the last vowel, the `h` that keeps a `c` or
//! `g` hard before it, and the `i` of a diphthong: J. Savoy, *Report on CLEF-2001 experiments*, CLEF 2001,
//! LNCS 2406, pp. 27-43. It leaves words of five letters and fewer alone, which are many among labels
//! (`spesa`, `corso`, `casa`, `rete`), so those are treated here as well: the vowel is not taken off but
//! replaced by the one of the singular, and `casa` and `caso`, `posto` and `posta` stay two words.
//!
//! ```text
//! anziano, anziani, anziana, anziane → anzian      casa, case → casa      caso, casi → caso
//! banca, banche → banca   banco, banchi → banco    rete, reti → rete      famiglia, famiglie → famiglia
//! ```

/// Fewest letters before the ending for which gender is left out too.
const N_LONG: usize = 5;

/// Nouns and adjectives in `-e`, `-i` with fewer letters before the ending: their plural looks like one of
/// a word in `-o`, and their singular like a plural of one in `-a`.
const SHORT_IN_E: &[&str] = &[
    "abil", "amor", "art", "bas", "ben", "brev", "can", "carn", "cener", "con", "cort", "croc",
    "cuor", "dent", "dolc", "ent", "esam", "fam", "fas", "febbr", "fin", "fior", "font", "fort",
    "gent", "grav", "latt", "legg", "luc", "madr", "mal", "mar", "ment", "mes", "mont", "mort",
    "nav", "nom", "nott", "ordin", "oss", "padr", "pan", "part", "pesc", "pied", "pont", "ret",
    "sal", "sed", "serv", "sol", "test", "util", "vall", "verd", "voc",
];

/// A word without number and, if it is long, without gender; lower case, no accents.
///
/// What comes out stays as it is when it is put in again: each pass shortens a word or leaves it.
pub(super) fn stem(word: &str) -> String {
    let mut stem = once(word);
    loop {
        let next = once(&stem);
        if next.len() >= stem.len() {
            return stem;
        }
        stem = next;
    }
}

/// One pass.
fn once(word: &str) -> String {
    let word = feminine_of_agent(word);
    let Some(last) = word.chars().last().filter(|last| "aeio".contains(*last)) else {
        return word;
    };
    let without = word.strip_suffix(last).unwrap_or(&word);
    if without.chars().count() < 2 {
        return word;
    }
    let base = bare(without, last);
    let is_long = base.chars().count() >= N_LONG;
    let ends_in_vowel = base.ends_with(['a', 'e', 'i', 'o']);
    if is_long && !ends_in_vowel {
        return base.to_owned();
    }
    format!("{base}{}", singular(base, last))
}

/// `educatrice` and `educatrici` as `educatore`.
fn feminine_of_agent(word: &str) -> String {
    let base = ["trice", "trici"]
        .iter()
        .find_map(|ending| word.strip_suffix(ending));
    match base {
        Some(base) if base.chars().count() > 2 => format!("{base}tore"),
        _ => word.to_owned(),
    }
}

/// What is left of a word when its last vowel is gone: also without an `h` or `i` that only says how to read it.
fn bare(without: &str, last: char) -> &str {
    let shorter = match (last, without.chars().last()) {
        ('e' | 'i', Some('h')) => without.strip_suffix('h'),
        ('o', Some('i')) if without.ends_with("hi") => without.strip_suffix("hi"),
        ('o' | 'i', Some('i')) => without.strip_suffix('i'),
        ('a' | 'e', Some('i')) => without
            .strip_suffix('i')
            .filter(|base| is_silent_after(base)),
        _ => None,
    };
    let long_enough = shorter.filter(|base| base.chars().count() > 2);
    long_enough.unwrap_or(without)
}

/// Whether the `i` of `-ia`, `-ie` goes too: in `spiaggia`, `provincia`, `sanitaria`, not in `compagnia`.
fn is_silent_after(base: &str) -> bool {
    ["r", "cc", "gg", "sc", "nc"]
        .iter()
        .any(|ending| base.ends_with(ending))
}

/// The vowel of the singular.
fn singular(base: &str, last: char) -> char {
    match last {
        'e' | 'i' if SHORT_IN_E.contains(&base) => 'e',
        'a' | 'e' => 'a',
        _ => 'o',
    }
}
