//! Corrections that no longer find what they correct, as the last run over them noted.
//!
//! This is the one thing `check` reads from the lake, and only where the lake is a folder: it
//! needs no secret, and where there is no lake yet there is nothing to say.

use crate::lake::Lake;
use crate::spec::commons::Draft;
use crate::spec::diagnostic::Diagnostic;
use crate::spec::secret::Secrets;
use crate::stages::conform::findings::{Stale, stale_corrections};

/// A mistake for each stale correction that is still declared.
pub(super) async fn check(draft: &Draft) -> Vec<Diagnostic> {
    let Some(settings) = &draft.settings else {
        return Vec::new();
    };
    let url = &settings.lake.url;
    if draft.corrections.is_empty() || url.contains("://") || !draft.root.join(url).is_dir() {
        return Vec::new();
    }
    let Ok(lake) = Lake::open(&draft.root, &settings.lake, &Secrets::default()) else {
        return Vec::new();
    };
    // A lake that cannot be read is told by the run, which needs it.
    let stale = stale_corrections(&lake).await.unwrap_or_default();
    stale.iter().filter_map(|one| mistake(draft, one)).collect()
}

/// The mistake of a stale correction.
fn mistake(draft: &Draft, stale: &Stale) -> Option<Diagnostic> {
    let declared = draft.corrections.get(&stale.platform)?;
    let mut names = declared.spec.correction.iter().map(|one| &one.name);
    names.any(|name| *name == stale.name).then(|| {
        let help = "remove it, or correct where its row lies";
        declared
            .text
            .diagnostic_below("", &stale.name, stale.why.clone(), Some(help))
    })
}
