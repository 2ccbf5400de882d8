//! Chooses thresholds on a replay and writes them down.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use super::judge::Month;
use super::measure::{Figures, Truth, measure};
use crate::spec::detection::{FILE, Thresholds};

/// Largest q-values tried.
const MAX_Q: [f64; 6] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05];
/// Smallest ratios tried.
const MIN_RATIO: [f64; 4] = [1.2, 1.3, 1.5, 2.0];
/// Smallest excesses tried.
const MIN_EXCESS: [f64; 4] = [2.0, 3.0, 5.0, 8.0];

/// The thresholds chosen, and what they do on the rises they were chosen on.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Chosen {
    /// All thresholds; those of rises are the chosen ones.
    pub thresholds: Thresholds,
    /// The figures of the pooled method under them.
    pub figures: Figures,
}

/// The thresholds of rises that find most while false alarms stay within `most` a month.
///
/// Among equals those with fewer false alarms, then the first tried. Nothing where none stays within.
pub(crate) fn choose(
    replay: &[Month],
    truth: &Truth<'_>,
    (now, most): (&Thresholds, f64),
) -> Option<Chosen> {
    let mut best: Option<Chosen> = None;
    for rise_max_q in MAX_Q {
        for (rise_min_ratio, rise_min_excess) in pairs() {
            let thresholds = Thresholds {
                rise_max_q,
                rise_min_ratio,
                rise_min_excess,
                ..now.clone()
            };
            let figures = measure(replay, truth, &thresholds);
            let is_within = figures.false_alarms_per_month <= most;
            let is_better = best
                .as_ref()
                .is_none_or(|best| is_better(&figures, &best.figures));
            if is_within && is_better {
                best = Some(Chosen {
                    thresholds,
                    figures,
                });
            }
        }
    }
    best
}

/// Every ratio with every excess.
fn pairs() -> impl Iterator<Item = (f64, f64)> {
    MIN_RATIO
        .into_iter()
        .flat_map(|ratio| MIN_EXCESS.into_iter().map(move |excess| (ratio, excess)))
}

/// Whether the first finds more, or as much with fewer false alarms.
fn is_better(first: &Figures, second: &Figures) -> bool {
    let fewer = first.false_alarms_per_month < second.false_alarms_per_month;
    first.n_found > second.n_found || (first.n_found == second.n_found && fewer)
}

/// The file, whole, with a comment on how it came about.
pub(crate) fn file_text(chosen: &Chosen, notes: &[String]) -> String {
    let figures = &chosen.figures;
    let mut lines = vec![
        "# From which values on something is a signal; written by `antenne backtest --write`."
            .to_owned(),
    ];
    lines.extend(notes.iter().map(|note| format!("# {note}")));
    lines.push(format!(
        "# Found {} of {} planted rises ({:.2}) with {:.2} false alarms a month.",
        figures.n_found, figures.n_planted, figures.sensitivity, figures.false_alarms_per_month
    ));
    lines.push(
        "# The thresholds of rises were chosen on these rises: expect a little less of others."
            .to_owned(),
    );
    let named = chosen.thresholds.named().into_iter();
    lines.extend(named.map(|(name, value)| format!("{name} = {value:?}")));
    format!("{}\n", lines.join("\n"))
}

/// Writes the file into a commons; it is never half there.
///
/// # Errors
/// When the folder cannot be written to; an earlier file then stays as it was.
pub(crate) fn write(root: &Path, text: &str) -> Result<PathBuf, (PathBuf, io::Error)> {
    let path = root.join(FILE);
    let aside = path.with_extension("toml.unfinished");
    let written = || {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = File::create(&aside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&aside, &path)
    };
    match written() {
        Ok(()) => Ok(path),
        Err(error) => Err((path, error)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::run::backtest::judge::{Verdict, verdict_for_tests};
    use crate::run::backtest::plant::Rise;

    /// A replay of four months: a planted cell found at q = 0.04, a clean one flagged at `clean_q` every other month.
    fn replay(clean_q: f64) -> Vec<Month> {
        let verdict = |cell, q| Verdict {
            q,
            ..verdict_for_tests(cell)
        };
        let month = |at: usize| Month {
            n_judged: 2,
            verdicts: if at.is_multiple_of(2) {
                vec![verdict((0, 0), 0.04), verdict((0, 1), clean_q)]
            } else {
                vec![verdict((0, 0), 0.04)]
            },
        };
        (0..4).map(month).collect()
    }

    /// What is chosen on it.
    fn chosen(clean_q: f64, most: f64) -> Option<Chosen> {
        let months: Vec<String> = (1..=4).map(|month| format!("2026-0{month}")).collect();
        let rises = [Rise {
            cell: (0, 0),
            start: 0,
            ratio: 2.0,
        }];
        let truth = Truth {
            months: &months,
            first: 0,
            rises: &rises,
            real: &BTreeMap::new(),
        };
        choose(&replay(clean_q), &truth, (&Thresholds::default(), most))
    }

    #[test]
    fn the_most_is_found_that_the_false_alarms_allow() {
        // The clean cell raises 2 flags in 4 months. At 0.15 a q of 0.05 finds the rise without it.
        let apart = chosen(0.15, 0.4).unwrap();
        assert_eq!(apart.figures.n_found, 1);
        assert!((apart.thresholds.rise_max_q - 0.05).abs() < 1e-12);
        // At 0.01 the rise cannot be had without the false flags: it is not found.
        let strict = chosen(0.01, 0.4).unwrap();
        assert_eq!(strict.figures.n_found, 0);
        assert_eq!(chosen(0.01, 0.5).unwrap().figures.n_found, 1);
    }

    #[test]
    fn nothing_is_chosen_where_no_threshold_is_strict_enough() {
        assert!(chosen(0.0001, -1.0).is_none());
    }

    #[test]
    fn the_file_is_read_back_as_it_was_meant_and_replaces_the_earlier_one_whole() {
        let folder = tempfile::tempdir().unwrap();
        let chosen = chosen(0.15, 0.4).unwrap();
        let text = file_text(&chosen, &["antenne backtest --write".to_owned()]);
        assert!(text.contains("# antenne backtest --write\n# Found 1 of 1 planted rises (1.00)"));
        write(folder.path(), "old").unwrap();
        let path = write(folder.path(), &text).unwrap();
        let read: Thresholds = toml::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(read, chosen.thresholds);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }
}
