//! Small drawings as inline SVG: a trend, and an observed value against its expected range.
//!
//! A drawing repeats what the table or sentence beside it says, and carries a title and a
//! description, so that nothing is lost to a reader who does not see it.

use maud::{Markup, html};

use super::Language;
use super::numbers::{decimal, short_quarter, whole};
use super::view::{Cell, Evidence};

/// Width of a trend, in pixels.
const WIDTH: f64 = 150.0;
/// Height of a trend, in pixels.
const HEIGHT: f64 = 36.0;
/// Space around a trend, in pixels.
const MARGIN: f64 = 3.0;

/// A count as a number to draw with.
#[expect(
    clippy::cast_precision_loss,
    reason = "a drawing has a few hundred pixels"
)]
fn position(value: i64) -> f64 {
    value as f64
}

/// One point of a trend: where it lies across, and its count if it is published.
struct Point {
    /// Pixels from the left.
    x: f64,
    /// Pixels from the top, if the count is published.
    y: Option<f64>,
}

/// The points of a series, scaled to the drawing.
fn points(cells: &[(String, Cell)]) -> Vec<Point> {
    let top = cells
        .iter()
        .filter_map(|(_, cell)| cell.value())
        .max()
        .unwrap_or(0)
        .max(1);
    let steps = i64::try_from(cells.len())
        .unwrap_or(1)
        .saturating_sub(1)
        .max(1);
    let across = (WIDTH - 2.0 * MARGIN) / position(steps);
    let up = (HEIGHT - 2.0 * MARGIN) / position(top);
    let mut points = Vec::with_capacity(cells.len());
    let mut x = MARGIN;
    for (_, cell) in cells {
        let y = cell
            .value()
            .map(|value| HEIGHT - MARGIN - position(value) * up);
        points.push(Point { x, y });
        x += across;
    }
    points
}

/// The lines of a trend: one for each run of published points; a point alone is a short line.
fn runs(points: &[Point]) -> Vec<String> {
    let published = points
        .split(|point| point.y.is_none())
        .filter(|run| !run.is_empty());
    published.map(line).collect()
}

/// The line through a run of published points.
fn line(run: &[Point]) -> String {
    let pairs = run.iter().filter_map(|point| Some((point.x, point.y?)));
    let mut pairs: Vec<String> = pairs.map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    if let ([point], Some(y)) = (run, run.first().and_then(|point| point.y)) {
        pairs.push(format!("{:.1},{y:.1}", point.x + 2.0));
    }
    pairs.join(" ")
}

/// The trend of one series of counts, oldest first; `id` is unique on its page.
pub(crate) fn trend(language: Language, id: &str, title: &str, cells: &[(String, Cell)]) -> Markup {
    let points = points(cells);
    let last = points
        .iter()
        .rev()
        .find_map(|point| point.y.map(|y| (point.x, y)));
    let base = HEIGHT - MARGIN;
    html! {
        svg class="trend" width="150" height="36" viewBox="0 0 150 36" role="img"
            aria-labelledby={ (id) "t " (id) "d" } {
            title id={ (id) "t" } { (language.say("Andamento: ", "Trend: ")) (title) }
            desc id={ (id) "d" } { (description(language, cells)) }
            @for line in runs(&points) {
                polyline points=(line) fill="none" stroke="#0066cc" stroke-width="2" {}
            }
            @for point in points.iter().filter(|point| point.y.is_none()) {
                path d=(format!("M{:.1} {:.1}v-5", point.x, base)) stroke="#5c6f82" stroke-width="1" {}
            }
            @if let Some((x, y)) = last {
                circle cx=(format!("{x:.1}")) cy=(format!("{y:.1}")) r="3" fill="#17324d" {}
            }
        }
    }
}

/// A trend in words: first and last published count, the highest, and how many are missing.
fn description(language: Language, cells: &[(String, Cell)]) -> String {
    let published: Vec<(&str, i64)> = cells
        .iter()
        .filter_map(|(quarter, cell)| cell.value().map(|value| (quarter.as_str(), value)))
        .collect();
    let (Some(first), Some(last)) = (published.first(), published.last()) else {
        return language
            .say("Nessuna cifra pubblicata.", "No published figure.")
            .to_owned();
    };
    let most = published.iter().map(|(_, value)| *value).max().unwrap_or(0);
    let n_missing = cells.len() - published.len();
    let at = |point: &(&str, i64)| {
        format!(
            "{} ({})",
            whole(language, point.1),
            short_quarter(language, point.0)
        )
    };
    let mut text = match language {
        Language::Italian => {
            format!(
                "Da {} a {}; massimo {}.",
                at(first),
                at(last),
                whole(language, most)
            )
        }
        Language::English => {
            format!(
                "From {} to {}; highest {}.",
                at(first),
                at(last),
                whole(language, most)
            )
        }
    };
    if n_missing > 0 {
        let missing = language.say(
            " Trimestri senza cifra pubblicata: ",
            " Quarters without a published figure: ",
        );
        text = format!("{text}{missing}{n_missing}.");
    }
    text
}

/// The observed value against its expected range, on one axis from zero.
pub(crate) fn range(language: Language, id: &str, evidence: &Evidence) -> Option<Markup> {
    let observed = evidence.observed?;
    let (low, high) = evidence.low.zip(evidence.high)?;
    let top = observed.max(high).max(1.0);
    let x = |value: f64| format!("{:.1}", 6.0 + 288.0 * (value / top).clamp(0.0, 1.0));
    let width = format!("{:.1}", (288.0 * (high - low) / top).max(2.0));
    let figure = |value| decimal(language, value, 1);
    let text = match language {
        Language::Italian => format!(
            "Intervallo atteso {}–{}, osservato {}.",
            figure(low),
            figure(high),
            figure(observed)
        ),
        Language::English => format!(
            "Expected range {}–{}, observed {}.",
            figure(low),
            figure(high),
            figure(observed)
        ),
    };
    Some(html! {
        svg class="range" width="300" height="24" viewBox="0 0 300 24" role="img" aria-labelledby={ (id) "r" } {
            title id={ (id) "r" } { (text) }
            path d="M6 12H294" stroke="#5c6f82" stroke-width="1" {}
            rect x=(x(low)) y="6" width=(width) height="12" fill="#b8d4f0" stroke="#0066cc" {}
            @if let Some(guess) = evidence.expected {
                path d={ "M" (x(guess)) " 6v12" } stroke="#0066cc" stroke-width="2" {}
            }
            circle cx=(x(observed)) cy="12" r="6" fill="#17324d" {}
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_breaks_the_line_and_is_said_in_words() {
        let cells: Vec<(String, Cell)> = [
            ("2025-Q4", Cell::Published(12)),
            ("2026-Q1", Cell::Published(14)),
            ("2026-Q2", Cell::Suppressed),
            ("2026-Q3", Cell::Published(24)),
        ]
        .map(|(quarter, cell)| (quarter.to_owned(), cell))
        .to_vec();
        assert_eq!(runs(&points(&cells)).len(), 2);
        assert_eq!(
            description(Language::Italian, &cells),
            "Da 12 (T4\u{a0}2025) a 24 (T3\u{a0}2026); massimo 24. Trimestri senza cifra pubblicata: 1."
        );
    }

    #[test]
    fn a_range_without_a_published_observation_is_not_drawn() {
        assert!(range(Language::Italian, "x", &Evidence::default()).is_none());
    }
}
