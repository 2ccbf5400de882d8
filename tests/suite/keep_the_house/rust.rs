//! How the Rust sources are kept: names, lengths, what a test may not say, where a clock may be read.

use super::house::{File, House, ending};
use super::rule::{Example, Finding, Look, Pattern, Rule};

/// Names that say nothing about what is inside.
const BANNED_NAMES: [&str; 8] = [
    "utils", "util", "common", "helpers", "misc", "manager", "base", "core",
];

/// The longest a file may be before its unit tests.
const MAX_PRODUCTION_LINES: usize = 600;

/// The rules about Rust sources.
pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "a module is called by what it owns",
        look: Look::With(names_that_say_nothing),
        planted: &[
            Example {
                path: "src/lake/utils.rs",
                pieces: &["//! This and that.\n"],
            },
            Example {
                path: "src/common/mod.rs",
                pieces: &["//! This and that.\n"],
            },
            Example {
                path: "src/lake/mod.rs",
                pieces: &["pub(crate) mod helpers {\n}\n"],
            },
        ],
        clean: &[Example {
            path: "src/lake/commits.rs",
            pieces: &["mod commons_root {}\n"],
        }],
    },
    Rule {
        name: "the production part of a file stops at 600 lines",
        look: Look::With(files_too_long),
        planted: &[Example {
            path: "src/lake/mod.rs",
            pieces: &[LONG, LONG, LONG, "fn a() {}\n"],
        }],
        clean: &[
            Example {
                path: "src/lake/mod.rs",
                pieces: &[LONG, "#[cfg(test)]\n", LONG, LONG, LONG],
            },
            Example {
                path: "src/canon/a.rs",
                pieces: &["//! A table of data.\n", LONG, LONG, LONG],
            },
        ],
    },
    Rule {
        name: "no test is switched off or left to panic",
        look: Look::ForPattern(Pattern {
            concerns: is_rust,
            view: File::code,
            banned: r"#\[(ignore|should_panic)\b",
            excused_by: "",
            advice: "assert today's behavior and say what is wrong with it",
        }),
        planted: &[
            Example {
                path: "src/a.rs",
                pieces: &["#[test]\n#[", "ignore]\nfn a() {}\n"],
            },
            Example {
                path: "tests/suite/a.rs",
                pieces: &["#[", "should_panic(expected = \"x\")]\n"],
            },
        ],
        clean: &[Example {
            path: "src/a.rs",
            pieces: &["#[test]\nfn ignored_rows_are_counted() {}\n"],
        }],
    },
    Rule {
        name: "declarations keep the byte span of every value",
        look: Look::ForPattern(Pattern {
            concerns: |path| path.starts_with("src/spec"),
            view: File::code,
            banned: r"serde\([^)]*\b(tag|untagged|flatten)\b",
            excused_by: "",
            advice: "name the variant's table after the choice, `[fetch.http_json]`",
        }),
        planted: &[
            Example {
                path: "src/spec/source.rs",
                pieces: &["#[serde(deny_unknown_fields, tag = \"kind\")]\n"],
            },
            Example {
                path: "src/spec/mod.rs",
                pieces: &["    #[serde(flatten)]\n"],
            },
        ],
        clean: &[Example {
            path: "src/spec/source.rs",
            pieces: &["#[serde(rename_all = \"snake_case\")]\n"],
        }],
    },
    Rule {
        name: "declarations deny unknown fields",
        look: Look::With(declarations_that_take_anything),
        planted: &[Example {
            path: "src/spec/source.rs",
            pieces: &[
                "#[derive(Debug, Deserialize)]\npub(crate) struct Fetch {\n    url: String,\n}\n",
            ],
        }],
        clean: &[
            Example {
                path: "src/spec/source.rs",
                pieces: &[
                    "#[derive(Deserialize)]\n#[serde(deny_unknown_fields)]\nstruct Fetch {\n}\n",
                ],
            },
            Example {
                path: "src/spec/code.rs",
                pieces: &["#[derive(Deserialize)]\nstruct Code(String);\n"],
            },
            Example {
                path: "src/lake/a.rs",
                pieces: &["#[derive(Deserialize)]\nstruct Part {\n}\n"],
            },
        ],
    },
    Rule {
        name: "only `cli` and `context` read the clock",
        look: Look::ForPattern(Pattern {
            concerns: is_below_the_clock,
            view: File::code,
            banned: r"\b(SystemTime|Utc|Local)::now\b",
            excused_by: "",
            advice: "take the time as an argument, so that two runs agree",
        }),
        planted: &[Example {
            path: "src/lake/mod.rs",
            pieces: &["let at = Utc::", "now();\n"],
        }],
        clean: &[
            Example {
                path: "src/context.rs",
                pieces: &["let at = Utc::", "now();\n"],
            },
            Example {
                path: "src/cli/run.rs",
                pieces: &["let at = Utc::", "now();\n"],
            },
        ],
    },
    Rule {
        name: "errors keep their kind and their context",
        look: Look::ForPattern(Pattern {
            concerns: |path| path.starts_with("src/"),
            view: File::code,
            banned: r"#\[from\]|\banyhow\b|Result<[^=;{]*Box<dyn (std::error::)?Error",
            excused_by: "",
            advice: "give the error a variant that names the failed act and carries its cause",
        }),
        planted: &[
            Example {
                path: "src/lake/mod.rs",
                pieces: &["    Io(#[from] std::io::Error),\n"],
            },
            Example {
                path: "src/run.rs",
                pieces: &["fn run() -> Result<(), Box<dyn std::error::Error>> {\n"],
            },
        ],
        clean: &[Example {
            path: "src/lake/mod.rs",
            pieces: &["    #[source]\n    source: std::io::Error,\n"],
        }],
    },
];

/// Two hundred and fifty empty lines.
const LONG: &str = match std::str::from_utf8(&[b'\n'; 250]) {
    Ok(lines) => lines,
    Err(_) => "",
};

/// Whether a path is a Rust source.
fn is_rust(path: &str) -> bool {
    ending(path) == "rs"
}

/// Whether a path is a module that must be handed the time.
fn is_below_the_clock(path: &str) -> bool {
    let may_read = ["src/cli", "src/context", "src/main.rs"];
    path.starts_with("src/") && !may_read.iter().any(|prefix| path.starts_with(prefix))
}

/// Files, folders and inline modules with a name that says nothing.
fn names_that_say_nothing(_: &House, file: &File) -> Vec<Finding> {
    let Some(path) = file.path.strip_suffix(".rs") else {
        return Vec::new();
    };
    let is_banned = |name: &str| BANNED_NAMES.contains(&name);
    let advice = "says nothing: find out who owns what is in it";
    let in_path = path
        .split('/')
        .filter(|part| is_banned(part))
        .map(|part| (1, part.to_owned()));
    let code = file.code();
    let in_code = (1..).zip(code.lines()).filter_map(|(number, line)| {
        let (before, after) = line.split_once("mod ")?;
        let is_declaration = before.is_empty() || before.starts_with("pub");
        let name = after.trim_end_matches([';', '{', '}', ' ']);
        (is_declaration && is_banned(name)).then(|| (number, name.to_owned()))
    });
    in_path
        .chain(in_code)
        .map(|(line, name)| file.finding(line, format!("`{name}` {advice}")))
        .collect()
}

/// Files whose production part is too long, unless they say on top that they are a table of data.
fn files_too_long(_: &House, file: &File) -> Vec<Finding> {
    let mut head = file.text.lines().take_while(|line| line.starts_with("//!"));
    let n_lines = file.n_production_lines();
    let is_short = n_lines <= MAX_PRODUCTION_LINES;
    if !file.path.starts_with("src/") || is_short || head.any(|line| line.contains("table of data"))
    {
        return Vec::new();
    }
    vec![file.finding(
        n_lines,
        format!("{n_lines} lines before the tests, {MAX_PRODUCTION_LINES} at most"),
    )]
}

/// Structs with named fields that are read from a declaration and take keys nobody knows.
fn declarations_that_take_anything(_: &House, file: &File) -> Vec<Finding> {
    if !file.path.starts_with("src/spec") {
        return Vec::new();
    }
    let excuses = ["deny_unknown_fields", "transparent", "try_from", "from ="];
    let code = file.code();
    let mut attributes = String::new();
    let mut findings = Vec::new();
    for (number, line) in (1..).zip(code.lines()) {
        let is_struct = line.contains("struct ") && line.trim_end().ends_with('{');
        let is_read = attributes.contains("Deserialize");
        if is_struct && is_read && !excuses.iter().any(|excuse| attributes.contains(excuse)) {
            findings.push(file.finding(number, "add `#[serde(deny_unknown_fields)]`"));
        }
        let is_attribute =
            !["", "}"].contains(&line.trim()) && !is_struct && !line.contains("enum ");
        if is_attribute {
            attributes.push_str(line);
        } else {
            attributes.clear();
        }
    }
    findings
}
