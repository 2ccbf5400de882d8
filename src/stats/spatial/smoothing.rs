//! Standardized ratios with their limits, and rates drawn towards a mean: empirical Bayes.
//!
//! Marshall (1991, Appl. Statist. 40:283): with events `n`, persons `x`, rates `r = n/x`, the mean `b = Σn/Σx` and the
//! variance between areas `a = Σx(r−b)²/Σx − b/x̄`, at least 0, the rate of an area becomes `b + (r−b)·a/(a + b/x)`. A small
//! area keeps little of its own rate. Locally, `b` and `a` are those of the area and its neighbors.

use super::super::ears::normal_quantile;
use super::super::rates::Limits;
use super::Weights;

/// Events among persons in one area.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct AreaCount {
    /// Events.
    pub(crate) events: f64,
    /// Persons.
    pub(crate) persons: f64,
}

impl AreaCount {
    /// Whether there are persons and the events are a count.
    fn is_usable(self) -> bool {
        self.persons > 0.0
            && self.persons.is_finite()
            && self.events >= 0.0
            && self.events.is_finite()
    }

    /// The rate.
    fn rate(self) -> f64 {
        self.events / self.persons
    }
}

/// The mean and the variance between areas.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Prior {
    /// The mean rate `b`.
    pub(crate) mean: f64,
    /// The variance `a` between areas as it comes out, possibly negative.
    pub(crate) variance: f64,
}

impl Prior {
    /// The rate of an area drawn towards the mean.
    fn draw(self, area: AreaCount) -> f64 {
        let between = self.variance.max(0.0);
        let within = self.mean / area.persons;
        if between + within <= 0.0 {
            return self.mean;
        }
        self.mean + (area.rate() - self.mean) * between / (between + within)
    }
}

/// Around which mean the local variance is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LocalVariance {
    /// That of the surroundings of the area judged (Marshall 1991).
    OneMean,
    /// Each neighbor's own local mean, as in the package `spdep`.
    OwnMeans,
}

/// Marshall's `b` and `a` over all areas with persons; nothing without any.
pub(crate) fn prior(areas: &[AreaCount]) -> Option<Prior> {
    let usable = || areas.iter().copied().filter(|area| area.is_usable());
    let persons: f64 = usable().map(|area| area.persons).sum();
    let mean = usable().map(|area| area.events).sum::<f64>() / persons;
    let squares: f64 = usable()
        .map(|area| area.persons * (area.rate() - mean).powi(2))
        .sum();
    let n_areas = super::super::real_len(usable().count());
    (persons > 0.0).then(|| Prior {
        mean,
        variance: squares / persons - mean * n_areas / persons,
    })
}

/// The rates drawn towards the mean of all areas; nothing for an area without persons.
pub(crate) fn empirical_bayes(areas: &[AreaCount]) -> Vec<Option<f64>> {
    let prior = prior(areas);
    let of = |area: &AreaCount| {
        prior
            .filter(|_| area.is_usable())
            .map(|prior| prior.draw(*area))
    };
    areas.iter().map(of).collect()
}

/// The rates drawn towards the mean of their surroundings; the weights say who they are, the area included.
///
/// How much a neighbor weighs is of no account. Nothing for an area without persons.
pub(crate) fn local_empirical_bayes(
    areas: &[AreaCount],
    surroundings: &Weights,
    variance: LocalVariance,
) -> Vec<Option<f64>> {
    let around = |area: usize| {
        let found = surroundings
            .row(area)
            .filter_map(|(other, _)| Some((other, *areas.get(other)?)));
        found.filter(|(_, count)| count.is_usable())
    };
    let mean = |area: usize| {
        let sums = around(area).fold((0.0, 0.0), |(events, persons), (_, count)| {
            (events + count.events, persons + count.persons)
        });
        sums.0 / sums.1
    };
    let means: Vec<f64> = (0..areas.len()).map(mean).collect();
    let of = |(area, (count, mean)): (usize, (&AreaCount, &f64))| {
        let center = |other: usize| match variance {
            LocalVariance::OneMean => *mean,
            LocalVariance::OwnMeans => means.get(other).copied().unwrap_or(*mean),
        };
        let (mut persons, mut squares, mut n_areas) = (0.0, 0.0, 0.0);
        for (other, count) in around(area) {
            persons += count.persons;
            squares += count.persons * (count.rate() - center(other)).powi(2);
            n_areas += 1.0;
        }
        let prior = Prior {
            mean: *mean,
            variance: squares / persons - mean * n_areas / persons,
        };
        (count.is_usable() && persons > 0.0).then(|| prior.draw(*count))
    };
    areas.iter().zip(&means).enumerate().map(of).collect()
}

/// The rates as standard deviations from the mean, to be given to Moran's I (Assunção and Reis 1999, Statist. Med. 18:2147).
///
/// `z = (r − b)/√v` with `v = a + b/x`, or `b/x` where that is not positive. Nothing where an area has no persons or there
/// are no events.
pub(crate) fn standardized_rates(areas: &[AreaCount]) -> Option<Vec<f64>> {
    let prior = prior(areas).filter(|prior| prior.mean > 0.0)?;
    let of = |area: &AreaCount| {
        let within = prior.mean / area.persons;
        let total = prior.variance + within;
        let variance = if total > 0.0 { total } else { within };
        area.is_usable()
            .then(|| (area.rate() - prior.mean) / variance.sqrt())
    };
    areas.iter().map(of).collect()
}

/// Byar's limits with `O + ½` in both, as the package `epitools` has them (Rothman and Boice 1979).
///
/// `(O+½) (1 − 1/9(O+½) ∓ z/3√(O+½))³ / E`, the lower one at least 0.
pub(crate) fn byar_half(count: f64, exposure: f64) -> Option<Limits> {
    let half = count + 0.5;
    let limit =
        |z: f64| half * (1.0 - 1.0 / (9.0 * half) + z / (3.0 * half.sqrt())).powi(3) / exposure;
    let z = normal_quantile(0.975);
    (exposure > 0.0 && count >= 0.0).then(|| (limit(-z).max(0.0), limit(z)))
}

#[cfg(test)]
mod tests {
    use super::super::{Own, Style};
    use super::*;
    use crate::stats::golden::assert_close;
    use proptest::prelude::*;

    /// Areas from events and persons.
    fn areas(counts: &[(f64, f64)]) -> Vec<AreaCount> {
        counts
            .iter()
            .map(|(events, persons)| AreaCount {
                events: *events,
                persons: *persons,
            })
            .collect()
    }

    #[test]
    fn the_worked_example_by_hand() {
        // 10 of 100, 60 of 300, 0 of 100: b = .14, Σx(r−b)²/Σx = (.16 + 1.08 + 1.96)/500 = .0064, b/x̄ = .14·3/500 = .00084.
        let areas = areas(&[(10.0, 100.0), (60.0, 300.0), (0.0, 100.0)]);
        let found = prior(&areas).unwrap();
        assert_close(found.mean, 0.14, 1e-12);
        assert_close(found.variance, 0.0064 - 0.00084, 1e-12);
        let rates = empirical_bayes(&areas);
        assert_close(
            rates[1].unwrap(),
            0.14 + 0.06 * 0.00556 / (0.00556 + 0.14 / 300.0),
            1e-12,
        );
        assert_close(
            standardized_rates(&areas).unwrap()[2],
            -0.14 / (0.00556 + 0.0014_f64).sqrt(),
            1e-12,
        );
    }

    #[test]
    fn where_all_areas_are_neighbors_local_is_global() {
        let areas = areas(&[(10.0, 100.0), (60.0, 300.0), (0.0, 100.0)]);
        let all = Weights::new(
            &[vec![1, 2], vec![0, 2], vec![0, 1]],
            Style::Binary,
            Own::Included,
        )
        .unwrap();
        for variance in [LocalVariance::OneMean, LocalVariance::OwnMeans] {
            let local = local_empirical_bayes(&areas, &all, variance);
            for (local, global) in local.iter().zip(empirical_bayes(&areas)) {
                assert_close(local.unwrap(), global.unwrap(), 1e-12);
            }
        }
    }

    #[test]
    fn an_area_without_persons_has_no_rate_and_does_not_disturb_the_others() {
        let with = empirical_bayes(&areas(&[(1.0, 10.0), (0.0, 0.0), (5.0, 10.0)]));
        let without = empirical_bayes(&areas(&[(1.0, 10.0), (5.0, 10.0)]));
        assert_eq!((with[0], with[1], with[2]), (without[0], None, without[1]));
        assert_eq!(empirical_bayes(&areas(&[(0.0, 0.0)])), [None]);
        assert_eq!(standardized_rates(&areas(&[(0.0, 9.0)])), None);
        assert_eq!(byar_half(1.0, 0.0), None);
    }

    proptest! {
        #[test]
        fn a_drawn_rate_lies_between_its_own_and_the_mean(
            counts in proptest::collection::vec((0..50_u32, 1.0..2000.0_f64), 2..30)
        ) {
            let areas: Vec<AreaCount> = counts
                .into_iter()
                .map(|(events, persons)| AreaCount { events: f64::from(events), persons })
                .collect();
            let mean = prior(&areas).unwrap().mean;
            for (area, drawn) in areas.iter().zip(empirical_bayes(&areas)) {
                let (low, high) = (area.rate().min(mean), area.rate().max(mean));
                prop_assert!(drawn.is_some_and(|rate| low - 1e-12 <= rate && rate <= high + 1e-12));
            }
        }
    }
}
