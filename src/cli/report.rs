//! How mistakes and failures are drawn on standard error.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::Error;
use crate::run::with_causes;
use crate::spec::commons;
use crate::spec::diagnostic::Diagnostic;

/// Whether standard error takes color: a terminal, and nobody said `NO_COLOR`.
#[expect(
    clippy::disallowed_methods,
    reason = "only the command line reads the environment"
)]
pub(super) fn is_colored() -> bool {
    let refused = std::env::var("NO_COLOR").is_ok_and(|value| !value.is_empty());
    std::io::stderr().is_terminal() && !refused
}

/// Says a line on standard error; one that nobody can read is not an error.
pub(super) fn say(text: &str) {
    let _unread = writeln!(std::io::stderr().lock(), "{text}");
}

/// Draws diagnostics, in the order of file and place.
pub(super) fn diagnostics(mistakes: &[Diagnostic]) {
    let renderer = if is_colored() {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    for mistake in mistakes {
        say(&draw(mistake, &renderer));
        say("");
    }
    match mistakes.len() {
        1 => say("1 mistake"),
        n_mistakes => say(&format!("{n_mistakes} mistakes")),
    }
}

/// One diagnostic with the lines around it.
fn draw(mistake: &Diagnostic, renderer: &Renderer) -> String {
    let path = mistake.file.display().to_string();
    let length = mistake.source.len();
    let span = mistake.span.start.min(length)..mistake.span.end.min(length);
    let snippet = Snippet::source(&*mistake.source)
        .path(path.as_str())
        .annotation(AnnotationKind::Primary.span(span).label(mistake.label));
    let mut groups = vec![
        Group::with_title(Level::ERROR.primary_title(mistake.message.as_str())).element(snippet),
    ];
    if let Some(help) = &mistake.help {
        groups.push(Group::with_title(
            Level::HELP.secondary_title(help.as_str()),
        ));
    }
    renderer.render(&groups)
}

/// The diagnostic as text without color, for tests and logs.
#[cfg(test)]
fn plain(mistake: &Diagnostic) -> String {
    draw(mistake, &Renderer::plain())
}

/// Says why the command failed; the exit code that goes with it.
pub(super) fn failure(error: &Error, root: &Path) -> ExitCode {
    match error {
        Error::Commons(commons) => {
            match &**commons {
                commons::Error::Mistakes(mistakes) => diagnostics(mistakes),
                other => say(&format!("error: {}", with_causes(other))),
            }
            ExitCode::from(2)
        }
        Error::Request { .. } | Error::Secret { .. } => {
            say(&format!("error: {}", with_causes(error)));
            ExitCode::from(2)
        }
        Error::Run(run) if run.is_request() => {
            say(&format!("error: {}", with_causes(run)));
            ExitCode::from(2)
        }
        Error::Run(run) if run.is_refusal() => {
            say(&format!("refused: {}", with_causes(run)));
            ExitCode::from(3)
        }
        Error::Run(_) | Error::Act { .. } | Error::Failed(_) => {
            say(&format!("error: {}", with_causes(error)));
            tracing::info!(commons = %root.display(), "failed");
            ExitCode::from(1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    #[test]
    fn a_mistake_names_file_line_and_remedy() {
        let mistake = Diagnostic {
            message: "unknown field `urll`".to_owned(),
            file: PathBuf::from("antenne.toml"),
            source: "[lake]\nurll = \"x\"\n".into(),
            span: 7..11,
            label: "here",
            help: Some("correct its spelling".to_owned()),
        };
        let text = plain(&mistake);
        for part in [
            "unknown field `urll`",
            "antenne.toml:2:1",
            "^^^^ here",
            "help: correct its spelling",
        ] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
    }
}
