//! One query: taken from the request, run within its limits, answered or refused in JSON.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::prelude::{SQLOptions, SessionContext};
use futures::StreamExt;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::Limits;
use super::encode::{Encoder, Failure, Format};

/// How long a query may be.
pub(super) const MOST_SQL_BYTES: usize = 64 << 10;

/// What queries need.
#[derive(Clone)]
pub(super) struct Desk {
    /// The session with the tables of the release.
    pub(super) session: SessionContext,
    /// Names of the tables.
    pub(super) tables: Arc<[String]>,
    /// One permit for each query that may run.
    pub(super) queries: Arc<Semaphore>,
    /// What a query may use.
    pub(super) limits: Limits,
}

/// What an address may ask.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// The query, unless it is the body.
    q: Option<String>,
    /// The format of the answer.
    format: Option<String>,
}

/// A query that was not answered, and what to do about it.
#[derive(Debug)]
struct Refusal {
    /// The status of the answer.
    status: StatusCode,
    /// What is wrong.
    error: String,
    /// What to do.
    help: String,
}

impl Refusal {
    /// A refusal.
    fn new(status: StatusCode, error: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            status,
            error: error.into(),
            help: help.into(),
        }
    }

    /// A refusal because of what DataFusion says.
    fn of(cause: &DataFusionError) -> Self {
        match cause.find_root() {
            DataFusionError::ResourcesExhausted(_) => Self::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "the query needs more memory than it may use",
                "filter or aggregate more, or sort fewer rows",
            ),
            DataFusionError::IoError(_)
            | DataFusionError::ObjectStore(_)
            | DataFusionError::ParquetError(_)
            | DataFusionError::Internal(_) => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the query failed on the side of the server",
                "try again, and tell the publisher if it fails again",
            ),
            root => Self::new(
                StatusCode::BAD_REQUEST,
                root.strip_backtrace(),
                "ask with one `select` over the tables of the release; `show tables` lists them",
            ),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({ "error": self.error, "help": self.help }).to_string();
        let media_type = (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        let mut response = (self.status, [media_type], body).into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
        }
        response
    }
}

/// A query in the address.
pub(super) async fn asked_by_address(
    State(desk): State<Desk>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Response {
    answer(desk, asked, None).await
}

/// A query in the body.
pub(super) async fn asked_by_body(
    State(desk): State<Desk>,
    asked: Result<Query<Asked>, QueryRejection>,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    answer(desk, asked, Some(body)).await
}

/// Answers a query, or says why not.
async fn answer(
    desk: Desk,
    asked: Result<Query<Asked>, QueryRejection>,
    body: Option<Result<Bytes, BytesRejection>>,
) -> Response {
    let question = match question(&desk, asked, body) {
        Ok(question) => question,
        Err(refusal) => return refusal.into_response(),
    };
    match within_limits(desk, question).await {
        Ok(answer) => answer.into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

/// A query and the format of its answer.
#[derive(Debug)]
struct Question {
    /// The query.
    sql: String,
    /// The format.
    format: Format,
}

/// The query that a request asks.
fn question(
    desk: &Desk,
    asked: Result<Query<Asked>, QueryRejection>,
    body: Option<Result<Bytes, BytesRejection>>,
) -> Result<Question, Refusal> {
    let bad = |error: String, help: &str| Refusal::new(StatusCode::BAD_REQUEST, error, help);
    let Query(asked) =
        asked.map_err(|cause| bad(cause.body_text(), "the address takes `q` and `format`"))?;
    let format = Format::named(asked.format.as_deref()).ok_or_else(|| {
        bad(
            "the format is not known".to_owned(),
            "`format` is `json`, `csv` or `arrow`",
        )
    })?;
    let sql = match (asked.q, body) {
        (Some(sql), _) => sql,
        (None, Some(body)) => text_of(body)?,
        (None, None) => String::new(),
    };
    if sql.len() > MOST_SQL_BYTES {
        return Err(too_long());
    }
    if sql.trim().is_empty() {
        let help = format!(
            "ask as in `/sql?q=select count(*) from signals`; the tables are `{}`",
            desk.tables.join("`, `")
        );
        return Err(bad("there is no query".to_owned(), &help));
    }
    Ok(Question { sql, format })
}

/// The text of a body.
fn text_of(body: Result<Bytes, BytesRejection>) -> Result<String, Refusal> {
    let bytes = body.map_err(|_| too_long())?;
    String::from_utf8(bytes.to_vec()).map_err(|_| {
        Refusal::new(
            StatusCode::BAD_REQUEST,
            "the query is not UTF-8",
            "send the query as UTF-8 text",
        )
    })
}

/// The refusal of a query that is too long to read.
fn too_long() -> Refusal {
    Refusal::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "the query is too long",
        format!("a query has at most {MOST_SQL_BYTES} bytes"),
    )
}

/// An answer ready to be sent.
#[derive(Debug)]
struct Answer {
    /// Its rows.
    bytes: Vec<u8>,
    /// Their format.
    format: Format,
    /// Whether rows were left out.
    cut: Cut,
}

/// Whether an answer has all its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// It has.
    Whole,
    /// Rows beyond the limit were left out.
    Truncated,
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let truncated = match self.cut {
            Cut::Whole => "false",
            Cut::Truncated => "true",
        };
        let headers = [
            ("content-type", self.format.media_type()),
            ("x-antenne-truncated", truncated),
        ];
        (headers, Body::from(self.bytes)).into_response()
    }
}

/// Runs a query with a permit and against the clock; the work stops when time is up, and also when
/// the client leaves, because dropping the set of tasks aborts them.
async fn within_limits(desk: Desk, question: Question) -> Result<Answer, Refusal> {
    let time = desk.limits.time;
    let Ok(permit) = Arc::clone(&desk.queries).try_acquire_owned() else {
        return Err(Refusal::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too many queries are running",
            "try again in a moment",
        ));
    };
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let answer = run(&desk, &question).await;
        drop(permit);
        answer
    });
    match tokio::time::timeout(time, tasks.join_next()).await {
        Ok(Some(Ok(answer))) => answer,
        Ok(_) => Err(Refusal::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the query failed on the side of the server",
            "ask in another way, and tell the publisher",
        )),
        Err(_) => Err(Refusal::new(
            StatusCode::REQUEST_TIMEOUT,
            format!("the query took longer than {} seconds", time.as_secs_f64()),
            "filter or aggregate more, or download the table from `/data/`",
        )),
    }
}

/// Plans and runs a query that only reads.
async fn run(desk: &Desk, question: &Question) -> Result<Answer, Refusal> {
    let only_reading = SQLOptions::new()
        .with_allow_ddl(false)
        .with_allow_dml(false)
        .with_allow_statements(false);
    let failed = |cause: DataFusionError| Refusal::of(&cause);
    let frame = desk
        .session
        .sql_with_options(&question.sql, only_reading)
        .await
        .map_err(failed)?;
    let rows = frame.execute_stream().await.map_err(failed)?;
    collect(rows, question.format, &desk.limits).await
}

/// Writes rows until they end or reach their limit.
async fn collect(
    mut rows: SendableRecordBatchStream,
    format: Format,
    limits: &Limits,
) -> Result<Answer, Refusal> {
    let mut encoder = Encoder::new(format, &rows.schema(), limits.n_bytes).map_err(unwritable)?;
    let mut room = limits.n_rows;
    let mut cut = Cut::Whole;
    while let Some(batch) = rows.next().await {
        let batch = batch.map_err(|cause| Refusal::of(&cause))?;
        let kept = batch.slice(0, batch.num_rows().min(room));
        encoder.write(&kept).map_err(unwritable)?;
        room -= kept.num_rows();
        if kept.num_rows() < batch.num_rows() {
            cut = Cut::Truncated;
            break;
        }
    }
    let bytes = encoder.finish().map_err(unwritable)?;
    Ok(Answer { bytes, format, cut })
}

/// The refusal of an answer that cannot be written.
fn unwritable(failure: Failure) -> Refusal {
    match failure {
        Failure::TooLarge => Refusal::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            failure.to_string(),
            "ask for fewer columns or rows, or download the table from `/data/`",
        ),
        Failure::Unwritable(cause) => Refusal::new(
            StatusCode::BAD_REQUEST,
            cause.to_string(),
            "cast the column to text, or ask with `format=arrow`",
        ),
    }
}
