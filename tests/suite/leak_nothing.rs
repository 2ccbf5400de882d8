//! A person who appears in the records of a platform appears in nothing that is made from them.
//!
//! What must not leak is read here from the native records, with nothing of `antenne`: the ids of
//! persons, the identifiers planted in texts, the values that made rows be rejected, the key.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;

use arrow::array::AsArray;
use calamine::{Data, Reader, open_workbook_auto};
use flate2::read::GzDecoder;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use regex::Regex;
use serde_json::Value;

use crate::commons::{Commons, files_below, finished};
use crate::lake;

/// Values that the sample plants in broken rows, each long enough not to occur by chance.
const BROKEN: [&str; 6] = [
    "Borgo Immaginario",
    "Codice sbagliato",
    "circa 40",
    "un paio",
    "troppi",
    "domani",
];

/// What an identifier looks like in the texts of the sample.
const SHAPES: [&str; 5] = [
    r"\b[A-Z]{6}\d\d[A-Z]\d\d[A-Z][0-9A-Z]{3}[A-Z]\b",
    r"\S+@\S+",
    r"\bIT\d\dX\d{22}\b",
    r"\+?\d[\d .]{7,}\d",
    r"\b(via|piazza|viale|corso|vicolo) [\w ]+ \d+",
];

/// What the native records hold of persons.
#[derive(Debug, Default)]
struct Secrets {
    /// Ids of persons.
    persons: BTreeSet<String>,
    /// Texts in which an identifier was planted.
    texts: Vec<String>,
}

impl Secrets {
    /// Notes an id, if there is one.
    fn person(&mut self, id: &str) {
        if !id.is_empty() {
            self.persons.insert(id.to_owned());
        }
    }

    /// Notes a text if anything but a stock phrase is in it.
    fn text(&mut self, text: &str) {
        if text.contains(|sign: char| sign.is_ascii_digit() || sign == '@') {
            self.texts.push(text.to_owned());
        }
    }

    /// The identifiers in the texts.
    fn identifiers(&self) -> BTreeSet<String> {
        let shapes = SHAPES.map(|shape| Regex::new(shape).unwrap());
        let found = |text: &String| {
            let found: Vec<String> = shapes
                .iter()
                .flat_map(|shape| shape.find_iter(text))
                .map(|found| found.as_str().to_owned())
                .collect();
            assert!(!found.is_empty(), "no shape fits `{text}`");
            found
        };
        self.texts.iter().flat_map(found).collect()
    }
}

/// Everything personal in the native records.
fn secrets(commons: &Commons) -> Secrets {
    let mut secrets = Secrets::default();
    let records = commons.path("sample-data");
    wemi(&mut secrets, &records.join("wemi"));
    json(
        &mut secrets,
        &records.join("la_cura_e_di_casa/interventi"),
        "note",
    );
    json(
        &mut secrets,
        &records.join("family_like/eventi"),
        "descrizione",
    );
    ledger(&mut secrets, &records.join("mi_fido_di_noi/movimenti.csv"));
    sheet(
        &mut secrets,
        &records.join("bacheca_digitale/bacheca.xlsx"),
        "Annunci",
        &["Chi", "Chi risponde"],
        "Testo",
    );
    sheet(
        &mut secrets,
        &records.join("welco/monitoraggio.ods"),
        "Schede",
        &[],
        "Note",
    );
    secrets
}

/// Persons and texts of the tables of `WeMi`.
fn wemi(secrets: &mut Secrets, folder: &Path) {
    let columns = |table: &str, names: &[&str]| -> Vec<Vec<String>> {
        let file = File::open(folder.join(format!("{table}.parquet"))).unwrap();
        let batches: Vec<_> = ParquetRecordBatchReaderBuilder::try_new(file)
            .unwrap()
            .build()
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let texts = |name: &&str| {
            let cells = batches.iter().flat_map(|batch| {
                batch
                    .column_by_name(name)
                    .unwrap()
                    .as_string::<i32>()
                    .iter()
                    .flatten()
            });
            cells.map(str::to_owned).collect()
        };
        names.iter().map(texts).collect()
    };
    let requests = columns(
        "richiesta_servizio_base",
        &["id_cittadino", "js_dati_richiesta"],
    );
    let workers = columns("r_match_ric_lav", &["id_lavoratore"]);
    let reviews = columns("recensione_ente", &["id_cittadino", "tx_commento"]);
    for id in [&requests[0], &workers[0], &reviews[0]]
        .into_iter()
        .flatten()
    {
        secrets.person(id);
    }
    for request in &requests[1] {
        let request: Value = serde_json::from_str(request).unwrap_or_default();
        secrets.text(request["note"].as_str().unwrap_or_default());
    }
    reviews[1].iter().for_each(|comment| secrets.text(comment));
}

/// Persons and texts of JSON pages and of lines of JSON, packed.
fn json(secrets: &mut Secrets, folder: &Path, text: &str) {
    for path in files_below(folder).values() {
        let content = std::io::read_to_string(GzDecoder::new(File::open(path).unwrap())).unwrap();
        let page: Result<Value, _> = serde_json::from_str(&content);
        let items: Vec<Value> = match page.ok().and_then(|page| page["items"].as_array().cloned()) {
            Some(items) => items,
            None => content
                .lines()
                .filter_map(|line| serde_json::from_str(line).ok())
                .collect(),
        };
        for item in items {
            let cell = |field: &str| item[field].as_str().unwrap_or_default().to_owned();
            secrets.person(&cell("id_assistito"));
            secrets.person(&cell("id_operatore"));
            secrets.text(&cell(text));
        }
    }
}

/// Persons and texts of the ledger of Mi fido di noi.
fn ledger(secrets: &mut Secrets, path: &Path) {
    let bytes = fs::read(path).unwrap();
    let (content, _, _) = encoding_rs::WINDOWS_1252.decode(&bytes);
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(b';')
        .flexible(true)
        .from_reader(content.as_bytes());
    for row in reader.records() {
        let row = row.unwrap();
        let cell = |place: usize| row.get(place).unwrap_or_default();
        secrets.person(cell(4));
        secrets.person(cell(5));
        secrets.text(cell(8));
    }
}

/// Persons and texts of a sheet, in the columns under these names.
fn sheet(secrets: &mut Secrets, path: &Path, name: &str, persons: &[&str], text: &str) {
    let mut book = open_workbook_auto(path).unwrap();
    let range = book.worksheet_range(name).unwrap();
    let is_text = |cell: &Data| cell.to_string().trim() == text;
    let header = range
        .rows()
        .position(|row| row.iter().any(is_text))
        .unwrap();
    let names: Vec<String> = range
        .rows()
        .nth(header)
        .unwrap()
        .iter()
        .map(|cell| cell.to_string().trim().to_owned())
        .collect();
    for row in range.rows().skip(header + 1) {
        for (cell, name) in row.iter().zip(&names) {
            if persons.contains(&name.as_str()) {
                secrets.person(cell.to_string().trim());
            }
            if name == text {
                secrets.text(&cell.to_string());
            }
        }
    }
}

/// Everything that was made from the records: the path, the bytes, and for tables the cells.
fn everything_made(commons: &Commons) -> Vec<(String, Vec<u8>)> {
    let mut made = Vec::new();
    for folder in ["lake", "releases", "said"] {
        for (name, path) in files_below(&commons.path(folder)) {
            if folder == "lake" && name.starts_with("acquired/pages/") {
                continue;
            }
            if name.ends_with(".parquet") {
                made.push((
                    format!("{folder}/{name}, cells"),
                    lake::rows_of_file(&path).join("\n").into_bytes(),
                ));
            }
            made.push((format!("{folder}/{name}"), fs::read(&path).unwrap()));
        }
    }
    made
}

/// Whether the bytes hold the text, whatever its case.
fn holds(bytes: &[u8], text: &str) -> bool {
    let found = Regex::new(&format!("(?i){}", regex::escape(text))).unwrap();
    found.is_match(&String::from_utf8_lossy(bytes))
}

/// Words of bytes: runs of letters and digits.
fn words(bytes: &[u8]) -> impl Iterator<Item = &str> {
    let runs = bytes.split(|byte| !byte.is_ascii_alphanumeric());
    runs.filter_map(|run| std::str::from_utf8(run).ok())
}

#[test]
fn the_secrets_are_those_the_truth_says_were_planted() {
    let commons = finished();
    let secrets = secrets(&commons);
    let truth: Value = serde_json::from_str(&commons.read("sample-data/truth.json")).unwrap();
    let counts = truth["tables"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|table| table["n_identifiers"].as_object().unwrap().values());
    let n_planted: u64 = counts.map(|count| count.as_u64().unwrap()).sum();
    assert!(
        n_planted >= 10 && secrets.texts.len() as u64 == n_planted,
        "{n_planted} planted, found {:?}",
        secrets.texts
    );
    for first in ["A", "B", "C", "L", "P", "S", "V"] {
        assert!(
            secrets.persons.iter().any(|id| id.starts_with(first)),
            "no person `{first}…`"
        );
    }
    let page = fs::read(commons.path("sample-data/mi_fido_di_noi/movimenti.csv")).unwrap();
    assert!(
        words(&page).any(|word| secrets.persons.contains(word)),
        "the search must find what is there"
    );
    let exports = commons.files("sample-data").into_values();
    let exports: Vec<Vec<u8>> = exports.collect();
    let identifiers = secrets.identifiers();
    let is_found = |identifier: &&String| exports.iter().any(|page| holds(page, identifier));
    assert!(identifiers.iter().any(|found| is_found(&found)));
}

#[test]
fn no_planted_identifier_is_in_anything_made() {
    let commons = finished();
    let secrets = secrets(&commons);
    let identifiers = secrets.identifiers();
    let all: Vec<String> = identifiers
        .iter()
        .chain(&secrets.texts)
        .map(|text| regex::escape(text))
        .collect();
    let any = Regex::new(&format!("(?i){}", all.join("|"))).unwrap();
    for (path, bytes) in everything_made(&commons) {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!any.is_match(&text), "`{path}` holds an identifier");
    }
}

#[test]
fn no_native_id_of_a_person_is_in_anything_made() {
    let commons = finished();
    let secrets = secrets(&commons);
    for (path, bytes) in everything_made(&commons) {
        let leaked: Vec<&str> = words(&bytes)
            .filter(|word| secrets.persons.contains(*word))
            .take(3)
            .collect();
        assert!(leaked.is_empty(), "`{path}` holds {leaked:?}");
    }
}

#[test]
fn the_key_is_in_nothing_made() {
    let commons = finished();
    let key = commons.read("sample-data/sample.key");
    let key = key.trim();
    assert_eq!(key.len(), 64);
    let raw: Vec<u8> = (0..64)
        .step_by(2)
        .map(|place| u8::from_str_radix(&key[place..place + 2], 16).unwrap())
        .collect();
    for (path, bytes) in everything_made(&commons) {
        assert!(!holds(&bytes, key), "`{path}` holds the key");
        assert!(
            !bytes.windows(raw.len()).any(|part| part == raw),
            "`{path}` holds the key as bytes"
        );
    }
}

#[test]
fn rejects_say_where_and_why_and_never_what() {
    let commons = finished();
    let ask = |sql: &str| {
        commons
            .antenne(&["query", "--private", sql, "--format", "json"])
            .expect_code(0)
            .json()
    };
    let rejects = ask("select * from conformed.rejects");
    let rejects = rejects.as_array().unwrap();
    assert!(rejects.len() > 20, "{}", rejects.len());
    let expected = [
        "platform",
        "source_table",
        "page_sha256",
        "rule",
        "field",
        "place",
    ];
    let rule = Regex::new("^[a-z_]+$").unwrap();
    for reject in rejects {
        let names: Vec<&String> = reject.as_object().unwrap().keys().collect();
        assert!(
            names.iter().all(|name| expected.contains(&name.as_str())),
            "{reject}"
        );
        assert!(rule.is_match(reject["rule"].as_str().unwrap()), "{reject}");
        let text = reject.to_string();
        assert!(BROKEN.iter().all(|value| !text.contains(value)), "{reject}");
    }
    for (path, bytes) in everything_made(&commons) {
        assert!(
            !holds(&bytes, "Borgo Immaginario"),
            "`{path}` holds a rejected value"
        );
    }
}
