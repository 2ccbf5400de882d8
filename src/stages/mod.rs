//! The stages of the journey, one module per verb, in the order they run.

/// Write the open data, its metadata and its pages.
pub(crate) mod publish;
// Show a release and answer queries over it, and over nothing else.
//SERVE
