//! `publish`: protected tables become one release, with data, metadata, pages and checksums.
//!
//! The whole stage is a pure function from a `ReleaseContent` to files: no clock, no place, no
//! order that could vary, so publishing twice gives the same bytes. What is written:
//!
//! ```text
//! v2026.1.0/
//!   README.md  CHANGELOG.md  SHA256SUMS  datapackage.json
//!   data/<table>.csv  data/<table>.parquet
//!   metadata/datapackage.json  metadata/dictionary.csv  metadata/dictionary.md  metadata/books.csv
//!   metadata/sources.csv
//!   site/style.css
//!   site/{it,en}/index.html
//!   site/{it,en}/districts/<code>/index.html
//!   site/{it,en}/signals/index.html
//! ```
//!
//! Two things are refused before a byte is written: a column without a meaning, and a figure in a
//! row whose status says that it is not published.

use std::path::{Path, PathBuf};

/// The value a release is made of.
pub(crate) mod content;

/// Titles and meanings of what every release holds.
mod columns;
/// The data dictionary.
mod dictionary;
/// Names and books.
mod facts;
/// Writing files and keeping their checksums.
mod files;
/// The Frictionless data package.
mod package;
/// From the lake to one release folder.
pub mod release;
/// The pages.
mod site;
/// Tables as CSV and Parquet.
mod tables;
/// The README and the changelog.
mod texts;

#[cfg(test)]
pub(crate) mod example;
#[cfg(test)]
mod tests;

pub(crate) use content::ReleaseContent;
pub(crate) use files::{FileEntry, Written};
pub use release::{Report, publish};

use files::Folder;
use tables::PlainTable;

/// Why a release could not be written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder to write into cannot be made.
    #[error("cannot create the folder `{path}`")]
    CreateFolder {
        /// The folder.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The folder to write into already holds something; a release is never written over another.
    #[error("the folder `{path}` is not empty, and a release is never written over another")]
    FolderNotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// A file cannot be written.
    #[error("cannot write the file `{path}`")]
    WriteFile {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// A table cannot be written as CSV, or a column has a type that no release uses.
    #[error("cannot write the table `{table}`")]
    EncodeTable {
        /// The table.
        table: String,
        /// The cause.
        #[source]
        source: arrow::error::ArrowError,
    },
    /// A table cannot be written as Parquet.
    #[error("cannot write the table `{table}` as Parquet")]
    EncodeParquet {
        /// The table.
        table: String,
        /// The cause.
        #[source]
        source: parquet::errors::ParquetError,
    },
    /// A list cannot be written as CSV.
    #[error("cannot write the list `{path}`")]
    EncodeList {
        /// The file inside the release.
        path: &'static str,
        /// The cause.
        #[source]
        source: csv::Error,
    },
    /// The data package cannot be written as JSON.
    #[error("cannot write the data package")]
    EncodePackage(#[source] serde_json::Error),
    /// Two tables have the same name.
    #[error("the table `{table}` is there twice")]
    RepeatedTable {
        /// The table.
        table: String,
    },
    /// The columns of a table and their meanings differ.
    #[error("table `{table}` has the columns `{found}` but meanings for `{described}`")]
    FieldsDiffer {
        /// The table.
        table: String,
        /// Columns of the batch.
        found: String,
        /// Columns that have a meaning.
        described: String,
    },
    /// A column that names rows is not in the table.
    #[error("table `{table}` has no column `{column}`")]
    MissingColumn {
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// A row that is not published carries a figure.
    #[error("row {row} of table `{table}` is `{status}` and still carries `{column}`")]
    HiddenFigure {
        /// The table.
        table: String,
        /// Row, counted from 1.
        row: usize,
        /// Its status.
        status: String,
        /// The column with the figure.
        column: String,
    },
    /// A row that is published lacks its figure.
    #[error("row {row} of table `{table}` is published and has no `{column}`")]
    MissingFigure {
        /// The table.
        table: String,
        /// Row, counted from 1.
        row: usize,
        /// The column without a figure.
        column: String,
    },
    /// A status is none of the four.
    #[error("table `{table}` has the unknown status `{status}`")]
    UnknownStatus {
        /// The table.
        table: String,
        /// The status.
        status: String,
    },
    /// A code would not be safe as the name of a folder.
    #[error("the district code `{code}` cannot name a folder")]
    UnsafeCode {
        /// The code.
        code: String,
    },
}

/// Writes a whole release into `folder`, which must be empty or absent, and lists what it wrote.
///
/// A caller that wants all or nothing gives a temporary folder and renames it.
pub(crate) fn write_release(content: &ReleaseContent, folder: &Path) -> Result<Written, Error> {
    let plain = tables::check(content)?;
    let mut folder = Folder::create(folder)?;
    let resources = write_tables(&plain, &mut folder)?;
    write_metadata(content, &resources, &mut folder)?;
    for page in site::pages(content, &plain, &resources)? {
        folder.write(&page.path, page.text.as_bytes())?;
    }
    folder.write("README.md", texts::readme(content).as_bytes())?;
    folder.write("CHANGELOG.md", texts::changelog(content).as_bytes())?;
    folder.finish()
}

/// The two files of one table.
#[derive(Debug, Clone)]
pub(crate) struct Resource {
    /// Its CSV file.
    csv: FileEntry,
    /// Its Parquet file.
    parquet: FileEntry,
}

/// Writes every table in both formats.
fn write_tables(plain: &[PlainTable<'_>], folder: &mut Folder) -> Result<Vec<Resource>, Error> {
    let mut resources = Vec::with_capacity(plain.len());
    for table in plain {
        let name = &table.declared.name;
        let csv = folder.write(&format!("data/{name}.csv"), &tables::csv(table)?)?;
        let parquet = folder.write(&format!("data/{name}.parquet"), &tables::parquet(table)?)?;
        resources.push(Resource { csv, parquet });
    }
    Ok(resources)
}

/// Writes the dictionary, the books and the data package, which lists them all.
fn write_metadata(
    content: &ReleaseContent,
    resources: &[Resource],
    folder: &mut Folder,
) -> Result<(), Error> {
    let lists = package::Lists {
        books: folder.write("metadata/books.csv", &texts::books(content)?)?,
        sources: folder.write("metadata/sources.csv", &texts::sources(content)?)?,
    };
    folder.write("metadata/dictionary.csv", &dictionary::csv(content)?)?;
    folder.write(
        "metadata/dictionary.md",
        dictionary::markdown(content).as_bytes(),
    )?;
    let relative = package::json(content, resources, &lists, "")?;
    folder.write("datapackage.json", relative.as_bytes())?;
    let absolute = package::json(content, resources, &lists, &texts::address(content))?;
    folder.write("metadata/datapackage.json", absolute.as_bytes())?;
    Ok(())
}
