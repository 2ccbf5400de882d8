//! A researcher holds a method against another program, on a plain CSV.

use std::collections::BTreeMap;
use std::fs;

use crate::commons::{Commons, repository};

/// The New York leukemia data, and what `SaTScan` 9.6 printed for them.
const NEW_YORK: &str = "tests/golden/scan/nydf_input.csv";

#[test]
fn the_scan_of_new_york_is_the_listing_of_satscan_and_is_written_where_asked() {
    let commons = Commons::empty();
    let input = repository().join(NEW_YORK).display().to_string();
    let words = [
        "stats",
        "scan",
        "--cases",
        "cases_floor",
        "--x",
        "longitude",
        "--y",
        "latitude",
    ];
    let words = [
        &words[..],
        &["--replicates", "99", input.as_str(), "-o", "clusters.csv"],
    ]
    .concat();
    let answer = commons.antenne(&words).expect_code(0);
    assert!(answer.bytes.is_empty(), "{}", answer.text());
    let clusters = commons.read("clusters.csv");
    let golden = repository().join("tests/golden/scan/nydf_poisson_cartesian_ub50_smerc.csv");
    let golden = fs::read_to_string(golden).unwrap();
    let first = |text: &str| numbers(text, "rank", "loglikrat")["1"];
    let (score, expected) = (first(&clusters), first(&golden));
    assert!((score / expected - 1.0).abs() < 1e-8, "{score} {expected}");
}

#[test]
fn farrington_of_the_package_is_its_golden_file_point_by_point() {
    let commons = Commons::empty();
    let path = |file: &str| repository().join("tests/golden").join(file);
    let input = path("input/salmNewport_total.csv").display().to_string();
    let words = [
        "stats",
        "farrington",
        "--trend",
        "package",
        "--trend_p",
        "1",
        "--dispersion",
        "package",
        input.as_str(),
    ];
    let found = commons.antenne(&words).expect_code(0).text();
    let golden = fs::read_to_string(path("farrington/salmNewport_total__noufaily.csv")).unwrap();
    for column in ["alarm", "upperbound"] {
        let (found, golden) = (numbers(&found, "t", column), numbers(&golden, "t", column));
        let pairs = golden.iter().filter(|(t, _)| found.contains_key(*t));
        let n_points = pairs.clone().count();
        assert!(n_points > 200, "{n_points} points of {}", golden.len());
        for (t, expected) in pairs {
            let relative = (found[t] - expected).abs() / expected.abs().max(1.0);
            assert!(
                relative < 1e-8,
                "{column} of point {t}: {} {expected}",
                found[t]
            );
        }
    }
}

/// The numbers of a column by the text of another; an empty cell is left out.
fn numbers(text: &str, key: &str, column: &str) -> BTreeMap<String, f64> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().unwrap().clone();
    let place = |name: &str| header.iter().position(|one| one == name).unwrap();
    let (key, value) = (place(key), place(column));
    let rows = reader.records().map(Result::unwrap);
    rows.filter_map(|row| Some((row[key].to_owned(), row[value].parse().ok()?)))
        .collect()
}

#[test]
fn a_wrong_call_says_what_there_is() {
    let commons = Commons::empty();
    let said = |words: &[&str]| {
        commons
            .antenne(&[&["stats"], words].concat())
            .expect_code(2)
            .said
    };
    let unknown = said(&["scann", "x.csv"]);
    assert!(
        unknown.contains("there is no method `scann`") && unknown.contains("scan_spacetime"),
        "{unknown}"
    );
    commons.write("few.csv", "id,cases\na,1\nb,x\n");
    let column = said(&["scan", "few.csv"]);
    assert!(
        column.contains("line 3, column `cases`: `x` is not a number"),
        "{column}"
    );
    let option = said(&["scan", "--window", "circles", "few.csv"]);
    assert!(
        option.contains("windows") && option.contains("replicates"),
        "{option}"
    );
    let file = said(&["scan", "absent.csv"]);
    assert!(file.contains("cannot read `absent.csv`"), "{file}");
}

#[test]
fn every_method_is_listed_with_its_options_and_defaults() {
    let commons = Commons::empty();
    let list = commons.antenne(&["stats", "--list"]).expect_code(0).text();
    assert!(list.contains("scan_spacetime\n"), "{list}");
    assert!(list.contains("--replicates (999)"), "{list}");
}
