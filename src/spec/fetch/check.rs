//! What makes no sense in the declaration of a database or of a file server.

use super::postgres::{PostgresServer, PostgresTable, TlsMode};
use super::sftp::{SftpFiles, SftpServer};
use super::sqlite::SqliteTable;
use super::{Fetch, Servers};
use crate::spec::secret::SecretRef;
use crate::spec::source::TableSpec;
use crate::spec::source_check::{Finding, finding};

/// What is wrong where a table is read by a watermark or as a query.
fn check_reading(
    table: Option<&String>,
    query: Option<&String>,
    columns: &[String],
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let advice = "name a `table`, or write a `select` in `query`";
    match (table, query) {
        (Some(_), Some(_)) => {
            let message = "both a `table` and a `query` are declared".to_owned();
            findings.push(finding("query", message, "keep one of them"));
        }
        (None, None) => {
            let message = "neither a `table` nor a `query` is declared".to_owned();
            findings.push(finding("fetch", message, advice));
        }
        (Some(table), None) if table.is_empty() => {
            findings.push(finding("table", "`table` is empty".to_owned(), advice));
        }
        (None, Some(query)) if !is_select(query) => {
            let message = "`query` is no `select`".to_owned();
            findings.push(finding(
                "query",
                message,
                "begin it with `select` or `with`",
            ));
        }
        (Some(_), None) | (None, Some(_)) => {}
    }
    let mut seen = columns.iter().enumerate();
    let twice = seen.find(|(place, name)| columns.iter().take(*place).any(|other| other == *name));
    if let Some((_, name)) = twice {
        let message = format!("`columns` names `{name}` twice");
        findings.push(finding(name, message, "name every column once"));
    }
    findings
}

/// Whether a text begins as a query does.
fn is_select(query: &str) -> bool {
    let begins = |word: &str| {
        let query = query.trim_start();
        let start = query.get(..word.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(word))
    };
    // A comment or a bracket may stand before it; the server reads the rest.
    ["select", "with", "--", "/*", "("].into_iter().any(begins)
}

impl PostgresTable {
    /// What makes no sense in the declaration.
    pub(super) fn check(&self) -> Vec<Finding> {
        check_reading(self.table.as_ref(), self.query.as_ref(), &self.columns)
    }
}

impl SqliteTable {
    /// What makes no sense in the declaration.
    pub(super) fn check(&self) -> Vec<Finding> {
        let mut findings = check_reading(self.table.as_ref(), self.query.as_ref(), &self.columns);
        if self.path.is_empty() || self.path.contains("://") || self.path.contains('*') {
            let message = format!("`{}` is not the path of one file", self.path);
            let help = "SQLite reads one file of this machine: write its path";
            findings.push(finding("path", message, help));
        }
        findings
    }
}

impl SftpFiles {
    /// What makes no sense in the declaration.
    pub(super) fn check(&self) -> Vec<Finding> {
        let (folder, name) = self.path.rsplit_once('/').unwrap_or(("", &self.path));
        if name.is_empty() || self.path.contains("://") {
            let message = format!("`{}` is not the path of files on the server", self.path);
            let help = "write the path alone, such as `/out/export-*.csv`; the server stands in `[server.sftp]`";
            return vec![finding("path", message, help)];
        }
        if folder.contains('*') {
            let message = format!("`{}` has a `*` in a folder", self.path);
            let help = "a `*` stands for a part of the last segment only";
            return vec![finding("path", message, help)];
        }
        Vec::new()
    }
}

impl Servers {
    /// Every secret that is needed.
    pub(crate) fn secrets(&self) -> Vec<&SecretRef> {
        let postgres = self.postgres.iter().flat_map(|server| &server.password);
        let sftp = self.sftp.iter().flat_map(|server| {
            let secrets = [&server.password, &server.private_key, &server.passphrase];
            secrets.into_iter().flatten()
        });
        postgres.chain(sftp).collect()
    }

    /// What makes no sense in the servers of a platform with these tables, with the header of the
    /// place.
    pub(crate) fn check<'t>(
        &self,
        tables: impl Iterator<Item = (&'t String, &'t TableSpec)>,
    ) -> Vec<(String, Finding)> {
        let mut findings = Vec::new();
        let (mut uses_postgres, mut uses_sftp) = (false, false);
        for (name, table) in tables {
            let lacks = match &table.fetch {
                Fetch::Postgres(_) => {
                    uses_postgres = true;
                    self.postgres.is_none().then_some("postgres")
                }
                Fetch::Sftp(_) => {
                    uses_sftp = true;
                    self.sftp.is_none().then_some("sftp")
                }
                Fetch::Files(_) | Fetch::Rest(_) | Fetch::Sqlite(_) => None,
            };
            if let Some(protocol) = lacks {
                let message =
                    format!("table `{name}` is fetched from a server that is not declared");
                let help = format!("declare it under `[server.{protocol}]`");
                findings.push((format!("tables.{name}"), finding(protocol, message, &help)));
            }
        }
        if self.postgres.is_some() && !uses_postgres {
            findings.push(("server".to_owned(), unused("postgres")));
        }
        if self.sftp.is_some() && !uses_sftp {
            findings.push(("server".to_owned(), unused("sftp")));
        }
        let of_postgres = self.postgres.iter().flat_map(PostgresServer::check);
        findings.extend(of_postgres.map(|found| ("server.postgres".to_owned(), found)));
        let of_sftp = self.sftp.iter().flat_map(SftpServer::check);
        findings.extend(of_sftp.map(|found| ("server.sftp".to_owned(), found)));
        findings
    }
}

/// A server that no table is fetched from.
fn unused(protocol: &str) -> Finding {
    let message = format!("no table is fetched from the server of `[server.{protocol}]`");
    let help = format!("give a table `fetch.{protocol}`, or remove the server");
    finding(protocol, message, &help)
}

/// Whether a text is the name of a server and nothing else.
fn is_host(host: &str) -> bool {
    !host.is_empty() && !host.contains("://") && !host.contains('@')
}

/// A host that is no name.
fn bad_host(host: &str) -> Finding {
    let message = format!("`{host}` is not the name of a server");
    let help = "write the name or address alone; port, user and password stand beside it";
    finding("host", message, help)
}

impl PostgresServer {
    /// What makes no sense in the declaration.
    fn check(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let is_socket = self.host.starts_with('/');
        if !is_host(&self.host) {
            findings.push(bad_host(&self.host));
        }
        if self.ca.is_some() && (self.tls != TlsMode::Verify || is_socket) {
            let message = "`ca` is declared, but certificates are not verified".to_owned();
            findings.push(finding(
                "ca",
                message,
                "set `tls = \"verify\"`, or remove `ca`",
            ));
        }
        if self.statement_timeout < self.connect_timeout {
            let message = "`statement_timeout` is shorter than `connect_timeout`".to_owned();
            let help = "a statement reads a whole table: give it minutes or hours";
            findings.push(finding("statement_timeout", message, help));
        }
        findings
    }
}

impl SftpServer {
    /// What makes no sense in the declaration.
    fn check(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        if !is_host(&self.host) {
            findings.push(bad_host(&self.host));
        }
        if self.password.is_none() && self.private_key.is_none() {
            let message = "the account has neither a password nor a private key".to_owned();
            let help = "add `private_key` or `password`, as `env:NAME` or `file:PATH`";
            findings.push(finding("user", message, help));
        }
        if self.passphrase.is_some() && self.private_key.is_none() {
            let message = "there is a passphrase, but no private key to open with it".to_owned();
            let help = "add `private_key`, or remove `passphrase`";
            findings.push(finding("passphrase", message, help));
        }
        findings
    }
}

#[cfg(test)]
mod tests {
    use crate::spec::source::SourceSpec;
    use crate::spec::source_check::check_table;

    /// Messages about a source written in TOML.
    fn messages(toml: &str) -> Vec<String> {
        let title = "title = { it = \"x\", en = \"x\" }\n";
        let source: SourceSpec = toml::from_str(&format!("{title}{toml}")).unwrap();
        let tables = source.tables.iter();
        let of_tables = tables.flat_map(|(name, table)| check_table(name, table));
        let of_servers = source.server.check(source.tables.iter());
        let of_servers = of_servers.into_iter().map(|(_, found)| found);
        of_tables
            .chain(of_servers)
            .map(|found| found.message)
            .collect()
    }

    #[test]
    fn a_sound_database_and_file_server_have_no_findings() {
        let toml = r#"
            [server.postgres]
            host = "db.example.org"
            database = "x"
            user = "x"
            password = "env:X"
            [server.sftp]
            host = "files.example.org"
            user = "x"
            host_key = "SHA256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
            private_key = "env:Y"
            [tables.a]
            key = ["id"]
            fetch.postgres = { table = "a", since = { column = "at", lag = "2d" } }
            columns = { id = { type = "record" }, at = { type = "instant" }, on = { type = "date" } }
            [tables.b]
            fetch.sftp = { path = "/out/*.csv" }
            format.csv = {}
            columns = { id = { type = "record" } }
            [tables.c]
            fetch.sqlite = { path = "x.db", query = "with y as (select 1 as id) select * from y" }
            columns = { id = { type = "record" }, on = { type = "date", format = "%Y-%m-%d" } }
        "#;
        assert_eq!(messages(toml), [""; 0]);
    }

    #[test]
    fn every_mistake_about_a_database_is_found() {
        let toml = r#"
            [server.postgres]
            host = "postgres://x@db"
            database = "x"
            user = "x"
            tls = "require"
            ca = "ca.pem"
            statement_timeout = "1s"
            [tables.a]
            fetch.postgres = { table = "a", query = "select 1", since = { column = "at" }, columns = ["x", "x"] }
            columns = { id = { type = "record" } }
            [tables.b]
            key = ["id"]
            fetch.sqlite = { path = "x*.db", query = "delete from x", since = { column = "id" } }
            format.csv = {}
            columns = { id = { type = "record" }, on = { type = "date" } }
            [tables.c]
            fetch.sqlite = { path = "x.db" }
            columns = { id = { type = "record" } }
        "#;
        let found = messages(toml);
        assert_eq!(found.len(), 11, "{found:#?}");
    }

    #[test]
    fn every_mistake_about_a_file_server_is_found() {
        let toml = r#"
            [server.sftp]
            host = ""
            user = "x"
            passphrase = "env:X"
            [tables.a]
            fetch.sftp = { path = "/out/*/x.csv" }
            format.csv = {}
            columns = { id = { type = "record" } }
            [tables.b]
            fetch.sftp = { path = "sftp://x/y.csv" }
            columns = { id = { type = "record" } }
            [tables.c]
            fetch.postgres = { table = "c" }
            columns = { id = { type = "record" } }
        "#;
        let found = messages(toml);
        assert_eq!(found.len(), 7, "{found:#?}");
        let unused = "[server.sftp]\nhost = \"h\"\nuser = \"u\"\npassword = \"env:X\"\n[tables.a]\nfetch.files = { url = \"x\" }\nformat.csv = {}\ncolumns = { id = { type = \"record\" } }";
        assert_eq!(messages(unused).len(), 1);
    }
}
