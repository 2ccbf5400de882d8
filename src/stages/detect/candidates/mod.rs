//! Words that the vocabulary lacks, as candidates for the operator's code list.
//!
//! A candidate is a word or phrase that is new or bursts, or a category that a platform's mapping gives no
//! code. With it come its writings, where and since when it is used, the codes whose words are nearest, and
//! the lines that would give it a code: one for the code list, and one for each mapping that lacks it.
//!
//! The list is for the operator alone: it is not protected. Words with fewer than [`MIN_USES`] uses are left
//! out, and words that may name a person have no key and are never counted (`canon::text::label`).

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::Array;
use arrow::record_batch::RecordBatch;
use serde::Serialize;

use super::Error;
use crate::canon::cells::{CellError, count_at, counts, texts};
use crate::canon::text::label::{contains, key, stems};
use crate::context::Context;
use crate::context::tables::Opened;

/// Where a mapping gives a category its code.
mod place;

pub(crate) use place::MappingLine;

/// Fewest requests of a candidate.
pub(crate) const MIN_USES: u64 = 5;

/// How many near codes are told.
const N_NEAREST: usize = 3;

/// The phrases and their uses.
const PHRASES: &str = "detected._phrases_by_platform_district_month";
/// The alerts.
const ALERTS: &str = "detected._word_alerts";
/// The words as they were written.
const WORDS: &str = "derived.tags_by_district_month";
/// The categories as they were written.
const EXCHANGES: &str = "conformed.exchanges";
/// The code list.
const NEEDS: &str = "reference.needs";

/// A word that the code list may want.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct WordCandidate {
    /// What it is counted under.
    pub(crate) key: String,
    /// Its most frequent writing.
    pub(crate) label: String,
    /// Whether it is `new`, a `burst`, or only a category without a code.
    pub(crate) alert: Option<String>,
    /// The last quarter of the alert.
    pub(crate) quarter: Option<String>,
    /// Requests that carry it.
    pub(crate) n_requests: u64,
    /// Of which with no need code.
    pub(crate) n_unmapped: u64,
    /// First month of use.
    pub(crate) first_month: String,
    /// Districts that use it.
    pub(crate) districts: BTreeSet<String>,
    /// Platforms that write it.
    pub(crate) platforms: BTreeSet<String>,
    /// The labels it is written in, most frequent first.
    pub(crate) writings: Vec<Writing>,
    /// The codes with the nearest words, nearest first.
    pub(crate) nearest: Vec<NearCode>,
    /// A line for `reference/needs.csv`, its code to be chosen.
    pub(crate) code_list_line: String,
    /// Lines for the mappings that lack it; none for a word that is only a tag.
    pub(crate) mapping_lines: Vec<MappingLine>,
}

/// A label in which a word is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Writing {
    /// In lower case.
    pub(crate) label: String,
    /// Requests that carry it.
    pub(crate) n_requests: u64,
}

/// A code with words like those of a candidate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct NearCode {
    /// The code.
    pub(crate) code: String,
    /// Its Italian label.
    pub(crate) label: String,
    /// The words that both have, without number and gender.
    pub(crate) shared: Vec<String>,
}

/// A code of the list with its words.
#[derive(Debug)]
#[expect(clippy::struct_field_names, reason = "a code is what its field says")]
struct Code {
    /// The code.
    code: String,
    /// Its Italian label.
    label: String,
    /// The words of its labels and of the categories mapped to it.
    stems: BTreeSet<String>,
}

/// A category that a mapping gives no code.
#[derive(Debug)]
struct Unmapped {
    /// The platform.
    platform: String,
    /// The platform's table.
    table: String,
    /// The category, letter by letter.
    label: String,
}

/// Every candidate: alerts first, then by number of requests.
///
/// # Errors
/// [`Error::Inputs`] when a table is not there yet or cannot be read.
pub(crate) async fn candidates(cx: &Context) -> Result<Vec<WordCandidate>, Error> {
    let tables = [PHRASES, ALERTS, WORDS, EXCHANGES, NEEDS].map(str::to_owned);
    let opened = cx.open(&tables.into()).await.map_err(Error::Inputs)?;
    let alerts = alerts(&opened).await?;
    let unmapped = unmapped(&opened).await?;
    let asked: BTreeSet<String> = unmapped
        .iter()
        .filter_map(|one| key(&one.label))
        .chain(alerts.keys().cloned())
        .collect();
    let writings = writings(&opened).await?;
    let codes = codes(&opened).await?;
    let mut found = Vec::new();
    for mut one in used(&opened, &asked).await? {
        if let Some((alert, quarter)) = alerts.get(&one.key) {
            one.alert = Some(alert.clone());
            one.quarter = Some(quarter.clone());
        }
        one.writings = writings_of(&one.key, &writings);
        one.nearest = nearest(&one.label, &codes);
        one.code_list_line = code_list_line(&one.label);
        one.mapping_lines = mapping_lines(cx, &one, &unmapped);
        found.push(one);
    }
    found.sort_by(|a, b| {
        let rank = |one: &WordCandidate| (one.alert.is_none(), u64::MAX - one.n_requests);
        rank(a).cmp(&rank(b)).then_with(|| a.key.cmp(&b.key))
    });
    Ok(found)
}

/// The lines that give a word a code in the mappings of all platforms, or of one.
///
/// # Errors
/// [`Error::Inputs`] when the conformed exchanges cannot be read.
pub(crate) async fn lines_for(
    cx: &Context,
    (word, code): (&str, &str),
    platform: Option<&str>,
) -> Result<Vec<MappingLine>, Error> {
    let tables = [EXCHANGES.to_owned()];
    let opened = cx.open(&tables.into()).await.map_err(Error::Inputs)?;
    let unmapped = unmapped(&opened).await?;
    let Some(key) = key(word) else {
        return Ok(Vec::new());
    };
    let meant = unmapped
        .iter()
        .filter(|one| platform.is_none_or(|platform| platform == one.platform));
    Ok(place_all(cx, meant, (&key, code)))
}

/// The codes of the list.
///
/// # Errors
/// [`Error::Inputs`] when the list cannot be read.
pub(crate) async fn known_codes(cx: &Context) -> Result<BTreeSet<String>, Error> {
    let tables = [NEEDS.to_owned()];
    let opened = cx.open(&tables.into()).await.map_err(Error::Inputs)?;
    let rows = rows(&opened, "select need_code from reference.needs").await?;
    let codes = texts(&rows, "need_code").map_err(wrong(NEEDS))?;
    Ok(codes.iter().flatten().map(str::to_owned).collect())
}

/// The rows of a statement.
async fn rows(opened: &Opened, sql: &str) -> Result<RecordBatch, Error> {
    let rows = opened.plain_rows("vocabulary", sql).await;
    rows.map_err(Error::Inputs)
}

/// The error that a table lacks a column.
fn wrong(table: &'static str) -> impl Fn(CellError) -> Error {
    move |source| Error::Column { table, source }
}

/// The last alert of each key, with its quarter.
async fn alerts(opened: &Opened) -> Result<BTreeMap<String, (String, String)>, Error> {
    let sql = "select phrase_key, alert, quarter from detected._word_alerts order by quarter";
    let rows = rows(opened, sql).await?;
    let column = |name| texts(&rows, name).map_err(wrong(ALERTS));
    let (keys, alerts, quarters) = (column("phrase_key")?, column("alert")?, column("quarter")?);
    let of_row = |row: usize| {
        let said = (alerts.value(row).to_owned(), quarters.value(row).to_owned());
        (keys.value(row).to_owned(), said)
    };
    Ok((0..rows.num_rows()).map(of_row).collect())
}

/// The categories without a code that may be counted.
async fn unmapped(opened: &Opened) -> Result<Vec<Unmapped>, Error> {
    let sql = "select platform, source_table, need_label from conformed.exchanges
        where need_code is null and label_key(need_label) is not null
        group by platform, source_table, need_label
        order by platform, source_table, need_label";
    let rows = rows(opened, sql).await?;
    let column = |name| texts(&rows, name).map_err(wrong(EXCHANGES));
    let (platforms, tables) = (column("platform")?, column("source_table")?);
    let labels = column("need_label")?;
    let of_row = |row: usize| Unmapped {
        platform: platforms.value(row).to_owned(),
        table: tables.value(row).to_owned(),
        label: labels.value(row).to_owned(),
    };
    Ok((0..rows.num_rows()).map(of_row).collect())
}

/// The words asked for with their uses, without those that are too rare.
async fn used(opened: &Opened, asked: &BTreeSet<String>) -> Result<Vec<WordCandidate>, Error> {
    let sql = "select phrase_key, label, platform, district_code,
            to_char(min(month), '%Y-%m') as first_month,
            cast(sum(n_requests) as bigint) as n_requests,
            cast(sum(n_unmapped) as bigint) as n_unmapped
        from detected._phrases_by_platform_district_month
        group by phrase_key, label, platform, district_code
        order by phrase_key, platform, district_code";
    let rows = rows(opened, sql).await?;
    let column = |name| texts(&rows, name).map_err(wrong(PHRASES));
    let number = |name| counts(&rows, name).map_err(wrong(PHRASES));
    let (keys, labels, months) = (
        column("phrase_key")?,
        column("label")?,
        column("first_month")?,
    );
    let (platforms, districts) = (column("platform")?, column("district_code")?);
    let (n_requests, n_unmapped) = (number("n_requests")?, number("n_unmapped")?);
    let mut found: BTreeMap<&str, WordCandidate> = BTreeMap::new();
    for row in 0..rows.num_rows() {
        let key = keys.value(row);
        if !asked.contains(key) {
            continue;
        }
        let one = found
            .entry(key)
            .or_insert_with(|| empty(key, labels.value(row)));
        one.n_requests += count_at(n_requests, row);
        one.n_unmapped += count_at(n_unmapped, row);
        one.districts.insert(districts.value(row).to_owned());
        one.platforms.insert(platforms.value(row).to_owned());
        let month = months.value(row);
        if one.first_month.is_empty() || month < one.first_month.as_str() {
            month.clone_into(&mut one.first_month);
        }
    }
    let found = found.into_values();
    Ok(found.filter(|one| one.n_requests >= MIN_USES).collect())
}

/// A word of which nothing is known yet.
fn empty(key: &str, label: &str) -> WordCandidate {
    WordCandidate {
        key: key.to_owned(),
        label: label.to_owned(),
        alert: None,
        quarter: None,
        n_requests: 0,
        n_unmapped: 0,
        first_month: String::new(),
        districts: BTreeSet::new(),
        platforms: BTreeSet::new(),
        writings: Vec::new(),
        nearest: Vec::new(),
        code_list_line: String::new(),
        mapping_lines: Vec::new(),
    }
}

/// Every label as written that has a key, with the key and its requests; most frequent first.
async fn writings(opened: &Opened) -> Result<Vec<(String, Writing)>, Error> {
    let sql =
        "select tag, label_key(tag) as label_key, cast(sum(n_requests) as bigint) as n_requests
        from derived.tags_by_district_month
        where label_key(tag) is not null
        group by tag
        order by n_requests desc, tag";
    let rows = rows(opened, sql).await?;
    let tags = texts(&rows, "tag").map_err(wrong(WORDS))?;
    let keys = texts(&rows, "label_key").map_err(wrong(WORDS))?;
    let n_requests = counts(&rows, "n_requests").map_err(wrong(WORDS))?;
    let of_row = |row: usize| {
        let writing = Writing {
            label: tags.value(row).to_owned(),
            n_requests: count_at(n_requests, row),
        };
        (keys.value(row).to_owned(), writing)
    };
    Ok((0..rows.num_rows()).map(of_row).collect())
}

/// The labels that a word is written in, itself or as a part.
fn writings_of(key: &str, all: &[(String, Writing)]) -> Vec<Writing> {
    let with = all.iter().filter(|(whole, _)| contains(whole, key));
    with.map(|(_, writing)| writing.clone()).collect()
}

/// The codes of the list, with the words of their labels and of the categories mapped to them.
async fn codes(opened: &Opened) -> Result<Vec<Code>, Error> {
    let sql = "select need_code, label_it, label_en, categories from reference.needs
        left join (
            select need_code as code, string_agg(need_label, ' · ' order by need_label) as categories
            from (
                select need_code, need_label from conformed.exchanges
                where need_code is not null and need_label is not null
                group by need_code, need_label
            ) as labels
            group by need_code
        ) as mapped on need_code = code
        order by need_code";
    let rows = rows(opened, sql).await?;
    let column = |name| texts(&rows, name).map_err(wrong(NEEDS));
    let (codes, italian) = (column("need_code")?, column("label_it")?);
    let (english, categories) = (column("label_en")?, column("categories")?);
    let of_row = |row: usize| {
        let mut words = stems(italian.value(row));
        words.extend(stems(english.value(row)));
        if !categories.is_null(row) {
            words.extend(categories.value(row).split(" · ").flat_map(stems));
        }
        Code {
            code: codes.value(row).to_owned(),
            label: italian.value(row).to_owned(),
            stems: words,
        }
    };
    Ok((0..rows.num_rows()).map(of_row).collect())
}

/// The codes that share words with a label: a word that few codes have weighs more, `ln(codes / codes with it)`.
fn nearest(label: &str, codes: &[Code]) -> Vec<NearCode> {
    let wanted = stems(label);
    let weight = |stem: &String| {
        let with = codes.iter().filter(|code| code.stems.contains(stem));
        let ratio =
            crate::stats::real_len(codes.len()) / crate::stats::real_len(with.count().max(1));
        ratio.ln()
    };
    let weights: BTreeMap<&String, f64> = wanted.iter().map(|stem| (stem, weight(stem))).collect();
    let mut scored: Vec<(f64, &Code)> = codes
        .iter()
        .map(|code| {
            let shared = weights
                .iter()
                .filter(|(stem, _)| code.stems.contains(**stem));
            (shared.map(|(_, weight)| weight).sum(), code)
        })
        .filter(|(score, _)| *score > 0.0)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.code.cmp(&b.1.code)));
    let near = scored
        .into_iter()
        .take(N_NEAREST)
        .map(|(_, code)| NearCode {
            code: code.code.clone(),
            label: code.label.clone(),
            shared: wanted.intersection(&code.stems).cloned().collect(),
        });
    near.collect()
}

/// A line of `reference/needs.csv` for a word; its code, area and English label are to be settled by people.
fn code_list_line(label: &str) -> String {
    let mut letters = label.chars();
    let capital: String = letters
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .collect();
    let title = format!("{capital}{}", letters.as_str());
    let quoted = if title.contains([',', '"']) {
        format!("\"{}\"", title.replace('"', "\"\""))
    } else {
        title
    };
    format!("CODE,{quoted},{quoted},services,,,no")
}

/// The lines for the mappings that lack a word, with its nearest code.
fn mapping_lines(cx: &Context, one: &WordCandidate, unmapped: &[Unmapped]) -> Vec<MappingLine> {
    let code = one.nearest.first().map_or("CODE", |near| &near.code);
    place_all(cx, unmapped.iter(), (&one.key, code))
}

/// The lines for those categories whose label is a word or holds it as a part.
fn place_all<'a>(
    cx: &Context,
    unmapped: impl Iterator<Item = &'a Unmapped>,
    (word, code): (&str, &str),
) -> Vec<MappingLine> {
    let meant = unmapped.filter(|one| key(&one.label).is_some_and(|key| contains(&key, word)));
    meant
        .filter_map(|one| {
            let name = format!("conformed.{}__{}", one.platform, one.table);
            let model = cx
                .commons
                .conformed
                .iter()
                .find(|model| model.name == name)?;
            place::line(model, (&one.label, code))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A code of a made-up list.
    fn code(code: &str, label: &str) -> Code {
        Code {
            code: code.to_owned(),
            label: label.to_owned(),
            stems: stems(label),
        }
    }

    #[test]
    fn a_code_with_the_rarer_word_in_common_is_nearer() {
        let codes = [
            code("A1", "Servizio di trasporto"),
            code("A2", "Servizio di mensa"),
            code("A3", "Servizi per la casa"),
        ];
        let near = nearest("servizi mense serali", &codes);
        assert_eq!(near.len(), 1);
        assert_eq!((near[0].code.as_str(), near[0].shared.len()), ("A2", 2));
        assert!(nearest("robot", &codes).is_empty());
        assert!(nearest("servizio", &codes).is_empty());
    }

    #[test]
    fn the_line_for_the_code_list_is_csv() {
        assert_eq!(
            code_list_line("identità digitale"),
            "CODE,Identità digitale,Identità digitale,services,,,no"
        );
        assert_eq!(
            code_list_line("orti, giardini"),
            "CODE,\"Orti, giardini\",\"Orti, giardini\",services,,,no"
        );
    }

    #[test]
    fn a_word_is_found_in_all_its_writings() {
        let writing = |label: &str, n_requests| Writing {
            label: label.to_owned(),
            n_requests,
        };
        let all = [
            writing("identità digitale", 9),
            writing("spid identita' digitali", 3),
            writing("digitale", 2),
        ];
        let all = all.map(|one| (key(&one.label).unwrap(), one));
        let found = writings_of("digital identit", &all);
        let sizes: Vec<u64> = found.iter().map(|one| one.n_requests).collect();
        assert_eq!(sizes, [9, 3]);
    }
}
