//! The reading itself, on a thread of its own: SQLite waits where everything else goes on.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Rows, ToSql};
use tokio::sync::mpsc::Sender;

use super::cells::{Affinity, Cells};
use super::error::{Place, SqliteError};
use super::file::FileState;
use super::mark::{Mark, MarkKind};
use crate::spec::fetch::sqlite::SqliteTable;
use crate::stages::acquire::transport::reading::{Addresses, Numbered, PAGE_BYTES, Part};
use crate::stages::acquire::transport::{Arrived, Earlier, Ended, arrow_page};

/// One connection and one read transaction for all tables of a file.
#[derive(Debug)]
pub(in crate::stages::acquire) struct Session {
    /// Path as declared.
    shown: String,
    /// Where the file is.
    path: PathBuf,
    /// The connection, made by the first table.
    opened: Mutex<Option<Opened>>,
}

/// A file inside its transaction.
#[derive(Debug)]
struct Opened {
    /// Answers statements.
    connection: Connection,
    /// The file when the transaction began.
    state: FileState,
}

/// What is to be read of one table.
#[derive(Debug, Clone)]
pub(super) struct Job {
    /// What is declared.
    pub(super) declared: SqliteTable,
    /// Name for messages.
    pub(super) shown: String,
    /// Where the pages lie.
    pub(super) addresses: Addresses,
    /// Where the last reading ended.
    pub(super) cursor: Option<String>,
    /// Window to read in the place of what is new.
    pub(super) window: Option<(String, String)>,
    /// Start of the run in microseconds since 1970.
    pub(super) started_micros: i64,
    /// Addresses and tags of the current pages of the table.
    pub(super) known: Vec<(String, String)>,
}

/// What the thread says.
pub(super) enum Said {
    /// The next page.
    Page(Box<Arrived>),
    /// The file has not changed; these pages are as they were.
    Unchanged {
        /// Address of a page.
        address: String,
        /// Its tag.
        tag: String,
    },
    /// The reading ended.
    Over(Ended),
}

/// Where the answers go.
type Answers = Sender<Result<Said, SqliteError>>;

impl Session {
    /// The file of some tables; nothing is opened yet.
    pub(in crate::stages::acquire) fn new(root: &Path, path: &str) -> Self {
        Self {
            shown: path.to_owned(),
            path: root.join(path),
            opened: Mutex::new(None),
        }
    }

    /// Reads one table and says what comes; stops when nobody listens.
    pub(super) fn read(&self, job: &Job, answers: &Answers) {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let place = Place {
            path: &self.shown,
            table: &job.shown,
            seconds: job.declared.busy_timeout.duration().as_secs(),
        };
        let read = match &mut *opened {
            Some(opened) => read(opened, job, (place, &self.path), answers),
            none => open(&self.path, place)
                .and_then(|found| read(none.insert(found), job, (place, &self.path), answers)),
        };
        if let Err(error) = read {
            *opened = None;
            // Whoever has left needs no answer.
            let _unheard = answers.blocking_send(Err(error));
        }
    }
}

/// Opens the file for reading only and begins the transaction.
fn open(path: &Path, place: Place<'_>) -> Result<Opened, SqliteError> {
    let state = FileState::of(path, place.path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let failed = |source: rusqlite::Error| place.failed("open", &source);
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    let patience = Duration::from_secs(place.seconds);
    connection.busy_timeout(patience).map_err(failed)?;
    connection
        .execute_batch("pragma trusted_schema = off; pragma query_only = on; begin deferred")
        .map_err(failed)?;
    // The transaction begins with the first look into the file.
    let look = connection.query_row("select count(*) from sqlite_schema", [], |_row| Ok(()));
    look.map_err(failed)?;
    Ok(Opened { connection, state })
}

/// Which rows of a table are read.
struct Meant {
    /// The rows.
    part: Part<Mark>,
    /// Where the next reading begins.
    next: Option<Mark>,
}

impl Meant {
    /// All rows, and all of them again next time.
    fn all() -> Self {
        Self {
            part: Part::whole(),
            next: None,
        }
    }
}

/// A table or query that is being read.
struct Asked<'a> {
    /// The connection.
    connection: &'a Connection,
    /// What is to be read.
    job: &'a Job,
    /// For messages.
    place: Place<'a>,
    /// What stands after `from`.
    source: String,
    /// The watermark, quoted.
    since: Option<String>,
}

/// Reads a table out of an open file.
fn read(
    opened: &mut Opened,
    job: &Job,
    (place, path): (Place<'_>, &Path),
    answers: &Answers,
) -> Result<(), SqliteError> {
    let tag = tag_of(&opened.state, job);
    if let Some(ended) = unchanged(job, &tag, answers) {
        let _unheard = answers.blocking_send(Ok(Said::Over(ended)));
        return Ok(());
    }
    let asked = Asked {
        connection: &opened.connection,
        job,
        place,
        source: source_of(&job.declared),
        since: job
            .declared
            .since
            .as_ref()
            .map(|since| quoted(&since.column)),
    };
    let Some(ended) = asked.pages(&tag, answers)? else {
        return Ok(());
    };
    if FileState::of(path, place.path)?.is_overwritten(&opened.state) {
        return Err(SqliteError::Changed {
            path: place.path.to_owned(),
        });
    }
    let _unheard = answers.blocking_send(Ok(Said::Over(ended)));
    Ok(())
}

/// The tag of every page of a table: of the file, and of what is asked of it.
fn tag_of(state: &FileState, job: &Job) -> String {
    let file = state.tag(job.started_micros);
    if file.is_empty() {
        return file;
    }
    let declared = blake3::hash(format!("{:?}", job.declared).as_bytes()).to_hex();
    format!("{file}#{}", declared.get(..16).unwrap_or_default())
}

/// Says that nothing changed, if the tags say so; then how the reading ended.
fn unchanged(job: &Job, tag: &str, answers: &Answers) -> Option<Ended> {
    let is_known = |known: &(String, String)| known.1 == tag;
    if tag.is_empty() || job.window.is_some() || !job.known.iter().any(is_known) {
        return None;
    }
    let pages = Numbered::new(job.addresses.clone(), Part::whole(), 0);
    if job.declared.since.is_some() {
        // The latest reading saw this very file: there is nothing after its cursor.
        return Some(Ended {
            earlier: Earlier::Stay,
            ..pages.end(None)
        });
    }
    if !job.known.iter().all(is_known) {
        return None;
    }
    for (address, tag) in &job.known {
        let said = Said::Unchanged {
            address: address.clone(),
            tag: tag.clone(),
        };
        answers.blocking_send(Ok(said)).ok()?;
    }
    Some(pages.end(None))
}

/// What stands after `from`.
fn source_of(declared: &SqliteTable) -> String {
    match (&declared.table, &declared.query) {
        (Some(table), _) => quoted(table),
        (None, query) => format!("(\n{}\n)", bare(query.as_deref().unwrap_or_default())),
    }
}

impl Asked<'_> {
    /// What a failure means.
    fn failed(&self, act: &'static str) -> impl Fn(rusqlite::Error) -> SqliteError {
        let place = self.place;
        move |source| place.failed(act, &source)
    }

    /// Reads all pages; `None` when nobody listens any more.
    fn pages(&self, tag: &str, answers: &Answers) -> Result<Option<Ended>, SqliteError> {
        let columns = self.columns()?;
        let Some(Meant { part, next }) = self.part()? else {
            let nothing = Ended {
                cursor: None,
                earlier: Earlier::Stay,
                part: None,
            };
            return Ok(Some(nothing));
        };
        let condition = self.condition(&part);
        let bounds: Vec<&dyn ToSql> = [&part.from, &part.to]
            .into_iter()
            .flatten()
            .map(|mark| mark as &dyn ToSql)
            .collect();
        let n_records = self.count(&condition, &bounds)?;
        let list: Vec<String> = columns.iter().map(|(name, _)| quoted(name)).collect();
        let (list, order) = (list.join(", "), self.order(&list)?);
        let statement = format!(
            "select {list} from {}{condition} order by {order}",
            self.source
        );
        let failed = self.failed("read");
        let mut statement = self.connection.prepare(&statement).map_err(&failed)?;
        let mut rows = statement.query(bounds.as_slice()).map_err(&failed)?;
        let addresses = self.job.addresses.clone();
        let mut pages = Numbered::new(addresses, part.map(Mark::text), n_records);
        let mut n_before = 0;
        loop {
            let (content, n_rows) = self.page(&mut rows, &columns, n_before)?;
            if n_rows == 0 && !pages.has_empty() {
                return Ok(Some(pages.end(next.map(|mark| mark.text()))));
            }
            n_before += n_rows;
            let page = pages.page(content, tag.to_owned());
            if answers
                .blocking_send(Ok(Said::Page(Box::new(page))))
                .is_err()
            {
                return Ok(None);
            }
        }
    }

    /// Columns to read with what they are declared as.
    fn columns(&self) -> Result<Vec<(String, Affinity)>, SqliteError> {
        let declared = &self.job.declared;
        let failed = self.failed("describe");
        if let Some(query) = &declared.query {
            let alone = self.connection.prepare(bare(query)).map_err(&failed)?;
            if !alone.readonly() || alone.column_count() == 0 {
                return Err(failed(rusqlite::Error::InvalidQuery));
            }
        } else {
            self.check_table()?;
        }
        let names: Vec<String> = declared.columns.iter().map(|name| quoted(name)).collect();
        let list = if names.is_empty() {
            "*".to_owned()
        } else {
            names.join(", ")
        };
        let statement = format!("select {list} from {}", self.source);
        let statement = self.connection.prepare(&statement).map_err(&failed)?;
        let affinities = self.affinities()?;
        let mut seen = BTreeSet::new();
        let mut columns = Vec::new();
        for name in statement.column_names() {
            if !seen.insert(name) {
                return Err(SqliteError::Twice {
                    table: self.job.shown.clone(),
                    column: name.to_owned(),
                });
            }
            let affinity = affinities.iter().find(|(column, _)| column == name);
            let affinity = affinity.map_or(Affinity::Other, |(_, affinity)| *affinity);
            columns.push((name.to_owned(), affinity));
        }
        Ok(columns)
    }

    /// Checks that the table is there; a name that is none would be taken for a text.
    fn check_table(&self) -> Result<(), SqliteError> {
        let table = self.job.declared.table.as_deref().unwrap_or_default();
        let statement = "select 1 from sqlite_schema where type in ('table', 'view') and lower(name) = lower(?1)";
        let found = self.connection.query_row(statement, [table], |_row| Ok(()));
        let found = found.optional().map_err(self.failed("look for"))?;
        found.ok_or_else(|| SqliteError::NoTable {
            path: self.place.path.to_owned(),
            table: table.to_owned(),
        })
    }

    /// What the columns of a table are declared as; a query's are declared as nothing.
    fn affinities(&self) -> Result<Vec<(String, Affinity)>, SqliteError> {
        let Some(table) = &self.job.declared.table else {
            return Ok(Vec::new());
        };
        let failed = self.failed("describe");
        let statement = "select name, type from pragma_table_info(?1)";
        let mut statement = self.connection.prepare(statement).map_err(&failed)?;
        let rows = statement.query_map([table], |row| {
            let (name, kind): (String, String) = (row.get(0)?, row.get(1)?);
            Ok((name, Affinity::of(&kind)))
        });
        rows.and_then(Iterator::collect).map_err(&failed)
    }

    /// An order that depends on nothing but the rows: the watermark, the primary key, then every
    /// column, of which SQLite sorts by no more than it takes.
    fn order(&self, list: &[String]) -> Result<String, SqliteError> {
        let mut order: Vec<String> = self.since.clone().into_iter().collect();
        if let Some(table) = &self.job.declared.table {
            let failed = self.failed("describe");
            let statement = "select name from pragma_table_info(?1) where pk > 0 order by pk";
            let mut statement = self.connection.prepare(statement).map_err(&failed)?;
            let key = statement.query_map([table], |row| row.get::<_, String>(0));
            let key: Vec<String> = key.and_then(Iterator::collect).map_err(&failed)?;
            order.extend(key.iter().map(|name| quoted(name)));
        }
        order.extend(list.iter().map(|name| format!("{name} collate binary")));
        Ok(order.join(", "))
    }

    /// Which rows to take, and where the next reading begins; `None` where there are none, though
    /// there were.
    fn part(&self) -> Result<Option<Meant>, SqliteError> {
        let (Some(since), Some(name)) = (&self.job.declared.since, &self.since) else {
            return Ok(Some(Meant::all()));
        };
        let (table, column) = (self.job.shown.clone(), since.column.clone());
        self.check_marks(name, &column)?;
        let (least, greatest) = (self.extreme("min", name)?, self.extreme("max", name)?);
        let Some(greatest) = greatest else {
            // A table without rows has no kind of watermark; all that comes later is new.
            let is_first = self.job.cursor.is_none() && self.job.window.is_none();
            return Ok(is_first.then(Meant::all));
        };
        let kind = MarkKind::of(ValueRef::from(&greatest));
        let least = least.and_then(|least| MarkKind::of(ValueRef::from(&least)));
        let (Some(kind), true) = (kind, least == kind) else {
            return Err(SqliteError::Watermark { table, column });
        };
        let read = |text: &String| {
            kind.read(text).ok_or_else(|| SqliteError::Bound {
                table: table.clone(),
                column: column.clone(),
                text: text.clone(),
            })
        };
        if let Some((from, to)) = &self.job.window {
            let (from, to) = (Some(read(from)?), Some(read(to)?));
            let part = Part { from, to };
            return Ok(Some(Meant { part, next: None }));
        }
        let next = kind.value(ValueRef::from(&greatest));
        let next = next.map(|next| next.at_most(self.job.started_micros));
        let from = self.job.cursor.as_ref().map(read).transpose()?;
        let from = from.map(|from| {
            let earlier = from.earlier(since.lag.delta().num_seconds());
            earlier.ok_or_else(|| SqliteError::Lag {
                table: table.clone(),
                column: column.clone(),
            })
        });
        let from = from.transpose()?;
        let part = Part { from, to: None };
        Ok(Some(Meant { part, next }))
    }

    /// Refuses a table with rows that have no watermark.
    fn check_marks(&self, name: &str, column: &str) -> Result<(), SqliteError> {
        let statement = format!("select 1 from {} where {name} is null limit 1", self.source);
        let blank = self.connection.query_row(&statement, [], |_row| Ok(()));
        let blank = blank.optional().map_err(self.failed("look into"))?;
        match blank {
            None => Ok(()),
            Some(()) => Err(SqliteError::NoMark {
                table: self.job.shown.clone(),
                column: column.to_owned(),
            }),
        }
    }

    /// The least or greatest watermark.
    fn extreme(&self, which: &str, name: &str) -> Result<Option<Value>, SqliteError> {
        let statement = format!("select {which}({name}) from {}", self.source);
        let value = self.connection.query_row(&statement, [], |row| row.get(0));
        let value: Value = value.map_err(self.failed("look into"))?;
        Ok(Some(value).filter(|value| *value != Value::Null))
    }

    /// The condition of a part; its values are parameters.
    fn condition(&self, part: &Part<Mark>) -> String {
        let name = self.since.as_deref().unwrap_or_default();
        let from = part.from.as_ref().map(|_| format!("{name} >= ?"));
        let to = part.to.as_ref().map(|_| format!("{name} < ?"));
        let conditions: Vec<String> = from.into_iter().chain(to).collect();
        if conditions.is_empty() {
            return String::new();
        }
        format!(" where {}", conditions.join(" and "))
    }

    /// Records under a condition, as SQLite counts them.
    fn count(&self, condition: &str, bounds: &[&dyn ToSql]) -> Result<u64, SqliteError> {
        let statement = format!("select count(*) from {}{condition}", self.source);
        let count = self
            .connection
            .query_row(&statement, bounds, |row| row.get(0));
        let count: i64 = count.map_err(self.failed("count"))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// The next page and its rows.
    fn page(
        &self,
        rows: &mut Rows<'_>,
        columns: &[(String, Affinity)],
        n_before: u64,
    ) -> Result<(Bytes, u64), SqliteError> {
        let most = u64::from(self.job.declared.page_rows.get());
        let mut cells: Vec<Cells> = columns.iter().map(|_| Cells::Empty(0)).collect();
        let (mut n_rows, mut n_bytes) = (0, 0);
        while n_rows < most && n_bytes < PAGE_BYTES {
            let Some(row) = rows.next().map_err(self.failed("read"))? else {
                break;
            };
            n_rows += 1;
            for (index, (cells, (column, _))) in cells.iter_mut().zip(columns).enumerate() {
                let value = row.get_ref(index).map_err(self.failed("read"))?;
                n_bytes += size_of(value);
                cells.push(value).map_err(|unfit| SqliteError::Value {
                    table: self.job.shown.clone(),
                    column: column.clone(),
                    row: n_before + n_rows,
                    unfit,
                })?;
            }
        }
        let columns = cells.iter_mut().zip(columns);
        let columns =
            columns.map(|(cells, (name, affinity))| (name.clone(), cells.finish(*affinity)));
        let n_in_page = usize::try_from(n_rows).unwrap_or(usize::MAX);
        let page = arrow_page::write(columns.collect(), n_in_page);
        let page = page.map_err(|source| SqliteError::Page {
            table: self.job.shown.clone(),
            source,
        });
        Ok((page?, n_rows))
    }
}

/// Bytes that a value takes in a page, about.
fn size_of(value: ValueRef<'_>) -> usize {
    match value {
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => 8,
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.len() + 4,
    }
}

/// A query without the semicolon and blanks at its end.
fn bare(query: &str) -> &str {
    query.trim_end_matches(|mark: char| mark == ';' || mark.is_whitespace())
}

/// A name that may hold anything. In double quotes a name that is no column would be taken for a
/// text, and the mistake go unseen.
fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// Reads a table on a thread of its own.
pub(super) fn start(session: Arc<Session>, job: Job, answers: Answers) {
    tokio::task::spawn_blocking(move || session.read(&job, &answers));
}
