//! The SQL linter, where it is installed.
//!
//! It is a Python tool: `make check` brings it, `make test` does without it and says so.

use std::io::{Write, stderr};
use std::path::Path;
use std::process::Command;

#[test]
fn the_models_pass_the_sql_linter() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sqlfluff = root.join(".venv/bin/sqlfluff");
    if !sqlfluff.exists() {
        let is_required = std::env::var_os("ANTENNE_REQUIRE_ALL").is_some_and(|value| value == "1");
        assert!(
            !is_required,
            "`sqlfluff` is missing: `make check` installs it"
        );
        writeln!(
            stderr(),
            "\nSKIPPED: the SQL linter is missing; `make check` installs it\n"
        )
        .unwrap();
        return;
    }
    let output = Command::new(sqlfluff)
        .args(["lint", "sql"])
        .current_dir(root)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}
