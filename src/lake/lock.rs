//! One run at a time: the lock of a lake, `runs/lock`.
//!
//! On a local disk it is a lock of the operating system, which ends with the process that holds
//! it: after a kill the next run goes on at once. In an object store it is a lease, taken by a
//! conditional write and renewed while the run goes on:
//!
//! ```text
//! not there, or ended     →  written on condition that it is still so      →  ours
//! its time is over        →  the holder died; written as above             →  taken over
//! its time goes on        →  refused, with who holds it and until when
//! ```
//!
//! Whoever loses the race of two conditional writes is refused. A run whose lease was taken over
//! all the same (its machine slept) stops before its next stage, and its commits fail, because
//! every commit is a conditional write too.

use std::fs;
use std::io::{Read, Seek, Write};
use std::path::Path as FilePath;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutMode, PutOptions, UpdateVersion};
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use super::{Error, Lake, object_error};

/// The lock, relative to the lake.
const LOCK: &str = "runs/lock";

/// How long a lease lasts without being renewed.
const LEASE: TimeDelta = TimeDelta::minutes(3);

/// How often it is renewed.
const RENEWAL: Duration = Duration::from_secs(20);

/// Who runs, and since when.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Holder {
    /// Number of the run.
    pub(crate) run: u64,
    /// Machine and process.
    pub(crate) who: String,
    /// When the run started.
    pub(crate) started_at: DateTime<Utc>,
}

/// What the lock says.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Note {
    /// Who holds it.
    holder: Holder,
    /// When the lease ends; a lock of the operating system has no such time.
    until: Option<DateTime<Utc>>,
}

/// Another run holds the lake.
#[derive(Debug)]
pub struct Busy {
    /// What its lock says, if it could be read.
    note: Option<Note>,
}

impl std::fmt::Display for Busy {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const HOUR: &str = "%Y-%m-%d %H:%M:%S UTC";
        let Some(Note { holder, until }) = &self.note else {
            return formatter
                .write_str("another run has just begun in this lake; wait for it to end");
        };
        let since = holder.started_at.format(HOUR);
        let (run, who) = (holder.run, &holder.who);
        write!(
            formatter,
            "run {run} is going on in this lake ({who}, since {since}); wait for it to end"
        )?;
        match until {
            None => Ok(()),
            Some(until) => write!(
                formatter,
                ", or if it died try again after {}",
                until.format(HOUR)
            ),
        }
    }
}

/// A lock that is held; the lake is free again when it is released or its process ends.
#[derive(Debug)]
pub(crate) enum RunLock {
    /// A lock of the operating system on a local file.
    File(fs::File),
    /// A lease in an object store.
    Lease(Lease),
}

impl Lake {
    /// Takes the lock of the lake.
    ///
    /// # Errors
    /// [`Error::Busy`] when another run holds it.
    pub(crate) async fn lock(&self, holder: Holder) -> Result<RunLock, Error> {
        match self.root().to_file_path() {
            Ok(folder) if self.root().scheme() == "file" => {
                lock_file(&folder.join(LOCK), holder).map(RunLock::File)
            }
            _ => Lease::take(self.clone(), holder).await.map(RunLock::Lease),
        }
    }
}

impl RunLock {
    /// Fails when the lock is no longer ours.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match self {
            Self::File(_) => Ok(()),
            Self::Lease(lease) => lease.check(),
        }
    }

    /// Gives the lake free.
    pub(crate) async fn release(self) -> Result<(), Error> {
        match self {
            // Emptied, so that a run that changes nothing leaves the lake as it was.
            Self::File(file) => {
                let released = file.set_len(0).and_then(|()| file.unlock());
                released.map_err(|source| Error::Lock {
                    act: "release",
                    path: LOCK.to_owned(),
                    source,
                })
            }
            Self::Lease(lease) => lease.release().await,
        }
    }
}

/// Takes a lock of the operating system.
fn lock_file(path: &FilePath, holder: Holder) -> Result<fs::File, Error> {
    let failed = |act| {
        move |source| Error::Lock {
            act,
            path: LOCK.to_owned(),
            source,
        }
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed("make the folder of"))?;
    }
    let mut options = fs::OpenOptions::new();
    let options = options.read(true).write(true).create(true).truncate(false);
    let mut file = options.open(path).map_err(failed("open"))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => {
            let mut text = Vec::new();
            file.read_to_end(&mut text).map_err(failed("read"))?;
            return Err(busy(&text));
        }
        Err(fs::TryLockError::Error(source)) => return Err(failed("take")(source)),
    }
    let note = Note {
        holder,
        until: None,
    };
    file.set_len(0).map_err(failed("write"))?;
    file.rewind().map_err(failed("write"))?;
    file.write_all(&bytes_of(&note)).map_err(failed("write"))?;
    Ok(file)
}

/// The error about a lock that says this.
fn busy(text: &[u8]) -> Error {
    let note = serde_json::from_slice(text).ok();
    Error::Busy(Box::new(Busy { note }))
}

/// What is written into the lock.
fn bytes_of(note: &Note) -> Vec<u8> {
    serde_json::to_vec(note).unwrap_or_default()
}

/// A lease in an object store.
#[derive(Debug)]
pub(crate) struct Lease {
    /// What renews it.
    held: Arc<Held>,
    /// The task that does.
    renewer: JoinHandle<()>,
}

/// What renewing needs.
#[derive(Debug)]
struct Held {
    /// The lake.
    lake: Lake,
    /// The lock.
    location: Path,
    /// Who holds it.
    holder: Holder,
    /// Started with the run.
    clock: Instant,
    /// Version of our last write, on condition of which the next is made.
    version: Mutex<UpdateVersion>,
    /// Whether another took it over.
    is_lost: AtomicBool,
}

impl Lease {
    /// Takes the lease, or takes it over from a holder whose time is over.
    async fn take(lake: Lake, holder: Holder) -> Result<Self, Error> {
        let location = lake.path(LOCK);
        let clock = Instant::now();
        let condition = match standing(&lake, &location).await? {
            None => PutMode::Create,
            Some((text, version)) => {
                let note = serde_json::from_slice::<Note>(&text).ok();
                let is_over = note
                    .and_then(|note| note.until)
                    .is_some_and(|until| until < holder.started_at);
                if !is_over {
                    return Err(busy(&text));
                }
                PutMode::Update(version)
            }
        };
        let until = holder.started_at + LEASE;
        let written = put(&lake, &location, (&holder, until), condition).await?;
        let Some(version) = written else {
            return Err(busy(&[]));
        };
        let held = Arc::new(Held {
            lake,
            location,
            holder,
            clock,
            version: Mutex::new(version),
            is_lost: AtomicBool::new(false),
        });
        let renewer = tokio::spawn(renew_until_lost(Arc::clone(&held)));
        Ok(Self { held, renewer })
    }

    /// Fails when another took it over.
    fn check(&self) -> Result<(), Error> {
        if self.held.is_lost.load(Ordering::Acquire) {
            return Err(self.held.lost());
        }
        Ok(())
    }

    /// Ends the lease: the lock stays, with a time that is over.
    async fn release(self) -> Result<(), Error> {
        self.renewer.abort();
        // Ends without a value: it was aborted, or it had lost the lease.
        let _ended = self.renewer.await;
        if self.held.is_lost.load(Ordering::Acquire) {
            return Ok(());
        }
        self.held.write(DateTime::UNIX_EPOCH).await.map(|_kept| ())
    }
}

impl Held {
    /// The error that it is no longer ours.
    fn lost(&self) -> Error {
        Error::LockLost {
            path: self.location.to_string(),
        }
    }

    /// Writes the lock anew, on condition that nobody else did; answers whether it is still ours.
    async fn write(&self, until: DateTime<Utc>) -> Result<bool, Error> {
        let known = |held: &Self| {
            let version = held.version.lock();
            version.unwrap_or_else(PoisonError::into_inner).clone()
        };
        let condition = PutMode::Update(known(self));
        let holder = (&self.holder, until);
        match put(&self.lake, &self.location, holder, condition).await? {
            Some(version) => {
                *self.version.lock().unwrap_or_else(PoisonError::into_inner) = version;
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// The time by the run's own clock.
    fn now(&self) -> DateTime<Utc> {
        let elapsed = TimeDelta::from_std(self.clock.elapsed()).unwrap_or_default();
        self.holder.started_at + elapsed
    }
}

/// Renews a lease until another has taken it.
async fn renew_until_lost(held: Arc<Held>) {
    loop {
        tokio::time::sleep(RENEWAL).await;
        match held.write(held.now() + LEASE).await {
            Ok(true) => {}
            Ok(false) => {
                held.is_lost.store(true, Ordering::Release);
                return;
            }
            // A store that is away for a moment: the lease outlasts several renewals.
            Err(error) => tracing::warn!(%error, "the lock was not renewed; trying again"),
        }
    }
}

/// What the lock says now, and its version.
async fn standing(
    lake: &Lake,
    location: &Path,
) -> Result<Option<(bytes::Bytes, UpdateVersion)>, Error> {
    let failed = |source| object_error("read", location, source);
    let found = match lake.store().get(location).await {
        Ok(found) => found,
        Err(object_store::Error::NotFound { .. }) => return Ok(None),
        Err(source) => return Err(failed(source)),
    };
    let version = UpdateVersion {
        e_tag: found.meta.e_tag.clone(),
        version: found.meta.version.clone(),
    };
    let text = found.bytes().await.map_err(failed)?;
    Ok(Some((text, version)))
}

/// Writes the lock on a condition; `None` when the condition does not hold.
async fn put(
    lake: &Lake,
    location: &Path,
    (holder, until): (&Holder, DateTime<Utc>),
    condition: PutMode,
) -> Result<Option<UpdateVersion>, Error> {
    let note = Note {
        holder: holder.clone(),
        until: Some(until),
    };
    let options = PutOptions::from(condition);
    let content = bytes_of(&note).into();
    match lake.store().put_opts(location, content, options).await {
        Ok(done) => Ok(Some(done.into())),
        Err(
            object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. },
        ) => Ok(None),
        Err(source) => Err(object_error("write", location, source)),
    }
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;

    use super::*;
    use crate::spec::secret::Secrets;
    use crate::spec::settings::LakeSettings;

    /// A run that starts so many seconds after the first of 2024.
    fn holder(run: u64, seconds: i64) -> Holder {
        Holder {
            run,
            who: "banco, process 7".to_owned(),
            started_at: DateTime::from_timestamp(1_704_067_200 + seconds, 0).unwrap(),
        }
    }

    /// A lake in memory, which has conditional writes and no files.
    fn remote() -> Lake {
        Lake {
            store: Arc::new(InMemory::new()),
            root: url::Url::parse("memory:///").unwrap(),
            prefix: Path::default(),
        }
    }

    #[tokio::test]
    async fn of_two_runs_on_a_local_disk_one_is_refused_until_the_other_ends() {
        let folder = tempfile::tempdir().unwrap();
        let lake =
            Lake::open(folder.path(), &LakeSettings::default(), &Secrets::default()).unwrap();
        let first = lake.lock(holder(1, 0)).await.unwrap();
        let refused = lake.lock(holder(2, 1)).await.unwrap_err().to_string();
        assert_eq!(
            refused,
            "run 1 is going on in this lake (banco, process 7, since 2024-01-01 00:00:00 UTC); wait for it to end"
        );
        first.check().unwrap();
        first.release().await.unwrap();
        assert!(lake.lock(holder(2, 1)).await.is_ok());
    }

    #[tokio::test]
    async fn of_two_runs_in_a_store_one_is_refused_until_the_other_ends() {
        let lake = remote();
        let first = lake.lock(holder(1, 0)).await.unwrap();
        let refused = lake.lock(holder(2, 1)).await.unwrap_err().to_string();
        assert!(refused.contains("try again after 2024-01-01 00:03:00 UTC"));
        first.release().await.unwrap();
        assert!(lake.lock(holder(2, 1)).await.is_ok());
    }

    #[tokio::test]
    async fn a_lease_whose_time_is_over_is_taken_over_once() {
        let lake = remote();
        let dead = lake.lock(holder(1, 0)).await.unwrap();
        let heir = lake.lock(holder(2, 181)).await.unwrap();
        assert!(lake.lock(holder(3, 182)).await.is_err());
        let RunLock::Lease(lease) = &dead else {
            panic!("a lake in memory has no files");
        };
        assert!(!lease.held.write(lease.held.now()).await.unwrap());
        heir.check().unwrap();
    }

    #[tokio::test]
    async fn of_runs_that_start_at_once_in_a_store_one_has_the_lock() {
        let lake = remote();
        let all = (0..16).map(|run| lake.lock(holder(run, 0)));
        let taken = futures::future::join_all(all).await;
        assert_eq!(taken.iter().filter(|taken| taken.is_ok()).count(), 1);
    }
}
