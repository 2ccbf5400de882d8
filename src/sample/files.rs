//! Files written line by line, and JSON page sets with a cursor, as a server would answer.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::Error;

/// Items on a full page.
const PAGE_LENGTH: usize = 500;

/// Where the bytes of a file go.
#[derive(Debug)]
enum Sink {
    /// As they are.
    Plain(BufWriter<File>),
    /// Through gzip, without a time in its header.
    Gzip(Box<GzEncoder<BufWriter<File>>>),
}

impl Sink {
    /// The place to write to.
    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::Plain(file) => file,
            Self::Gzip(file) => file.as_mut(),
        }
    }

    /// Writes out what is still in memory.
    fn close(self) -> std::io::Result<()> {
        match self {
            Self::Plain(mut file) => file.flush(),
            Self::Gzip(file) => file.finish()?.flush(),
        }
    }
}

/// A file that is appended to, compressed if its name ends in `.gz`.
#[derive(Debug)]
pub(crate) struct Appended {
    /// Its path, for the error message.
    path: PathBuf,
    /// The open file.
    file: Sink,
}

impl Appended {
    /// A new, empty file.
    pub(crate) fn create(path: &Path) -> Result<Self, Error> {
        let file = File::create(path).map_err(|source| Error::WriteFile {
            path: path.to_owned(),
            source,
        })?;
        let plain = BufWriter::with_capacity(1 << 16, file);
        let file = if path.extension().is_some_and(|extension| extension == "gz") {
            Sink::Gzip(Box::new(GzEncoder::new(plain, Compression::default())))
        } else {
            Sink::Plain(plain)
        };
        Ok(Self {
            path: path.to_owned(),
            file,
        })
    }

    /// Appends bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file
            .writer()
            .write_all(bytes)
            .map_err(|source| Error::WriteFile {
                path: self.path.clone(),
                source,
            })
    }

    /// Appends a line that ends in a line feed.
    pub(crate) fn line(&mut self, text: &str) -> Result<(), Error> {
        self.write(text.as_bytes())?;
        self.write(b"\n")
    }

    /// Writes out what is still in memory.
    pub(crate) fn close(self) -> Result<(), Error> {
        let Self { path, file } = self;
        file.close()
            .map_err(|source| Error::WriteFile { path, source })
    }
}

/// A page set: every page names the number of items in the whole set, which is known only at the
/// end, so the items wait in one file until then.
#[derive(Debug)]
pub(crate) struct Pages {
    /// Where the pages go.
    folder: PathBuf,
    /// Items so far, one per line.
    waiting: Appended,
    /// How many items so far.
    n_items: usize,
}

impl Pages {
    /// An empty page set in a new folder.
    pub(crate) fn create(folder: &Path) -> Result<Self, Error> {
        fs::create_dir_all(folder).map_err(|source| Error::WriteFile {
            path: folder.to_owned(),
            source,
        })?;
        let waiting = Appended::create(&folder.join("waiting.part"))?;
        Ok(Self {
            folder: folder.to_owned(),
            waiting,
            n_items: 0,
        })
    }

    /// Appends an item, already written as JSON.
    pub(crate) fn item(&mut self, json: &str) -> Result<(), Error> {
        self.n_items += 1;
        self.waiting.line(json)
    }

    /// How many items so far.
    pub(crate) fn n_items(&self) -> usize {
        self.n_items
    }

    /// Writes the pages.
    pub(crate) fn close(self) -> Result<(), Error> {
        let Self {
            folder,
            waiting,
            n_items,
        } = self;
        let path = waiting.path.clone();
        waiting.close()?;
        let failed = |source| Error::WriteFile {
            path: path.clone(),
            source,
        };
        let text = File::open(&path).map_err(failed)?;
        let mut lines = std::io::BufRead::lines(std::io::BufReader::new(text));
        let n_pages = n_items.div_ceil(PAGE_LENGTH).max(1);
        for page in 1..=n_pages {
            let mut file = Appended::create(&folder.join(format!("page-{page:05}.json.gz")))?;
            file.write(b"{\"items\":[")?;
            for (place, line) in lines.by_ref().take(PAGE_LENGTH).enumerate() {
                file.write(&b",\n"[usize::from(place == 0)..])?;
                file.write(line.map_err(failed)?.as_bytes())?;
            }
            let next = if page == n_pages {
                "null".to_owned()
            } else {
                cursor(page)
            };
            file.line(&format!("\n],\"total\":{n_items},\"next\":{next}}}"))?;
            file.close()?;
        }
        fs::remove_file(&path).map_err(failed)
    }
}

/// An opaque cursor to the page after this one.
fn cursor(page: usize) -> String {
    format!(
        "\"{:016x}\"",
        super::numbers::scrambled(super::numbers::wide(page))
    )
}
