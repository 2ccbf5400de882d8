//! What all of antenne speaks: canonical tables, strict parsers, the identifier gate, keys.

pub(crate) mod pseudonym;
pub(crate) mod tables;
