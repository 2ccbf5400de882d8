//! Rises shared by neighboring districts: an expectation-based space-time scan on the pooled expectations.
//!
//! A rise too small to stand out in any district can stand out in several together. For every center the
//! zones are its nearest 1, 2, … districts, for every zone the windows of 1, 2, … months that end in the
//! judged month (Neill 2009, Int. J. Forecasting 25:498):
//!
//! ```text
//! C, B, V   counts, expectations and predictive variances summed over zone and window
//! F         (B/V) (C ln(C/B) + B − C)  where C > B, else 0
//! ```
//!
//! `B/V` is the quasi-likelihood answer to over-dispersion and unknown levels. Each zone is weighed
//! without the district that exceeds its expectation most: a rise in one district, which the detector of
//! cells finds, must not make a cluster of its neighbors. The largest `F` is calibrated by panels drawn
//! from the predictive laws, with a Gumbel law through their maxima (Abrams, Kulldorff and Kleinman 2010,
//! Int. J. Health Geogr. 9:61).

use std::f64::consts::PI;

use rand_chacha::ChaCha8Rng;

use super::Panel;
use super::pooled::Pooled;
use super::pooled::baseline::Baseline;
use super::pooled::evidence::{Backward, MAX_WINDOW, Recent};
use super::{real, real_len};

/// The scan of one need for clusters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ClusterScan {
    /// The model of the expectations; its longest window is the scan's.
    pub(crate) model: Pooled,
    /// How many districts the largest zone has.
    pub(crate) max_districts: usize,
    /// How many the smallest has.
    pub(crate) min_districts: usize,
    /// How many panels are drawn for a first calibration.
    pub(crate) n_replicates: usize,
    /// How many more are drawn where that gives a chance below 0.05.
    pub(crate) n_more_replicates: usize,
    /// Below this score no cluster is looked for further.
    pub(crate) min_score: f64,
}

impl Default for ClusterScan {
    fn default() -> Self {
        Self {
            model: Pooled::default(),
            max_districts: 12,
            min_districts: 3,
            n_replicates: 49,
            n_more_replicates: 150,
            min_score: 4.0,
        }
    }
}

/// The districts by distance from each district, itself first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Neighbors(Vec<Vec<usize>>);

impl Neighbors {
    /// Sorts by distance in the plane; equally far districts keep their order.
    pub(crate) fn new(places: &[(f64, f64)], n_nearest: usize) -> Self {
        let of = |center: &(f64, f64)| {
            let distance = |district: &usize| {
                let place = places[*district];
                (place.0 - center.0).hypot(place.1 - center.1)
            };
            let mut districts: Vec<usize> = (0..places.len()).collect();
            districts.sort_by(|a, b| distance(a).total_cmp(&distance(b)));
            districts.truncate(n_nearest);
            districts
        };
        Self(places.iter().map(of).collect())
    }

    /// Sorts by the number of borders between them, for districts whose neighbors are known but not their places.
    ///
    /// Districts equally many borders away are in the order of the list; those that no way leads to are left out.
    pub(crate) fn by_borders(borders: &[Vec<usize>], n_nearest: usize) -> Self {
        let of = |center: usize| {
            let mut is_seen = vec![false; borders.len()];
            let mut districts = vec![center];
            is_seen[center] = true;
            let mut from = 0;
            while from < districts.len() && districts.len() < n_nearest {
                let end = districts.len();
                let mut ring: Vec<usize> = districts[from..end]
                    .iter()
                    .flat_map(|district| borders[*district].iter().copied())
                    .filter(|neighbor| !std::mem::replace(&mut is_seen[*neighbor], true))
                    .collect();
                ring.sort_unstable();
                districts.extend(ring);
                from = end;
            }
            districts.truncate(n_nearest);
            districts
        };
        Self((0..borders.len()).map(of).collect())
    }
}

/// The most unusual zone and window of a need in a month.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cluster {
    /// The judged month.
    pub(crate) month: usize,
    /// The district the zone is centered on.
    pub(crate) center: usize,
    /// The districts of the zone whose count exceeds its expectation, by distance from the center.
    pub(crate) districts: Vec<usize>,
    /// How many months the window holds.
    pub(crate) n_window_months: usize,
    /// Requests counted in the zone and window.
    pub(crate) observed: u64,
    /// Requests expected there.
    pub(crate) expected: f64,
    /// The score `F`.
    pub(crate) score: f64,
    /// Chance of a score as large anywhere if nothing had changed.
    pub(crate) p: f64,
}

/// Counts, expectation and variance of a district, a zone, or either in a window.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Sum {
    /// Requests counted.
    observed: f64,
    /// Requests expected.
    expected: f64,
    /// Predictive variance.
    variance: f64,
}

impl Sum {
    /// Adds another, times 1 or −1.
    fn plus(self, other: Self, sign: f64) -> Self {
        Self {
            observed: self.observed + sign * other.observed,
            expected: self.expected + sign * other.expected,
            variance: self.variance + sign * other.variance,
        }
    }

    /// By how much the count exceeds its expectation.
    fn excess(self) -> f64 {
        self.observed - self.expected
    }

    /// The score `F`.
    fn score(self) -> f64 {
        if self.excess() <= 0.0 || self.expected <= 0.0 {
            return 0.0;
        }
        let likelihood = self.observed * (self.observed / self.expected).ln() - self.excess();
        likelihood * self.expected / self.variance.max(self.expected)
    }

    /// An upper bound of the score that needs no logarithm: `(C−B)²/2V`.
    fn bound(self) -> f64 {
        let excess = self.excess().max(0.0);
        excess * excess / (2.0 * self.variance.max(self.expected).max(1e-12))
    }
}

/// A zone and window with its score.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Found {
    /// The score `F`.
    score: f64,
    /// The center.
    center: usize,
    /// How many of its nearest districts.
    n_districts: usize,
    /// How many months.
    n_months: usize,
}

/// The district × window sums, the months of a district side by side.
type Sums = Vec<Backward<Sum>>;

impl ClusterScan {
    /// Scans one need in one month; nothing without a past, below the least score, or when the
    /// neighbors are not those of the panel's districts.
    ///
    /// `need` only chooses the random numbers.
    pub(crate) fn scan(
        &self,
        panel: &Panel,
        neighbors: &Neighbors,
        (need, month): (usize, usize),
    ) -> Option<Cluster> {
        if month >= panel.n_months() || neighbors.0.len() != panel.n_districts() {
            return None;
        }
        let mut random = self.model.random(need, month);
        let baseline = Baseline::fit(self.model, panel, month, &mut random)?;
        let laws: Vec<Option<Recent>> = (0..panel.n_districts())
            .map(|district| self.law(&baseline, panel, (district, month)))
            .collect();
        let counts = |district: usize, law: &Recent| law.counts(panel, (district, month));
        let sums: Sums = laws
            .iter()
            .enumerate()
            .map(|(district, law)| {
                law.map_or_else(Backward::default, |law| sums(&law, &counts(district, &law)))
            })
            .collect();
        let best = self.best(&sums, neighbors)?;
        if best.score < self.min_score {
            return None;
        }
        let p = self.calibrated(best.score, &laws, neighbors, &mut random)?;
        let zone = &neighbors.0[best.center][..best.n_districts];
        let window = best.n_months - 1;
        let total = zone
            .iter()
            .fold(Sum::default(), |sum, d| sum.plus(sums[*d][window], 1.0));
        let rises = zone
            .iter()
            .filter(|district| sums[**district][window].excess() > 0.0);
        Some(Cluster {
            month,
            center: best.center,
            districts: rises.copied().collect(),
            n_window_months: best.n_months,
            observed: super::rounded(total.observed),
            expected: total.expected,
            score: best.score,
            p,
        })
    }

    /// The predictive law of a district that has enough past.
    fn law(&self, baseline: &Baseline, panel: &Panel, cell: (usize, usize)) -> Option<Recent> {
        let has_past = baseline.pasts[cell.0].n_months >= self.model.min_months;
        self.model
            .recent(baseline, panel, cell)
            .filter(|_| has_past)
    }

    /// The chance of a score as large, from more draws where it is small.
    fn calibrated(
        &self,
        score: f64,
        laws: &[Option<Recent>],
        neighbors: &Neighbors,
        random: &mut ChaCha8Rng,
    ) -> Option<f64> {
        let mut maxima = self.maxima(self.n_replicates, laws, neighbors, random);
        let first = gumbel(&maxima, score)?;
        if first >= 0.05 || self.n_more_replicates == 0 {
            return Some(first);
        }
        maxima.extend(self.maxima(self.n_more_replicates, laws, neighbors, random));
        gumbel(&maxima, score)
    }

    /// The largest scores of panels in which nothing has changed.
    fn maxima(
        &self,
        n_replicates: usize,
        laws: &[Option<Recent>],
        neighbors: &Neighbors,
        random: &mut ChaCha8Rng,
    ) -> Vec<f64> {
        let mut drawn: Sums = vec![Backward::default(); laws.len()];
        let mut maxima = Vec::with_capacity(n_replicates);
        for _ in 0..n_replicates {
            // An error of the pooled rate is shared by all districts.
            let variance = |law: &&Recent| law.log_rate_variance;
            let surest = laws
                .iter()
                .flatten()
                .min_by(|a, b| variance(a).total_cmp(&variance(b)));
            let factor = surest.map_or(1.0, |law| law.draw_rate(random));
            let districts = drawn.iter_mut().zip(laws);
            for (sums_of, law) in districts.filter_map(|(sums, law)| Some((sums, law.as_ref()?))) {
                *sums_of = sums(law, &law.draw(factor, random));
            }
            maxima.push(self.best(&drawn, neighbors).map_or(0.0, |best| best.score));
        }
        maxima
    }

    /// The zone and window with the largest score.
    fn best(&self, sums: &Sums, neighbors: &Neighbors) -> Option<Found> {
        let n_windows = self.model.n_window_months.min(MAX_WINDOW);
        let centers = neighbors.0.iter().enumerate();
        let tried = centers.flat_map(|(center, nearest)| {
            (1..=n_windows).map(move |n_months| (center, nearest, n_months))
        });
        tried.fold(None, |best: Option<Found>, (center, nearest, n_months)| {
            let nearest = nearest.iter().take(self.max_districts);
            let members = nearest.map(|district| sums[*district][n_months - 1]);
            let least = best.map_or(0.0, |best| best.score);
            let zone = self.best_zone(members, least);
            zone.map(|(n_districts, score)| Found {
                score,
                center,
                n_districts,
                n_months,
            })
            .or(best)
        })
    }

    /// The zone of growing size that scores most, if it beats the least score.
    fn best_zone(
        &self,
        members: impl Iterator<Item = Sum>,
        mut least: f64,
    ) -> Option<(usize, f64)> {
        let (mut zone, mut largest) = (Sum::default(), Sum::default());
        let mut best = None;
        for (before, member) in members.enumerate() {
            zone = zone.plus(member, 1.0);
            if member.excess() > largest.excess() {
                largest = member;
            }
            let others = zone.plus(largest, -1.0);
            if before + 1 < self.min_districts || others.bound() <= least {
                continue;
            }
            let score = others.score();
            if score > least {
                least = score;
                best = Some((before + 1, score));
            }
        }
        best
    }
}

/// The sums of a district in all windows.
fn sums(law: &Recent, counts: &Backward<u64>) -> Backward<Sum> {
    let mut sums = [Sum::default(); MAX_WINDOW];
    let mut observed = 0;
    for (window, sum) in sums.iter_mut().enumerate().take(law.n_months) {
        observed += counts[window];
        let moments = law.window(window + 1);
        *sum = Sum {
            observed: real(observed),
            expected: moments.mean,
            variance: moments.variance,
        };
    }
    sums
}

/// The chance of a maximum as large, by a Gumbel law with the moments of the maxima.
///
/// `β = s√6/π`, `m = x̄ − 0.5772 β`, `p = 1 − exp(−exp(−(λ−m)/β))`.
fn gumbel(maxima: &[f64], score: f64) -> Option<f64> {
    let n = real_len(maxima.len());
    if n < 2.0 {
        return None;
    }
    let mean = maxima.iter().sum::<f64>() / n;
    let squares: f64 = maxima.iter().map(|x| (x - mean).powi(2)).sum();
    let scale = (squares / (n - 1.0)).sqrt() * 6.0_f64.sqrt() / PI;
    if scale <= 0.0 {
        return None;
    }
    let mode = mean - 0.577_215_664_9 * scale;
    Some(-(-(-(score - mode) / scale).exp()).exp_m1())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::golden::assert_close;
    use crate::stats::panel_law::{Event, Events, Kind, draw};

    /// Districts on a line, 10 km apart.
    fn line(n: usize) -> Neighbors {
        let places: Vec<(f64, f64)> = (0..n).map(|at| (10.0 * real_len(at), 0.0)).collect();
        Neighbors::new(&places, 6)
    }

    /// Twelve districts with five requests a month, and more in the last three months of some.
    fn panel(more: impl Fn(usize) -> u64) -> Panel {
        let cells = (0..12).flat_map(|d| (0..30).map(move |m| (d, m)));
        let steady = |d: usize, m: usize| 4 + u64::try_from((d * 7 + m * 3) % 3).unwrap();
        let count = |(d, m): (usize, usize)| steady(d, m) + if m >= 27 { more(d) } else { 0 };
        let counts = cells.map(count).collect();
        Panel::new(30, counts, vec![100.0; 360], vec![true; 360]).unwrap()
    }

    #[test]
    fn neighbors_by_borders_are_rings_around_the_center() {
        // 0 – 1 – 2 – 3 on a line, 4 alone.
        let borders = [vec![1], vec![0, 2], vec![1, 3], vec![2], vec![]];
        let found = Neighbors::by_borders(&borders, 3);
        let expected = [
            vec![0, 1, 2],
            vec![1, 0, 2],
            vec![2, 1, 3],
            vec![3, 2, 1],
            vec![4],
        ];
        assert_eq!(found.0, expected);
    }

    #[test]
    fn the_score_is_that_of_kulldorff_and_neill_when_counts_are_poisson() {
        let zone = Sum {
            observed: 30.0,
            expected: 20.0,
            variance: 20.0,
        };
        assert_close(zone.score(), 30.0 * 1.5_f64.ln() - 10.0, 1e-12);
        let scattered = Sum {
            variance: 40.0,
            ..zone
        };
        assert_close(scattered.score(), zone.score() / 2.0, 1e-12);
        assert!(zone.score() <= zone.bound());
        assert!(
            Sum {
                observed: 19.0,
                ..zone
            }
            .score()
                <= 0.0
        );
    }

    #[test]
    fn the_gumbel_law_has_the_moments_of_the_maxima() {
        // Abrams et al.: β = s√6/π, m = x̄ − 0.5772 β; by hand for 1, 2, 3: s = 1.
        let scale = 6.0_f64.sqrt() / PI;
        let mode = 2.0 - 0.577_215_664_9 * scale;
        let expected = 1.0 - (-(-(4.0 - mode) / scale).exp()).exp();
        assert_close(gumbel(&[1.0, 2.0, 3.0], 4.0).unwrap(), expected, 1e-12);
        assert_eq!(gumbel(&[1.0, 1.0], 4.0), None);
    }

    #[test]
    fn a_rise_shared_by_neighbors_is_found_with_its_districts() {
        let rise = panel(|d| if (4..8).contains(&d) { 4 } else { 0 });
        let found = ClusterScan::default()
            .scan(&rise, &line(12), (0, 29))
            .unwrap();
        let mut districts = found.districts.clone();
        districts.sort_unstable();
        assert_eq!(districts, vec![4, 5, 6, 7]);
        assert_eq!(found.n_window_months, 3);
        assert!(found.p < 0.001, "p = {}", found.p);
    }

    #[test]
    fn a_rise_in_one_district_is_no_cluster() {
        let rise = panel(|d| if d == 5 { 20 } else { 0 });
        let found = ClusterScan::default().scan(&rise, &line(12), (0, 29));
        assert!(found.is_none_or(|found| found.p > 0.05));
    }

    #[test]
    fn neighbors_of_another_panel_and_months_that_are_not_there_give_nothing() {
        let rise = panel(|d| if d < 4 { 3 } else { 0 });
        assert_eq!(ClusterScan::default().scan(&rise, &line(11), (0, 29)), None);
        assert_eq!(ClusterScan::default().scan(&rise, &line(12), (0, 30)), None);
    }

    #[test]
    fn the_same_seed_gives_the_same_cluster() {
        let rise = panel(|d| if d < 4 { 3 } else { 0 });
        let scan = || ClusterScan::default().scan(&rise, &line(12), (3, 29));
        assert_eq!(scan(), scan());
    }

    #[test]
    fn the_hidden_clusters_of_a_drawn_panel_are_found() {
        let world = draw(21, Events::Hidden).unwrap();
        let scan = ClusterScan::default();
        let neighbors = Neighbors::new(&world.places, scan.max_districts);
        let hidden: Vec<_> = world
            .events
            .iter()
            .filter(|e| e.kind == Kind::Spatial)
            .collect();
        let has = |event: &Event, month: usize| {
            let found = scan.scan(&world.panels[event.need], &neighbors, (event.need, month));
            found.is_some_and(|found| found.p < 0.005 && found.districts.contains(&event.district))
        };
        let is_found = |event: &&&Event| (event.start..event.end).any(|month| has(event, month));
        let n_found = hidden.iter().filter(is_found).count();
        assert!(
            n_found * 4 >= hidden.len() * 3,
            "{n_found} of {}",
            hidden.len()
        );
    }
}
