//! The seven stages of the journey, in its order; none of them imports another.

/// Disclosure control: what must be withheld so that nobody can be told from what is printed.
pub(crate) mod protect;
