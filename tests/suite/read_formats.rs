//! An operator reads files as platforms really hand them over.

use std::io::{Cursor, Write};

use crate::commons::{Answer, Commons};

/// A contract of one table; `FORMAT` and `FILE` are filled in.
const CONTRACT: &str = r#"title = { it = "Prova", en = "Trial" }

[agreement]
license = "test: invented records"

[limits]
max_rejected_pct = 100.0

[tables.sedi]
key = ["id"]
fetch.files = { url = "data/FILE" }
FORMAT

[tables.sedi.columns]
id = { type = "record", required = true }
nome = { type = "text", required = true, identifiers = "bodies" }
comune = { type = "comune", required = true }
posti = { type = "integer" }
"#;

/// A mapping of that table.
const MAPPING: &str = r#"/* model
description.it = "Sedi di prova."
description.en = "Trial places."
into = "places"
*/
select
    id as place_id,
    nome as name,
    comune as comune_code,
    posti as n_activities
from source.prova__sedi
"#;

/// A commons with one more platform, whose only page is given.
fn with_page(format: &str, file: &str, page: Vec<u8>) -> Commons {
    let folder = Commons::empty();
    folder.antenne(&["init", "ours"]).expect_code(0);
    let contract = CONTRACT.replace("FORMAT", format).replace("FILE", file);
    folder.write("ours/pipelines/sources/prova.toml", contract);
    folder.write("ours/sql/conformed/prova__sedi.sql", MAPPING);
    let path = folder.path(&format!("ours/data/{file}"));
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, page).unwrap();
    folder
}

/// Runs a command in the commons.
fn ours(folder: &Commons, words: &[&str]) -> Answer {
    folder.antenne(&[words, &["--commons", "ours"]].concat())
}

/// Fetches and conforms the platform; answers a query.
fn conformed(folder: &Commons, sql: &str) -> Vec<String> {
    ours(folder, &["check"]).expect_code(0);
    ours(folder, &["acquire", "--source", "prova"]).expect_code(0);
    ours(folder, &["conform", "--source", "prova"]).expect_code(0);
    asked(folder, sql)
}

/// The rows of an answer, without its header.
fn asked(folder: &Commons, sql: &str) -> Vec<String> {
    let answer = ours(folder, &["query", "--private", sql, "--format", "csv"]);
    let text = answer.expect_code(0).text();
    text.lines().skip(1).map(str::to_owned).collect()
}

/// Places and the books of the platform.
const PLACES: &str = "select name, comune_code, n_activities from conformed.places where platform = 'prova' order by name";

/// The books of the platform.
const BOOKS: &str =
    "select source_count, accepted, rejected from conformed.books where platform = 'prova'";

/// What every page of these tests holds.
const EXPECTED: [&str; 2] = ["Caffè Però,098031,7", "Sala civica,098019,"];

#[test]
fn text_in_any_encoding_delimiter_and_quote_is_read() {
    let text = "Elenco delle sedi\n\nid\tnome\tcomune\tposti\n# da verificare\nS1\t'Caffè Però'\tLodi\t7\nS2\tSala civica\tCodogno\n";
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let latin = encoded_latin(text);
    let format = "format.csv = { delimiter = \"\\t\", quote = \"single\", comment = \"#\", header_row = 3, ragged = \"pad\", encoding = \"detect\" }";
    for page in [text.as_bytes().to_vec(), wide, latin] {
        let folder = with_page(format, "sedi.txt", page);
        assert_eq!(conformed(&folder, PLACES), EXPECTED);
        assert_eq!(asked(&folder, BOOKS), ["2,2,0"]);
    }
}

/// Text in windows-1252, of which it must be made.
fn encoded_latin(text: &str) -> Vec<u8> {
    text.chars()
        .map(|letter| u8::try_from(u32::from(letter)).unwrap())
        .collect()
}

#[test]
fn a_file_in_a_zip_archive_among_others_is_named() {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in [
        ("leggimi.txt", "ciao"),
        (
            "dati/sedi.csv",
            "id,nome,comune,posti\nS1,Caffè Però,Lodi,7\nS2,Sala civica,Codogno,\n",
        ),
    ] {
        let options = zip::write::SimpleFileOptions::default();
        archive.start_file(name, options).unwrap();
        archive.write_all(text.as_bytes()).unwrap();
    }
    let page = archive.finish().unwrap().into_inner();
    let format = "format.csv = { entry = \"dati/sedi.csv\" }";
    let folder = with_page(format, "sedi.zip", page.clone());
    assert_eq!(conformed(&folder, PLACES), EXPECTED);
    assert_eq!(asked(&folder, BOOKS), ["2,2,0"]);

    let folder = with_page("format.csv = {}", "sedi.zip", page);
    ours(&folder, &["acquire", "--source", "prova"]).expect_code(0);
    let answer = ours(&folder, &["conform", "--source", "prova"]).expect_code(4);
    assert!(
        answer.said.contains("name one of them with `entry`"),
        "{}",
        answer.said
    );
}

#[test]
fn every_coerced_cell_of_a_sheet_is_listed_with_its_place() {
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet().set_name("Sedi").unwrap();
    let date = rust_xlsxwriter::Format::new().set_num_format("dd/mm/yyyy");
    sheet.write(0, 0, "Elenco delle sedi").unwrap();
    for (column, name) in ["id", "nome", "comune", "posti"].iter().enumerate() {
        let column = u16::try_from(column).unwrap();
        sheet.write(3, column, *name).unwrap();
    }
    for (row, id) in [(4, "S1"), (5, "S2")] {
        sheet.write(row, 0, id).unwrap();
    }
    sheet.write(4, 1, "Caffè Però").unwrap();
    sheet.write(4, 2, "Lodi").unwrap();
    sheet.write(4, 3, "7").unwrap();
    sheet.write_with_format(5, 1, 45_351, &date).unwrap();
    sheet.write(5, 2, 98_019).unwrap();
    sheet.write(6, 0, 3).unwrap();
    sheet.write(6, 1, "Sala civica").unwrap();
    sheet.write(6, 2, "Codogno").unwrap();
    let page = book.save_to_buffer().unwrap();
    let folder = with_page("format.sheet = { sheet = \"Sedi\" }", "sedi.xlsx", page);
    let cells = "select cell, field, rule from conformed.coercions where platform = 'prova' order by row, cell";
    let expected = [
        "D5,posti,text_for_number",
        "B6,nome,date_for_text",
        "C6,comune,number_for_text",
        "A7,id,number_for_text",
    ];
    assert_eq!(conformed(&folder, cells), expected);
    let first = asked(&folder, "select count(*) as n from conformed.coercions");
    ours(&folder, &["conform", "--source", "prova"]).expect_code(0);
    assert_eq!(
        asked(&folder, "select count(*) as n from conformed.coercions"),
        first
    );
}

#[test]
fn a_quote_too_many_lets_no_record_of_others_into_a_text() {
    let good = "S1,Sala,Lodi,7\n";
    for (lines, rule) in [
        ("S2,\"Bar,Lodi,1\nS3,Orto,Lodi,2\n", "open_quote"),
        ("S2,\"Bar\" nord,Lodi,1\n", "text_after_quote"),
        (
            "S2,\"Bar,Lodi,1\nS3,Orto,Lodi,2\nS4,Bar\",Lodi,1\n",
            "swallowed_lines",
        ),
    ] {
        let page = format!("id,nome,comune,posti\n{good}{lines}");
        let folder = with_page("format.csv = {}", "sedi.csv", page.into_bytes());
        assert_eq!(conformed(&folder, PLACES), ["Sala,098031,7"]);
        let books = asked(&folder, BOOKS);
        assert!(books[0].ends_with("1,1"), "{books:?}");
        let list = ours(&folder, &["rejects", "show", "--format", "json"]);
        let list = list.expect_code(0).json();
        assert_eq!(list[0]["rule"], rule, "{list}");
        assert_eq!(list[0]["place"], 3, "{list}");
    }
}

#[test]
fn a_column_of_the_contract_that_stands_twice_is_refused_by_its_name() {
    let page = "id,nome,comune,nome\nS1,Sala,Lodi,Bar\n";
    let folder = with_page("format.csv = {}", "sedi.csv", page.into());
    ours(&folder, &["acquire", "--source", "prova"]).expect_code(0);
    let answer = ours(&folder, &["conform", "--source", "prova"]).expect_code(4);
    for word in ["sedi.csv", "`nome` more than once", "renamed"] {
        assert!(answer.said.contains(word), "{}", answer.said);
    }
}

#[test]
fn columns_that_nobody_asked_for_and_share_a_name_are_told_stopped_or_kept() {
    let page = "id,nome,comune,posti,Nota,nota,v,v\nS1,Sala,Lodi,7,a,b,c,d\n";
    let folder = with_page("format.csv = {}", "sedi.csv", page.into());
    ours(&folder, &["acquire", "--source", "prova"]).expect_code(0);
    let contract = "ours/pipelines/sources/prova.toml";
    let report = ["conform", "--source", "prova", "--format", "json"];
    let told = |code: i32, outcome: &str| {
        let report = ours(&folder, &report).expect_code(code).json();
        let drift = report["drift"].as_array().unwrap();
        let columns: Vec<_> = drift.iter().map(|drift| drift["column"].clone()).collect();
        assert_eq!(columns, ["Nota", "nota", "v", "v (2)"], "{report}");
        assert!(drift.iter().all(|drift| drift["outcome"] == outcome));
    };
    told(0, "discarded");
    folder.edit(
        contract,
        "key = [\"id\"]",
        "contract = \"freeze\"\nkey = [\"id\"]",
    );
    told(4, "stopped");
    folder.edit(contract, "\"freeze\"", "\"evolve\"");
    told(0, "kept");
    let kept = "select x_nota, x_nota_2, x_v, x_v_2 from source.prova__sedi";
    assert_eq!(asked(&folder, kept), ["a,b,c,d"]);
    let before = folder.files("ours/lake/source");
    told(0, "kept");
    assert_eq!(folder.files("ours/lake/source"), before);
}
