//! A PostgreSQL server of the tests' own: a new cluster on a free port of the loopback, thrown away
//! at the end.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use futures::SinkExt;
use tempfile::TempDir;
use tokio_postgres::{Client, Config, NoTls};

use super::{answers, command_of, find, free_port, is_root, require};

/// Account that runs the server where the tests are run by root, which PostgreSQL refuses.
const ACCOUNT: &str = "nobody";

/// Role of the server.
pub(crate) const ROLE: &str = "antenne";

/// Its password.
pub(crate) const PASSWORD: &str = "parola-segreta-del-test";

/// Name of the variable that the pipelines of the tests take the password from.
pub(crate) const VARIABLE: &str = "TEST_POSTGRES_PASSWORD";

/// A running server.
#[derive(Debug)]
pub(crate) struct Postgres {
    /// Its files.
    folder: TempDir,
    /// Its port.
    port: u16,
    /// Its process.
    process: Child,
}

/// One database of a server.
#[derive(Debug)]
pub(crate) struct Database {
    /// The server.
    server: Arc<Postgres>,
    /// The database.
    name: String,
}

/// A database of its own on the server that all tests share; none where the tools are missing.
pub(crate) fn database(name: &str) -> Option<Database> {
    static SHARED: Mutex<Weak<Postgres>> = Mutex::new(Weak::new());
    let (postgres, initdb) = (tool("postgres"), tool("initdb"));
    let (Some(postgres), Some(initdb)) = (postgres, initdb) else {
        require("postgres");
        return None;
    };
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    let server = shared.upgrade().unwrap_or_else(|| {
        let server = Arc::new(Postgres::start(&postgres, &initdb));
        *shared = Arc::downgrade(&server);
        server
    });
    drop(shared);
    let database = Database {
        server,
        name: name.to_owned(),
    };
    let main = Database {
        server: Arc::clone(&database.server),
        name: "postgres".to_owned(),
    };
    main.execute(&format!("create database {name}"));
    Some(database)
}

/// A database with a name that no other has.
pub(crate) fn any_database() -> Option<Database> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    database(&format!("any_{number}"))
}

/// A tool of the server, on the path or where Debian keeps those of each version.
fn tool(name: &str) -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut kept: Vec<PathBuf> = versions
        .map(|version| version.unwrap().path().join("bin").join(name))
        .filter(|path| path.is_file())
        .collect();
    kept.sort();
    kept.pop().or_else(|| find(name))
}

impl Postgres {
    /// Makes a cluster and starts its server.
    fn start(postgres: &Path, initdb: &Path) -> Self {
        let folder = TempDir::new().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("password"), PASSWORD).unwrap();
        certify(folder.path());
        if is_root() {
            let owner = format!("{ACCOUNT}:");
            answers(
                Command::new("chown")
                    .arg("-R")
                    .arg(owner)
                    .arg(folder.path()),
            );
        }
        let mut make = as_account(initdb);
        make.args(["--username", ROLE, "--auth", "scram-sha-256", "--no-sync"]);
        make.args(["--encoding", "UTF8", "--locale", "C"]);
        make.arg("--pwfile")
            .arg(at("password"))
            .arg("-D")
            .arg(at("data"));
        answers(&mut make);
        let port = free_port();
        let mut start = as_account(postgres);
        start
            .arg("-D")
            .arg(at("data"))
            .args(["-p", &port.to_string()]);
        for setting in [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "fsync=off",
            "ssl=on",
        ] {
            start.args(["-c", setting]);
        }
        for (setting, file) in [
            ("ssl_cert_file", "server.crt"),
            ("ssl_key_file", "server.key"),
        ] {
            start.args(["-c", &format!("{setting}={}", at(file).display())]);
        }
        let log = fs::File::create(at("log")).unwrap();
        start.stdout(Stdio::null()).stderr(log).stdin(Stdio::null());
        let process = start.spawn().unwrap();
        let server = Self {
            folder,
            port,
            process,
        };
        server.wait();
        server
    }

    /// Waits until the server answers.
    fn wait(&self) {
        for _ in 0..600 {
            if run(async { self.connect("postgres").await.is_ok() }) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let log = fs::read_to_string(self.folder.path().join("log"));
        panic!("the server does not answer: {log:?}");
    }

    /// A connection.
    async fn connect(&self, database: &str) -> Result<Client, tokio_postgres::Error> {
        let mut config = Config::new();
        config.host("127.0.0.1").port(self.port).user(ROLE);
        config.password(PASSWORD).dbname(database);
        let (client, connection) = config.connect(NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let id = self.process.id().to_string();
        let _asked = Command::new("kill").args(["-QUIT", &id]).status();
        let _ended = self.process.wait();
    }
}

impl Database {
    /// Port of the server.
    pub(crate) fn port(&self) -> u16 {
        self.server.port
    }

    /// Its certificate.
    pub(crate) fn certificate(&self) -> Vec<u8> {
        fs::read(self.server.folder.path().join("server.crt")).unwrap()
    }

    /// Carries out statements.
    pub(crate) fn execute(&self, statements: &str) {
        run(async {
            let client = self.server.connect(&self.name).await.unwrap();
            client.batch_execute(statements).await.unwrap();
        });
    }

    /// The first column of the rows that a statement answers, as texts.
    pub(crate) fn texts(&self, statement: &str) -> Vec<String> {
        run(async {
            let client = self.server.connect(&self.name).await.unwrap();
            let rows = client.query(statement, &[]).await.unwrap();
            rows.iter().map(|row| row.get(0)).collect()
        })
    }

    /// Carries out a dump: statements, and rows between `COPY … FROM stdin;` and `\\.`.
    pub(crate) fn restore(&self, dump: &str) {
        run(async {
            let client = self.server.connect(&self.name).await.unwrap();
            let mut lines = dump.split_inclusive('\n');
            let mut statement = String::new();
            while let Some(line) = lines.next() {
                statement += line;
                if !line.trim_end().ends_with(';') {
                    continue;
                }
                if !statement.trim_end().ends_with("FROM stdin;") {
                    client.batch_execute(&statement).await.unwrap();
                    statement.clear();
                    continue;
                }
                let rows: String = lines
                    .by_ref()
                    .take_while(|line| line.trim_end() != "\\.")
                    .collect();
                let sink = client.copy_in(&statement).await.unwrap();
                let mut sink = std::pin::pin!(sink);
                sink.send(bytes::Bytes::from(rows)).await.unwrap();
                sink.close().await.unwrap();
                statement.clear();
            }
        });
    }

    /// The server as a pipeline declares it, reached through `port`.
    pub(crate) fn declared_at(&self, port: u16) -> String {
        format!(
            "[server.postgres]\nhost = \"127.0.0.1\"\nport = {port}\ndatabase = \"{}\"\nuser = \"{ROLE}\"\npassword = \"env:{VARIABLE}\"\ntls = \"disable\"\n",
            self.name
        )
    }

    /// The server as a pipeline declares it.
    pub(crate) fn declared(&self) -> String {
        self.declared_at(self.port())
    }
}

/// Runs something that waits.
fn run<T>(task: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(task)
}

/// A command run by an account that PostgreSQL accepts.
fn as_account(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = command_of("setpriv");
    command.args([
        "--reuid",
        ACCOUNT,
        "--regid",
        ACCOUNT_GROUP,
        "--clear-groups",
    ]);
    command.arg(program);
    // The folder of the tests may be closed to the account.
    command.current_dir("/");
    command
}

/// Group of that account.
const ACCOUNT_GROUP: &str = "nogroup";

/// Makes a key and a certificate for the loopback.
fn certify(folder: &Path) {
    let mut make = command_of("openssl");
    make.args([
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650",
    ]);
    make.args([
        "-subj",
        "/CN=antenne test",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
    ]);
    make.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
    make.arg("-keyout").arg(folder.join("server.key"));
    make.arg("-out").arg(folder.join("server.crt"));
    answers(&mut make);
}
