//! `antenne stats`: any statistical method on a plain CSV, so that it can be held against another program.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;

use super::output;
use super::{Error, Exit};
use crate::methods::{self, Method, Table};

/// Arguments of `stats`.
#[derive(Debug, Args)]
pub(super) struct StatsArguments {
    /// Name the methods with their options and what these are when not given.
    #[arg(long)]
    list: bool,
    /// The method, its options, and the file it reads; `-o FILE` for the answer.
    #[arg(
        value_name = "METHOD [--OPTION VALUE …] INPUT.csv [-o OUTPUT.csv]",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    words: Vec<String>,
}

/// A call as it was meant.
#[derive(Debug, Default, PartialEq, Eq)]
struct Call {
    /// Options by name.
    options: BTreeMap<String, String>,
    /// The file read; none for methods that read only what options name.
    input: Option<PathBuf>,
    /// The file written, rather than standard output.
    output: Option<PathBuf>,
}

/// Runs a method, or lists them.
pub(super) fn stats(arguments: &StatsArguments) -> Result<Exit, Error> {
    let Some((name, words)) = arguments.words.split_first().filter(|_| !arguments.list) else {
        output::print(&list())?;
        return Ok(Exit::Done);
    };
    let method = methods::all()
        .into_iter()
        .find(|method| method.name == name);
    let method = method.ok_or_else(|| unknown(name))?;
    let call = read(words)?;
    let request = |error: methods::Error| Error::Request {
        message: error.to_string(),
    };
    let text = call.input.as_ref().map_or(Ok(String::new()), |path| {
        std::fs::read_to_string(path).map_err(|error| Error::Request {
            message: format!("cannot read `{}`: {error}", path.display()),
        })
    })?;
    let input = Table::parse(&text).map_err(request)?;
    let answer = method.call(&input, &call.options).map_err(request)?;
    let text = answer.to_csv().map_err(request)?;
    output::write_to(call.output.as_deref(), text.as_bytes())?;
    Ok(Exit::Done)
}

/// Takes the words after the method apart.
fn read(words: &[String]) -> Result<Call, Error> {
    let wrong = |message: String| Error::Request { message };
    let mut call = Call::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || {
            let next = words.next().cloned();
            next.ok_or_else(|| wrong(format!("`{word}` needs a value after it")))
        };
        if word == "-o" || word == "--output" {
            call.output = Some(value()?.into());
        } else if let Some(option) = word.strip_prefix("--") {
            let value = value()?;
            call.options.insert(option.to_owned(), value);
        } else if call.input.is_none() {
            call.input = Some(word.into());
        } else {
            return Err(wrong(format!(
                "`{word}` is a second input; further files are given by options, see `antenne stats --list`"
            )));
        }
    }
    Ok(call)
}

/// The error that there is no such method.
fn unknown(name: &str) -> Error {
    let names: Vec<&str> = methods::all().iter().map(|method| method.name).collect();
    Error::Request {
        message: format!(
            "there is no method `{name}`; there are {}",
            names.join(", ")
        ),
    }
}

/// All methods with their options.
fn list() -> String {
    methods::all().iter().map(about).collect()
}

/// A method with its options.
fn about(method: &Method) -> String {
    let mut text = format!(
        "{}\n    {}\n    {}\n    source: {}\n",
        method.name, method.summary, method.layout, method.source
    );
    for choice in method.choices {
        let default = match choice.default {
            "" => "none",
            default => default,
        };
        let _infallible = writeln!(
            text,
            "    --{} ({default}): {}",
            choice.name, choice.meaning
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words as a shell hands them over.
    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn options_input_and_output_come_in_any_order() {
        let call = read(&words("--alpha 0.01 in.csv -o out.csv --model -1")).unwrap();
        assert_eq!(call.options["alpha"], "0.01");
        assert_eq!(call.options["model"], "-1");
        assert_eq!(call.input, Some("in.csv".into()));
        assert_eq!(call.output, Some("out.csv".into()));
        assert!(read(&words("--alpha")).is_err());
        assert!(read(&words("a.csv b.csv")).is_err());
    }

    #[test]
    fn every_method_is_listed_with_its_options() {
        let list = list();
        for method in methods::all() {
            assert!(list.contains(&format!("{}\n    {}", method.name, method.summary)));
            let has = |name: &str| list.contains(&format!("--{name} ("));
            assert!(method.choices.iter().all(|choice| has(choice.name)));
        }
    }
}
