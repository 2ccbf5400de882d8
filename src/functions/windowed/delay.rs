//! Reporting delay: how much of the last periods is in, and how many there will be.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array, Int64Array, StructArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, Fields, Float64Type, Int64Type};
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, Volatility, create_udf};

use super::super::intervals::one_or_many;
use super::super::{Body, Entry, Function};
use super::{Argument, Kind, Part, Partition, Shape, Windowed};
use crate::stats::nowcast::{Late, Report, Triangle, View, interval_given};
use crate::stats::real;

/// The window functions of this file.
pub(super) const ENTRIES: &[Entry<Windowed>] = &[Entry {
    name: "completeness",
    call: "completeness(cohort, delay, n, as_of [, max_delay, n_teaching]) → double",
    it: "Quale parte di ogni periodo (cohort) è arrivata entro as_of, imparata dai ritardi già visti nella partizione: una riga per periodo e ritardo, in numeri interi di periodi, con quanti sono arrivati con quel ritardo. Le righe arrivate dopo as_of non contano. max_delay è il ritardo più lungo visto, se manca; n_teaching dice da quanti periodi recenti si impara, da tutti se manca. Nulla dove i ritardi non si conoscono.",
    en: "Which part of each period (cohort) is in by as_of, learned from the delays seen in the partition: one row per period and delay, in whole numbers of periods, with how many came in with that delay. Rows that came in after as_of do not count. max_delay is the longest delay seen if left out; n_teaching is how many recent periods teach the delays, all if left out. Null where the delays are not known.",
    source: "Lagakos, Barraj, De Gruttola 1988, Biometrika 75:515; Lawless 1994, Canad. J. Statist. 22:15",
    run: Windowed {
        arguments: &[
            Argument::new("cohort", Kind::Whole),
            Argument::new("delay", Kind::Whole),
            Argument::new("n", Kind::Whole),
            Argument::new("as_of", Kind::Whole),
            Argument::new("max_delay", Kind::Whole),
            Argument::new("n_teaching", Kind::Whole),
        ],
        n_optional: 2,
        shape: Shape::One(Part::Number),
        run: completeness,
    },
}];

/// The scalar functions of this file.
pub(super) fn scalars() -> Vec<Function> {
    vec![Function {
        name: "nowcast",
        call: "nowcast(n, completeness) → struct(expected, low, high)",
        it: "Quanti saranno, se n sono arrivati e ne è arrivata quella parte: n diviso per la parte, con l'intervallo al 95 % dato dal caso, senza l'errore della parte stessa.",
        en: "How many there will be if n are in and that part is in: n over the part, with the 95 % interval due to chance, without the error of the part itself.",
        source: "Höhle, an der Heiden 2014, Biometrics 70:993, with a flat prior",
        body: nowcast(),
    }]
}

/// A row of a triangle.
type Known = (Report, u64);

/// The completeness of the cohort of each row.
fn completeness(partition: &Partition) -> Result<ArrayRef> {
    let cohorts = partition.wholes(0)?;
    let Some(now) = as_of(partition)? else {
        return partition.doubles(cohorts.iter().map(|_| None));
    };
    let known = known(partition, &cohorts, now)?;
    let delay = |(report, n): &Known| (*n > 0).then(|| report.reported - report.event);
    let longest = known.iter().filter_map(delay).max();
    let longest = longest.and_then(|delay| usize::try_from(delay).ok());
    let max_delay = partition.count_option(4)?.or(longest).unwrap_or(0);
    partition.check_size(&[known.len(), max_delay.saturating_add(1)])?;
    let view = View {
        now,
        max_delay,
        late: Late::Dropped,
        window: partition.count_option(5)?,
    };
    let shares = Triangle::of_counts(known, view).completeness();
    partition.doubles(cohorts.into_iter().map(|cohort| {
        let age = usize::try_from(now.checked_sub(cohort?)?).ok()?;
        shares.get(age.min(max_delay))?.completeness
    }))
}

/// The period of looking, the same in all rows.
fn as_of(partition: &Partition) -> Result<Option<i64>> {
    let given = partition.wholes(3)?;
    let first = given.first().copied().flatten();
    if given.iter().any(|now| *now != first) {
        let fault = "differs between the rows of a partition";
        return Err(partition.refusal(3, fault, "give one number"));
    }
    Ok(first)
}

/// The reports known in the period of looking.
fn known(partition: &Partition, cohorts: &[Option<i64>], now: i64) -> Result<Vec<Known>> {
    let rows = cohorts
        .iter()
        .zip(partition.counts(1)?)
        .zip(partition.counts(2)?);
    let report = |((cohort, delay), n): ((&Option<i64>, Option<u64>), Option<u64>)| {
        let event = (*cohort)?;
        let reported = event.checked_add_unsigned(delay?)?;
        (reported <= now).then_some((Report { event, reported }, n?))
    };
    Ok(rows.filter_map(report).collect())
}

/// The fields of a nowcast.
fn fields() -> Fields {
    Fields::from(vec![
        Field::new("expected", DataType::Float64, true),
        Field::new("low", DataType::Int64, true),
        Field::new("high", DataType::Int64, true),
    ])
}

/// The nowcast of a count and its completeness.
fn nowcast() -> Body {
    let run = |arguments: &[ColumnarValue]| -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(arguments)?;
        let counts = arrays[0].as_primitive::<Int64Type>().iter();
        let found: Vec<Option<(f64, i64, i64)>> = counts
            .zip(arrays[1].as_primitive::<Float64Type>())
            .map(|(count, part)| estimate(count?, part?))
            .collect();
        let is_there: Vec<bool> = found.iter().map(Option::is_some).collect();
        let expected: Float64Array = found.iter().map(|found| Some((*found)?.0)).collect();
        let low: Int64Array = found.iter().map(|found| Some((*found)?.1)).collect();
        let high: Int64Array = found.iter().map(|found| Some((*found)?.2)).collect();
        let structs = StructArray::try_new(
            fields(),
            vec![Arc::new(expected), Arc::new(low), Arc::new(high)],
            Some(NullBuffer::from(is_there)),
        )?;
        one_or_many(arguments, Arc::new(structs))
    };
    Body::Scalar(Arc::new(create_udf(
        "nowcast",
        vec![DataType::Int64, DataType::Float64],
        DataType::Struct(fields()),
        Volatility::Immutable,
        Arc::new(run),
    )))
}

/// The estimate and its limits; nothing for a negative count, or a part that is none or 0.
fn estimate(count: i64, part: f64) -> Option<(f64, i64, i64)> {
    let n_seen = u64::try_from(count).ok()?;
    let (low, high) = interval_given(n_seen, part)?;
    let limit = |limit: u64| i64::try_from(limit).ok();
    Some((real(n_seen) / part, limit(low)?, limit(high)?))
}

#[cfg(test)]
mod tests {
    use crate::functions::answers::{numbers, refused, rows};
    use crate::stats::golden::assert_close;

    /// Period 0: 6 at once, 2 after one, 2 after two. Period 1: 7 and 3. Period 2: 5.
    const TRIANGLE: &str = "(0, 0, 6), (0, 1, 2), (0, 2, 2), (1, 0, 7), (1, 1, 3), (2, 0, 5)";

    /// The completeness of each cohort once, from these rows in this order.
    async fn by_cohort(arguments: &str, triangle: &str, order: &str) -> Vec<Vec<Option<f64>>> {
        numbers(&format!(
            "with judged as (
                 select cohort, completeness(cohort, delay, n, {arguments}) over (order by {order}) as f
                 from (values {triangle}) as triangle (cohort, delay, n)
             )
             select distinct cohort, f from judged order by cohort"
        ))
        .await
    }

    #[tokio::test]
    async fn the_worked_example_by_hand_in_any_order() {
        // g(2) = 2/10, g(1) = (2 + 3)/(8 + 10): F(2) = 1, F(1) = .8, F(0) = .8·13/18.
        let found = by_cohort("2", TRIANGLE, "n desc").await;
        assert_eq!(found.len(), 3);
        assert_eq!(found[0], [Some(0.0), Some(1.0)]);
        assert_close(found[1][1].unwrap(), 0.8, 1e-12);
        assert_close(found[2][1].unwrap(), 0.8 * 13.0 / 18.0, 1e-12);
        assert_eq!(found, by_cohort("2", TRIANGLE, "cohort, delay").await);
        // Rows may be split, and those of other places added up.
        let split = format!("{TRIANGLE}, (0, 0, 0), (0, 3, 0)")
            .replace("(1, 0, 7)", "(1, 0, 3), (1, 0, 4)");
        assert_eq!(found, by_cohort("2", &split, "n").await);
    }

    #[tokio::test]
    async fn what_came_in_later_is_not_known_yet_and_absent_numbers_teach_nothing() {
        let then = by_cohort("1", TRIANGLE, "n").await;
        // As of period 1: delays 0 and 1; g(1) = 2/8, so F(0) = .75 for period 1; period 2 has not begun.
        assert_close(then[0][1].unwrap(), 1.0, 1e-12);
        assert_close(then[1][1].unwrap(), 0.75, 1e-12);
        assert_eq!(then[2], [Some(2.0), None]);
        let more = format!("{TRIANGLE}, (null, 1, 50), (1, null, 50), (0, 1, null)");
        let found = by_cohort("2", &more, "n").await;
        assert_eq!(found[..3], by_cohort("2", TRIANGLE, "n").await);
        assert_eq!(found[3], [None, None]);
        assert_eq!(by_cohort("null", TRIANGLE, "n").await[0][1], None);
    }

    #[tokio::test]
    async fn a_shorter_longest_delay_leaves_later_reports_out() {
        let found = by_cohort("2, 1", TRIANGLE, "n").await;
        // g(1) = 5/18 only.
        assert_close(found[2][1].unwrap(), 13.0 / 18.0, 1e-12);
        assert_eq!(found[1][1], Some(1.0));
    }

    #[tokio::test]
    async fn delays_may_be_learned_from_the_last_periods_alone() {
        // Periods 1 and 2 teach a delay of one: g(1) = 3/10. No period is old enough to teach one of two.
        let found = by_cohort("2, 1, 2", TRIANGLE, "n").await;
        assert_close(found[2][1].unwrap(), 0.7, 1e-12);
        let unknown = by_cohort("2, 2, 2", TRIANGLE, "n").await;
        assert_eq!((unknown[0][1], unknown[1][1]), (Some(1.0), None));
    }

    #[tokio::test]
    async fn a_negative_delay_and_two_periods_of_looking_are_refused() {
        let of = |arguments: &str| {
            format!(
                "select completeness({arguments}) over () from (values (0, 1, 2), (1, 0, 3)) as t (c, d, n)"
            )
        };
        let negative = refused(&of("c, d - 1, n, 2")).await;
        assert!(
            negative.contains("argument `delay` is -1 in a row"),
            "{negative}"
        );
        let two = refused(&of("c, d, n, c + 1")).await;
        assert!(
            two.contains("argument `as_of` differs between the rows"),
            "{two}"
        );
        let far = refused(&of("c, d * 20000000, n, 20000000")).await;
        assert!(
            far.contains("may span 20000000 cells, not 2 × 20000001;"),
            "{far}"
        );
    }

    #[tokio::test]
    async fn a_nowcast_divides_by_what_is_in_and_says_how_sure_it_is() {
        let found = rows(
            "with t as (
                 select n, f, nowcast(n, f) as e
                 from (values (5, 0.5), (0, 0.5), (7, 1.0), (7, 0.0), (7, 1.1), (-1, 0.5), (null, 0.5))
                     as seen (n, f)
             )
             select e['expected'], e['low'], e['high'], e is null from t",
        )
        .await;
        // To come: negative binomial of size 6 and chance ½, from 1 to 14; size 1, from 0 to 5.
        assert_eq!(found[0], ["10.0", "6", "19", "false"]);
        assert_eq!(found[1], ["0.0", "0", "5", "false"]);
        assert_eq!(found[2], ["7.0", "7", "7", "false"]);
        for none in &found[3..] {
            assert_eq!(none, &["NULL", "NULL", "NULL", "true"]);
        }
        let constant = rows("select nowcast(5, 0.5)['high']").await.concat();
        assert_eq!(constant, ["19"]);
    }
}
