//! The seven stages of the journey, in the order a record takes them. They never call each other:
//! each reads tables of the lake that an earlier one wrote.

/// Fetches what a platform holds, kept byte for byte with its origin.
pub mod acquire;
/// Brings it to the canonical tables, or rejects it with a reason.
pub mod conform;
/// Runs the SQL models.
pub mod derive;
/// Computes the detection statistics.
pub mod detect;
/// Applies disclosure control.
pub mod protect;
/// Writes the open data, its metadata and its pages.
pub mod publish;
/// Answers queries over what is published, and nothing else.
pub mod serve;
