//! The areas of a scan, the windows over them and what their counts are compared with.

use super::answer::Answer;
use super::read::{counts, optional_number, share};
use crate::methods::{Error, Options, Table};
use crate::stats::scan::distance::{euclidean, great_circle};
use crate::stats::scan::zones::{Circles, Ties, Zones};
use crate::stats::scan::{Cluster, Model, Observed, Periods, ScanError, Secondary, Settings, scan};
use crate::stats::{real, real_len};

/// The areas and times of a scan.
pub(super) struct Grid<'a> {
    /// One row per area.
    pub(super) places: &'a Table,
    /// What each area is called.
    pub(super) labels: Vec<String>,
    /// What each time is called.
    pub(super) times: Vec<String>,
}

/// What was counted in each area and time.
pub(super) struct Cells {
    /// Cases.
    pub(super) counts: Vec<u64>,
    /// Populations, if given.
    pub(super) population: Option<Vec<f64>>,
    /// Expected cases, if given.
    pub(super) expected: Option<Vec<f64>>,
    /// Their variances, if given.
    pub(super) variance: Option<Vec<f64>>,
}

impl Grid<'_> {
    /// Scans with the options.
    pub(super) fn scan(
        self,
        cells: &Cells,
        periods: Periods,
        options: &Options,
    ) -> Result<Answer, Error> {
        let words = [
            "poisson",
            "binomial",
            "expectation",
            "negative_binomial",
            "permutation",
            "permutation_around",
        ];
        let words = if periods == Periods::Whole {
            &words[..4]
        } else {
            &words[..]
        };
        let word = options.one_of("model", words)?;
        let inputs = cells.inputs(word, options)?;
        let sizes = self.per_area(cells.population.as_ref().unwrap_or(&inputs.expected));
        let (zones, zone_names) = self.zones(&sizes, options)?;
        let observed = Observed {
            n_times: self.times.len(),
            counts: &cells.counts,
            model: inputs.model(word),
        };
        let findings = scan(&observed, &zones, &settings(periods, options)?);
        let findings = findings.map_err(|error| self.refused(&error))?;
        let is_given_total = !["expectation", "negative_binomial"].contains(&word);
        let n_cases = real(cells.counts.iter().sum());
        let people = cells.population.as_ref();
        Ok(Answer {
            radii: self.radii(&findings.clusters, options)?,
            findings,
            given_total: is_given_total.then_some(n_cases),
            zone_names,
            population: people.map(|population| self.per_area(population)),
            labels: self.labels,
            times: self.times,
        })
    }

    /// A refusal in the words of the table.
    fn refused(&self, error: &ScanError) -> Error {
        let cell = |position: usize| {
            let n_times = self.times.len().max(1);
            let area = self
                .labels
                .get(position / n_times)
                .map_or("", String::as_str);
            let time = self
                .times
                .get(position % n_times)
                .map_or("", String::as_str);
            format!("{area} {time}").trim().to_owned()
        };
        Error::Data(match error {
            ScanError::Range { what, position } => {
                format!("`{what}` of `{}` is out of range", cell(*position))
            }
            ScanError::Impossible { position } => {
                format!("`{}` has cases where none is expected", cell(*position))
            }
            ScanError::Length { .. } | ScanError::Empty => error.to_string(),
        })
    }

    /// The mean over the times of every area.
    fn per_area(&self, cells: &[f64]) -> Vec<f64> {
        let n_times = self.times.len();
        cells
            .chunks_exact(n_times.max(1))
            .map(|area| area.iter().sum::<f64>() / real_len(n_times))
            .collect()
    }

    /// The zones that the options ask for, and what each center or set is called.
    fn zones(&self, sizes: &[f64], options: &Options) -> Result<(Zones, Vec<String>), Error> {
        let max_areas = optional_number(options, "max_areas")?;
        match options.one_of("windows", &["circles", "flexible", "sets", "tree"])? {
            "flexible" => {
                let distance = self.distance(options)?;
                let neighbors = self.sets(&options.table("neighbors")?, ("id", "neighbours"))?;
                let mut lists = vec![Vec::new(); self.labels.len()];
                for (id, list) in neighbors {
                    lists[self.position(&id)?] = list;
                }
                let most = max_areas.unwrap_or(15);
                let zones = Zones::flexible(&lists, most, distance).ok_or_else(|| {
                    Error::Data("there are too many connected sets; lower `max_areas`".to_owned())
                })?;
                Ok((zones, self.labels.clone()))
            }
            "sets" => {
                let sets = self.sets(&options.table("zones")?, ("zone", "locations"))?;
                let (names, sets): (Vec<String>, Vec<Vec<usize>>) = sets.into_iter().unzip();
                Ok((Zones::sets(self.labels.len(), &sets), names))
            }
            "tree" => {
                let parents = self.places.texts(options.word("parent"))?.into_iter();
                let parents: Result<Vec<Option<usize>>, Error> = parents
                    .map(|name| (!name.is_empty()).then(|| self.position(name)).transpose())
                    .collect();
                let circular = || Error::Data("what lies above what runs in a circle".to_owned());
                Ok((
                    Zones::tree(&parents?).ok_or_else(circular)?,
                    self.labels.clone(),
                ))
            }
            _ => {
                let limits = Circles {
                    sizes,
                    max_share: share(options, "max_share")?,
                    max_areas: max_areas.unwrap_or(usize::MAX),
                    max_radius: optional_number(options, "max_radius")?.unwrap_or(f64::INFINITY),
                    ties: match options.one_of("ties", &["together", "in_order"])? {
                        "in_order" => Ties::InOrder,
                        _ => Ties::Together,
                    },
                };
                Ok((
                    Zones::circles(&limits, self.distance(options)?),
                    self.labels.clone(),
                ))
            }
        }
    }

    /// The distance of two areas.
    fn distance(&self, options: &Options) -> Result<impl Fn(usize, usize) -> f64 + use<>, Error> {
        let x = self.places.all_numbers(options.word("x"))?;
        let y = self.places.all_numbers(options.word("y"))?;
        let apart = match options.one_of("distance", &["euclidean", "great_circle"])? {
            "great_circle" => great_circle,
            _ => euclidean,
        };
        Ok(move |a: usize, b: usize| apart((x[a], y[a]), (x[b], y[b])))
    }

    /// From the center of each cluster to the farthest of its areas; nothing for windows without a center.
    fn radii(&self, clusters: &[Cluster], options: &Options) -> Result<Vec<Option<f64>>, Error> {
        if !["circles", "flexible"].contains(&options.word("windows")) {
            return Ok(vec![None; clusters.len()]);
        }
        let distance = self.distance(options)?;
        let radius = |cluster: &Cluster| {
            let far = cluster
                .areas
                .iter()
                .map(|area| distance(cluster.origin, *area));
            Some(far.fold(0.0, f64::max))
        };
        Ok(clusters.iter().map(radius).collect())
    }

    /// Names with lists of areas.
    fn sets(
        &self,
        table: &Table,
        (name, list): (&str, &str),
    ) -> Result<Vec<(String, Vec<usize>)>, Error> {
        let rows = table.texts(name)?.into_iter().zip(table.texts(list)?);
        let positions = |list: &str| -> Result<Vec<usize>, Error> {
            list.split_whitespace()
                .map(|label| self.position(label))
                .collect()
        };
        rows.map(|(name, list)| Ok((name.to_owned(), positions(list)?)))
            .collect()
    }

    /// The place of an area.
    fn position(&self, label: &str) -> Result<usize, Error> {
        let at = self.labels.iter().position(|known| known == label);
        at.ok_or_else(|| Error::Data(format!("there is no area `{label}`")))
    }
}

/// What the counts are compared with.
struct Inputs {
    /// Expected counts, or populations.
    expected: Vec<f64>,
    /// Trials, for the model that has them.
    trials: Vec<u64>,
    /// Variances.
    variance: Vec<f64>,
}

impl Inputs {
    /// The model of the given name.
    fn model(&self, word: &str) -> Model<'_> {
        let expected = &self.expected;
        match word {
            "binomial" => Model::Bernoulli {
                trials: &self.trials,
            },
            "expectation" => Model::ExpectedPoisson { baseline: expected },
            "negative_binomial" => Model::NegativeBinomial {
                baseline: expected,
                variance: &self.variance,
            },
            "permutation" => Model::Permutation,
            "permutation_around" => Model::PermutationAround { expected },
            _ => Model::Poisson { expected },
        }
    }
}

impl Cells {
    /// What the model compares the counts with.
    fn inputs(&self, word: &str, options: &Options) -> Result<Inputs, Error> {
        let expected = self.expected(word)?;
        let trials = match word {
            "binomial" => counts(&expected).map_err(|at| {
                let value = expected.get(at).map_or(0.0, |value| *value);
                Error::Data(format!("a population of {value} is no number of trials"))
            })?,
            _ => Vec::new(),
        };
        let variance = self.variance(&expected, options)?;
        Ok(Inputs {
            expected,
            trials,
            variance,
        })
    }

    /// What the model expects: given, or by population, or for the permutation the cases of each area.
    fn expected(&self, model: &str) -> Result<Vec<f64>, Error> {
        let counts = || self.counts.iter().map(|count| real(*count));
        let missing = || {
            Error::Data(format!(
                "model `{model}` needs a column `population` or `expected`"
            ))
        };
        let population = || self.population.clone().ok_or_else(missing);
        match (model, &self.expected) {
            ("binomial", _) => population(),
            ("permutation", _) => Ok(counts().collect()),
            (_, Some(expected)) => Ok(expected.clone()),
            (_, None) => {
                let population = population()?;
                let rate = counts().sum::<f64>() / population.iter().sum::<f64>();
                Ok(population.iter().map(|people| people * rate).collect())
            }
        }
    }

    /// The variances: given, or the expected cases times the dispersion.
    fn variance(&self, expected: &[f64], options: &Options) -> Result<Vec<f64>, Error> {
        let dispersion: f64 = options.number("dispersion")?;
        let scaled = || {
            expected
                .iter()
                .map(|expected| expected * dispersion)
                .collect()
        };
        Ok(self.variance.clone().unwrap_or_else(scaled))
    }
}

/// The settings of the search.
fn settings(periods: Periods, options: &Options) -> Result<Settings, Error> {
    let secondary = options.one_of("secondary", &["apart", "apart_by_center", "overlapping"])?;
    Ok(Settings {
        periods,
        min_cases: options.number("min_cases")?,
        n_replicates: options.number("replicates")?,
        seed: options.number("seed")?,
        secondary: match (options.word("report"), secondary) {
            ("windows", _) | (_, "overlapping") => Secondary::Overlapping,
            (_, "apart_by_center") => Secondary::ApartByCenter,
            _ => Secondary::Apart,
        },
        max_clusters: options.number("max_clusters")?,
    })
}
