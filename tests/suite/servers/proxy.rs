//! A way to a server that breaks when the test wants it to.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

/// What becomes of a connection after some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It goes on.
    Pass,
    /// It is closed on both sides.
    Cut,
    /// Nothing comes any more, and it stays open.
    Hang,
}

/// Asked before each piece that comes from the server: the number of the connection, from zero, and
/// the bytes that came so far.
pub(crate) type Judge = dyn Fn(usize, usize) -> Verdict + Send + Sync;

/// Opens a way to a port of the loopback; answers the port to go through.
pub(crate) fn through(
    target: u16,
    judge: impl Fn(usize, usize) -> Verdict + Send + Sync + 'static,
) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let judge: Arc<Judge> = Arc::new(judge);
    thread::spawn(move || {
        for (number, client) in listener.incoming().enumerate() {
            let Ok(client) = client else { return };
            let Ok(server) = TcpStream::connect(("127.0.0.1", target)) else {
                continue;
            };
            let (to_server, to_client) = (server.try_clone(), client.try_clone());
            let (Ok(to_server), Ok(to_client)) = (to_server, to_client) else {
                continue;
            };
            thread::spawn(move || pour(client, to_server, |_| Verdict::Pass));
            let judge = Arc::clone(&judge);
            thread::spawn(move || pour(server, to_client, |n_bytes| judge(number, n_bytes)));
        }
    });
    port
}

/// Pours one side of a connection into the other until it ends or breaks.
fn pour(mut from: TcpStream, mut to: TcpStream, judge: impl Fn(usize) -> Verdict) {
    // Small pieces, so that a fault after some bytes falls where it is meant.
    let mut piece = [0; 256];
    let mut n_bytes = 0;
    while let Ok(length @ 1..) = from.read(&mut piece) {
        match judge(n_bytes) {
            Verdict::Pass => {}
            Verdict::Cut => break,
            Verdict::Hang => loop {
                thread::park();
            },
        }
        if to.write_all(&piece[..length]).is_err() {
            break;
        }
        n_bytes += length;
    }
    let _closed = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
