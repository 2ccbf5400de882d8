//! Maps: ratios and smoothed rates, and whether neighbors are alike.

use super::{
    Choice, Error, Method, Options, Table, amounts, cell, choice, real_cell, table, within,
};
use crate::stats::fdr::benjamini_hochberg;
use crate::stats::rates::{byar, garwood};
use crate::stats::spatial::global::{Pattern, Statistic, Under, geary, moran, permutation_p};
use crate::stats::spatial::local::{conditional_permutation_p, getis_ord, local_moran};
use crate::stats::spatial::smoothing::{
    AreaCount, LocalVariance, byar_half, empirical_bayes, local_empirical_bayes, prior,
    standardized_rates,
};
use crate::stats::spatial::{Own, Style, Weights};

/// Who is whose neighbor.
const NEIGHBORS: Choice = choice(
    "neighbors",
    "",
    "the path of a CSV with id, neighbours; the neighbors are ids separated by spaces",
);
/// The column judged.
const VALUE: Choice = choice("value", "value", "the column judged");
/// How many permutations.
const PERMUTATIONS: Choice = choice(
    "permutations",
    "999",
    "how often the values are dealt out anew",
);
/// Their seed.
const SEED: Choice = choice("seed", "1", "the seed of the permutations");

/// Ratios and rates.
pub(super) const RATES: Method = Method {
    name: "area-rates",
    summary: "Standardized ratios with their limits and empirical Bayes rates of areas.",
    layout: "in: id, observed, population, expected. out: id, observed, population, expected, SIR, SIR_lo_exact, SIR_hi_exact, \
             SIR_lo_byar, SIR_hi_byar, raw, EB_global, EB_local_raw, EB_local; empty for an area without persons.",
    source: "Garwood 1936; Breslow and Day 1987; Marshall 1991",
    choices: &[
        NEIGHBORS,
        choice(
            "byar",
            "breslow-day",
            "`breslow-day` (O below, O + 1 above), or `half` (O + 1/2 in both, at least 0, as in the package epitools)",
        ),
        choice(
            "local_variance",
            "one-mean",
            "local variance around the mean of the surroundings, `one-mean`, or around each neighbor's, `own-means`, \
             as in the package spdep",
        ),
    ],
    run: rates,
};

/// The whole map.
pub(super) const GLOBAL: Method = Method {
    name: "map-pattern",
    summary: "Whether neighbors are alike over the whole map: Moran's I and Geary's c.",
    layout: "in: id, the column judged; with observed and population also empirical Bayes. out: name, value.",
    source: "Cliff and Ord 1981; Marshall 1991; Assunção and Reis 1999",
    choices: &[
        NEIGHBORS,
        VALUE,
        choice(
            "style",
            "W",
            "weights: `W` (neighbors count 1 together) or `B` (1 each)",
        ),
        PERMUTATIONS,
        SEED,
    ],
    run: global,
};

/// Area by area.
pub(super) const LOCAL: Method = Method {
    name: "map-local",
    summary: "Which areas lie among their like: local Moran and Getis-Ord G*.",
    layout: "in: id, the column judged. out: id, local_I, local_I_E, local_I_Var, local_I_z, local_I_p, quadrant, Gstar_z, \
             p_permutation, q_permutation (Benjamini-Hochberg over the areas). The local Moran has weights W, G* has weights B with the area itself.",
    source: "Anselin 1995; Sokal, Oden and Thomson 1998; Ord and Getis 1995",
    choices: &[NEIGHBORS, VALUE, PERMUTATIONS, SEED],
    run: local,
};

/// The neighbors of the areas in the order of the input.
fn neighbors(input: &Table, options: &Options) -> Result<Vec<Vec<usize>>, Error> {
    let ids = input.texts("id")?;
    let index: std::collections::BTreeMap<&str, usize> =
        ids.iter().enumerate().map(|(at, id)| (*id, at)).collect();
    if index.len() < ids.len() {
        return Err(Error::Data("an id is there twice".to_owned()));
    }
    let lists = options.table("neighbors")?;
    let mut found = vec![Vec::new(); ids.len()];
    for (row, (id, list)) in lists
        .texts("id")?
        .into_iter()
        .zip(lists.texts("neighbours")?)
        .enumerate()
    {
        let place = |name: &str| {
            index.get(name).copied().ok_or_else(|| Error::Cell {
                line: row + 2,
                column: "neighbours".to_owned(),
                value: name.to_owned(),
                expected: "an id of the input",
            })
        };
        let list: Vec<usize> = list
            .split_whitespace()
            .map(place)
            .collect::<Result<_, _>>()?;
        if let Some(cell) = found.get_mut(place(id)?) {
            *cell = list;
        }
    }
    Ok(found)
}

/// Weights from the neighbors.
fn weights(lists: &[Vec<usize>], style: Style, own: Own) -> Result<Weights, Error> {
    Weights::new(lists, style, own).map_err(|error| Error::Data(error.to_string()))
}

/// The counts of the areas.
fn counts(input: &Table) -> Result<Vec<AreaCount>, Error> {
    let (events, persons) = (amounts(input, "observed")?, amounts(input, "population")?);
    Ok(events
        .into_iter()
        .zip(persons)
        .map(|(events, persons)| AreaCount { events, persons })
        .collect())
}

/// Ratios and rates of the areas.
fn rates(input: &Table, options: &Options) -> Result<Table, Error> {
    let counts = counts(input)?;
    let surroundings = weights(&neighbors(input, options)?, Style::Binary, Own::Included)?;
    let variance = match options.one_of("local_variance", &["one-mean", "own-means"])? {
        "own-means" => LocalVariance::OwnMeans,
        _ => LocalVariance::OneMean,
    };
    let byar = match options.one_of("byar", &["breslow-day", "half"])? {
        "half" => byar_half,
        _ => byar,
    };
    let smoothed = empirical_bayes(&counts);
    let local = local_empirical_bayes(&counts, &surroundings, variance);
    let (ids, expected) = (input.texts("id")?, amounts(input, "expected")?);
    let areas = ids.into_iter().zip(expected).zip(&counts);
    let rows = areas.zip(smoothed.into_iter().zip(local)).map(
        |(((id, expected), count), (global, local))| {
            let observed = count.events;
            let ratio = (expected > 0.0).then(|| observed / expected);
            let (exact, byar) = (
                garwood(observed, expected).unzip(),
                byar(observed, expected).unzip(),
            );
            let raw = (count.persons > 0.0).then(|| observed / count.persons);
            let mut row = vec![id.to_owned()];
            row.extend([observed, count.persons, expected].map(real_cell));
            row.extend(
                [
                    ratio, exact.0, exact.1, byar.0, byar.1, raw, global, raw, local,
                ]
                .map(cell),
            );
            row
        },
    );
    let columns = [
        "id",
        "observed",
        "population",
        "expected",
        "SIR",
        "SIR_lo_exact",
        "SIR_hi_exact",
        "SIR_lo_byar",
        "SIR_hi_byar",
        "raw",
        "EB_global",
        "EB_local_raw",
        "EB_local",
    ];
    Ok(table(&columns, rows.collect()))
}

/// The whole map.
fn global(input: &Table, options: &Options) -> Result<Table, Error> {
    let values = input.all_numbers(options.word("value"))?;
    let style = match options.one_of("style", &["W", "B"])? {
        "B" => Style::Binary,
        _ => Style::RowStandardized,
    };
    let weights = weights(&neighbors(input, options)?, style, Own::Excluded)?;
    let draws = (
        within(options, "permutations", 1, 1_000_000)?,
        options.number("seed")?,
    );
    let mut rows: Vec<(&str, Option<f64>)> = Vec::new();
    if input.has("observed") && input.has("population") {
        let counts = counts(input)?;
        let prior = prior(&counts);
        rows.push(("EBest_a", prior.map(|prior| prior.variance)));
        rows.push(("EBest_b", prior.map(|prior| prior.mean)));
        let rates = standardized_rates(&counts);
        let index = rates.and_then(|rates| moran(&rates, &weights, Under::Randomization));
        rows.push(("EBI_moran", index.map(|found| found.value)));
    }
    let of = |pattern: &Option<Pattern>, part: fn(&Pattern) -> f64| pattern.as_ref().map(part);
    let (random, normal) = (
        moran(&values, &weights, Under::Randomization),
        moran(&values, &weights, Under::Normality),
    );
    let likeness = geary(&values, &weights, Under::Randomization);
    rows.extend([
        ("moran_I", of(&random, |it| it.value)),
        ("moran_E", of(&random, |it| it.expected)),
        ("moran_Var_rand", of(&random, |it| it.variance)),
        ("moran_z_rand", of(&random, |it| it.z)),
        ("moran_p_rand", of(&random, |it| it.p)),
        ("moran_Var_norm", of(&normal, |it| it.variance)),
        ("moran_p_norm", of(&normal, |it| it.p)),
        (
            "moran_p_permutation",
            permutation_p(&values, &weights, Statistic::Moran, draws),
        ),
        ("geary_C", of(&likeness, |it| it.value)),
        ("geary_p", of(&likeness, |it| it.p)),
        (
            "geary_p_permutation",
            permutation_p(&values, &weights, Statistic::Geary, draws),
        ),
    ]);
    let rows = rows
        .into_iter()
        .map(|(name, value)| vec![name.to_owned(), cell(value)])
        .collect();
    Ok(table(&["name", "value"], rows))
}

/// Area by area.
fn local(input: &Table, options: &Options) -> Result<Table, Error> {
    let values = input.all_numbers(options.word("value"))?;
    let lists = neighbors(input, options)?;
    let w = weights(&lists, Style::RowStandardized, Own::Excluded)?;
    let b = weights(&lists, Style::Binary, Own::Included)?;
    let draws = (
        within(options, "permutations", 1, 1_000_000)?,
        options.number("seed")?,
    );
    let local = local_moran(&values, &w)
        .into_iter()
        .zip(getis_ord(&values, &b));
    let permuted = conditional_permutation_p(&values, &w, draws);
    let mut q_values =
        benjamini_hochberg(&permuted.iter().flatten().copied().collect::<Vec<_>>()).into_iter();
    let adjusted = permuted
        .into_iter()
        .map(|p| (p, p.and_then(|_| q_values.next())));
    let rows = input.texts("id")?.into_iter().zip(local).zip(adjusted).map(
        |((id, (moran, score)), (p, q))| {
            let numbers = moran.map(|it| [it.value, it.expected, it.variance, it.z, it.p]);
            let mut row = vec![id.to_owned()];
            row.extend((0..5).map(|at| cell(numbers.and_then(|numbers| numbers.get(at).copied()))));
            row.push(moran.map_or_else(String::new, |it| it.quadrant.name().to_owned()));
            row.extend([score, p, q].map(cell));
            row
        },
    );
    let rows = rows.collect();
    let columns = [
        "id",
        "local_I",
        "local_I_E",
        "local_I_Var",
        "local_I_z",
        "local_I_p",
        "quadrant",
        "Gstar_z",
        "p_permutation",
        "q_permutation",
    ];
    Ok(table(&columns, rows))
}

#[cfg(test)]
mod tests {
    use super::super::golden::{agree, call, path, read};
    use super::*;

    /// Runs a method on the counties of North Carolina.
    fn counties(method: &Method, more: &[(&str, &str)]) -> (Table, Table) {
        let golden = read("spatial/nc_sid74_areas.csv");
        let lists = path("spatial/nc_neighbours_CR85.csv");
        let mut options = vec![("neighbors", lists.to_str().unwrap())];
        options.extend(more);
        (call(method, &golden, &options), golden)
    }

    #[test]
    fn the_golden_ratios_and_rates_are_reproduced() {
        let (found, mut golden) =
            counties(&RATES, &[("byar", "half"), ("local_variance", "own-means")]);
        // The package's lower limit of no deaths is a negative number; ours is 0.
        let at = golden
            .columns
            .iter()
            .position(|name| name == "SIR_lo_byar")
            .unwrap();
        for row in golden
            .rows
            .iter_mut()
            .filter(|row| row[at].starts_with('-'))
        {
            row[at] = "0".to_owned();
        }
        for column in &found.columns[1..] {
            assert_eq!(agree(&found, (column, &golden, column), 1e-8).0, 100);
        }
    }

    #[test]
    fn the_golden_local_statistics_are_reproduced() {
        let (found, golden) = counties(&LOCAL, &[("value", "SIR"), ("permutations", "99")]);
        for column in [
            "local_I",
            "local_I_E",
            "local_I_Var",
            "local_I_z",
            "local_I_p",
            "Gstar_z",
        ] {
            assert_eq!(agree(&found, (column, &golden, column), 1e-8).0, 100);
        }
        assert_eq!(
            found.texts("quadrant").unwrap(),
            golden.texts("quadrant").unwrap()
        );
        let (p, q) = (
            found.all_numbers("p_permutation").unwrap(),
            found.all_numbers("q_permutation").unwrap(),
        );
        assert!(p.iter().zip(&q).all(|(p, q)| p <= q));
    }

    #[test]
    fn the_golden_global_statistics_are_reproduced() {
        let (found, _) = counties(&GLOBAL, &[("value", "SIR")]);
        let golden = read("spatial/nc_sid74_global.csv");
        let (names, values) = (
            found.texts("name").unwrap(),
            found.all_numbers("value").unwrap(),
        );
        for (name, expected) in golden
            .texts("name")
            .unwrap()
            .iter()
            .zip(golden.all_numbers("value").unwrap())
        {
            let at = names.iter().position(|found| found == name).unwrap();
            assert!(
                (values[at] - expected).abs() <= 1e-8 * expected.abs(),
                "{name}: {} {expected}",
                values[at]
            );
        }
        assert_eq!(golden.rows.len(), 12);
        let at = names
            .iter()
            .position(|name| *name == "moran_p_permutation")
            .unwrap();
        assert!(values[at] <= 0.005);
    }

    #[test]
    fn the_papers_local_rates_are_the_default() {
        let (ours, golden) = counties(&RATES, &[]);
        assert_ne!(
            ours.texts("EB_local").unwrap(),
            golden.texts("EB_local").unwrap()
        );
        assert!(
            ours.numbers("SIR_lo_byar")
                .unwrap()
                .iter()
                .all(|low| low.unwrap() >= 0.0)
        );
    }

    #[test]
    fn a_neighbor_that_is_not_in_the_input_is_refused() {
        let input = Table::parse("id,value\n1,2\n2,3\n").unwrap();
        let lists = path("spatial/nc_neighbours_CR85.csv");
        let given = [("neighbors".to_owned(), lists.to_str().unwrap().to_owned())].into();
        assert!(matches!(
            LOCAL.call(&input, &given),
            Err(Error::Cell { line: 2, .. })
        ));
    }
}
