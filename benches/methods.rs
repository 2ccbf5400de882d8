//! Times a statistical method by itself on the series of a CSV file, without reading, writing or formatting.
//!
//! `cargo bench --bench methods -- METHOD INPUT.csv`, with the layout of `antenne stats ears`. Prints series
//! points a second; `benches/detection` calls it in turn with R package `surveillance`, which is timed in the
//! same way.

use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

use antenne::methods::Table;
use antenne::stats::ears_series::SeriesEars;

/// How long a method is repeated.
const LONG_ENOUGH: Duration = Duration::from_secs(1);

/// The choices of the R package's `earsC(baseline = 7, minSigma = 0)`.
const EARS: SeriesEars = SeriesEars {
    n_baseline: 7,
    min_deviation: 0.0,
};

/// Level of the bounds of C1 and C2, and of the package's C3.
const ALPHAS: [f64; 2] = [0.001, 0.025];

fn main() -> Result<(), Box<dyn Error>> {
    // `cargo bench` adds words of its own.
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with("--"))
        .collect();
    let [method, path] = words.as_slice() else {
        return Err(
            "usage: cargo bench --bench methods -- ears_c1|ears_c2|ears_c3 INPUT.csv".into(),
        );
    };
    let series = series(&std::fs::read_to_string(path)?)?;
    let judge: fn(&[u64]) -> usize = match method.as_str() {
        "ears_c1" => |counts| black_box(EARS.bounds(counts, 0, ALPHAS[0])).len(),
        "ears_c2" => |counts| black_box(EARS.bounds(counts, 2, ALPHAS[0])).len(),
        "ears_c3" => |counts| black_box(EARS.package_c3_bounds(counts, ALPHAS[1])).len(),
        other => return Err(format!("there is no method `{other}`").into()),
    };
    let (began, mut n_points) = (Instant::now(), 0_u32);
    while began.elapsed() < LONG_ENOUGH {
        for counts in &series {
            n_points += u32::try_from(judge(black_box(counts)))?;
        }
    }
    let rate = f64::from(n_points) / began.elapsed().as_secs_f64();
    #[expect(clippy::print_stdout, reason = "the answer of this program")]
    {
        println!("{rate}");
    }
    Ok(())
}

/// The counts of every unit, one per run of rows with the same unit.
fn series(text: &str) -> Result<Vec<Vec<u64>>, Box<dyn Error>> {
    let table = Table::parse(text)?;
    let (units, observed) = (table.texts("unit")?, table.texts("observed")?);
    let mut series: Vec<Vec<u64>> = Vec::new();
    let mut before = None;
    for (unit, count) in units.iter().zip(&observed) {
        if before.replace(unit) != Some(unit) {
            series.push(Vec::new());
        }
        if let Some(counts) = series.last_mut() {
            counts.push(count.parse()?);
        }
    }
    Ok(series)
}
