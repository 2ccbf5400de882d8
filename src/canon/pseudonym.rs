//! Keyed pseudonyms.

/// Secret key of the pseudonyms.
#[derive(Clone)]
pub(crate) struct PseudonymKey(pub(crate) [u8; 32]);
