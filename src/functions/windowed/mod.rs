//! Window functions: methods that judge all rows of a partition together and answer one row per row.
//!
//! ```sql
//! select need, district, fdr_bh(p) over (partition by month) as q from …
//! ```
//!
//! A method here sees the whole partition at once, whatever the frame says. Rows that a method cannot
//! judge get no answer; an input that makes no sense stops the query with the argument and the remedy.
//! Several numbers that belong together are one struct: `get_field(f(…) over (…), 'p')` or `f(…)['p']`.
//!
//! To add one, write an `Entry` with a `Windowed`: the arguments, the shape of the answer, and a plain
//! function over a `Partition`.

use std::fmt::{Debug, Formatter};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::function::{PartitionEvaluatorArgs, WindowUDFFieldArgs};
use datafusion::logical_expr::{
    PartitionEvaluator, Signature, Volatility, WindowUDF, WindowUDFImpl,
};

use super::{Body, Entry, Function};
pub(super) use panels::Names;
pub(super) use partition::{Cell, Partition};

/// Words in use that are suddenly used far more.
mod bursts;
/// CUSUM and the likelihood-ratio chart.
mod charts;
/// Clusters in space and time.
mod clusters;
/// Reporting delay.
mod delay;
/// Which of many small probabilities may be believed.
mod fdr;
/// Rows of needs, districts and months, put in order.
mod panels;
/// What a method sees of its partition, and how it answers.
mod partition;
/// Needs that rise, alone or together.
mod rises;
/// One series per partition.
mod series;
/// Words that were not there before.
mod words;

/// What an argument holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Numbers.
    Number,
    /// Whole numbers.
    Whole,
    /// Texts, such as codes; whole numbers are written out.
    Text,
    /// Yes or no.
    Flag,
    /// Dates, or the whole numbers of periods.
    Time,
}

/// An argument of a window function.
#[derive(Debug, Clone, Copy)]
pub(super) struct Argument {
    /// Name, for messages.
    pub(super) name: &'static str,
    /// What it holds.
    pub(super) kind: Kind,
}

impl Argument {
    /// An argument of that name and kind.
    pub(super) const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind }
    }
}

/// The type of an answer or of a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// A number.
    Number,
    /// A whole number.
    Whole,
    /// Yes or no.
    Flag,
    /// A text.
    Text,
    /// Of the type of the argument at that place, which is a text or a time.
    Like(usize),
}

/// What a window function answers for each row.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    /// One value.
    One(Part),
    /// Several that belong together, each with its name.
    Struct(&'static [(&'static str, Part)]),
}

/// A method over the rows of a partition.
#[derive(Clone, Copy)]
pub(super) struct Windowed {
    /// The arguments, the optional ones last.
    pub(super) arguments: &'static [Argument],
    /// How many of the arguments may be left out.
    pub(super) n_optional: usize,
    /// What is answered for each row.
    pub(super) shape: Shape,
    /// The method; its answer has a row for each row of the partition.
    pub(super) run: fn(&Partition) -> Result<ArrayRef>,
}

/// The functions of this folder, and the scalar ones that go with them.
pub(super) fn functions() -> Vec<Function> {
    let entries = [
        bursts::ENTRIES,
        charts::ENTRIES,
        clusters::ENTRIES,
        delay::ENTRIES,
        fdr::ENTRIES,
        rises::ENTRIES,
        series::ENTRIES,
        words::ENTRIES,
    ]
    .concat();
    let windows = entries.iter().map(function);
    windows.chain(delay::scalars()).collect()
}

/// A window function with its code wrapped; for entries of other folders too.
pub(super) fn function(entry: &Entry<Windowed>) -> Function {
    let code = WindowUDF::from(Whole {
        name: entry.name,
        signature: Signature::user_defined(Volatility::Immutable),
        method: entry.run,
    });
    entry.with(Body::Window(Arc::new(code)))
}

/// A method as the engine calls it.
struct Whole {
    /// Name in SQL.
    name: &'static str,
    /// The types are settled by [`WindowUDFImpl::coerce_types`].
    signature: Signature,
    /// The method.
    method: Windowed,
}

impl Debug for Whole {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Whole")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

// A name stands for one method, so it alone tells two functions apart.
impl PartialEq for Whole {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Whole {}

impl Hash for Whole {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl WindowUDFImpl for Whole {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let arguments = self.method.arguments;
        let n_needed = arguments.len() - self.method.n_optional;
        if !(n_needed..=arguments.len()).contains(&given.len()) {
            let names: Vec<&str> = arguments.iter().map(|argument| argument.name).collect();
            return Err(DataFusionError::Plan(format!(
                "{} takes ({}), the last {} optional; {} were given",
                self.name,
                names.join(", "),
                self.method.n_optional,
                given.len()
            )));
        }
        let pairs = arguments.iter().zip(given);
        pairs
            .map(|(argument, given)| self.coerced(*argument, given))
            .collect()
    }

    fn partition_evaluator(
        &self,
        given: PartitionEvaluatorArgs,
    ) -> Result<Box<dyn PartitionEvaluator>> {
        Ok(Box::new(Evaluator {
            name: self.name,
            method: self.method,
            answer: self.answer(given.input_fields())?,
        }))
    }

    fn field(&self, given: WindowUDFFieldArgs) -> Result<FieldRef> {
        let answer = self.answer(given.input_fields())?;
        Ok(Arc::new(Field::new(given.name(), answer, true)))
    }
}

impl Whole {
    /// The type that an argument is read as.
    fn coerced(&self, argument: Argument, given: &DataType) -> Result<DataType> {
        let plain = match given {
            DataType::Dictionary(_, value) => value,
            _ => given,
        };
        let is_missing = *plain == DataType::Null;
        let read_as = match argument.kind {
            Kind::Number if plain.is_numeric() || is_missing => Some(DataType::Float64),
            Kind::Whole if plain.is_integer() || is_missing => Some(DataType::Int64),
            Kind::Text if plain.is_string() || plain.is_integer() || is_missing => {
                Some(DataType::Utf8)
            }
            Kind::Flag if *plain == DataType::Boolean || is_missing => Some(DataType::Boolean),
            Kind::Time if *plain == DataType::Date32 || is_missing => Some(DataType::Date32),
            Kind::Time if plain.is_integer() => Some(DataType::Int64),
            _ => None,
        };
        let wanted = match argument.kind {
            Kind::Number => "a number",
            Kind::Whole => "a whole number",
            Kind::Text => "a text",
            Kind::Flag => "true or false",
            Kind::Time => "a date or a whole number",
        };
        read_as.ok_or_else(|| {
            DataFusionError::Plan(format!(
                "{}: argument `{}` is {wanted}, not {given}; cast it",
                self.name, argument.name
            ))
        })
    }

    /// The type of the answer to arguments of these types.
    fn answer(&self, given: &[FieldRef]) -> Result<DataType> {
        let of_part = |part: Part| match part {
            Part::Number => Ok(DataType::Float64),
            Part::Whole => Ok(DataType::Int64),
            Part::Flag => Ok(DataType::Boolean),
            Part::Text => Ok(DataType::Utf8),
            Part::Like(place) => given
                .get(place)
                .map(|field| field.data_type().clone())
                .ok_or_else(|| {
                    DataFusionError::Internal(format!("{}: no argument {place}", self.name))
                }),
        };
        match self.method.shape {
            Shape::One(part) => of_part(part),
            Shape::Struct(parts) => {
                let fields = parts
                    .iter()
                    .map(|(name, part)| Ok(Field::new(*name, of_part(*part)?, true)));
                Ok(DataType::Struct(Fields::from(
                    fields.collect::<Result<Vec<_>>>()?,
                )))
            }
        }
    }
}

/// One use of a method.
struct Evaluator {
    /// Name in SQL.
    name: &'static str,
    /// The method.
    method: Windowed,
    /// The type of its answer.
    answer: DataType,
}

impl Debug for Evaluator {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Evaluator")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl PartitionEvaluator for Evaluator {
    fn evaluate_all(&mut self, columns: &[ArrayRef], n_rows: usize) -> Result<ArrayRef> {
        (self.method.run)(&Partition {
            function: self.name,
            arguments: self.method.arguments,
            columns,
            answer: &self.answer,
            n_rows,
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::answers::{refused, rows};

    #[tokio::test]
    async fn whole_numbers_texts_of_any_writing_and_absent_literals_are_taken() {
        let found = rows(
            "select fdr_bh(p) over (), holm(p) over (), fdr_bh(null) over ()
             from (values (1), (0)) as tests (p) order by p",
        )
        .await;
        assert_eq!(found, [["0.0", "0.0", "NULL"], ["1.0", "1.0", "NULL"]]);
    }

    /// The q-values of two families, whose names and probabilities are written in some way.
    async fn families(family: &str, p: &str) -> Vec<Vec<String>> {
        rows(&format!(
            "with t as (
                 select f, fdr_tree({family}, {p}) over () as t
                 from (values (1, 0.5), (2, 0.25)) as tests (f, p)
             )
             select f, t['q_family'] from t order by f"
        ))
        .await
    }

    #[tokio::test]
    async fn texts_and_numbers_of_any_encoding_are_read_alike() {
        let plain = families("cast(f as text)", "p").await;
        assert_eq!(plain, [["1", "0.5"], ["2", "0.5"]]);
        for family in [
            "f",
            "arrow_cast(cast(f as text), 'Utf8View')",
            "arrow_cast(cast(f as text), 'LargeUtf8')",
            "arrow_cast(cast(f as text), 'Dictionary(Int32, Utf8)')",
        ] {
            assert_eq!(families(family, "p").await, plain, "{family}");
        }
        for p in ["cast(p as decimal(4, 2))", "cast(p as float)"] {
            assert_eq!(families("f", p).await, plain, "{p}");
        }
    }

    #[tokio::test]
    async fn a_wrong_type_and_a_wrong_number_of_arguments_are_refused_by_name() {
        let from = "from (values ('a', 0.1)) as tests (t, p)";
        let wrong = refused(&format!("select fdr_bh(t) over () {from}")).await;
        assert!(
            wrong.contains("fdr_bh: argument `p` is a number, not Utf8"),
            "{wrong}"
        );
        let many = refused(&format!("select fdr_bh(p, p) over () {from}")).await;
        assert!(
            many.contains("fdr_bh takes (p), the last 0 optional; 2 were given"),
            "{many}"
        );
    }

    #[tokio::test]
    async fn a_partition_is_judged_alone() {
        let found = rows(
            "select g, fdr_bh(p) over (partition by g order by p)
             from (values ('a', 0.01), ('a', 0.5), ('b', 0.01)) as tests (g, p) order by g, p",
        )
        .await;
        assert_eq!(found, [["a", "0.02"], ["a", "0.5"], ["b", "0.01"]]);
    }

    #[tokio::test]
    async fn a_partition_that_names_too_many_cells_is_refused_before_they_are_made() {
        let found = refused(
            "select rise(value, value, value, 1, 1, true) over ()
             from generate_series(1, 300) as numbers (value)",
        )
        .await;
        assert!(
            found.contains("rise: a partition may span 20000000 cells, not 300 × 300 × 300; judge"),
            "{found}"
        );
    }

    #[tokio::test]
    async fn no_rows_give_no_answers() {
        let found = rows("select fdr_bh(p) over () from (select 0.1 as p) where p > 1").await;
        assert!(found.is_empty());
    }
}
