//! A contract made ready: patterns compiled, fields numbered, JSON paths grouped by their text.

use crate::canon::comune::ComuneIndex;
use crate::canon::pseudonym::IdKey;
use crate::canon::text::amount::Mark;
use crate::canon::text::moment::Pattern;
use crate::spec::format::Format;
use crate::spec::source::{
    ColumnKind, ColumnSpec, DecimalMark, IdentifierPolicy, Keeping, Presence,
};
use crate::stages::conform::corrections::Corrections;
use crate::stages::conform::formats::paths::{PathTree, Shape};
use crate::stages::conform::formats::{Kinds, Value};

use super::cells::{Cell, Staging};
use super::codes::Codes;
use super::identity::{ReadRow, Standing, seed};
use super::parts::Filing;
use super::settle::Identity;
use super::{Error, KeyRing, TableRef};

/// Where the value of a column comes from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Input {
    /// A field of the row.
    Field(usize),
    /// A path inside a JSON text: group and slot in it.
    Json(usize, usize),
}

/// When the pseudonyms of a column are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Making {
    /// Each with its row: where a key of several columns is made of them, or they are not stored.
    Alone,
    /// Those of a block together.
    Together,
}

/// Whether a bare number may be a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Serials {
    /// In a sheet it is a serial of days.
    Days,
    /// Elsewhere it is no date.
    Refused,
}

/// A column's contract made ready.
#[derive(Debug)]
pub(super) struct ColumnPlan<'c> {
    /// Name.
    pub(super) name: &'c str,
    /// Contract.
    pub(super) spec: &'c ColumnSpec,
    /// Whether a row without the value is refused: as declared, and for keys.
    presence: Presence,
    /// Pattern of dates, instants and months.
    pub(super) pattern: Option<Pattern>,
    /// Decimal mark.
    pub(super) mark: Mark,
    /// Its place among the columns.
    pub(super) place: usize,
    /// Key of its ids.
    pub(super) ids: IdKey,
    /// Whether its pseudonyms are made row by row.
    pub(super) making: Making,
    /// Whether a bare number may be a date.
    pub(super) serials: Serials,
    /// Codes of the source and what they become.
    pub(super) codes: Codes,
    /// Whether a number is held against bounds.
    pub(super) has_bounds: bool,
    /// Column that must not be later.
    not_before: Option<usize>,
    /// Where the value comes from.
    pub(super) input: Input,
}

impl ColumnPlan<'_> {
    /// Whether it holds pseudonyms.
    pub(super) fn is_ids(&self) -> bool {
        matches!(self.spec.kind, ColumnKind::Person | ColumnKind::Record)
    }
}

/// A field whose text holds JSON.
#[derive(Debug)]
struct JsonGroup {
    /// The field.
    field: usize,
    /// Paths asked for.
    tree: PathTree,
    /// How many they are.
    n_paths: usize,
}

/// Values taken out of one JSON text; `None` if it does not parse.
pub(super) type JsonValues<'v> = Option<Vec<Value<'v>>>;

/// A table's contract made ready.
#[derive(Debug)]
pub(super) struct Plan<'c> {
    /// The table.
    pub(super) table: TableRef<'c>,
    /// The list of comuni.
    pub(super) comuni: &'c ComuneIndex,
    /// Key of pseudonyms.
    pub(super) keys: KeyRing<'c>,
    /// Corrections of the table.
    pub(super) corrections: Option<&'c Corrections>,
    /// Columns in the order of their names.
    pub(super) columns: Vec<ColumnPlan<'c>>,
    /// Fields to ask the page for.
    pub(super) fields: Vec<String>,
    /// Type of the first column that each is for.
    kinds: Vec<ColumnKind>,
    /// Fields that hold JSON.
    groups: Vec<JsonGroup>,
    /// Columns of the key.
    pub(super) key: Vec<usize>,
    /// Column of the revision.
    pub(super) revision: Option<usize>,
    /// Column of the tombstone mark.
    deleted: Option<usize>,
    /// Column that files a record, and how.
    pub(super) filing: Option<Filing>,
    /// Secret seed of the content hash.
    pub(super) seed: u64,
    /// Places of the columns that are stored.
    stored: Vec<usize>,
    /// Places of those among them that hold no pseudonyms.
    pub(super) plain: Vec<usize>,
    /// Whether a column must not be before another.
    has_order: bool,
}

/// Rule and field a row breaks.
pub(super) type Breach<'p> = (&'static str, &'p str);

impl<'c> Plan<'c> {
    /// Makes a contract ready.
    pub(super) fn new(
        table: TableRef<'c>,
        comuni: &'c ComuneIndex,
        keys: KeyRing<'c>,
    ) -> Result<Self, Error> {
        let spec = table.spec;
        let names: Vec<&str> = spec.columns.keys().map(String::as_str).collect();
        let place = |name: &String| names.iter().position(|known| known == name);
        let key: Vec<usize> = spec.key.iter().filter_map(place).collect();
        let (fields, groups, inputs) = inputs(&table);
        let mut columns = Vec::new();
        for (name, input) in spec.columns.keys().zip(inputs) {
            columns.push(column_plan(&table, name, (input, keys))?);
        }
        let numbered = spec.columns.values().enumerate();
        let stored = numbered.filter(|(_, column)| column.keep == Keeping::Stored);
        let stored: Vec<usize> = stored.map(|(place, _)| place).collect();
        let is_plain = |place: &usize| columns.get(*place).is_some_and(|column| !column.is_ids());
        Ok(Self {
            plain: stored.iter().copied().filter(is_plain).collect(),
            stored,
            has_order: columns.iter().any(|column| column.not_before.is_some()),
            table,
            comuni,
            keys,
            corrections: None,
            columns,
            kinds: field_kinds(&table, &fields),
            fields,
            groups,
            key,
            revision: spec.revision.as_ref().and_then(place),
            deleted: spec.deleted.as_ref().and_then(place),
            filing: filing(&table)?,
            seed: seed(keys),
        })
    }

    /// Columns that are stored, in the order of their names.
    pub(super) fn stored(&self) -> impl Iterator<Item = (usize, &ColumnPlan<'c>)> {
        let places = self.stored.iter();
        places.filter_map(|place| Some((*place, self.columns.get(*place)?)))
    }

    /// Whether rows are records.
    pub(super) fn identity(&self) -> Identity {
        if self.key.is_empty() {
            Identity::None
        } else {
            Identity::Keyed
        }
    }

    /// Reads a row into the staging space, or gives the first rule it breaks.
    pub(super) fn read_row(
        &self,
        values: &[Value<'_>],
        staging: &mut Staging,
    ) -> Result<ReadRow, Breach<'c>> {
        let json = self.json_values(values);
        let row = RawCells {
            values,
            json: &json,
        };
        let standing = match self.deleted {
            None => Standing::Live,
            Some(_) => self.standing(row, staging)?,
        };
        staging.clear();
        for (place, column) in self.columns.iter().enumerate() {
            if standing == Standing::Tombstone && !self.identifies(place) {
                staging.cells.push(Cell::Null);
            } else if let Err(rule) = self.read_cell(column, row, staging) {
                return Err((rule, column.name));
            }
        }
        if self.has_order {
            self.check_order(&staging.cells)?;
        }
        self.identify(staging, standing)
    }

    /// Fields to ask the page for, and what they are for.
    pub(super) fn kinds(&self) -> Kinds<'_> {
        Kinds {
            fields: &self.fields,
            kinds: &self.kinds,
        }
    }

    /// Whether a row stands for its record or for the deletion of it.
    fn standing(&self, row: RawCells<'_>, staging: &mut Staging) -> Result<Standing, Breach<'c>> {
        staging.clear();
        let deleted = self.deleted.and_then(|place| self.columns.get(place));
        if let Some(column) = deleted {
            let read = self.read_cell(column, row, staging);
            read.map_err(|rule| (rule, column.name))?;
        }
        let is_deleted = staging.cells.last() == Some(&Cell::Flag(true));
        Ok(if is_deleted {
            Standing::Tombstone
        } else {
            Standing::Live
        })
    }

    /// Whether a tombstone has this column.
    fn identifies(&self, place: usize) -> bool {
        self.key.contains(&place)
            || self.revision == Some(place)
            || self.deleted == Some(place)
            || self.filing.is_some_and(|filing| filing.column == place)
    }

    /// Reads one cell, adds it to the row and checks that a required value is there.
    ///
    /// Cells are made where they stay: handing them back would copy each several times.
    pub(super) fn read_cell(
        &self,
        column: &ColumnPlan<'c>,
        row: RawCells<'_>,
        staging: &mut Staging,
    ) -> Result<(), &'static str> {
        let value = match column.input {
            Input::Field(place) => row.values.get(place),
            Input::Json(group, slot) => match row.json.get(group) {
                Some(None) => return Err("invalid_json"),
                Some(Some(slots)) => slots.get(slot),
                None => None,
            },
        };
        let n_before = staging.cells.len();
        let read = match value {
            None | Some(Value::Absent) => {
                staging.cells.push(Cell::Null);
                Ok(())
            }
            Some(Value::Text(text)) => self.put_page_text(column, text, staging),
            Some(value) => self.put_value(column, value, staging),
        };
        if read.is_err() && column.spec.identifiers == IdentifierPolicy::Withhold {
            self.note_withheld(column.name);
            staging.cells.truncate(n_before);
            staging.cells.push(Cell::Null);
        } else {
            read?;
        }
        let is_null = matches!(staging.cells.last(), Some(Cell::Null));
        if is_null && column.presence == Presence::Required {
            return Err("missing_required");
        }
        Ok(())
    }

    /// Checks that no column is before the one it must follow.
    fn check_order(&self, cells: &[Cell]) -> Result<(), Breach<'c>> {
        for (column, cell) in self.columns.iter().zip(cells) {
            let other = column.not_before.and_then(|place| cells.get(place));
            if let (Cell::Integer(this), Some(Cell::Integer(other))) = (cell, other)
                && this < other
            {
                return Err(("date_order", column.name));
            }
        }
        Ok(())
    }

    /// Values inside the fields that hold JSON.
    pub(super) fn json_values<'r>(&self, values: &'r [Value<'_>]) -> Vec<JsonValues<'r>> {
        let read = |group: &JsonGroup| {
            let mut slots = vec![Value::Absent; group.n_paths];
            let text = match values.get(group.field) {
                Some(Value::Text(text)) => text.trim(),
                Some(Value::Owned(text)) => text.trim(),
                Some(Value::Absent) | None => "",
                Some(_) => return None,
            };
            if text.is_empty() {
                return Some(slots);
            }
            let shape: Result<Shape, _> = group.tree.read(text, &mut slots);
            shape.is_ok().then_some(slots)
        };
        self.groups.iter().map(read).collect()
    }
}

/// One column's contract made ready.
fn column_plan<'c>(
    table: &TableRef<'c>,
    name: &'c str,
    (input, keys): (Input, KeyRing<'_>),
) -> Result<ColumnPlan<'c>, Error> {
    let spec = table.spec;
    let wrong = |message: String| Error::Contract {
        table: table.name.to_owned(),
        column: name.to_owned(),
        message,
    };
    let column = spec
        .columns
        .get(name)
        .ok_or_else(|| wrong("is not declared".to_owned()))?;
    let is_key = spec.key.iter().any(|key| key == name);
    let place = |name: &String| spec.columns.keys().position(|known| known == name);
    Ok(ColumnPlan {
        name,
        spec: column,
        presence: if is_key {
            Presence::Required
        } else {
            column.required
        },
        pattern: pattern(table, name, column)?,
        mark: match column.decimal {
            DecimalMark::Point => Mark::Point,
            DecimalMark::Comma => Mark::Comma,
        },
        place: spec
            .columns
            .keys()
            .position(|known| known == name)
            .unwrap_or(0),
        ids: match column.kind {
            ColumnKind::Person => keys
                .person
                .of_ids(&domain(column), table.platform, keys.epoch),
            _ => keys.key.of_ids(&domain(column), table.platform, 0),
        },
        making: match column.keep {
            Keeping::Stored if !is_key || spec.key.len() == 1 => Making::Together,
            Keeping::Stored | Keeping::Judged => Making::Alone,
        },
        has_bounds: column.min.is_some() || column.max.is_some(),
        serials: match spec.format {
            Format::Sheet(_) => Serials::Days,
            Format::Csv(_)
            | Format::Json(_)
            | Format::Ndjson(_)
            | Format::Parquet(_)
            | Format::Arrow(_) => Serials::Refused,
        },
        codes: Codes::new(&column.codes)
            .ok_or_else(|| wrong("has more codes than a column holds (65 536)".to_owned()))?,
        not_before: column.not_before.as_ref().and_then(place),
        input,
    })
}

/// The column that files the records of a table.
fn filing(table: &TableRef<'_>) -> Result<Option<Filing>, Error> {
    let Some(filed_by) = &table.spec.filed_by else {
        return Ok(None);
    };
    let found = table.spec.columns.iter().enumerate();
    let mut found = found.filter(|(_, (name, _))| **name == filed_by.column);
    let (column, (_, spec)) = found.next().ok_or_else(|| Error::Contract {
        table: table.name.to_owned(),
        column: filed_by.column.clone(),
        message: "files the records and is not declared".to_owned(),
    })?;
    Ok(Some(Filing {
        column,
        kind: spec.kind,
        every: filed_by.every,
        moves: filed_by.moves,
    }))
}

/// Raw values of a row, and those inside its JSON texts.
#[derive(Debug, Clone, Copy)]
pub(super) struct RawCells<'r> {
    /// Values of the fields.
    pub(super) values: &'r [Value<'r>],
    /// Values inside JSON texts, by group.
    pub(super) json: &'r [JsonValues<'r>],
}

/// Fields to ask for, the JSON texts among them, and where each column finds its value.
fn inputs(table: &TableRef<'_>) -> (Vec<String>, Vec<JsonGroup>, Vec<Input>) {
    let mut fields: Vec<String> = Vec::new();
    let mut paths: Vec<(usize, Vec<&str>)> = Vec::new();
    let mut inputs = Vec::new();
    for (name, column) in &table.spec.columns {
        let from = column.from.as_ref().unwrap_or(name);
        let field = place_of(&mut fields, from);
        inputs.push(match &column.json {
            None => Input::Field(field),
            Some(path) => json_input(&mut paths, field, path),
        });
    }
    let groups = paths.iter().map(|(field, paths)| JsonGroup {
        field: *field,
        tree: PathTree::new(paths),
        n_paths: paths.len(),
    });
    (fields, groups.collect(), inputs)
}

/// Type of the first column that takes each field as it is; what is inside a JSON text has none.
fn field_kinds(table: &TableRef<'_>, fields: &[String]) -> Vec<ColumnKind> {
    let kind = |field: &String| {
        let takes = |(name, column): &(&String, &ColumnSpec)| {
            column.json.is_none() && column.from.as_ref().unwrap_or(name) == field
        };
        let column = table.spec.columns.iter().find(takes);
        column.map_or(ColumnKind::Text, |(_, column)| column.kind)
    };
    fields.iter().map(kind).collect()
}

/// Place of a field, added if it is new.
fn place_of(fields: &mut Vec<String>, name: &str) -> usize {
    let known = fields.iter().position(|field| field == name);
    known.unwrap_or_else(|| {
        fields.push(name.to_owned());
        fields.len() - 1
    })
}

/// Group and slot of a path inside a JSON text, added if they are new.
fn json_input<'p>(groups: &mut Vec<(usize, Vec<&'p str>)>, field: usize, path: &'p str) -> Input {
    let known = groups.iter().position(|(known, _)| *known == field);
    let group = known.unwrap_or_else(|| {
        groups.push((field, Vec::new()));
        groups.len() - 1
    });
    let mut slot = 0;
    if let Some((_, paths)) = groups.get_mut(group) {
        slot = paths
            .iter()
            .position(|known| *known == path)
            .unwrap_or(paths.len());
        if slot == paths.len() {
            paths.push(path);
        }
    }
    Input::Json(group, slot)
}

/// The pattern of a column of dates, instants or months.
fn pattern(
    table: &TableRef<'_>,
    name: &str,
    column: &ColumnSpec,
) -> Result<Option<Pattern>, Error> {
    let pattern = column.format.as_deref().map(Pattern::new).transpose();
    let pattern = pattern.map_err(|directive| Error::Contract {
        table: table.name.to_owned(),
        column: name.to_owned(),
        message: format!("`{directive}` is not a directive of date patterns"),
    })?;
    let default = (column.kind == ColumnKind::Date).then(Pattern::iso_date);
    Ok(pattern.or(default))
}

/// Domain of a column's pseudonyms.
fn domain(column: &ColumnSpec) -> String {
    let own = column.namespace.as_deref();
    if column.kind != ColumnKind::Person {
        return own.unwrap_or("record").to_owned();
    }
    own.map_or_else(|| "person".to_owned(), |name| format!("person:{name}"))
}
