//! The bound above which a count is an alarm, and the chance of a count at least as high.
//!
//! `nbPlugin` takes the fitted mean as known, `muan` its upper limit, `delta` a normal approximation for `y^⅔`
//! that knows how uncertain the mean is (Farrington et al. 1996, eq. 5; Noufaily et al. 2013, sec. 3.4).

use crate::stats::counts::CountLaw;
use crate::stats::ears::normal_upper_tail;
use crate::stats::real;

/// Above this expected number of steps from zero the distribution is not summed term by term.
const MAX_LOG: f64 = 600.0;
/// A mean or bound of more cases than this is none.
const MAX_COUNT: f64 = 1e12;
/// Below this chance the tail is summed from its own side.
const SMALL: f64 = 1e-3;

/// How the bound is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
    /// The quantile of the negative binomial law at the fitted mean.
    NbPlugin,
    /// The same at the upper limit of the mean.
    Muan,
    /// The normal approximation on the two-thirds power.
    Delta,
}

/// What is predicted for the judged point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Prediction {
    /// The fitted mean `μ`.
    pub(crate) mean: f64,
    /// The standard error of `log μ`.
    pub(crate) error: f64,
    /// The dispersion `φ ≥ 1`.
    pub(crate) phi: f64,
}

/// A bound and what it says of a count.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Judged {
    /// The bound `U`.
    pub(crate) upper: f64,
    /// The chance of a count at least as high.
    pub(crate) p: f64,
    /// The mean of the law the bound is a quantile of.
    pub(crate) law_mean: f64,
    /// The chance of exactly this count; 0 for the normal approximation.
    pub(crate) p_equal: f64,
}

/// Judges a count at the level `1 − α`; `z` is the normal quantile of that level.
///
/// Nothing where the law has no bound among the counts, as with the upper limit of a mean of a season never seen.
pub(crate) fn judge(
    bound: Bound,
    prediction: Prediction,
    y: u64,
    (alpha, z): (f64, f64),
) -> Option<Judged> {
    let Prediction { mean, error, phi } = prediction;
    let judged = match bound {
        Bound::NbPlugin => judge_count(mean, phi, y, alpha)?,
        Bound::Muan => judge_count(mean * (z * error).exp(), phi, y, alpha)?,
        Bound::Delta => {
            let power = |value: f64| value.cbrt().powi(2);
            let root = mean.cbrt();
            let deviation = (4.0 / 9.0 * root * (phi + mean * error * error)).sqrt();
            let upper = (power(mean) + z * deviation).max(0.0).powf(1.5);
            let p = normal_upper_tail((power(real(y)) - power(mean)) / deviation);
            Judged {
                upper,
                p,
                law_mean: mean,
                p_equal: 0.0,
            }
        }
    };
    (judged.upper < MAX_COUNT && judged.p >= 0.0).then_some(judged)
}

/// Judges a count under the negative binomial law of size `μ/(φ−1)` and probability `1/φ`, Poisson if `φ = 1`.
///
/// Terms are summed from zero by `p(k+1) = p(k) (k+r)/(k+1) (1 − 1/φ)`, and upward from the count where its tail
/// is small, so that the tail keeps its relative accuracy.
fn judge_count(mean: f64, phi: f64, y: u64, alpha: f64) -> Option<Judged> {
    if !(mean < MAX_COUNT && phi < MAX_COUNT) {
        return None;
    }
    let excess = phi - 1.0;
    let is_poisson = excess <= 1e-12;
    let size = mean / excess;
    let log_zero = if is_poisson {
        -mean
    } else {
        -size * excess.ln_1p()
    };
    if log_zero < -MAX_LOG {
        let law = CountLaw::new(mean, mean * phi);
        let p = law.upper_tail(y);
        let p_equal = p - law.upper_tail(y + 1);
        return Some(Judged {
            upper: real(law.quantile(1.0 - alpha)),
            p,
            law_mean: mean,
            p_equal,
        });
    }
    let fail = excess / phi;
    let ratio = |k: f64| {
        if is_poisson {
            mean / (k + 1.0)
        } else {
            (k + size) / (k + 1.0) * fail
        }
    };
    let (count, level) = (real(y), 1.0 - alpha);
    let (mut k, mut term, mut below) = (0.0, log_zero.exp(), 0.0);
    let mut upper = None;
    let mut tail = None;
    // Past the bound and the count nothing is needed, nor where the terms have sunk to nothing.
    loop {
        if k >= count && tail.is_none() {
            tail = Some((1.0 - below, term));
        }
        below += term;
        if upper.is_none() && (below >= level || (term < f64::EPSILON * alpha && k > mean)) {
            upper = Some(k);
        }
        if (upper.is_some() && k >= count) || (term <= 0.0 && k > mean) {
            break;
        }
        term *= ratio(k);
        k += 1.0;
    }
    let (tail, first) = tail.unwrap_or((0.0, 0.0));
    let mut p = if y == 0 { 1.0 } else { tail };
    if p < SMALL {
        p = sum_tail(count, first, ratio);
    }
    Some(Judged {
        upper: upper.unwrap_or(k),
        p,
        law_mean: mean,
        p_equal: first,
    })
}

/// Sums the terms from a count upward until they no longer matter.
fn sum_tail(count: f64, first: f64, ratio: impl Fn(f64) -> f64) -> f64 {
    let (mut k, mut term, mut sum) = (count, first, 0.0);
    while term > sum * f64::EPSILON / 4.0 {
        sum += term;
        term *= ratio(k);
        k += 1.0;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::golden::assert_close;
    use proptest::prelude::*;

    #[test]
    fn the_delta_bound_of_a_known_mean_of_8_with_unit_dispersion() {
        // [4 + 2 √(4/9 · 2)]^1.5
        let prediction = Prediction {
            mean: 8.0,
            error: 0.0,
            phi: 1.0,
        };
        let judged = judge(Bound::Delta, prediction, 8, (0.0228, 2.0)).unwrap();
        assert_close(
            judged.upper,
            (4.0 + 2.0 * (8.0_f64 / 9.0).sqrt()).powf(1.5),
            1e-12,
        );
        assert_close(judged.p, 0.5, 1e-9);
    }

    #[test]
    fn a_count_far_out_has_the_chance_of_its_first_terms() {
        let judged = judge_count(1.0, 1.0, 30, 0.005).unwrap();
        let factorial: f64 = (1..=30).map(f64::from).product();
        assert_close(
            judged.p,
            (-1.0_f64).exp() / factorial * (1.0 + 1.0 / 31.0 + 1.0 / (31.0 * 32.0)),
            1e-4,
        );
    }

    #[test]
    fn a_mean_beyond_all_counts_has_no_bound_and_a_large_one_is_close_to_normal() {
        assert_eq!(judge_count(f64::INFINITY, 1.0, 3, 0.005), None);
        assert_eq!(judge_count(1.0, f64::NAN, 3, 0.005), None);
        let judged = judge_count(1e6, 4.0, 1_000_000, 0.005).unwrap();
        assert_close(judged.upper, 1e6 + 2.5758 * 2000.0, 1e-4);
        assert!((judged.p - 0.5).abs() < 0.01);
    }

    proptest! {
        #[test]
        fn summing_and_the_incomplete_beta_function_agree(
            mean in 0.001_f64..400.0, excess in prop_oneof![Just(0.0), 0.01_f64..20.0], share in 0.0_f64..3.0,
        ) {
            let y = crate::stats::rounded(mean * share);
            let law = CountLaw::new(mean, mean * (1.0 + excess));
            let judged = judge_count(mean, 1.0 + excess, y, 0.005).unwrap();
            prop_assert!((judged.upper - real(law.quantile(0.995))).abs() < 0.5);
            let tail = law.upper_tail(y);
            prop_assert!((judged.p - tail).abs() <= 1e-8 * tail + 1e-300, "{} {}", judged.p, tail);
        }
    }
}
