//! The limit of whoever answers over a socket only once a disk has it: a thread that reads a
//! request, writes a record, syncs and answers, and does nothing else. What it takes longer than
//! the bare loop is what two processes take to wake each other.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;

use hearken_bench_stopwatch::Error;

use super::bare::Writer;
use super::session::Session;
use super::{Contender, RECORD};
use crate::process::Process;

pub(super) struct Served;

impl Contender for Served {
    fn name(&self) -> &'static str {
        "limit/served-fdatasync"
    }

    fn measures(&self, window: usize) -> bool {
        window == 1
    }

    fn start(&self, _: Option<&Path>) -> Result<Session, String> {
        start().map_err(|error| error.to_string())
    }
}

fn start() -> Result<Session, Error> {
    let folder = tempfile::tempdir_in(".")?;
    let mut writer = Writer::new(folder.path())?;
    let count = writer.count();
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?.to_string();
    // Ends with the client's connection.
    std::thread::spawn(move || {
        let served = listener.accept().map_err(Error::from);
        if let Err(error) = served.and_then(|(stream, _)| serve(&stream, &mut writer)) {
            eprintln!("the bare server has failed: {error}");
        }
    });
    let mut client = Command::new(std::env::current_exe()?);
    let client = Process::start(client.args(["--channel-client", &address]))?;
    Ok(Session::served(client, (), folder).counting(count))
}

/// Answers requests as a node does whose channels are made and appended to.
fn serve(mut stream: &TcpStream, writer: &mut Writer) -> Result<(), Error> {
    stream.set_nodelay(true)?;
    let mut requests = BufReader::new(stream);
    let record = [b'x'; RECORD];
    let mut line = String::new();
    loop {
        line.clear();
        if requests.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let appends = line.starts_with("POST ");
        let mut length = 0;
        while line.trim_end() != "" {
            line.clear();
            requests.read_line(&mut line)?;
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.trim_end().parse()?;
            }
        }
        let mut body = vec![0; length];
        requests.read_exact(&mut body)?;
        if appends {
            writer.write(&record)?;
        }
        stream.write_all(b"HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n")?;
    }
}
