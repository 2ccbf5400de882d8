//! A newcomer starts a commons of their own.

use crate::commons::Commons;

#[test]
fn a_new_commons_has_no_mistakes_and_runs() {
    let folder = Commons::empty();
    folder.antenne(&["init", "ours"]).expect_code(0);
    let check = folder
        .antenne(&["check", "--commons", "ours"])
        .expect_code(0);
    assert!(check.text().contains("no mistakes"), "{}", check.text());
    let run = folder.antenne(&["run", "--commons", "ours"]).expect_code(0);
    assert!(run.text().contains("closed"), "{}", run.text());
    let status = folder
        .antenne(&["status", "--commons", "ours", "--format", "json"])
        .expect_code(0)
        .json();
    let version = status["last_release"].as_str().unwrap();
    assert!(
        folder
            .path(&format!("ours/releases/{version}/site/it/index.html"))
            .is_file()
    );
    let sources = status["sources"].as_array().unwrap();
    assert!(
        !sources.is_empty() && sources.iter().all(|line| line["closed"] == true),
        "{status}"
    );
}

#[test]
fn every_new_commons_has_a_key_of_its_own_that_is_not_committed() {
    let folder = Commons::empty();
    folder.antenne(&["init", "one"]).expect_code(0);
    folder.antenne(&["init", "other"]).expect_code(0);
    let key = |name: &str| folder.read(&format!("{name}/secrets/pseudonym.key"));
    assert_ne!(key("one"), key("other"));
    assert!(
        folder
            .read("one/.gitignore")
            .lines()
            .any(|line| line == "/secrets")
    );
}

#[test]
fn a_folder_in_use_is_left_alone() {
    let folder = Commons::empty();
    folder.write("ours/letter.txt", "keep me");
    let answer = folder.antenne(&["init", "ours"]).expect_code(2);
    assert!(answer.said.contains("not empty"), "{}", answer.said);
    assert_eq!(folder.files("ours").len(), 1);
}
