//! Contracts on small pages, and the laws that books must keep on any page.

use arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use arrow::datatypes::{Date32Type, Decimal128Type, Int64Type};
use proptest::prelude::*;

use super::*;
use crate::canon::comune::ComuneRow;

/// Key of the tests.
fn secret() -> PseudonymKey {
    PseudonymKey::new([7; 32])
}

/// A list of one comune.
fn comuni() -> ComuneIndex {
    ComuneIndex::new([ComuneRow {
        code: "098031".to_owned(),
        name: "Lodi".to_owned(),
        provincia: "LO".to_owned(),
        codice_catastale: "E648".to_owned(),
    }])
}

/// What an intake works with in tests.
fn tools<'c>(comuni: &'c ComuneIndex, key: &'c PseudonymKey) -> Tools<'c> {
    Tools {
        comuni,
        keys: KeyRing {
            key,
            person: key,
            epoch: 1,
        },
        limits: Limits {
            threads: 2,
            memory: 64 << 20,
            scratch: std::env::temp_dir(),
            block: BLOCK,
        },
    }
}

/// A page of tests as an intake takes it.
fn numbered(sequence: u64) -> PageRef<'static> {
    PageRef {
        sha256: "00",
        url: "pagina",
        sequence,
        delivery: 1,
    }
}

/// Text as the bytes of a page.
fn bytes(text: &str) -> Box<dyn Read + Send> {
    Box::new(std::io::Cursor::new(text.as_bytes().to_vec()))
}

/// A table brought to its contract.
#[derive(Debug)]
struct Conformed {
    /// Its rows, sorted by all their columns where the contract has a key.
    batch: RecordBatch,
    /// Refused rows.
    rejects: Vec<Reject>,
    /// What became of every row.
    books: Books,
}

/// Rows in the order of their columns from the left.
fn sorted(batch: &RecordBatch) -> RecordBatch {
    let columns: Vec<_> = batch
        .columns()
        .iter()
        .map(|column| arrow::compute::SortColumn {
            values: Arc::clone(column),
            options: None,
        })
        .collect();
    let order = arrow::compute::lexsort_to_indices(&columns, None).unwrap();
    arrow::compute::take_record_batch(batch, &order).unwrap()
}

/// Conforms pages by a contract written in TOML; pages have the given sequences.
fn conform(toml: &str, pages: &[(u64, &str)]) -> Conformed {
    let spec: TableSpec = toml::from_str(toml).unwrap();
    let (comuni, key) = (comuni(), secret());
    let table = TableRef {
        platform: "prova",
        name: "t",
        spec: &spec,
    };
    let mut intake = TableIntake::new(table, tools(&comuni, &key)).unwrap();
    for (sequence, text) in pages {
        intake.push_page(numbered(*sequence), bytes(text)).unwrap();
    }
    let settled = intake.settle(Absence::SaysNothing).unwrap();
    assert!(settled.books.are_closed(), "{:?}", settled.books);
    Conformed {
        batch: sorted(&settled.rows_of("all", HeldAs::Current)),
        rejects: settled.rejects.clone(),
        books: settled.books,
    }
}

/// Rules, fields and places of the rejects.
fn rejects(conformed: &Conformed) -> Vec<(&str, &str, u64)> {
    let rejects = conformed.rejects.iter();
    rejects
        .map(|reject| (reject.rule, reject.field.as_str(), reject.place))
        .collect()
}

/// A contract with a column of every kind.
const EVERY_KIND: &str = r#"
    key = ["id"]
    fetch.files = { url = "t.csv" }
    format.csv = { delimiter = ";" }
    [columns]
    id = { type = "record", required = true }
    chi = { type = "person", required = true }
    testo = { type = "text" }
    tipo = { type = "code", codes = { CERCO = "need", OFFRO = "offer" }, null = ["-"] }
    etichette = { type = "tags", separator = "," }
    data = { type = "date", format = "%d/%m/%Y" }
    scade = { type = "date", format = "%d/%m/%Y", not_before = "data" }
    alle = { type = "instant" }
    mese = { type = "month", format = "%m/%Y" }
    posti = { type = "integer", min = 1, max = 9 }
    costo = { type = "decimal", decimal = "comma" }
    voto = { type = "number", decimal = "comma" }
    chiuso = { type = "boolean" }
    durata = { type = "minutes" }
    comune = { type = "comune", required = true }
    categoria = { type = "text", from = "js", json = "dati.categoria" }
"#;

/// Header of pages of that contract.
const HEADER: &str =
    "id;chi;testo;tipo;etichette;data;scade;alle;mese;posti;costo;voto;chiuso;durata;comune;js\n";

#[test]
fn every_kind_of_value_is_typed() {
    let line = "1;A1; ciao ;CERCO;B, a,,b;29/02/2024;01/03/2024;2024-02-29T12:00:00Z;02/2024;3;1.234,50;4,5;sì;1h30;Lodi (LO);{\"dati\":{\"categoria\":\"PASTI\"}}\n";
    let conformed = conform(EVERY_KIND, &[(0, &format!("{HEADER}{line}"))]);
    assert_eq!(rejects(&conformed), []);
    let batch = &conformed.batch;
    let text = |name: &str| {
        batch
            .column_by_name(name)
            .unwrap()
            .as_string::<i32>()
            .value(0)
            .to_owned()
    };
    assert_eq!(text("testo"), "ciao");
    assert_eq!(text("tipo"), "need");
    assert_eq!(text("etichette"), "a|b");
    assert_eq!(text("comune"), "098031");
    assert_eq!(text("categoria"), "PASTI");
    let days = batch
        .column_by_name("mese")
        .unwrap()
        .as_primitive::<Date32Type>();
    assert_eq!(days.value(0), 19_754);
    let cents = batch
        .column_by_name("costo")
        .unwrap()
        .as_primitive::<Decimal128Type>();
    assert_eq!(cents.value(0), 123_450);
    let minutes = batch
        .column_by_name("durata")
        .unwrap()
        .as_primitive::<Int64Type>();
    assert_eq!(minutes.value(0), 90);
    let key = batch.column_by_name("chi").unwrap().as_binary::<i32>();
    assert_eq!(key.value(0), secret().key("person", "prova", 1, "A1"));
    let id = batch.column_by_name("id").unwrap().as_binary::<i32>();
    assert_eq!(id.value(0), secret().key("record", "prova", 0, "1"));
    let names: Vec<_> = batch
        .schema()
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect();
    assert_eq!(names.first().map(String::as_str), Some("alle"));
    assert_eq!(names.last().map(String::as_str), Some(REVISION_COLUMN));
}

#[test]
fn a_row_that_breaks_its_contract_is_refused_with_rule_field_and_place() {
    let cases = [
        ("1;;;;;;;;;;;;;;Lodi;", ("missing_required", "chi")),
        (
            "1;A;cell. 347 1234567;;;;;;;;;;;;Lodi;",
            ("identifier_phone", "testo"),
        ),
        ("1;A;;BOH;;;;;;;;;;;Lodi;", ("unknown_code", "tipo")),
        ("1;A;;;;31/02/2024;;;;;;;;;Lodi;", ("bad_date", "data")),
        (
            "1;A;;;;02/03/2024;01/03/2024;;;;;;;;Lodi;",
            ("date_order", "scade"),
        ),
        ("1;A;;;;;;domani;;;;;;;Lodi;", ("bad_instant", "alle")),
        ("1;A;;;;;;;13/2024;;;;;;Lodi;", ("bad_month", "mese")),
        ("1;A;;;;;;;;tanti;;;;;Lodi;", ("bad_integer", "posti")),
        ("1;A;;;;;;;;10;;;;;Lodi;", ("out_of_range", "posti")),
        ("1;A;;;;;;;;;12.5;;;;Lodi;", ("bad_decimal", "costo")),
        ("1;A;;;;;;;;;;dieci;;;Lodi;", ("bad_number", "voto")),
        ("1;A;;;;;;;;;;;forse;;Lodi;", ("bad_boolean", "chiuso")),
        ("1;A;;;;;;;;;;;;un paio;Lodi;", ("bad_minutes", "durata")),
        (
            "1;A;;;;;;;;;;;;;Borgo Immaginario;",
            ("unknown_comune", "comune"),
        ),
        (
            "1;A;;;;;;;;;;;;;Lodi;{\"dati\":",
            ("invalid_json", "categoria"),
        ),
        ("1;A", ("ragged_row", "")),
    ];
    for (line, (rule, field)) in cases {
        let conformed = conform(EVERY_KIND, &[(0, &format!("{HEADER}{line}\n"))]);
        assert_eq!(rejects(&conformed), [(rule, field, 2)], "{line}");
    }
}

#[test]
fn no_value_is_a_value_only_where_it_is_declared() {
    let line = "1;A;;-;;;;;;;;;;;Lodi;\n";
    let conformed = conform(EVERY_KIND, &[(0, &format!("{HEADER}{line}"))]);
    assert_eq!(conformed.books.accepted, 1);
    for name in ["testo", "tipo", "etichette", "data", "categoria"] {
        assert!(
            conformed.batch.column_by_name(name).unwrap().is_null(0),
            "{name}"
        );
    }
}

#[test]
fn a_typed_value_is_judged_like_its_text() {
    let toml = r#"
        fetch.files = { url = "t.ndjson" }
        format.ndjson = {}
        [columns]
        anni = { type = "integer", null = ["-1"] }
        costo = { type = "decimal", decimal = "comma" }
        livello = { type = "code", codes = { "3" = "three" } }
        chi = { type = "person" }
    "#;
    let page = "{\"anni\":-1,\"costo\":12.5,\"livello\":3,\"chi\":7}\n{\"anni\":2,\"chi\":\"7\"}\n{\"anni\":2.5}\n{\"chi\":{}}\n";
    let conformed = conform(toml, &[(0, page)]);
    let column = |name: &str| conformed.batch.column_by_name(name).unwrap();
    assert!(column("anni").is_null(0));
    assert_eq!(column("anni").as_primitive::<Int64Type>().value(1), 2);
    assert_eq!(
        column("costo").as_primitive::<Decimal128Type>().value(0),
        1250
    );
    assert_eq!(column("livello").as_string::<i32>().value(0), "three");
    let who = column("chi").as_binary::<i32>();
    assert_eq!(who.value(0), who.value(1));
    let rules = [("bad_integer", "anni", 3), ("unreadable_value", "chi", 4)];
    assert_eq!(rejects(&conformed), rules);
}

#[test]
fn ids_that_share_a_number_do_not_become_one() {
    let toml = r#"
        key = ["id"]
        fetch.files = { url = "t.ndjson" }
        format.ndjson = {}
        [columns]
        id = { type = "record", required = true }
        nota = { type = "text" }
    "#;
    let ids = [
        "18446744073709551614",
        "18446744073709551615",
        "123456789012345678901",
        "123456789012345678902",
        "1.25",
        "2.0",
        "\"123456789012345678901\"",
    ];
    let page: String = ids.map(|id| format!("{{\"id\":{id}}}\n")).concat();
    let page = format!("{page}{{\"id\":8,\"nota\":123456789012345678901}}\n");
    let conformed = conform(toml, &[(0, &page)]);
    assert_eq!(conformed.books.accepted, 4);
    let rules = [
        ("inexact_number", "id", 3),
        ("inexact_number", "id", 4),
        ("inexact_number", "id", 5),
        ("inexact_number", "nota", 8),
    ];
    assert_eq!(rejects(&conformed), rules);
}

#[test]
fn a_number_that_is_none_is_no_value() {
    let toml = r#"
        fetch.files = { url = "t.parquet" }
        format.parquet = {}
        [columns]
        chi = { type = "person" }
        ore = { type = "number" }
    "#;
    let numbers = || Arc::new(Float64Array::from(vec![7.0, f64::NAN, f64::INFINITY])) as ArrayRef;
    let batch = RecordBatch::try_from_iter([("chi", numbers()), ("ore", numbers())]).unwrap();
    let mut writer =
        ::parquet::arrow::ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    let page = writer.into_inner().unwrap();
    let spec: TableSpec = toml::from_str(toml).unwrap();
    let (comuni, key) = (comuni(), secret());
    let table = TableRef {
        platform: "prova",
        name: "t",
        spec: &spec,
    };
    let mut intake = TableIntake::new(table, tools(&comuni, &key)).unwrap();
    intake
        .push_page(numbered(0), Box::new(std::io::Cursor::new(page)))
        .unwrap();
    let settled = intake.settle(Absence::SaysNothing).unwrap();
    assert_eq!((settled.books.accepted, settled.books.rejected), (2, 1));
    let reject = settled.rejects.first().unwrap();
    assert_eq!(
        (reject.rule, reject.field.as_str()),
        ("inexact_number", "chi")
    );
    let batch = sorted(&settled.rows_of("all", HeldAs::Current));
    let n_nulls = |name: &str| batch.column_by_name(name).unwrap().null_count();
    assert_eq!([n_nulls("chi"), n_nulls("ore")], [1, 1]);
}

/// A contract with revisions and deletions.
const REVISED: &str = r#"
    key = ["id"]
    revision = "rev"
    deleted = "via"
    fetch.files = { url = "t.ndjson" }
    format.ndjson = {}
    [columns]
    id = { type = "record", required = true }
    rev = { type = "integer", required = true }
    via = { type = "boolean" }
    ore = { type = "decimal", required = true }
"#;

#[test]
fn revisions_duplicates_and_deletions_are_settled() {
    let pages = [
        (
            0,
            "{\"id\":1,\"rev\":1,\"ore\":1}\n{\"id\":2,\"rev\":1,\"ore\":1}\n{\"id\":3,\"rev\":1,\"ore\":9}\n",
        ),
        (
            1,
            "{\"id\":1,\"rev\":2,\"ore\":2.5}\n{\"id\":2,\"rev\":2,\"via\":true}\n{\"id\":3,\"rev\":1,\"ore\":9.0}\n{\"id\":4,\"rev\":1}\n",
        ),
    ];
    let conformed = conform(REVISED, &pages);
    let books = Books {
        n_rows: 7,
        accepted: 2,
        rejected: 1,
        duplicate: 1,
        superseded: 1,
        erased: 2,
    };
    assert_eq!(conformed.books, books);
    let hours = conformed
        .batch
        .column_by_name("ore")
        .unwrap()
        .as_primitive::<Decimal128Type>();
    let mut hours: Vec<_> = hours.values().to_vec();
    hours.sort_unstable();
    assert_eq!(hours, [250, 900]);
    assert_eq!(rejects(&conformed), [("missing_required", "ore", 4)]);
}

#[test]
fn a_page_that_cannot_be_read_leaves_everything_as_it_was() {
    let toml = REVISED.replace("format.ndjson = {}", "format.json = { records = 'x' }");
    let spec: TableSpec = toml::from_str(&toml).unwrap();
    let (comuni, key) = (comuni(), secret());
    let table = TableRef {
        platform: "prova",
        name: "t",
        spec: &spec,
    };
    let mut intake = TableIntake::new(table, tools(&comuni, &key)).unwrap();
    let cut = bytes(r#"{"x":[{"id":1,"rev":1,"ore":1},"#);
    let error = intake.push_page(numbered(0), cut).unwrap_err();
    assert_eq!(error.to_string(), "cannot read page `pagina`");
    let settled = intake.settle(Absence::SaysNothing).unwrap();
    assert_eq!(settled.books, Books::default());
}

/// A row of the properties: record, revision, whether it is a tombstone or broken, content.
type Draw = (u8, u8, u8, u8);

/// A row as a line.
fn line(draw: Draw) -> String {
    let (id, revision, fate, content) = draw;
    match fate {
        0 => format!("{{\"id\":{id},\"rev\":{revision},\"via\":true}}\n"),
        1 => format!("{{\"id\":{id},\"rev\":\"x\",\"ore\":1}}\n"),
        2 => format!("{{\"id\":{id},\n"),
        _ => format!("{{\"id\":{id},\"rev\":{revision},\"ore\":{content}}}\n"),
    }
}

/// Pages of two rows each.
fn pages(draws: &[Draw]) -> Vec<String> {
    draws
        .chunks(2)
        .map(|pair| pair.iter().copied().map(line).collect())
        .collect()
}

proptest! {
    #[test]
    fn every_row_is_in_exactly_one_account(draws in proptest::collection::vec((0..6u8, 0..4u8, 0..9u8, 0..3u8), 0..60)) {
        let pages = pages(&draws);
        let numbered: Vec<_> = (0..).zip(pages.iter().map(String::as_str)).collect();
        let conformed = conform(REVISED, &numbered);
        prop_assert!(conformed.books.are_closed());
        prop_assert_eq!(conformed.books.n_rows, u64::try_from(draws.len()).unwrap());
        prop_assert_eq!(conformed.books.accepted, u64::try_from(conformed.batch.num_rows()).unwrap());
        prop_assert_eq!(conformed.books.rejected, u64::try_from(conformed.rejects.len()).unwrap());
    }

    #[test]
    fn the_order_of_pages_does_not_matter_where_revisions_tell(draws in proptest::collection::vec((0..6u8, 0..9u8, 0..9u8), 0..40)) {
        // One content per revision, as platforms that number their revisions have it.
        let draws: Vec<Draw> = draws.into_iter().map(|(id, revision, fate)| (id, revision, fate.max(1), revision)).collect();
        let pages = pages(&draws);
        let forward: Vec<_> = (0..).zip(pages.iter().map(String::as_str)).collect();
        let backward: Vec<_> = (0..).zip(pages.iter().rev().map(String::as_str)).collect();
        let (one, other) = (conform(REVISED, &forward), conform(REVISED, &backward));
        prop_assert_eq!(one.batch, other.batch);
        prop_assert_eq!(one.books, other.books);
    }

    #[test]
    fn pages_pushed_in_any_order_give_the_same_table(draws in proptest::collection::vec((0..6u8, 0..4u8, 0..9u8, 0..3u8), 0..40)) {
        let pages = pages(&draws);
        let mut numbered: Vec<_> = (0..).zip(pages.iter().map(String::as_str)).collect();
        let one = conform(REVISED, &numbered);
        numbered.reverse();
        let other = conform(REVISED, &numbered);
        prop_assert_eq!(one.batch, other.batch);
        prop_assert_eq!(one.books, other.books);
        prop_assert_eq!(one.rejects, other.rejects);
    }
}
