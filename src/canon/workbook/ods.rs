//! The cells of an ODS sheet, read from `content.xml` element by element.
//!
//! Rows and cells may be repeated and blocks merged by attributes of their elements; comments of
//! readers and drawings stand inside cells and are no part of their values.

use std::io::{BufReader, Cursor, Read};

use bytes::Bytes;
use calamine::{CellErrorType, Data};
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use zip::ZipArchive;

use super::{Cells, Error, Row, Sheet, Span, listed};

/// Rows of the largest sheet.
const MAX_ROWS: u32 = 1_048_576;

/// Columns of the widest sheet.
const MAX_COLUMNS: u32 = 16_384;

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
        xml.skip("table:table")?;
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

/// A step through the XML.
enum Step {
    /// An element begins.
    Start(BytesStart<'static>),
    /// An element ends.
    End(String),
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
            Event::Start(element) => Step::Start(element.into_owned()),
            Event::End(element) => Step::End(element.name().0.to_owned()),
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
            if let Step::Start(element) = step
                && element.name().0 == "table:table"
            {
                let name = attribute(&element, "table:name")?;
                return Ok(Some(name.unwrap_or_default()));
            }
        }
        Ok(None)
    }

    /// Passes over the rest of an element.
    fn skip(&mut self, name: &str) -> Result<(), Error> {
        let mut depth = 1_u32;
        while depth > 0 {
            match self.inner_step()? {
                Step::Start(element) if element.name().0 == name => depth += 1,
                Step::End(ended) if ended == name => depth -= 1,
                Step::Start(_) | Step::End(_) | Step::Text(_) | Step::Other => {}
            }
        }
        Ok(())
    }

    /// The rows of a sheet.
    fn table(&mut self, name: &str) -> Result<Sheet, Error> {
        let mut cells = Cells::new(name);
        let mut merged = Vec::new();
        let mut number = 0_u32;
        loop {
            match self.inner_step()? {
                Step::Start(element) if element.name().0 == "table:table-row" => {
                    let repeats = count(&element, "table:number-rows-repeated")?;
                    let row = self.row(number, &mut merged)?;
                    let next = number.saturating_add(repeats);
                    if !row.is_empty() && next > MAX_ROWS {
                        return Err(Error::OdsContent {
                            what: "it has more rows than a sheet may have",
                        });
                    }
                    if !row.is_empty() {
                        cells.count(row.len().saturating_mul(repeats as usize))?;
                        cells.rows.extend((number..next).map(|number| Row {
                            number,
                            cells: row.clone(),
                        }));
                    }
                    number = next;
                }
                Step::End(ended) if ended == "table:table" => break,
                Step::Start(element) if element.name().0 == "table:table" => {
                    self.skip("table:table")?;
                }
                Step::Start(_) | Step::End(_) | Step::Text(_) | Step::Other => {}
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
                Step::Start(element) if is_cell(element.name().0) => {
                    let cell = cell_element(&element)?;
                    let value = self.cell(element.name().0, &cell)?;
                    let next = column.saturating_add(cell.repeats);
                    let is_empty = matches!(value, Data::Empty);
                    if !is_empty && next > MAX_COLUMNS {
                        return Err(Error::OdsContent {
                            what: "it has more columns than a sheet may have",
                        });
                    }
                    if !is_empty {
                        cells.extend((column..next).map(|column| (column, value.clone())));
                    }
                    merged.extend(span((number, column), cell.spans));
                    column = next;
                }
                Step::End(ended) if ended == "table:table-row" => return Ok(cells),
                Step::Start(_) | Step::End(_) | Step::Text(_) | Step::Other => {}
            }
        }
    }

    /// The value of a cell; reads to the end of its element.
    fn cell(&mut self, name: &str, cell: &CellElement) -> Result<Data, Error> {
        let mut text = String::new();
        let mut n_paragraphs = 0_u32;
        let mut is_inside = false;
        loop {
            match self.inner_step()? {
                Step::Start(element) => match element.name().0 {
                    "text:p" => {
                        if n_paragraphs > 0 {
                            text.push('\n');
                        }
                        n_paragraphs += 1;
                        is_inside = true;
                    }
                    "text:s" => {
                        let n_spaces = count(&element, "text:c")?.min(1_000);
                        text.extend(std::iter::repeat_n(' ', n_spaces as usize));
                    }
                    "text:tab" => text.push('\t'),
                    "text:line-break" => text.push('\n'),
                    aside @ ("office:annotation" | "table:table" | "draw:frame"
                    | "draw:custom-shape") => self.skip(aside)?,
                    _ => {}
                },
                Step::End(ended) if ended == "text:p" => is_inside = false,
                Step::End(ended) if ended == name => break,
                Step::Text(part) if is_inside => text.push_str(&part),
                Step::End(_) | Step::Text(_) | Step::Other => {}
            }
        }
        Ok(match &cell.value {
            Data::Empty if cell.is_text && !text.is_empty() => Data::String(text),
            value => value.clone(),
        })
    }
}

/// Whether an element is a cell, be it covered by a merged block or not.
fn is_cell(name: &str) -> bool {
    matches!(name, "table:table-cell" | "table:covered-table-cell")
}

/// What the attributes of a cell say.
fn cell_element(element: &BytesStart<'_>) -> Result<CellElement, Error> {
    let kind = attribute(element, "office:value-type")?.unwrap_or_default();
    let is_error = attribute(element, "calcext:value-type")?.as_deref() == Some("error");
    let text = |name| attribute(element, name).map(|value| value.filter(|text| !text.is_empty()));
    let value = match kind.as_str() {
        _ if is_error => Some(Data::Error(CellErrorType::NA)),
        "float" | "percentage" | "currency" => text("office:value")?.map(number),
        "date" => text("office:date-value")?.map(Data::DateTimeIso),
        "time" => text("office:time-value")?.map(Data::DurationIso),
        "boolean" => text("office:boolean-value")?.map(|text| Data::Bool(text == "true")),
        _ => text("office:string-value")?.map(Data::String),
    };
    Ok(CellElement {
        repeats: count(element, "table:number-columns-repeated")?,
        spans: (
            count(element, "table:number-columns-spanned")?,
            count(element, "table:number-rows-spanned")?,
        ),
        value: value.unwrap_or(Data::Empty),
        is_text: kind == "string",
    })
}

/// A number as it is written; what is none is an error of the sheet.
fn number(text: String) -> Data {
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
    let Some(text) = attribute(element, name)? else {
        return Ok(1);
    };
    text.parse().map_err(|_| Error::OdsContent {
        what: "a number of repeated cells is no number",
    })
}

/// The value of an attribute.
fn attribute(element: &BytesStart<'_>, name: &str) -> Result<Option<String>, Error> {
    let found = element.try_get_attribute(name).map_err(broken_attribute)?;
    let value = found.map(|found| found.normalized_value(XmlVersion::Explicit1_0));
    let value = value.transpose().map_err(broken)?;
    Ok(value.map(std::borrow::Cow::into_owned))
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
