//! Mi fido di noi, in Brianza: the ledger of a bank of time as a CSV file from another age, with
//! semicolons, decimal commas, Windows-1252 and two people in every row.

use std::collections::BTreeMap;

use super::calendar::{EXTRACT, Instant, N_MONTHS};
use super::demand::{Life, Request, Side, State, Word};
use super::draw::Draw;
use super::faults::{Fault, Faults, Rates};
use super::files::Appended;
use super::geography::District;
use super::scenario::MI_FIDO;
use super::texts::sentence_with;
use super::truth::TableTruth;
use super::{Error, Site};

/// The columns of the ledger.
const HEADER: &str = "id_movimento;versione;data;data_registrazione;id_socio_cedente;\
id_socio_ricevente;tipo_annuncio;categoria;descr_breve;etichette;fidi;minuti;comune;\
comune_cedente;data_abbinamento;data_conclusione;stato;classe_eta;nucleo;rete;noto_ai_servizi;\
canale;modalita;voto;assistito";

/// Faults of the ledger.
const RATES: Rates = Rates {
    reasons: &[
        "bad_date",
        "bad_number",
        "unknown_comune",
        "unknown_code",
        "ragged_row",
        "missing_required",
    ],
    broken: 0.003,
    identifiers: 0.002,
    duplicates: 0.003,
    corrections: 0.008,
    deletions: 0.0,
};

/// The ledger being written.
#[derive(Debug)]
struct Ledger<'a> {
    /// The site.
    site: &'a Site<'a>,
    /// The districts.
    districts: Vec<&'a District>,
    /// The file.
    file: Appended,
    /// Counts.
    faults: Faults,
    /// Newer versions and repeats yet to come, by the instant they are written.
    to_come: BTreeMap<(Instant, usize), String>,
    /// Movements so far.
    n_movements: usize,
}

/// Writes the platform.
pub(crate) fn write(site: &Site<'_>) -> Result<Vec<TableTruth>, Error> {
    let folder = site.folder(MI_FIDO.name)?;
    let districts = site.districts(&MI_FIDO)?;
    let mut life = Life::new(
        &MI_FIDO,
        districts.clone(),
        site.calendar,
        (site.n_exchanges, site.seed),
    );
    let mut ledger = Ledger {
        site,
        districts,
        file: Appended::create(&folder.join("movimenti.csv"))?,
        faults: Faults::new(MI_FIDO.name, "movimenti", RATES),
        to_come: BTreeMap::new(),
        n_movements: 0,
    };
    ledger.write_line(HEADER)?;
    for month in 0..N_MONTHS {
        let requests = life.month(month);
        let n_requests = requests.len();
        for request in requests {
            ledger.movement(request, &mut life.draw)?;
        }
        ledger.flush(site.calendar.start(month + 1))?;
        site.progress.wrote(n_requests);
    }
    ledger.flush(EXTRACT)?;
    ledger.file.close()?;
    let mut members = Appended::create(&folder.join("soci_attivi.csv"))?;
    let n_rows = write_members(site, &mut members)?;
    members.close()?;
    let members = TableTruth {
        n_rows,
        ..TableTruth::new(MI_FIDO.name, "soci_attivi")
    };
    Ok(vec![ledger.faults.truth, members])
}

impl Ledger<'_> {
    /// Writes a movement and what follows from its fault.
    fn movement(&mut self, mut request: Request, draw: &mut Draw) -> Result<(), Error> {
        self.n_movements += 1;
        let number = self.n_movements;
        let mut fault = self.faults.next(draw);
        if let Fault::Identifier(rule) = fault {
            request.text = Some(sentence_with(rule, draw));
        }
        let later = Instant {
            day: request.recorded.day + draw.between(2, 40),
            second: 12 * 3600,
        };
        if later.day >= EXTRACT && matches!(fault, Fault::Correction) {
            fault = Fault::None;
        }
        let mut fields = self.fields(number, &request);
        if let Fault::Broken(reason) = fault {
            break_fields(&mut fields, reason);
        }
        let line = fields.join(";");
        self.write_line(&line)?;
        self.faults.wrote(fault);
        match fault {
            Fault::Correction => {
                "2".clone_into(&mut fields[1]);
                fields[3] = self.site.calendar.italian_minute(later);
                "gruppo".clone_into(&mut fields[22]);
                self.to_come.insert((later, number), fields.join(";"));
            }
            Fault::Duplicate => {
                let again = Instant {
                    day: request.recorded.day,
                    second: 0,
                };
                self.to_come.insert((again, number), line);
            }
            Fault::None | Fault::Broken(_) | Fault::Identifier(_) | Fault::Deletion => {}
        }
        Ok(())
    }

    /// Writes what was to come before a day.
    fn flush(&mut self, before: usize) -> Result<(), Error> {
        let later = self.to_come.split_off(&(
            Instant {
                day: before,
                second: 0,
            },
            0,
        ));
        for line in std::mem::replace(&mut self.to_come, later).into_values() {
            self.write_line(&line)?;
            self.faults.truth.n_rows += 1;
        }
        Ok(())
    }

    /// Writes a line in the platform's encoding.
    fn write_line(&mut self, line: &str) -> Result<(), Error> {
        write_encoded(&mut self.file, line)
    }

    /// The fields of a movement, in the order of the header.
    fn fields(&self, number: usize, request: &Request) -> Vec<String> {
        let calendar = self.site.calendar;
        let (giver, receiver) = members(request);
        let day = |day: Option<usize>| {
            day.map_or_else(String::new, |day| calendar.italian(day).to_owned())
        };
        let outcome = request.outcome;
        let minutes = request.half_hours * 30 + number % 10 * 3;
        let traits = request.profile;
        let household = if traits.household > 4 {
            "5+".to_owned()
        } else {
            traits.household.to_string()
        };
        let places = &self.districts[request.district].places;
        let from = match request.side {
            Side::Demand => request.counterpart.map(|(_, place)| place),
            Side::Offer => Some(request.place),
        };
        vec![
            format!("M{number:07}"),
            "1".to_owned(),
            calendar.italian(request.requested.day).to_owned(),
            calendar.italian_minute(request.recorded),
            giver,
            receiver,
            if request.side == Side::Demand {
                "CERCO"
            } else {
                "OFFRO"
            }
            .to_owned(),
            label(request.word).to_owned(),
            quoted(request.text.clone().unwrap_or_default()),
            request.tag.unwrap_or_default().to_owned(),
            format!("{},{}", minutes / 6, minutes % 6 * 10 / 6),
            minutes.to_string(),
            quoted(places[request.place].name.clone()),
            quoted(from.map_or_else(String::new, |place| places[place].name.clone())),
            day(outcome.matched),
            day(outcome.ended),
            state(outcome.state).to_owned(),
            traits.age.to_owned(),
            household,
            traits.network.to_owned(),
            traits.known.to_owned(),
            if request.is_assisted {
                "01.1"
            } else {
                ["02.1", "05.1"][request.person % 2]
            }
            .to_owned(),
            if request.is_complex {
                "gruppo"
            } else {
                "individuale"
            }
            .to_owned(),
            vote(request),
            if request.is_assisted { "S" } else { "N" }.to_owned(),
        ]
    }
}

/// Who gives and who receives.
fn members(request: &Request) -> (String, String) {
    let person = format!("S{:06}", request.person);
    let other = request
        .counterpart
        .map_or_else(String::new, |(other, _)| format!("S{other:06}"));
    match request.side {
        Side::Demand => (other, person),
        Side::Offer => (person, other),
    }
}

/// Writes a line in Windows-1252 with a carriage return and a line feed.
fn write_encoded(file: &mut Appended, line: &str) -> Result<(), Error> {
    let (bytes, _, _) = encoding_rs::WINDOWS_1252.encode(line);
    file.write(&bytes)?;
    file.write(b"\r\n")
}

/// A field in quotation marks if it holds a separator.
fn quoted(field: String) -> String {
    if field.contains([';', '"']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field
    }
}

/// The vote from 1 to 5, half points with a decimal comma.
fn vote(request: &Request) -> String {
    let Some(points) = request.feedback else {
        return String::new();
    };
    let half = if points < 4 && request.person.is_multiple_of(2) {
        5
    } else {
        0
    };
    format!("{},{half}", points + 1)
}

/// The category.
fn label(word: Word) -> &'static str {
    match word {
        Word::Known(need) => MI_FIDO.needs[need].label,
        Word::Other => "Altro",
        Word::New(label) => label,
    }
}

/// The state.
fn state(state: State) -> &'static str {
    match state {
        State::Requested => "APERTO",
        State::Matched | State::Active => "ABBINATO",
        State::Completed => "CONCLUSO",
        State::Cancelled => "ANNULLATO",
        State::Expired => "SCADUTO",
        State::Refused | State::TooExpensive => "RIFIUTATO",
    }
}

/// Spoils a row so that it cannot be read.
fn break_fields(fields: &mut Vec<String>, reason: &str) {
    let (place, value) = match reason {
        "bad_date" => (2, "31/02/2025"),
        "bad_number" => (10, "dieci"),
        "unknown_comune" => (12, "Borgo Immaginario"),
        "unknown_code" => (16, "BOH"),
        "ragged_row" => return fields.truncate(18),
        _ => (2, ""),
    };
    value.clone_into(&mut fields[place]);
}

/// The active members by month and comune.
fn write_members(site: &Site<'_>, file: &mut Appended) -> Result<u64, Error> {
    write_encoded(file, "mese;comune;soci_attivi")?;
    let mut n_rows = 0;
    for month in 0..N_MONTHS {
        for (index, district) in site.districts(&MI_FIDO)?.iter().enumerate() {
            let members = site.members(&MI_FIDO, index, month)?;
            for (place, n_members) in district.places.iter().zip(members) {
                n_rows += 1;
                let month = site.calendar.italian_month(month);
                write_encoded(file, &format!("{month};{};{n_members}", place.name))?;
            }
        }
    }
    Ok(n_rows)
}
