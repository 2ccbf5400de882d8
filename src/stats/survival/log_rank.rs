//! Whether groups wait equally long: the log-rank test.
//!
//! On each day with ends, the ends expected in a group are its share of those still waiting. The
//! differences `O − E` are summed over the days, with the hypergeometric covariance
//! `d (n_g/n)(δ_gh − n_h/n)(n − d)/(n − 1)`; the quadratic form is `χ²` with one degree of freedom less than
//! groups (Mantel 1966, Cancer Chemother. Rep. 50:163; Peto and Peto 1972, J. R. Statist. Soc. A 135:185).

use statrs::function::gamma::gamma_ur;

use super::super::real_len;
use super::{Wait, WaitEnd};

/// The test.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LogRank {
    /// For every group, the ends observed and expected.
    pub(crate) groups: Vec<(f64, f64)>,
    /// The statistic.
    pub(crate) chi_square: f64,
    /// Degrees of freedom.
    pub(crate) freedom: usize,
    /// Chance of a statistic at least as large if the groups wait equally long.
    pub(crate) p: f64,
}

/// Compares groups; nothing with fewer than two, or where no day tells them apart.
pub(crate) fn log_rank(groups: &[Vec<Wait>]) -> Option<LogRank> {
    let freedom = groups.len().checked_sub(1).filter(|freedom| *freedom > 0)?;
    let mut all: Vec<(u32, usize, bool)> = Vec::new();
    for (group, waits) in groups.iter().enumerate() {
        all.extend(
            waits
                .iter()
                .map(|wait| (wait.days, group, wait.end == WaitEnd::Matched)),
        );
    }
    all.sort_unstable();
    let mut at_risk: Vec<f64> = groups.iter().map(|waits| real_len(waits.len())).collect();
    let mut sums = vec![(0.0, 0.0); groups.len()];
    let mut covariance = vec![vec![0.0; freedom]; freedom];
    for same_day in all.chunk_by(|a, b| a.0 == b.0) {
        let n_ended = same_day.iter().filter(|(_, _, is_end)| *is_end).count();
        add_day(&at_risk, real_len(n_ended), &mut covariance);
        let total: f64 = at_risk.iter().sum();
        for (sum, n_group) in sums.iter_mut().zip(&at_risk) {
            sum.1 += real_len(n_ended) * n_group / total;
        }
        for (_, group, is_end) in same_day {
            if let (Some(sum), Some(n_group)) = (sums.get_mut(*group), at_risk.get_mut(*group)) {
                sum.0 += f64::from(u8::from(*is_end));
                *n_group -= 1.0;
            }
        }
    }
    let difference: Vec<f64> = sums.iter().take(freedom).map(|(o, e)| o - e).collect();
    let solved = solve(covariance, difference.clone())?;
    let chi_square = difference
        .iter()
        .zip(solved)
        .map(|(a, b)| a * b)
        .sum::<f64>()
        .max(0.0);
    let tail = || gamma_ur(real_len(freedom) / 2.0, chi_square / 2.0);
    let p = if chi_square > 0.0 { tail() } else { 1.0 };
    Some(LogRank {
        groups: sums,
        chi_square,
        freedom,
        p,
    })
}

/// Adds a day to the covariance of all groups but the last.
fn add_day(at_risk: &[f64], n_ended: f64, covariance: &mut [Vec<f64>]) {
    let total: f64 = at_risk.iter().sum();
    if total <= 1.0 {
        return;
    }
    let scale = n_ended * (total - n_ended) / (total - 1.0);
    for (g, row) in covariance.iter_mut().enumerate() {
        let share = at_risk.get(g).copied().unwrap_or(0.0) / total;
        for (h, cell) in row.iter_mut().enumerate() {
            let other = at_risk.get(h).copied().unwrap_or(0.0) / total;
            let same = if g == h { 1.0 } else { 0.0 };
            *cell += scale * share * (same - other);
        }
    }
}

/// Below this part of the largest entry a pivot counts as zero.
const SINGULAR: f64 = 1e-12;

/// Solves `matrix · x = right` by elimination with pivots; nothing if it is singular.
fn solve(mut matrix: Vec<Vec<f64>>, mut right: Vec<f64>) -> Option<Vec<f64>> {
    let n = right.len();
    let largest = matrix
        .iter()
        .flatten()
        .fold(0.0_f64, |largest, value| largest.max(value.abs()));
    for column in 0..n {
        let size = |row: &usize| matrix[*row][column].abs();
        let pivot = (column..n).max_by(|a, b| size(a).total_cmp(&size(b)))?;
        if size(&pivot) <= SINGULAR * largest {
            return None;
        }
        matrix.swap(column, pivot);
        right.swap(column, pivot);
        let (above, below) = matrix.split_at_mut(column + 1);
        let pivot_row = &above[column];
        for (offset, row) in below.iter_mut().enumerate() {
            let factor = row[column] / pivot_row[column];
            row.iter_mut()
                .zip(pivot_row)
                .for_each(|(cell, pivot)| *cell -= factor * pivot);
            right[column + 1 + offset] -= factor * right[column];
        }
    }
    for row in (0..n).rev() {
        let known: f64 = (row + 1..n)
            .map(|column| matrix[row][column] * right[column])
            .sum();
        right[row] = (right[row] - known) / matrix[row][row];
    }
    Some(right)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::golden::assert_close;

    /// Waits from days and whether they ended.
    fn waits(days: &[(u32, bool)]) -> Vec<Wait> {
        let wait = |(days, is_end): &(u32, bool)| {
            let end = if *is_end {
                WaitEnd::Matched
            } else {
                WaitEnd::StillWaiting
            };
            Wait { days: *days, end }
        };
        days.iter().map(wait).collect()
    }

    #[test]
    fn the_worked_example_of_freireich_is_reproduced() {
        // Freireich et al. (1963): 6-MP against placebo, weeks in remission; in Cox and Oakes (1984, table 1.1) and
        // Klein and Moeschberger: log-rank χ² = 16.79, expected 19.25 and 10.75.
        let treated = waits(&[
            (6, true),
            (6, true),
            (6, true),
            (6, false),
            (7, true),
            (9, false),
            (10, true),
            (10, false),
            (11, false),
            (13, true),
            (16, true),
            (17, false),
            (19, false),
            (20, false),
            (22, true),
            (23, true),
            (25, false),
            (32, false),
            (32, false),
            (34, false),
            (35, false),
        ]);
        let placebo = [
            1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23,
        ];
        let placebo = waits(&placebo.map(|week| (week, true)));
        let test = log_rank(&[treated, placebo]).unwrap();
        assert!((test.chi_square - 16.79).abs() < 0.005);
        assert!(
            (test.groups[0].1 - 19.25).abs() < 0.005 && (test.groups[1].1 - 10.75).abs() < 0.005
        );
    }

    #[test]
    fn three_groups_do_not_depend_on_their_order_and_equal_ones_differ_by_nothing() {
        let a = waits(&[(1, true), (4, true), (6, false), (9, true)]);
        let b = waits(&[(2, true), (3, false), (5, true), (12, true)]);
        let c = waits(&[(8, true), (10, true), (11, false), (13, true)]);
        let first = log_rank(&[a.clone(), b.clone(), c.clone()]).unwrap();
        let second = log_rank(&[c, a.clone(), b]).unwrap();
        assert_close(first.chi_square, second.chi_square, 1e-10);
        assert_eq!(first.freedom, 2);
        let same = log_rank(&[a.clone(), a]).unwrap();
        assert!(same.chi_square < 1e-12 && same.p > 0.999);
    }

    #[test]
    fn one_group_or_no_end_cannot_be_compared() {
        let a = waits(&[(1, false), (4, false)]);
        assert_eq!(log_rank(std::slice::from_ref(&a)), None);
        assert_eq!(log_rank(&[a.clone(), a]), None);
        assert_eq!(log_rank(&[]), None);
    }
}
