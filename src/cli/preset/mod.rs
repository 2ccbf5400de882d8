//! `antenne preset`: ready contracts and mappings for formats that the field already exchanges.
//!
//! A preset is written into the commons as files that its operator owns from then on; nothing
//! refers back to it.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::{Error, Exit, Shared, report};

mod files;

use files::{PRESETS, Preset};

/// Arguments of `preset`.
#[derive(Debug, Args)]
pub(super) struct PresetArguments {
    /// What to do.
    #[command(subcommand)]
    act: Act,
}

/// What to do with presets.
#[derive(Debug, Subcommand)]
enum Act {
    /// Lists the presets.
    List,
    /// Writes the contract and the mappings of a preset into the commons.
    Add(AddArguments),
}

/// Arguments of `preset add`.
#[derive(Debug, Args)]
struct AddArguments {
    /// The preset, as `antenne preset list` names it.
    preset: String,
    /// Name of the platform; the name of the preset when absent.
    #[arg(long = "as", value_name = "PLATFORM")]
    platform: Option<String>,
    /// Folder or address below which the files of the platform lie.
    #[arg(long, value_name = "URL", conflicts_with = "sample")]
    url: Option<String>,
    /// Also write a few invented records, and let the contract point at them.
    #[arg(long)]
    sample: bool,
}

/// Carries out the verb.
pub(super) fn preset(shared: &Shared, arguments: &PresetArguments) -> Result<Exit, Error> {
    match &arguments.act {
        Act::List => {
            super::output::print(&list())?;
            Ok(Exit::Done)
        }
        Act::Add(arguments) => add(&shared.commons, arguments),
    }
}

/// Every preset on a line.
fn list() -> String {
    let widest = PRESETS.iter().map(|preset| preset.name.len()).max();
    let width = widest.unwrap_or_default();
    let lines = PRESETS
        .iter()
        .map(|preset| format!("{:width$}  {}\n", preset.name, preset.about));
    lines.collect()
}

/// Writes a preset into the commons.
fn add(root: &Path, arguments: &AddArguments) -> Result<Exit, Error> {
    let preset = find(&arguments.preset)?;
    let platform = arguments.platform.as_deref().unwrap_or(preset.name);
    if !is_name(platform) {
        return Err(Error::Request {
            message: format!(
                "`{platform}` cannot name a platform; use small letters, digits and single `_`, beginning with a letter"
            ),
        });
    }
    if !root.join("antenne.toml").is_file() {
        return Err(Error::Request {
            message: format!(
                "`{}` is no commons; name one with `--commons`, or make one with `antenne init`",
                root.display()
            ),
        });
    }
    let files = files_of(preset, platform, arguments);
    if let Some((path, _)) = files.iter().find(|(path, _)| root.join(path).exists()) {
        return Err(Error::Request {
            message: format!(
                "`{}` is there already; name another platform with `--as`",
                path.display()
            ),
        });
    }
    for (path, text) in &files {
        super::init::write(&root.join(path), text)?;
        report::say(&format!("wrote {}", path.display()));
    }
    report::say(&format!(
        "next: complete `[agreement]` in pipelines/sources/{platform}.toml, then antenne check"
    ));
    Ok(Exit::Done)
}

/// The preset of a name.
fn find(name: &str) -> Result<&'static Preset, Error> {
    let found = PRESETS.iter().find(|preset| preset.name == name);
    found.ok_or_else(|| {
        let names: Vec<String> = PRESETS
            .iter()
            .map(|preset| format!("`{}`", preset.name))
            .collect();
        Error::Request {
            message: format!("there is no preset `{name}`, only {}", names.join(", ")),
        }
    })
}

/// Whether a text can name a platform, in files and in SQL.
fn is_name(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(is_plain)
        && !text.contains("__")
        && !text.ends_with('_')
}

/// Paths in the commons and texts, with the platform's own name in them.
fn files_of(preset: &Preset, platform: &str, arguments: &AddArguments) -> Vec<(PathBuf, String)> {
    let folder = match &arguments.url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => format!("sample-data/{platform}"),
    };
    let source = preset.source.replace(
        &format!("\"sample-data/{}/", preset.name),
        &format!("\"{folder}/"),
    );
    let mut files = vec![(format!("pipelines/sources/{platform}.toml"), source)];
    for (table, text) in preset.mappings {
        let own = text.replace(
            &format!("source.{}__", preset.name),
            &format!("source.{platform}__"),
        );
        files.push((format!("sql/conformed/{platform}__{table}.sql"), own));
    }
    if arguments.sample {
        let records = preset.sample.iter();
        files.extend(records.map(|(name, text)| {
            let path = format!("sample-data/{platform}/{name}");
            (path, (*text).to_owned())
        }));
    }
    let as_paths = files.into_iter();
    as_paths
        .map(|(path, text)| (PathBuf::from(path), text))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_has_a_name_that_files_and_statements_can_hold() {
        for good in ["hsds", "vicini_2", "a1"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "Vicini", "2vicini", "a__b", "a_", "a-b", "a/b", "_a"] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
