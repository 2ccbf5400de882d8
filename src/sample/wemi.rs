//! `WeMi`, the platform of the city of Milano, as the tables of its database: requests with a
//! history of states rather than corrections, and what people want in a JSON column.

use super::calendar::{EXTRACT, Instant, N_MONTHS};
use super::demand::{Life, Request, State, Word};
use super::draw::Draw;
use super::faults::{Fault, Faults, Rates};
use super::files::Appended;
use super::numbers::{percentile, wide};
use super::scenario::WEMI;
use super::tables::{Layout, Table, Value};
use super::texts::{phrase, sentence_with};
use super::truth::TableTruth;
use super::wemi_layouts::{BASE, ENTE_REQUEST, ENTI, HISTORY, MATCHES, MEMBERS, REVIEWS, SPAZI};
use super::{Error, Site};

/// How many bodies offer services.
const N_ENTI: usize = 54;

/// How many places there are.
const N_SPAZI: usize = 18;

/// Faults of the requests; a database knows no repeats and keeps its history itself.
const REQUEST_RATES: Rates = Rates {
    reasons: &[
        "invalid_json",
        "unknown_sub_area",
        "unknown_code",
        "date_order",
    ],
    broken: 0.002,
    identifiers: 0.0015,
    duplicates: 0.0,
    corrections: 0.0,
    deletions: 0.0,
};

/// Faults of the history.
const HISTORY_RATES: Rates = Rates {
    reasons: &["unknown_code"],
    broken: 0.0004,
    identifiers: 0.0,
    ..REQUEST_RATES
};

/// Faults of the reviews.
const REVIEW_RATES: Rates = Rates {
    reasons: &["bad_range"],
    broken: 0.003,
    identifiers: 0.01,
    ..REQUEST_RATES
};

/// The tables of one request, open at once.
#[derive(Debug)]
struct Database<'a> {
    /// The requests.
    base: Table<'a>,
    /// What bodies provide.
    ente: Table<'a>,
    /// States.
    history: Table<'a>,
    /// Workers.
    matches: Table<'a>,
    /// Reviews.
    reviews: Table<'a>,
    /// Counts of the requests.
    base_faults: Faults,
    /// Counts of the history.
    history_faults: Faults,
    /// Counts of the reviews.
    review_faults: Faults,
    /// Rows of what bodies provide.
    n_ente: u64,
    /// Rows of workers.
    n_matches: u64,
    /// Requests so far.
    n_requests: usize,
    /// Reviews so far.
    n_reviews: usize,
}

/// Writes the platform.
pub(crate) fn write(site: &Site<'_>) -> Result<Vec<TableTruth>, Error> {
    let folder = site.folder(WEMI.name)?;
    let create = |layout| Table::create(layout, &folder, site.calendar);
    let mut database = Database {
        base: create(BASE)?,
        ente: create(ENTE_REQUEST)?,
        history: create(HISTORY)?,
        matches: create(MATCHES)?,
        reviews: create(REVIEWS)?,
        base_faults: Faults::new(WEMI.name, BASE.name, REQUEST_RATES),
        history_faults: Faults::new(WEMI.name, HISTORY.name, HISTORY_RATES),
        review_faults: Faults::new(WEMI.name, REVIEWS.name, REVIEW_RATES),
        n_ente: 0,
        n_matches: 0,
        n_requests: 0,
        n_reviews: 0,
    };
    let districts = site.districts(&WEMI)?;
    let mut life = Life::new(
        &WEMI,
        districts,
        site.calendar,
        (site.n_exchanges, site.seed),
    );
    for month in 0..N_MONTHS {
        let requests = life.month(month);
        let n_requests = requests.len();
        for request in requests {
            database.request(request, &mut life.draw)?;
        }
        site.progress.wrote(n_requests);
    }
    let mut dump = Appended::create(&folder.join("dump.sql"))?;
    dump.line("SET client_encoding = 'UTF8';\n")?;
    let mut truth = database.close(&mut dump)?;
    let mut enti = create(ENTI)?;
    truth.push(counted(ENTI, write_enti(&mut enti, &mut life.draw)?));
    enti.close(&mut dump)?;
    let mut spazi = create(SPAZI)?;
    truth.push(counted(SPAZI, write_spazi(&mut spazi)?));
    spazi.close(&mut dump)?;
    let mut members = create(MEMBERS)?;
    truth.push(counted(MEMBERS, write_members(site, &mut members)?));
    members.close(&mut dump)?;
    dump.close()?;
    Ok(truth)
}

/// The count of a table without faults.
fn counted(layout: Layout, n_rows: u64) -> TableTruth {
    TableTruth {
        n_rows,
        ..TableTruth::new(WEMI.name, layout.name)
    }
}

/// Whether a request is for domestic work, which has its own states.
fn is_domestic(request: &Request) -> bool {
    matches!(request.word, Word::Known(0 | 1))
}

impl Database<'_> {
    /// Writes a request into all its tables.
    fn request(&mut self, mut request: Request, draw: &mut Draw) -> Result<(), Error> {
        self.n_requests += 1;
        let id = self.n_requests;
        let fault = self.base_faults.next(draw);
        if let Fault::Identifier(rule) = fault {
            request.text = Some(sentence_with(rule, draw));
        }
        self.base_row(id, (&request, fault), draw)?;
        self.base_faults.wrote(fault);
        self.states(id, &request, draw)?;
        let ente = draw.between(1, N_ENTI);
        if is_domestic(&request) {
            self.worker(id, &request, draw)?;
        } else if request.outcome.matched.is_some() || draw.chance(0.5) {
            self.provider(id, (&request, ente), draw)?;
        }
        if let Some(vote) = request.feedback {
            self.review(id, (&request, ente), (vote, draw))?;
        }
        Ok(())
    }

    /// The request itself.
    fn base_row(
        &mut self,
        id: usize,
        (request, fault): (&Request, Fault),
        draw: &mut Draw,
    ) -> Result<(), Error> {
        let wanted = request.requested.day + draw.between(1, 20);
        let until = match fault {
            Fault::Broken("date_order") => Some(wanted - 1),
            _ => draw.chance(0.5).then(|| wanted + draw.between(10, 200)),
        };
        let kind = match fault {
            Fault::Broken("unknown_code") => 7,
            _ => 1 + usize::from(percentile(wide(id)) < 15),
        };
        let origin = if request.is_assisted {
            2
        } else {
            *draw.pick(&[1, 3, 4, 4, 4])
        };
        let operator = format!("OP{:03}", draw.between(1, 60));
        let filed_by = request.is_assisted.then(|| {
            format!(
                "{{\"id_operatore\":\"{operator}\",\"id_spazio\":{}}}",
                1 + id % N_SPAZI
            )
        });
        self.base.row(&[
            Value::Number(id),
            Value::Text(&format!("C{:07}", request.person)),
            Value::Number(kind),
            Value::Number(origin),
            Value::Instant(request.requested),
            Value::Instant(request.recorded),
            Value::Day(wanted),
            Value::or_null(until, Value::Day),
            Value::text(filed_by.as_ref()),
            Value::Text(&wanted_json(request, fault)),
        ])
    }

    /// The states a request went through.
    fn states(&mut self, id: usize, request: &Request, draw: &mut Draw) -> Result<(), Error> {
        for (at, state, reason) in history(request) {
            let fault = self.history_faults.next(draw);
            let state = if fault == Fault::None { state } else { 99 };
            self.history.row(&[
                Value::Number(id),
                Value::Instant(at),
                Value::Number(state),
                Value::or_null(reason, Value::Text),
            ])?;
            self.history_faults.wrote(fault);
        }
        Ok(())
    }

    /// The worker found for domestic work.
    fn worker(&mut self, id: usize, request: &Request, draw: &mut Draw) -> Result<(), Error> {
        let (Some((other, _)), Some(day)) = (request.counterpart, request.outcome.matched) else {
            return Ok(());
        };
        let planned = request.half_hours * 500;
        let is_over = request.outcome.ended.is_some();
        self.n_matches += 1;
        self.matches.row(&[
            Value::Number(id),
            Value::Text(&format!("L{:06}", other / 6)),
            Value::Text(&format!("OP{:03}", draw.between(1, 60))),
            Value::Number(if is_over { 3 } else { 2 }),
            Value::Instant(Instant {
                day,
                second: 10 * 3600 + id % 3600,
            }),
            Value::Amount(planned),
            Value::or_null(
                is_over.then_some(planned * draw.between(80, 110) / 100),
                Value::Amount,
            ),
            Value::Amount(draw.between(850, 1250)),
        ])
    }

    /// The body that answers a request.
    fn provider(
        &mut self,
        id: usize,
        (request, ente): (&Request, usize),
        draw: &mut Draw,
    ) -> Result<(), Error> {
        let planned = request.half_hours * 50;
        let cost = planned * draw.between(12, 24);
        let is_done = request.outcome.state == State::Completed;
        let revenue = *draw.pick(&[
            "tariffa",
            "tariffa",
            "abbonamento",
            "contributo",
            "gratuito",
        ]);
        let (cost, share) = match revenue {
            "gratuito" => (0, 0),
            "contributo" => (cost, cost * draw.between(3, 8) / 10),
            _ => (cost, 0),
        };
        let due = Instant {
            day: request.requested.day + 45,
            second: 0,
        };
        self.n_ente += 1;
        self.ente.row(&[
            Value::Number(id),
            Value::Number(ente),
            Value::Number(ente * 10 + id % 6),
            Value::Amount(cost),
            Value::or_null(
                is_done.then_some(cost * draw.between(90, 105) / 100),
                Value::Amount,
            ),
            Value::or_null((share > 0).then_some(share), Value::Amount),
            Value::Amount(planned),
            Value::or_null(
                is_done.then_some(planned * draw.between(80, 110) / 100),
                Value::Amount,
            ),
            Value::Text(revenue),
            Value::Instant(due),
        ])
    }

    /// What the person says afterwards.
    fn review(
        &mut self,
        id: usize,
        (request, ente): (&Request, usize),
        (vote, draw): (usize, &mut Draw),
    ) -> Result<(), Error> {
        let ended = request.outcome.ended.unwrap_or(EXTRACT);
        let day = ended + draw.geometric(0.3);
        if day >= EXTRACT {
            return Ok(());
        }
        let fault = self.review_faults.next(draw);
        let comment = match fault {
            Fault::Identifier(rule) => Some(sentence_with(rule, draw)),
            _ => draw.chance(0.25).then(|| phrase(draw).to_owned()),
        };
        let vote = if matches!(fault, Fault::Broken(_)) {
            9
        } else {
            vote + 1
        };
        self.n_reviews += 1;
        self.reviews.row(&[
            Value::Number(self.n_reviews),
            Value::Number(id),
            Value::or_null((!is_domestic(request)).then_some(ente), Value::Number),
            Value::Text(&format!("C{:07}", request.person)),
            Value::Number(vote),
            Value::text(comment.as_ref()),
            Value::Instant(Instant {
                day,
                second: 20 * 3600 + id % 3600,
            }),
        ])?;
        self.review_faults.wrote(fault);
        Ok(())
    }

    /// Closes the tables, in the order of the dump.
    fn close(self, dump: &mut Appended) -> Result<Vec<TableTruth>, Error> {
        self.base.close(dump)?;
        self.ente.close(dump)?;
        self.history.close(dump)?;
        self.matches.close(dump)?;
        self.reviews.close(dump)?;
        Ok(vec![
            self.base_faults.truth,
            counted(ENTE_REQUEST, self.n_ente),
            self.history_faults.truth,
            counted(MATCHES, self.n_matches),
            self.review_faults.truth,
        ])
    }
}

/// What a person wants, as the JSON column holds it.
fn wanted_json(request: &Request, fault: Fault) -> String {
    let label = match request.word {
        Word::Known(need) => WEMI.needs[need].label,
        Word::Other => "ALTRO",
        Word::New(label) => label,
    };
    let municipio = if fault == Fault::Broken("unknown_sub_area") {
        12
    } else {
        request.place + 1
    };
    let traits = request.profile;
    let household = if traits.household > 4 {
        "5+".to_owned()
    } else {
        traits.household.to_string()
    };
    let mut json = format!(
        concat!(
            r#"{{"categoria":"{}","municipio":{},"fascia_eta":"{}","nucleo":"{}","rete":"{}","#,
            r#""noto_ai_servizi":"{}","fonte_segnalazione":{},"compito":"{}","canale":"{}","#,
            r#""scopo":"{}","etichette":["#
        ),
        label,
        municipio,
        traits.age,
        household,
        traits.network,
        traits.known,
        traits.referral,
        if request.is_complex {
            "complesso"
        } else {
            "semplice"
        },
        channel(request),
        if label == "SOCIALITA" {
            "socialita"
        } else {
            "aiuto"
        },
    );
    if let Some(tag) = request.tag {
        json.push('"');
        json.push_str(tag);
        json.push('"');
    }
    json.push(']');
    if let Some(text) = &request.text {
        json.push_str(",\"note\":\"");
        json.push_str(text);
        json.push('"');
    }
    if fault != Fault::Broken("invalid_json") {
        json.push('}');
    }
    json
}

/// The channel of a request: a desk if somebody files it, else the web or the app.
fn channel(request: &Request) -> &'static str {
    if request.is_assisted {
        "01.1"
    } else {
        ["02.1", "05.1", "02.1", "03.1", "05.1"][request.person % 5]
    }
}

/// The states of a request: instant, code, reason.
fn history(request: &Request) -> Vec<(Instant, usize, Option<&'static str>)> {
    let domestic = is_domestic(request);
    let code = |provider: usize, household: usize| if domestic { household } else { provider };
    let at = |day: usize, hour: usize| Instant {
        day,
        second: hour * 3600 + request.person % 3600,
    };
    let outcome = request.outcome;
    let mut states = vec![(request.requested, code(1, 10), None)];
    if let Some(day) = outcome.matched {
        states.push((at(day, 22), code(2, 11), None));
    }
    if let (Some(day), false) = (outcome.started, domestic) {
        states.push((at(day, 22), 7, None));
    }
    if let Some(day) = outcome.ended {
        let (state, reason) = match outcome.state {
            State::Completed => (code(8, 12), None),
            State::Cancelled => (code(4, 14), Some("RINUNCIA")),
            State::Expired if domestic => (13, Some("NESSUNA_OFFERTA")),
            State::Expired => (6, Some("NESSUNA_OFFERTA")),
            State::TooExpensive => (code(5, 13), Some("COSTO")),
            State::Refused | State::Requested | State::Matched | State::Active => {
                (code(5, 13), None)
            }
        };
        states.push((at(day, 23), state, reason));
    }
    states
}

/// The bodies, most of them accredited.
fn write_enti(table: &mut Table<'_>, draw: &mut Draw) -> Result<u64, Error> {
    const KINDS: [&str; 3] = ["Cooperativa", "Associazione", "Impresa sociale"];
    const NAMES: [&str; 6] = [
        "Il Girasole",
        "La Bussola",
        "Arcobaleno",
        "Il Ponte",
        "Primavera",
        "Il Melograno",
    ];
    const FORMS: [&str; 3] = ["1.4.30", "1.7.10", "1.3.20"];
    for id in 1..=N_ENTI {
        let categories: Vec<String> = WEMI
            .needs
            .iter()
            .filter(|_| draw.chance(0.4))
            .map(|need| format!("\"{}\"", need.label))
            .collect();
        let municipi: Vec<String> = (1..=9_usize)
            .filter(|_| draw.chance(0.5))
            .map(|number| number.to_string())
            .collect();
        let since = (!id.is_multiple_of(9)).then(|| draw.below(500));
        let until = since.filter(|_| id % 10 == 3).map(|day| day + 800);
        let name = format!("{} {} {id}", KINDS[id % 3], NAMES[id / 3 % 6]);
        table.row(&[
            Value::Number(id),
            Value::Text(&name),
            Value::Text(FORMS[id % 3]),
            Value::or_null(since, Value::Day),
            Value::or_null(until, Value::Day),
            Value::Number(draw.between(5, 120)),
            Value::Text(&format!("[{}]", categories.join(","))),
            Value::Text(&format!("[{}]", municipi.join(","))),
        ])?;
    }
    Ok(wide(N_ENTI))
}

/// The places, two in each municipio.
fn write_spazi(table: &mut Table<'_>) -> Result<u64, Error> {
    const ACTIVITIES: [&str; 4] = [
        "orientamento",
        "laboratori",
        "gruppi di parola",
        "sportello badanti",
    ];
    for id in 1..=N_SPAZI {
        let activities: Vec<String> = ACTIVITIES
            .iter()
            .take(1 + id % 4)
            .map(|activity| format!("\"{activity}\""))
            .collect();
        table.row(&[
            Value::Number(id),
            Value::Text(&format!("Spazio WeMi {id}")),
            Value::Number(1 + id % 9),
            Value::Day(id * 20),
            Value::or_null((id == 7).then_some(900), Value::Day),
            Value::Text(&format!("[{}]", activities.join(","))),
        ])?;
    }
    Ok(wide(N_SPAZI))
}

/// The active members by month and municipio.
fn write_members(site: &Site<'_>, table: &mut Table<'_>) -> Result<u64, Error> {
    let mut n_rows = 0;
    for month in 0..N_MONTHS {
        for (place, n_members) in site.members(&WEMI, 0, month)?.into_iter().enumerate() {
            n_rows += 1;
            table.row(&[
                Value::Day(site.calendar.start(month)),
                Value::Number(place + 1),
                Value::Number(n_members),
            ])?;
        }
    }
    Ok(n_rows)
}
