//! Shares and when they are out of line: unmet requests here against elsewhere, or against the past.
//!
//! A share of two in three means little and a share of two hundred in three hundred means much. The
//! Wilson (1927) interval says how far a share can be trusted; the funnel of Spiegelhalter (2005,
//! Statist. Med. 24:1185) says whether it lies further from a reference than chance *and* the usual
//! differences between districts explain, the latter being the over-dispersion `φ`, the mean of the
//! squared z-scores after winsorising the outermost tenth at either end.

use statrs::function::beta::beta_reg;

use super::ears::{normal_quantile, normal_upper_tail};
use super::{real, real_len};

/// Events among trials, such as unmet requests among requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

    /// The Wilson interval at 95 %: `(p + z²/2n ± z √(p(1−p)/n + z²/4n²)) / (1 + z²/n)`.
    pub(crate) fn wilson(self) -> Option<(f64, f64)> {
        let share = self.value()?;
        let n = real(self.n_trials);
        let z = normal_quantile(0.975);
        let center = share + z * z / (2.0 * n);
        let half = z * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt();
        let scale = 1.0 + z * z / n;
        Some((
            ((center - half) / scale).max(0.0),
            ((center + half) / scale).min(1.0),
        ))
    }

    /// The z-score `(p − p₀)/√(p₀(1−p₀)/n)` against a reference strictly between 0 and 1.
    pub(crate) fn z_score(self, reference: f64) -> Option<f64> {
        let deviation = (reference * (1.0 - reference) / real(self.n_trials)).sqrt();
        let is_defined = self.n_trials > 0 && deviation > 0.0;
        is_defined.then(|| (real(self.n_events) / real(self.n_trials) - reference) / deviation)
    }

    /// `P(X ≥ events)` for `X` binomial at the reference share: `I_{p₀}(events, trials − events + 1)`.
    pub(crate) fn exact_upper_tail(self, reference: f64) -> f64 {
        if self.n_events == 0 || reference >= 1.0 {
            return 1.0;
        }
        if self.n_events > self.n_trials || reference <= 0.0 {
            return 0.0;
        }
        beta_reg(
            real(self.n_events),
            real(self.n_trials - self.n_events) + 1.0,
            reference,
        )
    }
}

/// Whether a share lies above a reference, given the over-dispersion `φ` among its like.
///
/// Nothing without trials, or with a reference of 0 or 1, from which no departure can be measured.
pub(crate) fn test_above(share: Share, reference: f64, phi: f64) -> Option<ShareTest> {
    let z = share.z_score(reference)? / phi.max(1.0).sqrt();
    let p =
        share
            .exact_upper_tail(reference)
            .max(if phi > 1.0 { normal_upper_tail(z) } else { 0.0 });
    Some(ShareTest {
        share: share.value()?,
        interval: share.wilson()?,
        reference,
        expected: reference * real(share.n_trials),
        z,
        p,
    })
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
    fn the_exact_tail_of_a_fair_coin_is_a_sum_of_binomial_terms() {
        assert_close(share(8, 10).exact_upper_tail(0.5), 56.0 / 1024.0, 1e-10);
        assert_close(share(0, 10).exact_upper_tail(0.5), 1.0, 1e-12);
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
    fn usual_differences_between_districts_take_the_edge_off_a_test() {
        let plain = test_above(share(30, 100), 0.2, 1.0).unwrap();
        let spread = test_above(share(30, 100), 0.2, 4.0).unwrap();
        assert!(plain.p < 0.02 && spread.p > 0.05);
        assert_close(plain.z, 2.5, 1e-12);
        assert_close(spread.z, 1.25, 1e-12);
    }

    #[test]
    fn small_departures_of_few_districts_count_as_no_overdispersion() {
        assert_close(overdispersion(&[1.2, -1.1, 0.9, -1.3]), 1.0, 1e-12);
        assert_close(overdispersion(&[]), 1.0, 1e-12);
    }

    #[test]
    fn a_share_of_nothing_cannot_be_tested() {
        assert_eq!(test_above(share(0, 0), 0.2, 1.0), None);
        assert_eq!(test_above(share(1, 2), 0.0, 1.0), None);
    }
}
