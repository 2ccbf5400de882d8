//! How unevenly something is spread.

use super::{Error, Method, Options, Table, cell, choice, places, table};
use crate::stats::inequality::{Weighted, concentration_index, gini, theil, theil_between};

/// The indices.
pub(super) const INEQUALITY: Method = Method {
    name: "inequality",
    summary: "Gini and Theil indices, plain and by population, Theil between and within groups, and the concentration index.",
    layout: "in: x, and pop, group, rank where there are such columns. out: name, value for gini, theil, gini_weighted, \
             theil_weighted (with pop), theil_between, theil_within (with group), concentration (with rank, by pop if there).",
    source: "Lerman and Yitzhaki 1989; Theil 1967; Kakwani, Wagstaff and van Doorslaer 1997",
    choices: &[
        choice("value", "x", "the column of values"),
        choice("weight", "pop", "the column of populations"),
        choice("group", "group", "the column that names the group"),
        choice(
            "rank",
            "rank",
            "the column by which the concentration index ranks",
        ),
    ],
    run: inequality,
};

/// The indices that the columns allow.
fn inequality(input: &Table, options: &Options) -> Result<Table, Error> {
    let values = input.all_numbers(options.word("value"))?;
    let plain: Vec<Weighted> = values
        .iter()
        .map(|value| Weighted {
            value: *value,
            weight: 1.0,
        })
        .collect();
    let mut rows = vec![("gini", gini(&plain)), ("theil", theil(&plain))];
    let mut weighted = None;
    if input.has(options.word("weight")) {
        let weights = input.all_numbers(options.word("weight"))?;
        let pairs = values.iter().zip(weights);
        let by: Vec<Weighted> = pairs
            .map(|(value, weight)| Weighted {
                value: *value,
                weight,
            })
            .collect();
        rows.extend([("gini_weighted", gini(&by)), ("theil_weighted", theil(&by))]);
        weighted = Some(by);
    }
    if input.has(options.word("group")) {
        let (_, group) = places(&input.texts(options.word("group"))?);
        let grouped: Vec<(Weighted, usize)> = plain.iter().copied().zip(group).collect();
        let between = theil_between(&grouped);
        let within = theil(&plain)
            .zip(between)
            .map(|(all, between)| all - between);
        rows.extend([("theil_between", between), ("theil_within", within)]);
    }
    if input.has(options.word("rank")) {
        let ranks = input.all_numbers(options.word("rank"))?;
        let ranked: Vec<(Weighted, f64)> =
            weighted.unwrap_or(plain).into_iter().zip(ranks).collect();
        rows.push(("concentration", concentration_index(&ranked)));
    }
    let rows = rows
        .into_iter()
        .map(|(name, value)| vec![name.to_owned(), cell(value)])
        .collect();
    Ok(table(&["name", "value"], rows))
}

#[cfg(test)]
mod tests {
    use super::super::golden::{call, read};
    use super::*;

    #[test]
    fn the_golden_indices_are_reproduced() {
        let found = call(&INEQUALITY, &read("inequality/inequality_input.csv"), &[]);
        let golden = read("inequality/inequality.csv");
        let value = |table: &Table, name: &str| {
            let at = table
                .texts("name")
                .unwrap()
                .iter()
                .position(|found| *found == name)
                .unwrap();
            table.all_numbers("value").unwrap()[at]
        };
        let names = [
            ("gini", "gini_pkg"),
            ("gini", "gini_formula"),
            ("gini_weighted", "gini_pop_weighted"),
            ("theil_weighted", "theilT_pop_weighted"),
            ("theil", "theil_pkg"),
            ("theil_between", "theil_between_pkg"),
            ("theil_within", "theil_within_pkg"),
        ];
        assert_eq!(golden.rows.len(), names.len());
        for (ours, theirs) in names {
            let (found, expected) = (value(&found, ours), value(&golden, theirs));
            assert!(
                (found - expected).abs() <= 1e-8 * expected.abs(),
                "{theirs}: {found} {expected}"
            );
        }
    }

    #[test]
    fn ranked_by_the_values_the_concentration_index_is_the_gini_index() {
        let found = call(
            &INEQUALITY,
            &Table::parse("x,rank\n1,1\n5,2\n9,3\n").unwrap(),
            &[],
        );
        let values = found.all_numbers("value").unwrap();
        assert_eq!(
            found.texts("name").unwrap(),
            ["gini", "theil", "concentration"]
        );
        assert!((values[0] - values[2]).abs() < 1e-12);
    }
}
