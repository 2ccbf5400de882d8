//! Texts of a release for people: how to read, how to cite, what changed; and its books.

use std::fmt::Write as _;

use super::Error;
use super::content::{Origin, ReleaseContent};

/// Name of the data set in Italian.
pub(crate) const TITLE_IT: &str = "Bisogni emergenti e carenze di servizio per ambito";
/// Name of the data set in English.
pub(crate) const TITLE_EN: &str = "Emerging needs and service gaps by district";

/// Where this release is found.
pub(crate) fn address(content: &ReleaseContent) -> String {
    format!(
        "{}/{}/",
        content.base_url.trim_end_matches('/'),
        content.version
    )
}

/// The year in the version, as in `v2026.1.0`.
fn year(content: &ReleaseContent) -> &str {
    content
        .version
        .trim_start_matches('v')
        .split('.')
        .next()
        .unwrap_or_default()
}

/// The citation with the given title.
fn citation(content: &ReleaseContent, title: &str, until: &str) -> String {
    format!(
        "{} ({}). {title}, {}, {until} {}. {}",
        content.publisher.name,
        year(content),
        content.version,
        content.data_until,
        address(content),
    )
}

/// The citation in Italian.
pub(crate) fn citation_it(content: &ReleaseContent) -> String {
    citation(content, TITLE_IT, "dati fino al")
}

/// The citation in English.
pub(crate) fn citation_en(content: &ReleaseContent) -> String {
    citation(content, TITLE_EN, "data until")
}

/// The licenses of the tables, each once, sorted.
pub(crate) fn licenses(content: &ReleaseContent) -> Vec<&str> {
    let mut names: Vec<&str> = content
        .tables
        .iter()
        .map(|table| table.license.as_str())
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// What the README says in Italian, after its title.
const READ_IT: &str = "
Aprire `site/it/index.html` per le pagine; i dati sono in `data/`, il significato delle colonne in `metadata/dictionary.md`.

## Come si leggono gli stati

Ogni riga ha uno stato, e solo `published` porta una cifra; lo zero è una cifra come le altre, salvo nella tabella delle richieste senza risposta, dove è taciuto come i conteggi piccoli.

- `published`: pubblicata.
- `suppressed`: riservata, perché dietro ci sono poche persone o perché permetterebbe di ricavarne un'altra riservata.
- `not_covered`: nessuna piattaforma copre l'ambito in quel periodo; non vuol dire che il bisogno non ci sia.
- `source_down`: la piattaforma copre l'ambito ma non ha risposto.

Un periodo è ripubblicato come fu pubblicato la prima volta: ciò che è arrivato o è stato corretto dopo non vi entra, e un ambito o un bisogno che allora non c'era vi è `not_covered`.
Le righe con `TOTAL` sono i totali. I tassi si calcolano solo su cifre pubblicate.
Per verificare i file: `sha256sum -c SHA256SUMS`.
";

/// What the README says in English, after its title.
const READ_EN: &str = "
Open `site/en/index.html` for the pages; data are in `data/`, the meaning of columns in `metadata/dictionary.md`.

## How to read the statuses

Each row has a status, and only `published` carries a figure; zero is a figure like any other, except in the table of unmet requests, where it is withheld like small counts.

- `published`: published.
- `suppressed`: withheld, because few persons stand behind it or because it would give away another withheld figure.
- `not_covered`: no platform covers the district in that period; it does not mean that there is no need.
- `source_down`: the platform covers the district but did not answer.

A period is published again as it was first published: what came in or was corrected later is not in it, and a district or need that was not there then is `not_covered` in it.
Rows with `TOTAL` are totals. Rates are computed from published figures only.
To verify the files: `sha256sum -c SHA256SUMS`.
";

/// The README of a release.
pub(crate) fn readme(content: &ReleaseContent) -> String {
    let mut text = format!("# {TITLE_IT}, {}\n", content.version);
    if content.origin == Origin::Invented {
        text.push_str(
            "\n> **Dati inventati**, a scopo dimostrativo: non descrivono alcun luogo reale.\n",
        );
        text.push_str("> **Invented data**, for demonstration: they describe no real place.\n");
    }
    text.push_str(READ_IT);
    let _ = write!(
        text,
        "\n## Citazione e licenza\n\n{}\n",
        citation_it(content)
    );
    license_lines(content, "Licenza", &mut text);
    let _ = write!(text, "\n# {TITLE_EN}, {}\n", content.version);
    text.push_str(READ_EN);
    let _ = write!(
        text,
        "\n## Citation and license\n\n{}\n",
        citation_en(content)
    );
    license_lines(content, "License", &mut text);
    text.push_str("\n## Fonti · Sources\n\n");
    for attribution in &content.attributions {
        let _ = writeln!(text, "- {attribution}");
    }
    let publisher = &content.publisher;
    let _ = write!(
        text,
        "\n## Contatti · Contact\n\n{}, {}, {}\n",
        publisher.name, publisher.contact, publisher.url
    );
    text
}

/// The lines that name the licenses.
fn license_lines(content: &ReleaseContent, word: &str, text: &mut String) {
    let _ = writeln!(text, "{word}: {}.", licenses(content).join(", "));
}

/// The changelog of a release.
pub(crate) fn changelog(content: &ReleaseContent) -> String {
    let mut text = format!("# {}\n\n", content.version);
    for change in &content.changes {
        let _ = writeln!(text, "- {}\n  {}", change.it, change.en);
    }
    text
}

/// Where the books lie.
const BOOKS: &str = "metadata/books.csv";

/// The books of the run behind the release, as CSV.
pub(crate) fn books(content: &ReleaseContent) -> Result<Vec<u8>, Error> {
    let header = [
        "source",
        "table",
        "source_count",
        "accepted",
        "rejected",
        "duplicate",
        "superseded",
        "erased",
        "closed",
    ];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for line in &content.books {
        let source_count = line
            .source_count
            .map(|count| count.to_string())
            .unwrap_or_default();
        let mut row = vec![line.source.clone(), line.table.clone(), source_count];
        let outcomes = [
            line.accepted,
            line.rejected,
            line.duplicate,
            line.superseded,
            line.erased,
        ];
        row.extend(outcomes.iter().map(ToString::to_string));
        row.push(line.closure.word().to_owned());
        rows.push(row);
    }
    rows_as_csv(BOOKS, &rows)
}

/// Where the terms of the platforms lie.
const SOURCES: &str = "metadata/sources.csv";

/// The platforms behind the release and their terms, as CSV.
pub(crate) fn sources(content: &ReleaseContent) -> Result<Vec<u8>, Error> {
    let header = [
        "source",
        "title_it",
        "title_en",
        "license",
        "legal_basis",
        "contact",
        "min_k",
        "retention_days",
        "signed_on",
        "expires_on",
        "waivers",
        "newest_month",
    ];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for terms in &content.sources {
        let terms = terms.clone();
        rows.push(vec![
            terms.platform,
            terms.title.it,
            terms.title.en,
            terms.license,
            terms.legal_basis,
            terms.contact,
            terms.min_k.map(|k| k.to_string()).unwrap_or_default(),
            terms
                .retention_days
                .map(|days| days.to_string())
                .unwrap_or_default(),
            terms.signed_on,
            terms.expires_on,
            terms.waivers.join("; "),
            terms.newest_month,
        ]);
    }
    rows_as_csv(SOURCES, &rows)
}

/// Rows of text as CSV.
pub(crate) fn rows_as_csv(path: &'static str, rows: &[Vec<String>]) -> Result<Vec<u8>, Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer
            .write_record(row)
            .map_err(|source| Error::EncodeList { path, source })?;
    }
    writer.into_inner().map_err(|cause| Error::EncodeList {
        path,
        source: cause.into_error().into(),
    })
}
