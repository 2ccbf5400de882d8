//! Mistakes of a source beyond its syntax.

use super::source::SourceSpec;

/// What is wrong: the words to mark, what, and the remedy.
pub(crate) fn check_source(_source: &SourceSpec) -> Vec<(String, String, String)> {
    Vec::new()
}
