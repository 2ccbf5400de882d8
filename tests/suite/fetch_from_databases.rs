//! An operator takes the tables of a platform straight from its database.
//!
//! The contract of every transport, over a PostgreSQL server and a SQLite file; what of it has no
//! meaning for a database is said by name at the end.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::commons::Commons;
use crate::servers::neighbors::{Neighbors, Origin, TABLES, favori, notes};
use crate::servers::postgres::{self, Database};
use crate::servers::proxy::{self, Verdict};

/// A database of a platform, with its commons.
enum Platform {
    /// Tables of a PostgreSQL server.
    Postgres(Database, Neighbors),
    /// Tables of a SQLite file in the commons.
    Sqlite(Neighbors),
}

/// Where the SQLite file lies.
const FILE: &str = "exports/vicini.db";

impl Platform {
    /// Every kind of database that can be had here, with empty tables; `name` is that of the test.
    fn all(name: &str, options: &str) -> Vec<Self> {
        let database = postgres::database(name);
        let postgres = database.map(|database| {
            let origin = origin_of(&database.declared(), "postgres", options);
            let secrets = vec![(postgres::VARIABLE, postgres::PASSWORD.to_owned())];
            Self::Postgres(database, Neighbors::new(&origin, secrets))
        });
        let path = format!("path = \"{FILE}\", ");
        let origin = origin_of("", "sqlite", &format!("{path}{options}"));
        let sqlite = Self::Sqlite(Neighbors::new(&origin, Vec::new()));
        let platforms: Vec<Self> = postgres.into_iter().chain([sqlite]).collect();
        for platform in &platforms {
            platform.execute(TABLES);
        }
        platforms
    }

    /// The commons.
    fn neighbors(&self) -> &Neighbors {
        match self {
            Self::Postgres(_, neighbors) | Self::Sqlite(neighbors) => neighbors,
        }
    }

    /// Carries out statements in the database.
    fn execute(&self, statements: &str) {
        match self {
            Self::Postgres(database, _) => database.execute(statements),
            Self::Sqlite(neighbors) => {
                let path = neighbors.commons.path(FILE);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                let connection = rusqlite::Connection::open(path).unwrap();
                connection.execute_batch(statements).unwrap();
            }
        }
    }
}

/// Both tables from a database, the favors with options of their own.
fn origin_of(servers: &str, protocol: &str, options: &str) -> Origin {
    let path = if protocol == "sqlite" {
        format!("path = \"{FILE}\", ")
    } else {
        String::new()
    };
    Origin {
        servers: servers.to_owned(),
        favori: format!("fetch.{protocol} = {{ {options}table = \"favori\" }}"),
        esiti: Some(format!("fetch.{protocol} = {{ {path}table = \"esiti\" }}")),
    }
}

#[test]
fn a_table_comes_in_pages_and_its_books_close_against_the_server_s_count() {
    for platform in Platform::all("paging", "page_rows = 3, ") {
        let neighbors = platform.neighbors();
        platform.execute(&favori(1..=7));
        neighbors.pull();
        assert_eq!(neighbors.book("favori"), [7, 7, 0, 0, 0]);
        assert_eq!(neighbors.notes(), notes(1..=7));
        let pages = neighbors.pages();
        assert_eq!(
            pages
                .iter()
                .filter(|page| page.starts_with("favori"))
                .count(),
            3
        );
        // A shorter table leaves no page of the longer one behind.
        platform.execute("delete from favori where id > 2");
        neighbors.pull();
        assert_eq!(neighbors.book("favori"), [2, 2, 0, 0, 0]);
        assert_eq!(neighbors.notes(), notes(1..=2));
    }
}

#[test]
fn an_empty_table_is_known_to_be_empty_and_one_row_is_one_row() {
    for platform in Platform::all("empty", "") {
        let neighbors = platform.neighbors();
        neighbors.pull();
        assert_eq!(neighbors.book("favori"), [0; 5]);
        platform.execute(&favori([1]));
        neighbors.pull();
        assert_eq!(neighbors.book("favori"), [1, 1, 0, 0, 0]);
        assert_eq!(neighbors.book("esiti"), [0; 5]);
    }
}

#[test]
fn a_table_that_has_not_changed_changes_nothing() {
    for platform in Platform::all("unchanged", "") {
        let neighbors = platform.neighbors();
        platform.execute(&favori(1..=7));
        neighbors.pull();
        let (pages, lake) = (neighbors.pages(), neighbors.lake());
        neighbors.pull();
        assert_eq!(neighbors.pages(), pages);
        assert_eq!(neighbors.lake(), lake, "no commit was made");
        platform.execute("update favori set nota = 'altro' where id = 7");
        neighbors.pull();
        assert_ne!(neighbors.pages(), pages);
        assert_eq!(neighbors.book("favori"), [7, 7, 0, 0, 0]);
    }
}

#[test]
fn only_new_and_changed_rows_are_read_and_none_of_the_last_instant_is_lost() {
    let options = "since = { column = \"scritto\", lag = \"10m\" }, ";
    for platform in Platform::all("since", options) {
        let neighbors = platform.neighbors();
        platform.execute(&favori(1..=30));
        neighbors.pull();
        assert_eq!(neighbors.book("favori"), [30, 30, 0, 0, 0]);
        let before = neighbors.pages();
        // One in the very instant of the last, one late but within the lag, one correction.
        platform.execute("insert into favori values (31, 1, '2026-02-01', '2026-02-01 00:30:00', 'V1', 1, 'favore 031'), (32, 1, '2026-02-01', '2026-02-01 00:25:00', 'V1', 1, 'favore 032')");
        platform.execute("update favori set versione = 2, nota = 'favore 003', scritto = '2026-02-01 01:00:00' where id = 3");
        neighbors.pull();
        assert_eq!(neighbors.notes(), notes(1..=32));
        let [source, accepted, rejected, duplicate, superseded] = neighbors.book("favori");
        assert_eq!((accepted, rejected, superseded), (32, 0, 1));
        assert_eq!(source, accepted + duplicate + superseded);
        assert_eq!(duplicate, 11, "the rows within the lag came again");
        assert!(before.iter().all(|page| neighbors.pages().contains(page)));
        // Nothing new: nothing changes, and the cursor stays.
        let state = neighbors.state();
        let pages = neighbors.pages();
        neighbors.pull();
        neighbors.pull();
        assert_eq!(neighbors.notes(), notes(1..=32));
        assert!(neighbors.pages().len() <= pages.len() + 1);
        assert!(state.to_string().contains("2026-02-01"), "{state}");
    }
}

#[test]
fn a_window_is_fetched_again_beside_the_cursor() {
    for platform in Platform::all("backfill", "since = { column = \"scritto\" }, ") {
        let neighbors = platform.neighbors();
        platform.execute(&favori(1..=30));
        neighbors.pull();
        let state = neighbors.state();
        // A correction that kept its old time is seen by no increment.
        platform.execute("update favori set versione = 2, nota = 'corretto' where id = 5");
        neighbors.pull();
        assert!(!neighbors.notes().contains(&"corretto".to_owned()));
        let window = [
            "--from",
            "2026-02-01T00:05:00Z",
            "--to",
            "2026-02-01T00:07:00Z",
        ];
        let words = [&["backfill", "vicini", "--table", "favori"], &window[..]].concat();
        neighbors.antenne(&words).expect_code(0);
        neighbors.conform();
        assert!(neighbors.notes().contains(&"corretto".to_owned()));
        let [_, accepted, _, _, superseded] = neighbors.book("favori");
        assert_eq!((accepted, superseded), (30, 1));
        let cursors = |state: serde_json::Value| {
            let text = state.to_string();
            text.matches("2026-02-01T00:30:00").count()
                + text.matches("2026-02-01 00:30:00").count()
        };
        assert_eq!(cursors(neighbors.state()), cursors(state));
        neighbors
            .antenne(&["state", "reset", "vicini"])
            .expect_code(0);
        neighbors.pull();
        assert_eq!(neighbors.book("favori")[1], 30);
    }
}

#[test]
fn a_value_that_fits_no_page_is_named_and_the_rest_of_the_run_goes_on() {
    for platform in Platform::all("broken", "") {
        let neighbors = platform.neighbors();
        platform.execute(&favori(1..=7));
        let (wrong, said) = match platform {
            Platform::Postgres(..) => {
                ("update favori set data = 'infinity' where id = 4", "`data`")
            }
            Platform::Sqlite(_) => ("update favori set nota = x'ff00' where id = 4", "`nota`"),
        };
        platform.execute(wrong);
        let answer = neighbors.acquire().expect_code(4);
        assert!(
            answer.said.contains(said) && answer.said.contains("row 4"),
            "{}",
            answer.said
        );
        assert!(
            neighbors
                .lake()
                .iter()
                .all(|path| !path.contains("pages/vicini/favori"))
        );
        platform.execute("update favori set data = '2026-02-01', nota = 'favore 004' where id = 4");
        neighbors.pull();
        assert_eq!(neighbors.notes(), notes(1..=7));
    }
}

#[test]
fn all_tables_show_one_moment_while_a_writer_goes_on() {
    for platform in Platform::all("moment", "page_rows = 50, ") {
        let neighbors = platform.neighbors();
        if let Platform::Sqlite(_) = platform {
            platform.execute("pragma journal_mode = wal");
        }
        platform.execute(&favori(1..=200));
        platform.execute("insert into esiti select id, 'ok' from favori");
        let n_written = AtomicUsize::new(0);
        let is_over = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for id in 201..5000 {
                    if is_over.load(Ordering::Relaxed) == 1 {
                        return;
                    }
                    let both = format!(
                        "begin; {}; insert into esiti values ({id}, 'ok'); commit",
                        favori([id])
                    );
                    platform.execute(&both);
                    n_written.fetch_add(1, Ordering::Relaxed);
                }
            });
            for _ in 0..5 {
                neighbors.acquire().expect_code(0);
                neighbors.conform();
                let [of_favori, ..] = neighbors.book("favori");
                let [of_esiti, ..] = neighbors.book("esiti");
                assert_eq!(of_favori, of_esiti, "both tables are of one moment");
            }
            is_over.store(1, Ordering::Relaxed);
        });
        assert!(
            n_written.load(Ordering::Relaxed) > 0,
            "the writer wrote meanwhile"
        );
    }
}

#[test]
fn the_platform_s_own_database_gives_the_same_canonical_tables_as_its_files() {
    let Some(database) = postgres::database("wemi") else {
        return;
    };
    let from_files = Commons::small();
    let from_database = from_files.twin();
    database.restore(&from_files.read("sample-data/wemi/dump.sql"));
    declare_wemi(&database, &from_database);
    let canonical = [
        "exchanges",
        "exchange_steps",
        "providers",
        "places",
        "activity",
    ];
    let tables = |commons: &Commons| {
        for verb in ["acquire", "conform"] {
            let mut command = commons.command(&[verb, "--source", "wemi"]);
            let output = command
                .env(postgres::VARIABLE, postgres::PASSWORD)
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{said}");
        }
        canonical.map(|table| {
            let sql = format!("select * from conformed.{table}");
            let words = ["query", "--private", &sql, "--format", "csv"];
            let text = commons.antenne(&words).expect_code(0).text();
            let mut rows: Vec<String> = text.lines().map(str::to_owned).collect();
            rows.sort();
            rows
        })
    };
    let (of_files, of_database) = (tables(&from_files), tables(&from_database));
    for (index, name) in canonical.iter().enumerate() {
        assert!(of_files[index].len() > 1, "`{name}` has rows");
        assert!(of_files[index] == of_database[index], "`{name}` differs");
    }
    let counts = |commons: &Commons| {
        let books = commons.books().into_iter();
        let books = books.filter(|(name, _)| name.starts_with("wemi."));
        books
            .map(|(name, line)| {
                assert_eq!(line["closed"], true, "{line}");
                (
                    name,
                    line["source_count"].clone(),
                    line["accepted"].clone(),
                    line["rejected"].clone(),
                )
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(counts(&from_files), counts(&from_database));
}

#[test]
fn a_connection_that_breaks_is_made_again_and_the_tables_are_those_of_one_snapshot() {
    let Some((database, neighbors)) = postgres_of("retry") else {
        return;
    };
    let whole = neighbors.twin();
    whole.pull();
    // The first connection breaks at once, the second in the midst of the rows.
    let port = proxy::through(database.port(), |number, n_bytes| match number {
        0 => Verdict::Cut,
        1 if n_bytes > 20_000 => Verdict::Cut,
        _ => Verdict::Pass,
    });
    neighbors.declare(&origin_of(&database.declared_at(port), "postgres", ""));
    neighbors.pull();
    assert_eq!(neighbors.book("favori"), [1400, 1400, 0, 0, 0]);
    assert_eq!(neighbors.pages(), whole.pages());
}

#[test]
fn an_answer_that_is_cut_every_time_leaves_nothing_and_the_next_run_has_all() {
    let Some((database, neighbors)) = postgres_of("truncated") else {
        return;
    };
    let port = proxy::through(database.port(), |_, n_bytes| {
        if n_bytes > 20_000 {
            Verdict::Cut
        } else {
            Verdict::Pass
        }
    });
    neighbors.declare(&origin_of(&database.declared_at(port), "postgres", ""));
    let answer = neighbors.acquire().expect_code(4);
    assert!(answer.said.contains("public.favori"), "{}", answer.said);
    assert!(!answer.said.contains(postgres::PASSWORD));
    assert!(
        neighbors
            .lake()
            .iter()
            .all(|path| !path.contains("pages/vicini/favori"))
    );
    neighbors.declare(&origin_of(&database.declared(), "postgres", ""));
    neighbors.pull();
    assert_eq!(neighbors.book("favori"), [1400, 1400, 0, 0, 0]);
}

#[test]
fn a_run_that_is_killed_in_the_midst_of_a_table_is_made_up_for_by_the_next() {
    let Some((database, neighbors)) = postgres_of("killed") else {
        return;
    };
    let whole = neighbors.twin();
    whole.pull();
    let (told, tell) = std::sync::mpsc::channel();
    let told = Arc::new(std::sync::Mutex::new(told));
    let port = proxy::through(database.port(), move |_, n_bytes| {
        if n_bytes < 40_000 {
            return Verdict::Pass;
        }
        told.lock().unwrap().send(()).unwrap();
        Verdict::Hang
    });
    neighbors.declare(&origin_of(
        &database.declared_at(port),
        "postgres",
        "page_rows = 100, ",
    ));
    let mut child = neighbors.spawn_acquire();
    tell.recv().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    neighbors.declare(&origin_of(&database.declared(), "postgres", ""));
    neighbors.pull();
    assert_eq!(neighbors.book("favori"), [1400, 1400, 0, 0, 0]);
    assert_eq!(neighbors.pages(), whole.pages());
}

#[test]
fn a_server_that_is_not_there_or_does_not_answer_is_named_without_its_password() {
    let Some((database, neighbors)) = postgres_of("absent") else {
        return;
    };
    let declared = database.declared();
    let hanging = proxy::through(database.port(), |_, _| Verdict::Hang);
    let hanging = database.declared_at(hanging) + "connect_timeout = \"300ms\"\nattempts = 1\n";
    for (servers, said) in [
        (
            declared.replace(&format!("port = {}", database.port()), "port = 1"),
            "cannot connect",
        ),
        (hanging, "did not answer"),
        (
            declared.replace("database = \"absent\"", "database = \"altro\""),
            "does not exist",
        ),
        (
            declared.replace("user = \"antenne\"", "user = \"altri\""),
            "authentication failed",
        ),
        (declared.replace("tls = \"disable\"", ""), "certificate"),
    ] {
        neighbors.declare(&origin_of(&servers, "postgres", ""));
        let answer = neighbors.acquire().expect_code(4);
        assert!(answer.said.contains(said), "{said}: {}", answer.said);
        assert!(!answer.said.contains(postgres::PASSWORD));
    }
    neighbors.declare(&origin_of(&declared, "postgres", ""));
    let mut command = neighbors
        .commons
        .command(&["acquire", "--source", "vicini"]);
    let output = command
        .env(postgres::VARIABLE, "parola-sbagliata")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("authentication failed") && !said.contains("parola-sbagliata"),
        "{said}"
    );
}

#[test]
fn a_certificate_is_verified_against_the_declared_one() {
    let Some((database, neighbors)) = postgres_of("certified") else {
        return;
    };
    neighbors.commons.write("ca.pem", database.certificate());
    let declared = |tls: &str| database.declared().replace("tls = \"disable\"", tls);
    // Rows come only if the connection that asks for them is encrypted.
    let encrypted = "select favori.* from favori where exists (select from pg_stat_ssl where pid = pg_backend_pid() and ssl)";
    let modes = [
        // First, since a table that lost all its rows would stop the source.
        ("tls = \"disable\"", 0),
        ("tls = \"verify\"\nca = \"ca.pem\"", 1400),
        ("tls = \"require\"", 1400),
        ("tls = \"prefer\"", 1400),
    ];
    for (tls, n_rows) in modes {
        neighbors.declare(&Origin {
            servers: declared(tls),
            favori: format!("fetch.postgres = {{ query = \"{encrypted}\" }}"),
            esiti: None,
        });
        neighbors.pull();
        assert_eq!(neighbors.book("favori"), [n_rows, n_rows, 0, 0, 0], "{tls}");
    }
    let other = declared("tls = \"verify\"\nca = \"ca.pem\"").replace("127.0.0.1", "localhost");
    neighbors.declare(&origin_of(&other, "postgres", ""));
    let answer = neighbors.acquire().expect_code(4);
    assert!(answer.said.contains("certificate"), "{}", answer.said);
}

#[test]
fn every_type_of_a_server_has_a_value_or_a_refusal() {
    let Some(database) = postgres::database("types") else {
        return;
    };
    database.execute(
        "create type umore as enum ('bene', 'male'); \
         create domain breve as varchar(9); \
         create table favori (id int8, versione int2, data date, scritto timestamptz, chi uuid, ore numeric(8,3), nota text[], umore umore, breve breve, sì bool, j jsonb, fisso char(4)); \
         insert into favori values \
            (1, 1, '2026-02-01', '2026-02-01 10:00+02', '00010203-0405-0607-0809-0a0b0c0d0e0f', 1.250, '{due,\"uno, tre\"}', 'bene', 'x', true, '{\"a\": 1}', 'ab'), \
            (2, 1, '1999-12-31', '1999-12-31 23:59:59.999999+00', gen_random_uuid(), 'NaN', null, null, null, null, null, null)",
    );
    let secrets = vec![(postgres::VARIABLE, postgres::PASSWORD.to_owned())];
    let origin = Origin {
        esiti: None,
        ..origin_of(&database.declared(), "postgres", "")
    };
    let neighbors = Neighbors::new(&origin, secrets);
    let path = "pipelines/sources/vicini.toml";
    neighbors.commons.edit(
        path,
        "nota = { type = \"text\" }",
        "nota = { type = \"tags\" }",
    );
    neighbors.pull();
    assert_eq!(
        neighbors.book("favori"),
        [2, 1, 1, 0, 0],
        "NaN is no number of hours"
    );
    let row = neighbors.rows("select data, scritto, ore, nota from source.vicini__favori");
    assert_eq!(row, ["2026-02-01,2026-02-01T08:00:00Z,1.25,due|tre|uno"]);
    database.execute("alter table favori add column durata interval");
    let answer = neighbors.acquire().expect_code(4);
    assert!(
        answer.said.contains("`durata`") && answer.said.contains("interval"),
        "{}",
        answer.said
    );
    let origin = Origin {
        favori: "fetch.postgres = { query = \"\"\"select *, durata::text as durata_testo from (select * from favori) as f -- senza\n\"\"\", columns = [\"id\", \"versione\", \"data\", \"scritto\", \"chi\", \"ore\", \"durata_testo\"] }".to_owned(),
        ..origin
    };
    neighbors.declare(&origin);
    neighbors.pull();
    assert_eq!(neighbors.book("favori"), [2, 1, 1, 0, 0]);
}

#[test]
fn a_statement_of_a_declaration_cannot_change_the_platform_s_tables() {
    let Some((database, neighbors)) = postgres_of("readonly") else {
        return;
    };
    let with = |fetch: &str| Origin {
        servers: database.declared(),
        favori: format!("fetch.postgres = {{ {fetch} }}"),
        esiti: None,
    };
    for fetch in [
        "query = \"with gone as (delete from favori returning *) select * from gone\"",
        "query = \"select * from favori; delete from favori\"",
        "query = \"select * from favori) to stdout; --\"",
        "table = \"favori\\\"; delete from favori; --\"",
        "table = \"favori\", columns = [\"id\\\" from favori; delete from favori; --\"]",
    ] {
        neighbors.declare(&with(fetch));
        neighbors.acquire().expect_code(4);
    }
    let count = database.texts("select count(*)::text from favori");
    assert_eq!(count, ["1400"]);
}

#[test]
fn a_message_of_the_server_about_a_value_does_not_repeat_it() {
    let Some((database, neighbors)) = postgres_of("silent") else {
        return;
    };
    database.execute("update favori set nota = 'Lucia Filatrice 333 1234567' where id = 9");
    let fetch =
        "fetch.postgres = { query = \"select id, nota::int4 as nota from favori where id = 9\" }";
    neighbors.declare(&Origin {
        servers: database.declared(),
        favori: fetch.to_owned(),
        esiti: None,
    });
    let answer = neighbors.acquire().expect_code(4);
    assert!(answer.said.contains("22P02"), "{}", answer.said);
    assert!(!answer.said.contains("Filatrice"), "{}", answer.said);
}

/// A PostgreSQL platform with 1400 favors.
fn postgres_of(name: &str) -> Option<(Database, Neighbors)> {
    let database = postgres::database(name)?;
    database.execute(TABLES);
    database.execute(&favori(1..=1400));
    let origin = origin_of(&database.declared(), "postgres", "");
    let secrets = vec![(postgres::VARIABLE, postgres::PASSWORD.to_owned())];
    Some((database, Neighbors::new(&origin, secrets)))
}

#[test]
fn of_a_file_nothing_is_retried_and_nothing_breaks_off() {
    // A SQLite file is there or not, and a lock is waited for: the cases `retry`, `truncated
    // answer` and `kill in the midst of an answer` have no connection to break. That a file which
    // is being copied is not read, and one that is copied over meanwhile not kept, is tested
    // beside the transport. What is left is a run that finds no file, and the next that does.
    let origin = origin_of("", "sqlite", &format!("path = \"{FILE}\", "));
    let platform = Platform::Sqlite(Neighbors::new(&origin, Vec::new()));
    let answer = platform.neighbors().acquire().expect_code(4);
    assert!(answer.said.contains(FILE), "{}", answer.said);
    platform.execute(TABLES);
    platform.execute(&favori(1..=7));
    platform.neighbors().pull();
    assert_eq!(platform.neighbors().book("favori"), [7, 7, 0, 0, 0]);
}

/// Declares that the tables of WeMi come from a database.
fn declare_wemi(database: &Database, commons: &Commons) {
    let path = "pipelines/sources/wemi.toml";
    let mut toml = String::new();
    for line in commons.read(path).lines() {
        let name = line.strip_prefix("fetch.files = { url = \"sample-data/wemi/");
        match name.and_then(|name| name.strip_suffix(".parquet\" }")) {
            Some(table) => toml += &format!("fetch.postgres = {{ table = \"{table}\" }}\n"),
            None if line.starts_with("format.parquet") => {}
            None => toml += &format!("{line}\n"),
        }
    }
    let first = toml.find("[tables.").unwrap();
    toml.insert_str(first, &format!("{}\n", database.declared()));
    commons.write(path, toml);
}
