//! From the protected zone of the lake to one immutable release folder.
//!
//! The version is `vYYYY.N.P`: year and quarter of the last complete quarter, and how often that
//! quarter has been published. Nothing is written when the protected tables are those of the last
//! release. A release is built in a folder of its own and appears by one rename; the lake then
//! notes it in its ledger of releases.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use arrow::record_batch::RecordBatch;
use chrono::NaiveDate;
use serde::Serialize;

use super::content::{
    BookLine, Closure, District, FieldText, NeedLabel, Origin, Publisher, ReleaseContent,
    ReleaseTable, SourceTerms,
};
use super::facts::{books, districts, needs, sources};
use super::{Written, columns, write_release};
use crate::canon::cells::{CellError, texts};
use crate::context::released::{self, Noted};
use crate::context::tables;
use crate::context::{Action, Context, Total};
use crate::lake::{self, Zone};
use crate::spec::model::Model;
use crate::spec::release::ReleaseSpec;
use crate::spec::text::Bilingual;

/// Version of what this stage writes; part of every fingerprint.
const VERSION: &str = "publish-1";

/// Tables that every release has besides the declared data sets, in their order for readers.
const FIXED: [&str; 3] = [
    "signals",
    "coverage_by_platform_district_quarter",
    "districts",
];

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A table could not be read.
    #[error("cannot read the protected tables")]
    Inputs(#[source] tables::Error),
    /// A table does not have the column a release needs.
    #[error("table `{table}` does not fit a release")]
    Column {
        /// The table.
        table: String,
        /// What is missing.
        #[source]
        source: CellError,
    },
    /// The books of a source do not close: the release is refused.
    #[error(
        "release refused: the books of `{table}` do not close ({source_count} in the source, {accounted} accounted for); run `antenne status` and settle the difference"
    )]
    OpenBooks {
        /// Platform and table.
        table: String,
        /// Rows in the source.
        source_count: u64,
        /// Rows accounted for.
        accounted: u64,
    },
    /// There is no complete quarter to publish.
    #[error("release refused: there is no complete quarter in the data")]
    NoQuarter,
    /// The files could not be written.
    #[error("the release cannot be written")]
    Write(#[source] super::Error),
    /// A folder could not be prepared or moved into place.
    #[error("cannot {act} `{}`", path.display())]
    Folder {
        /// What was tried.
        act: &'static str,
        /// The folder.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The lake failed.
    #[error("the lake failed while publishing")]
    Lake(#[source] lake::Error),
    /// The ledger of releases cannot be read or written.
    #[error("the releases of before cannot be known")]
    Released(#[source] released::Error),
}

impl From<lake::Error> for Error {
    fn from(source: lake::Error) -> Self {
        Self::Lake(source)
    }
}

/// What was done.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Whether a release was written.
    pub action: Action,
    /// Version of the latest release.
    pub version: String,
    /// Its folder.
    pub folder: PathBuf,
    /// Its first page.
    pub page: PathBuf,
    /// Files in it.
    pub n_files: u64,
}

/// Publishes the protected tables as a release, unless the last one already says the same.
///
/// # Errors
/// [`Error::OpenBooks`] and [`Error::NoQuarter`] when the release is refused.
pub async fn publish(cx: &Context) -> Result<Report, Error> {
    cx.progress.begin("publish", "release", Total::Unknown);
    let mut noted = released::ledger(cx).await.map_err(Error::Released)?;
    let draft = Draft::read(cx).await?;
    refuse_open_books(&draft.books)?;
    let fingerprint = draft.fingerprint(cx);
    let root = released::releases_folder(cx);
    if let Some(last) = noted
        .last()
        .filter(|last| last.fingerprint == fingerprint && root.join(&last.version).is_dir())
    {
        cx.progress.end(&format!("{} is up to date", last.version));
        return Ok(report(&root, &last.version, Action::Unchanged, 0));
    }
    let quarter = draft.last_quarter().ok_or(Error::NoQuarter)?;
    let (version, written) = draft.place(cx, &quarter, &noted)?;
    noted.push(Noted {
        version: version.clone(),
        fingerprint,
        tables: draft.hashes,
        checksum: written.sha256.clone(),
    });
    released::note(cx, &noted).await.map_err(Error::Released)?;
    let n_files = written.files.len() as u64;
    cx.progress.end(&format!("{version}: {n_files} file(s)"));
    Ok(report(&root, &version, Action::Rebuilt, n_files))
}

/// What is told of a release.
fn report(root: &Path, version: &str, action: Action, n_files: u64) -> Report {
    let folder = root.join(version);
    let page = folder.join("site").join("it").join("index.html");
    Report {
        action,
        version: version.to_owned(),
        folder,
        page,
        n_files,
    }
}

/// Refuses when a line of the books does not close.
fn refuse_open_books(books: &[BookLine]) -> Result<(), Error> {
    match books.iter().find(|line| line.closure == Closure::Open) {
        None => Ok(()),
        Some(line) => Err(Error::OpenBooks {
            table: format!("{}.{}", line.source, line.table),
            source_count: line.source_count.unwrap_or_default(),
            accounted: line.accepted
                + line.rejected
                + line.duplicate
                + line.superseded
                + line.erased,
        }),
    }
}

/// The versions of a quarter that the ledger does not know, the next one first.
fn next_versions(quarter: &str, noted: &[Noted]) -> impl Iterator<Item = String> {
    let (year, number) = quarter.split_once("-Q").unwrap_or((quarter, "0"));
    (0_u32..)
        .map(move |patch| format!("v{year}.{number}.{patch}"))
        .filter(|version| !noted.iter().any(|release| release.version == *version))
}

/// Writes the release aside and moves it into place.
///
/// A folder may stand there already: a run that was killed after it moved its release and before
/// it noted it leaves one. It is taken as it is when it says the same, to the byte; another
/// release is never overwritten, and the answer is `None`.
fn place(content: &ReleaseContent, root: &Path, version: &str) -> Result<Option<Written>, Error> {
    let aside = root.join(format!(".{version}.tmp"));
    let target = root.join(version);
    let failed = |act, path: &Path| {
        let path = path.to_path_buf();
        move |source| Error::Folder { act, path, source }
    };
    if aside.exists() {
        std::fs::remove_dir_all(&aside).map_err(failed("clear", &aside))?;
    }
    std::fs::create_dir_all(root).map_err(failed("make", root))?;
    let written = write_release(content, &aside).map_err(Error::Write)?;
    if !target.exists() {
        std::fs::rename(&aside, &target).map_err(failed("move into place", &target))?;
        return Ok(Some(written));
    }
    let is_same = says_the_same(&written, &aside, &target).map_err(failed("read", &target))?;
    std::fs::remove_dir_all(&aside).map_err(failed("clear", &aside))?;
    Ok(is_same.then_some(written))
}

/// Whether every file written in one folder is in the other, with the same bytes.
fn says_the_same(written: &Written, one: &Path, other: &Path) -> std::io::Result<bool> {
    let paths = written.files.iter().map(|file| file.path.as_str());
    for path in paths.chain([released::SUMS]) {
        let there = other.join(path);
        if !there.is_file() || std::fs::read(one.join(path))? != std::fs::read(there)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Everything a release is made from, before it has a version.
struct Draft {
    /// Protected tables by name.
    tables: BTreeMap<String, RecordBatch>,
    /// Hash of each.
    hashes: BTreeMap<String, String>,
    /// The books.
    books: Vec<BookLine>,
    /// The platforms and their terms.
    sources: Vec<SourceTerms>,
    /// Districts with their comuni.
    districts: Vec<District>,
    /// Needs.
    needs: Vec<NeedLabel>,
}

impl Draft {
    /// Reads the protected zone, the books and the names.
    async fn read(cx: &Context) -> Result<Self, Error> {
        let names = cx.commons.releases.keys().map(String::as_str).chain(FIXED);
        let mut tables = BTreeMap::new();
        let mut hashes = BTreeMap::new();
        for name in names {
            let (batch, hash) = protected_table(cx, name).await?;
            tables.insert(name.to_owned(), batch);
            hashes.insert(name.to_owned(), hash);
        }
        Ok(Self {
            districts: districts(cx, tables.get("districts")).await?,
            needs: needs(cx).await?,
            books: books(cx).await?,
            sources: sources(cx).await?,
            tables,
            hashes,
        })
    }

    /// Hash of all of it and of how it is presented.
    fn fingerprint(&self, cx: &Context) -> String {
        let mut hasher = blake3::Hasher::new();
        let settings = &cx.commons.settings;
        let mut add = |text: &str| {
            hasher.update(text.as_bytes());
            hasher.update(b"\0");
        };
        add(VERSION);
        add(&format!("{:?} {:?}", settings.publisher, settings.publish));
        add(&format!("{:?} {:?}", self.districts, self.needs));
        add(&format!("{:?} {:?}", self.books, self.sources));
        for (name, hash) in &self.hashes {
            add(name);
            add(hash);
        }
        for declared in cx.commons.releases.values() {
            add(&declared.text.text);
            let policy = cx.commons.policy_of(&declared.spec, cx.today());
            add(&policy.k_persons.to_string());
        }
        hasher.finalize().to_hex().to_string()
    }

    /// The last quarter for which there are figures.
    fn last_quarter(&self) -> Option<String> {
        let quarters = self
            .tables
            .iter()
            .filter(|(name, _)| !FIXED.contains(&name.as_str()));
        let latest = quarters.filter_map(|(_, batch)| {
            texts(batch, "quarter")
                .ok()?
                .iter()
                .flatten()
                .max()
                .map(str::to_owned)
        });
        latest.max()
    }

    /// What changed since the last release, for readers.
    fn changes(&self, last: Option<&Noted>) -> Vec<Bilingual> {
        let Some(last) = last else {
            return vec![Bilingual {
                it: "Prima pubblicazione.".to_owned(),
                en: "First release.".to_owned(),
            }];
        };
        let changed: Vec<&str> = self
            .hashes
            .iter()
            .filter(|(name, hash)| last.tables.get(*name) != Some(*hash))
            .map(|(name, _)| &**name)
            .collect();
        if changed.is_empty() {
            return vec![Bilingual {
                it: format!(
                    "Stessi dati di {}; cambiano descrizioni o pagine.",
                    last.version
                ),
                en: format!(
                    "Same data as {}; descriptions or pages change.",
                    last.version
                ),
            }];
        }
        vec![Bilingual {
            it: format!(
                "Rispetto a {} cambiano: {}.",
                last.version,
                changed.join(", ")
            ),
            en: format!(
                "Compared with {} these change: {}.",
                last.version,
                changed.join(", ")
            ),
        }]
    }

    /// Writes the release under the first version that is free; answers which that is.
    fn place(
        &self,
        cx: &Context,
        quarter: &str,
        noted: &[Noted],
    ) -> Result<(String, Written), Error> {
        let root = released::releases_folder(cx);
        let mut versions = next_versions(quarter, noted);
        loop {
            let version = versions.next().ok_or(Error::NoQuarter)?;
            let content = self.content(cx, &version, quarter, self.changes(noted.last()))?;
            if let Some(written) = place(&content, &root, &version)? {
                return Ok((version, written));
            }
        }
    }

    /// The value the release is written from.
    fn content(
        &self,
        cx: &Context,
        version: &str,
        quarter: &str,
        changes: Vec<Bilingual>,
    ) -> Result<ReleaseContent, Error> {
        let settings = &cx.commons.settings;
        let declared = cx
            .commons
            .releases
            .iter()
            .map(|(name, declared)| declared_table(cx, name, &declared.spec, &self.tables));
        let fixed = FIXED.iter().map(|name| fixed_table(cx, name, &self.tables));
        Ok(ReleaseContent {
            version: version.to_owned(),
            data_until: last_day(quarter).ok_or(Error::NoQuarter)?,
            publisher: Publisher {
                name: settings.publisher.name.clone(),
                contact: settings.publisher.contact.clone(),
                url: settings.publisher.url.clone(),
            },
            base_url: settings.publish.base_url.trim_end_matches('/').to_owned(),
            tables: declared.chain(fixed).flatten().collect(),
            districts: self.districts.clone(),
            needs: self.needs.clone(),
            books: self.books.clone(),
            sources: self.sources.clone(),
            attributions: attributions(cx),
            changes,
            origin: if settings.publish.invented.is_some() {
                Origin::Invented
            } else {
                Origin::Real
            },
        })
    }
}

/// Rows of a protected table and the hash of its content.
///
/// The files hold them in the order they are published in; a query might not.
async fn protected_table(cx: &Context, name: &str) -> Result<(RecordBatch, String), Error> {
    let table = format!("protected.{name}");
    let Some(snapshot) = cx.lake.snapshot(Zone::Protected, name).await? else {
        return Err(Error::Inputs(tables::Error::Missing { table }));
    };
    let rows = cx.lake.read_all(Zone::Protected, name, &snapshot).await?;
    match arrow::compute::concat_batches(&snapshot.schema, &rows) {
        Ok(batch) => Ok((batch, snapshot.fingerprint())),
        Err(source) => Err(Error::Inputs(tables::Error::Build { table, source })),
    }
}

/// Last day of a quarter.
fn last_day(quarter: &str) -> Option<NaiveDate> {
    let (year, number) = quarter.split_once("-Q")?;
    let (year, month) = (year.parse::<i32>().ok()?, number.parse::<u32>().ok()? * 3);
    let next = if month == 12 {
        NaiveDate::from_ymd_opt(year + 1, 1, 1)
    } else {
        NaiveDate::from_ymd_opt(year, month + 1, 1)
    };
    next?.pred_opt()
}

/// A declared data set with the meaning of its columns.
fn declared_table(
    cx: &Context,
    name: &str,
    spec: &ReleaseSpec,
    tables: &BTreeMap<String, RecordBatch>,
) -> Option<ReleaseTable> {
    let model = cx
        .commons
        .models
        .iter()
        .find(|model| model.name == spec.table);
    let batch = tables.get(name)?.clone();
    let protect = cx.commons.policy_of(spec, cx.today());
    Some(ReleaseTable {
        name: name.to_owned(),
        title: spec.title.clone(),
        description: spec.description.clone(),
        license: spec.license.clone(),
        fields: fields(&batch, model),
        grain: vec![
            spec.axes.rows.clone(),
            spec.axes.columns.clone(),
            spec.axes.period.clone(),
        ],
        protection: Bilingual {
            it: format!(
                "Un conteggio è mostrato solo se dietro ci sono almeno {} persone; altri sono taciuti perché i primi non si possano ricavare.",
                protect.k_persons
            ),
            en: format!(
                "A count is shown only with at least {} persons behind it; others are withheld so that the first cannot be computed.",
                protect.k_persons
            ),
        },
        batch,
    })
}

/// A table every release has.
fn fixed_table(
    cx: &Context,
    name: &str,
    tables: &BTreeMap<String, RecordBatch>,
) -> Option<ReleaseTable> {
    let batch = tables.get(name)?.clone();
    let model = cx.commons.models.iter().find(|model| model.stem() == name);
    let (title, description) = columns::fixed_texts(name);
    let grain = model.map_or_else(
        || vec!["signal_id".to_owned()],
        |model| model.header.grain.clone(),
    );
    Some(ReleaseTable {
        name: name.to_owned(),
        title,
        description: model.map_or(description, |model| model.header.description.clone()),
        license: "CC-BY-4.0".to_owned(),
        fields: fields(&batch, model),
        grain,
        protection: columns::fixed_protection(name),
        batch,
    })
}

/// Meaning of each column: from the model's header, or from the fixed list.
fn fields(batch: &RecordBatch, model: Option<&Model>) -> Vec<FieldText> {
    let schema = batch.schema();
    let of = |name: &String| match model.and_then(|model| model.header.columns.get(name)) {
        Some(text) => FieldText {
            name: name.clone(),
            role: text.role.word().to_owned(),
            unit: text.unit.clone(),
            text: Bilingual {
                it: text.it.clone(),
                en: text.en.clone(),
            },
        },
        None => columns::fixed_field(name),
    };
    schema
        .fields()
        .iter()
        .map(|field| of(field.name()))
        .collect()
}

/// Sentences the licenses of the reference tables ask for.
fn attributions(cx: &Context) -> Vec<String> {
    let sentences: BTreeSet<String> = cx
        .commons
        .reference
        .tables
        .values()
        .map(|table| format!("{} ({})", table.source, table.license))
        .collect();
    sentences.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_never_used_twice() {
        let noted = |version: &str| Noted {
            version: version.to_owned(),
            fingerprint: String::new(),
            tables: BTreeMap::new(),
            checksum: String::new(),
        };
        let next = |noted: &[Noted]| next_versions("2026-Q3", noted).next().unwrap();
        assert_eq!(next(&[]), "v2026.3.0");
        assert_eq!(next(&[noted("v2026.3.0")]), "v2026.3.1");
        assert_eq!(next(&[noted("v2026.2.0")]), "v2026.3.0");
    }

    #[test]
    fn a_quarter_ends_on_its_last_day() {
        assert_eq!(last_day("2026-Q3"), NaiveDate::from_ymd_opt(2026, 9, 30));
        assert_eq!(last_day("2025-Q4"), NaiveDate::from_ymd_opt(2025, 12, 31));
    }
}
