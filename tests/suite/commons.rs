//! A commons in a temporary folder, and the `antenne` that runs in it.
//!
//! The declarations, models and reference tables are those of this repository; the records are a
//! small sample, or the committed one. Folders lie below the build's own folder for tests, so that
//! the records of one commons can be shared with a twin by hard links.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tempfile::TempDir;

/// What a commons of this repository consists of, besides its records.
const DECLARED: [&str; 4] = ["antenne.toml", "pipelines", "sql", "reference"];

/// The folder of the models that other stages may read.
const MODELS: &str = "sql/derived";

/// How the header of a model of indicators says its theme.
const THEME: &str = "tags = [";

/// About how many exchanges a small commons has.
const SMALL: u64 = 3000;

/// How the name of a folder begins that stays when the tests end.
const LEFT: &str = "finished-";

/// The folder of the records.
pub(crate) const RECORDS: &str = "sample-data";

/// What a command answered.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Exit code.
    pub(crate) code: i32,
    /// Standard output.
    pub(crate) bytes: Vec<u8>,
    /// Standard error.
    pub(crate) said: String,
}

impl Answer {
    /// Standard output as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// Standard output as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap()
    }

    /// The same answer, if the command ended with this code.
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            code,
            "stdout:\n{}\nstderr:\n{}",
            self.text(),
            self.said
        );
        self
    }
}

/// A commons in a temporary folder.
#[derive(Debug)]
pub(crate) struct Commons {
    /// The folder, removed with this value.
    folder: TempDir,
}

impl Commons {
    /// An empty folder.
    pub(crate) fn empty() -> Self {
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        Self { folder }
    }

    /// The declarations of this repository and the key of its sample, without records.
    ///
    /// Models with a theme are left out: no stage but `derive` reads them, and most tests are about others.
    pub(crate) fn declared() -> Self {
        let commons = Self::with_every_model();
        for (name, path) in files_below(&commons.path(MODELS)) {
            let text = fs::read_to_string(&path).unwrap();
            if text.lines().any(|line| line.starts_with(THEME)) {
                fs::remove_file(commons.path(MODELS).join(name)).unwrap();
            }
        }
        commons
    }

    /// The declarations of this repository and the key of its sample, without records.
    fn with_every_model() -> Self {
        Self::empty().fill()
    }

    /// This folder with the declarations of this repository and the key of its sample in it.
    fn fill(self) -> Self {
        for name in DECLARED {
            copy(&repository().join(name), &self.path(name));
        }
        let key = format!("{RECORDS}/sample.key");
        copy(&repository().join(&key), &self.path(&key));
        self
    }

    /// A commons with about so many exchanges.
    pub(crate) fn with_exchanges(n_exchanges: u64) -> Self {
        let commons = Self::declared();
        commons.sampled(n_exchanges);
        commons
    }

    /// Writes the records of about so many exchanges.
    fn sampled(&self, n_exchanges: u64) {
        let number = n_exchanges.to_string();
        let words = ["sample", "--seed", "7", "--exchanges", number.as_str()];
        self.antenne(&words).expect_code(0);
    }

    /// A small commons; every fault that the sample can plant is in it.
    pub(crate) fn small() -> Self {
        Self::with_exchanges(SMALL)
    }

    /// The committed sample commons.
    pub(crate) fn committed() -> Self {
        let commons = Self::with_every_model();
        copy(&repository().join(RECORDS), &commons.path(RECORDS));
        commons
    }

    /// A commons with the same records, down to their inodes, and nothing made from them yet.
    pub(crate) fn twin(&self) -> Self {
        let twin = Self::empty();
        for name in DECLARED {
            copy(&self.path(name), &twin.path(name));
        }
        for path in files_below(&self.path(RECORDS)).into_keys() {
            let path = format!("{RECORDS}/{path}");
            let target = twin.path(&path);
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            fs::hard_link(self.path(&path), target).unwrap();
        }
        twin
    }

    /// A commons with the same of everything, the lake too.
    pub(crate) fn copied(&self) -> Self {
        let copied = Self::empty();
        copy(self.folder.path(), copied.folder.path());
        copied
    }

    /// A path below the folder.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// The command with these words, in this commons.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_antenne"));
        command.current_dir(self.folder.path()).args(words);
        command
    }

    /// Runs the command with these words.
    pub(crate) fn antenne(&self, words: &[&str]) -> Answer {
        let output = self.command(words).output().unwrap();
        Answer {
            code: output.status.code().unwrap_or(-1),
            bytes: output.stdout,
            said: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Every file below `path` with its bytes.
    pub(crate) fn files(&self, path: &str) -> BTreeMap<String, Vec<u8>> {
        let read = |path: PathBuf| fs::read(path).unwrap();
        let found = files_below(&self.path(path)).into_iter();
        found.map(|(name, path)| (name, read(path))).collect()
    }

    /// A text file.
    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    /// Writes a file and the folders above it.
    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Puts `after` in the place of `before`, which must be in the file.
    pub(crate) fn edit(&self, path: &str, before: &str, after: &str) {
        let text = self.read(path);
        assert!(text.contains(before), "`{path}` has no `{before}`");
        self.write(path, text.replace(before, after));
    }

    /// The lines of `status` by `platform.table`, the table in lowercase.
    pub(crate) fn books(&self) -> BTreeMap<String, Value> {
        let status = self.antenne(&["status", "--format", "json"]).expect_code(0);
        let status = status.json();
        let lines = status["sources"].as_array().unwrap().iter();
        lines.map(|line| (name_of(line), line.clone())).collect()
    }

    /// The version of the last release, as `status` says it.
    pub(crate) fn last_release(&self) -> Option<String> {
        let status = self.antenne(&["status", "--format", "json"]).expect_code(0);
        status.json()["last_release"].as_str().map(str::to_owned)
    }
}

/// `platform.table` of a line of the books.
fn name_of(line: &Value) -> String {
    let text = |field: &str| line[field].as_str().unwrap_or_default().to_lowercase();
    format!("{}.{}", text("name"), text("table"))
}

/// A small commons in which one run has ended well, for tests that only look: one for all of them.
///
/// Nothing is dropped when the tests end, so its folder stays; the next tests take it away.
pub(crate) fn finished() -> Arc<Commons> {
    static FINISHED: Mutex<Option<Arc<Commons>>> = Mutex::new(None);
    let mut finished = FINISHED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(commons) = &*finished {
        return Arc::clone(commons);
    }
    remove_left_behind();
    let prefix = format!("{LEFT}{}-", std::process::id());
    let mut builder = tempfile::Builder::new();
    let folder = builder.prefix(&prefix);
    let folder = folder.tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let commons = Commons { folder }.fill();
    commons.sampled(SMALL);
    let answer = commons.antenne(&["run", "--talk", "verbose"]);
    let answer = answer.expect_code(0);
    commons.write("said/run.out", &answer.bytes);
    commons.write("said/run.err", &answer.said);
    let commons = Arc::new(commons);
    *finished = Some(Arc::clone(&commons));
    commons
}

/// Takes away the finished commons of tests that have ended.
fn remove_left_behind() {
    for entry in fs::read_dir(env!("CARGO_TARGET_TMPDIR")).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let process = name
            .strip_prefix(LEFT)
            .and_then(|rest| rest.split_once('-'));
        let goes_on = |process: &str| Path::new("/proc").join(process).exists();
        if process.is_some_and(|(process, _rest)| !goes_on(process)) {
            // Another test binary may be doing the same.
            let _removed = fs::remove_dir_all(entry.path());
        }
    }
}

/// The folder of this repository.
pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below a folder, by its path from there; none where there is no folder.
pub(crate) fn files_below(folder: &Path) -> BTreeMap<String, PathBuf> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(folder).unwrap().display().to_string();
            found.insert(name, path);
        }
    }
    found
}

/// Copies a file, or a folder with all that is in it.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    if from.is_file() {
        fs::copy(from, to).unwrap();
        return;
    }
    for (name, path) in files_below(from) {
        let target = to.join(name);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(path, target).unwrap();
    }
}

/// Bytes as hexadecimal digits, each byte after `mark`.
pub(crate) fn hexadecimal(bytes: &[u8], mark: &str) -> String {
    use std::fmt::Write;
    let mut digits = String::new();
    for byte in bytes {
        write!(digits, "{mark}{byte:02x}").unwrap();
    }
    digits
}
