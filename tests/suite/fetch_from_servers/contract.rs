//! What every transport keeps: each case runs over all of them.
//!
//! A transport takes part with a [`Source`]; a case that has no meaning for it says why.

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use super::{antenne, book, commons_with, n_commits, rows, service};
use crate::commons::Commons;
use crate::servers::python::{self, Server};
use crate::servers::shelf::{Fault, Record, STYLES, Shelf, Style, january};
use crate::servers::web::{Manner, Reply, Web};
use crate::servers::{require, s3};

/// A source of the table of records.
pub(crate) trait Source {
    /// Its name in messages.
    fn name(&self) -> String;

    /// How it is fetched.
    fn declared(&self) -> String;

    /// Variables that a fetch needs.
    fn environment(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// Puts records there, in the place of all others.
    fn hold(&self, records: &[Record]);

    /// Lets a fault happen so many times; why not, where it has no meaning.
    fn fail(&self, fault: Fault, n_times: usize) -> Result<(), &'static str>;
}

/// A service over HTTP.
struct Service {
    /// The service.
    shelf: Shelf,
    /// How it leads from page to page.
    style: Style,
}

impl Source for Service {
    fn name(&self) -> String {
        format!("REST by {:?}", self.style)
    }

    fn declared(&self) -> String {
        service(&self.shelf.web.url(), self.style.declared())
    }

    fn hold(&self, records: &[Record]) {
        self.shelf.hold(records.to_vec());
    }

    fn fail(&self, fault: Fault, n_times: usize) -> Result<(), &'static str> {
        self.shelf.fail(fault, n_times);
        Ok(())
    }
}

/// Records as lines.
fn lines(records: &[Record]) -> String {
    records.iter().map(|record| record.json() + "\n").collect()
}

/// Files of a folder.
struct Files {
    /// The folder.
    folder: tempfile::TempDir,
}

impl Source for Files {
    fn name(&self) -> String {
        "files of a folder".to_owned()
    }

    fn declared(&self) -> String {
        let folder = self.folder.path().display();
        format!("fetch.files = {{ url = \"{folder}/righe-*.ndjson\" }}\nformat.ndjson = {{}}")
    }

    fn hold(&self, records: &[Record]) {
        let path = |number: usize| -> PathBuf {
            self.folder.path().join(format!("righe-{number:02}.ndjson"))
        };
        fs::write(path(0), "").unwrap();
        for (number, page) in records.chunks(10).enumerate() {
            fs::write(path(number), lines(page)).unwrap();
        }
    }

    fn fail(&self, fault: Fault, _n_times: usize) -> Result<(), &'static str> {
        match fault {
            Fault::Slow => Ok(()),
            Fault::Cut | Fault::Garbage => {
                Err("a file is what it is; its rows are judged by the contract")
            }
            Fault::Shift => Err(
                "the size of a local file is looked at again after reading; a unit test shows it",
            ),
            Fault::Trouble | Fault::TooMany | Fault::Reset => Err("a folder has no connection"),
        }
    }
}

/// One file of a web server.
struct WebFile {
    /// The service behind it.
    shelf: std::sync::Arc<Shelf>,
    /// The server of the file.
    web: Web,
}

impl WebFile {
    /// A web server that gives all records of a service as one file.
    fn start(records: Vec<Record>) -> Self {
        let shelf = std::sync::Arc::new(Shelf::start(records));
        let behind = std::sync::Arc::clone(&shelf);
        let web = Web::start(move |asked| match behind.whole(asked) {
            Some(reply) => reply,
            None => Reply::status(404, "").going(Manner::Whole),
        });
        Self { shelf, web }
    }
}

impl Source for WebFile {
    fn name(&self) -> String {
        "a file of a web server".to_owned()
    }

    fn declared(&self) -> String {
        let url = self.web.url();
        format!("fetch.files = {{ url = \"{url}/righe.ndjson\" }}\nformat.ndjson = {{}}")
    }

    fn hold(&self, records: &[Record]) {
        self.shelf.hold(records.to_vec());
    }

    fn fail(&self, fault: Fault, n_times: usize) -> Result<(), &'static str> {
        match fault {
            Fault::Garbage => Err("a file is what it is; its rows are judged by the contract"),
            Fault::Shift => Err("one answer is of one version"),
            Fault::Trouble | Fault::TooMany | Fault::Reset | Fault::Cut | Fault::Slow => {
                self.shelf.fail(fault, n_times);
                Ok(())
            }
        }
    }
}

/// Objects of an S3-compatible store.
struct Bucket {
    /// The store.
    server: Server,
}

impl Source for Bucket {
    fn name(&self) -> String {
        "objects of an S3-compatible store".to_owned()
    }

    fn declared(&self) -> String {
        s3::files(&self.server.url(), "righe/righe-*.ndjson")
    }

    fn environment(&self) -> Vec<(String, String)> {
        s3::environment()
    }

    fn hold(&self, records: &[Record]) {
        s3::put(&self.server, "righe/righe-00.ndjson", "");
        for (number, page) in records.chunks(10).enumerate() {
            let path = format!("righe/righe-{number:02}.ndjson");
            s3::put(&self.server, &path, &lines(page));
        }
    }

    fn fail(&self, fault: Fault, _n_times: usize) -> Result<(), &'static str> {
        match fault {
            Fault::Slow => Ok(()),
            Fault::Cut | Fault::Garbage => {
                Err("an object is what it is; its rows are judged by the contract")
            }
            Fault::Shift => Err("an object is read at the version that was listed"),
            Fault::Trouble | Fault::TooMany | Fault::Reset => {
                Err("the client of the store repeats requests itself")
            }
        }
    }
}

/// Every source, holding these records.
fn sources(records: &[Record]) -> Vec<Box<dyn Source>> {
    let mut sources: Vec<Box<dyn Source>> = Vec::new();
    for style in STYLES {
        let shelf = Shelf::start(Vec::new());
        sources.push(Box::new(Service { shelf, style }));
    }
    let folder = tempfile::tempdir().unwrap();
    sources.push(Box::new(Files { folder }));
    sources.push(Box::new(WebFile::start(Vec::new())));
    match s3::store() {
        Some(server) => sources.push(Box::new(Bucket { server })),
        None => require("moto_server"),
    }
    sources.extend(super::platforms::platforms());
    for source in &sources {
        source.hold(records);
    }
    sources
}

/// Fetches and conforms; both must end well.
fn run(commons: &Commons, source: &dyn Source) {
    for verb in ["acquire", "conform"] {
        let answer = antenne(commons, &[verb], &source.environment());
        assert_eq!(answer.code, 0, "{}: {verb}: {}", source.name(), answer.said);
    }
}

/// Rows of the table when nothing goes wrong.
fn undisturbed(records: &[Record]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let files = Files { folder };
    files.hold(records);
    let commons = commons_with(&files.declared());
    run(&commons, &files);
    rows(&commons)
}

/// The table has these rows and its books close.
fn assert_whole(commons: &Commons, source: &dyn Source, expected: &[String]) {
    assert_eq!(rows(commons), expected, "{}", source.name());
    let book = book(commons);
    assert_eq!(book["closed"], true, "{}: {book}", source.name());
    assert_eq!(book["source_count"], expected.len(), "{}", source.name());
}

/// A source with records ends whole in one run.
fn assert_fetched(records: &[Record]) {
    let expected = undisturbed(records);
    for source in sources(records) {
        let commons = commons_with(&source.declared());
        run(&commons, source.as_ref());
        assert_whole(&commons, source.as_ref(), &expected);
    }
}

#[test]
fn every_page_comes_and_the_books_close() {
    assert_fetched(&january(35));
}

#[test]
fn a_table_without_rows_is_empty_and_not_unknown() {
    assert_fetched(&[]);
}

#[test]
fn a_table_of_one_row_has_one_row() {
    assert_fetched(&january(1));
}

/// One fetch must end whole although a fault happens so many times.
fn assert_survived(fault: Fault, n_times: usize) {
    let records = january(35);
    let expected = undisturbed(&records);
    for source in sources(&records) {
        let commons = commons_with(&source.declared());
        if let Err(why) = source.fail(fault, n_times) {
            eprintln!("{}: {fault:?} has no meaning: {why}", source.name());
            continue;
        }
        run(&commons, source.as_ref());
        if fault != Fault::Shift {
            assert_whole(&commons, source.as_ref(), &expected);
        }
        assert_eq!(book(&commons)["closed"], true, "{}", source.name());
    }
}

#[test]
fn trouble_of_the_server_is_waited_out() {
    assert_survived(Fault::Trouble, 2);
}

#[test]
fn a_connection_that_is_reset_is_made_again() {
    assert_survived(Fault::Reset, 2);
}

#[test]
fn a_page_that_is_cut_is_asked_for_again() {
    assert_survived(Fault::Cut, 2);
}

#[test]
fn a_page_that_is_broken_is_asked_for_again() {
    assert_survived(Fault::Garbage, 2);
}

#[test]
fn a_table_that_changes_while_it_is_read_is_read_anew() {
    assert_survived(Fault::Shift, 1);
}

#[test]
fn a_source_that_stays_broken_fails_and_leaves_what_was_there() {
    let records = january(35);
    let expected = undisturbed(&records);
    for source in sources(&records) {
        let commons = commons_with(&source.declared());
        run(&commons, source.as_ref());
        source.hold(&january(36));
        for fault in [Fault::Cut, Fault::Garbage] {
            if source.fail(fault, usize::MAX).is_err() {
                continue;
            }
            let answer = antenne(&commons, &["acquire"], &source.environment());
            assert_eq!(answer.code, 4, "{}: {}", source.name(), answer.said);
            assert_whole(&commons, source.as_ref(), &expected);
            source.fail(Fault::Slow, 1).unwrap();
        }
        run(&commons, source.as_ref());
        assert_whole(&commons, source.as_ref(), &undisturbed(&january(36)));
    }
}

#[test]
fn a_fetch_that_is_killed_is_completed_by_the_next_one() {
    let records = january(35);
    let expected = undisturbed(&records);
    for source in sources(&records) {
        let commons = commons_with(&source.declared());
        for wait in [120, 350] {
            let _ = source.fail(Fault::Slow, usize::MAX);
            let mut command = commons.command(&["acquire"]);
            command.envs(source.environment());
            let mut process = command.spawn().unwrap();
            thread::sleep(Duration::from_millis(wait));
            process.kill().unwrap();
            process.wait().unwrap();
            assert_eq!(rows(&commons).len(), 0, "{}", source.name());
        }
        let _ = source.fail(Fault::Slow, 1);
        run(&commons, source.as_ref());
        assert_whole(&commons, source.as_ref(), &expected);
    }
}

#[test]
fn a_source_that_has_not_changed_changes_nothing() {
    let records = january(35);
    for source in sources(&records) {
        let commons = commons_with(&source.declared());
        run(&commons, source.as_ref());
        let before = (rows(&commons), n_commits(&commons));
        run(&commons, source.as_ref());
        assert_eq!(
            (rows(&commons), n_commits(&commons)),
            before,
            "{}",
            source.name()
        );
    }
}

#[test]
fn a_correction_takes_the_place_of_what_it_corrects() {
    let mut records = january(35);
    let expected = {
        let mut corrected = records.clone();
        corrected[3] = Record::new(4, 28, "corretta");
        undisturbed(&corrected)
    };
    for source in sources(&records) {
        let commons = commons_with(&source.declared());
        run(&commons, source.as_ref());
        records[3] = Record::new(4, 28, "corretta");
        source.hold(&records);
        run(&commons, source.as_ref());
        assert_whole(&commons, source.as_ref(), &expected);
        records = january(35);
    }
}

/// Python servers are found where `make tools` puts them.
#[test]
fn the_tools_of_these_tests_are_looked_for_where_they_are_installed() {
    for tool in ["moto_server", "datasette"] {
        if python::tool(tool).is_none() {
            require(tool);
        }
    }
}
