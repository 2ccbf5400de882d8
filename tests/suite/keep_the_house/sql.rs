//! How the SQL models are kept, beyond what the SQL linter knows.

use super::house::{File, House, ending};
use super::rule::{Example, Finding, Look, Pattern, Rule};

/// The rules about SQL models.
pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "a model opens with its header",
        look: Look::With(models_without_a_header),
        planted: &[Example {
            path: "sql/derived/visits.sql",
            pieces: &["select 1 as one\n"],
        }],
        clean: &[
            Example {
                path: "sql/derived/visits.sql",
                pieces: &["/* model\ngrain = []\n*/\nselect 1 as one\n"],
            },
            Example {
                path: "sample-data/wemi/dump.sql",
                pieces: &["create table ente (id integer);\n"],
            },
        ],
    },
    Rule {
        name: "a model names its columns and stays inside its memory",
        look: Look::ForPattern(Pattern {
            concerns: is_model,
            view: File::everything,
            banned: r"(?i)\bselect\s+\*|\b(right|left anti) join\b|\bcount\(\s*distinct\b",
            excused_by: "",
            advice: "name the columns, group in two steps, turn the join round, or write `not exists`",
        }),
        planted: &[
            Example {
                path: "sql/derived/a.sql",
                pieces: &["/* model */\nselect * from conformed.visits\n"],
            },
            Example {
                path: "sql/derived/a.sql",
                pieces: &["select count(distinct person_key) as n\n"],
            },
            Example {
                path: "sql/derived/a.sql",
                pieces: &["left anti join needs using (need_code)\n"],
            },
        ],
        clean: &[
            Example {
                path: "sql/derived/a.sql",
                pieces: &["select count(*) as n_visits from visits\n"],
            },
            Example {
                path: "sql/derived/a.sql",
                pieces: &["from visits left join needs\n"],
            },
        ],
    },
];

/// Whether a path is a model.
fn is_model(path: &str) -> bool {
    path.starts_with("sql/") && ending(path) == "sql"
}

/// Models that do not begin with the header comment.
fn models_without_a_header(_: &House, file: &File) -> Vec<Finding> {
    if !is_model(&file.path) || file.text.starts_with("/* model\n") {
        return Vec::new();
    }
    vec![file.finding(
        1,
        "a model begins with `/* model`: description, grain, columns with role and meaning",
    )]
}
