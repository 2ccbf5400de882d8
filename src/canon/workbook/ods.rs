//! The cells of an ODS sheet, read from `content.xml` element by element.
//!
//! Rows and cells may be repeated and blocks merged by attributes of their elements; comments of
//! readers and drawings stand inside cells and are no part of their values.

use std::borrow::Cow;
use std::io::{BufReader, Cursor, Read};

use bytes::Bytes;
use calamine::{CellErrorType, Data};
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use zip::ZipArchive;

use super::{Error, Gathered, Row, Sheet, Span, listed};

/// Rows of the largest sheet.
const MAX_ROWS: u32 = 1_048_576;

/// Columns of the widest sheet.
const MAX_COLUMNS: u32 = 16_384;

/// Attributes that hold the value of a cell, one for each type.
const VALUES: [&str; 5] = [
    "office:value",
    "office:date-value",
    "office:time-value",
    "office:boolean-value",
    "office:string-value",
];

/// The XML of a workbook while it is read.
struct Xml<R: Read> {
    /// Reader of its events.
    reader: Reader<BufReader<R>>,
    /// Working space of the reader.
    buffer: Vec<u8>,
}

/// What a cell element says of its cell.
struct CellElement {
    /// How many cells it stands for.
    repeats: u32,
    /// Columns and rows of the block it begins.
    spans: (u32, u32),
    /// Value by its attributes.
    value: Data,
    /// Whether its text is its value.
    is_text: bool,
}

/// Reads one sheet.
pub(super) fn read(bytes: &Bytes, name: &str) -> Result<Sheet, Error> {
    let broken = |source| Error::NotWorkbook { source };
    let mut archive = ZipArchive::new(Cursor::new(bytes.clone())).map_err(broken)?;
    if is_encrypted(&mut archive)? {
        return Err(Error::Password);
    }
    let content = archive.by_name("content.xml").map_err(broken)?;
    let mut reader = Reader::from_reader(BufReader::new(content));
    reader.config_mut().expand_empty_elements = true;
    let mut xml = Xml {
        reader,
        buffer: Vec::new(),
    };
    let mut names = Vec::new();
    while let Some(table) = xml.next_table()? {
        if table == name {
            return xml.table(name);
        }
        names.push(table);
        xml.skip(Tag::Table)?;
    }
    Err(Error::NoSheet {
        sheet: name.to_owned(),
        names: listed(names.iter().map(String::as_str)),
    })
}

/// Whether the manifest says that files are encrypted.
fn is_encrypted(archive: &mut ZipArchive<Cursor<Bytes>>) -> Result<bool, Error> {
    let Ok(mut manifest) = archive.by_name("META-INF/manifest.xml") else {
        return Ok(false);
    };
    let mut text = Vec::new();
    let read = manifest.read_to_end(&mut text);
    read.map_err(|source| Error::Damaged { source })?;
    let text = String::from_utf8_lossy(&text);
    Ok(text.contains("manifest:encryption-data"))
}

/// An element that matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tag {
    /// A sheet.
    Table,
    /// A row.
    Row,
    /// A cell.
    Cell,
    /// A cell covered by a merged block.
    Covered,
    /// A paragraph.
    Paragraph,
    /// Spaces.
    Spaces,
    /// A tab.
    Tab,
    /// A line break.
    Break,
    /// A remark of a reader.
    Remark,
    /// A drawing.
    Drawing,
    /// Anything else.
    Other,
}

impl Tag {
    /// The element of a name.
    fn of(name: &str) -> Self {
        match name {
            "table:table" => Self::Table,
            "table:table-row" => Self::Row,
            "table:table-cell" => Self::Cell,
            "table:covered-table-cell" => Self::Covered,
            "text:p" => Self::Paragraph,
            "text:s" => Self::Spaces,
            "text:tab" => Self::Tab,
            "text:line-break" => Self::Break,
            "office:annotation" => Self::Remark,
            "draw:frame" | "draw:custom-shape" => Self::Drawing,
            _ => Self::Other,
        }
    }
}

/// A step through the XML.
enum Step {
    /// A sheet begins, with its name.
    Table(String),
    /// A row begins, with how often it is repeated.
    Row(u32),
    /// A cell begins.
    Cell(CellElement),
    /// Another element begins, with a count that only spaces have.
    Start(Tag, u32),
    /// An element ends.
    End(Tag),
    /// Text between elements.
    Text(String),
    /// Anything else.
    Other,
}

impl<R: Read> Xml<R> {
    /// The next step; the end of the document is none that may come inside an element.
    fn step(&mut self) -> Result<Option<Step>, Error> {
        self.buffer.clear();
        let event = self.reader.read_event_into(&mut self.buffer);
        Ok(Some(match event.map_err(broken)? {
            Event::Start(element) => begin(&element)?,
            Event::End(element) => Step::End(Tag::of(element.name().0)),
            Event::Text(text) => Step::Text(text.xml10_content().into_owned()),
            Event::CData(text) => Step::Text(text.xml10_content().into_owned()),
            Event::GeneralRef(entity) => Step::Text(resolved(&entity)?),
            Event::Eof => return Ok(None),
            Event::Empty(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_) => Step::Other,
        }))
    }

    /// The next step inside an element.
    fn inner_step(&mut self) -> Result<Step, Error> {
        self.step()?.ok_or(Error::OdsContent {
            what: "its text ends inside a sheet",
        })
    }

    /// The name of the next sheet.
    fn next_table(&mut self) -> Result<Option<String>, Error> {
        while let Some(step) = self.step()? {
            if let Step::Table(name) = step {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }

    /// Passes over the rest of an element.
    fn skip(&mut self, tag: Tag) -> Result<(), Error> {
        let mut depth = 1_u32;
        while depth > 0 {
            let step = self.inner_step()?;
            depth += u32::from(begins(&step) == Some(tag));
            depth -= u32::from(ends(&step) == Some(tag));
        }
        Ok(())
    }

    /// The rows of a sheet.
    fn table(&mut self, name: &str) -> Result<Sheet, Error> {
        let mut cells = Gathered::new(name);
        let mut merged = Vec::new();
        let mut number = 0_u32;
        loop {
            match self.inner_step()? {
                Step::Row(repeats) => {
                    let row = self.row(number, &mut merged)?;
                    number = cells.put_row((number, repeats), &row)?;
                }
                Step::End(Tag::Table) => break,
                Step::Table(_) => self.skip(Tag::Table)?,
                _ => {}
            }
        }
        Ok(Sheet {
            rows: cells.rows,
            merged,
        })
    }

    /// The cells of a row that hold something.
    fn row(&mut self, number: u32, merged: &mut Vec<Span>) -> Result<Vec<(u32, Data)>, Error> {
        let mut cells = Vec::new();
        let mut column = 0_u32;
        loop {
            match self.inner_step()? {
                Step::Cell(cell) => {
                    merged.extend(span((number, column), cell.spans));
                    let repeats = cell.repeats;
                    let value = self.cell(cell)?;
                    column = put_cell(&mut cells, (column, repeats), &value)?;
                }
                Step::End(Tag::Row) => return Ok(cells),
                _ => {}
            }
        }
    }

    /// The value of a cell; reads to the end of its element.
    fn cell(&mut self, cell: CellElement) -> Result<Data, Error> {
        let mut shown = Shown::default();
        loop {
            match self.inner_step()? {
                Step::Start(aside @ (Tag::Remark | Tag::Drawing), _) => self.skip(aside)?,
                Step::Table(_) => self.skip(Tag::Table)?,
                Step::End(Tag::Cell | Tag::Covered) => break,
                step => shown.take(step),
            }
        }
        Ok(match cell.value {
            Data::Empty if cell.is_text && !shown.text.is_empty() => Data::String(shown.text),
            value => value,
        })
    }
}

/// The text that a cell shows.
#[derive(Debug, Default)]
struct Shown {
    /// The text so far.
    text: String,
    /// Paragraphs that began.
    n_paragraphs: u32,
    /// Whether one of them has not ended.
    is_inside: bool,
}

impl Shown {
    /// Takes what stands inside a cell.
    fn take(&mut self, step: Step) {
        match step {
            Step::Start(Tag::Paragraph, _) => {
                let is_next = self.n_paragraphs > 0;
                self.text.extend(is_next.then_some('\n'));
                self.n_paragraphs += 1;
                self.is_inside = true;
            }
            Step::Start(Tag::Spaces, n_spaces) => {
                let spaces = std::iter::repeat_n(' ', n_spaces.min(1_000) as usize);
                self.text.extend(spaces);
            }
            Step::Start(Tag::Tab, _) => self.text.push('\t'),
            Step::Start(Tag::Break, _) => self.text.push('\n'),
            Step::End(Tag::Paragraph) => self.is_inside = false,
            Step::Text(part) if self.is_inside => self.text.push_str(&part),
            _ => {}
        }
    }
}

/// The element that begins.
fn begins(step: &Step) -> Option<Tag> {
    match step {
        Step::Table(_) => Some(Tag::Table),
        Step::Start(tag, _) => Some(*tag),
        _ => None,
    }
}

/// The element that ends.
fn ends(step: &Step) -> Option<Tag> {
    match step {
        Step::End(tag) => Some(*tag),
        _ => None,
    }
}

impl Gathered<'_> {
    /// Puts a row as often as it is repeated; answers the number of the next.
    fn put_row(
        &mut self,
        (number, repeats): (u32, u32),
        cells: &[(u32, Data)],
    ) -> Result<u32, Error> {
        let next = number.saturating_add(repeats);
        if cells.is_empty() {
            return Ok(next);
        }
        if next > MAX_ROWS {
            return Err(Error::OdsContent {
                what: "it has more rows than a sheet may have",
            });
        }
        self.count(cells.len().saturating_mul(repeats as usize))?;
        self.rows.extend((number..next).map(|number| Row {
            number,
            cells: cells.to_vec(),
        }));
        Ok(next)
    }
}

/// Puts a cell as often as it is repeated; answers the column of the next.
fn put_cell(
    cells: &mut Vec<(u32, Data)>,
    (column, repeats): (u32, u32),
    value: &Data,
) -> Result<u32, Error> {
    let next = column.saturating_add(repeats);
    if matches!(value, Data::Empty) {
        return Ok(next);
    }
    if next > MAX_COLUMNS {
        return Err(Error::OdsContent {
            what: "it has more columns than a sheet may have",
        });
    }
    cells.extend((column..next).map(|column| (column, value.clone())));
    Ok(next)
}

/// What the start of an element says.
fn begin(element: &BytesStart<'_>) -> Result<Step, Error> {
    Ok(match Tag::of(element.name().0) {
        Tag::Table => {
            let name = attribute(element, "table:name")?;
            Step::Table(name.unwrap_or_default())
        }
        Tag::Row => Step::Row(count(element, "table:number-rows-repeated")?),
        Tag::Cell | Tag::Covered => Step::Cell(cell_element(element)?),
        Tag::Spaces => Step::Start(Tag::Spaces, count(element, "text:c")?),
        tag => Step::Start(tag, 1),
    })
}

/// What the attributes of a cell say.
fn cell_element(element: &BytesStart<'_>) -> Result<CellElement, Error> {
    let mut cell = CellElement {
        repeats: 1,
        spans: (1, 1),
        value: Data::Empty,
        is_text: false,
    };
    let mut kind = Cow::Borrowed("");
    let mut values: [Option<String>; VALUES.len()] = Default::default();
    let mut is_error = false;
    for found in element.attributes().with_checks(false) {
        let found = found.map_err(broken_attribute)?;
        let value = || {
            found
                .normalized_value(XmlVersion::Explicit1_0)
                .map_err(broken)
        };
        match found.key.0 {
            "office:value-type" => kind = value()?,
            "calcext:value-type" => is_error = value()? == "error",
            "table:number-columns-repeated" => cell.repeats = counted(&value()?)?,
            "table:number-columns-spanned" => cell.spans.0 = counted(&value()?)?,
            "table:number-rows-spanned" => cell.spans.1 = counted(&value()?)?,
            name => {
                let place = VALUES.iter().position(|known| *known == name);
                if let Some(slot) = place.and_then(|place| values.get_mut(place)) {
                    *slot = Some(value()?.into_owned()).filter(|text| !text.is_empty());
                }
            }
        }
    }
    let [number_text, date, time, flag, text] = values;
    let value = match kind.as_ref() {
        _ if is_error => Some(Data::Error(CellErrorType::NA)),
        "float" | "percentage" | "currency" => number_text.as_deref().map(number),
        "date" => date.map(Data::DateTimeIso),
        "time" => time.map(Data::DurationIso),
        "boolean" => flag.map(|flag| Data::Bool(flag == "true")),
        _ => text.map(Data::String),
    };
    cell.value = value.unwrap_or(Data::Empty);
    cell.is_text = kind == "string";
    Ok(cell)
}

/// A number as it is written; what is none is an error of the sheet.
fn number(text: &str) -> Data {
    let number: Result<f64, _> = text.parse();
    match number {
        Ok(number) if number.is_finite() => Data::Float(number),
        _ => Data::Error(CellErrorType::Value),
    }
}

/// The block that begins at a cell, if it is larger than the cell.
fn span((row, column): (u32, u32), (n_columns, n_rows): (u32, u32)) -> Option<Span> {
    let last = |first: u32, n: u32| first.saturating_add(n.saturating_sub(1));
    (n_columns > 1 || n_rows > 1).then(|| Span {
        rows: (row, last(row, n_rows)),
        columns: (column, last(column, n_columns)),
    })
}

/// An attribute that counts something; one where it is absent.
fn count(element: &BytesStart<'_>, name: &str) -> Result<u32, Error> {
    attribute(element, name)?.map_or(Ok(1), |text| counted(&text))
}

/// A number of rows, columns or spaces.
fn counted(text: &str) -> Result<u32, Error> {
    text.parse().map_err(|_| Error::OdsContent {
        what: "a number of repeated cells is no number",
    })
}

/// The value of an attribute.
fn attribute(element: &BytesStart<'_>, name: &str) -> Result<Option<String>, Error> {
    let found = element.try_get_attribute(name).map_err(broken_attribute)?;
    let value = found.map(|found| found.normalized_value(XmlVersion::Explicit1_0));
    let value = value.transpose().map_err(broken)?;
    Ok(value.map(Cow::into_owned))
}

/// The character that an entity stands for.
fn resolved(entity: &quick_xml::events::BytesRef<'_>) -> Result<String, Error> {
    if let Some(character) = entity.resolve_char_ref().map_err(broken)? {
        return Ok(character.to_string());
    }
    let text = match entity.xml10_content().as_ref() {
        "lt" => "<",
        "gt" => ">",
        "amp" => "&",
        "apos" => "'",
        "quot" => "\"",
        _ => {
            return Err(Error::OdsContent {
                what: "it holds an entity that is not known",
            });
        }
    };
    Ok(text.to_owned())
}

/// The XML is broken.
fn broken(source: quick_xml::Error) -> Error {
    Error::Ods {
        source: Box::new(source),
    }
}

/// An attribute is broken.
fn broken_attribute(source: quick_xml::events::attributes::AttrError) -> Error {
    broken(source.into())
}
