//! The data dictionary as a page for a browser, in Italian and English, without scripts.

use std::fmt::Write;

use super::table::{Entry, entries};
use crate::run::lineage::Lineage;
use crate::spec::commons::Commons;

/// Opening of the page.
const OPENING: &str = "<!doctype html>
<html lang=\"it\">
<head>
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<title>Dizionario dei dati · Data dictionary</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 75rem; padding: 1rem; color: #1a1a1a; background: #fff; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.15rem; margin-top: 2.5rem; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem; border-bottom: 1px solid #ccc; }
td:last-child { font-size: .8rem; overflow-wrap: anywhere; min-width: 12rem; }
code { background: #f2f2f2; padding: 0 .2rem; } a { color: #0b5394; } ul { columns: 27rem; padding-left: 1.2rem; } li { break-inside: avoid; overflow-wrap: anywhere; }
</style>
</head>
<body>
<main>
<h1>Dizionario dei dati · <span lang=\"en\">Data dictionary</span></h1>
<p>Le tabelle <code>conformed</code> sono quelle comuni a tutte le piattaforme, le <code>derived</code> quelle calcolate,
le <code>reference</code> quelle di riferimento; <code>f(…)</code> vuol dire calcolato da.</p>
<p lang=\"en\">The <code>conformed</code> tables are shared by all platforms, the <code>derived</code> ones are computed,
the <code>reference</code> ones are looked up; <code>f(…)</code> means computed from.</p>
";

/// The page.
pub(super) fn page(commons: &Commons, lineage: &Lineage) -> String {
    let entries = entries(commons, lineage);
    let mut page = OPENING.to_owned();
    page.push_str("<nav aria-label=\"Tabelle · Tables\">\n<ul>\n");
    for table in entries.iter().filter(|entry| entry.column.is_empty()) {
        let name = escaped(&table.table);
        let _infallible = writeln!(page, "<li><a href=\"#{name}\">{name}</a></li>");
    }
    page.push_str("</ul>\n</nav>\n");
    let mut rest = &*entries;
    while let Some((table, after)) = rest.split_first() {
        let n_columns = after
            .iter()
            .take_while(|entry| !entry.column.is_empty())
            .count();
        let (columns, next) = after.split_at(n_columns);
        section(&mut page, table, columns);
        rest = next;
    }
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

/// One table with its columns.
fn section(page: &mut String, table: &Entry, columns: &[Entry]) {
    let name = escaped(&table.table);
    let _infallible = write!(
        page,
        "<section>\n<h2 id=\"{name}\">{name}</h2>\n<p>{}</p>\n<p lang=\"en\">{}</p>\n",
        escaped(&table.it),
        escaped(&table.en)
    );
    if !table.unit.is_empty() {
        let _infallible = writeln!(
            page,
            "<p>Una riga per · one row for each: <code>{}</code></p>",
            escaped(&table.unit)
        );
    }
    if columns.is_empty() {
        let _infallible = writeln!(page, "<p>{}</p>\n</section>", escaped(&table.from));
        return;
    }
    page.push_str("<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-labelledby=\"");
    page.push_str(&name);
    page.push_str("\">\n<table>\n<thead><tr><th>colonna · column</th><th>ruolo · role</th><th>unità · unit</th><th>significato</th><th lang=\"en\">meaning</th><th>da · from</th></tr></thead>\n<tbody>\n");
    for column in columns {
        let _infallible = writeln!(
            page,
            "<tr><th scope=\"row\"><code>{}</code></th><td>{}</td><td>{}</td><td>{}</td><td lang=\"en\">{}</td><td>{}</td></tr>",
            escaped(&column.column),
            escaped(&column.role),
            escaped(&column.unit),
            escaped(&column.it),
            escaped(&column.en),
            escaped(&column.from)
        );
    }
    page.push_str("</tbody>\n</table>\n</div>\n</section>\n");
}

/// Text that may stand in a page.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_the_page_are_escaped_in_texts() {
        assert_eq!(escaped("a < \"b\" & c"), "a &lt; &quot;b&quot; &amp; c");
    }
}
