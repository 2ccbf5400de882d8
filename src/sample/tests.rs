//! The sample's files against its truth, each read back by other means than those that wrote it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use calamine::{Data, Ods, Reader, Xlsx, open_workbook};
use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::Value;

use super::*;

/// A generated sample.
struct Sample {
    /// Keeps the folder until the test ends.
    folder: tempfile::TempDir,
    /// What was planted.
    truth: Truth,
}

impl Sample {
    /// A sample of about so many exchanges.
    fn of(n_exchanges: u64, seed: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let reference = Path::new(env!("CARGO_MANIFEST_DIR")).join("reference");
        let plan = SamplePlan {
            n_exchanges,
            seed,
            reference,
            out: folder.path().to_owned(),
        };
        let truth = generate(&plan, &|_| ()).unwrap().truth;
        Self { folder, truth }
    }

    /// A path in the sample.
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file as text.
    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// What the truth says about a table.
    fn table(&self, name: &str) -> &TableTruth {
        self.truth
            .tables
            .iter()
            .find(|table| table.table == name)
            .unwrap()
    }
}

/// A count of the truth by name, zero if nothing was planted.
fn of(counts: &BTreeMap<String, u64>, name: &str) -> u64 {
    counts.get(name).copied().unwrap_or(0)
}

/// A file's bytes, inflated if its name ends in `.gz`.
fn inflated(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(bytes)
        .read_to_end(&mut plain)
        .unwrap();
    plain
}

/// All files below a folder with their bytes, by relative path.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let bytes = fs::read(&path).unwrap();
                found.insert(path.strip_prefix(folder).unwrap().to_owned(), bytes);
            }
        }
    }
    found
}

/// The numbers of repeated lines: all lines less the different ones.
fn n_repeated(lines: &[String]) -> u64 {
    let different: BTreeSet<&String> = lines.iter().collect();
    wide(lines.len() - different.len())
}

/// The items of a page set, each as text, and the count that the pages give.
fn items(folder: &Path) -> (Vec<String>, u64) {
    let mut texts = Vec::new();
    let mut total = 0;
    for bytes in files(folder).values() {
        let page: Value = serde_json::from_slice(&inflated(bytes)).unwrap();
        total = page["total"].as_u64().unwrap();
        texts.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(Value::to_string),
        );
    }
    (texts, total)
}

#[test]
fn the_same_plan_gives_the_same_bytes() {
    let (one, two) = (Sample::of(500, 7), Sample::of(500, 7));
    let (one, two) = (files(one.folder.path()), files(two.folder.path()));
    assert_eq!(
        one.keys().collect::<Vec<_>>(),
        two.keys().collect::<Vec<_>>()
    );
    for (path, bytes) in &one {
        assert!(two.get(path) == Some(bytes), "{} differs", path.display());
    }
}

#[test]
fn another_seed_gives_another_sample() {
    let (one, two) = (Sample::of(500, 7), Sample::of(500, 8));
    let name = "mi_fido_di_noi/movimenti.csv";
    assert_ne!(
        fs::read(one.path(name)).unwrap(),
        fs::read(two.path(name)).unwrap()
    );
}

#[test]
fn about_as_many_exchanges_are_written_as_asked_for() {
    let sample = Sample::of(3000, 1);
    let is_exchanges = |table: &&TableTruth| EXCHANGE_TABLES.contains(&table.table.as_str());
    let n: u64 = sample
        .truth
        .tables
        .iter()
        .filter(is_exchanges)
        .map(|table| table.n_rows)
        .sum();
    assert!((2800..3300).contains(&n), "{n}");
}

#[test]
fn every_fault_is_planted_somewhere() {
    let sample = Sample::of(6000, 1);
    let rules: BTreeSet<&String> = sample
        .truth
        .tables
        .iter()
        .flat_map(|table| table.n_identifiers.keys())
        .collect();
    assert_eq!(rules.len(), texts::RULES.len());
    let sum = |count: fn(&TableTruth) -> u64| sample.truth.tables.iter().map(count).sum::<u64>();
    assert!(sum(|table| table.n_duplicates) > 0);
    assert!(sum(|table| table.n_superseded) > 0);
    assert!(sum(|table| table.n_deletions) > 0);
    assert!(sum(|table| table.n_broken.values().sum()) > 0);
}

#[test]
fn the_pages_of_la_cura_hold_what_the_truth_says() {
    let sample = Sample::of(6000, 1);
    let table = sample.table("interventi");
    let (texts, total) = items(&sample.path("la_cura_e_di_casa/interventi"));
    assert_eq!((wide(texts.len()), total), (table.n_rows, table.n_rows));
    assert_eq!(n_repeated(&texts), table.n_duplicates);
    let different: BTreeSet<&String> = texts.iter().collect();
    let mut by_id: BTreeMap<String, u64> = BTreeMap::new();
    let (mut n_deleted, mut n_bad_dates) = (0, 0);
    for text in different {
        let item: Value = serde_json::from_str(text).unwrap();
        *by_id.entry(item["id"].to_string()).or_default() += 1;
        n_deleted += u64::from(item["eliminato"] == true);
        n_bad_dates += u64::from(item["dt_richiesta"] == "2025-02-31");
    }
    let n_older: u64 = by_id.values().map(|n| n - 1).sum();
    assert_eq!(n_deleted, table.n_deletions);
    assert_eq!(n_older, table.n_superseded + table.n_deletions);
    assert_eq!(table.n_erased, 2 * table.n_deletions);
    assert_eq!(n_bad_dates, of(&table.n_broken, "bad_date"));
}

#[test]
fn the_ledger_of_mi_fido_holds_what_the_truth_says() {
    let sample = Sample::of(6000, 1);
    let table = sample.table("movimenti");
    let bytes = fs::read(sample.path("mi_fido_di_noi/movimenti.csv")).unwrap();
    let (text, _, is_damaged) = encoding_rs::WINDOWS_1252.decode(&bytes);
    assert!(!is_damaged);
    let lines: Vec<String> = text.split("\r\n").skip(1).map(str::to_owned).collect();
    let lines = &lines[..lines.len() - 1];
    assert_eq!(wide(lines.len()), table.n_rows);
    assert_eq!(n_repeated(lines), table.n_duplicates);
    let count = |wanted: fn(&[&str]) -> bool| {
        wide(
            lines
                .iter()
                .filter(|line| wanted(&line.split(';').collect::<Vec<_>>()))
                .count(),
        )
    };
    assert_eq!(count(|fields| fields[1] == "2"), table.n_superseded);
    assert_eq!(
        count(|fields| fields.len() < 25),
        of(&table.n_broken, "ragged_row")
    );
    assert_eq!(
        count(|fields| fields[2].is_empty()),
        of(&table.n_broken, "missing_required")
    );
    assert_eq!(
        count(|fields| fields[8].contains('@')),
        of(&table.n_identifiers, "email")
    );
    assert!(text.contains("Muggiò"));
}

#[test]
fn the_lines_of_family_like_hold_what_the_truth_says() {
    let sample = Sample::of(12_000, 1);
    let table = sample.table("eventi");
    let lines: Vec<String> = files(&sample.path("family_like/eventi"))
        .into_values()
        .flat_map(|bytes| {
            String::from_utf8(inflated(&bytes))
                .unwrap()
                .lines()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(wide(lines.len()), table.n_rows);
    assert_eq!(n_repeated(&lines), table.n_duplicates);
    let read: Vec<Value> = lines
        .iter()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    assert_eq!(
        wide(lines.len() - read.len()),
        of(&table.n_broken, "broken_json")
    );
    let n_newer = read.iter().filter(|item| item["revisione"] == 2).count();
    assert_eq!(wide(n_newer), table.n_superseded);
}

#[test]
fn the_tables_of_wemi_and_their_dump_hold_what_the_truth_says() {
    let sample = Sample::of(3000, 1);
    let dump = sample.text("wemi/dump.sql");
    for table in sample
        .truth
        .tables
        .iter()
        .filter(|table| table.platform == "wemi")
    {
        let path = sample.path(&format!("wemi/{}.parquet", table.table));
        let file = fs::File::open(path).unwrap();
        let reader = SerializedFileReader::new(file).unwrap();
        let n_rows = reader.metadata().file_metadata().num_rows();
        assert_eq!(
            u64::try_from(n_rows).unwrap(),
            table.n_rows,
            "{}",
            table.table
        );
        let head = format!("COPY public.{} (", table.table);
        let section = dump.split(&head).nth(1).unwrap();
        let n_lines = section
            .lines()
            .skip(1)
            .take_while(|line| *line != "\\.")
            .count();
        assert_eq!(wide(n_lines), table.n_rows, "{}", table.table);
    }
    let n_cut = dump
        .lines()
        .filter(|line| line.contains("{\"categoria\"") && !line.ends_with('}'));
    let n_broken = of(
        &sample.table("richiesta_servizio_base").n_broken,
        "invalid_json",
    );
    assert_eq!(wide(n_cut.count()), n_broken);
}

#[test]
fn the_workbook_of_the_bacheca_counts_its_own_rows() {
    let sample = Sample::of(3000, 1);
    let table = sample.table("Annunci");
    let path = sample.path("bacheca_digitale/bacheca.xlsx");
    let mut book: Xlsx<_> = open_workbook(path).unwrap();
    let range = book.worksheet_range("Annunci").unwrap();
    let cell = |row, column| {
        range
            .get_value((row, column))
            .cloned()
            .unwrap_or(Data::Empty)
    };
    assert_eq!(
        cell(0, 0).to_string(),
        "Bacheca digitale – annunci della comunità"
    );
    let n_rows = f64::from(u32::try_from(table.n_rows).unwrap());
    assert_eq!(cell(1, 1), Data::Float(n_rows));
    assert_eq!(
        (cell(3, 4), cell(4, 4)),
        (
            Data::String("Persona".into()),
            Data::String("Comune".into())
        )
    );
    let last = range.end().unwrap().0;
    assert_eq!(u64::from(last) + 1 - 5, table.n_rows);
    let n_dates = (5..=last)
        .filter(|row| matches!(cell(*row, 1), Data::DateTime(_)))
        .count();
    assert!(wide(n_dates) * 10 > table.n_rows * 8, "{n_dates}");
    assert_eq!(
        book.worksheet_range("Attivita").unwrap().height(),
        61 * 48 + 1
    );
}

#[test]
fn the_workbook_of_the_projects_counts_its_own_rows() {
    let sample = Sample::of(500, 1);
    let mut book: Ods<_> = open_workbook(sample.path("welco/monitoraggio.ods")).unwrap();
    let index = book.worksheet_range("Indice").unwrap();
    for (row, name) in ["Progetti", "Schede", "Formazione"].into_iter().enumerate() {
        let n_rows = sample.table(name).n_rows;
        let counted = f64::from(u32::try_from(n_rows).unwrap());
        assert_eq!(index[(row + 1, 1)], Data::Float(counted), "{name}");
        let height = book.worksheet_range(name).unwrap().height();
        assert_eq!(wide(height - 1), n_rows, "{name}");
    }
}

#[test]
fn members_of_a_decoy_double_with_its_requests() {
    let sample = Sample::of(60_000, 1);
    let reference = Path::new(env!("CARGO_MANIFEST_DIR")).join("reference");
    let geography = Geography::read(&reference).unwrap();
    let arona: BTreeSet<&str> = geography
        .district("DEMO-ARONA")
        .unwrap()
        .places
        .iter()
        .map(|place| place.code.as_str())
        .collect();
    let (texts, _) = items(&sample.path("la_cura_e_di_casa/iscritti"));
    let members = |month: &str| -> u64 {
        texts
            .iter()
            .map(|text| serde_json::from_str::<Value>(text).unwrap())
            .filter(|item| item["mese"] == month)
            .filter(|item| arona.contains(item["cod_comune"].as_str().unwrap()))
            .map(|item| item["attivi"].as_u64().unwrap())
            .sum()
    };
    let ratio = real(usize::try_from(members("2026-09")).unwrap())
        / real(usize::try_from(members("2025-11")).unwrap());
    assert!((2.0..2.4).contains(&ratio), "{ratio}");
}

/// The rows of La cura è di casa of a district: id, month of the request, month of the record.
fn rows_of(sample: &Sample, district: &str) -> Vec<(String, String, String)> {
    let reference = Path::new(env!("CARGO_MANIFEST_DIR")).join("reference");
    let geography = Geography::read(&reference).unwrap();
    let places = &geography.district(district).unwrap().places;
    let codes: BTreeSet<&str> = places.iter().map(|place| place.code.as_str()).collect();
    let (texts, _) = items(&sample.path("la_cura_e_di_casa/interventi"));
    let month = |item: &Value, name: &str| item[name].as_str().unwrap_or("")[..7].to_owned();
    texts
        .iter()
        .map(|text| serde_json::from_str::<Value>(text).unwrap())
        .filter(|item| codes.contains(item["cod_comune"].as_str().unwrap_or("")))
        .filter(|item| {
            item["dt_richiesta"]
                .as_str()
                .is_some_and(|day| day.len() == 10)
        })
        .map(|item| {
            let (asked, recorded) = (month(&item, "dt_richiesta"), month(&item, "aggiornato_il"));
            (item["id"].to_string(), asked, recorded)
        })
        .collect()
}

/// How many rows a condition holds for, as a real number.
fn n_rows<T>(rows: &[T], is_counted: impl Fn(&T) -> bool) -> f64 {
    real(rows.iter().filter(|row| is_counted(row)).count())
}

#[test]
fn a_backlog_and_a_batch_would_fool_whoever_counts_rows() {
    let sample = Sample::of(60_000, 1);
    let late = rows_of(&sample, "DEMO-VERBANIA");
    let recorded_in = |month: &str| n_rows(&late, |row| row.2 == month);
    let silent = recorded_in("2026-05") / recorded_in("2025-05");
    assert!(silent < 0.4, "{silent}");
    let backlog = recorded_in("2026-06") / recorded_in("2025-06");
    assert!(backlog > 2.5, "{backlog}");
    let asked_in = |month: &str| n_rows(&late, |row| row.1 == month);
    let (now, before) = (asked_in("2026-09"), asked_in("2025-09"));
    assert!(now < 0.4 * before, "{now} {before}");

    let rewritten = rows_of(&sample, "DEMO-OSSOLA");
    let is_in = |row: &(String, String, String), year: &str| {
        let months = ["04", "05", "06", "07", "08"];
        row.1[..4] == *year && months.contains(&&row.1[5..])
    };
    let growth =
        n_rows(&rewritten, |row| is_in(row, "2026")) / n_rows(&rewritten, |row| is_in(row, "2025"));
    assert!(growth > 2.5, "{growth}");
}

#[test]
fn a_truth_file_reads_back_as_written() {
    let sample = Sample::of(500, 1);
    let read: Truth = serde_json::from_str(&sample.text("truth.json")).unwrap();
    assert_eq!(read, sample.truth);
}
