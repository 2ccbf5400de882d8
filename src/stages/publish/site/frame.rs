//! What surrounds every page: head, skip link, header, navigation, banner, footer.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::numbers::day;
use super::{Page, Source};
use crate::stages::publish::content::Origin;
use crate::stages::publish::texts::{TITLE_EN, TITLE_IT, address, licenses};

/// Nothing but the style sheet beside the page may be loaded, and nothing may run.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'";

/// One page before it is framed.
pub(super) struct Sheet<'a> {
    /// Path inside the folder of the language, as in `signals/index.html`.
    pub(super) path: &'a str,
    /// Title of the page.
    pub(super) title: &'a str,
    /// The page in a sentence, for lists of results.
    pub(super) summary: &'a str,
    /// What stands in `main`.
    pub(super) body: Markup,
}

impl Sheet<'_> {
    /// The way from the page up to the folder of its language.
    pub(super) fn up(path: &str) -> String {
        "../".repeat(path.matches('/').count())
    }
}

/// The finished page.
pub(super) fn framed(source: Source<'_>, sheet: &Sheet<'_>) -> Page {
    let code = source.language.code();
    let up = Sheet::up(sheet.path);
    let markup = html! {
        (DOCTYPE)
        html lang=(code) {
            (head(source, sheet, &up))
            body {
                a class="skip" href="#main" { (source.say("Vai al contenuto", "Skip to content")) }
                (header(source, sheet, &up))
                @if source.content.origin == Origin::Invented { (banner(source)) }
                main id="main" tabindex="-1" { (sheet.body) }
                (footer(source, &up))
            }
        }
    };
    Page {
        path: format!("site/{code}/{}", sheet.path),
        text: markup.into_string(),
    }
}

/// The head of a page.
fn head(source: Source<'_>, sheet: &Sheet<'_>, up: &str) -> Markup {
    let other = source.language.other();
    html! {
        head {
            meta charset="utf-8";
            meta http-equiv="Content-Security-Policy" content=(PreEscaped(POLICY));
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="referrer" content="no-referrer";
            title { (sheet.title) " · antenne " (source.content.version) }
            meta name="description" content=(sheet.summary);
            link rel="stylesheet" href={ (up) "../style.css" };
            link rel="icon" type="image/svg+xml" href={ (up) "../icon.svg" };
            link rel="alternate" hreflang=(other.code()) href={ (up) "../" (other.code()) "/" (sheet.path) };
        }
    }
}

/// The header with the name, the switch of language and the navigation.
fn header(source: Source<'_>, sheet: &Sheet<'_>, up: &str) -> Markup {
    let other = source.language.other();
    let home = format!("{up}index.html");
    let entries = [
        (
            home.clone(),
            source.say("Che cosa emerge", "What is emerging"),
            "index.html",
        ),
        (
            format!("{up}signals/index.html"),
            source.say("Tutti i segnali", "All signals"),
            "signals/index.html",
        ),
        (
            format!("{home}#districts"),
            source.say("Ambiti", "Districts"),
            "",
        ),
        (
            format!("{home}#reading"),
            source.say("Come si legge", "How to read"),
            "",
        ),
        (format!("{home}#downloads"), source.say("Dati", "Data"), ""),
    ];
    html! {
        header {
            div class="top" {
                span { (source.content.publisher.name) }
                a lang=(other.code()) hreflang=(other.code())
                    href={ (up) "../" (other.code()) "/" (sheet.path) } {
                    (other.say("Italiano", "English"))
                }
            }
            div class="name" {
                a href=(home) { "antenne" }
                span { (source.say(TITLE_IT, TITLE_EN)) }
            }
            nav aria-label=(source.say("Principale", "Main")) {
                ul {
                    @for (href, text, path) in &entries {
                        li { a href=(href) aria-current=[(*path == sheet.path).then_some("page")] { (text) } }
                    }
                }
            }
        }
    }
}

/// Says that the data are invented.
fn banner(source: Source<'_>) -> Markup {
    html! {
        aside class="banner" aria-label=(source.say("Avviso", "Notice")) {
            p {
                strong { (source.say("Dati inventati.", "Invented data.")) } " "
                (source.say(
                    "Queste pagine sono una dimostrazione: le cifre non descrivono nessun luogo e nessuna persona.",
                    "These pages are a demonstration: the figures describe no place and no person.",
                ))
            }
        }
    }
}

/// The footer with version, license, sources and contact.
fn footer(source: Source<'_>, up: &str) -> Markup {
    let content = source.content;
    let publisher = &content.publisher;
    html! {
        footer {
            p {
                strong { "antenne " (content.version) } " · "
                (source.say("dati fino al", "data until")) " " (day(source.language, content.data_until)) " · "
                (source.say("licenza", "license")) " " (licenses(content).join(", ")) " · "
                a href={ (up) "../../README.md" } { (source.say("leggimi", "read me")) } " · "
                a href={ (up) "../../CHANGELOG.md" } { (source.say("novità", "changes")) }
            }
            p {
                a href=(publisher.url) { (publisher.name) } " · "
                (source.say("contatto", "contact")) ": " (publisher.contact) " · "
                (source.say("indirizzo di questa versione", "address of this version")) ": " (address(content))
            }
            @if !content.attributions.is_empty() {
                details {
                    summary { (source.say("Fonti e attribuzioni", "Sources and attributions")) }
                    ul { @for attribution in &content.attributions { li { (attribution) } } }
                }
            }
        }
    }
}
