//! What a session is sent over an answer that lasts as long as it does.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::{HeaderName, HeaderValue, StatusCode, Version, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hearken_session_protocol::codes::disconnects;
use hearken_session_protocol::{Command, Encoding, decode};
use hyper::body::Frame;
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep, sleep};

use super::inbox::{self, Inbox, Listed};
use crate::gateway::context::Context;
use crate::gateway::rejection::Rejection;
use crate::gateway::serve::client::Client;
use crate::gateway::serve::connection::{Connection, Stage};
use crate::gateway::serve::detached::Detached;
use crate::gateway::serve::slots::Slot;
use crate::session::{Commands, Framing, Next, Outbox, Session, Taken, Transport, Variant};

/// Bytes that are taken out of the outbox at once.
const TAKE_BYTES: usize = 16 << 10;

/// How long a client may take to read what it is sent last.
const CLOSE_TIME: Duration = Duration::from_secs(5);

/// What begins a stream of events, so that clients and proxies see that there is one.
const EVENTS_BEGIN: &[u8] = b"\r\n";

/// What a response is that is a session's.
pub(super) struct Start {
    pub(super) variant: Variant,
    /// Whether commands come in requests of their own.
    pub(super) emulated: bool,
    pub(super) headers: Vec<(String, String)>,
    pub(super) version: Version,
    /// What the client has sent with the request.
    pub(super) commands: Vec<Command>,
    /// How many bytes these were.
    pub(super) received: usize,
}

impl Start {
    /// Begins the session, and answers with what it is sent.
    ///
    /// # Errors
    /// [`Rejection::full`] when there are as many sessions as may be, or it would keep a
    /// connection's place, and as many do as may.
    pub(super) fn answer(
        self,
        context: &Arc<Context>,
        client: &Client,
    ) -> Result<Response, Rejection> {
        let arrival = context.sessions.arrive(client.address);
        let arrival = arrival.map_err(Rejection::no_place)?;
        // Only with HTTP/1.1 is the connection the session's alone, and given up as one of HTTP.
        let attached = match self.version {
            Version::HTTP_11 => None,
            _ => Some(Attached::new(context, client)?),
        };
        let settings = context.sessions.settings();
        let inbox = Arc::new(Inbox::default());
        let woken = Arc::clone(&inbox);
        let outbox = Outbox::new(settings.queue_max_size, move || woken.wake());
        let outbox = Arc::new(outbox);
        let transport = Transport {
            variant: self.variant,
            address: client.address,
            headers: self.headers,
            pings: true,
            has_secret: self.emulated,
        };
        let outbox_of = Arc::clone(&outbox);
        let session = context.sessions.begin(arrival, transport, outbox_of);
        session.came(self.received);
        let listed = session
            .secret()
            .map(|secret| context.inboxes.list(secret, &inbox));
        let is_events = matches!(self.variant.framing, Framing::Events | Framing::BareEvents);
        let begin = is_events.then(|| Bytes::from_static(EVENTS_BEGIN));
        // A connection with several answers is closed when one is not asked for more.
        let asks_again = (self.version == Version::HTTP_2).then_some(context.limits.keep_alive);
        let over = over(Arc::clone(&outbox), Arc::clone(&inbox));
        client.connection.set_stage(match attached {
            None => Stage::Streaming,
            // A node that drains ends it as a session, and not as a stream.
            Some(_) => Stage::Upgraded,
        });
        let body = Streamed {
            session: Arc::new(session),
            outbox,
            inbox,
            variant: self.variant,
            max_message: settings.max_message,
            work: Work {
                commands: self.commands.into(),
                command: None,
                done: None,
            },
            begin: match begin {
                Some(begin) => Beginning::Due(begin),
                None => Beginning::Over,
            },
            frames: VecDeque::new(),
            has_ended: false,
            asks_again: asks_again.map(|every| (every, Box::pin(sleep(every)))),
            attached,
            _listed: listed,
        };
        let media_type = match (is_events, self.variant.encoding) {
            (true, _) => "text/event-stream; charset=utf-8",
            (false, Encoding::Json) => "application/x-ndjson",
            (false, Encoding::Protobuf) => "application/octet-stream",
        };
        let mut response = (StatusCode::OK, Body::new(body)).into_response();
        let headers = response.headers_mut();
        let mut say = |name, value| headers.insert(name, HeaderValue::from_static(value));
        say(header::CONTENT_TYPE, media_type);
        say(
            header::CACHE_CONTROL,
            "private, no-cache, no-store, no-transform",
        );
        // Proxies are to hand on each message as it comes.
        say(HeaderName::from_static("x-accel-buffering"), "no");
        response.extensions_mut().insert(Detached::until(over));
        Ok(response)
    }
}

/// Ends when the session has ended and its client has had its time to read that.
async fn over(outbox: Arc<Outbox>, inbox: Arc<Inbox>) {
    let ended = poll_fn(|cx| {
        // Woken with the body, of which the same task is in charge.
        inbox.register(cx.waker());
        match outbox.has_ended() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    });
    ended.await;
    sleep(CLOSE_TIME).await;
}

/// The body of such a response. It carries out the session's commands, too: all of a session
/// is one task.
struct Streamed {
    session: Arc<Session>,
    outbox: Arc<Outbox>,
    inbox: Arc<Inbox>,
    variant: Variant,
    max_message: usize,
    work: Work,
    begin: Beginning,
    /// What was taken out of the outbox and not written yet.
    frames: VecDeque<Bytes>,
    /// Whether nothing more comes.
    has_ended: bool,
    /// How often it has itself asked for more, where that is looked at.
    asks_again: Option<(Duration, Pin<Box<Sleep>>)>,
    attached: Option<Attached>,
    _listed: Option<Listed>,
}

/// What is written first of all, by itself: some clients lose what comes together with it, such
/// as `eventsource` 2 for Node.js.
enum Beginning {
    /// It is to be written.
    Due(Bytes),
    /// It is to go out before anything else is written.
    Written,
    /// It went out.
    Over,
}

/// What a session holds whose connection goes on as one of HTTP.
struct Attached {
    connection: Arc<Connection>,
    /// Among the streams of events, so that sessions do not take all connections.
    _place: Slot,
}

/// Commands that are carried out.
struct Work {
    /// Those that came and were not begun.
    commands: VecDeque<Command>,
    command: Option<Pin<Box<dyn Future<Output = Next> + Send>>>,
    /// Dropped when all of them are.
    done: Option<oneshot::Sender<()>>,
}

impl Attached {
    fn new(context: &Context, client: &Client) -> Result<Self, Rejection> {
        let place = context.streams.take(client.address);
        Ok(Self {
            connection: Arc::clone(&client.connection),
            _place: place.map_err(|full| Rejection::full("event streams", full))?,
        })
    }
}

impl Streamed {
    /// Carries out what came, one after the other.
    fn poll_commands(&mut self, cx: &mut Task<'_>) {
        loop {
            if let Some(command) = &mut self.work.command {
                let Poll::Ready(next) = command.as_mut().poll(cx) else {
                    return;
                };
                self.work.command = None;
                if next == Next::End {
                    self.work.commands = VecDeque::new();
                }
            }
            if let Some(commands) = Commands::next_of(&mut self.work.commands) {
                let session = Arc::clone(&self.session);
                self.work.command = Some(Box::pin(async move { session.handle(commands).await }));
                continue;
            }
            // With its room, which an idle session does not need.
            self.work.commands = VecDeque::new();
            self.work.done = None;
            match self.inbox.next() {
                inbox::Next::Nothing => return,
                inbox::Next::TooMany => {
                    self.session.disconnect(disconnects::TOO_MANY_REQUESTS);
                    return;
                }
                inbox::Next::Message(message) => self.begin(message),
            }
        }
    }

    /// Takes a message apart into commands.
    fn begin(&mut self, message: inbox::Message) {
        self.session.came(message.data.len());
        let limits = Session::decode_limits(self.max_message);
        match decode(self.variant.encoding, &message.data, &limits) {
            Ok(commands) => self.work.commands = commands.into(),
            Err(error) => {
                let client = self.session.client();
                tracing::debug!(%error, %client, "a session sent what is no command");
                self.session.disconnect(disconnects::BAD_REQUEST);
            }
        }
        self.work.done = Some(message.done);
    }

    /// Sees to it that it is asked for more at least so often.
    fn poll_again(&mut self, cx: &mut Task<'_>) {
        if let Some((every, next)) = &mut self.asks_again {
            while next.as_mut().poll(cx).is_ready() {
                next.as_mut().reset(Instant::now() + *every);
            }
        }
    }
}

impl HttpBody for Streamed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Task<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        match std::mem::replace(&mut this.begin, Beginning::Over) {
            Beginning::Due(begin) => {
                this.begin = Beginning::Written;
                return Poll::Ready(Some(Ok(Frame::data(begin))));
            }
            // Who waits is sent what it has.
            Beginning::Written => {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Beginning::Over => {}
        }
        // Before it is looked at what there is, so that nothing is missed.
        this.inbox.register(cx.waker());
        // Most of what a command answers is written with it.
        this.poll_commands(cx);
        this.poll_again(cx);
        loop {
            if let Some(frame) = this.frames.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(frame))));
            }
            // With its room, which an idle session does not need.
            this.frames = VecDeque::new();
            if this.has_ended {
                return Poll::Ready(None);
            }
            match this.outbox.take(TAKE_BYTES) {
                Taken::Nothing => return Poll::Pending,
                Taken::Frames(frames) => {
                    this.session.count_sent(&frames);
                    this.frames = frames.into();
                }
                Taken::End(why) => {
                    this.has_ended = true;
                    // From now on only its client is waited for.
                    if let Some(attached) = &this.attached {
                        attached.connection.set_stage(Stage::Answering);
                    }
                    this.frames.push_back(this.variant.disconnect(&why));
                }
            }
        }
    }
}
