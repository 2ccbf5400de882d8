//! Brings pages to the canonical tables, or rejects their rows with a reason.
//!
//! Two steps, for each platform whose pages or contract changed:
//!
//! 1. **typed reading**: each page is read by its format, each row judged by the contract of its
//!    table. A row ends as exactly one of accepted, rejected, duplicate, superseded, erased; the
//!    sum is compared with the count that `acquire` took independently. Ids become keyed
//!    pseudonyms here, before anything is written. The result is `source.<platform>__<table>`.
//! 2. **mapping**: `sql/conformed/<platform>__<table>.sql` turns typed rows into rows of a
//!    canonical table such as `conformed.exchanges`.
//!
//! Both write scopes, so a platform that did not change is not touched.

use std::collections::BTreeMap;
use std::io::Cursor;

use arrow::array::AsArray;
use arrow::record_batch::RecordBatch;

use crate::canon::cells::CellError;
use crate::canon::comune::{ComuneIndex, ComuneRow};
use crate::canon::page;
use crate::canon::pseudonym::PseudonymKey;
use crate::context::tables;
use crate::context::{Context, Total};
use crate::engine;
use crate::lake::pages::Page;
use crate::lake::{self, WholeTable, Zone};
use crate::spec::source::{SourceSpec, TableSpec};

mod books;
pub(crate) mod formats;
mod mapping;
pub mod rejects;
pub(crate) mod typed;

pub use books::{BookLine, Closed};
use books::{Ledger, line_of};
pub use mapping::MappingReport;
pub(crate) use mapping::missing_columns;
use typed::{Conformed, KeyRing, PageRef, TableConformer, TableRef};

/// The most bytes of a page that are held in memory to be read.
const MAX_READ: u64 = 4 << 30;

/// Version of what this stage writes; part of every fingerprint.
const VERSION: &str = "conform-1";

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A page cannot be read at all.
    #[error("source table `{table}`: page `{url}` cannot be read")]
    Page {
        /// Platform and table.
        table: String,
        /// Address the page was fetched from.
        url: String,
        /// Why not.
        #[source]
        source: Box<typed::Error>,
    },
    /// A page cannot be taken out of its envelope.
    #[error("source table `{table}`: page `{url}` cannot be opened")]
    Compressed {
        /// Platform and table.
        table: String,
        /// Address the page was fetched from.
        url: String,
        /// Why not.
        #[source]
        source: Box<page::Error>,
    },
    /// The typed rows do not make a table.
    #[error("source table `{table}` cannot be built")]
    Typed {
        /// Platform and table.
        table: String,
        /// Why not.
        #[source]
        source: Box<typed::Error>,
    },
    /// A mapping failed.
    #[error("mapping `{model}` failed")]
    Mapping {
        /// The mapping.
        model: String,
        /// Why.
        #[source]
        source: engine::Error,
    },
    /// A mapping does not fit its canonical table.
    #[error("mapping `{model}`: {message}")]
    Misfit {
        /// The mapping.
        model: String,
        /// What does not fit.
        message: String,
    },
    /// A table could not be opened.
    #[error("cannot open the tables of `{model}`")]
    Inputs {
        /// Who reads them.
        model: String,
        /// Why not.
        #[source]
        source: tables::Error,
    },
    /// The books of rejects or counts could not be built.
    #[error("the books cannot be built")]
    Books(#[source] arrow::error::ArrowError),
    /// The table of rejects cannot be read.
    #[error("`conformed.rejects` cannot be read")]
    Rejects(#[source] CellError),
    /// The list of dropped rejects is damaged.
    #[error("the list of dropped rejects `rejects/dropped.json` in the lake is damaged")]
    Dropped(#[source] serde_json::Error),
    /// The lake failed.
    #[error("the lake failed while conforming")]
    Lake(#[source] lake::Error),
}

impl From<lake::Error> for Error {
    fn from(source: lake::Error) -> Self {
        Self::Lake(source)
    }
}

/// What was done.
#[derive(Debug, Default)]
pub struct Report {
    /// Books of every source table.
    pub books: Vec<BookLine>,
    /// What each mapping did.
    pub mappings: Vec<MappingReport>,
    /// Platforms that failed, with the reason; the others went on.
    pub failed: BTreeMap<String, Error>,
}

/// Conforms the platforms named.
///
/// # Errors
/// Only what concerns all platforms; the failure of one is in the report.
pub async fn conform(cx: &Context, platforms: &[String]) -> Result<Report, Error> {
    let pages = cx.lake.current_pages().await?;
    let (comuni, reference) = comune_index(cx)?;
    let mut ledger = Ledger::load(cx).await?;
    let mut report = Report::default();
    for platform in platforms {
        let Some(source) = cx.commons.sources.get(platform) else {
            continue;
        };
        let reader = Reader {
            cx,
            platform,
            comuni: &comuni,
            reference: &reference,
        };
        let pages = pages.get(platform).map_or(&[][..], Vec::as_slice);
        if let Err(error) = reader.read_tables(&source.spec, pages, &mut ledger).await {
            report.failed.insert(platform.clone(), error);
        }
    }
    ledger.commit(cx).await?;
    report.mappings = mapping::map_all(cx, platforms, &mut report.failed).await?;
    report.books = ledger.into_lines();
    Ok(report)
}

/// The books as of the last run, without conforming anything.
///
/// # Errors
/// When the lake cannot be read.
pub async fn books(cx: &Context) -> Result<Vec<BookLine>, Error> {
    Ok(Ledger::load(cx).await?.into_lines())
}

/// The reference list of comuni and the hash of its file.
fn comune_index(cx: &Context) -> Result<(ComuneIndex, String), Error> {
    const NAME: &str = "comuni";
    let failed = |source| Error::Inputs {
        model: "reference.comuni".to_owned(),
        source,
    };
    let spec = cx.commons.reference.tables.get(NAME).ok_or_else(|| {
        failed(tables::Error::Missing {
            table: format!("reference.{NAME}"),
        })
    })?;
    let (batch, fingerprint) = cx.reference_rows(NAME, spec).map_err(failed)?;
    let column = |name: &str| {
        batch
            .column_by_name(name)
            .and_then(|column| column.as_string_opt::<i32>())
    };
    let columns = [
        column("comune_code"),
        column("name"),
        column("provincia_code"),
        column("codice_catastale"),
    ];
    let [Some(code), Some(name), Some(provincia), Some(catastale)] = columns else {
        return Err(failed(tables::Error::Missing {
            table: "reference.comuni with comune_code, name, provincia_code and codice_catastale"
                .to_owned(),
        }));
    };
    let rows = (0..batch.num_rows()).map(|row| ComuneRow {
        code: code.value(row).to_owned(),
        name: name.value(row).to_owned(),
        provincia: provincia.value(row).to_owned(),
        codice_catastale: catastale.value(row).to_owned(),
    });
    Ok((ComuneIndex::new(rows), fingerprint))
}

/// A page as its format reads it.
fn plain(spec: &TableSpec, kept: bytes::Bytes) -> Result<Vec<u8>, page::Error> {
    let opened = page::open(Box::new(Cursor::new(kept)), spec.format.wrapping())?;
    let read = page::read_whole(opened.bytes, MAX_READ);
    read.map_err(|source| page::Error::Read { source })
}

/// Reads the tables of one platform.
struct Reader<'a> {
    /// Context of the run.
    cx: &'a Context,
    /// The platform.
    platform: &'a str,
    /// Reference list of comuni.
    comuni: &'a ComuneIndex,
    /// Hash of that list.
    reference: &'a str,
}

impl Reader<'_> {
    /// Reads every table of the platform that is not up to date.
    async fn read_tables(
        &self,
        source: &SourceSpec,
        pages: &[Page],
        ledger: &mut Ledger,
    ) -> Result<(), Error> {
        for (table, spec) in &source.tables {
            let pages: Vec<&Page> = pages.iter().filter(|page| page.table == *table).collect();
            let name = format!("{}__{table}", self.platform);
            let fingerprint = self.fingerprint(spec, &pages);
            let before = self.cx.lake.snapshot(Zone::Source, &name).await?;
            let is_current = before.is_some_and(|before| before.is_made_from(&fingerprint));
            if is_current && ledger.holds(&name, &fingerprint) {
                continue;
            }
            let conformed = self.read_table(&name, (table, spec), &pages).await?;
            self.write_typed(&name, conformed.batch, &fingerprint)
                .await?;
            let line = line_of(self.platform, table, &pages, &conformed.books);
            ledger.record(&name, fingerprint, line, conformed.rejects);
        }
        Ok(())
    }

    /// Hash of all a typed table is made from.
    fn fingerprint(&self, spec: &TableSpec, pages: &[&Page]) -> String {
        let mut hasher = blake3::Hasher::new();
        let settings = &self.cx.commons.settings.secrets;
        // The keys leave no trace: a keyed hash of a constant tells one key from another.
        let trace = |key: &PseudonymKey| key.key("fingerprint", self.platform, settings.epoch, "");
        let keys = [trace(&self.cx.key), trace(self.cx.persons.current())];
        for part in [
            VERSION,
            self.reference,
            &format!("{spec:?}"),
            &format!("{keys:?}"),
        ] {
            hasher.update(part.as_bytes());
            hasher.update(b"\0");
        }
        for page in pages {
            let Page {
                url,
                sha256,
                n_records,
                n_erased,
                ..
            } = page;
            hasher.update(format!("{url} {sha256} {n_records:?} {n_erased}\n").as_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }

    /// Reads one table by its contract.
    async fn read_table(
        &self,
        name: &str,
        (table, spec): (&str, &TableSpec),
        pages: &[&Page],
    ) -> Result<Conformed, Error> {
        let total = pages.iter().map(|page| page.n_bytes).sum();
        self.cx.progress.begin("conform", name, Total::Bytes(total));
        let declared = TableRef {
            platform: self.platform,
            name: table,
            spec,
        };
        let keys = KeyRing {
            key: &self.cx.key,
            person: self.cx.persons.current(),
            epoch: self.cx.commons.settings.secrets.epoch,
        };
        let built = |source| Error::Typed {
            table: name.to_owned(),
            source: Box::new(source),
        };
        let mut table_conformer =
            TableConformer::new(declared, self.comuni, keys).map_err(built)?;
        for (sequence, page) in pages.iter().enumerate() {
            let kept = self
                .cx
                .lake
                .page(self.platform, table, &page.sha256)
                .await?;
            let bytes = plain(spec, kept).map_err(|source| Error::Compressed {
                table: name.to_owned(),
                url: page.url.clone(),
                source: Box::new(source),
            })?;
            let place = PageRef {
                sha256: &page.sha256,
                url: &page.url,
                sequence: sequence as u64,
            };
            table_conformer
                .push_page(place, &bytes)
                .map_err(|source| Error::Page {
                    table: name.to_owned(),
                    url: page.url.clone(),
                    source: Box::new(source),
                })?;
            self.cx
                .progress
                .advance(page.n_records.unwrap_or_default(), page.n_bytes);
        }
        let conformed = table_conformer.finish().map_err(built)?;
        let summary = line_of(self.platform, table, pages, &conformed.books).summary();
        self.cx.progress.end(&summary);
        Ok(conformed)
    }

    /// Writes and commits a typed table.
    async fn write_typed(
        &self,
        name: &str,
        batch: RecordBatch,
        fingerprint: &str,
    ) -> Result<(), Error> {
        let schema = lake::plain::plain_schema(&batch.schema());
        let batch = RecordBatch::try_new(schema, batch.columns().to_vec()).map_err(Error::Books)?;
        let whole = WholeTable {
            zone: Zone::Source,
            table: name,
            run: self.cx.run,
            fingerprint: fingerprint.to_owned(),
            at_millis: self.cx.at_millis(),
        };
        self.cx.lake.replace_whole(whole, batch).await?;
        Ok(())
    }
}
