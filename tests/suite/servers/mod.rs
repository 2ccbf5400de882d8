//! Servers that the tests start on this machine.

use std::io::Write;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;

pub(crate) mod neighbors;
pub(crate) mod postgres;
pub(crate) mod proxy;
pub(crate) mod python;
pub(crate) mod s3;
pub(crate) mod sftp;
pub(crate) mod shelf;
pub(crate) mod web;

/// A tool on the path, or where a system keeps its servers; none if it is missing.
pub(crate) fn find(tool: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let servers = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    let mut places = folders
        .into_iter()
        .chain(servers)
        .map(|folder| folder.join(tool));
    places.find(|path| path.is_file())
}

/// Says loudly that a test is skipped for want of a tool, or fails where nothing may be skipped.
pub(crate) fn require(tool: &str) {
    assert!(
        std::env::var_os("ANTENNE_REQUIRE_ALL").is_none(),
        "`{tool}` is missing, and ANTENNE_REQUIRE_ALL is set"
    );
    // Written past the test's own capture, so that whoever runs the suite sees it.
    writeln!(std::io::stderr(), "SKIPPED: `{tool}` is missing").unwrap();
}

/// A command with a tool that must be there.
pub(crate) fn command_of(tool: &str) -> Command {
    Command::new(find(tool).unwrap_or_else(|| panic!("`{tool}` is missing")))
}

/// Runs a command that must end well; answers what it printed.
pub(crate) fn answers(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// Whether the tests are run by root.
pub(crate) fn is_root() -> bool {
    answers(command_of("id").arg("-u")).trim() == "0"
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}
