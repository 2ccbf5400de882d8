//! Funnels: observed over expected, and how far chance alone would carry it.

use super::{Error, Method, Options, Table, amounts, cell, choice, real_cell, table};
use crate::stats::proportion::{exact_funnel_limits, overdispersion, root_z_score};
use crate::stats::real_len;

/// The funnel.
pub(super) const FUNNEL: Method = Method {
    name: "funnel",
    summary: "Observed over expected with funnel limits, and z-scores with the usual differences between districts taken out.",
    layout: "in: id, observed, expected. out: id, observed, expected, ratio, lo95, hi95, lo998, hi998, z, z_adjusted; empty \
             where nothing is expected.",
    source: "Spiegelhalter 2005",
    choices: &[
        choice("observed", "observed", "the column of counts"),
        choice("expected", "expected", "the column of expectations"),
    ],
    run: funnel,
};

/// The limits alone.
pub(super) const LIMITS: Method = Method {
    name: "funnel-limits",
    summary: "Exact interpolated limits of observed over expected.",
    layout: "in: E. out: E, lo95, hi95, lo998, hi998.",
    source: "Spiegelhalter 2005, appendix",
    choices: &[],
    run: limits,
};

/// The over-dispersion.
pub(super) const DISPERSION: Method = Method {
    name: "overdispersion",
    summary: "The winsorised over-dispersion of observed counts around their expectations, 1 where chance explains it.",
    layout: "in: observed, expected. out: name, value for phi and n.",
    source: "Spiegelhalter 2005",
    choices: &[
        choice("observed", "observed", "the column of counts"),
        choice("expected", "expected", "the column of expectations"),
    ],
    run: dispersion,
};

/// The columns of the limits.
fn limit_cells(expected: f64) -> [String; 4] {
    let (inner, outer) = (
        exact_funnel_limits(expected, 0.95),
        exact_funnel_limits(expected, 0.998),
    );
    let [inner, outer] = [inner.unzip(), outer.unzip()];
    [inner.0, inner.1, outer.0, outer.1].map(cell)
}

/// The counts, the expectations and the z-scores.
type Scores = (Vec<f64>, Vec<f64>, Vec<Option<f64>>);

/// Reads the two columns and makes the z-scores.
fn scores(input: &Table, options: &Options) -> Result<Scores, Error> {
    let observed = amounts(input, options.word("observed"))?;
    let expected = amounts(input, options.word("expected"))?;
    let scores = observed
        .iter()
        .zip(&expected)
        .map(|(o, e)| root_z_score(*o, *e))
        .collect();
    Ok((observed, expected, scores))
}

/// The funnel of all districts.
fn funnel(input: &Table, options: &Options) -> Result<Table, Error> {
    let (observed, expected, scores) = scores(input, options)?;
    let phi = overdispersion(&scores.iter().flatten().copied().collect::<Vec<_>>());
    let counts = observed.into_iter().zip(expected).zip(scores);
    let rows = input
        .texts("id")?
        .into_iter()
        .zip(counts)
        .map(|(id, ((observed, expected), z))| {
            let mut row = vec![id.to_owned(), real_cell(observed), real_cell(expected)];
            row.push(cell((expected > 0.0).then(|| observed / expected)));
            row.extend(limit_cells(expected));
            row.extend([cell(z), cell(z.map(|z| z / phi.sqrt()))]);
            row
        });
    let columns = [
        "id",
        "observed",
        "expected",
        "ratio",
        "lo95",
        "hi95",
        "lo998",
        "hi998",
        "z",
        "z_adjusted",
    ];
    Ok(table(&columns, rows.collect()))
}

/// The limits of each expectation.
fn limits(input: &Table, _options: &Options) -> Result<Table, Error> {
    let row = |expected: f64| {
        std::iter::once(real_cell(expected))
            .chain(limit_cells(expected))
            .collect()
    };
    let rows = amounts(input, "E")?.into_iter().map(row).collect();
    Ok(table(&["E", "lo95", "hi95", "lo998", "hi998"], rows))
}

/// The over-dispersion of all districts.
fn dispersion(input: &Table, options: &Options) -> Result<Table, Error> {
    let (_, _, scores) = scores(input, options)?;
    let scores: Vec<f64> = scores.into_iter().flatten().collect();
    let row = |name: &str, value: f64| vec![name.to_owned(), real_cell(value)];
    let rows = vec![
        row("phi", overdispersion(&scores)),
        row("n", real_len(scores.len())),
    ];
    Ok(table(&["name", "value"], rows))
}

#[cfg(test)]
mod tests {
    use super::super::golden::{agree, call, read};
    use super::*;

    #[test]
    fn the_golden_limits_are_reproduced() {
        let golden = read("funnel/poisson_SIR_limits.csv");
        let found = call(&LIMITS, &golden, &[]);
        for column in &golden.columns {
            assert_eq!(agree(&found, (column, &golden, column), 1e-8).0, 13);
        }
    }

    #[test]
    fn the_golden_overdispersion_is_reproduced_and_used() {
        let input = read("funnel/nc_sid74_input.csv");
        let columns: Vec<&str> = input.columns.iter().map(String::as_str).collect();
        let options = [("observed", columns[1]), ("expected", columns[2])];
        let golden = read("funnel/nc_sid74_overdispersion.csv");
        let found = call(&DISPERSION, &input, &options);
        assert_eq!(agree(&found, ("value", &golden, "value"), 1e-10).0, 2);
        let phi = golden.all_numbers("value").unwrap()[0];
        let mut named = input.clone();
        named.columns[0] = "id".to_owned();
        let funnel = call(&FUNNEL, &named, &options);
        let (z, adjusted) = (
            funnel.all_numbers("z").unwrap(),
            funnel.all_numbers("z_adjusted").unwrap(),
        );
        assert!(
            z.iter()
                .zip(adjusted)
                .all(|(z, adjusted)| (z / phi.sqrt() - adjusted).abs() < 1e-10)
        );
    }
}
