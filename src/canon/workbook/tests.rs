//! Sheets as writers leave them: sparse, repeated, merged, cut.

use std::io::Write;

use zip::write::SimpleFileOptions;

use super::header::{Header, HeaderError, HeaderPlace, find};
use super::*;

/// Files as a zip archive.
fn archive(files: &[(&str, &str)]) -> Bytes {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in files {
        archive
            .start_file(*name, SimpleFileOptions::default())
            .unwrap();
        archive.write_all(text.as_bytes()).unwrap();
    }
    Bytes::from(archive.finish().unwrap().into_inner())
}

/// An ODS workbook with the given XML inside its only sheet, `S`.
fn ods(rows: &str) -> Bytes {
    let content = format!(
        r#"<?xml version="1.0"?><office:document-content><office:body><office:spreadsheet><table:table table:name="Altro"><table:table-row/></table:table><table:table table:name="S">{rows}</table:table></office:spreadsheet></office:body></office:document-content>"#
    );
    archive(&[
        ("mimetype", "application/vnd.oasis.opendocument.spreadsheet"),
        ("content.xml", &content),
    ])
}

/// A cell of text in ODS.
fn cell(attributes: &str, text: &str) -> String {
    format!(
        r#"<table:table-cell office:value-type="string" {attributes}><text:p>{text}</text:p></table:table-cell>"#
    )
}

/// The sheet of an ODS workbook.
fn sheet_of(rows: &str) -> Result<Sheet, Error> {
    Workbook::open(ods(rows)).unwrap().sheet("S")
}

/// Text as a cell.
fn text(text: &str) -> Data {
    Data::String(text.to_owned())
}

#[test]
fn repeated_rows_and_cells_are_written_out_and_empty_ones_are_not() {
    let rows = format!(
        r#"<table:table-row table:number-rows-repeated="3"><table:table-cell table:number-columns-repeated="16384"/></table:table-row><table:table-row table:number-rows-repeated="2"><table:table-cell table:number-columns-repeated="2"/>{}<table:table-cell office:value-type="float" office:value="1.5"/></table:table-row><table:table-row table:number-rows-repeated="1048571"><table:table-cell/></table:table-row>"#,
        cell(r#"table:number-columns-repeated="2""#, "a")
    );
    let sheet = sheet_of(&rows).unwrap();
    let cells = vec![(2, text("a")), (3, text("a")), (4, Data::Float(1.5))];
    let row = |number| Row {
        number,
        cells: cells.clone(),
    };
    assert_eq!(sheet.rows, [row(3), row(4)]);
    assert_eq!(sheet.get(4, 3), Some(&text("a")));
    assert_eq!(sheet.get(5, 3), None);
    assert_eq!(sheet.last_column(), Some(4));
}

#[test]
fn a_value_is_what_the_cell_shows_without_remarks_and_drawings() {
    let rows = r#"<table:table-row><table:table-cell office:value-type="string"><office:annotation><text:p>nota</text:p></office:annotation><text:p>a<text:s text:c="2"/>b &amp; <text:span>c</text:span></text:p><text:p>d</text:p></table:table-cell><table:table-cell office:value-type="date" office:date-value="2024-02-29"><text:p>29/02/24</text:p></table:table-cell><table:table-cell office:value-type="boolean" office:boolean-value="true"/><table:table-cell office:value-type="float" office:value="molti"/><table:table-cell calcext:value-type="error" office:value-type="string"><text:p>#REF!</text:p></table:table-cell></table:table-row>"#;
    let sheet = sheet_of(rows).unwrap();
    let values: Vec<_> = (0..5).map(|column| sheet.get(0, column).cloned()).collect();
    let expected = [
        text("a  b & c\nd"),
        Data::DateTimeIso("2024-02-29".to_owned()),
        Data::Bool(true),
        Data::Error(calamine::CellErrorType::Value),
        Data::Error(calamine::CellErrorType::NA),
    ];
    assert_eq!(values, expected.map(Some));
}

#[test]
fn a_sheet_that_is_cut_or_repeats_for_ever_is_an_error() {
    let open = "<table:table-row><table:table-cell office:value-type=\"string\"><text:p>a";
    let content = format!("<office:spreadsheet><table:table table:name=\"S\">{open}");
    let book = archive(&[
        ("mimetype", "application/vnd.oasis.opendocument.spreadsheet"),
        ("content.xml", &content),
    ]);
    let cut = Workbook::open(book).unwrap().sheet("S").unwrap_err();
    assert!(cut.to_string().contains("cannot be read"), "{cut}");
    let wide = cell(r#"table:number-columns-repeated="16384""#, "a");
    let endless = format!(
        r#"<table:table-row table:number-rows-repeated="1048576">{wide}</table:table-row>"#
    );
    let error = sheet_of(&endless).unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error}");
    let many = format!(
        r#"<table:table-row table:number-rows-repeated="4294967295">{}</table:table-row>"#,
        cell("", "a")
    );
    assert!(sheet_of(&many).is_err());
}

#[test]
fn merged_blocks_are_known_in_both_kinds() {
    let rows = format!(
        "<table:table-row>{}<table:covered-table-cell/>{}</table:table-row>",
        cell(
            r#"table:number-columns-spanned="2" table:number-rows-spanned="3""#,
            "a"
        ),
        cell("", "b")
    );
    let span = Span {
        rows: (0, 2),
        columns: (0, 1),
    };
    assert_eq!(sheet_of(&rows).unwrap().merged, [span]);
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet().set_name("S").unwrap();
    let style = rust_xlsxwriter::Format::new();
    sheet.merge_range(0, 0, 2, 1, "a", &style).unwrap();
    sheet.write(1_048_575, 16_383, "far").unwrap();
    let book = Workbook::open(book.save_to_buffer().unwrap().into()).unwrap();
    let sheet = book.sheet("S").unwrap();
    assert_eq!(sheet.merged, [span]);
    assert_eq!(sheet.rows.len(), 2);
    assert_eq!(sheet.get(1_048_575, 16_383), Some(&text("far")));
    assert_eq!(
        book.sheet("T").unwrap_err().to_string(),
        "the workbook has no sheet `T`, only `S`; correct `sheet`"
    );
}

#[test]
fn what_is_no_workbook_is_told_from_a_damaged_one() {
    let error = |bytes: Bytes| Workbook::open(bytes).err().unwrap();
    assert!(matches!(
        error(Bytes::from_static(b"id;nome\n")),
        Error::NotWorkbook { .. }
    ));
    assert!(matches!(
        error(archive(&[("a.csv", "a")])),
        Error::OtherKind
    ));
    let mut damaged = ods(&"<table:table-row/>".repeat(100)).to_vec();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0xff;
    assert!(Workbook::open(damaged.into()).is_err());
}

/// A sheet of texts by row.
fn texts(rows: &[&[&str]]) -> Sheet {
    let row = |(number, cells): (u32, &&[&str])| Row {
        number,
        cells: (0..)
            .zip(cells.iter())
            .filter(|(_, cell)| !cell.is_empty())
            .map(|(column, cell)| (column, text(cell)))
            .collect(),
    };
    Sheet {
        rows: (0..).zip(rows).map(row).collect(),
        merged: Vec::new(),
    }
}

/// The header of a sheet by the fields of a contract.
fn header(sheet: &Sheet, fields: &[&str]) -> Result<Header, HeaderError> {
    let fields: Vec<String> = fields.iter().map(|field| (*field).to_owned()).collect();
    let place = HeaderPlace {
        last: None,
        n_rows: 1,
    };
    find(sheet, place, &fields)
}

#[test]
fn a_header_is_the_row_in_which_the_fields_stand() {
    let sheet = texts(&[
        &["Elenco 2024"],
        &[""],
        &["id", " ore  svolte ", "note"],
        &["1", "2", "id"],
    ]);
    let found = header(&sheet, &["id", "ore svolte", "manca"]).unwrap();
    assert_eq!(found.below, 3);
    assert_eq!(found.names, ["id", "ore svolte", "note"]);
    assert_eq!(
        header(&sheet, &["id", "x", "y"]).unwrap_err(),
        HeaderError::Nowhere { n_fields: 3 }
    );
}

#[test]
fn two_rows_that_could_be_the_header_are_named() {
    let sheet = texts(&[&["id", "ore"], &["1", "2"], &["id", "ore"]]);
    assert_eq!(
        header(&sheet, &["id", "ore"]).unwrap_err().to_string(),
        "rows 1, 3 of the sheet could each be the header; declare `header_row`"
    );
}
