//! An SFTP server of the tests' own: the machine's `sshd` with its own configuration and keys, on a
//! free port of the loopback, run by whoever runs the tests.

use std::fmt::Write;
use std::fs;
use std::io::Read;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::{answers, command_of, find, free_port, is_root, require};

/// Name of the variable that the pipelines of the tests take the private key from.
pub(crate) const VARIABLE: &str = "TEST_SFTP_KEY";

/// Passphrase of the private key `locked`.
pub(crate) const PASSPHRASE: &str = "frase-segreta-del-test";

/// A running server.
#[derive(Debug)]
pub(crate) struct Sftp {
    /// Its keys and files.
    folder: TempDir,
    /// Its port.
    port: u16,
    /// Its process.
    process: Child,
}

/// Starts a server; none where the tools are missing.
pub(crate) fn start() -> Option<Sftp> {
    let Some(sshd) = find("sshd") else {
        require("sshd");
        return None;
    };
    let folder = TempDir::new().unwrap();
    for name in ["host", "other_host", "user", "stranger"] {
        make_key(&folder.path().join(name), "ed25519", "");
    }
    make_key(&folder.path().join("rsa"), "rsa", "");
    make_key(&folder.path().join("locked"), "ed25519", PASSPHRASE);
    let known = ["user.pub", "rsa.pub", "locked.pub"];
    let known = known.map(|name| fs::read_to_string(folder.path().join(name)).unwrap());
    fs::write(folder.path().join("authorized"), known.concat()).unwrap();
    fs::create_dir(folder.path().join("out")).unwrap();
    if is_root() {
        // Where root runs it, it wants this folder, which the start-up of a machine makes.
        fs::create_dir_all("/run/sshd").unwrap();
    }
    let port = free_port();
    let process = serve(&sshd, folder.path(), port, "host");
    Some(Sftp {
        folder,
        port,
        process,
    })
}

/// Makes a pair of keys.
fn make_key(path: &Path, kind: &str, passphrase: &str) {
    let mut make = command_of("ssh-keygen");
    make.args(["-q", "-t", kind, "-N", passphrase, "-C", "test", "-f"]);
    answers(make.arg(path));
}

/// Starts the server with one of its host keys and waits until it greets.
fn serve(sshd: &Path, folder: &Path, port: u16, host_key: &str) -> Child {
    let at = |name: &str| folder.join(name).display().to_string();
    let mut config = String::new();
    for (name, value) in [
        ("Port", port.to_string()),
        ("ListenAddress", "127.0.0.1".to_owned()),
        ("HostKey", at(host_key)),
        ("AuthorizedKeysFile", at("authorized")),
        ("PidFile", "none".to_owned()),
        ("StrictModes", "no".to_owned()),
        ("UsePAM", "no".to_owned()),
        ("PasswordAuthentication", "yes".to_owned()),
        ("PermitRootLogin", "yes".to_owned()),
        ("MaxStartups", "100".to_owned()),
        ("Subsystem", "sftp internal-sftp".to_owned()),
    ] {
        writeln!(config, "{name} {value}").unwrap();
    }
    fs::write(folder.join("config"), config).unwrap();
    let log = fs::File::create(folder.join("log")).unwrap();
    let mut command = Command::new(sshd);
    command.args(["-D", "-e", "-f", &at("config")]);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log);
    let process = command.spawn().unwrap();
    for _ in 0..200 {
        let greeting = TcpStream::connect(("127.0.0.1", port));
        let mut first = [0; 4];
        if greeting.is_ok_and(|mut stream| stream.read_exact(&mut first).is_ok()) {
            return process;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let log = fs::read_to_string(folder.join("log"));
    panic!("the server does not answer: {log:?}");
}

impl Sftp {
    /// Port of the server.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Where a file for the platform lies.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("out").join(name)
    }

    /// The path of some files as a pipeline declares it.
    pub(crate) fn pattern(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// Writes a file and gives it a time long ago, so that it counts as finished.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
        let file = fs::File::options()
            .write(true)
            .open(self.path(name))
            .unwrap();
        let before = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        file.set_modified(before).unwrap();
    }

    /// A private key: `user`, `rsa` and `locked` are known to the server, `stranger` is not.
    pub(crate) fn key(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    /// The public key of the server, as it stands in its file.
    pub(crate) fn host_key(&self) -> String {
        self.key("host.pub").trim().to_owned()
    }

    /// The fingerprint of a key.
    pub(crate) fn fingerprint(&self, name: &str) -> String {
        let path = self.folder.path().join(name);
        let said = answers(
            command_of("ssh-keygen")
                .args(["-l", "-E", "sha256", "-f"])
                .arg(path),
        );
        said.split(' ').nth(1).unwrap().to_owned()
    }

    /// Starts the server anew with another host key.
    pub(crate) fn change_host_key(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        let sshd = find("sshd").unwrap();
        self.process = serve(&sshd, self.folder.path(), self.port, "other_host");
    }

    /// The server as a pipeline declares it, with this host key, reached through `port`.
    pub(crate) fn declared_at(port: u16, host_key: &str) -> String {
        let user = answers(command_of("id").arg("-un"));
        format!(
            "[server.sftp]\nhost = \"127.0.0.1\"\nport = {port}\nuser = \"{}\"\n{host_key}private_key = \"env:{VARIABLE}\"\n",
            user.trim()
        )
    }

    /// The server as a pipeline declares it.
    pub(crate) fn declared(&self) -> String {
        let host_key = format!("host_key = \"{}\"\n", self.fingerprint("host"));
        Self::declared_at(self.port, &host_key)
    }
}

impl Drop for Sftp {
    fn drop(&mut self) {
        let _killed = self.process.kill();
        let _ended = self.process.wait();
    }
}
