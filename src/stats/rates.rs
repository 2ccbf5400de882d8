//! Rates with the intervals that say how far they can be trusted, and rates made comparable.
//!
//! A rate is a count over an exposure, such as requests over residents; the count is taken as Poisson.
//! Two intervals are offered: the exact one of Garwood (1936, Biometrika 28:437), and Byar's close
//! approximation to it (Breslow and Day 1987, *Statistical Methods in Cancer Research* II, eq. 2.11),
//! which is a plain formula and therefore the same in every SQL engine. The difference of two shares has
//! the interval of Newcombe (1998, Statist. Med. 17:873), method 10.

use statrs::distribution::{Beta, ChiSquared, ContinuousCDF};

use super::ears::normal_quantile;

/// Lower and upper limit at 95 %.
pub(crate) type Limits = (f64, f64);

/// The chance left below and above a 95 % interval.
const TAIL: f64 = 0.025;

/// The Wilson interval of `events` among `trials` (Wilson 1927, J. Am. Statist. Ass. 22:209).
///
/// Nothing without trials, or with more events than trials.
pub(crate) fn wilson(events: f64, trials: f64) -> Option<Limits> {
    if !is_share(events, trials) {
        return None;
    }
    let z = normal_quantile(1.0 - TAIL);
    let share = events / trials;
    let center = share + z * z / (2.0 * trials);
    let half = z * (share * (1.0 - share) / trials + z * z / (4.0 * trials * trials)).sqrt();
    let scale = 1.0 + z * z / trials;
    // At either end the limit is known, and rounding must not blur it.
    let low = if events > 0.0 {
        ((center - half) / scale).max(0.0)
    } else {
        0.0
    };
    let high = if events < trials {
        ((center + half) / scale).min(1.0)
    } else {
        1.0
    };
    Some((low, high))
}

/// The exact interval of `events` among `trials` (Clopper and Pearson 1934, Biometrika 26:404).
///
/// Nothing without trials, or with more events than trials.
pub(crate) fn clopper_pearson(events: f64, trials: f64) -> Option<Limits> {
    if !is_share(events, trials) {
        return None;
    }
    let quantile = |alpha: f64, beta: f64, chance: f64| {
        Beta::new(alpha, beta).map_or(f64::NAN, |beta| beta.inverse_cdf(chance))
    };
    let low = if events > 0.0 {
        quantile(events, trials - events + 1.0, TAIL)
    } else {
        0.0
    };
    let high = if events < trials {
        quantile(events + 1.0, trials - events, 1.0 - TAIL)
    } else {
        1.0
    };
    Some((low, high))
}

/// The interval of the difference of two shares, the first minus the second.
///
/// `d − √((p₁−l₁)² + (u₂−p₂)²)` and `d + √((u₁−p₁)² + (p₂−l₂)²)` with the Wilson limits `l`, `u` of each.
/// Nothing where either share has no trials.
pub(crate) fn newcombe(first: (f64, f64), second: (f64, f64)) -> Option<Limits> {
    let (low_1, high_1) = wilson(first.0, first.1)?;
    let (low_2, high_2) = wilson(second.0, second.1)?;
    let (share_1, share_2) = (first.0 / first.1, second.0 / second.1);
    let difference = share_1 - share_2;
    Some((
        difference - (share_1 - low_1).hypot(high_2 - share_2),
        difference + (high_1 - share_1).hypot(share_2 - low_2),
    ))
}

/// Byar's interval of `count` over `exposure`.
///
/// `O (1 − 1/9O − z/3√O)³ / E` and `(O+1) (1 − 1/9(O+1) + z/3√(O+1))³ / E`; the lower limit of none is 0.
/// Nothing without exposure, or for a negative count.
pub(crate) fn byar(count: f64, exposure: f64) -> Option<Limits> {
    if !is_rate(count, exposure) {
        return None;
    }
    let z = normal_quantile(1.0 - TAIL);
    let limit =
        |count: f64, z: f64| count * (1.0 - 1.0 / (9.0 * count) + z / (3.0 * count.sqrt())).powi(3);
    let low = if count > 0.0 {
        limit(count, -z).max(0.0)
    } else {
        0.0
    };
    Some((low / exposure, limit(count + 1.0, z) / exposure))
}

/// The exact Poisson interval of `count` over `exposure`: `χ²(.025; 2O)/2E` and `χ²(.975; 2O+2)/2E`.
///
/// Nothing without exposure, or for a negative count.
pub(crate) fn garwood(count: f64, exposure: f64) -> Option<Limits> {
    if !is_rate(count, exposure) {
        return None;
    }
    let half_quantile = |freedom: f64, chance: f64| {
        ChiSquared::new(freedom).map_or(f64::NAN, |chi| chi.inverse_cdf(chance) / 2.0)
    };
    let low = if count > 0.0 {
        half_quantile(2.0 * count, TAIL)
    } else {
        0.0
    };
    let high = half_quantile(2.0 * count + 2.0, 1.0 - TAIL);
    Some((low / exposure, high / exposure))
}

/// One stratum, such as an age class, of a population whose rate is made comparable.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Stratum {
    /// Events.
    pub(crate) count: f64,
    /// Persons, or person-years.
    pub(crate) exposure: f64,
    /// Weight of the stratum in the standard population.
    pub(crate) weight: f64,
}

/// Events per unit of exposure, had the strata been as large as in the standard population.
///
/// `Σ w·O/n ÷ Σ w` (direct standardization). A stratum without exposure is left out with its weight.
pub(crate) fn directly_standardized(strata: &[Stratum]) -> Option<f64> {
    let usable = strata.iter().filter(|stratum| stratum.exposure > 0.0);
    let (sum, weights) = usable.fold((0.0, 0.0), |(sum, weights), stratum| {
        let rate = stratum.count / stratum.exposure;
        (sum + stratum.weight * rate, weights + stratum.weight)
    });
    (weights > 0.0).then(|| sum / weights)
}

/// The limits of a directly standardized rate (Dobson et al. 1991, Statist. Med. 10:457, with Byar's limits).
///
/// `DSR + √(Var(DSR)/O) (O_limit − O)` with `Var = Σ w² O/n² ÷ (Σ w)²`, as public-health profiles print it.
pub(crate) fn directly_standardized_limits(strata: &[Stratum]) -> Option<Limits> {
    let rate = directly_standardized(strata)?;
    let usable = || strata.iter().filter(|stratum| stratum.exposure > 0.0);
    let weights: f64 = usable().map(|stratum| stratum.weight).sum();
    let count: f64 = usable().map(|stratum| stratum.count).sum();
    let variance = usable()
        .map(|stratum| (stratum.weight / stratum.exposure).powi(2) * stratum.count)
        .sum::<f64>()
        / (weights * weights);
    let (low, high) = byar(count, 1.0)?;
    let scale = if count > 0.0 {
        (variance / count).sqrt()
    } else {
        return None;
    };
    Some((rate + scale * (low - count), rate + scale * (high - count)))
}

/// Whether the numbers are events among trials.
fn is_share(events: f64, trials: f64) -> bool {
    trials > 0.0 && (0.0..=trials).contains(&events)
}

/// Whether the numbers are a count over an exposure.
fn is_rate(count: f64, exposure: f64) -> bool {
    exposure > 0.0 && count >= 0.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::golden::{assert_close, number, rows};

    /// Fails when limits are not those printed in a paper with so many decimals.
    fn assert_printed(found: Option<Limits>, low: f64, high: f64, half_digit: f64) {
        let (found_low, found_high) = found.unwrap();
        assert!(
            (found_low - low).abs() <= half_digit && (found_high - high).abs() <= half_digit,
            "found {found_low} to {found_high}, printed {low} to {high}"
        );
    }

    #[test]
    fn wilson_limits_are_those_of_newcombes_table() {
        // Newcombe (1998, Statist. Med. 17:857), table I, method 3.
        assert_printed(wilson(81.0, 263.0), 0.2553, 0.3662, 5e-5);
        assert_printed(wilson(15.0, 148.0), 0.0624, 0.1605, 5e-5);
        assert_printed(wilson(0.0, 20.0), 0.0, 0.1611, 5e-5);
        assert_printed(wilson(1.0, 29.0), 0.0061, 0.1718, 5e-5);
        for n_trials in 1..500 {
            let trials = f64::from(n_trials);
            assert_eq!(wilson(0.0, trials).map(|(low, _)| low), Some(0.0));
            assert_eq!(wilson(trials, trials).map(|(_, high)| high), Some(1.0));
        }
    }

    #[test]
    fn exact_shares_are_those_of_newcombes_table() {
        // The same table, method 5.
        assert_printed(clopper_pearson(81.0, 263.0), 0.2527, 0.3676, 5e-5);
        assert_printed(clopper_pearson(15.0, 148.0), 0.0578, 0.1617, 5e-5);
        assert_printed(clopper_pearson(0.0, 20.0), 0.0, 0.1684, 5e-5);
        assert_printed(clopper_pearson(1.0, 29.0), 0.0009, 0.1776, 5e-5);
    }

    #[test]
    fn differences_are_those_of_newcombes_second_table() {
        // Newcombe (1998, Statist. Med. 17:873), table II, method 10.
        assert_printed(newcombe((56.0, 70.0), (48.0, 80.0)), 0.0524, 0.3339, 5e-5);
        assert_printed(newcombe((9.0, 10.0), (3.0, 10.0)), 0.1705, 0.8090, 5e-5);
        assert_printed(newcombe((5.0, 56.0), (0.0, 29.0)), -0.0381, 0.1926, 5e-5);
        assert_printed(newcombe((10.0, 10.0), (0.0, 10.0)), 0.6075, 1.0, 5e-5);
    }

    #[test]
    fn exact_rates_are_those_of_the_golden_counties() {
        for row in rows(include_str!(
            "../../tests/golden/spatial/nc_sid74_areas.csv"
        )) {
            let (low, high) = garwood(number(&row[2]), number(&row[4])).unwrap();
            assert_close(low, number(&row[6]), 1e-8);
            assert_close(high, number(&row[7]), 1e-8);
        }
    }

    #[test]
    fn byars_limits_follow_the_exact_ones() {
        // O = 10: exact 4.795 to 18.390 (Garwood 1936); Byar's own, by hand:
        // 10 (1 − 1/90 − 1.959964/(3·3.162278))³ = 4.7874 and 11 (1 − 1/99 + 1.959964/(3·3.316625))³ = 18.3915.
        assert_printed(byar(10.0, 1.0), 4.7874, 18.3915, 1e-4);
        for count in [5.0, 20.0, 100.0, 1000.0] {
            let (low, high) = byar(count, 7.0).unwrap();
            let (exact_low, exact_high) = garwood(count, 7.0).unwrap();
            assert_close(low, exact_low, 0.02);
            assert_close(high, exact_high, 0.002);
        }
        let (low, high) = byar(0.0, 1.0).unwrap();
        assert!(low.abs() < f64::EPSILON && (high - 3.6).abs() < 0.11);
    }

    #[test]
    fn a_standardized_rate_is_the_weighted_mean_of_the_rates_of_its_strata() {
        // Two age classes: 2 of 100 and 30 of 50; in the standard population three of four are young.
        let strata = [
            Stratum {
                count: 2.0,
                exposure: 100.0,
                weight: 3.0,
            },
            Stratum {
                count: 30.0,
                exposure: 50.0,
                weight: 1.0,
            },
        ];
        let rate = directly_standardized(&strata).unwrap();
        assert_close(rate, (3.0 * 0.02 + 0.6) / 4.0, 1e-12);
        let (low, high) = directly_standardized_limits(&strata).unwrap();
        assert!(low < rate && rate < high);
    }

    #[test]
    fn with_one_stratum_the_standardized_limits_are_byars() {
        let strata = [Stratum {
            count: 12.0,
            exposure: 400.0,
            weight: 5.0,
        }];
        let (low, high) = directly_standardized_limits(&strata).unwrap();
        let (byar_low, byar_high) = byar(12.0, 400.0).unwrap();
        assert_close(low, byar_low, 1e-12);
        assert_close(high, byar_high, 1e-12);
    }

    #[test]
    fn what_is_no_share_or_rate_has_no_limits() {
        assert_eq!(wilson(1.0, 0.0), None);
        assert_eq!(wilson(3.0, 2.0), None);
        assert_eq!(clopper_pearson(f64::NAN, 2.0), None);
        assert_eq!(newcombe((1.0, 2.0), (0.0, 0.0)), None);
        assert_eq!(byar(-1.0, 2.0), None);
        assert_eq!(garwood(1.0, 0.0), None);
        assert_eq!(directly_standardized(&[]), None);
    }
}
