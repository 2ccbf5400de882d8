//! The pages of a release: complete HTML, Italian first, nothing loaded from anywhere else.
//!
//! Every page works from a folder, without scripts, on paper, and with a screen reader. All figures
//! come from the tables of the same release, through `View`; pages compute nothing but rates of two
//! published counts.

use super::content::{DistrictKind, NeedLabel, ReleaseContent};
use super::tables::PlainTable;
use super::{Error, Resource};
use crate::spec::text::Bilingual;

/// Signals as cards.
mod cards;
/// The page of one district.
mod district;
/// Inline drawings.
mod drawing;
/// What surrounds every page.
mod frame;
/// The front page.
mod home;
/// Numbers, months and quarters in words.
mod numbers;
/// Signals in sentences.
mod sentences;
/// The page of all signals.
mod signals;
/// The platforms behind a release.
mod sources;
/// The tables as the pages ask for them.
mod view;

#[cfg(test)]
mod tests;

use view::View;

/// The look of every page.
const STYLE: &str = include_str!("style.css");

/// The mark of every page in the browser's tabs.
const ICON: &str = include_str!("icon.svg");

/// One file of the site.
#[derive(Debug)]
pub(crate) struct Page {
    /// Where it lies in the release.
    pub(crate) path: String,
    /// Its text.
    pub(crate) text: String,
}

/// The languages of the site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    /// Italian, the first.
    Italian,
    /// English.
    English,
}

impl Language {
    /// Its code, as in paths and in `lang`.
    fn code(self) -> &'static str {
        self.say("it", "en")
    }

    /// The other one.
    fn other(self) -> Self {
        match self {
            Self::Italian => Self::English,
            Self::English => Self::Italian,
        }
    }

    /// The text of this language.
    fn say<'a>(self, it: &'a str, en: &'a str) -> &'a str {
        match self {
            Self::Italian => it,
            Self::English => en,
        }
    }

    /// The text of this language.
    fn pick(self, text: &Bilingual) -> &str {
        self.say(&text.it, &text.en)
    }
}

/// What every page is drawn from.
#[derive(Debug, Clone, Copy)]
struct Source<'a> {
    /// What the release says.
    content: &'a ReleaseContent,
    /// Its tables.
    view: &'a View,
    /// The files of its tables.
    resources: &'a [Resource],
    /// The language of the page.
    language: Language,
}

impl<'a> Source<'a> {
    /// The text of the page's language.
    fn say(self, it: &'a str, en: &'a str) -> &'a str {
        self.language.say(it, en)
    }

    /// The name of a need; a new label is quoted, and an unknown code stands for itself.
    fn need_name(self, code: &str) -> String {
        match (self.content.need(code), code) {
            (Some(need), _) => self.language.pick(&need.name).to_owned(),
            (None, "NEW") => self
                .say(
                    "Voci nuove, fuori vocabolario",
                    "New labels, outside the vocabulary",
                )
                .to_owned(),
            (None, super::content::TOTAL) => self.say("Tutti i bisogni", "All needs").to_owned(),
            (None, label) => match self.language {
                Language::Italian => format!("«{label}»"),
                Language::English => format!("“{label}”"),
            },
        }
    }

    /// Whether the law guarantees a level of service for a need.
    fn is_guaranteed(self, code: &str) -> bool {
        self.content
            .need(code)
            .is_some_and(|need: &NeedLabel| need.is_guaranteed)
    }

    /// How real the borders of a district are; a code without a page counts as real.
    fn district_kind(self, code: &str) -> DistrictKind {
        self.content
            .district(code)
            .map_or(DistrictKind::Real, |district| district.kind)
    }
}

/// All pages of the release, in both languages, and their style sheet.
pub(crate) fn pages(
    content: &ReleaseContent,
    plain: &[PlainTable<'_>],
    resources: &[Resource],
) -> Result<Vec<Page>, Error> {
    let view = View::read(plain)?;
    let file = |path: &str, text: &str| Page {
        path: path.to_owned(),
        text: text.to_owned(),
    };
    let mut pages = vec![file("site/style.css", STYLE), file("site/icon.svg", ICON)];
    for language in [Language::Italian, Language::English] {
        let source = Source {
            content,
            view: &view,
            resources,
            language,
        };
        pages.push(home::page(source));
        pages.push(signals::page(source));
        pages.extend(
            content
                .districts
                .iter()
                .map(|one| district::page(source, one)),
        );
    }
    Ok(pages)
}
