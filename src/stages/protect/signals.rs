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
use arrow::record_batch::RecordBatch;

use super::Error;
use super::data_set::{Protected, Status};
use crate::canon::cells::{count_at, counts, texts};
use crate::context::Context;

/// Name of the table, in `detected` and in `protected`.
pub(super) const TABLE: &str = "signals";

/// Aspects whose observed figure is not a count of the data set.
const NOT_A_COUNT: [&str; 1] = ["long_wait"];

/// The signals that may be published, and how many stay private.
pub(super) async fn publishable(
    cx: &Context,
    done: &BTreeMap<String, Protected>,
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
    let select =
        format!("select * from {model} order by quarter, district_code, need_code, aspect");
    let rows = opened.plain_rows(&model, &select).await.map_err(failed)?;
    let column = |source| Error::Column {
        data_set: TABLE.to_owned(),
        source,
    };
    let text = |name| texts(&rows, name).map_err(column);
    let (aspect, district, need, quarter) = (
        text("aspect")?,
        text("district_code")?,
        text("need_code")?,
        text("quarter")?,
    );
    let observed = counts(&rows, "observed").map_err(column)?;
    let keep: BooleanArray = (0..rows.num_rows())
        .map(|row| {
            let at = (quarter.value(row), district.value(row), need.value(row));
            Some(is_shown(done, aspect.value(row), at, count_at(observed, row)) == Shown::Yes)
        })
        .collect();
    let built = |source| Error::Build {
        data_set: TABLE.to_owned(),
        source,
    };
    let kept = filter_record_batch(&rows, &keep).map_err(built)?;
    let n_withheld = (rows.num_rows() - kept.num_rows()) as u64;
    let kept = with_public_reasons(&kept)?;
    Ok((coarse(&kept).map_err(built)?, n_withheld))
}

/// The signals with reasons that say nothing beyond what is printed.
///
/// A share beside its numerator would give the denominator, and the districts alike are counted
/// among the published ones only.
fn with_public_reasons(kept: &RecordBatch) -> Result<RecordBatch, Error> {
    let column = |source| Error::Column {
        data_set: TABLE.to_owned(),
        source,
    };
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
const PUBLIC_KEYS: [&str; 5] = ["code", "n_window_months", "value", "days", "reference_days"];

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

/// Whether a signal may be published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// Its evidence is printed.
    Yes,
    /// It is not.
    No,
}

/// Whether every data set that carries the evidence prints it, with the very same count.
fn is_shown(
    done: &BTreeMap<String, Protected>,
    aspect: &str,
    (quarter, district, need): (&str, &str, &str),
    observed: u64,
) -> Shown {
    let mut evidence = done
        .values()
        .filter(|data_set| data_set.evidence_for.iter().any(|known| known == aspect))
        .peekable();
    if evidence.peek().is_none() {
        return Shown::No;
    }
    let prints = |data_set: &Protected| match data_set.look_up(quarter, district, need) {
        Some((value, Status::Published)) => value == observed || NOT_A_COUNT.contains(&aspect),
        Some((_, Status::Suppressed | Status::NotCovered | Status::SourceDown)) | None => false,
    };
    if evidence.all(prints) {
        Shown::Yes
    } else {
        Shown::No
    }
}

/// Computed figures cut to three digits, so that their decimals say nothing of the withheld
/// counts of the past they were computed from.
fn coarse(rows: &RecordBatch) -> Result<RecordBatch, arrow::error::ArrowError> {
    let columns = rows.columns().iter().map(|column| -> ArrayRef {
        if *column.data_type() != DataType::Float64 {
            return Arc::clone(column);
        }
        let cut: Float64Array = column
            .as_primitive::<Float64Type>()
            .iter()
            .map(|value| value.map(three_digits))
            .collect();
        Arc::new(cut)
    });
    RecordBatch::try_new(rows.schema(), columns.collect())
}

/// The number with three significant digits.
fn three_digits(value: f64) -> f64 {
    format!("{value:.2e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

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
