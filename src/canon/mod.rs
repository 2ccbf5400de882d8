//! What all of antenne speaks: canonical tables, strict parsers, the identifier gate, keys.

pub(crate) mod arrow_pages;
pub mod cells;
pub(crate) mod comune;
pub(crate) mod contain;
pub(crate) mod digits;
pub(crate) mod fingerprint;
pub(crate) mod identifiers;
pub(crate) mod json_spans;
pub(crate) mod meanings;
pub(crate) mod page;
pub(crate) mod pseudonym;
pub(crate) mod quarter;
pub(crate) mod tables;
pub(crate) mod text;
pub(crate) mod workbook;
pub(crate) mod xml_spans;
