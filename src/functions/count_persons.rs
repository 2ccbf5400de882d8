//! `count_persons(key)`: how many distinct persons stand behind a group, exactly.
//!
//! `count(distinct key)` beside other aggregates makes the engine keep one hash set per group, which at
//! a million groups is twenty gigabytes. Here all groups share one table of (group, key) pairs: 24 bytes a
//! pair, and the memory it takes is reported truthfully, so that the engine can write partial states to
//! disk when its limit is near. Keys of up to 16 bytes are kept as they are; a longer one as 128 bits of
//! its hash, two of which are equal by chance once in 10³⁸ pairs.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BinaryBuilder, BooleanArray, Int64Array, ListArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;
use hashbrown::HashSet;

use super::{Body, Function};

/// Bytes that a key is kept in.
const KEY_BYTES: usize = 16;

/// The function of this file.
pub(super) fn function() -> Function {
    Function {
        name: "count_persons",
        call: "count_persons(key) → bigint",
        it: "Quante persone diverse: conta le chiavi distinte, esatto e con poca memoria.",
        en: "How many different persons: counts distinct keys, exactly and in little memory.",
        source: "",
        body: Body::Aggregate(Arc::new(AggregateUDF::from(CountPersons {
            signature: Signature::any(1, Volatility::Immutable),
        }))),
    }
}

/// The aggregate.
#[derive(Debug, PartialEq, Eq, Hash)]
struct CountPersons {
    /// One argument of any type that has bytes.
    signature: Signature,
}

/// Type of the keys inside a state.
fn state_type() -> DataType {
    DataType::List(state_item())
}

/// Field of the keys inside a state.
fn state_item() -> FieldRef {
    Arc::new(Field::new_list_field(DataType::Binary, true))
}

impl AggregateUDFImpl for CountPersons {
    fn name(&self) -> &'static str {
        "count_persons"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn is_nullable(&self) -> bool {
        false
    }

    fn default_value(&self, _answer: &DataType) -> Result<ScalarValue> {
        Ok(ScalarValue::Int64(Some(0)))
    }

    fn state_fields(&self, arguments: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let name = format!("{}[keys]", arguments.name);
        Ok(vec![Arc::new(Field::new(name, state_type(), true))])
    }

    fn accumulator(&self, _arguments: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(OneGroup(Pairs::default())))
    }

    fn groups_accumulator_supported(&self, _arguments: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(
        &self,
        _arguments: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Pairs::default()))
    }
}

/// A key as two numbers, the higher half first.
type Key = [u64; 2];

/// A group and a key that stands behind it; eight bytes and sixteen, so that nothing is padded.
type Pair = (usize, Key);

/// The distinct pairs of group and key of all groups.
#[derive(Debug, Default)]
struct Pairs {
    /// The pairs.
    seen: HashSet<Pair>,
    /// Distinct keys of each group.
    counts: Vec<i64>,
}

impl Pairs {
    /// Notes that a key stands behind a group.
    fn note(&mut self, group: usize, key: Key) {
        if self.seen.insert((group, key)) {
            self.counts[group] += 1;
        }
    }

    /// Makes room for so many groups.
    fn reach(&mut self, n_groups: usize) {
        if n_groups > self.counts.len() {
            self.counts.resize(n_groups, 0);
        }
    }

    /// Takes the pairs of the groups that are given out, in order; those that stay move to the front.
    fn taken(&mut self, emit_to: EmitTo) -> Vec<Pair> {
        let mut pairs: Vec<Pair> = match emit_to {
            EmitTo::All => self.seen.drain().collect(),
            EmitTo::First(n_groups) => {
                let (given, kept): (Vec<_>, Vec<_>) =
                    self.seen.drain().partition(|(group, _)| *group < n_groups);
                self.seen = kept
                    .into_iter()
                    .map(|(group, key)| (group - n_groups, key))
                    .collect();
                given
            }
        };
        pairs.sort_unstable();
        pairs
    }
}

impl GroupsAccumulator for Pairs {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        n_groups: usize,
    ) -> Result<()> {
        self.reach(n_groups);
        let keys = as_bytes(&values[0])?;
        for (row, &group) in groups.iter().enumerate() {
            if keys.is_valid(row) && passes(filter, row) {
                self.note(group, as_key(keys.value(row)));
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        if matches!(emit_to, EmitTo::First(_)) {
            drop(self.taken(emit_to));
        } else {
            self.seen = HashSet::default();
        }
        Ok(Arc::new(Int64Array::from(
            emit_to.take_needed(&mut self.counts),
        )))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let pairs = self.taken(emit_to);
        let counts = emit_to.take_needed(&mut self.counts);
        let lengths = counts
            .iter()
            .map(|count| usize::try_from(*count).unwrap_or_default());
        let keys = BinaryArray::from_iter_values(pairs.iter().map(|(_, key)| key_bytes(*key)));
        let lists = ListArray::try_new(
            state_item(),
            OffsetBuffer::from_lengths(lengths),
            Arc::new(keys),
            None,
        )?;
        Ok(vec![Arc::new(lists)])
    }

    fn merge_batch(
        &mut self,
        states: &[ArrayRef],
        groups: &[usize],
        n_groups: usize,
    ) -> Result<()> {
        self.reach(n_groups);
        let lists = states[0].as_list::<i32>();
        for (row, &group) in groups.iter().enumerate() {
            if lists.is_null(row) {
                continue;
            }
            for key in lists.value(row).as_binary::<i32>().iter().flatten() {
                self.note(group, as_key(key));
            }
        }
        Ok(())
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let keys = as_bytes(&values[0])?;
        let is_kept = |row: usize| keys.is_valid(row) && passes(filter, row);
        let mut kept = BinaryBuilder::with_capacity(keys.len(), keys.len() * KEY_BYTES);
        for row in (0..keys.len()).filter(|row| is_kept(*row)) {
            kept.append_value(key_bytes(as_key(keys.value(row))));
        }
        let lengths = (0..keys.len()).map(|row| usize::from(is_kept(row)));
        let lists = ListArray::try_new(
            state_item(),
            OffsetBuffer::from_lengths(lengths),
            Arc::new(kept.finish()),
            None,
        )?;
        Ok(vec![Arc::new(lists)])
    }

    fn size(&self) -> usize {
        self.seen.allocation_size() + self.counts.capacity() * size_of::<i64>()
    }
}

/// The keys of a query without groups.
#[derive(Debug)]
struct OneGroup(Pairs);

impl Accumulator for OneGroup {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let groups = vec![0; values[0].len()];
        self.0.update_batch(values, &groups, None, 1)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Int64(Some(
            self.0.counts.first().copied().unwrap_or_default(),
        )))
    }

    fn size(&self) -> usize {
        size_of_val(self) + GroupsAccumulator::size(&self.0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.0.reach(1);
        let state = GroupsAccumulator::state(&mut self.0, EmitTo::All)?;
        Ok(vec![ScalarValue::try_from_array(&state[0], 0)?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let groups = vec![0; states[0].len()];
        GroupsAccumulator::merge_batch(&mut self.0, states, &groups, 1)
    }
}

/// Whether a row passes the filter of the aggregate.
fn passes(filter: Option<&BooleanArray>, row: usize) -> bool {
    filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row))
}

/// Keys of any type as bytes.
fn as_bytes(keys: &ArrayRef) -> Result<BinaryArray> {
    let bytes = match keys.data_type() {
        DataType::Binary => Arc::clone(keys),
        DataType::Utf8
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => cast(keys, &DataType::Binary)?,
        _ => cast(&cast(keys, &DataType::Utf8)?, &DataType::Binary)?,
    };
    Ok(bytes.as_binary::<i32>().clone())
}

/// A key as two numbers: its own bytes and length if they fit, else 128 bits of its hash.
///
/// The keys of the lake have 16 bytes; shorter ones are filled up behind a mark of their length, so that
/// `a` and `a\0` differ.
#[expect(
    clippy::cast_possible_truncation,
    reason = "either half of the number is meant"
)]
fn as_key(key: &[u8]) -> Key {
    let mut bytes = [0; KEY_BYTES];
    if key.len() == KEY_BYTES {
        bytes.copy_from_slice(key);
    } else if key.len() < KEY_BYTES - 1 {
        bytes[..key.len()].copy_from_slice(key);
        bytes[KEY_BYTES - 1] = u8::try_from(key.len()).unwrap_or_default() + 1;
    } else {
        bytes.copy_from_slice(&blake3::hash(key).as_bytes()[..KEY_BYTES]);
    }
    let number = u128::from_be_bytes(bytes);
    [(number >> 64) as u64, number as u64]
}

/// The bytes of a key.
fn key_bytes([high, low]: Key) -> [u8; KEY_BYTES] {
    (u128::from(high) << 64 | u128::from(low)).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::answers::{cell, rows};

    #[tokio::test]
    async fn persons_are_counted_once_per_group_beside_other_aggregates() {
        let found = rows(
            "select g, count(*), count_persons(k), count_persons(k) filter (where n > 1)
             from (values ('a', 'x', 1), ('a', 'x', 2), ('a', 'y', 1), ('a', null, 5), ('b', 'x', 1))
                  as people (g, k, n)
             group by g order by g",
        )
        .await;
        assert_eq!(found[0], ["a", "4", "2", "1"]);
        assert_eq!(found[1], ["b", "1", "1", "0"]);
    }

    #[tokio::test]
    async fn without_groups_and_without_rows_it_is_a_number() {
        let people = "(values ('x'), ('y'), ('x'), (null)) as people (k)";
        assert_eq!(
            cell(&format!("select count_persons(k) from {people}")).await,
            "2"
        );
        assert_eq!(
            cell(&format!(
                "select count_persons(k) from {people} where k = 'z'"
            ))
            .await,
            "0"
        );
    }

    #[tokio::test]
    async fn it_agrees_with_count_distinct_over_many_groups_and_threads() {
        let found = rows(
            "select count(*), sum(abs(ours - theirs)) from (
                 select value % 1000 as g, count_persons(cast(value % 3700 as varchar)) as ours,
                        count(distinct value % 3700) as theirs
                 from generate_series(0, 199999) as numbers (value) group by value % 1000) as counted",
        )
        .await;
        assert_eq!(found[0], ["1000", "0"]);
    }

    #[test]
    fn groups_given_out_first_leave_the_others_whole() {
        let keys: ArrayRef = Arc::new(BinaryArray::from_iter_values(["x", "y", "x", "z", "z"]));
        let mut pairs = Pairs::default();
        GroupsAccumulator::update_batch(&mut pairs, &[keys], &[0, 0, 1, 1, 2], None, 3).unwrap();
        let state = GroupsAccumulator::state(&mut pairs, EmitTo::First(1)).unwrap();
        assert_eq!(state[0].as_list::<i32>().value(0).len(), 2);
        let left = GroupsAccumulator::evaluate(&mut pairs, EmitTo::All).unwrap();
        assert_eq!(left.as_ref(), &Int64Array::from(vec![2, 1]));
    }

    #[test]
    fn a_state_made_row_by_row_counts_the_same() {
        let keys: ArrayRef = Arc::new(BinaryArray::from(vec![
            Some("x".as_bytes()),
            None,
            Some("y".as_bytes()),
            Some("x".as_bytes()),
        ]));
        let filter = BooleanArray::from(vec![true, true, false, true]);
        let mut pairs = Pairs::default();
        let state = pairs.convert_to_state(&[keys], Some(&filter)).unwrap();
        GroupsAccumulator::merge_batch(&mut pairs, &state, &[0, 0, 0, 0], 1).unwrap();
        let found = GroupsAccumulator::evaluate(&mut pairs, EmitTo::All).unwrap();
        assert_eq!(found.as_ref(), &Int64Array::from(vec![1]));
    }

    #[test]
    fn short_long_and_whole_keys_stay_apart() {
        let keys: [&[u8]; 7] = [
            b"",
            b"a",
            b"a\0",
            b"0123456789abcdef",
            b"0123456789abcde",
            b"0123456789abcdefg",
            b"0123456789abcdefh",
        ];
        let numbers: HashSet<Key> = keys.iter().map(|key| as_key(key)).collect();
        assert_eq!(numbers.len(), keys.len());
    }
}
