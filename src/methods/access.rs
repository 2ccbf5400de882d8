//! What people can reach.

use std::collections::BTreeMap;

use super::{Error, Method, Options, Table, cell, choice, real_cell, table, within};
use crate::stats::accessibility::{Competition, Decay, Trip, access, nearest};

/// The floating catchment areas.
pub(super) const ACCESS: Method = Method {
    name: "access",
    summary: "Access of every place to a service, by four kinds of floating catchment area.",
    layout: "in: id, pop. option supply: a CSV with id, capacity. option cost: a CSV with origin (a place), dest (an office), \
             cost; a pair that is not there is out of reach. out: id, pop, 2sfca, 2sfca_gauss, e2sfca, 3sfca, nearest_cost.",
    source: "Luo and Wang 2003; Luo and Qi 2009; Dai 2010; Wan, Zou and Sternberg 2012",
    choices: &[
        choice("supply", "", "the path of the offices"),
        choice("cost", "", "the path of the costs"),
        choice(
            "max_cost",
            "30",
            "the largest cost of 2sfca and 2sfca_gauss",
        ),
        choice(
            "steps",
            "10:1,20:0.68,30:0.22",
            "the steps of e2sfca and 3sfca, each largest cost:weight, in rising order",
        ),
        choice(
            "gaussian",
            "dai",
            "the weight of 2sfca_gauss: `dai` (0 at max_cost), or `cut` (of width sigma, cut at max_cost, as in the package access)",
        ),
        choice("sigma", "10", "the width of the `cut` weight"),
    ],
    run: reach,
};

/// The places of names in a column that must be all different.
fn index(names: &[&str], what: &str) -> Result<BTreeMap<String, usize>, Error> {
    let index: BTreeMap<String, usize> = names
        .iter()
        .enumerate()
        .map(|(at, name)| ((*name).to_owned(), at))
        .collect();
    if index.len() < names.len() {
        return Err(Error::Data(format!("an id of the {what} is there twice")));
    }
    Ok(index)
}

/// The trips, each place and office by its position.
fn trips(costs: &Table, places: &[&str], offices: &[&str]) -> Result<Vec<Trip>, Error> {
    let (places, offices) = (index(places, "places")?, index(offices, "offices")?);
    let (from, to, cost) = (
        costs.texts("origin")?,
        costs.texts("dest")?,
        costs.all_numbers("cost")?,
    );
    let find = |index: &BTreeMap<String, usize>, name: &str, row: usize, column: &str| {
        index.get(name).copied().ok_or_else(|| Error::Cell {
            line: row + 2,
            column: column.to_owned(),
            value: name.to_owned(),
            expected: "an id of the places or offices",
        })
    };
    let read = |(row, ((from, to), cost)): (usize, ((&str, &str), f64))| {
        let place = find(&places, from, row, "origin")?;
        let office = find(&offices, to, row, "dest")?;
        Ok(Trip {
            place,
            office,
            cost,
        })
    };
    from.into_iter()
        .zip(to)
        .zip(cost)
        .enumerate()
        .map(read)
        .collect()
}

/// The steps in an option, in rising order.
fn steps(text: &str) -> Option<Vec<(f64, f64)>> {
    let step = |part: &str| {
        let (end, weight) = part.split_once(':')?;
        Some((end.trim().parse().ok()?, weight.trim().parse().ok()?))
    };
    let steps: Vec<(f64, f64)> = text.split(',').map(step).collect::<Option<_>>()?;
    let is_usable = steps.windows(2).all(|pair| pair[0].0 < pair[1].0)
        && steps
            .iter()
            .all(|(end, weight)| end.is_finite() && (0.0..=1.0).contains(weight));
    is_usable.then_some(steps)
}

/// The four measures.
fn reach(input: &Table, options: &Options) -> Result<Table, Error> {
    let (supply, costs) = (options.table("supply")?, options.table("cost")?);
    let (ids, populations) = (input.texts("id")?, input.all_numbers("pop")?);
    let trips = trips(&costs, &ids, &supply.texts("id")?)?;
    let capacities = supply.all_numbers("capacity")?;
    let largest: f64 = within(options, "max_cost", 1e-9, 1e9)?;
    let wanted = options.word("steps");
    let steps = steps(wanted).ok_or_else(|| Error::Choice {
        option: "steps".to_owned(),
        value: wanted.to_owned(),
        expected: "cost:weight, costs in rising order, weights from 0 to 1".to_owned(),
    })?;
    let gaussian = match options.one_of("gaussian", &["dai", "cut"])? {
        "cut" => Decay::CutGaussian(within(options, "sigma", 1e-9, 1e9)?, largest),
        _ => Decay::Gaussian(largest),
    };
    let measures = [
        (Decay::Uniform(largest), Competition::None),
        (gaussian, Competition::None),
        (Decay::Steps(&steps), Competition::None),
        (Decay::Steps(&steps), Competition::Shared),
    ];
    let of = |(decay, competition)| {
        access(&populations, &capacities, &trips, decay, competition)
            .map(|found| found.of_place)
            .map_err(|error| Error::Data(error.to_string()))
    };
    let measures: Vec<Vec<f64>> = measures.into_iter().map(of).collect::<Result<_, _>>()?;
    let nearest = nearest(ids.len(), &trips);
    let row = |(at, id): (usize, &&str)| {
        let mut row = vec![(*id).to_owned(), cell(populations.get(at).copied())];
        row.extend(measures.iter().map(|of_place| {
            of_place
                .get(at)
                .copied()
                .map_or_else(String::new, real_cell)
        }));
        row.push(cell(nearest.get(at).copied().flatten()));
        row
    };
    let rows = ids.iter().enumerate().map(row).collect();
    Ok(table(
        &[
            "id",
            "pop",
            "2sfca",
            "2sfca_gauss",
            "e2sfca",
            "3sfca",
            "nearest_cost",
        ],
        rows,
    ))
}

#[cfg(test)]
mod tests {
    use super::super::golden::{agree, call, path, read};
    use super::*;

    /// The golden case, with more options.
    fn golden_case(more: &[(&str, &str)]) -> Table {
        let (supply, cost) = (path("access/supply.csv"), path("access/cost.csv"));
        let mut options = vec![
            ("supply", supply.to_str().unwrap()),
            ("cost", cost.to_str().unwrap()),
        ];
        options.extend(more);
        call(&ACCESS, &read("access/demand.csv"), &options)
    }

    #[test]
    fn the_golden_access_is_reproduced() {
        let found = golden_case(&[("gaussian", "cut")]);
        let golden = read("access/access.csv");
        assert_eq!(found.texts("id").unwrap(), golden.texts("id").unwrap());
        let columns = [
            ("pop", "pop"),
            ("2sfca", "2sfca"),
            ("2sfca_gauss", "2sfca_gauss"),
            ("e2sfca", "e2sfca"),
            ("3sfca", "3sfca"),
            ("2sfca", "bruteforce_2sfca"),
            ("e2sfca", "bruteforce_e2sfca_steps"),
        ];
        for (column, of) in columns {
            assert_eq!(agree(&found, (column, &golden, of), 1e-9).0, 60);
        }
    }

    #[test]
    fn dais_weight_is_the_default_and_favors_the_near_more_than_the_plain_catchment() {
        let (ours, cut) = (golden_case(&[]), golden_case(&[("gaussian", "cut")]));
        assert_ne!(
            ours.texts("2sfca_gauss").unwrap(),
            cut.texts("2sfca_gauss").unwrap()
        );
        assert_eq!(ours.texts("e2sfca").unwrap(), cut.texts("e2sfca").unwrap());
    }

    #[test]
    fn steps_that_fall_back_and_unknown_ids_are_refused() {
        assert_eq!(steps("10:1,5:0.5"), None);
        assert_eq!(steps("10"), None);
        let costs = Table::parse("origin,dest,cost\n1,9,3\n").unwrap();
        assert!(matches!(
            trips(&costs, &["1"], &["2"]),
            Err(Error::Cell { line: 2, .. })
        ));
        assert!(trips(&costs, &["1", "1"], &["9"]).is_err());
    }
}
