//! Commands shown to readers exist: targets of the `Makefile`, verbs and options of `antenne`.

use std::collections::BTreeSet;

use regex::Regex;

use super::house::{File, House, ending};
use super::rule::{Example, Finding, Look, Rule};

/// What a newcomer may be asked to type beside `make` and `antenne`.
const KNOWN_PROGRAMS: [&str; 6] = ["cargo", "cd", "cp", "export", "git", "mkdir"];

/// Words between two commands on one line.
const BETWEEN_COMMANDS: [&str; 5] = ["&&", "||", "|", ";", "&"];

/// The rules about commands in pages.
pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "a command shown to a reader exists",
        look: Look::With(commands_that_do_not_exist),
        planted: &[
            Example {
                path: "docs/a.md",
                pieces: &["```sh\nmake everything\n```\n"],
            },
            Example {
                path: "README.md",
                pieces: &["```sh\nantenne ingest\n```\n"],
            },
            Example {
                path: "docs/a.md",
                pieces: &["```sh\ncd x && target/release/antenne sample skore\n```\n"],
            },
            Example {
                path: "docs/a.md",
                pieces: &["```sh\nantenne run --never\n```\n"],
            },
        ],
        clean: &[
            Example {
                path: "README.md",
                pieces: &[
                    "```sh\n# all of it\nmake run   # first\nantenne sample score --format json\n```\n",
                ],
            },
            Example {
                path: "docs/a.md",
                pieces: &["```sh\nNO_COLOR=1 antenne run --dry-run | less\n```\n"],
            },
            Example {
                path: "docs/a.md",
                pieces: &["```text\nmake everything\n```\n"],
            },
        ],
    },
    Rule {
        name: "the first page asks for nothing a newcomer lacks",
        look: Look::With(programs_a_newcomer_lacks),
        planted: &[Example {
            path: "README.md",
            pieces: &["```sh\njq . report.json\n```\n"],
        }],
        clean: &[
            Example {
                path: "README.md",
                pieces: &["```sh\ngit clone URL && cd antenne\nmake run\n```\n"],
            },
            Example {
                path: "docs/a.md",
                pieces: &["```sh\njq . report.json\n```\n"],
            },
        ],
    },
];

/// Targets, verbs and options that nobody knows.
fn commands_that_do_not_exist(house: &House, file: &File) -> Vec<Finding> {
    let commands = commands_of(file).into_iter();
    commands
        .filter_map(|(line, words)| {
            let arguments = &words[1..];
            let wrong = match words[0].rsplit('/').next()? {
                "make" => unknown_target(house, arguments),
                "antenne" => unknown_verb_or_option(house, arguments),
                _ => None,
            };
            Some(file.finding(line, wrong?))
        })
        .collect()
}

/// Programs of the first page that are neither ours nor on every machine.
fn programs_a_newcomer_lacks(_: &House, file: &File) -> Vec<Finding> {
    if file.path != "README.md" {
        return Vec::new();
    }
    let is_known =
        |program: &str| ["make", "antenne"].contains(&program) || KNOWN_PROGRAMS.contains(&program);
    let commands = commands_of(file).into_iter();
    commands
        .filter(|(_, words)| !is_known(&words[0]))
        .map(|(line, words)| file.finding(line, format!("`{}` may be missing", words[0])))
        .collect()
}

/// The first target that the `Makefile` does not have.
fn unknown_target(house: &House, arguments: &[String]) -> Option<String> {
    let mut targets = arguments
        .iter()
        .filter(|word| !word.starts_with('-') && !word.contains('='));
    let unknown = targets.find(|target| !house.make_targets.contains(*target))?;
    Some(format!("the `Makefile` has no target `{unknown}`"))
}

/// The first verb or option that the help texts do not name.
fn unknown_verb_or_option(house: &House, arguments: &[String]) -> Option<String> {
    let mut verbs: Vec<String> = Vec::new();
    let mut help = (house.help)(&verbs)?;
    for word in arguments {
        let known = verbs_of(&help);
        let takes_verbs = verbs.is_empty() || !known.is_empty();
        if word.starts_with('-') || !takes_verbs {
            break;
        }
        if !known.contains(word) {
            return Some(format!("`{}` has no verb `{word}`", full_name(&verbs)));
        }
        verbs.push(word.clone());
        help = (house.help)(&verbs)?;
    }
    let mut options = arguments
        .iter()
        .filter(|word| word.starts_with("--") && word.len() > 2);
    let unknown = options.find(|option| !has_option(&help, option))?;
    Some(format!("`{}` has no option `{unknown}`", full_name(&verbs)))
}

/// A command as a reader types it.
fn full_name(verbs: &[String]) -> String {
    let words = ["antenne"]
        .into_iter()
        .chain(verbs.iter().map(String::as_str));
    words.collect::<Vec<_>>().join(" ")
}

/// The verbs listed under `Commands:` in a help text.
fn verbs_of(help: &str) -> BTreeSet<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = lines.take_while(|line| !line.is_empty());
    let names = listed.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names
        .filter_map(|line| Some(line.split_whitespace().next()?.to_owned()))
        .collect()
}

/// Whether a help text names an option.
fn has_option(help: &str, option: &str) -> bool {
    let name = option.split('=').next().unwrap_or(option);
    let mut words = help.split(|letter: char| letter.is_whitespace() || ",[<=`.".contains(letter));
    words.any(|word| word == name)
}

/// The commands in the `sh` blocks of a page, each as its words, with its line.
fn commands_of(file: &File) -> Vec<(usize, Vec<String>)> {
    if ending(&file.path) != "md" {
        return Vec::new();
    }
    let mut block = "";
    let mut commands = Vec::new();
    for (number, line) in (1..).zip(file.text.lines()) {
        match (line.trim().strip_prefix("```"), block) {
            (Some("sh"), _) => block = "sh",
            (Some(_), "") => block = "other",
            (Some(_), _) => block = "",
            (None, "sh") => commands.extend(split(line).into_iter().map(|words| (number, words))),
            (None, _) => {}
        }
    }
    commands
}

/// The commands of one line, without comments, settings and prompts.
fn split(line: &str) -> Vec<Vec<String>> {
    let word = Regex::new(r#"(?:"[^"]*"|'[^']*'|[^\s"'])+"#).unwrap();
    let setting = Regex::new(r"^[A-Z_]+=").unwrap();
    let words: Vec<&str> = word.find_iter(line).map(|found| found.as_str()).collect();
    let shown: Vec<&str> = words
        .into_iter()
        .take_while(|word| !word.starts_with('#'))
        .collect();
    shown
        .split(|word| BETWEEN_COMMANDS.contains(word))
        .map(|command| {
            let skipped = command
                .iter()
                .skip_while(|word| **word == "$" || setting.is_match(word));
            skipped.map(|word| (*word).to_owned()).collect::<Vec<_>>()
        })
        .filter(|command| !command.is_empty())
        .collect()
}

#[test]
fn quotes_keep_a_query_in_one_word() {
    let commands = split("$ X=1 antenne query \"select a; | b\" | less # see below");
    assert_eq!(
        commands,
        [vec!["antenne", "query", "\"select a; | b\""], vec!["less"]]
    );
}
