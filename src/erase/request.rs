//! What is asked for, what is remembered of it, and the receipt.
//!
//! An open request lies in the lake, sealed with the key of the commons, so that any later run can
//! complete it; it is deleted when the receipt is written. Sealing is a synthetic-IV construction
//! over keyed BLAKE3 (Rogaway and Shrimpton 2006): a keyed hash of the text is both its proof and
//! the start of the key stream, so the same text gives the same bytes and no other text fits.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Error;
use super::subjects::{Subjects, Suppressed};
use super::sweep::Swept;
use crate::canon::pseudonym::PseudonymKey;
use crate::lake::Lake;
use crate::lake::objects::Made;

/// Folder of requests and receipts in the lake.
const FOLDER: &str = "erasures";

/// The open request.
const OPEN: &str = "erasures/open.sealed";

/// The list of those who must not come back.
const SUPPRESSED: &str = "erasures/suppressed.json";

/// Version of the receipt.
pub(crate) const RECEIPT: &str = "antenne-erasure-receipt/1";

/// Bytes of the proof of a sealed text.
const PROOF_BYTES: usize = 32;

/// A request that is not yet carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Request {
    /// Platform.
    pub platform: String,
    /// Domains of the persons meant.
    pub domains: BTreeSet<String>,
    /// Subjects as asked for.
    pub subjects: Subjects,
    /// Ids that were found for the keys among them; `None` until pages were searched.
    pub found: Option<BTreeSet<String>>,
    /// What was taken out of the pages; `None` until they were written anew.
    pub(crate) swept: Option<Swept>,
    /// Rows of the tables before anything was done.
    pub before: BTreeMap<String, u64>,
    /// Number of the receipt to come.
    pub number: u64,
}

impl Request {
    /// Every id that is to leave.
    pub(crate) fn ids(&self) -> BTreeSet<String> {
        let found = self.found.iter().flatten();
        self.subjects.ids.iter().chain(found).cloned().collect()
    }
}

/// What a receipt says of an erasure: everything but who it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Receipt {
    /// Version of this format.
    pub format: String,
    /// Number, from one.
    pub number: u64,
    /// When the run that completed it started, UTC.
    pub completed_at: String,
    /// Platform.
    pub platform: String,
    /// Persons asked for.
    pub n_subjects: u64,
    /// Records that left.
    pub n_records: u64,
    /// Records of others that stayed without the name.
    pub n_references: u64,
    /// Texts of others, or parts of a workbook, in which the id stood.
    pub n_mentions: u64,
    /// Pages written anew.
    pub n_pages: u64,
    /// Files deleted: earlier pages, earlier versions of tables, what killed runs had left.
    pub n_files_deleted: u64,
    /// Forms of ids and keys that were searched for.
    pub n_forms: u64,
    /// Ids too short to be searched for as text; they were searched for by column and by key.
    pub n_short_ids: u64,
    /// Files read to the last byte afterwards, with what was packed in them.
    pub n_files_searched: u64,
    /// Bytes of these files and of what was packed in them.
    pub n_bytes_searched: u64,
    /// Pages and source tables of other platforms in which the same text is an id of theirs.
    pub n_same_text_elsewhere: u64,
    /// Pages of tables that no contract declares, deleted as a whole with their source tables.
    #[serde(default)]
    pub n_undeclared_pages: u64,
    /// Rows of the tables before.
    pub rows_before: BTreeMap<String, u64>,
    /// Rows of the tables after.
    pub rows_after: BTreeMap<String, u64>,
    /// BLAKE3 of the receipt before this one; empty for the first.
    pub previous: String,
}

/// The open request, if there is one.
///
/// # Errors
/// [`Error::Sealed`] when it was sealed with another key.
pub(crate) async fn open_request(
    lake: &Lake,
    key: &PseudonymKey,
) -> Result<Option<Request>, Error> {
    let Some(bytes) = lake.read(OPEN).await? else {
        return Ok(None);
    };
    let sealed = || Error::Sealed {
        path: OPEN.to_owned(),
    };
    let text = unsealed(key, &bytes).ok_or_else(sealed)?;
    let request = serde_json::from_slice(&text).map_err(|_other| sealed())?;
    Ok(Some(request))
}

/// Whether a request is open.
///
/// # Errors
/// When the lake cannot be read.
pub(crate) async fn is_open(lake: &Lake) -> Result<bool, Error> {
    Ok(lake.read(OPEN).await?.is_some())
}

/// Leaves a request in the lake; whether there was none.
pub(crate) async fn leave(
    lake: &Lake,
    key: &PseudonymKey,
    request: &Request,
) -> Result<Made, Error> {
    let bytes = Bytes::from(sealed(key, &encoded(OPEN, request)?));
    Ok(lake.make(OPEN, bytes).await?)
}

/// Notes what is known by now of the open request.
pub(crate) async fn note(lake: &Lake, key: &PseudonymKey, request: &Request) -> Result<(), Error> {
    let bytes = Bytes::from(sealed(key, &encoded(OPEN, request)?));
    Ok(lake.write(OPEN, bytes).await?)
}

/// Forgets the open request.
pub(crate) async fn close(lake: &Lake) -> Result<(), Error> {
    Ok(lake.delete(OPEN).await?)
}

/// The list of those who must not come back.
pub(crate) async fn suppressed(lake: &Lake) -> Result<Suppressed, Error> {
    let Some(bytes) = lake.read(SUPPRESSED).await? else {
        return Ok(Suppressed::new());
    };
    serde_json::from_slice(&bytes).map_err(|source| Error::Damaged {
        path: SUPPRESSED.to_owned(),
        source,
    })
}

/// Writes the list of those who must not come back.
pub(crate) async fn suppress(lake: &Lake, all: &Suppressed) -> Result<(), Error> {
    let bytes = encoded(SUPPRESSED, all)?;
    Ok(lake.write(SUPPRESSED, Bytes::from(bytes)).await?)
}

/// Path of a receipt.
pub(crate) fn receipt_path(number: u64) -> String {
    format!("{FOLDER}/{number:04}.json")
}

/// Number of the last receipt, zero before the first.
pub(crate) async fn last_receipt(lake: &Lake) -> Result<u64, Error> {
    let names = lake.list(FOLDER).await?;
    let numbers = names
        .iter()
        .filter_map(|name| name.strip_suffix(".json")?.parse::<u64>().ok());
    Ok(numbers.max().unwrap_or_default())
}

/// A receipt.
pub(crate) async fn receipt(lake: &Lake, number: u64) -> Result<Option<Receipt>, Error> {
    let path = receipt_path(number);
    let Some(bytes) = lake.read(&path).await? else {
        return Ok(None);
    };
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|source| Error::Damaged { path, source })
}

/// Writes a receipt, chained to the one before it.
pub(crate) async fn give(lake: &Lake, receipt: &mut Receipt) -> Result<(), Error> {
    let before = lake.read(&receipt_path(receipt.number - 1)).await?;
    receipt.previous = before.map_or_else(String::new, |bytes| {
        blake3::hash(&bytes).to_hex().to_string()
    });
    let path = receipt_path(receipt.number);
    let bytes = encoded(&path, receipt)?;
    lake.make(&path, Bytes::from(bytes)).await?;
    Ok(())
}

/// A value as JSON.
fn encoded(path: &str, value: &impl Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec_pretty(value).map_err(|source| Error::Damaged {
        path: path.to_owned(),
        source,
    })
}

/// A text that only the key opens.
fn sealed(key: &PseudonymKey, text: &[u8]) -> Vec<u8> {
    let proof = blake3::keyed_hash(&key.derived("erasure proof"), text);
    let mut bytes = proof.as_bytes().to_vec();
    bytes.extend(streamed(key, proof.as_bytes(), text));
    bytes
}

/// The text again; `None` for another key or changed bytes.
fn unsealed(key: &PseudonymKey, bytes: &[u8]) -> Option<Vec<u8>> {
    let (proof, rest) = bytes.split_at_checked(PROOF_BYTES)?;
    let text = streamed(key, proof, rest);
    let expected = blake3::keyed_hash(&key.derived("erasure proof"), &text);
    // The comparison of hashes takes the same time wherever they differ.
    (expected == blake3::Hash::from_bytes(proof.try_into().ok()?)).then_some(text)
}

/// A text combined with the key stream that begins with a proof.
fn streamed(key: &PseudonymKey, proof: &[u8], text: &[u8]) -> Vec<u8> {
    let mut stream = vec![0; text.len()];
    let mut hasher = blake3::Hasher::new_keyed(&key.derived("erasure stream"));
    hasher.update(proof);
    hasher.finalize_xof().fill(&mut stream);
    text.iter()
        .zip(stream)
        .map(|(one, other)| one ^ other)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_with_its_key_alone() {
        let key = PseudonymKey::new([7; 32]);
        let bytes = sealed(&key, b"C0042 and C0043");
        assert_eq!(unsealed(&key, &bytes).unwrap(), b"C0042 and C0043");
        assert_eq!(unsealed(&PseudonymKey::new([8; 32]), &bytes), None);
        assert!(!bytes.windows(5).any(|part| part == b"C0042"));
        let mut changed = bytes.clone();
        changed[40] ^= 1;
        assert_eq!(unsealed(&key, &changed), None);
        assert_eq!(unsealed(&key, &bytes[..10]), None);
    }
}
