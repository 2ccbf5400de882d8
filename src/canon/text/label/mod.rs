//! One form for the labels and tags that Italian platforms write, so that the same word is counted once.
//!
//! `Identità  Digitale`, `identita' digitali` and `identità-digitale` are one word for a planner.
//! The key of a label leaves out case, accents, apostrophes, punctuation, articles, prepositions, number
//! and mostly gender; its words are sorted, so that `spesa a domicilio` and `domicilio spesa` meet. The key
//! is for counting, never for showing: what is shown is a form that people wrote.
//!
//! A label is a few words. What is longer than [`MAX_WORDS`], holds an identifier, or looks like the name
//! of a person has no key, and nothing of it is counted.

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::canon::identifiers;

/// Whether a word gives a person away.
mod names;
/// Number and gender.
mod stem;

/// A text with more words than this is no label.
pub(crate) const MAX_WORDS: usize = 12;

/// Phrases are looked for in so many first words of content.
const MAX_PHRASE_SOURCE: usize = 6;

/// The most phrases a label has: itself, then 4 of three words, 5 of two and 6 of one.
#[cfg(test)]
pub(crate) const MAX_PHRASES: usize = 16;

/// Longest phrase inside a longer label, in words.
const LONGEST_PHRASE: usize = 3;

/// Words without content, without accents: articles, prepositions, their contracted and elided forms,
/// and conjunctions. `senza` and `non` are content.
const STOP_WORDS: &[&str] = &[
    "ad", "agl", "agli", "ai", "al", "all", "alla", "alle", "allo", "che", "coi", "col", "coll",
    "con", "cui", "da", "dagl", "dagli", "dai", "dal", "dall", "dalla", "dalle", "dallo", "de",
    "degl", "degli", "dei", "del", "dell", "della", "delle", "dello", "di", "ed", "ex", "fra",
    "gl", "gli", "il", "in", "la", "le", "lo", "ne", "negl", "negli", "nei", "nel", "nell",
    "nella", "nelle", "nello", "od", "per", "quell", "quest", "sant", "se", "su", "sugl", "sugli",
    "sui", "sul", "sull", "sulla", "sulle", "sullo", "tra", "un", "una", "uno",
];

/// A part of a label, and how it was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Phrase {
    /// What it is counted under.
    pub(crate) key: String,
    /// As written, in lower case.
    pub(crate) form: String,
}

/// A word of content.
#[derive(Debug)]
struct Word {
    /// Without number and gender.
    stem: String,
    /// Where it begins in the text.
    start: usize,
    /// Where it ends in the text.
    end: usize,
}

/// The key of a label; none for one without content, for free text, or for one that may point to a person.
pub(crate) fn key(label: &str) -> Option<String> {
    let text = lower(label);
    let words = words(&text)?;
    whole(&words)
}

/// The label itself and the phrases of one to three words inside it, longest first, each key once.
///
/// Words of content stand next to each other in a phrase even where a preposition lay between them.
pub(crate) fn phrases(label: &str) -> Vec<Phrase> {
    let text = lower(label);
    let Some(words) = words(&text) else {
        return Vec::new();
    };
    let Some(key) = whole(&words) else {
        return Vec::new();
    };
    let mut seen = BTreeSet::from([key.clone()]);
    let mut phrases = vec![Phrase {
        key,
        form: written(&text, &words),
    }];
    let source = words.get(..MAX_PHRASE_SOURCE).unwrap_or(&words);
    for length in (1..=LONGEST_PHRASE).rev() {
        for part in source.windows(length) {
            let key = sorted(part);
            let has_letters = key.contains(char::is_alphabetic);
            if has_letters && seen.insert(key.clone()) {
                let form = written(&text, part);
                phrases.push(Phrase { key, form });
            }
        }
    }
    phrases
}

/// Whether all words of a key are among those of another.
pub(crate) fn contains(key: &str, part: &str) -> bool {
    let words: BTreeSet<&str> = key.split(' ').collect();
    part.split(' ').all(|word| words.contains(word))
}

/// The words of a label without number and gender, numbers left out: for comparing labels by their words.
pub(crate) fn stems(label: &str) -> BTreeSet<String> {
    let text = lower(label);
    let words = words(&text).unwrap_or_default();
    let stems = words.into_iter().map(|word| word.stem);
    stems.filter(|stem| !is_number(stem)).collect()
}

/// The key of all words, unless it holds an identifier or says nothing.
fn whole(words: &[Word]) -> Option<String> {
    let key = sorted(words);
    let has_letters = key.contains(char::is_alphabetic);
    (has_letters && identifiers::find(&key).is_none()).then_some(key)
}

/// The stems of some words in alphabetical order, each once.
fn sorted(words: &[Word]) -> String {
    let stems: BTreeSet<&str> = words.iter().map(|word| word.stem.as_str()).collect();
    stems.into_iter().collect::<Vec<_>>().join(" ")
}

/// How some words that follow each other were written.
fn written(text: &str, words: &[Word]) -> String {
    let ends = words.first().zip(words.last());
    let part = ends.and_then(|(first, last)| text.get(first.start..last.end));
    let pieces: Vec<&str> = part.unwrap_or_default().split_whitespace().collect();
    pieces.join(" ")
}

/// The text composed, without characters that have no width, in lower case.
fn lower(label: &str) -> String {
    let seen = label
        .nfkc()
        .filter(|letter| !identifiers::is_invisible(*letter));
    seen.flat_map(char::to_lowercase).nfc().collect()
}

/// The words of content; none where nothing of the label may be counted.
fn words(text: &str) -> Option<Vec<Word>> {
    if identifiers::find(text).is_some() {
        return None;
    }
    let tokens = tokens(text);
    if tokens.len() > MAX_WORDS {
        return None;
    }
    let mut words = Vec::with_capacity(tokens.len());
    for (start, end) in tokens {
        let token = plain(text.get(start..end)?);
        if token.is_empty() || is_stop(&token) {
            continue;
        }
        let stem = stem::stem(&token);
        if names::is_personal(&token) || names::is_personal(&stem) || is_code(&token) {
            return None;
        }
        if !is_stop(&stem) {
            words.push(Word { stem, start, end });
        }
    }
    Some(words)
}

/// Where the words of a text lie. Letters with a point after each, as in `A.D.I.`, are one word.
fn tokens(text: &str) -> Vec<(usize, usize)> {
    let mut tokens: Vec<(usize, usize)> = Vec::new();
    let mut start = None;
    let ends = text.char_indices().chain([(text.len(), ' ')]);
    for (at, letter) in ends {
        let is_inside = letter.is_alphanumeric() || is_combining_mark(letter);
        match (start, is_inside) {
            (None, true) => start = Some(at),
            (Some(first), false) => {
                push(&mut tokens, text, (first, at));
                start = None;
            }
            _ => {}
        }
    }
    tokens
}

/// Adds a word, or lengthens the abbreviation that it goes on with.
fn push(tokens: &mut Vec<(usize, usize)>, text: &str, (start, end): (usize, usize)) {
    let is_letter = |(start, end): (usize, usize)| {
        let word = text.get(start..end).unwrap_or_default();
        word.chars().count() == 1 && word.chars().all(char::is_alphabetic)
    };
    if let Some(last) = tokens.last_mut() {
        let before = text.get(last.0..last.1).unwrap_or_default();
        let is_abbreviation = is_letter(*last) || before.contains('.');
        if is_abbreviation && is_letter((start, end)) && text.get(last.1..start) == Some(".") {
            last.1 = end;
            return;
        }
    }
    tokens.push((start, end));
}

/// A word without accents and points.
fn plain(word: &str) -> String {
    let letters = word
        .nfkd()
        .filter(|letter| !is_combining_mark(*letter) && *letter != '.');
    letters.flat_map(char::to_lowercase).collect()
}

/// Whether a word has no content: a stop word, a single letter or digit, or a year.
fn is_stop(word: &str) -> bool {
    let n_letters = word.chars().count();
    n_letters < 2 || (n_letters == 4 && is_number(word)) || STOP_WORDS.contains(&word)
}

/// Whether a word is a number.
fn is_number(word: &str) -> bool {
    word.chars().all(char::is_numeric)
}

/// Whether a word is a code of something: a long number, or letters with three digits or more.
fn is_code(word: &str) -> bool {
    let n_digits = word.chars().filter(|letter| letter.is_numeric()).count();
    let is_mixed = n_digits < word.chars().count();
    n_digits > 4 || (is_mixed && n_digits > 2)
}

#[cfg(test)]
mod tests;
