//! `antenne docs`: what a commons declares, for its readers: the data dictionary, and where columns come from.

use std::path::PathBuf;

use clap::Args;

use super::{Error, Exit, Shared, output};
use crate::run::lineage::{Lineage, lineage};
use crate::spec::commons::Commons;

mod graph;
mod html;
mod markdown;
mod table;

/// Arguments of `docs`.
#[derive(Debug, Args)]
pub(super) struct DocsArguments {
    /// Folder to write everything into; without it one page is printed.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The page that is printed.
    #[arg(long, value_enum, default_value = "markdown", conflicts_with = "out")]
    page: Page,
}

/// A page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Page {
    /// The data dictionary in Italian and English, as Markdown.
    Markdown,
    /// The same to look at in a browser.
    Html,
    /// The same as a table, a row per column.
    Csv,
    /// Which model reads which, as a Mermaid diagram.
    Mermaid,
    /// The same as a picture.
    Svg,
}

impl Page {
    /// All pages.
    const ALL: [Self; 5] = [
        Self::Markdown,
        Self::Html,
        Self::Csv,
        Self::Mermaid,
        Self::Svg,
    ];

    /// Name of its file.
    fn file(self) -> &'static str {
        match self {
            Self::Markdown => "data-dictionary.md",
            Self::Html => "data-dictionary.html",
            Self::Csv => "data-dictionary.csv",
            Self::Mermaid => "lineage.mmd",
            Self::Svg => "lineage.svg",
        }
    }

    /// Its text.
    fn text(self, commons: &Commons, lineage: &Lineage) -> String {
        match self {
            Self::Markdown => markdown::data_dictionary(commons, lineage),
            Self::Html => html::page(commons, lineage),
            Self::Csv => table::csv(commons, lineage),
            Self::Mermaid => graph::mermaid(commons),
            Self::Svg => graph::svg(commons),
        }
    }
}

/// Writes every page, or prints one.
pub(super) async fn docs(shared: &Shared, arguments: &DocsArguments) -> Result<Exit, Error> {
    let commons = Commons::load(&shared.commons).map_err(Error::commons)?;
    let lineage = lineage(&commons)
        .await
        .map_err(|error| Error::failed(&error))?;
    let Some(folder) = &arguments.out else {
        output::print(&arguments.page.text(&commons, &lineage))?;
        return Ok(Exit::Done);
    };
    let failed = |source| Error::Act {
        act: format!("write into `{}`", folder.display()),
        source,
    };
    std::fs::create_dir_all(folder).map_err(failed)?;
    for page in Page::ALL {
        let text = page.text(&commons, &lineage);
        std::fs::write(folder.join(page.file()), text).map_err(failed)?;
    }
    Ok(Exit::Done)
}
