//! Writing a page anew without some of its records, in the format it has.
//!
//! Whatever is not taken out stays byte for byte where the format is text, and value for value
//! where it is not. A page without any record to take out is not written.
//!
//! ```text
//! csv, ndjson   the line leaves                              other lines stay as they are
//! json          the member of the array leaves               the rest of the document stays
//! parquet,arrow the row leaves                               written anew with the same schema
//! xlsx, ods     the cells of the row are emptied             all else of the workbook stays
//! ```

use bytes::Bytes;

use super::Error;
use super::packed::{Wrap, Zips, packed, unpacked};
use super::subjects::Judge;
use crate::spec::format::{Format, SheetFormat};

mod columns;
mod json;
mod lines;
mod records;
mod sheet;
mod text;

pub(super) use json::{is_json, scrubbed_json};

/// A page written anew.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Rewritten {
    /// Its bytes.
    pub(super) bytes: Vec<u8>,
    /// Records that left.
    pub(super) n_dropped: u64,
    /// Records that stayed without the name of a person.
    pub(super) n_blanked: u64,
    /// Fields of other records in which the id stood among other words.
    pub(super) n_mentions: u64,
}

impl Rewritten {
    /// Whether nothing had to be done.
    fn is_same(&self) -> bool {
        self.n_dropped + self.n_blanked + self.n_mentions == 0
    }
}

/// Takes the records of a judge's persons out of a page; `None` where it has none.
///
/// # Errors
/// [`Error::Unreadable`] where the page cannot be read or written.
pub(super) fn rewrite(
    format: &Format,
    judge: &Judge<'_>,
    page: &Bytes,
) -> Result<Option<Rewritten>, Error> {
    let zips = match format {
        Format::Sheet(SheetFormat { entry: None, .. }) => Zips::Are,
        other => Zips::Pack(other.wrapping().entry),
    };
    let Ok((wrap, content)) = unpacked(page, zips) else {
        return Ok(as_bytes(judge, page));
    };
    let done = match format {
        Format::Csv(options) => text::csv(format, options, judge, &content),
        Format::Ndjson(_) => text::unicode(&content, |text| Ok(lines::ndjson(judge, text))),
        Format::Json(options) => {
            text::unicode(&content, |text| json::document(options, judge, text))
        }
        Format::Parquet(_) => columns::parquet(judge, &content),
        Format::Arrow(_) => columns::arrow(judge, &content),
        Format::Sheet(options) => sheet::workbook(options, judge, &content),
    };
    let done = match done {
        Ok(done) => done,
        // Nothing of a page that no reader can take apart is in any table.
        Err(Error::Unreadable { .. }) => {
            return as_bytes(judge, &content)
                .map(|done| repacked(done, &wrap))
                .transpose();
        }
        Err(error) => return Err(error),
    };
    if done.is_same() {
        return Ok(None);
    }
    repacked(done, &wrap).map(Some)
}

/// The page packed as it was.
fn repacked(done: Rewritten, wrap: &Wrap) -> Result<Rewritten, Error> {
    Ok(Rewritten {
        bytes: packed(done.bytes, wrap)?,
        ..done
    })
}

/// A page that cannot be taken apart, without the ids.
fn as_bytes(judge: &Judge<'_>, page: &[u8]) -> Option<Rewritten> {
    let bytes = judge.scrubbed_bytes(page)?;
    Some(Rewritten {
        bytes,
        n_mentions: 1,
        ..Rewritten::default()
    })
}

#[cfg(test)]
mod tests;
