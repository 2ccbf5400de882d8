//! Keyed pseudonyms: what a platform's ids become before anything is written.
//!
//! Privacy rule: ids are replaced by keyed BLAKE3, with the key outside the lake. An unkeyed hash
//! of an id can be undone by trying all ids, so there is no way to make one here. Each column of
//! ids has a key of its own, made from the secret and from domain ‖ platform ‖ key epoch, each
//! behind its length, so that no two sets of parts run together:
//!
//! ```text
//! column key = BLAKE3(secret; domain ‖ platform ‖ epoch)
//! pseudonym  = first 16 bytes of BLAKE3(column key; id ‖ 0x80 ‖ zeros up to 64 bytes)
//! ```
//!
//! An id that fills the 64 bytes is hashed as id ‖ 0x80, which is longer than any other and so
//! never the same. Ids of one block are hashed many at a time, as the processor allows.

use std::collections::BTreeMap;
use std::fmt;

use blake3::IncrementCounter;
use blake3::platform::Platform;

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

    /// Key of the ids of a domain on a platform.
    ///
    /// Records use epoch 0; persons use the current epoch, which ends the link when it changes.
    pub(crate) fn of_ids(&self, domain: &str, platform: &str, epoch: u32) -> IdKey {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(b"antenne ids");
        for part in [domain.as_bytes(), platform.as_bytes(), &epoch.to_le_bytes()] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        IdKey(*hasher.finalize().as_bytes())
    }

    /// Pseudonym of one id; many of one column are made faster by [`IdBatch`].
    pub(crate) fn key(&self, domain: &str, platform: &str, epoch: u32, id: &str) -> [u8; 16] {
        let ids = self.of_ids(domain, platform, epoch);
        ids.number(id).to_be_bytes()
    }

    /// First 16 bytes of the keyed hash of bytes that are no id.
    pub(crate) fn digest(&self, bytes: &[u8]) -> u128 {
        first_half(blake3::keyed_hash(&self.0, bytes).as_bytes())
    }
}

/// Key of the ids of one domain, platform and epoch.
#[derive(Clone)]
pub(crate) struct IdKey([u8; 32]);

impl fmt::Debug for IdKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("IdKey(…)")
    }
}

impl IdKey {
    /// The pseudonym of an id as a number, its first byte the highest.
    pub(crate) fn number(&self, id: &str) -> u128 {
        let hash = match padded(id) {
            Some(block) => blake3::keyed_hash(&self.0, &block),
            None => blake3::keyed_hash(&self.0, &[id.as_bytes(), &[END]].concat()),
        };
        first_half(hash.as_bytes())
    }

    /// The key as the words that the hash works on.
    fn words(&self) -> [u32; 8] {
        let mut words = [0; 8];
        let (bytes, _) = self.0.as_chunks::<4>();
        for (word, bytes) in words.iter_mut().zip(bytes) {
            *word = u32::from_le_bytes(*bytes);
        }
        words
    }
}

/// Bytes of a block of BLAKE3.
const BLOCK: usize = 64;

/// What stands behind an id.
const END: u8 = 0x80;

/// The block of an id; `None` for one that fills it.
fn padded(id: &str) -> Option<[u8; BLOCK]> {
    let mut block = [0; BLOCK];
    let (text, rest) = block.split_at_mut_checked(id.len())?;
    let end = rest.first_mut()?;
    text.copy_from_slice(id.as_bytes());
    *end = END;
    Some(block)
}

/// The first 16 bytes of a hash as a number, the first byte the highest.
fn first_half(hash: &[u8]) -> u128 {
    let first = hash.first_chunk();
    first.map_or(0, |first| u128::from_be_bytes(*first))
}

/// Ids that are hashed together.
const TOGETHER: usize = 64;

/// Flags of a message of one block under a key, which is the first, the last and the root of its
/// tree (BLAKE3, section 2.2): `KEYED_HASH`, `CHUNK_START`, `CHUNK_END`, `ROOT`.
const FLAGS: u8 = 16 | 1 | 2 | 8;

/// Pseudonyms of ids of one column, made many at a time.
///
/// The ids of a column are short, and hashing one after the other leaves most of the processor
/// idle; a row of them under the same key fills its widest registers.
#[derive(Debug, Default)]
pub(crate) struct IdBatch {
    /// Blocks of ids that are not hashed yet.
    waiting: Vec<[u8; BLOCK]>,
    /// Pseudonyms that are made.
    keys: Vec<u128>,
}

impl IdBatch {
    /// Takes an id and gives the place at which its pseudonym will stand.
    pub(crate) fn push(&mut self, key: &IdKey, id: &str) -> usize {
        let place = self.keys.len() + self.waiting.len();
        if let Some(block) = padded(id) {
            self.waiting.push(block);
            if self.waiting.len() == TOGETHER {
                self.make(key);
            }
        } else {
            self.make(key);
            self.keys.push(key.number(id));
        }
        place
    }

    /// The pseudonyms of all ids, by their places.
    pub(crate) fn finished(&mut self, key: &IdKey) -> &[u128] {
        self.make(key);
        &self.keys
    }

    /// Forgets all ids.
    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
        self.keys.clear();
    }

    /// Hashes what waits.
    fn make(&mut self, key: &IdKey) {
        let mut inputs: [&[u8; BLOCK]; TOGETHER] = [&[0; BLOCK]; TOGETHER];
        for (input, block) in inputs.iter_mut().zip(&self.waiting) {
            *input = block;
        }
        let inputs = inputs.get(..self.waiting.len()).unwrap_or_default();
        let mut hashes = [0_u8; 32 * TOGETHER];
        Platform::detect().hash_many(
            inputs,
            &key.words(),
            0,
            IncrementCounter::No,
            FLAGS,
            0,
            0,
            &mut hashes,
        );
        let (hashes, _) = hashes.as_chunks::<32>();
        let made = hashes.iter().take(self.waiting.len());
        self.keys.extend(made.map(|hash| first_half(hash)));
        self.waiting.clear();
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
    fn an_id_is_hashed_as_one_block_or_as_more() {
        let ids = PseudonymKey::new([7; 32]).of_ids("person", "wemi", 1);
        for n_bytes in [0, 1, 60, 63, 64, 65, 200] {
            let id = "x".repeat(n_bytes);
            let mut message = id.clone().into_bytes();
            message.push(0x80);
            message.resize(message.len().max(64), 0);
            let hash = blake3::keyed_hash(&ids.0, &message);
            let number = ids.number(&id).to_be_bytes();
            assert_eq!(number, hash.as_bytes()[..16], "{n_bytes}");
        }
    }

    #[test]
    fn ids_hashed_together_get_the_pseudonyms_of_ids_hashed_alone() {
        let key = PseudonymKey::new([9; 32]).of_ids("record", "wemi", 0);
        for n_ids in [0, 1, 2, 15, 16, 17, 63, 64, 65, 200] {
            let long = "l".repeat(70);
            let ids: Vec<String> = (0..n_ids)
                .map(|number| match number % 50 {
                    30 => format!("{long}{number}"),
                    _ => format!("S{number}"),
                })
                .collect();
            let mut batch = IdBatch::default();
            let places: Vec<usize> = ids.iter().map(|id| batch.push(&key, id)).collect();
            assert_eq!(places, (0..n_ids).collect::<Vec<_>>());
            let alone: Vec<u128> = ids.iter().map(|id| key.number(id)).collect();
            assert_eq!(batch.finished(&key), alone);
        }
    }

    #[test]
    fn an_id_and_the_same_id_with_zeros_behind_it_are_two() {
        let ids = PseudonymKey::new([7; 32]).of_ids("person", "wemi", 1);
        assert_ne!(ids.number("a"), ids.number("a\0"));
        assert_ne!(ids.number("a"), ids.number("a\u{80}"));
    }

    #[test]
    fn the_secret_is_never_shown() {
        assert_eq!(
            format!("{:?}", PseudonymKey::new([7; 32])),
            "PseudonymKey(…)"
        );
    }
}
