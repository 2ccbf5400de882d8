//! A server on loopback, asked as a stranger would.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::ipc::reader::StreamReader;
use parquet::arrow::ArrowWriter;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

/// What came back.
struct Reply {
    /// The status.
    status: u16,
    /// The headers as sent, in lowercase.
    headers: String,
    /// The body.
    body: Vec<u8>,
}

impl Reply {
    /// The body as text.
    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// A small release: one page, one table of three rows, one wide table of 3,000 rows.
fn release() -> TempDir {
    let place = tempfile::tempdir().unwrap();
    let root = place.path();
    for folder in ["data", "site/it"] {
        std::fs::create_dir_all(root.join(folder)).unwrap();
    }
    std::fs::write(root.join("site/it/index.html"), "<p>ciao").unwrap();
    write_table(root, "signals", 3);
    write_table(root, "many", 3_000);
    place
}

/// Writes a table with columns `n` and `word`.
fn write_table(root: &Path, name: &str, n_rows: i64) {
    let n: ArrayRef = Arc::new(Int64Array::from_iter_values(0..n_rows));
    let words = (0..n_rows).map(|row| format!("word {row}"));
    let word: ArrayRef = Arc::new(StringArray::from_iter_values(words));
    let batch = RecordBatch::try_from_iter([("n", n), ("word", word)]).unwrap();
    let file = File::create(root.join(format!("data/{name}.parquet"))).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// Starts a server over a release and gives its address.
async fn started(release: &TempDir, limits: Limits) -> SocketAddr {
    let plan = Plan {
        release: release.path().to_path_buf(),
        address: SocketAddr::from(([127, 0, 0, 1], 0)),
        limits,
    };
    let server = bind(&plan).await.unwrap();
    let address = server.address();
    tokio::spawn(server.run());
    address
}

/// Sends one request and reads the whole reply.
async fn send(address: SocketAddr, method: &str, path: &str, body: &str) -> Reply {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    let end = bytes
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap();
    let headers = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    let status = headers.split(' ').nth(1).unwrap().parse().unwrap();
    Reply {
        status,
        headers,
        body: bytes[end + 4..].to_vec(),
    }
}

/// Asks a query as a body.
async fn ask(address: SocketAddr, sql: &str) -> Reply {
    send(address, "POST", "/sql", sql).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_are_shown_and_guarded() {
    let release = release();
    let address = started(&release, Limits::default()).await;
    let front = send(address, "GET", "/", "").await;
    assert_eq!(front.status, 307);
    assert!(front.headers.contains("location: /site/it/index.html"));
    let page = send(address, "GET", "/site/it/", "").await;
    assert_eq!((page.status, page.text()), (200, "<p>ciao"));
    assert!(
        page.headers
            .contains("content-security-policy: default-src 'none'")
    );
    assert!(page.headers.contains("x-content-type-options: nosniff"));
    assert_eq!(send(address, "GET", "/healthz", "").await.text(), "ok");
    assert_eq!(send(address, "GET", "/nothing", "").await.status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_path_leaves_the_release() {
    let release = release();
    let address = started(&release, Limits::default()).await;
    for path in [
        "/../../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/data/..%2f..%2fetc/passwd",
    ] {
        let reply = send(address, "GET", path, "").await;
        assert!(reply.status >= 400, "{path}: {}", reply.status);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_is_answered_in_three_formats() {
    let release = release();
    let address = started(&release, Limits::default()).await;
    let json = send(
        address,
        "GET",
        "/sql?q=select+sum(n)+as+total+from+signals",
        "",
    )
    .await;
    assert_eq!((json.status, json.text()), (200, r#"[{"total":3}]"#));
    assert!(json.headers.contains("x-antenne-truncated: false"));
    let csv = send(
        address,
        "POST",
        "/sql?format=csv",
        "select word from signals order by n",
    )
    .await;
    assert_eq!(csv.text(), "word\nword 0\nword 1\nword 2\n");
    let arrow = send(address, "POST", "/sql?format=arrow", "select n from many").await;
    let rows = StreamReader::try_new(arrow.body.as_slice(), None).unwrap();
    assert_eq!(
        rows.map(|batch| batch.unwrap().num_rows()).sum::<usize>(),
        3_000
    );
    let tables = ask(address, "show tables").await;
    assert!(tables.text().contains("\"signals\""), "{}", tables.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_does_more_than_read_the_release_is_refused() {
    let release = release();
    let address = started(&release, Limits::default()).await;
    let canary = release.path().join("canary");
    let copy = format!("copy signals to '{}' stored as csv", canary.display());
    let inside = release.path().join("data/many.parquet");
    for sql in [
        "create table x as select 1 as n",
        "create external table x stored as csv location '/etc/passwd'",
        "drop table signals",
        "insert into signals values (9, 'x')",
        "delete from signals",
        "update signals set n = 0",
        copy.as_str(),
        "explain copy signals to '/tmp/canary'",
        "explain analyze insert into signals values (9, 'x')",
        "set datafusion.execution.batch_size = 1",
        "prepare p as select 1",
        "begin",
        "select * from '/etc/passwd'",
        "select * from 'file:///etc/passwd'",
        &format!("select * from '{}'", inside.display()),
        "select * from read_parquet('/etc/passwd')",
        "select * from read_csv('/etc/passwd')",
        "select * from parquet_metadata('/etc/passwd')",
        "select * from conformed.exchanges",
        "select repeat('x', 1000000000)",
        "select scan_clusters('a', 1, 1, 1, 0, 0) over ()",
        "select fdr_bh(0.5) over ()",
        "select 1; select 2",
    ] {
        let reply = ask(address, sql).await;
        assert_eq!(reply.status, 400, "{sql}: {}", reply.text());
        let refusal: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
        assert!(refusal["error"].is_string() && refusal["help"].is_string());
        assert!(!reply.text().contains("root:"), "{sql}");
    }
    assert!(!canary.exists());
    assert_eq!(
        ask(address, "select count(*) as n from signals")
            .await
            .text(),
        r#"[{"n":3}]"#
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_that_is_no_question_is_explained() {
    let release = release();
    let address = started(&release, Limits::default()).await;
    let empty = send(address, "GET", "/sql", "").await;
    assert_eq!(empty.status, 400);
    assert!(empty.text().contains("`many`, `signals`"));
    assert_eq!(
        send(address, "GET", "/sql?q=select+1&format=xml", "")
            .await
            .status,
        400
    );
    assert_eq!(
        send(address, "GET", "/sql?query=select+1", "").await.status,
        400
    );
    assert_eq!(ask(address, "select from").await.status, 400);
    assert_eq!(
        send(address, "POST", "/sql", &" ".repeat(70_000))
            .await
            .status,
        413
    );
    assert_eq!(send(address, "DELETE", "/sql", "").await.status, 405);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_beyond_its_rows_is_cut_and_says_so() {
    let release = release();
    let limits = Limits {
        n_rows: 10,
        ..Limits::default()
    };
    let address = started(&release, limits).await;
    let reply = send(address, "POST", "/sql?format=csv", "select n from many").await;
    assert_eq!(reply.text().lines().count(), 11);
    assert!(reply.headers.contains("x-antenne-truncated: true"));
    let exact = send(
        address,
        "POST",
        "/sql?format=csv",
        "select n from many where n < 10",
    )
    .await;
    assert!(exact.headers.contains("x-antenne-truncated: false"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_beyond_its_bytes_or_memory_is_refused() {
    let release = release();
    let limits = Limits {
        n_bytes: 1_000,
        memory_bytes: 1 << 20,
        ..Limits::default()
    };
    let address = started(&release, limits).await;
    assert_eq!(ask(address, "select * from many").await.status, 413);
    let sorted = "select a.n, b.n from many a cross join many b order by b.word, a.word";
    let reply = ask(address, sorted).await;
    assert_eq!(reply.status, 413, "{}", reply.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_without_end_is_stopped_and_gives_its_place_back() {
    let release = release();
    let limits = Limits {
        time: Duration::from_millis(300),
        n_queries: 1,
        ..Limits::default()
    };
    let address = started(&release, limits).await;
    let endless = "select count(*) from many a cross join many b cross join many c \
                   where a.n + b.n + c.n = -1";
    let reply = ask(address, endless).await;
    assert_eq!(reply.status, 408, "{}", reply.text());
    // The one place is free again as soon as the work has really stopped.
    let mut after = ask(address, "select 1").await.status;
    let waited = std::time::Instant::now();
    while after == 503 && waited.elapsed() < Duration::from_secs(10) {
        after = ask(address, "select 1").await.status;
    }
    assert_eq!(after, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_without_a_free_place_is_asked_to_come_back() {
    let release = release();
    let limits = Limits {
        n_queries: 0,
        ..Limits::default()
    };
    let address = started(&release, limits).await;
    let reply = ask(address, "select 1").await;
    assert_eq!(reply.status, 503, "{}", reply.text());
    assert!(reply.headers.contains("retry-after: 2"));
}
