//! What no file of the repository may say, whatever its kind.

use super::house::File;
use super::rule::{Example, Look, Pattern, Rule};

/// The rules about all text files.
pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "work left to do carries the number of its issue",
        look: Look::ForPattern(Pattern {
            concerns: is_written_here,
            view: File::everything,
            banned: concat!(r"\b(TO", r"DO|FIX", r"ME)\b"),
            excused_by: concat!(r"\b(TO", r"DO|FIX", r"ME)\b:? ?\(?#[0-9]+"),
            advice: "add the number of the issue, `#12`, or do it now",
        }),
        planted: &[
            Example {
                path: "src/a.rs",
                pieces: &["// TO", "DO: find a better name\n"],
            },
            Example {
                path: "Makefile",
                pieces: &["# FIX", "ME later\n"],
            },
        ],
        clean: &[
            Example {
                path: "src/a.rs",
                pieces: &["// TO", "DO(#12): find a better name\n"],
            },
            Example {
                path: "reference/words.csv",
                pieces: &["A1,TO", "DO\n"],
            },
        ],
    },
    Rule {
        name: "nothing points at one machine",
        look: Look::ForPattern(Pattern {
            // Listings of other programs stand as these printed them.
            concerns: |path| path != "Cargo.lock" && !path.starts_with("tests/golden/scan/"),
            view: File::everything,
            banned: r#"(^|[\s"'`(=:])(/(work|home|root|Users|mnt)/[\w.]|[A-Z]:\\Users\\|\.\./shared\b)"#,
            excused_by: "",
            advice: "a stranger does not have this path; give one inside the repository",
        }),
        planted: &[
            Example {
                path: "docs/a.md",
                pieces: &["See `..", "/shared/notes.md`.\n"],
            },
            Example {
                path: "src/a.rs",
                pieces: &["let path = \"/ho", "me/maria/lake\";\n"],
            },
            Example {
                path: "Makefile",
                pieces: &["LAKE = /wo", "rk/main/lake\n"],
            },
        ],
        clean: &[Example {
            path: "docs/a.md",
            pieces: &["Write to `lake/work/x`, see `../home.md`.\n"],
        }],
    },
    Rule {
        name: "no registry is named where its client can choose it",
        look: Look::ForPattern(Pattern {
            concerns: |path| !is_lock_file(path),
            view: File::everything,
            banned: r"(?i)\b((static\.|index\.)?crates\.io|pypi\.org|pythonhosted\.org|npmjs\.(org|com))\b",
            excused_by: "",
            advice: "name the package and its version; the client knows its registry",
        }),
        planted: &[
            Example {
                path: "docs/a.md",
                pieces: &["From crates", ".io.\n"],
            },
            Example {
                path: "requirements-dev.txt",
                pieces: &["--index-url https://pypi", ".org/simple\n"],
            },
        ],
        clean: &[
            Example {
                path: "Cargo.lock",
                pieces: &[
                    "source = \"registry+https://github.com/crates",
                    ".io-index\"\n",
                ],
            },
            Example {
                path: "docs/a.md",
                pieces: &["Many crates in one package.\n"],
            },
        ],
    },
];

/// Whether a file is written here, rather than brought from a source or invented.
fn is_written_here(path: &str) -> bool {
    let foreign = [
        "Cargo.lock",
        "LICENSE",
        "reference/",
        "sample-data/",
        "tests/golden/",
    ];
    !foreign.iter().any(|prefix| path.starts_with(prefix))
}

/// Whether a file is written by a package manager.
fn is_lock_file(path: &str) -> bool {
    path.ends_with("Cargo.lock") || path.ends_with("package-lock.json")
}
