//! The page of one district: who lives there, what is emerging, what is missing, and the figures.

use maud::{Markup, html};

use super::cards::{cards, guaranteed_badge, kind_badge, legend, line, status_text};
use super::drawing::trend;
use super::frame::{Sheet, framed};
use super::numbers::{decimal, percent, quarter, short_quarter};
use super::view::{Cell, Family, Profile, Signal};
use super::{Page, Source};
use crate::stages::publish::content::{District, DistrictKind, TOTAL};

/// How many quarters the table shows.
const QUARTERS_SHOWN: usize = 8;

/// The way up from the page to the folder of its language.
const UP: &str = "../../";

/// The page of a district.
pub(super) fn page(source: Source<'_>, one: &District) -> Page {
    let path = format!("districts/{}/index.html", one.code);
    let summary = format!(
        "{}: {}",
        one.name,
        source.say(
            "profilo, bisogni che emergono, carenze di servizio e richieste per trimestre.",
            "profile, emerging needs, service gaps and requests by quarter.",
        )
    );
    let body = html! {
        nav class="crumbs" aria-label=(source.say("Percorso", "Breadcrumb")) {
            ol {
                li { a href={ (UP) "index.html" } { "antenne" } }
                li { a href={ (UP) "index.html#districts" } { (source.say("Ambiti", "Districts")) } }
                li aria-current="page" { (one.name) }
            }
        }
        h1 { (one.name) " " (kind_badge(source, one.kind)) }
        (kind_note(source, one.kind))
        (facts(source, one))
        (current_signals(source, one))
        (earlier_signals(source, one))
        (figures(source, one))
    };
    framed(
        source,
        &Sheet {
            path: &path,
            title: &one.name,
            summary: &summary,
            body,
        },
    )
}

/// Says in words what the badge says.
fn kind_note(source: Source<'_>, kind: DistrictKind) -> Markup {
    let text = match kind {
        DistrictKind::Real => return html! {},
        DistrictKind::Partial => source.say(
            "Ambito reale di cui qui si conoscono solo alcuni comuni.",
            "A real district of which only some comuni are known here.",
        ),
        DistrictKind::Demonstration => source.say(
            "Ambito dimostrativo: comuni vicini messi insieme per mostrare le pagine. Non esiste un ambito con questi confini.",
            "Demonstration district: neighboring comuni put together to show the pages. No district has these borders.",
        ),
    };
    html! { p class="note" { (text) } }
}

/// Who lives there.
fn facts(source: Source<'_>, one: &District) -> Markup {
    let profile = source
        .view
        .profiles
        .get(&one.code)
        .copied()
        .unwrap_or_default();
    html! {
        section aria-labelledby="profile" {
            h2 id="profile" { (source.say("Il profilo", "Profile")) }
            @if source.view.profiles.contains_key(&one.code) {
                dl class="facts" {
                    @for (term, text, value, places) in fact_list(source, &profile) {
                        @if let Some(value) = value {
                            div {
                                dt { (term) @if !text.is_empty() { span class="small" { " " (text) } } }
                                dd { (decimal(source.language, value, places)) }
                            }
                        }
                    }
                }
            }
            @if !one.comuni.is_empty() {
                details {
                    summary { (source.say("I comuni", "The comuni")) }
                    p { (one.comuni.join(", ")) "." }
                }
            }
        }
    }
}

/// The facts: name, explanation, value, decimals.
fn fact_list<'a>(
    source: Source<'a>,
    profile: &Profile,
) -> [(&'a str, &'a str, Option<f64>, usize); 6] {
    [
        (source.say("Comuni", "Comuni"), "", profile.n_comuni, 0),
        (
            source.say("Residenti", "Residents"),
            "",
            profile.residents,
            0,
        ),
        (
            source.say("Residenti da 0 a 14 anni", "Residents aged 0 to 14"),
            "",
            profile.residents_0_14,
            0,
        ),
        (
            source.say("Residenti di 65 anni e più", "Residents aged 65 and over"),
            "",
            profile.residents_65_plus,
            0,
        ),
        (
            source.say("Indice di vecchiaia", "Ageing index"),
            source.say("65 e più ogni 100 di 0–14", "65 and over for 100 aged 0–14"),
            profile.ageing_index,
            1,
        ),
        (
            source.say("Dipendenza degli anziani", "Old-age dependency"),
            source.say(
                "65 e più ogni 100 di 15–64",
                "65 and over for 100 aged 15–64",
            ),
            profile.old_age_dependency,
            1,
        ),
    ]
}

/// The signals of the latest quarter: what emerges, then what is missing.
fn current_signals(source: Source<'_>, one: &District) -> Markup {
    let latest = source.view.latest();
    let here = |gaps: &[Family]| -> Vec<&Signal> {
        let signals = source.view.signals.iter();
        signals
            .filter(|signal| is_about(signal, one) && signal.quarter == latest)
            .filter(|signal| gaps.contains(&signal.family))
            .collect()
    };
    let none = source.say(
        "Nessun segnale in questo trimestre.",
        "No signal in this quarter.",
    );
    let sections = [
        (
            "emerging",
            source.say("Che cosa emerge", "What is emerging"),
            here(&[Family::Emerging, Family::New]),
        ),
        (
            "gaps",
            source.say("Le carenze di servizio", "Service gaps"),
            here(&[Family::Gap]),
        ),
    ];
    html! {
        @for (id, title, signals) in sections {
            section aria-labelledby=(id) {
                h2 id=(id) { (title) ", " (quarter(source.language, latest)) }
                @if signals.is_empty() { p { (none) } } @else { (cards(source, &signals, UP)) }
            }
        }
    }
}

/// Whether a signal is about a district, or about all of them.
fn is_about(signal: &Signal, one: &District) -> bool {
    signal.district == one.code || signal.district == TOTAL
}

/// The signals of earlier quarters, in one table.
fn earlier_signals(source: Source<'_>, one: &District) -> Markup {
    let latest = source.view.latest();
    let is_earlier = |signal: &&Signal| is_about(signal, one) && signal.quarter != latest;
    let signals: Vec<&Signal> = source.view.signals.iter().filter(is_earlier).collect();
    if signals.is_empty() {
        return html! {};
    }
    html! {
        section aria-labelledby="earlier" {
            h2 id="earlier" { (source.say("Segnali precedenti", "Earlier signals")) }
            div class="scroll" tabindex="0" role="region" aria-labelledby="earlier-caption" {
                table {
                    caption id="earlier-caption" { (source.say(
                        "Segnali dei trimestri precedenti, dal più recente",
                        "Signals of earlier quarters, newest first",
                    )) }
                    thead { tr {
                        th scope="col" { (source.say("Bisogno", "Need")) }
                        th scope="col" { (source.say("Ambito", "District")) }
                        th scope="col" { (source.say("Segnale", "Signal")) }
                        th scope="col" { (source.say("Mesi", "Months")) }
                        th scope="col" { (source.say("Che cosa si è visto", "What was seen")) }
                    } }
                    tbody { @for signal in &signals { (line(source, signal, UP)) } }
                }
            }
        }
    }
}

/// The needs of a district, sorted into those that have something to show and those that do not.
#[derive(Default)]
struct Needs<'a> {
    /// At least one cell is a figure above zero, withheld, or lost with its source.
    shown: Vec<&'a str>,
    /// Covered, and zero in every quarter shown.
    zero: Vec<&'a str>,
    /// Not covered in any quarter shown.
    uncovered: Vec<&'a str>,
}

/// Sorts the needs: guaranteed levels first, the total at the end.
fn needs<'a>(source: Source<'a>, code: &'a str, quarters: &[String]) -> Needs<'a> {
    let mut found = Needs::default();
    for need in source.view.requests.needs(code) {
        let cell = |quarter: &String| source.view.requests.cell(code, need, quarter);
        let cells: Vec<Cell> = quarters.iter().filter_map(cell).collect();
        if need == TOTAL
            || cells
                .iter()
                .any(|cell| !matches!(cell, Cell::NotCovered | Cell::Published(0)))
        {
            found.shown.push(need);
        } else if cells.contains(&Cell::Published(0)) {
            found.zero.push(need);
        } else {
            found.uncovered.push(need);
        }
    }
    found
        .shown
        .sort_by_key(|need| (*need == TOTAL, !source.is_guaranteed(need), *need));
    found
}

/// The table of requests by need and quarter, with its trends.
fn figures(source: Source<'_>, one: &District) -> Markup {
    let all = &source.view.quarters;
    let quarters = &all[all.len().saturating_sub(QUARTERS_SHOWN)..];
    let needs = needs(source, &one.code, quarters);
    let demo = match one.kind {
        DistrictKind::Real => "",
        DistrictKind::Partial => source.say(" (parziale)", " (partial)"),
        DistrictKind::Demonstration => source.say(" (dimostrazione)", " (demonstration)"),
    };
    html! {
        section aria-labelledby="figures" {
            h2 id="figures" { (source.say("Le richieste per bisogno", "Requests by need")) }
            p { (source.say(
                "In ogni casella il numero di richieste e, sotto, la quota rimasta senza risposta, calcolata solo su cifre pubblicate.",
                "Each cell gives the number of requests and, below, the share left unmet, computed from published figures only.",
            )) }
            (legend(source))
            div class="scroll" tabindex="0" role="region" aria-labelledby="figures-caption" {
                table class="figures" {
                    caption id="figures-caption" {
                        (source.say("Richieste e quota senza risposta", "Requests and unmet share")) ", " (one.name) (demo)
                    }
                    thead { tr {
                        th scope="col" { (source.say("Bisogno", "Need")) }
                        th scope="col" { (source.say("Andamento", "Trend")) }
                        @for name in quarters { th scope="col" class="n" { (short_quarter(source.language, name)) } }
                        @if has_offers(source, one) { th scope="col" class="n" { (source.say("Offerte, ultimo trimestre", "Offers, latest quarter")) } }
                    } }
                    tbody {
                        @for (index, need) in needs.shown.iter().enumerate() {
                            (need_row(source, one, need, (index, quarters)))
                        }
                    }
                }
            }
            (listed(source, source.say("Nessuna richiesta nei trimestri mostrati: ", "No request in the quarters shown: "), &needs.zero))
            (listed(source, source.say("Non coperti da alcuna piattaforma: ", "Not covered by any platform: "), &needs.uncovered))
        }
    }
}

/// Whether the release says anything about offers in a district.
fn has_offers(source: Source<'_>, one: &District) -> bool {
    source.view.offers.needs(&one.code).next().is_some()
}

/// A sentence that lists needs, or nothing.
fn listed(source: Source<'_>, text: &str, needs: &[&str]) -> Markup {
    let names: Vec<String> = needs.iter().map(|need| source.need_name(need)).collect();
    html! { @if !names.is_empty() { p class="small" { (text) (names.join("; ")) "." } } }
}

/// One need: its name, its trend over all quarters, its cells, its offers.
fn need_row(source: Source<'_>, one: &District, need: &str, place: (usize, &[String])) -> Markup {
    let (index, quarters) = place;
    let view = source.view;
    let name = source.need_name(need);
    let cells: Vec<(String, Cell)> = view
        .requests
        .series(&one.code, need)
        .map(|series| {
            series
                .iter()
                .map(|(quarter, cell)| (quarter.clone(), *cell))
                .collect()
        })
        .unwrap_or_default();
    let (class, offers) = status_text(source, view.offers.cell(&one.code, need, view.latest()));
    html! {
        tr class=[(need == TOTAL).then_some("total")] {
            th scope="row" { (name) @if source.is_guaranteed(need) { " " (guaranteed_badge(source)) } }
            td { (trend(source.language, &format!("n{index}"), &name, &cells)) }
            @for quarter in quarters { (figure(source, &one.code, need, quarter)) }
            @if has_offers(source, one) { td class=(class) { (offers) } }
        }
    }
}

/// One cell: requests, and the share left unmet where both counts are published.
fn figure(source: Source<'_>, district: &str, need: &str, quarter: &str) -> Markup {
    let requests = source.view.requests.cell(district, need, quarter);
    let unmet = source.view.unmet.cell(district, need, quarter);
    let (class, text) = status_text(source, requests);
    let rate = share_pct(requests, unmet);
    html! {
        td class=(class) {
            (text)
            @if let Some(rate) = rate {
                span class="rate" {
                    span class="hidden" { (source.say(", senza risposta ", ", unmet ")) }
                    (percent(source.language, rate, 0))
                }
            }
        }
    }
}

/// The unmet share in percent, if both counts are published and there were requests.
fn share_pct(requests: Option<Cell>, unmet: Option<Cell>) -> Option<f64> {
    let requests = requests?.value().filter(|count| *count > 0)?;
    let unmet = unmet?.value()?;
    // Counts of a quarter are far below the 2^31 that `i32` holds; a larger one has no rate.
    let (requests, unmet) = (i32::try_from(requests).ok()?, i32::try_from(unmet).ok()?);
    Some(100.0 * f64::from(unmet) / f64::from(requests))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_needs_two_published_counts() {
        let requests = Some(Cell::Published(40));
        assert_eq!(
            share_pct(requests, Some(Cell::Published(10))).map(|rate| format!("{rate:.1}")),
            Some("25.0".to_owned())
        );
        assert!(share_pct(requests, Some(Cell::Suppressed)).is_none());
        assert!(share_pct(Some(Cell::Suppressed), Some(Cell::Published(10))).is_none());
        assert!(share_pct(Some(Cell::Published(0)), Some(Cell::Published(0))).is_none());
    }
}
