//! The page of all signals of a release, newest quarter first.

use maud::{Markup, html};

use super::cards::{cards, line};
use super::frame::{Sheet, framed};
use super::numbers::quarter;
use super::view::Signal;
use super::{Page, Source};

/// Where the page lies in the folder of its language.
const PATH: &str = "signals/index.html";

/// The page: the latest quarter as cards, the quarters before as tables.
pub(super) fn page(source: Source<'_>) -> Page {
    let title = source.say("Tutti i segnali", "All signals");
    let summary = source.say(
        "Tutti i segnali della versione, dal trimestre più recente.",
        "All signals of the release, newest quarter first.",
    );
    let quarters = by_quarter(&source.view.signals);
    let body = html! {
        h1 { (title) }
        p class="lead" { (summary) " " (source.say(
            "Ogni segnale dice quanto si attendeva, quanto si è visto e quanto è sicuro.",
            "Each signal says what was expected, what was seen and how sure it is.",
        )) }
        @if quarters.is_empty() {
            p { (source.say("Questa versione non contiene segnali.", "This release has no signals.")) }
        }
        @for (name, signals) in &quarters {
            section aria-labelledby={ "q" (name) } {
                h2 id={ "q" (name) } { (quarter(source.language, name)) }
                @if *name == source.view.latest() {
                    (cards(source, signals, "../"))
                } @else {
                    (table(source, name, signals))
                }
            }
        }
    };
    framed(
        source,
        &Sheet {
            path: PATH,
            title,
            summary,
            body,
        },
    )
}

/// The signals of an earlier quarter.
fn table(source: Source<'_>, name: &str, signals: &[&Signal]) -> Markup {
    html! {
        div class="scroll" tabindex="0" role="region" aria-labelledby={ "t" (name) } {
            table {
                caption id={ "t" (name) } {
                    (source.say("Segnali del", "Signals of")) " " (quarter(source.language, name))
                }
                thead { tr {
                    th scope="col" { (source.say("Bisogno", "Need")) }
                    th scope="col" { (source.say("Ambito", "District")) }
                    th scope="col" { (source.say("Segnale", "Signal")) }
                    th scope="col" { (source.say("Mesi", "Months")) }
                    th scope="col" { (source.say("Che cosa si è visto", "What was seen")) }
                } }
                tbody { @for signal in signals { (line(source, signal, "../")) } }
            }
        }
    }
}

/// Signals grouped by quarter, in the order they have.
fn by_quarter(signals: &[Signal]) -> Vec<(&str, Vec<&Signal>)> {
    let mut groups: Vec<(&str, Vec<&Signal>)> = Vec::new();
    for signal in signals {
        match groups.last_mut() {
            Some((name, group)) if *name == signal.quarter => group.push(signal),
            _ => groups.push((&signal.quarter, vec![signal])),
        }
    }
    groups
}
