//! What is spoken over a session's WebSocket, once the handshake is over.
//!
//! All of it is one task, which holds no buffer while nothing comes and nothing waits.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use hearken_session_protocol::codes::disconnects;
use hearken_session_protocol::websocket::{self, Decoder, Message, Opcode, close_frame};
use hearken_session_protocol::{Command, Encoding, decode};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use crate::gateway::serve::upgrade::Io;
use crate::session::{Arrival, Commands, Next, Outbox, Session, Sessions, Taken, Transport};

/// Bytes that are read at once, into the stack.
const READ: usize = 8 << 10;

/// Bytes that are taken out of the outbox at once.
const WRITE: usize = 64 << 10;

/// Frames that are written at once.
const SLICES: usize = 64;

/// How long a client may take to read what it is still sent once its session is over, and
/// then to close its side: it holds the connection until then.
const CLOSE_TIME: Duration = Duration::from_secs(5);

/// The code that answers a close frame without one (RFC 6455, section 7.4.1).
const NORMAL: u16 = 1000;

/// What is spoken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spoken {
    /// How messages are written.
    pub(super) encoding: Encoding,
    /// Most bytes of a message that comes.
    pub(super) max_message: usize,
    /// Time between pings by frames of WebSocket, if it is these that the client wants.
    pub(super) native_pings: Option<Duration>,
}

/// A session and its connection.
pub(super) struct Conversation {
    io: Box<dyn Io>,
    session: Arc<Session>,
    outbox: Arc<Outbox>,
    wakes: Arc<AtomicWaker>,
    spoken: Spoken,
    decoder: Decoder,
    /// Commands that came and were not begun. Nothing is read while there are any.
    commands: VecDeque<Command>,
    command: Option<Pin<Box<dyn Future<Output = Next> + Send>>>,
    /// Frames of which the first is being written.
    frames: VecDeque<Bytes>,
    /// Whether something was written since the last flush.
    is_dirty: bool,
    /// The answer to the last ping that the client sent by a frame.
    pong: Option<Bytes>,
    pings: Option<Pings>,
    phase: Phase,
}

/// Pings by frames of WebSocket.
struct Pings {
    interval: Duration,
    next: Pin<Box<Sleep>>,
    /// Whether anything came since the last one.
    heard: bool,
}

/// How far it is.
enum Phase {
    Open,
    /// The session is over, and the client does not read what it is still sent.
    Ending {
        deadline: Pin<Box<Sleep>>,
    },
    /// The close frame is written, or waits to be.
    Closing {
        /// Whether the client has closed its side.
        heard: bool,
        deadline: Pin<Box<Sleep>>,
    },
}

impl Conversation {
    /// Begins a session, which may have up to `queue` bytes to take.
    pub(super) fn begin(
        sessions: &Sessions,
        arrival: Arrival,
        transport: Transport,
        spoken: Spoken,
        queue: usize,
        io: Box<dyn Io>,
    ) -> Self {
        let wakes = Arc::new(AtomicWaker::new());
        let woken = Arc::clone(&wakes);
        let outbox = Arc::new(Outbox::new(queue, move || woken.wake()));
        let session = sessions.begin(arrival, transport, Arc::clone(&outbox));
        Self {
            io,
            session: Arc::new(session),
            outbox,
            wakes,
            decoder: Decoder::new(spoken.max_message),
            commands: VecDeque::new(),
            command: None,
            frames: VecDeque::new(),
            is_dirty: false,
            pong: None,
            pings: spoken.native_pings.map(|interval| Pings {
                interval,
                next: Box::pin(tokio::time::sleep(interval)),
                heard: true,
            }),
            phase: Phase::Open,
            spoken,
        }
    }

    /// Speaks until one side has closed it. `read` are bytes that came with the handshake.
    ///
    /// # Errors
    /// When the connection breaks.
    pub(super) async fn speak(mut self, read: Bytes) -> io::Result<()> {
        if !read.is_empty() {
            let mut read = Vec::from(read);
            self.take_bytes(&mut read);
        } else {
            // Although it is nothing, it would keep the buffer that requests are read into.
            drop(read);
        }
        poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Task<'_>) -> Poll<io::Result<()>> {
        // Before it is looked at what there is, so that nothing is missed.
        self.wakes.register(cx.waker());
        loop {
            // Most of what a command answers is written with it.
            let handled = self.poll_commands(cx);
            let is_written = self.poll_write(cx)?;
            if is_written.is_pending() {
                self.look_for_end();
            }
            let (is_over, deadline) = match &mut self.phase {
                Phase::Open => (false, None),
                Phase::Ending { deadline } => (false, Some(deadline)),
                Phase::Closing { heard, deadline } => {
                    (*heard && is_written.is_ready(), Some(deadline))
                }
            };
            if is_over || deadline.is_some_and(|it| it.as_mut().poll(cx).is_ready()) {
                let _ = Pin::new(&mut self.io).poll_shutdown(cx);
                return Poll::Ready(Ok(()));
            }
            self.poll_pings(cx);
            if handled.is_pending() {
                return Poll::Pending;
            }
            match self.poll_read(cx) {
                Poll::Ready(Ok(true)) => {}
                Poll::Ready(Ok(false)) => return Poll::Ready(Ok(())),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Carries out what came, one after the other; pending while there is something left.
    fn poll_commands(&mut self, cx: &mut Task<'_>) -> Poll<()> {
        loop {
            if let Some(command) = &mut self.command {
                let Poll::Ready(next) = command.as_mut().poll(cx) else {
                    return Poll::Pending;
                };
                self.command = None;
                if next == Next::End {
                    self.commands = VecDeque::new();
                }
            }
            let Some(commands) = Commands::next_of(&mut self.commands) else {
                if self.commands.capacity() > 0 {
                    self.commands = VecDeque::new();
                }
                return Poll::Ready(());
            };
            let session = Arc::clone(&self.session);
            self.command = Some(Box::pin(async move { session.handle(commands).await }));
        }
    }

    /// Writes what waits; pending while the client does not take it.
    fn poll_write(&mut self, cx: &mut Task<'_>) -> io::Result<Poll<()>> {
        loop {
            if self.frames.is_empty() && !self.take_frames() {
                if self.is_dirty {
                    let flushed = Pin::new(&mut self.io).poll_flush(cx)?;
                    self.is_dirty = flushed.is_pending();
                    return Ok(flushed);
                }
                return Ok(Poll::Ready(()));
            }
            let mut slices = [IoSlice::new(&[]); SLICES];
            let mut count = 0;
            for (slice, frame) in slices.iter_mut().zip(&self.frames) {
                *slice = IoSlice::new(frame);
                count += 1;
            }
            let written = Pin::new(&mut self.io).poll_write_vectored(cx, &slices[..count])?;
            let Poll::Ready(mut written) = written else {
                return Ok(Poll::Pending);
            };
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.is_dirty = true;
            while let Some(frame) = self.frames.front_mut() {
                if written < frame.len() {
                    let _ = frame.split_to(written);
                    break;
                }
                written -= frame.len();
                self.frames.pop_front();
            }
        }
    }

    /// Takes what is to be written next, if there is anything.
    fn take_frames(&mut self) -> bool {
        // With its room, which an idle session does not need.
        self.frames = VecDeque::new();
        if let Some(pong) = self.pong.take() {
            self.frames.push_back(pong);
        }
        if !matches!(self.phase, Phase::Closing { .. }) {
            match self.outbox.take(WRITE) {
                Taken::Nothing => {}
                Taken::Frames(frames) => {
                    self.session.count_sent(&frames);
                    self.frames.extend(frames);
                }
                Taken::End(end) => {
                    // Where more waited than may, nobody has ended it yet.
                    self.session.disconnect(end.clone());
                    let code = u16::try_from(end.code).unwrap_or(NORMAL);
                    self.close(code, &end.reason, false);
                }
            }
        }
        !self.frames.is_empty()
    }

    /// Looks whether the session is over of a client that does not take what is written: its
    /// end is found in the outbox only behind that.
    fn look_for_end(&mut self) {
        if matches!(self.phase, Phase::Open) && self.outbox.has_ended() {
            // As where that is found; the end that it has stays.
            self.session.disconnect(disconnects::SLOW);
            self.phase = Phase::Ending {
                deadline: Box::pin(tokio::time::sleep(CLOSE_TIME)),
            };
        }
    }

    /// Closes this side.
    fn close(&mut self, code: u16, reason: &str, heard: bool) {
        if let Phase::Closing { heard: before, .. } = &mut self.phase {
            *before |= heard;
            return;
        }
        self.frames.push_back(close_frame(code, reason));
        self.commands = VecDeque::new();
        self.pings = None;
        self.phase = Phase::Closing {
            heard,
            deadline: Box::pin(tokio::time::sleep(CLOSE_TIME)),
        };
    }

    /// Reads what came; `false` when the client is gone.
    fn poll_read(&mut self, cx: &mut Task<'_>) -> Poll<io::Result<bool>> {
        let mut bytes = [MaybeUninit::uninit(); READ];
        let mut read = ReadBuf::uninit(&mut bytes);
        match Pin::new(&mut self.io).poll_read(cx, &mut read) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) => {}
        }
        if read.filled().is_empty() {
            return Poll::Ready(Ok(false));
        }
        self.take_bytes(read.filled_mut());
        Poll::Ready(Ok(true))
    }

    /// Takes what the client sent.
    fn take_bytes(&mut self, bytes: &mut [u8]) {
        if let Some(pings) = &mut self.pings {
            pings.heard = true;
        }
        let mut input = bytes;
        loop {
            let message = match self.decoder.next(&mut input) {
                Ok(Some(message)) => message,
                Ok(None) => return,
                Err(violation) => {
                    self.session.disconnect(disconnects::BAD_REQUEST);
                    self.close(violation.close_code(), &violation.to_string(), false);
                    return;
                }
            };
            match message {
                Message::Text(text) if self.spoken.encoding == Encoding::Json => {
                    Self::decode(&self.session, self.spoken, &mut self.commands, &text);
                }
                Message::Binary(bytes) if self.spoken.encoding == Encoding::Protobuf => {
                    Self::decode(&self.session, self.spoken, &mut self.commands, &bytes);
                }
                Message::Text(_) | Message::Binary(_) => {
                    self.session.disconnect(disconnects::BAD_REQUEST);
                }
                // Of several the last is answered (RFC 6455, section 5.5.3).
                Message::Ping(payload) => {
                    self.pong = Some(websocket::frame(Opcode::Pong, &payload));
                }
                Message::Pong(_) => {}
                Message::Close(close) => {
                    let code = close.map_or(NORMAL, |close| close.code);
                    self.close(code, "", true);
                    return;
                }
            }
        }
    }

    /// Takes a message apart into commands.
    fn decode(session: &Session, spoken: Spoken, commands: &mut VecDeque<Command>, message: &[u8]) {
        session.came(message.len());
        let limits = Session::decode_limits(spoken.max_message);
        match decode(spoken.encoding, message, &limits) {
            Ok(decoded) => commands.extend(decoded),
            Err(error) => {
                tracing::debug!(%error, client = %session.client(), "a session sent what is no command");
                session.disconnect(disconnects::BAD_REQUEST);
            }
        }
    }

    /// Pings, if that is the transport's to do, and ends the session of who does not answer.
    fn poll_pings(&mut self, cx: &mut Task<'_>) {
        let Some(pings) = &mut self.pings else {
            return;
        };
        while pings.next.as_mut().poll(cx).is_ready() {
            if !std::mem::take(&mut pings.heard) {
                self.session.disconnect(disconnects::NO_PONG);
                return;
            }
            pings.next.as_mut().reset(Instant::now() + pings.interval);
            self.frames.push_back(websocket::frame(Opcode::Ping, b""));
            self.wakes.wake();
        }
    }
}

#[cfg(test)]
mod tests;
