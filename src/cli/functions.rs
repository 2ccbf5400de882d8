//! `antenne functions`: the functions of our own that SQL may call.

use std::fmt::Write;

use clap::Args;

use super::output;
use super::{Error, Exit};
use crate::functions::{Function, all};

/// Arguments of `functions`.
#[derive(Debug, Args)]
pub(super) struct FunctionsArguments {
    /// How the list is printed.
    #[arg(long, value_enum, default_value = "text")]
    format: ListFormat,
}

/// How a list is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum ListFormat {
    /// For people at a terminal.
    Text,
    /// As a page, in Italian and English.
    Markdown,
    /// For scripts.
    Json,
}

/// Prints the list.
pub(super) fn functions(arguments: &FunctionsArguments) -> Result<Exit, Error> {
    let functions = all();
    match arguments.format {
        ListFormat::Text => output::print(&text(&functions))?,
        ListFormat::Markdown => output::print(&markdown(&functions))?,
        ListFormat::Json => output::json(&functions)?,
    }
    Ok(Exit::Done)
}

/// Two lines per function: how it is called, what it answers.
fn text(functions: &[Function]) -> String {
    let mut text = String::new();
    for function in functions {
        let _infallible = writeln!(text, "{}\n    {}", function.call, function.en);
    }
    text
}

/// What to know of window functions.
const HOW_TO_CALL: &str = "\n\
    Not known to the served release, because a stranger's query must be stopped when its time is up.\n\
    Called as `f(…) over (partition by … order by …)`; each sees the whole partition.\n\
    Functions of one series read its points in the order of `order by`; the others match rows by their values.\n\
    A part of a struct is read by its name: `f(…) over (…)` as `r`, then `r['p']`.\n\
    An argument in square brackets may be left out, or be null to be skipped.\n";

/// The page `docs/functions.md`.
pub(super) fn markdown(functions: &[Function]) -> String {
    let mut page = String::from(
        "# Functions of our own in SQL · Funzioni proprie in SQL\n\n\
         Known in every model, in `antenne query`, and to whoever asks the served release.\n\
         An absent argument gives an absent answer.\n\
         This page is written by `antenne functions --format markdown`.\n",
    );
    for (kind, title) in [
        ("scalar", "## One answer per row · Una risposta per riga"),
        (
            "aggregate",
            "## One answer per group · Una risposta per gruppo",
        ),
        (
            "window",
            "## One answer per row, from all rows of its partition · \
             Una risposta per riga, da tutte le righe della sua partizione",
        ),
    ] {
        let note = if kind == "window" { HOW_TO_CALL } else { "" };
        let _infallible = write!(
            page,
            "\n{title}\n{note}\n| call | answers | risponde | source |\n|---|---|---|---|\n"
        );
        for function in functions.iter().filter(|function| function.kind() == kind) {
            let _infallible = writeln!(
                page,
                "| `{}` | {} | {} | {} |",
                function.call, function.en, function.it, function.source
            );
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_is_on_the_page_and_in_the_list() {
        let functions = all();
        let (page, list) = (markdown(&functions), text(&functions));
        for function in &functions {
            assert!(page.contains(&format!("| `{}` |", function.call)));
            assert!(list.contains(function.call));
        }
    }
}
