//! Tests of the scan as a whole.

use proptest::prelude::*;
use rand_distr::{Distribution, Gamma, Poisson};

use super::report::Tails;
use super::zones::{Circles, Ties};
use super::*;
use crate::stats::golden::assert_close;
use crate::stats::real_len;

/// Settings for tests.
fn settings(periods: Periods, n_replicates: usize) -> Settings {
    Settings {
        periods,
        min_cases: 1,
        n_replicates,
        seed: 3,
        secondary: Secondary::Apart,
        max_clusters: 10,
    }
}

/// Circles of up to half of the areas on a line of growing steps.
fn on_a_line(n_areas: usize) -> Zones {
    let sizes = vec![1.0; n_areas];
    let limits = Circles {
        sizes: &sizes,
        max_share: 0.5,
        max_areas: usize::MAX,
        max_radius: f64::INFINITY,
        ties: Ties::Together,
    };
    let place = |area: usize| real_len(area) + 0.01 * real_len(area * area);
    Zones::circles(&limits, |a, b| (place(a) - place(b)).abs())
}

/// A map with an outbreak in areas 2 and 3 at the last two times.
fn outbreak() -> Vec<u64> {
    let mut counts = vec![2; 8 * 6];
    for area in [2, 3] {
        for time in [4, 5] {
            counts[area * 6 + time] = 12;
        }
    }
    counts
}

#[test]
fn the_planted_outbreak_is_found_by_every_model() {
    let counts = outbreak();
    let (flat, trials) = (vec![3.0; 48], vec![40; 48]);
    let (baseline, variance) = (vec![2.0; 48], vec![3.0; 48]);
    let models = [
        Model::Poisson { expected: &flat },
        Model::Bernoulli { trials: &trials },
        Model::Permutation,
        Model::PermutationAround { expected: &flat },
        Model::ExpectedPoisson {
            baseline: &baseline,
        },
        Model::NegativeBinomial {
            baseline: &baseline,
            variance: &variance,
        },
    ];
    let periods = [
        Periods::Prospective { max_length: 4 },
        Periods::Retrospective { max_length: 4 },
    ];
    for (model, periods) in models
        .into_iter()
        .flat_map(|model| periods.map(|periods| (model, periods)))
    {
        let observed = Observed {
            n_times: 6,
            counts: &counts,
            model,
        };
        let found = scan(&observed, &on_a_line(8), &settings(periods, 199)).unwrap();
        let best = &found.clusters[0];
        let mut areas = best.areas.clone();
        areas.sort_unstable();
        assert_eq!((areas, best.start, best.end), (vec![2, 3], 4, 6));
        assert_eq!(best.observed, 48);
        // The permutation sees two areas with more cases at all times, and the rest of them as the past.
        let limit = if matches!(model, Model::Permutation | Model::PermutationAround { .. }) {
            0.1
        } else {
            0.005
        };
        assert!(best.p_monte_carlo.unwrap() <= limit);
        assert!(best.p_gumbel.unwrap() <= limit);
    }
}

#[test]
fn expected_counts_of_the_permutation_are_the_products_of_the_margins() {
    let counts = [5, 1, 2, 4, 3, 9];
    let observed = Observed {
        n_times: 2,
        counts: &counts,
        model: Model::Permutation,
    };
    let single = Zones::sets(3, &[vec![0], vec![1], vec![2]]);
    let found = scan(
        &observed,
        &single,
        &settings(Periods::Prospective { max_length: 1 }, 0),
    )
    .unwrap();
    let best = &found.clusters[0];
    // Area 2 has 12 of 24 cases and the last time 14.
    assert_eq!((best.areas.clone(), best.observed), (vec![2], 9));
    assert_close(best.expected, 7.0, 1e-12);
    assert_close(
        best.score,
        9.0 * (9.0_f64 / 7.0).ln() + 15.0 * (15.0_f64 / 17.0).ln(),
        1e-12,
    );
    assert_eq!(best.p_monte_carlo, None);
}

#[test]
fn a_binomial_map_of_two_areas_has_the_chance_of_fishers_test() {
    // 8 of 10 in one area, 2 of 10 in the other: the larger of the two is 8 or more with twice the
    // hypergeometric tail, 2 · (45·45 + 10·10 + 1) / 184756 = 0.02302.
    let (counts, trials) = ([8, 2], [10, 10]);
    let observed = Observed {
        n_times: 1,
        counts: &counts,
        model: Model::Bernoulli { trials: &trials },
    };
    let single = Zones::sets(2, &[vec![0], vec![1]]);
    let found = scan(&observed, &single, &settings(Periods::Whole, 99_999)).unwrap();
    assert_close(found.clusters[0].p_monte_carlo.unwrap(), 0.023_01, 0.1);
}

#[test]
fn a_poisson_map_of_two_areas_has_the_chance_of_the_binomial_test() {
    // 14 of 20 in one half: P(X ≥ 14) = 0.05766 for a fair coin, and either half may be the larger.
    let counts = [14, 6];
    let observed = Observed {
        n_times: 1,
        counts: &counts,
        model: Model::Poisson {
            expected: &[1.0, 1.0],
        },
    };
    let single = Zones::sets(2, &[vec![0], vec![1]]);
    let found = scan(&observed, &single, &settings(Periods::Whole, 99_999)).unwrap();
    assert_close(found.clusters[0].p_monte_carlo.unwrap(), 0.115_32, 0.03);
}

#[test]
fn a_branch_of_a_hierarchy_is_found_with_what_lies_under_it() {
    // 0 is the root of 1 and 2; 3, 4, 5 lie under 1, and 6, 7 under 2.
    let parents = [
        None,
        Some(0),
        Some(0),
        Some(1),
        Some(1),
        Some(1),
        Some(2),
        Some(2),
    ];
    let zones = Zones::tree(&parents).unwrap();
    let counts = [0, 0, 0, 19, 21, 2, 4, 4];
    let expected = [0.0, 0.0, 0.0, 10.0, 10.0, 10.0, 10.0, 10.0];
    let observed = Observed {
        n_times: 1,
        counts: &counts,
        model: Model::Poisson {
            expected: &expected,
        },
    };
    let found = scan(&observed, &zones, &settings(Periods::Whole, 999)).unwrap();
    assert_eq!(found.clusters[0].areas, vec![1, 3, 4, 5]);
    assert_eq!(found.clusters[0].observed, 42);
    assert_close(found.clusters[0].expected, 30.0, 1e-12);
    let single = Secondary::Overlapping;
    let found = scan(
        &observed,
        &zones,
        &Settings {
            secondary: single,
            ..settings(Periods::Whole, 999)
        },
    );
    let order: Vec<Vec<usize>> = found
        .unwrap()
        .clusters
        .into_iter()
        .map(|cluster| cluster.areas)
        .collect();
    assert_eq!(order, [vec![1, 3, 4, 5], vec![4], vec![3]]);
}

#[test]
fn what_cannot_be_scanned_is_refused_with_the_reason() {
    let zones = on_a_line(2);
    let refused = |counts: &[u64], model: Model| {
        let observed = Observed {
            n_times: 1,
            counts,
            model,
        };
        scan(&observed, &zones, &settings(Periods::Whole, 9)).unwrap_err()
    };
    let length = |what, found| ScanError::Length {
        what,
        found,
        wanted: 2,
    };
    assert_eq!(refused(&[1], Model::Permutation), length("counts", 1));
    assert_eq!(
        refused(&[1, 1], Model::Poisson { expected: &[1.0] }),
        length("expected", 1)
    );
    assert_eq!(
        refused(
            &[1, 1],
            Model::Poisson {
                expected: &[f64::NAN, 1.0]
            }
        ),
        ScanError::Range {
            what: "expected",
            position: 0
        }
    );
    assert_eq!(
        refused(
            &[1, 1],
            Model::ExpectedPoisson {
                baseline: &[1.0, 0.0]
            }
        ),
        ScanError::Impossible { position: 1 }
    );
    assert_eq!(
        refused(&[1, 5], Model::Bernoulli { trials: &[2, 4] }),
        ScanError::Range {
            what: "trials",
            position: 1
        }
    );
    assert_eq!(
        refused(
            &[1, 5],
            Model::NegativeBinomial {
                baseline: &[2.0, 4.0],
                variance: &[2.0, 3.0]
            }
        ),
        ScanError::Range {
            what: "variance",
            position: 1
        }
    );
}

#[test]
fn without_cases_or_expectations_there_is_nothing_to_scan() {
    let zones = on_a_line(2);
    for model in [
        Model::Permutation,
        Model::ExpectedPoisson {
            baseline: &[0.0, 0.0],
        },
    ] {
        let observed = Observed {
            n_times: 1,
            counts: &[0, 0],
            model,
        };
        let refused = scan(&observed, &zones, &settings(Periods::Whole, 9));
        assert_eq!(refused, Err(ScanError::Empty));
    }
}

#[test]
fn without_an_excess_there_is_no_cluster() {
    let observed = Observed {
        n_times: 1,
        counts: &[0, 0, 0],
        model: Model::ExpectedPoisson {
            baseline: &[1.0, 1.0, 1.0],
        },
    };
    let found = scan(&observed, &on_a_line(3), &settings(Periods::Whole, 99)).unwrap();
    assert_eq!(found.clusters, vec![]);
    assert_eq!(found.maxima.len(), 99);
}

#[test]
fn the_gumbel_chance_has_the_moments_of_the_replicates() {
    // Mean 2 and deviation 1: β = √6/π = 0.7797, m = 2 − 0.5772·0.7797 = 1.5500; p(4) = 1 − exp(−e^−3.1424).
    let tails = Tails::new(&[1.0, 2.0, 3.0]);
    let scale = 6.0_f64.sqrt() / std::f64::consts::PI;
    let reduced = (4.0 - (2.0 - 0.577_215_664_901_532_9 * scale)) / scale;
    assert_close(
        tails.gumbel(4.0).unwrap(),
        1.0 - (-(-reduced).exp()).exp(),
        1e-12,
    );
    assert_close(tails.gumbel(4.0).unwrap(), 0.042_27, 1e-3);
    assert_eq!(tails.monte_carlo(3.0), Some(0.5));
    assert_eq!(tails.monte_carlo(3.1), Some(0.25));
    assert_eq!(Tails::new(&[]).monte_carlo(1.0), None);
    assert_eq!(Tails::new(&[]).gumbel(1.0), None);
    assert_eq!(Tails::new(&[2.0, 2.0]).gumbel(1.0), None);
}

/// How many of 1,000 maps without clusters have a chance of at most 5 %.
fn n_false_alarms(model: Model, variance: f64, periods: Periods) -> usize {
    let mut rng = ChaCha8Rng::seed_from_u64(17);
    let zones = on_a_line(9);
    let settings = settings(periods, 19);
    let mut map = |seed: u64| {
        let counts: Vec<u64> = (0..36).map(|_| count(&mut rng, 2.0, variance)).collect();
        let observed = Observed {
            n_times: 4,
            counts: &counts,
            model,
        };
        let found = scan(&observed, &zones, &Settings { seed, ..settings }).unwrap();
        let is_alarm = |best: &Cluster| best.p_monte_carlo.unwrap() <= 0.05;
        usize::from(found.clusters.first().is_some_and(is_alarm))
    };
    (0..1000).map(&mut map).sum()
}

/// A count with the given mean and variance.
fn count(rng: &mut ChaCha8Rng, mean: f64, variance: f64) -> u64 {
    let excess = variance - mean;
    let gamma = Gamma::new(mean * mean / excess, excess / mean);
    let mean = gamma.map_or(mean, |law: Gamma<f64>| law.sample(rng));
    Poisson::new(mean).map_or(0, |law: Poisson<f64>| {
        crate::stats::rounded(law.sample(rng))
    })
}

#[test]
fn without_clusters_one_map_in_twenty_seems_to_have_one() {
    let (means, variance, trials) = ([2.0; 36], [3.0; 36], [60; 36]);
    let models = [
        (Model::Poisson { expected: &means }, 2.0),
        (Model::Bernoulli { trials: &trials }, 2.0),
        (Model::Permutation, 2.0),
        (Model::ExpectedPoisson { baseline: &means }, 2.0),
        (
            Model::NegativeBinomial {
                baseline: &means,
                variance: &variance,
            },
            3.0,
        ),
    ];
    for (model, variance) in models {
        for periods in [
            Periods::Prospective { max_length: 3 },
            Periods::Retrospective { max_length: 2 },
        ] {
            let n_alarms = n_false_alarms(model, variance, periods);
            // 50 are due, with a standard deviation of 7.
            assert!(
                (29..=71).contains(&n_alarms),
                "{n_alarms} of 1000 for {model:?}"
            );
        }
    }
}

#[test]
fn a_poisson_baseline_alarms_too_often_on_overdispersed_counts() {
    // This is what the negative binomial model is for.
    let means = [2.0; 36];
    let periods = Periods::Prospective { max_length: 3 };
    let n_alarms = n_false_alarms(Model::ExpectedPoisson { baseline: &means }, 3.0, periods);
    assert!(n_alarms > 150, "{n_alarms} of 1000");
}

/// The largest ratio of all circles and periods, straight from the formula.
fn by_brute_force(counts: &[u64], expected: &[f64], n_times: usize, periods: Periods) -> f64 {
    let n_areas = counts.len() / n_times;
    let all = real(counts.iter().sum());
    let scale = all / expected.iter().sum::<f64>();
    let mut best = 0.0_f64;
    let zones = on_a_line(n_areas);
    let ends = |start: usize| {
        if matches!(periods, Periods::Prospective { .. }) {
            n_times..=n_times
        } else {
            start + 1..=n_times
        }
    };
    let periods = || (0..n_times).flat_map(|start| ends(start).map(move |end| (start, end)));
    let families = zones.families().iter().flatten();
    for (zone, (start, end)) in
        families.flat_map(|zone| periods().map(move |period| (zone, period)))
    {
        let areas = zones.members(*zone);
        let (mut c, mut mu) = (0.0, 0.0);
        for cell in areas
            .iter()
            .flat_map(|area| area * n_times + start..area * n_times + end)
        {
            c += real(counts[cell]);
            mu += scale * expected[cell];
        }
        let rest = (all - c) * ((all - c) / (all - mu)).ln();
        let rest = if c < all { rest } else { 0.0 };
        if c > mu {
            best = best.max(c * (c / mu).ln() + rest);
        }
    }
    best
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_best_window_is_that_of_brute_force(
        counts in proptest::collection::vec(0_u64..9, 28),
        expected in proptest::collection::vec(0.1..5.0_f64, 28),
    ) {
        prop_assume!(counts.iter().sum::<u64>() > 0);
        let observed = Observed { n_times: 4, counts: &counts, model: Model::Poisson { expected: &expected } };
        for periods in [Periods::Prospective { max_length: 4 }, Periods::Retrospective { max_length: 9 }] {
            let found = scan(&observed, &on_a_line(7), &settings(periods, 0)).unwrap();
            let score = found.clusters.first().map_or(0.0, |cluster| cluster.score);
            let wanted = by_brute_force(&counts, &expected, 4, periods);
            prop_assert!((score - wanted).abs() <= 1e-9 * wanted.max(1.0));
        }
    }

    #[test]
    fn clusters_share_no_area_and_their_scores_fall(counts in proptest::collection::vec(0_u64..9, 12)) {
        prop_assume!(counts.iter().sum::<u64>() > 0);
        let observed = Observed { n_times: 1, counts: &counts, model: Model::Poisson { expected: &[1.0; 12] } };
        for secondary in [Secondary::Apart, Secondary::ApartByCenter] {
            let settings = Settings { secondary, ..settings(Periods::Whole, 19) };
            let found = scan(&observed, &on_a_line(12), &settings).unwrap();
            let mut seen: Vec<usize> = found.clusters.iter().flat_map(|cluster| cluster.areas.clone()).collect();
            let n_seen = seen.len();
            seen.sort_unstable();
            seen.dedup();
            prop_assert_eq!(n_seen, seen.len());
            for pair in found.clusters.windows(2) {
                prop_assert!(pair[0].score >= pair[1].score);
                prop_assert!(pair[0].p_monte_carlo <= pair[1].p_monte_carlo);
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_bits_and_more_replicates_begin_with_the_fewer(seed in 0_u64..1000) {
        let counts = outbreak();
        let expected = [2.0; 48];
        let models = [Model::ExpectedPoisson { baseline: &expected }, Model::Permutation, Model::Poisson { expected: &expected }];
        for model in models {
            let observed = Observed { n_times: 6, counts: &counts, model };
            let run = |n_replicates| {
                let settings = Settings { seed, ..settings(Periods::Prospective { max_length: 3 }, n_replicates) };
                scan(&observed, &on_a_line(8), &settings).unwrap().maxima
            };
            // Thirteen are drawn without a floor throughout, sixty with one after the first sixteen.
            let (few, many) = (run(13), run(60));
            prop_assert_eq!(&few[..], &many[..13]);
            prop_assert_eq!(many, run(60));
        }
    }
}
