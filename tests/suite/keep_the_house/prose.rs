//! How the pages are kept: links that lead somewhere, one sentence per line, decisions of one shape.

use regex::Regex;

use super::house::{File, House, ending};
use super::rule::{Example, Finding, Look, Rule};

/// The most lines `ARCHITECTURE.md` may have.
const MAX_ARCHITECTURE_LINES: usize = 200;

/// What every decision must say, in this order.
const DECISION_HEADINGS: [&str; 4] = ["## Context", "## Options", "## Decision", "## Price"];

/// The rules about Markdown pages.
pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "a link leads to a file of the repository",
        look: Look::With(links_that_lead_nowhere),
        planted: &[
            Example {
                path: "docs/a.md",
                pieces: &["Read [that](missing.md).\n"],
            },
            Example {
                path: "CONTRIBUTING.md",
                pieces: &["Read [that](docs/glossary.md#no-such-part).\n"],
            },
            Example {
                path: "docs/a.md",
                pieces: &["Read [that](../../elsewhere.md).\n"],
            },
            Example {
                path: "docs/a.md",
                pieces: &["# One\n\nRead [that](#two).\n"],
            },
        ],
        clean: &[
            Example {
                path: "docs/a.md",
                pieces: &["[x](../README.md), [y](https://example.org/z.md), [z](glossary.md)\n"],
            },
            Example {
                path: "docs/a.md",
                pieces: &["# One `two`, three\n\n[x](#one-two-three)\n\n```\n[a](b)\n```\n"],
            },
        ],
    },
    Rule {
        name: "one sentence per line",
        look: Look::With(lines_with_two_sentences),
        planted: &[Example {
            path: "docs/a.md",
            pieces: &["Do this first. Then do that.\n"],
        }],
        clean: &[
            Example {
                path: "docs/a.md",
                pieces: &["Do this first.\nThen S. Rossi and co. do that.\n"],
            },
            Example {
                path: "docs/a.md",
                pieces: &["| One. Two. |\n\n```\nDo this. Then that.\n```\n"],
            },
        ],
    },
    Rule {
        name: "the architecture page stays short",
        look: Look::With(architecture_too_long),
        planted: &[Example {
            path: "ARCHITECTURE.md",
            pieces: &[LINES, LINES, LINES],
        }],
        clean: &[Example {
            path: "ARCHITECTURE.md",
            pieces: &[LINES],
        }],
    },
    Rule {
        name: "a decision says its context, options, decision and price",
        look: Look::With(decisions_of_another_shape),
        planted: &[
            Example {
                path: "docs/decisions/0001-a.md",
                pieces: &["# A\n\n## Context\n\n## Decision\n"],
            },
            Example {
                path: "docs/decisions/first.md",
                pieces: &[DECISION],
            },
        ],
        clean: &[Example {
            path: "docs/decisions/0001-a.md",
            pieces: &[DECISION],
        }],
    },
];

/// Seventy empty lines.
const LINES: &str = match std::str::from_utf8(&[b'\n'; 70]) {
    Ok(lines) => lines,
    Err(_) => "",
};

/// A decision with all its parts.
const DECISION: &str = "# 0001 A\n\n## Context\n\n## Options\n\n## Decision\n\n## Price\n";

/// Whether a file is a page written by hand for readers of the repository.
fn is_page(file: &File) -> bool {
    let elsewhere = [
        "reference/",
        "sample-data/",
        "tests/",
        "docs/data-dictionary.md",
    ];
    ending(&file.path) == "md" && !elsewhere.iter().any(|prefix| file.path.starts_with(prefix))
}

/// The lines of a page outside its code blocks, numbered from 1.
fn lines_of_prose(text: &str) -> Vec<(usize, &str)> {
    let mut is_code = false;
    let numbered = (1..).zip(text.lines());
    numbered
        .filter(|(_, line)| {
            let is_fence = line.trim_start().starts_with("```");
            is_code ^= is_fence;
            !is_code && !is_fence
        })
        .collect()
}

/// Links to a file or a heading that is not there.
fn links_that_lead_nowhere(house: &House, file: &File) -> Vec<Finding> {
    if ending(&file.path) != "md" {
        return Vec::new();
    }
    let target = Regex::new(r"\]\(<?([^)\s>]+)").unwrap();
    let inline_code = Regex::new("`[^`]*`").unwrap();
    let mut findings = Vec::new();
    for (number, line) in lines_of_prose(&file.text) {
        let line = inline_code.replace_all(line, "``");
        let targets = target.captures_iter(&line).map(|found| found[1].to_owned());
        let broken = targets.filter(|target| !leads_somewhere(house, file, target));
        findings
            .extend(broken.map(|target| file.finding(number, format!("`{target}` is not there"))));
    }
    findings
}

/// Whether a link target exists; addresses of other places are taken on trust.
fn leads_somewhere(house: &House, file: &File, target: &str) -> bool {
    if target.contains("://") || target.starts_with("mailto:") {
        return true;
    }
    let (path, heading) = target.split_once('#').unwrap_or((target, ""));
    let Some(path) = resolve(file, path) else {
        return false;
    };
    if heading.is_empty() {
        return house.paths.contains(&path);
    }
    let page = house.files.iter().find(|file| file.path == path);
    page.is_some_and(|page| headings(&page.text).iter().any(|anchor| anchor == heading))
}

/// The path a link means, from the root of the repository; nothing if it leaves the repository.
fn resolve(file: &File, link: &str) -> Option<String> {
    if link.is_empty() {
        return Some(file.path.clone());
    }
    let mut parts: Vec<&str> = file
        .folder()
        .split('/')
        .filter(|part| !part.is_empty())
        .collect();
    for part in link.trim_end_matches('/').split('/') {
        match part {
            ".." => drop(parts.pop()?),
            "." => {}
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// The headings of a page as a link names them.
fn headings(text: &str) -> Vec<String> {
    let lines = lines_of_prose(text).into_iter();
    lines
        .filter(|(_, line)| line.starts_with('#'))
        .map(|(_, line)| line.trim_start_matches('#').trim())
        .map(|heading| {
            let kept = heading
                .chars()
                .filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
            kept.collect::<String>().to_lowercase().replace(' ', "-")
        })
        .collect()
}

/// Lines of prose in which one sentence ends and another begins.
fn lines_with_two_sentences(_: &House, file: &File) -> Vec<Finding> {
    if !is_page(file) {
        return Vec::new();
    }
    let boundary = Regex::new(r"[a-z0-9`)*][a-z0-9`)*][.!?] [A-Z][a-z]").unwrap();
    let lines = lines_of_prose(&file.text).into_iter();
    lines
        .filter(|(_, line)| !line.starts_with('|') && boundary.is_match(line))
        .filter(|(_, line)| {
            !["e.g. ", "i.e. ", "art. ", "etc. ", "co. "]
                .iter()
                .any(|short| line.contains(short))
        })
        .map(|(number, _)| file.finding(number, "begin a new line for each sentence"))
        .collect()
}

/// An architecture page that nobody reads to the end.
fn architecture_too_long(_: &House, file: &File) -> Vec<Finding> {
    let n_lines = file.text.lines().count();
    if file.path != "ARCHITECTURE.md" || n_lines < MAX_ARCHITECTURE_LINES {
        return Vec::new();
    }
    vec![file.finding(
        n_lines,
        format!("{n_lines} lines, fewer than {MAX_ARCHITECTURE_LINES} wanted"),
    )]
}

/// Decisions without a number in their name or with a part missing or out of order.
fn decisions_of_another_shape(_: &House, file: &File) -> Vec<Finding> {
    let Some(name) = file.path.strip_prefix("docs/decisions/") else {
        return Vec::new();
    };
    let is_numbered = Regex::new(r"^[0-9]{4}-[a-z0-9-]+\.md$")
        .unwrap()
        .is_match(name);
    let lines = file.text.lines().filter(|line| line.starts_with("## "));
    let has_all = lines.eq(DECISION_HEADINGS);
    let named = (!is_numbered).then(|| file.finding(1, "call it `0001-title.md`"));
    let shaped =
        (!has_all).then(|| file.finding(1, format!("its parts are {DECISION_HEADINGS:?}")));
    named.into_iter().chain(shaped).collect()
}
