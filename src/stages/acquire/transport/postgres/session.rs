//! One connection and one snapshot for all tables of a source.
//!
//! The first table opens the connection and begins a transaction that is repeatable and reads
//! only; the others read in the same one, so that what one table says of another is true in the
//! other. A connection that breaks takes the snapshot with it: then the source is begun anew, for
//! a table read in a later snapshot would not fit those read before.

use std::fmt;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::runtime::Handle;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio_postgres::config::SslMode;
use tokio_postgres::types::{FromSql, ToSql, Type};
use tokio_postgres::{CancelToken, Client, Config, Row};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::cells;
use super::error::{PostgresError, Said};
use crate::spec::fetch::postgres::{PostgresServer, TlsMode};
use crate::spec::secret::Secret;

/// Time that a statement may take beyond its own time-out before the server counts as gone.
const GRACE: Duration = Duration::from_secs(15);

/// Seconds of silence after which the network is asked whether the server is there.
const KEEPALIVE_S: u64 = 30;

/// First pause before a connection is tried again; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// What all tables of a source share.
pub(in crate::stages::acquire) struct Session {
    /// Server as declared.
    server: PostgresServer,
    /// Password of the role.
    password: Option<Secret>,
    /// How connections are encrypted.
    tls: MakeRustlsConnect,
    /// The connection.
    state: Arc<Mutex<State>>,
}

/// The connection of a source.
#[derive(Debug)]
pub(super) enum State {
    /// Not made yet.
    Closed,
    /// Made, with its snapshot.
    Open(Box<Snapshot>),
    /// Broken.
    Lost,
}

/// A connection inside its transaction.
#[derive(Debug)]
pub(super) struct Snapshot {
    /// Sends statements.
    client: Client,
    /// The server's clock when the snapshot was taken, in microseconds since 1970.
    pub(super) now: i64,
}

impl fmt::Debug for Session {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Session")
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// What the tables of a source share; nothing is connected yet.
    pub(in crate::stages::acquire) fn new(
        server: &PostgresServer,
        password: Option<Secret>,
        root: &Path,
    ) -> Result<Self, PostgresError> {
        Ok(Self {
            tls: tls_of(server, root)?,
            server: server.clone(),
            password,
            state: Arc::new(Mutex::new(State::Closed)),
        })
    }

    /// Server as declared.
    pub(super) fn server(&self) -> &PostgresServer {
        &self.server
    }

    /// Server and database for messages.
    fn address(&self) -> String {
        let PostgresServer {
            host,
            port,
            database,
            ..
        } = &self.server;
        format!("{host}:{port}/{database}")
    }

    /// The connection, made if this is the first table; no other table reads until it is given
    /// back.
    pub(super) async fn enter(&self, table: &str) -> Result<OwnedMutexGuard<State>, PostgresError> {
        let mut state = Arc::clone(&self.state).lock_owned().await;
        match &*state {
            State::Open(_) => {}
            State::Lost => {
                return Err(PostgresError::Lost {
                    table: table.to_owned(),
                });
            }
            State::Closed => *state = State::Open(Box::new(self.open().await?)),
        }
        Ok(state)
    }

    /// Forgets the connection: what is left of its transaction is of no use.
    pub(super) async fn lose(&self) {
        *self.state.lock().await = State::Lost;
    }

    /// Connects, a few times if need be, and takes the snapshot.
    async fn open(&self) -> Result<Snapshot, PostgresError> {
        let mut pause = FIRST_PAUSE;
        for _ in 1..self.server.attempts.get() {
            match self.try_open().await {
                Err(error) if error.is_transient() => tokio::time::sleep(pause).await,
                answer => return answer,
            }
            pause *= 2;
        }
        self.try_open().await
    }

    /// Connects and takes the snapshot.
    async fn try_open(&self) -> Result<Snapshot, PostgresError> {
        let config = self.config();
        let connect = config.connect(self.tls.clone());
        let patience = self.server.connect_timeout.duration();
        let made = self.within("connect", patience, connect).await?;
        let (client, connection) = made.map_err(|source| self.not_connected(&source))?;
        // The connection ends when the client is dropped; what it dies of, the client says.
        tokio::spawn(async move {
            let _ended = connection.await;
        });
        let statements = self.begin();
        let begun = self.within(
            "begin a transaction",
            patience,
            client.batch_execute(&statements),
        );
        begun.await?.map_err(|source| self.not_connected(&source))?;
        let now = client.query_one("select pg_catalog.now()", &[]);
        let now = self.within("take a snapshot", patience, now).await?;
        let now = now.map_err(|source| self.not_connected(&source))?;
        let now = bytes_of(&now, 0).and_then(|now| cells::micros(&now).ok());
        Ok(Snapshot {
            client,
            now: now.unwrap_or(i64::MAX),
        })
    }

    /// The statements that begin the transaction.
    fn begin(&self) -> String {
        let millis = self.server.statement_timeout.duration().as_millis();
        format!(
            "begin isolation level repeatable read, read only; \
             set local time zone 'UTC'; \
             set local statement_timeout = '{millis}ms'; \
             set local lock_timeout = '60s'; \
             set local idle_in_transaction_session_timeout = 0"
        )
    }

    /// How to connect.
    fn config(&self) -> Config {
        let server = &self.server;
        let is_socket = server.host.starts_with('/');
        let mut config = Config::new();
        config
            .host(&server.host)
            .port(server.port)
            .dbname(&server.database)
            .user(&server.user)
            .application_name("antenne")
            .connect_timeout(server.connect_timeout.duration())
            .keepalives(true)
            .keepalives_idle(Duration::from_secs(KEEPALIVE_S))
            .keepalives_interval(Duration::from_secs(KEEPALIVE_S / 3))
            .keepalives_retries(3)
            .ssl_mode(match server.tls {
                _ if is_socket => SslMode::Disable,
                TlsMode::Disable => SslMode::Disable,
                TlsMode::Prefer => SslMode::Prefer,
                TlsMode::Require | TlsMode::Verify => SslMode::Require,
            });
        if let Some(password) = &self.password {
            config.password(password.reveal());
        }
        config
    }

    /// No connection.
    fn not_connected(&self, source: &tokio_postgres::Error) -> PostgresError {
        PostgresError::Connect {
            address: self.address(),
            source: Said::from(source),
        }
    }

    /// Waits so long for an answer.
    async fn within<T>(
        &self,
        act: &'static str,
        patience: Duration,
        answer: impl Future<Output = T>,
    ) -> Result<T, PostgresError> {
        let answer = tokio::time::timeout(patience, answer).await;
        answer.map_err(|_late| PostgresError::Timeout {
            address: self.address(),
            act,
            seconds: patience.as_secs(),
        })
    }

    /// Waits for what a statement answers; the server itself ends it earlier.
    pub(super) async fn answer<T>(
        &self,
        act: &'static str,
        table: &str,
        answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, PostgresError> {
        let patience = self.server.statement_timeout.duration() + GRACE;
        let answer = self.within(act, patience, answer).await?;
        answer.map_err(|source| PostgresError::Statement {
            act,
            table: table.to_owned(),
            source: Said::from(&source),
        })
    }

    /// Something that ends the running statement when it is dropped.
    pub(super) fn canceler(&self, snapshot: &Snapshot) -> Canceler {
        Canceler(Some((snapshot.client.cancel_token(), self.tls.clone())))
    }
}

impl Snapshot {
    /// Sends statements.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// The one row that a statement answers.
    pub(super) async fn one(
        &self,
        statement: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Row, tokio_postgres::Error> {
        self.client.query_one(statement, parameters).await
    }
}

/// Ends the running statement of a connection when it is dropped, unless it has ended by itself.
pub(super) struct Canceler(Option<(CancelToken, MakeRustlsConnect)>);

impl Canceler {
    /// The statement has ended.
    pub(super) fn disarm(&mut self) {
        self.0 = None;
    }
}

impl Drop for Canceler {
    fn drop(&mut self) {
        let (Some((token, tls)), Ok(runtime)) = (self.0.take(), Handle::try_current()) else {
            return;
        };
        // Without it a server goes on sorting for a reader that has left.
        runtime.spawn(async move {
            let _cancelled = token.cancel_query(tls).await;
        });
    }
}

/// What the trait of the library answers where a value cannot be taken; here it always can.
type Refusal = Box<dyn std::error::Error + Sync + Send>;

/// A value as the server wrote it.
struct Written(Vec<u8>);

impl<'a> FromSql<'a> for Written {
    fn from_sql(_kind: &Type, bytes: &'a [u8]) -> Result<Self, Refusal> {
        Ok(Self(bytes.to_vec()))
    }

    fn accepts(_kind: &Type) -> bool {
        true
    }
}

/// The bytes of a value of a row; `None` for null.
pub(super) fn bytes_of(row: &Row, column: usize) -> Option<Vec<u8>> {
    let value: Option<Written> = row.try_get(column).ok().flatten();
    value.map(|value| value.0)
}

/// How connections to a server are encrypted.
fn tls_of(server: &PostgresServer, root: &Path) -> Result<MakeRustlsConnect, PostgresError> {
    let path = server.ca.as_deref().unwrap_or("the machine");
    let failed = |source: String| PostgresError::Certificates {
        path: path.to_owned(),
        source: Said::lasting(source),
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|source| failed(source.to_string()))?;
    let is_verified = server.tls == TlsMode::Verify && !server.host.starts_with('/');
    if !is_verified {
        let anyone = Arc::new(Anyone(provider.signature_verification_algorithms));
        let config = config.dangerous().with_custom_certificate_verifier(anyone);
        return Ok(MakeRustlsConnect::new(config.with_no_client_auth()));
    }
    let Some(ca) = &server.ca else {
        // Another part of the process may have installed one already: the same.
        let _installed = CryptoProvider::install_default((*provider).clone());
        let native = MakeRustlsConnect::with_native_certs();
        let none = |_errors| failed("it has no certificates that can be used".to_owned());
        return native.map(|(tls, _unreadable)| tls).map_err(none);
    };
    let mut roots = RootCertStore::empty();
    let found = CertificateDer::pem_file_iter(root.join(ca));
    for certificate in found.map_err(|source| failed(source.to_string()))? {
        let certificate = certificate.map_err(|source| failed(source.to_string()))?;
        let added = roots.add(certificate);
        added.map_err(|source| failed(source.to_string()))?;
    }
    if roots.is_empty() {
        return Err(failed("the file holds no certificate".to_owned()));
    }
    let config = config.with_root_certificates(roots);
    Ok(MakeRustlsConnect::new(config.with_no_client_auth()))
}

/// Takes the certificate of whoever answers, but checks that they hold its key.
#[derive(Debug)]
struct Anyone(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
