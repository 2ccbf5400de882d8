//! Databases and a file server as sources of the contract that every transport keeps.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::contract::Source;
use crate::servers::postgres::{self, Database};
use crate::servers::proxy::{self, Verdict};
use crate::servers::sftp::{self, Sftp};
use crate::servers::shelf::{Fault, Record};

/// A fault and how often it still happens.
type Planned = Arc<Mutex<Option<(Fault, usize)>>>;

/// Opens a way to a server on which planned faults happen; `far` is in the midst of an answer.
fn way(target: u16, far: usize) -> (u16, Planned) {
    let planned = Planned::default();
    let shared = Arc::clone(&planned);
    let port = proxy::through(target, move |_, n_bytes| {
        let mut planned = shared.lock().unwrap();
        let (is_now, verdict) = match *planned {
            Some((Fault::Reset, _)) => (n_bytes == 0, Verdict::Cut),
            Some((Fault::Cut, _)) => (n_bytes >= far, Verdict::Cut),
            Some((Fault::Slow, _)) => (true, Verdict::Pass),
            _ => (false, Verdict::Pass),
        };
        if !is_now {
            return Verdict::Pass;
        }
        let taken = planned.take();
        *planned = taken
            .filter(|(_, left)| *left > 1)
            .map(|(fault, left)| (fault, left - 1));
        drop(planned);
        if verdict == Verdict::Pass {
            thread::sleep(Duration::from_millis(40));
        }
        verdict
    });
    (port, planned)
}

/// Plans a fault of a connection; others have no meaning.
fn plan(
    planned: &Planned,
    fault: Fault,
    n_times: usize,
    why: &'static str,
) -> Result<(), &'static str> {
    match fault {
        Fault::Reset | Fault::Cut | Fault::Slow => {
            *planned.lock().unwrap() = Some((fault, n_times));
            Ok(())
        }
        Fault::Trouble | Fault::TooMany | Fault::Garbage | Fault::Shift => Err(why),
    }
}

/// The statement that puts records into the table.
fn insert(records: &[Record]) -> String {
    let rows: Vec<String> = records
        .iter()
        .map(|record| format!("({}, '{}', '{}')", record.id, record.at, record.text))
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    format!("insert into righe values {}", rows.join(", "))
}

/// A table of a PostgreSQL server.
struct Served {
    /// The database.
    database: Database,
    /// Port of the way to it.
    port: u16,
    /// Faults on the way.
    planned: Planned,
}

impl Source for Served {
    fn name(&self) -> String {
        "a table of PostgreSQL".to_owned()
    }

    fn declared(&self) -> String {
        let server = self.database.declared_at(self.port);
        format!("fetch.postgres = {{ table = \"righe\", page_rows = 10 }}\n\n{server}")
    }

    fn environment(&self) -> Vec<(String, String)> {
        vec![(postgres::VARIABLE.to_owned(), postgres::PASSWORD.to_owned())]
    }

    fn hold(&self, records: &[Record]) {
        let insert = insert(records);
        self.database
            .execute(&format!("begin; delete from righe; {insert}; commit"));
    }

    fn fail(&self, fault: Fault, n_times: usize) -> Result<(), &'static str> {
        let why = "a server answers or is gone, and a snapshot does not shift; what it sends is checked byte for byte";
        plan(&self.planned, fault, n_times, why)
    }
}

/// A table of a SQLite file.
struct Kept {
    /// The folder of the file.
    folder: tempfile::TempDir,
}

impl Source for Kept {
    fn name(&self) -> String {
        "a table of SQLite".to_owned()
    }

    fn declared(&self) -> String {
        let path = self.folder.path().join("righe.db");
        let path = path.display();
        format!("fetch.sqlite = {{ path = \"{path}\", table = \"righe\", page_rows = 10 }}")
    }

    fn hold(&self, records: &[Record]) {
        let connection = rusqlite::Connection::open(self.folder.path().join("righe.db")).unwrap();
        let insert = insert(records);
        let table =
            "create table if not exists righe (id integer primary key, at text, testo text)";
        connection
            .execute_batch(&format!(
                "{table}; begin; delete from righe; {insert}; commit"
            ))
            .unwrap();
    }

    fn fail(&self, fault: Fault, _n_times: usize) -> Result<(), &'static str> {
        match fault {
            Fault::Slow => Ok(()),
            Fault::Cut | Fault::Garbage => {
                Err("a file that is cut or damaged is refused; unit tests show it")
            }
            Fault::Shift => {
                Err("a transaction does not shift; a file that is copied over is refused")
            }
            Fault::Trouble | Fault::TooMany | Fault::Reset => Err("a file has no connection"),
        }
    }
}

/// Files of an SFTP server.
struct Left {
    /// The server.
    server: Sftp,
    /// Port of the way to it.
    port: u16,
    /// Faults on the way.
    planned: Planned,
}

impl Source for Left {
    fn name(&self) -> String {
        "files of an SFTP server".to_owned()
    }

    fn declared(&self) -> String {
        let host_key = format!("host_key = \"{}\"\n", self.server.fingerprint("host"));
        let server = Sftp::declared_at(self.port, &host_key);
        let path = self.server.pattern("righe-*.ndjson");
        format!("fetch.sftp = {{ path = \"{path}\" }}\nformat.ndjson = {{}}\n\n{server}")
    }

    fn environment(&self) -> Vec<(String, String)> {
        vec![(sftp::VARIABLE.to_owned(), self.server.key("user"))]
    }

    fn hold(&self, records: &[Record]) {
        self.server.write("righe-00.ndjson", "");
        for (number, page) in records.chunks(10).enumerate() {
            let lines: String = page.iter().map(|record| record.json() + "\n").collect();
            self.server
                .write(&format!("righe-{number:02}.ndjson"), lines);
        }
    }

    fn fail(&self, fault: Fault, n_times: usize) -> Result<(), &'static str> {
        let why = "a server answers or is gone; a file is what it is, and is looked at again after reading";
        plan(&self.planned, fault, n_times, why)
    }
}

/// Every such source that can be had here, with nothing in it.
pub(super) fn platforms() -> Vec<Box<dyn Source>> {
    let folder = tempfile::tempdir().unwrap();
    let mut sources: Vec<Box<dyn Source>> = vec![Box::new(Kept { folder })];
    if let Some(database) = postgres::any_database() {
        database.execute("create table righe (id int4 primary key, at timestamptz, testo text)");
        let (port, planned) = way(database.port(), 1000);
        sources.push(Box::new(Served {
            database,
            port,
            planned,
        }));
    }
    if let Some(server) = sftp::start() {
        let (port, planned) = way(server.port(), 2000);
        sources.push(Box::new(Left {
            server,
            port,
            planned,
        }));
    }
    sources
}
