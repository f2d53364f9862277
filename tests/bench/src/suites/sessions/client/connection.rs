//! One connection: from its first packet to a session, and what that gets.

use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

use hearken_bench_stopwatch::Error;
use mio::net::TcpStream;
use rustix::net::sockopt::set_socket_linger;

use super::dialect::{Opening, Who, epoch};
use super::frames::{Frame, Frames, masked};
use super::tally::Tally;
use super::task::Server;

/// Longest head of an answer to a handshake.
const MAX_HEAD: usize = 8 << 10;

/// A connection.
pub(super) struct Connection {
    pub(super) stream: TcpStream,
    who: Who,
    stage: Stage,
    frames: Frames,
    tally: Tally,
    /// What it is to say and the system has not taken yet.
    unsent: Vec<u8>,
    /// Messages that it has got.
    pub(super) received: usize,
    /// What the server calls the channel's numbering, where it has one.
    epoch: Option<String>,
}

/// How far it is.
enum Stage {
    /// The system is asked for a connection.
    Connecting,
    /// This has come of the answer to the handshake.
    Shaking(Vec<u8>),
    /// It is a connection of WebSocket.
    Opening,
    /// It is a session.
    Ready,
}

/// What has happened with it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Happened {
    /// Whether it has become a session.
    pub(super) is_ready: bool,
    /// Messages that have come.
    pub(super) messages: usize,
    /// Bytes of frames that had messages.
    pub(super) bytes: usize,
}

/// A session whose connection was broken.
pub(super) struct Lost {
    who: Who,
    received: usize,
}

impl Lost {
    /// Begins to connect again, to go on from where it was.
    pub(super) fn come_back(self, server: &Server) -> Result<Connection, Error> {
        Ok(Connection {
            received: self.received,
            ..Connection::begin(server, self.who)?
        })
    }
}

impl Connection {
    /// Begins to connect.
    pub(super) fn begin(server: &Server, who: Who) -> Result<Self, Error> {
        let stream = TcpStream::connect(server.address_of(who.number)).map_err(|error| {
            format!("cannot open that many connections: {error}; see `ulimit -n`")
        })?;
        Ok(Self {
            stream,
            who,
            stage: Stage::Connecting,
            frames: Frames::default(),
            tally: Tally::of(server.dialect),
            unsent: Vec::new(),
            received: 0,
            epoch: None,
        })
    }

    /// Breaks the connection without a goodbye.
    ///
    /// # Errors
    /// When it could not be gone on with.
    pub(super) fn cut(self) -> Result<Lost, Error> {
        // Where that is not possible it is closed as any.
        let _ = set_socket_linger(&self.stream, Some(Duration::ZERO));
        let epoch = self.epoch.ok_or("a session knows no epoch")?;
        Ok(Lost {
            who: Who {
                position: Some((self.received as u64, epoch)),
                ..self.who
            },
            received: self.received,
        })
    }

    /// Says something, as soon as it is taken.
    pub(super) fn say(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.unsent.extend_from_slice(bytes);
        self.send()
    }

    /// It can send again.
    pub(super) fn writable(&mut self, server: &Server) -> Result<(), Error> {
        if matches!(self.stage, Stage::Connecting) {
            if let Some(error) = self.stream.take_error()? {
                return Err(error.into());
            }
            match self.stream.peer_addr() {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::NotConnected => return Ok(()),
                Err(error) => return Err(error.into()),
            }
            self.stream.set_nodelay(true)?;
            self.stage = Stage::Shaking(Vec::new());
            let path = server.dialect.path(&self.who);
            let handshake = format!(
                "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                 Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                server.address
            );
            return self.say(handshake.as_bytes());
        }
        self.send()
    }

    fn send(&mut self) -> Result<(), Error> {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(written) => drop(self.unsent.drain(..written)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Something has come, which is read into `buffer`.
    pub(super) fn readable(
        &mut self,
        server: &Server,
        buffer: &mut [u8],
    ) -> Result<Happened, Error> {
        let mut happened = Happened::default();
        loop {
            let read = match self.stream.read(buffer) {
                Ok(0) => return Err("the server has ended a connection".into()),
                Ok(read) => read,
                Err(error) if is_none(&error) => return Ok(happened),
                Err(error) => return Err(error.into()),
            };
            self.take(server, &buffer[..read], &mut happened)?;
            // Then it was all, and more would be told of.
            if read < buffer.len() {
                return Ok(happened);
            }
        }
    }

    fn take(&mut self, server: &Server, read: &[u8], happened: &mut Happened) -> Result<(), Error> {
        let rest;
        let mut input: &[u8] = read;
        if let Stage::Shaking(head) = &mut self.stage {
            head.extend_from_slice(input);
            let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") else {
                return match head.len() {
                    0..MAX_HEAD => Ok(()),
                    _ => Err("a handshake is answered with too much".into()),
                };
            };
            if !head.starts_with(b"HTTP/1.1 101 ") {
                return Err(format!("refused: {}", String::from_utf8_lossy(head)).into());
            }
            rest = head.split_off(end + 4);
            input = &rest;
            self.stage = Stage::Opening;
            let opening = server.dialect.begin(&self.who);
            self.open(opening, happened, "at the handshake")?;
        }
        let mut frames = std::mem::take(&mut self.frames);
        while let Some(frame) = frames.next(&mut input) {
            self.heard(server, frame, happened)?;
        }
        self.frames = frames;
        Ok(())
    }

    fn heard(
        &mut self,
        server: &Server,
        frame: Frame<'_>,
        happened: &mut Happened,
    ) -> Result<(), Error> {
        let payload = frame.payload;
        if frame.is_close() {
            let why = String::from_utf8_lossy(payload.get(2..).unwrap_or_default());
            let code = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
            return Err(format!("closed with {code:?}: {why}").into());
        }
        if frame.is_ping() {
            let mut pong = masked(true, payload);
            pong[0] = 0x8a;
            return self.say(&pong);
        }
        let is_opening = matches!(self.stage, Stage::Opening);
        let is_answer = self.who.publishes || (is_opening && self.tally.mistakes_answers());
        let messages = match is_answer {
            true => 0,
            false => self.tally.count(payload, self.received)?,
        };
        if messages > 0 {
            self.received += messages;
            happened.messages += messages;
            happened.bytes += frame.bytes;
        }
        if is_opening {
            self.epoch = epoch(payload).or(self.epoch.take());
            let opening = server.dialect.go_on(&self.who, payload);
            self.open(opening, happened, &String::from_utf8_lossy(payload))?;
        } else if self.who.publishes && payload.windows(8).any(|eight| eight == b"\"error\":") {
            let answer = String::from_utf8_lossy(payload);
            return Err(format!("a message is not published: {answer}").into());
        }
        Ok(())
    }

    fn open(
        &mut self,
        opening: Opening,
        happened: &mut Happened,
        heard: &str,
    ) -> Result<(), Error> {
        match opening {
            Opening::Wait => Ok(()),
            Opening::Say(said) => self.say(&said),
            Opening::Ready => {
                self.stage = Stage::Ready;
                happened.is_ready = true;
                Ok(())
            }
            Opening::Refused => Err(format!("no session: {heard}").into()),
        }
    }
}

/// Whether nothing is there to be read yet.
fn is_none(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::NotConnected
    )
}
