//! What cannot be undercut: one thread that writes the same bytes to one socket after the other,
//! and knows nothing of who is there.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use hearken_bench_stopwatch::{Answer, Error};
use tempfile::TempDir;

use super::client::{Dialect, Server};
use super::contender::{Contender, Started};
use crate::process::Process;

/// The answer to any handshake.
const HANDSHAKE: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

/// How rows are named.
pub(super) const NAME: &str = "limit/write-loop";

pub(super) struct WriteLoop;

impl Contender for WriteLoop {
    fn name(&self) -> &'static str {
        NAME
    }

    fn shown(&self) -> &'static str {
        "with nothing"
    }

    fn start(&self, _: usize) -> Result<Started, String> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let writer = Process::start(Command::new(program).args(["--session-part", "writer"]))?;
        let address = writer.address.parse();
        Ok(Started {
            server: Server {
                address: address.map_err(|_| "a process does not say where it listens")?,
                others: Vec::new(),
                dialect: Dialect::WriteLoop,
                secret: None,
            },
            process: writer.id(),
            running: Box::new(writer),
            folder: TempDir::new().map_err(|error| error.to_string())?,
        })
    }
}

/// The sockets that are written to.
type Sockets = Arc<Mutex<Vec<TcpStream>>>;

/// The process; it ends with its input.
pub(crate) fn run() {
    if let Err(error) = serve() {
        eprintln!("a process that writes has failed: {error}");
    }
}

fn serve() -> Result<(), Error> {
    let listener = TcpListener::bind(crate::serving::FREE)?;
    let ready = Answer::Ready(listener.local_addr()?.to_string());
    println!("{}", serde_json::to_string(&ready)?);
    std::thread::spawn(move || {
        let sockets = Sockets::default();
        for stream in listener.incoming() {
            let admitted = stream.map_err(Error::from);
            if let Err(error) = admitted.and_then(|stream| admit(stream, &sockets)) {
                eprintln!("a connection has failed: {error}");
            }
        }
    });
    let mut rest = Vec::new();
    std::io::stdin().read_to_end(&mut rest)?;
    Ok(())
}

/// Answers a handshake: of somebody who gets what is written, or who says what is.
fn admit(stream: TcpStream, sockets: &Sockets) -> Result<(), Error> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    let (mut line, mut publishes) = (String::new(), false);
    while line != "\r\n" {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        publishes |= line.starts_with("GET /publish ");
    }
    reader.get_mut().write_all(HANDSHAKE)?;
    if publishes {
        let sockets = Arc::clone(sockets);
        std::thread::spawn(move || write(&mut reader, &sockets));
    } else {
        let mut sockets = sockets.lock().unwrap_or_else(PoisonError::into_inner);
        sockets.push(reader.into_inner());
    }
    Ok(())
}

/// Writes each text that comes, behind its length, to all sockets, until no more come.
fn write(texts: &mut impl Read, sockets: &Sockets) -> Result<(), Error> {
    let mut text = Vec::new();
    loop {
        let mut length = [0; 4];
        texts.read_exact(&mut length)?;
        text.resize(usize::try_from(u32::from_be_bytes(length))?, 0);
        texts.read_exact(&mut text)?;
        let mut sockets = sockets.lock().unwrap_or_else(PoisonError::into_inner);
        for socket in &mut *sockets {
            socket.write_all(&text)?;
        }
    }
}
