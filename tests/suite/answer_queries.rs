//! A researcher asks with SQL, on the command line and over HTTP, and reaches nothing but the
//! latest release.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::{Child, Stdio};
use std::time::Duration;

use crate::commons::{Commons, finished, hexadecimal};
use crate::lake;

/// A query over the release with more than one row.
const DISTRICTS: &str = "select district_code, kind from districts order by district_code";

/// Statements that do more than read the tables offered.
const REFUSED: [&str; 9] = [
    "create table mine as select 1",
    "create external table mine stored as csv location 'antenne.toml'",
    "drop table districts",
    "insert into districts select * from districts",
    "delete from districts",
    "copy districts to 'mine.csv'",
    "set datafusion.execution.batch_size = 1",
    "select * from 'sample-data/mi_fido_di_noi/movimenti.csv'",
    "select * from \"lake/conformed/exchanges\"",
];

#[test]
fn the_same_rows_come_in_every_format() {
    let commons = finished();
    let ask = |format: &str| {
        commons
            .antenne(&["query", DISTRICTS, "--format", format])
            .expect_code(0)
    };
    let json = ask("json").json();
    let rows = json.as_array().unwrap();
    assert_eq!(rows.len(), 14);
    assert_eq!(rows[0]["district_code"], "AMB-DESIO");
    let csv = ask("csv").text();
    assert_eq!(csv.lines().next(), Some("district_code,kind"));
    assert_eq!(csv.lines().count(), 15);
    let parquet = lake::rows_in(ask("parquet").bytes.into());
    assert_eq!(parquet.len(), 14);
    assert_eq!(parquet[0], "AMB-DESIO | real");
    assert!(ask("table").text().contains("| AMB-DESIO "));
}

#[test]
fn an_answer_without_rows_still_has_its_columns() {
    let commons = finished();
    let sql = "select district_code, kind from districts where kind = 'nowhere'";
    let ask = |format: &str| {
        commons
            .antenne(&["query", sql, "--format", format])
            .expect_code(0)
    };
    assert_eq!(ask("json").json(), serde_json::json!([]));
    assert_eq!(ask("csv").text(), "district_code,kind\n");
    assert_eq!(lake::rows_in(ask("parquet").bytes.into()), [""; 0]);
}

#[test]
fn an_answer_can_be_written_to_a_file() {
    let commons = finished();
    let words = [
        "query",
        DISTRICTS,
        "--format",
        "parquet",
        "--output",
        "answer.parquet",
    ];
    let answer = commons.antenne(&words).expect_code(0);
    assert!(answer.bytes.is_empty());
    assert_eq!(
        lake::rows_of_file(&commons.path("answer.parquet")).len(),
        14
    );
}

#[test]
fn the_lake_is_read_only_by_who_asks_for_it() {
    let commons = finished();
    for table in [
        "conformed.exchanges",
        "derived._exchanges",
        "detected.signals",
        "source.wemi__ente",
        "reference.comuni",
    ] {
        let sql = format!("select count(*) as n from {table}");
        let public = commons
            .antenne(&["query", &sql, "--format", "csv"])
            .expect_code(2);
        assert!(
            public.bytes.is_empty() && public.said.contains("not found"),
            "{}",
            public.said
        );
        let private = commons
            .antenne(&["query", "--private", &sql, "--format", "csv"])
            .expect_code(0);
        assert!(private.text().starts_with("n\n"), "{}", private.text());
    }
}

#[test]
fn a_query_only_reads() {
    let commons = finished();
    for sql in REFUSED {
        for zone in ["--private", "--talk=normal"] {
            let answer = commons.antenne(&["query", zone, sql]).expect_code(2);
            assert!(answer.bytes.is_empty(), "{sql}");
        }
    }
    assert!(!commons.path("mine.csv").exists());
}

#[test]
fn before_the_first_release_the_researcher_is_told_so() {
    let commons = Commons::declared();
    for words in [
        &["query", "select 1"][..],
        &["serve", "--address", "127.0.0.1:0"],
    ] {
        let answer = commons.antenne(words).expect_code(2);
        assert!(answer.said.contains("no release"), "{}", answer.said);
    }
}

/// A server that stops with this value.
struct Server {
    /// The process.
    process: Child,
    /// Where it listens.
    address: SocketAddr,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _status = self.process.wait();
    }
}

/// What the server answered.
#[derive(Debug)]
struct Page {
    /// The status.
    status: u16,
    /// Names and values of the head, in lowercase.
    head: String,
    /// The body.
    body: String,
}

impl Server {
    /// Serves the release of a commons on a free port.
    fn start(commons: &Commons) -> Self {
        let mut command = commons.command(&["serve", "--address", "127.0.0.1:0"]);
        let mut process = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(process.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("http://") {
            line.clear();
            assert_ne!(said.read_line(&mut line).unwrap(), 0, "the server stopped");
        }
        let address = line.trim().rsplit_once("http://").unwrap().1;
        Self {
            process,
            address: address.parse().unwrap(),
        }
    }

    /// Sends a request of HTTP/1.0, whose answer ends with the connection.
    fn ask(&self, method: &str, target: &str, body: &str) -> Page {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_mins(1)))
            .unwrap();
        write!(
            stream,
            "{method} {target} HTTP/1.0\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let _closed = stream.shutdown(Shutdown::Both);
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Page {
            status,
            head: head.to_lowercase(),
            body: body.to_owned(),
        }
    }

    /// Asks a query by its address.
    fn sql(&self, sql: &str, format: &str) -> Page {
        let sql = hexadecimal(sql.as_bytes(), "%");
        self.ask("GET", &format!("/sql?q={sql}&format={format}"), "")
    }
}

#[test]
fn the_pages_and_files_of_the_release_are_served_as_they_lie_there() {
    let commons = finished();
    let server = Server::start(&commons);
    let health = server.ask("GET", "/healthz", "");
    assert_eq!((health.status, health.body.as_str()), (200, "ok"));
    let front = server.ask("GET", "/", "");
    assert!(
        front.status == 307 && front.head.contains("location: /site/it/"),
        "{front:?}"
    );
    let release = format!("releases/{}", commons.last_release().unwrap());
    for path in [
        "site/it/index.html",
        "site/en/index.html",
        "data/signals.csv",
        "SHA256SUMS",
    ] {
        let page = server.ask("GET", &format!("/{path}"), "");
        assert_eq!(page.status, 200, "{path}");
        assert_eq!(
            page.body,
            commons.read(&format!("{release}/{path}")),
            "{path}"
        );
        assert!(
            page.head
                .contains("content-security-policy: default-src 'none'"),
            "{}",
            page.head
        );
    }
    let folder = server.ask("GET", "/site/it/", "");
    assert!(
        folder.status == 200 && folder.body.contains("<html"),
        "{folder:?}"
    );
}

#[test]
fn a_query_over_http_is_answered_in_json_and_csv() {
    let commons = finished();
    let server = Server::start(&commons);
    let expected = commons
        .antenne(&["query", DISTRICTS, "--format", "csv"])
        .expect_code(0)
        .text();
    let csv = server.sql(DISTRICTS, "csv");
    assert_eq!((csv.status, &csv.body), (200, &expected));
    let json = server.sql("select count(*) as n from districts", "json");
    assert!(
        json.status == 200 && json.head.contains("content-type: application/json"),
        "{json:?}"
    );
    assert!(json.body.contains("14"), "{}", json.body);
    let posted = server.ask("POST", "/sql?format=csv", DISTRICTS);
    assert_eq!((posted.status, &posted.body), (200, &expected));
    let arrow = server.sql(DISTRICTS, "arrow");
    assert!(
        arrow.status == 200 && arrow.body.len() > 200,
        "{}",
        arrow.status
    );
}

#[test]
fn what_is_not_of_the_release_is_refused_over_http() {
    let commons = finished();
    let server = Server::start(&commons);
    for sql in REFUSED.into_iter().chain([
        "select * from conformed.exchanges",
        "select * from reference.comuni",
        "selekt",
    ]) {
        let page = server.sql(sql, "json");
        assert!(
            page.status == 400 && page.body.contains("\"help\""),
            "{sql}: {page:?}"
        );
    }
    for target in [
        "/../antenne.toml",
        "/data/../../../antenne.toml",
        "/%2e%2e/%2e%2e/antenne.toml",
        "/data/..%2f..%2f..%2fantenne.toml",
        "/lake/releases.json",
    ] {
        let page = server.ask("GET", target, "");
        assert!(
            page.status >= 400 && !page.body.contains("pseudonym_key"),
            "{target}: {page:?}"
        );
    }
    assert_eq!(
        server.sql("select 1 as n", "csv").body,
        "n\n1\n",
        "it still answers"
    );
}
