//! An operator reads a format that others already exchange.

use crate::commons::Commons;

/// A new commons with a preset and its invented records.
fn with_preset(preset: &str, platform: &str) -> Commons {
    let folder = Commons::empty();
    folder.antenne(&["init", "ours"]).expect_code(0);
    let words = ["preset", "add", preset, "--as", platform, "--sample"];
    ours(&folder, &words).expect_code(0);
    let check = ours(&folder, &["check"]).expect_code(0);
    assert!(check.said.contains("no mistakes"), "{}", check.said);
    ours(&folder, &["acquire", "--source", platform]).expect_code(0);
    folder
}

/// Runs a command in the new commons.
fn ours(folder: &Commons, words: &[&str]) -> crate::commons::Answer {
    folder.antenne(&[words, &["--commons", "ours"]].concat())
}

/// Books of a platform: table, source count, accepted, rejected, duplicate, superseded, closed.
fn books(folder: &Commons, platform: &str) -> Vec<String> {
    let sql = format!(
        "select source_table, source_count, accepted, rejected, duplicate, superseded from conformed.books where platform = '{platform}' order by source_table"
    );
    lines(folder, &sql)
}

/// The rows of an answer, without its header.
fn lines(folder: &Commons, sql: &str) -> Vec<String> {
    let answer = ours(folder, &["query", "--private", sql, "--format", "csv"]);
    let text = answer.expect_code(0).text();
    text.lines().skip(1).map(str::to_owned).collect()
}

#[test]
fn the_presets_are_listed() {
    let listed = Commons::empty().antenne(&["preset", "list"]).expect_code(0);
    let text = listed.text();
    let names = text
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    let names: Vec<&str> = names.collect();
    let expected = [
        "hsds",
        "hsds_api",
        "threesixtygiving",
        "threesixtygiving_json",
    ];
    assert_eq!(names, expected);
}

#[test]
fn hsds_tables_become_providers_and_places() {
    let folder = with_preset("hsds", "vicinato");
    // One address lies in no comune: its row is rejected, which is over the limit of the source.
    ours(&folder, &["conform", "--source", "vicinato"]);
    let expected = [
        "addresses,4,3,1,0,0",
        "locations,4,4,0,0,0",
        "organizations,3,3,0,0,0",
        "service_at_location,4,4,0,0,0",
        "service_capacity,4,3,0,0,1",
        "services,6,5,0,1,0",
        "units,2,2,0,0,0",
    ];
    assert_eq!(books(&folder, "vicinato"), expected);
    let providers = "select name, legal_status, comune_code, n_services, capacity_per_month from conformed.providers where platform = 'vicinato' order by name";
    let expected = [
        "Associazione Vicini di casa,association,,1,",
        "Cooperativa Il Ponte,social_cooperative,098019,2,240",
        "Sportello in rete,,,0,",
    ];
    assert_eq!(lines(&folder, providers), expected);
    let places = "select name, comune_code, n_activities from conformed.places where platform = 'vicinato' order by name";
    let expected = ["Centro diurno Il Ponte,098031,2", "La mensa,098019,1"];
    assert_eq!(lines(&folder, places), expected);
}

#[test]
fn pages_of_an_hsds_api_become_providers_and_places() {
    let folder = with_preset("hsds_api", "hsds_api");
    ours(&folder, &["conform", "--source", "hsds_api"]);
    let expected = ["service_at_locations,4,3,1,0,0", "services,3,3,0,0,0"];
    assert_eq!(books(&folder, "hsds_api"), expected);
    let providers = "select name, comune_code, n_services from conformed.providers where platform = 'hsds_api' order by name";
    let expected = ["Cooperativa Il Ponte,098031,2", "Sportello in rete,,0"];
    assert_eq!(lines(&folder, providers), expected);
    let places =
        "select name, comune_code, n_activities from conformed.places where platform = 'hsds_api'";
    assert_eq!(lines(&folder, places), ["Centro diurno Il Ponte,098031,2"]);
}

#[test]
fn grants_become_projects_from_a_table_and_from_a_package() {
    let projects = |platform: &str| {
        format!(
            "select title, funder, programme, comune_code, starts_on, ends_on, grant_eur from conformed.projects where platform = '{platform}' order by title"
        )
    };
    let first = "Vicini che aiutano,Fondazione Inventata,Buon vicinato,098031,2026-01-01,2026-12-31,27500.50";
    let folder = with_preset("threesixtygiving", "fondazioni");
    ours(&folder, &["conform", "--source", "fondazioni"]);
    assert_eq!(books(&folder, "fondazioni"), ["grants,5,3,1,0,1"]);
    let expected = [
        "Shared caregivers,Invented Trust,,,2026-05-01,2026-10-31,",
        "Una casa per più generazioni,Fondazione Inventata,,098019,2026-04-01,,12000.00",
        first,
    ];
    assert_eq!(lines(&folder, &projects("fondazioni")), expected);

    let folder = with_preset("threesixtygiving_json", "pacchetto");
    ours(&folder, &["conform", "--source", "pacchetto"]);
    // The package says nowhere how many grants it holds.
    assert_eq!(books(&folder, "pacchetto"), ["grants,,2,1,0,0"]);
    let expected = ["Orto comune,Fondazione Inventata,,,,,", first];
    assert_eq!(lines(&folder, &projects("pacchetto")), expected);
}

#[test]
fn a_preset_replaces_nothing_and_may_point_elsewhere() {
    let folder = Commons::empty();
    let add = [
        "preset",
        "add",
        "hsds",
        "--url",
        "https://data.example.org/hsds/",
    ];
    let lost = folder.antenne(&add).expect_code(2);
    assert!(lost.said.contains("is no commons"), "{}", lost.said);
    folder.antenne(&["init", "ours"]).expect_code(0);
    ours(&folder, &add).expect_code(0);
    let contract = folder.read("ours/pipelines/sources/hsds.toml");
    assert!(contract.contains("\"https://data.example.org/hsds/units.csv\""));
    assert!(!contract.contains("sample-data"));
    let again = ours(&folder, &add).expect_code(2);
    assert!(again.said.contains("is there already"), "{}", again.said);
    let unknown = ours(&folder, &["preset", "add", "hsd"]).expect_code(2);
    assert!(unknown.said.contains("only `hsds`"), "{}", unknown.said);
    let badly = ours(
        &folder,
        &["preset", "add", "hsds", "--as", "Vicini di casa"],
    );
    assert!(badly.expect_code(2).said.contains("cannot name"));
}
