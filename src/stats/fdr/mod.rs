//! Which of many small probabilities may be believed: the false-discovery rate.
//!
//! Judging 4,000 cells a month at `p < 0.01` would raise forty flags when nothing happened. Benjamini
//! and Hochberg (1995, J. R. Statist. Soc. B 57:289) give each p-value a *q-value* instead: flagging
//! every `q ≤ 0.05` makes about one flag in twenty a false one, however many cells were judged.
//!
//! Their rule is proved for p-values that are independent or positively dependent. Benjamini and
//! Yekutieli (2001, Ann. Statist. 29:1165) allow any dependence and pay for it with `Σ 1/i`. Holm (1979,
//! Scand. J. Statist. 6:65) bounds the chance of even one false flag instead. `hierarchy` decides over
//! needs first and over the districts of the needs found second.

use super::real_len;

/// Testing down a tree, such as needs and then their districts.
pub(crate) mod hierarchy;

/// The Benjamini–Hochberg q-values, in the order of the p-values given.
///
/// With the p-values sorted upward, `q_(i) = min over j ≥ i of p_(j)·m/j`, at most 1.
pub(crate) fn benjamini_hochberg(p_values: &[f64]) -> Vec<f64> {
    stepped_up(p_values, 1.0)
}

/// The Benjamini–Yekutieli q-values, valid whatever the dependence between the p-values.
///
/// `q_(i) = min over j ≥ i of p_(j)·m·c/j` with `c = Σ_{i ≤ m} 1/i`, at most 1.
pub(crate) fn benjamini_yekutieli(p_values: &[f64]) -> Vec<f64> {
    let price = (1..=p_values.len())
        .map(|rank| real_len(rank).recip())
        .sum();
    stepped_up(p_values, price)
}

/// The p-values adjusted by Holm: accepting those up to `α` makes one false flag or more with chance `α`.
///
/// `p̃_(i) = max over j ≤ i of (m − j + 1)·p_(j)`, at most 1.
pub(crate) fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut adjusted = vec![1.0; p_values.len()];
    let mut largest = 0.0_f64;
    for (rank, position) in by_size(p_values).into_iter().enumerate() {
        let n_left = real_len(p_values.len() - rank);
        largest = largest.max(p_values[position] * n_left).min(1.0);
        adjusted[position] = largest;
    }
    adjusted
}

/// The p-values times their number, at most 1 (Bonferroni).
pub(crate) fn bonferroni(p_values: &[f64]) -> Vec<f64> {
    let n_tests = real_len(p_values.len());
    p_values.iter().map(|p| (p * n_tests).min(1.0)).collect()
}

/// `min over j ≥ i of p_(j)·m·price/j`, at most 1, in the order of the p-values given.
fn stepped_up(p_values: &[f64], price: f64) -> Vec<f64> {
    let scale = real_len(p_values.len()) * price;
    let mut q_values = vec![1.0; p_values.len()];
    let mut smallest = 1.0_f64;
    for (rank, position) in by_size(p_values).into_iter().enumerate().rev() {
        smallest = smallest.min(p_values[position] * scale / real_len(rank + 1));
        q_values[position] = smallest;
    }
    q_values
}

/// The places of the p-values, from the smallest up.
fn by_size(p_values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::golden::assert_close;
    use proptest::prelude::*;

    #[test]
    fn the_worked_example_of_benjamini_and_hochberg_rejects_its_four_hypotheses() {
        // Their section 3.2: fifteen p-values of a trial of rt-PA; four are rejected at q = 0.05.
        let p_values = [
            0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262,
            0.5719, 0.6528, 0.7590, 1.000,
        ];
        let q_values = benjamini_hochberg(&p_values);
        let n_rejected = q_values.iter().filter(|q| **q <= 0.05).count();
        assert_eq!(n_rejected, 4);
        assert_close(q_values[3], 0.0095 * 15.0 / 4.0, 1e-12);
    }

    #[test]
    fn the_worked_example_of_holm_stops_at_the_first_that_fails() {
        // Holm's rule by hand at α = 0.05 over four: 0.0125, 0.0167, 0.025, 0.05.
        let adjusted = holm(&[0.01, 0.04, 0.03, 0.005]);
        for (found, expected) in adjusted.iter().zip([0.03, 0.06, 0.06, 0.02]) {
            assert_close(*found, expected, 1e-12);
        }
    }

    proptest! {
        #[test]
        fn every_adjustment_keeps_the_order_and_the_stricter_is_never_smaller(
            p_values in proptest::collection::vec(0.0..=1.0_f64, 1..60)
        ) {
            let adjustments = [
                benjamini_hochberg(&p_values),
                benjamini_yekutieli(&p_values),
                holm(&p_values),
                bonferroni(&p_values),
            ];
            let order = by_size(&p_values);
            for adjusted in &adjustments {
                prop_assert!(order.windows(2).all(|pair| adjusted[pair[0]] <= adjusted[pair[1]] + 1e-12));
                prop_assert!(adjusted.iter().zip(&p_values).all(|(q, p)| (p - 1e-12..=1.0).contains(q)));
            }
            let is_stricter = |strict: &[f64], mild: &[f64]| {
                strict.iter().zip(mild).all(|(a, b)| *a >= b - 1e-12)
            };
            prop_assert!(is_stricter(&adjustments[1], &adjustments[0]));
            prop_assert!(is_stricter(&adjustments[2], &adjustments[0]));
            prop_assert!(is_stricter(&adjustments[3], &adjustments[2]));
        }
    }

    #[test]
    fn no_test_gives_no_value() {
        assert!(benjamini_hochberg(&[]).is_empty());
        assert!(benjamini_yekutieli(&[]).is_empty());
        assert!(holm(&[]).is_empty());
    }
}
