//! Aggregates over the values of a group: inequality, survival, standardized rates.
//!
//! The values of a group are gathered and judged together when it ends. They are put in order first, so
//! that the same rows give the same last digit whatever the order in which threads read them. What a
//! group gathers is reported as memory, so a query over too many values stops at its limit by name.

use std::fmt::Debug;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Float64Type};
use datafusion::error::Result;
use datafusion::logical_expr::{Accumulator, Volatility, create_udaf};
use datafusion::scalar::ScalarValue;

use super::{Body, Entry, Function};
use crate::stats::inequality::{Weighted, concentration_index, gini, theil, weighted_quantile};
use crate::stats::rates::{Stratum, directly_standardized, directly_standardized_limits};
use crate::stats::survival::{Wait, WaitEnd, kaplan_meier, restricted_mean, wait_quantile};

/// A function over the rows of a group, each row with all its arguments.
pub(super) type OfGroup = fn(&[Vec<f64>]) -> Option<f64>;

/// Source of a definition.
const KAPLAN: &str = "Kaplan, Meier 1958, J. Am. Statist. Ass. 53:457";
/// Source of a definition.
const DOBSON: &str = "Dobson et al. 1991, Statist. Med. 10:457";

/// The functions of this file, each with the types of its arguments.
const ENTRIES: &[Entry<(&[DataType], OfGroup)>] = &[
    Entry {
        name: "km_quantile",
        call: "km_quantile(days, is_over, part) → double",
        it: "Quantile di Kaplan-Meier delle attese; nullo se la curva non ci arriva.",
        en: "Kaplan-Meier quantile of waits; null where the curve never gets there.",
        source: KAPLAN,
        run: (WAIT_AND_NUMBER, |rows| {
            let part = rows.first()?[2];
            wait_quantile(&kaplan_meier(&waits(rows)), part).days
        }),
    },
    Entry {
        name: "km_mean",
        call: "km_mean(days, is_over, limit) → double",
        it: "Media delle attese entro un limite di giorni, con le attese aperte contate bene.",
        en: "Mean wait within a limit of days, open waits counted properly.",
        source: "Royston, Parmar 2013, BMC Med. Res. Methodol. 13:152",
        run: (WAIT_AND_NUMBER, |rows| {
            let limit = rows.first()?[2];
            Some(restricted_mean(&kaplan_meier(&waits(rows)), limit))
        }),
    },
    Entry {
        name: "theil",
        call: "theil(value, weight) → double",
        it: "Indice T di Theil: 0 se tutti hanno lo stesso.",
        en: "Theil's T: 0 when all have the same.",
        source: "Theil 1967, Economics and Information Theory",
        run: (NUMBERS_2, |rows| theil(&weighted(rows))),
    },
    Entry {
        name: "gini",
        call: "gini(value, weight) → double",
        it: "Indice di Gini: 0 se tutti hanno lo stesso.",
        en: "Gini index: 0 when all have the same.",
        source: "Lerman, Yitzhaki 1989, J. Econometrics 42:43",
        run: (NUMBERS_2, |rows| gini(&weighted(rows))),
    },
    Entry {
        name: "concentration_index",
        call: "concentration_index(value, weight, ranked_by) → double",
        it: "Indice di concentrazione: negativo se ha di più chi sta in basso nella graduatoria.",
        en: "Concentration index: negative where those of low rank have more.",
        source: "Kakwani, Wagstaff, van Doorslaer 1997, J. Econometrics 77:87",
        run: (NUMBERS_3, |rows| {
            let ranked: Vec<_> = weighted(rows)
                .into_iter()
                .zip(rows.iter().map(|row| row[2]))
                .collect();
            concentration_index(&ranked)
        }),
    },
    Entry {
        name: "weighted_quantile",
        call: "weighted_quantile(value, weight, part) → double",
        it: "Quantile pesato: il valore sotto cui sta quella parte del peso.",
        en: "Weighted quantile: the value with that part of the weight at or below it.",
        source: "Hyndman, Fan 1996, Am. Statist. 50:361, types 1 and 2",
        run: (NUMBERS_3, |rows| {
            weighted_quantile(&weighted(rows), rows.first()?[2])
        }),
    },
    Entry {
        name: "standardized_rate",
        call: "standardized_rate(count, exposure, standard) → double",
        it: "Tasso standardizzato direttamente: una riga per strato, con il suo peso nello standard.",
        en: "Directly standardized rate: one row per stratum, with its weight in the standard.",
        source: DOBSON,
        run: (NUMBERS_3, |rows| directly_standardized(&strata(rows))),
    },
    Entry {
        name: "standardized_rate_low",
        call: "standardized_rate_low(count, exposure, standard) → double",
        it: "Limite inferiore al 95 % del tasso standardizzato.",
        en: "Lower 95 % limit of the standardized rate.",
        source: DOBSON,
        run: (NUMBERS_3, |rows| {
            directly_standardized_limits(&strata(rows)).map(|(low, _high)| low)
        }),
    },
    Entry {
        name: "standardized_rate_high",
        call: "standardized_rate_high(count, exposure, standard) → double",
        it: "Limite superiore al 95 % del tasso standardizzato.",
        en: "Upper 95 % limit of the standardized rate.",
        source: DOBSON,
        run: (NUMBERS_3, |rows| {
            directly_standardized_limits(&strata(rows)).map(|(_low, high)| high)
        }),
    },
    Entry {
        name: "standardized_ratio",
        call: "standardized_ratio(count, exposure, standard_rate) → double",
        it: "Rapporto tra osservati e attesi ai tassi standard di ogni strato (indiretto).",
        en: "Observed over expected at the standard rate of each stratum (indirect).",
        source: "Breslow, Day 1987, Statistical Methods in Cancer Research II, section 2.3",
        run: (NUMBERS_3, |rows| {
            let observed: f64 = rows.iter().map(|row| row[0]).sum();
            let expected: f64 = rows.iter().map(|row| row[1] * row[2]).sum();
            (expected > 0.0).then(|| observed / expected)
        }),
    },
];

/// The functions of this file.
pub(super) fn functions() -> Vec<Function> {
    ENTRIES
        .iter()
        .map(|entry| {
            let (arguments, run) = entry.run;
            entry.with(of_group(entry.name, arguments, run))
        })
        .collect()
}

/// A wait in days, whether it is over, and a number that is the same for the whole group.
const WAIT_AND_NUMBER: &[DataType] = &[DataType::Float64, DataType::Boolean, DataType::Float64];
/// Two numbers.
const NUMBERS_2: &[DataType] = &[DataType::Float64, DataType::Float64];
/// Three numbers.
const NUMBERS_3: &[DataType] = &[DataType::Float64, DataType::Float64, DataType::Float64];

/// Rows as values with their weights.
fn weighted(rows: &[Vec<f64>]) -> Vec<Weighted> {
    rows.iter()
        .map(|row| Weighted {
            value: row[0],
            weight: row[1],
        })
        .collect()
}

/// Rows as strata.
fn strata(rows: &[Vec<f64>]) -> Vec<Stratum> {
    rows.iter()
        .map(|row| Stratum {
            count: row[0],
            exposure: row[1],
            weight: row[2],
        })
        .collect()
}

/// Rows as waits, in whole days.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast to an integer saturates, and no wait is longer than that"
)]
pub(super) fn waits(rows: &[Vec<f64>]) -> Vec<Wait> {
    rows.iter()
        .map(|row| Wait {
            days: row[0] as u32,
            end: if row[1] > 0.0 {
                WaitEnd::Matched
            } else {
                WaitEnd::StillWaiting
            },
        })
        .collect()
}

/// An aggregate that judges all rows of a group together.
pub(super) fn of_group(name: &str, arguments: &'static [DataType], judge: OfGroup) -> Body {
    let n_arguments = arguments.len();
    let list = DataType::List(Arc::new(Field::new_list_field(DataType::Float64, true)));
    Body::Aggregate(Arc::new(create_udaf(
        name,
        arguments.to_vec(),
        Arc::new(DataType::Float64),
        Volatility::Immutable,
        Arc::new(move |_arguments| {
            Ok(Box::new(Gathered {
                n_arguments,
                values: Vec::new(),
                judge,
            }))
        }),
        Arc::new(vec![list]),
    )))
}

/// The rows of a group so far.
struct Gathered {
    /// Numbers per row.
    n_arguments: usize,
    /// The rows, one behind the other.
    values: Vec<f64>,
    /// What is asked of them.
    judge: OfGroup,
}

impl Debug for Gathered {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Gathered")
            .field("values", &self.values.len())
            .finish_non_exhaustive()
    }
}

impl Accumulator for Gathered {
    fn update_batch(&mut self, arguments: &[ArrayRef]) -> Result<()> {
        let arrays: Vec<ArrayRef> = arguments
            .iter()
            .map(|array| cast(array, &DataType::Float64))
            .collect::<std::result::Result<_, _>>()?;
        let columns: Vec<&Float64Array> = arrays
            .iter()
            .map(AsArray::as_primitive::<Float64Type>)
            .collect();
        let n_rows = arrays.first().map_or(0, Array::len);
        for row in 0..n_rows {
            if columns.iter().all(|column| column.is_valid(row)) {
                self.values
                    .extend(columns.iter().map(|column| column.value(row)));
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let mut rows: Vec<Vec<f64>> = self
            .values
            .chunks_exact(self.n_arguments)
            .map(<[f64]>::to_vec)
            .collect();
        let in_order = |a: &Vec<f64>, b: &Vec<f64>| {
            a.iter()
                .zip(b)
                .map(|(a, b)| a.total_cmp(b))
                .find(|order| order.is_ne())
                .unwrap_or(std::cmp::Ordering::Equal)
        };
        rows.sort_by(in_order);
        let answer = (self.judge)(&rows).filter(|answer| answer.is_finite());
        Ok(ScalarValue::Float64(answer))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.values.capacity() * size_of::<f64>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let values: Vec<ScalarValue> = self.values.iter().map(|value| (*value).into()).collect();
        let list = ScalarValue::new_list_nullable(&values, &DataType::Float64);
        Ok(vec![ScalarValue::List(list)])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for list in states[0].as_list::<i32>().iter().flatten() {
            self.values
                .extend_from_slice(list.as_primitive::<Float64Type>().values());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::answers::{cell, rows};

    #[tokio::test]
    async fn waits_that_are_not_over_make_the_median_longer() {
        let found = rows(
            "select g, km_quantile(days, is_over, 0.5), km_mean(days, is_over, 10)
             from (values ('a', 2, true), ('a', 4, true), ('a', 6, true),
                          ('b', 2, true), ('b', 30, false), ('b', 30, false)) as waits (g, days, is_over)
             group by g order by g",
        )
        .await;
        assert_eq!(found[0], ["a", "4.0", "4.0"]);
        // (2 + 10 + 10) / 3
        assert_eq!(found[1][..2], ["b", "NULL"]);
        assert!(found[1][2].starts_with("7.33333"), "{:?}", found[1]);
    }

    #[tokio::test]
    async fn the_order_of_the_rows_changes_no_digit() {
        let up = "select theil(v, w) from (select value * 0.1 as v, value % 7 as w
                  from generate_series(1, 2999) as numbers (value) order by value)";
        let down = up.replace("order by value", "order by value desc");
        assert_eq!(cell(up).await, cell(&down).await);
    }

    #[tokio::test]
    async fn rows_with_an_absent_number_do_not_count() {
        let found = cell(
            "select weighted_quantile(v, w, 0.5)
             from (values (1.0, 1), (null, 50), (3.0, 1), (9.0, null)) as numbers (v, w)",
        )
        .await;
        assert_eq!(found, "2.0");
    }

    #[tokio::test]
    async fn standardized_rates_and_ratios_weigh_their_strata() {
        let strata = "(values (2, 100, 3.0), (30, 50, 1.0)) as strata (n, persons, standard)";
        let direct = cell(&format!(
            "select round(standardized_rate(n, persons, standard), 12) from {strata}"
        ))
        .await;
        assert_eq!(direct, "0.165");
        let ratio =
            cell("select standardized_ratio(n, p, r) from (values (2, 100, 0.01), (6, 50, 0.06)) as s (n, p, r)")
                .await;
        assert_eq!(ratio, "2.0");
    }

    #[tokio::test]
    async fn a_group_of_nothing_has_no_answer() {
        assert_eq!(
            cell("select gini(v, 1) from (select 1.0 as v) as numbers where v > 2").await,
            "NULL"
        );
    }
}
