//! Access of places to offices, pair by pair.

use arrow::array::ArrayRef;
use datafusion::error::Result;

use super::super::windowed::{Argument, Kind, Names, Part, Partition, Shape, Windowed, function};
use super::super::{Entry, Function};
use crate::stats::accessibility::{Competition, Decay, Trip, access};

/// The ends of the steps in minutes, and how much an office counts within each.
const STEPS: [(f64, f64); 3] = [(10.0, 1.0), (20.0, 0.68), (30.0, 0.22)];

/// The function of this file.
const ENTRIES: &[Entry<Windowed>] = &[Entry {
    name: "e2sfca",
    call: "e2sfca(origin, destination, supply, people, minutes) → double",
    it: "Accessibilità dell'origine della riga, in offerta per persona: ogni sede divide la sua offerta tra chi la raggiunge, con peso 1, 0,68 e 0,22 entro 10, 20 e 30 minuti. Una riga per coppia; destinazione assente dove nessuna sede è vicina.",
    en: "Access of the row's origin, in supply per person: each office divides its supply among those who reach it, weighing 1, 0.68 and 0.22 within 10, 20 and 30 minutes. A row per pair; destination absent where no office is near.",
    source: "Luo, Qi 2009, Health Place 15:1100",
    run: Windowed {
        arguments: &[
            Argument::new("origin", Kind::Text),
            Argument::new("destination", Kind::Text),
            Argument::new("supply", Kind::Number),
            Argument::new("people", Kind::Number),
            Argument::new("minutes", Kind::Number),
        ],
        n_optional: 0,
        shape: Shape::One(Part::Number),
        run: of_pairs,
    },
}];

/// The functions of this file.
pub(super) fn functions() -> Vec<Function> {
    ENTRIES.iter().map(function).collect()
}

/// Access of the origin of each row; none for one without origin or people.
fn of_pairs(partition: &Partition) -> Result<ArrayRef> {
    for place in [2, 3, 4] {
        partition.check(
            place,
            |value| value >= 0.0 && value.is_finite(),
            "0 or more",
        )?;
    }
    let (origins, destinations) = (partition.texts(0)?, partition.texts(1)?);
    let (places, offices) = (Names::of(&origins), Names::of(&destinations));
    let people = amounts_of(partition, 3, &origins, &places)?;
    let supplies = amounts_of(partition, 2, &destinations, &offices)?;
    let trips = trips(partition, &places, &offices)?;
    let known = |amounts: &[Option<f64>]| -> Vec<f64> {
        amounts.iter().map(|amount| amount.unwrap_or(0.0)).collect()
    };
    let found = access(
        &known(&people),
        &known(&supplies),
        &trips,
        Decay::Steps(&STEPS),
        Competition::None,
    );
    let found =
        found.map_err(|error| partition.refusal(0, &error.to_string(), "check the pairs"))?;
    partition.doubles(origins.iter().map(|origin| {
        let place = places.place(*origin)?;
        people.get(place).copied().flatten()?;
        found.of_place.get(place).copied()
    }))
}

/// What each name has, the same in all its rows.
fn amounts_of(
    partition: &Partition,
    argument: usize,
    said: &[Option<&str>],
    names: &Names,
) -> Result<Vec<Option<f64>>> {
    let mut amounts: Vec<Option<f64>> = vec![None; names.len()];
    for (name, value) in said.iter().zip(partition.numbers(argument)?) {
        let (Some(place), Some(value)) = (names.place(*name), value) else {
            continue;
        };
        let Some(amount) = amounts.get_mut(place) else {
            continue;
        };
        if amount.is_some_and(|known| known.total_cmp(&value).is_ne()) {
            let fault = format!("differs between rows of `{}`", name.unwrap_or_default());
            return Err(partition.refusal(argument, &fault, "give each name one number"));
        }
        *amount = Some(value);
    }
    Ok(amounts)
}

/// The pairs that have a cost, each once.
fn trips(partition: &Partition, places: &Names, offices: &Names) -> Result<Vec<Trip>> {
    let (origins, destinations) = (partition.texts(0)?, partition.texts(1)?);
    let minutes = partition.numbers(4)?;
    let mut seen = std::collections::BTreeSet::new();
    let mut trips = Vec::new();
    for (row, (origin, destination)) in origins.into_iter().zip(destinations).enumerate() {
        let (Some(place), Some(office)) = (places.place(origin), offices.place(destination)) else {
            continue;
        };
        if !seen.insert((place, office)) {
            return Err(partition.repeated(row, &[0, 1]));
        }
        if let Some(cost) = minutes.get(row).copied().flatten() {
            trips.push(Trip {
                place,
                office,
                cost,
            });
        }
    }
    // The order in which rows arrive must not change a digit of the sums.
    trips.sort_by_key(|trip| (trip.place, trip.office));
    Ok(trips)
}

#[cfg(test)]
mod tests {
    use crate::functions::answers::{refused, rows};

    #[tokio::test]
    async fn the_worked_example_by_hand() {
        // As in `stats::accessibility`: places of 1000 and 3000 people, offices of 4 and 2. The second office is shared by
        // .68 · 1000 + 3000; place c reaches nothing, and of place d nobody knows how many live there.
        let found = rows(
            "select o, round(e2sfca(o, d, s, p, m) over (), 9)
             from (values ('a', 'x', 4, 1000, 5), ('a', 'y', 2, 1000, 15), ('b', 'y', 2, 3000, 5),
                          ('b', 'x', 4, 3000, 45), ('c', null, null, 10, null),
                          ('d', 'x', 4, null, 5)) as pairs (o, d, s, p, m)
             order by o, d",
        )
        .await;
        let a = 0.004 + 0.68 * 2.0 / 3680.0;
        for (row, expected) in [
            (0, a),
            (1, a),
            (2, 2.0 / 3680.0),
            (3, 2.0 / 3680.0),
            (4, 0.0),
        ] {
            let access: f64 = found[row][1].parse().unwrap();
            assert!((access - expected).abs() < 1e-9, "{found:?}");
        }
        assert_eq!(found[5], ["d", "NULL"]);
    }

    #[tokio::test]
    async fn a_pair_said_twice_and_an_office_of_two_sizes_are_refused() {
        let of = |rows: &str| {
            format!(
                "select e2sfca(o, d, s, p, m) over () from (values {rows}) as t (o, d, s, p, m)"
            )
        };
        let twice = refused(&of("('a', 'x', 1, 1, 1), ('a', 'x', 1, 1, 2)")).await;
        assert!(
            twice.contains("two rows of origin `a`, destination `x`"),
            "{twice}"
        );
        let sizes = refused(&of("('a', 'x', 1, 1, 1), ('b', 'x', 2, 1, 2)")).await;
        assert!(
            sizes.contains("`supply` differs between rows of `x`"),
            "{sizes}"
        );
    }
}
