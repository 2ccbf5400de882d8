//! Strict readers of what Italian platforms write; the rules are in `canon::text`.
//!
//! Each reader comes with a twin that says why it read nothing: `it_date(text)` is null and
//! `it_date_fault(text)` is `bad_date`. A text that is absent or blank has neither a value nor a fault.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, BooleanArray, Date32Array, Decimal128Array, Int64Array, StringArray,
};
use arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, Volatility, create_udf};

use super::intervals::one_or_many;
use super::{Body, Entry, Function};
use crate::canon::text::amount::{Mark, cents};
use crate::canon::text::duration::minutes;
use crate::canon::text::moment::Pattern;
use crate::canon::text::{Reason, boolean};

/// How an Italian writes a day.
const DAY_FIRST: &str = "%d/%m/%Y";

/// A plain function over the texts of a column.
type OfTexts = fn(&StringArray) -> ArrayRef;

/// The functions of this file, each with the type of its answer.
const ENTRIES: &[Entry<(DataType, OfTexts)>] = &[
    Entry {
        name: "it_date",
        call: "it_date(text) → date",
        it: "Data scritta gg/mm/aaaa o aaaa-mm-gg; nulla se non è una data del calendario.",
        en: "Date written dd/mm/yyyy or yyyy-mm-dd; null if it is none of the calendar.",
        source: "",
        run: (DataType::Date32, |texts| {
            Arc::new(read(texts, &date_reader()).collect::<Date32Array>())
        }),
    },
    Entry {
        name: "it_date_fault",
        call: "it_date_fault(text) → text",
        it: "Perché it_date non ha letto il testo: bad_date.",
        en: "Why it_date did not read the text: bad_date.",
        source: "",
        run: (DataType::Utf8, |texts| faults(texts, &date_reader())),
    },
    Entry {
        name: "it_amount",
        call: "it_amount(text) → decimal(12, 2)",
        it: "Importo con la virgola decimale e i punti delle migliaia; nullo se è dubbio.",
        en: "Amount with a decimal comma and points for thousands; null if in doubt.",
        source: "",
        run: (DataType::Decimal128(12, 2), |texts| {
            let amounts = read(texts, &amount).collect::<Decimal128Array>();
            Arc::new(amounts.with_data_type(DataType::Decimal128(12, 2)))
        }),
    },
    Entry {
        name: "it_amount_fault",
        call: "it_amount_fault(text) → text",
        it: "Perché it_amount non ha letto il testo.",
        en: "Why it_amount did not read the text.",
        source: "",
        run: (DataType::Utf8, |texts| faults(texts, &amount)),
    },
    Entry {
        name: "it_minutes",
        call: "it_minutes(text) → bigint",
        it: "Durata in minuti interi, da scritture come 1h30, 1:30 o 90 min.",
        en: "Duration in whole minutes, from writings such as 1h30, 1:30 or 90 min.",
        source: "",
        run: (DataType::Int64, |texts| {
            Arc::new(read(texts, &minutes).collect::<Int64Array>())
        }),
    },
    Entry {
        name: "it_minutes_fault",
        call: "it_minutes_fault(text) → text",
        it: "Perché it_minutes non ha letto il testo.",
        en: "Why it_minutes did not read the text.",
        source: "",
        run: (DataType::Utf8, |texts| faults(texts, &minutes)),
    },
    Entry {
        name: "content_id",
        call: "content_id(text) → text",
        it: "Identità di un contenuto: le prime 12 cifre esadecimali del suo BLAKE3. Non è un segreto: per le persone ci sono le chiavi.",
        en: "Identity of a content: the first 12 hexadecimal digits of its BLAKE3. No secret: for persons there are keys.",
        source: "",
        run: (DataType::Utf8, |texts| {
            let ids = texts.iter().map(|text| text.map(content_id));
            Arc::new(ids.collect::<StringArray>())
        }),
    },
    Entry {
        name: "it_boolean",
        call: "it_boolean(text) → boolean",
        it: "Sì o no, in italiano, in inglese, 0/1 o una crocetta.",
        en: "Yes or no, in Italian, English, 0/1 or a cross.",
        source: "",
        run: (DataType::Boolean, |texts| {
            Arc::new(read(texts, &boolean).collect::<BooleanArray>())
        }),
    },
    Entry {
        name: "it_boolean_fault",
        call: "it_boolean_fault(text) → text",
        it: "Perché it_boolean non ha letto il testo.",
        en: "Why it_boolean did not read the text.",
        source: "",
        run: (DataType::Utf8, |texts| faults(texts, &boolean)),
    },
];

/// The first 12 hexadecimal digits of the hash of a text.
fn content_id(text: &str) -> String {
    let hash = blake3::hash(text.as_bytes()).to_hex();
    hash.chars().take(12).collect()
}

/// The functions of this file.
pub(super) fn functions() -> Vec<Function> {
    ENTRIES
        .iter()
        .map(|entry| {
            let (answer, run) = &entry.run;
            entry.with(reader(entry.name, answer.clone(), *run))
        })
        .collect()
}

/// Reads a day in either of the two writings.
fn date_reader() -> impl Fn(&str) -> std::result::Result<i32, Reason> {
    let day_first = Pattern::new(DAY_FIRST).ok();
    let iso = Pattern::iso_date();
    move |text| match &day_first {
        Some(pattern) if text.contains('/') => pattern.days(text),
        _ => iso.days(text),
    }
}

/// Reads an amount with a decimal comma, in cents.
fn amount(text: &str) -> std::result::Result<i128, Reason> {
    cents(text, Mark::Comma)
}

/// A scalar function of one text.
fn reader(name: &str, answer: DataType, of_texts: OfTexts) -> Body {
    let run = move |arguments: &[ColumnarValue]| -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(arguments)?;
        one_or_many(arguments, of_texts(arrays[0].as_string::<i32>()))
    };
    Body::Scalar(Arc::new(create_udf(
        name,
        vec![DataType::Utf8],
        answer,
        Volatility::Immutable,
        Arc::new(run),
    )))
}

/// The text of every row without the blanks around it; none where nothing is left.
fn trimmed(texts: &StringArray) -> impl Iterator<Item = Option<&str>> {
    texts
        .iter()
        .map(|text| text.map(str::trim).filter(|text| !text.is_empty()))
}

/// What was read on every row.
fn read<T>(
    texts: &StringArray,
    reader: &impl Fn(&str) -> std::result::Result<T, Reason>,
) -> impl Iterator<Item = Option<T>> {
    trimmed(texts).map(|text| text.and_then(|text| reader(text).ok()))
}

/// Why nothing was read on every row.
fn faults<T>(
    texts: &StringArray,
    reader: &impl Fn(&str) -> std::result::Result<T, Reason>,
) -> ArrayRef {
    let codes = trimmed(texts).map(|text| Some(reader(text?).err()?.code()));
    Arc::new(codes.collect::<StringArray>())
}

#[cfg(test)]
mod tests {
    use crate::functions::answers::rows;

    /// What a reader makes of some texts, beside its fault.
    async fn both(name: &str, texts: &[&str]) -> Vec<(String, String)> {
        let listed: Vec<String> = texts.iter().map(|text| format!("('{text}')")).collect();
        let sql = format!(
            "select {name}(t), {name}_fault(t) from (values {}) as texts (t)",
            listed.join(", ")
        );
        rows(&sql)
            .await
            .into_iter()
            .map(|mut row| (row.remove(0), row.remove(0)))
            .collect()
    }

    /// A value, or the fault in its place.
    fn pair(value: &str, fault: &str) -> (String, String) {
        (value.to_owned(), fault.to_owned())
    }

    #[tokio::test]
    async fn days_are_read_in_both_writings_and_never_guessed() {
        let found = both("it_date", &["29/02/2024", "2024-02-29", "31/02/2025", " "]).await;
        assert_eq!(found[0], pair("2024-02-29", "NULL"));
        assert_eq!(found[1], found[0]);
        assert_eq!(found[2], pair("NULL", "bad_date"));
        assert_eq!(found[3], pair("NULL", "NULL"));
    }

    #[tokio::test]
    async fn amounts_keep_their_cents() {
        let found = both("it_amount", &["1.234,50", "12,5", "12.5", "0,005"]).await;
        assert_eq!(found[0], pair("1234.50", "NULL"));
        assert_eq!(found[1], pair("12.50", "NULL"));
        assert_eq!(found[2], pair("NULL", "bad_decimal"));
        assert_eq!(found[3], pair("NULL", "too_many_decimals"));
    }

    #[tokio::test]
    async fn a_content_has_the_same_id_wherever_it_stands() {
        use crate::functions::answers::cell;
        let of_abc = &blake3::hash(b"abc").to_hex()[..12];
        assert_eq!(cell("select content_id('abc')").await, of_abc);
        assert_eq!(
            cell("select content_id(cast(null as varchar))").await,
            "NULL"
        );
    }

    #[tokio::test]
    async fn durations_and_yes_or_no_are_read() {
        let found = both("it_minutes", &["1h30", "forse"]).await;
        assert_eq!(found[0], pair("90", "NULL"));
        assert_eq!(found[1], pair("NULL", "bad_minutes"));
        let found = both("it_boolean", &["Sì", "no", "forse"]).await;
        assert_eq!(found[0], pair("true", "NULL"));
        assert_eq!(found[1], pair("false", "NULL"));
        assert_eq!(found[2], pair("NULL", "bad_boolean"));
    }
}
