//! Family Like, around Lago Maggiore and Lago d'Orta: events as lines of nested JSON on an object
//! store, a file a month, with late files for what was forgotten or changed. It informs and does
//! not match anybody: the low end of the funnel.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::calendar::{EXTRACT, Instant, N_MONTHS};
use super::draw::{Draw, running};
use super::faults::{Fault, Faults, Rates};
use super::files::Appended;
use super::geography::Place;
use super::numbers::{real, whole, wide};
use super::scenario::FAMILY_LIKE;
use super::texts::{phrase, sentence_with};
use super::truth::TableTruth;
use super::{Error, Site};

/// How many comuni take part.
const N_COMUNI: usize = 46;

/// Faults of the events.
const RATES: Rates = Rates {
    reasons: &[
        "broken_json",
        "bad_date",
        "unknown_comune",
        "bad_number",
        "missing_required",
    ],
    broken: 0.004,
    identifiers: 0.003,
    duplicates: 0.004,
    corrections: 0.02,
    deletions: 0.0,
};

/// Words that titles are made of, by category.
const TITLES: [&[&str]; 4] = [
    &[
        "Incontro per genitori",
        "Sportello ascolto",
        "Gruppo mamme e papà",
    ],
    &[
        "Laboratorio creativo",
        "Pomeriggio di giochi",
        "Gita al lago",
        "Festa di quartiere",
    ],
    &["Letture per i piccoli", "Spazio gioco", "Musica in fasce"],
    &[
        "Gruppo di mutuo aiuto",
        "Scambio di vestiti",
        "Merenda tra vicini",
    ],
];

/// The comuni that take part, by district.
#[derive(Debug)]
struct Shores<'a> {
    /// Places and running weights by district.
    districts: Vec<(Vec<&'a Place>, Vec<f64>)>,
}

impl<'a> Shores<'a> {
    /// The most populous comuni of the platform's districts.
    fn new(site: &'a Site<'_>) -> Result<Self, Error> {
        let districts = site.districts(&FAMILY_LIKE)?;
        let mut sizes: Vec<f64> = districts
            .iter()
            .flat_map(|district| district.places.iter().map(|place| place.population))
            .collect();
        sizes.sort_by(|one, two| two.total_cmp(one));
        let least = sizes.get(N_COMUNI - 1).copied().unwrap_or(0.0);
        let large = |place: &&Place| place.population >= least;
        let districts = districts
            .into_iter()
            .map(|district| {
                let places: Vec<&Place> = district.places.iter().filter(large).collect();
                let sums = running(places.iter().map(|place| place.population.sqrt()));
                (places, sums)
            })
            .collect();
        Ok(Self { districts })
    }

    /// A comune of a district.
    fn place(&self, district: usize, draw: &mut Draw) -> &'a Place {
        let (places, sums) = &self.districts[district];
        places[draw.weighted(sums)]
    }
}

/// An event not yet written.
#[derive(Debug)]
struct Event<'a> {
    /// When it was put on the platform.
    registered: Instant,
    /// Its district.
    district: usize,
    /// Its comune.
    place: &'a Place,
    /// Its category.
    need: usize,
    /// Whether it reaches the platform's files late.
    is_late: bool,
}

/// The events being written.
#[derive(Debug)]
struct Store<'a> {
    /// The site.
    site: &'a Site<'a>,
    /// Counts.
    faults: Faults,
    /// Lines of late files, by the quarter they are written in.
    late: BTreeMap<usize, Vec<String>>,
    /// Events so far.
    n_events: usize,
}

/// Writes the platform.
pub(crate) fn write(site: &Site<'_>) -> Result<Vec<TableTruth>, Error> {
    let folder = site.folder(FAMILY_LIKE.name)?;
    let events = folder.join("eventi");
    std::fs::create_dir_all(&events).map_err(|source| Error::WriteFile {
        path: events.clone(),
        source,
    })?;
    let shores = Shores::new(site)?;
    let mut draw = Draw::new(site.seed, FAMILY_LIKE.stream);
    let faults = Faults::new(FAMILY_LIKE.name, "eventi", RATES);
    let mut store = Store {
        site,
        faults,
        late: BTreeMap::new(),
        n_events: 0,
    };
    for month in 0..N_MONTHS {
        let name = format!("{}.ndjson.gz", site.calendar.month(month));
        let mut file = Appended::create(&events.join(name))?;
        let listed = listed(site, &shores, month, &mut draw);
        let n_events = listed.len();
        for event in listed {
            store.event(&event, &mut file, &mut draw)?;
        }
        file.close()?;
        site.progress.wrote(n_events);
    }
    for (quarter, lines) in &store.late {
        let name = format!("late-{}.ndjson.gz", site.calendar.month(*quarter));
        let mut file = Appended::create(&events.join(name))?;
        for line in lines {
            file.line(line)?;
        }
        file.close()?;
    }
    let mut truth = vec![store.faults.truth];
    truth.extend(write_others(site, &shores, &mut draw)?);
    Ok(truth)
}

/// The events put on the platform in a month, in the order of time.
fn listed<'a>(
    site: &Site<'_>,
    shores: &Shores<'a>,
    month: usize,
    draw: &mut Draw,
) -> Vec<Event<'a>> {
    let mut events = Vec::new();
    for district in 0..FAMILY_LIKE.districts.len() {
        for need in 0..FAMILY_LIKE.needs.len() {
            let mean = FAMILY_LIKE.expected(site.n_exchanges, (district, need), month);
            for _ in 0..draw.poisson(mean) {
                let first = site.calendar.start(month);
                let day = first + draw.below(site.calendar.length(month));
                events.push(Event {
                    registered: Instant {
                        day,
                        second: draw.between(8 * 3600, 19 * 3600),
                    },
                    district,
                    place: shores.place(district, draw),
                    need,
                    is_late: draw.chance(0.03),
                });
            }
        }
    }
    events.sort_by_key(|event| (event.registered, event.district, event.need));
    events
}

impl Store<'_> {
    /// Writes an event and what follows from its fault.
    fn event(
        &mut self,
        event: &Event<'_>,
        file: &mut Appended,
        draw: &mut Draw,
    ) -> Result<(), Error> {
        let later = event.registered.day + draw.between(20, 60);
        let is_open = later < EXTRACT;
        if event.is_late && !is_open {
            return Ok(());
        }
        self.n_events += 1;
        let fault = match self.faults.next(draw) {
            Fault::Correction if !is_open => Fault::None,
            fault => fault,
        };
        let mut item = self.item(event, fault, draw);
        let mut line = Value::Object(item.clone()).to_string();
        if fault == Fault::Broken("broken_json") {
            let half = line
                .char_indices()
                .nth(line.len() / 2)
                .map_or(40, |(place, _)| place);
            line.truncate(half);
        }
        if event.is_late {
            self.later(later, line.clone());
        } else {
            file.line(&line)?;
        }
        self.faults.wrote(fault);
        if fault == Fault::Duplicate {
            self.faults.truth.n_rows += 1;
            self.later(later.min(EXTRACT - 1), line);
        } else if fault == Fault::Correction {
            self.faults.truth.n_rows += 1;
            item.insert("revisione".to_owned(), json!(2));
            item.insert("iscritti".to_owned(), json!(draw.between(5, 60)));
            self.later(later, Value::Object(item).to_string());
        }
        Ok(())
    }

    /// Puts a line into the late file of its quarter.
    fn later(&mut self, day: usize, line: String) {
        let month = (0..N_MONTHS)
            .rfind(|month| self.site.calendar.start(*month) <= day)
            .unwrap_or(0);
        self.late.entry(month / 3 * 3).or_default().push(line);
    }

    /// An event as the platform writes it; what is not known is left out.
    fn item(&self, event: &Event<'_>, fault: Fault, draw: &mut Draw) -> Map<String, Value> {
        let calendar = self.site.calendar;
        let begin = event.registered.day + draw.between(2, 40);
        let title = *draw.pick(TITLES[event.need]);
        let places = draw.chance(0.6).then(|| draw.between(8, 80));
        let views = whole(draw.log_normal(120.0, 0.9));
        let mut item = Map::new();
        let mut set = |name: &str, value: Value| item.insert(name.to_owned(), value);
        set("id", json!(format!("FL-{:06}", self.n_events)));
        set("revisione", json!(1));
        set("registrato_il", json!(calendar.rfc3339(event.registered)));
        set(
            "tipo",
            json!(if draw.chance(0.8) {
                "evento"
            } else {
                "servizio"
            }),
        );
        set("categoria", json!(FAMILY_LIKE.needs[event.need].label));
        set("titolo", json!(title));
        if draw.chance(0.1) {
            set("descrizione", json!(phrase(draw)));
        }
        set(
            "ente",
            json!({"id": format!("ORG-{:04}", 1 + draw.below(self.n_organizations()))}),
        );
        set("luogo", location(event));
        let time = format!("{:02}:00:00", draw.between(9, 20));
        set(
            "inizio",
            json!(format!(
                "{}T{time}{}",
                calendar.iso(begin),
                calendar.offset(begin)
            )),
        );
        if let Some(places) = places {
            set("posti", json!(places));
        }
        set("iscritti", json!((views / 12).min(places.unwrap_or(60))));
        set("visualizzazioni", json!(views));
        if draw.chance(0.03) {
            set("annullato", json!(true));
        }
        if draw.chance(0.15) {
            set("etichette", json!([FAMILY_LIKE.needs[event.need].tag]));
        }
        spoil(&mut item, fault, draw);
        item
    }

    /// How many organizations there are.
    fn n_organizations(&self) -> usize {
        n_organizations(self.site)
    }
}

/// How many organizations a sample of this size has.
fn n_organizations(site: &Site<'_>) -> usize {
    whole(site.n_exchanges / 150.0).clamp(20, 3000)
}

/// Where an event is; coordinates are rounded to one decimal.
fn location(event: &Event<'_>) -> Value {
    let (lat, lon) = [(45.8, 8.5), (45.9, 8.4), (45.7, 8.4), (45.9, 8.6)][event.district];
    let place = event.place;
    json!({"comune": place.name, "provincia": place.provincia, "lat": lat, "lon": lon})
}

/// Spoils an event as its fault says.
fn spoil(item: &mut Map<String, Value>, fault: Fault, draw: &mut Draw) {
    match fault {
        Fault::Identifier(rule) => {
            item.insert("descrizione".to_owned(), json!(sentence_with(rule, draw)));
        }
        Fault::Broken("bad_date") => {
            item.insert("inizio".to_owned(), json!("domani"));
        }
        Fault::Broken("unknown_comune") => {
            item.insert("luogo".to_owned(), json!({"comune": "Borgo Immaginario"}));
        }
        Fault::Broken("bad_number") => {
            item.insert("posti".to_owned(), json!("tanti"));
        }
        Fault::Broken("missing_required") => {
            item.insert("categoria".to_owned(), Value::Null);
        }
        Fault::Broken(_) | Fault::None | Fault::Duplicate | Fault::Correction | Fault::Deletion => {
        }
    }
}

/// The organizations, the visits and the active families.
fn write_others(
    site: &Site<'_>,
    shores: &Shores<'_>,
    draw: &mut Draw,
) -> Result<Vec<TableTruth>, Error> {
    let organizations: Vec<Value> = (1..=n_organizations(site))
        .map(|id| organization(site, shores, id, draw))
        .collect();
    let families = families(site, shores)?;
    let visits = visits(site, shores, draw);
    let mut truth = Vec::new();
    for (table, items) in [
        ("organizzazioni", organizations),
        ("visite", visits),
        ("attivita", families),
    ] {
        let path = site
            .out
            .join(FAMILY_LIKE.name)
            .join(format!("{table}.ndjson"));
        let mut file = Appended::create(&path)?;
        for item in &items {
            file.line(&item.to_string())?;
        }
        file.close()?;
        let n_rows = wide(items.len());
        truth.push(TableTruth {
            n_rows,
            ..TableTruth::new(FAMILY_LIKE.name, table)
        });
    }
    Ok(truth)
}

/// One organization.
fn organization(site: &Site<'_>, shores: &Shores<'_>, id: usize, draw: &mut Draw) -> Value {
    const NAMES: [&str; 6] = [
        "Pro loco",
        "Biblioteca",
        "Associazione genitori",
        "Oratorio",
        "Ludoteca",
        "Consultorio",
    ];
    let place = shores.place(id % FAMILY_LIKE.districts.len(), draw);
    json!({
        "id": format!("ORG-{id:04}"),
        "nome": format!("{} {}", draw.pick(&NAMES), place.name),
        "forma": draw.pick(&["1.8.10", "1.7.10", "2.4.30"]),
        "comune": place.name,
        "categorie": [FAMILY_LIKE.needs[id % FAMILY_LIKE.needs.len()].label],
        "dal": site.calendar.iso(draw.below(300)),
    })
}

/// The active families by month and comune.
fn families(site: &Site<'_>, shores: &Shores<'_>) -> Result<Vec<Value>, Error> {
    let mut items = Vec::new();
    for month in 0..N_MONTHS {
        for (index, district) in site.districts(&FAMILY_LIKE)?.iter().enumerate() {
            let members = site.members(&FAMILY_LIKE, index, month)?;
            let takes_part = |place: &Place| {
                shores.districts[index]
                    .0
                    .iter()
                    .any(|one| one.code == place.code)
            };
            let counted = district.places.iter().zip(members);
            let month = site.calendar.month(month);
            items.extend(counted.filter(|(place, _)| takes_part(place)).map(|(place, n_members)| {
                json!({"mese": month, "comune": place.name, "famiglie_attive": n_members})
            }));
        }
    }
    Ok(items)
}

/// Visits of the map by day, comune and category, a few a day.
fn visits(site: &Site<'_>, shores: &Shores<'_>, draw: &mut Draw) -> Vec<Value> {
    let n_a_day = 1 + whole(site.n_exchanges / 100_000.0).min(20);
    let mut counts: BTreeMap<(usize, &str, &str), usize> = BTreeMap::new();
    for day in 0..EXTRACT {
        for _ in 0..draw.between(1, n_a_day) {
            let place = shores.place(draw.below(FAMILY_LIKE.districts.len()), draw);
            let need = draw.pick(FAMILY_LIKE.needs);
            let growth = 0.7 + 0.6 * real(day) / real(EXTRACT);
            let n_views = whole(draw.log_normal(40.0 * growth, 0.5));
            *counts
                .entry((day, place.name.as_str(), need.label))
                .or_default() += n_views;
        }
    }
    counts
        .into_iter()
        .map(|((day, comune, label), n_views)| {
            let day = site.calendar.iso(day);
            json!({"giorno": day, "comune": comune, "categoria": label, "visualizzazioni": n_views})
        })
        .collect()
}
