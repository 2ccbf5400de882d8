//! **acquire**: what a platform holds, kept byte for byte with its origin.

pub(crate) mod count;
