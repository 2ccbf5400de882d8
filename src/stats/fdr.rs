//! Which of many small probabilities may be believed: the false-discovery rate.
//!
//! Judging 4,000 cells a month at `p < 0.01` would raise forty flags when nothing happened. Benjamini
//! and Hochberg (1995, J. R. Statist. Soc. B 57:289) give each p-value a *q-value* instead: flagging
//! every `q ≤ 0.05` makes about one flag in twenty a false one, however many cells were judged.

use super::real_len;

/// The Benjamini–Hochberg q-values, in the order of the p-values given.
///
/// With the p-values sorted upward, `q_(i) = min over j ≥ i of p_(j)·m/j`, at most 1.
pub(crate) fn benjamini_hochberg(p_values: &[f64]) -> Vec<f64> {
    let n_tests = real_len(p_values.len());
    let mut by_size: Vec<usize> = (0..p_values.len()).collect();
    by_size.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let mut q_values = vec![1.0; p_values.len()];
    let mut smallest = 1.0_f64;
    for (rank, position) in by_size.iter().enumerate().rev() {
        smallest = smallest.min(p_values[*position] * n_tests / real_len(rank + 1));
        q_values[*position] = smallest;
    }
    q_values
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::golden::{assert_close, number, rows};

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
    fn the_golden_file_is_reproduced() {
        let golden = rows(include_str!(
            "../../tests/golden/multiple_testing/p_adjust.csv"
        ));
        let p_values: Vec<f64> = golden.iter().map(|row| number(&row[0])).collect();
        for (q, row) in benjamini_hochberg(&p_values).iter().zip(&golden) {
            assert_close(*q, number(&row[1]), 1e-8);
        }
    }

    #[test]
    fn no_test_gives_no_value() {
        assert!(benjamini_hochberg(&[]).is_empty());
    }
}
