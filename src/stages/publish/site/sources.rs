//! The platforms behind a release: under which terms they gave their records, and until when they
//! have reported.

use maud::{Markup, html};

use super::Source;
use crate::stages::publish::content::{Lag, SourceTerms};

/// The platforms and their terms.
pub(super) fn sources(source: Source<'_>) -> Markup {
    let listed = &source.content.sources;
    if listed.is_empty() {
        return html! {};
    }
    let heads = [
        source.say("Licenza o accordo", "License or agreement"),
        source.say("Base giuridica", "Legal basis"),
        source.say("Persone almeno", "Persons at least"),
        source.say("Ultimi dati", "Newest records"),
    ];
    html! {
        section aria-labelledby="sources" {
            h2 id="sources" { (source.say("Le fonti", "The sources")) }
            p { (source.say(
                "Ogni piattaforma consegna i propri dati secondo un accordo. Una fonte in ritardo ha dati più vecchi delle altre: le cifre dell’ultimo trimestre possono essere incomplete.",
                "Each platform hands over its records under an agreement. A late source has older records than the others: figures of the latest quarter may be incomplete.",
            )) }
            div class="scroll" tabindex="0" role="region" aria-labelledby="sources-caption" {
                table class="words" {
                    caption id="sources-caption" { (source.say("Le fonti e i loro accordi", "The sources and their agreements")) }
                    thead { tr {
                        th scope="col" { (source.say("Fonte", "Source")) }
                        @for head in heads { th scope="col" { (head) } }
                    } }
                    tbody { @for terms in listed { (row(source, terms)) } }
                }
            }
            p class="small" {
                (source.say("Accordi per intero: ", "Agreements in full: "))
                a href="../../metadata/sources.csv" { (source.say("fonti (CSV)", "sources (CSV)")) } "."
            }
        }
    }
}

/// One platform.
fn row(source: Source<'_>, terms: &SourceTerms) -> Markup {
    let or_dash = |text: &str| {
        if text.is_empty() {
            "—".to_owned()
        } else {
            text.to_owned()
        }
    };
    let (class, late) = match terms.lag {
        Lag::None => ("", ""),
        Lag::Late => ("part", source.say(" · in ritardo", " · late")),
    };
    html! {
        tr {
            th scope="row" { (source.language.pick(&terms.title)) }
            td { (or_dash(&terms.license)) }
            td { (or_dash(&terms.legal_basis)) }
            td { (or_dash(&terms.min_k.map(|k| k.to_string()).unwrap_or_default())) }
            td class=(class) { (or_dash(&terms.newest_month)) (late) }
        }
    }
}
