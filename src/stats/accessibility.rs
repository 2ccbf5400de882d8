//! How much of a service people can reach: the floating catchment area family.
//!
//! Beds per resident by comune are misleading where people cross borders and where the nearest office is shared
//! by many. Here every office first gets a ratio, its capacity over the people who can reach it; every place
//! then adds up the ratios of the offices it can reach:
//!
//! `R_j = S_j / Σ_k P_k w(d_kj)` and `A_i = Σ_j R_j w(d_ij)`.
//!
//! - 2SFCA: `w = 1` up to the largest distance (Luo and Wang 2003, Environ. Plan. B 30:865);
//! - E2SFCA: `w` in steps, 1, 0.68 and 0.22 up to 10, 20 and 30 minutes (Luo and Qi 2009, Health Place 15:1100);
//! - Gaussian: `w = (e^{−½(d/d₀)²} − e^{−½})/(1 − e^{−½})`, which falls to 0 at `d₀` (Dai 2010, Health Place 16:1038);
//! - 3SFCA: `w` is also multiplied by the chance `G_ij = w_ij/Σ_j w_ij` that people of `i` turn to `j` rather than to another
//!   office in reach, so that demand is not counted several times (Wan, Zou and Sternberg 2012, Int. J. Geogr. Inf. Sci. 26:1073).
//!
//! In all of them `Σ P_i A_i` is the capacity of the offices that somebody can reach. Nothing in reach is an access
//! of 0, a true zero.

/// A place and an office that can be reached from it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Trip {
    /// The place, by its position among the populations.
    pub(crate) place: usize,
    /// The office, by its position among the capacities.
    pub(crate) office: usize,
    /// Distance or travel time.
    pub(crate) cost: f64,
}

/// How access falls with distance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Decay<'a> {
    /// 1 up to the given cost.
    Uniform(f64),
    /// The weight of the first step whose end is not exceeded; steps in rising order, 0 beyond the last.
    Steps(&'a [(f64, f64)]),
    /// Dai's, falling to 0 at the given cost.
    Gaussian(f64),
    /// `e^{−½(d/σ)²}` up to a largest cost, as in the package `access`: `(σ, largest)`.
    CutGaussian(f64, f64),
}

/// Whether people turn to every office in reach alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Competition {
    /// They count in full at each (2SFCA and its kin).
    None,
    /// They are shared among the offices in reach (3SFCA).
    Shared,
}

/// Why access cannot be computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AccessError {
    /// A trip names a place or office that is not there, or its cost is negative or no number.
    #[error("trip {0} has no place, office or cost")]
    Trip(usize),
    /// A population is negative or no number.
    #[error("place {0} has no population")]
    Place(usize),
    /// The decay gives a weight that is no number.
    #[error("the decay has a width of 0 or no number")]
    Decay,
    /// A capacity is negative or no number.
    #[error("office {0} has no capacity")]
    Office(usize),
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Access {
    /// Access of every place, in capacity per person.
    pub(crate) of_place: Vec<f64>,
    /// Ratio of every office; nothing where nobody can reach it.
    pub(crate) of_office: Vec<Option<f64>>,
}

impl Decay<'_> {
    /// The weight at a cost.
    pub(crate) fn weight(self, cost: f64) -> f64 {
        match self {
            Self::Uniform(largest) => {
                if cost <= largest {
                    1.0
                } else {
                    0.0
                }
            }
            Self::Steps(steps) => {
                let step = steps.iter().find(|(end, _)| cost <= *end);
                step.map_or(0.0, |(_, weight)| *weight)
            }
            Self::Gaussian(end) if cost >= end => 0.0,
            Self::Gaussian(end) => {
                let floor = (-0.5_f64).exp();
                ((-0.5 * (cost / end).powi(2)).exp() - floor) / (1.0 - floor)
            }
            Self::CutGaussian(_, largest) if cost > largest => 0.0,
            Self::CutGaussian(sigma, _) => (-0.5 * (cost / sigma).powi(2)).exp(),
        }
    }
}

/// Access of every place to the offices; a pair without a trip is out of reach.
pub(crate) fn access(
    populations: &[f64],
    capacities: &[f64],
    trips: &[Trip],
    decay: Decay<'_>,
    competition: Competition,
) -> Result<Access, AccessError> {
    check(populations, capacities, trips)?;
    let mut weights: Vec<f64> = trips.iter().map(|trip| decay.weight(trip.cost)).collect();
    if !weights.iter().all(|weight| weight.is_finite()) {
        return Err(AccessError::Decay);
    }
    if competition == Competition::Shared {
        share(&mut weights, trips, populations.len());
    }
    let mut demand = vec![0.0; capacities.len()];
    for (trip, weight) in trips.iter().zip(&weights) {
        demand[trip.office] += populations[trip.place] * weight;
    }
    let ratio = |(capacity, demand): (&f64, &f64)| (*demand > 0.0).then(|| capacity / demand);
    let of_office: Vec<Option<f64>> = capacities.iter().zip(&demand).map(ratio).collect();
    let mut of_place = vec![0.0; populations.len()];
    for (trip, weight) in trips.iter().zip(&weights) {
        of_place[trip.place] += of_office[trip.office].unwrap_or(0.0) * weight;
    }
    Ok(Access {
        of_place,
        of_office,
    })
}

/// The lowest cost from every place; nothing where no office is in reach.
pub(crate) fn nearest(n_places: usize, trips: &[Trip]) -> Vec<Option<f64>> {
    let mut nearest = vec![None; n_places];
    for trip in trips {
        if let Some(found) = nearest.get_mut(trip.place) {
            *found = Some(found.map_or(trip.cost, |cost: f64| cost.min(trip.cost)));
        }
    }
    nearest
}

/// Multiplies every weight by its share of the weights of the same place.
fn share(weights: &mut [f64], trips: &[Trip], n_places: usize) {
    let mut sums = vec![0.0; n_places];
    for (trip, weight) in trips.iter().zip(weights.iter()) {
        sums[trip.place] += weight;
    }
    for (trip, weight) in trips.iter().zip(weights) {
        let sum = sums[trip.place];
        *weight *= if sum > 0.0 { *weight / sum } else { 0.0 };
    }
}

/// Checks that every trip leads from a place to an office and that nothing is negative.
fn check(populations: &[f64], capacities: &[f64], trips: &[Trip]) -> Result<(), AccessError> {
    let is_amount = |value: &f64| value.is_finite() && *value >= 0.0;
    if let Some(place) = populations.iter().position(|value| !is_amount(value)) {
        return Err(AccessError::Place(place));
    }
    if let Some(office) = capacities.iter().position(|value| !is_amount(value)) {
        return Err(AccessError::Office(office));
    }
    let is_trip = |trip: &Trip| {
        trip.place < populations.len() && trip.office < capacities.len() && is_amount(&trip.cost)
    };
    match trips.iter().position(|trip| !is_trip(trip)) {
        Some(trip) => Err(AccessError::Trip(trip)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::golden::assert_close;
    use proptest::prelude::*;

    /// The weights of the E2SFCA: 1, 0.68 and 0.22 up to 10, 20 and 30 minutes.
    const LUO_QI_STEPS: [(f64, f64); 3] = [(10.0, 1.0), (20.0, 0.68), (30.0, 0.22)];

    /// A trip from plain numbers.
    fn trip(place: usize, office: usize, cost: f64) -> Trip {
        Trip {
            place,
            office,
            cost,
        }
    }

    #[test]
    fn the_worked_example_by_hand() {
        // Two places of 1000 and 3000, two offices of 4 and 2. Place 0 reaches both (5 and 15 minutes), place 1 only the
        // second (5 minutes). 2SFCA: R = 4/1000 and 2/4000, so A = .0045 and .0005. E2SFCA: R = .004 and 2/3680.
        let trips = [
            trip(0, 0, 5.0),
            trip(0, 1, 15.0),
            trip(1, 1, 5.0),
            trip(1, 0, 45.0),
        ];
        let of = |decay, competition| {
            access(&[1000.0, 3000.0], &[4.0, 2.0], &trips, decay, competition)
                .unwrap()
                .of_place
        };
        let plain = of(Decay::Uniform(30.0), Competition::None);
        assert_close(plain[0], 0.0045, 1e-12);
        assert_close(plain[1], 0.0005, 1e-12);
        let steps = of(Decay::Steps(&LUO_QI_STEPS), Competition::None);
        assert_close(steps[0], 0.004 + 0.68 * 2.0 / 3680.0, 1e-12);
        // 3SFCA: place 0 turns to the offices with 1/1.68 and .68/1.68, place 1 only to the second.
        let shared = of(Decay::Steps(&LUO_QI_STEPS), Competition::Shared);
        let (first, second) = (1.0 / 1.68, 0.68 / 1.68);
        let ratio = 2.0 / (1000.0 * second * 0.68 + 3000.0);
        assert_close(
            shared[0],
            4.0 / (1000.0 * first) * first + ratio * second * 0.68,
            1e-12,
        );
        assert_close(shared[1], ratio, 1e-12);
    }

    #[test]
    fn dais_weight_is_one_at_home_and_zero_at_the_end() {
        let decay = Decay::Gaussian(30.0);
        assert_close(decay.weight(0.0), 1.0, 1e-12);
        assert!(
            decay.weight(29.999) < 1e-4 && decay.weight(30.0) <= 0.0 && decay.weight(99.0) <= 0.0
        );
        let half = ((-0.125_f64).exp() - (-0.5_f64).exp()) / (1.0 - (-0.5_f64).exp());
        assert_close(decay.weight(15.0), half, 1e-12);
    }

    #[test]
    fn a_place_out_of_reach_has_none_and_an_office_nobody_reaches_has_no_ratio() {
        let found = access(
            &[10.0, 10.0],
            &[1.0, 5.0],
            &[trip(0, 0, 1.0)],
            Decay::Uniform(30.0),
            Competition::None,
        );
        let found = found.unwrap();
        assert_eq!((found.of_place[1], found.of_office[1]), (0.0, None));
        assert_eq!(
            nearest(2, &[trip(0, 0, 4.0), trip(0, 1, 3.0)]),
            [Some(3.0), None]
        );
    }

    #[test]
    fn what_is_not_there_is_refused() {
        let of = |populations: &[f64], capacities: &[f64], trips: &[Trip]| {
            access(
                populations,
                capacities,
                trips,
                Decay::Uniform(1.0),
                Competition::None,
            )
            .unwrap_err()
        };
        assert_eq!(of(&[1.0], &[1.0], &[trip(0, 1, 1.0)]), AccessError::Trip(0));
        assert_eq!(
            of(&[1.0], &[1.0], &[trip(0, 0, f64::NAN)]),
            AccessError::Trip(0)
        );
        let flat = Decay::CutGaussian(0.0, 9.0);
        let found = access(&[1.0], &[1.0], &[trip(0, 0, 0.0)], flat, Competition::None);
        assert_eq!(found, Err(AccessError::Decay));
        assert_eq!(of(&[-1.0], &[1.0], &[]), AccessError::Place(0));
        assert_eq!(of(&[1.0], &[f64::INFINITY], &[]), AccessError::Office(0));
    }

    proptest! {
        #[test]
        fn capacity_in_reach_is_neither_lost_nor_made(
            populations in proptest::collection::vec(1.0..5000.0_f64, 8),
            capacities in proptest::collection::vec(0.0..50.0_f64, 4),
            costs in proptest::collection::vec(0.0..60.0_f64, 32),
        ) {
            let trips: Vec<Trip> = costs
                .iter()
                .enumerate()
                .map(|(at, cost)| trip(at % 8, at / 8, *cost))
                .collect();
            for decay in [
                Decay::Uniform(30.0),
                Decay::Steps(&LUO_QI_STEPS),
                Decay::Gaussian(40.0),
                Decay::CutGaussian(10.0, 30.0),
            ] {
                for competition in [Competition::None, Competition::Shared] {
                    let found = access(&populations, &capacities, &trips, decay, competition).unwrap();
                    let given: f64 = capacities.iter().zip(&found.of_office)
                        .map(|(capacity, ratio)| if ratio.is_some() { *capacity } else { 0.0 })
                        .sum();
                    let taken: f64 = populations.iter().zip(&found.of_place).map(|(p, a)| p * a).sum();
                    prop_assert!((given - taken).abs() <= 1e-9 * given.max(1.0));
                }
            }
        }
    }
}
