//! Just enough of the OpenDocument spreadsheet format (ISO/IEC 26300) to write sheets of plain
//! cells: a zip whose first member, stored and not compressed, names the type.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::Error;

/// The type of a spreadsheet.
const MIMETYPE: &str = "application/vnd.oasis.opendocument.spreadsheet";

/// The list of members.
const MANIFEST: &str = concat!(
    r#"<?xml version="1.0" encoding="UTF-8"?>"#,
    r#"<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0" "#,
    r#"manifest:version="1.2"><manifest:file-entry manifest:full-path="/" "#,
    r#"manifest:media-type="application/vnd.oasis.opendocument.spreadsheet"/>"#,
    r#"<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/>"#,
    r#"</manifest:manifest>"#
);

/// What comes before the sheets.
const HEAD: &str = concat!(
    r#"<?xml version="1.0" encoding="UTF-8"?><office:document-content "#,
    r#"xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" "#,
    r#"xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" "#,
    r#"xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" "#,
    r#"office:version="1.2"><office:body><office:spreadsheet>"#
);

/// What comes after the sheets.
const TAIL: &str = "</office:spreadsheet></office:body></office:document-content>";

/// A cell.
#[derive(Debug, Clone)]
pub(crate) enum Cell {
    /// Nothing.
    Empty,
    /// Text.
    Text(String),
    /// A number.
    Number(usize),
    /// A day, `2024-03-02`.
    Day(String),
}

/// A sheet: its name and its rows, the header first.
#[derive(Debug)]
pub(crate) struct Sheet {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its rows.
    pub(crate) rows: Vec<Vec<Cell>>,
}

/// Writes the sheets into a file.
pub(crate) fn write(path: &Path, sheets: &[Sheet]) -> Result<(), Error> {
    let file = File::create(path).map_err(|source| Error::WriteFile {
        path: path.to_owned(),
        source,
    })?;
    let mut zip = ZipWriter::new(file);
    let content = content(sheets);
    let members = [
        ("mimetype", MIMETYPE, CompressionMethod::Stored),
        ("content.xml", content.as_str(), CompressionMethod::Deflated),
        (
            "META-INF/manifest.xml",
            MANIFEST,
            CompressionMethod::Deflated,
        ),
    ];
    for (name, text, method) in members {
        let options = SimpleFileOptions::default()
            .compression_method(method)
            .last_modified_time(DateTime::default());
        zip.start_file(name, options)
            .map_err(|source| Error::WriteContainer {
                path: path.to_owned(),
                source,
            })?;
        zip.write_all(text.as_bytes())
            .map_err(|source| Error::WriteFile {
                path: path.to_owned(),
                source,
            })?;
    }
    zip.finish().map_err(|source| Error::WriteContainer {
        path: path.to_owned(),
        source,
    })?;
    Ok(())
}

/// The sheets as XML.
fn content(sheets: &[Sheet]) -> String {
    let mut xml = HEAD.to_owned();
    for sheet in sheets {
        // Writing to a string cannot fail.
        let _ = write!(xml, r#"<table:table table:name="{}">"#, escaped(sheet.name));
        for row in &sheet.rows {
            xml.push_str("<table:table-row>");
            for cell in row {
                push_cell(&mut xml, cell);
            }
            xml.push_str("</table:table-row>");
        }
        xml.push_str("</table:table>");
    }
    xml.push_str(TAIL);
    xml
}

/// Appends a cell.
fn push_cell(xml: &mut String, cell: &Cell) {
    // Writing to a string cannot fail.
    let _ = match cell {
        Cell::Empty => write!(xml, "<table:table-cell/>"),
        Cell::Text(text) => write!(
            xml,
            r#"<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>"#,
            escaped(text)
        ),
        Cell::Number(number) => write!(
            xml,
            r#"<table:table-cell office:value-type="float" office:value="{number}"><text:p>{number}</text:p></table:table-cell>"#
        ),
        Cell::Day(day) => write!(
            xml,
            r#"<table:table-cell office:value-type="date" office:date-value="{day}"><text:p>{day}</text:p></table:table-cell>"#
        ),
    };
}

/// Text that XML can hold.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use calamine::{Data, Ods, Reader, open_workbook};

    #[test]
    fn a_sheet_reads_back_as_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sheet.ods");
        let rows = vec![
            vec![
                Cell::Text("Codice".to_owned()),
                Cell::Text("a & b".to_owned()),
            ],
            vec![Cell::Number(12), Cell::Day("2024-03-02".to_owned())],
            vec![Cell::Empty, Cell::Text("x".to_owned())],
        ];
        write(
            &path,
            &[Sheet {
                name: "Schede",
                rows,
            }],
        )
        .unwrap();
        let mut book: Ods<_> = open_workbook(&path).unwrap();
        let range = book.worksheet_range("Schede").unwrap();
        assert_eq!(
            range.get_value((0, 1)),
            Some(&Data::String("a & b".to_owned()))
        );
        assert_eq!(range.get_value((1, 0)), Some(&Data::Float(12.0)));
        assert_eq!(
            range.get_value((1, 1)),
            Some(&Data::DateTimeIso("2024-03-02".to_owned()))
        );
        assert_eq!(range.get_value((2, 0)), Some(&Data::Empty));
    }
}
