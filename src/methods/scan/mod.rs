//! Scan statistics on plain CSV: clusters on a map, in space and time, and in a hierarchy.

use self::grid::{Cells, Grid};
use self::read::{cell_order, first_rows, names, optional_sum, ordered, sum, whole};
use super::{Choice, Error, Method, Options, Table, choice};
use crate::stats::real_len;
use crate::stats::scan::Periods;

/// What was found, as tables.
mod answer;
/// The areas, their windows and their models.
mod grid;
/// Reading the columns.
mod read;

/// The methods of this file.
pub(crate) const METHODS: &[Method] = &[SPATIAL, SPACE_TIME];

/// The purely spatial scan, and that of a hierarchy.
const SPATIAL: Method = Method {
    name: "scan",
    summary: "Finds the areas of a map, or the branches of a hierarchy, with more cases than expected.",
    layout: "Reads one row per area: its name, cases, population and coordinates. Answers with one row per \
             cluster: rank, n_regions, locids, population, cases, expected, rr, loglikrat, pvalue, smr, \
             pvalue_gumbel, center, radius; or, with report = summary, with name and value.",
    source: "Kulldorff 1997, Commun. Statist. Theory Meth. 26:1481; flexible windows: Tango and Takahashi 2005, \
             Int. J. Health Geogr. 4:11; hierarchies: Kulldorff, Fang and Walsh 2003, Biometrics 59:323",
    choices: &[
        choice("area", "id", "the column with the name of the area"),
        CASES,
        POPULATION,
        EXPECTED,
        VARIANCE,
        DISPERSION,
        X,
        Y,
        DISTANCE,
        WINDOWS,
        TIES,
        MAX_SHARE,
        MAX_AREAS,
        MAX_RADIUS,
        NEIGHBORS,
        ZONES,
        PARENT,
        choice(
            "model",
            "poisson",
            "poisson, binomial, expectation or negative_binomial",
        ),
        MIN_CASES,
        REPLICATES,
        SEED,
        SECONDARY,
        MAX_CLUSTERS,
        choice(
            "p_value",
            "monte_carlo",
            "what stands in pvalue: monte_carlo or gumbel",
        ),
        choice("report", "clusters", "clusters or summary"),
    ],
    run: spatial,
};

/// The space-time scan.
const SPACE_TIME: Method = Method {
    name: "scan_spacetime",
    summary: "Finds areas and periods with more cases than expected.",
    layout: "Reads one row per area and time: name, time, cases and population. Answers with one row per \
             cluster: rank, center, locations, start, end, cases, expected, llr, p_mc, p_gumbel_mom, rr, smr, \
             n_areas, radius; with report = windows with zone, duration, score, relrisk_in, relrisk_out, \
             locations, start, end, p_mc of the best windows, overlapping or not; with report = summary with \
             name and value.",
    source: "Kulldorff 2001, J. R. Statist. Soc. A 164:61; permutation: Kulldorff et al. 2005, PLoS Med. 2:e59; \
             expectation: Neill et al. 2005, KDD; negative binomial: Tango et al. 2011, Biometrics 67:106",
    choices: &[
        choice("area", "area", "the column with the name of the area"),
        choice(
            "time",
            "time",
            "the column with the time; numbers are ordered as such, other texts by their letters",
        ),
        CASES,
        POPULATION,
        EXPECTED,
        VARIANCE,
        DISPERSION,
        choice(
            "places",
            "",
            "path of a CSV with one row per area; without it the coordinates stand in the input",
        ),
        choice(
            "place",
            "",
            "the column of places with the name of the area; as `area` if empty",
        ),
        choice(
            "label",
            "",
            "the column of places by which areas are called in zones, neighbors and the answer",
        ),
        X,
        Y,
        DISTANCE,
        WINDOWS,
        TIES,
        MAX_SHARE,
        MAX_AREAS,
        MAX_RADIUS,
        NEIGHBORS,
        ZONES,
        PARENT,
        choice(
            "model",
            "poisson",
            "poisson, binomial, permutation, expectation, negative_binomial, or permutation_around (the null of \
             permutation with the scores of poisson, as R package scanstatistics)",
        ),
        choice(
            "rates",
            "constant",
            "constant: expected in proportion to population; per_time: the population of every time scaled to the \
             same total first, as R package scanstatistics",
        ),
        choice(
            "periods",
            "prospective",
            "prospective (windows that end now) or retrospective (all)",
        ),
        choice(
            "max_length",
            "",
            "the longest window in times; half of all times if empty",
        ),
        MIN_CASES,
        REPLICATES,
        SEED,
        SECONDARY,
        MAX_CLUSTERS,
        choice("report", "clusters", "clusters, windows or summary"),
    ],
    run: space_time,
};

/// Option.
const CASES: Choice = choice(
    "cases",
    "cases",
    "the column with the cases; several joined by + are added",
);
/// Option.
const POPULATION: Choice = choice(
    "population",
    "population",
    "the column with the population (the trials of model binomial); several joined by + are added",
);
/// Option.
const EXPECTED: Choice = choice(
    "expected",
    "",
    "the column with expected cases; if empty, population times the overall rate",
);
/// Option.
const VARIANCE: Choice = choice(
    "variance",
    "",
    "the column with the variances for negative_binomial",
);
/// Option.
const DISPERSION: Choice = choice(
    "dispersion",
    "1",
    "variance over expected for negative_binomial when there is no such column",
);
/// Option.
const X: Choice = choice(
    "x",
    "x",
    "the column with the first coordinate, or the longitude",
);
/// Option.
const Y: Choice = choice(
    "y",
    "y",
    "the column with the second coordinate, or the latitude",
);
/// Option.
const DISTANCE: Choice = choice(
    "distance",
    "euclidean",
    "euclidean, or great_circle in km on a globe of radius 6367 km",
);
/// Option.
const WINDOWS: Choice = choice(
    "windows",
    "circles",
    "circles, flexible (connected sets among the max_areas nearest), sets (file zones) or tree (column parent)",
);
/// Option.
const TIES: Choice = choice(
    "ties",
    "together",
    "how areas at one distance enter a circle: together or in_order",
);
/// Option.
const MAX_SHARE: Choice = choice(
    "max_share",
    "0.5",
    "the largest share of the population in a circle",
);
/// Option.
const MAX_AREAS: Choice = choice(
    "max_areas",
    "",
    "the most areas in a window; if empty, no limit for circles, 15 for flexible",
);
/// Option.
const MAX_RADIUS: Choice = choice(
    "max_radius",
    "",
    "the largest radius of a circle; none if empty",
);
/// Option.
const NEIGHBORS: Choice = choice(
    "neighbors",
    "",
    "path of a CSV with columns id and neighbours, names apart by spaces",
);
/// Option.
const ZONES: Choice = choice(
    "zones",
    "",
    "path of a CSV with columns zone and locations, names apart by spaces",
);
/// Option.
const PARENT: Choice = choice(
    "parent",
    "parent",
    "the column with the name of what lies above; empty for a root",
);
/// Option.
const MIN_CASES: Choice = choice(
    "min_cases",
    "2",
    "the least cases of a cluster; not heeded by negative_binomial",
);
/// Option.
const REPLICATES: Choice = choice("replicates", "999", "how many replicates give the chances");
/// Option.
const SEED: Choice = choice("seed", "1", "the seed of the replicates");
/// Option.
const SECONDARY: Choice = choice(
    "secondary",
    "apart",
    "apart (no area in two clusters), apart_by_center (the same among the best window of each center, as SaTScan) \
     or overlapping",
);
/// Option.
const MAX_CLUSTERS: Choice = choice(
    "max_clusters",
    "10",
    "the most clusters or windows in the answer",
);

/// Runs the spatial scan.
fn spatial(input: &Table, options: &Options) -> Result<Table, Error> {
    let labels = names(input, options.word("area"))?;
    let cells = Cells {
        counts: whole(options.word("cases"), &sum(input, options.word("cases"))?)?,
        population: optional_sum(input, options.word("population"))?,
        expected: optional_sum(input, options.word("expected"))?,
        variance: optional_sum(input, options.word("variance"))?,
    };
    let grid = Grid {
        places: input,
        labels,
        times: vec![String::new()],
    };
    let p_value = options.one_of("p_value", &["monte_carlo", "gumbel"])?;
    let answer = grid.scan(&cells, Periods::Whole, options)?;
    match options.one_of("report", &["clusters", "summary"])? {
        "summary" => Ok(answer.summary()),
        _ => Ok(answer.spatial_clusters(p_value)),
    }
}

/// Runs the space-time scan.
fn space_time(input: &Table, options: &Options) -> Result<Table, Error> {
    let area = options.word("area");
    let (places, place) = if options.word("places").is_empty() {
        (first_rows(input, area)?, area)
    } else {
        let place = Some(options.word("place")).filter(|place| !place.is_empty());
        (options.table("places")?, place.unwrap_or(area))
    };
    let known = names(&places, place)?;
    let times = ordered(input.texts(options.word("time"))?);
    let order = cell_order(input, (&known, &times), options)?;
    let arranged = |column: Option<Vec<f64>>| {
        column.map(|column| order.iter().map(|row| column[*row]).collect())
    };
    let cases = sum(input, options.word("cases"))?;
    let counts = whole(options.word("cases"), &cases)?;
    let mut population: Option<Vec<f64>> =
        arranged(optional_sum(input, options.word("population"))?);
    if options.one_of("rates", &["constant", "per_time"])? == "per_time" {
        population = population.map(|cells| equal_times(&cells, times.len()));
    }
    let cells = Cells {
        counts: order.iter().map(|row| counts[*row]).collect(),
        population,
        expected: arranged(optional_sum(input, options.word("expected"))?),
        variance: arranged(optional_sum(input, options.word("variance"))?),
    };
    let max_length = match options.word("max_length") {
        "" => (times.len() / 2).max(1),
        _ => options.number("max_length")?,
    };
    let periods = match options.one_of("periods", &["prospective", "retrospective"])? {
        "retrospective" => Periods::Retrospective { max_length },
        _ => Periods::Prospective { max_length },
    };
    let labels = match options.word("label") {
        "" => known,
        label => names(&places, label)?,
    };
    let grid = Grid {
        places: &places,
        labels,
        times,
    };
    let report = options.one_of("report", &["clusters", "windows", "summary"])?;
    let answer = grid.scan(&cells, periods, options)?;
    Ok(match report {
        "windows" => answer.windows(),
        "summary" => answer.summary(),
        _ => answer.space_time_clusters(),
    })
}

/// The cells of every time scaled to the same total.
fn equal_times(cells: &[f64], n_times: usize) -> Vec<f64> {
    let mut totals = vec![0.0; n_times];
    for (at, cell) in cells.iter().enumerate() {
        totals[at % n_times] += cell;
    }
    let all: f64 = totals.iter().sum();
    let scale = |(at, cell): (usize, &f64)| cell / totals[at % n_times] * all / real_len(n_times);
    cells.iter().enumerate().map(scale).collect()
}

#[cfg(test)]
mod tests;
