//! What is asked of the server for one table: the statements and the columns they answer.
//!
//! Names are quoted, values of a watermark are written by ourselves, and a declared query must be
//! one statement by itself before it is put into another. So nothing that is declared can end the
//! statement it is put into.

use std::collections::BTreeSet;

use tokio_postgres::types::{ToSql, Type};

use super::cells::Written;
use super::error::PostgresError;
use super::mark::{Mark, MarkKind};
use super::session::{Session, Snapshot, bytes_of};
use crate::spec::fetch::postgres::PostgresTable;
use crate::stages::acquire::transport::reading::Part;

/// Whether a table is there, and its primary key in order.
const PRIMARY_KEY: &str = "\
    select attribute.attname::text \
    from pg_catalog.pg_class as relation \
    inner join pg_catalog.pg_namespace as space on space.oid = relation.relnamespace \
    left join pg_catalog.pg_index as index \
        on index.indrelid = relation.oid and index.indisprimary \
    left join lateral unnest(index.indkey::int2[]) with ordinality as key (number, place) on true \
    left join pg_catalog.pg_attribute as attribute \
        on attribute.attrelid = relation.oid and attribute.attnum = key.number \
    where \
        space.nspname = $1 and relation.relname = $2 \
        and relation.relkind in ('r', 'v', 'm', 'p', 'f') \
    order by key.place";

/// What is asked for one table.
#[derive(Debug)]
pub(super) struct Plan {
    /// Columns in the order they are read.
    pub(super) columns: Vec<(String, Written)>,
    /// Which rows are taken.
    pub(super) part: Part<Mark>,
    /// Where the next reading begins.
    pub(super) cursor: Option<Mark>,
    /// Records, as the server counts them.
    pub(super) n_records: u64,
    /// The statement that reads them.
    pub(super) copy: String,
}

/// Which part of a table is wanted, as the run says.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// Where the last reading ended.
    pub(super) cursor: Option<String>,
    /// Window to read in the place of what is new.
    pub(super) window: Option<(String, String)>,
}

/// A table or query that plans are made for.
struct Asked<'a> {
    /// What is declared.
    declared: &'a PostgresTable,
    /// Name for messages.
    shown: &'a str,
    /// The connection.
    session: &'a Session,
    /// Its snapshot.
    snapshot: &'a Snapshot,
    /// What stands after `from`.
    source: String,
}

/// Asks the server what it takes to read a table.
pub(super) async fn plan(
    (session, snapshot): (&Session, &Snapshot),
    declared: &PostgresTable,
    shown: &str,
    wanted: &Wanted,
) -> Result<Plan, PostgresError> {
    let source = match (&declared.table, &declared.query) {
        (Some(table), _) => format!("{}.{}", quoted(&declared.schema), quoted(table)),
        // The line end closes a comment that the query may end with.
        (None, query) => format!(
            "(\n{}\n) as source",
            bare(query.as_deref().unwrap_or_default())
        ),
    };
    let asked = Asked {
        declared,
        shown,
        session,
        snapshot,
        source,
    };
    let key = asked.primary_key().await?;
    asked.check_query().await?;
    let (columns, list) = asked.columns().await?;
    let (part, mark) = asked.part(wanted).await?;
    let condition = asked.condition(&part);
    let order = order_of(declared, &key, &columns);
    let Asked { source, .. } = &asked;
    let copy = format!(
        "copy (select {list} from {source}{condition} order by {order}) to stdout (format binary)"
    );
    let n_records = asked.count(&condition).await?;
    Ok(Plan {
        columns,
        part,
        cursor: mark,
        n_records,
        copy,
    })
}

impl Asked<'_> {
    /// The primary key of a table; a query has none.
    async fn primary_key(&self) -> Result<Vec<String>, PostgresError> {
        let Some(table) = &self.declared.table else {
            return Ok(Vec::new());
        };
        let client = self.snapshot.client();
        let names: [&(dyn ToSql + Sync); 2] = [&self.declared.schema, table];
        let rows = client.query(PRIMARY_KEY, &names);
        let rows = self.session.answer("look for", self.shown, rows).await?;
        if rows.is_empty() {
            return Err(PostgresError::NoTable {
                table: self.shown.to_owned(),
                user: self.session.server().user.clone(),
            });
        }
        let names = rows.iter().filter_map(|row| bytes_of(row, 0));
        Ok(names
            .filter_map(|name| String::from_utf8(name).ok())
            .collect())
    }

    /// Checks that a query is one statement by itself.
    async fn check_query(&self) -> Result<(), PostgresError> {
        if let Some(query) = &self.declared.query {
            let prepared = self.snapshot.client().prepare(bare(query));
            self.session
                .answer("prepare the query of", self.shown, prepared)
                .await?;
        }
        Ok(())
    }

    /// The columns to read, and their list in SQL.
    async fn columns(&self) -> Result<(Vec<(String, Written)>, String), PostgresError> {
        let names = &self.declared.columns;
        let wanted = if names.is_empty() {
            "*".to_owned()
        } else {
            list_of(names.iter().map(String::as_str))
        };
        let mut seen = BTreeSet::new();
        let mut columns = Vec::new();
        for (name, kind) in self.described(&wanted).await? {
            let Some(written) = Written::of(&kind) else {
                return Err(PostgresError::Type {
                    table: self.shown.to_owned(),
                    column: name,
                    kind: kind.to_string(),
                });
            };
            if !seen.insert(name.clone()) {
                return Err(PostgresError::Twice {
                    table: self.shown.to_owned(),
                    column: name,
                });
            }
            columns.push((name, written));
        }
        let list = list_of(columns.iter().map(|(name, _)| name.as_str()));
        Ok((columns, list))
    }

    /// Names and types of some columns.
    async fn described(&self, list: &str) -> Result<Vec<(String, Type)>, PostgresError> {
        let statement = format!("select {list} from {}", self.source);
        let prepared = self.snapshot.client().prepare(&statement);
        let prepared = self
            .session
            .answer("describe", self.shown, prepared)
            .await?;
        let columns = prepared.columns().iter();
        Ok(columns
            .map(|column| (column.name().to_owned(), column.type_().clone()))
            .collect())
    }

    /// Which rows to take, and where the next reading begins.
    async fn part(&self, wanted: &Wanted) -> Result<(Part<Mark>, Option<Mark>), PostgresError> {
        let Some(since) = &self.declared.since else {
            return Ok((Part::whole(), None));
        };
        let column = &since.column;
        let described = self.described(&quoted(column)).await?;
        let kind = described.first().map(|(_, kind)| kind);
        let Some(mark) = kind.and_then(MarkKind::of) else {
            return Err(PostgresError::Watermark {
                table: self.shown.to_owned(),
                column: column.clone(),
                kind: kind.map(ToString::to_string).unwrap_or_default(),
            });
        };
        let read = |text: &String| {
            mark.read(text).ok_or_else(|| PostgresError::Bound {
                table: self.shown.to_owned(),
                column: column.clone(),
                text: text.clone(),
            })
        };
        if let Some((from, to)) = &wanted.window {
            let (from, to) = (Some(read(from)?), Some(read(to)?));
            return Ok((Part { from, to }, None));
        }
        let next = mark.next(self.greatest(column).await?.as_deref(), self.snapshot.now);
        let from = wanted.cursor.as_ref().map(read).transpose()?;
        let from = from.map(|from| {
            let earlier = from.earlier(since.lag.delta().num_seconds());
            earlier.ok_or_else(|| PostgresError::Lag {
                table: self.shown.to_owned(),
                column: column.clone(),
            })
        });
        let from = from.transpose()?;
        Ok((Part { from, to: None }, next))
    }

    /// The greatest value of the watermark; refused if a row has none.
    async fn greatest(&self, column: &str) -> Result<Option<Vec<u8>>, PostgresError> {
        let (name, source) = (quoted(column), &self.source);
        let blank = format!("select 1 where exists (select from {source} where {name} is null)");
        let blank = self.snapshot.client().query_opt(&blank, &[]);
        let blank = self.session.answer("look into", self.shown, blank).await?;
        if blank.is_some() {
            return Err(PostgresError::NoMark {
                table: self.shown.to_owned(),
                column: column.to_owned(),
            });
        }
        let greatest = format!("select max({name}) from {source}");
        let greatest = self.snapshot.one(&greatest, &[]);
        let greatest = self
            .session
            .answer("look into", self.shown, greatest)
            .await?;
        Ok(bytes_of(&greatest, 0))
    }

    /// The condition of a part.
    fn condition(&self, part: &Part<Mark>) -> String {
        let Some(since) = &self.declared.since else {
            return String::new();
        };
        let column = quoted(&since.column);
        let from = part
            .from
            .map(|from| format!("{column} >= {}", from.literal()));
        let to = part.to.map(|to| format!("{column} < {}", to.literal()));
        let conditions: Vec<String> = from.into_iter().chain(to).collect();
        if conditions.is_empty() {
            return String::new();
        }
        format!(" where {}", conditions.join(" and "))
    }

    /// Records under a condition, as the server counts them.
    async fn count(&self, condition: &str) -> Result<u64, PostgresError> {
        let statement = format!("select count(*) from {}{condition}", self.source);
        let count = self.snapshot.one(&statement, &[]);
        let count = self.session.answer("count", self.shown, count).await?;
        let count = bytes_of(&count, 0).and_then(|count| super::cells::integer(&count).ok());
        Ok(count
            .and_then(|count| u64::try_from(count).ok())
            .unwrap_or(0))
    }
}

/// An order that depends on nothing but the rows: the watermark, then the primary key, or all
/// columns as texts where there is none.
fn order_of(declared: &PostgresTable, key: &[String], columns: &[(String, Written)]) -> String {
    let since = declared.since.as_ref();
    let mut order: Vec<String> = since
        .map(|since| quoted(&since.column))
        .into_iter()
        .collect();
    if key.is_empty() {
        let texts = columns.iter();
        order.extend(texts.map(|(name, _)| format!("{}::text collate \"C\"", quoted(name))));
    } else {
        order.extend(key.iter().map(|name| quoted(name)));
    }
    order.join(", ")
}

/// A query without the semicolon and blanks at its end.
fn bare(query: &str) -> &str {
    query.trim_end_matches(|mark: char| mark == ';' || mark.is_whitespace())
}

/// A name as SQL writes one that may hold anything.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A list of names.
fn list_of<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(quoted).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_end_the_statement_it_is_put_into() {
        assert_eq!(quoted("a\"; drop table b --"), "\"a\"\"; drop table b --\"");
        assert_eq!(list_of(["a", "B c"].into_iter()), "\"a\", \"B c\"");
        assert_eq!(bare("select 1 ;\n; "), "select 1");
    }
}
