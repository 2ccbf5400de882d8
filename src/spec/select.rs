//! Which models are meant: `name`, `+name` with all it reads, `name+` with all that reads it, `tag:theme`,
//! `state:changed`, several of them one after the other.

use std::collections::BTreeSet;

use super::model::Model;
use super::nearest;

/// Models that a command is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// All of them.
    All,
    /// These, by `schema.name`.
    These(BTreeSet<String>),
}

/// A selector that means nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the selector `{selector}` fits no model{help}")]
pub struct UnknownSelector {
    /// As written.
    selector: String,
    /// What it may have meant, behind a semicolon.
    help: String,
}

impl Selection {
    /// Reads selectors; none means all models. `changed` are the models that `state:changed` stands for.
    ///
    /// # Errors
    /// [`UnknownSelector`] for one that fits no model; `state:changed` may fit none.
    pub fn read(
        selectors: &[String],
        models: &[Model],
        changed: &BTreeSet<String>,
    ) -> Result<Self, UnknownSelector> {
        if selectors.is_empty() {
            return Ok(Self::All);
        }
        let mut chosen = BTreeSet::new();
        for selector in selectors {
            chosen.extend(one(selector, models, changed)?);
        }
        Ok(Self::These(chosen))
    }

    /// Whether a model is meant.
    #[must_use]
    pub fn has(&self, model: &str) -> bool {
        match self {
            Self::All => true,
            Self::These(names) => names.contains(model),
        }
    }

    /// The same models and everything they read, so that none is built on something out of date.
    #[must_use]
    pub fn with_inputs(&self, models: &[Model]) -> Self {
        match self {
            Self::All => Self::All,
            Self::These(names) => Self::These(above(names, models)),
        }
    }
}

/// Whether selectors ask what has changed.
#[must_use]
pub fn asks_for_changes(selectors: &[String]) -> bool {
    selectors
        .iter()
        .any(|selector| selector.trim_matches('+') == "state:changed")
}

/// The models that one selector stands for.
fn one(
    selector: &str,
    models: &[Model],
    changed: &BTreeSet<String>,
) -> Result<BTreeSet<String>, UnknownSelector> {
    let (word, takes_inputs) = match selector.strip_prefix('+') {
        Some(word) => (word, true),
        None => (selector, false),
    };
    let (word, takes_readers) = match word.strip_suffix('+') {
        Some(word) => (word, true),
        None => (word, false),
    };
    let named = if word == "state:changed" {
        changed.clone()
    } else {
        let found = named(word, models);
        if found.is_empty() {
            return Err(unknown(selector, word, models));
        }
        found
    };
    let mut chosen = named.clone();
    if takes_inputs {
        chosen.extend(above(&named, models));
    }
    if takes_readers {
        chosen.extend(below(&named, models));
    }
    Ok(chosen)
}

/// Models of this name or theme.
fn named(word: &str, models: &[Model]) -> BTreeSet<String> {
    let fits = |model: &&Model| match word.strip_prefix("tag:") {
        Some(tag) => model.header.tags.iter().any(|known| known == tag),
        None => model.name == word || model.stem() == word,
    };
    let found = models.iter().filter(fits);
    found.map(|model| model.name.clone()).collect()
}

/// These models and, again and again, the models they read.
fn above(names: &BTreeSet<String>, models: &[Model]) -> BTreeSet<String> {
    let mut found = names.clone();
    for model in models.iter().rev() {
        if found.contains(&model.name) {
            let inputs = model.inputs.iter();
            let inputs = inputs.filter(|input| models.iter().any(|known| known.name == **input));
            found.extend(inputs.cloned());
        }
    }
    found
}

/// These models and, again and again, the models that read them; `models` come in the order of their inputs.
pub(crate) fn below(names: &BTreeSet<String>, models: &[Model]) -> BTreeSet<String> {
    let mut found = names.clone();
    for model in models {
        if !model.inputs.is_disjoint(&found) {
            found.insert(model.name.clone());
        }
    }
    found
}

/// The mistake of a selector that fits nothing, with what it may have meant.
fn unknown(selector: &str, word: &str, models: &[Model]) -> UnknownSelector {
    let tags = models.iter().flat_map(|model| &model.header.tags);
    let known: Vec<String> = models
        .iter()
        .map(|model| model.stem().to_owned())
        .chain(tags.map(|tag| format!("tag:{tag}")))
        .collect();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let help = nearest(word, &known).map_or_else(
        || "; use a model's name, `tag:…` or `state:changed`".to_owned(),
        |near| format!("; did you mean `{near}`?"),
    );
    UnknownSelector {
        selector: selector.to_owned(),
        help,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::diagnostic::SourceText;
    use std::path::Path;

    /// Models `a ← b ← c` and `d`, the last with a theme.
    fn models() -> Vec<Model> {
        let model = |stem: &str, tags: &str, sql: &str| {
            let text = format!(
                "/* model\ndescription = {{ it = \"a\", en = \"b\" }}\ntags = [{tags}]\n*/\n{sql}\n"
            );
            let text = SourceText::new(Path::new("m.sql"), text);
            Model::parse("derived", stem, text).0.unwrap()
        };
        vec![
            model("a", "", "select 1 as n from conformed.t"),
            model("b", "\"trust\"", "select n from derived.a"),
            model("c", "", "select n from derived.b"),
            model("d", "\"trust\"", "select 1 as n from conformed.t"),
        ]
    }

    /// The names a selector stands for, without their schema.
    fn chosen(selector: &str) -> Vec<String> {
        let changed = BTreeSet::from(["derived.b".to_owned()]);
        match Selection::read(&[selector.to_owned()], &models(), &changed).unwrap() {
            Selection::All => vec!["all".to_owned()],
            Selection::These(names) => names
                .iter()
                .map(|name| name.trim_start_matches("derived.").to_owned())
                .collect(),
        }
    }

    #[test]
    fn names_themes_and_changes_are_chosen_with_what_is_above_and_below() {
        assert_eq!(chosen("b"), ["b"]);
        assert_eq!(chosen("derived.b"), ["b"]);
        assert_eq!(chosen("+c"), ["a", "b", "c"]);
        assert_eq!(chosen("a+"), ["a", "b", "c"]);
        assert_eq!(chosen("+b+"), ["a", "b", "c"]);
        assert_eq!(chosen("tag:trust"), ["b", "d"]);
        assert_eq!(chosen("state:changed+"), ["b", "c"]);
    }

    #[test]
    fn no_selector_means_all_models() {
        let all = Selection::read(&[], &models(), &BTreeSet::new()).unwrap();
        assert_eq!(all, Selection::All);
        assert!(all.has("derived.whatever"));
    }

    #[test]
    fn a_misspelt_selector_is_answered_with_the_nearest() {
        let asked = ["tag:trusst".to_owned()];
        let error = Selection::read(&asked, &models(), &BTreeSet::new()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the selector `tag:trusst` fits no model; did you mean `tag:trust`?"
        );
    }
}
