//! Workbooks of both kinds without a person, cell by cell.

use calamine::Data;

use super::super::tests::{without, without_id};
use super::*;
use crate::canon::workbook::Workbook;

/// The declared sheet.
const SHEET: &str = "format.sheet = { sheet = \"S\" }";

/// An XLSX workbook of two sheets, of which the first is declared, and a list of texts.
fn xlsx(sheets: [&str; 2], texts: &[&str]) -> Vec<u8> {
    let part = |name: &str, xml: String| (name.to_owned(), xml.into_bytes());
    let sheet = |rows: &str| {
        format!(
            "<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheetData>{rows}</sheetData></worksheet>"
        )
    };
    let links = |links: &str| {
        format!(
            "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">{links}</Relationships>"
        )
    };
    let link = |id: &str, kind: &str, target: &str| {
        format!(
            "<Relationship Id=\"{id}\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/{kind}\" Target=\"{target}\"/>"
        )
    };
    let texts: Vec<String> = texts
        .iter()
        .map(|text| format!("<si><t>{text}</t></si>"))
        .collect();
    let texts = texts.concat();
    zipped(&[
        part("[Content_Types].xml", "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"><Default Extension=\"xml\" ContentType=\"application/xml\"/></Types>".to_owned()),
        part("_rels/.rels", links(&link("r1", "officeDocument", "xl/workbook.xml"))),
        part("xl/workbook.xml", "<workbook xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"><sheets><sheet name=\"S\" sheetId=\"1\" r:id=\"r1\"/><sheet name=\"T\" sheetId=\"2\" r:id=\"r2\"/></sheets></workbook>".to_owned()),
        part("xl/_rels/workbook.xml.rels", links(&[
            link("r1", "worksheet", "worksheets/sheet1.xml"),
            link("r2", "worksheet", "worksheets/sheet2.xml"),
            link("r3", "sharedStrings", "sharedStrings.xml"),
        ].concat())),
        part("xl/sharedStrings.xml", format!("<sst xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\">{texts}</sst>")),
        part("xl/worksheets/sheet1.xml", sheet(sheets[0])),
        part("xl/worksheets/sheet2.xml", sheet(sheets[1])),
    ])
    .unwrap()
}

/// A row of an XLSX sheet of inline texts; what begins with `<` is a cell of its own.
fn row(cells: &[&str]) -> String {
    let cell = |cell: &&str| {
        if cell.starts_with('<') {
            (*cell).to_owned()
        } else {
            format!("<c t=\"inlineStr\"><is><t>{cell}</t></is></c>")
        }
    };
    format!("<row>{}</row>", cells.iter().map(cell).collect::<String>())
}

/// An ODS workbook whose only sheet has these rows.
fn ods(rows: &str) -> Vec<u8> {
    let part = |name: &str, text: String| (name.to_owned(), text.into_bytes());
    zipped(&[
        part("mimetype", "application/vnd.oasis.opendocument.spreadsheet".to_owned()),
        part("content.xml", format!("<office:document-content xmlns:office=\"o\" xmlns:table=\"t\" xmlns:text=\"x\"><office:body><office:spreadsheet><table:table table:name=\"S\"><table:table-column/>{rows}</table:table></office:spreadsheet></office:body></office:document-content>")),
    ])
    .unwrap()
}

/// A row of an ODS sheet; what begins with `<` is a cell of its own.
fn ods_row(attributes: &str, cells: &[&str]) -> String {
    let cell = |cell: &&str| {
        if cell.starts_with('<') {
            (*cell).to_owned()
        } else {
            format!(
                "<table:table-cell office:value-type=\"string\"><text:p>{cell}</text:p></table:table-cell>"
            )
        }
    };
    let cells: String = cells.iter().map(cell).collect();
    format!("<table:table-row{attributes}>{cells}</table:table-row>")
}

/// Texts of the cells of a sheet that hold something, by row.
fn cells(book: &[u8], sheet: &str) -> Vec<String> {
    let book = Workbook::open(Bytes::copy_from_slice(book)).unwrap();
    let sheet = book.sheet(sheet).unwrap();
    let text = |(column, cell): &(u32, Data)| format!("{column}={cell}");
    let rows = sheet.rows.iter().map(|row| {
        let cells: Vec<String> = row.cells.iter().map(text).collect();
        format!("{}: {}", row.number, cells.join(" "))
    });
    rows.collect()
}

/// All XML of a workbook.
fn all_xml(book: &[u8]) -> String {
    let parts = parts(&Bytes::copy_from_slice(book)).unwrap();
    parts
        .iter()
        .map(|(_, xml)| String::from_utf8_lossy(xml).into_owned())
        .collect()
}

/// Counts of a page that was rewritten.
fn counts(done: &Rewritten) -> [u64; 3] {
    [done.n_dropped, done.n_blanked, done.n_mentions]
}

#[test]
fn rows_of_an_ods_sheet_are_emptied_and_keep_their_numbers() {
    let page = ods(&[
        ods_row("", &["n", "who", "with", "note"]),
        ods_row("", &["1", "C0042", "", "of hers"]),
        ods_row(
            " table:number-rows-repeated=\"2\"",
            &["2", "C1", "C0042", "kept"],
        ),
        ods_row(
            " table:number-rows-repeated=\"3\"",
            &["3", "C0042", "", "of hers"],
        ),
        ods_row("", &["4", "C2", "", "too"]),
    ]
    .concat());
    let done = without(SHEET, &page).unwrap();
    assert_eq!(counts(&done), [4, 2, 0]);
    let left = cells(&done.bytes, "S");
    let expected = [
        "0: 0=n 1=who 2=with 3=note",
        "2: 0=2 1=C1 3=kept",
        "3: 0=2 1=C1 3=kept",
        "7: 0=4 1=C2 3=too",
    ];
    assert_eq!(left, expected);
    let xml = all_xml(&done.bytes);
    assert!(!xml.contains("C0042") && !xml.contains("of hers"), "{xml}");
}

#[test]
fn one_ods_element_for_several_cells_is_divided() {
    let same = "<table:table-cell office:value-type=\"string\" table:number-columns-repeated=\"3\"><text:p>C0042-7</text:p></table:table-cell>";
    let two = "<table:table-cell office:value-type=\"string\" table:number-columns-repeated=\"2\"><text:p>C0042</text:p></table:table-cell>";
    let page = ods(&[
        ods_row("", &["n", "who", "note", "more"]),
        ods_row("", &["1", same]),
        ods_row("", &["2", "C1", two]),
        "<table:table-row><table:table-cell table:number-columns-repeated=\"2\"/><table:covered-table-cell office:value-type=\"string\"><office:annotation><text:p>by C0042</text:p></office:annotation><text:p>k</text:p></table:covered-table-cell></table:table-row>".to_owned(),
    ]
    .concat());
    let done = without(SHEET, &page).unwrap();
    assert_eq!(counts(&done), [0, 0, 5]);
    let left = cells(&done.bytes, "S");
    let expected = [
        "0: 0=n 1=who 2=note 3=more",
        "1: 0=1 1=C0042-7 2=-7 3=-7",
        "2: 0=2 1=C1 2=[erased] 3=[erased]",
        "3: 2=k",
    ];
    assert_eq!(left, expected);
    assert!(!all_xml(&done.bytes).contains("by C0042"));
}

#[test]
fn ids_of_others_that_hold_the_same_signs_stay_whole() {
    let shared = |place: u32| format!("<c t=\"s\"><v>{place}</v></c>");
    let split = "<c t=\"inlineStr\"><is><r><t>C00</t></r><r><t>42 &amp; co</t></r></is></c>";
    let formula = "<c t=\"str\"><f>\"C0042\"&amp;\"-2\"</f><v>C0042-2</v></c>";
    let page = xlsx(
        [
            &[
                row(&["list for C0042"]),
                row(&["n", "who", "with", "note", "extra"]),
                row(&["C0042", "C0042-2", "", &shared(0), split]),
                row(&["2", &shared(1), formula, &shared(1), "x"]),
                row(&["3", "C0042", "", &shared(0), &shared(2)]),
            ]
            .concat(),
            &row(&["C0042", "other", &shared(0)]),
        ],
        &["see C0042", "C0042-2", "only of hers"],
    );
    let done = without("format.sheet = { sheet = \"S\", header_row = 2 }", &page).unwrap();
    assert_eq!([done.n_dropped, done.n_blanked], [1, 0]);
    let left = cells(&done.bytes, "S");
    let expected = [
        "0: 0=list for ",
        "1: 0=n 1=who 2=with 3=note 4=extra",
        "2: 0=C0042 1=C0042-2 2= 3=see  4= & co",
        "3: 0=2 1=C0042-2 2=C0042-2 3=-2 4=x",
    ];
    assert_eq!(left, expected);
    assert_eq!(cells(&done.bytes, "T"), ["0: 0=[erased] 1=other 2=see "]);
    let xml = all_xml(&done.bytes);
    assert!(
        !xml.contains("only of hers") && !xml.contains("see C0042"),
        "{xml}"
    );
    assert!(!xml.contains("<f>"), "{xml}");
}

#[test]
fn a_person_leaves_its_own_column_and_equal_numbers_stay() {
    let number = "<c><v>12</v></c>";
    let page = xlsx(
        [
            &[
                row(&["n", "who", "with", "note"]),
                row(&[number, "C9", number, "12"]),
                row(&[number, "12", "", "12"]),
            ]
            .concat(),
            "",
        ],
        &[],
    );
    let done = without_id(SHEET, &page, "12").unwrap();
    assert_eq!(counts(&done), [1, 1, 0]);
    let left = cells(&done.bytes, "S");
    assert_eq!(left, ["0: 0=n 1=who 2=with 3=note", "1: 0=12 1=C9 3=12"]);
}

#[test]
fn a_record_of_nothing_but_the_id_stays_with_a_mark() {
    let page = xlsx(
        [
            &[
                row(&["n", "who", "with", "note"]),
                row(&["", "", "", "C0042"]),
                row(&["1", "C1", "", ""]),
            ]
            .concat(),
            "",
        ],
        &[],
    );
    let done = without(SHEET, &page).unwrap();
    assert_eq!(counts(&done), [0, 0, 1]);
    assert!(!all_xml(&done.bytes).contains("C0042"));
}

#[test]
fn a_workbook_without_the_declared_sheet_loses_the_id_alone() {
    let page = xlsx([&row(&["who", "C0042", "C1"]), ""], &[]);
    let done = without("format.sheet = { sheet = \"U\" }", &page).unwrap();
    assert_eq!(counts(&done), [0, 0, 1]);
    assert_eq!(cells(&done.bytes, "S"), ["0: 0=who 1=[erased] 2=C1"]);
}

#[test]
fn a_page_with_other_records_than_expected_is_refused() {
    let judged = |verdict: Verdict, n_rows: usize| Read::of_rows(vec![verdict; n_rows]);
    let before = judged(Verdict::Keep, 3);
    let refusal = |left: &Read| check(&before, left, 1).map_err(|error| error.to_string());
    assert_eq!(refusal(&judged(Verdict::Keep, 2)), Ok(()));
    assert!(
        refusal(&judged(Verdict::Keep, 3))
            .unwrap_err()
            .contains("another number of records")
    );
    assert!(
        refusal(&judged(Verdict::Drop, 2))
            .unwrap_err()
            .contains("the person would still")
    );
}
