//! A signal: what stands out, where, since when, and the evidence for it.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

use crate::lake::plain::round_digits;

/// What a signal is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Aspect {
    /// More requests than the past and the exposure explain.
    Rise,
    /// A word the vocabulary lacks, suddenly used.
    NewLabel,
    /// More requests without an answer than elsewhere.
    UnmetShare,
    /// Requests and not one answer.
    NoOffer,
    /// Answers that come much later than before.
    LongWait,
}

impl Aspect {
    /// Kind of the signal.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Rise => "emerging_need",
            Self::NewLabel => "new_need",
            Self::UnmetShare | Self::NoOffer | Self::LongWait => "service_gap",
        }
    }

    /// Word for the aspect.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Rise => "rise",
            Self::NewLabel => "new_label",
            Self::UnmetShare => "unmet_share",
            Self::NoOffer => "no_offer",
            Self::LongWait => "long_wait",
        }
    }
}

/// One signal: one aspect of one need in one district and quarter.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Signal {
    /// What it is about.
    pub(crate) aspect: Aspect,
    /// District; `TOTAL` when it is about all of them.
    pub(crate) district_code: String,
    /// Need, or the new label.
    pub(crate) need_code: String,
    /// Quarter of the evidence.
    pub(crate) quarter: String,
    /// First month of the run of months that stand out.
    pub(crate) first_month: String,
    /// Last month of the quarter that stands out.
    pub(crate) last_month: String,
    /// What was seen in the quarter: requests, or unmet requests, or median days.
    pub(crate) observed: u64,
    /// What was expected of the quarter.
    pub(crate) expected: f64,
    /// Interval of the expectation, 95 %.
    pub(crate) interval: (f64, f64),
    /// Chance of as much if nothing had changed.
    pub(crate) p_value: f64,
    /// False-discovery rate at which the signal would still be raised.
    pub(crate) q_value: f64,
    /// Change of the exposure against the year before, percent.
    pub(crate) exposure_change_pct: Option<f64>,
    /// Share of comuni and months of the quarter for which there are data, percent.
    pub(crate) completeness_pct: Option<f64>,
    /// Platforms behind the figures.
    pub(crate) platforms: String,
    /// Method and its version.
    pub(crate) method: (&'static str, &'static str),
    /// Reasons as JSON: what pages turn into sentences.
    pub(crate) reasons: serde_json::Value,
}

impl Signal {
    /// Where the signal stands among the others.
    fn place(&self) -> (String, String, String, Aspect) {
        let codes = [&self.quarter, &self.district_code, &self.need_code].map(Clone::clone);
        let [quarter, district, need] = codes;
        (quarter, district, need, self.aspect)
    }

    /// Identity of the signal: the same thing flagged again later keeps it.
    fn id(&self) -> String {
        let text = format!(
            "{}|{}|{}|{}",
            self.aspect.word(),
            self.district_code,
            self.need_code,
            self.quarter
        );
        blake3::hash(text.as_bytes())
            .to_hex()
            .chars()
            .take(12)
            .collect()
    }
}

/// Columns of `detected.signals`.
pub(crate) fn schema() -> SchemaRef {
    let texts = |names: &[&str]| {
        names
            .iter()
            .map(|name| Field::new(*name, DataType::Utf8, true))
            .collect::<Vec<_>>()
    };
    let mut fields = texts(&[
        "signal_id",
        "kind",
        "aspect",
        "district_code",
        "need_code",
        "quarter",
        "first_month",
        "last_month",
    ]);
    fields.push(Field::new("observed", DataType::Int64, true));
    for name in [
        "expected",
        "expected_low",
        "expected_high",
        "excess",
        "ratio",
        "p_value",
        "q_value",
        "exposure_change_pct",
        "completeness_pct",
    ] {
        fields.push(Field::new(name, DataType::Float64, true));
    }
    fields.extend(texts(&["platforms", "method", "method_version", "reasons"]));
    Arc::new(Schema::new(fields))
}

/// The signals as rows, in the order of quarter, district, need and aspect.
pub(crate) fn batch(mut signals: Vec<Signal>) -> Result<RecordBatch, ArrowError> {
    signals.sort_by_cached_key(Signal::place);
    let texts = |value: fn(&Signal) -> String| -> ArrayRef {
        Arc::new(
            signals
                .iter()
                .map(|signal| Some(value(signal)))
                .collect::<StringArray>(),
        )
    };
    let numbers = |value: fn(&Signal) -> Option<f64>| -> ArrayRef {
        Arc::new(
            signals
                .iter()
                .map(|signal| value(signal).map(round_digits))
                .collect::<Float64Array>(),
        )
    };
    let observed: Int64Array = signals
        .iter()
        .map(|signal| i64::try_from(signal.observed).ok())
        .collect();
    RecordBatch::try_new(
        schema(),
        vec![
            texts(Signal::id),
            texts(|signal| signal.aspect.kind().to_owned()),
            texts(|signal| signal.aspect.word().to_owned()),
            texts(|signal| signal.district_code.clone()),
            texts(|signal| signal.need_code.clone()),
            texts(|signal| signal.quarter.clone()),
            texts(|signal| signal.first_month.clone()),
            texts(|signal| signal.last_month.clone()),
            Arc::new(observed),
            numbers(|signal| Some(signal.expected)),
            numbers(|signal| Some(signal.interval.0)),
            numbers(|signal| Some(signal.interval.1)),
            numbers(|signal| Some(crate::stats::real(signal.observed) - signal.expected)),
            numbers(|signal| {
                (signal.expected > 0.0)
                    .then(|| crate::stats::real(signal.observed) / signal.expected)
            }),
            numbers(|signal| Some(signal.p_value)),
            numbers(|signal| Some(signal.q_value)),
            numbers(|signal| signal.exposure_change_pct),
            numbers(|signal| signal.completeness_pct),
            texts(|signal| signal.platforms.clone()),
            texts(|signal| signal.method.0.to_owned()),
            texts(|signal| signal.method.1.to_owned()),
            texts(|signal| signal.reasons.to_string()),
        ],
    )
}
