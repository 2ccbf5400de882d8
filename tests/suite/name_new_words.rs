//! An operator finds the words that the code list lacks, and gives a category its code.

use serde_json::Value;

use crate::commons::Commons;

/// The mapping of a platform's notices.
const MAPPING: &str = "sql/conformed/bacheca_digitale__annunci.sql";
/// The line of a category that no other platform has.
const SITTER: &str =
    "        ('Baby-sitter', 'A2.10', 'caring', 'famiglia_minori', 'digital_platform', 'help'),\n";

/// The candidates as JSON.
fn candidates(commons: &Commons) -> Vec<Value> {
    let words = ["vocabulary", "candidates", "--format", "json"];
    let found = commons.antenne(&words).expect_code(0).json();
    found.as_array().unwrap().clone()
}

/// The candidate of that key.
fn candidate<'c>(found: &'c [Value], key: &str) -> Option<&'c Value> {
    found.iter().find(|one| one["key"] == key)
}

#[test]
fn a_category_without_a_code_is_a_candidate_until_its_line_is_put_in() {
    let commons = Commons::small();
    commons.edit(MAPPING, SITTER, "");
    let run = ["run", "--until", "detect", "--talk", "quiet"];
    commons.antenne(&run).expect_code(0);

    let found = candidates(&commons);
    let sitter = candidate(&found, "baby sitter").unwrap();
    assert!(sitter["n_unmapped"].as_u64() >= Some(5), "{sitter}");
    assert_eq!(sitter["n_unmapped"], sitter["n_requests"]);
    assert_eq!(sitter["platforms"], serde_json::json!(["bacheca_digitale"]));
    assert_eq!(sitter["writings"][0]["label"], "baby-sitter");
    let csv = commons.antenne(&["vocabulary", "candidates", "--format", "csv"]);
    let csv = csv.expect_code(0).text();
    assert!(csv.starts_with("key,label,alert,"), "{csv}");
    assert!(csv.contains("\nbaby sitter,baby-sitter,"), "{csv}");

    let ask = ["vocabulary", "line", "BABY SITTER", "--code", "A2.10"];
    let told = commons.antenne(&ask).expect_code(0).text();
    let (place, line) = told.trim_end().split_once('\n').unwrap();
    assert!(place.starts_with(MAPPING), "{told}");
    assert!(
        line.trim().starts_with("('Baby-sitter', 'A2.10', "),
        "{told}"
    );
    let after: usize = place
        .rsplit(' ')
        .next()
        .and_then(|number| number.trim_end_matches(':').parse().ok())
        .unwrap();
    let mapping = commons.read(MAPPING);
    let mut lines: Vec<&str> = mapping.lines().collect();
    lines.insert(after, line);
    commons.write(MAPPING, lines.join("\n"));
    commons.antenne(&["check"]).expect_code(0);
    commons.antenne(&run).expect_code(0);
    assert_eq!(candidate(&candidates(&commons), "baby sitter"), None);
}

#[test]
fn a_code_that_is_not_in_the_list_and_a_word_nobody_writes_are_refused_with_the_remedy() {
    let commons = crate::commons::finished();
    let unknown = commons
        .antenne(&["vocabulary", "line", "orti", "--code", "Z9"])
        .expect_code(2);
    assert!(
        unknown
            .said
            .contains("`Z9` is not in `reference/needs.csv`")
    );
    let unused = commons
        .antenne(&["vocabulary", "line", "zeppelin", "--code", "A2.29"])
        .expect_code(2);
    assert!(
        unused
            .said
            .contains("no mapping has a category without a code")
    );
}
