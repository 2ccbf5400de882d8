//! The scan for clusters in space and time over expectations that are given.

use std::collections::BTreeMap;

use arrow::array::ArrayRef;
use datafusion::error::{DataFusionError, Result};

use super::super::Entry;
use super::panels::{N, Names};
use super::{Argument, Cell, Kind, Part, Partition, Shape, Windowed};
use crate::stats::scan::distance::great_circle;
use crate::stats::scan::zones::{Circles, Ties, Zones};
use crate::stats::scan::{
    Findings, Model, Observed, Periods, ScanError, Secondary, Settings, scan,
};
use crate::stats::{real, real_len};

/// The functions of this file.
pub(super) const ENTRIES: &[Entry<Windowed>] = &[Entry {
    name: "scan_clusters",
    call: "scan_clusters(place, period, n, expected, longitude, latitude [, model, dispersion, max_length, n_replicates]) → struct(cluster, score, p, p_gumbel, first_period, observed, expected)",
    it: "Dove e da quando c'è più dell'atteso: cerchi di luoghi vicini per gli ultimi 1, 2, … max_length periodi (6), sulle righe che cadono in un gruppo; le altre righe sono nulle. I gruppi non hanno luoghi in comune e cluster è il loro rango. model è negative_binomial (dispersion, la varianza sull'atteso, se manca è stimata dai periodi prima degli ultimi max_length), expectation (Poisson), poisson (dato il totale) o permutation. p viene da n_replicates repliche (999), p_gumbel dalla legge dei loro massimi. Una riga che manca è zero su zero; le coordinate sono in gradi.",
    en: "Where and since when there is more than expected: circles of neighboring places by the last 1, 2, … max_length periods (6), on the rows that fall into a cluster; other rows are null. Clusters have no place in common and cluster is their rank. model is negative_binomial (dispersion, variance over expected, is estimated from the periods before the last max_length if left out), expectation (Poisson), poisson (given the total) or permutation. p comes from n_replicates replicates (999), p_gumbel from the law of their maxima. A missing row is zero of zero; coordinates are in degrees.",
    source: "Tango, Takahashi, Kohriyama 2011, Biometrics 67:106; Neill et al. 2005, KDD; Kulldorff 2001, J. R. Statist. Soc. A 164:61",
    run: Windowed {
        arguments: &[
            Argument::new("place", Kind::Text),
            Argument::new("period", Kind::Time),
            N,
            Argument::new("expected", Kind::Number),
            Argument::new("longitude", Kind::Number),
            Argument::new("latitude", Kind::Number),
            Argument::new("model", Kind::Text),
            Argument::new("dispersion", Kind::Number),
            Argument::new("max_length", Kind::Whole),
            Argument::new("n_replicates", Kind::Whole),
        ],
        n_optional: 4,
        shape: Shape::Struct(&[
            ("cluster", Part::Whole),
            ("score", Part::Number),
            ("p", Part::Number),
            ("p_gumbel", Part::Number),
            ("first_period", Part::Like(1)),
            ("observed", Part::Whole),
            ("expected", Part::Number),
        ]),
        run: scan_clusters,
    },
}];

/// The longest window if nothing is said.
const MAX_LENGTH: usize = 6;
/// How many replicates are drawn if nothing is said.
const N_REPLICATES: usize = 999;
/// The most that may be asked for.
const MOST_REPLICATES: usize = 99_999;
/// The largest share of what is expected that a circle may hold.
const MAX_SHARE: f64 = 0.5;
/// The most clusters that are reported.
const MAX_CLUSTERS: usize = 20;
/// The fewest cases of a cluster.
const MIN_CASES: u32 = 2;

/// The rows, put in order by place and period.
struct Grid {
    /// Longitude and latitude of each place.
    points: Vec<(f64, f64)>,
    /// The periods.
    periods: Vec<i64>,
    /// Place and period of each row; none for one without either, or whose place is nowhere.
    rows: Vec<Option<(usize, usize)>>,
    /// Cases, place by place.
    counts: Vec<u64>,
    /// Expected cases.
    expected: Vec<f64>,
}

/// Scans the rows for clusters.
fn scan_clusters(partition: &Partition) -> Result<ArrayRef> {
    let grid = Grid::read(partition)?;
    let max_length = partition.count_option(8)?.unwrap_or(MAX_LENGTH).max(1);
    let n_replicates = partition.count_option(9)?.unwrap_or(N_REPLICATES);
    if n_replicates > MOST_REPLICATES {
        let remedy = format!("give at most {MOST_REPLICATES}");
        return Err(partition.refusal(9, "is too large", &remedy));
    }
    let settings = Settings {
        periods: Periods::Prospective { max_length },
        min_cases: MIN_CASES,
        n_replicates,
        seed: 0,
        secondary: Secondary::Apart,
        max_clusters: MAX_CLUSTERS,
    };
    let variance = grid.variance(partition, max_length)?;
    let model = model(partition, &grid, &variance)?;
    let observed = Observed {
        n_times: grid.periods.len(),
        counts: &grid.counts,
        model,
    };
    match scan(&observed, &grid.zones(), &settings) {
        Ok(findings) => partition.structs(&grid.answers(&findings)),
        Err(ScanError::Empty) => partition.structs(&vec![None; partition.n_rows()]),
        Err(ScanError::Impossible { position }) => {
            let row = grid.row_at(position).unwrap_or_default();
            let fault = format!("is 0 where n is not, {}", partition.said(row, &[0, 1]));
            Err(partition.refusal(3, &fault, "expect something everywhere"))
        }
        Err(error) => Err(DataFusionError::Execution(error.to_string())),
    }
}

/// The model that is asked for.
fn model<'a>(partition: &Partition, grid: &'a Grid, variance: &'a [f64]) -> Result<Model<'a>> {
    let (baseline, expected) = (&grid.expected, &grid.expected);
    match partition.text_option(6)?.unwrap_or("negative_binomial") {
        "negative_binomial" => Ok(Model::NegativeBinomial { baseline, variance }),
        "expectation" => Ok(Model::ExpectedPoisson { baseline }),
        "poisson" => Ok(Model::Poisson { expected }),
        "permutation" => Ok(Model::Permutation),
        other => {
            let remedy = "give negative_binomial, expectation, poisson or permutation";
            Err(partition.refusal(6, &format!("is `{other}`"), remedy))
        }
    }
}

impl Grid {
    /// Puts the rows in order.
    fn read(partition: &Partition) -> Result<Self> {
        partition.check(3, |mean| mean >= 0.0 && mean.is_finite(), "0 or more")?;
        let given = partition.points((0, 4, 5))?;
        let mut names = partition.texts(0)?;
        for name in &mut names {
            *name = name.filter(|name| given.contains_key(*name));
        }
        let places = Names::of(&names);
        let times = partition.times(1)?;
        let mut periods: Vec<i64> = times.iter().copied().flatten().collect();
        periods.sort_unstable();
        periods.dedup();
        let of_row = |(name, time): (Option<&str>, Option<i64>)| {
            Some((places.place(name)?, periods.binary_search(&time?).ok()?))
        };
        let rows: Vec<_> = names.iter().copied().zip(times).map(of_row).collect();
        partition.check_size(&[places.len(), periods.len()])?;
        partition.check_size(&[places.len(), places.len()])?;
        let size = places.len() * periods.len();
        let mut grid = Self {
            points: Vec::new(),
            rows,
            counts: vec![0; size],
            expected: vec![0.0; size],
            periods,
        };
        grid.fill(partition)?;
        let points = places.into_list();
        grid.points = points
            .iter()
            .filter_map(|name| given.get(name))
            .copied()
            .collect();
        Ok(grid)
    }

    /// Fills in counts and expectations; a row without either counts as zero of zero.
    fn fill(&mut self, partition: &Partition) -> Result<()> {
        let cells = partition.counts(2)?.into_iter().zip(partition.numbers(3)?);
        let mut seen = BTreeMap::new();
        for (row, (count, expected)) in cells.enumerate() {
            let Some((place, period)) = self.rows.get(row).copied().flatten() else {
                continue;
            };
            let at = place * self.periods.len() + period;
            if seen.insert(at, row).is_some() {
                return Err(partition.repeated(row, &[0, 1]));
            }
            if let Some((count, expected)) = count.zip(expected) {
                self.counts[at] = count;
                self.expected[at] = expected;
            }
        }
        Ok(())
    }

    /// The row of a cell.
    fn row_at(&self, position: usize) -> Option<usize> {
        let n_periods = self.periods.len().max(1);
        let cell = Some((position / n_periods, position % n_periods));
        self.rows.iter().position(|row| *row == cell)
    }

    /// The variances: what is expected times a dispersion.
    fn variance(&self, partition: &Partition, max_length: usize) -> Result<Vec<f64>> {
        partition.check(7, |phi| phi >= 1.0 && phi.is_finite(), "1 or more")?;
        let given = partition.option(7)?;
        let dispersion = given.unwrap_or_else(|| self.dispersion(max_length));
        Ok(self.expected.iter().map(|mean| mean * dispersion).collect())
    }

    /// Pearson's dispersion of the periods before the windows, at least 1: `Σ (n − μ)²/μ` over its cells.
    fn dispersion(&self, max_length: usize) -> f64 {
        let n_periods = self.periods.len();
        let n_past = n_periods.saturating_sub(max_length);
        let cells = self.counts.iter().zip(&self.expected).enumerate();
        let past = cells.filter(|(at, (_, mean))| at % n_periods < n_past && **mean > 0.0);
        let squares: Vec<f64> = past
            .map(|(_, (count, mean))| (real(*count) - mean).powi(2) / mean)
            .collect();
        (squares.iter().sum::<f64>() / real_len(squares.len().max(1))).max(1.0)
    }

    /// The circles around the places.
    fn zones(&self) -> Zones {
        let per_place = self.expected.chunks(self.periods.len().max(1));
        let sizes: Vec<f64> = per_place.map(|place| place.iter().sum()).collect();
        let limits = Circles {
            sizes: &sizes,
            max_share: MAX_SHARE,
            max_areas: usize::MAX,
            max_radius: f64::INFINITY,
            ties: Ties::Together,
        };
        let points = &self.points;
        Zones::circles(&limits, |one, other| {
            match (points.get(one), points.get(other)) {
                (Some(one), Some(other)) => great_circle(*one, *other),
                _ => f64::INFINITY,
            }
        })
    }

    /// The answer for each row.
    fn answers(&self, findings: &Findings) -> Vec<Option<Vec<Cell>>> {
        let mut of_cell = BTreeMap::new();
        for (rank, cluster) in findings.clusters.iter().enumerate() {
            for place in &cluster.areas {
                of_cell.extend((cluster.start..cluster.end).map(|time| ((*place, time), rank)));
            }
        }
        let answer = |row: &Option<(usize, usize)>| {
            let rank = of_cell.get(&(*row)?)?;
            let cluster = findings.clusters.get(*rank)?;
            Some(vec![
                Cell::len(rank + 1),
                Cell::Number(cluster.score),
                Cell::from(cluster.p_monte_carlo),
                Cell::from(cluster.p_gumbel),
                Cell::Whole(*self.periods.get(cluster.start)?),
                Cell::count(cluster.observed),
                Cell::Number(cluster.expected),
            ])
        };
        self.rows.iter().map(answer).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::answers::{numbers, refused, rows};
    use crate::stats::scan::Cluster;

    const N_PLACES: usize = 9;
    const N_MONTHS: usize = 12;

    /// Cases of a place in a month: places 2 to 4 double in the last two months.
    fn n_cases(place: usize, month: usize) -> u64 {
        let noise = u64::try_from((place * 5 + month * 3) % 5).unwrap();
        let is_late = month >= 10 && (2..=4).contains(&place);
        4 + noise + if is_late { 7 } else { 0 }
    }

    /// The same in SQL; places on a line, each twice as far out as the one before.
    const CELLS: &str = "cells as (
        select value / 12 as place, value % 12 as m,
            make_date(2024, cast(value % 12 + 1 as int), 1) as month,
            4 + (value / 12 * 5 + value % 12 * 3) % 5
                + case when value % 12 >= 10 and value / 12 between 2 and 4 then 7 else 0 end as n,
            7 + power(2, value / 12) / 1024 as x
        from generate_series(0, 107) as numbers (value)
    )";

    /// The grid in the order of the scan.
    fn counts() -> Vec<u64> {
        let cells = (0..N_PLACES).flat_map(|place| (0..N_MONTHS).map(move |month| (place, month)));
        cells.map(|(place, month)| n_cases(place, month)).collect()
    }

    /// The settings with so many replicates.
    fn settings(n_replicates: usize) -> Settings {
        Settings {
            periods: Periods::Prospective {
                max_length: MAX_LENGTH,
            },
            min_cases: MIN_CASES,
            n_replicates,
            seed: 0,
            secondary: Secondary::Apart,
            max_clusters: MAX_CLUSTERS,
        }
    }

    /// What the plain scan finds under a model.
    fn plain(model: Model) -> Findings {
        let observed = Observed {
            n_times: N_MONTHS,
            counts: &counts(),
            model,
        };
        let limits = Circles {
            sizes: &[6.0; N_PLACES],
            max_share: 0.5,
            max_areas: usize::MAX,
            max_radius: f64::INFINITY,
            ties: Ties::Together,
        };
        let x = |place: usize| 7.0 + real(1 << place) / 1024.0;
        let zones = Zones::circles(&limits, |a, b| great_circle((x(a), 45.0), (x(b), 45.0)));
        scan(&observed, &zones, &settings(99)).unwrap()
    }

    /// What the rows of a cluster say, in the order of place and month.
    fn cells_of(cluster: &Cluster) -> Vec<Vec<Option<f64>>> {
        let mut areas = cluster.areas.clone();
        areas.sort_unstable();
        let months = cluster.start..cluster.end;
        let said = |(place, month): (usize, usize)| {
            vec![
                Some(real_len(place)),
                Some(real_len(month)),
                Some(cluster.score),
                cluster.p_monte_carlo,
                cluster.p_gumbel,
                Some(real_len(cluster.start)),
                Some(real(cluster.observed)),
                Some(cluster.expected),
            ]
        };
        let cells = areas
            .into_iter()
            .flat_map(|place| months.clone().map(move |month| (place, month)));
        cells.map(said).collect()
    }

    /// The rows of the first cluster.
    async fn first_cluster(options: &str) -> Vec<Vec<Option<f64>>> {
        numbers(&format!(
            "with {CELLS}, judged as (
                 select place, m, scan_clusters(place, month, n, 6, x, 45, {options})
                     over (order by n, place) as c
                 from cells
             )
             select place, m, c['score'], c['p'], c['p_gumbel'], date_part('month', c['first_period']) - 1,
                 c['observed'], c['expected']
             from judged where c['cluster'] = 1 order by place, m"
        ))
        .await
    }

    #[tokio::test]
    async fn the_first_cluster_is_that_of_the_plain_scan_on_its_rows() {
        let baseline = [6.0; N_PLACES * N_MONTHS];
        let variance = baseline.map(|mean| 1.5 * mean);
        let (baseline, variance) = (baseline.as_slice(), variance.as_slice());
        for (options, model) in [
            (
                "'negative_binomial', 1.5, null, 99",
                Model::NegativeBinomial { baseline, variance },
            ),
            (
                "'expectation', null, 6, 99",
                Model::ExpectedPoisson { baseline },
            ),
            ("'poisson', 1, 6, 99", Model::Poisson { expected: baseline }),
            ("'permutation', 1, 6, 99", Model::Permutation),
        ] {
            let found = first_cluster(options).await;
            let findings = plain(model);
            let cluster = &findings.clusters[0];
            let expected = cells_of(cluster);
            assert_eq!(found, expected, "{options}");
        }
        let found = first_cluster("'expectation', null, 6, 99").await;
        let places: Vec<_> = found
            .iter()
            .map(|row| (row[0].unwrap(), row[1].unwrap()))
            .collect();
        assert!(
            places.contains(&(3.0, 11.0)) && places.contains(&(4.0, 10.0)),
            "{places:?}"
        );
        assert_eq!(found[0][3], Some(0.01));
    }

    #[tokio::test]
    async fn the_dispersion_is_learned_from_the_months_before_the_windows() {
        // Of the first six months: noise 0 to 4 over a mean of 6 has a dispersion below 1, which counts as 1.
        let learned = first_cluster("null, null, null, 99").await;
        assert_eq!(
            learned,
            first_cluster("'negative_binomial', 1, 6, 99").await
        );
        let grid = Grid {
            points: vec![(0.0, 0.0)],
            periods: vec![1, 2, 3, 4],
            rows: Vec::new(),
            counts: vec![2, 10, 0, 90],
            expected: vec![4.0, 4.0, 0.0, 4.0],
        };
        // (2² + 6²)/4 over two cells with an expectation; the last month is a window.
        assert!((grid.dispersion(1) - 5.0).abs() < 1e-12);
        assert!((grid.dispersion(9) - 1.0).abs() < 1e-12);
    }

    #[tokio::test]
    async fn places_that_are_nowhere_and_absent_counts_are_in_no_cluster() {
        let sql = format!(
            "with {CELLS}, judged as (
                 select place, m, scan_clusters(place, m, case when not (place = 4 and m = 10) then n end,
                         6, case when place <> 3 then x end, 45, 'expectation', null, 2, 99) over () as c
                 from cells
             )
             select place, m, c['first_period'] from judged where c['cluster'] = 1 order by place, m"
        );
        let found = rows(&sql).await;
        assert!(
            !found.is_empty() && found.iter().all(|row| row[0] != "3"),
            "{found:?}"
        );
        let none = format!(
            "with {CELLS}, judged as (
                 select scan_clusters(place, m, 0, 6, x, 45, 'poisson') over () as c from cells
             )
             select count(c) from judged"
        );
        assert_eq!(rows(&none).await.concat(), ["0"]);
    }

    #[tokio::test]
    async fn what_cannot_be_scanned_is_refused_with_the_remedy() {
        let of = |arguments: &str| {
            format!("with {CELLS} select scan_clusters({arguments}) over () from cells")
        };
        for (arguments, why) in [
            (
                "place, m, n, case when place = 3 and m = 5 then 0 else 6 end, x, 45",
                "argument `expected` is 0 where n is not, place `3`, period `5`",
            ),
            (
                "place, m, n, 6, x, 45, 'binomial'",
                "argument `model` is `binomial`; give negative_binomial,",
            ),
            (
                "place, m / 2, n, 6, x, 45",
                "scan_clusters: there are two rows of place `",
            ),
            (
                "place, m, n, 6, x, 45, 'expectation', 0.5",
                "argument `dispersion` is 0.5 in a row; it must be 1 or more",
            ),
            (
                "place, m, n, 6, x, 45, 'expectation', 1, 6, 100000",
                "argument `n_replicates` is too large; give at most 99999",
            ),
        ] {
            let found = refused(&of(arguments)).await;
            assert!(found.contains(why), "{found}");
        }
    }
}
