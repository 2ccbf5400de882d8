//! How unevenly something is spread over districts: one number each, with its definition.
//!
//! - Gini: `1 − Σ wᵢ (Sᵢ + Sᵢ₋₁) / (W S)` over the values in rising order, with `S` the cumulated `w·x`:
//!   twice the area between the Lorenz curve and equality (Lerman and Yitzhaki 1989, J. Econometrics 42:43).
//! - Theil's T: `Σ (wᵢ/W) (xᵢ/μ) ln(xᵢ/μ)`, 0 for a value of 0 (Theil 1967, *Economics and Information Theory*).
//! - Concentration index: `2/(Wμ) Σ wᵢ xᵢ Rᵢ − 1` with `R` the fractional rank of another variable, such as
//!   the ageing index; ties share their rank (Kakwani, Wagstaff and van Doorslaer 1997, J. Econometrics 77:87).
//!
//! A weight is usually a number of residents; with equal weights these are the textbook formulas.

use std::collections::BTreeMap;

/// A value that so many stand for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Weighted {
    /// The value, not negative.
    pub(crate) value: f64,
    /// How many stand for it.
    pub(crate) weight: f64,
}

/// The Gini index, from 0 (all the same) towards 1 (one has everything).
///
/// Nothing without weight, where the mean is 0, or where a value or weight is negative.
pub(crate) fn gini(values: &[Weighted]) -> Option<f64> {
    let (weights, sum) = totals(values)?;
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| a.value.total_cmp(&b.value));
    let mut cumulated = 0.0;
    let area: f64 = sorted
        .iter()
        .map(|point| {
            let before = cumulated;
            cumulated += point.weight * point.value;
            point.weight * (before + cumulated)
        })
        .sum();
    Some(1.0 - area / (weights * sum))
}

/// Theil's T, 0 when all are the same.
///
/// Nothing without weight, where the mean is 0, or where a value or weight is negative.
pub(crate) fn theil(values: &[Weighted]) -> Option<f64> {
    let (weights, sum) = totals(values)?;
    let mean = sum / weights;
    let parts = values.iter().map(|point| {
        let ratio = point.value / mean;
        if ratio > 0.0 {
            point.weight / weights * ratio * ratio.ln()
        } else {
            0.0
        }
    });
    Some(parts.sum())
}

/// The part of [`theil`] that lies between groups: `Σ s_g ln(s_g/(w_g/W))`, with `s_g` the group's share of everything.
///
/// The rest lies within them (Theil 1967). Each value comes with its group. Nothing where [`theil`] has none.
pub(crate) fn theil_between(grouped: &[(Weighted, usize)]) -> Option<f64> {
    let values: Vec<Weighted> = grouped.iter().map(|(value, _)| *value).collect();
    let (weights, sum) = totals(&values)?;
    let mut of_group: BTreeMap<usize, (f64, f64)> = BTreeMap::new();
    for (point, group) in grouped {
        let (weight, total) = of_group.entry(*group).or_default();
        *weight += point.weight;
        *total += point.weight * point.value;
    }
    let part = |(weight, total): &(f64, f64)| {
        let share = total / sum;
        if share > 0.0 {
            share * (share * weights / weight).ln()
        } else {
            0.0
        }
    };
    Some(of_group.values().map(part).sum())
}

/// The concentration index: negative when those of low rank have more, positive when those of high rank do.
///
/// Each value comes with the variable it is ranked by. Nothing where [`gini`] has none.
pub(crate) fn concentration_index(ranked: &[(Weighted, f64)]) -> Option<f64> {
    let values: Vec<Weighted> = ranked.iter().map(|(value, _rank)| *value).collect();
    let (weights, sum) = totals(&values)?;
    let mut sorted = ranked.to_vec();
    sorted.sort_by(|(_, a), (_, b)| a.total_cmp(b));
    let mut below = 0.0;
    let mut weighted_ranks = 0.0;
    for tied in sorted.chunk_by(|(_, a), (_, b)| a.total_cmp(b).is_eq()) {
        let weight: f64 = tied.iter().map(|(point, _)| point.weight).sum();
        let rank = (below + weight / 2.0) / weights;
        weighted_ranks += rank
            * tied
                .iter()
                .map(|(point, _)| point.weight * point.value)
                .sum::<f64>();
        below += weight;
    }
    Some(2.0 * weighted_ranks / sum - 1.0)
}

/// The weighted quantile: the least value with at least the given part of the weight at or below it.
///
/// The inverse of the weighted distribution function (Hyndman and Fan 1996, Am. Statist. 50:361, type 1); where
/// the function lies exactly on the part, the middle between that value and the next, so that the
/// median of two values is between them. Nothing without weight.
pub(crate) fn weighted_quantile(values: &[Weighted], part: f64) -> Option<f64> {
    let mut sorted: Vec<Weighted> = values
        .iter()
        .copied()
        .filter(|point| point.weight > 0.0)
        .collect();
    sorted.sort_by(|a, b| a.value.total_cmp(&b.value));
    let weights: f64 = sorted.iter().map(|point| point.weight).sum();
    let wanted = part.clamp(0.0, 1.0) * weights;
    let mut below = 0.0;
    for (at, point) in sorted.iter().enumerate() {
        below += point.weight;
        let on_edge = (below - wanted).abs() <= EDGE * weights;
        if on_edge {
            let next = sorted.get(at + 1).unwrap_or(point);
            return Some(f64::midpoint(point.value, next.value));
        }
        if below > wanted {
            return Some(point.value);
        }
    }
    sorted.last().map(|point| point.value)
}

/// Below this part of all weight a place counts as lying on an edge.
const EDGE: f64 = 1e-12;

/// Sum of the weights and of the weighted values, if an index can be made of them.
fn totals(values: &[Weighted]) -> Option<(f64, f64)> {
    let is_usable = values
        .iter()
        .all(|point| point.value >= 0.0 && point.weight >= 0.0);
    let weights: f64 = values.iter().map(|point| point.weight).sum();
    let sum: f64 = values.iter().map(|point| point.weight * point.value).sum();
    (is_usable && weights > 0.0 && sum > 0.0).then_some((weights, sum))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::golden::{assert_close, number, rows};

    /// Values with their weights.
    fn points(values: &[(f64, f64)]) -> Vec<Weighted> {
        values
            .iter()
            .map(|&(value, weight)| Weighted { value, weight })
            .collect()
    }

    /// The golden input: the values with equal weights, and with their populations.
    fn golden() -> (Vec<Weighted>, Vec<Weighted>) {
        rows(include_str!(
            "../../tests/golden/inequality/inequality_input.csv"
        ))
        .iter()
        .map(|row| {
            let (value, weight) = (number(&row[0]), number(&row[2]));
            (Weighted { value, weight: 1.0 }, Weighted { value, weight })
        })
        .unzip()
    }

    /// A golden result.
    fn result(name: &str) -> f64 {
        let all = rows(include_str!("../../tests/golden/inequality/inequality.csv"));
        number(&all.iter().find(|row| row[0] == name).unwrap()[1])
    }

    #[test]
    fn the_golden_indices_are_reproduced() {
        let (plain, weighted) = golden();
        assert_close(gini(&plain).unwrap(), result("gini_pkg"), 1e-9);
        assert_close(gini(&weighted).unwrap(), result("gini_pop_weighted"), 1e-9);
        assert_close(theil(&plain).unwrap(), result("theil_pkg"), 1e-9);
        assert_close(
            theil(&weighted).unwrap(),
            result("theilT_pop_weighted"),
            1e-9,
        );
    }

    #[test]
    fn ranked_by_itself_the_concentration_index_is_the_gini_index() {
        let (plain, weighted) = golden();
        for values in [plain, weighted] {
            let ranked: Vec<_> = values.iter().map(|point| (*point, point.value)).collect();
            let index = concentration_index(&ranked).unwrap();
            assert_close(index, gini(&values).unwrap(), 1e-9);
        }
    }

    #[test]
    fn what_the_poorest_have_alone_is_concentrated_below() {
        // One of four, the poorest, has everything: 2/(4·μ)·x·R − 1 with R = 1/8 and x = 4μ: 2/8·… = −3/4.
        let ranked: Vec<_> = points(&[(4.0, 1.0), (0.0, 1.0), (0.0, 1.0), (0.0, 1.0)])
            .into_iter()
            .zip([1.0, 2.0, 3.0, 4.0])
            .collect();
        assert_close(concentration_index(&ranked).unwrap(), -0.75, 1e-12);
    }

    #[test]
    fn all_inequality_lies_between_groups_equal_inside_and_none_between_equal_groups() {
        let values = points(&[(1.0, 2.0), (3.0, 1.0), (1.0, 1.0), (3.0, 2.0)]);
        let by = |groups: [usize; 4]| {
            let grouped: Vec<_> = values.iter().copied().zip(groups).collect();
            theil_between(&grouped).unwrap()
        };
        assert_close(by([0, 1, 0, 1]), theil(&values).unwrap(), 1e-12);
        assert!(by([0, 0, 0, 0]).abs() < 1e-12);
        assert_eq!(theil_between(&[]), None);
    }

    #[test]
    fn equal_values_have_no_inequality() {
        let same = points(&[(2.0, 1.0), (2.0, 5.0), (2.0, 3.0)]);
        assert!(gini(&same).unwrap().abs() < 1e-12);
        assert!(theil(&same).unwrap().abs() < 1e-12);
    }

    #[test]
    fn nothing_and_negative_values_have_no_index() {
        assert_eq!(gini(&[]), None);
        assert_eq!(theil(&points(&[(0.0, 1.0)])), None);
        assert_eq!(gini(&points(&[(-1.0, 1.0), (3.0, 1.0)])), None);
    }

    #[test]
    fn a_weighted_quantile_counts_every_one_that_stands_for_a_value() {
        let values = points(&[(1.0, 1.0), (5.0, 2.0), (9.0, 1.0)]);
        assert_eq!(weighted_quantile(&values, 0.5), Some(5.0));
        assert_eq!(weighted_quantile(&values, 0.25), Some(3.0));
        assert_eq!(weighted_quantile(&values, 0.9), Some(9.0));
        let two = points(&[(1.0, 1.0), (2.0, 1.0)]);
        assert_eq!(weighted_quantile(&two, 0.5), Some(1.5));
        assert_eq!(weighted_quantile(&[], 0.5), None);
    }
}
