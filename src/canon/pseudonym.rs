//! Keyed pseudonyms: what a platform's ids become before anything is written.
//!
//! Privacy rule: ids are replaced by keyed BLAKE3 over domain ‖ platform ‖ key epoch ‖ id, with the
//! key outside the lake. An unkeyed hash of an id can be undone by trying all ids, so there is no
//! way to make one here. Every part is preceded by its length, so that no two sets of parts run
//! together.

use std::fmt;

/// Secret of a commons.
#[derive(Clone)]
pub(crate) struct PseudonymKey([u8; 32]);

impl fmt::Debug for PseudonymKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PseudonymKey(…)")
    }
}

impl PseudonymKey {
    /// Takes the secret bytes.
    pub(crate) fn new(secret: [u8; 32]) -> Self {
        Self(secret)
    }

    /// Pseudonym of an id: the first 16 bytes of the keyed hash.
    ///
    /// Records use epoch 0; persons use the current epoch, which ends the link when it changes.
    pub(crate) fn key(&self, domain: &str, platform: &str, epoch: u32, id: &str) -> [u8; 16] {
        let mut parts = Vec::with_capacity(40 + domain.len() + platform.len() + id.len());
        for part in [
            domain.as_bytes(),
            platform.as_bytes(),
            &epoch.to_le_bytes(),
            id.as_bytes(),
        ] {
            parts.extend_from_slice(&part.len().to_le_bytes());
            parts.extend_from_slice(part);
        }
        let hash = blake3::keyed_hash(&self.0, &parts);
        let mut key = [0; 16];
        for (byte, hashed) in key.iter_mut().zip(hash.as_bytes()) {
            *byte = *hashed;
        }
        key
    }

    /// First 16 bytes of the keyed hash of bytes that are no id.
    pub(crate) fn digest(&self, bytes: &[u8]) -> u128 {
        let hash = blake3::keyed_hash(&self.0, bytes);
        let mut first = [0; 16];
        for (byte, hashed) in first.iter_mut().zip(hash.as_bytes()) {
            *byte = *hashed;
        }
        u128::from_be_bytes(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_parts_give_the_same_pseudonym_and_any_other_part_another() {
        let key = PseudonymKey::new([7; 32]);
        let one = key.key("person", "wemi", 1, "C0004211");
        assert_eq!(one, key.key("person", "wemi", 1, "C0004211"));
        assert_ne!(one, key.key("record", "wemi", 1, "C0004211"));
        assert_ne!(one, key.key("person", "welco", 1, "C0004211"));
        assert_ne!(one, key.key("person", "wemi", 2, "C0004211"));
        assert_ne!(
            one,
            PseudonymKey::new([8; 32]).key("person", "wemi", 1, "C0004211")
        );
    }

    #[test]
    fn parts_do_not_run_together() {
        let key = PseudonymKey::new([7; 32]);
        assert_ne!(key.key("ab", "c", 0, "d"), key.key("a", "bc", 0, "d"));
    }

    #[test]
    fn the_secret_is_never_shown() {
        assert_eq!(
            format!("{:?}", PseudonymKey::new([7; 32])),
            "PseudonymKey(…)"
        );
    }
}
