//! Servers that come from the Python package index: an S3-compatible store, and Datasette.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::{find, free_port};
use crate::commons::repository;

/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server of Python, stopped with this value.
pub(crate) struct Server {
    /// Its process.
    process: Child,
    /// Its port.
    port: u16,
}

impl Server {
    /// Address without a final slash.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Sends a request; answers the whole answer.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            self.port,
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// A tool on the path or in the environment that `make tools` fills.
pub(crate) fn tool(name: &str) -> Option<PathBuf> {
    let own = repository().join(".venv/bin").join(name);
    find(name).or_else(|| own.is_file().then_some(own))
}

/// Starts a tool that listens on a free port.
pub(crate) fn start(name: &str, words: impl Fn(&str) -> Vec<String>) -> Option<Server> {
    let tool = tool(name)?;
    let port = free_port();
    let mut command = Command::new(tool);
    command.args(words(&port.to_string()));
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let process = command.spawn().unwrap();
    let server = Server { process, port };
    let began = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(began.elapsed() < PATIENCE, "`{name}` does not listen");
        thread::sleep(Duration::from_millis(50));
    }
    Some(server)
}
