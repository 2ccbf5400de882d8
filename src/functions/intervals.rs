//! Rates and their intervals, row by row; the formulas are in `stats::rates`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use arrow::datatypes::{DataType, Float64Type};
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, Volatility, create_udf};
use datafusion::scalar::ScalarValue;

use super::{Body, Entry, Function};
use crate::stats::rates::{byar, clopper_pearson, garwood, newcombe, wilson};

/// Most arguments that such a function has.
const MOST_ARGUMENTS: usize = 4;

/// Source of a definition.
const WILSON: &str = "Wilson 1927, J. Am. Statist. Ass. 22:209";
/// Source of a definition.
const CLOPPER: &str = "Clopper, Pearson 1934, Biometrika 26:404";
/// Source of a definition.
const NEWCOMBE: &str = "Newcombe 1998, Statist. Med. 17:873, method 10";
/// Source of a definition.
const BYAR: &str = "Breslow, Day 1987, Statistical Methods in Cancer Research II, eq. 2.11";
/// Source of a definition.
const GARWOOD: &str = "Garwood 1936, Biometrika 28:437";

/// A plain function over the numbers of one row.
pub(super) type OfNumbers = fn(&[f64]) -> Option<f64>;

/// The functions of this file, each with its number of arguments.
const ENTRIES: &[Entry<(usize, OfNumbers)>] = &[
    Entry {
        name: "wilson_low",
        call: "wilson_low(events, trials) → double",
        it: "Limite inferiore al 95 % di una quota, da 0 a 1 (Wilson).",
        en: "Lower 95 % limit of a share, from 0 to 1 (Wilson).",
        source: WILSON,
        run: (2, |x| wilson(x[0], x[1]).map(|(low, _high)| low)),
    },
    Entry {
        name: "wilson_high",
        call: "wilson_high(events, trials) → double",
        it: "Limite superiore al 95 % di una quota, da 0 a 1 (Wilson).",
        en: "Upper 95 % limit of a share, from 0 to 1 (Wilson).",
        source: WILSON,
        run: (2, |x| wilson(x[0], x[1]).map(|(_low, high)| high)),
    },
    Entry {
        name: "exact_share_low",
        call: "exact_share_low(events, trials) → double",
        it: "Limite inferiore esatto al 95 % di una quota (Clopper-Pearson).",
        en: "Exact lower 95 % limit of a share (Clopper-Pearson).",
        source: CLOPPER,
        run: (2, |x| clopper_pearson(x[0], x[1]).map(|(low, _high)| low)),
    },
    Entry {
        name: "exact_share_high",
        call: "exact_share_high(events, trials) → double",
        it: "Limite superiore esatto al 95 % di una quota (Clopper-Pearson).",
        en: "Exact upper 95 % limit of a share (Clopper-Pearson).",
        source: CLOPPER,
        run: (2, |x| clopper_pearson(x[0], x[1]).map(|(_low, high)| high)),
    },
    Entry {
        name: "newcombe_low",
        call: "newcombe_low(events_1, trials_1, events_2, trials_2) → double",
        it: "Limite inferiore al 95 % della differenza tra la prima e la seconda quota.",
        en: "Lower 95 % limit of the first share minus the second.",
        source: NEWCOMBE,
        run: (4, |x| {
            newcombe((x[0], x[1]), (x[2], x[3])).map(|(low, _high)| low)
        }),
    },
    Entry {
        name: "newcombe_high",
        call: "newcombe_high(events_1, trials_1, events_2, trials_2) → double",
        it: "Limite superiore al 95 % della differenza tra la prima e la seconda quota.",
        en: "Upper 95 % limit of the first share minus the second.",
        source: NEWCOMBE,
        run: (4, |x| {
            newcombe((x[0], x[1]), (x[2], x[3])).map(|(_low, high)| high)
        }),
    },
    Entry {
        name: "byar_low",
        call: "byar_low(count, exposure) → double",
        it: "Limite inferiore al 95 % di un tasso, per unità di esposizione (Byar).",
        en: "Lower 95 % limit of a rate, per unit of exposure (Byar).",
        source: BYAR,
        run: (2, |x| byar(x[0], x[1]).map(|(low, _high)| low)),
    },
    Entry {
        name: "byar_high",
        call: "byar_high(count, exposure) → double",
        it: "Limite superiore al 95 % di un tasso, per unità di esposizione (Byar).",
        en: "Upper 95 % limit of a rate, per unit of exposure (Byar).",
        source: BYAR,
        run: (2, |x| byar(x[0], x[1]).map(|(_low, high)| high)),
    },
    Entry {
        name: "exact_rate_low",
        call: "exact_rate_low(count, exposure) → double",
        it: "Limite inferiore esatto al 95 % di un tasso (Poisson).",
        en: "Exact lower 95 % limit of a rate (Poisson).",
        source: GARWOOD,
        run: (2, |x| garwood(x[0], x[1]).map(|(low, _high)| low)),
    },
    Entry {
        name: "exact_rate_high",
        call: "exact_rate_high(count, exposure) → double",
        it: "Limite superiore esatto al 95 % di un tasso (Poisson).",
        en: "Exact upper 95 % limit of a rate (Poisson).",
        source: GARWOOD,
        run: (2, |x| garwood(x[0], x[1]).map(|(_low, high)| high)),
    },
];

/// The functions of this file.
pub(super) fn functions() -> Vec<Function> {
    ENTRIES
        .iter()
        .map(|entry| {
            let (n_arguments, run) = entry.run;
            entry.with(of_numbers(entry.name, n_arguments, run))
        })
        .collect()
}

/// A scalar function of `n_arguments` numbers.
pub(super) fn of_numbers(
    name: &str,
    n_arguments: usize,
    of_row: impl Fn(&[f64]) -> Option<f64> + Send + Sync + 'static,
) -> Body {
    let run = move |arguments: &[ColumnarValue]| on_rows(arguments, &of_row);
    Body::Scalar(Arc::new(create_udf(
        name,
        vec![DataType::Float64; n_arguments],
        DataType::Float64,
        Volatility::Immutable,
        Arc::new(run),
    )))
}

/// Answers row by row; a row with an absent argument has no answer.
fn on_rows(
    arguments: &[ColumnarValue],
    of_row: impl Fn(&[f64]) -> Option<f64>,
) -> Result<ColumnarValue> {
    let arrays: Vec<ArrayRef> = ColumnarValue::values_to_arrays(arguments)?;
    let columns: Vec<&Float64Array> = arrays
        .iter()
        .map(AsArray::as_primitive::<Float64Type>)
        .collect();
    let n_rows = arrays.first().map_or(0, Array::len);
    let mut row_values = [0.0; MOST_ARGUMENTS];
    let answers: Float64Array = (0..n_rows)
        .map(|row| {
            for (value, column) in row_values.iter_mut().zip(&columns) {
                if column.is_null(row) {
                    return None;
                }
                *value = column.value(row);
            }
            of_row(&row_values[..columns.len()])
        })
        .collect();
    one_or_many(arguments, Arc::new(answers))
}

/// A scalar where every argument was one, else the whole column.
pub(super) fn one_or_many(arguments: &[ColumnarValue], answers: ArrayRef) -> Result<ColumnarValue> {
    let is_one = arguments
        .iter()
        .all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
    if is_one {
        ScalarValue::try_from_array(&answers, 0).map(ColumnarValue::Scalar)
    } else {
        Ok(ColumnarValue::Array(answers))
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::answers::{cell, rows};

    #[tokio::test]
    async fn limits_are_answered_for_every_row_and_absent_where_there_are_none() {
        let found = rows(
            "select round(wilson_low(e, n), 4), round(wilson_high(e, n), 4)
             from (values (81, 263), (0, 20), (1, 0), (null, 5), (6, 5)) as shares (e, n)",
        )
        .await;
        assert_eq!(found[0], ["0.2553", "0.3662"]);
        assert_eq!(found[1], ["0.0", "0.1611"]);
        for row in &found[2..] {
            assert_eq!(row, &["NULL", "NULL"]);
        }
    }

    #[tokio::test]
    async fn a_constant_call_is_one_answer() {
        assert_eq!(
            cell("select round(newcombe_low(56, 70, 48, 80), 4)").await,
            "0.0524"
        );
        assert_eq!(
            cell("select round(exact_rate_high(0, 1), 3)").await,
            "3.689"
        );
        assert_eq!(cell("select byar_low(0, 10)").await, "0.0");
        assert_eq!(cell("select exact_share_low(null, 10)").await, "NULL");
    }
}
