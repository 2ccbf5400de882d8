//! A module uses only what stands in a row below its own, and stages do not know each other.

use regex::Regex;

use super::house::{File, House};
use super::rule::{Example, Finding, Look, Rule};

/// The rules about who may use whom.
pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "a module uses only rows below its own",
        look: Look::With(upward_uses),
        planted: &[
            Example {
                path: "src/lake/mod.rs",
                pieces: &["use crate::engine::Session;\n"],
            },
            Example {
                path: "src/canon/codes.rs",
                pieces: &["fn a() -> crate::cli::Answer {\n    todo()\n}\n"],
            },
            Example {
                path: "src/spec/mod.rs",
                pieces: &["use crate::{\n    canon::{Code, Role},\n    run::Plan,\n};\n"],
            },
            Example {
                path: "src/stats/ears.rs",
                pieces: &["use crate::Error;\n"],
            },
            Example {
                path: "src/unlisted.rs",
                pieces: &["//! A module that has no row.\n"],
            },
        ],
        clean: &[
            Example {
                path: "src/engine.rs",
                pieces: &[
                    "//! See [`crate::cli`].\nuse crate::{canon::Code, lake::{self, Zone}};\n",
                ],
            },
            Example {
                path: "src/lake/write.rs",
                pieces: &["use crate::lake::Zone;\n"],
            },
            Example {
                path: "src/lib.rs",
                pieces: &["pub use crate::cli::main;\n"],
            },
        ],
    },
    Rule {
        name: "stages never use each other",
        look: Look::With(stages_that_use_each_other),
        planted: &[
            Example {
                path: "src/stages/publish/csv.rs",
                pieces: &["use crate::stages::protect::Report;\n"],
            },
            Example {
                path: "src/stages/derive/mod.rs",
                pieces: &["use crate::stages::{derive::plan, detect};\n"],
            },
        ],
        clean: &[
            Example {
                path: "src/stages/publish/csv.rs",
                pieces: &["use crate::stages::publish::Report;\nuse crate::lake::Zone;\n"],
            },
            Example {
                path: "src/run.rs",
                pieces: &["use crate::stages::{derive, detect};\n"],
            },
        ],
    },
    Rule {
        name: "`super` does not leave the row",
        look: Look::With(supers_that_leave_the_row),
        planted: &[
            Example {
                path: "src/lake/write.rs",
                pieces: &["use super::super::cli::Answer;\n"],
            },
            Example {
                path: "src/run.rs",
                pieces: &["use super::cli::Answer;\n"],
            },
            Example {
                path: "src/stages/derive/mod.rs",
                pieces: &["use super::detect::plan;\n"],
            },
        ],
        clean: &[
            Example {
                path: "src/lake/write.rs",
                pieces: &["use super::Zone;\n"],
            },
            Example {
                path: "src/run.rs",
                pieces: &["fn a() {}\n#[cfg(test)]\nmod tests {\n    use super::a;\n}\n"],
            },
        ],
    },
];

/// Uses of a row above, or of something that stands in no row.
fn upward_uses(house: &House, file: &File) -> Vec<Finding> {
    let Some(own) = module_path(&file.path).first().cloned() else {
        return Vec::new();
    };
    let row_of = |name: &str| house.rows.iter().position(|row| row == name);
    let Some(own_row) = row_of(&own) else {
        return vec![file.finding(1, format!("`{own}` has no row in `ARCHITECTURE.md`"))];
    };
    let uses = crate_uses(file).into_iter();
    uses.filter_map(|(line, used)| match row_of(&used[0]) {
        Some(row) if row >= own_row => None,
        Some(_) => Some((
            line,
            format!("`{own}` uses `{}`, which stands above it", used[0]),
        )),
        None => Some((line, format!("`crate::{}` stands in no row", used[0]))),
    })
    .map(|(line, what)| file.finding(line, what))
    .collect()
}

/// Uses of one stage by another.
fn stages_that_use_each_other(_: &House, file: &File) -> Vec<Finding> {
    let path = module_path(&file.path);
    let [first, own, ..] = path.as_slice() else {
        return Vec::new();
    };
    if first != "stages" {
        return Vec::new();
    }
    let uses = crate_uses(file).into_iter();
    uses.filter(|(_, used)| used[0] == "stages" && used.get(1) != Some(own))
        .map(|(line, used)| {
            let name = used.join("::");
            file.finding(
                line,
                format!("stage `{own}` uses `{name}`: hand over through the lake"),
            )
        })
        .collect()
}

/// Chains of `super` that reach the root of the crate, or the folder of the stages.
fn supers_that_leave_the_row(_: &House, file: &File) -> Vec<Finding> {
    let path = module_path(&file.path);
    let n_kept = usize::from(path.first().is_some_and(|row| row == "stages") && path.len() > 1) + 1;
    if path.is_empty() {
        return Vec::new();
    }
    let chain = Regex::new(r"\b(?:super::)+").unwrap();
    let n_production_lines = file.n_production_lines();
    let code = file.code();
    let chains = (1..).zip(code.lines()).flat_map(|(line, text)| {
        chain
            .find_iter(text)
            .map(move |found| (line, found.as_str().matches("super").count()))
    });
    chains
        .filter(|(line, n_up)| {
            let is_in_tests = usize::from(*line > n_production_lines);
            *n_up > path.len() - n_kept + is_in_tests
        })
        .map(|(line, _)| file.finding(line, "write `crate::…` for what lies outside the row"))
        .collect()
}

/// `src/lake/write.rs` → `[lake, write]`; empty for `main.rs`, `lib.rs` and what is not under `src/`.
fn module_path(path: &str) -> Vec<String> {
    let Some(path) = path
        .strip_prefix("src/")
        .and_then(|path| path.strip_suffix(".rs"))
    else {
        return Vec::new();
    };
    if ["main", "lib"].contains(&path) {
        return Vec::new();
    }
    path.split('/')
        .filter(|part| *part != "mod")
        .map(str::to_owned)
        .collect()
}

/// Every `crate::…` of the code with its line, cut after two names, groups taken apart.
fn crate_uses(file: &File) -> Vec<(usize, Vec<String>)> {
    let code = file.code();
    let start = Regex::new(r"\bcrate\s*::").unwrap();
    start
        .find_iter(&code)
        .flat_map(|found| {
            let line = code[..found.start()].matches('\n').count() + 1;
            heads(&code[found.end()..], 2)
                .into_iter()
                .map(move |head| (line, head))
        })
        .collect()
}

/// The first `n_names` names of each path at the start of `text`: `{a::b::c, d}` → `[[a, b], [d]]`.
fn heads(text: &str, n_names: usize) -> Vec<Vec<String>> {
    let text = text.trim_start();
    if let Some(inside) = text.strip_prefix('{') {
        return items(inside)
            .into_iter()
            .flat_map(|item| heads(item, n_names))
            .collect();
    }
    let end = text.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
    let (name, rest) = text.split_at(end.unwrap_or(text.len()));
    match rest.trim_start().strip_prefix("::") {
        Some(rest) if n_names > 1 => heads(rest, n_names - 1)
            .into_iter()
            .map(|tail| [vec![name.to_owned()], tail].concat())
            .collect(),
        _ => vec![vec![name.to_owned()]],
    }
}

/// The items of a group whose opening brace was just read.
fn items(inside: &str) -> Vec<&str> {
    let mut items = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (at, letter) in inside.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' if depth > 0 => {}
            ',' | '}' => {
                items.push(inside[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
        if letter == '}' && start == at + 1 {
            break;
        }
    }
    items.retain(|item| !item.is_empty());
    items
}

#[test]
fn a_group_is_taken_apart() {
    let found = heads(
        "{\n    canon::{Code, Role},\n    run::plan::Plan,\n    lake\n}; fn x() {}",
        2,
    );
    let joined: Vec<String> = found.iter().map(|head| head.join("::")).collect();
    assert_eq!(joined, ["canon::Code", "canon::Role", "run::plan", "lake"]);
}
