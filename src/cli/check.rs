//! `antenne check`: every mistake in the declarations and the SQL, without touching data.

use clap::Args;

use super::output::{self, Format};
use super::{Error, Exit, Shared, report};
use crate::run::check;
use crate::spec::commons::Draft;
use crate::spec::diagnostic::Diagnostic;

/// Arguments of `check`.
#[derive(Debug, Args)]
pub(super) struct CheckArguments {
    /// How the mistakes are printed.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Checks the commons.
pub(super) async fn check(shared: &Shared, arguments: &CheckArguments) -> Result<Exit, Error> {
    let draft = Draft::read(&shared.commons).map_err(Error::commons)?;
    let mistakes = check::check(&draft)
        .await
        .map_err(|error| Error::failed(&error))?;
    match arguments.format {
        Format::Json => output::json(&mistakes.iter().map(as_json).collect::<Vec<_>>())?,
        Format::Text if mistakes.is_empty() => report::say("no mistakes"),
        Format::Text => report::diagnostics(&mistakes),
    }
    Ok(if mistakes.is_empty() {
        Exit::Done
    } else {
        Exit::Wrong
    })
}

/// A mistake as JSON.
fn as_json(mistake: &Diagnostic) -> serde_json::Value {
    let (line, column) = mistake.line_and_column();
    serde_json::json!({
        "file": mistake.file.display().to_string(),
        "line": line,
        "column": column,
        "message": mistake.message,
        "help": mistake.help,
    })
}
