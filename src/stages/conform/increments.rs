//! That pages which come one after the other give the same tables and books as all at once.
//!
//! A trial platform has the tables that increments may treat differently; every case draws pages
//! with revisions, repetitions, tombstones and rows that come late, lets them come in several
//! runs, and compares the lake with one in which a single run read them all.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use bytes::Bytes;
use chrono::DateTime;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::canon::pseudonym::{PersonKeys, PseudonymKey};
use crate::context::Silent;
use crate::engine::Engine;
use crate::lake::pages::{Holding, Page, Role};
use crate::lake::scope::Aside;
use crate::lake::{File, Lake, Zone};
use crate::spec::commons::Commons;
use crate::spec::format::CountOf;
use crate::spec::limits::Limits;
use crate::spec::secret::Secrets;

/// The trial platform.
const PLATFORM: &str = "prova";

/// Settings of the trial commons.
const SETTINGS: &str = r#"
[publisher]
name = "Prova"
contact = "prova@example.org"
url = "https://prova.example.org"
[lake]
url = "lake"
[publish]
folder = "releases"
base_url = "https://prova.example.org"
[secrets]
pseudonym_key = "env:PROVA"
epoch = 1
[reference]
folder = "reference"
"#;

/// Its only reference table.
const REFERENCE: &str = r#"
[tables.comuni]
file = "comuni.csv"
description = { it = "Comuni.", en = "Comuni." }
source = "prova"
license = "CC0-1.0"
date = "2024-01-01"
[tables.comuni.columns]
comune_code = { type = "text" }
name = { type = "text" }
provincia_code = { type = "text" }
codice_catastale = { type = "text" }
"#;

/// Columns of every trial table.
const COLUMNS: &str = r#"
id = { type = "record", required = true }
rev = { type = "integer", required = true }
data = { type = "date", format = "%d/%m/%Y", required = true }
via = { type = "boolean" }
nota = { type = "text" }
"#;

/// Trial tables: name, and what their contract says of identity.
const TABLES: [(&str, &str); 5] = [
    (
        "archivio",
        "key = ['id']\nrevision = 'rev'\ndeleted = 'via'\nfiled_by = { column = 'data', every = 'month' }",
    ),
    ("ultimo", "key = ['id']\ndeleted = 'via'"),
    (
        "intero",
        "key = ['id']\nsnapshot = true\nfiled_by = { column = 'data', every = 'year' }",
    ),
    (
        "intero_rev",
        "key = ['id']\nrevision = 'rev'\ndeleted = 'via'\nsnapshot = true",
    ),
    ("fatti", "filed_by = { column = 'data', every = 'month' }"),
];

/// A commons with the trial platform, and a lake below it.
struct Trial {
    /// Where it lies.
    _folder: TempDir,
    /// What the stage is handed.
    cx: Context,
    /// Pages that are there.
    pages: Vec<Page>,
}

impl Trial {
    /// An empty lake.
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let table = |(name, identity): (&str, &str)| {
            format!(
                "[tables.{name}]\n{identity}\nfetch.files = {{ url = '{name}-*.csv' }}\nformat.csv = {{ delimiter = ';' }}\n[tables.{name}.columns]\n{COLUMNS}"
            )
        };
        let tables: String = TABLES.into_iter().map(table).collect();
        let title = "title = { it = 'Prova', en = 'Trial' }\nlimits.max_rejected_pct = 100.0\n";
        write("pipelines/sources/prova.toml", &format!("{title}{tables}"));
        write("antenne.toml", SETTINGS);
        write("reference/tables.toml", REFERENCE);
        write(
            "reference/comuni.csv",
            "comune_code,name,provincia_code,codice_catastale\n098031,Lodi,LO,E648\n",
        );
        let commons = Commons::load(folder.path()).unwrap();
        let lake = Lake::open(folder.path(), &commons.settings.lake, &Secrets::default()).unwrap();
        let engine = Engine::new(&commons.settings.engine).unwrap();
        Self {
            cx: Context {
                commons: Arc::new(commons),
                lake,
                engine,
                run: 0,
                started_at: DateTime::UNIX_EPOCH,
                holder: "prova".to_owned(),
                key: PseudonymKey::new([7; 32]),
                persons: PersonKeys::new(PseudonymKey::new([7; 32]), BTreeMap::new(), 1),
                secrets: Arc::default(),
                progress: Arc::new(Silent),
                watch: std::time::Instant::now(),
            },
            _folder: folder,
            pages: Vec::new(),
        }
    }

    /// Lets pages come, the same for every table.
    async fn acquire(&mut self, pages: &[String]) {
        for text in pages {
            let number = self.pages.len() / TABLES.len();
            let sha256 = format!("{number:064x}");
            for (table, _) in TABLES {
                keep(&self.cx.lake, table, &sha256, text).await;
                self.pages.push(Page {
                    table: table.to_owned(),
                    url: format!("{table}-{number:03}.csv"),
                    tag: String::new(),
                    sha256: sha256.clone(),
                    n_bytes: text.len() as u64,
                    n_records: Some(text.lines().count() as u64 - 1),
                    count_of: CountOf::Page,
                    note: None,
                    n_erased: 0,
                    searched_as: 0,
                    expired: None,
                    role: Role::Whole,
                    from: None,
                    to: None,
                    part: 0,
                    run: 1,
                });
            }
        }
    }

    /// Makes the pages that are there the current ones.
    async fn commit_pages(&self) {
        let holding = Holding {
            pages: self.pages.clone(),
            cursors: BTreeMap::new(),
        };
        let holdings = BTreeMap::from([(PLATFORM.to_owned(), holding)]);
        let committed = self.cx.lake.commit_pages(&holdings, self.cx.run, 0);
        committed.await.unwrap();
    }

    /// Conforms what is there.
    async fn conform(&mut self) -> Report {
        self.cx.run += 1;
        self.commit_pages().await;
        let report = conform(&self.cx, &[PLATFORM.to_owned()]).await.unwrap();
        assert!(report.failed.is_empty(), "{:?}", report.failed);
        for line in &report.books {
            assert_eq!(line.closed(), Closed::Yes, "{line:?}");
        }
        report
    }

    /// Everything the lake holds: rows of each table, its history, its tombstones, its refused
    /// rows and its books.
    async fn content(&self) -> BTreeMap<String, Vec<String>> {
        let mut found = BTreeMap::new();
        for (table, _) in TABLES {
            let name = format!("{PLATFORM}__{table}");
            let snapshot = self.cx.lake.snapshot(Zone::Source, &name).await.unwrap();
            let snapshot = snapshot.unwrap();
            let of = |aside| {
                let files = snapshot.beside.iter();
                let files = files.filter(move |file| Aside::of(file.scope()) == Some(aside));
                files.cloned().collect::<Vec<_>>()
            };
            let rows = self.rows(Zone::Source, &name, &snapshot.files).await;
            found.insert(table.to_owned(), rows);
            for aside in Aside::ALL {
                let rows = self.rows(Zone::Source, &name, &of(aside)).await;
                found.insert(format!("{table} {}", aside.word()), rows);
            }
        }
        for table in ["books", "rejects"] {
            let snapshot = self.cx.lake.snapshot(Zone::Conformed, table).await.unwrap();
            let files = snapshot.map_or_else(Vec::new, |snapshot| snapshot.files);
            let rows = self.rows(Zone::Conformed, table, &files).await;
            found.insert(table.to_owned(), rows);
        }
        found
    }

    /// Rows of files as text, sorted.
    async fn rows(&self, zone: Zone, table: &str, files: &[File]) -> Vec<String> {
        let mut rows = Vec::new();
        for file in files {
            let take = |batch| {
                rows.extend(texts(&batch));
                Ok::<_, lake::Error>(())
            };
            let read = self.cx.lake.read_file(zone, table, file, take);
            read.await.unwrap();
        }
        rows.sort();
        rows
    }
}

/// Keeps a page.
async fn keep(lake: &Lake, table: &str, sha256: &str, text: &str) {
    let mut page = lake.arriving(PLATFORM, table);
    page.push(Bytes::from(text.to_owned())).await.unwrap();
    page.keep(sha256).await.unwrap();
}

/// Rows as text, one cell beside the other.
fn texts(batch: &RecordBatch) -> Vec<String> {
    let options = FormatOptions::new().with_null("null");
    let columns = batch.columns().iter();
    let columns: Vec<_> = columns
        .map(|column| ArrayFormatter::try_new(column.as_ref(), &options).unwrap())
        .collect();
    let row = |row| {
        let cells = columns.iter().map(|column| column.value(row).to_string());
        cells.collect::<Vec<_>>().join(" | ")
    };
    (0..batch.num_rows()).map(row).collect()
}

/// A page with these rows: key, revision, month, deletion, content.
fn page(rows: &[(u8, u8, u8, u8, u8)]) -> String {
    let mut text = "id;rev;data;via;nota\n".to_owned();
    for (id, rev, month, via, nota) in rows {
        // One in twelve is deleted; one content in five does not pass the gate.
        let via = if *via == 0 { "1" } else { "" };
        let nota = ["a", "b", "c", "d", "tel. 347 1234567"][usize::from(*nota)];
        // A row without its key is refused, and may be of any record.
        let id = match (id, rev) {
            (5, 3) => String::new(),
            _ => id.to_string(),
        };
        let month = 11 + u16::from(*month);
        let (year, month) = (2023 + month / 13, (month - 1) % 12 + 1);
        writeln!(text, "{id};{rev};05/{month:02}/{year};{via};{nota}").unwrap();
    }
    text
}

/// Pages of some rows each.
fn pages() -> impl Strategy<Value = Vec<String>> {
    let row = (0..6_u8, 1..4_u8, 0..3_u8, 0..12_u8, 0..5_u8);
    let drawn = prop::collection::vec(prop::collection::vec(row, 0..9), 2..6);
    drawn.prop_map(|pages| pages.iter().map(|rows| page(rows)).collect())
}

/// A runtime for one case.
fn runtime() -> tokio::runtime::Runtime {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn pages_in_several_runs_give_what_one_run_gives(pages in pages(), cut in prop::collection::vec(any::<bool>(), 6)) {
        runtime().block_on(async {
            let mut at_once = Trial::new();
            at_once.acquire(&pages).await;
            at_once.conform().await;
            let mut by_and_by = Trial::new();
            for (number, page) in pages.iter().enumerate() {
                by_and_by.acquire(std::slice::from_ref(page)).await;
                if cut[number] || number + 1 == pages.len() {
                    by_and_by.conform().await;
                }
            }
            assert_eq!(by_and_by.content().await, at_once.content().await, "{pages:#?}");
        });
    }
}

/// The account of a table of the trial.
fn of<'r>(report: &'r Report, table: &str) -> &'r TableReport {
    let mut tables = report.tables.iter();
    tables.find(|report| report.table == table).unwrap()
}

#[tokio::test]
async fn only_the_parts_of_new_rows_are_read_and_written() {
    let mut trial = Trial::new();
    let year: Vec<_> = (0..12)
        .map(|month| page(&[(month, 1, month, 9, 0)]))
        .collect();
    trial.acquire(&year).await;
    let first = trial.conform().await;
    assert_eq!(of(&first, "archivio").n_parts_written, 12);
    trial
        .acquire(&[page(&[(3, 2, 3, 9, 1), (50, 1, 12, 9, 0)])])
        .await;
    let second = trial.conform().await;
    let archive = of(&second, "archivio");
    assert_eq!(archive.action, crate::context::Action::Extended);
    assert_eq!((archive.n_parts_written, archive.n_parts), (2, 13));
    assert_eq!((archive.n_pages_read, archive.n_rows_in), (1, 2));
    assert!(archive.n_bytes_read * 2 < of(&first, "archivio").n_bytes_written);
    let third = trial.conform().await;
    let unchanged = of(&third, "archivio");
    assert_eq!(unchanged.action, crate::context::Action::Unchanged);
    assert_eq!((unchanged.n_bytes_read, unchanged.n_bytes_written), (0, 0));
}

#[tokio::test]
async fn a_page_that_changes_or_comes_in_between_makes_the_table_anew() {
    let mut trial = Trial::new();
    trial
        .acquire(&[page(&[(1, 1, 0, 9, 0)]), page(&[(2, 1, 1, 9, 0)])])
        .await;
    trial.conform().await;
    let changed = page(&[(1, 1, 0, 9, 2)]);
    for (table, _) in TABLES {
        keep(&trial.cx.lake, table, "changed", &changed).await;
    }
    for page in trial.pages.iter_mut().take(TABLES.len()) {
        page.sha256 = "changed".to_owned();
    }
    let second = trial.conform().await;
    assert_eq!(
        of(&second, "archivio").action,
        crate::context::Action::Rebuilt
    );
    assert_eq!(of(&second, "archivio").n_pages_read, 2);
    let mut anew = Trial::new();
    anew.acquire(&[changed, page(&[(2, 1, 1, 9, 0)])]).await;
    anew.conform().await;
    assert_eq!(trial.content().await, anew.content().await);
}

#[tokio::test]
async fn an_older_revision_that_comes_late_stays_erased() {
    let mut trial = Trial::new();
    trial.acquire(&[page(&[(1, 2, 0, 9, 0)])]).await;
    trial.conform().await;
    trial.acquire(&[page(&[(1, 3, 0, 0, 0)])]).await;
    trial.conform().await;
    trial.acquire(&[page(&[(1, 1, 0, 9, 1)])]).await;
    trial.conform().await;
    let content = trial.content().await;
    assert_eq!(content["archivio"], [""; 0]);
    assert_eq!(content["archivio history"], [""; 0]);
    assert_eq!(content["archivio tombstones"].len(), 1);
    assert!(
        content["books"]
            .iter()
            .any(|line| line == "prova | archivio | 3 | 0 | 0 | 0 | 0 | 3")
    );
}

#[tokio::test]
async fn a_record_that_a_whole_delivery_leaves_out_is_erased_and_may_come_again() {
    let mut trial = Trial::new();
    trial
        .acquire(&[page(&[(1, 1, 0, 9, 0), (2, 1, 2, 9, 0)])])
        .await;
    trial.conform().await;
    trial.acquire(&[page(&[(1, 1, 0, 9, 0)])]).await;
    trial.conform().await;
    assert_eq!(trial.content().await["intero"].len(), 1);
    trial
        .acquire(&[page(&[(1, 1, 0, 9, 0), (2, 1, 2, 9, 0)])])
        .await;
    trial.conform().await;
    let content = trial.content().await;
    assert_eq!(content["intero"].len(), 2);
    assert_eq!(content["intero history"], [""; 0]);
    assert!(
        content["books"]
            .iter()
            .any(|line| line == "prova | intero | 5 | 2 | 0 | 2 | 0 | 1")
    );
}

#[tokio::test]
async fn facts_of_many_runs_are_brought_together_into_few_files() {
    let mut trial = Trial::new();
    for run in 0..40_u8 {
        trial.acquire(&[page(&[(run % 6, 1, 0, 9, 0)])]).await;
        trial.conform().await;
    }
    let name = format!("{PLATFORM}__fatti");
    let snapshot = trial.cx.lake.snapshot(Zone::Source, &name).await.unwrap();
    let snapshot = snapshot.unwrap();
    assert_eq!(snapshot.n_rows(), 40);
    assert!(snapshot.files.len() <= 17, "{}", snapshot.files.len());
    let paths: BTreeSet<&String> = snapshot.files.iter().map(|file| &file.path).collect();
    assert_eq!(paths.len(), snapshot.files.len());
}

#[tokio::test]
async fn rows_refused_by_a_run_that_was_killed_are_refused_once() {
    let mut trial = Trial::new();
    trial.acquire(&[page(&[(1, 1, 0, 9, 4)])]).await;
    trial.conform().await;
    let twin = trial.content().await;
    trial
        .acquire(&[page(&[(2, 1, 0, 9, 4), (3, 1, 0, 9, 0)])])
        .await;
    // What a run does until it is killed before its tables are visible.
    trial.cx.run += 1;
    trial.commit_pages().await;
    refuse_only(&trial).await;
    assert_ne!(trial.content().await["rejects"], twin["rejects"]);
    assert_eq!(trial.content().await["archivio"], twin["archivio"]);
    let report = trial.conform().await;
    assert_eq!(
        of(&report, "archivio").action,
        crate::context::Action::Extended
    );
    let rejects = &trial.content().await["rejects"];
    assert_eq!(rejects.len(), 2 * TABLES.len());
}

/// Reads what is new and makes only the refused rows visible.
async fn refuse_only(trial: &Trial) {
    let cx = &trial.cx;
    let (comuni, reference) = comune_index(cx).unwrap();
    let ledger = Ledger::load(cx).await.unwrap();
    let reader = Reader {
        cx,
        platform: PLATFORM,
        comuni: &comuni,
        reference: &reference,
        limits: &Limits::default(),
        dropped: &[],
    };
    let spec = &cx.commons.sources[PLATFORM].spec;
    let read = reader.read_tables(spec, &trial.pages, &ledger).await;
    let mut scopes = Vec::new();
    for read in read.unwrap() {
        scopes.extend(read.pending.and_then(|mut pending| pending.rejects.take()));
    }
    commit_rejects(cx, scopes, Vec::new()).await.unwrap();
}
