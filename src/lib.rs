//! **antenne** notices emerging needs and service gaps in the exchange records of welfare
//! quasi-platforms, and publishes what it finds as protected open data.
//!
//! The journey of one record, in seven verbs:
//!
//! 1. **acquire** fetches the page it stands in and keeps it byte for byte under its hash;
//! 2. **conform** reads it by the contract of its platform, replaces the persons in it by keyed
//!    pseudonyms, and accepts or rejects it with a reason; the books are closed against a count
//!    taken independently;
//! 3. **derive** runs the SQL models that count it with its like;
//! 4. **detect** asks whether those counts stand out;
//! 5. **protect** withholds what could point at a person, and proves the rest safe;
//! 6. **publish** writes one immutable release: data, metadata, pages;
//! 7. **serve** answers queries over that release, and nothing else.
//!
//! Modules from the top of the house down; each uses only those below it (`ARCHITECTURE.md`).

/// What all of it speaks.
pub mod canon;
/// The command line: one file per verb, and how errors and progress are drawn.
pub mod cli;
/// What every stage is handed.
pub mod context;
/// Builds query sessions within limits.
pub mod engine;
/// Takes a person out of everything, and shows that nothing is left.
pub mod erase;
/// Functions of our own in SQL.
pub mod functions;
/// Where tables lie.
pub mod lake;
/// Statistical methods on plain CSV.
pub mod methods;
/// Plans, builds, checks and compares the SQL models of a zone.
pub mod models;
/// Puts the stages in order and records the run.
pub mod run;
/// Invented records of six platforms, with the truth beside them.
pub mod sample;
/// What people declared.
pub mod spec;
/// The seven stages.
pub mod stages;
/// The statistics, as plain functions.
pub mod stats;
