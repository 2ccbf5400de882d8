//! A chart of 80 columns: what was seen as columns, the upper end of what was expected as marks.

use crate::run::explain::Line;

/// How it is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// With blocks of eighths.
    Blocks,
    /// In plain signs.
    Plain,
}

/// Columns of the whole chart.
const WIDTH: usize = 80;
/// Columns before the first month: the numbers and a line.
const MARGIN: usize = 8;
/// Rows of the columns.
const HEIGHT: u64 = 10;
/// Blocks from one to eight eighths.
const EIGHTHS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The chart of the last months that have room.
pub(super) fn chart(months: &[Line], manner: Manner) -> String {
    let n_shown = months.len().min(WIDTH - MARGIN);
    let shown = months.get(months.len() - n_shown..).unwrap_or_default();
    let highest = |line: &Line| line.observed.max(line.high.unwrap_or(0));
    let top = shown.iter().map(highest).max().unwrap_or(0).max(1);
    let bar = match manner {
        Manner::Blocks => '│',
        Manner::Plain => '|',
    };
    let mut text = String::new();
    for row in (0..HEIGHT).rev() {
        let label = if row + 1 == HEIGHT {
            top.to_string()
        } else if row == 0 {
            "0".to_owned()
        } else {
            String::new()
        };
        let signs: String = shown
            .iter()
            .map(|line| sign(line, (row, top), manner))
            .collect();
        text.push_str(format!("{label:>6} {bar}{signs}").trim_end());
        text.push('\n');
    }
    text.push_str(&years(shown));
    let (seen, bound) = match manner {
        Manner::Blocks => ("█", "╌"),
        Manner::Plain => ("#", "-"),
    };
    let margin = " ".repeat(MARGIN);
    format!("{text}{margin}{seen} seen   {bound} upper end of the expected\n")
}

/// The sign of a month in a row, counted from below.
fn sign(line: &Line, (row, top): (u64, u64), manner: Manner) -> char {
    let eighths = |count: u64| count * HEIGHT * 8 / top;
    let filled = eighths(line.observed).saturating_sub(row * 8).min(8);
    let is_bound = line.high.is_some_and(|high| {
        let at = eighths(high).saturating_sub(1) / 8;
        at == row
    });
    let block = usize::try_from(filled)
        .ok()
        .and_then(|filled| EIGHTHS.get(filled.checked_sub(1)?));
    match (manner, block) {
        (Manner::Blocks, Some(block)) => *block,
        (Manner::Blocks, None) if is_bound => '╌',
        (Manner::Plain, Some(_)) if filled >= 4 => '#',
        (Manner::Plain, _) if is_bound => '-',
        _ => ' ',
    }
}

/// The years below their January.
fn years(shown: &[Line]) -> String {
    let mut line = " ".repeat(MARGIN);
    for (at, month) in shown.iter().enumerate() {
        let Some((year, month)) = month.month.split_once('-') else {
            continue;
        };
        let place = MARGIN + at;
        if month == "01" && place + year.len() <= WIDTH && place >= line.len() {
            line.push_str(&" ".repeat(place - line.len()));
            line.push_str(year);
        }
    }
    format!("{}\n", line.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A month.
    fn line(month: &str, observed: u64, high: u64) -> Line {
        Line {
            month: month.to_owned(),
            observed,
            exposure: 1.0,
            expected: Some(1.0),
            low: Some(0),
            high: Some(high),
            p: Some(0.5),
        }
    }

    #[test]
    fn columns_are_as_high_as_what_was_seen() {
        let months = [
            line("2025-12", 5, 8),
            line("2026-01", 10, 8),
            line("2026-02", 0, 8),
        ];
        let plain = chart(&months, Manner::Plain);
        let rows: Vec<&str> = plain.lines().collect();
        assert_eq!(rows[0], "    10 | #");
        // 8 of 10: the mark stands in the eighth row from below, behind the second column.
        assert_eq!(rows[2], "       |-#-");
        assert_eq!(rows[5], "       |##");
        assert_eq!(rows[9], "     0 |##");
        assert_eq!(rows[10], "         2026");
        assert!(plain.is_ascii());
        let blocks = chart(&months, Manner::Blocks);
        assert_eq!(blocks.lines().nth(2), Some("       │╌█╌"));
    }

    #[test]
    fn a_long_history_fits_into_eighty_columns() {
        let months: Vec<Line> = (0..200)
            .map(|at| line(&format!("{}-{:02}", 2000 + at / 12, at % 12 + 1), 7, 9))
            .collect();
        for manner in [Manner::Plain, Manner::Blocks] {
            let text = chart(&months, manner);
            assert!(text.lines().all(|line| line.chars().count() <= WIDTH));
            assert!(text.lines().any(|line| line.chars().count() == WIDTH));
        }
        assert!(chart(&[], Manner::Plain).contains("seen"));
    }
}
