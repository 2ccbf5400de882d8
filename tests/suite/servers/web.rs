//! A web server that behaves as it is told: it can refuse, break off, wait and lie.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Method.
    pub(crate) method: String,
    /// Path without the query.
    pub(crate) path: String,
    /// Parameters of the query, decoded.
    pub(crate) query: BTreeMap<String, String>,
    /// Header fields, their names in lowercase.
    pub(crate) headers: BTreeMap<String, String>,
    /// Body.
    pub(crate) body: String,
    /// Requests of this server before this one.
    pub(crate) number: usize,
}

impl Asked {
    /// A parameter as a number.
    pub(crate) fn number_of(&self, name: &str) -> Option<usize> {
        self.query.get(name)?.parse().ok()
    }
}

/// How an answer goes wrong on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// It does not.
    Whole,
    /// The connection is closed before the first byte.
    Reset,
    /// The body ends in the middle, though its length was announced.
    Cut,
    /// It waits before it begins.
    Late(Duration),
}

/// What is answered.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    /// Status.
    pub(crate) status: u16,
    /// Header fields.
    pub(crate) headers: Vec<(String, String)>,
    /// Body.
    pub(crate) body: Vec<u8>,
    /// How it goes wrong.
    pub(crate) manner: Manner,
}

impl Reply {
    /// A good answer.
    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::status(200, body)
    }

    /// An answer with a status.
    pub(crate) fn status(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
            manner: Manner::Whole,
        }
    }

    /// The answer with one more header field.
    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The answer going wrong.
    pub(crate) fn going(mut self, manner: Manner) -> Self {
        self.manner = manner;
        self
    }
}

/// What answers requests.
type Answering = dyn Fn(&Asked) -> Reply + Send + Sync;

/// A web server on this machine, stopped with this value.
pub(crate) struct Web {
    /// Port.
    port: u16,
    /// What was asked.
    asked: Arc<Mutex<Vec<Asked>>>,
    /// Whether it shall stop.
    is_over: Arc<AtomicBool>,
}

impl Web {
    /// Starts a server.
    pub(crate) fn start(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let is_over = Arc::new(AtomicBool::new(false));
        let (log, over) = (Arc::clone(&asked), Arc::clone(&is_over));
        let answer: Arc<Answering> = Arc::new(answer);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                thread::spawn(move || serve(stream, &log, answer.as_ref()));
            }
        });
        Self {
            port,
            asked,
            is_over,
        }
    }

    /// Address without a final slash.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Forgets what was asked.
    pub(crate) fn forget(&self) {
        self.asked.lock().unwrap().clear();
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        // Wakes the thread that waits for the next connection.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

/// Answers one connection, which carries one request.
fn serve(mut stream: TcpStream, log: &Mutex<Vec<Asked>>, answer: &Answering) {
    let Some(mut asked) = read_request(&stream) else {
        return;
    };
    {
        let mut log = log.lock().unwrap();
        asked.number = log.len();
        log.push(asked.clone());
    }
    let reply = answer(&asked);
    let sent = match reply.manner {
        Manner::Reset => {
            drop(stream.shutdown(Shutdown::Both));
            return;
        }
        Manner::Cut => reply.body.len() / 2,
        Manner::Late(wait) => {
            thread::sleep(wait);
            reply.body.len()
        }
        Manner::Whole => reply.body.len(),
    };
    let mut head = format!("HTTP/1.1 {} Reply\r\nConnection: close\r\n", reply.status);
    if reply.status != 304 {
        head.push_str(&format!("Content-Length: {}\r\n", reply.body.len()));
    }
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    let body = if asked.method == "HEAD" {
        &[]
    } else {
        &reply.body[..sent]
    };
    // The client may have gone.
    drop(
        stream
            .write_all(head.as_bytes())
            .and_then(|()| stream.write_all(body)),
    );
    drop(stream.shutdown(Shutdown::Write));
}

/// Reads a request; none if the client went away.
fn read_request(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers
        .get("content-length")
        .and_then(|text| text.parse().ok());
    let mut body = vec![0; length.unwrap_or_default()];
    reader.read_exact(&mut body).ok()?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    Some(Asked {
        method,
        path: path.to_owned(),
        query: query.split('&').filter_map(parameter).collect(),
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
        number: 0,
    })
}

/// A parameter of a query.
fn parameter(text: &str) -> Option<(String, String)> {
    let (name, value) = text.split_once('=')?;
    Some((decoded(name), decoded(value)))
}

/// A text of a query, decoded.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes().iter();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits = [*rest.next().unwrap(), *rest.next().unwrap()];
                let digits = String::from_utf8(digits.to_vec()).unwrap();
                bytes.push(u8::from_str_radix(&digits, 16).unwrap());
            }
            byte => bytes.push(*byte),
        }
    }
    String::from_utf8(bytes).unwrap()
}
