//! Signals in plain sentences, built from their evidence and from nothing else.
//!
//! The model is: "Expected 4–11 (best guess 7), observed 19: about 12 more than expected (2.7×).
//! Chance of this if nothing changed: 1 in 4,000; of alerts like this about 1 in 10 is false.
//! Started around March; 88 % of reports are in; adjusted for 30 % more users." A figure that is
//! not published leaves out its part of the sentence, and never turns into a zero.

use serde_json::Value;

use super::Language;
use super::numbers::{change, decimal, month, one_in, percent, with_unit};
use super::view::{Aspect, Evidence, Signal};

/// Below this chance a number would claim more than a model knows.
const LEAST_CHANCE: f64 = 1e-6;

/// The sentence that says what was seen, where it was expected otherwise.
pub(crate) fn finding(language: Language, signal: &Signal) -> String {
    let evidence = &signal.evidence;
    match signal.aspect {
        Aspect::Rise | Aspect::LowUse | Aspect::Other => rise(language, evidence),
        Aspect::NewLabel => new_label(language, evidence),
        Aspect::UnmetShare => unmet_share(language, evidence),
        Aspect::NoOffer => no_offer(language, evidence),
        Aspect::LongWait => long_wait(language, evidence),
        Aspect::PoorAccess => poor_access(language, evidence),
        Aspect::MissingLevel => missing_level(language, evidence),
        Aspect::UnevenUse => uneven_use(language, evidence),
    }
}

/// Said where protection leaves no figure to print.
fn withheld(language: Language) -> String {
    let text = language.say(
        "Le cifre di questo segnale sono riservate, per proteggere le persone.",
        "The figures of this signal are withheld, to protect persons.",
    );
    text.to_owned()
}

/// The expected range with its unit and best guess: `4–11 richieste (stima 7)`.
fn expected(language: Language, evidence: &Evidence, unit: &str) -> Option<String> {
    let places = usize::from(unit.is_empty());
    let figure = |value| decimal(language, value, places);
    let guess = evidence.expected.map(figure);
    let range = evidence.low.zip(evidence.high);
    let range = range.map(|(low, high)| format!("{}–{}", figure(low), figure(high)));
    let united = |number: &str| {
        if unit.is_empty() {
            number.to_owned()
        } else {
            with_unit(number, unit)
        }
    };
    match (range, guess) {
        (Some(range), Some(guess)) => Some(format!(
            "{} ({} {guess})",
            united(&range),
            language.say("stima", "best guess")
        )),
        (range, guess) => range.or(guess).map(|number| united(&number)),
    }
}

/// `, contro un intervallo atteso di 8–13 giorni (stima 10)`, if it is known.
fn against(language: Language, evidence: &Evidence, unit: &str) -> String {
    match (language, expected(language, evidence, unit)) {
        (_, None) => String::new(),
        (Language::Italian, Some(range)) => format!(", contro un intervallo atteso di {range}"),
        (Language::English, Some(range)) => format!(", against an expected range of {range}"),
    }
}

/// `circa 12 in più (2,7 volte)`, for counts.
fn excess(language: Language, evidence: &Evidence) -> String {
    let Some(excess) = evidence.excess else {
        return String::new();
    };
    let number = decimal(language, excess.abs(), 0);
    let more = match (language, excess.is_sign_negative()) {
        (Language::Italian, false) => format!(": circa {number} in più"),
        (Language::Italian, true) => format!(": circa {number} in meno"),
        (Language::English, false) => format!(": about {number} more than expected"),
        (Language::English, true) => format!(": about {number} fewer than expected"),
    };
    format!("{more}{}", times(language, evidence.ratio))
}

/// ` (2,7 volte)`, if the ratio is known.
fn times(language: Language, ratio: Option<f64>) -> String {
    let Some(ratio) = ratio else {
        return String::new();
    };
    let ratio = decimal(language, ratio, 1);
    match language {
        Language::Italian => format!(" ({} l’atteso)", with_unit(&ratio, "volte")),
        Language::English => format!(" ({ratio} times the expected)"),
    }
}

/// More requests than expected.
fn rise(language: Language, evidence: &Evidence) -> String {
    let Some(observed) = evidence.observed else {
        return withheld(language);
    };
    let observed = decimal(language, observed, 0);
    let excess = excess(language, evidence);
    match (
        language,
        expected(language, evidence, language.say("richieste", "requests")),
    ) {
        (Language::Italian, Some(expected)) => {
            format!("Attese {expected}, osservate {observed}{excess}.")
        }
        (Language::English, Some(expected)) => {
            format!("Expected {expected}, observed {observed}{excess}.")
        }
        (Language::Italian, None) => format!("Osservate {observed} richieste{excess}."),
        (Language::English, None) => format!("Observed {observed} requests{excess}."),
    }
}

/// A label the vocabulary has no word for.
fn new_label(language: Language, evidence: &Evidence) -> String {
    let Some(observed) = evidence.observed else {
        return withheld(language);
    };
    let observed = decimal(language, observed, 0);
    let against = against(language, evidence, "");
    match language {
        Language::Italian => format!(
            "{observed} richieste con una voce che il vocabolario dei bisogni non prevede{against}."
        ),
        Language::English => format!(
            "{observed} requests with a label that the vocabulary of needs has no word for{against}."
        ),
    }
}

/// Too many requests stay unmet; figures are requests.
fn unmet_share(language: Language, evidence: &Evidence) -> String {
    let Some(observed) = evidence.observed else {
        return withheld(language);
    };
    let observed = decimal(language, observed, 0);
    let excess = excess(language, evidence);
    match (
        language,
        expected(language, evidence, language.say("richieste", "requests")),
    ) {
        (Language::Italian, Some(expected)) => {
            format!("Attese senza risposta {expected}, osservate {observed}{excess}.")
        }
        (Language::English, Some(expected)) => {
            format!("Expected to stay unmet {expected}, observed {observed}{excess}.")
        }
        (Language::Italian, None) => format!("Richieste senza risposta: {observed}{excess}."),
        (Language::English, None) => format!("Unmet requests: {observed}{excess}."),
    }
}

/// Requests and nobody who answers.
fn no_offer(language: Language, evidence: &Evidence) -> String {
    let Some(observed) = evidence.observed else {
        return withheld(language);
    };
    let observed = decimal(language, observed, 0);
    match language {
        Language::Italian => {
            format!("{observed} richieste, e nessuna ha trovato chi la raccogliesse.")
        }
        Language::English => {
            format!("{observed} requests, and not one found somebody to take it up.")
        }
    }
}

/// People wait too long; figures are days.
fn long_wait(language: Language, evidence: &Evidence) -> String {
    let Some(observed) = evidence.observed else {
        return withheld(language);
    };
    let unit = language.say("giorni", "days");
    let observed = with_unit(&decimal(language, observed, 0), unit);
    let against = against(language, evidence, unit);
    let times = times(language, evidence.ratio);
    let median = language.say("Attesa mediana", "Median wait");
    format!("{median}: {observed}{against}{times}.")
}

/// Few suppliers in reach, each shared with whoever else reaches them; figures are suppliers.
fn poor_access(language: Language, evidence: &Evidence) -> String {
    let Some(observed) = evidence.observed else {
        return withheld(language);
    };
    let observed = decimal(language, observed, 0);
    let against = against(language, evidence, language.say("offerenti", "suppliers"));
    let subject = language.say(
        "Offerenti che toccano a chi vi abita",
        "Suppliers that fall to who lives there",
    );
    format!("{subject}: {observed}{against}.")
}

/// A guaranteed level that nobody offers; figures are answers, offers and events.
fn missing_level(language: Language, evidence: &Evidence) -> String {
    if evidence.observed.is_none() {
        return withheld(language);
    }
    let subject = language.say(
        "Nel trimestre nessuna risposta, offerta o evento",
        "No answer, offer or event in the quarter",
    );
    format!("{subject}{}.", against(language, evidence, ""))
}

/// Use differs between places; figures are the requests that would have to come from elsewhere.
fn uneven_use(language: Language, evidence: &Evidence) -> String {
    let Some(observed) = evidence.observed else {
        return withheld(language);
    };
    let observed = decimal(language, observed, 0);
    let against = against(language, evidence, language.say("richieste", "requests"));
    let subject = language.say(
        "Richieste che dovrebbero venire da altrove perché l’uso sia pari",
        "Requests that would have to come from elsewhere for use to be even",
    );
    format!("{subject}: {observed}{against}.")
}

/// How sure it is: the chance under no change, and how many alerts like this are false.
pub(crate) fn certainty(language: Language, evidence: &Evidence) -> Option<String> {
    let chance = evidence.p_value.map(|value| chance(language, value));
    let wrong = evidence.q_value.map(|value| chance_word(language, value));
    let text = match (language, chance, wrong) {
        (_, None, None) => return None,
        (Language::Italian, Some(chance), None) => {
            format!("Se nulla fosse cambiato, uno scarto così capiterebbe {chance}.")
        }
        (Language::English, Some(chance), None) => {
            format!("Chance of this if nothing had changed: {chance}.")
        }
        (Language::Italian, None, Some(wrong)) => format!("Di avvisi come questo è falso {wrong}."),
        (Language::English, None, Some(wrong)) => format!("Of alerts like this, {wrong} is false."),
        (Language::Italian, Some(chance), Some(wrong)) => format!(
            "Se nulla fosse cambiato, uno scarto così capiterebbe {chance}; di avvisi come questo è falso {wrong}."
        ),
        (Language::English, Some(chance), Some(wrong)) => format!(
            "Chance of this if nothing had changed: {chance}; of alerts like this, {wrong} is false."
        ),
    };
    Some(text)
}

/// `1 volta su 4.000`, or that it is rarer than a model can tell.
fn chance(language: Language, value: f64) -> String {
    let is_tiny = value < LEAST_CHANCE;
    let n = one_in(language, value.clamp(LEAST_CHANCE, 1.0));
    match (language, is_tiny) {
        (Language::Italian, false) => format!("al massimo 1 volta su {n}"),
        (Language::Italian, true) => format!("meno di 1 volta su {n}"),
        (Language::English, false) => format!("at most 1 in {n}"),
        (Language::English, true) => format!("less than 1 in {n}"),
    }
}

/// `circa 1 su 10`, or that it is fewer than 1 in 1,000.
fn chance_word(language: Language, value: f64) -> String {
    let least = 1e-3;
    let n = one_in(language, value.clamp(least, 1.0));
    match (language, value < least) {
        (Language::Italian, false) => format!("al massimo 1 su {n}"),
        (Language::Italian, true) => format!("meno di 1 su {n}"),
        (Language::English, false) => format!("at most 1 in {n}"),
        (Language::English, true) => format!("less than 1 in {n}"),
    }
}

/// Since when a rise or a new label stands out; gaps are judged quarter by quarter.
pub(crate) fn since(language: Language, signal: &Signal) -> String {
    match signal.aspect {
        Aspect::Rise | Aspect::NewLabel | Aspect::Other => {
            let first = month(language, &signal.first_month);
            format!(
                "{} {first}.",
                language.say("Si distingue da", "It stands out since")
            )
        }
        Aspect::UnmetShare
        | Aspect::NoOffer
        | Aspect::LongWait
        | Aspect::LowUse
        | Aspect::PoorAccess
        | Aspect::MissingLevel
        | Aspect::UnevenUse => String::new(),
    }
}

/// The months a signal speaks of.
pub(crate) fn period(language: Language, signal: &Signal) -> String {
    let first = month(language, &signal.first_month);
    if signal.first_month == signal.last_month {
        return first;
    }
    let is_same_year = signal.first_month.get(..4) == signal.last_month.get(..4);
    let first = match first.split_once(' ') {
        Some((name, _)) if is_same_year => name.to_owned(),
        _ => first,
    };
    let last = month(language, &signal.last_month);
    match language {
        Language::Italian => format!("da {first} a {last}"),
        Language::English => format!("{first} to {last}"),
    }
}

/// What a reader must know beside the finding: coverage, change in users, reasons.
pub(crate) fn notes(language: Language, signal: &Signal) -> Vec<String> {
    let evidence = &signal.evidence;
    let mut notes = Vec::new();
    let shares = [
        (
            evidence.coverage_pct,
            "Comuni e mesi con dati",
            "Comuni and months with data",
        ),
        (
            evidence.completeness_pct,
            "Richieste già arrivate, a quanto si stima",
            "Requests that are in, as far as can be estimated",
        ),
    ];
    for (share, it, en) in shares {
        if let Some(share) = share {
            let share = percent(language, share, 0);
            notes.push(format!("{}: {share}.", language.say(it, en)));
        }
    }
    if let Some(more) = evidence.exposure_change_pct {
        let text = language.say(
            "Iscritti attivi rispetto all’anno prima",
            "Active members against the year before",
        );
        notes.push(format!("{text}: {}.", change(language, more)));
    }
    notes.extend(reasons(language, &signal.reasons));
    notes
}

/// The reasons we have words for, or that bring their own `it` and `en`, in the order given.
fn reasons(language: Language, text: &str) -> Vec<String> {
    let Ok(Value::Array(reasons)) = serde_json::from_str(text) else {
        return Vec::new();
    };
    let said = reasons
        .iter()
        .filter_map(|reason| sentence(language, reason));
    said.collect()
}

/// One reason in words: code, the field with its figure, Italian, English; `#` is the figure.
type Reason = (&'static str, &'static str, &'static str, &'static str);

/// The reasons that have words, each with at most one figure.
const REASONS: [Reason; 20] = [
    (
        "more_than_expected",
        "n_window_months",
        "Mesi confrontati insieme: #.",
        "Months compared together: #.",
    ),
    (
        "adjusted_for_exposure",
        "",
        "Il confronto tiene conto di quanti sono gli iscritti attivi.",
        "Adjusted for the number of active members.",
    ),
    (
        "n_districts_alike",
        "value",
        "Altri ambiti in cui lo stesso bisogno si distingue: #.",
        "Other districts where the same need stands out: #.",
    ),
    (
        "need_rises_somewhere",
        "",
        "Tutti gli ambiti sono giudicati insieme: che il bisogno cresca in almeno uno è pesato a parte.",
        "All districts are judged together: that the need rises in at least one is weighed apart.",
    ),
    (
        "no_part_accounts_for_it",
        "",
        "Nessuna parte, da sola, lo spiega: è la somma a distinguersi.",
        "No part accounts for it alone: it is the sum that stands out.",
    ),
    (
        "weeks_agree",
        "",
        "Anche le settimane, giudicate una per una, lo mostrano.",
        "The weeks, judged one by one, show it too.",
    ),
    (
        "weeks_above_course",
        "n_weeks",
        "Settimane sopra l’andamento degli anni passati: #.",
        "Weeks above the course of the past years: #.",
    ),
    (
        "neighbors_rise_together",
        "n_districts",
        "Ambiti vicini che crescono insieme: #.",
        "Neighboring districts that rise together: #.",
    ),
    (
        "unmet_above_reference",
        "share_pct",
        "Quota senza risposta, sulle richieste concluse: # %.",
        "Share left unmet, of the requests that ended: # %.",
    ),
    (
        "unmet_above_reference",
        "reference_pct",
        "Quota di confronto: # %.",
        "Share it is compared with: # %.",
    ),
    (
        "median_wait_longer",
        "reference_days",
        "Attesa mediana dell’anno prima, in giorni: #.",
        "Median wait of the year before, in days: #.",
    ),
    (
        "half_not_answered",
        "",
        "Metà delle richieste del trimestre non ha ancora risposta: l’attesa detta è la minima.",
        "Half of the quarter’s requests are not answered yet: the wait said is the least it can be.",
    ),
    (
        "fewer_than_population_asks",
        "",
        "Si chiede meno di quanto gli abitanti fanno attendere: il bisogno può restare nascosto.",
        "People ask less than the residents lead to expect: need may stay hidden.",
    ),
    (
        "adjusted_for_age",
        "",
        "Il confronto tiene conto dell’età di chi vi abita.",
        "Adjusted for the ages of who lives there.",
    ),
    (
        "fewer_suppliers_in_reach",
        "pct_of_usual",
        "Offerenti raggiungibili per abitante, rispetto all’insieme degli ambiti: # %.",
        "Suppliers in reach per resident, against all districts together: # %.",
    ),
    (
        "level_not_offered",
        "",
        "È un livello garantito, che altrove si offre.",
        "It is a guaranteed level, which is offered elsewhere.",
    ),
    (
        "uneven_among_comuni",
        "n_parts",
        "Comuni confrontati, sull’ultimo anno: #.",
        "Comuni compared, over the last year: #.",
    ),
    (
        "uneven_among_districts",
        "n_parts",
        "Ambiti confrontati: #.",
        "Districts compared: #.",
    ),
    (
        "adjusted_for_usual_differences",
        "",
        "Le differenze consuete tra gli ambiti non contano.",
        "The usual differences between districts do not count.",
    ),
    (
        "word_not_seen_before",
        "",
        "Prima di questi mesi la voce quasi non si usava.",
        "Before these months the label was hardly used.",
    ),
];

/// One reason in words; a code without words brings its own, or is left out.
fn sentence(language: Language, reason: &Value) -> Option<String> {
    let code = reason.get("code")?.as_str()?;
    let figure = |field: &str| Some(decimal(language, reason.get(field)?.as_f64()?, 1));
    let said = REASONS.iter().filter(|(known, ..)| *known == code);
    let said = said.filter_map(|(_, field, it, en)| {
        let text = language.say(it, en);
        if field.is_empty() {
            return Some(text.to_owned());
        }
        Some(text.replace('#', &figure(field)?))
    });
    let said: Vec<String> = said.collect();
    if said.is_empty() {
        return reason.get(language.code())?.as_str().map(str::to_owned);
    }
    Some(said.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stages::publish::site::view::Family;

    /// The signal of the method's own example.
    fn signal() -> Signal {
        Signal {
            id: "s1".to_owned(),
            family: Family::Emerging,
            aspect: Aspect::Rise,
            district: "AMB-LODI".to_owned(),
            need: "A2.20".to_owned(),
            quarter: "2026-Q3".to_owned(),
            first_month: "2026-07".to_owned(),
            last_month: "2026-09".to_owned(),
            evidence: Evidence {
                observed: Some(19.0),
                expected: Some(7.0),
                low: Some(4.0),
                high: Some(11.0),
                excess: Some(12.0),
                ratio: Some(2.714),
                p_value: Some(0.000_25),
                q_value: Some(0.1),
                exposure_change_pct: Some(30.0),
                completeness_pct: Some(88.0),
                coverage_pct: Some(100.0),
            },
            platforms: "bacheca_digitale".to_owned(),
            method: "pooled 1".to_owned(),
            reasons: r#"[{"code":"n_districts_alike","value":3},{"code":"unheard_of"}]"#.to_owned(),
        }
    }

    #[test]
    fn a_rise_is_said_as_in_the_worked_example() {
        assert_eq!(
            finding(Language::Italian, &signal()),
            "Attese 4–11\u{a0}richieste (stima 7), osservate 19: circa 12 in più (2,7\u{a0}volte l’atteso)."
        );
        assert_eq!(
            finding(Language::English, &signal()),
            "Expected 4–11\u{a0}requests (best guess 7), observed 19: about 12 more than expected (2.7 times the expected)."
        );
    }

    #[test]
    fn gaps_of_access_levels_and_evenness_are_said_in_their_own_unit() {
        let of = |aspect| Signal { aspect, ..signal() };
        assert_eq!(
            finding(Language::English, &of(Aspect::PoorAccess)),
            "Suppliers that fall to who lives there: 19, against an expected range of 4–11\u{a0}suppliers (best guess 7)."
        );
        assert!(
            finding(Language::Italian, &of(Aspect::MissingLevel))
                .starts_with("Nel trimestre nessuna risposta, offerta o evento, contro")
        );
        assert!(
            finding(Language::English, &of(Aspect::UnevenUse)).contains("to be even: 19, against")
        );
        assert_eq!(since(Language::English, &of(Aspect::LowUse)), "");
        let notes = reasons(
            Language::English,
            r#"[{"code":"uneven_among_comuni","n_parts":6},{"code":"adjusted_for_age"}]"#,
        );
        assert_eq!(
            notes,
            [
                "Comuni compared, over the last year: 6.",
                "Adjusted for the ages of who lives there."
            ]
        );
    }

    #[test]
    fn certainty_is_a_chance_and_a_share_of_false_alerts() {
        assert_eq!(
            certainty(Language::English, &signal().evidence).unwrap(),
            "Chance of this if nothing had changed: at most 1 in 4,000; of alerts like this, at most 1 in 10 is false."
        );
        let tiny = Evidence {
            p_value: Some(0.0),
            ..Evidence::default()
        };
        assert!(
            certainty(Language::Italian, &tiny)
                .unwrap()
                .contains("meno di 1 volta su 1.000.000")
        );
        assert!(certainty(Language::Italian, &Evidence::default()).is_none());
    }

    #[test]
    fn a_figure_that_is_withheld_is_never_a_zero() {
        let mut hidden = signal();
        hidden.evidence = Evidence::default();
        assert!(finding(Language::Italian, &hidden).contains("riservate"));
    }

    #[test]
    fn notes_say_completeness_users_and_the_reasons_that_have_words() {
        let notes = notes(Language::Italian, &signal());
        assert_eq!(notes[0], "Comuni e mesi con dati: 100\u{a0}%.");
        assert!(notes[1].ends_with("si stima: 88\u{a0}%."));
        assert!(notes[2].ends_with("+30\u{a0}%."));
        assert!(notes[3].ends_with("si distingue: 3."));
        assert_eq!(notes.len(), 4);
    }

    #[test]
    fn gaps_are_said_in_their_own_units() {
        let mut gap = signal();
        gap.aspect = Aspect::UnmetShare;
        assert!(
            finding(Language::Italian, &gap)
                .starts_with("Attese senza risposta 4–11\u{a0}richieste (stima 7), osservate 19")
        );
        gap.aspect = Aspect::LongWait;
        assert!(finding(Language::English, &gap).starts_with("Median wait: 19\u{a0}days"));
        gap.aspect = Aspect::NoOffer;
        assert!(finding(Language::English, &gap).starts_with("19 requests, and not one"));
    }
}
