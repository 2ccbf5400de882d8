//! The weekly detector on plain CSV.

use super::input::{share, units};
use crate::methods::{Error, Method, Options, Table, cell, choice, yes};
use crate::stats::farrington::Unjudged;
use crate::stats::farrington::calendar::Calendar;
use crate::stats::real_len;
use crate::stats::weekly::{Weekly, WeeklyJudge, WeeklyPoint};

/// Weeks in a year of dated weeks.
const DATED_YEAR: f64 = 365.25 / 7.0;

/// The weekly detector.
pub(super) const WEEKLY: Method = Method {
    name: "weekly",
    summary: "Weeks, alone and together, above a smooth course fitted to all the past",
    layout: "reads unit,t,date,freq,observed and the exposure's column; writes unit,t,date,observed,expected,\
        upperbound,alarm,pvalue,phi,window,window_observed,window_expected,reason",
    source: "after Noufaily et al. 2013, Statist. Med. 32:1206, with harmonics and windows of 1 to 3 weeks",
    choices: &[
        choice("harmonics", "2", "harmonics of the year, at most 3"),
        choice(
            "left_out",
            "8",
            "points before the judged one that are left out of the fit",
        ),
        choice(
            "level_points",
            "52",
            "so many last points of the fit have a level of their own, the judged one's; 0 for none",
        ),
        choice("min_points", "104", "at least so many points are fitted"),
        choice(
            "reweight",
            "2.58",
            "Anscombe residuals above this are weighted down",
        ),
        choice(
            "alpha",
            "0.0018",
            "threshold of the p of the best window after its cost",
        ),
        choice(
            "min_cases",
            "5",
            "an alarm needs this many cases in the last four points",
        ),
        choice(
            "exposure",
            "",
            "column of an exposure that the expectation follows; none by default",
        ),
    ],
    run: run_weekly,
};

/// Judges every point that the past reaches.
fn run_weekly(table: &Table, options: &Options) -> Result<Table, Error> {
    let method = Weekly {
        n_harmonics: options.number("harmonics")?,
        n_left_out: options.number("left_out")?,
        n_level_points: options.number("level_points")?,
        min_points: options.number("min_points")?,
        reweight_above: options.number("reweight")?,
        alpha: share(options, "alpha")?,
        min_cases: options.number("min_cases")?,
        ..Weekly::default()
    };
    let mut output = Table::with_columns(&[
        "unit",
        "t",
        "date",
        "observed",
        "expected",
        "upperbound",
        "alarm",
        "pvalue",
        "phi",
        "window",
        "window_observed",
        "window_expected",
        "reason",
    ]);
    for unit in units(table)? {
        let exposure = match options.word("exposure") {
            "" => vec![1.0; unit.cases.len()],
            column => unit.column(table, column)?,
        };
        let period = match unit.calendar() {
            Calendar::Weekly { .. } => DATED_YEAR,
            Calendar::Periodic { period } => real_len(period),
        };
        let judge = WeeklyJudge::new(Weekly { period, ..method }, unit.cases.clone(), exposure);
        let mut judge =
            judge.map_err(|error| Error::Data(format!("unit `{}`: {error}", unit.name)))?;
        for place in 0..unit.cases.len() {
            let point = judge.point(place);
            if point == Err(Unjudged::ShortPast) {
                continue;
            }
            let mut row = vec![
                unit.name.clone(),
                unit.times[place].clone(),
                unit.dates[place].clone(),
            ];
            row.push(unit.cases[place].to_string());
            row.extend(cells(point));
            output.rows.push(row);
        }
    }
    Ok(output)
}

/// The cells of a judged point.
fn cells(point: Result<WeeklyPoint, Unjudged>) -> [String; 9] {
    match point {
        Ok(point) => {
            let (now, best) = (point.windows[0], point.best_window());
            [
                cell(Some(now.expected)),
                cell(Some(now.upper)),
                yes(point.is_alarm),
                cell(Some(point.p)),
                cell(Some(point.phi)),
                point.best.to_string(),
                best.observed.to_string(),
                cell(Some(best.expected)),
                String::new(),
            ]
        }
        Err(reason) => {
            let mut cells = [const { String::new() }; 9];
            cells[8] = reason.to_string();
            cells
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    use crate::methods::farrington::golden::{options, table};

    #[test]
    fn the_outbreak_of_2007_in_salmonella_newport_is_judged_by_more_than_one_week() {
        let run = WEEKLY
            .call(&table("input/salmNewport_total.csv"), &options(""))
            .unwrap();
        assert_eq!(run.rows.len(), 528 - 112);
        let alarms: Vec<&str> = run.texts("alarm").unwrap();
        assert!(alarms.contains(&"1"));
        assert!(run.texts("window").unwrap().contains(&"2"));
    }

    #[test]
    fn an_exposure_that_doubles_with_the_counts_raises_nothing() {
        let mut text = "t,observed,people\n".to_owned();
        for t in 0..200 {
            let factor = if t < 150 { 1 } else { 2 };
            writeln!(text, "{t},{},{}", factor * (8 + t % 3), factor * 100).unwrap();
        }
        let input = Table::parse(&text).unwrap();
        let alone = WEEKLY.call(&input, &options("")).unwrap();
        let followed = WEEKLY.call(&input, &options("exposure=people")).unwrap();
        assert!(alone.texts("alarm").unwrap().contains(&"1"));
        assert!(!followed.texts("alarm").unwrap().contains(&"1"));
    }
}
