//! A client in tests of sessions: it speaks JSON, and time passes as it says.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use hearken_session_protocol::codes::disconnects;
use hearken_session_protocol::{Encoding, decode};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::handle::{Next, Session};
use super::outbox::{Outbox, Taken};
use super::together::Commands;

/// A client that speaks JSON.
pub(super) struct Client {
    session: Option<Session>,
    outbox: Arc<Outbox>,
    /// Messages that were taken and not looked at.
    seen: VecDeque<Value>,
    /// What the connection was closed with.
    end: Option<u32>,
    pub(super) id: String,
}

impl Client {
    pub(super) fn new(session: Session, outbox: Arc<Outbox>) -> Self {
        Self {
            session: Some(session),
            outbox,
            seen: VecDeque::new(),
            end: None,
            id: String::new(),
        }
    }

    /// The same as [`Client::send`], of a transport that says when a message comes.
    pub(super) async fn came(&mut self, frame: &str) -> Next {
        self.session().came(frame.len());
        self.send(frame).await
    }

    /// Sends what a client would, a frame.
    pub(super) async fn send(&mut self, frame: &str) -> Next {
        let limits = Session::decode_limits(64 << 10);
        let Ok(commands) = decode(Encoding::Json, frame.as_bytes(), &limits) else {
            self.session().disconnect(disconnects::BAD_REQUEST);
            return Next::End;
        };
        let mut commands = commands.into();
        while let Some(commands) = Commands::next_of(&mut commands) {
            if self.session().handle(commands).await == Next::End {
                return Next::End;
            }
        }
        Next::Continue
    }

    /// Asks for something and gives the reply, which comes next of all replies. Pushes that
    /// come before it are kept.
    pub(super) async fn ask(&mut self, method: &str, request: &Value) -> Value {
        self.send(&json!({ "id": 7, method: request }).to_string())
            .await;
        self.pump();
        let at = self.seen.iter().position(|message| message["id"] == 7);
        let at = at.unwrap_or_else(|| panic!("no reply to {method} in {:?}", self.seen));
        self.seen.remove(at).unwrap()
    }

    /// Subscribes and gives the result.
    pub(super) async fn subscribe(&mut self, request: Value) -> Value {
        let reply = self.ask("subscribe", &request).await;
        assert!(reply["error"].is_null(), "{reply}");
        reply["subscribe"].clone()
    }

    /// The code that something is refused with.
    pub(super) async fn refused(&mut self, method: &str, request: &Value) -> u64 {
        let reply = self.ask(method, request).await;
        reply["error"]["code"].as_u64().unwrap_or_default()
    }

    /// The code that the connection is closed with for a command.
    pub(super) async fn closed_by(&mut self, method: &str, request: &Value) -> Option<u32> {
        let frame = json!({ "id": 7, method: request }).to_string();
        self.send(&frame).await;
        self.end()
    }

    /// All that has come and was not looked at.
    pub(super) async fn messages(&mut self) -> Vec<Value> {
        settle().await;
        self.pump();
        self.seen.drain(..).collect()
    }

    /// What has come, each in a few words: `CHANNEL DATA`, `CHANNEL join USER`, and so on.
    pub(super) async fn pushes(&mut self) -> Vec<String> {
        let messages = self.messages().await;
        messages.iter().map(in_words).collect()
    }

    /// All that has come, and what comes as that makes room, each in a few words.
    pub(super) async fn all_pushes(&mut self) -> Vec<String> {
        let mut all = Vec::new();
        loop {
            let some = self.pushes().await;
            if some.is_empty() {
                return all;
            }
            all.extend(some);
        }
    }

    /// What it is sent.
    pub(super) fn outbox(&self) -> Arc<Outbox> {
        Arc::clone(&self.outbox)
    }

    /// Bytes that wait for it.
    pub(super) fn waiting(&self) -> usize {
        self.outbox.bytes()
    }

    /// Reads at least one frame that waits, if any does, and no more than so many bytes beyond
    /// that; what came is looked at later.
    pub(super) fn read(&mut self, bytes: usize) {
        self.take(bytes);
    }

    /// What it has found that the connection was closed with.
    pub(super) fn ended(&self) -> Option<u32> {
        self.end
    }

    /// What the connection was closed with.
    pub(super) fn end(&mut self) -> Option<u32> {
        self.pump();
        self.end
    }

    fn session(&self) -> &Session {
        self.session.as_ref().expect("it has not gone")
    }

    /// Lets time pass and answers pings; what else comes is kept.
    pub(super) async fn stay(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until {
            pass((until - Instant::now()).min(Duration::from_secs(4))).await;
            self.pump();
            let before = self.seen.len();
            self.seen.retain(|message| *message != json!({}));
            for _ in self.seen.len()..before {
                self.send("{}").await;
            }
        }
    }

    /// Goes without a word.
    pub(super) fn leave(&mut self) {
        self.session = None;
    }

    fn pump(&mut self) {
        while self.take(1 << 16) {}
    }

    /// Takes what waits; whether there may be more.
    fn take(&mut self, bytes: usize) -> bool {
        match self.outbox.take(bytes) {
            Taken::Nothing => false,
            Taken::End(end) => {
                self.end = Some(end.code);
                false
            }
            Taken::Frames(frames) => {
                for line in frames.concat().split(|byte| *byte == b'\n') {
                    if !line.is_empty() {
                        self.seen.push_back(serde_json::from_slice(line).unwrap());
                    }
                }
                true
            }
        }
    }
}

fn in_words(message: &Value) -> String {
    let push = &message["push"];
    let channel = push["channel"].as_str().unwrap_or_default();
    let user = |what: &str| push[what]["info"]["user"].as_str().unwrap_or_default();
    if !push["pub"].is_null() {
        let data = &push["pub"]["data"];
        return match push["pub"]["offset"].as_u64() {
            Some(offset) => format!("{channel} {data} at {offset}"),
            None => format!("{channel} {data}"),
        };
    }
    if !push["join"].is_null() {
        return format!("{channel} join {:?}", user("join"));
    }
    if !push["leave"].is_null() {
        return format!("{channel} leave {:?}", user("leave"));
    }
    if !push["unsubscribe"].is_null() {
        return format!("{channel} unsubscribe {}", push["unsubscribe"]["code"]);
    }
    message.to_string()
}

/// Lets all that can go on do so: on a runtime with one thread, whoever yields is behind all
/// others.
pub(super) async fn settle() {
    for _ in 0..32 {
        tokio::task::yield_now().await;
    }
}

/// Lets time pass, and what happens in it.
pub(super) async fn pass(time: Duration) {
    // So that who waits for a time has begun to.
    settle().await;
    let until = Instant::now() + time;
    while Instant::now() < until {
        let left = until - Instant::now();
        tokio::time::advance(left.min(Duration::from_millis(500))).await;
        settle().await;
    }
}
