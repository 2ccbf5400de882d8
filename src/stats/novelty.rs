//! Words that were not there before: when a new category or tag is more than a slip of the pen.
//!
//! A tag nobody used until now has no baseline to exceed, so the question is turned round: given how
//! rarely it appeared in all the months before, how likely are this many uses in the last three, in
//! this many districts? With `B` earlier uses over `n₀` months, a Gamma(½) prior on the monthly rate
//! makes the next three months negative binomial of size `B + ½` and probability `(n₀+1)/(n₀+4)`.

use super::counts::CountLaw;
use super::{real, real_len};

/// When a category or tag counts as new and rising.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct NoveltyRule {
    /// Fewest uses in the judged months.
    pub(crate) min_cases: u64,
    /// Fewest districts with a use in the judged months.
    pub(crate) min_districts: usize,
    /// The last year before the judged months must hold fewer uses than this.
    pub(crate) max_recent_base: u64,
    /// The chance of so many uses must lie below this.
    pub(crate) max_p: f64,
}

impl Default for NoveltyRule {
    fn default() -> Self {
        Self {
            min_cases: 5,
            min_districts: 3,
            max_recent_base: 6,
            max_p: 0.001,
        }
    }
}

/// How many months are judged together.
pub(crate) const N_JUDGED_MONTHS: usize = 3;

/// How many months before the judged ones must be nearly silent.
pub(crate) const N_SILENT_MONTHS: usize = 12;

/// What is known of a candidate: its past, and its last three months by district.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Candidate<'a> {
    /// Uses per month over all districts, oldest first, without the three judged months.
    pub(crate) base: &'a [u64],
    /// Uses in the three judged months together, one number per district.
    pub(crate) judged_by_district: &'a [u64],
}

/// What the rule says about a candidate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Novelty {
    /// Uses in the three judged months.
    pub(crate) observed: u64,
    /// Districts with a use in the three judged months.
    pub(crate) n_districts: usize,
    /// Uses in three months that the past would lead one to expect.
    pub(crate) expected: f64,
    /// Chance of so many uses if the past went on.
    pub(crate) p: f64,
    /// Whether every condition of the rule holds.
    pub(crate) is_new: bool,
}

/// Judges one candidate.
pub(crate) fn novelty(candidate: Candidate<'_>, rule: NoveltyRule) -> Novelty {
    let observed: u64 = candidate.judged_by_district.iter().sum();
    let n_districts = candidate
        .judged_by_district
        .iter()
        .filter(|count| **count > 0)
        .count();
    let law = predictive(candidate.base);
    let p = law.upper_tail(observed);
    let recent_base: u64 = candidate.base.iter().rev().take(N_SILENT_MONTHS).sum();
    let is_new = observed >= rule.min_cases
        && n_districts >= rule.min_districts
        && recent_base < rule.max_recent_base
        && p < rule.max_p;
    Novelty {
        observed,
        n_districts,
        expected: expected(candidate.base),
        p,
        is_new,
    }
}

/// How many months after an alert a category still counts as new.
pub(crate) const N_NEW_MONTHS: usize = 6;

/// Whether a category is new in each month: alerted in it, or in one of the six months before.
///
/// A new category reaches its districts one after the other, and those of the first months fill the year
/// that must be silent; so the alert is kept up until the pooled model has a past to judge by.
pub(crate) fn still_new(alerts: &[bool]) -> Vec<bool> {
    let first = |month: usize| month.saturating_sub(N_NEW_MONTHS);
    (0..alerts.len())
        .map(|month| alerts[first(month)..=month].contains(&true))
        .collect()
}

/// The law of the uses in the next three months.
fn predictive(base: &[u64]) -> CountLaw {
    let n_base_months = real_len(base.len());
    let total = real(base.iter().sum());
    let probability = (n_base_months + 1.0) / (n_base_months + 1.0 + real_len(N_JUDGED_MONTHS));
    CountLaw::negative_binomial(total + 0.5, probability)
}

/// The mean of the predictive law: `3 (B + ½)/(n₀ + 1)`.
fn expected(base: &[u64]) -> f64 {
    let total = real(base.iter().sum());
    real_len(N_JUDGED_MONTHS) * (total + 0.5) / (real_len(base.len()) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::golden::assert_close;

    /// Judges a base and a list of counts by district with the default rule.
    fn judge(base: &[u64], judged_by_district: &[u64]) -> Novelty {
        novelty(
            Candidate {
                base,
                judged_by_district,
            },
            NoveltyRule::default(),
        )
    }

    #[test]
    fn a_tag_never_seen_in_two_years_that_comes_up_in_three_districts_is_new() {
        let found = judge(&[0; 24], &[2, 0, 2, 1]);
        assert!(found.is_new);
        assert_eq!((found.observed, found.n_districts), (5, 3));
        // By hand: NB(½, 25/28) gives P(≥ 5) = 1 − Σ_{y<5} Γ(y+½)/(Γ(½) y!) π^½ (1−π)^y.
        let probability: f64 = 25.0 / 28.0;
        let mut term = probability.sqrt();
        let mut below = 0.0;
        for y in 0..5 {
            below += term;
            term *= (f64::from(y) + 0.5) / (f64::from(y) + 1.0) * (1.0 - probability);
        }
        assert_close(found.p, 1.0 - below, 1e-6);
    }

    #[test]
    fn a_tag_of_one_district_is_not_new_unless_the_rule_says_so() {
        assert!(!judge(&[0; 24], &[9, 0, 0]).is_new);
        let rule = NoveltyRule {
            min_districts: 1,
            ..NoveltyRule::default()
        };
        assert!(
            novelty(
                Candidate {
                    base: &[0; 24],
                    judged_by_district: &[9, 0, 0]
                },
                rule
            )
            .is_new
        );
    }

    #[test]
    fn an_alert_is_kept_up_for_six_months() {
        let mut alerts = [false; 12];
        alerts[2] = true;
        let kept = still_new(&alerts);
        let new: Vec<usize> = (0..12).filter(|month| kept[*month]).collect();
        assert_eq!(new, (2..=8).collect::<Vec<_>>());
        assert!(still_new(&[]).is_empty());
    }

    #[test]
    fn a_tag_in_steady_use_is_not_new() {
        assert!(!judge(&[1; 24], &[2, 2, 2]).is_new);
    }

    #[test]
    fn a_tag_that_was_rare_and_stays_rare_is_not_new() {
        assert!(!judge(&[0; 24], &[1, 1, 1]).is_new);
    }

    #[test]
    fn without_any_past_a_tag_needs_many_uses() {
        let found = judge(&[], &[2, 2, 1]);
        assert!(!found.is_new, "p = {}", found.p);
    }
}
