//! Disclosure control: what must be withheld so that nobody can be told from what is printed.

/// The gate: what a reader can work out from a published table alone.
pub(crate) mod audit;
/// How far hidden cells can move while every visible number stays true.
pub(crate) mod flow;
/// A two-way table with all its margins.
pub(crate) mod grid;
/// Which further cells must be withheld to keep the first ones safe.
pub(crate) mod suppress;
