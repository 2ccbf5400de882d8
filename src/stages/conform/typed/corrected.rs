//! Rows as they are corrected: what a declared correction says is applied before the contract.

use crate::stages::conform::corrections::{NoColumns, RawColumns, RowPlace, Ruling};
use crate::stages::conform::formats::Value;

use super::cells::Staging;
use super::identity::ReadRow;
use super::plan::{Input, Plan};
use super::presence::Refused;

impl<'c> Plan<'c> {
    /// Counts a value that was left out.
    pub(super) fn note_withheld(&self, column: &str) {
        if let Some(corrections) = self.corrections {
            corrections.note_withheld(column);
        }
    }

    /// The rule by which a row that cannot be taken apart is rejected.
    pub(super) fn judge_broken(&self, at: RowPlace<'_>, rule: &'static str) -> &'static str {
        let corrections = self.corrections.filter(|all| !all.is_empty());
        match corrections.map(|corrections| corrections.rule(at, &NoColumns)) {
            Some(Ruling::Drop(rule)) => rule,
            Some(Ruling::Keep | Ruling::Override(_)) | None => rule,
        }
    }

    /// Reads a row as it is corrected, or gives the first rule it breaks.
    pub(super) fn judge_row(
        &self,
        at: RowPlace<'_>,
        values: &[Value<'_>],
        staging: &mut Staging,
    ) -> Result<ReadRow, Refused<'c>> {
        let read = |values: &[Value<'_>], staging: &mut Staging| {
            let read = self.read_row(values, staging);
            read.map_err(|breach| self.refused(breach, values, staging))
        };
        let Some(corrections) = self.corrections.filter(|all| !all.is_empty()) else {
            return read(values, staging);
        };
        let raw = RawRowOf { plan: self, values };
        match corrections.rule(at, &raw) {
            Ruling::Keep => read(values, staging),
            Ruling::Drop(rule) => Err(self.refused((rule, ""), values, staging)),
            Ruling::Override(overrides) => read(&self.overridden(values, overrides), staging),
        }
    }

    /// The values of a row with some of them replaced, by column.
    fn overridden<'v>(
        &self,
        values: &[Value<'v>],
        overrides: Vec<(usize, String)>,
    ) -> Vec<Value<'v>> {
        let mut values = values.to_vec();
        for (column, text) in overrides {
            let input = self.columns.get(column).map(|column| column.input);
            let field = match input {
                Some(Input::Field(field)) => values.get_mut(field),
                Some(Input::Json(..)) | None => None,
            };
            if let Some(value) = field {
                *value = Value::Owned(text);
            }
        }
        values
    }
}

/// Raw values of a row, by column.
struct RawRowOf<'r, 'c> {
    /// The contract.
    plan: &'r Plan<'c>,
    /// Values of the fields.
    values: &'r [Value<'r>],
}

impl RawColumns for RawRowOf<'_, '_> {
    fn text(&self, column: usize) -> String {
        let input = self.plan.columns.get(column).map(|column| column.input);
        let Some(Input::Field(field)) = input else {
            return String::new();
        };
        let mut scratch = String::new();
        let value = self.values.get(field);
        let text = value.map_or("", |value| value.text(&mut scratch));
        text.trim().to_owned()
    }

    fn pseudonym(&self, column: usize) -> [u8; 16] {
        let found = self.plan.columns.get(column);
        found.map_or([0; 16], |found| {
            found.ids.number(&self.text(column)).to_be_bytes()
        })
    }
}
