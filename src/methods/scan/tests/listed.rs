//! The listings of `SaTScan`, to the digits it prints.

use super::*;

/// One cluster of a `SaTScan` listing: the names of its lines with what stands there.
type Listed = BTreeMap<String, String>;

/// The clusters of a `SaTScan` listing.
fn listing(text: &str) -> Vec<Listed> {
    let body = text.split("CLUSTERS DETECTED").nth(1).unwrap();
    let body = body.split("______").next().unwrap();
    let mut clusters: Vec<Listed> = Vec::new();
    let mut last = String::new();
    for line in body.lines().filter(|line| !line.trim().is_empty()) {
        if line.contains("Location IDs included") {
            clusters.push(Listed::new());
        }
        let cluster = clusters.last_mut().unwrap();
        if let Some((name, value)) = line.split_once(':') {
            let name = name.trim().trim_end_matches('.');
            let name = name.split_once('.').map_or(name, |(_, name)| name);
            last = name.to_owned();
            cluster.insert(last.clone(), value.trim().to_owned());
        } else {
            let before = cluster.get_mut(&last).unwrap();
            *before = format!("{before} {}", line.trim());
        }
    }
    clusters
}

/// Fails when a number is not the printed one within half a unit of its last digit.
fn assert_printed(found: f64, printed: &str) {
    let n_decimals = printed
        .split_once('.')
        .map_or(0, |(_, decimals)| decimals.len());
    let half = 0.5 * 10_f64.powi(-i32::try_from(n_decimals).unwrap());
    let golden: f64 = printed.parse().unwrap();
    assert!(
        (found - golden).abs() <= half * 1.0001,
        "found {found}, printed {printed}"
    );
}

/// Fails when a row of the answer is not the cluster of the listing.
fn assert_listed(row: &dyn Fn(&str) -> String, cluster: &Listed) {
    let number = |name: &str| row(name).parse::<f64>().unwrap();
    let n_trailing = |text: &str| text.split_whitespace().next().unwrap().to_owned();
    assert_printed(number("population"), &cluster["Population"]);
    assert_printed(number("cases"), &cluster["Number of cases"]);
    assert_printed(number("expected"), &cluster["Expected cases"]);
    assert_printed(number("smr"), &cluster["Observed / expected"]);
    assert_printed(number("rr"), &cluster["Relative risk"]);
    assert_printed(number("loglikrat"), &cluster["Log likelihood ratio"]);
    // The year 2000 had 366 days; the rate is for a mean year.
    let annual = number("smr") * 552.0 / 1_057_673.0 * 1e5 * 365.2425 / 366.0;
    assert_printed(annual, &cluster["Annual cases / 100000"]);
    let radius = cluster["Coordinates / radius"]
        .split_once('/')
        .unwrap()
        .1
        .trim();
    assert_printed(number("radius"), &n_trailing(radius));
    let golden: f64 = cluster["P-value"].parse().unwrap();
    if golden < 0.001 {
        // SaTScan prints the Gumbel chance here; its logarithm scatters by about 0.3 with 999 replicates.
        assert!((number("pvalue_gumbel") / golden).ln().abs() < 1.0);
    } else {
        assert_chance(number("pvalue"), golden, (1000.0, 1000.0));
    }
}

#[test]
fn new_york_leukemia_as_listed_by_satscan() {
    let listings = [
        ("SaTScan96_ny_poisson_circular_cartesian", "euclidean"),
        ("SaTScan931_ny_poisson_circular_longlat", "great_circle"),
    ];
    for (file, distance) in listings {
        let options = given(&[
            ("cases", "cases_floor"),
            ("x", "longitude"),
            ("y", "latitude"),
            ("distance", distance),
            ("secondary", "apart_by_center"),
        ]);
        let found = SPATIAL
            .call(&table("scan/nydf_input.csv"), &options)
            .unwrap();
        let clusters = listing(&text(&format!("scan/{file}.txt")));
        assert_eq!(clusters.len(), 6);
        for (at, cluster) in clusters.iter().enumerate() {
            let row = |name: &str| found.texts(name).unwrap()[at].to_owned();
            assert_eq!(
                row("locids").replace(' ', ", "),
                cluster["Location IDs included"]
            );
            assert_listed(&row, cluster);
        }
    }
}
