//! However much memory, however many threads, however long the blocks: the same table.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::lake::{Lake, Scope, Zone};
use crate::spec::secret::Secrets;
use crate::spec::settings::LakeSettings;

/// A contract with revisions, deletions and parts by month.
const FILED: &str = r#"
    key = ["id"]
    revision = "rev"
    deleted = "via"
    filed_by = { column = "dal", every = "month" }
    fetch.files = { url = "t.csv" }
    format.csv = {}
    [columns]
    id = { type = "record", required = true }
    rev = { type = "integer", required = true }
    dal = { type = "date", format = "%Y-%m-%d", required = true }
    via = { type = "boolean" }
    nota = { type = "text" }
    tipo = { type = "code", codes = { a = "x", b = "y" } }
    scarto = { type = "integer", keep = false }
"#;

/// A line of a page: record, revision, month, fate, note.
type Draw = (u8, u8, u8, u8, String);

/// A page of lines.
fn page_of(draws: &[Draw], end: &str) -> String {
    let mut page = format!("id,rev,dal,via,nota,tipo,scarto{end}");
    for (id, revision, month, fate, note) in draws {
        let month = month + 1;
        let (deleted, kind, spare) = match fate {
            0 => ("si", "a", "1"),
            1 => ("", "boh", "1"),
            2 => ("", "b", "x"),
            _ => ("", "b", "7"),
        };
        let note = note.replace('"', "\"\"");
        let line =
            format!("{id},{revision},2024-{month:02}-03,{deleted},\"{note}\",{kind},{spare}{end}");
        page.push_str(&line);
    }
    page
}

/// What an intake may use.
fn limits(threads: usize, memory: u64, block: usize) -> Limits {
    Limits {
        threads,
        memory,
        scratch: std::env::temp_dir().join("antenne-tests"),
        block,
    }
}

/// Reads pages with these limits and settles them.
fn settled<'c>(
    spec: &'c TableSpec,
    (comuni, key): (&'c ComuneIndex, &'c PseudonymKey),
    pages: &[String],
    limits: Limits,
) -> Settled<'c> {
    let table = TableRef {
        platform: "prova",
        name: "t",
        spec,
    };
    let keys = KeyRing {
        key,
        person: key,
        epoch: 1,
    };
    let tools = Tools {
        comuni,
        keys,
        limits,
    };
    let mut intake = TableIntake::new(table, tools).unwrap();
    for (sequence, page) in (0..).zip(pages) {
        let place = PageRef {
            sha256: "00",
            url: "pagina",
            sequence,
            delivery: 1,
        };
        let bytes = std::io::Cursor::new(page.clone().into_bytes());
        intake.push_page(place, Box::new(bytes)).unwrap();
    }
    intake.settle(Absence::SaysNothing).unwrap()
}

/// Every file that a settled table is written as, by path.
fn files(settled: &Settled<'_>) -> BTreeMap<String, Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::open(folder.path(), &LakeSettings::default(), &Secrets::default()).unwrap();
    let scope = |part: &str, _: HeldAs| Scope {
        name: part.to_owned(),
        fingerprint: "f".repeat(64),
    };
    let into = Destination {
        zone: Zone::Source,
        table: "t",
        history: "t__history",
        scope: &scope,
    };
    let written = futures::executor::block_on(settled.write(&lake, &into)).unwrap();
    let mut found = BTreeMap::new();
    for (table, scopes) in [("t", &written.rows), ("t__history", &written.history)] {
        for file in scopes.iter().flat_map(|scope| &scope.files) {
            let path = folder
                .path()
                .join("lake/source")
                .join(table)
                .join(&file.path);
            let bytes = fs::read(&path).unwrap();
            assert_eq!(bytes.len() as u64, file.size);
            found.insert(format!("{table}/{}", file.path), bytes);
        }
    }
    assert_eq!(count(&folder.path().join("lake/source")), found.len());
    found
}

/// Files below a folder.
fn count(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .map(|path| if path.is_dir() { count(&path) } else { 1 })
        .sum()
}

/// Books, refused rows, deletions, and the rows of every part and of its history.
fn told(settled: &Settled<'_>) -> (Books, Vec<Reject>, Vec<Tombstone>, Vec<RecordBatch>) {
    let months = (1..=3).map(|month| format!("2024-{month:02}"));
    let rows = months.flat_map(|part| {
        [HeldAs::Current, HeldAs::History].map(|held| settled.rows_of(&part, held))
    });
    let (rejects, tombstones) = (settled.rejects.clone(), settled.tombstones.clone());
    (settled.books, rejects, tombstones, rows.collect())
}

/// Lines at random.
fn draws() -> impl Strategy<Value = Vec<Draw>> {
    let line = (0..9_u8, 0..4_u8, 0..3_u8, 0..12_u8, "[a-c\"\n;,è ]{0,6}");
    proptest::collection::vec(line, 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn memory_threads_and_blocks_change_no_row(draws in draws(), end in 0..2_usize, block in 1..300_usize) {
        let spec: TableSpec = toml::from_str(FILED).unwrap();
        let known = (&ComuneIndex::default(), &PseudonymKey::new([7; 32]));
        let end = ["\n", "\r\n"][end];
        let pages: Vec<String> = draws.chunks(25).map(|draws| page_of(draws, end)).collect();
        let plain = told(&settled(&spec, known, &pages, limits(1, 1 << 30, BLOCK)));
        prop_assert_eq!(plain.0.n_rows, draws.len() as u64);
        for (threads, memory) in [(1, 1 << 30), (2, 0), (4, 3000)] {
            let other = told(&settled(&spec, known, &pages, limits(threads, memory, block)));
            prop_assert_eq!(&other, &plain, "{} threads, {} bytes", threads, memory);
        }
    }

    #[test]
    fn odd_quotes_are_judged_alike_in_blocks_of_any_length(text in "(1,1,2024-01-03,,a,a,1\n|[1,\"\n\r ]{0,9}){0,60}", block in 1..300_usize) {
        let spec: TableSpec = toml::from_str(FILED).unwrap();
        let known = (&ComuneIndex::default(), &PseudonymKey::new([7; 32]));
        let pages = [format!("id,rev,dal,via,nota,tipo,scarto\n{text}")];
        let plain = told(&settled(&spec, known, &pages, limits(1, 1 << 30, BLOCK)));
        for threads in [1, 3] {
            let other = told(&settled(&spec, known, &pages, limits(threads, 1 << 30, block)));
            prop_assert_eq!(&other, &plain, "{} threads", threads);
        }
    }

    #[test]
    fn threads_and_memory_change_no_byte_of_a_file(draws in draws()) {
        let spec: TableSpec = toml::from_str(FILED).unwrap();
        let known = (&ComuneIndex::default(), &PseudonymKey::new([7; 32]));
        let pages = [page_of(&draws, "\n")];
        let one = files(&settled(&spec, known, &pages, limits(1, 1 << 30, 200)));
        for (threads, memory) in [(2, 1 << 30), (4, 1 << 30), (2, 0)] {
            let other = files(&settled(&spec, known, &pages, limits(threads, memory, 200)));
            prop_assert_eq!(&other, &one, "{} threads, {} bytes", threads, memory);
        }
    }
}

#[test]
fn rows_beyond_the_memory_go_to_the_scratch_file_and_come_back() {
    let spec: TableSpec = toml::from_str(FILED).unwrap();
    let known = (&ComuneIndex::default(), &PseudonymKey::new([7; 32]));
    let draws: Vec<Draw> = (0..200_000_u32)
        .map(|row| {
            let small = |modulus: u32| u8::try_from(row % modulus).unwrap();
            (
                small(251),
                small(7),
                small(3),
                small(12),
                format!("riga numero {}", row % 911),
            )
        })
        .collect();
    let pages = [page_of(&draws, "\n")];
    let block = 256 << 10;
    let held = told(&settled(&spec, known, &pages, limits(2, 1 << 30, block)));
    let spilled = told(&settled(&spec, known, &pages, limits(2, 8 << 20, block)));
    assert!(held == spilled);
    assert_eq!(held.0.n_rows, 200_000);
}

#[test]
fn a_record_that_is_too_long_is_refused_and_the_others_are_read() {
    let spec: TableSpec = toml::from_str(FILED).unwrap();
    let known = (&ComuneIndex::default(), &PseudonymKey::new([7; 32]));
    let draw = |id: u8, note: &str| (id, 1, 0, 9, note.to_owned());
    let long = "riga\n".repeat(4 << 20);
    let pages = [page_of(
        &[draw(1, "a"), draw(2, &long), draw(3, "c\nd")],
        "\n",
    )];
    let settled = settled(&spec, known, &pages, limits(2, 1 << 30, BLOCK));
    assert_eq!((settled.books.accepted, settled.books.rejected), (2, 1));
    let reject = settled.rejects.first().unwrap();
    assert_eq!((reject.rule, reject.place), ("record_too_long", 3));
}
