//! Rows of needs, districts and months, put in order as the methods on panels want them.
//!
//! Rows are matched by what they say, not by where they stand. A row that is missing is a month that is not
//! covered, a repeated one is an error. Needs and districts are put in the order of their names, so that the
//! order of arrival changes nothing.

use std::collections::BTreeMap;
use std::ops::Range;

use chrono::{Datelike, NaiveDate};
use datafusion::error::{DataFusionError, Result};

use super::{Argument, Kind, Partition};
use crate::stats::Panel;

/// The arguments that a panel is read from, in this order and first of all.
pub(super) const NEED: Argument = Argument::new("need", Kind::Text);
/// The place of [`NEED`] is 0, that of the district 1.
pub(super) const DISTRICT: Argument = Argument::new("district", Kind::Text);
/// The place is 2.
pub(super) const MONTH: Argument = Argument::new("month", Kind::Time);
/// The place is 3.
pub(super) const N: Argument = Argument::new("n", Kind::Whole);
/// The place is 4.
pub(super) const EXPOSURE: Argument = Argument::new("exposure", Kind::Number);
/// The place is 5.
pub(super) const IS_COVERED: Argument = Argument::new("is_covered", Kind::Flag);

/// The longest panel taken, a thousand years of months.
const MAX_MONTHS: usize = 12_000;

/// Days from 0001-01-01, which is day 1, to 1970-01-01.
const EPOCH_DAY: i64 = 719_163;

/// Where a row stands in the panels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// The need.
    pub(super) need: usize,
    /// The district.
    pub(super) district: usize,
    /// The month.
    pub(super) month: usize,
}

/// Panels of all needs over the same districts and months.
#[derive(Debug)]
pub(super) struct Layout {
    /// The districts, in order.
    pub(super) districts: Vec<String>,
    /// How many months there are.
    pub(super) n_months: usize,
    /// The place of each row; none for one without a need, a district or a month.
    pub(super) places: Vec<Option<Place>>,
    /// The panel of each need, in the order of their names.
    pub(super) panels: Vec<Panel>,
}

impl Layout {
    /// Reads the first six arguments; only rows of the districts to be taken have a place.
    pub(super) fn read(partition: &Partition, takes: impl Fn(&str) -> bool) -> Result<Self> {
        let needs = partition.texts(0)?;
        let mut districts = partition.texts(1)?;
        for district in &mut districts {
            *district = district.filter(|code| takes(code));
        }
        let months = months(partition, 2)?;
        let span = Span::of(partition, 2, &months)?;
        let need_places = Names::of(&needs);
        let district_places = Names::of(&districts);
        partition.check_size(&[need_places.len(), district_places.len(), span.n_months])?;
        let of_row = |row: usize| {
            Some(Place {
                need: need_places.place(needs.get(row).copied()?)?,
                district: district_places.place(districts.get(row).copied()?)?,
                month: span.place(months.get(row).copied()?)?,
            })
        };
        let places = (0..partition.n_rows()).map(of_row).collect();
        let mut layout = Self {
            districts: district_places.into_list(),
            n_months: span.n_months,
            places,
            panels: Vec::new(),
        };
        layout.check_repeats(partition)?;
        layout.panels = layout.filled(partition, need_places.len())?;
        Ok(layout)
    }

    /// The last so many months; all of them if nothing is said.
    pub(super) fn judged(&self, partition: &Partition, place: usize) -> Result<Range<usize>> {
        let n_judged = partition.count_option(place)?.unwrap_or(self.n_months);
        Ok(self.n_months.saturating_sub(n_judged)..self.n_months)
    }

    /// Fails when two rows have the same place, naming them.
    fn check_repeats(&self, partition: &Partition) -> Result<()> {
        let mut seen: BTreeMap<Place, usize> = BTreeMap::new();
        for (row, place) in self.places.iter().enumerate() {
            let Some(place) = place else { continue };
            if seen.insert(*place, row).is_some() {
                return Err(partition.repeated(row, &[0, 1, 2]));
            }
        }
        Ok(())
    }

    /// The panels with the counts, exposures and coverage of the rows.
    fn filled(&self, partition: &Partition, n_needs: usize) -> Result<Vec<Panel>> {
        let counts = partition.counts(3)?;
        partition.check(4, |people| people >= 0.0 && people.is_finite(), "0 or more")?;
        let exposure = partition.numbers(4)?;
        let is_covered = partition.flags(5)?;
        let size = self.districts.len() * self.n_months;
        let empty = || (vec![0; size], vec![0.0; size], vec![false; size]);
        let mut vectors: Vec<_> = (0..n_needs).map(|_| empty()).collect();
        for (row, place) in self.places.iter().enumerate() {
            let said = counts
                .get(row)
                .zip(exposure.get(row))
                .zip(is_covered.get(row));
            let (Some(place), Some(((Some(count), Some(people)), Some(true)))) = (place, said)
            else {
                continue;
            };
            let at = place.district * self.n_months + place.month;
            if let Some((counts, exposure, covered)) = vectors.get_mut(place.need) {
                counts[at] = *count;
                exposure[at] = *people;
                covered[at] = true;
            }
        }
        let panels = vectors.into_iter().map(|(counts, exposure, covered)| {
            Panel::new(self.n_months, counts, exposure, covered)
                .map_err(|error| DataFusionError::Execution(error.to_string()))
        });
        panels.collect()
    }
}

/// Names with their places, in order.
pub(in super::super) struct Names<'a>(BTreeMap<&'a str, usize>);

impl<'a> Names<'a> {
    /// The names that there are.
    pub(in super::super) fn of(names: &[Option<&'a str>]) -> Self {
        let mut all: BTreeMap<&str, usize> =
            names.iter().flatten().map(|name| (*name, 0)).collect();
        for (next, place) in all.values_mut().enumerate() {
            *place = next;
        }
        Self(all)
    }

    /// The place of a name.
    pub(in super::super) fn place(&self, name: Option<&str>) -> Option<usize> {
        self.0.get(name?).copied()
    }

    /// How many there are.
    pub(in super::super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The names, in order.
    pub(super) fn into_list(self) -> Vec<String> {
        self.0.into_keys().map(str::to_owned).collect()
    }
}

/// The months from the first to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    /// The number of the first.
    pub(super) first: i64,
    /// How many there are.
    pub(super) n_months: usize,
}

impl Span {
    /// The span of the months that an argument gives.
    pub(super) fn of(partition: &Partition, place: usize, months: &[Option<i64>]) -> Result<Self> {
        let there = || months.iter().copied().flatten();
        let (Some(first), Some(last)) = (there().min(), there().max()) else {
            return Ok(Self {
                first: 0,
                n_months: 0,
            });
        };
        let n_months = last
            .checked_sub(first)
            .and_then(|n| usize::try_from(n).ok());
        let n_months = n_months.filter(|n| *n < MAX_MONTHS).ok_or_else(|| {
            let remedy = "leave out the rows whose month is wrong";
            partition.refusal(place, "spans more than a thousand years", remedy)
        })?;
        Ok(Self {
            first,
            n_months: n_months + 1,
        })
    }

    /// The place of a month.
    pub(super) fn place(self, month: Option<i64>) -> Option<usize> {
        usize::try_from(month?.checked_sub(self.first)?)
            .ok()
            .filter(|place| *place < self.n_months)
    }
}

/// The months of an argument, row by row, as numbers that grow by one a month.
pub(super) fn months(partition: &Partition, place: usize) -> Result<Vec<Option<i64>>> {
    let times = partition.times(place)?;
    if !partition.is_dated(place) {
        return Ok(times);
    }
    let number = |day: i64| {
        let date = date(day).filter(|date| date.day() == 1).ok_or_else(|| {
            let fault = format!("is {} in a row", date(day).unwrap_or_default());
            partition.refusal(place, &fault, "give the first day of the month")
        })?;
        Ok(i64::from(date.year()) * 12 + i64::from(date.month0()))
    };
    times
        .into_iter()
        .map(|day| day.map(number).transpose())
        .collect()
}

/// The date so many days after 1970-01-01.
pub(super) fn date(day: i64) -> Option<NaiveDate> {
    NaiveDate::from_num_days_from_ce_opt(i32::try_from(day.checked_add(EPOCH_DAY)?).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_numbered_in_their_order() {
        let names = Names::of(&[Some("b"), None, Some("a"), Some("b")]);
        assert_eq!(names.len(), 2);
        assert_eq!(
            (names.place(Some("a")), names.place(Some("b"))),
            (Some(0), Some(1))
        );
        assert_eq!((names.place(Some("c")), names.place(None)), (None, None));
        assert_eq!(names.into_list(), ["a", "b"]);
    }

    #[test]
    fn the_epoch_is_its_own_day() {
        assert_eq!(date(0), NaiveDate::from_ymd_opt(1970, 1, 1));
        assert_eq!(date(19_723), NaiveDate::from_ymd_opt(2024, 1, 1));
        assert_eq!(date(i64::MAX), None);
    }
}
