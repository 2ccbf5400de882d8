//! The contract of every transport, over SQLite files written by the tests, and what is special to
//! SQLite: types by value, its logs, copies in progress.
//!
//! Two cases of the contract have no meaning here: nothing is retried (a file is there or not; a
//! lock is waited for), and a page cannot break off (it is whole or it is not given).

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int64Type};
use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::canon::text::moment;
use crate::stages::acquire::transport::{Claim, arrow_page};

/// Start of the runs of the tests.
const STARTED: &str = "2026-03-01T10:00:00Z";

/// A folder with one SQLite file.
struct Platform {
    /// The folder.
    folder: TempDir,
}

/// What a reading gave.
#[derive(Debug)]
struct Given {
    /// Addresses, with the rows of each page; `None` for an unchanged one.
    pages: Vec<(String, String, Option<RecordBatch>)>,
    /// The count of the server.
    claim: Option<Claim>,
    /// How it ended.
    ended: Ended,
}

impl Given {
    /// Rows of all pages.
    fn n_rows(&self) -> usize {
        let rows = self.pages.iter().filter_map(|(_, _, rows)| rows.as_ref());
        rows.map(RecordBatch::num_rows).sum()
    }

    /// Whole numbers of the first column.
    fn ids(&self) -> Vec<i64> {
        let rows = self.pages.iter().filter_map(|(_, _, rows)| rows.as_ref());
        rows.flat_map(|rows| rows.column(0).as_primitive::<Int64Type>().values().to_vec())
            .collect()
    }

    /// What the next reading must know of this one.
    fn known(&self) -> Vec<(String, String)> {
        let pages = self.pages.iter();
        pages
            .map(|(address, tag, _)| (address.clone(), tag.clone()))
            .collect()
    }
}

impl Platform {
    /// A file made by these statements.
    fn with(statements: &str) -> Self {
        let platform = Self {
            folder: TempDir::new().unwrap(),
        };
        platform.write(statements);
        platform
    }

    /// Where the file is.
    fn path(&self) -> PathBuf {
        self.folder.path().join("t.db")
    }

    /// A connection that writes.
    fn writer(&self) -> Connection {
        Connection::open(self.path()).unwrap()
    }

    /// Carries out statements.
    fn write(&self, statements: &str) {
        self.writer().execute_batch(statements).unwrap();
    }

    /// Gives the file a time long before the runs.
    fn rest(&self) {
        let before = moment::iso_micros(STARTED).unwrap() - 60_000_000;
        let before = UNIX_EPOCH + Duration::from_micros(before.cast_unsigned());
        let file = File::options().write(true).open(self.path()).unwrap();
        file.set_modified(before).unwrap();
    }

    /// The file as the tables of one source share it.
    fn session(&self) -> Arc<Session> {
        Arc::new(Session::new(self.folder.path(), "t.db"))
    }

    /// What is to be read.
    fn job(toml: &str) -> Job {
        let toml = format!("path = \"t.db\"\nbusy_timeout = \"200ms\"\n{toml}");
        let declared: SqliteTable = toml::from_str(&toml).unwrap();
        Job {
            addresses: Addresses::new(declared.shown(), 7),
            shown: declared.shown(),
            declared,
            cursor: None,
            window: None,
            started_micros: moment::iso_micros(STARTED).unwrap(),
            known: Vec::new(),
        }
    }

    /// Reads a table.
    async fn read(&self, job: Job) -> Result<Given, SqliteError> {
        read_in(self.session(), job).await
    }

    /// Reads what a declaration says.
    async fn table(&self, toml: &str) -> Result<Given, SqliteError> {
        self.read(Self::job(toml)).await
    }
}

/// Reads a table of a file that is shared.
async fn read_in(session: Arc<Session>, job: Job) -> Result<Given, SqliteError> {
    let mut transport = SqlitePages {
        session,
        job,
        answers: None,
        ended: Ended {
            cursor: None,
            earlier: Earlier::Stay,
            part: None,
        },
    };
    let (mut pages, mut claim) = (Vec::new(), None);
    loop {
        match transport.next().await {
            Ok(Some(page)) => {
                let rows = match &page.body {
                    Body::Whole(content) => Some(arrow_page::tests::read(content)),
                    Body::Unchanged | Body::Opened(_) | Body::Pieces(_) => None,
                };
                claim = page.claim;
                pages.push((page.address, page.tag, rows));
            }
            Ok(None) => {
                let ended = transport.end();
                return Ok(Given {
                    pages,
                    claim,
                    ended,
                });
            }
            Err(Error::Sqlite(error)) => return Err(*error),
            Err(error) => panic!("{error}"),
        }
    }
}

/// Five rows.
const FIVE: &str = "create table t (id integer primary key, nome text, ore real); \
    insert into t values (3, 'c', 1.5), (1, 'a', 2), (2, null, null), (5, 'e', 0), (4, 'd', 4)";

#[tokio::test]
async fn a_table_is_read_in_pages_in_the_order_of_its_key() {
    let given = Platform::with(FIVE)
        .table("table = \"t\"\npage_rows = 2")
        .await
        .unwrap();
    let addresses: Vec<&str> = given.pages.iter().map(|page| page.0.as_str()).collect();
    assert_eq!(
        addresses,
        [
            "t.db/t#page=000001",
            "t.db/t#page=000002",
            "t.db/t#page=000003"
        ]
    );
    assert_eq!(given.ids(), [1, 2, 3, 4, 5]);
    assert_eq!(given.claim, Some(Claim::Table(5)));
    assert_eq!(given.ended.earlier, Earlier::Leave);
    let types = given.pages[0].2.as_ref().unwrap().schema();
    let types: Vec<&DataType> = types
        .fields()
        .iter()
        .map(|field| field.data_type())
        .collect();
    assert_eq!(
        types,
        [&DataType::Int64, &DataType::Utf8, &DataType::Float64]
    );
}

#[tokio::test]
async fn an_empty_table_is_one_page_without_rows_and_one_row_is_one_page() {
    let platform = Platform::with("create table t (id integer primary key, ore real)");
    let given = platform.table("table = \"t\"").await.unwrap();
    assert_eq!((given.pages.len(), given.n_rows()), (1, 0));
    assert_eq!(given.claim, Some(Claim::Table(0)));
    platform.write("insert into t values (1, 2)");
    let given = platform.table("table = \"t\"").await.unwrap();
    assert_eq!((given.pages.len(), given.n_rows()), (1, 1));
}

#[tokio::test]
async fn a_text_among_numbers_is_kept_as_it_is() {
    let platform =
        Platform::with("create table t (n integer); insert into t values (1), ('boh'), (null)");
    let given = platform.table("table = \"t\"").await.unwrap();
    let rows = given.pages[0].2.as_ref().unwrap();
    let values: Vec<Option<&str>> = rows.column(0).as_string::<i32>().iter().collect();
    assert_eq!(values, [None, Some("1"), Some("boh")]);
}

#[tokio::test]
async fn a_file_that_has_not_changed_is_not_read_again() {
    let platform = Platform::with(FIVE);
    platform.rest();
    let first = platform.table("table = \"t\"").await.unwrap();
    let job = |toml| Job {
        known: first.known(),
        ..Platform::job(toml)
    };
    let again = platform.read(job("table = \"t\"")).await.unwrap();
    assert_eq!(again.known(), first.known());
    assert!(again.pages.iter().all(|(_, _, rows)| rows.is_none()));
    let other = platform
        .read(job("table = \"t\"\ncolumns = [\"id\"]"))
        .await
        .unwrap();
    assert_eq!(
        other.n_rows(),
        5,
        "another declaration reads the same file anew"
    );
    platform.write("update t set nome = 'z' where id = 1");
    let changed = platform.read(job("table = \"t\"")).await.unwrap();
    assert_eq!(changed.n_rows(), 5);
    assert_eq!(
        changed.pages[0].1, "",
        "a change of this very moment may be followed by another"
    );
}

/// Rows with the time of their last change.
const CHANGES: &str = "create table t (id integer primary key, il text); \
    insert into t values (1, '2026-01-01 08:00:00'), (2, '2026-01-02 09:00:00.25'), (3, '2026-01-02 09:00:00.75')";

/// What is declared of them.
const SINCE: &str = "table = \"t\"\nsince = { column = \"il\", lag = \"1h\" }";

#[tokio::test]
async fn rows_of_the_last_second_come_again_and_none_is_lost() {
    let platform = Platform::with(CHANGES);
    let first = platform.table(SINCE).await.unwrap();
    assert_eq!(first.ids(), [1, 2, 3]);
    assert_eq!(first.ended.earlier, Earlier::Leave);
    let cursor = first.ended.cursor.unwrap();
    assert_eq!(cursor, "2026-01-02 09:00:00");
    platform.write(
        "insert into t values (4, '2026-01-02 09:00:00.5'), (5, '2026-01-02 08:30:00'), (6, '2026-02-01')",
    );
    platform.write("delete from t where id = 6");
    let job = Job {
        cursor: Some(cursor),
        ..Platform::job(SINCE)
    };
    let second = platform.read(job.clone()).await.unwrap();
    assert_eq!(second.ids(), [5, 2, 4, 3], "the lag brings what came late");
    assert_eq!(second.claim, Some(Claim::Table(4)));
    let from = second.ended.part.clone().unwrap().0;
    assert_eq!(from.as_deref(), Some("2026-01-02 08:00:00"));
    assert_eq!(second.ended.earlier, Earlier::Stay);
    let window = Job {
        window: Some(("2026-01-01".to_owned(), "2026-01-02".to_owned())),
        ..job
    };
    let window = platform.read(window).await.unwrap();
    assert_eq!(window.ids(), [1]);
    assert_eq!(window.ended.cursor, None);
}

#[tokio::test]
async fn a_row_dated_to_the_future_does_not_hide_later_ones() {
    let platform = Platform::with(CHANGES);
    platform.write("insert into t values (9, '9999-01-01 00:00:00')");
    let given = platform.table(SINCE).await.unwrap();
    assert_eq!(given.n_rows(), 4);
    assert_eq!(given.ended.cursor.as_deref(), Some("2026-03-01 10:00:00"));
}

#[tokio::test]
async fn a_watermark_without_order_is_refused() {
    let platform = Platform::with(CHANGES);
    platform.write("insert into t values (9, null)");
    let error = platform.table(SINCE).await.unwrap_err();
    assert!(matches!(error, SqliteError::NoMark { .. }), "{error}");
    platform.write("update t set il = 'ieri' where id = 9");
    let error = platform.table(SINCE).await.unwrap_err();
    assert!(matches!(error, SqliteError::Watermark { .. }), "{error}");
    let number = "table = \"t\"\nsince = { column = \"id\", lag = \"1h\" }";
    let job = Job {
        cursor: Some("1".to_owned()),
        ..Platform::job(number)
    };
    let error = platform.read(job).await.unwrap_err();
    assert!(matches!(error, SqliteError::Lag { .. }), "{error}");
}

#[tokio::test]
async fn a_query_joins_and_casts_but_is_one_select() {
    let platform = Platform::with(FIVE);
    let given = platform
        .table("query = \"select id, hex(nome) as nome from t where id > 3 -- those;\"")
        .await
        .unwrap();
    assert_eq!(given.ids(), [4, 5]);
    for query in [
        "select 1; select 2",
        "delete from t",
        "select 1) union select (2",
        "",
    ] {
        let error = platform
            .table(&format!("query = \"{query}\""))
            .await
            .unwrap_err();
        assert!(
            matches!(error, SqliteError::Statement { .. }),
            "{query}: {error}"
        );
    }
    assert_eq!(platform.table("table = \"t\"").await.unwrap().n_rows(), 5);
}

#[tokio::test]
async fn what_is_not_there_or_fits_no_page_is_named() {
    let platform = Platform::with(FIVE);
    let error = |toml: &'static str| async { platform.table(toml).await.unwrap_err().to_string() };
    assert!(error("table = \"u\"").await.contains("has no table `u`"));
    assert!(
        error("table = \"t\"\ncolumns = [\"x\"]")
            .await
            .contains("no such column: x")
    );
    assert!(
        error("table = \"t\"\nsince = { column = \"x\" }")
            .await
            .contains("no such column: x")
    );
    platform.write("insert into t values (6, x'00', 1)");
    let blob = error("table = \"t\"").await;
    assert!(blob.contains("row 6") && blob.contains("`nome`"), "{blob}");
    assert_eq!(
        platform
            .table("table = \"t\"\ncolumns = [\"id\"]")
            .await
            .unwrap()
            .n_rows(),
        6
    );
}

#[tokio::test]
async fn all_tables_show_one_moment_while_a_writer_goes_on() {
    let platform = Platform::with(
        "pragma journal_mode = wal; create table a (n integer); create table b (n integer); \
         insert into a values (1); insert into b values (1)",
    );
    let writer = platform.writer();
    let session = platform.session();
    let first = read_in(Arc::clone(&session), Platform::job("table = \"a\""))
        .await
        .unwrap();
    writer
        .execute_batch("begin; insert into a values (2); insert into b values (2); commit")
        .unwrap();
    let second = read_in(session, Platform::job("table = \"b\""))
        .await
        .unwrap();
    assert_eq!((first.ids(), second.ids()), (vec![1], vec![1]));
    let later = platform.table("table = \"b\"").await.unwrap();
    assert_eq!(later.ids(), [1, 2], "what is still in the log is read");
}

#[tokio::test]
async fn a_locked_file_is_waited_for_and_then_named() {
    let platform = Platform::with(FIVE);
    let writer = platform.writer();
    writer.execute_batch("begin exclusive").unwrap();
    let error = platform.table("table = \"t\"").await.unwrap_err();
    assert!(matches!(error, SqliteError::Busy { .. }), "{error}");
    assert!(error.is_transient());
    writer.execute_batch("commit").unwrap();
    assert_eq!(platform.table("table = \"t\"").await.unwrap().n_rows(), 5);
}

#[tokio::test]
async fn a_copy_that_is_not_whole_is_not_read() {
    let platform = Platform::with(FIVE);
    let whole = fs::read(platform.path()).unwrap();
    fs::write(platform.path(), &whole[..whole.len() - 512]).unwrap();
    let error = platform.table("table = \"t\"").await.unwrap_err();
    assert!(matches!(error, SqliteError::Cut { .. }), "{error}");
    assert!(error.is_transient());
    for (content, is_cut) in [
        (&b""[..], true),
        (&b"SQLite format 3\0"[..], true),
        (&[7; 200], false),
    ] {
        fs::write(platform.path(), content).unwrap();
        let error = platform.table("table = \"t\"").await.unwrap_err();
        assert_eq!(matches!(error, SqliteError::Cut { .. }), is_cut, "{error}");
    }
    fs::write(platform.path(), &whole).unwrap();
    assert_eq!(platform.table("table = \"t\"").await.unwrap().n_rows(), 5);
}

#[tokio::test]
async fn a_file_whose_pages_contradict_each_other_is_damaged() {
    let platform = Platform::with(FIVE);
    let mut content = fs::read(platform.path()).unwrap();
    let page = content.len() / 2;
    content[page..].fill(0xee);
    fs::write(platform.path(), content).unwrap();
    let error = platform.table("table = \"t\"").await.unwrap_err();
    assert!(matches!(error, SqliteError::Damaged { .. }), "{error}");
}

#[tokio::test]
async fn a_file_that_is_copied_over_while_it_is_read_is_not_kept() {
    let platform = Platform::with(FIVE);
    let session = platform.session();
    let job = || Platform::job("table = \"t\"");
    read_in(Arc::clone(&session), job()).await.unwrap();
    let mut content = fs::read(platform.path()).unwrap();
    let last = content.len() - 1;
    content[last] ^= 1;
    fs::write(platform.path(), content).unwrap();
    let error = read_in(session, job()).await.unwrap_err();
    assert!(matches!(error, SqliteError::Changed { .. }), "{error}");
    assert!(error.is_transient());
}

#[tokio::test]
async fn a_reading_that_is_given_up_leaves_the_file_alone() {
    let platform = Platform::with(FIVE);
    let session = platform.session();
    let mut transport = SqlitePages {
        session: Arc::clone(&session),
        job: Platform::job("table = \"t\"\npage_rows = 1"),
        answers: None,
        ended: Ended {
            cursor: None,
            earlier: Earlier::Stay,
            part: None,
        },
    };
    assert!(transport.next().await.unwrap().is_some());
    drop(transport);
    let again = read_in(session, Platform::job("table = \"t\""))
        .await
        .unwrap();
    assert_eq!(again.n_rows(), 5);
}

#[tokio::test]
async fn the_same_file_gives_the_same_bytes_wherever_it_lies() {
    let read = async |folder: &Path| {
        let session = Arc::new(Session::new(folder, "t.db"));
        let given = read_in(session, Platform::job("table = \"t\""))
            .await
            .unwrap();
        given.pages[0].2.clone()
    };
    let (one, other) = (Platform::with(FIVE), Platform::with(FIVE));
    assert_eq!(
        read(one.folder.path()).await,
        read(other.folder.path()).await
    );
}
