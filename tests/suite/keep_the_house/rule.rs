//! What a rule is: a name, a way to look, an example it must find and one it must leave alone.

use std::fmt;

use regex::Regex;

use super::house::{File, House};

/// One rule of the house.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule {
    /// The rule as a sentence, shown beside each finding.
    pub(super) name: &'static str,
    /// How it looks at a file.
    pub(super) look: Look,
    /// Files that break the rule; the rule must find each.
    pub(super) planted: &'static [Example],
    /// Files that keep the rule, close to the ones that break it.
    pub(super) clean: &'static [Example],
}

/// How a rule looks at a file.
#[derive(Debug, Clone, Copy)]
pub(super) enum Look {
    /// Line by line, for a pattern that must not be there.
    ForPattern(Pattern),
    /// With a function of its own.
    With(fn(&House, &File) -> Vec<Finding>),
}

/// A pattern that must not be there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pattern {
    /// Which paths it concerns.
    pub(super) concerns: fn(&str) -> bool,
    /// What of the file is looked at, line for line: all of it, or the code alone.
    pub(super) view: fn(&File) -> String,
    /// What must not be there.
    pub(super) banned: &'static str,
    /// What excuses a line that holds it; empty when nothing does.
    pub(super) excused_by: &'static str,
    /// What to do instead.
    pub(super) advice: &'static str,
}

/// A small invented file. It is kept in pieces, so that this source does not break the rule itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Example {
    /// Where it would lie.
    pub(super) path: &'static str,
    /// Its text, in pieces to be joined.
    pub(super) pieces: &'static [&'static str],
}

impl Example {
    /// The whole text.
    pub(super) fn text(&self) -> String {
        self.pieces.concat()
    }
}

/// A place that breaks a rule.
#[derive(Debug)]
pub(super) struct Finding {
    /// The file.
    pub(super) path: String,
    /// The line, from 1.
    pub(super) line: usize,
    /// What is wrong and what to do.
    pub(super) what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: {}", self.path, self.line, self.what)
    }
}

impl Rule {
    /// The places in `file` that break the rule.
    pub(super) fn findings(&self, house: &House, file: &File) -> Vec<Finding> {
        match self.look {
            Look::ForPattern(pattern) => pattern.findings(file),
            Look::With(look) => look(house, file),
        }
    }
}

impl Pattern {
    /// The lines of `file` that hold the pattern and no excuse.
    fn findings(&self, file: &File) -> Vec<Finding> {
        if !(self.concerns)(&file.path) {
            return Vec::new();
        }
        let banned = Regex::new(self.banned).unwrap();
        let excuse = Regex::new(self.excused_by).unwrap();
        let is_excused = |line: &str| !self.excused_by.is_empty() && excuse.is_match(line);
        let view = (self.view)(file);
        let lines = (1..).zip(view.lines());
        lines
            .filter(|(_, line)| !is_excused(line))
            .filter_map(|(number, line)| Some((number, banned.find(line)?.as_str())))
            .map(|(number, found)| {
                file.finding(number, format!("`{}`: {}", found.trim(), self.advice))
            })
            .collect()
    }
}
