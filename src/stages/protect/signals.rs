//! Which signals may be published: those whose evidence is.
//!
//! That a withheld count stands out would tell a reader that it is large, and so narrow what can
//! be known of the small counts it protects. So such a signal is not published at all, and stays
//! with the operator in `detected.signals`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Float64Array, StringArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, Float64Type};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

use super::Error;
use super::data_set::{Protected, Status};
use super::protected::TOTAL;
use super::settled::Settled;
use super::signals_settled;
use crate::canon::cells::{CellError, count_at, counts, numbers, texts};
use crate::canon::quarter;
use crate::context::Context;
use crate::stats::proportion::Share;
use crate::stats::{real, rounded};

/// Name of the table, in `detected` and in `protected`.
pub(super) const TABLE: &str = "signals";

/// Columns that are published, as they are selected: not the exposure, which counts members, nor the districts of a group, each of
/// which would need evidence of its own.
const PUBLIC_COLUMNS: [&str; 25] = [
    "signal_id",
    "kind",
    "aspect",
    "district_code",
    "need_code",
    "quarter",
    "first_month",
    "last_month",
    "observed",
    "expected",
    "expected_low",
    "expected_high",
    "excess",
    "ratio",
    "p_value",
    "q_value",
    "100 * exposure_change as exposure_change_pct",
    "100 * completeness as completeness_pct",
    "100 * coverage as coverage_pct",
    "platforms",
    "series",
    "adjusted_for",
    "method",
    "method_version",
    "reasons",
];

/// The columns that signals are sorted by.
pub(super) const ORDER: [&str; 4] = ["quarter", "district_code", "need_code", "aspect"];

/// Aspects whose observed figure is the count that the evidence prints; of a wait it is days.
const COUNTED_IN_PART: [&str; 3] = ["rise", "unmet_share", "no_offer"];

/// Quarters before the judged one that make its past.
const N_PAST_QUARTERS: i64 = 4;

/// Requests a need must have had in the past for its own share to be a reference.
const MIN_REFERENCE: u64 = 100;

/// Bounds a probability is published as: the exact one would give back what it was computed from.
const BANDS: [f64; 5] = [0.0001, 0.001, 0.01, 0.05, 1.0];

/// The signals that may be published, and how many stay private.
pub(super) async fn publishable(
    cx: &Context,
    done: &BTreeMap<String, Protected>,
    settled: &Settled,
) -> Result<(RecordBatch, u64), Error> {
    let model = format!("detected.{TABLE}");
    let failed = |source| Error::Inputs {
        data_set: TABLE.to_owned(),
        source,
    };
    let opened = cx
        .open(&BTreeSet::from([model.clone()]))
        .await
        .map_err(failed)?;
    let (columns, order) = (PUBLIC_COLUMNS.join(", "), ORDER.join(", "));
    let select = format!("select {columns} from {model} order by {order}");
    let all = opened.plain_rows(&model, &select).await.map_err(failed)?;
    let printed = Printed { cx, done };
    let is_settled = |quarter: &str| printed.is_settled(quarter, settled);
    let rows = signals_settled::open_rows(&all, is_settled)?;
    let figures = printed.figures_of_all(&rows).map_err(column)?;
    let keep: BooleanArray = figures.iter().map(|found| Some(found.is_some())).collect();
    let kept = filter_record_batch(&rows, &keep).map_err(built)?;
    let n_withheld = (rows.num_rows() - kept.num_rows()) as u64;
    let kept = with_public_reasons(&kept)?;
    let figures: Vec<Figures> = figures.into_iter().flatten().collect();
    let new = with_public_figures(&kept, &figures).map_err(built)?;
    let joined = match settled.signals() {
        Some(before) => signals_settled::join(&new, before, is_settled)?,
        None => new,
    };
    Ok((joined, n_withheld))
}

/// A column of signals is not what it should be.
pub(super) fn column(source: CellError) -> Error {
    Error::Column {
        data_set: TABLE.to_owned(),
        source,
    }
}

/// The table of signals cannot be built.
pub(super) fn built(source: ArrowError) -> Error {
    Error::Build {
        data_set: TABLE.to_owned(),
        source,
    }
}

/// What is expected of a quarter, as printed.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Figures {
    /// What is seen.
    observed: u64,
    /// What was expected.
    expected: f64,
    /// Lower limit of that.
    low: f64,
    /// Upper limit of that.
    high: f64,
}

/// What a release prints, as evidence for its signals.
struct Printed<'a> {
    /// The declarations.
    cx: &'a Context,
    /// The protected data sets.
    done: &'a BTreeMap<String, Protected>,
}

/// Quarter, district and need.
type Place<'a> = (&'a str, &'a str, &'a str);

impl Printed<'_> {
    /// Whether a data set that is evidence for any signal is closed for a quarter.
    fn is_settled(&self, quarter: &str, settled: &Settled) -> bool {
        let mut evidence = self.cx.commons.releases.iter();
        evidence.any(|(name, declared)| {
            let is_evidence = !declared.spec.evidence_for.is_empty();
            is_evidence && settled.is_closed(name, &declared.spec, quarter)
        })
    }

    /// The figures of each signal that may be published; nothing for one that may not.
    fn figures_of_all(&self, rows: &RecordBatch) -> Result<Vec<Option<Figures>>, CellError> {
        let (aspect, quarter) = (texts(rows, "aspect")?, texts(rows, "quarter")?);
        let (district, need) = (texts(rows, "district_code")?, texts(rows, "need_code")?);
        let observed = counts(rows, "observed")?;
        let expected = numbers(rows, "expected")?;
        let (low, high) = (
            numbers(rows, "expected_low")?,
            numbers(rows, "expected_high")?,
        );
        let of_row = |row: usize| {
            let place = (quarter.value(row), district.value(row), need.value(row));
            let modeled = Figures {
                observed: count_at(observed, row),
                expected: expected.value(row),
                low: low.value(row),
                high: high.value(row),
            };
            self.figures(aspect.value(row), place, modeled)
        };
        Ok((0..rows.num_rows()).map(of_row).collect())
    }

    /// The figures of one signal as they may be published.
    fn figures(&self, aspect: &str, place: Place<'_>, modeled: Figures) -> Option<Figures> {
        if self.is_evident(aspect, place, modeled.observed) == Evident::No {
            return None;
        }
        match aspect {
            "rise" => Some(modeled),
            "unmet_share" | "no_offer" => self.share_figures(aspect, place, modeled.observed),
            "long_wait" => self.has_printed_past(aspect, place).then_some(modeled),
            _ => None,
        }
    }

    /// Whether every data set that carries the evidence prints it, with the very same count.
    fn is_evident(
        &self,
        aspect: &str,
        (quarter, district, need): Place<'_>,
        observed: u64,
    ) -> Evident {
        let mut evidence = self.evidence(aspect).peekable();
        if evidence.peek().is_none() {
            return Evident::No;
        }
        let prints = |(_, data_set): (_, &Protected)| {
            let shown = printed(data_set, (quarter, district, need));
            shown.is_some_and(|value| value == observed || !COUNTED_IN_PART.contains(&aspect))
        };
        if evidence.all(prints) {
            Evident::Yes
        } else {
            Evident::No
        }
    }

    /// Data sets that carry the evidence of an aspect, by name.
    fn evidence<'b>(
        &'b self,
        aspect: &'b str,
    ) -> impl Iterator<Item = (&'b String, &'b Protected)> {
        self.done
            .iter()
            .filter(move |(_, data_set)| data_set.evidence_for.iter().any(|known| known == aspect))
    }

    /// Name of the whole that a data set is a part of.
    fn whole_of(&self, name: &str) -> Option<&String> {
        self.cx.commons.releases.get(name)?.spec.protect.of.as_ref()
    }

    /// The expected part of a whole, from printed counts alone: what any reader could compute.
    ///
    /// The detector's own figures rest on counts that are not printed, such as requests withdrawn;
    /// together with the printed ones they would give those back.
    fn share_figures(&self, aspect: &str, place: Place<'_>, observed: u64) -> Option<Figures> {
        let (part, whole) = self.evidence(aspect).find_map(|(name, part)| {
            let whole = self.done.get(self.whole_of(name)?)?;
            Some((part, whole))
        })?;
        let reference = reference_share(part, whole, place.0, place.2);
        let reference = reference.or_else(|| reference_share(part, whole, place.0, TOTAL))?;
        let n_whole = printed(whole, place)?;
        let expected = reference * real(n_whole);
        let share = Share {
            n_events: rounded(expected),
            n_trials: n_whole,
        };
        let (low, high) = share.wilson()?;
        let figures = Figures {
            observed,
            expected,
            low: low * real(n_whole),
            high: high * real(n_whole),
        };
        (real(observed) > figures.high).then_some(figures)
    }

    /// Whether the requests of the place are printed for the year before too, where there are any:
    /// the reference wait is then one of enough persons.
    fn has_printed_past(&self, aspect: &str, (quarter, district, need): Place<'_>) -> bool {
        let wholes = || {
            self.evidence(aspect)
                .filter(|(name, _)| self.whole_of(name).is_none())
        };
        quarters_before(quarter).iter().all(|past| {
            wholes().all(
                |(_, data_set)| match data_set.look_up(past, district, need) {
                    Some((_, status)) => status == Status::Published,
                    None => true,
                },
            )
        })
    }
}

/// The count of a place, if it is printed.
fn printed(data_set: &Protected, (quarter, district, need): Place<'_>) -> Option<u64> {
    match data_set.look_up(quarter, district, need)? {
        (value, Status::Published) => Some(value),
        (_, Status::Suppressed | Status::NotCovered | Status::SourceDown) => None,
    }
}

/// Share of a need over all districts in the year before, from printed totals.
fn reference_share(part: &Protected, whole: &Protected, quarter: &str, need: &str) -> Option<f64> {
    let totals = quarters_before(quarter).into_iter().filter_map(|past| {
        let place = (past.as_str(), TOTAL, need);
        Some((printed(part, place)?, printed(whole, place)?))
    });
    let (n_part, n_whole) = totals.fold((0, 0), |sum, found| (sum.0 + found.0, sum.1 + found.1));
    (n_whole >= MIN_REFERENCE).then(|| real(n_part) / real(n_whole))
}

/// The quarters of the year before, oldest first.
fn quarters_before(quarter: &str) -> Vec<String> {
    let last = quarter::ordinal(quarter);
    let quarters = last.map(|last| last - N_PAST_QUARTERS..last);
    quarters.into_iter().flatten().map(quarter::text).collect()
}

/// The signals with reasons that say nothing beyond what is printed.
///
/// A share beside its numerator would give the denominator, and the districts alike are counted
/// among the published ones only.
fn with_public_reasons(kept: &RecordBatch) -> Result<RecordBatch, Error> {
    let text = |name| texts(kept, name).map_err(column);
    let (aspect, need, quarter, reasons) = (
        text("aspect")?,
        text("need_code")?,
        text("quarter")?,
        text("reasons")?,
    );
    let about = |row: usize| (aspect.value(row), need.value(row), quarter.value(row));
    let public: StringArray = (0..kept.num_rows())
        .map(|row| {
            let n_alike = (0..kept.num_rows())
                .filter(|other| *other != row && about(*other) == about(row))
                .count();
            Some(public_reasons(reasons.value(row), n_alike))
        })
        .collect();
    let schema = kept.schema();
    let replaced =
        kept.columns()
            .iter()
            .zip(schema.fields().iter())
            .map(|(values, field)| -> ArrayRef {
                if field.name() == "reasons" {
                    Arc::new(public.clone())
                } else {
                    Arc::clone(values)
                }
            });
    RecordBatch::try_new(Arc::clone(&schema), replaced.collect()).map_err(|source| Error::Build {
        data_set: TABLE.to_owned(),
        source,
    })
}

/// Keys of a reason that may be printed.
const PUBLIC_KEYS: [&str; 4] = ["code", "value", "days", "reference_days"];

/// The reasons of one signal as printed; what cannot be read is left out.
fn public_reasons(reasons: &str, n_alike: usize) -> String {
    let mut reasons: Vec<serde_json::Map<String, serde_json::Value>> =
        serde_json::from_str(reasons).unwrap_or_default();
    for reason in &mut reasons {
        reason.retain(|key, _| PUBLIC_KEYS.contains(&key.as_str()));
        if reason
            .get("code")
            .is_some_and(|code| code == "n_districts_alike")
        {
            reason.insert("value".to_owned(), n_alike.into());
        }
    }
    serde_json::to_string(&reasons).unwrap_or_default()
}

/// Whether a release prints what a signal rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Evident {
    /// It does.
    Yes,
    /// It does not.
    No,
}

/// The signals with figures that say nothing beyond what is printed: three digits of what was
/// expected, excess and ratio from those very digits, and probabilities as bounds.
fn with_public_figures(kept: &RecordBatch, figures: &[Figures]) -> Result<RecordBatch, ArrowError> {
    let all = |value: &dyn Fn(&Figures) -> f64| -> ArrayRef {
        Arc::new(
            figures
                .iter()
                .map(|found| Some(three_digits(value(found))))
                .collect::<Float64Array>(),
        )
    };
    let expected = |found: &Figures| three_digits(found.expected);
    let schema = kept.schema();
    let columns = kept
        .columns()
        .iter()
        .zip(schema.fields())
        .map(|(values, field)| -> ArrayRef {
            match field.name().as_str() {
                "expected" => all(&expected),
                "expected_low" => all(&|found| found.low),
                "expected_high" => all(&|found| found.high),
                "excess" => all(&|found| real(found.observed) - expected(found)),
                "ratio" => {
                    all(&|found| real(found.observed) / expected(found).max(f64::MIN_POSITIVE))
                }
                "p_value" | "q_value" => changed(values, band),
                _ if *values.data_type() == DataType::Float64 => changed(values, three_digits),
                _ => Arc::clone(values),
            }
        });
    RecordBatch::try_new(Arc::clone(&schema), columns.collect())
}

/// A float column with every value changed.
fn changed(values: &ArrayRef, change: fn(f64) -> f64) -> ArrayRef {
    let values = values.as_primitive::<Float64Type>();
    Arc::new(
        values
            .iter()
            .map(|value| value.map(change))
            .collect::<Float64Array>(),
    )
}

/// The smallest bound a probability does not pass.
fn band(probability: f64) -> f64 {
    BANDS
        .into_iter()
        .find(|bound| probability <= *bound)
        .unwrap_or(1.0)
}

/// The number with three significant digits.
fn three_digits(value: f64) -> f64 {
    format!("{value:.2e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probability_is_printed_as_a_bound() {
        assert_eq!(
            [3e-31, 0.0001, 0.0002, 0.04, 0.3]
                .map(band)
                .map(|bound| bound.to_string()),
            ["0.0001", "0.0001", "0.001", "0.05", "1"]
        );
    }

    #[test]
    fn the_year_before_a_quarter_is_four_quarters() {
        assert_eq!(
            quarters_before("2026-Q2"),
            ["2025-Q2", "2025-Q3", "2025-Q4", "2026-Q1"]
        );
    }

    #[test]
    fn a_share_beside_its_numerator_is_not_printed() {
        let private = r#"[{"code":"unmet_above_reference","share_pct":50.0},{"code":"n_districts_alike","value":3}]"#;
        let public = public_reasons(private, 1);
        assert_eq!(
            public,
            r#"[{"code":"unmet_above_reference"},{"code":"n_districts_alike","value":1}]"#
        );
    }

    #[test]
    fn figures_keep_three_digits() {
        let cut: Vec<String> = [123.456, 0.000_123_45, 0.0, 7.0]
            .into_iter()
            .map(|value| three_digits(value).to_string())
            .collect();
        assert_eq!(cut, ["123", "0.000123", "0", "7"]);
    }
}
