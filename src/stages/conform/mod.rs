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

use arrow::array::AsArray;
use arrow::record_batch::RecordBatch;

use crate::canon::cells::CellError;
use crate::canon::comune::{ComuneIndex, ComuneRow};
use crate::canon::gzip;
use crate::context::tables;
use crate::context::{Context, Total};
use crate::engine;
use crate::lake::pages::Page;
use crate::lake::{self, WholeTable, Zone};
use crate::spec::corrections::Correction;
use crate::spec::source::{SourceSpec, TableSpec};

mod books;
pub(crate) mod corrections;
pub mod drift;
pub mod findings;
pub(crate) mod formats;
mod mapping;
pub mod rejects;
pub(crate) mod typed;
mod verdict;

pub use books::{BookLine, Closed};
use books::{Ledger, line_of};
use corrections::Corrections;
use drift::{Drift, Judged, PageFields};
use findings::{Findings, Notebook, Visible};
pub use mapping::MappingReport;
pub(crate) use mapping::missing_columns;
use rejects::Dropped;
use typed::{Conformed, KeyRing, PageRef, TableConformer, TableRef};
use verdict::{Attempt, Verdict};

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
    /// A compressed page is damaged.
    #[error("source table `{table}`: page `{url}` cannot be inflated")]
    Compressed {
        /// Platform and table.
        table: String,
        /// Address the page was fetched from.
        url: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A source is over a limit, changed a frozen column, or has a stale correction.
    #[error("nothing new of it becomes visible: {}", reasons.join("; "))]
    Stopped {
        /// Why, table by table.
        reasons: Vec<String>,
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
    /// Every change of columns that is known.
    pub drift: Vec<Drift>,
}

/// Conforms the platforms named.
///
/// # Errors
/// Only what concerns all platforms; the failure of one is in the report.
pub async fn conform(cx: &Context, platforms: &[String]) -> Result<Report, Error> {
    let pages = cx.lake.current_pages().await?;
    let (comuni, reference) = comune_index(cx)?;
    let mut ledger = Ledger::load(cx).await?;
    let mut notebook = Notebook::load(cx).await?;
    let dropped = rejects::dropped(cx).await?;
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
            dropped: &dropped,
        };
        let pages = pages.get(platform).map_or(&[][..], Vec::as_slice);
        let books = (&mut ledger, &mut notebook);
        if let Err(error) = reader.read_tables(&source.spec, pages, books).await {
            report.failed.insert(platform.clone(), error);
        }
    }
    ledger.commit(cx).await?;
    notebook.commit(cx).await?;
    report.drift = notebook.into_drift();
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

/// Every change of columns that is known, without conforming anything.
///
/// # Errors
/// When the lake cannot be read.
pub async fn known_drift(cx: &Context) -> Result<Vec<Drift>, Error> {
    Ok(Notebook::load(cx).await?.into_drift())
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
    /// Rejects that the operator dropped.
    dropped: &'a [Dropped],
}

/// A table that was read and judged, and of which nothing is visible yet.
struct Judgment {
    /// Platform and table, the name of its scopes.
    name: String,
    /// Hash of all it was made from.
    fingerprint: String,
    /// What was read.
    conformed: Conformed,
    /// Its books.
    line: BookLine,
    /// What follows.
    verdict: Verdict,
}

impl Reader<'_> {
    /// Reads every table of the platform that is not up to date; none becomes visible unless all
    /// may.
    async fn read_tables(
        &self,
        source: &SourceSpec,
        pages: &[Page],
        (ledger, notebook): (&mut Ledger, &mut Notebook),
    ) -> Result<(), Error> {
        let mut judgments = Vec::new();
        for (table, spec) in &source.tables {
            let pages: Vec<&Page> = pages.iter().filter(|page| page.table == *table).collect();
            let read = self.read_if_changed((table, spec), &pages, (ledger, notebook));
            judgments.extend(read.await?);
        }
        let reasons: Vec<String> = judgments
            .iter()
            .flat_map(|judgment| judgment.verdict.reasons.clone())
            .collect();
        let visible = if reasons.is_empty() {
            Visible::Yes
        } else {
            Visible::No
        };
        for judgment in judgments {
            let Judgment {
                name,
                fingerprint,
                conformed,
                line,
                verdict,
            } = judgment;
            if visible == Visible::Yes {
                self.write_typed(&name, conformed.batch, &fingerprint)
                    .await?;
                ledger.record(&name, fingerprint.clone(), line, conformed.rejects);
            }
            notebook.record(&name, &fingerprint, verdict.findings, visible);
        }
        if reasons.is_empty() {
            Ok(())
        } else {
            Err(Error::Stopped { reasons })
        }
    }

    /// Reads and judges a table unless it is up to date; once more if columns came that are to be
    /// kept.
    async fn read_if_changed(
        &self,
        (table, declared): (&str, &TableSpec),
        pages: &[&Page],
        (ledger, notebook): (&Ledger, &Notebook),
    ) -> Result<Option<Judgment>, Error> {
        let name = format!("{}__{table}", self.platform);
        let known = notebook.before(&name);
        let mut spec = drift::evolved(declared, known.into_iter().flat_map(Findings::kept_fields));
        loop {
            let fingerprint = self.fingerprint((table, &spec), pages);
            let before = self.cx.lake.snapshot(Zone::Source, &name).await?;
            let is_current = before.is_some_and(|before| before.is_made_from(&fingerprint));
            let is_noted = ledger.holds(&name, &fingerprint) && notebook.holds(&name, &fingerprint);
            if is_current && is_noted {
                return Ok(None);
            }
            let corrections = self.corrections((table, &spec));
            let (mut conformed, mut fields) = self
                .read_table(&name, (table, &spec), pages, &corrections)
                .await?;
            let unknown = fields.iter().flat_map(|page| page.unknown.iter().cloned());
            let wider = drift::evolved(&spec, unknown);
            if wider.columns.len() > spec.columns.len() {
                spec = wider;
                continue;
            }
            let kept = drift::kept(declared, &spec);
            for page in &mut fields {
                drift::as_declared(page, &kept);
            }
            let withheld = std::mem::take(&mut conformed.withheld);
            let line = line_of(self.platform, table, pages, &conformed.books);
            let source = self.cx.commons.sources.get(self.platform);
            let limits = source.map(|source| source.spec.limits.clone());
            let attempt = Attempt {
                judged: Judged {
                    platform: self.platform,
                    table,
                    spec: declared,
                },
                limits: &limits.unwrap_or_default(),
                before: ledger.tally_before(&name),
                now: line.tally(),
                rejects: &conformed.rejects,
                fields: &fields,
                corrections: &corrections,
                withheld: drift::by_field(withheld, &kept),
            };
            let verdict = attempt.judge(self.cx, pages, None).await?;
            return Ok(Some(Judgment {
                name,
                fingerprint,
                conformed,
                line,
                verdict,
            }));
        }
    }

    /// The corrections of a table and the rejects of it that the operator dropped.
    fn corrections(&self, (table, spec): (&str, &TableSpec)) -> Corrections {
        let declared = self.cx.commons.corrections.get(self.platform);
        let declared = declared
            .into_iter()
            .flat_map(|declared| declared.spec.of_table(table));
        let is_here = |row: &&Dropped| row.platform == self.platform && row.table == table;
        Corrections::new(spec, declared, self.dropped.iter().filter(is_here))
    }

    /// Hash of all a typed table is made from.
    fn fingerprint(&self, (table, spec): (&str, &TableSpec), pages: &[&Page]) -> String {
        let corrections = self.cx.commons.corrections.get(self.platform);
        let corrections: Vec<&Correction> = corrections
            .into_iter()
            .flat_map(|declared| declared.spec.of_table(table))
            .collect();
        let mut hasher = blake3::Hasher::new();
        let settings = &self.cx.commons.settings.secrets;
        // The key itself leaves no trace: a keyed hash of a constant tells one key from another.
        let key = self
            .cx
            .key
            .key("fingerprint", self.platform, settings.epoch, "");
        for part in [
            VERSION,
            self.reference,
            &format!("{spec:?}"),
            &format!("{corrections:?}"),
            &format!("{key:?}"),
        ] {
            hasher.update(part.as_bytes());
            hasher.update(b"\0");
        }
        for page in pages {
            hasher
                .update(format!("{} {} {:?}\n", page.url, page.sha256, page.n_records).as_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }

    /// Reads one table by its contract.
    async fn read_table(
        &self,
        name: &str,
        (table, spec): (&str, &TableSpec),
        pages: &[&Page],
        corrections: &Corrections,
    ) -> Result<(Conformed, Vec<PageFields>), Error> {
        let total = pages.iter().map(|page| page.n_bytes).sum();
        self.cx.progress.begin("conform", name, Total::Bytes(total));
        let declared = TableRef {
            platform: self.platform,
            name: table,
            spec,
        };
        let keys = KeyRing {
            key: &self.cx.key,
            epoch: self.cx.commons.settings.secrets.epoch,
        };
        let built = |source| Error::Typed {
            table: name.to_owned(),
            source: Box::new(source),
        };
        let mut table_conformer =
            TableConformer::new(declared, self.comuni, keys).map_err(built)?;
        table_conformer.correct_by(corrections);
        let mut fields = Vec::new();
        for (sequence, page) in pages.iter().enumerate() {
            let kept = self
                .cx
                .lake
                .page(self.platform, table, &page.sha256)
                .await?;
            let bytes = gzip::plain(&kept).map_err(|source| Error::Compressed {
                table: name.to_owned(),
                url: page.url.clone(),
                source,
            })?;
            let place = PageRef {
                sha256: &page.sha256,
                url: &page.url,
                sequence: sequence as u64,
            };
            let read = table_conformer
                .push_page(place, &bytes)
                .map_err(|source| Error::Page {
                    table: name.to_owned(),
                    url: page.url.clone(),
                    source: Box::new(source),
                })?;
            fields.push(PageFields {
                url: page.url.clone(),
                n_rows: read.n_rows,
                missing: read.missing_fields,
                unknown: read.unknown_fields,
            });
            self.cx
                .progress
                .advance(page.n_records.unwrap_or_default(), page.n_bytes);
        }
        let conformed = table_conformer.finish().map_err(built)?;
        let summary = line_of(self.platform, table, pages, &conformed.books).summary();
        self.cx.progress.end(&summary);
        Ok((conformed, fields))
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
