//! Waits of a group, and of one group against another; the formulas are in `stats::survival`.

use arrow::datatypes::DataType;

use super::super::gathered::{OfGroup, of_group, waits};
use super::super::{Entry, Function};
use crate::stats::ears::{normal_quantile, normal_upper_tail};
use crate::stats::survival::competing::{
    CompetingWait, IncidenceVariance, cumulative_incidence, incidence_quantile,
};
use crate::stats::survival::log_rank::log_rank;
use crate::stats::survival::{Wait, WaitQuantile, median_wait};

/// Source of a definition.
const KAPLAN: &str = "Kaplan, Meier 1958, J. Am. Statist. Ass. 53:457";
/// Source of a definition.
const AALEN: &str = "Aalen, Johansen 1978, Scand. J. Statist. 5:141";
/// Source of a definition.
const MANTEL: &str = "Mantel 1966, Cancer Chemother. Rep. 50:163";

/// A wait in days and whether it is over.
const WAIT: &[DataType] = &[DataType::Float64, DataType::Boolean];
/// A wait in days and two yes or no.
const WAIT_AND_FLAG: &[DataType] = &[DataType::Float64, DataType::Boolean, DataType::Boolean];

/// The functions of this file, each with the types of its arguments.
const ENTRIES: &[Entry<(&[DataType], OfGroup)>] = &[
    Entry {
        name: "km_median",
        call: "km_median(days, is_over) → double",
        it: "Attesa mediana di Kaplan-Meier; nulla se la curva non ci arriva.",
        en: "Median wait after Kaplan-Meier; null where the curve never gets there.",
        source: KAPLAN,
        run: (WAIT, |rows| median_wait(&waits(rows)).days),
    },
    Entry {
        name: "km_median_low",
        call: "km_median_low(days, is_over) → double",
        it: "Limite inferiore al 95 % dell'attesa mediana, dalla banda log-log.",
        en: "Lower 95 % limit of the median wait, from the log-log band.",
        source: KAPLAN,
        run: (WAIT, |rows| median_wait(&waits(rows)).lower),
    },
    Entry {
        name: "km_median_high",
        call: "km_median_high(days, is_over) → double",
        it: "Limite superiore al 95 % dell'attesa mediana, dalla banda log-log.",
        en: "Upper 95 % limit of the median wait, from the log-log band.",
        source: KAPLAN,
        run: (WAIT, |rows| median_wait(&waits(rows)).upper),
    },
    Entry {
        name: "aj_median",
        call: "aj_median(days, is_answered, is_withdrawn) → double",
        it: "Giorni entro cui metà di tutte le attese ha risposta; una ritirata non l'avrà mai (Aalen-Johansen).",
        en: "Days by which half of all waits are answered; one withdrawn never is (Aalen-Johansen).",
        source: AALEN,
        run: (WAIT_AND_FLAG, |rows| half_answered(rows).days),
    },
    Entry {
        name: "aj_median_low",
        call: "aj_median_low(days, is_answered, is_withdrawn) → double",
        it: "Limite inferiore al 95 % di aj_median, dalla banda log-log.",
        en: "Lower 95 % limit of aj_median, from the log-log band.",
        source: AALEN,
        run: (WAIT_AND_FLAG, |rows| half_answered(rows).lower),
    },
    Entry {
        name: "aj_median_high",
        call: "aj_median_high(days, is_answered, is_withdrawn) → double",
        it: "Limite superiore al 95 % di aj_median, dalla banda log-log.",
        en: "Upper 95 % limit of aj_median, from the log-log band.",
        source: AALEN,
        run: (WAIT_AND_FLAG, |rows| half_answered(rows).upper),
    },
    Entry {
        name: "log_rank_p",
        call: "log_rank_p(days, is_over, is_second) → double",
        it: "Probabilità di una differenza così tra due gruppi di attese, se fossero uguali.",
        en: "Chance of such a difference between two groups of waits, if they were alike.",
        source: MANTEL,
        run: (WAIT_AND_FLAG, |rows| {
            log_rank(&two_groups(rows)).map(|test| test.p)
        }),
    },
    Entry {
        name: "log_rank_slower_p",
        call: "log_rank_slower_p(days, is_over, is_second) → double",
        it: "Probabilità che il secondo gruppo attenda tanto più a lungo, se i gruppi fossero uguali.",
        en: "Chance that the second group waits so much longer, if the groups were alike.",
        source: MANTEL,
        run: (WAIT_AND_FLAG, slower),
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

/// The days by which half of all waits are answered; an answered wait is not also withdrawn.
fn half_answered(rows: &[Vec<f64>]) -> WaitQuantile {
    let ended: Vec<CompetingWait> = waits(rows)
        .iter()
        .zip(rows)
        .map(|(wait, row)| {
            let is = |place: usize| row.get(place).is_some_and(|flag| *flag > 0.0);
            CompetingWait {
                days: wait.days,
                cause: match (is(1), is(2)) {
                    (true, _) => Some(0),
                    (false, true) => Some(1),
                    (false, false) => None,
                },
            }
        })
        .collect();
    let steps = cumulative_incidence(&ended, 0, IncidenceVariance::Delta);
    incidence_quantile(&steps, 0.5)
}

/// The waits of the first and the second group.
fn two_groups(rows: &[Vec<f64>]) -> [Vec<Wait>; 2] {
    let mut groups = [Vec::new(), Vec::new()];
    for (wait, row) in waits(rows).into_iter().zip(rows) {
        let is_second = row.get(2).is_some_and(|flag| *flag > 0.0);
        groups[usize::from(is_second)].push(wait);
    }
    groups
}

/// The chance of the test to one side: fewer ends in the second group than expected.
///
/// With two groups the statistic is the square of a normal one, whose sign says which group is slower.
fn slower(rows: &[Vec<f64>]) -> Option<f64> {
    let test = log_rank(&two_groups(rows))?;
    let (observed, expected) = *test.groups.get(1)?;
    let z = test.chi_square.sqrt();
    Some(if observed <= expected {
        normal_upper_tail(z)
    } else {
        normal_upper_tail(-z)
    })
}

/// The normal score that is exceeded with so small a chance.
pub(super) fn score_of(p: f64) -> Option<f64> {
    // Below this the quantile is no number, and no two gaps need to be told apart.
    let p = p.max(f64::MIN_POSITIVE);
    (p <= 1.0).then(|| -normal_quantile(p))
}

#[cfg(test)]
mod tests {
    use crate::functions::answers::{cell, rows};

    /// The 6-MP trial of Freireich et al. (1963): weeks in remission, whether it ended, whether on placebo.
    const TRIAL: &str = "(values (6, true, false), (6, true, false), (6, true, false),
        (6, false, false), (7, true, false), (9, false, false), (10, true, false),
        (10, false, false), (11, false, false), (13, true, false), (16, true, false),
        (17, false, false), (19, false, false), (20, false, false), (22, true, false),
        (23, true, false), (25, false, false), (32, false, false), (32, false, false),
        (34, false, false), (35, false, false),
        (1, true, true), (1, true, true), (2, true, true), (2, true, true), (3, true, true),
        (4, true, true), (4, true, true), (5, true, true), (5, true, true), (8, true, true),
        (8, true, true), (8, true, true), (8, true, true), (11, true, true), (11, true, true),
        (12, true, true), (12, true, true), (15, true, true), (17, true, true), (22, true, true),
        (23, true, true)) as trial (weeks, is_over, is_placebo)";

    #[tokio::test]
    async fn the_worked_example_of_freireich_has_its_medians_and_its_test() {
        // Klein and Moeschberger (2003), section 4.5: medians of 23 and 8 weeks, lower limit 13 on the log-log scale for
        // 6-MP; log-rank χ² = 16.79, p = 4.2e-5.
        let medians = rows(&format!(
            "select is_placebo, km_median(weeks, is_over), km_median_low(weeks, is_over)
             from {TRIAL} group by is_placebo order by is_placebo"
        ))
        .await;
        assert_eq!(medians[0], ["false", "23.0", "13.0"]);
        assert_eq!(medians[1][1], "8.0");
        let tests = rows(&format!(
            "select log_rank_p(weeks, is_over, is_placebo) * 1e5,
                    log_rank_slower_p(weeks, is_over, not is_placebo) * 1e5,
                    log_rank_slower_p(weeks, is_over, is_placebo)
             from {TRIAL}"
        ))
        .await;
        let number = |text: &str| text.parse::<f64>().unwrap();
        let both = number(&tests[0][0]);
        assert!((both - 4.17).abs() < 0.02, "{tests:?}");
        assert!(
            (number(&tests[0][1]) - both / 2.0).abs() < 1e-9,
            "{tests:?}"
        );
        assert!(number(&tests[0][2]) > 0.9999, "{tests:?}");
    }

    #[tokio::test]
    async fn a_withdrawn_request_is_never_answered() {
        // As in `stats::survival::competing`: half of all eight are answered from day 4 until day 5.
        let found = rows(
            "select aj_median(d, a, w), aj_median_low(d, a, w), aj_median_high(d, a, w),
                    km_median(d, a)
             from (values (1, true, false), (2, true, false), (3, true, false), (4, true, false),
                          (5, true, false), (6, true, false), (1, false, true), (2, false, true))
                  as waits (d, a, w)",
        )
        .await;
        assert_eq!(found[0], ["4.5", "2.0", "NULL", "4.0"]);
    }

    #[tokio::test]
    async fn one_group_alone_cannot_be_compared() {
        let sql = "select log_rank_slower_p(d, true, false) from (values (1), (2)) as waits (d)";
        assert_eq!(cell(sql).await, "NULL");
    }
}
