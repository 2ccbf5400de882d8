//! Adjusting many p-values, flat and down a hierarchy.

use super::{Error, Method, Options, Table, choice, mark, places, real_cell, table, within};
use crate::stats::fdr::hierarchy::Tree;
use crate::stats::fdr::{benjamini_hochberg, benjamini_yekutieli, bonferroni, holm};

/// Adjusts p-values.
pub(super) const ADJUST: Method = Method {
    name: "p-adjust",
    summary: "Adjusts p-values for their number.",
    layout: "in: p. out: p, BH, BY, holm, bonferroni.",
    source: "Benjamini and Hochberg 1995; Benjamini and Yekutieli 2001; Holm 1979",
    choices: &[],
    run: adjust,
};

/// Decides down a hierarchy.
pub(super) const HIERARCHY: Method = Method {
    name: "p-hierarchy",
    summary: "Finds groups, such as needs, and then members of the groups found, with false-discovery control of both.",
    layout: "in: group, p (one row per member). out: group, p, p_group, q_group, found_group, q, found; \
             q is empty where the group was not found.",
    source: "Bogomolov, Peterson, Benjamini and Sabatti 2021",
    choices: &[
        choice(
            "q",
            "0.05",
            "the false-discovery rate held, of groups and of members in the groups found",
        ),
        choice("group", "group", "the column that names the group"),
    ],
    run: decide,
};

/// The four adjustments.
fn adjust(input: &Table, _options: &Options) -> Result<Table, Error> {
    let p_values = p_values(input)?;
    let adjusted = [
        benjamini_hochberg(&p_values),
        benjamini_yekutieli(&p_values),
        holm(&p_values),
        bonferroni(&p_values),
    ];
    let row = |(at, p): (usize, &f64)| {
        let values = adjusted.iter().filter_map(|values| values.get(at));
        std::iter::once(p)
            .chain(values)
            .map(|value| real_cell(*value))
            .collect()
    };
    let rows = p_values.iter().enumerate().map(row).collect();
    Ok(table(&["p", "BH", "BY", "holm", "bonferroni"], rows))
}

/// The column `p`, each a probability.
fn p_values(input: &Table) -> Result<Vec<f64>, Error> {
    let p_values = input.all_numbers("p")?;
    match p_values.iter().position(|p| !(0.0..=1.0).contains(p)) {
        Some(row) => Err(Error::Cell {
            line: row + 2,
            column: "p".to_owned(),
            value: real_cell(p_values.get(row).copied().unwrap_or(f64::NAN)),
            expected: "a probability",
        }),
        None => Ok(p_values),
    }
}

/// Groups first, members second.
fn decide(input: &Table, options: &Options) -> Result<Table, Error> {
    let p_values = p_values(input)?;
    let names = input.texts(options.word("group"))?;
    let (_, group) = places(&names);
    let q = within(options, "q", 0.0, 1.0)?;
    let decisions = Tree::of_families(group.clone()).and_then(|tree| tree.decide(&p_values, q));
    let decisions = decisions.map_err(|error| Error::Data(error.to_string()))?;
    let [groups, members] = decisions.as_slice() else {
        return Err(Error::Data("the hierarchy has no two levels".to_owned()));
    };
    let rows = p_values.iter().zip(names).zip(group).enumerate();
    let rows = rows.map(|(at, ((p, name), group))| {
        vec![
            name.to_owned(),
            real_cell(*p),
            super::cell(groups.p_values.get(group).copied()),
            super::cell(groups.q_values.get(group).copied().flatten()),
            mark(&groups.is_found, group),
            super::cell(members.q_values.get(at).copied().flatten()),
            mark(&members.is_found, at),
        ]
    });
    let columns = [
        "group",
        "p",
        "p_group",
        "q_group",
        "found_group",
        "q",
        "found",
    ];
    Ok(table(&columns, rows.collect()))
}

#[cfg(test)]
mod tests {
    use super::super::golden::{agree, call, read};
    use super::*;

    #[test]
    fn the_golden_adjustments_are_reproduced() {
        let golden = read("multiple_testing/p_adjust.csv");
        let found = call(&ADJUST, &golden, &[]);
        for column in ["p", "BH", "BY", "holm", "bonferroni"] {
            let (n_points, _) = agree(&found, (column, &golden, column), 1e-10);
            assert_eq!(n_points, 220);
        }
    }

    #[test]
    fn members_are_decided_in_the_groups_found() {
        let input = "group,p\nA,0.001\nB,0.3\nA,0.02\nB,0.4\n";
        let found = call(&HIERARCHY, &Table::parse(input).unwrap(), &[]);
        assert_eq!(found.texts("found_group").unwrap(), ["1", "0", "1", "0"]);
        assert_eq!(found.texts("found").unwrap(), ["1", "0", "1", "0"]);
        assert_eq!(found.texts("q").unwrap(), ["0.004", "", "0.04", ""]);
    }

    #[test]
    fn what_is_no_probability_is_refused() {
        let input = Table::parse("p\n0.5\n1.5\n").unwrap();
        assert!(matches!(
            adjust(&input, &Options::default()),
            Err(Error::Cell { line: 3, .. })
        ));
    }
}
