//! Shares and when they are out of line: unmet requests here against elsewhere, or against the past.
//!
//! A share of two in three means little and a share of two hundred in three hundred means much. The
//! Wilson (1927) interval says how far a share can be trusted. Whether it lies above a reference, which
//! is itself only a share of so many requests, is judged in two ways, and the more cautious one counts:
//!
//! - exactly: given the reference's events and trials and Jeffreys' prior, the next share is
//!   beta-binomial (Gelman et al. 2013, *Bayesian Data Analysis*, section 2.4);
//! - as in the funnel of Spiegelhalter (2005, Statist. Med. 24:1185): a z-score, divided by `√φ`, where
//!   the over-dispersion `φ` is the mean squared z-score of all districts, the outermost tenth at either
//!   end winsorised. It takes out the usual differences between districts.

use statrs::function::beta::ln_beta;
use statrs::function::factorial::ln_binomial;
use statrs::function::gamma::{gamma_lr, gamma_ur};

use super::counts::CountLaw;
use super::ears::normal_upper_tail;
use super::{rates, real, real_len};

/// Events among trials, such as unmet requests among requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Share {
    /// How many events.
    pub(crate) n_events: u64,
    /// Among how many; an event is also a trial.
    pub(crate) n_trials: u64,
}

/// A share against a reference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ShareTest {
    /// The share found.
    pub(crate) share: f64,
    /// Its 95 % Wilson interval.
    pub(crate) interval: (f64, f64),
    /// The reference share.
    pub(crate) reference: f64,
    /// Events expected at the reference share.
    pub(crate) expected: f64,
    /// The z-score against the reference, over-dispersion taken out.
    pub(crate) z: f64,
    /// Chance of a share at least as high: the larger of the exact and the over-dispersed one.
    pub(crate) p: f64,
}

impl Share {
    /// The share itself, or nothing without trials.
    pub(crate) fn value(self) -> Option<f64> {
        (self.n_trials > 0).then(|| real(self.n_events) / real(self.n_trials))
    }

    /// The Wilson interval at 95 %.
    pub(crate) fn wilson(self) -> Option<(f64, f64)> {
        rates::wilson(real(self.n_events), real(self.n_trials))
    }

    /// The share with Jeffreys' prior of half an event in one trial, strictly between 0 and 1.
    fn with_prior(self) -> f64 {
        (real(self.n_events) + 0.5) / (real(self.n_trials) + 1.0)
    }

    /// The z-score `(p − p₀)/√(p₀(1−p₀)(1/n + 1/n₀))` against a reference, both with trials.
    pub(crate) fn z_score(self, reference: Self) -> Option<f64> {
        let (share, level) = (self.value()?, reference.with_prior());
        reference.value()?;
        let per_trial = 1.0 / real(self.n_trials) + 1.0 / real(reference.n_trials);
        Some((share - level) / (level * (1.0 - level) * per_trial).sqrt())
    }
}

/// Whether a share lies above a reference, given the over-dispersion `φ` among its like (1 if none).
///
/// Nothing where either has no trials.
pub(crate) fn test_above(share: Share, reference: Share, phi: f64) -> Option<ShareTest> {
    let phi = phi.max(1.0);
    let z = share.z_score(reference)? / phi.sqrt();
    let exact = predictive_tail(share, reference);
    let dispersed = if phi > 1.0 { normal_upper_tail(z) } else { 0.0 };
    Some(ShareTest {
        share: share.value()?,
        interval: share.wilson()?,
        reference: reference.value()?,
        expected: reference.with_prior() * real(share.n_trials),
        z,
        p: exact.max(dispersed),
    })
}

/// `P(X ≥ events)` for the next share, given the reference and Jeffreys' prior.
fn predictive_tail(share: Share, reference: Share) -> f64 {
    let alpha = real(reference.n_events) + 0.5;
    let beta = real(reference.n_trials.saturating_sub(reference.n_events)) + 0.5;
    beta_binomial_tail(share, alpha, beta)
}

/// `P(X ≥ x)`, with `P(X = k) = C(n, k) B(k + α, n − k + β)/B(α, β)`.
///
/// The shorter of the two tails is summed.
fn beta_binomial_tail(share: Share, alpha: f64, beta: f64) -> f64 {
    let Share { n_events, n_trials } = share;
    let chance = |k: u64| {
        let ways = ln_binomial(n_trials, k);
        let weight = ln_beta(real(k) + alpha, real(n_trials - k) + beta) - ln_beta(alpha, beta);
        (ways + weight).exp()
    };
    let is_low = real(n_events) < real(n_trials) * alpha / (alpha + beta);
    let tail: f64 = if is_low {
        1.0 - (0..n_events).map(chance).sum::<f64>()
    } else {
        (n_events..=n_trials).map(chance).sum()
    };
    tail.clamp(0.0, 1.0)
}

/// The limits of the next events between which 95 % lie, given the reference, widened by `√φ` around the expected.
///
/// The quantiles of the beta-binomial of [`test_above`]. Nothing where the reference has no trials.
pub(crate) fn predicted_events(n_trials: u64, reference: Share, phi: f64) -> Option<(f64, f64)> {
    reference.value()?;
    let alpha = real(reference.n_events) + 0.5;
    let beta = real(reference.n_trials.saturating_sub(reference.n_events)) + 0.5;
    let expected = reference.with_prior() * real(n_trials);
    let (mut low, mut high, mut below) = (None, n_trials, 0.0);
    for k in 0..=n_trials {
        let ways = ln_binomial(n_trials, k);
        let weight = ln_beta(real(k) + alpha, real(n_trials - k) + beta) - ln_beta(alpha, beta);
        below += (ways + weight).exp();
        if low.is_none() && below >= 0.025 {
            low = Some(k);
        }
        if below >= 0.975 {
            high = k;
            break;
        }
    }
    let widened = |limit: u64| {
        let distance = (real(limit) - expected) * phi.max(1.0).sqrt();
        (expected + distance).clamp(0.0, real(n_trials))
    };
    Some((
        widened(low.unwrap_or(0)).min(expected),
        widened(high).max(expected),
    ))
}

/// The test of a count against its expectation, both sides.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct RatioTest {
    /// `2(√O − √E)/√φ`.
    pub(crate) z: f64,
    /// The chance of as few or fewer.
    pub(crate) p_low: f64,
    /// The chance of as many or more.
    pub(crate) p_high: f64,
    /// The limits between which 95 % of the counts lie, widened by `√φ`.
    pub(crate) limits: (f64, f64),
}

/// Tests a count against its expectation, given the over-dispersion `φ` among its like (1 if none).
///
/// As in [`test_above`] the more cautious of two chances counts: the exact one of the Poisson law, and where `φ > 1`
/// the normal one of the z-score. A count with parts, such as one shared by distance, lies between its neighbors:
/// `P(X ≤ o) = Γ(o+1, E)/Γ(o+1)`. Nothing where nothing is expected.
pub(crate) fn test_ratio(observed: f64, expected: f64, phi: f64) -> Option<RatioTest> {
    let spread = phi.max(1.0).sqrt();
    let z = root_z_score(observed, expected).filter(|z| z.is_finite())? / spread;
    let up_to = |count: f64| gamma_ur(count + 1.0, expected);
    let (exact_low, exact_high) = if observed > 0.0 {
        (up_to(observed), gamma_lr(observed, expected))
    } else {
        (up_to(0.0), 1.0)
    };
    let (normal_low, normal_high) = if spread > 1.0 {
        (normal_upper_tail(-z), normal_upper_tail(z))
    } else {
        (0.0, 0.0)
    };
    let (low, high) = exact_funnel_limits(expected, 0.95)?;
    let widened = |limit: f64| (expected + (limit - 1.0) * expected * spread).max(0.0);
    Some(RatioTest {
        z,
        p_low: exact_low.max(normal_low),
        p_high: exact_high.max(normal_high),
        limits: (widened(low), widened(high)),
    })
}

/// The limits of observed over expected between which all but a part `1 − level` of districts lie by chance.
///
/// Spiegelhalter (2005), appendix: with `r` the smallest count with `P(Y ≤ r) ≥ p` for `Y ~ Po(E)` and
/// `α = (P(Y ≤ r) − p)/P(Y = r)`, the limit is `(r − α)/E`, at least 0, so that the funnel has no steps. Here `p` is
/// `(1 − level)/2` and `(1 + level)/2`. Nothing where nothing is expected.
pub(crate) fn exact_funnel_limits(expected: f64, level: f64) -> Option<(f64, f64)> {
    let is_usable = expected > 0.0 && expected.is_finite() && level > 0.0 && level < 1.0;
    if !is_usable {
        return None;
    }
    let law = CountLaw::new(expected, expected);
    let limit = |p: f64| {
        let count = law.quantile(p);
        let (reaching, beyond) = (law.upper_tail(count), law.upper_tail(count + 1));
        let part = (1.0 - beyond - p) / (reaching - beyond);
        ((real(count) - part) / expected).max(0.0)
    };
    Some((limit((1.0 - level) / 2.0), limit(f64::midpoint(1.0, level))))
}

/// The funnel's z-score of a count against its expectation, `2(√O − √E)`.
pub(crate) fn root_z_score(observed: f64, expected: f64) -> Option<f64> {
    (observed >= 0.0 && expected > 0.0).then(|| 2.0 * (observed.sqrt() - expected.sqrt()))
}

/// The share winsorised at either end before the over-dispersion is measured.
const WINSORISED: f64 = 0.1;

/// The over-dispersion to use: `φ`, or 1 where `φ ≤ 1 + 2√(2/n)` and chance alone explains it.
pub(crate) fn overdispersion(z_scores: &[f64]) -> f64 {
    let phi = winsorised_mean_square(z_scores);
    let explained = 1.0 + 2.0 * (2.0 / real_len(z_scores.len())).sqrt();
    if z_scores.is_empty() || phi <= explained {
        1.0
    } else {
        phi
    }
}

/// The mean of the squared z-scores, those beyond the outer tenths drawn in to them.
fn winsorised_mean_square(z_scores: &[f64]) -> f64 {
    let mut sorted = z_scores.to_vec();
    sorted.sort_by(f64::total_cmp);
    let low = sample_quantile(&sorted, WINSORISED);
    let high = sample_quantile(&sorted, 1.0 - WINSORISED);
    z_scores
        .iter()
        .map(|z| z.max(low).min(high).powi(2))
        .sum::<f64>()
        / real_len(z_scores.len().max(1))
}

/// The quantile of sorted values, linear between them (type 7 of Hyndman and Fan 1996).
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the place lies between zero and the number of values"
)]
fn sample_quantile(sorted: &[f64], probability: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return 0.0;
    };
    let place = probability * real_len(last);
    let below = (place.floor() as usize).min(last);
    let above = (below + 1).min(last);
    let part = place - place.floor();
    sorted[below] + part * (sorted[above] - sorted[below])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::golden::{assert_close, number, rows};

    /// A share from plain numbers.
    fn share(n_events: u64, n_trials: u64) -> Share {
        Share { n_events, n_trials }
    }

    #[test]
    fn the_wilson_interval_of_newcombes_first_example_is_reproduced() {
        // Newcombe (1998, Statist. Med. 17:857), table I: 81 of 263 gives .2553 to .3662.
        let (low, high) = share(81, 263).wilson().unwrap();
        assert!((low - 0.2553).abs() < 5e-5 && (high - 0.3662).abs() < 5e-5);
    }

    #[test]
    fn the_wilson_interval_of_none_of_twenty_starts_at_zero() {
        // Newcombe (1998), table I: 0 of 20 gives .0000 to .1611.
        let (low, high) = share(0, 20).wilson().unwrap();
        assert!(low.abs() < 1e-12 && (high - 0.1611).abs() < 5e-5);
    }

    #[test]
    fn with_a_flat_prior_and_no_past_every_share_is_equally_likely() {
        // Gelman et al., section 2.4 (Bayes's own example): P(X = k) = 1/(n + 1).
        for x in 0..=10 {
            let tail = beta_binomial_tail(share(x, 10), 1.0, 1.0);
            assert_close(tail, real(11 - x) / 11.0, 1e-9);
        }
    }

    #[test]
    fn against_a_very_long_past_the_tail_is_the_binomial_one() {
        let fair_coin = share(50_000_000, 100_000_000);
        assert_close(
            predictive_tail(share(8, 10), fair_coin),
            56.0 / 1024.0,
            1e-5,
        );
    }

    #[test]
    fn a_short_past_makes_a_jump_less_sure() {
        let long = test_above(share(15, 30), share(200, 1000), 1.0).unwrap();
        let short = test_above(share(15, 30), share(2, 10), 1.0).unwrap();
        assert!(long.p < 0.001 && short.p > 0.05);
    }

    #[test]
    fn the_golden_overdispersion_of_the_carolina_counties_is_reproduced() {
        let input = rows(include_str!("../../tests/golden/funnel/nc_sid74_input.csv"));
        let z_scores: Vec<f64> = input
            .iter()
            .map(|row| 2.0 * (number(&row[1]).sqrt() - number(&row[2]).sqrt()))
            .collect();
        let golden = rows(include_str!(
            "../../tests/golden/funnel/nc_sid74_overdispersion.csv"
        ));
        assert_close(overdispersion(&z_scores), number(&golden[0][1]), 1e-8);
    }

    #[test]
    fn the_exact_funnel_narrows_and_its_limits_interpolate_the_poisson_law() {
        // E = 1, p = .975: P(Y ≤ 2) = .919699, P(Y ≤ 3) = .981012, so α = (.981012 − .975)/.061313 = .0981.
        let (low, high) = exact_funnel_limits(1.0, 0.95).unwrap();
        assert!(low.abs() < 1e-12 && (high - 2.9019).abs() < 1e-4);
        let widths: Vec<f64> = (1..60_u8)
            .map(|expected| exact_funnel_limits(f64::from(expected), 0.998).unwrap())
            .map(|(low, high)| high - low)
            .collect();
        assert!(widths.windows(2).skip(7).all(|pair| pair[0] > pair[1]));
        assert_eq!(exact_funnel_limits(0.0, 0.95), None);
        assert_eq!(root_z_score(1.0, 0.0), None);
    }

    #[test]
    fn usual_differences_between_districts_take_the_edge_off_a_test() {
        let usual = share(20_000_000, 100_000_000);
        let plain = test_above(share(30, 100), usual, 1.0).unwrap();
        let spread = test_above(share(30, 100), usual, 4.0).unwrap();
        assert!(plain.p < 0.02 && spread.p > 0.05);
        assert_close(plain.z, 2.5, 1e-5);
        assert_close(spread.z, 1.25, 1e-5);
    }

    #[test]
    fn small_departures_of_few_districts_count_as_no_overdispersion() {
        assert_close(overdispersion(&[1.2, -1.1, 0.9, -1.3]), 1.0, 1e-12);
        assert_close(overdispersion(&[]), 1.0, 1e-12);
    }

    #[test]
    fn a_share_of_nothing_cannot_be_tested() {
        assert_eq!(test_above(share(0, 0), share(1, 5), 1.0), None);
        assert_eq!(test_above(share(1, 2), share(0, 0), 1.0), None);
    }

    #[test]
    fn predicted_events_are_the_quantiles_of_the_law_and_widen_with_the_dispersion() {
        // A flat law, so nearly, is that of Jeffreys' prior after 1 of 2: quantiles from its own tail.
        let reference = share(20, 100);
        let (low, high) = predicted_events(50, reference, 1.0).unwrap();
        let tail = |events: f64| beta_binomial_tail(share(rounded_count(events), 50), 20.5, 80.5);
        assert!(1.0 - tail(low) < 0.025 && 1.0 - tail(low + 1.0) >= 0.025);
        assert!(tail(high + 1.0) <= 0.025 && tail(high) > 0.025);
        let expected = 50.0 * 20.5 / 101.0;
        let wide = predicted_events(50, reference, 4.0).unwrap();
        assert_close(
            expected - wide.0,
            (2.0 * (expected - low)).min(expected),
            1e-12,
        );
        assert_close(wide.1 - expected, 2.0 * (high - expected), 1e-12);
        assert_eq!(predicted_events(5, share(0, 0), 1.0), None);
    }

    /// A whole number of events.
    fn rounded_count(events: f64) -> u64 {
        super::super::rounded(events)
    }

    #[test]
    fn a_count_is_tested_on_both_sides_by_the_poisson_law() {
        // X ~ Po(4): P(X ≤ 1) = 5e⁻⁴ = .091578, P(X ≥ 1) = 1 − e⁻⁴ = .981684, z = 2(1 − 2) = −2.
        let test = test_ratio(1.0, 4.0, 1.0).unwrap();
        assert_close(test.p_low, 5.0 * (-4.0_f64).exp(), 1e-12);
        assert_close(test.p_high, 1.0 - (-4.0_f64).exp(), 1e-12);
        assert_close(test.z, -2.0, 1e-12);
        let none = test_ratio(0.0, 4.0, 1.0).unwrap();
        assert_close(none.p_low, (-4.0_f64).exp(), 1e-12);
        assert_close(none.p_high, 1.0, 1e-12);
        // With φ = 4 the z-score halves, and its normal chance .158655 is the more cautious one.
        let dispersed = test_ratio(1.0, 4.0, 4.0).unwrap();
        assert_close(dispersed.p_low, 0.158_655_253_931_457, 1e-9);
        let half = |limits: (f64, f64)| limits.1 - 4.0;
        assert_close(half(dispersed.limits), 2.0 * half(test.limits), 1e-12);
        assert_eq!(test_ratio(1.0, 0.0, 1.0), None);
    }
}
