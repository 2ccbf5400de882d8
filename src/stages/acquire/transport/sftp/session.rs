//! One connection for all tables of a source, to a server whose key is known beforehand.
//!
//! The key the server shows is compared before anything is sent to it. There is no trust on first
//! use: a server whose key is not declared is left at once, and the error says which key it showed.

use std::borrow::Cow;
use std::future::Future;
use std::sync::{Arc, Mutex as Cell, PoisonError};
use std::time::Duration;

use russh::Preferred;
use russh::client::{Config, Handle, Handler, connect};
use russh::keys::{
    Algorithm, HashAlg, PrivateKeyWithHashAlg, PublicKey, PublicKeyOrCertificate, decode_secret_key,
};
use russh_sftp::client::SftpSession;
use tokio::sync::Mutex;

use super::error::SftpError;
use crate::spec::fetch::sftp::{Pin, SftpServer};
use crate::spec::secret::Secret;

/// Seconds of silence after which the server is asked whether it is there.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// What all tables of a source share.
#[derive(Debug)]
pub(in crate::stages::acquire) struct Session {
    /// Server as declared.
    server: SftpServer,
    /// What opens it.
    secrets: LoginSecrets,
    /// The connection, if there is one.
    connected: Mutex<Option<Arc<Connected>>>,
}

/// What opens a server.
#[derive(Debug, Clone, Default)]
pub(in crate::stages::acquire) struct LoginSecrets {
    /// Password of the account.
    pub(in crate::stages::acquire) password: Option<Secret>,
    /// Private key of the account.
    pub(in crate::stages::acquire) private_key: Option<Secret>,
    /// Passphrase of the private key.
    pub(in crate::stages::acquire) passphrase: Option<Secret>,
}

/// A connection.
pub(super) struct Connected {
    /// The SSH side, which lives as long as the other.
    _handle: Handle<Doorkeeper>,
    /// The SFTP side.
    pub(super) sftp: SftpSession,
}

impl std::fmt::Debug for Connected {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Connected").finish_non_exhaustive()
    }
}

/// Compares the key a server shows with the pinned one.
#[derive(Debug)]
pub(super) struct Doorkeeper {
    /// The pinned key.
    pin: Option<PinnedKey>,
    /// Fingerprint of the key that was shown.
    shown: Arc<Cell<String>>,
}

/// A key that is known beforehand.
#[derive(Debug, Clone)]
enum PinnedKey {
    /// By its fingerprint.
    Fingerprint(String),
    /// The key itself.
    Key(Box<PublicKey>),
}

impl Handler for Doorkeeper {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        shown: &PublicKeyOrCertificate,
    ) -> Result<bool, Self::Error> {
        let shown = shown.public_key();
        let fingerprint = shown.fingerprint(HashAlg::Sha256).to_string();
        let is_known = match &self.pin {
            None => false,
            Some(PinnedKey::Fingerprint(pinned)) => *pinned == fingerprint,
            Some(PinnedKey::Key(pinned)) => pinned.key_data() == shown.key_data(),
        };
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = fingerprint;
        Ok(is_known)
    }
}

impl Session {
    /// What the tables of a source share; nothing is connected yet.
    pub(in crate::stages::acquire) fn new(server: &SftpServer, secrets: LoginSecrets) -> Self {
        Self {
            server: server.clone(),
            secrets,
            connected: Mutex::new(None),
        }
    }

    /// Server as declared.
    pub(super) fn server(&self) -> &SftpServer {
        &self.server
    }

    /// Server for messages.
    fn address(&self) -> String {
        format!("{}:{}", self.server.host, self.server.port)
    }

    /// Waits for an answer as long as declared.
    pub(super) async fn within<T>(&self, answer: impl Future<Output = T>) -> Result<T, SftpError> {
        let patience = self.server.timeout.duration();
        let answer = tokio::time::timeout(patience, answer).await;
        answer.map_err(|_late| SftpError::Timeout {
            address: self.address(),
            seconds: patience.as_secs(),
        })
    }

    /// The connection, made if there is none.
    pub(super) async fn connected(&self) -> Result<Arc<Connected>, SftpError> {
        let mut connected = self.connected.lock().await;
        if let Some(connected) = &*connected {
            return Ok(Arc::clone(connected));
        }
        let made = Arc::new(self.within(self.connect()).await??);
        *connected = Some(Arc::clone(&made));
        Ok(made)
    }

    /// Forgets a connection that broke.
    pub(super) async fn forget(&self) {
        *self.connected.lock().await = None;
    }

    /// Connects, compares the key and logs in.
    async fn connect(&self) -> Result<Connected, SftpError> {
        let shown = Arc::new(Cell::new(String::new()));
        let pin = self.server.host_key.as_ref().map(pinned);
        let doorkeeper = Doorkeeper {
            pin: pin.clone(),
            shown: Arc::clone(&shown),
        };
        let config = Arc::new(config(pin.as_ref()));
        let at = (self.server.host.as_str(), self.server.port);
        let connected = connect(config, at, doorkeeper).await;
        let mut handle = connected.map_err(|source| self.refused(pin.as_ref(), &shown, source))?;
        self.log_in(&mut handle).await?;
        let failed = |source| self.broken(source);
        let channel = handle.channel_open_session().await.map_err(failed)?;
        let subsystem = channel.request_subsystem(true, "sftp").await;
        subsystem.map_err(failed)?;
        let config = russh_sftp::client::Config {
            request_timeout_secs: self.server.timeout.duration().as_secs().max(1),
            ..Default::default()
        };
        let sftp = SftpSession::new_with_config(channel.into_stream(), config).await;
        let sftp = sftp.map_err(|source| SftpError::NoSftp {
            address: self.address(),
            source: Box::new(source),
        })?;
        Ok(Connected {
            _handle: handle,
            sftp,
        })
    }

    /// Why no connection was made: the key, or the network.
    fn refused(
        &self,
        pin: Option<&PinnedKey>,
        shown: &Cell<String>,
        source: russh::Error,
    ) -> SftpError {
        let address = self.address();
        let offered = shown.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match source {
            russh::Error::UnknownKey if pin.is_some() => SftpError::HostKey { address, offered },
            russh::Error::UnknownKey => SftpError::Unpinned { address, offered },
            source => SftpError::Connect {
                address,
                source: Box::new(source),
            },
        }
    }

    /// A connection that broke.
    fn broken(&self, source: russh::Error) -> SftpError {
        SftpError::Connect {
            address: self.address(),
            source: Box::new(source),
        }
    }

    /// Logs in with the private key, then with the password.
    async fn log_in(&self, handle: &mut Handle<Doorkeeper>) -> Result<(), SftpError> {
        let user = &self.server.user;
        if let Some(key) = &self.secrets.private_key {
            let passphrase = self.secrets.passphrase.as_ref().map(Secret::reveal);
            // The reader's own words could repeat a part of the key.
            let key = decode_secret_key(key.reveal(), passphrase)
                .map_err(|_words| SftpError::PrivateKey)?;
            let hash = match key.algorithm() {
                Algorithm::Rsa { .. } => handle.best_supported_rsa_hash().await,
                _ => Ok(None),
            };
            let hash = hash.map_err(|source| self.broken(source))?.flatten();
            let key = PrivateKeyWithHashAlg::new(Arc::new(key), hash);
            let answer = handle.authenticate_publickey(user, key).await;
            if answer.map_err(|source| self.broken(source))?.success() {
                return Ok(());
            }
        }
        if let Some(password) = &self.secrets.password {
            let answer = handle.authenticate_password(user, password.reveal()).await;
            if answer.map_err(|source| self.broken(source))?.success() {
                return Ok(());
            }
        }
        Err(SftpError::Login {
            address: self.address(),
            user: user.clone(),
        })
    }
}

/// A declared key.
fn pinned(declared: &Pin) -> PinnedKey {
    match declared.public_key().map(PublicKey::from_openssh) {
        Some(Ok(key)) => PinnedKey::Key(Box::new(key)),
        // A text that is no key matches none.
        Some(Err(_)) | None => PinnedKey::Fingerprint(declared.as_str().to_owned()),
    }
}

/// How to speak with the server; a pinned key says which kind of key it must show.
fn config(pin: Option<&PinnedKey>) -> Config {
    let mut config = Config {
        keepalive_interval: Some(KEEPALIVE),
        nodelay: true,
        ..Config::default()
    };
    let Some(PinnedKey::Key(key)) = pin else {
        return config;
    };
    let algorithms = match key.algorithm() {
        Algorithm::Rsa { .. } => [HashAlg::Sha512, HashAlg::Sha256]
            .map(|hash| Algorithm::Rsa { hash: Some(hash) })
            .to_vec(),
        other => vec![other],
    };
    config.preferred = Preferred {
        key: Cow::Owned(algorithms),
        ..Preferred::default()
    };
    config
}
