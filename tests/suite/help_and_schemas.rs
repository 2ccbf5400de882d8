//! A script or an editor relies on help texts, exit codes and published schemas.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use antenne::cli::schema_texts;
use serde_json::Value;

use crate::commons::{Commons, finished};

/// The repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs `antenne WORDS` in a folder.
fn antenne(folder: &Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_antenne"))
        .args(words)
        .current_dir(folder)
        .output()
        .unwrap()
}

/// What a command that must end well prints.
fn printed(folder: &Path, words: &[&str]) -> String {
    let output = antenne(folder, words);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{words:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// The verbs that a help text lists.
fn verbs(help: &str) -> Vec<String> {
    let listed = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty());
    let names = listed
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next());
    names
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

/// A committed schema.
fn schema(name: &str) -> Value {
    let path = root()
        .join("docs/schemas")
        .join(format!("{name}.schema.json"));
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// What keeps a value from fitting a schema.
fn misfits(schema: &Value, value: &Value) -> Vec<String> {
    const PLACE: &str = "schema.json";
    let mut schemas = boon::Schemas::new();
    let mut compiler = boon::Compiler::new();
    compiler.add_resource(PLACE, schema.clone()).unwrap();
    let index = compiler.compile(PLACE, &mut schemas).unwrap();
    match schemas.validate(value, index) {
        Ok(()) => Vec::new(),
        Err(error) => vec![error.to_string()],
    }
}

/// Asserts that a value fits a schema.
pub(crate) fn assert_fits(name: &str, value: &Value, what: &str) {
    let found = misfits(&schema(name), value);
    assert!(
        found.is_empty(),
        "{what} does not fit `{name}`:\n{}",
        found.join("\n")
    );
}

/// TOML as the JSON that an editor validates.
fn toml_as_json(text: &str) -> Value {
    toml::from_str::<Value>(text).unwrap()
}

/// Files of a folder of the repository with an ending, sorted.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> = entries
        .filter(|path| path.extension().is_some_and(|found| found == ending))
        .collect();
    found.sort();
    assert!(!found.is_empty());
    found
}

#[test]
fn the_help_of_every_verb_is_read_in_review() {
    let folder = tempfile::tempdir().unwrap();
    let help = printed(folder.path(), &["--help"]);
    let mut all = format!("$ antenne --help\n{help}");
    for verb in verbs(&help) {
        let words = [verb.as_str(), "--help"];
        let help = printed(folder.path(), &words);
        all.extend(["\n$ antenne ", &verb, " --help\n", &help]);
        for inner in verbs(&help) {
            let help = printed(folder.path(), &[&verb, &inner, "--help"]);
            all.extend(["\n$ antenne ", &verb, " ", &inner, " --help\n", &help]);
        }
    }
    insta::assert_snapshot!(
        all.lines()
            .map(str::trim_end)
            .collect::<Vec<_>>()
            .join("\n")
    );
}

#[test]
fn a_request_that_is_wrong_ends_with_two_and_prints_no_data() {
    let folder = tempfile::tempdir().unwrap();
    let requests: [&[&str]; 7] = [
        &[],
        &["ingest"],
        &["run", "--never"],
        &["run", "--only", "publish", "--from", "derive"],
        &["status"],
        &["run", "--commons", "nowhere"],
        &["query"],
    ];
    for words in requests {
        let output = antenne(folder.path(), words);
        assert_eq!(
            output.status.code(),
            Some(2),
            "{words:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(output.stdout.is_empty(), "{words:?}");
        assert!(!output.stderr.is_empty(), "{words:?}");
    }
}

#[test]
fn the_committed_schemas_are_those_of_the_code() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("schemas");
    printed(folder.path(), &["schemas", "--out", out.to_str().unwrap()]);
    let names = |folder: &Path| {
        fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(
        names(&out),
        names(&root().join("docs/schemas")),
        "run `antenne schemas --out docs/schemas`"
    );
    for (name, text) in schema_texts() {
        assert_eq!(fs::read_to_string(out.join(name)).unwrap(), text);
        let committed = fs::read_to_string(root().join("docs/schemas").join(name)).unwrap();
        assert!(
            committed == text,
            "`docs/schemas/{name}` is out of date: run `antenne schemas --out docs/schemas`"
        );
    }
}

#[test]
fn the_committed_data_dictionary_is_that_of_the_declarations() {
    let page = printed(root(), &["docs"]);
    let committed = fs::read_to_string(root().join("docs/data-dictionary.md")).unwrap();
    assert!(
        committed == page,
        "`docs/data-dictionary.md` is out of date: run `antenne docs --out docs`"
    );
}

#[test]
fn the_declarations_of_this_repository_fit_their_schemas() {
    let text = |path: &Path| fs::read_to_string(path).unwrap();
    assert_fits(
        "antenne",
        &toml_as_json(&text(&root().join("antenne.toml"))),
        "antenne.toml",
    );
    assert_fits(
        "reference",
        &toml_as_json(&text(&root().join("reference/tables.toml"))),
        "reference/tables.toml",
    );
    for path in files("pipelines/sources", "toml") {
        assert_fits(
            "source",
            &toml_as_json(&text(&path)),
            &path.display().to_string(),
        );
    }
    for path in files("pipelines/releases", "toml") {
        assert_fits(
            "release",
            &toml_as_json(&text(&path)),
            &path.display().to_string(),
        );
    }
    let thresholds = root().join("pipelines/detection.toml");
    if thresholds.is_file() {
        assert_fits(
            "detection",
            &toml_as_json(&text(&thresholds)),
            "pipelines/detection.toml",
        );
    }
    for path in files("sql/conformed", "sql")
        .into_iter()
        .chain(files("sql/derived", "sql"))
    {
        let sql = text(&path);
        let header = sql
            .strip_prefix("/* model\n")
            .and_then(|rest| rest.split_once("*/"))
            .unwrap()
            .0;
        assert_fits(
            "model-header",
            &toml_as_json(header),
            &path.display().to_string(),
        );
    }
}

#[test]
fn a_schema_refuses_what_the_reader_refuses() {
    let path = root().join("pipelines/sources/bacheca_digitale.toml");
    let right = fs::read_to_string(path).unwrap();
    let wrongs = [
        ("max_rejected_pct = 5.0", "max_rejected_pct = \"5\""),
        ("warn_after_days = 45", "warn_after_day = 45"),
        ("required = true", "required = \"yes\""),
        ("type = \"record\"", "type = \"recrod\""),
        ("format.sheet", "format.sheets"),
    ];
    for (word, wrong) in wrongs {
        assert!(right.contains(word), "{word}");
        let value = toml_as_json(&right.replacen(word, wrong, 1));
        assert!(!misfits(&schema("source"), &value).is_empty(), "{wrong}");
    }
}

#[test]
fn what_a_run_reports_fits_the_published_schemas() {
    let commons = finished();
    let report: Value = serde_json::from_str(&commons.read("lake/runs/000001.json")).unwrap();
    assert_fits("run-report", &report, "the report in the lake");
    assert_eq!(report["ending"], "done");
    let json = |commons: &Commons, words: &[&str]| commons.antenne(words).expect_code(0).json();
    let acquired = json(&commons.twin(), &["acquire", "--format", "json"]);
    assert_fits("run-report", &acquired, "`acquire --format json`");
    let status = json(&commons, &["status", "--format", "json"]);
    assert_fits("status", &status, "`status --format json`");
    assert_eq!(
        keys(&status),
        ["drift", "failures", "freshness", "last_release", "sources"]
    );
    let of_a_source = [
        "accepted",
        "closed",
        "duplicate",
        "erased",
        "fresh",
        "name",
        "rejected",
        "source_count",
        "superseded",
        "table",
    ];
    assert_eq!(keys(&status["sources"][0]), of_a_source);
    let score = json(&commons, &["sample", "score", "--format", "json"]);
    assert_fits("sample-score", &score, "`sample score --format json`");
    let of_the_score = [
        "decoys_by_kind",
        "decoys_flagged",
        "decoys_planted",
        "gaps_found",
        "gaps_planted",
        "needs_found",
        "needs_planted",
    ];
    assert_eq!(keys(&score), of_the_score);
}

/// The keys of an object, sorted.
fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    keys
}
