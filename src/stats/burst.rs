//! A word in use that is suddenly used far more: three months against its own past and the same season.
//!
//! A word bursts when its share of all worded requests rises, as in the batches of Kleinberg (*Bursty and
//! hierarchical structure in streams*, Data Min. Knowl. Discov. 7, 2003, 373-397), so that a platform that
//! doubles makes no word burst. His automaton needs the whole stream and gives no probability; the question
//! here is the one of the end of a quarter, so the state is judged by the Gamma-Poisson prediction (Gelman
//! et al., *Bayesian Data Analysis*, 3rd ed., section 2.6) and his ratio of rates between states, 3, is kept.
//!
//! On platform `p`, with `B` uses among `E₀` requests of the past and `E₁` requests in the judged months,
//! a Gamma(½) prior shared by the platforms in proportion to `E₀` gives
//!
//! ```text
//! a_p = ½ E₀_p / Σ E₀      μ = Σ E₁ (B + a)/E₀      v = φ μ + Σ (E₁/E₀)² (B + a)
//! ```
//!
//! `φ ≥ 1` is Pearson's dispersion of the past months around their own share. The uses are compared with
//! the negative binomial of that mean and variance, once with two years as the past and once with the same
//! months a year before; the greater mean and the greater probability count. A platform counts on both
//! sides only if it had worded requests in a year's months of the past: one that arrives brings no burst.

use super::counts::CountLaw;
use super::novelty::{N_JUDGED_MONTHS, N_SILENT_MONTHS};
use super::{real, real_len};

/// How many months before the judged ones are the past.
const N_PAST_MONTHS: usize = 24;

/// When a word counts as bursting.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct BurstRule {
    /// Fewest uses in the judged months.
    pub(crate) min_cases: u64,
    /// Fewest uses in the year before them; with fewer the word is judged as a new one.
    pub(crate) min_recent_base: u64,
    /// The uses must be at least so many times what was expected.
    pub(crate) min_ratio: f64,
    /// The chance of so many uses must lie below this.
    pub(crate) max_p: f64,
}

impl Default for BurstRule {
    fn default() -> Self {
        Self {
            min_cases: 10,
            min_recent_base: 6,
            min_ratio: 3.0,
            max_p: 0.001,
        }
    }
}

/// A word on one platform, month by month up to the last judged one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct PlatformUses<'a> {
    /// Requests with the word.
    pub(crate) uses: &'a [u64],
    /// Requests with any word.
    pub(crate) worded: &'a [u64],
}

/// What the rule says about a word.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(clippy::struct_field_names, reason = "the fields of the struct in SQL")]
pub(crate) struct Burst {
    /// Uses in the judged months.
    pub(crate) observed: u64,
    /// Uses that the past, or the season, would lead one to expect.
    pub(crate) expected: f64,
    /// How many times as many they are.
    pub(crate) ratio: f64,
    /// Chance of so many uses if the past went on.
    pub(crate) p: f64,
    /// Whether every condition of the rule holds.
    pub(crate) is_burst: bool,
}

/// Sums of a platform over the past and the judged months.
#[derive(Debug, Clone, Copy)]
struct Sums {
    /// Uses in the past.
    base: f64,
    /// Worded requests in the past.
    base_worded: f64,
    /// Worded requests in the judged months.
    judged_worded: f64,
}

/// Judges the last three months of a word; none where no platform has a past long enough.
///
/// The slices of all platforms are of one length.
pub(crate) fn burst(platforms: &[PlatformUses<'_>], rule: BurstRule) -> Option<Burst> {
    let n_months = platforms.iter().map(|one| one.uses.len()).min()?;
    let start = n_months.checked_sub(N_JUDGED_MONTHS)?;
    let past = start.saturating_sub(N_PAST_MONTHS)..start;
    let known: Vec<PlatformUses<'_>> = platforms
        .iter()
        .filter(|one| one.is_established(past.clone()))
        .copied()
        .collect();
    let sum = |range: std::ops::Range<usize>| -> u64 {
        let uses = known.iter().filter_map(|one| one.uses.get(range.clone()));
        uses.flatten().sum()
    };
    let sums = |past: std::ops::Range<usize>| -> Vec<Sums> {
        let sums = known.iter().map(|one| one.sums(past.clone(), start));
        sums.collect()
    };
    let base = sums(past.clone());
    let dispersion = dispersion(&known, &base, past);
    let (mut expected, variance) = prediction(&base, dispersion)?;
    let observed = sum(start..n_months);
    let mut p = CountLaw::new(expected, variance).upper_tail(observed);
    let season = start
        .checked_sub(12)
        .map(|first| first..first + N_JUDGED_MONTHS);
    if let Some((mean, variance)) = season.and_then(|season| prediction(&sums(season), dispersion))
    {
        expected = expected.max(mean);
        p = p.max(CountLaw::new(mean, variance).upper_tail(observed));
    }
    let ratio = real(observed) / expected;
    let recent_base = sum(start.saturating_sub(N_SILENT_MONTHS)..start);
    let is_burst = observed >= rule.min_cases
        && recent_base >= rule.min_recent_base
        && ratio >= rule.min_ratio
        && p < rule.max_p;
    Some(Burst {
        observed,
        expected,
        ratio,
        p,
        is_burst,
    })
}

impl PlatformUses<'_> {
    /// Whether the platform had worded requests in at least a year of the past.
    fn is_established(&self, past: std::ops::Range<usize>) -> bool {
        let worded = self.worded.get(past).unwrap_or_default();
        worded.iter().filter(|worded| **worded > 0).count() >= N_SILENT_MONTHS
    }

    /// The sums over a past and over the months from `start` on.
    fn sums(&self, past: std::ops::Range<usize>, start: usize) -> Sums {
        let total = |counts: Option<&[u64]>| real(counts.unwrap_or_default().iter().sum());
        Sums {
            base: total(self.uses.get(past.clone())),
            base_worded: total(self.worded.get(past)),
            judged_worded: total(self.worded.get(start..)),
        }
    }
}

/// The mean and variance of the uses in the judged months; none without a past or without worded requests now.
///
/// Platforms that were silent in the past compared with are expected to use the word as the others do.
fn prediction(sums: &[Sums], dispersion: f64) -> Option<(f64, f64)> {
    let worded: f64 = sums.iter().map(|one| one.base_worded).sum();
    let judged: f64 = sums.iter().map(|one| one.judged_worded).sum();
    if worded <= 0.0 || judged <= 0.0 {
        return None;
    }
    let pooled = sums.iter().map(|one| one.base).sum::<f64>() / worded;
    let (mut mean, mut spread) = (0.0, 0.0);
    for one in sums {
        if one.base_worded <= 0.0 {
            mean += one.judged_worded * pooled;
            continue;
        }
        let growth = one.judged_worded / one.base_worded;
        let uses = one.base + 0.5 * one.base_worded / worded;
        mean += growth * uses;
        spread += growth * growth * uses;
    }
    Some((mean, dispersion * mean + spread))
}

/// Pearson's dispersion of the past months around the share of their platforms, at least 1.
fn dispersion(known: &[PlatformUses<'_>], sums: &[Sums], past: std::ops::Range<usize>) -> f64 {
    let (mut total, mut n_months) = (0.0, 0_usize);
    for month in past {
        let (mut uses, mut expected) = (0.0, 0.0);
        for (one, sums) in known.iter().zip(sums) {
            uses += one.uses.get(month).map_or(0.0, |uses| real(*uses));
            let worded = one.worded.get(month).map_or(0.0, |worded| real(*worded));
            expected += worded * sums.base / sums.base_worded.max(1.0);
        }
        if expected > 0.0 {
            total += (uses - expected) * (uses - expected) / expected;
            n_months += 1;
        }
    }
    if n_months < 2 {
        return 1.0;
    }
    (total / real_len(n_months - 1)).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::golden::assert_close;

    /// Judges one platform by the default rule.
    fn judge(uses: &[u64], worded: &[u64]) -> Option<Burst> {
        burst(&[PlatformUses { uses, worded }], BurstRule::default())
    }

    /// Two years of a number, then three months of another.
    fn then(past: u64, judged: u64) -> Vec<u64> {
        [[past; 24].as_slice(), &[judged; 3]].concat()
    }

    #[test]
    fn five_times_the_uses_of_two_quiet_years_are_a_burst() {
        let found = judge(&then(2, 10), &then(100, 100)).unwrap();
        // By hand: two years give 300 (48 + ½)/2400 = 6.06, the season 300 (6 + ½)/300 = 6.5, which counts.
        // Its variance is 6.5 + 6.5, so NB(6.5, ½): P(≥ 30) = 1 − Σ_{y<30} Γ(y+6.5)/(Γ(6.5) y!) ½^(y+6.5).
        assert_close(found.expected, 6.5, 1e-12);
        let mut term = 0.5_f64.powf(6.5);
        let mut below = 0.0;
        for y in 0..30 {
            below += term;
            term *= (f64::from(y) + 6.5) / (f64::from(y) + 1.0) * 0.5;
        }
        assert!((found.p - (1.0 - below)).abs() < 1e-9, "{found:?}");
        assert!(found.is_burst && found.observed == 30);
    }

    #[test]
    fn a_platform_that_grows_five_times_makes_no_word_burst() {
        let found = judge(&then(2, 10), &then(100, 500)).unwrap();
        assert!(!found.is_burst && found.ratio < 1.0, "{found:?}");
    }

    #[test]
    fn a_word_of_every_autumn_does_not_burst_in_autumn() {
        let mut uses = [1; 27];
        for month in [0, 1, 2, 12, 13, 14, 24, 25, 26] {
            uses[month] = 10;
        }
        let found = judge(&uses, &[100; 27]).unwrap();
        assert!(!found.is_burst && found.expected > 30.0, "{found:?}");
    }

    #[test]
    fn a_platform_that_arrives_is_not_counted() {
        let old = (then(2, 2), then(100, 100));
        let new = (then(0, 40), then(0, 200));
        let platforms = [&old, &new].map(|(uses, worded)| PlatformUses { uses, worded });
        let found = burst(&platforms, BurstRule::default()).unwrap();
        assert_eq!(found.observed, 6);
        assert!(!found.is_burst);
        let alone = judge(&new.0, &new.1);
        assert_eq!(alone, None);
    }

    #[test]
    fn each_platform_is_compared_with_its_own_share() {
        // The second platform grows tenfold and uses the word five times as often as the first.
        let small = (then(1, 1), then(100, 100));
        let large = (then(5, 50), then(100, 1000));
        let platforms = [&small, &large].map(|(uses, worded)| PlatformUses { uses, worded });
        let found = burst(&platforms, BurstRule::default()).unwrap();
        assert!(!found.is_burst && found.ratio < 1.02, "{found:?}");
    }

    #[test]
    fn uneven_months_and_rare_words_need_more() {
        // 0 and 12 in turn have the mean 6 and a dispersion of 24/23 · 6 = 6.26.
        let mut uneven: Vec<u64> = (0..24).map(|month| 12 * (month % 2)).collect();
        uneven.extend([18, 18, 18]);
        let even = judge(&then(6, 18), &then(100, 100)).unwrap();
        let found = judge(&uneven, &then(100, 100)).unwrap();
        assert!(found.p > even.p, "{found:?} {even:?}");
        assert!(even.p < 0.001);
        // Five uses in the year before make it a matter of novelty.
        let mut rare = vec![0; 24];
        rare[23] = 5;
        rare.extend([10, 10, 10]);
        assert!(!judge(&rare, &then(100, 100)).unwrap().is_burst);
    }

    #[test]
    fn without_a_year_of_past_nothing_is_said() {
        assert_eq!(judge(&[1; 14], &[9; 14]), None);
        assert!(judge(&[1; 15], &[9; 15]).is_some());
        assert_eq!(burst(&[], BurstRule::default()), None);
        assert_eq!(judge(&then(2, 0), &then(100, 0)), None);
    }
}
