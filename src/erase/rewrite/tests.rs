//! Pages of every format without a person.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray};
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use rust_xlsxwriter::Workbook;

use super::*;
use crate::canon::pseudonym::{PersonKeys, PseudonymKey};
use crate::erase::forms::Forms;
use crate::erase::subjects::Marks;
use crate::spec::source::TableSpec;

/// The person to take out.
const ID: &str = "C0042";

/// A contract with a person that must be there, one that may, and a text.
const COLUMNS: &str = r#"
[columns]
n = { type = "integer" }
who = { type = "person", required = true }
with = { type = "person" }
note = { type = "text" }
"#;

/// Rewrites a page of a format.
pub(super) fn without(format: &str, page: &[u8]) -> Option<Rewritten> {
    without_id(format, page, ID)
}

/// Rewrites a page of a format without a person.
pub(super) fn without_id(format: &str, page: &[u8], id: &str) -> Option<Rewritten> {
    let declared = format!("fetch.files = {{ url = \"x\" }}\n{format}\n{COLUMNS}");
    let table: TableSpec = toml::from_str(&declared).unwrap();
    let keys = PersonKeys::new(PseudonymKey::new([7; 32]), BTreeMap::new(), 1);
    let marks = Marks {
        keys: &keys,
        platform: "p",
    };
    let suppressed = BTreeSet::from([marks.of_id("person", id)]);
    let forms = Forms::new(&BTreeSet::from([id.to_owned()]), &BTreeSet::new()).unwrap();
    let judge = Judge::new(&table, marks, &suppressed, Some(&forms));
    rewrite(&table.format, &judge, &Bytes::copy_from_slice(page)).unwrap()
}

/// The rewritten page as text and its counts.
fn text_without(format: &str, page: &str) -> (String, [u64; 3]) {
    let done = without(format, page.as_bytes()).unwrap();
    let counts = [done.n_dropped, done.n_blanked, done.n_mentions];
    (String::from_utf8(done.bytes).unwrap(), counts)
}

#[test]
fn lines_of_text_leave_and_the_others_stay_byte_for_byte() {
    let page = "n;who;with;note\r\n1;C0042;C1;x\r\n2; \"C2\";;\"a;b\"\r\n\r\n3;C3;C0042;\"x;y\"\r\n4;C00421;;see C0042\r\n5;C0042\r\n";
    let (text, counts) = text_without("format.csv = { delimiter = \";\" }", page);
    assert_eq!(
        text,
        "n;who;with;note\r\n2; \"C2\";;\"a;b\"\r\n\r\n3;C3;;\"x;y\"\r\n4;C00421;;see \r\n"
    );
    assert_eq!(counts, [2, 1, 1]);
}

#[test]
fn a_page_without_the_person_is_not_written() {
    assert_eq!(
        without("format.csv = {}", b"n,who,with,note\n1,C1,C2,x\n"),
        None
    );
    assert_eq!(without("format.ndjson = {}", b"{\"who\":\"C1\"}\n"), None);
    assert_eq!(without("format.json = {}", b"[{\"who\":\"C1\"}]"), None);
}

#[test]
fn text_of_two_bytes_a_sign_stays_what_it_is() {
    let bytes = |text: &str| -> Vec<u8> {
        let units = std::iter::once(0xfeff).chain(text.encode_utf16());
        units.flat_map(u16::to_le_bytes).collect()
    };
    let page = bytes("n,who,with,note\n1,C0042,,\n2,C1,,è\n");
    let done = without("format.csv = { encoding = \"utf-16le\" }", &page).unwrap();
    assert_eq!(done.bytes, bytes("n,who,with,note\n2,C1,,è\n"));
}

#[test]
fn lines_of_json_leave_and_broken_ones_that_name_the_person_too() {
    let page = "{\"n\":1,\"who\":\"C0042\"}\n{\"n\":2, \"who\":\"C1\",\"with\":\"C\\u0030042\"}\n{\"who\":\"C0042\", \n\n{\"who\":\"C3\",\"note\":\"by C0042!\"}\n";
    let (text, counts) = text_without("format.ndjson = {}", page);
    assert_eq!(
        text,
        "{\"n\":2, \"who\":\"C1\",\"with\":null}\n\n{\"who\":\"C3\",\"note\":\"by !\"}\n"
    );
    assert_eq!(counts, [2, 1, 1]);
}

#[test]
fn members_of_a_json_document_leave_and_the_rest_of_it_stays() {
    let page = r#"{"next": "/x?after=C0042", "items": [ {"who":"C0042"}, {"who":"C1"}, {"who":"C2","with":"C0042"} ], "total": 3}"#;
    let (text, counts) = text_without("format.json = { records = \"items\" }", page);
    assert_eq!(
        text,
        r#"{"next": "/x?after=", "items": [ {"who":"C1"}, {"who":"C2","with":null} ], "total": 3}"#
    );
    assert_eq!(counts, [1, 1, 1]);
    let (text, _) = text_without("format.json = {}", r#"[{"who":"C0042"}]"#);
    assert_eq!(text, "[]");
}

#[test]
fn a_page_that_nobody_can_read_loses_the_id_alone() {
    let (text, counts) = text_without("format.json = {}", r#"[{"who":"C0042"},{"who":"C00421"#);
    assert_eq!(text, r#"[{"who":""},{"who":"C00421"#);
    assert_eq!(counts, [0, 0, 1]);
}

#[test]
fn a_packed_page_is_packed_again() {
    use crate::erase::packed::{Wrap, Zips, packed, unpacked};
    for wrap in [
        Wrap::Gzip,
        Wrap::Zstd,
        Wrap::Zip("x.csv".to_owned(), vec![("x.csv".to_owned(), Vec::new())]),
    ] {
        let page = packed(b"n,who,with,note\n1,C0042,,\n2,C1,,\n".to_vec(), &wrap).unwrap();
        let done = without("format.csv = {}", &page).unwrap();
        let (_, content) = unpacked(&Bytes::from(done.bytes), Zips::Pack(None)).unwrap();
        assert_eq!(&content[..], b"n,who,with,note\n2,C1,,\n");
    }
}

#[test]
fn rows_of_parquet_leave_and_the_schema_stays() {
    let rows = |texts: [&[Option<&str>]; 3], numbers: &[i64]| {
        let column =
            |texts: &[Option<&str>]| Arc::new(StringArray::from(texts.to_vec())) as ArrayRef;
        RecordBatch::try_from_iter_with_nullable([
            (
                "n",
                Arc::new(Int64Array::from(numbers.to_vec())) as ArrayRef,
                false,
            ),
            ("who", column(texts[0]), true),
            ("with", column(texts[1]), true),
            ("note", column(texts[2]), true),
        ])
        .unwrap()
    };
    let batch = rows(
        [
            &[Some("C0042"), Some("C1"), Some("C2")],
            &[None, Some("C0042"), None],
            &[Some("x"), None, Some("C0042 called")],
        ],
        &[1, 2, 3],
    );
    let mut writer =
        ::parquet::arrow::ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    let done = without("format.parquet = {}", &writer.into_inner().unwrap()).unwrap();
    assert_eq!([done.n_dropped, done.n_blanked, done.n_mentions], [1, 1, 1]);
    let reader = ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(
        Bytes::from(done.bytes),
    );
    let left = reader.unwrap().build().unwrap().next().unwrap().unwrap();
    let expected = rows(
        [
            &[Some("C1"), Some("C2")],
            &[None, None],
            &[None, Some(" called")],
        ],
        &[2, 3],
    );
    assert_eq!(left.columns(), expected.columns());
}

/// A Parquet file of some columns.
fn parquet_of(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer =
        ::parquet::arrow::ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

#[test]
fn a_person_whose_id_is_a_number_is_known_as_conform_knows_it() {
    use arrow::array::{AsArray, Float64Array};
    let numbers =
        |numbers: [Option<f64>; 3]| Arc::new(Float64Array::from(numbers.to_vec())) as ArrayRef;
    let page = parquet_of(vec![
        ("who", numbers([Some(300_000_123.0), Some(4.0), Some(5.0)])),
        ("with", numbers([None, Some(300_000_123.0), Some(6.5)])),
    ]);
    let done = without_id("format.parquet = {}", &page, "300000123").unwrap();
    assert_eq!([done.n_dropped, done.n_blanked, done.n_mentions], [1, 1, 0]);
    let reader = ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(
        Bytes::from(done.bytes),
    );
    let left = reader.unwrap().build().unwrap().next().unwrap().unwrap();
    let values = |place: usize| -> Vec<Option<f64>> {
        let column = left.column(place);
        let column = column.as_primitive::<arrow::datatypes::Float64Type>();
        column.iter().collect()
    };
    assert_eq!(values(0), [Some(4.0), Some(5.0)]);
    assert_eq!(values(1), [None, Some(6.5)]);
}

#[test]
fn nothing_of_a_person_stays_behind_the_rows_of_an_arrow_page() {
    use arrow::array::{DictionaryArray, StringViewArray, StructArray};
    use arrow::datatypes::{DataType, Field, Int8Type};
    use arrow::ipc::writer::{FileWriter, StreamWriter};
    let who: DictionaryArray<Int8Type> = ["C0042", "C1", "C2"].into_iter().collect();
    let seen = [
        "of the person C0042 alone",
        "a text of some length",
        "by C0042",
    ];
    let inner = StringArray::from(vec!["x", "see C0042", "y"]);
    let field = Arc::new(Field::new("a", DataType::Utf8, false));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("who", Arc::new(who)),
        ("with", Arc::new(StringArray::from(vec!["", "C0042", "C3"]))),
        ("note", Arc::new(StringViewArray::from(seen.to_vec()))),
        (
            "inner",
            Arc::new(StructArray::from(vec![(
                field,
                Arc::new(inner) as ArrayRef,
            )])),
        ),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut file = FileWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    file.write(&batch).unwrap();
    file.write(&batch).unwrap();
    let mut stream = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    stream.write(&batch).unwrap();
    stream.write(&batch).unwrap();
    for page in [file.into_inner().unwrap(), stream.into_inner().unwrap()] {
        let done = without("format.arrow = {}", &page).unwrap();
        assert_eq!([done.n_dropped, done.n_blanked, done.n_mentions], [2, 2, 4]);
        let text = String::from_utf8_lossy(&done.bytes).into_owned();
        assert!(!text.contains("C0042") && text.contains("some length"));
        let left = crate::canon::arrow_pages::open(&done.bytes, None).unwrap();
        assert_eq!(
            left.map(|batch| batch.unwrap().num_rows()).sum::<usize>(),
            4
        );
    }
}

/// All text of the parts of a workbook.
fn all_text(book: &[u8]) -> String {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(book)).unwrap();
    let mut all = String::new();
    for place in 0..archive.len() {
        archive
            .by_index(place)
            .unwrap()
            .read_to_string(&mut all)
            .unwrap();
    }
    all
}

#[test]
fn rows_of_a_workbook_are_emptied_with_their_shared_texts() {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    sheet.set_name("S").unwrap();
    for (column, name) in (0..).zip(["n", "who", "with", "note"]) {
        sheet.write(0, column, name).unwrap();
    }
    let rows = [
        ("C0042", "", "only of hers"),
        ("C1", "C0042", "kept"),
        ("C3", "", "kept too"),
    ];
    for (row, (who, with, note)) in (1..).zip(rows) {
        sheet.write(row, 0, row).unwrap();
        sheet.write(row, 1, who).unwrap();
        sheet.write(row, 2, with).unwrap();
        sheet.write(row, 3, note).unwrap();
    }
    let page = book.save_to_buffer().unwrap();
    let done = without("format.sheet = { sheet = \"S\" }", &page).unwrap();
    assert_eq!([done.n_dropped, done.n_blanked], [1, 1]);
    let text = all_text(&done.bytes);
    assert!(
        !text.contains("C0042") && !text.contains("only of hers"),
        "{text}"
    );
    assert!(text.contains("kept too"));
    let mut seen = Vec::new();
    let fields = ["who", "note"].map(str::to_owned);
    let kinds = crate::stages::conform::formats::Kinds {
        fields: &fields,
        kinds: &[crate::spec::source::ColumnKind::Text; 2],
    };
    let format = toml::from_str::<TableSpec>(
        "fetch.files = { url = \"x\" }\nformat.sheet = { sheet = \"S\" }\n[columns]",
    )
    .unwrap()
    .format;
    crate::stages::conform::formats::read_page(&format, kinds, &done.bytes, &mut |row| {
        seen.push((row.place, format!("{:?}", row.record)));
    })
    .unwrap();
    assert_eq!(
        seen.iter().map(|(place, _)| *place).collect::<Vec<_>>(),
        [3, 4],
        "{seen:?}"
    );
}

#[test]
fn only_the_field_concerned_changes_in_a_line_of_text() {
    let format = "format.csv = { delimiter = \";\", comment = \"#\" }";
    let page = "note;n;who;with\n\"#1 x\";1;C9;C0042\n# by C0042\n\"#2\";2;C8;\ny;3;C0042;\n";
    let (text, counts) = text_without(format, page);
    assert_eq!(
        text,
        "note;n;who;with\n\"#1 x\";1;C9;\n# by \n\"#2\";2;C8;\n"
    );
    assert_eq!(counts, [1, 1, 1]);
    let format = "format.csv = { delimiter = \";\", escape = '\\' }";
    let page =
        "n;who;with;note\n0;C1;C0042;\\\n1;C2;C0042;C:\\new\n2;C3;C0042;\"a\\\"b;\"\n3;C4;;c\n";
    let (text, _) = text_without(format, page);
    assert_eq!(
        text,
        "n;who;with;note\n0;C1;;\\\n1;C2;;C:\\new\n2;C3;;\"a\\\"b;\"\n3;C4;;c\n"
    );
}

#[test]
fn bytes_that_are_no_text_stay_and_a_text_of_the_id_alone_gets_a_mark() {
    let page = b"n,who,with,note\n1,C9,C0042,caf\xe8\n2,C8,,C0042\n3,C8,,\"\xe8 C0042\"\n";
    let done = without("format.csv = {}", page).unwrap();
    assert_eq!(
        done.bytes,
        b"n,who,with,note\n1,C9,,caf\xe8\n2,C8,,[erased]\n3,C8,,\"\xe8 \"\n"
    );
}

#[test]
fn a_line_of_another_that_is_no_record_leaves_by_an_id_long_enough_alone() {
    let page = "n,who,with,note\n1,C9,,paid 12 euro,more\n2,C0042,,x,y\n3,C9,,by C0042,y\n";
    let (text, counts) = text_without("format.csv = {}", page);
    assert_eq!(text, "n,who,with,note\n1,C9,,paid 12 euro,more\n");
    assert_eq!(counts, [2, 0, 0]);
}

#[test]
fn a_document_stays_json_whatever_leaves_it() {
    let page = r#"{"items":[{"who":"C1","C0042":7,"x":"C00\u00342"},{"who":"C0042"}],"last":["C0042"],"C0042":"a%43%300042"}"#;
    let (text, counts) = text_without("format.json = { records = \"items\" }", page);
    assert_eq!(
        text,
        r#"{"items":[{"who":"C1","[erased]":7,"x":"[erased]"}],"last":["[erased]"],"[erased]":"a%43%300042"}"#
    );
    assert_eq!(counts, [1, 0, 3]);
}

#[test]
fn a_number_outside_the_records_becomes_nothing() {
    let declared = format!(
        "fetch.files = {{ url = \"x\" }}\nformat.json = {{ records = \"items\" }}\n{COLUMNS}"
    );
    let table: TableSpec = toml::from_str(&declared).unwrap();
    let keys = PersonKeys::new(PseudonymKey::new([7; 32]), BTreeMap::new(), 1);
    let marks = Marks {
        keys: &keys,
        platform: "p",
    };
    let id = "300000123";
    let suppressed = BTreeSet::from([marks.of_id("person", id)]);
    let forms = Forms::new(&BTreeSet::from([id.to_owned()]), &BTreeSet::new()).unwrap();
    let page = br#"{"items":[{"n":300000123,"who":"a","note":300000123,"x":300000123},{"who":300000123}],"last_id":300000123,"next":"/x?after=300000123"}"#;
    for forms in [Some(&forms), None] {
        let judge = Judge::new(&table, marks, &suppressed, forms);
        let done = rewrite(&table.format, &judge, &Bytes::from_static(page));
        assert_eq!(
            String::from_utf8(done.unwrap().unwrap().bytes).unwrap(),
            r#"{"items":[{"n":300000123,"who":"a","note":"[erased]","x":null}],"last_id":null,"next":"/x?after="}"#
        );
    }
}
