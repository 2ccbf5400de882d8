//! Needs that are asked for more than their past and the exposure explain, and where neighbors rise together.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::ArrayRef;
use datafusion::error::Result;

use super::super::Entry;
use super::panels::{DISTRICT, EXPOSURE, IS_COVERED, Layout, MONTH, N, NEED, Place};
use super::{Argument, Cell, Kind, Part, Partition, Shape, Windowed};
use crate::stats::cluster::{Cluster, ClusterScan, Neighbors};
use crate::stats::fdr::benjamini_hochberg;
use crate::stats::pooled::Pooled;
use crate::stats::{EmergingDetector, Judgment, Panel};

/// The functions of this file.
pub(super) const ENTRIES: &[Entry<Windowed>] = &[
    Entry {
        name: "rise",
        call: "rise(need, district, month, n, exposure, is_covered [, n_judged_months]) → struct(observed, expected, low, high, ratio, p, n_window_months, exposure, quarter_observed, quarter_expected, quarter_low, quarter_high, quarter_ratio)",
        it: "Se un bisogno è chiesto in un ambito più di quanto spieghino il suo passato e le persone attive: la finestra di 1-4 mesi che finisce nel mese e che più sorprende, e il suo p, uguale per tutta la partizione. I campi quarter_ dicono degli ultimi tre mesi. Il mese è il primo giorno o un numero; una riga che manca è un mese non coperto; si giudicano gli ultimi n_judged_months mesi.",
        en: "Whether a need is asked for in a district more than its past and the active members explain: the window of 1-4 months ending in the month that surprises most, and its p, shared by the partition. The quarter_ fields are of the last three months. A month is its first day or a number; a missing row is a month not covered; the last n_judged_months months are judged.",
        source: "Clayton, Kaldor 1987, Biometrics 43:671; Neill, Moore, Cooper 2006, NIPS 18:1003",
        run: Windowed {
            arguments: &[
                NEED,
                DISTRICT,
                MONTH,
                N,
                EXPOSURE,
                IS_COVERED,
                N_JUDGED_MONTHS,
            ],
            n_optional: 1,
            shape: Shape::Struct(RISE),
            run: rise,
        },
    },
    Entry {
        name: "rise_cluster",
        call: "rise_cluster(need, district, month, n, exposure, is_covered, longitude, latitude [, n_judged_months]) → struct(center, p, q, score, observed, expected, n_districts, n_window_months)",
        it: "Se un bisogno cresce insieme in ambiti vicini: il gruppo di 3-12 ambiti vicini che più sorprende nel mese, sulle righe degli ambiti del gruppo che superano l'atteso; le altre righe sono nulle. q conta tutti i bisogni osservati in quel mese. Le coordinate sono in gradi.",
        en: "Whether a need rises together in neighboring districts: the group of 3-12 neighbors that surprises most in the month, on the rows of its districts that exceed their expectation; other rows are null. q counts all needs seen in that month. Coordinates are in degrees.",
        source: "Neill 2009, Int. J. Forecasting 25:498; Abrams, Kulldorff, Kleinman 2010, Int. J. Health Geogr. 9:61",
        run: Windowed {
            arguments: &[
                NEED,
                DISTRICT,
                MONTH,
                N,
                EXPOSURE,
                IS_COVERED,
                Argument::new("longitude", Kind::Number),
                Argument::new("latitude", Kind::Number),
                N_JUDGED_MONTHS,
            ],
            n_optional: 1,
            shape: Shape::Struct(CLUSTER),
            run: rise_cluster,
        },
    },
];

/// How many months are judged, the last ones.
const N_JUDGED_MONTHS: Argument = Argument::new("n_judged_months", Kind::Whole);

/// What is said of a rise.
const RISE: &[(&str, Part)] = &[
    ("observed", Part::Whole),
    ("expected", Part::Number),
    ("low", Part::Whole),
    ("high", Part::Whole),
    ("ratio", Part::Number),
    ("p", Part::Number),
    ("n_window_months", Part::Whole),
    ("exposure", Part::Number),
    ("quarter_observed", Part::Whole),
    ("quarter_expected", Part::Number),
    ("quarter_low", Part::Whole),
    ("quarter_high", Part::Whole),
    ("quarter_ratio", Part::Number),
];

/// What is said of a cluster.
const CLUSTER: &[(&str, Part)] = &[
    ("center", Part::Text),
    ("p", Part::Number),
    ("q", Part::Number),
    ("score", Part::Number),
    ("observed", Part::Whole),
    ("expected", Part::Number),
    ("n_districts", Part::Whole),
    ("n_window_months", Part::Whole),
];

/// How many months a quarter has.
const N_QUARTER_MONTHS: usize = 3;

/// Kilometers in a degree of latitude, on a sphere of radius 6371.0088 km.
const KM_PER_DEGREE: f64 = 6371.0088 * std::f64::consts::PI / 180.0;

/// Judges the last months of all needs together.
fn rise(partition: &Partition) -> Result<ArrayRef> {
    let layout = Layout::read(partition, |_| true)?;
    let judged = layout.judged(partition, 6)?;
    let method = Pooled::default();
    let panels: Vec<&Panel> = layout.panels.iter().collect();
    let mut found: BTreeMap<Place, Vec<Cell>> = BTreeMap::new();
    for (need, judgments) in method
        .judge_all(&panels, judged.clone())
        .into_iter()
        .enumerate()
    {
        for judgment in judgments {
            found.insert(place_of(need, &judgment), of_window(&judgment));
        }
    }
    for (need, panel) in panels.iter().enumerate() {
        let of_month = |month| method.windows(panel, month, N_QUARTER_MONTHS);
        for quarter in judged.clone().flat_map(of_month).flatten() {
            if let Some(cells) = found.get_mut(&place_of(need, &quarter)) {
                cells.extend(of_quarter(&quarter));
            }
        }
    }
    let rows = layout.places.iter().map(|place| found.remove(&(*place)?));
    partition.structs(&rows.collect::<Vec<_>>())
}

/// The place of a judgment.
fn place_of(need: usize, judgment: &Judgment) -> Place {
    Place {
        need,
        district: judgment.district,
        month: judgment.month,
    }
}

/// The window that surprises most, as the first fields of [`RISE`].
fn of_window(found: &Judgment) -> Vec<Cell> {
    vec![
        Cell::count(found.observed),
        Cell::Number(found.expected),
        Cell::count(found.predicted_low),
        Cell::count(found.predicted_high),
        Cell::Number(found.ratio),
        Cell::Number(found.p),
        Cell::len(found.n_window_months),
        Cell::Number(found.exposure),
    ]
}

/// The quarter, as the last fields of [`RISE`].
fn of_quarter(found: &Judgment) -> [Cell; 5] {
    [
        Cell::count(found.observed),
        Cell::Number(found.expected),
        Cell::count(found.predicted_low),
        Cell::count(found.predicted_high),
        Cell::Number(found.ratio),
    ]
}

/// Scans every need in every judged month for its most unusual cluster.
fn rise_cluster(partition: &Partition) -> Result<ArrayRef> {
    let places = partition.points((1, 6, 7))?;
    let layout = Layout::read(partition, |district| places.contains_key(district))?;
    let judged = layout.judged(partition, 8)?;
    let scan = ClusterScan::default();
    let neighbors = Neighbors::new(&projected(&layout, &places), scan.max_districts);
    let mut found: BTreeMap<Place, Vec<Cell>> = BTreeMap::new();
    for month in judged {
        let clusters = scan_month(&scan, &layout, &neighbors, month);
        for (need, cluster, q) in clusters {
            let cells = of_cluster(&layout, &cluster, q);
            for district in cluster.districts {
                let place = Place {
                    need,
                    district,
                    month,
                };
                found.insert(place, cells.clone());
            }
        }
    }
    let rows = layout.places.iter().map(|place| found.remove(&(*place)?));
    partition.structs(&rows.collect::<Vec<_>>())
}

/// The clusters of a month with their q-values.
///
/// Every need that could be seen in the month is one test; one without a cluster has the p-value 1.
fn scan_month(
    scan: &ClusterScan,
    layout: &Layout,
    neighbors: &Neighbors,
    month: usize,
) -> Vec<(usize, Cluster, f64)> {
    let is_seen = |panel: &Panel| {
        let mut districts = 0..panel.n_districts();
        districts.any(|district| panel.is_usable(district, month))
    };
    let seen = layout
        .panels
        .iter()
        .enumerate()
        .filter(|(_, panel)| is_seen(panel));
    let scanned: Vec<(usize, Option<Cluster>)> = seen
        .map(|(need, panel)| (need, scan.scan(panel, neighbors, (need, month))))
        .collect();
    let p_values: Vec<f64> = scanned
        .iter()
        .map(|(_, cluster)| cluster.as_ref().map_or(1.0, |cluster| cluster.p))
        .collect();
    let q_values = benjamini_hochberg(&p_values);
    scanned
        .into_iter()
        .zip(q_values)
        .filter_map(|((need, cluster), q)| Some((need, cluster?, q)))
        .collect()
}

/// The fields of [`CLUSTER`].
fn of_cluster(layout: &Layout, cluster: &Cluster, q: f64) -> Vec<Cell> {
    let center = layout.districts.get(cluster.center);
    vec![
        center.map_or(Cell::Absent, |code| Cell::Text(Arc::from(code.as_str()))),
        Cell::Number(cluster.p),
        Cell::Number(q),
        Cell::Number(cluster.score),
        Cell::count(cluster.observed),
        Cell::Number(cluster.expected),
        Cell::len(cluster.districts.len()),
        Cell::len(cluster.n_window_months),
    ]
}

/// The places of the districts on a plane, in kilometers, true to scale at their mean latitude.
fn projected(layout: &Layout, places: &BTreeMap<String, (f64, f64)>) -> Vec<(f64, f64)> {
    let points = || layout.districts.iter().filter_map(|code| places.get(code));
    let n = crate::stats::real_len(layout.districts.len()).max(1.0);
    let mean_latitude = points().map(|(_, latitude)| latitude).sum::<f64>() / n;
    let narrowing = mean_latitude.to_radians().cos();
    let project = |(longitude, latitude): &(f64, f64)| {
        (
            longitude * KM_PER_DEGREE * narrowing,
            latitude * KM_PER_DEGREE,
        )
    };
    points().map(project).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::answers::{numbers, refused, rows};
    use crate::stats::{real, real_len};

    const N_MONTHS: usize = 40;
    const N_DISTRICTS: usize = 8;

    /// The requests of need 1 or 2: in the last three months need 1 triples in district 2, need 2 doubles in 4 to 7.
    fn n_requests(need: usize, district: usize, month: usize) -> u64 {
        let noise = u64::try_from((district * 7 + month * 5 + need * 3) % 4).unwrap();
        let is_late = month >= 37;
        match need {
            1 if is_late && district == 2 => 15 + noise,
            2 if is_late && district >= 4 => 10 + noise,
            _ => 4 + noise,
        }
    }

    /// The same in SQL, months as dates, districts on a line, each twice as far out as the one before.
    const CELLS: &str = "
        with numbers as (
            select value / 320 + 1 as need, value / 40 % 8 as d, value % 40 as m
            from generate_series(0, 639) as numbers (value)
        ), cells as (
            select need, d, m,
                make_date(cast(2021 + m / 12 as int), cast(m % 12 + 1 as int), 1) as month,
                (d * 7 + m * 5 + need * 3) % 4 + case
                    when need = 1 and m >= 37 and d = 2 then 15
                    when need = 2 and m >= 37 and d >= 4 then 10
                    else 4 end as n
            from numbers
        )";

    fn panel(need: usize) -> Panel {
        let cells = (0..N_DISTRICTS).flat_map(|d| (0..N_MONTHS).map(move |m| (d, m)));
        let counts = cells.map(|(d, m)| n_requests(need, d, m)).collect();
        let size = N_DISTRICTS * N_MONTHS;
        Panel::new(N_MONTHS, counts, vec![100.0; size], vec![true; size]).unwrap()
    }

    /// What a row says of a judgment.
    fn said(need: usize, panel: &Panel, found: &Judgment) -> Vec<Option<f64>> {
        let cell = (found.district, found.month);
        let quarter = Pooled::default().window(panel, cell, 3).unwrap();
        let said = [
            real_len(need + 1),
            real_len(found.district),
            real_len(found.month),
            real(found.observed),
            found.expected,
            real(found.predicted_low),
            real(found.predicted_high),
            found.ratio,
            found.p,
            real_len(found.n_window_months),
            found.exposure,
            real(quarter.observed),
            quarter.expected,
            real(quarter.predicted_low),
            real(quarter.predicted_high),
            quarter.ratio,
        ];
        said.map(Some).to_vec()
    }

    const RISE_OF: &str = "rise('need ' || need, d, month, n, 100, true, 2)
        over (order by need, d, month)";

    #[tokio::test]
    async fn a_rise_is_what_the_detector_says_of_all_needs_together() {
        let sql = format!(
            "{CELLS}, judged as (select need, d, m, {RISE_OF} as r from cells)
             select need, d, m, r['observed'], r['expected'], r['low'], r['high'], r['ratio'], r['p'],
                 r['n_window_months'], r['exposure'], r['quarter_observed'], r['quarter_expected'],
                 r['quarter_low'], r['quarter_high'], r['quarter_ratio']
             from judged where r is not null order by need, d, m"
        );
        let found = numbers(&sql).await;
        let panels = [panel(1), panel(2)];
        let method = Pooled::default();
        let judged = method.judge_all(&[&panels[0], &panels[1]], 38..40);
        let of_need = |((need, panel), judgments): ((usize, &Panel), Vec<Judgment>)| {
            let cells = judgments.into_iter();
            cells
                .map(|found| said(need, panel, &found))
                .collect::<Vec<_>>()
        };
        let needs = panels.iter().enumerate().zip(judged);
        let expected: Vec<_> = needs.flat_map(of_need).collect();
        assert_eq!(found.len(), 2 * 2 * N_DISTRICTS);
        assert_eq!(found, expected);
    }

    #[tokio::test]
    async fn neither_the_order_of_the_rows_nor_rows_without_a_month_change_a_rise() {
        let sql = |cells: &str, order: &str| {
            format!(
                "{CELLS}, shuffled as (select * from cells order by {order}),
                 judged as (
                     select need, d, m, rise(need, d, month, n, 100, true, 2) over () as r
                     from {cells}
                 )
                 select need, d, m, r['p'], r['quarter_expected'] from judged
                 where r is not null order by need, d, m"
            )
        };
        let plain = rows(&sql("cells", "m")).await;
        assert_eq!(plain.len(), 32);
        assert_eq!(
            plain,
            rows(&sql("shuffled", "n desc, (d + m * 3) % 11")).await
        );
        let more = "(select * from cells union all select 1, 2, 99, null, 500) as more";
        assert_eq!(plain, rows(&sql(more, "m")).await);
    }

    #[tokio::test]
    async fn a_month_that_is_missing_not_covered_or_without_a_count_is_not_judged() {
        let judged = |cells: &str| {
            format!(
                "{CELLS}, judged as (
                     select d, m, rise(need, d, month, {cells}, 1) over () as r from cells
                     where need = 1 and not (d = 0 and m = 39)
                 )
                 select d from judged where r['p'] is not null order by d"
            )
        };
        let all = rows(&judged("n, 100, true")).await.concat();
        assert_eq!(all, ["1", "2", "3", "4", "5", "6", "7"]);
        for hole in [
            "n, 100, not (d = 5 and m = 39)",
            "n, case when d = 5 and m = 39 then 0 else 100 end, true",
            "n, case when d = 5 and m = 39 then null else 100 end, true",
            "case when d = 5 and m = 39 then null else n end, 100, true",
        ] {
            let found = rows(&judged(hole)).await.concat();
            assert_eq!(found, ["1", "2", "3", "4", "6", "7"], "{hole}");
        }
    }

    #[tokio::test]
    async fn what_makes_no_panel_is_refused_with_the_remedy() {
        let of = |arguments: &str| format!("{CELLS} select rise({arguments}) over () from cells");
        for (arguments, why) in [
            (
                "'a', d, month, n, 100, true",
                "rise: there are two rows of need `a`, district `",
            ),
            (
                "need, d, cast(month as timestamp), n, 100, true",
                "argument `month` is a date or a whole number, not",
            ),
            (
                "need, d, month + interval '1 day', n, 100, true",
                "-02 in a row; give the first day of the month",
            ),
            (
                "need, d, month, n, -1, true",
                "argument `exposure` is -1 in a row; it must be 0 or more, or null",
            ),
            (
                "need, d, month, -n, 100, true",
                "it must be 0 or more, or null",
            ),
            (
                "need, d, m * 1000, n, 100, true",
                "argument `month` spans more than a thousand years",
            ),
            (
                "need, d, month, n, 100, true, m",
                "argument `n_judged_months` differs between the rows of a partition",
            ),
        ] {
            let found = refused(&of(arguments)).await;
            assert!(found.contains(why), "{found}");
        }
    }

    #[tokio::test]
    async fn a_cluster_is_what_the_scan_says_and_lies_on_its_districts() {
        let sql = format!(
            "{CELLS}, judged as (
                 select need, d, m, rise_cluster(need, d, month, n, 100, true, 8.0 + power(2, d) / 1024, 45.5, 1)
                     over (order by need, d, month) as c
                 from cells
             )
             select need, d, c['center'], c['p'], c['q'], c['score'], c['observed'], c['expected'],
                 c['n_districts'], c['n_window_months']
             from judged where c is not null order by need, d"
        );
        let found = numbers(&sql).await;
        let places: Vec<(f64, f64)> = (0..8).map(|d| (2.0_f64.powi(d), 0.0)).collect();
        let neighbors = Neighbors::new(&places, 12);
        let cluster = ClusterScan::default()
            .scan(&panel(2), &neighbors, (1, 39))
            .unwrap();
        assert!(
            cluster.p < 0.01 && cluster.districts.len() == 4,
            "{cluster:?}"
        );
        let alone = ClusterScan::default().scan(&panel(1), &neighbors, (0, 39));
        assert_eq!(alone, None);
        // Two needs were seen, one shows a cluster: q = 2 p.
        let expected = [4.0, 5.0, 6.0, 7.0].map(|district| {
            let said = [
                2.0,
                district,
                real_len(cluster.center),
                cluster.p,
                2.0 * cluster.p,
                cluster.score,
                real(cluster.observed),
                cluster.expected,
                4.0,
                real_len(cluster.n_window_months),
            ];
            said.map(Some).to_vec()
        });
        assert_eq!(found, expected);
    }

    #[tokio::test]
    async fn a_district_without_a_place_is_in_no_cluster_and_one_with_two_is_refused() {
        let sql = |longitude: &str| {
            format!(
                "{CELLS}, judged as (
                     select need, d, rise_cluster(need, d, month, n, 100, true, {longitude}, 45.5, 1)
                         over () as c
                     from cells
                 )
                 select d from judged where c['q'] <= 0.05 order by d"
            )
        };
        let found = rows(&sql("case when d <> 5 then 8.0 + power(2, d) / 1024 end")).await;
        assert_eq!(found.concat(), ["4", "6", "7"]);
        let twice = refused(&sql("8.0 + m / 10.0")).await;
        assert!(twice.contains("argument `longitude` gives `"), "{twice}");
        let off = refused(&sql("200.0")).await;
        assert!(off.contains("it must be degrees from -180 to 180"), "{off}");
    }
}
