//! Workbooks: the cells of one sheet of an XLSX or ODS file, and its merged blocks.
//!
//! Only cells that hold something are kept, so that a sheet with one cell in its last corner costs
//! no more than one with a cell in its first. What a row or cell repeats is written out, up to a
//! number of cells that no sheet kept by hand has.

use std::io::{Cursor, Read};

use bytes::Bytes;
use calamine::Data;
use thiserror::Error;
use zip::ZipArchive;
use zip::result::ZipError;

use super::page::read_whole;

pub(crate) mod header;
mod ods;
mod xlsx;

/// The most cells that are read of one sheet.
const MAX_CELLS: usize = 10_000_000;

/// The most bytes that the files in a workbook may unfold into.
const MAX_INFLATED: u64 = 2 << 30;

/// Why a workbook cannot be read.
#[derive(Debug, Error)]
pub enum Error {
    /// Not a zip archive, or a damaged one.
    #[error("the page is not a whole workbook; save it as XLSX or ODS")]
    NotWorkbook {
        /// What the reader found.
        source: ZipError,
    },
    /// A file in the workbook cannot be inflated.
    #[error(
        "the workbook is damaged, or larger than one workbook may be; save it again or split it"
    )]
    Damaged {
        /// What the reader found.
        source: std::io::Error,
    },
    /// A zip archive that is neither.
    #[error("the page is neither XLSX nor ODS; save it as one of them")]
    OtherKind,
    /// A workbook with a password.
    #[error("the workbook has a password; save it without")]
    Password,
    /// The XLSX cannot be taken apart.
    #[error("the XLSX workbook cannot be read; save it again")]
    Xlsx {
        /// What the reader found.
        source: Box<calamine::XlsxError>,
    },
    /// The XML of the ODS cannot be read.
    #[error("the ODS workbook cannot be read; save it again")]
    Ods {
        /// What the reader found.
        source: Box<quick_xml::Error>,
    },
    /// The XML of the ODS ends too early or holds what no sheet holds.
    #[error("the ODS workbook cannot be read: {what}; save it again")]
    OdsContent {
        /// What is wrong.
        what: &'static str,
    },
    /// No such sheet.
    #[error("the workbook has no sheet `{sheet}`, only {names}; correct `sheet`")]
    NoSheet {
        /// Sheet as declared.
        sheet: String,
        /// Sheets that are there.
        names: String,
    },
    /// More cells than any sheet kept by hand has.
    #[error("sheet `{sheet}` has more than {MAX_CELLS} cells; export it as CSV")]
    TooLarge {
        /// Sheet.
        sheet: String,
    },
}

/// A merged block of cells: first and last row, first and last column, from zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    /// Rows.
    pub(crate) rows: (u32, u32),
    /// Columns.
    pub(crate) columns: (u32, u32),
}

impl Span {
    /// Whether a cell is in the block.
    pub(crate) fn covers(&self, row: u32, column: u32) -> bool {
        (self.rows.0..=self.rows.1).contains(&row)
            && (self.columns.0..=self.columns.1).contains(&column)
    }
}

/// A row with a cell that holds something.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Row {
    /// Number, from zero.
    pub(crate) number: u32,
    /// Cells that hold something by their column, from zero.
    pub(crate) cells: Vec<(u32, Data)>,
}

/// The cells of one sheet.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Sheet {
    /// Rows in their order; those without any cell are not among them.
    pub(crate) rows: Vec<Row>,
    /// Merged blocks.
    pub(crate) merged: Vec<Span>,
}

impl Sheet {
    /// What a cell holds, if it holds something.
    pub(crate) fn get(&self, row: u32, column: u32) -> Option<&Data> {
        let place = self.rows.binary_search_by_key(&row, |row| row.number);
        self.rows.get(place.ok()?)?.get(column)
    }

    /// The greatest column that holds something.
    pub(crate) fn last_column(&self) -> Option<u32> {
        let last = |row: &Row| row.cells.last().map(|(column, _)| *column);
        self.rows.iter().filter_map(last).max()
    }
}

impl Row {
    /// What a cell of the row holds, if it holds something.
    pub(crate) fn get(&self, column: u32) -> Option<&Data> {
        let place = self.cells.binary_search_by_key(&column, |cell| cell.0);
        self.cells.get(place.ok()?).map(|(_, cell)| cell)
    }

    /// Whether no cell holds more than white space.
    pub(crate) fn is_blank(&self) -> bool {
        self.cells.iter().all(|(_, cell)| is_blank(cell))
    }
}

/// Whether a cell holds nothing but white space.
fn is_blank(cell: &Data) -> bool {
    match cell {
        Data::Empty => true,
        Data::String(text) => text.trim().is_empty(),
        _ => false,
    }
}

/// A workbook that was opened.
pub(crate) struct Workbook {
    /// Its files.
    bytes: Bytes,
    /// How they are written.
    kind: Kind,
}

/// How a workbook is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Office Open XML.
    Xlsx,
    /// `OpenDocument`.
    Ods,
}

impl Workbook {
    /// Opens a workbook after proving every file in it whole and not too large.
    pub(crate) fn open(bytes: Bytes) -> Result<Self, Error> {
        let broken = |source| Error::NotWorkbook { source };
        let mut archive = ZipArchive::new(Cursor::new(bytes.clone())).map_err(broken)?;
        let kind = kind(&mut archive)?;
        let mut left = MAX_INFLATED;
        for index in 0..archive.len() {
            let mut file = archive.by_index(index).map_err(broken)?.take(left + 1);
            let inflated = std::io::copy(&mut file, &mut std::io::sink());
            let n_bytes = inflated.map_err(|source| Error::Damaged { source })?;
            left = left.checked_sub(n_bytes).ok_or_else(|| Error::Damaged {
                source: std::io::ErrorKind::FileTooLarge.into(),
            })?;
        }
        Ok(Self { bytes, kind })
    }

    /// Reads one sheet.
    pub(crate) fn sheet(&self, name: &str) -> Result<Sheet, Error> {
        let sheet = match self.kind {
            Kind::Xlsx => xlsx::read(self.bytes.clone(), name),
            Kind::Ods => ods::read(&self.bytes, name),
        };
        let mut sheet = sheet?;
        sheet.rows.retain(|row| !row.cells.is_empty());
        Ok(sheet)
    }
}

/// How the files of an archive are written.
fn kind(archive: &mut ZipArchive<Cursor<Bytes>>) -> Result<Kind, Error> {
    const ODS: &[u8] = b"application/vnd.oasis.opendocument.spreadsheet";
    if let Ok(file) = archive.by_name("mimetype") {
        let kind = read_whole(file.take(128), 128).map_err(|source| Error::Damaged { source })?;
        return if kind.trim_ascii() == ODS {
            Ok(Kind::Ods)
        } else {
            Err(Error::OtherKind)
        };
    }
    if archive.index_for_name("[Content_Types].xml").is_some() {
        return Ok(Kind::Xlsx);
    }
    Err(Error::OtherKind)
}

/// Rows while they are read, up to a number of cells.
struct Gathered<'n> {
    /// Name of the sheet.
    sheet: &'n str,
    /// Rows so far.
    rows: Vec<Row>,
    /// Cells in them.
    n_cells: usize,
}

impl<'n> Gathered<'n> {
    /// No cells yet.
    fn new(sheet: &'n str) -> Self {
        Self {
            sheet,
            rows: Vec::new(),
            n_cells: 0,
        }
    }

    /// Counts some more cells.
    fn count(&mut self, n_cells: usize) -> Result<(), Error> {
        self.n_cells = self.n_cells.saturating_add(n_cells);
        if self.n_cells > MAX_CELLS {
            return Err(Error::TooLarge {
                sheet: self.sheet.to_owned(),
            });
        }
        Ok(())
    }
}

/// Names as a list for a message.
fn listed<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let names: Vec<String> = names.take(12).map(|name| format!("`{name}`")).collect();
    if names.is_empty() {
        return "none".to_owned();
    }
    names.join(", ")
}

#[cfg(test)]
mod tests;
