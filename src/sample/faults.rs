//! Which rows are spoiled and how, counted as they are written: a row that cannot be read, an
//! identifier in a text, a repeated row, a correction, a deletion. A row has at most one fault.

use super::draw::Draw;
use super::texts::RULES;
use super::truth::TableTruth;

/// What is wrong with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// It cannot be read, for this reason.
    Broken(&'static str),
    /// A text holds an identifier of this rule.
    Identifier(&'static str),
    /// It is written twice.
    Duplicate,
    /// A newer revision follows.
    Correction,
    /// A deletion follows.
    Deletion,
}

/// How often each fault happens in a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rates {
    /// The reasons that rows are broken for, taking turns.
    pub(crate) reasons: &'static [&'static str],
    /// Share of broken rows.
    pub(crate) broken: f64,
    /// Share of rows with an identifier.
    pub(crate) identifiers: f64,
    /// Share of repeated rows.
    pub(crate) duplicates: f64,
    /// Share of corrected rows.
    pub(crate) corrections: f64,
    /// Share of deleted rows.
    pub(crate) deletions: f64,
}

/// The faults of one table and the counts of what was written.
#[derive(Debug)]
pub(crate) struct Faults {
    /// How often each fault happens.
    rates: Rates,
    /// What was written so far.
    pub(crate) truth: TableTruth,
    /// Which reason is next.
    n_broken: usize,
    /// Which identifier is next.
    n_identifiers: usize,
}

impl Faults {
    /// The faults of a table.
    pub(crate) fn new(platform: &str, table: &str, rates: Rates) -> Self {
        Self {
            rates,
            truth: TableTruth::new(platform, table),
            n_broken: 0,
            n_identifiers: 0,
        }
    }

    /// What is wrong with the next row.
    pub(crate) fn next(&mut self, draw: &mut Draw) -> Fault {
        let rates = self.rates;
        let mut left = draw.unit();
        let mut falls = |share: f64| {
            left -= share;
            left < 0.0
        };
        if falls(rates.broken) {
            self.n_broken += 1;
            Fault::Broken(rates.reasons[self.n_broken % rates.reasons.len()])
        } else if falls(rates.identifiers) {
            self.n_identifiers += 1;
            Fault::Identifier(RULES[self.n_identifiers % RULES.len()])
        } else if falls(rates.duplicates) {
            Fault::Duplicate
        } else if falls(rates.corrections) {
            Fault::Correction
        } else if falls(rates.deletions) {
            Fault::Deletion
        } else {
            Fault::None
        }
    }

    /// Counts a row written with its fault: what follows a correction or deletion is counted when
    /// it is written.
    pub(crate) fn wrote(&mut self, fault: Fault) {
        self.truth.n_rows += 1;
        match fault {
            Fault::Broken(reason) => {
                *self.truth.n_broken.entry(reason.to_owned()).or_default() += 1;
            }
            Fault::Identifier(rule) => {
                *self.truth.n_identifiers.entry(rule.to_owned()).or_default() += 1;
            }
            Fault::Duplicate => self.truth.n_duplicates += 1,
            Fault::Correction => self.truth.n_superseded += 1,
            Fault::Deletion => {
                self.truth.n_deletions += 1;
                self.truth.n_erased += 2;
            }
            Fault::None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_take_turns_so_that_each_is_planted() {
        let rates = Rates {
            reasons: &["one", "two"],
            broken: 1.0,
            identifiers: 0.0,
            duplicates: 0.0,
            corrections: 0.0,
            deletions: 0.0,
        };
        let mut faults = Faults::new("p", "t", rates);
        let mut draw = Draw::new(1, 1);
        let first = faults.next(&mut draw);
        assert_ne!(first, faults.next(&mut draw));
    }
}
