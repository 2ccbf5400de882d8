//! What a scan found, as tables.

use crate::methods::{Table, cell};
use crate::stats::scan::{Cluster, Findings};
use crate::stats::{real, real_len, rounded};

/// What was found, with the names to tell it by.
pub(super) struct Answer {
    /// What was found.
    pub(super) findings: Findings,
    /// All cases, where the model is given them.
    pub(super) given_total: Option<f64>,
    /// What each center or set is called.
    pub(super) zone_names: Vec<String>,
    /// The mean population of each area, if known.
    pub(super) population: Option<Vec<f64>>,
    /// The radius of each cluster.
    pub(super) radii: Vec<Option<f64>>,
    /// What each area is called.
    pub(super) labels: Vec<String>,
    /// What each time is called.
    pub(super) times: Vec<String>,
}

impl Answer {
    /// The clusters of a map.
    pub(super) fn spatial_clusters(&self, p_value: &str) -> Table {
        let mut table = Table::with_columns(&[
            "rank",
            "n_regions",
            "locids",
            "population",
            "cases",
            "expected",
            "rr",
            "loglikrat",
            "pvalue",
            "smr",
            "pvalue_gumbel",
            "center",
            "radius",
        ]);
        for (at, cluster) in self.findings.clusters.iter().enumerate() {
            let people =
                |population: &Vec<f64>| cluster.areas.iter().map(|area| population[*area]).sum();
            let p = if p_value == "gumbel" {
                cluster.p_gumbel
            } else {
                cluster.p_monte_carlo
            };
            table.rows.push(vec![
                (at + 1).to_string(),
                cluster.areas.len().to_string(),
                self.locations(cluster),
                cell(self.population.as_ref().map(people)),
                cluster.observed.to_string(),
                cell(Some(cluster.expected)),
                cell(cluster.relative_risk),
                cell(Some(cluster.score)),
                cell(p),
                cell(ratio(cluster)),
                cell(cluster.p_gumbel),
                self.zone_names[cluster.origin].clone(),
                cell(self.radii[at]),
            ]);
        }
        table
    }

    /// The clusters in space and time.
    pub(super) fn space_time_clusters(&self) -> Table {
        let mut table = Table::with_columns(&[
            "rank",
            "center",
            "locations",
            "start",
            "end",
            "cases",
            "expected",
            "llr",
            "p_mc",
            "p_gumbel_mom",
            "rr",
            "smr",
            "n_areas",
            "radius",
        ]);
        for (at, cluster) in self.findings.clusters.iter().enumerate() {
            table.rows.push(vec![
                (at + 1).to_string(),
                self.zone_names[cluster.origin].clone(),
                self.locations(cluster),
                self.times[cluster.start].clone(),
                self.times[cluster.end - 1].clone(),
                cluster.observed.to_string(),
                cell(Some(cluster.expected)),
                cell(Some(cluster.score)),
                cell(cluster.p_monte_carlo),
                cell(cluster.p_gumbel),
                cell(cluster.relative_risk),
                cell(ratio(cluster)),
                cluster.areas.len().to_string(),
                cell(self.radii[at]),
            ]);
        }
        table
    }

    /// The best windows, overlapping or not.
    pub(super) fn windows(&self) -> Table {
        let mut table = Table::with_columns(&[
            "zone",
            "duration",
            "score",
            "relrisk_in",
            "relrisk_out",
            "locations",
            "start",
            "end",
            "p_mc",
        ]);
        for cluster in &self.findings.clusters {
            let outside =
                |total: f64| (total - real(cluster.observed)) / (total - cluster.expected);
            table.rows.push(vec![
                self.zone_names[cluster.origin].clone(),
                (cluster.end - cluster.start).to_string(),
                cell(Some(cluster.score)),
                cell(ratio(cluster)),
                cell(self.given_total.map(outside)),
                self.locations(cluster),
                self.times[cluster.start].clone(),
                self.times[cluster.end - 1].clone(),
                cell(cluster.p_monte_carlo),
            ]);
        }
        table
    }

    /// The best window and the law of the replicates in a few numbers.
    pub(super) fn summary(&self) -> Table {
        let mut sorted = self.findings.maxima.clone();
        sorted.sort_by(f64::total_cmp);
        let n = real_len(sorted.len());
        let mean = sorted.iter().sum::<f64>() / n;
        let squares: f64 = sorted.iter().map(|score| (score - mean).powi(2)).sum();
        let best = self.findings.clusters.first();
        let duration = |cluster: &Cluster| (cluster.end - cluster.start).to_string();
        let zone = |cluster: &Cluster| self.zone_names[cluster.origin].clone();
        let lines = [
            ("mlc_score", cell(best.map(|cluster| cluster.score))),
            ("mlc_zone", best.map_or_else(String::new, zone)),
            ("mlc_duration", best.map_or_else(String::new, duration)),
            (
                "MC_pvalue",
                cell(best.and_then(|cluster| cluster.p_monte_carlo)),
            ),
            (
                "Gumbel_pvalue",
                cell(best.and_then(|cluster| cluster.p_gumbel)),
            ),
            ("n_mcsim", sorted.len().to_string()),
            ("rep_mean", cell(Some(mean))),
            ("rep_sd", cell(Some((squares / (n - 1.0)).sqrt()))),
            ("rep_q95", cell(quantile(&sorted, 0.95))),
            ("n_windows", self.findings.n_windows.to_string()),
        ];
        let mut table = Table::with_columns(&["name", "value"]);
        table.rows = lines
            .into_iter()
            .map(|(name, value)| vec![name.to_owned(), value])
            .collect();
        table
    }

    /// The names of the areas of a cluster, apart by spaces.
    fn locations(&self, cluster: &Cluster) -> String {
        let names: Vec<&str> = cluster
            .areas
            .iter()
            .map(|area| self.labels[*area].as_str())
            .collect();
        names.join(" ")
    }
}

/// Cases over expected cases.
fn ratio(cluster: &Cluster) -> Option<f64> {
    (cluster.expected > 0.0).then(|| real(cluster.observed) / cluster.expected)
}

/// The quantile of sorted numbers, interpolated (type 7 of Hyndman and Fan 1996).
fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let place = share * (real_len(sorted.len()) - 1.0);
    let below = usize::try_from(rounded(place.floor())).ok()?;
    let low = sorted.get(below)?;
    let high = sorted.get(below + 1).unwrap_or(low);
    Some(low + (high - low) * (place - place.floor()))
}
