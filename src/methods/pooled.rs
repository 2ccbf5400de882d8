//! The monthly panel on plain CSV: `pooled`, `clusters` and `novelty`.
//!
//! The panel has one row per district, category and month; a row that is missing is a month that is not
//! covered. The exposure of districts and months and the places of the districts are further tables.

use std::collections::BTreeMap;

use super::{Choice, Error, Method, Options, Table, cell};
use crate::stats::cluster::{ClusterScan, Neighbors};
use crate::stats::fdr::benjamini_hochberg;
use crate::stats::novelty::{Candidate, N_JUDGED_MONTHS, Novelty, NoveltyRule, novelty, still_new};
use crate::stats::pooled::evidence::MAX_WINDOW;
use crate::stats::pooled::{PastRises, Pooled};
use crate::stats::{EmergingDetector, Judgment, Panel, real, real_len};

/// The methods on the monthly panel.
pub(super) const METHODS: &[Method] = &[
    Method {
        name: "pooled",
        summary: "Which districts ask for a need more than its past and their exposure explain.",
        layout: "district, category, month, count → district, category, month, p, q, window, observed, expected, low, high, ratio",
        source: "Clayton and Kaldor 1987, Biometrics 43:671; Neill, Moore and Cooper 2006, NIPS 18:1003",
        choices: POOLED_CHOICES,
        run: pooled,
    },
    Method {
        name: "clusters",
        summary: "In which neighboring districts a need rises together.",
        layout: "district, category, month, count → category, month, center, districts, window, observed, expected, score, p",
        source: "Neill 2009, Int. J. Forecasting 25:498; Abrams et al. 2010, Int. J. Health Geogr. 9:61",
        choices: CLUSTER_CHOICES,
        run: clusters,
    },
    Method {
        name: "novelty",
        summary: "Which categories were not there before.",
        layout: "district, category, month, count → category, month, observed, districts, expected, p, new, still_new",
        source: "Gamma–Poisson prediction with a Gamma(1/2, 1) prior on the monthly rate",
        choices: NOVELTY_CHOICES,
        run: new_categories,
    },
];

/// The path of the exposure.
const EXPOSURE: Choice = Choice {
    name: "exposure",
    default: "",
    meaning: "path of a CSV with district, month, active_users",
};
/// The first judged month.
const FIRST: Choice = Choice {
    name: "first",
    default: "37",
    meaning: "the first month judged",
};
/// The longest window.
const WINDOWS: Choice = Choice {
    name: "windows",
    default: "4",
    meaning: "the longest window in months, 1 to 6; as many are kept out of the fit",
};
/// The fewest months of a past.
const MIN_MONTHS: Choice = Choice {
    name: "min_months",
    default: "6",
    meaning: "fewest months of exposure in the fit of a district that is judged",
};
/// The fewest requests.
const MIN_CASES: Choice = Choice {
    name: "min_cases",
    default: "5",
    meaning: "fewest requests in the last three months",
};
/// The weights of past rises.
const THRESHOLD: Choice = Choice {
    name: "threshold",
    default: "2.58",
    meaning: "Anscombe residual above which a past month counts less; `inf` for never",
};
/// The seed.
const SEED: Choice = Choice {
    name: "seed",
    default: "0",
    meaning: "seed of the calibration",
};

/// The options of `pooled`.
const POOLED_CHOICES: &[Choice] = &[
    EXPOSURE,
    FIRST,
    WINDOWS,
    MIN_MONTHS,
    MIN_CASES,
    THRESHOLD,
    SEED,
    Choice {
        name: "draws",
        default: "12",
        meaning: "draws of each cell for the calibration",
    },
    Choice {
        name: "exposure_doubt",
        default: "0",
        meaning: "error of a growing exposure, as a share of its log growth over the longest window",
    },
];

/// The options of `clusters`.
const CLUSTER_CHOICES: &[Choice] = &[
    EXPOSURE,
    FIRST,
    WINDOWS,
    MIN_MONTHS,
    THRESHOLD,
    SEED,
    Choice {
        name: "places",
        default: "",
        meaning: "path of a CSV with district, x_km, y_km",
    },
    Choice {
        name: "max_districts",
        default: "12",
        meaning: "districts in the largest zone",
    },
    Choice {
        name: "min_districts",
        default: "3",
        meaning: "districts in the smallest zone",
    },
];

/// The options of `novelty`.
const NOVELTY_CHOICES: &[Choice] = &[
    FIRST,
    Choice {
        name: "min_cases",
        default: "5",
        meaning: "fewest uses in the last three months",
    },
    Choice {
        name: "min_districts",
        default: "3",
        meaning: "fewest districts with a use in them",
    },
    Choice {
        name: "max_recent_base",
        default: "6",
        meaning: "the year before must hold fewer uses",
    },
    Choice {
        name: "max_p",
        default: "0.001",
        meaning: "the chance of so many uses must lie below",
    },
];

/// Names with their places, in order of first appearance.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Names {
    /// The names.
    names: Vec<String>,
    /// Their places.
    places: BTreeMap<String, usize>,
}

impl Names {
    /// The place of a name, a new one if it was not seen.
    fn place(&mut self, name: &str) -> usize {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        let place = self.names.len();
        self.names.push(name.to_owned());
        self.places.insert(name.to_owned(), place);
        place
    }
}

/// The input, put in order.
#[derive(Debug, Clone, PartialEq)]
struct Input {
    /// The districts.
    districts: Names,
    /// The categories.
    categories: Names,
    /// The first month.
    first_month: u64,
    /// How many months there are.
    n_months: usize,
    /// The place of each row: category, district, month.
    rows: Vec<(usize, usize, usize)>,
    /// The count of each row.
    counts: Vec<u64>,
}

/// The whole numbers of a column.
fn whole(table: &Table, column: &str) -> Result<Vec<u64>, Error> {
    let texts = table.texts(column)?.into_iter().enumerate();
    let read = |(row, text): (usize, &str)| {
        text.trim().parse().map_err(|_not_whole| Error::Cell {
            line: row + 2,
            column: column.to_owned(),
            value: text.to_owned(),
            expected: "a whole number",
        })
    };
    texts.map(read).collect()
}

/// The place of a month, if it is one of the panel's.
fn month_place(month: u64, first_month: u64) -> Option<usize> {
    usize::try_from(month.checked_sub(first_month)?).ok()
}

/// The longest panel taken, a thousand years of months.
const MAX_MONTHS: usize = 12_000;

impl Input {
    /// Puts the rows in order.
    fn read(table: &Table) -> Result<Self, Error> {
        let months = whole(table, "month")?;
        let first_month = months.iter().min().copied().unwrap_or(0);
        let last = months.iter().max().copied().unwrap_or(0);
        let n_months = month_place(last, first_month).map_or(0, |last| last + 1);
        if n_months > MAX_MONTHS {
            return Err(Error::Data(format!(
                "the months {first_month} to {last} are too many"
            )));
        }
        let mut input = Self {
            districts: Names::default(),
            categories: Names::default(),
            first_month,
            n_months,
            rows: Vec::with_capacity(months.len()),
            counts: whole(table, "count")?,
        };
        let districts = table.texts("district")?.into_iter();
        let named = districts.zip(table.texts("category")?).zip(months);
        for ((district, category), month) in named {
            let month = month_place(month, first_month).unwrap_or(0);
            let place = (
                input.categories.place(category),
                input.districts.place(district),
                month,
            );
            input.rows.push(place);
        }
        Ok(input)
    }

    /// The place of a month in a vector laid out district by district.
    fn position(&self, district: usize, month: usize) -> usize {
        district * self.n_months + month
    }

    /// The exposure in the table an option names; 0 where it is not given.
    fn exposure(&self, options: &Options) -> Result<Vec<f64>, Error> {
        let table = options.table("exposure")?;
        let months = whole(&table, "month")?;
        let people = table.all_numbers("active_users")?;
        let mut exposure = vec![0.0; self.districts.names.len() * self.n_months];
        for ((district, month), people) in
            table.texts("district")?.into_iter().zip(months).zip(people)
        {
            let district = self.districts.places.get(district);
            let month = month_place(month, self.first_month).filter(|month| *month < self.n_months);
            if let (Some(district), Some(month)) = (district, month) {
                exposure[self.position(*district, month)] = people;
            }
        }
        Ok(exposure)
    }

    /// The counts of every category, and whether there is a row for them.
    fn vectors(&self) -> Vec<(Vec<u64>, Vec<bool>)> {
        let size = self.districts.names.len() * self.n_months;
        let mut vectors = vec![(vec![0; size], vec![false; size]); self.categories.names.len()];
        for ((category, district, month), count) in self.rows.iter().zip(&self.counts) {
            let position = self.position(*district, *month);
            vectors[*category].0[position] += count;
            vectors[*category].1[position] = true;
        }
        vectors
    }

    /// One panel per category.
    fn panels(&self, options: &Options) -> Result<Vec<Panel>, Error> {
        let exposure = self.exposure(options)?;
        let panels = self.vectors().into_iter().map(|(counts, covered)| {
            Panel::new(self.n_months, counts, exposure.clone(), covered)
                .map_err(|error| Error::Data(error.to_string()))
        });
        panels.collect()
    }

    /// The place of the first month judged.
    fn first_judged(&self, options: &Options) -> Result<usize, Error> {
        let first: u64 = options.number("first")?;
        Ok(month_place(first, self.first_month).unwrap_or(0))
    }

    /// The name of a month.
    fn month(&self, place: usize) -> String {
        let place = u64::try_from(place).unwrap_or(u64::MAX);
        self.first_month.saturating_add(place).to_string()
    }
}

/// The detector that the options ask for.
fn detector(options: &Options) -> Result<Pooled, Error> {
    let windows: usize = options.number("windows")?;
    if !(1..=MAX_WINDOW).contains(&windows) {
        return Err(Error::Choice {
            option: "windows".to_owned(),
            value: windows.to_string(),
            expected: format!("1 to {MAX_WINDOW}"),
        });
    }
    let threshold: f64 = options.number("threshold")?;
    let past_rises = if threshold.is_finite() && threshold > 0.0 {
        PastRises::DownWeighted(threshold)
    } else {
        PastRises::Kept
    };
    Ok(Pooled {
        n_window_months: windows,
        min_months: options.number("min_months")?,
        past_rises,
        seed: options.number("seed")?,
        ..Pooled::default()
    })
}

/// The q-values of the judgments, over all cells of their month.
fn q_values(
    judgments: &BTreeMap<(usize, usize, usize), Judgment>,
) -> BTreeMap<(usize, usize, usize), f64> {
    let mut by_month: BTreeMap<usize, Vec<(usize, usize, usize)>> = BTreeMap::new();
    for place in judgments.keys() {
        by_month.entry(place.2).or_default().push(*place);
    }
    let of_month = |places: Vec<(usize, usize, usize)>| {
        let p_values: Vec<f64> = places.iter().map(|place| judgments[place].p).collect();
        places
            .into_iter()
            .zip(benjamini_hochberg(&p_values))
            .collect::<Vec<_>>()
    };
    by_month.into_values().flat_map(of_month).collect()
}

/// Runs the pooled detector; cells it says nothing about have `p = 1` and no more.
fn pooled(table: &Table, options: &Options) -> Result<Table, Error> {
    let input = Input::read(table)?;
    let panels = input.panels(options)?;
    let method = Pooled {
        min_cases: options.number("min_cases")?,
        n_draws: options.number("draws")?,
        exposure_doubt: options.number("exposure_doubt")?,
        ..detector(options)?
    };
    let first = input.first_judged(options)?;
    let panels: Vec<&Panel> = panels.iter().collect();
    let judged = method.judge_all(&panels, first..input.n_months);
    let placed = judged
        .into_iter()
        .enumerate()
        .flat_map(|(category, judged)| {
            let place = move |found: Judgment| ((category, found.district, found.month), found);
            judged.into_iter().map(place)
        });
    let judgments: BTreeMap<(usize, usize, usize), Judgment> = placed.collect();
    let q_values = q_values(&judgments);
    let mut answer = Table::with_columns(&[
        "district", "category", "month", "p", "q", "window", "observed", "expected", "low", "high",
        "ratio",
    ]);
    for place in input.rows.iter().filter(|place| place.2 >= first) {
        let mut row = vec![
            input.districts.names[place.1].clone(),
            input.categories.names[place.0].clone(),
            input.month(place.2),
        ];
        row.extend(evidence(judgments.get(place), q_values.get(place)));
        answer.rows.push(row);
    }
    Ok(answer)
}

/// The cells of a judgment.
fn evidence(found: Option<&Judgment>, q: Option<&f64>) -> [String; 8] {
    let number = |of: fn(&Judgment) -> f64| cell(found.map(of));
    [
        cell(Some(found.map_or(1.0, |found| found.p))),
        cell(q.copied()),
        number(|found| real_len(found.n_window_months)),
        number(|found| real(found.observed)),
        number(|found| found.expected),
        number(|found| real(found.predicted_low)),
        number(|found| real(found.predicted_high)),
        number(|found| found.ratio),
    ]
}

/// The places of the districts, in their order.
fn places(input: &Input, options: &Options) -> Result<Vec<(f64, f64)>, Error> {
    let table = options.table("places")?;
    let coordinates = table
        .all_numbers("x_km")?
        .into_iter()
        .zip(table.all_numbers("y_km")?);
    let by_name: BTreeMap<&str, (f64, f64)> = table
        .texts("district")?
        .into_iter()
        .zip(coordinates)
        .collect();
    let place = |name: &String| {
        let missing = || Error::Data(format!("district `{name}` has no place"));
        by_name.get(name.as_str()).copied().ok_or_else(missing)
    };
    input.districts.names.iter().map(place).collect()
}

/// Scans every category in every judged month for its most unusual cluster.
fn clusters(table: &Table, options: &Options) -> Result<Table, Error> {
    let input = Input::read(table)?;
    let scan = ClusterScan {
        model: detector(options)?,
        max_districts: options.number("max_districts")?,
        min_districts: options.number("min_districts")?,
        ..ClusterScan::default()
    };
    let neighbors = Neighbors::new(&places(&input, options)?, scan.max_districts);
    let first = input.first_judged(options)?;
    let mut answer = Table::with_columns(&[
        "category",
        "month",
        "center",
        "districts",
        "window",
        "observed",
        "expected",
        "score",
        "p",
    ]);
    for (category, panel) in input.panels(options)?.iter().enumerate() {
        let months = (first..input.n_months)
            .filter_map(|month| scan.scan(panel, &neighbors, (category, month)));
        answer.rows.extend(months.map(|found| {
            let names = found
                .districts
                .iter()
                .map(|d| input.districts.names[*d].as_str());
            vec![
                input.categories.names[category].clone(),
                input.month(found.month),
                input.districts.names[found.center].clone(),
                names.collect::<Vec<_>>().join(" "),
                found.n_window_months.to_string(),
                found.observed.to_string(),
                cell(Some(found.expected)),
                cell(Some(found.score)),
                cell(Some(found.p)),
            ]
        }));
    }
    Ok(answer)
}

/// Judges every category in every judged month by the novelty rule.
fn new_categories(table: &Table, options: &Options) -> Result<Table, Error> {
    let input = Input::read(table)?;
    let rule = NoveltyRule {
        min_cases: options.number("min_cases")?,
        min_districts: options.number("min_districts")?,
        max_recent_base: options.number("max_recent_base")?,
        max_p: options.number("max_p")?,
    };
    let first = input.first_judged(options)?.max(N_JUDGED_MONTHS - 1);
    let mut answer = Table::with_columns(&[
        "category",
        "month",
        "observed",
        "districts",
        "expected",
        "p",
        "new",
        "still_new",
    ]);
    for (category, (counts, _)) in input.vectors().iter().enumerate() {
        let months = first..input.n_months;
        let found: Vec<Novelty> = months
            .clone()
            .map(|month| novelty_in(counts, input.n_months, month, rule))
            .collect();
        let alerts: Vec<bool> = found.iter().map(|found| found.is_new).collect();
        for ((month, found), still_new) in months.zip(found).zip(still_new(&alerts)) {
            answer.rows.push(vec![
                input.categories.names[category].clone(),
                input.month(month),
                found.observed.to_string(),
                found.n_districts.to_string(),
                cell(Some(found.expected)),
                cell(Some(found.p)),
                u8::from(found.is_new).to_string(),
                u8::from(still_new).to_string(),
            ]);
        }
    }
    Ok(answer)
}

/// Judges a category, its counts laid out district by district, in one month.
fn novelty_in(counts: &[u64], n_months: usize, month: usize, rule: NoveltyRule) -> Novelty {
    let start = (month + 1).saturating_sub(N_JUDGED_MONTHS);
    let by_district = || counts.chunks(n_months.max(1));
    let base: Vec<u64> = (0..start)
        .map(|past| by_district().map(|counts| counts[past]).sum())
        .collect();
    let judged: Vec<u64> = by_district()
        .map(|counts| counts[start..=month].iter().sum())
        .collect();
    let candidate = Candidate {
        base: &base,
        judged_by_district: &judged,
    };
    novelty(candidate, rule)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::golden::{number, rows};
    use crate::stats::panel_law::score::{discovered, matched, position};
    use crate::stats::panel_law::{Event, Kind, World};
    use std::fs;

    /// The folder of the given panel.
    const WELFARE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/welfare/");

    /// A file of the given panel.
    fn given(name: &str) -> String {
        fs::read_to_string(format!("{WELFARE}{name}")).unwrap()
    }

    /// Runs a method of this file.
    fn call(name: &str, input: &Table, options: &[(&str, &str)]) -> Result<Table, Error> {
        let method = METHODS.iter().find(|method| method.name == name).unwrap();
        let option = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        method.call(input, &options.iter().map(option).collect())
    }

    /// A one-based number as a place.
    fn place(field: &str) -> usize {
        field.parse::<usize>().unwrap() - 1
    }

    /// The given panel with its truth, as the scorer wants it.
    fn world(input: &Table) -> World {
        let read = Input::read(input).unwrap();
        let exposure = format!("{WELFARE}exposure.csv");
        let options = Options([("exposure".to_owned(), exposure)].into());
        let districts = rows(&given("districts.csv"));
        let kind = |name: &str| match name {
            "local" => Kind::Local,
            "spatial" => Kind::Spatial,
            _ => Kind::NewCategory,
        };
        let event = |row: &Vec<String>| Event {
            kind: kind(&row[0]),
            district: place(&row[1]),
            need: place(&row[2]),
            start: place(&row[3]),
            end: place(&row[4]) + 1,
            ratio: row[5].parse().unwrap_or(0.0),
        };
        World {
            panels: read.panels(&options).unwrap(),
            places: districts
                .iter()
                .map(|row| (number(&row[1]), number(&row[2])))
                .collect(),
            residents: Vec::new(),
            middles: Vec::new(),
            is_onboarding: districts.iter().map(|row| !row[4].is_empty()).collect(),
            events: rows(&given("truth.csv")).iter().map(event).collect(),
        }
    }

    /// The probabilities of an answer, in the order of the scorer.
    fn probabilities(world: &World, answer: &Table) -> Vec<f64> {
        let mut probabilities = vec![1.0; world.panels.len() * world.places.len() * 24];
        for row in &answer.rows {
            let cell = (place(&row[1]), place(&row[0]));
            probabilities[position(world, cell, place(&row[2]))] = number(&row[3]);
        }
        probabilities
    }

    #[test]
    fn the_new_categories_of_the_given_panel_are_found_and_no_other() {
        let input = Table::parse(&given("counts.csv")).unwrap();
        let answer = call("novelty", &input, &[]).unwrap();
        assert_eq!(answer.rows.len(), 40 * 24);
        let alerts: Vec<_> = answer.rows.iter().filter(|row| row[6] == "1").collect();
        for (category, start) in [("38", 44), ("39", 48), ("40", 52)] {
            let mut months = alerts.iter().filter(|row| row[0] == category);
            let first: u64 = months.next().unwrap()[1].parse().unwrap();
            assert!(
                (start..=start + 2).contains(&first),
                "category {category}: {first}"
            );
        }
        assert!(
            alerts
                .iter()
                .all(|row| ["38", "39", "40"].contains(&row[0].as_str()))
        );
    }

    #[test]
    fn the_given_panel_is_scored_as_stated() {
        // The reference of SPEC section 5: local .57 with .0043 false positives at onboarding, spatial .48,
        // and at BH .05 precision .92.
        let input = Table::parse(&given("counts.csv")).unwrap();
        let exposure = format!("{WELFARE}exposure.csv");
        let places = format!("{WELFARE}districts.csv");
        let world = world(&input);
        let answer = call("pooled", &input, &[("exposure", &exposure)]).unwrap();
        assert_eq!(answer.rows.len(), 100 * 40 * 24);
        let mut p_values = probabilities(&world, &answer);
        let at_matched = matched(&world, p_values.clone(), 0.005);
        assert!(at_matched.found_local >= 0.62, "{at_matched:?}");
        assert!(
            at_matched.false_positives_onboarding <= 0.005,
            "{at_matched:?}"
        );
        let at_bh = discovered(&world, p_values.clone(), 0.05);
        assert!(
            at_bh.precision >= 0.95 && at_bh.found_local >= 0.42,
            "{at_bh:?}"
        );

        let options = [("exposure", exposure.as_str()), ("places", places.as_str())];
        for row in &call("clusters", &input, &options).unwrap().rows {
            for district in row[3].split(' ').filter(|name| !name.is_empty()) {
                let at = position(&world, (place(&row[0]), place(district)), place(&row[1]));
                p_values[at] = p_values[at].min(5.0 * number(&row[8]));
            }
        }
        let with_clusters = matched(&world, p_values, 0.005);
        assert!(with_clusters.found_spatial >= 0.65, "{with_clusters:?}");
        assert!(with_clusters.found_local >= 0.6, "{with_clusters:?}");
    }

    #[test]
    fn a_need_without_its_exposure_or_with_a_wrong_option_is_refused() {
        let input = Table::parse("district,category,month,count\na,x,1,2\n").unwrap();
        let refused = |options: &[(&str, &str)]| match call("pooled", &input, options) {
            Err(Error::Choice { option, .. }) => option,
            other => panic!("{other:?}"),
        };
        assert_eq!(refused(&[]), "exposure");
        let exposure = format!("{WELFARE}exposure.csv");
        assert_eq!(
            refused(&[("exposure", &exposure), ("windows", "7")]),
            "windows"
        );
        assert_eq!(refused(&[("wrong", "1")]), "wrong");
    }

    #[test]
    fn a_count_that_is_not_whole_is_named_with_its_line() {
        let input = Table::parse("district,category,month,count\na,x,1,2\na,x,2,1.5\n").unwrap();
        let refused = call("novelty", &input, &[]).unwrap_err();
        assert!(matches!(refused, Error::Cell { line: 3, ref column, .. } if column == "count"));
    }

    #[test]
    fn an_empty_table_has_an_empty_answer() {
        let input = Table::with_columns(&["district", "category", "month", "count"]);
        assert!(call("novelty", &input, &[]).unwrap().rows.is_empty());
        let exposure = format!("{WELFARE}exposure.csv");
        assert!(
            call("pooled", &input, &[("exposure", &exposure)])
                .unwrap()
                .rows
                .is_empty()
        );
    }
}
