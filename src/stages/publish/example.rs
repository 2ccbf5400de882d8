//! A small invented release for tests: three districts, four needs, nine quarters.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use chrono::NaiveDate;

use super::content::{
    BookLine, COVERAGE, Closure, DISTRICTS, District, DistrictKind, FieldText, Lag, NeedLabel,
    OFFERS, Origin, Publisher, REQUESTS, ReleaseContent, ReleaseTable, SIGNALS, SourceTerms, TOTAL,
    UNMET,
};
use crate::spec::text::Bilingual;

/// Codes of the districts.
const CODES: [&str; 3] = ["AMB-LODI", "DEMO-OSSOLA", "CISS-VERBANO"];
/// Codes of the needs.
const NEEDS: [&str; 5] = ["A1.05", "A2.20", "A3.01", "A5.11", "NEW"];
/// The quarters.
const QUARTERS: [&str; 9] = [
    "2024-Q3", "2024-Q4", "2025-Q1", "2025-Q2", "2025-Q3", "2025-Q4", "2026-Q1", "2026-Q2",
    "2026-Q3",
];

/// A text in both languages.
pub(crate) fn both(it: &str, en: &str) -> Bilingual {
    Bilingual {
        it: it.to_owned(),
        en: en.to_owned(),
    }
}

/// The whole release.
pub(crate) fn content() -> ReleaseContent {
    ReleaseContent {
        version: "v2026.1.0".to_owned(),
        data_until: NaiveDate::from_ymd_opt(2026, 9, 30).unwrap(),
        publisher: Publisher {
            name: "Consorzio di esempio".to_owned(),
            contact: "dati@consorzio.example".to_owned(),
            url: "https://consorzio.example/".to_owned(),
        },
        base_url: "https://dati.consorzio.example/antenne".to_owned(),
        tables: tables(),
        districts: districts(),
        needs: needs(),
        books: vec![
            book("wemi", Some(24_017), Closure::Closed),
            book("welco", None, Closure::Unverified),
        ],
        sources: sources(),
        attributions: vec!["Fonte: Istat, popolazione residente 2023, CC BY 4.0".to_owned()],
        changes: vec![both("Prima versione.", "First version.")],
        origin: Origin::Invented,
    }
}

/// A platform with every term, and one that is late and has none.
fn sources() -> Vec<SourceTerms> {
    let whole = SourceTerms {
        platform: "wemi".to_owned(),
        title: both("WeMi", "WeMi"),
        license: "accordo di esempio".to_owned(),
        legal_basis: "GDPR art. 6".to_owned(),
        contact: "wemi@consorzio.example".to_owned(),
        retention_days: Some(730),
        min_k: Some(12),
        signed_on: "2026-03-01".to_owned(),
        expires_on: "2028-02-29".to_owned(),
        waivers: vec!["min_platforms until 2027-12-31: article 4".to_owned()],
        newest_month: "2026-09".to_owned(),
        lag: Lag::None,
    };
    let late = SourceTerms {
        platform: "welco".to_owned(),
        title: both("WELCO", "WELCO"),
        newest_month: "2026-05".to_owned(),
        lag: Lag::Late,
        ..SourceTerms::default()
    };
    vec![whole, late]
}

/// One line of the books.
fn book(source: &str, source_count: Option<u64>, closure: Closure) -> BookLine {
    BookLine {
        source: source.to_owned(),
        table: "richieste".to_owned(),
        source_count,
        accepted: 23_814,
        rejected: 131,
        duplicate: 57,
        superseded: 14,
        erased: 1,
        closure,
    }
}

/// The districts.
fn districts() -> Vec<District> {
    let names = ["Ambito di Lodi", "Dimostrazione – Ossola", "CISS Verbano"];
    let kinds = [
        DistrictKind::Real,
        DistrictKind::Demonstration,
        DistrictKind::Partial,
    ];
    let comuni = [
        "Lodi, Codogno, Casalpusterlengo",
        "Domodossola, Villadossola",
        "Verbania",
    ];
    (0..3)
        .map(|i| District {
            code: CODES[i].to_owned(),
            name: names[i].to_owned(),
            kind: kinds[i],
            comuni: comuni[i].split(", ").map(str::to_owned).collect(),
        })
        .collect()
}

/// The needs.
fn needs() -> Vec<NeedLabel> {
    let names = [
        ("Segretariato sociale", "Social information desk", true),
        (
            "Servizi di prossimità, buon vicinato, auto-aiuto",
            "Neighborly help and self-help",
            false,
        ),
        (
            "Assistenza domiciliare socio-assistenziale",
            "Home care",
            true,
        ),
        ("Trasporto sociale", "Social transport", false),
    ];
    NEEDS
        .iter()
        .zip(names)
        .map(|(code, (it, en, is_guaranteed))| NeedLabel {
            code: (*code).to_owned(),
            name: both(it, en),
            is_guaranteed,
        })
        .collect()
}

/// The cell of a district, need and quarter: a count, or the name of what it is instead.
fn cell(d: usize, n: usize, q: usize) -> Result<i64, &'static str> {
    match (d, n, q) {
        (2, 4, _) | (1, 3, _) => Err("not_covered"),
        (2, 2, _) => Ok(0),
        (1, _, 4) => Err("source_down"),
        (_, 4, 0..6) | (0, 0, 2..4) => Err("suppressed"),
        _ => Ok(i64::try_from(1_213 + 371 * d + 57 * n + 23 * q * (n + 1)).unwrap()),
    }
}

/// All keys of the grid, in order: district, need, quarter, index of the district and the cell.
fn keys() -> Vec<(String, String, String, Result<i64, &'static str>)> {
    let mut keys = Vec::new();
    for (d, district) in CODES.iter().enumerate() {
        for (n, need) in NEEDS.iter().enumerate() {
            for (q, quarter) in QUARTERS.iter().enumerate() {
                let key = (
                    (*district).to_owned(),
                    (*need).to_owned(),
                    (*quarter).to_owned(),
                );
                keys.push((key.0, key.1, key.2, cell(d, n, q)));
            }
        }
        for quarter in QUARTERS {
            keys.push((
                (*district).to_owned(),
                TOTAL.to_owned(),
                quarter.to_owned(),
                Ok(91_357),
            ));
        }
    }
    keys
}

/// A text column.
fn texts<T: AsRef<str>>(values: impl IntoIterator<Item = T>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

/// A column of decimal numbers.
fn figures(values: impl IntoIterator<Item = Option<f64>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<Float64Array>())
}

/// A column of whole numbers.
fn counts(values: impl IntoIterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<Int64Array>())
}

/// A table with its columns.
fn table(
    name: &str,
    title: Bilingual,
    grain: &[&str],
    columns: Vec<(&str, ArrayRef)>,
) -> ReleaseTable {
    let fields = columns.iter().map(|(column, _)| FieldText {
        name: (*column).to_owned(),
        role: if grain.contains(column) {
            "key"
        } else {
            "measure"
        }
        .to_owned(),
        unit: String::new(),
        text: both(&format!("Colonna {column}"), &format!("Column {column}")),
    });
    ReleaseTable {
        name: name.to_owned(),
        title,
        description: both("Una tabella di esempio.", "An example table."),
        license: "CC-BY-4.0".to_owned(),
        fields: fields.collect(),
        grain: grain.iter().map(|column| (*column).to_owned()).collect(),
        protection: both(
            "Nessuna cifra riguarda meno di 10 persone.",
            "No figure is about fewer than 10 persons.",
        ),
        batch: RecordBatch::try_from_iter_with_nullable(
            columns
                .into_iter()
                .map(|(column, values)| (column, values, true)),
        )
        .unwrap(),
    }
}

/// A table of counts on the grid, each a share of the requests.
fn grid(name: &str, measure: &str, title: Bilingual, divisor: i64) -> ReleaseTable {
    let keys = keys();
    let count = |cell: &Result<i64, &str>| cell.as_ref().ok().map(|value| value / divisor);
    let status = |cell: &Result<i64, &'static str>| cell.err().unwrap_or("published");
    table(
        name,
        title,
        &["district_code", "need_code", "quarter"],
        vec![
            ("district_code", texts(keys.iter().map(|key| &key.0))),
            ("need_code", texts(keys.iter().map(|key| &key.1))),
            ("quarter", texts(keys.iter().map(|key| &key.2))),
            (measure, counts(keys.iter().map(|key| count(&key.3)))),
            ("status", texts(keys.iter().map(|key| status(&key.3)))),
        ],
    )
}

/// All tables.
fn tables() -> Vec<ReleaseTable> {
    vec![
        grid(REQUESTS, "n_requests", both("Richieste", "Requests"), 1),
        grid(
            UNMET,
            "n_unmet",
            both("Richieste senza risposta", "Unmet requests"),
            6,
        ),
        grid(OFFERS, "n_offers", both("Offerte", "Offers"), 4),
        signals(),
        coverage(),
        profiles(),
    ]
}

/// Stands for a figure that is not there.
const NONE: f64 = f64::NAN;

/// The figures of the six signals, column by column.
const EVIDENCE: [(&str, [f64; 6]); 11] = [
    ("observed", [1_419.0, 418.0, 623.0, 317.0, 41.0, NONE]),
    ("expected", [707.2, 1.3, 181.4, 288.0, 10.5, NONE]),
    ("expected_low", [604.0, 0.0, 122.0, 211.0, 8.0, NONE]),
    ("expected_high", [811.0, 2.5, 243.0, 331.0, 13.0, NONE]),
    ("excess", [711.8, 416.7, 441.6, NONE, 30.5, NONE]),
    ("ratio", [2.006, NONE, 3.46, NONE, 3.9, NONE]),
    ("p_value", [0.000_25, 0.000_4, 0.0, NONE, 0.003, NONE]),
    ("q_value", [0.1, 0.04, 0.000_4, NONE, 0.09, NONE]),
    ("exposure_change_pct", [30.2, NONE, -4.4, NONE, NONE, NONE]),
    ("coverage_pct", [100.0, 93.0, 97.0, NONE, 91.0, NONE]),
    ("completeness_pct", [88.4, 93.0, 97.0, NONE, 91.0, NONE]),
];

/// Reasons of every signal of the example.
const REASONS: &str = r#"[{"code":"adjusted_for_exposure"},{"code":"n_districts_alike","value":3},
    {"code":"unmet_above_reference","share_pct":62.3,"reference_pct":18.1}]"#;

/// Six signals, at least one of each aspect; the last has no figure to print.
fn signals() -> ReleaseTable {
    let list = |words: &'static str| texts(words.split(", ").collect::<Vec<_>>());
    let same = |value: &'static str| texts([value; 6]);
    let places = [CODES[0], TOTAL, CODES[0], CODES[2], CODES[1], CODES[0]];
    let mut columns = vec![
        (
            "signal_id",
            list("sig-1, sig-2, sig-3, sig-4, sig-5, sig-6"),
        ),
        (
            "kind",
            list("emerging_need, new_need, service_gap, service_gap, service_gap, emerging_need"),
        ),
        (
            "aspect",
            list("rise, new_label, unmet_share, no_offer, long_wait, rise"),
        ),
        ("district_code", texts(places)),
        (
            "need_code",
            list("A3.01, aiuto con lo SPID, A1.05, A2.20, A3.01, A5.11"),
        ),
        (
            "quarter",
            list("2026-Q3, 2026-Q3, 2026-Q3, 2026-Q3, 2026-Q3, 2026-Q2"),
        ),
        ("first_month", same("2026-07")),
        ("last_month", same("2026-09")),
    ];
    columns.extend(EVIDENCE.map(|(column, values)| {
        (
            column,
            figures(values.map(|value| (!value.is_nan()).then_some(value))),
        )
    }));
    columns.extend([
        ("platforms", same("bacheca_digitale")),
        ("method", same("pooled_gamma_poisson")),
        ("method_version", same("1")),
        ("reasons", same(REASONS)),
    ]);
    table(SIGNALS, both("Segnali", "Signals"), &["signal_id"], columns)
}

/// The coverage of two platforms.
fn coverage() -> ReleaseTable {
    let status = [
        "covered",
        "partly",
        "not_covered",
        "not_covered",
        "source_down",
        "covered",
    ];
    table(
        COVERAGE,
        both("Copertura", "Coverage"),
        &["platform", "district_code", "quarter"],
        vec![
            (
                "platform",
                texts([
                    "bacheca_digitale",
                    "bacheca_digitale",
                    "bacheca_digitale",
                    "la_cura_e_di_casa",
                    "la_cura_e_di_casa",
                    "la_cura_e_di_casa",
                ]),
            ),
            (
                "district_code",
                texts([0, 1, 2, 0, 1, 2].map(|index: usize| CODES[index])),
            ),
            ("quarter", texts(["2026-Q3"; 6])),
            ("status", texts(status)),
        ],
    )
}

/// The profiles.
fn profiles() -> ReleaseTable {
    let kinds = ["real", "demonstration", "partial"];
    let index = |values: [f64; 3]| figures(values.map(Some));
    table(
        DISTRICTS,
        both("Ambiti", "Districts"),
        &["district_code"],
        vec![
            ("district_code", texts(CODES)),
            (
                "name",
                texts(districts().iter().map(|district| &district.name)),
            ),
            ("kind", texts(kinds)),
            ("n_comuni", counts([Some(61), Some(38), Some(26)])),
            (
                "residents",
                counts([Some(229_413), Some(58_102), Some(63_918)]),
            ),
            (
                "residents_0_14",
                counts([Some(29_817), Some(6_214), Some(6_902)]),
            ),
            (
                "residents_65_plus",
                counts([Some(52_716), Some(16_113), Some(17_446)]),
            ),
            ("ageing_index", index([176.8, 259.3, 252.77])),
            ("old_age_dependency", index([35.91, 45.02, 44.06])),
        ],
    )
}
