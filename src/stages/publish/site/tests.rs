//! What must hold on every page: no number that is not in the data, one frame, nothing from elsewhere.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use regex::Regex;

use super::numbers::{change, decimal, one_in, percent, whole};
use super::{Language, Page, View, pages};
use crate::stages::publish::content::{ReleaseContent, ReleaseTable};
use crate::stages::publish::{FileEntry, Resource, example, tables};

/// Pages of a release, with files of a known size.
fn drawn(content: &ReleaseContent) -> Vec<Page> {
    let plain = tables::check(content).unwrap();
    let file = |path: String| FileEntry {
        path,
        n_bytes: 8_765_432,
        sha256: String::new(),
    };
    let resources: Vec<Resource> = content
        .tables
        .iter()
        .map(|table| Resource {
            csv: file(format!("data/{}.csv", table.name)),
            parquet: file(format!("data/{}.parquet", table.name)),
        })
        .collect();
    let mut pages = pages(content, &plain, &resources).unwrap();
    pages.retain(|page| page.text.starts_with("<!DOCTYPE html>"));
    pages
}

/// What a reader reads: the text between the tags, and the titles of drawings.
fn visible(html: &str) -> String {
    let main = html
        .split_once("<main")
        .unwrap()
        .1
        .split_once("<footer")
        .unwrap()
        .0;
    let text = Regex::new("<[^>]*>").unwrap().replace_all(main, " ");
    text.replace("SHA256SUMS", "")
}

/// A number with its thousands and decimals.
static NUMBER: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\d+(?:[.,]\d+)*").unwrap());

/// All numbers of a text, as printed.
fn numbers(text: &str) -> Vec<String> {
    NUMBER
        .find_iter(text)
        .map(|found| found.as_str().to_owned())
        .collect()
}

/// The forms in which a number of the data may be printed.
fn forms(language: Language, value: f64, into: &mut BTreeSet<String>) {
    let value = value.abs();
    for places in 0..3 {
        into.insert(decimal(language, value, places));
    }
}

/// The forms of every number of a table.
fn table_forms(language: Language, table: &ReleaseTable, into: &mut BTreeSet<String>) {
    for (field, column) in table.fields.iter().zip(table.batch.columns()) {
        match column.data_type() {
            DataType::Int64 => {
                for value in column.as_primitive::<Int64Type>().iter().flatten() {
                    into.insert(whole(language, value));
                }
            }
            DataType::Float64 => {
                for value in column.as_primitive::<Float64Type>().iter().flatten() {
                    forms(language, value, into);
                    let is_chance = field.name.ends_with("_value");
                    let n = is_chance.then(|| one_in(language, value.max(1e-6)));
                    into.extend(
                        n.into_iter()
                            .chain(is_chance.then(|| one_in(language, value.max(1e-3)))),
                    );
                }
            }
            _ => {
                for text in column.as_string::<i32>().iter().flatten() {
                    into.extend(numbers(text));
                    let plain = numbers(text)
                        .into_iter()
                        .filter_map(|number| number.parse().ok());
                    plain.for_each(|value| forms(language, value, into));
                    into.extend(numbers(&text.replace('-', " ").replace(" 0", " ")));
                }
            }
        }
    }
}

/// Every number that a page may print: the data, the rates of two published counts, the books, the
/// sizes of files, and the few numbers of the fixed text.
fn allowed(language: Language, content: &ReleaseContent) -> BTreeSet<String> {
    let mut allowed = BTreeSet::new();
    content
        .tables
        .iter()
        .for_each(|table| table_forms(language, table, &mut allowed));
    for line in &content.books {
        let counts = [
            line.accepted,
            line.rejected,
            line.duplicate,
            line.superseded,
            line.erased,
        ];
        for count in counts.into_iter().chain(line.source_count) {
            allowed.insert(whole(language, i64::try_from(count).unwrap()));
        }
    }
    for terms in &content.sources {
        let texts = [&terms.license, &terms.legal_basis, &terms.newest_month];
        allowed.extend(texts.into_iter().flat_map(|text| numbers(text)));
        allowed.extend(terms.min_k.map(|k| k.to_string()));
    }
    allowed.insert(whole(language, 8_766));
    let plain = tables::check(content).unwrap();
    let view = View::read(&plain).unwrap();
    rates(language, content, &view, &mut allowed);
    let texts = content
        .needs
        .iter()
        .map(|need| language.pick(&need.name))
        .chain(
            content
                .tables
                .iter()
                .map(|table| language.pick(&table.protection)),
        );
    texts.for_each(|text| allowed.extend(numbers(text)));
    allowed.extend(numbers(&format!(
        "{} {}",
        content.version, content.data_until
    )));
    // Ages in the fixed text, and how many signals or quarters there are: single digits.
    allowed.extend(["0", "14", "15", "64", "65", "100"].map(str::to_owned));
    allowed.extend((0..10).map(|n| n.to_string()));
    allowed
}

/// The unmet rates of two published counts.
fn rates(language: Language, content: &ReleaseContent, view: &View, into: &mut BTreeSet<String>) {
    for district in content
        .districts
        .iter()
        .map(|district| district.code.as_str())
    {
        for need in view.requests.needs(district) {
            let series = view.requests.series(district, need).unwrap();
            let rates = series.iter().filter_map(|(quarter, cell)| {
                let requests = cell.value().filter(|requests| *requests > 0)?;
                let unmet = view.unmet.cell(district, need, quarter)?.value()?;
                let (requests, unmet) = (i32::try_from(requests), i32::try_from(unmet));
                Some(100.0 * f64::from(unmet.unwrap()) / f64::from(requests.unwrap()))
            });
            into.extend(rates.flat_map(|rate| numbers(&percent(language, rate, 0))));
        }
    }
}

/// The language of a page, by its path.
fn language_of(page: &Page) -> Language {
    if page.path.starts_with("site/it/") {
        Language::Italian
    } else {
        Language::English
    }
}

/// Numbers of a page that are not among those allowed.
fn strangers(page: &Page, allowed: &BTreeSet<String>) -> Vec<String> {
    let printed = numbers(&visible(&page.text)).into_iter();
    printed.filter(|number| !allowed.contains(number)).collect()
}

#[test]
fn every_number_on_a_page_is_in_the_data_of_the_release() {
    let content = example::content();
    let pages = drawn(&content);
    for language in [Language::Italian, Language::English] {
        let allowed = allowed(language, &content);
        for page in pages.iter().filter(|page| language_of(page) == language) {
            assert_eq!(
                strangers(page, &allowed),
                Vec::<String>::new(),
                "on {}",
                page.path
            );
        }
    }
}

#[test]
fn a_number_that_is_not_in_the_data_is_noticed() {
    let content = example::content();
    let mut page = drawn(&content).remove(0);
    page.text = page.text.replace("229.413", "229.414");
    assert_eq!(
        strangers(&page, &allowed(Language::Italian, &content)),
        ["229.414"]
    );
}

#[test]
fn the_figures_of_the_data_do_reach_the_pages() {
    let content = example::content();
    let pages = drawn(&content);
    let text = |path: &str| visible(&pages.iter().find(|page| page.path == path).unwrap().text);
    let district = text("site/it/districts/AMB-LODI/index.html");
    for expected in [
        "229.413",
        "176,8",
        "1.419",
        "604–811",
        "707",
        "91.357",
        "riservato",
        "17\u{a0}%",
    ] {
        assert!(district.contains(expected), "{expected}");
    }
    assert!(text("site/en/districts/AMB-LODI/index.html").contains("229,413"));
    assert!(text("site/it/index.html").contains("24.017"));
    assert!(text("site/it/signals/index.html").contains("riservate"));
}

#[test]
fn a_demonstration_district_has_its_badge_wherever_its_name_is_printed() {
    let name = Regex::new("Dimostrazione – Ossola(?:</a>|</span>)?([^,:·].{0,40})").unwrap();
    for page in drawn(&example::content()) {
        let word = language_of(&page).say("dimostrazione", "demonstration");
        let body = page.text.split_once("<main").unwrap().1;
        for found in name.captures_iter(body) {
            let after = &found[1];
            let is_marked = after.contains("badge demo") || after.contains(word);
            // The trail above the title is the one place that repeats the name alone.
            assert!(
                is_marked || after.starts_with("</li></ol>"),
                "{after} in {}",
                page.path
            );
        }
    }
}

#[test]
fn invented_data_are_said_to_be_invented_on_every_page() {
    let mut content = example::content();
    assert!(
        drawn(&content)
            .iter()
            .all(|page| page.text.contains("class=\"banner\""))
    );
    content.origin = crate::stages::publish::content::Origin::Real;
    assert!(
        drawn(&content)
            .iter()
            .all(|page| !page.text.contains("class=\"banner\""))
    );
}

#[test]
fn every_page_stands_alone_and_says_its_language() {
    for page in drawn(&example::content()) {
        let code = language_of(&page).code();
        assert!(
            page.text
                .starts_with(&format!("<!DOCTYPE html><html lang=\"{code}\">"))
        );
        for forbidden in ["<script", " style=", "src=\"http", "<style", "onclick"] {
            assert!(
                !page.text.contains(forbidden),
                "{forbidden} in {}",
                page.path
            );
        }
        for needed in [
            "<main id=\"main\"",
            "class=\"skip\"",
            "Content-Security-Policy",
            "<h1>",
            "<footer",
        ] {
            assert!(page.text.contains(needed), "{needed} in {}", page.path);
        }
        assert_eq!(page.text.matches("<h1>").count(), 1);
        assert!(
            page.text.len() < 100_000,
            "{} has {} bytes",
            page.path,
            page.text.len()
        );
    }
}

#[test]
fn ids_are_unique_on_each_page_and_every_reference_has_one() {
    let id = Regex::new(r#" id="([^"]+)""#).unwrap();
    let reference = Regex::new(r#" aria-labelledby="([^"]+)""#).unwrap();
    for page in drawn(&example::content()) {
        let ids: Vec<&str> = id
            .captures_iter(&page.text)
            .map(|found| found.get(1).unwrap().as_str())
            .collect();
        let unique: BTreeSet<&str> = ids.iter().copied().collect();
        assert_eq!(ids.len(), unique.len(), "{}", page.path);
        for found in reference.captures_iter(&page.text) {
            for name in found[1].split(' ') {
                assert!(unique.contains(name), "{name} in {}", page.path);
            }
        }
    }
}

#[test]
fn headings_never_skip_a_level() {
    let heading = Regex::new("<h([1-6])[ >]").unwrap();
    for page in drawn(&example::content()) {
        let mut level = 0;
        for found in heading.captures_iter(&page.text) {
            let next: usize = found[1].parse().unwrap();
            assert!(next <= level + 1, "h{next} after h{level} in {}", page.path);
            level = next;
        }
    }
}

#[test]
fn every_link_leads_to_a_file_of_the_release() {
    let content = example::content();
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("release");
    crate::stages::publish::write_release(&content, &folder).unwrap();
    let link = Regex::new("href=\"([^\"#]*)(?:#[^\"]*)?\"").unwrap();
    for page in drawn(&content) {
        let from = folder.join(&page.path);
        for found in link.captures_iter(&page.text) {
            let to = &found[1];
            if to.is_empty() || to.starts_with("https://") {
                continue;
            }
            assert!(
                from.parent().unwrap().join(to).is_file(),
                "{to} in {}",
                page.path
            );
        }
    }
}

#[test]
fn a_change_of_users_keeps_its_number() {
    assert!(numbers(&change(Language::Italian, 30.2)).contains(&"30".to_owned()));
}
