//! The sources that faults happen to, each with a few hundred records.

use std::any::Any;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::commons::{Commons, RECORDS, files_below};
use crate::servers::neighbors::{Neighbors, Origin, TABLES, favori};
use crate::servers::postgres;
use crate::servers::proxy::{self, Verdict};
use crate::servers::s3;
use crate::servers::sftp;
use crate::servers::web::{Reply, Web};

/// Exchanges of a sample.
const N_EXCHANGES: u64 = 300;

/// A way to a server that breaks when it is told to.
#[derive(Debug, Default)]
pub(super) struct Way {
    /// Connections that are still to break.
    n_connections: AtomicUsize,
    /// Bytes after which they do.
    n_bytes: AtomicUsize,
}

impl Way {
    /// Opens a way to a port; answers the port to go through.
    fn to(target: u16) -> (Arc<Self>, u16) {
        let way = Arc::new(Self::default());
        let its = Arc::clone(&way);
        (
            way,
            proxy::through(target, move |_, n_bytes| its.judge(n_bytes)),
        )
    }

    /// Lets the next connections break after so many bytes.
    pub(super) fn break_off(&self, n_connections: usize, n_bytes: usize) {
        self.n_bytes.store(n_bytes, Ordering::SeqCst);
        self.n_connections.store(n_connections, Ordering::SeqCst);
    }

    /// Lets no more connections break.
    pub(super) fn mend(&self) {
        self.n_connections.store(0, Ordering::SeqCst);
    }

    /// What becomes of a connection.
    fn judge(&self, n_bytes: usize) -> Verdict {
        if n_bytes < self.n_bytes.load(Ordering::SeqCst) {
            return Verdict::Pass;
        }
        let less = |left: usize| left.checked_sub(1);
        let left = self
            .n_connections
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, less);
        match left {
            Ok(_) => Verdict::Cut,
            Err(_) => Verdict::Pass,
        }
    }
}

/// What of a source can be cut and later be whole.
#[derive(Debug)]
pub(super) enum Part {
    /// This file.
    File(PathBuf),
    /// Nothing, or only an answer on its way; why.
    Never(&'static str),
}

/// A source.
pub(super) struct Source {
    /// Its name in the table.
    pub(super) name: String,
    /// The platform.
    pub(super) platform: &'static str,
    /// Variables that a fetch needs.
    pub(super) variables: Vec<(&'static str, String)>,
    /// The way to its server.
    pub(super) way: Option<Arc<Way>>,
    /// What of it can be cut.
    pub(super) part: Part,
    /// Name under which the same page may come again.
    pub(super) twice: Option<&'static str>,
    /// The commons of which every site is a twin.
    origin: Commons,
    /// Files of the commons besides its declarations and records.
    more: Vec<&'static str>,
    /// What must live as long as the source.
    _server: Option<Box<dyn Any + Send + Sync>>,
}

impl Source {
    /// A platform of the sample, alone in its commons, with a file that can be cut.
    pub(super) fn of_sample(
        platform: &'static str,
        file: &str,
        twice: Option<&'static str>,
    ) -> Self {
        let origin = Commons::with_exchanges(N_EXCHANGES);
        for folder in ["pipelines/sources", "sql/conformed"] {
            for (name, path) in files_below(&origin.path(folder)) {
                if !name.starts_with(platform) {
                    fs::remove_file(path).unwrap();
                }
            }
        }
        for (name, path) in files_below(&origin.path(RECORDS)) {
            if !name.starts_with(platform) && !name.ends_with(".key") {
                fs::remove_file(path).unwrap();
            }
        }
        let records = files_below(&origin.path(&format!("{RECORDS}/{platform}")));
        let known = records.keys().find(|name| name.as_str() == file);
        let first = known.or(records.keys().next()).unwrap();
        Self {
            name: format!("files of `{platform}`"),
            platform,
            variables: Vec::new(),
            way: None,
            part: Part::File(PathBuf::from(format!("{RECORDS}/{platform}/{first}"))),
            twice,
            origin,
            more: Vec::new(),
            _server: None,
        }
    }

    /// A platform of favors.
    fn of_neighbors(name: &str, neighbors: Neighbors) -> Self {
        Self {
            name: name.to_owned(),
            platform: "vicini",
            variables: neighbors.secrets.clone(),
            way: None,
            part: Part::Never("a table"),
            twice: None,
            origin: neighbors.commons,
            more: Vec::new(),
            _server: None,
        }
    }

    /// Tables of a SQLite file.
    pub(super) fn sqlite() -> Self {
        const FILE: &str = "exports/vicini.db";
        let origin = origin_of("", "sqlite", &format!("path = \"{FILE}\", "));
        let neighbors = Neighbors::new(&origin, Vec::new());
        let path = neighbors.commons.path(FILE);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let connection = rusqlite::Connection::open(path).unwrap();
        connection.execute_batch(TABLES).unwrap();
        connection.execute_batch(&favori(1..=300)).unwrap();
        drop(connection);
        Self {
            part: Part::File(PathBuf::from(FILE)),
            more: vec![FILE],
            ..Self::of_neighbors("SQLite", neighbors)
        }
    }

    /// Tables of a PostgreSQL server.
    pub(super) fn postgres() -> Option<Self> {
        let database = postgres::database("matrix")?;
        database.execute(TABLES);
        database.execute(&favori(1..=300));
        let (way, port) = Way::to(database.port());
        let origin = origin_of(&database.declared_at(port), "postgres", "");
        let secrets = vec![(postgres::VARIABLE, postgres::PASSWORD.to_owned())];
        Some(Self {
            way: Some(way),
            _server: Some(Box::new(database)),
            ..Self::of_neighbors("PostgreSQL", Neighbors::new(&origin, secrets))
        })
    }

    /// Files of an SFTP server.
    pub(super) fn sftp() -> Option<Self> {
        let server = sftp::start()?;
        server.write("favori-1.csv", delimited());
        let (way, port) = Way::to(server.port());
        let host_key = format!("host_key = \"{}\"\n", server.fingerprint("host"));
        let origin = Origin {
            servers: sftp::Sftp::declared_at(port, &host_key),
            favori: format!(
                "fetch.sftp = {{ path = \"{}\" }}\nformat.csv = {{ delimiter = \";\" }}",
                server.pattern("favori-*.csv")
            ),
            esiti: None,
        };
        let secrets = vec![(sftp::VARIABLE, server.key("user"))];
        Some(Self {
            way: Some(way),
            part: Part::File(server.path("favori-1.csv")),
            twice: Some("favori-2.csv"),
            _server: Some(Box::new(server)),
            ..Self::of_neighbors("SFTP", Neighbors::new(&origin, secrets))
        })
    }

    /// Objects of an S3-compatible store.
    pub(super) fn s3() -> Option<Self> {
        let server = s3::store()?;
        s3::put(&server, "in/favori-1.csv", &delimited());
        let (way, port) = Way::to(port_of(&server.url()));
        let endpoint = format!("http://127.0.0.1:{port}");
        let declared = s3::files(&endpoint, "in/favori-*.csv");
        let origin = Origin {
            servers: String::new(),
            favori: declared.replace("format.ndjson = {}", "format.csv = { delimiter = \";\" }"),
            esiti: None,
        };
        let secrets = s3::SECRETS.map(|(name, value)| (name, value.to_owned()));
        Some(Self {
            way: Some(way),
            part: Part::Never("an answer"),
            _server: Some(Box::new(server)),
            ..Self::of_neighbors("S3", Neighbors::new(&origin, secrets.to_vec()))
        })
    }

    /// A file of a web server.
    pub(super) fn http() -> Self {
        let web = Web::start(|_| Reply::ok(delimited()));
        let (way, port) = Way::to(port_of(&web.url()));
        let origin = Origin {
            servers: String::new(),
            favori: format!(
                "fetch.files = {{ url = \"http://127.0.0.1:{port}/favori.csv\" }}\nformat.csv = {{ delimiter = \";\" }}"
            ),
            esiti: None,
        };
        Self {
            way: Some(way),
            part: Part::Never("an answer"),
            _server: Some(Box::new(web)),
            ..Self::of_neighbors("HTTP", Neighbors::new(&origin, Vec::new()))
        }
    }

    /// Pages of a service.
    pub(super) fn rest() -> Self {
        const SIZE: usize = 50;
        let web = Web::start(|asked| {
            let page = asked.number_of("pagina").unwrap_or(1).max(1);
            let ids = (page - 1) * SIZE + 1..=page * SIZE;
            let items = ids.filter(|id| *id <= 300).map(|id| {
                format!(
                    r#"{{"id":{id},"versione":1,"data":"2026-02-01","scritto":"2026-02-01T10:00:00Z","chi":"V{}","ore":1.5,"nota":"favore {id}"}}"#,
                    id % 7
                )
            });
            let items: Vec<String> = items.collect();
            Reply::ok(format!(r#"{{"righe":[{}],"totale":300}}"#, items.join(",")))
        });
        let (way, port) = Way::to(port_of(&web.url()));
        let origin = Origin {
            servers: String::new(),
            favori: format!(
                "format.json = {{ records = \"righe\", count = \"totale\", count_of = \"table\" }}\n[tables.favori.fetch.rest]\nurl = \"http://127.0.0.1:{port}/favori\"\npage.number = {{ param = \"pagina\", size_param = \"quanti\", size = {SIZE} }}"
            ),
            esiti: None,
        };
        Self {
            way: Some(way),
            part: Part::Never("an answer"),
            _server: Some(Box::new(web)),
            ..Self::of_neighbors("REST", Neighbors::new(&origin, Vec::new()))
        }
    }

    /// A commons with the source, of which nothing was fetched yet.
    pub(super) fn site(&self) -> Commons {
        let site = self.origin.twin();
        for path in &self.more {
            site.write(path, fs::read(self.origin.path(path)).unwrap());
        }
        site
    }

    /// A file of the source: of the site, or of its server.
    pub(super) fn file(&self, site: &Commons, path: &PathBuf) -> PathBuf {
        if path.is_absolute() {
            return path.clone();
        }
        site.path(&path.display().to_string())
    }
}

/// Three hundred favors as delimited text.
fn delimited() -> String {
    let line = |id: u32| {
        let who = id % 7;
        format!("{id};1;2026-02-01;2026-02-01T10:00:00Z;V{who};1.5;favore {id}\n")
    };
    let lines: String = (1..=300).map(line).collect();
    format!("id;versione;data;scritto;chi;ore;nota\n{lines}")
}

/// The port of an address.
fn port_of(url: &str) -> u16 {
    url.rsplit(':').next().unwrap().parse().unwrap()
}

/// Both tables from a database.
fn origin_of(servers: &str, protocol: &str, options: &str) -> Origin {
    Origin {
        servers: servers.to_owned(),
        favori: format!("fetch.{protocol} = {{ {options}table = \"favori\" }}"),
        esiti: None,
    }
}
