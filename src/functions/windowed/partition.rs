//! The rows of one partition as a method sees them, and its answers as the engine wants them.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Float64Array, Int64Array, StringArray,
    StructArray, new_null_array,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Date32Type, Float64Type, Int64Type};
use arrow::util::display::array_value_to_string;
use datafusion::error::{DataFusionError, Result};

use super::Argument;

/// The most cells that a table over a partition may have: twenty million, half a gigabyte.
const MOST_CELLS: usize = 20_000_000;

/// What is wrong with an option.
const VARIES: &str = "differs between the rows of a partition";

/// The rows of a partition.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Partition<'a> {
    /// The function that was called.
    pub(super) function: &'static str,
    /// Its arguments.
    pub(super) arguments: &'static [Argument],
    /// A column for each argument given.
    pub(super) columns: &'a [ArrayRef],
    /// The type of the answer.
    pub(super) answer: &'a DataType,
    /// How many rows there are.
    pub(super) n_rows: usize,
}

/// A value of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) enum Cell {
    /// None.
    Absent,
    /// A number; absent if it is not finite.
    Number(f64),
    /// A whole number, or a time in days or periods.
    Whole(i64),
    /// Yes or no.
    Flag(bool),
    /// A text.
    Text(Arc<str>),
}

impl Cell {
    /// A count.
    pub(in super::super) fn count(count: u64) -> Self {
        i64::try_from(count).map_or(Self::Absent, Self::Whole)
    }

    /// A length or a place.
    pub(in super::super) fn len(length: usize) -> Self {
        i64::try_from(length).map_or(Self::Absent, Self::Whole)
    }

    /// The number, if it is one.
    fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number).filter(|number| number.is_finite()),
            _ => None,
        }
    }

    /// The whole number, if it is one.
    fn whole(&self) -> Option<i64> {
        match self {
            Self::Whole(number) => Some(*number),
            _ => None,
        }
    }

    /// Whether it is so, if it says.
    fn flag(&self) -> Option<bool> {
        match self {
            Self::Flag(flag) => Some(*flag),
            _ => None,
        }
    }

    /// The text, if it is one.
    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl From<Option<f64>> for Cell {
    fn from(number: Option<f64>) -> Self {
        number.map_or(Self::Absent, Self::Number)
    }
}

impl Partition<'_> {
    /// How many rows there are.
    pub(in super::super) fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// The numbers of an argument, row by row.
    pub(in super::super) fn numbers(&self, place: usize) -> Result<Vec<Option<f64>>> {
        let column = self.column(place)?.as_primitive_opt::<Float64Type>();
        Ok(column.ok_or_else(|| self.untyped(place))?.iter().collect())
    }

    /// The whole numbers of an argument, row by row.
    pub(in super::super) fn wholes(&self, place: usize) -> Result<Vec<Option<i64>>> {
        let column = self.column(place)?.as_primitive_opt::<Int64Type>();
        Ok(column.ok_or_else(|| self.untyped(place))?.iter().collect())
    }

    /// The counts of an argument, row by row.
    pub(in super::super) fn counts(&self, place: usize) -> Result<Vec<Option<u64>>> {
        let counted = |count: i64| {
            u64::try_from(count).map_err(|_negative| {
                let fault = format!("is {count} in a row");
                self.refusal(place, &fault, "it must be 0 or more, or null")
            })
        };
        let wholes = self.wholes(place)?.into_iter();
        wholes.map(|count| count.map(counted).transpose()).collect()
    }

    /// The texts of an argument, row by row.
    pub(in super::super) fn texts(&self, place: usize) -> Result<Vec<Option<&str>>> {
        let column = self.column(place)?.as_string_opt::<i32>();
        Ok(column.ok_or_else(|| self.untyped(place))?.iter().collect())
    }

    /// The yes and no of an argument, row by row.
    pub(in super::super) fn flags(&self, place: usize) -> Result<Vec<Option<bool>>> {
        let column = self.column(place)?.as_boolean_opt();
        Ok(column.ok_or_else(|| self.untyped(place))?.iter().collect())
    }

    /// The times of an argument, row by row: days since 1970 for dates, else the numbers of periods.
    pub(in super::super) fn times(&self, place: usize) -> Result<Vec<Option<i64>>> {
        let column = self.column(place)?;
        match column.as_primitive_opt::<Date32Type>() {
            Some(days) => Ok(days.iter().map(|day| day.map(i64::from)).collect()),
            None => self.wholes(place),
        }
    }

    /// Whether an argument was given.
    pub(in super::super) fn is_given(&self, place: usize) -> bool {
        place < self.columns.len()
    }

    /// Whether the times of an argument are dates.
    pub(in super::super) fn is_dated(&self, place: usize) -> bool {
        let column = self.columns.get(place);
        column.is_some_and(|column| *column.data_type() == DataType::Date32)
    }

    /// An optional number, the same in every row; nothing where it was left out or is absent.
    pub(in super::super) fn option(&self, place: usize) -> Result<Option<f64>> {
        if !self.is_given(place) {
            return Ok(None);
        }
        let given = self.numbers(place)?;
        let first = given.first().copied().flatten();
        if given.iter().any(|value| *value != first) {
            return Err(self.refusal(place, VARIES, "give one number"));
        }
        Ok(first)
    }

    /// An optional number of something; nothing where it was left out or is absent.
    pub(in super::super) fn count_option(&self, place: usize) -> Result<Option<usize>> {
        if !self.is_given(place) {
            return Ok(None);
        }
        let given = self.counts(place)?;
        let first = given.first().copied().flatten();
        if given.iter().any(|value| *value != first) {
            return Err(self.refusal(place, VARIES, "give one number"));
        }
        Ok(first.map(|count| usize::try_from(count).unwrap_or(usize::MAX)))
    }

    /// An optional text, the same in every row; nothing where it was left out or is absent.
    pub(in super::super) fn text_option(&self, place: usize) -> Result<Option<&str>> {
        if !self.is_given(place) {
            return Ok(None);
        }
        let given = self.texts(place)?;
        let first = given.first().copied().flatten();
        if given.iter().any(|value| *value != first) {
            return Err(self.refusal(place, VARIES, "give one text"));
        }
        Ok(first)
    }

    /// The longitude and latitude of every name that has them; the arguments at the places of name and degrees.
    pub(in super::super) fn points(
        &self,
        (name, longitude, latitude): (usize, usize, usize),
    ) -> Result<BTreeMap<String, (f64, f64)>> {
        self.check(longitude, |x| x.abs() <= 180.0, "degrees from -180 to 180")?;
        self.check(latitude, |y| y.abs() <= 90.0, "degrees from -90 to 90")?;
        let degrees = self.numbers(longitude)?.into_iter();
        let mut points: BTreeMap<String, (f64, f64)> = BTreeMap::new();
        let rows = self.texts(name)?.into_iter();
        for (name, (x, y)) in rows.zip(degrees.zip(self.numbers(latitude)?)) {
            let (Some(name), Some(point)) = (name, x.zip(y)) else {
                continue;
            };
            let known = points.entry(name.to_owned()).or_insert(point);
            if *known != point {
                let fault = format!("gives `{name}` two places");
                return Err(self.refusal(longitude, &fault, "give each one place"));
            }
        }
        Ok(points)
    }

    /// What a row says in the arguments at the given places.
    pub(in super::super) fn said(&self, row: usize, places: &[usize]) -> String {
        let said: Vec<String> = places
            .iter()
            .filter_map(|place| {
                let column = self.columns.get(*place)?;
                let value = array_value_to_string(column, row).unwrap_or_default();
                Some(format!("{} `{value}`", self.arguments.get(*place)?.name))
            })
            .collect();
        said.join(", ")
    }

    /// The error that a row says again what another says, by the arguments at the given places.
    pub(in super::super) fn repeated(&self, row: usize, places: &[usize]) -> DataFusionError {
        let (function, said) = (self.function, self.said(row, places));
        DataFusionError::Execution(format!(
            "{function}: there are two rows of {said}; group them into one first"
        ))
    }

    /// The error that an argument makes no sense, with the remedy.
    pub(in super::super) fn refusal(
        &self,
        place: usize,
        fault: &str,
        remedy: &str,
    ) -> DataFusionError {
        let argument = self.arguments.get(place).map_or("", |named| named.name);
        let function = self.function;
        DataFusionError::Execution(format!(
            "{function}: argument `{argument}` {fault}; {remedy}"
        ))
    }

    /// Fails when a table of so many values would not fit into memory.
    ///
    /// Rows are few, but a value for every need, district and month that they name may not be.
    pub(in super::super) fn check_size(&self, lengths: &[usize]) -> Result<()> {
        let size = lengths
            .iter()
            .try_fold(1_usize, |size, length| size.checked_mul(*length));
        if size.is_some_and(|size| size <= MOST_CELLS) {
            return Ok(());
        }
        Err(DataFusionError::Execution(format!(
            "{}: a partition may span {MOST_CELLS} cells, not {}; judge it in parts by `partition by`",
            self.function,
            lengths
                .iter()
                .map(usize::to_string)
                .collect::<Vec<_>>()
                .join(" × ")
        )))
    }

    /// Fails on the first row whose number is there and does not satisfy a condition.
    pub(in super::super) fn check(
        &self,
        place: usize,
        is_right: fn(f64) -> bool,
        wanted: &str,
    ) -> Result<()> {
        if !self.is_given(place) {
            return Ok(());
        }
        let values = self.numbers(place)?;
        let wrong = values.into_iter().flatten().find(|value| !is_right(*value));
        wrong.map_or(Ok(()), |value| {
            let fault = format!("is {value} in a row");
            Err(self.refusal(place, &fault, &format!("it must be {wanted}, or null")))
        })
    }

    /// One value per row as an answer.
    pub(in super::super) fn ones(&self, cells: &[Cell]) -> Result<ArrayRef> {
        self.column_of(self.answer, cells)
    }

    /// One number per row as an answer.
    pub(in super::super) fn doubles(
        &self,
        numbers: impl IntoIterator<Item = Option<f64>>,
    ) -> Result<ArrayRef> {
        let cells: Vec<Cell> = numbers.into_iter().map(Cell::from).collect();
        self.ones(&cells)
    }

    /// One struct per row as an answer, its values in the order of the shape; null for no row.
    pub(in super::super) fn structs(&self, rows: &[Option<Vec<Cell>>]) -> Result<ArrayRef> {
        let DataType::Struct(fields) = self.answer else {
            return Err(self.internal("answers no struct"));
        };
        if self.n_rows == 0 || rows.iter().all(Option::is_none) {
            return Ok(new_null_array(self.answer, rows.len()));
        }
        let mut columns = Vec::with_capacity(fields.len());
        for (place, field) in fields.iter().enumerate() {
            let of_row = |row: &'_ Option<Vec<Cell>>| -> Cell {
                let cell = row.as_ref().and_then(|cells| cells.get(place));
                cell.cloned().unwrap_or(Cell::Absent)
            };
            let cells: Vec<Cell> = rows.iter().map(of_row).collect();
            columns.push(self.column_of(field.data_type(), &cells)?);
        }
        let is_there: Vec<bool> = rows.iter().map(Option::is_some).collect();
        let structs =
            StructArray::try_new(fields.clone(), columns, Some(NullBuffer::from(is_there)))?;
        Ok(Arc::new(structs))
    }

    /// Values as a column of the given type.
    fn column_of(&self, data_type: &DataType, cells: &[Cell]) -> Result<ArrayRef> {
        let cells = cells.iter();
        Ok(match data_type {
            DataType::Float64 => Arc::new(cells.map(Cell::number).collect::<Float64Array>()),
            DataType::Int64 => Arc::new(cells.map(Cell::whole).collect::<Int64Array>()),
            DataType::Boolean => Arc::new(cells.map(Cell::flag).collect::<BooleanArray>()),
            DataType::Utf8 => Arc::new(cells.map(Cell::text).collect::<StringArray>()),
            DataType::Date32 => {
                let days = cells.map(|cell| i32::try_from(cell.whole()?).ok());
                Arc::new(days.collect::<Date32Array>())
            }
            _ => return Err(self.internal("answers a type that has no column")),
        })
    }

    /// The column of an argument.
    fn column(&self, place: usize) -> Result<&ArrayRef> {
        let column = self.columns.get(place);
        column.ok_or_else(|| self.internal("was called without an argument that it needs"))
    }

    /// The error that an argument is not of the type it was coerced to.
    fn untyped(&self, place: usize) -> DataFusionError {
        self.refusal(place, "has a type that was not expected", "cast it")
    }

    /// An error of the code, not of its user.
    fn internal(&self, fault: &str) -> DataFusionError {
        DataFusionError::Internal(format!("{} {fault}", self.function))
    }
}
