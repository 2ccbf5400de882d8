//! **conform**: pages as fetched become typed tables, or rejects with a reason.

/// Native formats: a page becomes raw rows.
pub(crate) mod formats;
/// Contracts: raw rows become typed rows and books.
pub(crate) mod typed;
