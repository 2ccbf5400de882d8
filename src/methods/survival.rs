//! Waiting times: the curve, its quantiles, the comparison of groups, and competing ends.

use super::{
    Choice, Error, Method, Options, Table, cell, choice, places, real_cell, table, within,
};
use crate::stats::real;
use crate::stats::survival::competing::{CompetingWait, IncidenceVariance, cumulative_incidence};
use crate::stats::survival::log_rank::log_rank;
use crate::stats::survival::{
    Band, Step, Wait, WaitEnd, kaplan_meier, restricted_mean, restricted_mean_error, wait_quantile,
};

/// The column of groups.
const GROUP: Choice = choice(
    "group",
    "group",
    "the column that names the group; `none` to take all rows as one",
);

/// The curve.
pub(super) const CURVE: Method = Method {
    name: "kaplan-meier",
    summary: "The share still waiting after each day, with those still waiting counted properly.",
    layout: "in: time (whole days), event (1 ended, 0 still waiting), group. out: group, time, n_risk, n_event, n_censor, \
             surv, std_err_greenwood, lower_loglog, upper_loglog, lower_log, upper_log.",
    source: "Kaplan and Meier 1958",
    choices: &[GROUP],
    run: curve,
};

/// Quantiles and the restricted mean.
pub(super) const QUANTILES: Method = Method {
    name: "wait-quantiles",
    summary: "Quantiles of the waiting time with 95 % limits, and the mean wait up to a limit.",
    layout: "in: as kaplan-meier. out: group, prob, quantile, lower, upper, rmean_to_max, rmean_se.",
    source: "Kaplan and Meier 1958; limits by inverting the log-log limits (Brookmeyer and Crowley 1982)",
    choices: &[
        GROUP,
        choice(
            "probabilities",
            "0.25,0.5,0.75,0.9",
            "the quantiles wanted, separated by commas",
        ),
        choice(
            "limit",
            "shortest",
            "the mean is of the wait up to so many days; `shortest` for the last day of the group seen for the shortest \
             time, so that groups can be compared; `own` for each group's own last day, as R prints",
        ),
    ],
    run: quantiles,
};

/// The comparison of groups.
pub(super) const LOG_RANK: Method = Method {
    name: "log-rank",
    summary: "Tests whether groups wait equally long.",
    layout: "in: as kaplan-meier. out: name, value for logrank_chisq, df and p.",
    source: "Mantel 1966",
    choices: &[GROUP],
    run: compare,
};

/// Competing ends.
pub(super) const INCIDENCE: Method = Method {
    name: "cumulative-incidence",
    summary: "The share of waits ended by each of several causes after each day.",
    layout: "in: time (whole days), cause (0 still waiting, 1, 2, ... the cause), group. out: group, cause, time, n_risk, \
             n_event, n_any_event, incidence, std_err, lower, upper, surv.",
    source: "Aalen and Johansen 1978",
    choices: &[
        GROUP,
        choice("variance", "aalen", "`aalen` (1978) or `delta`"),
    ],
    run: incidence,
};

/// The rows of each group, by the name of the group in order of appearance.
fn groups(input: &Table, options: &Options) -> Result<(Vec<String>, Vec<usize>), Error> {
    match options.word("group") {
        "none" => Ok((vec![String::new()], vec![0; input.rows.len()])),
        column => {
            let texts = input.texts(column)?;
            let (names, of_row) = places(&texts);
            Ok((names.into_iter().map(str::to_owned).collect(), of_row))
        }
    }
}

/// A column of whole numbers.
fn whole<T: std::str::FromStr>(
    input: &Table,
    column: &str,
    expected: &'static str,
) -> Result<Vec<T>, Error> {
    let read = |(row, text): (usize, &str)| {
        text.trim().parse().map_err(|_not_whole| Error::Cell {
            line: row + 2,
            column: column.to_owned(),
            value: text.to_owned(),
            expected,
        })
    };
    input
        .texts(column)?
        .into_iter()
        .enumerate()
        .map(read)
        .collect()
}

/// The waits of each group by its name.
fn waits(input: &Table, options: &Options) -> Result<Vec<(String, Vec<Wait>)>, Error> {
    let (names, of_row) = groups(input, options)?;
    let days: Vec<u32> = whole(input, "time", "a whole number of days")?;
    let events: Vec<u8> = whole(input, "event", "0 or 1")?;
    if let Some(row) = events.iter().position(|event| *event > 1) {
        return Err(Error::Data(format!(
            "line {}: `event` is neither 0 nor 1",
            row + 2
        )));
    }
    let mut found: Vec<(String, Vec<Wait>)> =
        names.into_iter().map(|name| (name, Vec::new())).collect();
    for ((days, event), group) in days.into_iter().zip(events).zip(of_row) {
        let end = if event == 1 {
            WaitEnd::Matched
        } else {
            WaitEnd::StillWaiting
        };
        if let Some((_, waits)) = found.get_mut(group) {
            waits.push(Wait { days, end });
        }
    }
    Ok(found)
}

/// The curve of each group.
fn curve(input: &Table, options: &Options) -> Result<Table, Error> {
    let mut rows = Vec::new();
    for (name, waits) in waits(input, options)? {
        rows.extend(
            kaplan_meier(&waits)
                .iter()
                .map(|step| curve_row(&name, step)),
        );
    }
    let columns = [
        "group",
        "time",
        "n_risk",
        "n_event",
        "n_censor",
        "surv",
        "std_err_greenwood",
        "lower_loglog",
        "upper_loglog",
        "lower_log",
        "upper_log",
    ];
    Ok(table(&columns, rows))
}

/// One step of a curve.
fn curve_row(name: &str, step: &Step) -> Vec<String> {
    let (log_log, log) = (step.limits(Band::LogLog), step.limits(Band::Log));
    let mut row = vec![name.to_owned(), step.days.to_string()];
    row.extend([step.n_at_risk, step.n_ended, step.n_still_waiting].map(|count| count.to_string()));
    row.push(real_cell(step.survival));
    row.push(cell(log_log.map(|_| step.standard_error)));
    for limits in [log_log, log] {
        row.push(cell(limits.map(|(low, _)| low)));
        row.push(cell(limits.map(|(_, high)| high)));
    }
    row
}

/// Quantiles and the restricted mean of each group.
fn quantiles(input: &Table, options: &Options) -> Result<Table, Error> {
    let groups = waits(input, options)?;
    let wanted = options.word("probabilities");
    let probabilities: Result<Vec<f64>, _> =
        wanted.split(',').map(|part| part.trim().parse()).collect();
    let probabilities = probabilities
        .ok()
        .filter(|all| all.iter().all(|p| *p > 0.0 && *p < 1.0));
    let probabilities = probabilities.ok_or_else(|| Error::Choice {
        option: "probabilities".to_owned(),
        value: wanted.to_owned(),
        expected: "numbers between 0 and 1, separated by commas".to_owned(),
    })?;
    let last = |waits: &[Wait]| f64::from(waits.iter().map(|wait| wait.days).max().unwrap_or(0));
    let common = match options.word("limit") {
        "own" => None,
        "shortest" => groups.iter().map(|(_, waits)| last(waits)).reduce(f64::min),
        _ => Some(within(options, "limit", 0.0, 1e9)?),
    };
    let mut rows = Vec::new();
    for (name, waits) in &groups {
        let steps = kaplan_meier(waits);
        let limit = common.unwrap_or_else(|| last(waits));
        let (mean, error) = (
            restricted_mean(&steps, limit),
            restricted_mean_error(&steps, limit),
        );
        rows.extend(probabilities.iter().map(|probability| {
            let found = wait_quantile(&steps, *probability);
            let numbers = [
                found.days,
                found.lower,
                found.upper,
                Some(mean),
                Some(error),
            ];
            let mut row = vec![name.clone(), real_cell(*probability)];
            row.extend(numbers.map(cell));
            row
        }));
    }
    let columns = [
        "group",
        "prob",
        "quantile",
        "lower",
        "upper",
        "rmean_to_max",
        "rmean_se",
    ];
    Ok(table(&columns, rows))
}

/// The comparison of all groups.
fn compare(input: &Table, options: &Options) -> Result<Table, Error> {
    let groups: Vec<Vec<Wait>> = waits(input, options)?
        .into_iter()
        .map(|(_, waits)| waits)
        .collect();
    let test = log_rank(&groups);
    let test =
        test.ok_or_else(|| Error::Data("there are no two groups with ends to compare".to_owned()))?;
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    let rows = vec![
        row("logrank_chisq", real_cell(test.chi_square)),
        row("df", test.freedom.to_string()),
        row("p", real_cell(test.p)),
    ];
    Ok(table(&["name", "value"], rows))
}

/// The cumulative incidence of each cause in each group.
fn incidence(input: &Table, options: &Options) -> Result<Table, Error> {
    let (names, of_row) = groups(input, options)?;
    let days: Vec<u32> = whole(input, "time", "a whole number of days")?;
    let causes: Vec<u8> = whole(input, "cause", "a whole number up to 255")?;
    let which = match options.one_of("variance", &["aalen", "delta"])? {
        "delta" => IncidenceVariance::Delta,
        _ => IncidenceVariance::Aalen,
    };
    let n_causes = causes.iter().max().copied().unwrap_or(0);
    let mut rows = Vec::new();
    for (group, name) in names.iter().enumerate() {
        let all = days
            .iter()
            .zip(&causes)
            .zip(&of_row)
            .filter(|(_, of)| **of == group);
        let waits: Vec<CompetingWait> = all
            .map(|((days, cause), _)| CompetingWait {
                days: *days,
                cause: cause.checked_sub(1).map(usize::from),
            })
            .collect();
        for cause in 0..n_causes {
            let steps = cumulative_incidence(&waits, usize::from(cause), which);
            rows.extend(steps.iter().map(|step| {
                let limits = step.limits();
                let mut row = vec![name.clone(), (cause + 1).to_string(), step.days.to_string()];
                let counts = [step.n_at_risk, step.n_of_cause, step.n_ended];
                row.extend(counts.map(|count| real_cell(real(count))));
                row.extend([step.incidence, step.standard_error].map(real_cell));
                row.extend([limits.map(|it| it.0), limits.map(|it| it.1)].map(cell));
                row.push(real_cell(step.survival));
                row
            }));
        }
    }
    let columns = [
        "group",
        "cause",
        "time",
        "n_risk",
        "n_event",
        "n_any_event",
        "incidence",
        "std_err",
        "lower",
        "upper",
        "surv",
    ];
    Ok(table(&columns, rows))
}

#[cfg(test)]
mod tests {
    use super::super::golden::{agree, call, read};
    use super::*;

    #[test]
    fn the_golden_curves_are_reproduced() {
        let mut n_points = 0;
        for data in ["aml", "lung"] {
            let found = call(&CURVE, &read(&format!("km/{data}_input.csv")), &[]);
            let golden = read(&format!("km/{data}_survfit.csv"));
            assert_eq!(found.columns, golden.columns);
            assert_eq!(
                found.texts("group").unwrap(),
                golden.texts("group").unwrap()
            );
            for column in &golden.columns[1..] {
                n_points += agree(&found, (column, &golden, column), 1e-10).0;
            }
        }
        assert_eq!(n_points, 10 * (20 + 206));
    }

    #[test]
    fn the_golden_quantiles_and_means_are_reproduced() {
        for data in ["aml", "lung"] {
            let input = read(&format!("km/{data}_input.csv"));
            let found = call(&QUANTILES, &input, &[("limit", "own")]);
            let golden = read(&format!("km/{data}_quantiles.csv"));
            assert_eq!(found.columns, golden.columns);
            assert_eq!(
                found.texts("group").unwrap(),
                golden.texts("group").unwrap()
            );
            for column in &golden.columns[1..] {
                assert_eq!(agree(&found, (column, &golden, column), 1e-10).0, 8);
            }
        }
    }

    #[test]
    fn the_golden_log_rank_tests_are_reproduced() {
        for data in ["aml", "lung"] {
            let found = call(&LOG_RANK, &read(&format!("km/{data}_input.csv")), &[]);
            let golden = read(&format!("km/{data}_logrank.csv"));
            assert_eq!(found.texts("name").unwrap(), golden.texts("name").unwrap());
            agree(&found, ("value", &golden, "value"), 1e-10);
        }
    }

    #[test]
    fn withdrawn_requests_compete_with_answers() {
        let input = Table::parse("time,cause\n1,1\n2,0\n3,2\n4,1\n5,0\n").unwrap();
        let found = call(&INCIDENCE, &input, &[("group", "none")]);
        assert_eq!(found.rows.len(), 10);
        let incidence = found.all_numbers("incidence").unwrap();
        assert!((incidence[4] - (0.2 + 0.8 / 3.0)).abs() < 1e-12);
        assert!((incidence[9] - 0.8 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn half_days_and_strange_events_are_refused() {
        for text in [
            "time,event\n1.5,1\n",
            "time,event\n1,2\n",
            "time,event\n-1,1\n",
        ] {
            let given = [("group".to_owned(), "none".to_owned())].into();
            assert!(
                CURVE.call(&Table::parse(text).unwrap(), &given).is_err(),
                "{text}"
            );
        }
    }
}
