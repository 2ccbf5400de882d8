//! EARS, CUSUM and the likelihood-ratio chart on plain CSV.

use super::input::{Unit, share, units};
use crate::methods::{Error, Method, Options, Table, cell, choice, yes};
use crate::stats::cusum::{Cusum, Transform};
use crate::stats::ears_series::SeriesEars;
use crate::stats::glr::Glr;
use crate::stats::{real, real_len};

/// EARS.
pub(super) const EARS: Method = Method {
    name: "ears",
    summary: "EARS C1, C2 or C3: counts unlike the few just before them",
    layout: "reads unit,t,date,observed; writes unit,t,date,observed,upperbound,alarm,mean,sd,C,C3; C is C1 or C2",
    source: "Hutwagner et al. 2003, J. Urban Health 80:i89; Fricker et al. 2008, Statist. Med. 27:3407",
    choices: &[
        choice("statistic", "C1", "C1, C2 or C3"),
        choice("baseline", "7", "points of the baseline"),
        choice(
            "min_sd",
            "0",
            "the deviation is never taken smaller; 0.5 on sparse series",
        ),
        choice(
            "alpha",
            "0.001",
            "level of the bounds of C1, C2 and the package's C3",
        ),
        choice(
            "c3",
            "documented",
            "documented: Σ max(0, C2 − 1) above 2; package: the R package's bound",
        ),
    ],
    run: run_ears,
};

/// CUSUM.
pub(super) const CUSUM: Method = Method {
    name: "cusum",
    summary: "CUSUM of counts: small excesses that last add up to an alarm",
    layout: "reads unit,t,observed and the means' column; writes unit,t,observed,cusum,upperbound,alarm,m",
    source: "Rossi et al. 1999, Statist. Med. 18:2111",
    choices: &[
        choice("transform", "rossi", "rossi, standard or anscombe"),
        choice("k", "1.04", "taken off each transformed count"),
        choice("h", "2.26", "the sum at which there is an alarm"),
        choice(
            "expected",
            "",
            "column of the means; if none, the mean of the first points",
        ),
        choice(
            "first",
            "104",
            "how many first points give the mean and are not judged",
        ),
    ],
    run: run_cusum,
};

/// The likelihood-ratio chart.
pub(super) const GLR: Method = Method {
    name: "glr",
    summary: "Likelihood-ratio chart: since when, and by how much, counts are above what was expected",
    layout: "reads unit,t,observed and the means' column; writes unit,t,observed,expected,glr,alarm,since,ratio",
    source: "Höhle and Paul 2008, Comput. Statist. Data Anal. 52:4357",
    choices: &[
        choice("expected", "expected", "column of the in-control means"),
        choice("dispersion", "0", "α of the variance μ + αμ²; 0 is Poisson"),
        choice("threshold", "5", "alarm at this log likelihood ratio"),
        choice(
            "weeks",
            "0",
            "how many points back the change may lie; 0 for all",
        ),
    ],
    run: run_glr,
};

/// The first cells of a row.
fn head(unit: &Unit, place: usize) -> Vec<String> {
    vec![unit.name.clone(), unit.times[place].clone()]
}

/// Runs EARS on every unit.
fn run_ears(table: &Table, options: &Options) -> Result<Table, Error> {
    let ears = SeriesEars {
        n_baseline: options.number("baseline")?,
        min_deviation: options.number("min_sd")?,
    };
    if ears.n_baseline < 2 {
        return Err(Error::Data(
            "a deviation needs a baseline of at least 2 points".to_owned(),
        ));
    }
    let alpha = share(options, "alpha")?;
    let statistic = options.one_of("statistic", &["C1", "C2", "C3"])?;
    let version = options.one_of("c3", &["documented", "package"])?;
    let mut output = Table::with_columns(&[
        "unit",
        "t",
        "date",
        "observed",
        "upperbound",
        "alarm",
        "mean",
        "sd",
        "C",
        "C3",
    ]);
    for unit in units(table)? {
        let judged = match (statistic, version) {
            ("C1", _) => judge_simple(ears, &unit, 0, alpha),
            ("C2", _) => judge_simple(ears, &unit, 2, alpha),
            (_, "package") => judge_package_c3(ears, &unit, alpha),
            _ => judge_c3(ears, &unit),
        };
        let first = unit.cases.len() - judged.len();
        for (offset, cells) in judged.into_iter().enumerate() {
            let mut row = head(&unit, first + offset);
            row.push(unit.dates[first + offset].clone());
            row.push(unit.cases[first + offset].to_string());
            row.extend(cells);
            output.rows.push(row);
        }
    }
    Ok(output)
}

/// Bound, alarm, mean, deviation and statistic of C1 or C2; the rows end with the series.
fn judge_simple(ears: SeriesEars, unit: &Unit, n_gap: usize, alpha: f64) -> Vec<[String; 6]> {
    let bounds = ears.bounds(&unit.cases, n_gap, alpha);
    let judged = unit.cases.iter().skip(ears.n_baseline + n_gap);
    let row = |((moments, upper), count): (&(_, f64), &u64)| {
        let moments: &crate::stats::ears_series::Moments = moments;
        let statistic = moments.standardized(real(*count));
        let alarm = yes(real(*count) > *upper);
        let cells = [Some(moments.mean), Some(moments.deviation), statistic, None].map(cell);
        let [mean, deviation, statistic, none] = cells;
        [cell(Some(*upper)), alarm, mean, deviation, statistic, none]
    };
    bounds.iter().zip(judged).map(row).collect()
}

/// The package's C3: bound and alarm; empty where a deviation is 0.
fn judge_package_c3(ears: SeriesEars, unit: &Unit, alpha: f64) -> Vec<[String; 6]> {
    let bounds = ears.package_c3_bounds(&unit.cases, alpha);
    let judged = unit.cases.iter().skip(ears.n_baseline + 4);
    let row = |(upper, count): (&Option<f64>, &u64)| {
        let alarm = upper.map_or_else(String::new, |upper| yes(real(*count) > upper));
        [
            cell(*upper),
            alarm,
            String::new(),
            String::new(),
            String::new(),
            String::new(),
        ]
    };
    bounds.iter().zip(judged).map(row).collect()
}

/// The textbook C3, alarm above 2; empty where a deviation is 0.
fn judge_c3(ears: SeriesEars, unit: &Unit) -> Vec<[String; 6]> {
    let statistics = ears.statistics(&unit.cases);
    let moments = ears.moments(&unit.cases);
    let judged = statistics
        .iter()
        .skip(ears.n_baseline + 4)
        .zip(moments.iter().skip(2));
    let row = |(at, moments): (
        &crate::stats::ears_series::Statistics,
        &crate::stats::ears_series::Moments,
    )| {
        let alarm = at.c3.map_or_else(String::new, |c3| yes(c3 > 2.0));
        let cells = [Some(moments.mean), Some(moments.deviation), at.c2, at.c3].map(cell);
        let [mean, deviation, c2, c3] = cells;
        [String::new(), alarm, mean, deviation, c2, c3]
    };
    judged.map(row).collect()
}

/// Runs CUSUM on every unit.
fn run_cusum(table: &Table, options: &Options) -> Result<Table, Error> {
    let transform = match options.one_of("transform", &["rossi", "standard", "anscombe"])? {
        "standard" => Transform::Standard,
        "anscombe" => Transform::Anscombe,
        _ => Transform::Rossi,
    };
    let cusum = Cusum {
        transform,
        reference: options.number("k")?,
        threshold: options.number("h")?,
    };
    let n_first: usize = options.number("first")?;
    let mut output =
        Table::with_columns(&["unit", "t", "observed", "cusum", "upperbound", "alarm", "m"]);
    for unit in units(table)? {
        let counts = unit.reals();
        let (first, means) = match options.word("expected") {
            "" => {
                let first = n_first.min(counts.len());
                let mean = counts[..first].iter().sum::<f64>() / real_len(first.max(1));
                (first, vec![mean; counts.len() - first])
            }
            column => (0, unit.column(table, column)?),
        };
        let points = cusum
            .run(&counts[first..], &means)
            .ok_or_else(|| no_mean(&unit))?;
        for ((offset, point), mean) in points.iter().enumerate().zip(&means) {
            let mut row = head(&unit, first + offset);
            row.push(unit.cases[first + offset].to_string());
            row.extend([
                cell(Some(point.sum)),
                cell(Some(point.upper)),
                yes(point.is_alarm),
            ]);
            row.push(cell(Some(*mean)));
            output.rows.push(row);
        }
    }
    Ok(output)
}

/// A mean that is not positive.
fn no_mean(unit: &Unit) -> Error {
    Error::Data(format!(
        "unit `{}`: every expected mean must be above 0",
        unit.name
    ))
}

/// Runs the likelihood-ratio chart on every unit.
fn run_glr(table: &Table, options: &Options) -> Result<Table, Error> {
    let n_weeks: usize = options.number("weeks")?;
    let dispersion: f64 = options.number("dispersion")?;
    if !(dispersion >= 0.0 && dispersion.is_finite()) {
        return Err(Error::Choice {
            option: "dispersion".to_owned(),
            value: options.word("dispersion").to_owned(),
            expected: "at least 0".to_owned(),
        });
    }
    let glr = Glr {
        dispersion,
        threshold: options.number("threshold")?,
        max_weeks: (n_weeks > 0).then_some(n_weeks),
    };
    let mut output = Table::with_columns(&[
        "unit", "t", "observed", "expected", "glr", "alarm", "since", "ratio",
    ]);
    for unit in units(table)? {
        let means = unit.column(table, options.word("expected"))?;
        let points = glr
            .run(&unit.reals(), &means)
            .ok_or_else(|| no_mean(&unit))?;
        for ((place, point), mean) in points.iter().enumerate().zip(&means) {
            let mut row = head(&unit, place);
            row.push(unit.cases[place].to_string());
            row.extend([
                cell(Some(*mean)),
                cell(Some(point.value)),
                yes(point.is_alarm),
            ]);
            row.push(
                point
                    .since
                    .map_or_else(String::new, |since| unit.times[since].clone()),
            );
            row.push(cell(Some(point.ratio)));
            output.rows.push(row);
        }
    }
    Ok(output)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::methods::farrington::golden::{compare, folder, options, table};

    #[test]
    fn every_point_of_every_ears_file_is_reproduced() {
        let mut n_files = 0;
        for name in folder("ears")
            .into_iter()
            .filter(|name| name.contains("__"))
        {
            let (data, config) = name.strip_suffix(".csv").unwrap().split_once("__").unwrap();
            let (statistic, config) = config.split_once('_').unwrap();
            let alpha = if statistic == "C3" && config == "b7" {
                "0.025"
            } else {
                "0.001"
            };
            let settings = match config {
                "b7" => format!("alpha={alpha}"),
                "b12_s05_a01" => "baseline=12 min_sd=0.5 alpha=0.01".to_owned(),
                "b12_s1_a01" => "baseline=12 min_sd=1 alpha=0.01".to_owned(),
                _ => panic!("no configuration {config}"),
            };
            let given = options(&format!("statistic={statistic} c3=package {settings}"));
            let run = EARS
                .call(&table(&format!("input/{data}.csv")), &given)
                .unwrap();
            let wanted = table(&format!("ears/{name}"));
            assert_eq!(run.rows.len(), wanted.rows.len(), "{name}");
            let columns = ["t", "observed", "upperbound", "alarm"];
            let (n_points, worst) = compare(&run, &wanted, &columns.map(|column| (column, column)));
            assert!(n_points > 0 && worst <= 1e-8);
            n_files += 1;
        }
        assert_eq!(n_files, 24);
    }

    #[test]
    fn every_point_of_the_textbook_c3_is_reproduced() {
        for name in folder("ears_c3_documented") {
            let (data, _) = name.split_once("__").unwrap();
            let run = EARS.call(
                &table(&format!("input/{data}.csv")),
                &options("statistic=C3 min_sd=0.5"),
            );
            let run = run.unwrap();
            let wanted = table(&format!("ears_c3_documented/{name}"));
            assert_eq!(run.rows.len(), wanted.rows.len(), "{name}");
            let pairs = [
                ("t", "t"),
                ("observed", "observed"),
                ("mean", "mean2"),
                ("sd", "sd2"),
                ("C", "C2"),
                ("C3", "C3"),
                ("alarm", "alarm_C3_gt_2"),
            ];
            let (n_points, worst) = compare(&run, &wanted, &pairs);
            assert!(n_points > 0 && worst <= 1e-8);
        }
    }

    #[test]
    fn every_point_of_every_cusum_file_is_reproduced() {
        let configurations = [
            ("shadar", "rossi", "transform=rossi"),
            ("shadar", "standard", "transform=standard"),
            ("m3", "anscombe_k075_h3", "transform=anscombe k=0.75 h=3"),
        ];
        for (data, config, given) in configurations {
            let run = CUSUM
                .call(&table(&format!("input/{data}.csv")), &options(given))
                .unwrap();
            let wanted = table(&format!("cusum/{data}__{config}.csv"));
            assert_eq!(run.rows.len(), wanted.rows.len());
            let columns = ["t", "observed", "cusum", "upperbound", "alarm", "m"];
            let (n_points, worst) = compare(&run, &wanted, &columns.map(|column| (column, column)));
            assert!(n_points > 0 && worst <= 1e-8);
        }
    }

    #[test]
    fn the_likelihood_ratio_chart_reads_means_and_dates_the_change() {
        let input = Table::parse("t,observed,expected\n1,5,5\n2,10,5\n3,10,5\n").unwrap();
        let run = GLR.call(&input, &options("threshold=3")).unwrap();
        assert_eq!(run.texts("since").unwrap(), ["", "2", "2"]);
        assert_eq!(run.texts("alarm").unwrap(), ["0", "0", "1"]);
        assert!(GLR.call(&input, &options("dispersion=-1")).is_err());
    }
}
