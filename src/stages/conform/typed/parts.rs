//! Parts of a table: under which month or year a record is filed for ever.
//!
//! ```text
//! filed_by = { column = "data", every = "month" }    17/03/2024 → part `2024-03`
//! filed_by = { column = "data", every = "year" }     17/03/2024 → part `2024`
//! no filed_by                                                     part `all`
//! ```

use crate::canon::text::moment::{self, DAY_MICROS};
use crate::spec::source::{ColumnKind, Every};

use super::cells::Cell;

/// Name of the only part of a table that is not filed by a date.
const WHOLE: &str = "all";

/// The column that files a record, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Filing {
    /// Place of the column.
    pub(super) column: usize,
    /// What its values are.
    pub(super) kind: ColumnKind,
    /// How much time a part covers.
    pub(super) every: Every,
    /// Whether a record may change its part, so that its key alone identifies it.
    pub(super) moves: bool,
}

/// A part by its number: months or years since the year 0, or nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct PartNumber(i32);

impl PartNumber {
    /// The only part of a table that is not filed by a date.
    pub(super) const WHOLE: Self = Self(0);

    /// What tells records of the same key in different parts from each other.
    fn salt(self) -> u128 {
        u128::from(self.0.cast_unsigned()).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
    }
}

impl Filing {
    /// Part of a row, by the cell of its date; a row without one is in none.
    pub(super) fn part_of(&self, cell: &Cell) -> Option<PartNumber> {
        let Cell::Integer(moment) = cell else {
            return None;
        };
        let days = if self.kind == ColumnKind::Instant {
            moment.div_euclid(DAY_MICROS)
        } else {
            *moment
        };
        let month = moment::month_number(i32::try_from(days).ok()?);
        Some(PartNumber(match self.every {
            Every::Month => month,
            Every::Year => month.div_euclid(12),
        }))
    }

    /// What tells records of the same key in different parts from each other, if that is to be.
    pub(super) fn salt(&self, part: PartNumber) -> u128 {
        if self.moves { 0 } else { part.salt() }
    }

    /// Name of a part.
    fn name(self, part: PartNumber) -> String {
        match self.every {
            Every::Month => {
                let (year, month) = (part.0.div_euclid(12), part.0.rem_euclid(12) + 1);
                format!("{year:04}-{month:02}")
            }
            Every::Year => format!("{:04}", part.0),
        }
    }

    /// Part with a name, if it is one.
    fn number(self, name: &str) -> Option<PartNumber> {
        match self.every {
            Every::Month => {
                let (year, month) = name.split_once('-')?;
                let month: i32 = month
                    .parse()
                    .ok()
                    .filter(|month| (1..=12).contains(month))?;
                Some(PartNumber(year.parse::<i32>().ok()? * 12 + month - 1))
            }
            Every::Year => name.parse().ok().map(PartNumber),
        }
    }
}

/// Name of a part of a table.
pub(super) fn name_of(filing: Option<Filing>, part: PartNumber) -> String {
    filing.map_or_else(|| WHOLE.to_owned(), |filing| filing.name(part))
}

/// Part of a table with a name, if it has such parts.
pub(super) fn number_of(filing: Option<Filing>, name: &str) -> Option<PartNumber> {
    match filing {
        Some(filing) => filing.number(name),
        None => (name == WHOLE).then_some(PartNumber::WHOLE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_filed_under_its_month_or_year() {
        let filed = |kind, every, moment| {
            let filing = Filing {
                column: 0,
                kind,
                every,
                moves: false,
            };
            let part = filing.part_of(&Cell::Integer(moment)).unwrap();
            let name = name_of(Some(filing), part);
            assert_eq!(number_of(Some(filing), &name), Some(part));
            name
        };
        assert_eq!(filed(ColumnKind::Date, Every::Month, 19_782), "2024-02");
        assert_eq!(filed(ColumnKind::Date, Every::Year, 19_782), "2024");
        assert_eq!(filed(ColumnKind::Instant, Every::Month, -1), "1969-12");
        assert_eq!(name_of(None, PartNumber::WHOLE), "all");
        assert_eq!(number_of(None, "2024"), None);
    }
}
