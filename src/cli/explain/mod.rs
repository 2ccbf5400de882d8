//! `antenne detect`: computes the signals, or with `--explain` shows why one is there or not.

use std::fmt::Write as _;
use std::io::IsTerminal;

use clap::Args;

use super::output::{self, Format, aligned};
use super::run_verb::{self, StageArguments};
use super::{Error, Exit, Shared, open};
use crate::run::Stage;
use crate::run::explain::{self, Explanation, Judged, Line, Question};
use crate::run::with_causes;
use chart::{Manner, chart};

/// The chart.
mod chart;

/// Arguments of `detect`.
#[derive(Debug, Args)]
pub(super) struct DetectArguments {
    /// What every stage takes.
    #[command(flatten)]
    stage: StageArguments,
    /// Show the baseline of a need in a district instead, both by name or code.
    #[arg(long, num_args = 2, value_names = ["DISTRICT", "NEED"], conflicts_with = "source")]
    explain: Vec<String>,
    /// The month that is explained, as known at its end; the last one by default.
    #[arg(long, value_name = "YYYY-MM", requires = "explain")]
    month: Option<String>,
}

/// Computes the signals, or explains one.
pub(super) async fn detect(shared: &Shared, arguments: &DetectArguments) -> Result<Exit, Error> {
    let [district, need] = &*arguments.explain else {
        return run_verb::stage(shared, Stage::Detect, &arguments.stage).await;
    };
    let question = Question {
        district: district.clone(),
        need: need.clone(),
        month: arguments.month.clone(),
    };
    let cx = open(shared).await?;
    let found = explain::explain(&cx, &question).await;
    let found = found.map_err(|error| {
        if error.is_request() {
            let message = with_causes(&error);
            return Error::Request { message };
        }
        Error::failed(&error)
    })?;
    match arguments.stage.format {
        Format::Json => output::json(&found)?,
        Format::Text => output::print(&text(&found, manner()))?,
    }
    Ok(Exit::Done)
}

/// How the chart is drawn: with blocks on a terminal, in plain signs elsewhere and where nobody wants more.
#[expect(
    clippy::disallowed_methods,
    reason = "only the command line reads the environment"
)]
fn manner() -> Manner {
    let refused = std::env::var("NO_COLOR").is_ok_and(|value| !value.is_empty());
    if std::io::stdout().is_terminal() && !refused {
        Manner::Blocks
    } else {
        Manner::Plain
    }
}

/// The whole explanation.
fn text(found: &Explanation, manner: Manner) -> String {
    let mut text = format!(
        "{} ({}), {} ({}), as known at the end of {}\n\n",
        found.need, found.need_code, found.district, found.district_code, found.month
    );
    text.push_str(&table(&found.months));
    text.push('\n');
    text.push_str(&chart(&found.months, manner));
    text.push('\n');
    for sentence in sentences(found) {
        let _never_fails = writeln!(text, "{sentence}");
    }
    text
}

/// A line per month.
fn table(months: &[Line]) -> String {
    let titles = [
        "month", "seen", "exposed", "expected", "interval", "chance", "",
    ];
    let mut rows = vec![titles.map(str::to_owned).to_vec()];
    rows.extend(months.iter().map(|line| {
        let unknown = || "-".to_owned();
        let interval = line.low.zip(line.high);
        vec![
            line.month.clone(),
            line.observed.to_string(),
            format!("{:.0}", line.exposure),
            line.expected
                .map_or_else(unknown, |mean| format!("{mean:.1}")),
            interval.map_or_else(unknown, |(low, high)| format!("{low}-{high}")),
            line.p.map_or_else(unknown, chance),
            if line.is_above() { "!" } else { "" }.to_owned(),
        ]
    }));
    aligned(&rows)
}

/// A probability as a number that says something.
fn chance(p: f64) -> String {
    if p >= 0.001 {
        format!("{p:.3}")
    } else {
        format!("{p:.0e}")
    }
}

/// What follows, in words.
fn sentences(found: &Explanation) -> Vec<String> {
    let mut said = Vec::new();
    match &found.judged {
        None => said.push(
            "The month cannot be judged: too little is in, nobody was exposed, or the past is too short.".to_owned(),
        ),
        Some(judged) => said.extend(of_judged(judged, found)),
    }
    if let Some(change) = found.exposure_change_pct {
        said.push(format!(
            "Adjusted: the people exposed changed by {change:+.0} % against the year before."
        ));
    }
    let completeness = found.completeness_pct;
    said.push(if completeness < 99.5 {
        format!(
            "Adjusted: by experience {completeness:.0} % of the requests of {} are in; so much less was expected.",
            found.month
        )
    } else {
        format!("By experience all requests of {} are in.", found.month)
    });
    said.push(format!(
        "Method: {} {}; the level of the district is drawn toward that of all districts, season and trend are theirs,",
        found.method, found.method_version
    ));
    said.push(
        "  and the last four months are kept out of the fit; see docs/detection.md.".to_owned(),
    );
    said
}

/// What the method says of the month.
fn of_judged(judged: &Judged, found: &Explanation) -> Vec<String> {
    let months = match judged.n_window_months {
        1 => format!("In {}", found.month),
        n => format!("In the {n} months up to {}", found.month),
    };
    let thresholds = &found.thresholds;
    let mut said = vec![
        format!(
            "{months} {:.1} requests were expected (95 of 100 times {} to {}), {} were seen: {:.1} times as many.",
            judged.expected, judged.low, judged.high, judged.observed, judged.ratio
        ),
        format!(
            "Chance of as much if nothing had changed: p = {}; among {} cells judged that month q = {}.",
            chance(judged.p),
            judged.n_cells,
            chance(judged.q)
        ),
    ];
    said.push(if judged.is_rise {
        "This is a rise.".to_owned()
    } else {
        format!(
            "This is no rise: one has q <= {:?}, ratio >= {:?} and {:?} or more requests too many.",
            thresholds.rise_max_q, thresholds.rise_min_ratio, thresholds.rise_min_excess
        )
    });
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chance_is_never_written_as_zero() {
        assert_eq!(chance(0.0123), "0.012");
        assert_eq!(chance(0.000_012), "1e-5");
    }

    #[test]
    fn a_month_above_its_interval_is_marked_and_an_unknown_one_has_dashes() {
        let line = |observed, high: Option<u64>| Line {
            month: "2026-01".to_owned(),
            observed,
            exposure: 1000.0,
            expected: high.map(|_| 4.0),
            low: high.map(|_| 1),
            high,
            p: high.map(|_| 0.5),
        };
        let text = table(&[line(9, Some(8)), line(8, Some(8)), line(8, None)]);
        let ends: Vec<bool> = text.lines().map(|line| line.ends_with('!')).collect();
        assert_eq!(ends, [false, true, false, false]);
        assert!(text.lines().last().unwrap().matches('-').count() >= 4);
    }
}
