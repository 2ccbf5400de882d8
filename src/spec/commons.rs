//! The commons directory: everything people declared, read and checked in one go.
//!
//! ```text
//! antenne.toml            settings
//! pipelines/sources/      one TOML file per platform
//! pipelines/releases/     one TOML file per published data set
//! sql/conformed/ derived/ one SQL file per model
//! reference/tables.toml   codes, districts, population
//! ```
//!
//! Loading never stops at the first mistake: it collects all of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::diagnostic::{Diagnostic, SourceText};
use super::model::{Model, in_order};
use super::reference::ReferenceSpec;
use super::release::ReleaseSpec;
use super::settings::Settings;
use super::source::SourceSpec;
use super::source_check::check_table;
use crate::canon::tables::Table;

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
    /// Data sets by name.
    pub releases: BTreeMap<String, Declared<ReleaseSpec>>,
    /// Mappings of platform tables to canonical tables, by file name.
    pub conformed: Vec<Model>,
    /// Derived models, each after what it reads.
    pub derived: Vec<Model>,
    /// Reference tables.
    pub reference: ReferenceSpec,
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
        let settings_path = root.join("antenne.toml");
        if !settings_path.is_file() {
            return Err(Error::NotACommons {
                root: root.to_path_buf(),
            });
        }
        let mut reader = Reader {
            root,
            mistakes: Vec::new(),
        };
        let settings = reader.toml::<Settings>(&settings_path)?;
        let sources = reader.folder::<SourceSpec>("pipelines/sources")?;
        let releases = reader.folder::<ReleaseSpec>("pipelines/releases")?;
        let conformed = reader.models("conformed")?;
        let derived = reader.models("derived")?;
        let folder = settings.as_ref().map_or_else(
            || "reference".to_owned(),
            |found| found.spec.reference.folder.clone(),
        );
        let reference = reader.toml::<ReferenceSpec>(&root.join(folder).join("tables.toml"))?;
        let mut mistakes = reader.mistakes;
        mistakes.extend(source_mistakes(&sources));
        mistakes.extend(release_mistakes(&releases));
        mistakes.extend(conformed_mistakes(&conformed, &sources));
        let derived = in_order(derived).unwrap_or_else(|circle| {
            mistakes.extend(circle_mistake(&circle));
            Vec::new()
        });
        match (settings, reference) {
            (Some(settings), Some(reference)) if mistakes.is_empty() => Ok(Self {
                root: root.to_path_buf(),
                settings: settings.spec,
                sources,
                releases,
                conformed,
                derived,
                reference: reference.spec,
            }),
            _ => Err(Error::Mistakes(mistakes)),
        }
    }
}

/// Reads declarations and collects what is wrong with them.
struct Reader<'a> {
    /// The commons directory.
    root: &'a Path,
    /// Mistakes so far.
    mistakes: Vec<Diagnostic>,
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
        match text.parse_toml::<T>() {
            Ok(spec) => Ok(Some(Declared { spec, text })),
            Err(mistake) => {
                self.mistakes.push(mistake);
                Ok(None)
            }
        }
    }

    /// Reads every TOML file of a folder, by stem.
    fn folder<T: serde::de::DeserializeOwned>(
        &mut self,
        folder: &str,
    ) -> Result<BTreeMap<String, Declared<T>>, Error> {
        let mut found = BTreeMap::new();
        for (stem, path) in files_with_extension(&self.root.join(folder), "toml")? {
            if let Some(declared) = self.toml(&path)? {
                found.insert(stem, declared);
            }
        }
        Ok(found)
    }

    /// Reads every model of `sql/<schema>`.
    fn models(&mut self, schema: &str) -> Result<Vec<Model>, Error> {
        let mut found = Vec::new();
        for (stem, path) in files_with_extension(&self.root.join("sql").join(schema), "sql")? {
            match Model::parse(schema, &stem, self.text(&path)?) {
                Ok(model) => found.push(model),
                Err(mistake) => self.mistakes.push(mistake),
            }
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

/// Mistakes of the sources beyond their syntax.
fn source_mistakes(sources: &BTreeMap<String, Declared<SourceSpec>>) -> Vec<Diagnostic> {
    sources
        .values()
        .flat_map(|source| {
            let findings = source
                .spec
                .tables
                .iter()
                .flat_map(|(name, table)| check_table(name, table));
            findings.map(|found| {
                source
                    .text
                    .diagnostic_at(&found.needle, found.message, "here", Some(&found.help))
            })
        })
        .collect()
}

/// Mistakes of the releases beyond their syntax.
fn release_mistakes(releases: &BTreeMap<String, Declared<ReleaseSpec>>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for release in releases.values() {
        for (needle, message, help) in release.spec.mistakes() {
            found.push(
                release
                    .text
                    .diagnostic_at(&needle, message, "here", Some(help)),
            );
        }
        if let Some(whole) = release
            .spec
            .protect
            .of
            .as_ref()
            .filter(|whole| !releases.contains_key(*whole))
        {
            let message = format!("there is no data set `{whole}` for this one to be a part of");
            found.push(release.text.diagnostic_at(
                whole,
                message,
                "here",
                Some("name a file of `pipelines/releases/` without its ending"),
            ));
        }
    }
    found
}

/// Mistakes of the mappings: an unknown canonical table, an unknown platform table.
fn conformed_mistakes(
    models: &[Model],
    sources: &BTreeMap<String, Declared<SourceSpec>>,
) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for model in models {
        match model.header.into.as_deref() {
            None => found.push(model.mistake(
                "/* model",
                "the mapping does not say which canonical table it fills".to_owned(),
                "add `into = \"exchanges\"` or another table of `src/canon/tables.rs`",
            )),
            Some(into) if Table::named(into).is_none() => {
                found.push(model.mistake(
                    into,
                    format!("there is no canonical table `{into}`"),
                    "see `docs/data-dictionary.md` for the canonical tables",
                ));
            }
            Some(_) => {}
        }
        let known = |platform: &str, table: &str| {
            sources
                .get(platform)
                .is_some_and(|source| source.spec.tables.contains_key(table))
        };
        for input in &model.inputs {
            let Some((platform, table)) = input
                .strip_prefix("source.")
                .and_then(|rest| rest.split_once("__"))
            else {
                continue;
            };
            if !known(platform, table) {
                found.push(model.mistake(
                    input,
                    format!("no pipeline declares `{input}`"),
                    "check the name against `pipelines/sources/`",
                ));
            }
        }
        if platform_of(model).is_none_or(|platform| !sources.contains_key(platform)) {
            found.push(model.mistake(
                "/* model",
                format!(
                    "the file name `{}` does not start with a platform",
                    model.stem()
                ),
                "name the file `<platform>__<table>.sql`",
            ));
        }
    }
    found
}

/// Platform a mapping belongs to, from its file name.
pub(crate) fn platform_of(model: &Model) -> Option<&str> {
    model.stem().split_once("__").map(|(platform, _)| platform)
}

/// The mistake of models that read each other in a circle.
fn circle_mistake(circle: &[Model]) -> Option<Diagnostic> {
    let names: Vec<&str> = circle.iter().map(|model| &*model.name).collect();
    circle.first().map(|model| {
        model.mistake(
            "/* model",
            format!("models read each other in a circle: {}", names.join(", ")),
            "let one of them read an earlier table instead",
        )
    })
}
