//! Signals as cards, and the small words that pages share: badges and statuses.

use maud::{Markup, html};

use super::Source;
use super::drawing::range;
use super::numbers::quarter;
use super::sentences::{certainty, finding, notes, period, since};
use super::view::{Aspect, Cell, Family, Signal};
use crate::stages::publish::content::{DistrictKind, TOTAL};

/// The badge of a district that is not a whole real ambito.
pub(super) fn kind_badge(source: Source<'_>, kind: DistrictKind) -> Markup {
    match kind {
        DistrictKind::Real => html! {},
        DistrictKind::Partial => html! {
            span class="badge partial" { (source.say("parziale", "partial")) }
        },
        DistrictKind::Demonstration => html! {
            span class="badge demo" { (source.say("dimostrazione", "demonstration")) }
        },
    }
}

/// The badge of a need whose level of service the law guarantees.
pub(super) fn guaranteed_badge(source: Source<'_>) -> Markup {
    html! {
        span class="badge leps" { abbr title=(source.say(
            "Livello essenziale delle prestazioni sociali, garantito dalla legge",
            "Level of social service guaranteed by law",
        )) { "LEPS" } }
    }
}

/// The name of the family of a signal.
fn family_name<'a>(source: Source<'a>, signal: &Signal) -> &'a str {
    match (signal.family, signal.aspect) {
        (Family::Emerging, _) => source.say("Bisogno in aumento", "Rising need"),
        (Family::New, _) => source.say("Bisogno nuovo", "New need"),
        (Family::Gap, Aspect::UnmetShare) => {
            source.say("Carenza: richieste senza risposta", "Gap: unmet requests")
        }
        (Family::Gap, Aspect::NoOffer) => source.say("Carenza: nessuna offerta", "Gap: no offer"),
        (Family::Gap, Aspect::LongWait) => source.say("Carenza: attese lunghe", "Gap: long waits"),
        (Family::Gap, Aspect::LowUse) => source.say("Carenza: uso scarso", "Gap: low use"),
        (Family::Gap, Aspect::PoorAccess) => {
            source.say("Carenza: servizio lontano", "Gap: out of reach")
        }
        (Family::Gap, Aspect::MissingLevel) => source.say(
            "Carenza: livello garantito assente",
            "Gap: guaranteed level missing",
        ),
        (Family::Gap, Aspect::UnevenUse) => source.say("Carenza: uso diseguale", "Gap: uneven use"),
        (Family::Gap, _) => source.say("Carenza di servizio", "Service gap"),
    }
}

/// The class of the family of a signal, for its color.
fn family_class(family: Family) -> &'static str {
    match family {
        Family::Emerging => "emerging",
        Family::New => "new",
        Family::Gap => "gap",
    }
}

/// The name of a platform for readers, from its code.
pub(super) fn platform_name(code: &str) -> String {
    code.replace('_', " ")
}

/// Names of platforms, whether written as a list or as JSON.
fn platform_names(text: &str) -> String {
    let names = text.trim_matches(['[', ']']).split(',');
    let names: Vec<String> = names
        .map(|name| platform_name(name.trim().trim_matches('"')))
        .collect();
    names.join(", ")
}

/// The link to the page of a district with its badge; all districts together have no page.
pub(super) fn district_link(source: Source<'_>, code: &str, up: &str) -> Markup {
    let name = source
        .content
        .district(code)
        .map(|district| district.name.as_str());
    html! {
        @match name {
            Some(name) => a href={ (up) "districts/" (code) "/index.html" } { (name) },
            None if code == TOTAL => (source.say("Tutti gli ambiti", "All districts")),
            None => (code),
        }
        " " (kind_badge(source, source.district_kind(code)))
    }
}

/// One signal as a card; the page says whether it stands under a heading of level two or three.
pub(super) fn card(source: Source<'_>, signal: &Signal, up: &str) -> Markup {
    let language = source.language;
    html! {
        article class={ "card " (family_class(signal.family)) } id=(signal.id) {
            p class="family" { (family_name(source, signal)) }
            h3 {
                (source.need_name(&signal.need))
                @if source.is_guaranteed(&signal.need) { " " (guaranteed_badge(source)) }
            }
            p class="where" {
                (district_link(source, &signal.district, up)) " · " (quarter(language, &signal.quarter))
            }
            p class="finding" { (finding(language, signal)) }
            @if signal.aspect != Aspect::NoOffer {
                @if let Some(drawing) = range(language, &signal.id, &signal.evidence) { (drawing) }
            }
            @let certainty = certainty(language, &signal.evidence).unwrap_or_default();
            @let since = since(language, signal);
            @if !(certainty.is_empty() && since.is_empty()) { p { (certainty) " " (since) } }
            (details(source, signal))
        }
    }
}

/// What a card keeps folded: notes, platforms, method, name.
fn details(source: Source<'_>, signal: &Signal) -> Markup {
    html! {
        details {
            summary { (source.say("Perché e come", "Why and how")) }
            ul {
                @for note in notes(source.language, signal) { li { (note) } }
                @if !signal.platforms.is_empty() {
                    li { (source.say("Piattaforme", "Platforms")) ": " (platform_names(&signal.platforms)) "." }
                }
                li { (source.say("Metodo", "Method")) ": " (signal.method) "." }
                li { (source.say("Segnale", "Signal")) ": " code { (signal.id) } ", " (quarter(source.language, &signal.quarter)) "." }
            }
        }
    }
}

/// Several signals as cards, needs with a guaranteed level first.
pub(super) fn cards(source: Source<'_>, signals: &[&Signal], up: &str) -> Markup {
    let mut signals = signals.to_vec();
    signals.sort_by_key(|signal| !source.is_guaranteed(&signal.need));
    html! {
        div class="cards" { @for signal in signals { (card(source, signal, up)) } }
    }
}

/// One signal in a line of a table.
pub(super) fn line(source: Source<'_>, signal: &Signal, up: &str) -> Markup {
    html! {
        tr id=(signal.id) {
            th scope="row" { (source.need_name(&signal.need)) }
            td { (district_link(source, &signal.district, up)) }
            td { (family_name(source, signal)) }
            td { (period(source.language, signal)) }
            td { (finding(source.language, signal)) }
        }
    }
}

/// A cell as text and class: the four statuses differ in words, and only then in looks.
pub(super) fn status_text(source: Source<'_>, cell: Option<Cell>) -> (&'static str, String) {
    match cell {
        Some(Cell::Published(value)) => ("n", super::numbers::whole(source.language, value)),
        Some(Cell::Suppressed) => ("s", source.say("riservato", "withheld").to_owned()),
        Some(Cell::SourceDown) => ("d", source.say("fonte ferma", "source down").to_owned()),
        Some(Cell::NotCovered) => ("c", source.say("non coperto", "not covered").to_owned()),
        None => ("c", "—".to_owned()),
    }
}

/// The legend of the statuses.
pub(super) fn legend(source: Source<'_>) -> Markup {
    let entries = [
        ("n", "0", source.say("una cifra, zero compreso: è pubblicata", "a figure, zero included: it is published")),
        ("s", source.say("riservato", "withheld"), source.say(
            "dietro ci sono poche persone, o la cifra ne svelerebbe un’altra riservata",
            "few persons stand behind it, or the figure would give away another one",
        )),
        ("c", source.say("non coperto", "not covered"), source.say(
            "nessuna piattaforma lavora lì in quel periodo: non vuol dire che il bisogno manchi",
            "no platform works there in that period: it does not mean that there is no need",
        )),
        ("d", source.say("fonte ferma", "source down"), source.say(
            "la piattaforma lavora lì ma non ha risposto",
            "the platform works there but did not answer",
        )),
    ];
    html! {
        dl class="legend" {
            @for (class, term, text) in entries {
                div { dt class=(class) { (term) } dd { (text) } }
            }
        }
    }
}
