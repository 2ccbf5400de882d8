//! One series per partition, week by week or day by day: EARS, Farrington flexible, the weekly detector.
//!
//! A row without a count, or with an exposure that is absent or 0 where one is given, cuts the series: what
//! comes after begins a new one, because counts on both sides of a hole are not each other's past.

use arrow::array::ArrayRef;
use datafusion::error::{DataFusionError, Result};

use super::super::Entry;
use super::panels::N;
use super::{Argument, Cell, Kind, Part, Partition, Shape, Windowed};
use crate::stats::ears_series::{Moments, SeriesEars};
use crate::stats::farrington::calendar::Calendar;
use crate::stats::farrington::{Farrington, Judge, Series};
use crate::stats::real;
use crate::stats::weekly::{Weekly, WeeklyJudge};

/// The functions of this file.
pub(super) const ENTRIES: &[Entry<Windowed>] = &[
    Entry {
        name: "weekly_rise",
        call: "weekly_rise(n [, exposure, n_judged_weeks]) → struct(expected, upper, p, observed, n_window_weeks)",
        it: "Se una settimana, da sola o con le due prima, supera il corso del passato (livello, tendenza, stagione, esposizione): la finestra che più sorprende e il suo p. Le settimane sono in ordine e tutte presenti, anche con zero; si giudica dopo due anni, da 112 settimane. Un n assente interrompe la serie.",
        en: "Whether a week, alone or with the two before, exceeds the course of the past (level, trend, season, exposure): the window that surprises most and its p. Weeks are in order and all there, zeros too; judged after two years, from 112 weeks on. An absent n cuts the series.",
        source: "Quasi-Poisson course with windows; Noufaily et al. 2013, Statist. Med. 32:1206 for the weights",
        run: Windowed {
            arguments: &[N, EXPOSURE, N_JUDGED_WEEKS],
            n_optional: 2,
            shape: Shape::Struct(&[
                ("expected", Part::Number),
                ("upper", Part::Number),
                ("p", Part::Number),
                ("observed", Part::Whole),
                ("n_window_weeks", Part::Whole),
            ]),
            run: weekly_rise,
        },
    },
    Entry {
        name: "farrington",
        call: "farrington(n, day [, exposure, n_judged_weeks, alpha]) → struct(expected, upper, p, is_alarm)",
        it: "Farrington flessibile: se il conteggio di una settimana supera quello che la stessa stagione di cinque anni passati fa attendere. day è una data della settimana, sempre lo stesso giorno, o il numero della settimana; una settimana che manca interrompe la serie. alpha è 0,005 se manca.",
        en: "Farrington flexible: whether the count of a week exceeds what the same season of five past years leads one to expect. day is a date of the week, always the same weekday, or the number of the week; a missing week cuts the series. alpha is 0.005 if left out.",
        source: "Noufaily et al. 2013, Statist. Med. 32:1206",
        run: Windowed {
            arguments: &[
                N,
                Argument::new("day", Kind::Time),
                EXPOSURE,
                N_JUDGED_WEEKS,
                ALPHA,
            ],
            n_optional: 3,
            shape: Shape::Struct(&[
                ("expected", Part::Number),
                ("upper", Part::Number),
                ("p", Part::Number),
                ("is_alarm", Part::Flag),
            ]),
            run: farrington,
        },
    },
    Entry {
        name: "ears_c1",
        call: "ears_c1(n [, n_baseline, alpha, min_sd]) → struct(expected, upper, score, is_alarm)",
        it: "EARS C1: se un conteggio supera media e deviazione dei 7 prima. I punti sono in ordine e tutti presenti. Mancando, n_baseline è 7, alpha 0,001 e la deviazione non scende sotto min_sd 0,5.",
        en: "EARS C1: whether a count exceeds mean and deviation of the 7 before it. Points are in order and all there. If left out, n_baseline is 7, alpha 0.001 and the deviation is never below min_sd 0.5.",
        source: EARS_SOURCE,
        run: of_ears(|partition| ears(partition, 0)),
    },
    Entry {
        name: "ears_c2",
        call: "ears_c2(n [, n_baseline, alpha, min_sd]) → struct(expected, upper, score, is_alarm)",
        it: "EARS C2: come ears_c1, ma senza i due punti subito prima.",
        en: "EARS C2: as ears_c1, with the two points just before left out.",
        source: EARS_SOURCE,
        run: of_ears(|partition| ears(partition, 2)),
    },
    Entry {
        name: "ears_c3",
        call: "ears_c3(n [, n_baseline, alpha, min_sd]) → struct(expected, upper, score, is_alarm)",
        it: "EARS C3: somma degli eccessi di C2 su tre punti, allarme oltre 2; alpha non conta e upper è nullo.",
        en: "EARS C3: sum of the excesses of C2 over three points, alarm above 2; alpha does not matter and upper is null.",
        source: EARS_SOURCE,
        run: of_ears(ears_c3),
    },
];

/// Source of a definition.
const EARS_SOURCE: &str =
    "Hutwagner et al. 2003, J. Urban Health 80:i89; Fricker et al. 2008, Statist. Med. 27:3407";

/// People who could have asked.
const EXPOSURE: Argument = Argument::new("exposure", Kind::Number);
/// How many of the last weeks are judged; all if left out.
const N_JUDGED_WEEKS: Argument = Argument::new("n_judged_weeks", Kind::Whole);
/// The share of false alarms.
const ALPHA: Argument = Argument::new("alpha", Kind::Number);

/// Weeks in a year.
const WEEKS_A_YEAR: f64 = 365.25 / 7.0;
/// Days in a week.
const DAYS_A_WEEK: i64 = 7;
/// Weeks of a year whose weeks are numbered.
const NUMBERED_WEEKS: usize = 52;

/// What EARS is given.
const EARS_ARGUMENTS: &[Argument] = &[
    N,
    Argument::new("n_baseline", Kind::Whole),
    ALPHA,
    Argument::new("min_sd", Kind::Number),
];

/// What EARS says.
const EARS: &[(&str, Part)] = &[
    ("expected", Part::Number),
    ("upper", Part::Number),
    ("score", Part::Number),
    ("is_alarm", Part::Flag),
];

/// A method of EARS.
const fn of_ears(run: fn(&Partition) -> Result<ArrayRef>) -> Windowed {
    Windowed {
        arguments: EARS_ARGUMENTS,
        n_optional: 3,
        shape: Shape::Struct(EARS),
        run,
    }
}

/// Points without a hole between them.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Run {
    /// The row of each point.
    pub(super) rows: Vec<usize>,
    /// The counts.
    pub(super) counts: Vec<u64>,
    /// What goes with each count, such as the exposure; ones if nothing is given.
    pub(super) beside: Vec<f64>,
}

impl Run {
    /// The counts as real numbers.
    pub(super) fn reals(&self) -> Vec<f64> {
        self.counts.iter().map(|count| real(*count)).collect()
    }
}

/// The answers by row while they are found.
pub(super) type Rows = Vec<Option<Vec<Cell>>>;

/// The runs of the rows in the given order, cut also between two neighbors where `is_cut` says so.
///
/// The numbers at `beside` must be positive; a row where they are absent or 0 belongs to no run.
pub(super) fn runs(
    partition: &Partition,
    order: &[usize],
    beside: usize,
    is_cut: impl Fn(usize, usize) -> bool,
) -> Result<Vec<Run>> {
    let counts = partition.counts(0)?;
    let beside = positives(partition, beside)?;
    let mut runs: Vec<Run> = Vec::new();
    let mut last = None;
    for row in order {
        let point = counts.get(*row).copied().flatten();
        let with = beside
            .as_ref()
            .map_or(Some(1.0), |all| all.get(*row).copied().flatten());
        let Some((count, with)) = point.zip(with) else {
            last = None;
            continue;
        };
        if last.is_none_or(|last| is_cut(last, *row)) {
            runs.push(Run::default());
        }
        last = Some(*row);
        if let Some(run) = runs.last_mut() {
            run.rows.push(*row);
            run.counts.push(count);
            run.beside.push(with);
        }
    }
    Ok(runs)
}

/// Positive numbers of an optional argument; nothing if it is absent from all rows, none for a row of 0.
fn positives(partition: &Partition, place: usize) -> Result<Option<Vec<Option<f64>>>> {
    if !partition.is_given(place) {
        return Ok(None);
    }
    let is_right = |value: f64| value >= 0.0 && value.is_finite();
    partition.check(place, is_right, "0 or more")?;
    let mut values = partition.numbers(place)?;
    for value in &mut values {
        *value = value.filter(|value| *value > 0.0);
    }
    Ok(values.iter().any(Option::is_some).then_some(values))
}

/// The place in the order from which on points are judged.
fn first_judged(partition: &Partition, place: usize) -> Result<usize> {
    let n_judged = partition.count_option(place)?.unwrap_or(usize::MAX);
    Ok(partition.n_rows().saturating_sub(n_judged))
}

/// Whether each row is one of the last ones of an order, which are judged.
fn is_judged(partition: &Partition, order: &[usize], place: usize) -> Result<Vec<bool>> {
    let mut is_judged = vec![false; partition.n_rows()];
    for row in order.iter().skip(first_judged(partition, place)?) {
        if let Some(is_judged) = is_judged.get_mut(*row) {
            *is_judged = true;
        }
    }
    Ok(is_judged)
}

/// The level of an optional argument.
fn alpha(partition: &Partition, place: usize, default: f64) -> Result<f64> {
    partition.check(place, |alpha| alpha > 0.0 && alpha < 1.0, "between 0 and 1")?;
    Ok(partition.option(place)?.unwrap_or(default))
}

/// Judges the weeks by the weekly detector.
fn weekly_rise(partition: &Partition) -> Result<ArrayRef> {
    let order: Vec<usize> = (0..partition.n_rows()).collect();
    let is_judged = is_judged(partition, &order, 2)?;
    let method = Weekly {
        period: WEEKS_A_YEAR,
        ..Weekly::default()
    };
    let mut answers: Rows = vec![None; partition.n_rows()];
    for run in runs(partition, &order, 1, |_, _| false)? {
        let judge = WeeklyJudge::new(method, run.counts, run.beside);
        let mut judge = judge.map_err(|error| DataFusionError::Execution(error.to_string()))?;
        for (place, row) in run
            .rows
            .iter()
            .enumerate()
            .filter(|(_, row)| is_judged[**row])
        {
            answers[*row] = judge.point(place).ok().map(|point| {
                let best = point.best_window();
                vec![
                    Cell::Number(best.expected),
                    Cell::Number(best.upper),
                    Cell::Number(point.p),
                    Cell::count(best.observed),
                    Cell::len(point.best),
                ]
            });
        }
    }
    partition.structs(&answers)
}

/// Judges the weeks by Farrington flexible.
fn farrington(partition: &Partition) -> Result<ArrayRef> {
    let days = partition.times(1)?;
    let order = by_day(partition, &days)?;
    let is_judged = is_judged(partition, &order, 3)?;
    let step = if partition.is_dated(1) {
        DAYS_A_WEEK
    } else {
        1
    };
    let day = |row: usize| days.get(row).copied().flatten().unwrap_or(0);
    let has_exposure = positives(partition, 2)?.is_some();
    let mut judge = Judge::new(Farrington {
        alpha: alpha(partition, 4, Farrington::default().alpha)?,
        ..Farrington::default()
    });
    let mut answers: Rows = vec![None; partition.n_rows()];
    for run in runs(partition, &order, 2, |last, next| {
        day(next) - day(last) != step
    })? {
        let calendar = match run.rows.first() {
            Some(first) if partition.is_dated(1) => Calendar::Weekly {
                first_day: day(*first),
            },
            _ => Calendar::Periodic {
                period: NUMBERED_WEEKS,
            },
        };
        let series = Series::new(run.counts, has_exposure.then_some(run.beside), calendar);
        let series = series.map_err(|error| DataFusionError::Execution(error.to_string()))?;
        for (place, row) in run
            .rows
            .iter()
            .enumerate()
            .filter(|(_, row)| is_judged[**row])
        {
            answers[*row] = judge.point(&series, place).ok().map(|point| {
                vec![
                    Cell::Number(point.expected),
                    Cell::Number(point.upper),
                    Cell::Number(point.p),
                    Cell::Flag(point.is_alarm),
                ]
            });
        }
    }
    partition.structs(&answers)
}

/// The rows that have a day, in its order.
fn by_day(partition: &Partition, days: &[Option<i64>]) -> Result<Vec<usize>> {
    let mut dated: Vec<(i64, usize)> = days
        .iter()
        .enumerate()
        .filter_map(|(row, day)| Some(((*day)?, row)))
        .collect();
    dated.sort_unstable();
    for pair in dated.windows(2) {
        let ((before, _), (after, row)) = (pair[0], pair[1]);
        if before == after {
            return Err(partition.repeated(row, &[1]));
        }
        if partition.is_dated(1) && (after - before) % DAYS_A_WEEK != 0 {
            let fault = "is not the same day of the week in all rows";
            return Err(partition.refusal(1, fault, "give the first day of each week"));
        }
    }
    Ok(dated.into_iter().map(|(_, row)| row).collect())
}

/// The choices of EARS.
fn ears_of(partition: &Partition) -> Result<(SeriesEars, f64)> {
    let n_baseline = partition.count_option(1)?.unwrap_or(7);
    if n_baseline < 2 {
        let fault = format!("is {n_baseline}");
        return Err(partition.refusal(1, &fault, "a deviation needs at least 2 points"));
    }
    partition.check(3, |least| least >= 0.0 && least.is_finite(), "0 or more")?;
    let ears = SeriesEars {
        n_baseline,
        min_deviation: partition.option(3)?.unwrap_or(0.5),
    };
    Ok((ears, alpha(partition, 2, 0.001)?))
}

/// The runs of a series whose points are in the order of the window.
pub(super) fn in_order(partition: &Partition, beside: usize) -> Result<Vec<Run>> {
    let order: Vec<usize> = (0..partition.n_rows()).collect();
    runs(partition, &order, beside, |_, _| false)
}

/// No argument goes beside the counts.
const NOTHING: usize = usize::MAX;

/// Judges the points by C1, or by C2 with a gap of two points.
fn ears(partition: &Partition, n_gap: usize) -> Result<ArrayRef> {
    let (ears, alpha) = ears_of(partition)?;
    let mut answers: Rows = vec![None; partition.n_rows()];
    for run in in_order(partition, NOTHING)? {
        let bounds = ears.bounds(&run.counts, n_gap, alpha);
        let points = run.rows.iter().zip(&run.counts);
        let judged = points.skip(ears.n_baseline + n_gap).zip(bounds);
        for ((row, count), (moments, upper)) in judged {
            let moments: Moments = moments;
            answers[*row] = Some(vec![
                Cell::Number(moments.mean),
                Cell::Number(upper),
                Cell::from(moments.standardized(real(*count))),
                Cell::Flag(real(*count) > upper),
            ]);
        }
    }
    partition.structs(&answers)
}

/// C3 above this is an alarm.
const C3_ALARM: f64 = 2.0;

/// Judges the points by C3.
fn ears_c3(partition: &Partition) -> Result<ArrayRef> {
    let (ears, _alpha) = ears_of(partition)?;
    let mut answers: Rows = vec![None; partition.n_rows()];
    for run in in_order(partition, NOTHING)? {
        let moments = ears.moments(&run.counts);
        let points = run.rows.iter().zip(ears.statistics(&run.counts));
        for ((row, found), moments) in points.skip(ears.n_baseline + 2).zip(&moments) {
            answers[*row] = found.c3.map(|score| {
                vec![
                    Cell::Number(moments.mean),
                    Cell::Absent,
                    Cell::Number(score),
                    Cell::Flag(score > C3_ALARM),
                ]
            });
        }
    }
    partition.structs(&answers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::answers::{numbers, refused, rows};
    use crate::stats::golden::assert_close;
    use crate::stats::real_len;

    /// How many weeks the series of the tests has.
    const N_WEEKS: usize = 300;

    /// The count of a week: noise, and 14 more in the last two.
    fn count(week: usize) -> u64 {
        let noise = u64::try_from((week * 7 + week / 5) % 9).unwrap();
        noise + 3 + if week >= 298 { 14 } else { 0 }
    }

    /// The same in SQL, with the Monday of the week.
    const WEEKS: &str = "weeks as (
        select value as week, cast(cast(17532 + 7 * value as int) as date) as day,
            (value * 7 + value / 5) % 9 + 3 + case when value >= 298 then 14 else 0 end as n
        from generate_series(0, 299) as numbers (value)
    )";

    fn counts() -> Vec<u64> {
        (0..N_WEEKS).map(count).collect()
    }

    /// The fields of an answer for the weeks that have one, in the order of the weeks.
    async fn judged(call: &str, fields: &str) -> Vec<Vec<Option<f64>>> {
        let fields: Vec<String> = fields
            .split(' ')
            .map(|field| format!("cast(r['{field}'] as double)"))
            .collect();
        let fields = fields.join(", ");
        numbers(&format!(
            "with {WEEKS}, judged as (select week, {call} as r from weeks)
             select week, {fields} from judged where r is not null order by week"
        ))
        .await
    }

    /// What Farrington flexible says of the weeks that it judges.
    fn of_farrington(judge: &mut Judge, series: &Series) -> Vec<Vec<Option<f64>>> {
        let point = |week| {
            let point = judge.point(series, week).ok()?;
            let said = [real_len(week), point.expected, point.upper, point.p];
            Some(said.map(Some).to_vec())
        };
        (0..N_WEEKS).filter_map(point).collect()
    }

    /// The weeks of alarm.
    async fn alarms(call: &str) -> Vec<String> {
        let sql = format!(
            "with {WEEKS}, judged as (select week, {call} over () as r from weeks)
             select week from judged where r['is_alarm'] order by week"
        );
        rows(&sql).await.concat()
    }

    /// What EARS says of points given as values of time and count.
    async fn points_of(call: &str, points: &str) -> Vec<Vec<Option<f64>>> {
        numbers(&format!(
            "with judged as (
                 select t, {call} over (order by t) as r
                 from (values {points}) as points (t, n)
             )
             select t, r['expected'], r['upper'], r['score'],
                 cast(cast(r['is_alarm'] as int) as double)
             from judged where r is not null order by t"
        ))
        .await
    }

    #[tokio::test]
    async fn a_weekly_rise_is_what_the_weekly_detector_says() {
        let found = judged(
            "weekly_rise(n) over (order by week)",
            "expected upper p observed n_window_weeks",
        )
        .await;
        let method = Weekly {
            period: WEEKS_A_YEAR,
            ..Weekly::default()
        };
        let mut judge = WeeklyJudge::new(method, counts(), vec![1.0; N_WEEKS]).unwrap();
        let plain = (0..N_WEEKS).filter_map(|week| {
            let point = judge.point(week).ok()?;
            let best = point.best_window();
            let said = [
                real_len(week),
                best.expected,
                best.upper,
                point.p,
                real(best.observed),
                real_len(point.best),
            ];
            Some(said.map(Some).to_vec())
        });
        assert_eq!(found, plain.collect::<Vec<_>>());
        assert_eq!(found.len(), N_WEEKS - 112);
        let last = found.last().unwrap();
        assert_eq!((last[4], last[5]), (Some(38.0), Some(2.0)));
        assert!(last[3].unwrap() < 1e-3);
        // Judging the last weeks alone says the same of them, but for where the fits began.
        let alone = judged("weekly_rise(n, null, 2) over (order by week)", "expected p").await;
        assert_eq!(alone.len(), 2);
        assert_close(alone[1][1].unwrap(), last[1].unwrap(), 1e-8);
        assert_close(alone[1][2].unwrap(), last[3].unwrap(), 1e-6);
    }

    #[tokio::test]
    async fn an_exposure_that_grows_with_the_counts_raises_nothing() {
        let found = judged(
            "weekly_rise(n, case when week >= 298 then 300 else 100 end, 1) over (order by week)",
            "p",
        )
        .await;
        assert!(found[0][1].unwrap() > 0.1, "{found:?}");
    }

    #[tokio::test]
    async fn a_week_without_a_count_or_exposure_cuts_the_series() {
        for call in [
            "weekly_rise(case when week <> 150 then n end) over (order by week)",
            "weekly_rise(n, case when week <> 150 then 1 end) over (order by week)",
            "weekly_rise(n, case when week <> 150 then 1 else 0 end) over (order by week)",
        ] {
            let found = judged(call, "p").await;
            let weeks: Vec<f64> = found.iter().map(|row| row[0].unwrap()).collect();
            // 112 weeks of past from week 0 and from week 151.
            let judged = (112..150).chain(263..300).map(f64::from);
            assert_eq!(weeks, judged.collect::<Vec<_>>(), "{call}");
        }
    }

    #[tokio::test]
    async fn farrington_orders_the_weeks_itself_by_date_or_number() {
        let mut judge = Judge::new(Farrington::default());
        let first_day = 17_532;
        for (day, calendar) in [
            ("day", Calendar::Weekly { first_day }),
            (
                "week",
                Calendar::Periodic {
                    period: NUMBERED_WEEKS,
                },
            ),
        ] {
            let series = Series::new(counts(), None, calendar).unwrap();
            let plain = of_farrington(&mut judge, &series);
            assert_eq!(plain.len(), N_WEEKS - 263);
            let call = format!("farrington(n, {day}) over (order by n, week desc)");
            assert_eq!(judged(&call, "expected upper p").await, plain);
        }
    }

    #[tokio::test]
    async fn farrington_heeds_its_options_and_holes() {
        assert_eq!(alarms("farrington(n, day, null, 2)").await, ["298", "299"]);
        let twice = "farrington(n, day, case when week >= 298 then 3 else 1 end, 2)";
        assert!(alarms(twice).await.is_empty());
        assert!(alarms("farrington(n, day, null, 2, 1e-9)").await.is_empty());
        let hole = "farrington(case when week <> 200 then n end, day)";
        assert!(judged(&format!("{hole} over ()"), "p").await.is_empty());
    }

    #[tokio::test]
    async fn weeks_that_are_no_weeks_are_refused() {
        let of = |arguments: &str| {
            format!("with {WEEKS} select farrington({arguments}) over () from weeks")
        };
        let apart = refused(&of(
            "n, day + case when week = 9 then interval '1 day' else interval '0 days' end",
        ))
        .await;
        assert!(
            apart.contains("argument `day` is not the same day of the week in all rows"),
            "{apart}"
        );
        let twice = refused(&of("n, week / 2")).await;
        assert!(twice.contains("there are two rows of day `"), "{twice}");
        let negative = refused(&of("n, day, -1")).await;
        assert!(negative.contains("argument `exposure` is -1"), "{negative}");
        let level = refused(&of("n, day, 1, 2, 1.5")).await;
        assert!(level.contains("argument `alpha` is 1.5"), "{level}");
    }

    #[tokio::test]
    async fn ears_by_hand_in_order_and_with_a_hole() {
        // Baselines of two points: (0, 2) or (2, 0), so m = 1, s = √2, until the points judged enter them.
        let points = "(6, 0), (0, 0), (1, 2), (5, 6), (2, 0), (3, 2), (4, 5)";
        let root = 2.0_f64.sqrt();
        let c2 = points_of("ears_c2(n, 2, 0.05, 0)", points).await;
        assert_eq!(c2.len(), 3);
        assert_close(c2[0][3].unwrap(), 4.0 / root, 1e-15);
        // z of 0.95 is 1.6449: 1 + 1.6449·√2 = 3.326.
        assert_close(c2[0][2].unwrap(), 3.326_16, 1e-5);
        assert_eq!((c2[0][4], c2[2][4]), (Some(1.0), Some(0.0)));
        let c3 = points_of("ears_c3(n, 2, null, 0)", points).await;
        assert_eq!(c3.len(), 1);
        assert_close(c3[0][3].unwrap(), 9.0 / root - 2.0, 1e-14);
        assert_eq!((c3[0][2], c3[0][4]), (None, Some(1.0)));
        // Without a floor nothing can be said of a constant baseline; half a case is the floor otherwise.
        let flat = "(0, 1), (1, 1), (2, 2)";
        let floored = points_of("ears_c1(n, 2)", flat).await;
        assert_close(floored[0][3].unwrap(), 2.0, 1e-15);
        assert_eq!(points_of("ears_c1(n, 2, 0.05, 0)", flat).await[0][3], None);
        // A hole begins a new series: points 4 and 5 are judged by none before them.
        let hole = points_of(
            "ears_c1(n, 2)",
            "(0, 1), (1, 3), (2, 2), (3, null), (4, 1), (5, 1), (6, 1)",
        )
        .await;
        let places: Vec<_> = hole.iter().map(|row| row[0].unwrap()).collect();
        assert_eq!(places, [2.0, 6.0]);
        let short = refused("select ears_c1(n, 1) over () from (values (1), (2)) as t (n)").await;
        assert!(
            short.contains("argument `n_baseline` is 1; a deviation needs"),
            "{short}"
        );
    }
}
