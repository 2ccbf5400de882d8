//! Invented weekly series with known outbreaks, to choose and to judge detectors on.
//!
//! The 42 scenarios of Noufaily et al. (2013, Statist. Med. 32:1206, sec. 4.1): seven sets of parameters, each with
//! and without trend, with no, one or two harmonics; negative binomial counts of 624 weeks.
//!
//! ```text
//! μ(t) = exp(θ + βt + Σ_{j≤m} [γ₁ cos(2πjt/52) + γ₂ sin(2πjt/52)]),   variance φ μ
//! weeks 313–575: four past outbreaks       weeks 576–624: judged, one outbreak of strength k
//! size Poisson(k √(φμ)), redrawn until ≥ 2; each case falls ⌊lognormal(0, 0.5)⌋ weeks after the start
//! ```

use std::f64::consts::TAU;
use std::ops::Range;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Gamma, LogNormal, Poisson};

use super::{real_len, rounded};

/// Weeks of a series.
pub(crate) const N_WEEKS: usize = 624;
/// Places of the weeks judged: 576 to 624, counted from 1.
pub(crate) const JUDGED: Range<usize> = 575..624;
/// Places where past outbreaks start.
const PAST: Range<usize> = 312..575;
/// Strengths of the past outbreaks.
const PAST_STRENGTHS: [f64; 4] = [2.0, 3.0, 5.0, 10.0];
/// Spread of the logarithm of the weeks from the start to a case.
const DELAY_SPREAD: f64 = 0.5;

/// The law of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scenario {
    /// The level `θ`.
    pub(crate) level: f64,
    /// The dispersion `φ ≥ 1`.
    pub(crate) phi: f64,
    /// The trend `β` per week.
    pub(crate) trend: f64,
    /// `γ₁`.
    pub(crate) cosine: f64,
    /// `γ₂`.
    pub(crate) sine: f64,
    /// How many harmonics, `m`.
    pub(crate) n_harmonics: usize,
}

/// The seven sets: `θ, φ, β, γ₁, γ₂`.
const SETS: [[f64; 5]; 7] = [
    [0.1, 1.5, 0.0025, 0.6, 0.6],
    [-2.0, 2.0, 0.005, 0.1, 0.3],
    [1.5, 1.0, 0.003, 0.2, -0.4],
    [0.5, 5.0, 0.002, 0.5, 0.5],
    [2.5, 3.0, 0.001, 1.0, 0.1],
    [3.75, 1.1, 0.001, 0.1, -0.1],
    [5.0, 1.2, 0.0001, 0.05, 0.01],
];

/// The 42 scenarios, six for each set: without trend and 0, 1, 2 harmonics, then with trend.
pub(crate) fn scenarios() -> Vec<Scenario> {
    let shapes = [(0.0, 0), (0.0, 1), (0.0, 2), (1.0, 0), (1.0, 1), (1.0, 2)];
    let scenario = |[level, phi, trend, cosine, sine]: [f64; 5]| {
        shapes.map(|(has_trend, n_harmonics)| Scenario {
            level,
            phi,
            trend: trend * has_trend,
            cosine,
            sine,
            n_harmonics,
        })
    };
    SETS.iter().flat_map(|set| scenario(*set)).collect()
}

impl Scenario {
    /// The mean at a place; week 1 stands at place 0.
    pub(crate) fn mean(&self, place: usize) -> f64 {
        let week = real_len(place + 1);
        let season = (1..=self.n_harmonics).map(|harmonic| {
            let angle = TAU * real_len(harmonic) * week / 52.0;
            self.cosine * angle.cos() + self.sine * angle.sin()
        });
        (self.level + self.trend * week + season.sum::<f64>()).exp()
    }

    /// A count at a place, drawn from the law: Poisson with a gamma mean of scale `φ − 1`.
    fn draw(&self, place: usize, rng: &mut ChaCha8Rng) -> u64 {
        let mean = self.mean(place);
        if self.phi <= 1.0 {
            return poisson(mean, rng);
        }
        let scale = self.phi - 1.0;
        Gamma::new(mean / scale, scale).map_or(0, |gamma| poisson(gamma.sample(rng), rng))
    }

    /// Adds an outbreak of the given strength; gives the places of its first and last case.
    fn add_outbreak(
        &self,
        series: &mut [u64],
        (start, strength): (usize, f64),
        rng: &mut ChaCha8Rng,
    ) -> (usize, usize) {
        let mean = strength * (self.phi * self.mean(start)).sqrt();
        let mut size = poisson(mean, rng);
        while size < 2 {
            size = poisson(mean, rng);
        }
        let mut last = start;
        for _ in 0..size {
            let delay = LogNormal::new(0.0, DELAY_SPREAD).map_or(0.0, |law| law.sample(rng));
            let weeks = usize::try_from(rounded(delay.floor())).unwrap_or(0);
            if let Some(count) = series.get_mut(start + weeks) {
                *count += 1;
                last = last.max(start + weeks);
            }
        }
        (start, last)
    }
}

/// A Poisson count; 0 for a mean too small to be drawn from.
fn poisson(mean: f64, rng: &mut ChaCha8Rng) -> u64 {
    Poisson::new(mean).map_or(0, |law| rounded(law.sample(rng)))
}

/// A series three times: without outbreaks, with past ones, and with the current one too.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Invented {
    /// Without outbreaks.
    pub(crate) clean: Vec<u64>,
    /// With the four past outbreaks.
    pub(crate) past: Vec<u64>,
    /// With the current outbreak as well.
    pub(crate) full: Vec<u64>,
    /// Places of the first and the last week of the current outbreak.
    pub(crate) outbreak: (usize, usize),
}

/// Invents a series whose current outbreak has the strength `k`, from a seed.
pub(crate) fn invent(scenario: &Scenario, strength: f64, seed: u64) -> Invented {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let clean: Vec<u64> = (0..N_WEEKS)
        .map(|place| scenario.draw(place, &mut rng))
        .collect();
    let mut past = clean.clone();
    for strength in PAST_STRENGTHS {
        let start = rng.random_range(PAST);
        scenario.add_outbreak(&mut past, (start, strength), &mut rng);
    }
    let mut full = past.clone();
    let start = rng.random_range(JUDGED);
    let outbreak = scenario.add_outbreak(&mut full, (start, strength), &mut rng);
    Invented {
        clean,
        past,
        full,
        outbreak,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::real;

    #[test]
    fn there_are_42_scenarios_and_the_first_has_neither_trend_nor_season() {
        let scenarios = scenarios();
        assert_eq!(scenarios.len(), 42);
        assert!((scenarios[0].mean(0) - 0.1_f64.exp()).abs() < 1e-15);
        assert!((scenarios[3].mean(623) - (0.1 + 0.0025 * 624.0_f64).exp()).abs() < 1e-12);
    }

    #[test]
    fn mean_and_variance_of_the_counts_are_those_of_the_law() {
        let scenario = scenarios()[24];
        let counts: Vec<f64> = (0..40)
            .flat_map(|seed| invent(&scenario, 5.0, seed).clean)
            .map(real)
            .collect();
        let n = real_len(counts.len());
        let mean = counts.iter().sum::<f64>() / n;
        let variance = counts
            .iter()
            .map(|count| (count - mean).powi(2))
            .sum::<f64>()
            / n;
        let law = scenario.mean(0);
        assert!((mean / law - 1.0).abs() < 0.01, "{mean}");
        assert!((variance / (3.0 * law) - 1.0).abs() < 0.04, "{variance}");
    }

    #[test]
    fn the_same_seed_gives_the_same_series_and_outbreaks_only_add() {
        for (seed, scenario) in scenarios().iter().enumerate() {
            let seed = u64::try_from(seed).unwrap();
            let series = invent(scenario, 3.0, seed);
            assert_eq!(series, invent(scenario, 3.0, seed));
            assert!(series.clean.iter().zip(&series.past).all(|(a, b)| a <= b));
            let added: u64 = series
                .full
                .iter()
                .zip(&series.past)
                .map(|(a, b)| a - b)
                .sum();
            let (start, last) = series.outbreak;
            assert!(JUDGED.contains(&start) && last >= start);
            assert!(added >= 2 || last == N_WEEKS - 1 || start >= N_WEEKS - 3);
        }
    }
}
