//! Which past points are the baseline of a judged point, and their season levels.
//!
//! ```text
//! ref_b                     ref_1                       k
//! [±w]  1  2 … 9   …        [±w]  1  2 … 9 | left out   k      numbers: the season blocks, [±w]: the window
//! ```

use chrono::{Datelike, NaiveDate, TimeDelta};

use crate::stats::glm::Block;

/// How the points of a series lie in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Calendar {
    /// Every period has so many points: 52 weeks or 12 months.
    Periodic {
        /// Points per period.
        period: usize,
    },
    /// Weeks with dates; a reference point is the same weekday nearest to the date some years back.
    Weekly {
        /// The day of the first point, counted from 1970-01-01.
        first_day: i64,
    },
}

/// The shape of a baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// How many years back, `b`.
    pub(crate) n_years: usize,
    /// Half-width of a window, `w`.
    pub(crate) half_width: usize,
    /// Number of season levels; 1 uses the windows only.
    pub(crate) n_levels: usize,
    /// How many points just before the judged one are left out.
    pub(crate) n_left_out: usize,
    /// Points before the earliest window taken into it.
    pub(crate) lead: usize,
}

/// Days from 1970-01-01 to a date; a day that a month does not have is that many days after its first.
pub(crate) fn day_number((year, month, day): (i64, i64, i64)) -> i64 {
    let first = i32::try_from(year).ok().and_then(|year| {
        let month = u32::try_from(month).ok()?;
        NaiveDate::from_ymd_opt(year, month, 1)
    });
    first.map_or(0, |first| {
        (first - NaiveDate::default()).num_days() + day - 1
    })
}

/// The date of a day counted from 1970-01-01.
pub(crate) fn date(days: i64) -> (i64, i64, i64) {
    let delta = TimeDelta::try_days(days);
    let date = delta.and_then(|delta| NaiveDate::default().checked_add_signed(delta));
    let date = date.unwrap_or_default();
    (
        i64::from(date.year()),
        i64::from(date.month()),
        i64::from(date.day()),
    )
}

impl Calendar {
    /// Points per year, for the length of the past that is needed.
    pub(crate) fn period(self) -> usize {
        match self {
            Self::Periodic { period } => period,
            Self::Weekly { .. } => 52,
        }
    }

    /// How many points lie between a point and its reference point so many years back.
    fn distance(self, place: usize, years: usize) -> usize {
        match self {
            Self::Periodic { period } => years * period,
            Self::Weekly { first_day } => {
                let whole = |count: usize| i64::try_from(count).unwrap_or(i64::MAX / 16);
                let day = first_day + 7 * whole(place);
                let (year, month, of_month) = date(day);
                let target = day_number((year - whole(years), month, of_month));
                usize::try_from((day - target + 3).div_euclid(7)).unwrap_or(0)
            }
        }
    }

    /// Writes the blocks of the baseline of a place, in order of time; those before the start of the series are cut.
    ///
    /// The level of the windows is the last one. The points between two windows are cut into the other levels,
    /// the remainder going one by one to the first ones.
    pub(crate) fn blocks(self, place: usize, shape: Shape, blocks: &mut Vec<Block>) {
        blocks.clear();
        let limit = place.saturating_sub(shape.n_left_out);
        let current = shape.n_levels - 1;
        let reference = |years: usize| place.checked_sub(self.distance(place, years));
        for years in (1..=shape.n_years).rev() {
            let Some(center) = reference(years) else {
                continue;
            };
            let lead = if years == shape.n_years {
                shape.lead
            } else {
                0
            };
            let first = center.saturating_sub(shape.half_width + lead);
            let gap = center + shape.half_width + 1;
            push(blocks, (first, gap), current, limit);
            let next = reference(years - 1)
                .unwrap_or(place)
                .saturating_sub(shape.half_width);
            cut(blocks, (gap, next), current, limit);
        }
    }
}

/// Cuts a gap into the season levels before the current one.
fn cut(blocks: &mut Vec<Block>, (first, end): (usize, usize), n_levels: usize, limit: usize) {
    let length = end.saturating_sub(first);
    let (Some(size), Some(rest)) = (length.checked_div(n_levels), length.checked_rem(n_levels))
    else {
        return;
    };
    let mut from = first;
    for level in 0..n_levels {
        let to = from + size + usize::from(level < rest);
        push(blocks, (from, to), level, limit);
        from = to;
    }
}

/// Adds the part of a block before the limit.
fn push(blocks: &mut Vec<Block>, (first, end): (usize, usize), level: usize, limit: usize) {
    let end = end.min(limit);
    let first = first.max(blocks.last().map_or(0, |block| block.end));
    if first < end {
        blocks.push(Block { first, end, level });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_first_of_march_after_a_leap_day_is_day_11017() {
        assert_eq!(day_number((2000, 3, 1)), 11_017);
        assert_eq!(date(11_016), (2000, 2, 29));
    }

    #[test]
    fn a_leap_day_goes_back_to_the_first_of_march() {
        // 2016-02-29 is a Monday, and so is 2015-03-02; 2015-03-01 is the day before.
        let calendar = Calendar::Weekly {
            first_day: day_number((2016, 2, 29)) - 70 * 7,
        };
        assert_eq!(calendar.distance(70, 1), 52);
    }

    #[test]
    fn a_year_of_46_weeks_between_windows_gives_one_more_to_the_first_level() {
        let mut blocks = Vec::new();
        cut(&mut blocks, (100, 146), 9, 1000);
        let lengths: Vec<usize> = blocks.iter().map(|block| block.end - block.first).collect();
        assert_eq!(lengths, [6, 5, 5, 5, 5, 5, 5, 5, 5]);
    }

    proptest! {
        #[test]
        fn dates_and_days_are_inverse(day in -1_000_000_i64..1_000_000) {
            prop_assert_eq!(day_number(date(day)), day);
        }

        #[test]
        fn blocks_follow_each_other_without_holes_before_the_weeks_left_out(
            place in 60_usize..900, n_years in 1_usize..8, n_left_out in 4_usize..40,
        ) {
            let shape = Shape { n_years, half_width: 3, n_levels: 10, n_left_out, lead: 0 };
            let mut blocks = Vec::new();
            Calendar::Periodic { period: 52 }.blocks(place, shape, &mut blocks);
            prop_assert!(blocks.windows(2).all(|pair| pair[0].end == pair[1].first));
            prop_assert_eq!(blocks.last().unwrap().end, place - n_left_out);
        }
    }
}
