//! WELCO monitoring: almost seventy projects in six areas, one sheet per project and half-year,
//! as an OpenDocument workbook. Its size does not depend on the number of exchanges.

use super::calendar::EXTRACT;
use super::draw::Draw;
use super::faults::{Fault, Faults, Rates};
use super::numbers::wide;
use super::ods::{self, Cell, Sheet};
use super::scenario::{BACHECA, FAMILY_LIKE, LA_CURA, MI_FIDO, Platform, WEMI};
use super::texts::{phrase, sentence_with};
use super::truth::TableTruth;
use super::{Error, Site};

/// The name of the source.
const NAME: &str = "welco";

/// The number of its stream of chance.
const STREAM: u64 = 6;

/// How many projects there are.
const N_PROJECTS: usize = 68;

/// Days in half a year, near enough.
const HALF_YEAR: usize = 182;

/// The half-years with a report: name and last day.
const HALF_YEARS: [(&str, usize); 7] = [
    ("2023-1", 272),
    ("2023-2", 456),
    ("2024-1", 638),
    ("2024-2", 822),
    ("2025-1", 1003),
    ("2025-2", 1187),
    ("2026-1", 1368),
];

/// The six areas.
const AREAS: [&str; 6] = [
    "mutuo aiuto familiare",
    "hub territoriale",
    "coabitazione",
    "caregiver condiviso",
    "piattaforma digitale",
    "mobilità",
];

/// Faults of the half-year sheets.
const RATES: Rates = Rates {
    reasons: &["bad_number", "unknown_code"],
    broken: 0.015,
    identifiers: 0.02,
    duplicates: 0.0,
    corrections: 0.05,
    deletions: 0.0,
};

/// A project, as far as its sheets depend on it.
#[derive(Debug)]
struct Project {
    /// Its code.
    code: String,
    /// Its first day.
    begin: usize,
    /// Its last day.
    end: usize,
    /// How many people it reaches in half a year.
    reach: usize,
}

/// Writes the workbook.
pub(crate) fn write(site: &Site<'_>) -> Result<Vec<TableTruth>, Error> {
    let path = site.folder(NAME)?.join("monitoraggio.ods");
    let mut draw = Draw::new(site.seed, STREAM);
    let mut faults = Faults::new(NAME, "Schede", RATES);
    let (projects, project_rows) = projects(site, &mut draw)?;
    let report_rows = reports(site, &projects, &mut faults, &mut draw);
    let training_rows = trainings(site, &projects, &mut draw);
    let n_reports = report_rows.len() - 1;
    let of = |table: &str, rows: &[Vec<Cell>]| TableTruth {
        n_rows: wide(rows.len() - 1),
        ..TableTruth::new(NAME, table)
    };
    let truth = vec![
        of("Progetti", &project_rows),
        faults.truth,
        of("Formazione", &training_rows),
    ];
    let index = vec![
        header(&["Foglio", "Righe"]),
        vec![text("Progetti"), Cell::Number(project_rows.len() - 1)],
        vec![text("Schede"), Cell::Number(n_reports)],
        vec![text("Formazione"), Cell::Number(training_rows.len() - 1)],
    ];
    let sheets = [
        Sheet {
            name: "Indice",
            rows: index,
        },
        Sheet {
            name: "Progetti",
            rows: project_rows,
        },
        Sheet {
            name: "Schede",
            rows: report_rows,
        },
        Sheet {
            name: "Formazione",
            rows: training_rows,
        },
    ];
    ods::write(&path, &sheets)?;
    site.progress.wrote(n_reports);
    Ok(truth)
}

/// A row of column names.
fn header(names: &[&str]) -> Vec<Cell> {
    names.iter().map(|name| text(name)).collect()
}

/// A text cell.
fn text(value: &str) -> Cell {
    Cell::Text(value.to_owned())
}

/// The projects and their sheet.
fn projects(site: &Site<'_>, draw: &mut Draw) -> Result<(Vec<Project>, Vec<Vec<Cell>>), Error> {
    const PLATFORMS: [&Platform; 5] = [&WEMI, &LA_CURA, &MI_FIDO, &FAMILY_LIKE, &BACHECA];
    let mut projects = Vec::new();
    let mut rows = vec![header(&[
        "Codice",
        "Titolo",
        "Area",
        "Ente capofila",
        "Finanziatore",
        "Programma",
        "Avvio",
        "Fine",
        "Contributo",
        "Cofinanziamento",
        "Piattaforme",
        "Codici comune",
    ])];
    for number in 1..=N_PROJECTS {
        let begin = draw.below(800);
        let project = Project {
            code: format!("W-{number:03}"),
            begin,
            end: begin + HALF_YEAR * draw.between(3, 8),
            reach: draw.between(20, 400),
        };
        let platform = PLATFORMS[number % PLATFORMS.len()];
        let comuni = comuni(site, platform, draw)?;
        rows.push(project_row(
            site,
            (&project, number),
            (platform, comuni),
            draw,
        ));
        projects.push(project);
    }
    Ok((projects, rows))
}

/// One to four comuni of a platform.
fn comuni(site: &Site<'_>, platform: &Platform, draw: &mut Draw) -> Result<String, Error> {
    if platform.name == WEMI.name {
        return Ok("015146".to_owned());
    }
    let (code, _) = *draw.pick(platform.districts);
    let district = site.geography.district(code)?;
    let mut codes: Vec<&str> = (0..draw.between(1, 4))
        .map(|_| {
            district.places[draw.weighted(&district.running)]
                .code
                .as_str()
        })
        .collect();
    codes.sort_unstable();
    codes.dedup();
    Ok(codes.join(","))
}

/// The row of one project.
fn project_row(
    site: &Site<'_>,
    (project, number): (&Project, usize),
    (platform, comuni): (&Platform, String),
    draw: &mut Draw,
) -> Vec<Cell> {
    const WORDS: [&str; 6] = [
        "Vicini",
        "Insieme",
        "Radici",
        "Ponti",
        "Cortili",
        "Tempo comune",
    ];
    const LEADERS: [&str; 4] = [
        "Cooperativa Il Ponte",
        "Consorzio La Bussola",
        "Ufficio di piano",
        "Associazione Primavera",
    ];
    let grant = draw.between(20, 300) * 1000;
    let is_over = project.end < EXTRACT;
    let end = is_over.then(|| Cell::Day(site.calendar.iso(project.end).to_owned()));
    vec![
        text(&project.code),
        text(&format!("{} {number}", WORDS[number % WORDS.len()])),
        text(AREAS[number % AREAS.len()]),
        text(LEADERS[number % LEADERS.len()]),
        text(["Fondazione di comunità", "Regione", "Comune"][number % 3]),
        text(["Welfare in azione", "Piani di zona", "Bando locale"][number % 3]),
        Cell::Day(site.calendar.iso(project.begin).to_owned()),
        end.unwrap_or(Cell::Empty),
        Cell::Number(grant),
        Cell::Number(grant * draw.between(10, 60) / 100),
        text(platform.name),
        Cell::Text(comuni),
    ]
}

/// The sheet of half-year reports.
fn reports(
    site: &Site<'_>,
    projects: &[Project],
    faults: &mut Faults,
    draw: &mut Draw,
) -> Vec<Vec<Cell>> {
    let mut rows = vec![header(&[
        "Codice",
        "Semestre",
        "Versione",
        "Compilata il",
        "Persone raggiunte",
        "Persone attivate",
        "Volontari",
        "Ore volontari",
        "Nuovi servizi",
        "Nuovi ruoli",
        "Entrate proprie",
        "Citato nel Piano di zona",
        "Continuità",
        "Note",
    ])];
    for (half_year, last) in HALF_YEARS {
        let running = |project: &&Project| project.begin < last && project.end > last - HALF_YEAR;
        for project in projects.iter().filter(running) {
            let fault = faults.next(draw);
            let row = report_row(site, project, ((half_year, last), fault), draw);
            faults.wrote(fault);
            rows.push(row.clone());
            if fault == Fault::Correction {
                rows.push(corrected(site, row, last));
                faults.truth.n_rows += 1;
            }
        }
    }
    rows
}

/// The newer version of a report, with other counts.
fn corrected(site: &Site<'_>, mut row: Vec<Cell>, last: usize) -> Vec<Cell> {
    row[2] = Cell::Number(2);
    row[3] = Cell::Day(site.calendar.iso(last + 75).to_owned());
    if let Cell::Number(reached) = row[4] {
        row[4] = Cell::Number(reached + 5);
    }
    row
}

/// The row of one report.
fn report_row(
    site: &Site<'_>,
    project: &Project,
    ((half_year, last), fault): ((&str, usize), Fault),
    draw: &mut Draw,
) -> Vec<Cell> {
    let reached = project.reach * draw.between(70, 130) / 100;
    let active = reached * draw.between(10, 40) / 100;
    let volunteers = active * draw.between(20, 80) / 100;
    let note = match fault {
        Fault::Identifier(rule) => Cell::Text(sentence_with(rule, draw)),
        _ if draw.chance(0.3) => text(phrase(draw)),
        _ => Cell::Empty,
    };
    let reached = match fault {
        Fault::Broken("bad_number") => text("circa 40"),
        _ => Cell::Number(reached),
    };
    let cited = match fault {
        Fault::Broken("unknown_code") => "forse",
        _ if draw.chance(0.35) => "sì",
        _ => "no",
    };
    vec![
        text(&project.code),
        text(half_year),
        Cell::Number(1),
        Cell::Day(site.calendar.iso(last + draw.between(5, 60)).to_owned()),
        reached,
        Cell::Number(active),
        Cell::Number(volunteers),
        Cell::Number(volunteers * draw.between(5, 40)),
        Cell::Number(draw.below(4)),
        Cell::Number(draw.below(3)),
        Cell::Number(draw.below(20) * 500),
        text(cited),
        text(draw.pick::<&str>(&["sì", "parziale", "no"])),
        note,
    ]
}

/// The sheet of trainings.
fn trainings(site: &Site<'_>, projects: &[Project], draw: &mut Draw) -> Vec<Vec<Cell>> {
    let names = ["Id", "Codice", "Data", "Ore", "Destinatari", "Partecipanti"];
    let mut rows = vec![header(&names)];
    for project in projects {
        for _ in 0..draw.between(0, 5) {
            let last = project.end.min(EXTRACT - 1);
            rows.push(vec![
                text(&format!("F-{:04}", rows.len())),
                text(&project.code),
                Cell::Day(
                    site.calendar
                        .iso(draw.between(project.begin, last))
                        .to_owned(),
                ),
                Cell::Number(draw.between(2, 24)),
                text(draw.pick::<&str>(&["volontari", "operatori", "famiglie", "misto"])),
                Cell::Number(draw.between(5, 40)),
            ]);
        }
    }
    rows
}
