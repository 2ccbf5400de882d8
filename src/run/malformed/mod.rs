//! Malformed input: for every format a million rows, random and mutated, whole and in envelopes.
//!
//! Three things must hold on any of them: nothing panics, every row that was read is in exactly
//! one account of the books, and every rejected row has a reason. A page that cannot be read is an
//! error and leaves the rows of the other pages as they were. Where the independent count of a
//! page is had, it is the number of rows that were read.
//!
//! The draws are seeded, so a failure repeats; it names format and page.

use std::io::{Cursor, Write};
use std::sync::Once;
use std::time::Instant;

use proptest::prelude::*;

use crate::canon::comune::{ComuneIndex, ComuneRow};
use crate::canon::contain;
use crate::canon::page;
use crate::canon::pseudonym::PseudonymKey;
use crate::spec::source::TableSpec;
use crate::stages::acquire::count::count_page;
use crate::stages::conform::typed::{
    Absence, BLOCK, KeyRing, Limits, PageRef, TableIntake, TableRef, Tools,
};

mod books;
mod bytes;
mod rows;

use bytes::Draws;

/// Rows handed in for each format.
const N_ROWS: u64 = 1_000_000;

/// Pages that one intake takes before it settles.
const PAGES_PER_INTAKE: u64 = 16;

/// What was done to a page before it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Harm {
    /// Only its values are strange.
    Values,
    /// Some of its bytes are changed.
    Bytes,
    /// All of its bytes are random.
    Noise,
}

/// A page to read and the rows that were written into it.
struct MadePage {
    /// Its bytes.
    bytes: Vec<u8>,
    /// Rows written.
    n_rows: u64,
}

/// Makes pages of one format.
trait Maker {
    /// The format, in TOML.
    fn format(&self) -> &'static str;
    /// A page.
    fn page(&mut self, draws: &mut Draws, harm: Harm) -> MadePage;
    /// Whether a page of the format may stand in an envelope.
    fn may_be_wrapped(&self) -> bool {
        true
    }
}

/// What came of all pages of a format.
#[derive(Debug, Default)]
struct Tally {
    /// Rows handed in.
    handed_in: u64,
    /// Rows read.
    read: u64,
    /// Rows accepted.
    accepted: u64,
    /// Rows rejected.
    rejected: u64,
    /// Pages read.
    n_pages: u64,
    /// Pages that could not be read.
    n_refused: u64,
}

impl Tally {
    /// Its line in the table of `docs/reliability.md`, without commas.
    fn line(&self, name: &str) -> String {
        let n_pages = self.n_pages + self.n_refused;
        let (handed_in, read, refused) = (self.handed_in, self.read, self.n_refused);
        format!("| {name} | {handed_in} | {read} | {refused} of {n_pages} |").replace(',', "")
    }
}

/// The contract of every page: a column of each kind that matters.
const CONTRACT: &str = r#"
    key = ["id"]
    revision = "rev"
    deleted = "via"
    fetch.files = { url = "t" }
    [columns]
    id = { type = "record", required = true }
    rev = { type = "integer" }
    via = { type = "boolean" }
    testo = { type = "text" }
    tipo = { type = "code", codes = { CERCO = "need", OFFRO = "offer" }, null = ["-"] }
    data = { type = "date", format = "%d/%m/%Y" }
    costo = { type = "decimal", decimal = "comma", min = 0 }
    comune = { type = "comune", required = true }
"#;

/// Fields of the contract, in the order in which pages write them.
const FIELDS: [&str; 8] = [
    "id", "rev", "via", "testo", "tipo", "data", "costo", "comune",
];

/// A million rows of a format.
fn read_a_million(name: &str, seed: u64, maker: &mut dyn Maker) {
    static SILENCE: Once = Once::new();
    SILENCE.call_once(contain::silence);
    let started = Instant::now();
    let contract = format!("format.{}\n{CONTRACT}", maker.format());
    let spec: TableSpec = toml::from_str(&contract).unwrap();
    let comuni = ComuneIndex::new([ComuneRow {
        code: "098031".to_owned(),
        name: "Lodi".to_owned(),
        provincia: "LO".to_owned(),
        codice_catastale: "E648".to_owned(),
    }]);
    let key = PseudonymKey::new([7; 32]);
    let mut draws = Draws::new(seed);
    let mut tally = Tally::default();
    while tally.handed_in < N_ROWS {
        let intake = intake(&spec, &comuni, &key);
        read_some(name, (intake, &spec), (maker, &mut draws), &mut tally);
    }
    let seconds = started.elapsed().as_secs_f64();
    let _said = writeln!(std::io::stderr(), "{name}: {tally:?} in {seconds:.1} s");
    assert!(tally.read > N_ROWS / 20, "{name}: hardly a row is read");
    assert!(
        tally.accepted > 0 && tally.rejected > 0 && tally.n_refused > 0,
        "{name}"
    );
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reliability.md");
    let page = std::fs::read_to_string(page).unwrap();
    let line = tally.line(name);
    let is_said = page.lines().any(|said| said.replace(',', "") == line);
    assert!(is_said, "`docs/reliability.md` does not say\n{line}");
}

/// An intake of the table.
fn intake<'c>(
    spec: &'c TableSpec,
    comuni: &'c ComuneIndex,
    key: &'c PseudonymKey,
) -> TableIntake<'c> {
    let table = TableRef {
        platform: "prova",
        name: "t",
        spec,
    };
    let tools = Tools {
        comuni,
        keys: KeyRing {
            key,
            person: key,
            epoch: 1,
        },
        limits: Limits {
            threads: 1,
            memory: 256 << 20,
            scratch: std::env::temp_dir(),
            block: BLOCK,
        },
    };
    TableIntake::new(table, tools).unwrap()
}

/// Reads some pages into one intake and settles it.
fn read_some(
    name: &str,
    (mut intake, spec): (TableIntake<'_>, &TableSpec),
    (maker, draws): (&mut dyn Maker, &mut Draws),
    tally: &mut Tally,
) {
    let mut n_read = 0;
    for sequence in 0..PAGES_PER_INTAKE {
        let made = made_page(maker, draws);
        tally.handed_in += made.n_rows;
        let at = format!("{name}, page {}", tally.n_pages + tally.n_refused);
        let place = PageRef {
            sha256: "00",
            url: "pagina",
            sequence,
            delivery: 1,
        };
        let page = Box::new(Cursor::new(made.bytes.clone()));
        let read = page::open(page, spec.format.wrapping())
            .ok()
            .and_then(|opened| intake.push_page(place, opened.bytes).ok());
        let Some(read) = read else {
            tally.n_refused += 1;
            continue;
        };
        tally.n_pages += 1;
        n_read += read.n_rows;
        if let Some(counted) = counted(spec, made.bytes) {
            assert_eq!(counted, read.n_rows, "{at}: the independent count");
        }
    }
    let settled = intake.settle(Absence::SaysNothing).unwrap();
    let books = settled.books;
    assert!(books.are_closed(), "{name}: {books:?}");
    assert_eq!(
        books.n_rows, n_read,
        "{name}: rows read and rows in the books"
    );
    assert_eq!(books.rejected, settled.rejects.len() as u64, "{name}");
    let is_code = |rule: &str| {
        !rule.is_empty()
            && rule
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    for reject in &settled.rejects {
        assert!(is_code(reject.rule), "{name}: {reject:?}");
        assert!(reject.place > 0, "{name}: {reject:?}");
    }
    tally.read += n_read;
    tally.accepted += books.accepted;
    tally.rejected += books.rejected;
}

/// A page, harmed in some way, in an envelope or not.
fn made_page(maker: &mut dyn Maker, draws: &mut Draws) -> MadePage {
    let harm = match draws.below(20) {
        0 => Harm::Noise,
        1..8 => Harm::Bytes,
        _ => Harm::Values,
    };
    let mut made = maker.page(draws, harm);
    if maker.may_be_wrapped() && draws.below(4) == 0 {
        made.bytes = draws.wrapped(&made.bytes);
    }
    made
}

/// Rows of a page by the independent count of its bytes, where there is one.
fn counted(spec: &TableSpec, bytes: Vec<u8>) -> Option<u64> {
    count_page(spec, Box::new(Cursor::new(bytes))).own.ok()
}

#[test]
fn a_million_rows_of_plain_delimited_text() {
    read_a_million("CSV", 1, &mut rows::Csv::plain());
}

#[test]
fn a_million_rows_of_delimited_text_with_settings_of_its_own() {
    read_a_million(
        "CSV with quote, escape, comments and titles of its own",
        2,
        &mut rows::Csv::with_settings(),
    );
}

#[test]
fn a_million_rows_of_delimited_text_in_utf_16() {
    read_a_million("CSV in UTF-16, found out", 3, &mut rows::Csv::wide());
}

#[test]
fn a_million_lines_of_json() {
    read_a_million("NDJSON", 4, &mut rows::Json::lines());
}

#[test]
fn a_million_rows_of_json_documents() {
    read_a_million("JSON documents", 5, &mut rows::Json::documents());
}

#[test]
fn a_million_rows_of_parquet() {
    read_a_million("Parquet", 6, &mut books::Batches::parquet());
}

#[test]
fn a_million_rows_of_arrow() {
    read_a_million("Arrow, files and streams", 7, &mut books::Batches::arrow());
}

#[test]
fn a_million_rows_of_xlsx() {
    read_a_million("XLSX", 8, &mut books::Sheets::xlsx());
}

#[test]
fn a_million_rows_of_ods() {
    read_a_million("ODS", 9, &mut books::Sheets::ods());
}

/// Rows that the reader finds in a text, if it is not refused, and the independent count of it.
fn both_counts(format: &str, text: &str) -> (Option<u64>, Option<u64>) {
    let contract = format!("format.{format}\n{CONTRACT}");
    let spec: TableSpec = toml::from_str(&contract).unwrap();
    let comuni = ComuneIndex::new([]);
    let key = PseudonymKey::new([7; 32]);
    let mut intake = intake(&spec, &comuni, &key);
    let place = PageRef {
        sha256: "00",
        url: "pagina",
        sequence: 0,
        delivery: 1,
    };
    let bytes = text.as_bytes().to_vec();
    let opened = page::open(Box::new(Cursor::new(bytes.clone())), spec.format.wrapping());
    let read = intake.push_page(place, opened.unwrap().bytes);
    (read.ok().map(|read| read.n_rows), counted(&spec, bytes))
}

proptest! {
    #[test]
    fn the_reader_and_the_count_agree_on_any_text(text in "[a,\"\n\r^#\\\\]{0,40}") {
        for format in ["csv = {}", "csv = { quote = { character = '^' }, escape = '\\', comment = '#', header_row = 2 }", "ndjson = {}"] {
            let (read, counted) = both_counts(format, &text);
            let agree = read.zip(counted).is_none_or(|(read, counted)| read == counted);
            prop_assert!(agree, "{format}: {read:?} {counted:?}");
        }
    }
}
