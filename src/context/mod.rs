//! What every stage is handed: the commons, the lake, the engine, the run's clock and number, the
//! key of the pseudonyms, and somewhere to say how far it is.
//!
//! Nothing below reads a clock, the environment or a random source: what a stage needs of them is
//! in here, so that two runs over the same inputs write the same bytes.

/// What releases printed.
pub(crate) mod released;
pub(crate) mod tables;
mod terms;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::canon::pseudonym::{PersonKeys, PseudonymKey};
use crate::engine::Engine;
use crate::lake::{self, Lake};
use crate::spec::commons::Commons;
use crate::spec::secret::Secrets;
use crate::spec::settings::SecretSettings;

/// What every stage is handed.
#[derive(Clone)]
pub struct Context {
    /// What people declared.
    pub commons: Arc<Commons>,
    /// Where tables lie.
    pub lake: Lake,
    /// Builds query sessions.
    pub engine: Engine,
    /// Number of the run, greater than that of every earlier run of the lake.
    pub run: u64,
    /// When the run started.
    pub started_at: DateTime<Utc>,
    /// Machine and process, for others that want the lake at the same time.
    pub holder: String,
    /// Key of the pseudonyms.
    pub(crate) key: PseudonymKey,
    /// Keys of persons, by epoch.
    pub(crate) persons: PersonKeys,
    /// Secrets that the pipelines name.
    pub(crate) secrets: Arc<Secrets>,
    /// Where progress goes.
    pub progress: Arc<dyn Progress>,
    /// Tells how long something takes, for the report alone.
    pub(crate) watch: Instant,
}

impl std::fmt::Debug for Context {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Context")
            .field("root", &self.commons.root)
            .field("run", &self.run)
            .finish_non_exhaustive()
    }
}

/// The secrets of a run could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The secret is not the key it should be.
    #[error("the pseudonym key is not 64 hexadecimal digits; make one with `openssl rand -hex 32`")]
    NotAKey,
    /// The key of the epoch that persons come in under is not there.
    #[error("the key of epoch {epoch} cannot be read; set what `secrets.person_keys` names for it")]
    NoPersonKey {
        /// The epoch.
        epoch: u32,
    },
    /// An epoch is no number.
    #[error("`{epoch}` in `secrets.person_keys` is no number of an epoch, such as 2")]
    NotAnEpoch {
        /// As declared.
        epoch: String,
    },
}

/// Reads a pseudonym key from its 64 hexadecimal digits.
///
/// # Errors
/// [`SecretError::NotAKey`] for anything else; the text itself is never shown.
pub(crate) fn parse_key(text: &str) -> Result<PseudonymKey, SecretError> {
    let digits = text.trim();
    let mut key = [0_u8; 32];
    if digits.len() != 64 || !digits.is_ascii() {
        return Err(SecretError::NotAKey);
    }
    for (index, byte) in key.iter_mut().enumerate() {
        let pair = digits
            .get(index * 2..index * 2 + 2)
            .ok_or(SecretError::NotAKey)?;
        *byte = u8::from_str_radix(pair, 16).map_err(|_not_hex| SecretError::NotAKey)?;
    }
    Ok(PseudonymKey::new(key))
}

/// The keys of persons: those of earlier epochs as far as they are still there.
///
/// # Errors
/// [`SecretError::NoPersonKey`] when the current epoch's own key is missing.
pub(crate) fn person_keys(
    lasting: &PseudonymKey,
    settings: &SecretSettings,
    secrets: &Secrets,
) -> Result<PersonKeys, SecretError> {
    let mut own = BTreeMap::new();
    for (epoch, reference) in &settings.person_keys {
        let number = epoch.parse::<u32>();
        let number = number.map_err(|_word| SecretError::NotAnEpoch {
            epoch: epoch.clone(),
        })?;
        match secrets.get(reference) {
            Some(secret) => {
                own.insert(number, parse_key(secret.reveal())?);
            }
            None if number == settings.epoch => {
                return Err(SecretError::NoPersonKey { epoch: number });
            }
            // It was destroyed.
            None => {}
        }
    }
    Ok(PersonKeys::new(lasting.clone(), own, settings.epoch))
}

impl Context {
    /// Takes the lock of the lake for the run of this number.
    ///
    /// # Errors
    /// [`lake::Error::Busy`] when another run holds it.
    pub(crate) async fn lock(&self) -> Result<lake::RunLock, lake::Error> {
        let holder = lake::Holder {
            run: self.run,
            who: self.holder.clone(),
            started_at: self.started_at,
        };
        self.lake.lock(holder).await
    }

    /// Seconds on the watch: the difference of two says how long something took, for the report alone.
    pub(crate) fn seconds(&self) -> f64 {
        self.watch.elapsed().as_secs_f64()
    }

    /// When the run started, in milliseconds since 1970.
    pub(crate) fn at_millis(&self) -> i64 {
        self.started_at.timestamp_millis()
    }
}

/// What a stage did with a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Nothing it was made from had changed.
    #[default]
    Unchanged,
    /// Written anew.
    Rebuilt,
    /// New rows joined those it had.
    Extended,
}

/// Somewhere to say how far a stage is. Stages know no terminal.
pub trait Progress: Send + Sync {
    /// A piece of work begins; `total` is in the unit of [`Self::advance`], zero when unknown.
    fn begin(&self, stage: &'static str, item: &str, total: Total);
    /// So much more of it is done.
    fn advance(&self, n_rows: u64, n_bytes: u64);
    /// The piece of work ended; `summary` says what came of it.
    fn end(&self, summary: &str);
}

/// How much there is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Total {
    /// So many bytes.
    Bytes(u64),
    /// So many rows.
    Rows(u64),
    /// Not known beforehand.
    Unknown,
}

/// Progress that goes nowhere.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _stage: &'static str, _item: &str, _total: Total) {}
    fn advance(&self, _n_rows: u64, _n_bytes: u64) {}
    fn end(&self, _summary: &str) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_64_hexadecimal_digits() {
        assert!(parse_key(&"0a".repeat(32)).is_ok());
        assert!(parse_key("0a").is_err());
        assert!(parse_key(&"zz".repeat(32)).is_err());
        assert!(parse_key(&"é".repeat(32)).is_err());
    }
}
