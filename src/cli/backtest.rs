//! `antenne backtest`: how early the methods would have seen rises, and how often they would have been wrong.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;

use super::output::{self, Format, aligned};
use super::{Error, Exit, Shared, Talk, open, report};
use crate::run::backtest::{self, Figures, Method, Plan, Report, Tried};
use crate::run::with_causes;
use crate::sample::Truth;
use crate::spec::detection::FILE;

/// Arguments of `backtest`.
#[derive(Debug, Args)]
pub(super) struct BacktestArguments {
    /// Months to replay, the last ones.
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u16).range(6..=600))]
    months: u16,
    /// Methods to try, several by commas: pooled, `pooled_no_exposure`, `pooled_clusters`, `ears_c1`,
    /// `ears_c2`, farrington, or all.
    #[arg(
        long = "method",
        value_name = "METHOD",
        value_delimiter = ',',
        default_value = "pooled"
    )]
    methods: Vec<String>,
    /// Rises to plant at most; no more than one cell in four gets one.
    #[arg(long = "plant", value_name = "N", default_value_t = 60)]
    n_rises: usize,
    /// Seed of the rises: all methods meet the same ones.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// What is really in the records: the truth file of a sample.
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
    /// Choose thresholds and write them to `pipelines/detection.toml`.
    #[arg(long)]
    write: bool,
    /// False alarms a month that the thresholds may raise.
    #[arg(long, value_name = "N", default_value_t = 1.0)]
    max_false_alarms: f64,
    /// How the figures are printed.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Replays history.
pub(super) async fn backtest(
    shared: &Shared,
    arguments: &BacktestArguments,
) -> Result<Exit, Error> {
    let plan = Plan {
        n_months: usize::from(arguments.months),
        methods: methods(&arguments.methods)?,
        n_rises: arguments.n_rises,
        seed: arguments.seed,
        truth: match &arguments.truth {
            Some(path) => Some(truth(&shared.commons.join(path))?),
            None => None,
        },
        write_within: arguments.write.then_some(arguments.max_false_alarms),
    };
    let cx = open(shared).await?;
    let done = backtest::backtest(&cx, &plan).await;
    let done = done.map_err(|error| {
        if error.is_request() {
            let message = with_causes(&error);
            return Error::Request { message };
        }
        Error::failed(&error)
    })?;
    if done.chosen.is_some() && shared.talk != Talk::Quiet {
        report::say(&format!("wrote `{}`", shared.commons.join(FILE).display()));
    }
    match arguments.format {
        Format::Json => output::json(&done)?,
        Format::Text => output::print(&text(&done))?,
    }
    Ok(Exit::Done)
}

/// The methods named.
fn methods(words: &[String]) -> Result<Vec<Method>, Error> {
    let mut found = Vec::new();
    for word in words {
        let is_meant = |method: &Method| word == "all" || method.name() == word;
        let meant: Vec<Method> = Method::ALL.into_iter().filter(is_meant).collect();
        if meant.is_empty() {
            let all: Vec<&str> = Method::ALL.iter().map(|method| method.name()).collect();
            let message = format!(
                "there is no method `{word}`; there are {}, and all",
                all.join(", ")
            );
            return Err(Error::Request { message });
        }
        for method in meant {
            if !found.contains(&method) {
                found.push(method);
            }
        }
    }
    Ok(found)
}

/// Reads a truth file.
fn truth(path: &Path) -> Result<Truth, Error> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::Act {
        act: format!("read the truth file `{}`", path.display()),
        source,
    })?;
    serde_json::from_str(&text).map_err(|error| Error::Request {
        message: format!("`{}` is not a truth file: {error}", path.display()),
    })
}

/// The figures for people.
fn text(report: &Report) -> String {
    let mut text = format!(
        "{} to {}, {} districts, {} needs, {} planted rises (seed {})\n\n",
        report.first_month,
        report.last_month,
        report.n_districts,
        report.n_needs,
        report
            .methods
            .first()
            .map_or(0, |tried| tried.figures.n_planted),
        report.seed
    );
    let titles = [
        "method",
        "found",
        "x1.5",
        "x2",
        "x3",
        "x5",
        "false/month",
        "per 1000",
        "precision",
        "days",
    ];
    let mut rows = vec![titles.map(str::to_owned).to_vec()];
    let mut chosen = Vec::new();
    if let Some(found) = &report.chosen {
        chosen.push(row("pooled, chosen", &found.figures));
    }
    rows.extend(
        report
            .methods
            .iter()
            .map(|tried| row(tried.method.name(), &tried.figures)),
    );
    rows.extend(chosen);
    text.push_str(&aligned(&rows));
    for tried in &report.methods {
        text.push_str(&of_truth(tried).unwrap_or_default());
    }
    if let Some(found) = &report.chosen {
        let thresholds = &found.thresholds;
        let _never_fails = writeln!(
            text,
            "\nchosen: rise_max_q {:?}, rise_min_ratio {:?}, rise_min_excess {:?}",
            thresholds.rise_max_q, thresholds.rise_min_ratio, thresholds.rise_min_excess
        );
    }
    text.push_str(
        "\nfound: share of the rises found within four months, over all and by rate ratio\n\
         false: flags raised where nothing was planted, also those with a real reason\n\
         days: from the first day of a rise to the end of the month that found it; quartiles\n",
    );
    text
}

/// What a method found of the truth file.
fn of_truth(tried: &Tried) -> Option<String> {
    let score = tried.of_truth.as_ref()?;
    Some(format!(
        "{} of the truth file: {} of {} needs found, {} of {} decoys flagged\n",
        tried.method.name(),
        score.needs_found,
        score.needs_planted,
        score.decoys_flagged,
        score.decoys_planted
    ))
}

/// The figures of a method as a line.
fn row(name: &str, figures: &Figures) -> Vec<String> {
    let [by_1_5, by_2, by_3, by_5] = figures
        .sensitivity_by_ratio
        .map(|share| format!("{share:.2}"));
    let days = figures.days_to_detection;
    vec![
        name.to_owned(),
        format!("{:.2}", figures.sensitivity),
        by_1_5,
        by_2,
        by_3,
        by_5,
        format!("{:.2}", figures.false_alarms_per_month),
        format!("{:.2}", figures.false_alarms_per_1000_cells),
        figures
            .precision
            .map_or("-".to_owned(), |share| format!("{share:.2}")),
        days.map_or("-".to_owned(), |[low, middle, high]| {
            format!("{low} {middle} {high}")
        }),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_named_once_and_an_unknown_one_is_answered_with_all() {
        let words = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(methods(&words("all,pooled")).unwrap(), Method::ALL);
        assert_eq!(
            methods(&words("ears_c2,pooled")).unwrap(),
            [Method::EarsC2, Method::Pooled]
        );
        let refused = methods(&words("ears")).unwrap_err().to_string();
        assert!(refused.contains("pooled_no_exposure"), "{refused}");
    }
}
