//! The data dictionary: what every column of every table means, in both languages.

use std::fmt::Write as _;

use super::Error;
use super::content::{ReleaseContent, ReleaseTable};
use super::texts::rows_as_csv;

/// Where the CSV dictionary lies.
const PATH: &str = "metadata/dictionary.csv";

/// The dictionary as CSV, one line for each column.
pub(crate) fn csv(content: &ReleaseContent) -> Result<Vec<u8>, Error> {
    let header = [
        "table",
        "column",
        "role",
        "unit",
        "is_in_grain",
        "meaning_it",
        "meaning_en",
    ];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for table in &content.tables {
        rows.extend(table.fields.iter().map(|field| {
            vec![
                table.name.clone(),
                field.name.clone(),
                field.role.clone(),
                field.unit.clone(),
                table.grain.contains(&field.name).to_string(),
                field.text.it.clone(),
                field.text.en.clone(),
            ]
        }));
    }
    rows_as_csv(PATH, &rows)
}

/// The dictionary as Markdown, for people.
pub(crate) fn markdown(content: &ReleaseContent) -> String {
    let mut text = format!(
        "# Dizionario dei dati · Data dictionary, {}\n",
        content.version
    );
    text.push_str(STATUSES);
    for table in &content.tables {
        table_markdown(table, &mut text);
    }
    text
}

/// The four statuses, which every table shares.
const STATUSES: &str = "
Nelle tabelle con la colonna `status` una cifra c'è solo dove lo stato è `published`; lo zero è una cifra pubblicata.
`suppressed`: riservata, per proteggere le persone.
`not_covered`: nessuna piattaforma copre quell'ambito in quel periodo, o l'ambito o il bisogno non era nella tabella quando il periodo fu pubblicato per la prima volta.
`source_down`: la fonte non ha risposto.
Un periodo è ripubblicato come fu pubblicato la prima volta: non tiene conto di ciò che è arrivato o è stato corretto dopo.

In tables with a column `status` a figure is there only where the status is `published`; zero is a published figure.
`suppressed`: withheld, to protect persons.
`not_covered`: no platform covers that district in that period, or the district or need was not in the table when the period was first published.
`source_down`: the source did not answer.
A period is published again as it was first published: what came in or was corrected later is not in it.
";

/// One table of the dictionary.
fn table_markdown(table: &ReleaseTable, text: &mut String) {
    let _ = writeln!(text, "\n## `{}`\n", table.name);
    let _ = writeln!(text, "**{}** · {}\n", table.title.it, table.title.en);
    let _ = writeln!(
        text,
        "{}\n\n{}\n",
        table.description.it, table.description.en
    );
    let _ = writeln!(text, "{}\n\n{}\n", table.protection.it, table.protection.en);
    let grain: Vec<String> = table
        .grain
        .iter()
        .map(|column| format!("`{column}`"))
        .collect();
    let _ = writeln!(
        text,
        "Una riga per · one row for each: {}.\n",
        grain.join(", ")
    );
    text.push_str("| colonna · column | ruolo · role | unità · unit | significato | meaning |\n");
    text.push_str("|---|---|---|---|---|\n");
    for field in &table.fields {
        let cells = [&field.role, &field.unit, &field.text.it, &field.text.en];
        let cells = cells.map(|cell| cell.replace('|', "\\|"));
        let _ = writeln!(text, "| `{}` | {} |", field.name, cells.join(" | "));
    }
}
