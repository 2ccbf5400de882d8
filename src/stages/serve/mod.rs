//! `serve`: shows the pages of one release and answers SQL over its tables, and nothing else.
//!
//! The server is given the folder of a release and can reach only that: files come from it, and
//! queries run in a session whose only object store is its `data/` folder. Every answer is bounded
//! in time, memory, rows and bytes, so that a stranger's query can be refused but cannot take the
//! machine down.
//!
//! | request | answer |
//! |---|---|
//! | `GET /` | to the Italian front page |
//! | `GET /site/…`, `/data/…`, `/metadata/…` | the files of the release |
//! | `GET /sql?q=…&format=json\|csv\|arrow` | the rows of a query |
//! | `POST /sql?format=…` | the same, with the query as the body |
//! | `GET /healthz` | `ok` |

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{Next, from_fn};
use axum::response::{Redirect, Response};
use axum::routing::get;
use datafusion::error::DataFusionError;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tower_http::services::ServeDir;

/// Rows as JSON, CSV or Arrow.
mod encode;
/// One query, from the request to the answer.
mod query;
/// The session queries run in.
mod session;

#[cfg(test)]
mod tests;

use query::Desk;

/// Where the server listens unless told otherwise: only on this machine.
pub(crate) const DEFAULT_ADDRESS: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8000);

/// What pages may load, said again by the server for clients that heed only headers.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

/// Why a release cannot be served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The tables of the release cannot be listed.
    #[error("cannot list the tables in `{path}`")]
    ListTables {
        /// The folder.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The folder of tables cannot be opened as a store.
    #[error("cannot open `{path}` for queries")]
    OpenStore {
        /// The folder.
        path: PathBuf,
        /// The cause.
        #[source]
        source: object_store::Error,
    },
    /// The session for queries cannot be made.
    #[error("cannot set up the query session")]
    Session(#[source] DataFusionError),
    /// A table cannot be offered to queries.
    #[error("cannot open the table `{table}`")]
    OpenTable {
        /// The table.
        table: String,
        /// The cause.
        #[source]
        source: DataFusionError,
    },
    /// The address is taken or not allowed.
    #[error("cannot listen on `{address}`")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The server stopped by itself.
    #[error("the server stopped")]
    Serve(#[source] std::io::Error),
}

/// What one query, and all together, may use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Time from the request to the last row, planning included.
    pub(crate) time: Duration,
    /// Rows of an answer; what is beyond is left out, and said.
    pub(crate) n_rows: usize,
    /// Bytes of an answer; a larger one is refused.
    pub(crate) n_bytes: usize,
    /// Memory of all running queries together, in bytes.
    pub(crate) memory_bytes: usize,
    /// Queries that run at the same time; one more is asked to come back.
    pub(crate) n_queries: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(20),
            n_rows: 100_000,
            n_bytes: 64 << 20,
            memory_bytes: 256 << 20,
            n_queries: 4,
        }
    }
}

/// What will be served, and where.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Folder of the release.
    pub(crate) release: PathBuf,
    /// Where to listen.
    pub(crate) address: SocketAddr,
    /// What queries may use.
    pub(crate) limits: Limits,
}

/// A server that has its address and waits to be run.
#[derive(Debug)]
pub(crate) struct Server {
    /// The open socket.
    listener: TcpListener,
    /// The pages and queries.
    router: Router,
    /// The address it really has.
    address: SocketAddr,
}

/// Opens the release and the address, so that a caller can say where it is before it runs.
pub(crate) async fn bind(plan: &Plan) -> Result<Server, Error> {
    let router = router(&plan.release, plan.limits).await?;
    let listen = |source| Error::Listen {
        address: plan.address,
        source,
    };
    let listener = TcpListener::bind(plan.address).await.map_err(listen)?;
    let address = listener.local_addr().map_err(listen)?;
    Ok(Server {
        listener,
        router,
        address,
    })
}

impl Server {
    /// The address it listens on.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until the process is asked to stop, then lets running answers end.
    pub(crate) async fn run(self) -> Result<(), Error> {
        let stop = asked_to_stop();
        axum::serve(self.listener, self.router)
            .with_graceful_shutdown(stop)
            .await
            .map_err(Error::Serve)
    }
}

/// The pages and queries of a release.
pub(crate) async fn router(release: &Path, limits: Limits) -> Result<Router, Error> {
    let session = session::open(&release.join("data"), limits.memory_bytes).await?;
    let queries = Arc::new(Semaphore::new(limits.n_queries));
    let desk = Desk {
        session: session.context,
        tables: session.tables.into(),
        queries,
        limits,
    };
    let files = ServeDir::new(release).append_index_html_on_directories(true);
    Ok(Router::new()
        .route(
            "/",
            get(|| async { Redirect::temporary("/site/it/index.html") }),
        )
        .route("/healthz", get(|| async { "ok" }))
        .route(
            "/sql",
            get(query::asked_by_address).post(query::asked_by_body),
        )
        .layer(DefaultBodyLimit::max(query::MOST_SQL_BYTES))
        .with_state(desk)
        .fallback_service(files)
        .layer(from_fn(guarded)))
}

/// Adds the headers that keep a browser from doing more than show the page.
async fn guarded(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ];
    for (name, value) in headers {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Ends when the process is asked to stop from the keyboard or by the system.
async fn asked_to_stop() {
    let keyboard = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = keyboard => {}
        () = asked_by_system() => {}
    }
}

/// Ends when the system asks the process to stop.
#[cfg(unix)]
async fn asked_by_system() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut asked) => {
            asked.recv().await;
        }
        Err(_) => std::future::pending::<()>().await,
    }
}

/// Other systems ask through the keyboard only.
#[cfg(not(unix))]
async fn asked_by_system() {
    std::future::pending::<()>().await;
}
