//! What the transports of one source share: one connection and one snapshot per server or file.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Request, Transport, postgres, sftp, sqlite};
use crate::spec::fetch::postgres::PostgresTable;
use crate::spec::fetch::sftp::SftpFiles;
use crate::spec::fetch::sqlite::SqliteTable;
use crate::stages::acquire::Error;

/// What the transports of one source share. It is made anew for every source and every time a
/// source is begun anew.
#[derive(Debug, Default)]
pub(in crate::stages::acquire) struct Shared {
    /// The connection to PostgreSQL.
    postgres: Option<Arc<postgres::Session>>,
    /// SQLite files by their path.
    sqlite: BTreeMap<String, Arc<sqlite::Session>>,
    /// The connection to the SFTP server.
    sftp: Option<Arc<sftp::Session>>,
}

impl Shared {
    /// A reading of a table of the platform's PostgreSQL server.
    pub(super) fn postgres(
        &mut self,
        request: &Request<'_>,
        declared: &PostgresTable,
    ) -> Result<Box<dyn Transport>, Error> {
        let session = if let Some(session) = &self.postgres {
            Arc::clone(session)
        } else {
            let server = request.servers.postgres.as_ref();
            let server = server.ok_or_else(|| undeclared(request, "postgres"))?;
            let password = server.password.as_ref();
            let password = password.map(|at| request.secret(at)).transpose()?;
            let session = postgres::Session::new(server, password, request.root);
            let session = session.map_err(|source| Error::Postgres(Box::new(source)))?;
            Arc::clone(self.postgres.insert(Arc::new(session)))
        };
        let pages = postgres::PostgresPages::new(request, declared, session);
        Ok(Box::new(pages))
    }

    /// A reading of a table of a SQLite file.
    pub(super) fn sqlite(
        &mut self,
        request: &Request<'_>,
        declared: &SqliteTable,
    ) -> Box<dyn Transport> {
        let session = self.sqlite.entry(declared.path.clone());
        let session =
            session.or_insert_with(|| Arc::new(sqlite::Session::new(request.root, &declared.path)));
        let session = Arc::clone(session);
        Box::new(sqlite::SqlitePages::new(request, declared, session))
    }

    /// The files of a table on the platform's SFTP server.
    pub(super) fn sftp(
        &mut self,
        request: &Request<'_>,
        declared: &SftpFiles,
    ) -> Result<Box<dyn Transport>, Error> {
        let session = if let Some(session) = &self.sftp {
            Arc::clone(session)
        } else {
            let server = request.servers.sftp.as_ref();
            let server = server.ok_or_else(|| undeclared(request, "sftp"))?;
            let secret = |at: &Option<_>| at.as_ref().map(|at| request.secret(at)).transpose();
            let secrets = sftp::LoginSecrets {
                password: secret(&server.password)?,
                private_key: secret(&server.private_key)?,
                passphrase: secret(&server.passphrase)?,
            };
            let session = sftp::Session::new(server, secrets);
            Arc::clone(self.sftp.insert(Arc::new(session)))
        };
        Ok(Box::new(sftp::SftpPages::new(request, declared, session)))
    }
}

/// A table whose server is not declared.
fn undeclared(request: &Request<'_>, protocol: &'static str) -> Error {
    Error::NoServer {
        table: format!("{}.{}", request.platform, request.table),
        protocol,
    }
}
