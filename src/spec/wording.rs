//! What a TOML mistake means to the person who made it.
//!
//! The reader of TOML speaks of fields, variants and Rust types. An operator wrote keys, words and
//! values, and wants to know which one to change and into what.

use super::secret::is_about_secret;

/// A mistake in the operator's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Worded {
    /// What is wrong.
    pub(super) message: String,
    /// What to do.
    pub(super) help: String,
    /// What kind of mistake it is.
    pub(super) kind: Kind,
}

/// Kinds of mistakes that decide how the reading goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// A key nobody knows: the rest can be read without it.
    UnknownKey,
    /// A word or a choice nobody knows.
    WrongChoice,
    /// Nothing was chosen, or too much.
    OpenChoice,
    /// The key that is missing.
    Missing(String),
    /// Any other.
    Other,
}

/// Rust types and what they are called by those who write TOML.
const TYPES: [(&str, &str); 15] = [
    ("u8", "a whole number, zero or more"),
    ("u16", "a whole number, zero or more"),
    ("u32", "a whole number, zero or more"),
    ("u64", "a whole number, zero or more"),
    ("i64", "a whole number"),
    ("f64", "a number"),
    ("a string", "a text in quotes"),
    ("a character", "one character in quotes"),
    ("a boolean", "`true` or `false`"),
    ("a sequence", "a list in square brackets"),
    ("a map", "a table of keys and values"),
    (
        "struct Bilingual",
        "a text in two languages, `{ it = \"…\", en = \"…\" }`",
    ),
    (
        "string or table",
        "one of the tables named in the documentation",
    ),
    ("variant identifier", "a word in quotes"),
    ("string", "a text in quotes"),
];

/// One way of wording: the mistake, if the message is of its form.
type Wording = fn(&str) -> Option<Worded>;

/// Every way of wording, in the order tried.
const WORDINGS: [Wording; 8] = [
    written_secret,
    own_words,
    unknown_key,
    wrong_choice,
    missing_key,
    wrong_type,
    duplicate_key,
    open_choice,
];

/// A secret stands where its place should be named.
fn written_secret(message: &str) -> Option<Worded> {
    is_about_secret(message).then(|| Worded {
        message: message.to_owned(),
        help: "put the secret into a variable or a file that nobody else reads, and name that"
            .to_owned(),
        kind: Kind::WrongChoice,
    })
}

/// A value whose own reader says what is wrong and what to write.
fn own_words(message: &str) -> Option<Worded> {
    let (wrong, help) = message.split_once("; write ")?;
    Some(Worded {
        message: wrong.to_owned(),
        help: format!("write {help}"),
        kind: Kind::Other,
    })
}

/// Puts a message of the TOML reader into the operator's words.
pub(super) fn of(message: &str) -> Worded {
    let message = message.trim().replace('\n', ", ");
    let worded = WORDINGS.iter().find_map(|wording| wording(&message));
    let help = "the file is not TOML from here on; a text needs quotes, a table its brackets";
    worded.unwrap_or_else(|| worded_as(Kind::Other, message, help.to_owned()))
}

/// Makes a mistake.
fn worded_as(kind: Kind, message: String, help: String) -> Worded {
    Worded {
        message,
        help,
        kind,
    }
}

/// A key nobody knows.
fn unknown_key(message: &str) -> Option<Worded> {
    let (word, choices) = word_and_choices(message.strip_prefix("unknown field ")?);
    let help = advice("key", word, &choices);
    Some(worded_as(
        Kind::UnknownKey,
        format!("unknown key `{word}`"),
        help,
    ))
}

/// A word or a choice nobody knows.
fn wrong_choice(message: &str) -> Option<Worded> {
    let (word, choices) = word_and_choices(message.strip_prefix("unknown variant ")?);
    let help = advice("word", word, &choices);
    Some(worded_as(
        Kind::WrongChoice,
        format!("`{word}` is not a word that fits here"),
        help,
    ))
}

/// A key that is not there.
fn missing_key(message: &str) -> Option<Worded> {
    let key = message
        .strip_prefix("missing field ")?
        .trim_matches('`')
        .to_owned();
    let help = format!("add `{key} = …`; `docs/schemas/` says what it means");
    Some(worded_as(
        Kind::Missing(key.clone()),
        format!("the key `{key}` is missing"),
        help,
    ))
}

/// A value of another type, or out of the range of its type.
fn wrong_type(message: &str) -> Option<Worded> {
    let rest = message
        .strip_prefix("invalid type: ")
        .or_else(|| message.strip_prefix("invalid value: "))?;
    let (found, expected) = rest.split_once(", expected ")?;
    let help = format!("write {}", type_of(expected));
    Some(worded_as(
        Kind::Other,
        format!("{} cannot stand here", value_of(found)),
        help,
    ))
}

/// A key that is set twice.
fn duplicate_key(message: &str) -> Option<Worded> {
    let said = || {
        (
            "the key is already set above".to_owned(),
            "keep one of the two".to_owned(),
        )
    };
    let (message, help) = (message == "duplicate key").then(said)?;
    Some(worded_as(Kind::Other, message, help))
}

/// A table from which one choice must be made.
fn open_choice(message: &str) -> Option<Worded> {
    let help = "keep one of the tables, for example `format.csv = {}`".to_owned();
    let said = "exactly one choice is expected here".to_owned();
    message
        .starts_with("wanted exactly 1 element")
        .then(|| worded_as(Kind::OpenChoice, said, help))
}

/// A value as the reader names it, in words.
fn value_of(found: &str) -> String {
    let words = [
        ("string ", "the text "),
        ("integer ", "the number "),
        ("floating point ", "the number "),
        ("boolean ", ""),
    ];
    let worded = words.iter().find_map(|(start, word)| {
        found
            .strip_prefix(start)
            .map(|rest| format!("{word}{rest}"))
    });
    match found {
        "map" => "a table".to_owned(),
        "sequence" => "a list".to_owned(),
        _ => worded.unwrap_or_else(|| found.to_owned()),
    }
}

/// A type as the reader names it, in words.
fn type_of(expected: &str) -> String {
    let known = TYPES
        .iter()
        .find(|(name, _)| *name == expected)
        .map(|(_, words)| (*words).to_owned());
    let table = expected
        .starts_with("struct ")
        .then(|| "a table of keys and values".to_owned());
    known.or(table).unwrap_or_else(|| expected.to_owned())
}

/// The word at fault and those that are known, from ``x`, expected one of `a`, `b``.
fn word_and_choices(rest: &str) -> (&str, Vec<&str>) {
    let quoted: Vec<&str> = rest.split('`').skip(1).step_by(2).collect();
    let word = quoted.first().copied().unwrap_or_default();
    (word, quoted.into_iter().skip(1).collect())
}

/// What to write instead of an unknown word.
fn advice(noun: &str, word: &str, choices: &[&str]) -> String {
    let listed = || {
        choices
            .iter()
            .map(|choice| format!("`{choice}`"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    match (nearest(word, choices), choices) {
        (Some(near), _) => format!("did you mean `{near}`?"),
        (None, []) => format!("no {noun} is expected here; remove it"),
        (None, [_]) => format!("the only {noun} here is {}", listed()),
        (None, _) => format!("the {noun}s here are {}", listed()),
    }
}

/// The known word that is at most a third of its letters away.
pub(crate) fn nearest<'a>(word: &str, choices: &[&'a str]) -> Option<&'a str> {
    let near = choices
        .iter()
        .map(|choice| (distance(word, choice), *choice))
        .min()?;
    let allowed = near.1.chars().count() / 3;
    (near.0 <= allowed.min(3) && near.0 > 0).then_some(near.1)
}

/// Letters to put in, take out or change to make one word of the other (Levenshtein, 1966).
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (n_left, left) in left.chars().enumerate() {
        let mut next = vec![n_left + 1];
        for (at, right) in right.iter().enumerate() {
            let changed = row[at] + usize::from(left != *right);
            next.push(changed.min(row[at + 1] + 1).min(next[at] + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kitten_is_three_letters_from_sitting() {
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn a_misspelt_key_is_answered_with_the_nearest() {
        let worded = of("unknown field `urll`, expected one of `url`, `folder`");
        assert_eq!(worded.help, "did you mean `url`?");
        let worded = of("unknown field `zzz`, expected `url` or `folder`");
        assert_eq!(worded.help, "the keys here are `url`, `folder`");
    }

    #[test]
    fn types_are_named_as_an_operator_writes_them() {
        let worded = of("invalid type: string \"ten\", expected u64");
        assert_eq!(worded.message, "the text \"ten\" cannot stand here");
        assert_eq!(worded.help, "write a whole number, zero or more");
    }
}
