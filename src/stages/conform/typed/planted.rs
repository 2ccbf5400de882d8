//! The faults planted in the invented sample: each is found by the contracts of the repository,
//! and nothing else is refused.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::canon::comune::ComuneRow;
use crate::canon::page;
use crate::sample::{SamplePlan, TableTruth, Truth, generate};
use crate::spec::fetch::Fetch;
use crate::spec::source::SourceSpec;

/// The folder of the repository.
fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The reference list of comuni.
fn comuni() -> ComuneIndex {
    let file = repository().join("reference/comuni.csv");
    let mut rows = ::csv::Reader::from_path(file).unwrap();
    let names = rows.headers().unwrap().clone();
    let place = |name: &str| names.iter().position(|header| header == name).unwrap();
    let (code, name) = (place("comune_code"), place("name"));
    let (provincia, catastale) = (place("provincia"), place("codice_catastale"));
    ComuneIndex::new(rows.records().map(|row| {
        let row = row.unwrap();
        ComuneRow {
            code: row[code].to_owned(),
            name: row[name].to_owned(),
            provincia: row[provincia].to_owned(),
            codice_catastale: row[catastale].to_owned(),
        }
    }))
}

/// Files of a table below `folder`, in the order of their names.
fn files(folder: &Path, spec: &TableSpec) -> Vec<PathBuf> {
    let Fetch::Files(files) = &spec.fetch else {
        panic!("the sample consists of files");
    };
    let path = folder.join(files.url.strip_prefix("sample-data/").unwrap());
    let name = path.file_name().unwrap().to_str().unwrap().to_owned();
    let (start, end) = name.split_once('*').unwrap_or((&name, ""));
    let entries = fs::read_dir(path.parent().unwrap()).unwrap();
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with(start) && name.ends_with(end)
    });
    found.sort();
    found
}

/// Books of a table of the sample in `folder`.
fn books(folder: &Path, table: TableRef<'_>, comuni: &ComuneIndex) -> Books {
    let key = PseudonymKey::new([7; 32]);
    let tools = Tools {
        comuni,
        keys: KeyRing {
            key: &key,
            person: &key,
            epoch: 1,
        },
        limits: Limits {
            threads: 2,
            memory: 64 << 20,
            scratch: std::env::temp_dir(),
            block: BLOCK,
        },
    };
    let mut intake = TableIntake::new(table, tools).unwrap();
    for (sequence, file) in (0..).zip(files(folder, table.spec)) {
        let kept = Box::new(std::io::Cursor::new(fs::read(&file).unwrap()));
        let opened = page::open(kept, table.spec.format.wrapping()).unwrap();
        let page = PageRef {
            sha256: "00",
            url: "pagina",
            sequence,
            delivery: 1,
        };
        let read = intake.push_page(page, opened.bytes).unwrap();
        assert_eq!(
            read.missing_fields,
            Vec::<String>::new(),
            "{}",
            file.display()
        );
    }
    intake.settle(Absence::SaysNothing).unwrap().books
}

/// Books that the sample's own account asks for.
fn expected(truth: &TableTruth) -> Books {
    let rejected = truth
        .n_broken
        .values()
        .chain(truth.n_identifiers.values())
        .sum();
    let others = [
        rejected,
        truth.n_duplicates,
        truth.n_superseded,
        truth.n_erased,
    ];
    Books {
        n_rows: truth.n_rows,
        accepted: truth.n_rows - others.iter().sum::<u64>(),
        rejected,
        duplicate: truth.n_duplicates,
        superseded: truth.n_superseded,
        erased: truth.n_erased,
    }
}

#[test]
fn every_planted_fault_is_found_and_nothing_else_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let plan = SamplePlan {
        n_exchanges: 3000,
        seed: 7,
        reference: repository().join("reference"),
        out: folder.path().to_owned(),
    };
    generate(&plan, &|_| {}).unwrap();
    let truth = fs::read_to_string(folder.path().join("truth.json")).unwrap();
    let truth: Truth = serde_json::from_str(&truth).unwrap();
    let comuni = comuni();
    for table in &truth.tables {
        let file = format!("pipelines/sources/{}.toml", table.platform);
        let text = fs::read_to_string(repository().join(file)).unwrap();
        let source: SourceSpec = toml::from_str(&text).unwrap();
        let name = table.table.to_lowercase();
        let spec = source.tables.get(&name).unwrap();
        let reference = TableRef {
            platform: &table.platform,
            name: &name,
            spec,
        };
        let books = books(folder.path(), reference, &comuni);
        assert_eq!(books, expected(table), "{}.{name}", table.platform);
    }
}
