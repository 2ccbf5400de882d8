//! The bacheca digitale of the Lodigiano: a workbook that a community manager keeps by hand, with
//! a merged header, comuni as people write them, and cells that are not what they look like.

use std::path::Path;

use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook, Worksheet, XlsxError};

use super::calendar::N_MONTHS;
use super::demand::{Life, Request, Side, State, Word};
use super::draw::Draw;
use super::faults::{Fault, Faults, Rates};
use super::geography::District;
use super::numbers::{real, wide};
use super::scenario::BACHECA;
use super::texts::sentence_with;
use super::truth::TableTruth;
use super::{Error, Site};

/// Faults of the notices.
const RATES: Rates = Rates {
    reasons: &[
        "bad_date",
        "unknown_comune",
        "unknown_code",
        "bad_number",
        "missing_required",
    ],
    broken: 0.008,
    identifiers: 0.008,
    duplicates: 0.008,
    corrections: 0.0,
    deletions: 0.0,
};

/// The groups of columns: name, first and last column.
const GROUPS: [(&str, u16, u16); 4] = [
    ("Annuncio", 0, 3),
    ("Persona", 4, 9),
    ("Esito", 10, 14),
    ("Gestione", 15, 17),
];

/// The columns.
const LEAVES: [&str; 18] = [
    "N.",
    "Data",
    "Tipo",
    "Categoria",
    "Comune",
    "Chi",
    "Età",
    "Nucleo",
    "Testo",
    "Etichette",
    "Esito",
    "Data risposta",
    "Chi risponde",
    "Ore",
    "Gradimento",
    "Segnalato da",
    "Inserito da",
    "Registrato il",
];

/// The first row of data, counted from 0.
const FIRST_ROW: u32 = 5;

/// The serial number that spreadsheets give to day 0 of the sample.
const DAY_ZERO_SERIAL: f64 = 44_835.0;

/// A cell.
#[derive(Debug, Clone)]
enum Cell {
    /// Nothing.
    Empty,
    /// Text.
    Text(String),
    /// A number.
    Number(f64),
    /// A day, shown as one.
    Day(usize),
}

/// The workbook being written.
struct Board<'a> {
    /// The site.
    site: &'a Site<'a>,
    /// The district.
    district: &'a District,
    /// The sheet of notices.
    sheet: Worksheet,
    /// How days are shown.
    date: Format,
    /// Counts.
    faults: Faults,
    /// Rows written.
    n_rows: u32,
    /// Notices so far.
    n_notices: usize,
}

/// Writes the platform.
pub(crate) fn write(site: &Site<'_>) -> Result<Vec<TableTruth>, Error> {
    let path = site.folder(BACHECA.name)?.join("bacheca.xlsx");
    let districts = site.districts(&BACHECA)?;
    let district = site.geography.district(BACHECA.district(0))?;
    let mut life = Life::new(
        &BACHECA,
        districts,
        site.calendar,
        (site.n_exchanges, site.seed),
    );
    let mut board = Board {
        site,
        district,
        sheet: Worksheet::new(),
        date: Format::new().set_num_format("dd/mm/yyyy"),
        faults: Faults::new(BACHECA.name, "Annunci", RATES),
        n_rows: 0,
        n_notices: 0,
    };
    let failed = |source| Error::WriteWorkbook {
        path: path.clone(),
        source,
    };
    board.head().map_err(failed)?;
    for month in 0..N_MONTHS {
        let requests = life.month(month);
        let n_requests = requests.len();
        for request in requests {
            board.notice(request, &mut life.draw).map_err(failed)?;
        }
        site.progress.wrote(n_requests);
    }
    let n_rows = board.faults.truth.n_rows;
    board
        .sheet
        .write_number(1, 1, f64::from(board.n_rows))
        .map_err(failed)?;
    let mut activity = Worksheet::new();
    let members = members(site)?;
    write_members(&mut activity, &members).map_err(failed)?;
    save(&path, [board.sheet, legend().map_err(failed)?, activity]).map_err(failed)?;
    let of = |table: &str, n_rows| TableTruth {
        n_rows,
        ..TableTruth::new(BACHECA.name, table)
    };
    debug_assert_eq!(n_rows, u64::from(board.n_rows));
    Ok(vec![
        board.faults.truth,
        of("Attivita", wide(members.len())),
    ])
}

/// Saves the sheets with a fixed date of creation, so that the bytes do not change.
fn save(path: &Path, sheets: [Worksheet; 3]) -> Result<(), XlsxError> {
    let created = ExcelDateTime::from_ymd(2026, 10, 1)?;
    let mut workbook = Workbook::new();
    workbook.set_properties(&DocProperties::new().set_creation_datetime(&created));
    for sheet in sheets {
        workbook.push_worksheet(sheet);
    }
    workbook.save(path)?;
    Ok(())
}

impl Board<'_> {
    /// The title and the two rows of the header.
    fn head(&mut self) -> Result<(), XlsxError> {
        let bold = Format::new().set_bold();
        self.sheet.set_name("Annunci")?;
        let title = "Bacheca digitale – annunci della comunità";
        self.sheet.merge_range(0, 0, 0, 17, title, &bold)?;
        self.sheet.write_string(1, 0, "Annunci registrati:")?;
        for (name, first, last) in GROUPS {
            self.sheet.merge_range(3, first, 3, last, name, &bold)?;
        }
        for (column, name) in (0_u16..).zip(LEAVES) {
            self.sheet
                .write_string_with_format(4, column, name, &bold)?;
        }
        Ok(())
    }

    /// Writes a notice and what follows from its fault.
    fn notice(&mut self, mut request: Request, draw: &mut Draw) -> Result<(), XlsxError> {
        self.n_notices += 1;
        let fault = self.faults.next(draw);
        if let Fault::Identifier(rule) = fault {
            request.text = Some(sentence_with(rule, draw));
        }
        let mut cells = self.cells(&request, draw);
        if let Fault::Broken(reason) = fault {
            let (place, value) = match reason {
                "bad_date" => (1, Cell::Text("boh".to_owned())),
                "unknown_comune" => (4, Cell::Text("Borgo Immaginario".to_owned())),
                "unknown_code" => (2, Cell::Text("vendo".to_owned())),
                "bad_number" => (13, Cell::Text("un paio".to_owned())),
                _ => (5, Cell::Empty),
            };
            cells[place] = value;
        }
        self.row(&cells)?;
        self.faults.wrote(fault);
        if fault == Fault::Duplicate {
            self.row(&cells)?;
            self.faults.truth.n_rows += 1;
        }
        Ok(())
    }

    /// Writes a row.
    fn row(&mut self, cells: &[Cell]) -> Result<(), XlsxError> {
        let row = FIRST_ROW + self.n_rows;
        self.n_rows += 1;
        for (column, cell) in (0_u16..).zip(cells) {
            match cell {
                Cell::Empty => {}
                Cell::Text(text) => {
                    self.sheet.write_string(row, column, text)?;
                }
                Cell::Number(number) => {
                    self.sheet.write_number(row, column, *number)?;
                }
                Cell::Day(day) => {
                    let serial = DAY_ZERO_SERIAL + real(*day);
                    self.sheet
                        .write_number_with_format(row, column, serial, &self.date)?;
                }
            }
        }
        Ok(())
    }

    /// The cells of a notice, in the order of the columns.
    fn cells(&self, request: &Request, draw: &mut Draw) -> Vec<Cell> {
        let outcome = request.outcome;
        let traits = request.profile;
        let is_done = outcome.state == State::Completed;
        let household = if traits.household > 4 {
            "5+".to_owned()
        } else {
            traits.household.to_string()
        };
        let other = request
            .counterpart
            .map(|(other, _)| Cell::Text(format!("B{other:04}")));
        let hours = real(request.half_hours) / 2.0;
        let by = if request.is_assisted {
            "sportello"
        } else {
            ["online", "telefono"][request.person % 2]
        };
        let answered = outcome.matched.map(|day| self.day(day, draw));
        vec![
            number(real(self.n_notices), draw),
            self.day(request.requested.day, draw),
            text(if request.side == Side::Demand {
                "cerco"
            } else {
                "offro"
            }),
            text(label(request.word)),
            Cell::Text(as_written(&self.district.places[request.place].name, draw)),
            Cell::Text(format!("B{:04}", request.person)),
            text(traits.age),
            Cell::Text(household),
            request.text.clone().map_or(Cell::Empty, Cell::Text),
            request.tag.map_or(Cell::Empty, text),
            text(state(outcome.state)),
            answered.unwrap_or(Cell::Empty),
            other.unwrap_or(Cell::Empty),
            if is_done {
                number(hours, draw)
            } else {
                Cell::Empty
            },
            request
                .feedback
                .map_or(Cell::Empty, |points| number(real(points + 1), draw)),
            if draw.chance(0.7) {
                number(real(traits.referral), draw)
            } else {
                Cell::Empty
            },
            text(by),
            self.day(request.recorded.day, draw),
        ]
    }

    /// A day: mostly a date, now and then text or a bare number.
    fn day(&self, day: usize, draw: &mut Draw) -> Cell {
        match draw.below(20) {
            0 => Cell::Text(self.site.calendar.italian(day).to_owned()),
            1 => Cell::Number(DAY_ZERO_SERIAL + real(day)),
            _ => Cell::Day(day),
        }
    }
}

/// A text cell.
fn text(value: &str) -> Cell {
    Cell::Text(value.to_owned())
}

/// A number, now and then as text with a decimal comma.
fn number(value: f64, draw: &mut Draw) -> Cell {
    if draw.chance(0.04) {
        Cell::Text(value.to_string().replace('.', ","))
    } else {
        Cell::Number(value)
    }
}

/// A comune as somebody in a hurry writes it.
fn as_written(name: &str, draw: &mut Draw) -> String {
    match draw.below(20) {
        0 => name.to_uppercase(),
        1 => name.to_lowercase(),
        2 => format!("{name} (LO)"),
        3 => format!("{name} "),
        4 => name
            .replace("Borgo ", "B.go ")
            .replace("San ", "S. ")
            .replace("Sant'", "S. ")
            .replace(" al Lambro", " al L."),
        5 => name
            .replace("Lodigiano", "l.no")
            .replace(" al Lambro", " al L."),
        6 => name.replace(' ', "  "),
        _ => name.to_owned(),
    }
}

/// The category.
fn label(word: Word) -> &'static str {
    match word {
        Word::Known(need) => BACHECA.needs[need].label,
        Word::Other => "Altro",
        Word::New(label) => label,
    }
}

/// The state.
fn state(state: State) -> &'static str {
    match state {
        State::Requested => "in attesa",
        State::Matched | State::Active => "risposto",
        State::Completed => "concluso",
        State::Cancelled => "ritirato",
        State::Expired => "scaduto",
        State::Refused => "rifiutato",
        State::TooExpensive => "troppo caro",
    }
}

/// The legend of the workbook.
fn legend() -> Result<Worksheet, XlsxError> {
    const LINES: [[&str; 3]; 12] = [
        ["Campo", "Valore", "Significato"],
        ["Tipo", "cerco", "la persona chiede"],
        ["Tipo", "offro", "la persona offre"],
        ["Esito", "in attesa", "nessuna risposta ancora"],
        ["Esito", "risposto", "qualcuno ha risposto"],
        ["Esito", "concluso", "fatto"],
        ["Esito", "ritirato", "annuncio ritirato"],
        ["Esito", "scaduto", "nessuno ha risposto in tempo"],
        ["Esito", "rifiutato", "non accettato"],
        ["Esito", "troppo caro", "rinuncia per il costo"],
        [
            "Inserito da",
            "sportello",
            "scritto allo sportello per la persona",
        ],
        [
            "Segnalato da",
            "numero",
            "fonte della segnalazione secondo SIUSS",
        ],
    ];
    let mut sheet = Worksheet::new();
    sheet.set_name("Legenda")?;
    for (row, line) in (0_u32..).zip(LINES) {
        for (column, value) in (0_u16..).zip(line) {
            sheet.write_string(row, column, value)?;
        }
    }
    Ok(sheet)
}

/// The active members by month and comune.
fn members(site: &Site<'_>) -> Result<Vec<(String, String, f64)>, Error> {
    let district = site.geography.district(BACHECA.district(0))?;
    let mut rows = Vec::new();
    for month in 0..N_MONTHS {
        let members = site.members(&BACHECA, 0, month)?;
        for (place, n_members) in district.places.iter().zip(members) {
            rows.push((
                site.calendar.italian_month(month),
                place.name.clone(),
                real(n_members),
            ));
        }
    }
    Ok(rows)
}

/// Writes the sheet of active members.
fn write_members(
    sheet: &mut Worksheet,
    members: &[(String, String, f64)],
) -> Result<(), XlsxError> {
    sheet.set_name("Attivita")?;
    for (column, name) in (0_u16..).zip(["Mese", "Comune", "Persone attive"]) {
        sheet.write_string(0, column, name)?;
    }
    for (row, (month, comune, n_members)) in (1_u32..).zip(members) {
        sheet.write_string(row, 0, month)?;
        sheet.write_string(row, 1, comune)?;
        sheet.write_number(row, 2, *n_members)?;
    }
    Ok(())
}
