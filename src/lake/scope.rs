//! Names of scopes that are parts of something larger, such as the months of one table.
//!
//! ```text
//! 2024-03                  rows of a source table filed in March 2024
//! history@2024-03          earlier revisions of them; beside the table, not in it
//! tombstones@2024-03       deletions of records filed then; beside the table too
//! prova__richieste@2024-03 what one mapping made of that part, in a canonical table
//! ```
//!
//! The name before the mark says whose rows they are, the name after it which part.

/// Between the name of a scope and its part.
const MARK: char = '@';

/// Rows that stand beside a table and are not in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Aside {
    /// Revisions that a later one superseded.
    History,
    /// Deletions of records.
    Tombstones,
}

impl Aside {
    /// All of them.
    pub(crate) const ALL: [Self; 2] = [Self::History, Self::Tombstones];

    /// First half of the name of its scopes, and ending of its table's name in SQL.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::History => "history",
            Self::Tombstones => "tombstones",
        }
    }

    /// The scope of one part.
    pub(crate) fn scope(self, part: &str) -> String {
        of_part(self.word(), part)
    }

    /// What a scope holds beside its table, if it does.
    pub(crate) fn of(scope: &str) -> Option<Self> {
        let (word, _part) = scope.split_once(MARK)?;
        Self::ALL.into_iter().find(|aside| aside.word() == word)
    }
}

/// The scope of one part of something.
pub(crate) fn of_part(name: &str, part: &str) -> String {
    format!("{name}{MARK}{part}")
}

/// Whose rows a scope holds.
pub(crate) fn owner(scope: &str) -> &str {
    scope.split_once(MARK).map_or(scope, |(owner, _part)| owner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_says_whose_rows_it_holds() {
        assert_eq!(owner("prova__richieste"), "prova__richieste");
        assert_eq!(
            owner(&of_part("prova__richieste", "2024-03")),
            "prova__richieste"
        );
    }

    #[test]
    fn only_history_and_tombstones_stand_beside_a_table() {
        assert_eq!(Aside::of("2024-03"), None);
        assert_eq!(Aside::of("prova__t@2024-03"), None);
        for aside in Aside::ALL {
            assert_eq!(Aside::of(&aside.scope("2024-03")), Some(aside));
        }
    }
}
