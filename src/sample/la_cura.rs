//! La cura è di casa, in Verbano-Cusio-Ossola and on the lakes of Novara, as the pages of a REST
//! interface: a feed of revisions with corrections and deletions, and pages that now and then
//! repeat an item because the list shifted while it was read.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::calendar::{EXTRACT, Instant, N_MONTHS};
use super::decoys::rewritten_in;
use super::demand::{Life, Request, State, Word};
use super::draw::Draw;
use super::faults::{Fault, Faults, Rates};
use super::files::Pages;
use super::geography::District;
use super::numbers::{percentile, real, wide};
use super::scenario::LA_CURA;
use super::texts::sentence_with;
use super::truth::TableTruth;
use super::{Error, Site};

/// Faults of the interventions.
const RATES: Rates = Rates {
    reasons: &[
        "unknown_comune",
        "bad_date",
        "bad_number",
        "unknown_code",
        "missing_required",
    ],
    broken: 0.003,
    identifiers: 0.002,
    duplicates: 0.003,
    corrections: 0.012,
    deletions: 0.003,
};

/// The places where people meet: name, comune, activities.
const SEDI: [(&str, &str, &[&str]); 8] = [
    (
        "Casa della cura di Verbania",
        "103072",
        &["caffè alzheimer", "sala riunioni", "ambulatorio"],
    ),
    (
        "Casa della cura di Domodossola",
        "103028",
        &["caffè alzheimer", "sala riunioni"],
    ),
    (
        "Casa della cura di Omegna",
        "103050",
        &["ambulatorio", "ginnastica dolce"],
    ),
    ("Casa della cura di Ornavasso", "103051", &["sala riunioni"]),
    (
        "Casa della cura di Arona",
        "003008",
        &["caffè alzheimer", "ginnastica dolce"],
    ),
    (
        "Casa della cura di Borgomanero",
        "003024",
        &["ambulatorio", "sala riunioni"],
    ),
    ("Casa della cura di Stresa", "103064", &["ginnastica dolce"]),
    ("Casa della cura di Gozzano", "003076", &["sala riunioni"]),
];

/// The day, counted from 0, of the month on which a batch writes records again.
const BATCH_DAY: usize = 17;

/// The interventions being written.
#[derive(Debug)]
struct Feed<'a> {
    /// The site.
    site: &'a Site<'a>,
    /// The districts.
    districts: Vec<&'a District>,
    /// The pages.
    pages: Pages,
    /// Counts.
    faults: Faults,
    /// Revisions and deletions yet to come, by the instant they are written.
    to_come: BTreeMap<(Instant, usize), String>,
    /// Interventions so far.
    n_interventions: usize,
}

/// Writes the platform.
pub(crate) fn write(site: &Site<'_>) -> Result<Vec<TableTruth>, Error> {
    let folder = site.folder(LA_CURA.name)?;
    let districts = site.districts(&LA_CURA)?;
    let mut life = Life::new(
        &LA_CURA,
        districts.clone(),
        site.calendar,
        (site.n_exchanges, site.seed),
    );
    let mut feed = Feed {
        site,
        districts,
        pages: Pages::create(&folder.join("interventi"))?,
        faults: Faults::new(LA_CURA.name, "interventi", RATES),
        to_come: BTreeMap::new(),
        n_interventions: 0,
    };
    for month in 0..N_MONTHS {
        let requests = life.month(month);
        let n_requests = requests.len();
        for request in requests {
            feed.intervention((request, month), &mut life.draw)?;
        }
        feed.flush(site.calendar.start(month + 1))?;
        site.progress.wrote(n_requests);
    }
    feed.flush(EXTRACT)?;
    feed.pages.close()?;
    let mut members = Pages::create(&folder.join("iscritti"))?;
    let mut sedi = Pages::create(&folder.join("sedi"))?;
    write_members(site, &mut members)?;
    write_sedi(site, &mut sedi)?;
    let truth = vec![
        feed.faults.truth,
        counted("iscritti", &members),
        counted("sedi", &sedi),
    ];
    members.close()?;
    sedi.close()?;
    Ok(truth)
}

/// The count of a page set without faults.
fn counted(table: &str, pages: &Pages) -> TableTruth {
    TableTruth {
        n_rows: wide(pages.n_items()),
        ..TableTruth::new(LA_CURA.name, table)
    }
}

impl Feed<'_> {
    /// Writes an intervention and what follows from its fault.
    fn intervention(
        &mut self,
        (mut request, month): (Request, usize),
        draw: &mut Draw,
    ) -> Result<(), Error> {
        self.n_interventions += 1;
        let number = self.n_interventions;
        let mut fault = self.faults.next(draw);
        if let Fault::Identifier(rule) = fault {
            request.text = Some(sentence_with(rule, draw));
        }
        let mut item = self.item(number, &request, draw);
        if let Fault::Broken(reason) = fault {
            break_item(&mut item, reason);
        }
        let mut later = Instant {
            day: request.recorded.day + draw.between(3, 60),
            second: 9 * 3600 + number % 3600,
        };
        if let (Fault::None, Some(batch)) = (fault, self.batch(&request, month)) {
            (fault, later) = (Fault::Correction, batch);
            self.twin(&item, batch)?;
        }
        if later.day >= EXTRACT && matches!(fault, Fault::Correction | Fault::Deletion) {
            fault = Fault::None;
        }
        let text = Value::Object(item.clone()).to_string();
        self.pages.item(&text)?;
        self.faults.wrote(fault);
        match fault {
            Fault::Correction => self.correct(number, (item, &request), later),
            Fault::Deletion => self.delete(number, later),
            Fault::Duplicate => {
                let day = (request.recorded.day + 5).min(EXTRACT - 1);
                let again = Instant { day, second: 0 };
                self.to_come.insert((again, number), text);
            }
            Fault::None | Fault::Broken(_) | Fault::Identifier(_) => {}
        }
        Ok(())
    }

    /// When a batch writes the intervention again, if one does.
    fn batch(&self, request: &Request, month: usize) -> Option<Instant> {
        let month = rewritten_in(&LA_CURA, (request.district, month))?;
        let batch = Instant {
            day: self.site.calendar.start(month) + BATCH_DAY,
            second: 23 * 3600,
        };
        (request.recorded < batch).then_some(batch)
    }

    /// Enters every other intervention of a batch a second time, which the batch deletes.
    fn twin(&mut self, item: &Map<String, Value>, batch: Instant) -> Result<(), Error> {
        if self.n_interventions.is_multiple_of(2) {
            return Ok(());
        }
        self.n_interventions += 1;
        let number = self.n_interventions;
        let mut twin = item.clone();
        twin.insert("id".to_owned(), json!(identity(number)));
        self.pages.item(&Value::Object(twin).to_string())?;
        self.faults.wrote(Fault::Deletion);
        self.delete(number, batch);
        Ok(())
    }

    /// Lets a deletion follow.
    fn delete(&mut self, number: usize, later: Instant) {
        let at = self.site.calendar.rfc3339(later);
        let gone = json!({"id": identity(number), "aggiornato_il": at, "eliminato": true});
        self.to_come.insert((later, number), gone.to_string());
    }

    /// Lets a newer revision follow, with another number of people at home and more hours.
    fn correct(
        &mut self,
        number: usize,
        (mut item, request): (Map<String, Value>, &Request),
        later: Instant,
    ) {
        item.insert(
            "aggiornato_il".to_owned(),
            json!(self.site.calendar.rfc3339(later)),
        );
        item.insert(
            "num_nuc".to_owned(),
            json!(1 + request.profile.household % 6),
        );
        if item.contains_key("ore_erogate") {
            item.insert(
                "ore_erogate".to_owned(),
                json!(real(request.half_hours + 1) / 2.0),
            );
        }
        self.to_come
            .insert((later, number), Value::Object(item).to_string());
    }

    /// Writes what was to come before a day; a repeat or deletion was counted with its row.
    fn flush(&mut self, before: usize) -> Result<(), Error> {
        let later = self.to_come.split_off(&(
            Instant {
                day: before,
                second: 0,
            },
            0,
        ));
        let due = std::mem::replace(&mut self.to_come, later);
        for text in due.values() {
            self.pages.item(text)?;
            self.faults.truth.n_rows += 1;
        }
        Ok(())
    }

    /// An intervention as the interface writes it; what is not known is left out.
    fn item(&self, number: usize, request: &Request, draw: &mut Draw) -> Map<String, Value> {
        let calendar = self.site.calendar;
        let outcome = request.outcome;
        let day = |day: usize| json!(calendar.iso(day));
        let mut item = Map::new();
        let mut set = |name: &str, value: Value| item.insert(name.to_owned(), value);
        set("id", json!(identity(number)));
        set("aggiornato_il", json!(calendar.rfc3339(request.recorded)));
        set("id_assistito", json!(format!("A{:06}", request.person)));
        set("cod_tipint", json!(label(request.word)));
        set("dt_richiesta", day(request.requested.day));
        outcome.matched.map(|at| set("dt_abbinamento", day(at)));
        outcome.started.map(|at| set("dt_ape_pai", day(at)));
        outcome.ended.map(|at| set("dt_chius_pai", day(at)));
        set("stato_int", json!(state(outcome.state)));
        if outcome.state == State::TooExpensive {
            set("motiv_chius", json!("COSTO"));
        }
        let place = &self.districts[request.district].places[request.place];
        set("cod_comune", json!(place.code));
        set("classe_eta", json!(request.profile.age));
        help(request, &mut item, draw);
        person(request, &mut item);
        item
    }
}

/// Who helped, for how long, and how it went.
fn help(request: &Request, item: &mut Map<String, Value>, draw: &mut Draw) {
    let mut set = |name: &str, value: Value| item.insert(name.to_owned(), value);
    let hours = real(request.half_hours) / 2.0;
    if let Some((other, _)) = request.counterpart {
        let kind = helper(request, draw);
        let sign = if kind == "VOL" { 'V' } else { 'P' };
        set("id_operatore", json!(format!("{sign}{:05}", other / 5)));
        set("tipo_operatore", json!(kind));
        set("ore_previste", json!(hours));
    }
    if request.outcome.state == State::Completed {
        let share = [1.0, 1.0, 0.5, 1.0, 1.25][request.person % 5];
        set("ore_erogate", json!((hours * share * 4.0).round() / 4.0));
    }
    if let Some(vote) = request.feedback {
        set("gradimento", json!(2 * vote + 1 + draw.below(2)));
    }
    if request.word == Word::Known(5) {
        set(
            "sede_id",
            json!(format!("SEDE-{:02}", 1 + request.district % SEDI.len())),
        );
    }
}

/// What is noted about the person and the request, in part.
fn person(request: &Request, item: &mut Map<String, Value>) {
    let traits = request.profile;
    let mut set = |name: &str, value: Value| item.insert(name.to_owned(), value);
    let is_noted = |number: usize| percentile(wide(request.person * 8 + number)) < 70;
    if is_noted(1) {
        set("adl", json!(request.person % 7));
    }
    set("num_nuc", json!(traits.household));
    if is_noted(2) {
        set("fonte_segnalazione", json!(traits.referral));
    }
    if is_noted(3) {
        set("rete", json!(traits.network));
    }
    set("noto_ai_servizi", json!(traits.known));
    set(
        "compito",
        json!(if request.is_complex {
            "complesso"
        } else {
            "semplice"
        }),
    );
    set(
        "canale",
        json!(if request.is_assisted { "01.1" } else { "03.1" }),
    );
    if request.is_assisted {
        set("segnalato_da_operatore", json!(true));
    }
    if let Some(tag) = request.tag {
        set("etichette", json!([tag]));
    }
    if let Some(text) = &request.text {
        set("note", json!(text));
    }
}

/// The platform's name of a record.
fn identity(number: usize) -> String {
    format!("LC-{number:07}")
}

/// The category.
fn label(word: Word) -> &'static str {
    match word {
        Word::Known(need) => LA_CURA.needs[need].label,
        Word::Other => "ALT",
        Word::New(label) => label,
    }
}

/// The state.
fn state(state: State) -> &'static str {
    match state {
        State::Requested => "RIC",
        State::Matched => "ABB",
        State::Active => "ATT",
        State::Completed => "CON",
        State::Cancelled => "ANN",
        State::Expired => "SCA",
        State::Refused | State::TooExpensive => "RIF",
    }
}

/// Who does it: nurses what is medical, mostly professionals what is complex.
fn helper(request: &Request, draw: &mut Draw) -> &'static str {
    match (request.word, request.is_complex) {
        (Word::Known(1), _) => "INF",
        (_, true) => draw.pick::<&str>(&["OSS", "OSS", "INF", "ASF", "VOL"]),
        (_, false) => draw.pick::<&str>(&["VOL", "VOL", "VOL", "OSS", "ASF"]),
    }
}

/// Spoils an item so that it cannot be read.
fn break_item(item: &mut Map<String, Value>, reason: &str) {
    let (name, value) = match reason {
        "unknown_comune" => ("cod_comune", json!("999999")),
        "bad_date" => ("dt_richiesta", json!("2025-02-31")),
        "bad_number" => ("ore_previste", json!("dodici")),
        "unknown_code" => ("stato_int", json!("XYZ")),
        _ => ("id_assistito", Value::Null),
    };
    item.insert(name.to_owned(), value);
}

/// The active members by month and comune.
fn write_members(site: &Site<'_>, pages: &mut Pages) -> Result<(), Error> {
    for month in 0..N_MONTHS {
        for (index, district) in site.districts(&LA_CURA)?.iter().enumerate() {
            let members = site.members(&LA_CURA, index, month)?;
            for (place, n_members) in district.places.iter().zip(members) {
                let month = site.calendar.month(month);
                let item = json!({"mese": month, "cod_comune": place.code, "attivi": n_members});
                pages.item(&item.to_string())?;
            }
        }
    }
    Ok(())
}

/// The places.
fn write_sedi(site: &Site<'_>, pages: &mut Pages) -> Result<(), Error> {
    for (index, (name, comune, activities)) in SEDI.iter().enumerate() {
        let item = json!({
            "id": format!("SEDE-{:02}", index + 1),
            "nome": name,
            "cod_comune": comune,
            "attivita": activities,
            "dal": site.calendar.iso(index * 40),
        });
        pages.item(&item.to_string())?;
    }
    Ok(())
}
