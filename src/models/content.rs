//! What the rows of a model are made from, as one hash: the ground on which a rebuild is spared.
//!
//! The hash of a model covers its pruned plan and, for every column that plan reads, the hash of what that
//! column is made from, down to the canonical and reference tables, whose content is hashed as a whole.
//! So a comment, a new layout or a new column upstream that nobody reads changes nothing below; a changed
//! condition, code list or late row changes everything that reads it, and nothing else.
//!
//! ```text
//! conformed.exchanges ── derived._exchanges ── derived.unmet…  reads 6 of its 46 columns:
//!                                              a 47th does not rebuild it
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::datasource::empty::EmptyTable;
use futures::future::BoxFuture;

use super::{Error, zone_of};
use crate::canon::fingerprint::fingerprint_of;
use crate::context::Context;
use crate::engine::reading::Reading;
use crate::engine::{self, Session};
use crate::functions;
use crate::lake::plain::plain_schema;
use crate::spec::model::Model;

/// Version of what this stage writes; part of every hash.
const VERSION: &str = "derive-2";

/// The tables that models read, with the hash of their content.
#[derive(Debug)]
pub(crate) struct Ground {
    /// A session in which the tables can be read; it knows no model yet.
    pub(crate) session: Session,
    /// Hash of the content of every table that is not a model.
    pub(crate) tables: BTreeMap<String, String>,
}

impl Ground {
    /// Opens what these models read and do not make.
    ///
    /// # Errors
    /// When a table is missing.
    pub(crate) async fn open(cx: &Context, models: &[Model]) -> Result<Self, Error> {
        let names: BTreeSet<&String> = models.iter().map(|model| &model.name).collect();
        let inputs = models.iter().flat_map(|model| &model.inputs);
        let tables = inputs.filter(|input| !names.contains(input)).cloned();
        let opened = cx.open(&tables.collect()).await.map_err(Error::Open)?;
        Ok(Self {
            session: opened.session,
            tables: opened.fingerprints,
        })
    }

    /// Makes every model known to the session by its columns, which are the answer.
    ///
    /// # Errors
    /// When a statement does not plan.
    pub(crate) async fn know(
        &self,
        models: &[Model],
    ) -> Result<BTreeMap<String, SchemaRef>, Error> {
        let mut schemas = BTreeMap::new();
        for model in models {
            let failed = |source| Error::Query {
                model: model.name.clone(),
                source,
            };
            let columns = self.session.columns(&model.name, &model.sql).await;
            let schema = plain_schema(&columns.map_err(failed)?);
            let empty = Arc::new(EmptyTable::new(Arc::clone(&schema)));
            self.session
                .register(zone_of(model).name(), model.stem(), empty)
                .map_err(failed)?;
            schemas.insert(model.name.clone(), schema);
        }
        Ok(schemas)
    }

    /// The hashes of what these models are made from; the session must know them.
    pub(crate) fn contents<'a>(&'a self, models: &'a [Model], known: Known) -> Contents<'a> {
        Contents::new(&self.session, models, (&self.tables, known))
    }

    /// A quick hash for every model, by name: of its text, and of the whole of everything above it.
    ///
    /// With the same one a model is certainly up to date; with another it may still be, which takes planning
    /// to find out.
    pub(crate) fn coarse(&self, models: &[Model]) -> BTreeMap<String, String> {
        let mut known = self.tables.clone();
        let mut found = BTreeMap::new();
        for model in models {
            let inputs = model.inputs.iter();
            let above: Vec<&str> = inputs
                .flat_map(|input| [Some(input.as_str()), known.get(input).map(String::as_str)])
                .map(Option::unwrap_or_default)
                .collect();
            let (sql, header) = (model.normalized_sql(), of_header(model));
            let coarse = fingerprint_of([&[sql.as_str(), header.as_str()][..], &above].concat());
            known.insert(model.name.clone(), coarse.clone());
            found.insert(model.name.clone(), coarse);
        }
        found
    }
}

/// Hashes of models, each worked out once.
pub(crate) struct Contents<'a> {
    /// A session in which every table and model is known.
    session: &'a Session,
    /// The models by name.
    models: BTreeMap<&'a str, &'a Model>,
    /// Hash of the content of every other table.
    tables: &'a BTreeMap<String, String>,
    /// Hashes found so far, by table and columns.
    known: Known,
}

/// Hashes by table and columns.
pub(crate) type Known = BTreeMap<(String, BTreeSet<String>), String>;

impl std::fmt::Debug for Contents<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Contents")
            .field("models", &self.models.len())
            .finish_non_exhaustive()
    }
}

impl<'a> Contents<'a> {
    /// For these models over these tables, all of which `session` knows by name.
    pub(crate) fn new(
        session: &'a Session,
        models: &'a [Model],
        (tables, known): (&'a BTreeMap<String, String>, Known),
    ) -> Self {
        Self {
            session,
            models: models
                .iter()
                .map(|model| (model.name.as_str(), model))
                .collect(),
            tables,
            known,
        }
    }

    /// The hashes worked out, for the next to come.
    pub(crate) fn into_known(self) -> Known {
        self.known
    }

    /// The hash of everything a model's rows and checks are made from, and of what each table it reads or
    /// compares itself with gives it.
    ///
    /// # Errors
    /// When a statement does not plan.
    pub(crate) async fn of_model(
        &mut self,
        model: &Model,
    ) -> Result<(String, BTreeMap<String, String>), engine::Error> {
        let Reading { text, mut columns } = self.session.reading(&model.name, &model.sql).await?;
        for table in &model.inputs {
            // A table that only its checks name: with other rows in it the checks run again.
            columns.entry(table.clone()).or_default();
        }
        let mut inputs = BTreeMap::new();
        for (table, columns) in columns {
            let content = self.of_columns(&table, columns).await?;
            inputs.insert(table, content);
        }
        let header = of_header(model);
        let mut parts = vec![text.as_str(), header.as_str()];
        for (table, content) in &inputs {
            parts.extend([table.as_str(), content.as_str()]);
        }
        Ok((fingerprint_of(parts), inputs))
    }

    /// The hash of what a statement answers.
    async fn of_statement(&mut self, label: &str, sql: &str) -> Result<String, engine::Error> {
        let Reading { text, columns } = self.session.reading(label, sql).await?;
        let mut parts = vec![text];
        for (table, columns) in columns {
            let content = self.of_columns(&table, columns).await?;
            parts.extend([table, content]);
        }
        Ok(fingerprint_of(parts))
    }

    /// The hash of some columns of a table or model.
    fn of_columns<'b>(
        &'b mut self,
        table: &'b str,
        columns: BTreeSet<String>,
    ) -> BoxFuture<'b, Result<String, engine::Error>> {
        Box::pin(async move {
            let Some(model) = self.models.get(table).copied() else {
                return Ok(self.tables.get(table).cloned().unwrap_or_default());
            };
            let asked = (table.to_owned(), columns);
            if let Some(known) = self.known.get(&asked) {
                return Ok(known.clone());
            }
            let sql = only(model, &asked.1);
            let found = self.of_statement(table, &sql).await?;
            self.known.insert(asked, found.clone());
            Ok(found)
        })
    }
}

/// The statement of a model for these columns alone, beside those that say which row it is.
fn only(model: &Model, columns: &BTreeSet<String>) -> String {
    let grain = model.header.grain.iter();
    let wanted: BTreeSet<&str> = grain.chain(columns).map(String::as_str).collect();
    let wanted: Vec<String> = wanted
        .into_iter()
        .map(|column| format!("\"{column}\""))
        .collect();
    let wanted = if wanted.is_empty() {
        "1".to_owned()
    } else {
        wanted.join(", ")
    };
    format!("select {wanted} from ({}) as answer", model.sql)
}

/// The hash of what else than its statement decides about a model's table.
fn of_header(model: &Model) -> String {
    let header = &model.header;
    fingerprint_of([
        VERSION,
        functions::VERSION,
        &header.grain.join(","),
        &header.order.join(","),
        &header.checks.join("\n"),
        &header.warnings.join("\n"),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Engine;
    use crate::spec::diagnostic::SourceText;
    use crate::spec::settings::EngineSettings;
    use arrow::datatypes::{DataType, Field, Schema};
    use std::path::Path;

    /// A model with the given statement.
    fn model(stem: &str, grain: &str, sql: &str) -> Model {
        let text = format!(
            "/* model\ndescription = {{ it = \"a\", en = \"b\" }}\ngrain = [\"{grain}\"]\n*/\n{sql}\n"
        );
        let text = SourceText::new(Path::new("m.sql"), text);
        Model::parse("derived", stem, text).0.unwrap()
    }

    /// Hashes of the models in order, over `conformed.t (k, a, b, c)` with this content.
    async fn hashes(models: &[Model], content: &str) -> Vec<String> {
        let engine = Engine::new(&EngineSettings::default()).unwrap();
        let session = engine.session().unwrap();
        let columns = ["k", "a", "b", "c"];
        let fields = columns.map(|name| Field::new(name, DataType::Int64, true));
        let base = Arc::new(Schema::new(fields.to_vec()));
        session
            .register("conformed", "t", Arc::new(EmptyTable::new(base)))
            .unwrap();
        for model in models {
            let schema = session.columns(&model.name, &model.sql).await.unwrap();
            let table = EmptyTable::new(plain_schema(&schema));
            session
                .register("derived", model.stem(), Arc::new(table))
                .unwrap();
        }
        let tables = BTreeMap::from([("conformed.t".to_owned(), content.to_owned())]);
        let mut contents = Contents::new(&session, models, (&tables, Known::new()));
        let mut found = Vec::new();
        for model in models {
            found.push(contents.of_model(model).await.unwrap().0);
        }
        found
    }

    /// Two models, the second of which reads `k` and `n` of the first.
    async fn pair(first: &str) -> Vec<String> {
        let second = "select k, n + 1 as m from derived.a";
        hashes(&[model("a", "k", first), model("b", "k", second)], "1").await
    }

    const FIRST: &str = "select k, sum(a) as n from conformed.t group by k";

    #[tokio::test]
    async fn a_comment_and_another_layout_change_nothing() {
        let same = "-- why\nSELECT k,\n  sum(a) AS n -- all of them\nFROM conformed.t GROUP BY k";
        assert_eq!(pair(FIRST).await, pair(same).await);
    }

    #[tokio::test]
    async fn an_added_column_rebuilds_the_model_and_not_what_does_not_read_it() {
        let before = pair(FIRST).await;
        let after = pair("select k, sum(a) as n, sum(b) as o from conformed.t group by k").await;
        assert_ne!(before[0], after[0]);
        assert_eq!(before[1], after[1]);
    }

    #[tokio::test]
    async fn a_window_function_of_our_own_is_told_apart_by_its_arguments() {
        let sql = |method: &str| {
            format!("select k, ({method} over (order by k))['q'] as n from conformed.t")
        };
        let at_default = pair(&sql("fdr_tree(a, b)")).await;
        assert_eq!(at_default, pair(&sql("fdr_tree(a, b)")).await);
        for other in ["fdr_tree(a, c)", "fdr_tree(a, b, 0.1)"] {
            assert_ne!(at_default, pair(&sql(other)).await);
        }
    }

    #[tokio::test]
    async fn a_changed_condition_rebuilds_everything_below() {
        let before = pair(FIRST).await;
        let after = pair("select k, sum(a) as n from conformed.t where c > 0 group by k").await;
        assert_ne!(before[0], after[0]);
        assert_ne!(before[1], after[1]);
    }

    #[tokio::test]
    async fn other_rows_below_rebuild_everything_above() {
        let models = [
            model("a", "k", FIRST),
            model("b", "k", "select k, n + 1 as m from derived.a"),
        ];
        let (before, after) = (hashes(&models, "1").await, hashes(&models, "2").await);
        assert!(
            before
                .iter()
                .zip(&after)
                .all(|(before, after)| before != after)
        );
    }

    #[tokio::test]
    async fn swapped_columns_are_told_apart_by_the_grain() {
        let models = |first: &str| {
            [
                model("a", "k", first),
                model("b", "n", "select n from derived.a"),
            ]
        };
        let before = hashes(&models("select k, a as n from conformed.t"), "1").await;
        let after = hashes(&models("select k, b as n from conformed.t"), "1").await;
        assert_ne!(before[1], after[1]);
    }
}
