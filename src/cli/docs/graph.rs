//! Which model reads which, as a diagram: tables in columns from left to right, each behind all it reads.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::html::escaped;
use crate::spec::commons::Commons;

/// Width of a box.
const BOX: usize = 330;
/// Height of a box.
const HEIGHT: usize = 22;
/// Room between two boxes above each other.
const GAP: usize = 8;
/// Room between two columns.
const BETWEEN: usize = 90;
/// Room around it all.
const MARGIN: usize = 16;

/// Tables by how many steps they are from the canonical ones, and the arrows between them.
struct Graph {
    /// Tables of each step, sorted.
    steps: Vec<Vec<String>>,
    /// From a table to one that reads it.
    arrows: Vec<(String, String)>,
}

/// The diagram of a commons.
fn graph(commons: &Commons) -> Graph {
    let mut depth: BTreeMap<&str, usize> = BTreeMap::new();
    let mut arrows = Vec::new();
    for model in &commons.models {
        let mut own = 0;
        for input in &model.inputs {
            own = own.max(*depth.entry(input).or_default() + 1);
            arrows.push((input.clone(), model.name.clone()));
        }
        depth.insert(&model.name, own);
    }
    let n_steps = depth.values().max().map_or(0, |last| last + 1);
    let mut steps = vec![Vec::new(); n_steps];
    for (table, step) in depth {
        steps[step].push(table.to_owned());
    }
    Graph { steps, arrows }
}

/// The diagram in the language of Mermaid.
pub(super) fn mermaid(commons: &Commons) -> String {
    let Graph { steps, arrows } = graph(commons);
    let mut text = String::from("flowchart LR\n");
    let names: BTreeSet<&String> = steps.iter().flatten().collect();
    for name in names {
        let _infallible = writeln!(text, "    {}[\"{name}\"]", name.replace('.', "__"));
    }
    for (from, to) in arrows {
        let (from, to) = (from.replace('.', "__"), to.replace('.', "__"));
        let _infallible = writeln!(text, "    {from} --> {to}");
    }
    text
}

/// The diagram as a picture.
pub(super) fn svg(commons: &Commons) -> String {
    let Graph { steps, arrows } = graph(commons);
    let mut places: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (step, tables) in steps.iter().enumerate() {
        for (row, table) in tables.iter().enumerate() {
            let x = MARGIN + step * (BOX + BETWEEN);
            let y = MARGIN + row * (HEIGHT + GAP);
            places.insert(table, (x, y));
        }
    }
    let n_rows = steps.iter().map(Vec::len).max().unwrap_or_default();
    let width = 2 * MARGIN + steps.len() * (BOX + BETWEEN) - BETWEEN.min(steps.len() * BETWEEN);
    let height = 2 * MARGIN + n_rows * (HEIGHT + GAP);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\">\n\
         <title>Da dove vengono i modelli · Where models come from</title>\n\
         <style>path {{ fill: none; stroke: #7a8a99; stroke-width: 1 }} rect {{ fill: #eef3f8; stroke: #35506b }} text {{ font: 12px system-ui, sans-serif; fill: #1a1a1a }}</style>\n"
    );
    for (from, to) in &arrows {
        let (Some((x1, y1)), Some((x2, y2))) = (places.get(&**from), places.get(&**to)) else {
            continue;
        };
        let (x1, y1, y2) = (x1 + BOX, y1 + HEIGHT / 2, y2 + HEIGHT / 2);
        let middle = usize::midpoint(x1, *x2);
        let _infallible = writeln!(
            text,
            "<path d=\"M{x1} {y1} C{middle} {y1} {middle} {y2} {x2} {y2}\"/>"
        );
    }
    for (table, (x, y)) in &places {
        let _infallible = writeln!(
            text,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{BOX}\" height=\"{HEIGHT}\" rx=\"3\"/><text x=\"{}\" y=\"{}\">{}</text>",
            x + 8,
            y + 15,
            escaped(table)
        );
    }
    text.push_str("</svg>\n");
    text
}
