//! What a TOML mistake means to the person who made it.
//!
//! The reader of TOML speaks of fields, variants and Rust types. An operator wrote keys, words and
//! values, and wants to know which one to change and into what.

/// A mistake in the operator's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Worded {
    /// What is wrong.
    pub(super) message: String,
    /// What to do.
    pub(super) help: Option<String>,
    /// Whether the mistake is a key that nobody knows.
    pub(super) is_unknown_key: bool,
    /// Whether the mistake is a choice that nobody knows, such as a format.
    pub(super) is_wrong_choice: bool,
    /// Whether the mistake is that nothing was chosen, or too much.
    pub(super) is_open_choice: bool,
    /// The key that is missing, if the mistake is that.
    pub(super) missing: Option<String>,
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

/// Puts a message of the TOML reader into the operator's words.
pub(super) fn of(message: &str) -> Worded {
    let message = message.trim().replace('\n', ", ");
    let plain = |message: String, help: Option<String>| Worded {
        message,
        help,
        is_unknown_key: false,
        is_wrong_choice: false,
        is_open_choice: false,
        missing: None,
    };
    if let Some(rest) = message.strip_prefix("unknown field ") {
        let (word, choices) = word_and_choices(rest);
        return Worded {
            is_unknown_key: true,
            ..plain(
                format!("unknown key `{word}`"),
                Some(advice("key", word, &choices)),
            )
        };
    }
    if let Some(rest) = message.strip_prefix("unknown variant ") {
        let (word, choices) = word_and_choices(rest);
        return Worded {
            is_wrong_choice: true,
            ..plain(
                format!("`{word}` is not a word that fits here"),
                Some(advice("word", word, &choices)),
            )
        };
    }
    if let Some(rest) = message.strip_prefix("missing field ") {
        let key = rest.trim_matches('`').to_owned();
        let help = format!("add `{key} = …`; `docs/schemas/` says what it means");
        return Worded {
            missing: Some(key.clone()),
            ..plain(format!("the key `{key}` is missing"), Some(help))
        };
    }
    if let Some((found, expected)) = message
        .strip_prefix("invalid type: ")
        .and_then(|rest| rest.split_once(", expected "))
    {
        return plain(
            format!("{} cannot stand here", value_of(found)),
            Some(format!("write {}", type_of(expected))),
        );
    }
    if let Some((found, expected)) = message
        .strip_prefix("invalid value: ")
        .and_then(|rest| rest.split_once(", expected "))
    {
        return plain(
            format!("{} is out of range", value_of(found)),
            Some(format!("write {}", type_of(expected))),
        );
    }
    if message == "duplicate key" {
        return plain(
            "the key is already set above".to_owned(),
            Some("keep one of the two".to_owned()),
        );
    }
    if message.starts_with("wanted exactly 1 element") {
        let help = "keep one of the tables, for example `format.csv = {}`".to_owned();
        return Worded {
            is_open_choice: true,
            ..plain("exactly one choice is expected here".to_owned(), Some(help))
        };
    }
    plain(
        message,
        Some(
            "the file is not TOML from here on; a text needs quotes, a table its brackets"
                .to_owned(),
        ),
    )
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
        assert_eq!(worded.help.as_deref(), Some("did you mean `url`?"));
        let worded = of("unknown field `zzz`, expected `url` or `folder`");
        assert_eq!(
            worded.help.as_deref(),
            Some("the keys here are `url`, `folder`")
        );
    }

    #[test]
    fn types_are_named_as_an_operator_writes_them() {
        let worded = of("invalid type: string \"ten\", expected u64");
        assert_eq!(worded.message, "the text \"ten\" cannot stand here");
        assert_eq!(
            worded.help.as_deref(),
            Some("write a whole number, zero or more")
        );
    }
}
