//! Keyed pseudonyms: what a platform's ids become before anything is written.
//!
//! Privacy rule: ids are replaced by keyed BLAKE3 over domain ‖ platform ‖ key epoch ‖ id, with the
//! key outside the lake. An unkeyed hash of an id can be undone by trying all ids, so there is no
//! way to make one here. Every part is preceded by its length, so that no two sets of parts run
//! together.

use std::collections::BTreeMap;
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

    /// A key made from this one for another purpose, from which this one cannot be had.
    pub(crate) fn derived(&self, purpose: &str) -> [u8; 32] {
        let text = format!("antenne derived key\0{purpose}");
        *blake3::keyed_hash(&self.0, text.as_bytes()).as_bytes()
    }

    /// Pseudonym of an id: the first 16 bytes of the keyed hash.
    ///
    /// Records use epoch 0; persons use the current epoch, which ends the link when it changes.
    pub(crate) fn key(&self, domain: &str, platform: &str, epoch: u32, id: &str) -> [u8; 16] {
        self.number(domain, platform, epoch, id).to_be_bytes()
    }

    /// The pseudonym as a number, its first byte the highest.
    pub(crate) fn number(&self, domain: &str, platform: &str, epoch: u32, id: &str) -> u128 {
        let mut parts = Parts::default();
        for part in [
            domain.as_bytes(),
            platform.as_bytes(),
            &epoch.to_le_bytes(),
            id.as_bytes(),
        ] {
            parts.push(part);
        }
        self.digest(parts.written())
    }

    /// First 16 bytes of the keyed hash of bytes that are no id.
    pub(crate) fn digest(&self, bytes: &[u8]) -> u128 {
        let hash = blake3::keyed_hash(&self.0, bytes);
        let first = hash.as_bytes().first_chunk();
        first.map_or(0, |first| u128::from_be_bytes(*first))
    }
}

/// Bytes that are written without asking for memory.
const SHORT: usize = 128;

/// Parts end to end, each behind its length.
struct Parts {
    /// The first bytes, if they are enough.
    short: [u8; SHORT],
    /// How many there are.
    n_bytes: usize,
    /// All bytes, if they are more.
    long: Vec<u8>,
}

impl Default for Parts {
    fn default() -> Self {
        Self {
            short: [0; SHORT],
            n_bytes: 0,
            long: Vec::new(),
        }
    }
}

impl Parts {
    /// Adds a part.
    fn push(&mut self, part: &[u8]) {
        self.extend(&part.len().to_le_bytes());
        self.extend(part);
    }

    /// Adds bytes.
    fn extend(&mut self, bytes: &[u8]) {
        let end = self.n_bytes + bytes.len();
        match self.short.get_mut(self.n_bytes..end) {
            Some(room) if self.long.is_empty() => room.copy_from_slice(bytes),
            Some(_) | None => {
                if self.long.is_empty() {
                    let start = self.short.get(..self.n_bytes).unwrap_or_default();
                    self.long.extend_from_slice(start);
                }
                self.long.extend_from_slice(bytes);
            }
        }
        self.n_bytes = end;
    }

    /// All bytes.
    fn written(&self) -> &[u8] {
        if self.long.is_empty() {
            self.short.get(..self.n_bytes).unwrap_or_default()
        } else {
            &self.long
        }
    }
}

/// The keys of a commons: one that lasts, for records, and one for the persons of each epoch.
///
/// An epoch without a key of its own has its persons under the lasting key; only the number of the
/// epoch tells them apart. Destroying the own key of an epoch makes its persons unlinkable.
#[derive(Debug, Clone)]
pub(crate) struct PersonKeys {
    /// Key of records, of what must be recognized across epochs, and of epochs without their own.
    lasting: PseudonymKey,
    /// Own keys, by epoch.
    own: BTreeMap<u32, PseudonymKey>,
    /// Epoch of the persons that come in now.
    epoch: u32,
}

impl PersonKeys {
    /// Keys of a commons.
    pub(crate) fn new(lasting: PseudonymKey, own: BTreeMap<u32, PseudonymKey>, epoch: u32) -> Self {
        Self {
            lasting,
            own,
            epoch,
        }
    }

    /// Key that lasts.
    pub(crate) fn lasting(&self) -> &PseudonymKey {
        &self.lasting
    }

    /// Key of the persons that come in now.
    pub(crate) fn current(&self) -> &PseudonymKey {
        self.own.get(&self.epoch).unwrap_or(&self.lasting)
    }

    /// The pseudonyms of a person in every epoch whose key is known.
    pub(crate) fn in_every_epoch(&self, domain: &str, platform: &str, id: &str) -> Vec<[u8; 16]> {
        let epochs =
            (0..=self.epoch).chain(self.own.keys().copied().filter(|own| *own > self.epoch));
        let pseudonym = |epoch: u32| {
            let key = self.own.get(&epoch).unwrap_or(&self.lasting);
            key.key(domain, platform, epoch, id)
        };
        epochs.map(pseudonym).collect()
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
    fn an_epoch_with_its_own_key_cannot_be_linked_by_the_lasting_one() {
        let lasting = PseudonymKey::new([7; 32]);
        let own = BTreeMap::from([(2, PseudonymKey::new([9; 32]))]);
        let keys = PersonKeys::new(lasting.clone(), own, 2);
        let all = keys.in_every_epoch("person", "p", "C1");
        assert_eq!(all.len(), 3);
        assert!(all.contains(&lasting.key("person", "p", 1, "C1")));
        assert!(all.contains(&keys.current().key("person", "p", 2, "C1")));
        assert!(!all.contains(&lasting.key("person", "p", 2, "C1")));
    }

    #[test]
    fn an_id_of_any_length_is_hashed_as_its_parts_end_to_end() {
        for n_bytes in [0, 1, 60, 79, 80, 81, 200] {
            let id = "x".repeat(n_bytes);
            let mut parts = Vec::new();
            for part in [
                b"person".as_slice(),
                b"wemi",
                &1_u32.to_le_bytes(),
                id.as_bytes(),
            ] {
                parts.extend_from_slice(&part.len().to_le_bytes());
                parts.extend_from_slice(part);
            }
            let hash = blake3::keyed_hash(&[7; 32], &parts);
            let key = PseudonymKey::new([7; 32]).key("person", "wemi", 1, &id);
            assert_eq!(key, hash.as_bytes()[..16], "{n_bytes}");
        }
    }

    #[test]
    fn the_secret_is_never_shown() {
        assert_eq!(
            format!("{:?}", PseudonymKey::new([7; 32])),
            "PseudonymKey(…)"
        );
    }
}
