//! A person asks to be forgotten: the operator erases them from everything the lake holds, shows
//! that nothing is left, and keeps them out when the platform sends them again.
//!
//! What must be gone is read here from the native records and searched for in every file, with
//! nothing of `antenne`.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use regex::Regex;
use serde_json::Value;

use crate::commons::{Answer, Commons, files_below};
use crate::lake;

/// Erases the persons of a text of the platform, from standard input.
fn erase(commons: &Commons, platform: &str, subjects: &str) -> Value {
    commons.write("subjects.txt", subjects);
    let words = [
        "erase",
        "--platform",
        platform,
        "--subject-file",
        "subjects.txt",
        "--format",
        "json",
    ];
    let receipt = commons.antenne(&words).expect_code(0).json();
    fs::remove_file(commons.path("subjects.txt")).unwrap();
    receipt
}

/// Everything a file holds: its bytes, what is packed in it, the cells of tables.
fn contents(path: &Path) -> Vec<String> {
    let bytes = fs::read(path).unwrap();
    let mut all = vec![String::from_utf8_lossy(&bytes).into_owned()];
    let mut unfolded = Vec::new();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        flate2::read::MultiGzDecoder::new(&*bytes)
            .read_to_end(&mut unfolded)
            .unwrap();
    }
    all.push(String::from_utf8_lossy(&unfolded).into_owned());
    if bytes.starts_with(b"PAR1") {
        all.extend(lake::rows_of_file(path));
    }
    if bytes.starts_with(b"PK") {
        let mut archive = zip::ZipArchive::new(std::io::Cursor::new(&bytes)).unwrap();
        for place in 0..archive.len() {
            let mut part = Vec::new();
            archive
                .by_index(place)
                .unwrap()
                .read_to_end(&mut part)
                .unwrap();
            all.push(String::from_utf8_lossy(&part).into_owned());
        }
    }
    all
}

/// The files of a lake in which an id stands.
fn files_with(commons: &Commons, id: &str) -> Vec<String> {
    let word = Regex::new(&format!(
        r"(?:^|[^A-Za-z0-9]){}(?:[^A-Za-z0-9]|$)",
        regex::escape(id)
    ))
    .unwrap();
    let files = files_below(&commons.path("lake")).into_iter();
    files
        .filter(|(_, path)| contents(path).iter().any(|text| word.is_match(text)))
        .map(|(name, _)| name)
        .collect()
}

/// Answers a query over the lake.
fn ask(commons: &Commons, sql: &str) -> Value {
    let words = ["query", "--private", sql, "--format", "json"];
    commons.antenne(&words).expect_code(0).json()
}

/// Keys of the persons of a platform in the canonical exchanges.
fn keys(commons: &Commons, platform: &str) -> Vec<String> {
    let sql = format!(
        "select distinct encode(person_key, 'hex') as k from conformed.exchanges where platform = '{platform}' and person_key is not null order by k"
    );
    let rows = ask(commons, &sql);
    let rows = rows.as_array().unwrap().iter();
    rows.map(|row| row["k"].as_str().unwrap().to_owned())
        .collect()
}

/// The person of a platform who stands in most lines of a page, and in how many.
fn most_active(texts: &[String], shape: &str) -> (String, u64) {
    let shape = Regex::new(shape).unwrap();
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for text in texts {
        for found in shape.captures_iter(text) {
            *counts.entry(found[1].to_owned()).or_default() += 1;
        }
    }
    counts.into_iter().max_by_key(|(_, count)| *count).unwrap()
}

/// Books of a platform: every table must close.
fn assert_closed(commons: &Commons, platform: &str) -> u64 {
    let books = commons.books();
    let lines = books.iter().filter(|(name, _)| name.starts_with(platform));
    let mut erased = 0;
    for (name, line) in lines {
        assert_eq!(line["closed"], Value::Bool(true), "{name}: {line}");
        erased += line["erased"].as_u64().unwrap();
    }
    erased
}

/// Records that left, or stayed without the name.
fn n_touched(counts: &Value) -> u64 {
    counts["n_records"].as_u64().unwrap() + counts["n_references"].as_u64().unwrap()
}

/// Platforms with persons, and how their ids stand in the pages once these are unfolded.
const PLATFORMS: [(&str, &str); 3] = [
    ("la_cura_e_di_casa", r#""id_assistito":\s*"(\w+)""#),
    ("mi_fido_di_noi", r"(?m)^(?:[^;]*;){4}(\w+);"),
    ("bacheca_digitale", r"<t>(B\d{3,})<"),
];

/// Files with an id before and after, and the books, for each platform.
#[test]
fn a_person_of_every_format_is_in_no_file_afterwards_and_the_books_close() {
    let commons = Commons::small();
    commons.antenne(&["run"]).expect_code(0);
    let release = commons.files("releases");
    let mut n_receipts = 0;
    for (platform, shape) in PLATFORMS {
        let pages = files_below(&commons.path(&format!("lake/acquired/pages/{platform}")));
        let texts: Vec<String> = pages.values().flat_map(|path| contents(path)).collect();
        let (id, n_records) = most_active(&texts, shape);
        assert!(
            !files_with(&commons, &id).is_empty(),
            "{platform}: the search must find {id}"
        );
        let erased_before = assert_closed(&commons, platform);
        let keys_before = keys(&commons, platform);
        let receipt = erase(&commons, platform, &id);
        n_receipts += 1;
        assert_eq!(receipt["number"], n_receipts);
        assert_eq!(
            files_with(&commons, &id),
            [""; 0],
            "{platform}: {id} of {n_records}"
        );
        assert!(n_touched(&receipt) > 0, "{receipt}");
        assert!(
            receipt["n_bytes_searched"].as_u64().unwrap() > 100_000,
            "{receipt}"
        );
        assert!(!receipt.to_string().contains(&id));
        let erased = assert_closed(&commons, platform) - erased_before;
        assert_eq!(
            erased,
            receipt["n_records"].as_u64().unwrap(),
            "{platform}: {receipt}"
        );
        let keys_after = keys(&commons, platform);
        assert!(
            keys_after.iter().all(|key| keys_before.contains(key)),
            "{platform}"
        );
        assert!(
            keys_after.len() + 1 >= keys_before.len(),
            "{platform}: others left too"
        );
    }
    assert_eq!(
        commons.files("releases"),
        release,
        "a release never changes"
    );
    // A run afterwards has nothing to fetch, and releases as ever.
    let again = commons.antenne(&["run"]).expect_code(0);
    assert!(
        again.text().contains("nothing new to pull"),
        "{}",
        again.text()
    );
}

#[test]
fn receipts_are_chained_and_earlier_versions_of_tables_cannot_be_read() {
    let commons = Commons::with_exchanges(600);
    for _ in 0..2 {
        commons.antenne(&["acquire"]).expect_code(0);
        commons.antenne(&["conform"]).expect_code(0);
        // Another key epoch makes another version of every table.
        let text = commons.read("antenne.toml");
        commons.write("antenne.toml", text.replace("epoch = 1", "epoch = 2"));
    }
    let ids = {
        let page = fs::read(commons.path("sample-data/mi_fido_di_noi/movimenti.csv")).unwrap();
        let text = String::from_utf8_lossy(&page).into_owned();
        let shape = Regex::new(r"(?m)^(?:[^;]*;){4}(\w+);").unwrap();
        let mut ids: Vec<String> = shape
            .captures_iter(&text)
            .skip(1)
            .map(|id| id[1].to_owned())
            .collect();
        ids.sort();
        ids.dedup();
        ids
    };
    for (number, id) in ids.iter().take(2).enumerate() {
        let receipt = erase(&commons, "mi_fido_di_noi", id);
        let before = format!("lake/erasures/{number:04}.json");
        let expected = match number {
            0 => String::new(),
            _ => blake3::hash(commons.read(&before).as_bytes())
                .to_hex()
                .to_string(),
        };
        assert_eq!(receipt["previous"], expected);
    }
    for (name, path) in files_below(&commons.path("lake")) {
        let Some((table, file)) = name.split_once("/_delta_log/") else {
            continue;
        };
        let n_commits = files_below(path.parent().unwrap())
            .keys()
            .filter(|file| file.ends_with(".json"))
            .count();
        assert_eq!(n_commits, 1, "{table}: {file}");
    }
    for (name, table) in lake::tables(&commons.path("lake")) {
        let folder = commons.path(&format!("lake/{}", name.replace('.', "/")));
        let data = files_below(&folder).into_keys();
        let mut data: Vec<String> = data
            .filter(|file| !file.starts_with("_delta_log"))
            .collect();
        data.retain(|file| !table.contains_key(file));
        assert!(data.is_empty(), "{name}: {data:?}");
    }
}

#[test]
fn an_erased_person_does_not_come_back_with_the_next_fetch() {
    let commons = Commons::with_exchanges(600);
    let path = "sample-data/mi_fido_di_noi/movimenti.csv";
    let before = fs::read(commons.path(path)).unwrap();
    commons
        .antenne(&["acquire", "--source", "mi_fido_di_noi"])
        .expect_code(0);
    commons
        .antenne(&["conform", "--source", "mi_fido_di_noi"])
        .expect_code(0);
    let (id, _) = most_active(
        &[String::from_utf8_lossy(&before).into_owned()],
        PLATFORMS[1].1,
    );
    erase(&commons, "mi_fido_di_noi", &id);
    let keys_after = keys(&commons, "mi_fido_di_noi");
    let erased_after = assert_closed(&commons, "mi_fido_di_noi");
    // The platform writes its file anew: another line, and the person is still in it.
    let line = String::from_utf8_lossy(&before)
        .lines()
        .last()
        .unwrap()
        .to_owned();
    let more = [&before[..], line.as_bytes(), b"\r\n"].concat();
    fs::remove_file(commons.path(path)).unwrap();
    commons.write(path, more);
    let answer = commons
        .antenne(&["run", "--only", "acquire", "--format", "json"])
        .expect_code(0);
    let report = answer.json();
    let stages = report["stages"].as_array().unwrap();
    let swept = stages
        .iter()
        .find(|stage| stage["stage"] == "erase")
        .unwrap();
    assert!(n_touched(&swept["detail"]["mi_fido_di_noi"]) > 0, "{swept}");
    commons
        .antenne(&["conform", "--source", "mi_fido_di_noi"])
        .expect_code(0);
    assert_eq!(files_with(&commons, &id), [""; 0]);
    assert_eq!(keys(&commons, "mi_fido_di_noi"), keys_after);
    assert_eq!(assert_closed(&commons, "mi_fido_di_noi"), erased_after);
}

#[test]
fn a_person_can_be_named_by_key_and_the_request_is_checked() {
    let commons = Commons::with_exchanges(600);
    commons
        .antenne(&["acquire", "--source", "wemi"])
        .expect_code(0);
    commons
        .antenne(&["conform", "--source", "wemi"])
        .expect_code(0);
    let all = keys(&commons, "wemi");
    let receipt = erase(&commons, "wemi", &format!("{}\n", all[0]));
    assert!(receipt["n_records"].as_u64().unwrap() > 0, "{receipt}");
    let left = keys(&commons, "wemi");
    assert_eq!(left, all[1..]);
    assert_closed(&commons, "wemi");
    commons.write("nobody.txt", "\n");
    let refused = |platform: &str| {
        let words = [
            "erase",
            "--platform",
            platform,
            "--subject-file",
            "nobody.txt",
        ];
        commons.antenne(&words).expect_code(2).said
    };
    assert!(refused("wemi").contains("names nobody"));
    assert!(refused("nowhere").contains("no platform `nowhere`"));
    let nothing = commons.antenne(&["erase", "--resume"]).expect_code(0);
    assert!(nothing.said.contains("nothing to complete"));
}

/// Kills per way of going on.
const N_KILLS: usize = 12;

#[test]
fn an_erasure_that_was_cut_off_is_completed_by_whatever_runs_next() {
    let origin = Commons::with_exchanges(600);
    let page = fs::read(origin.path("sample-data/mi_fido_di_noi/movimenti.csv")).unwrap();
    let (id, _) = most_active(
        &[String::from_utf8_lossy(&page).into_owned()],
        PLATFORMS[1].1,
    );
    let begun = |commons: &Commons| {
        commons
            .antenne(&["acquire", "--source", "mi_fido_di_noi"])
            .expect_code(0);
        commons
            .antenne(&["conform", "--source", "mi_fido_di_noi"])
            .expect_code(0);
        commons.write("subjects.txt", &id);
    };
    let words = [
        "erase",
        "--platform",
        "mi_fido_di_noi",
        "--subject-file",
        "subjects.txt",
    ];
    let whole = origin.twin();
    begun(&whole);
    let started = std::time::Instant::now();
    whole.antenne(&words).expect_code(0);
    let needed = started.elapsed();
    let undisturbed = lake::tables(&whole.path("lake"));
    let mut n_open = 0;
    for number in 0..N_KILLS {
        let commons = origin.twin();
        begun(&commons);
        let mut run = commons.command(&words);
        let mut run = run
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let part = u32::try_from(number).unwrap() * 2 + 1;
        thread::sleep(
            needed * part / (2 * u32::try_from(N_KILLS).unwrap())
                + Duration::from_millis(number as u64 % 5),
        );
        let _ended = run.kill();
        run.wait().unwrap();
        let is_open = commons.path("lake/erasures/open.sealed").exists();
        n_open += usize::from(is_open);
        if is_open {
            assert!(
                !commons.path("lake/erasures/0001.json").exists()
                    || files_with(&commons, &id).is_empty()
            );
        }
        match number % 2 {
            0 => commons.antenne(&["erase", "--resume"]).expect_code(0),
            _ => commons
                .antenne(&["conform", "--source", "mi_fido_di_noi"])
                .expect_code(0),
        };
        if !is_open && !commons.path("lake/erasures/0001.json").exists() {
            // Killed before the order was left: it is given again.
            commons.antenne(&words).expect_code(0);
        }
        assert!(
            commons.path("lake/erasures/0001.json").exists(),
            "kill {number}"
        );
        assert!(
            !commons.path("lake/erasures/open.sealed").exists(),
            "kill {number}"
        );
        assert_eq!(files_with(&commons, &id), [""; 0], "kill {number}");
        let receipt: Value =
            serde_json::from_str(&commons.read("lake/erasures/0001.json")).unwrap();
        let expected: Value = serde_json::from_str(&whole.read("lake/erasures/0001.json")).unwrap();
        for count in [
            "n_records",
            "n_references",
            "n_pages",
            "rows_before",
            "rows_after",
        ] {
            assert_eq!(receipt[count], expected[count], "kill {number}: {count}");
        }
        let tables = lake::tables(&commons.path("lake"));
        assert_eq!(
            lake::differences(&undisturbed, &tables),
            [""; 0],
            "kill {number}"
        );
    }
    assert!(
        n_open * 3 >= N_KILLS,
        "only {n_open} kills met an open request"
    );
}

#[test]
fn while_an_erasure_is_open_nothing_is_released() {
    let commons = Commons::small();
    commons
        .antenne(&["run", "--only", "acquire"])
        .expect_code(0);
    commons.write("lake/erasures/open.sealed", [7_u8; 64]);
    let answer = commons.antenne(&["run"]);
    assert_eq!(answer.code, 3, "{}", answer.said);
    assert!(
        answer.said.contains("antenne erase --resume"),
        "{}",
        answer.said
    );
    let resumed = commons.antenne(&["erase", "--resume"]).expect_code(1);
    assert!(
        resumed.said.contains("cannot be read with this key"),
        "{}",
        resumed.said
    );
    assert!(!commons.path("releases").exists());
}

/// Runs up to `conform` as if it were so many days after the first of November 2026.
fn pull_on_day(commons: &Commons, day: u64) -> Answer {
    let moment = (1_793_491_200 + day * 86_400).to_string();
    let words = ["run", "--until", "conform", "--source", "mi_fido_di_noi"];
    let output = commons
        .command(&words)
        .env("SOURCE_DATE_EPOCH", moment)
        .output()
        .unwrap();
    Answer {
        code: output.status.code().unwrap_or(-1),
        bytes: output.stdout,
        said: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

#[test]
fn a_page_expires_and_its_rows_stay_and_what_needs_it_is_refused() {
    const SOURCE: &str = "pipelines/sources/mi_fido_di_noi.toml";
    let commons = Commons::with_exchanges(600);
    commons.edit(
        SOURCE,
        "[agreement]\n",
        "[agreement]\nretention_days = 30\n",
    );
    pull_on_day(&commons, 0).expect_code(0);
    let before = lake::tables(&commons.path("lake"));
    let n_pages = || files_below(&commons.path("lake/acquired/pages")).len();
    pull_on_day(&commons, 29).expect_code(0);
    assert!(n_pages() > 0);
    let answer = pull_on_day(&commons, 31).expect_code(0);
    assert_eq!(n_pages(), 0, "{}", answer.text());
    let rows_stay = || {
        let mut now = lake::tables(&commons.path("lake"));
        let mut then = before.clone();
        now.remove("acquired.page_list");
        then.remove("acquired.page_list");
        assert_eq!(lake::differences(&then, &now), [""; 0]);
    };
    rows_stay();
    assert_closed(&commons, "mi_fido_di_noi");
    // Nothing is fetched again, and nothing needs the page.
    pull_on_day(&commons, 32).expect_code(0);
    commons.edit(
        SOURCE,
        "versione = { type = \"integer\", required = true }",
        "versione = { type = \"integer\", required = true, min = 0 }",
    );
    let refused = pull_on_day(&commons, 33).expect_code(4);
    assert!(refused.said.contains("have expired"), "{}", refused.said);
    rows_stay();
    commons.edit(SOURCE, ", min = 0 }", " }");
    pull_on_day(&commons, 34).expect_code(0);
    rows_stay();
}

#[test]
fn a_new_epoch_keys_persons_anew_and_the_old_key_can_be_destroyed() {
    let commons = Commons::with_exchanges(600);
    let pull = || {
        let words = ["run", "--until", "conform", "--source", "mi_fido_di_noi"];
        commons.antenne(&words).expect_code(0);
        keys(&commons, "mi_fido_di_noi")
    };
    let first = pull();
    let destroy = |epoch: &str, code| {
        commons
            .antenne(&["key", "destroy", "--epoch", epoch])
            .expect_code(code)
            .said
    };
    assert!(destroy("1", 2).contains("current one"));
    commons.antenne(&["key", "rotate"]).expect_code(0);
    let second = pull();
    assert_eq!(first.len(), second.len());
    assert!(first.iter().all(|key| !second.contains(key)));
    assert!(destroy("1", 2).contains("no key of its own"));
    commons
        .antenne(&["key", "rotate", "--to", "keys/three.key"])
        .expect_code(0);
    let third = pull();
    assert!(
        third
            .iter()
            .all(|key| !second.contains(key) && !first.contains(key))
    );
    destroy("2", 0);
    assert!(!commons.path("sample-data/persons-2.key").exists());
    assert!(commons.path("keys/three.key").exists());
    assert_eq!(pull(), third);
    assert!(destroy("2", 0).contains("destroyed before"));
    fs::remove_file(commons.path("keys/three.key")).unwrap();
    let lost = commons.antenne(&["status"]);
    assert!(
        lost.code != 0 && lost.said.contains("epoch 3"),
        "{}",
        lost.said
    );
}
