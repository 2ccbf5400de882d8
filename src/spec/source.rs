//! A platform as declared in `pipelines/sources/<platform>.toml`.
//!
//! One file says where the platform's exports lie, how they are written, and for every table the
//! contract of its columns: type, format, whether it is required, which codes are allowed. It
//! holds facts only; what the rows *mean* is in `sql/conformed/<platform>__<table>.sql`.
//!
//! ```toml
//! title = { it = "Mi fido di noi", en = "Mi fido di noi" }
//!
//! [tables.movimenti]
//! key = ["id_movimento"]
//! fetch.files = { url = "sample-data/mi_fido_di_noi/movimenti*.csv" }
//! format.csv = { delimiter = ";", encoding = "windows-1252" }
//!
//! [tables.movimenti.columns]
//! id_movimento = { type = "record", required = true }
//! data = { type = "date", format = "%d/%m/%Y", required = true }
//! ```

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::agreement::Agreement;
use super::fetch::{Fetch, Servers};
use super::format::Format;
use super::limits::{Freshness, Limits};
use super::text::Bilingual;

/// One platform: its agreement and its tables.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceSpec {
    /// Name for readers.
    pub title: Bilingual,
    /// Terms under which the platform hands over its records.
    #[serde(default)]
    pub agreement: Agreement,
    /// How much trouble is too much.
    #[serde(default)]
    pub limits: Limits,
    /// When silence of the platform becomes worth a word.
    #[serde(default)]
    pub freshness: Freshness,
    /// Database and file servers that the tables are fetched from.
    #[serde(default)]
    pub server: Servers,
    /// Tables by name.
    pub tables: BTreeMap<String, TableSpec>,
}

/// One table of a platform.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TableSpec {
    /// Where its pages are.
    pub fetch: Fetch,
    /// How its pages are written; tables of databases need none.
    #[serde(default = "Format::assumed")]
    pub format: Format,
    /// Columns that identify a record; empty where rows are facts of their own.
    #[serde(default)]
    pub key: Vec<String>,
    /// Column whose greatest value is the valid revision of a record; without it the row that
    /// comes last wins.
    pub revision: Option<String>,
    /// Boolean column that marks a row as the deletion of its record.
    pub deleted: Option<String>,
    /// Date under which a record is filed for ever; the table is then kept in parts by month or
    /// year, and a run touches only those that its new rows belong to.
    ///
    /// A record is then identified by its key *and* that month or year: the same key filed under
    /// two months is two records, unless `moves` says that a correction may change the date.
    /// Without it the table is one part.
    pub filed_by: Option<FiledBy>,
    /// Whether every delivery is the whole table, so that a record missing from the latest one is
    /// erased. A delivery is one file; deliveries stand in the order of their addresses, so these
    /// carry a date that sorts, such as `enti-2024-03-01.csv`. Not for databases, services with
    /// pages or `since`.
    #[serde(default)]
    pub snapshot: Delivery,
    /// What happens to columns of the source that are not declared.
    #[serde(default)]
    pub contract: ContractMode,
    /// Columns by name, in any order.
    pub columns: BTreeMap<String, ColumnSpec>,
}

/// What a page of a table holds. Written `snapshot = true` or `false`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(from = "bool")]
pub enum Delivery {
    /// Some of its records.
    #[default]
    Some,
    /// All of them.
    Whole,
}

impl From<bool> for Delivery {
    fn from(snapshot: bool) -> Self {
        if snapshot { Self::Whole } else { Self::Some }
    }
}

/// How the records of a table are filed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FiledBy {
    /// A required date, instant (in UTC) or month that never changes.
    pub column: String,
    /// How much time a part covers.
    pub every: Every,
    /// Whether a correction may change the date: then the key alone identifies a record, which
    /// moves to another part with it, and a run with new rows reads the whole table.
    #[serde(default)]
    pub moves: bool,
}

/// How much time a part of a table covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Every {
    /// A month: parts are called `2024-03`.
    Month,
    /// A year: parts are called `2024`.
    Year,
}

/// Contract of one column.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ColumnSpec {
    /// What the values are.
    #[serde(rename = "type")]
    pub kind: ColumnKind,
    /// Field of the source, a dotted path for JSON; the column's own name when absent.
    pub from: Option<String>,
    /// Dotted path inside a text field that holds JSON.
    pub json: Option<String>,
    /// Whether a row without the value is rejected.
    #[serde(default)]
    pub required: Presence,
    /// `strftime` pattern of dates and instants.
    pub format: Option<String>,
    /// Decimal separator of decimals and numbers.
    #[serde(default)]
    pub decimal: DecimalMark,
    /// Allowed source codes and what each becomes; a code not listed rejects the row.
    #[serde(default)]
    pub codes: BTreeMap<String, String>,
    /// Texts that mean "no value", besides the empty one.
    #[serde(default)]
    pub null: Vec<String>,
    /// Separator of tags; a comma when absent. The members of a JSON array need none.
    pub separator: Option<char>,
    /// Least value of a number; a smaller one rejects the row.
    pub min: Option<f64>,
    /// Greatest value of a number; a greater one rejects the row.
    pub max: Option<f64>,
    /// Column of the same type that must not be later than this one.
    pub not_before: Option<String>,
    /// Namespace of a record or person key: the same namespace joins tables of one platform.
    pub namespace: Option<String>,
    /// What happens to a text that holds a direct identifier.
    #[serde(default)]
    pub identifiers: IdentifierPolicy,
    /// Whether the value is stored; one that is not is still judged by the whole contract.
    #[serde(default)]
    pub keep: Keeping,
    /// What happens when the column disappears or its values stop fitting: `discard` rejects the
    /// rows and reports it, `freeze` stops the source.
    #[serde(default)]
    pub contract: ContractMode,
}

/// Whether the values of a column are stored. Written `true` or `false`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(from = "bool")]
pub enum Keeping {
    /// They are columns of the typed table.
    #[default]
    Stored,
    /// They are read, judged and left out.
    Judged,
}

impl From<bool> for Keeping {
    fn from(keep: bool) -> Self {
        if keep { Self::Stored } else { Self::Judged }
    }
}

/// What happens when a source changes its columns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ContractMode {
    /// A column that is not declared is left out, and reported; the default.
    #[default]
    Discard,
    /// A column that is not declared is kept as the text `x_<name>` of the source table, through
    /// the identifier gate, and reported.
    Evolve,
    /// The source is stopped, and the change is named.
    Freeze,
}

/// Whether a value must be there. Written `true` or `false`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(from = "bool")]
pub enum Presence {
    /// A row without it is rejected.
    Required,
    /// A row without it is kept.
    #[default]
    Optional,
}

impl From<bool> for Presence {
    fn from(required: bool) -> Self {
        if required {
            Self::Required
        } else {
            Self::Optional
        }
    }
}

/// What the values of a column are, and what they become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ColumnKind {
    /// Free text, through the identifier gate → Utf8.
    Text,
    /// A code from `codes` → Utf8.
    Code,
    /// List of free tags, through the identifier gate → Utf8, lowercase, sorted, joined by `|`.
    Tags,
    /// A calendar date → Date32.
    Date,
    /// An instant → Timestamp(µs, UTC).
    Instant,
    /// A month `YYYY-MM` or a date in it → Date32 of its first day.
    Month,
    /// A whole number → Int64.
    Integer,
    /// An exact amount with at most two decimals → Decimal128(12, 2).
    Decimal,
    /// A measured number → Float64.
    Number,
    /// Yes or no, in Italian, English or 0/1 → Boolean.
    Boolean,
    /// A duration such as `90`, `1:30`, `1h30` or `90 min` → Int64 minutes.
    Minutes,
    /// A comune by Istat code, catastal code or name → Utf8 of six digits.
    Comune,
    /// A person's id → Binary of 16 bytes, keyed per platform and epoch; the id is not kept.
    Person,
    /// A record's or body's id → Binary of 16 bytes, keyed per platform; the id is not kept.
    Record,
}

/// Decimal separator.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DecimalMark {
    /// `1234.50`
    #[default]
    Point,
    /// `1.234,50`
    Comma,
}

/// What happens to a text that holds a direct identifier.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IdentifierPolicy {
    /// The row is rejected; the default.
    #[default]
    Reject,
    /// The column names bodies, not persons (a provider, a place): contact data are expected and
    /// the column is not scanned. Refused on columns of exchanges by `check`.
    Bodies,
    /// The value is left out and counted, the row comes in: for columns no contract names.
    #[serde(skip)]
    Withhold,
}

impl ColumnSpec {
    /// A free text that is not required.
    pub(crate) fn gated_text(identifiers: IdentifierPolicy) -> Self {
        Self {
            kind: ColumnKind::Text,
            from: None,
            json: None,
            required: Presence::Optional,
            format: None,
            decimal: DecimalMark::Point,
            codes: BTreeMap::new(),
            null: Vec::new(),
            separator: None,
            min: None,
            max: None,
            not_before: None,
            namespace: None,
            identifiers,
            contract: ContractMode::Discard,
            keep: Keeping::Stored,
        }
    }
}
