//! A small platform whose favors and outcomes come from wherever a test puts them.

use std::process::{Child, Stdio};

use serde_json::Value;

use crate::commons::{Answer, Commons};

/// What is said of the platform before its servers and tables.
const HEAD: &str = r#"title = { it = "Vicini", en = "Neighbors" }

[agreement]
license = "test: invented records"
signed_on = "2026-01-01"

[limits]
max_rejected_pct = 50.0

[freshness]
warn_after_days = 100000
"#;

/// Columns of the favors.
const FAVORI: &str = r#"
[tables.favori.columns]
id = { type = "record", required = true, namespace = "favore" }
versione = { type = "integer", required = true }
data = { type = "date", format = "%Y-%m-%d", required = true }
scritto = { type = "instant", required = true }
chi = { type = "person", required = true }
ore = { type = "number" }
nota = { type = "text" }
"#;

/// Columns of their outcomes.
const ESITI: &str = r#"
[tables.esiti.columns]
id = { type = "record", required = true, namespace = "favore" }
esito = { type = "text", required = true }
"#;

/// The mapping of the favors.
const MAPPING: &str = r#"/* model
description.it = "Favori."
description.en = "Favors."
into = "exchanges"
*/
select
    id as exchange_id,
    _revision as revision,
    scritto as recorded_at,
    'need' as kind,
    chi as person_key,
    '098031' as comune_code,
    'garden' as need_label,
    'individual' as mode,
    'help' as purpose,
    'active' as collaboration,
    data as requested_on,
    'requested' as state
from source.vicini__favori
"#;

/// The variables that hold the secrets of a platform.
type Variables = Vec<(&'static str, String)>;

/// A commons with the platform.
#[derive(Debug)]
pub(crate) struct Neighbors {
    /// The commons.
    pub(crate) commons: Commons,
    /// Secrets for the command.
    pub(crate) secrets: Variables,
}

/// Where the platform's tables come from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origin {
    /// Declared servers.
    pub(crate) servers: String,
    /// `fetch` and `format` of the favors.
    pub(crate) favori: String,
    /// `fetch` and `format` of the outcomes, if there are any.
    pub(crate) esiti: Option<String>,
}

impl Neighbors {
    /// A commons with the platform.
    pub(crate) fn new(origin: &Origin, secrets: Variables) -> Self {
        let commons = Commons::declared();
        commons.write("sql/conformed/vicini__favori.sql", MAPPING);
        let neighbors = Self { commons, secrets };
        neighbors.declare(origin);
        neighbors
    }

    /// Declares where the tables come from.
    pub(crate) fn declare(&self, origin: &Origin) {
        let mut toml = format!("{HEAD}\n{}\n", origin.servers);
        let head = "key = [\"id\"]\nrevision = \"versione\"\n";
        toml += &format!("[tables.favori]\n{head}{}\n{FAVORI}", origin.favori);
        if let Some(esiti) = &origin.esiti {
            toml += &format!("\n[tables.esiti]\nkey = [\"id\"]\n{esiti}\n{ESITI}");
        }
        self.commons.write("pipelines/sources/vicini.toml", toml);
    }

    /// Another commons with the same declarations.
    pub(crate) fn twin(&self) -> Self {
        let twin = Self {
            commons: Commons::declared(),
            secrets: self.secrets.clone(),
        };
        for path in [
            "pipelines/sources/vicini.toml",
            "sql/conformed/vicini__favori.sql",
        ] {
            twin.commons.write(path, self.commons.read(path));
        }
        twin
    }

    /// Runs the command with the secrets of the platform.
    pub(crate) fn antenne(&self, words: &[&str]) -> Answer {
        let mut command = self.commons.command(words);
        let output = command.envs(self.secrets.clone()).output().unwrap();
        Answer {
            code: output.status.code().unwrap_or(-1),
            bytes: output.stdout,
            said: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Fetches.
    pub(crate) fn acquire(&self) -> Answer {
        self.antenne(&["acquire", "--source", "vicini"])
    }

    /// Fetches, in a process that the test goes on beside.
    pub(crate) fn spawn_acquire(&self) -> Child {
        let mut command = self.commons.command(&["acquire", "--source", "vicini"]);
        command.envs(self.secrets.clone());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    }

    /// Fetches and conforms; both end well.
    pub(crate) fn pull(&self) {
        self.acquire().expect_code(0);
        self.conform();
    }

    /// Conforms.
    pub(crate) fn conform(&self) {
        self.antenne(&["conform", "--source", "vicini"])
            .expect_code(0);
    }

    /// What became of the records of a table: how many the source has, and how many were accepted,
    /// rejected, duplicate and superseded; the books must be closed.
    pub(crate) fn book(&self, table: &str) -> [u64; 5] {
        let books = self.commons.books();
        let line = &books[&format!("vicini.{table}")];
        assert_eq!(line["closed"], true, "{line}");
        [
            "source_count",
            "accepted",
            "rejected",
            "duplicate",
            "superseded",
        ]
        .map(|field| line[field].as_u64().unwrap())
    }

    /// The answer to a query of the operator, without its header.
    pub(crate) fn rows(&self, sql: &str) -> Vec<String> {
        let words = ["query", "--private", sql, "--format", "csv"];
        let text = self.commons.antenne(&words).expect_code(0).text();
        text.lines().skip(1).map(str::to_owned).collect()
    }

    /// The notes of the favors, in order.
    pub(crate) fn notes(&self) -> Vec<String> {
        self.rows("select nota from source.vicini__favori order by nota")
    }

    /// The current pages: address, hash, tag.
    pub(crate) fn pages(&self) -> Vec<String> {
        self.rows(
            "select source_table, url, sha256, tag from acquired.page_list where platform = 'vicini' and url is not null order by source_table, url",
        )
    }

    /// Every file of the lake, but for the records of runs.
    pub(crate) fn lake(&self) -> Vec<String> {
        let files = self.commons.files("lake").into_iter();
        let mut files: Vec<String> = files
            .filter(|(path, _)| path.starts_with("acquired/"))
            .map(|(path, bytes)| format!("{path} {}", bytes.len()))
            .collect();
        files.sort();
        files
    }

    /// The state of the platform's tables.
    pub(crate) fn state(&self) -> Value {
        let answer = self.antenne(&["state", "show", "--format", "json"]);
        answer.expect_code(0).json()
    }
}

/// The statements that make the two tables, in words that PostgreSQL and SQLite understand.
pub(crate) const TABLES: &str = "create table favori (id integer primary key, versione integer, data date, scritto timestamp, chi text, ore double precision, nota text); create table esiti (id integer primary key, esito text)";

/// The statement that adds favors with these ids.
pub(crate) fn favori(ids: impl IntoIterator<Item = u32>) -> String {
    let rows: Vec<String> = ids.into_iter().map(favore).collect();
    format!("insert into favori values {}", rows.join(", "))
}

/// The values of a favor: written on a minute of its own.
fn favore(id: u32) -> String {
    let (hour, minute) = (id / 60 % 24, id % 60);
    format!(
        "({id}, 1, '2026-02-01', '2026-02-01 {hour:02}:{minute:02}:00', 'V{}', 1.5, 'favore {id:03}')",
        id % 7
    )
}

/// The notes of favors with these ids.
pub(crate) fn notes(ids: impl IntoIterator<Item = u32>) -> Vec<String> {
    ids.into_iter()
        .map(|id| format!("favore {id:03}"))
        .collect()
}
