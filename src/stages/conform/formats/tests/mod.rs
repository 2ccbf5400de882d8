//! Each format gives the same kind of rows, and broken pages are told from broken rows.

use std::io::{Cursor, Write};
use std::sync::Arc;

use ::parquet::arrow::ArrowWriter;
use arrow::array::{
    ArrayRef, Date32Array, Decimal128Array, Int32Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use proptest::prelude::*;

use super::*;
use crate::spec::source::ColumnKind;

mod odd;

/// Rows of a page: place and values, or the rule that a broken row breaks.
type Rows = Vec<(u64, Result<Vec<Value<'static>>, &'static str>)>;

/// A value that outlives its page.
fn kept(value: &Value<'_>) -> Value<'static> {
    match value {
        Value::Text(text) => Value::Owned((*text).to_owned()),
        Value::Owned(text) => Value::Owned(text.clone()),
        Value::Absent => Value::Absent,
        Value::Integer(number) => Value::Integer(*number),
        Value::Number(number) => Value::Number(*number),
        Value::Flag(flag) => Value::Flag(*flag),
        Value::Days(days) => Value::Days(*days),
        Value::Micros(micros) => Value::Micros(*micros),
        Value::Unreadable => Value::Unreadable,
    }
}

/// Reads the given fields of a page in a format written in TOML.
fn read(format: &str, fields: &[&str], bytes: &[u8]) -> Result<(PageRead, Rows), Error> {
    let format: Format = toml::from_str(format).unwrap();
    let fields: Vec<String> = fields.iter().map(|field| (*field).to_owned()).collect();
    let mut rows = Rows::new();
    let mut sink = |row: RawRow<'_>| {
        let record = match row.record {
            Record::Fields(values) => Ok(values.iter().map(kept).collect()),
            Record::Broken(rule) => Err(rule),
        };
        rows.push((row.place, record));
    };
    let kinds = vec![ColumnKind::Text; fields.len()];
    let kinds = Kinds {
        fields: &fields,
        kinds: &kinds,
    };
    let read = read_page(&format, kinds, bytes, &mut sink)?;
    Ok((read, rows))
}

/// Text as a value.
fn text(text: &str) -> Value<'static> {
    Value::Owned(text.to_owned())
}

#[test]
fn delimited_text_is_read_in_its_encoding_and_ragged_lines_are_told() {
    let page = b"id;comune ; ore\r\n7;Muggi\xf2;1,5\r\n8;Lodi\r\n\"9;\";\"x \"\"y\"\"\";\r\n";
    let format = "[csv]\ndelimiter = ';'\nencoding = 'windows-1252'";
    let (read, rows) = read(format, &["comune", "id", "ore", "manca"], page).unwrap();
    assert_eq!(read.n_rows, 3);
    assert_eq!(read.missing_fields, ["manca"]);
    let expected: Rows = vec![
        (
            2,
            Ok(vec![text("Muggiò"), text("7"), text("1,5"), Value::Absent]),
        ),
        (3, Err("ragged_row")),
        (
            4,
            Ok(vec![
                text("x \"y\""),
                text("9;"),
                Value::Absent,
                Value::Absent,
            ]),
        ),
    ];
    assert_eq!(rows, expected);
}

#[test]
fn a_line_in_another_encoding_is_broken_and_the_others_are_read() {
    let (_, rows) = read("csv = {}", &["a"], b"\xef\xbb\xbfa\nx\n\xf2\ny\n").unwrap();
    let expected: Rows = vec![
        (2, Ok(vec![text("x")])),
        (3, Err("bad_encoding")),
        (4, Ok(vec![text("y")])),
    ];
    assert_eq!(rows, expected);
}

#[test]
fn delimited_text_may_have_titles_comments_and_short_lines() {
    let page = b"Elenco \"2024\r\n\r\nid|nota|ore\r\n# resto\r\n1|^a|\r\nb^|2\r\n\r\n3|c\r\n4|d|5|6\r\n7|\\\xff|8";
    let format = "[csv]\ndelimiter = '|'\nquote = { character = '^' }\ncomment = '#'\nheader_row = 3\nragged = 'pad'";
    let (read, rows) = read(format, &["id", "nota", "ore"], page).unwrap();
    assert_eq!(read.n_rows, 4);
    let expected: Rows = vec![
        (5, Ok(vec![text("1"), text("a|\r\nb"), text("2")])),
        (8, Ok(vec![text("3"), text("c"), Value::Absent])),
        (9, Err("ragged_row")),
        (10, Err("bad_encoding")),
    ];
    assert_eq!(rows, expected);
}

#[test]
fn quotes_may_be_escaped_or_have_no_meaning() {
    let page = b"a,b\n\"x\\\"\ny\",2\n\"\"\"\",3\n";
    let (_, rows) = read("csv = { escape = '\\' }", &["a", "b"], page).unwrap();
    let expected: Rows = vec![
        (2, Ok(vec![text("x\"\ny"), text("2")])),
        (4, Ok(vec![text("\""), text("3")])),
    ];
    assert_eq!(rows, expected);
    let (_, rows) = read("csv = { quote = 'none' }", &["a"], b"a\n\"x\n\"y\n").unwrap();
    let expected: Rows = vec![(2, Ok(vec![text("\"x")])), (3, Ok(vec![text("\"y")]))];
    assert_eq!(rows, expected);
}

proptest! {
    #[test]
    fn any_settings_read_plain_text_as_the_plain_reader_does(cells in proptest::collection::vec(("[a-c\"\n]{0,4}", "[a-z ;]{0,3}"), 0..20), ends in 0..2_usize) {
        let end = ["\n", "\r\n"][ends];
        let mut page = format!("a,b{end}");
        for (first, second) in &cells {
            let first = first.replace('"', "\"\"");
            std::fmt::Write::write_fmt(&mut page, format_args!("\"{first}\",{second}{end}")).unwrap();
        }
        let plain = read("csv = {}", &["a", "b"], page.as_bytes()).unwrap();
        let padded = read("csv = { ragged = 'pad' }", &["a", "b"], page.as_bytes()).unwrap();
        prop_assert_eq!(plain, padded);
    }

    #[test]
    fn any_settings_judge_quotes_as_the_plain_reader_does(text in "[ab,\"\n\r ]{0,60}") {
        let page = format!("a,b,c\n{text}");
        let plain = read("csv = {}", &["a", "c"], page.as_bytes()).unwrap();
        let other = read("csv = { comment = '#' }", &["a", "c"], page.as_bytes()).unwrap();
        prop_assert_eq!(plain, other);
    }
}

#[test]
fn an_empty_page_has_no_rows() {
    assert_eq!(read("csv = {}", &["a"], b"").unwrap().0.n_rows, 0);
    assert_eq!(read("ndjson = {}", &["a"], b"").unwrap().0.n_rows, 0);
}

#[test]
fn lines_of_json_are_read_and_cut_ones_told() {
    let page = b"{\"id\":1,\"ente\":{\"id\":\"O1\"}}\n\n{\"id\":2,\n[3]\n{\"id\":4}";
    let (read, rows) = read("ndjson = {}", &["id", "ente.id"], page).unwrap();
    assert_eq!(read.n_rows, 4);
    let expected: Rows = vec![
        (1, Ok(vec![Value::Integer(1), text("O1")])),
        (3, Err("broken_json")),
        (4, Err("not_an_object")),
        (5, Ok(vec![Value::Integer(4), Value::Absent])),
    ];
    assert_eq!(rows, expected);
}

#[test]
fn records_are_found_inside_a_document() {
    let page = br#"{"total":3,"items":[{"id":"a","tags":["x","y"]},7,{"id":"b"}],"next":null}"#;
    let (_, rows) = read("json = { records = 'items' }", &["id", "tags"], page).unwrap();
    let expected: Rows = vec![
        (1, Ok(vec![text("a"), text("x\u{1f}y")])),
        (2, Err("not_an_object")),
        (3, Ok(vec![text("b"), Value::Absent])),
    ];
    assert_eq!(rows, expected);
    let (_, rows) = read("json = {}", &["id"], br#"[{"id":true}]"#).unwrap();
    assert_eq!(rows, [(1, Ok(vec![Value::Flag(true)]))]);
}

#[test]
fn a_cut_document_is_an_error_and_gives_no_row() {
    let error = read(
        "json = { records = 'items' }",
        &["id"],
        br#"{"items":[{"id":1},{"id""#,
    );
    assert!(matches!(error, Err(Error::NotJson { .. })));
    let error = read("json = { records = 'items' }", &["id"], br#"{"rows":[]}"#);
    assert!(matches!(error, Err(Error::NoRecords { .. })));
    let error = read("json = { records = 'items' }", &["id"], b"\xff\xfe");
    assert!(matches!(error, Err(Error::NotUtf8 { .. })));
}

/// A Parquet file with one column of each kind.
fn parquet_page() -> Vec<u8> {
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(Int32Array::from(vec![1, 2]))),
        (
            "nome",
            Arc::new(StringArray::from(vec![Some("Stresa"), None])),
        ),
        ("dal", Arc::new(Date32Array::from(vec![Some(19_782), None]))),
        (
            "alle",
            Arc::new(TimestampMicrosecondArray::from(vec![5, 6]).with_timezone("UTC")),
        ),
        (
            "costo",
            Arc::new(
                Decimal128Array::from(vec![1250, 5])
                    .with_precision_and_scale(12, 2)
                    .unwrap(),
            ),
        ),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

#[test]
fn parquet_keeps_its_types() {
    let fields = ["costo", "id", "nome", "dal", "alle", "manca"];
    let (read, rows) = read("parquet = {}", &fields, &parquet_page()).unwrap();
    assert_eq!(read.missing_fields, ["manca"]);
    let first = vec![
        text("12.50"),
        Value::Integer(1),
        text("Stresa"),
        Value::Days(19_782),
        Value::Micros(5),
        Value::Absent,
    ];
    assert_eq!(rows.first(), Some(&(1, Ok(first))));
    assert_eq!(rows.len(), 2);
}

/// The same page as an Arrow file and as an Arrow stream.
fn arrow_pages() -> [Vec<u8>; 2] {
    use ::parquet::arrow::arrow_reader::ParquetRecordBatchReader;
    let page = Bytes::from(parquet_page());
    let mut batches = ParquetRecordBatchReader::try_new(page, 10).unwrap();
    let batch = batches.next().unwrap().unwrap();
    let (mut file, mut stream) = (Vec::new(), Vec::new());
    let mut writer = arrow::ipc::writer::FileWriter::try_new(&mut file, &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    drop(writer);
    let mut writer =
        arrow::ipc::writer::StreamWriter::try_new(&mut stream, &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    drop(writer);
    [file, stream]
}

#[test]
fn arrow_files_and_streams_give_the_rows_of_parquet() {
    let fields = ["costo", "id", "nome", "dal", "alle", "manca"];
    let expected = read("parquet = {}", &fields, &parquet_page()).unwrap();
    for page in arrow_pages() {
        assert_eq!(read("arrow = {}", &fields, &page).unwrap(), expected);
    }
}

#[test]
fn a_cut_arrow_page_is_an_error() {
    for page in arrow_pages() {
        for length in 0..page.len() {
            let cut = page.get(..length).unwrap();
            assert!(read("arrow = {}", &["id"], cut).is_err(), "{length}");
        }
    }
}

#[test]
fn a_number_that_fits_no_integer_is_read_as_it_is_written() {
    let ids: ArrayRef = Arc::new(arrow::array::UInt64Array::from(vec![u64::MAX, 7]));
    let late: ArrayRef = Arc::new(arrow::array::TimestampSecondArray::from(vec![i64::MAX, 0]));
    let batch = RecordBatch::try_from_iter([("id", ids), ("alle", late)]).unwrap();
    let mut page = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut page, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let (_, rows) = read("parquet = {}", &["id", "alle"], &page).unwrap();
    let expected: Rows = vec![
        (1, Ok(vec![text("18446744073709551615"), Value::Unreadable])),
        (2, Ok(vec![text("7"), Value::Micros(0)])),
    ];
    assert_eq!(rows, expected);
}

#[test]
fn a_document_read_as_a_stream_gives_the_rows_of_one_in_memory() {
    let page = br#"{"total":2,"dati":{"items":[{"id":"\u00e0"},{"id":7,"x":[1]},3]}}"#;
    let format: Format = toml::from_str("json = { records = 'dati.items' }").unwrap();
    let Format::Json(options) = format else {
        panic!("JSON is declared");
    };
    let fields = ["id".to_owned()];
    let rows = |max_held, page: &[u8]| {
        let mut rows = Vec::new();
        let mut sink = |row: RawRow<'_>| {
            rows.push(match row.record {
                Record::Fields(values) => Ok(values.iter().map(kept).collect::<Vec<_>>()),
                Record::Broken(rule) => Err(rule),
            });
        };
        let read = json::read_holding(max_held, (&options, &fields), page, &mut sink);
        read.map(|_| rows)
    };
    let held = rows(1000, page).unwrap();
    assert_eq!(held.len(), 3);
    assert_eq!(rows(10, page).unwrap(), held);
    let cut = page.get(..page.len() - 1).unwrap();
    assert!(rows(10, cut).is_err());
}

#[test]
fn a_cut_parquet_file_is_an_error() {
    let page = parquet_page();
    let cut = page.get(..page.len() / 2).unwrap();
    assert!(matches!(
        read("parquet = {}", &["id"], cut),
        Err(Error::NotParquet { .. })
    ));
}

/// A workbook kept by hand: titles, a merged header, dates as serials, a blank row.
fn workbook() -> Vec<u8> {
    use rust_xlsxwriter::{Format as Style, Workbook};
    let mut book = Workbook::new();
    let date = Style::new().set_num_format("dd/mm/yyyy");
    let sheet = book.add_worksheet().set_name("Annunci").unwrap();
    sheet
        .merge_range(0, 0, 0, 3, "Bacheca", &Style::new())
        .unwrap();
    sheet.write(1, 0, "Annunci registrati:").unwrap();
    sheet.write(1, 1, 3).unwrap();
    sheet
        .merge_range(3, 0, 3, 1, "Annuncio", &Style::new())
        .unwrap();
    sheet
        .merge_range(3, 2, 3, 3, "Persona", &Style::new())
        .unwrap();
    for (column, name) in ["N.", "Data", "Comune", "Ore"].iter().enumerate() {
        sheet
            .write(4, u16::try_from(column).unwrap(), *name)
            .unwrap();
    }
    sheet.write(5, 0, 1).unwrap();
    sheet.write_with_format(5, 1, 45_351, &date).unwrap();
    sheet.write(5, 2, " Lodi (LO) ").unwrap();
    sheet.write(5, 3, 2.5).unwrap();
    sheet.write(7, 0, "2").unwrap();
    sheet.write(7, 1, 45_351).unwrap();
    sheet.write(8, 0, 3).unwrap();
    sheet.write(8, 1, "29/02/2024").unwrap();
    sheet.write(9, 2, "  ").unwrap();
    book.save_to_buffer().unwrap()
}

#[test]
fn a_sheet_with_titles_and_a_merged_header_is_read() {
    let format = "[sheet]\nsheet = 'Annunci'\nheader_row = 5\nheader_rows = 2";
    let fields = [
        "Annuncio N.",
        "Annuncio Data",
        "Persona Comune",
        "Persona Ore",
    ];
    let (read, rows) = read(format, &fields, &workbook()).unwrap();
    assert_eq!(read.missing_fields, Vec::<String>::new());
    let expected: Rows = vec![
        (
            6,
            Ok(vec![
                Value::Integer(1),
                Value::Days(19_782),
                text(" Lodi (LO) "),
                Value::Number(2.5),
            ]),
        ),
        (
            8,
            Ok(vec![
                text("2"),
                Value::Integer(45_351),
                Value::Absent,
                Value::Absent,
            ]),
        ),
        (
            9,
            Ok(vec![
                Value::Integer(3),
                text("29/02/2024"),
                Value::Absent,
                Value::Absent,
            ]),
        ),
    ];
    assert_eq!(rows, expected);
}

#[test]
fn a_header_that_is_not_declared_is_found_and_merged_cells_are_filled_if_asked() {
    use rust_xlsxwriter::{Format as Style, Workbook};
    let mut book = Workbook::new();
    let sheet = book.add_worksheet().set_name("S").unwrap();
    let style = Style::new();
    sheet.write(0, 0, "Elenco").unwrap();
    for (column, name) in ["id", "zona"].iter().enumerate() {
        let column = u16::try_from(column).unwrap();
        sheet.write(2, column, *name).unwrap();
    }
    sheet.write(3, 0, "A7").unwrap();
    sheet.merge_range(3, 1, 4, 1, "Nord", &style).unwrap();
    sheet.write(4, 0, 8).unwrap();
    let page = book.save_to_buffer().unwrap();
    let row = |place, id: Value<'static>, zone| (place, Ok(vec![id, zone]));
    let (found, rows) = read("[sheet]\nsheet = 'S'", &["id", "zona"], &page).unwrap();
    let blank = vec![
        row(4, text("A7"), text("Nord")),
        row(5, Value::Integer(8), Value::Absent),
    ];
    assert_eq!(rows, blank);
    let cells: Vec<_> = found
        .coercions
        .iter()
        .map(|coercion| (coercion.cell(), coercion.rule))
        .collect();
    assert_eq!(cells, [("A5".to_owned(), "number_for_text")]);
    let format = "[sheet]\nsheet = 'S'\nmerged = 'fill'";
    let (_, rows) = read(format, &["id", "zona"], &page).unwrap();
    assert_eq!(rows.last(), Some(&row(5, Value::Integer(8), text("Nord"))));
}

/// An ODS workbook with one sheet of the given rows.
fn open_document(rows: &str) -> Vec<u8> {
    use zip::write::SimpleFileOptions;
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let mimetype = "application/vnd.oasis.opendocument.spreadsheet";
    let manifest = r#"<?xml version="1.0"?><manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>"#;
    let content = format!(
        r#"<?xml version="1.0"?><office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:spreadsheet><table:table table:name="Schede">{rows}</table:table></office:spreadsheet></office:body></office:document-content>"#
    );
    for (name, text) in [
        ("mimetype", mimetype),
        ("META-INF/manifest.xml", manifest),
        ("content.xml", &content),
    ] {
        archive.start_file(name, stored).unwrap();
        archive.write_all(text.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

#[test]
fn a_sheet_of_an_open_document_is_read() {
    let cell = |text: &str| {
        format!(
            r#"<table:table-cell office:value-type="string"><text:p>{text}</text:p></table:table-cell>"#
        )
    };
    let rows = format!(
        r#"<table:table-row>{}{}{}</table:table-row><table:table-row>{}<table:table-cell office:value-type="date" office:date-value="2024-02-29"/><table:table-cell office:value-type="float" office:value="40"/></table:table-row>"#,
        cell("Codice"),
        cell("Data"),
        cell("Persone raggiunte"),
        cell("W-012"),
    );
    let fields = ["Codice", "Data", "Persone raggiunte"];
    let (_, rows) = read("[sheet]\nsheet = 'Schede'", &fields, &open_document(&rows)).unwrap();
    let expected: Rows = vec![(
        2,
        Ok(vec![text("W-012"), Value::Days(19_782), Value::Integer(40)]),
    )];
    assert_eq!(rows, expected);
}

#[test]
fn what_is_no_workbook_or_has_no_such_sheet_is_an_error() {
    let error = read("[sheet]\nsheet = 'x'", &["a"], b"id;nome\n");
    assert!(matches!(error, Err(Error::Workbook { .. })));
    let error = read("[sheet]\nsheet = 'x'", &["a"], &workbook());
    assert!(matches!(error, Err(Error::Workbook { .. })));
}

/// Every format in its plainest form.
const FORMATS: [&str; 7] = [
    "csv = {}",
    "csv = { escape = '!', comment = '#', ragged = 'pad' }",
    "json = {}",
    "ndjson = {}",
    "parquet = {}",
    "arrow = {}",
    "[sheet]\nsheet = 'x'",
];

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for format in FORMATS {
            let _ = read(format, &["a"], &bytes);
        }
    }
}
