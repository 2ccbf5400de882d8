//! Pages that are no text: Parquet, Arrow and workbooks.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, LargeStringArray, RecordBatch,
    StringArray, TimestampMillisecondArray,
};
use arrow::ipc::CompressionType;
use arrow::ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use parquet::arrow::ArrowWriter;

use super::bytes::{Draws, zipped};
use super::{FIELDS, Harm, MadePage, Maker};

/// Rows of a page.
const N_ROWS: usize = 500;

/// A column of any type.
fn column(draws: &mut Draws, place: usize) -> ArrayRef {
    let texts: Vec<Option<String>> = (0..N_ROWS)
        .map(|_| (draws.below(20) > 0).then(|| draws.value(place)))
        .collect();
    let numbers = |most: usize, draws: &mut Draws| -> Vec<Option<i64>> {
        (0..N_ROWS)
            .map(|_| (draws.below(20) > 0).then(|| i64::try_from(draws.below(most)).unwrap()))
            .collect()
    };
    match draws.below(14) {
        0 => Arc::new(Int64Array::from(numbers(usize::MAX >> 1, draws))),
        1 => {
            let read = texts.iter().map(|text| text.as_deref()?.parse().ok());
            Arc::new(read.collect::<Float64Array>())
        }
        2 => {
            let picked = (0..N_ROWS).map(|_| Some(draws.below(2) == 0));
            Arc::new(picked.collect::<BooleanArray>())
        }
        3 => {
            let picked = numbers(60_000, draws).into_iter();
            let dates = picked.map(|days| i32::try_from(days?).ok());
            Arc::new(dates.collect::<Date32Array>())
        }
        4 => Arc::new(TimestampMillisecondArray::from(numbers(
            usize::MAX >> 1,
            draws,
        ))),
        5 => Arc::new(LargeStringArray::from(texts)),
        6 => Arc::new(Int64Array::from(numbers(300, draws))),
        _ => Arc::new(StringArray::from(texts)),
    }
}

/// Makes pages of Arrow batches.
pub(super) struct Batches {
    /// The format, in TOML.
    format: &'static str,
}

impl Batches {
    /// As Parquet.
    pub(super) fn parquet() -> Self {
        Self {
            format: "parquet = {}",
        }
    }

    /// As Arrow files and streams.
    pub(super) fn arrow() -> Self {
        Self {
            format: "arrow = {}",
        }
    }

    /// A batch as bytes.
    fn written(&self, draws: &mut Draws, batch: &RecordBatch) -> Vec<u8> {
        let mut bytes = Vec::new();
        if self.format == "parquet = {}" {
            let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
            writer.write(batch).unwrap();
            writer.close().unwrap();
            return bytes;
        }
        let ways = [
            None,
            Some(CompressionType::LZ4_FRAME),
            Some(CompressionType::ZSTD),
        ];
        let options = IpcWriteOptions::default()
            .try_with_compression(draws.pick(&ways))
            .unwrap();
        let schema = batch.schema();
        if draws.below(2) == 0 {
            let mut writer =
                FileWriter::try_new_with_options(&mut bytes, &schema, options).unwrap();
            writer.write(batch).unwrap();
            writer.finish().unwrap();
        } else {
            let mut writer =
                StreamWriter::try_new_with_options(&mut bytes, &schema, options).unwrap();
            writer.write(batch).unwrap();
            writer.finish().unwrap();
        }
        bytes
    }
}

impl Maker for Batches {
    fn format(&self) -> &'static str {
        self.format
    }

    fn page(&mut self, draws: &mut Draws, harm: Harm) -> MadePage {
        let columns = (0..FIELDS.len()).map(|place| (FIELDS[place], column(draws, place)));
        let columns: Vec<(&str, ArrayRef)> = columns.collect();
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let mut bytes = self.written(draws, &batch);
        match harm {
            Harm::Values => {}
            Harm::Bytes => draws.mutate(&mut bytes),
            Harm::Noise => bytes = draws.noise(N_ROWS * 30),
        }
        MadePage {
            bytes,
            n_rows: N_ROWS as u64,
        }
    }
}

/// Makes workbooks.
pub(super) struct Sheets {
    /// Files of a workbook that are always the same, by name.
    parts: BTreeMap<String, Vec<u8>>,
    /// The file that holds the rows.
    content: &'static str,
    /// One row written out.
    row: fn(&mut Draws, usize) -> String,
    /// What stands before and after the rows.
    around: [&'static str; 2],
}

impl Sheets {
    /// As XLSX.
    pub(super) fn xlsx() -> Self {
        let mut book = rust_xlsxwriter::Workbook::new();
        let sheet = book.add_worksheet().set_name("S").unwrap();
        let date = rust_xlsxwriter::Format::new().set_num_format("dd/mm/yyyy");
        sheet.write(0, 0, "x").unwrap();
        sheet.write_with_format(1, 0, 1, &date).unwrap();
        let bytes = book.save_to_buffer().unwrap();
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        let mut parts = BTreeMap::new();
        for index in 0..archive.len() {
            let mut file = archive.by_index(index).unwrap();
            let mut content = Vec::new();
            file.read_to_end(&mut content).unwrap();
            parts.insert(file.name().unwrap().into_owned(), content);
        }
        Self {
            parts,
            content: "xl/worksheets/sheet1.xml",
            row: xlsx_row,
            around: [
                "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheetData>",
                "</sheetData></worksheet>",
            ],
        }
    }

    /// As ODS.
    pub(super) fn ods() -> Self {
        let mimetype = b"application/vnd.oasis.opendocument.spreadsheet".to_vec();
        let manifest = b"<manifest:manifest/>".to_vec();
        Self {
            parts: BTreeMap::from([
                ("mimetype".to_owned(), mimetype),
                ("META-INF/manifest.xml".to_owned(), manifest),
            ]),
            content: "content.xml",
            row: ods_row,
            around: [
                "<?xml version=\"1.0\"?><office:document-content><office:body><office:spreadsheet><table:table table:name=\"S\">",
                "</table:table></office:spreadsheet></office:body></office:document-content>",
            ],
        }
    }
}

impl Maker for Sheets {
    fn format(&self) -> &'static str {
        "sheet = { sheet = 'S', merged = 'fill' }"
    }

    fn may_be_wrapped(&self) -> bool {
        false
    }

    fn page(&mut self, draws: &mut Draws, harm: Harm) -> MadePage {
        let rows: Vec<String> = (0..=N_ROWS).map(|row| (self.row)(draws, row)).collect();
        let [before, after] = self.around;
        let mut content = format!("{before}{}{after}", rows.concat()).into_bytes();
        let harms_content = draws.below(4) > 0;
        if harm == Harm::Bytes && harms_content {
            draws.mutate(&mut content);
        }
        let own = (self.content, content.as_slice());
        let others = self.parts.iter().filter(|(name, _)| *name != self.content);
        let others = others.map(|(name, content)| (name.as_str(), content.as_slice()));
        let files: Vec<(&str, &[u8])> = others.chain([own]).collect();
        let mut bytes = zipped(&files);
        if harm == Harm::Bytes && !harms_content {
            draws.mutate(&mut bytes);
        }
        if harm == Harm::Noise {
            bytes = [b"PK\x03\x04".to_vec(), draws.noise(N_ROWS * 30)].concat();
        }
        MadePage {
            bytes,
            n_rows: N_ROWS as u64,
        }
    }
}

/// Text as XML; what XML cannot hold is left out.
fn escaped(text: &str) -> String {
    let plain = text.replace('&', "&amp;").replace('<', "&lt;");
    plain.replace(|letter: char| letter.is_control() && letter != '\n', "")
}

/// Text of a cell of the header or of a row.
fn cell_text(draws: &mut Draws, row: usize, column: usize) -> String {
    if row == 0 {
        return FIELDS[column].to_owned();
    }
    escaped(&draws.value(column))
}

/// A row of an XLSX sheet.
fn xlsx_row(draws: &mut Draws, row: usize) -> String {
    let mut text = format!("<row r=\"{}\">", row + 1);
    for column in 0..FIELDS.len() {
        let letter = char::from(b'A' + u8::try_from(column).unwrap());
        let place = format!("{letter}{}", row + 1);
        let value = cell_text(draws, row, column);
        let kind = if row == 0 { 5 } else { draws.below(16) };
        let cell = match kind {
            0 => format!("<c r=\"{place}\"><v>{}</v></c>", draws.below(90_000)),
            1 => format!(
                "<c r=\"{place}\" s=\"1\"><v>{}</v></c>",
                draws.below(90_000)
            ),
            2 => format!("<c r=\"{place}\" t=\"b\"><v>{}</v></c>", draws.below(2)),
            3 => format!("<c r=\"{place}\" t=\"e\"><v>#REF!</v></c>"),
            4 => format!("<c r=\"{place}\"><v>{value}</v></c>"),
            _ => format!("<c r=\"{place}\" t=\"inlineStr\"><is><t>{value}</t></is></c>"),
        };
        text += &cell;
    }
    text.push_str("</row>");
    text
}

/// A row of an ODS sheet.
fn ods_row(draws: &mut Draws, row: usize) -> String {
    let mut text = "<table:table-row>".to_owned();
    for column in 0..FIELDS.len() {
        let value = cell_text(draws, row, column);
        let kind = if row == 0 { 6 } else { draws.below(18) };
        let cell = match kind {
            0 => format!(
                "<table:table-cell office:value-type=\"float\" office:value=\"{}\"/>",
                draws.below(90_000)
            ),
            1 => "<table:table-cell office:value-type=\"date\" office:date-value=\"2024-02-29\"/>"
                .to_owned(),
            2 => "<table:table-cell office:value-type=\"boolean\" office:boolean-value=\"true\"/>"
                .to_owned(),
            3 => "<table:covered-table-cell/>".to_owned(),
            4 => format!(
                "<table:table-cell office:value-type=\"float\" office:value=\"{}\"/>",
                value.replace('"', "")
            ),
            5 => "<table:table-cell office:value-type=\"time\" office:time-value=\"PT1H30M0S\"/>"
                .to_owned(),
            _ => format!(
                "<table:table-cell office:value-type=\"string\"><text:p>{value}</text:p></table:table-cell>"
            ),
        };
        text += &cell;
    }
    text.push_str("</table:table-row>");
    text
}
