//! One form for labels and tags; the rules are in `canon::text::label`.
//!
//! Lists are not a type in models: the phrases of a label are read one position at a time.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, StringArray};
use arrow::datatypes::{DataType, Int64Type};
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, Volatility, create_udf};

use super::intervals::one_or_many;
use super::{Body, Entry, Function};
use crate::canon::text::label::{Phrase, contains, key, phrases};

/// Where the light stemmer comes from.
const SAVOY: &str = "light stemmer after Savoy 2002, LNCS 2406:27";

/// What is taken of a phrase.
type Part = fn(Phrase) -> String;

/// The functions that read a phrase of a label.
const PHRASES: [Entry<Part>; 2] = [
    Entry {
        name: "label_phrase",
        call: "label_phrase(text, position) → text",
        it: "La chiave della frase in quella posizione, da 1 a 16: prima l'etichetta intera, poi le frasi di tre, due e una parola al suo interno, ciascuna una volta; nulla oltre l'ultima.",
        en: "The key of the phrase at that position, 1 to 16: first the label itself, then the phrases of three, two and one word inside it, each once; null after the last.",
        source: SAVOY,
        run: |phrase| phrase.key,
    },
    Entry {
        name: "label_phrase_form",
        call: "label_phrase_form(text, position) → text",
        it: "La frase di label_phrase come è scritta, in minuscolo.",
        en: "The phrase of label_phrase as it is written, in lower case.",
        source: "",
        run: |phrase| phrase.form,
    },
];

/// The functions of this file.
pub(super) fn functions() -> Vec<Function> {
    let phrases = PHRASES.iter().map(|entry| {
        let part = entry.run;
        let code = create_udf(
            entry.name,
            vec![DataType::Utf8, DataType::Int64],
            DataType::Utf8,
            Volatility::Immutable,
            Arc::new(move |arguments: &[ColumnarValue]| nth(arguments, part)),
        );
        entry.with(Body::Scalar(Arc::new(code)))
    });
    phrases.chain([label_key(), label_contains()]).collect()
}

/// The function that answers the key of a label.
fn label_key() -> Function {
    let code = create_udf(
        "label_key",
        vec![DataType::Utf8],
        DataType::Utf8,
        Volatility::Immutable,
        Arc::new(|arguments: &[ColumnarValue]| {
            let arrays = ColumnarValue::values_to_arrays(arguments)?;
            let labels = arrays[0].as_string::<i32>().iter();
            let keys: StringArray = labels.map(|label| key(label?)).collect();
            one_or_many(arguments, Arc::new(keys))
        }),
    );
    let entry = Entry {
        name: "label_key",
        call: "label_key(text) → text",
        it: "Chiave di un'etichetta, uguale per le sue scritture: senza maiuscole, accenti, punteggiatura, articoli, preposizioni, numero e, nelle parole lunghe, genere; parole in ordine alfabetico. Nulla se l'etichetta non dice nulla, è più lunga di dodici parole o può indicare una persona.",
        en: "Key of a label, the same for its writings: without case, accents, punctuation, articles, prepositions, number and, in long words, gender; words in alphabetical order. Null if the label says nothing, is longer than twelve words or may point to a person.",
        source: SAVOY,
        run: (),
    };
    entry.with(Body::Scalar(Arc::new(code)))
}

/// The function that answers whether one key lies within another.
fn label_contains() -> Function {
    let code = create_udf(
        "label_contains",
        vec![DataType::Utf8, DataType::Utf8],
        DataType::Boolean,
        Volatility::Immutable,
        Arc::new(|arguments: &[ColumnarValue]| {
            let arrays = ColumnarValue::values_to_arrays(arguments)?;
            let keys = arrays[0].as_string::<i32>().iter();
            let pairs = keys.zip(arrays[1].as_string::<i32>());
            let found: BooleanArray = pairs
                .map(|(key, part)| Some(contains(key?, part?)))
                .collect();
            one_or_many(arguments, Arc::new(found))
        }),
    );
    let entry = Entry {
        name: "label_contains",
        call: "label_contains(key, part) → boolean",
        it: "Se la seconda chiave è una parte della prima: le sue parole sono tutte tra quelle dell'altra.",
        en: "Whether the second key is a part of the first: its words are all among those of the other.",
        source: "",
        run: (),
    };
    entry.with(Body::Scalar(Arc::new(code)))
}

/// A part of the phrase at a position, for every row.
fn nth(arguments: &[ColumnarValue], part: Part) -> Result<ColumnarValue> {
    let arrays = ColumnarValue::values_to_arrays(arguments)?;
    let labels = arrays[0].as_string::<i32>();
    let positions = arrays[1].as_primitive::<Int64Type>();
    one_or_many(arguments, parts(labels, positions, part))
}

/// A part of the phrase at a position. A label is taken apart once for the rows that follow each other.
fn parts(labels: &StringArray, positions: &Int64Array, part: Part) -> ArrayRef {
    let mut last: Option<(&str, Vec<Phrase>)> = None;
    let mut answers = Vec::with_capacity(labels.len());
    for (label, position) in labels.iter().zip(positions) {
        let Some((label, position)) = label.zip(position) else {
            answers.push(None);
            continue;
        };
        if last.as_ref().is_none_or(|(before, _)| *before != label) {
            last = Some((label, phrases(label)));
        }
        let at = usize::try_from(position)
            .ok()
            .and_then(|at| at.checked_sub(1));
        let found = last.as_ref().and_then(|(_, found)| found.get(at?));
        answers.push(found.cloned().map(part));
    }
    Arc::new(answers.into_iter().collect::<StringArray>())
}

#[cfg(test)]
mod tests {
    use crate::functions::answers::{cell, rows};

    #[tokio::test]
    async fn writings_of_one_label_have_one_key_and_a_name_has_none() {
        let found = rows(
            "select label_key(t) from (values ('Identità  Digitale'), ('identita'' digitali'),
                 ('Maria Rossi'), (null)) as labels (t)",
        )
        .await;
        assert_eq!(
            found.concat(),
            ["digital identit", "digital identit", "NULL", "NULL"]
        );
        assert_eq!(cell("select label_key('le spese')").await, "spesa");
        let found = rows(
            "select label_contains(k, p) from (values ('aiuto digital identit', 'digital identit'),
                 ('digital identit', 'aiuto digital identit'), ('identit', 'identit'),
                 ('identit', null)) as pairs (k, p)",
        )
        .await;
        assert_eq!(found.concat(), ["true", "false", "true", "NULL"]);
    }

    #[tokio::test]
    async fn phrases_are_read_one_position_at_a_time() {
        let found = rows(
            "select label_phrase(t, p), label_phrase_form(t, p)
             from (values ('Aiuto per la spesa', 1), ('Aiuto per la spesa', 2),
                 ('Aiuto per la spesa', 3), ('Aiuto per la spesa', 4), ('spese', 1), ('spese', 0),
                 ('spese', null)) as labels (t, p)",
        )
        .await;
        let expected = [
            ["aiuto spesa", "aiuto per la spesa"],
            ["aiuto", "aiuto"],
            ["spesa", "spesa"],
            ["NULL", "NULL"],
            ["spesa", "spese"],
            ["NULL", "NULL"],
            ["NULL", "NULL"],
        ];
        assert_eq!(found, expected);
        let one = cell("select label_phrase('Aiuto per la spesa', 3)").await;
        assert_eq!(one, "spesa");
    }
}
