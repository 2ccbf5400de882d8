//! A SQL model: one plain SQL file that opens with a TOML header.
//!
//! ```sql
//! /* model
//! description = { it = "Richieste per ambito e mese.", en = "Requests by district and month." }
//! grain = ["district_code", "month"]
//! checks = ["unique(grain)", "n_persons <= n_requests"]
//!
//! [columns]
//! district_code = { role = "key", it = "Codice dell'ambito.", en = "District code." }
//! */
//! select …
//! ```
//!
//! What a model reads is not declared: it is read from the parsed SQL.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;

use datafusion::sql::parser::{DFParser, Statement};
use datafusion::sql::resolve::resolve_table_references;
use schemars::JsonSchema;
use serde::Deserialize;

use super::diagnostic::{Diagnostic, SourceText, word_from};
use super::text::Bilingual;

/// Header of a model.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelHeader {
    /// What one row is.
    pub description: Bilingual,
    /// Canonical table the rows go into; only for models of `sql/conformed/`.
    pub into: Option<String>,
    /// Columns that identify a row.
    #[serde(default)]
    pub grain: Vec<String>,
    /// Columns by which rows are laid down, where not by the grain: what is read together lies together.
    #[serde(default)]
    pub order: Vec<String>,
    /// What must hold before the table becomes visible.
    #[serde(default)]
    pub checks: Vec<String>,
    /// What is reported where it does not hold, and keeps no table back.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// Themes the model belongs to; `tag:NAME` selects by them.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Who answers for the model.
    #[serde(default)]
    pub owner: String,
    /// Role and meaning of every column.
    #[serde(default)]
    pub columns: BTreeMap<String, ColumnText>,
}

impl ModelHeader {
    /// Whether a row may be one person's: some column points at one or helps to.
    pub(crate) fn has_persons(&self) -> bool {
        self.columns
            .values()
            .any(|column| matches!(column.role, Role::Identifier | Role::QuasiIdentifier))
    }
}

/// Role and meaning of a column.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ColumnText {
    /// What the column is for disclosure control.
    pub role: Role,
    /// Unit of the values, if they have one.
    #[serde(default)]
    pub unit: String,
    /// Meaning in Italian.
    pub it: String,
    /// Meaning in English.
    pub en: String,
    /// Numerator and denominator of a rate: two columns of the same table.
    #[serde(default)]
    pub rate: Vec<String>,
    /// What the column is in a theory of change.
    pub vis: Option<Vis>,
}

/// Place of an indicator in a theory of change (valutazione di impatto sociale, DM 23 July 2019).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Vis {
    /// What is put in: money, hours, persons.
    Input,
    /// What is done.
    Activity,
    /// What comes out at once.
    Output,
    /// What changes for people.
    Outcome,
}

/// What a column is for disclosure control.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Part of the grain.
    Key,
    /// A number of things.
    Count,
    /// A measured or computed number.
    Measure,
    /// Harmless alone, identifying together with others.
    QuasiIdentifier,
    /// Points at one person or record.
    Identifier,
    /// A listed code.
    Code,
}

impl Role {
    /// Word used in dictionaries.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Count => "count",
            Self::Measure => "measure",
            Self::QuasiIdentifier => "quasi_identifier",
            Self::Identifier => "identifier",
            Self::Code => "code",
        }
    }
}

/// A model ready to run.
#[derive(Debug, Clone)]
pub struct Model {
    /// Schema and name, for example `derived.demand_by_district_need_month`.
    pub name: String,
    /// What the header says.
    pub header: ModelHeader,
    /// The statement.
    pub sql: String,
    /// Tables it reads, as `schema.name`.
    pub inputs: BTreeSet<String>,
    /// The file, for diagnostics.
    pub(crate) text: SourceText,
}

impl Model {
    /// Reads `text`, the content of `sql/<schema>/<stem>.sql`; every mistake of header and
    /// statement.
    pub(crate) fn parse(
        schema: &str,
        stem: &str,
        text: SourceText,
    ) -> (Option<Self>, Vec<Diagnostic>) {
        let header_at = match header_range(&text) {
            Ok(range) => range,
            Err(mistake) => return (None, vec![mistake]),
        };
        let (header, mut mistakes) = text.parse_toml_part::<ModelHeader>(header_at.clone());
        let body_start = header_at.end + "*/".len();
        let sql = text
            .text
            .get(body_start..)
            .unwrap_or_default()
            .trim()
            .to_owned();
        let sql = sql.trim_end_matches(';').to_owned();
        let inputs = inputs_of(&text, body_start, &sql);
        let inputs = inputs.map_err(|mistake| mistakes.push(mistake)).ok();
        let model = header.zip(inputs).map(|(header, inputs)| {
            let name = format!("{schema}.{stem}");
            let inputs = with_those_of_checks(&name, &header, inputs);
            Self {
                name,
                header,
                sql,
                inputs,
                text,
            }
        });
        (model, mistakes)
    }

    /// Name without its schema.
    pub(crate) fn stem(&self) -> &str {
        self.name
            .split_once('.')
            .map_or(&*self.name, |(_, stem)| stem)
    }

    /// The statement without comments and layout, so that only a change of meaning counts.
    pub(crate) fn normalized_sql(&self) -> String {
        DFParser::parse_sql(&self.sql).map_or_else(
            |_unparsed| self.sql.clone(),
            |statements| {
                statements
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(";")
            },
        )
    }

    /// Whether `word` stands in the statement.
    pub(crate) fn has_word(&self, word: &str) -> bool {
        word_from(&self.sql, 0, word).is_some()
    }

    /// A diagnostic that marks `needle` in the statement rather than in the header.
    pub(crate) fn statement_mistake(
        &self,
        needle: &str,
        message: String,
        help: &str,
    ) -> Diagnostic {
        self.sql_mistake(word_from(&self.sql, 0, needle), needle, message, help)
    }

    /// A diagnostic that marks a column of the answer: its name in the last `select`.
    pub(crate) fn answer_mistake(&self, column: &str, message: String, help: &str) -> Diagnostic {
        let last = self.sql.rfind("\nselect").unwrap_or_default();
        self.sql_mistake(word_from(&self.sql, last, column), column, message, help)
    }

    /// A diagnostic at byte `at` of the statement, or at its beginning.
    fn sql_mistake(
        &self,
        at: Option<usize>,
        needle: &str,
        message: String,
        help: &str,
    ) -> Diagnostic {
        let start = self.text.text.find(&self.sql).unwrap_or_default();
        let first_word = self.sql.split_whitespace().next().map_or(0, str::len);
        let span = at.map_or(start..start + first_word, |at| {
            start + at..start + at + needle.len()
        });
        self.text.diagnostic(span, message, "here", Some(help))
    }

    /// A diagnostic that marks `needle` in the file.
    pub(crate) fn mistake(&self, needle: &str, message: String, help: &str) -> Diagnostic {
        self.text.diagnostic_at(needle, message, "here", Some(help))
    }
}

/// Bytes of the TOML between `/* model` and `*/`.
fn header_range(text: &SourceText) -> Result<Range<usize>, Diagnostic> {
    const OPEN: &str = "/* model";
    let start = text.text.find(OPEN).map(|start| start + OPEN.len());
    let end = start.and_then(|start| {
        let rest = text.text.get(start..)?;
        rest.find("*/").map(|end| start + end)
    });
    match (start, end) {
        (Some(start), Some(end)) => Ok(start..end),
        _ => Err(text.diagnostic(
            0..text.text.lines().next().map_or(0, str::len),
            "the model has no header",
            "a header is expected above the statement",
            Some("open the file with `/* model`, TOML lines, and `*/`"),
        )),
    }
}

/// Tables the statement reads.
fn inputs_of(text: &SourceText, start: usize, sql: &str) -> Result<BTreeSet<String>, Diagnostic> {
    let sql_start = text
        .text
        .get(start..)
        .and_then(|rest| rest.find(sql))
        .map_or(start, |at| start + at);
    let whole = sql_start..sql_start + sql.lines().next().map_or(0, str::len);
    let statements = DFParser::parse_sql(sql).map_err(|error| {
        let message = error.to_string();
        let word = |at: usize| {
            sql.get(at..).map_or(1, |rest| {
                rest.find(|letter: char| !letter.is_alphanumeric())
                    .unwrap_or(rest.len())
                    .max(1)
            })
        };
        let span = position_in(sql, &message).map_or(whole.clone(), |at| {
            sql_start + at..sql_start + at + word(at)
        });
        text.diagnostic(
            span,
            parser_words(&message),
            "the parser stops here",
            Some("the mistake is here or just before; the statement is SQL as DataFusion reads it"),
        )
    })?;
    let [statement @ Statement::Statement(_)] = &*statements.into_iter().collect::<Vec<_>>() else {
        return Err(text.diagnostic(
            whole,
            "a model is exactly one `select`",
            "here",
            Some("keep one statement in the file"),
        ));
    };
    let (tables, _ctes) = resolve_table_references(statement, true)
        .map_err(|error| text.diagnostic(whole, error.to_string(), "here", None))?;
    Ok(tables
        .iter()
        .map(|table| match table.schema() {
            Some(schema) => format!("{schema}.{}", table.table()),
            None => table.table().to_owned(),
        })
        .collect())
}

/// Schemas whose tables a check may name.
const SCHEMAS: [&str; 5] = [
    "conformed.",
    "derived.",
    "detected.",
    "reference.",
    "source.",
];

/// The inputs of a statement and the tables that the checks of its header compare it with.
fn with_those_of_checks(
    name: &str,
    header: &ModelHeader,
    mut inputs: BTreeSet<String>,
) -> BTreeSet<String> {
    for check in header.checks.iter().chain(&header.warnings) {
        let is_end = |letter: char| !(letter.is_alphanumeric() || letter == '_' || letter == '.');
        let words = check.split(is_end);
        let named = words.filter(|word| SCHEMAS.iter().any(|schema| word.starts_with(schema)));
        // `schema.table.column` names a column of a table.
        let tables = named.map(|word| word.splitn(3, '.').take(2).collect::<Vec<_>>().join("."));
        inputs.extend(tables.filter(|table| table != name));
    }
    inputs
}

/// What the parser says, without the names of its layers and without the place, which is drawn.
fn parser_words(message: &str) -> String {
    let inner = message
        .split_once("ParserError(\"")
        .map_or(message, |(_, rest)| rest);
    let inner = inner
        .split(" at Line: ")
        .next()
        .unwrap_or(inner)
        .trim_end_matches("\")");
    inner
        .replace("Expected: ", "expected ")
        .replace(", found: ", ", found ")
}

/// Byte offset of `Line: L, Column: C` in a parser's message.
fn position_in(sql: &str, message: &str) -> Option<usize> {
    let (_, rest) = message.split_once("Line: ")?;
    let (line, rest) = rest.split_once(", Column: ")?;
    let column: usize = rest
        .chars()
        .take_while(char::is_ascii_digit)
        .collect::<String>()
        .parse()
        .ok()?;
    let line: usize = line.parse().ok()?;
    let before: usize = sql
        .lines()
        .take(line.saturating_sub(1))
        .map(|text| text.len() + 1)
        .sum();
    Some((before + column.saturating_sub(1)).min(sql.len().saturating_sub(1)))
}

/// Models in an order in which each comes after what it reads, and those that cannot be ordered
/// because they read each other in a circle, or read one that does.
pub(crate) fn in_order(models: Vec<Model>) -> (Vec<Model>, Vec<Model>) {
    let mut waiting = models;
    let mut ordered: Vec<Model> = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let names: BTreeSet<String> = waiting.iter().map(|model| model.name.clone()).collect();
        let (ready, blocked): (Vec<_>, Vec<_>) = waiting
            .into_iter()
            .partition(|model| model.inputs.is_disjoint(&names));
        if ready.is_empty() {
            return (ordered, blocked);
        }
        ordered.extend(ready);
        waiting = blocked;
    }
    (ordered, Vec::new())
}

/// What the names of the models of `sql/derived/` begin with.
pub(crate) const DERIVED: &str = "derived.";

/// Puts the models of `sql/derived/` first, in their order; those that read what is made after them are mistakes.
pub(crate) fn derived_first(models: &mut [Model]) -> Vec<Diagnostic> {
    models.sort_by_key(|model| !model.name.starts_with(DERIVED));
    let derived = models
        .iter()
        .filter(|model| model.name.starts_with(DERIVED));
    let reads = derived.flat_map(|model| model.inputs.iter().map(move |input| (model, input)));
    let backward = reads.filter(|(_model, input)| input.starts_with("detected."));
    let mistake = |(model, input): (&Model, &String)| {
        let message = format!("`{}` reads `{input}`, which is made after it", model.name);
        model.statement_mistake(input, message, "move the model to `sql/detected/`")
    };
    backward.map(mistake).collect()
}

/// The shortest way from `start` through what it reads back to itself, as names; empty if none.
pub(crate) fn circle_through(start: &Model, models: &[Model]) -> Vec<String> {
    let mut ways = VecDeque::from([vec![start.name.clone()]]);
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop_front() {
        let last = models.iter().find(|model| way.last() == Some(&model.name));
        let inputs = last.into_iter().flat_map(|model| &model.inputs);
        for input in inputs.filter(|input| seen.insert((*input).clone())) {
            let longer: Vec<String> = way.iter().chain([input]).cloned().collect();
            if *input == start.name {
                return longer;
            }
            ways.push_back(longer);
        }
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// A model with the given statement.
    fn model(stem: &str, sql: &str) -> Result<Model, Vec<Diagnostic>> {
        let text = format!("/* model\ndescription = {{ it = \"a\", en = \"b\" }}\n*/\n{sql}\n");
        let (model, mistakes) =
            Model::parse("derived", stem, SourceText::new(Path::new("m.sql"), text));
        model.ok_or(mistakes)
    }

    #[test]
    fn inputs_are_read_from_the_statement_and_ctes_are_not_inputs() {
        let found = model(
            "a",
            "with x as (select 1 as n from conformed.exchanges) select n from x",
        )
        .unwrap();
        assert_eq!(
            found.inputs,
            BTreeSet::from(["conformed.exchanges".to_owned()])
        );
    }

    #[test]
    fn models_that_read_each_other_in_a_circle_are_named() {
        let a = model("a", "select 1 as n from derived.b").unwrap();
        let b = model("b", "select 1 as n from derived.a").unwrap();
        let c = model("c", "select 1 as n from derived.a").unwrap();
        let (ordered, blocked) = in_order(vec![a, b, c]);
        assert_eq!((ordered.len(), blocked.len()), (0, 3));
        assert_eq!(
            circle_through(&blocked[0], &blocked),
            ["derived.a", "derived.b", "derived.a"]
        );
        assert!(circle_through(&blocked[2], &blocked).is_empty());
    }

    #[test]
    fn a_model_comes_after_what_it_reads() {
        let a = model("a", "select 1 as n from derived.b").unwrap();
        let b = model("b", "select 1 as n from conformed.exchanges").unwrap();
        let names: Vec<_> = in_order(vec![a, b])
            .0
            .into_iter()
            .map(|model| model.name)
            .collect();
        assert_eq!(names, ["derived.b", "derived.a"]);
    }

    #[test]
    fn a_broken_statement_is_marked_where_the_parser_stops() {
        let found = model("a", "select 1 as n\nfrom t group 1").unwrap_err();
        assert_eq!(found[0].line_and_column().0, 5, "{found:?}");
    }

    #[test]
    fn a_file_without_a_header_says_how_to_write_one() {
        let (_, found) = Model::parse(
            "derived",
            "a",
            SourceText::new(Path::new("m.sql"), "select 1"),
        );
        assert!(found[0].help.as_deref().unwrap().contains("/* model"));
    }
}
