//! The commons directory: everything people declared, read and checked in one go.
//!
//! ```text
//! antenne.toml            settings
//! pipelines/sources/      one TOML file per platform
//! pipelines/releases/     one TOML file per published data set
//! pipelines/corrections/  one TOML file per platform with corrections
//! pipelines/detection.toml   thresholds of signals, if they are not the built-in ones
//! sql/                    one SQL file per model: conformed/, derived/, detected/
//! reference/tables.toml   codes, districts, population
//! ```
//!
//! Reading never stops at the first mistake: it collects all of them, and what could be read is
//! kept in a [`Draft`] so that its statements can be checked too.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::agreement::WaivedRule;
use super::corrections::CorrectionsSpec;
use super::detection::{self, Thresholds};
use super::diagnostic::{Diagnostic, SourceText};
use super::fetch::check_options;
use super::model::{DERIVED, Model, circle_through, derived_first, in_order};
use super::reference::ReferenceSpec;
use super::release::ReleaseSpec;
use super::settings::Settings;
use super::source::SourceSpec;
use super::source_check::{can_be_joined, check_table};
use super::wording::nearest;
use crate::canon::tables::{TABLES, Table};

/// A platform's declaration with the text it was read from.
#[derive(Debug, Clone)]
pub struct Declared<T> {
    /// What was declared.
    pub spec: T,
    /// The text, for fingerprints and diagnostics.
    pub(crate) text: SourceText,
}

/// Everything people declared.
#[derive(Debug, Clone)]
pub struct Commons {
    /// Directory that holds `antenne.toml`.
    pub root: PathBuf,
    /// `antenne.toml`.
    pub settings: Settings,
    /// Platforms by name.
    pub sources: BTreeMap<String, Declared<SourceSpec>>,
    /// Corrections by platform.
    pub corrections: BTreeMap<String, Declared<CorrectionsSpec>>,
    /// Data sets by name.
    pub releases: BTreeMap<String, Declared<ReleaseSpec>>,
    /// Mappings of platform tables to canonical tables, by file name.
    pub conformed: Vec<Model>,
    /// Models of `sql/derived/` and `sql/detected/`, each after what it reads.
    pub models: Vec<Model>,
    /// Reference tables.
    pub reference: ReferenceSpec,
    /// Thresholds of signals.
    pub thresholds: Thresholds,
}

/// Why a commons could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The directory is not a commons.
    #[error("`{}` is not a commons directory: it has no `antenne.toml`; run `antenne init DIR` to make one", root.display())]
    NotACommons {
        /// The directory.
        root: PathBuf,
    },
    /// A file could not be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The declarations hold mistakes.
    #[error("{} mistake(s) in the declarations", .0.len())]
    Mistakes(Vec<Diagnostic>),
}

impl Commons {
    /// Reads and checks the commons in `root`.
    ///
    /// # Errors
    /// [`Error::Mistakes`] with every mistake found in any file.
    pub fn load(root: &Path) -> Result<Self, Error> {
        let draft = Draft::read(root)?;
        match (draft.settings, draft.reference) {
            (Some(settings), Some(reference)) if draft.mistakes.is_empty() => Ok(Self {
                root: root.to_path_buf(),
                settings,
                sources: draft.sources,
                corrections: draft.corrections,
                releases: draft.releases,
                conformed: draft.conformed,
                models: draft.models,
                reference,
                thresholds: draft.thresholds,
            }),
            _ => Err(Error::Mistakes(draft.mistakes)),
        }
    }
}

impl Commons {
    /// The models of `sql/derived/`, which stand first: none of them reads one of `sql/detected/`.
    pub(crate) fn derived_models(&self) -> &[Model] {
        let n_derived = self
            .models
            .iter()
            .take_while(|model| model.name.starts_with(DERIVED))
            .count();
        &self.models[..n_derived]
    }
}

/// What could be read of a commons, and every mistake found in its files.
#[derive(Debug)]
pub struct Draft {
    /// Directory that holds `antenne.toml`.
    pub(crate) root: PathBuf,
    /// `antenne.toml`, if it could be read.
    pub(crate) settings: Option<Settings>,
    /// Platforms whose file could be read.
    pub(crate) sources: BTreeMap<String, Declared<SourceSpec>>,
    /// Corrections of platforms whose file could be read.
    pub(crate) corrections: BTreeMap<String, Declared<CorrectionsSpec>>,
    /// Data sets whose file could be read.
    pub(crate) releases: BTreeMap<String, Declared<ReleaseSpec>>,
    /// Mappings that could be read.
    pub(crate) conformed: Vec<Model>,
    /// Models of `sql/derived/` and `sql/detected/` that could be read, each after what it reads.
    pub(crate) models: Vec<Model>,
    /// Reference tables, if they could be read.
    pub(crate) reference: Option<ReferenceSpec>,
    /// Thresholds of signals; the built-in ones where the file could not be read.
    pub(crate) thresholds: Thresholds,
    /// Files that could not be read whole: platforms as `source.<name>`, models by name.
    pub(crate) unread: BTreeSet<String>,
    /// What is wrong in the files.
    pub(crate) mistakes: Vec<Diagnostic>,
}

impl Draft {
    /// Reads the commons in `root` as far as it can be read.
    ///
    /// # Errors
    /// When `root` is no commons, or a file cannot be opened.
    pub fn read(root: &Path) -> Result<Self, Error> {
        let settings_path = root.join("antenne.toml");
        if !settings_path.is_file() {
            return Err(Error::NotACommons {
                root: root.to_path_buf(),
            });
        }
        let mut reader = Reader {
            root,
            mistakes: Vec::new(),
            unread: BTreeSet::new(),
        };
        let settings = reader.toml::<Settings>(&settings_path)?;
        let of_lake = settings.as_ref().map(lake_mistakes);
        reader.mistakes.extend(of_lake.unwrap_or_default());
        let settings = settings.map(|found| found.spec);
        let sources = reader.folder::<SourceSpec>("pipelines/sources", "source")?;
        let corrections =
            reader.folder::<CorrectionsSpec>("pipelines/corrections", "correction")?;
        let releases = reader.folder::<ReleaseSpec>("pipelines/releases", "release")?;
        let conformed = reader.models("conformed")?;
        let mut models = reader.models("derived")?;
        models.extend(reader.models("detected")?);
        let folder = settings.as_ref().map_or_else(
            || "reference".to_owned(),
            |found| found.reference.folder.clone(),
        );
        let reference = reader.toml::<ReferenceSpec>(&root.join(folder).join("tables.toml"))?;
        let thresholds = reader.thresholds()?;
        let reference = reference.map(|found| {
            let (spec, mistake) = thresholds.beside(found.spec, &found.text);
            reader.mistakes.extend(mistake);
            spec
        });
        let Reader {
            mut mistakes,
            mut unread,
            ..
        } = reader;
        mistakes.extend(source_mistakes(&sources));
        mistakes.extend(correction_mistakes(&corrections, &sources, &unread));
        mistakes.extend(release_mistakes(&releases, &unread));
        mistakes.extend(waiver_mistakes(&releases, &sources, &unread));
        mistakes.extend(conformed_mistakes(&conformed, &sources, &unread));
        let (mut models, blocked) = in_order(models);
        mistakes.extend(derived_first(&mut models));
        mistakes.extend(circle_mistakes(&blocked));
        unread.extend(blocked.iter().map(|model| model.name.clone()));
        Ok(Self {
            root: root.to_path_buf(),
            settings,
            sources,
            corrections,
            releases,
            conformed,
            models,
            reference,
            thresholds,
            unread,
            mistakes,
        })
    }

    /// Whether a pipeline declares the table `source.<platform>__<table>`.
    pub(crate) fn has_source(&self, input: &str) -> bool {
        let names = input
            .strip_prefix("source.")
            .and_then(|rest| rest.split_once("__"));
        names.is_some_and(|(platform, table)| {
            self.sources
                .get(platform)
                .is_some_and(|source| source.spec.tables.contains_key(table))
        })
    }

    /// Whether nothing can be said of a table, because what declares it could not be read.
    pub(crate) fn is_unread(&self, table: &str) -> bool {
        let platform = table.split_once("__").map(|(platform, _)| platform);
        let is_reference = table.starts_with("reference.") && self.reference.is_none();
        is_reference
            || self.unread.contains(table)
            || platform.is_some_and(|platform| self.unread.contains(platform))
    }
}

/// Reads declarations and collects what is wrong with them.
struct Reader<'a> {
    /// The commons directory.
    root: &'a Path,
    /// Mistakes so far.
    mistakes: Vec<Diagnostic>,
    /// Files that could not be read whole.
    unread: BTreeSet<String>,
}

impl Reader<'_> {
    /// Reads one file; its name in messages is relative to the commons.
    fn text(&self, path: &Path) -> Result<SourceText, Error> {
        let text = fs::read_to_string(path).map_err(|source| Error::Read {
            path: path.to_path_buf(),
            source,
        })?;
        let shown = path.strip_prefix(self.root).unwrap_or(path);
        Ok(SourceText::new(shown, text))
    }

    /// Reads one TOML file.
    fn toml<T: serde::de::DeserializeOwned>(
        &mut self,
        path: &Path,
    ) -> Result<Option<Declared<T>>, Error> {
        let text = self.text(path)?;
        let (spec, mistakes) = text.parse_toml::<T>();
        self.mistakes.extend(mistakes);
        Ok(spec.map(|spec| Declared { spec, text }))
    }

    /// Reads the thresholds of signals; the built-in ones where there is no file.
    fn thresholds(&mut self) -> Result<Thresholds, Error> {
        let path = self.root.join(detection::FILE);
        if !path.is_file() {
            return Ok(Thresholds::default());
        }
        let (thresholds, mistakes) = Thresholds::read(&self.text(&path)?);
        self.mistakes.extend(mistakes);
        Ok(thresholds)
    }

    /// Reads every TOML file of a folder, by stem.
    fn folder<T: serde::de::DeserializeOwned>(
        &mut self,
        folder: &str,
        kind: &str,
    ) -> Result<BTreeMap<String, Declared<T>>, Error> {
        let mut found = BTreeMap::new();
        for (stem, path) in files_with_extension(&self.root.join(folder), "toml")? {
            match self.toml(&path)? {
                Some(declared) => drop(found.insert(stem, declared)),
                None => drop(self.unread.insert(format!("{kind}.{stem}"))),
            }
        }
        Ok(found)
    }

    /// Reads every model of `sql/<schema>`.
    fn models(&mut self, schema: &str) -> Result<Vec<Model>, Error> {
        let mut found = Vec::new();
        for (stem, path) in files_with_extension(&self.root.join("sql").join(schema), "sql")? {
            let (model, mistakes) = Model::parse(schema, &stem, self.text(&path)?);
            self.mistakes.extend(mistakes);
            if model.is_none() {
                self.unread.insert(format!("{schema}.{stem}"));
            }
            found.extend(model);
        }
        Ok(found)
    }
}

/// Files of `folder` with the extension, by stem, sorted; none where there is no folder.
fn files_with_extension(
    folder: &Path,
    extension: &str,
) -> Result<BTreeMap<String, PathBuf>, Error> {
    let read_error = |source| Error::Read {
        path: folder.to_path_buf(),
        source,
    };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(read_error(error)),
    };
    let mut found = BTreeMap::new();
    for entry in entries {
        let path = entry.map_err(read_error)?.path();
        let stem = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .map(str::to_owned);
        if let (Some(stem), Some(true)) = (stem, path.extension().map(|found| found == extension)) {
            found.insert(stem, path);
        }
    }
    Ok(found)
}

/// Mistakes of the lake's address and options.
fn lake_mistakes(settings: &Declared<Settings>) -> Vec<Diagnostic> {
    let lake = &settings.spec.lake;
    let found = check_options(&lake.url, &lake.options, &lake.secrets).into_iter();
    let text = &settings.text;
    found
        .map(|found| text.diagnostic_below("lake", &found.needle, found.message, Some(&found.help)))
        .collect()
}

/// Mistakes of the sources beyond their syntax.
fn source_mistakes(sources: &BTreeMap<String, Declared<SourceSpec>>) -> Vec<Diagnostic> {
    let mut mistakes = Vec::new();
    for (platform, source) in sources {
        let of_servers = source.spec.server.check(source.spec.tables.iter());
        mistakes.extend(of_servers.into_iter().map(|(header, found)| {
            let text = &source.text;
            text.diagnostic_below(&header, &found.needle, found.message, Some(&found.help))
        }));
        if !can_be_joined(platform) {
            let message = format!(
                "platform `{platform}` cannot be told apart in `source.<platform>__<table>`"
            );
            let help = "rename the file: no `__`, and no underscore at its beginning or end";
            mistakes.push(
                source
                    .text
                    .diagnostic_below("", "title", message, Some(help)),
            );
        }
        let terms = source.spec.agreement.mistakes().into_iter();
        let terms = terms.map(|found| ("agreement", found));
        let days = source.spec.freshness.mistake();
        let days = days.map(|found| ("freshness", found));
        let shares = source.spec.limits.mistake();
        let shares = shares.map(|found| ("limits", found));
        for (header, (word, message, help)) in terms.chain(days).chain(shares) {
            let text = &source.text;
            mistakes.push(text.diagnostic_below(header, word, message, Some(help)));
        }
        for (name, table) in &source.spec.tables {
            let header = format!("tables.{name}");
            mistakes.extend(check_table(name, table).into_iter().map(|found| {
                source.text.diagnostic_below(
                    &header,
                    &found.needle,
                    found.message,
                    Some(&found.help),
                )
            }));
        }
    }
    mistakes
}

/// Mistakes of the corrections beyond their syntax.
fn correction_mistakes(
    corrections: &BTreeMap<String, Declared<CorrectionsSpec>>,
    sources: &BTreeMap<String, Declared<SourceSpec>>,
    unread: &BTreeSet<String>,
) -> Vec<Diagnostic> {
    let mut mistakes = Vec::new();
    for (platform, declared) in corrections {
        let text = &declared.text;
        match sources.get(platform) {
            Some(source) => mistakes.extend(declared.spec.mistakes(&source.spec).into_iter().map(
                |found| text.diagnostic_below("", &found.needle, found.message, Some(&found.help)),
            )),
            None if unread.contains(&format!("source.{platform}")) => {}
            None => {
                let message = format!("there is no platform `{platform}` to correct");
                let known: Vec<&str> = sources.keys().map(String::as_str).collect();
                let help = format!("name the file after a platform: {}", known.join(", "));
                mistakes.push(text.diagnostic_below("", "correction", message, Some(&help)));
            }
        }
    }
    mistakes
}

/// Waivers of data sets that no agreement carries.
fn waiver_mistakes(
    releases: &BTreeMap<String, Declared<ReleaseSpec>>,
    sources: &BTreeMap<String, Declared<SourceSpec>>,
    unread: &BTreeSet<String>,
) -> Vec<Diagnostic> {
    let rule = WaivedRule::MinPlatforms;
    let known: Vec<&str> = sources.keys().map(String::as_str).collect();
    let mut mistakes = Vec::new();
    for release in releases.values() {
        for waiver in &release.spec.protect.waivers {
            let platform = &waiver.platform;
            let is_carried = sources
                .get(platform)
                .map(|source| source.spec.agreement.has_waiver(rule));
            let (message, help) = match is_carried {
                Some(true) => continue,
                None if unread.contains(&format!("source.{platform}")) => continue,
                Some(false) => (
                    format!("the agreement with `{platform}` carries no waiver of `min_platforms`"),
                    format!(
                        "add `[[agreement.waivers]]` with `rule = \"min_platforms\"` to `pipelines/sources/{platform}.toml`, or remove this waiver"
                    ),
                ),
                // A waiver of a platform that is not here does nothing, unless it is a slip.
                None => match nearest(platform, &known) {
                    None => continue,
                    Some(near) => (
                        format!("there is no platform `{platform}` to waive anything"),
                        format!("did you mean `{near}`?"),
                    ),
                },
            };
            let text = &release.text;
            mistakes.push(text.diagnostic_below("protect", platform, message, Some(&help)));
        }
    }
    mistakes
}

/// Mistakes of the releases beyond their syntax.
fn release_mistakes(
    releases: &BTreeMap<String, Declared<ReleaseSpec>>,
    unread: &BTreeSet<String>,
) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for release in releases.values() {
        for (needle, message, help) in release.spec.mistakes() {
            found.push(
                release
                    .text
                    .diagnostic_below("protect", &needle, message, Some(help)),
            );
        }
        let Some(whole) = &release.spec.protect.of else {
            continue;
        };
        if !releases.contains_key(whole) && !unread.contains(&format!("release.{whole}")) {
            let message = format!("there is no data set `{whole}` for this one to be a part of");
            let names: Vec<&str> = releases.keys().map(String::as_str).collect();
            let help = nearest(whole, &names).map_or_else(
                || format!("the data sets are {}", names.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            found.push(
                release
                    .text
                    .diagnostic_below("protect", whole, message, Some(&help)),
            );
        }
    }
    found
}

/// Mistakes of the mappings: an unknown canonical table, an unknown platform table.
fn conformed_mistakes(
    models: &[Model],
    sources: &BTreeMap<String, Declared<SourceSpec>>,
    unread: &BTreeSet<String>,
) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for model in models {
        found.extend(into_mistake(model));
        let is_declared = |platform: &str| {
            sources.contains_key(platform) || unread.contains(&format!("source.{platform}"))
        };
        if platform_of(model).is_none_or(|platform| !is_declared(platform)) {
            found.push(model.mistake("/* model", format!("the file name `{}` does not begin with a platform", model.stem()), "name the file `<platform>__<table>.sql`, as in `pipelines/sources/<platform>.toml`"));
        }
        for input in &model.inputs {
            let Some((platform, table)) = input
                .strip_prefix("source.")
                .and_then(|rest| rest.split_once("__"))
            else {
                continue;
            };
            let Some(source) = sources.get(platform) else {
                continue;
            };
            if !source.spec.tables.contains_key(table) {
                let tables: Vec<String> = source
                    .spec
                    .tables
                    .keys()
                    .map(|table| format!("`{platform}__{table}`"))
                    .collect();
                let help = format!("the platform has {}", tables.join(", "));
                found.push(model.statement_mistake(
                    input,
                    format!("no pipeline declares `{input}`"),
                    &help,
                ));
            }
        }
    }
    found
}

/// The mistake of a mapping that fills no canonical table.
fn into_mistake(model: &Model) -> Option<Diagnostic> {
    let names: Vec<&str> = TABLES.iter().map(|table| table.name).collect();
    let listed = format!("the canonical tables are {}", names.join(", "));
    match model.header.into.as_deref() {
        None => Some(model.mistake(
            "/* model",
            "the mapping does not say which canonical table it fills".to_owned(),
            &format!("add `into = \"…\"`; {listed}"),
        )),
        Some(into) if Table::named(into).is_none() => {
            let help =
                nearest(into, &names).map_or(listed, |near| format!("did you mean `{near}`?"));
            Some(model.mistake(
                &format!("\"{into}\""),
                format!("there is no canonical table `{into}`"),
                &help,
            ))
        }
        Some(_) => None,
    }
}

/// Platform a mapping belongs to, from its file name.
pub(crate) fn platform_of(model: &Model) -> Option<&str> {
    model.stem().split_once("__").map(|(platform, _)| platform)
}

/// One mistake for each circle of models that read each other, marked in the first of them.
fn circle_mistakes(blocked: &[Model]) -> Vec<Diagnostic> {
    let mut told: BTreeSet<String> = BTreeSet::new();
    let mut found = Vec::new();
    for model in blocked {
        let circle = circle_through(model, blocked);
        if let (Some(next), false) = (circle.get(1), told.contains(&model.name)) {
            let message = format!(
                "models read each other in a circle: {}",
                circle.join(" reads ")
            );
            found.push(model.statement_mistake(
                next,
                message,
                "let one of them read an earlier table instead",
            ));
            told.extend(circle);
        }
    }
    found
}
