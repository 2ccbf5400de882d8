//! `antenne vocabulary`: words that the code list lacks, and how they get a code.

use std::fmt::Write;

use clap::{Args, Subcommand};

use super::{Error, Exit, Shared, open, output};
use crate::stages::detect::candidates::{self, MIN_USES, MappingLine, WordCandidate, candidates};

/// Arguments of `vocabulary`.
#[derive(Debug, Args)]
pub(super) struct VocabularyArguments {
    /// What to do.
    #[command(subcommand)]
    act: Act,
}

/// What can be done about the vocabulary.
#[derive(Debug, Subcommand)]
enum Act {
    /// Lists the words that the code list lacks: new ones, ones suddenly used more, and categories
    /// without a code. For the operator only: the list is not protected.
    Candidates(CandidatesArguments),
    /// Says which line, in which mapping, gives a category a code. Nothing is written.
    Line(LineArguments),
}

/// Arguments of `vocabulary candidates`.
#[derive(Debug, Args)]
struct CandidatesArguments {
    /// How they are printed.
    #[arg(long, value_enum, default_value = "text")]
    format: ListFormat,
}

/// Arguments of `vocabulary line`.
#[derive(Debug, Args)]
struct LineArguments {
    /// The word, in any writing.
    word: String,
    /// The code it is to have, one of `reference/needs.csv`.
    #[arg(long, value_name = "CODE")]
    code: String,
    /// Only the mappings of this platform.
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<String>,
}

/// How the candidates are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum ListFormat {
    /// For people.
    Text,
    /// Comma-separated, with a header; a row for each candidate.
    Csv,
    /// For scripts.
    Json,
}

/// Carries out what was asked.
pub(super) async fn vocabulary(
    shared: &Shared,
    arguments: &VocabularyArguments,
) -> Result<Exit, Error> {
    match &arguments.act {
        Act::Candidates(list) => {
            let cx = open(shared).await?;
            let found = candidates(&cx)
                .await
                .map_err(|error| Error::failed(&error))?;
            match list.format {
                ListFormat::Text => output::print(&text(&found))?,
                ListFormat::Csv => output::write_all(&csv(&found)?)?,
                ListFormat::Json => output::json(&found)?,
            }
            Ok(Exit::Done)
        }
        Act::Line(line) => tell_lines(shared, line).await,
    }
}

/// Prints where a word gets its code.
async fn tell_lines(shared: &Shared, arguments: &LineArguments) -> Result<Exit, Error> {
    let cx = open(shared).await?;
    let codes = candidates::known_codes(&cx)
        .await
        .map_err(|error| Error::failed(&error))?;
    let code = &arguments.code;
    if !codes.contains(code) {
        return Err(Error::Request {
            message: format!(
                "`{code}` is not in `reference/needs.csv`; take a code of that list, or add one to it first"
            ),
        });
    }
    let word = (arguments.word.as_str(), code.as_str());
    let lines = candidates::lines_for(&cx, word, arguments.platform.as_deref())
        .await
        .map_err(|error| Error::failed(&error))?;
    if lines.is_empty() {
        return Err(Error::Request {
            message: format!(
                "no mapping has a category without a code that says `{}`; a word that is only a tag has no code of its own, the category of its requests has",
                arguments.word
            ),
        });
    }
    let mut text = String::new();
    for line in &lines {
        push_line(&mut text, line);
    }
    output::print(&text)?;
    Ok(Exit::Done)
}

/// A line with its place.
fn push_line(text: &mut String, line: &MappingLine) {
    let _infallible = writeln!(
        text,
        "{}, after line {}:\n{}",
        line.file, line.after_line, line.line
    );
}

/// The candidates for people.
fn text(found: &[WordCandidate]) -> String {
    if found.is_empty() {
        return format!("no word with {MIN_USES} requests or more lacks a code or stands out\n");
    }
    let mut text = String::new();
    for one in found {
        let why = match (&one.alert, &one.quarter) {
            (Some(alert), Some(quarter)) => format!("{alert} in {quarter}"),
            _ => "category without a code".to_owned(),
        };
        let _infallible = writeln!(
            text,
            "{}: {why}\n    {} requests since {}, {} without a code; {} districts; {}",
            one.label,
            one.n_requests,
            one.first_month,
            one.n_unmapped,
            one.districts.len(),
            listed(&one.platforms)
        );
        let writings: Vec<String> = one
            .writings
            .iter()
            .take(5)
            .map(|writing| format!("{} ({})", writing.label, writing.n_requests))
            .collect();
        let _infallible = writeln!(text, "    written: {}", writings.join(", "));
        for near in &one.nearest {
            let _infallible = writeln!(
                text,
                "    near: {} {} (shares {})",
                near.code,
                near.label,
                near.shared.join(", ")
            );
        }
        let _infallible = writeln!(text, "    reference/needs.csv: {}", one.code_list_line);
        for line in &one.mapping_lines {
            let mut told = String::new();
            push_line(&mut told, line);
            text.extend(told.lines().map(|line| format!("    {line}\n")));
        }
    }
    text
}

/// Names in one line.
fn listed(names: &std::collections::BTreeSet<String>) -> String {
    names.iter().cloned().collect::<Vec<_>>().join(", ")
}

/// The candidates as CSV; lists within a cell are separated by a vertical bar.
fn csv(found: &[WordCandidate]) -> Result<Vec<u8>, Error> {
    let failed = |error: &dyn std::error::Error| Error::failed(error);
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer
        .write_record([
            "key",
            "label",
            "alert",
            "quarter",
            "n_requests",
            "n_unmapped",
            "first_month",
            "districts",
            "platforms",
            "writings",
            "nearest_codes",
            "code_list_line",
        ])
        .map_err(|error| failed(&error))?;
    for one in found {
        let row = cells(one);
        writer.write_record(&row).map_err(|error| failed(&error))?;
    }
    writer
        .into_inner()
        .map_err(|error| failed(&error.into_error()))
}

/// The cells of a candidate.
fn cells(one: &WordCandidate) -> [String; 12] {
    let joined = |parts: Vec<String>| parts.join("|");
    let writings = one.writings.iter();
    let codes = one.nearest.iter().map(|near| near.code.clone());
    [
        one.key.clone(),
        one.label.clone(),
        one.alert.clone().unwrap_or_default(),
        one.quarter.clone().unwrap_or_default(),
        one.n_requests.to_string(),
        one.n_unmapped.to_string(),
        one.first_month.clone(),
        joined(one.districts.iter().cloned().collect()),
        joined(one.platforms.iter().cloned().collect()),
        joined(
            writings
                .map(|writing| format!("{} ({})", writing.label, writing.n_requests))
                .collect(),
        ),
        joined(codes.collect()),
        one.code_list_line.clone(),
    ]
}
