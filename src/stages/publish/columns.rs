//! Titles and meanings of what every release holds (a table of texts, longer than code).

use super::content::{FieldText, NeedLabel};
use crate::spec::text::Bilingual;

/// A bilingual text.
fn both(it: &str, en: &str) -> Bilingual {
    Bilingual {
        it: it.to_owned(),
        en: en.to_owned(),
    }
}

/// Title and description of a table that is not declared as a data set.
pub(super) fn fixed_texts(name: &str) -> (Bilingual, Bilingual) {
    match name {
        "signals" => (
            both("Segnali", "Signals"),
            both(
                "Una riga per ogni bisogno che emerge o vuoto di servizio segnalato in un ambito e trimestre, con le prove.",
                "One row for each emerging need or service gap flagged in a district and quarter, with its evidence.",
            ),
        ),
        "coverage_by_platform_district_quarter" => (
            both("Copertura dei dati", "Coverage of the data"),
            Bilingual::default(),
        ),
        "districts" => (both("Ambiti", "Districts"), Bilingual::default()),
        other => (both(other, other), Bilingual::default()),
    }
}

/// How a table that is not declared as a data set is protected.
pub(super) fn fixed_protection(name: &str) -> Bilingual {
    if name == "signals" {
        both(
            "Un segnale è pubblicato solo se i conteggi su cui si basa lo sono; le stime hanno tre cifre e le probabilità sono limiti superiori.",
            "A signal is published only if the counts it rests on are; estimates have three digits and probabilities are upper bounds.",
        )
    } else {
        both(
            "Fatti su luoghi e piattaforme, non su persone.",
            "Facts about places and platforms, not about persons.",
        )
    }
}

/// The entry for requests that no word of the vocabulary fits.
pub(super) fn unnamed_need() -> NeedLabel {
    NeedLabel {
        code: "NEW".to_owned(),
        name: both(
            "Bisogni senza voce nel vocabolario",
            "Needs without a word in the vocabulary",
        ),
        is_guaranteed: false,
    }
}

/// Name, role, unit, Italian, English.
type Meaning = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

/// Columns whose meaning does not come from a model.
const FIELDS: [Meaning; 26] = [
    (
        "signal_id",
        "key",
        "",
        "Identità del segnale.",
        "Identity of the signal.",
    ),
    (
        "kind",
        "code",
        "",
        "emerging_need (bisogno che emerge), service_gap (vuoto di servizio) o new_need (parola nuova).",
        "emerging_need, service_gap or new_need.",
    ),
    (
        "aspect",
        "code",
        "",
        "rise (aumento), unmet_share (quota senza risposta), no_offer (nessuna offerta), long_wait (attesa lunga), new_label (parola nuova).",
        "rise, unmet_share, no_offer, long_wait or new_label.",
    ),
    (
        "district_code",
        "key",
        "",
        "Codice dell'ambito; TOTAL per tutti insieme.",
        "District code; TOTAL for all together.",
    ),
    (
        "need_code",
        "key",
        "",
        "Codice SIUSS del bisogno; TOTAL per tutti insieme.",
        "SIUSS code of the need; TOTAL for all together.",
    ),
    (
        "quarter",
        "key",
        "",
        "Trimestre, per esempio 2026-Q3.",
        "Quarter, for example 2026-Q3.",
    ),
    (
        "first_month",
        "code",
        "",
        "Primo mese della serie di mesi che si distinguono.",
        "First month of the run of months that stand out.",
    ),
    (
        "last_month",
        "code",
        "",
        "Ultimo mese del trimestre che si distingue.",
        "Last month of the quarter that stands out.",
    ),
    (
        "observed",
        "count",
        "",
        "Quanto osservato nel trimestre: richieste, richieste senza risposta o giorni mediani di attesa, secondo l'aspetto.",
        "What was seen in the quarter: requests, unmet requests or median days waited, by aspect.",
    ),
    (
        "expected",
        "measure",
        "",
        "Quanto atteso se nulla fosse cambiato.",
        "What was expected if nothing had changed.",
    ),
    (
        "expected_low",
        "measure",
        "",
        "Limite inferiore dell'atteso, 95 %.",
        "Lower limit of the expected, 95 %.",
    ),
    (
        "expected_high",
        "measure",
        "",
        "Limite superiore dell'atteso, 95 %.",
        "Upper limit of the expected, 95 %.",
    ),
    (
        "excess",
        "measure",
        "",
        "Osservato meno atteso.",
        "Observed minus expected.",
    ),
    (
        "ratio",
        "measure",
        "",
        "Osservato diviso atteso.",
        "Observed over expected.",
    ),
    (
        "p_value",
        "measure",
        "",
        "Probabilità di un valore così alto se nulla fosse cambiato: al massimo questa (0,0001, 0,001, 0,01, 0,05 o 1).",
        "Chance of a value as high if nothing had changed: at most this (0.0001, 0.001, 0.01, 0.05 or 1).",
    ),
    (
        "q_value",
        "measure",
        "",
        "Quota attesa di falsi allarmi tra segnali così forti: al massimo questa.",
        "Expected share of false alarms among signals as strong: at most this.",
    ),
    (
        "exposure_change_pct",
        "measure",
        "%",
        "Variazione degli iscritti attivi rispetto all'anno prima.",
        "Change of active members against the year before.",
    ),
    (
        "completeness_pct",
        "measure",
        "%",
        "Quota attesa delle richieste del trimestre già arrivate.",
        "Expected share of the quarter's requests already recorded.",
    ),
    (
        "coverage_pct",
        "measure",
        "%",
        "Quota di comuni e mesi del trimestre per cui ci sono dati.",
        "Share of comuni and months of the quarter with data.",
    ),
    (
        "series",
        "code",
        "",
        "Modello con la serie giudicata.",
        "Model with the series judged.",
    ),
    (
        "adjusted_for",
        "code",
        "",
        "Di che cosa si è tenuto conto.",
        "What was adjusted for.",
    ),
    (
        "platforms",
        "code",
        "",
        "Piattaforme dietro le cifre.",
        "Platforms behind the figures.",
    ),
    ("method", "code", "", "Metodo.", "Method."),
    (
        "method_version",
        "code",
        "",
        "Versione del metodo.",
        "Version of the method.",
    ),
    (
        "reasons",
        "text",
        "",
        "Motivi, in JSON.",
        "Reasons, as JSON.",
    ),
    (
        "status",
        "flag",
        "",
        "published (pubblicato, anche zero), suppressed (taciuto), not_covered (nessuna piattaforma), source_down (dati non arrivati).",
        "published (zero included), suppressed, not_covered or source_down.",
    ),
];

/// Meaning of a column that no model describes; the column's own name where there is none.
pub(super) fn fixed_field(name: &str) -> FieldText {
    let found = FIELDS.iter().find(|(field, ..)| *field == name);
    let (_, role, unit, it, en) = found.copied().unwrap_or(("", "text", "", "", ""));
    FieldText {
        name: name.to_owned(),
        role: role.to_owned(),
        unit: unit.to_owned(),
        text: both(it, en),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_column_has_a_meaning_in_both_languages() {
        for (name, ..) in FIELDS {
            let field = fixed_field(name);
            assert!(
                !field.text.it.is_empty() && !field.text.en.is_empty(),
                "{name}"
            );
        }
    }
}
