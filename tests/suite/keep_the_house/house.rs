//! What the rules look at: the files of the repository, the rows of the architecture, the known commands.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use regex::{Captures, Regex};

use super::rule::Finding;

/// What a build or a run makes at the root; nothing in it belongs to the repository.
const MADE_FOLDERS: [&str; 7] = [
    ".git",
    ".venv",
    "lake",
    "mutants.out",
    "releases",
    "reports",
    "target",
];

/// Comments, strings and characters of Rust, in the order they must be tried.
const NOT_CODE: &str = r####"(?s)//[^\n]*|/\*.*?\*/|r"[^"]*"|r#".*?"#|r##".*?"##|r###".*?"###|"(?:\\.|[^"\\])*"|'(?:\\.[^'\n]*|[^\\'\n])'"####;

/// A text file of the repository.
#[derive(Debug, Clone)]
pub(super) struct File {
    /// Path from the root of the repository, with `/`.
    pub(super) path: String,
    /// All of it.
    pub(super) text: String,
}

impl File {
    /// A finding in this file.
    pub(super) fn finding(&self, line: usize, what: impl Into<String>) -> Finding {
        Finding {
            path: self.path.clone(),
            line,
            what: what.into(),
        }
    }

    /// All of the text.
    pub(super) fn everything(&self) -> String {
        self.text.clone()
    }

    /// The Rust code, line for line, without comments and without what stands in strings.
    pub(super) fn code(&self) -> String {
        let not_code = Regex::new(NOT_CODE).unwrap();
        let blank = |found: &Captures| {
            let newlines = "\n".repeat(found[0].matches('\n').count());
            if found[0].starts_with('/') {
                newlines
            } else {
                format!("\"{newlines}\"")
            }
        };
        not_code.replace_all(&self.text, blank).into_owned()
    }

    /// The number of lines before the unit tests.
    pub(super) fn n_production_lines(&self) -> usize {
        let is_test = |line: &str| line.trim_start().starts_with("#[cfg(test)]");
        let code = self.code();
        code.lines()
            .position(is_test)
            .unwrap_or_else(|| self.text.lines().count())
    }

    /// The folder the file lies in; empty at the root.
    pub(super) fn folder(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }
}

/// What stands after the last dot of a path's name; empty if there is none.
pub(super) fn ending(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.').map_or("", |(_, ending)| ending)
}

/// The repository as the rules see it.
#[derive(Debug)]
pub(super) struct House {
    /// The text files.
    pub(super) files: Vec<File>,
    /// Every file and folder, text or not.
    pub(super) paths: BTreeSet<String>,
    /// The modules of `ARCHITECTURE.md` from the top row to the bottom row.
    pub(super) rows: Vec<String>,
    /// The targets of the `Makefile`.
    pub(super) make_targets: BTreeSet<String>,
    /// The help text of a command of `antenne`, given by its words.
    pub(super) help: fn(&[String]) -> Option<String>,
}

impl House {
    /// The repository that this test was built from.
    pub(super) fn of_this_repository() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut house = Self {
            files: Vec::new(),
            paths: BTreeSet::new(),
            rows: Vec::new(),
            make_targets: BTreeSet::new(),
            help: help_of_the_binary,
        };
        house.walk(root, "");
        house
            .files
            .sort_by(|left, right| left.path.cmp(&right.path));
        house.rows = rows_of(house.text_of("ARCHITECTURE.md"));
        house.make_targets = targets_of(house.text_of("Makefile"));
        house
    }

    /// An invented repository with one file in it.
    pub(super) fn with_only(path: &str, text: &str) -> (Self, File) {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let file = File {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        let house = Self {
            files: vec![file.clone()],
            paths: ["README.md", "docs", "docs/glossary.md", path]
                .map(str::to_owned)
                .into(),
            rows: words("cli run stages sample context engine lake spec canon stats"),
            make_targets: words("run test check").into_iter().collect(),
            help: invented_help,
        };
        (house, file)
    }

    /// Notes everything under `folder`.
    fn walk(&mut self, root: &Path, folder: &str) {
        for entry in fs::read_dir(root.join(folder)).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if folder.is_empty() {
                name.clone()
            } else {
                format!("{folder}/{name}")
            };
            if MADE_FOLDERS.contains(&path.as_str()) || name == "node_modules" {
                continue;
            }
            if entry.file_type().unwrap().is_dir() {
                self.walk(root, &path);
            } else if let Ok(text) = String::from_utf8(fs::read(entry.path()).unwrap()) {
                self.files.push(File {
                    path: path.clone(),
                    text,
                });
            }
            self.paths.insert(path);
        }
    }

    /// The text of a file that must be there.
    fn text_of(&self, path: &str) -> &str {
        let file = self.files.iter().find(|file| file.path == path);
        &file.unwrap_or_else(|| panic!("`{path}` is missing")).text
    }
}

/// The first column of the table under `## Rows`.
fn rows_of(architecture: &str) -> Vec<String> {
    let row = Regex::new(r"^\| `([a-z_]+)` +\|").unwrap();
    let section = architecture
        .split("\n## ")
        .find(|section| section.starts_with("Rows\n"));
    let lines = section.unwrap_or_default().lines();
    lines
        .filter_map(|line| Some(row.captures(line)?[1].to_owned()))
        .collect()
}

/// The targets of a `Makefile`, without patterns, files and those that begin with a dot.
fn targets_of(makefile: &str) -> BTreeSet<String> {
    let target = Regex::new(r"^([a-z][a-z-]*):(?:[^=]|$)").unwrap();
    makefile
        .lines()
        .filter_map(|line| Some(target.captures(line)?[1].to_owned()))
        .collect()
}

/// What `antenne WORDS --help` prints, if it ends well.
fn help_of_the_binary(words: &[String]) -> Option<String> {
    let mut antenne = Command::new(env!("CARGO_BIN_EXE_antenne"));
    let output = antenne.args(words).arg("--help").output().unwrap();
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The help of an invented command with the verbs `run` and `sample score`.
fn invented_help(words: &[String]) -> Option<String> {
    match words.join(" ").as_str() {
        "" => Some("Commands:\n  run     Run it\n  sample  Invent\n\nOptions:\n".to_owned()),
        "run" => Some("Usage: antenne run\n\nOptions:\n      --dry-run  Only say\n".to_owned()),
        "sample" => Some("Commands:\n  score  Compare\n\nOptions:\n  --seed <N>\n".to_owned()),
        "sample score" => Some("Options:\n  --format <FORMAT>\n".to_owned()),
        _ => None,
    }
}

#[test]
fn comments_and_strings_are_not_code() {
    let text = "let a = \"crate::cli\"; // crate::cli\n/* crate::\n cli */ let b = '\"'; let c = r#\"x\"#;";
    let file = File {
        path: "src/a.rs".to_owned(),
        text: text.to_owned(),
    };
    assert_eq!(
        file.code(),
        "let a = \"\"; \n\n let b = \"\"; let c = \"\";"
    );
}

#[test]
fn the_rows_are_the_first_column_of_their_own_section() {
    let page = "# A\n\n## Rows\n\n| row | what |\n|---|---|\n| `cli`  | x |\n| `stats` | y |\n\n## Next\n\n| `no` | z |\n";
    assert_eq!(rows_of(page), ["cli", "stats"]);
}

#[test]
fn a_variable_of_the_makefile_is_no_target() {
    let targets =
        targets_of("PYTHON := python3\nrun: ## run it\n\tcargo run\n.venv/x: y\ncheck:\n");
    assert_eq!(targets, ["check", "run"].map(str::to_owned).into());
}
