//! A statement that does not plan, in words and with a place.

use crate::engine;
use crate::run::with_causes;
use crate::spec::diagnostic::Diagnostic;
use crate::spec::model::Model;
use crate::spec::nearest;

/// The mistake of a statement that does not plan.
pub(super) fn mistake(model: &Model, error: &engine::Error) -> Diagnostic {
    let message = cause(error);
    // The name that could not be found stands first in quotes, or after `named`.
    let named = message
        .split("named ")
        .nth(1)
        .and_then(|rest| rest.split_whitespace().next());
    let quoted = message.split(['\'', '`', '"']).skip(1).step_by(2);
    let candidates: Vec<String> = named
        .into_iter()
        .chain(quoted)
        .flat_map(ways_of_writing)
        .collect();
    let needle = candidates
        .iter()
        .find(|word| word.len() > 1 && model.has_word(word))
        .map_or("select", String::as_str);
    let (message, help) = words(
        error,
        "correct the statement; `antenne check` plans it again without reading data",
    );
    model.statement_mistake(needle, message, &help)
}

/// A name as the statement may have written it: whole, without its catalog, its last part.
fn ways_of_writing(name: &str) -> Vec<String> {
    let plain = name
        .trim_matches(|letter| ".,'`\"".contains(letter))
        .replace('"', "");
    let without_catalog = plain.strip_prefix("antenne.").unwrap_or(&plain).to_owned();
    let last = plain.rsplit('.').next().unwrap_or_default().to_owned();
    vec![plain, without_catalog, last]
}

/// The engine's message in shorter words, and what to do: `otherwise`, if nothing better is known.
pub(super) fn words(error: &engine::Error, otherwise: &str) -> (String, String) {
    let (message, all) = (cause(error), with_causes(error));
    let meant = all
        .split_once("Did you mean '")
        .and_then(|(_, rest)| rest.split_once('\''))
        .map(|(name, _)| name);
    let last_part = |name: &str| name.rsplit('.').next().unwrap_or(name).to_owned();
    let or_meant = |help: &str| {
        meant.map_or_else(
            || help.to_owned(),
            |meant| format!("did you mean `{}`?", last_part(meant)),
        )
    };
    if let Some((_, rest)) = message.split_once("No field named ") {
        let name = rest
            .split(". ")
            .next()
            .unwrap_or(rest)
            .trim_end_matches('.')
            .replace('"', "");
        let valid: Vec<&str> = rest
            .split_once("Valid fields are ")
            .map_or("", |(_, valid)| valid)
            .split([',', ' '])
            .collect();
        let valid: Vec<&str> = valid
            .iter()
            .map(|word| word.trim_matches(['.', '"']))
            .map(|word| word.rsplit('.').next().unwrap_or(word))
            .collect();
        let near = nearest(&last_part(&name), &valid).map(|near| format!("did you mean `{near}`?"));
        let help = near.unwrap_or_else(|| or_meant("name a column of the tables it reads"));
        return (format!("there is no column `{name}`"), help);
    }
    if let Some((name, _)) = message
        .split_once("table '")
        .and_then(|(_, rest)| rest.split_once("' not found"))
    {
        let table = name.strip_prefix("antenne.").unwrap_or(name);
        return (format!("there is no table `{table}`"), "read `source.…`, `conformed.…`, `reference.…` or `derived.…`, by the names of `docs/data-dictionary.md`".to_owned());
    }
    if let Some((name, _)) = message
        .split_once("Invalid function '")
        .and_then(|(_, rest)| rest.split_once('\''))
    {
        return (
            format!("there is no function `{name}`"),
            or_meant("use a function of DataFusion's SQL"),
        );
    }
    (
        message.trim_end_matches('.').to_owned(),
        otherwise.to_owned(),
    )
}

/// The innermost cause of an engine error, first line, without the names of its layers.
fn cause(error: &engine::Error) -> String {
    const LAYERS: [&str; 5] = [
        "Error during planning",
        "Schema error",
        "SQL error",
        "This feature is not implemented",
        "type_coercion",
    ];
    let text = with_causes(error);
    let mut parts: Vec<&str> = text.split(": ").skip(1).collect();
    while parts.len() > 1 && LAYERS.iter().any(|layer| parts[0].starts_with(layer)) {
        parts.remove(0);
    }
    parts
        .join(": ")
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned()
}
