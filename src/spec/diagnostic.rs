//! What is wrong with something a person wrote, and where.
//!
//! A [`Diagnostic`] is plain data: the file, the bytes concerned, what is wrong and what to do.
//! `cli/report.rs` draws it; nothing here prints.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use super::secret::is_about_secret;
use super::wording::{self, Kind, Worded};

/// One mistake in a declaration: a pipeline, a model header, a SQL text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// What is wrong, one sentence without a final period.
    pub message: String,
    /// File that holds the mistake, as the operator named it.
    pub file: PathBuf,
    /// Whole text of the file, so that the lines around the mistake can be drawn.
    pub source: Arc<str>,
    /// Bytes of `source` that are wrong; empty when the mistake is an absence.
    pub span: Range<usize>,
    /// What to say under the marked bytes.
    pub label: &'static str,
    /// What to do about it.
    pub help: Option<String>,
}

impl Diagnostic {
    /// One-based line and column of the first marked byte.
    pub fn line_and_column(&self) -> (usize, usize) {
        let start = self.span.start.min(self.source.len());
        let before = self.source.get(..start).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before
            .rsplit('\n')
            .next()
            .unwrap_or_default()
            .chars()
            .count()
            + 1;
        (line, column)
    }
}

/// A file with its text, from which diagnostics are made.
#[derive(Debug, Clone)]
pub(crate) struct SourceText {
    /// File as named to the operator.
    pub(crate) file: PathBuf,
    /// Its text.
    pub(crate) text: String,
}

impl SourceText {
    /// Joins a path and its text.
    pub(crate) fn new(file: &Path, text: impl Into<String>) -> Self {
        Self {
            file: file.to_path_buf(),
            text: text.into(),
        }
    }

    /// A diagnostic about `span` of this file.
    pub(crate) fn diagnostic(
        &self,
        span: Range<usize>,
        message: impl Into<String>,
        label: &'static str,
        help: Option<&str>,
    ) -> Diagnostic {
        Diagnostic {
            message: message.into(),
            file: self.file.clone(),
            source: self.text.as_str().into(),
            span,
            label,
            help: help.map(str::to_owned),
        }
    }

    /// A diagnostic about the first place where `needle` stands, or the top of the file.
    pub(crate) fn diagnostic_at(
        &self,
        needle: &str,
        message: impl Into<String>,
        label: &'static str,
        help: Option<&str>,
    ) -> Diagnostic {
        let start = self.text.find(needle);
        let span = start.map_or(0..0, |start| start..start + needle.len());
        self.diagnostic(span, message, label, help)
    }

    /// A diagnostic about `word` in the tables below `header`, such as `tables.movimenti`, or in the
    /// whole file where there is none: the key of that name, else the text, else the word.
    pub(crate) fn diagnostic_below(
        &self,
        header: &str,
        word: &str,
        message: impl Into<String>,
        help: Option<&str>,
    ) -> Diagnostic {
        let part = self.part_below(header);
        let text = self.text.get(part.clone()).unwrap_or_default();
        let as_key = [
            format!("\n{word} ="),
            format!("\n{word}."),
            format!(".{word}]"),
            format!("\"{word}\""),
        ];
        let known = as_key
            .iter()
            .find_map(|way| text.find(way.as_str()).map(|at| at + 1));
        let start = known
            .or_else(|| word_from(text, 0, word))
            .map(|at| part.start + at);
        let start = start.or_else(|| word_from(&self.text, 0, word));
        let span = start.map_or(0..0, |start| start..start + word.len());
        let message = message.into();
        if is_about_secret(&message) {
            return self
                .without_values(span.start)
                .diagnostic(span, message, "here", help);
        }
        self.diagnostic(span, message, "here", help)
    }

    /// The same text with stars in the place of the quoted values of one line.
    fn without_values(&self, at: usize) -> Self {
        let before = self.text.get(..at).unwrap_or_default();
        let start = before.rfind('\n').map_or(0, |end| end + 1);
        let line = self.text.get(start..).unwrap_or_default();
        let line = line.lines().next().unwrap_or_default();
        let mut hidden = self.clone();
        let mut from = start;
        for (number, part) in line.split(['"', '\'']).enumerate() {
            if number % 2 == 1 {
                hidden = hidden.with_stars(from..from + part.len());
            }
            from += part.len() + 1;
        }
        hidden
    }

    /// Bytes from the first table `[header…]` to the next table that is not below it.
    fn part_below(&self, header: &str) -> Range<usize> {
        let whole = 0..self.text.len();
        let is_below = |rest: &str| {
            rest.strip_prefix(header)
                .is_some_and(|rest| rest.starts_with(['.', ']']))
        };
        let mut headers = self
            .text
            .match_indices("\n[")
            .map(|(at, _)| (at, self.text.get(at + 2..).unwrap_or_default()));
        let Some((start, _)) = headers.find(|(_, rest)| is_below(rest)) else {
            return whole;
        };
        let end = headers
            .find(|(_, rest)| !is_below(rest))
            .map_or(whole.end, |(end, _)| end);
        start..end
    }

    /// Reads the text as TOML into `T`, with every mistake found on the way.
    pub(crate) fn parse_toml<T: serde::de::DeserializeOwned>(
        &self,
    ) -> (Option<T>, Vec<Diagnostic>) {
        self.parse_toml_part(0..self.text.len())
    }

    /// Reads the bytes `part` of the text as TOML; spans are those of the whole file.
    ///
    /// A key nobody knows is reported and left out, and the reading goes on; a value of the wrong
    /// type too, but then nothing is answered, since a default in its place would mislead.
    pub(crate) fn parse_toml_part<T: serde::de::DeserializeOwned>(
        &self,
        part: Range<usize>,
    ) -> (Option<T>, Vec<Diagnostic>) {
        let text = self.text.get(part.clone()).unwrap_or_default();
        let (mut table, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            let mistakes = errors
                .iter()
                .map(|error| self.toml_mistake(part.start, error, &wording::of(error.message())));
            return (None, mistakes.collect());
        }
        let mut mistakes: Vec<Diagnostic> = Vec::new();
        let mut left_out: Vec<(String, Kind)> = Vec::new();
        let mut shown = self.clone();
        loop {
            let error = match T::deserialize(toml::Deserializer::from(table.clone())) {
                Ok(read) if left_out.is_empty() => return (Some(read), mistakes),
                Ok(_misleading) => return (None, mistakes),
                Err(error) => error,
            };
            let worded = wording::of(error.message());
            let span = error.span().filter(|_| is_about_secret(error.message()));
            if let Some(span) = span {
                shown = shown.with_stars(part.start + span.start..part.start + span.end);
                shown.lend_text(&mut mistakes);
            }
            if !follows_from(&worded.kind, &left_out) {
                mistakes.push(shown.toml_mistake(part.start, &error, &worded));
            }
            let taken = error
                .span()
                .and_then(|span| take_out(table.get_mut(), &span));
            match (taken, worded.kind) {
                (None, _) => return (None, mistakes),
                (Some(_), Kind::UnknownKey) => {}
                (Some(key), kind) => left_out.push((key, kind)),
            }
        }
    }

    /// The diagnostic of a TOML error; `start` is where the TOML begins in the file.
    fn toml_mistake(&self, start: usize, error: &toml::de::Error, worded: &Worded) -> Diagnostic {
        let span = error.span().unwrap_or(0..0);
        let whole = start + span.start..start + span.end;
        let first_line = self
            .text
            .get(whole.clone())
            .and_then(|text| text.lines().next())
            .map_or(0, str::len);
        // A table that lacks a key is marked by its first line, not from top to bottom.
        let span = whole.start..whole.end.min(whole.start + first_line.max(1));
        self.diagnostic(span, worded.message.clone(), "here", Some(&worded.help))
    }

    /// Lets mistakes that were found before be drawn with this text.
    fn lend_text(&self, mistakes: &mut [Diagnostic]) {
        let text: Arc<str> = self.text.as_str().into();
        for mistake in mistakes {
            mistake.source = Arc::clone(&text);
        }
    }

    /// The same text with stars in the place of some bytes, as many as there were.
    fn with_stars(&self, span: Range<usize>) -> Self {
        let mut text = self.text.clone();
        if text.get(span.clone()).is_some() {
            text.replace_range(span.clone(), &"*".repeat(span.len()));
        }
        Self {
            file: self.file.clone(),
            text,
        }
    }
}

/// Byte offset of the first `word` at or after `from` that is not a part of a longer word.
pub(super) fn word_from(text: &str, from: usize, word: &str) -> Option<usize> {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    let rest = text.get(from..)?;
    rest.match_indices(word)
        .map(|(at, _)| from + at)
        .find(|at| {
            let before = text.get(..*at).and_then(|text| text.chars().next_back());
            let after = text
                .get(at + word.len()..)
                .and_then(|text| text.chars().next());
            !before.is_some_and(is_part) && !after.is_some_and(is_part)
        })
}

/// Whether a mistake is there only because of what was left out.
fn follows_from(kind: &Kind, left_out: &[(String, Kind)]) -> bool {
    match kind {
        Kind::Missing(key) => left_out.iter().any(|(found, _)| found == key),
        Kind::OpenChoice => left_out
            .iter()
            .any(|(_, kind)| matches!(kind, Kind::WrongChoice | Kind::Missing(_))),
        Kind::UnknownKey | Kind::WrongChoice | Kind::Other => false,
    }
}

/// Takes the entry whose key or value stands at `span` out of the table; answers its key.
fn take_out(table: &mut DeTable<'_>, span: &Range<usize>) -> Option<String> {
    let at = |found: Range<usize>| found == *span;
    let key = table
        .iter()
        .find(|(key, value)| at(key.span()) || at(value.span()))
        .map(|(key, _)| key.clone());
    if let Some(key) = key {
        table.remove(&key);
        return Some(key.get_ref().to_string());
    }
    table
        .iter_mut()
        .find_map(|(_, value)| take_out_of_value(value.get_mut(), span))
}

/// As [`take_out`], in the tables below a value.
fn take_out_of_value(value: &mut DeValue<'_>, span: &Range<usize>) -> Option<String> {
    match value {
        DeValue::Table(table) => take_out(table, span),
        DeValue::Array(values) => values
            .iter_mut()
            .find_map(|value| take_out_of_value(value.get_mut(), span)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_placed_by_line_and_column() {
        let source = SourceText::new(Path::new("a.toml"), "a = 1\nbb = \"x\"\n");
        let found = source.diagnostic_at("\"x\"", "wrong", "here", None);
        assert_eq!(found.line_and_column(), (2, 6));
    }

    #[test]
    fn a_secret_that_is_written_down_is_marked_and_not_shown() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct One {
            /// The secret.
            #[expect(dead_code, reason = "only the error is looked at")]
            token: crate::spec::secret::SecretRef,
        }
        let source = SourceText::new(Path::new("a.toml"), "token = \"hunter2\"\n");
        let (_, found) = source.parse_toml::<One>();
        assert_eq!(found[0].line_and_column(), (1, 9));
        assert!(!format!("{found:?}").contains("hunter2"), "{found:?}");
        let found = source.diagnostic_below("", "token", "it is written down", None);
        assert_eq!(&*found.source, "token = \"*******\"\n");
    }

    #[test]
    fn an_unknown_key_is_marked_where_it_stands() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct One {
            /// The only key.
            #[expect(dead_code, reason = "only the error is looked at")]
            a: u8,
        }
        let source = SourceText::new(Path::new("a.toml"), "a = 1\nb = 2\n");
        let (read, found) = source.parse_toml::<One>();
        assert!(read.is_some(), "the rest is still read");
        assert_eq!(found[0].line_and_column(), (2, 1));
        assert_eq!(found[0].message, "unknown key `b`");
        assert_eq!(found[0].help.as_deref(), Some("the only key here is `a`"));
    }

    #[test]
    fn every_mistake_of_a_file_is_found_and_none_twice() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        #[expect(dead_code, reason = "only the errors are looked at")]
        struct Two {
            /// A number.
            a: u8,
            /// Another.
            b: u8,
        }
        let source = SourceText::new(Path::new("a.toml"), "a = \"x\"\nb = \"y\"\nc = 1\nd = 2\n");
        let (read, found) = source.parse_toml::<Two>();
        assert!(read.is_none());
        let lines: Vec<usize> = found
            .iter()
            .map(|mistake| mistake.line_and_column().0)
            .collect();
        assert_eq!(lines, [1, 2, 3, 4], "{found:#?}");
    }

    #[test]
    fn a_word_is_not_found_inside_a_longer_one() {
        let source = SourceText::new(Path::new("a.toml"), "k_persons = 2\npersons = []\n");
        let found = source.diagnostic_below("", "persons", "wrong", None);
        assert_eq!(found.line_and_column(), (2, 1));
    }

    #[test]
    fn a_key_is_found_in_its_own_table() {
        let text =
            "\n[tables.a]\nmese = 1\n[tables.b]\nurl = \"mese\"\n[tables.b.columns]\nmese = 2\n";
        let source = SourceText::new(Path::new("a.toml"), text);
        let found = source.diagnostic_below("tables.b", "mese", "wrong", None);
        assert_eq!(found.line_and_column(), (7, 1));
    }
}
