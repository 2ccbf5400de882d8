//! Farrington flexible on plain CSV.

use super::input::{Unit, share, units};
use crate::methods::{Choice, Error, Method, Options, Table, cell, choice, yes};
use crate::stats::farrington::bound::Bound;
use crate::stats::farrington::{
    Dispersion, Farrington, Judge, Point, Rules, Season, Series, TrendRule, Unjudged,
};

/// Farrington flexible, one row per point that the past reaches.
pub(super) const FARRINGTON: Method = Method {
    name: "farrington",
    summary: "Farrington flexible: counts above what the same season of past years leads one to expect",
    layout: "reads unit,t,date,freq,observed and the exposure's column; writes unit,t,date,observed,expected,\
        upperbound,alarm,score,pvalue,mu0,phi,trend_used,trend_coef,se_eta,p_trend,enough_cases,separated,reason",
    source: "Noufaily et al. 2013, Statist. Med. 32:1206; Farrington et al. 1996, J. R. Statist. Soc. A 159:547",
    choices: CHOICES,
    run: run_farrington,
};

/// The rows of one baseline.
pub(super) const BASELINE: Method = Method {
    name: "farrington_baseline",
    summary: "The baseline of one point in Farrington flexible: level, fit, leverage, residual and weight of every row",
    layout: "reads as farrington; writes unit,t,date,response,wtime,season,fit0,hat0,anscombe0,omega,fit1",
    source: "Noufaily et al. 2013, Statist. Med. 32:1206",
    choices: BASELINE_CHOICES,
    run: run_baseline,
};

/// The choices of the model, and then those of the bound.
const CHOICES: &[Choice] = &[
    choice("years", "5", "how many past years are the baseline"),
    choice(
        "half_width",
        "3",
        "half the width of the window around each reference point",
    ),
    choice("levels", "10", "season levels; 1 uses the windows only"),
    choice(
        "left_out",
        "26",
        "points before the judged one that are left out",
    ),
    choice(
        "reweight",
        "2.58",
        "Anscombe residuals above this are weighted down",
    ),
    choice(
        "trend",
        "paper",
        "paper: always, unless cases span less than a year; package: b ≥ 3, p < trend_p and no prediction above the largest count; none",
    ),
    choice(
        "trend_p",
        "0.05",
        "with trend=package, the largest p of the trend, exclusive",
    ),
    choice(
        "dispersion",
        "proper",
        "proper: φ in standard errors; package: what the R package takes",
    ),
    choice(
        "rules",
        "paper",
        "paper, or authors: also the rules of the authors' program",
    ),
    choice(
        "exposure",
        "",
        "column of an exposure that the expectation follows; none by default",
    ),
    choice("bound", "nbPlugin", "nbPlugin, muan or delta"),
    choice("alpha", "0.005", "nominal share of false alarms"),
    choice(
        "min_cases",
        "5",
        "an alarm needs this many cases in the last points",
    ),
    choice("case_points", "4", "how many last points those are"),
];

/// The choices of the model, and the point.
const BASELINE_CHOICES: &[Choice] = &[
    choice("t", "", "the judged point, as in the column t"),
    CHOICES[0],
    CHOICES[1],
    CHOICES[2],
    CHOICES[3],
    CHOICES[4],
    CHOICES[5],
    CHOICES[6],
    CHOICES[7],
    CHOICES[8],
    CHOICES[9],
];

/// More season levels than weeks in a year make no sense.
const MAX_LEVELS: usize = 53;

/// The model's part of the choices.
fn model(options: &Options) -> Result<Farrington, Error> {
    let trend = match options.one_of("trend", &["paper", "package", "none"])? {
        "package" => TrendRule::Package {
            max_p: options.number("trend_p")?,
        },
        "none" => TrendRule::Never,
        _ => TrendRule::Paper,
    };
    let dispersion = match options.one_of("dispersion", &["proper", "package"])? {
        "package" => Dispersion::Package,
        _ => Dispersion::Proper,
    };
    let rules = match options.one_of("rules", &["paper", "authors"])? {
        "authors" => Rules::Authors,
        _ => Rules::Paper,
    };
    let n_levels = options.number("levels")?;
    if !(1..=MAX_LEVELS).contains(&n_levels) {
        return Err(Error::Choice {
            option: "levels".to_owned(),
            value: options.word("levels").to_owned(),
            expected: format!("from 1 to {MAX_LEVELS}"),
        });
    }
    Ok(Farrington {
        n_years: options.number("years")?,
        half_width: options.number("half_width")?,
        n_levels,
        n_left_out: options.number("left_out")?,
        reweight_above: options.number("reweight")?,
        trend,
        dispersion,
        rules,
        ..Farrington::default()
    })
}

/// All choices.
fn method(options: &Options) -> Result<Farrington, Error> {
    let bound = match options.one_of("bound", &["nbPlugin", "muan", "delta"])? {
        "muan" => Bound::Muan,
        "delta" => Bound::Delta,
        _ => Bound::NbPlugin,
    };
    Ok(Farrington {
        bound,
        alpha: share(options, "alpha")?,
        min_cases: (options.number("min_cases")?, options.number("case_points")?),
        ..model(options)?
    })
}

/// The series of a unit.
fn series(table: &Table, unit: &Unit, options: &Options) -> Result<Series, Error> {
    let exposure = match options.word("exposure") {
        "" => None,
        column => Some(unit.column(table, column)?),
    };
    let series = Series::new(unit.cases.clone(), exposure, unit.calendar());
    series.map_err(|error| Error::Data(format!("unit `{}`: {error}", unit.name)))
}

/// Judges every point that the past reaches; a point without a model has a reason instead of numbers.
fn run_farrington(table: &Table, options: &Options) -> Result<Table, Error> {
    let mut judge = Judge::new(method(options)?);
    let mut output = Table::with_columns(&[
        "unit",
        "t",
        "date",
        "observed",
        "expected",
        "upperbound",
        "alarm",
        "score",
        "pvalue",
        "mu0",
        "phi",
        "trend_used",
        "trend_coef",
        "se_eta",
        "p_trend",
        "enough_cases",
        "separated",
        "reason",
    ]);
    for unit in units(table)? {
        let series = series(table, &unit, options)?;
        for place in 0..series.n_points() {
            let point = judge.point(&series, place);
            if point != Err(Unjudged::ShortPast) {
                output.rows.push(row(&unit, place, point));
            }
        }
    }
    Ok(output)
}

/// One row of the output.
fn row(unit: &Unit, place: usize, point: Result<Point, Unjudged>) -> Vec<String> {
    let mut row = vec![
        unit.name.clone(),
        unit.times[place].clone(),
        unit.dates[place].clone(),
        unit.cases[place].to_string(),
    ];
    match point {
        Ok(point) => row.extend([
            cell(Some(point.expected)),
            cell(Some(point.upper)),
            yes(point.is_alarm),
            cell(point.score()),
            cell(Some(point.p)),
            cell(Some(point.law_mean)),
            cell(Some(point.phi)),
            yes(point.trend.is_some()),
            cell(point.trend),
            cell(Some(point.error)),
            cell(point.trend_p()),
            yes(point.has_cases),
            yes(point.season == Season::Unseen),
            String::new(),
        ]),
        Err(reason) => {
            row.resize(17, String::new());
            row.push(reason.to_string());
        }
    }
    row
}

/// Writes the baseline of one point of every unit.
fn run_baseline(table: &Table, options: &Options) -> Result<Table, Error> {
    let mut judge = Judge::new(model(options)?);
    let mut output = Table::with_columns(&[
        "unit",
        "t",
        "date",
        "response",
        "wtime",
        "season",
        "fit0",
        "hat0",
        "anscombe0",
        "omega",
        "fit1",
    ]);
    for unit in units(table)? {
        let series = series(table, &unit, options)?;
        let place = unit.times.iter().position(|time| time == options.word("t"));
        let place = place.ok_or_else(|| Error::Choice {
            option: "t".to_owned(),
            value: options.word("t").to_owned(),
            expected: "a value of the column t".to_owned(),
        })?;
        let rows = judge.rows(&series, place);
        for row in rows.map_err(|error| Error::Data(format!("unit `{}`: {error}", unit.name)))? {
            let mut cells = vec![unit.name.clone(), unit.times[row.place].clone()];
            cells.push(unit.dates[row.place].clone());
            cells.push(unit.cases[row.place].to_string());
            cells.extend([row.time.to_string(), (row.level + 1).to_string()]);
            let numbers = [
                row.first_mean,
                row.leverage,
                row.anscombe,
                row.weight,
                row.mean,
            ];
            cells.extend(numbers.map(|number| cell(Some(number))));
            output.rows.push(cells);
        }
    }
    Ok(output)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::methods::farrington::golden::{compare, difference, folder, options, table};
    use std::collections::BTreeMap;

    /// Options over those of the paper that the package departs from.
    fn package(given: &str) -> BTreeMap<String, String> {
        options(&format!(
            "trend=package trend_p=1 dispersion=package {given}"
        ))
    }

    /// What the configurations of the golden files choose.
    fn configuration(name: &str, data: &str) -> String {
        let (base, years) = name.split_once("_b").unwrap_or((name, "5"));
        let noufaily_alpha = if data == "shadar" {
            "alpha=0.01"
        } else {
            "alpha=0.005"
        };
        let monthly = "levels=4 half_width=1 alpha=0.01 min_cases=0 case_points=3 ";
        match base {
            "noufaily" => format!("years={years} {noufaily_alpha}"),
            "farr96" => format!(
                "years={years} levels=1 left_out=3 reweight=1 alpha=0.025 trend_p=0.05 bound=delta"
            ),
            "muan" => "bound=muan".to_owned(),
            "delta10" => "bound=delta alpha=0.01".to_owned(),
            "nbp05" => "trend_p=0.05 alpha=0.01".to_owned(),
            "monthly_nb" if years == "3w1p4" => format!("{monthly} years=3 left_out=3"),
            "monthly_nb" => format!("{monthly} years=5 levels=10 left_out=6"),
            _ => panic!("no configuration {name}"),
        }
    }

    #[test]
    fn every_point_of_every_file_of_the_package_is_reproduced() {
        let mut n_files = 0;
        for name in folder("farrington") {
            let (data, config) = name.strip_suffix(".csv").unwrap().split_once("__").unwrap();
            let input = table(&format!("input/{data}.csv"));
            let options = configuration(config, data);
            let run = FARRINGTON.call(&input, &package(&options)).unwrap();
            let mut pairs = vec![
                ("observed", "observed"),
                ("expected", "expected"),
                ("upperbound", "upperbound"),
                ("alarm", "alarm"),
                ("pvalue", "pvalue"),
                ("phi", "phi"),
                ("trend_used", "trend_used"),
                ("trend_coef", "trend_coef"),
            ];
            if !options.contains("delta") {
                pairs.push(("mu0", "mu0"));
            }
            let (n_points, worst) = compare(&run, &table(&format!("farrington/{name}")), &pairs);
            assert!(n_points > 0 && worst <= 1e-8);
            n_files += 1;
        }
        assert_eq!(n_files, 24);
    }

    #[test]
    fn every_row_of_one_baseline_is_reproduced() {
        let run = BASELINE
            .call(&table("input/salmNewport_total.csv"), &package("t=400"))
            .unwrap();
        let wanted = table("farrington_detail/salmNewport_total_t400_rows.csv");
        assert_eq!(run.rows.len(), wanted.rows.len());
        let mut worst = 0.0_f64;
        for column in [
            "t",
            "response",
            "wtime",
            "season",
            "fit0",
            "hat0",
            "anscombe0",
            "omega",
            "fit1",
        ] {
            let pairs = run
                .texts(column)
                .unwrap()
                .into_iter()
                .zip(wanted.texts(column).unwrap());
            for (row, (ours, theirs)) in pairs.enumerate() {
                let difference = difference(ours, theirs);
                assert!(
                    difference <= 1e-8,
                    "row {row} {column}: found {ours}, golden {theirs}"
                );
                worst = worst.max(difference);
            }
        }
        assert!(worst <= 1e-8);
    }

    /// `mu0` of a delta bound in the package, `exp(μ + z μ se)`, checks the standard error it took.
    #[test]
    fn the_standard_errors_of_the_package_are_reproduced_where_it_shows_them() {
        let mut n_points = 0;
        for (file, options) in [("farr96", "farr96"), ("delta10", "delta10")] {
            let options = configuration(options, "salmNewport_total");
            let z = if options.contains("0.025") {
                1.959_963_984_540_054
            } else {
                2.326_347_874_040_841
            };
            let input = table("input/salmNewport_total.csv");
            let run = FARRINGTON.call(&input, &package(&options)).unwrap();
            let wanted = table(&format!("farrington/salmNewport_total__{file}.csv"));
            let means = run.all_numbers("expected").unwrap();
            let errors = run.all_numbers("se_eta").unwrap();
            for ((mean, error), wanted) in means
                .iter()
                .zip(errors)
                .zip(wanted.all_numbers("mu0").unwrap())
            {
                let found = (mean + z * mean * error).exp();
                assert!(
                    (found - wanted).abs() <= 1e-8 * wanted,
                    "found {found}, golden {wanted}"
                );
                n_points += 1;
            }
        }
        assert_eq!(n_points, 530);
    }

    #[test]
    fn the_files_with_the_proper_standard_error_are_reproduced() {
        let mut n_files = 0;
        for name in folder("farrington_fixed_se") {
            let (data, config) = name.split_once("__").unwrap();
            let monthly = config.starts_with("b3w1p4");
            let model = if monthly {
                "years=3 levels=4 half_width=1 left_out=3"
            } else {
                "years=5"
            };
            let trend_p = if config.contains("ptrend05") {
                0.05
            } else {
                1.0
            };
            let input = table(&format!("input/{data}.csv"));
            let wanted = table(&format!("farrington_fixed_se/{name}"));
            for (bound, column) in [
                ("delta", "upper_delta"),
                ("nbPlugin", "upper_nb"),
                ("muan", "upper_muan"),
            ] {
                let words =
                    format!("{model} alpha=0.01 bound={bound} trend_p={trend_p} dispersion=proper");
                let run = FARRINGTON.call(&input, &package(&words)).unwrap();
                let pairs = [
                    ("observed", "observed"),
                    ("expected", "expected"),
                    ("se_eta", "se_eta"),
                    ("phi", "phi"),
                    ("trend_used", "trend_used"),
                    ("upperbound", column),
                    ("p_trend", "p_trend"),
                ];
                let (n_points, worst) = compare(&run, &wanted, &pairs);
                assert!(n_points > 0 && worst <= 1e-8);
            }
            n_files += 1;
        }
        assert_eq!(n_files, 3);
    }
}
