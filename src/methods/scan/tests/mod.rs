//! The golden files of the scans, through the method as it is called.

use std::collections::BTreeMap;

use super::*;
use crate::methods::golden::{self, read as table};
use crate::stats::golden::assert_close;

/// The listings of `SaTScan`.
mod listed;

/// The path of a golden file, as an option has it.
fn path(file: &str) -> String {
    golden::path(file).display().to_string()
}

/// The text of a golden file.
fn text(file: &str) -> String {
    std::fs::read_to_string(path(file)).unwrap()
}

/// Options from pairs.
fn given(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// Areas as a set.
fn sorted(list: &str) -> Vec<String> {
    let mut names: Vec<String> = list.split_whitespace().map(str::to_owned).collect();
    names.sort();
    names
}

/// Fails when two Monte-Carlo chances are farther apart than both may scatter.
///
/// Three and a half standard deviations of the difference of two shares, with the pooled chance as that of both.
fn assert_chance(found: f64, golden: f64, (n_found, n_golden): (f64, f64)) {
    let p = (found * n_found + golden * n_golden) / (n_found + n_golden);
    let p = p.clamp(1.0 / n_golden, 1.0 - 1.0 / n_golden);
    let spread = (p * (1.0 - p) * (1.0 / n_found + 1.0 / n_golden)).sqrt();
    assert!(
        (found - golden).abs() <= 3.5 * spread,
        "found {found}, golden {golden}, standard deviation {spread}"
    );
}

/// Compares the columns of a found table with those of a golden one, row by row; pairs of names (found, golden).
fn assert_columns(found: &Table, golden: &Table, columns: &[(&str, &str)]) {
    assert!(found.rows.len() >= golden.rows.len());
    for (own, other) in columns {
        let pairs = found
            .texts(own)
            .unwrap()
            .into_iter()
            .zip(golden.texts(other).unwrap());
        for (own, other) in pairs {
            match (own.parse::<f64>(), other.parse::<f64>()) {
                (Ok(own), Ok(other)) => assert_close(own, other, 1e-8),
                _ => assert_eq!(sorted(own), sorted(other)),
            }
        }
    }
}

/// Compares Monte-Carlo chances.
fn assert_chances(found: &Table, golden: &Table, (own, other): (&str, &str), n: (f64, f64)) {
    let pairs = found
        .all_numbers(own)
        .unwrap()
        .into_iter()
        .zip(golden.all_numbers(other).unwrap());
    for (own, other) in pairs {
        assert_chance(own, other, n);
    }
}

/// The columns of smerc's tables that are exact.
const SMERC: &[(&str, &str)] = &[
    ("rank", "rank"),
    ("n_regions", "n_regions"),
    ("locids", "locids"),
    ("population", "population"),
    ("cases", "cases"),
    ("expected", "expected"),
    ("rr", "rr"),
    ("loglikrat", "loglikrat"),
];

#[test]
fn new_york_leukemia_as_smerc() {
    for (golden, distance) in [("cartesian", "euclidean"), ("longlat", "great_circle")] {
        let options = given(&[
            ("cases", "cases_floor"),
            ("x", "longitude"),
            ("y", "latitude"),
            ("distance", distance),
            ("replicates", "999"),
        ]);
        let found = SPATIAL
            .call(&table("scan/nydf_input.csv"), &options)
            .unwrap();
        let golden = table(&format!("scan/nydf_poisson_{golden}_ub50_smerc.csv"));
        assert_columns(&found, &golden, SMERC);
        assert_chances(&found, &golden, ("pvalue", "pvalue"), (1000.0, 1000.0));
    }
}

#[test]
fn north_carolina_infant_deaths_as_smerc() {
    let cases = [
        ("nc_sid74", "sid74", "births74", "id", "locids", 1000.0),
        (
            "nc_sids_1974_84",
            "sid74+sid79",
            "births74+births79",
            "name",
            "counties",
            10_000.0,
        ),
    ];
    for (file, cases, population, area, listed, n_golden) in cases {
        let options = given(&[
            ("area", area),
            ("cases", cases),
            ("population", population),
            ("replicates", "1999"),
        ]);
        let found = SPATIAL
            .call(&table("scan/nc_sids_input.csv"), &options)
            .unwrap();
        let golden = table(&format!("scan/{file}_poisson_xy_ub50_smerc.csv"));
        let mut columns = SMERC.to_vec();
        columns[2] = ("locids", listed);
        assert_columns(&found, &golden, &columns);
        assert_chances(&found, &golden, ("pvalue", "pvalue"), (2000.0, n_golden));
    }
}

#[test]
fn pennsylvania_lung_cancer_as_spatial_epi() {
    let mut input = table("scan/pennLC_input.csv");
    for (at, row) in input.rows.iter_mut().enumerate() {
        row[0] = (at + 1).to_string();
    }
    let options = given(&[
        ("area", "county"),
        ("x", "x_km"),
        ("y", "y_km"),
        ("model", "binomial"),
        ("replicates", "199"),
    ]);
    let found = SPATIAL.call(&input, &options).unwrap();
    let golden = table("scan/pennLC_binomial_ub50_SpatialEpi.csv");
    let columns = [
        ("rank", "rank"),
        ("n_regions", "n"),
        ("locids", "locids"),
        ("population", "population"),
        ("cases", "cases"),
        ("expected", "expected"),
        ("smr", "SMR"),
        ("loglikrat", "loglik"),
    ];
    assert_columns(&found, &golden, &columns);
    assert_chances(&found, &golden, ("pvalue", "pvalue"), (200.0, 1000.0));
}

#[test]
fn the_pennsylvania_counties_are_the_sums_of_their_strata() {
    let strata = table("scan/pennLC_strata.csv");
    let input = table("scan/pennLC_input.csv");
    let counties = strata.texts("county").unwrap();
    for column in ["cases", "population"] {
        let cells = strata.all_numbers(column).unwrap();
        let sums = input.all_numbers(column).unwrap();
        for (county, sum) in input.texts("county").unwrap().into_iter().zip(sums) {
            let own = counties
                .iter()
                .zip(&cells)
                .filter(|(name, _)| **name == county);
            assert_close(own.map(|(_, cell)| cell).sum(), sum, 1e-12);
        }
    }
}

/// The options of the New Mexico data.
fn new_mexico(more: &[(&str, &str)]) -> BTreeMap<String, String> {
    let places = path("scan_spacetime/NM_geo.csv");
    let zones = path("scan_spacetime/NM_zones_k15.csv");
    let mut options = given(&[
        ("area", "county"),
        ("time", "year"),
        ("cases", "count"),
        ("places", &places),
        ("x", "seat_long"),
        ("y", "seat_lat"),
        ("distance", "great_circle"),
        ("zones", &zones),
    ]);
    options.extend(given(more));
    options
}

/// The New Mexico data of some years.
fn new_mexico_since(first: u32) -> Table {
    let mut input = table("scan_spacetime/NM_popcas.csv");
    input
        .rows
        .retain(|row| row[1].parse::<u32>().unwrap() >= first);
    input
}

#[test]
fn new_mexico_prospectively_as_scanstatistics() {
    let models = [
        ("eb_poisson", "expectation", "constant", "relrisk"),
        ("pb_poisson", "poisson", "per_time", "relrisk_in"),
        (
            "permutation",
            "permutation_around",
            "per_time",
            "relrisk_in",
        ),
    ];
    let input = new_mexico_since(1986);
    for (file, model, rates, inside) in models {
        let options = new_mexico(&[
            ("windows", "sets"),
            ("label", "id"),
            ("model", model),
            ("rates", rates),
            ("max_length", "6"),
            ("min_cases", "1"),
            ("report", "windows"),
            ("max_clusters", "40"),
            ("replicates", "0"),
        ]);
        let found = SPACE_TIME.call(&input, &options).unwrap();
        let golden = table(&format!("scan_spacetime/NM_{file}_1986_1991_top40.csv"));
        let mut columns = vec![
            ("zone", "zone"),
            ("duration", "duration"),
            ("score", "score"),
            ("relrisk_in", inside),
            ("locations", "locations"),
        ];
        if golden.has("relrisk_out") {
            columns.push(("relrisk_out", "relrisk_out"));
        }
        assert_eq!(golden.rows.len(), 40);
        assert_columns(&found, &golden, &columns);
        assert_summary(&input, &options, file);
    }
}

/// Compares the law of the replicates with the golden summary.
fn assert_summary(input: &Table, options: &BTreeMap<String, String>, file: &str) {
    let mut options = options.clone();
    options.extend(given(&[("report", "summary"), ("replicates", "1999")]));
    let found = SPACE_TIME.call(input, &options).unwrap();
    let golden = table(&format!("scan_spacetime/NM_{file}_1986_1991_summary.csv"));
    let value = |table: &Table, name: &str| -> f64 {
        let at = table
            .texts("name")
            .unwrap()
            .iter()
            .position(|own| *own == name)
            .unwrap();
        table.all_numbers("value").unwrap()[at]
    };
    for name in ["mlc_score", "mlc_zone", "mlc_duration"] {
        assert_close(value(&found, name), value(&golden, name), 1e-8);
    }
    let n = (2000.0, 1000.0);
    assert_chance(value(&found, "MC_pvalue"), value(&golden, "MC_pvalue"), n);
    // The golden Gumbel law is fitted by maximum likelihood, ours by moments.
    assert_chance(
        value(&found, "Gumbel_pvalue"),
        value(&golden, "Gumbel_pvalue"),
        n,
    );
    let sd = value(&golden, "rep_sd");
    let mean_error = 3.5 * sd / 1000.0_f64.sqrt();
    assert!((value(&found, "rep_mean") - value(&golden, "rep_mean")).abs() < mean_error);
    assert!((value(&found, "rep_sd") / sd - 1.0).abs() < 0.15);
    // The golden quantile is that of 999 replicates, ours of 1,999.
    assert_close(value(&found, "rep_q95"), value(&golden, "rep_q95"), 0.1);
}

#[test]
fn new_mexico_retrospectively() {
    let options = new_mexico(&[
        ("place", "county"),
        ("periods", "retrospective"),
        ("max_length", "9"),
    ]);
    let found = SPACE_TIME.call(&new_mexico_since(1973), &options).unwrap();
    let golden = table("scan_spacetime/NM_retro_1973_1991_ub50_t9.csv");
    let columns = [
        ("rank", "rank"),
        ("center", "center"),
        ("locations", "counties"),
        ("start", "start"),
        ("end", "end"),
        ("cases", "cases"),
        ("expected", "expected"),
        ("llr", "llr"),
    ];
    assert_columns(&found, &golden, &columns);
    assert_chances(&found, &golden, ("p_mc", "p_mc"), (1000.0, 1000.0));
    assert_chances(
        &found,
        &golden,
        ("p_gumbel_mom", "p_gumbel_mom"),
        (1000.0, 1000.0),
    );
}

#[test]
fn flexible_windows_beat_circles_and_are_connected() {
    let neighbors = path("spatial/nc_neighbours_CR85.csv");
    let options = given(&[
        ("cases", "sid74"),
        ("population", "births74"),
        ("windows", "flexible"),
        ("neighbors", &neighbors),
        ("max_areas", "6"),
        ("replicates", "99"),
    ]);
    let input = table("scan/nc_sids_input.csv");
    let found = SPATIAL.call(&input, &options).unwrap();
    let score = |table: &Table| table.all_numbers("loglikrat").unwrap()[0];
    let mut small_circles = options.clone();
    small_circles.extend(given(&[("windows", "circles")]));
    // Every circle of six areas here is not connected by the neighbor list, but the best one is.
    assert!(score(&found) >= score(&SPATIAL.call(&input, &small_circles).unwrap()));
    let list = table("spatial/nc_neighbours_CR85.csv");
    let (ids, lists) = (list.texts("id").unwrap(), list.texts("neighbours").unwrap());
    for locids in found.texts("locids").unwrap() {
        let members = sorted(locids);
        let mut reached = vec![members[0].clone()];
        for _ in 0..members.len() {
            let touching = ids
                .iter()
                .zip(&lists)
                .filter(|(id, _)| reached.iter().any(|own| own == *id));
            let more: Vec<String> = touching.flat_map(|(_, list)| sorted(list)).collect();
            reached.extend(
                members
                    .iter()
                    .filter(|member| more.contains(member))
                    .cloned(),
            );
            reached.sort();
            reached.dedup();
        }
        assert_eq!(reached, members);
    }
    let mut many = options;
    many.extend(given(&[("max_areas", "100")]));
    let refused = SPATIAL.call(&input, &many).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "there are too many connected sets; lower `max_areas`"
    );
}

/// A hierarchy of needs: housing above rent and eviction, health above the rest.
const NEEDS: &str = "id,parent,cases,expected
all,,0,0
housing,all,0,0
rent,housing,19,10
eviction,housing,21,10
health,all,6,20
";

#[test]
fn a_branch_of_the_needs_is_found() {
    let options = given(&[("windows", "tree"), ("expected", "expected")]);
    let found = SPATIAL
        .call(&Table::parse(NEEDS).unwrap(), &options)
        .unwrap();
    assert_eq!(found.texts("locids").unwrap()[0], "housing rent eviction");
    assert_eq!(found.texts("center").unwrap()[0], "housing");
    assert_eq!(found.texts("radius").unwrap()[0], "");
    assert_close(
        found.all_numbers("expected").unwrap()[0],
        20.0 * 46.0 / 40.0,
        1e-12,
    );
}

#[test]
fn gumbel_chances_stand_in_pvalue_when_asked_for() {
    let options = given(&[
        ("windows", "tree"),
        ("expected", "expected"),
        ("p_value", "gumbel"),
    ]);
    let found = SPATIAL
        .call(&Table::parse(NEEDS).unwrap(), &options)
        .unwrap();
    assert_eq!(
        found.texts("pvalue").unwrap(),
        found.texts("pvalue_gumbel").unwrap()
    );
}

/// Three areas in four months, the second of which asks more at the end.
const MONTHS: &str = "area,time,x,y,cases,expected,variance
a,2026-01,0,0,2,2,3
b,2026-01,1,0,1,2,3
c,2026-01,5,0,3,2,3
a,2026-02,0,0,2,2,3
b,2026-02,1,0,2,2,3
c,2026-02,5,0,2,2,3
c,2026-03,5,0,1,2,3
a,2026-03,0,0,1,2,3
b,2026-03,1,0,8,2,3
a,2026-04,0,0,2,2,3
b,2026-04,1,0,9,2,3
c,2026-04,5,0,2,2,3
";

#[test]
fn every_model_reads_the_same_months() {
    let input = Table::parse(MONTHS).unwrap();
    for model in [
        "poisson",
        "permutation",
        "permutation_around",
        "expectation",
        "negative_binomial",
    ] {
        let options = given(&[
            ("model", model),
            ("expected", "expected"),
            ("variance", "variance"),
            ("max_share", "0.6"),
        ]);
        let found = SPACE_TIME.call(&input, &options).unwrap();
        let first = |column: &str| found.texts(column).unwrap()[0].to_owned();
        assert_eq!(first("locations"), "b");
        assert_eq!([first("start"), first("end")], ["2026-03", "2026-04"]);
        assert_eq!(first("cases"), "17");
    }
    let options = given(&[
        ("model", "negative_binomial"),
        ("expected", "expected"),
        ("dispersion", "1.5"),
    ]);
    let found = SPACE_TIME.call(&input, &options).unwrap();
    // Σ (y−μ)/w ÷ √(Σ μ/w) = 13/1.5 ÷ √(4/1.5).
    assert_close(
        found.all_numbers("llr").unwrap()[0],
        13.0 / 1.5 / (4.0_f64 / 1.5).sqrt(),
        1e-12,
    );
}

#[test]
fn what_cannot_be_read_is_refused_with_the_place() {
    let refused = |text: &str, pairs: &[(&str, &str)]| {
        let input = Table::parse(text).unwrap();
        SPACE_TIME
            .call(&input, &given(pairs))
            .unwrap_err()
            .to_string()
    };
    let expected = ("expected", "expected");
    let missing = MONTHS.replace("c,2026-03,5,0,1,2,3\n", "");
    assert_eq!(
        refused(&missing, &[expected]),
        "area `c` is missing at `2026-03`"
    );
    let twice = MONTHS.replace("a,2026-03", "a,2026-02");
    assert_eq!(
        refused(&twice, &[expected]),
        "area `a` stands twice at `2026-02`"
    );
    assert_eq!(
        refused(MONTHS, &[]),
        "model `poisson` needs a column `population` or `expected`"
    );
    let none = MONTHS.replace("b,2026-03,1,0,8,2", "b,2026-03,1,0,8,0");
    assert_eq!(
        refused(&none, &[expected]),
        "`b 2026-03` has cases where none is expected"
    );
    let half = MONTHS.replace("b,2026-03,1,0,8,2", "b,2026-03,1,0,8.5,2");
    assert_eq!(
        refused(&half, &[expected]),
        "line 10, column `cases`: `8.5` is not a whole number"
    );
    let low = ("variance", "expected");
    let low = refused(
        MONTHS,
        &[
            expected,
            low,
            ("model", "negative_binomial"),
            ("max_share", "2"),
        ],
    );
    assert_eq!(
        low,
        "option `max_share` cannot be `2`; it is above 0 and at most 1"
    );
}
