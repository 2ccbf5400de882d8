//! Invented panels with a known truth, on which a detector is tuned and its errors are measured.
//!
//! The law is that of the panel in `bench/welfare`, read off its parameter files and its structure:
//!
//! ```text
//! λ(d, c, t) = base_c · exposure(d, t)/5000 · θ(d, c) · exp(β_c t + a_c cos(2πt/12 − ψ_c))
//! θ          log-normal, mean 1, σ = 0.5              how a district differs in one need
//! Y          negative binomial, mean λ, variance φ_c λ
//! exposure   residents × share × exp(N(0, 0.02²)); the share is 8 % and grows slowly, or climbs from
//!            0.25 % along a logistic curve where the platform arrives (40 of 100 districts)
//! ```
//!
//! Months are counted from 0 here, and the first `t` of the law is 1. Events multiply `λ`: in one cell
//! by 1.5, 2, 3 or 5 until the end, in a place and its six nearest neighbors by 2 for four months; three
//! needs do not exist before month 43 and then come up in 9 to 14 districts.

use std::f64::consts::TAU;

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Gamma, Normal, Poisson};

use super::{Panel, PanelError, real_len};

/// What a detector found of what was hidden, and what it raised besides.
pub(crate) mod score;

/// How many districts a panel has: a grid of ten by ten.
pub(crate) const N_DISTRICTS: usize = 100;
/// How many months.
pub(crate) const N_MONTHS: usize = 60;
/// The first month judged.
pub(crate) const FIRST_JUDGED: usize = 36;
/// How many needs.
pub(crate) const N_NEEDS: usize = 40;
/// Needs from this one on are new.
const FIRST_NEW_NEED: usize = 37;
/// The months in which the new needs start to come up.
const NEW_STARTS: [usize; 3] = [43, 47, 51];
/// How many single cells have an event.
const N_LOCAL: usize = 160;
/// A cell may have an event if its mean over the judged months reaches this.
const MIN_EVENT_MEAN: f64 = 0.3;
/// Rate ratios of the events in single cells.
pub(crate) const RATIOS: [f64; 4] = [1.5, 2.0, 3.0, 5.0];
/// How many districts an event in space covers.
const N_CLUSTER: usize = 7;
/// How many months it lasts.
const N_CLUSTER_MONTHS: usize = 4;
/// A need may have one if its base rate reaches this.
const MIN_CLUSTER_BASE: f64 = 3.0;

/// Base rate per 5,000 exposed in a month, by need, as in `category_params.csv`.
const BASES: [f64; FIRST_NEW_NEED] = [
    0.105, 3.65, 3.53, 10.6, 0.068, 2.69, 2.34, 0.080, 6.88, 0.600, 0.500, 0.061, 3.15, 0.089,
    1.84, 0.059, 0.459, 0.418, 4.39, 2.40, 2.51, 0.150, 1.71, 0.396, 1.45, 10.4, 4.57, 12.9, 0.554,
    7.32, 0.074, 0.199, 11.7, 3.43, 0.172, 13.6, 0.010,
];
/// Seasonal amplitudes and the number of needs with each.
const AMPLITUDES: [(f64, usize); 3] = [(0.0, 18), (0.2, 9), (0.5, 13)];
/// Trends `β` per month and the number of needs with each.
const TRENDS: [(f64, usize); 4] = [(0.0, 30), (0.005, 4), (0.008, 3), (-0.005, 3)];
/// Over-dispersions `φ` and the number of needs with each.
const DISPERSIONS: [(f64, usize); 4] = [(1.0, 11), (1.3, 12), (2.0, 8), (3.0, 9)];

/// The kind of a hidden event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One need in one district.
    Local,
    /// One need in a place and its neighbors.
    Spatial,
    /// A need that was not there before.
    NewCategory,
}

/// A hidden event in one cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Event {
    /// Its kind.
    pub(crate) kind: Kind,
    /// The district.
    pub(crate) district: usize,
    /// The need.
    pub(crate) need: usize,
    /// Its first month.
    pub(crate) start: usize,
    /// The month after its last.
    pub(crate) end: usize,
    /// By how much the rate is multiplied; 0 for a new need.
    pub(crate) ratio: f64,
}

/// A panel of many needs with its truth.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct World {
    /// One panel per need.
    pub(crate) panels: Vec<Panel>,
    /// Where the districts lie, in km.
    pub(crate) places: Vec<(f64, f64)>,
    /// Residents, by district.
    pub(crate) residents: Vec<f64>,
    /// Whether the platform arrives during the panel, by district.
    pub(crate) is_onboarding: Vec<bool>,
    /// The month, counted from 1, in which half of the members have come where it arrives, by district.
    pub(crate) middles: Vec<f64>,
    /// The hidden events.
    pub(crate) events: Vec<Event>,
}

/// Which events a panel has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Events {
    /// None: every alarm is false.
    None,
    /// All kinds.
    Hidden,
}

/// Draws a panel; the same seed gives the same panel.
pub(crate) fn draw(seed: u64, events: Events) -> Result<World, PanelError> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let places = places(&mut random);
    let Exposed {
        exposure,
        residents,
        is_onboarding,
        middles,
    } = exposures(&mut random);
    let needs = needs(&mut random);
    let mut means: Vec<Vec<f64>> = needs
        .iter()
        .map(|need| means_of(*need, &exposure, &mut random))
        .collect();
    let events = match events {
        Events::None => Vec::new(),
        Events::Hidden => hide(&mut means, (&needs, &places), &mut random),
    };
    let panels = needs.iter().zip(&means).map(|(need, means)| {
        let counts = means.iter().map(|mean| count(*mean, need.phi, &mut random));
        let counts: Vec<u64> = counts.collect();
        let covered = vec![true; counts.len()];
        Panel::new(N_MONTHS, counts, exposure.clone(), covered)
    });
    Ok(World {
        panels: panels.collect::<Result<_, _>>()?,
        places,
        residents,
        is_onboarding,
        middles,
        events,
    })
}

/// A draw of the normal law.
fn normal(mean: f64, sd: f64, random: &mut ChaCha8Rng) -> f64 {
    Normal::new(mean, sd).map_or(mean, |law| law.sample(random))
}

/// A negative binomial count with the given mean and variance `φ · mean`.
pub(crate) fn count(mean: f64, phi: f64, random: &mut ChaCha8Rng) -> u64 {
    let mean = match Gamma::new(mean / (phi - 1.0), phi - 1.0) {
        Ok(law) if phi > 1.0 => law.sample(random),
        _ => mean,
    };
    Poisson::new(mean).map_or(0, |law| super::rounded(law.sample(random)))
}

/// A jittered grid with 20 km between neighbors.
fn places(random: &mut ChaCha8Rng) -> Vec<(f64, f64)> {
    (0..N_DISTRICTS)
        .map(|district| {
            let (column, row) = (real_len(district % 10), real_len(district / 10));
            let jitter_x = normal(0.0, 2.5, random);
            (
                20.0 * column + jitter_x,
                20.0 * row + normal(0.0, 2.5, random),
            )
        })
        .collect()
}

/// The people of the districts.
#[derive(Debug, Clone, PartialEq)]
struct Exposed {
    /// Exposure, district by district.
    exposure: Vec<f64>,
    /// Residents.
    residents: Vec<f64>,
    /// Whether the platform arrives.
    is_onboarding: Vec<bool>,
    /// The month in which half of the members have come, if so.
    middles: Vec<f64>,
}

/// The exposure of all districts and months, and which districts are onboarding.
fn exposures(random: &mut ChaCha8Rng) -> Exposed {
    let mut is_onboarding: Vec<bool> = (0..N_DISTRICTS).map(|district| district < 40).collect();
    is_onboarding.shuffle(random);
    let mut exposure = Vec::with_capacity(N_DISTRICTS * N_MONTHS);
    let (mut all_residents, mut middles) = (Vec::new(), Vec::new());
    for arrives in &is_onboarding {
        let residents = normal(10.88, 0.57, random).exp();
        let middle = random.random_range(12.0..51.0);
        all_residents.push(residents);
        middles.push(middle);
        for month in 0..N_MONTHS {
            let t = real_len(month + 1);
            let share = if *arrives {
                0.0025 + 0.0775 / (1.0 + ((middle - t) / 2.0).exp())
            } else {
                0.08 + 0.000_319 * t
            };
            let noise = normal(0.0, 0.02, random).exp();
            exposure.push((residents * share * noise).round().max(1.0));
        }
    }
    Exposed {
        exposure,
        residents: all_residents,
        is_onboarding,
        middles,
    }
}

/// The law of one need.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Need {
    /// Requests per 5,000 exposed in a month; 0 for a need that is not there yet.
    base: f64,
    /// Seasonal amplitude.
    amplitude: f64,
    /// Seasonal phase.
    phase: f64,
    /// Trend per month.
    trend: f64,
    /// Over-dispersion.
    phi: f64,
}

/// A list with every value as often as said, shuffled.
fn dealt(values: &[(f64, usize)], random: &mut ChaCha8Rng) -> Vec<f64> {
    let repeated = values
        .iter()
        .flat_map(|(value, n)| std::iter::repeat_n(*value, *n));
    let mut dealt: Vec<f64> = repeated.collect();
    dealt.shuffle(random);
    dealt
}

/// The needs: bases near those of the given panel, the other parameters dealt anew.
fn needs(random: &mut ChaCha8Rng) -> Vec<Need> {
    let amplitudes = dealt(&AMPLITUDES, random);
    let trends = dealt(&TRENDS, random);
    let dispersions = dealt(&DISPERSIONS, random);
    let shapes = amplitudes.into_iter().zip(trends).zip(dispersions);
    shapes
        .enumerate()
        .map(|(need, ((amplitude, trend), phi))| Need {
            base: BASES.get(need).copied().unwrap_or(0.0) * normal(0.0, 0.15, random).exp(),
            amplitude,
            phase: random.random_range(0.0..TAU),
            trend,
            phi,
        })
        .collect()
}

/// The means of a need in all districts and months.
fn means_of(need: Need, exposure: &[f64], random: &mut ChaCha8Rng) -> Vec<f64> {
    let mut means = Vec::with_capacity(exposure.len());
    for exposure in exposure.chunks(N_MONTHS) {
        let theta = normal(-0.125, 0.5, random).exp();
        means.extend(exposure.iter().enumerate().map(|(month, exposure)| {
            let t = real_len(month + 1);
            let season = need.amplitude * (TAU * t / 12.0 - need.phase).cos();
            need.base * exposure / 5000.0 * theta * (need.trend * t + season).exp()
        }));
    }
    means
}

/// Hides the events in the means.
fn hide(
    means: &mut [Vec<f64>],
    (needs, places): (&[Need], &[(f64, f64)]),
    random: &mut ChaCha8Rng,
) -> Vec<Event> {
    let mut events = local_events(means, random);
    events.extend(spatial_events(needs, places, random));
    for event in &events {
        for month in event.start..event.end {
            means[event.need][event.district * N_MONTHS + month] *= event.ratio;
        }
    }
    let mut districts: Vec<usize> = (0..N_DISTRICTS).collect();
    for (need, first) in (FIRST_NEW_NEED..N_NEEDS).zip(NEW_STARTS) {
        districts.shuffle(random);
        for district in districts.iter().take(random.random_range(9..15)) {
            let start = first + random.random_range(0..4);
            let mean = normal(2.5_f64.ln(), 0.5, random).exp();
            means[need][district * N_MONTHS + start..(district + 1) * N_MONTHS].fill(mean);
            events.push(Event {
                kind: Kind::NewCategory,
                district: *district,
                need,
                start,
                end: N_MONTHS,
                ratio: 0.0,
            });
        }
    }
    events
}

/// Events in single cells, drawn among the cells that see requests at all.
fn local_events(means: &[Vec<f64>], random: &mut ChaCha8Rng) -> Vec<Event> {
    let mut cells: Vec<(usize, usize)> = Vec::new();
    for (need, means) in means.iter().enumerate() {
        for (district, means) in means.chunks(N_MONTHS).enumerate() {
            let judged: f64 = means[FIRST_JUDGED..].iter().sum();
            if judged / real_len(N_MONTHS - FIRST_JUDGED) >= MIN_EVENT_MEAN {
                cells.push((need, district));
            }
        }
    }
    cells.shuffle(random);
    let chosen = cells.into_iter().take(N_LOCAL);
    chosen
        .map(|(need, district)| Event {
            kind: Kind::Local,
            district,
            need,
            start: random.random_range(42..58),
            end: N_MONTHS,
            ratio: RATIOS[random.random_range(0..RATIOS.len())],
        })
        .collect()
}

/// Events in space, one in each of three needs.
fn spatial_events(needs: &[Need], places: &[(f64, f64)], random: &mut ChaCha8Rng) -> Vec<Event> {
    let mut common: Vec<usize> = (0..FIRST_NEW_NEED)
        .filter(|need| needs[*need].base >= MIN_CLUSTER_BASE)
        .collect();
    common.shuffle(random);
    let mut events = Vec::new();
    for need in common.into_iter().take(3) {
        let center = places[random.random_range(0..places.len())];
        let start = random.random_range(43..54);
        let mut by_distance: Vec<usize> = (0..places.len()).collect();
        let distance = |place: (f64, f64)| (place.0 - center.0).hypot(place.1 - center.1);
        by_distance.sort_by(|a, b| distance(places[*a]).total_cmp(&distance(places[*b])));
        events.extend(
            by_distance
                .into_iter()
                .take(N_CLUSTER)
                .map(|district| Event {
                    kind: Kind::Spatial,
                    district,
                    need,
                    start,
                    end: start + N_CLUSTER_MONTHS,
                    ratio: 2.0,
                }),
        );
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::real;

    /// The total of a need over all districts and months.
    fn total(panel: &Panel) -> f64 {
        let cells =
            (0..panel.n_districts()).flat_map(|d| (0..panel.n_months()).map(move |m| (d, m)));
        cells.map(|(d, m)| real(panel.count(d, m))).sum()
    }

    #[test]
    fn the_same_seed_gives_the_same_panel() {
        let first = draw(3, Events::Hidden).unwrap();
        assert_eq!(first, draw(3, Events::Hidden).unwrap());
        assert_ne!(first, draw(4, Events::Hidden).unwrap());
    }

    #[test]
    fn the_truth_has_the_layout_of_the_given_panel() {
        let world = draw(1, Events::Hidden).unwrap();
        let n = |kind| {
            world
                .events
                .iter()
                .filter(|event| event.kind == kind)
                .count()
        };
        assert_eq!(n(Kind::Local), 160);
        assert_eq!(n(Kind::Spatial), 21);
        assert!((27..=42).contains(&n(Kind::NewCategory)));
        assert_eq!(
            world
                .is_onboarding
                .iter()
                .filter(|arrives| **arrives)
                .count(),
            40
        );
        assert_eq!(world.panels.len(), N_NEEDS);
    }

    #[test]
    fn counts_have_the_mean_and_the_variance_asked_for() {
        let mut random = ChaCha8Rng::seed_from_u64(5);
        for (mean, phi) in [(4.0, 1.0), (4.0, 3.0), (0.3, 2.0)] {
            let draws: Vec<f64> = (0..40_000)
                .map(|_| real(count(mean, phi, &mut random)))
                .collect();
            let n = real_len(draws.len());
            let found = draws.iter().sum::<f64>() / n;
            let variance = draws.iter().map(|y| (y - found).powi(2)).sum::<f64>() / n;
            assert!((found / mean - 1.0).abs() < 0.03, "mean {found} for {mean}");
            assert!(
                (variance / mean / phi - 1.0).abs() < 0.06,
                "variance {variance}"
            );
        }
    }

    #[test]
    fn a_clean_panel_has_the_totals_its_law_says() {
        // Σ λ is base · Σ exposure/5000 for a need without season and trend, up to θ and chance.
        let world = draw(11, Events::None).unwrap();
        assert!(world.events.is_empty());
        let all: f64 = world.panels.iter().map(total).sum();
        let exposure: f64 = (0..N_DISTRICTS)
            .flat_map(|d| (0..N_MONTHS).map(move |m| (d, m)))
            .map(|(d, m)| world.panels[0].exposure(d, m))
            .sum();
        let expected = BASES.iter().sum::<f64>() * exposure / 5000.0;
        assert!((all / expected - 1.0).abs() < 0.2, "{all} for {expected}");
    }
}
