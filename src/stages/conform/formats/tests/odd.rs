//! Quotes that hold more than a field, and names that stand twice.

use super::*;

#[test]
fn records_whose_quotes_hold_more_than_a_field_are_broken_and_the_others_are_read() {
    let page = b"a,b,c\n1,\"x\ny\",3\n2,\"x\"y,3\n3,\"x\n4,5,6\ny\",7\n8,9,1\n9,\"two\nlines\",\"x\n5,6,7\n";
    let expected: Rows = vec![
        (2, Ok(vec![text("1"), text("3")])),
        (4, Err("text_after_quote")),
        (5, Err("swallowed_lines")),
        (8, Ok(vec![text("8"), text("1")])),
        (10, Err("open_quote")),
    ];
    for format in ["csv = {}", "csv = { escape = '\\' }"] {
        let (read, rows) = read(format, &["a", "c"], page).unwrap();
        assert_eq!(rows, expected, "{format}");
        assert_eq!(read.n_rows, 5, "{format}");
    }
}

#[test]
fn a_header_whose_quotes_hold_more_than_a_name_gives_no_row() {
    for format in ["csv = {}", "csv = { comment = '#' }"] {
        for page in [
            "a,b,\"c\n1,2,3\n",
            "a,\"b\"x,c\n",
            "a,b,\"c\n1,2,3\n4\"\n5,6,7\n",
        ] {
            let error = read(format, &["a"], page.as_bytes());
            assert!(matches!(error, Err(Error::HeaderQuotes { .. })), "{page:?}");
        }
    }
}

#[test]
fn a_name_that_stands_twice_is_told_and_the_second_column_can_be_asked_for() {
    let expected: Rows = vec![(1, Ok(vec![text("w"), text("y"), text("x")]))];
    let fields = ["v (2)", "v", "id"];
    let columns: Vec<(&str, ArrayRef)> = ["id", "v", "v"]
        .into_iter()
        .zip(["x", "y", "w"])
        .map(|(name, value)| (name, Arc::new(StringArray::from(vec![value])) as ArrayRef))
        .collect();
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut parquet = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut parquet, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let mut arrow = Vec::new();
    let mut writer =
        arrow::ipc::writer::StreamWriter::try_new(&mut arrow, &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    drop(writer);
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet().set_name("S").unwrap();
    sheet.write_row(0, 0, ["id", "v", "v"]).unwrap();
    sheet.write_row(1, 0, ["x", "y", "w"]).unwrap();
    let sheet = book.save_to_buffer().unwrap();
    for (format, page) in [
        ("csv = {}", b"id,v,v\nx,y,w\n".to_vec()),
        ("csv = { quote = 'single' }", b"id,v,v\nx,y,w\n".to_vec()),
        ("parquet = {}", parquet),
        ("arrow = {}", arrow),
        ("[sheet]\nsheet = 'S'\nheader_row = 1", sheet),
    ] {
        let (told, rows) = read(format, &fields, &page).unwrap();
        assert_eq!(told.twice, ["v"], "{format}");
        let values: Rows = (1..)
            .zip(rows)
            .map(|(row, (_, values))| (row, values))
            .collect();
        assert_eq!(values, expected, "{format}");
        let (told, _) = read(format, &["id"], &page).unwrap();
        assert_eq!(told.unknown_fields, ["v", "v (2)"], "{format}");
        assert_eq!(told.twice, Vec::<String>::new(), "{format}");
    }
}

#[test]
fn a_heading_merged_over_two_columns_stands_there_once() {
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet().set_name("S").unwrap();
    sheet.write(0, 0, "id").unwrap();
    let plain = rust_xlsxwriter::Format::new();
    sheet.merge_range(0, 1, 0, 2, "ore", &plain).unwrap();
    sheet.write_row(1, 0, ["x", "y", "w"]).unwrap();
    let page = book.save_to_buffer().unwrap();
    let format = "[sheet]\nsheet = 'S'\nheader_row = 1";
    let (told, rows) = read(format, &["ore"], &page).unwrap();
    assert_eq!(told.twice, Vec::<String>::new());
    assert_eq!(told.unknown_fields, ["id"]);
    assert_eq!(rows, [(2, Ok(vec![text("y")]))]);
}
