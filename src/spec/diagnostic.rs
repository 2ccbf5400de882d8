//! What is wrong with something a person wrote, and where.
//!
//! A [`Diagnostic`] is plain data: the file, the bytes concerned, what is wrong and what to do.
//! `cli/report.rs` draws it; nothing here prints.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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

    /// Reads the text as TOML into `T`, or says what is wrong and where.
    pub(crate) fn parse_toml<T: serde::de::DeserializeOwned>(&self) -> Result<T, Diagnostic> {
        self.parse_toml_part(0..self.text.len())
    }

    /// Reads the bytes `part` of the text as TOML; spans are those of the whole file.
    pub(crate) fn parse_toml_part<T: serde::de::DeserializeOwned>(
        &self,
        part: Range<usize>,
    ) -> Result<T, Diagnostic> {
        let text = self.text.get(part.clone()).unwrap_or_default();
        toml::from_str(text).map_err(|error| {
            let span = error.span().unwrap_or(0..0);
            let message = error.message().trim().replace('\n', ", ");
            let help = help_for(&message);
            self.diagnostic(
                part.start + span.start..part.start + span.end,
                message,
                "here",
                help,
            )
        })
    }
}

/// Advice for the commonest TOML mistakes.
fn help_for(message: &str) -> Option<&'static str> {
    const ADVICE: [(&str, &str); 4] = [
        (
            "unknown field",
            "remove the key or correct its spelling; the accepted keys are listed in the message",
        ),
        (
            "unknown variant",
            "use one of the words listed in the message",
        ),
        (
            "missing field",
            "add the key; `docs/` and the JSON Schemas say what it means",
        ),
        (
            "invalid type",
            "change the value to the type the message asks for",
        ),
    ];
    ADVICE
        .iter()
        .find(|(start, _)| message.starts_with(start))
        .map(|(_, help)| *help)
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
    fn an_unknown_key_is_marked_where_it_stands() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct One {
            /// The only key.
            #[expect(dead_code, reason = "only the error is looked at")]
            a: u8,
        }
        let source = SourceText::new(Path::new("a.toml"), "a = 1\nb = 2\n");
        let found = source.parse_toml::<One>().unwrap_err();
        assert_eq!(found.line_and_column(), (2, 1));
        assert!(found.message.contains("unknown field `b`"), "{found:?}");
        assert!(found.help.is_some());
    }
}
