//! The seven verbs, in the order of the journey; no stage imports another.

/// Pages as fetched.
pub(crate) mod acquire;
/// Pages to typed tables.
pub(crate) mod conform;
