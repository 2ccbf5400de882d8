//! The front page: what is emerging now, the districts, how to read, coverage, books, downloads.

use maud::{Markup, html};

use super::cards::{cards, district_link, kind_badge, legend, platform_name};
use super::frame::{Sheet, framed};
use super::numbers::{day, decimal, quarter, whole, with_unit};
use super::sources::sources;
use super::view::{Family, Signal};
use super::{Page, Source};
use crate::stages::publish::content::{BookLine, Closure, District, TOTAL};
use crate::stages::publish::texts::{citation_en, citation_it};
use crate::stages::publish::{FileEntry, Resource};

/// Where the page lies in the folder of its language.
const PATH: &str = "index.html";

/// How many signals of each side, needs and gaps, the front page shows in full.
const MOST_CARDS: usize = 6;

/// The front page.
pub(super) fn page(source: Source<'_>) -> Page {
    let title = source.say("Che cosa sta emergendo", "What is emerging");
    let summary = source.say(
        "Bisogni in aumento, bisogni nuovi e carenze di servizio, ambito per ambito, con dati aperti e protetti.",
        "Rising needs, new needs and service gaps, district by district, from protected open data.",
    );
    let body = html! {
        h1 { (title) }
        p class="lead" { (summary) }
        p { (source.say("Dati fino al", "Data until")) " " (day(source.language, source.content.data_until)) ". "
            (source.say("Versione", "Version")) " " (source.content.version) "." }
        (emerging(source))
        (districts(source))
        (reading(source))
        (coverage(source))
        (sources(source))
        (books(source))
        (downloads(source))
        (citation(source))
    };
    framed(
        source,
        &Sheet {
            path: PATH,
            title,
            summary,
            body,
        },
    )
}

/// The signals of the latest quarter.
fn emerging(source: Source<'_>) -> Markup {
    let latest = source.view.latest();
    let is_latest = |signal: &&Signal| signal.quarter == latest;
    let signals: Vec<&Signal> = source.view.signals.iter().filter(is_latest).collect();
    let shown = chosen(source, &signals);
    html! {
        section aria-labelledby="now" {
            h2 id="now" { (source.say("Segnali del", "Signals of")) " " (quarter(source.language, latest)) }
            @if signals.is_empty() {
                p { (source.say(
                    "In questo trimestre nessun segnale supera le soglie. Non vuol dire che non ci siano bisogni.",
                    "No signal passes the thresholds in this quarter. It does not mean that there are no needs.",
                )) }
            } @else {
                (counts(source, &signals))
                (cards(source, &shown, ""))
                p { a class="button" href="signals/index.html" { (source.say("Tutti i segnali", "All signals")) } }
            }
        }
    }
}

/// The signals shown in full: of needs and of gaps alike, guaranteed levels first, then the surest,
/// so that many sure rises never push a gap on a guaranteed level off the page.
fn chosen<'a>(source: Source<'_>, signals: &[&'a Signal]) -> Vec<&'a Signal> {
    let mut ordered = signals.to_vec();
    ordered.sort_by_key(|signal| !source.is_guaranteed(&signal.need));
    let (gaps, needs): (Vec<&Signal>, Vec<&Signal>) = ordered
        .into_iter()
        .partition(|signal| signal.family == Family::Gap);
    let both = needs.into_iter().take(MOST_CARDS);
    both.chain(gaps.into_iter().take(MOST_CARDS)).collect()
}

/// How many signals there are of each family.
fn counts(source: Source<'_>, signals: &[&Signal]) -> Markup {
    let of = |family| {
        signals
            .iter()
            .filter(|signal| signal.family == family)
            .count()
    };
    let entries = [
        (
            of(Family::Emerging),
            ["bisogno in aumento", "bisogni in aumento"],
            ["rising need", "rising needs"],
        ),
        (
            of(Family::New),
            ["bisogno nuovo", "bisogni nuovi"],
            ["new need", "new needs"],
        ),
        (
            of(Family::Gap),
            ["carenza di servizio", "carenze di servizio"],
            ["service gap", "service gaps"],
        ),
    ];
    html! {
        ul class="counts" {
            @for (n, it, en) in entries {
                @let number = usize::from(n != 1);
                li { strong { (n) } " " (source.say(it[number], en[number])) }
            }
        }
    }
}

/// The list of districts.
fn districts(source: Source<'_>) -> Markup {
    html! {
        section aria-labelledby="districts" {
            h2 id="districts" { (source.say("Gli ambiti", "The districts")) }
            div class="scroll" tabindex="0" role="region" aria-labelledby="districts-caption" {
                table {
                    caption id="districts-caption" { (source.say(
                        "Ambiti, residenti, richieste e segnali dell’ultimo trimestre",
                        "Districts, residents, requests and signals of the latest quarter",
                    )) }
                    thead { tr {
                        th scope="col" { (source.say("Ambito", "District")) }
                        th scope="col" class="n" { (source.say("Residenti", "Residents")) }
                        th scope="col" class="n" { (source.say("Richieste", "Requests")) }
                        th scope="col" class="n" { (source.say("Segnali", "Signals")) }
                    } }
                    tbody { @for one in &source.content.districts { (district_row(source, one)) } }
                }
            }
            p class="small" { (kind_badge(source, crate::stages::publish::content::DistrictKind::Demonstration)) " "
                (source.say(
                    "indica comuni vicini messi insieme a scopo dimostrativo: non è un ambito reale. ",
                    "marks neighboring comuni put together for demonstration: it is no real district. ",
                ))
                (kind_badge(source, crate::stages::publish::content::DistrictKind::Partial)) " "
                (source.say(
                    "indica un ambito reale di cui si conoscono solo alcuni comuni.",
                    "marks a real district of which only some comuni are known here.",
                )) }
        }
    }
}

/// One district of the list.
fn district_row(source: Source<'_>, one: &District) -> Markup {
    let view = source.view;
    let latest = view.latest();
    let residents = view
        .profiles
        .get(&one.code)
        .and_then(|profile| profile.residents);
    let requests = view.requests.cell(&one.code, TOTAL, latest);
    let (class, requests) = super::cards::status_text(source, requests);
    let is_here = |signal: &&Signal| signal.quarter == latest && signal.district == one.code;
    let n_signals = view.signals.iter().filter(is_here).count();
    html! {
        tr {
            th scope="row" { (district_link(source, &one.code, "")) }
            td class="n" { @match residents {
                Some(residents) => (decimal(source.language, residents, 0)),
                None => "—",
            } }
            td class=(class) { (requests) }
            td class="n" { (n_signals) }
        }
    }
}

/// How to read a signal and a cell.
fn reading(source: Source<'_>) -> Markup {
    html! {
        section aria-labelledby="reading" {
            h2 id="reading" { (source.say("Come si legge", "How to read")) }
            h3 { (source.say("Un segnale", "A signal")) }
            p { (source.say(
                "Un segnale confronta quanto si è visto con un intervallo atteso, calcolato dal passato dell’ambito e dagli altri ambiti, tenendo conto di quante persone usano le piattaforme. Dice anche quanto sarebbe raro se nulla fosse cambiato, e quanti avvisi come quello sono falsi. È un invito a guardare, non una prova.",
                "A signal compares what was seen with an expected range, computed from the past of the district and from the other districts, taking into account how many people use the platforms. It also says how rare it would be if nothing had changed, and how many alerts like it are false. It is an invitation to look, not a proof.",
            )) }
            h3 { (source.say("Una casella", "A cell")) }
            (legend(source))
            @for table in source.content.tables.iter().take(1) {
                p { (source.language.pick(&table.protection)) }
            }
        }
    }
}

/// Which platform reports from which district.
fn coverage(source: Source<'_>) -> Markup {
    let view = source.view;
    if view.platforms.is_empty() {
        return html! {};
    }
    html! {
        section aria-labelledby="coverage" {
            h2 id="coverage" { (source.say("Copertura", "Coverage")) }
            div class="scroll" tabindex="0" role="region" aria-labelledby="coverage-caption" {
                table class="words" {
                    caption id="coverage-caption" { (source.say(
                        "Da quali ambiti arriva ciascuna piattaforma nel",
                        "From which districts each platform reports in",
                    )) " " (quarter(source.language, view.latest())) }
                    thead { tr {
                        th scope="col" { (source.say("Ambito", "District")) }
                        @for platform in &view.platforms { th scope="col" { (platform_name(platform)) } }
                    } }
                    tbody {
                        @for one in &source.content.districts {
                            tr {
                                th scope="row" { (one.name) " " (kind_badge(source, one.kind)) }
                                @for platform in &view.platforms { (coverage_cell(source, platform, &one.code)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// One cell of the coverage.
fn coverage_cell(source: Source<'_>, platform: &str, district: &str) -> Markup {
    let key = (platform.to_owned(), district.to_owned());
    let status = source.view.coverage.get(&key).map_or("", String::as_str);
    let (class, text) = match status {
        "covered" => ("ok", source.say("coperto", "covered")),
        "partly" => ("part", source.say("in parte", "partly")),
        "source_down" => ("d", source.say("fonte ferma", "source down")),
        "suppressed" => ("s", source.say("riservato", "withheld")),
        _ => ("c", source.say("non coperto", "not covered")),
    };
    html! { td class=(class) { (text) } }
}

/// The books of the run.
fn books(source: Source<'_>) -> Markup {
    let lines = &source.content.books;
    if lines.is_empty() {
        return html! {};
    }
    let heads = [
        source.say("Alla fonte", "At the source"),
        source.say("Accolte", "Accepted"),
        source.say("Respinte", "Rejected"),
        source.say("Doppie", "Duplicate"),
        source.say("Superate", "Superseded"),
        source.say("Cancellate", "Erased"),
    ];
    html! {
        section aria-labelledby="books" {
            h2 id="books" { (source.say("I libri", "The books")) }
            p { (source.say(
                "Per ogni tabella di ogni fonte, le righe che la fonte dichiara devono essere uguali alla somma di quelle accolte, respinte con un motivo, doppie, superate e cancellate su richiesta.",
                "For each table of each source, the records that the source declares must equal the sum of those accepted, rejected with a reason, duplicate, superseded and erased on request.",
            )) }
            div class="scroll" tabindex="0" role="region" aria-labelledby="books-caption" {
                table {
                    caption id="books-caption" { (source.say("I libri delle fonti", "The books of the sources")) }
                    thead { tr {
                        th scope="col" { (source.say("Fonte e tabella", "Source and table")) }
                        @for head in heads { th scope="col" class="n" { (head) } }
                        th scope="col" { (source.say("Libri", "Books")) }
                    } }
                    tbody { @for line in lines { (book_row(source, line)) } }
                }
            }
        }
    }
}

/// One line of the books.
fn book_row(source: Source<'_>, line: &BookLine) -> Markup {
    let outcomes = [
        line.accepted,
        line.rejected,
        line.duplicate,
        line.superseded,
        line.erased,
    ];
    let number = |count: u64| whole(source.language, i64::try_from(count).unwrap_or(i64::MAX));
    let (class, text) = match line.closure {
        Closure::Closed => ("ok", source.say("chiusi", "closed")),
        Closure::Open => ("d", source.say("aperti", "open")),
        Closure::Unverified => ("c", source.say("non verificati", "unverified")),
    };
    html! {
        tr {
            th scope="row" { (platform_name(&line.source)) " · " (line.table) }
            td class="n" { @match line.source_count {
                Some(count) => (number(count)),
                None => (source.say("non nota", "unknown")),
            } }
            @for outcome in outcomes { td class="n" { (number(outcome)) } }
            td class=(class) { (text) }
        }
    }
}

/// The files of the data.
fn downloads(source: Source<'_>) -> Markup {
    let tables = source.content.tables.iter().zip(source.resources);
    html! {
        section aria-labelledby="downloads" {
            h2 id="downloads" { (source.say("I dati", "The data")) }
            ul class="files" {
                @for (table, resource) in tables {
                    li {
                        strong { (source.language.pick(&table.title)) } ": "
                        (source.language.pick(&table.description)) " "
                        (links(source, resource))
                    }
                }
            }
            p {
                (source.say("Che cosa significa ogni colonna: ", "What each column means: "))
                a href="../../metadata/dictionary.csv" { (source.say("dizionario (CSV)", "dictionary (CSV)")) } ", "
                a href="../../metadata/dictionary.md" { (source.say("dizionario (testo)", "dictionary (text)")) } ". "
                (source.say("Descrizione per i programmi: ", "Description for programs: "))
                a href="../../metadata/datapackage.json" { "datapackage.json" } ". "
                (source.say("Somme di controllo: ", "Checksums: "))
                a href="../../SHA256SUMS" { "SHA256SUMS" } "."
            }
        }
    }
}

/// The links to the two files of a table.
fn links(source: Source<'_>, resource: &Resource) -> Markup {
    let link = |file: &FileEntry, format: &str| {
        let kilobytes = file.n_bytes.div_ceil(1000);
        let size = whole(
            source.language,
            i64::try_from(kilobytes).unwrap_or(i64::MAX),
        );
        html! { a href={ "../../" (file.path) } { (format) ", " (with_unit(&size, "kB")) } }
    };
    html! { (link(&resource.csv, "CSV")) " · " (link(&resource.parquet, "Parquet")) }
}

/// How to cite, and what changed.
fn citation(source: Source<'_>) -> Markup {
    let content = source.content;
    let (it, en) = (citation_it(content), citation_en(content));
    html! {
        section aria-labelledby="citation" {
            h2 id="citation" { (source.say("Citazione e novità", "Citation and changes")) }
            p { (source.say("Una versione pubblicata non cambia più. Si cita così:", "A published version never changes. Cite it as:")) }
            blockquote { p { (source.language.say(&it, &en)) } }
            @if !content.changes.is_empty() {
                h3 { (source.say("Novità della versione", "What changed in this version")) }
                ul { @for change in &content.changes { li { (source.language.pick(change)) } } }
            }
        }
    }
}
