//! A researcher holds a method against another program, on a plain CSV.

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
    let first = clusters.lines().nth(1).unwrap();
    assert!(first.starts_with("1,"), "{clusters}");
    let header: Vec<&str> = clusters.lines().next().unwrap().split(',').collect();
    let at = header.iter().position(|name| *name == "loglikrat").unwrap();
    let score: f64 = first.split(',').nth(at).unwrap().parse().unwrap();
    let golden = repository().join("tests/golden/scan/nydf_poisson_cartesian_ub50_smerc.csv");
    let golden = fs::read_to_string(golden).unwrap();
    let names: Vec<&str> = golden.lines().next().unwrap().split(',').collect();
    let at = names
        .iter()
        .position(|name| name.trim_matches('"') == "loglikrat")
        .unwrap();
    let expected: f64 = golden
        .lines()
        .nth(1)
        .unwrap()
        .split(',')
        .nth(at)
        .unwrap()
        .parse()
        .unwrap();
    assert!((score / expected - 1.0).abs() < 1e-8, "{score} {expected}");
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
